/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of struct chan_creds, for chan.c and tls.c alone.
 */
#ifndef CHANNEL_CREDS_H
#define CHANNEL_CREDS_H

#include "channel/channel.h"
#include <openssl/ssl.h>

struct chan_creds {
	uint32_t magic;
	unsigned refs;
	struct verify_anchors *anchors; /* NULL: only local channels */
	SSL_CTX *client;                /* NULL without a certificate of our own */
	SSL_CTX *server;
	struct chan_asker *asker; /* NULL: the private key is here */
	uint8_t key_id[32];       /* of our certificate's, for the asker */
	enum verify_kind accept;
	struct verify_result own;
};

/* TLS 1.3 only, as design 3 wants it; creds without contexts yet. */
CLV_MUST SSL_CTX *tls_ctx_new(const struct verify_anchors *anchors, bool server, X509 *cert,
                              STACK_OF(X509) * chain, EVP_PKEY *key, struct clv_err *err);

#endif
