/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of screens, commands, actions and the lines that are typed. Decides what a key means
 * now; the view decides what an action means to it.
 */
#include "console/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t app_mono_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t app_wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct view *app_top(const struct app *a)
{
	return a->stack[a->depth - 1];
}

void app_say(struct app *a, unsigned ink, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(a->message, sizeof(a->message), fmt, ap);
	va_end(ap);
	a->message_ink = ink;
	a->dirty = true;
}

static void leave_top(struct app *a)
{
	if (a->depth == 0)
		return;
	struct view *v = app_top(a);
	clv_session_unwatch(a->s, v->req);
	v->req = 0;
}

void app_push(struct app *a, struct view *v)
{
	leave_top(a);
	if (a->depth == APP_STACK_MAX) { /* the oldest place is forgotten, Overview stays */
		view_close(a->stack[1]);
		memmove(&a->stack[1], &a->stack[2], (APP_STACK_MAX - 2) * sizeof(struct view *));
		a->depth--;
	}
	a->stack[a->depth++] = v;
	a->dirty = true;
}

void app_pop(struct app *a)
{
	if (a->depth <= 1)
		return;
	leave_top(a);
	view_close(a->stack[--a->depth]);
	app_top(a)->ask = true;
	a->dirty = true;
}

/* --- commands --- */

static struct view *open_by(struct app *a, enum action action, const char *arg)
{
	switch (action) {
	case ACTION_GO_OVERVIEW:
		return view_overview_open();
	case ACTION_GO_AGENTS:
		return view_agents_open(arg);
	case ACTION_GO_AGENT:
		return view_agent_open(arg);
	case ACTION_GO_PENDING:
		return view_pending_open(arg);
	case ACTION_GO_EVENTS:
		return view_events_open(arg);
	case ACTION_HELP:
		return view_help_open(app_top(a)->ops->where);
	default:
		return NULL;
	}
}

void app_command(struct app *a, const char *line)
{
	while (*line == ' ' || *line == ':')
		line++;
	size_t word = strcspn(line, " ");
	enum action action = keys_command(line, word);
	const char *arg = line + word + strspn(line + word, " ");
	if (word == 0)
		return;
	if (action == ACTION_NONE) {
		app_say(a, INK_LOOK, "No command begins with %.*s here. ? lists them.", (int)word, line);
		return;
	}
	if (action == ACTION_GO_AGENT && arg[0] == '\0') {
		app_say(a, INK_LOOK, "agent needs a name: :agent web01");
		return;
	}
	struct view *v = open_by(a, action, arg);
	if (v != NULL)
		app_push(a, v);
	else
		app_action(a, action);
}

/* --- actions --- */

/* The place before, or the end. */
static void go_back(struct app *a)
{
	if (a->depth > 1)
		app_pop(a);
	else
		question_begin(a, FOR_QUIT);
}

static void go_home(struct app *a)
{
	while (a->depth > 1)
		app_pop(a);
}

static void begin_line(struct app *a, enum app_mode mode, const char *text)
{
	struct list *l = list_of(app_top(a));
	a->mode = mode;
	a->message[0] = '\0';
	snprintf(a->line, sizeof(a->line), "%s", text);
	a->len = strlen(a->line);
	if (mode == MODE_FILTER && l != NULL)
		snprintf(a->filter_before, sizeof(a->filter_before), "%s", l->filter);
}

static void mark_action(struct app *a, struct list *l, enum action action)
{
	char id[VIEW_ID_MAX];
	size_t i;
	switch (action) {
	case ACTION_MARK:
		if (!list_selected(l, &i))
			return;
		l->lo->id(&l->rows, i, id, sizeof(id));
		list_mark_toggle(l, id);
		l->v.ops->request(&l->v, ACTION_DOWN, &a->ctx);
		break;
	case ACTION_MARK_RANGE:
		list_mark_range(l);
		break;
	case ACTION_MARK_INVERT:
		list_marks_invert(l);
		break;
	case ACTION_MARK_UNDO:
		list_marks_undo(l);
		break;
	default: /* all that match */
		if (l->rows.matched > LIST_MARKS_MAX)
			app_say(a, INK_LOOK,
			        "%llu match; at most %u can be marked at once: narrow the filter",
			        (unsigned long long)l->rows.matched, LIST_MARKS_MAX);
		else if (l->rows.n == l->rows.matched)
			list_mark_rows(l, &l->rows);
		else
			app_probe(a, PROBE_MARK_ALL, FOR_ROTATE);
		return;
	}
	if (!l->hidden_known)
		app_probe(a, PROBE_COUNT, FOR_ROTATE);
}

/* Previous and next object inside of a page: the list below it moves. */
static void neighbour(struct app *a, enum action action)
{
	struct list *l = a->depth > 1 ? list_of(a->stack[a->depth - 2]) : NULL;
	if (l == NULL || l->lo->kind != CLV_LIST_AGENTS)
		return;
	struct view *below = a->stack[a->depth - 2];
	below->ops->request(below, action == ACTION_NEXT ? ACTION_DOWN : ACTION_UP, &a->ctx);
	if (below->ops->request(below, ACTION_OPEN, &a->ctx) != ACTION_OPEN)
		return;
	app_pop(a);
	app_command(a, below->go);
}

static void cycle(struct app *a, enum action action)
{
	if (action == ACTION_THUMB)
		a->ctx.thumb = (enum thumb)((a->ctx.thumb + 1) % THUMB_MAX);
	else
		a->ctx.time.zone = (enum zone)((a->ctx.time.zone + 1) % ZONE_MAX);
	static const char *const zones[] = {"Times in UTC", "Times of this place", "Times as ages"};
	if (action == ACTION_ZONE)
		app_say(a, INK_DIM, "%s", zones[a->ctx.time.zone]);
}

static bool forbidden(struct app *a, enum action action)
{
	const char *why = action_forbidden(action, a->ctx.role, a->ctx.read_only);
	if (why == NULL && action_rows[action].dangerous && a->ctx.fresh == FRESH_STALE) {
		app_say(a, INK_LOOK, "Not done: there is no line to the server. You can look, not act.");
		return true;
	}
	if (why == NULL)
		return false;
	if (a->ctx.read_only && action_rows[action].dangerous)
		app_say(a, INK_LOOK, "Not done: this console is read-only.");
	else
		app_say(a, INK_LOOK, "Not allowed: %s %s, you are %s.", action_rows[action].help, why,
		        clv_role_word(a->ctx.role));
	return true;
}

static void act(struct app *a, enum action action)
{
	static const struct {
		enum action action;
		enum question_for what;
	} rows[] = {{ACTION_ROTATE, FOR_ROTATE},
	            {ACTION_END, FOR_REMOVE},
	            {ACTION_ACCEPT, FOR_ACCEPT},
	            {ACTION_DECLINE, FOR_DECLINE}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].action == action && !forbidden(a, action))
			question_begin(a, rows[i].what);
	}
}

static void own_action(struct app *a, enum action action)
{
	struct view *v = app_top(a);
	struct list *l = list_of(v);
	switch (action) {
	case ACTION_COMMAND:
		begin_line(a, MODE_COMMAND, "");
		break;
	case ACTION_FILTER:
		begin_line(a, MODE_FILTER, l != NULL ? l->filter : "");
		break;
	case ACTION_GO_OVERVIEW:
		go_home(a);
		break;
	case ACTION_GO_AGENTS:
	case ACTION_GO_PENDING:
	case ACTION_GO_EVENTS:
	case ACTION_HELP:
		if (v->ops->where != W_HELP || action != ACTION_HELP)
			app_push(a, open_by(a, action, ""));
		break;
	case ACTION_BACK:
		go_back(a);
		break;
	case ACTION_PLACE_BEFORE:
		app_pop(a);
		break;
	case ACTION_ESCAPE:
		if (a->depth > 1)
			app_pop(a);
		break;
	case ACTION_QUIT:
		a->quit = true;
		break;
	case ACTION_OPEN:
		if (v->go[0] != '\0')
			app_command(a, v->go);
		break;
	case ACTION_PREVIOUS:
	case ACTION_NEXT:
		neighbour(a, action);
		break;
	case ACTION_THUMB:
	case ACTION_ZONE:
		cycle(a, action);
		break;
	case ACTION_MARK:
	case ACTION_MARK_ALL:
	case ACTION_MARK_RANGE:
	case ACTION_MARK_INVERT:
	case ACTION_MARK_UNDO:
		if (l != NULL && l->lo->can_mark)
			mark_action(a, l, action);
		break;
	default:
		act(a, action);
	}
}

void app_action(struct app *a, enum action action)
{
	struct view *v = app_top(a);
	a->dirty = true;
	if (a->message[0] != '\0' && action == ACTION_ESCAPE) { /* a message is a layer too */
		a->message[0] = '\0';
		return;
	}
	a->message[0] = '\0';
	v->go[0] = '\0';
	action = v->ops->request(v, action, &a->ctx);
	if (action != ACTION_NONE)
		own_action(a, action);
	v = app_top(a);
	if (v->note[0] != '\0') {
		app_say(a, INK_DIM, "%s", v->note);
		v->note[0] = '\0';
	}
}

/* --- lines --- */

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
	if (mode == MODE_COMMAND && taken)
		app_command(a, a->line);
}

static void line_complete(struct app *a)
{
	size_t word = strcspn(a->line, " ");
	enum action action = keys_command(a->line, word);
	if (a->mode == MODE_COMMAND && a->line[word] == '\0' && action != ACTION_NONE) {
		snprintf(a->line, sizeof(a->line), "%s ", action_rows[action].command);
		a->len = strlen(a->line);
	}
}

/* True when the key edited the line. Shared with questions. */
static bool line_edit(struct app *a, const struct key *k)
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

static void line_key(struct app *a, const struct key *k)
{
	bool nothing_left = k->code == KEYC_BACKSPACE && a->len == 0 && a->mode == MODE_COMMAND;
	if (nothing_left || k->code == KEYC_ESC || (k->code == KEYC_CTRL && k->ch[0] == 'C'))
		line_leave(a, false);
	else if (line_edit(a, k))
		line_changed(a);
	else if (k->code == KEYC_ENTER)
		line_leave(a, true);
	else if (k->code == KEYC_TAB)
		line_complete(a);
	else if (a->mode == MODE_FILTER && (k->code == KEYC_DOWN || k->code == KEYC_UP)) {
		struct view *v = app_top(a);
		v->ops->request(v, k->code == KEYC_DOWN ? ACTION_DOWN : ACTION_UP, &a->ctx);
	}
}

void app_key(struct app *a, const struct key *k)
{
	a->dirty = true;
	if (a->mode == MODE_QUESTION) {
		if (a->q.strength == ASK_YES || !line_edit(a, k))
			question_key(a, k);
		return;
	}
	if (a->mode != MODE_LOOK) {
		line_key(a, k);
		return;
	}
	if (k->code == KEYC_PASTE) { /* a paste into a list opens / with it, not run */
		struct list *l = list_of(app_top(a));
		if (l == NULL)
			return;
		begin_line(a, MODE_FILTER, "");
		line_add(a, k->text, k->len);
		line_changed(a);
		return;
	}
	enum action action = keys_action(k, app_top(a)->ops->where);
	if (action != ACTION_NONE)
		app_action(a, action);
}
