/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parcel may be (see trace.h). Pure.
 */
#include "proto/codec.h"
#include "trace/trace.h"
#include <inttypes.h>
#include <string.h>

uint64_t trace_alert_span(const Clv__Alert *a)
{
	return a->lost_from ? a->sequence - a->lost_from + 1 : 1;
}

clv_rc trace_alert_check(const Clv__Alert *a, struct clv_err *err)
{
	if (!*a->name || strlen(a->name) > TRACE_NAME_MAX || strlen(a->text) > TRACE_TEXT_MAX ||
	    strlen(a->source) > TRACE_SOURCE_MAX)
		return err_set(
		    err, CLV_E_LIMIT,
		    "an alert has a name of 1 to %u bytes, a text of at most %u and a source of at "
		    "most %u",
		    TRACE_NAME_MAX, TRACE_TEXT_MAX, TRACE_SOURCE_MAX);
	if (a->severity <= CLV_SEVERITY_NONE || a->severity >= CLV_SEVERITY_MAX || a->time < 0)
		return err_set(err, CLV_E_PROTO, "an alert without a severity or a time");
	return CLV_OK;
}

/* Each alert follows the one before it; a record of lost ones stands for all of theirs. */
static clv_rc check_numbers(const Clv__Parcel *p, struct clv_err *err)
{
	uint64_t next = p->first;

	for (size_t i = 0; i < p->n_alerts; i++) {
		const Clv__Alert *a = p->alerts[i];
		uint64_t from = a->lost_from ? a->lost_from : a->sequence;

		if (trace_alert_check(a, err))
			return CLV_FAILED;
		if (from != next || a->sequence < from || a->sequence - from >= TRACE_SPAN_MAX)
			return err_set(err, CLV_E_PROTO,
			               "the parcel's alerts do not follow each other at %" PRIu64, next);
		next = a->sequence + 1;
	}
	if (next != p->last + 1)
		return err_set(err, CLV_E_PROTO, "the parcel ends elsewhere than it says");
	return CLV_OK;
}

static clv_rc check_kind(const Clv__Parcel *p, struct clv_err *err)
{
	size_t name = strlen(p->agent);

	if (name == 0 || name > 253 || p->outbox.len != TRACE_OUTBOX_LEN)
		return err_set(err, CLV_E_PROTO, "a parcel without an agent or an outbox");
	if (p->probe.len && (p->probe.len != TRACE_PROBE_LEN || p->n_alerts || p->first || p->last))
		return err_set(err, CLV_E_PROTO, "a probe carries nothing");
	if (p->probe.len)
		return CLV_OK;
	if (p->n_alerts == 0 || p->n_alerts > TRACE_ALERTS_MAX)
		return err_set(err, CLV_E_LIMIT, "a parcel has 1 to %u alerts", TRACE_ALERTS_MAX);
	if (p->first == 0 || p->last < p->first || p->last > INT64_MAX / 2 || p->acked >= p->first)
		return err_set(err, CLV_E_PROTO, "a parcel whose numbers make no sense");
	return check_numbers(p, err);
}

clv_rc trace_parcel_open(struct clv_slice body, Clv__Parcel **out, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;

	if (body.len == 0 || body.len > TRACE_PARCEL_MAX)
		return err_set(err, CLV_E_LIMIT, "a parcel has 1 to %u bytes", TRACE_PARCEL_MAX);
	if (proto_decode(&clv__parcel__descriptor, body, &m, err))
		return CLV_FAILED;
	if (check_kind((const Clv__Parcel *)m, err)) {
		proto_free(m);
		return CLV_FAILED;
	}
	*out = (Clv__Parcel *)m;
	return CLV_OK;
}
