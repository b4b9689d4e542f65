/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts' parcels and the hop records that prove their path (design 3, "Alerts and hop records"): made by
 * each node's key holder, chained by hash, verified by whoever looks. Pure: no I/O, no clock; what comes in
 * is taken for hostile. Stands on keys.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "claviger/facts.h"
#include "keys/statement.h"
#include "statement.pb-c.h"

#define TRACE_ALERTS_MAX 1000u
#define TRACE_PARCEL_MAX 480000u /* bytes of a parcel */
#define TRACE_RECORD_MAX 4096u   /* bytes of a hop record's body */
#define TRACE_HOPS_MAX   16u
#define TRACE_OUTBOX_LEN 16u
#define TRACE_PROBE_LEN  16u
#define TRACE_NAME_MAX   200u  /* bytes of an alert's name */
#define TRACE_TEXT_MAX   4000u /* of its text */
#define TRACE_SOURCE_MAX 64u
#define TRACE_WHY_MAX    200u
#define TRACE_FINGER_LEN 16u
#define TRACE_SPAN_MAX   (UINT64_C(1) << 40) /* alerts that one record of lost ones may stand for */

/* --- parcel.c --- */
/* Decodes and checks: numbers follow each other without a hole, sizes, known severities, an agent's name.
 * *out is freed by proto_free. CLV_E_PROTO or CLV_E_LIMIT. */
CLV_MUST clv_rc trace_parcel_open(struct clv_slice body, Clv__Parcel **out, struct clv_err *err);
/* How many alerts a record stands for: 1, or what was lost. */
uint64_t trace_alert_span(const Clv__Alert *a);
/* What a screen or a frame could not hold is no alert. */
CLV_MUST clv_rc trace_alert_check(const Clv__Alert *a, struct clv_err *err);

/* --- record.c --- */
struct trace_record { /* as it is stored and carried: borrowed */
	struct clv_slice body, signature;
};
/* What the one who makes a record knows. incoming NULL: it is the agent; outgoing NULL: it is the root. */
struct trace_own {
	const char *node, *role;
	const Clv__HopLink *incoming, *outgoing;
	int64_t received, sent, stored;
};
/* Makes and signs this node's record of the parcel; before NULL: it is the first. Refuses a parcel that is
 * none, and a first record for another node's parcel. Appends to body and sig; both are to be empty. */
CLV_MUST clv_rc trace_record_make(const char *group, const struct trace_own *own, struct clv_slice parcel,
                                  const struct trace_record *before, EVP_PKEY *node_key, struct clv_buf *body,
                                  struct clv_buf *sig, struct clv_err *err);
/* SHA-256 over lp body, lp signature: what the next record names. */
CLV_MUST clv_rc trace_record_hash(const struct trace_record *r, uint8_t out[KEY_HASH_LEN],
                                  struct clv_err *err);

/* --- verify.c --- */
/* The node key (SubjectPublicKeyInfo) and role of a node as this group pinned them; false: nobody is known by
 * that name. */
typedef bool trace_signer_fn(void *ctx, const char *node, struct clv_slice *spki, const char **role);

struct trace_judge {
	const char *group, *root; /* root: the node at which every path ends */
	trace_signer_fn *signer;
	void *ctx;
};

struct trace_hop {
	enum clv_verdict verdict; /* never CLV_VERDICT_UNCHECKED after trace_verify */
	char why[TRACE_WHY_MAX];  /* "" when verified */
	Clv__Hop *hop;            /* NULL: it does not even read as a record */
};
struct trace_path {
	struct trace_hop hops[TRACE_HOPS_MAX];
	size_t n_hops;
	enum clv_verdict verdict; /* of the whole: the worst of its records, and of what is missing */
	char why[TRACE_WHY_MAX];
	char agent[256]; /* of the parcel; "": it does not read */
	uint32_t n_alerts;
};

/* Judges every record of a path: signature by the pinned key of the node it names, the role it has here, the
 * parcel's hash, the hash of the record before, both ends of each link. No failure: whatever is wrong is a
 * verdict. n beyond TRACE_HOPS_MAX is a broken chain. */
void trace_verify(const struct trace_judge *j, struct clv_slice parcel, const struct trace_record *records,
                  size_t n, struct trace_path *out);
void trace_path_release(struct trace_path *p);
/* What the root does before it stores: the agent's own record alone, by the agent's pinned key.
 * CLV_E_SIGNATURE with the reason. */
CLV_MUST clv_rc trace_own_record(const char *group, const char *agent, struct clv_slice spki,
                                 struct clv_slice parcel, const struct trace_record *first,
                                 struct clv_err *err);
/* Did both ends of the link after hop i say the same of it? */
bool trace_link_agrees(const Clv__Hop *from, const Clv__Hop *to);

#endif
