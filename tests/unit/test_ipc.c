/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between siblings: what one said before it ended is heard, however it ended and whatever was on
 * its way to it; bad headers and wrong senders end the connection; a full queue holds whole messages. */
#include "tests/lib/unit.h"
#include "ipc.pb-c.h"
#include "proto/codec.h"
#include "proto/ipc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct heard {
	unsigned n;
	char text[64];
	int fd;
};

static clv_rc on_outcome(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Outcome *o = (const Clv__Outcome *)msg;
	struct heard *h = ctx;

	(void)fds;
	(void)err;
	h->n++;
	(void)snprintf(h->text, sizeof h->text, "%s", o->text);
	return CLV_OK;
}

static clv_rc on_vault(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct heard *h = ctx;

	(void)msg;
	(void)err;
	h->n++;
	h->fd = fds[0];
	fds[0] = -1;
	return CLV_OK;
}

static const struct ipc_row rows[] = {{IPC_OUTCOME, on_outcome}, {IPC_VAULT, on_vault}, {0, NULL}};

static void pair_of(struct ipc **a, struct ipc **b)
{
	struct clv_err err;
	int fds[2];

	assert_int_equal(ipc_pair(fds, &err), CLV_OK);
	assert_int_equal(ipc_new(fds[0], "a", a, &err), CLV_OK);
	if (b)
		assert_int_equal(ipc_new(fds[1], "b", b, &err), CLV_OK);
	else
		(void)close(fds[1]);
}

static void say(struct ipc *i, const char *text)
{
	Clv__Outcome m = CLV__OUTCOME__INIT;
	struct clv_err err;

	m.text = (char *)(uintptr_t)text;
	assert_int_equal(ipc_send(i, IPC_OUTCOME, &m.base, NULL, 0, &err), CLV_OK);
}

/* Until the end is told, or six turns. */
static bool hear_to_end(struct ipc *i, struct heard *h)
{
	struct clv_err err = {0};

	for (int turn = 0; turn < 6; turn++)
		if (ipc_wait(i, rows, h, 0, &err)) {
			assert_int_equal(err.cls, CLV_CLASS_CLOSED);
			return true;
		}
	return false;
}

static void last_words(void **state)
{
	struct heard h = {.fd = -1};
	struct ipc *a, *b;

	(void)state;
	/* It ended without having read: a reset. */
	pair_of(&a, &b);
	say(a, "never read");
	say(b, "why");
	ipc_free(b);
	assert_true(hear_to_end(a, &h));
	assert_int_equal(h.n, 1);
	assert_string_equal(h.text, "why");
	ipc_free(a);
	/* It was spoken to after its end: that fails nobody, and its words are heard. */
	pair_of(&a, &b);
	say(b, "one");
	say(b, "two");
	ipc_free(b);
	for (int i = 0; i < 3; i++)
		say(a, "to nobody");
	assert_false(ipc_unsent(a));
	h.n = 0;
	assert_true(hear_to_end(a, &h));
	assert_int_equal(h.n, 2);
	assert_string_equal(h.text, "two");
	ipc_free(a);
	/* It said nothing. */
	pair_of(&a, NULL);
	h.n = 0;
	assert_true(hear_to_end(a, &h));
	assert_int_equal(h.n, 0);
	ipc_free(a);
}

static void descriptors(void **state)
{
	Clv__Vault m = CLV__VAULT__INIT;
	struct heard h = {.fd = -1};
	struct clv_err err;
	struct ipc *a, *b;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pair_of(&a, &b);
	m.which = 10;
	assert_int_equal(ipc_send(a, IPC_VAULT, &m.base, &p[0], 1, &err), CLV_OK);
	assert_int_equal(ipc_wait(b, rows, &h, 0, &err), CLV_OK);
	assert_true(h.fd >= 0);
	(void)close(h.fd);
	/* With nobody there the descriptor is closed all the same. */
	ipc_free(b);
	say(a, "to nobody");
	assert_int_equal(ipc_send(a, IPC_VAULT, &m.base, &p[1], 1, &err), CLV_OK);
	assert_int_equal(fcntl(p[1], F_GETFD), -1);
	ipc_free(a);
}

static void bad_headers(void **state)
{
	static const uint8_t bad[][8] = {
	    {0xff, 0xff, 0xff, 0xff, 0, 10, 0, 0}, /* a length over the limit */
	    {0, 0, 0, 0, 0xff, 0xff, 0, 0},        /* a type that is none */
	    {0, 0, 0, 0, 0, 10, 0, 4},             /* descriptors that the row does not have */
	};
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct heard h = {.fd = -1};
		struct ipc *a;
		int fds[2];

		assert_int_equal(ipc_pair(fds, &err), CLV_OK);
		assert_int_equal(ipc_new(fds[0], "a", &a, &err), CLV_OK);
		assert_int_equal(write(fds[1], bad[i], 8), 8);
		assert_int_equal(ipc_wait(a, rows, &h, 0, &err), CLV_FAILED);
		assert_int_equal(err.cls, CLV_CLASS_PROTO);
		assert_int_equal(h.n, 0);
		ipc_free(a);
		(void)close(fds[1]);
	}
}

static void not_in_the_table(void **state)
{
	Clv__Ready m = CLV__READY__INIT;
	struct heard h = {.fd = -1};
	struct clv_err err;
	struct ipc *a, *b;

	(void)state;
	pair_of(&a, &b);
	assert_int_equal(ipc_send(a, IPC_READY, &m.base, NULL, 0, &err), CLV_OK);
	assert_int_equal(ipc_wait(b, rows, &h, 0, &err), CLV_FAILED);
	assert_int_equal(err.cls, CLV_CLASS_PROTO);
	/* And a message under a number of another shape is not sent. */
	assert_int_equal(ipc_send(a, IPC_OUTCOME, &m.base, NULL, 0, &err), CLV_FAILED);
	assert_int_equal(err.cls, CLV_CLASS_INTERNAL);
	ipc_free(a);
	ipc_free(b);
}

/* They come in the order of their numbers. */
static clv_rc on_nth(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__ConnFrame *f = (const Clv__ConnFrame *)msg;
	uint64_t *next = ctx;

	(void)fds;
	(void)err;
	assert_int_equal(f->conn, *next);
	++*next;
	return CLV_OK;
}

/* One that does not read: what does not fit is refused whole, and it gets all else once it reads again. */
static void full(void **state)
{
	static const struct ipc_row nth[] = {{IPC_CONN_FRAME, on_nth}, {0, NULL}};
	static uint8_t bytes[1000000];
	Clv__ConnFrame m = CLV__CONN_FRAME__INIT;
	struct clv_err err = {0};
	struct ipc *a, *b;
	uint64_t sent = 0, heard = 0;

	(void)state;
	pair_of(&a, &b);
	m.body = PROTO_BYTES(slice_of(bytes, sizeof bytes));
	for (; !ipc_send(a, IPC_CONN_FRAME, &m.base, NULL, 0, &err); m.conn = ++sent)
		assert_true(sent < 100);
	assert_int_equal(err.code, CLV_E_LIMIT);
	/* Smaller ones still fit, up to the last byte of a header. */
	for (m.body.len = 100; !ipc_send(a, IPC_CONN_FRAME, &m.base, NULL, 0, &err); m.conn = ++sent)
		;
	for (m.body.len = 1; !ipc_send(a, IPC_CONN_FRAME, &m.base, NULL, 0, &err); m.conn = ++sent)
		;
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_true(ipc_unsent_bytes(a) <= IPC_QUEUE_MAX);
	for (int turn = 0; heard < sent && turn < 100000; turn++) {
		assert_int_equal(ipc_flush(a, &err), CLV_OK);
		assert_int_equal(ipc_wait(b, nth, &heard, 0, &err), CLV_OK);
	}
	assert_int_equal(heard, sent);
	assert_false(ipc_unsent(a));
	/* And it goes on as before. */
	assert_int_equal(ipc_send(a, IPC_CONN_FRAME, &m.base, NULL, 0, &err), CLV_OK);
	assert_int_equal(ipc_wait(b, nth, &heard, 0, &err), CLV_OK);
	assert_int_equal(heard, sent + 1);
	ipc_free(a);
	ipc_free(b);
}

/* Callers whom a stranger sends by hundreds: all that the socket holds is read before anything is dispatched.
 */
static clv_rc on_caller(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	unsigned *counts = ctx; /* with a descriptor, without */

	(void)msg;
	(void)err;
	counts[fds[0] < 0]++;
	return CLV_OK;
}

static const struct ipc_row callers[] = {{IPC_LOCAL_CONSOLE, on_caller}, {0, NULL}};

static void send_callers(struct ipc *a, int n)
{
	Clv__LocalConsole m = CLV__LOCAL_CONSOLE__INIT;
	struct clv_err err;

	for (int i = 0; i < n; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		m.serial = (uint64_t)i + 1;
		assert_true(fd >= 0);
		assert_int_equal(ipc_send(a, IPC_LOCAL_CONSOLE, &m.base, &fd, 1, &err), CLV_OK);
	}
}

static void many_descriptors_wait(void **state)
{
	unsigned counts[2] = {0, 0};
	struct clv_err err = {0};
	struct ipc *a, *b;

	(void)state;
	pair_of(&a, &b);
	send_callers(a, 200);
	for (int i = 0; i < 100 && counts[0] < 200; i++)
		if (ipc_wait(b, callers, counts, 0, &err) || ipc_flush(a, &err))
			fail_msg("%s", err.text);
	assert_int_equal(counts[0], 200);
	assert_int_equal(counts[1], 0);
	ipc_free(a);
	ipc_free(b);
}

/* Where no descriptor is free the message comes without, and nothing ends. */
static void no_descriptor_is_free(void **state)
{
	struct rlimit before, few;
	unsigned counts[2] = {0, 0};
	struct clv_err err = {0};
	struct ipc *a, *b;
	int probe;

	(void)state;
	pair_of(&a, &b);
	send_callers(a, 10);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)close(probe);
	few = before;
	few.rlim_cur = (rlim_t)probe;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 20 && counts[1] < 10; i++)
		if (ipc_wait(b, callers, counts, 0, &err))
			fail_msg("%s", err.text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(counts[0], 0);
	assert_int_equal(counts[1], 10);
	send_callers(a, 3);
	assert_int_equal(ipc_wait(b, callers, counts, 0, &err), CLV_OK);
	assert_int_equal(counts[0], 3);
	ipc_free(a);
	ipc_free(b);
}

/* A sibling that was taken over sends descriptors that no message names: it is ended, and nothing is kept. */
static void descriptors_without_a_message(void **state)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct clv_err err = {0};
	struct ipc *a;
	int fds[2];
	bool ended = false;

	(void)state;
	assert_int_equal(ipc_pair(fds, &err), CLV_OK);
	assert_int_equal(ipc_new(fds[0], "a", &a, &err), CLV_OK);
	for (int i = 0; i < 40 && !ended; i++) {
		uint8_t byte = 0;
		struct iovec v = {&byte, 1};
		struct msghdr m = {.msg_iov = &v,
		                   .msg_iovlen = 1,
		                   .msg_control = control.bytes,
		                   .msg_controllen = sizeof control.bytes};
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		int mine[4] = {0, 0, 0, 0};

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof mine);
		memcpy(CMSG_DATA(c), mine, sizeof mine);
		assert_int_equal(sendmsg(fds[1], &m, 0), 1);
		ended = ipc_wait(a, callers, NULL, 0, &err) != CLV_OK;
	}
	assert_true(ended);
	assert_int_equal(err.code, CLV_E_PROTO);
	ipc_free(a);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(last_words),
	    cmocka_unit_test(descriptors),
	    cmocka_unit_test(bad_headers),
	    cmocka_unit_test(not_in_the_table),
	    cmocka_unit_test(full),
	    cmocka_unit_test(many_descriptors_wait),
	    cmocka_unit_test(no_descriptor_is_free),
	    cmocka_unit_test(descriptors_without_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
