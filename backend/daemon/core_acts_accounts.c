/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a credential manager changes: accounts, who gets them, passwords (sealed: core carries them unread).
 * Unknown names are refused, never dropped (P1); what hosts gain and lose can be seen before. Runs in core.
 */
#include "base/clock.h"
#include "claviger/client.h"
#include "daemon/core_recovery.h"
#include "daemon/core_plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NAME_LEN_MAX  128u
#define FIELD_LEN_MAX 200u
#define GOES_TO_MAX   4000u
#define ACCOUNTS_MAX  4000u

static void refuse(struct core *c, const struct console_request *q, const struct clv_err *err)
{
	console_refuse(c, q->conn, q->req, err, 0);
}

/* Names people type and read: printable, no blank at either end. */
clv_rc plan_check_name(const char *what, const char *name, struct clv_err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_LEN_MAX)
		return err_set(err, CLV_E_USAGE, "%s of %zu bytes; 1 to %u are taken", what, n, NAME_LEN_MAX);
	if (name[0] == ' ' || name[n - 1] == ' ' || name[0] == '-' || strchr(name, '/'))
		return err_set(err, CLV_E_USAGE, "%s begins or ends with a blank, begins with - or holds a /",
		               what);
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f)
			return err_set(err, CLV_E_USAGE, "%s holds a control character", what);
	return CLV_OK;
}

static clv_rc check_field(const char *what, const char *text, struct clv_err *err)
{
	size_t n = strlen(text);

	if (n > FIELD_LEN_MAX)
		return err_set(err, CLV_E_USAGE, "%s of %zu bytes; at most %u are taken", what, n,
		               FIELD_LEN_MAX);
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return err_set(err, CLV_E_USAGE, "%s holds a control character", what);
	return CLV_OK;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* --- add and edit --- */
static void take_fields(const Clv__AccountPutRequest *m, Clv__AccountRow *a)
{
	if (m->set & CLV_FIELD_TYPE)
		a->type = m->type;
	if (m->set & CLV_FIELD_USER)
		a->user = m->user;
	if (m->set & CLV_FIELD_DOMAIN)
		a->domain = m->domain;
	if (m->set & CLV_FIELD_KEPT_BY)
		a->kept_by = m->kept_by;
	if (m->set & CLV_FIELD_NOTE)
		a->note = m->note;
	if (m->set & CLV_FIELD_ENDS)
		a->ends = m->ends;
	if (m->set & CLV_FIELD_CONTEXT)
		a->context = m->context;
	if (m->set & CLV_FIELD_AUTH_PROTOCOL)
		a->auth_protocol = m->auth_protocol;
	if (m->set & CLV_FIELD_PRIVACY_PROTOCOL)
		a->privacy_protocol = m->privacy_protocol;
	if (m->set & CLV_FIELD_NEW_NAME)
		a->name = m->new_name;
}

static clv_rc check_snmp(const Clv__AccountRow *a, struct clv_err *err)
{
	if (a->type != CLV_ACCOUNT_SNMPV3) {
		if (*a->context || *a->auth_protocol || *a->privacy_protocol)
			return err_set(err, CLV_E_USAGE,
			               "context and protocols belong to accounts of type snmpv3");
		return CLV_OK;
	}
	if (!is_one_of(a->auth_protocol, "none", "md5", "sha"))
		return err_set(err, CLV_E_USAGE, "the authentication protocol is md5, sha or none");
	if (!is_one_of(a->privacy_protocol, "none", "des", "aes"))
		return err_set(err, CLV_E_USAGE, "the privacy protocol is des, aes or none");
	if (strcmp(a->auth_protocol, "none") == 0 && strcmp(a->privacy_protocol, "none") != 0)
		return err_set(err, CLV_E_USAGE, "privacy is applied only where authentication is given");
	return CLV_OK;
}

static clv_rc check_account(const struct core *c, const Clv__AccountRow *a, struct clv_err *err)
{
	const struct rule *twin = rules_account_named(c->srv, a->name);
	bool domain = a->type == CLV_ACCOUNT_WINDOWS || a->type == CLV_ACCOUNT_ACTION;

	if (plan_check_name("the account's name", a->name, err) || check_field("the user", a->user, err) ||
	    check_field("the domain", a->domain, err) || check_field("kept by", a->kept_by, err) ||
	    check_field("the note", a->note, err) || check_field("the context", a->context, err))
		return CLV_FAILED;
	if (twin && strcmp(twin->key, a->id) != 0)
		return err_set(err, CLV_E_EXISTS, "there is an account '%s' already", a->name);
	if (a->type >= CLV_ACCOUNT_TYPE_MAX)
		return err_set(err, CLV_E_USAGE, "no account is of that type");
	if (*a->domain && !domain)
		return err_set(err, CLV_E_USAGE, "only windows and action accounts have a domain");
	if (domain && !*a->user)
		return err_set(err, CLV_E_USAGE, "a %s account has a user",
		               clv_account_type_word((enum clv_account_type)a->type));
	/* A spread action account is what an intruder wants most (reference, 2). */
	if (a->type == CLV_ACCOUNT_ACTION && a->less_secure)
		return err_set(err, CLV_E_USAGE, "an action account is distributed more secure only");
	if (a->ends < 0)
		return err_set(err, CLV_E_USAGE, "the password's end lies before 1970");
	return check_snmp(a, err);
}

static void effect_deliver(struct core *c, struct act *a)
{
	const struct rule *r = *a->id ? rules_account(c->srv, a->id) : NULL;

	if (r)
		a->row_version = r->seq;
	deliver_all(c);
}

/* Whoever was at it is done. */
static void effect_entered(struct core *c, struct act *a)
{
	recovery_unclaim(c, a->id);
	effect_deliver(c, a);
}

static bool new_id(char out[40], struct clv_err *err)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
		(void)err_sys(err, CLV_E_IO, "no random bytes");
		return false;
	}
	hex_encode(slice_of(bytes, sizeof bytes), false, out);
	return true;
}

static void act_account_put(struct core *c, const struct console_request *q, const Clv__AccountPutRequest *m)
{
	Clv__AccountRow a = CLV__ACCOUNT_ROW__INIT;
	struct rule *r = NULL;
	struct clv_err err = {0};
	struct act *act;
	char id[40] = "";

	if (m->add) {
		if (c->srv->rules->accounts.n >= ACCOUNTS_MAX)
			(void)err_set(&err, CLV_E_LIMIT, "%u accounts are the most", ACCOUNTS_MAX);
		else if (new_id(id, &err)) {
			a.id = id;
			a.name = m->name;
		}
	} else {
		r = account_find(c, q, m->name, m->row_version);
		if (!r)
			return;
		a = *RULE_ACCOUNT(r);
	}
	if (!err.code && !m->add && (m->set & CLV_FIELD_TYPE) && a.version && m->type != a.type)
		(void)err_set(&err, CLV_E_USAGE,
		              "an account that has a password keeps its type: add another account");
	take_fields(m, &a);
	if (a.type == CLV_ACCOUNT_SNMPV3 && !*a.auth_protocol)
		a.auth_protocol = (char *)(uintptr_t) "none";
	if (a.type == CLV_ACCOUNT_SNMPV3 && !*a.privacy_protocol)
		a.privacy_protocol = (char *)(uintptr_t) "none";
	if (err.code || check_account(c, &a, &err)) {
		refuse(c, q, &err);
		return;
	}
	act = act_new(q, m->add ? "account add" : "account edit", a.name);
	a.changed = act->now;
	a.changed_by = act->who;
	memcpy(act->id, a.id, strlen(a.id) + 1);
	act_detail(act, "type %s, user %.100s", clv_account_type_word((enum clv_account_type)a.type), a.user);
	act_row(act, "account", a.id, r ? r->seq : 0, &a.base);
	act->effect = effect_deliver;
	act_done_text(act, m->add ? "%s added; it goes to no host until you say so" : "%s changed", a.name);
	act_put(c, act);
}

/* --- remove --- */
static clv_rc change_remove(struct db *d, struct act *a, struct clv_err *err)
{
	return store_passwords_keep(d, a->id, 0, 0, err);
}

/* Profiles lose their associations with it in the same transaction. */
static void drop_uses(struct core *c, struct act *act, const char *account)
{
	const struct rule_list *l = &c->srv->rules->profiles;

	for (size_t i = 0; i < l->n; i++) {
		Clv__ProfileRow p = *RULE_PROFILE(l->list[i]);
		Clv__AssociationRow **uses = clv_calloc(p.n_uses + 1, sizeof(Clv__AssociationRow *));
		size_t n = 0;

		for (size_t j = 0; j < p.n_uses; j++)
			if (strcmp(p.uses[j]->account, account) != 0)
				uses[n++] = p.uses[j];
		if (n != p.n_uses) {
			p.uses = uses;
			p.n_uses = n;
			act_row(act, "profile", l->list[i]->key, l->list[i]->seq, &p.base);
		}
		clv_free(uses);
	}
}

static void act_account_remove(struct core *c, const struct console_request *q,
                               const Clv__NamedRemoveRequest *m)
{
	struct rule *r = account_find(c, q, m->name, m->row_version);
	Clv__AccountRow none = CLV__ACCOUNT_ROW__INIT;
	struct act *a;

	if (!r)
		return;
	if (m->plan) {
		plan_distribution(c, q, r, RULE_ACCOUNT(r), &none);
		return;
	}
	a = act_new(q, "account remove", RULE_ACCOUNT(r)->name);
	memcpy(a->id, r->key, strlen(r->key) + 1);
	act_row(a, "account", r->key, r->seq, NULL);
	drop_uses(c, a, r->key);
	a->change = change_remove;
	a->effect = effect_deliver;
	act_done_text(a, "%s removed; hosts in touch forget it now, others when they return",
	              RULE_ACCOUNT(r)->name);
	act_put(c, a);
}

/* --- distribution --- */
static clv_rc check_spec(const struct core *c, const char *spec, struct clv_err *err)
{
	size_t prefix = strlen(DISTRIBUTION_GROUP);

	if (distribution_check_spec(spec, true, err))
		return CLV_FAILED;
	if (strncmp(spec, DISTRIBUTION_GROUP, prefix) == 0)
		return rules_group(c->srv, spec + prefix)
		           ? CLV_OK
		           : err_set(err, CLV_E_NOTFOUND, "there is no group '%.200s'", spec + prefix);
	return CLV_OK;
}

static bool is_in(char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

/* A short name stands for the one node that it is short for; unknown names are refused (P1). */
clv_rc plan_take_spec(const struct core *c, const char *spec, const char **out, struct clv_err *err)
{
	struct node *n = NULL;

	if (check_spec(c, spec, err))
		return CLV_FAILED;
	*out = spec;
	if (distribution_is_pattern(spec) || strchr(spec, ':'))
		return CLV_OK;
	if (server_resolve(c->srv, spec, &n, err))
		return err_wrap(err, "unknown names are refused");
	*out = n->name;
	return CLV_OK;
}

clv_rc plan_edit_list(const struct core *c, char *const *have, size_t n_have, char *const *add, size_t n_add,
                      char *const *remove, size_t n_remove, char ***out, size_t *n_out, struct clv_err *err)
{
	char **list = clv_calloc(n_have + n_add + 1, sizeof(char *));
	size_t n = 0;

	for (size_t i = 0; i < n_remove; i++) {
		struct node *node = NULL;
		const char *full = !is_in(have, n_have, remove[i]) && !strpbrk(remove[i], "*?:") &&
		                           !server_resolve(c->srv, remove[i], &node, NULL)
		                       ? node->name
		                       : remove[i];

		if (!is_in(have, n_have, full)) {
			(void)err_set(err, CLV_E_NOTFOUND, "'%.200s' is not in the list", remove[i]);
			goto fail;
		}
	}
	for (size_t i = 0; i < n_have; i++) {
		bool gone = is_in(remove, n_remove, have[i]);

		for (size_t j = 0; j < n_remove && !gone; j++) {
			struct node *node = NULL;

			gone = !strpbrk(remove[j], "*?:") &&
			       !server_resolve(c->srv, remove[j], &node, NULL) &&
			       strcmp(node->name, have[i]) == 0;
		}
		if (!gone)
			list[n++] = have[i];
	}
	for (size_t i = 0; i < n_add; i++) {
		const char *full = NULL;

		if (plan_take_spec(c, add[i], &full, err))
			goto fail;
		if (!is_in(list, n, full))
			list[n++] = (char *)(uintptr_t)full;
	}
	if (n > GOES_TO_MAX) {
		(void)err_set(err, CLV_E_LIMIT,
		              "a list of %zu names; at most %u are taken: use a group or a pattern", n,
		              GOES_TO_MAX);
		goto fail;
	}
	*out = list;
	*n_out = n;
	return CLV_OK;
fail:
	clv_free(list);
	return CLV_FAILED;
}

static void act_distribute(struct core *c, const struct console_request *q, const Clv__DistributeRequest *m)
{
	struct rule *r = account_find(c, q, m->name, m->row_version);
	struct clv_err err = {0};
	Clv__AccountRow a;
	char **list = NULL;
	size_t n = 0;
	struct act *act;

	if (!r)
		return;
	a = *RULE_ACCOUNT(r);
	if (m->distribution)
		a.less_secure = m->distribution == 2;
	if (plan_edit_list(c, a.goes_to, a.n_goes_to, m->add, m->n_add, m->remove, m->n_remove, &list, &n,
	                   &err)) {
		refuse(c, q, &err);
		return;
	}
	a.goes_to = list;
	a.n_goes_to = n;
	if (check_account(c, &a, &err)) {
		refuse(c, q, &err);
	} else if (m->plan) {
		plan_distribution(c, q, r, RULE_ACCOUNT(r), &a);
	} else {
		act = act_new(q, "account distribute", a.name);
		a.changed = act->now;
		a.changed_by = act->who;
		memcpy(act->id, r->key, strlen(r->key) + 1);
		act_detail(act, "%s, %zu names, patterns and groups",
		           a.less_secure ? "less secure" : "more secure", n);
		act_row(act, "account", r->key, r->seq, &a.base);
		act->effect = effect_deliver;
		plan_say(c, RULE_ACCOUNT(r), &a, act->done, sizeof act->done);
		act_put(c, act);
	}
	clv_free(list);
}

/* --- passwords --- */
struct entering {
	struct console_request q;
	uint64_t conn, req;
	char id[40], *first;
	uint64_t version;
	bool all_at_once;
	struct act *act;
};

static clv_rc change_enter(struct db *d, struct act *a, struct clv_err *err)
{
	if (store_password_put(d, a->id, a->version, buf_slice(&a->blob), a->now, err))
		return CLV_FAILED;
	return store_passwords_keep(d, a->id, a->version, a->above, err);
}

static void put_entered(struct core *c, struct entering *e, const struct rule *r, const Clv__KhEntered *k)
{
	Clv__AccountRow a = *RULE_ACCOUNT(r);
	struct act *act = e->act;
	uint32_t hosts = 0;
	const char *first = account_first(c, &a, &hosts);

	if (*e->first)
		first = e->first;
	e->act = NULL;
	if (buf_put(&act->blob, PROTO_SLICE(k->blob), NULL)) {
		act_free(act);
		return;
	}
	a.version = act->version = e->version;
	a.entered = a.changed = act->now;
	a.entered_by = a.changed_by = act->who;
	a.trial_text = a.aside = a.aside_by = (char *)(uintptr_t) "";
	a.aside_at = 0;
	if (e->all_at_once || hosts == 0) {
		a.released = a.version;
		a.reentry = false;
		a.trial = CLV_TRIAL_NONE;
		a.first = (char *)(uintptr_t) "";
		act_done_text(act, "Saved as v%" PRIu64 ", sealed for %u hosts at once.", a.version, hosts);
	} else {
		a.trial = CLV_TRIAL_WAITS;
		a.first = (char *)(uintptr_t)first;
		if (*first)
			act_done_text(act,
			              "Saved as v%" PRIu64
			              ", sealed for %s's key holder. %s tries it first, %u wait.",
			              a.version, c->start->name, first, hosts - 1);
		else
			act_done_text(act,
			              "Saved as v%" PRIu64
			              ". None of its %u hosts is in touch: the first to return tries it.",
			              a.version, hosts);
	}
	act->above = a.released;
	memcpy(act->id, a.id, strlen(a.id) + 1);
	act_detail(act, "version %" PRIu64 "%s", a.version, e->all_at_once ? ", all at once" : "");
	act_row(act, "account", r->key, r->seq, &a.base);
	act->change = change_enter;
	act->effect = effect_entered;
	act_put(c, act);
}

static void on_entered(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                       const struct clv_err *err)
{
	struct entering *e = ctx;
	const struct rule *r = rules_account(c->srv, e->id);
	struct clv_err gone = {0};

	(void)type;
	if (m && r && RULE_ACCOUNT(r)->version < e->version) {
		put_entered(c, e, r, (const Clv__KhEntered *)m);
	} else {
		if (m)
			(void)err_set(&gone, CLV_E_CONFLICT, "Not done: the account changed meanwhile.");
		console_refuse(c, e->conn, e->req, m ? &gone : err, 0);
	}
	if (e->act)
		act_free(e->act);
	clv_free(e->first);
	clv_free(e);
}

#define VERSION_TOLD_MAX 1000000000ull /* what a host may say at most */

/* Above every version that any host told of: the database may be an older copy than what they have seen. */
static uint64_t next_version(const struct core *c, const struct rule *r)
{
	uint64_t top = RULE_ACCOUNT(r)->version;

	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct held *h = deliver_held(c->srv->nodes[i], r);

		if (h && h->has > top && h->has < VERSION_TOLD_MAX)
			top = h->has;
		if (h && h->trial > top && h->trial < VERSION_TOLD_MAX)
			top = h->trial;
	}
	return top + 1;
}

static void act_enter(struct core *c, const struct console_request *q, const Clv__EnterPasswordRequest *m)
{
	struct rule *r = account_find(c, q, m->name, 0);
	Clv__KhEnter k = CLV__KH_ENTER__INIT;
	struct clv_err err = {0};
	struct node *first = NULL;
	struct entering *e;
	Clv__Row row;

	if (!r)
		return;
	if (m->sealed.len == 0) {
		core_event(
		    c, 7011,
		    "A blank password was entered for a RunAs account. It is not supported: the update "
		    "was ignored, the password before it stays.");
		(void)err_set(&err, CLV_E_USAGE,
		              "a blank password is not supported; the one before stays (7011)");
	} else if (m->version != RULE_ACCOUNT(r)->version)
		(void)err_set(&err, CLV_E_CONFLICT,
		              "Not done: %s entered another password for %s meanwhile (now v%" PRIu64 ").",
		              RULE_ACCOUNT(r)->entered_by, RULE_ACCOUNT(r)->name, RULE_ACCOUNT(r)->version);
	else if (*m->first && !server_resolve(c->srv, m->first, &first, &err) &&
	         !rules_goes_to(c->srv, RULE_ACCOUNT(r), first->name))
		(void)err_set(&err, CLV_E_USAGE, "%s does not go to %s", RULE_ACCOUNT(r)->name, first->name);
	if (err.code) {
		refuse(c, q, &err);
		return;
	}
	e = clv_calloc(1, sizeof *e);
	e->conn = q->conn;
	e->req = q->req;
	e->act = act_new(q, "reenter", RULE_ACCOUNT(r)->name);
	memcpy(e->id, r->key, strlen(r->key) + 1);
	e->first = clv_strdup(first ? first->name : "");
	e->version = next_version(c, r);
	e->all_at_once = m->all_at_once;
	rules_pack(&row, "account", r);
	k.account = &row;
	k.operator_ = q->console->principals[0];
	k.sealed = m->sealed;
	k.version = e->version;
	kh_ask(c, IPC_KH_ENTER, &k.base, on_entered, e);
}

static void act_continue(struct core *c, const struct console_request *q,
                         const Clv__AccountContinueRequest *m)
{
	struct rule *r = account_find(c, q, m->name, 0);
	const Clv__AccountRow *a;
	struct clv_err err = {0};
	struct act *act;
	char *text;

	if (!r)
		return;
	a = RULE_ACCOUNT(r);
	if (a->version == a->released || a->trial == CLV_TRIAL_NONE)
		(void)err_set(&err, CLV_E_USAGE, "%s waits for nobody: every host gets v%" PRIu64, a->name,
		              a->released);
	else if (m->version && m->version != a->version)
		(void)err_set(&err, CLV_E_CONFLICT, "Not done: %s has v%" PRIu64 " by now.", a->name,
		              a->version);
	else if (!m->stop && a->trial == CLV_TRIAL_FAILED)
		(void)err_set(&err, CLV_E_USAGE, "v%" PRIu64 " of %s failed: %.200s. Enter it again.",
		              a->version, a->name, a->trial_text);
	if (err.code) {
		refuse(c, q, &err);
		return;
	}
	act = act_new(q, m->stop ? "account stop" : "account continue", a->name);
	act_detail(act, "version %" PRIu64, a->version);
	act_done_text(act,
	              m->stop ? "v%" PRIu64 " of %s goes nowhere; v%" PRIu64 " stays in use"
	                      : "v%" PRIu64 " of %s goes to every host now",
	              a->version, a->name, a->released);
	text = clv_asprintf("stopped by %s", act->who);
	deliver_settle(c, r, act, m->stop ? CLV_TRIAL_FAILED : CLV_TRIAL_NONE, m->stop ? text : "");
	clv_free(text);
}

void acts_accounts(struct core *c, const struct console_request *q, const ProtobufCMessage *m)
{
	switch (q->type) {
	case REQ_ACCOUNT_PUT:
		act_account_put(c, q, (const Clv__AccountPutRequest *)m);
		break;
	case REQ_ACCOUNT_REMOVE:
		act_account_remove(c, q, (const Clv__NamedRemoveRequest *)m);
		break;
	case REQ_DISTRIBUTE:
		act_distribute(c, q, (const Clv__DistributeRequest *)m);
		break;
	case REQ_ENTER_PASSWORD:
		act_enter(c, q, (const Clv__EnterPasswordRequest *)m);
		break;
	case REQ_ACCOUNT_CONTINUE:
		act_continue(c, q, (const Clv__AccountContinueRequest *)m);
		break;
	case REQ_ACCOUNT_ASIDE:
	case REQ_RECOVERY_FINISH:
		acts_recovery(c, q, m);
		break;
	default:
		acts_profiles(c, q, m);
		break;
	}
}
