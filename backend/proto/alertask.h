/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a local caller says to raise an alert, and what it is answered: a length (32 bits), then the bytes.
 * Asked: the canonical encoding of Alert without a number. Answered: one byte (enum alertask), then a text:
 * the number that it got, or the reason. Many may follow each other on one connection; answers come in order.
 */
#ifndef PROTO_ALERTASK_H
#define PROTO_ALERTASK_H

#include "claviger/buf.h"

#define ALERTASK_MAX        8192u
#define ALERTASK_ANSWER_MAX 600u

enum alertask { ALERTASK_STORED = 1, ALERTASK_REFUSED = 2 };

/* One whole message from the front of in: 1 and *out (borrowed; *used bytes are done with), 0 not whole yet,
 * -1 with *err: it is none. */
int alertask_next(struct clv_slice in, size_t max, struct clv_slice *out, size_t *used, struct clv_err *err);
CLV_MUST clv_rc alertask_put(struct clv_buf *b, struct clv_slice body, struct clv_err *err);
CLV_MUST clv_rc alertask_answer(struct clv_buf *b, enum alertask what, const char *text, struct clv_err *err);

#endif
