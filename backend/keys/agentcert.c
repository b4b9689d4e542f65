/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agent certificates and the group's own: made in the key holder, read at both ends. Checks are
 * strict because an impostor may have made the other one.
 */
#include "keys/agentcert.h"
#include "base/clock.h"
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define BACKDATE_MS (10ll * 60 * 1000)
#define DAY_MS      (24ll * 3600 * 1000)
#define SERIAL_LEN  16

static clv_rc set_serial(X509 *x, struct clv_err *err)
{
	uint8_t raw[SERIAL_LEN];
	BIGNUM *bn = NULL;
	clv_rc rc = CLV_FAILED;

	/* 16 bytes, positive and never shorter: the top bit is 0, the next 1. */
	if (RAND_bytes(raw, sizeof raw) != 1)
		goto out;
	raw[0] = (uint8_t)((raw[0] & 0x3f) | 0x40);
	bn = BN_bin2bn(raw, sizeof raw, NULL);
	if (bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)))
		rc = CLV_OK;
out:
	BN_free(bn);
	return rc ? err_set(err, CLV_E_CRYPTO, "making a serial number: %s", crypto_reason()) : CLV_OK;
}

static clv_rc set_names(X509 *x, const char *cn, struct clv_err *err)
{
	X509_NAME *n = X509_get_subject_name(x);

	if (!X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) ||
	    !X509_set_issuer_name(x, n))
		return err_set(err, CLV_E_CRYPTO, "naming the certificate: %s", crypto_reason());
	return CLV_OK;
}

static clv_rc add_ext(X509 *x, int nid, const char *value, struct clv_err *err)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e = NULL;
	int good;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return good ? CLV_OK : err_set(err, CLV_E_CRYPTO, "adding extension %s: %s", value, crypto_reason());
}

static clv_rc to_der(X509 *x, struct clv_buf *der, struct clv_err *err)
{
	unsigned char *p = NULL;
	int n = i2d_X509(x, &p);
	clv_rc rc;

	if (n <= 0)
		return err_set(err, CLV_E_CRYPTO, "encoding a certificate: %s", crypto_reason());
	rc = buf_put(der, slice_of(p, (size_t)n), err);
	OPENSSL_free(p);
	return rc;
}

struct cert_shape {
	const char *cn;
	int64_t from_ms, to_ms;
	const char *key_usage;
};

static clv_rc self_signed(EVP_PKEY *key, const struct cert_shape *s, struct clv_buf *der, struct clv_err *err)
{
	X509 *x = X509_new();
	clv_rc rc = CLV_FAILED;

	if (!x || !X509_set_version(x, X509_VERSION_3) || !X509_set_pubkey(x, key) ||
	    !ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(s->from_ms / 1000)) ||
	    !ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(s->to_ms / 1000))) {
		(void)err_set(err, CLV_E_CRYPTO, "building a certificate: %s", crypto_reason());
		goto out;
	}
	if (set_serial(x, err) || set_names(x, s->cn, err) ||
	    add_ext(x, NID_subject_key_identifier, "hash", err) ||
	    add_ext(x, NID_basic_constraints, "critical,CA:FALSE", err) ||
	    add_ext(x, NID_key_usage, s->key_usage, err))
		goto out;
	if (!X509_sign(x, key, EVP_sha256())) {
		(void)err_set(err, CLV_E_CRYPTO, "signing a certificate: %s", crypto_reason());
		goto out;
	}
	rc = to_der(x, der, err);
out:
	X509_free(x);
	return rc;
}

clv_rc agentcert_make(EVP_PKEY *key, const char *name, uint32_t days, int64_t now_ms, struct clv_buf *der,
                      struct clv_err *err)
{
	struct cert_shape s = {name, now_ms - BACKDATE_MS, now_ms - BACKDATE_MS + (int64_t)days * DAY_MS,
	                       "critical,keyEncipherment"};
	/* A common name holds 64 characters (RFC 5280 ub-common-name); a longer FQDN cannot be one. */
	if (strlen(name) > 64)
		return err_set(err, CLV_E_LIMIT,
		               "the node name %s has more than the 64 characters of a common name", name);
	return self_signed(key, &s, der, err);
}

clv_rc groupcert_make(EVP_PKEY *key, const char *group, int64_t now_ms, struct clv_buf *der,
                      struct clv_err *err)
{
	struct cert_shape s = {group, now_ms - BACKDATE_MS, now_ms + 7300ll * DAY_MS,
	                       "critical,digitalSignature"};

	return self_signed(key, &s, der, err);
}

clv_rc groupcert_of_spki(struct clv_slice spki, X509 **out, struct clv_err *err)
{
	X509 *x = NULL;
	EVP_PKEY *key = NULL, *throwaway = NULL;
	clv_rc rc = CLV_FAILED;

	if (pkey_from_spki_p256(spki, &key, err))
		return CLV_FAILED;
	x = X509_new();
	if (!x || pkey_make_p256(&throwaway, err) || !X509_set_version(x, X509_VERSION_3) ||
	    !X509_set_pubkey(x, key) || !ASN1_TIME_set(X509_getm_notBefore(x), 0) ||
	    !ASN1_TIME_set(X509_getm_notAfter(x), 0)) {
		(void)err_set(err, CLV_E_CRYPTO, "a stand-in certificate: %s", crypto_reason());
		goto out;
	}
	/* OpenSSL finds a signer's key identifier only in a certificate that can be encoded whole; nobody
	 * looks at this signature. */
	if (set_names(x, "group", err) || add_ext(x, NID_subject_key_identifier, "hash", err))
		goto out;
	if (!X509_sign(x, throwaway, EVP_sha256())) {
		(void)err_set(err, CLV_E_CRYPTO, "a stand-in certificate: %s", crypto_reason());
		goto out;
	}
	*out = x;
	x = NULL;
	rc = CLV_OK;
out:
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(throwaway);
	return rc;
}

clv_rc x509_from_der(struct clv_slice der, X509 **out, struct clv_err *err)
{
	const unsigned char *p = der.ptr;
	X509 *x = NULL;

	if (der.len == 0 || der.len > AGENTCERT_DER_MAX)
		return err_set(err, CLV_E_LIMIT, "a certificate of %zu bytes, at most %u", der.len,
		               AGENTCERT_DER_MAX);
	x = d2i_X509(NULL, &p, (long)der.len);
	if (!x || p != der.ptr + der.len) {
		X509_free(x);
		return err_set(err, CLV_E_PROTO, "not one certificate: %s", crypto_reason());
	}
	*out = x;
	return CLV_OK;
}

static clv_rc check_name(X509 *x, const char *name, struct clv_err *err)
{
	X509_NAME *n = X509_get_subject_name(x);
	const ASN1_STRING *cn;

	if (X509_NAME_entry_count(n) != 1 || X509_NAME_get_index_by_NID(n, NID_commonName, -1) != 0 ||
	    X509_NAME_cmp(n, X509_get_issuer_name(x)) != 0)
		return err_set(err, CLV_E_AUTH,
		               "the agent certificate's subject is not one common name, its own issuer");
	cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, 0));
	if (!slice_eq_str(slice_of(ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn)), name))
		return err_set(err, CLV_E_AUTH, "the agent certificate's common name is not %s", name);
	return CLV_OK;
}

static clv_rc asn1_ms(const ASN1_TIME *t, int64_t *ms, struct clv_err *err)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, secs = 0;
	int good = epoch && ASN1_TIME_diff(&days, &secs, epoch, t);

	ASN1_TIME_free(epoch);
	if (!good)
		return err_set(err, CLV_E_PROTO, "the certificate has a time that is none");
	*ms = ((int64_t)days * 86400 + secs) * 1000;
	return CLV_OK;
}

static clv_rc check_dates(X509 *x, int64_t now_ms, struct agentcert_info *info, struct clv_err *err)
{
	if (asn1_ms(X509_get0_notBefore(x), &info->not_before_ms, err) ||
	    asn1_ms(X509_get0_notAfter(x), &info->not_after_ms, err))
		return CLV_FAILED;
	if (info->not_after_ms <= info->not_before_ms)
		return err_set(err, CLV_E_AUTH, "the agent certificate ends before it begins");
	if (now_ms && info->not_after_ms <= now_ms)
		return err_set(err, CLV_E_AUTH, "the agent certificate has expired");
	if (now_ms && info->not_before_ms > now_ms + DAY_MS)
		return err_set(err, CLV_E_AUTH,
		               "the agent certificate begins in the future: check the clocks");
	return CLV_OK;
}

clv_rc agentcert_check(struct clv_slice der, const char *name, int64_t now_ms, struct agentcert_info *out,
                       struct clv_err *err)
{
	struct agentcert_info info = {0};
	X509 *x = NULL;
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;
	unsigned int n = 0;

	if (x509_from_der(der, &x, err))
		return CLV_FAILED;
	key = X509_get0_pubkey(x);
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		(void)err_set(err, CLV_E_AUTH, "the agent certificate's key is not RSA");
		goto out;
	}
	info.bits = (uint32_t)EVP_PKEY_get_bits(key);
	if (info.bits < AGENTCERT_BITS_MIN || info.bits > AGENTCERT_BITS_MAX) {
		(void)err_set(err, CLV_E_AUTH, "the agent certificate has %u bits, 3072 to 4096 are taken",
		              info.bits);
		goto out;
	}
	if (check_name(x, name, err) || check_dates(x, now_ms, &info, err))
		goto out;
	if (X509_get_signature_nid(x) != NID_sha256WithRSAEncryption || X509_verify(x, key) != 1) {
		(void)err_set(err, CLV_E_AUTH, "the agent certificate is not signed by itself with SHA-256");
		goto out;
	}
	if (EVP_Digest(der.ptr, der.len, info.sha1, &n, EVP_sha1(), NULL) != 1 ||
	    sha256(der, info.sha256, err))
		goto out;
	memcpy(info.key_id, info.sha256, sizeof info.key_id);
	*out = info;
	rc = CLV_OK;
out:
	X509_free(x);
	return rc;
}

clv_rc agentcert_spki(struct clv_slice der, struct clv_buf *spki, struct clv_err *err)
{
	X509 *x = NULL;
	clv_rc rc;

	if (x509_from_der(der, &x, err))
		return CLV_FAILED;
	rc = pkey_to_spki(X509_get0_pubkey(x), spki, err);
	X509_free(x);
	return rc;
}

clv_rc agentcert_to_pem(struct clv_slice der, struct clv_buf *pem, struct clv_err *err)
{
	BIO *b = BIO_new(BIO_s_mem());
	X509 *x = NULL;
	char *p = NULL;
	clv_rc rc = CLV_FAILED;

	if (x509_from_der(der, &x, err))
		goto out;
	if (!b || !PEM_write_bio_X509(b, x)) {
		(void)err_set(err, CLV_E_CRYPTO, "writing PEM: %s", crypto_reason());
		goto out;
	}
	{
		long n = BIO_get_mem_data(b, &p);

		rc = buf_put(pem, slice_of(p, (size_t)n), err);
	}
out:
	X509_free(x);
	BIO_free(b);
	return rc;
}

clv_rc agentcert_from_pem(struct clv_slice pem, struct clv_buf *der, struct clv_err *err)
{
	BIO *b = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	clv_rc rc;

	if (!x) {
		BIO_free(b);
		return err_set(err, CLV_E_PROTO, "not a PEM certificate: %s", crypto_reason());
	}
	rc = to_der(x, der, err);
	X509_free(x);
	BIO_free(b);
	return rc;
}

void keyid_7006_text(const uint8_t key_id[16], char out[KEYID_TEXT_MAX])
{
	char hex[33];

	hex_encode(slice_of(key_id, 16), true, hex);
	for (size_t i = 0; i < 16; i++) {
		out[i * 3] = hex[i * 2];
		out[i * 3 + 1] = hex[i * 2 + 1];
		out[i * 3 + 2] = ' ';
	}
	out[48] = 0;
}
