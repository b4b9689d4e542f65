/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648) in its one canonical form: no blanks, whole quads, unused bits zero. Used for
 * SecureData in the configuration and for passwords inside the RunAs list.
 */
#ifndef RUNAS_BASE64_H
#define RUNAS_BASE64_H

#include "claviger/secret.h"

/* Characters that n bytes take. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* True when text is one or more bytes in the canonical form; *len gets how many. */
bool base64_check(struct clv_slice text, size_t *len);
CLV_MUST clv_rc base64_put(struct clv_buf *b, struct clv_slice s, struct clv_err *err);
/* CLV_E_PROTO when text is not canonical or stands for nothing. */
CLV_MUST clv_rc base64_take(struct clv_slice text, struct clv_buf *out, struct clv_err *err);
/* The same between secrets: neither form touches ordinary memory. hide appends to out, and needs room for one
 * byte more than BASE64_LEN; reveal replaces out. */
CLV_MUST clv_rc base64_hide(const struct clv_secret *bytes, struct clv_secret *out, struct clv_err *err);
CLV_MUST clv_rc base64_reveal(struct clv_slice text, struct clv_secret *out, struct clv_err *err);

#endif
