/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, the audit trail with its hash chain, roles, retention, meta values (see store.h). Database
 * thread of core.
 */
#include "store/store.h"
#include <openssl/evp.h>
#include <string.h>

#define SCAN_MAX 200000 /* rows that one look may pass */

clv_rc store_event_add(struct db *d, const struct clv_event_fact *e, struct clv_err *err)
{
	return db_run(
	    d, err, "INSERT INTO events(time, node, source, id, level, category, text) VALUES(?,?,?,?,?,?,?)",
	    "ittiitt", e->time, e->node, e->source, (int64_t)e->id, (int64_t)e->level, e->category, e->text);
}

/* What a row's hash covers: the hash before it and every field with its length. */
static clv_rc chain(const uint8_t before[32], uint64_t seq, const struct store_audit *a, uint8_t out[32],
                    struct clv_err *err)
{
	const char *fields[] = {a->who, a->from, a->act, a->object, a->result, a->detail};
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 1u << 20);
	if (buf_put(&b, slice_of(before, 32), err) || buf_put_u64(&b, seq, err) ||
	    buf_put_u64(&b, (uint64_t)a->time, err))
		goto out;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (buf_put_lp(&b, slice_str(fields[i]), err))
			goto out;
	if (EVP_Digest(buf_slice(&b).ptr, buf_slice(&b).len, out, NULL, EVP_sha256(), NULL) == 1)
		rc = CLV_OK;
	else
		(void)err_set(err, CLV_E_CRYPTO, "SHA-256 failed");
out:
	buf_release(&b);
	return rc;
}

struct last {
	uint64_t seq;
	uint8_t hash[32];
};

static clv_rc take_last(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct last *l = ctx;

	*stop = true;
	if (db_b(r, 1).len != 32)
		return err_set(err, CLV_E_CORRUPT, "the audit trail's last hash has the wrong size");
	l->seq = (uint64_t)db_i(r, 0);
	memcpy(l->hash, db_b(r, 1).ptr, 32);
	return CLV_OK;
}

clv_rc store_audit_last(struct db *d, uint64_t *seq, uint8_t hash[32], struct clv_err *err)
{
	struct last l = {0};

	if (db_each(d, take_last, &l, err,
	            "SELECT seq, hash FROM (SELECT seq, hash FROM audit UNION ALL SELECT seq, hash FROM "
	            "checkpoints)"
	            " ORDER BY seq DESC LIMIT 1",
	            ""))
		return CLV_FAILED;
	*seq = l.seq;
	memcpy(hash, l.hash, 32);
	return CLV_OK;
}

clv_rc store_audit_add(struct db *d, const struct store_audit *a, uint64_t *seq, struct clv_err *err)
{
	uint8_t before[32], hash[32];
	uint64_t last = 0;

	if (store_audit_last(d, &last, before, err) || chain(before, last + 1, a, hash, err) ||
	    db_run(d, err,
	           "INSERT INTO audit(seq, time, who, origin, act, object, result, detail, hash) "
	           "VALUES(?,?,?,?,?,?,?,?,?)",
	           "iittttttb", (int64_t)(last + 1), a->time, a->who, a->from, a->act, a->object, a->result,
	           a->detail, slice_of(hash, 32)))
		return err_wrap(err, "writing the audit trail");
	*seq = last + 1;
	return CLV_OK;
}

struct verify {
	struct last l;
	uint64_t rows, bad;
};

static clv_rc verify_row(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct verify *v = ctx;
	struct store_audit a = {db_i(r, 1), db_t(r, 2), db_t(r, 3), db_t(r, 4),
	                        db_t(r, 5), db_t(r, 6), db_t(r, 7)};
	uint64_t seq = (uint64_t)db_i(r, 0);
	uint8_t hash[32];

	if (chain(v->l.hash, v->l.seq + 1, &a, hash, err))
		return CLV_FAILED;
	if (seq != v->l.seq + 1 || !slice_eq(db_b(r, 8), slice_of(hash, 32))) {
		v->bad = v->l.seq + 1;
		*stop = true;
		return CLV_OK;
	}
	v->rows++;
	v->l.seq = seq;
	memcpy(v->l.hash, hash, 32);
	return CLV_OK;
}

clv_rc store_audit_verify(struct db *d, uint64_t *rows, uint64_t *bad, struct clv_err *err)
{
	struct verify v = {.rows = 0};

	if (db_each(d, take_last, &v.l, err, "SELECT seq, hash FROM checkpoints ORDER BY seq DESC LIMIT 1",
	            "") ||
	    db_each(
	        d, verify_row, &v, err,
	        "SELECT seq, time, who, origin, act, object, result, detail, hash FROM audit ORDER BY seq",
	        ""))
		return CLV_FAILED;
	*rows = v.rows;
	*bad = v.bad;
	return CLV_OK;
}

clv_rc store_role_put(struct db *d, const char *principal, enum clv_role role, const char *by, int64_t when,
                      struct clv_err *err)
{
	return db_run(d, err, "INSERT OR IGNORE INTO roles(principal, role, since, by) VALUES(?,?,?,?)",
	              "tiit", principal, (int64_t)role, when, by);
}

clv_rc store_role_remove(struct db *d, const char *principal, enum clv_role role, struct clv_err *err)
{
	int64_t n = 0, admins = 0;

	if (db_change(d, &n, err, "DELETE FROM roles WHERE principal=? AND role=?", "ti", principal,
	              (int64_t)role))
		return CLV_FAILED;
	if (!n)
		return err_set(err, CLV_E_NOTFOUND, "%s does not have the role %s", principal,
		               clv_role_word(role));
	if (db_number(d, 0, &admins, err, "SELECT count(*) FROM roles WHERE role=?", "i",
	              (int64_t)CLV_ROLE_ADMINISTRATOR))
		return CLV_FAILED;
	if (!admins)
		return err_set(err, CLV_E_USAGE, "%s is the last administrator: grant another first",
		               principal);
	return CLV_OK;
}

struct roles_ctx {
	store_role_fn *fn;
	void *ctx;
};

static clv_rc one_role(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct roles_ctx *c = ctx;
	struct clv_role_fact f = {(char *)(uintptr_t)db_t(r, 0), (enum clv_role)db_i(r, 1), db_i(r, 2),
	                          (char *)(uintptr_t)db_t(r, 3)};

	(void)stop;
	if (f.role >= CLV_ROLE_MAX)
		return err_set(err, CLV_E_CORRUPT, "a stored role is none");
	return c->fn(&f, c->ctx, err);
}

clv_rc store_roles(struct db *d, store_role_fn *fn, void *ctx, struct clv_err *err)
{
	struct roles_ctx c = {fn, ctx};

	return db_each(d, one_role, &c, err,
	               "SELECT principal, role, since, by FROM roles ORDER BY principal, role", "");
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

struct audits_ctx {
	store_audit_fn *fn;
	void *ctx;
};

static clv_rc one_audit(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct audits_ctx *c = ctx;
	struct clv_audit_fact a = {
	    .seq = (uint64_t)db_i(r, 0),
	    .time = db_i(r, 1),
	    .who = (char *)(uintptr_t)db_t(r, 2),
	    .from = (char *)(uintptr_t)db_t(r, 3),
	    .act = (char *)(uintptr_t)db_t(r, 4),
	    .object = (char *)(uintptr_t)db_t(r, 5),
	    .result = (char *)(uintptr_t)db_t(r, 6),
	    .detail = (char *)(uintptr_t)db_t(r, 7),
	};

	if (db_b(r, 8).len == 32)
		memcpy(a.hash, db_b(r, 8).ptr, 32);
	return c->fn(&a, c->ctx, stop, err);
}

#define AUDIT_COLUMNS "SELECT seq, time, who, origin, act, object, result, detail, hash FROM audit "

clv_rc store_audits(struct db *d, bool oldest_first, uint64_t offset, store_audit_fn *fn, void *ctx,
                    struct clv_err *err)
{
	struct audits_ctx c = {fn, ctx};

	if (oldest_first)
		return db_each(d, one_audit, &c, err, AUDIT_COLUMNS "ORDER BY seq LIMIT ? OFFSET ?", "ii",
		               (int64_t)SCAN_MAX, (int64_t)offset);
	return db_each(d, one_audit, &c, err, AUDIT_COLUMNS "ORDER BY seq DESC LIMIT ? OFFSET ?", "ii",
	               (int64_t)SCAN_MAX, (int64_t)offset);
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

clv_rc store_turned_away(struct db *d, int64_t since, uint64_t *n, struct clv_err *err)
{
	int64_t v = 0;

	if (db_number(d, 0, &v, err, "SELECT count(*) FROM events WHERE time>=? AND id=20002", "i", since))
		return CLV_FAILED;
	*n = (uint64_t)v;
	return CLV_OK;
}

clv_rc store_retain(struct db *d, int64_t events, int64_t audit, uint64_t *cut_seq, uint8_t cut_hash[32],
                    struct clv_err *err)
{
	struct last l = {0};

	if (db_run(d, err, "DELETE FROM events WHERE time<?", "i", events) ||
	    db_each(d, take_last, &l, err,
	            "SELECT seq, hash FROM audit WHERE time<? ORDER BY seq DESC LIMIT 1", "i", audit))
		return CLV_FAILED;
	*cut_seq = l.seq;
	memcpy(cut_hash, l.hash, 32);
	return CLV_OK;
}

clv_rc store_checkpoint_put(struct db *d, uint64_t seq, struct clv_slice hash, struct clv_slice body,
                            struct clv_slice sig, int64_t when, struct clv_err *err)
{
	if (db_run(d, err,
	           "INSERT OR REPLACE INTO checkpoints(seq, hash, body, signature, time) VALUES(?,?,?,?,?)",
	           "ibbbi", (int64_t)seq, hash, body, sig, when))
		return CLV_FAILED;
	return db_run(d, err, "DELETE FROM audit WHERE seq<=?", "i", (int64_t)seq);
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
