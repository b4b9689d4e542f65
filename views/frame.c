/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same frame everywhere: line 1 where you are and who you are, line 2 the screen, its filter,
 * counts and freshness, the last line the keys that matter here, above it messages and questions.
 */
#include "views/draw.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

void view_close(struct view *v)
{
	if (v != NULL)
		v->ops->close(v);
}

const char *view_name(const struct view_ctx *ctx, const char *name, char *out, size_t size)
{
	size_t len = strlen(name), tail = ctx->domain != NULL ? strlen(ctx->domain) : 0;
	if (tail == 0 || len <= tail || strcmp(name + len - tail, ctx->domain) != 0 || len - tail >= size)
		return name;
	memcpy(out, name, len - tail);
	out[len - tail] = '\0';
	return out;
}

const char *view_person(const char *principal, char out[VIEW_PERSON_MAX])
{
	const char *colon = strchr(principal, ':'), *name = colon != NULL ? colon + 1 : principal;
	size_t n = strcspn(name, "@");
	if (n == 0)
		n = strlen(name);
	snprintf(out, VIEW_PERSON_MAX, "%.*s", (int)(n < VIEW_PERSON_MAX ? n : VIEW_PERSON_MAX - 1), name);
	return out;
}

static void draw_first(struct canvas *c, const struct view_ctx *ctx)
{
	char who[600], where[700], server[VIEW_ID_MAX];
	int room = c->cols - 1;
	if (ctx->group == NULL) {
		draw_str(c, 0, 1, room - 1, INK_BOLD, ctx->server != NULL ? ctx->server : "");
		return;
	}
	snprintf(who, sizeof(who), "%.280s  %s%s", ctx->principal, clv_role_word(ctx->role),
	         ctx->read_only ? ", read-only" : "");
	int right = str_cells(who);
	if (right > room / 2) { /* the role says more than the name's beginning */
		snprintf(who, sizeof(who), "%s%s", clv_role_word(ctx->role),
		         ctx->read_only ? ", read-only" : "");
		right = str_cells(who);
	}
	snprintf(where, sizeof(where), "%.250s%s%.60s%s › %.250s", ctx->group, ctx->label != NULL ? " (" : "",
	         ctx->label != NULL ? ctx->label : "", ctx->label != NULL ? ")" : "",
	         view_name(ctx, ctx->server, server, sizeof(server)));
	int x = draw_str(c, 0, 1, room - right - 3, INK_BOLD, where);
	if (ctx->channel != NULL && x + 3 + str_cells(ctx->channel) + 2 < room - right)
		draw_str(c, 0, x + 3, room, INK_DIM, ctx->channel);
	draw_right(c, 0, room - right, right, INK_PLAIN, who);
}

static int freshness(char *out, size_t size, unsigned *ink, const struct view *v, const struct view_ctx *ctx)
{
	char t[FMT_MAX];
	*ink = INK_PLAIN;
	if (ctx->fresh == FRESH_STALE) {
		*ink = INK_LOOK | INK_REVERSE;
		snprintf(out, size, "STALE since %s Z", fmt_clock(t, ctx->since_ms));
	} else if (ctx->held > 0) {
		snprintf(out, size, "%u change%s, r", ctx->held, ctx->held == 1 ? "" : "s");
	} else {
		snprintf(out, size, "%s", v->have && ctx->fresh == FRESH_LIVE ? "live" : "asking");
	}
	return str_cells(out);
}

static void draw_second(struct canvas *c, const struct view *v, const struct view_ctx *ctx)
{
	struct view_status st = {0};
	char fresh[96];
	unsigned ink;
	int room = c->cols - 1, right = freshness(fresh, sizeof(fresh), &ink, v, ctx);
	v->ops->status(v, &st, ctx);
	if (c->cols < 60 && ctx->fresh == FRESH_STALE) { /* the word at least */
		snprintf(fresh, sizeof(fresh), "STALE");
		right = 5;
	}
	draw_str(c, 1, room - right, right, ink, fresh);
	int mid = str_cells(st.middle), end = room - right - 2;
	if (mid > end - 12 || (c->cols < 60 && str_cells(st.left) + mid + 4 > end)) {
		st.middle[0] = '\0';
		mid = 0;
	}
	int left_room = mid > 0 ? end - mid - 4 : end - 1;
	int x = draw_str(c, 1, 1, left_room, INK_ACCENT | INK_BOLD, st.left);
	if (mid > 0) {
		int at = x + 3 > 34 ? x + 3 : 34;
		draw_str(c, 1, at + mid <= end ? at : end - mid, mid, INK_PLAIN, st.middle);
	}
}

/* The key that does it here: a person may have bound another. */
static void hint_key(char out[24], const struct hint_row *h, const struct view_ctx *ctx)
{
	const char *own = ctx->keys != NULL ? ctx->keys[h->action] : NULL;
	snprintf(out, 24, "%.*s", own != NULL ? (int)strcspn(own, " ") : 20, own != NULL ? own : h->key);
}

void frame_hints(struct canvas *c, unsigned where, const struct view_ctx *ctx)
{
	int x = 1, y = c->rows - 1, tail = 0;
	char s[96], key[24];
	for (size_t i = 0; i < n_hint_rows;
	     i++) { /* `? help  q back` always end the line: their room is kept */
		const struct hint_row *h = &hint_rows[i];
		if ((h->where & where) != 0 && (h->action == ACTION_HELP || h->action == ACTION_BACK))
			tail += str_cells(h->key) + 1 + str_cells(h->label) + 2;
	}
	for (size_t i = 0; i < n_hint_rows; i++) {
		const struct hint_row *h = &hint_rows[i];
		bool last = h->action == ACTION_HELP || h->action == ACTION_BACK;
		if ((h->where & where) == 0 ||
		    action_forbidden(h->action, ctx->role, ctx->read_only) != NULL ||
		    action_absent(h->action, ctx->restricted))
			continue;
		hint_key(key, h, ctx);
		snprintf(s, sizeof(s), "%s %s", key, h->label);
		int need = str_cells(s) + 2;
		if (x + need + (last ? 0 : tail) > c->cols + 1)
			continue;
		x = draw_str(c, y, x, c->cols - x, INK_BOLD, key);
		x = draw_fmt(c, y, x, c->cols - x, INK_DIM, " %s", h->label) + 2;
	}
}

void frame_draw(struct canvas *c, const struct view *v, const struct view_ctx *ctx)
{
	draw_first(c, ctx);
	draw_second(c, v, ctx);
	frame_hints(c, v->ops->where, ctx);
}

/* A question is never cut: its lines are broken where the terminal ends. */
int frame_band_rows(const struct canvas *c, const struct band *b)
{
	struct canvas none = canvas_sub(c, 0, 0);
	struct pager p = {.c = &none};
	for (int i = 0; i < b->n_lines; i++)
		pager_wrap(&p, 1, INK_PLAIN, b->lines[i]);
	int rows = p.line + (b->has_input ? 1 : 0);
	return rows < c->rows - 3 ? rows : c->rows - 3;
}

void frame_band(struct canvas *c, const struct band *b)
{
	int n = frame_band_rows(c, b), top = c->rows - 1 - n;
	struct canvas area = canvas_sub(c, top, n - (b->has_input ? 1 : 0));
	struct pager p = {.c = &area};
	for (int y = 0; y < n; y++)
		draw_fill(c, top + y, 0, c->cols, INK_PLAIN);
	for (int i = 0; i < b->n_lines; i++)
		pager_wrap(&p, 1, b->inks[i], b->lines[i]);
	if (!b->has_input)
		return;
	int y = c->rows - 2;
	int x = draw_str(c, y, 1, c->cols - 2, INK_BOLD, b->prompt);
	struct clv_text *t = text_new_str(b->input);
	int cells = (int)text_cells(t), room = c->cols - x - 2;
	struct clv_slice cl;
	uint32_t w = 0;
	size_t off = 0;
	while (cells > room && text_next(t, &off, &cl, &w)) /* the end of what is typed stays in sight */
		cells -= (int)w;
	if (room > 0)
		x = draw_str(c, y, x, room, INK_PLAIN, text_str(t) + off);
	text_free(t);
	draw_str(c, y, x, 1, INK_PLAIN, "▌");
	draw_cursor(c, y, x);
	int keys = str_cells(b->keys);
	if (x + 3 + keys < c->cols)
		draw_right(c, y, c->cols - 1 - keys, keys, INK_DIM, b->keys);
}

void frame_small(struct canvas *c)
{
	draw_fmt(c, 0, 0, c->cols, INK_PLAIN, "Needs %d×%d, has %d×%d.", FRAME_MIN_COLS, FRAME_MIN_ROWS,
	         c->cols, c->rows);
	draw_str(c, 1, 0, c->cols, INK_PLAIN, "Nothing is lost.");
}
