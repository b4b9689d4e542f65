/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which host gets which account in which version, and whether it has it. A host's configuration is made
 * anew exactly when what it should hold differs from what its newest one holds; hosts that gain come before
 * hosts that lose. One host first: a new version goes to the rest when the first one could use it. Runs in
 * core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_recovery.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include "model/distribution.h"
#include <inttypes.h>
#include <string.h>

#define SEALING_MAX   16u
#define LOOK_MS       60000
#define AGAIN_MS      1000
#define TEXT_HELD_MAX 512u
#define DAY_MS        86400000ll

/* --- what is held --- */
struct held *deliver_held(const struct node *n, const struct rule *account)
{
	for (uint32_t i = 0; i < n->n_held; i++)
		if (n->held[i].account == account)
			return &n->held[i];
	return NULL;
}

struct held *deliver_hold(struct node *n, const struct rule *account)
{
	struct held *h = deliver_held(n, account);

	if (h)
		return h;
	n->held = clv_realloc(n->held, n->n_held + 1, sizeof *n->held);
	h = &n->held[n->n_held++];
	memset(h, 0, sizeof *h);
	h->account = account;
	return h;
}

void deliver_drop(struct node *n, const struct rule *account)
{
	struct held *h = deliver_held(n, account);

	if (!h)
		return;
	clv_free(h->text);
	*h = n->held[--n->n_held];
}

void deliver_forget(struct node *n)
{
	while (n->n_held)
		clv_free(n->held[--n->n_held].text);
	clv_free(n->held);
	n->held = NULL;
}

static clv_rc load_held(const struct store_held *s, void *ctx, struct clv_err *err)
{
	struct server *srv = ctx;
	struct node *n = server_find(srv, s->agent);
	const struct rule *r = rules_account(srv, s->account);
	struct held *h;

	(void)err;
	if (!n || !r)
		return CLV_OK;
	h = deliver_hold(n, r);
	h->has = s->has;
	h->trial = s->trial;
	h->tried = s->tried;
	h->result = s->result;
	h->since = s->since;
	clv_free(h->text);
	h->text = *s->text ? clv_strdup(s->text) : NULL;
	return CLV_OK;
}

clv_rc deliver_load(struct db *d, struct server *s, struct clv_err *err)
{
	return store_helds(d, load_held, s, err);
}

/* --- what is wanted --- */
static bool on_trial(const Clv__AccountRow *a, const char *node)
{
	return (a->trial == CLV_TRIAL_WAITS || a->trial == CLV_TRIAL_OPENED) && a->version != a->released &&
	       strcmp(a->first, node) == 0;
}

size_t deliver_wanted(const struct core *c, const struct node *n, struct wanted **out)
{
	const struct rule_list *l = &c->srv->rules->accounts;
	struct wanted *w = clv_calloc(l->n * 2 + 1, sizeof *w);
	size_t n_wanted = 0;

	for (size_t i = 0; i < l->n; i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(l->list[i]);

		if ((!a->released && !a->version) || !rules_goes_to(c->srv, a, n->name))
			continue;
		/* While it waits to be entered again hosts keep what they hold; a first entry is on trial
		 * beside that. */
		if (a->reentry && a->released)
			w[n_wanted++] = (struct wanted){l->list[i], a->released, false, true};
		else if (a->released && !a->reentry)
			w[n_wanted++] = (struct wanted){l->list[i], a->released, false, false};
		if (on_trial(a, n->name))
			w[n_wanted++] = (struct wanted){l->list[i], a->version, true, false};
	}
	*out = w;
	return n_wanted;
}

bool deliver_target_is(const struct core *c, const Clv__AssociationRow *u, const char *node)
{
	size_t n = 0;
	char *const *members;

	if (u->kind == CLV_TARGET_PATTERN)
		return distribution_covers(&u->target, 1, node, rules_members, c->srv);
	if (u->kind != CLV_TARGET_GROUP)
		return true;
	members = rules_members(c->srv, u->target, &n);
	return distribution_covers(members, n, node, rules_members, c->srv);
}

static clv_rc put(struct clv_buf *b, const char *text)
{
	return buf_put_lp(b, slice_str(text), NULL);
}

static void put_account(struct clv_buf *b, const struct wanted *w)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(w->account);

	if (put(b, a->id) || buf_put_u64(b, w->version, NULL) ||
	    buf_put_u8(b, (uint8_t)(w->trial | w->keep << 1), NULL) || buf_put_u32(b, a->type, NULL) ||
	    put(b, a->name) || put(b, a->user) || put(b, a->domain) || put(b, a->context) ||
	    put(b, a->auth_protocol) || put(b, a->privacy_protocol))
		clv_fatal("a configuration's content that is larger than it may be");
}

static void put_uses(const struct core *c, const struct node *n, struct clv_buf *b)
{
	const struct rule_list *l = &c->srv->rules->profiles;

	for (size_t i = 0; i < l->n; i++) {
		const Clv__ProfileRow *p = RULE_PROFILE(l->list[i]);

		for (size_t j = 0; j < p->n_uses; j++) {
			const Clv__AssociationRow *u = p->uses[j];
			const struct rule *r = rules_account(c->srv, u->account);

			if (!r || !rules_goes_to(c->srv, RULE_ACCOUNT(r), n->name) ||
			    !deliver_target_is(c, u, n->name))
				continue;
			if (put(b, p->name) || put(b, u->account) || buf_put_u32(b, u->kind, NULL) ||
			    put(b, u->target))
				clv_fatal("a configuration's content that is larger than it may be");
		}
	}
}

static void put_way(const struct core *c, const struct node *n, struct clv_buf *b)
{
	struct way way[WAY_MAX];
	size_t k = gateways_way(c, n, way);

	for (size_t i = 0; i < k; i++)
		if (put(b, way[i].name) || put(b, way[i].address))
			clv_fatal("a configuration's content that is larger than it may be");
}

void deliver_content(const struct core *c, const struct node *n, uint8_t out[32])
{
	struct wanted *w = NULL;
	size_t n_wanted = deliver_wanted(c, n, &w);
	struct clv_buf b;

	buf_init(&b, 64u * 1024u * 1024u);
	for (size_t i = 0; i < n_wanted; i++)
		put_account(&b, &w[i]);
	put_uses(c, n, &b);
	put_way(c, n, &b);
	if (recovery_under_way(c->srv) && buf_put_u8(&b, 1, NULL))
		clv_fatal("a configuration's content that is larger than it may be");
	if (sha256(buf_slice(&b), out, NULL))
		clv_fatal("SHA-256");
	buf_release(&b);
	clv_free(w);
}

/* --- the rows that decide for a node --- */
struct picking {
	Clv__Row **rows;
	size_t n;
};

static void pick(struct picking *p, const char *kind, const struct rule *r)
{
	Clv__Row *row;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->rows[i]->kind, kind) == 0 && strcmp(p->rows[i]->key, r->key) == 0)
			return;
	row = clv_calloc(1, sizeof *row);
	rules_pack(row, kind, r);
	p->rows = clv_realloc(p->rows, p->n + 1, sizeof(Clv__Row *));
	p->rows[p->n++] = row;
}

static void pick_groups(const struct core *c, struct picking *p, char *const *specs, size_t n)
{
	size_t prefix = strlen(DISTRIBUTION_GROUP);

	for (size_t i = 0; i < n; i++) {
		const struct rule *g = strncmp(specs[i], DISTRIBUTION_GROUP, prefix) == 0
		                           ? rules_group(c->srv, specs[i] + prefix)
		                           : NULL;

		if (g)
			pick(p, "group", g);
	}
}

static bool is_wanted(const struct wanted *w, size_t n, const char *account)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(w[i].account->key, account) == 0)
			return true;
	return false;
}

static void pick_profile(const struct core *c, struct picking *p, const struct rule *profile)
{
	const Clv__ProfileRow *m = RULE_PROFILE(profile);

	pick(p, "profile", profile);
	for (size_t i = 0; i < m->n_uses; i++) {
		const struct rule *g =
		    m->uses[i]->kind == CLV_TARGET_GROUP ? rules_group(c->srv, m->uses[i]->target) : NULL;
		const struct rule *a = rules_account(c->srv, m->uses[i]->account);

		if (g)
			pick(p, "group", g);
		if (a) {
			pick(p, "account", a);
			pick_groups(c, p, RULE_ACCOUNT(a)->goes_to, RULE_ACCOUNT(a)->n_goes_to);
		}
	}
}

void deliver_rows(const struct core *c, const struct node *n, const struct wanted *w, size_t n_wanted,
                  Clv__Row ***rows, size_t *n_rows)
{
	const struct rule_list *l = &c->srv->rules->profiles;
	struct picking p = {0};

	for (size_t i = 0; i < n_wanted; i++) {
		pick(&p, "account", w[i].account);
		pick_groups(c, &p, RULE_ACCOUNT(w[i].account)->goes_to,
		            RULE_ACCOUNT(w[i].account)->n_goes_to);
	}
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < RULE_PROFILE(l->list[i])->n_uses; j++) {
			const struct rule *a =
			    rules_account(c->srv, RULE_PROFILE(l->list[i])->uses[j]->account);

			if (a && (is_wanted(w, n_wanted, a->key) ||
			          rules_goes_to(c->srv, RULE_ACCOUNT(a), n->name))) {
				pick_profile(c, &p, l->list[i]);
				break;
			}
		}
	*rows = p.rows;
	*n_rows = p.n;
}

/* --- the queue --- */
static bool gains(const struct core *c, const struct node *n)
{
	struct wanted *w = NULL;
	size_t n_wanted = deliver_wanted(c, n, &w);
	bool more = false;

	for (size_t i = 0; i < n_wanted && !more; i++) {
		const struct held *h = deliver_held(n, w[i].account);

		more = !h || (!h->has && !h->trial);
	}
	clv_free(w);
	return more;
}

static bool is_due(const struct core *c, const struct node *n)
{
	uint8_t content[32];

	if (!n->session || !n->has_key || n->queued || n->session->sealing)
		return false;
	/* Published while a configuration for the key before was being sealed: nothing is sealed for this one
	 * yet. */
	if (n->key.state == CLV_KEY_STORED)
		return true;
	deliver_content(c, n, content);
	return !slice_eq(slice_of(content, 32), slice_of(n->content, 32));
}

static void enqueue(struct core *c, struct node *n)
{
	c->srv->queue = clv_realloc(c->srv->queue, c->srv->n_queue + 1, sizeof(struct node *));
	c->srv->queue[c->srv->n_queue++] = n;
	n->queued = true;
}

void deliver_pump(struct core *c)
{
	struct server *s = c->srv;
	size_t at = 0;

	while (at < s->n_queue && s->sealing < SEALING_MAX) {
		struct node *n = s->queue[at++];

		if (!n)
			continue;
		n->queued = false;
		if (n->session)
			(void)keys_seal(c, n->session); /* when one is under way, it is looked at after it */
	}
	s->n_queue -= at;
	if (at)
		memmove(s->queue, s->queue + at, s->n_queue * sizeof(struct node *));
}

void deliver_node(struct core *c, struct node *n)
{
	if (!is_due(c, n))
		return;
	enqueue(c, n);
	deliver_pump(c);
}

void deliver_all(struct core *c)
{
	for (int losing = 0; losing < 2; losing++)
		for (struct session *s = c->srv->sessions; s; s = s->next)
			if (s->node && is_due(c, s->node) && gains(c, s->node) == !losing)
				enqueue(c, s->node);
	deliver_pump(c);
}

void deliver_sealed(struct core *c, struct node *n, const struct wanted *w, size_t n_wanted, bool sent)
{
	for (size_t i = 0; i < n_wanted; i++) {
		struct held *h = deliver_hold(n, w[i].account);

		if (h->sealed < w[i].version)
			h->since = clock_wall_ms();
		h->sealed = w[i].version;
		if (sent)
			h->sent = w[i].version;
	}
	server_changed(c);
}

/* --- what agents tell --- */
clv_rc deliver_store(struct db *d, const char *agent, const Clv__OutboxItem *i, int64_t now,
                     struct clv_err *err)
{
	if (i->kind == OUTBOX_TRIED)
		return i->tried ? store_held_tried(d, agent, i->tried->account, i->tried->version,
		                                   i->tried->result, i->tried->text, now, err)
		                : CLV_OK;
	if (store_held_clear(d, agent, err))
		return CLV_FAILED;
	for (size_t j = 0; j < i->n_held; j++)
		if (store_held_set(d, agent, i->held[j]->account, i->held[j]->version, i->held[j]->trial, now,
		                   err))
			return CLV_FAILED;
	return CLV_OK;
}

static void apply_held(struct core *c, struct node *n, const Clv__OutboxItem *i, int64_t now)
{
	struct held before[1];

	for (uint32_t j = 0; j < n->n_held; j++)
		n->held[j].has = n->held[j].trial = 0;
	for (size_t j = 0; j < i->n_held; j++) {
		const struct rule *r = rules_account(c->srv, i->held[j]->account);
		struct held *h;

		if (!r) {
			recovery_held_unknown(c, n, i->held[j]);
			continue;
		}
		h = deliver_hold(n, r);
		before[0] = *h;
		if (i->held[j]->trial)
			h->trial = i->held[j]->version;
		else
			h->has = i->held[j]->version;
		if (before[0].has != h->has || before[0].trial != h->trial)
			h->since = now;
	}
}

/* --- one host first --- */
static clv_rc change_keep(struct db *d, struct act *a, struct clv_err *err)
{
	return a->version ? store_passwords_keep(d, a->id, a->version, a->above, err) : CLV_OK;
}

static void effect_deliver(struct core *c, struct act *a)
{
	(void)a;
	deliver_all(c);
}

void deliver_settle(struct core *c, const struct rule *r, struct act *a, enum clv_trial trial,
                    const char *text)
{
	Clv__AccountRow m = *RULE_ACCOUNT(r);

	m.trial = trial;
	m.trial_text = (char *)(uintptr_t)text;
	if (trial == CLV_TRIAL_NONE) {
		m.released = m.version;
		m.reentry = false; /* until then hosts keep what they hold */
	}
	if (trial == CLV_TRIAL_NONE || trial == CLV_TRIAL_FAILED)
		m.first = (char *)(uintptr_t) "";
	memcpy(a->id, m.id, strlen(m.id) < sizeof a->id ? strlen(m.id) : sizeof a->id - 1);
	a->version = m.version;
	a->above = m.released;
	a->change = change_keep;
	a->effect = effect_deliver;
	act_row(a, "account", r->key, r->seq, &m.base);
	act_put(c, a);
}

static void settle_trial(struct core *c, const struct node *n, const struct rule *r,
                         const Clv__TriedAccount *t)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	struct act *act;
	char *text;

	if (a->trial != CLV_TRIAL_WAITS || !t->trial || t->version != a->version ||
	    strcmp(a->first, n->name) != 0)
		return;
	act = act_new_own(t->result == 1   ? "account released"
	                  : t->result == 2 ? "account refused"
	                                   : "account opened",
	                  a->name);
	act_detail(act, "version %" PRIu64 " at %s: %.300s", t->version, n->name,
	           t->result == 1   ? "it works"
	           : t->result == 2 ? t->text
	                            : "opened, nothing tests it");
	text = t->result == 2 ? clv_asprintf("%s could not use it: %.300s", n->name, t->text)
	                      : clv_asprintf("%s opened it; no profile there has a check", n->name);
	if (t->result == 1)
		core_event(c, 7024, "The account %s, version %" PRIu64 ", works at %s; it goes to the rest.",
		           a->name, t->version, n->name);
	deliver_settle(c, r, act,
	               t->result == 1   ? CLV_TRIAL_NONE
	               : t->result == 2 ? CLV_TRIAL_FAILED
	                                : CLV_TRIAL_OPENED,
	               t->result == 1 ? "" : text);
	clv_free(text);
}

void deliver_apply(struct core *c, struct node *n, const Clv__OutboxItem *i, int64_t now)
{
	const struct rule *r;
	struct held *h;

	if (i->kind == OUTBOX_CONFIRM) {
		apply_held(c, n, i, now);
		return;
	}
	r = i->tried ? rules_account(c->srv, i->tried->account) : NULL;
	if (!r)
		return;
	h = deliver_hold(n, r);
	h->tried = i->tried->version;
	h->result = i->tried->result;
	h->since = now;
	clv_free(h->text);
	h->text = clv_asprintf("%.*s", (int)TEXT_HELD_MAX, i->tried->text);
	settle_trial(c, n, r, i->tried);
}

/* --- what is late --- */
static int64_t look_ms(const struct core *c)
{
	return c->start->arrive_ms < LOOK_MS ? c->start->arrive_ms : LOOK_MS;
}

static void look_at(struct core *c, struct node *n, int64_t now)
{
	struct wanted *w = NULL;
	size_t n_wanted = deliver_wanted(c, n, &w);

	for (size_t i = 0; i < n_wanted; i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(w[i].account);
		const struct held *h = deliver_held(n, w[i].account);
		int64_t since = a->changed > n->session->since ? a->changed : n->session->since;

		if (w[i].trial || w[i].keep || (h && h->has == w[i].version) ||
		    now - since < c->start->arrive_ms || now - since >= c->start->arrive_ms + look_ms(c))
			continue;
		core_event_of(c, n->name, 1107,
		              "The account %s, version %" PRIu64 ", has not arrived within %" PRId64
		              " s; the host %s.",
		              a->name, w[i].version, c->start->arrive_ms / 1000,
		              h && h->has ? "goes on with the version before it" : "has none of it");
	}
	clv_free(w);
}

void deliver_disk(struct core *c, bool ok)
{
	struct server *s = c->srv;

	if (ok) {
		s->again_ms = 0;
		return;
	}
	if (s->again_at)
		return;
	s->again_ms = !s->again_ms ? AGAIN_MS : s->again_ms * 2 > LOOK_MS ? LOOK_MS : s->again_ms * 2;
	s->again_at = clock_mono_ms() + s->again_ms;
}

/* Once a day each, and at the service's start. */
static void warn_ends(struct core *c, int64_t now)
{
	const struct rule_list *l = &c->srv->rules->accounts;

	for (size_t i = 0; i < l->n; i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(l->list[i]);
		char when[CLOCK_RFC3339_LEN];

		if (!a->ends || a->ends - now >= ACCOUNT_EXPIRING_MS || now - l->list[i]->warned < DAY_MS)
			continue;
		l->list[i]->warned = now;
		clock_rfc3339(a->ends, false, when);
		core_event(c, 7001, "The password of the account %s %s at %s; enter the new one.", a->name,
		           a->ends < now ? "ended" : "ends", when);
	}
}

void deliver_tick(struct core *c, int64_t now_ms)
{
	int64_t mono = clock_mono_ms();

	if (c->srv->again_at && mono >= c->srv->again_at) {
		c->srv->again_at = 0;
		deliver_all(c);
	}
	if (mono < c->srv->look_at)
		return;
	c->srv->look_at = mono + look_ms(c);
	warn_ends(c, now_ms);
	for (struct session *s = c->srv->sessions; s; s = s->next)
		if (s->node && s->node->session == s) /* else it never said that it is here */
			look_at(c, s->node, now_ms);
	deliver_all(c);
}
