/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about RunAs accounts to messages, for tests.
 */
#include "tests/lib/fake_encode.h"

#include "console.pb-c.h"
#include "proto/codec.h"

#include <stdlib.h>

static char *str(const char *s)
{
	return (char *)(uintptr_t)(s != NULL ? s : "");
}

static void put(struct clv_buf *out, const ProtobufCMessage *m)
{
	struct clv_err err;
	if (proto_encode(m, out, &err) != CLV_OK)
		abort();
}

static void account_message(Clv__Account *m, const struct clv_account_fact *a)
{
	clv__account__init(m);
	m->id = str(a->id);
	m->name = str(a->name);
	m->type = a->type;
	m->state = a->state;
	m->less_secure = a->less_secure;
	m->targets = a->targets;
	m->sent = a->sent;
	m->confirmed = a->confirmed;
	m->missing = a->missing;
	m->changed = a->changed;
	m->changed_by = str(a->changed_by);
	m->row_version = a->row_version;
	m->user = str(a->user);
	m->domain = str(a->domain);
	m->kept_by = str(a->kept_by);
	m->note = str(a->note);
	m->ends = a->ends;
	m->version = a->version;
	m->released = a->released;
	m->context = str(a->context);
	m->auth_protocol = str(a->auth_protocol);
	m->privacy_protocol = str(a->privacy_protocol);
	m->entered = a->entered;
	m->entered_by = str(a->entered_by);
	m->recovery = a->recovery;
	m->trial = a->trial;
	m->offline = a->offline;
	m->aside = str(a->aside);
	m->aside_by = str(a->aside_by);
	m->aside_at = a->aside_at;
	m->claim_by = str(a->claim_by);
	m->claim_at = a->claim_at;
	m->claim_mine = a->claim_mine;
}

static void recovery_message(Clv__Recovery *m, const struct clv_recovery_fact *r)
{
	clv__recovery__init(m);
	m->epoch = r->epoch;
	m->group_key = r->group_key;
	m->began = r->began;
	m->by = str(r->by);
	m->kept_keys = r->kept_keys;
	m->finished = r->finished;
	m->finished_by = str(r->finished_by);
	m->to_enter = r->to_enter;
	m->entered = r->entered;
	m->confirmed = r->confirmed;
	m->aside = r->aside;
	m->first_end = r->first_end;
	m->first_end_account = str(r->first_end_account);
	m->agents = r->agents;
	m->agents_back = r->agents_back;
	m->accounts = r->accounts;
	m->n_claims = r->n_claims;
	m->claims = clv_calloc(r->n_claims + 1, sizeof(*m->claims));
	for (size_t i = 0; i < r->n_claims; i++) {
		m->claims[i] = clv_calloc(1, sizeof(Clv__Claim));
		clv__claim__init(m->claims[i]);
		m->claims[i]->account = str(r->claims[i].account);
		m->claims[i]->by = str(r->claims[i].by);
		m->claims[i]->at = r->claims[i].at;
		m->claims[i]->mine = r->claims[i].mine;
	}
}

static void recovery_done(Clv__Recovery *m)
{
	for (size_t i = 0; i < m->n_claims; i++)
		clv_free(m->claims[i]);
	clv_free(m->claims);
}

void fake_encode_recovery(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_recovery_fact *r)
{
	Clv__Recovery m;
	recovery_message(&m, r);
	m.req = req;
	m.time = time;
	put(out, &m.base);
	recovery_done(&m);
}

void fake_encode_accounts(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                          uint64_t offset, const struct clv_account_fact *const *rows, size_t n,
                          const struct clv_recovery_fact *recovery)
{
	Clv__AccountList m = CLV__ACCOUNT_LIST__INIT;
	Clv__Account *space = clv_calloc(n + 1, sizeof(*space)), **list = clv_calloc(n + 1, sizeof(*list));
	Clv__Recovery r;
	recovery_message(&r, recovery);
	for (size_t i = 0; i < n; i++) {
		list[i] = &space[i];
		account_message(list[i], rows[i]);
	}
	m.req = req;
	m.time = time;
	m.total = total;
	m.matched = matched;
	m.offset = offset;
	m.n_rows = n;
	m.rows = list;
	m.recovery = &r;
	put(out, &m.base);
	recovery_done(&r);
	clv_free(list);
	clv_free(space);
}

static void profile_message(Clv__Profile *m, const struct clv_profile_fact *p)
{
	clv__profile__init(m);
	m->name = str(p->name);
	m->account = str(p->account);
	m->target = str(p->target);
	m->row_version = p->row_version;
}

static void group_message(Clv__Group *m, const struct clv_group_fact *g)
{
	clv__group__init(m);
	m->name = str(g->name);
	m->members = g->members;
	m->n_members = g->n_members;
	m->hosts = g->hosts;
	m->used_by = g->used_by;
	m->n_used_by = g->n_used_by;
	m->row_version = g->row_version;
}

static void server_message(Clv__Server *m, const struct clv_server_fact *s)
{
	clv__server__init(m);
	m->name = str(s->name);
	m->node_key_id = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)s->node_key_id,
	                                       .len = sizeof(s->node_key_id)};
	m->group_key = s->group_key;
	m->version = str(s->version);
	m->pem = str(s->pem);
	m->role = str(s->role);
	m->via = str(s->via);
	m->address = str(s->address);
	m->contact = s->contact;
	m->agents = s->agents;
	m->behind = s->behind;
}

#define LIST_OF(fn, Msg, init, Row, Fact, one)                                                     \
	void fn(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched, \
	        uint64_t offset, const Fact *const *rows, size_t n)                                \
	{                                                                                          \
		Msg m;                                                                             \
		Row *space = clv_calloc(n + 1, sizeof(*space));                                    \
		Row **list = clv_calloc(n + 1, sizeof(*list));                                     \
		init(&m);                                                                          \
		for (size_t i = 0; i < n; i++) {                                                   \
			list[i] = &space[i];                                                       \
			one(list[i], rows[i]);                                                     \
		}                                                                                  \
		m.req = req;                                                                       \
		m.time = time;                                                                     \
		m.total = total;                                                                   \
		m.matched = matched;                                                               \
		m.offset = offset;                                                                 \
		m.n_rows = n;                                                                      \
		m.rows = list;                                                                     \
		put(out, &m.base);                                                                 \
		clv_free(list);                                                                    \
		clv_free(space);                                                                   \
	}
LIST_OF(fake_encode_profiles, Clv__ProfileList, clv__profile_list__init, Clv__Profile,
        struct clv_profile_fact, profile_message)
LIST_OF(fake_encode_groups, Clv__GroupList, clv__group_list__init, Clv__Group, struct clv_group_fact,
        group_message)
LIST_OF(fake_encode_servers, Clv__ServerRows, clv__server_rows__init, Clv__Server, struct clv_server_fact,
        server_message)

static Clv__AccountHost **hosts_of(const struct clv_account_detail *d)
{
	Clv__AccountHost *space = clv_calloc(d->n_rows + 1, sizeof(*space)),
	                 **list = clv_calloc(d->n_rows + 1, sizeof(*list));
	list[0] = space;
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct clv_account_host *h = &d->rows[i];
		list[i] = &space[i];
		clv__account_host__init(list[i]);
		list[i]->host = str(h->host);
		list[i]->has = h->has;
		list[i]->meant = h->meant;
		list[i]->step = h->step;
		list[i]->sign = h->sign;
		list[i]->since = h->since;
		list[i]->why = str(h->why);
	}
	return list;
}

static Clv__AccountUse **uses_of(const struct clv_account_detail *d)
{
	Clv__AccountUse *space = clv_calloc(d->n_uses + 1, sizeof(*space)),
	                **list = clv_calloc(d->n_uses + 1, sizeof(*list));
	list[0] = space;
	for (size_t i = 0; i < d->n_uses; i++) {
		list[i] = &space[i];
		clv__account_use__init(list[i]);
		list[i]->profile = str(d->uses[i].profile);
		list[i]->target = str(d->uses[i].target);
	}
	return list;
}

void fake_encode_account(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_account_detail *d)
{
	Clv__AccountDetail m;
	Clv__Account account;
	clv__account_detail__init(&m);
	account_message(&account, &d->account);
	m.req = req;
	m.time = time;
	m.account = &account;
	m.goes_to = d->goes_to;
	m.n_goes_to = d->n_goes_to;
	m.uses = uses_of(d);
	m.n_uses = d->n_uses;
	m.also_in = d->also_in;
	m.n_also_in = d->n_also_in;
	m.hosts = d->hosts;
	m.unused = d->unused;
	m.sealed = d->sealed;
	m.sent = d->sent;
	m.opened = d->opened;
	m.tested = d->tested;
	m.failing = d->failing;
	m.waiting = d->waiting;
	m.has_check = d->has_check;
	m.rows = hosts_of(d);
	m.n_rows = d->n_rows;
	m.first = str(d->first);
	m.trial = d->trial;
	m.trial_text = str(d->trial_text);
	put(out, &m.base);
	clv_free(m.rows[0]);
	clv_free(m.rows);
	clv_free(m.uses[0]);
	clv_free(m.uses);
}

void fake_encode_plan(struct clv_buf *out, uint64_t req, const struct clv_plan_fact *p)
{
	Clv__Plan m;
	clv__plan__init(&m);
	m.req = req;
	m.text = str(p->text);
	m.gain_count = p->n_gains;
	m.lose_count = p->n_loses;
	m.offline_count = p->n_offline;
	m.gains = p->gains;
	m.n_gains = p->gains_len;
	m.loses = p->loses;
	m.n_loses = p->loses_len;
	m.offline = p->offline;
	m.n_offline = p->offline_len;
	m.warnings = p->warnings;
	m.n_warnings = p->warnings_len;
	m.row_version = p->row_version;
	put(out, &m.base);
}
