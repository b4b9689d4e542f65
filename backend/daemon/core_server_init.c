/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd init`: makes the group's keys and the first rows of its database, the caller being the first
 * administrator. And retention: old events go; a cut audit trail leaves a checkpoint that the group
 * signed. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_rules.h"
#include <inttypes.h>
#include <string.h>

#define RETAIN_EVERY_MS 3600000ll

struct init_job {
	char *caller, *group, *name, role_key[512];
	uint64_t seq;
	struct clv_buf body;
	uint8_t mac[ROW_MAC_LEN];
	struct clv_slice recovery_hash; /* of the start message; so that recover knows a wrong key */
	struct clv_buf server;
	int64_t now;
};

static clv_rc run_init(struct db *d, void *ctx, struct clv_err *err)
{
	const struct init_job *j = ctx;
	struct store_row row = {"role", j->role_key, j->seq, buf_slice(&j->body),
	                        slice_of(j->mac, sizeof j->mac)};
	struct store_audit a = {j->now,
	                        j->caller,
	                        "local",
	                        "init",
	                        j->group,
	                        "done",
	                        "first management server; caller is administrator"};
	struct clv_buf b;
	uint64_t seq = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 16);
	if (store_audit_add(d, &a, &seq, err) || store_row_put(d, &row, 0, err) || buf_put_u64(&b, 1, err) ||
	    store_meta_put(d, "fencing", buf_slice(&b), err))
		goto out;
	if (j->recovery_hash.len && store_meta_put(d, "recovery key", j->recovery_hash, err))
		goto out;
	if (!store_meta_put(d, META_SERVER_KEY, buf_slice(&j->server), err))
		rc = store_meta_put(d, "group", slice_str(j->group), err);
out:
	buf_release(&b);
	return rc;
}

static void free_init(struct init_job *j)
{
	clv_free(j->caller);
	clv_free(j->group);
	clv_free(j->name);
	buf_release(&j->body);
	buf_release(&j->server);
	clv_free(j);
}

static void done_init(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct init_job *j = ctx;
	uint8_t hash[KEY_HASH_LEN];
	char text[FINGERPRINT_TEXT_MAX] = "";

	if (!sha256(buf_slice(&c->group_key), hash, NULL))
		fingerprint_text(hash, false, text);
	if (rc)
		core_outcome(c, 1, "the database could not be written: %s", err->text);
	else
		core_outcome(c, 0,
		             "Management group %s is made; %s is its first management server.\n"
		             "Group signing key   %s\n"
		             "Administrator       %s\n"
		             "Next: clavigerd run",
		             j->group, j->name, text, j->caller);
	free_init(j);
}

/* The caller's role is a row that decides, like any other. */
static void on_role_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                         const struct clv_err *err)
{
	const Clv__KhRowMade *k = (const Clv__KhRowMade *)m;
	struct init_job *j = ctx;

	(void)type;
	if (!m || !k->row || !slice_fill(PROTO_SLICE(k->row->mac), j->mac, sizeof j->mac)) {
		core_outcome(c, 1, "the first administrator's row was not made: %s",
		             m ? "no MAC" : err->text);
		free_init(j);
		return;
	}
	j->seq = k->row->seq;
	core_db_put(c, run_init, done_init, j);
}

static void ask_role(struct core *c, struct init_job *j)
{
	Clv__RoleRow role = CLV__ROLE_ROW__INIT;
	Clv__KhRow m = CLV__KH_ROW__INIT;
	Clv__Row row = CLV__ROW__INIT;

	role.principal = j->caller;
	role.role = CLV_ROLE_ADMINISTRATOR;
	role.since = j->now;
	role.by = (char *)(uintptr_t) "init";
	rules_role_key(j->caller, CLV_ROLE_ADMINISTRATOR, j->role_key);
	if (proto_encode(&role.base, &j->body, NULL))
		clv_fatal("a role that is larger than it may be");
	row.kind = (char *)(uintptr_t) "role";
	row.key = j->role_key;
	row.body = PROTO_BYTES(buf_slice(&j->body));
	m.row = &row;
	kh_ask(c, IPC_KH_ROW, &m.base, on_role_made, j);
}

static void on_group_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                          const struct clv_err *err)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	(void)ctx;
	(void)type;
	if (!m)
		core_outcome(c, 1, "%s", err->text);
	else
		kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
}

static void on_node_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                         const struct clv_err *err)
{
	Clv__KhInit q = CLV__KH_INIT__INIT;

	(void)ctx;
	(void)type;
	if (!m) {
		core_outcome(c, 1, "%s", err->text);
		return;
	}
	q.what = (char *)(uintptr_t) "group";
	q.recovery_key_hash = c->start->recovery_key_hash;
	kh_ask(c, IPC_KH_INIT, &q.base, on_group_made, NULL);
}

static clv_rc run_is_empty(struct db *d, void *ctx, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc;

	(void)ctx;
	buf_init(&b, 4096);
	rc = store_meta_get(d, "group", &b, err);
	if (!rc && buf_slice(&b).len)
		rc = err_set(
		    err, CLV_E_EXISTS,
		    "this server's database belongs to a management group already; nothing was changed");
	buf_release(&b);
	return rc;
}

static void done_is_empty(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	Clv__KhInit q = CLV__KH_INIT__INIT;

	(void)ctx;
	if (rc) {
		core_outcome(c, 1, "%s", err->text);
		return;
	}
	q.what = (char *)(uintptr_t) "node";
	/* An init that was cut between the keys and the database goes on with the keys it made. */
	kh_ask(c, IPC_KH_INIT, &q.base, c->group_secret ? on_group_made : on_node_made, NULL);
}

/* Called with what the key holder has: at first, and again when the group's key is there. */
void init_group(struct core *c, const Clv__KhInfo *info)
{
	struct init_job *j;

	if (info->joined) {
		core_outcome(
		    c, 1,
		    "%s joined the group %s and holds its keys: init is for the first server; nothing "
		    "was changed",
		    c->start->name, c->start->group);
		return;
	}
	if (c->init_stage++ == 0) {
		core_db_put(c, run_is_empty, done_is_empty, NULL);
		return;
	}
	if (!info->has_group_secret || !info->machine_matches) {
		core_outcome(c, 1, "the group signing key was not made, or belongs to another machine");
		return;
	}
	j = clv_calloc(1, sizeof *j);
	j->caller = clv_strdup(c->start->caller);
	j->group = clv_strdup(c->start->group);
	j->name = clv_strdup(c->start->name);
	j->now = clock_wall_ms();
	j->recovery_hash = PROTO_SLICE(c->start->recovery_key_hash);
	buf_init(&j->body, 4096);
	buf_init(&j->server, KEY_HASH_LEN);
	if (server_key_hash(c, &j->server, NULL))
		clv_fatal("a key that cannot be hashed");
	ask_role(c, j);
}

/* --- retention --- */
struct retain {
	int64_t events, audit, now;
	uint64_t cut;
	uint8_t hash[32];
	struct clv_buf body, sig;
};

static void free_retain(struct retain *r)
{
	buf_release(&r->body);
	buf_release(&r->sig);
	clv_free(r);
}

static clv_rc run_cut(struct db *d, void *ctx, struct clv_err *err)
{
	struct retain *r = ctx;

	return store_checkpoint_put(d, r->cut, slice_of(r->hash, 32), buf_slice(&r->body), buf_slice(&r->sig),
	                            r->now, err);
}

static void done_cut(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct retain *r = ctx;

	if (rc)
		log_err(LOG_ERROR, err, "cutting the audit trail");
	else
		core_event(c, 2003,
		           "The audit trail was cut at row %" PRIu64
		           " as retain_audit says; a signed checkpoint stands there.",
		           r->cut);
	free_retain(r);
}

static void on_cut_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                          const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	struct retain *r = ctx;

	(void)type;
	if (!m || buf_put(&r->body, PROTO_SLICE(k->body), NULL) ||
	    buf_put(&r->sig, PROTO_SLICE(k->signature), NULL)) {
		if (err)
			log_err(LOG_WARN, err, "signing a checkpoint of the audit trail");
		free_retain(r);
		return;
	}
	core_db_put(c, run_cut, done_cut, r);
}

/* Alerts go a thousand at a time, each in a transaction of its own; more wait for the next second. */
#define RETAIN_ALERTS 1000u

struct retain_alerts {
	int64_t before, gone;
};

static clv_rc run_retain_alerts(struct db *d, void *ctx, struct clv_err *err)
{
	struct retain_alerts *r = ctx;

	return store_alerts_retain(d, r->before, RETAIN_ALERTS, &r->gone, err);
}

static void done_retain_alerts(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct retain_alerts *r = ctx;

	if (rc)
		log_err(LOG_ERROR, err, "retention of alerts");
	else if (r->gone >= RETAIN_ALERTS)
		c->srv->retain_alerts_at = clock_mono_ms() + 1000;
	if (!rc && r->gone) {
		c->srv->alerts_change++;
		server_changed(c);
	}
	clv_free(r);
}

static void retain_alerts(struct core *c, int64_t now_ms)
{
	struct retain_alerts *r;

	if (clock_mono_ms() < c->srv->retain_alerts_at)
		return;
	c->srv->retain_alerts_at = clock_mono_ms() + RETAIN_EVERY_MS;
	r = clv_calloc(1, sizeof *r);
	r->before = now_ms - c->start->retain_alerts_ms;
	core_db_put(c, run_retain_alerts, done_retain_alerts, r);
}

static clv_rc run_retain(struct db *d, void *ctx, struct clv_err *err)
{
	struct retain *r = ctx;

	return store_retain(d, r->events, r->audit, &r->cut, r->hash, err);
}

static void done_retain(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct retain *r = ctx;
	Clv__AuditHead h = CLV__AUDIT_HEAD__INIT;

	if (rc || !r->cut) {
		if (rc)
			log_err(LOG_ERROR, err, "retention");
		free_retain(r);
		return;
	}
	h.server = c->start->name;
	h.seq = r->cut;
	h.hash = PROTO_BYTES(slice_of(r->hash, 32));
	h.time = r->now;
	h.cut = true;
	kh_sign(c, STATEMENT_AUDIT_HEAD, &h.base, on_cut_signed, r);
}

void server_retain(struct core *c, int64_t now_ms)
{
	struct retain *r;

	retain_alerts(c, now_ms);
	if (clock_mono_ms() < c->srv->retain_at)
		return;
	c->srv->retain_at = clock_mono_ms() + RETAIN_EVERY_MS;
	r = clv_calloc(1, sizeof *r);
	buf_init(&r->body, 4096);
	buf_init(&r->sig, STATEMENT_SIG_MAX);
	r->now = now_ms;
	r->events = now_ms - c->start->retain_events_ms;
	r->audit = now_ms - c->start->retain_audit_ms;
	core_db_put(c, run_retain, done_retain, r);
}
