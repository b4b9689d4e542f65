/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's files in `clavigerd check`: authorities, certificate, key, revocation lists; each
 * shown, each judged by the product's own functions.
 */
#include "daemon/cli_check.h"
#include "base/clock.h"
#include "base/file.h"
#include "channel/cert.h"
#include "channel/channel.h"
#include "claviger/text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS    86400000ll
#define WARN_DAYS 30

struct files {
	struct clv_buf ca, cert, key, crl;
	bool whole; /* all that are set could be read */
};

static const char *path_of(const struct check *c, const char *option)
{
	return conf_str(c->conf, "channel", option);
}

static void read_one(struct check *c, struct files *f, const char *option, bool private, bool needed,
                     struct clv_buf *b)
{
	const char *path = path_of(c, option);
	struct clv_err err;
	clv_rc rc;

	buf_init(b, CERT_PEM_MAX);
	if (path == NULL) {
		f->whole = f->whole && !needed;
		if (needed) {
			char *fix = clv_asprintf("add %s = FILE under [channel]", option);

			check_problem(c, fix, "channel.%s is not set", option);
			clv_free(fix);
		}
		return;
	}
	rc = private ? file_read_private(path, b, &err) : file_read(path, b, &err);
	if (rc == CLV_OK)
		return;
	f->whole = false;
	check_problem(c,
	              err.code == CLV_E_NOTFOUND ? "put the file there or correct the path"
	              : err.code == CLV_E_DENIED ? "chmod 600 it"
	                                         : "make it readable for the service",
	              "channel.%s (line %d): %s", option, conf_line(c->conf, "channel", option), err.text);
}

static void say_day(const char *what, const ASN1_TIME *from, const ASN1_TIME *to)
{
	char a[CLOCK_RFC3339_LEN];
	char b[CLOCK_RFC3339_LEN];
	int64_t left = (cert_time_ms(to) - clock_wall_ms()) / DAY_MS;

	clock_rfc3339(cert_time_ms(from), false, a);
	clock_rfc3339(cert_time_ms(to), false, b);
	check_say(what, "%s to %s (%lld days left)", a, b, (long long)left);
}

static void say_name(const char *what, const X509_NAME *name)
{
	char line[1024] = "";
	struct clv_text *t;

	(void)X509_NAME_oneline(name, line, sizeof(line));
	t = text_new_str(line[0] == '\0' ? "(empty)" : line);
	check_say(what, "%s", text_str(t));
	text_free(t);
}

static void say_sans(X509 *x)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);
		struct clv_text *t;

		if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI) {
			check_say("  name", "of another kind (does not count)");
			continue;
		}
		t = text_new(slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
		check_say("  name", "%s %s",
		          type == GEN_DNS     ? "DNS"
		          : type == GEN_EMAIL ? "mail"
		                              : "URI (does not count)",
		          text_str(t));
		text_free(t);
	}
	if (san == NULL)
		check_say("  name", "none (no subject alternative name)");
	GENERAL_NAMES_free(san);
}

static void say_usages(X509 *x)
{
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	char *all = clv_strdup("");

	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++) {
		char one[80] = "";
		char *longer;

		(void)OBJ_obj2txt(one, sizeof(one), sk_ASN1_OBJECT_value(eku, i), 0);
		longer = clv_asprintf("%s%s%s", all, i > 0 ? ", " : "", one);
		clv_free(all);
		all = longer;
	}
	check_say("  usages", "%s", all[0] == '\0' ? "none" : all);
	clv_free(all);
	EXTENDED_KEY_USAGE_free(eku);
}

static void say_thumbs(struct check *c, X509 *x)
{
	char sha1[41];
	uint8_t raw[32];
	unsigned int len = 0;

	cert_thumbprint(x, raw);
	hex_encode(slice_of(raw, 32), true, c->thumb);
	check_say("  SHA-256", "%s", c->thumb);
	if (X509_digest(x, EVP_sha1(), raw, &len) == 1 && len == 20) {
		hex_encode(slice_of(raw, 20), true, sha1);
		check_say("  SHA-1", "%s", sha1);
	}
}

static void say_cert(struct check *c, X509 *x)
{
	char label[CERT_LABEL_MAX];
	char hex[64] = "?";

	say_name("  subject", X509_get_subject_name(x));
	say_sans(x);
	say_usages(x);
	cert_key_label(x, label);
	check_say("  key", "%s", label);
	if (ASN1_STRING_length(X509_get0_serialNumber(x)) <= 20)
		hex_encode(slice_of(ASN1_STRING_get0_data(X509_get0_serialNumber(x)),
		                    (size_t)ASN1_STRING_length(X509_get0_serialNumber(x))),
		           true, hex);
	check_say("  serial", "%s", hex);
	say_day("  valid", X509_get0_notBefore(x), X509_get0_notAfter(x));
	say_thumbs(c, x);
}

static void say_chain(const STACK_OF(X509) * certs, const STACK_OF(X509) * cas)
{
	X509 *last = sk_X509_value(certs, sk_X509_num(certs) - 1);

	for (int i = 1; i < sk_X509_num(certs); i++)
		say_name("  chain", X509_get_subject_name(sk_X509_value(certs, i)));
	for (int i = 0; i < sk_X509_num(cas); i++) {
		if (X509_check_issued(sk_X509_value(cas, i), last) == X509_V_OK) {
			say_name("  chain", X509_get_subject_name(sk_X509_value(cas, i)));
			ERR_clear_error();
			return;
		}
	}
	ERR_clear_error();
	say_name("  chain", X509_get_issuer_name(last));
}

static bool has_own_name(X509 *x, const char *name)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);

		if (type == GEN_DNS && (size_t)ASN1_STRING_length(s) == strlen(name) &&
		    strncasecmp((const char *)ASN1_STRING_get0_data(s), name, strlen(name)) == 0)
			found = true;
	}
	GENERAL_NAMES_free(san);
	return found;
}

/* What to do, by what the judgement says. */
static const char *fix_of(const char *text)
{
	static const char *const rows[][2] = {
	    {"expired", "renew the certificate at the authority and put it in place; no restart is needed"},
	    {"not valid before", "check this host's clock, or wait"},
	    {"not by our CA",
	     "add the issuing authority to the file of channel.ca, and intermediates behind the certificate"},
	    {"key usage", "have it issued again with client and server authentication and digitalSignature"},
	    {"dNSName", "have it issued again with the full host name as subject alternative name (DNS)"},
	    {"wildcard", "have it issued again for this one host"},
	    {"does not belong", "put the key that belongs to the certificate into channel.key"},
	    {"revocation list", "fetch a current list of that authority into the file of channel.crl"},
	    {"revoked", "have a new certificate issued and find out why this one was revoked"},
	    {"weak", "have it issued again with SHA-256 and an RSA key of 2048 bits or EC P-256 at least"},
	    {"CA:TRUE", "have a leaf certificate issued; an authority's own cannot be used"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strstr(text, rows[i][0]) != NULL)
			return rows[i][1];
	}
	return "have it issued again as share/doc/certificates.md says";
}

static void check_own(struct check *c, X509 *leaf)
{
	int64_t left = cert_time_ms(X509_get0_notAfter(leaf)) - clock_wall_ms();

	if (!has_own_name(leaf, conf_str(c->conf, "node", "name"))) {
		c->usable = false;
		check_problem(
		    c,
		    "set name under [node] to the certificate's DNS name, or have one issued for this name",
		    "the certificate does not have this node's name %s", conf_str(c->conf, "node", "name"));
	}
	if (c->usable && left < WARN_DAYS * DAY_MS)
		check_say("warning", "the certificate ends in %lld days: renew it now",
		          (long long)(left / DAY_MS));
}

static void check_crls(struct check *c, struct clv_slice pem)
{
	STACK_OF(X509_CRL) *all = NULL;
	struct clv_err err;

	if (path_of(c, "crl") == NULL) {
		check_say("revocation", "not configured: a revoked certificate is accepted until it ends "
		                        "(set crl under [channel])");
		return;
	}
	if (cert_crls_from_pem(pem, path_of(c, "crl"), &all, &err) != CLV_OK) {
		check_problem(c, "put the authority's list there, in PEM", "%s", err.text);
		return;
	}
	for (int i = 0; i < sk_X509_CRL_num(all); i++) {
		X509_CRL *crl = sk_X509_CRL_value(all, i);
		int64_t next = cert_time_ms(X509_CRL_get0_nextUpdate(crl));
		char label[CERT_LABEL_MAX];
		char day[CLOCK_RFC3339_LEN];

		cert_name_label(X509_CRL_get_issuer(crl), label);
		clock_rfc3339(next, false, day);
		check_say("revocation", "%s: %d revoked, next list due %s", label,
		          sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) < 0
		              ? 0
		              : sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)),
		          day);
		if (next != INT64_MIN && next < clock_wall_ms())
			check_problem(c, "fetch a current list; peers are refused when crl_grace has passed",
			              "the revocation list of %s is out of date since %s", label, day);
	}
	sk_X509_CRL_pop_free(all, X509_CRL_free);
}

/* The set as the service would take it. */
static void check_set(struct check *c, const struct files *f, X509 *leaf)
{
	struct chan_creds_pem pem = {.ca = buf_slice(&f->ca),
	                             .cert = buf_slice(&f->cert),
	                             .key = buf_slice(&f->key),
	                             .crl = buf_slice(&f->crl),
	                             .crl_grace_ms = conf_int(c->conf, "channel", "crl_grace"),
	                             .peer_kind_accept = VERIFY_NODE};
	struct chan_creds *creds;
	struct clv_err err;

	creds = chan_creds_new(&pem, &err);
	if (creds == NULL) {
		check_problem(c, fix_of(err.text), "%s", err.text);
	} else {
		c->usable = true;
		check_say("  verdict", "a peer with the same authorities accepts it; the key belongs to it");
		check_own(c, leaf);
	}
	chan_creds_free(creds);
}

static void show_files(struct check *c, const struct files *f)
{
	STACK_OF(X509) *certs = NULL;
	STACK_OF(X509) *cas = NULL;
	struct clv_err err;

	if (buf_slice(&f->ca).len > 0) {
		if (cert_from_pem(buf_slice(&f->ca), path_of(c, "ca"), &cas, &err) != CLV_OK)
			check_problem(c, "put the authorities' certificates there, in PEM", "%s", err.text);
		for (int i = 0; i < sk_X509_num(cas); i++) {
			say_name("authority", X509_get_subject_name(sk_X509_value(cas, i)));
			say_day("  valid", X509_get0_notBefore(sk_X509_value(cas, i)),
			        X509_get0_notAfter(sk_X509_value(cas, i)));
		}
	}
	if (buf_slice(&f->cert).len > 0) {
		check_say("certificate", "%s", path_of(c, "certificate"));
		if (cert_from_pem(buf_slice(&f->cert), path_of(c, "certificate"), &certs, &err) != CLV_OK) {
			check_problem(c, "put the certificate there, in PEM, intermediates behind it", "%s",
			              err.text);
		} else {
			say_cert(c, sk_X509_value(certs, 0));
			say_chain(certs, cas);
		}
	}
	check_crls(c, buf_slice(&f->crl));
	if (f->whole && certs != NULL && cas != NULL)
		check_set(c, f, sk_X509_value(certs, 0));
	cert_stack_free(certs);
	cert_stack_free(cas);
}

void check_channel(struct check *c)
{
	struct files f = {.whole = true};

	if (c->kerberos && !path_of(c, "ca") && !path_of(c, "certificate") && !path_of(c, "key")) {
		check_say("certificate", "none: links by Kerberos alone");
		return;
	}
	read_one(c, &f, "ca", false, true, &f.ca);
	read_one(c, &f, "certificate", false, true, &f.cert);
	read_one(c, &f, "key", true, true, &f.key);
	read_one(c, &f, "crl", false, false, &f.crl);
	show_files(c, &f);
	ERR_clear_error();
	buf_release(&f.ca);
	buf_release(&f.cert);
	buf_release(&f.key);
	buf_release(&f.crl);
}
