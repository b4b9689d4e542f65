/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a session: resolve, connect, authenticate, be open, be lost, wait, try again. Never
 * blocks: names are answered by a helper thread of the C library, everything else by poll. Runs in
 * the console and in any program that links the library.
 */
#include "client/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "client/decode.h"
#include "proto/types.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- replies --- */

static void push_reply(struct clv_session *s, struct clv_reply *r)
{
	struct queued *q = clv_calloc(1, sizeof(*q));
	q->reply = r;
	*s->last = q;
	s->last = &q->next;
	s->n_queued++;
}

struct clv_reply *clv_session_pop(struct clv_session *s)
{
	struct queued *q = s->first;
	if (q == NULL)
		return NULL;
	struct clv_reply *r = q->reply;
	s->first = q->next;
	if (s->first == NULL)
		s->last = &s->first;
	s->n_queued--;
	clv_free(q);
	return r;
}

/* --- the end of a line --- */

static void drop_asked(struct clv_session *s)
{
	for (size_t i = 0; i < SESSION_ASKED_MAX; i++) {
		struct asked *a = &s->asked[i];
		if (a->req != 0 && !a->quiet && !(a->watch && a->answered)) {
			struct clv_reply *r = clv_calloc(1, sizeof(*r));
			r->kind = CLV_REPLY_DROPPED;
			r->req = a->req;
			r->is_act = a->act;
			r->sent = s->written > a->at_byte;
			r->code = CLV_E_CLOSED;
			push_reply(s, r);
		}
		a->req = 0;
	}
}

static void stop_resolving(struct clv_session *s)
{
	if (s->resolving) {
		/* the helper thread may still write into s->gai: wait for it when it cannot be stopped */
		while (gai_cancel(&s->gai) == EAI_NOTCANCELED && gai_error(&s->gai) == EAI_INPROGRESS) {
			const struct gaicb *one[1] = {&s->gai};
			struct timespec wait = {.tv_nsec = 100000000};
			gai_suspend(one, 1, &wait);
		}
		s->resolving = false;
	}
	if (s->gai.ar_result != NULL)
		freeaddrinfo(s->gai.ar_result);
	s->gai = (struct gaicb){0};
}

/* s->err holds why. What a person must settle first is not tried again by itself. */
static void lose(struct clv_session *s)
{
	bool proven = s->line == LINE_OPEN;
	drop_asked(s);
	stop_resolving(s);
	if (s->ticket != NULL)
		s->ticket->drop(s);
	chan_free(s->chan);
	s->chan = NULL;
	fd_close(&s->fd);
	if (s->dialer != NULL)
		s->dialer->drop(s->dialer->ctx, &s->err);
	if (s->err.cls == CLV_CLASS_AUTH && !proven) {
		s->line = LINE_FAILED;
		return;
	}
	if (proven || s->retry_delay == 0)
		s->retry_delay = SESSION_RETRY_FIRST_MS;
	else
		s->retry_delay =
		    s->retry_delay * 2 > SESSION_RETRY_MAX_MS ? SESSION_RETRY_MAX_MS : s->retry_delay * 2;
	s->line = LINE_WAITING;
	s->retry_at = clock_mono_ms() + s->retry_delay;
}

/* --- connecting --- */

static clv_rc open_channel(struct clv_session *s, struct clv_err *err)
{
	if (s->local) {
		s->chan = chan_new_local(s->path != NULL ? s->path : "ssh", err);
	} else {
		struct chan_opts o = {.initiator = true,
		                      .pref = s->ticket != NULL ? CHAN_PREF_KERBEROS : CHAN_PREF_CERTIFICATE,
		                      .creds = s->creds,
		                      .krb = s->ticket != NULL ? &s->krb : NULL,
		                      .peer_name = s->host,
		                      .peer_kind = VERIFY_NODE,
		                      .role = "console"};
		s->chan = chan_new(&o, err);
	}
	if (s->chan == NULL)
		return CLV_FAILED;
	s->line = LINE_HANDSHAKE;
	return CLV_OK;
}

static clv_rc connect_unix(struct clv_session *s, struct clv_err *err)
{
	static const struct timeval patience = {.tv_sec = 2};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	memcpy(sa.sun_path, s->path, strlen(s->path) + 1);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_sys(err, CLV_E_IO, "no socket");
	/* Where many knock at once the socket's queue is full for a moment: it is waited for, not given up.
	 */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(s->fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		return err_sys(err, errno == ENOENT || errno == ECONNREFUSED ? CLV_E_NOTFOUND : CLV_E_IO,
		               "cannot reach the server at %s", s->server);
	if (fd_nonblock(s->fd, err))
		return CLV_FAILED;
	return open_channel(s, err);
}

/* A line that died without a word is noticed within a minute even when nothing is asked. */
static void keep_alive(int fd)
{
	static const int on = 1, idle = 20, every = 10, times = 4;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static clv_rc start_resolving(struct clv_session *s, struct clv_err *err)
{
	struct gaicb *list[1] = {&s->gai};
	s->hints = (struct addrinfo){
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
	s->gai = (struct gaicb){.ar_name = s->address != NULL ? s->address : s->host,
	                        .ar_service = s->port,
	                        .ar_request = &s->hints};
	int rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (rc != 0)
		return err_set(err, CLV_E_IO, "cannot look up %s: %s", s->host, gai_strerror(rc));
	s->resolving = true;
	s->line = LINE_RESOLVING;
	return CLV_OK;
}

static clv_rc connect_tcp(struct clv_session *s, struct clv_err *err)
{
	int rc = gai_error(&s->gai);
	if (rc == EAI_INPROGRESS)
		return CLV_OK;
	s->resolving = false;
	if (rc != 0)
		return err_set(err, CLV_E_NOTFOUND, "cannot find %s: %s", s->host, gai_strerror(rc));
	for (const struct addrinfo *a = s->gai.ar_result; a != NULL; a = a->ai_next) {
		s->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (s->fd < 0)
			continue;
		if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
			keep_alive(s->fd);
			s->line = LINE_CONNECTING;
			return CLV_OK;
		}
		fd_close(&s->fd);
	}
	return err_sys(err, CLV_E_IO, "cannot reach %s", s->server);
}

static clv_rc finish_connect(struct clv_session *s, struct clv_err *err)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int why = 0;
	socklen_t len = sizeof(why);
	if (poll(&p, 1, 0) <= 0)
		return CLV_OK;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why != 0) {
		errno = why;
		return err_sys(err, CLV_E_IO, "cannot reach %s", s->server);
	}
	return open_channel(s, err);
}

/* As long as it takes: a person may have to type a passphrase. */
static clv_rc finish_dialing(struct clv_session *s, struct clv_err *err)
{
	if (s->dialer->ready(s->dialer->ctx, &s->fd, err) != CLV_OK)
		return CLV_FAILED;
	if (s->fd < 0)
		return CLV_OK;
	s->deadline = clock_mono_ms() + SESSION_CONNECT_MS;
	return open_channel(s, err);
}

static clv_rc start(struct clv_session *s, struct clv_err *err)
{
	s->written = 0;
	s->deadline = clock_mono_ms() + SESSION_CONNECT_MS;
	s->retry_at = 0;
	if (s->dialer != NULL) {
		s->line = LINE_DIALING;
		return s->dialer->begin(s->dialer->ctx, err);
	}
	return s->path != NULL ? connect_unix(s, err) : start_resolving(s, err);
}

static void become_open(struct clv_session *s)
{
	const struct chan_desc *d = chan_describe(s->chan);
	if (s->local)
		snprintf(s->channel, sizeof(s->channel), s->path != NULL ? "local" : "local, by ssh");
	else if (d->mech == CHAN_MECH_KERBEROS)
		snprintf(s->channel, sizeof(s->channel), "Kerberos %s", d->cipher);
	else
		snprintf(s->channel, sizeof(s->channel), "certificate %s", d->protocol);
	chan_set_proven(s->chan);
	s->line = LINE_OPEN;
	s->epoch++;
	err_clear(&s->err);
}

/* --- bytes --- */

static clv_rc write_out(struct clv_session *s, struct clv_err *err)
{
	struct clv_buf *b = chan_output(s->chan);
	for (struct clv_slice o = buf_slice(b); o.len > 0; o = buf_slice(b)) {
		ssize_t n = send(s->fd, o.ptr, o.len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return CLV_OK;
		if (n <= 0)
			return err_sys(err, CLV_E_CLOSED, "the line to %s broke", s->server);
		s->written += (uint64_t)n;
		buf_consume(b, (size_t)n);
	}
	return CLV_OK;
}

/* A reply to nobody (a late push, a request given up) is dropped. */
static clv_rc take_reply(struct clv_session *s, uint16_t type, struct clv_slice body, struct clv_err *err)
{
	struct clv_reply *r = NULL;
	if ((type == REP_INTAKE            ? session_take_intake(s, body, &r, err)
	     : type == REP_RECOVERY_REPORT ? session_take_report(s, body, &r, err)
	                                   : decode_reply(type, body, &r, err)) != CLV_OK)
		return CLV_FAILED;
	struct asked *a = session_asked(s, r->req);
	if (r->req == 0 && r->kind == CLV_REPLY_REFUSED) {
		struct clv_text *why = text_new_str(r->text);
		err_set(err, r->code, "%s", text_str(why));
		text_free(why);
		clv_reply_free(r);
		return CLV_FAILED;
	}
	if (a == NULL || a->quiet || s->n_queued >= SESSION_REPLIES_MAX) {
		clv_reply_free(r);
	} else {
		r->is_act = a->act;
		push_reply(s, r);
	}
	if (a == NULL)
		return CLV_OK;
	a->answered = true;
	if (!a->watch || type == REP_REFUSED)
		a->req = 0;
	return CLV_OK;
}

static clv_rc take_frames(struct clv_session *s, struct clv_err *err)
{
	bool have = true;
	uint16_t type = 0;
	struct clv_slice body = {0};
	if (s->line == LINE_HANDSHAKE && chan_state(s->chan) == CHAN_OPEN) {
		if (s->local)
			become_open(s);
		else
			s->line = LINE_PROOF;
	}
	while (have && (s->line == LINE_OPEN || s->line == LINE_PROOF)) {
		if (chan_next(s->chan, &have, &type, &body, err) != CLV_OK)
			return CLV_FAILED;
		if (!have)
			break;
		if (s->line == LINE_OPEN) {
			if (take_reply(s, type, body, err) != CLV_OK)
				return CLV_FAILED;
			continue;
		}
		if (type != REP_SERVER_PROOF)
			return err_set(err, CLV_E_PROTO, "%s did not prove itself first", s->host);
		if (session_check_proof(s, body, err) != CLV_OK)
			return CLV_FAILED;
		become_open(s);
	}
	return CLV_OK;
}

static clv_rc read_in(struct clv_session *s, struct clv_err *err)
{
	uint8_t bytes[65536];
	for (int round = 0; round < 16; round++) { /* a step stays short, whatever the server sends */
		ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return CLV_OK;
		if (n < 0)
			return err_sys(err, CLV_E_CLOSED, "the line to %s broke", s->server);
		if (n == 0)
			return err_set(err, CLV_E_CLOSED, "%s closed the line", s->server);
		if (chan_feed(s->chan, (struct clv_slice){bytes, (size_t)n}, err) != CLV_OK ||
		    take_frames(s, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc check_time(struct clv_session *s, struct clv_err *err)
{
	int64_t now = clock_mono_ms();
	if (s->line == LINE_DIALING)
		return CLV_OK;
	if (s->line != LINE_OPEN)
		return now < s->deadline ? CLV_OK
		                         : err_set(err, CLV_E_TIMEOUT, "%s did not answer in %d s", s->server,
		                                   SESSION_CONNECT_MS / 1000);
	for (size_t i = 0; i < SESSION_ASKED_MAX; i++) {
		const struct asked *a = &s->asked[i];
		if (a->req != 0 && !a->answered && now >= a->deadline)
			return err_set(err, CLV_E_TIMEOUT, "%s did not answer in %d s", s->server,
			               SESSION_ANSWER_MS / 1000);
	}
	return CLV_OK;
}

static clv_rc step(struct clv_session *s, struct clv_err *err)
{
	clv_rc rc = CLV_OK;
	if (s->line == LINE_WAITING && clock_mono_ms() >= s->retry_at)
		rc = start(s, err);
	if (rc == CLV_OK && s->line == LINE_RESOLVING)
		rc = connect_tcp(s, err);
	if (rc == CLV_OK && s->line == LINE_CONNECTING)
		rc = finish_connect(s, err);
	if (rc == CLV_OK && s->line == LINE_DIALING)
		rc = finish_dialing(s, err);
	if (rc == CLV_OK && s->chan != NULL) {
		rc = take_frames(s, err);
		if (rc == CLV_OK)
			rc = write_out(s, err);
		if (rc == CLV_OK)
			rc = read_in(s, err);
		if (rc == CLV_OK && s->ticket != NULL)
			rc = s->ticket->step(s, err);
		if (s->fd >= 0) { /* an alert or what the handshake made: also when it failed */
			struct clv_err later;
			clv_rc out = write_out(s, &later);
			if (rc == CLV_OK && out != CLV_OK) {
				rc = out;
				*err = later;
			}
		}
	}
	if (rc == CLV_OK && s->line != LINE_WAITING)
		rc = check_time(s, err);
	return rc;
}

void clv_session_step(struct clv_session *s)
{
	struct clv_err err = {0};
	assert(s->magic == SESSION_MAGIC);
	if (s->line == LINE_FAILED || step(s, &err) == CLV_OK)
		return;
	s->err = err;
	lose(s);
}

/* --- what a loop asks --- */

int clv_session_fd(const struct clv_session *s)
{
	if (s->line == LINE_DIALING)
		return s->dialer->wait_fd(s->dialer->ctx);
	return s->line == LINE_RESOLVING ? -1 : s->fd;
}

short clv_session_events(const struct clv_session *s)
{
	if (s->line == LINE_DIALING)
		return POLLIN;
	if (s->fd < 0)
		return 0;
	if (s->line == LINE_CONNECTING)
		return POLLOUT;
	return (short)(POLLIN | (s->chan != NULL && buf_slice(chan_output(s->chan)).len > 0 ? POLLOUT : 0));
}

int clv_session_timeout_ms(const struct clv_session *s)
{
	int64_t now = clock_mono_ms(), at = s->deadline;
	if (s->first != NULL) /* a reply waits to be popped */
		return 0;
	if (s->line == LINE_FAILED || s->line == LINE_DIALING)
		return -1;
	if (s->line == LINE_RESOLVING || (s->ticket != NULL && s->ticket->busy(s)))
		return 20; /* the helper thread has no descriptor to poll */
	if (s->line == LINE_WAITING)
		at = s->retry_at;
	if (s->line == LINE_OPEN) {
		at = INT64_MAX;
		for (size_t i = 0; i < SESSION_ASKED_MAX; i++) {
			const struct asked *a = &s->asked[i];
			if (a->req != 0 && !a->answered && a->deadline < at)
				at = a->deadline;
		}
		if (at == INT64_MAX)
			return -1;
	}
	return at <= now ? 0 : (int)(at - now);
}

enum clv_session_state clv_session_state(const struct clv_session *s)
{
	return s->line == LINE_OPEN     ? CLV_SESSION_OPEN
	       : s->line == LINE_FAILED ? CLV_SESSION_FAILED
	                                : CLV_SESSION_CONNECTING;
}

uint32_t clv_session_epoch(const struct clv_session *s)
{
	return s->epoch;
}

const struct clv_err *clv_session_error(const struct clv_session *s)
{
	return &s->err;
}

int64_t clv_session_retry_at_ms(const struct clv_session *s)
{
	return s->line == LINE_WAITING ? s->retry_at : 0;
}

const char *clv_session_server(const struct clv_session *s)
{
	return s->server;
}

const char *clv_session_group_fingerprint(const struct clv_session *s)
{
	return s->shown;
}

const char *clv_session_channel(const struct clv_session *s)
{
	return s->channel;
}

static clv_rc use_certificate(struct clv_session *s, const struct clv_target *target, struct clv_err *err)
{
	struct chan_creds_pem pem = {
	    .ca = target->ca, .cert = target->cert, .key = target->key, .peer_kind_accept = VERIFY_NODE};
	if (target->ca.len == 0 || target->cert.len == 0 || target->key.len == 0)
		return err_set(
		    err, CLV_E_CONFIG,
		    "%s needs ca, cert and key: in claviger.conf, or --ca --cert --key; or none of "
		    "them, for a logon by Kerberos ticket",
		    s->server);
	s->creds = chan_creds_new(&pem, err);
	return s->creds != NULL ? CLV_OK : CLV_FAILED;
}

struct clv_session *clv_session_new(const struct clv_target *target, struct clv_err *err)
{
	struct clv_session *s = clv_calloc(1, sizeof(*s));
	s->magic = SESSION_MAGIC;
	s->fd = -1;
	s->last = &s->first;
	s->server = clv_strdup(target->server != NULL ? target->server : CLV_DEFAULT_SERVER);
	s->dialer = target->dialer;
	s->local = s->dialer != NULL && s->dialer->local;
	if (!s->local && session_parse_address(s, s->server, err) != CLV_OK)
		goto fail;
	s->local = s->local || s->path != NULL;
	if (s->host != NULL) {
		if (target->ticket != NULL && target->ca.len + target->cert.len + target->key.len == 0)
			s->ticket = target->ticket;
		if ((s->ticket != NULL ? s->ticket->init(s, err) : use_certificate(s, target, err)) != CLV_OK)
			goto fail;
	}
	s->pinned = clv_strdup(target->group_fingerprint);
	return s;
fail:
	clv_session_free(s);
	return NULL;
}

void clv_session_free(struct clv_session *s)
{
	if (s == NULL)
		return;
	assert(s->magic == SESSION_MAGIC);
	for (struct clv_reply *r = clv_session_pop(s); r != NULL; r = clv_session_pop(s))
		clv_reply_free(r);
	stop_resolving(s);
	if (s->ticket != NULL)
		s->ticket->drop(s);
	chan_free(s->chan);
	fd_close(&s->fd);
	if (s->dialer != NULL)
		s->dialer->drop(s->dialer->ctx, &s->err);
	chan_creds_free(s->creds);
	clv_free(s->server);
	clv_free(s->path);
	clv_free(s->host);
	clv_free(s->port);
	clv_free(s->address);
	clv_free(s->pinned);
	clv_free(s->shown);
	s->magic = 0;
	clv_free(s);
}
