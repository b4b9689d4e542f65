/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --plain, read aloud: what the console writes in a whole session, in the order in which it writes it, is the
 * text of tests/data/plain-session.txt. A move of the cursor begins a new line; what only changes looks is
 * left out, as a screen reader leaves it out; dates, times and durations are masked. GOLDEN_WRITE=1 writes
 * the file anew; read it aloud before it is committed.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/home.h"
#include "tests/lib/ptyterm.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON 30000
#define TEXT "tests/data/plain-session.txt"

static char dir[128], sock[160], bin[512];
static char *said; /* the session so far */
static size_t n_said;

/* What a person does, the sign that it is done, and where the cursor then stands: the line that is read. */
static const struct {
	const char *name, *keys, *sign;
} steps[] = {
    {"^L: the whole screen", "\014", "2 things need a person"},
    {"7: who waits", "7", "4 wait"},
    {"j: the next one", "j", NULL},
    {"2: agents", "2", "app01"},
    {"j: the next one", "j", NULL},
    {"/ and a filter", "/state:stored\r", "/state:stored"},
    {"Esc: all again", "\033", "37"},
    {"Enter: one agent", "\r", "SHA-256"},
    {"R: a question", "R", "y/N"},
    {"n: no", "n", "Nothing was done"},
    {"q: back", "q", "NAME"},
    {"1: overview", "1", "2 things need a person"},
    {"?: help", "?", "Help"},
    {"q: back", "q", "2 things need a person"},
};

static void say(char c)
{
	if (c == '\n' && n_said > 0 && said[n_said - 1] == '\n')
		return;
	if (c == ' ' && (n_said == 0 || said[n_said - 1] == ' ' || said[n_said - 1] == '\n'))
		return;
	said[n_said++] = c;
}

/* Digits of a date, a time of day or a duration differ from run to run; all other numbers are facts. */
static void mask(char *s)
{
	for (char *p = s; *p != '\0'; p++) {
		bool time = isdigit((unsigned char)p[0]) && p[1] != '\0' &&
		            ((p[1] == ':' && isdigit((unsigned char)p[2])) ||
		             (isdigit((unsigned char)p[1]) && p[2] == ':' && isdigit((unsigned char)p[3])));
		bool date = strncmp(p, "20", 2) == 0 && strlen(p) >= 10 && p[4] == '-' && p[7] == '-';
		if (date)
			memcpy(p, "YYYY-MM-DD", 10);
		else if (time)
			while (isdigit((unsigned char)*p) || *p == ':')
				*p++ = 'T';
		if (*p == '\0')
			break;
	}
}

static int at_row;

/* Within a row a move is a blank, to another one it is a new line. */
static void go_row(int row)
{
	say(row == at_row ? ' ' : '\n');
	at_row = row;
}

/* A control sequence from its first parameter on; returns the place of its last byte. */
static size_t sequence(const uint8_t *b, size_t n, size_t i)
{
	int arg = 0;
	bool first = true;
	for (; i < n && (b[i] < 0x40 || b[i] > 0x7e); i++) {
		first = first && b[i] != ';';
		if (first && isdigit(b[i]))
			arg = arg * 10 + b[i] - '0';
	}
	if (i >= n)
		return i;
	switch (b[i]) {
	case 'H':
	case 'd':
		go_row(arg > 0 ? arg - 1 : 0);
		break;
	case 'A':
	case 'B':
		go_row(at_row + (b[i] == 'A' ? -1 : 1) * (arg > 0 ? arg : 1));
		break;
	case 'C':
	case 'D':
	case 'G':
	case 'X':
		say(' ');
		break;
	default:
		break;
	}
	return i;
}

/* One piece of output as text. */
static void read_aloud(const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b[i] == 033 && i + 1 < n && b[i + 1] == '[')
			i = sequence(b, n, i + 2);
		else if (b[i] == 033 && i + 1 < n && b[i + 1] == ']') {
			while (i < n && b[i] != 7)
				i++;
		} else if (b[i] == 033)
			i += i + 1 < n && strchr("()", b[i + 1]) != NULL ? 2 : 1;
		else if (b[i] == '\n')
			go_row(at_row + 1);
		else if (b[i] == '\b')
			say(' ');
		else if (b[i] >= 0x20)
			say((char)b[i]);
	}
	say('\n');
}

static char *row_text(struct ptyterm *p)
{
	int row, col;
	pty_cursor(p, &row, &col);
	const char *s = pty_screen(p);
	for (; row > 0 && strchr(s, '\n') != NULL; row--)
		s = strchr(s, '\n') + 1;
	static char line[1000];
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(s, "\n"), s);
	for (size_t n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
	return line;
}

/* Until nothing has come for a while: a turn of the loop after the sign may still write. */
static void calm(struct ptyterm *p)
{
	size_t before, now;
	for (int i = 0; i < 40; i++) {
		(void)pty_bytes(p, &before);
		pty_pump(p, 500);
		(void)pty_bytes(p, &now);
		if (now == before)
			return;
	}
}

static void test_session(void **state)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8",
	            path[] = "PATH=/usr/bin:/bin", zone[] = "TZ=UTC", server_env[200], home_env[200];
	struct fake_opts opts = {
	    .path = sock, .n_agents = 37, .role = CLV_ROLE_ADMINISTRATOR, .step_ms = 600000};
	(void)state;
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	char *env[] = {server_env, home_env, term, locale, path, zone, NULL};
	static char plain[] = "--plain", view[] = "overview";
	char *argv[] = {bin, plain, view, NULL};
	pid_t server = fake_server_start(&opts);
	struct ptyterm *p = pty_start(argv, env, 24, 80);
	size_t from, upto;
	said = calloc(1, 1 << 20);
	assert_true(pty_wait(p, steps[0].sign, SOON)); /* what came before the line was there may differ */
	calm(p);
	(void)pty_bytes(p, &from);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		pty_keys(p, steps[i].keys);
		if (steps[i].sign != NULL && !pty_wait(p, steps[i].sign, SOON))
			fail_msg("%s: %s is not on the screen\n%s", steps[i].name, steps[i].sign,
			         pty_screen(p));
		calm(p);
		const uint8_t *b = pty_bytes(p, &upto);
		n_said += (size_t)sprintf(said + n_said, "--- %s\n", steps[i].name);
		read_aloud(b + from, upto - from);
		n_said += (size_t)sprintf(said + n_said, "[cursor: %s]\n", row_text(p));
		from = upto;
		assert_true(n_said < (1 << 20) - 40000);
	}
	pty_keys(p, ":quit\r");
	(void)pty_end(p, SOON);
	pty_free(p);
	fake_server_stop(server);
	mask(said);
}

/* No bars, boxes or blocks, no reversed row: nothing that is only a picture. */
static void test_words(void **state)
{
	(void)state;
	assert_non_null(said);
	for (const char *s = said; (s = strstr(s, "\xe2\x96")) != NULL; s++)
		fail_msg("a picture in: %.60s", s);
	assert_null(strstr(said, "\xe2\x94"));
	assert_null(strstr(said, "\xe2\x95"));
}

static void test_same_text(void **state)
{
	(void)state;
	if (getenv("GOLDEN_WRITE") != NULL) {
		FILE *f = fopen(TEXT, "w");
		assert_non_null(f);
		fputs(said, f);
		fclose(f);
	}
	char *want = calloc(1, 1 << 20);
	FILE *f = fopen(TEXT, "r");
	assert_non_null(f);
	size_t n = fread(want, 1, (1 << 20) - 1, f);
	fclose(f);
	want[n] = '\0';
	if (strcmp(want, said) != 0) {
		size_t at = 0;
		while (want[at] == said[at])
			at++;
		while (at > 0 && want[at - 1] != '\n')
			at--;
		fail_msg("first difference:\n--- wanted\n%.400s\n--- got\n%.400s", want + at, said + at);
	}
	free(want);
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_session), cmocka_unit_test(test_words),
	                                   cmocka_unit_test(test_same_text)};
	(void)argc;
	find_program(argv[0]);
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s.s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	home_remove(dir);
	return rc;
}
