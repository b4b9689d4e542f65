/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kerberos in a network process: hands the steps of token exchanges to krb_accept and krb_init, and takes
 * exported contexts. It holds neither keytab nor ticket and speaks with no KDC.
 */
#include "base/clock.h"
#include "base/log.h"
#include "channel/gss.h"
#include "daemon/net.h"
#include "proto/codec.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const net_krb_rows = "_krb";

struct helper {
	struct net *net;
	bool initiator;
	struct ipc *ipc;
	uv_poll_t *poll; /* on the heap: the helper may be replaced */
};

struct net_krb {
	struct chan_krb means;
	struct krb_map *maps;
	struct helper accept, init;
};

/* A sibling may be named before the configuration was read. */
static struct net_krb *parts(struct net *n)
{
	if (!n->krb) {
		n->krb = clv_calloc(1, sizeof *n->krb);
		n->krb->accept = (struct helper){.net = n, .initiator = false};
		n->krb->init = (struct helper){.net = n, .initiator = true};
	}
	return n->krb;
}

clv_rc net_krb_prepare(struct net *n, struct clv_err *err)
{
	const Clv__Start *s = n->start;
	struct net_krb *k;

	if (!s->kerberos)
		return err_set(err, CLV_E_INTERNAL, "a network process with Kerberos was started");
	k = parts(n);
	k->maps = clv_calloc(s->n_principal_map + 1, sizeof *k->maps);
	for (size_t i = 0; i < s->n_principal_map; i++) {
		char *from = clv_calloc(1, KRB_PRINCIPAL_MAX), *to = clv_calloc(1, KRB_PRINCIPAL_MAX);

		if (krb_map_parse(s->principal_map[i], from, to, err))
			return CLV_FAILED;
		k->maps[i] = (struct krb_map){from, to};
	}
	k->means = (struct chan_krb){
	    .ops = &gss_ops,
	    .names = {(const char *const *)s->realms, s->n_realms, k->maps, s->n_principal_map},
	    .permit_rc4 = s->permit_rc4,
	    .service = net_role.nodes ? KRB_SERVICE_NODE : KRB_SERVICE_CONSOLE,
	};
	if (setenv("KRB5_CONFIG", s->krb5_config, 1))
		return err_sys(err, CLV_E_INTERNAL, "the environment");
	return gss_process_init(err);
}

const struct chan_krb *net_krb_means(const struct net *n, bool initiator)
{
	/* Also while the process that does the steps is being started again: what fails then says so. */
	(void)initiator;
	return &n->krb->means;
}

static clv_rc on_stepped(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KrbStepped *m = (const Clv__KrbStepped *)msg;
	struct helper *h = ctx;
	struct chan_stepped r = {.token = PROTO_SLICE(m->token),
	                         .done = m->done,
	                         .context = PROTO_SLICE(m->context),
	                         .principal = m->principal,
	                         .ticket = m->ticket,
	                         .session = m->session,
	                         .key = m->key,
	                         .ends_ms = m->ends};
	struct clv_err why = {0};

	(void)fds;
	(void)err;
	if (m->code)
		(void)err_set(&why, m->code < CLV_E_MAX ? (enum clv_code)m->code : CLV_E_AUTH, "%s", m->text);
	net_stepped(h->net, m->conn, m->code ? NULL : &r, m->code ? &why : NULL);
	if (m->context.len)
		explicit_bzero(m->context.data, m->context.len);
	return CLV_OK;
}

static const struct ipc_row helper_rows[] = {{IPC_KRB_STEPPED, on_stepped}, {0, NULL}};

static void on_handle_closed(uv_handle_t *u)
{
	clv_free(u);
}

static void drop_helper(struct helper *h)
{
	if (!h->ipc)
		return;
	uv_close((uv_handle_t *)h->poll, on_handle_closed);
	h->poll = NULL;
	ipc_free(h->ipc);
	h->ipc = NULL;
	net_steps_lost(h->net, h->initiator);
}

static void on_helper(uv_poll_t *u, int status, int events);

static void ask_poll(struct helper *h)
{
	if (h->ipc)
		(void)uv_poll_start(h->poll, UV_READABLE | (ipc_unsent(h->ipc) ? UV_WRITABLE : 0), on_helper);
}

static void on_helper(uv_poll_t *u, int status, int events)
{
	struct helper *h = u->data;
	struct clv_err err = {0};

	(void)status;
	(void)events;
	if (!h->ipc)
		return;
	if (!ipc_wait(h->ipc, helper_rows, h, 0, &err)) {
		ask_poll(h);
		return;
	}
	if (err.cls != CLV_CLASS_CLOSED)
		log_err(LOG_ERROR, &err, "a Kerberos process misbehaves");
	drop_helper(h);
}

clv_rc net_krb_peer(struct net *n, const char *name, int fd, struct clv_err *err)
{
	struct helper *h = strcmp(name, "krb_accept") == 0 ? &parts(n)->accept
	                   : strcmp(name, "krb_init") == 0 ? &parts(n)->init
	                                                   : NULL;

	if (!h) {
		(void)close(fd);
		return err_set(err, CLV_E_PROTO, "an unknown sibling, %s", name);
	}
	drop_helper(h);
	if (ipc_new(fd, name, &h->ipc, err))
		return CLV_FAILED;
	h->poll = clv_calloc(1, sizeof *h->poll);
	(void)uv_poll_init(&n->loop, h->poll, ipc_fd(h->ipc));
	h->poll->data = h;
	ask_poll(h);
	return CLV_OK;
}

clv_rc net_krb_ask(struct conn *c, const struct chan_step *s, struct clv_err *err)
{
	struct helper *h = s->initiator ? &c->net->krb->init : &c->net->krb->accept;
	Clv__KrbStep m = CLV__KRB_STEP__INIT;

	if (!h->ipc)
		return err_set(err, CLV_E_TIMEOUT, "the Kerberos process is being started again");
	m.conn = c->id;
	m.token = PROTO_BYTES(s->token);
	m.t = PROTO_BYTES(s->t);
	m.target = (char *)(uintptr_t)(s->initiator ? s->target : "");
	if (ipc_send(h->ipc, IPC_KRB_STEP, &m.base, NULL, 0, err))
		return CLV_FAILED;
	ask_poll(h);
	return CLV_OK;
}

void net_krb_forget(struct conn *c)
{
	struct helper *h = &c->net->krb->init;
	Clv__KrbForget m = CLV__KRB_FORGET__INIT;
	struct clv_err err = {0};

	m.conn = c->id;
	if (c->initiator && h->ipc && ipc_send(h->ipc, IPC_KRB_FORGET, &m.base, NULL, 0, &err))
		log_err(LOG_WARN, &err, "telling krb_init");
	if (c->initiator)
		ask_poll(h);
}
