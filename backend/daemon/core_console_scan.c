/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up which agents a filter takes and in which order, a slice at a time (see core_console_scan.h). The
 * last order is kept for each console: the next page, and an anchor in it, cost nothing; while an operator
 * types on, only the last hits are looked at. Runs in core.
 */
#include "daemon/core_console_scan.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/filter.h"
#include "model/select.h"
#include "proto/codec.h"
#include <string.h>

#define ROWS_KEEP_MS 300  /* a page further in the same list looks at the same rows */
#define KEEP_TIMES   10   /* but looking up takes a tenth of the time at most */
#define SLICE_MS     4    /* one turn of the loop */
#define SLICE_ROWS   1024 /* rows between two looks at the clock */

struct scan {
	struct scan *next;
	uint64_t conn, req;
	uint16_t type;
	bool push;
	Clv__ListRequest *query;
	char *key;
	struct filter *filter;
	struct sort_keys sort;
	struct select *select; /* NULL: begins with the next slice */
	void **items;          /* of a narrowing one: a copy of the last hits */
	uint64_t change;       /* of the server when it looked */
	int64_t began, as_of;
	const struct core *core;
};

/* --- what is chosen, and how it is ordered --- */
static bool match_agent(void *ctx, const void *item)
{
	const struct scan *s = ctx;
	struct clv_agent_fact f;

	server_fill(s->core, item, &f);
	return filter_agent(s->filter, &f);
}

/* What is typed is mostly a piece of a name, or of a thumbprint: a tenth of the memory is looked at. */
static bool match_plain(void *ctx, const void *item)
{
	const struct scan *s = ctx;
	const struct node *n = item;

	return filter_agent_plain(s->filter, n->name, n->has_key ? &n->key : NULL);
}

static void warm_node(const void *item)
{
	const struct node *n = item;

	__builtin_prefetch(n->name);
	__builtin_prefetch(&n->has_key);
	__builtin_prefetch(n->key.key_id);
	__builtin_prefetch(n->key.sha256);
}

static uint64_t key_agent(void *ctx, const void *item, unsigned part)
{
	const struct scan *s = ctx;
	struct clv_agent_fact f;

	server_fill(s->core, item, &f);
	return sort_key(&s->sort, &f, part);
}

static int cmp_agents(void *ctx, const void *a, const void *b)
{
	const struct scan *s = ctx;
	struct clv_agent_fact x, y;

	server_fill(s->core, a, &x);
	server_fill(s->core, b, &y);
	return s->sort.cmp(&x, &y);
}

static const struct select_ops *ops_for(const struct scan *s)
{
#define OPS(match, parts, cmp)                          \
	{                                               \
		match, key_agent, parts, cmp, warm_node \
	}
#define ORDERS(match)                                                                \
	{                                                                            \
		OPS(match, 0, NULL), OPS(match, 1, NULL), OPS(match, 1, cmp_agents), \
		    OPS(match, SORT_TEXT_PARTS, NULL)                                \
	}
	static const struct select_ops ops[3][4] = {ORDERS(NULL), ORDERS(match_agent), ORDERS(match_plain)};
#undef ORDERS
#undef OPS
	size_t order = !s->sort.parts ? 0 : s->sort.parts > 1 ? 3 : s->sort.ties ? 2 : 1;
	size_t match = filter_is_all(s->filter) ? 0 : filter_plain_only(s->filter) ? 2 : 1;

	return &ops[match][order];
}

/* --- windows --- */
struct window {
	struct node *const *rows;
	size_t n;
	bool descending;
};

static struct node *row_at(const struct window *w, size_t i)
{
	return w->rows[w->descending ? w->n - 1 - i : i];
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

/* rows are the server's own, in the order of names: found by halving. */
static size_t place_by_name(const struct window *w, const char *name)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(w->rows[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool find_anchor(const struct core *c, const struct window *w, const char *name, uint64_t *at)
{
	const struct node *n = *name ? server_find(c->srv, name) : NULL;
	size_t i = 0;

	if (!n)
		return false;
	if (w->rows == c->srv->nodes)
		i = place_by_name(w, name);
	else
		while (i < w->n && w->rows[i] != n)
			i++;
	if (i == w->n || w->rows[i] != n)
		return false;
	*at = w->descending ? w->n - 1 - i : i;
	return true;
}

static void answer(struct core *c, const struct console_request *q, const Clv__ListRequest *m,
                   const struct window *w)
{
	Clv__AgentList out = CLV__AGENT_LIST__INIT;
	uint64_t at = 0, start;
	bool anchored = find_anchor(c, w, m->anchor, &at);
	size_t n;

	start = window_start(at, anchored, m->offset, w->n, m->limit);
	n = w->n - start < m->limit ? (size_t)(w->n - start) : m->limit;
	if (start >= w->n)
		n = 0;
	out.req = q->req;
	out.total = c->srv->n_nodes;
	out.matched = w->n;
	out.offset = start;
	out.time = clock_wall_ms();
	out.rows = clv_calloc(n + 1, sizeof *out.rows);
	for (; out.n_rows < n; out.n_rows++) {
		struct {
			Clv__Agent a;
			Clv__Key k;
		} *row = clv_calloc(1, sizeof *row);

		console_pack_agent(c, row_at(w, start + out.n_rows), &row->a, &row->k);
		out.rows[out.n_rows] = &row->a;
	}
	console_answer(c, q, REP_AGENTS, &out.base, &out.time);
	for (size_t i = 0; i < n; i++)
		clv_free(out.rows[i]);
	clv_free(out.rows);
}

/* --- scans --- */
static void free_scan(struct scan *s)
{
	select_free(s->select);
	filter_free(s->filter);
	proto_free(s->query ? &s->query->base : NULL);
	clv_free(s->items);
	clv_free(s->key);
	clv_free(s);
}

void scan_forget(struct core *c, uint64_t conn, uint64_t req)
{
	struct scan **at = &c->srv->scans, *s;

	while ((s = *at)) {
		if (s->conn != conn || (req && s->req != req)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free_scan(s);
	}
}

void scan_release(struct console *k)
{
	clv_free(k->rows);
	clv_free(k->rows_key);
	filter_free(k->rows_filter);
	k->rows = NULL;
	k->rows_key = NULL;
	k->rows_filter = NULL;
	k->n_rows = 0;
}

/* The last hits, where they are all that is to be looked at. They stay as old as they are: the next push
 * looks at all rows again. */
static bool narrow(struct core *c, struct scan *s, const struct console *k)
{
	const char *order = k->rows_key ? strchr(k->rows_key, '\n') : NULL;

	if (!order || k->rows_change < c->srv->structure || strcmp(order, strchr(s->key, '\n')) != 0 ||
	    !filter_narrows(k->rows_filter, s->filter))
		return false;
	s->items = clv_calloc(k->n_rows + 1, sizeof *s->items);
	memcpy(s->items, k->rows, k->n_rows * sizeof *s->items);
	s->select = select_new(s->items, k->n_rows, ops_for(s), s);
	s->change = k->rows_change;
	s->as_of = k->rows_at;
	return true;
}

static void begin(struct core *c, struct scan *s, const struct console *k)
{
	select_free(s->select);
	clv_free(s->items);
	s->items = NULL;
	s->began = clock_mono_ms();
	if (k && narrow(c, s, k))
		return;
	s->select = select_new((void *const *)c->srv->nodes, c->srv->n_nodes, ops_for(s), s);
	s->change = c->srv->change;
	s->as_of = s->began;
}

static void keep(struct console *k, struct scan *s)
{
	int64_t took = clock_mono_ms() - s->began;
	void **rows = NULL;

	scan_release(k);
	select_take(s->select, &rows, &k->n_rows);
	k->rows = (struct node **)rows;
	k->rows_key = s->key;
	k->rows_filter = s->filter;
	s->key = NULL;
	s->filter = NULL;
	k->rows_change = s->change;
	k->rows_at = s->as_of;
	k->rows_keep_ms = took * KEEP_TIMES > ROWS_KEEP_MS ? took * KEEP_TIMES : ROWS_KEEP_MS;
}

static void finish(struct core *c, struct scan *s)
{
	struct console *k = console_find(c->srv, s->conn);
	struct console_request q = {k, s->conn, s->req, s->type, NULL};

	if (!k)
		return;
	keep(k, s);
	for (size_t i = 0; s->push && i < k->n_watches; i++)
		if (k->watches[i].req == s->req)
			q.watch = &k->watches[i];
	answer(c, &q, s->query, &(struct window){k->rows, k->n_rows, s->query->descending});
}

/* A slice for the first that waits, which then waits behind the others. */
static void on_idle(uv_idle_t *h)
{
	struct core *c = h->data;
	struct scan *s = c->srv ? c->srv->scans : NULL, **last;
	int64_t until = clock_mono_ms() + SLICE_MS;
	bool done = false;

	if (!s) {
		(void)uv_idle_stop(h);
		return;
	}
	c->srv->scans = s->next;
	if (!s->select || s->change < c->srv->structure)
		begin(c, s, s->select ? NULL : console_find(c->srv, s->conn));
	while (!done && clock_mono_ms() < until)
		done = select_step(s->select, SLICE_ROWS);
	if (done) {
		finish(c, s);
		free_scan(s);
		return;
	}
	for (last = &c->srv->scans; *last; last = &(*last)->next)
		;
	s->next = NULL;
	*last = s;
}

static bool under_way(const struct server *srv, const struct console_request *q)
{
	for (const struct scan *s = srv->scans; s; s = s->next)
		if (s->conn == q->conn && s->req == q->req)
			return true;
	return false;
}

static void start(struct core *c, struct scan *s, const struct console_request *q, const Clv__ListRequest *m)
{
	struct scan **last = &c->srv->scans;
	ProtobufCMessage *copy = NULL;

	if (proto_dup(&m->base, &copy, NULL))
		clv_fatal("a request that was decoded cannot be copied");
	s->query = (Clv__ListRequest *)copy;
	s->conn = q->conn;
	s->req = q->req;
	s->type = q->type;
	s->push = q->watch != NULL;
	s->core = c;
	while (*last)
		last = &(*last)->next;
	*last = s;
	if (!c->idle.data) {
		(void)uv_idle_init(&c->loop, &c->idle);
		c->idle.data = c;
	}
	(void)uv_idle_start(&c->idle, on_idle);
}

void scan_agents(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct console *k = q->console;
	struct scan *s = clv_calloc(1, sizeof *s);
	struct clv_err err = {0};

	s->key = clv_asprintf("%s\n%s", m->filter, m->sort);
	s->filter = filter_parse(m->filter, FILTER_AGENTS, clock_wall_ms(), &err);
	if (!s->filter || sort_keys_parse(m->sort, FILTER_AGENTS, &s->sort, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
	} else if (filter_is_all(s->filter) && !s->sort.parts) {
		answer(c, q, m, &(struct window){c->srv->nodes, c->srv->n_nodes, m->descending});
	} else if (k->rows_key && strcmp(k->rows_key, s->key) == 0 && k->rows_change >= c->srv->structure &&
	           (k->rows_change == c->srv->change || clock_mono_ms() - k->rows_at < k->rows_keep_ms)) {
		answer(c, q, m, &(struct window){k->rows, k->n_rows, m->descending});
	} else if (!q->watch || !under_way(c->srv, q)) {
		start(c, s, q, m);
		return;
	}
	free_scan(s);
}
