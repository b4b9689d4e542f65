/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of keys and commands: every act has a batch command and a capital or + for its key, every hint
 * names a key that its action has on that screen, and no key means two things on one.
 */
#include "console/manual.h"
#include "tests/lib/unit.h"
#include "views/actions.h"

#include <stdio.h>
#include <string.h>

static bool has_command(const char *word, const char *sub)
{
	struct batch_command c;
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		if (strcmp(c.word, word) == 0 && (sub == NULL || (c.sub != NULL && strcmp(c.sub, sub) == 0)))
			return c.changes;
	}
	return false;
}

static void test_every_act_has_a_batch_command(void **state)
{
	static const struct {
		enum action action;
		const char *word, *sub;
	} rows[] = {{ACTION_ACCEPT, "approve", NULL},         {ACTION_DECLINE, "reject", NULL},
	            {ACTION_ROTATE, "rotate", NULL},          {ACTION_END, "remove", "agent"},
	            {ACTION_ENTER_PASSWORD, "reenter", NULL}, {ACTION_SET_ASIDE, "recovery", "aside"},
	            {ACTION_FINISH, "recovery", "finish"},    {ACTION_ADD, "account", "add"},
	            {ACTION_CHANGE, "account", "edit"},       {ACTION_SEND, "account", "distribute"},
	            {ACTION_GO_ON, "account", "continue"},    {ACTION_STOP, "account", "continue"},
	            {ACTION_END_RUNAS, "account", "remove"},  {ACTION_NEED_ASIDE, "overview", "aside"},
	            {ACTION_ALERT_ACK, "ack", NULL},          {ACTION_MOVE, "move", NULL}};
	(void)state;
	for (int i = 1; i < ACTION_MAX; i++) {
		bool found = !action_rows[i].dangerous;
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			found = found || (rows[k].action == action_rows[i].action &&
			                  has_command(rows[k].word, rows[k].sub));
		if (!found)
			fail_msg("the act %s has no batch command", action_rows[i].name);
		assert_true(action_rows[i].help[0] != '\0');
		/* the rule of design 8: a capital or + acts */
		assert_true(!action_rows[i].dangerous ||
		            strchr("ADRXEFCSM+", action_rows[i].keys[0]) != NULL);
	}
}

static bool has_key(const char *keys, const char *key)
{
	const char *at = strstr(keys, key);
	return at != NULL && (at == keys || at[-1] == ' ') &&
	       (at[strlen(key)] == ' ' || at[strlen(key)] == '\0');
}

/* A hint names a key that its action has, on a screen where the action is; no key means two things. */
static void test_hints_and_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_hint_rows; i++) {
		const struct action_row *r = &action_rows[hint_rows[i].action];
		if (!has_key(r->keys, hint_rows[i].key) ||
		    (r->where & hint_rows[i].where) != hint_rows[i].where)
			fail_msg("the hint %s %s", hint_rows[i].key, hint_rows[i].label);
	}
	for (int i = 1; i < ACTION_MAX; i++) {
		for (int k = 1; k < i; k++) {
			for (const char *p = action_rows[i].keys; *p != '\0';) {
				size_t n = strcspn(p, " ");
				char key[16];
				snprintf(key, sizeof(key), "%.*s", (int)n, p);
				if ((action_rows[i].where & action_rows[k].where) != 0 &&
				    has_key(action_rows[k].keys, key))
					fail_msg("%s is %s and %s", key, action_rows[i].name,
					         action_rows[k].name);
				p += n + (p[n] == ' ');
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_act_has_a_batch_command),
	    cmocka_unit_test(test_hints_and_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
