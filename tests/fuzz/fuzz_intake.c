/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate intake: any bytes as an agent's published certificate. */
#include "tests/fuzz/common.h"
#include "keys/agentcert.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#define NAME "web01.ops.test"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	EVP_PKEY *key = EVP_RSA_gen(3072);
	struct clv_err err;
	struct clv_buf der;

	(void)argc;
	(void)argv;
	fuzz_start("intake");
	buf_init(&der, AGENTCERT_DER_MAX);
	fuzz_check(key != NULL && agentcert_make(key, NAME, 365, 1795295050000ll, &der, &err) == CLV_OK,
	           "seed");
	fuzz_seed(buf_slice(&der));
	buf_release(&der);
	EVP_PKEY_free(key);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agentcert_info info = {0};
	struct clv_err err;
	bool ok = agentcert_check(slice_of(data, size), NAME, 0, &info, &err) == CLV_OK;

	fuzz_check(!ok || (info.bits >= AGENTCERT_BITS_MIN && info.bits <= AGENTCERT_BITS_MAX),
	           "a key out of range");
	fuzz_check(!ok || info.not_before_ms < info.not_after_ms, "dates out of order");
	fuzz_count(ok);
	return 0;
}
