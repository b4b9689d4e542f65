/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger audit verify`: the server walks its audit trail, holds it against what its key holder has seen
 * and against the heads that the group signed, and names what is wrong. Exit status 5 then. Runs in the
 * console's batch mode.
 */
#include "console/batch.h"
#include "console/batch_json.h"

#include <inttypes.h>
#include <stdio.h>

clv_rc batch_audit_check(const struct options *o, struct clv_err *err)
{
	if (o->output == OUTPUT_DEFAULT || o->output == OUTPUT_TEXT || o->output == OUTPUT_JSON)
		return CLV_OK;
	return err_set(err, CLV_E_USAGE, "audit verify takes -o text or json");
}

static int show_json(struct batch *b, const struct clv_audit_check_fact *a)
{
	json_t *o = json_object(), *list = json_array();
	json_object_set_new(o, "whole", json_boolean(a->found == 0));
	json_object_set_new(o, "first", json_integer((json_int_t)a->first));
	json_object_set_new(o, "last", json_integer((json_int_t)a->last));
	json_object_set_new(o, "rows", json_integer((json_int_t)a->rows));
	json_object_set_new(o, "bad", a->bad != 0 ? json_integer((json_int_t)a->bad) : json_null());
	batch_json_foreign(o, "kind", a->kind[0] != '\0' ? a->kind : NULL);
	batch_json_foreign(o, "text", a->text);
	json_object_set_new(o, "found", json_integer((json_int_t)a->found));
	for (size_t i = 0; i < a->n_findings; i++) {
		json_t *f = json_object();
		json_object_set_new(f, "from", json_integer((json_int_t)a->findings[i].from));
		json_object_set_new(f, "to", json_integer((json_int_t)a->findings[i].to));
		batch_json_foreign(f, "text", a->findings[i].text);
		json_array_append_new(list, f);
	}
	json_object_set_new(o, "findings", list);
	json_object_set_new(o, "seen", json_integer((json_int_t)a->seen));
	json_object_set_new(o, "signed_upto", json_integer((json_int_t)a->signed_upto));
	batch_json_time(o, "signed_at", a->signed_at);
	json_object_set_new(o, "unsigned_heads", json_integer((json_int_t)a->unsigned_heads));
	batch_json_time(o, "time", a->time);
	int code = batch_json_show(b, o);
	json_decref(o);
	return code;
}

/* "Chain whole, rows 1 to 18204, ..." or what is wrong, a line each. */
static void show_text(const struct batch *b, const struct clv_audit_check_fact *a)
{
	char line[256];
	if (a->found == 0)
		printf("Chain whole, rows %" PRIu64 " to %" PRIu64 "\n", a->first, a->last);
	for (size_t i = 0; i < a->n_findings; i++) {
		snprintf(line, sizeof(line), "Chain broken: %s", a->findings[i].text);
		batch_say(stdout, line);
	}
	if (a->found > a->n_findings)
		printf("and %" PRIu64 " more\n", a->found - a->n_findings);
	if (a->found != 0 && a->last >= a->first)
		printf("Rows %" PRIu64 " to %" PRIu64 " hold\n", a->first, a->last);
	if (a->seen != 0)
		printf("Held against row %" PRIu64 ", the last that %s's key holder has seen\n", a->seen,
		       b->who->server);
	if (a->signed_upto != 0)
		printf("and against heads that the group signed, up to row %" PRIu64 "\n", a->signed_upto);
	if (a->unsigned_heads != 0)
		printf("%" PRIu64 " heads are not signed by this group's key; they prove nothing\n",
		       a->unsigned_heads);
}

int batch_audit(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_audit_check(b->s, &err), &err);
	int code = EXIT_DONE;
	(void)argc;
	(void)argv;
	if (r == NULL || r->audit_check == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	if (b->o->output == OUTPUT_JSON)
		code = show_json(b, r->audit_check);
	else
		show_text(b, r->audit_check);
	if (code == EXIT_DONE && r->audit_check->found != 0)
		code = EXIT_VERIFY;
	clv_reply_free(r);
	return code;
}
