/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the full screen asks the server and what it makes of the answers. A lost line keeps screen,
 * filter and marks; acts that were not sent are named and forgotten, never sent later.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

/* --- asking --- */

static uint64_t send_want(struct app *a, const struct want *w, struct clv_err *err)
{
	switch (w->kind) {
	case WANT_OVERVIEW:
		return clv_session_overview(a->s, true, err);
	case WANT_LIST:
		return clv_session_list(a->s, w->list, &w->window, err);
	case WANT_AGENT:
		return clv_session_agent(a->s, w->name, true, err);
	case WANT_ACCOUNT:
		return clv_session_account(a->s, w->name, true, err);
	case WANT_TRACE:
		return w->alert != 0 ? clv_session_trace(a->s, w->alert, err)
		                     : clv_session_trace_last(a->s, w->name, err);
	case WANT_PROBE:
		return clv_session_probe(a->s, w->name, err);
	case WANT_ENCRYPTION:
		return clv_session_encryption(a->s, w->name, 0, 0, err);
	case WANT_NONE:
		break;
	}
	return 0;
}

/* The list below a page that ^O came back to has no rows yet, and , and . go through them. */
static struct view *list_below(const struct app *a)
{
	struct view *v = a->depth > 1 && list_of(app_top(a)) == NULL ? a->stack[a->depth - 2] : NULL;
	return v != NULL && list_of(v) != NULL && !v->have ? v : NULL;
}

static void ask_below(struct app *a)
{
	struct view *v = list_below(a);
	struct want w;
	struct clv_err err = {0};
	if (v == NULL || !v->ask)
		return;
	v->ops->want(v, &w);
	w.window.watch = false;
	v->req = send_want(a, &w, &err);
	v->ask = v->req == 0;
}

void app_ask(struct app *a)
{
	struct view *v = app_top(a);
	struct want w;
	struct clv_err err = {0};
	if (clv_session_state(a->s) == CLV_SESSION_OPEN && !v->ask)
		ask_below(a);
	if (!v->ask || clv_session_state(a->s) != CLV_SESSION_OPEN)
		return;
	/* one question at a time: keys that come faster than answers are answered by the last one */
	if (v->req != 0 && v->req == a->asking)
		return;
	v->ops->want(v, &w);
	if (w.kind == WANT_NONE) {
		v->ask = false;
		return;
	}
	clv_session_unwatch(a->s, v->req);
	uint64_t req = send_want(a, &w, &err);
	if (req == 0 && err.code == CLV_E_AGAIN) /* so much is under way: with the next answer */
		return;
	v->req = a->asking = req;
	a->asked_at_ms = app_mono_ms();
	v->ask = false;
}

/* Which marked rows does the filter show? Asked in one request, by name. */
void app_probe(struct app *a, enum probe p, enum question_for what)
{
	struct list *l = list_of(app_top(a));
	struct clv_err err = {0};
	struct clv_buf b;
	struct clv_window w = {.limit = CLV_LIST_LIMIT_MAX, .sort = NULL};
	if (l == NULL || (p == PROBE_COUNT && (l->marks.n == 0 || a->probe == PROBE_ACT)))
		return;
	buf_init(&b, 12000);
	clv_rc rc = buf_printf(&b, NULL, "%s", l->sent_filter != NULL ? l->sent_filter : "");
	for (size_t i = 0; p != PROBE_MARK_ALL && rc == CLV_OK && i < l->marks.n; i++)
		rc = buf_printf(&b, NULL, "%s%s", i == 0 ? " name=" : ",", l->marks.ids[i]);
	if (rc == CLV_OK)
		rc = buf_put_u8(&b, 0, NULL);
	if (rc != CLV_OK) {
		if (p == PROBE_ACT)
			app_say(a, INK_LOOK,
			        "So many are marked that one question cannot name them: mark fewer.");
	} else {
		w.filter = (const char *)buf_slice(&b).ptr;
		a->probe_req = clv_session_list(a->s, l->lo->kind, &w, &err);
		a->probe = a->probe_req != 0 ? p : PROBE_NONE;
		a->probe_for = what;
		if (p == PROBE_ACT)
			app_say(a, INK_DIM, "Looking which of the marked rows the filter shows…");
	}
	buf_release(&b);
}

static void take_probe(struct app *a, const struct clv_reply *r)
{
	struct list *l = list_of(app_top(a));
	enum probe p = a->probe;
	a->probe = PROBE_NONE;
	a->probe_req = 0;
	if (l == NULL || r->kind != CLV_REPLY_LIST || r->rows.list != l->lo->kind)
		return;
	if (p == PROBE_MARK_ALL) {
		list_mark_rows(l, &r->rows);
	} else if (p == PROBE_ACT) {
		a->message[0] = '\0';
		question_with_rows(a, a->probe_for, &r->rows);
	} else {
		l->hidden = l->marks.n > r->rows.n ? l->marks.n - r->rows.n : 0;
		l->hidden_known = true;
	}
}

/* --- acts --- */

static const char *act_word(enum question_for what)
{
	static const char *const words[] = {
	    [FOR_ROTATE] = "rotate",   [FOR_REMOVE] = "remove", [FOR_ACCEPT] = "accept",
	    [FOR_DECLINE] = "decline", [FOR_MOVE] = "move",     [FOR_QUIT] = "",
	    [FOR_RUNAS] = "",          [FOR_SSH] = ""};
	return words[what];
}

void app_add_act(struct app *a, const struct act_row *row)
{
	if (a->n_acts == 0) {
		a->done = a->refused = 0;
		a->first_refusal[0] = '\0';
	}
	a->acts = clv_realloc(a->acts, a->n_acts + 1, sizeof(*a->acts));
	a->acts[a->n_acts] = *row;
	a->acts[a->n_acts++].req = 0;
}

static void forget_act(struct app *a, size_t i)
{
	clv_free(a->acts[i].object.name);
	clv_free(a->acts[i].fingerprint);
	clv_free(a->acts[i].reason);
	memmove(&a->acts[i], &a->acts[i + 1], (a->n_acts - i - 1) * sizeof(*a->acts));
	a->n_acts--;
}

void app_send_acts(struct app *a)
{
	static const enum clv_act_kind kinds[] = {[FOR_ROTATE] = CLV_ACT_ROTATE,
	                                          [FOR_REMOVE] = CLV_ACT_REMOVE,
	                                          [FOR_ACCEPT] = CLV_ACT_APPROVE,
	                                          [FOR_DECLINE] = CLV_ACT_REJECT,
	                                          [FOR_MOVE] = CLV_ACT_MOVE};
	size_t under_way = 0;
	for (size_t i = 0; i < a->n_acts && under_way < APP_ACTS_AT_ONCE; i++) {
		struct act_row *r = &a->acts[i];
		struct clv_err err = {0};
		under_way++;
		if (r->req != 0)
			continue;
		struct clv_act act = {.kind = kinds[r->what],
		                      .name = r->object.name,
		                      .pending_id = r->object.pending_id,
		                      .row_version = r->object.row_version,
		                      .fingerprint = r->fingerprint,
		                      .replace = r->replace,
		                      .reason = r->reason,
		                      .target = r->what == FOR_MOVE ? r->reason : NULL};
		r->req = clv_session_act(a->s, &act, &err);
	}
}

static void say_progress(struct app *a, const struct act_row *r, const struct clv_reply *reply, size_t left)
{
	char buf[VIEW_ID_MAX];
	const char *name = view_name(&a->ctx, r->object.name, buf, sizeof(buf));
	if (reply->kind == CLV_REPLY_REFUSED && a->first_refusal[0] == '\0') {
		if (reply->code == CLV_E_DENIED && reply->audit_row != 0)
			snprintf(a->first_refusal, sizeof(a->first_refusal),
			         "Not allowed: %.200s (audit row %llu).", reply->text,
			         (unsigned long long)reply->audit_row);
		else
			snprintf(a->first_refusal, sizeof(a->first_refusal), "Not done, %.90s: %.180s", name,
			         reply->text);
	}
	if (left > 0)
		app_say(a, INK_PLAIN, "%s: %zu done, %zu refused, %zu to go", act_word(r->what), a->done,
		        a->refused, left);
	else if (a->refused > 0)
		app_say(a, INK_BAD, "%s%s", a->first_refusal,
		        a->done + a->refused > 1 ? " (and see the list)" : "");
	else if (a->done > 1)
		app_say(a, INK_GOOD, "%zu %s.", a->done,
		        r->what == FOR_ROTATE   ? "agents were asked to rotate"
		        : r->what == FOR_ACCEPT ? "accepted"
		        : r->what == FOR_MOVE   ? "nodes were told to come another way"
		                                : "declined");
	else if (r->what == FOR_ROTATE)
		app_say(a, INK_GOOD, "%s was asked to make a new key; the old one serves until confirmed.",
		        name);
	else if (r->what == FOR_MOVE)
		app_say(a, INK_GOOD, "%s is told to come by %.120s; until it does it may come as before.",
		        name, r->reason);
	else
		app_say(a, INK_GOOD, "%s was %s.", name,
		        r->what == FOR_ACCEPT    ? "accepted"
		        : r->what == FOR_DECLINE ? "declined"
		                                 : "removed");
}

/* true when the reply belonged to an act. */
static bool take_act(struct app *a, const struct clv_reply *r)
{
	for (size_t i = 0; i < a->n_acts; i++) {
		if (a->acts[i].req != r->req)
			continue;
		a->done += r->kind == CLV_REPLY_DONE;
		a->refused += r->kind != CLV_REPLY_DONE;
		say_progress(a, &a->acts[i], r, a->n_acts - 1);
		forget_act(a, i);
		app_send_acts(a);
		return true;
	}
	return false;
}

/* The line is gone: what was under way is named once, and forgotten. */
static void drop_acts(struct app *a, bool maybe_sent)
{
	char buf[VIEW_ID_MAX];
	if (a->n_acts == 0)
		return;
	clv_free(a->dropped);
	const char *name =
	    a->n_acts == 1 ? view_name(&a->ctx, a->acts[0].object.name, buf, sizeof(buf)) : NULL;
	a->dropped = name != NULL
	                 ? clv_asprintf("\"%s %.100s\" was %s", act_word(a->acts[0].what), name,
	                                maybe_sent ? "sent but not answered: look before you ask again."
	                                           : "not sent: ask again.")
	                 : clv_asprintf("\"%s %zu\" was not finished: look, then ask again.",
	                                act_word(a->acts[0].what), a->n_acts);
	while (a->n_acts > 0)
		forget_act(a, a->n_acts - 1);
}

void app_forget_acts(struct app *a)
{
	drop_acts(a, true);
}

/* --- answers --- */

static void take_whoami(struct app *a, struct clv_reply *r)
{
	facts_whoami_free(a->who);
	a->who = r->whoami;
	r->whoami = NULL;
	a->ctx.role = a->who->role;
	a->ctx.group = a->who->group;
	a->ctx.server = a->who->server;
	a->ctx.principal = a->who->principal;
	a->ctx.channel = a->who->channel;
	const char *dot = strchr(a->who->server, '.');
	snprintf(a->domain, sizeof(a->domain), "%s", dot != NULL ? dot : "");
}

static void take_view(struct app *a, struct clv_reply *r)
{
	struct view *v = app_top(a);
	if (r->kind == CLV_REPLY_REFUSED) {
		struct list *l = list_of(v);
		if (l != NULL && a->mode == MODE_FILTER && r->code == CLV_E_USAGE)
			app_say(a, INK_DIM, "%.300s", r->text); /* half a filter is not wrong yet */
		else if (l != NULL)
			app_say(a, INK_LOOK, "%.300s", r->text);
		v->req = 0;
	}
	if (r->time != 0) {
		a->skew_ms = r->time - app_wall_ms();
	}
	v->ops->take(v, r);
	struct list *l = list_of(v);
	if (l != NULL && !l->hidden_known && l->marks.n > 0 && a->probe == PROBE_NONE)
		app_probe(a, PROBE_COUNT, FOR_ROTATE);
	if (v->note[0] != '\0') {
		if (a->message[0] == '\0') /* what an act came to says more */
			app_say(a, INK_DIM, "%s", v->note);
		v->note[0] = '\0';
	}
}

/* --plain: what came by itself waits for r; only its number is said. */
static bool hold_push(struct app *a, const struct clv_reply *r)
{
	if (!a->ctx.plain || a->answered != r->req || r->kind == CLV_REPLY_REFUSED) {
		a->answered = r->req;
		a->ctx.held = 0;
		return false;
	}
	a->ctx.held++;
	a->dirty = true;
	return true;
}

static void take_one(struct app *a, struct clv_reply *r)
{
	if (r->req == a->asking)
		a->asking = 0;
	if (a->audit_req != 0 && r->req == a->audit_req) {
		a->audit_req = 0;
		a->dirty = true;
		if (r->kind == CLV_REPLY_AUDIT_CHECK && app_top(a)->ops->where == W_AUDIT) {
			a->message[0] = '\0';
			app_top(a)->ops->take(app_top(a), r);
		} else if (r->kind == CLV_REPLY_REFUSED) {
			app_say(a, INK_LOOK, "%.300s", r->text);
		}
		return;
	}
	if (export_take(a, r)) {
		a->dirty = true;
		return;
	}
	if (claim_take(a, r)) /* no frame by it while somebody types */
		return;
	if (alert_take(a, r) || entry_take(a, r) || runas_take(a, r) || form_take(a, r)) {
		a->dirty = true;
		return;
	}
	if (r->kind == CLV_REPLY_DROPPED) {
		if (r->is_act)
			drop_acts(a, r->sent);
		return;
	}
	if (r->kind == CLV_REPLY_WHOAMI && r->whoami != NULL)
		take_whoami(a, r);
	else if (r->req == a->probe_req && r->req != 0)
		take_probe(a, r);
	else if (list_below(a) != NULL && r->req != 0 && r->req == list_below(a)->req)
		list_below(a)->ops->take(list_below(a), r);
	else if (r->req == app_top(a)->req && hold_push(a, r))
		return;
	else if (r->req == app_top(a)->req)
		take_view(a, r);
	else
		take_act(a, r);
	a->dirty = true;
}

static void line_is_back(struct app *a)
{
	char buf[VIEW_ID_MAX];
	struct clv_err err = {0};
	a->epoch = clv_session_epoch(a->s);
	a->whoami_req = clv_session_whoami(a->s, &err);
	a->probe = PROBE_NONE;
	a->asking = 0;
	for (size_t i = 0; i < a->depth; i++) {
		a->stack[i]->req = 0;
		a->stack[i]->ask = true;
	}
	if (a->was_open) /* message 12 */
		app_say(a, a->dropped != NULL ? INK_LOOK : INK_GOOD, "Back, by %.120s. %s",
		        a->who != NULL ? view_name(&a->ctx, a->who->server, buf, sizeof(buf))
		                       : clv_session_server(a->s),
		        a->dropped != NULL ? a->dropped : "Nothing was lost.");
	clv_free(a->dropped);
	a->dropped = NULL;
	a->was_open = true;
	a->stale_since_ms = 0;
	a->ctx.fresh = FRESH_LIVE;
	a->dirty = true;
}

void app_take(struct app *a)
{
	struct clv_reply *r;
	ask_look(a);
	bool open = clv_session_state(a->s) == CLV_SESSION_OPEN;
	if (open && clv_session_epoch(a->s) != a->epoch)
		line_is_back(a);
	while ((r = clv_session_pop(a->s)) != NULL) {
		take_one(a, r);
		clv_reply_free(r);
	}
	if (open || !a->was_open || a->ctx.fresh == FRESH_STALE)
		return;
	/* lost: the question that stands there cannot be answered any more */
	a->ctx.fresh = FRESH_STALE;
	a->stale_since_ms = app_wall_ms() + a->skew_ms;
	drop_acts(a, false);
	export_drop(a);
	entry_line_lost(a);
	if (a->mode == MODE_QUESTION && a->q.what != FOR_QUIT) {
		clv_free(a->dropped);
		a->dropped = clv_asprintf("The question was not answered: ask again.");
		if (a->q.what == FOR_RUNAS)
			runas_release(&a->runas);
		question_end(a);
	}
	if (a->mode != MODE_ENTRY)
		a->message[0] = '\0';
	a->dirty = true;
}
