/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's hop records: a parcel that passes gets one, also where it comes from behind another gateway,
 * before it goes on; everything else goes on as it is. Runs in core; the key holder signs.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_gateway_rogue.h"
#include "trace/relay.h"
#include "trace/trace.h"
#include <string.h>

struct hop_job {
	uint64_t conn;        /* the link that it came by */
	struct relay_way way; /* from gateways below */
	Clv__ParcelFrame *frame;
};

static void free_job(struct hop_job *j)
{
	proto_free((ProtobufCMessage *)j->frame);
	clv_free(j);
}

void gateway_close_inner(struct core *c, struct channel *ch, const struct relay_way *way, enum clv_code code,
                         const char *why)
{
	struct clv_buf body;
	uint16_t type = 0;
	struct clv_err err = {0};

	if (!way->depth) {
		gateway_close(c, ch, code, why);
		return;
	}
	buf_init(&body, IPC_BODY_MAX);
	if (relay_wrap_close(way, code, why, &type, &body, &err)) {
		gateway_close(c, ch, err.code, err.text);
	} else {
		core_frame_bytes(c, false, ch->conn, type, buf_slice(&body));
		gateway_up(c, ch, type, buf_slice(&body));
	}
	buf_release(&body);
}

static void send_on(struct core *c, struct channel *ch, const struct hop_job *j, const Clv__ParcelFrame *f)
{
	struct clv_buf body;
	uint16_t type = 0;
	struct clv_err err = {0};

	buf_init(&body, IPC_BODY_MAX);
	if (relay_wrap(&j->way, f, &type, &body, &err))
		gateway_close_inner(c, ch, &j->way, err.code, err.text);
	else
		gateway_up(c, ch, type, buf_slice(&body));
	buf_release(&body);
}

static void on_hop_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                          const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	struct hop_job *j = ctx;
	struct channel *ch = gateway_find(c->gateway, j->conn);
	Clv__ParcelFrame f;
	Clv__SignedStatement own = CLV__SIGNED_STATEMENT__INIT, *hops[TRACE_HOPS_MAX];

	(void)type;
	if (!ch) {
		free_job(j); /* it closed meanwhile: the node sends it again */
		return;
	}
	if (ch->hops) /* 0: another link under its number */
		ch->hops--;
	if (!m) {
		log_err(LOG_WARN, err, "signing the record of a parcel that passes");
		gateway_close_inner(c, ch, &j->way, CLV_E_CLOSED, "this gateway cannot sign now");
	} else {
		f = *j->frame;
		own.body = k->body;
		own.signature = k->signature;
		for (size_t i = 0; i < f.n_hops; i++)
			hops[i] = f.hops[i];
		hops[f.n_hops++] = &own;
		f.hops = hops;
		send_on(c, ch, j, &f);
	}
	free_job(j);
}

static void sign_hop(struct core *c, const struct channel *ch, struct hop_job *j)
{
	Clv__KhHop q = CLV__KH_HOP__INIT;
	Clv__HopLink in = CLV__HOP_LINK__INIT, out = CLV__HOP_LINK__INIT;

	in.mechanism = ch->open->mechanism;
	in.protocol = ch->open->protocol;
	in.cipher = rogue_is("record-lies") ? (char *)(uintptr_t) "NONE" : ch->open->cipher;
	in.peer = ch->open->peer_name;
	in.fingerprint = ch->open->fingerprint;
	agent_fill_link(c->agent, &out);
	q.parcel = j->frame->parcel;
	q.before = j->frame->hops[j->frame->n_hops - 1];
	q.incoming = &in;
	q.outgoing = &out;
	q.received = q.sent = clock_wall_ms();
	kh_ask(c, IPC_KH_HOP, &q.base, on_hop_signed, j);
}

bool gateway_parcel(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body)
{
	struct hop_job *j;

	if ((type != FRAME_PARCEL && type != FRAME_RELAY) || rogue_is("record-none"))
		return false;
	j = clv_calloc(1, sizeof *j);
	j->conn = ch->conn;
	if (!relay_unwrap(type, body, &j->way, &j->frame) || j->frame->n_hops == 0 ||
	    j->frame->n_hops >= TRACE_HOPS_MAX) {
		free_job(j);
		return false; /* no parcel, or none that the server takes */
	}
	/* Behind a gateway there may be ten thousand nodes with a parcel each; how much of it waits is
	 * limited by core's reading no further while the key holder is behind. */
	if (!ch->gateway && ch->hops >= GATEWAY_HOPS) {
		free_job(j);
		gateway_close(c, ch, CLV_E_LIMIT, "more parcels at once than may be");
		return true;
	}
	ch->hops++;
	sign_hop(c, ch, j);
	return true;
}
