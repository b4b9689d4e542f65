/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places that a person came through, for ^O: each with its filter, its order and the row that the cursor
 * stood on, and with the list below a page. Kept in memory alone; the oldest are forgotten.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

#define ROWS_ABOVE 20u /* so many before the row are asked for with it */

/* NULL: a help screen is no place to go back to. */
static char *command_of(struct view *v)
{
	struct list *l = list_of(v);
	struct want w;
	if (l != NULL)
		return clv_asprintf("%s %s", v->ops->name, l->filter);
	if (v->ops->where == W_HELP || v->ops->where == W_EVENT)
		return NULL;
	v->ops->want(v, &w);
	return clv_asprintf("%s %s", v->ops->name,
	                    w.kind == WANT_AGENT || w.kind == WANT_ACCOUNT ? w.name : "");
}

static void release(struct place *p)
{
	clv_free(p->below);
	clv_free(p->command);
	clv_free(p->id);
	*p = (struct place){NULL, NULL, NULL, NULL, false};
}

static void keep_row(struct place *p, const struct list *l)
{
	p->id = clv_strdup(l->touched ? l->cur_id : "");
	p->sort = l->sort;
	p->desc = l->desc;
}

void places_note(struct app *a)
{
	char *command = a->walking || a->depth == 0 ? NULL : command_of(app_top(a));
	struct list *l = a->depth > 0 ? list_of(app_top(a)) : NULL,
	            *under = a->depth > 1 ? list_of(a->stack[a->depth - 2]) : NULL;
	if (command == NULL)
		return;
	if (a->n_places == PLACES_MAX) {
		release(&a->places[0]);
		memmove(&a->places[0], &a->places[1], (PLACES_MAX - 1) * sizeof(a->places[0]));
		a->n_places--;
	}
	struct place *p = &a->places[a->n_places++];
	*p = (struct place){.command = command};
	if (l != NULL)
		keep_row(p, l);
	else if (under != NULL) {
		p->below = command_of(&under->v);
		keep_row(p, under);
	}
}

static void put_row(struct app *a, const struct place *p)
{
	struct list *l = list_of(app_top(a));
	if (l == NULL)
		return;
	l->sort = p->sort;
	l->desc = p->desc;
	if (p->id == NULL || p->id[0] == '\0')
		return;
	snprintf(l->cur_id, sizeof(l->cur_id), "%s", p->id);
	l->cur = ROWS_ABOVE;
	l->touched = l->anchored = l->anchor_tried = true;
}

/* The place is the one below, as it is when a page was opened from its list: that one kept its state. */
static bool is_below(const struct app *a, const struct place *p)
{
	char *command = a->depth > 1 ? command_of(a->stack[a->depth - 2]) : NULL;
	bool same = command != NULL && strcmp(command, p->command) == 0;
	clv_free(command);
	return same;
}

void places_back(struct app *a)
{
	if (a->n_places == 0) {
		app_say(a, INK_DIM, "There is no place before this one.");
		return;
	}
	struct place p = a->places[--a->n_places];
	a->walking = true;
	if (is_below(a, &p))
		app_pop(a);
	else {
		while (a->depth > 1)
			app_pop(a);
		if (p.below != NULL) {
			app_command(a, p.below);
			put_row(a, &p);
		}
		if (strncmp(p.command, "overview", 8) != 0)
			app_command(a, p.command);
		if (p.below == NULL)
			put_row(a, &p);
	}
	a->walking = false;
	release(&p);
}

void places_release(struct app *a)
{
	while (a->n_places > 0)
		release(&a->places[--a->n_places]);
}
