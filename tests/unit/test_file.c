/* SPDX-License-Identifier: Apache-2.0 */
/* Files: limits, modes, replacement, and that a killed or failed write leaves the old file. */
#include "tests/lib/unit.h"
#include "base/file.h"
#include "tests/lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[HOME_LEN];
static char path[64];

static int setup(void **state)
{
	(void)state;
	home_make(dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void check_content(const char *want)
{
	struct clv_err err;
	struct clv_buf b;

	buf_init(&b, 100000);
	assert_int_equal(file_read(path, &b, &err), CLV_OK);
	assert_true(slice_eq_str(buf_slice(&b), want));
	buf_release(&b);
}

static void replace_and_read(void **state)
{
	struct clv_err err;
	struct stat st;

	(void)state;
	(void)umask(0777);
	assert_int_equal(file_replace(path, SLICE_LIT("one"), 0640, &err), CLV_OK);
	(void)umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	check_content("one");
	assert_int_equal(file_replace(path, SLICE_LIT("two"), 0600, &err), CLV_OK);
	check_content("two");
	assert_int_equal(file_create(path, SLICE_LIT("three"), 0600, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_EXISTS);
	check_content("two");
	assert_int_equal(file_remove(path, &err), CLV_OK);
	assert_int_equal(file_remove(path, &err), CLV_OK);
	assert_false(file_exists(path));
	assert_int_equal(file_create(path, SLICE_LIT("three"), 0600, &err), CLV_OK);
	check_content("three");
}

static void limits(void **state)
{
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	assert_int_equal(file_replace(path, SLICE_LIT("12345"), 0600, &err), CLV_OK);
	buf_init(&b, 5);
	assert_int_equal(file_read(path, &b, &err), CLV_OK);
	buf_release(&b);
	for (size_t limit = 0; limit < 5; limit++) {
		buf_init(&b, limit);
		assert_int_equal(file_read(path, &b, &err), CLV_FAILED);
		assert_int_equal(err.code, CLV_E_LIMIT);
		buf_release(&b);
	}
	buf_init(&b, 5);
	assert_int_equal(file_read("/nonexistent/x", &b, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_NOTFOUND);
	assert_int_equal(file_read(dir, &b, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_IO);
	buf_release(&b);
}

static void private_files(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0644, 0777};
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 5000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(file_replace(path, SLICE_LIT("key"), bad[i], &err), CLV_OK);
		assert_int_equal(file_read_private(path, &b, &err), CLV_FAILED);
		assert_int_equal(err.code, CLV_E_DENIED);
	}
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(file_replace(path, SLICE_LIT("key"), 0400, &err), CLV_OK);
	assert_int_equal(file_read_private(path, &b, &err), CLV_OK);
	buf_release(&b);
}

static void links_are_not_followed(void **state)
{
	char temp[80];
	char victim[80];
	struct clv_err err;

	(void)state;
	(void)snprintf(temp, sizeof(temp), "%s.new", path);
	(void)snprintf(victim, sizeof(victim), "%s/victim", dir);
	assert_int_equal(symlink(victim, temp), 0);
	assert_int_equal(file_replace(path, SLICE_LIT("data"), 0600, &err), CLV_OK);
	assert_false(file_exists(victim));
	assert_false(file_exists(temp));
}

static void folders(void **state)
{
	char deep[100];
	struct clv_err err;

	(void)state;
	(void)snprintf(deep, sizeof(deep), "%s/a/b/", dir);
	assert_int_equal(file_mkdirs(deep, 0700, &err), CLV_OK);
	assert_int_equal(file_mkdirs(deep, 0700, &err), CLV_OK);
	assert_int_equal(rmdir(deep), 0);
	deep[strlen(dir) + 2] = '\0';
	assert_int_equal(rmdir(deep), 0);
	assert_int_equal(file_mkdirs("", 0700, &err), CLV_FAILED);
	assert_int_equal(file_replace(path, SLICE_LIT("x"), 0600, &err), CLV_OK);
	(void)snprintf(deep, sizeof(deep), "%s/x", path);
	assert_int_equal(file_mkdirs(deep, 0700, &err), CLV_FAILED);
}

static void descriptors(void **state)
{
	struct clv_err err;
	int fd = -1;

	(void)state;
	fd_close(&fd);
	assert_int_equal(fd_nonblock(-1, &err), CLV_FAILED);
	fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(fd_nonblock(fd, &err), CLV_OK);
	assert_int_equal(fd_write_all(fd, SLICE_LIT("x"), &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_FULL);
	errno = 5;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, 5);
}

#ifdef CLV_TEST_BUILD
/* In a child, with the point set: killed, or the call's answer. */
static int replace_with(const char *kill_at, const char *fail_at)
{
	struct clv_err err;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setenv("CLAVIGER_TEST_KILL_AT", kill_at, 1);
		(void)setenv("CLAVIGER_TEST_FAIL_AT", fail_at, 1);
		(void)setenv("CLAVIGER_TEST_FAIL_ERRNO", "28", 1);
		fault_init("unit");
		_exit(file_replace(path, SLICE_LIT("new"), 0600, &err) == CLV_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void faults_leave_old_or_new(void **state)
{
	struct clv_err err;
	struct clv_buf b;
	int killed = 0;

	(void)state;
	for (int point = 1; point < 8; point++) {
		char at[16];
		int status;

		(void)snprintf(at, sizeof(at), "%d", point);
		for (int kind = 0; kind < 2; kind++) {
			assert_int_equal(file_replace(path, SLICE_LIT("old"), 0600, &err), CLV_OK);
			status = kind == 0 ? replace_with(at, "0") : replace_with("0", at);
			killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
			buf_init(&b, 100);
			assert_int_equal(file_read(path, &b, &err), CLV_OK);
			assert_true(slice_eq_str(buf_slice(&b), "old") || slice_eq_str(buf_slice(&b), "new"));
			if (status == 0)
				assert_true(slice_eq_str(buf_slice(&b), "new"));
			buf_release(&b);
		}
	}
	assert_int_equal(killed, 4); /* write, fsync, rename, fsync of the folder */
	assert_int_equal(file_replace(path, SLICE_LIT("x"), 0600, &err), CLV_OK); /* sweeps the leftover */
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replace_and_read),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(private_files),
	    cmocka_unit_test(links_are_not_followed),
	    cmocka_unit_test(folders),
	    cmocka_unit_test(descriptors),
#ifdef CLV_TEST_BUILD
	    cmocka_unit_test(faults_leave_old_or_new),
#endif
	};

	return cmocka_run_group_tests_name("file", tests, setup, teardown);
}
