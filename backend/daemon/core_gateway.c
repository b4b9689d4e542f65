/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links that a gateway carries (see core_gateway.h): greeted by its own proof and the group's signed
 * list; the node's proof goes up when it is about this very channel, and everything after follows it. Runs in
 * core.
 */
#include "daemon/core_gateway.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_gateway_rogue.h"
#include "proto/refusal.h"
#include <stdio.h>
#include <string.h>

#define RELAY_FRAME_MAX 790528u /* of a relay frame, as in its row */
#define RELAY_HEAD_MAX  64u
#define TOLD_MAX        200u /* events of refused connections an hour */

static struct channel **slot_of(struct gateway *g, uint64_t conn)
{
	return &g->slots[conn % GATEWAY_SLOTS];
}

struct channel *gateway_find(const struct gateway *g, uint64_t conn)
{
	struct channel *ch = g->slots[conn % GATEWAY_SLOTS];

	while (ch && ch->conn != conn)
		ch = ch->next;
	return ch;
}

static void forget(struct core *c, struct channel *ch)
{
	struct gateway *g = c->gateway;
	struct channel **at = slot_of(g, ch->conn);

	while (*at != ch)
		at = &(*at)->next;
	*at = ch->next;
	g->n_channels--;
	g->n_pending -= !ch->proven;
	proto_free((ProtobufCMessage *)ch->open);
	clv_free(ch);
}

static void tell_closed(struct core *c, const struct channel *ch, enum clv_code code, const char *why)
{
	Clv__RelayClose m = CLV__RELAY_CLOSE__INIT;
	char text[512];

	if (!ch->opened || !c->gateway->up)
		return;
	(void)snprintf(text, sizeof text, "%s", why);
	m.channel = ch->conn;
	m.code = code;
	m.text = text;
	core_frame(c, false, c->gateway->up, FRAME_RELAY_CLOSE, &m.base);
}

void gateway_close(struct core *c, struct channel *ch, enum clv_code code, const char *why)
{
	tell_closed(c, ch, code, why);
	core_conn_close(c, false, ch->conn, why);
	forget(c, ch);
}

/* In a word that a machine understands, so that the node tries its next server. */
static void refuse(struct core *c, uint64_t conn, enum refusal_code code, const char *text)
{
	Clv__Refusal m = CLV__REFUSAL__INIT;

	m.code = code;
	m.text = (char *)(uintptr_t)text;
	core_frame(c, false, conn, FRAME_REFUSAL, &m.base);
	core_conn_close(c, false, conn, text);
}

static void close_all(struct core *c)
{
	static const char why[] = "this gateway lost its link to its server";
	struct gateway *g = c->gateway;

	for (size_t i = 0; i < GATEWAY_SLOTS; i++)
		while (g->slots[i]) {
			refuse(c, g->slots[i]->conn, REFUSAL_UNLINKED, why);
			forget(c, g->slots[i]);
		}
}

/* The channels live and die with the link that carries them. */
static void look(struct core *c)
{
	struct agent *a = c->agent;
	struct gateway *g = c->gateway;
	uint64_t up = a && a->link == AGENT_UP && a->greeting && c->mode == 'r' ? a->conn : 0;

	if (!g || g->up == up)
		return;
	if (g->n_channels)
		log_notice("the link to the server changed: %zu links behind it are closed, and come again",
		           g->n_channels);
	g->up = up;
	if (up)
		core_conn_carries(c, up);
	close_all(c);
}

/* --- greeting --- */
static void on_greeting_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                               const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	uint64_t conn = *(uint64_t *)ctx;
	struct channel *ch = gateway_find(c->gateway, conn);
	Clv__Greeting out;
	Clv__SignedStatement proof = CLV__SIGNED_STATEMENT__INIT;

	(void)type;
	clv_free(ctx);
	if (!ch || !c->agent->greeting)
		return;
	if (!m) {
		log_err(LOG_WARN, err, "proving this gateway on a link");
		gateway_close(c, ch, CLV_E_CLOSED, "this gateway cannot prove itself now");
		return;
	}
	/* What the server showed of the group, under our own proof. */
	out = *rogue_greeting(c, c->agent->greeting);
	proof.body = k->body;
	proof.signature = k->signature;
	out.proof = &proof;
	core_frame(c, false, conn, FRAME_GREETING, &out.base);
}

static void gateway_open(struct core *c, const Clv__ConnOpen *m)
{
	struct gateway *g = c->gateway;
	struct channel *ch;

	if (!g || !g->up) {
		refuse(c, m->conn, REFUSAL_UNLINKED, "this gateway has no link to its server now");
		return;
	}
	if (rogue_is("words")) {
		refuse(c, m->conn, REFUSAL_CONFLICT, ROGUE_WORDS);
		return;
	}
	if (g->n_channels >= RELAY_CHANNELS_MAX || g->n_pending >= RELAY_PENDING_MAX) {
		refuse(c, m->conn, REFUSAL_UNLINKED, "this gateway carries as many links as it may");
		return;
	}
	ch = clv_calloc(1, sizeof *ch);
	if (proto_dup(&m->base, (ProtobufCMessage **)&ch->open, NULL)) {
		clv_free(ch);
		core_conn_close(c, false, m->conn, "a link that is described too large");
		return;
	}
	ch->conn = m->conn;
	ch->next = *slot_of(g, m->conn);
	*slot_of(g, m->conn) = ch;
	g->n_channels++;
	g->n_pending++;
	kh_sign_link(c, m, false, on_greeting_signed, clv_memdup(&m->conn, sizeof m->conn));
}

/* --- upwards --- */
/* The node signed that it links with us over this channel; who it is the management server judges. */
static clv_rc check_proof(const struct core *c, struct channel *ch, const Clv__LinkProofFrame *f,
                          struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__LinkProof *p;
	clv_rc rc = CLV_FAILED;

	if (!f->proof)
		return err_set(err, CLV_E_PROTO, "a link proof without its signature");
	if (statement_open(STATEMENT_LINK_PROOF, c->start->group, PROTO_SLICE(f->node_key),
	                   PROTO_SLICE(f->proof->body), PROTO_SLICE(f->proof->signature), &m, err))
		return CLV_FAILED;
	p = (const Clv__LinkProof *)m;
	if (strcmp(p->to, c->start->name) != 0 || !p->initiator ||
	    !slice_eq(PROTO_SLICE(p->t), PROTO_SLICE(ch->open->t)) ||
	    !slice_eq(PROTO_SLICE(p->fingerprint), PROTO_SLICE(ch->open->fingerprint))) {
		(void)err_set(err, CLV_E_AUTH,
		              "the link proof is of another channel: somebody stands in between");
	} else {
		ch->gateway = strcmp(p->role, "gateway") == 0;
		rc = CLV_OK;
	}
	proto_free(m);
	return rc;
}

static void send_open(struct core *c, struct channel *ch, struct clv_slice proof)
{
	const Clv__ConnOpen *o = ch->open;
	Clv__RelayOpen m = CLV__RELAY_OPEN__INIT;

	ch->opened = true;
	m.channel = ch->conn;
	m.mechanism = o->mechanism;
	m.protocol = o->protocol;
	m.cipher = o->cipher;
	m.peer_name = o->peer_name;
	m.peer_thumbprint = o->peer_thumbprint;
	m.peer_not_after = o->peer_not_after;
	m.t = o->t;
	m.fingerprint = o->fingerprint;
	m.address = o->address;
	m.principal = o->principal;
	m.weak = o->weak;
	m.proof = PROTO_BYTES(proof);
	rogue_opened(ch, &m);
	core_frame(c, false, c->gateway->up, FRAME_RELAY_OPEN, &m.base);
}

static void on_proof(struct core *c, struct channel *ch, struct clv_slice body)
{
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};

	if (proto_decode(&clv__link_proof_frame__descriptor, body, &m, &err) ||
	    check_proof(c, ch, (const Clv__LinkProofFrame *)m, &err)) {
		core_event(c, 20002, "A link of %s from %s was refused: %s.", ch->open->peer_name,
		           ch->open->address, err.text);
		refuse(c, ch->conn, REFUSAL_PROOF, err.text);
		forget(c, ch);
	} else {
		send_open(c, ch, body);
	}
	proto_free(m);
}

/* A gateway below is not ended for what a node behind it sent. */
static void too_large(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body)
{
	struct relay_way way = {.depth = 0};
	ProtobufCMessage *m = NULL;

	if (type == FRAME_RELAY && !proto_decode(&clv__relay__descriptor, body, &m, NULL))
		way.inner[way.depth++] = ((const Clv__Relay *)m)->channel;
	proto_free(m);
	gateway_close_inner(c, ch, &way, CLV_E_LIMIT, "a message that is too large to be carried on");
}

void gateway_up(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body)
{
	Clv__Relay m = CLV__RELAY__INIT;

	if (body.len + RELAY_HEAD_MAX > RELAY_FRAME_MAX) {
		too_large(c, ch, type, body);
		return;
	}
	m.channel = ch->conn;
	m.type = type;
	m.body = PROTO_BYTES(body);
	core_frame(c, false, c->gateway->up, FRAME_RELAY, &m.base);
}

static bool is_relay(uint16_t type)
{
	return type == FRAME_RELAY || type == FRAME_RELAY_OPEN || type == FRAME_RELAY_CLOSE;
}

static void carry(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body)
{
	struct clv_buf altered;

	buf_init(&altered, IPC_BODY_MAX);
	if (!rogue_up(c, ch, type, &body, &altered) && !gateway_parcel(c, ch, type, body))
		gateway_up(c, ch, type, body);
	buf_release(&altered);
}

static void gateway_frame(struct core *c, bool console, const Clv__ConnFrame *f)
{
	struct channel *ch;
	uint16_t type = (uint16_t)f->type;
	struct clv_slice body = PROTO_SLICE(f->body);

	if (!(f->conn >> 63)) {
		core_agent_role.conn_frame(c, console, f);
		look(c);
		return;
	}
	look(c); /* the link up may have ended while the key holder was asked */
	ch = c->gateway ? gateway_find(c->gateway, f->conn) : NULL;
	if (!ch)
		return;
	if (type == FRAME_LINK_PROOF && !ch->opened)
		on_proof(c, ch, body);
	else if (!ch->proven || type == FRAME_LINK_PROOF || (is_relay(type) && !ch->gateway))
		gateway_close(c, ch, CLV_E_PROTO, "a message that may not come now");
	else
		carry(c, ch, type, body);
}

/* --- downwards --- */
/* What a server may say to a node over us; we greet, nobody else. */
static bool may_go_down(const struct channel *ch, uint32_t type, size_t len)
{
	if (type > UINT16_MAX || type == FRAME_GREETING)
		return false;
	return frame_may((uint16_t)type, len, ch->proven || type == FRAME_WELCOME, true);
}

void gateway_on_relay(struct core *c, const Clv__Relay *m)
{
	struct channel *ch = c->gateway ? gateway_find(c->gateway, m->channel) : NULL;
	struct clv_slice body = PROTO_SLICE(m->body);
	struct clv_buf altered;

	if (!ch || !ch->opened)
		return; /* it closed meanwhile */
	if (!may_go_down(ch, m->type, m->body.len)) {
		gateway_close(c, ch, CLV_E_PROTO, "the server sent a message that may not come now");
		return;
	}
	if (m->type == FRAME_WELCOME && !ch->proven) {
		ch->proven = true;
		c->gateway->n_pending--;
		core_conn_proven(c, false, ch->conn);
		if (ch->gateway)
			core_conn_carries(c, ch->conn);
	}
	buf_init(&altered, IPC_BODY_MAX);
	if (!rogue_down(c, ch, (uint16_t)m->type, &body, &altered))
		core_frame_bytes(c, false, ch->conn, (uint16_t)m->type, body);
	buf_release(&altered);
}

void gateway_on_close(struct core *c, const Clv__RelayClose *m)
{
	struct channel *ch = c->gateway ? gateway_find(c->gateway, m->channel) : NULL;

	if (!ch)
		return;
	core_conn_close(c, false, ch->conn, m->text);
	forget(c, ch);
}

/* --- what happens --- */
static void on_open(struct core *c, bool console, const Clv__ConnOpen *m)
{
	if (!m->initiator) {
		gateway_open(c, m);
		return;
	}
	core_agent_role.conn_open(c, console, m);
	look(c);
}

static bool may_tell(struct gateway *g)
{
	int64_t now = clock_mono_ms();

	if (now - g->told_since > 3600000) {
		g->told_since = now;
		g->told = 0;
	}
	return ++g->told <= TOLD_MAX;
}

static void on_closed(struct core *c, bool console, const Clv__ConnClosed *m)
{
	struct channel *ch;

	if (m->initiator) {
		core_agent_role.conn_closed(c, console, m);
		look(c);
		return;
	}
	if (!c->gateway)
		return;
	if (!m->was_open && may_tell(c->gateway))
		core_event(c, 20002, "A device at %s could not be authenticated and was rejected: %s.",
		           m->address, m->text);
	ch = gateway_find(c->gateway, m->conn);
	if (!ch)
		return;
	if (!rogue_ghost(c, ch))
		tell_closed(c, ch, m->code < CLV_E_MAX ? (enum clv_code)m->code : CLV_E_CLOSED, m->text);
	forget(c, ch);
}

static void on_link_lost(struct core *c, enum core_link_id id)
{
	core_agent_role.link_lost(c, id);
	if (c->gateway)
		look(c);
}

static void on_ready(struct core *c, const Clv__KhInfo *info)
{
	if (!c->gateway)
		c->gateway = clv_calloc(1, sizeof *c->gateway);
	core_agent_role.ready(c, info);
}

static void on_creds(struct core *c, const Clv__CredsResult *m)
{
	core_agent_role.creds(c, m);
}

static void on_dial_failed(struct core *c, const Clv__DialFailed *m)
{
	core_agent_role.dial_failed(c, m);
	look(c);
}

static void on_alert_caller(struct core *c, int fd)
{
	core_agent_role.alert_caller(c, fd);
}

static void on_check_done(struct core *c, const Clv__CheckDone *m)
{
	core_agent_role.check_done(c, m);
}

static void on_tick(struct core *c, int64_t now_ms)
{
	core_agent_role.tick(c, now_ms);
	look(c);
	rogue_tick(c);
}

static void on_event(struct core *c, const struct clv_event_fact *e)
{
	core_agent_role.event(c, e);
}

const struct core_role core_gateway_role = {
    .ready = on_ready,
    .conn_open = on_open,
    .conn_frame = gateway_frame,
    .conn_closed = on_closed,
    .link_lost = on_link_lost,
    .creds = on_creds,
    .dial_failed = on_dial_failed,
    .alert_caller = on_alert_caller,
    .check_done = on_check_done,
    .tick = on_tick,
    .event = on_event,
};
