/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that decide, as bytes under their MACs; passwords as ciphertext; what hosts hold. Judges nothing:
 * the key holder does. Database thread of core.
 */
#include "store/store.h"
#include <inttypes.h>

struct rows_ctx {
	store_row_fn *fn;
	void *ctx;
};

static clv_rc one_row(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct rows_ctx *c = ctx;
	struct store_row row = {db_t(r, 0), db_t(r, 1), (uint64_t)db_i(r, 2), db_b(r, 3), db_b(r, 4)};

	(void)stop;
	return c->fn(&row, c->ctx, err);
}

clv_rc store_rows(struct db *d, store_row_fn *fn, void *ctx, struct clv_err *err)
{
	struct rows_ctx c = {fn, ctx};

	return db_each(d, one_row, &c, err, "SELECT kind, key, seq, body, mac FROM rows ORDER BY kind, key",
	               "");
}

clv_rc store_row_put(struct db *d, const struct store_row *r, uint64_t old, struct clv_err *err)
{
	int64_t n = 0;

	if (db_change(d, &n, err,
	              "INSERT INTO rows(kind, key, seq, body, mac) VALUES(?1,?2,?3,?4,?5)"
	              " ON CONFLICT(kind, key) DO UPDATE SET seq=excluded.seq, body=excluded.body, "
	              "mac=excluded.mac WHERE seq=?6",
	              "ttibbi", r->kind, r->key, (int64_t)r->seq, r->body, r->mac, (int64_t)old))
		return CLV_FAILED;
	return n ? CLV_OK
	         : err_set(err, CLV_E_CONFLICT, "Not done: it changed meanwhile (%s '%.128s'). Look again.",
	                   r->kind, r->key);
}

clv_rc store_password_put(struct db *d, const char *account, uint64_t version, struct clv_slice blob,
                          int64_t when, struct clv_err *err)
{
	return db_run(d, err, "INSERT INTO passwords(account, version, blob, time) VALUES(?,?,?,?)", "tibi",
	              account, (int64_t)version, blob, when);
}

struct blob_ctx {
	struct clv_buf *out;
	bool found;
};

static clv_rc take_blob(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct blob_ctx *c = ctx;

	*stop = true;
	c->found = true;
	return buf_put(c->out, db_b(r, 0), err);
}

clv_rc store_password_get(struct db *d, const char *account, uint64_t version, struct clv_buf *blob,
                          struct clv_err *err)
{
	struct blob_ctx c = {blob, false};

	if (db_each(d, take_blob, &c, err, "SELECT blob FROM passwords WHERE account=? AND version=?", "ti",
	            account, (int64_t)version))
		return CLV_FAILED;
	return c.found ? CLV_OK
	               : err_set(err, CLV_E_NOTFOUND, "the database has no password of version %" PRIu64,
	                         version);
}

struct passwords_ctx {
	store_password_fn *fn;
	void *ctx;
};

static clv_rc one_password(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct passwords_ctx *c = ctx;

	(void)stop;
	return c->fn(db_t(r, 0), (uint64_t)db_i(r, 1), db_b(r, 2), c->ctx, err);
}

clv_rc store_passwords(struct db *d, store_password_fn *fn, void *ctx, struct clv_err *err)
{
	struct passwords_ctx c = {fn, ctx};

	return db_each(d, one_password, &c, err, "SELECT account, version, blob FROM passwords", "");
}

clv_rc store_agents_unsealed(struct db *d, struct clv_err *err)
{
	return db_run(d, err, "UPDATE agents SET content = NULL", "");
}

clv_rc store_passwords_keep(struct db *d, const char *account, uint64_t a, uint64_t b, struct clv_err *err)
{
	return db_run(d, err, "DELETE FROM passwords WHERE account=? AND version<>? AND version<>?", "tii",
	              account, (int64_t)a, (int64_t)b);
}

struct held_ctx {
	store_held_fn *fn;
	void *ctx;
};

static clv_rc one_held(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct held_ctx *c = ctx;
	struct store_held h = {.agent = db_t(r, 0),
	                       .account = db_t(r, 1),
	                       .has = (uint64_t)db_i(r, 2),
	                       .trial = (uint64_t)db_i(r, 3),
	                       .tried = (uint64_t)db_i(r, 4),
	                       .result = (uint32_t)db_i(r, 5),
	                       .text = db_t(r, 6),
	                       .since = db_i(r, 7)};

	(void)stop;
	return c->fn(&h, c->ctx, err);
}

clv_rc store_helds(struct db *d, store_held_fn *fn, void *ctx, struct clv_err *err)
{
	struct held_ctx c = {fn, ctx};

	return db_each(d, one_held, &c, err,
	               "SELECT agent, account, has, trial, tried, result, text, since FROM held", "");
}

clv_rc store_held_clear(struct db *d, const char *agent, struct clv_err *err)
{
	return db_run(d, err, "UPDATE held SET has=0, trial=0 WHERE agent=?", "t", agent);
}

clv_rc store_held_set(struct db *d, const char *agent, const char *account, uint64_t version, bool trial,
                      int64_t when, struct clv_err *err)
{
	return db_run(d, err,
	              trial ? "INSERT INTO held(agent, account, trial, since) VALUES(?,?,?,?)"
	                      " ON CONFLICT(agent, account) DO UPDATE SET trial=excluded.trial, "
	                      "since=excluded.since"
	                    : "INSERT INTO held(agent, account, has, since) VALUES(?,?,?,?)"
	                      " ON CONFLICT(agent, account) DO UPDATE SET has=excluded.has, "
	                      "since=excluded.since",
	              "ttii", agent, account, (int64_t)version, when);
}

clv_rc store_held_tried(struct db *d, const char *agent, const char *account, uint64_t version,
                        uint32_t result, const char *text, int64_t when, struct clv_err *err)
{
	return db_run(d, err,
	              "INSERT INTO held(agent, account, tried, result, text, since) VALUES(?,?,?,?,?,?)"
	              " ON CONFLICT(agent, account) DO UPDATE SET tried=excluded.tried, "
	              "result=excluded.result, text=excluded.text, since=excluded.since",
	              "ttiiti", agent, account, (int64_t)version, (int64_t)result, text, when);
}

clv_rc store_held_drop(struct db *d, const char *agent, const char *account, struct clv_err *err)
{
	if (!account)
		return db_run(d, err, "DELETE FROM held WHERE agent=?", "t", agent);
	return db_run(d, err, "DELETE FROM held WHERE agent=? AND account=?", "tt", agent, account);
}

clv_rc store_agent_content(struct db *d, const char *name, struct clv_slice hash, struct clv_err *err)
{
	return db_run(d, err, "UPDATE agents SET content=? WHERE name=?", "bt", hash, name);
}
