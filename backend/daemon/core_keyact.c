/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was done with the key backup at this server's local socket, into the audit trail: the key holder
 * answers its caller only when this is committed. A drill is remembered in the same transaction, so that
 * screens can say when the last one was. Runs in a management server's core.
 */
#include "daemon/core_act.h"
#include "daemon/core_console.h"
#include "daemon/core_server.h"
#include <stdlib.h>
#include <string.h>

#define META_DRILL "drill"
#define DRILL_MAX  2048u

struct key_act {
	uint64_t id; /* the key holder's */
	bool drill, good;
	char *text;
};

static void free_key_act(struct key_act *q)
{
	clv_free(q->text);
	clv_free(q);
}

static void tell(struct core *c, uint64_t id, bool ok, const char *text)
{
	Clv__KhKeyActKept m = CLV__KH_KEY_ACT_KEPT__INIT;

	m.id = id;
	m.ok = ok;
	m.text = (char *)(uintptr_t)text;
	core_send(c, LINK_KEYHOLDER, IPC_KH_KEY_ACT_KEPT, &m.base);
}

/* Database thread. */
static clv_rc remember_drill(struct db *d, struct act *a, struct clv_err *err)
{
	const struct key_act *q = a->ctx;
	Clv__KeyDrill m = CLV__KEY_DRILL__INIT;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, DRILL_MAX);
	m.time = a->now;
	m.by = a->who;
	m.good = q->good;
	m.text = q->text;
	if (!proto_encode(&m.base, &b, err))
		rc = store_meta_put(d, META_DRILL, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

clv_rc keyact_load(struct db *d, struct server *s, struct clv_err *err)
{
	Clv__KeyDrill *m = NULL;
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, DRILL_MAX);
	rc = store_audit_begins(d, &s->trail_at, err);
	if (!rc)
		rc = store_meta_get(d, META_DRILL, &b, err);
	if (!rc && b.len > 0) {
		rc = proto_decode(&clv__key_drill__descriptor, buf_slice(&b), (ProtobufCMessage **)&m, err);
		if (!rc && m->good)
			s->drill_at = m->time;
	}
	if (m)
		proto_free(&m->base);
	buf_release(&b);
	return rc;
}

static void kept(struct core *c, struct act *a)
{
	struct key_act *q = a->ctx;

	if (q->drill && q->good)
		c->srv->drill_at = a->now;
	tell(c, q->id, true, "");
	free_key_act(q);
}

static void not_kept(struct core *c, struct act *a, const struct clv_err *err)
{
	struct key_act *q = a->ctx;

	tell(c, q->id, false, err->text);
	free_key_act(q);
}

static char *principal(const struct core *c, uint32_t uid)
{
	for (size_t i = 0; i < c->start->n_users; i++)
		if (c->start->users[i]->id == uid)
			return clv_asprintf("user:%s", c->start->users[i]->name);
	return clv_asprintf("uid:%u", uid);
}

clv_rc core_on_key_act(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhKeyAct *m = (const Clv__KhKeyAct *)msg;
	struct core *c = ctx;
	struct key_act *q;
	struct act *a;

	(void)fds;
	if (!c->server)
		return err_set(err, CLV_E_PROTO, "an agent's key holder has no group keys");
	if (!c->srv || !c->srv->loaded) {
		tell(c, m->id, false, "the server is still starting: try again");
		return CLV_OK;
	}
	q = clv_calloc(1, sizeof *q);
	q->id = m->id;
	q->drill = strcmp(m->act, "key drill") == 0;
	q->good = m->good;
	q->text = clv_strdup(m->text);
	a = act_new_own(q->drill ? "key drill" : "key backup", c->start->group);
	clv_free(a->who);
	a->who = principal(c, m->uid);
	a->result = m->good ? "done" : "failed";
	act_detail(a, "%s", m->text);
	a->ctx = q;
	a->change = q->drill ? remember_drill : NULL;
	a->effect = kept;
	a->failed = not_kept;
	act_put(c, a);
	return CLV_OK;
}
