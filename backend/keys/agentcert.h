/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agent certificates (S10 to S13): RSA, self-signed, CN = node name, a year, notBefore ten minutes
 * back, 16 random bytes as the serial number. They protect RunAs credentials on their way and
 * nothing else. Made in the key holder; checked at the management server before anything is
 * sealed for them.
 */
#ifndef KEYS_AGENTCERT_H
#define KEYS_AGENTCERT_H

#include "keys/statement.h"
#include <openssl/x509.h>

#define AGENTCERT_DER_MAX  4096u
#define AGENTCERT_BITS_MIN 3072u
#define AGENTCERT_BITS_MAX 4096u

struct agentcert_info {
	uint8_t key_id[16]; /* event 7006's value: first 16 bytes of sha256 */
	uint8_t sha1[20], sha256[32];
	int64_t not_before_ms, not_after_ms;
	uint32_t bits;
};

/* key: RSA. Appends the certificate's DER. */
CLV_MUST clv_rc agentcert_make(EVP_PKEY *key, const char *name, uint32_t days, int64_t now_ms,
                               struct clv_buf *der, struct clv_err *err);
/* Is it one? Self-signed by itself, CN alone and equal to name, RSA 3072 to 4096 bits, dates in
 * order and valid at now_ms (0: dates are not compared), DER without a trailing byte. */
CLV_MUST clv_rc agentcert_check(struct clv_slice der, const char *name, int64_t now_ms,
                                struct agentcert_info *out, struct clv_err *err);
CLV_MUST clv_rc agentcert_spki(struct clv_slice der, struct clv_buf *spki, struct clv_err *err);
CLV_MUST clv_rc agentcert_to_pem(struct clv_slice der, struct clv_buf *pem, struct clv_err *err);
CLV_MUST clv_rc agentcert_from_pem(struct clv_slice pem, struct clv_buf *der, struct clv_err *err);
CLV_MUST clv_rc x509_from_der(struct clv_slice der, X509 **out, struct clv_err *err);

/* The group signing key as a self-signed certificate (what `get servers -o pem` exports), with
 * subjectKeyIdentifier by RFC 5280 4.2.1.2 (1). */
CLV_MUST clv_rc groupcert_make(EVP_PKEY *key, const char *group, int64_t now_ms, struct clv_buf *der,
                               struct clv_err *err);
/* An unsigned stand-in with the same public key and key identifier, for verifying a CMS against a
 * pinned public key. */
CLV_MUST clv_rc groupcert_of_spki(struct clv_slice spki, X509 **out, struct clv_err *err);

#define KEYID_TEXT_MAX 49u
/* "4A A8 71 ... B0 42 " as event 7006 prints it: each pair followed by a blank (S13). */
void keyid_7006_text(const uint8_t key_id[16], char out[KEYID_TEXT_MAX]);

#endif
