/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind the drawings of RunAs accounts in design 7.
 */
#include "tests/lib/drawn_runas.h"

#include <stdio.h>
#include <string.h>

#define S    1000LL
#define MIN  (60 * S)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

static char **strings(const char *const *list, size_t n)
{
	char **out = clv_calloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = clv_strdup(list[i]);
	return out;
}

void drawn_account_copy(struct clv_account_fact *to, const struct clv_account_fact *from)
{
	*to = *from;
	to->id = clv_strdup(from->id);
	to->name = clv_strdup(from->name);
	to->changed_by = clv_strdup(from->changed_by);
	to->user = clv_strdup(from->user);
	to->domain = clv_strdup(from->domain);
	to->kept_by = clv_strdup(from->kept_by);
	to->note = clv_strdup(from->note);
	to->context = clv_strdup(from->context);
	to->auth_protocol = clv_strdup(from->auth_protocol);
	to->privacy_protocol = clv_strdup(from->privacy_protocol);
	to->entered_by = clv_strdup(from->entered_by);
	to->aside = clv_strdup(from->aside);
	to->aside_by = clv_strdup(from->aside_by);
	to->claim_by = clv_strdup(from->claim_by);
}

struct clv_account_fact *drawn_accounts(size_t *n)
{
	static char id[] = "", ann[] = "ann@OPS.TEST", ben[] = "ben@OPS.TEST", none[] = "", corp[] = "CORP",
	            dba[] = "DBA team", net[] = "net team", aes[] = "aes", sha[] = "sha";
	static char name[6][16] = {"backup", "deploy", "old-batch", "snmp-core", "sql-reader", "web-keytab"};
	static char user[6][16] = {"svc-backup", "deploy", "batch", "ompoll", "sql-reader", ""};
	static const struct clv_account_fact plain = {.id = id,
	                                              .changed_by = ann,
	                                              .entered_by = ann,
	                                              .aside = none,
	                                              .aside_by = none,
	                                              .claim_by = none,
	                                              .domain = none,
	                                              .kept_by = none,
	                                              .note = none,
	                                              .context = none,
	                                              .auth_protocol = none,
	                                              .privacy_protocol = none,
	                                              .version = 2,
	                                              .released = 2,
	                                              .row_version = 3};
	struct clv_account_fact rows[6], *out = clv_calloc(7, sizeof(*out));
	for (size_t i = 0; i < 6; i++) {
		rows[i] = plain;
		rows[i].name = name[i];
		rows[i].user = user[i];
		rows[i].type = CLV_ACCOUNT_BASIC;
		rows[i].state = CLV_ACCOUNT_OK;
		rows[i].changed = DRAWN_NOW - (int64_t)(i + 1) * 9 * DAY;
		rows[i].targets = rows[i].sent = rows[i].confirmed = 12;
	}
	rows[1].targets = rows[1].sent = 41;
	rows[1].confirmed = 38;
	rows[1].missing = 3;
	rows[1].changed = DRAWN_NOW - 20 * S;
	rows[2].type = CLV_ACCOUNT_SIMPLE;
	rows[2].state = CLV_ACCOUNT_NEVER_ENTERED;
	rows[2].targets = rows[2].sent = rows[2].confirmed = 0;
	rows[2].version = rows[2].released = 0;
	rows[3].type = CLV_ACCOUNT_SNMPV3;
	rows[3].state = CLV_ACCOUNT_NEEDS_REENTRY;
	rows[3].targets = rows[3].missing = 3;
	rows[3].sent = rows[3].confirmed = 0;
	rows[3].changed_by = ben;
	rows[3].recovery = CLV_RECOVERY_TO_ENTER;
	rows[3].kept_by = net;
	rows[3].auth_protocol = sha;
	rows[3].privacy_protocol = aes;
	rows[4].type = CLV_ACCOUNT_WINDOWS;
	rows[4].targets = rows[4].sent = 41;
	rows[4].confirmed = 39;
	rows[4].missing = 2;
	rows[4].changed = DRAWN_NOW - 1 * MIN - 59 * S;
	rows[4].domain = corp;
	rows[4].kept_by = dba;
	rows[4].ends = DRAWN_NOW + 90 * DAY;
	rows[4].version = rows[4].released = 8;
	rows[5].type = CLV_ACCOUNT_BINARY;
	rows[5].state = CLV_ACCOUNT_EXPIRING;
	rows[5].less_secure = true;
	rows[5].ends = DRAWN_NOW + 5 * DAY;
	*n = 6;
	for (size_t i = 0; i < 6; i++) {
		rows[i].entered = rows[i].version != 0 ? rows[i].changed : 0;
		drawn_account_copy(&out[i], &rows[i]);
		clv_free(out[i].id);
		out[i].id = clv_asprintf("%032zx", i + 0xacc0);
	}
	return out;
}

static void add_host(struct clv_account_detail *d, const char *host, uint64_t has, enum clv_step step,
                     enum clv_level sign, int64_t ago, const char *why)
{
	d->rows = clv_realloc(d->rows, d->n_rows + 1, sizeof(*d->rows));
	d->rows[d->n_rows++] = (struct clv_account_host){.host = clv_strdup(host),
	                                                 .has = has,
	                                                 .meant = d->account.version,
	                                                 .step = step,
	                                                 .sign = sign,
	                                                 .since = DRAWN_NOW - ago,
	                                                 .why = clv_strdup(why)};
}

static struct clv_account_detail *base(void)
{
	static const char *const goes[] = {"db*", "group:sql-servers"};
	struct clv_account_detail *d = clv_calloc(1, sizeof(*d));
	size_t n;
	struct clv_account_fact *all = drawn_accounts(&n);
	drawn_account_copy(&d->account, &all[4]);
	facts_accounts_free(all, n);
	d->goes_to = strings(goes, 2);
	d->n_goes_to = 2;
	d->uses = clv_calloc(2, sizeof(*d->uses));
	d->n_uses = 2;
	d->uses[0] = (struct clv_account_use){clv_strdup("SQL Monitoring"), clv_strdup("class SQL Server")};
	d->uses[1] = (struct clv_account_use){clv_strdup("Backup check"), clv_strdup("object tape0")};
	d->hosts = 41;
	d->has_check = true;
	d->sealed = d->sent = d->opened = d->tested = 41;
	d->first = clv_strdup("");
	d->trial_text = clv_strdup("");
	return d;
}

struct clv_account_detail *drawn_account_well(void)
{
	struct clv_account_detail *d = base();
	d->account.confirmed = 41;
	d->account.missing = 0;
	return d;
}

struct clv_account_detail *drawn_account(void)
{
	static const char *const also[] = {"sql-old"};
	struct clv_account_detail *d = base();
	d->also_in = strings(also, 1);
	d->n_also_in = 1;
	d->unused = 2;
	d->opened = 40;
	d->tested = 39;
	d->failing = d->waiting = 1;
	add_host(d, "db017.ops.test", 7, CLV_STEP_SENT, CLV_LEVEL_WARNING, 2 * MIN,
	         "7004 sealed for a key it has no more; its new one is confirmed: sealed anew, within 1 min");
	add_host(d, "db022.ops.test", 8, CLV_STEP_OPENED, CLV_LEVEL_INFORMATION, 40 * S,
	         "its KDC has the old password; again in 60 s");
	return d;
}

struct clv_account_detail *drawn_account_trial(enum clv_trial trial)
{
	static const char *const texts[CLV_TRIAL_MAX] = {
	    [CLV_TRIAL_NONE] = "",
	    [CLV_TRIAL_WAITS] = "app01 is offline since 20:58:00",
	    [CLV_TRIAL_RUNS] = "",
	    [CLV_TRIAL_OPENED] = "",
	    [CLV_TRIAL_FAILED] = "app01 could not log on as CORP\\sql-reader: wrong password"};
	struct clv_account_detail *d = base();
	d->account.released = 7;
	d->account.confirmed = d->account.sent = trial >= CLV_TRIAL_OPENED ? 1 : 0;
	d->account.missing = 41 - d->account.confirmed;
	d->has_check = trial != CLV_TRIAL_OPENED;
	d->sealed = d->sent = trial == CLV_TRIAL_WAITS ? 0 : 1;
	d->opened = trial >= CLV_TRIAL_OPENED ? 1 : 0;
	d->tested = 0;
	d->waiting = 40;
	d->failing = trial == CLV_TRIAL_FAILED ? 1 : 0;
	clv_free(d->first);
	d->first = clv_strdup("app01.ops.test");
	d->trial = trial;
	clv_free(d->trial_text);
	d->trial_text = clv_strdup(texts[trial]);
	if (trial == CLV_TRIAL_FAILED)
		add_host(d, "app01.ops.test", 7, CLV_STEP_OPENED, CLV_LEVEL_ERROR, 30 * S,
		         "wrong password; v7 stays in use; nothing more is sent");
	return d;
}

struct clv_profile_fact *drawn_profiles(size_t *n)
{
	static const char *const rows[][3] = {{"Backup check", "backup", "all"},
	                                      {"Backup check", "sql-reader", "object tape0"},
	                                      {"Deployment", "", ""},
	                                      {"SQL Monitoring", "sql-reader", "class SQL Server"},
	                                      {"Web check", "web-keytab", "pattern web*"}};
	struct clv_profile_fact *p = clv_calloc(6, sizeof(*p));
	*n = 5;
	for (size_t i = 0; i < 5; i++)
		p[i] = (struct clv_profile_fact){.name = clv_strdup(rows[i][0]),
		                                 .account = clv_strdup(rows[i][1]),
		                                 .target = clv_strdup(rows[i][2]),
		                                 .row_version = 4};
	return p;
}

struct clv_group_fact *drawn_groups(size_t *n)
{
	static const char *const members[] = {"db*", "sql01.ops.test", "sql02.ops.test"}, *const used[] = {
	                                                                                      "sql-reader"};
	struct clv_group_fact *g = clv_calloc(3, sizeof(*g));
	g[0] = (struct clv_group_fact){.name = clv_strdup("dc2"),
	                               .members = strings(members, 1),
	                               .n_members = 1,
	                               .hosts = 12,
	                               .row_version = 1};
	g[1] = (struct clv_group_fact){.name = clv_strdup("sql-servers"),
	                               .members = strings(members, 3),
	                               .n_members = 3,
	                               .hosts = 14,
	                               .used_by = strings(used, 1),
	                               .n_used_by = 1,
	                               .row_version = 2};
	*n = 2;
	return g;
}

struct clv_server_fact *drawn_servers(size_t *n)
{
	struct clv_server_fact *s = clv_calloc(5, sizeof(*s));
	static const struct {
		const char *name, *role, *via, *address;
		uint32_t agents, behind;
		enum clv_contact contact;
	} rows[] = {{"rms1.ops.test", "management-server", NULL, "10.0.0.1:5723", 0, 0, CLV_CONTACT_UP},
	            {"gw1.ops.test", "gateway", NULL, "10.9.0.1:5723", 412, 409, CLV_CONTACT_UP},
	            {"gw2.ops.test", "gateway", "gw1.ops.test", "", 31, 31, CLV_CONTACT_UP},
	            {"gw3.ops.test", "gateway", NULL, "10.9.0.3:5723", 12, 0, CLV_CONTACT_SILENT},
	            {"ms1.ops.test", "management-server", NULL, "10.0.0.2:5723", 443, 440, CLV_CONTACT_UP}};
	for (size_t i = 0; i < 5; i++)
		s[i] = (struct clv_server_fact){.name = clv_strdup(rows[i].name),
		                                .version = clv_strdup(i == 0 ? "0.1.0" : ""),
		                                .group_key = i == 0 ? 4 : 0,
		                                .pem = clv_strdup(""),
		                                .role = clv_strdup(rows[i].role),
		                                .via = rows[i].via != NULL ? clv_strdup(rows[i].via) : NULL,
		                                .address = clv_strdup(rows[i].address),
		                                .contact = rows[i].contact,
		                                .agents = rows[i].agents,
		                                .behind = rows[i].behind};
	*n = 5;
	return s;
}

struct clv_plan_fact *drawn_plan(void)
{
	static const char *const offline[] = {"app09.ops.test"},
	                         *const loses[] = {"app09.ops.test", "old01.ops.test", "old02.ops.test"},
	                         *const warnings[] = {"No profile is left without it."};
	struct clv_plan_fact *p = clv_calloc(1, sizeof(*p));
	p->text = clv_strdup("");
	p->n_gains = 12;
	p->gains = clv_calloc(12, sizeof(*p->gains));
	p->gains_len = 12;
	for (size_t i = 0; i < 12; i++)
		p->gains[i] = clv_asprintf("app%02zu.ops.test", i + 10);
	p->n_loses = 3;
	p->loses = strings(loses, 3);
	p->loses_len = 3;
	p->n_offline = 1;
	p->offline = strings(offline, 1);
	p->offline_len = 1;
	p->warnings = strings(warnings, 1);
	p->warnings_len = 1;
	p->row_version = 3;
	return p;
}

static void set(char **to, const char *from)
{
	clv_free(*to);
	*to = clv_strdup(from);
}

struct clv_account_fact *drawn_recover_accounts(size_t *n)
{
	/* of drawn_accounts: sql-reader, snmp-core, deploy, backup, old-batch */
	static const size_t from[] = {4, 3, 1, 0, 2};
	size_t all;
	struct clv_account_fact *drawn = drawn_accounts(&all), *a = clv_calloc(6, sizeof(*a));
	*n = 5;
	for (size_t i = 0; i < 5; i++)
		drawn_account_copy(&a[i], &drawn[from[i]]);
	facts_accounts_free(drawn, all);
	a[0].state = CLV_ACCOUNT_NEEDS_REENTRY;
	a[0].recovery = CLV_RECOVERY_TO_ENTER;
	set(&a[0].kept_by, "DBA vault");
	set(&a[0].note, "asks for two persons");
	set(&a[1].claim_by, "user:ben");
	a[1].claim_at = DRAWN_NOW - 20 * S;
	a[2].recovery = CLV_RECOVERY_ENTERED;
	a[2].offline = 3;
	set(&a[2].kept_by, "ann");
	a[3].recovery = CLV_RECOVERY_CONFIRMED;
	a[4].state = CLV_ACCOUNT_NEEDS_REENTRY;
	a[4].recovery = CLV_RECOVERY_ASIDE;
	set(&a[4].aside, "no longer used");
	set(&a[4].aside_by, "user:ben");
	a[4].aside_at = DRAWN_NOW - 2 * HOUR - 35 * MIN;
	return a;
}

struct clv_recovery_fact *drawn_recovery(void)
{
	struct clv_recovery_fact *r = clv_calloc(1, sizeof(*r));
	r->epoch = 1;
	r->group_key = 5;
	r->began = DRAWN_NOW - 3 * HOUR - 11 * MIN;
	r->by = clv_strdup("user:root");
	r->finished_by = clv_strdup("");
	r->accounts = 38;
	r->to_enter = 13;
	r->entered = 4;
	r->confirmed = 20;
	r->aside = 1;
	r->agents = 1204;
	r->agents_back = 1190;
	r->first_end = DRAWN_NOW + 9 * DAY + HOUR;
	r->first_end_account = clv_strdup("sql-reader");
	r->claims = clv_calloc(3, sizeof(*r->claims));
	r->n_claims = 2;
	r->claims[0] = (struct clv_claim_fact){clv_strdup("web-keytab"), clv_strdup("user:ann"),
	                                       DRAWN_NOW - 5 * S, false};
	r->claims[1] = (struct clv_claim_fact){clv_strdup("snmp-core"), clv_strdup("user:ben"),
	                                       DRAWN_NOW - 20 * S, false};
	return r;
}

struct clv_intake_fact *drawn_intake(void)
{
	static const uint8_t key[4] = {0x7D, 0x18, 0xF4, 0x65};
	struct clv_intake_fact *f = clv_calloc(1, sizeof(*f));
	buf_init(&f->certificate, 16);
	f->group = clv_strdup("OMMG1");
	f->account_id = clv_strdup("0000000000000000000000000000acc4");
	f->account = clv_strdup("sql-reader");
	f->user = clv_strdup("sql-reader");
	f->domain = clv_strdup("CORP");
	f->principal = clv_strdup("ops@OPS.TEST");
	f->first = clv_strdup("app01.ops.test");
	f->server = clv_strdup("rms1.ops.test");
	f->type = CLV_ACCOUNT_WINDOWS;
	f->version = 7;
	f->hosts = 41;
	f->has_check = true;
	memcpy(f->key_id, key, sizeof(key));
	return f;
}
