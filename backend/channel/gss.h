/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSS-API, krb5 mechanism, with the rules of design 3 that were each measured to matter. gss.c wraps and
 * unwraps with exported contexts (net); gss_exchange.c runs the token exchange (krb_accept, krb_init, the
 * client). Only who calls this is linked with MIT's libraries.
 */
#ifndef CHANNEL_GSS_H
#define CHANNEL_GSS_H

#include "channel/krb.h"

/* Once per process, before its sandbox: the mechanism glue reads its configuration now. */
CLV_MUST clv_rc gss_process_init(struct clv_err *err);
extern const struct chan_krb_ops gss_ops;

/* What one step came to; release with gss_result_release, which wipes. */
struct gss_result {
	struct clv_buf token; /* to be sent; may be empty */
	bool done;
	struct clv_buf context; /* exported; secret */
	char principal[KRB_PRINCIPAL_MAX * 2];
	uint32_t ticket, session, key;
	int64_t ends_ms;
};
void gss_result_init(struct gss_result *r);
void gss_result_release(struct gss_result *r);

/* --- accepting: one credential for one service principal --- */
struct gss_acceptor;
/* keytab: as libkrb5 names it. Fails when it holds no key of the principal. */
CLV_MUST struct gss_acceptor *gss_acceptor_new(const char *keytab, const char *principal,
                                               struct clv_err *err);
void gss_acceptor_free(struct gss_acceptor *a);
/* The one step of an acceptor. Blocks on no network. CLV_E_AUTH with one clear reason. */
CLV_MUST clv_rc gss_accept(struct gss_acceptor *a, struct clv_slice token, struct clv_slice t,
                           bool permit_rc4, struct gss_result *out, struct clv_err *err);

/* --- initiating: may block on a KDC for as long as libkrb5 does --- */
struct gss_from {
	const char *principal; /* NULL: the cache's own */
	const char *ccache;    /* as libkrb5 names it; NULL: the default one */
	const char *keytab;    /* client keytab; NULL: none */
};
struct gss_attempt; /* one exchange */
CLV_MUST clv_rc gss_begin(const struct gss_from *from, const char *target, struct clv_slice t,
                          bool permit_rc4, struct gss_attempt **out, struct gss_result *r,
                          struct clv_err *err);
CLV_MUST clv_rc gss_go_on(struct gss_attempt *a, struct clv_slice token, struct gss_result *r,
                          struct clv_err *err);
void gss_attempt_free(struct gss_attempt *a);

/* --- keytabs --- */
struct gss_key {
	char principal[KRB_PRINCIPAL_MAX * 2];
	uint32_t kvno, enctype;
};
/* Calls fn for every entry; keys stay inside. */
CLV_MUST clv_rc gss_keytab_walk(const char *keytab, void (*fn)(void *ctx, const struct gss_key *k), void *ctx,
                                struct clv_err *err);
/* The bytes of a keytab file, read from a descriptor (which is closed), into this process's memory under
 * *name ("MEMORY:..."), so that the sandbox needs no file. T16: an entry with a key that may not be used
 * refuses the whole. The name lives as long as the process. */
CLV_MUST clv_rc gss_keytab_load(int fd, const char *name, bool permit_rc4, struct clv_err *err);

#endif
