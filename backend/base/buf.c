/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: growing buffers with a hard limit, borrowed slices, readers and writers in network order,
 * hexadecimal, and the only raw heap calls of the product. Used by every process. Everything that
 * is freed here is wiped before, though secrets belong into secret.c.
 */
#include "claviger/buf.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clv_slice slice_of(const void *ptr, size_t len)
{
	return (struct clv_slice){ptr, len};
}

struct clv_slice slice_str(const char *s)
{
	return (struct clv_slice){(const uint8_t *)s, s == NULL ? 0 : strlen(s)};
}

bool slice_eq(struct clv_slice a, struct clv_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_fill(struct clv_slice s, void *out, size_t len)
{
	if (s.len != len || s.ptr == NULL) {
		memset(out, 0, len);
		return false;
	}
	memcpy(out, s.ptr, len);
	return true;
}

bool slice_eq_str(struct clv_slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

bool slice_eq_ct(struct clv_slice a, struct clv_slice b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void buf_init(struct clv_buf *b, size_t limit)
{
	*b = (struct clv_buf){.limit = limit};
}

void buf_release(struct clv_buf *b)
{
	if (b == NULL)
		return;
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap);
	clv_free(b->ptr);
	*b = (struct clv_buf){.limit = b->limit};
}

void buf_clear(struct clv_buf *b)
{
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->len);
	b->len = 0;
	b->off = 0;
}

struct clv_slice buf_slice(const struct clv_buf *b)
{
	return (struct clv_slice){b->ptr == NULL ? NULL : b->ptr + b->off, b->len - b->off};
}

void buf_consume(struct clv_buf *b, size_t n)
{
	assert(n <= b->len - b->off);
	b->off += n;
	if (b->off == b->len) {
		b->off = 0;
		b->len = 0;
	}
}

/* A new block rather than realloc, which would leave the old bytes in the heap unwiped. */
static void buf_move(struct clv_buf *b, size_t cap)
{
	size_t used = b->len - b->off;
	uint8_t *fresh = clv_calloc(1, cap);

	if (used > 0 && b->ptr != NULL)
		memcpy(fresh, b->ptr + b->off, used);
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap);
	clv_free(b->ptr);
	b->ptr = fresh;
	b->cap = cap;
	b->off = 0;
	b->len = used;
}

clv_rc buf_reserve(struct clv_buf *b, size_t n, uint8_t **room, struct clv_err *err)
{
	size_t used = b->len - b->off;
	size_t cap;

	if (n > b->limit || used > b->limit - n)
		return err_set(err, CLV_E_LIMIT, "%zu more bytes do not fit: %zu of at most %zu are used", n,
		               used, b->limit);
	if (b->ptr == NULL || b->cap - b->len < n) {
		if (b->ptr != NULL && b->cap - used >= n && b->off >= used) {
			/* Regions do not overlap; cheaper than a new block. */
			memcpy(b->ptr, b->ptr + b->off, used);
			b->off = 0;
			b->len = used;
		} else {
			cap = b->cap < 64 ? 64 : b->cap;
			while (cap < used + n)
				cap = cap > SIZE_MAX / 2 ? used + n : cap * 2;
			buf_move(b, cap > b->limit ? b->limit : cap);
		}
	}
	*room = b->ptr + b->len;
	return CLV_OK;
}

void buf_commit(struct clv_buf *b, size_t n)
{
	assert(n <= b->cap - b->len);
	b->len += n;
}

clv_rc buf_put(struct clv_buf *b, struct clv_slice s, struct clv_err *err)
{
	uint8_t *room;

	if (buf_reserve(b, s.len, &room, err) != CLV_OK)
		return CLV_FAILED;
	if (s.len > 0)
		memcpy(room, s.ptr, s.len);
	buf_commit(b, s.len);
	return CLV_OK;
}

static clv_rc put_number(struct clv_buf *b, uint64_t v, size_t n, struct clv_err *err)
{
	uint8_t raw[8];

	for (size_t i = 0; i < n; i++)
		raw[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	return buf_put(b, slice_of(raw, n), err);
}

clv_rc buf_put_u8(struct clv_buf *b, uint8_t v, struct clv_err *err)
{
	return put_number(b, v, 1, err);
}

clv_rc buf_put_u16(struct clv_buf *b, uint16_t v, struct clv_err *err)
{
	return put_number(b, v, 2, err);
}

clv_rc buf_put_u32(struct clv_buf *b, uint32_t v, struct clv_err *err)
{
	return put_number(b, v, 4, err);
}

clv_rc buf_put_u64(struct clv_buf *b, uint64_t v, struct clv_err *err)
{
	return put_number(b, v, 8, err);
}

clv_rc buf_put_lp(struct clv_buf *b, struct clv_slice s, struct clv_err *err)
{
	uint8_t *room;

	if (s.len > UINT32_MAX)
		return err_set(err, CLV_E_LIMIT, "%zu bytes do not fit a 32-bit length", s.len);
	if (buf_reserve(b, 4 + s.len, &room, err) != CLV_OK) /* both or neither */
		return CLV_FAILED;
	if (put_number(b, s.len, 4, err) != CLV_OK)
		return CLV_FAILED;
	return buf_put(b, s, err);
}

clv_rc buf_printf(struct clv_buf *b, struct clv_err *err, const char *fmt, ...)
{
	uint8_t *room;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_set(err, CLV_E_INTERNAL, "cannot format a text");
	if ((size_t)n > b->limit - (b->len - b->off))
		return err_set(err, CLV_E_LIMIT, "a text of %d bytes does not fit: limit %zu", n, b->limit);
	/* vsnprintf also writes the final 0, which is never counted. */
	if (buf_reserve(b, (size_t)n, &room, err) != CLV_OK)
		return CLV_FAILED;
	if (b->cap - b->len < (size_t)n + 1) {
		buf_move(b, (b->len - b->off) + (size_t)n + 1);
		room = b->ptr + b->len;
	}
	va_start(ap, fmt);
	(void)vsnprintf((char *)room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(b, (size_t)n);
	return CLV_OK;
}

static clv_rc get_number(struct clv_slice *s, size_t n, uint64_t *v, struct clv_err *err)
{
	uint64_t value = 0;

	if (s->len < n)
		return err_set(err, CLV_E_PROTO, "%zu bytes are left where a %zu-byte number should be",
		               s->len, n);
	for (size_t i = 0; i < n; i++)
		value = value << 8 | s->ptr[i];
	s->ptr += n;
	s->len -= n;
	*v = value;
	return CLV_OK;
}

clv_rc slice_get_u8(struct clv_slice *s, uint8_t *v, struct clv_err *err)
{
	uint64_t value;

	if (get_number(s, 1, &value, err) != CLV_OK)
		return CLV_FAILED;
	*v = (uint8_t)value;
	return CLV_OK;
}

clv_rc slice_get_u16(struct clv_slice *s, uint16_t *v, struct clv_err *err)
{
	uint64_t value;

	if (get_number(s, 2, &value, err) != CLV_OK)
		return CLV_FAILED;
	*v = (uint16_t)value;
	return CLV_OK;
}

clv_rc slice_get_u32(struct clv_slice *s, uint32_t *v, struct clv_err *err)
{
	uint64_t value;

	if (get_number(s, 4, &value, err) != CLV_OK)
		return CLV_FAILED;
	*v = (uint32_t)value;
	return CLV_OK;
}

clv_rc slice_get_u64(struct clv_slice *s, uint64_t *v, struct clv_err *err)
{
	return get_number(s, 8, v, err);
}

clv_rc slice_get(struct clv_slice *s, size_t n, struct clv_slice *out, struct clv_err *err)
{
	if (s->len < n)
		return err_set(err, CLV_E_PROTO, "%zu bytes are left where %zu should be", s->len, n);
	*out = slice_of(s->ptr, n);
	if (n > 0)
		s->ptr += n;
	s->len -= n;
	return CLV_OK;
}

clv_rc slice_get_lp(struct clv_slice *s, size_t max, struct clv_slice *out, struct clv_err *err)
{
	struct clv_slice rest = *s;
	uint32_t len;

	if (slice_get_u32(&rest, &len, err) != CLV_OK)
		return CLV_FAILED;
	if (len > max)
		return err_set(err, CLV_E_LIMIT, "a field of %u bytes, at most %zu are allowed", len, max);
	if (slice_get(&rest, len, out, err) != CLV_OK)
		return CLV_FAILED;
	*s = rest;
	return CLV_OK;
}

void hex_encode(struct clv_slice s, bool upper, char *out)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		*out++ = digits[s.ptr[i] >> 4];
		*out++ = digits[s.ptr[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

clv_rc hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t out_len, struct clv_err *err)
{
	if (hex_len / 2 != out_len || hex_len % 2 != 0)
		return err_set(err, CLV_E_PROTO, "%zu characters where %zu hexadecimal digits should be",
		               hex_len, out_len * 2);
	/* Checked whole before the first byte is written: out is untouched on failure. */
	for (size_t i = 0; i < hex_len; i++) {
		if (hex_digit(hex[i]) < 0)
			return err_set(err, CLV_E_PROTO, "character %zu is not a hexadecimal digit", i + 1);
	}
	for (size_t i = 0; i < out_len; i++)
		out[i] = (uint8_t)(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
	return CLV_OK;
}

void *clv_calloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		clv_fatal("out of memory");
	return p;
}

void *clv_realloc(void *p, size_t n, size_t size)
{
	void *fresh = reallocarray(p, n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (fresh == NULL)
		clv_fatal("out of memory");
	return fresh;
}

void *clv_memdup(const void *p, size_t len)
{
	void *copy = clv_calloc(1, len);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *clv_strdup(const char *s)
{
	return s == NULL ? NULL : clv_memdup(s, strlen(s) + 1);
}

void clv_free(void *p)
{
	free(p);
}

char *clv_asprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		clv_fatal("out of memory");
	return s;
}
