/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent says of itself while a link is up: heartbeats with the outbox's state, signed, and its end of
 * the link for a hop record. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "proto/types.h"
#include <string.h>

void agent_fill_link(const struct agent *a, Clv__HopLink *l)
{
	l->mechanism = a->open->mechanism;
	l->protocol = a->open->protocol;
	l->cipher = a->open->cipher;
	l->peer = a->open->peer_name;
	l->fingerprint = a->open->fingerprint;
}

struct beat {
	uint64_t conn;
	Clv__Heartbeat m;
};

/* What was made and acknowledged is signed, so that who swallows alerts in between cannot hide it. */
static void on_state_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                            const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;
	struct beat *b = ctx;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;

	(void)type;
	if (!m) {
		log_err(LOG_WARN, err, "signing the outbox's state");
	} else {
		st.body = s->body;
		st.signature = s->signature;
		b->m.state = &st;
	}
	if (c->agent->link == AGENT_UP && c->agent->conn == b->conn)
		core_frame(c, false, b->conn, FRAME_HEARTBEAT, &b->m.base);
	clv_free(b);
}

void agent_take_nonce(struct agent *a, ProtobufCBinaryData nonce)
{
	a->nonce_len = nonce.len == sizeof a->nonce ? sizeof a->nonce : 0;
	if (a->nonce_len)
		memcpy(a->nonce, nonce.data, sizeof a->nonce);
}

void agent_heartbeat(struct core *c)
{
	struct agent *a = c->agent;
	struct beat *b = clv_calloc(1, sizeof *b);
	Clv__OutboxState s = CLV__OUTBOX_STATE__INIT;

	a->heartbeat_at = clock_mono_ms() + c->start->heartbeat_ms;
	b->conn = a->conn;
	clv__heartbeat__init(&b->m);
	b->m.time = s.time = clock_wall_ms();
	b->m.outbox = s.outbox = PROTO_BYTES(slice_of(a->box.id, OUTBOX_ID_LEN));
	b->m.made = s.made = a->box.made;
	b->m.acked = s.acked = a->box.acked;
	s.agent = c->start->name;
	s.nonce = PROTO_BYTES(slice_of(a->nonce, a->nonce_len));
	kh_sign(c, STATEMENT_OUTBOX_STATE, &s.base, on_state_signed, b);
}
