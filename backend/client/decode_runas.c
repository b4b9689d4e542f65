/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies about RunAs accounts, profiles, groups and servers become facts. Runs in the console.
 * What a password is sealed to is taken in intake.c, which checks its signature first.
 */
#include "client/decode_parts.h"

static void take_account(struct clv_account_fact *a, const Clv__Account *m)
{
	a->id = decode_dup_or_empty(m->id);
	a->name = decode_dup_or_empty(m->name);
	a->type = (enum clv_account_type)decode_within(m->type, CLV_ACCOUNT_TYPE_MAX);
	a->state = (enum clv_account_state)decode_within(m->state, CLV_ACCOUNT_STATE_MAX);
	a->less_secure = m->less_secure;
	a->targets = m->targets;
	a->sent = m->sent;
	a->confirmed = m->confirmed;
	a->missing = m->missing;
	a->changed = m->changed;
	a->changed_by = decode_dup_or_empty(m->changed_by);
	a->user = decode_dup_or_empty(m->user);
	a->domain = decode_dup_or_empty(m->domain);
	a->kept_by = decode_dup_or_empty(m->kept_by);
	a->note = decode_dup_or_empty(m->note);
	a->context = decode_dup_or_empty(m->context);
	a->auth_protocol = decode_dup_or_empty(m->auth_protocol);
	a->privacy_protocol = decode_dup_or_empty(m->privacy_protocol);
	a->ends = m->ends;
	a->version = m->version;
	a->released = m->released;
	a->row_version = m->row_version;
	a->entered = m->entered;
	a->entered_by = decode_dup_or_empty(m->entered_by);
	a->recovery = (enum clv_recovery_phase)decode_within(m->recovery, CLV_RECOVERY_PHASE_MAX);
	a->trial = (enum clv_trial)decode_within(m->trial, CLV_TRIAL_MAX);
	a->offline = m->offline;
	a->aside = decode_dup_or_empty(m->aside);
	a->aside_by = decode_dup_or_empty(m->aside_by);
	a->aside_at = m->aside_at;
	a->claim_by = decode_dup_or_empty(m->claim_by);
	a->claim_at = m->claim_at;
	a->claim_mine = m->claim_mine;
}

static void take_claim(struct clv_claim_fact *c, const Clv__Claim *m)
{
	c->account = decode_dup_or_empty(m->account);
	c->by = decode_dup_or_empty(m->by);
	c->at = m->at;
	c->mine = m->mine;
}

static struct clv_recovery_fact *take_recovery(const Clv__Recovery *m)
{
	struct clv_recovery_fact *r = clv_calloc(1, sizeof(*r));
	r->epoch = m->epoch;
	r->group_key = m->group_key;
	r->began = m->began;
	r->finished = m->finished;
	r->by = decode_dup_or_empty(m->by);
	r->finished_by = decode_dup_or_empty(m->finished_by);
	r->kept_keys = m->kept_keys;
	r->accounts = m->accounts;
	r->to_enter = m->to_enter;
	r->entered = m->entered;
	r->confirmed = m->confirmed;
	r->aside = m->aside;
	r->agents = m->agents;
	r->agents_back = m->agents_back;
	r->first_end = m->first_end;
	r->first_end_account = decode_dup_or_empty(m->first_end_account);
	r->claims = clv_calloc(m->n_claims + 1, sizeof(*r->claims));
	r->n_claims = m->n_claims;
	for (size_t i = 0; i < m->n_claims; i++)
		take_claim(&r->claims[i], m->claims[i]);
	return r;
}

void decode_recovery(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Recovery *m = (const Clv__Recovery *)base;
	r->kind = CLV_REPLY_RECOVERY;
	r->req = m->req;
	r->time = m->time;
	r->recovery = take_recovery(m);
}

void decode_claim(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__ClaimReply *m = (const Clv__ClaimReply *)base;
	r->kind = CLV_REPLY_CLAIM;
	r->req = m->req;
	r->time = m->time;
	if (m->other == NULL)
		return;
	r->claim = clv_calloc(1, sizeof(*r->claim));
	take_claim(r->claim, m->other);
}

static void take_profile(struct clv_profile_fact *p, const Clv__Profile *m)
{
	p->name = decode_dup_or_empty(m->name);
	p->account = decode_dup_or_empty(m->account);
	p->target = decode_dup_or_empty(m->target);
	p->row_version = m->row_version;
}

static void take_group(struct clv_group_fact *g, const Clv__Group *m)
{
	g->name = decode_dup_or_empty(m->name);
	g->members = decode_strings(m->members, m->n_members);
	g->n_members = m->n_members;
	g->hosts = m->hosts;
	g->used_by = decode_strings(m->used_by, m->n_used_by);
	g->n_used_by = m->n_used_by;
	g->row_version = m->row_version;
}

static void take_server(struct clv_server_fact *s, const Clv__Server *m)
{
	s->name = decode_dup_or_empty(m->name);
	decode_bytes(&m->node_key_id, s->node_key_id, sizeof(s->node_key_id));
	s->group_key = m->group_key;
	s->version = decode_dup_or_empty(m->version);
	s->pem = decode_dup_or_empty(m->pem);
	s->role = clv_strdup(*m->role ? m->role : "management-server");
	s->via = decode_dup_or_null(m->via);
	s->address = decode_dup_or_empty(m->address);
	s->contact = m->contact < CLV_CONTACT_MAX ? (enum clv_contact)m->contact : CLV_CONTACT_DOWN;
	s->agents = m->agents;
	s->behind = m->behind;
}

static LIST_TAKER(take_accounts, Clv__AccountList, CLV_LIST_ACCOUNTS, accounts, struct clv_account_fact,
                  take_account)

    void decode_accounts(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__AccountList *m = (const Clv__AccountList *)base;
	take_accounts(r, base);
	if (m->recovery != NULL)
		r->rows.recovery = take_recovery(m->recovery);
}

LIST_TAKER(decode_profiles, Clv__ProfileList, CLV_LIST_PROFILES, profiles, struct clv_profile_fact,
           take_profile)
LIST_TAKER(decode_groups, Clv__GroupList, CLV_LIST_GROUPS, groups, struct clv_group_fact, take_group)
LIST_TAKER(decode_servers, Clv__ServerRows, CLV_LIST_SERVERS, servers, struct clv_server_fact, take_server)

static void take_host(struct clv_account_host *h, const Clv__AccountHost *m)
{
	h->host = decode_dup_or_empty(m->host);
	h->has = m->has;
	h->meant = m->meant;
	h->step = (enum clv_step)decode_within(m->step, CLV_STEP_MAX);
	h->sign = (enum clv_level)decode_within(m->sign, CLV_LEVEL_MAX);
	h->since = m->since;
	h->why = decode_dup_or_empty(m->why);
}

static void take_account_counts(struct clv_account_detail *d, const Clv__AccountDetail *m)
{
	d->hosts = m->hosts;
	d->unused = m->unused;
	d->sealed = m->sealed;
	d->sent = m->sent;
	d->opened = m->opened;
	d->tested = m->tested;
	d->failing = m->failing;
	d->waiting = m->waiting;
	d->has_check = m->has_check;
}

void decode_account(struct clv_reply *r, const ProtobufCMessage *base)
{
	static const Clv__Account nothing = CLV__ACCOUNT__INIT;
	const Clv__AccountDetail *m = (const Clv__AccountDetail *)base;
	r->kind = CLV_REPLY_ACCOUNT;
	r->req = m->req;
	r->time = m->time;
	struct clv_account_detail *d = r->account = clv_calloc(1, sizeof(*d));
	take_account(&d->account, m->account != NULL ? m->account : &nothing);
	take_account_counts(d, m);
	d->goes_to = decode_strings(m->goes_to, m->n_goes_to);
	d->n_goes_to = m->n_goes_to;
	d->also_in = decode_strings(m->also_in, m->n_also_in);
	d->n_also_in = m->n_also_in;
	d->uses = clv_calloc(m->n_uses + 1, sizeof(*d->uses));
	d->n_uses = m->n_uses;
	for (size_t i = 0; i < m->n_uses; i++) {
		d->uses[i].profile = decode_dup_or_empty(m->uses[i]->profile);
		d->uses[i].target = decode_dup_or_empty(m->uses[i]->target);
	}
	d->rows = clv_calloc(m->n_rows + 1, sizeof(*d->rows));
	d->n_rows = m->n_rows;
	for (size_t i = 0; i < m->n_rows; i++)
		take_host(&d->rows[i], m->rows[i]);
	d->first = decode_dup_or_empty(m->first);
	d->trial = (enum clv_trial)decode_within(m->trial, CLV_TRIAL_MAX);
	d->trial_text = decode_dup_or_empty(m->trial_text);
	d->events = decode_events(m->events, m->n_events);
	d->n_events = m->n_events;
}

void decode_plan(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Plan *m = (const Clv__Plan *)base;
	r->kind = CLV_REPLY_PLAN;
	r->req = m->req;
	struct clv_plan_fact *p = r->plan = clv_calloc(1, sizeof(*p));
	p->text = decode_dup_or_empty(m->text);
	p->n_gains = m->gain_count;
	p->n_loses = m->lose_count;
	p->n_offline = m->offline_count;
	p->gains = decode_strings(m->gains, m->n_gains);
	p->gains_len = m->n_gains;
	p->loses = decode_strings(m->loses, m->n_loses);
	p->loses_len = m->n_loses;
	p->offline = decode_strings(m->offline, m->n_offline);
	p->offline_len = m->n_offline;
	p->warnings = decode_strings(m->warnings, m->n_warnings);
	p->warnings_len = m->n_warnings;
	p->row_version = m->row_version;
}
