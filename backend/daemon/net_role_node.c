/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_node: channels with nodes, both ways. Lets through the rows of CLV_FRAME_LIST that the other
 * end may send in its state, and no larger than the row says.
 */
#include "daemon/net.h"
#include "proto/types.h"

const struct net_role net_role = {
    .process = "net_node",
    .accepts = VERIFY_NODE,
    .nodes = true,
    .permits = frame_may,
};
