/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of RSA keys of the test build: the file CLAVIGER_TEST_KEYS has them, each as a length and PKCS#8;
 * CLAVIGER_TEST_KEYS_NEXT, which all processes of a test share, counts which is next. Run by key generation.
 * The product has nothing of this.
 */
#include "daemon/keyholder_keypool.h"

#ifdef CLV_TEST_BUILD
#include "claviger/buf.h"
#include <fcntl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL_MAX     (16u * 1024u * 1024u)
#define POOL_BITS    3072u
#define POOL_KEY_MAX 4096u

static struct {
	struct clv_slice keys;
	size_t n;
	_Atomic uint32_t *next;
} pool;

static void *map_file(const char *path, int flags, int prot, size_t *len)
{
	struct stat st;
	void *at = MAP_FAILED;
	int fd = path ? open(path, flags | O_CLOEXEC) : -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= POOL_MAX) {
		*len = (size_t)st.st_size;
		at = mmap(NULL, *len, prot, MAP_SHARED, fd, 0);
	}
	if (fd >= 0)
		(void)close(fd);
	return at == MAP_FAILED ? NULL : at;
}

/* Walks to key number i; false when there are not so many. */
static bool walk(size_t i, struct clv_slice *der)
{
	struct clv_slice rest = pool.keys;
	struct clv_err err = {0};

	for (size_t k = 0; k <= i; k++)
		if (slice_get_lp(&rest, POOL_KEY_MAX, der, &err))
			return false;
	return true;
}

void keypool_open(void)
{
	struct clv_slice der;
	size_t counter = 0;

	pool.next = map_file(getenv("CLAVIGER_TEST_KEYS_NEXT"), O_RDWR, PROT_READ | PROT_WRITE, &counter);
	pool.keys.ptr = map_file(getenv("CLAVIGER_TEST_KEYS"), O_RDONLY, PROT_READ, &pool.keys.len);
	if (!pool.keys.ptr || counter < sizeof *pool.next)
		return;
	while (walk(pool.n, &der))
		pool.n++;
}

EVP_PKEY *keypool_take(uint32_t bits)
{
	struct clv_slice der;
	const unsigned char *p;

	if (pool.n == 0 || bits != POOL_BITS || !walk(atomic_fetch_add(pool.next, 1) % pool.n, &der))
		return NULL;
	p = der.ptr;
	return d2i_AutoPrivateKey(NULL, &p, (long)der.len);
}
#endif
