/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts to messages, for tests. Strings and bytes are borrowed while a message is encoded.
 */
#include "tests/lib/fake_encode.h"

#include "console.pb-c.h"
#include "proto/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *str(const char *s)
{
	return (char *)(uintptr_t)(s != NULL ? s : "");
}

static ProtobufCBinaryData bytes(const uint8_t *p, size_t n)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)p, .len = n};
}

static void put(struct clv_buf *out, const ProtobufCMessage *m)
{
	struct clv_err err;
	if (proto_encode(m, out, &err) != CLV_OK)
		abort();
}

static void key_message(Clv__Key *m, const struct clv_key_fact *k)
{
	clv__key__init(m);
	m->generation = k->generation;
	m->ordinal = k->ordinal;
	m->state = k->state;
	m->sha1 = bytes(k->sha1, 20);
	m->sha256 = bytes(k->sha256, 32);
	m->rsa_bits = k->rsa_bits;
	m->not_before = k->not_before;
	m->not_after = k->not_after;
	m->made = k->made;
	m->published = k->published;
	m->stored = k->stored;
	m->in_use = k->in_use;
	m->confirmed = k->confirmed;
	m->retired = k->retired;
	m->destroyed = k->destroyed;
	m->refused = k->refused;
	m->reason = str(k->reason);
	m->pem = str(k->pem);
}

static void agent_message(Clv__Agent *m, Clv__Key *key, const struct clv_agent_fact *a)
{
	clv__agent__init(m);
	m->name = str(a->name);
	m->approval = a->approval;
	m->contact = a->contact;
	if (a->has_key) {
		key_message(key, &a->key);
		m->key = key;
	}
	m->gateway = str(a->gateway);
	m->server = str(a->server);
	m->mechanism = a->mechanism;
	m->protocol = str(a->protocol);
	m->cipher = str(a->cipher);
	m->last_seen = a->last_seen;
	m->config_version = a->config_version;
	m->config_ordinal = a->config_ordinal;
	m->row_version = a->row_version;
}

static void event_message(Clv__Event *m, const struct clv_event_fact *e)
{
	clv__event__init(m);
	m->seq = e->seq;
	m->time = e->time;
	m->node = str(e->node);
	m->source = str(e->source);
	m->id = e->id;
	m->level = e->level;
	m->category = str(e->category);
	m->text = str(e->text);
}

static void pending_message(Clv__Pending *m, const struct clv_pending_fact *p)
{
	clv__pending__init(m);
	m->id = p->id;
	m->name = str(p->name);
	m->role = str(p->role);
	m->from = str(p->from);
	m->came_by = str(p->came_by);
	m->looks_like = str(p->looks_like);
	m->conflict = p->conflict;
	m->time = p->time;
	m->fingerprint_hidden = str(p->fingerprint_hidden);
	m->known_fingerprint = str(p->known_fingerprint);
	m->known_pinned_at = p->known_pinned_at;
	m->known_pinned_by = str(p->known_pinned_by);
	m->known_from = str(p->known_from);
	m->known_alive = p->known_alive;
	m->machine = str(p->machine);
	m->known_machine = str(p->known_machine);
	m->vouched = p->vouched;
}

#define LIST(Msg, init, Row)                            \
	Msg m;                                          \
	Row *space = clv_calloc(n + 1, sizeof(*space)); \
	Row **list = clv_calloc(n + 1, sizeof(*list));  \
	init(&m);                                       \
	m.req = req;                                    \
	m.time = time;                                  \
	m.total = total;                                \
	m.matched = matched;                            \
	m.offset = offset;                              \
	m.n_rows = n;                                   \
	m.rows = list

void fake_encode_agents(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                        uint64_t offset, const struct clv_agent_fact *const *rows, size_t n)
{
	LIST(Clv__AgentList, clv__agent_list__init, Clv__Agent);
	Clv__Key *keys = clv_calloc(n + 1, sizeof(*keys));
	for (size_t i = 0; i < n; i++) {
		list[i] = &space[i];
		agent_message(list[i], &keys[i], rows[i]);
	}
	put(out, &m.base);
	clv_free(keys);
	clv_free(list);
	clv_free(space);
}

void fake_encode_events(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                        uint64_t offset, const struct clv_event_fact *const *rows, size_t n)
{
	LIST(Clv__EventList, clv__event_list__init, Clv__Event);
	for (size_t i = 0; i < n; i++) {
		list[i] = &space[i];
		event_message(list[i], rows[i]);
	}
	put(out, &m.base);
	clv_free(list);
	clv_free(space);
}

void fake_encode_pending(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                         uint64_t offset, const struct clv_pending_fact *const *rows, size_t n)
{
	LIST(Clv__PendingList, clv__pending_list__init, Clv__Pending);
	for (size_t i = 0; i < n; i++) {
		list[i] = &space[i];
		pending_message(list[i], rows[i]);
	}
	put(out, &m.base);
	clv_free(list);
	clv_free(space);
}

void fake_encode_overview(struct clv_buf *out, uint64_t req, const struct clv_overview_fact *o)
{
	Clv__Overview m;
	clv__overview__init(&m);
	Clv__Need *space = clv_calloc(o->n_needs + 1, sizeof(*space)),
	          **list = clv_calloc(o->n_needs + 1, sizeof(*list));
	for (size_t i = 0; i < o->n_needs; i++) {
		list[i] = &space[i];
		clv__need__init(list[i]);
		list[i]->level = o->needs[i].level;
		list[i]->text = str(o->needs[i].text);
		list[i]->go = str(o->needs[i].go);
		list[i]->key = str(o->needs[i].key);
		list[i]->aside_until = o->needs[i].aside_until;
		list[i]->aside_by = str(o->needs[i].aside_by);
		list[i]->aside_reason = str(o->needs[i].aside_reason);
	}
	m.req = req;
	m.time = o->time;
	m.group = str(o->group);
	m.server = str(o->server);
	m.server_version = str(o->server_version);
	m.node_key_id = bytes(o->node_key_id, 32);
	m.listen = str(o->listen);
	m.agents = o->agents;
	m.up = o->up;
	m.silent = o->silent;
	m.pending = o->pending;
	m.conflicts = o->conflicts;
	m.keys = o->keys;
	m.confirmed = o->confirmed;
	m.on_the_way = o->on_the_way;
	m.late = o->late;
	m.refused = o->refused;
	m.ends_7d = o->ends_7d;
	m.ends_30d = o->ends_30d;
	m.ends_90d = o->ends_90d;
	m.ends_total = o->ends_total;
	m.turned_away = o->turned_away;
	m.n_renewals = 75;
	m.renewals = (uint32_t *)(uintptr_t)o->renewals;
	m.audit_rows = o->audit_rows;
	m.audit_checked = o->audit_checked;
	m.alerts = o->alerts;
	m.alerts_critical = o->alerts_critical;
	m.alerts_checked = o->alerts_checked;
	m.alerts_verified = o->alerts_verified;
	m.n_needs = o->n_needs;
	m.needs = list;
	put(out, &m.base);
	clv_free(list);
	clv_free(space);
}

void fake_encode_detail(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_agent_detail *d)
{
	Clv__AgentDetail m;
	Clv__Agent agent;
	Clv__Key key;
	clv__agent_detail__init(&m);
	agent_message(&agent, &key, &d->agent);
	Clv__Key *keys = clv_calloc(d->n_keys + 1, sizeof(*keys)),
	         **key_list = clv_calloc(d->n_keys + 1, sizeof(*key_list));
	Clv__Event *events = clv_calloc(d->n_events + 1, sizeof(*events)),
	           **event_list = clv_calloc(d->n_events + 1, sizeof(*event_list));
	for (size_t i = 0; i < d->n_keys; i++) {
		key_list[i] = &keys[i];
		key_message(key_list[i], &d->keys[i]);
	}
	for (size_t i = 0; i < d->n_events; i++) {
		event_list[i] = &events[i];
		event_message(event_list[i], &d->events[i]);
	}
	m.req = req;
	m.time = time;
	m.agent = &agent;
	m.n_keys = d->n_keys;
	m.keys = key_list;
	m.link_since = d->link_since;
	m.fingerprint = bytes(d->fingerprint, 16);
	m.fingerprint_agreed = d->fingerprint_agreed;
	m.channel_thumbprint = bytes(d->channel_thumbprint, d->has_channel_cert ? 32 : 0);
	m.channel_not_after = d->channel_not_after;
	m.channel_configured = bytes(d->channel_configured, d->has_configured ? 32 : 0);
	m.node_key_id = bytes(d->node_key_id, 32);
	m.pinned_at = d->pinned_at;
	m.pinned_by = str(d->pinned_by);
	m.machine_matches = d->machine_matches;
	m.config_confirmed = d->config_confirmed;
	m.config_confirmed_ordinal = d->config_confirmed_ordinal;
	m.config_confirmed_at = d->config_confirmed_at;
	m.n_events = d->n_events;
	m.events = event_list;
	m.accounts = d->accounts;
	m.accounts_confirmed = d->accounts_confirmed;
	m.accounts_missing = d->accounts_missing;
	Clv__AgentAccount *accounts = clv_calloc(d->n_account_rows + 1, sizeof(*accounts)),
	                  **account_list = clv_calloc(d->n_account_rows + 1, sizeof(*account_list));
	for (size_t i = 0; i < d->n_account_rows; i++) {
		account_list[i] = &accounts[i];
		clv__agent_account__init(&accounts[i]);
		accounts[i].name = str(d->account_rows[i].name);
		accounts[i].version = d->account_rows[i].version;
		accounts[i].step = d->account_rows[i].step;
		accounts[i].since = d->account_rows[i].since;
		accounts[i].missing = d->account_rows[i].missing;
		accounts[i].held_back = d->account_rows[i].held_back;
	}
	m.n_account_rows = d->n_account_rows;
	m.account_rows = account_list;
	put(out, &m.base);
	clv_free(accounts);
	clv_free(account_list);
	clv_free(keys);
	clv_free(key_list);
	clv_free(events);
	clv_free(event_list);
}

void fake_encode_whoami(struct clv_buf *out, uint64_t req, const struct clv_whoami_fact *w)
{
	Clv__Whoami m;
	clv__whoami__init(&m);
	m.req = req;
	m.principal = str(w->principal);
	m.name = str(w->name);
	m.role = w->role;
	m.group = str(w->group);
	m.server = str(w->server);
	m.channel = str(w->channel);
	put(out, &m.base);
}

void fake_encode_done(struct clv_buf *out, uint64_t req, const char *text)
{
	Clv__Done m;
	clv__done__init(&m);
	m.req = req;
	m.text = str(text);
	put(out, &m.base);
}

void fake_encode_refused(struct clv_buf *out, uint64_t req, enum clv_code code, const char *text,
                         uint64_t audit_row)
{
	Clv__Refused m;
	clv__refused__init(&m);
	m.req = req;
	m.code = code;
	m.text = str(text);
	m.audit_row = audit_row;
	put(out, &m.base);
}
