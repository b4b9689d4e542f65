/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: who gains, who loses, who is offline and has it until it returns (see core_plan.h). Runs in core.
 */
#include "daemon/core_plan.h"
#include <stdio.h>
#include <string.h>

#define PLAN_NAMES 1000u

struct plan {
	Clv__Plan m;
	char **gains, **loses, **offline, *warnings[8];
};

static void begin(struct plan *p)
{
	clv__plan__init(&p->m);
	p->gains = clv_calloc(PLAN_NAMES, sizeof(char *));
	p->loses = clv_calloc(PLAN_NAMES, sizeof(char *));
	p->offline = clv_calloc(PLAN_NAMES, sizeof(char *));
	p->m.gains = p->gains;
	p->m.loses = p->loses;
	p->m.offline = p->offline;
	p->m.warnings = p->warnings;
}

static void finish(struct core *c, const struct console_request *q, struct plan *p, uint64_t row_version)
{
	p->m.req = q->req;
	p->m.row_version = row_version;
	console_reply(c, q->conn, REP_PLAN, &p->m.base);
	clv_free(p->gains);
	clv_free(p->loses);
	clv_free(p->offline);
}

static void add(char **list, size_t *n, uint32_t *count, char *name)
{
	(*count)++;
	if (*n < PLAN_NAMES)
		list[(*n)++] = name;
}

static void add_host(struct plan *p, const struct node *n, bool had, bool has)
{
	if (had == has)
		return;
	if (has)
		add(p->gains, &p->m.n_gains, &p->m.gain_count, n->name);
	else
		add(p->loses, &p->m.n_loses, &p->m.lose_count, n->name);
	if (!n->session)
		add(p->offline, &p->m.n_offline, &p->m.offline_count, n->name);
}

static void count(const struct core *c, const Clv__AccountRow *before, const Clv__AccountRow *after,
                  struct plan *p)
{
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];

		add_host(p, n, rules_goes_to(c->srv, before, n->name), rules_goes_to(c->srv, after, n->name));
	}
}

static void say(const struct plan *p, const char *what, char *out, size_t cap)
{
	if (!p->m.gain_count && !p->m.lose_count)
		(void)snprintf(out, cap, "%s: no host gains or loses it", what);
	else
		(void)snprintf(out, cap, "%s: %u %s it, %u %s it%s", what, p->m.gain_count,
		               p->m.gain_count == 1 ? "host gains" : "hosts gain", p->m.lose_count,
		               p->m.lose_count == 1 ? "loses" : "lose",
		               p->m.offline_count ? "; those offline follow when they return" : "");
}

void plan_say(const struct core *c, const Clv__AccountRow *before, const Clv__AccountRow *after, char *out,
              size_t cap)
{
	struct plan p;

	begin(&p);
	count(c, before, after, &p);
	say(&p, before->name, out, cap);
	clv_free(p.gains);
	clv_free(p.loses);
	clv_free(p.offline);
}

void plan_distribution(struct core *c, const struct console_request *q, const struct rule *r,
                       const Clv__AccountRow *before, const Clv__AccountRow *after)
{
	struct plan p;
	char text[512], profiles[128];
	uint32_t uses = 0;
	const struct rule_list *l = &c->srv->rules->profiles;

	begin(&p);
	count(c, before, after, &p);
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < RULE_PROFILE(l->list[i])->n_uses; j++)
			if (strcmp(RULE_PROFILE(l->list[i])->uses[j]->account, r->key) == 0) {
				uses++;
				break;
			}
	say(&p, before->name, text, sizeof text);
	p.m.text = text;
	(void)snprintf(profiles, sizeof profiles, "%u profiles use it", uses);
	p.warnings[p.m.n_warnings++] = profiles;
	finish(c, q, &p, r->seq);
}

/* The group's members as they would be, for matching. */
struct trial_group {
	const struct core *c;
	const char *name;
	const Clv__GroupRow *after;
};

static char *const *trial_members(void *ctx, const char *group, size_t *n)
{
	const struct trial_group *t = ctx;

	if (strcmp(group, t->name) != 0)
		return rules_members(t->c->srv, group, n);
	*n = t->after ? t->after->n_members : 0;
	return t->after ? t->after->members : NULL;
}

void plan_group(struct core *c, const struct console_request *q, const struct rule *group,
                const Clv__GroupRow *after)
{
	struct trial_group t = {c, group->key, after};
	const struct rule_list *l = &c->srv->rules->accounts;
	struct plan p;
	char text[512];

	begin(&p);
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];
		bool gain = false, lose = false;

		for (size_t j = 0; j < l->n; j++) {
			const Clv__AccountRow *a = RULE_ACCOUNT(l->list[j]);
			bool had = rules_goes_to(c->srv, a, n->name);
			bool has = a->less_secure ||
			           distribution_covers(a->goes_to, a->n_goes_to, n->name, trial_members, &t);

			gain |= has && !had;
			lose |= had && !has;
		}
		if (gain)
			add(p.gains, &p.m.n_gains, &p.m.gain_count, n->name);
		if (lose)
			add(p.loses, &p.m.n_loses, &p.m.lose_count, n->name);
		if ((gain || lose) && !n->session)
			add(p.offline, &p.m.n_offline, &p.m.offline_count, n->name);
	}
	(void)snprintf(text, sizeof text, "%s: %u hosts gain accounts by it, %u lose some", group->key,
	               p.m.gain_count, p.m.lose_count);
	p.m.text = text;
	finish(c, q, &p, group->seq);
}

void plan_profile(struct core *c, const struct console_request *q, const struct rule *profile,
                  const Clv__ProfileRow *after)
{
	struct plan p;
	char text[512];

	begin(&p);
	(void)snprintf(text, sizeof text,
	               "%s: %zu associations become %zu; no password goes anywhere by that", profile->key,
	               RULE_PROFILE(profile)->n_uses, after ? after->n_uses : 0);
	p.m.text = text;
	finish(c, q, &p, profile->seq);
}
