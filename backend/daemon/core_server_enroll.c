/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to be accepted: nodes that proved a name but are not pinned, conflicts, copies, impostors.
 * Nothing is encrypted to any of them; a person decides, or `approve = direct` for an agent whose
 * channel identity is its name. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "claviger/text.h"
#include "daemon/core_act.h"
#include "daemon/core_eyes.h"
#include "daemon/core_relay.h"
#include "model/names.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct pending *enroll_find(const struct server *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_pendings; i++)
		if (s->pendings[i]->row.id == id)
			return s->pendings[i];
	return NULL;
}

struct pending *enroll_find_name(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->n_pendings; i++)
		if (strcmp(s->pendings[i]->row.name, name) == 0)
			return s->pendings[i];
	return NULL;
}

void enroll_forget(struct server *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_pendings; i++)
		if (s->pendings[i]->row.id == id) {
			eyes_free(s->pendings[i]->eyes);
			clv_free(s->pendings[i]);
			s->n_pendings--;
			memmove(&s->pendings[i], &s->pendings[i + 1],
			        (s->n_pendings - i) * sizeof s->pendings[0]);
			return;
		}
}

static bool same_request(const struct store_pending *a, const struct store_pending *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->came_by, b->came_by) == 0 &&
	       slice_eq(slice_of(a->node_key, a->node_key_len), slice_of(b->node_key, b->node_key_len));
}

bool enroll_is_whole(const struct core *c, const struct store_pending *p)
{
	uint8_t fp[KEY_HASH_LEN];

	return !enroll_fingerprint(slice_of(p->node_key, p->node_key_len), buf_slice(&c->group_key), fp,
	                           NULL) &&
	       slice_eq(slice_of(fp, sizeof fp), slice_of(p->fingerprint, sizeof p->fingerprint));
}

/* One channel identity may ask for several keys, so that an impostor and the true one are seen side by side:
 * a few. Names that it did not prove are kept to be looked at: some of each, and never so many that nobody
 * else can ask. A rogue gateway, which may invent names, fills no more than its part. NULL: there is room. */
static const char *no_room(const struct server *s, const struct store_pending *p)
{
	size_t same = 0, keyless = 0, via = 0;

	for (size_t i = 0; i < s->n_pendings; i++) {
		const struct store_pending *x = &s->pendings[i]->row;

		keyless += !x->node_key_len;
		/* A key came under its identity's own name; of a name alone came_by says whose it was. */
		same += !x->node_key_len == !p->node_key_len && strcmp(x->came_by, p->came_by) == 0 &&
		        (!p->node_key_len || strcmp(x->name, p->name) == 0);
		via += *p->via && strcmp(x->via, p->via) == 0;
	}
	if (same >= (p->node_key_len ? PENDING_IDENTITY_MAX : PENDING_UNPROVEN_MAX))
		return "several that came like it";
	if (!p->node_key_len && keyless >= PENDING_MAX / 2)
		return "many that did not prove their names";
	if (via >= PENDING_VIA_MAX)
		return "as many as may by its gateway";
	return s->n_pendings >= PENDING_MAX ? "as many as may in all" : NULL;
}

static bool is_known(const struct server *s, const struct store_pending *p)
{
	for (size_t i = 0; i < s->n_pendings; i++)
		if (same_request(&s->pendings[i]->row, p))
			return true;
	return false;
}

static void put_text(char *out, size_t cap, const char *fmt, ...) CLV_PRINTF(3, 4);
static void put_text(char *out, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, cap, fmt, ap);
	va_end(ap);
}

/* A request and the link that brought it: refused only when the request is there to be accepted. */
struct add_job {
	struct store_pending p;
	uint64_t conn;
	enum refusal_code code;
	char text[512];
};

static clv_rc run_add(struct db *d, void *ctx, struct clv_err *err)
{
	struct add_job *j = ctx;

	return store_pending_add(d, &j->p, &j->p.id, err);
}

static void answer(struct core *c, struct add_job *j)
{
	struct session *s = server_session(c->srv, j->conn);

	if (s)
		server_refuse(c, s, j->code, "%s", j->text);
	clv_free(j);
}

static void done_add(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct add_job *j = ctx;
	struct server *s = c->srv;

	if (rc) {
		if (err->code != CLV_E_EXISTS)
			log_err(LOG_ERROR, err, "keeping a request to be accepted");
	} else if (s->n_pendings < PENDING_MAX) {
		s->pendings[s->n_pendings] = clv_calloc(1, sizeof(struct pending));
		s->pendings[s->n_pendings++]->row = j->p;
		server_changed(c);
	}
	answer(c, j);
}

static void add(struct core *c, const struct store_pending *p, struct session *s, enum refusal_code code,
                const char *fmt, ...) CLV_PRINTF(5, 6);
static void add(struct core *c, const struct store_pending *p, struct session *s, enum refusal_code code,
                const char *fmt, ...)
{
	struct add_job *j = clv_calloc(1, sizeof *j);
	const char *full;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(j->text, sizeof j->text, fmt, ap);
	va_end(ap);
	j->p = *p;
	j->conn = s->conn;
	j->code = code;
	s->refused = true; /* nothing more is taken from it */
	full = is_known(c->srv, p) ? NULL : no_room(c->srv, p);
	if (full && server_may_tell(c, s))
		core_event(c, 20001,
		           "%s from %s (%s) asks to be accepted, but %s wait already: decline some first.",
		           p->name, p->from, p->came_by, full);
	if (full || is_known(c->srv, p))
		answer(c, j);
	else
		core_db_put(c, run_add, done_add, j);
}

static const char *way_of(const struct session *s)
{
	return s->open->mechanism == CLV_MECHANISM_KERBEROS ? "Kerberos" : "certificate";
}

void enroll_quarantine(struct core *c, struct session *s, const char *claimed, const char *what)
{
	struct clv_text *safe = text_new_str(claimed);
	struct store_pending p = {.conflict = true, .time = clock_wall_ms()};
	const char *own = s->node ? s->node->name : s->open->peer_name;
	uint8_t seed[KEY_HASH_LEN];
	char via[300];

	put_text(p.name, sizeof p.name, "%.200s", text_str(safe));
	put_text(p.role, sizeof p.role, "agent");
	put_text(p.from, sizeof p.from, "%s", s->open->address);
	put_text(p.came_by, sizeof p.came_by, "%s of %.200s%s", way_of(s), own, relay_words(s, via));
	if (s->via)
		put_text(p.via, sizeof p.via, "%s", s->via->open->peer_name);
	put_text(p.looks_like, sizeof p.looks_like, "IMPOSTOR? %.32s for a name that is not its own", what);
	/* No key is kept of it: it cannot be accepted, only declined. */
	if (!sha256(slice_str(own), seed, NULL))
		memcpy(p.fingerprint, seed, sizeof p.fingerprint);
	if (server_may_tell(c, s))
		core_event(
		    c, 20002,
		    "%s at %s sent %s for '%.200s', which it did not prove: quarantined, nothing was stored.",
		    own, s->open->address, what, text_str(safe));
	add(c, &p, s, REFUSAL_PROOF, "a channel of %s speaks for no other name", own);
	text_free(safe);
}

/* --- accepting --- */
clv_rc enroll_member(const struct store_pending *p, const char *by, int64_t now, struct store_agent *out,
                     struct clv_err *err)
{
	if (!p->node_key_len)
		return err_set(err, CLV_E_USAGE,
		               "this request brought no key of its own: it can only be declined");
	memset(out, 0, sizeof *out);
	out->approval = CLV_APPROVAL_APPROVED;
	out->node_key_len = p->node_key_len;
	out->pinned_at = now;
	put_text(out->name, sizeof out->name, "%s", p->name);
	put_text(out->role, sizeof out->role, "%s", p->role);
	put_text(out->pinned_by, sizeof out->pinned_by, "%s", by);
	put_text(out->via, sizeof out->via, "%s", p->via);
	memcpy(out->node_key, p->node_key, p->node_key_len);
	memcpy(out->machine, p->machine, sizeof out->machine);
	return CLV_OK;
}

static clv_rc change_direct(struct db *d, struct act *a, struct clv_err *err)
{
	return store_agent_put(d, &a->agent, err);
}

/* It comes again in a moment and is known then. */
static void tell_direct(struct core *c, const struct act *a, const char *text)
{
	struct session *s = server_session(c->srv, a->above);

	if (s)
		server_refuse(c, s, REFUSAL_NOT_APPROVED, "%s", text);
}

static void effect_direct(struct core *c, struct act *a)
{
	server_joined(c, server_add(c->srv, &a->agent), &a->rows[0]);
	core_event(c, 20020, "%s proved its name and was accepted (approve = direct).", a->agent.name);
	tell_direct(c, a, "accepted: come again");
}

static void failed_direct(struct core *c, struct act *a, const struct clv_err *err)
{
	(void)err;
	tell_direct(c, a, "not accepted: the server cannot write now");
}

static void accept_direct(struct core *c, const struct session *s, const struct store_pending *p)
{
	struct act *a = act_new_own("approve", p->name);
	struct clv_err err = {0};

	clv_free(a->who);
	a->who = clv_strdup("approve = direct");
	clv_free(a->from);
	a->from = clv_strdup(p->from);
	act_detail(a, "channel identity equals its name");
	a->above = s->conn;
	if (enroll_member(p, a->who, a->now, &a->agent, &err)) {
		log_err(LOG_ERROR, &err, "accepting a node directly");
		act_free(a);
		return;
	}
	server_approval_row(c->srv, a, &a->agent);
	a->change = change_direct;
	a->effect = effect_direct;
	a->failed = failed_direct;
	act_put(c, a);
}

/* --- unknown nodes --- */
static void describe_conflict(const struct core *c, const struct node *known, const Clv__LinkProof *lp,
                              struct store_pending *p)
{
	bool same_machine = slice_eq(slice_of(known->machine, 32), PROTO_SLICE(lp->machine));

	(void)c;
	p->conflict = true;
	put_text(p->looks_like, sizeof p->looks_like, "%s",
	         same_machine ? "re-installed? name taken, same machine" : "IMPOSTOR? name taken");
}

static void look_at_names(const struct core *c, struct store_pending *p)
{
	const struct server *s = c->srv;

	/* web01 and webO1 are not taken for each other by a tired person (design 7). */
	for (size_t i = 0; i < s->n_nodes; i++)
		if (strcmp(s->nodes[i]->name, p->name) != 0 && names_look_alike(s->nodes[i]->name, p->name)) {
			p->conflict = true;
			put_text(p->looks_like, sizeof p->looks_like, "looks like %.200s", s->nodes[i]->name);
			return;
		}
	for (size_t i = 0; i < s->n_nodes; i++)
		if (slice_eq(buf_slice(&s->nodes[i]->node_key), slice_of(p->node_key, p->node_key_len))) {
			p->conflict = true;
			put_text(p->looks_like, sizeof p->looks_like, "CLONE: key of %.200s",
			         s->nodes[i]->name);
			return;
		}
}

static bool is_role(const char *role)
{
	for (size_t i = 0; i < NODE_ROLES; i++)
		if (strcmp(node_roles[i], role) == 0)
			return true;
	return false;
}

static clv_rc check_request(const struct core *c, const Clv__LinkProofFrame *f, const Clv__LinkProof *lp,
                            struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__EnrollRequest *e;
	uint8_t hash[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	if (!f->enroll)
		return err_set(err, CLV_E_APPROVAL, "no request came with it");
	if (statement_open(STATEMENT_ENROLL, c->start->group, PROTO_SLICE(f->node_key),
	                   PROTO_SLICE(f->enroll->body), PROTO_SLICE(f->enroll->signature), &m, err) ||
	    sha256(buf_slice(&c->group_key), hash, err))
		goto out;
	e = (const Clv__EnrollRequest *)m;
	if (strcmp(e->name, lp->from) != 0 || strcmp(e->role, lp->role) != 0 || !is_role(e->role) ||
	    (strcmp(e->role, "management-server") == 0) != (e->intake.len > 0) ||
	    !slice_eq(PROTO_SLICE(e->node_key), PROTO_SLICE(f->node_key)) ||
	    !slice_eq(PROTO_SLICE(e->machine), PROTO_SLICE(lp->machine)) ||
	    !slice_eq(PROTO_SLICE(e->group_key_hash), slice_of(hash, sizeof hash)))
		(void)err_set(
		    err, CLV_E_AUTH,
		    "the request to be accepted does not fit its link, or was made for another group key");
	else
		rc = CLV_OK;
out:
	proto_free(m);
	return rc;
}

static clv_rc make_pending(const struct core *c, const struct session *s, const Clv__LinkProofFrame *f,
                           const Clv__LinkProof *lp, struct store_pending *p, struct clv_err *err)
{
	const struct node *known = server_find(c->srv, lp->from);
	char via[300];

	memset(p, 0, sizeof *p);
	if (f->node_key.len > sizeof p->node_key)
		return err_set(err, CLV_E_LIMIT, "a node key of %zu bytes", f->node_key.len);
	put_text(p->name, sizeof p->name, "%s", lp->from);
	put_text(p->role, sizeof p->role, "%s", lp->role);
	put_text(p->from, sizeof p->from, "%s", s->open->address);
	put_text(p->came_by, sizeof p->came_by, "%s, own name%s", way_of(s), relay_words(s, via));
	if (s->via)
		put_text(p->via, sizeof p->via, "%s", s->via->node->name);
	put_text(p->looks_like, sizeof p->looks_like, "proved its name");
	memcpy(p->node_key, f->node_key.data, f->node_key.len);
	p->node_key_len = f->node_key.len;
	if (!slice_fill(PROTO_SLICE(lp->machine), p->machine, sizeof p->machine))
		return err_set(err, CLV_E_PROTO, "a machine's hash of another length");
	p->time = clock_wall_ms();
	if (known && known->role == NODE_SERVER &&
	    slice_eq(buf_slice(&known->node_key), PROTO_SLICE(f->node_key)))
		put_text(p->looks_like, sizeof p->looks_like, "asks for the group's keys again");
	else if (known)
		describe_conflict(c, known, lp, p);
	else
		look_at_names(c, p);
	return enroll_fingerprint(PROTO_SLICE(f->node_key), buf_slice(&c->group_key), p->fingerprint, err);
}

void enroll_unknown(struct core *c, struct session *s, const Clv__LinkProofFrame *f, const Clv__LinkProof *lp)
{
	struct node *known = server_find(c->srv, lp->from);
	struct store_pending p;
	struct clv_err err = {0};
	char via[300];
	bool told;

	if (check_request(c, f, lp, &err) || make_pending(c, s, f, lp, &p, &err)) {
		if (known)
			core_event(c, 20001,
			           "%s came from %s with another node key than the pinned one; the known one "
			           "goes on.",
			           lp->from, s->open->address);
		else
			core_event(c, 20000, "%s proved its name but is not approved: %s.", lp->from,
			           err.text);
		server_refuse(c, s, known ? REFUSAL_CONFLICT : REFUSAL_REMOVED,
		              "%s is not a member of %s (any more): on that host, clavigerd enroll --role "
		              "%.20s --server %s",
		              lp->from, c->start->group, lp->role, lp->to);
		return;
	}
	if (strcmp(p.role, "management-server") == 0 && join_arrived(c, s, f))
		return;
	/* A gateway is a person's decision, and so is a name that a gateway alone has seen proven. */
	if (c->start->approve_direct && !p.conflict && !known && !s->via && strcmp(p.role, "agent") == 0) {
		accept_direct(c, s, &p);
		return;
	}
	told = is_known(c->srv, &p);
	if (!told && p.conflict)
		core_event(
		    c, 20001,
		    "%s from %s asks to be accepted, but: %s. The known one goes on; this one gets nothing.",
		    p.name, p.from, p.looks_like);
	else if (!told)
		core_event(c, 20000, "%s proved its name%s but is not approved yet.", p.name,
		           relay_words(s, via));
	add(c, &p, s, p.conflict ? REFUSAL_CONFLICT : REFUSAL_NOT_APPROVED,
	    p.conflict ? "another node is known as %s in %s; an operator decides"
	               : "%s is not approved yet in %s; an operator decides",
	    p.name, c->start->group);
}
