/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Operations Manager log: newest first; the selected event's whole text below, or on the whole
 * screen. Texts come from agents: foreign to the last byte.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_TIME, COL_NODE, COL_ID, COL_LEVEL, COL_SOURCE, COL_CATEGORY, COL_TEXT };

static const struct column columns[] = {
    [COL_TIME] = {"TIME", "time", 0, 11, 0, 0, 0, false, false},
    [COL_NODE] = {"NODE", "node", 1, 10, 7, 24, 0, false, true},
    [COL_ID] = {"ID", "id", 1, 5, 0, 0, 0, true, false},
    [COL_LEVEL] = {"LEVEL", "level", 1, 11, 0, 0, 3, false, false},
    [COL_SOURCE] = {"SOURCE", "source", 1, 17, 0, 0, 2, false, false},
    [COL_CATEGORY] = {"CATEGORY", "category", 1, 14, 0, 0, 1, false, false},
    [COL_TEXT] = {"TEXT", NULL, 1, 36, 30, 400, 0, false, false},
};

static void events_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%llu", (unsigned long long)rows->u.events[i].seq);
}

static enum sign events_sign(const struct clv_rows *rows, size_t i)
{
	static const enum sign signs[CLV_LEVEL_MAX] = {
	    [CLV_LEVEL_WARNING] = SIGN_LOOK, [CLV_LEVEL_ERROR] = SIGN_BAD};
	return signs[rows->u.events[i].level];
}

static void first_line(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
	out[strcspn(out, "\r\n")] = '\0';
}

static void events_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                        size_t size, unsigned *ink)
{
	const struct clv_event_fact *e = &l->rows.u.events[i];
	char s[FMT_MAX], name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_TIME:
		snprintf(out, size, "%s", fmt_when(s, &ctx->time, e->time));
		break;
	case COL_NODE:
		snprintf(out, size, "%s", view_name(ctx, e->node, name, sizeof(name)));
		break;
	case COL_ID:
		snprintf(out, size, "%u", e->id);
		break;
	case COL_LEVEL:
		*ink = sign_ink(events_sign(&l->rows, i));
		snprintf(out, size, "%s", clv_level_word(e->level));
		break;
	case COL_SOURCE:
		snprintf(out, size, "%s", e->source);
		break;
	case COL_CATEGORY:
		snprintf(out, size, "%s", e->category);
		break;
	case COL_TEXT:
		first_line(out, size, e->text);
		break;
	}
}

static int events_panel_rows(const struct list *l, const struct canvas *c)
{
	if (l->expanded)
		return c->rows - 2;
	return c->rows >= 14 ? 5 : 0;
}

/* Each line of the text for itself: a line feed is the event's, not a stranger's. */
static void draw_text_lines(struct pager *p, const char *text)
{
	char line[2048];
	while (*text != '\0') {
		size_t len = strcspn(text, "\n"), show = len;
		if (show > 0 && text[show - 1] == '\r')
			show--;
		snprintf(line, sizeof(line), "%.*s", (int)(show < sizeof(line) ? show : sizeof(line) - 1),
		         text);
		if (show > 0)
			pager_wrap(p, p->indent, INK_PLAIN, line);
		else
			p->line++;
		text += len + (text[len] == '\n');
	}
}

static void events_panel(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_event_fact *e = &l->rows.u.events[i];
	struct pager p = {.c = c, .skip = l->expanded ? l->skip : 0, .indent = 3};
	char date[FMT_MAX];
	pager_line(&p, INK_DIM, "%s Z  %s  %u %s  %s  %s", fmt_minute(date, e->time), e->node, e->id,
	           clv_level_word(e->level), e->source, e->category);
	draw_text_lines(&p, e->text);
	(void)ctx;
}

static void events_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	(void)l;
	(void)ctx;
	draw_str(c, 2, 1, c->cols - 2, INK_PLAIN, "No event yet.");
}

static const struct list_ops list = {
    .kind = CLV_LIST_EVENTS,
    .title = "Events",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "time",
    .desc = true,
    .id = events_id,
    .sign = events_sign,
    .cell = events_cell,
    .panel_rows = events_panel_rows,
    .panel = events_panel,
    .empty = events_empty,
};

static enum action events_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct list *l = (struct list *)v;
	if (a == ACTION_OPEN || (l->expanded && (a == ACTION_ESCAPE || a == ACTION_BACK))) {
		l->expanded = !l->expanded;
		l->skip = 0;
		return ACTION_NONE;
	}
	if (l->expanded && (a == ACTION_DOWN || a == ACTION_UP)) {
		l->skip += a == ACTION_DOWN ? 1 : l->skip > 0 ? -1 : 0;
		return ACTION_NONE;
	}
	if (l->expanded && (a == ACTION_NEXT || a == ACTION_PREVIOUS)) {
		l->skip = 0;
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	}
	return list_request(v, a, ctx);
}

static const struct view_ops ops = {
    .name = "events",
    .where = W_EVENTS,
    .want = list_want,
    .request = events_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .close = list_close,
};

struct view *view_events_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
