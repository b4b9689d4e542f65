/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of a link at the agent: the server's under the pinned group signing key, then ours; with a
 * request to be accepted while the server has not said that we are. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "keys/succession.h"
#include "proto/types.h"
#include <inttypes.h>
#include <string.h>

struct proving {
	Clv__LinkProofFrame frame;
	uint64_t conn;
	uint8_t renews[16];
};

static void on_proof_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                            const struct clv_err *err)
{
	struct proving *pr = ctx;
	Clv__LinkProofFrame *f = &pr->frame;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;

	bool ours = agent_enter(c, pr->conn);

	(void)type;
	if (!m) {
		log_err(LOG_ERROR, err, "proving the link");
		if (ours)
			agent_drop_link(c, err->text);
	} else if (ours && c->agent->link == AGENT_PROVING) {
		st.body = s->body;
		st.signature = s->signature;
		f->proof = &st;
		core_frame(c, false, c->agent->conn, FRAME_LINK_PROOF, &f->base);
		f->proof = NULL;
	}
	if (ours)
		agent_leave(c);
	proto_free((ProtobufCMessage *)f->enroll);
	clv_free(pr);
}

static void sign_proof(struct core *c, Clv__SignedStatement *enroll)
{
	struct proving *pr = clv_calloc(1, sizeof *pr);
	Clv__LinkProofFrame *f = &pr->frame;

	clv__link_proof_frame__init(f);
	f->node_key = PROTO_BYTES(buf_slice(&c->node_key));
	f->enroll = enroll;
	f->version = (char *)(uintptr_t)CLV_VERSION;
	f->repinned = c->agent->repinned;
	pr->conn = c->agent->conn;
	if (c->agent->aside && c->agent->other.open &&
	    slice_fill(PROTO_SLICE(c->agent->other.open->fingerprint), pr->renews, 16)) {
		f->renews = PROTO_BYTES(slice_of(pr->renews, 16));
	}
	kh_sign_link(c, c->agent->open, true, on_proof_signed, pr);
}

void agent_prove_with(struct core *c, struct clv_slice body, struct clv_slice signature)
{
	Clv__SignedStatement *e = clv_calloc(1, sizeof *e);

	clv__signed_statement__init(e);
	e->body.data = clv_memdup(body.ptr, body.len);
	e->body.len = body.len;
	e->signature.data = clv_memdup(signature.ptr, signature.len);
	e->signature.len = signature.len;
	sign_proof(c, e);
}

static void on_enroll_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                             const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;

	uint64_t conn = *(uint64_t *)ctx;

	(void)type;
	clv_free(ctx);
	if (!agent_enter(c, conn))
		return; /* that link is gone */
	if (!m) {
		log_err(LOG_ERROR, err, "asking to be accepted");
		agent_drop_link(c, err->text);
	} else if (c->agent->link == AGENT_PROVING) {
		if (c->agent->join)
			join_keep(c, PROTO_SLICE(s->body), PROTO_SLICE(s->signature));
		agent_prove_with(c, PROTO_SLICE(s->body), PROTO_SLICE(s->signature));
	}
	agent_leave(c);
}

static void prove(struct core *c)
{
	Clv__EnrollRequest e = CLV__ENROLL_REQUEST__INIT;
	uint8_t hash[KEY_HASH_LEN];

	c->agent->link = AGENT_PROVING;
	core_conn_proven(c, false, c->agent->conn);
	if (c->agent->box.accepted && c->mode == 'r') {
		sign_proof(c, NULL);
		return;
	}
	if (c->agent->join && join_again(c))
		return;
	if (sha256(buf_slice(&c->group_key), hash, NULL))
		return;
	e.name = c->start->name;
	e.role = c->start->role;
	e.node_key = PROTO_BYTES(buf_slice(&c->node_key));
	e.machine = PROTO_BYTES(buf_slice(&c->machine));
	e.group_key_hash = PROTO_BYTES(slice_of(hash, sizeof hash));
	e.time = clock_wall_ms();
	if (c->agent->join)
		e.intake = PROTO_BYTES(join_intake(c));
	kh_sign(c, STATEMENT_ENROLL, &e.base, on_enroll_signed,
	        clv_memdup(&c->agent->conn, sizeof c->agent->conn));
}

static const Clv__ServerEntry *find_server(const Clv__ServerList *list, const char *name)
{
	for (size_t i = 0; i < list->n_servers; i++)
		if (strcmp(list->servers[i]->name, name) == 0)
			return list->servers[i];
	return NULL;
}

/* Of before a recovery, of a server that another took the group over from, or one that was kept back. */
static bool is_older(const struct agent *a, const Clv__ServerList *l)
{
	if (l->epoch != a->list_epoch)
		return l->epoch < a->list_epoch;
	if (l->fencing != a->list_fencing)
		return l->fencing < a->list_fencing;
	return l->number < a->list_number;
}

bool agent_is_fenced(struct core *c, uint64_t fencing, const char *what)
{
	char why[120];

	if (fencing >= c->agent->list_fencing)
		return false;
	(void)snprintf(why, sizeof why, "%.40s of a server that another took the group over from", what);
	agent_drop_link(c, why);
	return true;
}

static clv_rc check_age(const struct agent *a, const Clv__ServerList *l, struct clv_err *err)
{
	if (is_older(a, l))
		return err_set(err, CLV_E_CONFLICT,
		               "the list of servers %" PRIu64 " is older than %" PRIu64 ", which was seen",
		               l->number, a->list_number);
	return CLV_OK;
}

static const char *role_of(const Clv__ServerEntry *e)
{
	return *e->role ? e->role : "management-server";
}

/* The server's node key is in the list that the group signed, and it signed this very channel. */
static clv_rc check_greeting(const struct core *c, const Clv__Greeting *g, struct clv_slice group_key,
                             ProtobufCMessage **list, struct clv_err *err)
{
	const Clv__ConnOpen *o = c->agent->open;
	const Clv__ServerEntry *server;
	ProtobufCMessage *m = NULL;
	const Clv__LinkProof *p;
	clv_rc rc = CLV_FAILED;

	if (!g->server_list || !g->proof || strcmp(g->group, c->start->group) != 0)
		return err_set(err, CLV_E_PROTO, "the server greets for another group or without proof");
	if (statement_open(STATEMENT_SERVER_LIST, c->start->group, group_key,
	                   PROTO_SLICE(g->server_list->body), PROTO_SLICE(g->server_list->signature), list,
	                   err))
		return err_wrap(err, "the list of servers under the group signing key pinned here");
	if (check_age(c->agent, (const Clv__ServerList *)*list, err))
		return CLV_FAILED;
	server = find_server((const Clv__ServerList *)*list, o->peer_name);
	if (!server)
		return err_set(err, CLV_E_AUTH, "%s is not in the group's list of servers", o->peer_name);
	if (statement_open(STATEMENT_LINK_PROOF, c->start->group, PROTO_SLICE(server->node_key),
	                   PROTO_SLICE(g->proof->body), PROTO_SLICE(g->proof->signature), &m, err))
		return CLV_FAILED;
	p = (const Clv__LinkProof *)m;
	if (strcmp(p->role, role_of(server)) != 0)
		(void)err_set(err, CLV_E_AUTH, "%s proves itself as a %.24s and is listed as a %.24s",
		              o->peer_name, p->role, role_of(server));
	else if (strcmp(p->from, o->peer_name) != 0 || strcmp(p->to, c->start->name) != 0 || p->initiator ||
	         !slice_eq(PROTO_SLICE(p->t), PROTO_SLICE(o->t)) ||
	         !slice_eq(PROTO_SLICE(p->fingerprint), PROTO_SLICE(o->fingerprint)))
		(void)err_set(err, CLV_E_AUTH,
		              "the server's proof is of another channel: somebody stands in between");
	else
		rc = CLV_OK;
	proto_free(m);
	return rc;
}

/* --- pinning --- */
struct pinning {
	struct clv_buf key;
	uint64_t conn; /* the link it was shown on */
};

static void free_pinning(struct pinning *p)
{
	buf_release(&p->key);
	clv_free(p);
}

/* What a person needs to judge another key than the pinned one; the link is not used meanwhile. */
static void refuse_key(struct core *c, const struct pinning *p, const struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	char text[FINGERPRINT_TEXT_MAX] = "";

	if (!sha256(buf_slice(&p->key), hash, NULL))
		fingerprint_text(hash, false, text);
	agent_complain(
	    c, 20071,
	    "%s shows another group signing key, %s: %s. This node goes on with what it holds. If "
	    "the group was recovered after a loss, compare it with what clavigerd recover printed, "
	    "then: clavigerd trust FINGERPRINT",
	    c->agent->open->peer_name, text, err->text);
	core_conn_close(c, false, c->agent->conn, "the group signing key is another than the pinned one");
	agent_link_down(c);
}

static void on_pinned(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	const Clv__KhPinned *k = (const Clv__KhPinned *)m;
	struct pinning *p = ctx;
	bool ours = agent_enter(c, p->conn), here = ours && c->agent->link == AGENT_OPEN;

	(void)type;
	if (!m && (c->mode == 'e' || c->mode == 'j')) {
		core_outcome(c, 1, "the group signing key could not be pinned: %s", err->text);
	} else if (!m && here) {
		refuse_key(c, p, err);
	} else if (m) {
		buf_clear(&c->group_key);
		if (buf_put(&c->group_key, buf_slice(&p->key), NULL))
			clv_fatal("a group signing key that is larger than it may be");
		if (k->how != PIN_FIRST)
			core_event(c, 20024, "Another group signing key is pinned here from now on: %s.",
			           pin_how_words(k->how));
		c->agent->repinned = k->how;
		if (here)
			prove(c);
	}
	if (ours)
		agent_leave(c);
	free_pinning(p);
}

static void pin(struct core *c, const Clv__Greeting *g, const Clv__ServerList *list)
{
	Clv__KhPinGroup m = CLV__KH_PIN_GROUP__INIT;
	struct pinning *p = clv_calloc(1, sizeof *p);

	buf_init(&p->key, STATEMENT_SPKI_MAX);
	p->conn = c->agent->conn;
	if (buf_put(&p->key, PROTO_SLICE(g->group_key), NULL)) {
		free_pinning(p);
		agent_drop_link(c, "a group signing key that is too large");
		return;
	}
	m.group_key = g->group_key;
	m.recovery_key_hash = list->recovery_key_hash;
	m.epoch = list->epoch;
	if (g->succession) {
		m.succession = g->succession->body;
		m.succession_signature = g->succession->signature;
		m.recovery_key = g->recovery_key;
	}
	kh_ask(c, IPC_KH_PIN_GROUP, &m.base, on_pinned, p);
}

/* Another key is shown than the pinned one: the key holder says whether it is taken. Until then the greeting
 * is judged by what it shows of itself. */
static struct clv_slice key_to_judge_by(const struct core *c, const Clv__Greeting *g, bool *other)
{
	struct clv_slice pinned = buf_slice(&c->group_key), shown = PROTO_SLICE(g->group_key);

	*other = !pinned.len || (c->mode == 'r' && shown.len && !slice_eq(pinned, shown));
	return *other ? shown : pinned;
}

void agent_on_greeting(struct core *c, const Clv__Greeting *g)
{
	struct agent *a = c->agent;
	bool other;
	struct clv_slice key = key_to_judge_by(c, g, &other);
	ProtobufCMessage *list = NULL;
	struct clv_err err = {0};

	if (a->link != AGENT_OPEN) {
		agent_drop_link(c, "a second greeting");
		return;
	}
	proto_free((ProtobufCMessage *)a->greeting_next);
	a->greeting_next = NULL;
	if (check_greeting(c, g, key, &list, &err) ||
	    proto_dup(&g->base, (ProtobufCMessage **)&a->greeting_next, &err)) {
		agent_complain(c, 20071, "%s connected but did not prove itself: %s.", a->open->peer_name,
		               err.text);
		core_conn_close(c, false, a->conn, err.text);
		agent_link_down(c);
		if (c->mode == 'e' || join_not_asked(c))
			core_outcome(c, 1, "%s", err.text);
	} else if (other) {
		pin(c, g, (const Clv__ServerList *)list);
	} else {
		prove(c);
	}
	proto_free(list);
}

/* --- the list of servers --- */
/* false: a newer one was seen meanwhile. */
static bool saw_list(struct core *c, const Clv__SignedStatement *s)
{
	struct agent *a = c->agent;
	ProtobufCMessage *m = NULL;
	const Clv__ServerList *l;
	bool newest;

	if (statement_open(STATEMENT_SERVER_LIST, c->start->group, buf_slice(&c->group_key),
	                   PROTO_SLICE(s->body), PROTO_SLICE(s->signature), &m, NULL))
		return true;
	l = (const Clv__ServerList *)m;
	newest = !is_older(a, l);
	if (newest && l->epoch != a->list_epoch)
		agent_remember(c, "list epoch", a->list_epoch = l->epoch);
	if (newest && l->fencing != a->list_fencing)
		agent_remember(c, "list fencing", a->list_fencing = l->fencing);
	if (newest && l->number != a->list_number)
		agent_remember(c, "list number", a->list_number = l->number);
	proto_free(m);
	return newest;
}

void agent_proven(struct core *c)
{
	struct agent *a = c->agent;
	Clv__Greeting *was = a->greeting;

	if (!a->greeting_next)
		return;
	a->greeting = a->greeting_next;
	a->greeting_next = NULL;
	/* Between a greeting and its welcome another link may have brought a newer list: that one is shown
	 * on. */
	if (!saw_list(c, a->greeting->server_list) && was && was->server_list) {
		Clv__SignedStatement *older = a->greeting->server_list;

		a->greeting->server_list = was->server_list;
		was->server_list = older;
	}
	proto_free((ProtobufCMessage *)was);
}

void agent_on_list(struct core *c, const Clv__SignedStatement *s)
{
	struct agent *a = c->agent;
	ProtobufCMessage *m = NULL, *copy = NULL;
	struct clv_err err = {0};

	if (statement_open(STATEMENT_SERVER_LIST, c->start->group, buf_slice(&c->group_key),
	                   PROTO_SLICE(s->body), PROTO_SLICE(s->signature), &m, &err) ||
	    check_age(a, (const Clv__ServerList *)m, &err) || proto_dup(&s->base, &copy, &err)) {
		agent_complain(c, 20071, "%s sent a list of servers that is not taken: %s.",
		               a->open->peer_name, err.text);
	} else if (a->greeting) {
		proto_free((ProtobufCMessage *)a->greeting->server_list);
		a->greeting->server_list = (Clv__SignedStatement *)copy;
		(void)saw_list(c, s);
	} else {
		proto_free(copy);
	}
	proto_free(m);
}
