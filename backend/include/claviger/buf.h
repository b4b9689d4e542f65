/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: a slice borrows, a buf owns and has a hard limit. Readers and writers advance; nobody
 * indexes the wire. Integers are big-endian. Not for secrets (see secret.h), though every free
 * wipes all the same.
 */
#ifndef CLAVIGER_BUF_H
#define CLAVIGER_BUF_H

#include "claviger/err.h"
#include <stdint.h>

struct clv_slice {
	const uint8_t *ptr; /* may be NULL when len is 0 */
	size_t len;         /* bytes */
};

struct clv_buf {
	uint8_t *ptr;
	size_t len; /* bytes written */
	size_t off; /* bytes already consumed from the front */
	size_t cap;
	size_t limit; /* len - off never passes this; set by buf_init */
};

#define SLICE_LIT(s) ((struct clv_slice){(const uint8_t *)(s), sizeof(s) - 1})

struct clv_slice slice_of(const void *ptr, size_t len);
struct clv_slice slice_str(const char *s);             /* without the final 0; NULL gives an empty one */
bool slice_eq(struct clv_slice a, struct clv_slice b); /* not constant time */
/* A field that has exactly len bytes into out: the one way to read what a peer, a sibling or a file gives a
 * length of its own for. Where s has another length out is all 0 and false comes back. */
bool slice_fill(struct clv_slice s, void *out, size_t len);
bool slice_eq_str(struct clv_slice a, const char *s);
/* Constant time in the content (not in the length). For MACs, fingerprints, codes. */
bool slice_eq_ct(struct clv_slice a, struct clv_slice b);

/* An empty buf that will never hold more than limit bytes. Does not allocate. */
void buf_init(struct clv_buf *b, size_t limit);
/* Wipes and frees what it owns; NULL is fine; b may be init'ed again. */
void buf_release(struct clv_buf *b);
/* Empties it for reuse, wiping the bytes; keeps memory and limit. */
void buf_clear(struct clv_buf *b);
/* What has been written and not yet consumed. Valid until the next writing call. */
struct clv_slice buf_slice(const struct clv_buf *b);
/* Drops n bytes from the front; n <= what is there (asserted: our own bug otherwise). */
void buf_consume(struct clv_buf *b, size_t n);
/* Room for n more bytes at the end: *room points at it, then buf_commit says how many were used.
 * CLV_E_LIMIT beyond the limit. */
CLV_MUST clv_rc buf_reserve(struct clv_buf *b, size_t n, uint8_t **room, struct clv_err *err);
void buf_commit(struct clv_buf *b, size_t n);

CLV_MUST clv_rc buf_put(struct clv_buf *b, struct clv_slice s, struct clv_err *err);
CLV_MUST clv_rc buf_put_u8(struct clv_buf *b, uint8_t v, struct clv_err *err);
CLV_MUST clv_rc buf_put_u16(struct clv_buf *b, uint16_t v, struct clv_err *err);
CLV_MUST clv_rc buf_put_u32(struct clv_buf *b, uint32_t v, struct clv_err *err);
CLV_MUST clv_rc buf_put_u64(struct clv_buf *b, uint64_t v, struct clv_err *err);
/* A u32 length, then the bytes. */
CLV_MUST clv_rc buf_put_lp(struct clv_buf *b, struct clv_slice s, struct clv_err *err);
CLV_MUST clv_rc buf_printf(struct clv_buf *b, struct clv_err *err, const char *fmt, ...) CLV_PRINTF(3, 4);

/* Readers advance *s; CLV_E_PROTO when too short, and *s is untouched then. */
CLV_MUST clv_rc slice_get_u8(struct clv_slice *s, uint8_t *v, struct clv_err *err);
CLV_MUST clv_rc slice_get_u16(struct clv_slice *s, uint16_t *v, struct clv_err *err);
CLV_MUST clv_rc slice_get_u32(struct clv_slice *s, uint32_t *v, struct clv_err *err);
CLV_MUST clv_rc slice_get_u64(struct clv_slice *s, uint64_t *v, struct clv_err *err);
CLV_MUST clv_rc slice_get(struct clv_slice *s, size_t n, struct clv_slice *out, struct clv_err *err);
/* u32 length then bytes; CLV_E_LIMIT when the length passes max. */
CLV_MUST clv_rc slice_get_lp(struct clv_slice *s, size_t max, struct clv_slice *out, struct clv_err *err);

/* Hexadecimal. hex_encode writes 2*len digits and a 0 into out (upper case when upper);
 * hex_decode takes exactly 2*len digits of either case, nothing else. */
void hex_encode(struct clv_slice s, bool upper, char *out);
CLV_MUST clv_rc hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t out_len,
                           struct clv_err *err);

/* Heap, never NULL: failure calls clv_fatal. */
void *clv_calloc(size_t n, size_t size);
void *clv_realloc(void *p, size_t n, size_t size);
void *clv_memdup(const void *p, size_t len);
char *clv_strdup(const char *s); /* NULL gives NULL */
void clv_free(void *p);
char *clv_asprintf(const char *fmt, ...) CLV_PRINTF(1, 2);

#endif
