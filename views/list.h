/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all lists have in common: a window on rows that the server holds, a cursor and marks that
 * follow identity, columns that leave as it narrows, sort and filter.
 */
#ifndef VIEWS_LIST_H
#define VIEWS_LIST_H

#include "views/draw.h"
#include "views/view.h"

#define LIST_MARKS_MAX 1000u

struct column {
	const char *title;
	const char *sort; /* JSON name; NULL: cannot be sorted by */
	int gap, width;   /* blanks before it, columns */
	int min, max;     /* may shrink to, may grow to; 0: as width */
	int leave;        /* 1 leaves first as it narrows; 0 never */
	bool right, is_name;
};

/* What a person made of a column: gone, or wider and narrower than drawn. */
#define LIST_COLS_MAX 12
struct column_pref {
	bool hidden;
	int extra;
};

struct marks {
	char **ids;
	size_t n;
};

struct list;
struct list_ops {
	enum clv_list kind;
	const char *title;
	const struct column *cols;
	int n_cols;
	const char *sort; /* at first; NULL: the list's own order */
	bool desc;
	const char *base; /* filter that is always there, before the operator's; NULL: none */
	bool can_mark;
	void (*id)(const struct clv_rows *rows, size_t i, char *out, size_t size);
	enum sign (*sign)(const struct clv_rows *rows, size_t i);
	void (*cell)(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
	             size_t size, unsigned *ink);
	int (*width)(const struct list *l, int col, int total,
	             const struct view_ctx *ctx); /* NULL: as in cols */
	/* Lines for the selected row under the list; NULL: none. */
	int (*panel_rows)(const struct list *l, const struct canvas *c);
	void (*panel)(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx);
	void (*empty)(const struct list *l, struct canvas *c, const struct view_ctx *ctx);
	/* More of a row beside the list, under its columns; NULL: the columns alone. */
	void (*preview)(const struct list *l, size_t i, struct pager *p, const struct view_ctx *ctx);
	bool own_empty; /* also where a filter leaves nothing */
};

struct list {
	struct view v;
	const struct list_ops *lo;
	struct clv_rows rows;
	uint64_t top, cur;
	char cur_id[VIEW_ID_MAX];
	bool touched; /* the cursor was moved: it follows its row */
	bool anchor_tried, anchored;
	uint64_t news; /* rows that came above */
	char filter[VIEW_FILTER_MAX];
	char *sent_filter; /* what the server is asked, with is:marked replaced */
	char asked[VIEW_FILTER_MAX],
	    shown[VIEW_FILTER_MAX]; /* the filter that was asked for; that of the rows */
	const char *sort;
	bool desc;
	int col; /* h l */
	bool col_chosen;
	struct marks marks, undo;
	int64_t range_from; /* v: -1 none */
	size_t hidden;      /* marked rows that the filter hides */
	bool hidden_known;
	int page;       /* rows in sight */
	int cols_total; /* columns of the screen at the last drawing */
	uint64_t from;
	uint32_t limit;
	struct column_pref pref[LIST_COLS_MAX];
	bool grouped;         /* a value like the one above it in the sorted column is not repeated */
	uint64_t preview_cur; /* the row that the preview is of, and since when it stands there */
	int64_t preview_since;
	bool expanded; /* one row fills the screen */
	int skip;      /* lines scrolled in it */
};

/* In place; l lies at the beginning of the view's own struct. */
void list_init(struct list *l, const struct view_ops *ops, const struct list_ops *lo, const char *filter);
void list_release(struct list *l);
void list_want(struct view *v, struct want *w);
enum action list_request(struct view *v, enum action a, const struct view_ctx *ctx);
void list_take(struct view *v, struct clv_reply *r);
void list_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx);
void list_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx);
void list_close(struct view *v);

/* NULL when the view is no list. */
struct list *list_of(struct view *v);
/* list_preview.c: the area beside or under the list; rows 0: none. */
struct canvas list_preview_area(const struct list *l, struct canvas *c, const struct view_ctx *ctx);
void list_preview(struct list *l, struct canvas *c, const struct view_ctx *ctx);
/* The selected row's place in rows; false when it is not loaded. */
bool list_selected(const struct list *l, size_t *i);
/* Every row that the screen shows is here. */
bool list_covered(const struct list *l);
/* The rows that are shown are still those of another filter: nothing acts on them. */
bool list_overtaken(const struct list *l);
/* One row as a line of its columns, two blanks between them; foreign text in it. */
void list_row_line(const struct list *l, size_t i, const struct view_ctx *ctx, char *out, size_t size);
/* A column that may be hidden: not the one without which the row says nothing. */
bool list_may_hide(const struct list *l, int col);
void list_set_filter(struct list *l, const char *filter);
bool marks_have(const struct marks *m, const char *id);
void list_mark_toggle(struct list *l, const char *id);
/* Adds all ids of the rows; false when there would be too many. */
bool list_mark_rows(struct list *l, const struct clv_rows *rows);
void list_marks_clear(struct list *l);
void list_marks_undo(struct list *l);
void list_mark_range(struct list *l);
void list_marks_invert(struct list *l);
/* Counts the marked rows that the filter hides, where all matching rows are loaded. */
void list_count_hidden(struct list *l);

#endif
