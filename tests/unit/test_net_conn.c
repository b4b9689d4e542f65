/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is ended for silence and who is not: while a gateway's link upwards is behind, those that are not read,
 * and the link itself; a message that hardly comes.
 */
#include "base/clock.h"
#include "daemon/net.h"
#include "tests/lib/unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARTBEAT_MS 10000
#define SILENCE_MS   (3 * HEARTBEAT_MS)
#define LARGE        60000u

static bool permits(uint16_t type, size_t len, bool proven, bool initiator)
{
	(void)type;
	(void)len;
	(void)proven;
	(void)initiator;
	return true;
}

const struct net_role net_role = {.process = "net_node", .nodes = true, .permits = permits};

static struct {
	unsigned n;
	uint64_t conn;
	char text[100];
} ended;

void net_tell(struct net *n, enum ipc_type type, const ProtobufCMessage *m)
{
	const Clv__ConnClosed *x = (const Clv__ConnClosed *)m;

	(void)n;
	if (type != IPC_CONN_CLOSED)
		return;
	ended.n++;
	ended.conn = x->conn;
	(void)snprintf(ended.text, sizeof ended.text, "%s", x->text);
}

const struct chan_krb *net_krb_means(const struct net *n, bool initiator)
{
	(void)n;
	(void)initiator;
	return NULL;
}

clv_rc net_krb_ask(struct conn *c, const struct chan_step *s, struct clv_err *err)
{
	(void)c;
	(void)s;
	return err_set(err, CLV_E_INTERNAL, "there is no Kerberos here");
}

void net_krb_forget(struct conn *c)
{
	(void)c;
}

static Clv__Start start;
static struct net n;

/* Three links: upwards, of a node, and of one that has yet to prove itself. */
enum { UP = 1, NODE, NEW, LINKS };
static int ends[LINKS];

static struct conn *link_of(uint64_t id)
{
	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n.slots[i]; c; c = c->next)
			if (c->id == id)
				return c;
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	clv__start__init(&start);
	start.heartbeat_ms = HEARTBEAT_MS;
	memset(&n, 0, sizeof n);
	memset(&ended, 0, sizeof ended);
	n.start = &start;
	(void)uv_loop_init(&n.loop);
	for (uint64_t id = UP; id < LINKS; id++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
			return -1;
		net_adopt(&n, id, "peer", fds[0]);
		ends[id] = fds[1];
	}
	link_of(UP)->initiator = link_of(UP)->carries = true;
	link_of(NEW)->proven = false;
	n.n_unauth++;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_close_all(&n, "over");
	(void)uv_run(&n.loop, UV_RUN_NOWAIT);
	(void)uv_loop_close(&n.loop);
	for (size_t id = UP; id < LINKS; id++)
		(void)close(ends[id]);
	return 0;
}

/* Nobody waits: all that was is so much longer ago. */
static void let_pass(int64_t ms)
{
	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n.slots[i]; c; c = c->next) {
			c->heard_ms -= ms;
			c->limit_ms -= c->limit_ms ? ms : 0;
			c->frame_ms -= c->frame_ms ? ms : 0;
			c->deaf_ms -= c->deaf_ms ? ms : 0;
		}
}

/* What the link upwards does not take waits, until nobody is read any more. */
static void fill(void)
{
	static const uint8_t bytes[LARGE];

	for (int i = 0; !n.held && i < 200; i++)
		net_send(&n, UP, 0x20, slice_of(bytes, sizeof bytes));
	assert_true(n.held);
}

static void drain(void)
{
	uint8_t bytes[65536];

	for (int i = 0; n.held && i < 10000; i++) {
		while (recv(ends[UP], bytes, sizeof bytes, 0) > 0)
			;
		(void)uv_run(&n.loop, UV_RUN_NOWAIT);
	}
	assert_false(n.held);
}

static void the_link_upwards_is_silent(void **state)
{
	(void)state;
	fill();
	let_pass(SILENCE_MS);
	net_sweep(&n);
	assert_int_equal(ended.n, 1);
	assert_int_equal(ended.conn, UP);
	assert_string_equal(ended.text, "silent for three heartbeats");
	/* It is gone, and with it what held the others: they have what they had before. */
	assert_false(n.held);
	net_sweep(&n);
	assert_int_equal(ended.n, 1);
	let_pass(SILENCE_MS);
	net_sweep(&n);
	assert_int_equal(ended.n, 2);
	assert_int_equal(ended.conn, NODE);
}

static void nobody_is_slow_who_is_not_read(void **state)
{
	(void)state;
	fill();
	link_of(NEW)->limit_ms = clock_mono_ms() + 20000;
	link_of(NODE)->frame_ms = clock_mono_ms() + 20000 - NET_FRAME_MS;
	link_of(UP)->heard_ms = INT64_MAX / 2;
	let_pass(SILENCE_MS);
	net_sweep(&n);
	assert_int_equal(ended.n, 0);
	drain();
	net_sweep(&n);
	assert_int_equal(ended.n, 0);
	/* From here on its time runs again. */
	let_pass(20000);
	link_of(NODE)->frame_ms = 0;
	link_of(NODE)->heard_ms = clock_mono_ms();
	net_sweep(&n);
	assert_int_equal(ended.n, 1);
	assert_int_equal(ended.conn, NEW);
}

/* The same while core is behind: then nobody is read at all. */
static void core_is_behind(void **state)
{
	(void)state;
	n.paused = true;
	net_resume(&n);
	link_of(NEW)->limit_ms = clock_mono_ms() + 20000;
	let_pass(SILENCE_MS);
	net_sweep(&n);
	n.paused = false;
	net_resume(&n);
	net_sweep(&n);
	assert_int_equal(ended.n, 0);
}

static void say(uint64_t id, size_t len)
{
	static const uint8_t bytes[LARGE];

	assert_int_equal(write(ends[id], bytes, len), len);
	for (int i = 0; i < 10; i++)
		(void)uv_run(&n.loop, UV_RUN_NOWAIT);
}

static void a_message_that_hardly_comes(void **state)
{
	static const uint8_t head[] = {0, 0, 0xea, 0x62, 0, 0x20}; /* 60,000 bytes and their type */
	struct conn *c = link_of(NODE);
	int64_t begun;

	(void)state;
	link_of(NEW)->limit_ms = 0;
	start.heartbeat_ms = 1000000;
	assert_int_equal(c->frame_ms, 0);
	assert_int_equal(write(ends[NODE], head, sizeof head), sizeof head);
	say(NODE, 1);
	assert_true(c->frame_ms > 0);
	/* A byte now and then gives no more time; many do. */
	begun = c->frame_ms -= NET_FRAME_MS / 2;
	say(NODE, 1);
	assert_int_equal(c->frame_ms, begun);
	say(NODE, NET_FRAME_RATE);
	assert_int_equal(c->frame_ms, begun + 1000);
	net_sweep(&n);
	assert_int_equal(ended.n, 0);
	/* Whole, and the next one begun: that is another one. */
	say(NODE, LARGE - NET_FRAME_RATE - 2);
	assert_int_equal(c->frame_ms, 0);
	assert_int_equal(write(ends[NODE], head, sizeof head), sizeof head);
	say(NODE, 1);
	assert_true(clock_mono_ms() - c->frame_ms < NET_FRAME_MS / 2);
	c->frame_ms -= NET_FRAME_MS;
	say(NODE, 1);
	net_sweep(&n);
	assert_int_equal(ended.n, 1);
	assert_int_equal(ended.conn, NODE);
	assert_string_equal(ended.text, "a message that does not come to its end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_link_upwards_is_silent, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nobody_is_slow_who_is_not_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(core_is_behind, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_message_that_hardly_comes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
