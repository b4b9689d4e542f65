/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands of the real program against the fake server: outputs, exit codes, acts that never
 * ask a pipe, and hostile names in every output.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/unit.h"

#include "claviger/buf.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[128], sock[160], server_env[200], bin[512], home_env[160];
static pid_t server;
static char out[4 << 20], err[65536];

static void slurp(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(to, 1, size - 1, f);
	to[n] = '\0';
	fclose(f);
	unlink(path);
}

/* Arguments by blanks; gives the exit code. */
static int run(const char *args)
{
	char copy[512], o[200], e[200], *argv[24] = {bin}, *save = NULL;
	char *env[] = {server_env, home_env, NULL};
	int n = 1, st = 0;
	snprintf(copy, sizeof(copy), "%s", args);
	for (char *w = strtok_r(copy, " ", &save); w != NULL && n < 23; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	snprintf(o, sizeof(o), "%s/out", dir);
	snprintf(e, sizeof(e), "%s/err", dir);
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY), fo = open(o, O_CREAT | O_WRONLY | O_TRUNC, 0600),
		    fe = open(e, O_CREAT | O_WRONLY | O_TRUNC, 0600);
		dup2(null, 0);
		dup2(fo, 1);
		dup2(fe, 2);
		execve(bin, argv, env);
		_exit(127);
	}
	waitpid(pid, &st, 0);
	slurp(o, out, sizeof(out));
	slurp(e, err, sizeof(err));
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static void serve(enum clv_role role)
{
	static struct fake_opts o;
	o = (struct fake_opts){.path = sock, .n_agents = 1500, .role = role, .step_ms = 30};
	server = fake_server_start(&o);
}

static int setup(void **state)
{
	(void)state;
	serve(CLV_ROLE_ADMINISTRATOR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (server > 0)
		fake_server_stop(server);
	server = 0;
	return 0;
}

static size_t lines(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void test_outputs(void **state)
{
	(void)state;
	assert_int_equal(run("get agents"), 0);
	assert_int_equal(lines(out), 1501); /* two windows and a header */
	assert_non_null(strstr(out, "NAME"));
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(err, "1500 agents, rms1, 2026-11-21T21:0"));
	assert_int_equal(run("get agents --filter state:refused"), 0); /* none found: header, exit 0 */
	assert_int_equal(lines(out), 1);
	assert_non_null(strstr(err, "0 of 1500 agents"));
	assert_int_equal(run("get agents --filter expires<30d --sort -name --limit 3 -o csv"), 0);
	assert_int_equal(lines(out), 4);
	assert_memory_equal(
	    out,
	    "name,approval,contact,key_id,sha1,sha256,not_before,not_after,generation,key_state,gateway,"
	    "server,mechanism,protocol,cipher,last_seen,config_version\nweb999.",
	    156);
	assert_int_equal(run("get events --filter level:error -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 10);
	json_decref(j);
	assert_int_equal(run("get pending"), 0);
	assert_null(strstr(out, "7D18"));
	assert_int_equal(run("--version"), 0);
	assert_int_equal(run("--help"), 0);
	assert_non_null(strstr(out, "claviger get agents"));
}

static void test_json_names(void **state)
{
	static const char *const names[] = {
	    "name",       "approval",  "contact",    "key_id",    "sha1",          "sha256",
	    "not_before", "not_after", "generation", "key_state", "gateway",       "server",
	    "mechanism",  "protocol",  "cipher",     "last_seen", "config_version"};
	(void)state;
	assert_int_equal(run("get agents -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 1500);
	json_t *a = json_array_get(j, 0);
	assert_int_equal(json_object_size(a), sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(json_object_get(a, names[i]));
	assert_int_equal(json_string_length(json_object_get(a, "key_id")), 32);
	assert_int_equal(json_string_length(json_object_get(a, "sha1")), 40);
	assert_int_equal(json_string_length(json_object_get(a, "sha256")), 64);
	assert_true(json_is_null(json_object_get(json_array_get(j, 5), "gateway")));
	json_decref(j);
	assert_int_equal(run("describe agent web01 -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "keys")), 2);
	json_decref(j);
	assert_int_equal(run("describe agent web01"), 0);
	assert_non_null(strstr(out, "key_state            confirmed"));
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *args;
		int code;
		const char *says;
	} rows[] = {
	    {"get nonsense", 2, "one of"},
	    {"get", 2, "get agents"},
	    {"get agents --filter colour:red", 2, "there are"},
	    {"get agents --sort colour", 2, "column"},
	    {"get agents --limit none", 2, "--limit"},
	    {"get agents -o xml", 2, "-o is one of"},
	    {"get agents --nonsense", 2, "no such option"},
	    {"get agents -s 10.0.0.1", 2, "name the server"},
	    {"get agents -s unix:/nowhere", 4, "cannot reach"},
	    {"describe agent nobody", 1, "no agent"},
	    {"describe server x", 2, "describe agent"},
	    {"approve app07", 2, "--fingerprint"},
	    {"approve nobody --fingerprint 7D18F4650B9A", 1, "waits"},
	    {"approve app07.ops.test --fingerprint 000000000000", 4, "nothing was accepted"},
	    {"remove web01", 2, "remove agent NAME"},
	    {"rotate", 2, "rotate NAME"},
	    {"rotate nobody", 1, "nobody"},
	    {"role grant x boss", 2, "a role is one of"},
	    {"remove agent web01 --read-only", 3, "read-only"},
	    {"--plain", 2, "needs a terminal"},
	    {"", 2, "needs a terminal"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code = run(rows[i].args);
		if (code != rows[i].code || strstr(err, rows[i].says) == NULL)
			print_message("%s: %d %s\n", rows[i].args, code, err);
		assert_int_equal(code, rows[i].code);
		assert_non_null(strstr(err, rows[i].says));
		assert_int_equal(lines(err), 1);
	}
}

static void test_acts(void **state)
{
	(void)state;
	assert_int_equal(run("rotate web01 web02 --wait"), 0);
	assert_string_equal(out, "web01.ops.test confirmed\nweb02.ops.test confirmed\n");
	assert_int_equal(run("approve app07.ops.test --fingerprint 7d18:f465:0b9a"), 0);
	assert_int_equal(run("reject web07.ops.test --reason impostor"), 0);
	assert_int_equal(run("get pending -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 2);
	json_decref(j);
	assert_int_equal(run("remove agent web05"), 0);
	assert_int_equal(run("get agents --filter name=web05.ops.test"), 0);
	assert_int_equal(lines(out), 1);
}

static void test_denied(void **state)
{
	(void)state;
	fake_server_stop(server);
	serve(CLV_ROLE_VIEWER);
	assert_int_equal(run("rotate web01"), 3);
	assert_int_equal(run("remove agent web01"), 3);
	assert_int_equal(run("get agents --limit 1"), 0);
}

static void test_hostile(void **state)
{
	static const char *const names[] = {"\033[2Jgone",
	                                    "a\rOK",
	                                    "\xe2\x80\xae"
	                                    "gnp",
	                                    "=cmd|'/C calc'!A0",
	                                    "+1",
	                                    "-1",
	                                    "@SUM(1)",
	                                    "\tx",
	                                    "\rx",
	                                    "a\"b,c",
	                                    "\xff\xfe",
	                                    "new\nline",
	                                    "\xc2\x9b"
	                                    "2J"};
	static struct fake_opts o;
	(void)state;
	fake_server_stop(server);
	o = (struct fake_opts){.path = sock,
	                       .n_agents = 3,
	                       .role = CLV_ROLE_ADMINISTRATOR,
	                       .hostile = names,
	                       .n_hostile = sizeof(names) / sizeof(names[0])};
	server = fake_server_start(&o);
	static const char *const runs[] = {"get agents",         "get agents -o wide", "get agents -o csv",
	                                   "get agents -o json", "get events",         "get events -o csv"};
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		assert_int_equal(run(runs[i]), 0);
		for (const char *s = out; *s != '\0'; s++) {
			assert_true((unsigned char)*s >= 0x20 || *s == '\n');
			assert_false(memcmp(s, "\xe2\x80\xae", 3) == 0);
		}
	}
	assert_int_equal(run("get agents -o csv"), 0);
	assert_int_equal(lines(out), 3 + 13 + 1);
	assert_non_null(strstr(out, "\"'=cmd|'/C calc'!A0\""));
	assert_non_null(strstr(out, "\"'+1\""));
	assert_non_null(strstr(out, "\"'-1\""));
	assert_non_null(strstr(out, "\"'@SUM(1)\""));
	assert_non_null(strstr(out, "\"'\\x09x\""));
	assert_non_null(strstr(out, "\"a\"\"b,c\""));
	assert_int_equal(run("get agents -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 16);
	json_decref(j);
}

static void find_program(const char *self)
{
	char path[400];
	const char *given = getenv("CLAVIGER_PROGRAM");
	snprintf(path, sizeof(path), "%s", self);
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	snprintf(bin, sizeof(bin), "%s/claviger", path);
	if (given != NULL)
		snprintf(bin, sizeof(bin), "%s", given);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_json_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_exit_codes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_acts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};
	(void)argc;
	find_program(argv[0]);
	snprintf(dir, sizeof(dir), "/tmp/claviger-batch-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	rmdir(dir);
	return rc;
}
