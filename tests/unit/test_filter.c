/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language: what matches, what is refused, and that no pattern costs too much.
 */
#include "model/filter.h"
#include "tests/lib/drawn.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY (86400000LL)

/* db01: silent for 4 d, ends in 3 d; app01: kerberos by gw1; app02: stored; web01 ... */
static size_t count(const char *expr)
{
	struct clv_err err = {0};
	struct clv_agent_fact *a = drawn_agents(10);
	struct filter *f = filter_parse(expr, FILTER_AGENTS, DRAWN_NOW, &err);
	size_t n = 0;
	if (f == NULL)
		print_message("%s: %s\n", expr, err.text);
	assert_non_null(f);
	for (size_t i = 0; i < 10; i++) {
		bool hit = filter_agent(f, &a[i]);

		n += hit;
		/* The short way says the same. */
		if (filter_plain_only(f))
			assert_int_equal(filter_agent_plain(f, a[i].name, a[i].has_key ? &a[i].key : NULL),
			                 hit);
	}
	filter_free(f);
	facts_agents_free(a, 10);
	return n;
}

/* One to three words of pieces of names and thumbprints, some of them negated, in either case. */
static void test_plain(void **state)
{
	static const char *const pieces[] = {
	    "a",    "P",    "app",           "0",    "1.",    "ops",    ".TEST",    "web0",
	    "176F", "2ec4", "db01.ops.test", "\"\"", "~^web", "~0[12]", "4aa8718b", "zz",
	    "x"};
	enum { N = sizeof pieces / sizeof pieces[0] };
	size_t some = 0, plain = 0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		char expr[96] = "";
		unsigned x = i * 2654435761u;

		for (unsigned w = 0; w < 1 + i % 3; w++, x = x * 1103515245u + 12345u)
			(void)snprintf(expr + strlen(expr), sizeof expr - strlen(expr), "%s%s ",
			               (x >> 8) % 3 ? "" : "!", pieces[(x >> 16) % N]);
		struct filter *f = filter_parse(expr, FILTER_AGENTS, DRAWN_NOW, NULL);

		plain += f && filter_plain_only(f);
		filter_free(f);
		if (f)
			some += count(expr) % 10 != 0;
	}
	assert_true(plain > 2000);
	assert_true(some > 500);
}

static void test_agents(void **state)
{
	static const struct {
		const char *expr;
		size_t n;
	} rows[] = {
	    {"", 10},
	    {"app", 2},
	    {"APP", 2},
	    {"app !app02", 1},
	    {"state:stored", 1},
	    {"key_state:stored", 1},
	    {"!state:confirmed", 1},
	    {"expires<7d", 1},
	    {"ends<30d", 10},
	    {"expires>7d", 9},
	    {"not_after<2026-11-30", 1},
	    {"not_after>2026-11-30", 9},
	    {"expires:2026-11-25", 1},
	    {"seen:now", 9},
	    {"!seen:now", 1},
	    {"seen>1h", 1},
	    {"seen<1h", 9},
	    {"contact:silent", 1},
	    {"contact:up", 9},
	    {"via:gw1", 2},
	    {"via:direct", 8},
	    {"gateway:gw*", 2},
	    {"mechanism:kerberos", 2},
	    {"~^db[0-9]", 1},
	    {"name~^(db|app)0[12]", 3},
	    {"!~^web", 3},
	    {"name=db01.ops.test,app01.ops.test,nobody", 2},
	    {"name:web0*", 7},
	    {"name:web0?", 7},
	    {"name:db0*.ops.test", 1},
	    {"generation:1", 10},
	    {"generation>1", 0},
	    {"176F2EC4", 1},
	    {"17 6F 2E C4", 1},
	    {"17:6f:2e:c4", 1},
	    {"0x176f2ec4", 1},
	    {"\xe2\x80\x8e"
	     "176f2ec4",
	     1},
	    {"key_id:176F", 1},
	    {"key_id:17 6F 2E C4", 1},
	    {"176F 2EC4", 1},
	    {"sha256:4AA8718B", 1},
	    {"\"app01\"", 1},
	    {"approval:approved", 10},
	    {"approval:pending", 0},
	    {"protocol:1.3", 8},
	    {"server:none", 0},
	    {"cipher:aes256-cts*", 2},
	    {"state:in_use", 0},
	    {"state:\"in use\"", 0},
	    {"since:1h", 9},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = count(rows[i].expr);
		if (n != rows[i].n)
			print_message("%s: %zu, wanted %zu\n", rows[i].expr, n, rows[i].n);
		assert_int_equal(n, rows[i].n);
	}
}

static void test_base64(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct clv_agent_fact *a = drawn_agents(4);
	char s[45] = "";
	const uint8_t *p = a[3].key.sha256;
	(void)state;
	for (size_t i = 0, o = 0; i < 32; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | (i + 2 < 32 ? p[i + 2] : 0);
		for (int k = 18; k >= 0 && o < 44; k -= 6)
			s[o++] = alphabet[v >> k & 63];
	}
	s[43] = '=';
	assert_int_equal(count(s), 1);
	facts_agents_free(a, 4);
}

static void refused(const char *expr, const char *why)
{
	struct clv_err err = {0};
	struct filter *f = filter_parse(expr, FILTER_AGENTS, DRAWN_NOW, &err);
	if (f != NULL)
		print_message("taken: %s\n", expr);
	assert_null(f);
	if (strstr(err.text, why) == NULL)
		print_message("%s: %s\n", expr, err.text);
	assert_non_null(strstr(err.text, why));
	assert_null(strchr(err.text, '\n'));
}

static void test_refused(void **state)
{
	char *longer = clv_calloc(1, FILTER_EXPR_MAX + 2);
	(void)state;
	memset(longer, 'a', FILTER_EXPR_MAX + 1);
	refused(longer, "longer than");
	refused("colour:red", "there are: name approval");
	refused("state:gone", "is one of");
	refused("expires<soon", "age");
	refused("generation:many", "number");
	refused("name<5", "no order");
	refused("state:", "needs a value");
	refused("!", "needs a term");
	refused("is:marked", "full screen");
	refused("key_id:xyz", "hexadecimal");
	refused("state=stored", "texts only");
	refused("~", "pattern");
	refused("~(a+)+", "too long");
	refused("~(a*)*b", "too long");
	refused("~a++", "too long");
	refused("~(.)\\1", "too long");
	refused("~a{1,9999}", "too long");
	refused("~(a{1,60}){60}", "too long");
	refused("~(", "regular expression");
	clv_free(longer);
}

/* Patterns made at random must be refused or be quick. */
static void test_regex_bounded(void **state)
{
	static const char parts[] = "ab.*+?(){}|[]^$\\1,29";
	static const char subject[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	unsigned seed = 42;
	size_t taken = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		char expr[40] = "~";
		struct clv_agent_fact a = {.name = (char *)(uintptr_t)subject};
		size_t n = 1;
		for (seed = seed * 1103515245u + 12345u; n < 2 + (seed >> 20) % 24; n++) {
			seed = seed * 1103515245u + 12345u;
			expr[n] = parts[(seed >> 16) % (sizeof(parts) - 1)];
		}
		int64_t from = clock_mono_ms();
		struct filter *f = filter_parse(expr, FILTER_AGENTS, DRAWN_NOW, NULL);
		if (f != NULL) {
			taken++;
			(void)filter_agent(f, &a);
		}
		filter_free(f);
		if (clock_mono_ms() - from > 200)
			print_message("slow: %s\n", expr);
		assert_true(clock_mono_ms() - from <= 200);
	}
	assert_true(taken > 100);
}

static void test_other_kinds(void **state)
{
	struct clv_err err = {0};
	size_t n_pending, n = 0;
	struct clv_event_fact *e = drawn_events(40);
	struct clv_pending_fact *p = drawn_pending(&n_pending);
	struct clv_audit_fact audit = {.seq = 7,
	                               .time = DRAWN_NOW - 60000,
	                               .who = clv_strdup("eve@OPS.TEST"),
	                               .act = clv_strdup("approve"),
	                               .result = clv_strdup("not allowed")};
	(void)state;
	struct filter *f = filter_parse("7006 level:information since:1h", FILTER_EVENTS, DRAWN_NOW, &err);
	assert_non_null(f);
	for (size_t i = 0; i < 40; i++)
		n += filter_event(f, &e[i]);
	assert_int_equal(n, 10);
	filter_free(f);
	f = filter_parse("conflict:true from:10.66", FILTER_PENDING, DRAWN_NOW, &err);
	assert_non_null(f);
	n = 0;
	for (size_t i = 0; i < n_pending; i++)
		n += filter_pending(f, &p[i]);
	assert_int_equal(n, 1);
	filter_free(f);
	f = filter_parse("who:eve since:24h", FILTER_AUDIT, DRAWN_NOW, &err);
	assert_non_null(f);
	assert_true(filter_audit(f, &audit));
	filter_free(f);
	facts_events_free(e, 40);
	facts_pending_free(p, n_pending);
	clv_free(audit.who);
	clv_free(audit.act);
	clv_free(audit.result);
}

static sort_cmp *by;

static int compare(const void *a, const void *b)
{
	return by(a, b);
}

static void test_sort(void **state)
{
	struct clv_agent_fact *a = drawn_agents(10);
	struct clv_err err = {0};
	(void)state;
	assert_int_equal(sort_parse("ends", FILTER_AGENTS, &by, &err), CLV_OK);
	qsort(a, 10, sizeof(*a), compare);
	assert_string_equal(a[0].name, "db01.ops.test");
	assert_string_equal(a[1].name, "app01.ops.test"); /* equal ones by name */
	assert_int_equal(sort_parse(NULL, FILTER_AGENTS, &by, &err), CLV_OK);
	qsort(a, 10, sizeof(*a), compare);
	assert_string_equal(a[0].name, "app01.ops.test");
	assert_int_equal(sort_parse("via", FILTER_AGENTS, &by, &err), CLV_OK);
	qsort(a, 10, sizeof(*a), compare);
	assert_non_null(a[0].gateway); /* absent ones last */
	assert_int_equal(sort_parse("nonsense", FILTER_AGENTS, &by, &err), CLV_FAILED);
	facts_agents_free(a, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),         cmocka_unit_test(test_agents),
	    cmocka_unit_test(test_base64),        cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_regex_bounded), cmocka_unit_test(test_other_kinds),
	    cmocka_unit_test(test_sort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
