/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe for other people's test suites: hands their input to the very functions the product
 * uses. Exit 0: accepted; 1: refused, with one line why; anything else is a crash.
 *
 *   probe peer-certificate --ca FILE [--crl FILE] [--untrusted FILE] --name NAME
 *                          --role server|client [--time RFC3339] LEAF.pem
 *   probe safe-text        (stdin to stdout)
 *   probe securedata-seal --recipient CERT.pem --signer KEY.pem LIST.xml OUT
 *                          any well-formed list as it stands, any RSA certificate of 3072 bits or more
 *   probe securedata-open --key KEY.pem --cert CERT.pem [--signer CERT.pem] FILE
 *                          prints the list; without --signer the signature's value alone is not verified
 *   probe securedata-check FILE    (the outer template alone)
 *   probe config-read FILE.xml
 *
 * OUT and FILE are DER.
 */
#include "base/clock.h"
#include "base/file.h"
#include "channel/cert.h"
#include "channel/verify.h"
#include "claviger/text.h"
#include "keys/agentcert.h"
#include "runas/config.h"
#include "runas/securedata.h"

#include <expat.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CRL_GRACE_MS  (24 * 3600000ll) /* the product's default */
#define UNTRUSTED_MAX 64
#define STDIN_MAX     (64u * 1024u * 1024u)

static const char usage[] =
    "usage: probe peer-certificate --ca FILE [--crl FILE] [--untrusted FILE] --name NAME "
    "--role server|client [--time RFC3339] LEAF.pem | probe safe-text | probe securedata-seal --recipient "
    "CERT.pem --signer KEY.pem LIST.xml OUT | probe securedata-open --key KEY.pem --cert CERT.pem [--signer "
    "CERT.pem] FILE | probe securedata-check FILE | probe config-read FILE.xml";

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

static clv_rc read_x509(const char *path, X509 **out, struct clv_err *err)
{
	struct clv_buf pem;
	BIO *b = NULL;

	buf_init(&pem, CERT_PEM_MAX);
	if (!file_read(path, &pem, err)) {
		b = BIO_new_mem_buf(buf_slice(&pem).ptr, (int)buf_slice(&pem).len);
		*out = PEM_read_bio_X509(b, NULL, NULL, NULL);
		if (*out == NULL)
			(void)err_set(err, CLV_E_USAGE, "%s holds no certificate: %s", path, crypto_reason());
	}
	BIO_free(b);
	buf_release(&pem);
	return *out != NULL ? CLV_OK : CLV_FAILED;
}

static clv_rc read_key(const char *path, EVP_PKEY **out, struct clv_err *err)
{
	struct clv_buf pem;
	BIO *b = NULL;

	buf_init(&pem, CERT_PEM_MAX);
	if (!file_read(path, &pem, err)) {
		b = BIO_new_mem_buf(buf_slice(&pem).ptr, (int)buf_slice(&pem).len);
		*out = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
		if (*out == NULL)
			(void)err_set(err, CLV_E_USAGE, "%s holds no private key: %s", path, crypto_reason());
	}
	BIO_free(b);
	buf_release(&pem);
	return *out != NULL ? CLV_OK : CLV_FAILED;
}

struct sealed_options {
	const char *recipient, *signer, *key, *cert, *files[2];
};

/* n_files follow the options. */
static clv_rc read_sealed_options(int argc, char **argv, int n_files, struct sealed_options *o,
                                  struct clv_err *err)
{
	static const struct option longs[] = {{"recipient", required_argument, NULL, 'r'},
	                                      {"signer", required_argument, NULL, 's'},
	                                      {"key", required_argument, NULL, 'k'},
	                                      {"cert", required_argument, NULL, 'c'},
	                                      {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const char **where = c == 'r'   ? &o->recipient
		                     : c == 's' ? &o->signer
		                     : c == 'k' ? &o->key
		                     : c == 'c' ? &o->cert
		                                : NULL;

		if (where == NULL || *where != NULL)
			return err_set(err, CLV_E_USAGE, "an unknown, incomplete or double option; %s",
			               usage);
		*where = optarg;
	}
	if (optind != argc - n_files)
		return err_set(err, CLV_E_USAGE, "%s", usage);
	for (int i = 0; i < n_files; i++)
		o->files[i] = argv[optind + i];
	return CLV_OK;
}

static clv_rc well_formed(struct clv_slice xml, struct clv_err *err)
{
	XML_Parser p = XML_ParserCreate(NULL);
	clv_rc rc = CLV_OK;

	if (XML_Parse(p, (const char *)xml.ptr, (int)xml.len, XML_TRUE) != XML_STATUS_OK)
		rc = err_set(err, CLV_E_USAGE, "the list is not well-formed: line %lu: %s",
		             XML_GetCurrentLineNumber(p), XML_ErrorString(XML_GetErrorCode(p)));
	XML_ParserFree(p);
	return rc;
}

static clv_rc write_file(const char *path, struct clv_slice bytes, struct clv_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	clv_rc rc;

	if (fd < 0)
		return err_sys(err, CLV_E_IO, "cannot write %s", path);
	rc = fd_write_all(fd, bytes, err);
	fd_close(&fd);
	return rc;
}

static clv_rc securedata_seal_file(int argc, char **argv, struct clv_err *err)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, err);
	X509 *recipient = NULL, *stand_in = NULL;
	struct clv_buf xml, spki, der;
	struct sealed_options o = {0};
	EVP_PKEY *signer = NULL;
	clv_rc rc = CLV_FAILED;

	buf_init(&xml, RUNAS_LIST_MAX);
	buf_init(&spki, STATEMENT_SPKI_MAX);
	buf_init(&der, SECUREDATA_MAX);
	if (list == NULL || read_sealed_options(argc, argv, 2, &o, err) != CLV_OK)
		goto out;
	if (o.recipient == NULL || o.signer == NULL || o.key != NULL || o.cert != NULL) {
		(void)err_set(err, CLV_E_USAGE, "%s", usage);
		goto out;
	}
	if (read_x509(o.recipient, &recipient, err) != CLV_OK || read_key(o.signer, &signer, err) != CLV_OK ||
	    pkey_to_spki(signer, &spki, err) != CLV_OK ||
	    groupcert_of_spki(buf_slice(&spki), &stand_in, err) != CLV_OK ||
	    file_read(o.files[0], &xml, err) != CLV_OK || well_formed(buf_slice(&xml), err) != CLV_OK ||
	    secret_append(list, buf_slice(&xml).ptr, buf_slice(&xml).len, err) != CLV_OK ||
	    securedata_seal(list, recipient, signer, stand_in, &der, err) != CLV_OK)
		goto out;
	rc = write_file(o.files[1], buf_slice(&der), err);
out:
	secret_free(list);
	X509_free(recipient);
	X509_free(stand_in);
	EVP_PKEY_free(signer);
	buf_release(&xml);
	buf_release(&spki);
	buf_release(&der);
	return rc;
}

static clv_rc print_list(struct clv_slice list, void *ctx, struct clv_err *err)
{
	(void)ctx;
	return fd_write_all(STDOUT_FILENO, list, err);
}

static clv_rc securedata_open_file(int argc, char **argv, struct clv_err *err)
{
	struct clv_secret *list = secret_new(CLV_SECRET_MAX, err);
	X509 *cert = NULL, *signer = NULL;
	struct sealed_options o = {0};
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;
	struct clv_buf der;

	buf_init(&der, 4 * SECUREDATA_MAX);
	if (list == NULL || read_sealed_options(argc, argv, 1, &o, err) != CLV_OK)
		goto out;
	if (o.key == NULL || o.cert == NULL || o.recipient != NULL) {
		(void)err_set(err, CLV_E_USAGE, "%s", usage);
		goto out;
	}
	if (read_key(o.key, &key, err) != CLV_OK || read_x509(o.cert, &cert, err) != CLV_OK ||
	    (o.signer != NULL && read_x509(o.signer, &signer, err) != CLV_OK) ||
	    file_read(o.files[0], &der, err) != CLV_OK ||
	    securedata_open(buf_slice(&der), key, cert, signer, list, err) != CLV_OK)
		goto out;
	rc = secret_use(list, print_list, NULL, err);
out:
	secret_free(list);
	X509_free(cert);
	X509_free(signer);
	EVP_PKEY_free(key);
	buf_release(&der);
	return rc;
}

static clv_rc securedata_check_file(const char *path, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	struct clv_buf der;

	buf_init(&der, 4 * SECUREDATA_MAX);
	if (file_read(path, &der, err) == CLV_OK)
		rc = securedata_check(buf_slice(&der), NULL, err);
	if (rc == CLV_OK)
		printf("accepted: %zu bytes\n", buf_slice(&der).len);
	buf_release(&der);
	return rc;
}

static clv_rc config_read_file(const char *path, struct clv_err *err)
{
	struct config_association *list = NULL;
	struct clv_text *group = NULL, *agent = NULL;
	struct config_head head;
	struct clv_buf xml, der;
	clv_rc rc = CLV_FAILED;
	size_t n = 0;

	buf_init(&xml, 4 * CONFIG_XML_MAX);
	buf_init(&der, CONFIG_XML_MAX);
	if (file_read(path, &xml, err) != CLV_OK ||
	    config_read(buf_slice(&xml), &head, &list, &n, &der, err) != CLV_OK)
		goto out;
	group = text_new_str(head.group);
	agent = text_new_str(head.agent);
	printf("accepted: group %s, agent %s, version %" PRIu64 ", fencing %" PRIu64
	       ", %zu associations, SecureData of %zu bytes\n",
	       text_str(group), text_str(agent), head.version, head.fencing, n, buf_slice(&der).len);
	rc = CLV_OK;
out:
	text_free(group);
	text_free(agent);
	clv_free(list);
	buf_release(&xml);
	buf_release(&der);
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
	else if (argc >= 2 && strcmp(argv[1], "securedata-seal") == 0)
		rc = securedata_seal_file(argc - 1, argv + 1, &err);
	else if (argc >= 2 && strcmp(argv[1], "securedata-open") == 0)
		rc = securedata_open_file(argc - 1, argv + 1, &err);
	else if (argc == 3 && strcmp(argv[1], "securedata-check") == 0)
		rc = securedata_check_file(argv[2], &err);
	else if (argc == 3 && strcmp(argv[1], "config-read") == 0)
		rc = config_read_file(argv[2], &err);
	else
		rc = err_set(&err, CLV_E_USAGE, "%s", usage);
	if (rc != CLV_OK)
		fprintf(stderr, "refused: %s\n", err.text);
	return rc == CLV_OK ? 0 : 1;
}
