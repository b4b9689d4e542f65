/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb that makes this node's hop record of a parcel: core says what it saw of the links, the key holder
 * says who it is and hashes the parcel and the record before itself (design 3). Runs in the key holder.
 */
#include "daemon/keyholder_group.h"
#include "proto/codec.h"
#include "trace/trace.h"

clv_rc kh_on_hop(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhHop *q = (const Clv__KhHop *)msg;
	struct kh *k = ctx;
	struct trace_own own = {.node = k->start->name,
	                        .role = k->start->role,
	                        .incoming = q->incoming,
	                        .outgoing = q->outgoing,
	                        .received = q->received,
	                        .sent = q->sent,
	                        .stored = q->stored};
	struct trace_record before = {{NULL, 0}, {NULL, 0}};
	Clv__KhSigned m = CLV__KH_SIGNED__INIT;
	struct clv_err why = {0};
	struct clv_buf body, sig;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&body, TRACE_RECORD_MAX);
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (q->before) {
		before.body = PROTO_SLICE(q->before->body);
		before.signature = PROTO_SLICE(q->before->signature);
	}
	if (!k->node_key || !kh_machine_matches(k))
		(void)err_set(&why, CLV_E_DENIED, "there is no node key here that may sign");
	else if (before.body.len > TRACE_RECORD_MAX || before.signature.len > STATEMENT_SIG_MAX)
		(void)err_set(&why, CLV_E_LIMIT, "the record before is too large");
	else
		rc = trace_record_make(k->start->group, &own, PROTO_SLICE(q->parcel),
		                       q->before ? &before : NULL, k->node_key, &body, &sig, &why);
	m.id = q->id;
	m.body = PROTO_BYTES(buf_slice(&body));
	m.signature = PROTO_BYTES(buf_slice(&sig));
	rc = rc ? kh_answer_failed(k, q->id, &why, err) : kh_answer(k, IPC_KH_SIGNED, &m.base, err);
	buf_release(&body);
	buf_release(&sig);
	return rc;
}
