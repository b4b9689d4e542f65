/* SPDX-License-Identifier: Apache-2.0 */
/* Safe text: a table of hostile and of honest strings, and properties over random bytes. */
#include "tests/lib/unit.h"
#include "claviger/text.h"

#include <string.h>
#include <utf8proc.h>

static const struct {
	const char *in;
	const char *out;
	uint32_t cells;
} rows[] = {
    {"", "", 0},
    {"web01.ops.test", "web01.ops.test", 14},
    {"C:\\x41", "C:\\x41", 6},
    {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", 18},
    {"a\tb\r\nc", "a\\x09b\\x0d\\x0ac", 15},
    {"\x7f", "\\x7f", 4},
    {"\xc2\x9b"
     "31m",
     "\\x9b31m", 7},
    {"\x9b\xff\xfe", "\\x9b\\xff\\xfe", 12},
    {"\xc0\xaf", "\\xc0\\xaf", 8},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", 12},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 16},
    {"\xe2\x82", "\\xe2\\x82", 8},
    {"\xe2\x80\xae"
     "gpj",
     "\\u{202e}gpj", 11},
    {"\xe2\x81\xa6x", "\\u{2066}x", 9},
    {"\xd8\x9c", "\\u{061c}", 8},
    {"a\xe2\x80\x8b"
     "b",
     "a\\u{200b}b", 10},
    {"\xef\xbb\xbfx", "\\u{feff}x", 9},
    {"\xc2\xad", "\\u{00ad}", 8},
    {"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}", 16},
    {"\xf3\xa0\x81\x81", "\\u{e0041}", 9},
    {"\xee\x80\x80", "\\u{e000}", 8},
    {"\xef\xbf\xbf", "\\u{ffff}", 8},
    {"\xef\xb7\x90", "\\u{fdd0}", 8},
    {"\xcd\xb8", "\\u{0378}", 8},
    {"\xe3\x85\xa4", "\\u{3164}", 8},
    {"x\xef\xb8\x8f", "x\\u{fe0f}", 9},
    {"\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\x9d\xa4\xef\xb8\x8f", 1},
    {"\xe2\x9d\xa4\xef\xb8\x8f\xef\xb8\x8f", "\xe2\x9d\xa4\xef\xb8\x8f\\u{fe0f}", 9},
    {"\xc3\xa9\xc3\x9f", "\xc3\xa9\xc3\x9f", 2},
    {"e\xcc\x81", "e\xcc\x81", 1},
    {"\xcc\x81", "\\u{0301}", 8},
    {"\x1b\xcc\x81", "\\x1b\\u{0301}", 12},
    {"a\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85", "a\xcc\x81\xcc\x82\xcc\x83\xcc\x84\\u{0305}", 9},
    {"\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97", 4},
    {"\xed\x95\x9c", "\xed\x95\x9c", 2},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 2},
    {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", 4},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct clv_text *t = text_new_str(rows[i].in);

		assert_string_equal(text_str(t), rows[i].out);
		assert_int_equal(text_cells(t), rows[i].cells);
		text_free(t);
	}
	text_free(NULL);
}

static void nul_is_escaped(void **state)
{
	struct clv_text *t = text_new(SLICE_LIT("a\0b"));

	(void)state;
	assert_string_equal(text_str(t), "a\\x00b");
	text_free(t);
	t = text_new_str(NULL);
	assert_int_equal(text_len(t), 0);
	text_free(t);
}

/* Every output is valid UTF-8 without one dangerous code point, and its clusters add up. */
static void check_safe(const struct clv_text *t)
{
	const uint8_t *p = (const uint8_t *)text_str(t);
	struct clv_slice cluster;
	uint32_t cells = 0;
	uint32_t width;
	size_t off = 0;
	size_t sum = 0;

	assert_int_equal(strlen(text_str(t)), text_len(t));
	while (text_next(t, &off, &cluster, &width)) {
		assert_true(width == 1 || width == 2);
		assert_true(cluster.len > 0);
		cells += width;
		sum += cluster.len;
	}
	assert_int_equal(sum, text_len(t));
	assert_int_equal(cells, text_cells(t));
	for (size_t i = 0; i < text_len(t);) {
		utf8proc_int32_t cp;
		utf8proc_ssize_t n = utf8proc_iterate(p + i, (utf8proc_ssize_t)(text_len(t) - i), &cp);
		int category;

		assert_true(n > 0);
		category = utf8proc_category(cp);
		assert_true(cp >= 0x20 && (cp < 0x7f || cp >= 0xa0));
		assert_true(category != UTF8PROC_CATEGORY_CF && category != UTF8PROC_CATEGORY_CC &&
		            category != UTF8PROC_CATEGORY_CN && category != UTF8PROC_CATEGORY_CO &&
		            category != UTF8PROC_CATEGORY_ZL && category != UTF8PROC_CATEGORY_ZP);
		i += (size_t)n;
	}
}

static void random_bytes_are_made_safe(void **state)
{
	uint32_t seed = 7;
	uint8_t raw[200];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)round % sizeof(raw);
		struct clv_text *t;
		struct clv_text *again;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245u + 12345u;
			raw[i] = (uint8_t)(seed >> 16);
		}
		t = text_new(slice_of(raw, len));
		check_safe(t);
		again = text_new_str(text_str(t));
		assert_string_equal(text_str(t), text_str(again)); /* twice is once */
		text_free(again);
		text_free(t);
	}
}

static void every_code_point_is_made_safe(void **state)
{
	(void)state;
	for (utf8proc_int32_t cp = 0; cp < 0x110000; cp++) {
		uint8_t raw[10];
		utf8proc_ssize_t n;
		struct clv_text *t;

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		raw[0] = 'a';
		n = utf8proc_encode_char(cp, raw + 1);
		t = text_new(slice_of(raw, (size_t)n + 1));
		check_safe(t);
		text_free(t);
	}
}

static void cuts(void **state)
{
	static const char *const samples[] = {"web-production-07",
	                                      "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97",
	                                      "e\xcc\x81"
	                                      "e\xcc\x81"
	                                      "e\xcc\x81"
	                                      "e\xcc\x81",
	                                      ""};
	struct clv_text *cut;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct clv_text *t = text_new_str(samples[i]);

		for (uint32_t cells = 0; cells < 20; cells++) {
			cut = text_cut(t, cells);
			assert_true(text_cells(cut) <= cells);
			check_safe(cut);
			text_free(cut);
			cut = text_cut_middle(t, cells);
			assert_true(text_cells(cut) <= cells);
			check_safe(cut);
			if (text_cells(t) <= cells)
				assert_string_equal(text_str(cut), text_str(t));
			text_free(cut);
		}
		text_free(t);
	}
}

static void long_input_is_cut(void **state)
{
	struct clv_buf b;
	struct clv_err err;
	struct clv_text *t;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		buf_init(&b, 100000);
		assert_int_equal(buf_put(&b, slice_of("xx", shift), &err), CLV_OK);
		while (buf_slice(&b).len < CLV_TEXT_MAX + 100)
			assert_int_equal(buf_put(&b, SLICE_LIT("\xe2\x82\xac"), &err), CLV_OK);
		t = text_new(buf_slice(&b));
		check_safe(t);
		assert_true(text_len(t) <= CLV_TEXT_MAX + 3);
		assert_null(strchr(text_str(t), '\\'));
		assert_string_equal(text_str(t) + text_len(t) - 3, "\xe2\x80\xa6");
		text_free(t);
		buf_release(&b);
	}
	buf_init(&b, 3);
	assert_int_equal(text_escape(&b, SLICE_LIT("\x01"), &err), CLV_FAILED);
	assert_int_equal(text_escape(&b, SLICE_LIT("abc"), &err), CLV_OK);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table),
	    cmocka_unit_test(nul_is_escaped),
	    cmocka_unit_test(random_bytes_are_made_safe),
	    cmocka_unit_test(every_code_point_is_made_safe),
	    cmocka_unit_test(cuts),
	    cmocka_unit_test(long_input_is_cut),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
