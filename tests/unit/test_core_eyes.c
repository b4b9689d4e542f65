/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be the second person, and until when: every pair of operators, at every minute of two hours. */
#include "daemon/core_eyes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Who is an administrator here: everybody but whom a test names. */
static const char *made_less;

enum clv_role console_role(const struct server *s, const struct console *k)
{
	(void)s;
	return made_less && strcmp(k->principals[0], made_less) == 0 ? CLV_ROLE_OPERATOR
	                                                             : CLV_ROLE_ADMINISTRATOR;
}

struct group {
	struct core core;
	Clv__Start start;
	Clv__PersonConf people[3], *list[3];
	char *approval[1];
};

static char mail_anna[] = "mail:anna@x", krb_anna[] = "krb:anna@X", both[] = "mail:both@x",
            mail_bert[] = "mail:bert@x", group_wheel[] = "group:wheel", carl[] = "user:carl",
            name_anna[] = "Anna", name_bert[] = "Bert", name_carl[] = "Carl", gateway[] = "gateway",
            none[] = "none";
static char *anna[] = {mail_anna, krb_anna, both}, *bert[] = {mail_bert, both},
            *wheel[] = {group_wheel, carl};

static void set_up(struct group *g)
{
	memset(g, 0, sizeof *g);
	clv__start__init(&g->start);
	for (size_t i = 0; i < 3; i++) {
		clv__person_conf__init(&g->people[i]);
		g->list[i] = &g->people[i];
	}
	g->people[0].name = name_anna;
	g->people[0].principals = anna;
	g->people[0].n_principals = 3;
	g->people[1].name = name_bert;
	g->people[1].principals = bert;
	g->people[1].n_principals = 2;
	g->people[2].name = name_carl;
	g->people[2].principals = wheel;
	g->people[2].n_principals = 2;
	g->approval[0] = gateway;
	g->start.persons = g->list;
	g->start.n_persons = 3;
	g->start.require_approval = g->approval;
	g->start.n_require_approval = 1;
	g->core.start = &g->start;
	made_less = NULL;
}

static struct console operator(const char *principal, bool root)
{
	return (struct console){
	    .principals = {(char *)(uintptr_t)principal, group_wheel}, .n_principals = 2, .root = root};
}

#define NOW 1764000000000ll
static const uint8_t asked[32] = {1}, other[32] = {2};

static enum eyes_say judge(struct group *g, const char *first, bool first_root, const char *second,
                           bool second_root, const uint8_t *hash, int64_t later_ms)
{
	struct console one = operator(first, first_root), two = operator(second, second_root);
	struct eyes *e = eyes_new(&one, asked, NOW);
	struct clv_err err = {0};
	enum eyes_say say = eyes_judge(&g->core, e, &two, hash, NOW + later_ms, &err);

	assert_string_equal(eyes_who(e), first);
	assert_true(eyes_until(e) == NOW + EYES_MS);
	assert_true((say == EYES_NO) == (err.code == CLV_E_DENIED));
	eyes_free(e);
	return say;
}

static void test_pairs(void **state)
{
	static const struct {
		const char *first;
		bool first_root;
		const char *second;
		bool second_root;
		enum eyes_say say;
	} rows[] = {
	    {"mail:anna@x", false, "mail:bert@x", false, EYES_SECOND},
	    {"mail:bert@x", false, "krb:anna@X", false, EYES_SECOND},
	    {"mail:anna@x", false, "mail:anna@x", false, EYES_NO},
	    {"mail:anna@x", false, "krb:anna@X", false, EYES_NO},
	    {"mail:anna@x", false, "mail:both@x", false, EYES_NO},
	    {"mail:anna@x", false, "mail:stranger@x", false, EYES_NO},
	    {"mail:anna@x", false, "user:root", true, EYES_NO},
	    {"user:root", true, "user:root", true, EYES_NO},
	    {"user:root", true, "mail:bert@x", false, EYES_SECOND},
	    /* A group is nobody, wherever it stands. */
	    {"mail:anna@x", false, "user:dora", false, EYES_NO}, /* of the group wheel too */
	    {"mail:anna@x", false, "user:carl", false, EYES_SECOND},
	    /* Nor is root, where somebody's name stands for it. */
	    {"mail:anna@x", false, "user:carl", true, EYES_NO},
	    {"user:carl", true, "mail:bert@x", false, EYES_SECOND},
	};
	struct group g;

	(void)state;
	set_up(&g);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(judge(&g, rows[i].first, rows[i].first_root, rows[i].second,
		                       rows[i].second_root, asked, 1000),
		                 rows[i].say);
}

static void test_bounds(void **state)
{
	struct group g;

	(void)state;
	set_up(&g);
	for (int64_t minute = 0; minute < 120; minute++)
		assert_int_equal(judge(&g, "mail:anna@x", false, "mail:bert@x", false, asked, minute * 60000),
		                 minute < 60 ? EYES_SECOND : EYES_FIRST);
	assert_int_equal(judge(&g, "mail:anna@x", false, "mail:bert@x", false, asked, EYES_MS - 1),
	                 EYES_SECOND);
	assert_int_equal(judge(&g, "mail:anna@x", false, "mail:bert@x", false, other, 0), EYES_FIRST);
	made_less = "mail:anna@x";
	assert_int_equal(judge(&g, "mail:anna@x", false, "mail:bert@x", false, asked, 0), EYES_FIRST);
	assert_true(eyes_wanted(&g.core, "gateway"));
	assert_false(eyes_wanted(&g.core, "agent"));
	g.approval[0] = none;
	assert_false(eyes_wanted(&g.core, "gateway"));
}

static void test_first(void **state)
{
	struct console k = operator("mail:anna@x", false), stranger = operator("mail:stranger@x", false),
	               root = operator("user:root", true);
	struct clv_err err = {0};
	struct group g;

	(void)state;
	set_up(&g);
	assert_int_equal(eyes_judge(&g.core, NULL, &k, asked, NOW, &err), EYES_FIRST);
	assert_int_equal(eyes_judge(&g.core, NULL, &root, asked, NOW, &err), EYES_FIRST);
	assert_int_equal(eyes_judge(&g.core, NULL, &stranger, asked, NOW, &err), EYES_NO);
	assert_non_null(strstr(err.text, "mail:stranger@x stands under no [person NAME]"));
	eyes_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_bounds),
	                                   cmocka_unit_test(test_first)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
