/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind alerts, traces and the proof.
 */
#include "tests/lib/drawn_alerts.h"

#include <string.h>

#define S   1000LL
#define MIN (60 * S)

struct clv_alert_fact *drawn_alerts(size_t *n)
{
	static const struct {
		int64_t ago;
		enum clv_severity severity;
		const char *agent, *name, *text;
		enum clv_verdict path;
		const char *why;
		uint64_t lost;
	} rows[] = {
	    {29 * S, CLV_SEVERITY_CRITICAL, "app113.ops.test", "Disk / is nearly full", "97 % of 20 GB used",
	     CLV_VERDICT_LINK_ENDS_DIFFER,
	     "gw1.ops.test and ms1.ops.test do not say the same of the link between them", 0},
	    {30 * S, CLV_SEVERITY_CRITICAL, "app114.ops.test", "Disk / is nearly full", "98 % of 20 GB used",
	     CLV_VERDICT_BROKEN_CHAIN, "the record of gw1.ops.test is missing, ms1.ops.test's comes first",
	     0},
	    {31 * S, CLV_SEVERITY_WARNING, "web01.ops.test", "Alerts lost", "4..9 lost: the outbox was full",
	     CLV_VERDICT_UNCHECKED, "", 4},
	    {2 * MIN, CLV_SEVERITY_INFORMATION, "db01.ops.test", "Service was restarted", "",
	     CLV_VERDICT_VERIFIED, "", 0},
	};
	*n = sizeof(rows) / sizeof(rows[0]);
	struct clv_alert_fact *a = clv_calloc(*n + 1, sizeof(*a));
	for (size_t i = 0; i < *n; i++) {
		a[i] = (struct clv_alert_fact){.id = 8815 - i,
		                               .sequence = 9 + i,
		                               .lost_from = rows[i].lost,
		                               .count = rows[i].lost != 0 ? 9 + i - rows[i].lost + 1 : 1,
		                               .time = DRAWN_NOW - rows[i].ago,
		                               .severity = rows[i].severity,
		                               .path = rows[i].path,
		                               .own_record = true,
		                               .agent = clv_strdup(rows[i].agent),
		                               .name = clv_strdup(rows[i].name),
		                               .text = clv_strdup(rows[i].text),
		                               .source = clv_strdup(i == 3 ? "HealthService 1210" : ""),
		                               .why = clv_strdup(rows[i].why),
		                               .acknowledged_by = clv_strdup(i == 3 ? "user:ann" : "")};
		a[i].acknowledged = i == 3 ? DRAWN_NOW - MIN : 0;
	}
	return a;
}

static struct clv_trace_node node(const char *name, const char *role, int64_t received, int64_t sent,
                                  int64_t stored)
{
	return (struct clv_trace_node){.name = clv_strdup(name),
	                               .role = clv_strdup(role),
	                               .received = received != 0 ? DRAWN_NOW + received : 0,
	                               .sent = sent != 0 ? DRAWN_NOW + sent : 0,
	                               .stored = stored != 0 ? DRAWN_NOW + stored : 0,
	                               .verdict = CLV_VERDICT_VERIFIED,
	                               .why = clv_strdup("")};
}

static struct clv_trace_link link(const char *from, const char *to, bool kerberos, uint8_t finger)
{
	struct clv_trace_link l = {
	    .from = clv_strdup(from),
	    .to = clv_strdup(to),
	    .mechanism = kerberos ? CLV_MECHANISM_KERBEROS : CLV_MECHANISM_CERTIFICATE,
	    .protocol = clv_strdup(kerberos ? "" : "TLS 1.3"),
	    .cipher = clv_strdup(kerberos ? "aes256-cts-hmac-sha384-192" : "TLS_AES_256_GCM_SHA384"),
	    .has_from = true,
	    .has_to = true,
	    .both = true,
	    .weak = clv_strdup("")};
	memset(l.fingerprint_from, finger, sizeof(l.fingerprint_from));
	memset(l.fingerprint_to, finger, sizeof(l.fingerprint_to));
	return l;
}

static void bad(struct clv_trace_fact *t, size_t i, enum clv_verdict v, const char *why)
{
	t->nodes[i].verdict = t->verdict = v;
	clv_free(t->nodes[i].why);
	clv_free(t->why);
	t->nodes[i].why = clv_strdup(why);
	t->why = clv_strdup(why);
}

static void lie(struct clv_trace_fact *t, enum drawn_path what)
{
	struct clv_trace_link *l = &t->links[1];
	if (what == DRAWN_BROKEN)
		bad(t, 2, CLV_VERDICT_BROKEN_CHAIN,
		    "the record of ms1.ops.test does not follow from the one before it: one is missing, "
		    "altered or "
		    "out of order");
	if (what == DRAWN_DIFFER) {
		l->both = false;
		memset(l->fingerprint_to, 0x51, sizeof(l->fingerprint_to));
		bad(t, 2, CLV_VERDICT_LINK_ENDS_DIFFER,
		    "gw1.ops.test and ms1.ops.test do not say the same of the link between them");
	}
	if (what == DRAWN_CLAIMED) {
		l->both = l->has_to = false;
		bad(t, 2, CLV_VERDICT_BROKEN_CHAIN, "ms1.ops.test names no link that it came by");
	}
	if (what == DRAWN_WEAK) {
		clv_free(t->links[0].cipher);
		clv_free(t->links[0].weak);
		t->links[0].cipher = clv_strdup("arcfour-hmac");
		t->links[0].weak =
		    clv_strdup("RC4: its integrity is MD5's, it can be forged; take permit_rc4 away and "
		               "renew the keys");
	}
}

struct clv_trace_fact *drawn_trace(enum drawn_path what)
{
	struct clv_trace_fact *t = clv_calloc(1, sizeof(*t));
	size_t n = 0;
	struct clv_alert_fact *rows = drawn_alerts(&n);
	t->time = DRAWN_NOW;
	t->agent = clv_strdup("web01.ops.test");
	t->verdict = CLV_VERDICT_VERIFIED;
	t->why = clv_strdup("");
	t->alerts = what == DRAWN_PROBE ? 0 : 3;
	t->clock_known = what != DRAWN_CLAIMED;
	t->clock_ahead_ms = what == DRAWN_PROBE ? 1 : what == DRAWN_WEAK ? 1204 : 3;
	t->clock_error_ms = 2;
	t->under_way_ms = 11 + t->clock_ahead_ms;
	if (what != DRAWN_PROBE) {
		t->alert = clv_calloc(1, sizeof(*t->alert));
		*t->alert = rows[0];
		rows[0] = (struct clv_alert_fact){0};
	}
	facts_alerts_free(rows, n);
	t->nodes = clv_calloc(5, sizeof(*t->nodes));
	t->links = clv_calloc(4, sizeof(*t->links));
	t->nodes[t->n_nodes++] = node("web01.ops.test", "agent", 0, 113, 0);
	if (what == DRAWN_TWO || what == DRAWN_PROBE) {
		t->links[t->n_links++] = link("web01.ops.test", "rms1.ops.test", false, 0x4f);
	} else {
		t->links[t->n_links++] = link("web01.ops.test", "gw1.ops.test", true, 0x4f);
		t->nodes[t->n_nodes++] = node("gw1.ops.test", "gateway", 115, 117, 0);
		t->links[t->n_links++] = link("gw1.ops.test", "ms1.ops.test", false, 0x90);
		t->nodes[t->n_nodes++] = node("ms1.ops.test", "server", 118, 119, 0);
		t->links[t->n_links++] = link("ms1.ops.test", "rms1.ops.test", true, 0xc4);
	}
	t->nodes[t->n_nodes++] = node("rms1.ops.test", "root", 122, 0, 124);
	lie(t, what);
	return t;
}

struct clv_encryption_fact *drawn_encryption(bool good)
{
	struct clv_encryption_fact *e = clv_calloc(1, sizeof(*e));
	e->time = DRAWN_NOW;
	e->group = clv_strdup("OMMG1");
	e->server = clv_strdup("rms1.ops.test");
	e->node = clv_strdup(good ? "web01.ops.test" : "");
	e->parcels = e->looked = 8812;
	e->verified = good ? 8812 : 8799;
	e->links = clv_calloc(2, sizeof(*e->links));
	e->n_links = 1;
	e->links[0] =
	    (struct clv_encryption_link){.from = clv_strdup("web01.ops.test"),
	                                 .to = clv_strdup("rms1.ops.test"),
	                                 .protocol = clv_strdup("TLS 1.3"),
	                                 .cipher = clv_strdup("TLS_AES_256_GCM_SHA384"),
	                                 .key = clv_strdup("4AA8718B"),
	                                 .weak = clv_strdup(""),
	                                 .later = clv_strdup("stays closed: each link has keys of its own"),
	                                 .mechanism = CLV_MECHANISM_CERTIFICATE,
	                                 .since = DRAWN_NOW - 60 * MIN,
	                                 .live = true,
	                                 .agreed = true,
	                                 .parcels = 8812,
	                                 .verified = good ? 8812 : 8799,
	                                 .alerts = 9001};
	e->deliveries = clv_calloc(2, sizeof(*e->deliveries));
	e->n_deliveries = 1;
	e->deliveries[0] = (struct clv_encryption_delivery){
	    .host = clv_strdup("web01.ops.test"),
	    .account = clv_strdup("sql-reader"),
	    .how = clv_strdup("CMS AES-256-GCM, RSAES-OAEP SHA-256 for its key"),
	    .version = 7,
	    .step = CLV_STEP_TESTED,
	    .has_key = true,
	    .bits = 3072};
	memset(e->deliveries[0].key_id, 0x4a, sizeof(e->deliveries[0].key_id));
	e->limits = clv_calloc(2, sizeof(char *));
	e->limits[e->n_limits++] = clv_strdup("a node's mechanism, cipher and times are its own claim");
	e->clear = clv_calloc(2, sizeof(char *));
	e->clear[e->n_clear++] = clv_strdup("alerts: in the memory of rms1.ops.test and in its database");
	e->weak = clv_calloc(2, sizeof(char *));
	if (!good)
		e->weak[e->n_weak++] = clv_strdup("13 of 8812 parcels do not verify: see their traces");
	return e;
}
