/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links with nodes that the management server's core knows, in one list: direct ones and those that
 * gateways carry. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_relay.h"
#include <stdio.h>
#include <string.h>

#define REFUSAL_EVENTS 60u /* events of refused connections from one address an hour */

struct session *server_session(const struct server *s, uint64_t conn)
{
	struct session *p = s->sessions;

	while (p && p->conn != conn)
		p = p->next;
	return p;
}

struct session *server_session_new(struct core *c, const Clv__ConnOpen *m)
{
	struct session *s = clv_calloc(1, sizeof *s);

	if (proto_dup(&m->base, (ProtobufCMessage **)&s->open, NULL)) {
		clv_free(s);
		return NULL;
	}
	s->conn = m->conn;
	s->since = clock_wall_ms();
	s->opened_ms = s->heard_ms = clock_mono_ms();
	s->next = c->srv->sessions;
	s->at = &c->srv->sessions;
	if (s->next)
		s->next->at = &s->next;
	c->srv->sessions = s;
	return s;
}

void server_session_free(struct core *c, struct session *s)
{
	relay_forget(c, s);
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	if (s->node && s->node->session == s)
		s->node->session = NULL;
	proto_free((ProtobufCMessage *)s->open);
	clv_free(s);
	server_changed(c);
}

/* One clear event for each refused connection, but no flood from one address. */
bool server_may_tell_of(struct server *s, const char *address)
{
	int64_t now = clock_mono_ms();
	size_t pick = 0;

	for (size_t i = 0; i < sizeof s->refusals / sizeof s->refusals[0]; i++) {
		if (strcmp(s->refusals[i].address, address) == 0) {
			pick = i;
			break;
		}
		if (s->refusals[i].since < s->refusals[pick].since)
			pick = i;
	}
	if (strcmp(s->refusals[pick].address, address) != 0 || now - s->refusals[pick].since > 3600000) {
		(void)snprintf(s->refusals[pick].address, sizeof s->refusals[pick].address, "%s", address);
		s->refusals[pick].since = now;
		s->refusals[pick].n = 0;
	}
	return ++s->refusals[pick].n <= REFUSAL_EVENTS * 20;
}

/* What a link that a gateway carries is told of counts as the gateway's: the address is its word. */
bool server_may_tell(struct core *c, const struct session *s)
{
	return server_may_tell_of(c->srv, s->via ? relay_outer(s)->open->peer_name : s->open->address);
}
