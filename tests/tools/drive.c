/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operator for scenario scripts: runs the console in a pseudo terminal and follows a script.
 *   drive CLAVIGER SERVER [VIEW] < SCRIPT
 *   drive -- PROGRAM [WORD...] < SCRIPT         any program
 * Lines: key TEXT (\r \e \s \t are Enter, Esc, blank, Tab) · wait TEXT · gone TEXT · not TEXT · has TEXT ·
 * say TEXT (on stdout) · ends STATUS (and the terminal is as before) · size COLS ROWS · settle (500 ms, until
 * a question has been seen) · # comment. The first line that does not come true ends it with 1 and the
 * screen.
 */
#include "tests/lib/ptyterm.h"

#include "claviger/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LIMIT_MS 60000

static void send_keys(struct ptyterm *p, const char *s)
{
	for (; *s != '\0'; s++) {
		char c = *s;
		if (c == '\\' && s[1] != '\0') {
			s++;
			c = *s == 'r' ? '\r' : *s == 'e' ? '\033' : *s == 's' ? ' ' : *s == 't' ? '\t' : *s;
		}
		pty_send(p, &c, 1);
	}
}

static bool follow(struct ptyterm *p, const char *verb, const char *text)
{
	int cols, rows;
	if (strcmp(verb, "key") == 0)
		send_keys(p, text);
	else if (strcmp(verb, "wait") == 0)
		return pty_wait(p, text, LIMIT_MS);
	else if (strcmp(verb, "gone") == 0)
		return pty_wait_gone(p, text, LIMIT_MS);
	else if (strcmp(verb, "has") == 0)
		return pty_has(p, text);
	else if (strcmp(verb, "not") == 0)
		return !pty_has(p, text);
	else if (strcmp(verb, "say") == 0)
		return printf("%s\n", text) > 0 && fflush(stdout) == 0;
	else if (strcmp(verb, "ends") == 0) {
		int status = pty_end(p, LIMIT_MS);
		int as_shell = WIFEXITED(status)     ? WEXITSTATUS(status)
		               : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
		                                     : -1;
		return as_shell == (int)strtol(text, NULL, 10) && pty_restored(p);
	} else if (strcmp(verb, "settle") == 0)
		pty_pump(p, 500);
	else if (strcmp(verb, "size") == 0 && sscanf(text, "%d %d", &cols, &rows) == 2)
		pty_resize(p, rows, cols);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8", option[] = "-s";
	char line[512], *env[4] = {term, locale, NULL, NULL};
	bool any = argc > 2 && strcmp(argv[1], "--") == 0;
	if (argc < 3) {
		fprintf(stderr,
		        "usage: drive CLAVIGER SERVER [VIEW] < SCRIPT, or drive -- PROGRAM [WORD...]\n");
		return 2;
	}
	env[2] = clv_asprintf("HOME=%s", getenv("HOME") != NULL ? getenv("HOME") : "/");
	char *args[] = {argv[1], option, argv[2], argc > 3 ? argv[3] : NULL, NULL};
	struct ptyterm *p = pty_start(any ? argv + 2 : args, env, 24, 80);
	int n = 0, code = 0;
	while (code == 0 && fgets(line, sizeof(line), stdin) != NULL) {
		n++;
		line[strcspn(line, "\n")] = '\0';
		char *text = line + strcspn(line, " ");
		if (*text == ' ')
			*text++ = '\0';
		if (line[0] == '\0' || line[0] == '#' || follow(p, line, text))
			continue;
		fprintf(stderr, "drive: line %d: %s %s\n%s", n, line, text, pty_screen(p));
		code = 1;
	}
	pty_free(p);
	clv_free(env[2]);
	return code;
}
