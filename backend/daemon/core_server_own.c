/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own alerts: some of its events are alerts too. They take the same way as an agent's, without a
 * link: a parcel under this server's record, stored with the next number of an outbox that is the database
 * itself. One parcel at a time; what cannot be stored now is tried again. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_server_alerts.h"
#include "model/events.h"
#include <stdio.h>
#include <string.h>

#define WAITING_MAX 200u /* of its own alerts; beyond it the event alone tells */
#define AGAIN_MS    5000

struct own_alert {
	struct own_alert *next;
	Clv__Alert a; /* strings are its own */
};

struct own {
	struct own_alert *list, **end;
	size_t n;
	bool busy;
	int64_t again_at;
	uint8_t outbox[KEY_HASH_LEN]; /* the first TRACE_OUTBOX_LEN bytes */
	/* of the parcel that is under way */
	uint64_t first;
	size_t taken;
};

static void drop(struct own *o, size_t n)
{
	for (; n && o->list; n--) {
		struct own_alert *x = o->list;

		o->list = x->next;
		if (!o->list)
			o->end = &o->list;
		o->n--;
		clv_free(x->a.text);
		clv_free(x->a.source);
		clv_free(x);
	}
}

static void later(struct own *o)
{
	o->busy = false;
	o->again_at = clock_mono_ms() + AGAIN_MS;
}

static clv_rc run_next(struct db *d, void *ctx, struct clv_err *err)
{
	struct core *c = ctx;
	struct own *o = c->srv->own;

	return store_outbox_begin(d, c->start->name, slice_of(o->outbox, TRACE_OUTBOX_LEN), &o->first, err);
}

static void on_stored(struct core *c, bool ok)
{
	struct own *o = c->srv->own;

	if (ok)
		drop(o, o->taken);
	o->busy = false;
	if (!ok)
		later(o);
}

static void done_next(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct own *o = c->srv->own;
	Clv__Parcel m = CLV__PARCEL__INIT;
	Clv__Alert *list[WAITING_MAX];
	struct clv_err why = {0};
	struct clv_buf body;

	(void)ctx;
	if (rc) {
		log_err(LOG_ERROR, err, "the number of an alert of this server");
		later(o);
		return;
	}
	for (struct own_alert *x = o->list; x && m.n_alerts < WAITING_MAX; x = x->next) {
		x->a.sequence = o->first + m.n_alerts;
		list[m.n_alerts++] = &x->a;
	}
	o->taken = m.n_alerts;
	m.agent = c->start->name;
	m.outbox = PROTO_BYTES(slice_of(o->outbox, TRACE_OUTBOX_LEN));
	m.first = o->first;
	m.last = o->first + m.n_alerts - 1;
	m.acked = o->first - 1;
	m.alerts = list;
	buf_init(&body, TRACE_PARCEL_MAX);
	if (proto_encode(&m.base, &body, &why) || alerts_put_own(c, buf_slice(&body), on_stored, &why)) {
		log_err(LOG_ERROR, &why, "alerts of this server");
		later(o);
	}
	buf_release(&body);
}

void own_tick(struct core *c)
{
	struct own *o = c->srv->own;

	if (!o || !o->list || o->busy || clock_mono_ms() < o->again_at)
		return;
	o->busy = true;
	core_db_put(c, run_next, done_next, c);
}

static struct own *new_own(const struct core *c)
{
	struct own *o = clv_calloc(1, sizeof *o);

	o->end = &o->list;
	/* Its own for as long as the node key is: another key begins another line of numbers. */
	if (sha256(buf_slice(&c->node_key), o->outbox, NULL))
		clv_fatal("SHA-256 failed");
	return o;
}

void own_event(struct core *c, const struct clv_event_fact *e)
{
	const struct event_alert *row = event_alert_server(e->id);
	struct own_alert *x;
	struct own *o;

	if (!row || strcmp(e->node, c->start->name) != 0)
		return;
	if (!c->srv->own)
		c->srv->own = new_own(c);
	o = c->srv->own;
	if (o->n >= WAITING_MAX) {
		log_warn("an event of this server is no alert too: %u wait to be stored", WAITING_MAX);
		return;
	}
	x = clv_calloc(1, sizeof *x);
	clv__alert__init(&x->a);
	x->a.time = e->time;
	x->a.severity = row->severity;
	x->a.name = (char *)(uintptr_t)row->name;
	x->a.text = clv_strdup(e->text);
	x->a.source = clv_asprintf("%.40s %u", e->source, e->id);
	*o->end = x;
	o->end = &x->next;
	o->n++;
}
