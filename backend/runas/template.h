/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two shapes a SecureData may have, outside and inside (design 3, RFC 5083, 5084, 5652, 8017).
 */
#ifndef RUNAS_TEMPLATE_H
#define RUNAS_TEMPLATE_H

#include "claviger/buf.h"

struct template_outer {
	struct clv_slice issuer_serial; /* content of IssuerAndSerialNumber */
	struct clv_slice key, iv, ciphertext, mac;
};
bool template_outer(struct clv_slice der, struct template_outer *out);

struct template_inner {
	struct clv_slice content, key_id, signature;
};
bool template_inner(struct clv_slice der, struct template_inner *out);

#endif
