/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame: the frame's lines, the view, and above the last line what is said, typed or asked.
 */
#include "console/app.h"

#include "views/draw.h"

#include <stdio.h>
#include <string.h>

struct clv_text *app_title(const struct app *a)
{
	char *s = clv_asprintf("claviger %s %s", a->who != NULL ? a->who->group : "", app_top(a)->ops->name);
	struct clv_text *t = text_new_str(s), *cut = NULL;
	uint32_t cells = TITLE_CELLS;
	do {
		text_free(cut);
		cut = text_cut(t, cells);
	} while (text_len(cut) >= TITLE_MAX && --cells > 0);
	text_free(t);
	clv_free(s);
	return cut;
}

/* Message 11, with the seconds to the next try. */
static void stale_band(struct app *a, struct band *b)
{
	char t[FMT_MAX], next[64] = "trying now";
	int64_t at = clv_session_retry_at_ms(a->s), left = (at - app_mono_ms() + 999) / 1000;
	if (at != 0 && left > 0)
		snprintf(next, sizeof(next), "again in %lld s", (long long)left);
	*b = (struct band){.n_lines = 1, .inks = {INK_LOOK | INK_BOLD}};
	snprintf(b->lines[0], sizeof(b->lines[0]),
	         "STALE since %s Z: no line to %.100s. You can look, not act. %s",
	         fmt_clock(t, a->stale_since_ms),
	         a->who != NULL ? view_name(&a->ctx, a->who->server, t + 16, FMT_MAX - 16)
	                        : clv_session_server(a->s),
	         next);
}

/* Not connected yet: why, and when again. */
static bool connecting_band(const struct app *a, struct band *b)
{
	const struct clv_err *err = clv_session_error(a->s);
	int64_t at = clv_session_retry_at_ms(a->s), left = (at - app_mono_ms() + 999) / 1000;
	if (a->was_open || err->cls == CLV_CLASS_NONE)
		return false;
	*b = (struct band){.n_lines = 2, .inks = {INK_LOOK, INK_PLAIN}};
	snprintf(b->lines[0], sizeof(b->lines[0]), "%.250s", err->text);
	if (at != 0)
		snprintf(b->lines[1], sizeof(b->lines[1]), "Again in %lld s.   q ends.",
		         (long long)(left > 0 ? left : 0));
	else
		snprintf(b->lines[1], sizeof(b->lines[1]), "Trying now.   q ends.");
	return true;
}

static void line_band(const struct app *a, struct band *b)
{
	static const struct {
		const char *prompt, *keys;
	} rows[] = {[MODE_COMMAND] = {":", "Tab completes   Esc leaves"},
	            [MODE_FILTER] = {"/", "Enter keeps it   Esc takes it back"},
	            [MODE_SEARCH] = {"/", "Enter, then n N   Esc leaves"},
	            [MODE_FIND] = {"Find ", "names, users, keys of all generations"},
	            [MODE_WRITE] = {"Write to ", ".txt .csv .json   Esc leaves"}};
	*b = (struct band){.has_input = true, .input = a->line};
	snprintf(b->prompt, sizeof(b->prompt), "%s", rows[a->mode].prompt);
	snprintf(b->keys, sizeof(b->keys), "%s", rows[a->mode].keys);
	if (a->mode == MODE_COMMAND && a->message[0] == '\0') {
		b->n_lines = 1;
		b->inks[0] = INK_DIM;
		complete_preview(a, b->lines[0], sizeof(b->lines[0]));
	}
	if (a->message[0] != '\0') {
		b->n_lines = 1;
		b->inks[0] = a->message_ink;
		snprintf(b->lines[0], sizeof(b->lines[0]), "%.390s", a->message);
	}
}

static bool choose_band(struct app *a, struct band *b)
{
	switch (a->mode) {
	case MODE_QUESTION:
		*b = a->q.band;
		b->input = a->line;
		if (a->message[0] != '\0' && b->n_lines < 6) {
			b->inks[b->n_lines] = a->message_ink;
			snprintf(b->lines[b->n_lines++], sizeof(b->lines[0]), "%.390s", a->message);
		}
		return true;
	case MODE_COMMAND:
	case MODE_FILTER:
	case MODE_SEARCH:
	case MODE_FIND:
	case MODE_WRITE:
		line_band(a, b);
		return true;
	case MODE_MENU:
		menu_band(a, b);
		return true;
	case MODE_LOOK:
	case MODE_FORM:
	case MODE_SETUP:
	case MODE_LOCKED:
	case MODE_ENTRY:
		break;
	}
	if (a->message[0] != '\0') {
		*b = (struct band){.n_lines = 1, .inks = {a->message_ink}};
		snprintf(b->lines[0], sizeof(b->lines[0]), "%.390s", a->message);
		return true;
	}
	if (a->ctx.fresh == FRESH_STALE) {
		stale_band(a, b);
		return true;
	}
	return connecting_band(a, b);
}

/* A canvas over another one: the line that / found is reversed. */
struct hit_canvas {
	const struct canvas *inner;
	int row;
};

static void hit_put(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink)
{
	struct hit_canvas *h = ctx;
	h->inner->ops->put(h->inner->ctx, y, x, cluster, len, cells, y == h->row ? ink | INK_REVERSE : ink);
}

static void hit_cursor(void *ctx, int y, int x)
{
	struct hit_canvas *h = ctx;
	(void)y;
	(void)x;
	h->inner->ops->cursor(h->inner->ctx, h->row, 1);
}

static void draw_view(struct app *a, struct view *v, struct canvas *body)
{
	static const struct canvas_ops ops = {.put = hit_put, .cursor = hit_cursor};
	int row = a->hit - v->skip;
	bool hit = (v->ops->where & W_PAGES) != 0 && a->needle[0] != '\0' && a->hit >= 0 && row >= 0 &&
	           row < body->rows;
	struct hit_canvas h = {.inner = body, .row = body->y0 + row};
	struct canvas over = *body;
	over.ops = &ops;
	over.ctx = &h;
	v->ops->draw(v, hit ? &over : body, &a->ctx);
}

void app_draw(struct app *a, struct canvas *c)
{
	struct band b;
	struct view *v = app_top(a);
	int64_t now = app_wall_ms();
	if (c->rows < FRAME_MIN_ROWS || c->cols < FRAME_MIN_COLS) {
		frame_small(c);
		return;
	}
	if (a->mode == MODE_LOCKED) {
		lock_draw(a, c);
		return;
	}
	a->ctx.time.now_ms = now + a->skew_ms;
	a->ctx.since_ms = a->stale_since_ms;
	a->ctx.domain = c->cols >= 120 && a->mode != MODE_QUESTION ? "" : a->domain;
	if (a->ctx.server == NULL)
		a->ctx.server = clv_session_server(a->s);
	a->rows = c->rows;
	a->cols = c->cols;
	frame_draw(c, v, &a->ctx);
	if (a->mode == MODE_FORM) {
		struct canvas all = canvas_sub(c, 2, c->rows - 3);
		form_draw(&a->form, &all, &a->ctx);
		form_hints(c);
		return;
	}
	if (a->mode == MODE_ENTRY) {
		struct canvas rest = canvas_sub(c, 2, c->rows - 3 - entry_rows(a, c));
		v->ops->draw(v, &rest, &a->ctx);
		entry_draw(a, c);
		return;
	}
	bool have = choose_band(a, &b);
	if (a->mode == MODE_SETUP)
		setup_hints(c);
	/* a band never covers the row it speaks of: the view gets the room that is left */
	struct canvas body = canvas_sub(c, 2, c->rows - 3 - (have ? frame_band_rows(c, &b) : 0));
	if (a->mode == MODE_SETUP)
		setup_draw(a, &body);
	else
		draw_view(a, v, &body);
	if (have)
		frame_band(c, &b);
}
