/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing connections for core: the name is asked of a short-lived resolver process (5 s), the
 * socket is connected without blocking (5 s an address), and handed to net_node. Runs in the parent;
 * of the resolver's answer it reads numeric addresses only.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/parent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESOLVE_MS 5000
#define CONNECT_MS 5000
#define EVENT_NAME 21005u /* name does not resolve */
#define EVENT_TCP  21006u /* TCP connect failed */

static void clear(struct dial *d)
{
	if (d->resolver > 0)
		(void)kill(d->resolver, SIGKILL);
	fd_close(&d->pipe);
	fd_close(&d->fd);
	clv_free(d->host);
	clv_free(d->name);
	*d = (struct dial){.pipe = -1, .fd = -1};
}

void parent_dial_drop(struct parent *p)
{
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++)
		if (p->dials[i].conn)
			clear(&p->dials[i]);
}

static void failed(struct parent *p, struct dial *d, uint32_t event, const char *why)
{
	Clv__DialFailed m = CLV__DIAL_FAILED__INIT;
	struct clv_err err = {0};
	char *text = clv_asprintf("%s port %u: %s", d->host, d->port, why);

	m.conn = d->conn;
	m.code = event;
	m.text = text;
	if (p->children[PROC_CORE].ipc &&
	    ipc_send(p->children[PROC_CORE].ipc, IPC_DIAL_FAILED, &m.base, NULL, 0, &err))
		log_err(LOG_WARN, &err, "telling core");
	clv_free(text);
	clear(d);
}

static void connected(struct parent *p, struct dial *d, const char *address)
{
	Clv__Dialed m = CLV__DIALED__INIT;
	struct clv_err err = {0};
	int fd = d->fd;

	d->fd = -1;
	m.conn = d->conn;
	m.name = d->name;
	m.address = (char *)(uintptr_t)address;
	m.pinned = d->pinned;
	if (!p->children[PROC_NET_NODE].ipc) {
		(void)close(fd);
		failed(p, d, EVENT_TCP, "the network process is being started");
		return;
	}
	if (ipc_send(p->children[PROC_NET_NODE].ipc, IPC_DIALED, &m.base, &fd, 1, &err))
		log_err(LOG_WARN, &err, "handing a connection to net_node");
	clear(d);
}

static socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof *ss);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof *v6;
	}
	return 0;
}

/* The address at d->at in answers (lines), or NULL. */
static char *current_address(struct dial *d)
{
	return d->at < d->n_answers ? d->answers + d->at : NULL;
}

static void next_address(struct dial *d)
{
	d->at += strlen(d->answers + d->at) + 1;
	fd_close(&d->fd);
}

/* Tries addresses from d->at on until one is under way, connected or none is left. */
static void try_addresses(struct parent *p, struct dial *d)
{
	char why[128] = "no address";
	char *a;

	for (; (a = current_address(d)); next_address(d)) {
		struct sockaddr_storage ss;
		socklen_t len = parse_address(a, d->port, &ss);
		int one = 1;

		if (!len)
			continue;
		d->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (d->fd < 0)
			continue;
		(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		d->limit_ms = clock_mono_ms() + CONNECT_MS;
		if (connect(d->fd, (struct sockaddr *)&ss, len) == 0) {
			connected(p, d, a);
			return;
		}
		if (errno == EINPROGRESS)
			return;
		(void)snprintf(why, sizeof why, "%s: %s", a, strerror(errno));
	}
	failed(p, d, EVENT_TCP, why);
}

static void start_resolver(struct parent *p, struct dial *d)
{
	struct clv_err err = {0};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC)) {
		failed(p, d, EVENT_NAME, strerror(errno));
		return;
	}
	d->pipe = fds[0];
	d->limit_ms = clock_mono_ms() + RESOLVE_MS;
	if (fd_nonblock(fds[0], &err) || parent_exec(p, "resolve", d->host, fds[1], &d->resolver, &err))
		failed(p, d, EVENT_NAME, err.text);
	(void)close(fds[1]);
}

clv_rc parent_on_dial(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Dial *q = (const Clv__Dial *)msg;
	struct parent *p = ctx;
	struct sockaddr_storage ss;
	struct dial *d = NULL;
	size_t len = strlen(q->host);

	(void)fds;
	for (size_t i = 0; i < PARENT_DIALS_MAX && !d; i++)
		if (!p->dials[i].conn)
			d = &p->dials[i];
	if (!d || !q->conn || len == 0 || len > 253 || q->port == 0 || q->port > 65535)
		return err_set(err, CLV_E_PROTO, "core asks for a connection that makes no sense");
	d->conn = q->conn;
	d->host = clv_strdup(q->host);
	d->name = clv_strdup(q->name);
	d->port = (uint16_t)q->port;
	d->pinned = q->pinned;
	d->pipe = d->fd = -1;
	if (parse_address(d->host, d->port, &ss)) {
		memcpy(d->answers, d->host, len + 1);
		d->n_answers = len + 1;
		try_addresses(p, d);
	} else {
		start_resolver(p, d);
	}
	return CLV_OK;
}

void parent_dial_poll(struct parent *p, struct pollfd *fds, size_t *n)
{
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++) {
		struct dial *d = &p->dials[i];

		if (d->conn && d->pipe >= 0)
			fds[(*n)++] = (struct pollfd){.fd = d->pipe, .events = POLLIN};
		else if (d->conn && d->fd >= 0)
			fds[(*n)++] = (struct pollfd){.fd = d->fd, .events = POLLOUT};
	}
}

/* Answers are lines; they become 0-terminated strings. At the end the first is tried. */
static void read_answers(struct parent *p, struct dial *d)
{
	ssize_t n = read(d->pipe, d->answers + d->n_answers, sizeof d->answers - 1 - d->n_answers);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		d->n_answers += (size_t)n;
		if (d->n_answers < sizeof d->answers - 1)
			return;
	}
	fd_close(&d->pipe);
	d->answers[d->n_answers] = 0;
	for (size_t i = 0; i < d->n_answers; i++)
		if (d->answers[i] == '\n')
			d->answers[i] = 0;
	if (d->n_answers == 0)
		failed(p, d, EVENT_NAME, "the name does not resolve");
	else
		try_addresses(p, d);
}

static void check_connect(struct parent *p, struct dial *d)
{
	int e = 0;
	socklen_t len = sizeof e;

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &e, &len))
		e = errno;
	if (e == 0) {
		connected(p, d, current_address(d));
		return;
	}
	next_address(d);
	if (current_address(d))
		try_addresses(p, d);
	else
		failed(p, d, EVENT_TCP, strerror(e));
}

void parent_dial_step(struct parent *p, const struct pollfd *fds, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++) {
		struct dial *d = &p->dials[i];
		bool ready = false;

		for (size_t j = 0; d->conn && j < n; j++)
			ready |= fds[j].revents && (fds[j].fd == d->pipe || fds[j].fd == d->fd);
		if (ready && d->pipe >= 0)
			read_answers(p, d);
		else if (ready)
			check_connect(p, d);
		else if (d->conn && now_ms >= d->limit_ms)
			failed(p, d, d->pipe >= 0 ? EVENT_NAME : EVENT_TCP, "no answer within 5 s");
	}
}

void parent_dial_reaped(struct parent *p, pid_t pid)
{
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++)
		if (p->dials[i].conn && p->dials[i].resolver == pid)
			p->dials[i].resolver = 0;
}
