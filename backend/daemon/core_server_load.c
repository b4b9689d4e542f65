/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server's start: what the database holds comes into memory, and the group's list of
 * servers is signed; then it is ready. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_server.h"
#include <inttypes.h>
#include <string.h>

/* --- the signed list of servers --- */
static void on_list_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                           const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;

	(void)ctx;
	(void)type;
	if (!m) {
		log_err(LOG_ERROR, err, "signing the list of servers");
		return;
	}
	buf_clear(&c->srv->list_body);
	buf_clear(&c->srv->list_sig);
	if (buf_put(&c->srv->list_body, PROTO_SLICE(k->body), NULL) ||
	    buf_put(&c->srv->list_sig, PROTO_SLICE(k->signature), NULL))
		return;
	if (!c->srv->listed && c->mode == 'r') {
		Clv__Ready r = CLV__READY__INIT;

		r.name = c->start->name;
		core_send(c, LINK_PARENT, IPC_READY, &r.base);
	}
	c->srv->listed = true;
}

void server_list_sign(struct core *c)
{
	Clv__ServerEntry e = CLV__SERVER_ENTRY__INIT, *entries[1] = {&e};
	Clv__ServerList m = CLV__SERVER_LIST__INIT;

	e.name = c->start->name;
	e.node_key = PROTO_BYTES(buf_slice(&c->node_key));
	e.address = c->start->advertise ? c->start->advertise : (char *)(uintptr_t) "";
	m.number = 1;
	m.fencing = c->srv->fencing;
	m.n_servers = 1;
	m.servers = entries;
	m.recovery_key_hash = PROTO_BYTES(buf_slice(&c->recovery_hash));
	kh_sign(c, STATEMENT_SERVER_LIST, &m.base, on_list_signed, NULL);
}

/* --- start --- */
static clv_rc load_agent(const struct store_agent *a, void *ctx, struct clv_err *err)
{
	(void)err;
	(void)server_add(ctx, a);
	return CLV_OK;
}

static clv_rc load_pending(const struct store_pending *p, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;

	(void)err;
	if (s->n_pendings == PENDING_MAX)
		return CLV_OK;
	s->pendings[s->n_pendings] = clv_calloc(1, sizeof(struct pending));
	s->pendings[s->n_pendings++]->row = *p;
	return CLV_OK;
}

static clv_rc load_role(const struct clv_role_fact *f, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct role_grant *r;

	(void)err;
	s->roles = clv_realloc(s->roles, s->n_roles + 1, sizeof *s->roles);
	r = &s->roles[s->n_roles++];
	*r = (struct role_grant){clv_strdup(f->principal), clv_strdup(f->by), f->role, f->since};
	return CLV_OK;
}

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct clv_buf b;
	struct clv_slice v;
	uint64_t bad = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (store_agents(d, load_agent, s, err) || store_pendings(d, load_pending, s, err) ||
	    store_roles(d, load_role, s, err) || store_meta_get(d, "fencing", &b, err) ||
	    store_audit_verify(d, &s->audit_rows, &bad, err) ||
	    store_count(d, false, &s->events_total, err) ||
	    store_turned_away(d, clock_wall_ms() - 86400000ll, &s->turned_away, err))
		goto out;
	v = buf_slice(&b);
	rc = v.len ? slice_get_u64(&v, &s->fencing, err) : CLV_OK;
	s->audit_bad = (int64_t)bad;
	s->audit_checked = clock_wall_ms();
out:
	buf_release(&b);
	return rc;
}

static void done_load(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct server *s = ctx;

	if (rc) {
		core_outcome(c, 1, "the database cannot be read: %s", err->text);
		return;
	}
	if (!s->fencing) {
		core_outcome(c, 1,
		             "%s/OperationsManager.db is of no management group yet: run clavigerd init",
		             c->start->state);
		return;
	}
	s->loaded = true;
	if (s->audit_bad)
		core_event(c, 2003, "The audit trail is broken at row %" PRId64 ": rows before it hold.",
		           s->audit_bad);
	log_info("loaded %zu nodes, %zu requests, %zu roles", s->n_nodes, s->n_pendings, s->n_roles);
	server_list_sign(c);
}

static struct server *new_server(void)
{
	struct server *s = clv_calloc(1, sizeof *s);

	s->pendings = clv_calloc(PENDING_MAX, sizeof *s->pendings);
	buf_init(&s->list_body, 65536);
	buf_init(&s->list_sig, STATEMENT_SIG_MAX);
	s->retain_at = clock_mono_ms() + 5000;
	return s;
}

void server_ready(struct core *c, const Clv__KhInfo *info)
{
	if (c->mode == 'i') {
		init_group(c, info);
		return;
	}
	if (c->srv) {
		if (c->srv->loaded)
			server_list_sign(c); /* the key holder is back */
		return;
	}
	if (!info->has_group_secret || !info->node_key.len) {
		core_outcome(c, 1, "%s has no group key: run clavigerd init first", c->start->name);
		return;
	}
	if (!info->machine_matches) {
		core_outcome(
		    c, 1,
		    "the state folder was copied from another machine (7022): its node key is not used here");
		return;
	}
	c->srv = new_server();
	core_db_put(c, run_load, done_load, c->srv);
}
