/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a configuration at the agent: the group's signature, the head, the key it is sealed for, the
 * list inside, all for this agent, key and version (T8); then the accounts go into the vault, in one
 * transaction with the version. Runs in the agent's key holder.
 */
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "daemon/keyholder_held.h"
#include "keys/agentcert.h"
#include "proto/codec.h"
#include "runas/securedata.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <string.h>

struct opening {
	struct config_head head;
	Clv__KhServer servers[CONFIG_SERVERS_MAX], *server_list[CONFIG_SERVERS_MAX];
	struct kh *k;
	const Clv__KhOpen *q;
	const Clv__ConfigStatement *c;
	struct kh_agent_key *key;
	struct config_association *uses;
	size_t n_uses;
	struct clv_buf der;
	Clv__KhOpened *m;
};

/* The list inside must say the same as the signed statement outside. */
static clv_rc check_head(const struct opening *o, const struct runas_head *h, struct clv_err *err)
{
	if (strcmp(h->group, o->k->start->group) != 0 || strcmp(h->agent, o->k->start->name) != 0 ||
	    h->version != o->c->version ||
	    !slice_eq(slice_of(h->recipient, sizeof h->recipient), PROTO_SLICE(o->c->recipient)))
		return err_set(err, CLV_E_AUTH,
		               "the list inside SecureData is not for this agent, key and version");
	return CLV_OK;
}

/* All of the list, the profiles and the version, or nothing. */
static clv_rc keep(struct opening *o, const struct clv_secret *list, struct clv_err *err)
{
	struct kh_keeping g = {.k = o->k, .m = o->m};
	struct kh *k = o->k;
	struct runas_head h;

	if (vault_begin(k->vault, err))
		return CLV_FAILED;
	if (runas_read(list, &h, kh_held_keep, &g, err) || check_head(o, &h, err))
		goto bad;
	g.keep_others = h.keep_others;
	if (kh_held_finish(&g, o->uses, o->n_uses, err) || kh_remember(k, "version", o->c->version, err) ||
	    (o->key->generation > k->proved && kh_remember(k, "proved", o->key->generation, err)) ||
	    vault_commit(k->vault, err))
		goto bad;
	k->version = o->c->version;
	if (o->key->generation > k->proved)
		k->proved = o->key->generation;
	return CLV_OK;
bad:
	vault_rollback(k->vault);
	return CLV_FAILED;
}

static clv_rc open_list(struct opening *o, struct clv_err *err)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, err);
	X509 *recipient = NULL, *signer = NULL;
	clv_rc rc = CLV_FAILED;

	if (list && !x509_from_der(buf_slice(&o->key->cert), &recipient, err) &&
	    !groupcert_of_spki(buf_slice(&o->k->group_spki), &signer, err) &&
	    !securedata_open(buf_slice(&o->der), o->key->key, recipient, signer, list, err))
		rc = keep(o, list, err);
	secret_free(list);
	X509_free(recipient);
	X509_free(signer);
	return rc;
}

static clv_rc find_key(struct opening *o, struct clv_err *err)
{
	struct kh *k = o->k;
	uint8_t hash[KEY_HASH_LEN];

	for (size_t i = 0; i < k->n_keys; i++) {
		if (sha256(buf_slice(&k->keys[i].cert), hash, err))
			return CLV_FAILED;
		if (slice_eq(slice_of(hash, sizeof hash), PROTO_SLICE(o->c->recipient))) {
			o->key = &k->keys[i];
			return CLV_OK;
		}
	}
	return err_set(err, CLV_E_NOTFOUND, "the configuration is sealed for a key that is not here (7004)");
}

static clv_rc check_statement(const struct opening *o, struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];

	if (sha256(PROTO_SLICE(o->q->xml), hash, err))
		return CLV_FAILED;
	if (!slice_eq(slice_of(hash, sizeof hash), PROTO_SLICE(o->c->xml_hash)) ||
	    strcmp(o->c->agent, o->k->start->name) != 0)
		return err_set(err, CLV_E_AUTH, "the signature is of another configuration or agent");
	if (o->c->version < o->k->version)
		return err_set(err, CLV_E_CONFLICT,
		               "configuration %" PRIu64 " is older than %" PRIu64 " which was opened",
		               o->c->version, o->k->version);
	return CLV_OK;
}

static void tell_servers(struct opening *o)
{
	for (size_t i = 0; i < o->head.n_servers; i++) {
		clv__kh_server__init(&o->servers[i]);
		o->servers[i].name = o->head.servers[i].name;
		o->servers[i].address = o->head.servers[i].address;
		o->server_list[i] = &o->servers[i];
	}
	o->m->n_servers = o->head.n_servers;
	o->m->servers = o->server_list;
}

static clv_rc open_config(struct opening *o, struct clv_err *err)
{
	if (check_statement(o, err) ||
	    config_read(PROTO_SLICE(o->q->xml), &o->head, &o->uses, &o->n_uses, &o->der, err))
		return CLV_FAILED;
	if (o->head.version != o->c->version || strcmp(o->head.agent, o->c->agent) != 0 ||
	    strcmp(o->head.group, o->k->start->group) != 0)
		return err_set(err, CLV_E_AUTH, "the configuration's head differs from its signature");
	if (find_key(o, err) || open_list(o, err))
		return CLV_FAILED;
	o->m->generation = o->key->generation;
	o->m->version = o->c->version;
	o->m->recipient = o->c->recipient;
	o->m->action = kh_held_action(o->k);
	tell_servers(o);
	return CLV_OK;
}

clv_rc kh_on_open(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	Clv__KhOpened m = CLV__KH_OPENED__INIT;
	struct opening o = {.k = ctx, .q = (const Clv__KhOpen *)msg, .m = &m};
	ProtobufCMessage *st = NULL;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	buf_init(&o.der, SECUREDATA_MAX);
	m.id = o.q->id;
	if (!statement_open(STATEMENT_CONFIG, o.k->start->group, buf_slice(&o.k->group_spki),
	                    PROTO_SLICE(o.q->body), PROTO_SLICE(o.q->signature), &st, &why)) {
		o.c = (const Clv__ConfigStatement *)st;
		(void)open_config(&o, &why);
	}
	rc = why.code ? kh_answer_failed(o.k, o.q->id, &why, err)
	              : kh_answer(o.k, IPC_KH_OPENED, &m.base, err);
	kh_held_free(&m);
	proto_free(st);
	clv_free(o.uses);
	buf_release(&o.der);
	return rc;
}
