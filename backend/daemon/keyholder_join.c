/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more management server gets its copy of the group's keys (S21, T32). In a live server's key holder: the
 * request that the joiner's node key signed, and the code that an operator typed into a console, which was
 * sealed there; both are judged here, and only then the keys are sealed for the joiner's intake certificate.
 * In the joiner's: they are opened, and kept when they are those of the group that its request named. What is
 * between the two carries ciphertext.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder_backup.h"
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include "keys/joincode.h"
#include "proto/codec.h"
#include "runas/envelope.h"
#include "runas/intake.h"
#include "vault/bundle.h"
#include <string.h>

#define SEALED_MAX 15360u /* with its frame it passes before a link is proven */
#define USED       "join-used"
#define USED_MAX   64u
#define USED_LEN   (KEY_HASH_LEN + 8u) /* code, u64 time of its request */

/* --- a code counts once --- */
static clv_rc take_used(struct clv_slice one, const uint8_t *code, struct clv_buf *out, bool *found,
                        struct clv_err *err)
{
	struct clv_slice hash = {0}, rest = one;
	uint64_t at = 0;

	if (slice_get(&rest, KEY_HASH_LEN, &hash, err) || slice_get_u64(&rest, &at, err))
		return CLV_FAILED;
	if (slice_eq(hash, slice_of(code, KEY_HASH_LEN)))
		*found = true;
	/* One that has expired is refused for that. */
	return (int64_t)at < clock_wall_ms() - JOIN_LIVES_MS ? CLV_OK : buf_put(out, one, err);
}

/* Those that still could be tried; *found: `code` is among them. */
static clv_rc read_used(struct kh *k, const uint8_t *code, struct clv_buf *out, bool *found,
                        struct clv_err *err)
{
	struct clv_slice rest, one = {0};
	struct clv_buf b;
	clv_rc rc;

	*found = false;
	if (!vault_has(k->vault, KH_PURPOSE_PUBLIC, USED))
		return CLV_OK;
	buf_init(&b, VAULT_ITEM_MAX);
	rc = vault_get_bytes(k->vault, KH_PURPOSE_PUBLIC, USED, &b, err);
	rest = buf_slice(&b);
	while (!rc && rest.len) {
		rc = slice_get(&rest, USED_LEN, &one, err);
		if (!rc)
			rc = take_used(one, code, out, found, err);
	}
	buf_release(&b);
	return rc;
}

static clv_rc use_once(struct kh *k, const uint8_t code[KEY_HASH_LEN], int64_t time, struct clv_err *err)
{
	struct clv_buf used;
	bool found = false;
	clv_rc rc = CLV_FAILED;

	buf_init(&used, USED_MAX * USED_LEN);
	if (read_used(k, code, &used, &found, err))
		goto out;
	if (found)
		(void)err_set(
		    err, CLV_E_DENIED,
		    "the code was used already: run clavigerd join there again, it prints another one");
	else if (!buf_put(&used, slice_of(code, KEY_HASH_LEN), err) &&
	         !buf_put_u64(&used, (uint64_t)time, err))
		rc = vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, USED, buf_slice(&used), err);
out:
	buf_release(&used);
	return rc;
}

/* --- at the live server --- */
static clv_rc judge(const struct kh *k, const Clv__EnrollRequest *e, struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	int64_t now = clock_wall_ms();

	if (sha256(buf_slice(&k->group_spki), hash, err))
		return CLV_FAILED;
	if (strcmp(e->role, "management-server") != 0 || !e->intake.len ||
	    strcmp(e->name, k->start->name) == 0)
		return err_set(err, CLV_E_PROTO, "this is no request of a management server that joins");
	if (!slice_eq(PROTO_SLICE(e->group_key_hash), slice_of(hash, sizeof hash)))
		return err_set(
		    err, CLV_E_AUTH,
		    "the request was made for another group signing key: somebody stands in between");
	if (e->time > now + JOIN_AHEAD_MS)
		return err_set(
		    err, CLV_E_DENIED,
		    "the clock of that host is more than five minutes ahead of this one: mend it, and "
		    "run clavigerd join there again");
	if (e->time < now - JOIN_LIVES_MS)
		return err_set(err, CLV_E_DENIED,
		               "the code has expired (one hour): run clavigerd join there again, it prints "
		               "another one");
	return CLV_OK;
}

static clv_rc open_request(const struct kh *k, const Clv__KhJoinSeal *q, Clv__EnrollRequest **out,
                           struct clv_err *err)
{
	ProtobufCMessage *unsure = NULL, *m = NULL;
	clv_rc rc = CLV_FAILED;

	/* Whose signature it must have stands in it: it is read once to learn that, and once more under it.
	 */
	if (proto_decode(&clv__enroll_request__descriptor, PROTO_SLICE(q->body), &unsure, err))
		return CLV_FAILED;
	if (!statement_open(STATEMENT_ENROLL, k->start->group,
	                    PROTO_SLICE(((const Clv__EnrollRequest *)unsure)->node_key), PROTO_SLICE(q->body),
	                    PROTO_SLICE(q->signature), &m, err))
		rc = judge(k, (const Clv__EnrollRequest *)m, err);
	if (!rc) {
		*out = (Clv__EnrollRequest *)m;
		m = NULL;
	}
	proto_free(m);
	proto_free(unsure);
	return rc;
}

static clv_rc is_code(struct clv_slice typed, void *ctx, struct clv_err *err)
{
	return join_code_matches(ctx, typed)
	           ? CLV_OK
	           : err_set(err, CLV_E_AUTH,
	                     "the code is not that of this request: nothing was given out. Compare it with "
	                     "what clavigerd join printed");
}

/* The code as it was typed, against what this key holder computes of the request. */
static clv_rc compare(struct kh *k, const Clv__KhJoinSeal *q, uint8_t code[KEY_HASH_LEN], struct clv_err *err)
{
	struct clv_secret *typed = secret_new(INTAKE_SECRET_MAX, err);
	struct intake_head h;
	X509 *recipient = NULL;
	clv_rc rc = CLV_FAILED;

	memset(&h, 0, sizeof h);
	if (!typed || kh_intake_load(k, err))
		goto out;
	if (!k->group->intake_key)
		(void)err_set(err, CLV_E_NOTFOUND, "this node has no intake key");
	else if (x509_from_der(buf_slice(&k->group->intake_cert), &recipient, err) ||
	         intake_open(PROTO_SLICE(q->sealed), k->group->intake_key, recipient, &h, typed, err))
		goto out;
	else if (strcmp(h.group, k->start->group) != 0 || strcmp(h.account, JOIN_ACCOUNT) != 0 ||
	         strcmp(h.operator_, q->operator_) != 0 || h.expected)
		(void)err_set(err, CLV_E_AUTH, "what was sealed is no code, or another operator's");
	else if (!join_code(k->start->group, buf_slice(&k->group_spki), PROTO_SLICE(q->body), code, err))
		rc = secret_use(typed, is_code, code, err);
out:
	X509_free(recipient);
	secret_free(typed);
	return rc;
}

static clv_rc seal(struct kh *k, const Clv__KhJoinSeal *q, const Clv__EnrollRequest *e, struct clv_buf *out,
                   struct clv_err *err)
{
	struct clv_secret *bundle = secret_new(BUNDLE_MAX, err);
	struct bundle_head head = {0};
	X509 *recipient = NULL;
	clv_rc rc = CLV_FAILED;

	memset(&head, 0, sizeof head);
	if (strlen(k->start->group) > BUNDLE_NAME_MAX || strlen(e->name) > BUNDLE_NAME_MAX) {
		(void)err_set(err, CLV_E_LIMIT, "a name that is too long");
		goto out;
	}
	memcpy(head.group, k->start->group, strlen(k->start->group));
	memcpy(head.name, e->name, strlen(e->name));
	if (bundle && !sha256(PROTO_SLICE(q->body), head.request, err) &&
	    !x509_from_der(PROTO_SLICE(e->intake), &recipient, err) && !bundle_begin(&head, bundle, err) &&
	    !kh_keys_pack(k, bundle, err))
		rc = envelope_seal(bundle, recipient, SEALED_MAX, out, err);
out:
	X509_free(recipient);
	secret_free(bundle);
	return rc;
}

clv_rc kh_on_join_seal(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhJoinSeal *q = (const Clv__KhJoinSeal *)msg;
	Clv__KhJoinSealed m = CLV__KH_JOIN_SEALED__INIT;
	Clv__EnrollRequest *e = NULL;
	uint8_t code[KEY_HASH_LEN];
	struct kh *k = ctx;
	struct clv_err why = {0};
	struct clv_buf sealed;
	clv_rc rc;

	(void)fds;
	buf_init(&sealed, SEALED_MAX);
	/* Used before it is sealed: a crash in between costs a code, not a second copy. */
	if (!k->group_key || !kh_group_key(k, 0))
		(void)err_set(&why, CLV_E_DENIED, "this node has no group key");
	else if (!open_request(k, q, &e, &why) && !compare(k, q, code, &why) && !q->compare &&
	         !use_once(k, code, e->time, &why))
		(void)seal(k, q, e, &sealed, &why);
	if (why.code || !e) {
		rc = kh_answer_failed(k, q->id, &why, err);
	} else {
		log_notice(q->compare
		               ? "the code of %s, which joins, was right: another person has to type it too"
		               : "the group's keys are sealed for %s, which joins by its code",
		           e->name);
		m.id = q->id;
		m.sealed = PROTO_BYTES(buf_slice(&sealed));
		rc = kh_answer(k, IPC_KH_JOIN_SEALED, &m.base, err);
	}
	proto_free((ProtobufCMessage *)e);
	buf_release(&sealed);
	return rc;
}

/* --- at the joiner --- */
static clv_rc open_keys(struct kh *k, const Clv__KhJoinOpen *q, struct clv_err *err)
{
	struct clv_secret *bundle = NULL;
	uint8_t hash[KEY_HASH_LEN];
	X509 *own = NULL;
	clv_rc rc = CLV_FAILED;

	if (kh_intake_load(k, err))
		return CLV_FAILED;
	if (!k->group->intake_key || !k->node_key || !buf_slice(&k->group_spki).len)
		return err_set(err, CLV_E_DENIED, "this node did not ask to join");
	if (q->sealed.len > SEALED_MAX || x509_from_der(buf_slice(&k->group->intake_cert), &own, err) ||
	    envelope_open(PROTO_SLICE(q->sealed), k->group->intake_key, own, &bundle, err) ||
	    sha256(PROTO_SLICE(q->body), hash, err))
		goto out;
	rc = kh_keys_take(k, bundle, hash, err);
out:
	X509_free(own);
	secret_free(bundle);
	return rc;
}

clv_rc kh_on_join_open(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhJoinOpen *q = (const Clv__KhJoinOpen *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	if (strcmp(k->start->mode, "join") != 0)
		(void)err_set(&why, CLV_E_DENIED, "this node does not join");
	else if (open_keys(k, q, &why) && !why.code)
		(void)err_set(&why, CLV_E_PROTO, "what came is too large");
	return why.code ? kh_answer_failed(k, q->id, &why, err) : kh_answer_done(k, q->id, err);
}
