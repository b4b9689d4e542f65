/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the signer may be asked for: one signature of a TLS 1.3 handshake, over the whole block of RFC 8446
 * 4.4.3, by a scheme of 4.2.3. Pure; used by the signer, which refuses everything else, and by the provider
 * in the network processes, which asks.
 */
#ifndef CHANNEL_SIGBLOCK_H
#define CHANNEL_SIGBLOCK_H

#include "claviger/buf.h"
#include "ipc.pb-c.h"
#include <openssl/evp.h>

#define SIGBLOCK_KEY_LEN       32u   /* SHA-256 of the public key's DER (SubjectPublicKeyInfo) */
#define SIGBLOCK_SIGNATURE_MAX 2048u /* RSA of 16384 bits */

struct sig_scheme {
	uint16_t number;
	const char *type;   /* of the key, OpenSSL's name */
	const char *group;  /* of EC */
	const char *digest; /* NULL: the algorithm has its own */
	bool pss;
};
/* NULL for a number that is none of ours. */
const struct sig_scheme *sig_scheme_of(uint16_t number);
/* The scheme of a key (its public half is enough) with a digest, NULL: none; NULL where there is none. */
const struct sig_scheme *sig_scheme_for(const EVP_PKEY *key, const EVP_MD *digest);

struct sig_request {
	uint8_t key[SIGBLOCK_KEY_LEN];
	const struct sig_scheme *scheme;
	struct clv_slice block; /* borrowed */
};
/* 64 spaces, who signs, a zero, a transcript hash of the length that one of our cipher suites has:
 * CLV_E_PROTO on anything else. */
CLV_MUST clv_rc sigblock_check(struct clv_slice block, struct clv_err *err);
/* A request as it came; CLV_E_PROTO when it is not exactly one. */
CLV_MUST clv_rc sig_request_read(const Clv__SignerSign *m, struct sig_request *out, struct clv_err *err);

/* The name of a key between the two. */
CLV_MUST clv_rc sigblock_key_id(const EVP_PKEY *key, uint8_t out[SIGBLOCK_KEY_LEN], struct clv_err *err);

#endif
