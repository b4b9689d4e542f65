/* SPDX-License-Identifier: Apache-2.0 */
/* Safe text: any bytes; no control byte comes out, clusters add up, cuts fit, twice is once. */
#include "tests/fuzz/common.h"
#include "claviger/text.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("text");
	fuzz_seed(SLICE_LIT("web01.ops.test"));
	fuzz_seed(SLICE_LIT("\x1b[31m\xc2\x9b\xe2\x80\xae\xe2\x80\x8b\xff"));
	fuzz_seed(SLICE_LIT("e\xcc\x81\xe6\xbc\xa2\xf0\x9f\x98\x80\xef\xb8\x8f\xe1\x84\x80\xe1\x85\xa1"));
	return 0;
}

static void check(const struct clv_text *t, uint32_t most)
{
	struct clv_slice cluster;
	uint32_t cells = 0;
	size_t off = 0;
	uint32_t w;

	for (size_t i = 0; i < text_len(t); i++) {
		unsigned char c = (unsigned char)text_str(t)[i];

		fuzz_check(c >= 0x20 && c != 0x7f, "a control byte");
		fuzz_check(c != 0xc2 || ((unsigned char)text_str(t)[i + 1] >= 0xa0), "a C1 control");
	}
	while (text_next(t, &off, &cluster, &w)) {
		fuzz_check(w == 1 || w == 2, "a cluster of no width");
		cells += w;
	}
	fuzz_check(cells == text_cells(t) && cells <= most, "cells do not add up");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_text *t = text_new(slice_of(data, size));
	struct clv_text *again = text_new_str(text_str(t));
	uint32_t cells = size > 0 ? data[0] % 40 : 0;
	struct clv_text *cut = text_cut(t, cells);
	struct clv_text *middle = text_cut_middle(t, cells);

	check(t, UINT32_MAX);
	check(cut, cells);
	check(middle, cells);
	fuzz_check(text_len(t) > CLV_TEXT_MAX || strcmp(text_str(t), text_str(again)) == 0,
	           "twice is not once");
	fuzz_count(slice_eq(slice_of(data, size), slice_of(text_str(t), text_len(t))));
	text_free(middle);
	text_free(cut);
	text_free(again);
	text_free(t);
	return 0;
}
