/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits by who (see quota.h). Run by the processes that answer local sockets. What is turned away costs
 * nobody else anything: no allocation, no state that a stranger could make grow.
 */
#include "base/quota.h"

#include <assert.h>
#include <string.h>

#define PACE_ALL 4 /* of all users together, as many times one user's */

void quota_init(struct quota *q, uint32_t each, uint32_t all, uint32_t spare)
{
	assert(each > 0 && all <= QUOTA_USERS_MAX && spare < all);
	memset(q, 0, sizeof *q);
	q->each = each;
	q->all = all;
	q->spare = spare;
}

static size_t place_of(const struct quota *q, uint32_t uid)
{
	size_t i = 0;

	while (i < q->n_users && q->users[i].uid != uid)
		i++;
	return i;
}

bool quota_take(struct quota *q, uint32_t uid)
{
	size_t i = place_of(q, uid);
	uint32_t held = i < q->n_users ? q->users[i].n : 0;

	if (q->n >= q->all)
		return false;
	if (uid != 0 && (held >= q->each || q->n >= q->all - q->spare))
		return false;
	if (i == q->n_users) {
		q->users[i].uid = uid;
		q->users[i].n = 0;
		q->n_users++;
	}
	q->users[i].n++;
	q->n++;
	return true;
}

void quota_give(struct quota *q, uint32_t uid)
{
	size_t i = place_of(q, uid);

	assert(i < q->n_users && q->users[i].n > 0);
	q->n--;
	if (--q->users[i].n == 0)
		q->users[i] = q->users[--q->n_users];
}

void pace_init(struct pace *p, uint32_t burst, uint32_t per_second)
{
	assert(burst > 0 && per_second > 0);
	memset(p, 0, sizeof *p);
	p->burst = burst;
	p->per_second = per_second;
}

static void fill(struct pace_bucket *b, int64_t burst, int64_t per_second, int64_t now_ms)
{
	int64_t most = burst * 1000, passed = now_ms - b->at_ms;

	if (!b->used || passed >= most)
		b->milli = most;
	else if (passed > 0)
		b->milli = b->milli + passed * per_second < most ? b->milli + passed * per_second : most;
	b->used = true;
	b->at_ms = now_ms;
}

/* This user's, or the one that was not asked for longest. */
static struct pace_bucket *bucket_of(struct pace *p, uint32_t uid)
{
	struct pace_bucket *oldest = &p->users[0];

	for (size_t i = 0; i < PACE_USERS_MAX; i++) {
		struct pace_bucket *b = &p->users[i];

		if (b->used && b->uid == uid)
			return b;
		if (!b->used || (oldest->used && b->at_ms < oldest->at_ms))
			oldest = b;
	}
	memset(oldest, 0, sizeof *oldest);
	oldest->uid = uid;
	return oldest;
}

bool pace_take(struct pace *p, uint32_t uid, int64_t now_ms)
{
	struct pace_bucket *b;

	if (uid == 0)
		return true;
	b = bucket_of(p, uid);
	fill(b, p->burst, p->per_second, now_ms);
	fill(&p->all, (int64_t)p->burst * PACE_ALL, (int64_t)p->per_second * PACE_ALL, now_ms);
	if (b->milli < 1000 || p->all.milli < 1000)
		return false;
	b->milli -= 1000;
	p->all.milli -= 1000;
	return true;
}
