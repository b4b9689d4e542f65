/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private key of a channel's certificate, in the signer alone, whose OpenSSL keeps it in the locked
 * arena. It signs handshakes of TLS 1.3 and nothing else.
 */
#ifndef CHANNEL_SIGKEY_H
#define CHANNEL_SIGKEY_H

#include "channel/sigblock.h"

struct sigkey;
/* From the bytes of a key file. CLV_E_CONFIG when there is no key in it that may be used. */
CLV_MUST struct sigkey *sigkey_new(struct clv_slice pem, struct clv_err *err);
struct sigkey *sigkey_ref(struct sigkey *k);
void sigkey_free(struct sigkey *k);               /* drops one reference; NULL is fine */
const uint8_t *sigkey_id(const struct sigkey *k); /* SIGBLOCK_KEY_LEN bytes */
/* Appends the signature. CLV_E_PROTO when the scheme is of another kind of key: the asker's own fault. */
CLV_MUST clv_rc sigkey_sign(const struct sigkey *k, const struct sig_request *r, struct clv_buf *out,
                            struct clv_err *err);

#endif
