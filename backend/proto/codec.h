/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door for protobuf bodies: decoding is capped (allocations at four times the body plus
 * 4 KiB), then the message is encoded again and compared, which refuses duplicates, unknown fields
 * and every non-canonical form. Messages: share/proto, generated as "console.pb-c.h" etc.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "claviger/buf.h"
#include <protobuf-c/protobuf-c.h>

/* CLV_E_PROTO on anything but exactly the canonical form. *out is freed by proto_free. Strings
 * may hold any bytes but NUL. */
CLV_MUST clv_rc proto_decode(const ProtobufCMessageDescriptor *d, struct clv_slice body,
                             ProtobufCMessage **out, struct clv_err *err);
void proto_free(ProtobufCMessage *m); /* NULL is fine */
/* Appends the encoding. */
CLV_MUST clv_rc proto_encode(const ProtobufCMessage *m, struct clv_buf *b, struct clv_err *err);
/* A copy of a message of up to 2 MiB; freed by proto_free. */
CLV_MUST clv_rc proto_dup(const ProtobufCMessage *m, ProtobufCMessage **out, struct clv_err *err);

#define PROTO_BYTES(slice) \
	((ProtobufCBinaryData){.len = (slice).len, .data = (uint8_t *)(uintptr_t)(slice).ptr})
#define PROTO_SLICE(bin) ((struct clv_slice){(bin).data, (bin).len})

#endif
