/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expiry: everything that ends, soonest first, and whether it renews itself. Find: everything that has what
 * was looked for. Enter goes to either.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_ENDS, COL_DATE, COL_WHAT, COL_WHOSE, COL_RENEWS };
enum found_col { FOUND_WHAT, FOUND_NAME, FOUND_TEXT };

static const struct column expiry_columns[] = {
    [COL_ENDS] = {"ENDS", "ends", 0, 9, 0, 0, 0, true, false},
    [COL_DATE] = {"DATE", NULL, 2, 10, 0, 0, 2, false, false},
    [COL_WHAT] = {"WHAT", "what", 2, 19, 0, 0, 0, false, false},
    [COL_WHOSE] = {"WHOSE", "whose", 1, 12, 8, 40, 0, false, true},
    [COL_RENEWS] = {"RENEWS BY ITSELF?", "renews", 1, 30, 12, 60, 1, false, false},
};
static const struct column found_columns[] = {
    [FOUND_WHAT] = {"WHAT", NULL, 0, 19, 8, 0, 0, false, false},
    [FOUND_NAME] = {"NAME", NULL, 1, 24, 10, 60, 0, false, true},
    [FOUND_TEXT] = {"", NULL, 1, 30, 10, 200, 1, false, false},
};

static void things_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	const struct clv_thing_fact *t = &rows->u.things[i];
	snprintf(out, size, "%.40s of %.200s", t->what, t->whose);
}

static enum sign things_sign(const struct clv_rows *rows, size_t i)
{
	static const enum sign signs[CLV_LEVEL_MAX] = {
	    [CLV_LEVEL_WARNING] = SIGN_LOOK, [CLV_LEVEL_ERROR] = SIGN_BAD};
	return signs[rows->u.things[i].level];
}

static void expiry_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                        size_t size, unsigned *ink)
{
	const struct clv_thing_fact *t = &l->rows.u.things[i];
	char s[FMT_MAX], name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_ENDS:
		*ink = sign_ink(things_sign(&l->rows, i));
		if (t->ends < ctx->time.now_ms)
			snprintf(out, size, "%s ago", fmt_age(s, ctx->time.now_ms - t->ends));
		else
			snprintf(out, size, "%s", fmt_age(s, t->ends - ctx->time.now_ms));
		break;
	case COL_DATE:
		snprintf(out, size, "%s", fmt_date(s, t->ends));
		break;
	case COL_WHAT:
		snprintf(out, size, "%s", t->what);
		break;
	case COL_WHOSE:
		snprintf(out, size, "%s", view_name(ctx, t->whose, name, sizeof(name)));
		break;
	case COL_RENEWS:
		snprintf(out, size, "%s", t->text);
		break;
	}
}

static void found_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                       size_t size, unsigned *ink)
{
	const struct clv_thing_fact *t = &l->rows.u.things[i];
	char name[VIEW_ID_MAX];
	(void)ink;
	snprintf(out, size, "%s",
	         col == FOUND_WHAT   ? t->what
	         : col == FOUND_NAME ? view_name(ctx, t->whose, name, sizeof(name))
	                             : t->text);
}

static void expiry_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN,
	           "Nothing that ends is known yet: no agent has a key, no account an end.");
}

const char *view_nothing_found(const char *text, char *out, size_t size)
{
	snprintf(out, size,
	         "Nothing known begins %s. Looked in: names, users, agent keys of all generations, node "
	         "keys, channel certificates, audit.",
	         text);
	return out;
}

static void found_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	char s[VIEW_FILTER_MAX + 200];
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN, view_nothing_found(l->filter, s, sizeof(s)));
}

static const struct list_ops expiry_list = {
    .kind = CLV_LIST_EXPIRY,
    .title = "Expiry",
    .cols = expiry_columns,
    .n_cols = (int)(sizeof(expiry_columns) / sizeof(expiry_columns[0])),
    .sort = "ends",
    .id = things_id,
    .sign = things_sign,
    .cell = expiry_cell,
    .empty = expiry_empty,
};
static const struct list_ops found_list = {
    .kind = CLV_LIST_FOUND,
    .title = "Find",
    .cols = found_columns,
    .n_cols = (int)(sizeof(found_columns) / sizeof(found_columns[0])),
    .id = things_id,
    .sign = things_sign,
    .cell = found_cell,
    .empty = found_empty,
    .own_empty = true,
};

static enum action things_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (a == ACTION_ESCAPE && l->lo->kind == CLV_LIST_FOUND)
		return a; /* what was looked for is no filter that Esc takes away */
	a = list_request(v, a, ctx);
	if (a != ACTION_OPEN)
		return a;
	if (!list_selected(l, &i) || l->rows.u.things[i].go[0] == '\0')
		return ACTION_NONE;
	snprintf(v->go, sizeof(v->go), "%.300s", l->rows.u.things[i].go);
	return ACTION_OPEN;
}

static bool things_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	*t = (struct target){.name = l->rows.u.things[i].whose};
	snprintf(t->id, sizeof(t->id), "%s", t->name);
	return true;
}

static const struct view_ops expiry_ops = {
    .name = "expiry",
    .where = W_EXPIRY,
    .want = list_want,
    .request = things_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = things_target,
    .close = list_close,
};
static const struct view_ops found_ops = {
    .name = "find",
    .where = W_FOUND,
    .want = list_want,
    .request = things_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = things_target,
    .close = list_close,
};

struct view *view_expiry_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &expiry_ops, &expiry_list, filter);
	return &l->v;
}

struct view *view_found_open(const char *text)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &found_ops, &found_list, text);
	return &l->v;
}
