/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a console seals to an intake certificate: opened by its key alone, with every field; cut, flipped,
 * sealed for another or of another form it is refused with one text and nothing is touched.
 */
#include "keys/agentcert.h"
#include "runas/envelope.h"
#include "runas/intake.h"
#include "tests/lib/unit.h"
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#define NOW 1795000000000ll

static const struct intake_head head = {"OMMG1", "0123456789abcdef0123456789abcdef", "alice@OPS.TEST",
                                        1795000000123};

static struct {
	EVP_PKEY *key, *other;
	X509 *cert, *stranger;
} f;

static void make(EVP_PKEY **key, X509 **cert)
{
	struct clv_buf der;

	buf_init(&der, 4096);
	*key = EVP_RSA_gen(3072);
	assert_non_null(*key);
	assert_int_equal(agentcert_make(*key, "rms1.ops.test", 365, NOW, &der, NULL), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(&der), cert, NULL), CLV_OK);
	buf_release(&der);
}

static int setup(void **state)
{
	(void)state;
	make(&f.key, &f.cert);
	make(&f.other, &f.stranger);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(f.key);
	EVP_PKEY_free(f.other);
	X509_free(f.cert);
	X509_free(f.stranger);
	return 0;
}

static struct clv_secret *secret_of(const void *bytes, size_t len)
{
	struct clv_secret *s = secret_new(len ? len : 1, NULL);

	assert_non_null(s);
	assert_int_equal(secret_append(s, bytes, len, NULL), CLV_OK);
	return s;
}

static void refused(struct clv_slice der, EVP_PKEY *key, X509 *cert)
{
	static const char text[] = "the sealed password was refused: it is not for this server, or damaged";
	struct clv_secret *out = secret_of("before", 6), *same = secret_of("before", 6);
	struct intake_head h = {.expected = 77};
	struct clv_err err = {0};

	assert_int_equal(intake_open(der, key, cert, &h, out, &err), CLV_FAILED);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, CLV_E_AUTH);
	assert_int_equal(h.expected, 77);
	assert_true(secret_eq(out, same));
	secret_free(out);
	secret_free(same);
}

static void a_password_goes_there_and_back(void **state)
{
	static const size_t sizes[] = {1, 2, 15, 4096, INTAKE_SECRET_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct clv_secret *in = secret_new(INTAKE_SECRET_MAX, NULL);
		struct clv_secret *out = secret_new(INTAKE_SECRET_MAX, NULL);
		struct clv_sealed sealed;
		struct intake_head h;
		struct clv_err err = {0};

		buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
		assert_int_equal(secret_random(in, sizes[i], NULL), CLV_OK);
		if (intake_seal(&head, in, f.cert, &sealed, &err) ||
		    intake_open(buf_slice(&sealed.bytes), f.key, f.cert, &h, out, &err))
			fail_msg("%s", err.text);
		assert_true(secret_eq(in, out));
		assert_string_equal(h.group, head.group);
		assert_string_equal(h.account, head.account);
		assert_string_equal(h.operator_, head.operator_);
		assert_int_equal(h.expected, head.expected);
		buf_release(&sealed.bytes);
		secret_free(in);
		secret_free(out);
	}
}

static void what_cannot_be_is_not_sealed(void **state)
{
	struct clv_secret *empty = secret_of("", 0), *large = secret_new(INTAKE_SECRET_MAX + 1, NULL);
	struct clv_secret *good = secret_of("x", 1);
	struct intake_head h = head;
	struct clv_sealed sealed;

	(void)state;
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	assert_int_equal(secret_random(large, INTAKE_SECRET_MAX + 1, NULL), CLV_OK);
	assert_int_equal(intake_seal(&head, empty, f.cert, &sealed, NULL), CLV_FAILED);
	assert_int_equal(intake_seal(&head, large, f.cert, &sealed, NULL), CLV_FAILED);
	h.operator_[0] = 0;
	assert_int_equal(intake_seal(&h, good, f.cert, &sealed, NULL), CLV_FAILED);
	h = head;
	h.account[0] = 0;
	assert_int_equal(intake_seal(&h, good, f.cert, &sealed, NULL), CLV_FAILED);
	assert_int_equal(buf_slice(&sealed.bytes).len, 0);
	buf_release(&sealed.bytes);
	secret_free(empty);
	secret_free(large);
	secret_free(good);
}

static void others_do_not_open_it(void **state)
{
	struct clv_secret *in = secret_of("correct horse", 13);
	struct clv_sealed sealed;
	struct clv_slice s;
	uint8_t *copy;
	size_t bits = 0;

	(void)state;
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	assert_int_equal(intake_seal(&head, in, f.cert, &sealed, NULL), CLV_OK);
	s = buf_slice(&sealed.bytes);
	refused(s, f.other, f.stranger);
	refused(s, f.other, f.cert);
	refused(s, f.key, f.stranger);
	for (size_t n = 0; n < s.len; n++)
		refused(slice_of(s.ptr, n), f.key, f.cert);
	copy = clv_calloc(1, s.len + 1);
	memcpy(copy, s.ptr, s.len);
	refused(slice_of(copy, s.len + 1), f.key, f.cert);
	/* The wrapped key's bits cost a private operation each: every 7th of them, all others. */
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		if (bit / 8 > 150 && bit / 8 < 500 && bit % 7)
			continue;
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused(slice_of(copy, s.len), f.key, f.cert);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bits++;
	}
	printf("      intake: %zu truncations and %zu flipped bits refused\n", s.len, bits);
	clv_free(copy);
	buf_release(&sealed.bytes);
	secret_free(in);
}

static void lp(struct clv_buf *b, const char *text, size_t len)
{
	assert_int_equal(buf_put_lp(b, slice_of(text, len), NULL), CLV_OK);
}

/* A form sealed properly whose content is another. */
static void content(const char *form, size_t form_len, const char *group, size_t group_len, size_t name_len,
                    size_t password_len, bool good)
{
	static char names[70000];
	struct clv_buf b, der;
	struct clv_secret *s, *out = secret_new(INTAKE_SECRET_MAX, NULL);
	struct intake_head h;

	memset(names, 'n', sizeof names);
	buf_init(&b, 100000);
	buf_init(&der, 100000);
	assert_int_equal(buf_put(&b, slice_of(form, form_len), NULL), CLV_OK);
	lp(&b, group, group_len);
	lp(&b, names, 32);
	assert_int_equal(buf_put_u64(&b, 5, NULL), CLV_OK);
	lp(&b, names, name_len);
	assert_int_equal(buf_put(&b, slice_of(names, password_len), NULL), CLV_OK);
	s = secret_of(buf_slice(&b).ptr, buf_slice(&b).len);
	assert_int_equal(envelope_seal(s, f.cert, 100000, &der, NULL), CLV_OK);
	if (good)
		assert_int_equal(intake_open(buf_slice(&der), f.key, f.cert, &h, out, NULL), CLV_OK);
	else
		refused(buf_slice(&der), f.key, f.cert);
	secret_free(s);
	secret_free(out);
	buf_release(&b);
	buf_release(&der);
}

static void other_forms_are_refused(void **state)
{
	(void)state;
	content("claviger/1 intake", 18, "OMMG1", 5, 10, 10, true);
	content("claviger/1 intake", 17, "OMMG1", 5, 10, 10, false);
	content("claviger/2 intake", 18, "OMMG1", 5, 10, 10, false);
	content("claviger/1 intake", 18, "OMMG1", 0, 10, 10, false);
	content("claviger/1 intake", 18, "OMMG1", 6, 10, 10, false); /* a 0 inside the name */
	content("claviger/1 intake", 18, "OMMG1", 5, INTAKE_NAME_MAX - 1, 10, true);
	content("claviger/1 intake", 18, "OMMG1", 5, INTAKE_NAME_MAX, 10, false);
	content("claviger/1 intake", 18, "OMMG1", 5, 0, 10, false);
	content("claviger/1 intake", 18, "OMMG1", 5, 10, 0, false);
	content("claviger/1 intake", 18, "OMMG1", 5, 10, INTAKE_SECRET_MAX, true);
	content("claviger/1 intake", 18, "OMMG1", 5, 10, INTAKE_SECRET_MAX + 1, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_password_goes_there_and_back),
	    cmocka_unit_test(what_cannot_be_is_not_sealed),
	    cmocka_unit_test(others_do_not_open_it),
	    cmocka_unit_test(other_forms_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
