/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a joining server (see joincode.h). Runs in both key holders and in the joiner's core; pure.
 */
#include "keys/joincode.h"

#include <string.h>

clv_rc join_code(const char *group, struct clv_slice group_spki, struct clv_slice request,
                 uint8_t out[KEY_HASH_LEN], struct clv_err *err)
{
	static const char label[] = "claviger/1 join-code";
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 16384);
	if (!buf_put(&b, slice_of(label, sizeof label), err) && !buf_put_lp(&b, slice_str(group), err) &&
	    !buf_put_lp(&b, group_spki, err) && !buf_put_lp(&b, request, err))
		rc = sha256(buf_slice(&b), out, err);
	buf_release(&b);
	return rc;
}

void join_code_text(const uint8_t code[KEY_HASH_LEN], char out[JOIN_CODE_TEXT_MAX])
{
	char hex[JOIN_CODE_DIGITS + 1];
	size_t n = 0;

	hex_encode(slice_of(code, JOIN_CODE_DIGITS / 2), true, hex);
	for (size_t i = 0; i < JOIN_CODE_DIGITS; i++) {
		if (i && i % 4 == 0)
			out[n++] = '-';
		out[n++] = hex[i];
	}
	out[n] = 0;
}

bool join_code_matches(const uint8_t code[KEY_HASH_LEN], struct clv_slice typed)
{
	char hex[JOIN_CODE_DIGITS];
	uint8_t bytes[JOIN_CODE_DIGITS / 2];
	size_t n = 0;

	for (size_t i = 0; i < typed.len; i++) {
		char c = (char)typed.ptr[i];

		if (c == ' ' || c == ':' || c == '-')
			continue;
		if (n == JOIN_CODE_DIGITS)
			return false;
		hex[n++] = c;
	}
	return n == JOIN_CODE_DIGITS && !hex_decode(hex, n, bytes, sizeof bytes, NULL) &&
	       slice_eq_ct(slice_of(bytes, sizeof bytes), slice_of(code, sizeof bytes));
}
