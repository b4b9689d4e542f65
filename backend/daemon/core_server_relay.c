/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that gateways carry (see core_relay.h): opened by a gateway's word and the node's own proof, which is
 * judged here as that of any link; everything after is checked by the same table. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_relay.h"
#include "model/names.h"
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX       64u /* of what a gateway says of a link */
#define IDLE_MS        60000
#define T_MAX          64u
#define NONCE_LATE_MAX 3u

static struct session *find(const struct server *s, const struct session *via, uint64_t channel)
{
	struct session *p = s->sessions;

	while (p && (p->via != via || p->channel != channel))
		p = p->next;
	return p;
}

const struct session *relay_outer(const struct session *s)
{
	while (s->via)
		s = s->via;
	return s;
}

ProtobufCBinaryData relay_nonce(struct session *s)
{
	/* Until it came back it stays: an answer may take longer than the time to the next heartbeat. */
	if (!s->nonce_given || s->nonce_used) {
		memcpy(s->nonce[1], s->nonce[0], sizeof s->nonce[1]);
		if (RAND_bytes(s->nonce[0], sizeof s->nonce[0]) != 1)
			clv_fatal("no random bytes");
		s->nonce_given = true;
		s->nonce_used = false;
	}
	return PROTO_BYTES(slice_of(s->nonce[0], sizeof s->nonce[0]));
}

/* The number before the newest may still be on its way, for a few heartbeats; then it is an old one. */
bool relay_is_fresh(struct session *s, ProtobufCBinaryData nonce)
{
	if (slice_eq(PROTO_SLICE(nonce), slice_of(s->nonce[0], sizeof s->nonce[0]))) {
		s->nonce_used = true;
		s->nonce_late = 0;
		return true;
	}
	return slice_eq(PROTO_SLICE(nonce), slice_of(s->nonce[1], sizeof s->nonce[1])) &&
	       ++s->nonce_late <= NONCE_LATE_MAX;
}

const char *relay_words(const struct session *s, char out[300])
{
	out[0] = 0;
	if (s->via)
		(void)snprintf(out, 300, ", via %s", s->via->open->peer_name);
	return out;
}

/* --- to it --- */
void relay_frame(struct core *c, uint64_t conn, uint16_t type, struct clv_slice body)
{
	const struct session *s = server_session(c->srv, conn);
	Clv__Relay m = CLV__RELAY__INIT;

	if (!s)
		return; /* it ended meanwhile */
	m.channel = s->channel;
	m.type = type;
	m.body = PROTO_BYTES(body);
	core_frame(c, false, s->via->conn, FRAME_RELAY, &m.base);
}

static void tell_closed(struct core *c, const struct session *via, uint64_t channel, enum clv_code code,
                        const char *why)
{
	Clv__RelayClose m = CLV__RELAY_CLOSE__INIT;

	m.channel = channel;
	m.code = code;
	m.text = (char *)(uintptr_t)why;
	core_frame(c, false, via->conn, FRAME_RELAY_CLOSE, &m.base);
}

void relay_close(struct core *c, uint64_t conn, const char *why)
{
	struct session *s = server_session(c->srv, conn);

	if (!s || s->closed)
		return;
	s->closed = s->refused = true;
	tell_closed(c, s->via, s->channel, CLV_E_NONE, why);
}

bool relay_is_behind(const struct session *s, const struct session *gateway)
{
	for (s = s->via; s; s = s->via)
		if (s == gateway)
			return true;
	return false;
}

void relay_forget(struct core *c, struct session *s)
{
	if (!s->carries)
		return;
	s->carries = false;
	for (struct session *p = c->srv->sessions; p; p = p->next)
		p->ending = relay_is_behind(p, s);
	for (struct session *p = c->srv->sessions, *next; p; p = next) {
		next = p->next;
		if (!p->ending)
			continue;
		p->carries = false; /* those behind it end in this very walk */
		server_session_free(c, p);
	}
}

/* --- opening --- */
static uint32_t depth_of(const struct session *s)
{
	uint32_t n = 0;

	for (; s->via; s = s->via)
		n++;
	return n;
}

static void count(const struct server *srv, const struct session *via, size_t *all, size_t *unproven)
{
	*all = *unproven = 0;
	for (const struct session *p = srv->sessions; p; p = p->next)
		if (p->via == via) {
			++*all;
			*unproven += !p->node;
		}
}

static bool is_on_the_way(const struct session *s, const char *name)
{
	for (; s; s = s->via)
		if (strcmp(s->open->peer_name, name) == 0)
			return true;
	return false;
}

/* What a gateway says of a link, and so what a rogue one may say. */
/* A certificate has one, a ticket none or an empty one (32 bytes of 0). */
static bool has_thumbprint(const Clv__RelayOpen *m)
{
	return m->peer_thumbprint.len == 32 ||
	       (m->peer_thumbprint.len == 0 && m->mechanism == CLV_MECHANISM_KERBEROS);
}

static clv_rc check_open(const struct core *c, const struct session *via, const Clv__RelayOpen *m,
                         struct clv_err *err)
{
	size_t all, unproven;

	if (!names_is_node(m->peer_name) || strlen(m->protocol) > TEXT_MAX || strlen(m->cipher) > TEXT_MAX ||
	    strlen(m->address) > TEXT_MAX || strlen(m->principal) > 512 || m->fingerprint.len != 16 ||
	    m->t.len > T_MAX || !has_thumbprint(m) ||
	    (m->mechanism != CLV_MECHANISM_CERTIFICATE && m->mechanism != CLV_MECHANISM_KERBEROS))
		return err_set(err, CLV_E_PROTO, "a link that is not described as one");
	if (m->channel == 0 || find(c->srv, via, m->channel))
		return err_set(err, CLV_E_PROTO, "a link under a number that is taken");
	if (is_on_the_way(via, m->peer_name) || strcmp(m->peer_name, c->start->name) == 0)
		return err_set(err, CLV_E_PROTO, "%s would come through itself", m->peer_name);
	if (depth_of(via) + 1 > RELAY_DEPTH_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u gateways in a chain", RELAY_DEPTH_MAX);
	count(c->srv, via, &all, &unproven);
	if (all >= RELAY_CHANNELS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u links behind one gateway", RELAY_CHANNELS_MAX);
	if (unproven >= RELAY_PENDING_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u links behind one gateway that are not proven",
		               RELAY_PENDING_MAX);
	return CLV_OK;
}

static void plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static struct session *new_session(struct core *c, struct session *via, const Clv__RelayOpen *m)
{
	Clv__ConnOpen o = CLV__CONN_OPEN__INIT;
	struct session *s;

	o.conn = CORE_RELAYED | c->next_id++;
	o.mechanism = m->mechanism;
	o.protocol = m->protocol;
	o.cipher = m->cipher;
	o.peer_name = m->peer_name;
	o.peer_thumbprint = m->peer_thumbprint;
	o.peer_not_after = m->peer_not_after;
	o.t = m->t;
	o.fingerprint = m->fingerprint;
	o.address = m->address;
	o.principal = m->principal;
	o.weak = m->weak;
	plain(m->protocol);
	plain(m->cipher);
	plain(m->address);
	plain(m->principal);
	s = server_session_new(c, &o);
	if (s) {
		s->via = via;
		s->channel = m->channel;
		via->carries = true;
	}
	return s;
}

static void on_open(struct core *c, struct session *via, Clv__RelayOpen *m)
{
	struct clv_err err = {0};
	struct session *s;

	if (check_open(c, via, m, &err)) {
		if (server_may_tell(c, via))
			core_event(c, 20002, "A link that the gateway %s would carry was refused: %s.",
			           via->node->name, err.text);
		tell_closed(c, via, m->channel, err.code, err.text);
		return;
	}
	s = new_session(c, via, m);
	if (s)
		server_take_frame(c, s, FRAME_LINK_PROOF, PROTO_SLICE(m->proof));
}

static void on_relay(struct core *c, struct session *via, const Clv__Relay *m)
{
	struct session *s = find(c->srv, via, m->channel);

	if (!s || s->refused)
		return; /* what was on its way when it ended */
	if (m->type > UINT16_MAX || !frame_may((uint16_t)m->type, m->body.len, s->node != NULL, false)) {
		if (server_may_tell(c, s))
			core_event(c, 20002,
			           "The link of %s, via %s, was closed: a message that may not come now.",
			           s->open->peer_name, via->node->name);
		relay_close(c, s->conn, "a message that may not come now");
		return;
	}
	server_take_frame(c, s, m->type, PROTO_SLICE(m->body));
}

static void on_close(struct core *c, struct session *via, const Clv__RelayClose *m)
{
	struct session *s = find(c->srv, via, m->channel);
	Clv__ConnClosed closed = CLV__CONN_CLOSED__INIT;

	if (!s)
		return;
	closed.conn = s->conn;
	closed.was_open = true;
	closed.code = m->code;
	closed.text = m->text;
	plain(closed.text);
	closed.address = s->open->address;
	server_session_closed(c, s, &closed);
}

void relay_on_frame(struct core *c, struct session *s, uint32_t type, const ProtobufCMessage *m)
{
	if (s->node->role == NODE_AGENT)
		server_refuse(c, s, REFUSAL_PROOF, "%s is no gateway: it carries nobody's link",
		              s->node->name);
	else if (type == FRAME_RELAY_OPEN)
		on_open(c, s, (Clv__RelayOpen *)(uintptr_t)m);
	else if (type == FRAME_RELAY)
		on_relay(c, s, (const Clv__Relay *)m);
	else if (type == FRAME_RELAY_CLOSE)
		on_close(c, s, (const Clv__RelayClose *)m);
}

void relay_tick(struct core *c)
{
	int64_t now_ms = clock_mono_ms(), most = 3 * (int64_t)c->start->heartbeat_ms;
	struct session *p = c->srv->sessions;

	while (p) {
		struct session *s = p;
		bool silent = s->via && s->node && !s->closed && now_ms - s->heard_ms > most;
		/* Never proven, or taken over: its gateway should have ended it long ago. */
		bool idle =
		         s->via && !s->node && !s->closed && !s->pinning && now_ms - s->opened_ms > IDLE_MS,
		     again;

		p = s->next;
		if (!s->via || (!s->closed && !silent && !idle))
			continue;
		if (idle)
			tell_closed(c, s->via, s->channel, CLV_E_TIMEOUT, "not proven");
		if (silent && s->node->session == s)
			core_event(c, 20022,
			           "%s, via %s, is not heartbeating: nothing fresh that it signed for three "
			           "heartbeats.",
			           s->node->name, s->via->open->peer_name);
		else if (silent)
			core_event(c, 20028,
			           "The gateway %s shows a proof of %s, and nothing that it signed now: an "
			           "old proof, "
			           "or the node was gone at once. It does not count.",
			           s->via->open->peer_name, s->node->name);
		if (silent)
			tell_closed(c, s->via, s->channel, CLV_E_TIMEOUT,
			            "nothing fresh that the node signed for three heartbeats");
		again = s->carries; /* the next one may be behind it, and end with it */
		server_session_free(c, s);
		p = again ? c->srv->sessions : p;
	}
}
