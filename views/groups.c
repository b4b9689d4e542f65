/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups: named lists of names and patterns, how many hosts they match, who uses them.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_NAME, COL_HOSTS, COL_MEMBERS, COL_USED_BY };

static const struct column columns[] = {
    [COL_NAME] = {"GROUP", "name", 0, 18, 10, 40, 0, false, true},
    [COL_HOSTS] = {"HOSTS", "hosts", 1, 6, 0, 0, 0, true, false},
    [COL_MEMBERS] = {"MEMBERS", NULL, 2, 28, 14, 100, 0, false, false},
    [COL_USED_BY] = {"USED BY", NULL, 1, 20, 10, 60, 1, false, false},
};

static void groups_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%s", rows->u.groups[i].name);
}

static enum sign groups_sign(const struct clv_rows *rows, size_t i)
{
	return rows->u.groups[i].hosts > 0 ? SIGN_NONE : SIGN_ASIDE;
}

static void joined(char *out, size_t size, char *const *list, size_t n, const struct view_ctx *ctx)
{
	char name[VIEW_ID_MAX];
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++) {
		int len = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "",
		                   view_name(ctx, list[i], name, sizeof(name)));
		used += len > 0 ? (size_t)len : 0;
	}
}

static void groups_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                        size_t size, unsigned *ink)
{
	const struct clv_group_fact *g = &l->rows.u.groups[i];
	char s[FMT_MAX];
	switch ((enum col)col) {
	case COL_NAME:
		snprintf(out, size, "%s", g->name);
		break;
	case COL_HOSTS:
		snprintf(out, size, "%s", fmt_count(s, g->hosts));
		break;
	case COL_MEMBERS:
		joined(out, size, g->members, g->n_members, ctx);
		break;
	case COL_USED_BY:
		*ink = g->n_used_by > 0 ? INK_PLAIN : INK_ASIDE;
		joined(out, size, g->used_by, g->n_used_by, ctx);
		if (g->n_used_by == 0)
			snprintf(out, size, "nobody");
		break;
	}
}

static void groups_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN,
	           "No group. From a shell:  claviger group add NAME MEMBER...  names hosts and patterns "
	           "that accounts and profiles can go to.");
}

static const struct list_ops list = {
    .kind = CLV_LIST_GROUPS,
    .title = "Groups",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "name",
    .id = groups_id,
    .sign = groups_sign,
    .cell = groups_cell,
    .empty = groups_empty,
};

static enum action groups_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	a = list_request(v, a, ctx);
	return a == ACTION_OPEN ? ACTION_NONE : a;
}

static const struct view_ops ops = {
    .name = "groups",
    .where = W_GROUPS,
    .want = list_want,
    .request = groups_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .close = list_close,
};

struct view *view_groups_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
