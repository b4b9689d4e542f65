/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd recover` and `clavigerd key restore` (S23, S30): a management server whose vault is lost comes
 * back over the database that is left, with new keys or with those of a key backup. Nothing is deleted: rows
 * that decide are taken over under the new key, accounts whose password does not open any more wait to be
 * entered again, nodes stay members and go on with what they hold. One transaction ends it; what was cut
 * before is done again by the same command. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_rules.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row as it lies in the database, and as it will. */
struct taken {
	char *kind, *key;
	uint64_t seq, new_seq;
	uint32_t key_version;
	struct clv_buf body;
	uint8_t mac[ROW_MAC_LEN];
	bool made; /* anew: it changes in the transaction */
};

/* The newest password of an account lies under this group key. */
struct kept_password {
	char account[40];
	uint64_t version;
	uint32_t key_version;
};

struct recovering {
	char group[256];
	uint64_t epoch, fencing; /* of the database */
	uint64_t new_epoch, new_fencing;
	struct taken *rows;
	size_t n_rows, cap_rows, at;
	struct kept_password *passwords;
	size_t n_passwords, cap_passwords;
	uint32_t top; /* highest version of a group key that is named */
	size_t n_nodes, n_accounts, n_reentry, n_made, n_unread;
	uint32_t versions[8];
	size_t n_versions;
	const char *caller, *own; /* of the start message */
	char role_key[512], detail[200];
	bool kept_keys;
	int64_t now;
	struct clv_buf server; /* whose node key the database was last taken over by, as server_key_hash */
	struct clv_buf state, epoch_bytes, fencing_bytes;
	struct clv_buf recovery_hash; /* of the recovery key that init made; empty: none */
	char others[400];             /* servers that joined: they have the group's keys; "" none */
};

static void free_recovering(struct recovering *r)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		clv_free(r->rows[i].kind);
		clv_free(r->rows[i].key);
		buf_release(&r->rows[i].body);
	}
	clv_free(r->rows);
	clv_free(r->passwords);
	buf_release(&r->server);
	buf_release(&r->state);
	buf_release(&r->epoch_bytes);
	buf_release(&r->fencing_bytes);
	buf_release(&r->recovery_hash);
	clv_free(r);
}

/* --- what the database has --- */
static uint32_t version_of(struct clv_slice s)
{
	uint32_t v = 0;

	return slice_get_u32(&s, &v, NULL) ? 0 : v;
}

static struct taken *add_row(struct recovering *r, const char *kind, const char *key)
{
	struct taken *t;

	if (r->n_rows == r->cap_rows) {
		r->cap_rows = r->cap_rows ? r->cap_rows * 2 : 64;
		r->rows = clv_realloc(r->rows, r->cap_rows, sizeof *r->rows);
	}
	t = &r->rows[r->n_rows++];
	memset(t, 0, sizeof *t);
	t->kind = clv_strdup(kind);
	t->key = clv_strdup(key);
	buf_init(&t->body, IPC_BODY_MAX);
	return t;
}

static void name_version(struct recovering *r, uint32_t version)
{
	if (version > r->top)
		r->top = version;
}

static bool is_of_server(const struct store_row *row)
{
	ProtobufCMessage *m = NULL;
	bool yes;

	if (proto_decode(&clv__approval_row__descriptor, row->body, &m, NULL))
		return false;
	yes = strcmp(((const Clv__ApprovalRow *)m)->role, node_roles[NODE_SERVER]) == 0;
	proto_free(m);
	return yes;
}

static clv_rc look_row(const struct store_row *row, void *ctx, struct clv_err *err)
{
	struct recovering *r = ctx;
	struct taken *t;

	/* A server that joined holds keys that are gone: it joins anew. */
	if (!r->kept_keys && strcmp(row->kind, "approval") == 0 && is_of_server(row))
		return CLV_OK;
	t = add_row(r, row->kind, row->key);
	t->seq = row->seq;
	t->key_version = row->mac.len == ROW_MAC_LEN ? version_of(row->mac) : 0;
	name_version(r, t->key_version);
	return buf_put(&t->body, row->body, err);
}

static clv_rc look_password(const char *account, uint64_t version, struct clv_slice blob, void *ctx,
                            struct clv_err *err)
{
	struct recovering *r = ctx;
	struct kept_password *p;

	(void)err;
	name_version(r, version_of(blob));
	if (strlen(account) >= sizeof p->account)
		return CLV_OK;
	if (r->n_passwords == r->cap_passwords) {
		r->cap_passwords = r->cap_passwords ? r->cap_passwords * 2 : 64;
		r->passwords = clv_realloc(r->passwords, r->cap_passwords, sizeof *r->passwords);
	}
	p = &r->passwords[r->n_passwords++];
	memcpy(p->account, account, strlen(account) + 1);
	p->version = version;
	p->key_version = version_of(blob);
	return CLV_OK;
}

static clv_rc look_number(struct db *d, const char *key, uint64_t *out, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice v;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 64);
	if (!store_meta_get(d, key, &b, err)) {
		v = buf_slice(&b);
		rc = v.len ? slice_get_u64(&v, out, err) : CLV_OK;
	}
	buf_release(&b);
	return rc;
}

static clv_rc count_node(const struct store_agent *a, void *ctx, struct clv_err *err)
{
	(void)a;
	(void)err;
	((struct recovering *)ctx)->n_nodes++;
	return CLV_OK;
}

static clv_rc run_look(struct db *d, void *ctx, struct clv_err *err)
{
	struct recovering *r = ctx;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, sizeof r->group - 1);
	if (!store_meta_get(d, "group", &b, err) &&
	    !store_meta_get(d, "recovery key", &r->recovery_hash, err) &&
	    !store_meta_get(d, META_SERVER_KEY, &r->server, err) &&
	    !look_number(d, "epoch", &r->epoch, err) && !look_number(d, "fencing", &r->fencing, err) &&
	    !join_names(d, r->own, r->others, sizeof r->others, err) && !store_rows(d, look_row, r, err) &&
	    !store_passwords(d, look_password, r, err) && !store_agents(d, count_node, r, err)) {
		memcpy(r->group, buf_slice(&b).ptr ? (const char *)buf_slice(&b).ptr : "", buf_slice(&b).len);
		rc = CLV_OK;
	}
	buf_release(&b);
	return rc;
}

/* --- the end: one transaction --- */
static clv_rc run_commit(struct db *d, void *ctx, struct clv_err *err)
{
	const struct recovering *r = ctx;
	struct store_audit a = {r->now,   r->caller, "local",  r->kept_keys ? "key restore" : "recover",
	                        r->group, "done",    r->detail};
	uint64_t seq = 0;

	for (size_t i = 0; i < r->n_rows; i++) {
		const struct taken *t = &r->rows[i];
		struct store_row row = {t->kind, t->key, t->new_seq, buf_slice(&t->body),
		                        slice_of(t->mac, sizeof t->mac)};

		if (t->made && store_row_put(d, &row, t->seq, err))
			return CLV_FAILED;
	}
	if (store_meta_put(d, "epoch", buf_slice(&r->epoch_bytes), err) ||
	    store_meta_put(d, "fencing", buf_slice(&r->fencing_bytes), err) ||
	    store_meta_put(d, META_SERVER_KEY, buf_slice(&r->server), err) ||
	    store_meta_put(d, "recovery", buf_slice(&r->state), err) || store_agents_unsealed(d, err))
		return CLV_FAILED;
	/* They are by the key that is gone, and so are the servers that hold it. */
	if (!r->kept_keys && (store_heads_forget(d, err) || store_servers_forget(d, err)))
		return CLV_FAILED;
	return store_audit_add(d, &a, &seq, err);
}

static void say_done(struct core *c, const struct recovering *r)
{
	uint8_t hash[KEY_HASH_LEN];
	char text[FINGERPRINT_TEXT_MAX] = "", trust[400] = "";

	if (!sha256(buf_slice(&c->group_key), hash, NULL))
		fingerprint_text(hash, false, text);
	if (!r->kept_keys)
		(void)snprintf(trust, sizeof trust, "Nodes               %s\n",
		               buf_slice(&c->succession).len
		                   ? "take it by themselves: the recovery key signed it"
		                   : "take it after clavigerd trust FINGERPRINT there, or at once where\n"
		                     "                    reaccept = direct was configured; until then "
		                     "they go on with what they hold");
	core_outcome(c, 0,
	             "Management group %s is back on %s%s.\n"
	             "Group signing key   %s\n%s"
	             "Taken over          %zu nodes, %zu accounts, %zu rows in all; %zu that do not read are "
	             "not used\n"
	             "%s"
	             "To enter again      %zu of %zu passwords%s\n"
	             "Administrator       %s\n"
	             "Next: clavigerd run",
	             r->group, c->start->name, r->kept_keys ? " with its keys" : " with new keys", text,
	             trust, r->n_nodes, r->n_accounts, r->n_rows, r->n_unread,
	             r->kept_keys ? ""
	                          : "                    Nothing proves that nobody wrote to the database "
	                            "meanwhile: look at nodes,\n"
	                            "                    accounts and roles before a password is entered.\n",
	             r->n_reentry, r->n_accounts, r->n_reentry ? ": claviger recover" : "", c->start->caller);
}

static void done_commit(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	if (rc)
		core_outcome(c, 1,
		             "the database could not be written: %s. Nothing of it was changed; the same "
		             "command goes on.",
		             err->text);
	else
		say_done(c, ctx);
	free_recovering(ctx);
}

static clv_rc pack_state(struct core *c, struct recovering *r, struct clv_err *err)
{
	Clv__RecoveryState m = CLV__RECOVERY_STATE__INIT;

	buf_init(&r->state, 4096);
	buf_init(&r->epoch_bytes, 8);
	buf_init(&r->fencing_bytes, 8);
	m.epoch = r->new_epoch;
	m.time = r->now;
	m.by = c->start->caller;
	m.kept_keys = r->kept_keys;
	(void)snprintf(r->detail, sizeof r->detail,
	               "epoch %" PRIu64 ", %zu rows made anew, %zu passwords to enter again", r->new_epoch,
	               r->n_made, r->n_reentry);
	buf_clear(&r->server);
	if (proto_encode(&m.base, &r->state, err) || server_key_hash(c, &r->server, err) ||
	    buf_put_u64(&r->epoch_bytes, r->new_epoch, err))
		return CLV_FAILED;
	return buf_put_u64(&r->fencing_bytes, r->new_fencing, err);
}

/* --- rows, one after the other --- */
static bool has_version(const struct recovering *r, uint32_t version)
{
	for (size_t i = 0; i < r->n_versions; i++)
		if (r->versions[i] == version)
			return true;
	return false;
}

static bool password_opens(const struct recovering *r, const char *account, uint64_t version)
{
	for (size_t i = 0; i < r->n_passwords; i++)
		if (r->passwords[i].version == version && strcmp(r->passwords[i].account, account) == 0)
			return has_version(r, r->passwords[i].key_version);
	return false;
}

/* What is under way at one host cannot go on: its password is lost. What hosts use stays. */
static bool mark_account(struct recovering *r, struct taken *t, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	Clv__AccountRow *a;
	bool lost;

	if (proto_decode(&clv__account_row__descriptor, buf_slice(&t->body), &m, err))
		return false;
	a = (Clv__AccountRow *)m;
	r->n_accounts++;
	lost = (a->released && !password_opens(r, a->id, a->released)) ||
	       (a->version && !password_opens(r, a->id, a->version));
	if (lost && a->version) {
		char *none = a->first, *text = a->trial_text;

		a->reentry = true;
		a->trial = CLV_TRIAL_NONE;
		a->first = a->trial_text = (char *)(uintptr_t) "";
		buf_clear(&t->body);
		if (proto_encode(&a->base, &t->body, err))
			lost = false;
		a->first = none;
		a->trial_text = text;
	}
	r->n_reentry += a->reentry;
	proto_free(m);
	return lost;
}

static bool needs_making(struct recovering *r, struct taken *t)
{
	struct clv_err err = {0};
	bool changed = false;

	if (t->made)
		return true; /* the administrator's, which is new */
	if (strcmp(t->kind, "account") == 0 && buf_slice(&t->body).len)
		changed = mark_account(r, t, &err);
	if (err.code) {
		r->n_unread++;
		return false; /* named when the service starts */
	}
	return changed || !has_version(r, t->key_version);
}

static void next_row(struct core *c, struct recovering *r);

static void on_row(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                   const struct clv_err *err)
{
	const Clv__KhRowMade *k = (const Clv__KhRowMade *)m;
	struct recovering *r = ctx;
	struct taken *t = &r->rows[r->at];

	(void)type;
	if (m && k->row && slice_fill(PROTO_SLICE(k->row->mac), t->mac, sizeof t->mac)) {
		t->made = true;
		t->new_seq = k->row->seq;
		r->n_made++;
	} else if (m || err->code == CLV_E_CLOSED) {
		core_outcome(c, 1, "the key holder was lost; the same command goes on");
		free_recovering(r);
		return;
	} else {
		log_err(LOG_WARN, err, "a row that does not read is left as it is");
		r->n_unread++;
		t->made = false;
	}
	r->at++;
	next_row(c, r);
}

static void next_row(struct core *c, struct recovering *r)
{
	Clv__KhRow m = CLV__KH_ROW__INIT;
	Clv__Row row = CLV__ROW__INIT;
	struct clv_err err = {0};

	while (r->at < r->n_rows && !needs_making(r, &r->rows[r->at]))
		r->at++;
	if (r->at < r->n_rows) {
		row.kind = r->rows[r->at].kind;
		row.key = r->rows[r->at].key;
		row.seq = r->rows[r->at].seq;
		row.body = PROTO_BYTES(buf_slice(&r->rows[r->at].body));
		m.row = &row;
		kh_ask(c, IPC_KH_ROW, &m.base, on_row, r);
	} else if (pack_state(c, r, &err)) {
		core_outcome(c, 1, "%s", err.text);
		free_recovering(r);
	} else {
		core_db_put(c, run_commit, done_commit, r);
	}
}

/* Who recovers is administrator, as who runs init is. */
static void add_administrator(struct core *c, struct recovering *r)
{
	Clv__RoleRow role = CLV__ROLE_ROW__INIT;
	struct taken *t;

	rules_role_key(c->start->caller, CLV_ROLE_ADMINISTRATOR, r->role_key);
	for (size_t i = 0; i < r->n_rows; i++)
		if (strcmp(r->rows[i].kind, "role") == 0 && strcmp(r->rows[i].key, r->role_key) == 0 &&
		    buf_slice(&r->rows[i].body).len)
			return;
	for (size_t i = 0; i < r->n_rows; i++)
		if (strcmp(r->rows[i].kind, "role") == 0 && strcmp(r->rows[i].key, r->role_key) == 0) {
			t = &r->rows[i];
			goto fill;
		}
	t = add_row(r, "role", r->role_key);
fill:
	role.principal = c->start->caller;
	role.role = CLV_ROLE_ADMINISTRATOR;
	role.since = r->now;
	role.by = (char *)(uintptr_t)(r->kept_keys ? "key restore" : "recover");
	t->made = true;
	if (proto_encode(&role.base, &t->body, NULL))
		clv_fatal("a role that is larger than it may be");
}

/* --- keys --- */
static void on_keys(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	(void)type;
	if (!m) {
		core_outcome(c, 1, "%s", err->text);
		c->recovering = NULL;
		free_recovering(ctx);
		return;
	}
	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
}

static const char *no_database(const struct core *c, const struct recovering *r, char *text, size_t size)
{
	if (!*r->group)
		(void)snprintf(text, size,
		               "%s/OperationsManager.db is of no management group: bring it back with "
		               "clavigerd store restore, or make a group with clavigerd init",
		               c->start->state);
	else if (strcmp(r->group, c->start->group) != 0)
		(void)snprintf(text, size, "%s/OperationsManager.db is of management group %s, not %s",
		               c->start->state, r->group, c->start->group);
	else
		return NULL;
	return text;
}

clv_rc server_key_hash(const struct core *c, struct clv_buf *out, struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];

	return sha256(buf_slice(&c->node_key), hash, err) ? CLV_FAILED
	                                                  : buf_put(out, slice_of(hash, sizeof hash), err);
}

/* A key restore that was cut between the vault and the database: the epoch is the same, this server's own
 * key, which it made anew, is not the database's yet. A database of an earlier release does not say. */
static bool cut_restore(const struct core *c, const struct recovering *r)
{
	struct clv_buf here;
	bool is;

	buf_init(&here, KEY_HASH_LEN);
	is = c->epoch == r->epoch && buf_slice(&r->server).len && !server_key_hash(c, &here, NULL) &&
	     !slice_eq(buf_slice(&here), buf_slice(&r->server));
	buf_release(&here);
	return is;
}

/* The keys are here. Were they made by a recovery that the database does not know of yet? */
static const char *nothing_lost(const struct core *c, const struct recovering *r, char *text, size_t size)
{
	if (cut_restore(c, r))
		return NULL;
	if (c->epoch == r->epoch)
		(void)snprintf(text, size,
		               "%s has its keys (epoch %" PRIu64
		               "): nothing has to be recovered. Next: clavigerd run",
		               c->start->name, r->epoch);
	else if (c->epoch < r->epoch)
		(void)snprintf(text, size,
		               "the keys here are of epoch %" PRIu64 ", the database is of %" PRIu64
		               ": move %s/vault away, then recover again, or restore a newer key backup",
		               c->epoch, r->epoch, c->start->state);
	else
		return NULL;
	return text;
}

/* As long as one is left the group's keys are (S22): new ones would cost every password. */
static const char *keys_elsewhere(const struct core *c, const struct recovering *r, char *text, size_t size)
{
	if (r->kept_keys || !*r->others || c->start->replace)
		return NULL;
	(void)snprintf(
	    text, size,
	    "the group's keys are at %s too, which joined: take this database there (clavigerd store "
	    "restore, then run), and no password has to be entered. Only where those are lost as "
	    "well: clavigerd recover --replace makes new keys",
	    r->others);
	return text;
}

static void ask_keys(struct core *c, struct recovering *r)
{
	Clv__KhInit q = CLV__KH_INIT__INIT;

	q.what = (char *)(uintptr_t)(r->kept_keys ? "restore" : "recover");
	q.epoch = r->new_epoch;
	q.above = r->top;
	q.recovery_key_hash = PROTO_BYTES(buf_slice(&r->recovery_hash));
	kh_ask(c, IPC_KH_INIT, &q.base, on_keys, r);
}

static void done_look(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct recovering *r = ctx;
	char text[800];
	const char *why;

	if (rc)
		core_outcome(c, 1, "the database cannot be read: %s", err->text);
	else if ((why = no_database(c, r, text, sizeof text)) ||
	         (!c->group_secret && (why = keys_elsewhere(c, r, text, sizeof text))) ||
	         (c->group_secret && (why = nothing_lost(c, r, text, sizeof text))))
		core_outcome(c, 1, "%s", why);
	if (rc || why) {
		c->recovering = NULL;
		free_recovering(r);
		return;
	}
	/* Numbers that only rise, even where the database is an older copy. */
	r->new_epoch = (uint64_t)r->now / 1000 > r->epoch ? (uint64_t)r->now / 1000 : r->epoch + 1;
	r->new_fencing = r->new_epoch > r->fencing ? r->new_epoch : r->fencing + 1;
	if (r->kept_keys)
		r->new_epoch = r->epoch;
	if (!c->group_secret) {
		ask_keys(c, r);
		return;
	}
	/* Cut between the keys and the database: what was begun is ended, by either of the two commands. */
	r->kept_keys = c->epoch == r->epoch;
	recover_ready(c, NULL);
}

/* At first with what the key holder has; again when the keys are there. */
void recover_ready(struct core *c, const Clv__KhInfo *info)
{
	struct recovering *r = c->recovering;
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	if (!r) {
		r = clv_calloc(1, sizeof *r);
		c->recovering = r;
		buf_init(&r->recovery_hash, KEY_HASH_LEN);
		r->now = clock_wall_ms();
		r->kept_keys = c->mode == 'k';
		r->caller = c->start->caller;
		r->own = c->start->name;
		buf_init(&r->server, KEY_HASH_LEN);
		core_db_put(c, run_look, done_look, r);
		return;
	}
	if (!info) {
		kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, core_info_done, NULL);
		return;
	}
	c->recovering = NULL;
	if (!info->has_group_secret || !info->machine_matches || !info->group_key_version) {
		core_outcome(c, 1, "the group's keys were not made, or belong to another machine");
		free_recovering(r);
		return;
	}
	for (; r->n_versions < info->n_group_key_versions && r->n_versions < 8; r->n_versions++)
		r->versions[r->n_versions] = info->group_key_versions[r->n_versions];
	r->new_epoch = info->epoch;
	add_administrator(c, r);
	next_row(c, r);
}
