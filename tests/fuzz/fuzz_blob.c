/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault's blob. After a first byte: 0 any bytes as a blob under a known key, 1 any bytes as an item,
 * sealed, opened, and refused with one bit of it flipped.
 */
#include "tests/fuzz/common.h"
#include "vault/blob.h"

#include <string.h>

static struct clv_secret *key, *item, *opened;
static const char entropy[] = "entropy", context[] = "purpose and name";

static clv_rc seal(struct clv_buf *out)
{
	struct clv_sealed sealed;
	struct clv_err err;
	clv_rc rc;

	buf_init(&sealed.bytes, 1u << 20);
	rc = blob_seal(key, slice_str(entropy), slice_str(context), item, &sealed, &err);
	if (rc == CLV_OK)
		rc = buf_put(out, buf_slice(&sealed.bytes), &err);
	buf_release(&sealed.bytes);
	return rc;
}

static clv_rc open_blob(struct clv_slice s)
{
	struct clv_err err = {0};
	clv_rc rc;

	secret_truncate(opened, 0);
	rc = blob_open(key, slice_str(entropy), slice_str(context), s, opened, &err);
	fuzz_check(rc == CLV_OK || (strcmp(err.text, "does not open") == 0 && secret_len(opened) == 0),
	           "another text, or bytes of what did not open");
	return rc;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] = "0123456789abcdef0123456789abcdef";
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("blob");
	key = secret_new(64, &err);
	item = secret_new(65536, &err);
	opened = secret_new(65536, &err);
	fuzz_check(key != NULL && item != NULL && opened != NULL, "memory");
	fuzz_check(secret_append(key, text, 32, &err) == CLV_OK &&
	               secret_append(item, text, 20, &err) == CLV_OK,
	           "seed");
	buf_init(&b, 1u << 20);
	fuzz_check(buf_put_u8(&b, 0, &err) == CLV_OK && seal(&b) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	fuzz_seed(SLICE_LIT("\1\7an item"));
	fuzz_seed(SLICE_LIT("\1\0"));
	buf_release(&b);
	return 0;
}

static void try_item(struct clv_slice s, unsigned where)
{
	struct clv_slice sealed;
	struct clv_err err;
	struct clv_buf b;
	uint8_t *copy;

	secret_clear(item);
	if (secret_append(item, s.ptr, s.len, &err) != CLV_OK)
		return;
	buf_init(&b, 1u << 20);
	fuzz_check(seal(&b) == CLV_OK, "an item cannot be sealed");
	sealed = buf_slice(&b);
	fuzz_check(sealed.len == s.len + BLOB_OVERHEAD && open_blob(sealed) == CLV_OK &&
	               secret_eq(item, opened),
	           "our own blob does not open");
	copy = clv_memdup(sealed.ptr, sealed.len);
	copy[where * 131u % sealed.len] ^= (uint8_t)(1u << where % 8);
	fuzz_check(open_blob(slice_of(copy, sealed.len)) != CLV_OK, "a flipped bit opens");
	fuzz_check(open_blob(slice_of(sealed.ptr, sealed.len - 1)) != CLV_OK, "a cut blob opens");
	clv_free(copy);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool ok = false;

	if (size >= 2 && data[0] == 1) {
		try_item(slice_of(data + 2, size - 2), data[1]);
		ok = true;
	} else if (size >= 1) {
		ok = open_blob(slice_of(data + 1, size - 1)) == CLV_OK;
	}
	fuzz_count(ok);
	return 0;
}
