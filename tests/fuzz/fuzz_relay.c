/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway finds in a frame from below (trace/relay.h), and the name that it says a link is of. The
 * first two bytes are the frame's type. What holds a parcel is found again when it is wrapped again.
 */
#include "model/names.h"
#include "proto/codec.h"
#include "tests/fuzz/common.h"
#include "trace/relay.h"

#include <string.h>

static void seed(uint16_t type, struct clv_slice body)
{
	struct clv_buf b;

	buf_init(&b, 65536);
	fuzz_check(!buf_put_u16(&b, type, NULL) && !buf_put(&b, body, NULL), "seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t parcel[] = "parcel", body[] = "body", sig[] = "signature", fp[16];
	static char name[] = "web01.ops.test", protocol[] = "TLS 1.3";
	struct relay_way way = {{1, UINT64_MAX, 3, 1ull << 63}, 0};
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT, *hops[2] = {&st, &st};
	Clv__ParcelFrame f = CLV__PARCEL_FRAME__INIT;
	Clv__RelayOpen o = CLV__RELAY_OPEN__INIT;
	struct clv_buf b;
	uint16_t type;

	(void)argc;
	(void)argv;
	fuzz_start("relay");
	st.body = PROTO_BYTES(slice_of(body, sizeof body));
	st.signature = PROTO_BYTES(slice_of(sig, sizeof sig));
	f.parcel = PROTO_BYTES(slice_of(parcel, sizeof parcel));
	f.hops = hops;
	f.n_hops = 2;
	buf_init(&b, 65536);
	for (; way.depth <= RELAY_DEPTH_MAX; way.depth++) {
		buf_clear(&b);
		fuzz_check(!relay_wrap(&way, &f, &type, &b, NULL), "seed");
		seed(type, buf_slice(&b));
	}
	o.channel = 7;
	o.mechanism = 1;
	o.protocol = protocol;
	o.peer_name = name;
	o.fingerprint = PROTO_BYTES(slice_of(fp, sizeof fp));
	buf_clear(&b);
	fuzz_check(!proto_encode(&o.base, &b, NULL), "seed");
	seed(FRAME_RELAY_OPEN, buf_slice(&b));
	buf_release(&b);
	return 0;
}

/* Fields of a later release are dropped on the way; what is left is the same again. */
static void wrap_again(uint16_t type, const struct relay_way *way, const Clv__ParcelFrame *f)
{
	struct relay_way found = {{0}, 0};
	Clv__ParcelFrame *same = NULL;
	uint16_t once = 0, twice = 0;
	struct clv_buf a, b;

	fuzz_check(way->depth <= RELAY_DEPTH_MAX, "deeper than it may be");
	buf_init(&a, 2 * 1024 * 1024);
	buf_init(&b, 2 * 1024 * 1024);
	fuzz_check(!relay_wrap(way, f, &once, &a, NULL) && once == type, "another kind of frame");
	fuzz_check(relay_unwrap(once, buf_slice(&a), &found, &same) && found.depth == way->depth &&
	               memcmp(found.inner, way->inner, way->depth * sizeof way->inner[0]) == 0,
	           "another way");
	fuzz_check(!relay_wrap(&found, same, &twice, &b, NULL) && slice_eq(buf_slice(&a), buf_slice(&b)),
	           "wrapped again it differs");
	proto_free((ProtobufCMessage *)same);
	buf_release(&a);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice body = slice_of(data, size);
	struct relay_way way = {{0}, 0};
	Clv__ParcelFrame *f = NULL;
	ProtobufCMessage *m = NULL;
	uint16_t type = 0;
	bool accepted = false;

	if (slice_get_u16(&body, &type, NULL))
		return 0;
	if (relay_unwrap(type, body, &way, &f)) {
		accepted = true;
		wrap_again(type, &way, f);
		proto_free((ProtobufCMessage *)f);
	} else if (type == FRAME_RELAY_OPEN && !proto_decode(&clv__relay_open__descriptor, body, &m, NULL)) {
		const char *name = ((const Clv__RelayOpen *)m)->peer_name;

		accepted = names_is_node(name);
		fuzz_check(!accepted ||
		               (strlen(name) <= 253 &&
		                strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(name)),
		           "a name that is none");
		proto_free(m);
	}
	fuzz_count(accepted);
	return 0;
}
