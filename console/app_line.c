/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line that is typed after : and /, and as an answer. A pasted line feed runs nothing.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

void line_begin(struct app *a, enum app_mode mode, const char *text)
{
	struct list *l = list_of(app_top(a));
	a->mode = mode;
	a->message[0] = '\0';
	snprintf(a->line, sizeof(a->line), "%s", text);
	a->len = strlen(a->line);
	a->history_at = a->n_history;
	if (mode == MODE_FILTER && l != NULL)
		snprintf(a->filter_before, sizeof(a->filter_before), "%s", l->filter);
}

static void line_changed(struct app *a)
{
	struct list *l = list_of(app_top(a));
	if (a->mode == MODE_FILTER && l != NULL) {
		a->message[0] = '\0';
		list_set_filter(l, a->line);
	}
}

static void line_add(struct app *a, const char *s, size_t len)
{
	for (size_t i = 0; i < len && a->len + 1 < sizeof(a->line) - 4; i++) {
		char c = s[i];
		if ((unsigned char)c < 0x20 || c == 0x7f) /* a pasted line feed runs nothing */
			c = ' ';
		a->line[a->len++] = c;
	}
	a->line[a->len] = '\0';
}

static void line_erase(struct app *a)
{
	while (a->len > 0 && ((unsigned char)a->line[a->len - 1] & 0xc0) == 0x80)
		a->len--;
	if (a->len > 0)
		a->len--;
	a->line[a->len] = '\0';
}

static void line_erase_word(struct app *a)
{
	while (a->len > 0 && a->line[a->len - 1] == ' ')
		a->len--;
	while (a->len > 0 && a->line[a->len - 1] != ' ')
		a->len--;
	a->line[a->len] = '\0';
}

static void line_leave(struct app *a, bool taken)
{
	struct list *l = list_of(app_top(a));
	enum app_mode mode = a->mode;
	a->mode = MODE_LOOK;
	if (mode == MODE_FILTER && !taken && l != NULL && strcmp(l->filter, a->filter_before) != 0)
		list_set_filter(l, a->filter_before);
	if (mode == MODE_FILTER && taken)
		snprintf(a->needle, sizeof(a->needle), "%s", a->line);
	if (!taken)
		return;
	if (mode == MODE_COMMAND) {
		history_add(a, a->line);
		app_command(a, a->line);
	} else if (mode == MODE_SEARCH) {
		lookup_begin(a, a->line);
	} else if (mode == MODE_FIND && a->len > 0) {
		app_push(a, view_found_open(a->line));
	} else if (mode == MODE_WRITE) {
		export_begin(a, a->line);
	}
}

static void line_complete(struct app *a)
{
	if (a->mode == MODE_COMMAND)
		complete_line(a);
}

bool line_edit(struct app *a, const struct key *k)
{
	switch (k->code) {
	case KEYC_CHAR:
		line_add(a, k->ch, strlen(k->ch));
		return true;
	case KEYC_PASTE:
		line_add(a, k->text, k->len);
		return true;
	case KEYC_BACKSPACE:
		line_erase(a);
		return true;
	case KEYC_CTRL:
		if (k->ch[0] == 'U') {
			a->len = 0;
			a->line[0] = '\0';
		} else if (k->ch[0] == 'W') {
			line_erase_word(a);
		} else {
			return false;
		}
		return true;
	default:
		return false;
	}
}

void line_key(struct app *a, const struct key *k)
{
	bool nothing_left = k->code == KEYC_BACKSPACE && a->len == 0 && a->mode == MODE_COMMAND;
	a->message[0] = '\0';
	if (nothing_left || k->code == KEYC_ESC || (k->code == KEYC_CTRL && k->ch[0] == 'C'))
		line_leave(a, false);
	else if (line_edit(a, k))
		line_changed(a);
	else if (k->code == KEYC_ENTER)
		line_leave(a, true);
	else if (k->code == KEYC_TAB)
		line_complete(a);
	else if (a->mode == MODE_COMMAND && (k->code == KEYC_DOWN || k->code == KEYC_UP))
		history_move(a, k->code == KEYC_DOWN ? 1 : -1);
	else if (a->mode == MODE_FILTER && (k->code == KEYC_DOWN || k->code == KEYC_UP)) {
		struct view *v = app_top(a);
		v->ops->request(v, k->code == KEYC_DOWN ? ACTION_DOWN : ACTION_UP, &a->ctx);
	}
}

/* A paste into a list opens / with it, not run. */
void line_paste(struct app *a, const struct key *k)
{
	bool overview = app_top(a)->ops->where == W_OVERVIEW; /* / looks for anything there */
	if (list_of(app_top(a)) == NULL && !overview)
		return;
	line_begin(a, overview ? MODE_FIND : MODE_FILTER, "");
	line_add(a, k->text, k->len);
	line_changed(a);
}
