/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network process: gets listeners, certificate files and dialled connections from the parent, speaks
 * with core, runs one libuv loop. net_role_node.c and net_role_console.c say which of the two it is.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "channel/sigprov.h"
#include "claviger/secret.h"
#include "daemon/net.h"
#include "proto/codec.h"
#include <assert.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void end(struct net *n, const struct clv_err *err)
{
	n->status = err->cls == CLV_CLASS_CLOSED ? 0 : 1;
	if (n->status)
		log_err(LOG_ERROR, err, "the network process ends");
	uv_stop(&n->loop);
}

static void pause_peers(struct net *n)
{
	bool behind = n->core && ipc_unsent_bytes(n->core) > NET_CORE_BACKLOG;

	if (behind == n->paused)
		return;
	n->paused = behind;
	net_resume(n);
}

static void on_core(uv_poll_t *h, int status, int events);

static void ask_core(struct net *n)
{
	(void)uv_poll_start(n->core_poll, UV_READABLE | (ipc_unsent(n->core) ? UV_WRITABLE : 0), on_core);
	pause_peers(n);
}

static void on_core_closed(uv_handle_t *h)
{
	clv_free(h);
}

static void drop_core(struct net *n)
{
	if (!n->core)
		return;
	/* The handle outlives this call: libuv gives it back from the loop. */
	uv_close((uv_handle_t *)n->core_poll, on_core_closed);
	n->core_poll = NULL;
	ipc_free(n->core);
	n->core = NULL;
	net_close_all(n, "this server's core is being restarted");
}

void net_tell(struct net *n, enum ipc_type type, const ProtobufCMessage *m)
{
	struct clv_err err = {0};

	if (!n->core)
		return;
	if (ipc_send(n->core, type, m, NULL, 0, &err)) {
		if (err.cls != CLV_CLASS_CLOSED)
			log_err(LOG_ERROR, &err, "telling core");
		return;
	}
	ask_core(n);
}

static clv_rc on_send(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__ConnFrame *m = (const Clv__ConnFrame *)msg;

	(void)fds;
	(void)err;
	net_send(ctx, m->conn, (uint16_t)m->type, PROTO_SLICE(m->body));
	return CLV_OK;
}

static clv_rc on_proven(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__ConnProven *m = (const Clv__ConnProven *)msg;

	(void)fds;
	(void)err;
	net_proven(ctx, m->conn, m->carries);
	return CLV_OK;
}

static clv_rc on_close(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__ConnClose *m = (const Clv__ConnClose *)msg;

	(void)fds;
	(void)err;
	net_close(ctx, m->conn, m->why);
	return CLV_OK;
}

static clv_rc on_adopt(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Adopt *m = (const Clv__Adopt *)msg;
	int fd = fds[0];

	(void)err;
	if (net_role.nodes)
		return err_set(err, CLV_E_PROTO, "consoles are not adopted by net_node");
	fds[0] = -1;
	net_adopt(ctx, m->conn, m->principal, fd);
	return CLV_OK;
}

static const struct ipc_row core_rows[] = {{IPC_CONN_FRAME, on_send},
                                           {IPC_CONN_PROVEN, on_proven},
                                           {IPC_CONN_CLOSE, on_close},
                                           {IPC_ADOPT, on_adopt},
                                           {0, NULL}};

static void on_core(uv_poll_t *h, int status, int events)
{
	struct net *n = h->data;
	struct clv_err err = {0};

	(void)status;
	(void)events;
	if (!n->core)
		return;
	if (ipc_wait(n->core, core_rows, n, 0, &err)) {
		if (err.cls == CLV_CLASS_CLOSED)
			drop_core(n);
		else
			end(n, &err);
		return;
	}
	ask_core(n);
}

static clv_rc on_start(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct net *n = ctx;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&b, IPC_BODY_MAX);
	if (!n->start && !proto_encode(m, &b, err))
		rc =
		    proto_decode(&clv__start__descriptor, buf_slice(&b), (ProtobufCMessage **)&n->start, err);
	buf_release(&b);
	return rc;
}

static clv_rc on_peer(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	const char *name = ((const Clv__Peer *)m)->name;
	struct net *n = ctx;
	int fd = fds[0];

	fds[0] = -1;
	if (strcmp(name, "signer") == 0)
		return net_creds_signer(n, fd, err);
	if (strcmp(name, "core") != 0)
		return net_krb_peer(n, name, fd, err);
	drop_core(n);
	if (ipc_new(fd, "core", &n->core, err))
		return CLV_FAILED;
	n->core_poll = clv_calloc(1, sizeof *n->core_poll);
	(void)uv_poll_init(&n->loop, n->core_poll, ipc_fd(n->core));
	n->core_poll->data = n;
	ask_core(n);
	net_creds_report(n); /* a new core has not heard it yet */
	return CLV_OK;
}

static void on_listener(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	for (size_t i = 0; i < ((struct net *)h->data)->n_listeners; i++)
		if (&((struct net *)h->data)->listeners[i].poll == h)
			net_accept(h->data, (int)i);
}

static clv_rc on_listen(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct net *n = ctx;

	(void)m;
	if (n->n_listeners == NET_LISTENERS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u listeners", NET_LISTENERS_MAX);
	n->listeners[n->n_listeners].fd = fds[0];
	fds[0] = -1;
	(void)uv_poll_init(&n->loop, &n->listeners[n->n_listeners].poll, n->listeners[n->n_listeners].fd);
	n->listeners[n->n_listeners].poll.data = n;
	n->listeners[n->n_listeners].paused = true;
	n->n_listeners++;
	net_listen(n);
	return CLV_OK;
}

/* Nobody is let in before it is known what to show. */
void net_listen(struct net *n)
{
	for (size_t i = 0; n->creds_tried && i < n->n_listeners; i++)
		if (n->listeners[i].paused) {
			n->listeners[i].paused = false;
			(void)uv_poll_start(&n->listeners[i].poll, UV_READABLE, on_listener);
		}
}

static clv_rc on_dialed(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Dialed *m = (const Clv__Dialed *)msg;
	int fd = fds[0];

	(void)err;
	fds[0] = -1;
	net_dialed(ctx, m->conn, m->name, m->address, m->pinned, fd);
	return CLV_OK;
}

static const struct ipc_row parent_rows[] = {{IPC_START, on_start},   {IPC_PEER, on_peer},
                                             {IPC_LISTEN, on_listen}, {IPC_CREDS, net_on_creds},
                                             {IPC_DIALED, on_dialed}, {0, NULL}};

static void on_parent(uv_poll_t *h, int status, int events)
{
	struct net *n = h->data;
	struct clv_err err = {0};

	(void)status;
	(void)events;
	if (ipc_wait(n->parent, parent_rows, n, 0, &err))
		end(n, &err);
}

static void on_sweep(uv_timer_t *t)
{
	struct net *n = t->data;

	net_sweep(n);
	net_creds_sweep(n);
	net_listen(n);
}

static void on_recheck(uv_timer_t *t)
{
	net_recheck(t->data);
}

/* Where the numbers of connections that come in begin. What core still has to do for one of the process
 * before this must not meet another under its number: two starts are 2^24 numbers apart at least, but once in
 * 2^32. The bits from 56 on stay free for what core marks. */
static uint64_t first_id(void)
{
	uint32_t r = 0;

	if (RAND_bytes((unsigned char *)&r, sizeof r) != 1)
		clv_fatal("no random bytes");
	return (uint64_t)r << 24 | 1;
}

static clv_rc prepare(struct net *n, struct clv_err *err)
{
	char rows[64];

	(void)snprintf(rows, sizeof rows, "%s%s", net_role.process, net_krb_rows);
	if (secret_process_init(err) || sandbox_prepare(err) || channel_process_init(err) ||
	    sigprov_init(err) || ipc_new(3, "parent", &n->parent, err))
		return CLV_FAILED;
	if (uv_loop_init(&n->loop))
		return err_set(err, CLV_E_INTERNAL, "libuv does not start");
#ifdef CLV_TEST_BUILD
	sandbox_plant(rows, NULL);
#endif
	n->next_id = first_id();
	while (!n->start)
		if (ipc_wait(n->parent, parent_rows, n, -1, err))
			return CLV_FAILED;
	log_init(net_role.process, n->start->role, 2, (enum log_level)n->start->log_level);
	if (net_krb_prepare(n, err) || sandbox_enter(rows, NULL, n->start->bare, err))
		return CLV_FAILED;
	if (err->code)
		log_err(LOG_WARN, err, "runs bare, as configured");
	err_clear(err);
	return CLV_OK;
}

static void start_loop(struct net *n)
{
	assert(n->start != NULL); /* the parent's first message was read before */
	(void)uv_poll_init(&n->loop, &n->parent_poll, ipc_fd(n->parent));
	n->parent_poll.data = n;
	(void)uv_poll_start(&n->parent_poll, UV_READABLE, on_parent);
	(void)uv_timer_init(&n->loop, &n->sweep);
	n->sweep.data = n;
	(void)uv_timer_start(&n->sweep, on_sweep, NET_SWEEP_MS, NET_SWEEP_MS);
	(void)uv_timer_init(&n->loop, &n->recheck);
	n->recheck.data = n;
	(void)uv_timer_start(&n->recheck, on_recheck, n->start->recheck_ms, n->start->recheck_ms);
}

int main(void)
{
	static struct net n = {.magic = NET_MAGIC};
	struct clv_err err = {0};

	log_init(net_role.process, "", 2, LOG_INFO);
	if (prepare(&n, &err)) {
		log_err(LOG_ERROR, &err, "the network process ends");
		return 1;
	}
	start_loop(&n);
	(void)uv_run(&n.loop, UV_RUN_DEFAULT);
	chan_creds_free(n.creds);
	_exit(n.status);
}
