/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's durable outbox: items are stored first, sent in signed batches, dropped when the server's
 * signed acknowledgement came. One batch is under way at a time. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "proto/types.h"
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
	if (outbox_add(d, buf_slice(&a->item), &a->seq, err))
		return CLV_FAILED;
	return *a->key ? outbox_set(d, a->key, a->value, err) : CLV_OK;
}

static void done_add(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct add *a = ctx;

	if (rc) {
		log_err(LOG_ERROR, err, "keeping an item in the outbox");
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

static void put_item(struct core *c, const Clv__OutboxItem *item, const char *key, uint64_t value)
{
	struct add *a = clv_calloc(1, sizeof *a);
	struct clv_err err = {0};

	(void)snprintf(a->key, sizeof a->key, "%s", key);
	a->value = value;
	buf_init(&a->item, OUTBOX_ITEM_MAX);
	if (proto_encode(&item->base, &a->item, &err)) {
		log_err(LOG_ERROR, &err, "an outbox item");
		buf_release(&a->item);
		clv_free(a);
		return;
	}
	core_db_put(c, run_add, done_add, a);
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
	Clv__OutboxItem *items[BATCH_ITEMS];
	size_t n, bytes;
	uint64_t first, last, conn;
};

static clv_rc take_item(uint64_t seq, struct clv_slice body, void *ctx, struct clv_err *err)
{
	struct batch *b = ctx;

	if (b->n == BATCH_ITEMS || b->bytes + body.len > BATCH_BYTES)
		return CLV_OK; /* the rest goes with the next */
	if (proto_decode(&clv__outbox_item__descriptor, body, (ProtobufCMessage **)&b->items[b->n], err))
		return CLV_FAILED;
	if (!b->n)
		b->first = seq;
	b->last = seq;
	b->n++;
	b->bytes += body.len + 8;
	return CLV_OK;
}

static clv_rc run_batch(struct db *d, void *ctx, struct clv_err *err)
{
	return outbox_oldest(d, BATCH_ITEMS, take_item, ctx, err);
}

static void free_batch(struct core *c, struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		proto_free((ProtobufCMessage *)b->items[i]);
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
		Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;

		st.body = s->body;
		st.signature = s->signature;
		a->sent = true;
		a->sent_upto = b->last;
		core_frame(c, false, a->conn, FRAME_OUTBOX, &st.base);
	}
	free_batch(c, b);
}

static void done_batch(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct batch *b = ctx;
	Clv__OutboxBatch m = CLV__OUTBOX_BATCH__INIT;

	if (rc)
		log_err(LOG_ERROR, err, "reading the outbox");
	if (rc || !b->n) {
		free_batch(c, b);
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

	if (a->link != AGENT_UP || !a->published || a->draining || a->sent || a->box.acked >= a->box.made)
		return;
	b = clv_calloc(1, sizeof *b);
	b->conn = a->conn;
	a->draining = true;
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
	if (strcmp(ack->agent, c->start->name) != 0 ||
	    !slice_eq(PROTO_SLICE(ack->outbox), slice_of(a->box.id, OUTBOX_ID_LEN)) ||
	    ack->upto > a->box.made) {
		log_warn("an acknowledgement for something else is ignored");
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
