/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of a network process: bytes between descriptors and channels, frames between channels
 * and core, limits and time-outs (T22 to T24). Nothing of a peer's message is interpreted here beyond
 * its type and size.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/net.h"
#include "proto/codec.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK  16384u
#define NET_STEP_MS 4500 /* a step that took this long was ended for its slowness */

static struct conn **slot_of(struct net *n, uint64_t id)
{
	return &n->slots[(id * 0x9e3779b97f4a7c15ull) >> 52];
}

static struct conn *find(struct net *n, uint64_t id)
{
	for (struct conn *c = *slot_of(n, id); c; c = c->next)
		if (c->id == id && !c->closing)
			return c;
	return NULL;
}

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	fd_close(&c->fd);
	chan_free(c->chan);
	clv_free(c->name);
	clv_free(c);
}

static void report_closed(struct conn *c, enum clv_code code, const char *text)
{
	Clv__ConnClosed m = CLV__CONN_CLOSED__INIT;
	const struct chan_desc *d = c->chan ? chan_describe(c->chan) : NULL;

	m.conn = c->id;
	m.initiator = c->initiator;
	m.was_open = c->open;
	m.code = (uint32_t)code;
	m.text = (char *)(uintptr_t)text;
	m.address = c->address;
	m.failure = d ? (uint32_t)d->failure : 0;
	m.name = c->name ? c->name : (char *)(uintptr_t)(d ? d->peer_name : "");
	net_tell(c->net, IPC_CONN_CLOSED, &m.base);
}

static void flush(struct conn *c)
{
	struct clv_buf *out = chan_output(c->chan);
	struct clv_err err = {0};

	while (buf_slice(out).len) {
		struct clv_slice s = buf_slice(out);
		ssize_t n = send(c->fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_consume(out, (size_t)n);
		if (c->first && net_carry_on(c, &err))
			return; /* the channel is closed: it is seen when its end is read */
	}
}

/* Says why once, sends what the channel still wants to say (an alert), and closes. */
static void drop(struct conn *c, enum clv_code code, const char *text)
{
	struct conn **at = slot_of(c->net, c->id);

	if (c->closing)
		return;
	report_closed(c, code, text);
	c->closing = true;
	if (c->step_ms)
		net_krb_forget(c);
	if (c->chan) {
		uint8_t unread[READ_CHUNK];

		/* Unread bytes would turn the close into a reset that overtakes our last words. */
		flush(c);
		(void)shutdown(c->fd, SHUT_WR);
		while (recv(c->fd, unread, sizeof unread, MSG_DONTWAIT) > 0)
			;
	}
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	c->net->n_conns--;
	if (!c->proven)
		c->net->n_unauth--;
	net_carry_drop(c);
	(void)uv_poll_stop(&c->poll);
	uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void ask_events(struct conn *c);

static void report_open(struct conn *c)
{
	const struct chan_desc *d = chan_describe(c->chan);
	Clv__ConnOpen m = CLV__CONN_OPEN__INIT;

	c->open = true;
	m.conn = c->id;
	m.initiator = c->initiator;
	m.mechanism = (uint32_t)d->mech;
	m.protocol = (char *)(uintptr_t)d->protocol;
	m.cipher = (char *)(uintptr_t)d->cipher;
	m.peer_name = (char *)(uintptr_t)d->peer_name;
	m.peer_role = (char *)(uintptr_t)d->peer_role;
	m.peer_thumbprint = PROTO_BYTES(slice_of(d->peer_thumbprint, sizeof d->peer_thumbprint));
	m.peer_not_after = d->peer_not_after_ms;
	m.t = PROTO_BYTES(slice_of(d->t, sizeof d->t));
	m.fingerprint = PROTO_BYTES(slice_of(d->fingerprint, sizeof d->fingerprint));
	m.principal = (char *)(uintptr_t)d->principal;
	m.weak = d->weak;
	m.address = c->address;
	if (c->net->creds)
		m.own_name = (char *)(uintptr_t)chan_creds_name(c->net->creds);
	net_tell(c->net, IPC_CONN_OPEN, &m.base);
}

static clv_rc forward_frames(struct conn *c, struct clv_err *err)
{
	for (bool ended = false;; ended = true) {
		Clv__ConnFrame m = CLV__CONN_FRAME__INIT;
		struct clv_slice body = {0};
		uint16_t type = 0;
		bool have = false;

		if (chan_next(c->chan, &have, &type, &body, err))
			return CLV_FAILED;
		if (!have) {
			net_frame_looked(c, ended);
			return CLV_OK;
		}
		if (!net_role.permits(type, body.len, c->proven, c->initiator))
			return err_set(err, CLV_E_PROTO,
			               "a message of type 0x%x with %zu bytes that may not come now", type,
			               body.len);
		c->limit_ms = c->proven ? 0 : c->limit_ms;
		m.conn = c->id;
		m.type = type;
		m.body = PROTO_BYTES(body);
		net_tell(c->net, IPC_CONN_FRAME, &m.base);
	}
}

/* What came of feeding the channel, or of a step of its exchange. */
static void advance(struct conn *c, clv_rc rc, struct clv_err *err)
{
	struct chan_step step;

	if (!c->open && chan_state(c->chan) == CHAN_OPEN)
		report_open(c);
	if (rc || (c->open && forward_frames(c, err))) {
		drop(c, err->code, err->text);
		return;
	}
	if (chan_step(c->chan, &step)) {
		c->step_ms = clock_mono_ms();
		if (net_krb_ask(c, &step, err)) {
			net_stepped(c->net, c->id, NULL, err);
			return;
		}
	}
	flush(c);
	ask_events(c);
}

static void take_bytes(struct conn *c, struct clv_slice bytes)
{
	struct clv_err err = {0};
	clv_rc rc = chan_feed(c->chan, bytes, &err);

	advance(c, rc, &err);
}

void net_stepped(struct net *n, uint64_t id, const struct chan_stepped *r, const struct clv_err *failed)
{
	struct conn *c = find(n, id);
	struct clv_err err = failed ? *failed : (struct clv_err){0};
	clv_rc rc = CLV_FAILED;

	if (!c || !c->step_ms)
		return; /* it closed while the step was done */
	c->step_ms = 0;
	if (failed)
		chan_step_failed(c->chan, failed);
	else
		rc = chan_step_done(c->chan, r, &err);
	advance(c, rc, &err);
}

void net_steps_lost(struct net *n, bool initiator)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n->slots[i], *next; c; c = next) {
			struct clv_err err = {0};

			next = c->next;
			if (!c->step_ms || c->initiator != initiator)
				continue;
			(void)err_set(&err, CLV_E_TIMEOUT, "%s",
			              now - c->step_ms >= NET_STEP_MS
			                  ? "no Kerberos ticket: no KDC answered within 5 s"
			                  : "the Kerberos process ended in the middle of the exchange");
			net_stepped(n, c->id, NULL, &err);
		}
}

static void on_readable(struct conn *c)
{
	uint8_t chunk[READ_CHUNK];
	ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n == 0) {
		drop(c, CLV_E_CLOSED,
		     c->open ? "the other end closed" : "the other end closed before it was authenticated");
		return;
	}
	if (n < 0) {
		drop(c, CLV_E_CLOSED, strerror(errno));
		return;
	}
	c->heard_ms = clock_mono_ms();
	net_frame_came(c, (size_t)n);
	take_bytes(c, slice_of(chunk, (size_t)n));
	explicit_bzero(chunk, (size_t)n);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct conn *c = h->data;

	if (status < 0) {
		drop(c, CLV_E_CLOSED, uv_strerror(status));
		return;
	}
	if ((events & UV_WRITABLE) && !c->closing)
		flush(c);
	if ((events & UV_READABLE) && !c->closing)
		on_readable(c);
	if (!c->closing)
		ask_events(c);
}

static void ask_events(struct conn *c)
{
	bool deaf = c->net->paused || (c->net->held && !c->initiator);
	int want = (deaf ? 0 : UV_READABLE) | (buf_slice(chan_output(c->chan)).len ? UV_WRITABLE : 0);

	if (c->closing)
		return;
	net_set_deaf(c, deaf);
	if (want == c->polled)
		return;
	c->polled = want;
	if (want)
		(void)uv_poll_start(&c->poll, want, on_poll);
	else
		(void)uv_poll_stop(&c->poll);
}

static struct conn *add(struct net *n, uint64_t id, int fd, struct chan *chan, const char *address)
{
	struct conn *c = clv_calloc(1, sizeof *c);
	struct conn **slot = slot_of(n, id);
	size_t len = strnlen(address, sizeof c->address - 1);

	c->net = n;
	c->id = id;
	c->fd = fd;
	c->chan = chan;
	memcpy(c->address, address, len);
	c->heard_ms = clock_mono_ms();
	c->limit_ms = c->heard_ms + NET_AUTH_MS;
	c->next = *slot;
	*slot = c;
	n->n_conns++;
	n->n_unauth++;
	(void)uv_poll_init(&n->loop, &c->poll, fd);
	c->poll.data = c;
	return c;
}

static struct chan_opts options(struct net *n, bool initiator, const char *peer)
{
	/* A gateway's is towards its servers: from nodes it takes what it has the means for. */
	bool theirs = !initiator && n->start->relay;

	return (struct chan_opts){
	    .initiator = initiator,
	    .pref = theirs ? CHAN_PREF_AUTO : (enum chan_pref)n->start->mechanism,
	    .creds = n->creds,
	    .krb = net_krb_means(n, initiator),
	    .peer_name = peer,
	    .peer_kind = initiator ? VERIFY_NODE : net_role.accepts,
	    .role = n->start->role,
	};
}

static void describe_peer(struct conn *c, const struct sockaddr_storage *ss)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;

		(void)inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
		memcpy(c->address_key, &v4->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;

		(void)inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
		memcpy(c->address_key, &v6->sin6_addr, 8);
		c->address_key[0] |= 0x01; /* never equal to a padded IPv4 */
	}
	(void)snprintf(c->address, sizeof c->address, "%s", ip);
	for (size_t i = 0; i < c->net->start->n_exempt; i++)
		c->exempt |= strcmp(c->net->start->exempt[i], ip) == 0;
}

/* Unauthenticated connections from one address, IPv6 by /64 (T23). */
static bool too_many(const struct conn *me)
{
	const struct net *n = me->net;
	size_t same = 0;

	if (n->n_unauth > n->start->max_unauth)
		return true;
	if (me->exempt)
		return false;
	for (size_t i = 0; i < NET_SLOTS; i++)
		for (const struct conn *c = n->slots[i]; c; c = c->next)
			same += !c->proven && !c->initiator &&
			        slice_eq(slice_of(c->address_key, 8), slice_of(me->address_key, 8));
	return same > n->start->max_unauth_address;
}

static void admit(struct net *n, int fd, const struct sockaddr_storage *ss)
{
	struct chan_opts o = options(n, false, NULL);
	struct clv_err err = {0};
	int one = 1;
	struct chan *chan;
	struct conn *c;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	chan = o.creds || o.krb ? chan_new(&o, &err) : NULL;
	if (!chan) {
		log_warn("a connection is turned away: %s",
		         o.creds || o.krb ? err.text : "no usable channel certificate yet");
		(void)close(fd);
		return;
	}
	c = add(n, n->next_id++ | 1ull << 63, fd, chan, "");
	describe_peer(c, ss);
	if (too_many(c))
		drop(c, CLV_E_LIMIT, "too many connections that have not authenticated");
	else
		ask_events(c);
}

void net_accept(struct net *n, int listener)
{
	for (int i = 0; i < 64; i++) {
		struct sockaddr_storage ss = {0};
		socklen_t len = sizeof ss;
		int fd = accept4(n->listeners[listener].fd, (struct sockaddr *)&ss, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* T24: back off; the sweep takes it up again. */
			log_warn("no descriptor left for a new connection");
			n->listeners[listener].paused = true;
			(void)uv_poll_stop(&n->listeners[listener].poll);
			return;
		}
		if (fd < 0)
			return;
		admit(n, fd, &ss);
	}
}

static void tell_not_begun(struct net *n, uint64_t id, bool initiator, const char *name, enum clv_code code,
                           const char *text)
{
	Clv__ConnClosed m = CLV__CONN_CLOSED__INIT;

	m.conn = id;
	m.initiator = initiator;
	m.code = code;
	m.text = (char *)(uintptr_t)text;
	m.name = (char *)(uintptr_t)name;
	net_tell(n, IPC_CONN_CLOSED, &m.base);
}

void net_dialed(struct net *n, uint64_t id, const char *name, const char *address, uint32_t pinned, int fd)
{
	struct chan_opts o = options(n, true, name);
	struct clv_err err = {0};
	struct chan *chan;
	struct conn *c;

	/* S2, T15: a server that was proven by its certificate is not tried by less. */
	o.no_krb = pinned == CHAN_MECH_CERTIFICATE && o.pref == CHAN_PREF_AUTO;
	if (fd < 0) {
		tell_not_begun(n, id, true, name, CLV_E_AGAIN, "no descriptor is free for it");
		return;
	}
	chan = o.creds || o.krb ? chan_new(&o, &err) : NULL;
	if (!chan) {
		if (o.creds || o.krb)
			tell_not_begun(n, id, true, name, CLV_E_CONFIG, err.text);
		else if (n->files) /* it waits for the signer */
			tell_not_begun(
			    n, id, true, name, CLV_E_AGAIN,
			    "the channel certificate cannot be used yet: its signer does not answer");
		else
			tell_not_begun(n, id, true, name, CLV_E_CONFIG,
			               "no usable channel certificate: clavigerd check says why");
		(void)close(fd);
		return;
	}
	c = add(n, id, fd, chan, address);
	c->initiator = true;
	c->name = clv_strdup(name);
	flush(c);
	ask_events(c);
}

void net_adopt(struct net *n, uint64_t id, const char *principal, int fd)
{
	struct clv_err err = {0};
	struct chan *chan = NULL;
	struct conn *c;

	if (fd < 0)
		(void)err_set(&err, CLV_E_LIMIT, "no descriptor is free for it");
	else
		chan = chan_new_local(principal, &err);
	if (!chan) {
		log_err(LOG_WARN, &err, "adopting a local console");
		fd_close(&fd);
		tell_not_begun(n, id, false, "", err.code, err.text);
		return;
	}
	c = add(n, id, fd, chan, "local");
	c->local = true;
	/* The kernel named the peer and core handed it over: it is known from its first byte on. */
	net_proven(n, id, false);
	report_open(c);
	ask_events(c);
}

void net_send(struct net *n, uint64_t id, uint16_t type, struct clv_slice body)
{
	struct conn *c = find(n, id);
	struct clv_err err = {0};

	if (!c)
		return; /* it closed while core was speaking; core will hear of it */
	if (net_carry(c, type, body, &err)) {
		drop(c, err.code, err.text);
		return;
	}
	flush(c);
	ask_events(c);
}

void net_proven(struct net *n, uint64_t id, bool carries)
{
	struct conn *c = find(n, id);

	if (c)
		c->carries |= carries;
	if (!c || c->proven)
		return;
	c->proven = true;
	c->limit_ms = 0;
	n->n_unauth--;
	chan_set_proven(c->chan);
}

void net_close(struct net *n, uint64_t id, const char *why)
{
	struct conn *c = find(n, id);

	if (!c)
		return;
	chan_shutdown(c->chan);
	drop(c, CLV_E_NONE, why);
}

void net_close_all(struct net *n, const char *why)
{
	for (size_t i = 0; i < NET_SLOTS; i++)
		while (n->slots[i])
			drop(n->slots[i], CLV_E_NONE, why);
}

static bool ticket_ended(const struct conn *c)
{
	const struct chan_desc *d = chan_describe(c->chan);

	return c->open && d->mech == CHAN_MECH_KERBEROS && clock_wall_ms() >= d->peer_not_after_ms;
}

void net_sweep(struct net *n)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n->slots[i], *next; c; c = next) {
			const char *why = net_overdue(c, now);

			next = c->next;
			if (why)
				drop(c, CLV_E_TIMEOUT, why);
			else if (ticket_ended(c))
				drop(c, CLV_E_AUTH, "its Kerberos ticket has ended");
		}
}

static bool can_recheck(const struct conn *c)
{
	return c->net->creds || chan_describe(c->chan)->mech == CHAN_MECH_KERBEROS;
}

/* T26: identities are looked at again, hourly and whenever the files changed. */
void net_recheck(struct net *n)
{
	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n->slots[i], *next; c; c = next) {
			struct clv_err err = {0};

			next = c->next;
			if (c->open && !c->local && can_recheck(c) && chan_recheck(c->chan, n->creds, &err))
				drop(c, err.code, err.text);
		}
}

void net_resume(struct net *n)
{
	for (size_t i = 0; i < NET_SLOTS; i++)
		for (struct conn *c = n->slots[i]; c; c = c->next)
			ask_events(c);
}
