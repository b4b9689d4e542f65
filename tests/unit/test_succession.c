/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery key's word for a new group signing key: taken once, for that key, that group and a later
 * epoch; every other word is refused.
 */
#include "keys/succession.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include "tests/lib/unit.h"
#include <string.h>

#define GROUP "OMMG1"

struct word {
	EVP_PKEY *recovery;
	struct clv_buf spki, group_key, body, sig;
	uint8_t hash[KEY_HASH_LEN];
};

static void spki_of(EVP_PKEY *key, struct clv_buf *out)
{
	buf_init(out, STATEMENT_SPKI_MAX);
	assert_int_equal(pkey_to_spki(key, out, NULL), CLV_OK);
}

static int setup(void **state)
{
	struct word *w = clv_calloc(1, sizeof *w);
	Clv__Succession m = CLV__SUCCESSION__INIT;
	EVP_PKEY *group = NULL;

	assert_int_equal(pkey_make_p256(&w->recovery, NULL), CLV_OK);
	assert_int_equal(pkey_make_p256(&group, NULL), CLV_OK);
	spki_of(w->recovery, &w->spki);
	spki_of(group, &w->group_key);
	assert_int_equal(sha256(buf_slice(&w->spki), w->hash, NULL), CLV_OK);
	buf_init(&w->body, 1024);
	buf_init(&w->sig, STATEMENT_SIG_MAX);
	m.group_key = PROTO_BYTES(buf_slice(&w->group_key));
	m.epoch = 7;
	m.time = 1795000000000;
	assert_int_equal(
	    statement_make(STATEMENT_SUCCESSION, GROUP, &m.base, w->recovery, &w->body, &w->sig, NULL),
	    CLV_OK);
	EVP_PKEY_free(group);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct word *w = *state;

	EVP_PKEY_free(w->recovery);
	buf_release(&w->spki);
	buf_release(&w->group_key);
	buf_release(&w->body);
	buf_release(&w->sig);
	clv_free(w);
	return 0;
}

static clv_rc check(const struct word *w, const char *group, uint64_t above, struct clv_err *err)
{
	uint64_t epoch = 0;
	clv_rc rc = succession_check(group, slice_of(w->hash, sizeof w->hash), buf_slice(&w->spki),
	                             buf_slice(&w->body), buf_slice(&w->sig), buf_slice(&w->group_key), above,
	                             &epoch, err);

	assert_int_equal(epoch, rc ? 0 : 7);
	return rc;
}

static void takes_a_later_epoch_only(void **state)
{
	struct clv_err err = {0};

	assert_int_equal(check(*state, GROUP, 0, &err), CLV_OK);
	assert_int_equal(check(*state, GROUP, 6, &err), CLV_OK);
	assert_int_equal(check(*state, GROUP, 7, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "epoch 7"));
	assert_int_equal(check(*state, GROUP, UINT64_MAX, &err), CLV_FAILED);
}

static void refuses_another_group_or_key(void **state)
{
	struct word *w = *state;
	struct clv_err err = {0};
	EVP_PKEY *other = NULL;
	struct clv_buf spki;
	uint64_t epoch = 0;

	assert_int_equal(check(w, "OMMG2", 0, &err), CLV_FAILED);
	assert_int_equal(pkey_make_p256(&other, NULL), CLV_OK);
	spki_of(other, &spki);
	/* the word is for one key */
	assert_int_equal(succession_check(GROUP, slice_of(w->hash, 32), buf_slice(&w->spki),
	                                  buf_slice(&w->body), buf_slice(&w->sig), buf_slice(&spki), 0,
	                                  &epoch, &err),
	                 CLV_FAILED);
	/* another recovery key than the known one, and none known */
	assert_int_equal(succession_check(GROUP, slice_of(w->hash, 32), buf_slice(&spki), buf_slice(&w->body),
	                                  buf_slice(&w->sig), buf_slice(&w->group_key), 0, &epoch, &err),
	                 CLV_FAILED);
	assert_int_equal(succession_check(GROUP, slice_of(NULL, 0), buf_slice(&w->spki), buf_slice(&w->body),
	                                  buf_slice(&w->sig), buf_slice(&w->group_key), 0, &epoch, &err),
	                 CLV_FAILED);
	assert_int_equal(epoch, 0);
	buf_release(&spki);
	EVP_PKEY_free(other);
}

static void refuses_every_flipped_bit(void **state)
{
	struct word *w = *state;
	struct clv_buf *parts[] = {&w->body, &w->sig, &w->spki};
	size_t refused = 0, n = 0;

	for (size_t p = 0; p < 3; p++) {
		uint8_t *b = (uint8_t *)(uintptr_t)buf_slice(parts[p]).ptr;

		for (size_t bit = 0; bit < buf_slice(parts[p]).len * 8; bit++, n++) {
			struct clv_err err = {0};

			b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			refused += check(w, GROUP, 0, &err) == CLV_FAILED;
			b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	print_message("succession: %zu of %zu flipped bits refused\n", refused, n);
	assert_true(n > 1500 && refused == n);
}

static void words_for_every_number(void **state)
{
	(void)state;
	for (uint32_t how = 0; how < PIN_HOW_MAX + 3; how++)
		assert_true(*pin_how_words(how));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(takes_a_later_epoch_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_another_group_or_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_every_flipped_bit, setup, teardown),
	    cmocka_unit_test(words_for_every_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
