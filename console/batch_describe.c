/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger describe agent`: all that is known of one agent, as text or JSON.
 */
#include "console/batch.h"
#include "console/batch_json.h"
#include "console/batch_rows.h"

#include "claviger/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *text_json(const struct cell *c)
{
	if (c->kind == CELL_NULL)
		return json_null();
	if (c->kind == CELL_NUMBER)
		return json_integer((json_int_t)c->number);
	json_t *j = json_string(c->foreign != NULL ? c->foreign : c->own);
	if (j == NULL) {
		struct clv_text *t = text_new_str(c->foreign);
		j = json_string(text_str(t));
		text_free(t);
	}
	return j;
}

void batch_json_time(json_t *o, const char *name, int64_t ms)
{
	struct cell c = {0};
	cell_time(&c, ms);
	json_object_set_new(o, name, text_json(&c));
}

void batch_json_hex(json_t *o, const char *name, const uint8_t *p, size_t len, bool have)
{
	struct cell c = {0};
	cell_hex(&c, p, len, have);
	json_object_set_new(o, name, text_json(&c));
}

void batch_json_foreign(json_t *o, const char *name, const char *s)
{
	struct cell c = {0};
	cell_foreign(&c, s);
	json_object_set_new(o, name, text_json(&c));
}

static json_t *key_json(const struct clv_key_fact *k)
{
	json_t *o = json_object();
	json_object_set_new(o, "generation", json_integer((json_int_t)k->generation));
	json_object_set_new(o, "state", json_string(clv_key_state_word(k->state)));
	batch_json_hex(o, "key_id", k->key_id, 16, true);
	batch_json_hex(o, "sha1", k->sha1, 20, true);
	batch_json_hex(o, "sha256", k->sha256, 32, true);
	json_object_set_new(o, "rsa_bits", json_integer(k->rsa_bits));
	batch_json_time(o, "not_before", k->not_before);
	batch_json_time(o, "not_after", k->not_after);
	batch_json_time(o, "made", k->made);
	batch_json_time(o, "published", k->published);
	batch_json_time(o, "stored", k->stored);
	batch_json_time(o, "in_use", k->in_use);
	batch_json_time(o, "confirmed", k->confirmed);
	batch_json_time(o, "retired", k->retired);
	batch_json_time(o, "destroyed", k->destroyed);
	batch_json_time(o, "refused", k->refused);
	batch_json_foreign(o, "reason", k->reason);
	batch_json_foreign(o, "pem", k->pem);
	return o;
}

static void put_accounts(json_t *o, const struct clv_agent_detail *d)
{
	json_t *rows = json_array();
	json_object_set_new(o, "accounts", json_integer(d->accounts));
	json_object_set_new(o, "accounts_confirmed", json_integer(d->accounts_confirmed));
	json_object_set_new(o, "accounts_missing", json_integer(d->accounts_missing));
	for (size_t i = 0; i < d->n_account_rows; i++) {
		const struct clv_agent_account *a = &d->account_rows[i];
		json_t *r = json_object();
		batch_json_foreign(r, "name", a->name);
		json_object_set_new(r, "version",
		                    a->version != 0 ? json_integer((json_int_t)a->version) : json_null());
		json_object_set_new(r, "step", json_string(clv_step_word(a->step)));
		batch_json_time(r, "since", a->since);
		json_object_set_new(r, "missing", json_boolean(a->missing));
		json_object_set_new(r, "held_back", json_boolean(a->held_back));
		json_array_append_new(rows, r);
	}
	json_object_set_new(o, "account_rows", rows);
}

static json_t *detail_json(struct clv_agent_detail *d)
{
	struct clv_rows one = {.list = CLV_LIST_AGENTS, .n = 1};
	struct clv_rows events = {.list = CLV_LIST_EVENTS, .n = d->n_events};
	one.u.agents = &d->agent;
	events.u.events = d->events;
	json_t *o = batch_row_json(CLV_LIST_AGENTS, &one, 0), *keys = json_array(), *list = json_array();
	batch_json_time(o, "link_since", d->link_since);
	json_object_set_new(o, "clock_ahead_ms",
	                    d->clock_known ? json_integer(d->clock_ahead_ms) : json_null());
	json_object_set_new(o, "clock_error_ms",
	                    d->clock_known ? json_integer(d->clock_error_ms) : json_null());
	batch_json_hex(o, "fingerprint", d->fingerprint, 16, d->link_since != 0);
	json_object_set_new(o, "fingerprint_agreed", json_boolean(d->fingerprint_agreed));
	batch_json_hex(o, "channel_certificate", d->channel_thumbprint, 32, d->has_channel_cert);
	batch_json_time(o, "channel_not_after", d->channel_not_after);
	batch_json_hex(o, "channel_configured", d->channel_configured, 32, d->has_configured);
	batch_json_hex(o, "node_key_id", d->node_key_id, 32, d->pinned_at != 0);
	batch_json_time(o, "pinned_at", d->pinned_at);
	batch_json_foreign(o, "pinned_by", d->pinned_by);
	json_object_set_new(o, "machine_matches", json_boolean(d->machine_matches));
	json_object_set_new(o, "config_confirmed",
	                    d->config_confirmed_at != 0 ? json_integer((json_int_t)d->config_confirmed)
	                                                : json_null());
	batch_json_time(o, "config_confirmed_at", d->config_confirmed_at);
	put_accounts(o, d);
	for (size_t i = 0; i < d->n_keys; i++)
		json_array_append_new(keys, key_json(&d->keys[i]));
	for (size_t i = 0; i < d->n_events; i++)
		json_array_append_new(list, batch_row_json(CLV_LIST_EVENTS, &events, i));
	json_object_set_new(o, "keys", keys);
	json_object_set_new(o, "events", list);
	return o;
}

static void print_strings(const char *name, const json_t *list, int indent)
{
	size_t i;
	json_t *e;
	printf("%*s%-*s ", indent, "", 20 - indent, name);
	json_array_foreach(list, i, e)
	{
		struct clv_text *t = text_new_str(json_string_value(e));
		printf("%s%s", i > 0 ? ", " : "", text_str(t));
		text_free(t);
	}
	putchar('\n');
}

/* Names and values of the JSON, one a line, lists indented: no second list of fields. */
void batch_json_print(const json_t *o, int indent)
{
	const char *name;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		if (json_is_array(v)) {
			size_t i;
			json_t *e;
			if (json_is_string(json_array_get(v, 0))) {
				print_strings(name, v, indent);
				continue;
			}
			json_array_foreach(v, i, e)
			{
				printf("%*s%.*s %zu\n", indent, "", (int)strlen(name) - 1, name, i + 1);
				batch_json_print(e, indent + 2);
			}
			continue;
		}
		if (json_is_null(v) || strcmp(name, "pem") == 0)
			continue;
		printf("%*s%-*s ", indent, "", 20 - indent, name);
		if (json_is_string(v)) {
			struct clv_text *t = text_new_str(json_string_value(v));
			printf("%s\n", text_str(t));
			text_free(t);
		} else if (json_is_integer(v)) {
			printf("%lld\n", (long long)json_integer_value(v));
		} else {
			printf("%s\n", json_is_true(v) ? "yes" : "no");
		}
	}
}

int batch_json_show(struct batch *b, const json_t *o)
{
	if (b->o->output != OUTPUT_JSON) {
		batch_json_print(o, 0);
		return EXIT_DONE;
	}
	char *s = batch_json_text(o, JSON_INDENT(2));
	int code = s != NULL && puts(s) >= 0 ? EXIT_DONE : EXIT_FAILED;
	clv_free(s);
	return code;
}

bool batch_json_wanted(struct batch *b, struct clv_err *err)
{
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TEXT;
	if (b->o->output == OUTPUT_TEXT || b->o->output == OUTPUT_JSON)
		return true;
	err_set(err, CLV_E_USAGE, "describe: -o is text or json");
	return false;
}

int batch_describe(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	(void)argc;
	if (!batch_json_wanted(b, &err))
		return batch_fail(&err);
	struct clv_reply *r = batch_wait(b, clv_session_agent(b->s, argv[2], false, &err), &err);
	if (r == NULL || r->agent == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	json_t *o = detail_json(r->agent);
	int code = batch_json_show(b, o);
	json_decref(o);
	clv_reply_free(r);
	return code;
}
