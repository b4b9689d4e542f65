/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's recovery as a console asks for it: its state, claims on accounts, and
 * the signed report, which is believed only when the group signing key that is pinned here signed it. Runs in
 * the console.
 */
#include "client/session.h"

#include "client/decode_parts.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "statement.pb-c.h"

#include <string.h>
#include <strings.h>

#define REPORT_BODY_MAX (600u * 1024u)

uint64_t clv_session_recovery(struct clv_session *s, struct clv_err *err)
{
	Clv__RecoveryRequest m = CLV__RECOVERY_REQUEST__INIT;
	m.req = ++s->next_req;
	return session_send(s, REQ_RECOVERY, &m.base, m.req, false, err);
}

uint64_t clv_session_claim(struct clv_session *s, const char *account, bool leave, struct clv_err *err)
{
	Clv__ClaimRequest m = CLV__CLAIM_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = session_str(account);
	m.leave = leave;
	return session_send(s, REQ_CLAIM, &m.base, m.req, false, err);
}

uint64_t clv_session_report(struct clv_session *s, struct clv_err *err)
{
	Clv__RecoveryReportRequest m = CLV__RECOVERY_REPORT_REQUEST__INIT;
	m.req = ++s->next_req;
	return session_send(s, REQ_RECOVERY_REPORT, &m.base, m.req, false, err);
}

/* The key that the report names is the pinned one; a local server is named by the file system. */
static clv_rc check_key(const struct clv_session *s, const Clv__RecoveryReportReply *m,
                        uint8_t hash[KEY_HASH_LEN], struct clv_err *err)
{
	char hex[2 * KEY_HASH_LEN + 1];
	if (sha256(PROTO_SLICE(m->group_key), hash, err) != CLV_OK)
		return CLV_FAILED;
	hex_encode((struct clv_slice){hash, KEY_HASH_LEN}, true, hex);
	if (s->pinned == NULL && s->local)
		return CLV_OK;
	if (s->pinned == NULL || strcasecmp(s->pinned, hex) != 0)
		return err_set(err, CLV_E_SIGNATURE,
		               "the report was signed by another group signing key than is pinned here: "
		               "known %.16s…  shown %.16s…",
		               s->pinned != NULL ? s->pinned : "none", hex);
	return CLV_OK;
}

static clv_rc keep(struct clv_buf *b, struct clv_slice s, struct clv_err *err)
{
	buf_init(b, REPORT_BODY_MAX);
	return buf_put(b, s, err);
}

static clv_rc take(const struct clv_session *s, const Clv__RecoveryReportReply *m, struct clv_report_fact *f,
                   struct clv_err *err)
{
	ProtobufCMessage *body = NULL;
	clv_rc rc = CLV_FAILED;
	if (check_key(s, m, f->group_key_id, err) != CLV_OK)
		return CLV_FAILED;
	if (statement_open(STATEMENT_REPORT, m->group, PROTO_SLICE(m->group_key), PROTO_SLICE(m->statement),
	                   PROTO_SLICE(m->signature), &body, err) != CLV_OK)
		return err_wrap(err, "the recovery's report");
	const Clv__Report *r = (const Clv__Report *)body;
	f->server = decode_dup_or_empty(r->server);
	f->text = decode_dup_or_empty(r->text);
	f->epoch = r->epoch;
	f->time = r->time;
	f->audit_seq = r->audit_seq;
	if (!decode_bytes(&r->audit_hash, f->audit_hash, sizeof(f->audit_hash)))
		(void)err_set(err, CLV_E_PROTO, "a report without the audit trail's hash");
	else if (keep(&f->body, PROTO_SLICE(m->statement), err) == CLV_OK &&
	         keep(&f->signature, PROTO_SLICE(m->signature), err) == CLV_OK)
		rc = keep(&f->group_key, PROTO_SLICE(m->group_key), err);
	proto_free(body);
	return rc;
}

clv_rc session_take_report(const struct clv_session *s, struct clv_slice body, struct clv_reply **out,
                           struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	struct clv_err why = {0};
	if (proto_decode(&clv__recovery_report_reply__descriptor, body, &m, err) != CLV_OK)
		return err_wrap(err, "while reading the server's reply 0x%x", REP_RECOVERY_REPORT);
	const Clv__RecoveryReportReply *in = (const Clv__RecoveryReportReply *)m;
	struct clv_reply *r = clv_calloc(1, sizeof(*r));
	struct clv_report_fact *f = clv_calloc(1, sizeof(*f));
	r->req = in->req;
	if (take(s, in, f, &why) != CLV_OK) {
		r->kind = CLV_REPLY_REFUSED;
		r->code = why.code;
		r->text = clv_strdup(why.text);
		facts_report_free(f);
	} else {
		r->kind = CLV_REPLY_REPORT;
		r->report = f;
	}
	*out = r;
	proto_free(m);
	return CLV_OK;
}
