/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a local caller says to raise an alert (proto/alertask.h), and a parcel of alerts (trace/trace.h).
 * After a first byte: 0 a parcel, 1 a stream of a caller's messages.
 */
#include "proto/alertask.h"
#include "proto/codec.h"
#include "tests/fuzz/common.h"
#include "trace/trace.h"

#include <string.h>

static void seed(Clv__Parcel *p)
{
	struct clv_buf b;

	buf_init(&b, TRACE_PARCEL_MAX);
	fuzz_check(!buf_put_u8(&b, 0, NULL) && !proto_encode(&p->base, &b, NULL), "seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t outbox[TRACE_OUTBOX_LEN], nonce[TRACE_PROBE_LEN];
	static char agent[] = "web01.ops.test", name[] = "Disk / is nearly full", text[] = "97 %";
	Clv__Parcel p = CLV__PARCEL__INIT;
	Clv__Alert a = CLV__ALERT__INIT, b = CLV__ALERT__INIT, *list[2] = {&a, &b};
	struct clv_buf body, frame;

	(void)argc;
	(void)argv;
	fuzz_start("parcel");
	a.sequence = 9;
	a.lost_from = 4;
	b.sequence = 10;
	a.time = b.time = 1795000000000;
	a.severity = b.severity = CLV_SEVERITY_WARNING;
	a.name = b.name = name;
	b.text = text;
	p.agent = agent;
	p.outbox = PROTO_BYTES(slice_of(outbox, sizeof outbox));
	p.first = 4;
	p.last = 10;
	p.alerts = list;
	p.n_alerts = 2;
	seed(&p);
	p.n_alerts = 0;
	p.first = p.last = 0;
	p.probe = PROTO_BYTES(slice_of(nonce, sizeof nonce));
	seed(&p);
	b.sequence = 0;
	buf_init(&body, ALERTASK_MAX);
	buf_init(&frame, 2 * ALERTASK_MAX);
	fuzz_check(!proto_encode(&b.base, &body, NULL) && !buf_put_u8(&frame, 1, NULL) &&
	               !alertask_put(&frame, buf_slice(&body), NULL) &&
	               !alertask_put(&frame, buf_slice(&body), NULL),
	           "seed");
	fuzz_seed(buf_slice(&frame));
	buf_release(&body);
	buf_release(&frame);
	return 0;
}

static bool read_stream(struct clv_slice in)
{
	struct clv_slice m;
	struct clv_err err = {0};
	size_t used = 0, n = 0;

	while (alertask_next(in, ALERTASK_MAX, &m, &used, &err) == 1) {
		ProtobufCMessage *a = NULL;

		fuzz_check(m.len > 0 && m.len <= ALERTASK_MAX && used == m.len + 4 && used <= in.len,
		           "a message outside of what came");
		if (!proto_decode(&clv__alert__descriptor, m, &a, &err))
			n += !trace_alert_check((const Clv__Alert *)a, &err);
		proto_free(a);
		in.ptr += used;
		in.len -= used;
	}
	return n > 0;
}

static bool read_parcel(struct clv_slice in)
{
	Clv__Parcel *p = NULL;
	struct clv_err err = {0};
	uint64_t n = 0;

	if (trace_parcel_open(in, &p, &err)) {
		fuzz_check(p == NULL && err.code != CLV_E_NONE, "something of a refused parcel");
		return false;
	}
	for (size_t i = 0; i < p->n_alerts; i++)
		n += trace_alert_span(p->alerts[i]);
	fuzz_check(p->n_alerts <= TRACE_ALERTS_MAX && p->outbox.len == TRACE_OUTBOX_LEN && *p->agent &&
	               (p->probe.len ? n == 0 : n == p->last - p->first + 1),
	           "a parcel that counts wrong");
	proto_free((ProtobufCMessage *)p);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool ok = false;

	if (size > 1)
		ok = data[0] & 1 ? read_stream(slice_of(data + 1, size - 1))
		                 : read_parcel(slice_of(data + 1, size - 1));
	fuzz_count(ok);
	return 0;
}
