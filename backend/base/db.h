/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite as we use it: one connection, exclusive locking, synchronous=FULL, no mmap, bound
 * parameters only, integrity check at start; a damaged file stops us and is never rebuilt (T28).
 * The vault (journal TRUNCATE, secure_delete) and the store (journal PERSIST: its two files exist
 * beforehand, and Landlock grants no more) stand on it. Blocks on the disk.
 */
#ifndef BASE_DB_H
#define BASE_DB_H

#include "claviger/buf.h"

struct db;
struct db_row; /* the current row, inside a db_row_fn only */

enum db_kind { DB_STORE, DB_VAULT };

/* Opens or makes the file (0600). CLV_E_CORRUPT when the integrity check fails. */
CLV_MUST clv_rc db_open(const char *path, enum db_kind kind, struct db **out, struct clv_err *err);
void db_close(struct db *d); /* NULL is fine */

/* Parameters after sql are bound in order by fmt: t const char * (NULL: null), i int64_t, b struct
 * clv_slice. sql must be a literal: prepared once, kept by address. */
CLV_MUST clv_rc db_run(struct db *d, struct clv_err *err, const char *sql, const char *fmt, ...);
/* As db_run; *changed gets the number of rows that changed. */
CLV_MUST clv_rc db_change(struct db *d, int64_t *changed, struct clv_err *err, const char *sql,
                          const char *fmt, ...);
/* fn for each row until it fails or sets *stop. fn must not run the same sql. */
typedef clv_rc db_row_fn(struct db_row *r, void *ctx, bool *stop, struct clv_err *err);
CLV_MUST clv_rc db_each(struct db *d, db_row_fn *fn, void *ctx, struct clv_err *err, const char *sql,
                        const char *fmt, ...);
/* The first column of the first row as a number; absent: *out = dflt. */
CLV_MUST clv_rc db_number(struct db *d, int64_t dflt, int64_t *out, struct clv_err *err, const char *sql,
                          const char *fmt, ...);

int64_t db_i(const struct db_row *r, int col);
const char *db_t(const struct db_row *r, int col);      /* NULL when null; valid during fn */
struct clv_slice db_b(const struct db_row *r, int col); /* valid during fn */

CLV_MUST clv_rc db_begin(struct db *d, struct clv_err *err); /* IMMEDIATE */
CLV_MUST clv_rc db_commit(struct db *d, struct clv_err *err);
/* Of a DB_STORE: a commit whose outcome is known. The disk may fail after the point where a commit is done;
 * then this looks at a mark that was part of it, and it is done. CLV_FAILED: nothing of it is in the
 * database, and it was rolled back; with *unknown: not even that can be read, and what is in memory must not
 * be believed any more. */
CLV_MUST clv_rc db_commit_told(struct db *d, bool *unknown, struct clv_err *err);
/* false after db_begin: SQLite undid it by itself, as it does when the disk fails. */
bool db_in_transaction(const struct db *d);
void db_rollback(struct db *d);
CLV_MUST clv_rc db_savepoint(struct db *d, struct clv_err *err);
CLV_MUST clv_rc db_release(struct db *d, struct clv_err *err);
void db_rollback_to(struct db *d);
/* Numbered schema steps: runs those above the stored number, one transaction each. A file that is
 * newer than the last step is refused, and so is one that holds anything else than these steps make: a
 * trigger, a view, an index or a column of somebody else (CLV_E_CORRUPT, naming it; T37). */
CLV_MUST clv_rc db_schema(struct db *d, const char *const *steps, size_t n, struct clv_err *err);
/* A consistent copy, page by page, into a new file (must not exist). */
CLV_MUST clv_rc db_copy(struct db *d, const char *path, struct clv_err *err);
int64_t db_last_id(const struct db *d);

#endif
