/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: wiped, locked, guarded, limited; and OpenSSL's locked heap under random use. */
#include "tests/lib/unit.h"
#include "claviger/secret.h"
#include "base/lockmem.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static clv_rc peek(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	(void)err;
	*(struct clv_slice *)ctx = bytes;
	return CLV_OK;
}

static clv_rc fill_abc(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	if (cap < 3 || ctx != NULL)
		return err_set(err, CLV_E_LIMIT, "told to fail");
	memcpy(bytes, "abc", 3);
	*len = 3;
	return CLV_OK;
}

static void takes_wipe_their_source(void **state)
{
	char src[] = "correct horse";
	const char zero[sizeof(src)] = {0};
	struct clv_slice seen;
	struct clv_secret *s;
	struct clv_err err;

	(void)state;
	s = secret_new(20, &err);
	assert_non_null(s);
	assert_int_equal(secret_take(s, src, 13, &err), CLV_OK);
	assert_memory_equal(src, zero, 13);
	assert_int_equal(secret_len(s), 13);
	assert_int_equal(secret_use(s, peek, &seen, &err), CLV_OK);
	assert_true(slice_eq_str(seen, "correct horse"));
	secret_truncate(s, 7);
	assert_int_equal(seen.ptr[7], 0);
	assert_int_equal(secret_append(s, "!", 1, &err), CLV_OK);
	assert_int_equal(secret_append(s, "0123456789abc", 13, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(secret_len(s), 8);
	secret_clear(s);
	assert_int_equal(seen.ptr[0], 0);
	assert_int_equal(secret_len(s), 0);
	secret_free(s);
	secret_free(NULL);
}

static void limits(void **state)
{
	char big[32] = "thirty-one bytes of some secret";
	struct clv_secret *s;
	struct clv_err err;

	(void)state;
	assert_null(secret_new(0, &err));
	assert_null(secret_new(CLV_SECRET_MAX + 1, &err));
	assert_int_equal(err.code, CLV_E_LIMIT);
	s = secret_new(16, &err);
	assert_int_equal(secret_take(s, big, sizeof(big), &err), CLV_FAILED);
	assert_int_equal(big[0], 0); /* handed over either way */
	assert_int_equal(secret_random(s, 17, &err), CLV_FAILED);
	assert_int_equal(secret_random(s, 16, &err), CLV_OK);
	assert_int_equal(secret_len(s), 16);
	secret_free(s);
}

static void extending(void **state)
{
	struct clv_secret *s = secret_new(8, NULL);
	struct clv_slice seen;
	struct clv_err err;

	(void)state;
	assert_int_equal(secret_append(s, "12", 2, NULL), CLV_OK);
	assert_int_equal(secret_extend(s, 5, fill_abc, NULL, NULL), CLV_OK);
	assert_int_equal(secret_use(s, peek, &seen, NULL), CLV_OK);
	assert_true(slice_eq_str(seen, "12abc"));
	assert_int_equal(secret_extend(s, 3, fill_abc, &err, &err), CLV_FAILED); /* told to */
	assert_int_equal(secret_extend(s, 4, fill_abc, NULL, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(secret_len(s), 5);
	assert_int_equal(secret_extend(s, 3, fill_abc, NULL, NULL), CLV_OK);
	secret_truncate(s, 2);
	for (size_t i = 2; i < 8; i++) /* what was written, and only that, is wiped: all of it is 0 */
		assert_int_equal(seen.ptr[i], 0);
	secret_free(s);
}

static bool all_zero(struct clv_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != 0)
			return false;
	return true;
}

/* Pages are used again: never with anything of what was in them, and never a parent's by its child. */
static void pages_used_again_are_empty(void **state)
{
	struct clv_slice seen;
	struct clv_secret *s;
	int status = 1;
	pid_t pid;

	(void)state;
	for (int i = 0; i < 64; i++) {
		s = secret_new(1 + (size_t)i * 63, NULL);
		assert_int_equal(secret_use(s, peek, &seen, NULL), CLV_OK);
		assert_true(all_zero(slice_of(seen.ptr, secret_cap(s))));
		assert_int_equal(secret_random(s, secret_cap(s), NULL), CLV_OK);
		secret_free(s);
	}
	pid = fork();
	if (pid == 0) {
		s = secret_new(4096, NULL);
		_exit(s != NULL && secret_random(s, 4096, NULL) == CLV_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s = secret_new(4096, NULL);
	assert_int_equal(secret_use(s, peek, &seen, NULL), CLV_OK);
	assert_true(all_zero(slice_of(seen.ptr, 4096)));
	secret_free(s);
}

static void fill_and_equality(void **state)
{
	struct clv_secret *a;
	struct clv_secret *b;
	struct clv_err err;

	(void)state;
	a = secret_new(8, &err);
	b = secret_new(5000, &err);
	assert_int_equal(secret_fill(a, fill_abc, NULL, &err), CLV_OK);
	assert_false(secret_eq(a, b));
	assert_int_equal(secret_append(b, "abc", 3, &err), CLV_OK);
	assert_true(secret_eq(a, b));
	assert_int_equal(secret_fill(a, fill_abc, &err, &err), CLV_FAILED);
	assert_int_equal(secret_len(a), 0);
	secret_free(a);
	secret_free(b);
}

/* Runs fn in a child; its wait status. */
static int in_child(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit none = {0, 0};

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL); /* the test library catches these */
		(void)signal(SIGBUS, SIG_DFL);
		(void)signal(SIGABRT, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(99);
		fn();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void touch_behind(void)
{
	struct lockmem m;
	struct clv_err err;

	if (lockmem_map(&m, 4096, &err) == CLV_OK)
		*(volatile uint8_t *)(m.ptr + m.len) = 1;
}

static void touch_before(void)
{
	struct lockmem m;
	struct clv_err err;

	if (lockmem_map(&m, 4096, &err) == CLV_OK)
		*(volatile uint8_t *)(m.ptr - 1) = 1;
}

static void without_a_limit_nothing(void)
{
	const struct rlimit none = {0, 0};
	struct clv_err err;
	struct clv_secret *s;

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		_exit(2);
	s = secret_new(16, &err);
	_exit(s == NULL && strstr(err.text, "RLIMIT_MEMLOCK") != NULL ? 0 : 1);
}

/* A small limit gives small secrets and says of a large one why not. */
static void within_a_limit_some(void)
{
	const struct rlimit some = {256u * 1024u, 256u * 1024u};
	struct clv_err err;

	if (setrlimit(RLIMIT_MEMLOCK, &some) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		_exit(2);
	if (secret_new(4096, &err) == NULL || secret_new(CLV_SECRET_MAX, &err) != NULL)
		_exit(1);
	_exit(strstr(err.text, "RLIMIT_MEMLOCK") != NULL && secret_new(4096, &err) != NULL ? 0 : 1);
}

/* What waits to be used again takes nothing from who needs another length. */
static void what_waits_gives_way(void)
{
	const struct rlimit some = {256u * 1024u, 256u * 1024u};
	struct clv_secret *s[3];
	struct clv_err err;

	if (setrlimit(RLIMIT_MEMLOCK, &some) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		_exit(2);
	for (size_t i = 0; i < 3; i++)
		if ((s[i] = secret_new(64u * 1024u, &err)) == NULL)
			_exit(1);
	for (size_t i = 0; i < 3; i++)
		secret_free(s[i]);
	_exit(secret_new(160u * 1024u, &err) != NULL ? 0 : 1);
}

static void waiting_pages_are_zero_and_of_the_length(void **state)
{
	static const uint8_t zero[9 * 4096];
	struct lockmem a, b, many[40];
	struct clv_err err;
	uint8_t *was;

	(void)state;
	assert_int_equal(lockmem_map(&a, 8 * 4096 + 1, &err), CLV_OK);
	was = a.ptr;
	assert_int_equal(a.len, sizeof zero);
	memset(a.ptr, 0xa5, 5000);
	lockmem_unmap(&a, 5000);
	assert_int_equal(lockmem_map(&b, 4096, &err), CLV_OK); /* not a part of the longer one */
	assert_int_equal(b.len, 4096);
	lockmem_unmap(&b, 0);
	assert_int_equal(lockmem_map(&a, sizeof zero, &err), CLV_OK);
	assert_memory_equal(a.ptr, zero, sizeof zero);
#ifndef CLV_ASAN
	assert_ptr_equal(a.ptr, was);
#endif
	lockmem_unmap(&a, 0);
	/* More than may wait: the oldest go, and each that comes again is whole. */
	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 40; i++) {
			assert_int_equal(lockmem_map(&many[i], (1 + i % 7) * 4096, &err), CLV_OK);
			assert_int_equal(many[i].len, (1 + i % 7) * 4096);
			assert_memory_equal(many[i].ptr, zero, many[i].len);
			memset(many[i].ptr, (int)i + 1, many[i].len);
		}
		for (size_t i = 0; i < 40; i++)
			for (size_t k = 0; k < many[i].len; k++)
				assert_int_equal(many[i].ptr[k], i + 1);
		for (size_t i = 0; i < 40; i++)
			lockmem_unmap(&many[i], many[i].len);
	}
	(void)was;
}

static void touch_behind_the_largest(void)
{
	struct clv_secret *s = secret_new(CLV_SECRET_MAX, NULL);
	struct clv_slice seen = {NULL, 0};

	if (s == NULL || secret_random(s, CLV_SECRET_MAX, NULL) != CLV_OK ||
	    secret_use(s, peek, &seen, NULL) != CLV_OK)
		_exit(0);
	((uint8_t *)(uintptr_t)seen.ptr)[CLV_SECRET_MAX] = 1;
	_exit(0);
}

static void guards_and_locking(void **state)
{
	(void)state;
	assert_int_not_equal(in_child(touch_behind_the_largest), 0);
	assert_int_not_equal(in_child(touch_behind), 0);
	assert_int_not_equal(in_child(touch_before), 0);
#ifndef CLV_ASAN /* the sanitizer swallows mlock */
	assert_int_equal(in_child(without_a_limit_nothing), 0);
	assert_int_equal(in_child(within_a_limit_some), 0);
	assert_int_equal(in_child(what_waits_gives_way), 0);
#else
	(void)what_waits_gives_way;
	(void)within_a_limit_some;
	(void)without_a_limit_nothing;
#endif
}

static void process_init(void)
{
	struct rlimit core;
	struct clv_err err;

	if (secret_process_init(&err) != CLV_OK || getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		_exit(1);
}

static void process_forbids_dumps(void **state)
{
	(void)state;
	assert_int_equal(in_child(process_init), 0);
}

static bool random_use(void)
{
	static uint8_t *blocks[400];
	static size_t sizes[400];
	uint32_t seed = 1;

	for (int i = 0; i < 400000; i++) {
		size_t k = (seed >> 8) % 400;
		size_t want = (seed >> 11) % 3000 + 1;

		seed = seed * 1103515245u + 12345u;
		for (size_t j = 0; blocks[k] != NULL && j < sizes[k]; j += 97) {
			if (blocks[k][j] != (uint8_t)k)
				return false;
		}
		if (blocks[k] != NULL && (seed & 0x40000000u) != 0) {
			OPENSSL_free(blocks[k]);
			blocks[k] = NULL;
			continue;
		}
		blocks[k] = OPENSSL_realloc(blocks[k], want);
		if (blocks[k] == NULL || ((uintptr_t)blocks[k] & 15) != 0)
			return false;
		sizes[k] = want;
		memset(blocks[k], (int)k, want);
	}
	for (size_t k = 0; k < 400; k++)
		OPENSSL_free(blocks[k]);
	return true;
}

static void use_arena(void)
{
	struct clv_err err;
	uint8_t *p;

	/* The sanitizer's own start-up may have used OpenSSL's heap: then this is refused, and said. */
	if (secret_openssl_arena(2u << 20, &err) != CLV_OK)
		_exit(1);
	if (!random_use())
		_exit(2);
	p = OPENSSL_malloc(1900u << 10); /* all joined again */
	if (p == NULL)
		_exit(3);
	memset(p, 0x5a, 64);
	OPENSSL_free(p);
	if (p[32] != 0) /* still mapped; wiped */
		_exit(4);
	if (secret_openssl_arena(2u << 20, &err) == CLV_OK)
		_exit(5);
}

static void exhaust_arena(void)
{
	struct clv_err err;

	if (secret_openssl_arena(65536, &err) != CLV_OK)
		_exit(0);
	while (OPENSSL_malloc(1000) != NULL) {
	}
}

static void arena(void **state)
{
	(void)state;
	assert_int_equal(in_child(use_arena), 0);
	assert_int_not_equal(in_child(exhaust_arena), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arena), /* first: nothing has used OpenSSL yet */
	    cmocka_unit_test(takes_wipe_their_source),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(extending),
	    cmocka_unit_test(pages_used_again_are_empty),
	    cmocka_unit_test(fill_and_equality),
	    cmocka_unit_test(guards_and_locking),
	    cmocka_unit_test(waiting_pages_are_zero_and_of_the_length),
	    cmocka_unit_test(process_forbids_dumps),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
