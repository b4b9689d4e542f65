/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few primitives that passwords, blobs and sealed messages are made of: AES-256-GCM, HKDF (RFC
 * 5869), PBKDF2. Keys and plaintext are secrets and stay in them. Used in key holders, and in the
 * console for what it seals. OpenSSL's own copies lie in the locked arena where one was set up.
 */
#ifndef BASE_CRYPT_H
#define BASE_CRYPT_H

#include "claviger/secret.h"

#define CRYPT_KEY   32u
#define CRYPT_NONCE 12u
#define CRYPT_TAG   16u

enum crypt_hash { CRYPT_SHA256, CRYPT_SHA512 };

/* AES-256-GCM under a key of 32 bytes. ciphertext: room for as many bytes as item has. */
CLV_MUST clv_rc crypt_seal(const struct clv_secret *key, struct clv_slice nonce, struct clv_slice context,
                           const struct clv_secret *item, uint8_t *ciphertext, uint8_t tag[CRYPT_TAG],
                           struct clv_err *err);
/* item is replaced; empty after a failure. CLV_E_AUTH with one text when anything differs, also a nonce
 * or a tag of another length, or an item that item cannot hold. */
CLV_MUST clv_rc crypt_open(const struct clv_secret *key, struct clv_slice nonce, struct clv_slice context,
                           struct clv_slice ciphertext, struct clv_slice tag, struct clv_secret *item,
                           struct clv_err *err);
/* HKDF, extract and expand: len bytes into out. */
CLV_MUST clv_rc crypt_hkdf(enum crypt_hash hash, const struct clv_secret *key, struct clv_slice salt,
                           struct clv_slice info, size_t len, struct clv_secret *out, struct clv_err *err);
/* PBKDF2-HMAC-SHA-512: len bytes into out. Takes as long as iterations say. */
CLV_MUST clv_rc crypt_pbkdf2(const struct clv_secret *passphrase, struct clv_slice salt, uint32_t iterations,
                             size_t len, struct clv_secret *out, struct clv_err *err);

#endif
