/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, the parcels they came in, and the hop records of their paths (see store.h). Database thread of
 * core. Records are kept as they came, byte for byte: what they prove is judged when somebody looks.
 */
#include "store/store.h"
#include <string.h>

#define SCAN_MAX 200000 /* rows that one look may pass */

clv_rc store_parcel_add(struct db *d, struct store_parcel *p, struct clv_err *err)
{
	if (db_run(d, err,
	           "INSERT INTO parcels(agent, body, hash, received, own, verdict, why, checked, alerts)"
	           " VALUES(?,?,?,?,?,?,?,?,?)",
	           "tbbiiitii", p->agent, p->body, p->hash, p->received, (int64_t)p->own, (int64_t)p->verdict,
	           p->why ? p->why : "", p->checked, (int64_t)p->alerts))
		return CLV_FAILED;
	p->id = (uint64_t)db_last_id(d);
	return CLV_OK;
}

clv_rc store_hop_add(struct db *d, uint64_t parcel, uint32_t position, struct clv_slice body,
                     struct clv_slice signature, struct clv_err *err)
{
	return db_run(d, err, "INSERT INTO hops(parcel, position, body, signature) VALUES(?,?,?,?)", "iibb",
	              (int64_t)parcel, (int64_t)position, body, signature);
}

clv_rc store_alert_add(struct db *d, const struct store_alert *a, struct clv_err *err)
{
	if (a->outbox.len == 0)
		return db_run(d, err,
		              "INSERT INTO alerts(parcel, outbox, sequence, lost_from, time, severity, name, "
		              "text, source) VALUES(?,NULL,?,?,?,?,?,?,?)",
		              "iiiiittt", (int64_t)a->parcel, (int64_t)a->sequence, (int64_t)a->lost_from,
		              a->time, (int64_t)a->severity, a->name, a->text, a->source);
	return db_run(d, err,
	              "INSERT INTO alerts(parcel, outbox, sequence, lost_from, time, severity, name, text, "
	              "source) VALUES(?,?,?,?,?,?,?,?,?)",
	              "ibiiiittt", (int64_t)a->parcel, a->outbox, (int64_t)a->sequence, (int64_t)a->lost_from,
	              a->time, (int64_t)a->severity, a->name, a->text, a->source);
}

struct same_ctx {
	const struct store_alert *a;
	bool same;
};

static clv_rc compare(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct same_ctx *c = ctx;

	(void)err;
	*stop = true;
	/* An outbox that was full may have let go in between what arrived here. */
	c->same = db_i(r, 4) != 0 || c->a->lost_from != 0 ||
	          (db_i(r, 0) == c->a->time && db_i(r, 1) == (int64_t)c->a->severity &&
	           strcmp(db_t(r, 2), c->a->name) == 0 && strcmp(db_t(r, 3), c->a->text) == 0);
	return CLV_OK;
}

clv_rc store_alert_same(struct db *d, const struct store_alert *a, bool *same, struct clv_err *err)
{
	struct same_ctx c = {a, true};

	if (db_each(d, compare, &c, err,
	            "SELECT time, severity, name, text, lost_from FROM alerts WHERE outbox=? AND sequence=?",
	            "bi", a->outbox, (int64_t)a->sequence))
		return CLV_FAILED;
	*same = c.same;
	return CLV_OK;
}

clv_rc store_unverified_trim(struct db *d, struct clv_err *err)
{
	int64_t last = 0;

	if (db_number(d, 0, &last, err,
	              "SELECT id FROM parcels WHERE own=0 ORDER BY id DESC LIMIT 1 OFFSET ?", "i",
	              (int64_t)STORE_UNVERIFIED_MAX))
		return CLV_FAILED;
	if (!last)
		return CLV_OK;
	if (db_run(d, err,
	           "DELETE FROM alerts WHERE parcel IN (SELECT id FROM parcels WHERE own=0 AND id<=?)", "i",
	           last) ||
	    db_run(d, err, "DELETE FROM hops WHERE parcel IN (SELECT id FROM parcels WHERE own=0 AND id<=?)",
	           "i", last))
		return CLV_FAILED;
	return db_run(d, err, "DELETE FROM parcels WHERE own=0 AND id<=?", "i", last);
}

struct alerts_ctx {
	store_alert_fn *fn;
	void *ctx;
	uint64_t *parcel;
	struct clv_slice run;
	bool found;
};

static enum clv_verdict verdict_of(int64_t v)
{
	return v >= 0 && v < CLV_VERDICT_MAX ? (enum clv_verdict)v : CLV_VERDICT_UNCHECKED;
}

static clv_rc one_alert(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct alerts_ctx *c = ctx;
	struct clv_alert_fact a = {
	    .id = (uint64_t)db_i(r, 0),
	    .sequence = (uint64_t)db_i(r, 1),
	    .lost_from = (uint64_t)db_i(r, 2),
	    .time = db_i(r, 3),
	    .severity = db_i(r, 4) > 0 && db_i(r, 4) < CLV_SEVERITY_MAX ? (enum clv_severity)db_i(r, 4)
	                                                                : CLV_SEVERITY_CRITICAL,
	    .name = (char *)(uintptr_t)db_t(r, 5),
	    .text = (char *)(uintptr_t)db_t(r, 6),
	    .source = (char *)(uintptr_t)db_t(r, 7),
	    .acknowledged = db_i(r, 8),
	    .acknowledged_by = (char *)(uintptr_t)db_t(r, 9),
	    .agent = (char *)(uintptr_t)(db_t(r, 10) ? db_t(r, 10) : ""),
	    .received = db_i(r, 11),
	    .own_record = db_i(r, 12) != 0,
	    .path = db_t(r, 10) ? verdict_of(db_i(r, 13)) : CLV_VERDICT_BROKEN_CHAIN,
	    .why = (char *)(uintptr_t)(db_t(r, 14) ? db_t(r, 14) : "its parcel is missing"),
	    .checked = db_i(r, 15),
	};

	if (a.path == CLV_VERDICT_VERIFIED && !slice_eq(db_b(r, 17), c->run)) {
		a.path = CLV_VERDICT_UNCHECKED;
		a.checked = 0;
	}
	a.count = a.lost_from && a.lost_from <= a.sequence ? a.sequence - a.lost_from + 1 : 1;
	c->found = true;
	if (c->parcel)
		*c->parcel = (uint64_t)db_i(r, 16);
	return c->fn(&a, c->ctx, stop, err);
}

#define ALERT_COLUMNS                                                                                     \
	"SELECT a.id, a.sequence, a.lost_from, a.time, a.severity, a.name, a.text, a.source, "            \
	"a.acknowledged,"                                                                                 \
	" a.acknowledged_by, p.agent, p.received, p.own, p.verdict, p.why, p.checked, a.parcel, p.judged" \
	" FROM alerts a LEFT JOIN parcels p ON p.id=a.parcel "

clv_rc store_alerts(struct db *d, struct clv_slice run, bool oldest_first, uint64_t offset,
                    store_alert_fn *fn, void *ctx, struct clv_err *err)
{
	struct alerts_ctx c = {fn, ctx, NULL, run, false};

	if (oldest_first)
		return db_each(d, one_alert, &c, err, ALERT_COLUMNS "ORDER BY a.id LIMIT ? OFFSET ?", "ii",
		               (int64_t)SCAN_MAX, (int64_t)offset);
	return db_each(d, one_alert, &c, err, ALERT_COLUMNS "ORDER BY a.id DESC LIMIT ? OFFSET ?", "ii",
	               (int64_t)SCAN_MAX, (int64_t)offset);
}

clv_rc store_alert_get(struct db *d, struct clv_slice run, uint64_t id, store_alert_fn *fn, void *ctx,
                       uint64_t *parcel, struct clv_err *err)
{
	struct alerts_ctx c = {fn, ctx, parcel, run, false};

	if (db_each(d, one_alert, &c, err, ALERT_COLUMNS "WHERE a.id=?", "i", (int64_t)id))
		return CLV_FAILED;
	return c.found ? CLV_OK
	               : err_set(err, CLV_E_NOTFOUND, "there is no alert %llu here", (unsigned long long)id);
}

clv_rc store_alert_last(struct db *d, const char *agent, uint64_t *id, struct clv_err *err)
{
	int64_t v = 0;

	if (db_number(d, 0, &v, err,
	              "SELECT id FROM alerts WHERE parcel=(SELECT id FROM parcels WHERE agent=? AND own=1"
	              " ORDER BY id DESC LIMIT 1) ORDER BY id DESC LIMIT 1",
	              "t", agent))
		return CLV_FAILED;
	*id = (uint64_t)v;
	return CLV_OK;
}

clv_rc store_alert_count(struct db *d, uint64_t *n, struct clv_err *err)
{
	int64_t v = 0;

	if (db_number(d, 0, &v, err, "SELECT count(*) FROM alerts", ""))
		return CLV_FAILED;
	*n = (uint64_t)v;
	return CLV_OK;
}

clv_rc store_alert_ack(struct db *d, uint64_t id, const char *by, int64_t when, struct clv_err *err)
{
	int64_t n = 0, there = 0;

	if (db_change(d, &n, err,
	              "UPDATE alerts SET acknowledged=?, acknowledged_by=? WHERE id=? AND acknowledged=0",
	              "iti", when, by, (int64_t)id) ||
	    db_number(d, 0, &there, err, "SELECT count(*) FROM alerts WHERE id=?", "i", (int64_t)id))
		return CLV_FAILED;
	if (!there)
		return err_set(err, CLV_E_NOTFOUND, "there is no alert %llu here", (unsigned long long)id);
	return n ? CLV_OK
	         : err_set(err, CLV_E_CONFLICT, "Not done: alert %llu was acknowledged before. Look again.",
	                   (unsigned long long)id);
}

static clv_rc take_counts(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct store_alert_counts *n = ctx;

	(void)err;
	*stop = true;
	n->alerts = (uint64_t)db_i(r, 0);
	n->critical = (uint64_t)db_i(r, 1);
	n->checked = (uint64_t)db_i(r, 2);
	n->verified = (uint64_t)db_i(r, 3);
	n->open = (uint64_t)db_i(r, 4);
	return CLV_OK;
}

clv_rc store_alert_counts(struct db *d, struct clv_slice run, int64_t since, struct store_alert_counts *n,
                          struct clv_err *err)
{
	memset(n, 0, sizeof *n);
	return db_each(
	    d, take_counts, n, err,
	    "SELECT count(*), sum(a.severity=3), sum(p.checked>0 AND (p.verdict<>1 OR p.judged=?1)),"
	    " sum(p.verdict=1 AND p.judged=?1), sum(a.acknowledged=0)"
	    " FROM alerts a LEFT JOIN parcels p ON p.id=a.parcel WHERE a.time>=?2",
	    "bi", run, since);
}

struct parcels_ctx {
	store_parcel_fn *fn;
	void *ctx;
	bool found;
};

static clv_rc one_parcel(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct parcels_ctx *c = ctx;
	struct store_parcel p = {.id = (uint64_t)db_i(r, 0),
	                         .agent = db_t(r, 1),
	                         .body = db_b(r, 2),
	                         .hash = db_b(r, 3),
	                         .received = db_i(r, 4),
	                         .own = db_i(r, 5) != 0,
	                         .verdict = verdict_of(db_i(r, 6)),
	                         .why = db_t(r, 7),
	                         .checked = db_i(r, 8),
	                         .alerts = (uint32_t)db_i(r, 9)};

	c->found = true;
	return c->fn(&p, c->ctx, stop, err);
}

#define PARCEL_COLUMNS \
	"SELECT id, agent, body, hash, received, own, verdict, why, checked, alerts FROM parcels "

clv_rc store_parcel_get(struct db *d, uint64_t id, store_parcel_fn *fn, void *ctx, struct clv_err *err)
{
	struct parcels_ctx c = {fn, ctx, false};

	if (db_each(d, one_parcel, &c, err, PARCEL_COLUMNS "WHERE id=?", "i", (int64_t)id))
		return CLV_FAILED;
	return c.found ? CLV_OK : err_set(err, CLV_E_NOTFOUND, "its parcel is missing");
}

clv_rc store_parcels(struct db *d, uint64_t above, const char *agent, int64_t from, int64_t to,
                     uint32_t limit, store_parcel_fn *fn, void *ctx, struct clv_err *err)
{
	struct parcels_ctx c = {fn, ctx, false};

	if (*agent)
		return db_each(d, one_parcel, &c, err,
		               PARCEL_COLUMNS
		               "WHERE agent=? AND id>? AND received>=? AND received<? ORDER BY id LIMIT ?",
		               "tiiii", agent, (int64_t)above, from, to, (int64_t)limit);
	return db_each(d, one_parcel, &c, err,
	               PARCEL_COLUMNS "WHERE id>? AND received>=? AND received<? ORDER BY id LIMIT ?", "iiii",
	               (int64_t)above, from, to, (int64_t)limit);
}

struct hops_ctx {
	store_hop_fn *fn;
	void *ctx;
};

static clv_rc one_hop(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct hops_ctx *c = ctx;

	(void)stop;
	return c->fn((uint32_t)db_i(r, 0), db_b(r, 1), db_b(r, 2), c->ctx, err);
}

clv_rc store_hops(struct db *d, uint64_t parcel, store_hop_fn *fn, void *ctx, struct clv_err *err)
{
	struct hops_ctx c = {fn, ctx};

	return db_each(d, one_hop, &c, err,
	               "SELECT position, body, signature FROM hops WHERE parcel=? ORDER BY position LIMIT 64",
	               "i", (int64_t)parcel);
}

clv_rc store_parcel_range(struct db *d, const char *agent, int64_t from, int64_t to, uint32_t limit,
                          uint64_t *total, uint64_t *above, struct clv_err *err)
{
	int64_t n = 0, id = 0;

	if (db_number(
	        d, 0, &n, err,
	        "SELECT count(*) FROM parcels WHERE (?1='' OR agent=?1) AND received>=?2 AND received<?3",
	        "tii", agent, from, to) ||
	    db_number(d, 0, &id, err,
	              "SELECT id FROM parcels WHERE (?1='' OR agent=?1) AND received>=?2 AND received<?3"
	              " ORDER BY id DESC LIMIT 1 OFFSET ?4",
	              "tiii", agent, from, to, (int64_t)limit))
		return CLV_FAILED;
	*total = (uint64_t)n;
	*above = (uint64_t)id;
	return CLV_OK;
}

clv_rc store_parcel_judged(struct db *d, uint64_t id, struct clv_slice run, enum clv_verdict verdict,
                           const char *why, int64_t when, struct clv_err *err)
{
	return db_run(d, err, "UPDATE parcels SET verdict=?, why=?, checked=?, judged=? WHERE id=?", "itibi",
	              (int64_t)verdict, why, when, run, (int64_t)id);
}

clv_rc store_alerts_retain(struct db *d, int64_t before, uint32_t limit, int64_t *gone, struct clv_err *err)
{
	if (db_change(
	        d, gone, err,
	        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE time<? ORDER BY time LIMIT ?)",
	        "ii", before, (int64_t)limit))
		return CLV_FAILED;
	if (db_run(d, err,
	           "DELETE FROM hops WHERE parcel IN (SELECT p.id FROM parcels p WHERE p.received<? AND NOT "
	           "EXISTS"
	           " (SELECT 1 FROM alerts a WHERE a.parcel=p.id) LIMIT ?)",
	           "ii", before, (int64_t)limit))
		return CLV_FAILED;
	return db_run(d, err,
	              "DELETE FROM parcels WHERE received<? AND NOT EXISTS (SELECT 1 FROM alerts a WHERE "
	              "a.parcel=parcels.id) AND NOT EXISTS (SELECT 1 FROM hops h WHERE h.parcel=parcels.id)",
	              "i", before);
}
