/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server's start: what the database holds comes into memory; then the group's
 * list of servers is signed, and it is ready. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console.h"
#include "daemon/core_recovery.h"
#include <openssl/rand.h>
#include <inttypes.h>
#include <string.h>

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

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct clv_buf b;
	struct clv_slice v;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (store_agents(d, load_agent, s, err) || store_pendings(d, load_pending, s, err) ||
	    rules_load(d, s, err) || recovery_load(d, s, err) || aside_load(d, s, err) ||
	    keyact_load(d, s, err) || store_meta_get(d, "fencing", &b, err) ||
	    store_count(d, false, &s->events_total, err) ||
	    store_turned_away(d, clock_wall_ms() - 86400000ll, &s->turned_away, err))
		goto out;
	v = buf_slice(&b);
	rc = v.len ? slice_get_u64(&v, &s->fencing, err) : CLV_OK;
	buf_clear(&b);
	if (!rc && !(rc = store_meta_get(d, "epoch", &b, err)) && (v = buf_slice(&b)).len)
		rc = slice_get_u64(&v, &s->epoch, err);
	buf_clear(&b);
	if (!rc && !(rc = store_meta_get(d, META_LIST_NUMBER, &b, err)) && (v = buf_slice(&b)).len)
		rc = slice_get_u64(&v, &s->list_number, err);
out:
	buf_release(&b);
	return rc;
}

static void checked(struct core *c);

static void done_load(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct server *s = ctx;

	if (rc) {
		core_outcome(c, 1, "the database cannot be read: %s", err->text);
		return;
	}
	if (!s->fencing) {
		core_outcome(
		    c, 1,
		    "%s/OperationsManager.db is of no management group yet: run clavigerd init; a "
		    "server that joined has no database of its own and does not serve: [node] store = via "
		    "NAME has it carry links to one that has (after the loss of the others: clavigerd store "
		    "restore FILE)",
		    c->start->state);
		return;
	}
	if (s->epoch != c->epoch) {
		core_outcome(c, 1,
		             "the keys here are of epoch %" PRIu64 ", the database is of %" PRIu64 ": %s",
		             c->epoch, s->epoch,
		             c->epoch > s->epoch
		                 ? "a recovery was cut short, or an older copy of the database was brought "
		                   "back; clavigerd recover goes on"
		                 : "they are older; nothing is served with them");
		return;
	}
	s->loaded = true; /* events can be kept */
	rules_check(c, checked);
}

static clv_rc run_held(struct db *d, void *ctx, struct clv_err *err)
{
	return deliver_load(d, ctx, err);
}

static void done_held(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct server *s = ctx;

	if (rc) {
		core_outcome(c, 1, "the database cannot be read: %s", err->text);
		return;
	}
	log_info("loaded %zu nodes, %zu requests, %zu roles, %zu accounts", s->n_nodes, s->n_pendings,
	         s->n_roles, s->rules->accounts.n);
	audit_check(c, server_list_sign);
}

static void checked(struct core *c)
{
	core_db_put(c, run_held, done_held, c->srv);
}

static struct server *new_server(void)
{
	struct server *s = clv_calloc(1, sizeof *s);

	s->rules = clv_calloc(1, sizeof *s->rules);
	s->pendings = clv_calloc(PENDING_MAX, sizeof *s->pendings);
	buf_init(&s->list_body, 65536);
	buf_init(&s->list_sig, STATEMENT_SIG_MAX);
	if (RAND_bytes(s->run, sizeof s->run) != 1)
		clv_fatal("no random bytes");
	s->retain_at = clock_mono_ms() + 5000;
	quota_init(&s->local_consoles, CONSOLE_LOCAL_EACH, CONSOLE_LOCAL_MAX, CONSOLE_LOCAL_SPARE);
	return s;
}

void server_ready(struct core *c, const Clv__KhInfo *info)
{
	if (c->mode == 'i') {
		init_group(c, info);
		return;
	}
	if (c->mode == 'v' || c->mode == 'k') {
		recover_ready(c, info);
		return;
	}
	if (c->srv) {
		if (c->srv->listed || c->srv->unlisted) {
			server_list_sign(c); /* the key holder is back */
			audit_written(c, 0);
		} else if (c->srv->checking)
			core_outcome(c, 1,
			             "the key holder was lost while the database was checked; start again");
		return;
	}
	if (!info->has_group_secret || !info->node_key.len || !info->group_key_version) {
		core_outcome(c, 1,
		             "%s has no group key: run clavigerd init first, or, where its database was kept "
		             "and its keys are lost, clavigerd key restore FILE or clavigerd recover",
		             c->start->name);
		return;
	}
	if (!info->machine_matches) {
		core_outcome(
		    c, 1,
		    "the state folder was copied from another machine (7022): its node key is not used here");
		return;
	}
	c->srv = new_server();
	audit_start(c, info);
	core_db_put(c, run_load, done_load, c->srv);
}
