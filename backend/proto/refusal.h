/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a server ends a node's link (FRAME_REFUSAL). P6: not approved and not authenticated are told
 * apart.
 */
#ifndef PROTO_REFUSAL_H
#define PROTO_REFUSAL_H

enum refusal_code {
	REFUSAL_NOT_APPROVED = 1, /* waits for a person: 20000 / 20070 */
	REFUSAL_REJECTED = 2,     /* a person said no */
	REFUSAL_CONFLICT = 3,     /* another node key is pinned for this name */
	REFUSAL_CLONE = 4,        /* the node key comes from another machine: 7022 */
	REFUSAL_PROOF = 5,        /* the link proof does not hold */
	REFUSAL_NEWER_LINK = 6,   /* a newer link of the same node took over */
	REFUSAL_REMOVED = 7,
	REFUSAL_GATEWAY = 21,   /* it may not come through this gateway */
	REFUSAL_UNLINKED = 22,  /* the gateway has no link to its own server now */
	REFUSAL_MECHANISM = 20, /* pinned to certificates, and came by Kerberos: 21011 */
};

#endif
