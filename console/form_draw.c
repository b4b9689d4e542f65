/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a form looks: a title, what is known, a field a row, Save, and what the field means.
 */
#include "console/form.h"
#include "views/draw.h"

#include <stdio.h>
#include <string.h>

#define LABEL 16

/* The end of what is typed stays in sight. */
static int draw_end(struct canvas *c, int y, int x, int room, const char *s)
{
	struct clv_text *t = text_new_str(s);
	struct clv_slice cl;
	uint32_t w = 0;
	size_t off = 0;
	int cells = (int)text_cells(t);
	while (cells > room && text_next(t, &off, &cl, &w))
		cells -= (int)w;
	x = draw_str(c, y, x, room, INK_PLAIN, text_str(t) + off);
	text_free(t);
	return x;
}

static void draw_field(const struct form *f, int i, struct canvas *c, int y)
{
	bool here = f->at == i;
	unsigned ink = here ? INK_BOLD : INK_DIM;
	int x = LABEL + 2, room = c->cols - x - 2;
	if (i == f->n) {
		draw_str(c, y, x, 8, here ? INK_REVERSE | INK_BOLD : INK_PLAIN, "[ Save ]");
		if (here)
			draw_cursor(c, y, x + 2);
		return;
	}
	const struct form_field *v = &f->f[i];
	draw_sign(c, y, 0, SIGN_NONE, 0);
	draw_str(c, y, 1, LABEL, ink, v->label);
	if (v->choices != NULL) {
		draw_fmt(c, y, x, room, here ? INK_REVERSE : INK_PLAIN, here ? "< %s >" : "  %s",
		         v->choices[v->choice]);
		if (here)
			draw_cursor(c, y, x);
		return;
	}
	x = draw_end(c, y, x, room, v->text);
	if (!here)
		return;
	draw_str(c, y, x, 1, INK_PLAIN, "▌");
	draw_cursor(c, y, x);
}

void form_draw(const struct form *f, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c};
	int rows[FORM_FIELDS_MAX + 1], n = 0, at = 0, foot = 2;
	(void)ctx;
	draw_str(c, 0, 1, c->cols - 2, INK_BOLD, f->title);
	p.line = 1;
	if (f->info[0] != '\0' && c->rows >= 12)
		pager_wrap(&p, 1, INK_DIM, f->info);
	if (c->rows >= 16)
		p.line++;
	for (int i = 0; i <= f->n; i++) {
		if (i < f->n && !form_visible(f, i))
			continue;
		at = i == f->at ? n : at;
		rows[n++] = i;
	}
	int room = c->rows - p.line - foot, from = 0;
	if (room < 1)
		room = 1;
	if (at >= room)
		from = at - room + 1;
	for (int i = from; i < n && i < from + room; i++)
		draw_field(f, rows[i], c, p.line++);
	p.line = c->rows - foot;
	if (f->error[0] != '\0')
		pager_wrap(&p, 1, INK_LOOK, f->error);
	else if (f->at < f->n)
		pager_wrap(&p, 1, INK_DIM, f->f[f->at].help);
	else
		pager_wrap(&p, 1, INK_DIM,
		           f->kind == FORM_SEND || f->kind == FORM_ASSOCIATE
		               ? "Enter shows first which hosts gain and lose it."
		               : "Enter saves.");
}

void form_hints(struct canvas *c)
{
	static const char *const hints[][2] = {
	    {"Enter", "next or save"}, {"Esc", "leave"}, {"Tab", "next"}, {"^U", "empty"}};
	int x = 1;
	draw_fill(c, c->rows - 1, 0, c->cols, INK_PLAIN);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (x + str_cells(hints[i][0]) + str_cells(hints[i][1]) + 1 > c->cols - 1)
			continue;
		x = draw_str(c, c->rows - 1, x, c->cols - x, INK_BOLD, hints[i][0]);
		x = draw_fmt(c, c->rows - 1, x, c->cols - x, INK_DIM, " %s", hints[i][1]) + 2;
	}
}
