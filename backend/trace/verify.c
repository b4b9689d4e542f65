/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a path from its stored records (see trace.h). A record counts for what its signature covers and no
 * more; the first thing that is wrong with it names it. Pure; runs wherever somebody looks.
 */
#include "proto/codec.h"
#include "trace/trace.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct looking {
	const struct trace_judge *judge;
	struct clv_slice parcel;
	uint8_t parcel_hash[KEY_HASH_LEN];
	const struct trace_record *records;
	size_t n;
	struct trace_path *path;
};

static void say(struct trace_hop *h, enum clv_verdict v, const char *fmt, ...) CLV_PRINTF(3, 4);

static void say(struct trace_hop *h, enum clv_verdict v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->why, sizeof h->why, fmt, ap);
	va_end(ap);
	h->verdict = v;
}

static bool is_hash(ProtobufCBinaryData have, const uint8_t want[KEY_HASH_LEN])
{
	return slice_eq(PROTO_SLICE(have), slice_of(want, KEY_HASH_LEN));
}

static bool ends_agree(const Clv__HopLink *a, const Clv__HopLink *b)
{
	return a->mechanism == b->mechanism && strcmp(a->protocol, b->protocol) == 0 &&
	       strcmp(a->cipher, b->cipher) == 0 && a->fingerprint.len == TRACE_FINGER_LEN &&
	       slice_eq(PROTO_SLICE(a->fingerprint), PROTO_SLICE(b->fingerprint));
}

bool trace_link_agrees(const Clv__Hop *from, const Clv__Hop *to)
{
	return from && to && from->outgoing && to->incoming && ends_agree(from->outgoing, to->incoming) &&
	       strcmp(from->outgoing->peer, to->node) == 0 && strcmp(to->incoming->peer, from->node) == 0;
}

/* Who says it, and did he? */
static bool signed_by_known(const struct looking *l, size_t i)
{
	struct trace_hop *h = &l->path->hops[i];
	struct clv_slice spki = {NULL, 0};
	const char *role = "";
	uint8_t key[KEY_HASH_LEN];
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};

	if (l->records[i].body.len > TRACE_RECORD_MAX ||
	    proto_decode(&clv__hop__descriptor, l->records[i].body, &m, &err)) {
		say(h, CLV_VERDICT_UNSIGNED, "record %zu does not read as one", i + 1);
		return false;
	}
	h->hop = (Clv__Hop *)m;
	m = NULL;
	if (l->records[i].signature.len == 0) {
		say(h, CLV_VERDICT_UNSIGNED, "%.60s did not sign it", h->hop->node);
		return false;
	}
	if (!l->judge->signer(l->judge->ctx, h->hop->node, &spki, &role) || sha256(spki, key, &err)) {
		say(h, CLV_VERDICT_UNKNOWN_SIGNER, "nobody is known here as %.60s", h->hop->node);
		return false;
	}
	if (!is_hash(h->hop->key, key)) {
		say(h, CLV_VERDICT_UNKNOWN_SIGNER, "%.60s has another node key here than the record names",
		    h->hop->node);
		return false;
	}
	if (statement_open(STATEMENT_HOP, l->judge->group, spki, l->records[i].body, l->records[i].signature,
	                   &m, &err)) {
		say(h, CLV_VERDICT_UNSIGNED, "the signature of %.60s does not verify", h->hop->node);
		return false;
	}
	proto_free(m);
	if (strcmp(h->hop->role, role) != 0) {
		say(h, CLV_VERDICT_BROKEN_CHAIN, "%.60s says that it is a %.24s and is known as a %.24s",
		    h->hop->node, h->hop->role, role);
		return false;
	}
	return true;
}

static bool came_before(const struct trace_path *p, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (p->hops[j].hop && strcmp(p->hops[j].hop->node, p->hops[i].hop->node) == 0)
			return true;
	return false;
}

/* Is it about this parcel, and does it follow? */
static bool follows(const struct looking *l, size_t i)
{
	struct trace_hop *h = &l->path->hops[i];
	uint8_t before[KEY_HASH_LEN];

	if (!is_hash(h->hop->parcel, l->parcel_hash))
		say(h, CLV_VERDICT_BROKEN_CHAIN, "the record of %.60s is about another parcel", h->hop->node);
	else if (i == 0 &&
	         (h->hop->before.len || h->hop->incoming || strcmp(h->hop->node, l->path->agent) != 0))
		say(h, CLV_VERDICT_BROKEN_CHAIN, "the record of %.60s is missing, %.60s's comes first",
		    l->path->agent, h->hop->node);
	else if (i &&
	         (trace_record_hash(&l->records[i - 1], before, NULL) || !is_hash(h->hop->before, before)))
		say(h, CLV_VERDICT_BROKEN_CHAIN,
		    "the record of %.60s does not follow from the one before it: one is missing, altered or "
		    "out "
		    "of order",
		    h->hop->node);
	else if (i && !h->hop->incoming)
		say(h, CLV_VERDICT_BROKEN_CHAIN, "%.60s names no link that it came by", h->hop->node);
	else if (came_before(l->path, i))
		say(h, CLV_VERDICT_BROKEN_CHAIN, "%.60s comes twice", h->hop->node);
	else
		return true;
	return false;
}

/* Where it goes next: the root and nobody else ends a path. */
static bool leads_on(const struct looking *l, size_t i)
{
	struct trace_hop *h = &l->path->hops[i];
	bool last = i + 1 == l->n, root = strcmp(h->hop->node, l->judge->root) == 0;

	if (last && h->hop->outgoing)
		say(h, CLV_VERDICT_BROKEN_CHAIN, "the record of %.60s, to which it went on, is missing",
		    h->hop->outgoing->peer);
	else if (last && !root)
		say(h, CLV_VERDICT_BROKEN_CHAIN, "the path ends at %.60s, which is not the root",
		    h->hop->node);
	else if (!last && (root || !h->hop->outgoing))
		say(h, CLV_VERDICT_BROKEN_CHAIN, "%.60s names no link that it went by", h->hop->node);
	else
		return true;
	return false;
}

static void judge_links(struct trace_path *p)
{
	for (size_t i = 1; i < p->n_hops; i++) {
		const Clv__Hop *from = p->hops[i - 1].hop, *to = p->hops[i].hop;

		if (p->hops[i - 1].verdict != CLV_VERDICT_VERIFIED ||
		    p->hops[i].verdict != CLV_VERDICT_VERIFIED || trace_link_agrees(from, to))
			continue;
		say(&p->hops[i], CLV_VERDICT_LINK_ENDS_DIFFER,
		    "%.60s and %.60s do not say the same of the link between them", from->node, to->node);
	}
}

static void judge_whole(struct trace_path *p)
{
	/* Worst first: what cannot be told apart from a forgery, then what is cut, then what differs. */
	static const enum clv_verdict order[] = {CLV_VERDICT_UNSIGNED, CLV_VERDICT_UNKNOWN_SIGNER,
	                                         CLV_VERDICT_BROKEN_CHAIN, CLV_VERDICT_LINK_ENDS_DIFFER};

	for (size_t v = 0; v < sizeof order / sizeof order[0]; v++)
		for (size_t i = 0; i < p->n_hops; i++)
			if (p->hops[i].verdict == order[v]) {
				p->verdict = order[v];
				(void)snprintf(p->why, sizeof p->why, "%s", p->hops[i].why);
				return;
			}
	p->verdict = CLV_VERDICT_VERIFIED;
}

static void broken(struct trace_path *p, const char *why)
{
	p->verdict = CLV_VERDICT_BROKEN_CHAIN;
	(void)snprintf(p->why, sizeof p->why, "%s", why);
	for (size_t i = 0; i < p->n_hops; i++)
		say(&p->hops[i], CLV_VERDICT_BROKEN_CHAIN, "%s", why);
}

void trace_verify(const struct trace_judge *j, struct clv_slice parcel, const struct trace_record *records,
                  size_t n, struct trace_path *out)
{
	struct looking l = {.judge = j, .parcel = parcel, .records = records, .n = n, .path = out};
	Clv__Parcel *p = NULL;
	struct clv_err err = {0};

	memset(out, 0, sizeof *out);
	out->n_hops = n > TRACE_HOPS_MAX ? TRACE_HOPS_MAX : n;
	if (trace_parcel_open(parcel, &p, &err) || sha256(parcel, l.parcel_hash, &err)) {
		broken(out, "what is stored does not read as a parcel");
		goto out;
	}
	(void)snprintf(out->agent, sizeof out->agent, "%s", p->agent);
	out->n_alerts = (uint32_t)p->n_alerts;
	if (n == 0 || n > TRACE_HOPS_MAX) {
		broken(out, n ? "more records than a path may have" : "no record is stored");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (signed_by_known(&l, i) && follows(&l, i) && leads_on(&l, i))
			out->hops[i].verdict = CLV_VERDICT_VERIFIED;
	judge_links(out);
	judge_whole(out);
out:
	proto_free((ProtobufCMessage *)p);
}

void trace_path_release(struct trace_path *p)
{
	for (size_t i = 0; i < p->n_hops; i++) {
		proto_free((ProtobufCMessage *)p->hops[i].hop);
		p->hops[i].hop = NULL;
	}
}

clv_rc trace_own_record(const char *group, const char *agent, struct clv_slice spki, struct clv_slice parcel,
                        const struct trace_record *first, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__Hop *h;
	uint8_t hash[KEY_HASH_LEN], key[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	if (sha256(parcel, hash, err) || sha256(spki, key, err) ||
	    statement_open(STATEMENT_HOP, group, spki, first->body, first->signature, &m, err))
		return CLV_FAILED;
	h = (const Clv__Hop *)m;
	if (strcmp(h->node, agent) != 0 || !is_hash(h->key, key))
		(void)err_set(err, CLV_E_SIGNATURE, "the first record is not the agent's own");
	else if (h->incoming || h->before.len || !h->outgoing)
		(void)err_set(err, CLV_E_SIGNATURE, "the agent's record is not a first one");
	else if (!is_hash(h->parcel, hash))
		(void)err_set(err, CLV_E_SIGNATURE, "the parcel is not the one that the agent signed");
	else
		rc = CLV_OK;
	proto_free(m);
	return rc;
}
