/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd ca`: a small authority for labs and tests, in a folder: ca.pem, ca.key (0600), ca.crl,
 * issued/SERIAL.pem. Runs as a command; what it cannot finish it takes back.
 */
#include "daemon/cli.h"
#include "base/clock.h"
#include "base/file.h"
#include "channel/channel.h"
#include "claviger/text.h"
#include "daemon/cli_ca.h"

#include <dirent.h>
#include <getopt.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS_MAX   36500
#define FILE_LIMIT (4u * 1024u * 1024u)
#define CN_MAX     64

static const char usage_text[] =
    "usage: clavigerd ca init DIR [--name CN] [--days N]\n"
    "       clavigerd ca issue DIR NAME [--operator MAIL] [--days N] [--out PREFIX]\n"
    "       clavigerd ca revoke DIR NAME|SERIAL|FILE\n";

struct ca_args {
	const char *dir, *what;
	const char *name, *mail, *out;
	int64_t days; /* 0: not given */
};

static char *in_dir(const struct ca_args *a, const char *file)
{
	return clv_asprintf("%s/%s", a->dir, file);
}

/* ---- reading the folder ---- */

static clv_rc read_file(const char *path, bool private, struct clv_buf *b, struct clv_err *err)
{
	buf_clear(b);
	return private ? file_read_private(path, b, err) : file_read(path, b, err);
}

static clv_rc load_authority(const struct ca_args *a, struct ca_pair *out, struct clv_err *err)
{
	char *cert = in_dir(a, "ca.pem");
	char *key = in_dir(a, "ca.key");
	STACK_OF(X509) *all = NULL;
	struct ca_pair p = {0};
	clv_rc rc = CLV_FAILED;
	struct clv_buf b;

	buf_init(&b, FILE_LIMIT);
	if (read_file(cert, false, &b, err) != CLV_OK) {
		if (err->code == CLV_E_NOTFOUND)
			(void)err_set(err, CLV_E_NOTFOUND,
			              "%s is no authority's folder: there is no ca.pem; make one with: "
			              "clavigerd ca init %s",
			              a->dir, a->dir);
		goto out;
	}
	if (cert_from_pem(buf_slice(&b), cert, &all, err) != CLV_OK)
		goto out;
	p.x = sk_X509_shift(all);
	if (read_file(key, true, &b, err) != CLV_OK ||
	    cert_key_from_pem(buf_slice(&b), key, &p.key, err) != CLV_OK)
		goto out;
	if (X509_check_private_key(p.x, p.key) != 1) {
		(void)err_set(err, CLV_E_CONFIG, "%s does not belong to %s", key, cert);
		goto out;
	}
	*out = p;
	p = (struct ca_pair){0};
	rc = CLV_OK;
out:
	ca_pair_release(&p);
	cert_stack_free(all);
	buf_release(&b);
	clv_free(cert);
	clv_free(key);
	return rc;
}

static clv_rc load_crl(const struct ca_args *a, X509_CRL **out, struct clv_err *err)
{
	char *path = in_dir(a, "ca.crl");
	STACK_OF(X509_CRL) *all = NULL;
	clv_rc rc = CLV_FAILED;
	struct clv_buf b;

	buf_init(&b, FILE_LIMIT);
	if (read_file(path, false, &b, err) == CLV_OK &&
	    cert_crls_from_pem(buf_slice(&b), path, &all, err) == CLV_OK) {
		*out = sk_X509_CRL_shift(all);
		rc = CLV_OK;
	}
	sk_X509_CRL_pop_free(all, X509_CRL_free);
	buf_release(&b);
	clv_free(path);
	return rc;
}

static clv_rc store_crl(const struct ca_args *a, X509_CRL *crl, struct clv_err *err)
{
	char *path = in_dir(a, "ca.crl");
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, FILE_LIMIT);
	rc = ca_put_crl(&b, crl, err);
	if (rc == CLV_OK)
		rc = file_replace(path, buf_slice(&b), 0644, err);
	buf_release(&b);
	clv_free(path);
	return rc;
}

static void say_cert(const char *path, X509 *x)
{
	char label[CERT_LABEL_MAX];
	char day[CLOCK_RFC3339_LEN];
	char hex[65];
	uint8_t print[32];

	cert_label(x, label);
	cert_thumbprint(x, print);
	hex_encode(slice_of(print, sizeof(print)), true, hex);
	clock_rfc3339(cert_time_ms(X509_get0_notAfter(x)), false, day);
	printf("%s: %s, until %s, SHA-256 %s\n", path, label, day, hex);
}

/* ---- init ---- */

static clv_rc store_authority(const struct ca_args *a, const struct ca_pair *p, X509_CRL *crl,
                              struct clv_err *err)
{
	char *cert = in_dir(a, "ca.pem");
	char *key = in_dir(a, "ca.key");
	char *list = in_dir(a, "ca.crl");
	struct clv_buf key_pem, cert_pem;
	clv_rc rc = CLV_FAILED;

	buf_init(&key_pem, FILE_LIMIT);
	buf_init(&cert_pem, FILE_LIMIT);
	if (file_exists(cert) || file_exists(key) || file_exists(list)) {
		(void)err_set(err, CLV_E_EXISTS, "%s holds an authority already; choose another folder",
		              a->dir);
		goto out;
	}
	if (ca_put_key(&key_pem, p->key, err) != CLV_OK || ca_put_cert(&cert_pem, p->x, err) != CLV_OK)
		goto out;
	if (file_create(key, buf_slice(&key_pem), 0600, err) != CLV_OK)
		goto out;
	rc = store_crl(a, crl, err);
	if (rc == CLV_OK) /* last: a folder with ca.pem is a whole one */
		rc = file_create(cert, buf_slice(&cert_pem), 0644, err);
	if (rc != CLV_OK) {
		(void)!file_remove(key, NULL);
		(void)!file_remove(list, NULL);
	} else {
		say_cert(cert, p->x);
	}
out:
	buf_release(&key_pem);
	buf_release(&cert_pem);
	clv_free(cert);
	clv_free(key);
	clv_free(list);
	return rc;
}

static clv_rc do_init(const struct ca_args *a, struct clv_err *err)
{
	struct ca_pair p = {0};
	X509_CRL *crl = NULL;
	clv_rc rc = CLV_FAILED;

	if (file_mkdirs(a->dir, 0755, err) != CLV_OK)
		return CLV_FAILED;
	if (ca_make_authority(a->name == NULL ? "Claviger lab authority" : a->name,
	                      a->days == 0 ? 3650 : a->days, &p, err) == CLV_OK &&
	    ca_make_crl(&p, NULL, NULL, 0, &crl, err) == CLV_OK)
		rc = store_authority(a, &p, crl, err);
	X509_CRL_free(crl);
	ca_pair_release(&p);
	return rc;
}

/* ---- issue ---- */

static clv_rc store_leaf(const struct ca_args *a, const struct ca_pair *p, struct clv_err *err)
{
	char *prefix = a->out != NULL ? clv_strdup(a->out) : in_dir(a, a->what);
	char *cert = clv_asprintf("%s.pem", prefix);
	char *key = clv_asprintf("%s.key", prefix);
	char serial[48] = "";
	struct clv_buf key_pem, cert_pem;
	char *folder = in_dir(a, "issued");
	char *record;
	clv_rc rc = CLV_FAILED;

	(void)ca_serial_text(p->x, serial);
	record = clv_asprintf("%s/%s.pem", folder, serial);
	buf_init(&key_pem, FILE_LIMIT);
	buf_init(&cert_pem, FILE_LIMIT);
	if (file_exists(cert) || file_exists(key)) {
		(void)err_set(err, CLV_E_EXISTS,
		              "%s exists already; give another place with --out PREFIX, or move it away",
		              file_exists(cert) ? cert : key);
		goto out;
	}
	if (ca_put_key(&key_pem, p->key, err) != CLV_OK || ca_put_cert(&cert_pem, p->x, err) != CLV_OK ||
	    file_mkdirs(folder, 0755, err) != CLV_OK)
		goto out;
	/* The record first: what is not recorded could never be revoked by its name. */
	rc = file_create(record, buf_slice(&cert_pem), 0644, err);
	if (rc == CLV_OK)
		rc = file_create(key, buf_slice(&key_pem), 0600, err);
	if (rc == CLV_OK && (rc = file_create(cert, buf_slice(&cert_pem), 0644, err)) != CLV_OK)
		(void)!file_remove(key, NULL);
	if (rc != CLV_OK)
		(void)!file_remove(record, NULL);
	else
		say_cert(cert, p->x);
out:
	buf_release(&key_pem);
	buf_release(&cert_pem);
	clv_free(record);
	clv_free(folder);
	clv_free(prefix);
	clv_free(cert);
	clv_free(key);
	return rc;
}

static clv_rc check_life(const struct ca_pair *ca, int64_t days, struct clv_err *err)
{
	int64_t end = cert_time_ms(X509_get0_notAfter(ca->x));
	char day[CLOCK_RFC3339_LEN];

	if (clock_wall_ms() + days * 86400000ll <= end)
		return CLV_OK;
	clock_rfc3339(end, false, day);
	return err_set(err, CLV_E_USAGE,
	               "%lld days reach beyond the authority's own end, %s; give fewer with --days",
	               (long long)days, day);
}

static clv_rc do_issue(const struct ca_args *a, struct clv_err *err)
{
	struct ca_leaf leaf = {a->what, a->mail, a->days == 0 ? 365 : a->days};
	struct ca_pair ca = {0};
	struct ca_pair p = {0};
	clv_rc rc = CLV_FAILED;

	if (load_authority(a, &ca, err) == CLV_OK && check_life(&ca, leaf.days, err) == CLV_OK &&
	    ca_make_leaf(&ca, &leaf, &p, err) == CLV_OK)
		rc = store_leaf(a, &p, err);
	ca_pair_release(&p);
	ca_pair_release(&ca);
	return rc;
}

/* ---- revoke ---- */

static bool has_name(X509 *x, const char *name)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char cn[256] = "";
	bool found;

	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
	found = strcmp(cn, name) == 0;
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(san); i++) {
		int type;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);

		found = (type == GEN_DNS || type == GEN_EMAIL) &&
		        slice_eq_str(slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), name);
	}
	GENERAL_NAMES_free(san);
	return found;
}

/* 0x, colons and either case, as other programs print serial numbers. */
static bool has_serial(const X509 *x, const char *text)
{
	char mine[48] = "";
	size_t n = 0;

	if (!ca_serial_text(x, mine))
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (; *text != '\0'; text++) {
		char c = *text >= 'a' && *text <= 'f' ? (char)(*text - 'a' + 'A') : *text;

		if (c == ':')
			continue;
		if (mine[n] == '\0' || mine[n++] != c)
			return false;
	}
	return n > 0 && mine[n] == '\0';
}

static clv_rc take_one(const char *path, STACK_OF(X509) * found, X509 **out, struct clv_err *err)
{
	STACK_OF(X509) *all = NULL;
	clv_rc rc = CLV_FAILED;
	struct clv_buf b;

	buf_init(&b, FILE_LIMIT);
	if (read_file(path, false, &b, err) == CLV_OK &&
	    cert_from_pem(buf_slice(&b), path, &all, err) == CLV_OK) {
		*out = sk_X509_shift(all);
		if (found != NULL && sk_X509_push(found, *out) <= 0)
			clv_fatal("out of memory");
		rc = CLV_OK;
	}
	cert_stack_free(all);
	buf_release(&b);
	return rc;
}

static clv_rc search(const struct ca_args *a, STACK_OF(X509) * found, struct clv_err *err)
{
	char *folder = in_dir(a, "issued");
	DIR *d = opendir(folder);
	clv_rc rc = CLV_OK;
	struct dirent *e;
	X509 *x;

	while (rc == CLV_OK && d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		char *path;

		if (len < 5 || strcmp(e->d_name + len - 4, ".pem") != 0)
			continue;
		path = clv_asprintf("%s/%s", folder, e->d_name);
		rc = take_one(path, NULL, &x, err);
		clv_free(path);
		if (rc != CLV_OK)
			break;
		if (has_name(x, a->what) || has_serial(x, a->what)) {
			if (sk_X509_push(found, x) <= 0)
				clv_fatal("out of memory");
		} else {
			X509_free(x);
		}
	}
	if (d != NULL)
		(void)closedir(d);
	clv_free(folder);
	return rc;
}

static clv_rc find_certs(const struct ca_args *a, const struct ca_pair *ca, STACK_OF(X509) * found,
                         struct clv_err *err)
{
	struct clv_text *shown;
	X509 *x;

	if (search(a, found, err) != CLV_OK)
		return CLV_FAILED;
	if (sk_X509_num(found) > 0)
		return CLV_OK;
	shown = text_new_str(a->what);
	if (!file_exists(a->what))
		(void)err_set(err, CLV_E_NOTFOUND,
		              "'%s' is neither a name nor a serial number under %s/issued, nor a file",
		              text_str(shown), a->dir);
	text_free(shown);
	if (!file_exists(a->what) || take_one(a->what, found, &x, err) != CLV_OK)
		return CLV_FAILED;
	if (X509_verify(x, X509_get0_pubkey(ca->x)) != 1)
		return err_set(err, CLV_E_USAGE, "%s is not by the authority in %s", a->what, a->dir);
	return CLV_OK;
}

static clv_rc do_revoke(const struct ca_args *a, struct clv_err *err)
{
	STACK_OF(X509) *found = sk_X509_new_null();
	X509 **revoked = NULL;
	struct ca_pair ca = {0};
	X509_CRL *fresh = NULL;
	X509_CRL *old = NULL;
	clv_rc rc = CLV_FAILED;
	size_t n = 0;

	if (load_authority(a, &ca, err) != CLV_OK || load_crl(a, &old, err) != CLV_OK ||
	    find_certs(a, &ca, found, err) != CLV_OK)
		goto out;
	revoked = clv_calloc((size_t)sk_X509_num(found), sizeof(X509 *));
	for (int i = 0; i < sk_X509_num(found); i++) {
		if (!ca_is_revoked(old, sk_X509_value(found, i)))
			revoked[n++] = sk_X509_value(found, i);
	}
	if (n == 0) {
		(void)err_set(err, CLV_E_EXISTS, "%s has been revoked before", a->what);
		goto out;
	}
	if (ca_make_crl(&ca, old, revoked, n, &fresh, err) != CLV_OK || store_crl(a, fresh, err) != CLV_OK)
		goto out;
	for (size_t i = 0; i < n; i++)
		say_cert("revoked", revoked[i]);
	rc = CLV_OK;
out:
	cert_stack_free(found);
	clv_free(revoked);
	X509_CRL_free(fresh);
	X509_CRL_free(old);
	ca_pair_release(&ca);
	return rc;
}

/* ---- the command line ---- */

static clv_rc parse_days(const char *text, int64_t *days, struct clv_err *err)
{
	char *end = NULL;
	long long v = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || v < 1 || v > DAYS_MAX)
		return err_set(err, CLV_E_USAGE, "--days takes a whole number from 1 to %d", DAYS_MAX);
	*days = v;
	return CLV_OK;
}

/* Names become file names and common names. */
static clv_rc check_names(const struct ca_args *a, const char *verb, struct clv_err *err)
{
	if (a->name != NULL && (strlen(a->name) == 0 || strlen(a->name) > CN_MAX))
		return err_set(err, CLV_E_USAGE, "--name takes 1 to %d bytes", CN_MAX);
	if (strcmp(verb, "issue") != 0 || a->what == NULL)
		return CLV_OK;
	if (strlen(a->what) > CN_MAX)
		return err_set(err, CLV_E_USAGE,
		               "a name of at most %d bytes fits a certificate's common name", CN_MAX);
	if (a->mail == NULL)
		return verify_node_name(slice_str(a->what), err);
	for (const char *p = a->what; *p != '\0'; p++) {
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
		      *p == '_' || (p != a->what && (*p == '.' || *p == '-'))))
			return err_set(err, CLV_E_USAGE,
			               "an operator's NAME becomes a file name; expected letters, digits, "
			               "dots, hyphens, underscores");
	}
	return a->what[0] != '\0' ? CLV_OK : err_set(err, CLV_E_USAGE, "an empty name");
}

static clv_rc parse(int argc, char **argv, const char *allowed, struct ca_args *a, struct clv_err *err)
{
	static const struct option longs[] = {{"name", required_argument, NULL, 'n'},
	                                      {"days", required_argument, NULL, 'd'},
	                                      {"operator", required_argument, NULL, 'm'},
	                                      {"out", required_argument, NULL, 'o'},
	                                      {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (strchr(allowed, c) == NULL)
			return err_set(err, CLV_E_USAGE, "an option that is unknown or has no value");
		if (c == 'n')
			a->name = optarg;
		else if (c == 'm')
			a->mail = optarg;
		else if (c == 'o')
			a->out = optarg;
		else if (parse_days(optarg, &a->days, err) != CLV_OK)
			return CLV_FAILED;
	}
	a->dir = optind < argc ? argv[optind] : NULL;
	a->what = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (a->dir == NULL || a->dir[0] == '\0' || argc - optind > 2)
		return err_set(err, CLV_E_USAGE, "expected a folder%s",
		               argc - optind > 2 ? " and one name" : "");
	return CLV_OK;
}

int cli_ca(int argc, char **argv)
{
	static const struct {
		const char *verb;
		const char *allowed;
		bool takes_what;
		clv_rc (*run)(const struct ca_args *a, struct clv_err *err);
	} verbs[] = {{"init", "nd", false, do_init},
	             {"issue", "dmo", true, do_issue},
	             {"revoke", "", true, do_revoke}};
	struct ca_args a = {0};
	struct clv_err err;
	clv_rc rc = CLV_FAILED;

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].verb) != 0)
			continue;
		rc = parse(argc - 1, argv + 1, verbs[i].allowed, &a, &err);
		if (rc == CLV_OK && (a.what != NULL) != verbs[i].takes_what)
			rc = err_set(&err, CLV_E_USAGE,
			             verbs[i].takes_what ? "expected a folder and a name"
			                                 : "expected a folder alone");
		if (rc == CLV_OK)
			rc = check_names(&a, argv[1], &err);
		if (rc == CLV_OK)
			rc = channel_process_init(&err);
		if (rc == CLV_OK)
			rc = verbs[i].run(&a, &err);
		if (rc != CLV_OK)
			fprintf(stderr, "clavigerd ca %s: %s\n", argv[1], err.text);
		return rc == CLV_OK ? 0 : err.code == CLV_E_USAGE ? 2 : 1;
	}
	fputs(usage_text, stderr);
	return 2;
}
