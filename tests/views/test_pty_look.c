/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real console in a pseudo terminal: completion, copy, write, ready filters, options, mouse, contexts,
 * console.conf and its refusals, restricted and plain, the audit trail, find, lines set aside, the screen
 * that was left; and no byte from any still screen.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/home.h"
#include "tests/lib/ptyterm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON 30000

static char dir[128], sock[160], server_env[200], bin[512], home_env[160];
static struct fake_opts opts;
static pid_t server;

static struct ptyterm *start(const char *a, const char *b, const char *extra)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8",
	            path[] = "PATH=/usr/bin:/bin";
	char *env[] = {server_env, home_env, term, locale, path, (char *)(uintptr_t)extra, NULL};
	char *argv[] = {bin, (char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL};
	return pty_start(argv, env, 24, 80);
}

static int setup(void **state)
{
	(void)state;
	opts =
	    (struct fake_opts){.path = sock, .n_agents = 37, .role = CLV_ROLE_ADMINISTRATOR, .step_ms = 150};
	server = fake_server_start(&opts);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_server_stop(server);
	server = 0;
	home_remove(dir);
	mkdir(dir, 0700);
	return 0;
}

static void conf(const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/.config", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/claviger", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/claviger/console.conf", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool wrote(struct ptyterm *p, const char *bytes)
{
	size_t len, n = strlen(bytes);
	const uint8_t *b = pty_bytes(p, &len);
	for (size_t i = 0; i + n <= len; i++) {
		if (memcmp(b + i, bytes, n) == 0)
			return true;
	}
	return false;
}

/* Esc until the text has gone. What is typed before a question could be seen is thrown away, an Esc too; and
 * the next key waits until the terminal's word for it has been read. */
static void peel(struct ptyterm *p, const char *text)
{
	for (int i = 0; i < 10 && pty_has(p, text); i++) {
		pty_keys(p, "\033");
		(void)pty_wait_gone(p, text, 2000);
	}
	assert_false(pty_has(p, text));
	pty_pump(p, 300);
}

static void test_command_line(void **state)
{
	(void)state;
	struct ptyterm *p = start(NULL, NULL, NULL);
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, ":pen\t");
	assert_true(pty_wait(p, ":pending", SOON));
	assert_true(pty_wait(p, "Changes nothing", SOON));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "4 wait", SOON));
	pty_keys(p, ":\033[A"); /* the one before */
	assert_true(pty_wait(p, ":pending", SOON));
	peel(p, "Tab completes");
	pty_keys(p, ":agents\r");
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, ":a\003"); /* ^C leaves */
	assert_true(pty_wait_gone(p, "Tab completes", SOON));
	pty_keys(p, "f2");
	assert_true(pty_wait(p, "/expires<30d", SOON));
	pty_keys(p, "f0");
	assert_true(pty_wait_gone(p, "/expires<30d", SOON));
	pty_free(p);
}

/* Only ours: a sequence that begins where it should, with the key in it and nothing foreign. */
static void test_copy(void **state)
{
	(void)state;
	struct ptyterm *p = start("agents", NULL, NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "yn");
	assert_true(pty_wait(p, "Copied the name", SOON));
	assert_true(wrote(p, "\033]52;c;YXBwMDEub3BzLnRlc3Q=\007")); /* app01.ops.test */
	pty_keys(p, "yk");
	assert_true(pty_wait(p, "Copied the key id, 47 characters", SOON));
	pty_keys(p, "yr");
	assert_true(pty_wait(p, "Copied the row", SOON));
	pty_keys(p, "yx"); /* another key leaves, and does nothing else */
	pty_pump(p, 100);
	assert_false(pty_has(p, "Remove"));
	pty_free(p);
	p = start("agents", NULL, "TMUX=/tmp/x,1,0");
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "yn");
	assert_true(pty_wait(p, "Copied the name", SOON));
	assert_true(wrote(p, "\033Ptmux;\033\033]52;c;YXBwMDEub3BzLnRlc3Q=\007\033\\"));
	pty_free(p);
}

static void test_write(void **state)
{
	char path[300], first[200];
	struct stat st;
	(void)state;
	struct ptyterm *p = start("agents", NULL, NULL);
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "w\025out.csv\r");
	assert_true(pty_wait(p, "Wrote 37 rows to", SOON));
	snprintf(path, sizeof(path), "%s/out.csv", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r");
	assert_non_null(fgets(first, sizeof(first), f));
	assert_memory_equal(first, "name,approval,contact,key_id", 28);
	fclose(f);
	pty_keys(p, "w\025out.csv\r");
	assert_true(pty_wait(p, "overwritten, take another", SOON));
	pty_keys(p, "w\025../out2.csv\r");
	assert_true(pty_wait(p, "without a folder", SOON));
	pty_keys(p, "w\025x.exe\r");
	assert_true(pty_wait(p, ".txt, .csv or .json", SOON));
	unlink(path);
	pty_keys(p, "\r"); /* a page is text */
	assert_true(pty_wait(p, "Key id", SOON));
	pty_keys(p, "w\025page.txt\r");
	assert_true(pty_wait(p, "lines to", SOON));
	snprintf(path, sizeof(path), "%s/page.txt", dir);
	assert_int_equal(unlink(path), 0);
	pty_free(p);
}

static void test_restricted(void **state)
{
	(void)state;
	conf("[console]\ntheme = no-such-theme\n"); /* is not read */
	char option[200];
	snprintf(option, sizeof(option), "-sunix:%s", sock); /* the environment is not asked */
	struct ptyterm *p = start("--restricted", option, NULL);
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, "2");
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "w");
	assert_true(pty_wait(p, "Not in restricted mode", SOON));
	pty_keys(p, "\032");
	pty_pump(p, 200);
	assert_true(pty_has(p, "app01"));
	pty_keys(p, ":contexts\r");
	assert_true(pty_wait(p, "Not in restricted mode: :contexts", SOON));
	pty_keys(p, ":quit\r");
	int st = pty_end(p, SOON);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	pty_free(p);
}

static void test_conf(void **state)
{
	static const char *const bad[][2] = {{"[keys]\nrotate = r\n", "console.conf:2: 'r'"},
	                                     {"[console]\ntheme = ocean\n", "no theme ocean"},
	                                     {"[context x]\nlabel = y\n", "has no server"}};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		conf(bad[i][0]);
		struct ptyterm *p = start("agents", NULL, NULL);
		int st = pty_end(p, SOON);
		assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 2);
		assert_true(wrote(p, bad[i][1]));
		assert_true(pty_restored(p));
		pty_free(p);
	}
	char *good = NULL;
	size_t len;
	FILE *f = open_memstream(&good, &len);
	fprintf(f,
	        "[keys]\nrotate = T\n[columns]\nagents = NAME STATE ENDS\n[context prod]\nserver = "
	        "unix:%s\nlabel = "
	        "production\n[context gone]\nserver = unix:%s.not-there\n",
	        sock, sock);
	fclose(f);
	conf(good);
	free(good);
	struct ptyterm *p = start("-sprod", "agents", NULL);
	assert_true(pty_wait(p, "OMMG1 (production)", SOON));
	assert_true(pty_wait(p, "T rotate", SOON));
	assert_false(pty_has(p, "LINK"));
	pty_keys(p, "R");
	pty_pump(p, 200);
	assert_false(pty_has(p, "Rotate the key"));
	pty_keys(p, "T");
	assert_true(pty_wait(p, "in OMMG1 (production)?", SOON));
	peel(p, "in OMMG1 (production)?");
	pty_keys(p, ":contexts\r");
	assert_true(pty_wait(p, "unix:", SOON));
	pty_keys(p, "j\r");
	assert_true(pty_wait(p, "Again in", SOON));
	assert_false(pty_has(p, "production"));
	pty_keys(p, ":ctx prod\r");
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_free(p);
}

static void test_state_comes_back(void **state)
{
	(void)state;
	struct ptyterm *p = start("agents expires<30d", NULL, NULL);
	assert_true(pty_wait(p, "/expires<30d", SOON));
	pty_keys(p, ":quit\r");
	(void)pty_end(p, SOON);
	pty_free(p);
	p = start(NULL, NULL, NULL);
	assert_true(pty_wait(p, "/expires<30d", SOON));
	pty_free(p);
}

/* ^O: through the places back, each with its filter and the row the cursor stood on, and then no further. */
static void test_places(void **state)
{
	int row, col;
	(void)state;
	struct ptyterm *p = start(NULL, NULL, NULL);
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, ":agents web\r");
	assert_true(pty_wait(p, "web01", SOON));
	pty_keys(p, "jj");
	pty_pump(p, 200);
	pty_cursor(p, &row, &col);
	assert_int_equal(row, 5);
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "Agent web03", SOON));
	pty_keys(p, "3");
	assert_true(pty_wait(p, "sql-reader", SOON));
	pty_keys(p, "1");
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "sql-reader", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "Agent web03", SOON));
	for (int i = 0; i < 20 && !pty_has(p, "Agent web02"); i++) { /* its list comes after it */
		pty_keys(p, ",");
		(void)pty_wait(p, "Agent web02", 300);
	}
	assert_true(pty_has(p, "Agent web02"));
	pty_keys(p, "q");
	assert_true(pty_wait(p, "/web", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "Agent web02", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "Agent web03", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "/web", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, "\017");
	assert_true(pty_wait(p, "There is no place before this one.", SOON));
	pty_free(p);
}

static void test_mouse_selects(void **state)
{
	int row, col;
	(void)state;
	struct ptyterm *p = start("agents", NULL, NULL);
	assert_true(pty_wait(p, "app01", SOON));
	assert_false(wrote(p, "\033[?1000h"));
	pty_keys(p, "oj ");
	assert_true(pty_wait(p, "on: selects, never acts", SOON));
	pty_keys(p, "q");
	assert_true(pty_wait(p, "app01", SOON));
	assert_true(wrote(p, "\033[?1000h\033[?1006h"));
	pty_keys(p,
	         "\033[<0;10;7M"); /* a press on the fourth row: the frame has two lines, the list a header */
	pty_pump(p, 200);
	pty_cursor(p, &row, &col);
	assert_int_equal(row, 6);
	pty_keys(p, "\033[<65;10;7M");
	pty_pump(p, 200);
	pty_cursor(p, &row, &col);
	assert_int_equal(row, 7);
	assert_true(pty_has(p, "NAME"));
	pty_keys(p, ":quit\r");
	(void)pty_end(p, SOON);
	assert_true(wrote(p, "\033[?1000l\033[?1006l"));
	assert_true(pty_restored(p));
	pty_free(p);
}

static void test_plain(void **state)
{
	int row, col;
	(void)state;
	struct ptyterm *p = start("--plain", "agent web01", NULL);
	assert_true(pty_wait(p, "gen 1", SOON));
	pty_keys(p, "R");
	assert_true(pty_wait(p, "Rotate the key of web01", SOON));
	pty_pump(p, 200);
	pty_keys(p, "y");
	assert_true(pty_wait(p, "change", SOON)); /* what came by itself waits */
	assert_false(pty_has(p, "gen 2  made"));
	pty_pump(p, 600);
	pty_keys(p, "r");
	assert_true(pty_wait(p, "gen 2  made", SOON));
	pty_keys(p, ":agents\r");
	assert_true(pty_wait(p, "app01", SOON));
	pty_keys(p, "j");
	pty_pump(p, 200);
	pty_cursor(p, &row, &col);
	assert_int_equal(row, 4);
	assert_false(wrote(p, "\033[7m"));
	pty_free(p);
}

static void test_audit_find_aside(void **state)
{
	(void)state;
	struct ptyterm *p = start("audit", NULL, NULL);
	assert_true(pty_wait(p, "eve@OPS.TEST", SOON));
	pty_keys(p, "V");
	assert_true(pty_wait(p, "whole, rows 1 to 18204", SOON));
	pty_keys(p, "8");
	assert_true(pty_wait(p, "account password", SOON));
	pty_keys(p, "1");
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, "/4A A8 71\r");
	assert_true(pty_wait(p, "generation 3, confirmed", SOON));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "Agent web01", SOON));
	pty_keys(p, "1/nothing\r");
	assert_true(pty_wait(p, "Nothing known begins", SOON)); /* message 19 */
	pty_keys(p, "q");
	assert_true(pty_wait(p, "2 things need a person", SOON));
	pty_keys(p, "jD");
	assert_true(pty_wait(p, "Set aside in OMMG1: 3 nodes wait", SOON));
	pty_pump(p, 300);
	pty_keys(p, "soon\r");
	assert_true(pty_wait(p, "First until when", SOON));
	pty_keys(p, "\025"
	            "14d\r");
	assert_true(pty_wait(p, "A reason is needed", SOON));
	pty_keys(p, " waits for the CA\r");
	assert_true(pty_wait(p, "1 thing needs a person", SOON));
	assert_true(pty_wait(p, "waits for the CA", SOON));
	pty_free(p);
}

static void test_every_screen_is_still(void **state)
{
	static const char *const screens[] = {"overview", "agents",  "agent web01", "accounts", "pending",
	                                      "events",   "audit",   "expiry",      "find web", "profiles",
	                                      "groups",   "recover", "help",        "contexts"};
	size_t before, after;
	(void)state;
	struct ptyterm *p = start("overview", NULL, NULL);
	assert_true(pty_wait(p, "2 things need a person", SOON));
	for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
		char line[64];
		snprintf(line, sizeof(line), ":%s\r", screens[i]);
		pty_keys(p, line);
		pty_pump(p, 900);
		assert_true(pty_has(p, "? help") || i == 12);
		pty_bytes(p, &before);
		pty_pump(p, 1100);
		pty_bytes(p, &after);
		if (before != after)
			fail_msg("%s wrote %zu bytes while nothing happened", screens[i], after - before);
	}
	pty_free(p);
}

/* A thousand sizes, most of them odd; then the screen is as if nothing had been. */
static void test_thousand_sizes(void **state)
{
	unsigned seed = 815;
	(void)state;
	struct ptyterm *p = start("agents", NULL, NULL);
	assert_true(pty_wait(p, "app01", SOON));
	for (int i = 0; i < 1000; i++) {
		seed = seed * 1103515245u + 12345u;
		pty_resize(p, 5 + (int)(seed >> 16) % 96, 20 + (int)(seed >> 8) % 281);
		if (i % 100 == 0) {
			static const char *const screens[] = {":audit\r", ":expiry\r",  ":overview\r", "o",
			                                      "q",        ":pending\r", "y",           "x",
			                                      ":help\r",  ":agents\r"};
			pty_keys(p, screens[i / 100]);
		}
		pty_pump(p, 1);
	}
	pty_resize(p, 24, 80);
	assert_true(pty_wait(p, "? help  q back", SOON));
	assert_true(pty_wait(p, "app01", SOON));
	/* The last of a thousand sizes may still be on its way. */
	for (int i = 0;
	     i < 100 && (pty_row_of(p, "? help  q back") != 23 || pty_row_of(p, "OMMG1 › rms1") != 0); i++)
		pty_pump(p, 100);
	assert_int_equal(pty_row_of(p, "? help  q back"), 23);
	assert_int_equal(pty_row_of(p, "OMMG1 › rms1"), 0);
	pty_free(p);
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
	snprintf(bin, sizeof(bin), "%s/claviger", given != NULL ? given : path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_command_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_write, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restricted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_conf, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_state_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_places, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_mouse_selects, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_audit_find_aside, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_thousand_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_screen_is_still, setup, teardown),
	};
	(void)argc;
	find_program(argv[0]);
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s.s", dir);
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	home_remove(dir);
	return rc;
}
