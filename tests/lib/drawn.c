/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind the drawings of design 7. Numbers are theirs, so that a screen can be laid
 * beside its drawing.
 */
#include "tests/lib/drawn.h"

#include <stdio.h>
#include <string.h>

#define S    1000LL
#define MIN  (60 * S)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

static void need(struct clv_overview_fact *o, enum clv_level level, const char *text, const char *go)
{
	o->needs = clv_realloc(o->needs, o->n_needs + 1, sizeof(*o->needs));
	o->needs[o->n_needs++] = (struct clv_need_fact){.level = level,
	                                                .text = clv_strdup(text),
	                                                .go = clv_strdup(go),
	                                                .key = clv_strdup(go),
	                                                .aside_by = clv_strdup(""),
	                                                .aside_reason = clv_strdup("")};
}

static struct clv_overview_fact *base(void)
{
	struct clv_overview_fact *o = clv_calloc(1, sizeof(*o));
	o->group = clv_strdup("OMMG1");
	o->server = clv_strdup("rms1.ops.test");
	o->server_version = clv_strdup("0.1.0");
	o->listen = clv_strdup("rms1.ops.test:5723");
	static const uint8_t id[8] = {0x7D, 0x18, 0xF4, 0x65, 0x0B, 0x9A, 0x4A, 0xA8};
	memcpy(o->node_key_id, id, sizeof(id));
	o->time = DRAWN_NOW;
	return o;
}

struct clv_overview_fact *drawn_all_well(void)
{
	static const char bars[] =
	    "112211332211122211122578632111112211122111121111221122111111221111221111111";
	struct clv_overview_fact *o = base();
	o->agents = 1204;
	o->up = 1190;
	o->silent = 14;
	o->keys = o->confirmed = 1204;
	o->ends_7d = 4;
	o->ends_30d = 41;
	o->ends_90d = 388;
	o->ends_total = 1312;
	o->audit_rows = 18204;
	o->audit_checked = DRAWN_NOW - 4 * MIN - 10 * S;
	for (size_t i = 0; i < 75; i++)
		o->renewals[i] = (uint32_t)(bars[i] - '0') * 5;
	o->renewals[43] = 41;
	return o;
}

struct clv_overview_fact *drawn_overview(void)
{
	struct clv_overview_fact *o = drawn_all_well();
	o->up = 1187;
	o->pending = 3;
	o->conflicts = 1;
	o->keys = 1201;
	o->confirmed = 1188;
	o->on_the_way = 9;
	o->late = 3;
	o->refused = 1;
	o->alerts = 23;
	o->alerts_critical = 2;
	o->alerts_checked = o->alerts_verified = 20;
	need(o, CLV_LEVEL_ERROR, "web07: a key was refused, another node claims the name",
	     ":agents state:refused");
	need(o, CLV_LEVEL_WARNING, "3 nodes wait to be accepted", ":pending");
	need(o, CLV_LEVEL_INFORMATION, "3 keys end within 7 d and are late", ":agents expires<7d");
	return o;
}

struct clv_overview_fact *drawn_first_run(void)
{
	struct clv_overview_fact *o = base();
	o->turned_away = 3;
	return o;
}

static void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (uint8_t)(seed >> 16);
	}
}

static void set_key(struct clv_key_fact *k, unsigned seed, const uint8_t first[4], int64_t ends)
{
	fill(k->sha256, 32, seed);
	fill(k->sha1, 20, seed + 1);
	if (first != NULL)
		memcpy(k->sha256, first, 4);
	memcpy(k->key_id, k->sha256, 16);
	k->rsa_bits = 3072;
	k->not_after = DRAWN_NOW + ends;
	k->not_before = k->not_after - 365 * DAY;
}

struct clv_agent_fact *drawn_agents(size_t n)
{
	static const uint8_t keys[3][4] = {
	    {0x17, 0x6F, 0x2E, 0xC4}, {0x4A, 0xA8, 0x71, 0x8B}, {0x90, 0xC2, 0x11, 0x07}};
	static const char *const names[3] = {"db01.ops.test", "app01.ops.test", "app02.ops.test"};
	struct clv_agent_fact *a = clv_calloc(n + 1, sizeof(*a));
	for (size_t i = 0; i < n; i++) {
		a[i].name = i < 3 ? clv_strdup(names[i]) : clv_asprintf("web%02zu.ops.test", i - 2);
		a[i].approval = CLV_APPROVAL_APPROVED;
		a[i].contact = CLV_CONTACT_UP;
		a[i].has_key = true;
		set_key(&a[i].key, (unsigned)i + 7, i < 3 ? keys[i] : NULL,
		        (i == 0 ? 3 : 29) * DAY + 5 * HOUR);
		a[i].key.generation = 1000 + i;
		a[i].key.ordinal = 1;
		a[i].key.state = CLV_KEY_CONFIRMED;
		a[i].key.made = a[i].key.published = a[i].key.stored = a[i].key.confirmed =
		    DRAWN_NOW - 12 * HOUR;
		a[i].server = clv_strdup("rms1.ops.test");
		a[i].mechanism = CLV_MECHANISM_CERTIFICATE;
		a[i].protocol = clv_strdup("TLS 1.3");
		a[i].cipher = clv_strdup("TLS_AES_256_GCM_SHA384");
		a[i].last_seen = DRAWN_NOW - 2 * S;
		a[i].config_version = 118;
		a[i].config_ordinal = 118;
		a[i].row_version = 1;
	}
	if (n < 3)
		return a;
	a[0].contact = CLV_CONTACT_SILENT; /* as drawn: silent for 4 d, its link's last words stay */
	a[0].last_seen = DRAWN_NOW - 4 * DAY - HOUR;
	for (size_t i = 1; i < 3; i++) {
		a[i].gateway = clv_strdup("gw1.ops.test");
		a[i].mechanism = CLV_MECHANISM_KERBEROS;
		clv_free(a[i].cipher);
		a[i].cipher = clv_strdup("aes256-cts-hmac-sha384-192");
		clv_free(a[i].protocol);
		a[i].protocol = clv_strdup("");
	}
	a[2].key.state = CLV_KEY_STORED;
	a[2].key.stored = DRAWN_NOW - 2 * MIN - 10 * S;
	a[2].key.confirmed = 0;
	return a;
}

static void add_event(struct clv_agent_detail *d, int64_t time, uint32_t id, const char *text)
{
	d->events = clv_realloc(d->events, d->n_events + 1, sizeof(*d->events));
	d->events[d->n_events++] = (struct clv_event_fact){.seq = d->n_events + 1,
	                                                   .time = time,
	                                                   .id = id,
	                                                   .node = clv_strdup("web01.ops.test"),
	                                                   .source = clv_strdup("HealthService"),
	                                                   .category = clv_strdup("Health Service"),
	                                                   .text = clv_strdup(text)};
}

struct clv_agent_detail *drawn_detail(void)
{
	static const uint8_t sha1[20] = {0x0C, 0x3E, 0x77, 0xA1, 0x9B, 0x52, 0x4D, 0x0F, 0x8E, 0x61,
	                                 0x22, 0x77, 0x5A, 0xC9, 0x11, 0xD0, 0x3B, 0x68, 0xF2, 0xE4};
	static const uint8_t sha256[32] = {0x4A, 0xA8, 0x71, 0x8B, 0x0D, 0x3F, 0x9E, 0x9D, 0x4A, 0x59, 0x44,
	                                   0xD8, 0xEE, 0xBC, 0xB1, 0x42, 0x90, 0xC2, 0x11, 0x07, 0x5E, 0x42,
	                                   0xA0, 0x3C, 0x7D, 0x18, 0xF4, 0x65, 0x0B, 0x9A, 0x33, 0xE1};
	int64_t day = DRAWN_NOW - DRAWN_NOW % DAY, made = day + 9 * HOUR + 14 * MIN;
	struct clv_agent_detail *d = clv_calloc(1, sizeof(*d));
	struct clv_agent_fact *list = drawn_agents(4);
	d->agent = list[3];
	list[3] = (struct clv_agent_fact){0};
	facts_agents_free(list, 4);
	struct clv_key_fact *k = &d->agent.key;
	memcpy(k->sha1, sha1, 20);
	memcpy(k->sha256, sha256, 32);
	memcpy(k->key_id, sha256, 16);
	k->not_before = day + 9 * HOUR + 4 * MIN;
	k->not_after = k->not_before + 365 * DAY;
	k->ordinal = 3;
	k->made = made + 2 * S;
	k->published = k->stored = made + 2 * S;
	k->in_use = k->confirmed = made + 3 * S;
	d->keys = clv_calloc(2, sizeof(*d->keys));
	d->n_keys = 2;
	d->keys[0] = *k;
	d->keys[1] = (struct clv_key_fact){.ordinal = 2,
	                                   .state = CLV_KEY_DESTROYED,
	                                   .not_before = day - 361 * DAY,
	                                   .retired = made + 3 * S,
	                                   .destroyed = made + 3 * S};
	clv_free(d->agent.gateway);
	d->agent.gateway = clv_strdup("gw1.ops.test");
	d->agent.mechanism = CLV_MECHANISM_KERBEROS;
	clv_free(d->agent.protocol);
	d->agent.protocol = clv_strdup("");
	clv_free(d->agent.cipher);
	d->agent.cipher = clv_strdup("aes256-cts-hmac-sha384-192");
	d->link_since = day + 8 * HOUR + 2 * MIN + 11 * S;
	d->fingerprint[0] = 0xE3;
	d->fingerprint[1] = 0x71;
	d->fingerprint_agreed = true;
	d->pinned_at = DRAWN_NOW - 683 * DAY;
	d->pinned_by = clv_strdup("ops@OPS.TEST");
	d->machine_matches = true;
	d->config_confirmed = 118;
	d->config_confirmed_ordinal = 118;
	d->config_confirmed_at = DRAWN_NOW - 12 * S;
	d->accounts = 3;
	d->accounts_confirmed = 2;
	d->accounts_missing = 1;
	d->n_account_rows = 3;
	d->account_rows = clv_calloc(3, sizeof(*d->account_rows));
	d->account_rows[0] = (struct clv_agent_account){clv_strdup("deploy"), 3,    CLV_STEP_SENT,
	                                                DRAWN_NOW - 13 * S,   true, false};
	d->account_rows[1] =
	    (struct clv_agent_account){clv_strdup("backup"), 2, CLV_STEP_TESTED, 0, false, false};
	d->account_rows[2] =
	    (struct clv_agent_account){clv_strdup("sql-reader"), 7, CLV_STEP_TESTED, 0, false, false};
	add_event(d, DRAWN_NOW - 12 * S, 1210, "configuration 118 applied");
	add_event(d, DRAWN_NOW - 12 * S, 7023, "secure configuration processed");
	add_event(d, made + 2 * S, 7006,
	          "published the public key [4A A8 71 8B 0D 3F 9E 9D 4A 59 44 D8 EE BC B1 42] used to "
	          "receive secure messages to management group OMMG1.");
	return d;
}

struct clv_pending_fact *drawn_pending(size_t *n)
{
	static const struct {
		const char *name, *role, *from, *came_by, *looks;
		bool conflict;
	} rows[] = {
	    {"app07.ops.test", "agent", "10.4.0.17", "certificate, own name", "proved its name", false},
	    {"gw2.ops.test", "gateway", "10.9.0.2", "certificate, own name", "gateway: two accept", false},
	    {"app02b.ops.test", "agent", "10.4.0.31", "certificate, own name", "CLONE: key of app02", true},
	    {"web07.ops.test", "agent", "10.66.3.9", "certificate of lab-3", "IMPOSTOR? name taken", true},
	};
	*n = 4;
	struct clv_pending_fact *p = clv_calloc(5, sizeof(*p));
	for (size_t i = 0; i < 4; i++) {
		p[i].id = 41 + i;
		p[i].name = clv_strdup(rows[i].name);
		p[i].role = clv_strdup(rows[i].role);
		p[i].from = clv_strdup(rows[i].from);
		p[i].came_by = clv_strdup(rows[i].came_by);
		p[i].looks_like = clv_strdup(rows[i].looks);
		p[i].conflict = rows[i].conflict;
		p[i].time = DRAWN_NOW - (int64_t)(i + 1) * MIN;
		p[i].fingerprint_hidden = clv_strdup(
		    "•••• •••• •••• B90E 63AC F254 8E61 2277 5AC9 11D0 3B68 F2E4 90C2 1107 5E42 A03C");
		p[i].machine = clv_strdup("51c0…e2");
		if (!rows[i].conflict)
			continue;
		p[i].known_fingerprint = clv_strdup("4A59 44D8 EEBC …");
		p[i].known_pinned_at = DRAWN_NOW - 683 * DAY;
		p[i].known_pinned_by = clv_strdup("ops@OPS.TEST");
		p[i].known_from = clv_strdup("10.4.0.7");
		p[i].known_alive = true;
		p[i].known_machine = clv_strdup("9f3e…");
	}
	return p;
}

void drawn_joining(struct clv_pending_fact **p, size_t *n, const char *name)
{
	*p = clv_realloc(*p, *n + 1, sizeof(**p));
	memmove(*p + 1, *p, *n * sizeof(**p));
	++*n;
	(*p)[0] = (struct clv_pending_fact){.id = 99,
	                                    .name = clv_strdup(name),
	                                    .role = clv_strdup("management-server"),
	                                    .from = clv_strdup("10.0.0.2"),
	                                    .came_by = clv_strdup("certificate, own name"),
	                                    .looks_like = clv_strdup("proved its name"),
	                                    .fingerprint_hidden = clv_strdup("")};
}

struct clv_event_fact *drawn_events(size_t n)
{
	static const struct {
		uint32_t id;
		enum clv_level level;
		const char *source, *category, *text;
	} rows[] = {
	    {7006, CLV_LEVEL_INFORMATION, "HealthService", "Health Service",
	     "The Health Service has published the public key [4A A8 71 8B 0D 3F 9E 9D 4A 59 44 D8 EE BC B1 "
	     "42] used to send it secure messages to management group OMMG1."},
	    {20002, CLV_LEVEL_ERROR, "OpsMgr Connector", "None",
	     "A device at IP 10.4.0.9 attempted to connect but could not be authenticated, and was "
	     "rejected."},
	    {7023, CLV_LEVEL_INFORMATION, "HealthService", "Health Service",
	     "The Health Service has downloaded secure configuration."},
	    {20000, CLV_LEVEL_WARNING, "OpsMgr Connector", "None",
	     "A device which is not part of this management group has attempted to access this Health "
	     "Service."},
	};
	struct clv_event_fact *e = clv_calloc(n + 1, sizeof(*e));
	for (size_t i = 0; i < n; i++) {
		e[i] =
		    (struct clv_event_fact){.seq = n - i,
		                            .time = DRAWN_NOW - (int64_t)i * 37 * S,
		                            .id = rows[i % 4].id,
		                            .level = rows[i % 4].level,
		                            .node = i % 4 == 1 ? clv_strdup("rms1.ops.test")
		                                               : clv_asprintf("web%02zu.ops.test", i % 9 + 1),
		                            .source = clv_strdup(rows[i % 4].source),
		                            .category = clv_strdup(rows[i % 4].category),
		                            .text = clv_strdup(rows[i % 4].text)};
	}
	return e;
}

struct clv_whoami_fact *drawn_whoami(void)
{
	struct clv_whoami_fact *w = clv_calloc(1, sizeof(*w));
	w->principal = clv_strdup("ops@OPS.TEST");
	w->name = clv_strdup("ops");
	w->role = CLV_ROLE_OPERATOR;
	w->group = clv_strdup("OMMG1");
	w->server = clv_strdup("rms1.ops.test");
	w->channel = clv_strdup("certificate TLS 1.3");
	return w;
}
