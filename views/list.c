/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all lists have in common: window, cursor by identity, sort, filter, drawing of columns.
 * Holds no more rows than the window that the server sent.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

#define WINDOW_MIN 100u

void list_init(struct list *l, const struct view_ops *ops, const struct list_ops *lo, const char *filter)
{
	l->v.ops = ops;
	l->v.ask = true;
	l->lo = lo;
	l->rows.list = lo->kind;
	l->sort = lo->sort;
	l->desc = lo->desc;
	l->range_from = -1;
	l->page = 20;
	for (int i = 0; i < lo->n_cols; i++) {
		if (lo->sort != NULL && lo->cols[i].sort != NULL && strcmp(lo->sort, lo->cols[i].sort) == 0)
			l->col = i;
	}
	snprintf(l->filter, sizeof(l->filter), "%s", filter != NULL ? filter : "");
}

void list_release(struct list *l)
{
	clv_rows_release(&l->rows);
	clv_free(l->sent_filter);
	list_marks_clear(l);
	for (size_t i = 0; i < l->undo.n; i++)
		clv_free(l->undo.ids[i]);
	clv_free(l->undo.ids);
}

void list_close(struct view *v)
{
	struct list *l = (struct list *)v;
	list_release(l);
	clv_free(l);
}

struct list *list_of(struct view *v)
{
	return v != NULL && v->ops->want == list_want ? (struct list *)v : NULL;
}

bool list_overtaken(const struct list *l)
{
	return l->v.have && strcmp(l->filter, l->shown) != 0;
}

bool list_selected(const struct list *l, size_t *i)
{
	if (!l->v.have || l->cur < l->rows.offset || l->cur - l->rows.offset >= l->rows.n)
		return false;
	*i = (size_t)(l->cur - l->rows.offset);
	return true;
}

/* --- what is wanted --- */

/* `is:marked` is ours: the server is given the names. */
static char *server_filter(const struct list *l)
{
	struct clv_buf b;
	bool marked = false;
	char *out = NULL;
	buf_init(&b, 12000);
	clv_rc rc = l->lo->base != NULL ? buf_printf(&b, NULL, "%s ", l->lo->base) : CLV_OK;
	for (const char *s = l->filter; *s != '\0' && rc == CLV_OK;) {
		size_t word = strcspn(s, " ");
		if (word == 9 && strncmp(s, "is:marked", 9) == 0)
			marked = true;
		else if (word > 0)
			rc = buf_printf(&b, NULL, "%.*s ", (int)word, s);
		s += word + (s[word] == ' ');
	}
	if (marked && rc == CLV_OK)
		rc = buf_printf(&b, NULL, "name=-");
	for (size_t i = 0; marked && i < l->marks.n && rc == CLV_OK; i++)
		rc = buf_printf(&b, NULL, ",%s", l->marks.ids[i]);
	struct clv_slice s = buf_slice(&b);
	while (s.len > 0 && s.ptr[s.len - 1] == ' ')
		s.len--;
	out = clv_calloc(s.len + 1, 1);
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	buf_release(&b);
	return out;
}

void list_want(struct view *v, struct want *w)
{
	struct list *l = (struct list *)v;
	uint32_t page = (uint32_t)(l->page > 0 ? l->page : 1);
	l->from = l->top > page ? l->top - page : 0;
	l->limit = 3 * page > WINDOW_MIN ? 3 * page : WINDOW_MIN;
	if (l->lo->kind == CLV_LIST_PENDING || l->limit > CLV_LIST_LIMIT_MAX)
		l->limit = CLV_LIST_LIMIT_MAX;
	clv_free(l->sent_filter);
	l->sent_filter = server_filter(l);
	snprintf(l->asked, sizeof(l->asked), "%s", l->filter);
	*w = (struct want){.kind = WANT_LIST, .list = l->lo->kind};
	w->window = (struct clv_window){.filter = l->sent_filter,
	                                .sort = l->sort,
	                                .descending = l->desc,
	                                .offset = l->from,
	                                .limit = l->limit,
	                                .watch = true};
	if (l->anchored && l->cur_id[0] != '\0') {
		w->window.anchor = l->cur_id;
		w->window.offset = l->cur - l->from;
	}
	l->anchored = false;
}

/* --- rows arrive --- */

static bool find_id(const struct list *l, const char *id, size_t *at)
{
	char other[VIEW_ID_MAX];
	for (size_t i = 0; i < l->rows.n; i++) {
		l->lo->id(&l->rows, i, other, sizeof(other));
		if (strcmp(other, id) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

static void clamp(struct list *l)
{
	uint64_t n = l->rows.matched, page = (uint64_t)(l->page > 0 ? l->page : 1);
	if (l->cur >= n)
		l->cur = n > 0 ? n - 1 : 0;
	if (l->cur < l->top)
		l->top = l->cur;
	if (l->cur >= l->top + page)
		l->top = l->cur - page + 1;
	if (l->top + page > n)
		l->top = n > page ? n - page : 0;
}

/* A row that is not loaded yet has no identity to follow: it is known by its place alone. */
static void remember_id(struct list *l)
{
	size_t i;
	l->cur_id[0] = '\0';
	if (list_selected(l, &i))
		l->lo->id(&l->rows, i, l->cur_id, sizeof(l->cur_id));
}

/* The cursor follows its row; a row that is gone leaves the cursor on its neighbour. */
static void follow(struct list *l)
{
	size_t at = 0;
	if (l->cur_id[0] == '\0' || (!l->touched && l->cur == 0))
		return;
	if (find_id(l, l->cur_id, &at)) {
		uint64_t now = l->rows.offset + at;
		if (now > l->cur && !l->anchor_tried)
			l->news += now - l->cur;
		l->top = now > l->cur ? l->top + (now - l->cur)
		                      : l->top - (l->cur - now < l->top ? l->cur - now : l->top);
		l->cur = now;
		l->anchor_tried = false;
		return;
	}
	if (!l->anchor_tried && l->rows.n < l->rows.matched) {
		l->anchor_tried = l->anchored = true;
		l->v.ask = true;
		return;
	}
	l->anchor_tried = false;
	if (l->rows.matched > 0)
		snprintf(l->v.note, sizeof(l->v.note), "%s is not in this list any more.", l->cur_id);
	l->cur_id[0] = '\0';
}

bool list_covered(const struct list *l)
{
	uint64_t end = l->top + (uint64_t)l->page;
	if (end > l->rows.matched)
		end = l->rows.matched;
	return l->top >= l->rows.offset && end <= l->rows.offset + l->rows.n;
}

void list_take(struct view *v, struct clv_reply *r)
{
	struct list *l = (struct list *)v;
	if (r->kind != CLV_REPLY_LIST || r->rows.list != l->lo->kind)
		return;
	clv_rows_release(&l->rows);
	l->rows = r->rows;
	r->rows = (struct clv_rows){.list = r->rows.list};
	v->have = true;
	snprintf(l->shown, sizeof(l->shown), "%s", l->asked);
	follow(l);
	if (v->ask) /* the row is looked for elsewhere first */
		return;
	clamp(l);
	remember_id(l);
	list_count_hidden(l);
	if (!list_covered(l) && l->rows.n > 0)
		v->ask = true;
}

/* --- actions --- */

static void move_to(struct list *l, uint64_t cur)
{
	l->cur = cur;
	l->touched = true;
	clamp(l);
	remember_id(l);
	if (l->top == 0)
		l->news = 0;
	if (l->v.have && !list_covered(l))
		l->v.ask = true;
}

static uint64_t back_by(const struct list *l, uint64_t n)
{
	return l->cur > n ? l->cur - n : 0;
}

static void step_column(struct list *l, int by)
{
	for (int i = l->col + by; i >= 0 && i < l->lo->n_cols; i += by) {
		if (l->lo->cols[i].sort != NULL) {
			l->col = i;
			l->col_chosen = true;
			return;
		}
	}
}

static void sort_by_column(struct list *l)
{
	const char *sort = l->lo->cols[l->col].sort;
	if (sort == NULL)
		return;
	l->desc = (l->sort != NULL && strcmp(l->sort, sort) == 0) ? !l->desc : false;
	l->sort = sort;
	l->anchored = l->touched;
	l->anchor_tried = true;
	if (!l->touched)
		l->cur = l->top = 0;
	l->v.ask = true;
}

void list_set_filter(struct list *l, const char *filter)
{
	snprintf(l->filter, sizeof(l->filter), "%s", filter);
	l->cur = l->top = 0;
	l->touched = false;
	l->news = 0;
	l->hidden_known = false;
	l->v.ask = true;
}

static bool move_request(struct list *l, enum action a)
{
	uint64_t page = (uint64_t)(l->page > 1 ? l->page - 1 : 1), half = (page + 1) / 2;
	switch (a) {
	case ACTION_DOWN:
		move_to(l, l->cur + 1);
		return true;
	case ACTION_UP:
		move_to(l, back_by(l, 1));
		return true;
	case ACTION_PAGE_DOWN:
		move_to(l, l->cur + page);
		return true;
	case ACTION_PAGE_UP:
		move_to(l, back_by(l, page));
		return true;
	case ACTION_HALF_DOWN:
		move_to(l, l->cur + half);
		return true;
	case ACTION_HALF_UP:
		move_to(l, back_by(l, half));
		return true;
	case ACTION_TOP:
		move_to(l, 0);
		l->touched = false;
		return true;
	case ACTION_BOTTOM:
		move_to(l, l->rows.matched > 0 ? l->rows.matched - 1 : 0);
		return true;
	case ACTION_LEFT:
		step_column(l, -1);
		return true;
	case ACTION_RIGHT:
		step_column(l, 1);
		return true;
	default:
		return false;
	}
}

enum action list_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	(void)ctx;
	if (move_request(l, a))
		return ACTION_NONE;
	switch (a) {
	case ACTION_SORT:
		sort_by_column(l);
		return ACTION_NONE;
	case ACTION_GROUP:
		l->grouped = !l->grouped;
		if (l->grouped && (l->sort == NULL || l->lo->cols[l->col].sort == NULL ||
		                   strcmp(l->sort, l->lo->cols[l->col].sort) != 0))
			sort_by_column(l);
		return ACTION_NONE;
	case ACTION_RELOAD:
		l->news = 0;
		v->ask = true;
		return ACTION_NONE;
	case ACTION_ESCAPE:
		if (l->range_from >= 0) {
			l->range_from = -1;
			return ACTION_NONE;
		}
		if (l->filter[0] != '\0') {
			list_set_filter(l, "");
			return ACTION_NONE;
		}
		return a;
	default:
		return a;
	}
}
