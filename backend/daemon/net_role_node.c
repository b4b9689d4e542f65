/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_node: channels with nodes, both ways. Lets through the rows of CLV_FRAME_LIST that the other
 * end may send in its state, and no larger than the row says.
 */
#include "daemon/net.h"
#include "proto/types.h"

enum sender { FROM_NODE_UNPROVEN, FROM_SERVER_UNPROVEN, FROM_NODE, FROM_SERVER };

/* initiator: we dialled, so the other end is the server (S5: a server never dials an agent). */
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
	}
	return false;
}

static bool permits(uint16_t type, size_t len, bool proven, bool initiator)
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

const struct net_role net_role = {
    .process = "net_node",
    .accepts = VERIFY_NODE,
    .nodes = true,
    .permits = permits,
};
