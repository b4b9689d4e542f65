/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a leaf certificate itself says: its purpose and its names (RFC 9525; T2, T26). Nodes and
 * operators are told apart here, so that neither ever passes as the other.
 */
#include "channel/verify_parts.h"
#include "claviger/text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NAMES_MAX 64

/* The names of one certificate, borrowed from its SAN. */
struct names {
	struct clv_slice dns[NAMES_MAX];
	struct clv_slice mail[NAMES_MAX];
	size_t n_dns;
	size_t n_mail;
};

static bool has_usage(const EXTENDED_KEY_USAGE *eku, int nid)
{
	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++) {
		if (OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == nid)
			return true;
	}
	return false;
}

static clv_rc check_eku(X509 *x, enum verify_kind kind, bool optional, const char *whose, struct clv_err *err)
{
	EXTENDED_KEY_USAGE *eku;
	int critical = -1;
	bool client;
	bool server;

	eku = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
	ERR_clear_error();
	if (eku == NULL && critical == -1 && optional)
		return CLV_OK;
	if (eku == NULL)
		return err_set(
		    err, CLV_E_AUTH, "%s has no extended key usage that can be read; expected %s", whose,
		    kind == VERIFY_NODE ? "client and server authentication" : "client authentication");
	client = has_usage(eku, NID_client_auth);
	server = has_usage(eku, NID_server_auth);
	EXTENDED_KEY_USAGE_free(eku);
	if (kind == VERIFY_NODE && !(client && server))
		return err_set(err, CLV_E_AUTH,
		               "%s lacks %s among its extended key usages; a node's has client and server "
		               "authentication",
		               whose,
		               client   ? "server authentication"
		               : server ? "client authentication"
		                        : "both");
	if (!client)
		return err_set(err, CLV_E_AUTH,
		               "%s lacks client authentication among its extended key usages", whose);
	return CLV_OK;
}

clv_rc verify_ca_purpose(X509 *x, enum verify_kind kind, const char *whose, struct clv_err *err)
{
	return check_eku(x, kind, true, whose, err);
}

clv_rc verify_leaf_purpose(X509 *x, enum verify_kind kind, const char *whose, struct clv_err *err)
{
	uint32_t flags = X509_get_extension_flags(x);
	uint32_t usage = X509_get_key_usage(x); /* all bits where there is no such extension */

	if ((flags & EXFLAG_INVALID) != 0)
		return err_set(err, CLV_E_AUTH, "%s has an extension that cannot be read", whose);
	if (X509_check_ca(x) != 0)
		return err_set(err, CLV_E_AUTH, "%s is an authority's (CA:TRUE); expected a leaf", whose);
	if ((flags & EXFLAG_PROXY) != 0)
		return err_set(err, CLV_E_AUTH, "%s is a proxy certificate", whose);
	if ((flags & EXFLAG_KUSAGE) != 0 && (usage & KU_DIGITAL_SIGNATURE) == 0)
		return err_set(err, CLV_E_AUTH, "%s may not sign: its key usage lacks digitalSignature",
		               whose);
	if ((flags & EXFLAG_KUSAGE) != 0 && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
		return err_set(err, CLV_E_AUTH, "%s has an authority's key usage; expected a leaf", whose);
	return check_eku(x, kind, false, whose, err);
}

/* Labels of letters, digits, hyphens; `loose` also underscores and a single label. */
static bool dns_grammar(struct clv_slice s, bool loose)
{
	size_t label = 0;
	size_t dots = 0;
	bool digits = true; /* the label so far */

	if (s.len == 0 || s.len > 253)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (c == '.') {
			if (label == 0 || s.ptr[i - 1] == '-')
				return false;
			dots++;
			label = 0;
			digits = true;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && label > 0) ||
		      (c == '_' && loose)))
			return false;
		digits = digits && c >= '0' && c <= '9';
		if (++label > 63)
			return false;
	}
	/* An all-digit last label would be an address, or look like one. */
	return label > 0 && s.ptr[s.len - 1] != '-' && !digits && (dots > 0 || loose);
}

clv_rc verify_node_name(struct clv_slice name, struct clv_err *err)
{
	struct clv_text *whole;
	struct clv_text *cut;

	if (dns_grammar(name, false))
		return CLV_OK;
	whole = text_new(name);
	cut = text_cut(whole, 60);
	(void)err_set(err, CLV_E_USAGE,
	              "'%s' is no node name; expected a full host name in lower case (letters, digits, "
	              "hyphens, dots) such as web01.ops.test",
	              text_str(cut));
	text_free(cut);
	text_free(whole);
	return CLV_FAILED;
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Folded copy; false when it does not fit, which no name does. */
static bool fold_into(struct clv_slice s, char out[256])
{
	if (s.len > 255)
		return false;
	for (size_t i = 0; i < s.len; i++)
		out[i] = (char)fold(s.ptr[i]);
	out[s.len] = '\0';
	return true;
}

static clv_rc bad_name(const char *whose, const char *what, struct clv_slice name, const char *why,
                       struct clv_err *err)
{
	struct clv_text *whole = text_new(name);
	struct clv_text *cut = text_cut(whole, 60);

	(void)err_set(err, CLV_E_AUTH, "%s %s '%s'%s", whose, what, text_str(cut), why);
	text_free(cut);
	text_free(whole);
	return CLV_FAILED;
}

static clv_rc collect(const GENERAL_NAMES *san, const char *whose, struct names *out, struct clv_err *err)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);
		size_t *n = type == GEN_DNS ? &out->n_dns : &out->n_mail;

		if (type != GEN_DNS && type != GEN_EMAIL)
			continue; /* addresses and directory names prove nothing here */
		if (*n == NAMES_MAX)
			return err_set(err, CLV_E_AUTH, "%s has more than %d names", whose, NAMES_MAX);
		(type == GEN_DNS ? out->dns : out->mail)[(*n)++] =
		    slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	}
	return CLV_OK;
}

static clv_rc node_name(const struct names *n, const struct verify_request *req, const char *whose,
                        char out[256], struct clv_err *err)
{
	char folded[256];
	char first[256] = "";
	bool found = false;

	if (n->n_mail > 0)
		return err_set(err, CLV_E_AUTH,
		               "%s is an operator's (it has an rfc822Name); it does not stand for a node",
		               whose);
	if (n->n_dns == 0)
		return err_set(err, CLV_E_AUTH,
		               "%s has no dNSName among its subject alternative names; the CN does not count",
		               whose);
	for (size_t i = 0; i < n->n_dns; i++) {
		if (memchr(n->dns[i].ptr, '*', n->dns[i].len) != NULL)
			return bad_name(whose, "has the wildcard name", n->dns[i],
			                "; a node's certificate names one host", err);
		if (!fold_into(n->dns[i], folded) ||
		    !dns_grammar(slice_of(folded, n->dns[i].len), req->any_dns_name))
			return bad_name(whose, "has a dNSName that is no host name:", n->dns[i], "", err);
		if (i == 0)
			memcpy(first, folded, sizeof(first));
		if (req->name != NULL && strcmp(folded, req->name) == 0) {
			found = true;
			memcpy(out, folded, sizeof(folded));
		}
	}
	if (req->name != NULL && !found)
		return bad_name(whose, "is not for the expected name but for", n->dns[0],
		                n->n_dns > 1 ? " and others" : "", err);
	if (req->name == NULL && n->n_dns > 1 && !req->own)
		return err_set(err, CLV_E_AUTH,
		               "%s has %zu dNSNames; a node that dials must have exactly one", whose,
		               n->n_dns);
	if (req->name == NULL)
		memcpy(out, first, sizeof(first));
	return CLV_OK;
}

/* local@domain, printable ASCII; the domain is folded. */
static bool mail_name(struct clv_slice s, char out[256])
{
	const uint8_t *at = memrchr(s.ptr, '@', s.len);
	char domain[256];
	size_t local;

	if (s.len > 254 || at == NULL || at == s.ptr)
		return false;
	local = (size_t)(at - s.ptr);
	for (size_t i = 0; i < local; i++) {
		if (s.ptr[i] <= 0x20 || s.ptr[i] >= 0x7f || s.ptr[i] == '@' || s.ptr[i] == '"' ||
		    s.ptr[i] == '\\')
			return false;
		out[i] = (char)s.ptr[i];
	}
	if (!fold_into(slice_of(at + 1, s.len - local - 1), domain) ||
	    !dns_grammar(slice_str(domain), true) || strlen(domain) != s.len - local - 1)
		return false;
	out[local] = '@';
	memcpy(out + local + 1, domain, strlen(domain) + 1);
	return true;
}

static clv_rc operator_name(const struct names *n, const struct verify_request *req, const char *whose,
                            char out[256], struct clv_err *err)
{
	char name[256] = "";

	if (n->n_dns > 0)
		return err_set(err, CLV_E_AUTH, "%s is a node's (it has a dNSName); a node does not log on",
		               whose);
	if (n->n_mail > 1)
		return err_set(err, CLV_E_AUTH, "%s has %zu mail addresses; expected one", whose, n->n_mail);
	if (n->n_mail == 1 && !mail_name(n->mail[0], name))
		return bad_name(whose, "has an rfc822Name that is no mail address:", n->mail[0], "", err);
	if (req->name != NULL && strcmp(name, req->name) != 0)
		return bad_name(whose, "is not for the expected operator but for", slice_str(name), "", err);
	memcpy(out, name, sizeof(name));
	return CLV_OK;
}

clv_rc verify_leaf_name(X509 *x, const struct verify_request *req, const char *whose, char out[256],
                        struct clv_err *err)
{
	int critical = -1;
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	struct names *names = clv_calloc(1, sizeof(*names));
	clv_rc rc = CLV_FAILED;

	ERR_clear_error();
	if (san == NULL && critical != -1)
		(void)err_set(err, CLV_E_AUTH, "%s has subject alternative names that cannot be read", whose);
	else if (collect(san, whose, names, err) == CLV_OK)
		rc = req->kind == VERIFY_NODE ? node_name(names, req, whose, out, err)
		                              : operator_name(names, req, whose, out, err);
	GENERAL_NAMES_free(san);
	clv_free(names);
	return rc;
}
