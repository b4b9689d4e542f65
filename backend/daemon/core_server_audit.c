/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail at the server: after every commit the key holder is told where it stands, now and then the
 * group signs a head of it, and at the start, or when somebody asks, it is walked and held against both, so
 * that a row that was changed, inserted, moved, taken away or cut off has a number (design 3, "Roles and
 * audit"). Runs in core; the walk in its database thread, some rows at a time.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WALK_ROWS     20000u
#define HEAD_ROWS     100u            /* a head is signed after so many rows */
#define HEAD_EVERY_MS (3600ll * 1000) /* or after an hour, where there is a new one */
#define HEADS_MAX     (1024u * 1024u)

struct trail {
	bool telling, again, signing;
	uint64_t seq; /* the last that the key holder took */
	uint8_t hash[32];
	uint64_t signed_seq;
	int64_t signed_at;
};

/* --- telling the key holder --- */
struct tell {
	uint64_t seq;
	uint8_t hash[32];
};

static void told(struct core *c, struct tell *t)
{
	struct trail *r = c->srv->trail;

	clv_free(t);
	r->telling = false;
	if (r->again)
		audit_written(c, 0);
}

static void on_told(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err)
{
	struct tell *t = ctx;
	struct trail *r = c->srv->trail;

	(void)type;
	if (m) {
		r->seq = t->seq;
		memcpy(r->hash, t->hash, 32);
	} else if (err->code == CLV_E_CONFLICT) {
		core_event(c, 2003,
		           "The audit trail is another one than this server's key holder has seen: %s.",
		           err->text);
	} else {
		log_err(LOG_WARN, err, "telling the key holder where the audit trail stands");
	}
	told(c, t);
}

static clv_rc run_last(struct db *d, void *ctx, struct clv_err *err)
{
	struct tell *t = ctx;

	return store_audit_last(d, &t->seq, t->hash, err);
}

static void done_last(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	Clv__KhAuditHead m = CLV__KH_AUDIT_HEAD__INIT;
	struct tell *t = ctx;

	if (rc || !t->seq || t->seq == c->srv->trail->seq) {
		if (rc)
			log_err(LOG_WARN, err, "reading where the audit trail stands");
		told(c, t);
		return;
	}
	m.seq = t->seq;
	m.hash = PROTO_BYTES(slice_of(t->hash, 32));
	kh_ask(c, IPC_KH_AUDIT_HEAD, &m.base, on_told, t);
}

void audit_written(struct core *c, uint64_t rows)
{
	struct trail *r = c->srv->trail;

	c->srv->audit_rows += rows;
	r->again = r->telling;
	if (r->telling)
		return;
	r->telling = true;
	core_db_put(c, run_last, done_last, clv_calloc(1, sizeof(struct tell)));
}

/* --- signed heads --- */
struct head {
	uint64_t seq;
	uint8_t hash[32];
	int64_t time;
	struct clv_buf body, sig;
};

static clv_rc run_head(struct db *d, void *ctx, struct clv_err *err)
{
	const struct head *h = ctx;
	const struct store_head row = {h->seq, slice_of(h->hash, 32), buf_slice(&h->body), buf_slice(&h->sig),
	                               h->time};

	return store_head_put(d, &row, err);
}

static void done_head(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct trail *r = c->srv->trail;
	struct head *h = ctx;

	if (rc) {
		if (err->code != CLV_E_CONFLICT)
			log_err(LOG_WARN, err, "keeping a signed head of the audit trail");
	} else {
		r->signed_seq = h->seq;
		r->signed_at = h->time;
	}
	r->signing = false;
	buf_release(&h->body);
	buf_release(&h->sig);
	clv_free(h);
}

static void on_head_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                           const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;
	struct head *h = ctx;
	struct clv_err why = {0};

	(void)type;
	if (!m || buf_put(&h->body, PROTO_SLICE(s->body), &why) ||
	    buf_put(&h->sig, PROTO_SLICE(s->signature), &why)) {
		if (c->srv->trail->seq != h->seq)
			why.code =
			    CLV_E_CONFLICT; /* the trail has gone on: the next tick asks for its head */
		else
			why = m ? why : *err;
		done_head(c, h, CLV_FAILED, &why);
		return;
	}
	core_db_put(c, run_head, done_head, h);
}

void audit_tick(struct core *c, int64_t now_ms)
{
	Clv__AuditHead m = CLV__AUDIT_HEAD__INIT;
	struct trail *r = c->srv->trail;
	uint64_t since = r->seq - r->signed_seq;
	struct head *h;

	if (r->telling || r->signing || r->seq <= r->signed_seq ||
	    (since < HEAD_ROWS && now_ms - r->signed_at < HEAD_EVERY_MS))
		return;
	r->signing = true;
	h = clv_calloc(1, sizeof *h);
	h->seq = r->seq;
	h->time = now_ms;
	memcpy(h->hash, r->hash, 32);
	buf_init(&h->body, 4096);
	buf_init(&h->sig, STATEMENT_SIG_MAX);
	m.server = c->start->name;
	m.seq = h->seq;
	m.hash = PROTO_BYTES(slice_of(h->hash, 32));
	m.time = now_ms;
	kh_sign(c, STATEMENT_AUDIT_HEAD, &m.base, on_head_signed, h);
}

/* --- the walk --- */
struct look {
	const struct core *core;
	uint64_t conn, req; /* of who asks; 0: the server's own, at its start */
	void (*next)(struct core *c);
	bool began;
	struct store_audit_walk walk;
	struct store_audit_vouched *vouched;
	size_t n_heads, unsigned_heads;
	uint64_t signed_seq;
	int64_t signed_at;
	uint64_t bad_checkpoint;
	struct store_audit_vouched seen; /* what the key holder had seen when this began */
};

/* Signed by this group's key, and of the same row? A head from before a recovery is by another key. */
static bool head_holds(const struct look *l, const struct store_head *h)
{
	const struct core *c = l->core;
	ProtobufCMessage *m = NULL;
	bool holds = false;

	if (statement_open(STATEMENT_AUDIT_HEAD, c->start->group, buf_slice(&c->group_key), h->body,
	                   h->signature, &m, NULL) == CLV_OK) {
		const Clv__AuditHead *a = (const Clv__AuditHead *)m;

		holds = a->seq == h->seq && slice_eq(PROTO_SLICE(a->hash), h->hash) &&
		        strcmp(a->server, c->start->name) == 0;
	}
	proto_free(m);
	return holds;
}

static clv_rc take_head(const struct store_head *h, void *ctx, struct clv_err *err)
{
	struct look *l = ctx;

	(void)err;
	if (h->hash.len != 32 || !head_holds(l, h)) {
		l->unsigned_heads++;
		return CLV_OK;
	}
	if (l->n_heads == HEADS_MAX)
		return CLV_OK;
	l->vouched = clv_realloc(l->vouched, l->n_heads + 2, sizeof *l->vouched);
	l->vouched[l->n_heads].seq = h->seq;
	(void)slice_fill(h->hash, l->vouched[l->n_heads++].hash, 32); /* of a statement that was verified */
	l->signed_seq = h->seq;
	l->signed_at = h->time;
	return CLV_OK;
}

static clv_rc take_checkpoint(const struct store_head *h, void *ctx, struct clv_err *err)
{
	struct look *l = ctx;

	(void)err;
	if (h->hash.len != 32 || !head_holds(l, h))
		l->bad_checkpoint = h->seq;
	return CLV_OK;
}

static clv_rc run_walk(struct db *d, void *ctx, struct clv_err *err)
{
	struct look *l = ctx;

	if (!l->began) {
		if (store_heads(d, false, take_head, l, err) || store_heads(d, true, take_checkpoint, l, err))
			return CLV_FAILED;
		/* The key holder's word last: it is the newest. */
		if (l->seen.seq > (l->n_heads ? l->vouched[l->n_heads - 1].seq : 0)) {
			l->vouched = clv_realloc(l->vouched, l->n_heads + 1, sizeof *l->vouched);
			l->vouched[l->n_heads] = l->seen;
			l->walk.n_vouched = l->n_heads + 1;
		} else {
			l->walk.n_vouched = l->n_heads;
		}
		l->walk.vouched = l->vouched;
		if (store_audit_begin(d, &l->walk, err))
			return CLV_FAILED;
		l->began = true;
	}
	return store_audit_walk(d, &l->walk, WALK_ROWS, err);
}

static void say_rows(char *out, size_t size, uint64_t from, uint64_t to, const char *one, const char *more)
{
	if (from == to)
		(void)snprintf(out, size, "row %" PRIu64 " %s", from, one);
	else
		(void)snprintf(out, size, "rows %" PRIu64 " to %" PRIu64 " %s", from, to, more);
}

static void say_finding(const struct store_audit_finding *f, char *out, size_t size)
{
	switch (f->wrong) {
	case STORE_AUDIT_CHANGED:
		say_rows(out, size, f->from, f->to, "was changed after writing",
		         "were changed after writing");
		break;
	case STORE_AUDIT_INSERTED:
		say_rows(out, size, f->from, f->to, "was inserted", "were inserted");
		break;
	case STORE_AUDIT_TAKEN:
		(void)snprintf(out, size,
		               "before row %" PRIu64 " one was taken away, and the numbers were moved",
		               f->from);
		break;
	case STORE_AUDIT_MISSING:
		say_rows(out, size, f->from, f->to, "is missing", "are missing");
		break;
	case STORE_AUDIT_CUT:
		say_rows(out, size, f->from, f->to, "at the end is missing: the key holder has seen it",
		         "at the end are missing: the key holder has seen them");
		break;
	case STORE_AUDIT_ANEW:
		say_rows(out, size, f->from, f->to, "was written anew: another one was vouched for",
		         "were written anew: others were vouched for");
		break;
	}
}

static void free_look(struct look *l)
{
	clv_free(l->vouched);
	clv_free(l);
}

#define FOUND_TEXT 160u
struct told_findings {
	Clv__AuditFinding rows[STORE_AUDIT_FOUND_MAX + 1], *list[STORE_AUDIT_FOUND_MAX + 1];
	char text[STORE_AUDIT_FOUND_MAX + 1][FOUND_TEXT];
	size_t n;
};

static void add_finding(struct told_findings *t, uint64_t from, uint64_t to)
{
	Clv__AuditFinding *f = &t->rows[t->n];

	clv__audit_finding__init(f);
	f->from = from;
	f->to = to;
	f->text = t->text[t->n];
	t->list[t->n++] = f;
}

static uint64_t first_bad(const struct look *l)
{
	return l->walk.n_found ? l->walk.found[0].from : l->bad_checkpoint;
}

/* "whole, rows 1 to 18204"; "row 17902 was changed after writing; 1 to 17901 hold" */
static void say_all(const struct look *l, const struct told_findings *t, char *out, size_t size)
{
	const struct store_audit_walk *w = &l->walk;
	uint64_t bad = first_bad(l);

	if (!t->n)
		(void)snprintf(out, size, "whole, rows %" PRIu64 " to %" PRIu64, w->first, w->last);
	else if (bad > w->first)
		(void)snprintf(out, size, "%s; %" PRIu64 " to %" PRIu64 " hold", t->text[0], w->first,
		               bad - 1);
	else
		(void)snprintf(out, size, "%s", t->text[0]);
}

static void answer(struct core *c, const struct look *l)
{
	static const char *const kinds[] = {
	    [STORE_AUDIT_CHANGED] = "changed", [STORE_AUDIT_INSERTED] = "inserted",
	    [STORE_AUDIT_TAKEN] = "taken",     [STORE_AUDIT_MISSING] = "missing",
	    [STORE_AUDIT_CUT] = "cut",         [STORE_AUDIT_ANEW] = "anew"};
	Clv__AuditCheck m = CLV__AUDIT_CHECK__INIT;
	const struct store_audit_walk *w = &l->walk;
	struct told_findings t = {.n = 0};
	char text[FOUND_TEXT + 80];

	for (size_t i = 0; i < w->n_found && i < STORE_AUDIT_FOUND_MAX; i++) {
		say_finding(&w->found[i], t.text[t.n], FOUND_TEXT);
		add_finding(&t, w->found[i].from, w->found[i].to);
	}
	if (l->bad_checkpoint) {
		(void)snprintf(t.text[t.n], FOUND_TEXT,
		               "the checkpoint at row %" PRIu64 " is not signed by this group's key",
		               l->bad_checkpoint);
		add_finding(&t, l->bad_checkpoint, l->bad_checkpoint);
	}
	say_all(l, &t, text, sizeof text);
	m.req = l->req;
	m.time = clock_wall_ms();
	m.first = w->first;
	m.rows = w->rows;
	m.bad = first_bad(l);
	m.last = m.bad ? m.bad - 1 : w->last;
	m.kind = (char *)(uintptr_t)(w->n_found ? kinds[w->found[0].wrong] : m.bad ? "checkpoint" : "");
	m.text = text;
	m.found = w->n_found + (l->bad_checkpoint != 0);
	m.findings = t.list;
	m.n_findings = t.n;
	m.seen = l->seen.seq;
	m.signed_upto = l->signed_seq;
	m.signed_at = l->signed_at;
	m.unsigned_heads = l->unsigned_heads;
	console_reply(c, l->conn, REP_AUDIT_CHECK, &m.base);
}

static clv_rc run_floor(struct db *d, void *ctx, struct clv_err *err)
{
	return store_audit_floor(d, ((const struct look *)ctx)->seen.seq, err);
}

static void go_on(struct core *c, struct look *l)
{
	void (*next)(struct core *) = l->next;
	bool whole;

	c->srv->trail->signed_seq = l->signed_seq;
	c->srv->trail->signed_at = l->signed_at;
	whole = l->walk.n_found == 0;
	free_look(l);
	/* What is broken is not shown to the key holder before somebody does something over it. */
	if (whole)
		audit_written(c, 0);
	next(c);
}

static void done_floor(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	if (rc) {
		core_outcome(c, 1, "the database cannot be written: %s", err->text);
		free_look(ctx);
		return;
	}
	go_on(c, ctx);
}

/* At the start: what is wrong is an event, and numbers that were cut off are not given again. */
static void started(struct core *c, struct look *l)
{
	const struct store_audit_walk *w = &l->walk;
	char text[FOUND_TEXT];

	c->srv->audit_rows = w->rows;
	c->srv->audit_checked = clock_wall_ms();
	c->srv->audit_bad = (int64_t)first_bad(l);
	for (size_t i = 0; i < w->n_found && i < 4; i++) {
		say_finding(&w->found[i], text, sizeof text);
		core_event(c, 2003, "The audit trail is broken: %s%s", text,
		           w->n_found > 4 && i == 3 ? ", and more." : ".");
	}
	if (l->bad_checkpoint)
		core_event(c, 2003,
		           "The audit trail is broken: its checkpoint at row %" PRIu64
		           " is not signed by this group's key.",
		           l->bad_checkpoint);
	if (l->seen.seq && w->last > l->seen.seq)
		log_notice("audit rows %" PRIu64 " to %" PRIu64
		           " were written when the key holder could not be told",
		           l->seen.seq + 1, w->last);
	if (l->seen.seq > w->last)
		core_db_put(c, run_floor, done_floor, l);
	else
		go_on(c, l);
}

static void done_walk(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct look *l = ctx;

	if (rc && !l->conn) {
		core_outcome(c, 1, "the audit trail cannot be read: %s", err->text);
		free_look(l);
	} else if (rc) {
		console_refuse(c, l->conn, l->req, err, 0);
		free_look(l);
	} else if (!l->walk.ended) {
		core_db_put(c, run_walk, done_walk, l);
	} else if (l->conn) {
		c->srv->audit_checked = clock_wall_ms();
		c->srv->audit_bad = (int64_t)first_bad(l);
		server_changed(c);
		answer(c, l);
		free_look(l);
	} else {
		started(c, l);
	}
}

static struct look *begin(struct core *c)
{
	struct look *l = clv_calloc(1, sizeof *l);

	l->core = c;
	l->seen.seq = c->srv->trail->seq;
	memcpy(l->seen.hash, c->srv->trail->hash, 32);
	return l;
}

void audit_start(struct core *c, const Clv__KhInfo *info)
{
	c->srv->trail = clv_calloc(1, sizeof *c->srv->trail);
	if (slice_fill(PROTO_SLICE(info->audit_hash), c->srv->trail->hash, 32))
		c->srv->trail->seq = info->audit_seq;
}

void audit_check(struct core *c, void (*next)(struct core *c))
{
	struct look *l = begin(c);

	l->next = next;
	core_db_put(c, run_walk, done_walk, l);
}

void console_audit_check(struct core *c, const struct console_request *q)
{
	struct look *l = begin(c);

	l->conn = q->conn;
	l->req = q->req;
	core_db_put(c, run_walk, done_walk, l);
}
