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

/* req was written into the message by the caller. */
static uint64_t send_request(struct clv_session *s, uint16_t type, const ProtobufCMessage *m, uint64_t req,
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

/* protobuf-c takes char * for what it only reads. */
static char *str(const char *s)
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
	    [CLV_LIST_AGENTS] = REQ_AGENTS,   [CLV_LIST_EVENTS] = REQ_EVENTS,
	    [CLV_LIST_PENDING] = REQ_PENDING, [CLV_LIST_AUDIT] = REQ_AUDIT,
	    [CLV_LIST_ROLES] = REQ_ROLES,     [CLV_LIST_REQUESTS] = REQ_REQUESTS,
	};
	Clv__ListRequest m = CLV__LIST_REQUEST__INIT;
	assert(list < CLV_LIST_MAX && w->limit >= 1 && w->limit <= CLV_LIST_LIMIT_MAX);
	m.req = ++s->next_req;
	m.filter = str(w->filter);
	m.sort = str(w->sort);
	m.descending = w->descending;
	m.offset = w->offset;
	m.limit = w->limit;
	m.watch = w->watch;
	m.anchor = str(w->anchor);
	return send_request(s, types[list], &m.base, m.req, w->watch, err);
}

uint64_t clv_session_agent(struct clv_session *s, const char *name, bool watch, struct clv_err *err)
{
	Clv__AgentRequest m = CLV__AGENT_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = str(name);
	m.watch = watch;
	return send_request(s, REQ_AGENT, &m.base, m.req, watch, err);
}

uint64_t clv_session_overview(struct clv_session *s, bool watch, struct clv_err *err)
{
	Clv__OverviewRequest m = CLV__OVERVIEW_REQUEST__INIT;
	m.req = ++s->next_req;
	m.watch = watch;
	return send_request(s, REQ_OVERVIEW, &m.base, m.req, watch, err);
}

uint64_t clv_session_whoami(struct clv_session *s, struct clv_err *err)
{
	Clv__WhoamiRequest m = CLV__WHOAMI_REQUEST__INIT;
	m.req = ++s->next_req;
	return send_request(s, REQ_WHOAMI, &m.base, m.req, false, err);
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
	(void)!send_request(s, REQ_UNWATCH, &m.base, m.req, false, &err);
}

static uint64_t act_on_node(struct clv_session *s, const struct clv_act *act, uint64_t req,
                            struct clv_err *err)
{
	Clv__ApproveRequest approve = CLV__APPROVE_REQUEST__INIT;
	Clv__RejectRequest reject = CLV__REJECT_REQUEST__INIT;
	Clv__RemoveRequest remove = CLV__REMOVE_REQUEST__INIT;
	Clv__RotateRequest rotate = CLV__ROTATE_REQUEST__INIT;
	switch (act->kind) {
	case CLV_ACT_APPROVE:
		approve.req = req;
		approve.pending_id = act->pending_id;
		approve.name = str(act->name);
		approve.fingerprint = str(act->fingerprint);
		approve.replace = act->replace;
		return send_request(s, REQ_APPROVE, &approve.base, req, false, err);
	case CLV_ACT_REJECT:
		reject.req = req;
		reject.pending_id = act->pending_id;
		reject.name = str(act->name);
		reject.reason = str(act->reason);
		return send_request(s, REQ_REJECT, &reject.base, req, false, err);
	case CLV_ACT_REMOVE:
		remove.req = req;
		remove.name = str(act->name);
		remove.row_version = act->row_version;
		return send_request(s, REQ_REMOVE, &remove.base, req, false, err);
	default:
		rotate.req = req;
		rotate.name = str(act->name);
		rotate.row_version = act->row_version;
		rotate.reason = str(act->reason);
		return send_request(s, REQ_ROTATE, &rotate.base, req, false, err);
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
		grant.principal = str(act->principal);
		grant.role = str(act->role);
		return send_request(s, REQ_ROLE_GRANT, &grant.base, req, false, err);
	case CLV_ACT_ROLE_REVOKE:
		revoke.req = req;
		revoke.principal = str(act->principal);
		revoke.role = str(act->role);
		return send_request(s, REQ_ROLE_REVOKE, &revoke.base, req, false, err);
	case CLV_ACT_STORE_BACKUP:
		backup.req = req;
		backup.name = str(act->name);
		return send_request(s, REQ_STORE_BACKUP, &backup.base, req, false, err);
	default:
		return act_on_node(s, act, req, err);
	}
}
