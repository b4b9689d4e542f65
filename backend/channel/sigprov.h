/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OpenSSL provider whose private keys are elsewhere: what it has is the public half, and a signature of a
 * handshake is asked of the signer. For tls.c, which signs with such a key as with any other.
 */
#ifndef CHANNEL_SIGPROV_H
#define CHANNEL_SIGPROV_H

#include "channel/channel.h"
#include "channel/sigblock.h"

/* Once per process, before its sandbox. */
CLV_MUST clv_rc sigprov_init(struct clv_err *err);
/* A key that libssl takes for a private one; owned by the caller. Its public half is copied; asker must
 * outlive it. */
CLV_MUST clv_rc sigprov_key(struct chan_asker *asker, EVP_PKEY *public_half, EVP_PKEY **out,
                            struct clv_err *err);

#endif
