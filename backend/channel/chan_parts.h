/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of struct chan, for chan.c (states, frames) and tls.c (protection) alone.
 */
#ifndef CHANNEL_CHAN_PARTS_H
#define CHANNEL_CHAN_PARTS_H

#include "channel/creds.h"
#include "channel/krb.h"
#include "channel/negotiate.h"

#define CHAN_OUTPUT_MAX    (4u * 1024u * 1024u)
#define CHAN_HANDSHAKE_MAX (128u * 1024u) /* bytes a peer may send before it is authenticated */
#define CHAN_HEAD          6u             /* u32 length, u16 type */

/* Of a Kerberos channel: a step is due, under way, the peer's token is awaited, its confirmation, frames. */
enum krb_phase { KRB_NONE, KRB_STEP_DUE, KRB_STEPPING, KRB_TOKEN_DUE, KRB_CONFIRM_DUE, KRB_WRAPPED };

struct chan {
	uint32_t magic;
	bool initiator;
	bool local;
	bool offered; /* offer and answer were spoken: ALPN must then be ours */
	bool proven;
	bool peer_closed;
	enum chan_pref pref;
	enum chan_state state;
	enum verify_kind peer_kind;
	struct chan_creds *creds;
	char *peer_name;
	char role[NEGOTIATE_ROLE_MAX + 1];
	int64_t (*wall_ms)(void);

	struct chan_offer offer; /* ours, as initiator */
	struct clv_buf offer_body;
	struct clv_buf raw; /* bytes before TLS */
	struct clv_buf in;  /* plain frames received */
	struct clv_buf out; /* bytes to be written */
	size_t taken;       /* front of `in` that chan_next lent out */
	size_t before_open; /* bytes fed so far */

	SSL *ssl; /* owns both BIOs */
	BIO *from_peer;
	BIO *to_peer;
	bool refused; /* our verification refused the peer; why is in refusal */
	struct clv_err refusal;
	struct chan_desc desc;

	const struct chan_krb *krb; /* NULL: not by Kerberos */
	enum krb_phase phase;
	struct clv_buf token; /* the peer's, for the step that is due */
	char target[KRB_PRINCIPAL_MAX * 2];
	uint8_t transcript[32]; /* hash over all tokens, in their order */
	void *gss;
};

CLV_MUST clv_rc tls_start(struct chan *c, struct clv_err *err);
/* Bytes of TLS from the peer: goes on with the handshake, decrypts into c->in. */
CLV_MUST clv_rc tls_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err);
CLV_MUST clv_rc tls_write(struct chan *c, struct clv_slice bytes, struct clv_err *err);
void tls_shutdown(struct chan *c);
/* The peer's certificate under other credentials. */
CLV_MUST clv_rc tls_recheck(struct chan *c, const struct chan_creds *now, struct clv_err *err);

/* krb.c */
CLV_MUST clv_rc krb_start(struct chan *c, struct clv_err *err);
CLV_MUST clv_rc krb_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err);
CLV_MUST clv_rc krb_write(struct chan *c, struct clv_slice plain, struct clv_err *err);
CLV_MUST clv_rc krb_recheck(const struct chan *c, struct clv_err *err);
void krb_release(struct chan *c);

#endif
