/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter, then a radix sort by bytes from the last to the first, each pass in slices (see select.h). Bytes
 * that are the same in all rows cost nothing. Pure; runs in core.
 */
#include "model/select.h"

#include "claviger/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SELECT_MAGIC 0x73656c65u
#define KEY_BYTES    8u
#define DIGITS       256u
#define AHEAD        12u /* rows whose memory is fetched before they are looked at */

enum phase { PHASE_FILTER, PHASE_KEYS, PHASE_PASS, PHASE_TIES, PHASE_DONE };

struct entry {
	uint64_t key;
	void *item;
};

struct select {
	uint32_t magic;
	void *const *items;
	size_t n_items;
	const struct select_ops *ops;
	void *ctx;
	enum phase phase;
	size_t at;                  /* in this phase */
	void **hits;                /* what the filter took, in the order in which it came */
	struct entry *rows, *other; /* the same with their numbers, where an order is wanted */
	size_t n, cap;
	bool fresh; /* rows have no items yet */
	unsigned part, byte;
	size_t counts[KEY_BYTES][DIGITS]; /* of the part's keys */
	size_t place[DIGITS];             /* where the next row with that digit goes */
};

struct select *select_new(void *const *items, size_t n, const struct select_ops *ops, void *ctx)
{
	struct select *s = clv_calloc(1, sizeof *s);

	s->magic = SELECT_MAGIC;
	s->items = items;
	s->n_items = n;
	s->ops = ops;
	s->ctx = ctx;
	return s;
}

void select_free(struct select *s)
{
	if (!s)
		return;
	assert(s->magic == SELECT_MAGIC);
	clv_free(s->hits);
	clv_free(s->rows);
	clv_free(s->other);
	s->magic = 0;
	clv_free(s);
}

static void keep(struct select *s, void *item)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->hits = clv_realloc(s->hits, s->cap, sizeof *s->hits);
	}
	s->hits[s->n++] = item;
}

static void begin_keys(struct select *s)
{
	s->phase = PHASE_KEYS;
	s->at = 0;
	memset(s->counts, 0, sizeof s->counts);
}

static void filter_some(struct select *s, size_t upto)
{
	for (; s->at < upto; s->at++) {
		if (s->at + 2 * AHEAD < s->n_items) {
			__builtin_prefetch(s->items[s->at + 2 * AHEAD]);
			if (s->ops->warm)
				s->ops->warm(s->items[s->at + AHEAD]);
		}
		if (!s->ops->match || s->ops->match(s->ctx, s->items[s->at]))
			keep(s, s->items[s->at]);
	}
	if (s->at < s->n_items)
		return;
	if (!s->ops->parts || s->n < 2) {
		s->phase = PHASE_DONE;
		return;
	}
	s->rows = clv_calloc(s->n, sizeof *s->rows);
	s->other = clv_calloc(s->n, sizeof *s->other);
	s->fresh = true;
	s->part = s->ops->parts - 1;
	begin_keys(s);
}

/* The next byte that tells rows apart; false: this part is done. */
static bool begin_pass(struct select *s)
{
	for (; s->byte < KEY_BYTES; s->byte++) {
		const size_t *counts = s->counts[s->byte];
		size_t sum = 0;

		if (counts[(s->rows[0].key >> (8 * s->byte)) & 0xff] == s->n)
			continue;
		for (unsigned d = 0; d < DIGITS; d++) {
			s->place[d] = sum;
			sum += counts[d];
		}
		s->phase = PHASE_PASS;
		s->at = 0;
		return true;
	}
	return false;
}

static void end_part(struct select *s)
{
	if (s->part > 0) {
		s->part--;
		begin_keys(s);
	} else {
		s->phase = s->ops->cmp ? PHASE_TIES : PHASE_DONE;
		s->at = 0;
	}
}

static void key_some(struct select *s, size_t upto)
{
	for (; s->at < upto; s->at++) {
		struct entry *e = &s->rows[s->at];

		if (s->fresh)
			e->item = s->hits[s->at];
		e->key = s->ops->key(s->ctx, e->item, s->part);
		for (unsigned b = 0; b < KEY_BYTES; b++)
			s->counts[b][(e->key >> (8 * b)) & 0xff]++;
	}
	if (s->at < s->n)
		return;
	s->fresh = false;
	s->byte = 0;
	if (!begin_pass(s))
		end_part(s);
}

static void pass_some(struct select *s, size_t upto)
{
	struct entry *t;

	for (; s->at < upto; s->at++) {
		const struct entry *e = &s->rows[s->at];

		s->other[s->place[(e->key >> (8 * s->byte)) & 0xff]++] = *e;
	}
	if (s->at < s->n)
		return;
	t = s->rows;
	s->rows = s->other;
	s->other = t;
	s->byte++;
	if (!begin_pass(s))
		end_part(s);
}

static _Thread_local const struct select *comparing; /* qsort has no context in C11 */

static int by_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return comparing->ops->cmp(comparing->ctx, x->item, y->item);
}

static void ties_some(struct select *s, size_t upto)
{
	while (s->at < upto) {
		size_t end = s->at + 1;

		while (end < s->n && s->rows[end].key == s->rows[s->at].key)
			end++;
		if (end - s->at > 1 && s->rows[s->at].key != UINT64_MAX) {
			comparing = s;
			qsort(s->rows + s->at, end - s->at, sizeof *s->rows, by_cmp);
		}
		s->at = end;
	}
	if (s->at >= s->n)
		s->phase = PHASE_DONE;
}

bool select_step(struct select *s, size_t rows)
{
	size_t all = s->phase == PHASE_FILTER ? s->n_items : s->n;
	size_t upto = all - s->at < rows ? all : s->at + rows;

	assert(s->magic == SELECT_MAGIC);
	if (s->phase == PHASE_FILTER)
		filter_some(s, upto);
	else if (s->phase == PHASE_KEYS)
		key_some(s, upto);
	else if (s->phase == PHASE_PASS)
		pass_some(s, upto);
	else if (s->phase == PHASE_TIES)
		ties_some(s, upto);
	return s->phase == PHASE_DONE;
}

void select_take(struct select *s, void ***rows, size_t *n)
{
	assert(s->magic == SELECT_MAGIC && s->phase == PHASE_DONE);
	for (size_t i = 0; s->rows && i < s->n; i++)
		s->hits[i] = s->rows[i].item;
	*rows = s->hits ? s->hits : clv_calloc(1, sizeof **rows);
	*n = s->n;
	s->hits = NULL;
	s->n = 0;
}
