/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to keys, whole and cut at every place, and the table of actions: every action can be
 * reached, no key means two things on one screen, no act lies on a small letter.
 */
#include "console/keys.h"

#include "tests/lib/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The keys of a string that comes in two pieces, the second `gap` ms later: "Up j Esc". */
static void decode(const char *s, size_t len, size_t cut, int gap, char *out, size_t size)
{
	static struct input in;
	struct key k;
	int64_t now = 1000;
	size_t used = 0;
	char buf[8];
	out[0] = '\0';
	input_init(&in, 50);
	/* part 1 is the time that passes between the pieces, as the loop's timer sees it */
	for (int part = 0; part < 4; part++) {
		if (part == 0)
			input_feed(&in, (const uint8_t *)s, cut, now);
		else if (part == 2)
			input_feed(&in, (const uint8_t *)s + cut, len - cut, now);
		while (input_next(&in, now, &k)) {
			const char *name = k.code == KEYC_PASTE   ? "PASTE"
			                   : k.code == KEYC_READY ? "READY"
			                   : k.code == KEYC_OTHER ? "OTHER"
			                   : k.code == KEYC_MOUSE ? "MOUSE"
			                                          : keys_name(&k, buf);
			used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", name);
		}
		now += part == 0 ? gap : part == 1 ? 0 : 20000;
	}
}

static void test_sequences(void **state)
{
	static const struct {
		const char *bytes, *keys;
	} rows[] = {
	    {"j", "j"},
	    {"\033[A", "Up"},
	    {"\033OA", "Up"},
	    {"\033[5~", "PgUp"},
	    {"\033[1;5A", "OTHER"},
	    {"\033[0n", "READY"},
	    {"\033OP", "F1"},
	    {"\xc3\xa4", "\xc3\xa4"},
	    {"\xe2\x82\xac", "\xe2\x82\xac"},
	    {"\r", "Enter"},
	    {"\x06", "^F"},
	    {" ", "Space"},
	    {"\033[200~RyA\r\033[201~", "PASTE"},
	    {"\033]11;rgb:0000/0000/0000\007", "OTHER"},
	    {"\033P1$r0m\033\\", "OTHER"},
	    {"\033[?62;22c", "OTHER"},
	    {"\033[<0;10;10M", "MOUSE"},
	    {"\033[<0;10;10m", ""}, /* a release is nothing */
	    {"\033[<35;10;10M", ""},
	    {"\033[<0;0;10M", ""},
	    {"\033[<0;1;2;3M", ""},
	};
	char out[400];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].bytes);
		for (size_t cut = 0; cut <= len; cut++) {
			decode(rows[i].bytes, len, cut, 20, out, sizeof(out));
			if (strcmp(out, rows[i].keys) != 0)
				print_message("row %zu cut %zu: %s, wanted %s\n", i, cut, out, rows[i].keys);
			assert_string_equal(out, rows[i].keys);
		}
	}
}

/* Cut so that an Esc is taken by time: what follows is swallowed, no capital is ever heard. */
static void test_late_rest(void **state)
{
	char out[400];
	(void)state;
	decode("\033[A", 3, 1, 200, out, sizeof(out));
	assert_string_equal(out, "Esc");
	decode("\033OA", 3, 1, 200, out, sizeof(out));
	assert_string_equal(out, "Esc");
	decode("\033[1;2A", 6, 1, 200, out, sizeof(out));
	assert_string_equal(out, "Esc");
	decode("\033[A", 3, 2, 200, out, sizeof(out));
	assert_string_equal(out, "Up");
	decode("\033", 1, 1, 60, out, sizeof(out));
	assert_string_equal(out, "Esc");
	decode("\033j", 2, 1, 200, out, sizeof(out)); /* an Esc, and later a j */
	assert_string_equal(out, "Esc j");
}

static void test_damage(void **state)
{
	char out[400];
	(void)state;
	decode("\xff\xfe\xc0\xafj", 5, 2, 10, out, sizeof(out));
	assert_string_equal(out, "j");
	decode("\xc2\x9b"
	       "2Jj",
	       5, 1, 10, out, sizeof(out)); /* a C1 is nothing */
	assert_string_equal(out, "2 J j");
	decode("\033[200~never ends", 16, 3, 10, out, sizeof(out));
	assert_string_equal(out, "PASTE");
	decode("4AA8 718B 0D3F", 14, 14, 10, out, sizeof(out));
	assert_string_equal(out, "PASTE");
	decode("4AA8 718B", 9, 9, 10, out, sizeof(out));
	assert_string_equal(out, "4 A A 8 Space 7 1 8 B");
}

static void test_table(void **state)
{
	(void)state;
	for (int i = 1; i < ACTION_MAX; i++) {
		const struct action_row *r = &action_rows[i];
		assert_int_equal(r->action, i);
		assert_true(r->help[0] != '\0');
		assert_true(r->keys[0] != '\0' || r->command != NULL);
		if (r->dangerous) {
			assert_int_equal(strlen(r->keys), 1);
			assert_true(isupper((unsigned char)r->keys[0]) || r->keys[0] == '+');
			assert_null(strchr("GNJKHLQ", r->keys[0]));
			assert_true(r->role >= CLV_ROLE_OPERATOR);
			assert_non_null(action_forbidden(r->action, CLV_ROLE_ADMINISTRATOR, true));
			assert_non_null(action_forbidden(r->action, CLV_ROLE_VIEWER, false));
			assert_null(action_forbidden(r->action, CLV_ROLE_ADMINISTRATOR, false));
		}
	}
}

/* No key means two things on one screen. */
static void test_no_double(void **state)
{
	char keys[ACTION_MAX][64];
	(void)state;
	for (unsigned where = 1; where <= W_RECOVER; where <<= 1) {
		for (int i = 1; i < ACTION_MAX; i++) {
			snprintf(keys[i], sizeof(keys[i]), " %s ", action_rows[i].keys);
			for (int k = 1; k < i && (action_rows[i].where & where) != 0; k++) {
				char copy[64], *save = NULL;
				if ((action_rows[k].where & where) == 0)
					continue;
				snprintf(copy, sizeof(copy), "%s", action_rows[k].keys);
				for (char *w = strtok_r(copy, " ", &save); w != NULL;
				     w = strtok_r(NULL, " ", &save)) {
					char needle[24];
					snprintf(needle, sizeof(needle), " %s ", w);
					assert_null(strstr(keys[i], needle));
				}
			}
		}
	}
}

/* What the hint line shows is a key of that action on that screen. */
static void test_hints(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_hint_rows; i++) {
		const struct hint_row *h = &hint_rows[i];
		assert_int_equal(h->where & ~action_rows[h->action].where & W_ALL, 0);
		assert_non_null(strstr(action_rows[h->action].keys, h->key));
	}
}

static void test_commands(void **state)
{
	(void)state;
	assert_int_equal(keys_command("agents", 6), ACTION_GO_AGENTS);
	assert_int_equal(keys_command("agent", 5), ACTION_GO_AGENT);
	assert_int_equal(keys_command("o", 1), ACTION_GO_OVERVIEW);
	assert_int_equal(keys_command("a", 1), ACTION_NONE); /* two begin so */
	assert_int_equal(keys_command("pen", 3), ACTION_GO_PENDING);
	assert_int_equal(keys_command("nonsense", 8), ACTION_NONE);
	assert_int_equal(keys_command("", 0), ACTION_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sequences), cmocka_unit_test(test_late_rest), cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_table),     cmocka_unit_test(test_no_double), cmocka_unit_test(test_hints),
	    cmocka_unit_test(test_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
