/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict DER lengths (see der.h). Runs in the key holder on bytes from the network; allocates
 * nothing.
 */
#include "runas/der.h"
#include <assert.h>

bool der_take(struct clv_slice *s, uint8_t tag, struct clv_slice *content)
{
	struct clv_slice r = *s;
	uint8_t t = 0, first = 0, b = 0;
	size_t len = 0;

	if (slice_get_u8(&r, &t, NULL) || t != tag || slice_get_u8(&r, &first, NULL))
		return false;
	len = first;
	if (first >= 0x80) {
		size_t n = first & 0x7fu;

		if (n == 0 || n > 3)
			return false;
		len = 0;
		for (size_t i = 0; i < n; i++) {
			if (slice_get_u8(&r, &b, NULL) || (i == 0 && b == 0))
				return false;
			len = len << 8 | b;
		}
		if (len < 0x80)
			return false;
	}
	if (slice_get(&r, len, content, NULL))
		return false;
	*s = r;
	return true;
}

bool der_expect(struct clv_slice *s, struct clv_slice literal)
{
	struct clv_slice r = *s, got = {0};

	if (slice_get(&r, literal.len, &got, NULL) || !slice_eq(got, literal))
		return false;
	*s = r;
	return true;
}

size_t der_head(uint8_t out[DER_HEAD_MAX], uint8_t tag, size_t len)
{
	unsigned n = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;

	assert(len <= DER_LEN_MAX);
	out[0] = tag;
	out[1] = n ? (uint8_t)(0x80 | n) : (uint8_t)len;
	for (unsigned i = 0; i < n; i++)
		out[2 + i] = (uint8_t)(len >> 8 * (n - 1 - i));
	return 2 + n;
}

size_t der_size(size_t len)
{
	uint8_t head[DER_HEAD_MAX];

	return der_head(head, 0, len) + len;
}
