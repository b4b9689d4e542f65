/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as bytes: strict reading of DER and PEM, times, labels for messages, strength of
 * keys and signatures. Ground for verify, creds, `clavigerd check` and `clavigerd ca`.
 */
#ifndef CHANNEL_CERT_H
#define CHANNEL_CERT_H

#include "claviger/buf.h"
#include <openssl/x509.h>

#define CERT_LABEL_MAX 160
#define CERT_DER_MAX   (16u * 1024u)
#define CERT_PEM_MAX   (1024u * 1024u)
#define CERT_GRACE_MS  300000 /* T25: a notBefore may lie this far ahead, a notAfter not at all */

/* One whole DER certificate, nothing behind it, in its one canonical form. */
CLV_MUST clv_rc cert_from_der(struct clv_slice der, X509 **out, struct clv_err *err);
/* The same for one that somebody else has read. */
CLV_MUST clv_rc cert_check_der(X509 *x, struct clv_err *err);
/* PEM with certificates only; what names it in messages ("the CA file"). At least one. */
CLV_MUST clv_rc cert_from_pem(struct clv_slice pem, const char *what, STACK_OF(X509) * *out,
                              struct clv_err *err);
CLV_MUST clv_rc cert_crls_from_pem(struct clv_slice pem, const char *what, STACK_OF(X509_CRL) * *out,
                                   struct clv_err *err);
/* One private key, not encrypted. */
CLV_MUST clv_rc cert_key_from_pem(struct clv_slice pem, const char *what, EVP_PKEY **out,
                                  struct clv_err *err);
void cert_stack_free(STACK_OF(X509) * s);

/* ms since 1970; INT64_MIN for a time that is none. */
int64_t cert_time_ms(const ASN1_TIME *t);
/* "CN web01.ops.test" or the whole subject; escaped, cut. Never empty. */
void cert_label(const X509 *x, char out[CERT_LABEL_MAX]);
void cert_name_label(const X509_NAME *name, char out[CERT_LABEL_MAX]);
void cert_thumbprint(const X509 *x, uint8_t out[32]);
/* "RSA 3072", "EC P-256"; escaped. */
void cert_key_label(const X509 *x, char out[CERT_LABEL_MAX]);
/* RSA >= 2048, P-256, P-384, P-521, Ed25519, Ed448; SHA-2 signatures. CLV_E_AUTH otherwise; the text
 * starts with `whose`. */
CLV_MUST clv_rc cert_check_key(EVP_PKEY *key, const char *whose, struct clv_err *err);
CLV_MUST clv_rc cert_check_signature(const X509_ALGOR *alg, const char *whose, struct clv_err *err);
/* No extension twice, no policy constraints; version 3; serial number positive and at most 20 bytes. */
CLV_MUST clv_rc cert_check_form(const X509 *x, const char *whose, struct clv_err *err);

#endif
