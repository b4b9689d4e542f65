/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real console in a pseudo terminal, with a terminal emulator, against the fake server: what an
 * operator does, and what must never happen.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/home.h"
#include "tests/lib/ptyterm.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON 30000

static char dir[128], sock[160], server_env[200], bin[512], home_env[160];
static struct fake_opts opts;
static pid_t server;

static struct ptyterm *start_console(const char *view, const char *option)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8",
	            path[] = "PATH=/usr/bin:/bin";
	char *env[] = {server_env, home_env, term, locale, path, NULL};
	char *argv[5] = {bin};
	int n = 1;
	if (option != NULL)
		argv[n++] = (char *)(uintptr_t)option;
	if (view != NULL)
		argv[n++] = (char *)(uintptr_t)view;
	return pty_start(argv, env, 24, 80);
}

static void start_server(enum clv_role role)
{
	opts = (struct fake_opts){.path = sock, .n_agents = 37, .role = role, .step_ms = 150};
	server = fake_server_start(&opts);
}

static int setup(void **state)
{
	(void)state;
	start_server(CLV_ROLE_ADMINISTRATOR);
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

static void test_start_and_end(void **state)
{
	(void)state;
	struct ptyterm *p = start_console(NULL, NULL);
	assert_true(pty_wait(p, "2 things need a person", SOON));
	assert_true(pty_wait(p, "ops@OPS.TEST  administrator", SOON));
	pty_keys(p, "q");
	assert_true(pty_wait(p, "End claviger?", SOON));
	pty_pump(p, 200);
	pty_keys(p, "y");
	int st = pty_end(p, SOON);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	assert_true(pty_restored(p));
	pty_free(p);
}

static void test_approve(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("pending", NULL);
	assert_true(pty_wait(p, "4 wait, 2 of them conflicts", SOON));
	assert_false(pty_has(p, "7D18"));
	pty_keys(p, "A");
	assert_true(pty_wait(p, "Accept app07 in OMMG1?", SOON));
	pty_pump(p, 200);
	pty_keys(p, "0000 0000 0000\r");
	assert_true(pty_wait(p, "nothing was accepted", SOON));
	pty_keys(p, "A");
	assert_true(pty_wait(p, "Digits", SOON));
	pty_pump(p, 200);
	pty_keys(p, "7d18 f465 0b9a\r");
	assert_true(pty_wait(p, "app07 was accepted", SOON));
	assert_true(pty_wait(p, "3 wait", SOON));
	pty_free(p);
}

static void test_filter_marks_rotate(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "   "); /* app01 app02 db01 */
	assert_true(pty_wait(p, "3 marked", SOON));
	pty_keys(p, "/app\r");
	assert_true(pty_wait(p, "2 of 37   3 marked, 1 hidden", SOON));
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Rotate the keys of 2 agents in OMMG1?", SOON));
	assert_true(pty_wait(p, "Not taken: 1 marked row that the filter hides.", SOON));
	pty_pump(p, 200);
	pty_keys(p, "\r"); /* empty Enter is never yes */
	assert_true(pty_wait(p, "is:marked", SOON));
	assert_true(pty_wait(p, "3 of 37", SOON));
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Rotate the keys of 3 agents", SOON));
	pty_pump(p, 200);
	pty_keys(p, "2\r");
	assert_true(pty_wait(p, "nothing was done", SOON));
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Type 3", SOON));
	pty_pump(p, 200);
	pty_keys(p, "3\r");
	assert_true(pty_wait(p, "3 agents were asked to rotate", SOON));
	pty_free(p);
}

/* The push shows it: no key is pressed between asking and confirmed. */
static void test_rotate_one(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agent web01", NULL);
	assert_true(pty_wait(p, "gen 1", SOON));
	pty_keys(p, "R");
	assert_true(
	    pty_wait(p, "Rotate the key of web01 in OMMG1? The old one serves until confirmed.", SOON));
	pty_pump(p, 200);
	pty_keys(p, "y");
	assert_true(pty_wait(p, "web01 was asked", SOON));
	assert_true(pty_wait(p, "gen 2  made", SOON));
	assert_true(pty_wait(p, "confirmed", SOON));
	pty_free(p);
}

static void test_typed_ahead(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "Ry");
	assert_true(pty_wait(p, "Rotate the key of app01", SOON));
	pty_pump(p, 300);
	assert_true(pty_has(p, "Rotate the key of app01"));
	assert_false(pty_has(p, "asked to make"));
	pty_keys(p, "y");
	assert_true(pty_wait(p, "app01 was asked", SOON));
	/* a terminal that does not answer: silence is waited for */
	pty_mute(p, true);
	pty_keys(p, "jR");
	assert_true(pty_wait(p, "Rotate the key of app02", SOON));
	for (int i = 0; i < 8; i++) {
		pty_keys(p, "y");
		pty_pump(p, 100);
	}
	assert_true(pty_has(p, "Rotate the key of app02"));
	pty_pump(p, 1600);
	pty_keys(p, "y");
	assert_true(pty_wait(p, "app02 was asked", SOON));
	pty_free(p);
}

static void test_split_sequences(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	/* an arrow cut in two, within and after the time an Esc takes: the A must never be heard */
	for (int wait = 10; wait <= 200; wait += 95) {
		pty_keys(p, "\033");
		pty_pump(p, wait);
		pty_keys(p, "[A");
		pty_pump(p, 50);
		pty_keys(p, "\033[");
		pty_pump(p, wait);
		pty_keys(p, "B");
		pty_pump(p, 50);
		pty_keys(p, "2");
		assert_true(pty_wait(p, "Agents", SOON));
	}
	assert_false(pty_has(p, "Accept"));
	pty_keys(p, "7");
	assert_true(pty_wait(p, "Pending", SOON));
	pty_keys(p, "\033");
	pty_pump(p, 100);
	pty_keys(p, "[A");
	pty_pump(p, 100);
	assert_false(pty_has(p, "Digits"));
	pty_free(p);
}

static void test_resize_storm(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	unsigned seed = 4711;
	for (int i = 0; i < 300; i++) {
		seed = seed * 1103515245u + 12345u;
		pty_resize(p, 1 + (int)(seed >> 16) % 60, 1 + (int)(seed >> 8) % 220);
		if (i % 7 == 0)
			pty_keys(p, "j");
		pty_pump(p, 2);
	}
	pty_resize(p, 9, 36);
	assert_true(pty_wait(p, "Needs 40×10, has 36×9", SOON));
	pty_resize(p, 24, 80);
	assert_true(pty_wait(p, "NAME", SOON));
	assert_true(pty_wait(p, "? help  q back", SOON));
	pty_keys(p, "g");
	assert_true(pty_wait(p, "app01", SOON));
	pty_free(p);
}

static void test_server_lost(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "/web\r");
	assert_true(pty_wait(p, "34 of 37", SOON));
	pty_keys(p, "jjj ");
	assert_true(pty_wait(p, "1 marked", SOON));
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Rotate the key of web04", SOON));
	fake_server_stop(server);
	server = 0;
	assert_true(pty_wait(p, "STALE since", SOON));
	pty_pump(p, 200);
	pty_keys(p, "y"); /* the question is gone: nothing happens */
	pty_keys(p, "R");
	assert_true(pty_wait(p, "You can look, not act", SOON));
	start_server(CLV_ROLE_ADMINISTRATOR);
	assert_true(pty_wait(p, "Back, by", 60000));
	assert_true(pty_wait(p, "ask again", SOON));
	assert_true(pty_wait(p, "34 of 37   1 marked", SOON));
	pty_pump(p, 500);
	assert_false(pty_has(p, "made 0 s")); /* never replayed */
	pty_free(p);
}

static void signal_restores(int sig)
{
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	assert_false(pty_restored(p));
	kill(pty_pid(p), sig);
	int st = pty_end(p, SOON);
	assert_true(WIFSIGNALED(st) && WTERMSIG(st) == sig);
	assert_true(pty_restored(p));
	pty_free(p);
}

static void test_signals_restore(void **state)
{
	(void)state;
	signal_restores(SIGTERM);
	signal_restores(SIGHUP);
	signal_restores(SIGSEGV);
	signal_restores(SIGABRT);
}

static void test_roles(void **state)
{
	(void)state;
	fake_server_stop(server);
	start_server(CLV_ROLE_VIEWER);
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	assert_true(pty_wait_gone(p, "R rotate", SOON)); /* once the server has said who we are */
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Not allowed: rotate needs operator, you are viewer.", SOON));
	pty_free(p);
	p = start_console("agents", "--read-only");
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "X");
	assert_true(pty_wait(p, "read-only", SOON));
	pty_free(p);
}

static void test_paste(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "\033[200~4A:A8:71:8B\rRy\033[201~");
	assert_true(pty_wait(p, "/4A:A8:71:8B Ry", SOON));
	pty_keys(p, "\025");
	pty_keys(p, "\033");
	assert_true(pty_wait_gone(p, "Enter keeps it", SOON));
	pty_keys(p, "4AA8 718B 0000"); /* no brackets: twelve digits in one read are a thumbprint */
	assert_true(pty_wait(p, "/4AA8 718B 0000", SOON));
	pty_free(p);
}

/* No byte and no wake-up on a still screen. */
static void test_still(void **state)
{
	(void)state;
	struct ptyterm *p = start_console("agents", NULL);
	size_t before, after;
	assert_true(pty_wait(p, "app01", SOON));
	pty_pump(p, 300);
	pty_bytes(p, &before);
	pty_pump(p, 2500);
	pty_bytes(p, &after);
	assert_int_equal(before, after);
	pty_keys(p, "j");
	pty_pump(p, 200);
	pty_bytes(p, &before);
	assert_true(before - after < 300); /* design 4: moving a row */
	pty_free(p);
}

/* No colour, no UTF-8, no colour and no UTF-8: the words and signs are still there. */
static void test_poor_terminals(void **state)
{
	static char linux_term[] = "TERM=linux", xterm[] = "TERM=xterm-256color", utf8[] = "LC_ALL=C.UTF-8",
	            posix[] = "LC_ALL=C", no_color[] = "NO_COLOR=1", vt[] = "TERM=vt100";
	static char *const envs[][5] = {
	    {linux_term, utf8}, {xterm, posix}, {xterm, utf8, no_color}, {vt, posix, no_color}};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *env[] = {server_env, home_env, envs[i][0], envs[i][1], envs[i][2], NULL};
		char *argv[] = {bin, (char *)(uintptr_t) "agents", NULL};
		struct ptyterm *p = pty_start(argv, env, 24, 80);
		size_t len;
		assert_true(pty_wait(p, "app01", SOON));
		assert_true(pty_wait(p, i == 2 ? "✔ app01" : "+ app01", SOON));
		const uint8_t *b = pty_bytes(p, &len);
		for (size_t k = 0; k + 4 < len; k++) {
			if (i >= 2) /* no colour was set */
				assert_false(b[k] == 0x1b && b[k + 1] == '[' && b[k + 2] == '3' &&
				             b[k + 4] == 'm');
			if (i != 2)
				assert_true(b[k] < 0x80);
		}
		pty_free(p);
	}
}

static void test_refuses_to_start(void **state)
{
	static char dumb[] = "TERM=dumb", odd[] = "TERM=no-such-terminal";
	char *const terms[] = {dumb, odd};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *env[] = {server_env, home_env, terms[i], NULL};
		char *argv[] = {bin, NULL};
		struct ptyterm *p = pty_start(argv, env, 24, 80);
		int st = pty_end(p, SOON);
		assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 2);
		assert_true(pty_restored(p));
		pty_free(p);
	}
}

/* --- hostile names --- */

static const char *const nasty[] = {
    "\033[2Jgone",
    "\033]0;owned\007",
    "\033]52;c;ZXZpbA==\007",
    "a\rOK confirmed",
    "b\bc\b\b",
    "tab\tname",
    "new\nline",
    "\x9b"
    "2J",
    "\xc2\x9b"
    "2J",
    "\xe2\x80\xae"
    "gnp.exe",
    "\xe2\x81\xa6x\xe2\x81\xa9",
    "zero\xe2\x80\x8bwidth",
    "\xf3\xa0\x81\x81tag",
    "\xff\xfe\xfd",
    "\xc0\xaf",
    "\xed\xa0\x80",
    "=cmd|'/C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(1)",
    "\"quoted\",\"",
    "%s%n%d",
    "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
    "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\033P$q\033\\",
    "\033[6n",
    "\016\017",
};

#define N_NASTY   (sizeof(nasty) / sizeof(nasty[0]))
#define N_HOSTILE 515

static const char **hostile_names(void)
{
	const char **all = clv_calloc(N_HOSTILE, sizeof(*all));
	for (size_t i = 0; i < N_HOSTILE; i++) {
		char c1 = (char)(1 + i % 255), c2 = (char)(1 + i * 7 % 255);
		all[i] = i < N_NASTY ? clv_strdup(nasty[i])
		                     : clv_asprintf("%s%c%c%zu", nasty[i % N_NASTY], c1, c2, i);
	}
	return all;
}

/* Every escape the console writes is one of its own; no C1, no bidi, no zero width. */
static void check_bytes(const uint8_t *p, size_t len)
{
	static const uint8_t bad[][4] = {
	    {0xe2, 0x80, 0xae}, {0xe2, 0x80, 0x8b}, {0xe2, 0x81, 0xa6}, {0xf3, 0xa0, 0x81, 0x81}};
	static const size_t bad_len[] = {3, 3, 3, 4};
	for (size_t i = 0; i < len; i++) {
		if (p[i] == 0x1b && i + 1 < len)
			assert_non_null(strchr("[]()=>M78D", p[i + 1]));
		if (p[i] == 0x1b && i + 12 < len && p[i + 1] == ']')
			assert_memory_equal(p + i, "\033]2;claviger", 12);
		if (p[i] == 0x1b && i + 3 < len && p[i + 1] == '[') /* 6n, 2J of the first clear apart */
			assert_false(p[i + 2] == '6' && p[i + 3] == 'n');
		if (p[i] == 0xc2 && i + 1 < len)
			assert_true(p[i + 1] >= 0xa0);
		for (size_t k = 0; k < 4; k++)
			assert_false(i + bad_len[k] <= len && memcmp(p + i, bad[k], bad_len[k]) == 0);
	}
}

static void test_hostile(void **state)
{
	(void)state;
	const char **names = hostile_names();
	fake_server_stop(server);
	opts = (struct fake_opts){.path = sock,
	                          .n_agents = 3,
	                          .role = CLV_ROLE_ADMINISTRATOR,
	                          .hostile = names,
	                          .n_hostile = N_HOSTILE,
	                          .apart_ms = 60};
	server = fake_server_start(&opts);
	struct ptyterm *p = start_console("agents", NULL);
	assert_true(pty_wait(p, "518", SOON));
	for (int i = 0; i < 40; i++) {
		pty_keys(p, "\006");
		pty_pump(p, 10);
		if (i % 4 == 0) {
			/* there and back: ^F was done; a row that has not come is not opened */
			pty_keys(p, "?");
			assert_true(pty_wait(p, "Help", SOON));
			pty_keys(p, "q");
			assert_true(pty_wait_gone(p, "Help", SOON) && pty_wait_gone(p, "\n   …", SOON));
			pty_keys(p, "\r");
			assert_true(pty_wait(p, "Key id", SOON));
			assert_true(pty_row_of(p, "? help  q back") == 23);
			pty_keys(p, "q");
			assert_true(pty_wait(p, "NAME", SOON));
		}
		assert_int_equal(pty_row_of(p, "? help  q back"), 23);
		assert_int_equal(pty_row_of(p, "OMMG1 › rms1"), 0);
	}
	pty_keys(p, "0");
	assert_true(pty_wait(p, "Events", SOON));
	for (int i = 0; i < 40; i++) {
		pty_keys(p, "j");
		pty_pump(p, 5);
		assert_int_equal(pty_row_of(p, "OMMG1 › rms1"), 0);
	}
	size_t len;
	const uint8_t *bytes = pty_bytes(p, &len);
	check_bytes(bytes, len);
	pty_free(p);
	for (size_t i = 0; i < N_HOSTILE; i++)
		clv_free((char *)(uintptr_t)names[i]);
	clv_free(names);
}

static void find_program(const char *self)
{
	char path[400];
	const char *given = getenv("CLAVIGER_PROGRAM");
	snprintf(path, sizeof(path), "%s", self);
	for (int i = 0; i < 3; i++) { /* build/tests/views/test_pty: three up */
		char *slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	snprintf(bin, sizeof(bin), "%s/claviger", path);
	if (given != NULL)
		snprintf(bin, sizeof(bin), "%s/claviger", given); /* a folder, as tests/run names it */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_start_and_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_approve, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_filter_marks_rotate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rotate_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_typed_ahead, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_split_sequences, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resize_storm, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_server_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_signals_restore, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_roles, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_paste, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_still, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_poor_terminals, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refuses_to_start, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};
	(void)argc;
	find_program(argv[0]);
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	home_remove(dir);
	return rc;
}
