/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger describe account`: who uses it, where it goes, how far its newest version has come at
 * each host. As text or JSON.
 */
#include "console/batch_json.h"

static json_t *strings_json(char *const *list, size_t n)
{
	json_t *o = json_object(), *out = json_array();
	for (size_t i = 0; i < n; i++) {
		batch_json_foreign(o, "v", list[i]);
		json_array_append(out, json_object_get(o, "v"));
	}
	json_decref(o);
	return out;
}

static void foreign_or_null(json_t *o, const char *name, const char *s)
{
	batch_json_foreign(o, name, s != NULL && s[0] != '\0' ? s : NULL);
}

static void number(json_t *o, const char *name, uint64_t n, bool have)
{
	json_object_set_new(o, name, have ? json_integer((json_int_t)n) : json_null());
}

static void put_fields(json_t *o, const struct clv_account_fact *a)
{
	foreign_or_null(o, "id", a->id);
	foreign_or_null(o, "user", a->user);
	foreign_or_null(o, "domain", a->domain);
	foreign_or_null(o, "kept_by", a->kept_by);
	foreign_or_null(o, "note", a->note);
	batch_json_time(o, "ends", a->ends);
	foreign_or_null(o, "context", a->context);
	foreign_or_null(o, "auth_protocol", a->auth_protocol);
	foreign_or_null(o, "privacy_protocol", a->privacy_protocol);
	foreign_or_null(o, "changed_by", a->changed_by);
	batch_json_time(o, "entered", a->entered);
	foreign_or_null(o, "entered_by", a->entered_by);
	json_object_set_new(o, "recovery", json_string(clv_recovery_phase_word(a->recovery)));
	foreign_or_null(o, "aside", a->aside);
	foreign_or_null(o, "aside_by", a->aside_by);
	batch_json_time(o, "aside_at", a->aside_at);
	number(o, "version", a->version, a->version != 0);
	number(o, "released", a->released, a->released != 0);
}

static json_t *host_json(const struct clv_account_host *h)
{
	json_t *o = json_object();
	batch_json_foreign(o, "host", h->host);
	number(o, "has", h->has, h->has != 0);
	number(o, "meant", h->meant, h->meant != 0);
	json_object_set_new(o, "step", json_string(clv_step_word(h->step)));
	json_object_set_new(o, "level", json_string(clv_level_word(h->sign)));
	batch_json_time(o, "since", h->since);
	foreign_or_null(o, "why", h->why);
	return o;
}

static json_t *use_json(const struct clv_account_use *u)
{
	json_t *o = json_object();
	batch_json_foreign(o, "profile", u->profile);
	batch_json_foreign(o, "target", u->target);
	return o;
}

static json_t *detail_json(struct clv_account_detail *d)
{
	struct clv_rows one = {.list = CLV_LIST_ACCOUNTS, .n = 1}, events = {.list = CLV_LIST_EVENTS};
	one.u.accounts = &d->account;
	events.u.events = d->events;
	events.n = d->n_events;
	json_t *o = batch_row_json(CLV_LIST_ACCOUNTS, &one, 0), *uses = json_array(), *hosts = json_array(),
	       *list = json_array();
	put_fields(o, &d->account);
	json_object_set_new(o, "goes_to", strings_json(d->goes_to, d->n_goes_to));
	json_object_set_new(o, "also_in", strings_json(d->also_in, d->n_also_in));
	number(o, "unused", d->unused, true);
	number(o, "sealed", d->sealed, true);
	number(o, "opened", d->opened, true);
	number(o, "tested", d->tested, d->has_check);
	number(o, "failing", d->failing, true);
	number(o, "waiting", d->waiting, true);
	json_object_set_new(o, "has_check", json_boolean(d->has_check));
	foreign_or_null(o, "first", d->first);
	json_object_set_new(o, "trial", json_string(clv_trial_word(d->trial)));
	foreign_or_null(o, "trial_text", d->trial_text);
	for (size_t i = 0; i < d->n_uses; i++)
		json_array_append_new(uses, use_json(&d->uses[i]));
	for (size_t i = 0; i < d->n_rows; i++)
		json_array_append_new(hosts, host_json(&d->rows[i]));
	for (size_t i = 0; i < d->n_events; i++)
		json_array_append_new(list, batch_row_json(CLV_LIST_EVENTS, &events, i));
	json_object_set_new(o, "uses", uses);
	json_object_set_new(o, "hosts", hosts);
	json_object_set_new(o, "events", list);
	return o;
}

int batch_describe_account(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	(void)argc;
	if (!batch_json_wanted(b, &err))
		return batch_fail(&err);
	struct clv_reply *r = batch_wait(b, clv_session_account(b->s, argv[2], false, &err), &err);
	if (r == NULL || r->account == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	json_t *o = detail_json(r->account);
	int code = batch_json_show(b, o);
	json_decref(o);
	clv_reply_free(r);
	return code;
}
