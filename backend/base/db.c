/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite as we use it (see db.h). Runs in core's database thread and in the key holder. One
 * connection in one process: Debian 12's SQLite must not see two on a WAL (design 3).
 */
#include "base/db.h"
#include "base/db_fault.h"
#include "base/file.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DB_CACHE 128u

struct db_row {
	sqlite3_stmt *st;
};

struct db {
	sqlite3 *h;
	char *path;
	enum db_kind kind;
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} cache[DB_CACHE];
	size_t n_cache;
	int changes;  /* rows changed before this transaction began */
	int64_t mark; /* of the last commit that was tried; DB_STORE */
};

static enum clv_code code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return CLV_E_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return CLV_E_CORRUPT;
	case SQLITE_CONSTRAINT:
		return CLV_E_EXISTS;
	case SQLITE_BUSY: /* another process has it */
		return CLV_E_CONFLICT;
	default:
		return CLV_E_IO;
	}
}

static clv_rc fail(struct db *d, const char *what, struct clv_err *err)
{
	return err_set(err, code_of(sqlite3_errcode(d->h)), "%s: %s (%s)", d->path, sqlite3_errmsg(d->h),
	               what);
}

static clv_rc exec(struct db *d, const char *sql, struct clv_err *err)
{
	if (sqlite3_exec(d->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(d, sql, err);
	return CLV_OK;
}

static clv_rc integrity(struct db *d, struct clv_err *err)
{
	sqlite3_stmt *st = NULL;
	clv_rc rc = CLV_FAILED;

	if (sqlite3_prepare_v2(d->h, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		(void)fail(d, "integrity check", err);
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
		(void)err_set(err, CLV_E_CORRUPT,
		              "%s is damaged (%s): restore a backup; it is not rebuilt silently", d->path,
		              (const char *)sqlite3_column_text(st, 0));
	else
		rc = CLV_OK;
	sqlite3_finalize(st);
	return rc;
}

static clv_rc configure(struct db *d, enum db_kind kind, struct clv_err *err)
{
	const char *journal = kind == DB_VAULT ? "PRAGMA journal_mode=TRUNCATE; PRAGMA secure_delete=ON"
	                                       : "PRAGMA journal_mode=PERSIST";

	if (sqlite3_busy_timeout(d->h, 2000) != SQLITE_OK)
		return fail(d, "busy timeout", err);
	if (exec(d,
	         "PRAGMA locking_mode=EXCLUSIVE; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"
	         "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON",
	         err) ||
	    exec(d, journal, err) || exec(d, "PRAGMA synchronous=FULL", err))
		return CLV_FAILED;
	return integrity(d, err);
}

/* In each database of core: which transaction was the last to commit. */
#define MARKS_TABLE \
	"CREATE TABLE IF NOT EXISTS commits(one INTEGER PRIMARY KEY CHECK(one=1), mark INTEGER NOT NULL)"

clv_rc db_open(const char *path, enum db_kind kind, struct db **out, struct clv_err *err)
{
	struct db *d = clv_calloc(1, sizeof *d);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;

	d->path = clv_strdup(path);
	(void)sqlite3_initialize();
	if (sqlite3_open_v2(path, &d->h, flags, db_fault_vfs()) != SQLITE_OK) {
		(void)err_set(err, CLV_E_IO, "%s: %s", path, d->h ? sqlite3_errmsg(d->h) : "out of memory");
		goto fail;
	}
	(void)sqlite3_extended_result_codes(d->h, 1);
	(void)sqlite3_db_config(d->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Until the schema was seen to be ours (db_schema): what there is may have been put there by somebody
	 * who writes the file (T37). */
	(void)sqlite3_db_config(d->h, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(d->h, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	if (configure(d, kind, err))
		goto fail;
	d->kind = kind;
	if (kind == DB_STORE &&
	    (exec(d, MARKS_TABLE, err) || db_number(d, 0, &d->mark, err, "SELECT mark FROM commits", "")))
		goto fail;
	*out = d;
	return CLV_OK;
fail:
	db_close(d);
	return CLV_FAILED;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_cache; i++)
		(void)sqlite3_finalize(d->cache[i].st);
	(void)sqlite3_close(d->h);
	clv_free(d->path);
	clv_free(d);
}

static clv_rc prepared(struct db *d, const char *sql, sqlite3_stmt **out, struct clv_err *err)
{
	for (size_t i = 0; i < d->n_cache; i++)
		if (d->cache[i].sql == sql) {
			*out = d->cache[i].st;
			return CLV_OK;
		}
	if (d->n_cache == DB_CACHE)
		return err_set(err, CLV_E_INTERNAL, "more than %u statements", DB_CACHE);
	if (sqlite3_prepare_v3(d->h, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
		return fail(d, sql, err);
	d->cache[d->n_cache].sql = sql;
	d->cache[d->n_cache++].st = *out;
	return CLV_OK;
}

static int bind_one(sqlite3_stmt *st, int n, char f, va_list *ap)
{
	const char *t;
	struct clv_slice b;

	switch (f) {
	case 't':
		t = va_arg(*ap, const char *);
		return t ? sqlite3_bind_text(st, n, t, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(st, n);
	case 'i':
		return sqlite3_bind_int64(st, n, va_arg(*ap, int64_t));
	case 'b':
		b = va_arg(*ap, struct clv_slice);
		return sqlite3_bind_blob64(st, n, b.ptr ? b.ptr : (const uint8_t *)"", b.len,
		                           SQLITE_TRANSIENT);
	default:
		return SQLITE_MISUSE;
	}
}

static clv_rc bind_all(struct db *d, const char *sql, const char *fmt, va_list *ap, sqlite3_stmt **st,
                       struct clv_err *err)
{
	if (prepared(d, sql, st, err))
		return CLV_FAILED;
	for (int n = 1; *fmt; fmt++, n++)
		if (bind_one(*st, n, *fmt, ap) != SQLITE_OK)
			return fail(d, sql, err);
	return CLV_OK;
}

/* A statement after which there is one row more. */
static bool inserts(const char *sql)
{
	return strncmp(sql, "INSERT INTO", 11) == 0 && !strstr(sql, "SELECT") && !strstr(sql, "ON CONFLICT");
}

static clv_rc run(struct db *d, const char *sql, const char *fmt, va_list *ap, struct clv_err *err)
{
	sqlite3_stmt *st = NULL;
	clv_rc rc = CLV_OK;
	int step;

	if (bind_all(d, sql, fmt, ap, &st, err))
		return CLV_FAILED;
	do
		step = sqlite3_step(st);
	while (step == SQLITE_ROW);
	if (step != SQLITE_DONE)
		rc = fail(d, sql, err);
	else if (inserts(sql) && sqlite3_changes(d->h) == 0)
		rc = err_set(err, CLV_E_CORRUPT, "%s: a row was not taken, and nothing said why", d->path);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

clv_rc db_run(struct db *d, struct clv_err *err, const char *sql, const char *fmt, ...)
{
	va_list ap;
	clv_rc rc;

	va_start(ap, fmt);
	rc = run(d, sql, fmt, &ap, err);
	va_end(ap);
	return rc;
}

clv_rc db_change(struct db *d, int64_t *changed, struct clv_err *err, const char *sql, const char *fmt, ...)
{
	va_list ap;
	clv_rc rc;

	va_start(ap, fmt);
	rc = run(d, sql, fmt, &ap, err);
	va_end(ap);
	if (!rc)
		*changed = sqlite3_changes(d->h);
	return rc;
}

static clv_rc each(struct db *d, db_row_fn *fn, void *ctx, struct clv_err *err, const char *sql,
                   const char *fmt, va_list *ap)
{
	struct db_row row = {NULL};
	bool stop = false;
	clv_rc rc = CLV_FAILED;
	int step = SQLITE_ROW;

	if (bind_all(d, sql, fmt, ap, &row.st, err))
		return CLV_FAILED;
	while (!stop && (step = sqlite3_step(row.st)) == SQLITE_ROW)
		if (fn(&row, ctx, &stop, err))
			goto out;
	if (!stop && step != SQLITE_DONE) {
		(void)fail(d, sql, err);
		goto out;
	}
	rc = CLV_OK;
out:
	(void)sqlite3_reset(row.st);
	(void)sqlite3_clear_bindings(row.st);
	return rc;
}

clv_rc db_each(struct db *d, db_row_fn *fn, void *ctx, struct clv_err *err, const char *sql, const char *fmt,
               ...)
{
	va_list ap;
	clv_rc rc;

	va_start(ap, fmt);
	rc = each(d, fn, ctx, err, sql, fmt, &ap);
	va_end(ap);
	return rc;
}

static clv_rc first_number(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	(void)err;
	*(int64_t *)ctx = db_i(r, 0);
	*stop = true;
	return CLV_OK;
}

clv_rc db_number(struct db *d, int64_t dflt, int64_t *out, struct clv_err *err, const char *sql,
                 const char *fmt, ...)
{
	int64_t v = dflt;
	va_list ap;
	clv_rc rc;

	va_start(ap, fmt);
	rc = each(d, first_number, &v, err, sql, fmt, &ap);
	va_end(ap);
	if (!rc)
		*out = v;
	return rc;
}

int64_t db_i(const struct db_row *r, int col)
{
	return sqlite3_column_int64(r->st, col);
}

const char *db_t(const struct db_row *r, int col)
{
	return (const char *)sqlite3_column_text(r->st, col);
}

struct clv_slice db_b(const struct db_row *r, int col)
{
	const void *p = sqlite3_column_blob(r->st, col);

	return slice_of(p, (size_t)sqlite3_column_bytes(r->st, col));
}

clv_rc db_begin(struct db *d, struct clv_err *err)
{
	d->changes = sqlite3_total_changes(d->h);
	return exec(d, "BEGIN IMMEDIATE", err);
}

clv_rc db_commit(struct db *d, struct clv_err *err)
{
	return exec(d, "COMMIT", err);
}

clv_rc db_commit_told(struct db *d, bool *unknown, struct clv_err *err)
{
	struct clv_err why = {0};
	int64_t have = 0;

	*unknown = false;
	if (sqlite3_total_changes(d->h) == d->changes)
		return db_commit(d, err); /* nothing was written: there is nothing to be unsure of */
	d->mark++;
	if (db_run(d, err, "INSERT OR REPLACE INTO commits(one, mark) VALUES(1, ?)", "i", d->mark))
		return CLV_FAILED;
	if (!db_commit(d, err))
		return CLV_OK;
	db_rollback(d);
	if (db_number(d, 0, &have, &why, "SELECT mark FROM commits", "")) {
		*unknown = true;
		return CLV_FAILED;
	}
	if (have != d->mark)
		return CLV_FAILED;
	err_clear(err); /* what failed came after the point where it was done */
	return CLV_OK;
}

bool db_in_transaction(const struct db *d)
{
	return !sqlite3_get_autocommit(d->h);
}

void db_rollback(struct db *d)
{
	if (!sqlite3_get_autocommit(d->h))
		(void)sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL);
}

clv_rc db_savepoint(struct db *d, struct clv_err *err)
{
	return exec(d, "SAVEPOINT job", err);
}

clv_rc db_release(struct db *d, struct clv_err *err)
{
	return exec(d, "RELEASE job", err);
}

void db_rollback_to(struct db *d)
{
	(void)sqlite3_exec(d->h, "ROLLBACK TO job; RELEASE job", NULL, NULL, NULL);
}

int64_t db_last_id(const struct db *d)
{
	return sqlite3_last_insert_rowid(d->h);
}

static clv_rc schema_number(struct db *d, int64_t *n, struct clv_err *err)
{
	return db_number(d, 0, n, err, "PRAGMA user_version", "");
}

static clv_rc schema_step(struct db *d, const char *step, size_t number, struct clv_err *err)
{
	char mark[64];

	(void)snprintf(mark, sizeof mark, "PRAGMA user_version=%zu", number);
	if (db_begin(d, err))
		return CLV_FAILED;
	if (exec(d, step, err) || exec(d, mark, err) || db_commit(d, err)) {
		db_rollback(d);
		return err_wrap(err, "schema step %zu", number);
	}
	return CLV_OK;
}

/* All that a file holds besides rows, but for what SQLite makes by itself. */
#define SCHEMA_OF                                                                              \
	"SELECT type || ' ' || name || ' on ' || tbl_name, ifnull(sql, '') FROM sqlite_schema" \
	" WHERE name NOT LIKE 'sqlite\\_autoindex\\_%' ESCAPE '\\' AND name <> 'sqlite_sequence' ORDER BY 1"

/* The first thing in which two schemas differ; "" in what, where there is none. */
static clv_rc compare(struct db *d, sqlite3 *ours, char *what, size_t size, struct clv_err *err)
{
	sqlite3_stmt *a = NULL, *b = NULL;
	int at_a = SQLITE_ROW, at_b = SQLITE_ROW;
	clv_rc rc = CLV_FAILED;

	*what = '\0';
	if (sqlite3_prepare_v2(d->h, SCHEMA_OF, -1, &a, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(ours, SCHEMA_OF, -1, &b, NULL) != SQLITE_OK) {
		rc = fail(d, SCHEMA_OF, err);
		goto out;
	}
	while (!*what && (at_a = sqlite3_step(a)) == SQLITE_ROW) {
		const char *is = (const char *)sqlite3_column_text(a, 0);
		const char *should = NULL;

		at_b = sqlite3_step(b);
		should = at_b == SQLITE_ROW ? (const char *)sqlite3_column_text(b, 0) : NULL;
		if (!should || strcmp(is, should) != 0)
			(void)snprintf(what, size, "%.100s%s%.100s", is,
			               should ? " where there should be " : ", which is not ours",
			               should ? should : "");
		else if (strcmp((const char *)sqlite3_column_text(a, 1),
		                (const char *)sqlite3_column_text(b, 1)) != 0)
			(void)snprintf(what, size, "%.100s was changed", is);
	}
	if (!*what && at_a != SQLITE_DONE) {
		(void)fail(d, SCHEMA_OF, err);
		goto out;
	}
	if (!*what && sqlite3_step(b) == SQLITE_ROW)
		(void)snprintf(what, size, "%.100s is missing", (const char *)sqlite3_column_text(b, 0));
	rc = CLV_OK;
out:
	(void)sqlite3_finalize(a);
	(void)sqlite3_finalize(b);
	return rc;
}

/*
 * Is the schema exactly ours (T37)? A trigger, a view in a table's place or a column more would change what
 * our statements do. What ours is, is found by making it in memory, by the same steps.
 */
static clv_rc schema_is_ours(struct db *d, const char *const *steps, size_t n, struct clv_err *err)
{
	sqlite3 *ours = NULL;
	char what[256];
	clv_rc rc = CLV_FAILED;

	if (sqlite3_open_v2(":memory:", &ours, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	        SQLITE_OK ||
	    (d->kind == DB_STORE && sqlite3_exec(ours, MARKS_TABLE, NULL, NULL, NULL) != SQLITE_OK)) {
		(void)err_set(err, CLV_E_INTERNAL, "no database in memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (sqlite3_exec(ours, steps[i], NULL, NULL, NULL) != SQLITE_OK) {
			(void)err_set(err, CLV_E_INTERNAL, "schema step %zu: %s", i + 1,
			              sqlite3_errmsg(ours));
			goto out;
		}
	if (compare(d, ours, what, sizeof what, err))
		goto out;
	rc = *what ? err_set(err, CLV_E_CORRUPT,
	                     "%s has another schema than this release makes: %s. Somebody wrote to it; bring "
	                     "back a copy",
	                     d->path, what)
	           : CLV_OK;
out:
	(void)sqlite3_close(ours);
	return rc;
}

clv_rc db_schema(struct db *d, const char *const *steps, size_t n, struct clv_err *err)
{
	int64_t have = 0;

	if (schema_number(d, &have, err))
		return CLV_FAILED;
	if (have > (int64_t)n)
		return err_set(err, CLV_E_VERSION,
		               "%s is of schema %lld, this release knows %zu: use the newer release", d->path,
		               (long long)have, n);
	for (size_t i = (size_t)have; i < n; i++)
		if (schema_step(d, steps[i], i + 1, err))
			return CLV_FAILED;
	if (schema_is_ours(d, steps, n, err))
		return CLV_FAILED;
	/* The outbox counts by triggers of its own: they are exactly ours now, and nobody else writes while
	 * we have the file (locking_mode=EXCLUSIVE). */
	for (size_t i = 0; i < n; i++)
		if (strstr(steps[i], "CREATE TRIGGER"))
			(void)sqlite3_db_config(d->h, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	return CLV_OK;
}

clv_rc db_copy(struct db *d, const char *path, struct clv_err *err)
{
	sqlite3 *to = NULL;
	sqlite3_backup *b = NULL;
	clv_rc rc = CLV_FAILED;
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(err, CLV_E_IO, "%s cannot be made", path);
	(void)close(fd);
	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, db_fault_vfs()) ==
	    SQLITE_OK)
		b = sqlite3_backup_init(to, "main", d->h, "main");
	if (!b || sqlite3_backup_step(b, -1) != SQLITE_DONE || sqlite3_backup_finish(b) != SQLITE_OK)
		(void)err_set(err, to ? code_of(sqlite3_errcode(to)) : CLV_E_IO, "copying to %s: %s", path,
		              to ? sqlite3_errmsg(to) : "out of memory");
	else
		rc = CLV_OK;
	(void)sqlite3_close(to);
	if (rc)
		(void)unlink(path);
	return rc;
}
