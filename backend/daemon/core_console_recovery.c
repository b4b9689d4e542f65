/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a recovery as consoles see it (see core_recovery.h): counted from the rows that decide and
 * from what hosts told. A claim says that somebody is typing; it locks nothing and ends by itself. Runs in
 * core.
 */
#include "daemon/core_recovery.h"
#include "base/clock.h"
#include <string.h>

/* --- state --- */
clv_rc recovery_load(struct db *d, struct server *s, struct clv_err *err)
{
	struct recovery *r = clv_calloc(1, sizeof *r);
	const Clv__RecoveryState *m;
	ProtobufCMessage *msg = NULL;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	s->recovery = r;
	if (store_meta_get(d, RECOVERY_META, &b, err))
		goto out;
	rc = CLV_OK;
	if (buf_slice(&b).len == 0)
		goto out;
	rc = proto_decode(&clv__recovery_state__descriptor, buf_slice(&b), &msg, err);
	if (rc) {
		(void)!err_wrap(err, "the state of the recovery");
		goto out;
	}
	m = (const Clv__RecoveryState *)msg;
	r->epoch = m->epoch;
	r->time = m->time;
	r->by = clv_strdup(m->by);
	r->kept_keys = m->kept_keys;
	r->finished = m->finished;
	r->finished_by = clv_strdup(m->finished_by);
out:
	proto_free(msg);
	buf_release(&b);
	return rc;
}

void recovery_held_unknown(struct core *c, const struct node *n, const Clv__HeldAccount *held)
{
	struct recovery *r = c->srv->recovery;

	if (!recovery_under_way(c->srv) || r->n_unknown == UNKNOWN_MAX ||
	    strlen(held->account) >= sizeof r->unknown[0])
		return;
	for (size_t i = 0; i < r->n_unknown; i++)
		if (strcmp(r->unknown[i], held->account) == 0)
			return;
	r->unknown = clv_realloc(r->unknown, r->n_unknown + 1, sizeof r->unknown[0]);
	memcpy(r->unknown[r->n_unknown++], held->account, strlen(held->account) + 1);
	core_event(c, 20027,
	           "%s holds the RunAs account '%.128s' (v%" PRIu64
	           "), which this database does not know: it is newer than the copy that was brought back. "
	           "Hosts go on with it until the recovery is finished; add it again before.",
	           n->name, held->name, held->version);
}

bool recovery_under_way(const struct server *s)
{
	return s->recovery->epoch && !s->recovery->finished;
}

void recovery_was_finished(struct server *s, int64_t when, const char *by)
{
	s->recovery->finished = when;
	clv_free(s->recovery->finished_by);
	s->recovery->finished_by = clv_strdup(by);
}

/* Entered again, and one host tries it: nobody has to type now. */
static bool on_its_way(const struct server *s, const Clv__AccountRow *a)
{
	return a->version != a->released && a->entered >= s->recovery->time &&
	       (a->trial == CLV_TRIAL_WAITS || a->trial == CLV_TRIAL_OPENED);
}

enum clv_recovery_phase recovery_phase(const struct server *s, const Clv__AccountRow *a,
                                       const struct account_counts *k)
{
	if (a->reentry)
		return *a->aside          ? CLV_RECOVERY_ASIDE
		       : on_its_way(s, a) ? CLV_RECOVERY_ENTERED
		                          : CLV_RECOVERY_TO_ENTER;
	/* A first password is no second one. */
	if (!recovery_under_way(s) || a->version < 2 || a->entered < s->recovery->time)
		return CLV_RECOVERY_NONE;
	return a->version == a->released && k->opened >= k->targets ? CLV_RECOVERY_CONFIRMED
	                                                            : CLV_RECOVERY_ENTERED;
}

uint32_t recovery_to_enter(const struct server *s)
{
	struct account_counts none = {0};
	uint32_t n = 0;

	for (size_t i = 0; i < s->rules->accounts.n; i++)
		n += recovery_phase(s, RULE_ACCOUNT(s->rules->accounts.list[i]), &none) ==
		     CLV_RECOVERY_TO_ENTER;
	return n;
}

/* --- claims --- */
const struct claim *recovery_claim(const struct server *s, const char *account)
{
	const struct claim *best = NULL;

	for (size_t i = 0; i < s->recovery->n_claims; i++) {
		const struct claim *x = &s->recovery->claims[i];

		if (strcmp(x->account, account) == 0 && (!best || x->mono > best->mono))
			best = x;
	}
	return best;
}

static void drop_claim(struct recovery *r, size_t i)
{
	clv_free(r->claims[i].principal);
	clv_free(r->claims[i].name);
	r->claims[i] = r->claims[--r->n_claims];
}

void recovery_unclaim(struct core *c, const char *account)
{
	struct recovery *r = c->srv->recovery;

	for (size_t i = r->n_claims; i > 0; i--)
		if (strcmp(r->claims[i - 1].account, account) == 0)
			drop_claim(r, i - 1);
}

void recovery_tick(struct core *c)
{
	struct recovery *r = c->srv->recovery;
	int64_t now = clock_mono_ms();
	bool ended = false;

	for (size_t i = r->n_claims; i > 0; i--)
		if (now - r->claims[i - 1].mono >= CLAIM_LASTS_MS) {
			drop_claim(r, i - 1);
			ended = true;
		}
	if (ended)
		server_changed(c);
}

static struct claim *own_claim(struct server *s, const struct console *k, const char *account)
{
	for (size_t i = 0; i < s->recovery->n_claims; i++) {
		struct claim *x = &s->recovery->claims[i];

		/* one that came back after its line was lost goes on with what was its own */
		if (strcmp(x->account, account) == 0 &&
		    (x->conn == k->conn ||
		     (!console_find(s, x->conn) && strcmp(x->principal, k->principals[0]) == 0)))
			return x;
	}
	return NULL;
}

static void renew_claim(struct server *s, const struct console *k, const char *account)
{
	struct recovery *r = s->recovery;
	struct claim *x = own_claim(s, k, account);
	size_t n = strlen(account);

	if (!x && r->n_claims == CLAIMS_MAX)
		return; /* it is shown or it is not; nothing depends on it */
	if (!x) {
		r->claims = clv_realloc(r->claims, r->n_claims + 1, sizeof *r->claims);
		x = &r->claims[r->n_claims++];
		memset(x, 0, sizeof *x);
		memcpy(x->account, account, n < sizeof x->account ? n : sizeof x->account - 1);
		x->principal = clv_strdup(k->principals[0]);
		x->name = clv_strdup(k->name);
	}
	x->conn = k->conn;
	x->at = clock_wall_ms();
	x->mono = clock_mono_ms();
}

/* The other one who typed last. */
static const struct claim *other_claim(const struct recovery *r, const struct console *k, const char *account)
{
	const struct claim *best = NULL;

	for (size_t i = 0; i < r->n_claims; i++) {
		const struct claim *x = &r->claims[i];

		if (strcmp(x->account, account) == 0 && x->conn != k->conn && (!best || x->mono > best->mono))
			best = x;
	}
	return best;
}

static void pack_claim(const struct core *c, const struct console *k, const struct claim *x, Clv__Claim *m)
{
	const struct rule *r = rules_account(c->srv, x->account);

	clv__claim__init(m);
	m->account = r ? RULE_ACCOUNT(r)->name : (char *)(uintptr_t) "";
	m->by = x->name;
	m->at = x->at;
	m->mine = x->conn == k->conn;
}

void console_claim(struct core *c, const struct console_request *q, const Clv__ClaimRequest *m)
{
	struct recovery *r = c->srv->recovery;
	const struct rule *account = account_find(c, q, m->name, 0);
	Clv__ClaimReply out = CLV__CLAIM_REPLY__INIT;
	const struct claim *other;
	Clv__Claim row;

	if (!account)
		return;
	if (m->leave) {
		struct claim *own = own_claim(c->srv, q->console, account->key);

		if (own)
			drop_claim(r, (size_t)(own - r->claims));
	} else {
		renew_claim(c->srv, q->console, account->key);
	}
	other = other_claim(r, q->console, account->key);
	if (other) {
		pack_claim(c, q->console, other, &row);
		out.other = &row;
	}
	out.req = q->req;
	out.time = clock_wall_ms();
	console_reply(c, q->conn, REP_CLAIM, &out.base);
	server_changed(c);
}

/* --- as consoles see it --- */
static void count_account(const struct core *c, const struct rule *r, Clv__Recovery *m)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	struct account_counts k;
	enum clv_recovery_phase phase;

	account_count(c, r, &k);
	phase = recovery_phase(c->srv, a, &k);
	m->to_enter += phase == CLV_RECOVERY_TO_ENTER;
	m->entered += phase == CLV_RECOVERY_ENTERED;
	m->confirmed += phase == CLV_RECOVERY_CONFIRMED;
	m->aside += phase == CLV_RECOVERY_ASIDE;
	if (phase == CLV_RECOVERY_TO_ENTER && a->ends && (!m->first_end || a->ends < m->first_end)) {
		m->first_end = a->ends;
		m->first_end_account = a->name;
	}
}

void recovery_pack(const struct core *c, const struct console *k, Clv__Recovery *m)
{
	const struct server *s = c->srv;
	const struct recovery *r = s->recovery;

	clv__recovery__init(m);
	m->epoch = r->epoch;
	m->group_key = c->group_key_version;
	m->accounts = (uint32_t)s->rules->accounts.n;
	if (!r->epoch)
		return;
	m->began = r->time;
	m->by = r->by;
	m->kept_keys = r->kept_keys;
	m->finished = r->finished;
	m->finished_by = r->finished_by;
	for (size_t i = 0; i < s->rules->accounts.n; i++)
		count_account(c, s->rules->accounts.list[i], m);
	m->agents = (uint32_t)s->n_nodes;
	for (size_t i = 0; i < s->n_nodes; i++)
		m->agents_back += s->nodes[i]->session || s->nodes[i]->last_seen >= r->time;
	if (!k)
		return;
	m->claims = clv_calloc(r->n_claims + 1, sizeof(Clv__Claim *));
	for (size_t i = 0; i < r->n_claims; i++) {
		m->claims[i] = clv_calloc(1, sizeof(Clv__Claim));
		pack_claim(c, k, &r->claims[i], m->claims[i]);
	}
	m->n_claims = r->n_claims;
}

void recovery_unpack(Clv__Recovery *m)
{
	for (size_t i = 0; i < m->n_claims; i++)
		clv_free(m->claims[i]);
	clv_free(m->claims);
	m->claims = NULL;
	m->n_claims = 0;
}

void console_recovery(struct core *c, const struct console_request *q)
{
	Clv__Recovery m;

	recovery_pack(c, q->console, &m);
	m.req = q->req;
	m.time = clock_wall_ms();
	console_reply(c, q->conn, REP_RECOVERY, &m.base);
	recovery_unpack(&m);
}
