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

struct clv_secret {
	uint32_t magic;
	struct lockmem mem;
	size_t cap;
	size_t len;
};

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
	lockmem_unmap(&s->mem);
	clv_free(s);
}

void secret_clear(struct clv_secret *s)
{
	assert(s->magic == SECRET_MAGIC);
	explicit_bzero(s->mem.ptr, s->cap);
	s->len = 0;
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
	s->len = len;
	explicit_bzero(src, len);
	return CLV_OK;
}

clv_rc secret_append(struct clv_secret *s, const void *src, size_t len, struct clv_err *err)
{
	if (check_room(s, s->len, len, err) != CLV_OK)
		return CLV_FAILED;
	if (len > 0)
		memcpy(s->mem.ptr + s->len, src, len);
	s->len += len;
	return CLV_OK;
}

void secret_truncate(struct clv_secret *s, size_t len)
{
	assert(s->magic == SECRET_MAGIC && len <= s->len);
	explicit_bzero(s->mem.ptr + len, s->cap - len);
	s->len = len;
}

clv_rc secret_use(const struct clv_secret *s, secret_use_fn *fn, void *ctx, struct clv_err *err)
{
	assert(s->magic == SECRET_MAGIC);
	return fn(slice_of(s->mem.ptr, s->len), ctx, err);
}

clv_rc secret_fill(struct clv_secret *s, secret_fill_fn *fn, void *ctx, struct clv_err *err)
{
	size_t len = 0;

	secret_clear(s);
	if (fn(s->mem.ptr, s->cap, &len, ctx, err) != CLV_OK) {
		secret_clear(s);
		return CLV_FAILED;
	}
	assert(len <= s->cap);
	s->len = len;
	return CLV_OK;
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
