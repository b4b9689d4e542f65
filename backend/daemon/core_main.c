/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's process: its four socket pairs, its loop, its database thread; hands what happens to the role
 * (core_server*.c or core_agent*.c). One thread and one loop, beside the database thread.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "claviger/secret.h"
#include "daemon/core.h"
#include "model/events.h"
#include "store/outbox.h"
#include "store/store.h"
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEYHOLDER_BACKLOG (4u * 1024u * 1024u) /* beyond it nothing is taken from net_node */

static const char *const link_names[CORE_LINKS] = {"parent", "net_node", "net_console", "keyholder"};
static void on_poll(uv_poll_t *h, int status, int events);

static void ask_poll(struct core_link *l)
{
	bool deaf = l->id == LINK_NODE && l->core->behind;

	if (l->ipc)
		(void)uv_poll_start(
		    l->poll, (deaf ? 0 : UV_READABLE) | (ipc_unsent(l->ipc) ? UV_WRITABLE : 0), on_poll);
}

/* What nodes say makes work for the key holder: while that is behind, it stays with them. */
static void look_behind(struct core *c)
{
	const struct ipc *k = c->links[LINK_KEYHOLDER].ipc;
	bool behind = k && ipc_unsent_bytes(k) > KEYHOLDER_BACKLOG;

	if (behind == c->behind)
		return;
	c->behind = behind;
	ask_poll(&c->links[LINK_NODE]);
}

static void on_handle_closed(uv_handle_t *h)
{
	clv_free(h);
}

static void drop_link(struct core_link *l)
{
	if (!l->ipc)
		return;
	uv_close((uv_handle_t *)l->poll, on_handle_closed);
	l->poll = NULL;
	ipc_free(l->ipc);
	l->ipc = NULL;
	look_behind(l->core);
}

static void set_link(struct core_link *l, struct ipc *ipc)
{
	drop_link(l);
	l->ipc = ipc;
	l->poll = clv_calloc(1, sizeof *l->poll);
	(void)uv_poll_init(&l->core->loop, l->poll, ipc_fd(ipc));
	l->poll->data = l;
	ask_poll(l);
}

/* A broken socket is noticed by its poll, which also fails what was waiting. */
static clv_rc send_to(struct core_link *l, enum ipc_type type, const ProtobufCMessage *m, int fd,
                      struct clv_err *err)
{
	clv_rc rc = ipc_send(l->ipc, type, m, &fd, fd >= 0 ? 1 : 0, err);

	ask_poll(l);
	look_behind(l->core);
	return rc && err->cls != CLV_CLASS_CLOSED ? CLV_FAILED : CLV_OK;
}

void core_send_fd(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m,
                  int fd)
{
	struct core_link *l = &c->links[link];
	struct clv_err err = {0};

	if (!l->ipc) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	if (send_to(l, type, m, fd, &err))
		log_err(LOG_ERROR, &err, "telling a sibling");
}

clv_rc core_try_send(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m,
                     struct clv_err *err)
{
	return send_to(&c->links[link], type, m, -1, err);
}

void core_send(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m)
{
	core_send_fd(c, link, type, m, -1);
}

void core_frame_bytes(struct core *c, bool console, uint64_t conn, uint16_t type, struct clv_slice body)
{
	Clv__ConnFrame f = CLV__CONN_FRAME__INIT;

	if (!console && core_is_relayed(conn)) {
		c->role->relay_frame(c, conn, type, body);
		return;
	}
	f.conn = conn;
	f.type = type;
	f.body = PROTO_BYTES(body);
	core_send(c, console ? LINK_CONSOLE : LINK_NODE, IPC_CONN_FRAME, &f.base);
}

void core_frame(struct core *c, bool console, uint64_t conn, uint16_t type, const ProtobufCMessage *m)
{
	struct clv_buf b;
	struct clv_err err = {0};

	buf_init(&b, IPC_BODY_MAX);
	if (proto_encode(m, &b, &err))
		log_err(LOG_ERROR, &err, "a message that is too large");
	else
		core_frame_bytes(c, console, conn, type, buf_slice(&b));
	buf_release(&b);
}

void core_conn_close(struct core *c, bool console, uint64_t conn, const char *why)
{
	Clv__ConnClose m = CLV__CONN_CLOSE__INIT;

	if (!console && core_is_relayed(conn)) {
		c->role->relay_close(c, conn, why);
		return;
	}
	m.conn = conn;
	m.why = (char *)(uintptr_t)why;
	core_send(c, console ? LINK_CONSOLE : LINK_NODE, IPC_CONN_CLOSE, &m.base);
}

void core_conn_carries(struct core *c, uint64_t conn)
{
	Clv__ConnProven m = CLV__CONN_PROVEN__INIT;

	m.conn = conn;
	m.carries = true;
	if (!core_is_relayed(conn))
		core_send(c, LINK_NODE, IPC_CONN_PROVEN, &m.base);
}

void core_conn_proven(struct core *c, bool console, uint64_t conn)
{
	Clv__ConnProven m = CLV__CONN_PROVEN__INIT;

	if (!console && core_is_relayed(conn))
		return; /* the gateway sees the welcome */
	m.conn = conn;
	core_send(c, console ? LINK_CONSOLE : LINK_NODE, IPC_CONN_PROVEN, &m.base);
}

void core_outcome(struct core *c, uint32_t status, const char *fmt, ...)
{
	Clv__Outcome m = CLV__OUTCOME__INIT;
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	m.status = status;
	m.text = text;
	core_send(c, LINK_PARENT, IPC_OUTCOME, &m.base);
}

static void event(struct core *c, const char *node, uint32_t id, const char *fmt, va_list ap)
{
	static const char events[] = "event";
	const struct event_row *row = event_row(id);
	char text[1024];
	struct clv_event_fact e = {
	    .time = clock_wall_ms(), .node = (char *)(uintptr_t)node, .id = id, .text = text};

	(void)vsnprintf(text, sizeof text, fmt, ap);
	e.source = (char *)(uintptr_t)(row ? row->source : "HealthService");
	e.level = row ? row->level : CLV_LEVEL_ERROR;
	e.category = (char *)(uintptr_t)(row ? row->category : "Health Service");
	/* A place of its own for each number: many of one kind do not silence another. */
	log_write_(LOG_NOTICE, events, (int)id, "event %u: %s", id, text);
	c->role->event(c, &e);
}

void core_event(struct core *c, uint32_t id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event(c, c->start->name, id, fmt, ap);
	va_end(ap);
}

void core_event_of(struct core *c, const char *node, uint32_t id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event(c, node, id, fmt, ap);
	va_end(ap);
}

static void put_buf(struct clv_buf *b, ProtobufCBinaryData d)
{
	buf_clear(b);
	if (buf_put(b, PROTO_SLICE(d), NULL))
		clv_fatal("a key that is larger than it may be");
}

void core_info_done(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err)
{
	const Clv__KhInfo *i = (const Clv__KhInfo *)m;

	(void)ctx;
	(void)type;
	if (!m) {
		if (err->cls != CLV_CLASS_CLOSED) /* it is asked again when it is back */
			log_err(LOG_WARN, err, "asking the key holder who we are");
		return;
	}
	put_buf(&c->node_key, i->node_key);
	put_buf(&c->group_key, i->group_key);
	put_buf(&c->group_cert, i->group_certificate);
	put_buf(&c->recovery_hash, i->recovery_key_hash);
	put_buf(&c->machine, i->machine);
	put_buf(&c->succession, i->succession);
	put_buf(&c->succession_sig, i->succession_signature);
	put_buf(&c->recovery_key, i->recovery_key);
	c->epoch = i->epoch;
	c->master_ends = i->master_ends;
	c->group_secret = i->has_group_secret;
	c->group_key_version = i->group_key_version;
	c->role->ready(c, i);
	c->ready = true;
}

static clv_rc on_peer(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Peer *m = (const Clv__Peer *)msg;
	struct core *c = ctx;

	for (size_t i = LINK_NODE; i < CORE_LINKS; i++) {
		struct ipc *ipc = NULL;
		int fd = fds[0];

		if (strcmp(m->name, link_names[i]) != 0)
			continue;
		fds[0] = -1;
		if (ipc_new(fd, link_names[i], &ipc, err))
			return CLV_FAILED;
		if (c->links[i].ipc)
			c->role->link_lost(c, (enum core_link_id)i);
		set_link(&c->links[i], ipc);
		if (i == LINK_KEYHOLDER) {
			Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

			kh_lost(c);
			kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
		}
		return CLV_OK;
	}
	return err_set(err, CLV_E_PROTO, "an unknown sibling");
}

static clv_rc on_local_console(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct core *c = ctx;
	int fd = fds[0];

	(void)m;
	if (!c->role->local_console)
		return err_set(err, CLV_E_PROTO, "an agent has no console");
	fds[0] = -1;
	if (fd >= 0) /* else no descriptor was free for it here: it is closed already */
		c->role->local_console(c, fd);
	return CLV_OK;
}

static clv_rc on_child_died(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__ChildDied *m = (const Clv__ChildDied *)msg;

	(void)fds;
	(void)err;
	core_event(ctx, 2003, "The process %s %s; it was started again.", m->name, m->how);
	return CLV_OK;
}

static clv_rc on_dial_failed(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct core *c = ctx;

	(void)fds;
	(void)err;
	if (c->role->dial_failed)
		c->role->dial_failed(c, (const Clv__DialFailed *)msg);
	return CLV_OK;
}

static clv_rc on_check_done(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct core *c = ctx;

	(void)fds;
	(void)err;
	if (c->role->check_done)
		c->role->check_done(c, (const Clv__CheckDone *)msg);
	return CLV_OK;
}

static clv_rc on_alert_caller(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct core *c = ctx;
	int fd = fds[0];

	(void)m;
	if (!c->role->alert_caller)
		return err_set(err, CLV_E_PROTO, "a server takes no alerts of local callers");
	fds[0] = -1;
	if (fd >= 0)
		c->role->alert_caller(c, fd);
	return CLV_OK;
}

static clv_rc on_start(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct core *c = ctx;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&b, IPC_BODY_MAX);
	if (!c->start && !proto_encode(m, &b, err))
		rc =
		    proto_decode(&clv__start__descriptor, buf_slice(&b), (ProtobufCMessage **)&c->start, err);
	buf_release(&b);
	return rc;
}

static const struct ipc_row start_rows[] = {{IPC_START, on_start}, {0, NULL}};
static const struct ipc_row parent_rows[] = {{IPC_PEER, on_peer},
                                             {IPC_LOCAL_CONSOLE, on_local_console},
                                             {IPC_CHILD_DIED, on_child_died},
                                             {IPC_DIAL_FAILED, on_dial_failed},
                                             {IPC_CHECK_DONE, on_check_done},
                                             {IPC_ALERT_CALLER, on_alert_caller},
                                             {0, NULL}};

#define NET_HANDLERS(prefix, is_console)                                                                   \
	static clv_rc prefix##_open(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)   \
	{                                                                                                  \
		(void)fds;                                                                                 \
		(void)err;                                                                                 \
		((struct core *)ctx)->role->conn_open(ctx, is_console, (const Clv__ConnOpen *)m);          \
		return CLV_OK;                                                                             \
	}                                                                                                  \
	static clv_rc prefix##_frame(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)  \
	{                                                                                                  \
		(void)fds;                                                                                 \
		(void)err;                                                                                 \
		((struct core *)ctx)->role->conn_frame(ctx, is_console, (const Clv__ConnFrame *)m);        \
		return CLV_OK;                                                                             \
	}                                                                                                  \
	static clv_rc prefix##_closed(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err) \
	{                                                                                                  \
		(void)fds;                                                                                 \
		(void)err;                                                                                 \
		((struct core *)ctx)->role->conn_closed(ctx, is_console, (const Clv__ConnClosed *)m);      \
		return CLV_OK;                                                                             \
	}
/* What a socket pair's name says a worker may vouch for is all that is believed of it. */
NET_HANDLERS(node, false)
NET_HANDLERS(console, true)

static clv_rc on_creds(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct core *c = ctx;

	(void)fds;
	(void)err;
	c->role->creds(c, (const Clv__CredsResult *)m);
	return CLV_OK;
}

static clv_rc ignore_creds(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)m;
	(void)fds;
	(void)err; /* net_node reports the same files */
	return CLV_OK;
}

static const struct ipc_row node_rows[] = {{IPC_CONN_OPEN, node_open},
                                           {IPC_CONN_FRAME, node_frame},
                                           {IPC_CONN_CLOSED, node_closed},
                                           {IPC_CREDS_RESULT, on_creds},
                                           {0, NULL}};
static const struct ipc_row console_rows[] = {{IPC_CONN_OPEN, console_open},
                                              {IPC_CONN_FRAME, console_frame},
                                              {IPC_CONN_CLOSED, console_closed},
                                              {IPC_CREDS_RESULT, ignore_creds},
                                              {0, NULL}};
static const struct ipc_row *const rows_of[CORE_LINKS] = {parent_rows, node_rows, console_rows,
                                                          core_keyholder_rows};

/* Of one that is deaf only what waits for it is written. */
static clv_rc move(struct core_link *l, struct clv_err *err)
{
	if (l->id == LINK_NODE && l->core->behind)
		return ipc_flush(l->ipc, err);
	return ipc_wait(l->ipc, rows_of[l->id], l->core, 0, err);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct core_link *l = h->data;
	struct core *c = l->core;
	struct clv_err err = {0};

	(void)status;
	(void)events;
	if (!l->ipc)
		return;
	if (!move(l, &err)) {
		ask_poll(l);
		look_behind(c);
		return;
	}
	if (err.cls != CLV_CLASS_CLOSED || l->id == LINK_PARENT) {
		c->status = err.cls == CLV_CLASS_CLOSED ? 0 : 1;
		if (c->status)
			log_err(LOG_ERROR, &err, "core ends");
		uv_stop(&c->loop);
		return;
	}
	drop_link(l);
	if (l->id == LINK_KEYHOLDER)
		kh_lost(c);
	c->role->link_lost(c, l->id);
}

static void on_timer(uv_timer_t *t)
{
	struct core *c = t->data;

	kh_tick(c);
	if (c->ready)
		c->role->tick(c, clock_wall_ms());
}

static clv_rc walls(struct core *c, struct clv_err *err)
{
	const char *state = c->start->state, *db = c->server ? "OperationsManager.db" : "HealthService.db";
	char *names[] = {clv_asprintf("%s/%s", state, db), clv_asprintf("%s/%s-journal", state, db),
	                 clv_asprintf("%s/certificates", state),
	                 clv_asprintf("%s/Connector Configuration Cache", state),
	                 clv_asprintf("%s/backup", state)};
	struct sandbox_path paths[sizeof names / sizeof names[0] + 1] = {{NULL, false}};
	clv_rc rc;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		paths[i] = (struct sandbox_path){names[i], true};
#ifdef CLV_TEST_BUILD
	sandbox_plant("core", paths);
#endif
	rc = sandbox_enter("core", paths, c->start->bare, err);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		clv_free(names[i]);
	return rc;
}

static clv_rc warm_openssl(struct clv_err *err)
{
	EVP_PKEY *key = NULL;
	struct clv_buf spki;
	uint8_t hash[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
	    RAND_bytes(hash, sizeof hash) == 1 && !pkey_make_p256(&key, err) &&
	    !pkey_to_spki(key, &spki, err))
		rc = sha256(buf_slice(&spki), hash, err);
	EVP_PKEY_free(key);
	buf_release(&spki);
	return rc;
}

/* Nothing that starting again could mend: the service ends, and says why. */
static void say_unusable(struct ipc *parent, const struct clv_err *why)
{
	Clv__Outcome m = CLV__OUTCOME__INIT;
	struct clv_err err = {0};

	if (why->code != CLV_E_CORRUPT && why->code != CLV_E_VERSION)
		return;
	m.status = 1;
	m.text = (char *)(uintptr_t)why->text;
	if (ipc_send(parent, IPC_OUTCOME, &m.base, NULL, 0, &err))
		log_err(LOG_WARN, &err, "telling why core ends");
}

static clv_rc prepare(struct core *c, struct clv_err *err)
{
	struct ipc *parent = NULL;
	struct db *db = NULL;
	char *path;
	clv_rc rc;

	if (secret_process_init(err) || sandbox_prepare(err) || warm_openssl(err) ||
	    ipc_new(3, "parent", &parent, err))
		return CLV_FAILED;
	if (uv_loop_init(&c->loop))
		return err_set(err, CLV_E_INTERNAL, "libuv does not start");
	while (!c->start)
		if (ipc_wait_one(parent, start_rows, c, -1, err))
			return CLV_FAILED;
	/* One that joins asks as an agent does: it has no database, and none is made. */
	c->server = strcmp(c->start->role, "management-server") == 0 && strcmp(c->start->mode, "join") != 0 &&
	            !c->start->relay;
	c->mode = strcmp(c->start->mode, "recover") == 0   ? 'v'
	          : strcmp(c->start->mode, "restore") == 0 ? 'k'
	                                                   : c->start->mode[0];
	c->role = c->server ? &core_server_role : c->start->relay ? &core_gateway_role : &core_agent_role;
	log_init("core", c->start->role, 2, (enum log_level)c->start->log_level);
	path =
	    clv_asprintf("%s/%s", c->start->state, c->server ? "OperationsManager.db" : "HealthService.db");
	rc = c->server ? store_open(path, &db, err) : outbox_open(path, &db, err);
	clv_free(path);
	if (rc)
		say_unusable(parent, err);
	/* The database thread shuts its own walls: Landlock holds for the thread that enters it. */
	if (rc || core_db_start(c, db, walls, err) || walls(c, err))
		return CLV_FAILED;
	if (err->code)
		log_err(LOG_WARN, err, "runs bare, as configured");
	err_clear(err);
	set_link(&c->links[LINK_PARENT], parent);
	return CLV_OK;
}

int main(void)
{
	static struct core c = {.magic = CORE_MAGIC, .next_id = 1};
	struct clv_err err = {0};

	log_init("core", "", 2, LOG_INFO);
	fault_init("core");
	for (size_t i = 0; i < CORE_LINKS; i++) {
		c.links[i].core = &c;
		c.links[i].id = (enum core_link_id)i;
	}
	buf_init(&c.node_key, STATEMENT_SPKI_MAX);
	buf_init(&c.group_key, STATEMENT_SPKI_MAX);
	buf_init(&c.group_cert, 4096);
	buf_init(&c.recovery_hash, 64);
	buf_init(&c.machine, 64);
	buf_init(&c.succession, 1024);
	buf_init(&c.succession_sig, STATEMENT_SIG_MAX);
	buf_init(&c.recovery_key, STATEMENT_SPKI_MAX);
	if (prepare(&c, &err)) {
		log_err(LOG_ERROR, &err, "core ends");
		return 1;
	}
	(void)uv_timer_init(&c.loop, &c.timer);
	c.timer.data = &c;
	(void)uv_timer_start(&c.timer, on_timer, 1000, 1000);
	on_poll(c.links[LINK_PARENT].poll, 0, UV_READABLE); /* what came with START */
	(void)uv_run(&c.loop, UV_RUN_DEFAULT);
	core_db_stop(&c);
	_exit(c.status);
}
