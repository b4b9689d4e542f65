/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSH transport: this program again, started by the console (transport.c) or by another transport
 * (a jump host). Bytes on descriptor 0, questions and the end's reason on 3. Does one connection and ends.
 */
#include "console/ssh_main.h"

#include "console/ssh_parts.h"

#include <libssh2.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The size stands in front, so that it can be wiped. */
struct block {
	size_t size;
	size_t pad; /* keeps what follows on 16 bytes */
};

void *ssh_alloc(size_t size, void **abstract)
{
	(void)abstract;
	if (size > (1u << 30))
		return NULL;
	struct block *b = clv_calloc(1, sizeof(*b) + size);
	b->size = size;
	return b + 1;
}

static void release(void *p, void **abstract)
{
	(void)abstract;
	if (p == NULL)
		return;
	struct block *b = (struct block *)p - 1;
	explicit_bzero(p, b->size);
	clv_free(b);
}

static void *resize(void *p, size_t size, void **abstract)
{
	void *q = ssh_alloc(size, abstract);
	if (p != NULL && q != NULL) {
		size_t old = ((struct block *)p - 1)->size;
		memcpy(q, p, old < size ? old : size);
		release(p, abstract);
	}
	return q;
}

const char *ssh_words(struct ssh_run *r)
{
	char *text = NULL;
	(void)libssh2_session_last_error(r->s, &text, NULL, 0);
	return text != NULL && text[0] != '\0' ? text : "no reason given";
}

/* libssh2 reads through this, so that the server's offer is seen on its way. */
static ssize_t seeing_recv(libssh2_socket_t fd, void *bytes, size_t len, int flags, void **abstract)
{
	struct ssh_run *r = *abstract;
	ssize_t n = recv(fd, bytes, len, flags);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	ssh_kex_see(&r->kex, slice_of(bytes, (size_t)n));
	return n;
}

static clv_rc handshake(struct ssh_run *r, struct clv_err *err)
{
	/* a jump host below may ask a person first: then nothing is hurried */
	bool direct = r->below.pid < 0;
	r->s = libssh2_session_init_ex(ssh_alloc, release, resize, r);
	if (r->s == NULL)
		return err_set(err, CLV_E_NOMEM, "libssh2 does not start");
	libssh2_session_callback_set(r->s, LIBSSH2_CALLBACK_RECV, (void *)seeing_recv);
	libssh2_session_set_blocking(r->s, 1);
	libssh2_session_set_timeout(r->s, direct ? SSH_CONNECT_S * 1000L : 0);
	if (ssh_prefer(r, err) != CLV_OK)
		return CLV_FAILED;
	int rc = libssh2_session_handshake(r->s, r->fd);
	r->kex.over = true;
	libssh2_session_set_timeout(r->s, SSH_CONNECT_S * 1000L);
	if (rc == 0)
		return CLV_OK;
	char said[200];
	ssh_below_said(r, said, sizeof(said));
	if (said[0] != '\0')
		return err_set(err, CLV_E_CLOSED, "%s was not reached: %s", r->name, said);
	if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE ||
	    rc == LIBSSH2_ERROR_METHOD_NONE || rc == LIBSSH2_ERROR_HOSTKEY_INIT)
		return ssh_no_agreement(r, err);
	return err_set(err, CLV_E_CLOSED, "no SSH with %s: %s", r->name, ssh_words(r));
}

static clv_rc open_channel(struct ssh_run *r, struct clv_err *err)
{
	const char *command = r->command != NULL ? r->command : "claviger dial-stdio";
	if (r->to.forward) {
		r->ch = libssh2_channel_direct_tcpip_ex(r->s, r->to.to_host, r->to.to_port, "127.0.0.1", 0);
		return r->ch != NULL ? CLV_OK
		                     : err_set(err, CLV_E_CLOSED, "%s does not connect to %s:%u for us: %s",
		                               r->name, r->to.to_host, r->to.to_port, ssh_words(r));
	}
	r->ch = libssh2_channel_open_ex(r->s, "session", 7, 256u * 1024u, LIBSSH2_CHANNEL_PACKET_DEFAULT,
	                                NULL, 0);
	if (r->ch == NULL || libssh2_channel_exec(r->ch, command) != 0)
		return err_set(err, CLV_E_CLOSED, "%s does not run \"%.100s\" for us: %s", r->name, command,
		               ssh_words(r));
	return CLV_OK;
}

static clv_rc connection(struct ssh_run *r, struct clv_err *err)
{
	if (ssh_configure(r, err) != CLV_OK || ssh_dial(r, err) != CLV_OK || handshake(r, err) != CLV_OK ||
	    ssh_check_host(r, err) != CLV_OK || ssh_login(r, err) != CLV_OK || open_channel(r, err) != CLV_OK)
		return CLV_FAILED;
	if (r->depth == 0)
		talk_send(SSH_CONTROL_FD, TALK_READY, CLV_E_NONE, "", "");
	return ssh_pump(r, err);
}

static const char *word_or_null(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

/* ssh-transport TO GOAL FLAGS DEPTH JUMPS PROXY CONFIG COMMAND; "" is none. */
static clv_rc read_words(struct ssh_run *r, int argc, char **argv, struct clv_err *err)
{
	struct ssh_url goal;
	int type = 0;
	socklen_t len = sizeof(type);
	if (argc != 10 || getsockopt(SSH_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_SEQPACKET)
		return err_set(err, CLV_E_USAGE,
		               "ssh-transport is started by the console alone; claviger -s ssh://host");
	if (ssh_hop_parse(argv[2], strlen(argv[2]), &r->to, err) != CLV_OK)
		return CLV_FAILED;
	if (argv[3][0] != '\0') {
		if (ssh_hop_parse(argv[3], strlen(argv[3]), &goal, err) != CLV_OK)
			return CLV_FAILED;
		r->to.forward = true;
		r->to.to_port = goal.port;
		snprintf(r->to.to_host, sizeof(r->to.to_host), "%s", goal.host);
	}
	r->can_ask = strcmp(argv[4], "ask") == 0;
	r->depth = (unsigned)strtoul(argv[5], NULL, 10);
	r->jumps = word_or_null(argv[6]);
	r->proxy = word_or_null(argv[7]);
	r->config_file = word_or_null(argv[8]);
	r->command = word_or_null(argv[9]);
	return CLV_OK;
}

static void find_home(struct ssh_run *r)
{
	const char *home = getenv("HOME");
	const struct passwd *pw = getpwuid(getuid());
	if (home == NULL || home[0] != '/')
		home = pw != NULL ? pw->pw_dir : "/";
	snprintf(r->home, sizeof(r->home), "%s", home);
}

int ssh_transport_main(int argc, char **argv)
{
	struct ssh_run r = {.fd = -1, .below = EXEC_NONE};
	struct clv_err err = {0};
	signal(SIGPIPE, SIG_IGN);
	ssh_kex_init(&r.kex);
	find_home(&r);
	if (read_words(&r, argc, argv, &err) != CLV_OK) {
		fprintf(stderr, "claviger: %s\n", err.text);
		return 2;
	}
	clv_rc rc = libssh2_init(0) == 0 ? connection(&r, &err)
	                                 : err_set(&err, CLV_E_INTERNAL, "libssh2 does not start");
	if (rc != CLV_OK)
		talk_send(SSH_CONTROL_FD, TALK_FAILED, err.code, "", err.text);
	/* what libssh2 holds is wiped by its free; the session's end is told to the server */
	if (r.ch != NULL)
		libssh2_channel_free(r.ch);
	if (r.s != NULL) {
		libssh2_session_set_timeout(r.s, 500);
		(void)libssh2_session_disconnect(r.s, "done");
		libssh2_session_free(r.s);
	}
	libssh2_exit();
	if (r.fd >= 0 && r.fd != r.below.io)
		close(r.fd);
	(void)exec_end(&r.below);
	ssh_config_release(&r.conf);
	ssh_kex_release(&r.kex);
	return rc == CLV_OK ? 0 : 4;
}
