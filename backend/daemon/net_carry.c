/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that carries the links of others has more to say than one channel holds: frames wait behind
 * it, up to a limit. While a gateway's link to its server is behind, the nodes that dialled the gateway are
 * not read, so that what they have stays with them. Runs in the network processes.
 */
#include "daemon/net.h"
#include <string.h>

#define CHANNEL_FULL (2u * 1024u * 1024u)  /* bytes in a channel from which on frames wait */
#define CARRIED_MAX  (64u * 1024u * 1024u) /* bytes that wait; beyond it the other end is taken for dead */
#define HOLD_FROM    (4u * 1024u * 1024u)

struct carried {
	struct carried *next;
	uint16_t type;
	size_t len;
	uint8_t bytes[];
};

static void look(struct conn *c)
{
	struct net *n = c->net;
	bool held = c->initiator && c->carried > HOLD_FROM;

	if (!c->initiator || held == n->held)
		return;
	n->held = held;
	net_resume(n);
}

clv_rc net_carry(struct conn *c, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	struct carried *x;

	if (!c->carries || (!c->first && buf_slice(chan_output(c->chan)).len < CHANNEL_FULL))
		return chan_send(c->chan, type, body, err);
	if (c->carried + body.len > CARRIED_MAX)
		return err_set(err, CLV_E_LIMIT, "the peer does not read: %zu bytes wait for it", c->carried);
	x = clv_calloc(1, sizeof *x + body.len);
	x->type = type;
	x->len = body.len;
	if (body.len)
		memcpy(x->bytes, body.ptr, body.len);
	if (!c->first)
		c->end = &c->first;
	*c->end = x;
	c->end = &x->next;
	c->carried += body.len;
	look(c);
	return CLV_OK;
}

clv_rc net_carry_on(struct conn *c, struct clv_err *err)
{
	while (c->first && buf_slice(chan_output(c->chan)).len < CHANNEL_FULL) {
		struct carried *x = c->first;

		if (chan_send(c->chan, x->type, slice_of(x->bytes, x->len), err))
			return CLV_FAILED;
		c->first = x->next;
		c->carried -= x->len;
		clv_free(x);
	}
	look(c);
	return CLV_OK;
}

void net_carry_drop(struct conn *c)
{
	while (c->first) {
		struct carried *x = c->first;

		c->first = x->next;
		clv_free(x);
	}
	c->carried = 0;
	look(c);
}
