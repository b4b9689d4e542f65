/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: facts become frames. A request is sent on an open line or not at all; nothing is kept
 * for later (an act that was not sent is never replayed).
 */
#include "client/session.h"

#include "base/clock.h"
#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"

#include <assert.h>
#include <string.h>

struct asked *session_asked(struct clv_session *s, uint64_t req)
{
	for (size_t i = 0; req != 0 && i < SESSION_ASKED_MAX; i++) {
		if (s->asked[i].req == req)
			return &s->asked[i];
	}
	return NULL;
}

static struct asked *free_record(struct clv_session *s)
{
	for (size_t i = 0; i < SESSION_ASKED_MAX; i++) {
		if (s->asked[i].req == 0)
			return &s->asked[i];
	}
	return NULL;
}

static bool is_act(uint16_t type)
{
#define X(sym, num, body, rep, name, role, changes, help) {sym, changes},
	static const struct {
		uint16_t type;
		bool changes;
	} rows[] = {CLV_REQUEST_LIST(X)};
#undef X
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type == type)
			return rows[i].changes;
	}
	return false;
}

uint64_t session_send(struct clv_session *s, uint16_t type, const ProtobufCMessage *m, uint64_t req,
                      bool watch, struct clv_err *err)
{
	struct clv_buf b;
	uint64_t sent = 0;
	assert(s->magic == SESSION_MAGIC);
	buf_init(&b, CLV_REQUEST_MAX);
	struct asked *a = free_record(s);
	if (s->line != LINE_OPEN) {
		err_set(err, CLV_E_CLOSED, "no line to %s", s->server);
		goto out;
	}
	if (a == NULL) {
		err_set(err, CLV_E_AGAIN, "%u requests are under way already", SESSION_ASKED_MAX);
		goto out;
	}
	struct clv_buf *wire = chan_output(s->chan);
	uint64_t at = s->written + buf_slice(wire).len;
	if (proto_encode(m, &b, err) != CLV_OK || chan_send(s->chan, type, buf_slice(&b), err) != CLV_OK)
		goto out;
	*a = (struct asked){.req = req,
	                    .act = is_act(type),
	                    .watch = watch,
	                    .quiet = type == REQ_UNWATCH,
	                    .at_byte = at,
	                    .deadline = clock_mono_ms() + SESSION_ANSWER_MS};
	sent = req;
out:
	buf_release(&b);
	return sent;
}

char *session_str(const char *s)
{
	static char empty[1];
	union {
		const char *in;
		char *out;
	} u = {.in = s};
	return s != NULL ? u.out : empty;
}

uint64_t clv_session_list(struct clv_session *s, enum clv_list list, const struct clv_window *w,
                          struct clv_err *err)
{
	static const uint16_t types[CLV_LIST_MAX] = {
	    [CLV_LIST_AGENTS] = REQ_AGENTS,     [CLV_LIST_EVENTS] = REQ_EVENTS,
	    [CLV_LIST_PENDING] = REQ_PENDING,   [CLV_LIST_AUDIT] = REQ_AUDIT,
	    [CLV_LIST_ROLES] = REQ_ROLES,       [CLV_LIST_REQUESTS] = REQ_REQUESTS,
	    [CLV_LIST_ACCOUNTS] = REQ_ACCOUNTS, [CLV_LIST_PROFILES] = REQ_PROFILES,
	    [CLV_LIST_GROUPS] = REQ_GROUPS,     [CLV_LIST_SERVERS] = REQ_SERVERS,
	    [CLV_LIST_EXPIRY] = REQ_EXPIRY,     [CLV_LIST_FOUND] = REQ_FIND,
	    [CLV_LIST_ALERTS] = REQ_ALERTS,
	};
	Clv__ListRequest m = CLV__LIST_REQUEST__INIT;
	assert(list < CLV_LIST_MAX && w->limit >= 1 && w->limit <= CLV_LIST_LIMIT_MAX);
	m.req = ++s->next_req;
	m.filter = session_str(w->filter);
	m.sort = session_str(w->sort);
	m.descending = w->descending;
	m.offset = w->offset;
	m.limit = w->limit;
	m.watch = w->watch;
	m.anchor = session_str(w->anchor);
	return session_send(s, types[list], &m.base, m.req, w->watch, err);
}

uint64_t clv_session_audit_check(struct clv_session *s, struct clv_err *err)
{
	Clv__AuditCheckRequest m = CLV__AUDIT_CHECK_REQUEST__INIT;
	m.req = ++s->next_req;
	return session_send(s, REQ_AUDIT_CHECK, &m.base, m.req, false, err);
}

uint64_t clv_session_agent(struct clv_session *s, const char *name, bool watch, struct clv_err *err)
{
	Clv__AgentRequest m = CLV__AGENT_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = session_str(name);
	m.watch = watch;
	return session_send(s, REQ_AGENT, &m.base, m.req, watch, err);
}

uint64_t clv_session_account(struct clv_session *s, const char *name, bool watch, struct clv_err *err)
{
	Clv__AccountRequest m = CLV__ACCOUNT_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = session_str(name);
	m.watch = watch;
	return session_send(s, REQ_ACCOUNT, &m.base, m.req, watch, err);
}

uint64_t clv_session_overview(struct clv_session *s, bool watch, struct clv_err *err)
{
	Clv__OverviewRequest m = CLV__OVERVIEW_REQUEST__INIT;
	m.req = ++s->next_req;
	m.watch = watch;
	return session_send(s, REQ_OVERVIEW, &m.base, m.req, watch, err);
}

uint64_t clv_session_whoami(struct clv_session *s, struct clv_err *err)
{
	Clv__WhoamiRequest m = CLV__WHOAMI_REQUEST__INIT;
	m.req = ++s->next_req;
	return session_send(s, REQ_WHOAMI, &m.base, m.req, false, err);
}

void clv_session_unwatch(struct clv_session *s, uint64_t req)
{
	Clv__UnwatchRequest m = CLV__UNWATCH_REQUEST__INIT;
	struct clv_err err;
	struct asked *a = session_asked(s, req);
	if (a == NULL || !a->watch)
		return;
	a->req = 0; /* whatever still comes for it belongs to nobody */
	m.req = ++s->next_req;
	m.watched = req;
	/* a closed line needs no unwatching */
	(void)!session_send(s, REQ_UNWATCH, &m.base, m.req, false, &err);
}

static uint64_t act_on_node(struct clv_session *s, const struct clv_act *act, uint64_t req,
                            struct clv_err *err)
{
	Clv__ApproveRequest approve = CLV__APPROVE_REQUEST__INIT;
	Clv__RejectRequest reject = CLV__REJECT_REQUEST__INIT;
	Clv__RemoveRequest remove = CLV__REMOVE_REQUEST__INIT;
	Clv__RotateRequest rotate = CLV__ROTATE_REQUEST__INIT;
	Clv__MoveRequest move = CLV__MOVE_REQUEST__INIT;
	switch (act->kind) {
	case CLV_ACT_APPROVE:
		approve.req = req;
		approve.pending_id = act->pending_id;
		approve.name = session_str(act->name);
		approve.fingerprint = session_str(act->fingerprint);
		approve.replace = act->replace;
		return session_send(s, REQ_APPROVE, &approve.base, req, false, err);
	case CLV_ACT_REJECT:
		reject.req = req;
		reject.pending_id = act->pending_id;
		reject.name = session_str(act->name);
		reject.reason = session_str(act->reason);
		return session_send(s, REQ_REJECT, &reject.base, req, false, err);
	case CLV_ACT_REMOVE:
		remove.req = req;
		remove.name = session_str(act->name);
		remove.row_version = act->row_version;
		return session_send(s, REQ_REMOVE, &remove.base, req, false, err);
	case CLV_ACT_MOVE:
		move.req = req;
		move.name = session_str(act->name);
		move.to = session_str(act->target);
		return session_send(s, REQ_MOVE, &move.base, req, false, err);
	default:
		rotate.req = req;
		rotate.name = session_str(act->name);
		rotate.row_version = act->row_version;
		rotate.reason = session_str(act->reason);
		return session_send(s, REQ_ROTATE, &rotate.base, req, false, err);
	}
}

uint64_t clv_session_act(struct clv_session *s, const struct clv_act *act, struct clv_err *err)
{
	Clv__RoleGrantRequest grant = CLV__ROLE_GRANT_REQUEST__INIT;
	Clv__RoleRevokeRequest revoke = CLV__ROLE_REVOKE_REQUEST__INIT;
	Clv__StoreBackupRequest backup = CLV__STORE_BACKUP_REQUEST__INIT;
	uint64_t req = ++s->next_req;
	switch (act->kind) {
	case CLV_ACT_ROLE_GRANT:
		grant.req = req;
		grant.principal = session_str(act->principal);
		grant.role = session_str(act->role);
		return session_send(s, REQ_ROLE_GRANT, &grant.base, req, false, err);
	case CLV_ACT_ROLE_REVOKE:
		revoke.req = req;
		revoke.principal = session_str(act->principal);
		revoke.role = session_str(act->role);
		return session_send(s, REQ_ROLE_REVOKE, &revoke.base, req, false, err);
	case CLV_ACT_STORE_BACKUP:
		backup.req = req;
		backup.name = session_str(act->name);
		return session_send(s, REQ_STORE_BACKUP, &backup.base, req, false, err);
	case CLV_ACT_APPROVE:
	case CLV_ACT_REJECT:
	case CLV_ACT_REMOVE:
	case CLV_ACT_ROTATE:
	case CLV_ACT_MOVE:
		return act_on_node(s, act, req, err);
	default:
		return session_act_runas(s, act, req, err);
	}
}
