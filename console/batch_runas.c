/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunAs accounts, profiles and groups as batch commands. What would change which hosts hold a
 * password is shown first: as a plan with --plan, as a question with its numbers on a terminal.
 */
#include "console/batch.h"
#include "console/batch_json.h"
#include "console/fields.h"

#include "claviger/text.h"

#include <string.h>
#include <unistd.h>

/* --- the command line becomes an act --- */

static void set_text(struct clv_act *act, enum clv_account_field field, const char **to, const char *given)
{
	if (given == NULL)
		return;
	*to = given;
	act->set |= field;
}

static clv_rc account_fields(const struct options *o, struct clv_act *act, struct clv_err *err)
{
	set_text(act, CLV_FIELD_USER, &act->user, o->user);
	set_text(act, CLV_FIELD_DOMAIN, &act->domain, o->domain);
	set_text(act, CLV_FIELD_KEPT_BY, &act->kept_by, o->kept_by);
	set_text(act, CLV_FIELD_NOTE, &act->note, o->note);
	set_text(act, CLV_FIELD_CONTEXT, &act->context, o->context);
	set_text(act, CLV_FIELD_AUTH_PROTOCOL, &act->auth_protocol, o->auth_protocol);
	set_text(act, CLV_FIELD_PRIVACY_PROTOCOL, &act->privacy_protocol, o->privacy_protocol);
	set_text(act, CLV_FIELD_NEW_NAME, &act->new_name, o->new_name);
	if (o->ends != NULL && fields_date(o->ends, &act->ends, err) != CLV_OK)
		return CLV_FAILED;
	act->set |= o->ends != NULL ? CLV_FIELD_ENDS : 0;
	if (o->type != NULL && fields_type(o->type, &act->type, err) != CLV_OK)
		return CLV_FAILED;
	act->set |= o->type != NULL ? CLV_FIELD_TYPE : 0;
	return fields_protocols(o->auth_protocol, o->privacy_protocol, err);
}

static clv_rc make_account(const struct options *o, struct clv_act *act, struct clv_err *err)
{
	const char *sub = o->args[1];
	act->name = o->args[2];
	if (strcmp(sub, "add") == 0 || strcmp(sub, "edit") == 0) {
		act->kind = CLV_ACT_ACCOUNT_PUT;
		act->add = sub[0] == 'a';
		if (account_fields(o, act, err) != CLV_OK)
			return CLV_FAILED;
		if (act->add && (o->type == NULL || o->new_name != NULL))
			return err_set(err, CLV_E_USAGE, "account add NAME --type TYPE [--user U] ...");
		return act->set != 0 ? CLV_OK
		                     : err_set(err, CLV_E_USAGE,
		                               "account edit NAME: say what changes, such as --user U");
	}
	if (strcmp(sub, "remove") == 0) {
		act->kind = CLV_ACT_ACCOUNT_REMOVE;
		return CLV_OK;
	}
	if (strcmp(sub, "continue") == 0) {
		act->kind = CLV_ACT_ACCOUNT_CONTINUE;
		act->stop = o->stop;
		return CLV_OK;
	}
	act->kind = CLV_ACT_DISTRIBUTE;
	act->distribution = o->less_secure ? 2 : o->more_secure ? 1 : 0;
	act->add_to = (const char *const *)o->to.v;
	act->n_add_to = o->to.n;
	act->remove_from = (const char *const *)o->without.v;
	act->n_remove_from = o->without.n;
	if ((o->less_secure && o->more_secure) || (act->distribution == 0 && o->to.n + o->without.n == 0))
		return err_set(err, CLV_E_USAGE,
		               "account distribute NAME: --to SPEC... or --not SPEC..., or one of "
		               "--less-secure and --more-secure");
	return CLV_OK;
}

static clv_rc make_profile(const struct options *o, struct clv_act *act, struct clv_err *err)
{
	const struct {
		const char *target;
		enum clv_target_kind kind;
	} rows[] = {{o->to_all ? "" : NULL, CLV_TARGET_ALL},
	            {o->to_class, CLV_TARGET_CLASS},
	            {o->to_group, CLV_TARGET_GROUP},
	            {o->to_object, CLV_TARGET_OBJECT},
	            {o->to_pattern, CLV_TARGET_PATTERN}};
	int given = 0;
	act->name = o->args[2];
	act->kind = strcmp(o->args[1], "add") == 0      ? CLV_ACT_PROFILE_ADD
	            : strcmp(o->args[1], "remove") == 0 ? CLV_ACT_PROFILE_REMOVE
	                                                : CLV_ACT_ASSOCIATE;
	if (act->kind != CLV_ACT_ASSOCIATE)
		return CLV_OK;
	act->account = o->args[3];
	act->remove = o->remove;
	act->target = "";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].target == NULL)
			continue;
		given++;
		act->target_kind = rows[i].kind;
		act->target = rows[i].target;
	}
	return given <= 1
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE, "one of --all, --class, --group, --object and --pattern");
}

static clv_rc make_group(const struct options *o, struct clv_act *act, struct clv_err *err)
{
	act->name = o->args[2];
	act->kind = CLV_ACT_GROUP_PUT;
	if (strcmp(o->args[1], "remove") == 0) {
		act->kind = CLV_ACT_GROUP_REMOVE;
		return CLV_OK;
	}
	if (strcmp(o->args[1], "add") == 0) {
		act->add = true;
		act->add_to = (const char *const *)(o->args + 3);
		act->n_add_to = (size_t)(o->n_args - 3);
		return CLV_OK;
	}
	act->add_to = (const char *const *)o->add.v;
	act->n_add_to = o->add.n;
	act->remove_from = (const char *const *)o->less.v;
	act->n_remove_from = o->less.n;
	return o->add.n + o->less.n > 0
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE, "group edit NAME [--add M...] [--remove M...]");
}

static clv_rc make_act(const struct options *o, struct clv_act *act, struct clv_err *err)
{
	*act = (struct clv_act){.kind = CLV_ACT_ACCOUNT_PUT};
	if (strcmp(o->args[0], "account") == 0)
		return make_account(o, act, err);
	if (strcmp(o->args[0], "profile") == 0)
		return make_profile(o, act, err);
	return make_group(o, act, err);
}

static bool has_plan(const struct clv_act *act)
{
	return act->kind != CLV_ACT_ACCOUNT_PUT && act->kind != CLV_ACT_ACCOUNT_CONTINUE &&
	       act->kind != CLV_ACT_PROFILE_ADD;
}

clv_rc batch_runas_check(const struct options *o, struct clv_err *err)
{
	struct clv_act act;
	if (make_act(o, &act, err) != CLV_OK)
		return CLV_FAILED;
	return !o->plan || has_plan(&act)
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE, "%s %s has no --plan: no host gains or loses by it",
	                     o->args[0], o->args[1]);
}

/* --- plans --- */

static struct clv_reply *ask_plan(struct batch *b, struct clv_act *act, struct clv_err *err)
{
	act->plan = true;
	struct clv_reply *r = batch_wait(b, clv_session_act(b->s, act, err), err);
	act->plan = false;
	if (r != NULL && r->plan == NULL) {
		clv_reply_free(r);
		err_set(err, CLV_E_PROTO, "the server gave no plan");
		return NULL;
	}
	return r;
}

static void print_names(char sign, char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%c ", sign);
		batch_say(stdout, list[i]);
	}
}

static void put_names(json_t *o, const char *name, char *const *list, size_t n)
{
	json_t *names = json_array();
	for (size_t i = 0; i < n; i++) {
		batch_json_foreign(o, name, list[i]);
		json_array_append(names, json_object_get(o, name));
	}
	json_object_set_new(o, name, names);
}

static int show_plan(struct batch *b, const struct clv_act *act, const struct clv_plan_fact *p)
{
	if (b->o->output == OUTPUT_JSON) {
		json_t *o = json_object();
		batch_json_foreign(o, "text", p->text);
		json_object_set_new(o, "gain_count", json_integer(p->n_gains));
		json_object_set_new(o, "lose_count", json_integer(p->n_loses));
		json_object_set_new(o, "offline_count", json_integer(p->n_offline));
		put_names(o, "gains", p->gains, p->gains_len);
		put_names(o, "loses", p->loses, p->loses_len);
		put_names(o, "offline", p->offline, p->offline_len);
		put_names(o, "warnings", p->warnings, p->warnings_len);
		int code = batch_json_show(b, o);
		json_decref(o);
		return code;
	}
	char *head = fields_plan_text(act, p);
	batch_say(stdout, head);
	clv_free(head);
	print_names('+', p->gains, p->gains_len);
	print_names('-', p->loses, p->loses_len);
	print_names('o', p->offline, p->offline_len);
	print_names('!', p->warnings, p->warnings_len);
	return EXIT_DONE;
}

/* Design 8, messages 3 and 4: the name for what cannot be undone, the number for more than one. */
static bool confirm_plan(struct batch *b, const struct clv_act *act, const struct clv_plan_fact *p)
{
	bool for_good = act->kind == CLV_ACT_ACCOUNT_REMOVE || act->kind == CLV_ACT_PROFILE_REMOVE ||
	                act->kind == CLV_ACT_GROUP_REMOVE;
	char number[16];
	char *head = fields_plan_text(act, p);
	for (size_t i = 0; i < p->warnings_len; i++)
		batch_say(stderr, p->warnings[i]);
	snprintf(number, sizeof(number), "%u", p->n_gains + p->n_loses);
	char *question = clv_asprintf("%s%s", head, for_good ? " Cannot be undone." : "");
	bool yes = batch_confirm(b, question,
	                         for_good                       ? act->name
	                         : p->n_gains + p->n_loses >= 2 ? number
	                                                        : NULL);
	clv_free(question);
	clv_free(head);
	return yes;
}

static int with_plan(struct batch *b, struct clv_act *act)
{
	struct clv_err err = {0};
	struct clv_reply *r = ask_plan(b, act, &err);
	int code = EXIT_FAILED;
	if (r == NULL)
		return batch_fail(&err);
	if (b->o->plan) {
		code = show_plan(b, act, r->plan);
	} else if (confirm_plan(b, act, r->plan)) {
		act->row_version = r->plan->row_version; /* what was seen is what is done */
		code = batch_send_act(b, act);
	} else {
		fprintf(stderr, "Nothing was done.\n");
	}
	clv_reply_free(r);
	return code;
}

/* --- after one host has it --- */

static int go_on(struct batch *b, struct clv_act *act)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_account(b->s, act->name, false, &err), &err);
	int code = EXIT_FAILED;
	if (r == NULL || r->account == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	const struct clv_account_detail *d = r->account;
	act->version = d->account.version;
	char *question =
	    act->stop ? clv_asprintf("Stop v%llu of %s: %s forgets it, v%llu stays in use.",
	                             (unsigned long long)act->version, act->name,
	                             d->first[0] != '\0' ? d->first : "the first host",
	                             (unsigned long long)d->account.released)
	              : clv_asprintf("Give v%llu of %s to %u more host%s?", (unsigned long long)act->version,
	                             act->name, d->hosts > 0 ? d->hosts - 1 : 0, d->hosts == 2 ? "" : "s");
	if (d->trial == CLV_TRIAL_NONE) {
		err_set(&err, CLV_E_CONFLICT, "%s: no host tries a new password now", act->name);
		code = batch_fail(&err);
	} else if (batch_confirm(b, question, NULL)) {
		code = batch_send_act(b, act);
	} else {
		fprintf(stderr, "Nothing was done.\n");
	}
	clv_free(question);
	clv_reply_free(r);
	return code;
}

int batch_runas(struct batch *b, int argc, char **argv)
{
	struct clv_act act;
	struct clv_err err = {0};
	(void)argc;
	(void)argv;
	if (make_act(b->o, &act, &err) != CLV_OK)
		return batch_fail(&err);
	if (act.kind == CLV_ACT_ACCOUNT_CONTINUE)
		return go_on(b, &act);
	if (has_plan(&act) && (b->o->plan || (!b->o->yes && isatty(STDIN_FILENO))))
		return with_plan(b, &act);
	return batch_send_act(b, &act);
}
