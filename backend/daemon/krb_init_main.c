/* SPDX-License-Identifier: Apache-2.0 */
/*
 * krb_init: the initiator's steps of token exchanges, with the node's own key and a ticket cache; speaks with
 * KDCs. libkrb5 waits for a silent KDC for half a minute: a step gets 5 s, then this process is ended by its
 * own alarm and started again by the parent (T27).
 */
#include "base/log.h"
#include "daemon/krb.h"
#include <string.h>
#include <unistd.h>

#define STEP_S       5u
#define ATTEMPTS_MAX 64u

static struct {
	uint64_t conn;
	struct gss_attempt *attempt; /* NULL: free */
} attempts[ATTEMPTS_MAX];
static char *ccache;

static clv_rc ready(struct krb *k, struct clv_err *err)
{
	(void)err;
	ccache = clv_asprintf("FILE:%s/ccache", k->start->krb_folder);
	return CLV_OK;
}

static size_t find(uint64_t conn)
{
	size_t i = 0;

	while (i < ATTEMPTS_MAX && !(attempts[i].attempt && attempts[i].conn == conn))
		i++;
	return i;
}

static void forget(size_t i)
{
	gss_attempt_free(attempts[i].attempt);
	attempts[i].attempt = NULL;
}

static clv_rc begin(const struct krb *k, const Clv__KrbStep *m, struct gss_result *r, struct clv_err *err)
{
	struct gss_from from = {.principal = k->start->krb_principal, .ccache = ccache, .keytab = KRB_KEYTAB};
	size_t i = 0;

	while (i < ATTEMPTS_MAX && attempts[i].attempt)
		i++;
	if (i == ATTEMPTS_MAX)
		return err_set(err, CLV_E_LIMIT, "%u Kerberos exchanges are under way", ATTEMPTS_MAX);
	if (gss_begin(&from, m->target, PROTO_SLICE(m->t), k->start->permit_rc4, &attempts[i].attempt, r,
	              err))
		return CLV_FAILED;
	attempts[i].conn = m->conn;
	return CLV_OK;
}

static clv_rc on_step(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KrbStep *m = (const Clv__KrbStep *)msg;
	struct krb_peer *p = ctx;
	size_t i = find(m->conn);
	struct gss_result r;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	gss_result_init(&r);
	(void)alarm(STEP_S);
	rc = i == ATTEMPTS_MAX ? begin(p->krb, m, &r, &why)
	                       : gss_go_on(attempts[i].attempt, PROTO_SLICE(m->token), &r, &why);
	(void)alarm(0);
	i = find(m->conn);
	if (i < ATTEMPTS_MAX && (rc || r.done))
		forget(i);
	rc = krb_answer(p, m->conn, &r, rc ? &why : NULL, err);
	gss_result_release(&r);
	return rc;
}

static clv_rc on_forget(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	size_t i = find(((const Clv__KrbForget *)msg)->conn);

	(void)ctx;
	(void)fds;
	(void)err;
	if (i < ATTEMPTS_MAX)
		forget(i);
	return CLV_OK;
}

static const struct ipc_row rows[] = {{IPC_KRB_STEP, on_step}, {IPC_KRB_FORGET, on_forget}, {0, NULL}};
static const struct krb_role role = {.process = "krb_init", .rows = rows, .ready = ready, .network = true};

int main(void)
{
	return krb_main(&role);
}
