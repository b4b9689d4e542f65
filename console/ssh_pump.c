/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between the console's descriptor and the SSH channel, both ways, each direction at the pace of
 * its reader: nothing is read that could not be passed on. Says keepalive when nothing else is said, and
 * gives a line up on which nothing is answered.
 */
#include "console/ssh_parts.h"

#include <libssh2.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 32768u

struct way {
	uint8_t bytes[CHUNK];
	size_t at, len;
	bool ended; /* the source says no more */
};

struct pump {
	struct ssh_run *r;
	struct way in, out; /* in: from the channel to the console */
	uint64_t received;
	char said[300]; /* the far program's stderr, its last line */
	bool told;      /* our end of input was passed on */
	unsigned alive_s, alive_count;
	int64_t heard_ms; /* monotonic: the server's last byte */
};

/* 1: something moved, 0: nothing, -1: the end of the line. */
static int from_channel(struct pump *p)
{
	char text[256];
	ssize_t n = libssh2_channel_read_stderr(p->r->ch, text, sizeof(text) - 1);
	if (n > 0) {
		while (n > 0 && strchr("\r\n", text[n - 1]) != NULL)
			n--;
		text[n] = '\0';
		const char *line = strrchr(text, '\n');
		snprintf(p->said, sizeof(p->said), "%s", line != NULL ? line + 1 : text);
		return 1;
	}
	if (p->in.len > 0 || p->in.ended)
		return 0;
	n = libssh2_channel_read(p->r->ch, (char *)p->in.bytes, CHUNK);
	if (n > 0) {
		p->in.at = 0;
		p->in.len = (size_t)n;
		p->received += (uint64_t)n;
		return 1;
	}
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return -1;
	if (libssh2_channel_eof(p->r->ch) == 1)
		p->in.ended = true;
	return 0;
}

static int to_console(struct pump *p)
{
	if (p->in.len == 0)
		return 0;
	ssize_t n = send(SSH_DATA_FD, p->in.bytes + p->in.at, p->in.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -2;
	p->in.at += (size_t)n;
	p->in.len -= (size_t)n;
	return 1;
}

static int from_console(struct pump *p)
{
	if (p->out.len > 0 || p->out.ended)
		return 0;
	ssize_t n = recv(SSH_DATA_FD, p->out.bytes, CHUNK, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -2;
	p->out.at = 0;
	p->out.len = (size_t)n;
	p->out.ended = n == 0;
	return n > 0;
}

static int to_channel(struct pump *p)
{
	if (p->out.len > 0) {
		ssize_t n =
		    libssh2_channel_write(p->r->ch, (const char *)p->out.bytes + p->out.at, p->out.len);
		if (n < 0)
			return n == LIBSSH2_ERROR_EAGAIN ? 0 : -1;
		p->out.at += (size_t)n;
		p->out.len -= (size_t)n;
		return n > 0;
	}
	if (p->out.ended && !p->told) {
		int rc = libssh2_channel_send_eof(p->r->ch);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			return 0;
		p->told = true;
		return rc == 0 ? 1 : -1;
	}
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Keepalives want an answer, so a server that says nothing for as long as this is not there. */
static bool silent(const struct pump *p)
{
	return now_ms() - p->heard_ms > (int64_t)p->alive_s * 1000 * (p->alive_count + 1);
}

static void wait_for_more(struct pump *p)
{
	int to_next = 0, dir = libssh2_session_block_directions(p->r->s);
	struct pollfd f[2] = {{.fd = p->r->fd, .events = POLLIN}, {.fd = SSH_DATA_FD}};
	if ((dir & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0)
		f[0].events |= POLLOUT;
	if (p->out.len == 0 && !p->out.ended)
		f[1].events |= POLLIN;
	if (p->in.len > 0) { /* the console is slow: what comes stays with the server */
		f[1].events |= POLLOUT;
		if ((dir & LIBSSH2_SESSION_BLOCK_OUTBOUND) == 0 && p->out.len == 0)
			f[0].fd = -1;
	}
	if (f[1].events == 0)
		f[1].fd = -1;
	(void)libssh2_keepalive_send(p->r->s, &to_next);
	int wait_s = to_next > 0 ? to_next : (int)p->alive_s;
	if (poll(f, 2, wait_s * 1000) < 0)
		return;
	if (f[0].fd < 0 || (f[0].revents & POLLIN) != 0)
		p->heard_ms = now_ms();
}

static clv_rc ended(struct pump *p, bool lost, struct clv_err *err)
{
	int status;
	char below[200];
	if (!lost) { /* the exit status comes with the close */
		libssh2_session_set_blocking(p->r->s, 1);
		libssh2_session_set_timeout(p->r->s, 2000);
		(void)libssh2_channel_wait_closed(p->r->ch);
	}
	status = libssh2_channel_get_exit_status(p->r->ch);
	if (lost) {
		ssh_below_said(p->r, below, sizeof(below));
		return err_set(err, CLV_E_CLOSED, "the line to %s broke: %s", p->r->name,
		               below[0] != '\0' ? below : ssh_words(p->r));
	}
	if (!p->r->to.forward && (status != 0 || p->received == 0))
		return err_set(err, CLV_E_CLOSED, "%s at %s ended with %d: %s",
		               p->r->command != NULL ? p->r->command : "claviger dial-stdio", p->r->name,
		               status, p->said[0] != '\0' ? p->said : "it said nothing");
	return err_set(err, CLV_E_CLOSED, "%s closed the line", p->r->name);
}

clv_rc ssh_pump(struct ssh_run *r, struct clv_err *err)
{
	struct pump *p = clv_calloc(1, sizeof(*p));
	clv_rc rc = CLV_OK;
	p->r = r;
	libssh2_session_set_blocking(r->s, 0);
	p->alive_s = r->conf.alive_s > 0 ? r->conf.alive_s : SSH_ALIVE_S;
	p->alive_count = r->conf.alive_count > 0 ? r->conf.alive_count : SSH_ALIVE_COUNT;
	p->heard_ms = now_ms();
	libssh2_keepalive_config(r->s, 1, p->alive_s);
	for (;;) {
		int a = from_channel(p), b = to_console(p), c = from_console(p), d = to_channel(p);
		if (b == -2 || c == -2) /* the console is gone: that is how it says that it is done */
			break;
		if (a < 0 || d < 0) {
			rc = ended(p, true, err);
			break;
		}
		if (p->in.ended && p->in.len == 0) {
			rc = ended(p, false, err);
			break;
		}
		if (a > 0)
			p->heard_ms = now_ms();
		if (silent(p)) {
			rc = err_set(err, CLV_E_CLOSED, "%s has not answered for %u s", r->name,
			             p->alive_s * (p->alive_count + 1));
			break;
		}
		if (p->told) /* the console sends no more: it is leaving */
			break;
		if (a == 0 && b == 0 && c == 0 && d == 0)
			wait_for_more(p);
	}
	libssh2_session_set_blocking(r->s, 1);
	libssh2_session_set_timeout(r->s, 2000); /* what takes leave of a silent server */
	explicit_bzero(p, sizeof(*p));
	clv_free(p);
	return rc;
}
