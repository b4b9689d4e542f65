/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a connection may take (T23): to authenticate, for one frame, between two signs of life; and that
 * none of it runs while it is not read. Runs in the network processes.
 */
#include "base/clock.h"
#include "daemon/net.h"

void net_frame_looked(struct conn *c, bool ended)
{
	if (!chan_within_frame(c->chan))
		c->frame_ms = 0;
	else if (ended || !c->frame_ms)
		c->frame_ms = clock_mono_ms();
}

/* A large frame may take its time on a slow line; one that hardly comes may not. */
void net_frame_came(struct conn *c, size_t came)
{
	int64_t more = (int64_t)(came * 1000 / NET_FRAME_RATE);

	if (c->frame_ms)
		c->frame_ms = c->frame_ms + more < c->heard_ms ? c->frame_ms + more : c->heard_ms;
}

/* Nobody is silent or slow while nobody listens. */
void net_set_deaf(struct conn *c, bool deaf)
{
	int64_t now = clock_mono_ms(), passed = now - c->deaf_ms;

	if (deaf == (c->deaf_ms != 0))
		return;
	c->deaf_ms = deaf ? now : 0;
	if (deaf)
		return;
	c->heard_ms += passed;
	c->limit_ms += c->limit_ms ? passed : 0;
	c->frame_ms += c->frame_ms ? passed : 0;
}

const char *net_overdue(const struct conn *c, int64_t now)
{
	if (c->deaf_ms)
		return NULL;
	if (c->limit_ms && now >= c->limit_ms)
		return c->open ? "not proven within 10 s" : "not authenticated within 10 s";
	if (c->frame_ms && now - c->frame_ms >= NET_FRAME_MS)
		return "a message that does not come to its end";
	if (net_role.nodes && c->proven && now - c->heard_ms >= 3 * (int64_t)c->net->start->heartbeat_ms)
		return "silent for three heartbeats";
	return NULL;
}
