/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One authenticated, encrypted peer connection (design 3, S1 to S7). It does no I/O: feed bytes
 * in, take bytes out; the same code runs over TCP, a Unix socket, an SSH channel or a test's two
 * buffers. Runs in net_node, net_console and in the console's client. It decides nothing about
 * who a peer may be beyond the checks of verify.h.
 *
 * Wire: a frame is u32 length of what follows, u16 type, body. Offer (1) and answer (2) travel in
 * the clear; T = SHA-256(offer body || answer body), over nothing when the first byte was 0x16.
 */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include "channel/verify.h"

#define CHAN_FRAME_PREAUTH_MAX (16u * 1024u)   /* offer, answer, proofs */
#define CHAN_FRAME_MAX         (1024u * 1024u) /* after authentication (design 3, Limits) */
#define CHAN_FINGERPRINT_LEN   16u
#define CHAN_T_LEN             32u
#define CHAN_VERSION           1u

enum chan_mech { CHAN_MECH_NONE, CHAN_MECH_CERTIFICATE, CHAN_MECH_KERBEROS, CHAN_MECH_LOCAL };
enum chan_pref { CHAN_PREF_AUTO, CHAN_PREF_CERTIFICATE, CHAN_PREF_KERBEROS };
enum chan_state { CHAN_NEGOTIATING, CHAN_HANDSHAKING, CHAN_OPEN, CHAN_CLOSED };

/* Once per process, before its sandbox: everything that OpenSSL and the C library would otherwise
 * read, open or seed lazily. After it and chan_creds_new nothing here opens a file. */
CLV_MUST clv_rc channel_process_init(struct clv_err *err);

/* A CA, our certificate and key, revocation lists: parsed once, shared by channels (reference
 * counted). Made from PEM bytes, so that the process needs no file. */
struct chan_creds;
/* Where the private key is elsewhere: who is asked, by the key's name (SHA-256 of the certificate's public
 * key, 32 bytes). Blocks for as long as these do. */
struct chan_asker {
	/* Does the key file that goes with this set hold the key? */
	clv_rc (*has)(void *ctx, const uint8_t *key, struct clv_err *err);
	/* Appends the signature over a block of RFC 8446 4.4.3 by a scheme of 4.2.3. */
	clv_rc (*sign)(void *ctx, const uint8_t *key, uint16_t scheme, struct clv_slice block,
	               struct clv_buf *out, struct clv_err *err);
	void *ctx;
	struct clv_err why; /* why the last signature was not made; its code is 0 when it was */
};
#define CHAN_KEY_MISMATCH "the private key does not belong to the first certificate of the certificate file"
struct chan_creds_pem {
	struct clv_slice ca, cert, key; /* cert: leaf first, then intermediates; cert and key may be empty for
	                                   a console that uses local only */
	struct chan_asker *asker;       /* in place of key; must outlive the set. sigprov_init comes first */
	struct clv_slice crl;           /* empty: revocation is not configured */
	int64_t crl_grace_ms;
	enum verify_kind peer_kind_accept; /* what peers may be when we accept: VERIFY_NODE (5723) or
	                                      VERIFY_OPERATOR (5724) */
};
/* Checks everything `clavigerd check` would (both EKUs, key matches, dates, chain, SAN): a bad set
 * is refused here with one clear line, so that the caller keeps the old one (P3). */
CLV_MUST struct chan_creds *chan_creds_new(const struct chan_creds_pem *pem, struct clv_err *err);
struct chan_creds *chan_creds_ref(struct chan_creds *c);
void chan_creds_free(struct chan_creds *c); /* drops one reference; NULL is fine */
/* Our own certificate: SHA-256 thumbprint (32 bytes), SAN dNSName, notAfter in ms. */
const uint8_t *chan_creds_thumbprint(const struct chan_creds *c);
const char *chan_creds_name(const struct chan_creds *c);
int64_t chan_creds_not_after(const struct chan_creds *c);
/* As verify_anchors_ends; both 0 for a console that uses local alone. */
void chan_creds_ends(const struct chan_creds *c, int64_t *ca_not_after, int64_t *crl_due);
/* Does whoever is asked for signatures still have the key of our certificate? True where the key is here. */
bool chan_creds_key_there(const struct chan_creds *c, struct clv_err *err);
/* A revocation list of ours was past its date when the set was read: warn. */
bool chan_creds_crl_stale(const struct chan_creds *c);

/* At which point an initiator failed, for its events: no context of its own (20057), refused by the other end
 * (21001), no mechanism in common (21007). */
enum chan_failure { CHAN_FAILED_NONE, CHAN_FAILED_CONTEXT, CHAN_FAILED_REFUSED, CHAN_FAILED_NO_MECHANISM };

struct chan_desc {
	enum chan_mech mech;
	enum chan_failure failure;
	char protocol[16];           /* "TLS 1.3"; "" by Kerberos */
	char cipher[48];             /* "TLS_AES_256_GCM_SHA384", "aes256-cts-hmac-sha384-192" */
	char peer_name[256];         /* canonical name: a node's SAN dNSName or what its principal maps to; an
	                                operator's	 SAN rfc822Name or principal; or "" */
	uint8_t peer_thumbprint[32]; /* SHA-256 of the peer's certificate; zeroes by Kerberos */
	int64_t peer_not_after_ms;   /* end of the peer's certificate or ticket */
	char principal[256];         /* Kerberos: the peer's; "" otherwise */
	bool weak;                   /* RC4 somewhere, which an administrator permitted */
	bool crl_stale;              /* judged by a revocation list past its date, within crl_grace: warn */
	char peer_role[24];          /* what the offer said, "" for TLS at once: a claim only */
	uint8_t t[CHAN_T_LEN];
	/* TLS exporter EXPORTER-claviger-channel; by Kerberos gss_pseudo_random */
	uint8_t fingerprint[CHAN_FINGERPRINT_LEN];
};

struct chan;     /* one connection */
struct chan_krb; /* krb.h */

struct chan_opts {
	bool initiator;
	enum chan_pref pref;        /* CERTIFICATE as initiator: no offer, TLS at once */
	struct chan_creds *creds;   /* a reference is taken; NULL: no certificate here */
	const struct chan_krb *krb; /* NULL: no Kerberos here; must outlive the channel */
	bool no_krb;                /* it is pinned to certificates: Kerberos is neither offered nor taken */
	const char *peer_name;      /* initiator: the name that must be proven (canonical) */
	enum verify_kind peer_kind; /* initiator: VERIFY_NODE; acceptor: from creds where there are some */
	const char *role;           /* ours: "agent", "gateway", "management-server", "console" */
	int64_t (*wall_ms)(void);   /* NULL: clock_wall_ms */
};
CLV_MUST struct chan *chan_new(const struct chan_opts *opts, struct clv_err *err);
/* A local channel: already authenticated by the kernel (peer credentials), frames in the clear. */
CLV_MUST struct chan *chan_new_local(const char *peer_name, struct clv_err *err);
void chan_free(struct chan *c);

/* Bytes from the peer. On failure the channel is CLOSED, *err says why in one clear line, and
 * chan_output may still hold an alert or a refusal to be sent before closing. Never parses an
 * application byte before OPEN. */
CLV_MUST clv_rc chan_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err);
/* What is to be written; the caller consumes from it. */
struct clv_buf *chan_output(struct chan *c);
/* The next whole message: *have false when there is none. body is valid until the next call.
 * CLV_E_CLOSED when the peer has closed and every whole message before that was taken. */
CLV_MUST clv_rc chan_next(struct chan *c, bool *have, uint16_t *type, struct clv_slice *body,
                          struct clv_err *err);
/* Part of a message came and not its end, once chan_next has nothing more. */
bool chan_within_frame(const struct chan *c);
/* OPEN only. CLV_E_LIMIT when the frame or the output queue (4 MiB) would pass its limit. */
CLV_MUST clv_rc chan_send(struct chan *c, uint16_t type, struct clv_slice body, struct clv_err *err);
/* Until called, received frames are capped at CHAN_FRAME_PREAUTH_MAX: the link proof was verified. */
void chan_set_proven(struct chan *c);
/* Sends close_notify into the output. */
void chan_shutdown(struct chan *c);
enum chan_state chan_state(const struct chan *c);
const struct chan_desc *chan_describe(const struct chan *c); /* full once OPEN */
/* Looks at the peer's certificate again under (possibly newer) creds: hourly and on a CRL or
 * configuration change. Local channels pass. */
CLV_MUST clv_rc chan_recheck(struct chan *c, const struct chan_creds *now, struct clv_err *err);

#endif
