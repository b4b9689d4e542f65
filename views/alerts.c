/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, newest first, each with what is known of its path: only what was judged in this run of the server
 * has a verdict. Enter and t show the path, V judges it, A acknowledges.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_TIME, COL_AGENT, COL_WHAT, COL_SEVERITY, COL_COUNT, COL_PATH };

static const struct column columns[] = {
    [COL_TIME] = {"TIME", "time", 0, 11, 0, 0, 0, false, false},
    [COL_AGENT] = {"AGENT", NULL, 1, 8, 6, 24, 3, false, true},
    [COL_WHAT] = {"WHAT", NULL, 1, 24, 6, 300, 0, false, false},
    [COL_SEVERITY] = {"SEVERITY", NULL, 1, 11, 0, 0, 2, false, false},
    [COL_COUNT] = {"COUNT", NULL, 1, 5, 0, 0, 1, true, false},
    [COL_PATH] = {"PATH", NULL, 1, 16, 16, 17, 0, false, false},
};

static void alerts_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%llu", (unsigned long long)rows->u.alerts[i].id);
}

static enum sign verdict_sign(enum clv_verdict v)
{
	return v == CLV_VERDICT_VERIFIED ? SIGN_GOOD : v == CLV_VERDICT_UNCHECKED ? SIGN_NONE : SIGN_BAD;
}

static enum sign alerts_sign(const struct clv_rows *rows, size_t i)
{
	return verdict_sign(rows->u.alerts[i].path);
}

static void first_line(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
	out[strcspn(out, "\r\n")] = '\0';
}

static void alerts_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                        size_t size, unsigned *ink)
{
	const struct clv_alert_fact *a = &l->rows.u.alerts[i];
	char s[FMT_MAX], name[VIEW_ID_MAX];
	if (a->acknowledged != 0)
		*ink = INK_DIM;
	switch ((enum col)col) {
	case COL_TIME:
		snprintf(out, size, "%s", fmt_when(s, &ctx->time, a->time));
		break;
	case COL_AGENT:
		snprintf(out, size, "%s", view_name(ctx, a->agent, name, sizeof(name)));
		break;
	case COL_WHAT:
		if (a->severity == CLV_SEVERITY_CRITICAL && a->acknowledged == 0)
			*ink = INK_BOLD;
		first_line(out, size, a->name);
		break;
	case COL_SEVERITY:
		if (a->acknowledged == 0)
			*ink = a->severity == CLV_SEVERITY_CRITICAL  ? INK_BAD
			       : a->severity == CLV_SEVERITY_WARNING ? INK_LOOK
			                                             : INK_PLAIN;
		snprintf(out, size, "%s", clv_severity_word(a->severity));
		break;
	case COL_COUNT:
		snprintf(out, size, "%s", fmt_count(s, a->count));
		break;
	case COL_PATH:
		*ink = a->path == CLV_VERDICT_UNCHECKED ? INK_DIM : sign_ink(verdict_sign(a->path));
		snprintf(out, size, "%s", clv_verdict_word(a->path));
		break;
	}
}

static int alerts_panel_rows(const struct list *l, const struct canvas *c)
{
	(void)l;
	return c->rows >= 16 ? 5 : 0;
}

static void alerts_panel(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_alert_fact *a = &l->rows.u.alerts[i];
	struct pager p = {.c = c, .indent = 3};
	char date[FMT_MAX], t[FMT_MAX], line[1200], who[VIEW_PERSON_MAX];
	pager_line(&p, INK_DIM, "alert %llu   %s Z   %s   %s   %s", (unsigned long long)a->id,
	           fmt_minute(date, a->time), a->agent, clv_severity_word(a->severity), a->source);
	snprintf(line, sizeof(line), "%.250s%s%.800s", a->name, a->text[0] != '\0' ? ": " : "", a->text);
	pager_wrap(&p, 3, INK_PLAIN, line);
	if (a->why[0] != '\0')
		pager_wrap(&p, 3, INK_BAD, a->why);
	if (a->acknowledged != 0)
		pager_line(&p, INK_DIM, "acknowledged %s%s by %s", fmt_when(t, &ctx->time, a->acknowledged),
		           fmt_zone(&ctx->time), view_person(a->acknowledged_by, who));
}

static void alerts_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	char s[300], a[FMT_MAX], b[FMT_MAX];
	struct pager p = {.c = c, .line = 2};
	(void)ctx;
	snprintf(s, sizeof(s), "No alert is stored. %s could have sent one, %s silent.",
	         fmt_plural(a, l->rows.agents, "agent", "agents"),
	         fmt_plural(b, l->rows.silent, "is", "are"));
	pager_wrap(&p, 1, INK_PLAIN, s);
}

static const struct list_ops list = {
    .kind = CLV_LIST_ALERTS,
    .title = "Alerts",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "time",
    .desc = true,
    .id = alerts_id,
    .sign = alerts_sign,
    .cell = alerts_cell,
    .panel_rows = alerts_panel_rows,
    .panel = alerts_panel,
    .empty = alerts_empty,
};

static enum action alerts_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	size_t i;
	a = list_request(v, a, ctx);
	if (a != ACTION_OPEN && a != ACTION_TRACE && a != ACTION_PROBE)
		return a;
	if (!list_selected(l, &i))
		return ACTION_NONE;
	if (a == ACTION_PROBE)
		snprintf(v->go, sizeof(v->go), "trace probe %.280s", l->rows.u.alerts[i].agent);
	else
		snprintf(v->go, sizeof(v->go), "trace %llu", (unsigned long long)l->rows.u.alerts[i].id);
	return ACTION_OPEN;
}

static bool alerts_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	*t = (struct target){.name = l->rows.u.alerts[i].name, .alert = &l->rows.u.alerts[i]};
	snprintf(t->id, sizeof(t->id), "%llu", (unsigned long long)t->alert->id);
	return true;
}

static const struct view_ops ops = {
    .name = "alerts",
    .where = W_ALERTS,
    .want = list_want,
    .request = alerts_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = alerts_target,
    .close = list_close,
};

struct view *view_alerts_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
