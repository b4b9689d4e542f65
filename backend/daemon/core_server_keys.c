/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publications: checked, stored, receipted; the configuration sealed for the new key; rotation orders.
 * A publication is taken only for the channel's own identity, with the pinned node key's signature and
 * the new key's own (T3 to T5). Runs in core; sealing is the key holder's.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_rules.h"
#include "keys/agentcert.h"
#include <inttypes.h>
#include <string.h>

#define AHEAD_MS (24ll * 3600 * 1000) /* generations more than a day ahead of our clock are refused */

/* --- receipts --- */
static void send_receipt(struct core *c, const struct session *s, const char *agent, uint64_t generation,
                         struct clv_slice hash, const char *refused)
{
	Clv__Receipt m = CLV__RECEIPT__INIT;

	m.agent = (char *)(uintptr_t)agent;
	m.generation = generation;
	m.key_hash = PROTO_BYTES(hash);
	m.result = refused ? 2 : 1;
	m.reason = (char *)(uintptr_t)(refused ? refused : "");
	m.fencing = c->srv->fencing;
	server_sign_and_send(c, s->conn, STATEMENT_RECEIPT, FRAME_RECEIPT, &m.base);
}

/* --- checking --- */
static clv_rc check_possession(const struct core *c, const Clv__Publication *p, struct clv_slice hash,
                               struct clv_err *err)
{
	Clv__Possession want = CLV__POSSESSION__INIT;
	ProtobufCMessage *m = NULL;
	struct clv_buf body, spki;
	clv_rc rc = CLV_FAILED;

	buf_init(&body, 1024);
	buf_init(&spki, STATEMENT_SPKI_MAX);
	want.agent = p->agent;
	want.generation = p->generation;
	want.time = p->time;
	want.key_hash = PROTO_BYTES(hash);
	if (!proto_encode(&want.base, &body, err) && !agentcert_spki(PROTO_SLICE(p->certificate), &spki, err))
		rc = statement_open(STATEMENT_POSSESSION, c->start->group, buf_slice(&spki), buf_slice(&body),
		                    PROTO_SLICE(p->possession), &m, err);
	proto_free(m);
	buf_release(&body);
	buf_release(&spki);
	return rc;
}

static clv_rc check_publication(const struct core *c, const struct node *n, const Clv__Publication *p,
                                struct agentcert_info *info, struct clv_err *err)
{
	int64_t now = clock_wall_ms();

	if (agentcert_check(PROTO_SLICE(p->certificate), n->name, now, info, err))
		return CLV_FAILED;
	if (!slice_eq(PROTO_SLICE(p->key_hash), slice_of(info->sha256, 32)))
		return err_set(err, CLV_E_AUTH, "the publication's hash is of another certificate");
	if (check_possession(c, p, slice_of(info->sha256, 32), err))
		return err_wrap(err, "proof of possession");
	if (p->generation > (uint64_t)(now + AHEAD_MS))
		return err_set(err, CLV_E_CONFLICT,
		               "generation %" PRIu64 " is more than a day ahead of this server's clock",
		               p->generation);
	if (p->generation < n->generation)
		return err_set(err, CLV_E_CONFLICT,
		               "generation %" PRIu64 " is older than the stored %" PRIu64, p->generation,
		               n->generation);
	if (p->generation == n->generation &&
	    !slice_eq(slice_of(n->key.sha256, 32), slice_of(info->sha256, 32)))
		return err_set(err, CLV_E_CONFLICT, "another key was stored as generation %" PRIu64,
		               p->generation);
	return CLV_OK;
}

/* --- storing --- */
struct publish_job {
	uint64_t conn;
	char name[STORE_NAME_MAX];
	struct clv_buf cert, body, sig;
	struct store_key k;
	uint32_t ordinal;
	int64_t made;
};

static void free_publish(struct publish_job *j)
{
	buf_release(&j->cert);
	buf_release(&j->body);
	buf_release(&j->sig);
	clv_free(j);
}

static clv_rc run_publish(struct db *d, void *ctx, struct clv_err *err)
{
	struct publish_job *j = ctx;

	if (store_key_add(d, &j->k, &j->ordinal, err))
		return CLV_FAILED;
	return j->made ? store_key_made(d, j->name, j->k.generation, j->made, err) : CLV_OK;
}

static void done_publish(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct publish_job *j = ctx;
	struct session *s = server_session(c->srv, j->conn);
	struct node *n = server_find(c->srv, j->name);

	if (rc) {
		if (n)
			core_event(c, 7005, "A publication of %s was not stored: %s.", j->name, err->text);
		if (s && s->node)
			send_receipt(c, s, j->name, j->k.generation, slice_of(j->k.fact.sha256, 32),
			             err->text);
	} else if (n && j->k.generation > n->generation) {
		n->generation = j->k.generation;
		if (n->rotate_above < n->generation)
			n->rotate_above = 0;
		n->has_key = true;
		n->key = j->k.fact;
		n->key.generation = j->k.generation;
		n->key.ordinal = j->ordinal;
		n->key.state = CLV_KEY_STORED;
		n->key.made = j->made;
		n->key.published = j->k.published;
		n->key.stored = j->k.stored;
		n->row_version++;
		server_changed(c);
		if (s && s->node == n) {
			send_receipt(c, s, n->name, n->generation, slice_of(n->key.sha256, 32), NULL);
			(void)keys_seal(c, s);
		}
	}
	free_publish(j);
}

static void store_publication_of(struct core *c, struct session *s, const Clv__Publication *p,
                                 const Clv__SignedStatement *st, const struct agentcert_info *info)
{
	struct publish_job *j = clv_calloc(1, sizeof *j);

	buf_init(&j->cert, AGENTCERT_DER_MAX);
	buf_init(&j->body, 8192);
	buf_init(&j->sig, STATEMENT_SIG_MAX);
	if (strlen(s->node->name) >= sizeof j->name || buf_put(&j->cert, PROTO_SLICE(p->certificate), NULL) ||
	    buf_put(&j->body, PROTO_SLICE(st->body), NULL) ||
	    buf_put(&j->sig, PROTO_SLICE(st->signature), NULL)) {
		free_publish(j);
		return;
	}
	memcpy(j->name, s->node->name, strlen(s->node->name) + 1);
	j->conn = s->conn;
	j->made = p->made;
	j->k.agent = j->name;
	j->k.generation = p->generation;
	j->k.cert = buf_slice(&j->cert);
	j->k.publication = buf_slice(&j->body);
	j->k.signature = buf_slice(&j->sig);
	j->k.published = p->time;
	j->k.stored = clock_wall_ms();
	memcpy(j->k.fact.sha1, info->sha1, 20);
	memcpy(j->k.fact.sha256, info->sha256, 32);
	memcpy(j->k.fact.key_id, info->key_id, 16);
	j->k.fact.rsa_bits = info->bits;
	j->k.fact.not_before = info->not_before_ms;
	j->k.fact.not_after = info->not_after_ms;
	core_db_put(c, run_publish, done_publish, j);
}

void keys_on_publish(struct core *c, struct session *s, const Clv__Publish *m)
{
	struct node *n = s->node;
	ProtobufCMessage *pm = NULL;
	const Clv__Publication *p;
	struct agentcert_info info;
	struct clv_err err = {0};

	if (!m->publication || statement_open(STATEMENT_PUBLICATION, c->start->group, buf_slice(&n->node_key),
	                                      PROTO_SLICE(m->publication->body),
	                                      PROTO_SLICE(m->publication->signature), &pm, &err)) {
		core_event(c, 20002, "A publication of %s from %s was quarantined: %s.", n->name,
		           s->open->address, m->publication ? err.text : "it is not signed");
		server_refuse(c, s, REFUSAL_PROOF, "the publication is not signed by the pinned node key");
		return;
	}
	p = (const Clv__Publication *)pm;
	if (strcmp(p->agent, n->name) != 0) {
		enroll_quarantine(c, s, p->agent, "a publication");
	} else if (check_publication(c, n, p, &info, &err)) {
		core_event(c, 7005, "A publication of %s was refused and nothing was stored: %s.", n->name,
		           err.text);
		send_receipt(c, s, n->name, p->generation, PROTO_SLICE(p->key_hash), err.text);
	} else if (p->generation == n->generation) {
		/* Published anew at the start of the service: known already. */
		send_receipt(c, s, n->name, p->generation, slice_of(info.sha256, 32), NULL);
		if (n->key.state < CLV_KEY_CONFIRMED || n->config_confirmed < n->config_version)
			(void)keys_seal(c, s);
	} else {
		store_publication_of(c, s, p, m->publication, &info);
	}
	proto_free(pm);
}

/* --- rotation --- */
void keys_send_rotate(struct core *c, struct session *s)
{
	struct node *n = s->node;
	Clv__RotateOrder m = CLV__ROTATE_ORDER__INIT;

	if (!n->rotate_above || n->rotate_above < n->generation)
		return;
	m.agent = n->name;
	m.above = n->rotate_above;
	m.time = clock_wall_ms();
	m.fencing = c->srv->fencing;
	server_sign_and_send(c, s->conn, STATEMENT_ROTATE, FRAME_ROTATE, &m.base);
}
