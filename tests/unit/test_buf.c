/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers and slices: limits hold, readers refuse truncations, hexadecimal takes nothing else. */
#include "tests/lib/unit.h"
#include "claviger/buf.h"

#include <string.h>

static void limits_hold(void **state)
{
	struct clv_err err;
	struct clv_buf b;
	uint8_t *room;

	(void)state;
	for (size_t limit = 0; limit < 300; limit += 7) {
		buf_init(&b, limit);
		for (size_t i = 0; i < limit; i++)
			assert_int_equal(buf_put_u8(&b, (uint8_t)i, &err), CLV_OK);
		assert_int_equal(buf_put_u8(&b, 1, &err), CLV_FAILED);
		assert_int_equal(err.code, CLV_E_LIMIT);
		assert_int_equal(buf_slice(&b).len, limit);
		assert_int_equal(buf_reserve(&b, SIZE_MAX, &room, &err), CLV_FAILED);
		assert_int_equal(buf_reserve(&b, SIZE_MAX - limit, &room, &err), CLV_FAILED);
		if (limit > 0) {
			buf_consume(&b, 1);
			assert_int_equal(buf_put_u8(&b, 1, &err), CLV_OK);
			assert_int_equal(buf_put_u8(&b, 1, &err), CLV_FAILED);
		}
		buf_release(&b);
	}
	buf_release(NULL);
}

static void consumed_room_is_used_again(void **state)
{
	struct clv_err err;
	struct clv_buf b;
	uint8_t next = 0;
	uint8_t want = 0;

	(void)state;
	buf_init(&b, 1000);
	for (int round = 0; round < 5000; round++) {
		size_t n = (size_t)(round * 7 % 90) + 1;

		for (size_t i = 0; i < n && buf_slice(&b).len < 1000; i++)
			assert_int_equal(buf_put_u8(&b, next++, &err), CLV_OK);
		for (size_t i = 0; i < n / 2 + 20 && buf_slice(&b).len > 0; i++) {
			assert_int_equal(buf_slice(&b).ptr[0], want++);
			buf_consume(&b, 1);
		}
	}
	assert_true(b.cap <= 2048);
	buf_clear(&b);
	assert_int_equal(buf_slice(&b).len, 0);
	buf_release(&b);
}

static void numbers_come_back_and_truncations_do_not(void **state)
{
	struct clv_slice s, field;
	struct clv_err err;
	struct clv_buf b;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_put_u8(&b, 0xab, &err), CLV_OK);
	assert_int_equal(buf_put_u16(&b, 0xabcd, &err), CLV_OK);
	assert_int_equal(buf_put_u32(&b, 0xdeadbeef, &err), CLV_OK);
	assert_int_equal(buf_put_u64(&b, 0x0123456789abcdef, &err), CLV_OK);
	assert_int_equal(buf_put_lp(&b, SLICE_LIT("field"), &err), CLV_OK);
	s = buf_slice(&b);
	assert_int_equal(s.ptr[1], 0xab); /* big-endian */
	for (size_t cut = 0; cut <= s.len; cut++) {
		struct clv_slice t = slice_of(s.ptr, cut);
		struct clv_slice before;
		bool ok = slice_get_u8(&t, &v8, &err) == CLV_OK && slice_get_u16(&t, &v16, &err) == CLV_OK &&
		          slice_get_u32(&t, &v32, &err) == CLV_OK && slice_get_u64(&t, &v64, &err) == CLV_OK;

		before = t;
		ok = ok && slice_get_lp(&t, 5, &field, &err) == CLV_OK;
		assert_true(ok == (cut == s.len));
		if (!ok) {
			assert_int_equal(err.code, CLV_E_PROTO);
			assert_int_equal(t.len, before.len);
		}
	}
	assert_true(v8 == 0xab && v16 == 0xabcd && v32 == 0xdeadbeef && v64 == 0x0123456789abcdef);
	assert_true(slice_eq_str(field, "field"));
	buf_release(&b);
}

static void length_lies_are_refused(void **state)
{
	static const uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 'x'};
	struct clv_slice s = slice_of(lie, sizeof(lie));
	struct clv_slice out;
	struct clv_err err;

	(void)state;
	assert_int_equal(slice_get_lp(&s, 100, &out, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(slice_get_lp(&s, SIZE_MAX, &out, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_PROTO);
	assert_int_equal(s.len, sizeof(lie));
}

static void lp_is_written_whole_or_not_at_all(void **state)
{
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_put_lp(&b, SLICE_LIT("12345"), &err), CLV_FAILED);
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(buf_put_lp(&b, SLICE_LIT("1234"), &err), CLV_OK);
	buf_release(&b);
}

static void printf_fits_exactly(void **state)
{
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(buf_printf(&b, &err, "%s", ""), CLV_OK);
	for (int i = 0; i < 8; i++)
		assert_int_equal(buf_printf(&b, &err, "%08d", i), CLV_OK);
	assert_int_equal(buf_printf(&b, &err, "x"), CLV_FAILED);
	assert_int_equal(buf_slice(&b).len, 64);
	assert_true(slice_eq(slice_of(b.ptr + 56, 8), SLICE_LIT("00000007")));
	buf_release(&b);
}

static void equality(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_str(NULL), slice_str("")));
	assert_true(slice_eq_ct(slice_str(NULL), slice_str("")));
	assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_false(slice_eq_ct(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_false(slice_eq_str(SLICE_LIT("a\0"), "a"));
	assert_true(slice_eq_ct(SLICE_LIT("abc"), slice_str("abc")));
}

static void hexadecimal(void **state)
{
	static const char *const bad[] = {"0", "0g", "0x12", " 012", "+1+2", "12345", "-1-1", "\xff\xff"};
	uint8_t out[2] = {7, 7};
	struct clv_err err;
	char text[5];

	(void)state;
	hex_encode(SLICE_LIT("\x0f\xa5"), false, text);
	assert_string_equal(text, "0fa5");
	hex_encode(SLICE_LIT("\x0f\xa5"), true, text);
	assert_string_equal(text, "0FA5");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hex_decode(bad[i], strlen(bad[i]), out, 2, &err), CLV_FAILED);
	assert_true(out[0] == 7 && out[1] == 7);
	assert_int_equal(hex_decode("0Fa5", 4, out, 2, &err), CLV_OK);
	assert_true(out[0] == 0x0f && out[1] == 0xa5);
}

static void heap_helpers(void **state)
{
	char *s = clv_asprintf("%d-%s", 7, "x");
	char *d = clv_strdup(s);

	(void)state;
	assert_string_equal(d, "7-x");
	assert_null(clv_strdup(NULL));
	d = clv_realloc(d, 100, 1);
	assert_string_equal(d, "7-x");
	clv_free(d);
	clv_free(s);
	clv_free(NULL);
	clv_free(clv_memdup("", 0));
}

static void fields_of_one_length(void **state)
{
	static const uint8_t nought[4];
	uint8_t out[4] = {9, 9, 9, 9};

	(void)state;
	assert_true(slice_fill(SLICE_LIT("abcd"), out, 4));
	assert_memory_equal(out, "abcd", 4);
	assert_false(slice_fill(SLICE_LIT("abcde"), out, 4));
	assert_memory_equal(out, nought, 4);
	out[0] = 9;
	assert_false(slice_fill(SLICE_LIT("abc"), out, 4));
	assert_memory_equal(out, nought, 4);
	out[0] = 9;
	assert_false(slice_fill((struct clv_slice){NULL, 0}, out, 4));
	assert_memory_equal(out, nought, 4);
	assert_false(slice_fill((struct clv_slice){NULL, 4}, out, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(consumed_room_is_used_again),
	    cmocka_unit_test(numbers_come_back_and_truncations_do_not),
	    cmocka_unit_test(length_lies_are_refused),
	    cmocka_unit_test(lp_is_written_whole_or_not_at_all),
	    cmocka_unit_test(printf_fits_exactly),
	    cmocka_unit_test(equality),
	    cmocka_unit_test(hexadecimal),
	    cmocka_unit_test(heap_helpers),
	    cmocka_unit_test(fields_of_one_length),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
