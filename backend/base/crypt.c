/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM, HKDF and PBKDF2 by OpenSSL, between secrets (see crypt.h). One text for every reason
 * why something does not open.
 */
#include "base/crypt.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

struct gcm {
	struct clv_slice nonce, context, in, tag;
	const struct clv_secret *item;
	struct clv_secret *opened;
	uint8_t *out, *out_tag;
	struct clv_slice key;
};

static bool gcm_fits(const struct gcm *g, struct clv_slice key)
{
	return key.len == CRYPT_KEY && g->nonce.len == CRYPT_NONCE && g->context.len <= INT32_MAX &&
	       g->in.len <= INT32_MAX;
}

/* OpenSSL wants a pointer even to no bytes. */
static const uint8_t *bytes_of(struct clv_slice s)
{
	return s.ptr ? s.ptr : (const uint8_t *)"";
}

static clv_rc seal_item(struct clv_slice item, void *ctx, struct clv_err *err)
{
	struct gcm *g = ctx;
	EVP_CIPHER_CTX *e = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool good;

	g->in = item;
	good = e && gcm_fits(g, g->key) &&
	       EVP_EncryptInit_ex(e, EVP_aes_256_gcm(), NULL, g->key.ptr, g->nonce.ptr) == 1 &&
	       EVP_EncryptUpdate(e, NULL, &n, bytes_of(g->context), (int)g->context.len) == 1 &&
	       EVP_EncryptUpdate(e, g->out, &n, bytes_of(item), (int)item.len) == 1 &&
	       EVP_EncryptFinal_ex(e, g->out + n, &m) == 1 &&
	       EVP_CIPHER_CTX_ctrl(e, EVP_CTRL_GCM_GET_TAG, (int)CRYPT_TAG, g->out_tag) == 1;
	EVP_CIPHER_CTX_free(e);
	ERR_clear_error();
	return good ? CLV_OK : err_set(err, CLV_E_CRYPTO, "AES-256-GCM failed");
}

static clv_rc seal_with(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct gcm *g = ctx;

	g->key = key;
	return secret_use(g->item, seal_item, g, err);
}

clv_rc crypt_seal(const struct clv_secret *key, struct clv_slice nonce, struct clv_slice context,
                  const struct clv_secret *item, uint8_t *ciphertext, uint8_t tag[CRYPT_TAG],
                  struct clv_err *err)
{
	struct gcm g = {.nonce = nonce, .context = context, .item = item, .out = ciphertext, .out_tag = tag};

	return secret_use(key, seal_with, &g, err);
}

static clv_rc open_item(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct gcm *g = ctx;
	EVP_CIPHER_CTX *e = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool good = e && gcm_fits(g, g->key) && g->tag.len == CRYPT_TAG && g->in.len <= cap &&
	            EVP_DecryptInit_ex(e, EVP_aes_256_gcm(), NULL, g->key.ptr, g->nonce.ptr) == 1 &&
	            EVP_DecryptUpdate(e, NULL, &n, bytes_of(g->context), (int)g->context.len) == 1 &&
	            EVP_DecryptUpdate(e, bytes, &n, bytes_of(g->in), (int)g->in.len) == 1 &&
	            EVP_CIPHER_CTX_ctrl(e, EVP_CTRL_GCM_SET_TAG, (int)CRYPT_TAG,
	                                (void *)(uintptr_t)g->tag.ptr) == 1 &&
	            EVP_DecryptFinal_ex(e, bytes + n, &m) == 1;

	EVP_CIPHER_CTX_free(e);
	ERR_clear_error();
	*len = good ? g->in.len : 0;
	return good ? CLV_OK : err_set(err, CLV_E_AUTH, "does not open");
}

static clv_rc open_with(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct gcm *g = ctx;

	g->key = key;
	return secret_fill(g->opened, open_item, g, err);
}

clv_rc crypt_open(const struct clv_secret *key, struct clv_slice nonce, struct clv_slice context,
                  struct clv_slice ciphertext, struct clv_slice tag, struct clv_secret *item,
                  struct clv_err *err)
{
	struct gcm g = {.nonce = nonce, .context = context, .in = ciphertext, .tag = tag, .opened = item};

	return secret_use(key, open_with, &g, err);
}

struct derive {
	struct clv_slice key, salt, info;
	enum crypt_hash hash;
	uint32_t iterations;
	size_t len;
	struct clv_secret *out;
	secret_fill_fn *fn;
};

static OSSL_PARAM octets(const char *name, struct clv_slice s)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes_of(s), s.len);
}

static clv_rc hkdf(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct derive *d = ctx;
	const char *hash = d->hash == CRYPT_SHA256 ? "SHA256" : "SHA512";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *k = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM p[5];
	bool good;

	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)hash, 0);
	p[1] = octets(OSSL_KDF_PARAM_KEY, d->key);
	p[2] = octets(OSSL_KDF_PARAM_SALT, d->salt);
	p[3] = octets(OSSL_KDF_PARAM_INFO, d->info);
	p[4] = OSSL_PARAM_construct_end();
	good = k && d->len > 0 && d->len <= cap && EVP_KDF_derive(k, bytes, d->len, p) == 1;
	EVP_KDF_CTX_free(k);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	*len = good ? d->len : 0;
	return good ? CLV_OK : err_set(err, CLV_E_CRYPTO, "HKDF failed");
}

static clv_rc pbkdf2(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct derive *d = ctx;
	bool good =
	    d->len > 0 && d->len <= cap && d->iterations > 0 && d->iterations <= INT32_MAX &&
	    d->key.len <= INT32_MAX && d->salt.len <= INT32_MAX &&
	    PKCS5_PBKDF2_HMAC((const char *)bytes_of(d->key), (int)d->key.len, bytes_of(d->salt),
	                      (int)d->salt.len, (int)d->iterations, EVP_sha512(), (int)d->len, bytes) == 1;

	ERR_clear_error();
	*len = good ? d->len : 0;
	return good ? CLV_OK : err_set(err, CLV_E_CRYPTO, "PBKDF2 failed");
}

static clv_rc derive_from(struct clv_slice key, void *ctx, struct clv_err *err)
{
	struct derive *d = ctx;

	d->key = key;
	return secret_fill(d->out, d->fn, d, err);
}

clv_rc crypt_hkdf(enum crypt_hash hash, const struct clv_secret *key, struct clv_slice salt,
                  struct clv_slice info, size_t len, struct clv_secret *out, struct clv_err *err)
{
	struct derive d = {.hash = hash, .salt = salt, .info = info, .len = len, .out = out, .fn = hkdf};

	return secret_use(key, derive_from, &d, err);
}

clv_rc crypt_pbkdf2(const struct clv_secret *passphrase, struct clv_slice salt, uint32_t iterations,
                    size_t len, struct clv_secret *out, struct clv_err *err)
{
	struct derive d = {.salt = salt, .iterations = iterations, .len = len, .out = out, .fn = pbkdf2};

	return secret_use(passphrase, derive_from, &d, err);
}
