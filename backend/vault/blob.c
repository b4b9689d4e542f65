/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening one blob (see blob.h). Keys and plaintext stay in secrets; OpenSSL's own
 * copies lie in the key holder's locked arena.
 */
#include "vault/blob.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>

#define KEY_LEN 32u

struct derive {
	struct clv_slice salt, entropy;
	struct clv_secret *out;
};

struct derive_bytes {
	struct derive *d;
	struct clv_slice key;
};

static clv_rc hkdf(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct derive_bytes *b = ctx;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *k = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM p[5];
	int good;

	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA512", 0);
	p[1] =
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)b->key.ptr, b->key.len);
	p[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)b->d->salt.ptr,
	                                         b->d->salt.len);
	p[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)b->d->entropy.ptr,
	                                         b->d->entropy.len);
	p[4] = OSSL_PARAM_construct_end();
	good = k && cap >= KEY_LEN && EVP_KDF_derive(k, bytes, KEY_LEN, p) == 1;
	EVP_KDF_CTX_free(k);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	*len = KEY_LEN;
	return good ? CLV_OK : err_set(err, CLV_E_CRYPTO, "HKDF failed");
}

static clv_rc with_key(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct derive_bytes b = {ctx, key};

	return secret_fill(b.d->out, hkdf, &b, err);
}

struct crypt {
	bool seal;
	struct clv_slice nonce, context, in;
	const struct clv_secret *item; /* seal: what to encrypt */
	uint8_t *out;                  /* seal: ciphertext and tag */
	struct clv_slice tag;          /* open */
};

static clv_rc seal_bytes(struct clv_slice item, void *ctx, struct clv_err *err)
{
	struct crypt *c = ctx;

	(void)err;
	c->in = item;
	return CLV_OK;
}

static bool gcm_seal(const struct crypt *c, struct clv_slice key)
{
	EVP_CIPHER_CTX *e = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool good = e && EVP_EncryptInit_ex(e, EVP_aes_256_gcm(), NULL, key.ptr, c->nonce.ptr) == 1 &&
	            EVP_EncryptUpdate(e, NULL, &n, c->context.ptr, (int)c->context.len) == 1 &&
	            EVP_EncryptUpdate(e, c->out, &n, c->in.ptr, (int)c->in.len) == 1 &&
	            EVP_EncryptFinal_ex(e, c->out + n, &m) == 1 &&
	            EVP_CIPHER_CTX_ctrl(e, EVP_CTRL_GCM_GET_TAG, (int)BLOB_TAG, c->out + c->in.len) == 1;

	EVP_CIPHER_CTX_free(e);
	return good;
}

/* The item is borrowed inside the borrow of the key. */
static clv_rc seal_with(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct crypt *c = ctx;

	if (secret_use(c->item, seal_bytes, c, err))
		return CLV_FAILED;
	return gcm_seal(c, key) ? CLV_OK : err_set(err, CLV_E_CRYPTO, "AES-256-GCM failed");
}

static clv_rc derive_key(const struct clv_secret *key, struct clv_slice salt, struct clv_slice entropy,
                         struct clv_secret **out, struct clv_err *err)
{
	struct derive d = {salt, entropy, secret_new(KEY_LEN, err)};

	if (!d.out)
		return CLV_FAILED;
	if (secret_use(key, with_key, &d, err)) {
		secret_free(d.out);
		return CLV_FAILED;
	}
	*out = d.out;
	return CLV_OK;
}

clv_rc blob_seal(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                 const struct clv_secret *item, struct clv_sealed *out, struct clv_err *err)
{
	size_t total = BLOB_OVERHEAD + secret_len(item);
	struct clv_secret *derived = NULL;
	struct crypt c = {.seal = true, .context = context, .item = item};
	uint8_t *room = NULL;
	clv_rc rc = CLV_FAILED;

	if (buf_reserve(&out->bytes, total, &room, err))
		return CLV_FAILED;
	if (RAND_bytes(room, (int)(BLOB_SALT + BLOB_NONCE)) != 1)
		return err_set(err, CLV_E_CRYPTO, "no random bytes");
	if (derive_key(key, slice_of(room, BLOB_SALT), entropy, &derived, err))
		return CLV_FAILED;
	c.nonce = slice_of(room + BLOB_SALT, BLOB_NONCE);
	c.out = room + BLOB_SALT + BLOB_NONCE;
	rc = secret_use(derived, seal_with, &c, err);
	if (!rc)
		buf_commit(&out->bytes, total);
	secret_free(derived);
	return rc;
}

struct open_ctx {
	struct crypt *c;
	struct clv_slice key;
};

static clv_rc gcm_open(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct open_ctx *o = ctx;
	const struct crypt *c = o->c;
	EVP_CIPHER_CTX *e = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool good = e && c->in.len <= cap &&
	            EVP_DecryptInit_ex(e, EVP_aes_256_gcm(), NULL, o->key.ptr, c->nonce.ptr) == 1 &&
	            EVP_DecryptUpdate(e, NULL, &n, c->context.ptr, (int)c->context.len) == 1 &&
	            EVP_DecryptUpdate(e, bytes, &n, c->in.ptr, (int)c->in.len) == 1 &&
	            EVP_CIPHER_CTX_ctrl(e, EVP_CTRL_GCM_SET_TAG, (int)c->tag.len,
	                                (void *)(uintptr_t)c->tag.ptr) == 1 &&
	            EVP_DecryptFinal_ex(e, bytes + n, &m) == 1;

	EVP_CIPHER_CTX_free(e);
	ERR_clear_error();
	*len = good ? c->in.len : 0;
	return good ? CLV_OK : err_set(err, CLV_E_AUTH, "does not open");
}

struct open_with {
	struct crypt *c;
	struct clv_secret *item;
};

static clv_rc open_key(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct open_with *w = ctx;
	struct open_ctx o = {w->c, key};

	return secret_fill(w->item, gcm_open, &o, err);
}

clv_rc blob_open(const struct clv_secret *key, struct clv_slice entropy, struct clv_slice context,
                 struct clv_slice sealed, struct clv_secret *item, struct clv_err *err)
{
	struct clv_slice s = sealed, salt = {0};
	struct clv_secret *derived = NULL;
	struct crypt c = {.context = context};
	struct open_with w = {&c, item};
	clv_rc rc = CLV_FAILED;

	if (sealed.len < BLOB_OVERHEAD || slice_get(&s, BLOB_SALT, &salt, NULL) ||
	    slice_get(&s, BLOB_NONCE, &c.nonce, NULL) || slice_get(&s, s.len - BLOB_TAG, &c.in, NULL))
		return err_set(err, CLV_E_AUTH, "does not open");
	c.tag = s;
	if (derive_key(key, salt, entropy, &derived, err))
		return CLV_FAILED;
	rc = secret_use(derived, open_key, &w, err);
	secret_free(derived);
	return rc;
}
