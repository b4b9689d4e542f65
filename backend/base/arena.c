/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A locked, wiping heap for OpenSSL in the key holder and the console (STYLE 26): else copies of keys and
 * passwords stay in the ordinary heap. All memory is mapped up front, so that it works behind a sandbox that
 * forbids mmap. Blocks carry their neighbour's size and are joined again when freed; free ones
 * hang in lists by power of two.
 */
#include "claviger/secret.h"
#include "base/lockmem.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#define BINS      40
#define ALIGN     16u
#define USED_MARK 1u

/* Before every payload. Sizes count the head and are multiples of 16; the low bit says used. */
struct head {
	size_t before; /* size of the block before, 0 for the first */
	size_t size;
};

struct free_block {
	struct head head;
	struct free_block *next;
	struct free_block *prev;
};

#define LEAST sizeof(struct free_block)

static struct {
	pthread_mutex_t lock;
	struct lockmem mem;
	uint8_t *end;
	struct free_block *bins[BINS];
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t size_of(const struct head *h)
{
	return h->size & ~(size_t)USED_MARK;
}

static bool is_used(const struct head *h)
{
	return (h->size & USED_MARK) != 0;
}

static struct head *after(struct head *h)
{
	uint8_t *p = (uint8_t *)h + size_of(h);

	return p < arena.end ? (struct head *)(void *)p : NULL;
}

static unsigned bin_of(size_t size)
{
	unsigned bin = 0;

	while (size > 1 && bin < BINS - 1) {
		size >>= 1;
		bin++;
	}
	return bin;
}

static void list_add(struct free_block *f)
{
	unsigned bin = bin_of(size_of(&f->head));

	f->prev = NULL;
	f->next = arena.bins[bin];
	if (f->next != NULL)
		f->next->prev = f;
	arena.bins[bin] = f;
}

static void list_take(struct free_block *f)
{
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		arena.bins[bin_of(size_of(&f->head))] = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
}

static struct free_block *find(size_t size)
{
	for (unsigned bin = bin_of(size); bin < BINS; bin++) {
		for (struct free_block *f = arena.bins[bin]; f != NULL; f = f->next) {
			if (size_of(&f->head) >= size)
				return f;
		}
	}
	return NULL;
}

static void set_size(struct head *h, size_t size, bool used)
{
	struct head *next;

	h->size = size | (used ? USED_MARK : 0);
	next = after(h);
	if (next != NULL)
		next->before = size;
}

static void *arena_malloc(size_t n, const char *file, int line)
{
	struct free_block *f;
	size_t size;
	size_t rest;

	(void)file;
	(void)line;
	if (n == 0)
		return NULL;
	if (n > arena.mem.len)
		clv_fatal("the locked memory for keys and passwords is used up");
	size = (n + sizeof(struct head) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (size < LEAST)
		size = LEAST;
	(void)pthread_mutex_lock(&arena.lock);
	f = find(size);
	if (f == NULL)
		clv_fatal("the locked memory for keys and passwords is used up");
	list_take(f);
	rest = size_of(&f->head) - size;
	if (rest >= LEAST) {
		struct free_block *tail = (struct free_block *)(void *)((uint8_t *)f + size);

		set_size(&f->head, size, true);
		tail->head.before = size;
		set_size(&tail->head, rest, false);
		list_add(tail);
	} else {
		set_size(&f->head, size_of(&f->head), true);
	}
	(void)pthread_mutex_unlock(&arena.lock);
	return (uint8_t *)f + sizeof(struct head);
}

static void arena_free(void *p, const char *file, int line)
{
	struct head *h;
	struct head *next;
	size_t size;

	(void)file;
	(void)line;
	if (p == NULL)
		return;
	h = (struct head *)(void *)((uint8_t *)p - sizeof(*h));
	(void)pthread_mutex_lock(&arena.lock);
	assert((uint8_t *)h >= arena.mem.ptr && (uint8_t *)h < arena.end && is_used(h));
	size = size_of(h);
	explicit_bzero(p, size - sizeof(*h));
	next = after(h);
	if (next != NULL && !is_used(next)) {
		list_take((struct free_block *)(void *)next);
		size += size_of(next);
	}
	if (h->before != 0) {
		struct head *prev = (struct head *)(void *)((uint8_t *)h - h->before);

		if (!is_used(prev)) {
			list_take((struct free_block *)(void *)prev);
			size += size_of(prev);
			h = prev;
		}
	}
	set_size(h, size, false);
	list_add((struct free_block *)(void *)h);
	(void)pthread_mutex_unlock(&arena.lock);
}

static void *arena_realloc(void *p, size_t n, const char *file, int line)
{
	const struct head *h;
	size_t have;
	void *fresh;

	if (p == NULL)
		return arena_malloc(n, file, line);
	if (n == 0) {
		arena_free(p, file, line);
		return NULL;
	}
	h = (const struct head *)(void *)((uint8_t *)p - sizeof(*h));
	have = size_of(h) - sizeof(*h);
	if (n <= have)
		return p;
	fresh = arena_malloc(n, file, line);
	memcpy(fresh, p, have);
	arena_free(p, file, line);
	return fresh;
}

clv_rc secret_openssl_arena(size_t size, struct clv_err *err)
{
	struct free_block *all;

	if (arena.mem.ptr != NULL)
		return err_set(err, CLV_E_INTERNAL, "the locked heap is set up already");
	if (size < 65536)
		return err_set(err, CLV_E_USAGE, "a locked heap of %zu bytes; expected 65536 or more", size);
	if (lockmem_map(&arena.mem, size, err) != CLV_OK)
		return CLV_FAILED;
	arena.end = arena.mem.ptr + arena.mem.len;
	all = (struct free_block *)(void *)arena.mem.ptr;
	all->head.before = 0;
	set_size(&all->head, arena.mem.len, false);
	list_add(all);
	if (CRYPTO_set_mem_functions(arena_malloc, arena_realloc, arena_free) != 1) {
		lockmem_unmap(&arena.mem, arena.mem.len);
		memset(arena.bins, 0, sizeof(arena.bins));
		return err_set(err, CLV_E_INTERNAL, "OpenSSL was used before its heap was set");
	}
	return CLV_OK;
}

bool secret_openssl_arena_active(void)
{
	return arena.mem.ptr != NULL;
}
