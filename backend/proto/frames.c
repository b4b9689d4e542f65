/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frame may come when: asked by net for each connection and, for links that are relayed, by core at
 * both ends. Pure.
 */
#include "proto/types.h"

enum sender { FROM_NODE_UNPROVEN, FROM_SERVER_UNPROVEN, FROM_NODE, FROM_SERVER, FROM_BOTH };

static bool may(enum sender s, bool proven, bool initiator)
{
	switch (s) {
	case FROM_NODE_UNPROVEN:
		return !initiator && !proven;
	case FROM_SERVER_UNPROVEN:
		return initiator;
	case FROM_NODE:
		return !initiator && proven;
	case FROM_SERVER:
		return initiator && proven;
	case FROM_BOTH:
		return proven;
	}
	return false;
}

bool frame_may(uint16_t type, size_t len, bool proven, bool initiator)
{
	switch (type) {
#define X(sym, num, body, max, sender, since) \
	case num:                             \
		return len <= (max) && may(sender, proven, initiator);
		CLV_FRAME_LIST(X)
#undef X
	default:
		return false;
	}
}
