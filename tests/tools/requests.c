/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request of the table, over the raw protocol, as one operator: does the server refuse exactly
 * those that the role does not reach? Then types that have no row: each must end the connection.
 *   requests CA CERT KEY PORT SERVER ROLE      prints a line a request; exit 1 when one differs
 */
#include "base/clock.h"
#include "base/file.h"
#include "channel/channel.h"
#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer may wait for the disk: every denied act is a row of the audit trail. */
#define WAIT_MS 60000

struct line {
	int fd;
	struct chan *chan;
	bool closed;
};

static const char *files[3];
static const char *server;
static uint16_t port;

static struct chan_creds *creds(void)
{
	struct clv_buf b[3];
	struct chan_creds_pem pem = {.peer_kind_accept = VERIFY_NODE};
	struct clv_err err = {0};
	struct chan_creds *c;

	for (int i = 0; i < 3; i++) {
		buf_init(&b[i], 1u << 20);
		if (file_read(files[i], &b[i], &err)) {
			printf("%s\n", err.text);
			exit(2);
		}
	}
	pem.ca = buf_slice(&b[0]);
	pem.cert = buf_slice(&b[1]);
	pem.key = buf_slice(&b[2]);
	c = chan_creds_new(&pem, &err);
	if (!c) {
		printf("%s\n", err.text);
		exit(2);
	}
	return c;
}

static void pump(struct line *l)
{
	struct clv_buf *out = chan_output(l->chan);
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	uint8_t chunk[65536];
	ssize_t n;

	while (buf_slice(out).len) {
		n = send(l->fd, buf_slice(out).ptr, buf_slice(out).len, MSG_NOSIGNAL);
		if (n <= 0) {
			l->closed = true;
			return;
		}
		buf_consume(out, (size_t)n);
	}
	if (poll(&p, 1, 50) <= 0)
		return;
	n = recv(l->fd, chunk, sizeof chunk, 0);
	if (n <= 0 || chan_feed(l->chan, slice_of(chunk, (size_t)n), NULL))
		l->closed = true;
}

static bool wait_type(struct line *l, uint16_t *type, struct clv_buf *body)
{
	int64_t limit = clock_mono_ms() + WAIT_MS;

	while (clock_mono_ms() < limit) {
		struct clv_slice b = {0};
		bool have = false;

		if (chan_next(l->chan, &have, type, &b, NULL))
			return false;
		if (have) {
			buf_clear(body);
			return !buf_put(body, b, NULL);
		}
		if (l->closed)
			return false;
		pump(l);
	}
	return false;
}

static void dial(struct line *l)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct chan_opts o = {
	    .initiator = true, .peer_name = server, .peer_kind = VERIFY_NODE, .role = "console"};
	struct clv_buf body;
	uint16_t type = 0;

	memset(l, 0, sizeof *l);
	buf_init(&body, 1u << 20);
	o.creds = creds();
	l->chan = chan_new(&o, NULL);
	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (!l->chan || connect(l->fd, (struct sockaddr *)&sa, sizeof sa))
		exit(2);
	while (!l->closed && chan_state(l->chan) != CHAN_OPEN)
		pump(l);
	if (!wait_type(l, &type, &body) || type != REP_SERVER_PROOF) {
		printf("no server proof\n");
		exit(2);
	}
	chan_set_proven(l->chan);
	buf_release(&body);
	chan_creds_free(o.creds);
}

static void hang_up(struct line *l)
{
	chan_free(l->chan);
	(void)close(l->fd);
}

/* A request whose every field but the number is empty: enough to be allowed or denied, too little to do
 * anything (a list without a limit, an act without a name). The answer has to bear the same number. */
static int try_request(struct line *l, uint8_t number, uint16_t type, const char *name, enum clv_role need,
                       enum clv_role role)
{
	struct clv_buf body;
	ProtobufCMessage *m = NULL;
	uint8_t head[2] = {0x08, number};
	uint16_t got = 0;
	bool denied = false, expected = role < need;

	buf_init(&body, 1u << 20);
	if (chan_send(l->chan, type, slice_of(head, 2), NULL) || !wait_type(l, &got, &body)) {
		printf("%-16s %s WRONG\n", name, l->closed ? "the connection ended" : "no answer");
		buf_release(&body);
		return 1;
	}
	if (buf_slice(&body).len < 2 || memcmp(buf_slice(&body).ptr, head, 2) != 0) {
		printf("%-16s another request's answer WRONG\n", name);
		buf_release(&body);
		return 1;
	}
	if (got == REP_REFUSED && !proto_decode(&clv__refused__descriptor, buf_slice(&body), &m, NULL))
		denied = ((Clv__Refused *)m)->code == CLV_E_DENIED;
	proto_free(m);
	buf_release(&body);
	printf("%-16s %s %s\n", name, denied ? "denied" : "allowed", denied == expected ? "" : "WRONG");
	return denied == expected ? 0 : 1;
}

static int without_a_row(uint16_t type)
{
	struct line l;
	struct clv_buf body;
	uint16_t got = 0;
	bool answered;

	dial(&l);
	buf_init(&body, 1u << 20);
	answered = !chan_send(l.chan, type, SLICE_LIT("\x08\x07"), NULL) && wait_type(&l, &got, &body);
	hang_up(&l);
	buf_release(&body);
	if (answered)
		printf("type 0x%x was answered WRONG\n", type);
	return answered;
}

int main(int argc, char **argv)
{
	static const uint16_t others[] = {0,     1,     2,     0x10,  0x17,  0xff,
	                                  0x11e, 0x11f, 0x13f, 0x200, 0x20b, 0xffff};
	enum clv_role role = CLV_ROLE_NONE;
	struct line l;
	int wrong = 0, n = 0;

	if (argc != 7 || !clv_role_parse(argv[6], &role))
		return 2;
	for (int i = 0; i < 3; i++)
		files[i] = argv[1 + i];
	port = (uint16_t)strtoul(argv[4], NULL, 10);
	server = argv[5];
	dial(&l);
#define X(sym, num, body, reply, name, need, changes, help) \
	wrong += try_request(&l, (uint8_t)++n, num, name, need, role);
	CLV_REQUEST_LIST(X)
#undef X
	hang_up(&l);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		wrong += without_a_row(others[i]);
	printf("%d requests as %s, %zu types without a row, %d wrong\n", n, argv[6],
	       sizeof others / sizeof others[0], wrong);
	return wrong != 0;
}
