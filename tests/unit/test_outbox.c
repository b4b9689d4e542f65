/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's outbox in its file: numbers that follow each other, what goes when it is full and the record
 * that stays in its place, a new outbox after a conflict.
 */
#include "store/outbox.h"
#include "tests/lib/home.h"
#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct box {
	char dir[HOME_LEN], path[HOME_LEN + 32];
	struct db *d;
};

static int setup(void **state)
{
	struct box *b = clv_calloc(1, sizeof *b);

	home_make(b->dir, sizeof(b->dir));
	(void)snprintf(b->path, sizeof b->path, "%s/box.db", b->dir);
	assert_int_equal(outbox_open(b->path, &b->d, NULL), CLV_OK);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	db_close(b->d);
	home_remove(b->dir);
	clv_free(b);
	return 0;
}

static uint64_t add(struct box *b, const char *text, bool lossy)
{
	uint64_t seq = 0;

	assert_int_equal(outbox_add(b->d, slice_str(text), lossy, &seq, NULL), CLV_OK);
	return seq;
}

static uint64_t trim(struct box *b, uint64_t limit, uint64_t busy)
{
	uint64_t lost = 0;

	assert_int_equal(outbox_trim(b->d, limit, busy, &lost, NULL), CLV_OK);
	return lost;
}

static clv_rc one(const struct outbox_item *i, void *ctx, bool *stop, struct clv_err *err)
{
	char *out = ctx;
	size_t used = strlen(out);

	(void)stop;
	(void)err;
	if (i->lost_from)
		(void)snprintf(out + used, 400 - used, "%d..%d lost ", (int)i->lost_from, (int)i->seq);
	else
		(void)snprintf(out + used, 400 - used, "%d:%.*s ", (int)i->seq, (int)i->body.len,
		               (const char *)i->body.ptr);
	return CLV_OK;
}

static void shows(struct box *b, const char *want)
{
	char have[400] = "";

	assert_int_equal(outbox_oldest(b->d, 1000, one, have, NULL), CLV_OK);
	assert_string_equal(have, want);
}

static void the_oldest_go_and_a_record_stays(void **state)
{
	struct box *b = *state;

	assert_int_equal(add(b, "a", true), 1);
	(void)add(b, "b", true);
	(void)add(b, "c", true);
	assert_int_equal(trim(b, 3, 0), 0);
	(void)add(b, "d", true);
	assert_int_equal(trim(b, 3, 0), 1);
	shows(b, "1..1 lost 2:b 3:c 4:d ");
	(void)add(b, "e", true);
	(void)add(b, "f", true);
	assert_int_equal(trim(b, 3, 0), 2);
	shows(b, "1..3 lost 4:d 5:e 6:f ");
}

static void what_must_not_go_stays_between(void **state)
{
	struct box *b = *state;

	(void)add(b, "a", true);
	(void)add(b, "confirmed", false);
	(void)add(b, "b", true);
	(void)add(b, "c", true);
	(void)add(b, "d", true);
	assert_int_equal(trim(b, 1, 0), 3);
	shows(b, "1..1 lost 2:confirmed 3..4 lost 5:d ");
}

static void what_is_under_way_stays(void **state)
{
	struct box *b = *state;

	for (int i = 0; i < 6; i++)
		(void)add(b, "x", true);
	assert_int_equal(trim(b, 2, 3), 3);
	shows(b, "1:x 2:x 3:x 4..6 lost ");
	assert_int_equal(trim(b, 2, 6), 0);
}

static void numbers_survive_a_restart(void **state)
{
	struct box *b = *state;
	struct outbox_state s;
	uint8_t id[OUTBOX_ID_LEN];

	(void)add(b, "a", true);
	(void)add(b, "b", true);
	(void)add(b, "c", true);
	assert_int_equal(outbox_acked(b->d, 2, NULL), CLV_OK);
	assert_int_equal(outbox_load(b->d, &s, NULL), CLV_OK);
	memcpy(id, s.id, sizeof id);
	db_close(b->d);
	assert_int_equal(outbox_open(b->path, &b->d, NULL), CLV_OK);
	assert_int_equal(outbox_load(b->d, &s, NULL), CLV_OK);
	assert_memory_equal(id, s.id, sizeof id);
	assert_int_equal(s.made, 3);
	assert_int_equal(s.acked, 2);
	shows(b, "3:c ");
	assert_int_equal(outbox_acked(b->d, 3, NULL), CLV_OK);
	assert_int_equal(add(b, "d", true), 4); /* a number is never given twice */
	assert_int_equal(trim(b, 1, 0), 0);     /* and the count came through */
}

static void a_new_outbox_numbers_from_one(void **state)
{
	struct box *b = *state;
	struct outbox_state old, new;

	for (int i = 0; i < 5; i++)
		(void)add(b, "x", true);
	assert_int_equal(outbox_acked(b->d, 2, NULL), CLV_OK);
	(void)add(b, "keep", false);
	assert_int_equal(trim(b, 1, 0), 2);
	shows(b, "3..4 lost 5:x 6:keep ");
	assert_int_equal(outbox_load(b->d, &old, NULL), CLV_OK);
	assert_int_equal(outbox_renew(b->d, NULL), CLV_OK);
	assert_int_equal(outbox_load(b->d, &new, NULL), CLV_OK);
	assert_memory_not_equal(old.id, new.id, OUTBOX_ID_LEN);
	assert_int_equal(new.made, 4);
	assert_int_equal(new.acked, 0);
	shows(b, "1..2 lost 3:x 4:keep ");
	assert_int_equal(add(b, "next", true), 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_oldest_go_and_a_record_stays), TEST(what_must_not_go_stays_between),
	    TEST(what_is_under_way_stays),          TEST(numbers_survive_a_restart),
	    TEST(a_new_outbox_numbers_from_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
