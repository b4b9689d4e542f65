/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of events and audit rows: scanned in the database thread, filtered there, answered in the
 * loop. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_console.h"
#include "model/filter.h"
#include <string.h>

#define SCAN_BYTES (600u * 1024u) /* an answer stays below a frame; the console asks for what follows */
#define ROW_BYTES  512u           /* what a row has beside its long texts, at most */

struct scan {
	struct console_request q;
	bool audit, oldest_first, pushed;
	uint64_t offset, total, matched;
	uint32_t limit;
	struct filter *filter;
	bool all;
	void **rows;
	size_t n, bytes;
};

Clv__Event *console_dup_event(const struct clv_event_fact *e)
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

void console_free_event(Clv__Event *r)
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
	bool inside, room = s->n < s->limit && s->bytes < SCAN_BYTES;

	s->matched++;
	inside = s->all ? true : s->matched > s->offset;
	if (s->all && (s->n + 1 >= s->limit || !room))
		*stop = true;
	return inside && room;
}

static clv_rc take_event(const struct clv_event_fact *e, void *ctx, bool *stop, struct clv_err *err)
{
	struct scan *s = ctx;

	(void)err;
	if ((s->all || filter_event(s->filter, e)) && in_window(s, stop)) {
		s->bytes += strlen(e->text) + ROW_BYTES;
		s->rows[s->n++] = console_dup_event(e);
	}
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
	s->bytes += strlen(a->who) + strlen(a->object) + strlen(a->detail) + ROW_BYTES;
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
			console_free_event(s->rows[i]);
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

void console_rows(struct core *c, const struct console_request *q, const Clv__ListRequest *m, bool audit)
{
	struct scan *s;
	struct clv_err err = {0};
	struct filter *f;

	if (q->watch && q->watch->busy)
		return;
	if (*m->sort && strcmp(m->sort, "time") != 0 && strcmp(m->sort, "seq") != 0) {
		(void)err_set(&err, CLV_E_USAGE, "%s are in the order of time; --sort %s is not offered",
		              audit ? "audit rows" : "events", m->sort);
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
