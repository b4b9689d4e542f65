/* SPDX-License-Identifier: Apache-2.0 */
/* Parcels inside relay frames (see relay.h). Runs in a gateway's core. */
#include "trace/relay.h"
#include "proto/codec.h"

#define FRAME_BYTES_MAX (1024u * 1024u)

bool relay_unwrap(uint16_t type, struct clv_slice body, struct relay_way *way, Clv__ParcelFrame **out)
{
	ProtobufCMessage *m = NULL;
	bool found = false;
	const Clv__Relay *r;

	if (!frame_may(type, body.len, true, false))
		return false;
	if (type == FRAME_PARCEL)
		return !proto_decode(&clv__parcel_frame__descriptor, body, (ProtobufCMessage **)out, NULL);
	if (type != FRAME_RELAY || way->depth == RELAY_DEPTH_MAX ||
	    proto_decode(&clv__relay__descriptor, body, &m, NULL))
		return false;
	r = (const Clv__Relay *)m;
	way->inner[way->depth++] = r->channel;
	if (r->type <= UINT16_MAX)
		found = relay_unwrap((uint16_t)r->type, PROTO_SLICE(r->body), way, out);
	proto_free(m);
	return found;
}

static clv_rc wrap(const uint64_t *inner, size_t depth, const ProtobufCMessage *m, uint16_t *type,
                   struct clv_buf *body, struct clv_err *err)
{
	struct clv_buf in, out;
	clv_rc rc;

	buf_init(&in, FRAME_BYTES_MAX);
	buf_init(&out, FRAME_BYTES_MAX);
	rc = proto_encode(m, &in, err);
	for (size_t i = depth; !rc && i > 0; i--) {
		Clv__Relay r = CLV__RELAY__INIT;
		struct clv_buf was = in;

		r.channel = inner[i - 1];
		r.type = *type;
		r.body = PROTO_BYTES(buf_slice(&in));
		buf_clear(&out);
		rc = proto_encode(&r.base, &out, err);
		in = out;
		out = was;
		*type = FRAME_RELAY;
	}
	if (!rc)
		rc = buf_put(body, buf_slice(&in), err);
	buf_release(&in);
	buf_release(&out);
	return rc;
}

clv_rc relay_wrap(const struct relay_way *way, const Clv__ParcelFrame *f, uint16_t *type,
                  struct clv_buf *body, struct clv_err *err)
{
	*type = FRAME_PARCEL;
	return wrap(way->inner, way->depth, &f->base, type, body, err);
}

clv_rc relay_wrap_close(const struct relay_way *way, enum clv_code code, const char *text, uint16_t *type,
                        struct clv_buf *body, struct clv_err *err)
{
	Clv__RelayClose m = CLV__RELAY_CLOSE__INIT;

	if (!way->depth)
		return err_set(err, CLV_E_INTERNAL, "a link that is no other's");
	m.channel = way->inner[way->depth - 1];
	m.code = code;
	m.text = (char *)(uintptr_t)text;
	*type = FRAME_RELAY_CLOSE;
	return wrap(way->inner, way->depth - 1, &m.base, type, body, err);
}
