/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second link beside the one in use: a Kerberos link is renewed before its ticket ends, a node that is
 * linked with a later server of its list goes to the first one; the old one goes when the new one is up (make
 * before break). The rest of the agent knows one link; what comes for the second one is handled with the two
 * changed over. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"

#define AGAIN_MS     10000
#define RETURN_TIMES 10 /* of the first wait before dialling again */

static void change_over(struct agent *a)
{
	struct agent_lane was = {a->link, a->conn, a->open, a->refused, a->at};

	a->link = a->other.link;
	a->conn = a->other.conn;
	a->open = a->other.open;
	a->refused = a->other.refused;
	a->at = a->other.at;
	a->other = was;
}

bool agent_enter(struct core *c, uint64_t conn)
{
	struct agent *a = c->agent;

	if (!conn)
		return false;
	if (a->conn == conn)
		return true;
	if (a->other.conn != conn)
		return false;
	change_over(a);
	a->aside = true;
	return true;
}

static void clear_other(struct agent *a)
{
	proto_free((ProtobufCMessage *)a->other.open);
	a->other = (struct agent_lane){.link = AGENT_IDLE};
}

void agent_leave(struct core *c)
{
	struct agent *a = c->agent;

	if (!a->aside)
		return;
	a->aside = false;
	if (a->link != AGENT_UP) {
		change_over(a);
		return;
	}
	log_notice(a->at == a->other.at ? "the link to %s was renewed"
	                                : "the link to %s takes over from the one before",
	           a->open->peer_name);
	if (a->other.conn)
		core_conn_close(c, false, a->other.conn, "a renewed link took over");
	clear_other(a);
}

/* What the second link leaves when it fails: nothing; the first goes on. */
void agent_other_down(struct core *c)
{
	struct agent *a = c->agent;

	a->link = AGENT_IDLE;
	a->conn = 0;
	proto_free((ProtobufCMessage *)a->open);
	a->open = NULL;
	if (a->at == a->other.at)
		a->renew_link_at = clock_mono_ms() + AGAIN_MS;
}

/* The first link is gone: so is the plan to renew it. */
void agent_drop_other(struct core *c)
{
	struct agent *a = c->agent;

	if (a->other.conn)
		core_conn_close(c, false, a->other.conn, "the link that it was to renew is gone");
	clear_other(a);
	a->renew_link_at = 0;
}

void agent_plan_renewal(struct core *c)
{
	struct agent *a = c->agent;
	int64_t left = a->open->peer_not_after - clock_wall_ms();

	a->renew_link_at = 0;
	if (a->open->mechanism != CLV_MECHANISM_KERBEROS || c->mode != 'r')
		return;
	a->renew_link_at = clock_mono_ms() + (left / 4 * 3 > AGAIN_MS ? left / 4 * 3 : AGAIN_MS);
}

static void dial_beside(struct core *c, size_t at)
{
	struct agent *a = c->agent;
	const struct agent_server *s = &a->servers[at];
	Clv__Dial m = CLV__DIAL__INIT;

	a->other.conn = c->next_id++;
	a->other.link = AGENT_DIALING;
	a->other.at = at;
	m.conn = a->other.conn;
	m.host = (char *)(uintptr_t)s->host;
	m.port = s->port;
	m.name = (char *)(uintptr_t)s->name;
	m.pinned = s->pinned;
	core_send(c, LINK_PARENT, IPC_DIAL, &m.base);
}

void agent_renew_link(struct core *c, int64_t mono_ms)
{
	struct agent *a = c->agent;

	if (a->link != AGENT_UP || !a->renew_link_at || mono_ms < a->renew_link_at || a->other.conn)
		return;
	a->renew_link_at = mono_ms + AGAIN_MS;
	dial_beside(c, a->at);
}

void agent_return_link(struct core *c, int64_t mono_ms)
{
	struct agent *a = c->agent;

	if (a->link != AGENT_UP || a->at == 0 || c->mode != 'r' || mono_ms < a->return_at || a->other.conn)
		return;
	a->return_at = mono_ms + RETURN_TIMES * (int64_t)c->start->retry_ms + mono_ms % 1000;
	dial_beside(c, 0);
}
