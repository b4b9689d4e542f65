/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob: salt, nonce, ciphertext, tag. AES-256-GCM under HKDF-SHA-512(key, salt, entropy), the
 * context (purpose, name, master key's number) as associated data.
 */
#ifndef VAULT_BLOB_H
#define VAULT_BLOB_H

#include "base/crypt.h"

#define BLOB_SALT     16u
#define BLOB_NONCE    12u
#define BLOB_TAG      16u
#define BLOB_OVERHEAD (BLOB_SALT + BLOB_NONCE + BLOB_TAG)

CLV_MUST clv_rc blob_seal(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                          const struct clv_secret *item, struct clv_sealed *out, struct clv_err *err);
/* CLV_E_AUTH, always the same text, when anything differs. */
CLV_MUST clv_rc blob_open(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                          struct clv_slice sealed, struct clv_secret *item, struct clv_err *err);

#endif
