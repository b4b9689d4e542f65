/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64, canonical only (see base64.h). OpenSSL's coder reads and writes the caller's memory and
 * keeps nothing.
 */
#include "runas/base64.h"
#include <openssl/evp.h>

/* 0 to 63, or 64 for a character that is none. */
static uint8_t value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_check(struct clv_slice text, size_t *len)
{
	size_t pad = 0;
	uint8_t last = 0;

	if (text.len == 0 || text.len % 4 || text.len > INT32_MAX)
		return false;
	while (pad < 2 && text.ptr[text.len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < text.len - pad; i++) {
		last = value_of(text.ptr[i]);
		if (last == 64)
			return false;
	}
	if ((pad == 1 && last & 3) || (pad == 2 && last & 15))
		return false;
	*len = text.len / 4 * 3 - pad;
	return true;
}

clv_rc base64_put(struct clv_buf *b, struct clv_slice s, struct clv_err *err)
{
	uint8_t *room = NULL;

	if (s.len > INT32_MAX / 2)
		return err_set(err, CLV_E_LIMIT, "%zu bytes for base64", s.len);
	if (buf_reserve(b, BASE64_LEN(s.len) + 1, &room, err))
		return CLV_FAILED;
	buf_commit(b, (size_t)EVP_EncodeBlock(room, s.ptr, (int)s.len));
	return CLV_OK;
}

clv_rc base64_take(struct clv_slice text, struct clv_buf *out, struct clv_err *err)
{
	uint8_t *room = NULL;
	size_t n = 0;

	if (!base64_check(text, &n))
		return err_set(err, CLV_E_PROTO, "not base64");
	if (buf_reserve(out, text.len / 4 * 3, &room, err))
		return CLV_FAILED;
	if (EVP_DecodeBlock(room, text.ptr, (int)text.len) < (int)n)
		return err_set(err, CLV_E_INTERNAL, "base64 that was checked does not decode");
	buf_commit(out, n);
	return CLV_OK;
}

static clv_rc encode(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct clv_slice *s = ctx;

	(void)cap;
	(void)err;
	*len = (size_t)EVP_EncodeBlock(bytes, s->ptr, (int)s->len);
	return CLV_OK;
}

static clv_rc encode_into(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	if (bytes.len > CLV_SECRET_MAX)
		return err_set(err, CLV_E_LIMIT, "%zu bytes for base64", bytes.len);
	/* The coder ends its text with a 0 that is no part of it. */
	return secret_extend(ctx, BASE64_LEN(bytes.len) + 1, encode, &bytes, err);
}

clv_rc base64_hide(const struct clv_secret *bytes, struct clv_secret *out, struct clv_err *err)
{
	return secret_use(bytes, encode_into, out, err);
}

static clv_rc decode(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct clv_slice *text = ctx;

	if (!base64_check(*text, len))
		return err_set(err, CLV_E_PROTO, "not base64");
	if (cap < text->len / 4 * 3)
		return err_set(err, CLV_E_LIMIT, "base64 of %zu bytes does not fit", *len);
	if (EVP_DecodeBlock(bytes, text->ptr, (int)text->len) < (int)*len)
		return err_set(err, CLV_E_INTERNAL, "base64 that was checked does not decode");
	return CLV_OK;
}

clv_rc base64_reveal(struct clv_slice text, struct clv_secret *out, struct clv_err *err)
{
	return secret_fill(out, decode, &text, err);
}
