/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, counts, meta values (see store.h); the audit trail is audit.c's. Database thread of core.
 */
#include "store/store.h"
#include <string.h>

#define SCAN_MAX 200000 /* rows that one look may pass */

clv_rc store_event_add(struct db *d, const struct clv_event_fact *e, struct clv_err *err)
{
	return db_run(
	    d, err, "INSERT INTO events(time, node, source, id, level, category, text) VALUES(?,?,?,?,?,?,?)",
	    "ittiitt", e->time, e->node, e->source, (int64_t)e->id, (int64_t)e->level, e->category, e->text);
}

struct events_ctx {
	store_event_fn *fn;
	void *ctx;
};

static clv_rc one_event(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct events_ctx *c = ctx;
	struct clv_event_fact e = {
	    .seq = (uint64_t)db_i(r, 0),
	    .time = db_i(r, 1),
	    .node = (char *)(uintptr_t)db_t(r, 2),
	    .source = (char *)(uintptr_t)db_t(r, 3),
	    .id = (uint32_t)db_i(r, 4),
	    .level = db_i(r, 5) < CLV_LEVEL_MAX ? (enum clv_level)db_i(r, 5) : CLV_LEVEL_ERROR,
	    .category = (char *)(uintptr_t)db_t(r, 6),
	    .text = (char *)(uintptr_t)db_t(r, 7),
	};

	return c->fn(&e, c->ctx, stop, err);
}

#define EVENT_COLUMNS "SELECT seq, time, node, source, id, level, category, text FROM events "

clv_rc store_events(struct db *d, bool oldest_first, uint64_t offset, store_event_fn *fn, void *ctx,
                    struct clv_err *err)
{
	struct events_ctx c = {fn, ctx};

	if (oldest_first)
		return db_each(d, one_event, &c, err, EVENT_COLUMNS "ORDER BY seq LIMIT ? OFFSET ?", "ii",
		               (int64_t)SCAN_MAX, (int64_t)offset);
	return db_each(d, one_event, &c, err, EVENT_COLUMNS "ORDER BY seq DESC LIMIT ? OFFSET ?", "ii",
	               (int64_t)SCAN_MAX, (int64_t)offset);
}

clv_rc store_events_of(struct db *d, const char *node, store_event_fn *fn, void *ctx, struct clv_err *err)
{
	struct events_ctx c = {fn, ctx};

	return db_each(d, one_event, &c, err, EVENT_COLUMNS "WHERE node=? ORDER BY seq DESC LIMIT 50", "t",
	               node);
}

clv_rc store_count(struct db *d, bool audit, uint64_t *n, struct clv_err *err)
{
	int64_t v = 0;
	clv_rc rc = audit ? db_number(d, 0, &v, err, "SELECT count(*) FROM audit", "")
	                  : db_number(d, 0, &v, err, "SELECT count(*) FROM events", "");

	if (!rc)
		*n = (uint64_t)v;
	return rc;
}

clv_rc store_audit_begins(struct db *d, int64_t *time, struct clv_err *err)
{
	return db_number(d, 0, time, err, "SELECT time FROM audit ORDER BY seq LIMIT 1", "");
}

clv_rc store_turned_away(struct db *d, int64_t since, uint64_t *n, struct clv_err *err)
{
	int64_t v = 0;

	if (db_number(d, 0, &v, err, "SELECT count(*) FROM events WHERE time>=? AND id=20002", "i", since))
		return CLV_FAILED;
	*n = (uint64_t)v;
	return CLV_OK;
}

clv_rc store_meta_put(struct db *d, const char *key, struct clv_slice value, struct clv_err *err)
{
	return db_run(d, err, "INSERT OR REPLACE INTO meta(key, value) VALUES(?,?)", "tb", key, value);
}

static clv_rc take_value(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	*stop = true;
	return buf_put(ctx, db_b(r, 0), err);
}

clv_rc store_meta_get(struct db *d, const char *key, struct clv_buf *value, struct clv_err *err)
{
	return db_each(d, take_value, value, err, "SELECT value FROM meta WHERE key=?", "t", key);
}
