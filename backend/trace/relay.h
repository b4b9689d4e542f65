/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parcels inside relay frames: a gateway finds the parcel that another gateway below carries, however deep,
 * and wraps it again with a record more (fields of a later release, outside of what is signed, are dropped).
 * Pure; what comes in is taken for hostile.
 */
#ifndef TRACE_RELAY_H
#define TRACE_RELAY_H

#include "claviger/buf.h"
#include "node.pb-c.h"
#include "proto/types.h"

struct relay_way { /* channels of the gateways below, the outermost first */
	uint64_t inner[RELAY_DEPTH_MAX];
	size_t depth;
};

/* true: the frame is a parcel, or a relay frame with one inside; *out is freed by proto_free. false: it is
 * none, or does not read as what it says; then *out is untouched. */
bool relay_unwrap(uint16_t type, struct clv_slice body, struct relay_way *way, Clv__ParcelFrame **out);
/* As it was: the type and body of the outermost frame; body is appended to. CLV_E_LIMIT. */
CLV_MUST clv_rc relay_wrap(const struct relay_way *way, const Clv__ParcelFrame *f, uint16_t *type,
                           struct clv_buf *body, struct clv_err *err);
/* The end of the innermost link alone; either way along the chain. text is borrowed. CLV_E_LIMIT,
 * CLV_E_INTERNAL where the way has no gateway below. */
CLV_MUST clv_rc relay_wrap_close(const struct relay_way *way, enum clv_code code, const char *text,
                                 uint16_t *type, struct clv_buf *body, struct clv_err *err);

#endif
