/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: what a console may change. One shape for all: the audit row and the change commit in one
 * transaction, then the effect; if the row cannot be written nothing is done (design 3, "Roles and
 * audit"). A denied act leaves a row too. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_act.h"
#include "daemon/core_eyes.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include "daemon/core_server_alerts.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct named_request {
	ProtobufCMessage base;
	uint64_t req;
	char *name;
};

const char *console_act_object(uint16_t type, const ProtobufCMessage *m)
{
	switch (type) {
	case REQ_APPROVE:
		return ((const Clv__ApproveRequest *)m)->name;
	case REQ_JOIN:
		return ((const Clv__JoinRequest *)m)->name;
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
		/* Accounts, profiles, groups: the name is the second field of each. */
		return type >= REQ_ACCOUNT_PUT ? ((const struct named_request *)m)->name : "";
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
	if (store_pending_remove(d, a->pending.id, err) || store_agent_put(d, &a->agent, err))
		return CLV_FAILED;
	return store_held_drop(d, a->agent.name, NULL, err);
}

static void effect_approve(struct core *c, struct act *a)
{
	struct node *known = server_find(c->srv, a->agent.name);
	bool listed = strcmp(a->agent.role, "gateway") == 0 || (known && known->role != NODE_AGENT);

	enroll_forget(c->srv, a->pending.id);
	if (known)
		server_let_go(c, known, REFUSAL_CONFLICT, "another node was accepted by this name");
	server_joined(c, server_add(c->srv, &a->agent), &a->rows[0]);
	a->row_version = a->agent.row_version;
	core_event(c, 20020, "%s was accepted by %s.", a->agent.name, a->who);
	if (listed)
		server_list_sign(c);
}

/* --- two persons (core_eyes.h) --- */
static clv_rc approve_hash(const struct store_pending *p, bool replace, uint8_t hash[KEY_HASH_LEN],
                           struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (!buf_put_lp(&b, slice_str("claviger/1 four-eyes approve"), err) &&
	    !buf_put_lp(&b, slice_str(p->name), err) && !buf_put_lp(&b, slice_str(p->role), err) &&
	    !buf_put_lp(&b, slice_of(p->node_key, p->node_key_len), err) &&
	    !buf_put_lp(&b, slice_of(p->machine, sizeof p->machine), err) &&
	    !buf_put_lp(&b, slice_of(p->fingerprint, sizeof p->fingerprint), err) &&
	    !buf_put_u8(&b, replace, err))
		rc = sha256(buf_slice(&b), hash, err);
	buf_release(&b);
	return rc;
}

static void effect_first(struct core *c, struct act *a)
{
	struct pending *p = enroll_find(c->srv, a->pending.id);
	struct eyes *eyes = a->ctx;

	if (p) {
		eyes_free(p->eyes);
		p->eyes = eyes;
	} else {
		eyes_free(eyes);
	}
}

static void failed_first(struct core *c, struct act *a, const struct clv_err *err)
{
	(void)c;
	(void)err;
	eyes_free(a->ctx);
}

void act_first_yes(struct core *c, struct act *a, struct eyes *first)
{
	a->result = "waits for a second person";
	act_detail(a, "%s %s, one of two", a->pending.role, a->pending.name);
	act_done_text(a, "%s waits: another person has to say the same within an hour", a->pending.name);
	a->ctx = first;
	a->effect = effect_first;
	a->failed = failed_first;
	act_put(c, a);
}

/* true: it may be done now. Otherwise a is taken: noted as the first of two, or refused. */
static bool is_second(struct core *c, const struct console *k, const struct pending *p, bool replace,
                      struct act *a)
{
	uint8_t hash[KEY_HASH_LEN];
	struct clv_err err = {0};
	enum eyes_say say = EYES_NO;

	if (!approve_hash(&p->row, replace, hash, &err))
		say = eyes_judge(c, p->eyes, k, hash, a->now, &err);
	if (say == EYES_NO) {
		act_deny(c, a, err.text);
		return false;
	}
	if (say == EYES_SECOND) {
		act_detail(a, "%sfirst yes: %.200s", replace ? "replaces the pinned key; " : "",
		           eyes_who(p->eyes));
		return true;
	}
	act_first_yes(c, a, eyes_new(k, hash, a->now));
	return false;
}

/* known: who is pinned by that name, or NULL. */
static clv_rc check_approve(const struct core *c, const struct pending *p, const struct node *known,
                            const Clv__ApproveRequest *m, struct clv_err *err)
{
	const char *name = p->row.name;
	const struct node *first = NULL;

	if (strcmp(p->row.role, node_roles[NODE_SERVER]) == 0)
		return err_set(
		    err, CLV_E_USAGE,
		    "Not done: %s is a management server, which is accepted by the code that clavigerd join "
		    "printed there: claviger approve %s --fingerprint CODE seals it.",
		    name, name);
	if (!fingerprint_matches(p->row.fingerprint, m->fingerprint))
		return err_set(err, CLV_E_NOTFOUND,
		               "Not done: these are not the digits of %s. Type the first 12 that clavigerd "
		               "enroll printed on that host.",
		               name);
	if (p->row.node_key_len && !enroll_is_whole(c, &p->row))
		return err_set(
		    err, CLV_E_CONFLICT,
		    "Not done: the request of %s in the database is not the one that came: its key is "
		    "another than its fingerprint says. Decline it, and find out who writes there.",
		    name);
	if (known && !m->replace)
		return err_set(err, CLV_E_CONFLICT,
		               "Not done: %s is known with another key. If that host was re-installed, say "
		               "so: --replace; the old key gets nothing any more.",
		               name);
	if (known && known->role != NODE_AGENT && strcmp(p->row.role, node_roles[NODE_GATEWAY]) != 0 &&
	    gateways_depend(c, known, &first))
		return err_set(
		    err, CLV_E_CONFLICT,
		    "Not done: %s carries links, and %s comes by it. Move such nodes first: claviger "
		    "move NAME --to SERVER.",
		    name, first->name);
	return CLV_OK;
}

static void act_approve(struct core *c, const struct console_request *q, const Clv__ApproveRequest *m)
{
	struct pending *p = NULL;
	const struct node *known;
	struct clv_err err = {0};
	struct act *a;

	if (find_pending(c, m->pending_id, m->name, m->fingerprint, &p, &err) ||
	    check_approve(c, p, known = server_find(c->srv, p->row.name), m, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	/* It greets nodes in the group's name, and carries what they say (design 3, Roles), or did so. */
	if ((strcmp(p->row.role, node_roles[NODE_GATEWAY]) == 0 || (known && known->role != NODE_AGENT)) &&
	    console_role(c->srv, q->console) < CLV_ROLE_ADMINISTRATOR) {
		console_deny(c, q, "approve gateway", p->row.name, CLV_ROLE_ADMINISTRATOR,
		             console_role(c->srv, q->console));
		return;
	}
	a = act_new(q, "approve", p->row.name);
	a->pending = p->row;
	if (m->replace)
		act_detail(a, "replaces the pinned key");
	if (eyes_wanted(c, p->row.role) && !is_second(c, q->console, p, m->replace, a))
		return;
	if (enroll_member(&a->pending, a->who, a->now, &a->agent, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		act_free(a);
		return;
	}
	server_approval_row(c->srv, a, &a->agent);
	a->change = change_approve;
	a->effect = effect_approve;
	act_done_text(a, "%s accepted", p->row.name);
	act_put(c, a);
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
	a = act_new(q, "reject", p->row.name);
	a->pending = p->row;
	a->change = change_reject;
	a->effect = effect_reject;
	act_detail(a, "%.200s", m->reason);
	act_done_text(a, "%s declined", p->row.name);
	act_put(c, a);
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
	a = act_new(q, "rotate", n->name);
	a->above = n->generation;
	a->change = change_rotate;
	a->effect = effect_rotate;
	act_detail(a, "%.200s", m->reason);
	act_done_text(a,
	              n->session ? "%s makes a new key; the old one serves until it is confirmed"
	                         : "%s is not in touch: it makes a new key when it returns",
	              n->name);
	act_put(c, a);
}

static clv_rc change_remove(struct db *d, struct act *a, struct clv_err *err)
{
	if (store_held_drop(d, a->object, NULL, err))
		return CLV_FAILED;
	return store_agent_remove(d, a->object, 0, err);
}

static void effect_remove(struct core *c, struct act *a)
{
	struct node *n = server_find(c->srv, a->object);
	bool gateway = n && n->role != NODE_AGENT;

	if (n)
		server_drop(c, n);
	if (gateway)
		server_list_sign(c);
}

static void act_remove(struct core *c, const struct console_request *q, const Clv__RemoveRequest *m)
{
	const struct node *first = NULL;
	struct node *n = NULL;
	struct clv_err err = {0};
	struct act *a;
	size_t depend;

	if (!find_node(c, q, m->name, m->row_version, &n))
		return;
	depend = n->role != NODE_AGENT ? gateways_depend(c, n, &first) : 0;
	if (depend) {
		/* P7: nobody is stranded. */
		(void)err_set(
		    &err, CLV_E_CONFLICT,
		    "Not done: %zu node%s of %s come%s by %s or have not been seen elsewhere since they "
		    "were moved, %s first. Move them: claviger move NAME --to SERVER.",
		    depend, depend == 1 ? "" : "s", c->start->group, depend == 1 ? "s" : "", n->name,
		    first->name);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = act_new(q, "remove", n->name);
	a->change = change_remove;
	act_row(a, "approval", n->name, n->row_seq, NULL);
	a->effect = effect_remove;
	act_done_text(a, "%s removed", n->name);
	act_put(c, a);
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

static void effect_roles(struct core *c, struct act *a)
{
	struct server *s = c->srv;
	size_t i = 0;

	while (i < s->n_roles &&
	       !(s->roles[i].role == a->role && strcmp(s->roles[i].principal, a->object) == 0))
		i++;
	if (a->version && i == s->n_roles) {
		s->roles = clv_realloc(s->roles, s->n_roles + 1, sizeof *s->roles);
		s->roles[s->n_roles++] = (struct role_grant){clv_strdup(a->object), clv_strdup(a->who),
		                                             a->role, a->now, a->rows[0].seq};
	} else if (!a->version && i < s->n_roles) {
		clv_free(s->roles[i].principal);
		clv_free(s->roles[i].by);
		s->n_roles--;
		memmove(&s->roles[i], &s->roles[i + 1], (s->n_roles - i) * sizeof *s->roles);
	}
}

/* A group without an administrator could not be mended by anybody. */
static void check_revoke(const struct server *s, const char *principal, enum clv_role role,
                         struct clv_err *err)
{
	size_t others = 0;
	bool has = false;

	for (size_t i = 0; i < s->n_roles; i++) {
		bool same = strcmp(s->roles[i].principal, principal) == 0;

		has |= same && s->roles[i].role == role;
		others += !same && s->roles[i].role == CLV_ROLE_ADMINISTRATOR;
	}
	if (!has)
		(void)err_set(err, CLV_E_NOTFOUND, "%s does not have the role %s", principal,
		              clv_role_word(role));
	else if (role == CLV_ROLE_ADMINISTRATOR && !others)
		(void)err_set(err, CLV_E_USAGE, "%s is the last administrator: grant another first",
		              principal);
}

static void act_role(struct core *c, const struct console_request *q, const char *principal, const char *role,
                     bool grant)
{
	Clv__RoleRow row = CLV__ROLE_ROW__INIT;
	struct clv_err err = {0};
	enum clv_role r = CLV_ROLE_NONE;
	struct act *a;
	char key[512];

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
	else if (!grant)
		check_revoke(c->srv, principal, r, &err);
	if (err.code) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = act_new(q, grant ? "role grant" : "role revoke", principal);
	a->role = r;
	act_detail(a, "%s", clv_role_word(r));
	a->version = grant;
	rules_role_key(principal, r, key);
	row.principal = (char *)(uintptr_t)principal;
	row.role = r;
	row.since = a->now;
	row.by = a->who;
	act_row(a, "role", key, rules_seq(c->srv, "role", key), grant ? &row.base : NULL);
	a->effect = effect_roles;
	act_done_text(a, "%.200s %s %s", principal, grant ? "is now" : "is no longer", clv_role_word(r));
	act_put(c, a);
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
		act_free(a);
		return;
	}
	act_done_text(a, "copied to %s", a->path);
	act_answer(c, a);
}

static void done_backup_audited(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;

	if (rc) {
		act_refuse(c, a, err);
		act_free(a);
		return;
	}
	audit_written(c, 1);
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
	a = act_new(q, "store backup", m->name);
	a->path = clv_asprintf("%s/backup/%s", c->start->state, m->name);
	act_put_then(c, a, done_backup_audited);
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
	case REQ_JOIN:
		join_accept(c, q, (const Clv__JoinRequest *)m);
		break;
	case REQ_STORE_BACKUP:
		act_backup(c, q, (const Clv__StoreBackupRequest *)m);
		break;
	case REQ_MOVE:
		gateways_move(c, q, (const Clv__MoveRequest *)m);
		break;
	case REQ_ALERT_ACK:
		console_ack(c, q, (const Clv__AlertAckRequest *)m);
		break;
	case REQ_NEED_ASIDE:
		aside_act(c, q, (const Clv__NeedAsideRequest *)m);
		break;
	default: /* dispatch knows only the table's rows */
		acts_accounts(c, q, m);
		break;
	}
}
