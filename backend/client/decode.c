/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of the server become facts. What arrives is checked against its own lists and lengths
 * here, so that no view ever indexes with a number from the wire. Runs in the console.
 */
#include "client/decode.h"

#include "client/decode_parts.h"
#include "proto/codec.h"
#include "proto/types.h"

#include <string.h>

/* An empty string on the wire is an absent one. */
char *decode_dup_or_null(const char *s)
{
	return (s == NULL || s[0] == '\0') ? NULL : clv_strdup(s);
}

char *decode_dup_or_empty(const char *s)
{
	return clv_strdup(s != NULL ? s : "");
}

int decode_within(uint32_t v, int max)
{
	return v < (uint32_t)max ? (int)v : 0;
}

bool decode_bytes(const ProtobufCBinaryData *b, uint8_t *out, size_t len)
{
	memset(out, 0, len);
	if (b->len != len)
		return false;
	memcpy(out, b->data, len);
	return true;
}

char **decode_strings(char *const *from, size_t n)
{
	char **out = n > 0 ? clv_calloc(n, sizeof(*out)) : NULL;
	for (size_t i = 0; i < n; i++)
		out[i] = decode_dup_or_empty(from[i]);
	return out;
}

static void take_key(struct clv_key_fact *k, const Clv__Key *m)
{
	k->generation = m->generation;
	k->ordinal = m->ordinal;
	k->state = (enum clv_key_state)decode_within(m->state, CLV_KEY_STATE_MAX);
	decode_bytes(&m->sha1, k->sha1, sizeof(k->sha1));
	decode_bytes(&m->sha256, k->sha256, sizeof(k->sha256));
	memcpy(k->key_id, k->sha256, sizeof(k->key_id)); /* event 7006's value is its first half */
	k->rsa_bits = m->rsa_bits;
	k->not_before = m->not_before;
	k->not_after = m->not_after;
	k->made = m->made;
	k->published = m->published;
	k->stored = m->stored;
	k->in_use = m->in_use;
	k->confirmed = m->confirmed;
	k->retired = m->retired;
	k->destroyed = m->destroyed;
	k->refused = m->refused;
	k->reason = decode_dup_or_null(m->reason);
	k->pem = decode_dup_or_null(m->pem);
}

static void take_agent(struct clv_agent_fact *a, const Clv__Agent *m)
{
	a->name = decode_dup_or_empty(m->name);
	a->approval = (enum clv_approval)decode_within(m->approval, CLV_APPROVAL_MAX);
	a->contact = (enum clv_contact)decode_within(m->contact, CLV_CONTACT_MAX);
	a->has_key = m->key != NULL;
	if (m->key != NULL)
		take_key(&a->key, m->key);
	a->gateway = decode_dup_or_null(m->gateway);
	a->server = decode_dup_or_null(m->server);
	a->mechanism = (enum clv_mechanism)decode_within(m->mechanism, CLV_MECHANISM_MAX);
	a->protocol = decode_dup_or_null(m->protocol);
	a->cipher = decode_dup_or_null(m->cipher);
	a->last_seen = m->last_seen;
	a->config_version = m->config_version;
	a->config_ordinal = m->config_ordinal;
	a->row_version = m->row_version;
}

static void take_event(struct clv_event_fact *e, const Clv__Event *m)
{
	e->seq = m->seq;
	e->time = m->time;
	e->node = decode_dup_or_empty(m->node);
	e->source = decode_dup_or_empty(m->source);
	e->id = m->id;
	e->level = (enum clv_level)decode_within(m->level, CLV_LEVEL_MAX);
	e->category = decode_dup_or_empty(m->category);
	e->text = decode_dup_or_empty(m->text);
}

struct clv_event_fact *decode_events(Clv__Event *const *from, size_t n)
{
	struct clv_event_fact *out = clv_calloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		take_event(&out[i], from[i]);
	return out;
}

static void take_pending(struct clv_pending_fact *p, const Clv__Pending *m)
{
	p->id = m->id;
	p->name = decode_dup_or_empty(m->name);
	p->role = decode_dup_or_empty(m->role);
	p->from = decode_dup_or_empty(m->from);
	p->came_by = decode_dup_or_empty(m->came_by);
	p->looks_like = decode_dup_or_empty(m->looks_like);
	p->conflict = m->conflict;
	p->time = m->time;
	p->fingerprint_hidden = decode_dup_or_empty(m->fingerprint_hidden);
	p->known_fingerprint = decode_dup_or_null(m->known_fingerprint);
	p->known_pinned_at = m->known_pinned_at;
	p->known_pinned_by = decode_dup_or_null(m->known_pinned_by);
	p->known_from = decode_dup_or_null(m->known_from);
	p->known_alive = m->known_alive;
	p->machine = decode_dup_or_null(m->machine);
	p->known_machine = decode_dup_or_null(m->known_machine);
	p->vouched = m->vouched;
}

static void take_audit(struct clv_audit_fact *a, const Clv__Audit *m)
{
	a->seq = m->seq;
	a->time = m->time;
	a->who = decode_dup_or_empty(m->who);
	a->from = decode_dup_or_empty(m->from);
	a->act = decode_dup_or_empty(m->act);
	a->object = decode_dup_or_empty(m->object);
	a->result = decode_dup_or_empty(m->result);
	a->detail = decode_dup_or_empty(m->detail);
	decode_bytes(&m->hash, a->hash, sizeof(a->hash));
}

static void take_role(struct clv_role_fact *r, const Clv__Role *m)
{
	r->principal = decode_dup_or_empty(m->principal);
	r->role = (enum clv_role)decode_within(m->role, CLV_ROLE_MAX);
	r->since = m->since;
	r->by = decode_dup_or_null(m->by);
}

static void take_request(struct clv_request_fact *r, const Clv__RequestRow *m)
{
	r->name = decode_dup_or_empty(m->name);
	r->role = (enum clv_role)decode_within(m->role, CLV_ROLE_MAX);
	r->changes = m->changes;
	r->help = decode_dup_or_empty(m->help);
}

/* --- one function for each body --- */

static LIST_TAKER(take_agents, Clv__AgentList, CLV_LIST_AGENTS, agents, struct clv_agent_fact, take_agent) static LIST_TAKER(
    take_events, Clv__EventList, CLV_LIST_EVENTS, events, struct clv_event_fact,
    take_event) static LIST_TAKER(take_pendings, Clv__PendingList, CLV_LIST_PENDING, pending,
                                  struct clv_pending_fact,
                                  take_pending) static LIST_TAKER(take_audits, Clv__AuditList, CLV_LIST_AUDIT,
                                                                  audit, struct clv_audit_fact,
                                                                  take_audit) static LIST_TAKER(take_roles,
                                                                                                Clv__RoleList,
                                                                                                CLV_LIST_ROLES,
                                                                                                roles,
                                                                                                struct
                                                                                                clv_role_fact,
                                                                                                take_role) static LIST_TAKER(take_requests,
                                                                                                                             Clv__RequestList,
                                                                                                                             CLV_LIST_REQUESTS,
                                                                                                                             requests,
                                                                                                                             struct
                                                                                                                             clv_request_fact,
                                                                                                                             take_request)

    static void take_refused(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Refused *m = (const Clv__Refused *)base;
	r->kind = CLV_REPLY_REFUSED;
	r->req = m->req;
	r->code = (m->code > CLV_E_NONE && m->code < CLV_E_MAX) ? (enum clv_code)m->code : CLV_E_INTERNAL;
	r->text = decode_dup_or_empty(m->text);
	r->audit_row = m->audit_row;
}

static void take_done(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Done *m = (const Clv__Done *)base;
	r->kind = CLV_REPLY_DONE;
	r->req = m->req;
	r->text = decode_dup_or_empty(m->text);
	r->row_version = m->row_version;
	r->audit_row = m->audit_row;
}

static void take_whoami(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Whoami *m = (const Clv__Whoami *)base;
	r->kind = CLV_REPLY_WHOAMI;
	r->req = m->req;
	struct clv_whoami_fact *w = r->whoami = clv_calloc(1, sizeof(*w));
	w->principal = decode_dup_or_empty(m->principal);
	w->name = decode_dup_or_empty(m->name);
	w->role = (enum clv_role)decode_within(m->role, CLV_ROLE_MAX);
	w->group = decode_dup_or_empty(m->group);
	w->server = decode_dup_or_empty(m->server);
	w->channel = decode_dup_or_empty(m->channel);
}

static void take_overview_counts(struct clv_overview_fact *o, const Clv__Overview *m)
{
	o->agents = m->agents;
	o->up = m->up;
	o->silent = m->silent;
	o->pending = m->pending;
	o->conflicts = m->conflicts;
	o->keys = m->keys;
	o->confirmed = m->confirmed;
	o->on_the_way = m->on_the_way;
	o->late = m->late;
	o->refused = m->refused;
	o->ends_7d = m->ends_7d;
	o->ends_30d = m->ends_30d;
	o->ends_90d = m->ends_90d;
	o->ends_total = m->ends_total;
	o->turned_away = m->turned_away;
	o->audit_rows = m->audit_rows;
	o->audit_checked = m->audit_checked;
	o->accounts = m->accounts;
	o->accounts_done = m->accounts_done;
	o->accounts_missing = m->accounts_missing;
	o->alerts = m->alerts;
	o->alerts_critical = m->alerts_critical;
	o->alerts_checked = m->alerts_checked;
	o->alerts_verified = m->alerts_verified;
	o->attached = clv_calloc(m->n_attached + 1, sizeof(*o->attached));
	for (size_t i = 0; i < m->n_attached; i++)
		o->attached[o->n_attached++] = decode_dup_or_empty(m->attached[i]);
}

static void take_overview(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Overview *m = (const Clv__Overview *)base;
	r->kind = CLV_REPLY_OVERVIEW;
	r->req = m->req;
	r->time = m->time;
	struct clv_overview_fact *o = r->overview = clv_calloc(1, sizeof(*o));
	o->time = m->time;
	o->group = decode_dup_or_empty(m->group);
	o->server = decode_dup_or_empty(m->server);
	o->server_version = decode_dup_or_empty(m->server_version);
	o->listen = decode_dup_or_empty(m->listen);
	decode_bytes(&m->node_key_id, o->node_key_id, sizeof(o->node_key_id));
	take_overview_counts(o, m);
	for (size_t i = 0; i < m->n_renewals && i < sizeof(o->renewals) / sizeof(o->renewals[0]); i++)
		o->renewals[i] = m->renewals[i];
	o->needs = clv_calloc(m->n_needs + 1, sizeof(*o->needs));
	o->n_needs = m->n_needs;
	for (size_t i = 0; i < m->n_needs; i++) {
		o->needs[i].level = (enum clv_level)decode_within(m->needs[i]->level, CLV_LEVEL_MAX);
		o->needs[i].text = decode_dup_or_empty(m->needs[i]->text);
		o->needs[i].go = decode_dup_or_empty(m->needs[i]->go);
		o->needs[i].key = decode_dup_or_empty(m->needs[i]->key);
		o->needs[i].aside_until = m->needs[i]->aside_until;
		o->needs[i].aside_by = decode_dup_or_empty(m->needs[i]->aside_by);
		o->needs[i].aside_reason = decode_dup_or_empty(m->needs[i]->aside_reason);
	}
}

static void take_agent_accounts(struct clv_agent_detail *d, const Clv__AgentDetail *m)
{
	d->accounts = m->accounts;
	d->accounts_confirmed = m->accounts_confirmed;
	d->accounts_missing = m->accounts_missing;
	d->account_rows = clv_calloc(m->n_account_rows + 1, sizeof(*d->account_rows));
	d->n_account_rows = m->n_account_rows;
	for (size_t i = 0; i < m->n_account_rows; i++) {
		const Clv__AgentAccount *a = m->account_rows[i];
		d->account_rows[i] =
		    (struct clv_agent_account){.name = decode_dup_or_empty(a->name),
		                               .version = a->version,
		                               .step = (enum clv_step)decode_within(a->step, CLV_STEP_MAX),
		                               .since = a->since,
		                               .missing = a->missing,
		                               .held_back = a->held_back};
	}
}

static void take_detail(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__AgentDetail *m = (const Clv__AgentDetail *)base;
	r->kind = CLV_REPLY_AGENT;
	r->req = m->req;
	r->time = m->time;
	struct clv_agent_detail *d = r->agent = clv_calloc(1, sizeof(*d));
	if (m->agent != NULL)
		take_agent(&d->agent, m->agent);
	else
		d->agent.name = clv_strdup("");
	d->keys = clv_calloc(m->n_keys + 1, sizeof(*d->keys));
	d->n_keys = m->n_keys;
	for (size_t i = 0; i < m->n_keys; i++)
		take_key(&d->keys[i], m->keys[i]);
	d->link_since = m->link_since;
	d->clock_known = m->clock_known;
	d->clock_ahead_ms = m->clock_ahead_ms;
	d->clock_error_ms = m->clock_error_ms;
	d->fingerprint_agreed =
	    decode_bytes(&m->fingerprint, d->fingerprint, sizeof(d->fingerprint)) && m->fingerprint_agreed;
	d->has_channel_cert =
	    decode_bytes(&m->channel_thumbprint, d->channel_thumbprint, sizeof(d->channel_thumbprint));
	d->channel_not_after = m->channel_not_after;
	d->has_configured =
	    decode_bytes(&m->channel_configured, d->channel_configured, sizeof(d->channel_configured));
	decode_bytes(&m->node_key_id, d->node_key_id, sizeof(d->node_key_id));
	d->pinned_at = m->pinned_at;
	d->pinned_by = decode_dup_or_null(m->pinned_by);
	d->machine_matches = m->machine_matches;
	d->config_confirmed = m->config_confirmed;
	d->config_confirmed_ordinal = m->config_confirmed_ordinal;
	d->config_confirmed_at = m->config_confirmed_at;
	d->events = decode_events(m->events, m->n_events);
	d->n_events = m->n_events;
	take_agent_accounts(d, m);
}

static void take_things(struct clv_reply *r, const Clv__ThingList *m, enum clv_list list)
{
	r->kind = CLV_REPLY_LIST;
	r->req = m->req;
	r->time = m->time;
	r->rows = (struct clv_rows){.list = list,
	                            .total = m->total,
	                            .matched = m->matched,
	                            .offset = m->offset,
	                            .time = m->time,
	                            .n = m->n_rows};
	r->rows.u.things = clv_calloc(m->n_rows + 1, sizeof(*r->rows.u.things));
	for (size_t i = 0; i < m->n_rows; i++) {
		const Clv__Thing *t = m->rows[i];
		r->rows.u.things[i] =
		    (struct clv_thing_fact){.seq = t->seq,
		                            .level = (enum clv_level)decode_within(t->level, CLV_LEVEL_MAX),
		                            .ends = t->ends,
		                            .what = decode_dup_or_empty(t->what),
		                            .whose = decode_dup_or_empty(t->whose),
		                            .text = decode_dup_or_empty(t->text),
		                            .go = decode_dup_or_empty(t->go)};
	}
}

static void take_expiry(struct clv_reply *r, const ProtobufCMessage *m)
{
	take_things(r, (const Clv__ThingList *)m, CLV_LIST_EXPIRY);
}

static void take_found(struct clv_reply *r, const ProtobufCMessage *m)
{
	take_things(r, (const Clv__ThingList *)m, CLV_LIST_FOUND);
}

static void take_audit_check(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__AuditCheck *m = (const Clv__AuditCheck *)base;
	r->kind = CLV_REPLY_AUDIT_CHECK;
	r->req = m->req;
	r->time = m->time;
	r->audit_check = clv_calloc(1, sizeof(*r->audit_check));
	*r->audit_check = (struct clv_audit_check_fact){.time = m->time,
	                                                .first = m->first,
	                                                .last = m->last,
	                                                .rows = m->rows,
	                                                .bad = m->bad,
	                                                .kind = decode_dup_or_empty(m->kind),
	                                                .text = decode_dup_or_empty(m->text),
	                                                .found = m->found,
	                                                .seen = m->seen,
	                                                .signed_upto = m->signed_upto,
	                                                .signed_at = m->signed_at,
	                                                .unsigned_heads = m->unsigned_heads};
	r->audit_check->findings = clv_calloc(m->n_findings + 1, sizeof(*r->audit_check->findings));
	r->audit_check->n_findings = m->n_findings;
	for (size_t i = 0; i < m->n_findings; i++)
		r->audit_check->findings[i] = (struct clv_audit_finding){
		    m->findings[i]->from, m->findings[i]->to, decode_dup_or_empty(m->findings[i]->text)};
}

static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *body;
	take_fn *take;
} replies[] = {
    {REP_REFUSED, &clv__refused__descriptor, take_refused},
    {REP_DONE, &clv__done__descriptor, take_done},
    {REP_WHOAMI, &clv__whoami__descriptor, take_whoami},
    {REP_OVERVIEW, &clv__overview__descriptor, take_overview},
    {REP_AGENTS, &clv__agent_list__descriptor, take_agents},
    {REP_AGENT, &clv__agent_detail__descriptor, take_detail},
    {REP_EVENTS, &clv__event_list__descriptor, take_events},
    {REP_PENDING, &clv__pending_list__descriptor, take_pendings},
    {REP_AUDIT, &clv__audit_list__descriptor, take_audits},
    {REP_ROLES, &clv__role_list__descriptor, take_roles},
    {REP_REQUESTS, &clv__request_list__descriptor, take_requests},
    {REP_ACCOUNTS, &clv__account_list__descriptor, decode_accounts},
    {REP_ACCOUNT, &clv__account_detail__descriptor, decode_account},
    {REP_PROFILES, &clv__profile_list__descriptor, decode_profiles},
    {REP_GROUPS, &clv__group_list__descriptor, decode_groups},
    {REP_SERVERS, &clv__server_rows__descriptor, decode_servers},
    {REP_PLAN, &clv__plan__descriptor, decode_plan},
    {REP_RECOVERY, &clv__recovery__descriptor, decode_recovery},
    {REP_CLAIM, &clv__claim_reply__descriptor, decode_claim},
    {REP_EXPIRY, &clv__thing_list__descriptor, take_expiry},
    {REP_FOUND, &clv__thing_list__descriptor, take_found},
    {REP_ALERTS, &clv__alert_list__descriptor, decode_alerts},
    {REP_TRACE, &clv__trace__descriptor, decode_trace},
    {REP_ENCRYPTION, &clv__encryption__descriptor, decode_encryption},
    {REP_AUDIT_CHECK, &clv__audit_check__descriptor, take_audit_check},
};

clv_rc decode_reply(uint16_t type, struct clv_slice body, struct clv_reply **out, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		if (replies[i].type != type)
			continue;
		if (proto_decode(replies[i].body, body, &m, err) != CLV_OK)
			return err_wrap(err, "while reading the server's reply 0x%x", type);
		struct clv_reply *r = clv_calloc(1, sizeof(*r));
		replies[i].take(r, m);
		proto_free(m);
		*out = r;
		return CLV_OK;
	}
	return err_set(err, CLV_E_PROTO, "the server sent a frame of unknown type 0x%x", type);
}

void clv_rows_release(struct clv_rows *rows)
{
	switch (rows->list) {
	case CLV_LIST_AGENTS:
		facts_agents_free(rows->u.agents, rows->n);
		break;
	case CLV_LIST_EVENTS:
		facts_events_free(rows->u.events, rows->n);
		break;
	case CLV_LIST_PENDING:
		facts_pending_free(rows->u.pending, rows->n);
		break;
	case CLV_LIST_AUDIT:
		facts_audit_free(rows->u.audit, rows->n);
		break;
	case CLV_LIST_ROLES:
		facts_roles_free(rows->u.roles, rows->n);
		break;
	case CLV_LIST_REQUESTS:
		facts_requests_free(rows->u.requests, rows->n);
		break;
	case CLV_LIST_ACCOUNTS:
		facts_accounts_free(rows->u.accounts, rows->n);
		break;
	case CLV_LIST_PROFILES:
		facts_profiles_free(rows->u.profiles, rows->n);
		break;
	case CLV_LIST_GROUPS:
		facts_groups_free(rows->u.groups, rows->n);
		break;
	case CLV_LIST_SERVERS:
		facts_servers_free(rows->u.servers, rows->n);
		break;
	case CLV_LIST_EXPIRY:
	case CLV_LIST_FOUND:
		facts_things_free(rows->u.things, rows->n);
		break;
	case CLV_LIST_ALERTS:
		facts_alerts_free(rows->u.alerts, rows->n);
		break;
	case CLV_LIST_MAX:
		break;
	}
	facts_recovery_free(rows->recovery);
	*rows = (struct clv_rows){0};
}

void clv_reply_free(struct clv_reply *r)
{
	if (r == NULL)
		return;
	clv_free(r->text);
	if (r->kind == CLV_REPLY_LIST)
		clv_rows_release(&r->rows);
	facts_whoami_free(r->whoami);
	facts_overview_free(r->overview);
	facts_agent_detail_free(r->agent);
	facts_account_detail_free(r->account);
	facts_intake_free(r->intake);
	facts_plan_free(r->plan);
	facts_recovery_free(r->recovery);
	facts_claim_free(r->claim);
	facts_report_free(r->report);
	facts_audit_check_free(r->audit_check);
	facts_trace_free(r->trace);
	facts_encryption_free(r->encryption);
	clv_free(r);
}
