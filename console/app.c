/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of screens, commands, actions and the lines that are typed. Decides what a key means
 * now; the view decides what an action means to it.
 */
#include "console/app.h"
#include "console/needs.h"

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
	places_note(a);
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
	a->hit = -1;
	a->ctx.held = 0;
	if (list_of(v) != NULL)
		setup_columns(a, list_of(v));
	a->dirty = true;
}

void app_pop(struct app *a)
{
	if (a->depth <= 1)
		return;
	leave_top(a);
	view_close(a->stack[--a->depth]);
	a->hit = -1;
	a->ctx.held = 0;
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
	case ACTION_GO_ACCOUNTS:
		return view_accounts_open(arg);
	case ACTION_GO_ACCOUNT:
		return view_account_open(arg);
	case ACTION_GO_PROFILES:
		return view_profiles_open(arg);
	case ACTION_GO_GROUPS:
		return view_groups_open(arg);
	case ACTION_GO_SERVERS:
		return view_servers_open();
	case ACTION_GO_RECOVER:
		return view_recover_open(arg);
	case ACTION_GO_ALERTS:
		return view_alerts_open(arg);
	case ACTION_GO_TRACE:
		return view_trace_open(arg);
	case ACTION_GO_PROOF:
		return view_proof_open(arg);
	case ACTION_GO_AUDIT:
		return view_audit_open(arg);
	case ACTION_GO_EXPIRY:
		return view_expiry_open(arg);
	case ACTION_GO_FOUND:
		return view_found_open(arg);
	case ACTION_GO_CONTEXTS:
		return context_view(a);
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
	if ((action == ACTION_GO_AGENT || action == ACTION_GO_ACCOUNT || action == ACTION_GO_TRACE) &&
	    arg[0] == '\0') {
		app_say(a, INK_LOOK, "%s needs a name: :%s", action_rows[action].command,
		        action == ACTION_GO_AGENT   ? "agent web01"
		        : action == ACTION_GO_TRACE ? "trace 8812, trace web01, trace probe web01"
		                                    : "account sql-reader");
		return;
	}
	if (action == ACTION_GO_FOUND && arg[0] == '\0') {
		line_begin(a, MODE_FIND, "");
		return;
	}
	if (action_absent(action, a->ctx.restricted)) {
		app_say(a, INK_LOOK, "Not in restricted mode: :%s", action_rows[action].command);
		return;
	}
	if (action == ACTION_GO_CONTEXT && arg[0] != '\0') {
		context_go(a, arg);
		return;
	}
	struct view *v = open_by(a, action == ACTION_GO_CONTEXT ? ACTION_GO_CONTEXTS : action, arg);
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
	bool walking = a->walking;
	if (a->depth > 1)
		places_note(a);
	a->walking = true; /* one place was left, not all that lie below it */
	while (a->depth > 1)
		app_pop(a);
	a->walking = walking;
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
	if (l == NULL ||
	    l->lo->kind != (app_top(a)->ops->where == W_ACCOUNT ? CLV_LIST_ACCOUNTS : CLV_LIST_AGENTS))
		return;
	struct view *below = a->stack[a->depth - 2];
	if (!below->have) {
		app_say(a, INK_DIM, "Its list is on the way: once more, please.");
		return;
	}
	below->ops->request(below, action == ACTION_NEXT ? ACTION_DOWN : ACTION_UP, &a->ctx);
	if (below->ops->request(below, ACTION_OPEN, &a->ctx) != ACTION_OPEN)
		return;
	places_note(a);
	a->walking = true; /* the list between the two pages was not gone to */
	app_pop(a);
	app_command(a, below->go);
	a->walking = false;
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

static void act_runas(struct app *a, enum action action)
{
	bool profiles = app_top(a)->ops->where == W_PROFILES;
	switch (action) {
	case ACTION_ENTER_PASSWORD:
		entry_begin(a);
		break;
	case ACTION_ADD:
		form_begin(a, profiles ? FORM_PROFILE_ADD : FORM_ACCOUNT_ADD);
		break;
	case ACTION_CHANGE:
		form_begin(a, profiles ? FORM_ASSOCIATE : FORM_ACCOUNT_CHANGE);
		break;
	case ACTION_SEND:
		form_begin(a, FORM_SEND);
		break;
	case ACTION_ALERT_ACK:
		alert_acknowledge(a);
		break;
	case ACTION_NEED_ASIDE:
		needs_action(a);
		break;
	case ACTION_SET_ASIDE:
	case ACTION_FINISH:
		recover_action(a, action);
		break;
	case ACTION_GO_ON:
	case ACTION_STOP:
	case ACTION_END_RUNAS:
		runas_action(a, action);
		break;
	default:
		break;
	}
}

static void act(struct app *a, enum action action)
{
	const struct list *l = list_of(app_top(a));
	static const struct {
		enum action action;
		enum question_for what;
	} rows[] = {{ACTION_ROTATE, FOR_ROTATE},
	            {ACTION_MOVE, FOR_MOVE},
	            {ACTION_END, FOR_REMOVE},
	            {ACTION_ACCEPT, FOR_ACCEPT},
	            {ACTION_DECLINE, FOR_DECLINE}};
	if (action_rows[action].dangerous && l != NULL && list_overtaken(l)) {
		app_say(a, INK_LOOK, "One moment: the rows of this filter are on their way.");
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].action == action && !forbidden(a, action))
			question_begin(a, rows[i].what);
	}
	if (action_rows[action].dangerous && !forbidden(a, action))
		act_runas(a, action);
}

/* A screen of its own, or an act on what this one shows. */
static void open_or_act(struct app *a, enum action action)
{
	if (action == ACTION_HELP && app_top(a)->ops->where == W_HELP)
		return;
	struct view *v = open_by(a, action, "");
	if (v != NULL)
		app_push(a, v);
	else
		act(a, action);
}

/* What opens a line, a menu or a panel, or looks further; false: none of these. */
static bool look_action(struct app *a, enum action action)
{
	char name[160];
	switch (action) {
	case ACTION_SEARCH:
		line_begin(a, MODE_SEARCH, "");
		break;
	case ACTION_FIND:
		line_begin(a, MODE_FIND, "");
		break;
	case ACTION_NEXT_HIT:
	case ACTION_LAST_HIT:
		lookup_next(a, action == ACTION_NEXT_HIT ? 1 : -1);
		break;
	case ACTION_READY:
		menu_begin(a, MENU_READY);
		break;
	case ACTION_COPY:
		menu_begin(a, MENU_COPY);
		break;
	case ACTION_OPTIONS:
		setup_begin(a);
		break;
	case ACTION_WRITE:
		export_name(a, name, sizeof(name));
		line_begin(a, MODE_WRITE, name);
		break;
	case ACTION_VERIFY_PATH:
		alert_verify(a);
		break;
	case ACTION_VERIFY_AUDIT:
		a->audit_req = clv_session_audit_check(a->s, &(struct clv_err){0});
		app_say(a, INK_DIM, "%s",
		        a->audit_req != 0 ? "Looking at every row…" : "There is no line to the server.");
		break;
	default:
		return false;
	}
	return true;
}

static void own_action(struct app *a, enum action action)
{
	struct view *v = app_top(a);
	struct list *l = list_of(v);
	if (look_action(a, action))
		return;
	switch (action) {
	case ACTION_COMMAND:
		line_begin(a, MODE_COMMAND, "");
		break;
	case ACTION_FILTER:
		line_begin(a, MODE_FILTER, l != NULL ? l->filter : "");
		break;
	case ACTION_GO_OVERVIEW:
		go_home(a);
		break;
	case ACTION_BACK:
		go_back(a);
		break;
	case ACTION_PLACE_BEFORE:
		places_back(a);
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
	case ACTION_VERIFY:
		recover_action(a, action);
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
		open_or_act(a, action);
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

/* The wheel moves, a press selects the row under it; nothing is opened and nothing acts. */
static void mouse_key(struct app *a, const struct key *k)
{
	struct view *v = app_top(a);
	struct list *l = list_of(v);
	if (k->ch[0] != 'p') {
		app_action(a, k->ch[0] == 'u' ? ACTION_UP : ACTION_DOWN);
		return;
	}
	int row = k->y - 3; /* under the two lines of the frame and the header */
	if (l == NULL || row < 0 || row >= l->page || l->top + (uint64_t)row >= l->rows.matched)
		return;
	for (uint64_t to = l->top + (uint64_t)row, n = 0; l->cur != to && n < 200; n++)
		(void)v->ops->request(v, l->cur < to ? ACTION_DOWN : ACTION_UP, &a->ctx);
}

void app_key(struct app *a, const struct key *k)
{
	a->dirty = true;
	if (a->mode == MODE_FORM) {
		form_key(a, k);
		return;
	}
	if (a->mode == MODE_QUESTION) {
		if (question_changes(a, k))
			return;
		if (a->q.strength == ASK_YES || !line_edit(a, k))
			question_key(a, k);
		return;
	}
	if (a->mode == MODE_LOCKED) {
		app_unlock_key(a, k);
		return;
	}
	if (a->mode == MODE_MENU) {
		menu_key(a, k);
		return;
	}
	if (a->mode == MODE_SETUP) {
		setup_key(a, k);
		return;
	}
	if (a->mode != MODE_LOOK) {
		line_key(a, k);
		return;
	}
	if (k->code == KEYC_MOUSE) {
		mouse_key(a, k);
		return;
	}
	if (k->code == KEYC_PASTE) {
		line_paste(a, k);
		return;
	}
	enum action action = keys_action(k, app_top(a)->ops->where, a->ctx.keys);
	if (action_absent(action, a->ctx.restricted))
		app_say(a, INK_LOOK, "Not in restricted mode: %s.", action_rows[action].help);
	else if (action != ACTION_NONE)
		app_action(a, action);
}
