/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parcel may be, and what a node's key holder refuses to sign as its hop record.
 */
#include "tests/unit/trace_fixture.h"

static void what_is_signed_is_ones_own(void **state)
{
	struct chain *c = new_chain();
	Clv__HopLink out = link_to(SERVER, 2), in = link_to(AGENT, 1), bad = link_to(AGENT, 1);
	struct trace_record before_it = record_of(c, 0);
	struct trace_own own = {
	    .node = names[GATEWAY], .role = roles[GATEWAY], .outgoing = &out, .sent = NOW};
	struct clv_buf body, sig;
	struct clv_err err = {0};

	(void)state;
	buf_init(&body, TRACE_RECORD_MAX);
	buf_init(&sig, STATEMENT_SIG_MAX);
#define REFUSED(b)                                                                                         \
	assert_int_equal(                                                                                  \
	    trace_record_make(GROUP, &own, buf_slice(&c->parcel), b, c->keys[GATEWAY], &body, &sig, &err), \
	    CLV_FAILED)
	REFUSED(NULL);       /* somebody else's parcel as if it were the first */
	REFUSED(&before_it); /* and over no link */
	own.incoming = &in;
	REFUSED(&before_it); /* without a time */
	own.received = NOW;
	bad.fingerprint.len = 3;
	own.incoming = &bad;
	REFUSED(&before_it);
	own.incoming = &in;
	assert_int_equal(trace_record_make(GROUP, &own, slice_str("no parcel"), &before_it, c->keys[GATEWAY],
	                                   &body, &sig, &err),
	                 CLV_FAILED);
	assert_int_equal(buf_slice(&body).len + buf_slice(&sig).len, 0);
	own.node = names[AGENT]; /* the agent's own parcel never comes over a link */
	REFUSED(&before_it);
	buf_release(&body);
	buf_release(&sig);
	free_chain(c);
}

static bool opens(const struct clv_buf *b)
{
	Clv__Parcel *p = NULL;
	struct clv_err err = {0};
	bool ok = !trace_parcel_open(buf_slice(b), &p, &err);

	proto_free((ProtobufCMessage *)p);
	return ok;
}

static bool encoded_opens(const Clv__Parcel *p)
{
	struct clv_buf b;
	bool ok;

	buf_init(&b, TRACE_PARCEL_MAX);
	assert_int_equal(proto_encode(&p->base, &b, NULL), CLV_OK);
	ok = opens(&b);
	buf_release(&b);
	return ok;
}

static void parcels_by_the_rules(void **state)
{
	struct clv_buf b;
	ProtobufCMessage *m = NULL;
	Clv__Parcel *p;
	char name[TRACE_NAME_MAX + 2], *keep;

	(void)state;
	make_parcel(&b, names[AGENT], 9, 1, 4); /* 4 to 9 lost, in 9's place */
	assert_true(opens(&b));
	assert_int_equal(proto_decode(&clv__parcel__descriptor, buf_slice(&b), &m, NULL), CLV_OK);
	p = (Clv__Parcel *)m;
	assert_int_equal(trace_alert_span(p->alerts[0]), 6);
	p->alerts[0]->lost_from = 10;
	assert_false(encoded_opens(p));
	p->alerts[0]->lost_from = 5;
	assert_false(encoded_opens(p));
	p->alerts[0]->lost_from = 4;
	p->last = 10;
	assert_false(encoded_opens(p));
	p->last = 9;
	p->acked = 4;
	assert_false(encoded_opens(p));
	p->acked = 3;
	assert_true(encoded_opens(p));
	p->alerts[0]->severity = CLV_SEVERITY_MAX;
	assert_false(encoded_opens(p));
	p->alerts[0]->severity = CLV_SEVERITY_WARNING;
	keep = p->alerts[0]->name;
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	p->alerts[0]->name = name;
	assert_false(encoded_opens(p));
	p->alerts[0]->name = keep;
	p->outbox.len = 8;
	assert_false(encoded_opens(p));
	p->outbox.len = TRACE_OUTBOX_LEN;
	p->n_alerts = 0;
	assert_false(encoded_opens(p));
	p->n_alerts = 1;
	proto_free(m);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_signed_is_ones_own),
	    cmocka_unit_test(parcels_by_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
