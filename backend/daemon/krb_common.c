/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, walls and loop of the Kerberos processes. The keytab's bytes come by descriptor and stay in this
 * process's memory; a keytab that may not be used ends the service at its start (T16).
 */
#include "daemon/krb.h"
#include "base/file.h"
#include "base/log.h"
#include "claviger/secret.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static clv_rc on_start(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct krb *k = ctx;

	(void)fds;
	if (k->start)
		return err_set(err, CLV_E_PROTO, "a second start");
	return proto_dup(m, (ProtobufCMessage **)&k->start, err);
}

static void refuse_start(struct krb *k, const struct clv_err *why)
{
	Clv__Outcome m = CLV__OUTCOME__INIT;
	struct clv_err err = {0};

	m.status = 1;
	m.text = (char *)(uintptr_t)why->text;
	if (ipc_send(k->parent, IPC_OUTCOME, &m.base, NULL, 0, &err))
		log_err(LOG_ERROR, &err, "telling the parent");
}

static clv_rc on_keytab(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KrbKeytab *m = (const Clv__KrbKeytab *)msg;
	struct clv_err why = {0};
	struct krb *k = ctx;
	int fd = fds[0];

	fds[0] = -1;
	if (!k->start || k->loaded) {
		(void)close(fd);
		return err_set(err, CLV_E_PROTO, "a keytab that comes out of turn");
	}
	if (setenv("KRB5_CONFIG", k->start->krb5_config, 1) || gss_process_init(&why) ||
	    gss_keytab_load(fd, KRB_KEYTAB, k->start->permit_rc4, &why) || k->role->ready(k, &why)) {
		(void)err_wrap(&why, "[kerberos] keytab %s", m->path);
		refuse_start(k, &why);
		return err_set(err, CLV_E_CONFIG, "%s", why.text);
	}
	k->loaded = true;
	return CLV_OK;
}

static clv_rc on_peer(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Peer *m = (const Clv__Peer *)msg;
	bool console = strcmp(m->name, "net_console") == 0;
	struct krb *k = ctx;
	struct krb_peer *p = &k->peers[console];
	int fd = fds[0];

	if (!console && strcmp(m->name, "net_node") != 0)
		return err_set(err, CLV_E_PROTO, "an unknown sibling");
	fds[0] = -1;
	ipc_free(p->ipc);
	*p = (struct krb_peer){.krb = k, .console = console};
	return ipc_new(fd, console ? "net_console" : "net_node", &p->ipc, err);
}

static const struct ipc_row parent_rows[] = {
    {IPC_START, on_start}, {IPC_KRB_KEYTAB, on_keytab}, {IPC_PEER, on_peer}, {0, NULL}};

clv_rc krb_answer(struct krb_peer *p, uint64_t conn, struct gss_result *r, const struct clv_err *why,
                  struct clv_err *err)
{
	Clv__KrbStepped m = CLV__KRB_STEPPED__INIT;

	m.conn = conn;
	if (why) {
		m.code = (uint32_t)why->code;
		m.text = (char *)(uintptr_t)why->text;
	} else {
		m.token = PROTO_BYTES(buf_slice(&r->token));
		m.done = r->done;
		m.context = PROTO_BYTES(buf_slice(&r->context));
		m.principal = r->principal;
		m.ticket = r->ticket;
		m.session = r->session;
		m.key = r->key;
		m.ends = r->ends_ms;
	}
	return ipc_send(p->ipc, IPC_KRB_STEPPED, &m.base, NULL, 0, err);
}

static void add_path(struct sandbox_path *paths, size_t *n, const char *path, bool write)
{
	if (*path && *n + 1 < KRB_PATHS && file_exists(path))
		paths[(*n)++] = (struct sandbox_path){path, write};
}

/* libkrb5 looks at its configuration at each call, so these files stay readable. */
static clv_rc walls(struct krb *k, struct clv_err *err)
{
	struct sandbox_path paths[KRB_PATHS] = {{NULL, false}};
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
	size_t n = 0;
	clv_rc rc;

	add_path(paths, &n, k->start->krb5_config, false);
	add_path(paths, &n, k->start->krb_host_conf, false);
	add_path(paths, &n, "/etc", false);
	if (k->role->network) {
		add_path(paths, &n, "/usr/lib", false);
		add_path(paths, &n, "/run", false);
		add_path(paths, &n, k->start->krb_folder, true);
		/* Loads the NSS modules while mapping code is still allowed. */
		if (getaddrinfo("127.0.0.1", NULL, &hints, &found) == 0)
			freeaddrinfo(found);
		(void)gethostbyname("localhost");
	}
#ifdef CLV_TEST_BUILD
	sandbox_plant(k->role->process, paths);
#endif
	rc = sandbox_enter(k->role->process, paths, k->start->bare, err);
	return rc;
}

static clv_rc prepare(struct krb *k, struct clv_err *err)
{
	if (secret_process_init(err) || sandbox_prepare(err) || ipc_new(3, "parent", &k->parent, err))
		return CLV_FAILED;
	while (!k->loaded) {
		if (ipc_wait(k->parent, parent_rows, k, -1, err))
			return CLV_FAILED;
	}
	log_init(k->role->process, k->start->role, 2, (enum log_level)k->start->log_level);
	if (walls(k, err))
		return CLV_FAILED;
	if (err->code)
		log_err(LOG_WARN, err, "runs bare, as configured");
	err_clear(err);
	return CLV_OK;
}

static void serve(struct krb_peer *p)
{
	struct clv_err err = {0};

	if (!ipc_wait(p->ipc, p->krb->role->rows, p, 0, &err))
		return;
	if (err.cls != CLV_CLASS_CLOSED)
		log_err(LOG_ERROR, &err, "a network process misbehaves");
	ipc_free(p->ipc);
	p->ipc = NULL;
}

static clv_rc turn(struct krb *k, struct clv_err *err)
{
	struct pollfd fds[1 + KRB_PEERS] = {{.fd = ipc_fd(k->parent), .events = POLLIN}};

	for (size_t i = 0; i < KRB_PEERS; i++) {
		struct ipc *ipc = k->peers[i].ipc;

		fds[1 + i] = (struct pollfd){.fd = ipc ? ipc_fd(ipc) : -1, .events = POLLIN};
		if (ipc && ipc_unsent(ipc))
			fds[1 + i].events |= POLLOUT;
	}
	if (poll(fds, 1 + KRB_PEERS, -1) < 0 && errno != EINTR)
		return err_sys(err, CLV_E_IO, "waiting");
	for (size_t i = 0; i < KRB_PEERS; i++)
		if (fds[1 + i].revents && k->peers[i].ipc)
			serve(&k->peers[i]);
	return fds[0].revents ? ipc_wait(k->parent, parent_rows, k, 0, err) : CLV_OK;
}

int krb_main(const struct krb_role *role)
{
	static struct krb k;
	struct clv_err err = {0};
	clv_rc rc;

	k.role = role;
	log_init(role->process, "", 2, LOG_INFO);
	if (prepare(&k, &err)) {
		if (err.cls != CLV_CLASS_CLOSED)
			log_err(LOG_ERROR, &err, "the Kerberos process ends");
		return 1;
	}
	do
		rc = turn(&k, &err);
	while (!rc);
	if (err.cls != CLV_CLASS_CLOSED)
		log_err(LOG_ERROR, &err, "the Kerberos process ends");
	_exit(err.cls == CLV_CLASS_CLOSED ? 0 : 1);
}
