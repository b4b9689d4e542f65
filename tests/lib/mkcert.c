/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, by OpenSSL's own functions (never by the product's). */
#include "tests/lib/mkcert.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEED(x)                                                                         \
	do {                                                                            \
		if (!(x)) {                                                             \
			fprintf(stderr, "mkcert: %s:%d: %s\n", __FILE__, __LINE__, #x); \
			ERR_print_errors_fp(stderr);                                    \
			abort();                                                        \
		}                                                                       \
	} while (0)

static EVP_PKEY *generate_pss(unsigned bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	NEED(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
	NEED(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 && EVP_PKEY_generate(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *generate(const char *kind)
{
	if (strncmp(kind, "PSS-", 4) == 0)
		return generate_pss((unsigned)strtoul(kind + 4, NULL, 10));
	if (strncmp(kind, "RSA-", 4) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(kind + 4, NULL, 10));
	if (strncmp(kind, "ED", 2) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

EVP_PKEY *mk_key(const char *kind, bool fresh)
{
	static struct {
		char kind[16];
		EVP_PKEY *key;
	} cache[12];
	EVP_PKEY *key;

	for (size_t i = 0; !fresh && i < 12; i++) {
		if (cache[i].key == NULL) {
			(void)snprintf(cache[i].kind, sizeof(cache[i].kind), "%s", kind);
			cache[i].key = generate(kind);
			NEED(cache[i].key != NULL);
		}
		if (strcmp(cache[i].kind, kind) == 0) {
			(void)EVP_PKEY_up_ref(cache[i].key);
			return cache[i].key;
		}
	}
	key = generate(kind);
	NEED(key != NULL);
	return key;
}

struct mk_spec mk_node(const char *name)
{
	static char san[4][300];
	static unsigned turn;
	char *mine = san[turn++ % 4];

	(void)snprintf(mine, sizeof(san[0]), "DNS:%s", name);
	return (struct mk_spec){.cn = name,
	                        .san = mine,
	                        .eku = "clientAuth,serverAuth",
	                        .ku = "critical,digitalSignature",
	                        .bc = "critical,CA:FALSE",
	                        .md = "SHA256",
	                        .from_s = -MK_DAY,
	                        .to_s = 30 * MK_DAY};
}

struct mk_spec mk_operator(const char *mail)
{
	struct mk_spec s = mk_node("operator");
	static char san[4][300];
	static unsigned turn;
	char *mine = san[turn++ % 4];

	(void)snprintf(mine, sizeof(san[0]), "email:%s", mail);
	s.san = mine;
	s.eku = "clientAuth";
	return s;
}

struct mk_spec mk_ca(const char *cn)
{
	return (struct mk_spec){.cn = cn,
	                        .ku = "critical,keyCertSign,cRLSign",
	                        .bc = "critical,CA:TRUE",
	                        .md = "SHA256",
	                        .from_s = -100 * MK_DAY,
	                        .to_s = 300 * MK_DAY};
}

static void add_ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e;

	if (value == NULL)
		return;
	e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	NEED(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void add_raw(X509 *x, const char *oid, bool critical, const uint8_t *value, size_t len)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *oct = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	NEED(obj != NULL && oct != NULL && ASN1_OCTET_STRING_set(oct, value, (int)len) == 1);
	e = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, oct);
	NEED(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(oct);
	ASN1_OBJECT_free(obj);
}

static void add_hex(X509 *x, const char *oid, bool critical, const char *hex)
{
	uint8_t value[256];
	struct clv_err err;

	NEED(strlen(hex) / 2 <= sizeof(value));
	NEED(hex_decode(hex, strlen(hex), value, strlen(hex) / 2, &err) == CLV_OK);
	add_raw(x, oid, critical, value, strlen(hex) / 2);
}

static void add_raw_dns(X509 *x, struct clv_slice name)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	NEED(names != NULL && one != NULL && s != NULL && ASN1_STRING_set(s, name.ptr, (int)name.len) == 1);
	GENERAL_NAME_set0_value(one, GEN_DNS, s);
	NEED(sk_GENERAL_NAME_push(names, one) > 0);
	NEED(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1);
	GENERAL_NAMES_free(names);
}

static void add_names(X509 *x, X509V3_CTX *ctx, const struct mk_spec *s)
{
	X509_EXTENSION *e;

	if (s->raw_dns.ptr != NULL)
		add_raw_dns(x, s->raw_dns);
	else if (s->raw_san != NULL)
		add_hex(x, "2.5.29.17", false, s->raw_san);
	else
		add_ext(x, ctx, NID_subject_alt_name, s->san);
	if (s->twice) {
		e = X509V3_EXT_conf_nid(NULL, ctx, NID_subject_alt_name, s->san);
		NEED(e != NULL && X509_add_ext(x, e, -1) == 1);
		X509_EXTENSION_free(e);
	}
}

static void add_extensions(X509 *x, const struct mk_spec *s, const struct mk_cert *issuer)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer == NULL ? x : issuer->x, x, NULL, NULL, 0);
	add_ext(x, &ctx, NID_basic_constraints, s->bc);
	add_ext(x, &ctx, NID_key_usage, s->ku);
	add_ext(x, &ctx, NID_ext_key_usage, s->eku);
	if (!s->no_ski)
		add_ext(x, &ctx, NID_subject_key_identifier, s->ski == NULL ? "hash" : s->ski);
	if (!s->no_aki && issuer != NULL)
		add_ext(x, &ctx, NID_authority_key_identifier, "keyid");
	add_names(x, &ctx, s);
	add_ext(x, &ctx, NID_name_constraints, s->nc);
	add_ext(x, &ctx, NID_policy_constraints, s->policy_constraints);
	if (s->extra != NULL)
		add_hex(x, "1.3.6.1.4.1.99999.1", true, s->extra);
}

static void set_serial(X509 *x, const char *hex)
{
	BIGNUM *n = NULL;
	uint8_t raw[16];
	FILE *f;

	if (hex == NULL) {
		f = fopen("/dev/urandom", "rb");
		NEED(f != NULL && fread(raw, 1, sizeof(raw), f) == sizeof(raw));
		(void)fclose(f);
		raw[0] = (uint8_t)((raw[0] & 0x7f) | 0x40);
		n = BN_bin2bn(raw, sizeof(raw), NULL);
	} else {
		NEED(BN_hex2bn(&n, hex) > 0);
	}
	NEED(n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL);
	BN_free(n);
}

struct mk_cert mk_issue(const struct mk_spec *s, EVP_PKEY *key, const struct mk_cert *issuer)
{
	struct mk_cert c = {X509_new(), key};
	time_t now = s->now_s != 0 ? (time_t)s->now_s : time(NULL);
	EVP_PKEY *signer = issuer == NULL ? key : issuer->key;
	const ASN1_BIT_STRING *sig;
	const EVP_MD *md = EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_get_digestbyname(s->md);

	NEED(c.x != NULL && key != NULL);
	NEED(X509_set_version(c.x, s->v1 ? X509_VERSION_1 : X509_VERSION_3) == 1);
	set_serial(c.x, s->serial);
	NEED(ASN1_TIME_adj(X509_getm_notBefore(c.x), now, 0, (long)s->from_s) != NULL);
	NEED(ASN1_TIME_adj(X509_getm_notAfter(c.x), now, 0, (long)s->to_s) != NULL);
	if (s->cn != NULL)
		NEED(X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x), "CN", MBSTRING_UTF8,
		                                (const unsigned char *)s->cn, -1, -1, 0) == 1);
	NEED(X509_set_issuer_name(c.x, X509_get_subject_name(issuer == NULL ? c.x : issuer->x)) == 1);
	NEED(X509_set_pubkey(c.x, key) == 1);
	if (!s->v1)
		add_extensions(c.x, s, issuer);
	NEED(X509_sign(c.x, signer, md) > 0);
	if (s->bad_signature) {
		X509_get0_signature(&sig, NULL, c.x);
		((uint8_t *)(uintptr_t)ASN1_STRING_get0_data(sig))[ASN1_STRING_length(sig) / 2] ^= 1;
	}
	return c;
}

void mk_free(struct mk_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	*c = (struct mk_cert){0};
}

X509_CRL *mk_crl(const struct mk_cert *ca, const X509 *const *revoked, size_t n, int64_t last_s,
                 int64_t next_s, const char *md)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	time_t now = time(NULL);
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	NEED(crl != NULL && t != NULL && number != NULL &&
	     X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	NEED(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x)) == 1);
	NEED(ASN1_TIME_adj(t, now, 0, (long)last_s) != NULL && X509_CRL_set1_lastUpdate(crl, t) == 1);
	if (next_s != 0)
		NEED(ASN1_TIME_adj(t, now, 0, (long)next_s) != NULL && X509_CRL_set1_nextUpdate(crl, t) == 1);
	NEED(ASN1_TIME_adj(t, now, 0, (long)last_s) != NULL);
	for (size_t i = 0; i < n; i++) {
		X509_REVOKED *r = X509_REVOKED_new();

		NEED(r != NULL && X509_REVOKED_set_serialNumber(
		                      r, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(revoked[i])) == 1);
		NEED(X509_REVOKED_set_revocationDate(r, t) == 1 && X509_CRL_add0_revoked(crl, r) == 1);
	}
	NEED(ASN1_INTEGER_set(number, 7) == 1);
	NEED(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
	X509V3_set_ctx(&ctx, ca->x, NULL, NULL, crl, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid");
	NEED(e != NULL && X509_CRL_add_ext(crl, e, -1) == 1);
	X509_EXTENSION_free(e);
	NEED(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_get_digestbyname(md)) > 0);
	ASN1_TIME_free(t);
	ASN1_INTEGER_free(number);
	return crl;
}

static void put_bio(struct clv_buf *b, BIO *bio)
{
	struct clv_err err;
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	NEED(len > 0 && buf_put(b, slice_of(bytes, (size_t)len), &err) == CLV_OK);
	BIO_free(bio);
}

void mk_put_cert(struct clv_buf *b, const X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio != NULL && PEM_write_bio_X509(bio, x) == 1);
	put_bio(b, bio);
}

void mk_put_key(struct clv_buf *b, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	put_bio(b, bio);
}

void mk_put_crl(struct clv_buf *b, X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1);
	put_bio(b, bio);
}

struct clv_slice mk_der(X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	uint8_t *copy;

	NEED(len > 0);
	copy = clv_memdup(der, (size_t)len);
	OPENSSL_free(der);
	return slice_of(copy, (size_t)len);
}
