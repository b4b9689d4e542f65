/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens of audit, expiry, find, contexts, options, menus and prompts; and that mono loses nothing:
 * what a colour says stands beside it as a sign or a word.
 */
#include "console/ssh_talk.h"
#include "console/transport.h"
#include "tests/views/golden_fixture.h"

static struct options o;

static struct app *with_options(enum clv_role role)
{
	struct app *a = app_new(role);
	o = (struct options){.server = "unix:/nowhere"};
	settings_init(&o.settings);
	a->o = &o;
	a->hit = -1;
	(void)theme_builtin("dark", &a->setup.theme);
	return a;
}

static void audit_checked(struct app *a, bool whole)
{
	struct clv_reply r = {.kind = CLV_REPLY_AUDIT_CHECK, .audit_check = drawn_check(whole)};
	app_top(a)->ops->take(app_top(a), &r);
}

static void test_audit(void **state)
{
	size_t n;
	(void)state;
	struct app *a = with_options(CLV_ROLE_VIEWER);
	app_push(a, view_audit_open("since:7d"));
	struct clv_audit_fact *f = drawn_audit(&n);
	give_rows(a, CLV_LIST_AUDIT, f, n, 18204);
	all_sizes(a, "audit-not-looked");
	audit_checked(a, true);
	all_sizes(a, "audit");
	audit_checked(a, false);
	all_sizes(a, "audit-broken");
	app_action(a, ACTION_OPEN);
	all_sizes(a, "audit-row");
	app_action(a, ACTION_OPEN);
	audit_checked(a, true);
	list_of(app_top(a))->filter[0] = '\0';
	give_rows(a, CLV_LIST_AUDIT, clv_calloc(1, sizeof(*f)), 0, 0);
	all_sizes(a, "audit-empty");
	app_done(a);
}

static void test_expiry_find(void **state)
{
	size_t n;
	(void)state;
	struct app *a = with_options(CLV_ROLE_VIEWER);
	app_push(a, view_expiry_open(""));
	give_rows(a, CLV_LIST_EXPIRY, clv_calloc(1, sizeof(struct clv_thing_fact)), 0, 0);
	all_sizes(a, "expiry-empty");
	struct clv_thing_fact *t = drawn_expiry(&n);
	give_rows(a, CLV_LIST_EXPIRY, t, n, 1312);
	all_sizes(a, "expiry");
	app_push(a, view_found_open("4A A8 71 8B"));
	give_rows(a, CLV_LIST_FOUND, clv_calloc(1, sizeof(*t)), 0, 0);
	all_sizes(a, "find-nothing");
	t = drawn_found(&n);
	give_rows(a, CLV_LIST_FOUND, t, n, n);
	all_sizes(a, "find");
	app_done(a);
}

static void test_prompts(void **state)
{
	static struct context_row rows[] = {{"prod", "ms1.ops.test", "production", true},
	                                    {"lab", "unix:/run/lab.sock", NULL, false}};
	(void)state;
	struct app *a = with_options(CLV_ROLE_OPERATOR);
	app_push(a, view_contexts_open(rows, 0));
	all_sizes(a, "contexts-empty");
	app_pop(a);
	app_push(a, view_contexts_open(rows, 2));
	all_sizes(a, "contexts");
	app_push(a, view_agents_open(""));
	give_rows(a, CLV_LIST_AGENTS, drawn_agents(12), 12, 12);
	app_action(a, ACTION_OPTIONS);
	all_sizes(a, "options");
	a->mode = MODE_LOOK;
	app_action(a, ACTION_COPY);
	all_sizes(a, "menu-copy");
	a->mode = MODE_LOOK;
	app_action(a, ACTION_READY);
	all_sizes(a, "menu-ready");
	a->mode = MODE_LOOK;
	app_action(a, ACTION_WRITE);
	snprintf(a->line, sizeof(a->line), "agents-20261121-210410.csv");
	all_sizes(a, "prompt-write");
	line_begin(a, MODE_COMMAND, "agents expires<7d");
	all_sizes(a, "prompt-command");
	line_begin(a, MODE_FIND, "4A A8");
	all_sizes(a, "prompt-find");
	a->mode = MODE_LOOK;
	list_of(app_top(a))->sort = "gateway";
	list_of(app_top(a))->grouped = true;
	all_sizes(a, "agents-grouped");
	a->ctx.restricted = true;
	app_push(a, view_help_open(W_AGENTS));
	all_sizes(a, "help-restricted");
	a->o->settings.idle_lock_min = 15;
	a->mode = MODE_LOCKED;
	a->stale_since_ms = DRAWN_NOW;
	all_sizes(a, "locked");
	app_done(a);
}

static void test_overview(void **state)
{
	(void)state;
	struct app *a = with_options(CLV_ROLE_OPERATOR);
	struct clv_overview_fact *f = drawn_overview();
	f->accounts = 38;
	f->accounts_done = 36;
	f->accounts_missing = 2;
	f->needs[1].aside_until = DRAWN_NOW + 14 * 86400000LL;
	clv_free(f->needs[1].aside_reason);
	f->needs[1].aside_reason = clv_strdup("waits for the CA");
	f->attached = clv_calloc(2, sizeof(char *));
	f->attached[f->n_attached++] = clv_strdup("mail:ben@OPS.TEST");
	struct clv_reply r = {.kind = CLV_REPLY_OVERVIEW, .overview = f};
	app_top(a)->ops->take(app_top(a), &r);
	all_sizes(a, "overview-aside");
	app_action(a, ACTION_NEED_ASIDE);
	all_sizes(a, "question-need-aside");
	question_end(a);
	a->ctx.plain = true;
	a->ctx.held = 3;
	all_sizes(a, "overview-plain");
	app_done(a);
}

/* What an SSH transport asks, in the words of console/ssh_host.c and ssh_auth.c. */
static void test_ssh_asks(void **state)
{
	static const struct {
		const char *name;
		enum talk_kind kind;
		const char *title, *text;
	} rows[] = {
	    {"ssh-host-key", TALK_ASK_YES,
	     "ms1.ops.test:22 is not known. It shows ssh-ed25519 "
	     "SHA256:9fRq0jYp2mJc7VbQk1nZtXw4uLh8sDg5eAoIyTrWvBc",
	     "Compare that with who runs it. y trusts it and adds it to /home/ops/.ssh/known_hosts"},
	    {"ssh-passphrase", TALK_ASK_SECRET,
	     "Passphrase of the key /home/ops/.ssh/id_ed25519, to log in to ms1.ops.test:22", ""},
	    {"ssh-password", TALK_ASK_SECRET, "Password of ops at ms1.ops.test:22", ""},
	    {"ssh-interactive", TALK_ASK_TEXT, "ms1.ops.test:22 asks ops", "Verification code: "},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct app *a = with_options(CLV_ROLE_NONE);
		struct transport_ask ask = {.kind = rows[i].kind,
		                            .title = clv_strdup(rows[i].title),
		                            .text = clv_strdup(rows[i].text)};
		facts_whoami_free(a->who);
		a->who = NULL;
		a->ctx.group = a->ctx.principal = a->ctx.channel = NULL;
		a->ctx.server = "ssh://ms1.ops.test";
		a->was_open = false;
		a->ctx.fresh = FRESH_ASKING;
		ask_show(a, &ask);
		all_sizes(a, rows[i].name);
		every_size(a);
		clv_free(ask.title);
		clv_free(ask.text);
		app_done(a);
	}
}

/* Without colour the sign of each meaning is still another one. */
static void test_mono(void **state)
{
	struct theme t;
	(void)state;
	assert_true(theme_builtin("mono", &t));
	for (int i = 0; i < INK_MAX; i++)
		assert_int_equal(t.ink[i].colour, -1);
	for (int i = SIGN_GOOD; i <= SIGN_ASIDE; i++) {
		for (int k = SIGN_GOOD; k < i; k++)
			assert_string_not_equal(sign_str((enum sign)i), sign_str((enum sign)k));
	}
}

static void test_any_size(void **state)
{
	size_t n;
	(void)state;
	struct app *a = with_options(CLV_ROLE_ADMINISTRATOR);
	app_push(a, view_audit_open(""));
	struct clv_audit_fact *f = drawn_audit(&n);
	give_rows(a, CLV_LIST_AUDIT, f, n, n);
	audit_checked(a, false);
	every_size(a);
	app_push(a, view_expiry_open(""));
	struct clv_thing_fact *t = drawn_expiry(&n);
	give_rows(a, CLV_LIST_EXPIRY, t, n, n);
	every_size(a);
	static const enum action modes[] = {ACTION_OPTIONS, ACTION_COPY, ACTION_READY, ACTION_WRITE,
	                                    ACTION_COMMAND};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		app_action(a, modes[i]);
		every_size(a);
		a->mode = MODE_LOOK;
	}
	app_push(a, view_contexts_open(NULL, 0));
	every_size(a);
	app_done(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_audit),    cmocka_unit_test(test_expiry_find),
	    cmocka_unit_test(test_prompts),  cmocka_unit_test(test_overview),
	    cmocka_unit_test(test_ssh_asks), cmocka_unit_test(test_mono),
	    cmocka_unit_test(test_any_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
