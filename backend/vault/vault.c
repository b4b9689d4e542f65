/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's file: master keys and items (see vault.h). Runs in the key holder. Nothing in the
 * file is readable without the machine secret, which lies outside the state folder.
 */
#include "vault/vault.h"
#include "base/clock.h"
#include "base/db.h"
#include "vault/blob.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MASTER_LEN  64u
#define DAY_MS      (24ll * 3600 * 1000)
#define MASTERS_MAX 64u

struct master {
	int64_t id, made, ends;
	struct clv_secret *key;
};

struct vault {
	struct db *db;
	struct master masters[MASTERS_MAX];
	size_t n;
};

static const char *const steps[] = {
    "CREATE TABLE master(id INTEGER PRIMARY KEY, made INTEGER NOT NULL, ends INTEGER NOT NULL, wrapped BLOB "
    "NOT NULL);"
    "CREATE TABLE item(purpose TEXT NOT NULL, name TEXT NOT NULL, master INTEGER NOT NULL REFERENCES "
    "master(id),"
    " blob BLOB NOT NULL, PRIMARY KEY(purpose, name)) WITHOUT ROWID;",
};

/* What a master key's blob is bound to. */
static void master_context(const struct master *m, char out[128])
{
	(void)snprintf(out, 128, "claviger/1 master %" PRId64 " %" PRId64 " %" PRId64, m->id, m->made,
	               m->ends);
}

struct load {
	struct vault *v;
	const struct clv_secret *machine;
};

static clv_rc load_master(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct load *l = ctx;
	struct master *m = &l->v->masters[l->v->n];
	char context[128];

	(void)stop;
	if (l->v->n == MASTERS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u master keys", MASTERS_MAX);
	m->id = db_i(r, 0);
	m->made = db_i(r, 1);
	m->ends = db_i(r, 2);
	/* S33: dates that make no sense refuse the key (the blob binds them, so they were made so). */
	if (m->made <= 0 || m->ends <= m->made || m->ends - m->made > 10 * VAULT_MASTER_DAYS * DAY_MS)
		return err_set(err, CLV_E_CORRUPT, "master key %" PRId64 " has dates that make no sense",
		               m->id);
	m->key = secret_new(MASTER_LEN, err);
	if (!m->key)
		return CLV_FAILED;
	l->v->n++;
	master_context(m, context);
	if (blob_open(l->machine, SLICE_LIT("claviger/1 machine"), slice_str(context), db_b(r, 3), m->key,
	              err))
		return err_wrap(err,
		                "the vault's master key %" PRId64
		                " under this machine's secret (moved from another machine, or "
		                "the secret was replaced: put the right machine secret back)",
		                m->id);
	return CLV_OK;
}

static clv_rc new_master(struct vault *v, const struct clv_secret *machine, int64_t now_ms,
                         struct clv_err *err)
{
	struct master m = {.made = now_ms, .ends = now_ms + VAULT_MASTER_DAYS * DAY_MS};
	struct clv_sealed wrapped;
	char context[128];
	clv_rc rc = CLV_FAILED;

	if (v->n == MASTERS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u master keys", MASTERS_MAX);
	m.id = v->n ? v->masters[v->n - 1].id + 1 : 1;
	buf_init(&wrapped.bytes, 1024);
	m.key = secret_new(MASTER_LEN, err);
	if (!m.key || secret_random(m.key, MASTER_LEN, err))
		goto out;
	master_context(&m, context);
	if (blob_seal(machine, SLICE_LIT("claviger/1 machine"), slice_str(context), m.key, &wrapped, err) ||
	    db_run(v->db, err, "INSERT INTO master(id, made, ends, wrapped) VALUES(?,?,?,?)", "iiib", m.id,
	           m.made, m.ends, buf_slice(&wrapped.bytes)))
		goto out;
	v->masters[v->n++] = m;
	m.key = NULL;
	rc = CLV_OK;
out:
	secret_free(m.key);
	buf_release(&wrapped.bytes);
	return rc;
}

clv_rc vault_open(const char *path, const struct clv_secret *machine, int64_t now_ms, struct vault **out,
                  struct clv_err *err)
{
	struct vault *v = clv_calloc(1, sizeof *v);
	struct load l = {v, machine};

	if (db_open(path, DB_VAULT, &v->db, err) ||
	    db_schema(v->db, steps, sizeof steps / sizeof steps[0], err) ||
	    db_each(v->db, load_master, &l, err, "SELECT id, made, ends, wrapped FROM master ORDER BY id",
	            ""))
		goto fail;
	/* New items are sealed under the newest key; an expired one stays for reading. */
	if ((v->n == 0 || v->masters[v->n - 1].ends <= now_ms) && new_master(v, machine, now_ms, err))
		goto fail;
	*out = v;
	return CLV_OK;
fail:
	vault_close(v);
	return err_wrap(err, "opening the vault");
}

void vault_close(struct vault *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		secret_free(v->masters[i].key);
	db_close(v->db);
	clv_free(v);
}

static clv_rc item_context(struct clv_buf *b, const char *purpose, const char *name, int64_t master,
                           struct clv_err *err)
{
	if (buf_put(b, SLICE_LIT("claviger/1 item"), err) || buf_put_u64(b, (uint64_t)master, err) ||
	    buf_put_lp(b, slice_str(purpose), err) || buf_put_lp(b, slice_str(name), err))
		return CLV_FAILED;
	return CLV_OK;
}

clv_rc vault_put(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                 const struct clv_secret *item, struct clv_err *err)
{
	const struct master *m = &v->masters[v->n - 1];
	struct clv_sealed sealed;
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&sealed.bytes, VAULT_ITEM_MAX + BLOB_OVERHEAD);
	buf_init(&context, 2048);
	if (item_context(&context, purpose, name, m->id, err) ||
	    blob_seal(m->key, entropy, buf_slice(&context), item, &sealed, err))
		goto out;
	rc = db_run(v->db, err, "INSERT OR REPLACE INTO item(purpose, name, master, blob) VALUES(?,?,?,?)",
	            "ttib", purpose, name, m->id, buf_slice(&sealed.bytes));
out:
	buf_release(&sealed.bytes);
	buf_release(&context);
	return rc ? err_wrap(err, "keeping %s '%s' in the vault", purpose, name) : CLV_OK;
}

struct get {
	struct vault *v;
	const char *purpose, *name;
	struct clv_slice entropy;
	struct clv_secret *item;
	bool found;
};

static clv_rc open_item(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct get *g = ctx;
	const struct master *m = NULL;
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	*stop = true;
	g->found = true;
	for (size_t i = 0; i < g->v->n; i++)
		if (g->v->masters[i].id == db_i(r, 0))
			m = &g->v->masters[i];
	if (!m)
		return err_set(err, CLV_E_AUTH, "its master key is missing");
	buf_init(&context, 2048);
	if (!item_context(&context, g->purpose, g->name, m->id, err))
		rc = blob_open(m->key, g->entropy, buf_slice(&context), db_b(r, 1), g->item, err);
	buf_release(&context);
	return rc;
}

clv_rc vault_get(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                 struct clv_secret *item, struct clv_err *err)
{
	struct get g = {v, purpose, name, entropy, item, false};

	if (db_each(v->db, open_item, &g, err, "SELECT master, blob FROM item WHERE purpose=? AND name=?",
	            "tt", purpose, name))
		return err_wrap(err, "the vault's %s '%s'", purpose, name);
	if (!g.found)
		return err_set(err, CLV_E_NOTFOUND, "the vault has no %s '%s'", purpose, name);
	return CLV_OK;
}

clv_rc vault_delete(struct vault *v, const char *purpose, const char *name, struct clv_err *err)
{
	return db_run(v->db, err, "DELETE FROM item WHERE purpose=? AND name=?", "tt", purpose, name);
}

bool vault_has(struct vault *v, const char *purpose, const char *name)
{
	int64_t n = 0;

	return !db_number(v->db, 0, &n, NULL, "SELECT count(*) FROM item WHERE purpose=? AND name=?", "tt",
	                  purpose, name) &&
	       n > 0;
}

struct names {
	vault_name_fn *fn;
	void *ctx;
};

static clv_rc one_name(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct names *n = ctx;

	(void)stop;
	return n->fn(db_t(r, 0), n->ctx, err);
}

clv_rc vault_names(struct vault *v, const char *purpose, vault_name_fn *fn, void *ctx, struct clv_err *err)
{
	struct names n = {fn, ctx};

	return db_each(v->db, one_name, &n, err, "SELECT name FROM item WHERE purpose=? ORDER BY name", "t",
	               purpose);
}

clv_rc vault_put_bytes(struct vault *v, const char *purpose, const char *name, struct clv_slice bytes,
                       struct clv_err *err)
{
	struct clv_secret *s = secret_new(VAULT_ITEM_MAX, err);
	clv_rc rc = CLV_FAILED;

	if (s && !secret_append(s, bytes.ptr, bytes.len, err))
		rc = vault_put(v, purpose, name, slice_of(NULL, 0), s, err);
	secret_free(s);
	return rc;
}

static clv_rc copy_out(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return buf_put(ctx, bytes, err);
}

clv_rc vault_get_bytes(struct vault *v, const char *purpose, const char *name, struct clv_buf *out,
                       struct clv_err *err)
{
	struct clv_secret *s = secret_new(VAULT_ITEM_MAX, err);
	clv_rc rc = CLV_FAILED;

	if (s && !vault_get(v, purpose, name, slice_of(NULL, 0), s, err))
		rc = secret_use(s, copy_out, out, err);
	secret_free(s);
	return rc;
}

clv_rc vault_begin(struct vault *v, struct clv_err *err)
{
	return db_begin(v->db, err);
}

clv_rc vault_commit(struct vault *v, struct clv_err *err)
{
	return db_commit(v->db, err);
}

void vault_rollback(struct vault *v)
{
	db_rollback(v->db);
}
