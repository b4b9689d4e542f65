/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing between a local caller and the agent (see alertask.h). Both ends use it.
 */
#include "proto/alertask.h"
#include <string.h>

int alertask_next(struct clv_slice in, size_t max, struct clv_slice *out, size_t *used, struct clv_err *err)
{
	struct clv_slice rest = in;
	uint32_t n = 0;

	if (in.len < 4)
		return 0;
	if (slice_get_u32(&rest, &n, err))
		return -1;
	if (n == 0 || n > max) {
		(void)err_set(err, CLV_E_LIMIT, "a message of %u bytes; 1 to %zu are taken", n, max);
		return -1;
	}
	if (rest.len < n)
		return 0;
	*out = slice_of(rest.ptr, n);
	*used = 4u + n;
	return 1;
}

clv_rc alertask_put(struct clv_buf *b, struct clv_slice body, struct clv_err *err)
{
	return buf_put_lp(b, body, err);
}

clv_rc alertask_answer(struct clv_buf *b, enum alertask what, const char *text, struct clv_err *err)
{
	size_t n = strlen(text);

	if (n > ALERTASK_ANSWER_MAX - 1)
		n = ALERTASK_ANSWER_MAX - 1;
	if (buf_put_u32(b, (uint32_t)n + 1, err) || buf_put_u8(b, (uint8_t)what, err))
		return CLV_FAILED;
	return buf_put(b, slice_of(text, n), err);
}
