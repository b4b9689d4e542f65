/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: rows in a hash chain, heads of it that the group signed, its retention, and the walk that
 * finds what was changed, inserted, taken away, moved or cut off (see store.h). Database thread of core.
 */
#include "store/store.h"
#include <openssl/evp.h>
#include <string.h>

#define SCAN_MAX 200000 /* rows that one look may pass */

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
	if (!slice_fill(db_b(r, 1), l->hash, 32))
		return err_set(err, CLV_E_CORRUPT, "the audit trail's last hash has the wrong size");
	l->seq = (uint64_t)db_i(r, 0);
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

/* Numbers of rows that were cut off are not given again: what verifies names the hole. */
static clv_rc above_floor(struct db *d, uint64_t *last, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice v;
	uint64_t floor = 0;
	clv_rc rc;

	buf_init(&b, 64);
	rc = store_meta_get(d, "audit-floor", &b, err);
	v = buf_slice(&b);
	if (!rc && v.len)
		rc = slice_get_u64(&v, &floor, err);
	if (!rc && floor > *last)
		*last = floor;
	buf_release(&b);
	return rc;
}

clv_rc store_audit_floor(struct db *d, uint64_t seq, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 8);
	if (!buf_put_u64(&b, seq, err))
		rc = store_meta_put(d, "audit-floor", buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

clv_rc store_audit_add(struct db *d, const struct store_audit *a, uint64_t *seq, struct clv_err *err)
{
	uint8_t before[32], hash[32];
	uint64_t last = 0;

	if (store_audit_last(d, &last, before, err) || above_floor(d, &last, err) ||
	    chain(before, last + 1, a, hash, err) ||
	    db_run(d, err,
	           "INSERT INTO audit(seq, time, who, origin, act, object, result, detail, hash) "
	           "VALUES(?,?,?,?,?,?,?,?,?)",
	           "iittttttb", (int64_t)(last + 1), a->time, a->who, a->from, a->act, a->object, a->result,
	           a->detail, slice_of(hash, 32)))
		return err_wrap(err, "writing the audit trail");
	*seq = last + 1;
	return CLV_OK;
}

/* --- the walk --- */
static void found(struct store_audit_walk *w, enum store_audit_wrong wrong, uint64_t from, uint64_t to)
{
	if (w->n_found < STORE_AUDIT_FOUND_MAX)
		w->found[w->n_found] = (struct store_audit_finding){wrong, from, to};
	w->n_found++;
}

static struct store_audit_finding *last_found(struct store_audit_walk *w)
{
	return w->n_found && w->n_found <= STORE_AUDIT_FOUND_MAX ? &w->found[w->n_found - 1] : NULL;
}

/* The row's hash as it would be under that number, after that hash. */
static clv_rc follows(const uint8_t before[32], uint64_t seq, const struct store_audit *a,
                      struct clv_slice hash, bool *yes, struct clv_err *err)
{
	uint8_t want[32];

	if (chain(before, seq, a, want, err))
		return CLV_FAILED;
	*yes = slice_eq(hash, slice_of(want, 32));
	return CLV_OK;
}

/* The row before did not follow either. Was that one, or one with a right hash before it, inserted? Were some
 * taken away before it? Or were both changed? */
static clv_rc after_bad(struct store_audit_walk *w, uint64_t seq, const struct store_audit *a,
                        struct clv_slice hash, struct clv_err *err)
{
	struct store_audit_finding *f = last_found(w);
	uint64_t number = seq - (uint64_t)w->moved;
	bool it = false, before = false, taken = false;

	if (follows(w->before_bad, number - 1, a, hash, &it, err) ||
	    follows(w->hash, number - 1, a, hash, &before, err) ||
	    follows(w->hash, number + 1, a, hash, &taken, err))
		return CLV_FAILED;
	if (it || before || taken) {
		w->moved += taken ? -1 : 1;
		w->bad = false;
	}
	if (!f)
		return CLV_OK;
	if (before)
		f->from = f->to = f->from - 1;
	if (it || before)
		f->wrong = STORE_AUDIT_INSERTED;
	else if (taken)
		f->wrong = STORE_AUDIT_TAKEN;
	else
		f->to = seq;
	return CLV_OK;
}

static clv_rc judge(struct store_audit_walk *w, uint64_t seq, const struct store_audit *a,
                    struct clv_slice hash, struct clv_err *err)
{
	bool ok = false;

	if (follows(w->hash, seq - (uint64_t)w->moved, a, hash, &ok, err))
		return CLV_FAILED;
	if (seq > w->last + 1) {
		found(w, STORE_AUDIT_MISSING, w->last + 1, seq - 1);
		w->bad = false;
	} else if (ok) {
		w->bad = false;
	} else if (w->bad) {
		return after_bad(w, seq, a, hash, err);
	} else {
		found(w, STORE_AUDIT_CHANGED, seq, seq);
		w->bad = true;
		memcpy(w->before_bad, w->hash, 32);
	}
	return CLV_OK;
}

/* Hashes that others remember: the key holder, and heads that the group signed. */
static void compare_vouched(struct store_audit_walk *w, uint64_t seq, struct clv_slice hash)
{
	while (w->at_vouched < w->n_vouched && w->vouched[w->at_vouched].seq < seq)
		w->at_vouched++;
	if (w->at_vouched == w->n_vouched || w->vouched[w->at_vouched].seq != seq)
		return;
	if (!slice_eq(hash, slice_of(w->vouched[w->at_vouched].hash, 32)))
		found(w, STORE_AUDIT_ANEW, w->vouched_upto + 1, seq);
	w->vouched_upto = seq;
}

struct walking {
	struct store_audit_walk *w;
	size_t rows;
};

static clv_rc walk_row(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct walking *k = ctx;
	struct store_audit_walk *w = k->w;
	struct store_audit a = {db_i(r, 1), db_t(r, 2), db_t(r, 3), db_t(r, 4),
	                        db_t(r, 5), db_t(r, 6), db_t(r, 7)};
	uint64_t seq = (uint64_t)db_i(r, 0);
	struct clv_slice hash = db_b(r, 8);

	(void)stop;
	k->rows++;
	if (judge(w, seq, &a, hash, err))
		return CLV_FAILED;
	compare_vouched(w, seq, hash);
	(void)slice_fill(hash, w->hash, 32);
	w->last = seq;
	w->rows++;
	return CLV_OK;
}

clv_rc store_audit_begin(struct db *d, struct store_audit_walk *w, struct clv_err *err)
{
	struct last l = {0};

	if (db_each(d, take_last, &l, err, "SELECT seq, hash FROM checkpoints ORDER BY seq DESC LIMIT 1", ""))
		return CLV_FAILED;
	w->last = w->vouched_upto = l.seq;
	w->first = l.seq + 1;
	memcpy(w->hash, l.hash, 32);
	return CLV_OK;
}

clv_rc store_audit_walk(struct db *d, struct store_audit_walk *w, size_t rows, struct clv_err *err)
{
	struct walking k = {.w = w};
	uint64_t seen;

	if (db_each(d, walk_row, &k, err,
	            "SELECT seq, time, who, origin, act, object, result, detail, hash FROM audit WHERE seq>? "
	            "ORDER BY "
	            "seq LIMIT ?",
	            "ii", (int64_t)w->last, (int64_t)rows))
		return CLV_FAILED;
	w->ended = k.rows < rows;
	seen = w->n_vouched ? w->vouched[w->n_vouched - 1].seq : 0;
	if (w->ended && seen > w->last)
		found(w, STORE_AUDIT_CUT, w->last + 1, seen);
	return CLV_OK;
}

/* --- heads --- */
struct heads {
	store_head_fn *fn;
	void *ctx;
};

static clv_rc one_head(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct heads *h = ctx;
	struct store_head head = {.seq = (uint64_t)db_i(r, 0),
	                          .hash = db_b(r, 1),
	                          .body = db_b(r, 2),
	                          .signature = db_b(r, 3),
	                          .time = db_i(r, 4)};

	(void)stop;
	return h->fn(&head, h->ctx, err);
}

clv_rc store_heads(struct db *d, bool checkpoints, store_head_fn *fn, void *ctx, struct clv_err *err)
{
	struct heads h = {fn, ctx};

	return checkpoints
	           ? db_each(
	                 d, one_head, &h, err,
	                 "SELECT seq, hash, body, signature, time FROM checkpoints ORDER BY seq DESC LIMIT 1",
	                 "")
	           : db_each(d, one_head, &h, err,
	                     "SELECT seq, hash, body, signature, time FROM heads ORDER BY seq", "");
}

clv_rc store_head_put(struct db *d, const struct store_head *h, struct clv_err *err)
{
	return db_run(d, err,
	              "INSERT OR REPLACE INTO heads(seq, hash, body, signature, time) VALUES(?,?,?,?,?)",
	              "ibbbi", (int64_t)h->seq, h->hash, h->body, h->signature, h->time);
}

clv_rc store_heads_forget(struct db *d, struct clv_err *err)
{
	return db_run(d, err, "DELETE FROM heads", "");
}

/* --- windows and retention --- */
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

	(void)slice_fill(db_b(r, 8), a.hash, 32);
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
	if (db_run(d, err, "DELETE FROM heads WHERE seq<=?", "i", (int64_t)seq))
		return CLV_FAILED;
	return db_run(d, err, "DELETE FROM audit WHERE seq<=?", "i", (int64_t)seq);
}
