/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: what a console may change. One shape for all: the audit row and the change commit in one
 * transaction, then the effect; if the row cannot be written nothing is done (design 3, "Roles and
 * audit"). A denied act leaves a row too. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct act {
	uint64_t conn, req;
	char *who, *from, *name, *object, *detail;
	const char *result;
	uint64_t audit_row, row_version;
	char done[512];                                                     /* text of the answer */
	clv_rc (*change)(struct db *d, struct act *a, struct clv_err *err); /* database thread */
	void (*effect)(struct core *c, struct act *a);                      /* loop, after the commit */
	/* of single acts */
	struct store_pending pending;
	struct store_agent agent;
	enum clv_role role;
	uint64_t version, above;
	int64_t now;
	char *path;
};

static void free_act(struct act *a)
{
	clv_free(a->who);
	clv_free(a->from);
	clv_free(a->name);
	clv_free(a->object);
	clv_free(a->detail);
	clv_free(a->path);
	clv_free(a);
}

static struct act *new_act(const struct console_request *q, const char *name, const char *object)
{
	struct act *a = clv_calloc(1, sizeof *a);

	a->conn = q->conn;
	a->req = q->req;
	a->who = clv_strdup(q->console->principals[0]);
	a->from = clv_strdup(q->console->from);
	a->name = clv_strdup(name);
	a->object = clv_strdup(object);
	a->detail = clv_strdup("");
	a->result = "done";
	a->now = clock_wall_ms();
	return a;
}

static clv_rc run_act(struct db *d, void *ctx, struct clv_err *err)
{
	struct act *a = ctx;
	struct store_audit row = {a->now, a->who, a->from, a->name, a->object, a->result, a->detail};

	if (store_audit_add(d, &row, &a->audit_row, err))
		return CLV_FAILED;
	return a->change ? a->change(d, a, err) : CLV_OK;
}

/* Message 15, when the disk is the reason. */
static void refuse_io(struct core *c, const struct act *a, const struct clv_err *err)
{
	struct clv_err e = {0};

	if (err->cls == CLV_CLASS_IO && (err->code == CLV_E_FULL || err->code == CLV_E_IO))
		(void)err_set(&e, err->code,
		              "Refused: %s cannot write the audit trail, so nobody can change anything (%s). "
		              "Make room under %s. "
		              "Looking works.",
		              c->start->name, err->code == CLV_E_FULL ? "disk full" : err->text,
		              c->start->state);
	else
		e = *err;
	console_refuse(c, a->conn, a->req, &e, 0);
}

static void done_act(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;
	Clv__Done d = CLV__DONE__INIT;

	if (rc) {
		refuse_io(c, a, err);
		free_act(a);
		return;
	}
	c->srv->audit_rows++;
	if (a->effect)
		a->effect(c, a);
	server_changed(c);
	d.req = a->req;
	d.text = a->done;
	d.row_version = a->row_version;
	d.audit_row = a->audit_row;
	console_reply(c, a->conn, REP_DONE, &d.base);
	free_act(a);
}

/* --- denied --- */
static void done_denied(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;
	struct clv_err e = {0};

	(void)err;
	(void)err_set(&e, CLV_E_DENIED, "Not allowed: %s.", a->done);
	if (!rc)
		c->srv->audit_rows++;
	console_refuse(c, a->conn, a->req, &e, rc ? 0 : a->audit_row);
	server_changed(c);
	free_act(a);
}

void console_deny(struct core *c, const struct console_request *q, const char *name, const char *object,
                  enum clv_role need, enum clv_role has)
{
	struct act *a = new_act(q, name, object);

	a->result = "not allowed";
	(void)snprintf(a->done, sizeof a->done, "%s needs %s, you are %s", name, clv_role_word(need),
	               has == CLV_ROLE_NONE ? "without a role" : clv_role_word(has));
	clv_free(a->detail);
	a->detail = clv_strdup(a->done);
	core_db_put(c, run_act, done_denied, a);
}

const char *console_act_object(uint16_t type, const ProtobufCMessage *m)
{
	switch (type) {
	case REQ_APPROVE:
		return ((const Clv__ApproveRequest *)m)->name;
	case REQ_REJECT:
		return ((const Clv__RejectRequest *)m)->name;
	case REQ_REMOVE:
		return ((const Clv__RemoveRequest *)m)->name;
	case REQ_ROTATE:
		return ((const Clv__RotateRequest *)m)->name;
	case REQ_ROLE_GRANT:
		return ((const Clv__RoleGrantRequest *)m)->principal;
	case REQ_ROLE_REVOKE:
		return ((const Clv__RoleRevokeRequest *)m)->principal;
	case REQ_STORE_BACKUP:
		return ((const Clv__StoreBackupRequest *)m)->name;
	default:
		return "";
	}
}

/* --- pending: approve, reject --- */
static bool is_named(const struct store_pending *p, const char *name)
{
	size_t len = strlen(name);

	return strcmp(p->name, name) == 0 ||
	       (len && !strchr(name, '.') && strncmp(p->name, name, len) == 0 && p->name[len] == '.');
}

/* By number (also written "#12"), else by name: several of one name are told apart by the fingerprint
 * where one is given. */
static clv_rc find_pending(const struct core *c, uint64_t id, const char *name, const char *fingerprint,
                           struct pending **out, struct clv_err *err)
{
	struct pending *p, *hit = NULL;
	size_t hits = 0;

	if (!id && name[0] == '#') {
		id = strtoull(name + 1, NULL, 10);
		name = "";
	}
	p = id ? enroll_find(c->srv, id) : NULL;
	if (p && *name && strcmp(p->row.name, name) != 0)
		return err_set(err, CLV_E_CONFLICT, "Not done: request %" PRIu64 " is of %s, not of %s.", id,
		               p->row.name, name);
	for (size_t i = 0; !id && i < c->srv->n_pendings; i++) {
		struct pending *x = c->srv->pendings[i];

		if (!is_named(&x->row, name))
			continue;
		hits++;
		if (!hit || (fingerprint && fingerprint_matches(x->row.fingerprint, fingerprint)))
			hit = x;
	}
	if (hits > 1 && !(fingerprint && fingerprint_matches(hit->row.fingerprint, fingerprint)))
		return err_set(err, CLV_E_USAGE,
		               "%zu requests are named %s: name one by its number, like #%" PRIu64, hits,
		               name, hit->row.id);
	if (!p && !hit)
		return err_set(err, CLV_E_NOTFOUND, "nobody named %s waits to be accepted",
		               *name ? name : "so");
	*out = p ? p : hit;
	return CLV_OK;
}

static clv_rc change_approve(struct db *d, struct act *a, struct clv_err *err)
{
	return enroll_approve_job(d, &a->pending, a->who, a->now, &a->agent, err);
}

static void effect_approve(struct core *c, struct act *a)
{
	struct node *known = server_find(c->srv, a->agent.name);

	enroll_forget(c->srv, a->pending.id);
	if (known && known->session) {
		struct session *s = known->session;

		known->session = NULL;
		s->node = NULL;
		server_refuse(c, s, REFUSAL_CONFLICT, "another node was accepted as %s", a->agent.name);
	}
	(void)server_add(c->srv, &a->agent);
	a->row_version = a->agent.row_version;
	core_event(c, 20020, "%s was accepted by %s.", a->agent.name, a->who);
}

static void act_approve(struct core *c, const struct console_request *q, const Clv__ApproveRequest *m)
{
	struct pending *p = NULL;
	struct clv_err err = {0};
	struct act *a;

	if (find_pending(c, m->pending_id, m->name, m->fingerprint, &p, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	if (!fingerprint_matches(p->row.fingerprint, m->fingerprint))
		(void)err_set(&err, CLV_E_NOTFOUND,
		              "Not done: these are not the digits of %s. Type the first 12 that clavigerd "
		              "enroll printed on that host.",
		              p->row.name);
	else if (server_find(c->srv, p->row.name) && !m->replace)
		(void)err_set(&err, CLV_E_CONFLICT,
		              "Not done: %s is known with another key. If that host was re-installed, say "
		              "so: --replace; the old key gets nothing any more.",
		              p->row.name);
	if (err.code) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = new_act(q, "approve", p->row.name);
	a->pending = p->row;
	a->change = change_approve;
	a->effect = effect_approve;
	if (m->replace) {
		clv_free(a->detail);
		a->detail = clv_strdup("replaces the pinned key");
	}
	(void)snprintf(a->done, sizeof a->done, "%s accepted", p->row.name);
	core_db_put(c, run_act, done_act, a);
}

static clv_rc change_reject(struct db *d, struct act *a, struct clv_err *err)
{
	return store_pending_remove(d, a->pending.id, err);
}

static void effect_reject(struct core *c, struct act *a)
{
	enroll_forget(c->srv, a->pending.id);
}

static void act_reject(struct core *c, const struct console_request *q, const Clv__RejectRequest *m)
{
	struct pending *p = NULL;
	struct clv_err err = {0};
	struct act *a;

	if (find_pending(c, m->pending_id, m->name, NULL, &p, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = new_act(q, "reject", p->row.name);
	a->pending = p->row;
	a->change = change_reject;
	a->effect = effect_reject;
	clv_free(a->detail);
	a->detail = clv_asprintf("%.200s", m->reason);
	(void)snprintf(a->done, sizeof a->done, "%s declined", p->row.name);
	core_db_put(c, run_act, done_act, a);
}

/* --- agents: rotate, remove --- */
static bool find_node(struct core *c, const struct console_request *q, const char *name, uint64_t version,
                      struct node **n)
{
	struct clv_err err = {0};

	if (!server_resolve(c->srv, name, n, &err) && version && version != (*n)->row_version)
		(void)err_set(&err, CLV_E_CONFLICT, "Not done: %s changed meanwhile. Look again.",
		              (*n)->name);
	if (err.code)
		console_refuse(c, q->conn, q->req, &err, 0);
	return !err.code;
}

static clv_rc change_rotate(struct db *d, struct act *a, struct clv_err *err)
{
	return store_agent_rotate(d, a->object, a->above, 0, err);
}

static void effect_rotate(struct core *c, struct act *a)
{
	struct node *n = server_find(c->srv, a->object);

	if (!n)
		return;
	n->rotate_above = a->above;
	n->row_version++;
	a->row_version = n->row_version;
	if (n->session)
		keys_send_rotate(c, n->session);
}

static void act_rotate(struct core *c, const struct console_request *q, const Clv__RotateRequest *m)
{
	struct clv_err err = {0};
	struct node *n = NULL;
	struct act *a;

	if (!find_node(c, q, m->name, m->row_version, &n))
		return;
	if (!n->has_key) {
		(void)err_set(&err, CLV_E_USAGE, "%s has published no key yet: there is nothing to rotate",
		              n->name);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = new_act(q, "rotate", n->name);
	a->above = n->generation;
	a->change = change_rotate;
	a->effect = effect_rotate;
	clv_free(a->detail);
	a->detail = clv_asprintf("%.200s", m->reason);
	(void)snprintf(a->done, sizeof a->done,
	               n->session ? "%s makes a new key; the old one serves until it is confirmed"
	                          : "%s is not in touch: it makes a new key when it returns",
	               n->name);
	core_db_put(c, run_act, done_act, a);
}

static clv_rc change_remove(struct db *d, struct act *a, struct clv_err *err)
{
	return store_agent_remove(d, a->object, 0, err);
}

static void effect_remove(struct core *c, struct act *a)
{
	struct node *n = server_find(c->srv, a->object);

	if (n)
		server_drop(c, n);
}

static void act_remove(struct core *c, const struct console_request *q, const Clv__RemoveRequest *m)
{
	struct node *n = NULL;
	struct act *a;

	if (!find_node(c, q, m->name, m->row_version, &n))
		return;
	a = new_act(q, "remove", n->name);
	a->change = change_remove;
	a->effect = effect_remove;
	(void)snprintf(a->done, sizeof a->done, "%s removed", n->name);
	core_db_put(c, run_act, done_act, a);
}

/* --- roles --- */
static bool is_principal(const char *p)
{
	static const char *const kinds[] = {"user:", "group:", "uid:", "gid:", "mail:", "cert:", "krb:"};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strncmp(p, kinds[i], strlen(kinds[i])) == 0 && p[strlen(kinds[i])] && strlen(p) < 200)
			return true;
	return false;
}

static clv_rc change_grant(struct db *d, struct act *a, struct clv_err *err)
{
	return store_role_put(d, a->object, a->role, a->who, a->now, err);
}

static clv_rc change_revoke(struct db *d, struct act *a, struct clv_err *err)
{
	return store_role_remove(d, a->object, a->role, err);
}

static void effect_roles(struct core *c, struct act *a)
{
	struct server *s = c->srv;
	size_t i = 0;

	while (i < s->n_roles &&
	       !(s->roles[i].role == a->role && strcmp(s->roles[i].principal, a->object) == 0))
		i++;
	if (a->change == change_grant && i == s->n_roles) {
		s->roles = clv_realloc(s->roles, s->n_roles + 1, sizeof *s->roles);
		s->roles[s->n_roles++] =
		    (struct role_grant){clv_strdup(a->object), clv_strdup(a->who), a->role, a->now};
	} else if (a->change == change_revoke && i < s->n_roles) {
		clv_free(s->roles[i].principal);
		clv_free(s->roles[i].by);
		s->n_roles--;
		memmove(&s->roles[i], &s->roles[i + 1], (s->n_roles - i) * sizeof *s->roles);
	}
}

static void act_role(struct core *c, const struct console_request *q, const char *principal, const char *role,
                     bool grant)
{
	struct clv_err err = {0};
	enum clv_role r = CLV_ROLE_NONE;
	struct act *a;

	if (!is_principal(principal))
		(void)err_set(&err, CLV_E_USAGE,
		              "'%.64s' is no principal; expected user:NAME, group:NAME, mail:ADDRESS, "
		              "cert:SHA256 or krb:PRINCIPAL",
		              principal);
	else if (!clv_role_parse(role, &r) || r == CLV_ROLE_NONE)
		(void)err_set(
		    &err, CLV_E_USAGE,
		    "'%.64s' is no role; expected viewer, operator, credential manager or administrator",
		    role);
	if (err.code) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = new_act(q, grant ? "role grant" : "role revoke", principal);
	a->role = r;
	clv_free(a->detail);
	a->detail = clv_strdup(clv_role_word(r));
	a->change = grant ? change_grant : change_revoke;
	a->effect = effect_roles;
	(void)snprintf(a->done, sizeof a->done, "%.200s %s %s", principal, grant ? "is now" : "is no longer",
	               clv_role_word(r));
	core_db_put(c, run_act, done_act, a);
}

/* --- backup through the running core --- */
static clv_rc run_copy(struct db *d, void *ctx, struct clv_err *err)
{
	return db_copy(d, ((struct act *)ctx)->path, err);
}

static void done_copy(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;

	if (rc) {
		console_refuse(c, a->conn, a->req, err, 0);
		free_act(a);
		return;
	}
	(void)snprintf(a->done, sizeof a->done, "copied to %s", a->path);
	/* The audit row was committed before; this is only the answer. */
	done_act(c, a, CLV_OK, err);
}

static void done_backup_audited(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;

	if (rc) {
		refuse_io(c, a, err);
		free_act(a);
		return;
	}
	core_db_put_alone(c, run_copy, done_copy, a);
}

static void act_backup(struct core *c, const struct console_request *q, const Clv__StoreBackupRequest *m)
{
	struct clv_err err = {0};
	size_t n = strlen(m->name);
	struct act *a;

	if (n == 0 || n > 100 ||
	    strspn(m->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n ||
	    m->name[0] == '.') {
		(void)err_set(
		    &err, CLV_E_USAGE,
		    "a backup's name has letters, digits, - _ . and no folder; it lies under %s/backup",
		    c->start->state);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = new_act(q, "store backup", m->name);
	a->path = clv_asprintf("%s/backup/%s", c->start->state, m->name);
	core_db_put(c, run_act, done_backup_audited, a);
}

void console_act(struct core *c, const struct console_request *q, const ProtobufCMessage *m)
{
	switch (q->type) {
	case REQ_APPROVE:
		act_approve(c, q, (const Clv__ApproveRequest *)m);
		break;
	case REQ_REJECT:
		act_reject(c, q, (const Clv__RejectRequest *)m);
		break;
	case REQ_ROTATE:
		act_rotate(c, q, (const Clv__RotateRequest *)m);
		break;
	case REQ_REMOVE:
		act_remove(c, q, (const Clv__RemoveRequest *)m);
		break;
	case REQ_ROLE_GRANT:
		act_role(c, q, ((const Clv__RoleGrantRequest *)m)->principal,
		         ((const Clv__RoleGrantRequest *)m)->role, true);
		break;
	case REQ_ROLE_REVOKE:
		act_role(c, q, ((const Clv__RoleRevokeRequest *)m)->principal,
		         ((const Clv__RoleRevokeRequest *)m)->role, false);
		break;
	case REQ_STORE_BACKUP:
		act_backup(c, q, (const Clv__StoreBackupRequest *)m);
		break;
	default: /* dispatch knows only the table's rows */
		break;
	}
}
