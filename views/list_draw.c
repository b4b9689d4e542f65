/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing of a list: header, rows in columns, the panel of the selected row, and line 2.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

#define COLS_MAX  LIST_COLS_MAX
#define FIRST_COL 3 /* mark, sign, blank */

struct layout {
	bool shown[COLS_MAX];
	int x[COLS_MAX], width[COLS_MAX];
};

static int total_width(const struct list *l, const struct layout *lay)
{
	int sum = FIRST_COL;
	for (int i = 0; i < l->lo->n_cols; i++)
		sum += lay->shown[i] ? lay->width[i] + l->lo->cols[i].gap : 0;
	return sum;
}

/* The column that leaves next: the lowest number that is still there. */
static bool drop_one(const struct list *l, struct layout *lay)
{
	int best = -1;
	for (int i = 0; i < l->lo->n_cols; i++) {
		int leave = l->lo->cols[i].leave;
		if (lay->shown[i] && leave > 0 && (best < 0 || leave < l->lo->cols[best].leave))
			best = i;
	}
	if (best >= 0)
		lay->shown[best] = false;
	return best >= 0;
}

static int wanted_width(const struct list *l, int i, int cols, const struct view_ctx *ctx)
{
	const struct list_ops *lo = l->lo;
	int w = (lo->width != NULL ? lo->width(l, i, cols, ctx) : lo->cols[i].width) + l->pref[i].extra;
	return w < 3 ? 3 : w;
}

/* Columns may shrink to their least width before one has to leave, and grow with what is left. */
static void lay_out(const struct list *l, int cols, const struct view_ctx *ctx, struct layout *lay)
{
	const struct list_ops *lo = l->lo;
	*lay = (struct layout){0};
	for (int i = 0; i < lo->n_cols; i++) {
		lay->shown[i] = !l->pref[i].hidden;
		lay->width[i] = wanted_width(l, i, cols, ctx);
	}
	for (;;) {
		for (int i = lo->n_cols - 1; i >= 0; i--) {
			int over = total_width(l, lay) - cols, can = lay->width[i] - lo->cols[i].min;
			if (lay->shown[i] && over > 0 && lo->cols[i].min > 0 && can > 0)
				lay->width[i] -= over < can ? over : can;
		}
		if (total_width(l, lay) <= cols || !drop_one(l, lay))
			break;
		for (int i = 0; i < lo->n_cols; i++)
			lay->width[i] = wanted_width(l, i, cols, ctx);
	}
	for (int i = 0; i < lo->n_cols; i++) {
		int room = cols - total_width(l, lay), can = lo->cols[i].max - lay->width[i];
		if (lay->shown[i] && room > 0 && can > 0)
			lay->width[i] += room < can ? room : can;
	}
	for (int i = 0, x = FIRST_COL; i < lo->n_cols; i++) {
		if (!lay->shown[i])
			continue;
		lay->x[i] = x + lo->cols[i].gap;
		x = lay->x[i] + lay->width[i];
	}
}

static void draw_header(const struct list *l, struct canvas *c, const struct layout *lay,
                        const struct view_ctx *ctx)
{
	char title[64];
	for (int i = 0; i < l->lo->n_cols; i++) {
		const struct column *col = &l->lo->cols[i];
		bool sorted = l->sort != NULL && col->sort != NULL && strcmp(l->sort, col->sort) == 0;
		const char *name = strcmp(col->title, "KEY") == 0 ? fmt_thumb_name(ctx->thumb) : col->title;
		unsigned ink = INK_DIM | (l->col == i && l->col_chosen ? INK_BOLD : 0);
		if (!lay->shown[i])
			continue;
		snprintf(title, sizeof(title), "%s%s", name, !sorted ? "" : l->desc ? " ▼" : " ▲");
		if (col->right)
			draw_right(c, 0, lay->x[i], lay->width[i], ink, title);
		else
			draw_str(c, 0, lay->x[i], lay->width[i], ink, title);
	}
}

/* Grouped: the value that the row above has already is not said again; the first in sight says it. */
static bool repeats(const struct list *l, size_t i, int k, const char *text, const struct view_ctx *ctx)
{
	char above[1024] = "";
	unsigned ink = INK_PLAIN;
	if (!l->grouped || l->lo->cols[k].sort == NULL || l->sort == NULL || i == 0 ||
	    l->rows.offset + i == l->top || strcmp(l->lo->cols[k].sort, l->sort) != 0)
		return false;
	l->lo->cell(l, i - 1, k, ctx, above, sizeof(above), &ink);
	return strcmp(above, text) == 0;
}

static void draw_row(const struct list *l, size_t i, int y, struct canvas *c, const struct layout *lay,
                     const struct view_ctx *ctx)
{
	char text[1024], id[VIEW_ID_MAX];
	bool selected = l->rows.offset + i == l->cur;
	unsigned more = selected ? INK_REVERSE : 0;
	l->lo->id(&l->rows, i, id, sizeof(id));
	if (selected)
		draw_fill(c, y, 0, c->cols, more);
	if (marks_have(&l->marks, id))
		draw_str(c, y, 0, 1, INK_ACCENT | more, "*");
	else if (l->range_from >= 0 && selected)
		draw_str(c, y, 0, 1, INK_ACCENT | more, "v");
	draw_sign(c, y, 1, l->lo->sign(&l->rows, i), more);
	for (int k = 0; k < l->lo->n_cols; k++) {
		unsigned ink = INK_PLAIN;
		if (!lay->shown[k])
			continue;
		text[0] = '\0';
		l->lo->cell(l, i, k, ctx, text, sizeof(text), &ink);
		if (repeats(l, i, k, text, ctx))
			continue;
		if (ctx->fresh == FRESH_STALE)
			ink = INK_DIM;
		if (l->lo->cols[k].right)
			draw_right(c, y, lay->x[k], lay->width[k], ink | more, text);
		else if (l->lo->cols[k].is_name)
			draw_name(c, y, lay->x[k], lay->width[k], ink | more, text);
		else
			draw_str(c, y, lay->x[k], lay->width[k], ink | more, text);
	}
	if (selected)
		draw_cursor(c, y, FIRST_COL);
}

void list_row_line(const struct list *l, size_t i, const struct view_ctx *ctx, char *out, size_t size)
{
	char text[1024];
	unsigned ink = INK_PLAIN;
	size_t used = 0;
	out[0] = '\0';
	for (int k = 0; k < l->lo->n_cols && used < size; k++) {
		text[0] = '\0';
		l->lo->cell(l, i, k, ctx, text, sizeof(text), &ink);
		int n = snprintf(out + used, size - used, "%s%s", used > 0 ? "  " : "", text);
		used += n > 0 ? (size_t)n : 0;
	}
}

bool list_may_hide(const struct list *l, int col)
{
	return l->lo->cols[col].leave > 0;
}

static void draw_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2, .indent = 1};
	char total[FMT_MAX];
	if (!l->v.have) {
		pager_line(&p, INK_DIM, "Asking the server…");
		return;
	}
	if (l->filter[0] != '\0' && !l->lo->own_empty) { /* message 18 */
		char s[VIEW_FILTER_MAX + 160];
		snprintf(s, sizeof(s), "No %s matches %s. %s without the filter: Esc",
		         l->lo->kind == CLV_LIST_AGENTS ? "agent" : "row", l->filter,
		         fmt_count(total, l->rows.total));
		pager_wrap(&p, 1, INK_PLAIN, s);
		return;
	}
	l->lo->empty(l, c, ctx);
}

void list_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	struct layout lay;
	size_t sel = 0;
	struct canvas own = *c, side = list_preview_area(l, &own, ctx);
	if (side.rows > 0)
		list_preview(l, &side, ctx);
	c = &own;
	l->cols_total = c->cols;
	int panel = l->lo->panel_rows != NULL && l->rows.n > 0 ? l->lo->panel_rows(l, c) : 0;
	int head = c->rows < 3 ? 0 : 1; /* a big question leaves room for its row, not for the header */
	int page = c->rows - head - panel;
	if (page < 1)
		page = 1;
	if (page != l->page) {
		l->page = page;
		if (l->cur >= l->top + (uint64_t)page)
			l->top = l->cur - (uint64_t)page + 1;
		if (l->top + (uint64_t)page > l->rows.matched)
			l->top = l->rows.matched > (uint64_t)page ? l->rows.matched - (uint64_t)page : 0;
	}
	if (v->have && l->rows.n > 0 &&
	    (l->top < l->rows.offset || (l->top + (uint64_t)page > l->rows.offset + l->rows.n &&
	                                 l->rows.offset + l->rows.n < l->rows.matched)))
		v->ask = true;
	if (l->rows.matched == 0) {
		draw_empty(l, c, ctx);
		return;
	}
	lay_out(l, c->cols, ctx, &lay);
	if (head > 0)
		draw_header(l, c, &lay, ctx);
	int y = head;
	for (uint64_t i = l->top; y < page + head && i < l->rows.matched; i++, y++) {
		if (i >= l->rows.offset && i - l->rows.offset < l->rows.n)
			draw_row(l, (size_t)(i - l->rows.offset), y, c, &lay, ctx);
		else
			draw_str(c, y, FIRST_COL, 4, INK_DIM, "…");
	}
	if (panel > 0 && list_selected(l, &sel)) {
		struct canvas sub = canvas_sub(c, y < c->rows - panel ? y : c->rows - panel, panel);
		l->lo->panel(l, sel, &sub, ctx);
	}
}

void list_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	char a[FMT_MAX], b[FMT_MAX], news[FMT_MAX] = "", marked[FMT_MAX] = "";
	(void)ctx;
	snprintf(st->left, sizeof(st->left), "%s%s%s", l->lo->title, l->filter[0] != '\0' ? "   /" : "",
	         l->filter);
	if (!v->have)
		return;
	if (l->marks.n > 0 && l->hidden_known && l->hidden > 0 && !list_overtaken(l))
		snprintf(marked, sizeof(marked), "   %zu marked, %zu hidden", l->marks.n, l->hidden);
	else if (l->marks.n > 0)
		snprintf(marked, sizeof(marked), "   %zu marked", l->marks.n);
	if (l->news > 0)
		snprintf(news, sizeof(news), "   %s new", fmt_count(a, l->news));
	if (list_overtaken(l))
		snprintf(st->middle, sizeof(st->middle), "… of %s%s", fmt_count(b, l->rows.total), marked);
	else if (l->filter[0] != '\0')
		snprintf(st->middle, sizeof(st->middle), "%s of %s%s%s", fmt_count(a, l->rows.matched),
		         fmt_count(b, l->rows.total), marked, news);
	else
		snprintf(st->middle, sizeof(st->middle), "%s%s%s", fmt_count(a, l->rows.matched), marked,
		         news);
}
