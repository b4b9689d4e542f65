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

#define SPARE_MAX 24u /* how many pieces wait, and how many bytes in all */
#if defined(__SANITIZE_ADDRESS__) || defined(CLV_ASAN)
static const size_t spare_bytes_max = 0; /* none is kept, so that a use after free is seen */
#else
static const size_t spare_bytes_max = 384u * 1024u;
#endif

/* Pieces that were wiped and wait to be used again, the one given back first at first: keys come and go by
 * thousands, and each page that the kernel hides or shows costs a word to every processor, more than what is
 * done with it. Only a piece of the very same length is taken, so that the guard stands right behind it. A
 * child of fork shares hidden pages with its parent, so it takes none of these. */
static struct {
	pthread_mutex_t lock;
	pid_t owner;
	struct lockmem piece[SPARE_MAX];
	size_t n, bytes;
} spare = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void own_spare(void)
{
	pid_t self = getpid();

	if (spare.owner == self)
		return;
	spare.owner = self;
	spare.n = spare.bytes = 0;
}

static struct lockmem remove_spare(size_t i)
{
	struct lockmem m = spare.piece[i];

	spare.n--;
	spare.bytes -= m.len;
	memmove(&spare.piece[i], &spare.piece[i + 1], (spare.n - i) * sizeof spare.piece[0]);
	return m;
}

static bool take_spare(struct lockmem *m, size_t len)
{
	bool found = false;

	(void)pthread_mutex_lock(&spare.lock);
	own_spare();
	for (size_t i = spare.n; i-- > 0 && !found;)
		if (spare.piece[i].len == len) {
			*m = remove_spare(i);
			found = true;
		}
	(void)pthread_mutex_unlock(&spare.lock);
	return found;
}

static bool keep_spare(const struct lockmem *m)
{
	if (m->len > spare_bytes_max)
		return false;
	(void)pthread_mutex_lock(&spare.lock);
	own_spare();
	while (spare.n == SPARE_MAX || spare.bytes + m->len > spare_bytes_max) {
		struct lockmem oldest = remove_spare(0);

		(void)munmap(oldest.map, oldest.map_len);
	}
	spare.piece[spare.n++] = *m;
	spare.bytes += m->len;
	(void)pthread_mutex_unlock(&spare.lock);
	return true;
}

/* What waits counts towards the limit of locked memory. False: nothing waited. */
static bool give_up_spare(void)
{
	bool any;

	(void)pthread_mutex_lock(&spare.lock);
	own_spare();
	any = spare.n > 0;
	while (spare.n) {
		struct lockmem m = remove_spare(spare.n - 1);

		(void)munmap(m.map, m.map_len);
	}
	(void)pthread_mutex_unlock(&spare.lock);
	return any;
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

static clv_rc map_fresh(struct lockmem *m, size_t len, struct clv_err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct lockmem fresh = {.len = len, .map_len = len + 2 * page};
	void *p = mmap(NULL, fresh.map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

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

clv_rc lockmem_map(struct lockmem *m, size_t len, struct clv_err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (len + page - 1) / page * page;

	if (take_spare(m, whole) || !map_fresh(m, whole, err))
		return CLV_OK;
	if (!give_up_spare())
		return CLV_FAILED;
	err_clear(err);
	return map_fresh(m, whole, err);
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
