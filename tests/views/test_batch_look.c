/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands that look: find, status, expiry, the audit trail, lines set aside, --watch, completion.
 */
#include "tests/views/batch_fixture.h"

#include <signal.h>
#include <sys/stat.h>

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(run("find 4A A8 71 8B"), 0);
	assert_non_null(strstr(out, "generation 3, confirmed"));
	assert_non_null(strstr(err, "3 hits"));
	assert_int_equal(run("find web01 -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "what")), "agent key");
	json_decref(j);
	assert_int_equal(run("find nothing"), 0); /* none found: header, exit 0 */
	assert_int_equal(run("find"), 2);
	assert_int_equal(run("find x -o nagios"), 2);
	assert_int_equal(run("get find"), 2);
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(run("status"), 0);
	assert_non_null(strstr(out, "2 things need a person, 1 can wait."));
	assert_int_equal(run("status -o nagios"), 2); /* a key was refused: critical */
	assert_memory_equal(out, "CLAVIGER CRITICAL - ", 20);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	assert_int_equal(run("status -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "needs")), 3);
	json_decref(j);
	assert_int_equal(run("status -o csv"), 2);
	assert_int_equal(run("overview aside :pending --until 14d"), 2);
	assert_int_equal(run("overview aside :pending --until yesterday --reason x"), 2);
	assert_int_equal(run("overview aside :pending --until 14d --reason later"), 0);
	assert_int_equal(run("status"), 0);
	assert_non_null(strstr(out, "1 thing needs a person"));
	assert_non_null(strstr(out, "later"));
	assert_int_equal(run("overview aside :pending --back"), 0);
	assert_int_equal(run("overview aside :pending --back --read-only"), 3);
}

static void test_expiry_audit(void **state)
{
	(void)state;
	assert_int_equal(lines("a\nb\n"), 2);
	assert_int_equal(run("get expiry --filter what:account -o csv"), 0);
	assert_memory_equal(out, "ends,what,whose,renews\n", 23);
	assert_non_null(strstr(out, "account password,backup"));
	assert_int_equal(run("get audit --filter who:eve"), 0);
	assert_non_null(strstr(out, "web07"));
	assert_int_equal(run("audit verify"), 0);
	assert_non_null(strstr(out, "whole"));
	assert_int_equal(run("audit something"), 2);
	assert_int_equal(run("completion bash"), 0);
	assert_non_null(strstr(out, "complete -F _claviger claviger"));
	assert_int_equal(run("completion tcsh"), 2);
}

/* Ends the server once the first lines were written. */
static pid_t end_server_after_lines(void)
{
	char path[200];
	struct stat st;
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	snprintf(path, sizeof(path), "%s/out", dir);
	for (int i = 0; i < 1000; i++) {
		if (stat(path, &st) == 0 && st.st_size > 400)
			break;
		usleep(10000);
	}
	kill(server, SIGKILL);
	_exit(0);
}

static void test_watch(void **state)
{
	int n_lines = 0, st;
	(void)state;
	assert_int_equal(run("get agents --watch -o csv"), 2);
	pid_t helper = end_server_after_lines();
	assert_int_not_equal(run("get agents --watch --limit 3"), 0); /* the line was lost */
	waitpid(helper, &st, 0);
	for (char *p = out; *p != '\0'; n_lines++) {
		size_t n = strcspn(p, "\n");
		json_t *j = json_loadb(p, n, 0, NULL);
		assert_non_null(j);
		assert_non_null(json_object_get(j, "name"));
		json_decref(j);
		p += n + 1;
	}
	assert_int_equal(n_lines, 3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_find, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_status, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_expiry_audit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	};
	(void)argc;
	if (!batch_begin(argv[0]))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	batch_end();
	return rc;
}
