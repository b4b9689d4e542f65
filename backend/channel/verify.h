/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this certificate the peer it should be? One function, used by the TLS verify callback on both
 * ends, by the hourly re-check, by `clavigerd check` and by tests/probe. Design 3 "Certificate",
 * T1, T2, T26; RFC 5280, RFC 9525.
 */
#ifndef CHANNEL_VERIFY_H
#define CHANNEL_VERIFY_H

#include "claviger/buf.h"

enum verify_kind { VERIFY_NODE, VERIFY_OPERATOR };
enum verify_role { VERIFY_PEER_SERVER, VERIFY_PEER_CLIENT };

struct verify_anchors; /* CA certificates and revocation lists */
/* ca: PEM, at least one CA certificate, nothing else. crl: PEM or empty. With a crl, one is needed
 * for every issuer (else refused here). */
CLV_MUST struct verify_anchors *verify_anchors_new(struct clv_slice ca, struct clv_slice crl,
                                                   int64_t crl_grace_ms, struct clv_err *err);
void verify_anchors_free(struct verify_anchors *a);
/* DER names of the CA certificates, for a server's request; i counts from 0, false at the end. */
bool verify_anchors_subject(const struct verify_anchors *a, size_t i, struct clv_slice *der);
/* When the first of the authorities ends and the first of the revocation lists is due, in ms; *crl_due is 0
 * when revocation is not configured. */
void verify_anchors_ends(const struct verify_anchors *a, int64_t *ca_not_after, int64_t *crl_due);

struct verify_request {
	enum verify_kind kind;
	enum verify_role role; /* the peer's */
	const char *name;      /* expected canonical name; NULL: any valid one is taken and returned */
	int64_t at_ms;         /* time to check for */
	bool any_dns_name;     /* a node's name may be any DNS name, also of one label (tests/probe) */
	bool own;              /* our own certificate: of several names the first is returned */
};

/* Names. A node's certificate has dNSNames and no rfc822Name, an operator's the other way round; one
 * with both is neither. No dNSName may be a wildcard, an address, or else outside the grammar; upper
 * case is folded (RFC 9525 6.3), nothing else is. With a name expected, one of the dNSNames must equal it;
 * with none, there must be exactly one, so that a certificate never stands for a choice of nodes. An
 * operator has at most one rfc822Name (its domain is folded). */
struct verify_result {
	char name[256]; /* proven name: dNSName (node) or rfc822Name, "" for an operator known by thumbprint
	                   alone */
	uint8_t thumbprint[32];
	int64_t not_before_ms, not_after_ms;
	bool crl_stale; /* a list is past nextUpdate but within the grace: warn */
};

/* leaf: DER. chain: n DER intermediates as the peer sent them (at most 8). CLV_E_AUTH with one
 * clear line otherwise. Never blocks, opens nothing. */
CLV_MUST clv_rc verify_peer(const struct verify_anchors *a, const struct verify_request *req,
                            struct clv_slice leaf, const struct clv_slice *chain, size_t n_chain,
                            struct verify_result *out, struct clv_err *err);

/* The grammar of node names: FQDN, lower-case ASCII letters, digits, hyphens; labels 1..63, whole
 * <= 253, at least one dot, no wildcard, no trailing dot, no all-digit last label. */
CLV_MUST clv_rc verify_node_name(struct clv_slice name, struct clv_err *err);

#endif
