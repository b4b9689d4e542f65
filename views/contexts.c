/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contexts of console.conf: name, server, label. Enter goes there. Asks no server.
 */
#include "views/draw.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

struct contexts {
	struct view v;
	struct context_row *rows;
	size_t n, at;
};

static void contexts_want(struct view *v, struct want *w)
{
	(void)v;
	*w = (struct want){.kind = WANT_NONE};
}

static void contexts_take(struct view *v, struct clv_reply *r)
{
	(void)v;
	(void)r;
}

static void contexts_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct contexts *s = (struct contexts *)v;
	struct pager p = {.c = c, .line = 1};
	(void)ctx;
	if (s->n == 0) {
		pager_wrap(
		    &p, 1, INK_PLAIN,
		    "No context yet. In ~/.config/claviger/console.conf:  [context NAME]  server = HOST  "
		    "label = production");
		return;
	}
	int room = c->rows - 1, top = (int)s->at >= room && room > 0 ? (int)s->at - room + 1 : 0;
	draw_fmt(c, 0, 3, c->cols - 3, INK_DIM, "%-20s %-16s %s", "NAME", "LABEL", "SERVER");
	for (int i = top; i < (int)s->n && i - top < room; i++) {
		int y = i - top + 1;
		unsigned more = i == (int)s->at ? INK_REVERSE : 0;
		const struct context_row *r = &s->rows[i];
		if (more != 0) {
			draw_fill(c, y, 0, c->cols, more);
			draw_cursor(c, y, 3);
		}
		draw_sign(c, y, 1, r->here ? SIGN_GOOD : SIGN_NONE, more);
		draw_name(c, y, 3, 20, more, r->name);
		draw_str(c, y, 24, 16, INK_LOOK | more, r->label != NULL ? r->label : "");
		draw_str(c, y, 41, c->cols - 42, more, r->server);
	}
}

static enum action contexts_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct contexts *s = (struct contexts *)v;
	(void)ctx;
	switch (a) {
	case ACTION_DOWN:
		s->at += s->at + 1 < s->n;
		return ACTION_NONE;
	case ACTION_UP:
		s->at -= s->at > 0;
		return ACTION_NONE;
	case ACTION_TOP:
		s->at = 0;
		return ACTION_NONE;
	case ACTION_BOTTOM:
		s->at = s->n > 0 ? s->n - 1 : 0;
		return ACTION_NONE;
	case ACTION_OPEN:
		if (s->at < s->n)
			snprintf(v->go, sizeof(v->go), "ctx %.200s", s->rows[s->at].name);
		return ACTION_OPEN;
	default:
		return a;
	}
}

static void contexts_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct contexts *s = (const struct contexts *)v;
	(void)ctx;
	snprintf(st->left, sizeof(st->left), "Contexts");
	snprintf(st->middle, sizeof(st->middle), "%zu", s->n);
}

static void contexts_close(struct view *v)
{
	struct contexts *s = (struct contexts *)v;
	clv_free(s->rows);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "contexts",
    .where = W_CONTEXTS,
    .want = contexts_want,
    .request = contexts_request,
    .take = contexts_take,
    .draw = contexts_draw,
    .status = contexts_status,
    .close = contexts_close,
};

struct view *view_contexts_open(const struct context_row *rows, size_t n)
{
	struct contexts *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.have = true;
	s->n = n;
	s->rows = clv_calloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		s->rows[i] = rows[i];
	return &s->v;
}
