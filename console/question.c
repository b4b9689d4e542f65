/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions, in three strengths: y for one object that can be taken back, the number typed for
 * more than one, the name typed for what cannot be undone; and the digits that a host printed. An
 * empty Enter is never yes. Nothing typed before a question could be seen answers it.
 */
#include "console/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void question_line(struct question *q, unsigned ink, const char *fmt, ...)
{
	va_list ap;
	if (q->band.n_lines >= 5)
		return;
	va_start(ap, fmt);
	vsnprintf(q->band.lines[q->band.n_lines], sizeof(q->band.lines[0]), fmt, ap);
	va_end(ap);
	q->band.inks[q->band.n_lines++] = ink;
}

void question_end(struct app *a)
{
	for (size_t i = 0; i < a->q.n; i++)
		clv_free(a->q.objects[i].name);
	clv_free(a->q.objects);
	a->q = (struct question){0};
	if (a->mode == MODE_QUESTION)
		a->mode = MODE_LOOK;
	a->dirty = true;
}

static void add_object(struct question *q, const char *name, uint64_t pending_id, uint64_t row_version,
                       bool conflict)
{
	q->objects = clv_realloc(q->objects, q->n + 1, sizeof(*q->objects));
	q->objects[q->n++] = (struct object){.name = clv_strdup(name),
	                                     .pending_id = pending_id,
	                                     .row_version = row_version,
	                                     .conflict = conflict};
}

static const char *shown(const struct app *a, const struct object *o, char *buf, size_t size)
{
	return view_name(&a->ctx, o->name, buf, size);
}

void question_where(const struct app *a, char *out, size_t size)
{
	if (a->ctx.label != NULL)
		snprintf(out, size, "%.120s (%.60s)", a->ctx.group, a->ctx.label);
	else
		snprintf(out, size, "%.120s", a->ctx.group != NULL ? a->ctx.group : "?");
}

static void expect_number(struct question *q)
{
	q->strength = ASK_NUMBER;
	snprintf(q->expect, sizeof(q->expect), "%zu", q->n);
	snprintf(q->band.prompt, sizeof(q->band.prompt), "Type %zu ", q->n);
	snprintf(q->band.keys, sizeof(q->band.keys), "Enter shows the list         Esc nothing happens");
}

static void expect_yes(struct question *q)
{
	q->strength = ASK_YES;
	snprintf(q->band.prompt, sizeof(q->band.prompt), "y/N ");
	snprintf(q->band.keys, sizeof(q->band.keys), "Esc nothing happens");
}

static void expect_name(struct app *a, struct question *q)
{
	char buf[VIEW_ID_MAX];
	const struct object *o = &q->objects[q->at];
	q->strength = ASK_NAME;
	snprintf(q->expect, sizeof(q->expect), "%s", o->name);
	snprintf(q->expect2, sizeof(q->expect2), "%s", shown(a, o, buf, sizeof(buf)));
	if (strlen(q->expect2) <= 12) {
		snprintf(q->band.prompt, sizeof(q->band.prompt),
		         "Cannot be undone. Type %.12s: ", q->expect2);
	} else {
		question_line(q, INK_PLAIN, "Cannot be undone. Type %.280s", q->expect2);
		snprintf(q->band.prompt, sizeof(q->band.prompt), "Name: ");
	}
	snprintf(q->band.keys, sizeof(q->band.keys), "Esc nothing happens");
}

static void not_taken(struct question *q)
{
	if (q->servers > 0)
		question_line(q, INK_LOOK,
		              "Not taken: %zu management server%s, accepted by claviger approve.", q->servers,
		              q->servers == 1 ? "" : "s");
	if (q->hidden > 0 && q->conflicts > 0)
		question_line(
		    q, INK_LOOK, "Not taken: %zu conflict%s, %zu marked row%s that the filter hides.",
		    q->conflicts, q->conflicts == 1 ? "" : "s", q->hidden, q->hidden == 1 ? "" : "s");
	else if (q->hidden > 0)
		question_line(q, INK_LOOK, "Not taken: %zu marked row%s that the filter hides.", q->hidden,
		              q->hidden == 1 ? "" : "s");
	else if (q->conflicts > 0)
		question_line(q, INK_LOOK, "Not taken: %zu conflict%s; accept those one by one.",
		              q->conflicts, q->conflicts == 1 ? "" : "s");
}

/* --- what each question says --- */

static void say_rotate(struct app *a, struct question *q)
{
	char buf[VIEW_ID_MAX], g[256];
	question_where(a, g, sizeof(g));
	if (q->n == 1) {
		question_line(q, INK_BOLD,
		              "Rotate the key of %.200s in %s? The old one serves until confirmed.",
		              shown(a, &q->objects[0], buf, sizeof(buf)), g);
		not_taken(q);
		expect_yes(q);
		return;
	}
	question_line(q, INK_BOLD, "Rotate the keys of %zu agents in %s?", q->n, g);
	question_line(q, INK_PLAIN, "The old keys serve until the new ones are confirmed.");
	not_taken(q);
	expect_number(q);
}

static void say_remove(struct app *a, struct question *q)
{
	char buf[VIEW_ID_MAX], g[256];
	question_where(a, g, sizeof(g));
	question_line(q, INK_BOLD, "Remove %.200s from %s: its keys are forgotten.",
	              shown(a, &q->objects[0], buf, sizeof(buf)), g);
	question_line(q, INK_PLAIN, "It comes back only when it asks again and is accepted anew.");
	expect_name(a, q);
}

/* First, for a name that is known already, the name; then the digits. */
static void say_accept(struct app *a, struct question *q)
{
	const struct object *o = &q->objects[q->at];
	char buf[VIEW_ID_MAX], g[256], count[32] = "";
	const char *name = shown(a, o, buf, sizeof(buf));
	q->band = (struct band){.has_input = true};
	a->len = 0;
	a->line[0] = '\0';
	question_where(a, g, sizeof(g));
	if (q->n > 1)
		snprintf(count, sizeof(count), "   (%zu of %zu)", q->at + 1, q->n);
	if (o->conflict && q->strength != ASK_NAME) {
		question_line(q, INK_BOLD | INK_BAD, "%.120s is in conflict with a node that is known in %s.",
		              name, g);
		question_line(q, INK_PLAIN, "Accepting this one forgets the known node: its keys, its pin.");
		expect_name(a, q);
		return;
	}
	question_line(q, INK_BOLD, "Accept %.200s in %s?%s", name, g, count);
	if (!o->conflict)
		question_line(q, INK_PLAIN, "It proved the name it asks for.");
	question_line(q, INK_PLAIN,
	              "On the host, clavigerd enroll printed twelve digits that are not shown here.");
	not_taken(q);
	q->strength = ASK_DIGITS;
	snprintf(q->band.prompt, sizeof(q->band.prompt), "Digits ");
	snprintf(q->band.keys, sizeof(q->band.keys), "Esc nothing happens");
}

static void say_decline(struct app *a, struct question *q)
{
	char buf[VIEW_ID_MAX], g[256];
	question_where(a, g, sizeof(g));
	q->band = (struct band){.has_input = true};
	a->len = 0;
	a->line[0] = '\0';
	if (q->n == 1)
		question_line(q, INK_BOLD, "Decline %.200s in %s? It may ask again.",
		              shown(a, &q->objects[0], buf, sizeof(buf)), g);
	else
		question_line(q, INK_BOLD, "Decline %zu nodes in %s? They may ask again.", q->n, g);
	not_taken(q);
	if (q->strength != ASK_REASON) {
		q->strength = ASK_REASON;
		snprintf(q->band.prompt, sizeof(q->band.prompt), "Reason ");
		snprintf(q->band.keys, sizeof(q->band.keys), "Enter goes on     Esc nothing happens");
	} else if (q->n == 1) {
		expect_yes(q);
	} else {
		expect_number(q);
	}
}

/* First by which way, then the question itself. */
static void say_move(struct app *a, struct question *q)
{
	char buf[VIEW_ID_MAX], g[256], to[VIEW_ID_MAX];
	question_where(a, g, sizeof(g));
	q->band = (struct band){.has_input = true};
	a->len = 0;
	a->line[0] = '\0';
	if (q->strength != ASK_REASON) {
		if (q->n == 1)
			question_line(q, INK_BOLD, "By which gateway or server shall %.200s come in %s?",
			              shown(a, &q->objects[0], buf, sizeof(buf)), g);
		else
			question_line(q, INK_BOLD, "By which gateway or server shall these %zu come in %s?",
			              q->n, g);
		not_taken(q);
		q->strength = ASK_REASON;
		snprintf(q->band.prompt, sizeof(q->band.prompt), "By ");
		snprintf(q->band.keys, sizeof(q->band.keys), "Enter goes on     Esc nothing happens");
		return;
	}
	view_name(&a->ctx, q->reason, to, sizeof(to));
	if (q->n == 1)
		question_line(q, INK_BOLD, "Move %.200s to %.200s?",
		              shown(a, &q->objects[0], buf, sizeof(buf)), to);
	else
		question_line(q, INK_BOLD, "Move %zu nodes to %.200s?", q->n, to);
	question_line(q, INK_PLAIN, "Until they come that way they may come as before.");
	if (q->n == 1)
		expect_yes(q);
	else
		expect_number(q);
}

void question_show(struct app *a)
{
	struct question *q = &a->q;
	q->band.has_input = true;
	a->mode = MODE_QUESTION;
	a->len = 0;
	a->line[0] = '\0';
	a->message[0] = '\0';
	q->unseen = true;
	q->asked_at_ms = q->last_byte_ms = app_mono_ms();
	a->ask_ready = true;
	a->dirty = true;
}

static void ask(struct app *a, enum question_for what)
{
	struct question *q = &a->q;
	q->what = what;
	switch (what) {
	case FOR_ROTATE:
		say_rotate(a, q);
		break;
	case FOR_REMOVE:
		say_remove(a, q);
		break;
	case FOR_ACCEPT:
		say_accept(a, q);
		break;
	case FOR_DECLINE:
		say_decline(a, q);
		break;
	case FOR_MOVE:
		say_move(a, q);
		break;
	case FOR_QUIT:
		question_line(q, INK_BOLD, "End claviger?%s",
		              a->n_acts > 0 ? " Acts that were not sent are forgotten." : "");
		expect_yes(q);
		break;
	case FOR_RUNAS: /* runas.c says it */
	case FOR_SSH:   /* ask.c does */
		break;
	}
	question_show(a);
}

/* --- what a question is about --- */

/* It has no digits: its code is sealed, which the batch command does. */
static bool has_code(const struct clv_pending_fact *p)
{
	return strcmp(p->role, "management-server") == 0;
}

static void nothing_to_do(struct app *a, const struct question *q, size_t marked)
{
	app_say(a, INK_LOOK, "Nothing to do: none of the %zu marked rows is %s.", marked,
	        q->servers > 0     ? "accepted by digits"
	        : q->conflicts > 0 ? "free of conflict"
	                           : "visible");
}

/* The visible marked rows among these; then the question. */
void question_with_rows(struct app *a, enum question_for what, const struct clv_rows *rows)
{
	struct list *l = list_of(app_top(a));
	struct question *q = &a->q;
	char id[VIEW_ID_MAX];
	size_t visible = 0;
	if (l == NULL || rows->list != l->lo->kind)
		return;
	question_end(a);
	for (size_t i = 0; i < rows->n; i++) {
		l->lo->id(rows, i, id, sizeof(id));
		if (!marks_have(&l->marks, id))
			continue;
		visible++;
		if (rows->list == CLV_LIST_AGENTS)
			add_object(q, rows->u.agents[i].name, 0, rows->u.agents[i].row_version, false);
		else if (what == FOR_ACCEPT && has_code(&rows->u.pending[i]))
			q->servers++;
		else if (rows->u.pending[i].conflict && what == FOR_ACCEPT)
			q->conflicts++;
		else
			add_object(q, rows->u.pending[i].name, rows->u.pending[i].id, 0, false);
	}
	q->hidden = l->marks.n - visible;
	if (q->n == 0) {
		nothing_to_do(a, q, l->marks.n);
		question_end(a);
		return;
	}
	ask(a, what);
}

/* NULL: this is no list of requests. */
static const struct clv_pending_fact *selected_pending(const struct list *l)
{
	size_t i;
	return l != NULL && l->lo->kind == CLV_LIST_PENDING && list_selected(l, &i) ? &l->rows.u.pending[i]
	                                                                            : NULL;
}

void question_begin(struct app *a, enum question_for what)
{
	struct view *v = app_top(a);
	struct list *l = list_of(v);
	const struct clv_pending_fact *p = selected_pending(l);
	char name[VIEW_ID_MAX];
	struct target t;
	question_end(a);
	if (what == FOR_QUIT) {
		ask(a, what);
		return;
	}
	if (l != NULL && l->marks.n > 0) {
		if (what == FOR_REMOVE) {
			app_say(a, INK_LOOK, "X ends one agent at a time: u takes the marks back.");
			return;
		}
		if (l->rows.n == l->rows.matched)
			question_with_rows(a, what, &l->rows);
		else
			app_probe(a, PROBE_ACT, what);
		return;
	}
	if (v->ops->target == NULL || !v->ops->target(v, &t))
		return;
	if (what == FOR_ACCEPT && p != NULL && has_code(p)) {
		app_say(a, INK_LOOK, "Accepted by its code: claviger approve %.200s --fingerprint CODE",
		        view_name(&a->ctx, p->name, name, sizeof(name)));
		return;
	}
	add_object(&a->q, t.name, t.pending_id, t.row_version, p != NULL && p->conflict);
	ask(a, what);
}

/* --- answers --- */

static void send_all(struct app *a, const char *fingerprint)
{
	struct question *q = &a->q;
	struct list *l = list_of(app_top(a));
	for (size_t i = 0; i < q->n; i++) {
		struct act_row row = {
		    .what = q->what, .object = q->objects[i], .replace = q->objects[i].conflict};
		row.object.name = clv_strdup(q->objects[i].name);
		row.fingerprint = clv_strdup(fingerprint);
		row.reason = q->reason[0] != '\0' ? clv_strdup(q->reason) : NULL;
		app_add_act(a, &row);
	}
	if (l != NULL && q->hidden == 0)
		list_marks_clear(l);
	question_end(a);
	app_send_acts(a);
}

static void digits_given(struct app *a)
{
	struct question *q = &a->q;
	size_t digits = 0;
	for (const char *p = a->line; *p != '\0'; p++)
		digits += strchr("0123456789abcdefABCDEF", *p) != NULL;
	if (digits < 12) {
		app_say(a, INK_LOOK, "%zu digits; the host printed at least twelve.", digits);
		return;
	}
	struct act_row row = {.what = FOR_ACCEPT,
	                      .object = q->objects[q->at],
	                      .replace = q->objects[q->at].conflict,
	                      .fingerprint = clv_strdup(a->line)};
	row.object.name = clv_strdup(q->objects[q->at].name);
	app_add_act(a, &row);
	if (++q->at < q->n) {
		q->strength = ASK_DIGITS;
		say_accept(a, q);
		question_show(a);
	} else {
		struct list *l = list_of(app_top(a));
		if (l != NULL)
			list_marks_clear(l);
		question_end(a);
	}
	app_send_acts(a);
}

static void answered(struct app *a)
{
	struct question *q = &a->q;
	if (q->what == FOR_QUIT)
		a->quit = true;
	else if (q->what == FOR_RUNAS)
		runas_answered(a);
	else if (q->what == FOR_SSH)
		ask_answered(a, true);
	else
		send_all(a, NULL);
}

bool question_changes(struct app *a, const struct key *k)
{
	if (a->q.what != FOR_RUNAS || !a->runas.from_form || a->q.strength == ASK_NAME || a->len > 0 ||
	    k->code != KEYC_CHAR || strcasecmp(k->ch, "c") != 0)
		return false;
	question_end(a);
	runas_release(&a->runas);
	form_again(a);
	return true;
}

static void nothing(struct app *a, const char *why)
{
	if (a->q.what == FOR_RUNAS)
		runas_release(&a->runas);
	if (a->q.what == FOR_SSH)
		ask_answered(a, false);
	question_end(a);
	app_say(a, INK_DIM, "%s", why);
}

/* Enter alone shows the list where a number was asked for, else it means no. */
static void enter_alone(struct app *a)
{
	struct list *l = list_of(app_top(a));
	if (a->q.what == FOR_RUNAS && a->q.strength == ASK_NUMBER) {
		runas_show_lists(a);
		return;
	}
	bool list = a->q.strength == ASK_NUMBER && l != NULL && l->lo->kind == CLV_LIST_AGENTS;
	nothing(a, "Nothing was done.");
	if (list)
		list_set_filter(l, "is:marked");
}

static void enter_key(struct app *a)
{
	struct question *q = &a->q;
	if (q->strength == ASK_REASON && q->what == FOR_RUNAS) {
		recover_reason(a);
	} else if (q->strength == ASK_REASON && q->what == FOR_MOVE && a->len == 0) {
		nothing(a, "Nothing was done.");
	} else if (q->strength == ASK_REASON && q->what == FOR_MOVE) {
		snprintf(q->reason, sizeof(q->reason), "%s", a->line);
		say_move(a, q);
		question_show(a);
	} else if (q->strength == ASK_REASON) {
		snprintf(q->reason, sizeof(q->reason), "%s", a->line);
		say_decline(a, q);
		question_show(a);
	} else if (a->len == 0) {
		enter_alone(a);
	} else if (q->strength == ASK_DIGITS) {
		digits_given(a);
	} else if (q->strength == ASK_NUMBER && strcmp(a->line, q->expect) == 0) {
		answered(a);
	} else if (q->strength == ASK_NAME &&
	           (strcmp(a->line, q->expect) == 0 || strcmp(a->line, q->expect2) == 0)) {
		if (q->what == FOR_ACCEPT) {
			say_accept(a, q);
			question_show(a);
		} else {
			answered(a);
		}
	} else {
		nothing(a, "That is not what was asked for: nothing was done.");
	}
}

/* One key answers; only y is yes, only n is no. */
static void yes_key(struct app *a, const struct key *k)
{
	if (k->code != KEYC_CHAR)
		return;
	if (strcasecmp(k->ch, "y") == 0)
		answered(a);
	else if (strcasecmp(k->ch, "n") == 0)
		nothing(a, "Nothing was done.");
}

void question_key(struct app *a, const struct key *k)
{
	if (a->q.strength == ASK_YES && k->code != KEYC_ENTER && k->code != KEYC_ESC && k->code != KEYC_CTRL)
		yes_key(a, k);
	else if (k->code == KEYC_ENTER)
		enter_key(a);
	else if (k->code == KEYC_ESC || (k->code == KEYC_CTRL && k->ch[0] == 'C'))
		nothing(a, "Nothing was done.");
}
