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
CLV_MUST clv_rc outbox_add(struct db *d, struct clv_slice item, uint64_t *seq, struct clv_err *err);
/* The oldest items, at most n and max bytes; fn in order. */
typedef clv_rc outbox_fn(uint64_t seq, struct clv_slice item, void *ctx, struct clv_err *err);
CLV_MUST clv_rc outbox_oldest(struct db *d, size_t n, outbox_fn *fn, void *ctx, struct clv_err *err);
CLV_MUST clv_rc outbox_acked(struct db *d, uint64_t upto, struct clv_err *err);
CLV_MUST clv_rc outbox_set(struct db *d, const char *key, uint64_t value, struct clv_err *err);
/* 0 where it was never set. */
CLV_MUST clv_rc outbox_get(struct db *d, const char *key, uint64_t *value, struct clv_err *err);
/* A node that begins anew gets a new outbox; what was in the old one goes with it. */
CLV_MUST clv_rc outbox_reset(struct db *d, struct clv_err *err);

#endif
