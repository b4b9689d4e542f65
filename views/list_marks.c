/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks of a list: a set of identities. They stay when the filter hides their rows, and are
 * counted then, because an act touches the visible ones only.
 */
#include "views/list.h"

#include <string.h>

bool marks_have(const struct marks *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->ids[i], id) == 0)
			return true;
	}
	return false;
}

static void marks_free(struct marks *m)
{
	for (size_t i = 0; i < m->n; i++)
		clv_free(m->ids[i]);
	clv_free(m->ids);
	*m = (struct marks){0};
}

static void add(struct marks *m, const char *id)
{
	m->ids = clv_realloc(m->ids, m->n + 1, sizeof(*m->ids));
	m->ids[m->n++] = clv_strdup(id);
}

static void keep_undo(struct list *l)
{
	marks_free(&l->undo);
	for (size_t i = 0; i < l->marks.n; i++)
		add(&l->undo, l->marks.ids[i]);
}

static void toggle(struct list *l, const char *id)
{
	for (size_t i = 0; i < l->marks.n; i++) {
		if (strcmp(l->marks.ids[i], id) == 0) {
			clv_free(l->marks.ids[i]);
			l->marks.ids[i] = l->marks.ids[--l->marks.n];
			return;
		}
	}
	if (l->marks.n < LIST_MARKS_MAX)
		add(&l->marks, id);
}

void list_mark_toggle(struct list *l, const char *id)
{
	keep_undo(l);
	toggle(l, id);
	list_count_hidden(l);
}

void list_marks_clear(struct list *l)
{
	marks_free(&l->marks);
	l->hidden = 0;
	l->hidden_known = true;
}

bool list_mark_rows(struct list *l, const struct clv_rows *rows)
{
	char id[VIEW_ID_MAX];
	if (l->marks.n + rows->n > 2 * LIST_MARKS_MAX)
		return false;
	keep_undo(l);
	for (size_t i = 0; i < rows->n && l->marks.n < LIST_MARKS_MAX; i++) {
		l->lo->id(rows, i, id, sizeof(id));
		if (!marks_have(&l->marks, id))
			add(&l->marks, id);
	}
	list_count_hidden(l);
	return true;
}

void list_marks_undo(struct list *l)
{
	struct marks was = l->marks;
	l->marks = l->undo;
	l->undo = was;
	list_count_hidden(l);
}

/* From where v was pressed to the cursor, as far as the rows are loaded. */
void list_mark_range(struct list *l)
{
	char id[VIEW_ID_MAX];
	if (l->range_from < 0) {
		l->range_from = (int64_t)l->cur;
		return;
	}
	uint64_t a = (uint64_t)l->range_from, b = l->cur;
	if (a > b) {
		uint64_t t = a;
		a = b;
		b = t;
	}
	keep_undo(l);
	for (uint64_t i = a; i <= b; i++) {
		if (i < l->rows.offset || i - l->rows.offset >= l->rows.n)
			continue;
		l->lo->id(&l->rows, (size_t)(i - l->rows.offset), id, sizeof(id));
		if (!marks_have(&l->marks, id))
			toggle(l, id);
	}
	l->range_from = -1;
	list_count_hidden(l);
}

void list_marks_invert(struct list *l)
{
	char id[VIEW_ID_MAX];
	keep_undo(l);
	for (size_t i = 0; i < l->rows.n; i++) {
		l->lo->id(&l->rows, i, id, sizeof(id));
		toggle(l, id);
	}
	list_count_hidden(l);
}

void list_count_hidden(struct list *l)
{
	char id[VIEW_ID_MAX];
	size_t seen = 0;
	l->hidden = 0;
	l->hidden_known = l->marks.n == 0 || l->rows.n == l->rows.matched;
	if (!l->hidden_known || l->marks.n == 0)
		return;
	for (size_t i = 0; i < l->rows.n; i++) {
		l->lo->id(&l->rows, i, id, sizeof(id));
		seen += marks_have(&l->marks, id);
	}
	l->hidden = l->marks.n - seen;
}
