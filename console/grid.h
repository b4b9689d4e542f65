/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canvas that is kept as lines of text: what a page shows at any height, to be searched and written.
 */
#ifndef CONSOLE_GRID_H
#define CONSOLE_GRID_H

#include "views/view.h"

#define GRID_ROWS_MAX 2000

struct grid; /* opaque */

/* The view, drawn at that width and as high as it may be; its own scrolling is left as it was. Owned by the
 * caller. */
struct grid *grid_of(struct view *v, const struct view_ctx *ctx, int cols);
void grid_free(struct grid *g); /* NULL is fine */
int grid_lines(const struct grid *g);
/* Safe text, blanks at the end cut. Borrowed until the next call. */
const char *grid_line(struct grid *g, int y);

#endif
