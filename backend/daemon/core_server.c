/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server's core: links with nodes up to the moment they are proven, where each frame goes
 * after that, what happens each second. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_recovery.h"
#include "daemon/core_relay.h"
#include "daemon/core_server_alerts.h"
#include "keys/succession.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MASTER_ASK_MS 60000
#define SEEN_STORE_MS (10ll * 60 * 1000) /* last_seen goes to the disk this often */

void server_refuse(struct core *c, struct session *s, enum refusal_code code, const char *fmt, ...)
{
	Clv__Refusal m = CLV__REFUSAL__INIT;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	m.code = code;
	m.text = text;
	s->refused = true;
	core_frame(c, false, s->conn, FRAME_REFUSAL, &m.base);
	core_conn_close(c, false, s->conn, text);
	server_session_free(c, s);
}

struct sending {
	uint64_t conn;
	uint16_t frame;
};

static void on_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	struct sending *s = ctx;
	Clv__SignedStatement out = CLV__SIGNED_STATEMENT__INIT;

	(void)type;
	if (!m) {
		log_err(LOG_WARN, err, "signing for a node");
		core_conn_close(c, false, s->conn, "this server cannot sign now");
	} else {
		out.body = k->body;
		out.signature = k->signature;
#ifdef CLV_TEST_BUILD
		if (s->frame == FRAME_ACK)
			server_test_lie_after(c, &out);
#endif
		core_frame(c, false, s->conn, s->frame, &out.base);
	}
	clv_free(s);
}

void server_sign_and_send(struct core *c, uint64_t conn, enum statement_kind kind, uint16_t frame,
                          const ProtobufCMessage *statement)
{
	struct sending *s = clv_calloc(1, sizeof *s);

	s->conn = conn;
	s->frame = frame;
#ifdef CLV_TEST_BUILD
	if (frame == FRAME_ACK)
		server_test_lie_before((Clv__OutboxAck *)(uintptr_t)statement);
#endif
	kh_sign(c, kind, statement, on_signed, s);
}

struct greeting {
	uint64_t conn;
};

static void on_greeting_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                               const struct clv_err *err)
{
	struct greeting *g = ctx;
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	Clv__Greeting out = CLV__GREETING__INIT;
	Clv__SignedStatement list = CLV__SIGNED_STATEMENT__INIT, proof = CLV__SIGNED_STATEMENT__INIT,
	                     word = CLV__SIGNED_STATEMENT__INIT;

	(void)type;
	if (!m) {
		log_err(LOG_WARN, err, "proving this server on a link");
		core_conn_close(c, false, g->conn, "this server cannot prove itself now");
	} else {
		list.body = PROTO_BYTES(buf_slice(&c->srv->list_body));
		list.signature = PROTO_BYTES(buf_slice(&c->srv->list_sig));
		proof.body = k->body;
		proof.signature = k->signature;
		out.server_list = &list;
		out.proof = &proof;
		out.group_key = PROTO_BYTES(buf_slice(&c->group_key));
		out.group = c->start->group;
		if (buf_slice(&c->succession).len) {
			word.body = PROTO_BYTES(buf_slice(&c->succession));
			word.signature = PROTO_BYTES(buf_slice(&c->succession_sig));
			out.succession = &word;
			out.recovery_key = PROTO_BYTES(buf_slice(&c->recovery_key));
		}
		core_frame(c, false, g->conn, FRAME_GREETING, &out.base);
	}
	clv_free(g);
}

static void server_open(struct core *c, bool console, const Clv__ConnOpen *m)
{
	struct session *s;
	struct greeting *g;

	if (!c->srv || !c->srv->listed) {
		core_conn_close(c, console, m->conn, "this server is starting");
		return;
	}
	if (console) {
		console_open(c, m);
		return;
	}
	s = server_session_new(c, m);
	if (!s)
		return;
	g = clv_calloc(1, sizeof *g);
	g->conn = m->conn;
	kh_sign_link(c, s->open, false, on_greeting_signed, g);
}

static clv_rc run_seen(struct db *d, void *ctx, struct clv_err *err)
{
	const struct store_agent *a = ctx;

	return store_agent_seen(d, a->name, a->last_seen, err);
}

static void done_free(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	(void)c;
	if (rc)
		log_err(LOG_ERROR, err, "keeping when a node was last heard");
	clv_free(ctx);
}

static void heard(struct core *c, struct node *n)
{
	struct store_agent *a;
	size_t len = strlen(n->name);

	n->last_seen = clock_wall_ms();
	if (n->last_seen - n->seen_stored < SEEN_STORE_MS || len >= STORE_NAME_MAX)
		return;
	n->seen_stored = n->last_seen;
	a = clv_calloc(1, sizeof *a);
	memcpy(a->name, n->name, len + 1);
	a->last_seen = n->last_seen;
	core_db_put(c, run_seen, done_free, a);
}

/* The node is here, by this link. */
static void take_over(struct core *c, struct session *s, struct node *n)
{
	if (n->session && n->session != s &&
	    slice_eq_ct(slice_of(s->renews, 16), PROTO_SLICE(n->session->open->fingerprint))) {
		relay_forget(c, n->session); /* what it carried comes again by this one */
		n->session->node = NULL;     /* its node closes it, now that this one is up */
		n->session->renewed = true;
	} else if (n->session && n->session != s) {
		/* T34: the newest with a valid proof wins; both are named. */
		core_event(c, 20000, "Two links of %s: the one from %s takes over from the one from %s.",
		           n->name, s->open->address, n->session->open->address);
		n->session->node = NULL;
		server_refuse(c, n->session, REFUSAL_NEWER_LINK, "a newer link of %s from %s took over",
		              n->name, s->open->address);
	}
	n->session = s;
	heard(c, n);
	gateways_arrived(c, s, n);
	server_changed(c);
}

/* What it is told once it is here. */
static void tell_what_waits(struct core *c, struct session *s)
{
	server_list_send(c, s); /* it may have become another since the greeting */
	keys_send_rotate(c, s);
	deliver_node(c, s->node);
}

void server_welcome(struct core *c, struct session *s, struct node *n)
{
	Clv__Welcome m = CLV__WELCOME__INIT;

	s->node = n;
	/* A gateway may show again a proof that it once carried: of a link that is relayed the node's word
	 * over this welcome's number says that it is here (on_heartbeat). */
	if (!s->via)
		take_over(c, s, n);
	core_conn_proven(c, false, s->conn);
	if (n->role != NODE_AGENT)
		core_conn_carries(c, s->conn);
	m.time = clock_wall_ms();
	m.heartbeat_ms = c->start->heartbeat_ms;
	m.generation = n->generation;
	if (n->has_key)
		m.key_hash = PROTO_BYTES(slice_of(n->key.sha256, 32));
	m.config_version = n->config_version;
	m.nonce = relay_nonce(s);
	core_frame(c, false, s->conn, FRAME_WELCOME, &m.base);
	if (!s->via)
		tell_what_waits(c, s);
}

void server_let_go(struct core *c, struct node *n, enum refusal_code code, const char *text)
{
	struct session *s = c->srv->sessions;

	while (s) {
		if (s->node != n) {
			s = s->next;
			continue;
		}
		server_refuse(c, s, code, "%s", text); /* and those behind it: from the beginning again */
		s = c->srv->sessions;
	}
}

/* The proof is about this channel, these two names, and signed by the key shown with it. */
static clv_rc check_proof(const struct core *c, const struct session *s, const Clv__LinkProofFrame *f,
                          ProtobufCMessage **out, struct clv_err *err)
{
	const Clv__LinkProof *p;

	if (!f->proof)
		return err_set(err, CLV_E_PROTO, "a link proof without its signature");
	if (statement_open(STATEMENT_LINK_PROOF, c->start->group, PROTO_SLICE(f->node_key),
	                   PROTO_SLICE(f->proof->body), PROTO_SLICE(f->proof->signature), out, err))
		return CLV_FAILED;
	p = (const Clv__LinkProof *)*out;
	/* Of a link that is relayed: the gateway that it ends at, which sent it under its own proven name. */
	if (strcmp(p->to, s->via ? s->via->node->name : c->start->name) != 0 || !p->initiator ||
	    p->machine.len != 32 || !slice_eq(PROTO_SLICE(p->t), PROTO_SLICE(s->open->t)) ||
	    !slice_eq(PROTO_SLICE(p->fingerprint), PROTO_SLICE(s->open->fingerprint)))
		return err_set(err, CLV_E_AUTH,
		               "the link proof is of another channel: somebody stands in between");
	return CLV_OK;
}

static void on_link_proof(struct core *c, struct session *s, const Clv__LinkProofFrame *f)
{
	ProtobufCMessage *m = NULL;
	const Clv__LinkProof *p;
	struct clv_err err = {0};
	struct node *n;

	if (check_proof(c, s, f, &m, &err)) {
		if (server_may_tell(c, s))
			core_event(c, 20002, "A link of %s from %s was refused: %s.", s->open->peer_name,
			           s->open->address, err.text);
		server_refuse(c, s, REFUSAL_PROOF, "%s", err.text);
		goto out;
	}
	p = (const Clv__LinkProof *)m;
	if (strcmp(p->from, s->open->peer_name) != 0) {
		enroll_quarantine(c, s, p->from, "a link proof");
		goto out;
	}
	n = server_find(c->srv, p->from);
	if (!n || n->approval != CLV_APPROVAL_APPROVED ||
	    !slice_eq(buf_slice(&n->node_key), PROTO_SLICE(f->node_key)) ||
	    (n->role == NODE_SERVER && join_asks(f))) {
		enroll_unknown(c, s, f, p);
	} else if (strcmp(p->role, node_roles[n->role]) != 0) {
		core_event(c, 20002,
		           "A link of %s from %s was refused: it comes as %.20s, and was accepted as %s.",
		           n->name, s->open->address, p->role, node_roles[n->role]);
		server_refuse(c, s, REFUSAL_PROOF, "%s was accepted here as %s", n->name,
		              node_roles[n->role]);
	} else if (!slice_eq_ct(slice_of(n->machine, 32), PROTO_SLICE(p->machine))) {
		core_event(c, 7022,
		           "%s came from %s with its node key on another machine: a copy. It was refused; "
		           "the known one goes on.",
		           p->from, s->open->address);
		server_refuse(
		    c, s, REFUSAL_CLONE,
		    "the node key of %s belongs to another machine; make a fresh one here: clavigerd enroll "
		    "--role agent --server %s --replace",
		    p->from, c->start->name);
	} else if (!relay_may(c, s, n)) {
		relay_refuse(c, s, n);
	} else {
		(void)slice_fill(PROTO_SLICE(f->renews), s->renews, sizeof s->renews); /* 0: none */
		if (f->repinned)
			core_event(c, 20024, "%s took this group's new signing key: %s.", n->name,
			           pin_how_words(f->repinned));
		if (n->role != NODE_AGENT)
			gateways_address(c, n, p->address);
		server_pin_then_welcome(c, s, n);
	}
out:
	proto_free(m);
}

static void on_heartbeat(struct core *c, struct session *s, const Clv__Heartbeat *beat)
{
	Clv__HeartbeatReply m = CLV__HEARTBEAT_REPLY__INIT;
	bool fresh = alerts_on_state(c, s, beat->state);

	/* Of a link that is relayed: what the node itself signed, and now, is a sign of it; nothing else is.
	 */
	if (!s->via || fresh) {
		heard(c, s->node);
		s->heard_ms = clock_mono_ms();
	}
	if (fresh && s->node->session != s) {
		take_over(c, s, s->node);
		tell_what_waits(c, s);
	}
	m.time = clock_wall_ms();
	m.nonce = relay_nonce(s);
	core_frame(c, false, s->conn, FRAME_HEARTBEAT_REPLY, &m.base);
}

static void handle_frame(struct core *c, struct session *s, uint32_t type, const ProtobufCMessage *m)
{
	if (type == FRAME_LINK_PROOF && !s->node && !s->pinning)
		on_link_proof(c, s, (const Clv__LinkProofFrame *)m);
	else if (!s->node)
		server_refuse(c, s, REFUSAL_PROOF, "nothing is taken before the link is proven");
	else if (type == FRAME_HEARTBEAT)
		on_heartbeat(c, s, (const Clv__Heartbeat *)m);
	else if (type == FRAME_PUBLISH)
		keys_on_publish(c, s, (const Clv__Publish *)m);
	else if (type == FRAME_OUTBOX)
		outbox_on_batch(c, s, (const Clv__SignedStatement *)m);
	else if (type == FRAME_PARCEL)
		alerts_on_parcel(c, s, (const Clv__ParcelFrame *)m);
	else if (type == FRAME_CONFIG_REQUEST)
		(void)keys_seal(c, s);
	else
		relay_on_frame(c, s, type, m);
}

void server_take_frame(struct core *c, struct session *s, uint32_t type, struct clv_slice body)
{
	static const struct {
		uint32_t type;
		const ProtobufCMessageDescriptor *body;
	} bodies[] = {{FRAME_LINK_PROOF, &clv__link_proof_frame__descriptor},
	              {FRAME_HEARTBEAT, &clv__heartbeat__descriptor},
	              {FRAME_PUBLISH, &clv__publish__descriptor},
	              {FRAME_OUTBOX, &clv__signed_statement__descriptor},
	              {FRAME_PARCEL, &clv__parcel_frame__descriptor},
	              {FRAME_CONFIG_REQUEST, &clv__config_request__descriptor},
	              {FRAME_RELAY_OPEN, &clv__relay_open__descriptor},
	              {FRAME_RELAY, &clv__relay__descriptor},
	              {FRAME_RELAY_CLOSE, &clv__relay_close__descriptor}};
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};
	size_t i = 0;

	if (s->refused || s->renewed)
		return;
	if (!s->via)
		s->heard_ms = clock_mono_ms();
	while (i < sizeof bodies / sizeof bodies[0] && bodies[i].type != type)
		i++;
	if (i == sizeof bodies / sizeof bodies[0]) {
		server_refuse(c, s, REFUSAL_PROOF, "a message of type %u is not for a server", type);
	} else if (proto_decode(bodies[i].body, body, &m, &err)) {
		if (server_may_tell(c, s))
			core_event(c, 20002, "A message of %s from %s was refused: %s.", s->open->peer_name,
			           s->open->address, err.text);
		server_refuse(c, s, REFUSAL_PROOF, "%s", err.text);
	} else {
		handle_frame(c, s, type, m);
	}
	proto_free(m);
}

static void server_frame(struct core *c, bool console, const Clv__ConnFrame *f)
{
	struct session *s;

	if (!c->srv)
		return;
	if (console) {
		console_frame(c, f);
		return;
	}
	s = server_session(c->srv, f->conn);
	if (s)
		server_take_frame(c, s, f->type, PROTO_SLICE(f->body));
}

/* A link that was open is gone. */
void server_session_closed(struct core *c, struct session *s, const Clv__ConnClosed *m)
{
	if (s->node && s->node->session != s) {
		log_info("a link of %s, which never said that it is here, is closed: %s", s->node->name,
		         m->text);
	} else if (s->node) {
		if (!s->via) /* else it is its gateway's word */
			heard(c, s->node);
		if (s->node->role != NODE_AGENT)
			gateways_lost(c, s, m->text);
		else if (m->code == CLV_E_TIMEOUT)
			core_event(c, 20022, "%s is not heartbeating: %s.", s->node->name, m->text);
		else if (m->code == CLV_E_AUTH)
			core_event(c, 20002, "The link of %s was closed: %s.", s->node->name, m->text);
	} else if (!s->refused && !s->renewed && m->code != CLV_E_CLOSED) {
		core_event(c, 20002, "The link of %s from %s was closed: %s.", s->open->peer_name, m->address,
		           m->text);
	}
	server_session_free(c, s);
}

static void server_closed(struct core *c, bool console, const Clv__ConnClosed *m)
{
	struct session *s;

	if (!c->srv)
		return;
	if (console)
		console_closed(c, m);
	s = console ? NULL : server_session(c->srv, m->conn);
	if (!m->was_open) {
		/* P6: not authenticated. */
		c->srv->turned_away++;
		if (!server_may_tell_of(c->srv, m->address))
			return;
		if (m->code == CLV_E_CONFIG) /* ours, not the peer's */
			core_event(c, 21036,
			           "A %s at %s was not let in: no channel certificate can be used: %s.",
			           console ? "console" : "device", m->address, m->text);
		else
			core_event(c, 20002, "A %s at %s could not be authenticated and was rejected: %s.",
			           console ? "console" : "device", m->address, m->text);
		return;
	}
	if (s)
		server_session_closed(c, s, m);
}

/* --- what happens --- */
static void server_link_lost(struct core *c, enum core_link_id id)
{
	if (!c->srv)
		return;
	if (id == LINK_NODE)
		while (c->srv->sessions)
			server_session_free(c, c->srv->sessions);
	if (id == LINK_CONSOLE)
		console_lost(c);
}

static void server_creds(struct core *c, const Clv__CredsResult *m)
{
	struct server *s = c->srv;

	if (!m->ok) {
		if (s && s->loaded)
			core_event(c, 21036,
			           "The channel certificate cannot be used: %s.%s clavigerd check says more.",
			           m->text, m->in_use ? " The one before stays in use." : "");
		else
			log_error("the channel certificate cannot be used: %s", m->text);
		return;
	}
	if (s && s->loaded && c->has_thumbprint && m->thumbprint.len == 32 &&
	    !slice_eq(slice_of(c->thumbprint, 32), PROTO_SLICE(m->thumbprint)))
		core_event(c, 20053, "A renewed channel certificate was loaded and is in use.");
	c->has_thumbprint = slice_fill(PROTO_SLICE(m->thumbprint), c->thumbprint, 32);
	c->cert_not_after = m->not_after;
	c->ca_not_after = m->ca_not_after;
	c->crl_due = m->crl_due;
}

static void on_master(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	(void)ctx;
	(void)type;
	(void)err; /* asked again */
	if (m)
		c->master_ends = ((const Clv__KhInfo *)m)->master_ends;
}

/* The key holder makes a new master key by itself when one ends. */
static void look_at_master(struct core *c, int64_t now_ms)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	if (c->master_ends > now_ms || now_ms - c->master_asked < MASTER_ASK_MS)
		return;
	c->master_asked = now_ms;
	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, on_master, NULL);
}

static void server_tick(struct core *c, int64_t now_ms)
{
	if (!c->srv || !c->srv->loaded)
		return;
	if (!c->srv->listed)
		return;
	console_push(c, now_ms);
	server_retain(c, now_ms);
	audit_tick(c, now_ms);
	deliver_tick(c, now_ms);
	recovery_tick(c);
	look_at_master(c, now_ms);
	alerts_tick(c);
	relay_tick(c);
}

struct event_job {
	struct clv_event_fact e;
};

static clv_rc run_event(struct db *d, void *ctx, struct clv_err *err)
{
	return store_event_add(d, &((struct event_job *)ctx)->e, err);
}

static void done_event(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct event_job *j = ctx;

	if (rc)
		log_err(LOG_ERROR, err, "keeping an event");
	else if (c->srv) {
		c->srv->events_total++;
		server_changed(c);
	}
	clv_free(j->e.node);
	clv_free(j->e.text);
	clv_free(j);
}

static void server_event(struct core *c, const struct clv_event_fact *e)
{
	struct event_job *j;

	if (!c->srv || !c->srv->loaded)
		return; /* it is in the log */
	own_event(c, e);
	j = clv_calloc(1, sizeof *j);
	j->e = *e; /* source and category are constants */
	j->e.node = clv_strdup(e->node);
	j->e.text = clv_strdup(e->text);
	core_db_put(c, run_event, done_event, j);
}

const struct core_role core_server_role = {
    .ready = server_ready,
    .conn_open = server_open,
    .conn_frame = server_frame,
    .conn_closed = server_closed,
    .link_lost = server_link_lost,
    .creds = server_creds,
    .dial_failed = NULL,
    .check_done = NULL,
    .local_console = console_adopt,
    .tick = server_tick,
    .relay_frame = relay_frame,
    .relay_close = relay_close,
    .event = server_event,
};
