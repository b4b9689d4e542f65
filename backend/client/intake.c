/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the keyboard (design 3): asks what a password for an account is sealed to, and believes the
 * answer only when the group signing key that is pinned here signed it. Runs in the console; no
 * password passes through this file.
 */
#include "client/session.h"

#include "base/clock.h"
#include "client/decode_parts.h"
#include "keys/agentcert.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "statement.pb-c.h"

#include <string.h>
#include <strings.h>

uint64_t clv_session_intake(struct clv_session *s, const char *account, struct clv_err *err)
{
	Clv__IntakeRequest m = CLV__INTAKE_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = session_str(account);
	return session_send(s, REQ_INTAKE, &m.base, m.req, false, err);
}

/* A local server is named by the file system; its key is compared where one is pinned. A server
 * that was reached by TLS has proven the pinned one, so one is pinned. */
static clv_rc check_key(const struct clv_session *s, const Clv__Intake *m, struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	char hex[2 * KEY_HASH_LEN + 1];
	if (sha256(PROTO_SLICE(m->group_key), hash, err) != CLV_OK)
		return CLV_FAILED;
	hex_encode((struct clv_slice){hash, sizeof(hash)}, true, hex);
	if (s->pinned == NULL && s->local)
		return CLV_OK;
	if (s->pinned == NULL || strcasecmp(s->pinned, hex) != 0)
		return err_set(err, CLV_E_SIGNATURE,
		               "STOP. %s shows another group signing key than was pinned; nothing can be "
		               "sealed for it. known %.16s…  shown %.16s…",
		               s->server, s->pinned != NULL ? s->pinned : "none", hex);
	return CLV_OK;
}

static clv_rc check_statement(const Clv__Intake *m, ProtobufCMessage **out, struct clv_err *err)
{
	ProtobufCMessage *body = NULL;
	int64_t now = clock_wall_ms();
	if (statement_open(STATEMENT_INTAKE, m->group, PROTO_SLICE(m->group_key), PROTO_SLICE(m->statement),
	                   PROTO_SLICE(m->signature), &body, err) != CLV_OK)
		return err_wrap(err, "what passwords are sealed to");
	const Clv__IntakeStatement *st = (const Clv__IntakeStatement *)body;
	if (st->not_after != 0 && st->not_after <= now) {
		proto_free(body);
		return err_set(err, CLV_E_SIGNATURE,
		               "the certificate that passwords are sealed to has ended, or this clock is "
		               "wrong; nothing can be sealed for it");
	}
	*out = body;
	return CLV_OK;
}

static clv_rc take_fact(const Clv__Intake *m, const Clv__IntakeStatement *st, struct clv_intake_fact *f,
                        struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	buf_init(&f->certificate, AGENTCERT_DER_MAX);
	if (buf_put(&f->certificate, PROTO_SLICE(st->certificate), err) != CLV_OK ||
	    sha256(buf_slice(&f->certificate), hash, err) != CLV_OK)
		return CLV_FAILED;
	memcpy(f->key_id, hash, sizeof(f->key_id));
	f->group = decode_dup_or_empty(m->group);
	f->account_id = decode_dup_or_empty(m->account_id);
	f->account = decode_dup_or_empty(m->account);
	f->user = decode_dup_or_empty(m->user);
	f->domain = decode_dup_or_empty(m->domain);
	f->principal = decode_dup_or_empty(m->principal);
	f->first = decode_dup_or_empty(m->first);
	f->server = decode_dup_or_empty(st->server);
	f->type = (enum clv_account_type)decode_within(m->type, CLV_ACCOUNT_TYPE_MAX);
	f->version = m->version;
	f->row_version = m->row_version;
	f->hosts = m->hosts;
	f->has_check = m->has_check;
	return CLV_OK;
}

clv_rc session_take_intake(const struct clv_session *s, struct clv_slice body, struct clv_reply **out,
                           struct clv_err *err)
{
	ProtobufCMessage *m = NULL, *st = NULL;
	struct clv_err why = {0};
	if (proto_decode(&clv__intake__descriptor, body, &m, err) != CLV_OK)
		return err_wrap(err, "while reading the server's reply 0x%x", REP_INTAKE);
	const Clv__Intake *in = (const Clv__Intake *)m;
	struct clv_reply *r = clv_calloc(1, sizeof(*r));
	struct clv_intake_fact *f = clv_calloc(1, sizeof(*f));
	r->req = in->req;
	if (check_key(s, in, &why) != CLV_OK || check_statement(in, &st, &why) != CLV_OK || st == NULL ||
	    take_fact(in, (const Clv__IntakeStatement *)st, f, &why) != CLV_OK) {
		r->kind = CLV_REPLY_REFUSED;
		r->code = why.code;
		r->text = clv_strdup(why.text);
		facts_intake_free(f);
	} else {
		r->kind = CLV_REPLY_INTAKE;
		r->intake = f;
	}
	*out = r;
	proto_free(st);
	proto_free(m);
	return CLV_OK;
}
