/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, the path of one, and acknowledging, as a server would answer.
 */
#include "tests/lib/fake_alerts.h"

#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "tests/lib/drawn_alerts.h"

#include <stdlib.h>

static uint64_t acknowledged;

const ProtobufCMessageDescriptor *fake_alerts_body(uint16_t type)
{
	return type == REQ_ALERTS      ? &clv__list_request__descriptor
	       : type == REQ_TRACE     ? &clv__trace_request__descriptor
	       : type == REQ_ALERT_ACK ? &clv__alert_ack_request__descriptor
	                               : NULL;
}

static void put(struct clv_buf *out, const ProtobufCMessage *m)
{
	if (proto_encode(m, out, NULL) != CLV_OK)
		abort();
}

static void row(Clv__AlertRow *r, const struct clv_alert_fact *f)
{
	clv__alert_row__init(r);
	r->id = f->id;
	r->time = f->time;
	r->severity = f->severity;
	r->agent = f->agent;
	r->name = f->name;
	r->text = f->text;
	r->source = f->source;
	r->count = f->count;
	r->verdict = f->path;
	r->why = f->why;
	r->acknowledged = f->id == acknowledged ? DRAWN_NOW : f->acknowledged;
	r->acknowledged_by = f->acknowledged_by;
	r->own_record = true;
}

static uint16_t alerts(const Clv__ListRequest *m, struct clv_buf *out)
{
	size_t n;
	struct clv_alert_fact *f = drawn_alerts(&n);
	Clv__AlertList l = CLV__ALERT_LIST__INIT;
	Clv__AlertRow rows[8], *list[8];
	for (size_t i = 0; i < n; i++) {
		row(&rows[i], &f[i]);
		list[i] = &rows[i];
	}
	l.req = m->req;
	l.total = l.matched = n;
	l.time = DRAWN_NOW;
	l.rows = list;
	l.n_rows = n;
	put(out, &l.base);
	facts_alerts_free(f, n);
	return REP_ALERTS;
}

static uint16_t trace(const Clv__TraceRequest *m, struct clv_buf *out)
{
	struct clv_trace_fact *t = drawn_trace(DRAWN_TWO);
	Clv__Trace r = CLV__TRACE__INIT;
	Clv__AlertRow a;
	Clv__TraceNode nodes[4], *list[4];
	row(&a, t->alert);
	for (size_t i = 0; i < t->n_nodes; i++) {
		clv__trace_node__init(&nodes[i]);
		nodes[i].name = t->nodes[i].name;
		nodes[i].role = t->nodes[i].role;
		nodes[i].received = t->nodes[i].received;
		nodes[i].sent = t->nodes[i].sent;
		nodes[i].stored = t->nodes[i].stored;
		nodes[i].verdict = t->nodes[i].verdict;
		list[i] = &nodes[i];
	}
	r.req = m->req;
	r.time = DRAWN_NOW;
	r.alert = &a;
	r.agent = t->agent;
	r.verdict = t->verdict;
	r.nodes = list;
	r.n_nodes = t->n_nodes;
	put(out, &r.base);
	facts_trace_free(t);
	return REP_TRACE;
}

static uint16_t ack(const Clv__AlertAckRequest *m, struct clv_buf *out)
{
	Clv__Done d = CLV__DONE__INIT;
	char *text = clv_asprintf("alert %llu acknowledged", (unsigned long long)m->alert);
	acknowledged = m->alert;
	d.req = m->req;
	d.text = text;
	put(out, &d.base);
	clv_free(text);
	return REP_DONE;
}

uint16_t fake_alerts_query(uint16_t type, const ProtobufCMessage *m, struct clv_buf *out, bool *watch,
                           uint64_t *req)
{
	*watch = type == REQ_ALERTS && ((const Clv__ListRequest *)m)->watch;
	*req = ((const Clv__ListRequest *)m)->req;
	return type == REQ_ALERTS  ? alerts((const Clv__ListRequest *)m, out)
	       : type == REQ_TRACE ? trace((const Clv__TraceRequest *)m, out)
	                           : ack((const Clv__AlertAckRequest *)m, out);
}
