/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A joining server's code, and the bundle of keys that it gets: each bit of what the code covers changes it;
 * what may be typed is exactly that; a bundle comes out as it went in, and cut, longer, with a flipped bit in
 * its frame or with too much in it does not.
 */
#include "keys/joincode.h"
#include "tests/lib/unit.h"
#include "vault/bundle.h"
#include <stdio.h>
#include <string.h>

static const char group[] = "OMMG1";
static uint8_t spki[91], request[700];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof request; i++)
		request[i] = (uint8_t)(i * 11 + 5);
	for (size_t i = 0; i < sizeof spki; i++)
		spki[i] = (uint8_t)(i * 3 + 1);
	return 0;
}

static void code_of(uint8_t out[KEY_HASH_LEN])
{
	assert_int_equal(
	    join_code(group, slice_of(spki, sizeof spki), slice_of(request, sizeof request), out, NULL),
	    CLV_OK);
}

static void each_bit_changes_the_code(void **state)
{
	uint8_t first[KEY_HASH_LEN], other[KEY_HASH_LEN];
	struct clv_slice s = slice_of(spki, sizeof spki), r = slice_of(request, sizeof request);

	(void)state;
	code_of(first);
	for (size_t bit = 0; bit < (sizeof spki + sizeof request) * 8; bit++) {
		uint8_t *at = bit < sizeof spki * 8 ? spki + bit / 8 : request + (bit / 8 - sizeof spki);

		*at ^= (uint8_t)(1u << bit % 8);
		code_of(other);
		*at ^= (uint8_t)(1u << bit % 8);
		assert_memory_not_equal(first, other, JOIN_CODE_DIGITS / 2);
	}
	assert_int_equal(join_code("OMMG2", s, r, other, NULL), CLV_OK);
	assert_memory_not_equal(first, other, JOIN_CODE_DIGITS / 2);
	/* What belongs to the one is not taken for the other's. */
	assert_int_equal(join_code(group, slice_of(spki, 90), slice_of(request, sizeof request), other, NULL),
	                 CLV_OK);
	assert_memory_not_equal(first, other, JOIN_CODE_DIGITS / 2);
}

static void exactly_its_digits_match(void **state)
{
	static const char *const wrong[] = {"", "-", "0", "ZZZZ-0000-0000-0000-0000-0000"};
	uint8_t code[KEY_HASH_LEN];
	char text[JOIN_CODE_TEXT_MAX], more[64];

	(void)state;
	code_of(code);
	join_code_text(code, text);
	assert_int_equal(strlen(text), 29);
	assert_true(join_code_matches(code, slice_str(text)));
	for (size_t i = 0; text[i]; i++) {
		char kept = text[i];

		assert_false(join_code_matches(code, slice_of(text, i)));
		if (kept == '-')
			continue;
		text[i] = kept == '0' ? '1' : '0';
		assert_false(join_code_matches(code, slice_str(text)));
		text[i] = kept;
	}
	(void)snprintf(more, sizeof more, " %s:", text);
	assert_true(join_code_matches(code, slice_str(more)));
	(void)snprintf(more, sizeof more, "%s0", text);
	assert_false(join_code_matches(code, slice_str(more)));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_false(join_code_matches(code, slice_str(wrong[i])));
}

/* --- bundles --- */
struct seen {
	size_t n;
	char names[BUNDLE_ITEMS_MAX][64];
	size_t lens[BUNDLE_ITEMS_MAX];
};

static clv_rc look(const char *name, const struct clv_secret *item, void *ctx, struct clv_err *err)
{
	struct seen *s = ctx;

	(void)err;
	assert_true(s->n < BUNDLE_ITEMS_MAX);
	(void)snprintf(s->names[s->n], sizeof s->names[0], "%.60s", name);
	s->lens[s->n++] = secret_len(item);
	return CLV_OK;
}

static struct clv_secret *bytes(const void *p, size_t n)
{
	struct clv_secret *s = secret_new(n + 1, NULL);

	assert_non_null(s);
	assert_int_equal(secret_append(s, p, n, NULL), CLV_OK);
	return s;
}

static struct clv_secret *good(void)
{
	struct bundle_head h = {.group = "OMMG1", .name = "rms2.ops.test", .request = {9, 8, 7}};
	struct clv_secret *b = secret_new(BUNDLE_MAX, NULL), *key = bytes(request, 32),
	                  *pkcs8 = bytes(request, 138);

	assert_int_equal(bundle_begin(&h, b, NULL), CLV_OK);
	assert_int_equal(bundle_add(b, "signing", pkcs8, NULL), CLV_OK);
	assert_int_equal(bundle_add(b, "group-key/0000000001", key, NULL), CLV_OK);
	secret_free(key);
	secret_free(pkcs8);
	return b;
}

static void comes_out_as_it_went_in(void **state)
{
	struct clv_secret *b = good();
	struct bundle_head h;
	struct seen s = {0};

	(void)state;
	assert_int_equal(bundle_read(b, &h, look, &s, NULL), CLV_OK);
	assert_string_equal(h.group, "OMMG1");
	assert_string_equal(h.name, "rms2.ops.test");
	assert_int_equal(h.request[2], 7);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.names[1], "group-key/0000000001");
	assert_true(s.lens[0] == 138 && s.lens[1] == 32);
	secret_free(b);
}

static clv_rc copy(struct clv_slice in, void *ctx, struct clv_err *err)
{
	(void)err;
	memcpy(ctx, in.ptr, in.len);
	return CLV_OK;
}

static void cut_or_with_more_it_is_none(void **state)
{
	static uint8_t whole[BUNDLE_MAX];
	struct clv_secret *b = good();
	size_t len = secret_len(b), fine = 0;
	struct bundle_head h;
	struct clv_err err;

	(void)state;
	assert_int_equal(secret_use(b, copy, whole, NULL), CLV_OK);
	for (size_t n = 0; n < len; n++) {
		struct clv_secret *cut = bytes(whole, n);
		struct seen s = {0};

		if (!bundle_read(cut, &h, look, &s, &err))
			fine++; /* between two items: fewer of them, which the reader of the keys refuses */
		secret_free(cut);
	}
	assert_int_equal(fine, 2);
	for (size_t bit = 0; bit < 16 * 8; bit++) {
		struct clv_secret *odd;
		struct seen s = {0};

		whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
		odd = bytes(whole, len);
		whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(bundle_read(odd, &h, look, &s, &err), CLV_FAILED);
		secret_free(odd);
	}
	secret_free(b);
}

static void too_much_is_refused(void **state)
{
	struct bundle_head h = {.group = "OMMG1", .name = "rms2.ops.test"};
	struct clv_secret *b = secret_new(BUNDLE_MAX, NULL), *one = bytes("x", 1), *big = bytes(request, 600);
	struct clv_err err;
	struct seen s = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(bundle_begin(&h, b, NULL), CLV_OK);
	for (size_t i = 0; i < BUNDLE_ITEMS_MAX + 1; i++)
		assert_int_equal(bundle_add(b, "x", one, NULL), CLV_OK);
	assert_int_equal(bundle_read(b, &h, look, &s, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	while (!bundle_add(b, "x", big, &err))
		n++;
	assert_true(n > 10 && n < 25);
	assert_int_equal(err.code, CLV_E_LIMIT);
	secret_free(b);
	secret_free(one);
	secret_free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_bit_changes_the_code), cmocka_unit_test(exactly_its_digits_match),
	    cmocka_unit_test(comes_out_as_it_went_in),   cmocka_unit_test(cut_or_with_more_it_is_none),
	    cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
