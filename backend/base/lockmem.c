/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for secrets: memfd_secret where the kernel has it, else mlock; never ordinary memory.
 */
#include "base/lockmem.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(CLV_ASAN)
#define SPARE 1u /* room for the array; none is kept, so that a use after free is seen */
static const size_t spare_max = 0;
#else
#define SPARE 16u
static const size_t spare_max = SPARE;
#endif

/* Single pages that were wiped and wait to be used again: keys come and go by thousands, and giving a hidden
 * page back to the kernel costs more than what is done with it. A child of fork shares hidden pages with its
 * parent, so it takes none of these. */
static struct {
	pthread_mutex_t lock;
	pid_t owner;
	struct lockmem page[SPARE];
	size_t n;
} spare = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool take_spare(struct lockmem *m, size_t len)
{
	bool found;

	(void)pthread_mutex_lock(&spare.lock);
	if (spare.owner != getpid())
		spare.n = 0;
	found = spare.n > 0 && len <= spare.page[spare.n - 1].len;
	if (found)
		*m = spare.page[--spare.n];
	(void)pthread_mutex_unlock(&spare.lock);
	return found;
}

static bool keep_spare(const struct lockmem *m)
{
	pid_t self = getpid();
	bool kept;

	(void)pthread_mutex_lock(&spare.lock);
	if (spare.owner != self) {
		spare.owner = self;
		spare.n = 0;
	}
	kept = m->len == (size_t)sysconf(_SC_PAGESIZE) && spare.n < spare_max;
	if (kept)
		spare.page[spare.n++] = *m;
	(void)pthread_mutex_unlock(&spare.lock);
	return kept;
}

/* Secret pages over the reserved ones. False: this kernel, limit or sandbox does not give them. */
static bool map_hidden(uint8_t *at, size_t len)
{
	bool done = false;
	void *p;
	int fd;

#if defined(__SANITIZE_ADDRESS__)
	return false; /* the sanitizer's shadow cannot follow them */
#endif
	fd = (int)syscall(SYS_memfd_secret, 0);
	if (fd < 0)
		return false;
	if (ftruncate(fd, (off_t)len) == 0) {
		p = mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
		done = p != MAP_FAILED;
	}
	(void)close(fd);
	return done;
}

static bool map_locked(uint8_t *at, size_t len)
{
	void *p = mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return p != MAP_FAILED && mlock(at, len) == 0;
}

clv_rc lockmem_map(struct lockmem *m, size_t len, struct clv_err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct lockmem fresh = {0};
	void *p;

	if (take_spare(m, len))
		return CLV_OK;
	fresh.len = (len + page - 1) / page * page;
	fresh.map_len = fresh.len + 2 * page;
	p = mmap(NULL, fresh.map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(err, CLV_E_NOMEM, "cannot reserve %zu bytes for a secret", fresh.map_len);
	fresh.map = p;
	fresh.ptr = fresh.map + page;
	fresh.hidden = map_hidden(fresh.ptr, fresh.len);
	if (!fresh.hidden && !map_locked(fresh.ptr, fresh.len)) {
		(void)err_sys(err, CLV_E_NOMEM,
		              "cannot lock %zu bytes of memory for a secret; raise the limit "
		              "(RLIMIT_MEMLOCK, LimitMEMLOCK=)",
		              fresh.len);
		(void)munmap(fresh.map, fresh.map_len);
		return CLV_FAILED;
	}
	/* Hidden pages refuse the advice and are never dumped. */
	if (!fresh.hidden && madvise(fresh.ptr, fresh.len, MADV_DONTDUMP) != 0) {
		(void)err_sys(err, CLV_E_NOMEM, "cannot keep a secret out of core files");
		(void)munmap(fresh.map, fresh.map_len);
		return CLV_FAILED;
	}
	*m = fresh;
	return CLV_OK;
}

void lockmem_unmap(struct lockmem *m, size_t touched)
{
	int keep = errno;

	if (m->map == NULL)
		return;
	explicit_bzero(m->ptr, touched < m->len ? touched : m->len);
	if (!keep_spare(m))
		(void)munmap(m->map, m->map_len);
	*m = (struct lockmem){0};
	errno = keep;
}
