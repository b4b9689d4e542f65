/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's own database: the durable outbox (events, confirmations) and a few values. Runs in core's
 * database thread. An item is dropped only when its signed acknowledgement came (design 2).
 */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "base/db.h"

#define OUTBOX_ID_LEN   16u
#define OUTBOX_ITEM_MAX 204800u /* a confirmation names every account that is held */

struct outbox_state {
	uint8_t id[OUTBOX_ID_LEN];  /* random, made with the outbox */
	uint64_t made, acked;       /* last sequence made, last acknowledged */
	uint64_t confirmed_version; /* configuration whose confirmation is in the outbox or beyond */
	uint64_t generation;        /* highest generation ever asked for */
	bool accepted;              /* the server said so once */
};

CLV_MUST clv_rc outbox_open(const char *path, struct db **out, struct clv_err *err);
CLV_MUST clv_rc outbox_load(struct db *d, struct outbox_state *s, struct clv_err *err);
CLV_MUST clv_rc outbox_add(struct db *d, struct clv_slice item, bool lossy, uint64_t *seq,
                           struct clv_err *err);
/* Where more than limit lossy items (alerts, events) wait, the oldest go; of those next to each other one
 * record stays, in the last one's place. What is numbered up to `busy` is under way and stays. *lost: how
 * many went. */
CLV_MUST clv_rc outbox_trim(struct db *d, uint64_t limit, uint64_t busy, uint64_t *lost, struct clv_err *err);
/* The oldest items, at most n; fn in order. lost_from not 0: the record of items lost_from to seq, which went
 * at lost_at; it has no body. */
struct outbox_item {
	uint64_t seq, lost_from;
	int64_t lost_at;
	struct clv_slice body;
};
typedef clv_rc outbox_fn(const struct outbox_item *i, void *ctx, bool *stop, struct clv_err *err);
CLV_MUST clv_rc outbox_oldest(struct db *d, size_t n, outbox_fn *fn, void *ctx, struct clv_err *err);
/* A new outbox with a new id: what waits moves there, numbered from 1. */
CLV_MUST clv_rc outbox_renew(struct db *d, struct clv_err *err);
CLV_MUST clv_rc outbox_acked(struct db *d, uint64_t upto, struct clv_err *err);
CLV_MUST clv_rc outbox_set(struct db *d, const char *key, uint64_t value, struct clv_err *err);
/* 0 where it was never set. */
CLV_MUST clv_rc outbox_get(struct db *d, const char *key, uint64_t *value, struct clv_err *err);
/* A node that begins anew gets a new outbox; what was in the old one goes with it. */
CLV_MUST clv_rc outbox_reset(struct db *d, struct clv_err *err);

#endif
