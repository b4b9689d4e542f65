/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake server's audit trail, what ends, what is found: drawn facts, the real filter.
 */
#include "tests/lib/fake_look.h"

#include "model/filter.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "tests/lib/drawn_look.h"

#include <stdlib.h>
#include <string.h>

/* One line at a time is enough for tests. */
static struct {
	char *key, *reason;
	int64_t until;
} aside;

const ProtobufCMessageDescriptor *fake_look_body(uint16_t type)
{
	switch (type) {
	case REQ_AUDIT:
	case REQ_EXPIRY:
	case REQ_FIND:
		return &clv__list_request__descriptor;
	case REQ_AUDIT_CHECK:
		return &clv__audit_check_request__descriptor;
	case REQ_NEED_ASIDE:
		return &clv__need_aside_request__descriptor;
	default:
		return NULL;
	}
}

static void put(struct clv_buf *out, const ProtobufCMessage *m)
{
	if (proto_encode(m, out, NULL) != CLV_OK)
		abort();
}

static uint16_t refuse(struct clv_buf *out, uint64_t req, const struct clv_err *err)
{
	Clv__Refused m = CLV__REFUSED__INIT;
	m.req = req;
	m.code = err->code;
	m.text = (char *)(uintptr_t)err->text;
	put(out, &m.base);
	return REP_REFUSED;
}

static uint16_t audit(const Clv__ListRequest *m, struct clv_buf *out)
{
	size_t n;
	struct clv_err err = {0};
	struct clv_audit_fact *f = drawn_audit(&n);
	Clv__AuditList list = CLV__AUDIT_LIST__INIT;
	Clv__Audit rows[16], *ptr[16];
	struct filter *filter = filter_parse(m->filter, FILTER_AUDIT, DRAWN_NOW, &err);
	if (filter == NULL)
		return refuse(out, m->req, &err);
	for (size_t i = 0; i < n; i++) {
		if (!filter_audit(filter, &f[i]))
			continue;
		Clv__Audit *r = ptr[list.n_rows] = &rows[list.n_rows];
		clv__audit__init(r);
		*r = (Clv__Audit){.base = r->base,
		                  .seq = f[i].seq,
		                  .time = f[i].time,
		                  .who = f[i].who,
		                  .from = f[i].from,
		                  .act = f[i].act,
		                  .object = f[i].object,
		                  .result = f[i].result,
		                  .detail = f[i].detail,
		                  .hash = {32, f[i].hash}};
		list.n_rows++;
	}
	list.req = m->req;
	list.total = n;
	list.matched = list.n_rows;
	list.time = DRAWN_NOW;
	list.rows = ptr;
	put(out, &list.base);
	facts_audit_free(f, n);
	filter_free(filter);
	return REP_AUDIT;
}

static uint16_t things(const Clv__ListRequest *m, bool find, struct clv_buf *out)
{
	size_t n;
	struct clv_thing_fact *f = find ? drawn_found(&n) : drawn_expiry(&n);
	Clv__ThingList list = CLV__THING_LIST__INIT;
	Clv__Thing rows[8], *ptr[8];
	struct clv_err err = {0};
	struct filter *filter = filter_parse(find ? "" : m->filter, FILTER_EXPIRY, DRAWN_NOW, &err);
	if (filter == NULL)
		return refuse(out, m->req, &err);
	for (size_t i = 0; i < n; i++) {
		if (!filter_thing(filter, &f[i]) || (find && strstr(m->filter, "nothing") != NULL))
			continue;
		Clv__Thing *r = ptr[list.n_rows] = &rows[list.n_rows];
		clv__thing__init(r);
		*r = (Clv__Thing){.base = r->base,
		                  .seq = f[i].seq,
		                  .level = f[i].level,
		                  .ends = f[i].ends,
		                  .what = f[i].what,
		                  .whose = f[i].whose,
		                  .text = f[i].text,
		                  .go = f[i].go};
		list.n_rows++;
	}
	list.req = m->req;
	list.total = n;
	list.matched = list.n_rows;
	list.time = DRAWN_NOW;
	list.rows = ptr;
	put(out, &list.base);
	facts_things_free(f, n);
	filter_free(filter);
	return find ? REP_FOUND : REP_EXPIRY;
}

static uint16_t check(const Clv__AuditCheckRequest *m, struct clv_buf *out)
{
	struct clv_audit_check_fact *k = drawn_check(true);
	Clv__AuditCheck r = CLV__AUDIT_CHECK__INIT;
	r.req = m->req;
	r.time = k->time;
	r.first = k->first;
	r.last = k->last;
	r.rows = k->rows;
	r.kind = k->kind;
	r.text = k->text;
	put(out, &r.base);
	facts_audit_check_free(k);
	return REP_AUDIT_CHECK;
}

static uint16_t set_aside(const Clv__NeedAsideRequest *m, struct clv_buf *out)
{
	Clv__Done d = CLV__DONE__INIT;
	clv_free(aside.key);
	clv_free(aside.reason);
	aside.key = m->until != 0 ? clv_strdup(m->name) : NULL;
	aside.reason = clv_strdup(m->reason);
	aside.until = m->until;
	d.req = m->req;
	d.text = (char *)(uintptr_t)(m->until != 0 ? "set aside" : "shown again");
	put(out, &d.base);
	return REP_DONE;
}

void fake_look_asides(struct clv_overview_fact *o)
{
	for (size_t i = 0; aside.key != NULL && i < o->n_needs; i++) {
		if (strcmp(o->needs[i].key, aside.key) != 0)
			continue;
		o->needs[i].aside_until = aside.until;
		clv_free(o->needs[i].aside_reason);
		o->needs[i].aside_reason = clv_strdup(aside.reason);
	}
}

uint16_t fake_look_query(uint16_t type, const ProtobufCMessage *m, struct clv_buf *out, bool *watch,
                         uint64_t *req)
{
	const Clv__ListRequest *l = (const Clv__ListRequest *)m;
	*watch = false;
	*req = 0;
	if (type == REQ_AUDIT_CHECK)
		return check((const Clv__AuditCheckRequest *)m, out);
	if (type == REQ_NEED_ASIDE)
		return set_aside((const Clv__NeedAsideRequest *)m, out);
	return type == REQ_AUDIT ? audit(l, out) : things(l, type == REQ_FIND, out);
}
