/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored path: lp parcel, then lp record and lp signature for each node (trace/trace.h). Nothing that this
 * target's two keys did not sign ever verifies.
 */
#include "proto/codec.h"
#include "tests/fuzz/common.h"
#include "trace/trace.h"

#include <string.h>

static EVP_PKEY *keys[2];
static struct clv_buf spki[2], good;
static const char *const names[2] = {"web01.ops.test", "rms1.ops.test"};
static const char *const roles[2] = {"agent", "management-server"};

static bool signer(void *ctx, const char *node, struct clv_slice *out, const char **role)
{
	(void)ctx;
	for (size_t i = 0; i < 2; i++)
		if (strcmp(names[i], node) == 0) {
			*out = buf_slice(&spki[i]);
			*role = roles[i];
			return true;
		}
	return false;
}

static void make_parcel(struct clv_buf *out)
{
	static uint8_t outbox[TRACE_OUTBOX_LEN];
	static char name[] = "Disk / is nearly full";
	Clv__Parcel p = CLV__PARCEL__INIT;
	Clv__Alert a = CLV__ALERT__INIT, *list[1] = {&a};

	a.sequence = p.first = p.last = 1;
	a.time = 1795000000000;
	a.severity = CLV_SEVERITY_WARNING;
	a.name = name;
	p.agent = (char *)(uintptr_t)names[0];
	p.outbox = PROTO_BYTES(slice_of(outbox, sizeof outbox));
	p.alerts = list;
	p.n_alerts = 1;
	buf_init(out, TRACE_PARCEL_MAX);
	fuzz_check(!proto_encode(&p.base, out, NULL), "parcel");
}

static void make_records(struct clv_slice parcel, struct clv_buf *body, struct clv_buf *sig)
{
	static uint8_t finger[TRACE_FINGER_LEN];
	static char tls[] = "TLS 1.3", cipher[] = "TLS_AES_256_GCM_SHA384";
	struct trace_record first;

	for (size_t i = 0; i < 2; i++) {
		Clv__HopLink l = CLV__HOP_LINK__INIT;
		struct trace_own own = {.node = names[i],
		                        .role = roles[i],
		                        .incoming = i ? &l : NULL,
		                        .outgoing = i ? NULL : &l,
		                        .received = i ? 2 : 0,
		                        .sent = i ? 0 : 1,
		                        .stored = i ? 3 : 0};

		l.mechanism = CLV_MECHANISM_CERTIFICATE;
		l.protocol = tls;
		l.cipher = cipher;
		l.peer = (char *)(uintptr_t)names[!i];
		l.fingerprint = PROTO_BYTES(slice_of(finger, sizeof finger));
		buf_init(&body[i], TRACE_RECORD_MAX);
		buf_init(&sig[i], STATEMENT_SIG_MAX);
		fuzz_check(!trace_record_make("OMMG1", &own, parcel, i ? &first : NULL, keys[i], &body[i],
		                              &sig[i], NULL),
		           "record");
		first = (struct trace_record){buf_slice(&body[0]), buf_slice(&sig[0])};
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct clv_buf parcel, body[2], sig[2];

	(void)argc;
	(void)argv;
	fuzz_start("hop");
	for (size_t i = 0; i < 2; i++) {
		buf_init(&spki[i], STATEMENT_SPKI_MAX);
		fuzz_check(!pkey_make_p256(&keys[i], NULL) && !pkey_to_spki(keys[i], &spki[i], NULL), "keys");
	}
	make_parcel(&parcel);
	make_records(buf_slice(&parcel), body, sig);
	buf_init(&good, 65536);
	fuzz_check(!buf_put_lp(&good, buf_slice(&parcel), NULL), "seed");
	for (size_t i = 0; i < 2; i++)
		fuzz_check(!buf_put_lp(&good, buf_slice(&body[i]), NULL) &&
		               !buf_put_lp(&good, buf_slice(&sig[i]), NULL),
		           "seed");
	fuzz_seed(buf_slice(&good));
	for (size_t i = 0; i < 2; i++) {
		buf_release(&body[i]);
		buf_release(&sig[i]);
	}
	buf_release(&parcel);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_judge j = {"OMMG1", names[1], signer, NULL};
	struct trace_record list[TRACE_HOPS_MAX + 2];
	struct clv_slice in = slice_of(data, size), parcel = {NULL, 0};
	struct trace_path p;
	size_t n = 0;

	if (slice_get_lp(&in, TRACE_PARCEL_MAX, &parcel, NULL))
		parcel = slice_of(NULL, 0);
	while (n < TRACE_HOPS_MAX + 2 && in.len) {
		list[n].signature = slice_of(NULL, 0);
		if (slice_get_lp(&in, 65536, &list[n].body, NULL))
			break;
		if (slice_get_lp(&in, 65536, &list[n].signature, NULL))
			in.len = 0;
		n++;
	}
	trace_verify(&j, parcel, list, n, &p);
	fuzz_check(p.verdict != CLV_VERDICT_UNCHECKED && p.n_hops <= TRACE_HOPS_MAX, "no verdict");
	fuzz_check(p.verdict != CLV_VERDICT_VERIFIED ||
	               (n == 2 && size >= good.len - 16 && memcmp(data, buf_slice(&good).ptr, 64) == 0),
	           "a path that nobody signed verifies");
	fuzz_check(p.verdict == CLV_VERDICT_VERIFIED || p.why[0], "a verdict without a reason");
	fuzz_count(p.verdict == CLV_VERDICT_VERIFIED);
	trace_path_release(&p);
	return 0;
}
