/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens: a screen from drawn facts at three sizes, in ASCII and in mono, compared with its file.
 * With GOLDEN_WRITE=1 the files are written anew; look at them before they are committed.
 */
#ifndef TESTS_VIEWS_GOLDEN_FIXTURE_H
#define TESTS_VIEWS_GOLDEN_FIXTURE_H

#include "console/app.h"
#include "console/theme.h"
#include "tests/lib/drawn_look.h"
#include "tests/lib/drawn_runas.h"
#include "tests/lib/memcanvas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "tests/data/golden"

static const struct {
	int cols, rows;
} sizes[] = {{80, 24}, {40, 10}, {200, 50}};

static inline struct app *app_new(enum clv_role role)
{
	struct clv_target t = {.server = "unix:/nowhere"};
	struct clv_err err;
	struct app *a = clv_calloc(1, sizeof(*a));
	a->s = clv_session_new(&t, &err);
	assert_non_null(a->s);
	a->who = drawn_whoami();
	a->who->role = role;
	a->ctx.role = role;
	a->ctx.group = a->who->group;
	a->ctx.server = a->who->server;
	a->ctx.principal = a->who->principal;
	a->ctx.channel = a->who->channel;
	a->ctx.fresh = FRESH_LIVE;
	a->was_open = true;
	snprintf(a->domain, sizeof(a->domain), ".ops.test");
	a->stack[a->depth++] = view_overview_open();
	return a;
}

static inline void app_done(struct app *a)
{
	question_end(a);
	runas_release(&a->runas);
	entry_release(&a->e);
	while (a->depth > 0)
		view_close(a->stack[--a->depth]);
	places_release(a);
	facts_whoami_free(a->who);
	clv_session_free(a->s);
	clv_free(a);
}

static inline struct list *give_rows(struct app *a, enum clv_list kind, void *facts, size_t n, uint64_t total)
{
	struct view *v = app_top(a);
	struct want w;
	struct clv_reply r = {
	    .kind = CLV_REPLY_LIST,
	    .rows = {.list = kind, .n = n, .matched = n, .total = total, .time = DRAWN_NOW}};
	r.rows.u.agents = facts;
	v->ask = false;
	v->ops->want(v, &w);
	v->ops->take(v, &r);
	return list_of(v);
}

static inline char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return NULL;
	char *s = clv_calloc(1, 400000);
	size_t n = fread(s, 1, 399999, f);
	s[n] = '\0';
	fclose(f);
	return s;
}

/* The screen drawn on m, as it is now. */
static inline void drawn_on(struct app *a, struct memcanvas *m, int cols, int rows, bool ascii)
{
	struct canvas c;
	int64_t wall = app_wall_ms();
	/* twice: the first drawing tells a list how many rows are in sight */
	for (int i = 0; i < 2; i++) {
		memcanvas_init(m, &c, rows, cols);
		c.ascii = ascii;
		a->skew_ms = DRAWN_NOW - wall;
		app_draw(a, &c);
	}
	assert_int_equal(m->outside, 0);
}

/* Takes text. */
static inline void compare_text(char *text, const char *name, int cols, int rows)
{
	char *path = clv_asprintf("%s/%s.%dx%d.txt", GOLDEN, name, cols, rows);
	if (getenv("GOLDEN_WRITE") != NULL) {
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	char *want = read_file(path);
	if (want == NULL || strcmp(want, text) != 0) {
		print_message("--- %s wanted\n%s--- got\n%s", path, want != NULL ? want : "(no file)\n",
		              text);
		fail();
	}
	clv_free(want);
	clv_free(text);
	clv_free(path);
}

static inline void compare(struct app *a, const char *name, int cols, int rows)
{
	static struct memcanvas m;
	drawn_on(a, &m, cols, rows, false);
	compare_text(memcanvas_text(&m, true), name, cols, rows);
}

/* As a terminal with ASCII alone shows it; nothing of it may need more. */
static inline void in_ascii(struct app *a, const char *name)
{
	static struct memcanvas m;
	drawn_on(a, &m, 80, 24, true);
	char *text = memcanvas_text(&m, true), *file = clv_asprintf("ascii-%s", name);
	for (const char *p = text; *p != '\0'; p++)
		assert_true((unsigned char)*p < 0x80);
	compare_text(text, file, 80, 24);
	clv_free(file);
}

/* What the theme mono makes of one cell: b bold, d dim, u underlined, r reversed; capitals where it is bold
 * too. */
static inline char mono_mark(const struct theme *t, unsigned ink)
{
	unsigned attrs = t->ink[ink & INK_MASK].attrs;
	bool bold = (attrs & THEME_BOLD) != 0 || (ink & INK_BOLD) != 0;
	if ((attrs & THEME_REVERSE) != 0 || (ink & INK_REVERSE) != 0)
		return bold ? 'R' : 'r';
	if ((attrs & THEME_UNDERLINE) != 0)
		return bold ? 'U' : 'u';
	if ((attrs & THEME_DIM) != 0)
		return bold ? 'D' : 'd';
	return bold ? 'b' : ' ';
}

/* Without colour: under each line what is bold, dim, underlined and reversed in it, after a "|". */
static inline void in_mono(struct app *a, const char *name)
{
	static struct memcanvas m;
	struct theme t;
	size_t n = 0, size = 80 * 24 * 40;
	assert_true(theme_builtin("mono", &t));
	drawn_on(a, &m, 80, 24, false);
	char *text = memcanvas_text(&m, false), *file = clv_asprintf("mono-%s", name), *line = text;
	char *out = clv_calloc(1, size);
	for (int y = 0; y < m.rows; y++) {
		char marks[MEM_COLS_MAX + 1];
		int end = 0;
		size_t len = strcspn(line, "\n");
		for (int x = 0; x < m.cols; x++) {
			marks[x] = m.at[y][x].text[0] == ' ' && (m.at[y][x].ink & INK_REVERSE) == 0
			               ? ' '
			               : mono_mark(&t, m.at[y][x].ink);
			end = marks[x] != ' ' ? x + 1 : end;
		}
		marks[end] = '\0';
		n += (size_t)snprintf(out + n, size - n, " %.*s\n", (int)len, line);
		if (end > 0)
			n += (size_t)snprintf(out + n, size - n, "|%s\n", marks);
		line += len + 1;
	}
	compare_text(out, file, 80, 24);
	clv_free(file);
	clv_free(text);
}

static inline void all_sizes(struct app *a, const char *name)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		compare(a, name, sizes[i].cols, sizes[i].rows);
	in_ascii(a, name);
	in_mono(a, name);
}

static inline struct app *on_account(struct clv_account_detail *d)
{
	struct app *a = app_new(CLV_ROLE_CREDENTIAL_MANAGER);
	struct clv_reply r = {.kind = CLV_REPLY_ACCOUNT, .account = d};
	app_push(a, view_account_open("sql-reader"));
	app_top(a)->ops->take(app_top(a), &r);
	return a;
}

static inline struct app *on_entry(enum clv_account_type type, bool privacy)
{
	struct clv_err err;
	struct app *a = on_account(drawn_account());
	a->mode = MODE_ENTRY;
	a->e = (struct entry){.state = ENTRY_TYPING,
	                      .type = type,
	                      .privacy = privacy,
	                      .n_fields = type == CLV_ACCOUNT_BINARY ? 1
	                                  : privacy                  ? 4
	                                                             : 2,
	                      .intake = drawn_intake()};
	snprintf(a->e.account, sizeof(a->e.account), "sql-reader");
	for (size_t i = 0; i < a->e.n_fields; i++) {
		a->e.field[i] = secret_new(ENTRY_TYPED, &err);
		assert_non_null(a->e.field[i]);
	}
	return a;
}

static inline void type(struct app *a, unsigned i, const char *s)
{
	struct clv_err err;
	secret_clear(a->e.field[i]);
	assert_int_equal(secret_append(a->e.field[i], s, strlen(s), &err), CLV_OK);
	a->e.at = i;
}

/* Every screen at every size down to one cell: nothing is drawn outside, nothing crashes. */
static inline void every_size(struct app *a)
{
	static struct memcanvas m;
	struct canvas c;
	for (int cols = 1; cols <= 210; cols += cols < 90 ? 1 : 7) {
		for (int rows = 1; rows <= 60; rows += rows < 26 ? 1 : 9) {
			memcanvas_init(&m, &c, rows, cols);
			app_draw(a, &c);
			assert_int_equal(m.outside, 0);
		}
	}
}

#endif
