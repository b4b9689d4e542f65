/* SPDX-License-Identifier: Apache-2.0 */
/* Names, patterns and groups: what matches, what is refused, and that matching stays cheap. */
#include "tests/lib/unit.h"
#include "model/distribution.h"

#include <string.h>

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
	    {"web01.ops.test", "web01.ops.test", true},
	    {"web01.ops.test", "web01.ops.tes", false},
	    {"web*", "web01.ops.test", true},
	    {"web*", "we", false},
	    {"*", "", true},
	    {"*", "a", true},
	    {"?", "", false},
	    {"web0?.ops.test", "web01.ops.test", true},
	    {"web0?.ops.test", "web0.ops.test", false},
	    {"*.test", "web01.ops.test", true},
	    {"*.test", "web01.ops.tes", false},
	    {"a*b*c", "axxbyyc", true},
	    {"a*b*c", "axxbyy", false},
	    {"a*b*c", "abc", true},
	    {"**a", "ba", true},
	    {"a**", "a", true},
	    {"*ab", "aab", true},
	    {"web*", "xweb01", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (distribution_matches(rows[i].pattern, rows[i].name) != rows[i].matches)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].name);
}

static void specs(void **state)
{
	static const char *const good[] = {"web01", "web01.ops.test",    "*",
	                                   "db?0*", "group:sql servers", "group:G_1"};
	static const char *const bad[] = {
	    "", "Web01", "web 01", "web/01", "group:", "web\n", "w\xc3\xb6", "a,b", "web*;", "group:a/b"};
	char lengthy[DISTRIBUTION_SPEC_MAX + 1];
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(distribution_check_spec(good[i], true, &err), CLV_OK);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		memset(&err, 0, sizeof err);
		assert_int_equal(distribution_check_spec(bad[i], true, &err), CLV_FAILED);
		assert_int_equal(err.code, CLV_E_USAGE);
	}
	assert_int_equal(distribution_check_spec("group:a", false, &err), CLV_FAILED);
	memset(lengthy, 'a', sizeof lengthy);
	lengthy[DISTRIBUTION_SPEC_MAX] = 0;
	assert_int_equal(distribution_check_spec(lengthy, true, &err), CLV_FAILED);
	lengthy[DISTRIBUTION_SPEC_MAX - 1] = 0;
	assert_int_equal(distribution_check_spec(lengthy, true, &err), CLV_OK);
}

static char *const *members(void *ctx, const char *group, size_t *n)
{
	static char *const list[] = {(char *)(uintptr_t) "web*", (char *)(uintptr_t) "app01"};

	(void)ctx;
	*n = strcmp(group, "known") == 0 ? 2 : 0;
	return *n ? list : NULL;
}

static void covers(void **state)
{
	char *const by_group[] = {(char *)(uintptr_t) "db01", (char *)(uintptr_t) "group:known"};
	char *const unknown[] = {(char *)(uintptr_t) "group:gone"};

	(void)state;
	assert_true(distribution_covers(by_group, 2, "db01", members, NULL));
	assert_true(distribution_covers(by_group, 2, "web7", members, NULL));
	assert_true(distribution_covers(by_group, 2, "app01", members, NULL));
	assert_false(distribution_covers(by_group, 2, "app02", members, NULL));
	assert_false(distribution_covers(by_group, 1, "web7", members, NULL));
	assert_false(distribution_covers(unknown, 1, "web7", members, NULL)); /* an unknown group is nobody */
	assert_false(distribution_covers(NULL, 0, "web7", members, NULL));    /* more secure: an empty list */
}

/* Patterns come from people, names from strangers: the worst of both ends (the runner has a limit). */
static void stays_cheap(void **state)
{
	char pattern[DISTRIBUTION_SPEC_MAX], name[254];
	size_t n = 0;

	(void)state;
	while (n + 3 < sizeof pattern) {
		pattern[n++] = '*';
		pattern[n++] = 'a';
	}
	pattern[n++] = 'b';
	pattern[n] = 0;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	for (int i = 0; i < 1000; i++)
		assert_false(distribution_matches(pattern, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns),
	    cmocka_unit_test(specs),
	    cmocka_unit_test(covers),
	    cmocka_unit_test(stays_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
