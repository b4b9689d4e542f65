/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the transport gets to the SSH server: what the user's configuration says, then TCP, a proxy
 * command, or a jump host, which is another transport whose bytes are ours.
 */
#include "console/ssh_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static clv_rc read_all(int fd, struct clv_buf *out, struct clv_err *err)
{
	uint8_t bytes[4096];
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 10000) == 0)
			return err_set(err, CLV_E_TIMEOUT, "ssh -G took more than 10 s");
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return CLV_OK;
		if (buf_put(out, slice_of(bytes, (size_t)n), err) != CLV_OK)
			return CLV_FAILED;
	}
}

/* stderr of the program below is a pipe that does not block; the last line that is none of blanks. */
static void last_line(int fd, char *out, size_t size)
{
	char text[2048];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	out[0] = '\0';
	if (n <= 0)
		return;
	while (n > 0 && strchr("\r\n ", text[n - 1]) != NULL)
		n--;
	text[n] = '\0';
	const char *at = strrchr(text, '\n');
	snprintf(out, size, "%s", at != NULL ? at + 1 : text);
}

void ssh_below_said(struct ssh_run *r, char *out, size_t size)
{
	struct pollfd p = {.fd = r->below.said, .events = POLLIN};
	out[0] = '\0';
	if (r->below.said >= 0 && poll(&p, 1, 500) > 0) /* it may be on its way */
		last_line(r->below.said, out, size);
}

static clv_rc ask_ssh(struct ssh_run *r, struct ssh_config *c, struct clv_err *err)
{
	struct exec_child ssh = EXEC_NONE;
	struct clv_buf b;
	char said[200] = "";
	clv_rc rc = CLV_FAILED;
	buf_init(&b, SSH_CONFIG_OUT_MAX);
	if (exec_ssh_config(r->to.host, r->config_file, &ssh, err) != CLV_OK ||
	    shutdown(ssh.io, SHUT_WR) != 0 || read_all(ssh.io, &b, err) != CLV_OK)
		goto out;
	last_line(ssh.said, said, sizeof(said));
	int status = exec_wait(&ssh);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		err_set(err, CLV_E_CONFIG, "the ssh configuration cannot be read: %s", said);
		goto out;
	}
	rc = ssh_config_parse(buf_slice(&b), r->home, c, err);
out:
	(void)exec_end(&ssh);
	buf_release(&b);
	return rc;
}

clv_rc ssh_configure(struct ssh_run *r, struct clv_err *err)
{
	char where[300], notice[600];
	const struct passwd *pw = getpwuid(getuid());
	struct clv_err why = {0};
	/* ssh reads the home of the password file, whatever HOME says */
	if (ssh_config_runs(r->config_file, pw != NULL ? pw->pw_dir : r->home, where)) {
		snprintf(notice, sizeof(notice),
		         "%.250s has Match exec, which ssh -G would run: the ssh configuration was not used "
		         "for %.200s.",
		         where, r->to.host);
		talk_send(SSH_CONTROL_FD, TALK_SAY, CLV_E_NONE, "", notice);
		ssh_config_default(&r->conf, r->to.host, pw != NULL ? pw->pw_name : "root", r->home);
	} else if (ask_ssh(r, &r->conf, &why) != CLV_OK) {
		if (why.code != CLV_E_NOTFOUND) {
			*err = why;
			return CLV_FAILED;
		}
		ssh_config_default(&r->conf, r->to.host, pw != NULL ? pw->pw_name : "root", r->home);
	}
	if (r->to.user[0] != '\0')
		snprintf(r->conf.user, sizeof(r->conf.user), "%s", r->to.user);
	if (r->to.port != 0)
		r->conf.port = r->to.port;
	snprintf(r->name, sizeof(r->name), strchr(r->to.host, ':') != NULL ? "[%s]:%u" : "%s:%u", r->to.host,
	         r->conf.port);
	return CLV_OK;
}

/* A server that answers no more is noticed within a minute. */
static void keep_alive(int fd)
{
	static const int on = 1, idle = 20, every = 10, times = 4, unanswered_ms = 60000;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(unanswered_ms));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int connect_one(const struct addrinfo *a)
{
	int why = 0;
	socklen_t len = sizeof(why);
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			goto fail;
		if (poll(&p, 1, SSH_CONNECT_S * 1000) != 1) {
			errno = ETIMEDOUT;
			goto fail;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why != 0) {
			errno = why;
			goto fail;
		}
	}
	keep_alive(fd);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
fail:
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

static clv_rc dial_tcp(struct ssh_run *r, struct clv_err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_flags = AI_NUMERICSERV},
	                *list = NULL;
	char port[8];
	snprintf(port, sizeof(port), "%u", r->conf.port);
	int rc = getaddrinfo(r->conf.host, port, &hints, &list);
	if (rc != 0)
		return err_set(err, CLV_E_NOTFOUND, "cannot find %s: %s", r->conf.host, gai_strerror(rc));
	for (const struct addrinfo *a = list; a != NULL && r->fd < 0; a = a->ai_next)
		r->fd = connect_one(a);
	int why = errno;
	freeaddrinfo(list);
	errno = why;
	return r->fd >= 0 ? CLV_OK : err_sys(err, CLV_E_IO, "cannot reach %s", r->name);
}

static clv_rc dial_proxy(struct ssh_run *r, const char *command, struct clv_err *err)
{
	char *line = ssh_config_expand(command, r->conf.host, r->conf.port, r->conf.user, r->to.host, err);
	clv_rc rc = line != NULL ? exec_command(line, &r->below, err) : CLV_FAILED;
	clv_free(line);
	r->fd = r->below.io;
	return rc;
}

/* The last of the list is what we go through; those before it are its own way (as ssh -J does it). */
static clv_rc dial_jump(struct ssh_run *r, const char *jumps, struct clv_err *err)
{
	const char *comma = strrchr(jumps, ','), *last = comma != NULL ? comma + 1 : jumps;
	char goal[SSH_NAME_MAX + 12], depth[8];
	struct ssh_url hop;
	if (strncmp(last, "ssh://", 6) == 0)
		last += 6;
	if (ssh_hop_parse(last, strlen(last), &hop, err) != CLV_OK)
		return err_wrap(err, "jump host");
	if (r->depth + 1 >= SSH_DEPTH_MAX)
		return err_set(err, CLV_E_LIMIT,
		               "more than %u jump hosts one behind the other: does one jump over itself?",
		               SSH_DEPTH_MAX - 1);
	snprintf(goal, sizeof(goal), strchr(r->conf.host, ':') != NULL ? "[%s]:%u" : "%s:%u", r->conf.host,
	         r->conf.port);
	snprintf(depth, sizeof(depth), "%u", r->depth + 1);
	char *to = ssh_hop_format(&hop),
	     *before = comma != NULL ? clv_asprintf("%.*s", (int)(comma - jumps), jumps) : clv_strdup("");
	const char *const argv[] = {"ssh-transport",
	                            to,
	                            goal,
	                            r->can_ask ? "ask" : "",
	                            depth,
	                            before,
	                            "",
	                            r->config_file != NULL ? r->config_file : "",
	                            "",
	                            NULL};
	clv_rc rc = exec_self(argv, SSH_CONTROL_FD, &r->below, err);
	clv_free(before);
	clv_free(to);
	r->fd = r->below.io;
	return rc;
}

clv_rc ssh_dial(struct ssh_run *r, struct clv_err *err)
{
	if (r->jumps != NULL)
		return dial_jump(r, r->jumps, err);
	if (r->proxy != NULL)
		return dial_proxy(r, r->proxy, err);
	if (r->conf.jump != NULL)
		return dial_jump(r, r->conf.jump, err);
	return r->conf.proxy != NULL ? dial_proxy(r, r->conf.proxy, err) : dial_tcp(r, err);
}
