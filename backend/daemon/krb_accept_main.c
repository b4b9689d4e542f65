/* SPDX-License-Identifier: Apache-2.0 */
/*
 * krb_accept: the acceptor's step of token exchanges, with the keytab and without a network. One credential
 * for each service principal: a ticket for consoles opens no link of nodes, and the other way round.
 * `krb_accept check FILE` lists a keytab for clavigerd check.
 */
#include "base/file.h"
#include "base/log.h"
#include "daemon/krb.h"
#include <stdio.h>
#include <string.h>

static struct gss_acceptor *acceptors[KRB_PEERS]; /* by krb_peer.console */

static clv_rc ready(struct krb *k, struct clv_err *err)
{
	static const char *const services[KRB_PEERS] = {KRB_SERVICE_NODE, KRB_SERVICE_CONSOLE};
	struct krb_names names = {.realms = (const char *const *)k->start->realms,
	                          .n_realms = k->start->n_realms};
	char principal[KRB_PRINCIPAL_MAX * 2];

	for (size_t i = 0; i < KRB_PEERS; i++) {
		struct clv_err why = {0};

		if (krb_service_of(&names, services[i], k->start->name, principal, err))
			return CLV_FAILED;
		acceptors[i] = gss_acceptor_new(KRB_KEYTAB, principal, &why);
		if (!acceptors[i])
			log_warn("links by Kerberos for %s are not accepted: %s", principal, why.text);
	}
	return CLV_OK;
}

static clv_rc on_step(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KrbStep *m = (const Clv__KrbStep *)msg;
	struct krb_peer *p = ctx;
	struct gss_acceptor *a = acceptors[p->console];
	struct gss_result r;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	gss_result_init(&r);
	if (!a)
		rc = err_set(&why, CLV_E_AUTH, "the keytab here holds no key of the service %s",
		             p->console ? KRB_SERVICE_CONSOLE : KRB_SERVICE_NODE);
	else
		rc = gss_accept(a, PROTO_SLICE(m->token), PROTO_SLICE(m->t), p->krb->start->permit_rc4, &r,
		                &why);
	rc = krb_answer(p, m->conn, &r, rc ? &why : NULL, err);
	gss_result_release(&r);
	return rc;
}

static const struct ipc_row rows[] = {{IPC_KRB_STEP, on_step}, {0, NULL}};
static const struct krb_role role = {.process = "krb_accept", .rows = rows, .ready = ready, .network = false};

static void print_key(void *ctx, const struct gss_key *k)
{
	(void)ctx;
	printf("%s %u %u %s\n", k->principal, k->kvno, k->enctype, krb_enctype_name(k->enctype));
}

static int check(const char *path)
{
	char *name = clv_asprintf("FILE:%s", path);
	struct clv_err err = {0};
	int status = 0;

	if (gss_process_init(&err) || gss_keytab_walk(name, print_key, NULL, &err)) {
		(void)fprintf(stderr, "%s\n", err.text);
		status = 1;
	}
	clv_free(name);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2]);
	return krb_main(&role);
}
