/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Is it encrypted, in any way?" (S8): every link that is up, every link that stored parcels came over, each
 * parcel's path verified anew, every RunAs delivery. From what runs and what is stored, never from what is
 * configured. Parcels are read a few at a time, so that neither the database nor the loop stands. Runs in
 * core.
 */
#include "base/clock.h"
#include "daemon/core_accounts.h"
#include "daemon/core_server_alerts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEP_PARCELS   16u    /* read and judged in one turn */
#define LOOK_MAX       20000u /* parcels of one report: the newest; it says how many it looked at */
#define LINKS_MAX      2000u
#define DELIVERIES_MAX 2000u
#define TEXTS_MAX      40u

/* Over this link parcels came, or it is up now. */
struct seen_link {
	char *from, *to, *protocol, *cipher, *key;
	uint32_t mechanism;
	int64_t since, last;
	bool live, agreed;
	uint64_t parcels, verified, alerts;
};

struct report {
	struct console_request q;
	char node[STORE_NAME_MAX];
	int64_t from, to;
	uint64_t above, total, looked, verified, untraced, plain;
	struct seen_link links[LINKS_MAX];
	size_t n_links;
	struct stored_path step[STEP_PARCELS];
	size_t n_step;
	uint64_t ids[STEP_PARCELS];
};

/* By what the channel puts into a Kerberos link's cipher (channel/krb.c); the first that is there counts. */
static const struct {
	const char *mark, *why;
} krb_weaknesses[] = {
    {"RC4 ticket",
     "RC4 ticket: the service's weak key opens it, and with it the link; take permit_rc4 away and "
     "renew the service's keys"},
    {"RC4 session",
     "RC4 session: the key that the link's own was agreed under is weak; take permit_rc4 away and "
     "let the realm give AES sessions"},
    {"arcfour", "RC4: its integrity is MD5's, it can be forged; take permit_rc4 away and renew the keys"},
    {"rc4", "RC4: its integrity is MD5's, it can be forged; take permit_rc4 away and renew the keys"},
    {"(weak", "weak encryption that an administrator permitted; take permit_rc4 away and renew the keys"},
    {"des", "DES: it can be broken; renew the keys with AES"},
};

const char *link_weakness(uint32_t mechanism, const char *protocol, const char *cipher)
{
	if (mechanism == CLV_MECHANISM_NONE)
		return "not encrypted";
	if (mechanism == CLV_MECHANISM_CERTIFICATE && strcmp(protocol, "TLSv1.3") != 0 &&
	    strcmp(protocol, "TLS 1.3") != 0)
		return "not TLS 1.3";
	for (size_t i = 0;
	     mechanism == CLV_MECHANISM_KERBEROS && i < sizeof krb_weaknesses / sizeof krb_weaknesses[0]; i++)
		if (strstr(cipher, krb_weaknesses[i].mark))
			return krb_weaknesses[i].why;
	return "";
}

static const char *later_of(uint32_t mechanism)
{
	return mechanism == CLV_MECHANISM_CERTIFICATE ? "stays closed: each link has keys of its own"
	       : mechanism == CLV_MECHANISM_KERBEROS  ? "the acceptor's keytab opens what was recorded"
	                                              : "nothing was closed";
}

static bool concerns(const struct report *r, const char *from, const char *to)
{
	return !*r->node || strcmp(r->node, from) == 0 || strcmp(r->node, to) == 0;
}

static struct seen_link *find_link(struct report *r, const char *from, const char *to, uint32_t mechanism,
                                   const char *protocol, const char *cipher)
{
	struct seen_link *l;

	for (size_t i = 0; i < r->n_links; i++) {
		l = &r->links[i];
		if (strcmp(l->from, from) == 0 && strcmp(l->to, to) == 0 && l->mechanism == mechanism &&
		    strcmp(l->protocol, protocol) == 0 && strcmp(l->cipher, cipher) == 0)
			return l;
	}
	if (r->n_links == LINKS_MAX)
		return NULL;
	l = &r->links[r->n_links++];
	*l = (struct seen_link){.from = clv_strdup(from),
	                        .to = clv_strdup(to),
	                        .protocol = clv_strdup(protocol),
	                        .cipher = clv_strdup(cipher),
	                        .key = clv_strdup(""),
	                        .mechanism = mechanism};
	return l;
}

/* What both ends signed of a link counts; what one end alone says does not. */
static void add_path(struct report *r, const struct stored_path *s, const struct trace_path *p)
{
	r->looked++;
	if (p->verdict == CLV_VERDICT_VERIFIED)
		r->verified++;
	if (p->n_hops < 2 && p->verdict != CLV_VERDICT_VERIFIED)
		r->untraced++;
	for (size_t i = 0; i + 1 < p->n_hops; i++) {
		const Clv__Hop *a = p->hops[i].hop, *b = p->hops[i + 1].hop;
		struct seen_link *l;
		bool good = p->hops[i].verdict == CLV_VERDICT_VERIFIED &&
		            p->hops[i + 1].verdict == CLV_VERDICT_VERIFIED && trace_link_agrees(a, b);

		if (!a || !b || !a->outgoing)
			continue;
		l = find_link(r, a->node, b->node, a->outgoing->mechanism, a->outgoing->protocol,
		              a->outgoing->cipher);
		if (!l)
			continue;
		l->parcels++;
		l->verified += good;
		l->alerts += s->alerts;
		if (!l->since || s->received < l->since)
			l->since = s->received;
		if (s->received > l->last)
			l->last = s->received;
		if (a->outgoing->mechanism == CLV_MECHANISM_NONE)
			r->plain++;
	}
}

static void add_live(const struct core *c, struct report *r)
{
	for (const struct session *s = c->srv->sessions; s; s = s->next) {
		struct seen_link *l;
		char hex[65] = "";

		if (!s->node || s->refused || !concerns(r, s->node->name, c->start->name))
			continue;
		l = find_link(r, s->node->name, c->start->name, s->open->mechanism, s->open->protocol,
		              s->open->cipher);
		if (!l)
			continue;
		if (s->open->peer_thumbprint.len == 32)
			hex_encode(PROTO_SLICE(s->open->peer_thumbprint), true, hex);
		clv_free(l->key);
		l->key = clv_strdup(*hex ? hex : s->open->peer_name);
		l->live = l->agreed = true; /* both link proofs were verified, or there is no session */
		if (!l->since || s->since < l->since)
			l->since = s->since;
	}
}

/* --- what goes to the console --- */
struct packed {
	Clv__Encryption m;
	Clv__EncryptionLink *links, **link_list;
	Clv__EncryptionDelivery *deliveries, **delivery_list;
	char *weak[TEXTS_MAX], *limits[TEXTS_MAX], *clear[TEXTS_MAX];
};

static void add_text(char **list, size_t *n, char *text)
{
	if (*n < TEXTS_MAX)
		list[(*n)++] = text;
	else
		clv_free(text);
}

static void pack_links(const struct report *r, struct packed *p)
{
	p->links = clv_calloc(r->n_links + 1, sizeof *p->links);
	p->link_list = clv_calloc(r->n_links + 1, sizeof *p->link_list);
	for (size_t i = 0; i < r->n_links; i++) {
		const struct seen_link *l = &r->links[i];
		Clv__EncryptionLink *o = &p->links[i];
		const char *weak = link_weakness(l->mechanism, l->protocol, l->cipher);

		clv__encryption_link__init(o);
		o->from = l->from;
		o->to = l->to;
		o->mechanism = l->mechanism;
		o->protocol = l->protocol;
		o->cipher = l->cipher;
		o->key = l->key;
		o->since = l->since;
		o->last = l->last;
		o->live = l->live;
		o->agreed = l->agreed || (l->parcels && l->verified == l->parcels);
		o->parcels = l->parcels;
		o->verified = l->verified;
		o->alerts = l->alerts;
		o->weak = (char *)(uintptr_t)weak;
		o->later = (char *)(uintptr_t)later_of(l->mechanism);
		p->link_list[i] = o;
		if (*weak)
			add_text(p->weak, &p->m.n_weak,
			         clv_asprintf("%.60s to %.60s: %s", l->from, l->to, weak));
		if (l->verified < l->parcels)
			add_text(p->weak, &p->m.n_weak,
			         clv_asprintf("%.60s to %.60s: %" PRIu64 " of %" PRIu64
			                      " parcels do not verify: see their traces",
			                      l->from, l->to, l->parcels - l->verified, l->parcels));
	}
	p->m.links = p->link_list;
	p->m.n_links = r->n_links;
}

static void pack_delivery(const struct core *c, struct packed *p, const struct node *n, const struct rule *a)
{
	const struct held *h = deliver_held(n, a);
	Clv__EncryptionDelivery *o = &p->deliveries[p->m.n_deliveries];
	bool trial = false;
	uint64_t meant = account_meant(RULE_ACCOUNT(a), n, &trial);

	(void)c;
	clv__encryption_delivery__init(o);
	o->host = n->name;
	o->account = RULE_ACCOUNT(a)->name;
	o->version = meant;
	o->step = meant ? account_step(h, meant, trial) : CLV_STEP_NONE;
	o->how = (char *)(uintptr_t)(!meant        ? "nothing is sent yet"
	                             : !n->has_key ? "nothing is sealed: the host has published no key"
	                                           : "CMS AES-256-GCM, RSAES-OAEP SHA-256 for its key");
	if (n->has_key) {
		o->key_id = PROTO_BYTES(slice_of(n->key.sha256, 16));
		o->bits = n->key.rsa_bits;
	}
	p->delivery_list[p->m.n_deliveries++] = o;
}

static void pack_deliveries(const struct core *c, const struct report *r, struct packed *p)
{
	const struct rule_list *l = &c->srv->rules->accounts;
	size_t missed = 0;

	p->deliveries = clv_calloc(DELIVERIES_MAX + 1, sizeof *p->deliveries);
	p->delivery_list = clv_calloc(DELIVERIES_MAX + 1, sizeof *p->delivery_list);
	for (size_t i = 0; i < l->n; i++) {
		if (RULE_ACCOUNT(l->list[i])->less_secure && !*r->node)
			add_text(
			    p->weak, &p->m.n_weak,
			    clv_asprintf("account %.60s goes to every host (less secure): each of them can "
			                 "read it",
			                 RULE_ACCOUNT(l->list[i])->name));
		for (size_t k = 0; k < c->srv->n_nodes; k++) {
			const struct node *n = c->srv->nodes[k];

			if ((*r->node && strcmp(r->node, n->name) != 0) ||
			    !rules_goes_to(c->srv, RULE_ACCOUNT(l->list[i]), n->name))
				continue;
			if (p->m.n_deliveries == DELIVERIES_MAX)
				missed++;
			else
				pack_delivery(c, p, n, l->list[i]);
		}
	}
	if (missed)
		add_text(p->limits, &p->m.n_limits,
		         clv_asprintf("%zu more deliveries are not listed", missed));
	p->m.deliveries = p->delivery_list;
}

static void pack_limits(const struct core *c, const struct report *r, struct packed *p)
{
	if (r->looked < r->total)
		add_text(p->limits, &p->m.n_limits,
		         clv_asprintf("%" PRIu64 " older parcels were not looked at", r->total - r->looked));
	add_text(
	    p->limits, &p->m.n_limits,
	    clv_strdup("a node's mechanism, cipher and times are its own claim; a link counts here where "
	               "both ends signed the same"));
	add_text(p->limits, &p->m.n_limits,
	         clv_strdup("who holds a node's keys can sign as it: this tells what was told, and by whom"));
	add_text(p->limits, &p->m.n_limits,
	         clv_strdup("consoles are not in it; each shows its own channel on its first line"));
	add_text(p->clear, &p->m.n_clear,
	         clv_asprintf("alerts: in the memory of %s and in its database", c->start->name));
	add_text(p->clear, &p->m.n_clear,
	         clv_asprintf(
	             "passwords: in the memory of %s's key holder and of the hosts that they go to; on no "
	             "disk and no wire",
	             c->start->name));
}

static void free_packed(struct packed *p)
{
	for (size_t i = 0; i < p->m.n_weak; i++)
		clv_free(p->weak[i]);
	for (size_t i = 0; i < p->m.n_limits; i++)
		clv_free(p->limits[i]);
	for (size_t i = 0; i < p->m.n_clear; i++)
		clv_free(p->clear[i]);
	clv_free(p->links);
	clv_free(p->link_list);
	clv_free(p->deliveries);
	clv_free(p->delivery_list);
}

static void free_report(struct report *r)
{
	for (size_t i = 0; i < r->n_links; i++) {
		clv_free(r->links[i].from);
		clv_free(r->links[i].to);
		clv_free(r->links[i].protocol);
		clv_free(r->links[i].cipher);
		clv_free(r->links[i].key);
	}
	for (size_t i = 0; i < STEP_PARCELS; i++)
		stored_path_release(&r->step[i]);
	clv_free(r);
}

static void answer(struct core *c, struct report *r)
{
	struct packed p;

	memset(&p, 0, sizeof p);
	clv__encryption__init(&p.m);
	add_live(c, r);
	pack_links(r, &p);
	pack_deliveries(c, r, &p);
	pack_limits(c, r, &p);
	p.m.req = r->q.req;
	p.m.time = clock_wall_ms();
	p.m.node = r->node;
	p.m.from = r->from;
	p.m.to = r->to;
	p.m.parcels = r->total;
	p.m.looked = r->looked;
	p.m.verified = r->verified;
	p.m.untraced = r->untraced;
	p.m.plain = r->plain;
	p.m.weak = p.weak;
	p.m.limits = p.limits;
	p.m.clear = p.clear;
	p.m.group = c->start->group;
	p.m.server = c->start->name;
	console_reply(c, r->q.conn, REP_ENCRYPTION, &p.m.base);
	free_packed(&p);
	free_report(r);
}

/* --- reading --- */
static clv_rc take_id(const struct store_parcel *s, void *ctx, bool *stop, struct clv_err *err)
{
	struct report *r = ctx;

	(void)stop;
	(void)err;
	r->ids[r->n_step++] = s->id;
	return CLV_OK;
}

static clv_rc run_step(struct db *d, void *ctx, struct clv_err *err)
{
	struct report *r = ctx;
	int64_t to = r->to ? r->to : INT64_MAX;

	if (!r->above && !r->total &&
	    store_parcel_range(d, r->node, r->from, to, LOOK_MAX, &r->total, &r->above, err))
		return CLV_FAILED;
	r->n_step = 0;
	if (store_parcels(d, r->above, r->node, r->from, to, STEP_PARCELS, take_id, r, err))
		return CLV_FAILED;
	for (size_t i = 0; i < r->n_step; i++) {
		stored_path_release(&r->step[i]);
		stored_path_init(&r->step[i]);
		if (stored_path_load(d, r->ids[i], &r->step[i], err))
			return CLV_FAILED;
		r->above = r->ids[i];
	}
	return CLV_OK;
}

static void done_step(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct report *r = ctx;

	if (rc || !console_find(c->srv, r->q.conn)) {
		if (rc)
			console_refuse(c, r->q.conn, r->q.req, err, 0);
		free_report(r);
		return;
	}
	for (size_t i = 0; i < r->n_step; i++) {
		struct trace_path p;

		stored_path_judge(c, &r->step[i], &p);
		add_path(r, &r->step[i], &p);
		trace_path_release(&p);
	}
	if (r->n_step == STEP_PARCELS)
		core_db_put(c, run_step, done_step, r);
	else
		answer(c, r);
}

void console_encryption(struct core *c, const struct console_request *q, const Clv__EncryptionRequest *m)
{
	struct report *r;
	struct node *n = NULL;
	struct clv_err err = {0};

	if (*m->node && server_resolve(c->srv, m->node, &n, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	if (m->from < 0 || m->to < 0 || (m->to && m->to <= m->from)) {
		(void)err_set(&err, CLV_E_USAGE, "a time from, and one to that is after it");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	r = clv_calloc(1, sizeof *r);
	r->q = *q;
	(void)snprintf(r->node, sizeof r->node, "%s", n ? n->name : "");
	r->from = m->from;
	r->to = m->to;
	for (size_t i = 0; i < STEP_PARCELS; i++)
		stored_path_init(&r->step[i]);
	core_db_put(c, run_step, done_step, r);
}
