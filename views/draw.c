/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing helpers: safe text to cells, signs, right alignment, wrapped pages. No terminal here.
 */
#include "views/draw.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *utf8;
	const char *ascii; /* as many columns as the first */
} fallback[] = {
    {"✔", "+"}, {"»", ">"}, {"✖", "x"}, {"○", "o"}, {"–", "-"}, {"›", ">"}, {"…", "~"},
    {"▲", "^"}, {"▼", "v"}, {"•", "*"}, {"→", ">"}, {"←", "<"}, {"×", "x"}, {"▌", "_"},
    {"▁", "_"}, {"▂", "."}, {"▃", "."}, {"▄", ":"}, {"▅", ":"}, {"▆", "|"}, {"▇", "|"},
    {"█", "#"}, {"·", "."}, {"║", "|"}, {"●", "*"}, {"┌", "+"}, {"┐", "+"}, {"└", "+"},
    {"┘", "+"}, {"─", "-"}, {"│", "|"}, {"═", "="}, {"▶", ">"},
};

static const struct {
	const char *str;
	unsigned ink;
} signs[] = {
    [SIGN_NONE] = {" ", INK_PLAIN},  [SIGN_GOOD] = {"✔", INK_GOOD}, [SIGN_MOVING] = {"»", INK_MOVING},
    [SIGN_LOOK] = {"!", INK_LOOK},   [SIGN_BAD] = {"✖", INK_BAD},   [SIGN_SILENT] = {"○", INK_SILENT},
    [SIGN_ASIDE] = {"–", INK_ASIDE},
};

const char *sign_str(enum sign s)
{
	return signs[s].str;
}

unsigned sign_ink(enum sign s)
{
	return signs[s].ink;
}

/* Lines, boxes, blocks and triangles: U+2500 to U+25BF. */
static bool is_picture(struct clv_slice cl)
{
	return cl.len >= 3 && cl.ptr[0] == 0xe2 && cl.ptr[1] >= 0x94 && cl.ptr[1] <= 0x96;
}

static void put(struct canvas *c, int y, int x, struct clv_slice cl, int cells, unsigned ink)
{
	const char *s = (const char *)cl.ptr;
	size_t len = cl.len;
	if (len > 0 && (unsigned char)s[0] >= 0x80 && (c->ascii || (c->plain && is_picture(cl)))) {
		const char *other = cells == 2 ? "??" : "?";
		for (size_t i = 0; i < sizeof(fallback) / sizeof(fallback[0]); i++) {
			if (slice_eq_str(cl, fallback[i].utf8))
				other = fallback[i].ascii;
		}
		for (int i = 0; i < cells; i++)
			c->ops->put(c->ctx, c->y0 + y, c->x0 + x + i, other + i, 1, 1, ink);
		return;
	}
	c->ops->put(c->ctx, c->y0 + y, c->x0 + x, s, len, cells, ink);
}

int draw_text(struct canvas *c, int y, int x, int width, unsigned ink, const struct clv_text *t)
{
	struct clv_slice cluster;
	struct clv_text *cut = NULL;
	uint32_t cells = 0;
	size_t off = 0;
	if (x + width > c->cols)
		width = c->cols - x;
	if (y < 0 || y >= c->rows || x < 0 || width <= 0)
		return x;
	if (text_cells(t) > (uint32_t)width)
		t = cut = text_cut(t, (uint32_t)width);
	for (int end = x + width; text_next(t, &off, &cluster, &cells) && x + (int)cells <= end;
	     x += (int)cells)
		put(c, y, x, cluster, (int)cells, ink);
	text_free(cut);
	return x;
}

int draw_str(struct canvas *c, int y, int x, int width, unsigned ink, const char *s)
{
	struct clv_text *t = text_new_str(s);
	x = draw_text(c, y, x, width, ink, t);
	text_free(t);
	return x;
}

int draw_fmt(struct canvas *c, int y, int x, int width, unsigned ink, const char *fmt, ...)
{
	char s[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	return draw_str(c, y, x, width, ink, s);
}

int draw_name(struct canvas *c, int y, int x, int width, unsigned ink, const char *name)
{
	struct clv_text *t = text_new_str(name);
	if (width > c->cols - x)
		width = c->cols - x;
	if (width > 0 && text_cells(t) > (uint32_t)width) {
		struct clv_text *cut = text_cut_middle(t, (uint32_t)width);
		text_free(t);
		t = cut;
	}
	x = draw_text(c, y, x, width, ink, t);
	text_free(t);
	return x;
}

int str_cells(const char *s)
{
	struct clv_text *t = text_new_str(s);
	int n = (int)text_cells(t);
	text_free(t);
	return n;
}

void draw_right(struct canvas *c, int y, int x, int width, unsigned ink, const char *s)
{
	int n = str_cells(s);
	if (n > width)
		n = width;
	draw_str(c, y, x + width - n, n, ink, s);
}

void draw_sign(struct canvas *c, int y, int x, enum sign s, unsigned more)
{
	draw_str(c, y, x, 1, signs[s].ink | more, signs[s].str);
}

void draw_fill(struct canvas *c, int y, int x, int width, unsigned ink)
{
	if (y < 0 || y >= c->rows)
		return;
	for (int i = x; i < x + width && i < c->cols; i++)
		c->ops->put(c->ctx, c->y0 + y, c->x0 + i, " ", 1, 1, ink);
}

void draw_cursor(struct canvas *c, int y, int x)
{
	if (c->ops->cursor != NULL && y >= 0 && y < c->rows && x >= 0 && x < c->cols)
		c->ops->cursor(c->ctx, c->y0 + y, c->x0 + x);
}

struct canvas canvas_sub(const struct canvas *c, int y, int rows)
{
	struct canvas sub = *c;
	sub.y0 = c->y0 + y;
	sub.rows = rows < c->rows - y ? rows : c->rows - y;
	if (sub.rows < 0)
		sub.rows = 0;
	return sub;
}

/* --- pages --- */

void pager_line(struct pager *p, unsigned ink, const char *fmt, ...)
{
	char s[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	draw_str(p->c, p->line - p->skip, p->indent, p->c->cols - p->indent, ink, s);
	p->line++;
}

/* Breaks at blanks where there is one, inside of a word where there is none. */
void pager_wrap(struct pager *p, int x, unsigned ink, const char *s)
{
	struct clv_text *t = text_new_str(s);
	int width = p->c->cols - x - 1, col = 0;
	size_t off = 0, start = 0, blank = 0;
	struct clv_slice cluster;
	uint32_t cells = 0;
	char line[4096];
	if (width < 8)
		width = 8;
	while (text_next(t, &off, &cluster, &cells)) {
		col += (int)cells;
		if (cluster.ptr[0] == ' ')
			blank = off;
		if (col <= width || cluster.ptr[0] == ' ')
			continue;
		size_t end = blank > start ? blank : off - cluster.len;
		snprintf(line, sizeof(line), "%.*s", (int)(end - start), text_str(t) + start);
		size_t len = strlen(line);
		while (len > 0 && line[len - 1] == ' ') /* the blank it was broken at would not fit */
			line[--len] = '\0';
		draw_str(p->c, p->line++ - p->skip, x, width, ink, line);
		start = off = end;
		col = 0;
	}
	if (start < text_len(t) || start == 0)
		draw_str(p->c, p->line++ - p->skip, x, width, ink, text_str(t) + start);
	text_free(t);
}

void pager_field(struct pager *p, const char *label, unsigned ink, const char *fmt, ...)
{
	char s[2048];
	int x = p->indent + (p->c->cols < 60 ? 9 : 10);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	draw_str(p->c, p->line - p->skip, p->indent, x - p->indent, INK_DIM, label);
	pager_wrap(p, x, ink, s);
}
