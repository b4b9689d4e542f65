/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What consoles ask of alerts: windows of the list, the path of one (judged now, from what is stored), the
 * path of now, acknowledging. Rows come from the database's thread; signatures are judged in the loop by the
 * keys that are pinned. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_act.h"
#include "daemon/core_server_alerts.h"
#include "model/filter.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCAN_BYTES (600u * 1024u) /* an answer stays below a frame; the console asks for what follows */
#define ROW_BYTES  400u

/* --- rows --- */
static Clv__AlertRow *dup_row(const struct clv_alert_fact *a)
{
	Clv__AlertRow *r = clv_calloc(1, sizeof *r);

	clv__alert_row__init(r);
	r->id = a->id;
	r->time = a->time;
	r->severity = a->severity;
	r->agent = clv_strdup(a->agent);
	r->name = clv_strdup(a->name);
	r->text = clv_strdup(a->text);
	r->source = clv_strdup(a->source);
	r->count = a->count;
	r->verdict = a->path;
	r->why = clv_strdup(a->why);
	r->checked = a->checked;
	r->acknowledged = a->acknowledged;
	r->acknowledged_by = clv_strdup(a->acknowledged_by);
	r->sequence = a->sequence;
	r->lost_from = a->lost_from;
	r->received = a->received;
	r->own_record = a->own_record;
	return r;
}

static void free_row(Clv__AlertRow *r)
{
	if (!r)
		return;
	clv_free(r->agent);
	clv_free(r->name);
	clv_free(r->text);
	clv_free(r->source);
	clv_free(r->why);
	clv_free(r->acknowledged_by);
	clv_free(r);
}

/* --- windows --- */
struct alert_scan {
	struct console_request q;
	struct clv_slice run;
	bool oldest_first, pushed, all;
	uint64_t offset, total, matched;
	uint32_t limit;
	struct filter *filter;
	Clv__AlertRow **rows;
	size_t n, bytes;
};

static clv_rc take_row(const struct clv_alert_fact *a, void *ctx, bool *stop, struct clv_err *err)
{
	struct alert_scan *s = ctx;
	bool room = s->n < s->limit && s->bytes < SCAN_BYTES;

	(void)err;
	if (!s->all && !filter_alert(s->filter, a))
		return CLV_OK;
	s->matched++;
	if (s->all && (s->n + 1 >= s->limit || !room))
		*stop = true;
	if (!room || (!s->all && s->matched <= s->offset))
		return CLV_OK;
	s->bytes += strlen(a->text) + strlen(a->name) + ROW_BYTES;
	s->rows[s->n++] = dup_row(a);
	return CLV_OK;
}

static clv_rc run_scan(struct db *d, void *ctx, struct clv_err *err)
{
	struct alert_scan *s = ctx;

	if (store_alert_count(d, &s->total, err))
		return CLV_FAILED;
	return store_alerts(d, s->run, s->oldest_first, s->all ? s->offset : 0, take_row, s, err);
}

static void free_scan(struct alert_scan *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_row(s->rows[i]);
	clv_free(s->rows);
	filter_free(s->filter);
	clv_free(s);
}

static void done_scan(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct alert_scan *s = ctx;
	Clv__AlertList m = CLV__ALERT_LIST__INIT;

	s->q.console = console_find(c->srv, s->q.conn);
	s->q.watch = NULL;
	for (size_t i = 0; s->q.console && s->pushed && i < s->q.console->n_watches; i++)
		if (s->q.console->watches[i].req == s->q.req)
			s->q.watch = &s->q.console->watches[i];
	if (s->q.watch)
		s->q.watch->busy = false;
	if (s->q.console && (!s->pushed || s->q.watch)) {
		m.req = s->q.req;
		m.total = s->total;
		m.matched = s->all ? s->total : s->matched;
		m.offset = s->offset;
		m.time = clock_wall_ms();
		m.n_rows = s->n;
		m.rows = s->rows;
		for (size_t i = 0; i < c->srv->n_nodes; i++) {
			m.agents++;
			m.silent += c->srv->nodes[i]->session == NULL;
		}
		if (rc)
			console_refuse(c, s->q.conn, s->q.req, err, 0);
		else
			console_answer(c, &s->q, REP_ALERTS, &m.base, &m.time);
	}
	free_scan(s);
}

void console_alerts(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct alert_scan *s;
	struct clv_err err = {0};
	struct filter *f;

	if (q->watch && q->watch->busy)
		return;
	if (*m->sort && strcmp(m->sort, "time") != 0 && strcmp(m->sort, "id") != 0) {
		(void)err_set(&err, CLV_E_USAGE,
		              "alerts are in the order in which they came; --sort %s is not "
		              "offered",
		              m->sort);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	f = filter_parse(m->filter, FILTER_ALERTS, clock_wall_ms(), &err);
	if (!f) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	s = clv_calloc(1, sizeof *s);
	s->q = *q;
	s->run = slice_of(c->srv->run, STORE_RUN_LEN);
	s->pushed = q->watch != NULL;
	if (q->watch)
		q->watch->busy = true;
	s->oldest_first = *m->sort && !m->descending;
	s->offset = m->offset;
	s->limit = m->limit;
	s->filter = f;
	s->all = filter_is_all(f);
	s->rows = clv_calloc(m->limit + 1u, sizeof *s->rows);
	core_db_put(c, run_scan, done_scan, s);
}

/* --- the path of one --- */
struct trace_job {
	struct console_request q;
	struct clv_slice run;
	uint64_t alert;
	char agent[STORE_NAME_MAX]; /* alert 0: its last one */
	Clv__AlertRow *row;
	struct stored_path path;
	/* what it came to */
	enum clv_verdict verdict;
	char why[TRACE_WHY_MAX];
	int64_t now;
};

struct trace_parts {
	Clv__Trace m;
	Clv__TraceNode nodes[TRACE_HOPS_MAX], *node_list[TRACE_HOPS_MAX];
	Clv__TraceLink links[TRACE_HOPS_MAX], *link_list[TRACE_HOPS_MAX];
};

static char *lit(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void pack_node(Clv__TraceNode *o, const struct trace_hop *h, const char *root)
{
	clv__trace_node__init(o);
	o->verdict = h->verdict;
	o->why = lit(h->why);
	if (!h->hop)
		return;
	o->name = h->hop->node;
	/* One of the management servers is the root: the one where paths end. */
	o->role = strcmp(h->hop->node, root) == 0                  ? lit("root")
	          : strcmp(h->hop->role, "management-server") == 0 ? lit("server")
	                                                           : h->hop->role;
	o->received = h->hop->received;
	o->sent = h->hop->sent;
	o->stored = h->hop->stored;
}

/* A link stands as its two ends told it; where only one did it is that one's claim. */
static void pack_link(Clv__TraceLink *o, const Clv__Hop *from, const Clv__Hop *to)
{
	const Clv__HopLink *a = from ? from->outgoing : NULL, *b = to ? to->incoming : NULL, *l = a ? a : b;

	clv__trace_link__init(o);
	o->from = from ? from->node : b ? b->peer : lit("");
	o->to = to ? to->node : a ? a->peer : lit("");
	o->both = trace_link_agrees(from, to);
	if (a)
		o->fingerprint_from = a->fingerprint;
	if (b)
		o->fingerprint_to = b->fingerprint;
	if (!l)
		return;
	o->mechanism = l->mechanism;
	o->protocol = l->protocol;
	o->cipher = l->cipher;
	o->weak = lit(link_weakness(l->mechanism, l->protocol, l->cipher));
}

/* Times of two clocks are compared with what one is known to be ahead, or not at all (design 3, hop records).
 */
static void pack_clock(const struct core *c, const struct trace_path *p, Clv__Trace *m)
{
	const Clv__Hop *first = p->n_hops > 1 ? p->hops[0].hop : NULL,
	               *last = first ? p->hops[p->n_hops - 1].hop : NULL;
	const struct node *n = first ? server_find(c->srv, first->node) : NULL;
	int64_t arrived = last && strcmp(last->node, c->start->name) == 0 ? last->received : 0;

	if (!n || !n->session || !n->session->clock_known || !first->sent || !arrived)
		return;
	m->clock_known = true;
	m->clock_ahead_ms = n->session->clock_ahead_ms;
	m->clock_error_ms = n->session->clock_error_ms;
	m->under_way_ms =
	    (int64_t)((uint64_t)arrived - ((uint64_t)first->sent - (uint64_t)m->clock_ahead_ms));
}

static void pack_trace(const struct core *c, const struct trace_path *p, struct trace_parts *t)
{
	Clv__Trace *m = &t->m;

	clv__trace__init(m);
	m->time = clock_wall_ms();
	m->agent = lit(p->agent);
	m->verdict = p->verdict;
	m->why = lit(p->why);
	m->alerts = p->n_alerts;
	pack_clock(c, p, m);
	m->nodes = t->node_list;
	m->links = t->link_list;
	for (size_t i = 0; i < p->n_hops; i++) {
		pack_node(&t->nodes[i], &p->hops[i], c->start->name);
		t->node_list[m->n_nodes++] = &t->nodes[i];
	}
	for (size_t i = 0; i + 1 < p->n_hops; i++) {
		pack_link(&t->links[i], p->hops[i].hop, p->hops[i + 1].hop);
		t->link_list[m->n_links++] = &t->links[i];
	}
	/* It went on to a node whose record is missing: that much is known. */
	if (p->n_hops && p->n_hops < TRACE_HOPS_MAX && p->hops[p->n_hops - 1].hop &&
	    p->hops[p->n_hops - 1].hop->outgoing) {
		pack_link(&t->links[m->n_links], p->hops[p->n_hops - 1].hop, NULL);
		t->link_list[m->n_links] = &t->links[m->n_links];
		m->n_links++;
	}
}

static clv_rc keep_row(const struct clv_alert_fact *a, void *ctx, bool *stop, struct clv_err *err)
{
	struct trace_job *t = ctx;

	(void)err;
	*stop = true;
	t->row = dup_row(a);
	return CLV_OK;
}

static clv_rc run_trace(struct db *d, void *ctx, struct clv_err *err)
{
	struct trace_job *t = ctx;
	uint64_t parcel = 0;

	if (!t->alert && store_alert_last(d, t->agent, &t->alert, err))
		return CLV_FAILED;
	if (!t->alert)
		return err_set(err, CLV_E_NOTFOUND,
		               "%s sent no alert that is stored here. p shows the path of now.", t->agent);
	if (store_alert_get(d, t->run, t->alert, keep_row, t, &parcel, err))
		return CLV_FAILED;
	return stored_path_load(d, parcel, &t->path, err);
}

static void free_trace(struct trace_job *t)
{
	free_row(t->row);
	stored_path_release(&t->path);
	clv_free(t);
}

static clv_rc run_judged(struct db *d, void *ctx, struct clv_err *err)
{
	struct trace_job *t = ctx;

	return store_parcel_judged(d, t->path.parcel, t->run, t->verdict, t->why, t->now, err);
}

static void done_judged(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	if (rc)
		log_err(LOG_ERROR, err, "keeping a verdict");
	else
		c->srv->alerts_change++;
	server_changed(c);
	free_trace(ctx);
}

static void done_trace(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct trace_job *t = ctx;
	struct trace_path path;
	struct trace_parts parts;

	if (rc) {
		console_refuse(c, t->q.conn, t->q.req, err, 0);
		free_trace(t);
		return;
	}
	stored_path_judge(c, &t->path, &path);
	pack_trace(c, &path, &parts);
	parts.m.req = t->q.req;
	parts.m.alert = t->row;
	t->row->verdict = path.verdict;
	clv_free(t->row->why);
	t->row->why = clv_strdup(path.why);
	t->now = t->row->checked = parts.m.time;
	t->verdict = path.verdict;
	(void)snprintf(t->why, sizeof t->why, "%s", path.why);
	if (console_find(c->srv, t->q.conn))
		console_reply(c, t->q.conn, REP_TRACE, &parts.m.base);
	trace_path_release(&path);
	core_db_put(c, run_judged, done_judged, t);
}

void console_trace(struct core *c, const struct console_request *q, const Clv__TraceRequest *m)
{
	struct trace_job *t;
	struct clv_err err = {0};
	struct node *n = NULL;

	if (!m->alert && server_resolve(c->srv, m->agent, &n, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	t = clv_calloc(1, sizeof *t);
	(void)snprintf(t->agent, sizeof t->agent, "%s", n ? n->name : "");
	t->q = *q;
	t->run = slice_of(c->srv->run, STORE_RUN_LEN);
	t->alert = m->alert > INT64_MAX ? INT64_MAX : m->alert;
	stored_path_init(&t->path);
	core_db_put(c, run_trace, done_trace, t);
}

/* --- the path of now --- */
static void on_probed(struct core *c, void *ctx, const struct trace_path *path, const char *why)
{
	struct console_request *q = ctx;
	struct trace_parts parts;
	struct clv_err err = {0};

	if (!console_find(c->srv, q->conn)) {
		clv_free(q);
		return;
	}
	if (!path) {
		(void)err_set(&err, CLV_E_TIMEOUT, "%s", why);
		console_refuse(c, q->conn, q->req, &err, 0);
	} else {
		pack_trace(c, path, &parts);
		parts.m.req = q->req;
		console_reply(c, q->conn, REP_TRACE, &parts.m.base);
	}
	clv_free(q);
}

void console_probe(struct core *c, const struct console_request *q, const Clv__ProbeRequest *m)
{
	struct console_request *copy = clv_memdup(q, sizeof *q);
	struct clv_err err = {0};
	struct node *n = NULL;

	if (server_resolve(c->srv, m->name, &n, &err) || alerts_probe(c, n, on_probed, copy, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		clv_free(copy);
	}
}

/* --- acknowledging --- */
static clv_rc change_ack(struct db *d, struct act *a, struct clv_err *err)
{
	return store_alert_ack(d, a->version, a->who, a->now, err);
}

static void effect_ack(struct core *c, struct act *a)
{
	(void)a;
	c->srv->alerts_change++;
}

void console_ack(struct core *c, const struct console_request *q, const Clv__AlertAckRequest *m)
{
	char object[32];
	struct clv_err err = {0};
	struct act *a;

	if (!m->alert || m->alert > INT64_MAX) {
		(void)err_set(&err, CLV_E_USAGE, "ack takes the number of an alert");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	(void)snprintf(object, sizeof object, "alert %" PRIu64, m->alert);
	a = act_new(q, "ack", object);
	a->version = m->alert;
	a->change = change_ack;
	a->effect = effect_ack;
	act_detail(a, "%.300s", m->reason);
	act_done_text(a, "alert %" PRIu64 " acknowledged", m->alert);
	act_put(c, a);
}
