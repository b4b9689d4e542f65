/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes certificates for tests, good ones and ones broken at will. Everything that fails here ends
 * the test: it is the test's own mistake.
 */
#ifndef TESTS_LIB_MKCERT_H
#define TESTS_LIB_MKCERT_H

#include "claviger/buf.h"
#include <openssl/x509v3.h>

#define MK_DAY 86400ll

struct mk_spec {
	const char *cn;           /* NULL: empty subject */
	const char *san;          /* "DNS:web01.ops.test"; NULL: none */
	struct clv_slice raw_dns; /* a dNSName of any bytes, when ptr is set */
	const char *raw_san;      /* hexadecimal of the whole extension value */
	const char *eku;          /* "clientAuth,serverAuth"; NULL: none */
	const char *ku;           /* "critical,digitalSignature" */
	const char *bc;           /* "critical,CA:FALSE" */
	const char *nc;           /* name constraints */
	const char *extra;        /* hexadecimal value of a critical extension nobody knows */
	const char *policy_constraints;
	const char *ski; /* hexadecimal; NULL: from the key */
	bool no_aki, no_ski;
	bool twice; /* the SAN extension two times */
	bool v1;
	bool bad_signature;
	const char *md;       /* "SHA256" */
	const char *serial;   /* hexadecimal, may begin with -; NULL: random */
	int64_t from_s, to_s; /* seconds from `now` */
	int64_t now_s;        /* 0: the clock */
};

struct mk_cert {
	X509 *x;
	EVP_PKEY *key;
};

/* kind: "P-256", "P-384", "secp256k1", "P-224", "RSA-2048", "RSA-1024", "PSS-2048", "ED25519" ... Keys of one
 * kind are made once and lent out, except with `fresh`. */
EVP_PKEY *mk_key(const char *kind, bool fresh);
struct mk_spec mk_node(const char *name);
struct mk_spec mk_operator(const char *mail);
struct mk_spec mk_ca(const char *cn);
/* issuer NULL: self-signed. key is taken over (one reference). */
struct mk_cert mk_issue(const struct mk_spec *s, EVP_PKEY *key, const struct mk_cert *issuer);
void mk_free(struct mk_cert *c);

/* A list that revokes n serials; times in seconds from the clock. */
X509_CRL *mk_crl(const struct mk_cert *ca, const X509 *const *revoked, size_t n, int64_t last_s,
                 int64_t next_s, const char *md);

/* PEM appended to b. */
void mk_put_cert(struct clv_buf *b, const X509 *x);
void mk_put_key(struct clv_buf *b, EVP_PKEY *key);
void mk_put_crl(struct clv_buf *b, X509_CRL *crl);
/* DER, owned by the caller (clv_free). */
struct clv_slice mk_der(X509 *x);

#endif
