/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes said that they made and has not come yet, kept with their outboxes. A node that comes with a new
 * outbox (installed anew, an older disk) cannot send the rest of the one before: those numbers are named,
 * once. Runs in core; looking is the database thread's.
 */
#include "base/log.h"
#include "daemon/core_server_alerts.h"
#include <inttypes.h>
#include <string.h>

#define LOST_MAX 8u /* outboxes of one node that are named at once */

struct told_job {
	char name[STORE_NAME_MAX];
	uint8_t outbox[TRACE_OUTBOX_LEN];
	uint64_t made; /* 0: nothing that has not come */
	uint64_t conn;
	struct {
		uint8_t outbox[TRACE_OUTBOX_LEN];
		uint64_t from, to;
	} lost[LOST_MAX];
	size_t n_lost;
};

static clv_rc add_lost(struct clv_slice outbox, uint64_t next, uint64_t told, void *ctx, struct clv_err *err)
{
	struct told_job *j = ctx;

	(void)err;
	if (j->n_lost < LOST_MAX && slice_fill(outbox, j->lost[j->n_lost].outbox, TRACE_OUTBOX_LEN)) {
		j->lost[j->n_lost].from = next;
		j->lost[j->n_lost++].to = told;
	}
	return CLV_OK;
}

static clv_rc run_told(struct db *d, void *ctx, struct clv_err *err)
{
	struct told_job *j = ctx;
	struct clv_slice outbox = slice_of(j->outbox, sizeof j->outbox);

	if (j->made && store_outbox_told(d, j->name, outbox, j->made, err))
		return CLV_FAILED;
	return store_outboxes_lost(d, j->name, outbox, add_lost, j, err);
}

static clv_rc run_settle(struct db *d, void *ctx, struct clv_err *err)
{
	const struct told_job *j = ctx;
	clv_rc rc = CLV_OK;

	for (size_t i = 0; !rc && i < j->n_lost; i++)
		rc = store_outbox_settle(d, j->name, slice_of(j->lost[i].outbox, TRACE_OUTBOX_LEN), err);
	return rc;
}

static void done_settle(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	(void)c;
	if (rc)
		log_err(LOG_ERROR, err, "keeping what of an outbox was named as lost");
	clv_free(ctx);
}

static void done_told(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct told_job *j = ctx;
	struct session *s = server_session(c->srv, j->conn);

	if (rc) {
		log_err(LOG_ERROR, err, "keeping what a node made");
		if (s) { /* its next heartbeat says it again */
			s->told_looked = false;
			s->told = 0;
		}
		j->n_lost = 0;
	}
	for (size_t i = 0; i < j->n_lost; i++)
		core_event(
		    c, 20030,
		    "%s came with a new outbox. Of the one before, %" PRIu64 " to %" PRIu64
		    " were made and never came here: they are lost. It was installed anew, or its disk "
		    "is older.",
		    j->name, j->lost[i].from, j->lost[i].to);
	/* After the events: a crash in between names them twice, none is forgotten. */
	if (j->n_lost)
		core_db_put(c, run_settle, done_settle, j);
	else
		clv_free(j);
}

void told_on_state(struct core *c, struct session *s, const Clv__OutboxState *o)
{
	uint64_t here = o->acked > s->upto ? o->acked : s->upto;
	bool more = o->made > here && o->made > s->told && o->made <= INT64_MAX && !s->conflicted;
	struct told_job *j;

	if (s->told_looked && !more)
		return;
	s->told_looked = true;
	j = clv_calloc(1, sizeof *j);
	(void)memcpy(j->name, s->node->name, strlen(s->node->name) + 1);
	(void)slice_fill(PROTO_SLICE(o->outbox), j->outbox, sizeof j->outbox); /* compared by the caller */
	j->conn = s->conn;
	if (more)
		s->told = j->made = o->made;
	core_db_put(c, run_told, done_told, j);
}
