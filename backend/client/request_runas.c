/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts on RunAs accounts, profiles and groups become frames. None of these carries a password; the
 * one that does, sealed, is in intake.c. Runs in the console.
 */
#include "client/session.h"

#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"

#include <stdio.h>

/* protobuf-c takes char ** for what it only reads. */
static char **strings(const char *const *list)
{
	union {
		const char *const *in;
		char **out;
	} u = {.in = list};
	return u.out;
}

static uint64_t account_put(struct clv_session *s, const struct clv_act *act, uint64_t req,
                            struct clv_err *err)
{
	Clv__AccountPutRequest m = CLV__ACCOUNT_PUT_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.add = act->add;
	m.row_version = act->row_version;
	m.set = act->set;
	m.type = act->type;
	m.user = session_str(act->user);
	m.domain = session_str(act->domain);
	m.kept_by = session_str(act->kept_by);
	m.note = session_str(act->note);
	m.ends = act->ends;
	m.context = session_str(act->context);
	m.auth_protocol = session_str(act->auth_protocol);
	m.privacy_protocol = session_str(act->privacy_protocol);
	m.new_name = session_str(act->new_name);
	return session_send(s, REQ_ACCOUNT_PUT, &m.base, req, false, err);
}

static uint64_t remove_named(struct clv_session *s, const struct clv_act *act, uint64_t req,
                             struct clv_err *err)
{
	Clv__NamedRemoveRequest m = CLV__NAMED_REMOVE_REQUEST__INIT;
	uint16_t type = act->kind == CLV_ACT_ACCOUNT_REMOVE   ? REQ_ACCOUNT_REMOVE
	                : act->kind == CLV_ACT_PROFILE_REMOVE ? REQ_PROFILE_REMOVE
	                                                      : REQ_GROUP_REMOVE;
	m.req = req;
	m.name = session_str(act->name);
	m.row_version = act->row_version;
	m.plan = act->plan;
	return session_send(s, type, &m.base, req, false, err);
}

static uint64_t distribute(struct clv_session *s, const struct clv_act *act, uint64_t req,
                           struct clv_err *err)
{
	Clv__DistributeRequest m = CLV__DISTRIBUTE_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.row_version = act->row_version;
	m.distribution = act->distribution;
	m.add = strings(act->add_to);
	m.n_add = act->n_add_to;
	m.remove = strings(act->remove_from);
	m.n_remove = act->n_remove_from;
	m.plan = act->plan;
	return session_send(s, REQ_DISTRIBUTE, &m.base, req, false, err);
}

static uint64_t account_continue(struct clv_session *s, const struct clv_act *act, uint64_t req,
                                 struct clv_err *err)
{
	Clv__AccountContinueRequest m = CLV__ACCOUNT_CONTINUE_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.version = act->version;
	m.stop = act->stop;
	return session_send(s, REQ_ACCOUNT_CONTINUE, &m.base, req, false, err);
}

static uint64_t profile_add(struct clv_session *s, const struct clv_act *act, uint64_t req,
                            struct clv_err *err)
{
	Clv__ProfileAddRequest m = CLV__PROFILE_ADD_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	return session_send(s, REQ_PROFILE_ADD, &m.base, req, false, err);
}

static uint64_t associate(struct clv_session *s, const struct clv_act *act, uint64_t req, struct clv_err *err)
{
	Clv__AssociateRequest m = CLV__ASSOCIATE_REQUEST__INIT;
	m.req = req;
	m.profile = session_str(act->name);
	m.account = session_str(act->account);
	m.target_kind = act->target_kind;
	m.target = session_str(act->target);
	m.remove = act->remove;
	m.plan = act->plan;
	m.row_version = act->row_version;
	return session_send(s, REQ_ASSOCIATE, &m.base, req, false, err);
}

static uint64_t group_put(struct clv_session *s, const struct clv_act *act, uint64_t req, struct clv_err *err)
{
	Clv__GroupPutRequest m = CLV__GROUP_PUT_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.add_new = act->add;
	m.row_version = act->row_version;
	m.add = strings(act->add_to);
	m.n_add = act->n_add_to;
	m.remove = strings(act->remove_from);
	m.n_remove = act->n_remove_from;
	m.plan = act->plan;
	return session_send(s, REQ_GROUP_PUT, &m.base, req, false, err);
}

static uint64_t aside(struct clv_session *s, const struct clv_act *act, uint64_t req, struct clv_err *err)
{
	Clv__AccountAsideRequest m = CLV__ACCOUNT_ASIDE_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.row_version = act->row_version;
	m.reason = session_str(act->reason);
	m.back = act->remove;
	return session_send(s, REQ_ACCOUNT_ASIDE, &m.base, req, false, err);
}

static uint64_t finish(struct clv_session *s, const struct clv_act *act, uint64_t req, struct clv_err *err)
{
	Clv__RecoveryFinishRequest m = CLV__RECOVERY_FINISH_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	return session_send(s, REQ_RECOVERY_FINISH, &m.base, req, false, err);
}

static uint64_t need_aside(struct clv_session *s, const struct clv_act *act, uint64_t req,
                           struct clv_err *err)
{
	Clv__NeedAsideRequest m = CLV__NEED_ASIDE_REQUEST__INIT;
	m.req = req;
	m.name = session_str(act->name);
	m.until = act->ends;
	m.reason = session_str(act->reason);
	return session_send(s, REQ_NEED_ASIDE, &m.base, req, false, err);
}

static uint64_t alert_ack(struct clv_session *s, const struct clv_act *act, uint64_t req, struct clv_err *err)
{
	Clv__AlertAckRequest m = CLV__ALERT_ACK_REQUEST__INIT;
	char name[32];
	snprintf(name, sizeof(name), "%llu", (unsigned long long)act->alert);
	m.req = req;
	m.name = name;
	m.alert = act->alert;
	m.reason = session_str(act->reason);
	return session_send(s, REQ_ALERT_ACK, &m.base, req, false, err);
}

uint64_t session_act_runas(struct clv_session *s, const struct clv_act *act, uint64_t req,
                           struct clv_err *err)
{
	static const struct {
		enum clv_act_kind kind;
		uint64_t (*send)(struct clv_session *s, const struct clv_act *act, uint64_t req,
		                 struct clv_err *err);
	} rows[] = {
	    {CLV_ACT_ACCOUNT_PUT, account_put},   {CLV_ACT_ACCOUNT_REMOVE, remove_named},
	    {CLV_ACT_DISTRIBUTE, distribute},     {CLV_ACT_ACCOUNT_CONTINUE, account_continue},
	    {CLV_ACT_PROFILE_ADD, profile_add},   {CLV_ACT_PROFILE_REMOVE, remove_named},
	    {CLV_ACT_ASSOCIATE, associate},       {CLV_ACT_GROUP_PUT, group_put},
	    {CLV_ACT_GROUP_REMOVE, remove_named}, {CLV_ACT_ASIDE, aside},
	    {CLV_ACT_RECOVERY_FINISH, finish},    {CLV_ACT_NEED_ASIDE, need_aside},
	    {CLV_ACT_ALERT_ACK, alert_ack},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].kind == act->kind)
			return rows[i].send(s, act, req, err);
	}
	err_set(err, CLV_E_USAGE, "no such act: %d", (int)act->kind);
	return 0;
}
