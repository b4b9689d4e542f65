/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens: each due drawing of design 7 from its own data, at 80x24, 40x10 and 200x50. With
 * GOLDEN_WRITE=1 the files are written anew; look at them before they are committed.
 */
#include "tests/views/golden_fixture.h"

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
	question_end(a);
	/* A server that joins has a code and no digits: nothing is asked. */
	struct list *l = list_of(app_top(a));
	clv_free(l->rows.u.pending[0].role);
	l->rows.u.pending[0].role = clv_strdup("management-server");
	app_action(a, ACTION_ACCEPT);
	assert_int_equal(a->mode, MODE_LOOK);
	all_sizes(a, "pending-server");
	app_action(a, ACTION_MARK_ALL);
	app_action(a, ACTION_ACCEPT);
	assert_int_equal(a->q.n, 1);
	all_sizes(a, "question-not-taken");
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

/* --- accounts, profiles, groups --- */

static struct app *on_accounts(const char *filter, size_t most)
{
	size_t n;
	struct app *a = app_new(CLV_ROLE_CREDENTIAL_MANAGER);
	struct clv_account_fact *f = drawn_accounts(&n);
	app_push(a, view_accounts_open(filter));
	if (most < n) {
		facts_accounts_free(f, n);
		f = clv_calloc(1, sizeof(*f));
		n = 0;
	}
	give_rows(a, CLV_LIST_ACCOUNTS, f, n, n);
	return a;
}

static void test_accounts(void **state)
{
	(void)state;
	struct app *a = on_accounts("", 99);
	all_sizes(a, "accounts");
	a->ctx.fresh = FRESH_STALE;
	a->stale_since_ms = DRAWN_NOW - 34000;
	all_sizes(a, "accounts-stale");
	app_done(a);
	a = on_accounts("", 0);
	all_sizes(a, "accounts-empty");
	app_done(a);
}

static void test_account(void **state)
{
	static const struct {
		enum clv_trial trial;
		const char *name;
	} rows[] = {{CLV_TRIAL_WAITS, "account-first-waits"},
	            {CLV_TRIAL_RUNS, "account-first-tries"},
	            {CLV_TRIAL_OPENED, "account-first-opened"},
	            {CLV_TRIAL_FAILED, "account-first-failed"}};
	(void)state;
	struct app *a = on_account(drawn_account());
	all_sizes(a, "account");
	app_done(a);
	a = on_account(drawn_account_well());
	all_sizes(a, "account-well");
	app_done(a);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		a = on_account(drawn_account_trial(rows[i].trial));
		all_sizes(a, rows[i].name);
		if (rows[i].trial == CLV_TRIAL_OPENED) {
			app_action(a, ACTION_GO_ON);
			all_sizes(a, "question-go-on");
		}
		app_done(a);
	}
}

static void test_profiles_groups(void **state)
{
	size_t n;
	(void)state;
	struct app *a = app_new(CLV_ROLE_CREDENTIAL_MANAGER);
	app_push(a, view_profiles_open(""));
	give_rows(a, CLV_LIST_PROFILES, clv_calloc(1, sizeof(struct clv_profile_fact)), 0, 0);
	all_sizes(a, "profiles-empty");
	struct clv_profile_fact *p = drawn_profiles(&n);
	give_rows(a, CLV_LIST_PROFILES, p, n, n);
	all_sizes(a, "profiles");
	app_action(a, ACTION_CHANGE);
	all_sizes(a, "form-associate");
	a->mode = MODE_LOOK;
	app_push(a, view_groups_open(""));
	give_rows(a, CLV_LIST_GROUPS, clv_calloc(1, sizeof(struct clv_group_fact)), 0, 0);
	all_sizes(a, "groups-empty");
	struct clv_group_fact *g = drawn_groups(&n);
	give_rows(a, CLV_LIST_GROUPS, g, n, n);
	all_sizes(a, "groups");
	app_push(a, view_servers_open());
	struct clv_server_fact *s = drawn_servers(&n);
	give_rows(a, CLV_LIST_SERVERS, s, n, n);
	all_sizes(a, "servers");
	app_done(a);
}

static void test_forms(void **state)
{
	(void)state;
	struct app *a = on_accounts("", 99);
	app_action(a, ACTION_ADD);
	all_sizes(a, "form-add");
	a->mode = MODE_LOOK;
	app_action(a, ACTION_BOTTOM);
	app_action(a, ACTION_UP);
	app_action(a, ACTION_UP); /* snmp-core has the most fields */
	app_action(a, ACTION_CHANGE);
	a->form.at = a->form.n;
	all_sizes(a, "form-change");
	app_done(a);
	a = on_account(drawn_account());
	app_action(a, ACTION_SEND);
	all_sizes(a, "form-send");
	app_done(a);
}

/* The plan comes back: message 4, then with its list, then message 3. */
static void test_plans(void **state)
{
	struct clv_reply r = {.kind = CLV_REPLY_PLAN, .req = 7};
	(void)state;
	struct app *a = on_accounts("", 99);
	a->runas.act = (struct clv_act){.kind = CLV_ACT_DISTRIBUTE, .name = clv_strdup("deploy")};
	a->runas.plan_req = 7;
	a->runas.from_form = true;
	r.plan = drawn_plan();
	assert_true(runas_take(a, &r));
	all_sizes(a, "question-plan");
	runas_show_lists(a);
	all_sizes(a, "question-plan-list");
	question_end(a);
	runas_release(&a->runas);
	a->runas.act = (struct clv_act){.kind = CLV_ACT_ACCOUNT_REMOVE, .name = clv_strdup("sql-reader")};
	a->runas.plan_req = 7;
	r.plan = drawn_plan();
	clv_free(r.plan->text);
	r.plan->text = clv_strdup("Remove account sql-reader: 41 hosts forget it, 2 profiles lose it.");
	assert_true(runas_take(a, &r));
	all_sizes(a, "question-remove-account");
	app_done(a);
}

static void test_any_size(void **state)
{
	(void)state;
	size_t n;
	struct app *a = app_new(CLV_ROLE_OPERATOR);
	open_agents(a, 37);
	app_push(a, view_pending_open(""));
	struct clv_pending_fact *p = drawn_pending(&n);
	give_rows(a, CLV_LIST_PENDING, p, n, n);
	app_push(a, view_events_open(""));
	give_rows(a, CLV_LIST_EVENTS, drawn_events(40), 40, 40);
	app_push(a, view_help_open(W_ALL));
	struct app *other[] = {on_account(drawn_account()), on_accounts("", 99),
	                       on_entry(CLV_ACCOUNT_SNMPV3, true), on_account(drawn_account_well())};
	type(other[2], 3, "correct horse battery");
	app_action(other[1], ACTION_ADD);
	app_action(other[3], ACTION_SEND);
	for (size_t i = 0; i < 4; i++) {
		every_size(other[i]);
		app_done(other[i]);
	}
	while (a->depth > 0) {
		every_size(a);
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
	    cmocka_unit_test(test_overview),        cmocka_unit_test(test_overview_asking),
	    cmocka_unit_test(test_agents),          cmocka_unit_test(test_agents_empty),
	    cmocka_unit_test(test_agent),           cmocka_unit_test(test_pending),
	    cmocka_unit_test(test_question),        cmocka_unit_test(test_events),
	    cmocka_unit_test(test_accounts),        cmocka_unit_test(test_account),
	    cmocka_unit_test(test_profiles_groups), cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_plans),           cmocka_unit_test(test_help),
	    cmocka_unit_test(test_small),           cmocka_unit_test(test_any_size),
	    cmocka_unit_test(test_ascii),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
