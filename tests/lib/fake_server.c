/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for the console's tests: facts in memory, the real filter and sort, the real protocol.
 */
#include "tests/lib/fake_alerts.h"
#include "tests/lib/fake_server.h"

#include "base/clock.h"
#include "channel/channel.h"
#include "console.pb-c.h"
#include "model/filter.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "tests/lib/drawn.h"
#include "tests/lib/fake_encode.h"
#include "tests/lib/fake_list.h"
#include "tests/lib/fake_look.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS_MAX 8
#define WATCH_KINDS 0x10

struct watch {
	uint16_t type;
	uint64_t req;
	struct clv_buf body; /* of the request */
	struct clv_buf last; /* of the reply */
};

struct client {
	int fd;
	struct chan *chan;
	struct watch watches[WATCH_KINDS];
};

static struct {
	const struct fake_opts *o;
	int64_t started;
	struct clv_agent_fact *agents;
	size_t n_agents;
	struct clv_pending_fact *pending;
	size_t n_pending;
	struct clv_event_fact *events;
	size_t n_events;
	struct clv_whoami_fact *who;
	int64_t *step_at; /* per agent: next state of its rotation */
	struct client clients[CLIENTS_MAX];
} S;

static int64_t now(void)
{
	return DRAWN_NOW + clock_mono_ms() - S.started;
}

static void send_frame(struct client *c, uint16_t type, const struct clv_buf *b)
{
	struct clv_err err;
	if (chan_send(c->chan, type, buf_slice(b), &err) != CLV_OK)
		fprintf(stderr, "fake server: %s\n", err.text);
}

static void flush(struct client *c)
{
	struct clv_buf *b = chan_output(c->chan);
	struct clv_slice s = buf_slice(b);
	ssize_t n = s.len > 0 ? send(c->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (n > 0)
		buf_consume(b, (size_t)n);
}

static void refuse(struct client *c, uint64_t req, enum clv_code code, const char *text)
{
	struct clv_buf b;
	buf_init(&b, CHAN_FRAME_MAX);
	fake_encode_refused(&b, req, code, text, 18205);
	send_frame(c, REP_REFUSED, &b);
	buf_release(&b);
}

static uint16_t answer_list(uint16_t type, const Clv__ListRequest *m, struct clv_buf *out)
{
	struct fake_source src = {.agents = S.agents,
	                          .n_agents = S.n_agents,
	                          .pending = S.pending,
	                          .n_pending = S.n_pending,
	                          .events = S.events,
	                          .n_events = S.n_events,
	                          .now = now()};
	return fake_answer_list(&src, type, m, out);
}

/* --- one agent, overview --- */

static struct clv_agent_fact *agent_by_name(const char *name)
{
	for (size_t i = 0; i < S.n_agents; i++) {
		size_t len = strlen(name);
		if (strcmp(S.agents[i].name, name) == 0 ||
		    (strncmp(S.agents[i].name, name, len) == 0 && S.agents[i].name[len] == '.'))
			return &S.agents[i];
	}
	return NULL;
}

static uint16_t answer_agent(const Clv__AgentRequest *m, struct clv_buf *out)
{
	const struct clv_agent_fact *a = agent_by_name(m->name);
	if (a == NULL) {
		fake_encode_refused(out, m->req, CLV_E_NOTFOUND, "no agent has that name", 0);
		return REP_REFUSED;
	}
	struct clv_agent_detail *d = drawn_detail();
	facts_agent_release(&d->agent);
	d->agent = *a;
	d->keys[0] = a->key;
	fake_encode_detail(out, m->req, now(), d);
	d->agent = (struct clv_agent_fact){0};
	d->keys[0] = (struct clv_key_fact){0};
	facts_agent_detail_free(d);
	return REP_AGENT;
}

static uint16_t answer_overview(const Clv__OverviewRequest *m, struct clv_buf *out)
{
	struct clv_overview_fact *o = S.n_agents > 0 ? drawn_overview() : drawn_first_run();
	o->time = now();
	o->pending = (uint32_t)S.n_pending;
	fake_look_asides(o);
	fake_encode_overview(out, m->req, o);
	facts_overview_free(o);
	return REP_OVERVIEW;
}

/* --- acts --- */

static void remove_pending(size_t i)
{
	struct clv_pending_fact *one = clv_calloc(1, sizeof(*one));
	*one = S.pending[i];
	facts_pending_free(one, 1);
	memmove(&S.pending[i], &S.pending[i + 1], (S.n_pending - i - 1) * sizeof(*S.pending));
	S.n_pending--;
}

static void add_agent(const char *name)
{
	struct clv_agent_fact *fresh = drawn_agents(4);
	S.agents = clv_realloc(S.agents, S.n_agents + 1, sizeof(*S.agents));
	S.step_at = clv_realloc(S.step_at, S.n_agents + 1, sizeof(*S.step_at));
	S.step_at[S.n_agents] = 0;
	S.agents[S.n_agents] = fresh[3];
	fresh[3] = (struct clv_agent_fact){0};
	facts_agents_free(fresh, 4);
	clv_free(S.agents[S.n_agents].name);
	S.agents[S.n_agents++].name = clv_strdup(name);
}

static bool may(struct client *c, uint64_t req, enum clv_role role)
{
	if (S.who->role >= role)
		return true;
	refuse(c, req, CLV_E_DENIED, "this needs another role");
	return false;
}

static void done(struct client *c, uint64_t req, const char *text)
{
	struct clv_buf b;
	buf_init(&b, 4096);
	fake_encode_done(&b, req, text);
	send_frame(c, REP_DONE, &b);
	buf_release(&b);
}

static void do_approve(struct client *c, const Clv__ApproveRequest *m)
{
	if (!may(c, m->req, CLV_ROLE_OPERATOR))
		return;
	for (size_t i = 0; i < S.n_pending; i++) {
		if ((S.pending[i].id != m->pending_id && strcmp(S.pending[i].name, m->name) != 0) ||
		    strcmp(S.pending[i].role, "management-server") == 0)
			continue;
		char digits[65] = "";
		size_t n = 0;
		for (const char *p = m->fingerprint; *p != '\0' && n < 64; p++) {
			if (*p != ' ' && *p != ':')
				digits[n++] = *p;
		}
		if (strncasecmp(digits, FAKE_DIGITS, 12) != 0) {
			refuse(c, m->req, CLV_E_AUTH,
			       "the digits are not those of this node: nothing was accepted");
			return;
		}
		add_agent(S.pending[i].name);
		char *text = clv_asprintf("%s is accepted.", S.pending[i].name);
		remove_pending(i);
		done(c, m->req, text);
		clv_free(text);
		return;
	}
	refuse(c, m->req, CLV_E_NOTFOUND, "nobody by that name waits");
}

static void do_reject(struct client *c, const Clv__RejectRequest *m)
{
	if (!may(c, m->req, CLV_ROLE_OPERATOR))
		return;
	for (size_t i = 0; i < S.n_pending; i++) {
		if (S.pending[i].id == m->pending_id || strcmp(S.pending[i].name, m->name) == 0) {
			remove_pending(i);
			done(c, m->req, "Declined.");
			return;
		}
	}
	refuse(c, m->req, CLV_E_NOTFOUND, "nobody by that name waits");
}

static void do_rotate(struct client *c, const Clv__RotateRequest *m)
{
	struct clv_agent_fact *a = agent_by_name(m->name);
	if (!may(c, m->req, CLV_ROLE_OPERATOR))
		return;
	if (a == NULL || (m->row_version != 0 && m->row_version != a->row_version)) {
		refuse(c, m->req, a == NULL ? CLV_E_NOTFOUND : CLV_E_CONFLICT,
		       a == NULL ? "no agent has that name" : "it changed meanwhile");
		return;
	}
	a->key.generation++;
	a->key.ordinal++;
	a->key.state = CLV_KEY_MADE;
	a->key.made = now();
	a->row_version++;
	S.step_at[a - S.agents] = clock_mono_ms() + (S.o->step_ms > 0 ? S.o->step_ms : 100);
	done(c, m->req, "Asked.");
}

static void do_move(struct client *c, const Clv__MoveRequest *m)
{
	struct clv_agent_fact *a = agent_by_name(m->name);
	if (!may(c, m->req, CLV_ROLE_OPERATOR))
		return;
	if (a == NULL) {
		refuse(c, m->req, CLV_E_NOTFOUND, "no agent has that name");
		return;
	}
	clv_free(a->gateway);
	a->gateway = clv_strdup(m->to);
	a->row_version++;
	done(c, m->req, "Moved.");
}

static void do_remove(struct client *c, const Clv__RemoveRequest *m)
{
	struct clv_agent_fact *a = agent_by_name(m->name);
	if (!may(c, m->req, CLV_ROLE_ADMINISTRATOR))
		return;
	if (a == NULL) {
		refuse(c, m->req, CLV_E_NOTFOUND, "no agent has that name");
		return;
	}
	facts_agent_release(a);
	*a = S.agents[--S.n_agents];
	done(c, m->req, "Removed.");
}

/* --- dispatch --- */

static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *body;
} bodies[] = {
    {REQ_WHOAMI, &clv__whoami_request__descriptor},   {REQ_OVERVIEW, &clv__overview_request__descriptor},
    {REQ_AGENTS, &clv__list_request__descriptor},     {REQ_AGENT, &clv__agent_request__descriptor},
    {REQ_EVENTS, &clv__list_request__descriptor},     {REQ_PENDING, &clv__list_request__descriptor},
    {REQ_UNWATCH, &clv__unwatch_request__descriptor}, {REQ_APPROVE, &clv__approve_request__descriptor},
    {REQ_REJECT, &clv__reject_request__descriptor},   {REQ_ROTATE, &clv__rotate_request__descriptor},
    {REQ_REMOVE, &clv__remove_request__descriptor},   {REQ_MOVE, &clv__move_request__descriptor},
};

static const ProtobufCMessageDescriptor *body_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (bodies[i].type == type)
			return bodies[i].body;
	}
	if (fake_alerts_body(type) != NULL)
		return fake_alerts_body(type);
	return fake_look_body(type) != NULL ? fake_look_body(type) : fake_runas_body(type);
}

static uint16_t answer_query(uint16_t type, const ProtobufCMessage *m, struct clv_buf *out, bool *watch,
                             uint64_t *req)
{
	if (fake_alerts_body(type) != NULL)
		return fake_alerts_query(type, m, out, watch, req);
	if (fake_look_body(type) != NULL)
		return fake_look_query(type, m, out, watch, req);
	if (fake_runas_body(type) != NULL)
		return fake_runas_query(type, m, now(), out, watch, req);
	switch (type) {
	case REQ_OVERVIEW:
		*watch = ((const Clv__OverviewRequest *)m)->watch;
		*req = ((const Clv__OverviewRequest *)m)->req;
		return answer_overview((const Clv__OverviewRequest *)m, out);
	case REQ_AGENT:
		*watch = ((const Clv__AgentRequest *)m)->watch;
		*req = ((const Clv__AgentRequest *)m)->req;
		return answer_agent((const Clv__AgentRequest *)m, out);
	default:
		*watch = ((const Clv__ListRequest *)m)->watch;
		*req = ((const Clv__ListRequest *)m)->req;
		return answer_list(type, (const Clv__ListRequest *)m, out);
	}
}

static void query(struct client *c, uint16_t type, const ProtobufCMessage *m, struct clv_slice body)
{
	struct clv_buf b;
	bool watch = false;
	uint64_t req = 0;
	buf_init(&b, CHAN_FRAME_MAX);
	uint16_t rep = answer_query(type, m, &b, &watch, &req);
	send_frame(c, rep, &b);
	struct watch *w = &c->watches[type & 15];
	if (watch && rep != REP_REFUSED) {
		buf_release(&w->body);
		buf_init(&w->body, CLV_REQUEST_MAX);
		*w = (struct watch){.type = type, .req = req, .body = w->body};
		if (buf_put(&w->body, body, NULL) != CLV_OK)
			abort();
	}
	buf_release(&b);
}

static bool changed; /* since the watches were looked at */

static void handle(struct client *c, uint16_t type, struct clv_slice body)
{
	ProtobufCMessage *m = NULL;
	struct clv_err err;
	struct clv_buf b;
	const ProtobufCMessageDescriptor *d = body_of(type);
	if (d != NULL && proto_decode(d, body, &m, &err) != CLV_OK)
		abort();
	if (m == NULL) {
		refuse(c, 0, CLV_E_PROTO, "the fake server does not know this request");
		return;
	}
	changed = changed || (type >= REQ_APPROVE && type < REQ_ALERTS) || type == REQ_CLAIM;
	if (S.o->apart_ms > 0 && (type == REQ_CLAIM || type == REQ_INTAKE || type == REQ_AGENTS)) {
		flush(c);
		(void)usleep((useconds_t)S.o->apart_ms * 1000);
	}
	buf_init(&b, CHAN_FRAME_MAX);
	if (fake_alerts_body(type) != NULL || fake_look_body(type) != NULL) {
		query(c, type, m, body);
		goto out;
	}
	if ((type >= REQ_INTAKE && type <= REQ_RECOVERY_REPORT) || type >= REQ_ACCOUNT_PUT) {
		uint16_t rep = fake_runas_act(type, m, now(), S.who->role, &b);
		if (rep != 0)
			send_frame(c, rep, &b);
		goto out;
	}
	switch (type) {
	case REQ_WHOAMI:
		fake_encode_whoami(&b, ((Clv__WhoamiRequest *)m)->req, S.who);
		send_frame(c, REP_WHOAMI, &b);
		break;
	case REQ_UNWATCH:
		for (size_t i = 0; i < WATCH_KINDS; i++) {
			if (c->watches[i].req == ((Clv__UnwatchRequest *)m)->watched)
				c->watches[i].req = 0;
		}
		done(c, ((Clv__UnwatchRequest *)m)->req, "");
		break;
	case REQ_APPROVE:
		do_approve(c, (Clv__ApproveRequest *)m);
		break;
	case REQ_REJECT:
		do_reject(c, (Clv__RejectRequest *)m);
		break;
	case REQ_ROTATE:
		do_rotate(c, (Clv__RotateRequest *)m);
		break;
	case REQ_MOVE:
		do_move(c, (Clv__MoveRequest *)m);
		break;
	case REQ_REMOVE:
		do_remove(c, (Clv__RemoveRequest *)m);
		break;
	default:
		query(c, type, m, body);
	}
out:
	buf_release(&b);
	proto_free(m);
}

static void push_watches(void)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		for (size_t k = 0; S.clients[i].chan != NULL && k < WATCH_KINDS; k++) {
			struct watch *w = &S.clients[i].watches[k];
			ProtobufCMessage *m = NULL;
			bool watch;
			uint64_t req;
			if (w->req == 0)
				continue;
			struct clv_buf b;
			buf_init(&b, CHAN_FRAME_MAX);
			if (proto_decode(body_of(w->type), buf_slice(&w->body), &m, NULL) != CLV_OK)
				abort();
			uint16_t rep = answer_query(w->type, m, &b, &watch, &req);
			send_frame(&S.clients[i], rep, &b);
			proto_free(m);
			buf_release(&b);
		}
	}
}

/* Rotations: made, published, stored, in use, confirmed. */
static int step_rotations(void)
{
	int64_t t = clock_mono_ms();
	int wait = -1;
	for (size_t i = 0; i < S.n_agents; i++) {
		if (S.step_at[i] == 0)
			continue;
		if (t < S.step_at[i]) {
			int left = (int)(S.step_at[i] - t);
			wait = wait < 0 || left < wait ? left : wait;
			continue;
		}
		struct clv_key_fact *k = &S.agents[i].key;
		k->state = (enum clv_key_state)(k->state + 1);
		*(k->state == CLV_KEY_PUBLISHED ? &k->published
		  : k->state == CLV_KEY_STORED  ? &k->stored
		  : k->state == CLV_KEY_IN_USE  ? &k->in_use
		                                : &k->confirmed) = now();
		S.step_at[i] =
		    k->state == CLV_KEY_CONFIRMED ? 0 : t + (S.o->step_ms > 0 ? S.o->step_ms : 100);
		if (S.step_at[i] != 0)
			wait = 1;
		changed = true;
	}
	return wait;
}

static void drop(struct client *c)
{
	close(c->fd);
	chan_free(c->chan);
	for (size_t k = 0; k < WATCH_KINDS; k++)
		buf_release(&c->watches[k].body);
	*c = (struct client){.fd = -1};
}

static void serve(struct client *c, short revents)
{
	uint8_t bytes[65536];
	struct clv_err err;
	bool have = true;
	uint16_t type;
	struct clv_slice body;
	if ((revents & (POLLIN | POLLHUP)) != 0) {
		ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			drop(c);
			return;
		}
		if (n > 0 && chan_feed(c->chan, (struct clv_slice){bytes, (size_t)n}, &err) != CLV_OK)
			abort();
	}
	while (have && chan_next(c->chan, &have, &type, &body, &err) == CLV_OK && have)
		handle(c, type, body);
}

static void accept_one(int fd)
{
	int c = accept(fd, NULL, NULL);
	for (size_t i = 0; c >= 0 && i < CLIENTS_MAX; i++) {
		if (S.clients[i].chan != NULL)
			continue;
		S.clients[i] = (struct client){.fd = c, .chan = chan_new_local("tests", NULL)};
		chan_set_proven(S.clients[i].chan);
		return;
	}
	close(c);
}

static void fill(const struct fake_opts *o)
{
	S.o = o;
	S.started = clock_mono_ms();
	S.n_agents = o->n_agents;
	S.agents = drawn_agents(o->n_agents);
	S.pending = drawn_pending(&S.n_pending);
	if (o->joins != NULL)
		drawn_joining(&S.pending, &S.n_pending, o->joins);
	fake_runas_fill(&o->runas);
	S.n_events = 40;
	S.events = drawn_events(40);
	S.who = drawn_whoami();
	S.who->role = o->role != CLV_ROLE_NONE ? o->role : CLV_ROLE_ADMINISTRATOR;
	S.step_at = clv_calloc(S.n_agents + 1, sizeof(*S.step_at));
	for (size_t i = 0; i < o->n_hostile; i++) {
		add_agent(o->hostile[i]);
		struct clv_event_fact *e = &S.events[i % 40];
		clv_free(e->text);
		e->text = clv_strdup(o->hostile[i]);
		clv_free(e->node);
		e->node = clv_strdup(o->hostile[i]);
	}
}

static int listen_on(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 16) != 0)
		return -1;
	return fd;
}

int fake_server_run(const struct fake_opts *o, int ready_fd)
{
	int fd = listen_on(o->path);
	if (fd < 0)
		return 1;
	fill(o);
	if (ready_fd >= 0 && write(ready_fd, "r", 1) != 1)
		return 1;
	for (;;) {
		struct pollfd p[CLIENTS_MAX + 1] = {{.fd = fd, .events = POLLIN}};
		int wait = step_rotations();
		if (changed)
			push_watches();
		changed = false;
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			struct client *c = &S.clients[i];
			if (c->chan != NULL)
				flush(c);
			p[i + 1] = (struct pollfd){
			    .fd = c->chan != NULL ? c->fd : -1,
			    .events =
			        (short)(POLLIN |
			                (c->chan != NULL && buf_slice(chan_output(c->chan)).len > 0 ? POLLOUT
			                                                                            : 0))};
		}
		if (poll(p, CLIENTS_MAX + 1, wait) < 0 && errno != EINTR)
			return 1;
		if ((p[0].revents & POLLIN) != 0)
			accept_one(fd);
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (S.clients[i].chan != NULL && p[i + 1].revents != 0)
				serve(&S.clients[i], p[i + 1].revents);
		}
	}
}

pid_t fake_server_start(const struct fake_opts *o)
{
	int ready[2];
	char c;
	if (pipe(ready) != 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		_exit(fake_server_run(o, ready[1]));
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		abort();
	close(ready[0]);
	return pid;
}

void fake_server_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
