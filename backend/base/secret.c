/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: locked pages between guards, out of core dumps, wiped when freed (STYLE 24 to 27, T35).
 * The key holder's and the console's passwords and keys live here from their first byte. The
 * locked heap for OpenSSL is in arena.c.
 */
#include "claviger/secret.h"
#include "base/lockmem.h"

#include <assert.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define SECRET_MAGIC 0x73656372u
#define STACK_DEPTH  (32u * 1024u) /* how far below a borrower's frame its callees may have written */

struct clv_secret {
	uint32_t magic;
	struct lockmem mem;
	size_t cap;
	size_t len;
	size_t touched; /* bytes that may be other than 0: what a wipe must reach */
};

static void wipe_from(struct clv_secret *s, size_t len)
{
	if (s->touched > len)
		explicit_bzero(s->mem.ptr + len, s->touched - len);
	s->touched = len;
	s->len = len;
}

static void wrote(struct clv_secret *s, size_t len)
{
	s->len = len;
	if (s->touched < len)
		s->touched = len;
}

struct clv_secret *secret_new(size_t cap, struct clv_err *err)
{
	struct clv_secret *s;
	struct lockmem mem;

	if (cap == 0 || cap > CLV_SECRET_MAX) {
		(void)err_set(err, CLV_E_LIMIT, "a secret of %zu bytes; expected 1 to %u", cap,
		              CLV_SECRET_MAX);
		return NULL;
	}
	if (lockmem_map(&mem, cap, err) != CLV_OK)
		return NULL;
	s = clv_calloc(1, sizeof(*s));
	s->magic = SECRET_MAGIC;
	s->mem = mem;
	s->cap = cap;
	return s;
}

void secret_free(struct clv_secret *s)
{
	if (s == NULL)
		return;
	assert(s->magic == SECRET_MAGIC);
	s->magic = 0;
	lockmem_unmap(&s->mem, s->touched);
	clv_free(s);
}

void secret_clear(struct clv_secret *s)
{
	assert(s->magic == SECRET_MAGIC);
	wipe_from(s, 0);
}

size_t secret_len(const struct clv_secret *s)
{
	assert(s->magic == SECRET_MAGIC);
	return s->len;
}

size_t secret_cap(const struct clv_secret *s)
{
	assert(s->magic == SECRET_MAGIC);
	return s->cap;
}

bool secret_is_hidden(const struct clv_secret *s)
{
	assert(s->magic == SECRET_MAGIC);
	return s->mem.hidden;
}

/* Copies by the vector unit stay in its registers, and whoever saves those (the dynamic linker at a first
 * call, a signal) writes them to the stack. */
static void clear_registers(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile("vzeroall\n\t"
		                 "vpxorq %%zmm16,%%zmm16,%%zmm16\n\tvpxorq %%zmm17,%%zmm17,%%zmm17\n\t"
		                 "vpxorq %%zmm18,%%zmm18,%%zmm18\n\tvpxorq %%zmm19,%%zmm19,%%zmm19\n\t"
		                 "vpxorq %%zmm20,%%zmm20,%%zmm20\n\tvpxorq %%zmm21,%%zmm21,%%zmm21\n\t"
		                 "vpxorq %%zmm22,%%zmm22,%%zmm22\n\tvpxorq %%zmm23,%%zmm23,%%zmm23\n\t"
		                 "vpxorq %%zmm24,%%zmm24,%%zmm24\n\tvpxorq %%zmm25,%%zmm25,%%zmm25\n\t"
		                 "vpxorq %%zmm26,%%zmm26,%%zmm26\n\tvpxorq %%zmm27,%%zmm27,%%zmm27\n\t"
		                 "vpxorq %%zmm28,%%zmm28,%%zmm28\n\tvpxorq %%zmm29,%%zmm29,%%zmm29\n\t"
		                 "vpxorq %%zmm30,%%zmm30,%%zmm30\n\tvpxorq %%zmm31,%%zmm31,%%zmm31" ::
		                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	else if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::
		                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#endif
}

static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t room[STACK_DEPTH];

	explicit_bzero(room, sizeof(room));
}

/* How many borrows are open: the outermost one cleans up. */
static _Thread_local unsigned borrowed;

static clv_rc give_back(clv_rc rc)
{
	if (--borrowed == 0) {
		wipe_stack();
		clear_registers();
	}
	return rc;
}

static clv_rc check_room(const struct clv_secret *s, size_t used, size_t more, struct clv_err *err)
{
	assert(s->magic == SECRET_MAGIC);
	if (more > s->cap - used)
		return err_set(err, CLV_E_LIMIT, "a secret of %zu bytes does not fit: limit %zu", used + more,
		               s->cap);
	return CLV_OK;
}

clv_rc secret_random(struct clv_secret *s, size_t len, struct clv_err *err)
{
	if (check_room(s, 0, len, err) != CLV_OK)
		return CLV_FAILED;
	secret_clear(s);
	s->touched = len;
	if (RAND_priv_bytes(s->mem.ptr, (int)len) != 1)
		return err_set(err, CLV_E_CRYPTO, "the random generator failed");
	s->len = len;
	return CLV_OK;
}

clv_rc secret_take(struct clv_secret *s, void *src, size_t len, struct clv_err *err)
{
	if (check_room(s, 0, len, err) != CLV_OK) {
		explicit_bzero(src, len); /* the caller has handed it over either way */
		return CLV_FAILED;
	}
	secret_clear(s);
	if (len > 0)
		memcpy(s->mem.ptr, src, len);
	wrote(s, len);
	explicit_bzero(src, len);
	clear_registers();
	return CLV_OK;
}

clv_rc secret_append(struct clv_secret *s, const void *src, size_t len, struct clv_err *err)
{
	if (check_room(s, s->len, len, err) != CLV_OK)
		return CLV_FAILED;
	if (len > 0)
		memcpy(s->mem.ptr + s->len, src, len);
	wrote(s, s->len + len);
	clear_registers();
	return CLV_OK;
}

void secret_truncate(struct clv_secret *s, size_t len)
{
	assert(s->magic == SECRET_MAGIC && len <= s->len);
	wipe_from(s, len);
}

clv_rc secret_use(const struct clv_secret *s, secret_use_fn *fn, void *ctx, struct clv_err *err)
{
	assert(s->magic == SECRET_MAGIC);
	borrowed++;
	return give_back(fn(slice_of(s->mem.ptr, s->len), ctx, err));
}

clv_rc secret_fill(struct clv_secret *s, secret_fill_fn *fn, void *ctx, struct clv_err *err)
{
	size_t len = 0;

	secret_clear(s);
	s->touched = s->cap; /* fn may write anywhere in it */
	borrowed++;
	if (give_back(fn(s->mem.ptr, s->cap, &len, ctx, err)) != CLV_OK) {
		secret_clear(s);
		return CLV_FAILED;
	}
	assert(len <= s->cap);
	s->len = len;
	return CLV_OK;
}

clv_rc secret_edit(struct clv_secret *s, secret_fill_fn *fn, void *ctx, struct clv_err *err)
{
	size_t len = s->len;

	assert(s->magic == SECRET_MAGIC);
	s->touched = s->cap; /* fn may write anywhere in it */
	borrowed++;
	if (give_back(fn(s->mem.ptr, s->cap, &len, ctx, err)) != CLV_OK) {
		secret_clear(s);
		return CLV_FAILED;
	}
	assert(len <= s->cap);
	wipe_from(s, len);
	return CLV_OK;
}

clv_rc secret_extend(struct clv_secret *s, size_t room, secret_fill_fn *fn, void *ctx, struct clv_err *err)
{
	size_t before = s->len, len = 0;
	clv_rc rc;

	if (check_room(s, before, room, err) != CLV_OK)
		return CLV_FAILED;
	if (s->touched < before + room)
		s->touched = before + room;
	borrowed++;
	rc = give_back(fn(s->mem.ptr + before, room, &len, ctx, err));
	assert(rc != CLV_OK || len <= room);
	wipe_from(s, rc == CLV_OK ? before + len : before);
	return rc;
}

bool secret_eq(const struct clv_secret *a, const struct clv_secret *b)
{
	assert(a->magic == SECRET_MAGIC && b->magic == SECRET_MAGIC);
	return slice_eq_ct(slice_of(a->mem.ptr, a->len), slice_of(b->mem.ptr, b->len));
}

clv_rc secret_process_init(struct clv_err *err)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_sys(err, CLV_E_SANDBOX, "cannot forbid core files");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(err, CLV_E_SANDBOX, "cannot forbid dumps and tracing");
	return CLV_OK;
}
