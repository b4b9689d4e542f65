/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key of a channel's certificate (see sigkey.h). Runs in the signer. It must never sign what
 * sigblock_check did not pass.
 */
#include "channel/sigkey.h"
#include "channel/cert.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define SIGKEY_MAGIC 0x7369676bu

struct sigkey {
	uint32_t magic;
	unsigned refs;
	EVP_PKEY *key;
	uint8_t id[SIGBLOCK_KEY_LEN];
};

struct sigkey *sigkey_new(struct clv_slice pem, struct clv_err *err)
{
	struct sigkey *k = clv_calloc(1, sizeof(*k));

	k->magic = SIGKEY_MAGIC;
	k->refs = 1;
	if (cert_key_from_pem(pem, "the key file", &k->key, err) != CLV_OK ||
	    cert_check_key(k->key, "the key file", err) != CLV_OK ||
	    sigblock_key_id(k->key, k->id, err) != CLV_OK) {
		sigkey_free(k);
		return NULL;
	}
	return k;
}

struct sigkey *sigkey_ref(struct sigkey *k)
{
	assert(k->magic == SIGKEY_MAGIC);
	k->refs++;
	return k;
}

void sigkey_free(struct sigkey *k)
{
	if (k == NULL)
		return;
	assert(k->magic == SIGKEY_MAGIC && k->refs > 0);
	if (--k->refs > 0)
		return;
	k->magic = 0;
	EVP_PKEY_free(k->key);
	clv_free(k);
}

const uint8_t *sigkey_id(const struct sigkey *k)
{
	assert(k->magic == SIGKEY_MAGIC);
	return k->id;
}

static bool of_this_key(const struct sigkey *k, const struct sig_scheme *s)
{
	const EVP_MD *digest = s->digest == NULL ? NULL : EVP_get_digestbyname(s->digest);

	return sig_scheme_for(k->key, digest) == s;
}

clv_rc sigkey_sign(const struct sigkey *k, const struct sig_request *r, struct clv_buf *out,
                   struct clv_err *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = NULL;
	uint8_t signature[SIGBLOCK_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	clv_rc rc = CLV_FAILED;
	bool ok;

	assert(k->magic == SIGKEY_MAGIC);
	if (md == NULL)
		clv_fatal("out of memory");
	if (!of_this_key(k, r->scheme)) {
		(void)err_set(err, CLV_E_PROTO, "scheme 0x%x is of another kind of key", r->scheme->number);
		goto out;
	}
	ok = EVP_DigestSignInit_ex(md, &ctx, r->scheme->digest, NULL, NULL, k->key, NULL) == 1;
	if (ok && r->scheme->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestSign(md, signature, &len, r->block.ptr, r->block.len) == 1;
	if (ok)
		rc = buf_put(out, slice_of(signature, len), err);
	else
		(void)err_set(err, CLV_E_CRYPTO, "the handshake cannot be signed");
out:
	ERR_clear_error();
	EVP_MD_CTX_free(md);
	return rc;
}
