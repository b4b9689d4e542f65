/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger dial-stdio`: the far end of an SSH attach. Copies bytes between stdin, stdout and the local
 * console socket, each way at the pace of its reader; looks at none of them. Speaks for the login user.
 */
#include "console/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 65536u

struct way {
	int from, to;
	uint8_t bytes[CHUNK];
	size_t at, len;
	bool ended;
};

clv_rc batch_dial_check(const struct options *o, struct clv_err *err)
{
	(void)o;
	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO))
		return err_set(
		    err, CLV_E_USAGE,
		    "dial-stdio speaks to a program, not to a terminal: claviger -s ssh://host starts it");
	return CLV_OK;
}

static clv_rc open_socket(const struct options *o, int *fd, struct clv_err *err)
{
	static const struct timeval patience = {.tv_sec = 2};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char *server = options_server(o, err);
	clv_rc rc = CLV_FAILED;
	if (server == NULL)
		return CLV_FAILED;
	if (strncmp(server, "unix:/", 6) != 0 || strlen(server + 5) >= sizeof(sa.sun_path)) {
		err_set(err, CLV_E_USAGE, "dial-stdio takes a local socket, unix:PATH, not %.200s", server);
		goto out;
	}
	memcpy(sa.sun_path, server + 5, strlen(server + 5) + 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Where many knock at once the socket's queue is full for a moment. */
	if (*fd >= 0)
		(void)setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (*fd < 0 || connect(*fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    fcntl(*fd, F_SETFL, O_NONBLOCK) != 0)
		err_sys(err, CLV_E_CLOSED, "cannot reach the server at %s", server);
	else
		rc = CLV_OK;
out:
	clv_free(server);
	return rc;
}

/* False: this way is broken. */
static bool move(struct way *w)
{
	ssize_t n;
	if (w->len == 0 && !w->ended) {
		n = read(w->from, w->bytes, CHUNK);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		w->ended = n == 0;
		w->at = 0;
		w->len = n > 0 ? (size_t)n : 0;
	}
	if (w->len > 0) {
		n = write(w->to, w->bytes + w->at, w->len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		w->at += n > 0 ? (size_t)n : 0;
		w->len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Until the server has closed, or either end broke. */
static void copy(struct way *up, struct way *down)
{
	bool told = false;
	while (move(up) && move(down) && !(down->ended && down->len == 0)) {
		if (up->ended && up->len == 0 && !told) {
			(void)shutdown(up->to, SHUT_WR);
			told = true;
		}
		struct pollfd p[4] = {{.fd = up->len == 0 && !up->ended ? up->from : -1, .events = POLLIN},
		                      {.fd = up->len > 0 ? up->to : -1, .events = POLLOUT},
		                      {.fd = down->len == 0 ? down->from : -1, .events = POLLIN},
		                      /* a reader that is gone is noticed, whatever there is to write */
		                      {.fd = down->to, .events = down->len > 0 ? POLLOUT : 0}};
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if ((p[3].revents & (POLLERR | POLLHUP)) != 0)
			return;
	}
}

int batch_dial(const struct options *o)
{
	struct clv_err err = {0};
	struct way *up = clv_calloc(1, sizeof(*up)), *down = clv_calloc(1, sizeof(*down));
	int fd = -1, code = EXIT_DONE;
	int in = fcntl(STDIN_FILENO, F_GETFL), out = fcntl(STDOUT_FILENO, F_GETFL);
	if (open_socket(o, &fd, &err) != CLV_OK) {
		code = batch_fail(&err);
	} else {
		(void)fcntl(STDIN_FILENO, F_SETFL, in | O_NONBLOCK);
		(void)fcntl(STDOUT_FILENO, F_SETFL, out | O_NONBLOCK);
		up->from = STDIN_FILENO;
		up->to = down->from = fd;
		down->to = STDOUT_FILENO;
		copy(up, down);
		(void)fcntl(STDIN_FILENO, F_SETFL, in);
		(void)fcntl(STDOUT_FILENO, F_SETFL, out);
	}
	if (fd >= 0)
		close(fd);
	explicit_bzero(up->bytes, CHUNK);
	explicit_bzero(down->bytes, CHUNK);
	clv_free(up);
	clv_free(down);
	return code;
}
