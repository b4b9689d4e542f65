/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail, newest first, and what the last look at its chain came to. V looks again.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_TIME, COL_WHO, COL_FROM, COL_ACT, COL_OBJECT, COL_RESULT };

static const struct column columns[] = {
    [COL_TIME] = {"TIME", "time", 0, 11, 0, 0, 0, false, false},
    [COL_WHO] = {"WHO", NULL, 1, 16, 8, 40, 0, false, true},
    [COL_FROM] = {"FROM", NULL, 1, 10, 0, 24, 1, false, true},
    [COL_ACT] = {"ACT", NULL, 1, 14, 8, 24, 0, false, false},
    [COL_OBJECT] = {"OBJECT", NULL, 1, 14, 8, 40, 2, false, true},
    [COL_RESULT] = {"RESULT", NULL, 1, 12, 8, 300, 0, false, false},
};

struct audit {
	struct list l;
	struct clv_audit_check_fact *check;
};

static void audit_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%llu", (unsigned long long)rows->u.audit[i].seq);
}

static bool done(const struct clv_audit_fact *a)
{
	return strcmp(a->result, "done") == 0 || strcmp(a->result, "ok") == 0 || a->result[0] == '\0';
}

static enum sign audit_sign(const struct clv_rows *rows, size_t i)
{
	return done(&rows->u.audit[i]) ? SIGN_NONE : SIGN_LOOK;
}

static void audit_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                       size_t size, unsigned *ink)
{
	const struct clv_audit_fact *a = &l->rows.u.audit[i];
	char s[FMT_MAX], name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_TIME:
		snprintf(out, size, "%s", fmt_when(s, &ctx->time, a->time));
		break;
	case COL_WHO:
		snprintf(out, size, "%s", a->who);
		break;
	case COL_FROM:
		snprintf(out, size, "%s", a->from);
		break;
	case COL_ACT:
		snprintf(out, size, "%s", a->act);
		break;
	case COL_OBJECT:
		snprintf(out, size, "%s", view_name(ctx, a->object, name, sizeof(name)));
		break;
	case COL_RESULT:
		if (!done(a))
			*ink = INK_LOOK;
		snprintf(out, size, "%s%s%.280s", a->result, a->detail[0] != '\0' ? ": " : "", a->detail);
		break;
	}
}

static int audit_panel_rows(const struct list *l, const struct canvas *c)
{
	if (l->expanded)
		return c->rows - 2;
	return c->rows >= 18 ? 3 : 0;
}

static void audit_panel(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_audit_fact *a = &l->rows.u.audit[i];
	struct pager p = {.c = c, .skip = l->expanded ? l->skip : 0, .indent = 3};
	char date[FMT_MAX], hex[FMT_MAX], line[1200];
	(void)ctx;
	pager_line(&p, INK_DIM, "row %llu   %s Z   hash %s…", (unsigned long long)a->seq,
	           fmt_minute(date, a->time), fmt_hex(hex, a->hash, 8, 4));
	snprintf(line, sizeof(line), "%.200s from %.100s: %.100s %.200s, %.60s%s%.400s", a->who, a->from,
	         a->act, a->object, a->result, a->detail[0] != '\0' ? ": " : "", a->detail);
	pager_wrap(&p, 3, INK_PLAIN, line);
}

static const struct audit *of(const struct list *l)
{
	return (const struct audit *)l;
}

static void check_text(const struct audit *s, const struct view_ctx *ctx, char *out, size_t size)
{
	char t[FMT_MAX];
	const struct clv_audit_check_fact *k = s->check;
	if (k == NULL)
		snprintf(out, size, "Chain: not looked at here yet, V does");
	else
		snprintf(out, size, "Chain %s %.200s, checked %s%s", k->bad == 0 ? "✔" : "✖", k->text,
		         fmt_when(t, &ctx->time, k->time), fmt_zone(&ctx->time));
}

static void audit_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	char s[400];
	const struct audit *a = of(l);
	struct pager p = {.c = c, .line = 2};
	(void)ctx;
	snprintf(s, sizeof(s), "No row matches. Chain %s.",
	         a->check == NULL     ? "not looked at yet: V"
	         : a->check->bad == 0 ? "✔ whole"
	                              : a->check->text);
	pager_wrap(&p, 1, INK_PLAIN, s);
}

static const struct list_ops list = {
    .kind = CLV_LIST_AUDIT,
    .title = "Audit",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "time",
    .desc = true,
    .id = audit_id,
    .sign = audit_sign,
    .cell = audit_cell,
    .panel_rows = audit_panel_rows,
    .panel = audit_panel,
    .empty = audit_empty,
};

static enum action audit_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	if (a == ACTION_OPEN || (l->expanded && (a == ACTION_ESCAPE || a == ACTION_BACK))) {
		l->expanded = !l->expanded;
		l->skip = 0;
		return ACTION_NONE;
	}
	if (l->expanded && (a == ACTION_NEXT || a == ACTION_PREVIOUS))
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	return list_request(v, a, ctx);
}

static void audit_take(struct view *v, struct clv_reply *r)
{
	struct audit *s = (struct audit *)v;
	if (r->kind == CLV_REPLY_AUDIT_CHECK && r->audit_check != NULL) {
		facts_audit_check_free(s->check);
		s->check = r->audit_check;
		r->audit_check = NULL;
		return;
	}
	list_take(v, r);
}

static void audit_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	const struct audit *s = (const struct audit *)v;
	char line[400];
	unsigned ink = s->check == NULL ? INK_DIM : s->check->bad == 0 ? INK_GOOD : INK_BAD | INK_BOLD;
	check_text(s, ctx, line, sizeof(line));
	struct canvas none = canvas_sub(c, 0, 0);
	struct pager count = {.c = &none}, p = {.c = c};
	pager_wrap(&count, 1, ink, line); /* a broken chain's sentence is never cut */
	struct canvas rest = canvas_sub(c, count.line, c->rows - count.line);
	if (rest.rows < 2) {
		list_draw(v, c, ctx);
		return;
	}
	pager_wrap(&p, 1, ink, line);
	list_draw(v, &rest, ctx);
}

static void audit_close(struct view *v)
{
	struct audit *s = (struct audit *)v;
	facts_audit_check_free(s->check);
	list_release(&s->l);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "audit",
    .where = W_AUDIT,
    .want = list_want,
    .request = audit_request,
    .take = audit_take,
    .draw = audit_draw,
    .status = list_status,
    .close = audit_close,
};

struct view *view_audit_open(const char *filter)
{
	struct audit *s = clv_calloc(1, sizeof(*s));
	list_init(&s->l, &ops, &list, filter);
	return &s->l.v;
}
