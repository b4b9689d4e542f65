/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a joining server's key holder reads once it is opened (a bundle), and the code as it was typed. First
 * byte: which of the two.
 */
#include "keys/joincode.h"
#include "tests/fuzz/common.h"
#include "vault/bundle.h"

#include <string.h>

static uint8_t code[KEY_HASH_LEN];

static clv_rc look(const char *name, const struct clv_secret *item, void *ctx, struct clv_err *err)
{
	size_t *n = ctx;

	(void)err;
	fuzz_check(strlen(name) > 0 && strlen(name) <= BUNDLE_NAME_MAX, "a name");
	fuzz_check(secret_len(item) > 0 && secret_len(item) <= BUNDLE_ITEM_MAX, "an item");
	fuzz_check(++*n <= BUNDLE_ITEMS_MAX, "the number of items");
	return CLV_OK;
}

static clv_rc seed(struct clv_slice s, void *ctx, struct clv_err *err)
{
	struct clv_buf b;

	(void)ctx;
	(void)err;
	buf_init(&b, 65536);
	fuzz_check(!buf_put_u8(&b, 0, NULL) && !buf_put(&b, s, NULL), "a seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
	return CLV_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct bundle_head h = {.group = "OMMG1", .name = "rms2.ops.test"};
	struct clv_secret *b = secret_new(BUNDLE_MAX, NULL), *key = secret_new(64, NULL);
	char typed[JOIN_CODE_TEXT_MAX + 1] = "\1";

	(void)argc;
	(void)argv;
	fuzz_start("join");
	fuzz_check(b && key && !secret_append(key, "0123456789abcdef0123456789abcdef", 32, NULL), "secrets");
	fuzz_check(!bundle_begin(&h, b, NULL) && !bundle_add(b, "signing", key, NULL) &&
	               !bundle_add(b, "group-key/0000000001", key, NULL) && !secret_use(b, seed, NULL, NULL),
	           "a bundle");
	join_code_text(code, typed + 1);
	fuzz_seed(slice_of(typed, strlen(typed)));
	secret_free(b);
	secret_free(key);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_head h;
	struct clv_secret *b;
	size_t n = 0;
	bool good;

	if (size == 0 || size > BUNDLE_MAX) {
		fuzz_count(false);
		return 0;
	}
	if (data[0] & 1) {
		fuzz_count(join_code_matches(code, slice_of(data + 1, size - 1)));
		return 0;
	}
	b = secret_new(BUNDLE_MAX, NULL);
	fuzz_check(b && !secret_append(b, data + 1, size - 1, NULL), "a secret");
	good = !bundle_read(b, &h, look, &n, NULL);
	if (good)
		fuzz_check(strlen(h.group) > 0 && strlen(h.name) > 0, "the head");
	secret_free(b);
	fuzz_count(good);
	return 0;
}
