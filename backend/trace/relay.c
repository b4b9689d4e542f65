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

clv_rc relay_wrap(const struct relay_way *way, const Clv__ParcelFrame *f, uint16_t *type,
                  struct clv_buf *body, struct clv_err *err)
{
	struct clv_buf inner, outer;
	clv_rc rc;

	buf_init(&inner, FRAME_BYTES_MAX);
	buf_init(&outer, FRAME_BYTES_MAX);
	*type = FRAME_PARCEL;
	rc = proto_encode(&f->base, &inner, err);
	for (size_t i = way->depth; !rc && i > 0; i--) {
		Clv__Relay r = CLV__RELAY__INIT;
		struct clv_buf was = inner;

		r.channel = way->inner[i - 1];
		r.type = *type;
		r.body = PROTO_BYTES(buf_slice(&inner));
		buf_clear(&outer);
		rc = proto_encode(&r.base, &outer, err);
		inner = outer;
		outer = was;
		*type = FRAME_RELAY;
	}
	if (!rc)
		rc = buf_put(body, buf_slice(&inner), err);
	buf_release(&inner);
	buf_release(&outer);
	return rc;
}
