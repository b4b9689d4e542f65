/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the manual and of the completions stand for every option and command that there is, and for
 * none that there is not; choices are those that the program takes. */
#include "console/manual.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

static void options_have_words(void **state)
{
	size_t n = 0, rows = 0;
	(void)state;
	for (const char *name; (name = options_long_name(n)) != NULL; n++) {
		size_t found = 0;
		for (const struct manual_option *o = manual_options; o->name != NULL; o++)
			found += strcmp(o->name, name) == 0;
		if (found != 1)
			fail_msg("--%s has %zu rows in the manual", name, found);
	}
	for (const struct manual_option *o = manual_options; o->name != NULL; o++)
		rows++;
	assert_int_equal(rows, n);
	assert_true(n > 40);
}

static void commands_have_words(void **state)
{
	struct batch_command c;
	size_t n = 0, rows = 0;
	(void)state;
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		size_t found = 0;
		if (c.group)
			continue;
		n++;
		for (const struct manual_command *m = manual_commands; m->word != NULL; m++)
			found += strcmp(m->word, c.word) == 0 &&
			         ((m->sub == NULL && c.sub == NULL) ||
			          (m->sub != NULL && c.sub != NULL && strcmp(m->sub, c.sub) == 0));
		if (found != 1)
			fail_msg("%s %s has %zu rows in the manual", c.word, c.sub != NULL ? c.sub : "",
			         found);
	}
	for (const struct manual_command *m = manual_commands; m->word != NULL; m++)
		rows++;
	assert_int_equal(rows, n);
	assert_true(n > 25);
}

/* "with" names commands that there are. */
static void they_belong_to_commands(void **state)
{
	(void)state;
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		char with[200], *save = NULL;
		snprintf(with, sizeof(with), "%s", o->with);
		for (char *w = strtok_r(with, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
			struct batch_command c;
			bool found = false;
			for (size_t i = 0; batch_command_row(i, &c) && !found; i++) {
				char both[80];
				snprintf(both, sizeof(both), "%s%s%s", c.word, c.sub != NULL ? " " : "",
				         c.sub != NULL ? c.sub : "");
				found = strcmp(both, w) == 0 || strcmp(c.word, w) == 0;
			}
			if (!found)
				fail_msg("--%s is said to belong to '%s'", o->name, w);
		}
	}
}

static void outputs_are_those_taken(void **state)
{
	char all[200] = "";
	(void)state;
	for (const char *const *w = options_outputs(); *w != NULL; w++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", all[0] != '\0' ? " " : "", *w);
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		if (strcmp(o->name, "output") == 0)
			assert_string_equal(o->choices, all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_have_words),
	    cmocka_unit_test(commands_have_words),
	    cmocka_unit_test(they_belong_to_commands),
	    cmocka_unit_test(outputs_are_those_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
