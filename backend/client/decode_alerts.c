/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, traces and the report on encryption become facts. Runs in the console.
 */
#include "client/decode_parts.h"

#include <string.h>

static void take_alert(struct clv_alert_fact *a, const Clv__AlertRow *m)
{
	*a = (struct clv_alert_fact){
	    .id = m->id,
	    .sequence = m->sequence,
	    .count = m->count,
	    .lost_from = m->lost_from,
	    .time = m->time,
	    .received = m->received,
	    .checked = m->checked,
	    .acknowledged = m->acknowledged,
	    .severity = (enum clv_severity)decode_within(m->severity, CLV_SEVERITY_MAX),
	    .path = (enum clv_verdict)decode_within(m->verdict, CLV_VERDICT_MAX),
	    .own_record = m->own_record,
	    .agent = decode_dup_or_empty(m->agent),
	    .name = decode_dup_or_empty(m->name),
	    .text = decode_dup_or_empty(m->text),
	    .source = decode_dup_or_empty(m->source),
	    .why = decode_dup_or_empty(m->why),
	    .acknowledged_by = decode_dup_or_empty(m->acknowledged_by),
	};
}

static LIST_TAKER(take_alerts, Clv__AlertList, CLV_LIST_ALERTS, alerts, struct clv_alert_fact, take_alert)

    void decode_alerts(struct clv_reply *r, const ProtobufCMessage *base)
{
	take_alerts(r, base);
	r->rows.agents = ((const Clv__AlertList *)base)->agents;
	r->rows.silent = ((const Clv__AlertList *)base)->silent;
}

static void take_link(struct clv_trace_link *l, const Clv__TraceLink *m)
{
	l->from = decode_dup_or_empty(m->from);
	l->to = decode_dup_or_empty(m->to);
	l->mechanism = (enum clv_mechanism)decode_within(m->mechanism, CLV_MECHANISM_MAX);
	l->protocol = decode_dup_or_empty(m->protocol);
	l->cipher = decode_dup_or_empty(m->cipher);
	l->has_from = decode_bytes(&m->fingerprint_from, l->fingerprint_from, sizeof(l->fingerprint_from));
	l->has_to = decode_bytes(&m->fingerprint_to, l->fingerprint_to, sizeof(l->fingerprint_to));
	l->both = m->both && l->has_from && l->has_to &&
	          slice_eq(slice_of(l->fingerprint_from, sizeof(l->fingerprint_from)),
	                   slice_of(l->fingerprint_to, sizeof(l->fingerprint_to)));
	l->weak = decode_dup_or_empty(m->weak);
}

static bool within_centuries(int64_t ms)
{
	return ms > -10000000000000ll && ms < 10000000000000ll;
}

void decode_trace(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Trace *m = (const Clv__Trace *)base;
	r->kind = CLV_REPLY_TRACE;
	r->req = m->req;
	r->time = m->time;
	struct clv_trace_fact *t = r->trace = clv_calloc(1, sizeof(*t));
	t->time = m->time;
	if (m->alert != NULL) {
		t->alert = clv_calloc(1, sizeof(*t->alert));
		take_alert(t->alert, m->alert);
	}
	t->agent = decode_dup_or_empty(m->agent);
	t->verdict = (enum clv_verdict)decode_within(m->verdict, CLV_VERDICT_MAX);
	t->why = decode_dup_or_empty(m->why);
	t->alerts = m->alerts;
	t->clock_known =
	    m->clock_known && within_centuries(m->clock_ahead_ms) && within_centuries(m->under_way_ms);
	t->clock_ahead_ms = m->clock_ahead_ms;
	t->clock_error_ms = m->clock_error_ms;
	t->under_way_ms = m->under_way_ms;
	t->nodes = clv_calloc(m->n_nodes + 1, sizeof(*t->nodes));
	t->n_nodes = m->n_nodes;
	for (size_t i = 0; i < m->n_nodes; i++)
		t->nodes[i] = (struct clv_trace_node){
		    .name = decode_dup_or_empty(m->nodes[i]->name),
		    .role = decode_dup_or_empty(m->nodes[i]->role),
		    .received = m->nodes[i]->received,
		    .sent = m->nodes[i]->sent,
		    .stored = m->nodes[i]->stored,
		    .verdict = (enum clv_verdict)decode_within(m->nodes[i]->verdict, CLV_VERDICT_MAX),
		    .why = decode_dup_or_empty(m->nodes[i]->why)};
	t->links = clv_calloc(m->n_links + 1, sizeof(*t->links));
	t->n_links = m->n_links;
	for (size_t i = 0; i < m->n_links; i++)
		take_link(&t->links[i], m->links[i]);
}

static void take_encryption_link(struct clv_encryption_link *l, const Clv__EncryptionLink *m)
{
	*l = (struct clv_encryption_link){
	    .from = decode_dup_or_empty(m->from),
	    .to = decode_dup_or_empty(m->to),
	    .protocol = decode_dup_or_empty(m->protocol),
	    .cipher = decode_dup_or_empty(m->cipher),
	    .key = decode_dup_or_empty(m->key),
	    .weak = decode_dup_or_empty(m->weak),
	    .later = decode_dup_or_empty(m->later),
	    .mechanism = (enum clv_mechanism)decode_within(m->mechanism, CLV_MECHANISM_MAX),
	    .since = m->since,
	    .last = m->last,
	    .live = m->live,
	    .agreed = m->agreed,
	    .parcels = m->parcels,
	    .verified = m->verified,
	    .alerts = m->alerts,
	};
}

void decode_encryption(struct clv_reply *r, const ProtobufCMessage *base)
{
	const Clv__Encryption *m = (const Clv__Encryption *)base;
	r->kind = CLV_REPLY_ENCRYPTION;
	r->req = m->req;
	r->time = m->time;
	struct clv_encryption_fact *e = r->encryption = clv_calloc(1, sizeof(*e));
	e->time = m->time;
	e->from = m->from;
	e->to = m->to;
	e->group = decode_dup_or_empty(m->group);
	e->server = decode_dup_or_empty(m->server);
	e->node = decode_dup_or_empty(m->node);
	e->parcels = m->parcels;
	e->looked = m->looked;
	e->verified = m->verified;
	e->untraced = m->untraced;
	e->plain = m->plain;
	e->links = clv_calloc(m->n_links + 1, sizeof(*e->links));
	e->n_links = m->n_links;
	for (size_t i = 0; i < m->n_links; i++)
		take_encryption_link(&e->links[i], m->links[i]);
	e->deliveries = clv_calloc(m->n_deliveries + 1, sizeof(*e->deliveries));
	e->n_deliveries = m->n_deliveries;
	for (size_t i = 0; i < m->n_deliveries; i++) {
		const Clv__EncryptionDelivery *d = m->deliveries[i];
		struct clv_encryption_delivery *o = &e->deliveries[i];
		o->host = decode_dup_or_empty(d->host);
		o->account = decode_dup_or_empty(d->account);
		o->how = decode_dup_or_empty(d->how);
		o->version = d->version;
		o->step = (enum clv_step)decode_within(d->step, CLV_STEP_MAX);
		o->has_key = decode_bytes(&d->key_id, o->key_id, sizeof(o->key_id));
		o->bits = d->bits;
	}
	e->weak = decode_strings(m->weak, m->n_weak);
	e->n_weak = m->n_weak;
	e->limits = decode_strings(m->limits, m->n_limits);
	e->n_limits = m->n_limits;
	e->clear = decode_strings(m->clear, m->n_clear);
	e->n_clear = m->n_clear;
}
