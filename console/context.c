/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: leaving one server for another without leaving the console. Nothing of the old one stays: no
 * row, no mark, no act, no word of line 1.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

struct view *context_view(const struct app *a)
{
	const struct settings *s = &a->o->settings;
	struct context_row *rows = clv_calloc(s->n_contexts + 1, sizeof(*rows));
	for (size_t i = 0; i < s->n_contexts; i++)
		rows[i] = (struct context_row){
		    s->contexts[i].name, s->contexts[i].server, s->contexts[i].label,
		    a->o->at_context != NULL && strcmp(a->o->at_context, s->contexts[i].name) == 0};
	struct view *v = view_contexts_open(rows, s->n_contexts);
	clv_free(rows);
	return v;
}

static void forget(struct app *a)
{
	export_drop(a);
	runas_release(&a->runas);
	while (a->n_acts > 0) {
		struct act_row *r = &a->acts[--a->n_acts];
		clv_free(r->object.name);
		clv_free(r->fingerprint);
		clv_free(r->reason);
	}
	clv_free(a->dropped);
	a->dropped = NULL;
	while (a->depth > 0)
		view_close(a->stack[--a->depth]);
	places_release(a);
	facts_whoami_free(a->who);
	a->who = NULL;
	a->ctx.role = CLV_ROLE_NONE;
	a->ctx.group = a->ctx.server = a->ctx.principal = a->ctx.channel = a->ctx.label = NULL;
	a->ctx.fresh = FRESH_ASKING;
	a->ctx.held = 0;
	a->domain[0] = a->title[0] = '\0';
	a->was_open = false;
	a->epoch = 0;
	a->asking = a->answered = a->whoami_req = a->probe_req = 0;
	a->probe = PROBE_NONE;
	a->skew_ms = a->stale_since_ms = 0;
	a->hit = -1;
}

void context_go(struct app *a, const char *name)
{
	const struct context *c = settings_context(&a->o->settings, name);
	struct clv_err err = {0};
	const char *before = a->o->server;
	if (c == NULL) {
		app_say(a, INK_LOOK,
		        "No context %.100s in console.conf; :contexts shows those that are there.", name);
		return;
	}
	struct transport *line = a->o->transport; /* the old session's, as long as that lives */
	a->o->server = c->name;
	a->o->transport = NULL;
	struct clv_session *s = options_session(a->o, &err);
	if (s == NULL) {
		transport_free(a->o->transport);
		a->o->transport = line;
		a->o->server = before;
		app_say(a, INK_LOOK, "Still here: %.300s", err.text);
		return;
	}
	forget(a);
	clv_session_free(a->s);
	transport_free(line);
	a->s = s;
	a->ctx.label = a->o->label;
	a->stack[a->depth++] = view_overview_open();
	a->message[0] = '\0';
	a->dirty = true;
}
