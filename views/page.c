/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pages of one object have in common.
 */
#include "views/page.h"

#include <stdio.h>
#include <string.h>

void page_events(struct pager *p, const struct clv_event_fact *events, size_t n, const struct view_ctx *ctx)
{
	static const unsigned inks[CLV_LEVEL_MAX] = {
	    [CLV_LEVEL_WARNING] = INK_LOOK, [CLV_LEVEL_ERROR] = INK_BAD};
	char t[FMT_MAX], one[512];
	for (size_t i = 0; i < n; i++) {
		const struct clv_event_fact *e = &events[i];
		snprintf(one, sizeof(one), "%.500s", e->text);
		one[strcspn(one, "\r\n")] = '\0'; /* the first line; the whole text is on the events screen */
		int y = p->line - p->skip;
		int x = draw_str(p->c, y, p->indent, 12, INK_DIM, fmt_when(t, &ctx->time, e->time)) + 2;
		x = draw_fmt(p->c, y, x, 6, inks[e->level], "%5u", e->id) + 2;
		draw_str(p->c, y, x, p->c->cols - x - 1, inks[e->level], one);
		p->line++;
	}
}
