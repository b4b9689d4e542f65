/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens: each due drawing of design 7 from its own data, at 80x24, 40x10 and 200x50. With
 * GOLDEN_WRITE=1 the files are written anew; look at them before they are committed.
 */
#include "console/app.h"
#include "tests/lib/drawn.h"
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

static struct app *app_new(enum clv_role role)
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

static void app_done(struct app *a)
{
	question_end(a);
	while (a->depth > 0)
		view_close(a->stack[--a->depth]);
	facts_whoami_free(a->who);
	clv_session_free(a->s);
	clv_free(a);
}

static struct list *give_rows(struct app *a, enum clv_list kind, void *facts, size_t n, uint64_t total)
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

static char *read_file(const char *path)
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

static void compare(struct app *a, const char *name, int cols, int rows)
{
	static struct memcanvas m;
	struct canvas c;
	char path[300];
	int64_t wall = app_wall_ms();
	/* twice: the first drawing tells a list how many rows are in sight */
	for (int i = 0; i < 2; i++) {
		memcanvas_init(&m, &c, rows, cols);
		a->skew_ms = DRAWN_NOW - wall;
		app_draw(a, &c);
	}
	assert_int_equal(m.outside, 0);
	char *text = memcanvas_text(&m, true);
	snprintf(path, sizeof(path), "%s/%s.%dx%d.txt", GOLDEN, name, cols, rows);
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
}

static void all_sizes(struct app *a, const char *name)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		compare(a, name, sizes[i].cols, sizes[i].rows);
}

static void overview_with(struct clv_overview_fact *o, const char *name)
{
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	struct clv_reply r = {.kind = CLV_REPLY_OVERVIEW, .overview = o};
	app_top(a)->ops->take(app_top(a), &r);
	all_sizes(a, name);
	app_done(a);
}

static void test_overview(void **state)
{
	(void)state;
	overview_with(drawn_overview(), "overview");
	overview_with(drawn_all_well(), "overview-well");
	overview_with(drawn_first_run(), "first-run");
}

static void test_overview_asking(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	all_sizes(a, "overview-asking");
	app_done(a);
}

/* "37 of 1204   2 marked, 1 hidden", as drawn. */
static struct list *open_agents(struct app *a, size_t n)
{
	app_push(a, view_agents_open("expires<30d"));
	struct list *l = list_of(app_top(a));
	l->sort = "not_after";
	l->col = 2;
	list_mark_toggle(l, "app02.ops.test");
	list_mark_toggle(l, "hidden.ops.test");
	return give_rows(a, CLV_LIST_AGENTS, drawn_agents(n), n, 1204);
}

static void test_agents(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_ADMINISTRATOR);
	open_agents(a, 37);
	all_sizes(a, "agents");
	a->ctx.thumb = THUMB_SHA256;
	all_sizes(a, "agents-sha256");
	a->ctx.thumb = THUMB_KEY_ID;
	a->ctx.fresh = FRESH_STALE;
	a->stale_since_ms = DRAWN_NOW - 34000;
	all_sizes(a, "agents-stale");
	app_done(a);
}

static void test_agents_empty(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	app_push(a, view_agents_open("expires<7d state:refused"));
	give_rows(a, CLV_LIST_AGENTS, clv_calloc(1, sizeof(struct clv_agent_fact)), 0, 1204);
	all_sizes(a, "agents-empty");
	app_done(a);
}

static void test_agent(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	app_push(a, view_agent_open("web01"));
	struct clv_reply r = {.kind = CLV_REPLY_AGENT, .agent = drawn_detail()};
	app_top(a)->ops->take(app_top(a), &r);
	all_sizes(a, "agent");
	app_done(a);
}

static void test_pending(void **state)
{
	(void)state;
	size_t n;
	struct clv_pending_fact *p = drawn_pending(&n);
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	app_push(a, view_pending_open(""));
	give_rows(a, CLV_LIST_PENDING, p, n, n);
	all_sizes(a, "pending-first");
	app_action(a, ACTION_BOTTOM);
	all_sizes(a, "pending");
	app_action(a, ACTION_ACCEPT);
	all_sizes(a, "question-conflict");
	question_end(a);
	app_action(a, ACTION_TOP);
	app_action(a, ACTION_ACCEPT);
	all_sizes(a, "question-accept");
	app_done(a);
}

static void test_question(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_ADMINISTRATOR);
	struct list *l = open_agents(a, 37);
	app_action(a, ACTION_MARK_ALL);
	app_action(a, ACTION_ROTATE);
	all_sizes(a, "question-number");
	question_end(a);
	list_marks_clear(l);
	app_action(a, ACTION_ROTATE);
	all_sizes(a, "question-yes");
	question_end(a);
	a->ctx.label = "production";
	app_action(a, ACTION_END);
	all_sizes(a, "question-name");
	app_done(a);
}

static void test_events(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_VIEWER);
	app_push(a, view_events_open(""));
	give_rows(a, CLV_LIST_EVENTS, drawn_events(40), 40, 40);
	all_sizes(a, "events");
	app_action(a, ACTION_OPEN);
	all_sizes(a, "event");
	app_done(a);
}

static void test_help(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	app_push(a, view_help_open(W_AGENTS));
	all_sizes(a, "help");
	a->ctx.read_only = true;
	all_sizes(a, "help-read-only");
	app_done(a);
}

static void test_small(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	compare(a, "small", 36, 8);
	app_done(a);
}

/* Every screen at every size down to one cell: nothing is drawn outside, nothing crashes. */
static void test_any_size(void **state)
{
	(void)state;
	static struct memcanvas m;
	struct canvas c;
	size_t n;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	open_agents(a, 37);
	app_push(a, view_pending_open(""));
	struct clv_pending_fact *p = drawn_pending(&n);
	give_rows(a, CLV_LIST_PENDING, p, n, n);
	app_push(a, view_events_open(""));
	give_rows(a, CLV_LIST_EVENTS, drawn_events(40), 40, 40);
	app_push(a, view_help_open(W_ALL));
	while (a->depth > 0) {
		for (int cols = 1; cols <= 210; cols += cols < 90 ? 1 : 7) {
			for (int rows = 1; rows <= 60; rows += rows < 26 ? 1 : 9) {
				memcanvas_init(&m, &c, rows, cols);
				app_draw(a, &c);
				assert_int_equal(m.outside, 0);
			}
		}
		if (a->depth == 1)
			break;
		app_pop(a);
	}
	app_done(a);
}

/* ASCII alone reaches a canvas that has nothing else. */
static void test_ascii(void **state)
{
	(void)state;
	static struct memcanvas m;
	struct canvas c;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	struct clv_reply r = {.kind = CLV_REPLY_OVERVIEW, .overview = drawn_overview()};
	app_top(a)->ops->take(app_top(a), &r);
	memcanvas_init(&m, &c, 24, 80);
	c.ascii = true;
	app_draw(a, &c);
	char *text = memcanvas_text(&m, false);
	for (const char *s = text; *s != '\0'; s++)
		assert_true((unsigned char)*s < 0x80);
	clv_free(text);
	app_done(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_overview), cmocka_unit_test(test_overview_asking),
	    cmocka_unit_test(test_agents),   cmocka_unit_test(test_agents_empty),
	    cmocka_unit_test(test_agent),    cmocka_unit_test(test_pending),
	    cmocka_unit_test(test_question), cmocka_unit_test(test_events),
	    cmocka_unit_test(test_help),     cmocka_unit_test(test_small),
	    cmocka_unit_test(test_any_size), cmocka_unit_test(test_ascii),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
