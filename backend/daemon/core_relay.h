/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that gateways carry, at the management server (share/doc/gateways.md): each is a session like any
 * other, with a connection number of its own that net does not know; what goes to it is wrapped into its
 * gateway's link. core_server_relay.c: the links; core_server_gateways.c: who may come through which gateway;
 * core_server_list.c: the signed list of servers and gateways.
 */
#ifndef DAEMON_CORE_RELAY_H
#define DAEMON_CORE_RELAY_H

#include "console.pb-c.h"
#include "daemon/core_server.h"

/* A relay frame from a node that is proven. It may free the session that it is for. */
void relay_on_frame(struct core *c, struct session *s, uint32_t type, const ProtobufCMessage *m);
/* The role's: to a link that is relayed. A closed one is forgotten at the next tick. */
void relay_frame(struct core *c, uint64_t conn, uint16_t type, struct clv_slice body);
void relay_close(struct core *c, uint64_t conn, const char *why);
/* Does its way lead over this gateway's link? */
bool relay_is_behind(const struct session *s, const struct session *gateway);
/* The session ends: so do those behind it, without a word of each. */
void relay_forget(struct core *c, struct session *s);
/* Ends those that were closed, or that are silent for three heartbeats. */
void relay_tick(struct core *c);
/* The link that net knows: of the outermost gateway. */
const struct session *relay_outer(const struct session *s);
/* A number, new once the one before was used, to be signed by the node with its next state. Borrowed. */
ProtobufCBinaryData relay_nonce(struct session *s);
bool relay_is_fresh(struct session *s, ProtobufCBinaryData nonce);
/* "" or ", via NAME". */
const char *relay_words(const struct session *s, char out[300]);

/* May this node come by this link? Members may always come by a link of their own. */
bool relay_may(const struct core *c, const struct session *s, const struct node *n);
void relay_refuse(struct core *c, struct session *s, const struct node *n);
/* It came by the gateway that it was moved to: the one before is no longer allowed. */
void gateways_arrived(struct core *c, const struct session *s, struct node *n);
/* Where a gateway says that nodes reach it. */
void gateways_address(struct core *c, struct node *n, const char *address);
/* By which a node shall come, in order, and where each is reached; 0: by its own configuration. Borrowed. */
struct way {
	const char *name, *address;
};
#define WAY_MAX (RELAY_DEPTH_MAX + 1u)
size_t gateways_way(const struct core *c, const struct node *n, struct way out[WAY_MAX]);
/* Its link is gone: one event, which counts who is behind it. */
void gateways_lost(struct core *c, const struct session *s, const char *why);
struct console_request;
/* An operator says by which gateway a node shall come, or by this server itself. Answers the console. Until
 * the node came so it may also come as before. */
void gateways_move(struct core *c, const struct console_request *q, const Clv__MoveRequest *m);
/* How many may come through it, or are being moved away from it; *first: one of them. */
size_t gateways_depend(const struct core *c, const struct node *gateway, const struct node **first);

#endif
