/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's items: there and back, a stolen copy, moved and flipped blobs, missing master keys, senseless
 * dates, two key holders, a file that others may write, one from before, a damaged one.
 */
#include "tests/unit/vault_fixture.h"
#include <fcntl.h>
#include <sys/wait.h>

static clv_rc count_name(const char *name, void *ctx, struct clv_err *err)
{
	(void)name;
	(void)err;
	++*(size_t *)ctx;
	return CLV_OK;
}

static void items_go_there_and_back(void **state)
{
	struct vault *v = open_at(path, NOW);
	struct clv_secret *big = secret_new(VAULT_ITEM_MAX, NULL), *got = secret_new(VAULT_ITEM_MAX, NULL);
	struct clv_secret *small = secret_new(4, NULL);
	size_t n = 0;

	(void)state;
	put(v, "a", "one", NONE);
	put(v, "a", "two", NONE);
	put(v, "b", "three", SLICE_LIT("entropy"));
	assert_true(has(v, "a", "two", NONE));
	assert_true(has(v, "b", "three", SLICE_LIT("entropy")));
	assert_false(has(v, "b", "three", NONE));
	assert_false(has(v, "b", "three", SLICE_LIT("Entropy")));
	assert_false(has(v, "a", "two", SLICE_LIT("entropy")));
	assert_int_equal(secret_random(big, VAULT_ITEM_MAX, NULL), CLV_OK);
	assert_int_equal(vault_put(v, "test", "big", NONE, big, NULL), CLV_OK);
	vault_close(v);
	v = open_at(path, NOW);
	assert_true(has(v, "b", "three", SLICE_LIT("entropy")));
	assert_int_equal(vault_get(v, "test", "big", NONE, got, NULL), CLV_OK);
	assert_true(secret_eq(big, got));
	assert_int_equal(vault_get(v, "test", "big", NONE, small, NULL), CLV_FAILED);
	assert_int_equal(vault_names(v, "test", count_name, &n, NULL), CLV_OK);
	assert_int_equal(n, 3);
	assert_int_equal(vault_delete(v, "test", "a", NULL), CLV_OK);
	assert_false(vault_has(v, "test", "a"));
	assert_int_equal(vault_get(v, "test", "a", NONE, got, NULL), CLV_FAILED);
	assert_int_equal(vault_protection(v), VAULT_BY_FILE);
	vault_close(v);
	secret_free(big);
	secret_free(got);
	secret_free(small);
}

static void a_stolen_copy_does_not_open(void **state)
{
	struct clv_secret *shorter = secret_of("0123456789abcdef0123456789abcde");
	struct vault *v = open_at(path, NOW);

	(void)state;
	put(v, "a", "one", NONE);
	vault_close(v);
	not_opened(other, NOW, CLV_E_AUTH, "this machine's secret");
	not_opened(shorter, NOW, CLV_E_USAGE, "too short");
	v = open_at(path, NOW);
	assert_true(has(v, "a", "one", NONE));
	vault_close(v);
	secret_free(shorter);
}

static void blobs_do_not_move(void **state)
{
	struct vault *v = open_at(path, NOW);
	struct vault *w = open_at(copy_path, NOW);
	char text[256];

	(void)state;
	put(v, "a", "one", NONE);
	put(v, "b", "two", NONE);
	put(w, "a", "strange", NONE);
	vault_close(v);
	vault_close(w);
	sql(path, "UPDATE item SET item_key=(SELECT item_key FROM item WHERE name='b'),"
	          "blob=(SELECT blob FROM item WHERE name='b') WHERE name='a'");
	v = open_at(path, NOW);
	assert_false(has(v, "a", "one", NONE));
	assert_true(has(v, "b", "two", NONE));
	vault_close(v);
	sql(path, "UPDATE item SET purpose='other' WHERE name='b'");
	v = open_at(path, NOW);
	assert_int_equal(vault_get_bytes(v, "other", "b", NULL, NULL), CLV_FAILED);
	put(v, "a", "one", NONE);
	put(v, "c", "three", NONE);
	vault_close(v);
	sql(path, "UPDATE item SET blob=(SELECT blob FROM item WHERE name='c') WHERE name='a'");
	v = open_at(path, NOW);
	assert_false(has(v, "a", "one", NONE));
	vault_close(v);
	(void)snprintf(
	    text, sizeof text,
	    "ATTACH '%s' AS o; UPDATE item SET item_key=(SELECT item_key FROM o.item WHERE name='a'),"
	    "blob=(SELECT blob FROM o.item WHERE name='a') WHERE name='a'",
	    copy_path);
	sql(path, text);
	v = open_at(path, NOW);
	assert_false(has(v, "a", "strange", NONE));
	assert_true(has(v, "c", "three", NONE));
	vault_close(v);
}

static void flipped_bytes_do_not_open(void **state)
{
	struct vault *v = open_at(path, NOW);
	int key, blob, wrapped, n = 0;

	(void)state;
	put(v, "a", "correct horse", SLICE_LIT("e"));
	vault_close(v);
	key = (int)sql_number("SELECT length(item_key) FROM item");
	blob = (int)sql_number("SELECT length(blob) FROM item");
	wrapped = (int)sql_number("SELECT length(wrapped) FROM master");
	for (int at = 0; at < key + blob; at++, n++) {
		const char *column = at < key ? "item_key" : "blob";
		int i = at < key ? at : at - key;

		flip_byte("item", column, "WHERE name='a'", i);
		v = open_at(path, NOW);
		assert_false(has(v, "a", "correct horse", SLICE_LIT("e")));
		vault_close(v);
		flip_byte("item", column, "WHERE name='a'", i);
	}
	for (int at = 0; at < wrapped; at++, n++) {
		flip_byte("master", "wrapped", "", at);
		not_opened(machine, NOW, CLV_E_AUTH, "master key 1");
		flip_byte("master", "wrapped", "", at);
	}
	v = open_at(path, NOW);
	assert_true(has(v, "a", "correct horse", SLICE_LIT("e")));
	vault_close(v);
	printf("      %d bytes of an item, its key and a master key flipped: none opened\n", n);
}

static void missing_and_foreign_master_keys(void **state)
{
	struct vault *v = open_at(path, NOW);

	(void)state;
	put(v, "old", "one", NONE);
	vault_close(v);
	v = open_at(path, LATER);
	put(v, "new", "two", NONE);
	vault_close(v);
	copy_file(path, copy_path);
	sql(path, "PRAGMA foreign_keys=OFF; DELETE FROM master WHERE id=1");
	v = open_at(path, LATER);
	assert_false(has(v, "old", "one", NONE));
	assert_true(has(v, "new", "two", NONE));
	vault_close(v);
	sql(path, "PRAGMA foreign_keys=OFF; DELETE FROM master");
	not_opened(machine, LATER, CLV_E_CORRUPT, "no master key");
	copy_file(copy_path, path);
	sql(path, "UPDATE master SET wrapped=(SELECT wrapped FROM master WHERE id=1) WHERE id=2");
	not_opened(machine, LATER, CLV_E_AUTH, "master key 2");
	copy_file(copy_path, path);
	sql(path, "UPDATE master SET ends=ends+1 WHERE id=1"); /* sensible, and another */
	not_opened(machine, LATER, CLV_E_AUTH, "master key 1");
}

static void senseless_dates_are_refused(void **state)
{
	static const char *const bad[] = {
	    "UPDATE master SET ends=made",
	    "UPDATE master SET ends=made-1",
	    "UPDATE master SET made=0",
	    "UPDATE master SET made=-5, ends=-1",
	    "UPDATE master SET ends=made+180*86400000+1",
	    "UPDATE master SET ends=9223372036854775807",
	    "UPDATE master SET made=ends-1",
	};
	struct vault *v = open_at(path, NOW);

	(void)state;
	vault_close(v);
	copy_file(path, copy_path);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		copy_file(copy_path, path);
		sql(path, bad[i]);
		not_opened(machine, NOW, CLV_E_CORRUPT, "master key 1 has dates that make no sense");
	}
	copy_file(copy_path, path);
	not_opened(machine, NOW - DAY - 1, CLV_E_CORRUPT, "in the future");
	v = open_at(path, NOW - DAY);
	vault_close(v);
}

static void two_key_holders_are_one_too_many(void **state)
{
	struct vault *v = open_at(path, NOW);
	enum vault_protection how;
	struct clv_err err = {0};
	int status = 0;
	pid_t pid;

	(void)state;
	put(v, "a", "one", NONE);
	pid = fork();
	if (pid == 0) {
		struct vault *second = NULL;

		_exit(vault_open(path, machine, NOW, &second, &err) && err.code == CLV_E_CONFLICT &&
		              strstr(err.text, "another key holder")
		          ? 0
		          : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(vault_look(path, &how, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CONFLICT);
	assert_true(has(v, "a", "one", NONE));
	put(v, "b", "two", NONE);
	vault_close(v);
	v = open_at(path, NOW);
	assert_true(has(v, "b", "two", NONE));
	vault_close(v);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	struct vault *v = open_at(path, NOW);

	(void)state;
	vault_close(v);
	assert_int_equal(chmod(path, 0620), 0);
	not_opened(machine, NOW, CLV_E_DENIED, "may be written by others");
	assert_int_equal(chmod(path, 0602), 0);
	not_opened(machine, NOW, CLV_E_DENIED, "may be written by others");
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 64999, 0), 0);
		not_opened(machine, NOW, CLV_E_DENIED, "no file of this process's user");
	}
	(void)unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	not_opened(machine, NOW, CLV_E_DENIED, "no file");
}

/* A vault as the first release wrote it: items directly under their master key. */
static void older_vaults_open(void **state)
{
	struct clv_secret *key = secret_new(64, NULL), *item = secret_of("one");
	struct clv_sealed wrapped, blob;
	struct clv_buf context;
	sqlite3_stmt *st = NULL;
	sqlite3 *h = NULL;
	char text[256];
	struct vault *v;
	size_t left;

	(void)state;
	buf_init(&wrapped.bytes, 1024);
	buf_init(&blob.bytes, 1024);
	buf_init(&context, 1024);
	assert_int_equal(secret_random(key, 64, NULL), CLV_OK);
	(void)snprintf(text, sizeof text, "claviger/1 master 1 %lld %lld", NOW, NOW + 90 * DAY);
	assert_int_equal(
	    blob_seal(machine, SLICE_LIT("claviger/1 machine"), slice_str(text), key, &wrapped, NULL),
	    CLV_OK);
	assert_int_equal(buf_put(&context, SLICE_LIT("claviger/1 item"), NULL), CLV_OK);
	assert_int_equal(buf_put_u64(&context, 1, NULL), CLV_OK);
	assert_int_equal(buf_put_lp(&context, SLICE_LIT("test"), NULL), CLV_OK);
	assert_int_equal(buf_put_lp(&context, SLICE_LIT("a"), NULL), CLV_OK);
	assert_int_equal(blob_seal(key, NONE, buf_slice(&context), item, &blob, NULL), CLV_OK);
	sql(path,
	    "CREATE TABLE master(id INTEGER PRIMARY KEY, made INTEGER NOT NULL, ends INTEGER NOT NULL, "
	    "wrapped BLOB NOT NULL); CREATE TABLE item(purpose TEXT NOT NULL, name TEXT NOT NULL, master "
	    "INTEGER NOT NULL REFERENCES master(id), blob BLOB NOT NULL, PRIMARY KEY(purpose, name)) "
	    "WITHOUT ROWID; PRAGMA user_version=1");
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	(void)snprintf(text, sizeof text, "INSERT INTO master VALUES(1,%lld,%lld,?)", NOW, NOW + 90 * DAY);
	assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), SQLITE_OK);
	(void)sqlite3_bind_blob(st, 1, buf_slice(&wrapped.bytes).ptr, (int)buf_slice(&wrapped.bytes).len,
	                        NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	(void)sqlite3_finalize(st);
	assert_int_equal(sqlite3_prepare_v2(h, "INSERT INTO item VALUES('test','a',1,?)", -1, &st, NULL),
	                 SQLITE_OK);
	(void)sqlite3_bind_blob(st, 1, buf_slice(&blob.bytes).ptr, (int)buf_slice(&blob.bytes).len, NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(h);
	v = open_at(path, NOW);
	assert_int_equal(vault_protection(v), VAULT_BY_FILE);
	assert_true(has(v, "a", "one", NONE));
	vault_close(v);
	v = open_at(path, LATER);
	assert_true(has(v, "a", "one", NONE));
	assert_int_equal(vault_rewrap(v, 100, &left, NULL), CLV_OK);
	assert_int_equal(left, 0);
	assert_true(has(v, "a", "one", NONE));
	vault_close(v);
	assert_int_equal(sql_number("SELECT length(item_key) FROM item"), 32 + BLOB_OVERHEAD);
	secret_free(key);
	secret_free(item);
	buf_release(&wrapped.bytes);
	buf_release(&blob.bytes);
	buf_release(&context);
}

static void a_damaged_file_stops(void **state)
{
	struct clv_err err = {0};
	struct vault *v = NULL;
	int fd;

	(void)state;
	fill(50);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(vault_open(path, machine, NOW, &v, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CORRUPT);
	fd = creat(path, 0600);
	assert_true(fd >= 0 &&
	            write(fd, "this is no database, and long enough to be read as one......", 60) == 60);
	(void)close(fd);
	assert_int_equal(vault_open(path, machine, NOW, &v, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(items_go_there_and_back, fresh),
	    cmocka_unit_test_setup(a_stolen_copy_does_not_open, fresh),
	    cmocka_unit_test_setup(blobs_do_not_move, fresh),
	    cmocka_unit_test_setup(flipped_bytes_do_not_open, fresh),
	    cmocka_unit_test_setup(missing_and_foreign_master_keys, fresh),
	    cmocka_unit_test_setup(senseless_dates_are_refused, fresh),
	    cmocka_unit_test_setup(two_key_holders_are_one_too_many, fresh),
	    cmocka_unit_test_setup(a_file_that_others_may_write_is_refused, fresh),
	    cmocka_unit_test_setup(older_vaults_open, fresh),
	    cmocka_unit_test_setup(a_damaged_file_stops, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
