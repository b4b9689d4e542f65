/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens of alerts, traces and the proof: stacked, side by side, in ASCII, and what is wrong in each
 * of its kinds; nothing that did not verify has the good sign.
 */
#include "tests/lib/drawn_alerts.h"
#include "tests/views/golden_fixture.h"

static void test_alerts(void **state)
{
	size_t n;
	(void)state;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	app_push(a, view_alerts_open(""));
	struct list *l = give_rows(a, CLV_LIST_ALERTS, clv_calloc(1, sizeof(struct clv_alert_fact)), 0, 0);
	l->rows.agents = 1187;
	l->rows.silent = 14;
	all_sizes(a, "alerts-empty");
	struct clv_alert_fact *f = drawn_alerts(&n);
	give_rows(a, CLV_LIST_ALERTS, f, n, 2412);
	all_sizes(a, "alerts");
	in_ascii(a, "alerts");
	app_action(a, ACTION_ALERT_ACK);
	all_sizes(a, "question-alert-ack");
	app_done(a);
}

static struct app *on_trace(enum drawn_path what)
{
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	struct clv_reply r = {.kind = CLV_REPLY_TRACE, .trace = drawn_trace(what)};
	app_push(a, view_trace_open(what == DRAWN_PROBE ? "probe web01.ops.test" : "8815"));
	app_top(a)->ops->take(app_top(a), &r);
	return a;
}

static void test_traces(void **state)
{
	static const struct {
		enum drawn_path what;
		const char *name;
	} rows[] = {{DRAWN_WHOLE, "trace"},           {DRAWN_TWO, "trace-two"},
	            {DRAWN_BROKEN, "trace-broken"},   {DRAWN_DIFFER, "trace-differ"},
	            {DRAWN_CLAIMED, "trace-claimed"}, {DRAWN_WEAK, "trace-weak"},
	            {DRAWN_PROBE, "trace-probe"}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct app *a = on_trace(rows[i].what);
		all_sizes(a, rows[i].name);
		if (rows[i].what == DRAWN_WHOLE || rows[i].what == DRAWN_DIFFER)
			in_ascii(a, rows[i].name);
		every_size(a);
		app_done(a);
	}
}

/* What is older than the traces here, or never came, says so. */
static void test_refused(void **state)
{
	(void)state;
	struct app *a = app_new(CLV_ROLE_VIEWER);
	char text[] = "web01.ops.test sent no alert that is stored here. p shows the path of now.";
	struct clv_reply r = {.kind = CLV_REPLY_REFUSED, .code = CLV_E_NOTFOUND, .text = text};
	app_push(a, view_trace_open("web01.ops.test"));
	app_top(a)->ops->take(app_top(a), &r);
	all_sizes(a, "trace-none");
	app_action(a, ACTION_PROBE); /* and p leads there */
	assert_true(app_top(a)->ops->where == W_TRACE);
	app_done(a);
}

static void test_proof(void **state)
{
	(void)state;
	for (int good = 0; good < 2; good++) {
		struct app *a = app_new(CLV_ROLE_VIEWER);
		struct clv_reply r = {.kind = CLV_REPLY_ENCRYPTION,
		                      .encryption = drawn_encryption(good != 0)};
		app_push(a, view_proof_open(good != 0 ? "web01" : ""));
		app_top(a)->ops->take(app_top(a), &r);
		all_sizes(a, good != 0 ? "proof" : "proof-not-all");
		every_size(a);
		app_done(a);
	}
}

/* A good sign stands at a node only where its record verified. */
static void test_no_good_sign_without_a_verdict(void **state)
{
	static struct memcanvas m;
	struct canvas c;
	(void)state;
	for (enum clv_verdict v = CLV_VERDICT_UNCHECKED; v < CLV_VERDICT_MAX; v++) {
		struct app *a = app_new(CLV_ROLE_VIEWER);
		struct clv_trace_fact *t = drawn_trace(DRAWN_TWO);
		for (size_t i = 0; i < t->n_nodes; i++)
			t->nodes[i].verdict = v;
		t->verdict = v;
		t->links[0].both = false;
		struct clv_reply r = {.kind = CLV_REPLY_TRACE, .trace = t};
		app_push(a, view_trace_open("8815"));
		app_top(a)->ops->take(app_top(a), &r);
		for (int wide = 0; wide < 2; wide++) {
			memcanvas_init(&m, &c, 30, wide ? 200 : 80);
			app_draw(a, &c);
			char *text = memcanvas_text(&m, true);
			assert_true((strstr(text, "✔") != NULL) == (v == CLV_VERDICT_VERIFIED));
			clv_free(text);
		}
		app_done(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alerts),
	    cmocka_unit_test(test_traces),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_proof),
	    cmocka_unit_test(test_no_good_sign_without_a_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
