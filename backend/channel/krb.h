/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kerberos side of a channel (design 3, S3): what chan.c asks of whoever holds keytab and tickets, and of
 * whoever can wrap. Neither is linked here: a program that speaks certificates alone carries no libkrb5. Used
 * by net, by the tests (which do the exchange in one process) and by the client.
 *
 * Wire, after an answer that chose Kerberos: tokens in frames of type 3 in the clear (u32 length of what
 * follows, u16 type, token), then u32 length and a wrapped message, each with exactly one frame inside. The
 * first wrapped message of each end confirms T and a hash over all tokens; before it nothing takes effect.
 */
#ifndef CHANNEL_KRB_H
#define CHANNEL_KRB_H

#include "channel/channel.h"

#define KRB_TOKEN_MAX       (64u * 1024u)
#define KRB_CONTEXT_MAX     (64u * 1024u)
#define KRB_PRINCIPAL_MAX   256u
#define KRB_NAMES_MAX       1024u
#define KRB_WRAP_MORE       256u /* bytes by which a wrapped message is longer, at most */
#define KRB_SERVICE_NODE    "MSOMHSvc"
#define KRB_SERVICE_CONSOLE "MSOMSdkSvc"

/* --- enctypes (RFC 3961 numbers) --- */
#define KRB_ENCTYPE_RC4 23

enum krb_strength { KRB_REFUSED, KRB_WEAK, KRB_STRONG };
/* AES with SHA-1 or SHA-2 is strong, RC4 weak, everything else refused (RFC 8429). */
enum krb_strength krb_strength(uint32_t enctype);
const char *krb_enctype_name(uint32_t enctype); /* "aes256-cts-hmac-sha384-192"; "unknown" */
/* Of the first token of an exchange (RFC 4121 4.1, RFC 4120 5.5.1): the enctype under which the ticket is
 * encrypted, and the one of its session key. Reads the outer structure alone; nothing in it is trusted. */
CLV_MUST clv_rc krb_token_enctypes(struct clv_slice token, uint32_t *ticket, uint32_t *session,
                                   struct clv_err *err);
/* CLV_E_AUTH when one of them may not be used; RC4 passes where an administrator permits it. */
CLV_MUST clv_rc krb_check_enctypes(uint32_t ticket, uint32_t session, uint32_t key, bool permit_rc4,
                                   struct clv_err *err);

/* --- names --- */
struct krb_map {
	const char *from; /* principal, "WEB01$@OPS.TEST" */
	const char *to;   /* node name */
};
struct krb_names {
	const char *const *realms; /* those that are taken; the first is ours */
	size_t n_realms;
	const struct krb_map *maps;
	size_t n_maps;
};
/* "WEB01$@OPS.TEST=web01.ops.test" into out (KRB_PRINCIPAL_MAX each). */
CLV_MUST clv_rc krb_map_parse(const char *item, char from[KRB_PRINCIPAL_MAX], char to[KRB_PRINCIPAL_MAX],
                              struct clv_err *err);
/* A node's name from its principal: MSOMHSvc/host@REALM of a listed realm, or a line of the map. */
CLV_MUST clv_rc krb_node_of(const struct krb_names *n, const char *principal, char name[KRB_PRINCIPAL_MAX],
                            struct clv_err *err);
/* An operator's principal, checked: of a listed realm, no service, no machine. */
CLV_MUST clv_rc krb_operator_of(const struct krb_names *n, const char *principal,
                                char name[KRB_PRINCIPAL_MAX], struct clv_err *err);
/* The service principal that a name must prove. CLV_E_CONFIG without a realm; one that is "" leaves the realm
 * to libkrb5. */
CLV_MUST clv_rc krb_service_of(const struct krb_names *n, const char *service, const char *host,
                               char out[KRB_PRINCIPAL_MAX * 2], struct clv_err *err);

/* --- the exchange, as the channel sees it --- */
/* One step that somebody else has to do; all borrowed from the channel until its next call. */
struct chan_step {
	bool initiator;
	struct clv_slice token; /* the peer's; empty at the initiator's first step */
	struct clv_slice t;     /* the channel binding's application data */
	const char *target;     /* initiator: the principal that must be proven */
};
struct chan_stepped {
	struct clv_slice token; /* to be sent; may be empty */
	bool done;
	struct clv_slice context;      /* done: exported security context */
	const char *principal;         /* done, acceptor: of the peer */
	uint32_t ticket, session, key; /* done: enctypes of ticket, its session key, the context's key */
	int64_t ends_ms;               /* done: the ticket's end */
};
/* Is a step due? True once for each; then chan_step_done or chan_step_failed is owed. */
bool chan_step(struct chan *c, struct chan_step *out);
/* On failure the channel is closed as by chan_feed. */
CLV_MUST clv_rc chan_step_done(struct chan *c, const struct chan_stepped *r, struct clv_err *err);
/* Tells the peer why in the clear and closes. why: our own words. */
void chan_step_failed(struct chan *c, const struct clv_err *why);

/* --- wrapping --- */
struct chan_krb_ops {
	/* Takes an exported context in; *ctx is freed by free. */
	clv_rc (*import)(struct clv_slice exported, void **ctx, struct clv_err *err);
	clv_rc (*wrap)(void *ctx, struct clv_slice plain, struct clv_buf *out, struct clv_err *err);
	/* Only what is complete, in order and confidential (GSS_S_COMPLETE, conf_state 1). */
	clv_rc (*unwrap)(void *ctx, struct clv_slice token, struct clv_buf *out, struct clv_err *err);
	clv_rc (*fingerprint)(void *ctx, uint8_t out[CHAN_FINGERPRINT_LEN], struct clv_err *err);
	void (*free)(void *ctx);
};
/* What a side has of Kerberos; borrowed, must outlive its channels. */
struct chan_krb {
	const struct chan_krb_ops *ops;
	struct krb_names names;
	bool permit_rc4;
	const char *service; /* the acceptor's, on this port: KRB_SERVICE_NODE or KRB_SERVICE_CONSOLE */
};

#endif
