/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust anchors: the CA file and the revocation lists, checked when they are read, so that a bad
 * file is refused at start (P3) and not at the first peer.
 */
#include "channel/verify_parts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static clv_rc check_ca(X509 *x, struct clv_err *err)
{
	char label[CERT_LABEL_MAX];

	cert_label(x, label);
	if (X509_get_version(x) != X509_VERSION_3 || X509_check_ca(x) != 1)
		return err_set(
		    err, CLV_E_CONFIG,
		    "the CA file holds a certificate that is no authority's (%s); expected CA:TRUE", label);
	return CLV_OK;
}

static clv_rc load_cas(struct verify_anchors *a, struct clv_slice pem, struct clv_err *err)
{
	if (cert_from_pem(pem, "the CA file", &a->cas, err) != CLV_OK)
		return CLV_FAILED;
	for (int i = 0; i < sk_X509_num(a->cas); i++) {
		X509 *x = sk_X509_value(a->cas, i);

		if (check_ca(x, err) != CLV_OK)
			return CLV_FAILED;
		if (X509_STORE_add_cert(a->store, x) != 1)
			clv_fatal("out of memory");
	}
	return CLV_OK;
}

static X509 *issuer_of(const struct verify_anchors *a, const X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(a->cas); i++) {
		X509 *x = sk_X509_value(a->cas, i);

		if (X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(crl)) == 0)
			return x;
	}
	return NULL;
}

/* One whose issuer is an intermediate is checked when the chain is known. */
static clv_rc check_crl(const struct verify_anchors *a, X509_CRL *crl, struct clv_err *err)
{
	char label[CERT_LABEL_MAX];
	char whose[VERIFY_WHOSE_MAX + 32];
	X509 *issuer = issuer_of(a, crl);
	const X509_ALGOR *alg;

	cert_name_label(X509_CRL_get_issuer(crl), label);
	(void)snprintf(whose, sizeof(whose), "the revocation list of %s", label);
	if (X509_CRL_get0_nextUpdate(crl) == NULL || cert_time_ms(X509_CRL_get0_nextUpdate(crl)) == INT64_MIN)
		return err_set(err, CLV_E_CONFIG,
		               "%s does not say when the next one is due; expected nextUpdate", whose);
	X509_CRL_get0_signature(crl, NULL, &alg);
	if (cert_check_signature(alg, whose, err) != CLV_OK)
		return CLV_FAILED;
	if (issuer != NULL && X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1) {
		ERR_clear_error();
		return err_set(err, CLV_E_CONFIG, "%s is not signed by that authority's key in the CA file",
		               whose);
	}
	return CLV_OK;
}

static clv_rc check_complete(const struct verify_anchors *a, struct clv_err *err)
{
	char label[CERT_LABEL_MAX];

	for (int i = 0; i < sk_X509_num(a->cas); i++) {
		const X509_NAME *name = X509_get_subject_name(sk_X509_value(a->cas, i));
		bool found = false;

		for (int j = 0; j < sk_X509_CRL_num(a->crls) && !found; j++)
			found = X509_NAME_cmp(name, X509_CRL_get_issuer(sk_X509_CRL_value(a->crls, j))) == 0;
		if (!found) {
			cert_name_label(name, label);
			return err_set(err, CLV_E_CONFIG,
			               "there is no revocation list of the authority %s; expected one for "
			               "every authority in the CA file",
			               label);
		}
	}
	return CLV_OK;
}

static clv_rc load_crls(struct verify_anchors *a, struct clv_slice pem, struct clv_err *err)
{
	if (cert_crls_from_pem(pem, "the CRL file", &a->crls, err) != CLV_OK)
		return CLV_FAILED;
	for (int i = 0; i < sk_X509_CRL_num(a->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(a->crls, i);

		if (check_crl(a, crl, err) != CLV_OK)
			return CLV_FAILED;
		if (X509_STORE_add_crl(a->store, crl) != 1)
			clv_fatal("out of memory");
	}
	return check_complete(a, err);
}

struct verify_anchors *verify_anchors_new(struct clv_slice ca, struct clv_slice crl, int64_t crl_grace_ms,
                                          struct clv_err *err)
{
	struct verify_anchors *a = clv_calloc(1, sizeof(*a));

	a->crl_grace_ms = crl_grace_ms;
	a->store = X509_STORE_new();
	if (a->store == NULL)
		clv_fatal("out of memory");
	if (load_cas(a, ca, err) != CLV_OK || (crl.len > 0 && load_crls(a, crl, err) != CLV_OK)) {
		verify_anchors_free(a);
		return NULL;
	}
	return a;
}

void verify_anchors_free(struct verify_anchors *a)
{
	if (a == NULL)
		return;
	X509_STORE_free(a->store);
	cert_stack_free(a->cas);
	sk_X509_CRL_pop_free(a->crls, X509_CRL_free);
	clv_free(a);
}

bool verify_anchors_subject(const struct verify_anchors *a, size_t i, struct clv_slice *der)
{
	const unsigned char *bytes;
	size_t len;

	if (i >= (size_t)sk_X509_num(a->cas) ||
	    X509_NAME_get0_der(X509_get_subject_name(sk_X509_value(a->cas, (int)i)), &bytes, &len) != 1)
		return false;
	*der = slice_of(bytes, len);
	return true;
}

void verify_anchors_ends(const struct verify_anchors *a, int64_t *ca_not_after, int64_t *crl_due)
{
	*ca_not_after = *crl_due = 0;
	for (int i = 0; i < sk_X509_num(a->cas); i++) {
		int64_t at = cert_time_ms(X509_get0_notAfter(sk_X509_value(a->cas, i)));

		if (i == 0 || at < *ca_not_after)
			*ca_not_after = at;
	}
	for (int i = 0; a->crls != NULL && i < sk_X509_CRL_num(a->crls); i++) {
		int64_t at = cert_time_ms(X509_CRL_get0_nextUpdate(sk_X509_CRL_value(a->crls, i)));

		if (i == 0 || at < *crl_due)
			*crl_due = at;
	}
}
