/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of facts, both ways, and numbers outside of their lists.
 */
#include "claviger/facts.h"

#include "tests/lib/unit.h"

static void test_words(void **state)
{
	enum clv_role role = CLV_ROLE_NONE;
	enum clv_key_state key = CLV_KEY_NONE;
	(void)state;
	assert_string_equal(clv_key_state_word(CLV_KEY_IN_USE), "in use");
	assert_string_equal(clv_role_word(CLV_ROLE_CREDENTIAL_MANAGER), "credential manager");
	assert_string_equal(clv_contact_word((enum clv_contact)99), "unknown");
	assert_string_equal(clv_level_word((enum clv_level) - 1), "unknown");
	for (int i = 0; i < CLV_ROLE_MAX; i++) {
		assert_true(clv_role_parse(clv_role_word((enum clv_role)i), &role));
		assert_int_equal(role, i);
	}
	for (int i = 0; i < CLV_KEY_STATE_MAX; i++) {
		assert_true(clv_key_state_parse(clv_key_state_word((enum clv_key_state)i), &key));
		assert_int_equal(key, i);
	}
	enum clv_account_type type = CLV_ACCOUNT_SIMPLE;
	enum clv_target_kind kind = CLV_TARGET_ALL;
	for (int i = 0; i < CLV_ACCOUNT_TYPE_MAX; i++) {
		assert_true(clv_account_type_parse(clv_account_type_word((enum clv_account_type)i), &type));
		assert_int_equal(type, i);
	}
	for (int i = 0; i < CLV_TARGET_MAX; i++) {
		assert_true(clv_target_kind_parse(clv_target_kind_word((enum clv_target_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(clv_account_type_parse("kerberos", &type));
	assert_false(clv_target_kind_parse("", &kind));
	assert_string_equal(clv_step_word((enum clv_step)99), "unknown");
	assert_string_equal(clv_trial_word(CLV_TRIAL_RUNS), "tried");
	assert_string_equal(clv_account_state_word(CLV_ACCOUNT_NEEDS_REENTRY), "needs re-entry");
	assert_true(clv_role_parse("credential-manager", &role));
	assert_true(clv_key_state_parse("in_use", &key));
	assert_false(clv_role_parse("root", &role));
	assert_false(clv_role_parse("view", &role));
	assert_false(clv_role_parse("viewers", &role));
	assert_false(clv_role_parse(NULL, &role));
	assert_int_equal(role, CLV_ROLE_CREDENTIAL_MANAGER);
}

static void test_frees_take_null(void **state)
{
	(void)state;
	facts_agent_release(NULL);
	facts_agent_detail_free(NULL);
	facts_agents_free(NULL, 3);
	facts_events_free(NULL, 3);
	facts_pending_free(NULL, 3);
	facts_audit_free(NULL, 3);
	facts_roles_free(NULL, 3);
	facts_requests_free(NULL, 3);
	facts_overview_free(NULL);
	facts_whoami_free(NULL);
	facts_accounts_free(NULL, 3);
	facts_account_detail_free(NULL);
	facts_profiles_free(NULL, 3);
	facts_groups_free(NULL, 3);
	facts_servers_free(NULL, 3);
	facts_intake_free(NULL);
	facts_plan_free(NULL);
	facts_recovery_free(NULL);
	facts_claim_free(NULL);
	facts_report_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words),
	                                   cmocka_unit_test(test_frees_take_null)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
