/* SPDX-License-Identifier: Apache-2.0 */
/* The lines about the key backup on the local socket: what is taken has one spelling and keeps its limits. */
#include "proto/keyask.h"
#include "tests/fuzz/common.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("keyask");
	fuzz_seed(SLICE_LIT("key backup 12"));
	fuzz_seed(SLICE_LIT("key drill 1024 262144"));
	fuzz_seed(SLICE_LIT("claviger/1 ok 0"));
	fuzz_seed(SLICE_LIT("claviger/1 no 17"));
	fuzz_seed(SLICE_LIT("claviger/1 no"));
	return 0;
}

static bool same(const struct clv_buf *b, const uint8_t *data, size_t size)
{
	struct clv_slice s = buf_slice(b);

	return s.len == size + 1 && s.ptr[size] == '\n' &&
	       slice_eq(slice_of(s.ptr, size), slice_of(data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyask q = {.file_len = 0};
	struct clv_err err = {0};
	struct clv_buf b;
	bool ok = false, taken;
	size_t len = 0;

	buf_init(&b, 512);
	taken = !keyask_parse(slice_of(data, size), &q, &err);
	if (taken) {
		fuzz_check(q.passphrase_len >= 1 && q.passphrase_len <= KEYASK_PASSPHRASE_MAX &&
		               q.file_len <= KEYASK_BYTES_MAX && !keyask_put(&b, &q, &err) &&
		               same(&b, data, size),
		           "a request of another spelling, or beyond its limits");
	}
	if (!keyask_answer_parse(slice_of(data, size), &ok, &len, &err)) {
		fuzz_check(!taken && len <= KEYASK_BYTES_MAX, "an answer beyond its limits");
		buf_clear(&b);
		if (len == 0 && size > 13)
			fuzz_check(!keyask_answer_put(&b, ok, slice_of(NULL, 0), &err) &&
			               same(&b, data, size),
			           "an answer of another spelling");
		taken = true;
	}
	buf_release(&b);
	fuzz_count(taken);
	return 0;
}
