/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One account in full, for its page: where it goes, what uses it, how far each host is and why (P2); and
 * what a password for it is sealed to. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_accounts.h"
#include "keys/joincode.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_ROWS_MAX 500u
#define USES_MAX      2000u

struct rule *account_find(struct core *c, const struct console_request *q, const char *name,
                          uint64_t row_version)
{
	struct rule *r = rules_account_named(c->srv, name);
	struct clv_err err = {0};

	if (!r)
		(void)err_set(&err, CLV_E_NOTFOUND, "there is no account '%.200s'", name);
	else if (row_version && row_version != r->seq)
		(void)err_set(&err, CLV_E_CONFLICT, "Not done: %s changed %s meanwhile. Enter shows it.",
		              RULE_ACCOUNT(r)->changed_by, RULE_ACCOUNT(r)->name);
	if (err.code) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return NULL;
	}
	return r;
}

const char *account_first(const struct core *c, const Clv__AccountRow *a, uint32_t *hosts)
{
	const struct rule *r = rules_account(c->srv, a->id);
	const char *first = "";
	int best = 0;

	*hosts = 0;
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];
		const struct held *h;
		int worth;

		if (!rules_goes_to(c->srv, a, n->name))
			continue;
		(*hosts)++;
		if (!n->session || !n->has_key)
			continue;
		/* Where the last one worked before where none was tried, before where one failed. */
		h = r ? deliver_held(n, r) : NULL;
		worth = h && h->result == 1 ? 3 : h && h->result == 2 ? 1 : 2;
		if (worth > best) {
			best = worth;
			first = n->name;
		}
	}
	return first;
}

/* --- uses --- */
struct uses {
	Clv__AccountUse *rows, **list;
	char (*targets)[320];
	size_t n;
};

static void add_uses(const struct core *c, const struct rule *r, struct uses *u)
{
	const struct rule_list *l = &c->srv->rules->profiles;

	u->rows = clv_calloc(USES_MAX, sizeof *u->rows);
	u->list = clv_calloc(USES_MAX, sizeof(Clv__AccountUse *));
	u->targets = clv_calloc(USES_MAX, sizeof *u->targets);
	for (size_t i = 0; i < l->n; i++) {
		const Clv__ProfileRow *p = RULE_PROFILE(l->list[i]);

		for (size_t j = 0; j < p->n_uses && u->n < USES_MAX; j++) {
			if (strcmp(p->uses[j]->account, r->key) != 0)
				continue;
			clv__account_use__init(&u->rows[u->n]);
			profile_target(p->uses[j], u->targets[u->n], sizeof u->targets[0]);
			u->rows[u->n].profile = p->name;
			u->rows[u->n].target = u->targets[u->n];
			u->list[u->n] = &u->rows[u->n];
			u->n++;
		}
	}
}

static bool is_used_at(const struct core *c, const struct rule *r, const struct node *n)
{
	const struct rule_list *l = &c->srv->rules->profiles;

	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < RULE_PROFILE(l->list[i])->n_uses; j++) {
			const Clv__AssociationRow *u = RULE_PROFILE(l->list[i])->uses[j];

			if (strcmp(u->account, r->key) == 0 && deliver_target_is(c, u, n->name))
				return true;
		}
	return false;
}

/* --- hosts --- */
struct hosts {
	Clv__AccountHost *rows, **list;
	char **why;
	size_t n;
	uint32_t unused, waiting;
};

enum clv_step account_step(const struct held *h, uint64_t meant, bool trial)
{
	if (!h)
		return CLV_STEP_NONE;
	if (account_has(h, meant, trial))
		return h->tried == meant && h->result == 1 ? CLV_STEP_TESTED : CLV_STEP_OPENED;
	return h->sent >= meant ? CLV_STEP_SENT : h->sealed >= meant ? CLV_STEP_SEALED : CLV_STEP_NONE;
}

/* Each failure with why and what happens next. */
static char *say_why(const struct node *n, const struct held *h, enum clv_step step, bool failed)
{
	if (failed)
		return clv_asprintf("%.300s; the version before it stays where it is in use",
		                    h->text ? h->text : "it could not be used");
	if (!n->has_key)
		return clv_strdup("it has published no key yet; sealed when it does");
	if (!n->session)
		return clv_asprintf("%s; it gets it when it returns",
		                    n->last_seen ? "not in touch" : "never seen");
	if (step == CLV_STEP_SENT || step == CLV_STEP_SEALED)
		return clv_strdup("on its way; asked again within a minute");
	if (step == CLV_STEP_OPENED)
		return clv_strdup(h->tried && h->result == 3 ? "no profile there has a check"
		                                             : "its check runs");
	return clv_strdup("its configuration is being sealed");
}

static bool is_done(const struct held *h, uint64_t meant, enum clv_step step)
{
	return step == CLV_STEP_TESTED ||
	       (step == CLV_STEP_OPENED && h && h->tried == meant && h->result == 3);
}

static void add_host(const struct core *c, const struct rule *r, const struct node *n, struct hosts *h)
{
	bool trial = false, failed;
	uint64_t meant = account_meant(RULE_ACCOUNT(r), n, &trial);
	const struct held *d = deliver_held(n, r);
	enum clv_step step = account_step(d, meant, trial);
	Clv__AccountHost *row;

	h->unused += !is_used_at(c, r, n);
	if (!meant || is_done(d, meant, step))
		return;
	failed = d && d->result == 2 && (d->tried == meant || d->tried == RULE_ACCOUNT(r)->version);
	h->waiting += !failed;
	if (h->n == HOST_ROWS_MAX)
		return;
	row = &h->rows[h->n];
	clv__account_host__init(row);
	row->host = n->name;
	row->has = d ? d->has : 0;
	row->meant = meant;
	row->step = step;
	row->sign = failed ? CLV_LEVEL_ERROR : n->session ? CLV_LEVEL_INFORMATION : CLV_LEVEL_WARNING;
	row->since = d ? d->since : 0;
	h->why[h->n] = say_why(n, d, step, failed);
	row->why = h->why[h->n];
	h->list[h->n] = row;
	h->n++;
}

/* The host where the newest version failed is shown although it is meant to have the one before. */
static void add_failed(const struct core *c, const struct rule *r, struct hosts *h)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);

	if (a->trial != CLV_TRIAL_FAILED)
		return;
	for (size_t i = 0; i < c->srv->n_nodes && h->n < HOST_ROWS_MAX; i++) {
		const struct node *n = c->srv->nodes[i];
		const struct held *d = deliver_held(n, r);
		Clv__AccountHost *row = &h->rows[h->n];

		if (!d || d->result != 2 || d->tried != a->version)
			continue;
		for (size_t j = 0; j < h->n; j++)
			if (strcmp(h->rows[j].host, n->name) == 0)
				return;
		clv__account_host__init(row);
		row->host = n->name;
		row->has = d->has;
		row->meant = a->version;
		row->step = CLV_STEP_OPENED;
		row->sign = CLV_LEVEL_ERROR;
		row->since = d->since;
		h->why[h->n] = say_why(n, d, CLV_STEP_OPENED, true);
		row->why = h->why[h->n];
		h->list[h->n++] = row;
	}
}

static void collect_hosts(const struct core *c, const struct rule *r, struct hosts *h)
{
	h->rows = clv_calloc(HOST_ROWS_MAX, sizeof *h->rows);
	h->list = clv_calloc(HOST_ROWS_MAX, sizeof(Clv__AccountHost *));
	h->why = clv_calloc(HOST_ROWS_MAX, sizeof(char *));
	for (size_t i = 0; i < c->srv->n_nodes; i++)
		if (rules_goes_to(c->srv, RULE_ACCOUNT(r), c->srv->nodes[i]->name))
			add_host(c, r, c->srv->nodes[i], h);
	add_failed(c, r, h);
}

static size_t find_twins(const struct core *c, const Clv__AccountRow *a, char **out)
{
	const struct rule_list *l = &c->srv->rules->accounts;
	size_t n = 0;

	for (size_t i = 0; i < l->n && *a->user; i++) {
		const Clv__AccountRow *o = RULE_ACCOUNT(l->list[i]);

		if (strcmp(o->id, a->id) != 0 && strcmp(o->user, a->user) == 0 &&
		    strcmp(o->domain, a->domain) == 0)
			out[n++] = o->name;
	}
	return n;
}

void console_account(struct core *c, const struct console_request *q, const Clv__AccountRequest *m)
{
	const struct rule *r = account_find(c, q, m->name, 0);
	Clv__AccountDetail out = CLV__ACCOUNT_DETAIL__INIT;
	struct account_counts k;
	struct uses u = {0};
	struct hosts h = {0};
	Clv__Account row;
	const Clv__AccountRow *a;

	if (!r)
		return;
	a = RULE_ACCOUNT(r);
	account_pack(c, r, &row);
	account_show_claim(c, q, &row);
	account_count(c, r, &k);
	add_uses(c, r, &u);
	collect_hosts(c, r, &h);
	out.req = q->req;
	out.time = clock_wall_ms();
	out.account = &row;
	out.n_goes_to = a->n_goes_to;
	out.goes_to = a->goes_to;
	out.uses = u.list;
	out.n_uses = u.n;
	out.also_in = clv_calloc(c->srv->rules->accounts.n + 1, sizeof(char *));
	out.n_also_in = find_twins(c, a, out.also_in);
	out.hosts = k.targets;
	out.unused = h.unused;
	out.sealed = k.sealed;
	out.sent = k.sent;
	out.opened = k.opened;
	out.tested = k.tested;
	out.failing = k.failing ? k.failing : a->trial == CLV_TRIAL_FAILED;
	out.waiting = h.waiting;
	out.has_check = k.has_check;
	out.rows = h.list;
	out.n_rows = h.n;
	out.first = a->first;
	out.trial = a->trial;
	out.trial_text = a->trial_text;
	console_answer(c, q, REP_ACCOUNT, &out.base, &out.time);
	for (size_t i = 0; i < h.n; i++)
		clv_free(h.why[i]);
	clv_free(h.why);
	clv_free(h.rows);
	clv_free(h.list);
	clv_free(u.rows);
	clv_free(u.list);
	clv_free(u.targets);
	clv_free(out.also_in);
}

/* --- what a password is sealed to --- */
struct intake {
	uint64_t conn, req;
	char *account, *principal;
};

static void on_intake(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	const Clv__KhIntake *k = (const Clv__KhIntake *)m;
	struct intake *i = ctx;
	const struct rule *r = rules_account_named(c->srv, i->account);
	Clv__Intake out = CLV__INTAKE__INIT;
	struct account_counts counts;

	(void)type;
	if (!m) {
		console_refuse(c, i->conn, i->req, err, 0);
	} else if (!*i->account) { /* for the code of a server that joins */
		out.req = i->req;
		out.statement = k->body;
		out.signature = k->signature;
		out.group_key = PROTO_BYTES(buf_slice(&c->group_key));
		out.group = c->start->group;
		out.account_id = (char *)(uintptr_t)JOIN_ACCOUNT;
		out.principal = i->principal;
		console_reply(c, i->conn, REP_INTAKE, &out.base);
	} else if (r) {
		const Clv__AccountRow *a = RULE_ACCOUNT(r);

		out.req = i->req;
		out.statement = k->body;
		out.signature = k->signature;
		out.group_key = PROTO_BYTES(buf_slice(&c->group_key));
		out.group = c->start->group;
		out.account_id = a->id;
		out.account = a->name;
		out.type = a->type;
		out.user = a->user;
		out.domain = a->domain;
		out.version = a->version;
		out.principal = i->principal;
		account_count(c, r, &counts);
		out.has_check = counts.has_check;
		out.first = (char *)(uintptr_t)account_first(c, a, &out.hosts);
		out.row_version = r->seq;
		console_reply(c, i->conn, REP_INTAKE, &out.base);
	}
	clv_free(i->account);
	clv_free(i->principal);
	clv_free(i);
}

void console_intake(struct core *c, const struct console_request *q, const Clv__IntakeRequest *m)
{
	Clv__KhIntakeRequest k = CLV__KH_INTAKE_REQUEST__INIT;
	struct intake *i;

	if (*m->name && !account_find(c, q, m->name, 0))
		return;
	i = clv_calloc(1, sizeof *i);
	i->conn = q->conn;
	i->req = q->req;
	i->account = clv_strdup(m->name);
	i->principal = clv_strdup(q->console->principals[0]);
	kh_ask(c, IPC_KH_INTAKE_REQUEST, &k.base, on_intake, i);
}
