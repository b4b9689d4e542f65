/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more key after y and f. The clipboard gets safe text only, by OSC 52, and only on a key.
 */
#include "console/app.h"
#include "console/term.h"

#include <stdio.h>
#include <string.h>

static const struct {
	unsigned where;
	const char *key, *label, *filter;
} ready[] = {
    {W_AGENTS, "1", "end within 7 d", "expires<7d"},
    {W_AGENTS, "2", "end within 30 d", "expires<30d"},
    {W_AGENTS, "3", "not confirmed", "!state:confirmed"},
    {W_AGENTS, "4", "silent", "contact:silent,down"},
    {W_AGENTS, "5", "refused", "state:refused"},
    {W_AGENTS, "6", "marked", "is:marked"},
    {W_PENDING, "1", "conflicts", "conflict:true"},
    {W_PENDING, "2", "gateways", "role:gateway"},
    {W_EVENTS, "1", "errors", "level:error"},
    {W_EVENTS, "2", "errors and warnings", "!level:information"},
    {W_EVENTS, "3", "last hour", "since:1h"},
    {W_EVENTS, "4", "turned away", "id:20002"},
    {W_EVENTS, "5", "keys published", "id:7006"},
    {W_ACCOUNTS | W_RECOVER, "1", "missing somewhere", "missing>0"},
    {W_ACCOUNTS | W_RECOVER, "2", "to enter again", "state:\"needs re-entry\""},
    {W_ACCOUNTS, "3", "never entered", "state:\"never entered\""},
    {W_ACCOUNTS, "4", "ending", "state:expiring"},
    {W_AUDIT, "1", "last hour", "since:1h"},
    {W_AUDIT, "2", "last day", "since:24h"},
    {W_AUDIT, "3", "refused", "!result:done"},
    {W_ALERTS, "1", "last hour", "since:1h"},
    {W_ALERTS, "2", "critical", "severity:critical"},
    {W_ALERTS, "3", "bad paths", "!path:verified !path:\"not checked yet\""},
    {W_ALERTS, "4", "not checked", "path:\"not checked yet\""},
    {W_EXPIRY, "1", "end within 7 d", "ends<7d"},
    {W_EXPIRY, "2", "end within 30 d", "ends<30d"},
    {W_EXPIRY, "3", "nobody renews", "renews:no"},
};

static bool has_ready(unsigned where)
{
	for (size_t i = 0; i < sizeof(ready) / sizeof(ready[0]); i++) {
		if ((ready[i].where & where) != 0)
			return true;
	}
	return false;
}

void menu_begin(struct app *a, enum menu_kind kind)
{
	unsigned where = app_top(a)->ops->where;
	if (kind == MENU_READY && !has_ready(where)) {
		app_say(a, INK_DIM, "No ready filter for this list; / takes one.");
		return;
	}
	a->menu = (struct menu){.kind = kind, .where = where};
	a->mode = MODE_MENU;
	a->message[0] = '\0';
}

/* --- copying --- */

static void copy(struct app *a, const char *what, const char *foreign)
{
	struct clv_text *t = text_new_str(foreign);
	if (foreign[0] == '\0')
		app_say(a, INK_LOOK, "There is no %s to copy here.", what);
	else if (term_copy(t))
		app_say(a, INK_DIM, "Copied the %s, %u characters, where the terminal lets programs do that.",
		        what, text_cells(t));
	else
		app_say(a, INK_LOOK, "Not copied: the %s is longer than terminals take.", what);
	text_free(t);
}

/* Without blanks: as it is searched for, and as `claviger find` takes it. */
static void thumb_text(const struct clv_key_fact *k, enum thumb kind, char out[FMT_MAX])
{
	if (k == NULL)
		out[0] = '\0';
	else if (kind == THUMB_KEY_ID)
		fmt_hex(out, k->key_id, 16, 1);
	else
		fmt_hex(out, kind == THUMB_SHA1 ? k->sha1 : k->sha256, kind == THUMB_SHA1 ? 20 : 32, 4);
}

static void copy_key(struct app *a, char key)
{
	struct view *v = app_top(a);
	struct list *l = list_of(v);
	struct target t = {.name = NULL};
	char s[FMT_MAX] = "", row[2048] = "";
	size_t i;
	bool have = v->ops->target != NULL && v->ops->target(v, &t);
	if (key == 'n' && have) {
		copy(a, "name", t.name);
	} else if (key == 'n' && l != NULL && list_selected(l, &i)) {
		l->lo->id(&l->rows, i, row, sizeof(row));
		copy(a, "name", row);
	} else if (key == 'n') {
		copy(a, "name", "");
	} else if (key == 'r') {
		if (l != NULL && list_selected(l, &i))
			list_row_line(l, i, &a->ctx, row, sizeof(row));
		else if (have)
			snprintf(row, sizeof(row), "%s", t.name);
		copy(a, "row", row);
	} else {
		thumb_text(have ? t.key : NULL,
		           key == 'k'   ? THUMB_KEY_ID
		           : key == '1' ? THUMB_SHA1
		                        : THUMB_SHA256,
		           s);
		copy(a, key == 'k' ? "key id" : key == '1' ? "SHA-1 thumbprint" : "SHA-256 thumbprint", s);
	}
}

static void take_ready(struct app *a, char key)
{
	struct list *l = list_of(app_top(a));
	for (size_t i = 0; i < sizeof(ready) / sizeof(ready[0]); i++) {
		if ((ready[i].where & a->menu.where) != 0 && ready[i].key[0] == key && l != NULL)
			list_set_filter(l, ready[i].filter);
	}
	if (key == '0' && l != NULL)
		list_set_filter(l, "");
}

void menu_key(struct app *a, const struct key *k)
{
	a->mode = MODE_LOOK;
	if (k->code != KEYC_CHAR)
		return;
	if (a->menu.kind == MENU_COPY && strchr("nk12r", k->ch[0]) != NULL)
		copy_key(a, k->ch[0]);
	else if (a->menu.kind == MENU_READY)
		take_ready(a, k->ch[0]);
}

void menu_band(const struct app *a, struct band *b)
{
	*b = (struct band){.n_lines = 1, .inks = {INK_BOLD}};
	if (a->menu.kind == MENU_COPY) {
		snprintf(b->lines[0], sizeof(b->lines[0]),
		         "Copy   n name   k key id   1 SHA-1   2 SHA-256   r row         Esc leaves");
		return;
	}
	size_t used = (size_t)snprintf(b->lines[0], sizeof(b->lines[0]), "Show   0 all");
	for (size_t i = 0; i < sizeof(ready) / sizeof(ready[0]); i++) {
		if ((ready[i].where & a->menu.where) != 0 && used < sizeof(b->lines[0]))
			used += (size_t)snprintf(b->lines[0] + used, sizeof(b->lines[0]) - used, "   %s %s",
			                         ready[i].key, ready[i].label);
	}
}
