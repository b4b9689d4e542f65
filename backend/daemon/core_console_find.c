/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that ends, and anything by a name, a user name or any spelling of a key: from what is in
 * memory, then from the database, where the keys of all generations and the audit trail are. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_recovery.h"
#include "model/filter.h"
#include "model/select.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS         (24ll * 3600 * 1000)
#define DRILL_EVERY_MS (90 * DAY_MS) /* a backup that nobody tried for so long is no backup */
#define FOUND_MAX      500u
#define AUDIT_FOUND    50u /* audit rows of one search */
#define DIGITS_MIN     6u  /* fewer hex digits are looked for as a name alone */

struct things {
	Clv__Thing **list;
	size_t n;
};

static Clv__Thing *add(struct things *t, const char *what, const char *whose, const char *text)
{
	Clv__Thing *x;

	if (t->n % 64 == 0)
		t->list = clv_realloc(t->list, t->n + 64, sizeof *t->list);
	x = clv_calloc(1, sizeof *x);
	clv__thing__init(x);
	x->seq = t->n + 1;
	x->what = clv_strdup(what);
	x->whose = clv_strdup(whose);
	x->text = clv_strdup(text);
	x->go = clv_strdup("");
	t->list[t->n++] = x;
	return x;
}

static void set_go(Clv__Thing *x, const char *screen, const char *arg)
{
	clv_free(x->go);
	x->go = clv_asprintf("%s %.280s", screen, arg);
}

static void release(struct things *t)
{
	for (size_t i = 0; i < t->n; i++) {
		clv_free(t->list[i]->what);
		clv_free(t->list[i]->whose);
		clv_free(t->list[i]->text);
		clv_free(t->list[i]->go);
		clv_free(t->list[i]);
	}
	clv_free(t->list);
}

/* --- what ends --- */
enum end_kind { END_KEY, END_CHANNEL, END_OWN_CHANNEL, END_PASSWORD, END_OWN };
struct end {
	enum end_kind kind;
	const void *of; /* struct node, Clv__AccountRow or struct own_end */
};

/* How it is told; the strings of the fact lie here or are borrowed. */
struct told_end {
	struct clv_thing_fact f;
	char text[120], go[300];
};

/* What the server itself has that ends. */
#define OWN_ENDS 4u
struct own_end {
	const char *what, *text, *go;
	int64_t ends, warn;
};

struct ending {
	const struct core *c;
	struct own_end own[OWN_ENDS];
	size_t n_own;
	int64_t now;
	struct end *list;
	void **items;
	size_t n;
	struct filter *filter;
	struct sort_keys sort;
};

static enum clv_level level_of(int64_t left, int64_t warn)
{
	return left < 0 ? CLV_LEVEL_ERROR : left < warn ? CLV_LEVEL_WARNING : CLV_LEVEL_INFORMATION;
}

static void tell_key(const struct ending *e, const struct node *n, struct told_end *t)
{
	int64_t left = n->key.not_after - e->now, late = e->c->start->renew_before_ms - left;

	if (late > DAY_MS)
		(void)snprintf(t->text, sizeof t->text, "yes, late %lld d%s", late / DAY_MS,
		               n->session ? "" : ": host silent");
	else
		(void)snprintf(t->text, sizeof t->text, "yes");
	t->f.what = (char *)(uintptr_t) "agent key";
	t->f.ends = n->key.not_after;
	t->f.level = level_of(left, late > 3 * DAY_MS ? INT64_MAX : 0);
}

static void tell_own(const struct ending *e, const struct own_end *x, struct told_end *t)
{
	t->f.what = (char *)(uintptr_t)x->what;
	t->f.whose = e->c->start->name;
	t->f.ends = x->ends;
	t->f.level = level_of(x->ends - e->now, x->warn);
	(void)snprintf(t->text, sizeof t->text, "%s", x->text);
}

static void tell_end(const struct ending *e, const struct end *x, struct told_end *t)
{
	const struct node *n = x->of;
	const Clv__AccountRow *a = x->of;
	const char *screen = "agent", *arg = "";

	t->f = (struct clv_thing_fact){.seq = (uint64_t)(x - e->list) + 1, .text = t->text, .go = t->go};
	if (x->kind == END_OWN) {
		const struct own_end *own = x->of;

		tell_own(e, own, t);
		(void)snprintf(t->go, sizeof t->go, "%s", own->go);
		return;
	}
	if (x->kind == END_PASSWORD) {
		t->f.what = (char *)(uintptr_t) "account password";
		t->f.whose = a->name;
		t->f.ends = a->ends;
		t->f.level = level_of(a->ends - e->now, ACCOUNT_EXPIRING_MS);
		(void)snprintf(t->text, sizeof t->text, "no: change at the source, then E");
		screen = "account";
		arg = a->name;
	} else if (x->kind == END_KEY) {
		tell_key(e, n, t);
		t->f.whose = n->name;
		arg = n->name;
	} else {
		t->f.what = (char *)(uintptr_t) "channel certificate";
		t->f.whose = x->kind == END_CHANNEL ? n->name : e->c->start->name;
		t->f.ends = x->kind == END_CHANNEL ? n->session->open->peer_not_after : e->c->cert_not_after;
		t->f.level = level_of(t->f.ends - e->now, 30 * DAY_MS);
		(void)snprintf(t->text, sizeof t->text, "no: put a new file in its place");
		screen = x->kind == END_CHANNEL ? "agent" : "events";
		arg = x->kind == END_CHANNEL ? n->name : "id:20053";
	}
	(void)snprintf(t->go, sizeof t->go, "%s %.280s", screen, arg);
}

static bool end_matches(void *ctx, const void *item)
{
	const struct ending *e = ctx;
	struct told_end t;

	tell_end(e, item, &t);
	return filter_thing(e->filter, &t.f);
}

static uint64_t end_key(void *ctx, const void *item, unsigned part)
{
	const struct ending *e = ctx;
	struct told_end t;

	tell_end(e, item, &t);
	return sort_key(&e->sort, &t.f, part);
}

static void add_end(struct ending *e, enum end_kind kind, const void *of)
{
	e->list[e->n++] = (struct end){kind, of};
}

/* Authorities, revocation lists, the vault's master key and the last key drill. */
static void collect_own(struct ending *e)
{
	const struct core *c = e->c;
	const struct own_end all[OWN_ENDS] = {
	    {"authority", "no: put the next one beside it in the CA file", "events id:20053", c->ca_not_after,
	     90 * DAY_MS},
	    {"revocation list", "no: whoever runs the authority makes the next", "events id:20053",
	     c->crl_due, DAY_MS},
	    {"vault master key", "yes", "events id:2003", c->master_ends, 0},
	    {"key drill",
	     c->srv->drill_at ? "no: clavigerd key drill" : "no: never done, clavigerd key drill",
	     "audit act:key*", (c->srv->drill_at ? c->srv->drill_at : c->srv->trail_at) + DRILL_EVERY_MS,
	     7 * DAY_MS}};

	for (size_t i = 0; i < OWN_ENDS; i++) {
		if (!all[i].ends)
			continue;
		e->own[e->n_own] = all[i];
		add_end(e, END_OWN, &e->own[e->n_own++]);
	}
}

static void collect_ends(struct ending *e)
{
	const struct server *s = e->c->srv;
	const struct rule_list *l = &s->rules->accounts;

	e->list = clv_calloc(2 * s->n_nodes + l->n + 1 + OWN_ENDS, sizeof *e->list);
	collect_own(e);
	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct node *n = s->nodes[i];

		if (n->has_key)
			add_end(e, END_KEY, n);
		/* A ticket ends too, and is renewed by itself; it is no certificate. */
		if (n->has_key && n->session && n->session->open->mechanism == CLV_MECHANISM_CERTIFICATE)
			add_end(e, END_CHANNEL, n);
	}
	if (e->c->has_thumbprint)
		add_end(e, END_OWN_CHANNEL, NULL);
	for (size_t i = 0; i < l->n; i++)
		if (RULE_ACCOUNT(l->list[i])->ends)
			add_end(e, END_PASSWORD, RULE_ACCOUNT(l->list[i]));
	e->items = clv_calloc(e->n + 1, sizeof *e->items);
	for (size_t i = 0; i < e->n; i++)
		e->items[i] = &e->list[i];
}

static void answer(struct core *c, const struct console_request *q, const Clv__ListRequest *m, uint16_t type,
                   Clv__Thing **rows, size_t n, size_t total)
{
	Clv__ThingList out = CLV__THING_LIST__INIT;

	out.req = q->req;
	out.total = total;
	out.matched = n;
	out.offset = m->offset < n ? m->offset : n;
	out.time = clock_wall_ms();
	out.rows = rows + out.offset;
	out.n_rows = n - out.offset < m->limit ? n - out.offset : m->limit;
	console_answer(c, q, type, &out.base, &out.time);
}

/* Facts are made for a row when it is looked at; only those of the window are copied. */
static void answer_ends(struct core *c, const struct console_request *q, const Clv__ListRequest *m,
                        const struct ending *e, void *const *hits, size_t n)
{
	struct things t = {NULL, 0};
	size_t from = m->offset < n ? (size_t)m->offset : n, upto = n - from < m->limit ? n : from + m->limit;
	Clv__ThingList out = CLV__THING_LIST__INIT;

	for (size_t i = from; i < upto; i++) {
		struct told_end x;
		Clv__Thing *row;

		tell_end(e, hits[m->descending ? n - 1 - i : i], &x);
		row = add(&t, x.f.what, x.f.whose, x.f.text);
		clv_free(row->go);
		row->go = clv_strdup(x.f.go);
		row->seq = x.f.seq;
		row->ends = x.f.ends;
		row->level = (uint32_t)x.f.level;
	}
	out.req = q->req;
	out.total = e->n;
	out.matched = n;
	out.offset = from;
	out.time = clock_wall_ms();
	out.rows = t.list;
	out.n_rows = t.n;
	console_answer(c, q, REP_EXPIRY, &out.base, &out.time);
	release(&t);
}

void console_expiry(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct ending e = {.c = c, .now = clock_wall_ms()};
	struct select_ops ops = {end_matches, end_key, 0, NULL, NULL};
	struct select *s = NULL;
	struct clv_err err = {0};
	void **hits = NULL;
	size_t n = 0;

	e.filter = filter_parse(m->filter, FILTER_EXPIRY, e.now, &err);
	if (!e.filter || sort_keys_parse(m->sort, FILTER_EXPIRY, &e.sort, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		goto out;
	}
	collect_ends(&e);
	ops.parts = e.sort.parts;
	s = select_new(e.items, e.n, &ops, &e);
	while (!select_step(s, SIZE_MAX))
		;
	select_take(s, &hits, &n);
	answer_ends(c, q, m, &e, hits, n);
out:
	select_free(s);
	clv_free(hits);
	clv_free(e.items);
	clv_free(e.list);
	filter_free(e.filter);
}

/* --- anything by anything --- */
struct search {
	struct console_request q;
	Clv__ListRequest m; /* filter is its own */
	char *text;
	char digits[80];             /* of a key, upper case; "" it is none */
	uint8_t least[32], most[32]; /* every key that begins so lies between them */
	struct things found;
	size_t n_audit;
	bool stopped;
};

static int base64_value(char ch)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = ch ? strchr(set, ch) : NULL;

	return p ? (int)(p - set) : -1;
}

/* 20 or 32 bytes in base64, as some tools print a hash; "SHA256:" may stand before it. */
static bool from_base64(const char *s, char out[80])
{
	uint8_t b[40];
	size_t n = 0;
	uint32_t acc = 0;
	int bits = 0;

	if (strncmp(s, "SHA256:", 7) == 0)
		s += 7;
	for (; *s && *s != '='; s++) {
		int v = base64_value(*s);

		if (v < 0 || n == sizeof b)
			return false;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			b[n++] = (uint8_t)(acc >> bits);
		}
	}
	if (n != 16 && n != 20 && n != 32)
		return false;
	hex_encode(slice_of(b, n), true, out);
	return true;
}

/* Blanks, colons, dashes, 0x, an ellipsis and the mark that Windows copies with a thumbprint go. */
static void spelling(const char *s, char out[80])
{
	size_t n = 0;

	out[0] = 0;
	if (strncmp(s, "\xe2\x80\x8e", 3) == 0)
		s += 3;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	for (const char *p = s; *p && n < 66; p++) {
		if (*p == ' ' || *p == ':' || *p == '-' || (unsigned char)*p >= 0x80)
			continue;
		if (!strchr("0123456789abcdefABCDEF", *p)) {
			out[0] = 0;
			(void)from_base64(s, out);
			return;
		}
		out[n++] = (char)(*p >= 'a' ? *p - 32 : *p);
		out[n] = 0;
	}
	if (n < DIGITS_MIN)
		out[0] = 0;
}

/* The digits, with zeros and with Fs behind them. */
static void bounds(struct search *s)
{
	static const char set[] = "0123456789ABCDEF";
	size_t n = strlen(s->digits);

	for (size_t i = 0; i < 64; i++) {
		unsigned shift = i % 2 ? 0 : 4;
		const char *p = i < n ? strchr(set, s->digits[i]) : NULL;

		s->least[i / 2] |= (uint8_t)((p ? (unsigned)(p - set) : 0) << shift);
		s->most[i / 2] |= (uint8_t)((p ? (unsigned)(p - set) : 15) << shift);
	}
}

/* Every byte lies between the bounds: they differ from each other only behind the digits. */
static bool slice_hit(const struct search *s, struct clv_slice key)
{
	const uint8_t *p = key.ptr;
	size_t len = key.len;

	if (!s->digits[0] || strlen(s->digits) > 2 * len)
		return false;
	for (size_t i = 0; i < len && i < 32; i++)
		if ((p[i] & ~(s->least[i] ^ s->most[i])) != (s->least[i] & ~(s->least[i] ^ s->most[i])))
			return false;
	return true;
}

static bool key_hit(const struct search *s, const uint8_t *p, size_t len)
{
	return slice_hit(s, slice_of(p, len));
}

static bool text_hit(const struct search *s, const char *text)
{
	return text && *text && strcasestr(text, s->text);
}

static bool full(const struct search *s)
{
	return s->found.n >= FOUND_MAX;
}

static void find_nodes(const struct core *c, struct search *s)
{
	for (size_t i = 0; i < c->srv->n_nodes && !full(s); i++) {
		const struct node *n = c->srv->nodes[i];

		if (text_hit(s, n->name))
			set_go(add(&s->found, "agent", n->name, clv_approval_word(n->approval)), "agent",
			       n->name);
		if (key_hit(s, n->node_key_id, sizeof n->node_key_id))
			set_go(add(&s->found, "node key", n->name, "pinned"), "agent", n->name);
		if (n->has_configured && key_hit(s, n->configured, sizeof n->configured))
			set_go(add(&s->found, "channel certificate", n->name, "configured"), "agent",
			       n->name);
		if (n->session && n->session->open->mechanism == CLV_MECHANISM_CERTIFICATE &&
		    slice_hit(s, PROTO_SLICE(n->session->open->peer_thumbprint)))
			set_go(add(&s->found, "channel certificate", n->name, "in use"), "agent", n->name);
	}
	for (size_t i = 0; i < c->srv->n_pendings && !full(s); i++) {
		const struct store_pending *p = &c->srv->pendings[i]->row;

		if (text_hit(s, p->name))
			set_go(add(&s->found, "pending", p->name, p->looks_like), "pending", p->name);
	}
}

static void find_rules(const struct core *c, struct search *s)
{
	const struct rules *r = c->srv->rules;
	char text[400];

	for (size_t i = 0; i < r->accounts.n && !full(s); i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(r->accounts.list[i]);

		(void)snprintf(text, sizeof text, "%.120s%s%.120s", a->domain, a->domain[0] ? "\\" : "",
		               a->user);
		if (text_hit(s, a->name) || text_hit(s, text) || text_hit(s, a->kept_by) ||
		    text_hit(s, a->note))
			set_go(add(&s->found, "account", a->name, text), "account", a->name);
	}
	for (size_t i = 0; i < r->groups.n && !full(s); i++)
		if (text_hit(s, r->groups.list[i]->key))
			set_go(add(&s->found, "group", r->groups.list[i]->key, ""), "groups",
			       r->groups.list[i]->key);
	for (size_t i = 0; i < r->profiles.n && !full(s); i++)
		if (text_hit(s, r->profiles.list[i]->key))
			set_go(add(&s->found, "profile", r->profiles.list[i]->key, ""), "profiles",
			       r->profiles.list[i]->key);
	for (size_t i = 0; i < c->srv->n_roles && !full(s); i++)
		if (text_hit(s, c->srv->roles[i].principal))
			(void)add(&s->found, "role", c->srv->roles[i].principal,
			          clv_role_word(c->srv->roles[i].role));
}

static clv_rc found_key(const char *agent, const struct clv_key_fact *k, void *ctx, struct clv_err *err)
{
	struct search *s = ctx;
	char text[80];

	(void)err;
	if (full(s) || (!key_hit(s, k->sha256, 32) && !key_hit(s, k->sha1, 20)))
		return CLV_OK;
	(void)snprintf(text, sizeof text, "generation %u, %s", k->ordinal, clv_key_state_word(k->state));
	set_go(add(&s->found, "agent key", agent, text), "agent", agent);
	return CLV_OK;
}

static clv_rc found_audit(const struct clv_audit_fact *a, void *ctx, bool *stop, struct clv_err *err)
{
	struct search *s = ctx;
	char text[200], row[40];

	(void)err;
	if (text_hit(s, a->object) || text_hit(s, a->who) || text_hit(s, a->detail) ||
	    (s->digits[0] && (strcasestr(a->object, s->digits) || strcasestr(a->detail, s->digits)))) {
		(void)snprintf(text, sizeof text, "%.80s %.80s", a->act, a->object);
		(void)snprintf(row, sizeof row, "seq:%" PRIu64, a->seq);
		set_go(add(&s->found, "audit", a->who, text), "audit", row);
		*stop = ++s->n_audit == AUDIT_FOUND || full(s);
	}
	return CLV_OK;
}

static clv_rc run_search(struct db *d, void *ctx, struct clv_err *err)
{
	struct search *s = ctx;

	if (s->digits[0] && store_keys_like(d, s->least, s->most, found_key, s, err))
		return CLV_FAILED;
	return store_audits(d, false, 0, found_audit, s, err);
}

static void done_search(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct search *s = ctx;

	s->q.console = console_find(c->srv, s->q.conn);
	s->q.watch = NULL;
	if (s->q.console && rc)
		console_refuse(c, s->q.conn, s->q.req, err, 0);
	else if (s->q.console)
		answer(c, &s->q, &s->m, REP_FOUND, s->found.list, s->found.n, s->found.n);
	release(&s->found);
	clv_free(s->text);
	clv_free(s);
}

void console_find_text(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct search *s;
	struct clv_err err = {0};
	const char *text = m->filter;

	if (q->watch) /* what was found is not pushed again */
		return;
	while (*text == ' ')
		text++;
	if (strlen(text) < 2) {
		(void)err_set(&err, CLV_E_USAGE, "find needs two characters at least");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	s = clv_calloc(1, sizeof *s);
	s->q = *q;
	s->text = clv_strdup(text);
	clv__list_request__init(&s->m);
	s->m.offset = m->offset;
	s->m.limit = m->limit;
	spelling(text, s->digits);
	bounds(s);
	find_nodes(c, s);
	find_rules(c, s);
	core_db_put(c, run_search, done_search, s);
}
