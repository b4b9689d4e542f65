/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing the group's list of servers: this server by its own key, gateways and other servers whose approval
 * is a row that the group's key holders made (B3): a database writer puts no gateway into it. Runs in a
 * management server's key holder.
 */
#include "daemon/keyholder_group.h"
#include "claviger/facts.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "row.pb-c.h"
#include "statement.pb-c.h"
#include <string.h>

static bool is_this_server(const struct kh *k, const Clv__ServerEntry *e)
{
	return strcmp(e->name, k->start->name) == 0 &&
	       slice_eq(PROTO_SLICE(e->node_key), buf_slice(&k->node_spki)) && *e->role == 0 && *e->via == 0;
}

/* Those that nodes may link with beside this server. */
static bool is_relay_role(const char *role)
{
	return strcmp(role, "gateway") == 0 || strcmp(role, "management-server") == 0;
}

static clv_rc check_gateway(struct kh *k, const Clv__KhListSign *q, const Clv__ServerEntry *e,
                            struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__ApprovalRow *a;
	size_t i = 0;
	clv_rc rc = CLV_FAILED;

	while (i < q->n_approvals &&
	       (strcmp(q->approvals[i]->kind, "approval") != 0 || strcmp(q->approvals[i]->key, e->name) != 0))
		i++;
	if (i == q->n_approvals)
		return err_set(err, CLV_E_DENIED, "no approval of %.200s was shown", e->name);
	if (kh_row_open(k, q->approvals[i], &m, err) || !m)
		return err_wrap(err, "the approval of %.200s", e->name);
	a = (const Clv__ApprovalRow *)m;
	if (a->approval != CLV_APPROVAL_APPROVED || strcmp(a->name, e->name) != 0 ||
	    !is_relay_role(a->role) || strcmp(e->role, a->role) != 0 || strcmp(a->via, e->via) != 0 ||
	    !slice_eq(PROTO_SLICE(a->node_key), PROTO_SLICE(e->node_key)))
		(void)err_set(err, CLV_E_DENIED, "%.200s is not approved as this %.20s", e->name, e->role);
	else
		rc = CLV_OK;
	proto_free(m);
	return rc;
}

static clv_rc check_list(struct kh *k, const Clv__KhListSign *q, const Clv__ServerList *l,
                         struct clv_err *err)
{
	if (!k->group_key || !kh_machine_matches(k))
		return err_set(err, CLV_E_DENIED, "there is no key here that signs a list of servers");
	if (l->n_servers == 0 || !is_this_server(k, l->servers[0]))
		return err_set(err, CLV_E_DENIED, "the list does not begin with this server");
	for (size_t i = 1; i < l->n_servers; i++)
		if (check_gateway(k, q, l->servers[i], err))
			return CLV_FAILED;
	return CLV_OK;
}

clv_rc kh_on_list_sign(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhListSign *q = (const Clv__KhListSign *)msg;
	struct kh *k = ctx;
	Clv__KhSigned m = CLV__KH_SIGNED__INIT;
	ProtobufCMessage *list = NULL;
	struct clv_err why = {0};
	struct clv_buf sig;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (!proto_decode(&clv__server_list__descriptor, PROTO_SLICE(q->body), &list, &why) &&
	    !check_list(k, q, (const Clv__ServerList *)list, &why))
		rc = statement_sign(STATEMENT_SERVER_LIST, k->start->group, PROTO_SLICE(q->body),
		                    k->group_key, &sig, &why);
	m.id = q->id;
	m.body = q->body;
	m.signature = PROTO_BYTES(buf_slice(&sig));
	rc = rc ? kh_answer_failed(k, q->id, &why, err) : kh_answer(k, IPC_KH_SIGNED, &m.base, err);
	proto_free(list);
	buf_release(&sig);
	return rc;
}
