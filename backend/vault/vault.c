/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's file and its items (see vault.h). Runs in the key holder. Nothing in the file is readable
 * without what protects it, which lies outside the state folder or in somebody's head.
 */
#include "vault/vault.h"
#include "base/file.h"
#include "vault/vault_parts.h"
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ITEM_KEY_MAX (CRYPT_KEY + BLOB_OVERHEAD)

static const char *const steps[] = {
    "CREATE TABLE master(id INTEGER PRIMARY KEY, made INTEGER NOT NULL, ends INTEGER NOT NULL, wrapped BLOB "
    "NOT NULL);"
    "CREATE TABLE item(purpose TEXT NOT NULL, name TEXT NOT NULL, master INTEGER NOT NULL REFERENCES "
    "master(id),"
    " blob BLOB NOT NULL, PRIMARY KEY(purpose, name)) WITHOUT ROWID;",
    /* Items have keys of their own; those from before lie under their master key itself. */
    "CREATE TABLE protection(id INTEGER PRIMARY KEY CHECK(id=1), how INTEGER NOT NULL, iterations INTEGER "
    "NOT NULL, salt BLOB NOT NULL);"
    "ALTER TABLE item ADD COLUMN item_key BLOB;",
};

/* S35: only its own user, or root, may have written it. */
static clv_rc check_file(const char *path, struct clv_err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return CLV_OK; /* a new one is made, or opening says why not */
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(err, CLV_E_DENIED, "%s is no file of this process's user", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, CLV_E_DENIED, "%s may be written by others (mode %03o): chmod 600", path,
		               (unsigned)(st.st_mode & 07777));
	return CLV_OK;
}

/* One key holder at a time: the lock is kept until the file is closed (locking_mode=EXCLUSIVE). */
static clv_rc open_locked(const char *path, struct db **db, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	struct clv_err why = {0};

	if (check_file(path, err))
		return CLV_FAILED;
	if (!db_open(path, DB_VAULT, db, &why) && !db_run(*db, &why, "BEGIN EXCLUSIVE", ""))
		rc = db_commit(*db, &why);
	if (rc && why.code == CLV_E_CONFLICT)
		(void)err_set(err, CLV_E_CONFLICT, "%s is open in another key holder: stop that one first",
		              path);
	else if (rc && err)
		*err = why;
	return rc;
}

static clv_rc open_with(const char *path, enum vault_protection how, bool exact,
                        const struct clv_secret *secret, int64_t now_ms, struct vault **out,
                        struct clv_err *err)
{
	struct vault *v = clv_calloc(1, sizeof *v);

	if (open_locked(path, &v->db, err) || db_schema(v->db, steps, sizeof steps / sizeof steps[0], err) ||
	    masters_load(v, how, exact, secret, now_ms, err)) {
		vault_close(v);
		return err_wrap(err, "opening the vault");
	}
	*out = v;
	return CLV_OK;
}

clv_rc vault_open(const char *path, const struct clv_secret *machine, int64_t now_ms, struct vault **out,
                  struct clv_err *err)
{
	return open_with(path, VAULT_BY_FILE, false, machine, now_ms, out, err);
}

clv_rc vault_open_passphrase(const char *path, const struct clv_secret *passphrase, int64_t now_ms,
                             struct vault **out, struct clv_err *err)
{
	return open_with(path, VAULT_BY_PASSPHRASE, false, passphrase, now_ms, out, err);
}

clv_rc vault_open_by(const char *path, enum vault_protection how, const struct clv_secret *secret,
                     int64_t now_ms, struct vault **out, struct clv_err *err)
{
	return open_with(path, how, true, secret, now_ms, out, err);
}

clv_rc vault_look(const char *path, enum vault_protection *how, struct clv_err *err)
{
	struct db *db = NULL;
	struct protection p = {.how = VAULT_BY_FILE}; /* so are those from before it was stored */
	clv_rc rc = CLV_FAILED;
	int64_t n = 0;

	if (!file_exists(path))
		return err_set(err, CLV_E_NOTFOUND, "%s does not exist", path);
	if (!open_locked(path, &db, err) &&
	    !db_number(db, 0, &n, err, "SELECT count(*) FROM sqlite_schema WHERE name='protection'", ""))
		rc = n ? protection_read(db, &p, err) : CLV_OK;
	if (!rc)
		*how = p.how;
	db_close(db);
	return rc ? err_wrap(err, "looking at the vault") : CLV_OK;
}

void vault_close(struct vault *v)
{
	if (!v)
		return;
	masters_release(v);
	db_close(v->db);
	clv_free(v);
}

/* What a blob is bound to: the item's own, its key under a master, and the item from before it had a key. */
static clv_rc item_context(struct clv_buf *b, const char *purpose, const char *name, struct clv_err *err)
{
	if (buf_put(b, SLICE_LIT("claviger/1 item content"), err) || buf_put_lp(b, slice_str(purpose), err))
		return CLV_FAILED;
	return buf_put_lp(b, slice_str(name), err);
}

static clv_rc key_context(struct clv_buf *b, struct clv_slice form, const char *purpose, const char *name,
                          int64_t master, struct clv_err *err)
{
	if (buf_put(b, form, err) || buf_put_u64(b, (uint64_t)master, err) ||
	    buf_put_lp(b, slice_str(purpose), err))
		return CLV_FAILED;
	return buf_put_lp(b, slice_str(name), err);
}

#define FORM_KEY SLICE_LIT("claviger/1 item key")
#define FORM_OLD SLICE_LIT("claviger/1 item")

int64_t vault_master_ends(const struct vault *v)
{
	return v->masters[v->n - 1].ends;
}

static clv_rc wrap_key(const struct master *m, const char *purpose, const char *name,
                       const struct clv_secret *key, struct clv_sealed *out, struct clv_err *err)
{
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&context, 2048);
	if (!key_context(&context, FORM_KEY, purpose, name, m->id, err))
		rc = blob_seal(m->key, slice_of(NULL, 0), buf_slice(&context), key, out, err);
	buf_release(&context);
	return rc;
}

static clv_rc unwrap_key(const struct master *m, const char *purpose, const char *name,
                         struct clv_slice wrapped, struct clv_secret *key, struct clv_err *err)
{
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&context, 2048);
	if (!key_context(&context, FORM_KEY, purpose, name, m->id, err))
		rc = blob_open(m->key, slice_of(NULL, 0), buf_slice(&context), wrapped, key, err);
	buf_release(&context);
	return rc;
}

static clv_rc put_item(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                       const struct clv_secret *item, struct clv_err *err)
{
	const struct master *m = &v->masters[v->n - 1];
	struct clv_secret *key = secret_new(CRYPT_KEY, err);
	struct clv_sealed sealed, wrapped;
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&sealed.bytes, VAULT_ITEM_MAX + BLOB_OVERHEAD);
	buf_init(&wrapped.bytes, ITEM_KEY_MAX);
	buf_init(&context, 2048);
	if (!key || secret_random(key, CRYPT_KEY, err) || item_context(&context, purpose, name, err) ||
	    blob_seal(key, entropy, buf_slice(&context), item, &sealed, err) ||
	    wrap_key(m, purpose, name, key, &wrapped, err))
		goto out;
	rc = db_run(v->db, err,
	            "INSERT OR REPLACE INTO item(purpose, name, master, item_key, blob) VALUES(?,?,?,?,?)",
	            "ttibb", purpose, name, m->id, buf_slice(&wrapped.bytes), buf_slice(&sealed.bytes));
out:
	secret_free(key);
	buf_release(&sealed.bytes);
	buf_release(&wrapped.bytes);
	buf_release(&context);
	return rc;
}

clv_rc vault_put(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                 const struct clv_secret *item, struct clv_err *err)
{
	return put_item(v, purpose, name, entropy, item, err)
	           ? err_wrap(err, "keeping %s '%s' in the vault", purpose, name)
	           : CLV_OK;
}

struct get {
	struct vault *v;
	const char *purpose, *name;
	struct clv_slice entropy;
	struct clv_secret *item, *key;
	bool found;
	const struct master *master;
	bool old; /* lies under its master key itself */
};

/* An item from before items had keys. */
static clv_rc open_old(struct get *g, struct clv_slice blob, struct clv_err *err)
{
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&context, 2048);
	if (!key_context(&context, FORM_OLD, g->purpose, g->name, g->master->id, err))
		rc = blob_open(g->master->key, g->entropy, buf_slice(&context), blob, g->item, err);
	buf_release(&context);
	return rc;
}

static clv_rc open_content(struct get *g, struct clv_slice blob, struct clv_err *err)
{
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	buf_init(&context, 2048);
	if (!item_context(&context, g->purpose, g->name, err))
		rc = blob_open(g->key, g->entropy, buf_slice(&context), blob, g->item, err);
	buf_release(&context);
	return rc;
}

static clv_rc open_item(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct get *g = ctx;
	struct clv_slice wrapped = db_b(r, 1);

	*stop = true;
	g->found = true;
	g->master = master_find(g->v, db_i(r, 0));
	g->old = wrapped.len == 0;
	if (!g->master)
		return err_set(err, CLV_E_AUTH, "its master key is missing");
	if (g->old)
		return g->item ? open_old(g, db_b(r, 2), err) : CLV_OK;
	if (unwrap_key(g->master, g->purpose, g->name, wrapped, g->key, err))
		return CLV_FAILED;
	return g->item ? open_content(g, db_b(r, 2), err) : CLV_OK;
}

/* item NULL: its key alone, without the entropy. */
static clv_rc get_item(struct get *g, struct clv_err *err)
{
	if (db_each(g->v->db, open_item, g, err,
	            "SELECT master, item_key, blob FROM item WHERE purpose=? AND name=?", "tt", g->purpose,
	            g->name))
		return err_wrap(err, "the vault's %s '%s'", g->purpose, g->name);
	if (!g->found)
		return err_set(err, CLV_E_NOTFOUND, "the vault has no %s '%s'", g->purpose, g->name);
	return CLV_OK;
}

clv_rc vault_get(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                 struct clv_secret *item, struct clv_err *err)
{
	struct get g = {.v = v, .purpose = purpose, .name = name, .entropy = entropy, .item = item};
	clv_rc rc = CLV_FAILED;

	g.key = secret_new(CRYPT_KEY, err);
	if (g.key)
		rc = get_item(&g, err);
	secret_free(g.key);
	return rc;
}

/* One item to the newest master key. One from before it had a key gets one: those had no entropy. */
static clv_rc move_item(struct vault *v, const char *purpose, const char *name, struct clv_err *err)
{
	struct get g = {.v = v, .purpose = purpose, .name = name};
	struct clv_secret *item = NULL;
	struct clv_sealed wrapped;
	clv_rc rc = CLV_FAILED;

	buf_init(&wrapped.bytes, ITEM_KEY_MAX);
	g.key = secret_new(CRYPT_KEY, err);
	if (!g.key || get_item(&g, err))
		goto out;
	if (g.old) {
		item = secret_new(VAULT_ITEM_MAX, err);
		if (item && !vault_get(v, purpose, name, slice_of(NULL, 0), item, err))
			rc = put_item(v, purpose, name, slice_of(NULL, 0), item, err);
	} else if (!wrap_key(&v->masters[v->n - 1], purpose, name, g.key, &wrapped, err)) {
		rc = db_run(v->db, err, "UPDATE item SET master=?, item_key=? WHERE purpose=? AND name=?",
		            "ibtt", v->masters[v->n - 1].id, buf_slice(&wrapped.bytes), purpose, name);
	}
out:
	secret_free(g.key);
	secret_free(item);
	buf_release(&wrapped.bytes);
	return rc;
}

struct stale {
	struct {
		char *purpose, *name;
	} * items;
	size_t n, cap;
};

static clv_rc one_stale(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct stale *s = ctx;

	(void)stop;
	(void)err;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->items = clv_realloc(s->items, s->cap, sizeof *s->items);
	}
	s->items[s->n].purpose = clv_strdup(db_t(r, 0));
	s->items[s->n++].name = clv_strdup(db_t(r, 1));
	return CLV_OK;
}

static void stale_release(struct stale *s)
{
	for (size_t i = 0; i < s->n; i++) {
		clv_free(s->items[i].purpose);
		clv_free(s->items[i].name);
	}
	clv_free(s->items);
}

/* *moved may stay below max only because the others do not open; *first says which was the first. */
static clv_rc move_items(struct vault *v, const struct stale *s, size_t max, size_t *moved,
                         struct clv_err *first, struct clv_err *err)
{
	for (size_t i = 0; i < s->n && *moved < max; i++) {
		struct clv_err why = {0};

		if (!move_item(v, s->items[i].purpose, s->items[i].name, &why)) {
			(*moved)++;
		} else if (why.cls != CLV_CLASS_AUTH) { /* the disk's failure, not the item's */
			if (err)
				*err = why;
			return CLV_FAILED;
		} else if (!first->code) {
			*first = why;
		}
	}
	return CLV_OK;
}

static clv_rc rewrap(struct vault *v, const struct stale *s, size_t max, size_t *left, struct clv_err *err)
{
	struct clv_err first = {0};
	size_t moved = 0;

	if (db_begin(v->db, err))
		return CLV_FAILED;
	if (move_items(v, s, max, &moved, &first, err) ||
	    (moved == s->n &&
	     db_run(v->db, err, "DELETE FROM master WHERE id<>?", "i", v->masters[v->n - 1].id)) ||
	    db_commit(v->db, err)) {
		db_rollback(v->db);
		return CLV_FAILED;
	}
	if (moved == s->n)
		masters_forget_old(v);
	if (moved == 0 && first.code) {
		if (err)
			*err = first;
		return CLV_FAILED;
	}
	*left = s->n - moved;
	return CLV_OK;
}

clv_rc vault_rewrap(struct vault *v, size_t max_items, size_t *left, struct clv_err *err)
{
	struct stale s = {.n = 0};
	clv_rc rc = CLV_FAILED;

	if (!db_each(v->db, one_stale, &s, err,
	             "SELECT purpose, name FROM item WHERE master<>? ORDER BY purpose, name", "i",
	             v->masters[v->n - 1].id))
		rc = v->n == 1 && s.n == 0 ? CLV_OK : rewrap(v, &s, max_items, left, err);
	if (!rc && v->n == 1)
		*left = 0;
	stale_release(&s);
	return rc ? err_wrap(err, "moving the vault to its newest master key") : CLV_OK;
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
