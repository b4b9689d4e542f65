/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's outbox in SQLite (see outbox.h).
 */
#include "store/outbox.h"
#include <openssl/rand.h>
#include <string.h>

static const char *const steps[] = {
    "CREATE TABLE value(key TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox_id(id BLOB NOT NULL);"
    "CREATE TABLE item(seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);",
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
	if (db_b(r, 0).len != OUTBOX_ID_LEN)
		return err_set(err, CLV_E_CORRUPT, "the outbox's id has the wrong size");
	memcpy(ctx, db_b(r, 0).ptr, OUTBOX_ID_LEN);
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

clv_rc outbox_add(struct db *d, struct clv_slice item, uint64_t *seq, struct clv_err *err)
{
	if (item.len > OUTBOX_ITEM_MAX)
		return err_set(err, CLV_E_LIMIT, "an outbox item of %zu bytes", item.len);
	if (db_run(d, err, "INSERT INTO item(body) VALUES(?)", "b", item))
		return CLV_FAILED;
	*seq = (uint64_t)db_last_id(d);
	return CLV_OK;
}

struct oldest {
	outbox_fn *fn;
	void *ctx;
};

static clv_rc one_item(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct oldest *o = ctx;

	(void)stop;
	return o->fn((uint64_t)db_i(r, 0), db_b(r, 1), o->ctx, err);
}

clv_rc outbox_oldest(struct db *d, size_t n, outbox_fn *fn, void *ctx, struct clv_err *err)
{
	struct oldest o = {fn, ctx};

	return db_each(d, one_item, &o, err, "SELECT seq, body FROM item ORDER BY seq LIMIT ?", "i",
	               (int64_t)n);
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
	if (db_run(d, err, "DELETE FROM item", "") || db_run(d, err, "DELETE FROM value", "") ||
	    db_run(d, err, "DELETE FROM outbox_id", "") ||
	    db_run(d, err, "DELETE FROM sqlite_sequence WHERE name='item'", ""))
		return CLV_FAILED;
	return new_id(d, err);
}
