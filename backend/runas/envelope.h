/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CMS AuthEnvelopedData of the one template, for exactly one RSA certificate: what SecureData and
 * what comes from the keyboard travel in. The content is a secret on both ends. Used in key holders,
 * and in the console for sealing.
 */
#ifndef RUNAS_ENVELOPE_H
#define RUNAS_ENVELOPE_H

#include "claviger/secret.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define ENVELOPE_BITS_MIN 3072
#define ENVELOPE_BITS_MAX 16384

/* Appends DER of at most max bytes. CLV_E_LIMIT beyond it, CLV_E_USAGE when the recipient's key is not
 * RSA of ENVELOPE_BITS_MIN to _MAX bits. */
CLV_MUST clv_rc envelope_seal(const struct clv_secret *content, X509 *recipient, size_t max,
                              struct clv_buf *out, struct clv_err *err);
/* Is it of the template? recipient NULL: any issuer and serial number. No key is touched. */
bool envelope_check(struct clv_slice der, X509 *recipient);
/* *content is new, the caller's (secret_free). CLV_E_AUTH with one text when anything differs: the
 * template first; then each cause takes the same steps. */
CLV_MUST clv_rc envelope_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient,
                              struct clv_secret **content, struct clv_err *err);

/* RSAES-OAEP with SHA-256, MGF1 with SHA-256 and an empty label. Appends as many bytes as the modulus has. */
CLV_MUST clv_rc oaep_wrap(EVP_PKEY *key, const struct clv_secret *item, struct clv_buf *out,
                          struct clv_err *err);
/* item needs a capacity of ENVELOPE_BITS_MAX / 8. */
CLV_MUST clv_rc oaep_unwrap(EVP_PKEY *key, struct clv_slice wrapped, struct clv_secret *item,
                            struct clv_err *err);

#endif
