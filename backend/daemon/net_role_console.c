/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_console: channels with consoles. Lets through requests that have a row, once core said that the
 * console's identity is known.
 */
#include "daemon/net.h"
#include "proto/types.h"

static bool permits(uint16_t type, size_t len, bool proven, bool initiator)
{
	(void)initiator;
	switch (type) {
#define X(sym, num, ...) case num:
		CLV_REQUEST_LIST(X)
#undef X
		return proven && len <= CLV_REQUEST_MAX;
	default:
		return false;
	}
}

const struct net_role net_role = {
    .process = "net_console",
    .accepts = VERIFY_OPERATOR,
    .nodes = false,
    .permits = permits,
};
