/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe for other people's test suites: hands their input to the very functions the product
 * uses. Exit 0: accepted; 1: refused, with one line why; anything else is a crash.
 *
 *   probe peer-certificate --ca FILE [--crl FILE] [--untrusted FILE] --name NAME
 *                          --role server|client [--time RFC3339] LEAF.pem
 *   probe safe-text        (stdin to stdout)
 */
#include "base/clock.h"
#include "base/file.h"
#include "channel/cert.h"
#include "channel/verify.h"
#include "claviger/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CRL_GRACE_MS  (24 * 3600000ll) /* the product's default */
#define UNTRUSTED_MAX 64
#define STDIN_MAX     (64u * 1024u * 1024u)

static const char usage[] =
    "usage: probe peer-certificate --ca FILE [--crl FILE] [--untrusted FILE] --name NAME "
    "--role server|client [--time RFC3339] LEAF.pem | probe safe-text";

struct options {
	const char *ca, *crl, *untrusted, *name, *role, *time, *leaf;
};

static clv_rc read_options(int argc, char **argv, struct options *o, struct clv_err *err)
{
	static const struct option longs[] = {{"ca", required_argument, NULL, 'a'},
	                                      {"crl", required_argument, NULL, 'c'},
	                                      {"untrusted", required_argument, NULL, 'u'},
	                                      {"name", required_argument, NULL, 'n'},
	                                      {"role", required_argument, NULL, 'r'},
	                                      {"time", required_argument, NULL, 't'},
	                                      {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const char **where = c == 'a'   ? &o->ca
		                     : c == 'c' ? &o->crl
		                     : c == 'u' ? &o->untrusted
		                     : c == 'n' ? &o->name
		                     : c == 'r' ? &o->role
		                     : c == 't' ? &o->time
		                                : NULL;

		if (where == NULL || *where != NULL)
			return err_set(err, CLV_E_USAGE, "an unknown, incomplete or double option; %s",
			               usage);
		*where = optarg;
	}
	if (o->ca == NULL || o->name == NULL || o->role == NULL || optind != argc - 1)
		return err_set(err, CLV_E_USAGE, "%s", usage);
	o->leaf = argv[optind];
	return CLV_OK;
}

/* A DNS name in lower case; an address is none. */
static clv_rc read_name(const char *name, char out[256], struct clv_err *err)
{
	size_t len = strlen(name);
	struct clv_text *shown;
	bool address = strchr(name, ':') != NULL;
	bool good = len > 0 && len <= 253 && !address;

	if (strspn(name, "0123456789.") == len)
		address = true;
	for (size_t i = 0; good && i < len; i++) {
		char c = name[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		good = (out[i] >= 'a' && out[i] <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		       c == '.';
	}
	if (good && !address) {
		out[len] = '\0';
		return CLV_OK;
	}
	shown = text_new_str(name);
	(void)err_set(err, CLV_E_USAGE, "'%s' is %s; expected a DNS name", text_str(shown),
	              address ? "an address" : "no DNS name");
	text_free(shown);
	return CLV_FAILED;
}

static clv_rc read_request(const struct options *o, struct verify_request *req, char name[256],
                           struct clv_err *err)
{
	if (read_name(o->name, name, err) != CLV_OK)
		return CLV_FAILED;
	if (strcmp(o->role, "server") == 0)
		req->role = VERIFY_PEER_SERVER;
	else if (strcmp(o->role, "client") == 0)
		req->role = VERIFY_PEER_CLIENT;
	else
		return err_set(err, CLV_E_USAGE, "--role takes server or client");
	req->kind = VERIFY_NODE;
	req->name = name;
	req->any_dns_name = true;
	req->at_ms = clock_wall_ms();
	return o->time == NULL ? CLV_OK : clock_parse_rfc3339(o->time, &req->at_ms, err);
}

static bool is_blank(struct clv_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != ' ' && s.ptr[i] != '\n' && s.ptr[i] != '\r' && s.ptr[i] != '\t')
			return false;
	}
	return true;
}

static struct clv_slice der_of(X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	return slice_of(der, len < 0 ? 0 : (size_t)len);
}

static clv_rc judge(const struct options *o, const struct verify_request *req, struct clv_slice ca,
                    struct clv_slice crl, struct clv_slice untrusted, struct clv_slice leaf_pem,
                    struct clv_err *err)
{
	struct clv_slice chain[UNTRUSTED_MAX] = {{0}};
	struct clv_slice leaf = {0};
	STACK_OF(X509) *leaves = NULL;
	STACK_OF(X509) *middle = NULL;
	struct verify_anchors *a;
	struct verify_result result;
	clv_rc rc = CLV_FAILED;
	size_t n = 0;

	a = verify_anchors_new(ca, crl, CRL_GRACE_MS, err);
	if (a == NULL)
		goto out;
	if (o->crl != NULL && crl.len == 0) {
		(void)err_set(err, CLV_E_USAGE, "the CRL file is empty");
		goto out;
	}
	if (cert_from_pem(leaf_pem, "the leaf file", &leaves, err) != CLV_OK)
		goto out;
	if (sk_X509_num(leaves) != 1) {
		(void)err_set(err, CLV_E_USAGE, "the leaf file holds %d certificates; expected one",
		              sk_X509_num(leaves));
		goto out;
	}
	if (!is_blank(untrusted) && cert_from_pem(untrusted, "the untrusted file", &middle, err) != CLV_OK)
		goto out;
	leaf = der_of(sk_X509_value(leaves, 0));
	for (; middle != NULL && n < (size_t)sk_X509_num(middle) && n < UNTRUSTED_MAX; n++)
		chain[n] = der_of(sk_X509_value(middle, (int)n));
	rc = verify_peer(a, req, leaf, chain, n, &result, err);
	if (rc == CLV_OK)
		printf("accepted: %s%s\n", result.name,
		       result.crl_stale ? " (by a revocation list that is past its date)" : "");
out:
	for (size_t i = 0; i < n; i++)
		OPENSSL_free((void *)(uintptr_t)chain[i].ptr);
	OPENSSL_free((void *)(uintptr_t)leaf.ptr);
	cert_stack_free(leaves);
	cert_stack_free(middle);
	verify_anchors_free(a);
	return rc;
}

static clv_rc peer_certificate(int argc, char **argv, struct clv_err *err)
{
	struct clv_buf ca, crl, untrusted, leaf;
	struct verify_request req = {0};
	struct options o = {0};
	clv_rc rc = CLV_FAILED;
	char name[256];

	buf_init(&ca, CERT_PEM_MAX);
	buf_init(&crl, CERT_PEM_MAX);
	buf_init(&untrusted, CERT_PEM_MAX);
	buf_init(&leaf, CERT_PEM_MAX);
	if (read_options(argc, argv, &o, err) != CLV_OK || read_request(&o, &req, name, err) != CLV_OK)
		goto out;
	if (file_read(o.ca, &ca, err) != CLV_OK || (o.crl != NULL && file_read(o.crl, &crl, err) != CLV_OK) ||
	    (o.untrusted != NULL && file_read(o.untrusted, &untrusted, err) != CLV_OK) ||
	    file_read(o.leaf, &leaf, err) != CLV_OK)
		goto out;
	rc = judge(&o, &req, buf_slice(&ca), buf_slice(&crl), buf_slice(&untrusted), buf_slice(&leaf), err);
out:
	buf_release(&ca);
	buf_release(&crl);
	buf_release(&untrusted);
	buf_release(&leaf);
	return rc;
}

static clv_rc safe_text(struct clv_err *err)
{
	struct clv_text *t;
	struct clv_buf in;
	clv_rc rc = CLV_FAILED;

	buf_init(&in, STDIN_MAX);
	if (file_read_fd(STDIN_FILENO, "standard input", &in, err) == CLV_OK) {
		t = text_new(buf_slice(&in));
		rc = fd_write_all(STDOUT_FILENO, slice_of(text_str(t), text_len(t)), err);
		text_free(t);
	}
	buf_release(&in);
	return rc;
}

int main(int argc, char **argv)
{
	struct clv_err err;
	clv_rc rc;

	if (argc >= 2 && strcmp(argv[1], "peer-certificate") == 0)
		rc = peer_certificate(argc - 1, argv + 1, &err);
	else if (argc == 2 && strcmp(argv[1], "safe-text") == 0)
		rc = safe_text(&err);
	else
		rc = err_set(&err, CLV_E_USAGE, "%s", usage);
	if (rc != CLV_OK)
		fprintf(stderr, "refused: %s\n", err.text);
	return rc == CLV_OK ? 0 : 1;
}
