/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts on accounts, profiles and groups: the server says first which hosts would gain and lose a
 * password, a person answers, and what was seen is what is done.
 */
#include "console/app.h"
#include "console/fields.h"

#include <stdio.h>
#include <string.h>

/* --- an act with strings of its own --- */

static const char *const *dup_list(const char *const *list, size_t n)
{
	char **out = clv_calloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = clv_strdup(list[i]);
	return (const char *const *)out;
}

static void free_str(const char *s)
{
	clv_free((void *)(uintptr_t)s);
}

static void free_list(const char *const *list, size_t n)
{
	for (size_t i = 0; list != NULL && i < n; i++)
		free_str(list[i]);
	clv_free((void *)(uintptr_t)list);
}

static void copy_act(struct clv_act *to, const struct clv_act *from)
{
	*to = *from;
	to->name = clv_strdup(from->name);
	to->user = clv_strdup(from->user);
	to->domain = clv_strdup(from->domain);
	to->kept_by = clv_strdup(from->kept_by);
	to->note = clv_strdup(from->note);
	to->context = clv_strdup(from->context);
	to->auth_protocol = clv_strdup(from->auth_protocol);
	to->privacy_protocol = clv_strdup(from->privacy_protocol);
	to->new_name = clv_strdup(from->new_name);
	to->reason = clv_strdup(from->reason);
	to->account = clv_strdup(from->account);
	to->target = clv_strdup(from->target);
	to->add_to = dup_list(from->add_to, from->n_add_to);
	to->remove_from = dup_list(from->remove_from, from->n_remove_from);
}

void runas_release(struct runas *r)
{
	struct clv_act *x = &r->act;
	free_str(x->name);
	free_str(x->user);
	free_str(x->domain);
	free_str(x->kept_by);
	free_str(x->note);
	free_str(x->context);
	free_str(x->auth_protocol);
	free_str(x->privacy_protocol);
	free_str(x->new_name);
	free_str(x->reason);
	free_str(x->account);
	free_str(x->target);
	free_list(x->add_to, x->n_add_to);
	free_list(x->remove_from, x->n_remove_from);
	facts_plan_free(r->plan);
	*r = (struct runas){0};
}

/* --- sending --- */

static void refused(struct app *a, const char *text)
{
	bool form = a->runas.from_form;
	runas_release(&a->runas);
	if (form) { /* what was typed stays, to be put right */
		form_again(a);
		snprintf(a->form.error, sizeof(a->form.error), "Not done: %.250s", text);
		return;
	}
	app_say(a, INK_LOOK, "Not done: %.300s", text);
}

static void send(struct app *a)
{
	struct runas *r = &a->runas;
	struct clv_err err = {0};
	r->act.plan = false;
	r->req = clv_session_act(a->s, &r->act, &err);
	if (r->req == 0)
		refused(a, err.text);
}

static bool has_plan(const struct clv_act *act)
{
	return act->kind == CLV_ACT_ACCOUNT_REMOVE || act->kind == CLV_ACT_DISTRIBUTE ||
	       act->kind == CLV_ACT_PROFILE_REMOVE || act->kind == CLV_ACT_ASSOCIATE;
}

void app_act_begin(struct app *a, const struct clv_act *act, bool from_form)
{
	struct runas *r = &a->runas;
	struct clv_err err = {0};
	if (r->req != 0) {
		app_say(a, INK_LOOK, "One moment: what you asked before is not answered yet.");
		return;
	}
	runas_release(r);
	copy_act(&r->act, act);
	r->from_form = from_form;
	if (!has_plan(act)) {
		send(a);
		return;
	}
	r->act.plan = true;
	r->plan_req = clv_session_act(a->s, &r->act, &err);
	if (r->plan_req == 0)
		refused(a, err.text);
	else
		app_say(a, INK_DIM, "Asking which hosts gain and lose it…");
}

/* --- the question --- */

static void names_line(struct question *q, const char *word, char *const *list, size_t n, uint32_t all,
                       const struct view_ctx *ctx)
{
	char line[380], name[VIEW_ID_MAX];
	size_t used = (size_t)snprintf(line, sizeof(line), "%s:", word), shown = 0;
	for (size_t i = 0; i < n; i++) {
		const char *s = view_name(ctx, list[i], name, sizeof(name));
		if (used + strlen(s) + 24 >= sizeof(line))
			break;
		used += (size_t)snprintf(line + used, sizeof(line) - used, " %s", s);
		shown++;
	}
	if (shown < all)
		snprintf(line + used, sizeof(line) - used, " and %u more", all - (unsigned)shown);
	if (all > 0)
		question_line(q, INK_PLAIN, "%s", line);
}

static bool for_good(const struct clv_act *act)
{
	return act->kind == CLV_ACT_ACCOUNT_REMOVE || act->kind == CLV_ACT_PROFILE_REMOVE ||
	       act->kind == CLV_ACT_RECOVERY_FINISH;
}

void runas_how_to_answer(struct app *a)
{
	struct question *q = &a->q;
	const struct runas *r = &a->runas;
	uint32_t n = r->plan != NULL ? r->plan->n_gains + r->plan->n_loses : 0;
	if (for_good(&r->act)) {
		q->strength = ASK_NAME;
		snprintf(q->expect, sizeof(q->expect), "%s", r->act.name);
		snprintf(q->expect2, sizeof(q->expect2), "%s", r->act.name);
		if (strlen(q->expect) <= 20) {
			snprintf(q->band.prompt, sizeof(q->band.prompt),
			         "Cannot be undone. Type %.20s: ", q->expect);
		} else {
			question_line(q, INK_PLAIN, "Cannot be undone. Type %.280s", q->expect);
			snprintf(q->band.prompt, sizeof(q->band.prompt), "Name: ");
		}
		snprintf(q->band.keys, sizeof(q->band.keys), "Esc nothing happens");
	} else if (n > 1) {
		q->strength = ASK_NUMBER;
		snprintf(q->expect, sizeof(q->expect), "%u", n);
		snprintf(q->band.prompt, sizeof(q->band.prompt), "Type %u: ", n);
		snprintf(q->band.keys, sizeof(q->band.keys), "%sEnter shows %s   Esc nothing happens",
		         r->from_form ? "C change   " : "", r->lists ? "less" : "the list");
	} else {
		q->strength = ASK_YES;
		snprintf(q->band.prompt, sizeof(q->band.prompt), "y/N ");
		snprintf(q->band.keys, sizeof(q->band.keys), "%sEsc nothing happens",
		         r->from_form ? "C change   " : "");
	}
}

void runas_prepare(struct app *a, const struct clv_act *act)
{
	runas_release(&a->runas);
	copy_act(&a->runas.act, act);
	question_end(a);
	a->q.what = FOR_RUNAS;
	a->q.band = (struct band){.has_input = true};
}

static void ask_plan(struct app *a)
{
	struct question *q = &a->q;
	const struct clv_plan_fact *p = a->runas.plan;
	char g[256];
	question_where(a, g, sizeof(g));
	q->what = FOR_RUNAS;
	q->band = (struct band){.has_input = true};
	char *head = fields_plan_text(&a->runas.act, p);
	question_line(q, INK_BOLD, "%.300s   in %.80s", head, g);
	clv_free(head);
	if (a->runas.lists) {
		names_line(q, "lose it", p->loses, p->loses_len, p->n_loses, &a->ctx);
		names_line(q, "gain it", p->gains, p->gains_len, p->n_gains, &a->ctx);
		names_line(q, "offline", p->offline, p->offline_len, p->n_offline, &a->ctx);
	} else {
		for (size_t i = 0; i < p->warnings_len; i++)
			question_line(q, INK_LOOK, "%.390s", p->warnings[i]);
	}
	runas_how_to_answer(a);
	question_show(a);
}

void runas_show_lists(struct app *a)
{
	a->runas.lists = !a->runas.lists;
	ask_plan(a);
}

void runas_answered(struct app *a)
{
	struct runas *r = &a->runas;
	if (r->plan != NULL && r->plan->row_version != 0)
		r->act.row_version = r->plan->row_version;
	question_end(a);
	send(a);
}

/* --- answers --- */

static void take_plan(struct app *a, const struct clv_reply *r)
{
	struct clv_reply *mine = (struct clv_reply *)(uintptr_t)r;
	a->runas.plan_req = 0;
	a->message[0] = '\0';
	if (r->kind == CLV_REPLY_REFUSED) {
		refused(a, r->text != NULL ? r->text : "");
	} else if (r->kind == CLV_REPLY_PLAN && r->plan != NULL && a->mode == MODE_LOOK) {
		a->runas.plan = mine->plan;
		mine->plan = NULL;
		question_end(a);
		ask_plan(a);
	} else { /* the line was lost, or something else is typed now */
		runas_release(&a->runas);
		app_say(a, INK_LOOK, "The plan was not shown: ask again.");
	}
}

static void done(struct app *a, const struct clv_reply *r)
{
	const struct clv_act *act = &a->runas.act;
	if (act->kind == CLV_ACT_ACCOUNT_PUT && act->add)
		app_say(a, INK_GOOD,
		        "%.120s was added; it goes to no host. E enters its password, S sends it.",
		        act->name);
	else
		app_say(a, INK_GOOD, "%.390s", r->text != NULL && r->text[0] != '\0' ? r->text : "Done.");
}

bool runas_take(struct app *a, const struct clv_reply *r)
{
	struct runas *w = &a->runas;
	if (r->req == 0 || (r->req != w->plan_req && r->req != w->req))
		return false;
	if (r->req == w->plan_req) {
		take_plan(a, r);
		return true;
	}
	if (r->kind == CLV_REPLY_REFUSED) {
		refused(a, r->text != NULL ? r->text : "");
		return true;
	}
	if (r->kind == CLV_REPLY_DROPPED) {
		clv_free(a->dropped);
		a->dropped = clv_asprintf("\"%.100s\" was %s", w->act.name,
		                          r->sent ? "sent but not answered: look before you ask again."
		                                  : "not sent: ask again.");
	} else {
		done(a, r);
	}
	runas_release(w);
	return true;
}

/* --- X, A, D --- */

/* "class SQL Server" */
static bool target_of(const char *words, enum clv_target_kind *kind, const char **name)
{
	char first[16];
	size_t len = strcspn(words, " ");
	snprintf(first, sizeof(first), "%.*s", (int)(len < 15 ? len : 15), words);
	*name = words[len] == ' ' ? words + len + 1 : "";
	return clv_target_kind_parse(first, kind);
}

static void end_profile(struct app *a, const struct target *t)
{
	struct clv_act act = {.kind = CLV_ACT_PROFILE_REMOVE, .name = t->name, .row_version = t->row_version};
	const struct clv_profile_fact *p = t->profile;
	if (p->account[0] != '\0') {
		act.kind = CLV_ACT_ASSOCIATE;
		act.account = p->account;
		act.remove = true;
		if (!target_of(p->target, &act.target_kind, &act.target)) {
			app_say(a, INK_LOOK, "Not done: what it is used for is not understood here.");
			return;
		}
	}
	app_act_begin(a, &act, false);
}

static void go_on(struct app *a, const struct target *t, bool stop)
{
	const struct clv_account_detail *d = t->detail;
	unsigned long long v = t->account->version, old = t->account->released;
	char name[VIEW_ID_MAX], stays[48] = "", rest[FMT_MAX];
	if (old != 0)
		snprintf(stays, sizeof(stays), ", v%llu stays in use", old);
	if (d == NULL || d->trial == CLV_TRIAL_NONE || (!stop && d->trial != CLV_TRIAL_OPENED)) {
		app_say(a, INK_LOOK,
		        stop ? "Nothing to take back: no host tries a new password."
		             : "Nothing to accept: no host waits for your word.");
		return;
	}
	struct clv_act act = {
	    .kind = CLV_ACT_ACCOUNT_CONTINUE, .name = t->name, .version = t->account->version, .stop = stop};
	runas_prepare(a, &act);
	const char *host = view_name(&a->ctx, d->first, name, sizeof(name));
	if (stop)
		question_line(&a->q, INK_BOLD, "Take v%llu of %.150s back? %.150s forgets it%s.", v, t->name,
		              host, stays);
	else
		question_line(
		    &a->q, INK_BOLD, "Give v%llu of %.150s to the %s? %.150s opened it, nothing tested it.",
		    v, t->name,
		    fmt_plural(rest, d->hosts > 0 ? d->hosts - 1 : 0, "other host", "other hosts"), host);
	runas_how_to_answer(a);
	question_show(a);
}

void runas_action(struct app *a, enum action action)
{
	struct view *v = app_top(a);
	struct target t;
	if (v->ops->target == NULL || !v->ops->target(v, &t))
		return;
	if (a->runas.req != 0) {
		app_say(a, INK_LOOK, "One moment: what you asked before is not answered yet.");
		return;
	}
	if (action != ACTION_END_RUNAS) {
		if (t.account != NULL)
			go_on(a, &t, action == ACTION_STOP);
		return;
	}
	if (t.profile != NULL) {
		end_profile(a, &t);
	} else if (t.account != NULL) {
		struct clv_act act = {
		    .kind = CLV_ACT_ACCOUNT_REMOVE, .name = t.name, .row_version = t.row_version};
		app_act_begin(a, &act, false);
	}
}
