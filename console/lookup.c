/* SPDX-License-Identifier: Apache-2.0 */
/*
 * / in a page, and n and N: the next line that has the text, from where the last one was; in a list the
 * next row that has it.
 */
#include "console/app.h"
#include "console/grid.h"

#include <stdio.h>
#include <string.h>

static void page_to(struct app *a, struct grid *g, int by)
{
	struct view *v = app_top(a);
	int n = grid_lines(g), at = a->hit >= 0 ? a->hit : v->skip - by;
	for (int i = 0; i < n; i++) {
		at += by;
		bool wrapped = at < 0 || at >= n;
		at = (at + n) % n;
		if (wrapped)
			app_say(a, INK_DIM, by > 0 ? "On from the top." : "On from the end.");
		if (strcasestr(grid_line(g, at), a->needle) == NULL)
			continue;
		a->hit = at;
		v->skip = at > v->page / 3 ? at - v->page / 3 : 0;
		return;
	}
	app_say(a, INK_LOOK, "Nothing here has %.200s.", a->needle);
}

/* Among the rows that are loaded: the server filters, / finds all. */
static void list_to(struct app *a, struct list *l, int by)
{
	char line[2048];
	size_t sel;
	enum action step = by > 0 ? ACTION_DOWN : ACTION_UP;
	if (l->filter[0] != '\0' || a->needle[0] == '\0') { /* every row is a hit */
		(void)l->v.ops->request(&l->v, step, &a->ctx);
		return;
	}
	if (!list_selected(l, &sel))
		return;
	for (size_t i = 1; i <= l->rows.n; i++) {
		if ((by < 0 && i > sel) || (by > 0 && sel + i >= l->rows.n))
			break;
		list_row_line(l, by > 0 ? sel + i : sel - i, &a->ctx, line, sizeof(line));
		if (strcasestr(line, a->needle) == NULL)
			continue;
		for (size_t k = 0; k < i; k++)
			(void)l->v.ops->request(&l->v, step, &a->ctx);
		return;
	}
	app_say(a, INK_LOOK, "No %s row here has %.200s.", by > 0 ? "later" : "earlier", a->needle);
}

void lookup_next(struct app *a, int by)
{
	struct list *l = list_of(app_top(a));
	if (l != NULL) {
		list_to(a, l, by);
		return;
	}
	if (a->needle[0] == '\0') {
		app_say(a, INK_DIM, "/ says what to look for.");
		return;
	}
	struct grid *g = grid_of(app_top(a), &a->ctx, a->cols);
	if (grid_lines(g) > 0)
		page_to(a, g, by);
	grid_free(g);
}

void lookup_begin(struct app *a, const char *needle)
{
	snprintf(a->needle, sizeof(a->needle), "%s", needle);
	a->hit = -1;
	if (needle[0] != '\0')
		lookup_next(a, 1);
}
