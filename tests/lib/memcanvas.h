/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canvas that is an array: what a screen would show, as text. Every put is checked to lie inside
 * and to be one cluster of safe text.
 */
#ifndef TESTS_LIB_MEMCANVAS_H
#define TESTS_LIB_MEMCANVAS_H

#include "views/canvas.h"

#define MEM_ROWS_MAX 120
#define MEM_COLS_MAX 300

struct memcanvas {
	int rows, cols;
	struct {
		char text[32];
		int cells; /* 0: the right half of a wide one */
		unsigned ink;
	} at[MEM_ROWS_MAX][MEM_COLS_MAX];
	int cur_y, cur_x; /* -1: not set */
	unsigned outside; /* puts beyond the edge: must stay 0 */
};

/* m is large: let it be static. */
void memcanvas_init(struct memcanvas *m, struct canvas *c, int rows, int cols);
/* All rows, blanks at the end cut, the reversed ones with a "<" at the end when inks is set.
 * Owned by the caller. */
char *memcanvas_text(const struct memcanvas *m, bool inks);

#endif
