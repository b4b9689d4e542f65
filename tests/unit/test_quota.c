/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits by who: one user's limit, all users', what is kept for root; how fast arrivals may come, by each and
 * by all, and that many users forget nothing of one another's but the longest idle.
 */
#include "tests/lib/unit.h"
#include "base/quota.h"

static void one_user_has_a_limit(void **state)
{
	struct quota q;

	(void)state;
	quota_init(&q, 3, 10, 2);
	for (int i = 0; i < 3; i++)
		assert_true(quota_take(&q, 1000));
	assert_false(quota_take(&q, 1000));
	assert_true(quota_take(&q, 1001));
	quota_give(&q, 1000);
	assert_true(quota_take(&q, 1000));
	assert_false(quota_take(&q, 1000));
}

static void the_last_are_for_root(void **state)
{
	struct quota q;
	uint32_t taken = 0;

	(void)state;
	quota_init(&q, 3, 10, 2);
	for (uint32_t uid = 1000; uid < 1100; uid++)
		taken += quota_take(&q, uid);
	assert_int_equal(taken, 8);
	assert_true(quota_take(&q, 0));
	assert_true(quota_take(&q, 0));
	assert_false(quota_take(&q, 0));
	/* Whoever gives one back makes room, whichever user. */
	quota_give(&q, 1003);
	assert_true(quota_take(&q, 0));
	quota_give(&q, 0);
	quota_give(&q, 0);
	quota_give(&q, 0);
	assert_true(quota_take(&q, 2000));
	for (uint32_t uid = 1000; uid < 1008; uid++)
		if (uid != 1003)
			quota_give(&q, uid);
	quota_give(&q, 2000);
	assert_int_equal(q.n, 0);
	assert_int_equal(q.n_users, 0);
}

static void arrivals_are_paced(void **state)
{
	struct pace p;
	int taken = 0;

	(void)state;
	pace_init(&p, 10, 5);
	for (int i = 0; i < 100; i++)
		taken += pace_take(&p, 1000, 1000);
	assert_int_equal(taken, 10);
	assert_true(pace_take(&p, 1001, 1000)); /* another user's is its own */
	assert_false(pace_take(&p, 1000, 1100));
	assert_true(pace_take(&p, 1000, 1200)); /* 5 a second: one in 200 ms */
	assert_false(pace_take(&p, 1000, 1300));
	taken = 0;
	for (int64_t t = 2000; t < 12000; t += 10)
		taken += pace_take(&p, 1000, t);
	assert_in_range(taken, 49, 54);
	/* A clock that stands or went back gives nothing. */
	assert_false(pace_take(&p, 1000, 11000));
	/* After a long while all is there again. */
	for (int i = 0; i < 10; i++)
		assert_true(pace_take(&p, 1000, 10000000));
	assert_false(pace_take(&p, 1000, 10000000));
}

static void many_users_together_are_paced_and_root_is_not(void **state)
{
	struct pace p;
	int taken = 0;

	(void)state;
	pace_init(&p, 10, 5);
	for (uint32_t uid = 1; uid <= 10000; uid++)
		taken += pace_take(&p, uid, 5);
	assert_int_equal(taken, 40);
	for (int i = 0; i < 1000; i++)
		assert_true(pace_take(&p, 0, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_user_has_a_limit),
	    cmocka_unit_test(the_last_are_for_root),
	    cmocka_unit_test(arrivals_are_paced),
	    cmocka_unit_test(many_users_together_are_paced_and_root_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
