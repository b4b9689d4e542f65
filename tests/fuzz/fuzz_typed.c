/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a console seals for a management server (runas/intake.h). After a first byte: 0 the message as it
 * comes, 1 the content inside it.
 */
#include "tests/fuzz/common.h"
#include "keys/agentcert.h"
#include "runas/intake.h"

#include <openssl/rsa.h>
#include <string.h>

static EVP_PKEY *key;
static X509 *cert;
static struct clv_secret *password;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct intake_head head = {"OMMG1", "0123456789abcdef0123456789abcdef", "alice", 7};
	struct clv_sealed sealed;
	struct clv_err err;
	struct clv_buf der;

	(void)argc;
	(void)argv;
	fuzz_start("typed");
	key = EVP_RSA_gen(3072);
	password = secret_new(INTAKE_SECRET_MAX, &err);
	buf_init(&der, AGENTCERT_DER_MAX);
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	fuzz_check(key != NULL && password != NULL &&
	               agentcert_make(key, "rms1.ops.test", 365, 1795295050000ll, &der, &err) == CLV_OK &&
	               x509_from_der(buf_slice(&der), &cert, &err) == CLV_OK &&
	               secret_append(password, "correct horse", 13, &err) == CLV_OK &&
	               buf_put_u8(&sealed.bytes, 0, &err) == CLV_OK &&
	               intake_seal(&head, password, cert, &sealed, &err) == CLV_OK,
	           "seed");
	fuzz_seed(buf_slice(&sealed.bytes));
	fuzz_seed(
	    SLICE_LIT("\1claviger/1 intake\0\0\0\0\5OMMG1\0\0\0\4acc1\0\0\0\0\0\0\0\7\0\0\0\5alicepassword"));
	buf_release(&der);
	buf_release(&sealed.bytes);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake_head h = {.expected = 0};
	struct clv_err err = {0};
	bool ok = false;

	if (size > 1 && data[0] == 1)
		ok = intake_read(slice_of(data + 1, size - 1), &h, password, &err) == CLV_OK;
	else if (size > 1)
		ok = intake_open(slice_of(data + 1, size - 1), key, cert, &h, password, &err) == CLV_OK;
	fuzz_check(!ok || (h.group[0] && h.account[0] && h.operator_[0] && secret_len(password) > 0 &&
	                   secret_len(password) < size),
	           "a form without its fields");
	fuzz_check(ok || size <= 1 || (h.group[0] == '\0' && err.code == CLV_E_AUTH),
	           "something of a refused form");
	fuzz_count(ok);
	return 0;
}
