/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of verify.h, seen by its own files alone: trust anchors, and what a leaf itself says.
 */
#ifndef CHANNEL_VERIFY_PARTS_H
#define CHANNEL_VERIFY_PARTS_H

#include "channel/cert.h"
#include "channel/verify.h"

struct verify_anchors {
	X509_STORE *store;
	STACK_OF(X509) * cas;
	STACK_OF(X509_CRL) * crls; /* NULL: revocation is not configured */
	int64_t crl_grace_ms;
};

/* "the peer's certificate (CN web01)": how every refusal begins. */
#define VERIFY_WHOSE_MAX (CERT_LABEL_MAX + 64)

/* verify_peer for certificates that TLS has parsed already (parsing a key a second time would cost more
 * than all checks together). chain: without the leaf, or with it anywhere. */
CLV_MUST clv_rc verify_peer_x509(const struct verify_anchors *a, const struct verify_request *req, X509 *leaf,
                                 STACK_OF(X509) * chain, struct verify_result *out, struct clv_err *err);
/* Key usage, extended key usage, CA bit: is x a leaf of this kind? */
CLV_MUST clv_rc verify_leaf_purpose(X509 *x, enum verify_kind kind, const char *whose, struct clv_err *err);
/* The proven name into out (256 bytes). */
CLV_MUST clv_rc verify_leaf_name(X509 *x, const struct verify_request *req, const char *whose, char out[256],
                                 struct clv_err *err);
/* An authority's extended key usage, if it has one, covers the purpose. */
CLV_MUST clv_rc verify_ca_purpose(X509 *x, enum verify_kind kind, const char *whose, struct clv_err *err);

#endif
