/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two shapes a SecureData may have, outside and inside (design 3, RFC 5083, 5084, 5652, 8017): read,
 * and written from the same literals.
 */
#ifndef RUNAS_TEMPLATE_H
#define RUNAS_TEMPLATE_H

#include "claviger/secret.h"

struct template_outer {
	struct clv_slice issuer_serial; /* content of IssuerAndSerialNumber */
	struct clv_slice key, iv, ciphertext, mac;
};
bool template_outer(struct clv_slice der, struct template_outer *out);
/* All that stands before the ciphertext's own bytes; after them come TEMPLATE_MAC and the 16 of the mac. */
#define TEMPLATE_MAC "\x04\x10"
CLV_MUST clv_rc template_outer_begin(struct clv_buf *out, const struct template_outer *o,
                                     struct clv_err *err);

struct template_inner {
	struct clv_slice content, key_id, signature;
	struct clv_slice attrs;  /* inside of the signed attributes */
	struct clv_slice digest; /* the one that the attributes state */
};
bool template_inner(struct clv_slice der, struct template_inner *out);
#define TEMPLATE_ATTRS 105u /* bytes inside the signed attributes as we write them */
/* The attributes of a message that is signed at this time. */
void template_attrs(int64_t time_ms, const uint8_t digest[32], uint8_t out[TEMPLATE_ATTRS]);
/* Appends the whole of it; i->digest stands in i->attrs already. */
CLV_MUST clv_rc template_inner_write(struct clv_secret *out, const struct template_inner *i,
                                     struct clv_err *err);

#endif
