/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret lives in memory that is locked, kept out of core dumps, guarded by inaccessible pages
 * on both sides and wiped when it is freed (memfd_secret where the kernel has it, else mlock).
 * It has no printf, no dup and no getter: its bytes are borrowed inside secret_use alone.
 * `clv_sealed` is another type: bytes that are unreadable without a key. STYLE 24 to 27.
 */
#ifndef CLAVIGER_SECRET_H
#define CLAVIGER_SECRET_H

#include "claviger/buf.h"

struct clv_secret; /* opaque */

#define CLV_SECRET_MAX (512u * 1024u) /* a RunAs list, signed */

/* A new empty secret that can hold up to cap bytes (1..CLV_SECRET_MAX). NULL with *err set when
 * memory cannot be locked (RLIMIT_MEMLOCK): never falls back to ordinary memory. */
CLV_MUST struct clv_secret *secret_new(size_t cap, struct clv_err *err);
void secret_free(struct clv_secret *s);  /* wipes, gives up; NULL is fine */
void secret_clear(struct clv_secret *s); /* wipes; len becomes 0 */
size_t secret_len(const struct clv_secret *s);
size_t secret_cap(const struct clv_secret *s);
/* True when memfd_secret backs it, false when mlock does. */
bool secret_is_hidden(const struct clv_secret *s);

/* Random bytes from OpenSSL's private generator; len <= cap. */
CLV_MUST clv_rc secret_random(struct clv_secret *s, size_t len, struct clv_err *err);
/* Copies bytes in and wipes the source. len <= cap. */
CLV_MUST clv_rc secret_take(struct clv_secret *s, void *src, size_t len, struct clv_err *err);
CLV_MUST clv_rc secret_append(struct clv_secret *s, const void *src, size_t len, struct clv_err *err);
/* Shortens to len bytes, wiping the rest. */
void secret_truncate(struct clv_secret *s, size_t len);

/* Borrow: fn sees the bytes during the call only and must not keep the pointer. Returns fn's. */
typedef clv_rc secret_use_fn(struct clv_slice bytes, void *ctx, struct clv_err *err);
CLV_MUST clv_rc secret_use(const struct clv_secret *s, secret_use_fn *fn, void *ctx, struct clv_err *err);
/* fn writes up to cap bytes and says how many. On failure the secret is cleared. */
typedef clv_rc secret_fill_fn(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err);
CLV_MUST clv_rc secret_fill(struct clv_secret *s, secret_fill_fn *fn, void *ctx, struct clv_err *err);
/* As secret_fill, but fn finds what is there (*len bytes of it) and may change it. */
CLV_MUST clv_rc secret_edit(struct clv_secret *s, secret_fill_fn *fn, void *ctx, struct clv_err *err);
/* fn writes at the end, into room more bytes (CLV_E_LIMIT when they do not fit), and says how many of them
 * stay. On failure the secret is as before. */
CLV_MUST clv_rc secret_extend(struct clv_secret *s, size_t room, secret_fill_fn *fn, void *ctx,
                              struct clv_err *err);
/* Constant time. */
bool secret_eq(const struct clv_secret *a, const struct clv_secret *b);

/* A process that will see a secret calls this first: RLIMIT_CORE 0, PR_SET_DUMPABLE 0 (which also
 * forbids tracing). Fails closed. T35. */
CLV_MUST clv_rc secret_process_init(struct clv_err *err);

/* In the key holder and the console only, before any other OpenSSL call: OpenSSL's heap becomes a
 * locked, wiping arena of `size` bytes. STYLE 26. Exhaustion is clv_fatal. */
CLV_MUST clv_rc secret_openssl_arena(size_t size, struct clv_err *err);
bool secret_openssl_arena_active(void); /* did this process do so? */

/* Bytes that are ciphertext and safe to carry. */
struct clv_sealed {
	struct clv_buf bytes;
};

#endif
