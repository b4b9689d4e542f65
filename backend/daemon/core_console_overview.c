/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The overview: counts over the nodes in memory and what needs a person, in order. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_recovery.h"
#include "daemon/core_relay.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS        (24ll * 3600 * 1000)
#define NEEDS_MAX     12u
#define ATTACHED_MAX  16u
#define FORECAST_DAYS 75u

struct need_row {
	Clv__Need m;
	char text[256], go[64];
};

static void need(struct need_row *rows, size_t *n, enum clv_level level, const char *go, const char *fmt, ...)
    CLV_PRINTF(5, 6);
static void need(struct need_row *rows, size_t *n, enum clv_level level, const char *go, const char *fmt, ...)
{
	struct need_row *r = &rows[*n];
	va_list ap;

	if (*n == NEEDS_MAX)
		return;
	(*n)++;
	clv__need__init(&r->m);
	va_start(ap, fmt);
	(void)vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
	(void)snprintf(r->go, sizeof r->go, "%s", go);
	r->m.level = level;
	r->m.text = r->text;
	r->m.go = r->go;
	r->m.key = r->go; /* what it leads to says which line it is, whatever the numbers are */
}

static void count_key(const struct core *c, const struct node *n, Clv__Overview *m, uint32_t *renewals,
                      int64_t now)
{
	int64_t left = n->key.not_after - now;
	int64_t renew = (left - c->start->renew_before_ms) / DAY_MS;

	m->keys++;
	m->confirmed += n->key.state == CLV_KEY_CONFIRMED;
	m->on_the_way += n->key.state < CLV_KEY_CONFIRMED;
	m->late += left < c->start->renew_before_ms - 3 * DAY_MS;
	m->ends_total++;
	m->ends_7d += left < 7 * DAY_MS;
	m->ends_30d += left < 30 * DAY_MS;
	m->ends_90d += left < 90 * DAY_MS;
	if (renew < 0)
		renew = 0;
	if (renew < FORECAST_DAYS)
		renewals[renew]++;
}

static void count_nodes(const struct core *c, Clv__Overview *m, uint32_t *renewals, int64_t now)
{
	const struct server *s = c->srv;

	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct node *n = s->nodes[i];

		m->agents++;
		m->up += n->session != NULL;
		m->silent += n->session == NULL;
		if (n->has_key)
			count_key(c, n, m, renewals, now);
	}
	m->pending = (uint32_t)s->n_pendings;
	for (size_t i = 0; i < s->n_pendings; i++)
		m->conflicts += s->pendings[i]->row.conflict;
}

static void list_recovery(const struct server *s, struct need_row *rows, size_t *n)
{
	uint32_t left = s->recovery->epoch ? recovery_to_enter(s) : 0;

	if (left)
		need(rows, n, CLV_LEVEL_WARNING, ":recover",
		     left == 1 ? "%u password is to be entered again"
		               : "%u passwords are to be entered again",
		     left);
	else if (recovery_under_way(s))
		need(rows, n, CLV_LEVEL_INFORMATION, ":recover",
		     "nothing is left to be entered again: the recovery can be finished");
}

static void list_passwords(const struct server *s, struct need_row *rows, size_t *n, int64_t now)
{
	uint32_t soon = 0;

	for (size_t i = 0; i < s->rules->accounts.n; i++) {
		const Clv__AccountRow *a = RULE_ACCOUNT(s->rules->accounts.list[i]);

		soon += a->ends && a->ends - now < ACCOUNT_EXPIRING_MS;
	}
	if (soon)
		need(rows, n, CLV_LEVEL_WARNING, ":expiry what:account",
		     soon == 1 ? "%u account's password ends within 14 d"
		               : "%u accounts' passwords end within 14 d",
		     soon);
}

static void count_accounts(const struct core *c, Clv__Overview *m)
{
	const struct rule_list *l = &c->srv->rules->accounts;

	for (size_t i = 0; i < l->n; i++) {
		struct account_counts k;

		account_count(c, l->list[i], &k);
		m->accounts++;
		m->accounts_done += k.opened == k.targets;
		m->accounts_missing += k.opened < k.targets && RULE_ACCOUNT(l->list[i])->version;
	}
}

/* Others that are at a console now, each once. */
static void list_attached(const struct core *c, const struct console *own, Clv__Overview *m, char **list)
{
	for (const struct console *k = c->srv->consoles; k && m->n_attached < ATTACHED_MAX; k = k->next) {
		bool known = k == own || !k->proven || !k->n_principals || !k->n_watches;

		for (size_t i = 0; i < m->n_attached && !known; i++)
			known = strcmp(list[i], k->principals[0]) == 0;
		if (!known)
			list[m->n_attached++] = k->principals[0];
	}
	m->attached = list;
}

/* Named once, with who is behind it: they are among the silent ones below (P8). */
static void list_gateways(const struct core *c, struct need_row *rows, size_t *n)
{
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *g = c->srv->nodes[i], *first = NULL;
		size_t behind;

		if (g->role != NODE_GATEWAY || g->session)
			continue;
		behind = gateways_depend(c, g, &first);
		need(rows, n, CLV_LEVEL_WARNING, ":servers",
		     behind == 1 ? "the gateway %.60s is not in touch: %zu node comes by it"
		                 : "the gateway %.60s is not in touch: %zu nodes come by it",
		     g->name, behind);
	}
}

static void list_needs(const struct core *c, const Clv__Overview *m, struct need_row *rows, size_t *n,
                       int64_t now)
{
	const struct server *s = c->srv;
	uint32_t plain = m->pending - m->conflicts;

	if (s->audit_bad)
		need(rows, n, CLV_LEVEL_ERROR, ":audit", "the audit trail is broken at row %" PRId64,
		     s->audit_bad);
	for (size_t i = 0; i < s->n_pendings && *n < 4; i++)
		if (s->pendings[i]->row.conflict)
			need(rows, n, CLV_LEVEL_ERROR, ":pending", "%.60s: %.80s", s->pendings[i]->row.name,
			     s->pendings[i]->row.looks_like);
	list_recovery(s, rows, n);
	if (plain)
		need(rows, n, CLV_LEVEL_WARNING, ":pending",
		     plain == 1 ? "%u node waits to be accepted" : "%u nodes wait to be accepted", plain);
	if (c->has_thumbprint && c->cert_not_after - now < 30 * DAY_MS)
		need(rows, n, CLV_LEVEL_WARNING, ":events 20053",
		     "%s's channel certificate ends in %" PRId64 " d", c->start->name,
		     (int64_t)((c->cert_not_after - now) / DAY_MS));
	if (m->accounts_missing)
		need(rows, n, CLV_LEVEL_INFORMATION, ":accounts missing>0",
		     m->accounts_missing == 1 ? "%u account is not everywhere yet"
		                              : "%u accounts are not everywhere yet",
		     m->accounts_missing);
	list_passwords(s, rows, n, now);
	list_gateways(c, rows, n);
	if (m->silent)
		need(rows, n, CLV_LEVEL_WARNING, ":agents contact:silent,down",
		     m->silent == 1 ? "%u agent is silent" : "%u agents are silent", m->silent);
	if (m->late)
		need(rows, n, CLV_LEVEL_INFORMATION, ":agents expires<27d",
		     m->late == 1 ? "%u key ends soon and is late" : "%u keys end soon and are late",
		     m->late);
}

void console_overview(struct core *c, const struct console_request *q)
{
	struct server *s = c->srv;
	Clv__Overview m = CLV__OVERVIEW__INIT;
	struct need_row rows[NEEDS_MAX];
	Clv__Need *list[NEEDS_MAX];
	char *attached[ATTACHED_MAX];
	uint32_t renewals[FORECAST_DAYS] = {0};
	uint8_t id[KEY_HASH_LEN];
	size_t n = 0;
	int64_t now = clock_wall_ms();

	m.req = q->req;
	m.time = now;
	m.group = c->start->group;
	m.server = c->start->name;
	m.server_version = (char *)(uintptr_t)CLV_VERSION;
	m.listen = c->start->advertise;
	if (!sha256(buf_slice(&c->node_key), id, NULL))
		m.node_key_id = PROTO_BYTES(slice_of(id, sizeof id));
	count_nodes(c, &m, renewals, now);
	m.turned_away = (uint32_t)s->turned_away;
	m.renewals = renewals;
	m.n_renewals = FORECAST_DAYS;
	m.audit_rows = s->audit_rows;
	m.audit_checked = s->audit_checked;
	count_accounts(c, &m);
	m.alerts = (uint32_t)s->alert_counts.alerts;
	m.alerts_critical = (uint32_t)s->alert_counts.critical;
	m.alerts_checked = (uint32_t)s->alert_counts.checked;
	m.alerts_verified = (uint32_t)s->alert_counts.verified;
	list_attached(c, q->console, &m, attached);
	list_needs(c, &m, rows, &n, now);
	/* What stopped first, then what a person has to look at, then what can wait; in each as it was found.
	 */
	for (int level = CLV_LEVEL_ERROR; level >= CLV_LEVEL_INFORMATION; level--)
		for (size_t i = 0; i < n; i++)
			if ((int)rows[i].m.level == level) {
				(void)aside_look(s, &rows[i].m, now);
				list[m.n_needs++] = &rows[i].m;
			}
	m.needs = list;
	console_answer(c, q, REP_OVERVIEW, &m.base, &m.time);
}
