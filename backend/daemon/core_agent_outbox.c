/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's durable outbox: items are stored first, sent in signed batches, dropped when the server's
 * signed acknowledgement came. One batch is under way at a time. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "proto/types.h"
#include "trace/trace.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_ITEMS 200u
#define BATCH_BYTES 400000u
#define UNKEPT_MS   2000

struct add {
	struct add *next; /* of those that the disk did not take */
	struct clv_buf item;
	uint64_t seq;
	char key[64]; /* not "": a value that is set in the same transaction */
	uint64_t value;
	struct alert_waiter *waiter; /* who is told that it is stored; NULL: nobody */
	bool lossy;                  /* it may go when the outbox is full */
	uint64_t limit, busy, lost;
	bool again, newer; /* newer: another has been told since; this one is not any more */
};

static clv_rc run_add(struct db *d, void *ctx, struct clv_err *err)
{
	struct add *a = ctx;
	uint64_t told = 0;

	if (a->again && outbox_get(d, a->key, &told, err))
		return CLV_FAILED;
	a->newer = told > a->value;
	if (a->newer)
		return CLV_OK;
	if (outbox_add(d, buf_slice(&a->item), a->lossy, &a->seq, err) ||
	    (a->lossy && outbox_trim(d, a->limit, a->busy, &a->lost, err)))
		return CLV_FAILED;
	return *a->key ? outbox_set(d, a->key, a->value, err) : CLV_OK;
}

static void done_add(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct add *a = ctx;

	if (rc) {
		log_err(LOG_ERROR, err, "keeping an item in the outbox");
		alert_stored(c, a->waiter, 0, err);
		if (*a->key) { /* nothing else would tell the server of it */
			a->again = true;
			a->next = c->agent->unkept;
			c->agent->unkept = a;
			c->agent->unkept_at = clock_mono_ms() + UNKEPT_MS;
			return;
		}
	} else if (!a->newer) {
		if (a->seq > c->agent->box.made)
			c->agent->box.made = a->seq;
		if (a->lost)
			log_warn("the outbox is full: its oldest %" PRIu64
			         " went, a record stands in their place",
			         a->lost);
		alert_stored(c, a->waiter, a->seq, NULL);
		agent_drain(c);
	}
	buf_release(&a->item);
	clv_free(a);
}

void agent_keep_again(struct core *c, int64_t mono_ms)
{
	struct add *list = c->agent->unkept;

	if (!list || mono_ms < c->agent->unkept_at)
		return;
	c->agent->unkept = NULL;
	while (list) {
		struct add *a = list;

		list = a->next;
		core_db_put(c, run_add, done_add, a);
	}
}

static void put_waited(struct core *c, const Clv__OutboxItem *item, const char *key, uint64_t value,
                       struct alert_waiter *waiter)
{
	struct add *a = clv_calloc(1, sizeof *a);
	struct clv_err err = {0};

	(void)snprintf(a->key, sizeof a->key, "%s", key);
	a->value = value;
	a->waiter = waiter;
	a->lossy = item->kind == OUTBOX_EVENT || item->kind == OUTBOX_ALERT;
	a->limit = c->start->outbox_limit;
	a->busy = c->agent->sent || c->agent->draining ? c->agent->busy_upto : 0;
	buf_init(&a->item, OUTBOX_ITEM_MAX);
	if (proto_encode(&item->base, &a->item, &err)) {
		log_err(LOG_ERROR, &err, "an outbox item");
		alert_stored(c, waiter, 0, &err);
		buf_release(&a->item);
		clv_free(a);
		return;
	}
	core_db_put(c, run_add, done_add, a);
}

static void put_item(struct core *c, const Clv__OutboxItem *item, const char *key, uint64_t value)
{
	put_waited(c, item, key, value, NULL);
}

void agent_put_alert(struct core *c, const Clv__Alert *alert, struct alert_waiter *waiter)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;

	item.kind = OUTBOX_ALERT;
	item.time = alert->time;
	item.alert = (Clv__Alert *)(uintptr_t)alert;
	put_waited(c, &item, "", 0, waiter);
}

void agent_put_event(struct core *c, const struct clv_event_fact *e)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;
	Clv__OutboxEvent ev = CLV__OUTBOX_EVENT__INIT;

	ev.source = e->source;
	ev.id = e->id;
	ev.level = (uint32_t)e->level;
	ev.category = e->category;
	ev.text = e->text;
	item.kind = OUTBOX_EVENT;
	item.time = e->time;
	item.event = &ev;
	put_item(c, &item, "", 0);
}

void agent_put_confirm(struct core *c, const Clv__KhOpened *m)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;
	Clv__HeldAccount *rows = clv_calloc(m->n_held + 1, sizeof *rows),
	                 **list = clv_calloc(m->n_held + 1, sizeof *list);

	for (size_t i = 0; i < m->n_held; i++) {
		clv__held_account__init(&rows[i]);
		rows[i].account = m->held[i]->account;
		rows[i].version = m->held[i]->version;
		rows[i].trial = m->held[i]->trial;
		if (m->held[i]->other)
			rows[i].name = m->held[i]->name;
		list[i] = &rows[i];
	}
	item.kind = OUTBOX_CONFIRM;
	item.time = clock_wall_ms();
	item.generation = m->generation;
	item.version = m->version;
	item.n_held = m->n_held;
	item.held = list;
	c->agent->box.confirmed_version = m->version;
	put_item(c, &item, "confirmed", m->version);
	clv_free(rows);
	clv_free(list);
}

void agent_put_tried(struct core *c, const Clv__TriedAccount *m, const char *key)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;

	item.kind = OUTBOX_TRIED;
	item.time = clock_wall_ms();
	item.tried = (Clv__TriedAccount *)(uintptr_t)m;
	put_item(c, &item, key, m->version);
}

void agent_put_destroyed(struct core *c, uint64_t upto)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;

	item.kind = OUTBOX_DESTROYED;
	item.time = clock_wall_ms();
	item.generation = upto;
	put_item(c, &item, "", 0);
}

void agent_put_channel(struct core *c, bool in_use)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;

	item.kind = OUTBOX_CHANNEL;
	item.time = clock_wall_ms();
	item.thumbprint = PROTO_BYTES(slice_of(c->thumbprint, 32));
	item.ok = in_use;
	put_item(c, &item, "", 0);
}

struct value {
	char key[32];
	uint64_t number;
};

static clv_rc run_value(struct db *d, void *ctx, struct clv_err *err)
{
	struct value *v = ctx;

	return outbox_set(d, v->key, v->number, err);
}

static void done_value(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	(void)c;
	if (rc)
		log_err(LOG_ERROR, err, "keeping a value");
	clv_free(ctx);
}

void agent_remember(struct core *c, const char *key, uint64_t value)
{
	struct value *v = clv_calloc(1, sizeof *v);
	size_t n = strlen(key);

	memcpy(v->key, key, n < sizeof v->key ? n : sizeof v->key - 1);
	v->number = value;
	core_db_put(c, run_value, done_value, v);
}

/* --- draining --- */
struct batch {
	Clv__OutboxItem *items[TRACE_ALERTS_MAX];
	size_t n, bytes;
	uint64_t first, last, conn;
	bool alerts; /* a parcel; else a batch of other items */
	struct clv_buf parcel;
};

static clv_rc lost_item(const struct outbox_item *i, Clv__OutboxItem **out, struct clv_err *err)
{
	Clv__OutboxItem item = CLV__OUTBOX_ITEM__INIT;
	Clv__Alert a = CLV__ALERT__INIT;
	char text[96];

	(void)snprintf(text, sizeof text, "%" PRIu64 "..%" PRIu64 " lost: the outbox was full", i->lost_from,
	               i->seq);
	a.time = i->lost_at;
	a.severity = CLV_SEVERITY_WARNING;
	a.name = (char *)(uintptr_t) "Alerts lost";
	a.text = text;
	a.lost_from = i->lost_from;
	item.kind = OUTBOX_LOST;
	item.time = i->lost_at;
	item.alert = &a;
	return proto_dup(&item.base, (ProtobufCMessage **)out, err);
}

/* Items of one kind that follow each other: alerts travel in parcels, the rest in batches. */
static clv_rc take_item(const struct outbox_item *i, void *ctx, bool *stop, struct clv_err *err)
{
	struct batch *b = ctx;
	uint64_t from = i->lost_from ? i->lost_from : i->seq;
	Clv__OutboxItem *item = NULL;
	bool alert;

	if (i->lost_from
	        ? lost_item(i, &item, err)
	        : proto_decode(&clv__outbox_item__descriptor, i->body, (ProtobufCMessage **)&item, err))
		return CLV_FAILED;
	alert = item->alert && (item->kind == OUTBOX_ALERT || item->kind == OUTBOX_LOST);
	if (b->n && (alert != b->alerts || from != b->last + 1 || b->bytes + i->body.len > BATCH_BYTES ||
	             b->n == (alert ? TRACE_ALERTS_MAX : BATCH_ITEMS))) {
		proto_free(&item->base);
		*stop = true; /* the rest goes with the next */
		return CLV_OK;
	}
	if (!b->n) {
		b->first = from;
		b->alerts = alert;
	}
	if (alert) {
		item->alert->sequence = i->seq;
		item->alert->lost_from = i->lost_from;
	}
	b->last = i->seq;
	b->items[b->n++] = item;
	b->bytes += i->body.len + 16;
	return CLV_OK;
}

static clv_rc run_batch(struct db *d, void *ctx, struct clv_err *err)
{
	return outbox_oldest(d, TRACE_ALERTS_MAX, take_item, ctx, err);
}

static void free_batch(struct core *c, struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		proto_free((ProtobufCMessage *)b->items[i]);
	buf_release(&b->parcel);
	clv_free(b);
	c->agent->draining = false;
}

static void on_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	struct agent *a = c->agent;
	struct batch *b = ctx;
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;

	(void)type;
	if (!m) {
		log_err(LOG_WARN, err, "signing a batch of the outbox");
	} else if (a->link == AGENT_UP && a->conn == b->conn) {
		Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT, *hops[1] = {&st};
		Clv__ParcelFrame f = CLV__PARCEL_FRAME__INIT;

		st.body = s->body;
		st.signature = s->signature;
		a->sent = true;
		a->sent_upto = b->last;
		f.parcel = PROTO_BYTES(buf_slice(&b->parcel));
		f.hops = hops;
		f.n_hops = 1;
		if (b->alerts)
			core_frame(c, false, a->conn, FRAME_PARCEL, &f.base);
		else
			core_frame(c, false, a->conn, FRAME_OUTBOX, &st.base);
	}
	free_batch(c, b);
}

/* The agent's own hop record: it came by no link, and goes by this one. */
static void sign_parcel(struct core *c, struct batch *b)
{
	Clv__KhHop q = CLV__KH_HOP__INIT;
	Clv__HopLink out = CLV__HOP_LINK__INIT;

	agent_fill_link(c->agent, &out);
	q.parcel = PROTO_BYTES(buf_slice(&b->parcel));
	q.outgoing = &out;
	q.sent = clock_wall_ms();
	kh_ask(c, IPC_KH_HOP, &q.base, on_signed, b);
}

static void send_alerts(struct core *c, struct batch *b)
{
	Clv__Parcel m = CLV__PARCEL__INIT;
	Clv__Alert *alerts[TRACE_ALERTS_MAX];
	struct clv_err err = {0};

	for (size_t i = 0; i < b->n; i++)
		alerts[i] = b->items[i]->alert;
	m.agent = c->start->name;
	m.outbox = PROTO_BYTES(slice_of(c->agent->box.id, OUTBOX_ID_LEN));
	m.first = b->first;
	m.last = b->last;
	m.acked = c->agent->box.acked;
	m.n_alerts = b->n;
	m.alerts = alerts;
	if (proto_encode(&m.base, &b->parcel, &err)) {
		log_err(LOG_ERROR, &err, "a parcel of alerts");
		free_batch(c, b);
		return;
	}
	sign_parcel(c, b);
}

static void done_batch(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct batch *b = ctx;
	Clv__OutboxBatch m = CLV__OUTBOX_BATCH__INIT;

	if (rc)
		log_err(LOG_ERROR, err, "reading the outbox");
	if (rc || !b->n || c->agent->link != AGENT_UP || c->agent->conn != b->conn) {
		free_batch(c, b);
		return;
	}
	c->agent->busy_upto = b->last;
	if (b->alerts) {
		send_alerts(c, b);
		return;
	}
	m.agent = c->start->name;
	m.outbox = PROTO_BYTES(slice_of(c->agent->box.id, OUTBOX_ID_LEN));
	m.first = b->first;
	m.acked = c->agent->box.acked;
	m.items = b->items;
	m.n_items = b->n;
	kh_sign(c, STATEMENT_OUTBOX, &m.base, on_signed, b);
}

void agent_drain(struct core *c)
{
	struct agent *a = c->agent;
	struct batch *b;

	if (a->link != AGENT_UP || !a->published || a->draining || a->sent || a->renewing ||
	    a->box.acked >= a->box.made)
		return;
	b = clv_calloc(1, sizeof *b);
	buf_init(&b->parcel, TRACE_PARCEL_MAX);
	b->conn = a->conn;
	a->draining = true;
	a->busy_upto = a->box.made; /* until it is known what is taken */
	core_db_put(c, run_batch, done_batch, b);
}

static clv_rc run_acked(struct db *d, void *ctx, struct clv_err *err)
{
	return outbox_acked(d, *(uint64_t *)ctx, err);
}

static void done_acked(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	if (rc)
		log_err(LOG_ERROR, err, "dropping what was acknowledged");
	clv_free(ctx);
	agent_destroy_old(c);
	agent_drain(c);
}

/* --- the server has something else under our numbers --- */
static clv_rc run_renew(struct db *d, void *ctx, struct clv_err *err)
{
	if (outbox_renew(d, err))
		return CLV_FAILED;
	return outbox_load(d, ctx, err);
}

static void done_renew(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	const struct outbox_state *s = ctx;
	struct agent *a = c->agent;

	a->renewing = false;
	if (rc) {
		log_err(LOG_ERROR, err, "opening a new outbox");
	} else {
		memcpy(a->box.id, s->id, OUTBOX_ID_LEN);
		a->box.made = s->made;
		a->box.acked = s->acked;
	}
	clv_free(ctx);
	agent_drain(c);
}

static void conflict(struct core *c)
{
	struct agent *a = c->agent;

	core_event(
	    c, 20029,
	    "The server has something else under the numbers of this outbox. A new outbox was opened; what "
	    "waited goes on in it.");
	a->sent = false;
	a->renewing = true;
	core_db_put(c, run_renew, done_renew, clv_calloc(1, sizeof(struct outbox_state)));
}

void agent_on_ack(struct core *c, const Clv__SignedStatement *s)
{
	struct agent *a = c->agent;
	ProtobufCMessage *m = NULL;
	const Clv__OutboxAck *ack;
	struct clv_err err = {0};

	if (statement_open(STATEMENT_ACK, c->start->group, buf_slice(&c->group_key), PROTO_SLICE(s->body),
	                   PROTO_SLICE(s->signature), &m, &err)) {
		log_err(LOG_WARN, &err, "an acknowledgement is not the group's");
		agent_drop_link(c, "an acknowledgement is not signed by the group");
		return;
	}
	ack = (const Clv__OutboxAck *)m;
	if (agent_is_fenced(c, ack->fencing, "an acknowledgement")) {
		proto_free(m);
		return;
	}
	if (strcmp(ack->agent, c->start->name) != 0 ||
	    !slice_eq(PROTO_SLICE(ack->outbox), slice_of(a->box.id, OUTBOX_ID_LEN)) ||
	    ack->upto > a->box.made) {
		log_warn("an acknowledgement for something else is ignored");
	} else if (ack->conflict) {
		conflict(c);
	} else {
		a->sent = false;
		if (ack->upto > a->box.acked) {
			a->box.acked = ack->upto;
			core_db_put(c, run_acked, done_acked, clv_memdup(&ack->upto, sizeof ack->upto));
		} else if (ack->upto < a->box.acked) {
			/* The server is behind what it once acknowledged (a restored database): said, not
			 * hidden. */
			log_warn("the server expects outbox number %" PRIu64 ", %" PRIu64 " was acknowledged",
			         ack->upto + 1, a->box.acked);
		}
	}
	proto_free(m);
}
