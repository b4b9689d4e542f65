/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for secrets: locked, between two inaccessible pages, out of core dumps. Used by secret.c
 * and arena.c alone; everybody else has struct clv_secret.
 */
#ifndef BASE_LOCKMEM_H
#define BASE_LOCKMEM_H

#include "claviger/buf.h"

struct lockmem {
	uint8_t *ptr; /* first usable byte */
	size_t len;   /* usable bytes, whole pages */
	uint8_t *map; /* with the guards */
	size_t map_len;
	bool hidden; /* memfd_secret: not even the kernel's own map has it */
};

/* At least len bytes, all zero. Fails when they cannot be locked. Maps: not after a sandbox that
 * forbids mmap. */
CLV_MUST clv_rc lockmem_map(struct lockmem *m, size_t len, struct clv_err *err);
/* Wipes the first touched bytes (the others were never written) and unmaps, or keeps the pages for the next
 * of the same length: at most 384 KiB of a process wait so, all zero, and less when the limit is reached. */
void lockmem_unmap(struct lockmem *m, size_t touched);

#endif
