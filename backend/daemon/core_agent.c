/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's links: which server, when, and the proof on both ends. A link is up when the server's
 * proof was verified under the pinned group signing key and the server took ours. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "claviger/text.h"
#include "daemon/core_agent.h"
#include "daemon/core_gateway.h"
#include "proto/refusal.h"
#include "proto/types.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EARLY_MOST        10    /* times that our own processes were not ready */
#define RETRY_MOST_MS     45000 /* and a quarter of it at random: back within a minute */
#define COMPLAIN_AGAIN_MS (3600ll * 1000)

/* The same trouble is an event once an hour, not at every try. */
void agent_complain(struct core *c, uint32_t event, const char *fmt, ...)
{
	struct agent *a = c->agent;
	char text[sizeof a->last_complaint];
	int64_t now = clock_mono_ms();
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (strcmp(text, a->last_complaint) == 0 && now < a->last_complaint_at + COMPLAIN_AGAIN_MS) {
		log_debug("again: %s", text);
		return;
	}
	memcpy(a->last_complaint, text, sizeof text);
	a->last_complaint_at = now;
	core_event(c, event, "%s", text);
}

static void later(struct core *c)
{
	struct agent *a = c->agent;
	int64_t jitter;

	if (a->delay_ms < c->start->retry_ms)
		a->delay_ms = c->start->retry_ms;
	jitter = (int64_t)(clock_wall_ms() % 1000) * a->delay_ms / 4000;
	a->dial_at = clock_mono_ms() + a->delay_ms + jitter;
	a->delay_ms = a->delay_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : a->delay_ms * 2;
	a->at = a->n_servers ? (a->at + 1) % a->n_servers : 0;
	if (a->at == 0 && a->n_servers && !a->told_alone && c->mode == 'r' && a->link != AGENT_UP) {
		a->told_alone = true;
		core_event(c, 21016,
		           "There is no link to any of the %zu servers that are configured. It is tried "
		           "again, and resumes when one is available and allows this host.",
		           a->n_servers);
	}
}

void agent_link_down(struct core *c)
{
	struct agent *a = c->agent;

	if (a->aside) {
		agent_other_down(c);
		return;
	}
	agent_drop_other(c);
	later(c);
	a->link = AGENT_IDLE;
	a->conn = 0;
	a->published = a->sent = a->refused = a->probing = false;
	proto_free((ProtobufCMessage *)a->open);
	a->open = NULL;
}

void agent_drop_link(struct core *c, const char *why)
{
	if (!c->agent->conn)
		return;
	agent_complain(c, 20071, "The link to %s is closed: %s.", c->agent->servers[c->agent->at].name, why);
	core_conn_close(c, false, c->agent->conn, why);
	agent_link_down(c);
}

static void dial(struct core *c)
{
	struct agent *a = c->agent;
	const struct agent_server *s = &a->servers[a->at];
	Clv__Dial m = CLV__DIAL__INIT;

	if (!c->links[LINK_NODE].ipc)
		return;
	a->conn = c->next_id++;
	a->link = AGENT_DIALING;
	m.conn = a->conn;
	m.host = (char *)(uintptr_t)s->host;
	m.port = s->port;
	m.name = (char *)(uintptr_t)s->name;
	m.pinned = s->pinned;
	core_send(c, LINK_PARENT, IPC_DIAL, &m.base);
}

/* --- enrolment --- */
static void enrolled(struct core *c, const char *how)
{
	uint8_t fp[KEY_HASH_LEN];
	char text[FINGERPRINT_TEXT_MAX];
	struct clv_err err = {0};

	if (enroll_fingerprint(buf_slice(&c->node_key), buf_slice(&c->group_key), fp, &err)) {
		core_outcome(c, 1, "%s", err.text);
		return;
	}
	fingerprint_text(fp, false, text);
	core_outcome(c, 0,
	             "%s %s in management group %s.\n"
	             "Fingerprint   %s\n"
	             "To accept it, an operator types the first 12 digits:   %.14s\n"
	             "Then start the service here: clavigerd run",
	             c->start->name, how, c->start->group, text, text);
}

static const char *code_words(uint32_t code)
{
	switch (code) {
	case REFUSAL_NOT_APPROVED:
		return "it says that this host is not accepted";
	case REFUSAL_MECHANISM:
		return "it says that this host is pinned to another mechanism";
	case REFUSAL_UNLINKED:
		return "it has no link to its own server now, or no room";
	default:
		return "it gave a reason that counts only once the greeting is checked";
	}
}

/* One line that is safe to print. Whoever did not show the group's signature yet has no words of its own:
 * what it writes could pass for ours, a code to be typed for instance. */
static char *reason_of(const struct agent *a, const Clv__Refusal *r)
{
	struct clv_text *t = text_new_str(r->text);
	char *words = clv_strdup(a->link == AGENT_OPEN ? code_words(r->code) : text_str(t));

	text_free(t);
	return words;
}

static void refused(struct core *c, uint32_t code, const char *why)
{
	struct agent *a = c->agent;
	const char *server = a->open->peer_name;

	a->refused = true;
	if ((c->mode == 'j' || c->mode == 'e') && a->link == AGENT_OPEN) {
		core_outcome(c, 1, "%s refused the link before it had shown the group's signature: %s",
		             server, why);
		return;
	}
	if (c->mode == 'j') {
		join_refused(c, code, why);
		return;
	}
	if (c->mode == 'e' && code == REFUSAL_NOT_APPROVED) {
		enrolled(c, "waits to be accepted");
		return;
	}
	if (c->mode == 'e' && code == REFUSAL_CONFLICT) {
		enrolled(c, "waits to be accepted; another node is known by this name, so an operator must "
		            "say --replace");
		return;
	}
	if (c->mode == 'e') {
		core_outcome(c, 1, "%s: %s", server, why);
		return;
	}
	if (code == REFUSAL_MECHANISM)
		agent_complain(c, 21011, "%s refused the link: %s.", server, why);
	else if (code == REFUSAL_CLONE)
		agent_complain(c, 7022, "%s refused the link: %s.", server, why);
	else if (code == REFUSAL_PROOF || code == REFUSAL_UNLINKED)
		agent_complain(c, 20071, "%s closed the link: %s.", server, why);
	else
		agent_complain(c, 20070, "The link to %s was closed right after authentication: %s.", server,
		               why);
	if (code == REFUSAL_REMOVED && a->box.accepted) {
		a->box.accepted = false;
		agent_remember(c, "accepted", 0);
	}
}

static void on_refusal(struct core *c, const Clv__Refusal *r)
{
	char *why = reason_of(c->agent, r);

	refused(c, r->code, why);
	clv_free(why);
}

static void on_welcome(struct core *c, const Clv__Welcome *w)
{
	struct agent *a = c->agent;

	if (c->mode == 'e') {
		enrolled(c, "is accepted already");
		return;
	}
	a->link = AGENT_UP;
	if (a->aside)
		a->published = a->sent = false; /* what was under way on the old link is sent again */
	agent_plan_renewal(c);
	if (!a->aside)
		a->return_at = clock_mono_ms() + 10 * (int64_t)c->start->retry_ms;
	agent_pin(c, &a->servers[a->at], a->open->mechanism);
	agent_proven(c);
	a->repinned = 0;
	a->delay_ms = 0;
	a->told_alone = false;
	a->last_complaint[0] = 0;
	if (!a->box.accepted) {
		a->box.accepted = true;
		agent_remember(c, "accepted", 1);
	}
	if (w->heartbeat_ms >= 1000 && w->heartbeat_ms < c->start->heartbeat_ms)
		c->start->heartbeat_ms = w->heartbeat_ms;
	agent_take_nonce(a, w->nonce);
	a->heartbeat_at = clock_mono_ms(); /* at once: that it is we, and now */
	log_notice("the link to %s is up", a->open->peer_name);
	agent_publish(c);
	if (c->has_thumbprint)
		agent_put_channel(c, true);
	if (w->config_version > a->config_version &&
	    w->generation == (agent_newest(a) ? agent_newest(a)->generation : 0)) {
		agent_ask_config(c, "newer at the server");
	}
}

static void handle_frame(struct core *c, uint32_t type, const ProtobufCMessage *m)
{
	switch (type) {
	case FRAME_GREETING:
		agent_on_greeting(c, (const Clv__Greeting *)m);
		break;
	case FRAME_REFUSAL:
		on_refusal(c, (const Clv__Refusal *)m);
		break;
	case FRAME_WELCOME:
		on_welcome(c, (const Clv__Welcome *)m);
		break;
	case FRAME_RECEIPT:
		agent_on_receipt(c, (const Clv__SignedStatement *)m);
		break;
	case FRAME_CONFIG:
		agent_on_config(c, (const Clv__Config *)m);
		break;
	case FRAME_ROTATE:
		agent_on_rotate(c, (const Clv__SignedStatement *)m);
		break;
	case FRAME_PROBE:
		agent_on_probe(c, (const Clv__SignedStatement *)m);
		break;
	case FRAME_JOIN_KEYS:
		join_on_keys(c, (const Clv__JoinKeys *)m);
		break;
	case FRAME_ACK:
		agent_on_ack(c, (const Clv__SignedStatement *)m);
		break;
	case FRAME_SERVER_LIST:
		agent_on_list(c, (const Clv__SignedStatement *)m);
		break;
	case FRAME_RELAY:
		gateway_on_relay(c, (const Clv__Relay *)m);
		break;
	case FRAME_RELAY_CLOSE:
		gateway_on_close(c, (const Clv__RelayClose *)m);
		break;
	case FRAME_HEARTBEAT_REPLY:
		agent_on_beat_reply(c, (const Clv__HeartbeatReply *)m);
		agent_take_nonce(c->agent, ((const Clv__HeartbeatReply *)m)->nonce);
		break;
	default: /* what timely lets through has its case */
		break;
	}
}

/* What may come while we are not up yet. */
static bool timely(const struct agent *a, uint32_t type)
{
	if (type == FRAME_GREETING || type == FRAME_REFUSAL)
		return a->link == AGENT_OPEN || type == FRAME_REFUSAL;
	if (type == FRAME_JOIN_KEYS)
		return a->link == AGENT_PROVING && a->join;
	if (type == FRAME_WELCOME)
		return a->link == AGENT_PROVING;
	return a->link == AGENT_UP;
}

static void take_frame(struct core *c, const Clv__ConnFrame *f)
{
	static const struct {
		uint32_t type;
		const ProtobufCMessageDescriptor *body;
	} bodies[] = {
#define X(sym, num, body, ...) {num, &clv__##body##__descriptor},
	    CLV_FRAME_LIST(X)
#undef X
	};
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};
	size_t i = 0;

	if (!c->agent->open)
		return;
	while (i < sizeof bodies / sizeof bodies[0] && bodies[i].type != f->type)
		i++;
	if (i == sizeof bodies / sizeof bodies[0] || !timely(c->agent, f->type)) {
		agent_drop_link(c, "a message that may not come now");
		return;
	}
	if (proto_decode(bodies[i].body, PROTO_SLICE(f->body), &m, &err)) {
		agent_drop_link(c, err.text);
		return;
	}
	handle_frame(c, f->type, m);
	proto_free(m);
}

static void agent_frame(struct core *c, bool console, const Clv__ConnFrame *f)
{
	(void)console;
	if (!agent_enter(c, f->conn))
		return;
	take_frame(c, f);
	agent_leave(c);
}

static void agent_open(struct core *c, bool console, const Clv__ConnOpen *m)
{
	struct agent *a = c->agent;
	struct clv_buf b;

	(void)console;
	if (!agent_enter(c, m->conn))
		return;
	buf_init(&b, 8192);
	if (a->link == AGENT_DIALING && !proto_encode(&m->base, &b, NULL) &&
	    !proto_decode(&clv__conn_open__descriptor, buf_slice(&b), (ProtobufCMessage **)&a->open, NULL))
		a->link = AGENT_OPEN;
	buf_release(&b);
	agent_leave(c);
}

/* Our own processes are still starting: dialled again soon, for a while, and nobody is told. */
static bool is_too_early(struct agent *a, const Clv__ConnClosed *m)
{
	if (m->code != CLV_E_AGAIN || a->early >= EARLY_MOST)
		return false;
	a->early++;
	a->delay_ms = 0;
	log_info("%s", m->text);
	return true;
}

static void agent_closed(struct core *c, bool console, const Clv__ConnClosed *m)
{
	struct agent *a = c->agent;

	(void)console;
	if (!agent_enter(c, m->conn))
		return;
	if (is_too_early(a, m))
		goto down;
	if ((c->mode == 'e' || join_not_asked(c)) && !a->refused && a->link != AGENT_UP)
		core_outcome(c, 1, "%s: %s", a->servers[a->at].name, m->text);
	else if (m->code == CLV_E_CONFIG || m->code == CLV_E_AGAIN)
		agent_complain(c, 21036, "No channel certificate can be used: %s.", m->text);
	else if (a->link == AGENT_UP)
		log_notice("the link to %s ended: %s", m->name, m->text);
	else if (!a->refused)
		agent_complain(c, agent_failure_event(m),
		               "The link to %s was closed without authentication: %s.",
		               a->servers[a->at].name, m->text);
down:
	agent_link_down(c);
	agent_leave(c);
}

static void agent_dial_failed(struct core *c, const Clv__DialFailed *m)
{
	if (!agent_enter(c, m->conn))
		return;
	agent_complain(c, m->code, "%s cannot be reached: %s.", c->agent->servers[c->agent->at].name,
	               m->text);
	if (c->mode == 'e' || join_not_asked(c))
		core_outcome(c, 1, "%s cannot be reached: %s", c->agent->servers[c->agent->at].name, m->text);
	agent_link_down(c);
	agent_leave(c);
}

static void agent_creds(struct core *c, const Clv__CredsResult *m)
{
	bool had, changed = m->thumbprint.len == 32 &&
	                    !slice_eq(PROTO_SLICE(m->thumbprint), slice_of(c->thumbprint, 32));

	if (!m->ok) {
		if (c->ready)
			core_event(c, 21036,
			           "The channel certificate cannot be used: %s.%s clavigerd check says more.",
			           m->text, m->in_use ? " The one before stays in use." : "");
		else
			log_error("the channel certificate cannot be used: %s", m->text);
		return;
	}
	had = c->has_thumbprint;
	if (slice_fill(PROTO_SLICE(m->thumbprint), c->thumbprint, 32)) {
		c->has_thumbprint = true;
	}
	if (changed && had && c->agent) {
		core_event(c, 20053, "A renewed channel certificate was loaded and is in use.");
		agent_put_channel(c, true);
	}
	if (m->thumbprint.len && strcmp(m->name, c->start->name) != 0)
		log_error("the channel certificate is for %s, this node is %s: servers will refuse it",
		          m->name, c->start->name);
}

/* --- start --- */
static void agent_tick(struct core *c, int64_t now_ms);

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	return outbox_load(d, ctx, err);
}

static void begin(struct core *c)
{
	struct agent *a = c->agent;

	a->started = true;
	agent_take_servers(c);
	if (c->mode == 'r')
		agent_begin_keys(c);
	agent_pins_load(c);
}

static void done_load(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct agent *a = c->agent;

	if (rc) {
		core_outcome(c, 1, "the outbox cannot be read: %s", err->text);
	} else {
		a->box = *(struct outbox_state *)ctx;
		a->loaded = true;
		begin(c);
	}
	clv_free(ctx);
}

static clv_rc run_reset(struct db *d, void *ctx, struct clv_err *err)
{
	(void)ctx;
	return outbox_reset(d, err);
}

static void on_node_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                         const struct clv_err *err)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	(void)type;
	if (!m) {
		core_outcome(c, 1, "the node key could not be made: %s", err->text);
		return;
	}
	if (ctx)
		core_db_put(c, run_reset, NULL, NULL);
	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
}

static void make_node(struct core *c, bool replace)
{
	Clv__KhInit q = CLV__KH_INIT__INIT;

	q.what = (char *)(uintptr_t)(replace ? "replace" : "node");
	kh_ask(c, IPC_KH_INIT, &q.base, on_node_made, replace ? c : NULL);
}

static bool may_run(struct core *c, const Clv__KhInfo *info)
{
	if (!info->node_key.len || !info->group_key.len) {
		core_outcome(c, 1, "%s is not enrolled: run clavigerd enroll --role %s --server HOST first",
		             c->start->name, c->start->role);
		return false;
	}
	if (!info->machine_matches) {
		/* P5, T34: said here, by the copy itself, and nothing is sent with the other host's key. */
		log_error("event 7022: this state folder was copied from another machine; its node key is "
		          "not used here");
		core_outcome(c, 1,
		             "this state folder was copied from another machine (7022): its key is not used "
		             "here. For a key of its "
		             "own: clavigerd enroll --role %s --server HOST --replace",
		             c->start->role);
		return false;
	}
	return true;
}

static void agent_ready(struct core *c, const Clv__KhInfo *info)
{
	struct agent *a = c->agent;

	if (a && a->started) {
		agent_take_keys(c, info); /* the key holder is back */
		a->making = false;
		return;
	}
	if (!a) {
		c->agent = clv_calloc(1, sizeof *c->agent);
		quota_init(&c->agent->n_callers, AGENT_CALLERS_EACH, AGENT_CALLERS_MAX, AGENT_CALLERS_SPARE);
	}
	if (c->mode == 'e' && c->start->replace) {
		c->start->replace = false;
		make_node(c, true);
		return;
	}
	if (c->mode == 'j' && join_ready(c, info))
		return;
	if ((c->mode == 'e' || c->mode == 'j') && !info->node_key.len) {
		make_node(c, false);
		return;
	}
	if (c->mode == 'r' && !may_run(c, info))
		return;
	agent_take_keys(c, info);
	core_db_put(c, run_load, done_load, clv_calloc(1, sizeof(struct outbox_state)));
}

static void agent_link_lost(struct core *c, enum core_link_id id)
{
	if (id == LINK_NODE && c->agent && c->agent->conn)
		agent_link_down(c);
	if (id == LINK_KEYHOLDER && c->agent)
		c->agent->draining = false;
}

static void agent_tick(struct core *c, int64_t now_ms)
{
	struct agent *a = c->agent;
	int64_t mono = clock_mono_ms();

	if (!a || !a->started || !a->n_servers)
		return;
	if (a->link == AGENT_IDLE && mono >= a->dial_at)
		dial(c);
	if (a->link == AGENT_UP && mono >= a->heartbeat_at)
		agent_heartbeat(c);
	agent_renew_link(c, mono);
	agent_return_link(c, mono);
	agent_keep_again(c, mono);
	if (a->link == AGENT_UP && a->config_at && mono >= a->config_at)
		agent_ask_config(c, "the last could not be kept");
	join_tick(c);
	agent_drain(c); /* what a restarted key holder left undone */
	agent_destroy_old(c);
	if (c->mode == 'r' && a->look_at && mono >= a->look_at)
		agent_look_again(c);
	if (c->mode == 'r')
		agent_renew(c, now_ms);
}

static void agent_event(struct core *c, const struct clv_event_fact *e)
{
	if (c->agent && c->mode == 'r')
		agent_put_event(c, e);
	if (c->agent && c->mode == 'r' && c->agent->loaded)
		agent_event_alert(c, e);
}

const struct core_role core_agent_role = {
    .ready = agent_ready,
    .conn_open = agent_open,
    .conn_frame = agent_frame,
    .conn_closed = agent_closed,
    .link_lost = agent_link_lost,
    .creds = agent_creds,
    .dial_failed = agent_dial_failed,
    .alert_caller = agent_alert_caller,
    .check_done = agent_check_done,
    .tick = agent_tick,
    .event = agent_event,
};
