/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: bytes of a local peer, in pieces as the first byte says; every message is whole. */
#include "tests/fuzz/common.h"
#include "channel/channel.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("frame");
	fuzz_seed(SLICE_LIT("\x05\0\0\0\2\0\1"));
	fuzz_seed(SLICE_LIT("\xff\0\0\0\7\1\0hello\0\0\0\3\1\1x"));
	fuzz_seed(SLICE_LIT("\x01\0\x10\0\2\1\0hello"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice rest = slice_of(data, size);
	bool got = false;
	struct clv_err err;
	struct chan *c;
	uint8_t step;

	if (slice_get_u8(&rest, &step, &err) != CLV_OK) {
		fuzz_count(false);
		return 0;
	}
	c = chan_new_local("fuzz", &err);
	while (rest.len > 0) {
		size_t n = (size_t)step + 1 < rest.len ? (size_t)step + 1 : rest.len;
		struct clv_slice body;
		bool have = true;
		uint16_t type;

		if (chan_feed(c, slice_of(rest.ptr, n), &err) != CLV_OK)
			break;
		rest = slice_of(rest.ptr + n, rest.len - n);
		while (have) {
			if (chan_next(c, &have, &type, &body, &err) != CLV_OK)
				break;
			fuzz_check(!have || body.len <= CHAN_FRAME_MAX, "a message beyond its limit");
			got = got || have;
		}
	}
	fuzz_check(chan_state(c) == CHAN_OPEN || chan_state(c) == CHAN_CLOSED, "an impossible state");
	chan_free(c);
	fuzz_count(got);
	return 0;
}
