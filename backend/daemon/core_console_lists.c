/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of lists: agents from memory, events and audit rows from the database thread, the rest from
 * memory. Filters and sorting are model/filter's. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console.h"
#include "keys/agentcert.h"
#include "model/filter.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_KEEP_MS 300 /* a page further in the same list looks at the same rows */

static char *text_or_empty(char *s)
{
	return s ? s : (char *)(uintptr_t)"";
}

static void pack_key(const struct clv_key_fact *f, Clv__Key *k)
{
	clv__key__init(k);
	k->generation = f->generation;
	k->ordinal = f->ordinal;
	k->state = f->state;
	k->sha1 = PROTO_BYTES(slice_of(f->sha1, 20));
	k->sha256 = PROTO_BYTES(slice_of(f->sha256, 32));
	k->rsa_bits = f->rsa_bits;
	k->not_before = f->not_before;
	k->not_after = f->not_after;
	k->made = f->made;
	k->published = f->published;
	k->stored = f->stored;
	k->in_use = f->in_use;
	k->confirmed = f->confirmed;
	k->retired = f->retired;
	k->destroyed = f->destroyed;
	k->refused = f->refused;
}

void console_pack_agent(const struct core *c, const struct node *n, Clv__Agent *a, Clv__Key *k)
{
	struct clv_agent_fact f;

	server_fill(c, n, &f);
	clv__agent__init(a);
	a->name = f.name;
	a->approval = f.approval;
	a->contact = f.contact;
	if (f.has_key) {
		pack_key(&n->key, k); /* the fact is gone with this call, the node is not */
		a->key = k;
	}
	a->server = text_or_empty(f.server);
	a->mechanism = f.mechanism;
	a->protocol = text_or_empty(f.protocol);
	a->cipher = text_or_empty(f.cipher);
	a->last_seen = f.last_seen;
	a->config_version = f.config_version;
	a->config_ordinal = f.config_ordinal;
	a->row_version = f.row_version;
}

/* --- agents --- */
struct sorting {
	const struct core *c;
	sort_cmp *cmp;
	bool descending;
};
static _Thread_local struct sorting sorting; /* qsort has no context in C11 */

static int compare_nodes(const void *a, const void *b)
{
	struct clv_agent_fact x, y;
	int v;

	server_fill(sorting.c, *(struct node *const *)a, &x);
	server_fill(sorting.c, *(struct node *const *)b, &y);
	v = sorting.cmp(&x, &y);
	return sorting.descending ? -v : v;
}

static clv_rc select_nodes(struct core *c, struct console *k, const Clv__ListRequest *m, struct clv_err *err)
{
	char *key = clv_asprintf("%s\n%s\n%d", m->filter, m->sort, m->descending);
	int64_t now = clock_mono_ms();
	struct filter *f = NULL;
	sort_cmp *cmp = NULL;
	bool all, by_name = !*m->sort || strcmp(m->sort, "name") == 0;
	clv_rc rc = CLV_FAILED;

	if (k->rows_key && strcmp(k->rows_key, key) == 0 && (k->rows_change == c->srv->change || now - k->rows_at < ROWS_KEEP_MS) &&
	    k->rows_change >= c->srv->structure) {
		clv_free(key);
		return CLV_OK;
	}
	f = filter_parse(m->filter, FILTER_AGENTS, clock_wall_ms(), err);
	if (!f || sort_parse(m->sort, FILTER_AGENTS, &cmp, err))
		goto out;
	all = filter_is_all(f);
	k->rows = clv_realloc(k->rows, c->srv->n_nodes + 1, sizeof *k->rows);
	k->n_rows = 0;
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		struct clv_agent_fact fact;

		if (!all) {
			server_fill(c, c->srv->nodes[i], &fact);
			if (!filter_agent(f, &fact))
				continue;
		}
		k->rows[k->n_rows++] = c->srv->nodes[i];
	}
	sorting = (struct sorting){c, cmp, m->descending};
	if (!by_name)
		qsort(k->rows, k->n_rows, sizeof *k->rows, compare_nodes);
	else if (m->descending)
		for (size_t i = 0; i < k->n_rows / 2; i++) {
			struct node *t = k->rows[i];

			k->rows[i] = k->rows[k->n_rows - 1 - i];
			k->rows[k->n_rows - 1 - i] = t;
		}
	clv_free(k->rows_key);
	k->rows_key = key;
	key = NULL;
	k->rows_change = c->srv->change;
	k->rows_at = now;
	rc = CLV_OK;
out:
	filter_free(f);
	clv_free(key);
	return rc;
}

/* Where the window begins: the anchor stands `offset` rows below its top. */
static uint64_t window_start(uint64_t anchor_at, bool anchored, uint64_t offset, uint64_t n, uint32_t limit)
{
	uint64_t start = anchored ? (anchor_at > offset ? anchor_at - offset : 0) : offset;

	if (start + limit > n)
		start = n > limit ? n - limit : 0;
	if (!anchored && offset < n && offset > start)
		start = offset; /* asked for the tail as it is */
	return start;
}

static void list_agents(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct console *k = q->console;
	Clv__AgentList out = CLV__AGENT_LIST__INIT;
	struct clv_err err = {0};
	uint64_t at = 0, start;
	bool anchored = false;
	size_t n;

	if (select_nodes(c, k, m, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	for (size_t i = 0; *m->anchor && i < k->n_rows && !anchored; i++)
		if (strcmp(k->rows[i]->name, m->anchor) == 0) {
			anchored = true;
			at = i;
		}
	start = window_start(at, anchored, m->offset, k->n_rows, m->limit);
	n = k->n_rows - start < m->limit ? (size_t)(k->n_rows - start) : m->limit;
	if (start >= k->n_rows)
		n = 0;
	out.req = q->req;
	out.total = c->srv->n_nodes;
	out.matched = k->n_rows;
	out.offset = start;
	out.time = clock_wall_ms();
	out.rows = clv_calloc(n + 1, sizeof *out.rows);
	for (; out.n_rows < n; out.n_rows++) {
		struct {
			Clv__Agent a;
			Clv__Key k;
		} *row = clv_calloc(1, sizeof *row);

		console_pack_agent(c, k->rows[start + out.n_rows], &row->a, &row->k);
		out.rows[out.n_rows] = &row->a;
	}
	console_answer(c, q, REP_AGENTS, &out.base, &out.time);
	for (size_t i = 0; i < n; i++)
		clv_free(out.rows[i]);
	clv_free(out.rows);
}

/* --- events and audit, from the database --- */
struct scan {
	struct console_request q;
	bool audit, oldest_first, pushed;
	uint64_t offset, total, matched, skip;
	uint32_t limit;
	struct filter *filter;
	bool all;
	void **rows;
	size_t n;
};

static Clv__Event *dup_event(const struct clv_event_fact *e)
{
	Clv__Event *r = clv_calloc(1, sizeof *r);

	clv__event__init(r);
	r->seq = e->seq;
	r->time = e->time;
	r->node = clv_strdup(e->node);
	r->source = clv_strdup(e->source);
	r->id = e->id;
	r->level = e->level;
	r->category = clv_strdup(e->category);
	r->text = clv_strdup(e->text);
	return r;
}

static void free_event(Clv__Event *r)
{
	clv_free(r->node);
	clv_free(r->source);
	clv_free(r->category);
	clv_free(r->text);
	clv_free(r);
}

/* Takes the row when it is inside the window. Without a filter the scan ends with the window. */
static bool in_window(struct scan *s, bool *stop)
{
	bool inside;

	s->matched++;
	inside = s->all ? true : s->matched > s->offset && s->n < s->limit;
	if (s->all && s->n + 1 >= s->limit)
		*stop = true;
	return inside && s->n < s->limit;
}

static clv_rc take_event(const struct clv_event_fact *e, void *ctx, bool *stop, struct clv_err *err)
{
	struct scan *s = ctx;

	(void)err;
	if ((s->all || filter_event(s->filter, e)) && in_window(s, stop))
		s->rows[s->n++] = dup_event(e);
	return CLV_OK;
}

static clv_rc take_audit(const struct clv_audit_fact *a, void *ctx, bool *stop, struct clv_err *err)
{
	struct scan *s = ctx;
	Clv__Audit *r;

	(void)err;
	if (!(s->all || filter_audit(s->filter, a)) || !in_window(s, stop))
		return CLV_OK;
	r = clv_calloc(1, sizeof *r);
	clv__audit__init(r);
	r->seq = a->seq;
	r->time = a->time;
	r->who = clv_strdup(a->who);
	r->from = clv_strdup(a->from);
	r->act = clv_strdup(a->act);
	r->object = clv_strdup(a->object);
	r->result = clv_strdup(a->result);
	r->detail = clv_strdup(a->detail);
	r->hash.data = clv_memdup(a->hash, 32);
	r->hash.len = 32;
	s->rows[s->n++] = r;
	return CLV_OK;
}

static clv_rc run_scan(struct db *d, void *ctx, struct clv_err *err)
{
	struct scan *s = ctx;
	uint64_t skip = s->all ? s->offset : 0;

	if (store_count(d, s->audit, &s->total, err))
		return CLV_FAILED;
	return s->audit ? store_audits(d, s->oldest_first, skip, take_audit, s, err)
	                : store_events(d, s->oldest_first, skip, take_event, s, err);
}

static void free_scan(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->audit) {
			Clv__Audit *r = s->rows[i];

			clv_free(r->who);
			clv_free(r->from);
			clv_free(r->act);
			clv_free(r->object);
			clv_free(r->result);
			clv_free(r->detail);
			clv_free(r->hash.data);
			clv_free(r);
		} else {
			free_event(s->rows[i]);
		}
	}
	clv_free(s->rows);
	filter_free(s->filter);
	clv_free(s);
}

static void done_scan(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct scan *s = ctx;

	s->q.console = console_find(c->srv, s->q.conn);
	s->q.watch = NULL;
	for (size_t i = 0; s->q.console && s->pushed && i < s->q.console->n_watches; i++)
		if (s->q.console->watches[i].req == s->q.req)
			s->q.watch = &s->q.console->watches[i];
	if (!s->q.console || (s->pushed && !s->q.watch)) {
		free_scan(s);
		return;
	}
	if (s->q.watch)
		s->q.watch->busy = false;
	if (rc) {
		console_refuse(c, s->q.conn, s->q.req, err, 0);
	} else if (s->audit) {
		Clv__AuditList m = CLV__AUDIT_LIST__INIT;

		m.req = s->q.req;
		m.total = s->total;
		m.matched = s->all ? s->total : s->matched;
		m.offset = s->offset;
		m.time = clock_wall_ms();
		m.n_rows = s->n;
		m.rows = (Clv__Audit **)s->rows;
		console_answer(c, &s->q, REP_AUDIT, &m.base, &m.time);
	} else {
		Clv__EventList m = CLV__EVENT_LIST__INIT;

		m.req = s->q.req;
		m.total = s->total;
		m.matched = s->all ? s->total : s->matched;
		m.offset = s->offset;
		m.time = clock_wall_ms();
		m.n_rows = s->n;
		m.rows = (Clv__Event **)s->rows;
		console_answer(c, &s->q, REP_EVENTS, &m.base, &m.time);
	}
	free_scan(s);
}

static void list_rows(struct core *c, const struct console_request *q, const Clv__ListRequest *m, bool audit)
{
	struct scan *s;
	struct clv_err err = {0};
	struct filter *f;

	if (q->watch && q->watch->busy)
		return;
	if (*m->sort && strcmp(m->sort, "time") != 0 && strcmp(m->sort, "seq") != 0) {
		(void)err_set(&err, CLV_E_USAGE, "%s are in the order of time; --sort %s is not offered", audit ? "audit rows" : "events", m->sort);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	f = filter_parse(m->filter, audit ? FILTER_AUDIT : FILTER_EVENTS, clock_wall_ms(), &err);
	if (!f) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	s = clv_calloc(1, sizeof *s);
	s->q = *q;
	s->audit = audit;
	s->pushed = q->watch != NULL;
	if (q->watch)
		q->watch->busy = true;
	/* Newest first unless a sort is named: then as it says. */
	s->oldest_first = *m->sort && !m->descending;
	s->offset = m->offset;
	s->limit = m->limit;
	s->filter = f;
	s->all = filter_is_all(f);
	s->rows = clv_calloc(m->limit + 1u, sizeof *s->rows);
	core_db_put(c, run_scan, done_scan, s);
}

/* --- pending --- */
static void short_hex(const uint8_t *p, char out[20])
{
	char hex[9];

	hex_encode(slice_of(p, 4), false, hex);
	(void)snprintf(out, 20, "%.4s…%.2s", hex, hex + 6);
}

struct pending_row {
	Clv__Pending p;
	char fingerprint[FINGERPRINT_TEXT_MAX], known_key[24], machine[20], known_machine[20];
};

static void pack_pending(const struct core *c, const struct store_pending *p, struct pending_row *r)
{
	const struct node *known = server_find(c->srv, p->name);
	uint8_t hash[KEY_HASH_LEN];
	char hex[65];

	clv__pending__init(&r->p);
	fingerprint_text(p->fingerprint, true, r->fingerprint);
	short_hex(p->machine, r->machine);
	r->p.id = p->id;
	r->p.name = (char *)(uintptr_t)p->name;
	r->p.role = (char *)(uintptr_t)p->role;
	r->p.from = (char *)(uintptr_t)p->from;
	r->p.came_by = (char *)(uintptr_t)p->came_by;
	r->p.looks_like = (char *)(uintptr_t)p->looks_like;
	r->p.conflict = p->conflict;
	r->p.time = p->time;
	r->p.fingerprint_hidden = r->fingerprint;
	r->p.machine = r->machine;
	r->p.vouched = p->vouched;
	if (!known || sha256(buf_slice(&known->node_key), hash, NULL))
		return;
	hex_encode(slice_of(hash, 32), true, hex);
	(void)snprintf(r->known_key, sizeof r->known_key, "%.4s %.4s", hex, hex + 4);
	short_hex(known->machine, r->known_machine);
	r->p.known_fingerprint = r->known_key;
	r->p.known_machine = r->known_machine;
	r->p.known_pinned_at = known->pinned_at;
	r->p.known_pinned_by = known->pinned_by;
	r->p.known_alive = known->session != NULL;
	if (known->session)
		r->p.known_from = known->session->open->address;
}

static void pending_fact(const struct pending_row *r, struct clv_pending_fact *f)
{
	memset(f, 0, sizeof *f);
	f->id = r->p.id;
	f->name = r->p.name;
	f->role = r->p.role;
	f->from = r->p.from;
	f->came_by = r->p.came_by;
	f->looks_like = r->p.looks_like;
	f->conflict = r->p.conflict;
	f->time = r->p.time;
	f->fingerprint_hidden = r->p.fingerprint_hidden;
}

static int compare_pending(const void *a, const void *b)
{
	struct clv_pending_fact x, y;
	int v;

	pending_fact(*(struct pending_row *const *)a, &x);
	pending_fact(*(struct pending_row *const *)b, &y);
	v = sorting.cmp(&x, &y);
	return sorting.descending ? -v : v;
}

static void list_pending(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct server *s = c->srv;
	struct pending_row **rows = clv_calloc(s->n_pendings + 1, sizeof(struct pending_row *));
	Clv__PendingList out = CLV__PENDING_LIST__INIT;
	struct clv_err err = {0};
	struct filter *f = filter_parse(m->filter, FILTER_PENDING, clock_wall_ms(), &err);
	sort_cmp *cmp = NULL;
	size_t n = 0, made = 0;

	if (!f || sort_parse(m->sort, FILTER_PENDING, &cmp, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		goto out;
	}
	for (size_t i = 0; i < s->n_pendings; i++) {
		struct pending_row *r = clv_calloc(1, sizeof *r);
		struct clv_pending_fact fact;

		pack_pending(c, &s->pendings[i]->row, r);
		pending_fact(r, &fact);
		if (filter_pending(f, &fact))
			rows[n++] = r;
		else
			clv_free(r);
	}
	made = n;
	sorting = (struct sorting){c, cmp, m->descending};
	qsort(rows, n, sizeof *rows, compare_pending);
	out.req = q->req;
	out.total = s->n_pendings;
	out.matched = n;
	out.offset = m->offset < n ? m->offset : n;
	out.time = clock_wall_ms();
	out.n_rows = n - out.offset < m->limit ? n - out.offset : m->limit;
	out.rows = (Clv__Pending **)(rows + out.offset);
	console_answer(c, q, REP_PENDING, &out.base, &out.time);
out:
	for (size_t i = 0; i < made; i++)
		clv_free(rows[i]);
	clv_free(rows);
	filter_free(f);
}

/* --- roles and requests --- */
static void list_roles(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct server *s = c->srv;
	Clv__Role *rows = clv_calloc(s->n_roles + 1, sizeof *rows), **list = clv_calloc(s->n_roles + 1, sizeof *list);
	Clv__RoleList out = CLV__ROLE_LIST__INIT;

	for (size_t i = 0; i < s->n_roles; i++) {
		clv__role__init(&rows[i]);
		rows[i].principal = s->roles[i].principal;
		rows[i].role = s->roles[i].role;
		rows[i].since = s->roles[i].since;
		rows[i].by = s->roles[i].by;
		list[i] = &rows[i];
	}
	out.req = q->req;
	out.total = out.matched = s->n_roles;
	out.offset = m->offset < s->n_roles ? m->offset : s->n_roles;
	out.time = clock_wall_ms();
	out.rows = list + out.offset;
	out.n_rows = s->n_roles - out.offset < m->limit ? s->n_roles - out.offset : m->limit;
	console_answer(c, q, REP_ROLES, &out.base, &out.time);
	clv_free(rows);
	clv_free(list);
}

static void list_requests(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	static const struct {
		const char *name;
		enum clv_role role;
		bool changes;
		const char *help;
	} table[] = {
#define X(sym, num, body, reply, name, role, changes, help) {name, role, changes, help},
	    CLV_REQUEST_LIST(X)
#undef X
	};
	enum { N = sizeof table / sizeof table[0] };
	Clv__RequestRow rows[N], *list[N];
	Clv__RequestList out = CLV__REQUEST_LIST__INIT;

	for (size_t i = 0; i < N; i++) {
		clv__request_row__init(&rows[i]);
		rows[i].name = (char *)(uintptr_t)table[i].name;
		rows[i].role = table[i].role;
		rows[i].changes = table[i].changes;
		rows[i].help = (char *)(uintptr_t)table[i].help;
		list[i] = &rows[i];
	}
	out.req = q->req;
	out.total = out.matched = N;
	out.offset = m->offset < N ? m->offset : N;
	out.time = clock_wall_ms();
	out.rows = list + out.offset;
	out.n_rows = N - out.offset < m->limit ? N - out.offset : m->limit;
	console_answer(c, q, REP_REQUESTS, &out.base, &out.time);
}

void console_list(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct clv_err err = {0};

	if (m->limit == 0 || m->limit > CONSOLE_ROWS_MAX) {
		(void)err_set(&err, CLV_E_USAGE, "a window of %u rows; 1 to %u are given", m->limit, CONSOLE_ROWS_MAX);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	if (*m->filter && (q->type == REQ_ROLES || q->type == REQ_REQUESTS)) {
		(void)err_set(&err, CLV_E_USAGE, "this list takes no filter");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	switch (q->type) {
	case REQ_AGENTS:
		list_agents(c, q, m);
		break;
	case REQ_EVENTS:
		list_rows(c, q, m, false);
		break;
	case REQ_AUDIT:
		list_rows(c, q, m, true);
		break;
	case REQ_PENDING:
		list_pending(c, q, m);
		break;
	case REQ_ROLES:
		list_roles(c, q, m);
		break;
	default:
		list_requests(c, q, m);
		break;
	}
}

/* --- one agent --- */
struct detail {
	struct console_request q;
	bool pushed;
	char name[STORE_NAME_MAX];
	struct clv_key_fact keys[100];
	char *pems[100];
	size_t n_keys;
	Clv__Event *events[50];
	size_t n_events;
};

static clv_rc take_key(const struct clv_key_fact *k, struct clv_slice cert, void *ctx, struct clv_err *err)
{
	struct detail *d = ctx;
	struct clv_buf pem;

	if (d->n_keys == sizeof d->keys / sizeof d->keys[0])
		return CLV_OK;
	buf_init(&pem, 16384);
	if (d->n_keys == 0 && (agentcert_to_pem(cert, &pem, err) || buf_put_u8(&pem, 0, err))) {
		buf_release(&pem);
		return CLV_FAILED;
	}
	d->pems[d->n_keys] = buf_slice(&pem).len ? clv_strdup((const char *)buf_slice(&pem).ptr) : NULL;
	d->keys[d->n_keys++] = *k;
	buf_release(&pem);
	return CLV_OK;
}

static clv_rc take_own_event(const struct clv_event_fact *e, void *ctx, bool *stop, struct clv_err *err)
{
	struct detail *d = ctx;

	(void)stop;
	(void)err;
	if (d->n_events < sizeof d->events / sizeof d->events[0])
		d->events[d->n_events++] = dup_event(e);
	return CLV_OK;
}

static clv_rc run_detail(struct db *db, void *ctx, struct clv_err *err)
{
	struct detail *d = ctx;

	if (store_keys(db, d->name, take_key, d, err))
		return CLV_FAILED;
	return store_events_of(db, d->name, take_own_event, d, err);
}

static void free_detail(struct detail *d)
{
	for (size_t i = 0; i < d->n_keys; i++)
		clv_free(d->pems[i]);
	for (size_t i = 0; i < d->n_events; i++)
		free_event(d->events[i]);
	clv_free(d);
}

static void pack_link(const struct node *n, Clv__AgentDetail *m)
{
	const struct session *s = n->session;

	if (!s)
		return;
	m->link_since = s->since;
	m->fingerprint = s->open->fingerprint;
	m->fingerprint_agreed = true; /* both link proofs were verified, or there is no session */
	m->channel_thumbprint = s->open->peer_thumbprint;
	m->channel_not_after = s->open->peer_not_after;
}

static void answer_detail(struct core *c, struct detail *d, struct node *n)
{
	Clv__AgentDetail m = CLV__AGENT_DETAIL__INIT;
	Clv__Agent a;
	Clv__Key k, rows[100], *list[100];
	uint8_t id[KEY_HASH_LEN];

	console_pack_agent(c, n, &a, &k);
	for (size_t i = 0; i < d->n_keys; i++) {
		pack_key(&d->keys[i], &rows[i]);
		if (d->pems[i])
			rows[i].pem = d->pems[i];
		list[i] = &rows[i];
	}
	m.req = d->q.req;
	m.time = clock_wall_ms();
	m.agent = &a;
	m.keys = list;
	m.n_keys = d->n_keys;
	pack_link(n, &m);
	if (n->has_configured)
		m.channel_configured = PROTO_BYTES(slice_of(n->configured, 32));
	if (!sha256(buf_slice(&n->node_key), id, NULL))
		m.node_key_id = PROTO_BYTES(slice_of(id, 32));
	m.pinned_at = n->pinned_at;
	m.pinned_by = n->pinned_by;
	m.machine_matches = true; /* another machine never gets a link; see enroll and 7022 */
	m.config_confirmed = n->config_confirmed;
	m.config_confirmed_ordinal = n->config_confirmed_ordinal;
	m.config_confirmed_at = n->config_confirmed_at;
	m.events = d->events;
	m.n_events = d->n_events;
	console_answer(c, &d->q, REP_AGENT, &m.base, &m.time);
}

static void done_detail(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct detail *d = ctx;
	struct node *n = server_find(c->srv, d->name);
	struct clv_err gone = {0};

	d->q.console = console_find(c->srv, d->q.conn);
	d->q.watch = NULL;
	for (size_t i = 0; d->q.console && d->pushed && i < d->q.console->n_watches; i++)
		if (d->q.console->watches[i].req == d->q.req)
			d->q.watch = &d->q.console->watches[i];
	if (d->q.watch)
		d->q.watch->busy = false;
	if (d->q.console && !(d->pushed && !d->q.watch)) {
		(void)err_set(&gone, CLV_E_NOTFOUND, "%s was removed", d->name);
		if (rc || !n)
			console_refuse(c, d->q.conn, d->q.req, rc ? err : &gone, 0);
		else
			answer_detail(c, d, n);
	}
	free_detail(d);
}

void console_agent(struct core *c, const struct console_request *q, const Clv__AgentRequest *m)
{
	struct node *n = NULL;
	struct clv_err err = {0};
	struct detail *d;
	size_t len;

	if (q->watch && q->watch->busy)
		return;
	if (server_resolve(c->srv, m->name, &n, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	len = strlen(n->name);
	d = clv_calloc(1, sizeof *d);
	d->q = *q;
	d->pushed = q->watch != NULL;
	if (q->watch)
		q->watch->busy = true;
	memcpy(d->name, n->name, len < sizeof d->name ? len : sizeof d->name - 1);
	core_db_put(c, run_detail, done_detail, d);
}
