/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator does on the recovery's screen beside entering passwords: D sets an account aside, with
 * a reason, or takes it back; V shows which hosts miss it; F finishes with a signed report.
 */
#include "console/app.h"
#include "console/needs.h"

#include <stdio.h>
#include <string.h>

/* The reason is typed: that is the answer, and it can be taken back. */
static void ask_aside(struct app *a, const struct target *t)
{
	struct clv_act act = {.kind = CLV_ACT_ASIDE, .name = t->name, .row_version = t->row_version};
	struct question *q = &a->q;
	char g[256];
	runas_prepare(a, &act);
	question_where(a, g, sizeof(g));
	question_line(q, INK_BOLD, "Set %.200s aside in %.80s? Nobody has to enter it again.", t->name, g);
	question_line(q, INK_PLAIN, "Its hosts go on with what they hold; the reason stands in the report.");
	q->strength = ASK_REASON;
	snprintf(q->band.prompt, sizeof(q->band.prompt), "Reason ");
	snprintf(q->band.keys, sizeof(q->band.keys), "Enter sets it aside     Esc nothing happens");
	question_show(a);
}

static void ask_back(struct app *a, const struct target *t)
{
	struct clv_act act = {
	    .kind = CLV_ACT_ASIDE, .name = t->name, .row_version = t->row_version, .remove = true};
	char who[VIEW_PERSON_MAX];
	runas_prepare(a, &act);
	question_line(&a->q, INK_BOLD, "Take %.150s back? It is to be entered again then.", t->name);
	question_line(&a->q, INK_PLAIN, "Set aside by %s: %.200s", view_person(t->account->aside_by, who),
	              t->account->aside);
	runas_how_to_answer(a);
	question_show(a);
}

static void set_aside(struct app *a, const struct target *t)
{
	char who[VIEW_PERSON_MAX];
	if (t->account->recovery == CLV_RECOVERY_ASIDE)
		ask_back(a, t);
	else if (t->account->recovery == CLV_RECOVERY_TO_ENTER)
		ask_aside(a, t);
	else
		app_say(a, INK_LOOK, "%.150s was entered by %s: nothing to set aside.", t->name,
		        view_person(t->account->entered_by, who));
}

void recover_reason(struct app *a)
{
	if (a->runas.act.kind == CLV_ACT_NEED_ASIDE) {
		needs_reason(a);
		return;
	}
	if (a->len == 0 || strspn(a->line, " ") == a->len) {
		app_say(a, INK_LOOK, "A reason is needed: it stands in the report. Esc leaves it as it is.");
		return;
	}
	a->runas.act.reason = clv_strdup(a->line);
	runas_answered(a);
}

static void finish(struct app *a)
{
	struct list *l = list_of(app_top(a));
	const struct clv_recovery_fact *r = l != NULL ? l->rows.recovery : NULL;
	char n[FMT_MAX], aside[FMT_MAX], date[FMT_MAX], who[VIEW_PERSON_MAX];
	if (r == NULL || r->epoch == 0) {
		app_say(a, INK_LOOK, "There is no recovery to finish.");
		return;
	}
	if (r->finished != 0) {
		app_say(a, INK_LOOK, "It was finished %s Z by %s.", fmt_minute(date, r->finished),
		        view_person(r->finished_by, who));
		return;
	}
	if (r->to_enter > 0) {
		app_say(a, INK_LOOK, "Not yet: %s to be entered again, or set aside with a reason (D).",
		        fmt_plural(n, r->to_enter, "account is", "accounts are"));
		return;
	}
	struct clv_act act = {.kind = CLV_ACT_RECOVERY_FINISH, .name = a->ctx.group};
	runas_prepare(a, &act);
	question_line(&a->q, INK_BOLD, "Finish the recovery of %.120s? The group signs its report.",
	              a->ctx.group);
	question_line(&a->q, r->entered > 0 ? INK_LOOK : INK_PLAIN,
	              "Every host confirmed %s; %u not everywhere yet, %s set aside.",
	              fmt_plural(n, r->confirmed, "account", "accounts"), r->entered,
	              fmt_count(aside, r->aside));
	runas_how_to_answer(a);
	question_show(a);
}

/* Its page names the hosts that miss it, since when and why. */
static void verify(struct app *a, const struct target *t)
{
	const struct clv_account_fact *f = t->account;
	char command[VIEW_ID_MAX + 16], said[400], n[FMT_MAX];
	unsigned ink = INK_LOOK;
	if (f->recovery == CLV_RECOVERY_TO_ENTER || f->recovery == CLV_RECOVERY_ASIDE) {
		snprintf(said, sizeof(said), "%.150s was not entered again: its hosts have what they had.",
		         f->name);
	} else if (f->version != f->released) {
		snprintf(said, sizeof(said), "v%llu of %.150s is at its first host only.",
		         (unsigned long long)f->version, f->name);
	} else if (f->confirmed >= f->targets) {
		snprintf(said, sizeof(said), "✔ %s confirmed v%llu of %.150s.",
		         fmt_plural(n, f->targets, "host", "hosts"), (unsigned long long)f->version, f->name);
		ink = INK_GOOD;
	} else {
		snprintf(said, sizeof(said),
		         "%u of %u hosts confirmed v%llu of %.150s; the others stand here.", f->confirmed,
		         f->targets, (unsigned long long)f->version, f->name);
	}
	snprintf(command, sizeof(command), "account %.290s", t->id);
	app_command(a, command);
	app_say(a, ink, "%s", said);
}

void recover_action(struct app *a, enum action action)
{
	struct view *v = app_top(a);
	struct target t;
	if (a->runas.req != 0) {
		app_say(a, INK_LOOK, "One moment: what you asked before is not answered yet.");
		return;
	}
	if (action == ACTION_FINISH) {
		finish(a);
		return;
	}
	if (v->ops->target == NULL || !v->ops->target(v, &t) || t.account == NULL)
		return;
	if (action == ACTION_VERIFY)
		verify(a, &t);
	else
		set_aside(a, &t);
}
