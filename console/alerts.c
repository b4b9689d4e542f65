/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A and V on alerts: acknowledging asks, verifying says what it came to. Part of the full screen.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

static const struct clv_alert_fact *selected(struct app *a)
{
	struct view *v = app_top(a);
	struct target t = {.name = NULL};
	if (v->ops->target == NULL || !v->ops->target(v, &t))
		return NULL;
	return t.alert;
}

void alert_acknowledge(struct app *a)
{
	const struct clv_alert_fact *f = selected(a);
	char name[VIEW_ID_MAX], label[40];
	if (f == NULL)
		return;
	if (f->acknowledged != 0) {
		app_say(a, INK_LOOK, "Alert %llu is acknowledged already.", (unsigned long long)f->id);
		return;
	}
	snprintf(label, sizeof(label), "alert %llu", (unsigned long long)f->id);
	struct clv_act act = {.kind = CLV_ACT_ALERT_ACK, .name = label, .alert = f->id};
	runas_prepare(a, &act);
	question_line(&a->q, INK_BOLD, "Acknowledge alert %llu, %.150s of %.100s?", (unsigned long long)f->id,
	              f->name, view_name(&a->ctx, f->agent, name, sizeof(name)));
	runas_how_to_answer(a);
	question_show(a);
}

void alert_verify(struct app *a)
{
	const struct clv_alert_fact *f = selected(a);
	struct clv_err err = {0};
	if (f == NULL)
		return;
	a->verify_req = clv_session_trace(a->s, f->id, &err);
	app_say(a, INK_DIM, "%s",
	        a->verify_req != 0 ? "Judging its path…" : "There is no line to the server.");
}

bool alert_take(struct app *a, const struct clv_reply *r)
{
	if (a->verify_req == 0 || r->req != a->verify_req)
		return false;
	a->verify_req = 0;
	if (r->kind == CLV_REPLY_REFUSED)
		app_say(a, INK_LOOK, "%.300s", r->text);
	else if (r->kind != CLV_REPLY_TRACE || r->trace == NULL || r->trace->alert == NULL)
		app_say(a, INK_LOOK, "It was not judged: ask again.");
	else if (r->trace->verdict == CLV_VERDICT_VERIFIED)
		app_say(a, INK_GOOD, "Alert %llu: its path is verified, %zu nodes.",
		        (unsigned long long)r->trace->alert->id, r->trace->n_nodes);
	else
		app_say(a, INK_BAD, "Alert %llu: %s: %.250s", (unsigned long long)r->trace->alert->id,
		        clv_verdict_word(r->trace->verdict), r->trace->why);
	return true;
}
