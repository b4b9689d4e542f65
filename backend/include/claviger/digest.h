/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests and base64 for what a console compares and shows (SSH host keys). Not for secrets, and no
 * signature rests on SHA-1 here: it is what known_hosts hides host names with.
 */
#ifndef CLAVIGER_DIGEST_H
#define CLAVIGER_DIGEST_H

#include "claviger/buf.h"

CLV_MUST clv_rc clv_sha256(struct clv_slice s, uint8_t out[32], struct clv_err *err);
CLV_MUST clv_rc clv_hmac_sha1(struct clv_slice key, struct clv_slice s, uint8_t out[20], struct clv_err *err);
/* Random bytes that are no secret (a salt). */
CLV_MUST clv_rc clv_random(uint8_t *out, size_t len, struct clv_err *err);
/* Appends; with or without the = at the end. */
CLV_MUST clv_rc clv_base64_put(struct clv_buf *b, struct clv_slice s, bool padded, struct clv_err *err);
/* Appends what the text stands for. Strict: whole groups with their =, no blanks, no bits left over. */
CLV_MUST clv_rc clv_base64_get(struct clv_buf *b, struct clv_slice text, struct clv_err *err);

#endif
