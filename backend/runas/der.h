/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just enough DER to hold a message against one template, and to write one: definite, shortest lengths
 * only. No values are interpreted here. Used by the key holder before any decryption (T9).
 */
#ifndef RUNAS_DER_H
#define RUNAS_DER_H

#include "claviger/buf.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTCTIME = 0x17,
	DER_GENTIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_C0 = 0xa0, /* [0] constructed */
	DER_P0 = 0x80, /* [0] primitive */
};

/* Takes one element of this tag from the front of *s; *content is inside it. false when it is
 * another tag, indefinite, longer than *s, or its length is not the shortest form. */
bool der_take(struct clv_slice *s, uint8_t tag, struct clv_slice *content);
/* Takes exactly these bytes from the front. */
bool der_expect(struct clv_slice *s, struct clv_slice literal);

#define DER_LEN_MAX  0xffffffu
#define DER_HEAD_MAX 5u
/* Tag and length of an element with len (at most DER_LEN_MAX) bytes inside; returns how many bytes they are.
 */
size_t der_head(uint8_t out[DER_HEAD_MAX], uint8_t tag, size_t len);
/* Bytes of such an element with its head. */
size_t der_size(size_t len);

#endif
