/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the signer, as the body of a message from a network process that was taken over. What passes is
 * a handshake of TLS 1.3, whole.
 */
#include "channel/sigblock.h"
#include "proto/codec.h"
#include "tests/fuzz/common.h"

#include <string.h>

static const char server[] = "TLS 1.3, server CertificateVerify",
                  client[] = "TLS 1.3, client CertificateVerify";

static void seed(const char *label, size_t hash, uint32_t scheme)
{
	Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
	uint8_t block[256] = {0}, key[SIGBLOCK_KEY_LEN] = {1};
	struct clv_buf b;

	memset(block, ' ', 64);
	memcpy(block + 64, label, sizeof server);
	m.id = 1;
	m.scheme = scheme;
	m.key = PROTO_BYTES(slice_of(key, sizeof key));
	m.block = PROTO_BYTES(slice_of(block, 64 + sizeof server + hash));
	buf_init(&b, 4096);
	fuzz_check(!proto_encode(&m.base, &b, NULL), "a seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("signer");
	seed(server, 48, 0x0403);
	seed(client, 32, 0x0804);
	seed(client, 20, 0x0807);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ProtobufCMessage *m = NULL;
	struct sig_request r = {.scheme = NULL};
	bool good = !proto_decode(&clv__signer_sign__descriptor, slice_of(data, size), &m, NULL) &&
	            !sig_request_read((const Clv__SignerSign *)m, &r, NULL);

	if (good) {
		fuzz_check(r.scheme != NULL && r.block.len >= 64 + sizeof server + 32 &&
		               r.block.len <= 64 + sizeof server + 48,
		           "the length");
		for (size_t i = 0; i < 64; i++)
			fuzz_check(r.block.ptr[i] == ' ', "the spaces");
		fuzz_check(memcmp(r.block.ptr + 64, server, sizeof server) == 0 ||
		               memcmp(r.block.ptr + 64, client, sizeof client) == 0,
		           "the label");
	}
	proto_free(m);
	fuzz_count(good);
	return 0;
}
