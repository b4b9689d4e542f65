/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's outbox in SQLite (see outbox.h).
 */
#include "store/outbox.h"
#include "base/clock.h"
#include <openssl/rand.h>
#include <string.h>

static const char *const steps[] = {
    "CREATE TABLE value(key TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox_id(id BLOB NOT NULL);"
    "CREATE TABLE item(seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);",
    /* What may go when it is full: lossy 1 an alert or an event, 2 the record of some that went. The number
     * of those of kind 1 is kept, because counting them at each addition would cost as much as there are. */
    "ALTER TABLE item ADD COLUMN lossy INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN lost_from INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN lost_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX item_lossy ON item(lossy, seq);"
    "INSERT OR IGNORE INTO value(key, number) VALUES('lossy', 0);"
    "CREATE TRIGGER item_in AFTER INSERT ON item WHEN NEW.lossy=1 BEGIN"
    " UPDATE value SET number=number+1 WHERE key='lossy'; END;"
    "CREATE TRIGGER item_out AFTER DELETE ON item WHEN OLD.lossy=1 BEGIN"
    " UPDATE value SET number=number-1 WHERE key='lossy'; END;"
    "CREATE TRIGGER item_lost AFTER UPDATE OF lossy ON item WHEN OLD.lossy=1 AND NEW.lossy<>1 BEGIN"
    " UPDATE value SET number=number-1 WHERE key='lossy'; END;",
};

static clv_rc new_id(struct db *d, struct clv_err *err)
{
	uint8_t id[OUTBOX_ID_LEN];

	if (RAND_bytes(id, sizeof id) != 1)
		return err_set(err, CLV_E_CRYPTO, "no random bytes for the outbox's id");
	return db_run(d, err, "INSERT INTO outbox_id(id) VALUES(?)", "b", slice_of(id, sizeof id));
}

static clv_rc ensure_id(struct db *d, struct clv_err *err)
{
	int64_t n = 0;

	if (db_number(d, 0, &n, err, "SELECT count(*) FROM outbox_id", ""))
		return CLV_FAILED;
	return n ? CLV_OK : new_id(d, err);
}

clv_rc outbox_open(const char *path, struct db **out, struct clv_err *err)
{
	struct db *d = NULL;

	if (db_open(path, DB_STORE, &d, err))
		return CLV_FAILED;
	if (db_schema(d, steps, sizeof steps / sizeof steps[0], err) || ensure_id(d, err)) {
		db_close(d);
		return CLV_FAILED;
	}
	*out = d;
	return CLV_OK;
}

static clv_rc take_id(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	*stop = true;
	if (!slice_fill(db_b(r, 0), ctx, OUTBOX_ID_LEN))
		return err_set(err, CLV_E_CORRUPT, "the outbox's id has the wrong size");
	return CLV_OK;
}

static clv_rc number(struct db *d, const char *key, uint64_t *out, struct clv_err *err)
{
	int64_t v = 0;

	if (db_number(d, 0, &v, err, "SELECT number FROM value WHERE key=?", "t", key))
		return CLV_FAILED;
	*out = (uint64_t)v;
	return CLV_OK;
}

clv_rc outbox_load(struct db *d, struct outbox_state *s, struct clv_err *err)
{
	int64_t made = 0;
	uint64_t accepted = 0;

	memset(s, 0, sizeof *s);
	if (db_each(d, take_id, s->id, err, "SELECT id FROM outbox_id LIMIT 1", "") ||
	    db_number(d, 0, &made, err, "SELECT seq FROM sqlite_sequence WHERE name='item'", "") ||
	    number(d, "acked", &s->acked, err) || number(d, "confirmed", &s->confirmed_version, err) ||
	    number(d, "generation", &s->generation, err) || number(d, "accepted", &accepted, err))
		return CLV_FAILED;
	s->made = (uint64_t)made;
	s->accepted = accepted != 0;
	return CLV_OK;
}

clv_rc outbox_add(struct db *d, struct clv_slice item, bool lossy, uint64_t *seq, struct clv_err *err)
{
	if (db_run(d, err, "INSERT INTO item(body, lossy) VALUES(?,?)", "bi", item, (int64_t)lossy))
		return CLV_FAILED;
	*seq = (uint64_t)db_last_id(d);
	return CLV_OK;
}

/* One item goes; the record before it, where there is one, grows over it. */
static clv_rc lose(struct db *d, uint64_t seq, int64_t now, struct clv_err *err)
{
	int64_t from = 0;

	if (db_number(d, (int64_t)seq, &from, err, "SELECT lost_from FROM item WHERE seq=? AND lossy=2", "i",
	              (int64_t)seq - 1) ||
	    db_run(d, err, "DELETE FROM item WHERE seq=? AND lossy=2", "i", (int64_t)seq - 1))
		return CLV_FAILED;
	return db_run(d, err, "UPDATE item SET lossy=2, lost_from=?, lost_at=?, body=x'' WHERE seq=?", "iii",
	              from, now, (int64_t)seq);
}

clv_rc outbox_trim(struct db *d, uint64_t limit, uint64_t busy, uint64_t *lost, struct clv_err *err)
{
	uint64_t waiting = 0;
	int64_t seq = 0;

	*lost = 0;
	if (number(d, "lossy", &waiting, err))
		return CLV_FAILED;
	for (; waiting > limit; waiting--) {
		if (db_number(d, 0, &seq, err,
		              "SELECT seq FROM item WHERE lossy=1 AND seq>? ORDER BY seq LIMIT 1", "i",
		              (int64_t)busy))
			return CLV_FAILED;
		if (!seq)
			return CLV_OK; /* all of it is under way */
		if (lose(d, (uint64_t)seq, clock_wall_ms(), err))
			return CLV_FAILED;
		++*lost;
	}
	return CLV_OK;
}

struct oldest {
	outbox_fn *fn;
	void *ctx;
};

static clv_rc one_item(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct oldest *o = ctx;
	struct outbox_item i = {.seq = (uint64_t)db_i(r, 0),
	                        .lost_from = (uint64_t)db_i(r, 2),
	                        .lost_at = db_i(r, 3),
	                        .body = db_b(r, 1)};

	return o->fn(&i, o->ctx, stop, err);
}

clv_rc outbox_oldest(struct db *d, size_t n, outbox_fn *fn, void *ctx, struct clv_err *err)
{
	struct oldest o = {fn, ctx};

	return db_each(d, one_item, &o, err,
	               "SELECT seq, body, lost_from, lost_at FROM item ORDER BY seq LIMIT ?", "i",
	               (int64_t)n);
}

clv_rc outbox_renew(struct db *d, struct clv_err *err)
{
	uint64_t acked = 0;

	if (number(d, "acked", &acked, err))
		return CLV_FAILED;
	/* By way of negative numbers: none meets another on the way. */
	if (db_run(d, err, "UPDATE item SET lost_from=max(lost_from-?1, 0), seq=-(seq-?1)", "i",
	           (int64_t)acked) ||
	    db_run(d, err, "UPDATE item SET seq=-seq", "") ||
	    db_run(d, err, "UPDATE sqlite_sequence SET seq=seq-? WHERE name='item'", "i", (int64_t)acked) ||
	    outbox_set(d, "acked", 0, err) || db_run(d, err, "DELETE FROM outbox_id", ""))
		return CLV_FAILED;
	return new_id(d, err);
}

clv_rc outbox_acked(struct db *d, uint64_t upto, struct clv_err *err)
{
	if (db_run(d, err, "DELETE FROM item WHERE seq<=?", "i", (int64_t)upto))
		return CLV_FAILED;
	return outbox_set(d, "acked", upto, err);
}

clv_rc outbox_set(struct db *d, const char *key, uint64_t value, struct clv_err *err)
{
	return db_run(d, err, "INSERT OR REPLACE INTO value(key, number) VALUES(?,?)", "ti", key,
	              (int64_t)value);
}

clv_rc outbox_get(struct db *d, const char *key, uint64_t *value, struct clv_err *err)
{
	return number(d, key, value, err);
}

clv_rc outbox_reset(struct db *d, struct clv_err *err)
{
	if (db_run(d, err, "DELETE FROM item", "") ||
	    db_run(d, err, "DELETE FROM value WHERE key<>'lossy'", "") ||
	    db_run(d, err, "DELETE FROM outbox_id", "") ||
	    db_run(d, err, "DELETE FROM sqlite_sequence WHERE name='item'", ""))
		return CLV_FAILED;
	return new_id(d, err);
}
