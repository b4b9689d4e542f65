/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door for protobuf bodies. Runs in every process that reads messages; it allocates no
 * more than four times what arrived and 64 KiB, and keeps nothing between calls.
 */
#include "proto/codec.h"

#define DECODE_OVERHEAD 65536u /* many small parts in a small body: a struct is larger than its few bytes */
#define PROTO_DUP_MAX   (2u * 1024u * 1024u)

struct cap {
	ProtobufCAllocator alloc;
	size_t left;
};

static void *cap_alloc(void *ctx, size_t size)
{
	struct cap *c = ctx;

	if (size > c->left)
		return NULL;
	c->left -= size;
	return clv_calloc(1, size ? size : 1);
}

static void cap_free(void *ctx, void *p)
{
	(void)ctx;
	clv_free(p);
}

/* Bodies never hold a NUL inside a string: packing one would cut it, so the comparison refuses it. */
clv_rc proto_decode(const ProtobufCMessageDescriptor *d, struct clv_slice body, ProtobufCMessage **out,
                    struct clv_err *err)
{
	struct cap cap = {.alloc = {cap_alloc, cap_free, NULL}, .left = body.len * 4 + DECODE_OVERHEAD};
	ProtobufCMessage *m = NULL;
	struct clv_buf again;
	clv_rc rc = CLV_FAILED;
	static const uint8_t empty = 0;

	cap.alloc.allocator_data = &cap;
	buf_init(&again, body.len + 1);
	m = protobuf_c_message_unpack(d, &cap.alloc, body.len, body.ptr ? body.ptr : &empty);
	if (!m) {
		(void)err_set(err, CLV_E_PROTO, "%s: %zu bytes that are no such message", d->short_name,
		              body.len);
		goto out;
	}
	if (!protobuf_c_message_check(m) || protobuf_c_message_get_packed_size(m) != body.len ||
	    proto_encode(m, &again, NULL) || !slice_eq(buf_slice(&again), body)) {
		(void)err_set(err, CLV_E_PROTO, "%s: not in its canonical form", d->short_name);
		goto out;
	}
	*out = m;
	m = NULL;
	rc = CLV_OK;
out:
	proto_free(m);
	buf_release(&again);
	return rc;
}

void proto_free(ProtobufCMessage *m)
{
	static ProtobufCAllocator plain = {cap_alloc, cap_free, NULL};

	if (m)
		protobuf_c_message_free_unpacked(m, &plain);
}

clv_rc proto_encode(const ProtobufCMessage *m, struct clv_buf *b, struct clv_err *err)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *room = NULL;

	if (n == 0)
		return CLV_OK;
	if (buf_reserve(b, n, &room, err))
		return err_wrap(err, "encoding %s", m->descriptor->short_name);
	buf_commit(b, protobuf_c_message_pack(m, room));
	return CLV_OK;
}

clv_rc proto_dup(const ProtobufCMessage *m, ProtobufCMessage **out, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, PROTO_DUP_MAX);
	if (!proto_encode(m, &b, err))
		rc = proto_decode(m->descriptor, buf_slice(&b), out, err);
	buf_release(&b);
	return rc;
}
