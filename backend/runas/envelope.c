/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening the envelope (see envelope.h). Written and read by our own template: OpenSSL's
 * CMS takes weaker forms (design 3), and would keep plaintext in its buffers.
 */
#include "runas/envelope.h"
#include "base/crypt.h"
#include "keys/statement.h"
#include "runas/template.h"
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

static clv_rc refused(struct clv_err *err)
{
	return err_set(err, CLV_E_AUTH, "refused: it is not a sealed message for this key");
}

static bool oaep_init(EVP_PKEY_CTX *p, bool wrap)
{
	return p && (wrap ? EVP_PKEY_encrypt_init(p) : EVP_PKEY_decrypt_init(p)) > 0 &&
	       EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(p, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha256()) > 0;
}

struct wrap {
	EVP_PKEY_CTX *p;
	uint8_t *out;
	size_t len;
	struct clv_slice wrapped;
};

static clv_rc wrap_item(struct clv_slice item, void *ctx, struct clv_err *err)
{
	struct wrap *w = ctx;

	return EVP_PKEY_encrypt(w->p, w->out, &w->len, item.ptr, item.len) > 0
	           ? CLV_OK
	           : err_set(err, CLV_E_CRYPTO, "RSA-OAEP: %s", crypto_reason());
}

clv_rc oaep_wrap(EVP_PKEY *key, const struct clv_secret *item, struct clv_buf *out, struct clv_err *err)
{
	struct wrap w = {.p = EVP_PKEY_CTX_new(key, NULL), .len = (size_t)EVP_PKEY_get_size(key)};
	clv_rc rc = CLV_FAILED;

	if (!oaep_init(w.p, true))
		(void)err_set(err, CLV_E_CRYPTO, "RSA-OAEP: %s", crypto_reason());
	else if (!buf_reserve(out, w.len, &w.out, err) && !secret_use(item, wrap_item, &w, err))
		rc = CLV_OK;
	if (!rc)
		buf_commit(out, w.len);
	EVP_PKEY_CTX_free(w.p);
	return rc;
}

static clv_rc unwrap_item(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct wrap *w = ctx;
	int good;

	*len = cap;
	good = EVP_PKEY_decrypt(w->p, bytes, len, w->wrapped.ptr, w->wrapped.len);
	ERR_clear_error();
	return good > 0 ? CLV_OK : refused(err);
}

clv_rc oaep_unwrap(EVP_PKEY *key, struct clv_slice wrapped, struct clv_secret *item, struct clv_err *err)
{
	struct wrap w = {.p = EVP_PKEY_CTX_new(key, NULL), .wrapped = wrapped};
	clv_rc rc = CLV_FAILED;

	if (wrapped.len != (size_t)EVP_PKEY_get_size(key) || !oaep_init(w.p, false)) {
		ERR_clear_error();
		(void)refused(err);
	} else {
		rc = secret_fill(item, unwrap_item, &w, err);
	}
	EVP_PKEY_CTX_free(w.p);
	return rc;
}

/* The content of an IssuerAndSerialNumber. */
static clv_rc put_issuer_serial(X509 *x, struct clv_buf *b, struct clv_err *err)
{
	unsigned char *name = NULL, *serial = NULL;
	int n = i2d_X509_NAME(X509_get_issuer_name(x), &name);
	int m = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &serial);
	clv_rc rc = CLV_FAILED;

	if (n <= 0 || m <= 0)
		(void)err_set(err, CLV_E_CRYPTO, "the recipient's name: %s", crypto_reason());
	else if (!buf_put(b, slice_of(name, (size_t)n), err))
		rc = buf_put(b, slice_of(serial, (size_t)m), err);
	OPENSSL_free(name);
	OPENSSL_free(serial);
	return rc;
}

/* A fresh key, wrapped for the recipient, and a nonce. */
static clv_rc make_key(EVP_PKEY *public, struct clv_secret *cek, struct clv_buf *wrapped,
                       uint8_t nonce[CRYPT_NONCE], struct clv_err *err)
{
	if (secret_random(cek, CRYPT_KEY, err) || oaep_wrap(public, cek, wrapped, err))
		return CLV_FAILED;
	return RAND_bytes(nonce, (int)CRYPT_NONCE) == 1 ? CLV_OK
	                                                : err_set(err, CLV_E_CRYPTO, "no random bytes");
}

static clv_rc write_sealed(const struct template_outer *o, const struct clv_secret *cek,
                           const struct clv_secret *content, struct clv_buf *out, struct clv_err *err)
{
	size_t len = secret_len(content), mac = sizeof TEMPLATE_MAC - 1;
	uint8_t *room = NULL;

	if (template_outer_begin(out, o, err) || buf_reserve(out, len + mac + CRYPT_TAG, &room, err))
		return CLV_FAILED;
	memcpy(room + len, TEMPLATE_MAC, mac);
	if (crypt_seal(cek, o->iv, slice_of(NULL, 0), content, room, room + len + mac, err))
		return CLV_FAILED;
	buf_commit(out, len + mac + CRYPT_TAG);
	return CLV_OK;
}

clv_rc envelope_seal(const struct clv_secret *content, X509 *recipient, size_t max, struct clv_buf *out,
                     struct clv_err *err)
{
	EVP_PKEY *public = X509_get0_pubkey(recipient);
	struct clv_secret *cek = secret_new(CRYPT_KEY, err);
	struct template_outer o = {.ciphertext = {NULL, secret_len(content)}};
	uint8_t nonce[CRYPT_NONCE];
	struct clv_buf id, wrapped, whole;
	clv_rc rc = CLV_FAILED;

	buf_init(&id, max);
	buf_init(&wrapped, ENVELOPE_BITS_MAX / 8);
	buf_init(&whole, max);
	if (!cek)
		goto out;
	if (!public || !EVP_PKEY_is_a(public, "RSA") || EVP_PKEY_get_bits(public) < ENVELOPE_BITS_MIN ||
	    EVP_PKEY_get_bits(public) > ENVELOPE_BITS_MAX) {
		(void)err_set(err, CLV_E_USAGE, "the recipient's key is not RSA of %d to %d bits",
		              ENVELOPE_BITS_MIN, ENVELOPE_BITS_MAX);
		goto out;
	}
	if (put_issuer_serial(recipient, &id, err) || make_key(public, cek, &wrapped, nonce, err))
		goto out;
	o.issuer_serial = buf_slice(&id);
	o.key = buf_slice(&wrapped);
	o.iv = slice_of(nonce, sizeof nonce);
	if (write_sealed(&o, cek, content, &whole, err))
		goto out;
	/* What we would not read we do not send. */
	if (!envelope_check(buf_slice(&whole), recipient))
		(void)err_set(err, CLV_E_INTERNAL, "what was just sealed does not match its template");
	else
		rc = buf_put(out, buf_slice(&whole), err);
out:
	secret_free(cek);
	buf_release(&id);
	buf_release(&wrapped);
	buf_release(&whole);
	return rc;
}

static bool names_recipient(struct clv_slice issuer_serial, X509 *recipient)
{
	struct clv_buf b;
	bool good;

	buf_init(&b, 65536);
	good = !put_issuer_serial(recipient, &b, NULL) && slice_eq(buf_slice(&b), issuer_serial);
	buf_release(&b);
	return good;
}

static bool fits(struct clv_slice der, X509 *recipient, struct template_outer *o)
{
	return template_outer(der, o) &&
	       (!recipient || (names_recipient(o->issuer_serial, recipient) &&
	                       o->key.len == (size_t)EVP_PKEY_get_size(X509_get0_pubkey(recipient))));
}

bool envelope_check(struct clv_slice der, X509 *recipient)
{
	struct template_outer o;

	return fits(der, recipient, &o);
}

clv_rc envelope_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, struct clv_secret **content,
                     struct clv_err *err)
{
	struct clv_secret *cek = secret_new(ENVELOPE_BITS_MAX / 8, err), *other = NULL, *plain = NULL;
	struct template_outer o;
	clv_rc rc = CLV_FAILED;
	bool unwrapped;

	if (!cek)
		goto out;
	if (!fits(der, recipient, &o) || o.ciphertext.len == 0 || o.ciphertext.len > CLV_SECRET_MAX ||
	    !EVP_PKEY_is_a(key, "RSA")) {
		(void)refused(err);
		goto out;
	}
	/* A key that does not unwrap is replaced by a random one: both go on to the tag (T9). */
	other = secret_new(CRYPT_KEY, err);
	plain = secret_new(o.ciphertext.len, err);
	if (!other || !plain || secret_random(other, CRYPT_KEY, err))
		goto out;
	unwrapped = !oaep_unwrap(key, o.key, cek, NULL) && secret_len(cek) == CRYPT_KEY;
	if (crypt_open(unwrapped ? cek : other, o.iv, slice_of(NULL, 0), o.ciphertext, o.mac, plain, NULL)) {
		(void)refused(err);
		goto out;
	}
	*content = plain;
	plain = NULL;
	rc = CLV_OK;
out:
	secret_free(cek);
	secret_free(other);
	secret_free(plain);
	return rc;
}
