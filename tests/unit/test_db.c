/* SPDX-License-Identifier: Apache-2.0 */
/* A commit whose disk fails at any of its calls: what it is told to have come to is what the file holds, in
 * this connection and for who opens it next; what was told to be done is there, what was told to be undone is
 * not. */
#include "base/db.h"
#include "base/file.h"
#include "tests/lib/unit.h"
#include "tests/lib/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 42 /* fewer than the transaction makes: each point is reached */

static char dir[HOME_LEN];
static char path[64];

static int setup(void **state)
{
	(void)state;
	home_make(dir, sizeof(dir));
	(void)snprintf(path, sizeof path, "%s/store.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[100];

	(void)state;
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

static struct db *open_it(void)
{
	struct clv_err err = {0};
	struct db *d = NULL;

	if (db_open(path, DB_STORE, &d, &err))
		fail_msg("%s", err.text);
	return d;
}

static int64_t value(struct db *d)
{
	int64_t v = -1;

	assert_int_equal(db_number(d, 0, &v, NULL, "SELECT v FROM t WHERE k=1", ""), CLV_OK);
	return v;
}

static void fresh(void)
{
	struct db *d;

	(void)unlink(path);
	d = open_it();
	assert_int_equal(db_run(d, NULL, "CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER, filler BLOB)", ""),
	                 CLV_OK);
	assert_int_equal(db_run(d, NULL, "INSERT INTO t VALUES(1, 1, zeroblob(20000))", ""), CLV_OK);
	db_close(d);
}

/* In a child of its own, whose n-th call that changes a file fails: 0 done, 1 undone, 2 unknown, 3
 * contradicts itself, 4 does not go on. */
static int in_child(int n, int sys)
{
	char text[16];
	struct clv_err err = {0};
	bool unknown = false;
	struct db *d;
	int64_t v = 0;
	int said;

	(void)snprintf(text, sizeof text, "%d", n);
	(void)setenv("CLAVIGER_TEST_FAIL_AT", text, 1);
	(void)snprintf(text, sizeof text, "%d", sys);
	(void)setenv("CLAVIGER_TEST_FAIL_ERRNO", text, 1);
	(void)setenv("CLAVIGER_TEST_KILL_IN", "test", 1);
	d = open_it();
	fault_init("test");
	if (db_begin(d, &err) || db_run(d, &err, "UPDATE t SET v=2, filler=zeroblob(30000) WHERE k=1", "")) {
		db_rollback(d);
		said = 1;
	} else {
		said = db_commit_told(d, &unknown, &err) ? (unknown ? 2 : 1) : 0;
		if (said)
			db_rollback(d);
	}
	if (said == 2)
		return 2;
	if (db_number(d, 0, &v, NULL, "SELECT v FROM t WHERE k=1", "") || v != (said ? 1 : 2))
		return 3;
	/* It goes on, on a disk that works. */
	(void)unsetenv("CLAVIGER_TEST_FAIL_AT");
	fault_init("test");
	if (db_begin(d, &err) || db_run(d, &err, "UPDATE t SET filler=zeroblob(10) WHERE k=1", "") ||
	    db_commit_told(d, &unknown, &err))
		return 4;
	db_close(d);
	return said;
}

static void sweep(int sys, int *done, int *undone, int *unknown)
{
	for (int n = 1; n <= CALLS; n++) {
		pid_t pid;
		int status = 0;
		struct db *d;
		int64_t v;

		fresh();
		pid = fork();
		if (pid == 0)
			_exit(in_child(n, sys));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 2)
			fail_msg("errno %d at call %d: status %x", sys, n, (unsigned)status);
		d = open_it();
		v = value(d);
		db_close(d);
		if (WEXITSTATUS(status) == 0 && v != 2)
			fail_msg("errno %d at call %d: done, it said, and is not", sys, n);
		if (WEXITSTATUS(status) == 1 && v != 1)
			fail_msg("errno %d at call %d: undone, it said, and is not", sys, n);
		*done += WEXITSTATUS(status) == 0;
		*undone += WEXITSTATUS(status) == 1;
		*unknown += WEXITSTATUS(status) == 2;
	}
}

static void told_as_it_is(void **state)
{
	static const int errors[] = {5, 28}; /* EIO, ENOSPC */

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int done = 0, undone = 0, unknown = 0;

		sweep(errors[i], &done, &undone, &unknown);
		print_message("      errno %d at each of 42 calls: done %d, undone %d, unknown %d\n",
		              errors[i], done, undone, unknown);
		/* Some calls come after the point where it is done. */
		assert_true(done > 0 && undone > 0);
	}
}

static void reading_writes_nothing(void **state)
{
	struct db *d;
	bool unknown = true;
	int64_t before = 0, after = 0;

	(void)state;
	fresh();
	d = open_it();
	assert_int_equal(db_begin(d, NULL), CLV_OK);
	assert_int_equal(db_run(d, NULL, "UPDATE t SET v=5", ""), CLV_OK);
	assert_int_equal(db_commit_told(d, &unknown, NULL), CLV_OK);
	assert_false(unknown);
	assert_int_equal(db_number(d, 0, &before, NULL, "SELECT mark FROM commits", ""), CLV_OK);
	assert_int_equal(db_begin(d, NULL), CLV_OK);
	assert_int_equal(value(d), 5);
	assert_int_equal(db_commit_told(d, &unknown, NULL), CLV_OK);
	assert_int_equal(db_number(d, 0, &after, NULL, "SELECT mark FROM commits", ""), CLV_OK);
	assert_int_equal(after, before);
	db_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(told_as_it_is),
	    cmocka_unit_test(reading_writes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
