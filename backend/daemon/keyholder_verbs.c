/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder's verbs: one row a request, nothing else is answered. Each builds what it signs
 * from fields that it compared with what it knows itself; none returns a key or signs a foreign
 * hash. Runs in the key holder.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder.h"
#include "keys/agentcert.h"
#include "proto/codec.h"
#include "runas/config.h"
#include "runas/securedata.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <string.h>

static clv_rc answer(struct kh *k, enum ipc_type type, const ProtobufCMessage *m, struct clv_err *err)
{
	return ipc_send(k->core, type, m, NULL, 0, err);
}

static clv_rc answer_failed(struct kh *k, uint64_t id, const struct clv_err *why, struct clv_err *err)
{
	Clv__KhFailed m = CLV__KH_FAILED__INIT;

	m.id = id;
	m.code = (uint32_t)why->code;
	m.text = (char *)(uintptr_t)why->text;
	return answer(k, IPC_KH_FAILED, &m.base, err);
}

static clv_rc answer_done(struct kh *k, uint64_t id, struct clv_err *err)
{
	Clv__KhDone m = CLV__KH_DONE__INIT;

	m.id = id;
	return answer(k, IPC_KH_DONE, &m.base, err);
}

/* A verb that failed is core's to report; only a broken channel ends us. */
#define VERB_RESULT(rc, id) ((rc) ? answer_failed(k, (id), &why, err) : answer_done(k, (id), err))

static clv_rc on_info(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhInfoRequest *q = (const Clv__KhInfoRequest *)msg;
	struct kh *k = ctx;
	Clv__KhInfo m = CLV__KH_INFO__INIT;
	Clv__KhAgentKey keys[KH_KEYS_MAX], *list[KH_KEYS_MAX];

	(void)fds;
	for (size_t i = 0; i < k->n_keys; i++) {
		clv__kh_agent_key__init(&keys[i]);
		keys[i].generation = k->keys[i].generation;
		keys[i].made = k->keys[i].made;
		keys[i].certificate = PROTO_BYTES(buf_slice(&k->keys[i].cert));
		list[i] = &keys[i];
	}
	m.id = q->id;
	m.node_key = PROTO_BYTES(buf_slice(&k->node_spki));
	m.group_key = PROTO_BYTES(buf_slice(&k->group_spki));
	m.group_certificate = PROTO_BYTES(buf_slice(&k->group_cert));
	m.has_group_secret = k->group_key != NULL;
	m.recovery_key_hash = PROTO_BYTES(buf_slice(&k->recovery_hash));
	m.machine = PROTO_BYTES(buf_slice(&k->machine));
	m.machine_matches = k->node_key && kh_machine_matches(k);
	m.n_keys = k->n_keys;
	m.keys = list;
	return answer(k, IPC_KH_INFO, &m.base, err);
}

static clv_rc on_init(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhInit *q = (const Clv__KhInit *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	if (strcmp(q->what, "replace") == 0)
		rc = kh_forget_node(k, &why) ? CLV_FAILED : kh_make_node_key(k, &why);
	else if (strcmp(q->what, "node") == 0)
		rc = kh_make_node_key(k, &why);
	else if (strcmp(q->what, "group") == 0 && strcmp(k->start->role, "management-server") == 0)
		rc = kh_make_group_key(k, PROTO_SLICE(q->recovery_key_hash), &why);
	else
		rc = err_set(&why, CLV_E_DENIED, "this node makes no such key");
	return VERB_RESULT(rc, q->id);
}

/* What each statement must say of ourselves before the node key signs it. */
static bool says_us(const struct kh *k, uint32_t kind, const ProtobufCMessage *m)
{
	const char *me = k->start->name;

	switch (kind) {
	case STATEMENT_LINK_PROOF: {
		const Clv__LinkProof *p = (const Clv__LinkProof *)m;

		return strcmp(p->from, me) == 0 && strcmp(p->role, k->start->role) == 0 &&
		       slice_eq(PROTO_SLICE(p->machine), buf_slice(&k->machine));
	}
	case STATEMENT_ENROLL: {
		const Clv__EnrollRequest *p = (const Clv__EnrollRequest *)m;

		return strcmp(p->name, me) == 0 && strcmp(p->role, k->start->role) == 0 &&
		       slice_eq(PROTO_SLICE(p->node_key), buf_slice(&k->node_spki)) &&
		       slice_eq(PROTO_SLICE(p->machine), buf_slice(&k->machine));
	}
	case STATEMENT_OUTBOX:
		return strcmp(((const Clv__OutboxBatch *)m)->agent, me) == 0;
	case STATEMENT_AUDIT_HEAD:
		return strcmp(((const Clv__AuditHead *)m)->server, me) == 0;
	case STATEMENT_SERVER_LIST:
	case STATEMENT_RECEIPT:
	case STATEMENT_ACK:
	case STATEMENT_ROTATE:
		return true;
	default: /* publication, possession and configuration have verbs of their own */
		return false;
	}
}

static clv_rc sign(struct kh *k, uint32_t kind, struct clv_slice body, struct clv_buf *sig,
                   struct clv_err *err)
{
	const struct statement_row *row = statement_row(kind);
	ProtobufCMessage *m = NULL;
	EVP_PKEY *key;
	clv_rc rc = CLV_FAILED;

	if (!row)
		return err_set(err, CLV_E_DENIED, "no statement has the number %u", kind);
	key = row->key == STATEMENT_BY_NODE    ? k->node_key
	      : row->key == STATEMENT_BY_GROUP ? k->group_key
	                                       : NULL;
	if (proto_decode(row->body, body, &m, err))
		return CLV_FAILED;
	if (!key)
		(void)err_set(err, CLV_E_DENIED, "this node has no key that signs a %s", row->name);
	else if (!kh_machine_matches(k))
		(void)err_set(err, CLV_E_DENIED, "the node key belongs to another machine (7022)");
	else if (!says_us(k, kind, m))
		(void)err_set(err, CLV_E_DENIED, "a %s that is not about this node", row->name);
	else
		rc = statement_sign(kind, k->start->group, body, key, sig, err);
	proto_free(m);
	return rc;
}

static clv_rc answer_signed(struct kh *k, uint64_t id, struct clv_slice body, struct clv_slice sig,
                            struct clv_err *err)
{
	Clv__KhSigned m = CLV__KH_SIGNED__INIT;

	m.id = id;
	m.body = PROTO_BYTES(body);
	m.signature = PROTO_BYTES(sig);
	return answer(k, IPC_KH_SIGNED, &m.base, err);
}

static clv_rc on_sign(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhSign *q = (const Clv__KhSign *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};
	struct clv_buf sig;
	clv_rc rc;

	(void)fds;
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (sign(k, q->kind, PROTO_SLICE(q->body), &sig, &why))
		rc = answer_failed(k, q->id, &why, err);
	else
		rc = answer_signed(k, q->id, PROTO_SLICE(q->body), buf_slice(&sig), err);
	buf_release(&sig);
	return rc;
}

static clv_rc on_pin_group(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhPinGroup *q = (const Clv__KhPinGroup *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	return VERB_RESULT(
	    kh_pin_group(k, PROTO_SLICE(q->group_key), PROTO_SLICE(q->recovery_key_hash), &why), q->id);
}

static clv_rc on_make_key(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhMakeKey *q = (const Clv__KhMakeKey *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	if (k->making_id)
		(void)err_set(&why, CLV_E_CONFLICT, "a key is being made already");
	else if (k->n_keys && q->generation <= k->keys[k->n_keys - 1].generation)
		(void)err_set(&why, CLV_E_CONFLICT, "generation %" PRIu64 " is not newer than what is here",
		              q->generation);
	else if (!keygen_ask(k->keygen, k->start->key_bits, &why)) {
		k->making_id = q->id;
		k->making_generation = q->generation;
		return CLV_OK;
	}
	return answer_failed(k, q->id, &why, err);
}

clv_rc kh_key_made(struct kh *k, struct clv_err *err)
{
	struct clv_secret *pkcs8 = secret_new(KH_PKCS8_MAX, err);
	Clv__KhMadeKey m = CLV__KH_MADE_KEY__INIT;
	struct clv_err why = {0};
	uint64_t id = k->making_id;
	clv_rc rc = CLV_FAILED;

	k->making_id = 0;
	if (!pkcs8 || keygen_take(k->keygen, pkcs8, err))
		goto out;
	if (kh_add_agent_key(k, k->making_generation, pkcs8, &why)) {
		rc = k->core ? answer_failed(k, id, &why, err) : CLV_OK;
		goto out;
	}
	m.id = id;
	m.generation = k->making_generation;
	m.made = k->keys[k->n_keys - 1].made;
	m.certificate = PROTO_BYTES(buf_slice(&k->keys[k->n_keys - 1].cert));
	rc = k->core ? answer(k, IPC_KH_MADE_KEY, &m.base, err) : CLV_OK;
out:
	secret_free(pkcs8);
	return rc;
}

/* Possession by the new key, then the publication around it by the node key (T3). */
static clv_rc publish(struct kh *k, const struct kh_agent_key *a, struct clv_buf *body, struct clv_buf *sig,
                      struct clv_err *err)
{
	Clv__Possession p = CLV__POSSESSION__INIT;
	Clv__Publication pub = CLV__PUBLICATION__INIT;
	uint8_t hash[KEY_HASH_LEN];
	struct clv_buf pbody, psig;
	clv_rc rc = CLV_FAILED;

	buf_init(&pbody, 1024);
	buf_init(&psig, STATEMENT_SIG_MAX);
	if (sha256(buf_slice(&a->cert), hash, err))
		goto out;
	p.agent = pub.agent = k->start->name;
	p.generation = pub.generation = a->generation;
	p.time = pub.time = clock_wall_ms();
	p.key_hash = pub.key_hash = PROTO_BYTES(slice_of(hash, sizeof hash));
	if (statement_make(STATEMENT_POSSESSION, k->start->group, &p.base, a->key, &pbody, &psig, err))
		goto out;
	pub.certificate = PROTO_BYTES(buf_slice(&a->cert));
	pub.possession = PROTO_BYTES(buf_slice(&psig));
	pub.made = a->made;
	rc = statement_make(STATEMENT_PUBLICATION, k->start->group, &pub.base, k->node_key, body, sig, err);
out:
	buf_release(&pbody);
	buf_release(&psig);
	return rc;
}

static clv_rc on_publish(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhPublish *q = (const Clv__KhPublish *)msg;
	struct kh *k = ctx;
	const struct kh_agent_key *a = kh_find_key(k, q->generation);
	struct clv_err why = {0};
	struct clv_buf body, sig;
	clv_rc rc;

	(void)fds;
	buf_init(&body, 8192);
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (!a || !k->node_key || !kh_machine_matches(k))
		(void)err_set(&why, CLV_E_NOTFOUND,
		              "no agent key of generation %" PRIu64 " to publish from this machine",
		              q->generation);
	else
		(void)publish(k, a, &body, &sig, &why);
	rc = why.code ? answer_failed(k, q->id, &why, err)
	              : answer_signed(k, q->id, buf_slice(&body), buf_slice(&sig), err);
	buf_release(&body);
	buf_release(&sig);
	return rc;
}

static clv_rc on_destroy(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhDestroyKey *q = (const Clv__KhDestroyKey *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	return VERB_RESULT(kh_destroy_agent_keys(k, q->generation, &why), q->id);
}

/* The server's side: the publication is checked here again, whatever core believes of it. */
static clv_rc check_publication(const struct kh *k, const Clv__KhSeal *q, ProtobufCMessage **pub,
                                struct clv_err *err)
{
	const Clv__Publication *p;
	struct agentcert_info info;

	if (statement_open(STATEMENT_PUBLICATION, k->start->group, PROTO_SLICE(q->node_key),
	                   PROTO_SLICE(q->publication), PROTO_SLICE(q->signature), pub, err))
		return CLV_FAILED;
	p = (const Clv__Publication *)*pub;
	if (strcmp(p->agent, q->agent) != 0)
		return err_set(err, CLV_E_AUTH, "the publication is of another agent");
	return agentcert_check(PROTO_SLICE(p->certificate), q->agent, clock_wall_ms(), &info, err);
}

struct sealing {
	const Clv__KhSeal *q;
	struct clv_buf xml, body, sig;
};

static clv_rc sign_config(struct kh *k, struct sealing *s, struct clv_slice recipient, struct clv_err *err)
{
	Clv__ConfigStatement c = CLV__CONFIG_STATEMENT__INIT;
	uint8_t hash[KEY_HASH_LEN];

	if (sha256(buf_slice(&s->xml), hash, err))
		return CLV_FAILED;
	c.agent = s->q->agent;
	c.recipient = PROTO_BYTES(recipient);
	c.version = s->q->version;
	c.fencing = s->q->fencing;
	c.xml_hash = PROTO_BYTES(slice_of(hash, sizeof hash));
	return statement_make(STATEMENT_CONFIG, k->start->group, &c.base, k->group_key, &s->body, &s->sig,
	                      err);
}

static clv_rc copy_name(char out[CONFIG_NAME_MAX], const char *name, struct clv_err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n >= CONFIG_NAME_MAX)
		return err_set(err, CLV_E_LIMIT, "a name of %zu bytes", n);
	memcpy(out, name, n + 1);
	return CLV_OK;
}

static clv_rc seal(struct kh *k, struct sealing *s, struct clv_slice cert, struct clv_err *err)
{
	struct runas_head rh = {.version = s->q->version};
	struct config_head ch = {.version = s->q->version, .fencing = s->q->fencing};
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, err);
	X509 *recipient = NULL, *signer = NULL;
	struct clv_buf der;
	clv_rc rc = CLV_FAILED;

	buf_init(&der, SECUREDATA_MAX);
	if (!list || sha256(cert, rh.recipient, err) || copy_name(rh.group, k->start->group, err) ||
	    copy_name(rh.agent, s->q->agent, err) || copy_name(ch.group, k->start->group, err) ||
	    copy_name(ch.agent, s->q->agent, err))
		goto out;
	if (x509_from_der(cert, &recipient, err) || x509_from_der(buf_slice(&k->group_cert), &signer, err) ||
	    runas_write(&rh, list, err) ||
	    securedata_seal(list, recipient, k->group_key, signer, &der, err) ||
	    config_write(&ch, buf_slice(&der), &s->xml, err))
		goto out;
	rc = sign_config(k, s, slice_of(rh.recipient, sizeof rh.recipient), err);
out:
	buf_release(&der);
	X509_free(recipient);
	X509_free(signer);
	secret_free(list);
	return rc;
}

static clv_rc on_seal(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct sealing s = {.q = (const Clv__KhSeal *)msg};
	struct kh *k = ctx;
	Clv__KhSealed m = CLV__KH_SEALED__INIT;
	ProtobufCMessage *pub = NULL;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	buf_init(&s.xml, CONFIG_XML_MAX);
	buf_init(&s.body, 1024);
	buf_init(&s.sig, STATEMENT_SIG_MAX);
	if (!k->group_key)
		(void)err_set(&why, CLV_E_DENIED, "this node has no group signing key");
	else if (!check_publication(k, s.q, &pub, &why))
		(void)seal(k, &s, PROTO_SLICE(((Clv__Publication *)pub)->certificate), &why);
	if (why.code) {
		rc = answer_failed(k, s.q->id, &why, err);
	} else {
		m.id = s.q->id;
		m.xml = PROTO_BYTES(buf_slice(&s.xml));
		m.body = PROTO_BYTES(buf_slice(&s.body));
		m.signature = PROTO_BYTES(buf_slice(&s.sig));
		rc = answer(k, IPC_KH_SEALED, &m.base, err);
	}
	proto_free(pub);
	buf_release(&s.xml);
	buf_release(&s.body);
	buf_release(&s.sig);
	return rc;
}

/* The agent's side: the list inside must say the same as the signed statement outside (T8). */
static clv_rc open_list(struct kh *k, const struct kh_agent_key *a, const Clv__ConfigStatement *c,
                        struct clv_slice der, struct clv_err *err)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, err);
	X509 *recipient = NULL, *signer = NULL;
	struct runas_head h;
	clv_rc rc = CLV_FAILED;

	if (!list || x509_from_der(buf_slice(&a->cert), &recipient, err) ||
	    groupcert_of_spki(buf_slice(&k->group_spki), &signer, err) ||
	    securedata_open(der, a->key, recipient, signer, list, err) || runas_read(list, &h, err))
		goto out;
	if (strcmp(h.group, k->start->group) != 0 || strcmp(h.agent, k->start->name) != 0 ||
	    h.version != c->version ||
	    !slice_eq(slice_of(h.recipient, sizeof h.recipient), PROTO_SLICE(c->recipient)))
		(void)err_set(err, CLV_E_AUTH,
		              "the list inside SecureData is not for this agent, key and version");
	else
		rc = CLV_OK;
out:
	secret_free(list);
	X509_free(recipient);
	X509_free(signer);
	return rc;
}

static clv_rc key_for(struct kh *k, struct clv_slice recipient, struct kh_agent_key **out,
                      struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];

	for (size_t i = 0; i < k->n_keys; i++) {
		if (sha256(buf_slice(&k->keys[i].cert), hash, err))
			return CLV_FAILED;
		if (slice_eq(slice_of(hash, sizeof hash), recipient)) {
			*out = &k->keys[i];
			return CLV_OK;
		}
	}
	return err_set(err, CLV_E_NOTFOUND, "the configuration is sealed for a key that is not here (7004)");
}

static clv_rc open_config(struct kh *k, const Clv__KhOpen *q, Clv__KhOpened *m, struct clv_err *err)
{
	ProtobufCMessage *st = NULL;
	const Clv__ConfigStatement *c;
	struct kh_agent_key *a = NULL;
	struct config_head head;
	struct clv_buf der;
	uint8_t hash[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	buf_init(&der, SECUREDATA_MAX);
	if (statement_open(STATEMENT_CONFIG, k->start->group, buf_slice(&k->group_spki), PROTO_SLICE(q->body),
	                   PROTO_SLICE(q->signature), &st, err) ||
	    sha256(PROTO_SLICE(q->xml), hash, err))
		goto out;
	c = (const Clv__ConfigStatement *)st;
	if (!slice_eq(slice_of(hash, sizeof hash), PROTO_SLICE(c->xml_hash)) ||
	    strcmp(c->agent, k->start->name) != 0) {
		(void)err_set(err, CLV_E_AUTH, "the signature is of another configuration or agent");
		goto out;
	}
	if (c->version < k->version) {
		(void)err_set(err, CLV_E_CONFLICT,
		              "configuration %" PRIu64 " is older than %" PRIu64 " which was opened",
		              c->version, k->version);
		goto out;
	}
	if (config_read(PROTO_SLICE(q->xml), &head, &der, err))
		goto out;
	if (head.version != c->version || strcmp(head.agent, c->agent) != 0 ||
	    strcmp(head.group, k->start->group) != 0) {
		(void)err_set(err, CLV_E_AUTH, "the configuration's head differs from its signature");
		goto out;
	}
	if (key_for(k, PROTO_SLICE(c->recipient), &a, err) || open_list(k, a, c, buf_slice(&der), err))
		goto out;
	if (kh_remember(k, "version", c->version, err) ||
	    (a->generation > k->proved && kh_remember(k, "proved", a->generation, err)))
		goto out;
	k->version = c->version;
	if (a->generation > k->proved)
		k->proved = a->generation;
	m->generation = a->generation;
	m->version = c->version;
	rc = CLV_OK;
out:
	buf_release(&der);
	proto_free(st);
	return rc;
}

static clv_rc on_open(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhOpen *q = (const Clv__KhOpen *)msg;
	struct kh *k = ctx;
	Clv__KhOpened m = CLV__KH_OPENED__INIT;
	struct clv_err why = {0};

	(void)fds;
	m.id = q->id;
	if (open_config(k, q, &m, &why))
		return answer_failed(k, q->id, &why, err);
	return answer(k, IPC_KH_OPENED, &m.base, err);
}

const struct ipc_row kh_core_rows[] = {
    {IPC_KH_INFO_REQUEST, on_info},   {IPC_KH_INIT, on_init},
    {IPC_KH_SIGN, on_sign},           {IPC_KH_PIN_GROUP, on_pin_group},
    {IPC_KH_MAKE_KEY, on_make_key},   {IPC_KH_PUBLISH, on_publish},
    {IPC_KH_DESTROY_KEY, on_destroy}, {IPC_KH_SEAL, on_seal},
    {IPC_KH_OPEN, on_open},           {0, NULL},
};
