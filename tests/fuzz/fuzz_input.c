/* SPDX-License-Identifier: Apache-2.0 */
/* Console input: any bytes of a terminal, in pieces, with time passing. */
#include "tests/fuzz/common.h"
#include "console/input.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("input");
	fuzz_seed(SLICE_LIT("\x10j\x1b[A\x1bOP\x1b[200~paste\x1b[201~q"));
	fuzz_seed(SLICE_LIT("\x01\x1b[1;5C\xc3\xbc\x1b[<0;1;1M\x1b[0n"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	int64_t now = 1000;
	struct key key;
	size_t keys = 0;
	size_t step;

	if (size == 0) {
		fuzz_count(false);
		return 0;
	}
	step = (size_t)(data[0] & 31) + 1;
	input_init(&in, 50);
	for (size_t at = 1; at < size; at += step) {
		input_feed(&in, data + at, size - at < step ? size - at : step, now);
		while (input_next(&in, now, &key)) {
			fuzz_check(key.len <= INPUT_PASTE_MAX, "a paste beyond its limit");
			fuzz_check(++keys <= size * 2 + 16, "keys without end");
		}
		now += data[0] & 0xe0;
	}
	(void)input_next(&in, now + 100000, &key);
	(void)input_timeout_ms(&in, now);
	fuzz_count(keys > 0);
	return 0;
}
