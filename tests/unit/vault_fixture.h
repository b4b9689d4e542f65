/* SPDX-License-Identifier: Apache-2.0 */
/* A vault in a folder of its own, and a stranger's hand in its file: for the tests of the vault. */
#ifndef TESTS_UNIT_VAULT_FIXTURE_H
#define TESTS_UNIT_VAULT_FIXTURE_H

#include "base/file.h"
#include "tests/lib/unit.h"
#include "vault/blob.h"
#include "vault/vault.h"
#include "tests/lib/home.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY   (24ll * 3600 * 1000)
#define NOW   1795000000000ll
#define LATER (NOW + 91 * DAY)
#define NONE  slice_of(NULL, 0)

static char dir[HOME_LEN];
static char path[64], copy_path[64];
static struct clv_secret *machine, *other;

static inline struct clv_secret *secret_of(const char *text)
{
	struct clv_secret *s = secret_new(strlen(text) + 1, NULL);

	assert_non_null(s);
	assert_int_equal(secret_append(s, text, strlen(text), NULL), CLV_OK);
	return s;
}

static inline void remove_vault(const char *p)
{
	char journal[128];

	(void)snprintf(journal, sizeof journal, "%s-journal", p);
	(void)unlink(journal);
	(void)unlink(p);
}

static inline int setup(void **state)
{
	(void)state;
	home_make(dir, sizeof(dir));
	(void)snprintf(path, sizeof path, "%s/vault.db", dir);
	(void)snprintf(copy_path, sizeof copy_path, "%s/copy.db", dir);
	(void)umask(077);
	machine = secret_of("0123456789abcdef0123456789abcdef");
	other = secret_of("another machine's 32 bytes secret");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	remove_vault(path);
	remove_vault(copy_path);
	(void)rmdir(dir);
	secret_free(machine);
	secret_free(other);
	return 0;
}

static inline int fresh(void **state)
{
	(void)state;
	remove_vault(path);
	remove_vault(copy_path);
	return 0;
}

static inline struct vault *open_at(const char *p, int64_t now)
{
	struct vault *v = NULL;
	struct clv_err err = {0};

	if (vault_open(p, machine, now, &v, &err))
		fail_msg("%s", err.text);
	return v;
}

static inline void refused(clv_rc rc, struct vault *v, const struct clv_err *err, enum clv_code code,
                           const char *words)
{
	if (!rc) {
		vault_close(v);
		fail_msg("opened: expected '%s'", words);
	}
	if (err->code != code || !strstr(err->text, words))
		fail_msg("expected code %d with '%s', got %d: %s", code, words, err->code, err->text);
}

static inline void not_opened(const struct clv_secret *s, int64_t now, enum clv_code code, const char *words)
{
	struct vault *v = NULL;
	struct clv_err err = {0};
	clv_rc rc = vault_open(path, s, now, &v, &err);

	refused(rc, v, &err, code, words);
}

static inline void put(struct vault *v, const char *name, const char *text, struct clv_slice entropy)
{
	struct clv_secret *s = secret_of(text);

	assert_int_equal(vault_put(v, "test", name, entropy, s, NULL), CLV_OK);
	secret_free(s);
}

static inline bool has(struct vault *v, const char *name, const char *text, struct clv_slice entropy)
{
	struct clv_secret *want = secret_of(text), *got = secret_new(VAULT_ITEM_MAX, NULL);
	struct clv_err err = {0};
	bool good = !vault_get(v, "test", name, entropy, got, &err);

	if (good)
		assert_true(secret_eq(want, got));
	else
		assert_true(err.code == CLV_E_AUTH && strstr(err.text, name));
	secret_free(want);
	secret_free(got);
	return good;
}

/* A stranger's hand in the file. */
static inline void sql(const char *p, const char *text)
{
	sqlite3 *h = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(p, &h), SQLITE_OK);
	if (sqlite3_exec(h, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
}

static inline int64_t sql_number(const char *text)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *h = NULL;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(h);
	return n;
}

static inline void copy_file(const char *from, const char *to)
{
	struct clv_buf b;

	buf_init(&b, 16u << 20);
	assert_int_equal(file_read(from, &b, NULL), CLV_OK);
	assert_int_equal(file_replace(to, buf_slice(&b), 0600, NULL), CLV_OK);
	buf_release(&b);
}

/* Flips a bit of one byte of a blob in the file. */
static inline void flip_byte(const char *table, const char *column, const char *where, int at)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *h = NULL;
	char text[256];
	uint8_t bytes[4096];
	int n;

	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	(void)snprintf(text, sizeof text, "SELECT %s FROM %s %s", column, table, where);
	assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_bytes(st, 0);
	assert_true(n > at && n <= (int)sizeof bytes);
	memcpy(bytes, sqlite3_column_blob(st, 0), (size_t)n);
	(void)sqlite3_finalize(st);
	bytes[at] ^= (uint8_t)(1u << at % 8);
	(void)snprintf(text, sizeof text, "UPDATE %s SET %s=? %s", table, column, where);
	assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_bind_blob(st, 1, bytes, n, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(h);
}

static inline void fill(int n)
{
	struct vault *v = open_at(path, NOW);
	char name[32], text[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		(void)snprintf(text, sizeof text, "text %d", i);
		put(v, name, text, slice_str(i % 2 ? "entropy" : ""));
	}
	vault_close(v);
}

static inline void all_open(struct vault *v, int n)
{
	char name[32], text[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		(void)snprintf(text, sizeof text, "text %d", i);
		if (!has(v, name, text, slice_str(i % 2 ? "entropy" : "")))
			fail_msg("%s does not open", name);
	}
}

#endif
