/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the certificates and revocation lists of `clavigerd ca`: ECDSA P-256, SHA-256, the
 * extensions that design 3 asks for. Runs in the command, as the administrator; opens no file.
 */
#include "daemon/cli_ca.h"
#include "base/clock.h"
#include "channel/verify.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define BACK_MS    600000ll /* notBefore lies ten minutes back: clocks differ */
#define DAY_MS     86400000ll
#define CRL_DAYS   365
#define SERIAL_LEN 16

void ca_pair_release(struct ca_pair *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
	*p = (struct ca_pair){0};
}

static clv_rc crypto(struct clv_err *err, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = ERR_reason_error_string(e);

	ERR_clear_error();
	return err_set(err, CLV_E_CRYPTO, "%s failed: %s", what, why == NULL ? "no reason given" : why);
}

static bool set_times(X509 *x, int64_t days)
{
	int64_t now = clock_wall_ms();

	return ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)((now - BACK_MS) / 1000), 0, 0) != NULL &&
	       ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)(now / 1000), (int)days, 0) != NULL;
}

static bool set_serial(X509 *x)
{
	uint8_t raw[SERIAL_LEN];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	raw[0] = (uint8_t)((raw[0] & 0x7f) | 0x40); /* positive and always of one length */
	n = BN_bin2bn(raw, sizeof(raw), NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool add(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

/* As an ASN.1 string of its own, never by way of OpenSSL's configuration syntax. */
static bool add_name(X509 *x, int type, const char *name)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	bool ok;

	if (names == NULL || one == NULL || s == NULL || ASN1_STRING_set(s, name, -1) != 1)
		clv_fatal("out of memory");
	GENERAL_NAME_set0_value(one, type, s);
	ok = sk_GENERAL_NAME_push(names, one) > 0 &&
	     X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool start(struct ca_pair *p, const char *cn, const X509_NAME *issuer, int64_t days)
{
	X509_NAME *subject;

	p->key = EVP_EC_gen("P-256");
	p->x = X509_new();
	if (p->key == NULL || p->x == NULL)
		return false;
	subject = X509_get_subject_name(p->x);
	return X509_set_version(p->x, X509_VERSION_3) == 1 && set_serial(p->x) && set_times(p->x, days) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
	                                  0) == 1 &&
	       X509_set_issuer_name(p->x, issuer == NULL ? subject : issuer) == 1 &&
	       X509_set_pubkey(p->x, p->key) == 1;
}

clv_rc ca_make_authority(const char *cn, int64_t days, struct ca_pair *out, struct clv_err *err)
{
	struct ca_pair p = {0};
	X509V3_CTX ctx;
	bool ok = start(&p, cn, NULL, days);

	X509V3_set_ctx(&ctx, p.x, p.x, NULL, NULL, 0);
	ok = ok && add(p.x, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	     add(p.x, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	     add(p.x, &ctx, NID_subject_key_identifier, "hash") &&
	     add(p.x, &ctx, NID_authority_key_identifier, "keyid:always") &&
	     X509_sign(p.x, p.key, EVP_sha256()) > 0;
	if (!ok) {
		ca_pair_release(&p);
		return crypto(err, "making the authority's certificate");
	}
	*out = p;
	return CLV_OK;
}

static clv_rc check_leaf(const struct ca_pair *ca, const struct ca_leaf *leaf, X509 *x, struct clv_err *err)
{
	struct verify_request req = {.kind = leaf->mail == NULL ? VERIFY_NODE : VERIFY_OPERATOR,
	                             .role = VERIFY_PEER_CLIENT,
	                             .name = leaf->mail == NULL ? leaf->name : NULL,
	                             .at_ms = clock_wall_ms()};
	struct verify_anchors *a = NULL;
	struct verify_result result;
	unsigned char *der = NULL;
	clv_rc rc = CLV_FAILED;
	struct clv_buf pem;
	int len = i2d_X509(x, &der);

	buf_init(&pem, CERT_PEM_MAX);
	if (len < 0) {
		(void)crypto(err, "encoding the certificate");
		goto out;
	}
	if (ca_put_cert(&pem, ca->x, err) != CLV_OK)
		goto out;
	a = verify_anchors_new(buf_slice(&pem), slice_of(NULL, 0), 0, err);
	if (a == NULL)
		goto out;
	rc = verify_peer(a, &req, slice_of(der, (size_t)len), NULL, 0, &result, err);
out:
	verify_anchors_free(a);
	buf_release(&pem);
	OPENSSL_free(der);
	return rc;
}

clv_rc ca_make_leaf(const struct ca_pair *ca, const struct ca_leaf *leaf, struct ca_pair *out,
                    struct clv_err *err)
{
	struct ca_pair p = {0};
	X509V3_CTX ctx;
	bool ok = start(&p, leaf->name, X509_get_subject_name(ca->x), leaf->days);

	X509V3_set_ctx(&ctx, ca->x, p.x, NULL, NULL, 0);
	ok = ok && add(p.x, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	     add(p.x, &ctx, NID_key_usage, "critical,digitalSignature") &&
	     add(p.x, &ctx, NID_ext_key_usage, leaf->mail == NULL ? "clientAuth,serverAuth" : "clientAuth") &&
	     add(p.x, &ctx, NID_subject_key_identifier, "hash") &&
	     add(p.x, &ctx, NID_authority_key_identifier, "keyid:always") &&
	     add_name(p.x, leaf->mail == NULL ? GEN_DNS : GEN_EMAIL,
	              leaf->mail == NULL ? leaf->name : leaf->mail) &&
	     X509_sign(p.x, ca->key, EVP_sha256()) > 0;
	if (!ok) {
		ca_pair_release(&p);
		return crypto(err, "making the certificate");
	}
	if (check_leaf(ca, leaf, p.x, err) != CLV_OK) {
		ca_pair_release(&p);
		return err_wrap(err, "it would not be accepted");
	}
	*out = p;
	return CLV_OK;
}

bool ca_serial_text(const X509 *x, char out[48])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	size_t len = (size_t)ASN1_STRING_length(serial);

	if (len == 0 || len > 20)
		return false;
	hex_encode(slice_of(ASN1_STRING_get0_data(serial), len), true, out);
	return true;
}

bool ca_is_revoked(X509_CRL *crl, X509 *x)
{
	X509_REVOKED *r = NULL;

	return crl != NULL && X509_CRL_get0_by_cert(crl, &r, x) == 1;
}

static bool add_revoked(X509_CRL *crl, const ASN1_INTEGER *serial, const ASN1_TIME *when)
{
	X509_REVOKED *r = X509_REVOKED_new();

	if (r != NULL && X509_REVOKED_set_serialNumber(r, (ASN1_INTEGER *)(uintptr_t)serial) == 1 &&
	    X509_REVOKED_set_revocationDate(r, (ASN1_TIME *)(uintptr_t)when) == 1 &&
	    X509_CRL_add0_revoked(crl, r) == 1)
		return true;
	X509_REVOKED_free(r);
	return false;
}

/* One more than the old list's number. */
static bool add_number(X509_CRL *crl, X509_CRL *old)
{
	ASN1_INTEGER *had = old == NULL ? NULL : X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL);
	BIGNUM *n = had == NULL ? BN_new() : ASN1_INTEGER_to_BN(had, NULL);
	ASN1_INTEGER *number = NULL;
	bool ok = n != NULL && BN_add_word(n, 1) == 1;

	if (ok)
		number = BN_to_ASN1_INTEGER(n, NULL);
	ok = number != NULL && X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
	ASN1_INTEGER_free(had);
	ASN1_INTEGER_free(number);
	BN_free(n);
	return ok;
}

static bool fill_crl(X509_CRL *crl, const struct ca_pair *ca, X509_CRL *old, X509 *const *revoked, size_t n,
                     const ASN1_TIME *now, const ASN1_TIME *next)
{
	STACK_OF(X509_REVOKED) *had = old == NULL ? NULL : X509_CRL_get_REVOKED(old);
	bool ok = X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
	          X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x)) == 1 &&
	          X509_CRL_set1_lastUpdate(crl, now) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1;

	for (int i = 0; ok && i < sk_X509_REVOKED_num(had); i++) {
		const X509_REVOKED *r = sk_X509_REVOKED_value(had, i);

		ok = add_revoked(crl, X509_REVOKED_get0_serialNumber(r), X509_REVOKED_get0_revocationDate(r));
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = add_revoked(crl, X509_get0_serialNumber(revoked[i]), now);
	return ok && add_number(crl, old);
}

clv_rc ca_make_crl(const struct ca_pair *ca, X509_CRL *old, X509 *const *revoked, size_t n, X509_CRL **out,
                   struct clv_err *err)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	ASN1_TIME *from = ASN1_TIME_adj(NULL, now, 0, 0);
	ASN1_TIME *to = ASN1_TIME_adj(NULL, now, CRL_DAYS, 0);
	X509_CRL *crl = X509_CRL_new();
	X509_EXTENSION *aki = NULL;
	X509V3_CTX ctx;
	bool ok = from != NULL && to != NULL && crl != NULL && fill_crl(crl, ca, old, revoked, n, from, to);

	if (ok) {
		X509V3_set_ctx(&ctx, ca->x, NULL, NULL, crl, 0);
		aki = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
		ok = aki != NULL && X509_CRL_add_ext(crl, aki, -1) == 1 && X509_CRL_sort(crl) == 1 &&
		     X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0;
	}
	X509_EXTENSION_free(aki);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	if (!ok) {
		X509_CRL_free(crl);
		return crypto(err, "making the revocation list");
	}
	*out = crl;
	return CLV_OK;
}

static clv_rc take_bio(BIO *bio, bool ok, struct clv_buf *b, struct clv_err *err)
{
	char *bytes = NULL;
	long len = ok ? BIO_get_mem_data(bio, &bytes) : 0;
	clv_rc rc;

	if (len <= 0)
		rc = crypto(err, "writing PEM");
	else
		rc = buf_put(b, slice_of(bytes, (size_t)len), err);
	if (len > 0)
		explicit_bzero(bytes, (size_t)len);
	BIO_free(bio);
	return rc;
}

clv_rc ca_put_cert(struct clv_buf *b, X509 *x, struct clv_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_bio(bio, bio != NULL && PEM_write_bio_X509(bio, x) == 1, b, err);
}

clv_rc ca_put_key(struct clv_buf *b, EVP_PKEY *key, struct clv_err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return take_bio(
	    bio, bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1, b,
	    err);
}

clv_rc ca_put_crl(struct clv_buf *b, X509_CRL *crl, struct clv_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_bio(bio, bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1, b, err);
}
