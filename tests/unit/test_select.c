/* SPDX-License-Identifier: Apache-2.0 */
/* Rows chosen and ordered in slices: against qsort, with steps of every size, stable, by several keys and
 * ties; the order by whole numbers is the order of the comparison for every column; a narrowing filter never
 * loses a row. */
#include "tests/lib/unit.h"
#include "model/filter.h"
#include "model/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	uint64_t key[2];
	unsigned place, tie;
};

static unsigned seed = 1;

static uint64_t any(void)
{
	seed = seed * 1103515245u + 12345u;
	return seed >> 8;
}

static bool even(void *ctx, const void *p)
{
	(void)ctx;
	return ((const struct item *)p)->place % 2 == 0;
}

static uint64_t key_of(void *ctx, const void *p, unsigned part)
{
	(void)ctx;
	return ((const struct item *)p)->key[part];
}

static int by_tie(void *ctx, const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	(void)ctx;
	return (x->tie > y->tie) - (x->tie < y->tie);
}

static int expected(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	for (int i = 0; i < 2; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void against_qsort(void **state)
{
	static const struct select_ops ops = {even, key_of, 2, NULL, NULL};
	static const size_t sizes[] = {0, 1, 2, 3, 255, 1000}, steps[] = {1, 7, 1024, 1u << 20};

	(void)state;
	for (size_t z = 0; z < sizeof sizes / sizeof sizes[0]; z++)
		for (size_t t = 0; t < sizeof steps / sizeof steps[0]; t++) {
			size_t n = sizes[z], turns = 0, got = 0, want = 0;
			struct item *items = calloc(n + 1, sizeof *items);
			void **in = calloc(n + 1, sizeof *in), **out = NULL,
			     **wanted = calloc(n + 1, sizeof *in);
			struct select *s;

			for (size_t i = 0; i < n; i++) {
				items[i] = (struct item){
				    {any() % 5 << 40, any() % 3 ? any() << 20 : UINT64_MAX}, (unsigned)i, 0};
				in[i] = &items[i];
				if (i % 2 == 0)
					wanted[want++] = &items[i];
			}
			qsort(wanted, want, sizeof *wanted, expected);
			s = select_new(in, n, &ops, NULL);
			while (!select_step(s, steps[t]))
				assert_true(++turns < 100000);
			assert_true(select_step(s, 1)); /* done stays done */
			select_take(s, &out, &got);
			assert_int_equal(got, want);
			assert_memory_equal(out, wanted, want * sizeof *out);
			select_free(s);
			free(items);
			free(in);
			free(out);
			free(wanted);
		}
	select_free(NULL);
}

static void ties_are_told_apart(void **state)
{
	static const struct select_ops ops = {NULL, key_of, 1, by_tie, NULL};
	struct item items[300];
	void *in[300], **out = NULL;
	size_t n = 0;
	struct select *s;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		/* Those without a key stay as they came. */
		items[i] = (struct item){{i % 3 == 2 ? UINT64_MAX : i % 3, 0}, i, 1000 - i};
		in[i] = &items[i];
	}
	s = select_new(in, 300, &ops, NULL);
	while (!select_step(s, 10))
		;
	select_take(s, &out, &n);
	assert_int_equal(n, 300);
	for (size_t i = 1; i < 300; i++) {
		const struct item *a = out[i - 1], *b = out[i];

		assert_true(a->key[0] <= b->key[0]);
		if (a->key[0] == b->key[0])
			assert_true(a->key[0] == UINT64_MAX ? a->place < b->place : a->tie < b->tie);
	}
	select_free(s);
	free(out);
}

/* --- facts --- */
#define AGENTS 400

static char names[AGENTS][40];

static void make_agents(struct clv_agent_fact *f)
{
	static const char *const servers[] = {
	    "ms1.ops.test", "MS2.ops.test", NULL,
	    "a-server-with-a-name-that-is-longer-than-eight-bytes-and-so-on"};

	memset(f, 0, AGENTS * sizeof *f);
	for (size_t i = 0; i < AGENTS; i++) {
		(void)snprintf(names[i], sizeof names[i], "%s%03zu.ops.test", i % 3 ? "web" : "db0", i);
		f[i].name = names[i];
		f[i].server = (char *)(uintptr_t)servers[any() % 4];
		f[i].approval = (enum clv_approval)(any() % 3);
		f[i].contact = (enum clv_contact)(any() % 3);
		f[i].has_key = any() % 4 != 0;
		f[i].key.state = (enum clv_key_state)(any() % 5);
		f[i].key.not_before = (int64_t)any() - 1000;
		f[i].key.not_after = any() % 3 ? (int64_t)any() * 1000000 : 0;
		f[i].key.ordinal = (uint32_t)any() % 4;
		f[i].last_seen = (int64_t)any();
		for (size_t b = 0; b < 32; b++)
			f[i].key.sha256[b] = (uint8_t)(b < 8 && i % 2 ? 7 : any());
		memcpy(f[i].key.key_id, f[i].key.sha256, 16);
		memcpy(f[i].key.sha1, f[i].key.sha256, 20);
	}
}

static const struct sort_keys *sorting;
static uint64_t key_of_agent(void *ctx, const void *p, unsigned part)
{
	(void)ctx;
	return sort_key(sorting, p, part);
}

static int cmp_agents(void *ctx, const void *a, const void *b)
{
	(void)ctx;
	return sorting->cmp(a, b);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct clv_agent_fact *const *)a)->name, (*(struct clv_agent_fact *const *)b)->name);
}

static int by_sort(const void *a, const void *b)
{
	return sorting->cmp(*(void *const *)a, *(void *const *)b);
}

static void every_column(void **state)
{
	static const char *const columns[] = {
	    "",           "name",      "approval",   "contact",   "key_id",  "sha1",          "sha256",
	    "not_before", "not_after", "generation", "key_state", "gateway", "server",        "mechanism",
	    "protocol",   "cipher",    "last_seen",  "state",     "expires", "config_version"};
	static struct clv_agent_fact facts[AGENTS];
	void *in[AGENTS], *want[AGENTS];
	struct clv_err err = {0};

	(void)state;
	make_agents(facts);
	for (size_t i = 0; i < AGENTS; i++)
		in[i] = &facts[i];
	qsort(in, AGENTS, sizeof *in, by_name);
	for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
		struct sort_keys k;
		struct select *s;
		void **out = NULL;
		size_t n = 0;

		assert_int_equal(sort_keys_parse(columns[c], FILTER_AGENTS, &k, &err), CLV_OK);
		sorting = &k;
		struct select_ops ops = {NULL, key_of_agent, k.parts, k.ties ? cmp_agents : NULL, NULL};
		memcpy(want, in, sizeof want);
		qsort(want, AGENTS, sizeof *want, by_sort);
		s = select_new(in, AGENTS, &ops, NULL);
		while (!select_step(s, 64))
			;
		select_take(s, &out, &n);
		assert_int_equal(n, AGENTS);
		for (size_t i = 0; i < n; i++)
			if (out[i] != want[i])
				fail_msg("by '%s': row %zu is %s, not %s", columns[c], i,
				         ((struct clv_agent_fact *)out[i])->name,
				         ((struct clv_agent_fact *)want[i])->name);
		select_free(s);
		free(out);
	}
	struct sort_keys none;
	assert_int_equal(sort_keys_parse("colour", FILTER_AGENTS, &none, &err), CLV_FAILED);
	assert_int_equal(err.cls, CLV_CLASS_USAGE);
}

static struct filter *parse(const char *expr)
{
	struct clv_err err = {0};
	struct filter *f = filter_parse(expr, FILTER_AGENTS, 1795000000000ll, &err);

	if (!f)
		fail_msg("%s: %s", expr, err.text);
	return f;
}

/* What is typed on, letter by letter: wherever it says that it narrows, it does. */
static void narrowing(void **state)
{
	static const char *const typed[] = {
	    "web01",
	    "db0001",
	    "web !db",
	    "state:confirmed web",
	    "0707 0707 0707",
	    "expires<30d web",
	    "~^web web0",
	    "server:ms* w",
	    "\"web 1\"",
	    "name=web001,db0",
	    "!seen:now",
	    "is",
	    "generation>1 web",
	    "contact:up contact:silent",
	    "ops .test",
	};
	static struct clv_agent_fact facts[AGENTS];
	unsigned said = 0, asked = 0;

	(void)state;
	make_agents(facts);
	for (size_t t = 0; t < sizeof typed / sizeof typed[0]; t++)
		for (size_t from = 0; from <= strlen(typed[t]); from++)
			for (size_t to = from; to <= strlen(typed[t]); to++) {
				struct clv_err err = {0};
				char a[64], b[64];
				(void)snprintf(a, sizeof a, "%.*s", (int)from, typed[t]);
				(void)snprintf(b, sizeof b, "%.*s", (int)to, typed[t]);
				struct filter *last = filter_parse(a, FILTER_AGENTS, 1795000000000ll, &err);
				struct filter *next = filter_parse(b, FILTER_AGENTS, 1795000000000ll, &err);

				asked++;
				if (last && next && filter_narrows(last, next)) {
					said++;
					for (size_t i = 0; i < AGENTS; i++)
						if (filter_agent(next, &facts[i]) &&
						    !filter_agent(last, &facts[i]))
							fail_msg("'%s' after '%s' takes %s, which the first "
							         "did not",
							         b, a, facts[i].name);
				}
				filter_free(last);
				filter_free(next);
			}
	print_message("narrowing said %u times of %u\n", said, asked);
	assert_true(said > 50);
	/* The common case, and what must not be taken for one. */
	static const struct {
		const char *last, *next;
		bool narrows;
	} cases[] = {
	    {"", "web", true},
	    {"web", "web0", true},
	    {"web", "WEB0 state:confirmed", true},
	    {"web", "xweb", true},
	    {"web0", "web", false},
	    {"!web", "!web0", false},
	    {"db0", "db01", false}, /* four digits may be a thumbprint */
	    {"expires<30d", "expires<30d web", false},
	    {"~^web", "~^web web", false},
	    {"state:stored", "state:confirmed", false},
	    {"state:stored", "state:stored web", true},
	    {"name:web", "name:web0", false}, /* a pattern: not looked into */
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct filter *last = parse(cases[i].last), *next = parse(cases[i].next);
		if (filter_narrows(last, next) != cases[i].narrows)
			fail_msg("'%s' to '%s'", cases[i].last, cases[i].next);
		filter_free(last);
		filter_free(next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(against_qsort),
	    cmocka_unit_test(ties_are_told_apart),
	    cmocka_unit_test(every_column),
	    cmocka_unit_test(narrowing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
