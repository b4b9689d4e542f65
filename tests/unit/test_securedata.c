/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SecureData and its templates: what we make opens, what differs
 * by one bit, one byte of length or one algorithm is refused with one text.
 */
#include "keys/agentcert.h"
#include "runas/config.h"
#include "runas/securedata.h"
#include "runas/template.h"
#include "tests/lib/unit.h"
#include <openssl/rsa.h>
#include <string.h>

#define NOW 1795000000000ll

struct fixture {
	EVP_PKEY *rsa, *other, *group;
	X509 *recipient, *stranger, *signer;
	struct clv_buf cert, gcert, spki, der;
	struct clv_secret *list;
};

static void make_recipient(EVP_PKEY **key, X509 **cert, struct clv_buf *der)
{
	*key = EVP_RSA_gen(3072);
	assert_non_null(*key);
	assert_int_equal(agentcert_make(*key, "web01.ops.test", 365, NOW, der, NULL), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(der), cert, NULL), CLV_OK);
}

static int setup(void **state)
{
	struct fixture *f = clv_calloc(1, sizeof *f);
	struct runas_head h = {"OMMG1", "web01.ops.test", {7}, 42, false};
	struct clv_buf der2;
	struct clv_err err = {0};

	buf_init(&f->cert, 4096);
	buf_init(&f->gcert, 4096);
	buf_init(&f->spki, 1024);
	buf_init(&f->der, SECUREDATA_MAX);
	buf_init(&der2, 4096);
	make_recipient(&f->rsa, &f->recipient, &f->cert);
	make_recipient(&f->other, &f->stranger, &der2);
	buf_release(&der2);
	assert_int_equal(pkey_make_p256(&f->group, &err), CLV_OK);
	assert_int_equal(pkey_to_spki(f->group, &f->spki, &err), CLV_OK);
	assert_int_equal(groupcert_make(f->group, "OMMG1", NOW, &f->gcert, &err), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(&f->gcert), &f->signer, &err), CLV_OK);
	f->list = secret_new(RUNAS_LIST_MAX, &err);
	assert_non_null(f->list);
	assert_int_equal(runas_begin(&h, f->list, &err), CLV_OK);
	assert_int_equal(runas_end(f->list, &err), CLV_OK);
	if (securedata_seal(f->list, f->recipient, f->group, f->signer, &f->der, &err))
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	EVP_PKEY_free(f->rsa);
	EVP_PKEY_free(f->other);
	EVP_PKEY_free(f->group);
	X509_free(f->recipient);
	X509_free(f->stranger);
	X509_free(f->signer);
	buf_release(&f->cert);
	buf_release(&f->gcert);
	buf_release(&f->spki);
	buf_release(&f->der);
	secret_free(f->list);
	clv_free(f);
	return 0;
}

static clv_rc no_account(const struct runas_account *a, const struct clv_secret *password, void *ctx,
                         struct clv_err *err)
{
	(void)password;
	(void)ctx;
	return err_set(err, CLV_E_INTERNAL, "account %s from nowhere", a->id);
}

static void opens_with_the_pinned_key(void **state)
{
	struct fixture *f = *state;
	struct clv_secret *out = secret_new(RUNAS_LIST_MAX, NULL);
	struct runas_head h;
	struct clv_err err = {0};
	X509 *pinned = NULL;

	assert_int_equal(groupcert_of_spki(buf_slice(&f->spki), &pinned, &err), CLV_OK);
	if (securedata_open(buf_slice(&f->der), f->rsa, f->recipient, pinned, out, &err))
		fail_msg("%s", err.text);
	assert_int_equal(runas_read(out, &h, no_account, NULL, &err), CLV_OK);
	assert_string_equal(h.agent, "web01.ops.test");
	assert_int_equal(h.version, 42);
	X509_free(pinned);
	secret_free(out);
}

static void refused(struct fixture *f, struct clv_slice der, EVP_PKEY *key, X509 *recipient, X509 *signer)
{
	static const char text[] = "SecureData refused: it is not a message of this group for this key";
	struct clv_secret *out = secret_new(RUNAS_LIST_MAX, NULL);
	struct clv_err err = {0};

	(void)f;
	assert_int_equal(securedata_open(der, key, recipient, signer, out, &err), CLV_FAILED);
	assert_string_equal(err.text, text);
	secret_free(out);
}

static void refuses_other_keys_and_signers(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *forger = NULL;
	struct clv_buf der;
	X509 *fcert = NULL;

	refused(f, buf_slice(&f->der), f->other, f->stranger, f->signer);
	refused(f, buf_slice(&f->der), f->other, f->recipient, f->signer);
	buf_init(&der, 4096);
	assert_int_equal(pkey_make_p256(&forger, NULL), CLV_OK);
	assert_int_equal(groupcert_make(forger, "OMMG1", NOW, &der, NULL), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(&der), &fcert, NULL), CLV_OK);
	refused(f, buf_slice(&f->der), f->rsa, f->recipient, fcert);
	buf_release(&der);
	EVP_PKEY_free(forger);
	X509_free(fcert);
}

static void refuses_every_tenth_flipped_bit_and_every_cut(void **state)
{
	struct fixture *f = *state;
	struct clv_slice s = buf_slice(&f->der);
	uint8_t *copy = clv_memdup(s.ptr, s.len);

	for (size_t bit = 0; bit < s.len * 8; bit += 10) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused(f, slice_of(copy, s.len), f->rsa, f->recipient, f->signer);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < s.len; n += 7)
		refused(f, slice_of(copy, n), f->rsa, f->recipient, f->signer);
	clv_free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_with_the_pinned_key),
	    cmocka_unit_test(refuses_other_keys_and_signers),
	    cmocka_unit_test(refuses_every_tenth_flipped_bit_and_every_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
