/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small authority of `clavigerd ca`: certificates and lists as bytes. No files here; cli_ca.c
 * keeps the folder.
 */
#ifndef DAEMON_CLI_CA_H
#define DAEMON_CLI_CA_H

#include "channel/cert.h"

struct ca_pair {
	X509 *x;
	EVP_PKEY *key;
};

struct ca_leaf {
	const char *name; /* CN, and the dNSName of a node */
	const char *mail; /* an operator's rfc822Name; NULL: a node */
	int64_t days;
};

CLV_MUST clv_rc ca_make_authority(const char *cn, int64_t days, struct ca_pair *out, struct clv_err *err);
/* Checked by the product's own judgement before it is given out. */
CLV_MUST clv_rc ca_make_leaf(const struct ca_pair *ca, const struct ca_leaf *leaf, struct ca_pair *out,
                             struct clv_err *err);
/* A list with the entries of `old` (may be NULL) and n more. */
CLV_MUST clv_rc ca_make_crl(const struct ca_pair *ca, X509_CRL *old, X509 *const *revoked, size_t n,
                            X509_CRL **out, struct clv_err *err);
bool ca_is_revoked(X509_CRL *crl, X509 *x);
void ca_pair_release(struct ca_pair *p);
/* Upper-case hexadecimal; false when it does not fit. */
bool ca_serial_text(const X509 *x, char out[48]);

CLV_MUST clv_rc ca_put_cert(struct clv_buf *b, X509 *x, struct clv_err *err);
CLV_MUST clv_rc ca_put_key(struct clv_buf *b, EVP_PKEY *key, struct clv_err *err);
CLV_MUST clv_rc ca_put_crl(struct clv_buf *b, X509_CRL *crl, struct clv_err *err);

#endif
