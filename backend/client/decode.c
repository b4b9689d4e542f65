/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of the server become facts. What arrives is checked against its own lists and lengths
 * here, so that no view ever indexes with a number from the wire. Runs in the console.
 */
#include "client/decode.h"

#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"

#include <string.h>

/* An empty string on the wire is an absent one. */
static char *dup_or_null(const char *s)
{
	return (s == NULL || s[0] == '\0') ? NULL : clv_strdup(s);
}

static char *dup_or_empty(const char *s)
{
	return clv_strdup(s != NULL ? s : "");
}

/* A number outside its list (a newer server's) becomes the list's first word. */
static int within(uint32_t v, int max)
{
	return v < (uint32_t)max ? (int)v : 0;
}

/* Exactly len bytes, or zeroes and false. */
static bool take_bytes(const ProtobufCBinaryData *b, uint8_t *out, size_t len)
{
	memset(out, 0, len);
	if (b->len != len)
		return false;
	memcpy(out, b->data, len);
	return true;
}

static void take_key(struct clv_key_fact *k, const Clv__Key *m)
{
	k->generation = m->generation;
	k->ordinal = m->ordinal;
	k->state = (enum clv_key_state)within(m->state, CLV_KEY_STATE_MAX);
	take_bytes(&m->sha1, k->sha1, sizeof(k->sha1));
	take_bytes(&m->sha256, k->sha256, sizeof(k->sha256));
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
	k->reason = dup_or_null(m->reason);
	k->pem = dup_or_null(m->pem);
}

static void take_agent(struct clv_agent_fact *a, const Clv__Agent *m)
{
	a->name = dup_or_empty(m->name);
	a->approval = (enum clv_approval)within(m->approval, CLV_APPROVAL_MAX);
	a->contact = (enum clv_contact)within(m->contact, CLV_CONTACT_MAX);
	a->has_key = m->key != NULL;
	if (m->key != NULL)
		take_key(&a->key, m->key);
	a->gateway = dup_or_null(m->gateway);
	a->server = dup_or_null(m->server);
	a->mechanism = (enum clv_mechanism)within(m->mechanism, CLV_MECHANISM_MAX);
	a->protocol = dup_or_null(m->protocol);
	a->cipher = dup_or_null(m->cipher);
	a->last_seen = m->last_seen;
	a->config_version = m->config_version;
	a->config_ordinal = m->config_ordinal;
	a->row_version = m->row_version;
}

static void take_event(struct clv_event_fact *e, const Clv__Event *m)
{
	e->seq = m->seq;
	e->time = m->time;
	e->node = dup_or_empty(m->node);
	e->source = dup_or_empty(m->source);
	e->id = m->id;
	e->level = (enum clv_level)within(m->level, CLV_LEVEL_MAX);
	e->category = dup_or_empty(m->category);
	e->text = dup_or_empty(m->text);
}

static void take_pending(struct clv_pending_fact *p, const Clv__Pending *m)
{
	p->id = m->id;
	p->name = dup_or_empty(m->name);
	p->role = dup_or_empty(m->role);
	p->from = dup_or_empty(m->from);
	p->came_by = dup_or_empty(m->came_by);
	p->looks_like = dup_or_empty(m->looks_like);
	p->conflict = m->conflict;
	p->time = m->time;
	p->fingerprint_hidden = dup_or_empty(m->fingerprint_hidden);
	p->known_fingerprint = dup_or_null(m->known_fingerprint);
	p->known_pinned_at = m->known_pinned_at;
	p->known_pinned_by = dup_or_null(m->known_pinned_by);
	p->known_from = dup_or_null(m->known_from);
	p->known_alive = m->known_alive;
	p->machine = dup_or_null(m->machine);
	p->known_machine = dup_or_null(m->known_machine);
	p->vouched = m->vouched;
}

static void take_audit(struct clv_audit_fact *a, const Clv__Audit *m)
{
	a->seq = m->seq;
	a->time = m->time;
	a->who = dup_or_empty(m->who);
	a->from = dup_or_empty(m->from);
	a->act = dup_or_empty(m->act);
	a->object = dup_or_empty(m->object);
	a->result = dup_or_empty(m->result);
	a->detail = dup_or_empty(m->detail);
	take_bytes(&m->hash, a->hash, sizeof(a->hash));
}

static void take_role(struct clv_role_fact *r, const Clv__Role *m)
{
	r->principal = dup_or_empty(m->principal);
	r->role = (enum clv_role)within(m->role, CLV_ROLE_MAX);
	r->since = m->since;
	r->by = dup_or_null(m->by);
}

static void take_request(struct clv_request_fact *r, const Clv__RequestRow *m)
{
	r->name = dup_or_empty(m->name);
	r->role = (enum clv_role)within(m->role, CLV_ROLE_MAX);
	r->changes = m->changes;
	r->help = dup_or_empty(m->help);
}

/* --- one function for each body --- */

typedef void take_fn(struct clv_reply *r, const ProtobufCMessage *m);

#define LIST_TAKER(fn, Msg, list_id, member, type, one)                     \
	static void fn(struct clv_reply *r, const ProtobufCMessage *base)   \
	{                                                                   \
		const Msg *m = (const Msg *)base;                           \
		r->kind = CLV_REPLY_LIST;                                   \
		r->req = m->req;                                            \
		r->time = m->time;                                          \
		r->rows = (struct clv_rows){.list = (list_id),              \
		                            .total = m->total,              \
		                            .matched = m->matched,          \
		                            .offset = m->offset,            \
		                            .time = m->time,                \
		                            .n = m->n_rows};                \
		r->rows.u.member = clv_calloc(m->n_rows + 1, sizeof(type)); \
		for (size_t i = 0; i < m->n_rows; i++)                      \
			one(&r->rows.u.member[i], m->rows[i]);              \
	}
LIST_TAKER(take_agents, Clv__AgentList, CLV_LIST_AGENTS, agents, struct clv_agent_fact, take_agent)
LIST_TAKER(take_events, Clv__EventList, CLV_LIST_EVENTS, events, struct clv_event_fact, take_event)
LIST_TAKER(take_pendings, Clv__PendingList, CLV_LIST_PENDING, pending, struct clv_pending_fact, take_pending)
LIST_TAKER(take_audits, Clv__AuditList, CLV_LIST_AUDIT, audit, struct clv_audit_fact, take_audit)
LIST_TAKER(take_roles, Clv__RoleList, CLV_LIST_ROLES, roles, struct clv_role_fact, take_role)
LIST_TAKER(take_requests, Clv__RequestList, CLV_LIST_REQUESTS, requests, struct clv_request_fact,
           take_request)

static void take_refused(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Refused *m = (const Clv__Refused *)base;
	r->kind = CLV_REPLY_REFUSED;
	r->req = m->req;
	r->code = (m->code > CLV_E_NONE && m->code < CLV_E_MAX) ? (enum clv_code)m->code : CLV_E_INTERNAL;
	r->text = dup_or_empty(m->text);
	r->audit_row = m->audit_row;
}

static void take_done(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Done *m = (const Clv__Done *)base;
	r->kind = CLV_REPLY_DONE;
	r->req = m->req;
	r->text = dup_or_empty(m->text);
	r->row_version = m->row_version;
	r->audit_row = m->audit_row;
}

static void take_whoami(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Whoami *m = (const Clv__Whoami *)base;
	r->kind = CLV_REPLY_WHOAMI;
	r->req = m->req;
	struct clv_whoami_fact *w = r->whoami = clv_calloc(1, sizeof(*w));
	w->principal = dup_or_empty(m->principal);
	w->name = dup_or_empty(m->name);
	w->role = (enum clv_role)within(m->role, CLV_ROLE_MAX);
	w->group = dup_or_empty(m->group);
	w->server = dup_or_empty(m->server);
	w->channel = dup_or_empty(m->channel);
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
}

static void take_overview(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Overview *m = (const Clv__Overview *)base;
	r->kind = CLV_REPLY_OVERVIEW;
	r->req = m->req;
	r->time = m->time;
	struct clv_overview_fact *o = r->overview = clv_calloc(1, sizeof(*o));
	o->time = m->time;
	o->group = dup_or_empty(m->group);
	o->server = dup_or_empty(m->server);
	o->server_version = dup_or_empty(m->server_version);
	o->listen = dup_or_empty(m->listen);
	take_bytes(&m->node_key_id, o->node_key_id, sizeof(o->node_key_id));
	take_overview_counts(o, m);
	for (size_t i = 0; i < m->n_renewals && i < sizeof(o->renewals) / sizeof(o->renewals[0]); i++)
		o->renewals[i] = m->renewals[i];
	o->needs = clv_calloc(m->n_needs + 1, sizeof(*o->needs));
	o->n_needs = m->n_needs;
	for (size_t i = 0; i < m->n_needs; i++) {
		o->needs[i].level = (enum clv_level)within(m->needs[i]->level, CLV_LEVEL_MAX);
		o->needs[i].text = dup_or_empty(m->needs[i]->text);
		o->needs[i].go = dup_or_empty(m->needs[i]->go);
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
	d->fingerprint_agreed =
	    take_bytes(&m->fingerprint, d->fingerprint, sizeof(d->fingerprint)) && m->fingerprint_agreed;
	d->has_channel_cert =
	    take_bytes(&m->channel_thumbprint, d->channel_thumbprint, sizeof(d->channel_thumbprint));
	d->channel_not_after = m->channel_not_after;
	d->has_configured =
	    take_bytes(&m->channel_configured, d->channel_configured, sizeof(d->channel_configured));
	take_bytes(&m->node_key_id, d->node_key_id, sizeof(d->node_key_id));
	d->pinned_at = m->pinned_at;
	d->pinned_by = dup_or_null(m->pinned_by);
	d->machine_matches = m->machine_matches;
	d->config_confirmed = m->config_confirmed;
	d->config_confirmed_ordinal = m->config_confirmed_ordinal;
	d->config_confirmed_at = m->config_confirmed_at;
	d->events = clv_calloc(m->n_events + 1, sizeof(*d->events));
	d->n_events = m->n_events;
	for (size_t i = 0; i < m->n_events; i++)
		take_event(&d->events[i], m->events[i]);
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
	case CLV_LIST_MAX:
		break;
	}
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
	clv_free(r);
}
