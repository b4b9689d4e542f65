/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that gateways carry, at their end: with a gateway's all those behind it end and nobody else's, in a
 * time that does not grow with their square; and who is silent is known whatever the wall clock says.
 */
#include "base/clock.h"
#include "daemon/core_relay.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GATEWAYS 4u
#define MANY     10000u

static unsigned events, frames;

void core_event(struct core *c, uint32_t id, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
	assert_int_equal(id, 20022);
	events++;
}

void core_frame(struct core *c, bool console, uint64_t conn, uint16_t type, const ProtobufCMessage *m)
{
	(void)c;
	(void)console;
	(void)conn;
	(void)type;
	(void)m;
	frames++;
}

void server_refuse(struct core *c, struct session *s, enum refusal_code code, const char *fmt, ...)
{
	(void)c;
	(void)s;
	(void)code;
	fail_msg("%s", fmt);
}

void server_session_closed(struct core *c, struct session *s, const Clv__ConnClosed *m)
{
	(void)m;
	server_session_free(c, s);
}

void server_take_frame(struct core *c, struct session *s, uint32_t type, struct clv_slice body)
{
	(void)c;
	(void)s;
	(void)body;
	assert_int_equal(type, FRAME_LINK_PROOF);
}

void server_changed(struct core *c)
{
	c->srv->change++;
}

static Clv__Start start;
static struct server srv;
static struct core core;
static struct node gateway, agent;

static int set_up(void **state)
{
	static char name[] = "rms1.ops.test", gw[] = "gw.ops.test", a[] = "a.ops.test";

	(void)state;
	clv__start__init(&start);
	start.name = name;
	start.heartbeat_ms = 1000000;
	memset(&srv, 0, sizeof srv);
	memset(&gateway, 0, sizeof gateway);
	memset(&agent, 0, sizeof agent);
	core = (struct core){.magic = CORE_MAGIC, .start = &start, .srv = &srv, .next_id = 1};
	gateway.name = gw;
	gateway.role = NODE_GATEWAY;
	agent.name = a;
	events = frames = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	while (srv.sessions)
		server_session_free(&core, srv.sessions);
	return 0;
}

static struct session *direct(uint64_t conn, const char *name)
{
	Clv__ConnOpen o = CLV__CONN_OPEN__INIT;
	struct session *s;

	o.conn = conn;
	o.peer_name = (char *)(uintptr_t)name;
	s = server_session_new(&core, &o);
	assert_non_null(s);
	s->node = &gateway;
	return s;
}

/* As a gateway says that it carries one. */
static struct session *carried(struct session *via, uint64_t channel, const char *name)
{
	static uint8_t print[16], thumbprint[32];
	Clv__RelayOpen o = CLV__RELAY_OPEN__INIT;
	char text[] = "";

	o.channel = channel;
	o.peer_name = (char *)(uintptr_t)name;
	o.protocol = o.cipher = o.address = o.principal = text;
	o.mechanism = CLV_MECHANISM_CERTIFICATE;
	o.fingerprint = PROTO_BYTES(slice_of(print, sizeof print));
	o.peer_thumbprint = PROTO_BYTES(slice_of(thumbprint, sizeof thumbprint));
	relay_on_frame(&core, via, FRAME_RELAY_OPEN, &o.base);
	assert_ptr_equal(srv.sessions->via, via);
	assert_int_equal(srv.sessions->channel, channel);
	srv.sessions->node = &agent;
	return srv.sessions;
}

static size_t count(void)
{
	struct session **at = &srv.sessions;
	size_t n = 0;

	for (; *at; at = &(*at)->next, n++)
		assert_ptr_equal((*at)->at, at);
	return n;
}

static void with_a_gateway_end_those_behind_it(void **state)
{
	struct session *g1 = direct(1, "g1.ops.test"), *g2 = direct(2, "g2.ops.test"), *deep, *next, *other;

	(void)state;
	(void)carried(g1, 1, "a1.ops.test");
	next = carried(g1, 2, "g3.ops.test");
	next->node = &gateway;
	other = carried(g2, 1, "a2.ops.test");
	deep = carried(next, 1, "a3.ops.test");
	(void)carried(next, 2, "a4.ops.test");
	(void)carried(g1, 3, "a5.ops.test");
	assert_int_equal(count(), 8);
	assert_true(relay_is_behind(deep, g1));
	assert_false(relay_is_behind(deep, g2));
	server_session_free(&core, deep);
	assert_int_equal(count(), 7);
	relay_forget(&core, g1);
	assert_int_equal(count(), 3);
	assert_ptr_equal(server_session(&srv, 1), g1);
	assert_ptr_equal(server_session(&srv, 2), g2);
	assert_ptr_equal(server_session(&srv, other->conn), other);
	/* It may carry again. */
	(void)carried(g1, 1, "a1.ops.test");
	server_session_free(&core, g1);
	assert_int_equal(count(), 2);
	server_session_free(&core, g2);
	assert_null(srv.sessions);
}

static void one_by_one(struct session *g, uint64_t first)
{
	Clv__ConnOpen o = CLV__CONN_OPEN__INIT;
	char name[] = "a.ops.test";

	o.peer_name = name;
	for (uint64_t i = 0; i < MANY; i++) {
		struct session *s;

		o.conn = CORE_RELAYED | (first + i);
		s = server_session_new(&core, &o);
		assert_non_null(s);
		s->via = g;
		s->channel = i + 1;
		s->node = &agent;
	}
	g->carries = true;
}

static int64_t cpu_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Four gateways with as many as they may carry: all of it took seconds when each end walked along all others.
 */
static void many_end_at_once(void **state)
{
	int64_t before;

	(void)state;
	for (uint64_t g = 0; g < GATEWAYS; g++)
		one_by_one(direct(g + 1, "g.ops.test"), 1000 + g * MANY);
	assert_int_equal(count(), GATEWAYS * (MANY + 1));
	before = cpu_ms();
	for (uint64_t g = 0; g < GATEWAYS - 1; g++)
		server_session_free(&core, server_session(&srv, g + 1));
	assert_int_equal(count(), MANY + 1);
	/* The last one's are closed each by itself, and forgotten at the tick. */
	for (struct session *s = srv.sessions; s; s = s->next)
		s->closed = s->via != NULL;
	relay_tick(&core);
	assert_int_equal(count(), 1);
	assert_true(cpu_ms() - before < 1000);
	assert_int_equal(events, 0);
}

/* The wall clock stands still all the while. */
static void silence_is_no_matter_of_the_wall_clock(void **state)
{
	struct session *g = direct(1, "g1.ops.test"), *a = carried(g, 1, "a1.ops.test");
	int64_t until;

	(void)state;
	start.heartbeat_ms = 20;
	agent.session = a;
	relay_tick(&core);
	assert_int_equal(count(), 2);
	for (until = clock_mono_ms() + 65; clock_mono_ms() < until;)
		(void)usleep(2000);
	relay_tick(&core);
	assert_int_equal(count(), 1);
	assert_int_equal(events, 1);
	assert_int_equal(frames, 1);
	assert_null(agent.session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(with_a_gateway_end_those_behind_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(many_end_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(silence_is_no_matter_of_the_wall_clock, set_up, tear_down),
	};

	(void)setenv("CLAVIGER_TEST_CLOCK", "@1700000000", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
