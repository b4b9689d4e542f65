/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a hop record. Runs in the key holder, which hashes what the record is about itself: it signs no
 * hash that it was given.
 */
#include "proto/codec.h"
#include "trace/trace.h"
#include <string.h>

clv_rc trace_record_hash(const struct trace_record *r, uint8_t out[KEY_HASH_LEN], struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, TRACE_RECORD_MAX + STATEMENT_SIG_MAX + 16);
	if (!buf_put_lp(&b, r->body, err) && !buf_put_lp(&b, r->signature, err))
		rc = sha256(buf_slice(&b), out, err);
	buf_release(&b);
	return rc;
}

static clv_rc check_link(const Clv__HopLink *l, struct clv_err *err)
{
	if (!l)
		return CLV_OK;
	if (l->mechanism == CLV_MECHANISM_NONE || l->mechanism >= CLV_MECHANISM_MAX || !*l->peer ||
	    strlen(l->peer) > 253 || strlen(l->protocol) > 64 || strlen(l->cipher) > 64 ||
	    l->fingerprint.len != TRACE_FINGER_LEN)
		return err_set(err, CLV_E_PROTO, "a link that is not described whole");
	return CLV_OK;
}

static clv_rc check_own(const struct trace_own *own, const Clv__Parcel *p, const struct trace_record *before,
                        struct clv_err *err)
{
	bool mine = strcmp(p->agent, own->node) == 0;

	if (mine != !before || mine != !own->incoming)
		return err_set(err, CLV_E_DENIED, "%s",
		               mine ? "a node's own parcel begins with its record"
		                    : "another node's parcel has come over a link, with a record");
	if (check_link(own->incoming, err) || check_link(own->outgoing, err))
		return CLV_FAILED;
	if ((!mine && !own->received) || (own->outgoing && !own->sent) || (!own->outgoing && !own->stored))
		return err_set(err, CLV_E_PROTO, "a hop record without its times");
	return CLV_OK;
}

clv_rc trace_record_make(const char *group, const struct trace_own *own, struct clv_slice parcel,
                         const struct trace_record *before, EVP_PKEY *node_key, struct clv_buf *body,
                         struct clv_buf *sig, struct clv_err *err)
{
	Clv__Parcel *p = NULL;
	Clv__Hop m = CLV__HOP__INIT;
	uint8_t parcel_hash[KEY_HASH_LEN], before_hash[KEY_HASH_LEN], key_hash[KEY_HASH_LEN];
	struct clv_buf spki;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (trace_parcel_open(parcel, &p, err) || check_own(own, p, before, err) ||
	    pkey_to_spki(node_key, &spki, err) || sha256(buf_slice(&spki), key_hash, err) ||
	    sha256(parcel, parcel_hash, err) || (before && trace_record_hash(before, before_hash, err)))
		goto out;
	m.node = (char *)(uintptr_t)own->node;
	m.role = (char *)(uintptr_t)own->role;
	m.key = PROTO_BYTES(slice_of(key_hash, sizeof key_hash));
	m.incoming = (Clv__HopLink *)(uintptr_t)own->incoming;
	m.outgoing = (Clv__HopLink *)(uintptr_t)own->outgoing;
	m.received = own->received;
	m.sent = own->sent;
	m.stored = own->stored;
	m.parcel = PROTO_BYTES(slice_of(parcel_hash, sizeof parcel_hash));
	if (before)
		m.before = PROTO_BYTES(slice_of(before_hash, sizeof before_hash));
	rc = statement_make(STATEMENT_HOP, group, &m.base, node_key, body, sig, err);
out:
	proto_free((ProtobufCMessage *)p);
	buf_release(&spki);
	return rc;
}
