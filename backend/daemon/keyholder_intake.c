/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords from the keyboard: the intake certificate that consoles seal to, and what is done with what
 * they sealed: opened, compared, encrypted under the group key. A plaintext lives here alone, in
 * `secret`, and leaves no other way. Runs in a management server's key holder.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include "proto/codec.h"
#include "runas/intake.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <string.h>

#define KH_PURPOSE_INTAKE "intake-key"
#define INTAKE_BITS       3072u
#define INTAKE_DAYS       365u
#define RENEW_BEFORE_MS   (30ll * 86400000)

/* Item: u64 made, lp certificate, PKCS #8 to the end. */
struct parts {
	struct kh_group *g;
	struct clv_slice pkcs8;
};

static clv_rc take_item(struct clv_slice item, void *ctx, struct clv_err *err)
{
	struct kh_group *g = ctx;
	struct clv_slice cert = {0};
	const unsigned char *p;
	uint64_t made = 0;

	if (slice_get_u64(&item, &made, err) || slice_get_lp(&item, AGENTCERT_DER_MAX, &cert, err) ||
	    buf_put(&g->intake_cert, cert, err))
		return CLV_FAILED;
	p = item.ptr;
	g->intake_key = d2i_AutoPrivateKey(NULL, &p, (long)item.len);
	g->intake_made = (int64_t)made;
	return g->intake_key ? CLV_OK : err_set(err, CLV_E_CORRUPT, "the intake key does not parse");
}

clv_rc kh_intake_load(struct kh *k, struct clv_err *err)
{
	struct clv_secret *item;
	clv_rc rc = CLV_FAILED;

	if (k->group->intake_key || !vault_has(k->vault, KH_PURPOSE_INTAKE, "self"))
		return CLV_OK;
	item = secret_new(VAULT_ITEM_MAX, err);
	if (item && !vault_get(k->vault, KH_PURPOSE_INTAKE, "self", slice_of(NULL, 0), item, err))
		rc = secret_use(item, take_item, k->group, err);
	secret_free(item);
	return rc;
}

static int64_t ends_at(const struct kh *k)
{
	return k->group->intake_made + (int64_t)INTAKE_DAYS * 86400000ll;
}

static clv_rc answer_intake(struct kh *k, uint64_t id, struct clv_err *err)
{
	Clv__IntakeStatement st = CLV__INTAKE_STATEMENT__INIT;
	Clv__KhIntake m = CLV__KH_INTAKE__INIT;
	struct clv_buf body, sig;
	struct clv_err why = {0};
	clv_rc rc;

	buf_init(&body, 8192);
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (!k->group_key) { /* it joins, and names this certificate in its request */
		m.id = id;
		m.certificate = PROTO_BYTES(buf_slice(&k->group->intake_cert));
		m.not_after = ends_at(k);
		rc = kh_answer(k, IPC_KH_INTAKE, &m.base, err);
		goto out;
	}
	st.server = k->start->name;
	st.number = (uint64_t)k->group->intake_made;
	st.certificate = PROTO_BYTES(buf_slice(&k->group->intake_cert));
	st.not_after = ends_at(k);
	if (statement_make(STATEMENT_INTAKE, k->start->group, &st.base, k->group_key, &body, &sig, &why)) {
		rc = kh_answer_failed(k, id, &why, err);
	} else {
		m.id = id;
		m.certificate = st.certificate;
		m.body = PROTO_BYTES(buf_slice(&body));
		m.signature = PROTO_BYTES(buf_slice(&sig));
		m.not_after = st.not_after;
		rc = kh_answer(k, IPC_KH_INTAKE, &m.base, err);
	}
out:
	buf_release(&body);
	buf_release(&sig);
	return rc;
}

clv_rc kh_on_intake(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhIntakeRequest *q = (const Clv__KhIntakeRequest *)msg;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	if ((!k->group_key || !kh_group_key(k, 0)) && strcmp(k->start->mode, "join") != 0)
		(void)err_set(&why, CLV_E_DENIED, "this node has no group key");
	else if (k->group->intake_making)
		(void)err_set(&why, CLV_E_CONFLICT, "the intake key is being made");
	else if (kh_intake_load(k, &why) && !why.code)
		(void)err_set(&why, CLV_E_INTERNAL, "the intake key does not load");
	if (why.code)
		return kh_answer_failed(k, q->id, &why, err);
	if (k->group->intake_key && ends_at(k) - RENEW_BEFORE_MS > clock_wall_ms())
		return answer_intake(k, q->id, err);
	if (keygen_ask(k->keygen, INTAKE_BITS, &why))
		return kh_answer_failed(k, q->id, &why, err);
	k->group->intake_making = true;
	k->group->intake_id = q->id;
	return CLV_OK;
}

static clv_rc join(struct clv_slice pkcs8, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, pkcs8.ptr, pkcs8.len, err);
}

static clv_rc store(struct kh *k, int64_t made, struct clv_slice cert, const struct clv_secret *pkcs8,
                    struct clv_err *err)
{
	struct clv_secret *item = secret_new(VAULT_ITEM_MAX, err);
	struct clv_buf head;
	clv_rc rc = CLV_FAILED;

	buf_init(&head, AGENTCERT_DER_MAX + 16);
	if (item && !buf_put_u64(&head, (uint64_t)made, err) && !buf_put_lp(&head, cert, err) &&
	    !secret_append(item, buf_slice(&head).ptr, buf_slice(&head).len, err) &&
	    !secret_use(pkcs8, join, item, err))
		rc = vault_put(k->vault, KH_PURPOSE_INTAKE, "self", slice_of(NULL, 0), item, err);
	buf_release(&head);
	secret_free(item);
	return rc;
}

clv_rc kh_intake_made(struct kh *k, const struct clv_secret *pkcs8, struct clv_err *err)
{
	struct kh_group *g = k->group;
	int64_t made = clock_wall_ms();
	EVP_PKEY *key = kh_pkey_of(pkcs8, err);
	struct clv_buf cert;
	struct clv_err why = {0};

	g->intake_making = false;
	buf_init(&cert, AGENTCERT_DER_MAX);
	if (!key || agentcert_make(key, k->start->name, INTAKE_DAYS, made, &cert, &why) ||
	    store(k, made, buf_slice(&cert), pkcs8, &why)) {
		EVP_PKEY_free(key);
		buf_release(&cert);
		return k->core ? kh_answer_failed(k, g->intake_id, &why, err) : CLV_OK;
	}
	EVP_PKEY_free(g->intake_key);
	buf_release(&g->intake_cert);
	g->intake_key = key;
	g->intake_cert = cert;
	g->intake_made = made;
	return k->core ? answer_intake(k, g->intake_id, err) : CLV_OK;
}

/* One text, whatever differs: core learns nothing from it that it did not send. */
static clv_rc compare(const struct kh *k, const Clv__KhEnter *q, const Clv__AccountRow *a,
                      const struct intake_head *h, struct clv_err *err)
{
	if (strcmp(h->group, k->start->group) != 0 || strcmp(h->account, a->id) != 0 ||
	    strcmp(h->operator_, q->operator_) != 0)
		return err_set(err, CLV_E_AUTH,
		               "what was sealed is not for this account, group and operator");
	if (h->expected != a->version)
		return err_set(err, CLV_E_CONFLICT, "another password was entered meanwhile");
	if (q->version <= a->version)
		return err_set(err, CLV_E_CONFLICT, "version %" PRIu64 " is not newer", q->version);
	return CLV_OK;
}

static clv_rc enter(struct kh *k, const Clv__KhEnter *q, const Clv__AccountRow *a, struct clv_buf *blob,
                    struct clv_err *err)
{
	struct clv_secret *password = secret_new(INTAKE_SECRET_MAX, err);
	struct intake_head *h = clv_calloc(1, sizeof *h);
	X509 *recipient = NULL;
	clv_rc rc = CLV_FAILED;

	if (password && !x509_from_der(buf_slice(&k->group->intake_cert), &recipient, err) &&
	    !intake_open(PROTO_SLICE(q->sealed), k->group->intake_key, recipient, h, password, err) &&
	    !compare(k, q, a, h, err))
		rc = kh_password_seal(k, a->id, q->version, password, blob, err);
	X509_free(recipient);
	clv_free(h);
	secret_free(password);
	return rc;
}

clv_rc kh_on_enter(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhEnter *q = (const Clv__KhEnter *)msg;
	struct kh *k = ctx;
	Clv__KhEntered m = CLV__KH_ENTERED__INIT;
	ProtobufCMessage *row = NULL;
	struct clv_buf blob;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	buf_init(&blob, INTAKE_SECRET_MAX + 256);
	if (!k->group_key || !kh_group_key(k, 0))
		(void)err_set(&why, CLV_E_DENIED, "this node has no group key");
	else if (!kh_intake_load(k, &why) && !k->group->intake_key)
		(void)err_set(&why, CLV_E_NOTFOUND, "this node has no intake key");
	else if (!why.code && (!q->account || strcmp(q->account->kind, "account") != 0))
		(void)err_set(&why, CLV_E_PROTO, "no account was given");
	else if (!why.code && !kh_row_open(k, q->account, &row, &why) && !row)
		(void)err_set(&why, CLV_E_NOTFOUND, "the account was removed");
	else if (!why.code)
		(void)enter(k, q, (const Clv__AccountRow *)row, &blob, &why);
	if (why.code) {
		rc = kh_answer_failed(k, q->id, &why, err);
	} else {
		m.id = q->id;
		m.blob = PROTO_BYTES(buf_slice(&blob));
		m.group_key = kh_group_key(k, 0)->version;
		rc = kh_answer(k, IPC_KH_ENTERED, &m.base, err);
	}
	proto_free(row);
	buf_release(&blob);
	return rc;
}
