/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key backup: there and back; a wrong passphrase, a cut or changed file and another spelling are
 * refused with one text, and no item is handed out before all was verified.
 */
#include "base/clock.h"
#include "tests/lib/unit.h"
#include "vault/keyfile.h"
#include <stdio.h>
#include <string.h>

#define CREATED 1795000000123ll

static struct clv_secret *passphrase;
static struct clv_buf file;

static struct clv_secret *secret_of(const void *bytes, size_t len)
{
	struct clv_secret *s = secret_new(len ? len : 1, NULL);

	assert_non_null(s);
	assert_int_equal(secret_append(s, bytes, len, NULL), CLV_OK);
	return s;
}

static int setup(void **state)
{
	struct keyfile_item items[3] = {{"group-key 1", secret_of("0123456789abcdef0123456789abcdef", 32)},
	                                {"group-key 2", secret_of("\0\xff\n", 3)},
	                                {"group-signing-key", secret_of("der", 3)}};
	struct clv_err err = {0};

	(void)state;
	passphrase = secret_of("correct horse", 13);
	buf_init(&file, KEYFILE_MAX);
	if (keyfile_seal(items, 3, "OMMG1 \xc3\xbc", CREATED, passphrase, &file, &err))
		fail_msg("%s", err.text);
	for (int i = 0; i < 3; i++)
		secret_free((struct clv_secret *)(uintptr_t)items[i].secret);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secret_free(passphrase);
	buf_release(&file);
	return 0;
}

struct seen {
	char names[8][KEYFILE_NAME_MAX];
	size_t lens[8], n, fail_at;
};

static clv_rc see(const char *name, const struct clv_secret *secret, void *ctx, struct clv_err *err)
{
	struct seen *s = ctx;

	if (s->n == s->fail_at)
		return err_set(err, CLV_E_DENIED, "told to fail");
	(void)snprintf(s->names[s->n % 8], KEYFILE_NAME_MAX, "%s", name);
	s->lens[s->n++ % 8] = secret_len(secret);
	return CLV_OK;
}

static bool opens(struct clv_slice bytes, const struct clv_secret *p)
{
	struct seen s = {.fail_at = SIZE_MAX};
	struct clv_err err = {0};

	if (!keyfile_open(bytes, p, see, &s, &err))
		return true;
	assert_string_equal(err.text,
	                    "the key backup does not open: the passphrase is wrong, or the file is damaged");
	assert_int_equal(err.code, CLV_E_AUTH);
	assert_int_equal(s.n, 0);
	return false;
}

static void keys_go_there_and_back(void **state)
{
	struct seen s = {.fail_at = SIZE_MAX};
	struct keyfile_info info;
	struct clv_err err = {0};

	(void)state;
	assert_true(slice_eq_str(slice_of(buf_slice(&file).ptr, 22), "claviger key backup 1\n"));
	assert_int_equal(keyfile_info(buf_slice(&file), &info, &err), CLV_OK);
	assert_string_equal(info.group, "OMMG1 \xc3\xbc");
	assert_int_equal(info.created, CREATED);
	assert_int_equal(info.iterations, 210000);
	assert_int_equal(keyfile_open(buf_slice(&file), passphrase, see, &s, &err), CLV_OK);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.names[1], "group-key 2");
	assert_int_equal(s.lens[1], 3);
	s = (struct seen){.fail_at = 1};
	assert_int_equal(keyfile_open(buf_slice(&file), passphrase, see, &s, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_DENIED);
}

static void others_do_not_open_it(void **state)
{
	struct clv_secret *wrong = secret_of("correct Horse", 13), *empty = secret_of("", 0);

	(void)state;
	assert_false(opens(buf_slice(&file), wrong));
	assert_false(opens(buf_slice(&file), empty));
	secret_free(wrong);
	secret_free(empty);
}

/* What still parses costs a derivation each: every 41st bit, all of the others. */
static void flipped_bits_and_cuts_are_refused(void **state)
{
	struct clv_slice s = buf_slice(&file);
	uint8_t *copy = clv_memdup(s.ptr, s.len);
	struct keyfile_info info;
	size_t unlike = 0, tried = 0;

	(void)state;
	for (size_t n = 0; n < s.len; n++)
		assert_false(opens(slice_of(s.ptr, n), passphrase));
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		bool parses;

		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		parses = keyfile_info(slice_of(copy, s.len), &info, NULL) == CLV_OK;
		unlike += !parses;
		if ((!parses || bit % 41 == 0) && info.iterations == 210000) {
			assert_false(opens(slice_of(copy, s.len), passphrase));
			tried += parses;
		}
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	printf("      key backup: %zu cuts refused; of %zu bits flipped %zu are of no form, %zu of the "
	       "others tried "
	       "and refused\n",
	       s.len, s.len * 8, unlike, tried);
	clv_free(copy);
}

/* The good file with one text replaced. */
static bool info_of(const char *from, const char *to, enum clv_code *code)
{
	struct clv_slice s = buf_slice(&file);
	const char *at = memmem(s.ptr, s.len, from, strlen(from));
	struct keyfile_info info;
	struct clv_err err = {0};
	struct clv_buf b;
	size_t before;
	bool good;

	assert_non_null(at);
	before = (size_t)(at - (const char *)s.ptr);
	buf_init(&b, 2 * KEYFILE_MAX);
	assert_int_equal(buf_put(&b, slice_of(s.ptr, before), NULL), CLV_OK);
	assert_int_equal(buf_put(&b, slice_str(to), NULL), CLV_OK);
	assert_int_equal(buf_put(&b, slice_of(at + strlen(from), s.len - before - strlen(from)), NULL),
	                 CLV_OK);
	good = keyfile_info(buf_slice(&b), &info, &err) == CLV_OK;
	*code = err.code;
	buf_release(&b);
	return good;
}

static void other_spellings_are_refused(void **state)
{
	static const char *const rows[][2] = {
	    {"claviger key", "Claviger key"},
	    {"backup 1\n", "backup 01\n"},
	    {"backup 1\n", "backup 1\r\n"},
	    {"backup 1\n", "backup 1 \n"},
	    {"backup 1\n", "backup 1\n\n"},
	    {"group OMMG1 \xc3\xbc", "group "},
	    {"group OMMG1", "group\tOMMG1"},
	    {"group OMMG1", "group OM\x1b[31mG1"},
	    {"created 2026", "created 26"},
	    {".123Z", "Z"},
	    {".123Z", ".123+00:00"},
	    {"210000", "209999"},
	    {"210000", "0210000"},
	    {"210000", "+210000"},
	    {"210000", "210000.0"},
	    {"210000", "20000001"},
	    {"210000", "4295177296"},
	    {"210000", ""},
	    {"salt ", "salt 0"},
	    {"salt ", "salt"},
	    {"\nend\n", "\nend"},
	    {"\nend\n", "\nend\n\n"},
	    {"\nend\n", "\n"},
	    {"\nend\n", "\nend\nend\n"},
	    {"\nend\n", "\nEND\n"},
	    {"\nend\n", "\n0\nend\n"},
	    {"\nend\n", "\n00\nend\n"},
	    {"\nend\n", "\n\nend\n"},
	    {"iterations", "iteration"},
	};
	enum clv_code code;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (info_of(rows[i][0], rows[i][1], &code))
			fail_msg("row %zu was taken", i);
		assert_int_equal(code, CLV_E_PROTO);
	}
	assert_true(info_of("210000", "210001", &code));
	assert_false(info_of("backup 1\n", "backup 2\n", &code));
	assert_int_equal(code, CLV_E_VERSION);
}

static void what_cannot_be_is_not_made(void **state)
{
	struct clv_secret *good = secret_of("x", 1), *empty = secret_of("", 0);
	struct clv_secret *big = secret_new(CLV_SECRET_MAX, NULL);
	struct keyfile_item twice[2] = {{"a", good}, {"a", good}}, one = {"a", good}, none = {"a", empty};
	struct keyfile_item many[KEYFILE_ITEMS_MAX + 1], huge = {"a", big}, nameless = {"", good},
	                                                 odd = {"a\nb", good};
	struct clv_buf out;

	(void)state;
	for (size_t i = 0; i <= KEYFILE_ITEMS_MAX; i++)
		many[i] = one;
	assert_int_equal(secret_random(big, 200000, NULL), CLV_OK);
	buf_init(&out, KEYFILE_MAX);
	assert_int_equal(keyfile_seal(&one, 0, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(many, KEYFILE_ITEMS_MAX + 1, "G", CREATED, passphrase, &out, NULL),
	                 CLV_FAILED);
	assert_int_equal(keyfile_seal(twice, 2, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&none, 1, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&huge, 1, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&nameless, 1, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&odd, 1, "G", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&one, 1, "", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&one, 1, "a\nb", CREATED, passphrase, &out, NULL), CLV_FAILED);
	assert_int_equal(keyfile_seal(&one, 1, "G", CREATED, empty, &out, NULL), CLV_FAILED);
	assert_int_equal(buf_slice(&out).len, 0);
	secret_truncate(big, 120000); /* the largest that fits does */
	assert_int_equal(keyfile_seal(&huge, 1, "G", CREATED, passphrase, &out, NULL), CLV_OK);
	assert_true(opens(buf_slice(&out), passphrase));
	buf_release(&out);
	secret_free(good);
	secret_free(empty);
	secret_free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_go_there_and_back),
	    cmocka_unit_test(others_do_not_open_it),
	    cmocka_unit_test(flipped_bits_and_cuts_are_refused),
	    cmocka_unit_test(other_spellings_are_refused),
	    cmocka_unit_test(what_cannot_be_is_not_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
