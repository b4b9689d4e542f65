/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of RunAs accounts, profiles, groups and servers for consoles, with the same filters and sorting as
 * every list. What is counted is counted from what hosts told. Runs in core; no password and no ciphertext
 * is within its reach.
 */
#include "base/clock.h"
#include "daemon/core_recovery.h"
#include "keys/agentcert.h"
#include "model/filter.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sorting {
	sort_cmp *cmp;
	bool descending;
};
static _Thread_local struct sorting sorting; /* qsort has no context in C11 */

static int compare(const void *a, const void *b)
{
	int v = sorting.cmp(a, b);

	return sorting.descending ? -v : v;
}

/* --- accounts --- */
void account_count(const struct core *c, const struct rule *r, struct account_counts *k)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);

	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];
		const struct held *h;
		uint64_t meant;
		bool trial;

		if (!rules_goes_to(c->srv, a, n->name))
			continue;
		k->targets++;
		meant = account_meant(a, n, &trial);
		h = deliver_held(n, r);
		k->offline += !n->session && !(meant && h && account_has(h, meant, trial));
		k->has_check |= h && (h->result == 1 || h->result == 2);
		if (!meant || !h)
			continue;
		k->sealed += h->sealed >= meant || account_has(h, meant, trial);
		k->sent += h->sent >= meant || account_has(h, meant, trial);
		k->opened += account_has(h, meant, trial);
		k->tested += account_has(h, meant, trial) && h->tried == meant && h->result == 1;
		k->failing += h->tried == meant && h->result == 2;
	}
}

uint64_t account_meant(const Clv__AccountRow *a, const struct node *n, bool *trial)
{
	*trial =
	    (a->trial == CLV_TRIAL_WAITS || a->trial == CLV_TRIAL_OPENED) && strcmp(a->first, n->name) == 0;
	return *trial ? a->version : a->released;
}

bool account_has(const struct held *h, uint64_t meant, bool trial)
{
	return trial ? h->trial == meant || h->has == meant : h->has == meant;
}

enum clv_account_state account_state(const Clv__AccountRow *a)
{
	if (a->reentry)
		return CLV_ACCOUNT_NEEDS_REENTRY;
	if (!a->version)
		return CLV_ACCOUNT_NEVER_ENTERED;
	return a->ends && a->ends - clock_wall_ms() < ACCOUNT_EXPIRING_MS ? CLV_ACCOUNT_EXPIRING
	                                                                  : CLV_ACCOUNT_OK;
}

void account_pack(const struct core *c, const struct rule *r, Clv__Account *p)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	struct account_counts k;

	clv__account__init(p);
	account_count(c, r, &k);
	p->id = a->id;
	p->name = a->name;
	p->type = a->type;
	p->state = account_state(a);
	p->less_secure = a->less_secure;
	p->targets = k.targets;
	p->sent = k.sent;
	p->confirmed = k.opened;
	p->missing = a->released || a->version ? k.targets - k.opened : k.targets;
	p->changed = a->changed;
	p->changed_by = a->changed_by;
	p->row_version = r->seq;
	p->user = a->user;
	p->domain = a->domain;
	p->kept_by = a->kept_by;
	p->note = a->note;
	p->ends = a->ends;
	p->version = a->version;
	p->released = a->released;
	p->entered = a->entered;
	p->entered_by = a->entered_by;
	p->trial = a->trial;
	p->offline = k.offline;
	p->recovery = recovery_phase(c->srv, a, &k);
	p->aside = a->aside;
	p->aside_by = a->aside_by;
	p->aside_at = a->aside_at;
	p->context = a->context;
	p->auth_protocol = a->auth_protocol;
	p->privacy_protocol = a->privacy_protocol;
}

struct account_item {
	struct clv_account_fact fact; /* first: the filter and the sort look at it */
	Clv__Account row;
};

static void account_fact(struct account_item *i)
{
	i->fact = (struct clv_account_fact){.id = i->row.id,
	                                    .name = i->row.name,
	                                    .type = (enum clv_account_type)i->row.type,
	                                    .state = (enum clv_account_state)i->row.state,
	                                    .less_secure = i->row.less_secure,
	                                    .targets = i->row.targets,
	                                    .sent = i->row.sent,
	                                    .confirmed = i->row.confirmed,
	                                    .missing = i->row.missing,
	                                    .changed = i->row.changed,
	                                    .changed_by = i->row.changed_by,
	                                    .user = i->row.user,
	                                    .domain = i->row.domain,
	                                    .kept_by = i->row.kept_by,
	                                    .note = i->row.note,
	                                    .ends = i->row.ends,
	                                    .entered = i->row.entered,
	                                    .entered_by = i->row.entered_by,
	                                    .recovery = (enum clv_recovery_phase)i->row.recovery};
}

void account_show_claim(const struct core *c, const struct console_request *q, Clv__Account *row)
{
	const struct claim *x = recovery_claim(c->srv, row->id);

	if (!x)
		return;
	row->claim_by = x->name;
	row->claim_at = x->at;
	row->claim_mine = x->conn == q->console->conn;
}

/* Filters and sorts; false: the console was told what is wrong. */
static bool prepare(struct core *c, const struct console_request *q, const Clv__ListRequest *m,
                    enum filter_kind kind, struct filter **f)
{
	struct clv_err err = {0};
	sort_cmp *cmp = NULL;

	*f = filter_parse(m->filter, kind, clock_wall_ms(), &err);
	if (*f && !sort_parse(m->sort, kind, &cmp, &err)) {
		sorting = (struct sorting){cmp, m->descending};
		return true;
	}
	console_refuse(c, q->conn, q->req, &err, 0);
	filter_free(*f);
	return false;
}

struct window {
	size_t offset, n;
};

static struct window cut(const Clv__ListRequest *m, size_t n, size_t anchor, bool anchored)
{
	struct window w;

	w.offset = m->offset < n ? (size_t)m->offset : n;
	if (anchored)
		w.offset = anchor > m->offset ? anchor - (size_t)m->offset : 0;
	w.n = n - w.offset < m->limit ? n - w.offset : m->limit;
	return w;
}

/* Every list message has these fields first (share/proto/console.proto). */
struct list_message {
	ProtobufCMessage base;
	uint64_t req, total, matched, offset;
	int64_t time;
	size_t n_rows;
	void **rows;
};
_Static_assert(offsetof(Clv__AccountList, rows) == offsetof(struct list_message, rows) &&
                   offsetof(Clv__ProfileList, rows) == offsetof(struct list_message, rows) &&
                   offsetof(Clv__GroupList, rows) == offsetof(struct list_message, rows),
               "list messages are alike");

/* The window of n sorted items of `size` bytes, whose message lies `row` bytes inside each. */
static void answer_window(struct core *c, const struct console_request *q, uint16_t type,
                          ProtobufCMessage *list, struct window w, size_t total, size_t n, void *items,
                          size_t size, size_t row)
{
	struct list_message *out = (struct list_message *)list;

	out->req = q->req;
	out->total = total;
	out->matched = n;
	out->offset = w.offset;
	out->time = clock_wall_ms();
	out->n_rows = w.n;
	out->rows = clv_calloc(w.n + 1, sizeof(void *));
	for (size_t i = 0; i < w.n; i++)
		out->rows[i] = (uint8_t *)items + (w.offset + i) * size + row;
	console_answer(c, q, type, list, &out->time);
	clv_free(out->rows);
}

void console_accounts(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	const struct rule_list *l = &c->srv->rules->accounts;
	struct account_item *items = clv_calloc(l->n + 1, sizeof *items);
	Clv__AccountList out = CLV__ACCOUNT_LIST__INIT;
	struct filter *f = NULL;
	Clv__Recovery recovery;
	size_t n = 0, at = 0;
	bool anchored = false;
	struct window w;

	if (!prepare(c, q, m, FILTER_ACCOUNTS, &f)) {
		clv_free(items);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		account_pack(c, l->list[i], &items[n].row);
		account_show_claim(c, q, &items[n].row);
		account_fact(&items[n]);
		n += filter_account(f, &items[n].fact);
	}
	qsort(items, n, sizeof *items, compare);
	for (; *m->anchor && at < n && !anchored; at += !anchored)
		anchored = strcmp(items[at].row.name, m->anchor) == 0;
	w = cut(m, n, at, anchored);
	recovery_pack(c, q->console, &recovery);
	out.recovery = &recovery;
	answer_window(c, q, REP_ACCOUNTS, &out.base, w, l->n, n, items, sizeof *items,
	              offsetof(struct account_item, row));
	recovery_unpack(&recovery);
	clv_free(items);
	filter_free(f);
}

/* --- profiles: a row for each association, one for a profile without any --- */
/* Sorting moves items, so what they point at lies outside of them. */
struct profile_item {
	struct clv_profile_fact fact;
	Clv__Profile row;
};
#define TARGET_MAX 320u

void profile_target(const Clv__AssociationRow *u, char *out, size_t cap)
{
	if (u->kind == CLV_TARGET_ALL)
		(void)snprintf(out, cap, "all");
	else
		(void)snprintf(out, cap, "%s %s", clv_target_kind_word((enum clv_target_kind)u->kind),
		               u->target);
}

static size_t add_profile(const struct core *c, const struct rule *r, struct profile_item *items,
                          char (*targets)[TARGET_MAX], const struct filter *f)
{
	const Clv__ProfileRow *p = RULE_PROFILE(r);
	size_t n = 0;

	for (size_t i = 0; i < p->n_uses || (i == 0 && p->n_uses == 0); i++) {
		struct profile_item *x = &items[n];
		const struct rule *a = p->n_uses ? rules_account(c->srv, p->uses[i]->account) : NULL;

		clv__profile__init(&x->row);
		x->row.name = p->name;
		x->row.account =
		    a ? RULE_ACCOUNT(a)->name : (char *)(uintptr_t)(p->n_uses ? "(removed)" : "");
		targets[n][0] = 0;
		if (p->n_uses)
			profile_target(p->uses[i], targets[n], TARGET_MAX);
		x->row.target = targets[n];
		x->row.row_version = r->seq;
		x->fact = (struct clv_profile_fact){x->row.name, x->row.account, x->row.target, r->seq};
		n += filter_profile(f, &x->fact);
	}
	return n;
}

void console_profiles(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	const struct rule_list *l = &c->srv->rules->profiles;
	Clv__ProfileList out = CLV__PROFILE_LIST__INIT;
	struct profile_item *items;
	char(*targets)[TARGET_MAX];
	struct filter *f = NULL;
	size_t n = 0, total = 0;
	struct window w;

	if (!prepare(c, q, m, FILTER_PROFILES, &f))
		return;
	for (size_t i = 0; i < l->n; i++)
		total += RULE_PROFILE(l->list[i])->n_uses ? RULE_PROFILE(l->list[i])->n_uses : 1;
	items = clv_calloc(total + 1, sizeof *items);
	targets = clv_calloc(total + 1, sizeof *targets);
	for (size_t i = 0; i < l->n; i++)
		n += add_profile(c, l->list[i], items + n, targets + n, f);
	qsort(items, n, sizeof *items, compare);
	w = cut(m, n, 0, false);
	answer_window(c, q, REP_PROFILES, &out.base, w, total, n, items, sizeof *items,
	              offsetof(struct profile_item, row));
	clv_free(targets);
	clv_free(items);
	filter_free(f);
}

/* --- groups --- */
struct group_item {
	struct clv_group_fact fact;
	Clv__Group row;
};

static void pack_group(const struct core *c, const struct rule *r, struct group_item *x)
{
	const Clv__GroupRow *g = RULE_GROUP(r);
	char *spec = clv_asprintf("%s%s", DISTRIBUTION_GROUP, g->name);

	clv__group__init(&x->row);
	x->row.name = g->name;
	x->row.members = g->members;
	x->row.n_members = g->n_members;
	x->row.row_version = r->seq;
	for (size_t i = 0; i < c->srv->n_nodes; i++)
		x->row.hosts += distribution_covers(g->members, g->n_members, c->srv->nodes[i]->name,
		                                    rules_members, c->srv);
	x->row.used_by = clv_calloc(c->srv->rules->accounts.n + 1, sizeof(char *));
	for (size_t i = 0; i < c->srv->rules->accounts.n; i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(c->srv->rules->accounts.list[i]);

		for (size_t j = 0; j < a->n_goes_to; j++)
			if (strcmp(a->goes_to[j], spec) == 0) {
				x->row.used_by[x->row.n_used_by++] = a->name;
				break;
			}
	}
	x->fact = (struct clv_group_fact){.name = g->name, .hosts = x->row.hosts};
	clv_free(spec);
}

void console_groups(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	const struct rule_list *l = &c->srv->rules->groups;
	struct group_item *items;
	Clv__GroupList out = CLV__GROUP_LIST__INIT;
	struct filter *f = NULL;
	size_t n = 0;
	struct window w;

	if (!prepare(c, q, m, FILTER_GROUPS, &f))
		return;
	items = clv_calloc(l->n + 1, sizeof *items);
	for (size_t i = 0; i < l->n; i++) {
		pack_group(c, l->list[i], &items[n]);
		if (filter_group(f, &items[n].fact))
			n++;
		else
			clv_free(items[n].row.used_by);
	}
	qsort(items, n, sizeof *items, compare);
	w = cut(m, n, 0, false);
	answer_window(c, q, REP_GROUPS, &out.base, w, l->n, n, items, sizeof *items,
	              offsetof(struct group_item, row));
	for (size_t i = 0; i < n; i++)
		clv_free(items[i].row.used_by);
	clv_free(items);
	filter_free(f);
}
