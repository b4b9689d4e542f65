/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an agent's alerts come from: local callers whom the host's own configuration allows it, by the
 * kernel's word on their descriptor, and events of its own. Each is answered once it is stored. And the empty
 * parcel that an operator asks for. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "model/events.h"
#include "proto/alertask.h"
#include "proto/types.h"
#include "trace/trace.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX  1000u /* alerts of one caller that are not stored yet: it is read no further */
#define IN_MAX       65536u
#define OUT_MAX      (WAITING_MAX * 700u)
#define GROUPS_MAX   64
#define PROBE_AGE_MS (15ll * 60 * 1000)

struct alert_caller {
	struct alert_caller *next;
	uint64_t id;
	int fd;
	uid_t uid;
	uv_poll_t *poll;
	struct clv_buf in, out;
	size_t waiting;
	bool ended; /* it says no more, or said nonsense: closed after the last answer */
};

struct alert_waiter {
	uint64_t caller;
};

static void on_poll(uv_poll_t *h, int status, int events);

static bool listed(const uint32_t *list, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

static bool entitled(const struct core *c, int fd, struct ucred *cred)
{
	const Clv__Start *s = c->start;
	gid_t gids[GROUPS_MAX];
	socklen_t len = sizeof *cred, glen = sizeof gids;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len))
		return false;
	if (cred->uid == 0 || cred->uid == s->owner || listed(s->alert_uids, s->n_alert_uids, cred->uid) ||
	    listed(s->alert_gids, s->n_alert_gids, cred->gid))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &glen))
		return false;
	for (size_t i = 0; i < glen / sizeof gids[0]; i++)
		if (listed(s->alert_gids, s->n_alert_gids, gids[i]))
			return true;
	return false;
}

static void on_closed(uv_handle_t *h)
{
	clv_free(h);
}

static void end_caller(struct core *c, struct alert_caller *k)
{
	struct alert_caller **at = &c->agent->callers;

	while (*at && *at != k)
		at = &(*at)->next;
	if (*at)
		*at = k->next;
	quota_give(&c->agent->n_callers, k->uid);
	uv_close((uv_handle_t *)k->poll, on_closed);
	(void)close(k->fd);
	buf_release(&k->in);
	buf_release(&k->out);
	clv_free(k);
}

/* Writes what there is; false: the caller is gone and was ended. */
static bool flush(struct core *c, struct alert_caller *k)
{
	int events = 0;

	while (buf_slice(&k->out).len) {
		struct iovec v = {(void *)(uintptr_t)buf_slice(&k->out).ptr, buf_slice(&k->out).len};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
		ssize_t n = sendmsg(k->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			end_caller(c, k);
			return false;
		}
		if (n < 0)
			break;
		buf_consume(&k->out, (size_t)n);
	}
	if (k->ended && !k->waiting && !buf_slice(&k->out).len) {
		end_caller(c, k);
		return false;
	}
	events = (k->ended || k->waiting >= WAITING_MAX ? 0 : UV_READABLE) |
	         (buf_slice(&k->out).len ? UV_WRITABLE : 0);
	if (events)
		(void)uv_poll_start(k->poll, events, on_poll);
	else
		(void)uv_poll_stop(k->poll);
	return true;
}

static void refuse(struct alert_caller *k, const char *why)
{
	if (alertask_answer(&k->out, ALERTASK_REFUSED, why, NULL))
		k->ended = true;
}

static void take_alert(struct core *c, struct alert_caller *k, struct clv_slice body)
{
	ProtobufCMessage *m = NULL;
	Clv__Alert *a;
	struct alert_waiter *w;
	struct clv_err err = {0};

	if (proto_decode(&clv__alert__descriptor, body, &m, &err)) {
		refuse(k, err.text);
		k->ended = true;
		return;
	}
	a = (Clv__Alert *)m;
	a->time = clock_wall_ms();
	if (a->sequence || a->lost_from)
		(void)err_set(&err, CLV_E_PROTO, "an alert gets its number here");
	if (err.code || trace_alert_check(a, &err)) {
		refuse(k, err.text);
	} else {
		w = clv_calloc(1, sizeof *w);
		w->caller = k->id;
		k->waiting++;
		agent_put_alert(c, a, w);
	}
	proto_free(m);
}

static void take_all(struct core *c, struct alert_caller *k)
{
	struct clv_slice body;
	struct clv_err err = {0};
	size_t used = 0;
	int got = 0;

	while (!k->ended && k->waiting < WAITING_MAX &&
	       (got = alertask_next(buf_slice(&k->in), ALERTASK_MAX, &body, &used, &err)) == 1) {
		take_alert(c, k, body);
		buf_consume(&k->in, used);
	}
	if (got < 0) {
		refuse(k, err.text);
		k->ended = true;
	}
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct alert_caller *k = h->data;
	struct core *c = h->loop->data;
	uint8_t bytes[16384];
	ssize_t n;

	(void)status;
	if (events & UV_READABLE) {
		n = read(k->fd, bytes, sizeof bytes);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    (n > 0 && buf_put(&k->in, slice_of(bytes, (size_t)n), NULL)))
			k->ended = true;
		else
			take_all(c, k);
	}
	(void)flush(c, k);
}

static struct alert_caller *find(const struct agent *a, uint64_t id)
{
	struct alert_caller *k = a->callers;

	while (k && k->id != id)
		k = k->next;
	return k;
}

void alert_stored(struct core *c, struct alert_waiter *w, uint64_t seq, const struct clv_err *err)
{
	struct alert_caller *k = w ? find(c->agent, w->caller) : NULL;
	char text[128];

	clv_free(w);
	if (!k)
		return;
	k->waiting--;
	(void)snprintf(text, sizeof text, "%" PRIu64, seq);
	if (!seq)
		refuse(k, err ? err->text : "it was not stored");
	else if (alertask_answer(&k->out, ALERTASK_STORED, text, NULL))
		k->ended = true;
	take_all(c, k);
	(void)flush(c, k);
}

void agent_alert_caller(struct core *c, int fd)
{
	struct agent *a = c->agent;
	struct alert_caller *k;
	struct ucred cred = {0, (uid_t)-1, (gid_t)-1};
	bool may = a && a->started && c->mode == 'r' && entitled(c, fd, &cred);

	if (!a || !a->started || !quota_take(&a->n_callers, cred.uid)) {
		(void)close(fd);
		return;
	}
	k = clv_calloc(1, sizeof *k);
	k->id = c->next_id++;
	k->fd = fd;
	k->uid = cred.uid;
	buf_init(&k->in, IN_MAX + 16384);
	buf_init(&k->out, OUT_MAX);
	k->poll = clv_calloc(1, sizeof *k->poll);
	k->poll->data = k;
	c->loop.data = c;
	(void)uv_poll_init(&c->loop, k->poll, fd);
	k->next = a->callers;
	a->callers = k;
	if (!may) {
		log_warn("refused an alert uid=%u pid=%d: neither root, who runs the service, nor in "
		         "alert_users or "
		         "alert_groups",
		         cred.uid, cred.pid);
		refuse(k, "you may not raise alerts here: see alert_users and alert_groups in this host's "
		          "configuration");
		k->ended = true;
	}
	(void)flush(c, k);
}

void agent_event_alert(struct core *c, const struct clv_event_fact *e)
{
	const struct event_alert *row = event_alert(e->id);
	Clv__Alert a = CLV__ALERT__INIT;
	char source[TRACE_SOURCE_MAX];

	if (!row)
		return;
	(void)snprintf(source, sizeof source, "%.40s %u", e->source, e->id);
	a.time = e->time;
	a.severity = row->severity;
	a.name = (char *)(uintptr_t)row->name;
	a.text = e->text;
	a.source = source;
	agent_put_alert(c, &a, NULL);
}

/* --- the path of now --- */
struct probe {
	uint64_t conn;
	struct clv_buf parcel;
};

static void on_probe_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                            const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;
	struct probe *p = ctx;
	struct agent *a = c->agent;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT, *hops[1] = {&st};
	Clv__ParcelFrame f = CLV__PARCEL_FRAME__INIT;

	(void)type;
	a->probing = false;
	if (!m) {
		log_err(LOG_WARN, err, "signing a probe");
	} else if (a->link == AGENT_UP && a->conn == p->conn) {
		st.body = s->body;
		st.signature = s->signature;
		f.parcel = PROTO_BYTES(buf_slice(&p->parcel));
		f.hops = hops;
		f.n_hops = 1;
		core_frame(c, false, a->conn, FRAME_PARCEL, &f.base);
	}
	buf_release(&p->parcel);
	clv_free(p);
}

static void answer_probe(struct core *c, struct clv_slice nonce)
{
	Clv__Parcel m = CLV__PARCEL__INIT;
	Clv__KhHop q = CLV__KH_HOP__INIT;
	Clv__HopLink out = CLV__HOP_LINK__INIT;
	struct probe *p = clv_calloc(1, sizeof *p);

	buf_init(&p->parcel, 1024);
	p->conn = c->agent->conn;
	m.agent = c->start->name;
	m.outbox = PROTO_BYTES(slice_of(c->agent->box.id, OUTBOX_ID_LEN));
	m.probe = PROTO_BYTES(nonce);
	if (proto_encode(&m.base, &p->parcel, NULL))
		clv_fatal("an empty parcel that is too large");
	agent_fill_link(c->agent, &out);
	q.parcel = PROTO_BYTES(buf_slice(&p->parcel));
	q.outgoing = &out;
	q.sent = clock_wall_ms();
	c->agent->probing = true;
	kh_ask(c, IPC_KH_HOP, &q.base, on_probe_signed, p);
}

void agent_on_probe(struct core *c, const Clv__SignedStatement *s)
{
	ProtobufCMessage *m = NULL;
	const Clv__ProbeOrder *o;
	struct clv_err err = {0};
	int64_t age;

	if (statement_open(STATEMENT_PROBE, c->start->group, buf_slice(&c->group_key), PROTO_SLICE(s->body),
	                   PROTO_SLICE(s->signature), &m, &err)) {
		agent_drop_link(c, "an order to probe is not signed by the group");
		return;
	}
	o = (const Clv__ProbeOrder *)m;
	age = clock_wall_ms() - o->time;
	if (strcmp(o->agent, c->start->name) != 0 || o->nonce.len != TRACE_PROBE_LEN || age > PROBE_AGE_MS ||
	    age < -PROBE_AGE_MS)
		log_warn("an order to probe that is old or for somebody else is ignored");
	else if (!agent_is_fenced(c, o->fencing, "an order to probe") && !c->agent->probing)
		answer_probe(c, PROTO_SLICE(o->nonce));
	proto_free(m);
}
