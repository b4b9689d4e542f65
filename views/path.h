/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drawing of a path: nodes, the links between them, and a verdict at each. A pure function of the facts
 * and the area: stacked, or boxes side by side where they fit.
 */
#ifndef VIEWS_PATH_H
#define VIEWS_PATH_H

#include "views/draw.h"
#include "views/view.h"

/* From p->line on; the canvas's width decides the shape. */
void path_draw(struct pager *p, const struct clv_trace_fact *t, const struct view_ctx *ctx);
/* Boxes side by side need so many columns; fewer: they are stacked. */
int path_wide(const struct clv_trace_fact *t);

#endif
