/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger trace`, `describe alert`, `ack`, `proof` and `report encryption`: alerts and how they came, from
 * what the server has stored and what runs there. Exit status 5 when something does not verify.
 */
#include "console/batch.h"
#include "console/batch_json.h"
#include "console/batch_rows.h"
#include "console/fields.h"

#include "claviger/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool alert_number(const char *s, uint64_t *out)
{
	size_t len = strlen(s);
	if (len == 0 || len > 18 || strspn(s, "0123456789") != len)
		return false;
	*out = strtoull(s, NULL, 10);
	return *out != 0;
}

/* --- trace --- */

static json_t *node_json(const struct clv_trace_node *n)
{
	json_t *o = json_object();
	batch_json_foreign(o, "name", n->name);
	batch_json_foreign(o, "role", n->role);
	batch_json_time(o, "received", n->received);
	batch_json_time(o, "sent", n->sent);
	return o;
}

static json_t *link_json(const struct clv_trace_link *l)
{
	json_t *o = json_object();
	batch_json_foreign(o, "from", l->from);
	batch_json_foreign(o, "to", l->to);
	json_object_set_new(o, "mechanism", json_string(clv_mechanism_word(l->mechanism)));
	batch_json_foreign(o, "protocol", l->protocol);
	batch_json_foreign(o, "cipher", l->cipher);
	batch_json_hex(o, "fingerprint_from", l->fingerprint_from, 16, l->has_from);
	batch_json_hex(o, "fingerprint_to", l->fingerprint_to, 16, l->has_to);
	return o;
}

static json_t *trace_json(const struct clv_trace_fact *t)
{
	json_t *o = json_object(), *nodes = json_array(), *links = json_array(), *hops = json_array();
	json_object_set_new(o, "alert",
	                    t->alert != NULL ? json_integer((json_int_t)t->alert->id) : json_null());
	json_object_set_new(o, "verified", json_boolean(t->verdict == CLV_VERDICT_VERIFIED));
	for (size_t i = 0; i < t->n_nodes; i++)
		json_array_append_new(nodes, node_json(&t->nodes[i]));
	for (size_t i = 0; i < t->n_links; i++)
		json_array_append_new(links, link_json(&t->links[i]));
	for (size_t i = 0; i < t->n_nodes; i++) {
		json_t *h = json_object();
		batch_json_foreign(h, "node", t->nodes[i].name);
		json_object_set_new(h, "verdict", json_string(clv_verdict_word(t->nodes[i].verdict)));
		json_array_append_new(hops, h);
	}
	json_object_set_new(o, "nodes", nodes);
	json_object_set_new(o, "links", links);
	json_object_set_new(o, "hops", hops);
	return o;
}

static int show_trace(struct batch *b, uint64_t req, bool with_alert, struct clv_err *err)
{
	struct clv_reply *r = batch_wait(b, req, err);
	json_t *o;
	if (r == NULL || r->trace == NULL) {
		clv_reply_free(r);
		return batch_fail(err);
	}
	if (with_alert && r->trace->alert != NULL) {
		struct clv_rows one = {.list = CLV_LIST_ALERTS, .n = 1};
		one.u.alerts = r->trace->alert;
		o = batch_row_json(CLV_LIST_ALERTS, &one, 0);
		json_t *t = trace_json(r->trace);
		json_object_del(t, "alert"); /* its number is there as id */
		json_object_update(o, t);
		json_decref(t);
	} else {
		o = trace_json(r->trace);
	}
	int code = batch_json_show(b, o);
	if (r->trace->verdict != CLV_VERDICT_VERIFIED) {
		char line[400];
		snprintf(line, sizeof(line), "claviger: the path does not verify: %s%s%.300s",
		         clv_verdict_word(r->trace->verdict), r->trace->why[0] != '\0' ? ": " : "",
		         r->trace->why);
		batch_say(stderr, line);
	}
	if (code == EXIT_DONE && r->trace->verdict != CLV_VERDICT_VERIFIED)
		code = EXIT_VERIFY;
	json_decref(o);
	clv_reply_free(r);
	return code;
}

clv_rc batch_trace_check(const struct options *o, struct clv_err *err)
{
	uint64_t id = 0;
	if (o->output != OUTPUT_DEFAULT && o->output != OUTPUT_TEXT && o->output != OUTPUT_JSON)
		return err_set(err, CLV_E_USAGE, "trace takes -o text or json");
	if (o->probe != NULL ? o->n_args == 1 : o->n_args == 2 && alert_number(o->args[1], &id))
		return CLV_OK;
	return err_set(err, CLV_E_USAGE, "trace ALERT (its number), or trace --probe AGENT");
}

int batch_trace(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	uint64_t id = 0;
	(void)argc;
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TEXT;
	if (b->o->probe != NULL)
		return show_trace(b, clv_session_probe(b->s, b->o->probe, &err), false, &err);
	alert_number(argv[1], &id);
	return show_trace(b, clv_session_trace(b->s, id, &err), false, &err);
}

int batch_describe_alert(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	uint64_t id = 0;
	(void)argc;
	if (!batch_json_wanted(b, &err))
		return batch_fail(&err);
	if (!alert_number(argv[2], &id)) {
		err_set(&err, CLV_E_USAGE, "describe alert takes its number");
		return batch_fail(&err);
	}
	return show_trace(b, clv_session_trace(b->s, id, &err), true, &err);
}

/* --- ack --- */

int batch_ack(struct batch *b, int argc, char **argv)
{
	int worst = EXIT_DONE;
	char *question, number[16];
	for (int i = 1; i < argc; i++) {
		struct clv_err err = {0};
		uint64_t id = 0;
		if (!alert_number(argv[i], &id)) {
			err_set(&err, CLV_E_USAGE, "ack takes numbers of alerts: claviger get alerts");
			return batch_fail(&err);
		}
	}
	question = argc == 2 ? clv_asprintf("Acknowledge alert %s in %s?", argv[1], b->who->group)
	                     : clv_asprintf("Acknowledge %d alerts in %s?", argc - 1, b->who->group);
	snprintf(number, sizeof(number), "%d", argc - 1);
	if (!batch_confirm(b, question, argc > 2 ? number : NULL)) {
		fprintf(stderr, "Nothing was done.\n");
		worst = EXIT_FAILED;
	}
	for (int i = 1; worst != EXIT_FAILED && i < argc; i++) {
		struct clv_act act = {.kind = CLV_ACT_ALERT_ACK, .reason = b->o->reason};
		alert_number(argv[i], &act.alert);
		int code = batch_send_act(b, &act);
		worst = code > worst ? code : worst;
	}
	clv_free(question);
	return worst;
}

/* --- proof, report encryption --- */

static json_t *strings_json(char *const *list, size_t n)
{
	json_t *a = json_array(), *o = json_object();
	for (size_t i = 0; i < n; i++) {
		batch_json_foreign(o, "s", list[i]);
		json_array_append(a, json_object_get(o, "s"));
	}
	json_decref(o);
	return a;
}

static json_t *report_link_json(const struct clv_encryption_link *l)
{
	json_t *o = json_object();
	batch_json_foreign(o, "from", l->from);
	batch_json_foreign(o, "to", l->to);
	json_object_set_new(o, "mechanism", json_string(clv_mechanism_word(l->mechanism)));
	batch_json_foreign(o, "protocol", l->protocol);
	batch_json_foreign(o, "cipher", l->cipher);
	batch_json_foreign(o, "key", l->key[0] != '\0' ? l->key : NULL);
	json_object_set_new(o, "live", json_boolean(l->live));
	json_object_set_new(o, "agreed", json_boolean(l->agreed));
	batch_json_time(o, "since", l->since);
	batch_json_time(o, "last", l->last);
	json_object_set_new(o, "parcels", json_integer((json_int_t)l->parcels));
	json_object_set_new(o, "verified", json_integer((json_int_t)l->verified));
	json_object_set_new(o, "alerts", json_integer((json_int_t)l->alerts));
	batch_json_foreign(o, "weak", l->weak[0] != '\0' ? l->weak : NULL);
	batch_json_foreign(o, "later", l->later);
	return o;
}

static json_t *delivery_json(const struct clv_encryption_delivery *d)
{
	json_t *o = json_object();
	batch_json_foreign(o, "host", d->host);
	batch_json_foreign(o, "account", d->account);
	json_object_set_new(o, "version",
	                    d->version != 0 ? json_integer((json_int_t)d->version) : json_null());
	json_object_set_new(o, "step", json_string(clv_step_word(d->step)));
	batch_json_foreign(o, "how", d->how);
	batch_json_hex(o, "key_id", d->key_id, 16, d->has_key);
	json_object_set_new(o, "rsa_bits", d->has_key ? json_integer(d->bits) : json_null());
	return o;
}

/* Yes needs evidence for all of it: something was looked at, all of it holds, and no link is weak. */
static bool all_encrypted(const struct clv_encryption_fact *e)
{
	bool weak = false;
	for (size_t i = 0; i < e->n_links; i++)
		weak = weak || e->links[i].weak[0] != '\0';
	return !weak && e->plain == 0 && e->untraced == 0 && e->verified == e->looked && e->n_links > 0;
}

static json_t *report_json(const struct clv_encryption_fact *e)
{
	json_t *o = json_object(), *links = json_array(), *deliveries = json_array();
	json_object_set_new(o, "encrypted", json_boolean(all_encrypted(e)));
	batch_json_foreign(o, "group", e->group);
	batch_json_foreign(o, "server", e->server);
	batch_json_foreign(o, "node", e->node[0] != '\0' ? e->node : NULL);
	batch_json_time(o, "made", e->time);
	batch_json_time(o, "from", e->from);
	batch_json_time(o, "to", e->to);
	json_object_set_new(o, "parcels", json_integer((json_int_t)e->parcels));
	json_object_set_new(o, "looked_at", json_integer((json_int_t)e->looked));
	json_object_set_new(o, "verified", json_integer((json_int_t)e->verified));
	json_object_set_new(o, "untraced", json_integer((json_int_t)e->untraced));
	for (size_t i = 0; i < e->n_links; i++)
		json_array_append_new(links, report_link_json(&e->links[i]));
	for (size_t i = 0; i < e->n_deliveries; i++)
		json_array_append_new(deliveries, delivery_json(&e->deliveries[i]));
	json_object_set_new(o, "links", links);
	json_object_set_new(o, "deliveries", deliveries);
	json_object_set_new(o, "weak", strings_json(e->weak, e->n_weak));
	json_object_set_new(o, "in_the_clear", strings_json(e->clear, e->n_clear));
	json_object_set_new(o, "does_not_show", strings_json(e->limits, e->n_limits));
	return o;
}

/* Foreign text in a page: safe text first, then what HTML takes for its own. */
static void html(const char *s)
{
	struct clv_text *t = text_new_str(s);
	for (const char *p = text_str(t); *p != '\0'; p++) {
		if (*p == '<' || *p == '>' || *p == '&' || *p == '"' || *p == '\'')
			printf("&#%d;", *p);
		else
			putchar(*p);
	}
	text_free(t);
}

static void html_cells(const json_t *o)
{
	const char *name;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		fputs("<td>", stdout);
		if (json_is_string(v))
			html(json_string_value(v));
		else if (json_is_integer(v))
			printf("%lld", (long long)json_integer_value(v));
		else if (!json_is_null(v))
			fputs(json_is_true(v) ? "yes" : "no", stdout);
		fputs("</td>", stdout);
	}
}

static void html_table(const char *title, const json_t *rows)
{
	size_t i;
	json_t *e, *v;
	const char *name;
	printf("<h2>%s</h2>\n<table>\n", title);
	json_array_foreach(rows, i, e)
	{
		if (i == 0) {
			fputs("<tr>", stdout);
			json_object_foreach(e, name, v)
			{
				printf("<th>%s</th>", name);
			}
			fputs("</tr>\n", stdout);
		}
		fputs("<tr>", stdout);
		html_cells(e);
		fputs("</tr>\n", stdout);
	}
	fputs("</table>\n", stdout);
}

static void html_list(const char *title, char *const *list, size_t n)
{
	printf("<h2>%s</h2>\n<ul>\n", title);
	for (size_t i = 0; i < n; i++) {
		fputs("<li>", stdout);
		html(list[i]);
		fputs("</li>\n", stdout);
	}
	fputs(n > 0 ? "</ul>\n" : "<li>nothing</li></ul>\n", stdout);
}

/* A page of its own: no script, no link, nothing is loaded. */
static int show_html(const struct clv_encryption_fact *e, const json_t *o)
{
	struct cell made = {0};
	cell_time(&made, e->time);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Encryption</title>\n"
	      "<style>body{font-family:sans-serif}table{border-collapse:collapse}td,th{border:1px solid "
	      "#999;padding:.2em .5em;text-align:left}</style></head><body>\n<h1>Is it encrypted? ",
	      stdout);
	printf("%s</h1>\n<p>Group ", all_encrypted(e) ? "Yes" : "Not all of it, or not all of it is proven");
	html(e->group);
	fputs(", made by ", stdout);
	html(e->server);
	printf(" at %s. Parcels %llu, looked at %llu, verified %llu, untraced %llu.</p>\n", made.own,
	       (unsigned long long)e->parcels, (unsigned long long)e->looked, (unsigned long long)e->verified,
	       (unsigned long long)e->untraced);
	html_table("Links", json_object_get(o, "links"));
	html_table("Passwords", json_object_get(o, "deliveries"));
	html_list("What is weak", e->weak, e->n_weak);
	html_list("In the clear", e->clear, e->n_clear);
	html_list("What this does not show", e->limits, e->n_limits);
	return fputs("</body></html>\n", stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show_report(struct batch *b, const struct clv_encryption_fact *e)
{
	json_t *o = report_json(e);
	int code;
	if (b->o->output == OUTPUT_HTML)
		code = show_html(e, o);
	else
		code = batch_json_show(b, o);
	json_decref(o);
	if (code == EXIT_DONE && (e->verified < e->looked || e->untraced > 0))
		code = EXIT_VERIFY;
	return code;
}

clv_rc batch_report_check(const struct options *o, struct clv_err *err)
{
	int64_t t = 0;
	if (o->output != OUTPUT_DEFAULT && o->output != OUTPUT_TEXT && o->output != OUTPUT_JSON &&
	    o->output != OUTPUT_HTML)
		return err_set(err, CLV_E_USAGE, "a report is -o text, json or html");
	if ((o->from != NULL && fields_date(o->from, &t, err) != CLV_OK) ||
	    (o->to.n > 0 && fields_date(o->to.v[0], &t, err) != CLV_OK))
		return err_wrap(err, "--from and --to");
	return o->to.n > 1 ? err_set(err, CLV_E_USAGE, "--to takes one date") : CLV_OK;
}

int batch_report(struct batch *b, int argc, char **argv)
{
	bool proof = strcmp(argv[0], "proof") == 0;
	struct clv_err err = {0};
	struct clv_reply *r;
	int64_t from = 0, to = 0;
	int code;
	(void)argc;
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TEXT;
	if ((b->o->from != NULL && fields_date(b->o->from, &from, &err) != CLV_OK) ||
	    (b->o->to.n > 0 && fields_date(b->o->to.v[0], &to, &err) != CLV_OK))
		return batch_fail(&err);
	if (to != 0)
		to += 24ll * 3600 * 1000; /* that day too */
	r = batch_wait(b, clv_session_encryption(b->s, proof ? argv[1] : "", from, to, &err), &err);
	if (r == NULL || r->encryption == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	code = show_report(b, r->encryption);
	clv_reply_free(r);
	return code;
}
