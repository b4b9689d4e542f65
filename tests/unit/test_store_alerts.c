/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, parcels and records in the database: what comes back is what went in, a number is taken once,
 * verdicts count for one run, retention goes by thousands and leaves no parcel without an alert, unverified
 * ones are few.
 */
#include "store/store.h"
#include "tests/lib/home.h"
#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTBOX slice_of("0123456789abcdef", 16)
#define RUN    slice_of("this run this ru", 16)
#define OTHER  slice_of("another run, ano", 16)

struct base {
	char dir[HOME_LEN];
	struct db *d;
};

static int setup(void **state)
{
	struct base *b = clv_calloc(1, sizeof *b);
	char path[96];

	home_make(b->dir, sizeof(b->dir));
	(void)snprintf(path, sizeof path, "%s/store.db", b->dir);
	assert_int_equal(store_open(path, &b->d, NULL), CLV_OK);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct base *b = *state;

	db_close(b->d);
	home_remove(b->dir);
	clv_free(b);
	return 0;
}

static uint64_t parcel(struct base *b, bool own, int64_t received)
{
	struct store_parcel p = {.agent = "web01.ops.test",
	                         .body = slice_str("parcel"),
	                         .hash = slice_str("hash"),
	                         .received = received,
	                         .own = own,
	                         .verdict = own ? CLV_VERDICT_UNCHECKED : CLV_VERDICT_UNSIGNED,
	                         .why = own ? "" : "not signed",
	                         .alerts = 1};

	assert_int_equal(store_parcel_add(b->d, &p, NULL), CLV_OK);
	assert_int_equal(store_hop_add(b->d, p.id, 0, slice_str("record"), slice_str("signature"), NULL),
	                 CLV_OK);
	return p.id;
}

static struct store_alert alert(uint64_t in, uint64_t seq, int64_t time, bool own)
{
	return (struct store_alert){.parcel = in,
	                            .sequence = seq,
	                            .outbox = own ? OUTBOX : slice_of(NULL, 0),
	                            .time = time,
	                            .severity = CLV_SEVERITY_CRITICAL,
	                            .name = "Disk / is nearly full",
	                            .text = "97 %",
	                            .source = "df"};
}

static void put(struct base *b, uint64_t in, uint64_t seq, int64_t time, bool own)
{
	struct store_alert a = alert(in, seq, time, own);

	assert_int_equal(store_alert_add(b->d, &a, NULL), CLV_OK);
}

static int64_t count(struct base *b, const char *sql)
{
	int64_t n = -1;

	if (strcmp(sql, "alerts") == 0)
		assert_int_equal(db_number(b->d, 0, &n, NULL, "SELECT count(*) FROM alerts", ""), CLV_OK);
	else if (strcmp(sql, "parcels") == 0)
		assert_int_equal(db_number(b->d, 0, &n, NULL, "SELECT count(*) FROM parcels", ""), CLV_OK);
	else
		assert_int_equal(db_number(b->d, 0, &n, NULL, "SELECT count(*) FROM hops", ""), CLV_OK);
	return n;
}

struct seen {
	enum clv_verdict path;
	uint64_t count;
	char agent[64];
	int64_t acknowledged;
	size_t n;
};

static clv_rc take(const struct clv_alert_fact *a, void *ctx, bool *stop, struct clv_err *err)
{
	struct seen *s = ctx;

	(void)stop;
	(void)err;
	s->path = a->path;
	s->count = a->count;
	s->acknowledged = a->acknowledged;
	(void)snprintf(s->agent, sizeof s->agent, "%s", a->agent);
	s->n++;
	return CLV_OK;
}

static struct seen get(struct base *b, struct clv_slice run, uint64_t id)
{
	struct seen s = {.n = 0};
	uint64_t in = 0;

	assert_int_equal(store_alert_get(b->d, run, id, take, &s, &in, NULL), CLV_OK);
	return s;
}

static void a_number_is_taken_once(void **state)
{
	struct base *b = *state;
	uint64_t in = parcel(b, true, 1000);
	struct store_alert a = alert(in, 1, 1000, true);
	struct clv_err err = {0};
	bool same = false;

	put(b, in, 1, 1000, true);
	assert_int_equal(store_alert_add(b->d, &a, &err), CLV_FAILED);
	assert_int_equal(store_alert_same(b->d, &a, &same, NULL), CLV_OK);
	assert_true(same);
	a.text = "98 %";
	assert_int_equal(store_alert_same(b->d, &a, &same, NULL), CLV_OK);
	assert_false(same);
	a.lost_from = 1; /* let go since: no conflict */
	assert_int_equal(store_alert_same(b->d, &a, &same, NULL), CLV_OK);
	assert_true(same);
	put(b, parcel(b, false, 1000), 1, 1000, false); /* unverified ones take none */
	put(b, parcel(b, false, 1000), 1, 1000, false);
	assert_int_equal(count(b, "alerts"), 3);
}

static void verdicts_count_for_one_run(void **state)
{
	struct base *b = *state;
	uint64_t in = parcel(b, true, 1000);
	struct store_alert_counts n;

	put(b, in, 1, 1000, true);
	assert_int_equal(get(b, RUN, 1).path, CLV_VERDICT_UNCHECKED);
	assert_int_equal(store_parcel_judged(b->d, in, RUN, CLV_VERDICT_VERIFIED, "", 5, NULL), CLV_OK);
	assert_int_equal(get(b, RUN, 1).path, CLV_VERDICT_VERIFIED);
	assert_int_equal(get(b, OTHER, 1).path, CLV_VERDICT_UNCHECKED);
	assert_int_equal(store_alert_counts(b->d, RUN, 0, &n, NULL), CLV_OK);
	assert_int_equal(n.checked, 1);
	assert_int_equal(n.verified, 1);
	assert_int_equal(n.critical, 1);
	assert_int_equal(store_alert_counts(b->d, OTHER, 0, &n, NULL), CLV_OK);
	assert_int_equal(n.checked, 0);
	assert_int_equal(n.verified, 0);
	assert_int_equal(store_parcel_judged(b->d, in, RUN, CLV_VERDICT_BROKEN_CHAIN, "cut", 6, NULL),
	                 CLV_OK);
	assert_int_equal(get(b, OTHER, 1).path, CLV_VERDICT_BROKEN_CHAIN); /* what is bad stays in sight */
	assert_int_equal(db_run(b->d, NULL, "DELETE FROM parcels", ""), CLV_OK);
	assert_int_equal(get(b, RUN, 1).path, CLV_VERDICT_BROKEN_CHAIN);
	assert_string_equal(get(b, RUN, 1).agent, "");
}

static void it_is_acknowledged_once(void **state)
{
	struct base *b = *state;
	struct clv_err err = {0};

	put(b, parcel(b, true, 1000), 1, 1000, true);
	assert_int_equal(store_alert_ack(b->d, 1, "user:ann", 7, NULL), CLV_OK);
	assert_int_equal(get(b, RUN, 1).acknowledged, 7);
	assert_int_equal(store_alert_ack(b->d, 1, "user:ben", 8, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CONFLICT);
	err_clear(&err);
	assert_int_equal(store_alert_ack(b->d, 2, "user:ben", 8, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_NOTFOUND);
}

static void retention_goes_by_portions(void **state)
{
	struct base *b = *state;
	int64_t gone = 0;

	for (uint64_t i = 0; i < 30; i++)
		put(b, parcel(b, true, (int64_t)i), i + 1, (int64_t)i, true);
	assert_int_equal(store_alerts_retain(b->d, 20, 15, &gone, NULL), CLV_OK);
	assert_int_equal(gone, 15);
	assert_int_equal(count(b, "alerts"), 15);
	assert_int_equal(store_alerts_retain(b->d, 20, 15, &gone, NULL), CLV_OK);
	assert_int_equal(gone, 5);
	assert_int_equal(store_alerts_retain(b->d, 20, 15, &gone, NULL), CLV_OK);
	assert_int_equal(gone, 0);
	assert_int_equal(count(b, "alerts"), 10);
	assert_int_equal(count(b, "parcels"), 10);
	assert_int_equal(count(b, "hops"), 10);
}

static void of_unverified_ones_the_newest_stay(void **state)
{
	struct base *b = *state;

	put(b, parcel(b, true, 1), 1, 1, true);
	assert_int_equal(db_begin(b->d, NULL), CLV_OK);
	for (uint64_t i = 0; i < STORE_UNVERIFIED_MAX + 5; i++)
		put(b, parcel(b, false, 1), 1, 1, false);
	assert_int_equal(db_commit(b->d, NULL), CLV_OK);
	assert_int_equal(store_unverified_trim(b->d, NULL), CLV_OK);
	assert_int_equal(count(b, "parcels"), STORE_UNVERIFIED_MAX + 1);
	assert_int_equal(count(b, "alerts"), STORE_UNVERIFIED_MAX + 1);
	assert_int_equal(count(b, "hops"), STORE_UNVERIFIED_MAX + 1);
	assert_int_equal(get(b, RUN, 1).path, CLV_VERDICT_UNCHECKED);
}

static void the_last_of_an_agent(void **state)
{
	struct base *b = *state;
	uint64_t id = 9, total = 0, above = 0;
	struct store_alert lost;

	assert_int_equal(store_alert_last(b->d, "web01.ops.test", &id, NULL), CLV_OK);
	assert_int_equal(id, 0);
	put(b, parcel(b, true, 10), 1, 10, true);
	lost = alert(parcel(b, true, 20), 6, 20, true);
	lost.lost_from = 2;
	assert_int_equal(store_alert_add(b->d, &lost, NULL), CLV_OK);
	assert_int_equal(store_alert_last(b->d, "web01.ops.test", &id, NULL), CLV_OK);
	assert_int_equal(id, 2);
	assert_int_equal(get(b, RUN, 2).count, 5);
	assert_int_equal(store_parcel_range(b->d, "web01.ops.test", 0, 100, 1, &total, &above, NULL), CLV_OK);
	assert_int_equal(total, 2);
	assert_int_equal(above, 1);
	assert_int_equal(store_parcel_range(b->d, "", 15, 100, 10, &total, &above, NULL), CLV_OK);
	assert_int_equal(total, 1);
	assert_int_equal(above, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_number_is_taken_once),
	    TEST(verdicts_count_for_one_run),
	    TEST(it_is_acknowledged_once),
	    TEST(retention_goes_by_portions),
	    TEST(of_unverified_ones_the_newest_stay),
	    TEST(the_last_of_an_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
