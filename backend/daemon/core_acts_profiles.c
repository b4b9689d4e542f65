/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles and groups: added, associated, edited, removed. An association decides use; distribution decides
 * who gets what. Runs in core.
 */
#include "daemon/core_plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROFILES_MAX 2000u
#define GROUPS_MAX   2000u
#define USES_MAX     500u

static void refuse(struct core *c, const struct console_request *q, const struct clv_err *err)
{
	console_refuse(c, q->conn, q->req, err, 0);
}

static void effect_deliver(struct core *c, struct act *a)
{
	a->row_version = a->n_rows ? a->rows[0].seq : 0;
	deliver_all(c);
}

static struct rule *find(struct core *c, const struct console_request *q, struct rule *r, const char *what,
                         const char *name, uint64_t row_version)
{
	struct clv_err err = {0};

	if (!r)
		(void)err_set(&err, CLV_E_NOTFOUND, "there is no %s '%.200s'", what, name);
	else if (row_version && row_version != r->seq)
		(void)err_set(&err, CLV_E_CONFLICT, "Not done: the %s %s changed meanwhile. Look again.",
		              what, r->key);
	if (!err.code)
		return r;
	refuse(c, q, &err);
	return NULL;
}

/* --- profiles --- */
static void act_profile_add(struct core *c, const struct console_request *q, const Clv__ProfileAddRequest *m)
{
	Clv__ProfileRow p = CLV__PROFILE_ROW__INIT;
	struct clv_err err = {0};
	struct act *a;

	if (!plan_check_name("the profile's name", m->name, &err)) {
		if (rules_profile(c->srv, m->name))
			(void)err_set(&err, CLV_E_EXISTS, "there is a profile '%s' already", m->name);
		else if (c->srv->rules->profiles.n >= PROFILES_MAX)
			(void)err_set(&err, CLV_E_LIMIT, "%u profiles are the most", PROFILES_MAX);
	}
	if (err.code) {
		refuse(c, q, &err);
		return;
	}
	a = act_new(q, "profile add", m->name);
	p.name = m->name;
	act_row(a, "profile", m->name, rules_seq(c->srv, "profile", m->name), &p.base);
	a->effect = effect_deliver;
	act_done_text(a, "%s added; no account is used by it yet", m->name);
	act_put(c, a);
}

static void act_profile_remove(struct core *c, const struct console_request *q,
                               const Clv__NamedRemoveRequest *m)
{
	struct rule *r = find(c, q, rules_profile(c->srv, m->name), "profile", m->name, m->row_version);
	struct act *a;

	if (!r)
		return;
	if (m->plan) {
		plan_profile(c, q, r, NULL);
		return;
	}
	a = act_new(q, "profile remove", m->name);
	act_row(a, "profile", r->key, r->seq, NULL);
	a->effect = effect_deliver;
	act_done_text(a, "%s removed; the accounts stay where they are", m->name);
	act_put(c, a);
}

static clv_rc check_target(const struct core *c, const Clv__AssociateRequest *m, struct clv_err *err)
{
	if (m->target_kind >= CLV_TARGET_MAX)
		return err_set(err, CLV_E_USAGE, "no target is of that kind");
	if (m->target_kind == CLV_TARGET_ALL)
		return *m->target ? err_set(err, CLV_E_USAGE, "the target all has no name") : CLV_OK;
	if (plan_check_name("the target", m->target, err))
		return CLV_FAILED;
	if (m->target_kind == CLV_TARGET_GROUP && !m->remove && !rules_group(c->srv, m->target))
		return err_set(err, CLV_E_NOTFOUND, "there is no group '%.200s'", m->target);
	if (m->target_kind == CLV_TARGET_PATTERN)
		return distribution_check_spec(m->target, false, err);
	return CLV_OK;
}

static size_t find_use(const Clv__ProfileRow *p, const char *account, const Clv__AssociateRequest *m)
{
	for (size_t i = 0; i < p->n_uses; i++)
		if (strcmp(p->uses[i]->account, account) == 0 && p->uses[i]->kind == m->target_kind &&
		    strcmp(p->uses[i]->target, m->target) == 0)
			return i;
	return p->n_uses;
}

/* One account a target: the same target with another account would leave it open which is used. */
static const char *taken_by(const struct core *c, const Clv__ProfileRow *p, const Clv__AssociateRequest *m)
{
	for (size_t i = 0; i < p->n_uses; i++)
		if (p->uses[i]->kind == m->target_kind && strcmp(p->uses[i]->target, m->target) == 0) {
			const struct rule *r = rules_account(c->srv, p->uses[i]->account);

			return r ? RULE_ACCOUNT(r)->name : NULL;
		}
	return NULL;
}

static void put_uses(struct core *c, const struct console_request *q, const Clv__AssociateRequest *m,
                     const struct rule *r, const struct rule *account, size_t at)
{
	Clv__ProfileRow p = *RULE_PROFILE(r);
	Clv__AssociationRow use = CLV__ASSOCIATION_ROW__INIT;
	Clv__AssociationRow **uses = clv_calloc(p.n_uses + 1, sizeof(Clv__AssociationRow *));
	struct act *a;
	size_t n = 0;

	for (size_t i = 0; i < p.n_uses; i++)
		if (!m->remove || i != at)
			uses[n++] = p.uses[i];
	use.account = account->key;
	use.kind = m->target_kind;
	use.target = m->target;
	if (!m->remove)
		uses[n++] = &use;
	p.uses = uses;
	p.n_uses = n;
	if (m->plan) {
		plan_profile(c, q, r, &p);
	} else {
		a = act_new(q, "profile associate", m->profile);
		act_detail(a, "%s%s, %s %.200s", m->remove ? "no longer " : "", RULE_ACCOUNT(account)->name,
		           clv_target_kind_word((enum clv_target_kind)m->target_kind), m->target);
		act_row(a, "profile", r->key, r->seq, &p.base);
		a->effect = effect_deliver;
		act_done_text(a, "%s %s %s for %s%s%s", m->profile, m->remove ? "no longer uses" : "uses",
		              RULE_ACCOUNT(account)->name,
		              clv_target_kind_word((enum clv_target_kind)m->target_kind),
		              *m->target ? " " : "", m->target);
		act_put(c, a);
	}
	clv_free(uses);
}

static void act_associate(struct core *c, const struct console_request *q, const Clv__AssociateRequest *m)
{
	struct rule *r = find(c, q, rules_profile(c->srv, m->profile), "profile", m->profile, m->row_version);
	const struct rule *account;
	struct clv_err err = {0};
	const char *other;
	size_t at;

	if (!r)
		return;
	account = rules_account_named(c->srv, m->account);
	if (!account) {
		(void)err_set(&err, CLV_E_NOTFOUND, "there is no account '%.200s'", m->account);
		refuse(c, q, &err);
		return;
	}
	at = find_use(RULE_PROFILE(r), account->key, m);
	other = m->remove ? NULL : taken_by(c, RULE_PROFILE(r), m);
	if (check_target(c, m, &err))
		;
	else if (m->remove && at == RULE_PROFILE(r)->n_uses)
		(void)err_set(&err, CLV_E_NOTFOUND, "%s does not use %s there", m->profile, m->account);
	else if (other)
		(void)err_set(&err, CLV_E_EXISTS, "%s uses %s there already: --remove that first", m->profile,
		              other);
	else if (!m->remove && RULE_PROFILE(r)->n_uses >= USES_MAX)
		(void)err_set(&err, CLV_E_LIMIT, "%u associations are the most of a profile", USES_MAX);
	if (err.code)
		refuse(c, q, &err);
	else
		put_uses(c, q, m, r, account, at);
}

/* --- groups --- */
static void act_group_put(struct core *c, const struct console_request *q, const Clv__GroupPutRequest *m)
{
	struct rule *r = rules_group(c->srv, m->name);
	Clv__GroupRow g = CLV__GROUP_ROW__INIT;
	struct clv_err err = {0};
	char **list = NULL;
	size_t n = 0;
	struct act *a;

	if (m->add_new) {
		char spec[DISTRIBUTION_SPEC_MAX + 8];

		(void)snprintf(spec, sizeof spec, "%s%.250s", DISTRIBUTION_GROUP, m->name);
		if (r)
			(void)err_set(&err, CLV_E_EXISTS, "there is a group '%s' already", m->name);
		else if (c->srv->rules->groups.n >= GROUPS_MAX)
			(void)err_set(&err, CLV_E_LIMIT, "%u groups are the most", GROUPS_MAX);
		else if (plan_check_name("the group's name", m->name, &err) ||
		         distribution_check_spec(spec, true, &err)) {
			refuse(c, q, &err);
			return;
		}
	} else if (!find(c, q, r, "group", m->name, m->row_version)) {
		return;
	}
	for (size_t i = 0; i < m->n_add && !err.code; i++)
		if (strncmp(m->add[i], DISTRIBUTION_GROUP, strlen(DISTRIBUTION_GROUP)) == 0)
			(void)err_set(&err, CLV_E_USAGE, "a group holds names and patterns, no other group");
	if (err.code || plan_edit_list(c, r ? RULE_GROUP(r)->members : NULL, r ? RULE_GROUP(r)->n_members : 0,
	                               m->add, m->n_add, m->remove, m->n_remove, &list, &n, &err)) {
		refuse(c, q, &err);
		return;
	}
	g.name = m->name;
	g.members = list;
	g.n_members = n;
	if (m->plan && r) {
		plan_group(c, q, r, &g);
	} else {
		a = act_new(q, m->add_new ? "group add" : "group edit", m->name);
		act_detail(a, "%zu names and patterns", n);
		act_row(a, "group", m->name, rules_seq(c->srv, "group", m->name), &g.base);
		a->effect = effect_deliver;
		act_done_text(a, "%s has %zu names and patterns", m->name, n);
		act_put(c, a);
	}
	clv_free(list);
}

/* A group that is still named somewhere is not removed: what it decided would change silently. */
static const char *who_uses(const struct core *c, const char *group)
{
	const struct rules *s = c->srv->rules;
	char *spec = clv_asprintf("%s%s", DISTRIBUTION_GROUP, group);
	const char *user = NULL;

	for (size_t i = 0; i < s->accounts.n && !user; i++)
		for (size_t j = 0; j < RULE_ACCOUNT(s->accounts.list[i])->n_goes_to; j++)
			if (strcmp(RULE_ACCOUNT(s->accounts.list[i])->goes_to[j], spec) == 0)
				user = RULE_ACCOUNT(s->accounts.list[i])->name;
	for (size_t i = 0; i < s->profiles.n && !user; i++)
		for (size_t j = 0; j < RULE_PROFILE(s->profiles.list[i])->n_uses; j++) {
			const Clv__AssociationRow *u = RULE_PROFILE(s->profiles.list[i])->uses[j];

			if (u->kind == CLV_TARGET_GROUP && strcmp(u->target, group) == 0)
				user = RULE_PROFILE(s->profiles.list[i])->name;
		}
	clv_free(spec);
	return user;
}

static void act_group_remove(struct core *c, const struct console_request *q,
                             const Clv__NamedRemoveRequest *m)
{
	struct rule *r = find(c, q, rules_group(c->srv, m->name), "group", m->name, m->row_version);
	struct clv_err err = {0};
	const char *user;
	struct act *a;

	if (!r)
		return;
	if (m->plan) {
		plan_group(c, q, r, NULL);
		return;
	}
	user = who_uses(c, r->key);
	if (user) {
		(void)err_set(&err, CLV_E_CONFLICT, "%s is still used by '%s': take it out there first",
		              r->key, user);
		refuse(c, q, &err);
		return;
	}
	a = act_new(q, "group remove", m->name);
	act_row(a, "group", r->key, r->seq, NULL);
	a->effect = effect_deliver;
	act_done_text(a, "%s removed", m->name);
	act_put(c, a);
}

void acts_profiles(struct core *c, const struct console_request *q, const ProtobufCMessage *m)
{
	switch (q->type) {
	case REQ_PROFILE_ADD:
		act_profile_add(c, q, (const Clv__ProfileAddRequest *)m);
		break;
	case REQ_PROFILE_REMOVE:
		act_profile_remove(c, q, (const Clv__NamedRemoveRequest *)m);
		break;
	case REQ_ASSOCIATE:
		act_associate(c, q, (const Clv__AssociateRequest *)m);
		break;
	case REQ_GROUP_PUT:
		act_group_put(c, q, (const Clv__GroupPutRequest *)m);
		break;
	case REQ_GROUP_REMOVE:
		act_group_remove(c, q, (const Clv__NamedRemoveRequest *)m);
		break;
	default: /* dispatch knows only the table's rows */
		break;
	}
}
