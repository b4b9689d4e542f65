/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: the list agrees with itself, texts are cut cleanly, errno survives. */
#include "tests/lib/unit.h"
#include "claviger/err.h"

#include <errno.h>
#include <string.h>

static void every_code_has_class_and_text(void **state)
{
	(void)state;
	for (int i = 0; i < CLV_E_MAX; i++) {
		assert_true(strlen(clv_code_text((enum clv_code)i)) > 3);
		assert_true(i == CLV_E_NONE || clv_code_class((enum clv_code)i) != CLV_CLASS_NONE);
	}
	assert_string_equal(clv_code_text((enum clv_code)CLV_E_MAX), "unknown error");
	assert_int_equal(clv_code_class((enum clv_code) - 1), CLV_CLASS_INTERNAL);
}

static void set_keeps_errno_and_place(void **state)
{
	struct clv_err err;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, CLV_E_NOTFOUND, "cannot open %s", "x"), CLV_FAILED);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(err.cls, CLV_CLASS_IO);
	assert_string_equal(err.text, "cannot open x: No such file or directory");
	assert_non_null(strstr(err.file, "test_err.c"));
	assert_int_equal(err_set(NULL, CLV_E_IO, "nobody listens"), CLV_FAILED);
	assert_int_equal(err_set(&err, CLV_E_AUTH, "no"), CLV_FAILED);
	assert_int_equal(err.sys, 0);
	err_clear(&err);
	assert_int_equal(err.code, CLV_E_NONE);
	assert_string_equal(err.text, "");
}

static void wrap_adds_in_front(void **state)
{
	struct clv_err err;

	(void)state;
	(void)err_set(&err, CLV_E_LIMIT, "too long");
	assert_int_equal(err_wrap(&err, "while sealing '%s'", "web"), CLV_FAILED);
	assert_string_equal(err.text, "while sealing 'web': too long");
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(err_wrap(NULL, "x"), CLV_FAILED);
}

static void long_texts_are_cut_between_characters(void **state)
{
	struct clv_err err;
	char big[2000];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		size_t len;

		memset(big, 'x', shift);
		for (size_t i = shift; i + 3 <= sizeof(big) - 1; i += 3)
			memcpy(big + i, "\xe2\x80\xa6", 3);
		big[sizeof(big) - 1 - (sizeof(big) - 1 - shift) % 3] = '\0';
		(void)err_set(&err, CLV_E_IO, "%s", big);
		len = strlen(err.text);
		assert_true(len > CLV_ERR_TEXT_MAX - 5 && len < CLV_ERR_TEXT_MAX);
		assert_int_equal((len - shift) % 3, 0);
		(void)err_wrap(&err, "in front");
		assert_int_equal((strlen(err.text) - shift - strlen("in front: ")) % 3, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_class_and_text),
	    cmocka_unit_test(set_keeps_errno_and_place),
	    cmocka_unit_test(wrap_adds_in_front),
	    cmocka_unit_test(long_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
