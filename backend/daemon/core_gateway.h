/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's core: an agent towards its server (core_agent*.c) that greets nodes in the group's name and
 * carries their links (share/doc/gateways.md). It judges nobody: a node's proof goes up and the management
 * server answers; what is end to end passes as opaque signed bytes. core_gateway.c: the links;
 * core_gateway_parcel.c: its records of what passes.
 */
#ifndef DAEMON_CORE_GATEWAY_H
#define DAEMON_CORE_GATEWAY_H

#include "daemon/core_agent.h"
#include "trace/relay.h"
#include "proto/types.h"

#define GATEWAY_SLOTS 1024u
#define GATEWAY_HOPS  4u /* parcels of one node whose record is being signed */

struct channel {
	struct channel *next; /* of its slot */
	uint64_t conn;        /* net's number of the link; also the channel's upwards */
	Clv__ConnOpen *open;
	bool opened, proven; /* its proof went up; the server welcomed it */
	bool gateway;        /* the other end is one, by its own proof */
	uint32_t hops;       /* parcels that wait for their record */
};

struct gateway {
	struct channel *slots[GATEWAY_SLOTS];
	size_t n_channels, n_pending;
	uint64_t up; /* the link that the channels are carried by; 0: none */
	int64_t told_since;
	uint32_t told; /* events of who was not authenticated, in this hour */
};

struct channel *gateway_find(const struct gateway *g, uint64_t conn);
/* Upwards, over the link of now. What does not fit closes the channel. */
void gateway_up(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body);
void gateway_close(struct core *c, struct channel *ch, enum clv_code code, const char *why);
/* The link of the node at the end of `way` behind ch, at both ends; the gateways in between stay. Depth 0: ch
 * itself. */
void gateway_close_inner(struct core *c, struct channel *ch, const struct relay_way *way, enum clv_code code,
                         const char *why);
/* From the server. */
void gateway_on_relay(struct core *c, const Clv__Relay *m);
void gateway_on_close(struct core *c, const Clv__RelayClose *m);

/* core_gateway_parcel.c. A parcel, or a relay frame that may hold one: true when it was taken care of. */
bool gateway_parcel(struct core *c, struct channel *ch, uint16_t type, struct clv_slice body);

#endif
