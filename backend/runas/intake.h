/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the keyboard (design 3): what a console seals to a management server's intake certificate, and
 * what that server's key holder opens. A CMS AuthEnvelopedData of the same template as SecureData for
 * exactly one recipient, whose content is the form below. The sealing process has OpenSSL's heap in the
 * locked arena (secret_openssl_arena), else copies of the password would stay in its heap.
 */
#ifndef RUNAS_INTAKE_H
#define RUNAS_INTAKE_H

#include "claviger/secret.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define INTAKE_NAME_MAX 256u
/* A password, or the file of a binary account: any of them fits RUNAS_ACCOUNT_MAX as base64 beside the
 * longest names. */
#define INTAKE_SECRET_MAX (42u * 1024u)
#define INTAKE_SEALED_MAX (48u * 1024u)

/* All of it is compared by the key holder with what it knows: a mismatch is refused. */
struct intake_head {
	char group[INTAKE_NAME_MAX], account[40], operator_[INTAKE_NAME_MAX];
	uint64_t expected; /* version of the password that the operator saw; 0: never entered */
};

/* Content: "claviger/1 intake" 0, lp group, lp account, u64 expected, lp operator, then the password
 * (1..INTAKE_SECRET_MAX bytes) to the end. Appends DER to out. */
CLV_MUST clv_rc intake_seal(const struct intake_head *head, const struct clv_secret *password,
                            X509 *recipient, struct clv_sealed *out, struct clv_err *err);
/* One text for every refusal (CLV_E_AUTH). head and password are untouched then. password's capacity:
 * INTAKE_SECRET_MAX. */
CLV_MUST clv_rc intake_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, struct intake_head *head,
                            struct clv_secret *password, struct clv_err *err);

/* What intake_open does with a content that it decrypted. */
CLV_MUST clv_rc intake_read(struct clv_slice content, struct intake_head *head, struct clv_secret *password,
                            struct clv_err *err);

#endif
