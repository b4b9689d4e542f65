/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel by Kerberos: token frames, the confirmation by which each end shows that it holds this very
 * context's key, then wrapped frames. Calls no Kerberos library: steps are handed out, wrapping comes by
 * struct chan_krb_ops. It must never take a frame before the peer's confirmation.
 */
#include "channel/chan_parts.h"
#include "claviger/text.h"

#include <stdio.h>
#include <string.h>

#define RAW_MAX (CHAN_FRAME_MAX + CHAN_HEAD + KRB_WRAP_MORE + 65536u)

enum { CLEAR_TOKEN = 3, CLEAR_NO = 4 };

#define CONFIRM_LEN (24u + CHAN_T_LEN + 32u)

static const char labels[2][24] = {"claviger/1 acceptor", "claviger/1 initiator"};

static clv_rc put_clear(struct chan *c, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	if (buf_put_u32(&c->out, (uint32_t)(body.len + 2), err) || buf_put_u16(&c->out, type, err))
		return CLV_FAILED;
	return buf_put(&c->out, body, err);
}

clv_rc krb_start(struct chan *c, struct clv_err *err)
{
	c->phase = c->initiator ? KRB_STEP_DUE : KRB_TOKEN_DUE;
	c->state = CHAN_HANDSHAKING;
	return c->initiator ? krb_service_of(&c->krb->names, c->krb->service, c->peer_name, c->target, err)
	                    : CLV_OK;
}

bool chan_step(struct chan *c, struct chan_step *out)
{
	if (c->state != CHAN_HANDSHAKING || c->phase != KRB_STEP_DUE)
		return false;
	c->phase = KRB_STEPPING;
	*out = (struct chan_step){.initiator = c->initiator,
	                          .token = buf_slice(&c->token),
	                          .t = slice_of(c->desc.t, sizeof c->desc.t),
	                          .target = c->target};
	return true;
}

/* One frame inside one wrapped message behind a length. */
clv_rc krb_write(struct chan *c, struct clv_slice plain, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, plain.len + KRB_WRAP_MORE);
	rc = c->krb->ops->wrap(c->gss, plain, &b, err);
	if (!rc)
		rc = buf_put_u32(&c->out, (uint32_t)buf_slice(&b).len, err);
	if (!rc)
		rc = buf_put(&c->out, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

/* T17: a token has bits that no library checks and no MAC covers; the hash over all of them does. */
static void transcribe(struct chan *c, struct clv_slice token)
{
	negotiate_t(slice_of(c->transcript, sizeof c->transcript), token, c->transcript);
}

static void confirmation(const struct chan *c, bool of_initiator, uint8_t out[CONFIRM_LEN])
{
	memcpy(out, labels[of_initiator], 24);
	memcpy(out + 24, c->desc.t, CHAN_T_LEN);
	memcpy(out + 24 + CHAN_T_LEN, c->transcript, sizeof c->transcript);
}

static clv_rc put_token(struct chan *c, struct clv_slice token, struct clv_err *err)
{
	transcribe(c, token);
	return put_clear(c, CLEAR_TOKEN, token, err);
}

static clv_rc confirm(struct chan *c, struct clv_err *err)
{
	uint8_t body[CONFIRM_LEN];

	confirmation(c, c->initiator, body);
	return krb_write(c, slice_of(body, sizeof body), err);
}

/* What is known of the peer once the context stands. */
static clv_rc describe(struct chan *c, const struct chan_stepped *r, struct clv_err *err)
{
	struct chan_desc *d = &c->desc;
	const char *why;

	if (krb_check_enctypes(r->ticket, r->session, r->key, c->krb->permit_rc4, err))
		return CLV_FAILED;
	d->mech = CHAN_MECH_KERBEROS;
	d->peer_not_after_ms = r->ends_ms;
	why = krb_strength(r->key) != KRB_STRONG       ? " (weak)"
	      : krb_strength(r->ticket) != KRB_STRONG  ? " (weak: RC4 ticket)"
	      : krb_strength(r->session) != KRB_STRONG ? " (weak: RC4 session)"
	                                               : "";
	d->weak = *why != 0;
	(void)snprintf(d->cipher, sizeof d->cipher, "%s%s", krb_enctype_name(r->key), why);
	if (c->initiator) {
		(void)snprintf(d->principal, sizeof d->principal, "%.255s", c->target);
		(void)snprintf(d->peer_name, sizeof d->peer_name, "%s", c->peer_name);
		return CLV_OK;
	}
	if (strlen(r->principal) >= sizeof d->principal)
		return err_set(err, CLV_E_AUTH, "the peer's principal is outside the grammar");
	memcpy(d->principal, r->principal, strlen(r->principal) + 1);
	return c->peer_kind == VERIFY_NODE ? krb_node_of(&c->krb->names, r->principal, d->peer_name, err)
	                                   : krb_operator_of(&c->krb->names, r->principal, d->peer_name, err);
}

static clv_rc step_done(struct chan *c, const struct chan_stepped *r, struct clv_err *err)
{
	if (c->phase != KRB_STEPPING)
		return err_set(err, CLV_E_INTERNAL, "a step of an exchange that nobody asked for");
	buf_clear(&c->token);
	if (r->token.len > KRB_TOKEN_MAX)
		return err_set(err, CLV_E_LIMIT, "a token of %zu bytes of our own", r->token.len);
	if (!r->done) {
		c->phase = KRB_TOKEN_DUE;
		return put_token(c, r->token, err);
	}
	/* Our last token goes out when nothing can be wrong any more. */
	if (describe(c, r, err) || c->krb->ops->import(r->context, &c->gss, err) ||
	    c->krb->ops->fingerprint(c->gss, c->desc.fingerprint, err) ||
	    (r->token.len && put_token(c, r->token, err)))
		return CLV_FAILED;
	buf_release(&c->raw);
	buf_init(&c->raw, RAW_MAX);
	c->phase = KRB_CONFIRM_DUE;
	return c->initiator ? confirm(c, err) : CLV_OK;
}

clv_rc chan_step_done(struct chan *c, const struct chan_stepped *r, struct clv_err *err)
{
	struct clv_err why = {0};

	if (c->state != CHAN_HANDSHAKING)
		return err_set(err, CLV_E_CLOSED, "the channel is closed");
	if (!step_done(c, r, &why))
		return CLV_OK;
	chan_step_failed(c, &why);
	if (err)
		*err = why;
	return CLV_FAILED;
}

void chan_step_failed(struct chan *c, const struct clv_err *why)
{
	size_t len = strnlen(why->text, NEGOTIATE_REASON_MAX);

	if (c->initiator && !c->desc.failure)
		c->desc.failure = CHAN_FAILED_CONTEXT;

	/* What is wrong with a ticket is no secret; the initiator's own failures stay at home. */
	if (!c->initiator && c->gss == NULL && c->state == CHAN_HANDSHAKING &&
	    put_clear(c, CLEAR_NO, slice_of(why->text, len), NULL))
		buf_clear(&c->out);
	c->state = CHAN_CLOSED;
}

static clv_rc refused(struct clv_slice reason, struct clv_err *err)
{
	struct clv_text *why;

	if (reason.len == 0 || reason.len > NEGOTIATE_REASON_MAX)
		return err_set(err, CLV_E_PROTO, "the peer refused our ticket without a proper reason");
	why = text_new(reason);
	(void)err_set(err, CLV_E_AUTH, "the peer refused our ticket: %s", text_str(why));
	text_free(why);
	return CLV_FAILED;
}

static clv_rc take_token(struct chan *c, struct clv_slice token, struct clv_err *err)
{
	uint32_t ticket, session;

	if (token.len == 0)
		return err_set(err, CLV_E_PROTO, "the peer sent an empty Kerberos token");
	if (!c->initiator && (krb_token_enctypes(token, &ticket, &session, err) ||
	                      krb_check_enctypes(ticket, session, session, c->krb->permit_rc4, err)))
		return CLV_FAILED;
	if (buf_put(&c->token, token, err))
		return CLV_FAILED;
	transcribe(c, token);
	c->phase = KRB_STEP_DUE;
	return CLV_OK;
}

/* A token, or the peer's refusal, in the clear. */
static clv_rc clear(struct chan *c, bool *again, struct clv_err *err)
{
	struct clv_slice s = buf_slice(&c->raw), body;
	uint32_t len;
	uint16_t type;
	clv_rc rc;

	if (s.len < CHAN_HEAD)
		return CLV_OK;
	if (slice_get_u32(&s, &len, err) || slice_get_u16(&s, &type, err))
		return CLV_FAILED;
	if (type != CLEAR_TOKEN && !(type == CLEAR_NO && c->initiator))
		return err_set(err, CLV_E_PROTO, "a frame of type %u where a Kerberos token belongs", type);
	if (len < 2 || len - 2 > KRB_TOKEN_MAX)
		return err_set(err, CLV_E_LIMIT, "a token frame of %u bytes; at most %u are taken", len,
		               KRB_TOKEN_MAX);
	if (s.len < len - 2)
		return CLV_OK;
	if (slice_get(&s, len - 2, &body, err))
		return CLV_FAILED;
	if (type == CLEAR_NO)
		c->desc.failure = CHAN_FAILED_REFUSED;
	rc = type == CLEAR_NO ? refused(body, err) : take_token(c, body, err);
	buf_consume(&c->raw, CHAN_HEAD + body.len);
	*again = true;
	return rc;
}

static clv_rc take_confirmation(struct chan *c, struct clv_slice plain, struct clv_err *err)
{
	uint8_t want[CONFIRM_LEN];

	confirmation(c, !c->initiator, want);
	if (!slice_eq_ct(plain, slice_of(want, sizeof want)))
		return err_set(err, CLV_E_AUTH, "the peer confirms another exchange than this one");
	if (!c->initiator && confirm(c, err))
		return CLV_FAILED;
	c->phase = KRB_WRAPPED;
	c->state = CHAN_OPEN;
	return CLV_OK;
}

/* Exactly one frame in each message. */
static clv_rc take_plain(struct chan *c, struct clv_slice plain, struct clv_err *err)
{
	struct clv_slice s = plain;
	uint32_t len;

	if (c->phase == KRB_CONFIRM_DUE)
		return take_confirmation(c, plain, err);
	if (slice_get_u32(&s, &len, err) || len != s.len || len < 2)
		return err_set(err, CLV_E_PROTO, "a wrapped message that is not one frame");
	return buf_put(&c->in, plain, err) ? err_wrap(err, "received messages are not taken") : CLV_OK;
}

static clv_rc wrapped(struct chan *c, bool *again, struct clv_err *err)
{
	uint32_t most = (c->proven ? CHAN_FRAME_MAX : CHAN_FRAME_PREAUTH_MAX) + CHAN_HEAD + KRB_WRAP_MORE;
	struct clv_slice s = buf_slice(&c->raw), token;
	struct clv_buf plain;
	uint32_t len;
	clv_rc rc;

	if (s.len < 4)
		return CLV_OK;
	if (slice_get_u32(&s, &len, err))
		return CLV_FAILED;
	if (len > most)
		return err_set(err, CLV_E_LIMIT, "a wrapped message of %u bytes; at most %u are taken%s", len,
		               most, c->proven ? "" : " before the link is proven");
	if (s.len < len)
		return CLV_OK;
	if (slice_get(&s, len, &token, err))
		return CLV_FAILED;
	buf_init(&plain, len + 1);
	rc = c->krb->ops->unwrap(c->gss, token, &plain, err);
	if (!rc)
		rc = take_plain(c, buf_slice(&plain), err);
	buf_release(&plain);
	buf_consume(&c->raw, 4 + (size_t)len);
	*again = true;
	return rc;
}

static clv_rc feed(struct chan *c, struct clv_err *err)
{
	bool again = true;

	while (again) {
		again = false;
		if (buf_slice(&c->raw).len == 0)
			return CLV_OK;
		if (c->phase == KRB_STEP_DUE || c->phase == KRB_STEPPING)
			return err_set(err, CLV_E_PROTO,
			               "the peer spoke out of turn in the Kerberos exchange");
		if (c->phase == KRB_TOKEN_DUE ? clear(c, &again, err) : wrapped(c, &again, err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

clv_rc krb_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	struct clv_err why = {0};

	if (buf_put(&c->raw, bytes, &why) || feed(c, &why)) {
		if (c->phase != KRB_WRAPPED && c->phase != KRB_CONFIRM_DUE)
			chan_step_failed(c, &why);
		if (err)
			*err = why;
		return CLV_FAILED;
	}
	if (buf_slice(&c->raw).len == 0 && c->phase == KRB_WRAPPED) {
		buf_release(&c->raw); /* an idle connection holds no memory */
		buf_init(&c->raw, RAW_MAX);
	}
	return CLV_OK;
}

void krb_release(struct chan *c)
{
	if (c->gss)
		c->krb->ops->free(c->gss);
	c->gss = NULL;
	buf_release(&c->token);
}

clv_rc krb_recheck(const struct chan *c, struct clv_err *err)
{
	char name[KRB_PRINCIPAL_MAX];

	if (c->wall_ms() >= c->desc.peer_not_after_ms)
		return err_set(err, CLV_E_AUTH, "the Kerberos ticket has ended");
	if (c->initiator)
		return CLV_OK;
	return c->peer_kind == VERIFY_NODE ? krb_node_of(&c->krb->names, c->desc.principal, name, err)
	                                   : krb_operator_of(&c->krb->names, c->desc.principal, name, err);
}
