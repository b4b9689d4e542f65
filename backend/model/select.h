/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses and orders rows in slices, so that a million of them never hold up the loop: each step looks at a
 * bounded number. Stable, and exact by whole numbers (a radix sort): rows with equal keys keep the order in
 * which they came. Pure; runs in core.
 */
#ifndef MODEL_SELECT_H
#define MODEL_SELECT_H

#include "claviger/err.h"
#include <stddef.h>
#include <stdint.h>

struct select_ops {
	bool (*match)(void *ctx, const void *item); /* NULL: every row */
	/* The part-th eight bytes of what orders a row, the first one weighs most; UINT64_MAX: it has none.
	 */
	uint64_t (*key)(void *ctx, const void *item, unsigned part);
	unsigned parts; /* 0: the order in which they come */
	/* Orders rows whose keys are equal where the keys do not tell all; NULL: they do. Expected to be few.
	 */
	int (*cmp)(void *ctx, const void *a, const void *b);
	void (*warm)(
	    const void *item); /* NULL, or: fetches what match will read of it; the item itself is near */
};

struct select;

/* items and ops are borrowed until the end; items may not change meanwhile. */
struct select *select_new(void *const *items, size_t n, const struct select_ops *ops, void *ctx);
void select_free(struct select *s); /* NULL is fine */
/* Looks at about that many rows; true when all is done. */
bool select_step(struct select *s, size_t rows);
/* When done: the rows in order, the caller's (clv_free). */
void select_take(struct select *s, void ***rows, size_t *n);

#endif
