/* SPDX-License-Identifier: Apache-2.0 */
/* The key backup: any bytes; what has its form has one spelling, and says plain things of itself. */
#include "tests/fuzz/common.h"
#include "vault/keyfile.h"
#include "vault/vault.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct clv_secret *s, *p;
	struct keyfile_item item = {"group-key 1", NULL};
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("keyfile");
	s = secret_new(32, &err);
	p = secret_new(32, &err);
	fuzz_check(s != NULL && p != NULL && secret_random(s, 32, &err) == CLV_OK &&
	               secret_append(p, "correct horse", 13, &err) == CLV_OK,
	           "memory");
	item.secret = s;
	buf_init(&b, KEYFILE_MAX);
	fuzz_check(keyfile_seal(&item, 1, "OMMG1", 1795295050000ll, p, &b, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	fuzz_seed(SLICE_LIT("claviger key backup 2\n"));
	buf_release(&b);
	secret_free(s);
	secret_free(p);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyfile_info info = {.iterations = 0};
	struct clv_err err = {0};
	bool ok = keyfile_info(slice_of(data, size), &info, &err) == CLV_OK;

	fuzz_check(!ok || (info.group[0] && info.iterations >= VAULT_ITERATIONS &&
	                   info.iterations <= VAULT_ITERATIONS_MAX),
	           "a head out of bounds");
	fuzz_check(!ok || (memchr(data, '\r', size) == NULL && memchr(data, '\0', size) == NULL &&
	                   slice_eq_str(slice_of(data + size - 5, 5), "\nend\n")),
	           "another spelling");
	fuzz_check(ok || info.iterations == 0, "something of a refused file");
	fuzz_count(ok);
	return 0;
}
