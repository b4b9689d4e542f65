/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this certificate the peer it should be? Builds and checks the chain with OpenSSL in its strict
 * mode, then the rules of design 3 that OpenSSL does not know. One clear line for every refusal.
 */
#include "channel/verify_parts.h"
#include "base/clock.h"
#include "claviger/text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 8

/* What the OpenSSL callback needs and tells. */
struct judge {
	const struct verify_anchors *anchors;
	int64_t at_ms;
	bool stale;
};

/* Errors of OpenSSL in words that say what to do. %s is the day, where the row wants one. */
static const struct {
	int code;
	const char *text;
} reasons[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "is not by our CA: its issuer is not in the CA file"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "is not by our CA: its issuer is not in the CA file"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "is not by our CA: its issuer is not in the CA file"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "is not by our CA: it is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     "is not by our CA: its chain ends at an authority that is not in the CA file"},
    {X509_V_ERR_CERT_UNTRUSTED, "is not by our CA"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "carries a signature that is not its issuer's"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "has a chain of more than 8 intermediates"},
    {X509_V_ERR_CERT_REVOKED, "has been revoked"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "cannot be checked: there is no revocation list of its issuer"},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
     "cannot be checked: its revocation list is by an unknown authority"},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE,
     "cannot be checked: the revocation list of its issuer is not signed by it"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "cannot be checked: the revocation list of its issuer is too old"},
    {X509_V_ERR_CRL_NOT_YET_VALID, "cannot be checked: the revocation list of its issuer is from the future"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "breaks the path length of an authority"},
    {X509_V_ERR_INVALID_CA, "is issued by something that is no authority"},
    {X509_V_ERR_INVALID_PURPOSE, "has a chain that is not meant for this purpose"},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "has a critical extension that is not known here"},
    {X509_V_ERR_PERMITTED_VIOLATION, "has a name its authority may not give (name constraints)"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "has a name its authority may not give (name constraints)"},
    {X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER,
     "has no authority key identifier (RFC 5280 4.2.1.1); issue it again with one"},
    {X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER,
     "has no subject key identifier (RFC 5280 4.2.1.2); issue it again with one"},
    {X509_V_ERR_CA_CERT_MISSING_KEY_USAGE,
     "has no key usage (RFC 5280 4.2.1.3); issue it again with keyCertSign"},
    {X509_V_ERR_CA_BCONS_NOT_CRITICAL,
     "has basic constraints that are not critical (RFC 5280 4.2.1.9); issue it again"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "is issued by something that may not sign certificates"},
};

static int64_t time_of(const X509 *x, bool begin)
{
	return cert_time_ms(begin ? X509_get0_notBefore(x) : X509_get0_notAfter(x));
}

/* Where we are milder, or finer, than OpenSSL: the grace of T25, the last second, a stale list. */
static int on_error(int ok, X509_STORE_CTX *ctx)
{
	struct judge *j = X509_STORE_CTX_get_app_data(ctx);
	const X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
	int64_t at;

	if (ok != 0 || x == NULL)
		return ok;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		at = time_of(x, true);
		return at != INT64_MIN && at <= j->at_ms + CERT_GRACE_MS;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		at = time_of(x, false);
		return at != INT64_MIN && at / 1000 >= j->at_ms / 1000;
	case X509_V_ERR_CRL_NOT_YET_VALID:
		at = crl == NULL ? INT64_MIN : cert_time_ms(X509_CRL_get0_lastUpdate(crl));
		return at != INT64_MIN && at <= j->at_ms + CERT_GRACE_MS;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		at = crl == NULL ? INT64_MIN : cert_time_ms(X509_CRL_get0_nextUpdate(crl));
		if (at == INT64_MIN || j->at_ms - at > j->anchors->crl_grace_ms)
			return 0;
		j->stale = true;
		return 1;
	default:
		return 0;
	}
}

static void describe(const X509 *x, int depth, char whose[VERIFY_WHOSE_MAX])
{
	char label[CERT_LABEL_MAX];

	cert_label(x, label);
	(void)snprintf(whose, VERIFY_WHOSE_MAX, "the %s certificate (%s)",
	               depth == 0 ? "peer's" : "authority's", label);
}

static void day_of(int64_t ms, char out[CLOCK_RFC3339_LEN])
{
	clock_rfc3339(ms, false, out);
	out[10] = '\0';
}

static clv_rc refuse_chain(X509_STORE_CTX *ctx, X509 *leaf, struct clv_err *err)
{
	int code = X509_STORE_CTX_get_error(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	char whose[VERIFY_WHOSE_MAX];
	char day[CLOCK_RFC3339_LEN];

	if (x == NULL) {
		x = leaf;
		depth = 0;
	}
	describe(x, depth, whose);
	if (code == X509_V_ERR_CERT_HAS_EXPIRED) {
		day_of(time_of(x, false), day);
		return err_set(err, CLV_E_AUTH, "%s expired on %s", whose, day);
	}
	if (code == X509_V_ERR_CERT_NOT_YET_VALID) {
		day_of(time_of(x, true), day);
		return err_set(err, CLV_E_AUTH, "%s is not valid before %s", whose, day);
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return err_set(err, CLV_E_AUTH, "%s %s", whose, reasons[i].text);
	}
	return err_set(err, CLV_E_AUTH, "%s breaks RFC 5280: %s", whose, X509_verify_cert_error_string(code));
}

static clv_rc check_links(X509_STORE_CTX *ctx, const struct verify_request *req, struct clv_err *err)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int n = sk_X509_num(chain);

	for (int i = 0; i < n; i++) {
		X509 *x = sk_X509_value(chain, i);
		char whose[VERIFY_WHOSE_MAX];
		const X509_ALGOR *alg;

		describe(x, i, whose);
		X509_get0_signature(NULL, &alg, x);
		if (cert_check_key(X509_get0_pubkey(x), whose, err) != CLV_OK ||
		    cert_check_signature(alg, whose, err) != CLV_OK)
			return CLV_FAILED;
		if (i < n - 1 && cert_check_form(x, whose, err) != CLV_OK)
			return CLV_FAILED;
		if (i > 0 && verify_ca_purpose(x, req->kind, whose, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc build_chain(const struct verify_anchors *a, const struct verify_request *req, X509 *leaf,
                          STACK_OF(X509) * untrusted, bool *stale, struct clv_err *err)
{
	struct judge judge = {.anchors = a, .at_ms = req->at_ms};
	unsigned long flags = X509_V_FLAG_X509_STRICT;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	clv_rc rc = CLV_FAILED;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, a->store, leaf, untrusted) != 1)
		clv_fatal("out of memory");
	if (a->crls != NULL)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)(req->at_ms / 1000));
	X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX);
	(void)X509_VERIFY_PARAM_set_flags(param, flags);
	/* No purpose is set: check_links and the leaf's rules ask for more, in clearer words. */
	X509_STORE_CTX_set_app_data(ctx, &judge);
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	if (X509_verify_cert(ctx) != 1)
		(void)refuse_chain(ctx, leaf, err);
	else
		rc = check_links(ctx, req, err);
	*stale = judge.stale;
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

static clv_rc read_chain(const struct clv_slice *chain, size_t n, STACK_OF(X509) * out, struct clv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		X509 *x;

		if (cert_from_der(chain[i], &x, err) != CLV_OK)
			return err_wrap(err, "the peer's chain");
		if (sk_X509_push(out, x) <= 0)
			clv_fatal("out of memory");
	}
	return CLV_OK;
}

static clv_rc check_request(const struct verify_request *req, struct clv_err *err)
{
	if (req->name == NULL || req->kind != VERIFY_NODE || req->any_dns_name)
		return CLV_OK;
	return verify_node_name(slice_str(req->name), err);
}

/* Everything after the reading. */
static clv_rc judge_leaf(const struct verify_anchors *a, const struct verify_request *req, X509 *x,
                         STACK_OF(X509) * untrusted, struct verify_result *out, struct clv_err *err)
{
	struct verify_result result = {0};
	char whose[VERIFY_WHOSE_MAX];

	describe(x, 0, whose);
	if (cert_check_form(x, whose, err) != CLV_OK ||
	    build_chain(a, req, x, untrusted, &result.crl_stale, err) != CLV_OK ||
	    verify_leaf_purpose(x, req->kind, whose, err) != CLV_OK ||
	    verify_leaf_name(x, req, whose, result.name, err) != CLV_OK)
		return CLV_FAILED;
	cert_thumbprint(x, result.thumbprint);
	result.not_before_ms = time_of(x, true);
	result.not_after_ms = time_of(x, false);
	*out = result;
	return CLV_OK;
}

static clv_rc too_many(size_t n, struct clv_err *err)
{
	return err_set(err, CLV_E_AUTH, "the peer sent %zu intermediate certificates; at most %d are taken",
	               n, CHAIN_MAX);
}

clv_rc verify_peer_x509(const struct verify_anchors *a, const struct verify_request *req, X509 *leaf,
                        STACK_OF(X509) * chain, struct verify_result *out, struct clv_err *err)
{
	size_t n = 0;

	if (check_request(req, err) != CLV_OK)
		return CLV_FAILED;
	if (cert_check_der(leaf, err) != CLV_OK)
		return err_wrap(err, "the peer's certificate");
	for (int i = 0; i < sk_X509_num(chain); i++) {
		if (sk_X509_value(chain, i) == leaf)
			continue;
		n++;
		if (cert_check_der(sk_X509_value(chain, i), err) != CLV_OK)
			return err_wrap(err, "the peer's chain");
	}
	if (n > CHAIN_MAX)
		return too_many(n, err);
	return judge_leaf(a, req, leaf, chain, out, err);
}

clv_rc verify_peer(const struct verify_anchors *a, const struct verify_request *req, struct clv_slice leaf,
                   const struct clv_slice *chain, size_t n_chain, struct verify_result *out,
                   struct clv_err *err)
{
	STACK_OF(X509) *untrusted = NULL;
	clv_rc rc = CLV_FAILED;
	X509 *x = NULL;

	if (check_request(req, err) != CLV_OK)
		return CLV_FAILED;
	if (n_chain > CHAIN_MAX)
		return too_many(n_chain, err);
	untrusted = sk_X509_new_null();
	if (cert_from_der(leaf, &x, err) != CLV_OK)
		(void)err_wrap(err, "the peer's certificate");
	else if (read_chain(chain, n_chain, untrusted, err) == CLV_OK)
		rc = judge_leaf(a, req, x, untrusted, out, err);
	cert_stack_free(untrusted);
	X509_free(x);
	return rc;
}
