/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent's outbox at the server: a signed batch is stored in one transaction with the next expected
 * number, exactly once and in order; the acknowledgement is signed after the commit. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_rules.h"
#include <inttypes.h>
#include <string.h>

#define EVENT_TEXT_MAX 4096u
#define EVENT_WORD_MAX 64u

struct batch_job {
	uint64_t conn;
	char name[STORE_NAME_MAX];
	ProtobufCMessage *batch;
	uint64_t upto; /* after the commit: stored up to here */
	uint64_t gap;  /* first number that was acknowledged and is not here; 0: none */
	uint64_t skipped;
	int64_t now;
};

static const Clv__OutboxBatch *batch_of(const struct batch_job *j)
{
	return (const Clv__OutboxBatch *)j->batch;
}

static clv_rc store_event(struct db *d, const struct batch_job *j, const Clv__OutboxItem *i,
                          struct clv_err *err)
{
	struct clv_event_fact e = {.time = i->time, .node = (char *)(uintptr_t)j->name};

	if (!i->event)
		return err_set(err, CLV_E_PROTO, "an event item without an event");
	e.source = i->event->source;
	e.id = i->event->id;
	e.level = i->event->level < CLV_LEVEL_MAX ? (enum clv_level)i->event->level : CLV_LEVEL_ERROR;
	e.category = i->event->category;
	e.text = i->event->text;
	return store_event_add(d, &e, err);
}

static clv_rc store_item(struct db *d, const struct batch_job *j, const Clv__OutboxItem *i,
                         struct clv_err *err)
{
	switch (i->kind) {
	case OUTBOX_EVENT:
		return store_event(d, j, i, err);
	case OUTBOX_CONFIRM:
		return store_key_confirmed(d, j->name, i->generation, i->version, j->now, err)
		           ? CLV_FAILED
		           : deliver_store(d, j->name, i, j->now, err);
	case OUTBOX_TRIED:
		return deliver_store(d, j->name, i, j->now, err);
	case OUTBOX_DESTROYED:
		return store_keys_destroyed(d, j->name, i->generation, j->now, err);
	case OUTBOX_CHANNEL:
		return i->thumbprint.len == 32
		           ? store_agent_channel(d, j->name, PROTO_SLICE(i->thumbprint), err)
		           : CLV_OK;
	default:
		/* From a newer agent: kept out, but counted, so that the outbox goes on. */
		return CLV_OK;
	}
}

static clv_rc run_batch(struct db *d, void *ctx, struct clv_err *err)
{
	struct batch_job *j = ctx;
	const Clv__OutboxBatch *b = batch_of(j);
	uint64_t next = 0, end = b->first + b->n_items;

	if (store_outbox_begin(d, j->name, PROTO_SLICE(b->outbox), &next, err))
		return CLV_FAILED;
	j->upto = next - 1;
	if (b->first > next && b->acked + 1 >= b->first) {
		/* What was acknowledged is gone there; this database is an older copy. */
		if (store_outbox_advance(d, j->name, PROTO_SLICE(b->outbox), next, b->first, err))
			return CLV_FAILED;
		j->gap = next;
		next = b->first;
	}
	if (b->first > next || end <= next)
		return CLV_OK; /* "expected N": the answer says what is here */
	j->skipped = next - b->first;
	for (size_t i = (size_t)j->skipped; i < b->n_items; i++)
		if (store_item(d, j, b->items[i], err))
			return CLV_FAILED;
	if (store_outbox_advance(d, j->name, PROTO_SLICE(b->outbox), next, end, err))
		return CLV_FAILED;
	j->upto = end - 1;
	return CLV_OK;
}

/* What the stored items mean for what screens show. */
static void apply_item(struct core *c, struct node *n, const Clv__OutboxItem *i, int64_t now)
{
	switch (i->kind) {
	case OUTBOX_EVENT:
		c->srv->events_total++;
		break;
	case OUTBOX_CONFIRM:
		if (n->key.generation == i->generation && n->key.state <= CLV_KEY_CONFIRMED) {
			n->key.state = CLV_KEY_CONFIRMED;
			if (!n->key.confirmed)
				n->key.confirmed = now;
		}
		if (i->version > n->config_confirmed) {
			n->config_confirmed = i->version;
			n->config_confirmed_at = now;
			n->row_version++;
			if (i->version == n->config_version)
				n->config_confirmed_ordinal = n->config_ordinal;
		}
		deliver_apply(c, n, i, now);
		break;
	case OUTBOX_TRIED:
		deliver_apply(c, n, i, now);
		break;
	case OUTBOX_CHANNEL:
		if (slice_fill(PROTO_SLICE(i->thumbprint), n->configured, 32)) {
			n->has_configured = true;
		}
		break;
	default:
		break;
	}
}

static void done_batch(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct batch_job *j = ctx;
	const Clv__OutboxBatch *b = batch_of(j);
	struct node *n = server_find(c->srv, j->name);
	struct session *s = server_session(c->srv, j->conn);
	Clv__OutboxAck ack = CLV__OUTBOX_ACK__INIT;

	if (s)
		s->batch = false;
	if (rc) {
		/* Nothing is acknowledged that is not stored: the agent keeps it and comes again. */
		log_err(LOG_ERROR, err, "storing an outbox batch");
		core_conn_close(c, false, j->conn, "this server cannot store now");
	} else {
		if (j->gap)
			core_event(
			    c, 20027,
			    "%s's outbox goes on at %" PRIu64 ": %" PRIu64
			    " and later were acknowledged before, and are not in this database. It is an "
			    "older copy.",
			    j->name, b->first, j->gap);
		if (n && j->upto >= b->first)
			for (size_t i = (size_t)j->skipped; i < b->n_items && b->first + i <= j->upto; i++)
				apply_item(c, n, b->items[i], j->now);
		if (s && s->upto < j->upto)
			s->upto = j->upto;
		ack.agent = j->name;
		ack.outbox = b->outbox;
		ack.upto = j->upto;
		ack.fencing = c->srv->fencing;
		server_sign_and_send(c, j->conn, STATEMENT_ACK, FRAME_ACK, &ack.base);
		server_changed(c);
	}
	proto_free(j->batch);
	clv_free(j);
}

static bool accounts_have_sense(const Clv__OutboxItem *i)
{
	for (size_t j = 0; j < i->n_held; j++)
		if (strlen(i->held[j]->account) != 32 || i->held[j]->version > INT64_MAX)
			return false;
	return !i->tried ||
	       (strlen(i->tried->account) == 32 && i->tried->version <= INT64_MAX &&
	        strlen(i->tried->text) <= EVENT_TEXT_MAX && i->tried->result >= 1 && i->tried->result <= 3);
}

/* Authenticated does not mean honest: what a screen or a frame could not hold is not stored. */
static bool has_sense(const Clv__OutboxBatch *b)
{
	for (size_t i = 0; i < b->n_items; i++) {
		const Clv__OutboxEvent *e = b->items[i]->event;

		if (e && (strlen(e->text) > EVENT_TEXT_MAX || strlen(e->source) > EVENT_WORD_MAX ||
		          strlen(e->category) > EVENT_WORD_MAX || b->items[i]->time < 0))
			return false;
		if (!e && b->items[i]->kind == OUTBOX_EVENT)
			return false;
		if (!accounts_have_sense(b->items[i]))
			return false;
	}
	return true;
}

void outbox_on_batch(struct core *c, struct session *s, const Clv__SignedStatement *m)
{
	struct node *n = s->node;
	ProtobufCMessage *bm = NULL;
	const Clv__OutboxBatch *b;
	struct batch_job *j;
	struct clv_err err = {0};
	size_t len = strlen(n->name);

	if (statement_open(STATEMENT_OUTBOX, c->start->group, buf_slice(&n->node_key), PROTO_SLICE(m->body),
	                   PROTO_SLICE(m->signature), &bm, &err)) {
		core_event(c, 20002, "A batch of %s's outbox was refused: %s.", n->name, err.text);
		server_refuse(c, s, REFUSAL_PROOF, "the outbox batch is not signed by the pinned node key");
		return;
	}
	b = (const Clv__OutboxBatch *)bm;
	if (strcmp(b->agent, n->name) != 0 || b->outbox.len != 16 || b->first == 0 || b->n_items == 0 ||
	    s->batch || len >= STORE_NAME_MAX || b->first > INT64_MAX / 2 || !has_sense(b)) {
		bool foreign = strcmp(b->agent, n->name) != 0;

		if (foreign)
			enroll_quarantine(c, s, b->agent, "an outbox batch");
		else
			server_refuse(c, s, REFUSAL_PROOF, "an outbox batch that makes no sense");
		proto_free(bm);
		return;
	}
	s->batch = true;
	j = clv_calloc(1, sizeof *j);
	memcpy(j->name, n->name, len + 1);
	j->conn = s->conn;
	j->batch = bm;
	j->now = clock_wall_ms();
	core_db_put(c, run_batch, done_batch, j);
}
