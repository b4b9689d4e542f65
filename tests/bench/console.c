/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the console feels, measured in a pseudo terminal with an emulator: first paint, time and
 * bytes for each kind of key, on any server.
 *   console CLAVIGER SERVER [ROUNDS]
 *   console --beside PROGRAM ARGUMENT...     the same keys to another program
 * CLAVIGER is the program, SERVER what -s takes. "last byte" is when the terminal has got all that
 * a key caused; a push that happens to fall into it counts too.
 */
#include "tests/lib/ptyterm.h"

#include "base/clock.h"
#include "claviger/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUIET_MS 40

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct sample {
	double ms;
	size_t bytes;
};

/* One key: from its writing to the last byte that follows, silence excluded. */
static struct sample press(struct ptyterm *p, const char *key)
{
	size_t before, last, n;
	double from = now_ms(), at = from;
	pty_bytes(p, &before);
	last = before;
	pty_keys(p, key);
	for (;;) {
		pty_read(p, QUIET_MS);
		pty_bytes(p, &n);
		if (n == last)
			break;
		last = n;
		at = now_ms();
	}
	return (struct sample){at - from, last - before};
}

static int by_ms(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

static int by_bytes(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void row(struct ptyterm *p, const char *what, const char *key, const char *other, int rounds)
{
	struct sample *s = clv_calloc((size_t)rounds, sizeof(*s));
	for (int i = 0; i < rounds; i++)
		s[i] = press(p, i % 2 == 0 ? key : other);
	qsort(s, (size_t)rounds, sizeof(*s), by_ms);
	double p50 = s[rounds / 2].ms, p95 = s[rounds * 95 / 100].ms, max = s[rounds - 1].ms;
	qsort(s, (size_t)rounds, sizeof(*s), by_bytes);
	printf("%-28s %8.2f %8.2f %8.2f %8zu %8zu\n", what, p50, p95, max, s[rounds / 2].bytes,
	       s[rounds - 1].bytes);
	fflush(stdout);
	clv_free(s);
}

/* "37" of "37 of 1204" in line 2; "" where there is none, and while "…" says that it is on its way */
static void counts(struct ptyterm *p, char out[32])
{
	const char *line = strchr(pty_screen(p), '\n'), *end = line ? strchr(line + 1, '\n') : NULL;
	const char *of = line ? strstr(line + 1, " of ") : NULL;
	size_t n = 0;

	if (of && end && of < end)
		for (const char *s = of;
		     s > line + 1 && n < 15 && strchr(" 0123456789\xe2\x80\xaf\xc2\xa0", s[-1]); s--)
			n++;
	(void)snprintf(out, 32, "%.*s", (int)n, of ? of - n : "");
}

/* A letter of a filter: until other counts stand in line 2. */
static double letter(struct ptyterm *p, const char *key)
{
	char before[32], after[32];
	double from;

	counts(p, before);
	from = now_ms();
	pty_keys(p, key);
	do {
		pty_read(p, 2);
		counts(p, after);
	} while ((after[0] == '\0' || strcmp(before, after) == 0) && now_ms() - from < 5000);
	return now_ms() - from;
}

/* Digits typed and taken back, each of which changes what is found. */
static void filter_row(struct ptyterm *p)
{
	static const char *const keys[] = {"1", "2", "3", "4", "\177", "\177", "\177"};
	enum { N = sizeof keys / sizeof keys[0], ROUNDS = 6 };
	struct sample s[N * ROUNDS];

	pty_keys(p, "/");
	pty_pump(p, 300);
	(void)letter(p, "9"); /* so that something is filtered from the first one on */
	(void)letter(p, "\177");
	for (int i = 0; i < N * ROUNDS; i++) {
		if (i % N == 0 && i)
			(void)letter(p, "\177");
		s[i] = (struct sample){letter(p, keys[i % N]), 0};
		pty_pump(p, 60);
	}
	qsort(s, N * ROUNDS, sizeof s[0], by_ms);
	printf("%-28s %8.2f %8.2f %8.2f   until the new counts stand there\n", "/  a letter of a filter",
	       s[N * ROUNDS / 2].ms, s[N * ROUNDS * 95 / 100].ms, s[N * ROUNDS - 1].ms);
	pty_keys(p, "\033");
	pty_pump(p, 700);
}

static void memory_of(const struct ptyterm *p)
{
	char path[64], line[128];
	long kb = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pty_pid(p));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		(void)fclose(f);
	printf("memory of the console: %.1f MiB\n", (double)kb / 1024);
}

static struct ptyterm *start_any(char **argv)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8";
	char *env[] = {term, locale, NULL};
	return pty_start(argv, env, 24, 80);
}

/* Another program on the same rows: keys that pagers and pickers know too. */
static int beside(char **argv)
{
	struct ptyterm *p = start_any(argv);
	pty_pump(p, 1500);
	row(p, "j  down a row", "j", "j", 50);
	row(p, "^F a page", "\006", "\006", 50);
	row(p, "G g the ends", "G", "g", 40);
	pty_free(p);
	return 0;
}

static struct ptyterm *start(const char *bin, const char *server, const char *view)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8";
	char *home = clv_asprintf("HOME=%s", getenv("HOME") != NULL ? getenv("HOME") : "/");
	char *env[] = {term, locale, home, NULL};
	char *argv[] = {(char *)(uintptr_t)bin, (char *)(uintptr_t) "-s", (char *)(uintptr_t)server,
	                (char *)(uintptr_t)view, NULL};
	struct ptyterm *p = pty_start(argv, env, 24, 80);
	clv_free(home);
	return p;
}

static void first_paint(const char *bin, const char *server)
{
	double paint[9], data[9];
	for (int i = 0; i < 9; i++) {
		double from = now_ms();
		struct ptyterm *p = start(bin, server, "agents");
		size_t n = 0;
		while (n == 0 && now_ms() - from < 5000) {
			pty_read(p, 100);
			pty_bytes(p, &n);
		}
		while (!pty_has(p, "q back") && now_ms() - from < 5000)
			pty_read(p, 5);
		paint[i] = now_ms() - from;
		while (!pty_has(p, "live") && now_ms() - from < 10000)
			pty_read(p, 5);
		data[i] = now_ms() - from;
		pty_free(p);
	}
	for (int i = 1; i < 9; i++) {
		for (int k = i; k > 0 && paint[k] < paint[k - 1]; k--) {
			double t = paint[k];
			paint[k] = paint[k - 1];
			paint[k - 1] = t;
			t = data[k];
			data[k] = data[k - 1];
			data[k - 1] = t;
		}
	}
	printf("first paint %.1f ms, with rows %.1f ms (medians of 9 starts)\n", paint[4], data[4]);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "--beside") == 0)
		return beside(argv + 2);
	if (argc < 3) {
		fprintf(stderr, "usage: console CLAVIGER SERVER [ROUNDS]\n");
		return 2;
	}
	int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100;
	if (rounds < 20)
		rounds = 20;
	first_paint(argv[1], argv[2]);
	struct ptyterm *p = start(argv[1], argv[2], "agents");
	if (!pty_wait(p, "live", 20000))
		return 1;
	pty_pump(p, 300);
	printf("%-28s %8s %8s %8s %8s %8s\n", "key to last byte", "p50 ms", "p95 ms", "max ms", "bytes50",
	       "bytesmax");
	row(p, "j  down a row", "j", "j", rounds);
	row(p, "^F a page", "\006", "\006", rounds);
	row(p, "G g the ends", "G", "g", 40);
	row(p, "s  sort", "s", "s", 20);
	filter_row(p);
	memory_of(p);
	row(p, "? q help and back", "?", "q", 20);
	pty_free(p);
	return 0;
}
