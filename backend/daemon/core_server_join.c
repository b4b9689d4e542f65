/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Management servers that ask for a copy of the group's keys. What they asked is kept for this run and handed
 * to the key holder with the code that an administrator typed, sealed; core reads neither code nor keys. What
 * it sealed waits for the joiner to come again; the signed list of servers names it from then on. Runs in
 * core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_act.h"
#include "daemon/core_eyes.h"
#include "keys/joincode.h"
#include "proto/codec.h"
#include "proto/types.h"
#include <stdio.h>
#include <string.h>

#define JOINS_MAX      16u
#define JOINS_NAME_MAX 4u /* of them of one name */

struct joining {
	uint8_t node_key[KEY_HASH_LEN]; /* its hash */
	char name[STORE_NAME_MAX];
	struct clv_buf body, signature, sealed; /* sealed: empty until it was accepted */
	int64_t at;                             /* monotonic; 0: free */
	bool accepting;                         /* the key holder has it */
};

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
	return slice_eq(slice_of(a, KEY_HASH_LEN), slice_of(b, KEY_HASH_LEN));
}

static bool is_kept(const struct joining *j, struct clv_slice body)
{
	return slice_eq(buf_slice(&j->body), body);
}

static struct joining *find_key(struct server *s, const uint8_t hash[KEY_HASH_LEN])
{
	for (size_t i = 0; s->joins && i < JOINS_MAX; i++)
		if (s->joins[i].at && same_hash(s->joins[i].node_key, hash))
			return &s->joins[i];
	return NULL;
}

/* What was accepted stays for the hour in which the joiner comes for it. */
static bool is_held(const struct joining *j)
{
	return j->accepting || (buf_slice(&j->sealed).len && clock_mono_ms() - j->at < JOIN_LIVES_MS);
}

/* The one whose request this is; or a free place, unless its name has its share; or the oldest's, of that
 * name if it has its share. NULL: each is held. */
static struct joining *place_for(struct server *s, const uint8_t hash[KEY_HASH_LEN], const char *name)
{
	struct joining *j = find_key(s, hash), *empty = NULL;
	size_t share = 0;

	if (!s->joins)
		s->joins = clv_calloc(JOINS_MAX, sizeof *s->joins);
	if (j)
		return j;
	for (size_t i = 0; i < JOINS_MAX; i++) {
		if (!s->joins[i].at)
			empty = &s->joins[i];
		else
			share += strcmp(s->joins[i].name, name) == 0;
	}
	if (empty && share < JOINS_NAME_MAX)
		return empty;
	for (size_t i = 0; i < JOINS_MAX; i++) {
		struct joining *x = &s->joins[i];

		if (x->at && !is_held(x) && (share < JOINS_NAME_MAX || strcmp(x->name, name) == 0) &&
		    (!j || x->at < j->at))
			j = x;
	}
	return j;
}

static void keep(struct joining *j, const uint8_t hash[KEY_HASH_LEN], const char *name,
                 const Clv__SignedStatement *e)
{
	buf_release(&j->body);
	buf_release(&j->signature);
	buf_release(&j->sealed);
	buf_init(&j->body, 8192);
	buf_init(&j->signature, STATEMENT_SIG_MAX);
	buf_init(&j->sealed, 16384);
	memcpy(j->node_key, hash, KEY_HASH_LEN);
	(void)snprintf(j->name, sizeof j->name, "%s", name);
	j->at = clock_mono_ms();
	if (buf_put(&j->body, PROTO_SLICE(e->body), NULL) ||
	    buf_put(&j->signature, PROTO_SLICE(e->signature), NULL))
		j->at = 0;
}

bool join_asks(const Clv__LinkProofFrame *f)
{
	ProtobufCMessage *m = NULL;
	bool asks;

	if (!f->enroll ||
	    proto_decode(&clv__enroll_request__descriptor, PROTO_SLICE(f->enroll->body), &m, NULL))
		return false;
	asks = ((const Clv__EnrollRequest *)m)->intake.len > 0;
	proto_free(m);
	return asks;
}

bool join_arrived(struct core *c, struct session *s, const Clv__LinkProofFrame *f)
{
	Clv__JoinKeys m = CLV__JOIN_KEYS__INIT;
	uint8_t hash[KEY_HASH_LEN];
	struct joining *j;

	if (sha256(PROTO_SLICE(f->node_key), hash, NULL))
		return false;
	j = place_for(c->srv, hash, s->open->peer_name);
	if (!j)
		return false;
	if (!j->at || !same_hash(j->node_key, hash) || !is_kept(j, PROTO_SLICE(f->enroll->body))) {
		if (j->accepting)
			return false; /* it was given the request of before */
		keep(j, hash, s->open->peer_name, f->enroll);
	}
	if (!buf_slice(&j->sealed).len)
		return false;
	m.sealed = PROTO_BYTES(buf_slice(&j->sealed));
	core_frame(c, false, s->conn, FRAME_JOIN_KEYS, &m.base);
	s->refused = true; /* nothing more is taken from it; it ends the link */
	return true;
}

/* --- for recover, which runs beside no server --- */
struct naming {
	const char *own;
	char *out;
	size_t size, at;
};

static clv_rc add_name(const struct store_agent *a, void *ctx, struct clv_err *err)
{
	struct naming *n = ctx;

	(void)err;
	if (strcmp(a->role, node_roles[NODE_SERVER]) == 0 && strcmp(a->name, n->own) != 0 && n->at < n->size)
		n->at +=
		    (size_t)snprintf(n->out + n->at, n->size - n->at, "%s%.255s", n->at ? ", " : "", a->name);
	return CLV_OK;
}

clv_rc join_names(struct db *d, const char *own, char *out, size_t size, struct clv_err *err)
{
	struct naming n = {own, out, size, 0};

	*out = 0;
	return store_agents(d, add_name, &n, err);
}

/* --- the act --- */
struct accepting {
	struct act *act;
	uint8_t node_key[KEY_HASH_LEN], request[KEY_HASH_LEN]; /* hashes: whose, and which */
	struct eyes *first; /* it is the first yes of two: nothing is sealed */
	Clv__KhJoinSealed *answer;
};

static struct joining *joining_of(const struct core *c, const struct accepting *a)
{
	struct joining *j = find_key(c->srv, a->node_key);
	uint8_t hash[KEY_HASH_LEN];

	return j && !sha256(buf_slice(&j->body), hash, NULL) && same_hash(hash, a->request) ? j : NULL;
}

/* The next one may be accepted: it stands on the list that this one made. */
static void free_accepting(struct core *c, struct accepting *a)
{
	struct joining *j = joining_of(c, a);

	if (j)
		j->accepting = false;
	c->srv->join_busy = false;
	eyes_free(a->first);
	proto_free((ProtobufCMessage *)a->answer);
	clv_free(a);
}

static clv_rc change_join(struct db *d, struct act *a, struct clv_err *err)
{
	if (store_pending_remove(d, a->pending.id, err) || store_agent_put(d, &a->agent, err))
		return CLV_FAILED;
	return store_held_drop(d, a->agent.name, NULL, err);
}

static void effect_join(struct core *c, struct act *a)
{
	struct accepting *j = a->ctx;
	struct joining *to = joining_of(c, j);
	struct node *known = server_find(c->srv, a->agent.name);
	struct clv_err err = {0};

	enroll_forget(c->srv, a->pending.id);
	if (known)
		server_let_go(c, known, REFUSAL_CONFLICT, "a server joined again by this name");
	server_joined(c, server_add(c->srv, &a->agent), &a->rows[0]);
	a->row_version = a->agent.row_version;
	server_list_sign(c);
	if (!to || buf_put(&to->sealed, PROTO_SLICE(j->answer->sealed), &err))
		log_warn("%s has to ask again: its request is not here any more", a->pending.name);
	core_event(c, 20020, "%s was accepted as a management server by %s; it has the group's keys.",
	           a->pending.name, a->who);
	free_accepting(c, j);
	a->ctx = NULL;
}

/* What was sealed goes nowhere: the audit row was not written. The code is used up all the same. */
static void failed_join(struct core *c, struct act *a, const struct clv_err *err)
{
	(void)err;
	free_accepting(c, a->ctx);
	a->ctx = NULL;
}

static void on_sealed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	struct accepting *j = ctx;
	struct act *a = j->act;
	struct clv_err why = {0};

	(void)type;
	if (!m) {
		why = *err;
		core_event(c, 20001, "%s was not accepted as a management server: %s.", a->pending.name,
		           why.text);
	} else if (proto_dup(m, (ProtobufCMessage **)&j->answer, &why)) {
		log_err(LOG_ERROR, &why, "keeping what was sealed");
	}
	if (why.code) {
		act_refuse(c, a, &why);
		act_free(a);
		free_accepting(c, j);
		return;
	}
	if (j->first) {
		act_first_yes(c, a, j->first);
		j->first = NULL;
		free_accepting(c, j);
		return;
	}
	if (enroll_member(&a->pending, a->who, a->now, &a->agent, &why)) {
		act_refuse(c, a, &why);
		act_free(a);
		free_accepting(c, j);
		return;
	}
	server_approval_row(c->srv, a, &a->agent);
	a->ctx = j;
	a->change = change_join;
	a->effect = effect_join;
	a->failed = failed_join;
	act_done_text(a, "%s accepted: the group's keys are sealed for it", a->pending.name);
	act_put(c, a);
}

/* What the database holds of it is what the code is of. */
static clv_rc check_row(const struct store_pending *p, const struct joining *j, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__EnrollRequest *e;
	bool same;

	if (proto_decode(&clv__enroll_request__descriptor, buf_slice(&j->body), &m, err))
		return CLV_FAILED;
	e = (const Clv__EnrollRequest *)m;
	same = slice_eq(PROTO_SLICE(e->node_key), slice_of(p->node_key, p->node_key_len)) &&
	       slice_eq(PROTO_SLICE(e->machine), slice_of(p->machine, sizeof p->machine)) &&
	       strcmp(e->name, p->name) == 0;
	proto_free(m);
	return same ? CLV_OK
	            : err_set(err, CLV_E_CONFLICT,
	                      "the request of %s in the database is not the one that came: decline it, and "
	                      "find out who writes there",
	                      p->name);
}

static clv_rc check(struct core *c, const struct pending *p, struct joining *j, struct clv_err *err)
{
	const struct node *known = server_find(c->srv, p->row.name);

	if (strcmp(p->row.role, "management-server") != 0)
		return err_set(err, CLV_E_USAGE, "%s is no management server", p->row.name);
	if (!j || strcmp(j->name, p->row.name) != 0)
		return err_set(err, CLV_E_NOTFOUND,
		               "%s has not come since this server started: is clavigerd join still running "
		               "there?",
		               p->row.name);
	if (strcmp(p->row.name, c->start->name) == 0 || (known && known->role != NODE_SERVER))
		return err_set(err, CLV_E_CONFLICT, "%s is a member already, as another node", p->row.name);
	if (known && !slice_eq(buf_slice(&known->node_key), slice_of(p->row.node_key, p->row.node_key_len)))
		log_notice("%s joins again, with a new node key", p->row.name);
	return check_row(&p->row, j, err);
}

/* Several under one name: a person says first which of them is none. */
static clv_rc find_pending(const struct core *c, const char *name, struct pending **out, struct clv_err *err)
{
	size_t hits = 0;

	for (size_t i = 0; i < c->srv->n_pendings; i++)
		if (strcmp(c->srv->pendings[i]->row.name, name) == 0) {
			*out = c->srv->pendings[i];
			hits++;
		}
	if (hits > 1)
		return err_set(
		    err, CLV_E_CONFLICT,
		    "%zu requests are named %.200s: decline those that are none of yours first, by their "
		    "numbers",
		    hits, (*out)->row.name);
	return hits ? CLV_OK : err_set(err, CLV_E_NOTFOUND, "nobody named %.200s waits to be accepted", name);
}

static clv_rc join_hash(const struct accepting *a, uint8_t hash[KEY_HASH_LEN], struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 256);
	if (!buf_put_lp(&b, slice_str("claviger/1 four-eyes join"), err) &&
	    !buf_put_lp(&b, slice_of(a->request, sizeof a->request), err))
		rc = sha256(buf_slice(&b), hash, err);
	buf_release(&b);
	return rc;
}

/* Two persons, each of whom types the code (core_eyes.h). false: refused, and a is gone. */
static bool is_asked_by_two(struct core *c, const struct console *k, const struct pending *p,
                            struct accepting *a)
{
	uint8_t hash[KEY_HASH_LEN];
	struct clv_err err = {0};
	enum eyes_say say = EYES_NO;

	if (!join_hash(a, hash, &err))
		say = eyes_judge(c, p->eyes, k, hash, a->act->now, &err);
	if (say == EYES_NO) {
		act_deny(c, a->act, err.text);
		free_accepting(c, a);
		return false;
	}
	if (say == EYES_SECOND)
		act_detail(a->act, "first yes: %.200s", eyes_who(p->eyes));
	else
		a->first = eyes_new(k, hash, a->act->now);
	return true;
}

void join_accept(struct core *c, const struct console_request *q, const Clv__JoinRequest *m)
{
	struct pending *p = NULL;
	Clv__KhJoinSeal k = CLV__KH_JOIN_SEAL__INIT;
	struct accepting *a;
	struct joining *j = NULL;
	struct clv_err err = {0};
	uint8_t hash[KEY_HASH_LEN], request[KEY_HASH_LEN];

	if (c->srv->join_busy)
		(void)err_set(&err, CLV_E_CONFLICT, "another server is being accepted: try again");
	else if (!find_pending(c, m->name, &p, &err) &&
	         !sha256(slice_of(p->row.node_key, p->row.node_key_len), hash, &err)) {
		j = find_key(c->srv, hash);
		if (check(c, p, j, &err) || sha256(buf_slice(&j->body), request, &err))
			j = NULL;
	}
	if (err.code || !p || !j) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	c->srv->join_busy = j->accepting = true;
	a = clv_calloc(1, sizeof *a);
	memcpy(a->node_key, hash, sizeof hash);
	memcpy(a->request, request, sizeof request);
	a->act = act_new(q, "join", p->row.name);
	a->act->pending = p->row;
	if (eyes_wanted(c, node_roles[NODE_SERVER]) && !is_asked_by_two(c, q->console, p, a))
		return;
	k.compare = a->first != NULL;
	k.body = PROTO_BYTES(buf_slice(&j->body));
	k.signature = PROTO_BYTES(buf_slice(&j->signature));
	k.operator_ = q->console->principals[0];
	k.sealed = m->sealed;
	kh_ask(c, IPC_KH_JOIN_SEAL, &k.base, on_sealed, a);
}
