/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preview of a row: right half from 160 columns on, lower third from 40 lines on, once the cursor has
 * stood there for a moment, so that moving stays cheap on a slow line.
 */
#include "views/list.h"

#include <string.h>

#define PREVIEW_MS   150
#define PREVIEW_COLS 160
#define LABEL        18 /* the longest title of a column */
#define PREVIEW_ROWS 37 /* of the body: 40 lines less the frame's three */

struct canvas list_preview_area(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct canvas area = canvas_sub(c, 0, 0);
	if (l->lo->panel != NULL || ctx->plain || l->rows.n == 0)
		return area;
	if (c->cols >= PREVIEW_COLS) {
		area = canvas_sub(c, 0, c->rows);
		area.x0 = c->x0 + c->cols / 2 + 1;
		area.cols = c->cols - c->cols / 2 - 1;
		c->cols = c->cols / 2;
	} else if (c->rows >= PREVIEW_ROWS) {
		int third = c->rows / 3;
		area = canvas_sub(c, c->rows - third, third);
		c->rows -= third;
	}
	return area;
}

void list_preview(struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	char text[1024];
	size_t i;
	struct pager p = {.c = c, .indent = 1, .line = 1, .now_ms = ctx->time.now_ms};
	l->v.redraw_at = 0;
	if (l->preview_cur != l->cur) {
		l->preview_cur = l->cur;
		l->preview_since = ctx->time.now_ms;
	}
	if (!list_selected(l, &i))
		return;
	if (l->touched && ctx->time.now_ms - l->preview_since < PREVIEW_MS) {
		l->v.redraw_at = l->preview_since + PREVIEW_MS;
		return;
	}
	for (int k = 0; k < l->lo->n_cols && p.line < c->rows; k++) {
		unsigned ink = INK_PLAIN;
		text[0] = '\0';
		l->lo->cell(l, i, k, ctx, text, sizeof(text), &ink);
		if (text[0] == '\0')
			continue;
		draw_str(c, p.line, 1, LABEL, INK_DIM, l->lo->cols[k].title);
		pager_wrap(&p, LABEL + 2, ctx->fresh == FRESH_STALE ? INK_DIM : ink, text);
	}
	if (l->lo->preview != NULL)
		l->lo->preview(l, i, &p, ctx);
}
