/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of a channel: the CA, our certificate and key, revocation lists, all checked before
 * any is taken, so that a bad set never replaces a good one (P3). Opens no file.
 */
#include "channel/creds.h"
#include "base/clock.h"
#include "channel/cert.h"
#include "channel/sigprov.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CREDS_MAGIC 0x63726564u

/* An operator's certificate has no dNSName; everything else is measured as a node's. */
static enum verify_kind kind_of(X509 *x)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	enum verify_kind kind = VERIFY_NODE;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type;

		(void)GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);
		if (type == GEN_DNS) {
			kind = VERIFY_NODE;
			break;
		}
		if (type == GEN_EMAIL)
			kind = VERIFY_OPERATOR;
	}
	GENERAL_NAMES_free(san);
	ERR_clear_error();
	return kind;
}

/* The same judgement that a peer will pass on us, so that a mistake shows at home. */
static clv_rc check_own(struct chan_creds *c, X509 *leaf, STACK_OF(X509) * rest, struct clv_err *err)
{
	struct verify_request req = {
	    .kind = kind_of(leaf), .role = VERIFY_PEER_SERVER, .at_ms = clock_wall_ms(), .own = true};
	int n = sk_X509_num(rest);
	struct clv_slice *chain = clv_calloc((size_t)n, sizeof(*chain));
	unsigned char *der = NULL;
	clv_rc rc;
	int len;

	for (int i = 0; i < n; i++) {
		unsigned char *one = NULL;

		len = i2d_X509(sk_X509_value(rest, i), &one);
		chain[i] = slice_of(one, len < 0 ? 0 : (size_t)len);
	}
	len = i2d_X509(leaf, &der);
	rc = verify_peer(c->anchors, &req, slice_of(der, len < 0 ? 0 : (size_t)len), chain, (size_t)n,
	                 &c->own, err);
	for (int i = 0; i < n; i++)
		OPENSSL_free((void *)(uintptr_t)chain[i].ptr);
	OPENSSL_free(der);
	clv_free(chain);
	return rc == CLV_OK ? CLV_OK : err_wrap(err, "our own certificate would be refused");
}

/* The private key, or what asks for it, when it belongs to the leaf. */
static clv_rc key_of(const struct chan_creds_pem *pem, X509 *leaf, EVP_PKEY **out, struct clv_err *err)
{
	EVP_PKEY *half = X509_get0_pubkey(leaf);
	uint8_t id[SIGBLOCK_KEY_LEN];

	if (pem->asker != NULL) {
		if (half == NULL)
			return err_set(err, CLV_E_CONFIG, "the certificate's public key cannot be read");
		if (sigblock_key_id(half, id, err) != CLV_OK ||
		    pem->asker->has(pem->asker->ctx, id, err) != CLV_OK)
			return CLV_FAILED;
		return sigprov_key(pem->asker, half, out, err);
	}
	if (cert_key_from_pem(pem->key, "the key file", out, err) != CLV_OK)
		return CLV_FAILED;
	if (X509_check_private_key(leaf, *out) == 1)
		return CLV_OK;
	ERR_clear_error();
	return err_set(err, CLV_E_CONFIG, CHAN_KEY_MISMATCH);
}

static clv_rc load_own(struct chan_creds *c, const struct chan_creds_pem *pem, struct clv_err *err)
{
	STACK_OF(X509) *certs = NULL;
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;
	X509 *leaf = NULL;

	if (cert_from_pem(pem->cert, "the certificate file", &certs, err) != CLV_OK)
		goto out;
	leaf = sk_X509_shift(certs);
	if (key_of(pem, leaf, &key, err) != CLV_OK)
		goto out;
	if (check_own(c, leaf, certs, err) != CLV_OK)
		goto out;
	if (c->asker != NULL && sigblock_key_id(X509_get0_pubkey(leaf), c->key_id, err) != CLV_OK)
		goto out;
	c->client = tls_ctx_new(c->anchors, false, leaf, certs, key, err);
	if (c->client == NULL)
		goto out;
	c->server = tls_ctx_new(c->anchors, true, leaf, certs, key, err);
	if (c->server == NULL)
		goto out;
	rc = CLV_OK;
out:
	X509_free(leaf);
	cert_stack_free(certs);
	EVP_PKEY_free(key);
	return rc;
}

struct chan_creds *chan_creds_new(const struct chan_creds_pem *pem, struct clv_err *err)
{
	struct chan_creds *c = clv_calloc(1, sizeof(*c));
	bool has_own = pem->cert.len > 0 || pem->key.len > 0 || pem->asker != NULL;

	c->magic = CREDS_MAGIC;
	c->refs = 1;
	c->accept = pem->peer_kind_accept;
	c->asker = pem->asker;
	if (has_own || pem->ca.len > 0) {
		c->anchors = verify_anchors_new(pem->ca, pem->crl, pem->crl_grace_ms, err);
		if (c->anchors == NULL)
			goto fail;
	}
	if (has_own && load_own(c, pem, err) != CLV_OK)
		goto fail;
	return c;
fail:
	chan_creds_free(c);
	return NULL;
}

struct chan_creds *chan_creds_ref(struct chan_creds *c)
{
	assert(c->magic == CREDS_MAGIC);
	c->refs++;
	return c;
}

void chan_creds_free(struct chan_creds *c)
{
	if (c == NULL)
		return;
	assert(c->magic == CREDS_MAGIC && c->refs > 0);
	if (--c->refs > 0)
		return;
	c->magic = 0;
	SSL_CTX_free(c->client);
	SSL_CTX_free(c->server);
	verify_anchors_free(c->anchors);
	clv_free(c);
}

const uint8_t *chan_creds_thumbprint(const struct chan_creds *c)
{
	assert(c->magic == CREDS_MAGIC);
	return c->own.thumbprint;
}

const char *chan_creds_name(const struct chan_creds *c)
{
	assert(c->magic == CREDS_MAGIC);
	return c->own.name;
}

int64_t chan_creds_not_after(const struct chan_creds *c)
{
	assert(c->magic == CREDS_MAGIC);
	return c->own.not_after_ms;
}

void chan_creds_ends(const struct chan_creds *c, int64_t *ca_not_after, int64_t *crl_due)
{
	assert(c->magic == CREDS_MAGIC);
	*ca_not_after = *crl_due = 0;
	if (c->anchors != NULL)
		verify_anchors_ends(c->anchors, ca_not_after, crl_due);
}

bool chan_creds_key_there(const struct chan_creds *c, struct clv_err *err)
{
	assert(c->magic == CREDS_MAGIC);
	return c->asker == NULL || c->server == NULL ||
	       c->asker->has(c->asker->ctx, c->key_id, err) == CLV_OK;
}

bool chan_creds_crl_stale(const struct chan_creds *c)
{
	assert(c->magic == CREDS_MAGIC);
	return c->own.crl_stale;
}
