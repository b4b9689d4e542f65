/* SPDX-License-Identifier: Apache-2.0 */
/*
 * o: rows that are turned with Space, Left and Right. Changes show at once.
 */
#include "console/app.h"
#include "console/term.h"
#include "views/draw.h"

#include <stdio.h>
#include <string.h>

enum { ROW_THEME, ROW_MOUSE, ROW_TIMES, ROW_THUMB, ROW_COLUMNS };

static int n_rows(const struct app *a)
{
	struct list *l = list_of(app_top(a));
	return ROW_COLUMNS + (l != NULL ? l->lo->n_cols : 0);
}

clv_rc setup_start(struct app *a, struct clv_err *err)
{
	const struct settings *s = &a->o->settings;
	if (s->theme == NULL)
		(void)theme_builtin("dark", &a->setup.theme);
	else if (theme_find(s->theme, a->o->restricted, &a->setup.theme, err) != CLV_OK)
		return CLV_FAILED;
	term_theme(&a->setup.theme);
	a->setup.mouse = s->mouse;
	term_mouse(s->mouse);
	a->ctx.time.zone = s->zone;
	a->ctx.thumb = s->thumb;
	return CLV_OK;
}

void setup_begin(struct app *a)
{
	a->setup.at = 0;
	a->mode = MODE_SETUP;
	a->message[0] = '\0';
}

static void keep_columns(struct app *a, const struct list *l)
{
	struct setup *s = &a->setup;
	size_t i = 0;
	while (i < s->n_kept && strcmp(s->kept[i].list, l->v.ops->name) != 0)
		i++;
	if (i == SETUP_LISTS_MAX)
		return;
	s->n_kept += i == s->n_kept;
	s->kept[i].list = l->v.ops->name;
	memcpy(s->kept[i].pref, l->pref, sizeof(l->pref));
}

void setup_columns(struct app *a, struct list *l)
{
	for (size_t i = 0; i < a->setup.n_kept; i++) {
		if (strcmp(a->setup.kept[i].list, l->v.ops->name) == 0) {
			memcpy(l->pref, a->setup.kept[i].pref, sizeof(l->pref));
			return;
		}
	}
	if (a->o != NULL)
		(void)settings_columns(&a->o->settings, l, NULL);
}

/* --- turning --- */

static void turn_theme(struct app *a, int by)
{
	size_t n = 0, at = 0;
	while (theme_builtin_name(n) != NULL) {
		if (strcmp(theme_builtin_name(n), a->setup.theme.name) == 0)
			at = n;
		n++;
	}
	if (n == 0)
		return;
	at = (at + n + (size_t)(by > 0 ? 1 : n - 1)) % n;
	(void)theme_builtin(theme_builtin_name(at), &a->setup.theme);
	term_theme(&a->setup.theme);
}

static void turn(struct app *a, int by, bool toggles)
{
	struct setup *s = &a->setup;
	struct list *l = list_of(app_top(a));
	int col = s->at - ROW_COLUMNS;
	if (s->at == ROW_THEME) {
		turn_theme(a, by);
	} else if (s->at == ROW_MOUSE) {
		s->mouse = !s->mouse;
		term_mouse(s->mouse);
	} else if (s->at == ROW_TIMES) {
		a->ctx.time.zone = (enum zone)((a->ctx.time.zone + ZONE_MAX + by) % ZONE_MAX);
	} else if (s->at == ROW_THUMB) {
		a->ctx.thumb = (enum thumb)((a->ctx.thumb + THUMB_MAX + by) % THUMB_MAX);
	} else if (l != NULL && toggles) {
		if (list_may_hide(l, col))
			l->pref[col].hidden = !l->pref[col].hidden;
		else
			app_say(a, INK_LOOK, "%s always stays: without it a row says nothing.",
			        l->lo->cols[col].title);
		keep_columns(a, l);
	} else if (l != NULL) {
		int extra = l->pref[col].extra + by;
		if (l->lo->cols[col].width + extra >= 3 && extra <= 100)
			l->pref[col].extra = extra;
		keep_columns(a, l);
	}
}

void setup_key(struct app *a, const struct key *k)
{
	struct setup *s = &a->setup;
	int n = n_rows(a);
	char c = k->code == KEYC_CHAR ? k->ch[0] : '\0';
	a->message[0] = '\0';
	if (k->code == KEYC_DOWN || k->code == KEYC_TAB || c == 'j' || c == 'J')
		s->at = (s->at + 1) % n;
	else if (k->code == KEYC_UP || k->code == KEYC_BACKTAB || c == 'k' || c == 'K')
		s->at = (s->at + n - 1) % n;
	else if (k->code == KEYC_RIGHT || c == 'l' || c == 'L')
		turn(a, 1, false);
	else if (k->code == KEYC_LEFT || c == 'h' || c == 'H')
		turn(a, -1, false);
	else if (c == ' ')
		turn(a, 1, true);
	else if (k->code == KEYC_ESC || k->code == KEYC_ENTER || c == 'q' || c == 'Q' || c == 'o' ||
	         (k->code == KEYC_CTRL && k->ch[0] == 'C'))
		a->mode = MODE_LOOK;
}

/* --- drawing --- */

static void row_text(const struct app *a, int i, char *out, size_t size)
{
	static const char *const zones[] = {"UTC", "of this place", "ages"};
	static const char *const thumbs[] = {"key id", "SHA-1", "SHA-256"};
	struct list *l = list_of(app_top(a));
	if (i == ROW_THEME)
		snprintf(out, size, "%-14s %s", "Theme", a->setup.theme.name);
	else if (i == ROW_MOUSE)
		snprintf(out, size, "%-14s %s", "Mouse", a->setup.mouse ? "on: selects, never acts" : "off");
	else if (i == ROW_TIMES)
		snprintf(out, size, "%-14s %s", "Times", zones[a->ctx.time.zone]);
	else if (i == ROW_THUMB)
		snprintf(out, size, "%-14s %s", "Thumbprints", thumbs[a->ctx.thumb]);
	else if (l != NULL)
		snprintf(out, size, "Column %-12s %-7s width %d", l->lo->cols[i - ROW_COLUMNS].title,
		         l->pref[i - ROW_COLUMNS].hidden ? "hidden" : "shown",
		         l->lo->cols[i - ROW_COLUMNS].width + l->pref[i - ROW_COLUMNS].extra);
}

void setup_draw(const struct app *a, struct canvas *body)
{
	char s[160];
	int n = n_rows(a), room = body->rows - 2,
	    top = a->setup.at >= room && room > 0 ? a->setup.at - room + 1 : 0;
	draw_str(body, 0, 1, body->cols - 2, INK_BOLD,
	         "Options, until the console ends; console.conf keeps them");
	for (int i = top; i < n && i - top < room; i++) {
		int y = i - top + 2;
		unsigned ink = i == a->setup.at ? INK_REVERSE : INK_PLAIN;
		row_text(a, i, s, sizeof(s));
		if (i == a->setup.at) {
			draw_fill(body, y, 0, body->cols, ink);
			draw_cursor(body, y, 1);
		}
		draw_str(body, y, 1, body->cols - 2, ink, s);
	}
}

void setup_hints(struct canvas *c)
{
	int y = c->rows - 1;
	draw_fill(c, y, 0, c->cols, INK_PLAIN);
	draw_str(c, y, 1, c->cols - 2, INK_DIM, "Esc back   j k move   h l turn, width   Space on, off");
}
