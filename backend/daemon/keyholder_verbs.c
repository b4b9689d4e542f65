/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder's verbs: one row a request, nothing else is answered. Each builds what it signs
 * from fields that it compared with what it knows itself; none returns a key or signs a foreign
 * hash. Runs in the key holder.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "daemon/keyholder_held.h"
#include "daemon/keyholder_recover.h"
#include "daemon/keyholder_keyask.h"
#include "keys/agentcert.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <string.h>

clv_rc kh_answer(struct kh *k, enum ipc_type type, const ProtobufCMessage *m, struct clv_err *err)
{
	return ipc_send(k->core, type, m, NULL, 0, err);
}

clv_rc kh_answer_failed(struct kh *k, uint64_t id, const struct clv_err *why, struct clv_err *err)
{
	Clv__KhFailed m = CLV__KH_FAILED__INIT;

	m.id = id;
	m.code = (uint32_t)why->code;
	m.text = (char *)(uintptr_t)why->text;
	return kh_answer(k, IPC_KH_FAILED, &m.base, err);
}

clv_rc kh_answer_done(struct kh *k, uint64_t id, struct clv_err *err)
{
	Clv__KhDone m = CLV__KH_DONE__INIT;

	m.id = id;
	return kh_answer(k, IPC_KH_DONE, &m.base, err);
}

/* A verb that failed is core's to report; only a broken channel ends us. */
#define VERB_RESULT(rc, id) ((rc) ? kh_answer_failed(k, (id), &why, err) : kh_answer_done(k, (id), err))

/* lp body, lp signature, lp recovery key; what does not read as that is not told. */
static void split_succession(const struct kh *k, Clv__KhInfo *m)
{
	struct clv_slice at = buf_slice(&k->succession), body, sig, spki;

	if (!at.len || slice_get_lp(&at, 1024, &body, NULL) ||
	    slice_get_lp(&at, STATEMENT_SIG_MAX, &sig, NULL) ||
	    slice_get_lp(&at, STATEMENT_SPKI_MAX, &spki, NULL))
		return;
	m->succession = PROTO_BYTES(body);
	m->succession_signature = PROTO_BYTES(sig);
	m->recovery_key = PROTO_BYTES(spki);
}

static clv_rc on_info(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhInfoRequest *q = (const Clv__KhInfoRequest *)msg;
	struct kh *k = ctx;
	Clv__KhInfo m = CLV__KH_INFO__INIT;
	Clv__KhAgentKey keys[KH_KEYS_MAX], *list[KH_KEYS_MAX];
	uint32_t versions[KH_GROUP_KEYS_MAX];

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
	m.group_key_version = kh_group_key(k, 0) ? kh_group_key(k, 0)->version : 0;
	for (size_t i = 0; i < k->group->n_keys; i++)
		versions[m.n_group_key_versions++] = k->group->keys[i].version;
	m.group_key_versions = versions;
	m.epoch = k->epoch;
	m.joined = vault_has(k->vault, KH_PURPOSE_PUBLIC, KH_JOINED);
	m.master_ends = vault_master_ends(k->vault);
	m.audit_seq = k->audit_seq;
	if (k->audit_seq)
		m.audit_hash = PROTO_BYTES(slice_of(k->audit_hash, 32));
	split_succession(k, &m);
	m.machine = PROTO_BYTES(buf_slice(&k->machine));
	m.machine_matches = k->node_key && kh_machine_matches(k);
	m.n_keys = k->n_keys;
	m.keys = list;
	return kh_answer(k, IPC_KH_INFO, &m.base, err);
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
	else if (strcmp(q->what, "recover") == 0)
		rc = kh_recover(k, q, &why);
	else if (strcmp(q->what, "restore") == 0)
		rc = kh_restore(k, q->epoch, &why);
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
		       slice_eq(PROTO_SLICE(p->machine), buf_slice(&k->machine)) &&
		       (!p->intake.len ||
		        slice_eq(PROTO_SLICE(p->intake), buf_slice(&k->group->intake_cert)));
	}
	case STATEMENT_OUTBOX:
		return strcmp(((const Clv__OutboxBatch *)m)->agent, me) == 0;
	case STATEMENT_OUTBOX_STATE:
		return strcmp(((const Clv__OutboxState *)m)->agent, me) == 0;
	case STATEMENT_AUDIT_HEAD: {
		const Clv__AuditHead *p = (const Clv__AuditHead *)m;

		/* A head is where the trail stood when core told of it; a cut lies before that. */
		return strcmp(p->server, me) == 0 &&
		       (p->cut ? p->seq <= k->audit_seq || !k->audit_seq
		               : p->seq == k->audit_seq &&
		                     slice_eq(PROTO_SLICE(p->hash), slice_of(k->audit_hash, 32)));
	}
	case STATEMENT_REPORT: {
		const Clv__Report *p = (const Clv__Report *)m;
		int64_t age = clock_wall_ms() - p->time;

		return strcmp(p->server, me) == 0 && p->epoch && *p->text &&
		       p->audit_hash.len == KEY_HASH_LEN && age > -600000 &&
		       age < 600000; /* it speaks of now */
	}
	case STATEMENT_RECEIPT:
	case STATEMENT_ACK:
	case STATEMENT_PROBE:
	case STATEMENT_ROTATE:
		return true;
	default: /* publication, possession, configuration, hop records and lists of servers have verbs of
	            their own */
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
	return kh_answer(k, IPC_KH_SIGNED, &m.base, err);
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
		rc = kh_answer_failed(k, q->id, &why, err);
	else
		rc = answer_signed(k, q->id, PROTO_SLICE(q->body), buf_slice(&sig), err);
	buf_release(&sig);
	return rc;
}

static clv_rc on_pin_group(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhPinGroup *q = (const Clv__KhPinGroup *)msg;
	Clv__KhPinned m = CLV__KH_PINNED__INIT;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	m.id = q->id;
	if (kh_repin(k, q, &m.how, &why))
		return kh_answer_failed(k, q->id, &why, err);
	return kh_answer(k, IPC_KH_PINNED, &m.base, err);
}

static clv_rc on_make_key(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhMakeKey *q = (const Clv__KhMakeKey *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	if (k->making_id || k->group->intake_making)
		(void)err_set(&why, CLV_E_CONFLICT, "a key is being made already");
	else if (k->n_keys && q->generation <= k->keys[k->n_keys - 1].generation)
		(void)err_set(&why, CLV_E_CONFLICT, "generation %" PRIu64 " is not newer than what is here",
		              q->generation);
	else if (!keygen_ask(k->keygen, k->start->key_bits, &why)) {
		k->making_id = q->id;
		k->making_generation = q->generation;
		return CLV_OK;
	}
	return kh_answer_failed(k, q->id, &why, err);
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
	if (k->group->intake_making) {
		rc = kh_intake_made(k, pkcs8, err);
		goto out;
	}
	if (kh_add_agent_key(k, k->making_generation, pkcs8, &why)) {
		rc = k->core ? kh_answer_failed(k, id, &why, err) : CLV_OK;
		goto out;
	}
	m.id = id;
	m.generation = k->making_generation;
	m.made = k->keys[k->n_keys - 1].made;
	m.certificate = PROTO_BYTES(buf_slice(&k->keys[k->n_keys - 1].cert));
	rc = k->core ? kh_answer(k, IPC_KH_MADE_KEY, &m.base, err) : CLV_OK;
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
	rc = why.code ? kh_answer_failed(k, q->id, &why, err)
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

/* The trail only grows: a lower number, or another row of the same, is named and not taken. */
static clv_rc on_audit_head(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhAuditHead *q = (const Clv__KhAuditHead *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&b, 64);
	if (q->hash.len != 32 || !q->seq || !k->group_key)
		(void)err_set(&why, CLV_E_DENIED, "no audit trail is kept here");
	else if (q->seq < k->audit_seq ||
	         (q->seq == k->audit_seq && !slice_eq(PROTO_SLICE(q->hash), slice_of(k->audit_hash, 32))))
		(void)err_set(&why, CLV_E_CONFLICT,
		              "the audit trail stood at row %" PRIu64 " and is another one now",
		              k->audit_seq);
	else if (!buf_put_u64(&b, q->seq, &why) && !buf_put(&b, PROTO_SLICE(q->hash), &why))
		rc = vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, KH_AUDIT_HEAD, buf_slice(&b), &why);
	buf_release(&b);
	if (!rc) {
		k->audit_seq = q->seq;
		(void)slice_fill(PROTO_SLICE(q->hash), k->audit_hash, 32); /* compared above */
	}
	return VERB_RESULT(rc, q->id);
}

const struct ipc_row kh_core_rows[] = {
    {IPC_KH_INFO_REQUEST, on_info},
    {IPC_KH_INIT, on_init},
    {IPC_KH_SIGN, on_sign},
    {IPC_KH_PIN_GROUP, on_pin_group},
    {IPC_KH_MAKE_KEY, on_make_key},
    {IPC_KH_PUBLISH, on_publish},
    {IPC_KH_DESTROY_KEY, on_destroy},
    {IPC_KH_SEAL, kh_on_seal},
    {IPC_KH_OPEN, kh_on_open},
    {IPC_KH_ROW, kh_on_row},
    {IPC_KH_ROW_KEPT, kh_on_row_kept},
    {IPC_KH_ROWS_CHECK, kh_on_rows_check},
    {IPC_KH_INTAKE_REQUEST, kh_on_intake},
    {IPC_KH_ENTER, kh_on_enter},
    {IPC_KH_TRY, kh_on_try},
    {IPC_KH_KEY_ACT_KEPT, kh_on_key_act_kept},
    {IPC_KH_AUDIT_HEAD, on_audit_head},
    {IPC_KH_HOP, kh_on_hop},
    {IPC_KH_LIST_SIGN, kh_on_list_sign},
    {IPC_KH_JOIN_SEAL, kh_on_join_seal},
    {IPC_KH_JOIN_OPEN, kh_on_join_open},
    {0, NULL},
};
