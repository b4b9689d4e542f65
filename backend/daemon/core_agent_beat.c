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

#define CLOCK_KEEP_MS   600000          /* ten heartbeats */
#define CLOCK_MOST      4102444800000ll /* 2100: no clock is that wrong */
#define CLOCK_TOOK_MOST 10000           /* an answer that took longer tells nothing */

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
	if (c->agent->link == AGENT_UP && c->agent->conn == b->conn) {
		c->agent->beat_sent_ms = clock_mono_ms();
		core_frame(c, false, b->conn, FRAME_HEARTBEAT, &b->m.base);
	}
	clv_free(b);
}

void agent_take_nonce(struct agent *a, ProtobufCBinaryData nonce)
{
	a->nonce_len = slice_fill(PROTO_SLICE(nonce), a->nonce, sizeof a->nonce) ? sizeof a->nonce : 0;
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
	s.clock_known = a->clock_at_ms != 0;
	s.clock_ahead_ms = a->clock_ahead_ms;
	s.clock_error_ms = a->clock_error_ms;
	s.nonce = PROTO_BYTES(slice_of(a->nonce, a->nonce_len));
	kh_sign(c, STATEMENT_OUTBOX_STATE, &s.base, on_state_signed, b);
}

/* The other clock said `time` somewhere between the two moments that we know: the middle, give or take half.
 * A better measure is kept for a while, because a slow answer tells less; not where
 * a clock was set since. */
void agent_on_beat_reply(struct core *c, const Clv__HeartbeatReply *m)
{
	struct agent *a = c->agent;
	int64_t now = clock_mono_ms(), took = now - a->beat_sent_ms, ahead, error = took / 2 + 1, moved;

	if (!a->beat_sent_ms || m->time < 0 || m->time > CLOCK_MOST || took > CLOCK_TOOK_MOST)
		return;
	a->beat_sent_ms = 0;
	ahead = clock_wall_ms() - took / 2 - m->time;
	moved = ahead > a->clock_ahead_ms ? ahead - a->clock_ahead_ms : a->clock_ahead_ms - ahead;
	if (a->clock_at_ms && now - a->clock_at_ms < CLOCK_KEEP_MS && error > a->clock_error_ms &&
	    moved <= error + a->clock_error_ms)
		return;
	a->clock_at_ms = now;
	a->clock_ahead_ms = ahead;
	a->clock_error_ms = (uint32_t)error;
}
