/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening one blob (see blob.h). Keys and plaintext stay in secrets; OpenSSL's own
 * copies lie in the key holder's locked arena.
 */
#include "vault/blob.h"
#include <openssl/rand.h>

_Static_assert(BLOB_NONCE == CRYPT_NONCE && BLOB_TAG == CRYPT_TAG, "a blob is what crypt.h seals");

static clv_rc derive_key(const struct clv_secret *key, struct clv_slice salt, struct clv_slice entropy,
                         struct clv_secret **out, struct clv_err *err)
{
	struct clv_secret *derived = secret_new(CRYPT_KEY, err);

	if (!derived || crypt_hkdf(CRYPT_SHA512, key, salt, entropy, CRYPT_KEY, derived, err)) {
		secret_free(derived);
		return CLV_FAILED;
	}
	*out = derived;
	return CLV_OK;
}

clv_rc blob_seal(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                 const struct clv_secret *item, struct clv_sealed *out, struct clv_err *err)
{
	size_t len = secret_len(item);
	struct clv_secret *derived = NULL;
	uint8_t *room = NULL, *nonce, *ciphertext;
	clv_rc rc = CLV_FAILED;

	if (buf_reserve(&out->bytes, BLOB_OVERHEAD + len, &room, err))
		return CLV_FAILED;
	nonce = room + BLOB_SALT;
	ciphertext = nonce + BLOB_NONCE;
	if (RAND_bytes(room, (int)(BLOB_SALT + BLOB_NONCE)) != 1)
		return err_set(err, CLV_E_CRYPTO, "no random bytes");
	if (derive_key(key, slice_of(room, BLOB_SALT), entropy, &derived, err))
		return CLV_FAILED;
	rc = crypt_seal(derived, slice_of(nonce, BLOB_NONCE), context, item, ciphertext, ciphertext + len,
	                err);
	if (!rc)
		buf_commit(&out->bytes, BLOB_OVERHEAD + len);
	secret_free(derived);
	return rc;
}

clv_rc blob_open(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                 struct clv_slice sealed, struct clv_secret *item, struct clv_err *err)
{
	struct clv_slice s = sealed, salt = {0}, nonce = {0}, ciphertext = {0};
	struct clv_secret *derived = NULL;
	clv_rc rc = CLV_FAILED;

	if (sealed.len < BLOB_OVERHEAD || slice_get(&s, BLOB_SALT, &salt, NULL) ||
	    slice_get(&s, BLOB_NONCE, &nonce, NULL) || slice_get(&s, s.len - BLOB_TAG, &ciphertext, NULL))
		return err_set(err, CLV_E_AUTH, "does not open");
	if (derive_key(key, salt, entropy, &derived, err))
		return CLV_FAILED;
	rc = crypt_open(derived, nonce, context, ciphertext, s, item, err);
	secret_free(derived);
	return rc;
}
