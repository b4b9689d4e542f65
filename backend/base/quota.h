/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits by who: how many of a thing each user of this host may hold at once (quota), and how fast new ones
 * may come (pace). Used where a local socket is answered: parent, core, key holder. Neither allocates nor
 * blocks. T36, STYLE 44.
 */
#ifndef BASE_QUOTA_H
#define BASE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTA_USERS_MAX 128u /* different users at once; all is at most this */

/* each: of one user; all: of all users; spare: of all, what root alone may take. */
struct quota {
	uint32_t each, all, spare;
	uint32_t n;
	size_t n_users;
	struct {
		uint32_t uid, n;
	} users[QUOTA_USERS_MAX];
};

void quota_init(struct quota *q, uint32_t each, uint32_t all, uint32_t spare);
/* One more for this user: false where it would be one too many, and nothing is taken. Root's limit is all. */
bool quota_take(struct quota *q, uint32_t uid);
/* One of this user's is given back; it was taken before (asserted). */
void quota_give(struct quota *q, uint32_t uid);

/* Arrivals: of one user `burst` at once and then `per_second`; of all users but root four times as many. */
#define PACE_USERS_MAX 64u
struct pace {
	uint32_t burst, per_second;
	struct pace_bucket {
		uint32_t uid;
		bool used;
		int64_t at_ms, milli; /* when it was last filled, thousandths of an arrival that are left */
	} all, users[PACE_USERS_MAX];
};

void pace_init(struct pace *p, uint32_t burst, uint32_t per_second);
/* An arrival of this user at this (monotonic) time: false where it comes too soon. Root is never held back.
 */
bool pace_take(struct pace *p, uint32_t uid, int64_t now_ms);

#endif
