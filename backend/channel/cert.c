/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as bytes: reads DER and PEM strictly and tells what a certificate is like. Used by
 * the network processes and the commands; opens nothing and decides nothing about identity.
 */
#include "channel/cert.h"
#include "base/clock.h"
#include "claviger/text.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

void cert_stack_free(STACK_OF(X509) * s)
{
	sk_X509_pop_free(s, X509_free);
}

/* Forms that are BER but not DER (long lengths, odd booleans) encode differently a second time. When
 * they do not, the second encoding may as well stay in x. */
static bool is_canonical(X509 *x, struct clv_slice der)
{
	unsigned char *tbs = NULL;
	unsigned char *whole = NULL;
	int tbs_len = i2d_re_X509_tbs(x, &tbs);
	int whole_len = i2d_X509(x, &whole);
	bool same = tbs_len > 0 && whole_len > 0 && slice_eq(slice_of(whole, (size_t)whole_len), der);

	OPENSSL_free(tbs);
	OPENSSL_free(whole);
	return same;
}

clv_rc cert_check_der(X509 *x, struct clv_err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der); /* as it came: OpenSSL keeps the bytes it read */
	bool small = len > 0 && (size_t)len <= CERT_DER_MAX;
	bool same = small && is_canonical(x, slice_of(der, (size_t)len));

	OPENSSL_free(der);
	if (!small)
		return err_set(err, CLV_E_AUTH, "a certificate of more than %u bytes", CERT_DER_MAX);
	if (!same)
		return err_set(err, CLV_E_AUTH,
		               "a certificate cannot be read: it is not exactly one DER encoding");
	return CLV_OK;
}

clv_rc cert_from_der(struct clv_slice der, X509 **out, struct clv_err *err)
{
	const unsigned char *at = der.ptr;
	X509 *x;

	if (der.len > CERT_DER_MAX)
		return err_set(err, CLV_E_LIMIT, "a certificate of %zu bytes; at most %u are taken", der.len,
		               CERT_DER_MAX);
	x = der.len == 0 ? NULL : d2i_X509(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (x == NULL)
		return err_set(err, CLV_E_AUTH, "a certificate cannot be read: it is no X.509 in DER");
	if (at != der.ptr + der.len || !is_canonical(x, der)) {
		X509_free(x);
		return err_set(err, CLV_E_AUTH,
		               "a certificate cannot be read: it is not exactly one DER encoding");
	}
	*out = x;
	return CLV_OK;
}

static int no_passphrase(char *room, int size, int rwflag, void *ctx)
{
	(void)room;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

/* The next PEM object. *der is NULL at the end. */
static clv_rc next_pem(BIO *in, const char *what, const char *kind, unsigned char **der, long *len,
                       struct clv_err *err)
{
	char *name = NULL;
	char *header = NULL;
	clv_rc rc = CLV_FAILED;
	unsigned long e;

	*der = NULL;
	ERR_clear_error();
	if (PEM_read_bio(in, &name, &header, der, len) != 1) {
		e = ERR_peek_last_error();
		ERR_clear_error();
		if (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
			return CLV_OK;
		return err_set(err, CLV_E_CONFIG,
		               "%s is damaged PEM; expected BEGIN and END lines around base64", what);
	}
	if (strcmp(name, kind) != 0 || header[0] != '\0') {
		(void)err_set(err, CLV_E_CONFIG, "%s holds something else than PEM objects of kind %s", what,
		              kind);
		OPENSSL_clear_free(*der, (size_t)*len);
		*der = NULL;
		goto out;
	}
	rc = CLV_OK;
out:
	OPENSSL_free(name);
	OPENSSL_free(header);
	return rc;
}

static BIO *open_pem(struct clv_slice pem, const char *what, struct clv_err *err)
{
	BIO *in;

	if (pem.len > CERT_PEM_MAX) {
		(void)err_set(err, CLV_E_LIMIT, "%s has %zu bytes; at most %u are taken", what, pem.len,
		              CERT_PEM_MAX);
		return NULL;
	}
	in = BIO_new_mem_buf(pem.len == 0 ? "" : (const char *)pem.ptr, (int)pem.len);
	if (in == NULL)
		clv_fatal("out of memory");
	return in;
}

clv_rc cert_from_pem(struct clv_slice pem, const char *what, STACK_OF(X509) * *out, struct clv_err *err)
{
	STACK_OF(X509) *all = NULL;
	BIO *in = open_pem(pem, what, err);
	unsigned char *der = NULL;
	clv_rc rc = CLV_FAILED;
	long len = 0;
	X509 *x;

	if (in == NULL)
		return CLV_FAILED;
	all = sk_X509_new_null();
	for (;;) {
		if (next_pem(in, what, "CERTIFICATE", &der, &len, err) != CLV_OK)
			goto out;
		if (der == NULL)
			break;
		if (cert_from_der(slice_of(der, (size_t)len), &x, err) != CLV_OK) {
			(void)err_wrap(err, "%s", what);
			goto out;
		}
		OPENSSL_free(der);
		der = NULL;
		if (sk_X509_push(all, x) <= 0)
			clv_fatal("out of memory");
	}
	if (sk_X509_num(all) == 0) {
		(void)err_set(err, CLV_E_CONFIG,
		              "%s holds no certificate; expected PEM (-----BEGIN CERTIFICATE-----)", what);
		goto out;
	}
	*out = all;
	all = NULL;
	rc = CLV_OK;
out:
	OPENSSL_free(der);
	cert_stack_free(all);
	BIO_free(in);
	return rc;
}

clv_rc cert_crls_from_pem(struct clv_slice pem, const char *what, STACK_OF(X509_CRL) * *out,
                          struct clv_err *err)
{
	STACK_OF(X509_CRL) *all = NULL;
	BIO *in = open_pem(pem, what, err);
	unsigned char *der = NULL;
	clv_rc rc = CLV_FAILED;
	const unsigned char *at;
	long len = 0;
	X509_CRL *crl;

	if (in == NULL)
		return CLV_FAILED;
	all = sk_X509_CRL_new_null();
	for (;;) {
		if (next_pem(in, what, "X509 CRL", &der, &len, err) != CLV_OK)
			goto out;
		if (der == NULL)
			break;
		at = der;
		crl = d2i_X509_CRL(NULL, &at, len);
		if (crl == NULL || at != der + len) {
			X509_CRL_free(crl);
			(void)err_set(err, CLV_E_CONFIG, "%s holds a revocation list that cannot be read",
			              what);
			goto out;
		}
		OPENSSL_free(der);
		der = NULL;
		if (sk_X509_CRL_push(all, crl) <= 0)
			clv_fatal("out of memory");
	}
	if (sk_X509_CRL_num(all) == 0) {
		(void)err_set(err, CLV_E_CONFIG,
		              "%s holds no revocation list; expected PEM (-----BEGIN X509 CRL-----)", what);
		goto out;
	}
	*out = all;
	all = NULL;
	rc = CLV_OK;
out:
	OPENSSL_free(der);
	sk_X509_CRL_pop_free(all, X509_CRL_free);
	BIO_free(in);
	ERR_clear_error();
	return rc;
}

clv_rc cert_key_from_pem(struct clv_slice pem, const char *what, EVP_PKEY **out, struct clv_err *err)
{
	BIO *in = open_pem(pem, what, err);
	EVP_PKEY *key;

	if (in == NULL)
		return CLV_FAILED;
	key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	BIO_free(in);
	ERR_clear_error();
	if (key == NULL)
		return err_set(err, CLV_E_CONFIG,
		               "%s holds no private key that can be read; expected PEM without a passphrase",
		               what);
	*out = key;
	return CLV_OK;
}

int64_t cert_time_ms(const ASN1_TIME *t)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return INT64_MIN;
	return clock_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	                        tm.tm_sec);
}

static void put_label(const char *kind, struct clv_slice foreign, char out[CERT_LABEL_MAX])
{
	struct clv_text *whole = text_new(foreign);
	struct clv_text *cut = text_cut(whole, 64);
	size_t len = strlen(kind);
	size_t take = text_len(cut);

	(void)snprintf(out, CERT_LABEL_MAX, "%s", kind);
	/* 64 cells can be many bytes where marks are stacked; such a label is left out. */
	if (take > CERT_LABEL_MAX - len - 1)
		(void)snprintf(out, CERT_LABEL_MAX, "an odd name");
	else
		memcpy(out + len, text_str(cut), take + 1);
	text_free(cut);
	text_free(whole);
}

void cert_name_label(const X509_NAME *name, char out[CERT_LABEL_MAX])
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	char line[512] = "";
	const ASN1_STRING *cn;

	if (at >= 0) {
		cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
		put_label("CN ", slice_of(ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn)), out);
		return;
	}
	(void)X509_NAME_oneline(name, line, sizeof(line));
	if (line[0] == '\0')
		(void)snprintf(out, CERT_LABEL_MAX, "without a subject");
	else
		put_label("subject ", slice_str(line), out);
}

void cert_label(const X509 *x, char out[CERT_LABEL_MAX])
{
	cert_name_label(X509_get_subject_name(x), out);
}

void cert_thumbprint(const X509 *x, uint8_t out[32])
{
	unsigned int len = 32;

	if (X509_digest(x, EVP_sha256(), out, &len) != 1)
		clv_fatal("SHA-256 is missing");
}

void cert_key_label(const X509 *x, char out[CERT_LABEL_MAX])
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char group[64] = "";

	if (key == NULL) {
		(void)snprintf(out, CERT_LABEL_MAX, "unreadable");
		return;
	}
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1) {
		if (strcmp(group, "prime256v1") == 0)
			(void)snprintf(group, sizeof(group), "P-256");
		(void)snprintf(out, CERT_LABEL_MAX, "EC %s", group);
		return;
	}
	(void)snprintf(out, CERT_LABEL_MAX, "%s %d", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
}

static clv_rc check_rsa(EVP_PKEY *key, const char *whose, struct clv_err *err)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *e = NULL;
	clv_rc rc = CLV_FAILED;

	if (bits < 2048)
		return err_set(err, CLV_E_AUTH, "%s has an RSA key of %d bits; expected 2048 or more", whose,
		               bits);
	if (bits > 16384 || bits % 8 != 0)
		return err_set(err, CLV_E_AUTH, "%s has an RSA key of an odd size, %d bits", whose, bits);
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 || !BN_is_odd(e) ||
	    BN_num_bits(e) < 17)
		(void)err_set(err, CLV_E_AUTH, "%s has an RSA key with a weak exponent; expected 65537",
		              whose);
	else
		rc = CLV_OK;
	BN_free(e);
	return rc;
}

clv_rc cert_check_key(EVP_PKEY *key, const char *whose, struct clv_err *err)
{
	static const char *const groups[] = {"prime256v1", "secp384r1", "secp521r1"};
	char group[64] = "";

	if (key == NULL)
		return err_set(err, CLV_E_AUTH, "%s has a public key that cannot be read", whose);
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return check_rsa(key, whose, err);
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return CLV_OK;
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1) {
		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			if (strcmp(group, groups[i]) == 0)
				return CLV_OK;
		}
		return err_set(err, CLV_E_AUTH, "%s has an EC key on %s; expected P-256, P-384 or P-521",
		               whose, group);
	}
	return err_set(err, CLV_E_AUTH,
	               "%s has a weak or unknown kind of key; expected RSA of 2048 bits or EC P-256 at least",
	               whose);
}

clv_rc cert_check_signature(const X509_ALGOR *alg, const char *whose, struct clv_err *err)
{
	static const int good[] = {NID_sha256,   NID_sha384,   NID_sha512,
	                           NID_sha3_256, NID_sha3_384, NID_sha3_512};
	const ASN1_OBJECT *oid;
	const void *param;
	RSA_PSS_PARAMS *pss;
	int type;
	int md = NID_undef;
	int pk = NID_undef;
	int nid;

	X509_ALGOR_get0(&oid, &type, &param, alg);
	nid = OBJ_obj2nid(oid);
	if (nid == NID_ED25519 || nid == NID_ED448)
		return CLV_OK;
	if (nid == NID_rsassaPss && type == V_ASN1_SEQUENCE) {
		pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter);
		if (pss != NULL && pss->hashAlgorithm != NULL)
			md = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
		RSA_PSS_PARAMS_free(pss); /* without a hash named it is SHA-1 */
	} else {
		(void)OBJ_find_sigid_algs(nid, &md, &pk);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (md == good[i])
			return CLV_OK;
	}
	return err_set(err, CLV_E_AUTH, "%s is signed with %s, which is too weak; expected SHA-256 or better",
	               whose, md == NID_undef ? "an unknown algorithm" : OBJ_nid2ln(md));
}

/* Also the extensions that nothing here uses: a certificate is read whole or not at all. */
static bool extensions_parse(const X509 *x)
{
	bool good = true;

	for (int i = 0; good && i < X509_get_ext_count(x); i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);
		const X509V3_EXT_METHOD *method = X509V3_EXT_get(e);
		void *parsed = method == NULL ? NULL : X509V3_EXT_d2i(e);

		good = method == NULL || parsed != NULL;
		if (parsed != NULL && method->it != NULL)
			ASN1_item_free(parsed, ASN1_ITEM_ptr(method->it));
		else if (parsed != NULL)
			method->ext_free(parsed);
	}
	ERR_clear_error();
	return good;
}

clv_rc cert_check_form(const X509 *x, const char *whose, struct clv_err *err)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	int n = X509_get_ext_count(x);

	if (X509_get_version(x) != X509_VERSION_3)
		return err_set(err, CLV_E_AUTH, "%s is of version %ld; expected X.509 version 3", whose,
		               X509_get_version(x) + 1);
	/* RFC 5280 4.1.2.2: the sign bit costs a byte, so that 20 bytes with it set would be 21. */
	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER || ASN1_STRING_length(serial) > 20 ||
	    (ASN1_STRING_length(serial) == 20 && (ASN1_STRING_get0_data(serial)[0] & 0x80) != 0) ||
	    (ASN1_STRING_length(serial) <= 1 &&
	     (ASN1_STRING_length(serial) == 0 || ASN1_STRING_get0_data(serial)[0] == 0)))
		return err_set(err, CLV_E_AUTH,
		               "%s has a serial number that is not positive or longer than 20 bytes", whose);
	if (!extensions_parse(x))
		return err_set(err, CLV_E_AUTH, "%s has an extension that cannot be read", whose);
	/* RFC 5280 4.2: what is not processed is not accepted. */
	if (X509_get_ext_by_NID(x, NID_policy_constraints, -1) >= 0)
		return err_set(err, CLV_E_AUTH,
		               "%s demands certificate policies, which are not processed here", whose);
	for (int i = 0; i < n; i++) {
		const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x, i));

		if (X509_get_ext_by_OBJ(x, oid, i) >= 0)
			return err_set(err, CLV_E_AUTH, "%s has an extension twice", whose);
	}
	return CLV_OK;
}
