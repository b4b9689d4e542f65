/* SPDX-License-Identifier: Apache-2.0 */
/* Offer and answer: the rule of choice, truncations, every flipped bit. */
#include "tests/lib/unit.h"
#include "channel/negotiate.h"

#include <string.h>

static struct chan_offer an_offer(void)
{
	struct chan_offer o = {.version_min = 1, .version_max = 1, .n_mechs = 2, .role = "agent"};

	o.mechs[0] = CHAN_MECH_CERTIFICATE;
	o.mechs[1] = CHAN_MECH_KERBEROS;
	memset(o.nonce, 0x5a, sizeof(o.nonce));
	return o;
}

static void round_trip(void **state)
{
	struct chan_answer a = {.version = 1, .choice = CHAN_MECH_CERTIFICATE};
	struct chan_offer o = an_offer();
	struct chan_answer back_a;
	struct chan_offer back;
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(offer_encode(&o, &b, &err), CLV_OK);
	assert_int_equal(offer_decode(buf_slice(&b), &back, &err), CLV_OK);
	assert_memory_equal(&o, &back, sizeof(o));
	buf_clear(&b);
	assert_int_equal(answer_encode(&a, &b, &err), CLV_OK);
	assert_int_equal(answer_decode(buf_slice(&b), &o, &back_a, &err), CLV_OK);
	assert_memory_equal(&a, &back_a, sizeof(a));
	o.role[0] = '\0';
	assert_int_equal(offer_encode(&o, &b, &err), CLV_FAILED);
	buf_release(&b);
}

static void choice(void **state)
{
	static const struct {
		enum chan_pref pref;
		bool certificate, kerberos;
		uint8_t mechs[2];
		size_t n;
		enum chan_mech want;
		const char *why;
	} rows[] = {
	    {CHAN_PREF_AUTO, true, true, {1, 2}, 2, CHAN_MECH_CERTIFICATE, ""},
	    {CHAN_PREF_AUTO, true, true, {2, 1}, 2, CHAN_MECH_CERTIFICATE, ""}, /* S2, whatever the order */
	    {CHAN_PREF_AUTO, false, true, {1, 2}, 2, CHAN_MECH_KERBEROS, ""},
	    {CHAN_PREF_AUTO, true, true, {2}, 1, CHAN_MECH_KERBEROS, ""},
	    {CHAN_PREF_AUTO,
	     true,
	     false,
	     {2},
	     1,
	     CHAN_MECH_NONE,
	     "no common mechanism: this side has certificates only; across an untrusted boundary enable "
	     "certificates on both ends"},
	    {CHAN_PREF_CERTIFICATE, true, true, {2}, 1, CHAN_MECH_NONE, "certificates only"},
	    {CHAN_PREF_KERBEROS, true, true, {1}, 1, CHAN_MECH_NONE, "Kerberos only"},
	    {CHAN_PREF_AUTO, false, false, {1, 2}, 2, CHAN_MECH_NONE, "has none"},
	    {CHAN_PREF_AUTO, true, true, {77}, 1, CHAN_MECH_NONE, "certificates and Kerberos"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chan_means ours = {rows[i].pref, rows[i].certificate, rows[i].kerberos};
		struct chan_offer o = an_offer();
		struct chan_answer a;

		memcpy(o.mechs, rows[i].mechs, rows[i].n);
		o.n_mechs = rows[i].n;
		answer_decide(&o, &ours, &a);
		assert_int_equal(a.choice, rows[i].want);
		assert_non_null(strstr(a.reason, rows[i].why));
		assert_int_equal(a.reason[0] == '\0', a.choice != CHAN_MECH_NONE);
		assert_int_equal(a.version, a.choice == CHAN_MECH_NONE ? 0 : 1);
	}
}

static void versions(void **state)
{
	static const struct {
		uint16_t min, max, want;
	} rows[] = {{1, 1, 1}, {1, 9, 1}, {2, 9, 0}, {65535, 65535, 0}};
	struct chan_means ours = {CHAN_PREF_AUTO, true, false};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chan_offer o = an_offer();
		struct chan_answer a;

		o.version_min = rows[i].min;
		o.version_max = rows[i].max;
		answer_decide(&o, &ours, &a);
		assert_int_equal(a.version, rows[i].want);
		if (rows[i].want == 0)
			assert_non_null(strstr(a.reason, "no common version"));
	}
}

static void truncations_and_additions(void **state)
{
	struct chan_answer a = {.version = 0, .reason = "no"};
	struct chan_offer o = an_offer();
	struct chan_answer back_a;
	struct chan_offer back;
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(offer_encode(&o, &b, &err), CLV_OK);
	for (size_t n = 0; n < buf_slice(&b).len; n++)
		assert_int_equal(offer_decode(slice_of(b.ptr, n), &back, &err), CLV_FAILED);
	assert_int_equal(buf_put_u8(&b, 0, &err), CLV_OK);
	assert_int_equal(offer_decode(buf_slice(&b), &back, &err), CLV_FAILED);
	buf_clear(&b);
	assert_int_equal(answer_encode(&a, &b, &err), CLV_OK);
	for (size_t n = 0; n < buf_slice(&b).len; n++)
		assert_int_equal(answer_decode(slice_of(b.ptr, n), &o, &back_a, &err), CLV_FAILED);
	assert_int_equal(buf_put_u8(&b, 0, &err), CLV_OK);
	assert_int_equal(answer_decode(buf_slice(&b), &o, &back_a, &err), CLV_FAILED);
	buf_release(&b);
}

/* A flipped bit is refused, or it is seen: T is another one. */
static void flipped_bits(void **state)
{
	struct chan_answer a = {.version = 1, .choice = CHAN_MECH_CERTIFICATE};
	struct chan_offer o = an_offer();
	uint8_t t[CHAN_T_LEN], other[CHAN_T_LEN];
	struct clv_buf ob, ab;
	struct chan_answer back_a;
	struct chan_offer back;
	struct clv_err err;
	size_t taken = 0;

	(void)state;
	buf_init(&ob, 1000);
	buf_init(&ab, 1000);
	assert_int_equal(offer_encode(&o, &ob, &err), CLV_OK);
	assert_int_equal(answer_encode(&a, &ab, &err), CLV_OK);
	negotiate_t(buf_slice(&ob), buf_slice(&ab), t);
	for (size_t bit = 0; bit < (ob.len + ab.len) * 8; bit++) {
		struct clv_buf *b = bit < ob.len * 8 ? &ob : &ab;
		size_t at = bit < ob.len * 8 ? bit : bit - ob.len * 8;

		b->ptr[at / 8] ^= (uint8_t)(1 << at % 8);
		taken += b == &ob ? offer_decode(buf_slice(&ob), &back, &err) == CLV_OK
		                  : answer_decode(buf_slice(&ab), &o, &back_a, &err) == CLV_OK;
		negotiate_t(buf_slice(&ob), buf_slice(&ab), other);
		assert_memory_not_equal(t, other, sizeof(t));
		b->ptr[at / 8] ^= (uint8_t)(1 << at % 8);
	}
	assert_true(taken < (ob.len + ab.len) * 8);
	buf_release(&ob);
	buf_release(&ab);
}

static void contradictions(void **state)
{
	static const struct {
		uint16_t version;
		uint8_t choice;
		const char *reason;
	} bad[] = {{0, 1, ""},    {2, 1, ""},    {1, 0, ""}, {0, 0, ""},
	           {1, 0, "why"}, {1, 1, "why"}, {1, 2, ""}, {1, 3, ""}};
	struct chan_offer o = an_offer();
	struct chan_answer back;
	struct clv_err err;
	struct clv_buf b;

	(void)state;
	o.n_mechs = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct chan_answer a = {.version = bad[i].version, .choice = (enum chan_mech)bad[i].choice};

		(void)strncpy(a.reason, bad[i].reason, sizeof(a.reason) - 1);
		buf_init(&b, 1000);
		assert_int_equal(answer_encode(&a, &b, &err), CLV_OK);
		assert_int_equal(answer_decode(buf_slice(&b), &o, &back, &err), CLV_FAILED);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),   cmocka_unit_test(choice),
	    cmocka_unit_test(versions),     cmocka_unit_test(truncations_and_additions),
	    cmocka_unit_test(flipped_bits), cmocka_unit_test(contradictions),
	};

	return cmocka_run_group_tests_name("negotiate", tests, NULL, NULL);
}
