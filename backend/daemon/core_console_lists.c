/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of lists that core holds in memory: requests to be accepted, roles, the table of requests; agents
 * are core_console_scan.c's. Filters and sorting are model/filter's. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console_scan.h"
#include "daemon/core_eyes.h"
#include "daemon/core_server_alerts.h"
#include "model/filter.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- pending --- */
struct sorting {
	sort_cmp *cmp;
	bool descending;
};
static _Thread_local struct sorting sorting; /* qsort has no context in C11 */

#define PENDING_ANSWER 500u /* rows in one answer: names may be long, a frame is not */

static void short_hex(const uint8_t *p, char out[20])
{
	char hex[9];

	hex_encode(slice_of(p, 4), false, hex);
	(void)snprintf(out, 20, "%.4s…%.2s", hex, hex + 6);
}

struct pending_row {
	Clv__Pending p;
	char fingerprint[FINGERPRINT_TEXT_MAX], known_key[24], machine[20], known_machine[20], eyes[512];
};

static void pack_pending(const struct core *c, const struct pending *of, struct pending_row *r)
{
	const struct store_pending *p = &of->row;
	const struct node *known = server_find(c->srv, p->name);
	uint8_t hash[KEY_HASH_LEN];
	char hex[65];

	clv__pending__init(&r->p);
	fingerprint_text(p->fingerprint, true, r->fingerprint);
	short_hex(p->machine, r->machine);
	r->p.id = p->id;
	r->p.name = (char *)(uintptr_t)p->name;
	r->p.role = (char *)(uintptr_t)p->role;
	r->p.from = (char *)(uintptr_t)p->from;
	r->p.came_by = (char *)(uintptr_t)p->came_by;
	r->p.looks_like = (char *)(uintptr_t)p->looks_like;
	if (of->eyes && clock_wall_ms() < eyes_until(of->eyes)) {
		/* What the first person was warned of the second one is, too. */
		(void)snprintf(r->eyes, sizeof r->eyes, "%.320s%s1 of 2 said yes: %.160s",
		               p->conflict ? p->looks_like : "", p->conflict ? "; " : "", eyes_who(of->eyes));
		r->p.looks_like = r->eyes;
	}
	r->p.conflict = p->conflict;
	r->p.time = p->time;
	r->p.fingerprint_hidden = r->fingerprint;
	r->p.machine = r->machine;
	r->p.vouched = p->vouched;
	if (!known || sha256(buf_slice(&known->node_key), hash, NULL))
		return;
	hex_encode(slice_of(hash, 32), true, hex);
	(void)snprintf(r->known_key, sizeof r->known_key, "%.4s %.4s", hex, hex + 4);
	short_hex(known->machine, r->known_machine);
	r->p.known_fingerprint = r->known_key;
	r->p.known_machine = r->known_machine;
	r->p.known_pinned_at = known->pinned_at;
	r->p.known_pinned_by = known->pinned_by;
	r->p.known_alive = known->session != NULL;
	if (known->session)
		r->p.known_from = known->session->open->address;
}

static void pending_fact(const struct pending_row *r, struct clv_pending_fact *f)
{
	memset(f, 0, sizeof *f);
	f->id = r->p.id;
	f->name = r->p.name;
	f->role = r->p.role;
	f->from = r->p.from;
	f->came_by = r->p.came_by;
	f->looks_like = r->p.looks_like;
	f->conflict = r->p.conflict;
	f->time = r->p.time;
	f->fingerprint_hidden = r->p.fingerprint_hidden;
}

static int compare_pending(const void *a, const void *b)
{
	struct clv_pending_fact x, y;
	int v;

	pending_fact(*(struct pending_row *const *)a, &x);
	pending_fact(*(struct pending_row *const *)b, &y);
	v = sorting.cmp(&x, &y);
	return sorting.descending ? -v : v;
}

static void list_pending(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct server *s = c->srv;
	struct pending_row **rows = clv_calloc(s->n_pendings + 1, sizeof(struct pending_row *));
	Clv__PendingList out = CLV__PENDING_LIST__INIT;
	struct clv_err err = {0};
	struct filter *f = filter_parse(m->filter, FILTER_PENDING, clock_wall_ms(), &err);
	sort_cmp *cmp = NULL;
	size_t n = 0, made = 0;

	if (!f || sort_parse(m->sort, FILTER_PENDING, &cmp, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		goto out;
	}
	for (size_t i = 0; i < s->n_pendings; i++) {
		struct pending_row *r = clv_calloc(1, sizeof *r);
		struct clv_pending_fact fact;

		pack_pending(c, s->pendings[i], r);
		pending_fact(r, &fact);
		if (filter_pending(f, &fact))
			rows[n++] = r;
		else
			clv_free(r);
	}
	made = n;
	sorting = (struct sorting){cmp, m->descending};
	qsort(rows, n, sizeof *rows, compare_pending);
	out.req = q->req;
	out.total = s->n_pendings;
	out.matched = n;
	out.offset = m->offset < n ? m->offset : n;
	out.time = clock_wall_ms();
	out.n_rows = n - out.offset < m->limit ? n - out.offset : m->limit;
	if (out.n_rows > PENDING_ANSWER)
		out.n_rows = PENDING_ANSWER;
	out.rows = (Clv__Pending **)(rows + out.offset);
	console_answer(c, q, REP_PENDING, &out.base, &out.time);
out:
	for (size_t i = 0; i < made; i++)
		clv_free(rows[i]);
	clv_free(rows);
	filter_free(f);
}

/* --- roles and requests --- */
static void list_roles(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct server *s = c->srv;
	Clv__Role *rows = clv_calloc(s->n_roles + 1, sizeof *rows),
	          **list = clv_calloc(s->n_roles + 1, sizeof *list);
	Clv__RoleList out = CLV__ROLE_LIST__INIT;

	for (size_t i = 0; i < s->n_roles; i++) {
		clv__role__init(&rows[i]);
		rows[i].principal = s->roles[i].principal;
		rows[i].role = s->roles[i].role;
		rows[i].since = s->roles[i].since;
		rows[i].by = s->roles[i].by;
		list[i] = &rows[i];
	}
	out.req = q->req;
	out.total = out.matched = s->n_roles;
	out.offset = m->offset < s->n_roles ? m->offset : s->n_roles;
	out.time = clock_wall_ms();
	out.rows = list + out.offset;
	out.n_rows = s->n_roles - out.offset < m->limit ? s->n_roles - out.offset : m->limit;
	console_answer(c, q, REP_ROLES, &out.base, &out.time);
	clv_free(rows);
	clv_free(list);
}

static void list_requests(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	static const struct {
		const char *name;
		enum clv_role role;
		bool changes;
		const char *help;
	} table[] = {
#define X(sym, num, body, reply, name, role, changes, help) {name, role, changes, help},
	    CLV_REQUEST_LIST(X)
#undef X
	};
	enum { N = sizeof table / sizeof table[0] };
	Clv__RequestRow rows[N], *list[N];
	Clv__RequestList out = CLV__REQUEST_LIST__INIT;

	for (size_t i = 0; i < N; i++) {
		clv__request_row__init(&rows[i]);
		rows[i].name = (char *)(uintptr_t)table[i].name;
		rows[i].role = table[i].role;
		rows[i].changes = table[i].changes;
		rows[i].help = (char *)(uintptr_t)table[i].help;
		list[i] = &rows[i];
	}
	out.req = q->req;
	out.total = out.matched = N;
	out.offset = m->offset < N ? m->offset : N;
	out.time = clock_wall_ms();
	out.rows = list + out.offset;
	out.n_rows = N - out.offset < m->limit ? N - out.offset : m->limit;
	console_answer(c, q, REP_REQUESTS, &out.base, &out.time);
}

void console_list(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	struct clv_err err = {0};

	if (m->limit == 0 || m->limit > CONSOLE_ROWS_MAX) {
		(void)err_set(&err, CLV_E_USAGE, "a window of %u rows; 1 to %u are given", m->limit,
		              CONSOLE_ROWS_MAX);
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	if (*m->filter && (q->type == REQ_ROLES || q->type == REQ_REQUESTS || q->type == REQ_SERVERS)) {
		(void)err_set(&err, CLV_E_USAGE, "this list takes no filter");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	switch (q->type) {
	case REQ_AGENTS:
		scan_agents(c, q, m);
		break;
	case REQ_EVENTS:
		console_rows(c, q, m, false);
		break;
	case REQ_AUDIT:
		console_rows(c, q, m, true);
		break;
	case REQ_PENDING:
		list_pending(c, q, m);
		break;
	case REQ_ACCOUNTS:
		console_accounts(c, q, m);
		break;
	case REQ_PROFILES:
		console_profiles(c, q, m);
		break;
	case REQ_GROUPS:
		console_groups(c, q, m);
		break;
	case REQ_SERVERS:
		console_servers(c, q, m);
		break;
	case REQ_ALERTS:
		console_alerts(c, q, m);
		break;
	case REQ_EXPIRY:
		console_expiry(c, q, m);
		break;
	case REQ_FIND:
		console_find_text(c, q, m);
		break;
	case REQ_ROLES:
		list_roles(c, q, m);
		break;
	default:
		list_requests(c, q, m);
		break;
	}
}
