/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration reader: good files, every kind of bad line with its number, flipped bits. */
#include "tests/lib/unit.h"
#include "base/conf.h"
#include "base/options.h"

#include <stdlib.h>
#include <string.h>

static const struct conf_option table[] = {
    {"node", "name", CONF_NAME, 1, 20, "!", NULL, false, "the name"},
    {"node", "note", CONF_STRING, 2, 10, NULL, NULL, false, "a note"},
    {"node", "role", CONF_CHOICE, 0, 0, "agent", "agent|gateway", false, "the role"},
    {"node", "bare", CONF_BOOL, 0, 0, "no", NULL, false, "no sandbox"},
    {"node", "state", CONF_PATH, 1, 100, "/var/x", NULL, false, "state"},
    {"net", "bits", CONF_INT, -5, 4096, "3072", NULL, true, "bits"},
    {"net", "wait", CONF_DURATION, 100, 86400000, "60s", NULL, true, "wait"},
    {"net", "room", CONF_SIZE, 1, 1 << 30, "1M", NULL, true, "room"},
    {"net", "servers", CONF_LIST, 0, 3, NULL, NULL, true, "servers"},
    {"profile *", "users", CONF_LIST, 0, 3, NULL, NULL, true, "users"},
    {"profile *", "as", CONF_STRING, 1, 10, "nobody", NULL, true, "as whom"},
    {NULL, NULL, CONF_STRING, 0, 0, NULL, NULL, false, NULL},
};

static void good(void **state)
{
	const char *text = "# head\n\n[node]\n name = web01.ops.test \t# that one\nrole=gateway\nbare = yes\n"
	                   "note = a#b = c\n[net]\nbits = 2048\nwait = 2m\nroom = 64K\nservers = a:1, "
	                   "b\tc,\n[node]\nstate = /s s";
	const char *const *items;
	struct conf *c = NULL;
	struct clv_err err;

	(void)state;
	assert_int_equal(conf_parse("f.conf", slice_str(text), table, &c, &err), CLV_OK);
	assert_string_equal(conf_str(c, "node", "name"), "web01.ops.test");
	assert_string_equal(conf_str(c, "node", "role"), "gateway");
	assert_string_equal(conf_str(c, "node", "note"), "a#b = c");
	assert_string_equal(conf_str(c, "node", "state"), "/s s");
	assert_true(conf_bool(c, "node", "bare"));
	assert_int_equal(conf_int(c, "net", "bits"), 2048);
	assert_int_equal(conf_int(c, "net", "wait"), 120000);
	assert_int_equal(conf_int(c, "net", "room"), 65536);
	assert_int_equal(conf_list(c, "net", "servers", &items), 3);
	assert_string_equal(items[0], "a:1");
	assert_string_equal(items[2], "c");
	assert_int_equal(conf_line(c, "node", "name"), 4);
	assert_true(conf_is_set(c, "node", "name"));
	assert_string_equal(conf_name(c), "f.conf");
	conf_free(c);
	conf_free(NULL);
}

static void named_sections(void **state)
{
	static const char head[] = "[node]\nname = a\n";
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"[profile ]\n", "f.conf:3"},
	    {"[profile]\n", "f.conf:3"},
	    {"[profile A]\n[profile A]\n", "f.conf:4"},
	    {"[profile A]\nusers = a\nusers = b\n", "f.conf:5"},
	    {"[profile A]\nbits = 3\n", "f.conf:4"},
	    {"[profiles A]\n", "f.conf:3"},
	};
	const char *const *items;
	const char *title = NULL;
	const struct conf *s;
	struct conf *c = NULL;
	struct clv_err err;
	char *text;

	(void)state;
	assert_int_equal(conf_parse("f.conf",
	                            slice_str("[node]\nname = a\n[profile SQL Monitoring]\nusers = x, y\n"
	                                      "[net]\nbits = 7\n[profile B]\nas = me\n"),
	                            table, &c, &err),
	                 CLV_OK);
	assert_int_equal(conf_count(c, "profile *"), 2);
	s = conf_nth(c, "profile *", 0, &title);
	assert_string_equal(title, "SQL Monitoring");
	assert_int_equal(conf_list(s, "profile *", "users", &items), 2);
	assert_string_equal(items[1], "y");
	assert_string_equal(conf_str(s, "profile *", "as"), "nobody");
	s = conf_nth(c, "profile *", 1, &title);
	assert_string_equal(title, "B");
	assert_string_equal(conf_str(s, "profile *", "as"), "me");
	assert_int_equal(conf_line(s, "profile *", "as"), 8);
	assert_int_equal(conf_int(c, "net", "bits"), 7);
	conf_free(c);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		text = clv_asprintf("%s%s", head, bad[i].text);
		c = NULL;
		memset(&err, 0, sizeof err);
		assert_int_equal(conf_parse("f.conf", slice_str(text), table, &c, &err), CLV_FAILED);
		assert_non_null(strstr(err.text, bad[i].says));
		clv_free(text);
	}
}

static void defaults(void **state)
{
	const char *const *items;
	struct conf *c = NULL;
	struct clv_err err;

	(void)state;
	assert_int_equal(conf_parse("f", SLICE_LIT("[node]\nname=a\n"), table, &c, &err), CLV_OK);
	assert_string_equal(conf_str(c, "node", "role"), "agent");
	assert_null(conf_str(c, "node", "note"));
	assert_false(conf_bool(c, "node", "bare"));
	assert_int_equal(conf_int(c, "net", "wait"), 60000);
	assert_int_equal(conf_int(c, "net", "room"), 1 << 20);
	assert_int_equal(conf_list(c, "net", "servers", &items), 0);
	assert_false(conf_is_set(c, "net", "wait"));
	assert_int_equal(conf_line(c, "net", "wait"), 0);
	conf_free(c);
}

static const struct {
	const char *text;
	const char *where;
	const char *what;
} bad[] = {
    {"[node]\nname = a\nnmae = b\n", "f:3: ", "expected in [node] one of name, note, role, bare, state"},
    {"[nod]\n", "f:1: ", "expected one of node, net"},
    {"[node]\nname = a\nname = b", "f:3: ", "first in line 2"},
    {"name = a", "f:1: ", "before any section"},
    {"[node]\nname\n", "f:2: ", "expected name = value"},
    {"[node]\nname =\n", "f:2: ", "has no value"},
    {"[node]\n", "f:1: ", "node.name is missing"},
    {"", "f:1: ", "node.name is missing"},
    {"[node\n", "f:1: ", "close the bracket"},
    {"[]\n", "f:1: ", "expected [name]"},
    {"[node]\nname = a b\n", "f:2: ", "letters, digits"},
    {"[node]\nname = \"a\"\n", "f:2: ", "quotation mark"},
    {"[node]\nname = aaaaaaaaaaaaaaaaaaaaa\n", "f:2: ", "1 to 20"},
    {"[node]\nname=a\nnote=x\n", "f:3: ", "2 to 10 bytes"},
    {"[node]\nname=a\nrole=agen\n", "f:3: ", "agent|gateway"},
    {"[node]\nname=a\nrole=agent|gateway\n", "f:3: ", "agent|gateway"},
    {"[node]\nname=a\nbare=maybe\n", "f:3: ", "yes or no"},
    {"[net]\nbits = 4097\n", "f:2: ", "-5 to 4096"},
    {"[net]\nbits = -6\n", "f:2: ", "-5 to 4096"},
    {"[net]\nbits = 0x10\n", "f:2: ", "whole number"},
    {"[net]\nbits = 99999999999999999999\n", "f:2: ", "whole number"},
    {"[net]\nwait = 60\n", "f:2: ", "100ms to 1d"},
    {"[net]\nwait = 2d\n", "f:2: ", "100ms to 1d"},
    {"[net]\nwait = 1 h\n", "f:2: ", "duration"},
    {"[net]\nroom = 9223372036854775807T\n", "f:2: ", "size"},
    {"[net]\nservers = a b c d\n", "f:2: ", "0 to 3 items"},
    {"[node]\r\nname = a\r\n", "f:1: ", "carriage return"},
    {"\xef\xbb\xbf[node]\n", "f:1: ", "byte order mark"},
    {"[node]\nname = a\x01\n", "f:2: ", "control character (0x01)"},
    {"[node]\nname = \xff\n", "f:2: ", "not UTF-8"},
    {"[node]\n\xe2\x80\xae = 1\n", "f:2: ", "\\u{202e}"},
};

static void bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf *c = NULL;
		struct clv_err err;

		assert_int_equal(conf_parse("f", slice_str(bad[i].text), table, &c, &err), CLV_FAILED);
		assert_null(c);
		assert_int_equal(err.code, CLV_E_CONFIG);
		if (strncmp(err.text, bad[i].where, strlen(bad[i].where)) != 0 ||
		    strstr(err.text, bad[i].what) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_null(strchr(err.text, '\n'));
	}
}

static void sizes(void **state)
{
	struct conf *c = NULL;
	struct clv_err err;
	char *big = malloc(1100000);

	(void)state;
	memset(big, '#', 1100000);
	assert_int_equal(conf_parse("f", slice_of(big, 1100000), table, &c, &err), CLV_FAILED);
	assert_int_equal(conf_parse("f", slice_of(big, 4097), table, &c, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "f:1: a line of 4097 bytes"));
	assert_int_equal(conf_parse("f", SLICE_LIT("[node]\nname=a\0b\n"), table, &c, &err), CLV_FAILED);
	free(big);
}

static void flipped_bits_never_break_it(void **state)
{
	static const char text[] = "[node]\nname = web01\nrole = agent\n[net]\nwait = 10s\nservers = a b\n";
	char copy[sizeof(text)];
	size_t refused = 0;

	(void)state;
	for (size_t bit = 0; bit < (sizeof(text) - 1) * 8; bit++) {
		struct conf *c = NULL;
		struct clv_err err;

		memcpy(copy, text, sizeof(text));
		copy[bit / 8] ^= (char)(1 << bit % 8);
		if (conf_parse("f", slice_of(copy, sizeof(text) - 1), table, &c, &err) != CLV_OK) {
			refused++;
			assert_non_null(strstr(err.text, "f:"));
		}
		conf_free(c);
		c = NULL;
		(void)!conf_parse("f", slice_of(text, bit / 8), table, &c, &err);
		conf_free(c);
	}
	assert_true(refused > 200);
}

#define HEAD "[node]\nname=a.b\ngroup=G\nrole=agent\n"

static void the_products_table_is_sound(void **state)
{
	struct conf *c = NULL;
	struct clv_err err;

	(void)state;
	assert_int_equal(conf_parse("f", SLICE_LIT(HEAD), node_options, &c, &err), CLV_OK);
	conf_free(c);
}

/* Nothing at all is no way to say that one person is enough: the word is none. */
static void approval_is_not_switched_off_by_an_empty_list(void **state)
{
	static const char *const texts[] = {"", " ", ",", " , ,"};
	const char *const *items = NULL;
	struct conf *c = NULL;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *text = clv_asprintf(HEAD "[trust]\nrequire_approval =%s\n", texts[i]);

		assert_int_equal(conf_parse("f", slice_str(text), node_options, &c, &err), CLV_FAILED);
		assert_non_null(strstr(err.text, "f:6: trust.require_approval is "));
		assert_non_null(strstr(err.text, "expected 1 to 8 items"));
		assert_non_null(strstr(err.text, "none: nothing"));
		clv_free(text);
	}
	assert_int_equal(conf_parse("f", SLICE_LIT(HEAD), node_options, &c, &err), CLV_OK);
	assert_int_equal(conf_list(c, "trust", "require_approval", &items), 2);
	assert_string_equal(items[0], "gateway");
	assert_string_equal(items[1], "management-server");
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good),
	    cmocka_unit_test(named_sections),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(bad_lines),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(flipped_bits_never_break_it),
	    cmocka_unit_test(the_products_table_is_sound),
	    cmocka_unit_test(approval_is_not_switched_off_by_an_empty_list),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
