/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about alerts and their paths. Runs in the console.
 */
#include "client/session.h"

#include "console.pb-c.h"
#include "proto/types.h"

uint64_t clv_session_trace(struct clv_session *s, uint64_t alert, struct clv_err *err)
{
	Clv__TraceRequest m = CLV__TRACE_REQUEST__INIT;
	m.req = ++s->next_req;
	m.alert = alert;
	return session_send(s, REQ_TRACE, &m.base, m.req, false, err);
}

uint64_t clv_session_trace_last(struct clv_session *s, const char *agent, struct clv_err *err)
{
	Clv__TraceRequest m = CLV__TRACE_REQUEST__INIT;
	m.req = ++s->next_req;
	m.agent = session_str(agent);
	return session_send(s, REQ_TRACE, &m.base, m.req, false, err);
}

uint64_t clv_session_probe(struct clv_session *s, const char *agent, struct clv_err *err)
{
	Clv__ProbeRequest m = CLV__PROBE_REQUEST__INIT;
	m.req = ++s->next_req;
	m.name = session_str(agent);
	return session_send(s, REQ_PROBE, &m.base, m.req, false, err);
}

uint64_t clv_session_encryption(struct clv_session *s, const char *node, int64_t from, int64_t to,
                                struct clv_err *err)
{
	Clv__EncryptionRequest m = CLV__ENCRYPTION_REQUEST__INIT;
	m.req = ++s->next_req;
	m.node = session_str(node);
	m.from = from;
	m.to = to;
	return session_send(s, REQ_ENCRYPTION, &m.base, m.req, false, err);
}
