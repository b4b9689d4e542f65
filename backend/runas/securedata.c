/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening SecureData by OpenSSL's CMS, behind our own template. Runs in the key holder,
 * where OpenSSL's heap is the locked, wiping arena. The plaintext leaves it as a secret only.
 */
#include "runas/securedata.h"
#include "keys/statement.h"
#include "runas/template.h"
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

/* One text for every cause (T9): what fails must not tell an attacker how far it came. */
static clv_rc refused(struct clv_err *err)
{
	ERR_clear_error();
	return err_set(err, CLV_E_AUTH, "SecureData refused: it is not a message of this group for this key");
}

struct sign_ctx {
	EVP_PKEY *key;
	X509 *cert;
	CMS_ContentInfo *cms;
};

static clv_rc sign_list(struct clv_slice list, void *ctx, struct clv_err *err)
{
	struct sign_ctx *s = ctx;
	BIO *in = BIO_new_mem_buf(list.ptr, (int)list.len);
	unsigned flags = CMS_BINARY | CMS_NOCERTS | CMS_NOSMIMECAP | CMS_USE_KEYID | CMS_PARTIAL;

	s->cms = CMS_sign(NULL, NULL, NULL, in, flags);
	if (!in || !s->cms || !CMS_add1_signer(s->cms, s->cert, s->key, EVP_sha256(), flags) ||
	    !CMS_final(s->cms, in, NULL, flags)) {
		BIO_free(in);
		return err_set(err, CLV_E_CRYPTO, "signing the RunAs list: %s", crypto_reason());
	}
	BIO_free(in);
	return CLV_OK;
}

static bool use_oaep(CMS_RecipientInfo *ri)
{
	EVP_PKEY_CTX *p = ri ? CMS_RecipientInfo_get0_pkey_ctx(ri) : NULL;

	return p && EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(p, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha256()) > 0;
}

static clv_rc envelop(CMS_ContentInfo *signed_list, X509 *recipient, struct clv_buf *out, struct clv_err *err)
{
	unsigned flags = CMS_BINARY | CMS_PARTIAL;
	BIO *mid = BIO_new(BIO_s_mem());
	CMS_ContentInfo *env = NULL;
	unsigned char *der = NULL;
	clv_rc rc = CLV_FAILED;
	int n = 0;

	if (mid && i2d_CMS_bio(mid, signed_list) == 1)
		env = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags);
	if (env && use_oaep(CMS_add1_recipient_cert(env, recipient, flags | CMS_KEY_PARAM)) &&
	    CMS_final(env, mid, NULL, flags) == 1)
		n = i2d_CMS_ContentInfo(env, &der);
	if (n <= 0)
		(void)err_set(err, CLV_E_CRYPTO, "encrypting for the agent's key: %s", crypto_reason());
	else if ((size_t)n > SECUREDATA_MAX)
		(void)err_set(err, CLV_E_LIMIT, "SecureData of %d bytes, at most %u", n, SECUREDATA_MAX);
	else
		rc = buf_put(out, slice_of(der, (size_t)n), err);
	OPENSSL_free(der);
	CMS_ContentInfo_free(env);
	BIO_free(mid);
	return rc;
}

clv_rc securedata_seal(const struct clv_secret *list, X509 *recipient, EVP_PKEY *signer, X509 *signer_cert,
                       struct clv_buf *out, struct clv_err *err)
{
	struct sign_ctx s = {signer, signer_cert, NULL};
	size_t before = buf_slice(out).len;
	clv_rc rc = CLV_FAILED;
	struct clv_slice made;

	if (secret_use(list, sign_list, &s, err) || envelop(s.cms, recipient, out, err))
		goto out;
	made = buf_slice(out);
	made = slice_of(made.ptr + before, made.len - before);
	/* What we would not read we do not send. */
	rc = securedata_check(made, recipient, NULL);
	if (rc)
		(void)err_set(err, CLV_E_INTERNAL,
		              "SecureData that was just made does not match its template");
out:
	CMS_ContentInfo_free(s.cms);
	return rc;
}

static bool names_recipient(struct clv_slice issuer_serial, X509 *recipient)
{
	unsigned char *name = NULL, *serial = NULL;
	int n = i2d_X509_NAME(X509_get_issuer_name(recipient), &name);
	int m = i2d_ASN1_INTEGER(X509_get0_serialNumber(recipient), &serial);
	bool good = n > 0 && m > 0 && issuer_serial.len == (size_t)n + (size_t)m &&
	            slice_eq(slice_of(issuer_serial.ptr, (size_t)n), slice_of(name, (size_t)n)) &&
	            slice_eq(slice_of(issuer_serial.ptr + n, (size_t)m), slice_of(serial, (size_t)m));

	OPENSSL_free(name);
	OPENSSL_free(serial);
	return good;
}

clv_rc securedata_check(struct clv_slice der, X509 *recipient, struct clv_err *err)
{
	struct template_outer o;

	if (der.len > SECUREDATA_MAX || !template_outer(der, &o))
		return refused(err);
	if (recipient && (!names_recipient(o.issuer_serial, recipient) ||
	                  o.key.len != (size_t)EVP_PKEY_get_size(X509_get0_pubkey(recipient))))
		return refused(err);
	return CLV_OK;
}

static CMS_ContentInfo *read_der(struct clv_slice der)
{
	const unsigned char *p = der.ptr;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);

	if (cms && p != der.ptr + der.len) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	return cms;
}

/* The decrypted bytes, in OpenSSL's (locked) memory. */
static BIO *decrypt(struct clv_slice der, EVP_PKEY *key, X509 *recipient)
{
	CMS_ContentInfo *env = read_der(der);
	BIO *out = BIO_new(BIO_s_mem());
	bool good = env && out && CMS_decrypt(env, key, recipient, NULL, out, CMS_BINARY) == 1;

	CMS_ContentInfo_free(env);
	if (!good) {
		BIO_free(out);
		out = NULL;
	}
	return out;
}

static bool verify_inner(struct clv_slice inner, X509 *signer)
{
	unsigned flags = CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY;
	CMS_ContentInfo *sd = read_der(inner);
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *sink = BIO_new(BIO_s_null());
	bool good = sd && certs && sink && sk_X509_push(certs, signer) > 0 &&
	            CMS_verify(sd, certs, NULL, NULL, sink, flags) == 1;

	BIO_free(sink);
	sk_X509_free(certs);
	CMS_ContentInfo_free(sd);
	return good;
}

clv_rc securedata_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, X509 *signer,
                       struct clv_secret *list, struct clv_err *err)
{
	struct template_inner in;
	char *p = NULL;
	BIO *plain = NULL;
	clv_rc rc = CLV_FAILED;
	long n;

	if (securedata_check(der, recipient, err))
		return CLV_FAILED;
	plain = decrypt(der, key, recipient);
	n = plain ? BIO_get_mem_data(plain, &p) : 0;
	if (n <= 0 || !template_inner(slice_of(p, (size_t)n), &in) ||
	    (signer && !verify_inner(slice_of(p, (size_t)n), signer)) || in.content.len > secret_cap(list)) {
		(void)refused(err);
		goto out;
	}
	secret_clear(list);
	rc = secret_append(list, in.content.ptr, in.content.len, err);
out:
	BIO_free(plain);
	return rc;
}
