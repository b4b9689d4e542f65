/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SecureData. After a first byte: 0 the message as it comes, 1 what is signed inside it. What a template
 * takes is written again to the same bytes, so that it has one form only.
 */
#include "tests/fuzz/common.h"
#include "keys/agentcert.h"
#include "runas/envelope.h"
#include "runas/securedata.h"
#include "runas/template.h"

#include <openssl/rsa.h>
#include <string.h>

#define NOW 1795295050000ll

static EVP_PKEY *key, *group;
static X509 *cert, *signer;
static struct clv_secret *list;

static void make_keys(void)
{
	struct clv_err err;
	struct clv_buf der;

	buf_init(&der, AGENTCERT_DER_MAX);
	key = EVP_RSA_gen(3072);
	fuzz_check(key != NULL && agentcert_make(key, "web01.ops.test", 365, NOW, &der, &err) == CLV_OK &&
	               x509_from_der(buf_slice(&der), &cert, &err) == CLV_OK,
	           "agent key");
	buf_clear(&der);
	fuzz_check(pkey_make_p256(&group, &err) == CLV_OK &&
	               groupcert_make(group, "OMMG1", NOW, &der, &err) == CLV_OK &&
	               x509_from_der(buf_slice(&der), &signer, &err) == CLV_OK,
	           "group key");
	buf_release(&der);
}

static clv_rc seed_inner(struct clv_slice inner, void *ctx, struct clv_err *err)
{
	struct clv_buf *b = ctx;

	buf_clear(b);
	if (buf_put_u8(b, 1, err) || buf_put(b, inner, err))
		return CLV_FAILED;
	fuzz_seed(buf_slice(b));
	return CLV_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct clv_secret *inner = NULL;
	struct clv_slice s;
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("securedata");
	make_keys();
	list = secret_new(CLV_SECRET_MAX, &err);
	fuzz_check(list != NULL && secret_append(list, "<RunAs/>", 8, &err) == CLV_OK, "list");
	buf_init(&b, SECUREDATA_MAX + 1);
	fuzz_check(buf_put_u8(&b, 0, &err) == CLV_OK &&
	               securedata_seal(list, cert, group, signer, &b, &err) == CLV_OK,
	           "seed");
	s = buf_slice(&b);
	fuzz_seed(s);
	fuzz_check(envelope_open(slice_of(s.ptr + 1, s.len - 1), key, cert, &inner, &err) == CLV_OK &&
	               secret_use(inner, seed_inner, &b, &err) == CLV_OK,
	           "inner seed");
	secret_free(inner);
	buf_release(&b);
	return 0;
}

static bool try_outer(struct clv_slice der)
{
	struct template_outer o;
	struct clv_err err = {0};
	struct clv_buf again;
	uint8_t mac[] = {0x04, 0x10};

	if (securedata_check(der, NULL, &err) != CLV_OK)
		return false;
	fuzz_check(template_outer(der, &o), "checked and of no template");
	buf_init(&again, SECUREDATA_MAX + 64);
	fuzz_check(template_outer_begin(&again, &o, &err) == CLV_OK &&
	               buf_put(&again, o.ciphertext, &err) == CLV_OK &&
	               buf_put(&again, slice_of(mac, sizeof(mac)), &err) == CLV_OK &&
	               buf_put(&again, o.mac, &err) == CLV_OK && slice_eq(buf_slice(&again), der),
	           "a second form of one message");
	buf_release(&again);
	/* Another certificate's message never opens; ours opens when it is the seed. */
	if (securedata_open(der, key, cert, signer, list, &err) != CLV_OK)
		fuzz_check(strcmp(err.text,
		                  "SecureData refused: it is not a message of this group for this key") == 0,
		           "another text");
	return true;
}

static bool try_inner(struct clv_slice der)
{
	struct clv_secret *again;
	struct template_inner in;
	struct clv_err err = {0};
	uint8_t *copy;

	if (der.len == 0 || der.len > 60000 || !template_inner(der, &in))
		return false;
	again = secret_new(der.len, &err);
	fuzz_check(again != NULL && template_inner_write(again, &in, &err) == CLV_OK &&
	               secret_len(again) == der.len,
	           "what is signed has a second form");
	copy = clv_memdup(der.ptr, der.len);
	{
		struct clv_secret *same = secret_new(der.len, &err);

		fuzz_check(same != NULL && secret_take(same, copy, der.len, &err) == CLV_OK &&
		               secret_eq(same, again),
		           "what is signed has other bytes");
		secret_free(same);
	}
	clv_free(copy);
	secret_free(again);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool ok = size > 1 && (data[0] ? try_inner(slice_of(data + 1, size - 1))
	                               : try_outer(slice_of(data + 1, size - 1)));

	fuzz_count(ok);
	return 0;
}
