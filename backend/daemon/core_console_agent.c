/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent in full, and the packing of an agent's row: what memory holds, with the history of its keys
 * and its events from the database thread. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_accounts.h"
#include "keys/agentcert.h"
#include <string.h>

#define DETAIL_BYTES (400u * 1024u) /* of event texts in one answer */
#define ACCOUNTS_MAX 50u            /* of accounts, what is missing first */

static char *text_or_empty(char *s)
{
	return s ? s : (char *)(uintptr_t) "";
}

static void pack_key(const struct clv_key_fact *f, Clv__Key *k)
{
	clv__key__init(k);
	k->generation = f->generation;
	k->ordinal = f->ordinal;
	k->state = f->state;
	k->sha1 = PROTO_BYTES(slice_of(f->sha1, 20));
	k->sha256 = PROTO_BYTES(slice_of(f->sha256, 32));
	k->rsa_bits = f->rsa_bits;
	k->not_before = f->not_before;
	k->not_after = f->not_after;
	k->made = f->made;
	k->published = f->published;
	k->stored = f->stored;
	k->in_use = f->in_use;
	k->confirmed = f->confirmed;
	k->retired = f->retired;
	k->destroyed = f->destroyed;
	k->refused = f->refused;
}

void console_pack_agent(const struct core *c, const struct node *n, Clv__Agent *a, Clv__Key *k)
{
	struct clv_agent_fact f;

	server_fill(c, n, &f);
	clv__agent__init(a);
	a->name = f.name;
	a->approval = f.approval;
	a->contact = f.contact;
	if (f.has_key) {
		pack_key(&n->key, k); /* the fact is gone with this call, the node is not */
		a->key = k;
	}
	a->gateway = text_or_empty(f.gateway);
	a->server = text_or_empty(f.server);
	a->mechanism = f.mechanism;
	a->protocol = text_or_empty(f.protocol);
	a->cipher = text_or_empty(f.cipher);
	a->last_seen = f.last_seen;
	a->config_version = f.config_version;
	a->config_ordinal = f.config_ordinal;
	a->row_version = f.row_version;
}

struct detail {
	struct console_request q;
	bool pushed;
	char name[STORE_NAME_MAX];
	struct clv_key_fact keys[100];
	char *pems[100];
	size_t n_keys;
	Clv__Event *events[50];
	size_t n_events, bytes;
};

static clv_rc take_key(const struct clv_key_fact *k, struct clv_slice cert, void *ctx, struct clv_err *err)
{
	struct detail *d = ctx;
	struct clv_buf pem;

	if (d->n_keys == sizeof d->keys / sizeof d->keys[0])
		return CLV_OK;
	buf_init(&pem, 16384);
	if (d->n_keys == 0 && (agentcert_to_pem(cert, &pem, err) || buf_put_u8(&pem, 0, err))) {
		buf_release(&pem);
		return CLV_FAILED;
	}
	d->pems[d->n_keys] = buf_slice(&pem).len ? clv_strdup((const char *)buf_slice(&pem).ptr) : NULL;
	d->keys[d->n_keys++] = *k;
	buf_release(&pem);
	return CLV_OK;
}

static clv_rc take_own_event(const struct clv_event_fact *e, void *ctx, bool *stop, struct clv_err *err)
{
	struct detail *d = ctx;

	(void)stop;
	(void)err;
	if (d->n_events < sizeof d->events / sizeof d->events[0] && d->bytes < DETAIL_BYTES) {
		d->bytes += strlen(e->text);
		d->events[d->n_events++] = console_dup_event(e);
	}
	return CLV_OK;
}

static clv_rc run_detail(struct db *db, void *ctx, struct clv_err *err)
{
	struct detail *d = ctx;

	if (store_keys(db, d->name, take_key, d, err))
		return CLV_FAILED;
	return store_events_of(db, d->name, take_own_event, d, err);
}

static void free_detail(struct detail *d)
{
	for (size_t i = 0; i < d->n_keys; i++)
		clv_free(d->pems[i]);
	for (size_t i = 0; i < d->n_events; i++)
		console_free_event(d->events[i]);
	clv_free(d);
}

static void pack_link(const struct node *n, Clv__AgentDetail *m)
{
	const struct session *s = n->session;

	if (!s)
		return;
	m->link_since = s->since;
	m->fingerprint = s->open->fingerprint;
	m->fingerprint_agreed = true; /* both link proofs were verified, or there is no session */
	if (s->open->mechanism == CLV_MECHANISM_KERBEROS)
		return; /* a ticket is no certificate */
	m->channel_thumbprint = s->open->peer_thumbprint;
	m->channel_not_after = s->open->peer_not_after;
}

/* --- accounts that go to it --- */
struct goes_here {
	Clv__AgentAccount rows[ACCOUNTS_MAX], *list[ACCOUNTS_MAX];
	size_t n;
};

static void add_account(struct goes_here *g, const struct rule *r, const struct node *n, bool missing)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	const struct held *h = deliver_held(n, r);
	Clv__AgentAccount *row = &g->rows[g->n];
	bool trial = false;

	if (g->n == ACCOUNTS_MAX)
		return;
	clv__agent_account__init(row);
	row->name = a->name;
	row->version = account_meant(a, n, &trial);
	row->step = row->version ? account_step(h, row->version, trial) : CLV_STEP_NONE;
	row->since = h ? h->since : 0;
	row->missing = missing;
	row->held_back = a->version > 0 && !row->version;
	g->list[g->n++] = row;
}

static bool misses(const struct rule *r, const struct node *n)
{
	const struct held *h = deliver_held(n, r);
	bool trial = false;
	uint64_t meant = account_meant(RULE_ACCOUNT(r), n, &trial);

	return !meant || !h || !account_has(h, meant, trial);
}

static void pack_accounts(const struct core *c, const struct node *n, Clv__AgentDetail *m,
                          struct goes_here *g)
{
	const struct rule_list *l = &c->srv->rules->accounts;

	g->n = 0;
	for (int done = 0; done < 2; done++)
		for (size_t i = 0; i < l->n; i++) {
			bool missing = misses(l->list[i], n);

			if (missing != !done || !rules_goes_to(c->srv, RULE_ACCOUNT(l->list[i]), n->name))
				continue;
			m->accounts++;
			m->accounts_missing += missing;
			m->accounts_confirmed += !missing;
			add_account(g, l->list[i], n, missing);
		}
	m->account_rows = g->list;
	m->n_account_rows = g->n;
}

static void answer_detail(struct core *c, struct detail *d, struct node *n)
{
	Clv__AgentDetail m = CLV__AGENT_DETAIL__INIT;
	Clv__Agent a;
	Clv__Key k, rows[100], *list[100];
	struct goes_here g;
	uint8_t id[KEY_HASH_LEN];

	console_pack_agent(c, n, &a, &k);
	for (size_t i = 0; i < d->n_keys; i++) {
		pack_key(&d->keys[i], &rows[i]);
		if (d->pems[i])
			rows[i].pem = d->pems[i];
		list[i] = &rows[i];
	}
	m.req = d->q.req;
	m.time = clock_wall_ms();
	m.agent = &a;
	m.keys = list;
	m.n_keys = d->n_keys;
	pack_link(n, &m);
	if (n->has_configured)
		m.channel_configured = PROTO_BYTES(slice_of(n->configured, 32));
	if (!sha256(buf_slice(&n->node_key), id, NULL))
		m.node_key_id = PROTO_BYTES(slice_of(id, 32));
	if (n->session) {
		m.clock_known = n->session->clock_known;
		m.clock_ahead_ms = n->session->clock_ahead_ms;
		m.clock_error_ms = n->session->clock_error_ms;
	}
	m.pinned_at = n->pinned_at;
	m.pinned_by = n->pinned_by;
	m.machine_matches = true; /* another machine never gets a link; see enroll and 7022 */
	m.config_confirmed = n->config_confirmed;
	m.config_confirmed_ordinal = n->config_confirmed_ordinal;
	m.config_confirmed_at = n->config_confirmed_at;
	m.events = d->events;
	m.n_events = d->n_events;
	pack_accounts(c, n, &m, &g);
	console_answer(c, &d->q, REP_AGENT, &m.base, &m.time);
}

static void done_detail(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct detail *d = ctx;
	struct node *n = server_find(c->srv, d->name);
	struct clv_err gone = {0};

	d->q.console = console_find(c->srv, d->q.conn);
	d->q.watch = NULL;
	for (size_t i = 0; d->q.console && d->pushed && i < d->q.console->n_watches; i++)
		if (d->q.console->watches[i].req == d->q.req)
			d->q.watch = &d->q.console->watches[i];
	if (d->q.watch)
		d->q.watch->busy = false;
	if (d->q.console && !(d->pushed && !d->q.watch)) {
		(void)err_set(&gone, CLV_E_NOTFOUND, "%s was removed", d->name);
		if (rc || !n)
			console_refuse(c, d->q.conn, d->q.req, rc ? err : &gone, 0);
		else
			answer_detail(c, d, n);
	}
	free_detail(d);
}

void console_agent(struct core *c, const struct console_request *q, const Clv__AgentRequest *m)
{
	struct node *n = NULL;
	struct clv_err err = {0};
	struct detail *d;
	size_t len;

	if (q->watch && q->watch->busy)
		return;
	if (server_resolve(c->srv, m->name, &n, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	len = strlen(n->name);
	d = clv_calloc(1, sizeof *d);
	d->q = *q;
	d->pushed = q->watch != NULL;
	if (q->watch)
		q->watch->busy = true;
	memcpy(d->name, n->name, len < sizeof d->name ? len : sizeof d->name - 1);
	core_db_put(c, run_detail, done_detail, d);
}
