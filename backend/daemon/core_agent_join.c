/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd join`: a management server that has no keys yet asks a live one for its copy of the group's. It
 * comes as an agent does, with a request that names its intake certificate; it prints the code of that
 * request and comes again until an operator has typed it, for an hour. Runs in core, of that command alone.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "keys/joincode.h"
#include "proto/refusal.h"
#include <string.h>

struct join {
	struct clv_buf intake, body, signature; /* certificate; the request as it was signed, once */
	int64_t until;                          /* monotonic; 0: it was not asked yet */
	bool opening;
};

bool join_not_asked(const struct core *c)
{
	return c->mode == 'j' && (!c->agent || !c->agent->join || !c->agent->join->until);
}

struct clv_slice join_intake(const struct core *c)
{
	return buf_slice(&c->agent->join->intake);
}

void join_keep(struct core *c, struct clv_slice body, struct clv_slice signature)
{
	struct join *j = c->agent->join;

	buf_clear(&j->body);
	buf_clear(&j->signature);
	if (buf_put(&j->body, body, NULL) || buf_put(&j->signature, signature, NULL))
		clv_fatal("a request that is larger than it may be");
}

/* The code stays the same for as long as the command runs. */
bool join_again(struct core *c)
{
	struct join *j = c->agent->join;

	if (!buf_slice(&j->body).len)
		return false;
	agent_prove_with(c, buf_slice(&j->body), buf_slice(&j->signature));
	return true;
}

static void tell_code(struct core *c, const char *server)
{
	struct join *j = c->agent->join;
	uint8_t code[KEY_HASH_LEN];
	char text[JOIN_CODE_TEXT_MAX];
	Clv__Notice m = CLV__NOTICE__INIT;
	struct clv_err err = {0};

	if (join_code(c->start->group, buf_slice(&c->group_key), buf_slice(&j->body), code, &err)) {
		core_outcome(c, 1, "%s", err.text);
		return;
	}
	join_code_text(code, text);
	m.text =
	    clv_asprintf("%s asks %s for the keys of the management group %s.\n"
	                 "Code   %s\n"
	                 "Within the hour an administrator types:   claviger approve %s --fingerprint %s\n"
	                 "Waiting for it.",
	                 c->start->name, server, c->start->group, text, c->start->name, text);
	core_send(c, LINK_PARENT, IPC_NOTICE, &m.base);
	clv_free(m.text);
}

void join_refused(struct core *c, uint32_t code, const char *why)
{
	struct agent *a = c->agent;
	struct join *j = a->join;
	const char *server = a->open->peer_name;

	if (code != REFUSAL_NOT_APPROVED && code != REFUSAL_CONFLICT) {
		core_outcome(c, 1, "%s: %s", server, why);
		return;
	}
	if (!j->until) {
		j->until = clock_mono_ms() + JOIN_LIVES_MS;
		tell_code(c, server);
	}
	a->delay_ms = 0; /* it comes again soon */
}

static void on_opened(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	(void)ctx;
	(void)type;
	if (!m)
		core_outcome(c, 1, "the group's keys were not taken: %s", err->text);
	else
		core_outcome(
		    c, 0,
		    "%s has joined the management group %s: its vault holds a copy of the group's keys.\n"
		    "It has no database; in this release such a server does not serve. After the loss of "
		    "the others: clavigerd store restore FILE here, then clavigerd run",
		    c->start->name, c->start->group);
}

void join_on_keys(struct core *c, const Clv__JoinKeys *k)
{
	struct join *j = c->agent->join;
	Clv__KhJoinOpen m = CLV__KH_JOIN_OPEN__INIT;

	if (j->opening)
		return;
	j->opening = true;
	m.sealed = k->sealed;
	m.body = PROTO_BYTES(buf_slice(&j->body));
	kh_ask(c, IPC_KH_JOIN_OPEN, &m.base, on_opened, NULL);
}

void join_tick(struct core *c)
{
	struct join *j = c->agent->join;

	if (j && j->until && clock_mono_ms() > j->until)
		core_outcome(c, 1, "nobody typed the code within an hour: it is worth nothing any more");
}

static void on_intake(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;
	struct join *j;

	(void)ctx;
	(void)type;
	if (!m) {
		core_outcome(c, 1, "the intake certificate was not made: %s", err->text);
		return;
	}
	j = clv_calloc(1, sizeof *j);
	buf_init(&j->intake, 4096);
	buf_init(&j->body, 8192);
	buf_init(&j->signature, STATEMENT_SIG_MAX);
	if (buf_put(&j->intake, PROTO_SLICE(((const Clv__KhIntake *)m)->certificate), NULL))
		clv_fatal("a certificate that is larger than it may be");
	c->agent->join = j;
	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
}

bool join_ready(struct core *c, const Clv__KhInfo *info)
{
	Clv__KhIntakeRequest q = CLV__KH_INTAKE_REQUEST__INIT;

	if (info->has_group_secret) {
		core_outcome(c, 1, "%s has the keys of a management group already; nothing was changed",
		             c->start->name);
		return true;
	}
	if (info->node_key.len && !info->machine_matches) {
		core_outcome(c, 1,
		             "this state folder was copied from another machine (7022): begin with an "
		             "empty one");
		return true;
	}
	if (!info->node_key.len || c->agent->join)
		return false;
	kh_ask(c, IPC_KH_INTAKE_REQUEST, &q.base, on_intake, NULL);
	return true;
}
