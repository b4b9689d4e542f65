/* SPDX-License-Identifier: Apache-2.0 */
/* Four nodes, a stranger, a parcel and its path: for the tests of trace. */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#include "proto/codec.h"
#include "tests/lib/unit.h"
#include "trace/trace.h"
#include <stdio.h>
#include <string.h>

#define GROUP "OMMG1"
#define NODES 4
#define NOW   1795000000000

enum who { AGENT, GATEWAY, SERVER, ROOT, STRANGER, KEYS };

static const char *const names[KEYS] = {"web01.ops.test", "gw1.ops.test", "ms1.ops.test", "rms1.ops.test",
                                        "evil.ops.test"};
static const char *const roles[KEYS] = {"agent", "gateway", "management-server", "management-server",
                                        "agent"};

struct chain {
	EVP_PKEY *keys[KEYS];
	struct clv_buf spki[KEYS], parcel, body[NODES + 1], sig[NODES + 1];
	size_t n;
	enum who unknown; /* whom the judge does not know; KEYS: nobody */
};

static Clv__HopLink link_to(enum who peer, uint8_t finger)
{
	static uint8_t fingers[256][TRACE_FINGER_LEN];
	Clv__HopLink l = CLV__HOP_LINK__INIT;

	memset(fingers[finger], finger, TRACE_FINGER_LEN);
	l.mechanism = finger % 2 ? CLV_MECHANISM_KERBEROS : CLV_MECHANISM_CERTIFICATE;
	l.protocol = (char *)(uintptr_t)(finger % 2 ? "krb5" : "TLS 1.3");
	l.cipher = (char *)(uintptr_t)(finger % 2 ? "aes256-cts-hmac-sha384-192" : "TLS_AES_256_GCM_SHA384");
	l.peer = (char *)(uintptr_t)names[peer];
	l.fingerprint = PROTO_BYTES(slice_of(fingers[finger], TRACE_FINGER_LEN));
	return l;
}

static void make_parcel(struct clv_buf *out, const char *agent, uint64_t first, size_t n, uint64_t lost_from)
{
	static uint8_t outbox[TRACE_OUTBOX_LEN] = {7};
	Clv__Parcel p = CLV__PARCEL__INIT;
	Clv__Alert rows[8], *list[8];

	for (size_t i = 0; i < n; i++) {
		clv__alert__init(&rows[i]);
		rows[i].sequence = first + i;
		rows[i].time = NOW + (int64_t)i;
		rows[i].severity = CLV_SEVERITY_CRITICAL;
		rows[i].name = (char *)(uintptr_t) "Disk / is nearly full";
		rows[i].text = (char *)(uintptr_t) "97 % used";
		list[i] = &rows[i];
	}
	if (lost_from) {
		rows[0].lost_from = lost_from;
		first = lost_from;
	}
	p.agent = (char *)(uintptr_t)agent;
	p.outbox = PROTO_BYTES(slice_of(outbox, sizeof outbox));
	p.first = first;
	p.last = n ? rows[n - 1].sequence : 0;
	p.alerts = list;
	p.n_alerts = n;
	buf_init(out, TRACE_PARCEL_MAX);
	assert_int_equal(proto_encode(&p.base, out, NULL), CLV_OK);
}

static struct trace_record record_of(const struct chain *c, size_t i)
{
	return (struct trace_record){buf_slice(&c->body[i]), buf_slice(&c->sig[i])};
}

/* Each node makes its record of what it got. */
static void make_record(struct chain *c, size_t i)
{
	Clv__HopLink in = link_to(i ? (enum who)(i - 1) : AGENT, (uint8_t)i),
	             out = link_to(i + 1 < NODES ? (enum who)(i + 1) : ROOT, (uint8_t)(i + 1));
	struct trace_own own = {.node = names[i],
	                        .role = roles[i],
	                        .incoming = i ? &in : NULL,
	                        .outgoing = i + 1 < NODES ? &out : NULL,
	                        .received = i ? NOW + (int64_t)i * 10 : 0,
	                        .sent = i + 1 < NODES ? NOW + (int64_t)i * 10 + 1 : 0,
	                        .stored = i + 1 < NODES ? 0 : NOW + 50};
	struct trace_record before = i ? record_of(c, i - 1) : (struct trace_record){{NULL, 0}, {NULL, 0}};
	struct clv_err err = {0};

	buf_clear(&c->body[i]);
	buf_clear(&c->sig[i]);
	if (trace_record_make(GROUP, &own, buf_slice(&c->parcel), i ? &before : NULL, c->keys[i], &c->body[i],
	                      &c->sig[i], &err))
		fail_msg("record %zu: %s", i, err.text);
}

static struct chain *new_chain(void)
{
	struct chain *c = clv_calloc(1, sizeof *c);

	c->unknown = KEYS;
	for (size_t i = 0; i < KEYS; i++) {
		assert_int_equal(pkey_make_p256(&c->keys[i], NULL), CLV_OK);
		buf_init(&c->spki[i], STATEMENT_SPKI_MAX);
		assert_int_equal(pkey_to_spki(c->keys[i], &c->spki[i], NULL), CLV_OK);
	}
	make_parcel(&c->parcel, names[AGENT], 5, 3, 0);
	for (size_t i = 0; i <= NODES; i++) {
		buf_init(&c->body[i], TRACE_RECORD_MAX);
		buf_init(&c->sig[i], STATEMENT_SIG_MAX);
	}
	for (c->n = 0; c->n < NODES; c->n++)
		make_record(c, c->n);
	return c;
}

static void free_chain(struct chain *c)
{
	for (size_t i = 0; i < KEYS; i++) {
		EVP_PKEY_free(c->keys[i]);
		buf_release(&c->spki[i]);
	}
	for (size_t i = 0; i <= NODES; i++) {
		buf_release(&c->body[i]);
		buf_release(&c->sig[i]);
	}
	buf_release(&c->parcel);
	clv_free(c);
}

#endif
