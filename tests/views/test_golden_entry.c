/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden screens of the password form and of a recovery in its states.
 */
#include "tests/views/golden_fixture.h"

static void give_recovery(struct app *a, struct clv_account_fact *f, size_t n, struct clv_recovery_fact *r)
{
	struct clv_reply reply = {.kind = CLV_REPLY_LIST,
	                          .rows = {.list = CLV_LIST_ACCOUNTS,
	                                   .n = n,
	                                   .matched = n,
	                                   .total = 38,
	                                   .time = DRAWN_NOW,
	                                   .recovery = r}};
	struct view *v = app_top(a);
	struct want w;
	reply.rows.u.accounts = f;
	v->ask = false;
	v->ops->want(v, &w);
	v->ops->take(v, &reply);
}

static void no_claims(struct clv_recovery_fact *r)
{
	while (r->n_claims > 0) {
		clv_free(r->claims[--r->n_claims].account);
		clv_free(r->claims[r->n_claims].by);
	}
}

static void test_recover(void **state)
{
	size_t n;
	(void)state;
	struct app *a = app_new(CLV_ROLE_ADMINISTRATOR);
	struct clv_recovery_fact *none = drawn_recovery(), *over = drawn_recovery();
	app_push(a, view_recover_open(""));
	none->epoch = 0;
	no_claims(none);
	give_recovery(a, clv_calloc(1, sizeof(struct clv_account_fact)), 0, none);
	all_sizes(a, "recover-empty");
	struct clv_account_fact *f = drawn_recover_accounts(&n);
	give_recovery(a, f, n, drawn_recovery());
	all_sizes(a, "recover");
	every_size(a);
	app_action(a, ACTION_SET_ASIDE);
	all_sizes(a, "recover-aside");
	assert_int_equal(a->mode, MODE_QUESTION);
	recover_reason(a); /* without one nothing is set aside */
	assert_int_equal(a->mode, MODE_QUESTION);
	question_end(a);
	app_action(a, ACTION_FINISH);
	all_sizes(a, "recover-not-yet");
	app_action(a, ACTION_BOTTOM);
	app_action(a, ACTION_SET_ASIDE);
	all_sizes(a, "recover-back");
	question_end(a);
	f = drawn_recover_accounts(&n);
	facts_accounts_free(clv_memdup(f, 2 * sizeof(*f)), 2); /* what is entered, and confirmed, and aside */
	struct clv_recovery_fact *end = drawn_recovery();
	end->to_enter = 0;
	no_claims(end);
	end->first_end = 0;
	end->agents_back = end->agents;
	give_recovery(a, clv_memdup(f + 2, 3 * sizeof(*f)), 3, end);
	clv_free(f);
	app_action(a, ACTION_TOP);
	all_sizes(a, "recover-entered");
	app_action(a, ACTION_FINISH);
	all_sizes(a, "recover-finish");
	question_end(a);
	over->to_enter = over->first_end = 0;
	no_claims(over);
	over->finished = DRAWN_NOW - 60000;
	clv_free(over->finished_by);
	over->finished_by = clv_strdup("user:ann");
	give_recovery(a, clv_calloc(1, sizeof(struct clv_account_fact)), 0, over);
	all_sizes(a, "recover-finished");
	every_size(a);
	app_done(a);
}

/* --- the password form --- */

static void test_entry(void **state)
{
	(void)state;
	struct app *a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	all_sizes(a, "entry-empty");
	type(a, 0, "correct horse");
	type(a, 1, "correct ");
	snprintf(a->e.next, sizeof(a->e.next), "snmp-core");
	all_sizes(a, "entry-typing");
	a->e.help = true;
	all_sizes(a, "entry-help");
	a->e.help = false;
	type(a, 0, " correct horse ");
	all_sizes(a, "entry-blank");
	type(a, 0,
	     "corr\xc3\xa9"
	     "ct h\xc3\xb6rse and a battery that is long");
	all_sizes(a, "entry-not-ascii");
	app_done(a);
	a = on_entry(CLV_ACCOUNT_SNMPV3, true);
	type(a, 0, "authentic");
	type(a, 1, "authentic");
	type(a, 2, "private");
	all_sizes(a, "entry-snmp");
	app_done(a);
	a = on_entry(CLV_ACCOUNT_BINARY, false);
	snprintf(a->e.path, sizeof(a->e.path), "/srv/web.keytab");
	all_sizes(a, "entry-file");
	app_done(a);
}

/* Somebody else is at it: said in the form's head. */
static void test_entry_claimed(void **state)
{
	(void)state;
	struct app *a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	snprintf(a->e.other, sizeof(a->e.other), "ben");
	a->e.other_at = DRAWN_NOW - 20000;
	all_sizes(a, "entry-claimed");
	app_done(a);
}

static void test_entry_ends(void **state)
{
	struct clv_reply done = {.kind = CLV_REPLY_DONE, .req = 9},
	                 refused = {.kind = CLV_REPLY_REFUSED, .req = 9};
	char saved[] = "Saved as v8, sealed for rms1's key holder. app01 tries it first, 40 wait.",
	     conflict[] = "ben changed sql-reader 12 s ago (now v8).";
	struct key enter = {.code = KEYC_ENTER};
	(void)state;
	(void)enter;
	struct app *a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	a->e.state = ENTRY_ASKING;
	all_sizes(a, "entry-asking");
	a->e.state = ENTRY_SAVING;
	a->e.req = 9;
	all_sizes(a, "entry-saving");
	done.text = saved;
	assert_true(entry_take(a, &done));
	assert_int_equal(a->e.state, ENTRY_ENDED);
	all_sizes(a, "entry-saved"); /* message 10 */
	app_done(a);
	a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	type(a, 0, "secret");
	a->ctx.fresh = FRESH_STALE;
	a->stale_since_ms = DRAWN_NOW - 2000;
	entry_line_lost(a);
	assert_int_equal(secret_len(a->e.field[0]), 0);
	all_sizes(a, "entry-line-lost"); /* message 9 */
	app_done(a);
	a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	a->e.state = ENTRY_SAVING;
	a->e.req = 9;
	refused.text = conflict;
	assert_true(entry_take(a, &refused));
	all_sizes(a, "entry-refused");
	app_done(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recover),
	    cmocka_unit_test(test_entry),
	    cmocka_unit_test(test_entry_claimed),
	    cmocka_unit_test(test_entry_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
