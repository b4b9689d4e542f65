/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: its states (negotiating, handshaking, open, closed) and its frames. Protection is
 * in tls.c and krb.c. It does no I/O and never looks at an application byte before it is open.
 */
#include "channel/chan_parts.h"
#include "base/clock.h"
#include "claviger/text.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define CHAN_MAGIC     0x6368616eu
#define IN_MAX         (4u * 1024u * 1024u)
#define TLS_FIRST_BYTE 0x16
#define TLS_ALERT_BYTE 0x15
#define TLS_HEAD       9u /* record head and the head of the first handshake message */
#define HELLO_MAX      16384u

enum clear_frame { CLEAR_OFFER = 1, CLEAR_ANSWER = 2 };

static struct chan *make(bool initiator)
{
	struct chan *c = clv_calloc(1, sizeof(*c));

	c->magic = CHAN_MAGIC;
	c->initiator = initiator;
	c->state = CHAN_NEGOTIATING;
	c->wall_ms = clock_wall_ms;
	buf_init(&c->offer_body, CHAN_FRAME_PREAUTH_MAX);
	buf_init(&c->raw, CHAN_FRAME_PREAUTH_MAX + CHAN_HEAD + 65536);
	buf_init(&c->token, KRB_TOKEN_MAX);
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, CHAN_OUTPUT_MAX + 128u * 1024u); /* alerts and record heads go on top */
	return c;
}

void chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	assert(c->magic == CHAN_MAGIC);
	c->magic = 0;
	SSL_free(c->ssl);
	krb_release(c);
	chan_creds_free(c->creds);
	buf_release(&c->offer_body);
	buf_release(&c->raw);
	buf_release(&c->in);
	buf_release(&c->out);
	clv_free(c->peer_name);
	clv_free(c);
}

/* A frame in the clear, behind what waits already. */
static clv_rc put_clear(struct chan *c, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	if (buf_put_u32(&c->out, (uint32_t)(body.len + 2), err) != CLV_OK ||
	    buf_put_u16(&c->out, type, err) != CLV_OK)
		return CLV_FAILED;
	return buf_put(&c->out, body, err);
}

static bool can_certificate(const struct chan *c)
{
	return c->creds && c->creds->client && c->pref != CHAN_PREF_KERBEROS;
}

static clv_rc send_offer(struct chan *c, struct clv_err *err)
{
	c->offer.version_min = 1;
	c->offer.version_max = CHAN_VERSION;
	if (can_certificate(c))
		c->offer.mechs[c->offer.n_mechs++] = CHAN_MECH_CERTIFICATE;
	if (c->krb)
		c->offer.mechs[c->offer.n_mechs++] = CHAN_MECH_KERBEROS;
	memcpy(c->offer.role, c->role, sizeof(c->offer.role));
	if (RAND_bytes(c->offer.nonce, sizeof(c->offer.nonce)) != 1)
		return err_set(err, CLV_E_CRYPTO, "the random generator failed");
	if (offer_encode(&c->offer, &c->offer_body, err) != CLV_OK)
		return CLV_FAILED;
	c->offered = true;
	return put_clear(c, CLEAR_OFFER, buf_slice(&c->offer_body), err);
}

static clv_rc check_opts(const struct chan_opts *o, struct clv_err *err)
{
	bool certificate = o->creds && o->creds->client && o->pref != CHAN_PREF_KERBEROS;
	bool kerberos = o->krb && o->pref != CHAN_PREF_CERTIFICATE && !o->no_krb;

	if (!certificate && !kerberos && o->pref == CHAN_PREF_KERBEROS)
		return err_set(err, CLV_E_CONFIG,
		               "mechanism = kerberos, and there is no Kerberos here: set keytab and realms "
		               "under [kerberos]");
	if (!certificate && !kerberos)
		return err_set(
		    err, CLV_E_CONFIG,
		    "there is no channel certificate; set ca, certificate and key under [channel]");
	if (o->role != NULL && strlen(o->role) > NEGOTIATE_ROLE_MAX)
		return err_set(err, CLV_E_USAGE, "a role of more than %u letters", NEGOTIATE_ROLE_MAX);
	if (o->initiator && o->peer_name == NULL && o->peer_kind == VERIFY_NODE)
		return err_set(err, CLV_E_USAGE, "whoever dials must say which name it expects");
	return CLV_OK;
}

struct chan *chan_new(const struct chan_opts *opts, struct clv_err *err)
{
	struct chan *c;
	clv_rc rc = CLV_OK;

	if (check_opts(opts, err) != CLV_OK)
		return NULL;
	c = make(opts->initiator);
	c->pref = opts->pref;
	c->creds = opts->creds ? chan_creds_ref(opts->creds) : NULL;
	c->krb = opts->pref == CHAN_PREF_CERTIFICATE || opts->no_krb ? NULL : opts->krb;
	c->peer_name = opts->initiator ? clv_strdup(opts->peer_name) : NULL;
	c->peer_kind = opts->initiator || !opts->creds ? opts->peer_kind : opts->creds->accept;
	if (opts->wall_ms != NULL)
		c->wall_ms = opts->wall_ms;
	(void)snprintf(c->role, sizeof(c->role), "%s", opts->role == NULL ? "agent" : opts->role);
	if (opts->initiator && opts->pref == CHAN_PREF_CERTIFICATE) {
		negotiate_t(slice_of(NULL, 0), slice_of(NULL, 0), c->desc.t);
		rc = tls_start(c, err);
	} else if (opts->initiator) {
		rc = send_offer(c, err);
	}
	if (rc != CLV_OK) {
		chan_free(c);
		return NULL;
	}
	return c;
}

struct chan *chan_new_local(const char *peer_name, struct clv_err *err)
{
	struct chan *c;

	if (strlen(peer_name) >= sizeof(c->desc.peer_name)) {
		(void)err_set(err, CLV_E_LIMIT, "a local peer's name of more than %zu bytes",
		              sizeof(c->desc.peer_name) - 1);
		return NULL;
	}
	c = make(false);
	c->local = true;
	c->proven = true;
	c->state = CHAN_OPEN;
	c->desc.mech = CHAN_MECH_LOCAL;
	(void)snprintf(c->desc.protocol, sizeof(c->desc.protocol), "local");
	(void)snprintf(c->desc.peer_name, sizeof(c->desc.peer_name), "%s", peer_name);
	return c;
}

/* The frame in the clear at the front of raw. *have false: more bytes are needed. */
static clv_rc clear_frame(struct chan *c, enum clear_frame want, bool *have, struct clv_slice *body,
                          struct clv_err *err)
{
	struct clv_slice s = buf_slice(&c->raw);
	uint32_t len;
	uint16_t type;

	*have = false;
	if (s.len < CHAN_HEAD)
		return CLV_OK;
	if (slice_get_u32(&s, &len, err) != CLV_OK || slice_get_u16(&s, &type, err) != CLV_OK)
		return CLV_FAILED;
	if (len < 2 || len - 2 > CHAN_FRAME_PREAUTH_MAX)
		return err_set(err, CLV_E_LIMIT,
		               "the peer's first frame claims %u bytes; at most %u are taken", len,
		               CHAN_FRAME_PREAUTH_MAX);
	if (type != want)
		return err_set(err, CLV_E_PROTO, "the peer's first frame is of type %u; expected %s", type,
		               want == CLEAR_OFFER ? "an offer" : "an answer");
	if (s.len < len - 2)
		return CLV_OK;
	*have = true;
	return slice_get(&s, len - 2, body, err);
}

/* TLS takes over with whatever lies behind the frame of n bytes. */
static clv_rc go_tls(struct chan *c, size_t n, struct clv_err *err)
{
	struct clv_slice rest;
	clv_rc rc;

	buf_consume(&c->raw, n);
	if (tls_start(c, err) != CLV_OK)
		return CLV_FAILED;
	rest = buf_slice(&c->raw);
	rc = rest.len == 0 ? CLV_OK : tls_feed(c, rest, err);
	buf_release(&c->raw);
	return rc;
}

/* Kerberos takes over; nothing may lie behind the frame of n bytes yet, but a token of who accepts. */
static clv_rc go_krb(struct chan *c, size_t n, struct clv_err *err)
{
	buf_consume(&c->raw, n);
	return krb_start(c, err) ? CLV_FAILED : krb_feed(c, slice_of(NULL, 0), err);
}

static clv_rc on_offer(struct chan *c, struct clv_slice body, struct clv_err *err)
{
	const struct chan_means ours = {
	    .pref = c->pref, .certificate = can_certificate(c), .kerberos = c->krb != NULL};
	struct chan_answer answer = {0};
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, CHAN_FRAME_PREAUTH_MAX);
	if (offer_decode(body, &c->offer, err) != CLV_OK)
		goto out;
	answer_decide(&c->offer, &ours, &answer);
	if (RAND_bytes(answer.nonce, sizeof(answer.nonce)) != 1) {
		(void)err_set(err, CLV_E_CRYPTO, "the random generator failed");
		goto out;
	}
	if (answer_encode(&answer, &b, err) != CLV_OK ||
	    put_clear(c, CLEAR_ANSWER, buf_slice(&b), err) != CLV_OK)
		goto out;
	if (answer.choice == CHAN_MECH_NONE) {
		(void)err_set(err,
		              answer.version == 0 && strncmp(answer.reason, "no common version", 17) == 0
		                  ? CLV_E_VERSION
		                  : CLV_E_AUTH,
		              "refused the peer's offer: %s", answer.reason);
		goto out;
	}
	negotiate_t(body, buf_slice(&b), c->desc.t);
	memcpy(c->desc.peer_role, c->offer.role, sizeof(c->offer.role));
	c->offered = true;
	rc = answer.choice == CHAN_MECH_KERBEROS ? go_krb(c, CHAN_HEAD + body.len, err)
	                                         : go_tls(c, CHAN_HEAD + body.len, err);
out:
	buf_release(&b);
	return rc;
}

static clv_rc on_answer(struct chan *c, struct clv_slice body, struct clv_err *err)
{
	struct chan_answer answer;
	struct clv_text *why;

	if (answer_decode(body, &c->offer, &answer, err) != CLV_OK)
		return CLV_FAILED;
	if (answer.choice == CHAN_MECH_NONE) {
		c->desc.failure = CHAN_FAILED_NO_MECHANISM;
		why = text_new_str(answer.reason);
		(void)err_set(err, CLV_E_AUTH, "the peer refused our offer: %s", text_str(why));
		text_free(why);
		return CLV_FAILED;
	}
	negotiate_t(buf_slice(&c->offer_body), body, c->desc.t);
	return answer.choice == CHAN_MECH_KERBEROS ? go_krb(c, CHAN_HEAD + body.len, err)
	                                           : go_tls(c, CHAN_HEAD + body.len, err);
}

/* A ClientHello that claims to be huge would make the library allocate before a byte of it came (T22). */
static clv_rc check_hello(struct clv_slice s, struct clv_err *err)
{
	size_t claimed = (size_t)s.ptr[6] << 16 | (size_t)s.ptr[7] << 8 | s.ptr[8];
	size_t record = (size_t)s.ptr[3] << 8 | s.ptr[4];

	if (s.ptr[1] != 3 || s.ptr[5] != 1 || record < 4)
		return err_set(err, CLV_E_PROTO, "the peer's first bytes are no TLS handshake");
	if (claimed > HELLO_MAX)
		return err_set(err, CLV_E_LIMIT,
		               "the peer's first TLS message claims %zu bytes; at most %u are taken", claimed,
		               HELLO_MAX);
	return CLV_OK;
}

static clv_rc negotiate(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	struct clv_slice s;
	struct clv_slice body;
	bool have;

	if (buf_put(&c->raw, bytes, err) != CLV_OK)
		return CLV_FAILED;
	s = buf_slice(&c->raw);
	if (!c->initiator && s.len > 0 && s.ptr[0] == TLS_FIRST_BYTE) {
		if (s.len < TLS_HEAD)
			return CLV_OK;
		if (!can_certificate(c))
			return err_set(err, CLV_E_AUTH,
			               "the peer starts with TLS, and this side has Kerberos only");
		if (check_hello(s, err) != CLV_OK)
			return CLV_FAILED;
		negotiate_t(slice_of(NULL, 0), slice_of(NULL, 0), c->desc.t);
		return go_tls(c, 0, err);
	}
	if (c->initiator && s.len > 0 && (s.ptr[0] == TLS_FIRST_BYTE || s.ptr[0] == TLS_ALERT_BYTE))
		return err_set(err, CLV_E_PROTO,
		               "the peer answers our offer with TLS: it does not know claviger's offer; set "
		               "mechanism = certificate to start with TLS at once");
	if (clear_frame(c, c->initiator ? CLEAR_ANSWER : CLEAR_OFFER, &have, &body, err) != CLV_OK)
		return CLV_FAILED;
	if (!have)
		return CLV_OK;
	return c->initiator ? on_answer(c, body, err) : on_offer(c, body, err);
}

/* The length at the front is checked as soon as it is there, not when the frame is whole. */
static clv_rc check_front(const struct chan *c, struct clv_err *err)
{
	uint32_t most = c->proven ? CHAN_FRAME_MAX : CHAN_FRAME_PREAUTH_MAX;
	struct clv_slice s = buf_slice(&c->in);
	uint32_t len;

	if (s.len < c->taken + 4)
		return CLV_OK;
	s = slice_of(s.ptr + c->taken, s.len - c->taken);
	if (slice_get_u32(&s, &len, err) != CLV_OK)
		return CLV_FAILED;
	if (len < 2)
		return err_set(err, CLV_E_PROTO, "a frame of %u bytes; expected 2 at least", len);
	if (len - 2 > most)
		return err_set(err, CLV_E_LIMIT, "a frame of %u bytes; at most %u are taken%s", len - 2, most,
		               c->proven ? "" : " before the link is proven");
	return CLV_OK;
}

static clv_rc feed(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	if (c->state != CHAN_OPEN) {
		c->before_open += bytes.len;
		if (c->before_open > CHAN_HANDSHAKE_MAX)
			return err_set(err, CLV_E_LIMIT,
			               "the peer sent more than %u bytes before it was authenticated",
			               CHAN_HANDSHAKE_MAX);
	}
	if (c->state == CHAN_NEGOTIATING) {
		if (negotiate(c, bytes, err) != CLV_OK)
			return CLV_FAILED;
	} else if (c->local) {
		if (buf_put(&c->in, bytes, err) != CLV_OK)
			return err_wrap(err, "received messages are not taken");
	} else if ((c->phase ? krb_feed(c, bytes, err) : tls_feed(c, bytes, err)) != CLV_OK) {
		return CLV_FAILED;
	}
	return c->state == CHAN_OPEN ? check_front(c, err) : CLV_OK;
}

clv_rc chan_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	assert(c->magic == CHAN_MAGIC);
	if (c->state == CHAN_CLOSED)
		return err_set(err, CLV_E_CLOSED, "the channel is closed");
	if (c->peer_closed)
		return CLV_OK; /* what comes behind the peer's goodbye is nobody's */
	if (feed(c, bytes, err) != CLV_OK) {
		c->state = CHAN_CLOSED;
		return CLV_FAILED;
	}
	return CLV_OK;
}

struct clv_buf *chan_output(struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	return &c->out;
}

static clv_rc next(struct chan *c, bool *have, uint16_t *type, struct clv_slice *body, struct clv_err *err)
{
	struct clv_slice s;
	uint32_t len;

	if (check_front(c, err) != CLV_OK)
		return CLV_FAILED;
	s = buf_slice(&c->in);
	if (s.len >= CHAN_HEAD) {
		if (slice_get_u32(&s, &len, err) != CLV_OK)
			return CLV_FAILED;
		if (s.len >= len) {
			if (slice_get_u16(&s, type, err) != CLV_OK ||
			    slice_get(&s, len - 2, body, err) != CLV_OK)
				return CLV_FAILED;
			c->taken = 4 + (size_t)len;
			*have = true;
			return CLV_OK;
		}
	}
	if (c->peer_closed)
		return err_set(err, CLV_E_CLOSED,
		               s.len == 0 ? "the peer closed the channel"
		                          : "the peer closed the channel in the middle of a message");
	if (s.len == 0)
		buf_release(&c->in); /* an idle connection holds no memory for messages */
	return CLV_OK;
}

clv_rc chan_next(struct chan *c, bool *have, uint16_t *type, struct clv_slice *body, struct clv_err *err)
{
	assert(c->magic == CHAN_MAGIC);
	*have = false;
	if (c->state == CHAN_CLOSED)
		return err_set(err, CLV_E_CLOSED, "the channel is closed");
	if (c->state != CHAN_OPEN)
		return CLV_OK;
	buf_consume(&c->in, c->taken);
	c->taken = 0;
	if (next(c, have, type, body, err) != CLV_OK) {
		c->state = CHAN_CLOSED;
		return CLV_FAILED;
	}
	return CLV_OK;
}

bool chan_within_frame(const struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	/* The part may be one of a record or token that cannot be deciphered before it is whole. */
	return c->state == CHAN_OPEN && (buf_slice(&c->in).len > c->taken || buf_slice(&c->raw).len > 0 ||
	                                 (c->ssl != NULL && SSL_has_pending(c->ssl) == 1));
}

static clv_rc put_frame(struct chan *c, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc;

	if (c->local)
		return put_clear(c, type, body, err);
	buf_init(&b, CHAN_HEAD + body.len);
	rc = buf_put_u32(&b, (uint32_t)(body.len + 2), err);
	if (rc == CLV_OK)
		rc = buf_put_u16(&b, type, err);
	if (rc == CLV_OK)
		rc = buf_put(&b, body, err);
	if (rc == CLV_OK)
		rc = c->phase ? krb_write(c, buf_slice(&b), err) : tls_write(c, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

clv_rc chan_send(struct chan *c, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	assert(c->magic == CHAN_MAGIC);
	if (c->state != CHAN_OPEN)
		return err_set(err, CLV_E_CLOSED, "the channel is not open");
	if (body.len > CHAN_FRAME_MAX)
		return err_set(err, CLV_E_LIMIT, "a message of %zu bytes; at most %u can be sent", body.len,
		               CHAN_FRAME_MAX);
	if (buf_slice(&c->out).len + CHAN_HEAD + body.len > CHAN_OUTPUT_MAX)
		return err_set(err, CLV_E_LIMIT, "the peer does not read: %zu bytes wait for it",
		               buf_slice(&c->out).len);
	if (put_frame(c, type, body, err) != CLV_OK) {
		c->state = CHAN_CLOSED; /* half a record may be out */
		return CLV_FAILED;
	}
	return CLV_OK;
}

void chan_set_proven(struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	c->proven = true;
}

void chan_shutdown(struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	if (c->ssl != NULL && c->state == CHAN_OPEN)
		tls_shutdown(c);
	c->state = CHAN_CLOSED;
}

enum chan_state chan_state(const struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	return c->state;
}

const struct chan_desc *chan_describe(const struct chan *c)
{
	assert(c->magic == CHAN_MAGIC);
	return &c->desc;
}

clv_rc chan_recheck(struct chan *c, const struct chan_creds *now, struct clv_err *err)
{
	assert(c->magic == CHAN_MAGIC);
	if (c->local)
		return CLV_OK;
	if (c->state != CHAN_OPEN)
		return err_set(err, CLV_E_CLOSED, "the channel is not open");
	if (c->phase)
		return krb_recheck(c, err);
	return tls_recheck(c, now, err);
}
