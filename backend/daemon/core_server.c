/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server's core: loading, the nodes in memory, links with nodes up to the moment they
 * are proven. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_server.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_STORE_MS (10ll * 60 * 1000) /* last_seen goes to the disk this often */
#define REFUSAL_EVENTS 60u               /* events of refused connections from one address an hour */

void server_changed(struct core *c)
{
	c->srv->change++;
}

/* --- the nodes --- */
static size_t lower_bound(const struct server *s, const char *name)
{
	size_t lo = 0, hi = s->n_nodes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->nodes[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct node *server_find(const struct server *s, const char *name)
{
	size_t i = lower_bound(s, name);

	return i < s->n_nodes && strcmp(s->nodes[i]->name, name) == 0 ? s->nodes[i] : NULL;
}

clv_rc server_resolve(const struct server *s, const char *name, struct node **out, struct clv_err *err)
{
	struct node *n = server_find(s, name);
	size_t len = strlen(name), i, hits = 0;

	if (n) {
		*out = n;
		return CLV_OK;
	}
	for (i = lower_bound(s, name); len && !strchr(name, '.') && i < s->n_nodes; i++) {
		if (strncmp(s->nodes[i]->name, name, len) != 0)
			break;
		if (s->nodes[i]->name[len] == '.') {
			n = s->nodes[i];
			hits++;
		}
	}
	if (hits > 1)
		return err_set(err, CLV_E_USAGE, "%s is short for %zu agents: give the full name", name, hits);
	if (!hits)
		return err_set(err, CLV_E_NOTFOUND, "there is no agent %s", name);
	*out = n;
	return CLV_OK;
}

static void fill_node(struct node *n, const struct store_agent *a)
{
	clv_free(n->name);
	clv_free(n->pinned_by);
	buf_release(&n->node_key);
	n->name = clv_strdup(a->name);
	n->pinned_by = clv_strdup(a->pinned_by);
	buf_init(&n->node_key, STORE_SPKI_MAX);
	if (buf_put(&n->node_key, slice_of(a->node_key, a->node_key_len), NULL))
		clv_fatal("a node key that is larger than it may be");
	memcpy(n->machine, a->machine, sizeof n->machine);
	n->approval = a->approval;
	n->generation = a->generation;
	n->rotate_above = a->rotate_above;
	n->config_version = a->config_version;
	n->config_ordinal = a->config_ordinal;
	n->config_confirmed = a->config_confirmed;
	n->config_confirmed_ordinal = a->config_confirmed_ordinal;
	n->config_confirmed_at = a->config_confirmed_at;
	n->pinned_at = a->pinned_at;
	n->last_seen = n->seen_stored = a->last_seen;
	n->row_version = a->row_version;
	n->has_configured = a->has_configured;
	memcpy(n->configured, a->channel_configured, sizeof n->configured);
	n->has_key = a->has_key;
	n->key = a->key;
}

struct node *server_add(struct server *s, const struct store_agent *a)
{
	size_t i = lower_bound(s, a->name);
	struct node *n;

	if (i < s->n_nodes && strcmp(s->nodes[i]->name, a->name) == 0) {
		fill_node(s->nodes[i], a);
		return s->nodes[i];
	}
	if (s->n_nodes == s->cap_nodes) {
		s->cap_nodes = s->cap_nodes ? s->cap_nodes * 2 : 64;
		s->nodes = clv_realloc(s->nodes, s->cap_nodes, sizeof(struct node *));
	}
	n = clv_calloc(1, sizeof *n);
	fill_node(n, a);
	s->structure = ++s->change;
	memmove(&s->nodes[i + 1], &s->nodes[i], (s->n_nodes - i) * sizeof(struct node *));
	s->nodes[i] = n;
	s->n_nodes++;
	return n;
}

void server_drop(struct core *c, struct node *n)
{
	struct server *s = c->srv;
	size_t i = lower_bound(s, n->name);

	if (n->session) {
		n->session->node = NULL;
		server_refuse(c, n->session, REFUSAL_REMOVED, "%s was removed from the management group", n->name);
	}
	memmove(&s->nodes[i], &s->nodes[i + 1], (s->n_nodes - i - 1) * sizeof(struct node *));
	s->n_nodes--;
	s->structure = ++s->change;
	clv_free(n->name);
	clv_free(n->pinned_by);
	buf_release(&n->node_key);
	clv_free(n);
	server_changed(c);
}

void server_fill(const struct core *c, const struct node *n, struct clv_agent_fact *f)
{
	memset(f, 0, sizeof *f);
	f->name = n->name;
	f->approval = n->approval;
	f->has_key = n->has_key;
	f->key = n->key;
	f->last_seen = n->last_seen;
	f->config_version = n->config_version;
	f->config_ordinal = n->config_ordinal;
	f->row_version = n->row_version;
	if (n->session) {
		f->contact = CLV_CONTACT_UP;
		f->server = c->start->name;
		f->mechanism = n->session->open->mechanism == 2 ? CLV_MECHANISM_KERBEROS : CLV_MECHANISM_CERTIFICATE;
		f->protocol = n->session->open->protocol;
		f->cipher = n->session->open->cipher;
	} else {
		/* Three heartbeats missed is silent; after a day it is down. */
		f->contact = n->last_seen && clock_wall_ms() - n->last_seen < 86400000ll ? CLV_CONTACT_SILENT : CLV_CONTACT_DOWN;
	}
}

/* --- links with nodes --- */
struct session *server_session(const struct server *s, uint64_t conn)
{
	struct session *p = s->sessions;

	while (p && p->conn != conn)
		p = p->next;
	return p;
}

static void free_session(struct core *c, struct session *s)
{
	struct session **at = &c->srv->sessions;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	if (s->node && s->node->session == s)
		s->node->session = NULL;
	proto_free((ProtobufCMessage *)s->open);
	clv_free(s);
	server_changed(c);
}

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
	free_session(c, s);
}

struct greeting {
	uint64_t conn;
};

static void on_greeting_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m, const struct clv_err *err)
{
	struct greeting *g = ctx;
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	Clv__Greeting out = CLV__GREETING__INIT;
	Clv__SignedStatement list = CLV__SIGNED_STATEMENT__INIT, proof = CLV__SIGNED_STATEMENT__INIT;

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
		core_frame(c, false, g->conn, FRAME_GREETING, &out.base);
	}
	clv_free(g);
}

static void server_open(struct core *c, bool console, const Clv__ConnOpen *m)
{
	struct session *s;
	struct clv_buf b;
	struct greeting *g;
	Clv__LinkProof p = CLV__LINK_PROOF__INIT;

	if (!c->srv || !c->srv->listed) {
		core_conn_close(c, console, m->conn, "this server is starting");
		return;
	}
	if (console) {
		console_open(c, m);
		return;
	}
	s = clv_calloc(1, sizeof *s);
	s->conn = m->conn;
	s->since = s->heard = clock_wall_ms();
	buf_init(&b, 8192);
	if (proto_encode(&m->base, &b, NULL) ||
	    proto_decode(&clv__conn_open__descriptor, buf_slice(&b), (ProtobufCMessage **)&s->open, NULL)) {
		clv_free(s);
		buf_release(&b);
		return;
	}
	buf_release(&b);
	s->next = c->srv->sessions;
	c->srv->sessions = s;
	g = clv_calloc(1, sizeof *g);
	g->conn = m->conn;
	p.role = c->start->role;
	p.from = c->start->name;
	p.to = s->open->peer_name;
	p.t = s->open->t;
	p.fingerprint = s->open->fingerprint;
	p.machine = PROTO_BYTES(buf_slice(&c->machine));
	kh_sign(c, STATEMENT_LINK_PROOF, &p.base, on_greeting_signed, g);
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

static void welcome(struct core *c, struct session *s, struct node *n)
{
	Clv__Welcome m = CLV__WELCOME__INIT;

	if (n->session && n->session != s) {
		/* T34: the newest with a valid proof wins; both are named. */
		core_event(c, 20000, "Two links of %s: the one from %s takes over from the one from %s.", n->name, s->open->address,
		           n->session->open->address);
		n->session->node = NULL;
		server_refuse(c, n->session, REFUSAL_NEWER_LINK, "a newer link of %s from %s took over", n->name, s->open->address);
	}
	s->node = n;
	n->session = s;
	heard(c, n);
	core_conn_proven(c, false, s->conn);
	m.time = clock_wall_ms();
	m.heartbeat_ms = c->start->heartbeat_ms;
	m.generation = n->generation;
	if (n->has_key)
		m.key_hash = PROTO_BYTES(slice_of(n->key.sha256, 32));
	m.config_version = n->config_version;
	core_frame(c, false, s->conn, FRAME_WELCOME, &m.base);
	server_changed(c);
	keys_send_rotate(c, s);
}

/* The proof is about this channel, these two names, and signed by the key shown with it. */
static clv_rc check_proof(const struct core *c, const struct session *s, const Clv__LinkProofFrame *f, ProtobufCMessage **out,
                          struct clv_err *err)
{
	const Clv__LinkProof *p;

	if (!f->proof)
		return err_set(err, CLV_E_PROTO, "a link proof without its signature");
	if (statement_open(STATEMENT_LINK_PROOF, c->start->group, PROTO_SLICE(f->node_key), PROTO_SLICE(f->proof->body),
	                   PROTO_SLICE(f->proof->signature), out, err))
		return CLV_FAILED;
	p = (const Clv__LinkProof *)*out;
	if (strcmp(p->to, c->start->name) != 0 || !p->initiator || p->machine.len != 32 ||
	    !slice_eq(PROTO_SLICE(p->t), PROTO_SLICE(s->open->t)) ||
	    !slice_eq(PROTO_SLICE(p->fingerprint), PROTO_SLICE(s->open->fingerprint)))
		return err_set(err, CLV_E_AUTH, "the link proof is of another channel: somebody stands in between");
	return CLV_OK;
}

static void on_link_proof(struct core *c, struct session *s, const Clv__LinkProofFrame *f)
{
	ProtobufCMessage *m = NULL;
	const Clv__LinkProof *p;
	struct clv_err err = {0};
	struct node *n;

	if (check_proof(c, s, f, &m, &err)) {
		core_event(c, 20002, "A link of %s from %s was refused: %s.", s->open->peer_name, s->open->address, err.text);
		server_refuse(c, s, REFUSAL_PROOF, "%s", err.text);
		goto out;
	}
	p = (const Clv__LinkProof *)m;
	if (strcmp(p->from, s->open->peer_name) != 0) {
		enroll_quarantine(c, s, p->from, "a link proof");
		goto out;
	}
	n = server_find(c->srv, p->from);
	if (!n || n->approval != CLV_APPROVAL_APPROVED || !slice_eq(buf_slice(&n->node_key), PROTO_SLICE(f->node_key))) {
		enroll_unknown(c, s, f, p);
	} else if (!slice_eq_ct(slice_of(n->machine, 32), PROTO_SLICE(p->machine))) {
		core_event(c, 7022, "%s came from %s with its node key on another machine: a copy. It was refused; the known one goes on.",
		           p->from, s->open->address);
		server_refuse(c, s, REFUSAL_CLONE, "the node key of %s belongs to another machine; make a fresh one here: clavigerd enroll "
		                                   "--role agent --server %s --replace",
		              p->from, c->start->name);
	} else {
		welcome(c, s, n);
	}
out:
	proto_free(m);
}

static void on_heartbeat(struct core *c, struct session *s)
{
	Clv__HeartbeatReply m = CLV__HEARTBEAT_REPLY__INIT;

	heard(c, s->node);
	m.time = clock_wall_ms();
	core_frame(c, false, s->conn, FRAME_HEARTBEAT_REPLY, &m.base);
}

static void handle_frame(struct core *c, struct session *s, uint32_t type, const ProtobufCMessage *m)
{
	if (type == FRAME_LINK_PROOF && !s->node)
		on_link_proof(c, s, (const Clv__LinkProofFrame *)m);
	else if (!s->node)
		server_refuse(c, s, REFUSAL_PROOF, "nothing is taken before the link is proven");
	else if (type == FRAME_HEARTBEAT)
		on_heartbeat(c, s);
	else if (type == FRAME_PUBLISH)
		keys_on_publish(c, s, (const Clv__Publish *)m);
	else if (type == FRAME_OUTBOX)
		outbox_on_batch(c, s, (const Clv__SignedStatement *)m);
	else if (type == FRAME_CONFIG_REQUEST)
		keys_seal(c, s);
}

static void server_frame(struct core *c, bool console, const Clv__ConnFrame *f)
{
	static const struct {
		uint32_t type;
		const ProtobufCMessageDescriptor *body;
	} bodies[] = {{FRAME_LINK_PROOF, &clv__link_proof_frame__descriptor},
	              {FRAME_HEARTBEAT, &clv__heartbeat__descriptor},
	              {FRAME_PUBLISH, &clv__publish__descriptor},
	              {FRAME_OUTBOX, &clv__signed_statement__descriptor},
	              {FRAME_CONFIG_REQUEST, &clv__config_request__descriptor}};
	struct session *s;
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};
	size_t i = 0;

	if (!c->srv)
		return;
	if (console) {
		console_frame(c, f);
		return;
	}
	s = server_session(c->srv, f->conn);
	if (!s)
		return;
	s->heard = clock_wall_ms();
	while (i < sizeof bodies / sizeof bodies[0] && bodies[i].type != f->type)
		i++;
	if (i == sizeof bodies / sizeof bodies[0]) {
		server_refuse(c, s, REFUSAL_PROOF, "a message of type %u is not for a server", f->type);
	} else if (proto_decode(bodies[i].body, PROTO_SLICE(f->body), &m, &err)) {
		core_event(c, 20002, "A message of %s from %s was refused: %s.", s->open->peer_name, s->open->address, err.text);
		server_refuse(c, s, REFUSAL_PROOF, "%s", err.text);
	} else {
		handle_frame(c, s, f->type, m);
	}
	proto_free(m);
}

/* One clear event for each refused connection, but no flood from one address. */
static bool may_tell(struct server *s, const char *address)
{
	int64_t now = clock_mono_ms();
	size_t pick = 0;

	for (size_t i = 0; i < sizeof s->refusals / sizeof s->refusals[0]; i++) {
		if (strcmp(s->refusals[i].address, address) == 0) {
			pick = i;
			break;
		}
		if (s->refusals[i].since < s->refusals[pick].since)
			pick = i;
	}
	if (strcmp(s->refusals[pick].address, address) != 0 || now - s->refusals[pick].since > 3600000) {
		(void)snprintf(s->refusals[pick].address, sizeof s->refusals[pick].address, "%s", address);
		s->refusals[pick].since = now;
		s->refusals[pick].n = 0;
	}
	return ++s->refusals[pick].n <= REFUSAL_EVENTS * 20;
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
		if (may_tell(c->srv, m->address))
			core_event(c, 20002, "A %s at %s could not be authenticated and was rejected: %s.", console ? "console" : "device",
			           m->address, m->text);
		return;
	}
	if (!s)
		return;
	if (s->node) {
		heard(c, s->node);
		if (m->code == CLV_E_TIMEOUT)
			core_event(c, 20022, "%s is not heartbeating: %s.", s->node->name, m->text);
		else if (m->code == CLV_E_AUTH)
			core_event(c, 20002, "The link of %s was closed: %s.", s->node->name, m->text);
	} else if (!s->refused && m->code != CLV_E_CLOSED) {
		core_event(c, 20002, "The link of %s from %s was closed: %s.", s->open->peer_name, m->address, m->text);
	}
	free_session(c, s);
}

/* --- the signed list of servers --- */
static void on_list_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m, const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;

	(void)ctx;
	(void)type;
	if (!m) {
		log_err(LOG_ERROR, err, "signing the list of servers");
		return;
	}
	buf_clear(&c->srv->list_body);
	buf_clear(&c->srv->list_sig);
	if (buf_put(&c->srv->list_body, PROTO_SLICE(k->body), NULL) || buf_put(&c->srv->list_sig, PROTO_SLICE(k->signature), NULL))
		return;
	if (!c->srv->listed && c->mode == 'r') {
		Clv__Ready r = CLV__READY__INIT;

		r.name = c->start->name;
		core_send(c, LINK_PARENT, IPC_READY, &r.base);
	}
	c->srv->listed = true;
}

void server_list_sign(struct core *c)
{
	Clv__ServerEntry e = CLV__SERVER_ENTRY__INIT, *entries[1] = {&e};
	Clv__ServerList m = CLV__SERVER_LIST__INIT;

	e.name = c->start->name;
	e.node_key = PROTO_BYTES(buf_slice(&c->node_key));
	e.address = c->start->advertise ? c->start->advertise : (char *)(uintptr_t)"";
	m.number = 1;
	m.fencing = c->srv->fencing;
	m.n_servers = 1;
	m.servers = entries;
	m.recovery_key_hash = PROTO_BYTES(buf_slice(&c->recovery_hash));
	kh_sign(c, STATEMENT_SERVER_LIST, &m.base, on_list_signed, NULL);
}

/* --- start --- */
static clv_rc load_agent(const struct store_agent *a, void *ctx, struct clv_err *err)
{
	(void)err;
	(void)server_add(ctx, a);
	return CLV_OK;
}

static clv_rc load_pending(const struct store_pending *p, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;

	(void)err;
	if (s->n_pendings == PENDING_MAX)
		return CLV_OK;
	s->pendings[s->n_pendings] = clv_calloc(1, sizeof(struct pending));
	s->pendings[s->n_pendings++]->row = *p;
	return CLV_OK;
}

static clv_rc load_role(const struct clv_role_fact *f, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct role_grant *r;

	(void)err;
	s->roles = clv_realloc(s->roles, s->n_roles + 1, sizeof *s->roles);
	r = &s->roles[s->n_roles++];
	*r = (struct role_grant){clv_strdup(f->principal), clv_strdup(f->by), f->role, f->since};
	return CLV_OK;
}

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct clv_buf b;
	struct clv_slice v;
	uint64_t bad = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (store_agents(d, load_agent, s, err) || store_pendings(d, load_pending, s, err) || store_roles(d, load_role, s, err) ||
	    store_meta_get(d, "fencing", &b, err) || store_audit_verify(d, &s->audit_rows, &bad, err) ||
	    store_count(d, false, &s->events_total, err) ||
	    store_turned_away(d, clock_wall_ms() - 86400000ll, &s->turned_away, err))
		goto out;
	v = buf_slice(&b);
	rc = v.len ? slice_get_u64(&v, &s->fencing, err) : CLV_OK;
	s->audit_bad = (int64_t)bad;
	s->audit_checked = clock_wall_ms();
out:
	buf_release(&b);
	return rc;
}

static void done_load(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct server *s = ctx;

	if (rc) {
		core_outcome(c, 1, "the database cannot be read: %s", err->text);
		return;
	}
	if (!s->fencing) {
		core_outcome(c, 1, "%s/OperationsManager.db is of no management group yet: run clavigerd init", c->start->state);
		return;
	}
	s->loaded = true;
	if (s->audit_bad)
		core_event(c, 2003, "The audit trail is broken at row %" PRId64 ": rows before it hold.", s->audit_bad);
	log_info("loaded %zu nodes, %zu requests, %zu roles", s->n_nodes, s->n_pendings, s->n_roles);
	server_list_sign(c);
}

static struct server *new_server(void)
{
	struct server *s = clv_calloc(1, sizeof *s);

	s->pendings = clv_calloc(PENDING_MAX, sizeof *s->pendings);
	buf_init(&s->list_body, 65536);
	buf_init(&s->list_sig, STATEMENT_SIG_MAX);
	s->retain_at = clock_mono_ms() + 60000;
	return s;
}

static void server_ready(struct core *c, const Clv__KhInfo *info)
{
	if (c->mode == 'i') {
		init_group(c, info);
		return;
	}
	if (c->srv) {
		if (c->srv->loaded)
			server_list_sign(c); /* the key holder is back */
		return;
	}
	if (!info->has_group_secret || !info->node_key.len) {
		core_outcome(c, 1, "%s has no group key: run clavigerd init first", c->start->name);
		return;
	}
	if (!info->machine_matches) {
		core_outcome(c, 1, "the state folder was copied from another machine (7022): its node key is not used here");
		return;
	}
	c->srv = new_server();
	core_db_put(c, run_load, done_load, c->srv);
}

static void server_link_lost(struct core *c, enum core_link_id id)
{
	if (!c->srv)
		return;
	if (id == LINK_NODE)
		while (c->srv->sessions)
			free_session(c, c->srv->sessions);
	if (id == LINK_CONSOLE)
		console_lost(c);
}

static void server_creds(struct core *c, const Clv__CredsResult *m)
{
	struct server *s = c->srv;

	if (!m->ok) {
		if (s && s->loaded)
			core_event(c, 21036, "The channel certificate cannot be used: %s.%s clavigerd check says more.", m->text,
			           m->in_use ? " The one before stays in use." : "");
		else
			log_error("the channel certificate cannot be used: %s", m->text);
		return;
	}
	if (s && s->loaded && c->has_thumbprint && m->thumbprint.len == 32 &&
	    !slice_eq(slice_of(c->thumbprint, 32), PROTO_SLICE(m->thumbprint)))
		core_event(c, 20053, "A renewed channel certificate was loaded and is in use.");
	if (m->thumbprint.len == 32)
		memcpy(c->thumbprint, m->thumbprint.data, 32);
	c->has_thumbprint = true;
	c->cert_not_after = m->not_after;
}

static void server_tick(struct core *c, int64_t now_ms)
{
	if (!c->srv || !c->srv->loaded)
		return;
	console_push(c, now_ms);
	server_retain(c, now_ms);
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
    .local_console = console_adopt,
    .tick = server_tick,
    .event = server_event,
};
