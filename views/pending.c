/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks to be accepted: what each looks like, and beside the selected one what is known. The
 * first twelve digits of a fingerprint are never here: the host printed them, a person types them.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_NAME, COL_ROLE, COL_FROM, COL_CAME_BY, COL_LOOKS };

static const struct column columns[] = {
    [COL_NAME] = {"NAME", "name", 0, 7, 7, 24, 0, false, true},
    [COL_ROLE] = {"ROLE", "role", 1, 8, 0, 0, 1, false, false},
    [COL_FROM] = {"FROM", "from", 1, 11, 0, 39, 2, false, true},
    [COL_CAME_BY] = {"CAME BY", "came_by", 1, 23, 14, 40, 3, false, false},
    [COL_LOOKS] = {"WHAT IT LOOKS LIKE", "looks_like", 1, 23, 14, 60, 0, false, false},
};

static void pending_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%llu", (unsigned long long)rows->u.pending[i].id);
}

static enum sign pending_sign(const struct clv_rows *rows, size_t i)
{
	const struct clv_pending_fact *p = &rows->u.pending[i];
	if (p->conflict)
		return SIGN_BAD;
	return strcmp(p->role, "agent") == 0 ? SIGN_GOOD : SIGN_LOOK;
}

static void pending_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                         size_t size, unsigned *ink)
{
	const struct clv_pending_fact *p = &l->rows.u.pending[i];
	char name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_NAME:
		snprintf(out, size, "%s", view_name(ctx, p->name, name, sizeof(name)));
		break;
	case COL_ROLE:
		snprintf(out, size, "%s", p->role);
		break;
	case COL_FROM:
		snprintf(out, size, "%s", p->from);
		break;
	case COL_CAME_BY:
		snprintf(out, size, "%s", p->came_by);
		break;
	case COL_LOOKS:
		*ink = p->conflict ? INK_BAD : INK_PLAIN;
		snprintf(out, size, "%s", p->looks_like);
		break;
	}
}

/* Narrow terminals have what is known below, not beside. */
static bool beside(const struct canvas *c)
{
	return c->cols >= 70;
}

static int pending_panel_rows(const struct list *l, const struct canvas *c)
{
	size_t i;
	bool conflict = list_selected(l, &i) && l->rows.u.pending[i].conflict;
	int rows = !conflict ? 3 : beside(c) ? 4 : 7;
	int most = l->expanded ? c->rows - 1 : c->rows - 3;
	if (rows > most)
		rows = most;
	return rows > 0 ? rows : 0;
}

static void draw_known(const struct clv_pending_fact *p, struct canvas *c, int y, int step, int x,
                       const struct view_ctx *ctx)
{
	char date[FMT_MAX], name[64];
	int w = c->cols - x - 1;
	if (p->known_fingerprint != NULL)
		draw_fmt(c, y, x, w, INK_PLAIN, "known %s", p->known_fingerprint);
	snprintf(name, sizeof(name), "%.60s", p->known_pinned_by != NULL ? p->known_pinned_by : "");
	name[strcspn(name, "@")] = '\0';
	if (p->known_pinned_at != 0)
		draw_fmt(c, y + step, x, w, INK_PLAIN, "pinned %s %s", fmt_date(date, p->known_pinned_at),
		         name);
	draw_fmt(c, y + 2 * step, x, w, INK_PLAIN, "%s, %s, %s",
	         p->known_from != NULL ? p->known_from : "address unknown",
	         p->known_machine != NULL ? p->known_machine : "no machine id",
	         p->known_alive ? "alive" : "not in touch");
	(void)ctx;
}

static void pending_panel(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_pending_fact *p = &l->rows.u.pending[i];
	char name[VIEW_ID_MAX];
	int x = 17, w = p->conflict && beside(c) ? 37 : c->cols - x - 1, y = 0;
	draw_str(c, y, 3, 13, INK_DIM, "fingerprint");
	draw_str(c, y++, x, w, INK_PLAIN, p->fingerprint_hidden);
	draw_str(c, y, 3, 13, INK_DIM, "vouched for");
	draw_str(c, y++, x, w, INK_PLAIN,
	         p->vouched    ? "yes: signed by the known key"
	         : p->conflict ? "no: not signed by the known key"
	                       : "nobody known asks under this name");
	draw_str(c, y, 3, 13, INK_DIM, "address");
	draw_fmt(c, y++, x, w, INK_PLAIN, "%s, machine %s", p->from,
	         p->machine != NULL ? p->machine : "not told");
	if (!p->conflict)
		return;
	if (beside(c)) {
		draw_known(p, c, 0, 1, 56, ctx);
	} else {
		draw_known(p, c, y, 1, 3, ctx);
		y += 3;
	}
	draw_fmt(c, y, 1, c->cols - 2, INK_BOLD, "The known %s goes on; this one gets nothing.",
	         view_name(ctx, p->name, name, sizeof(name)));
}

static void pending_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN, "Nobody waits.");
	pager_wrap(&p, 1, INK_DIM, "Turned away nodes are in the events:  :events id:20002");
}

static const struct list_ops list = {
    .kind = CLV_LIST_PENDING,
    .title = "Pending",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .can_mark = true,
    .id = pending_id,
    .sign = pending_sign,
    .cell = pending_cell,
    .panel_rows = pending_panel_rows,
    .panel = pending_panel,
    .empty = pending_empty,
};

static void pending_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	size_t conflicts = 0;
	char n[FMT_MAX], marked[64] = "";
	list_status(v, st, ctx);
	if (!v->have || l->filter[0] != '\0' || l->rows.matched == 0)
		return;
	for (size_t i = 0; i < l->rows.n; i++)
		conflicts += l->rows.u.pending[i].conflict;
	if (l->marks.n > 0)
		snprintf(marked, sizeof(marked), "   %zu marked", l->marks.n);
	snprintf(st->left, sizeof(st->left), "Pending   %s wait%s", fmt_count(n, l->rows.matched),
	         l->rows.matched == 1 ? "s" : "");
	size_t used = strlen(st->left);
	if (conflicts > 0)
		snprintf(st->left + used, sizeof(st->left) - used, ", %zu of them conflict%s", conflicts,
		         conflicts == 1 ? "" : "s");
	snprintf(st->middle, sizeof(st->middle), "%s", marked + (marked[0] != '\0' ? 3 : 0));
}

static bool pending_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	const struct clv_pending_fact *p = &l->rows.u.pending[i];
	*t = (struct target){.name = p->name, .pending_id = p->id};
	pending_id(&l->rows, i, t->id, sizeof(t->id));
	return true;
}

/* On a small terminal the panel finds no room beside the list: Enter gives it the screen. */
static enum action pending_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	if (a == ACTION_OPEN || (l->expanded && (a == ACTION_ESCAPE || a == ACTION_BACK))) {
		l->expanded = !l->expanded;
		return ACTION_NONE;
	}
	return list_request(v, a, ctx);
}

static const struct view_ops ops = {
    .name = "pending",
    .where = W_PENDING,
    .want = list_want,
    .request = pending_request,
    .take = list_take,
    .draw = list_draw,
    .status = pending_status,
    .target = pending_target,
    .close = list_close,
};

struct view *view_pending_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
