/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stable names of design 2 and what stands under them. Thumbprints in upper-case hexadecimal
 * without separators, times in RFC 3339 UTC, absent values absent.
 */
#include "console/batch_rows.h"

#include "views/fmt.h"

#include <stdio.h>
#include <string.h>

void cell_time(struct cell *c, int64_t ms)
{
	int y, mo, d, h, mi, s;
	if (ms == 0)
		return;
	fmt_civil(ms, &y, &mo, &d, &h, &mi, &s);
	c->kind = CELL_TEXT;
	snprintf(c->own, sizeof(c->own), "%04d-%02d-%02dT%02d:%02d:%02dZ", y, mo, d, h, mi, s);
}

void cell_hex(struct cell *c, const uint8_t *p, size_t len, bool have)
{
	if (!have || 2 * len >= sizeof(c->own))
		return;
	c->kind = CELL_TEXT;
	hex_encode((struct clv_slice){p, len}, true, c->own);
}

void cell_foreign(struct cell *c, const char *s)
{
	c->kind = s != NULL ? CELL_TEXT : CELL_NULL;
	c->foreign = s;
}

void cell_number(struct cell *c, uint64_t n, bool have)
{
	c->kind = have ? CELL_NUMBER : CELL_NULL;
	c->number = n;
}

void cell_counted(struct cell *c, uint64_t n, uint64_t shown, bool have)
{
	cell_number(c, n, have);
	c->shown = shown;
}

void cell_list(struct cell *c, char *const *list, size_t n)
{
	c->kind = CELL_LIST;
	c->list = list;
	c->n_list = n;
}

void cell_word(struct cell *c, const char *word, bool have)
{
	if (!have)
		return;
	c->kind = CELL_TEXT;
	snprintf(c->own, sizeof(c->own), "%s", word);
}

/* C(list member, column, shown in table, statement with `f` the fact and `c` the cell) */
#define AGENTS(C)                                                                                   \
	C(agents, name, true, cell_foreign(c, f->name))                                             \
	C(agents, approval, true, cell_word(c, clv_approval_word(f->approval), true))               \
	C(agents, contact, true, cell_word(c, clv_contact_word(f->contact), true))                  \
	C(agents, key_id, true, cell_hex(c, f->key.key_id, 16, f->has_key))                         \
	C(agents, sha1, false, cell_hex(c, f->key.sha1, 20, f->has_key))                            \
	C(agents, sha256, false, cell_hex(c, f->key.sha256, 32, f->has_key))                        \
	C(agents, not_before, false, cell_time(c, f->has_key ? f->key.not_before : 0))              \
	C(agents, not_after, true, cell_time(c, f->has_key ? f->key.not_after : 0))                 \
	C(agents, generation, true, cell_counted(c, f->key.generation, f->key.ordinal, f->has_key)) \
	C(agents, key_state, true, cell_word(c, clv_key_state_word(f->key.state), f->has_key))      \
	C(agents, gateway, false, cell_foreign(c, f->gateway))                                      \
	C(agents, server, false, cell_foreign(c, f->server))                                        \
	C(agents, mechanism, true,                                                                  \
	  cell_word(c, clv_mechanism_word(f->mechanism), f->mechanism != CLV_MECHANISM_NONE))       \
	C(agents, protocol, false, cell_foreign(c, f->protocol))                                    \
	C(agents, cipher, false, cell_foreign(c, f->cipher))                                        \
	C(agents, last_seen, true, cell_time(c, f->last_seen))                                      \
	C(agents, config_version, false,                                                            \
	  cell_counted(c, f->config_version, f->config_ordinal, f->config_version != 0))

#define EVENTS(C)                                                            \
	C(events, time, true, cell_time(c, f->time))                         \
	C(events, node, true, cell_foreign(c, f->node))                      \
	C(events, source, true, cell_foreign(c, f->source))                  \
	C(events, id, true, cell_number(c, f->id, true))                     \
	C(events, level, true, cell_word(c, clv_level_word(f->level), true)) \
	C(events, category, false, cell_foreign(c, f->category))             \
	C(events, text, true, cell_foreign(c, f->text))

#define PENDING(C)                                                                  \
	C(pending, id, true, cell_number(c, f->id, true))                           \
	C(pending, name, true, cell_foreign(c, f->name))                            \
	C(pending, role, true, cell_foreign(c, f->role))                            \
	C(pending, from, true, cell_foreign(c, f->from))                            \
	C(pending, came_by, true, cell_foreign(c, f->came_by))                      \
	C(pending, looks_like, true, cell_foreign(c, f->looks_like))                \
	C(pending, conflict, false, (c->kind = CELL_BOOL, c->number = f->conflict)) \
	C(pending, time, true, cell_time(c, f->time))                               \
	C(pending, fingerprint, false, cell_foreign(c, f->fingerprint_hidden))

#define AUDIT(C)                                           \
	C(audit, seq, true, cell_number(c, f->seq, true))  \
	C(audit, time, true, cell_time(c, f->time))        \
	C(audit, who, true, cell_foreign(c, f->who))       \
	C(audit, from, true, cell_foreign(c, f->from))     \
	C(audit, act, true, cell_foreign(c, f->act))       \
	C(audit, object, true, cell_foreign(c, f->object)) \
	C(audit, result, true, cell_foreign(c, f->result)) \
	C(audit, detail, true, cell_foreign(c, f->detail)) \
	C(audit, hash, false, cell_hex(c, f->hash, 32, true))

#define ROLES(C)                                                         \
	C(roles, principal, true, cell_foreign(c, f->principal))         \
	C(roles, role, true, cell_word(c, clv_role_word(f->role), true)) \
	C(roles, since, true, cell_time(c, f->since))                    \
	C(roles, by, true, cell_foreign(c, f->by))

#define REQUESTS(C)                                                               \
	C(requests, name, true, cell_foreign(c, f->name))                         \
	C(requests, role, true, cell_word(c, clv_role_word(f->role), true))       \
	C(requests, changes, true, (c->kind = CELL_BOOL, c->number = f->changes)) \
	C(requests, help, true, cell_foreign(c, f->help))

#define ACCOUNTS(C)                                                                                         \
	C(accounts, name, true, cell_foreign(c, f->name))                                                   \
	C(accounts, type, true, cell_word(c, clv_account_type_word(f->type), true))                         \
	C(accounts, state, true, cell_word(c, clv_account_state_word(f->state), true))                      \
	C(accounts, distribution, true, cell_word(c, f->less_secure ? "less secure" : "more secure", true)) \
	C(accounts, targets, true, cell_number(c, f->targets, true))                                        \
	C(accounts, sent, true, cell_number(c, f->sent, true))                                              \
	C(accounts, confirmed, true, cell_number(c, f->confirmed, true))                                    \
	C(accounts, missing, true, cell_number(c, f->missing, true))                                        \
	C(accounts, changed, true, cell_time(c, f->changed))

#define PROFILES(C)                                                                            \
	C(profiles, profile, true, cell_foreign(c, f->name))                                   \
	C(profiles, account, true, cell_foreign(c, f->account[0] != '\0' ? f->account : NULL)) \
	C(profiles, target, true, cell_foreign(c, f->account[0] != '\0' ? f->target : NULL))

#define GROUPS(C)                                                        \
	C(groups, name, true, cell_foreign(c, f->name))                  \
	C(groups, hosts, true, cell_number(c, f->hosts, true))           \
	C(groups, members, true, cell_list(c, f->members, f->n_members)) \
	C(groups, used_by, true, cell_list(c, f->used_by, f->n_used_by))

#define SERVERS(C)                                                                   \
	C(servers, name, true, cell_foreign(c, f->name))                             \
	C(servers, group_key, true, cell_number(c, f->group_key, f->group_key != 0)) \
	C(servers, version, true, cell_foreign(c, f->version))                       \
	C(servers, node_key_id, true, cell_hex(c, f->node_key_id, 32, true))         \
	C(servers, role, true, cell_foreign(c, f->role))                             \
	C(servers, via, true, cell_foreign(c, f->via))                               \
	C(servers, contact, true, cell_word(c, clv_contact_word(f->contact), true))  \
	C(servers, agents, true, cell_number(c, f->agents, true))                    \
	C(servers, behind, true, cell_number(c, f->behind, true))                    \
	C(servers, address, false, cell_foreign(c, f->address))

#define THINGS(C)                                         \
	C(things, ends, true, cell_time(c, f->ends))      \
	C(things, what, true, cell_foreign(c, f->what))   \
	C(things, whose, true, cell_foreign(c, f->whose)) \
	C(things, renews, true, cell_foreign(c, f->text))

#define ALERTS(C)                                                                     \
	C(alerts, id, true, cell_number(c, f->id, true))                              \
	C(alerts, time, true, cell_time(c, f->time))                                  \
	C(alerts, severity, true, cell_word(c, clv_severity_word(f->severity), true)) \
	C(alerts, agent, true, cell_foreign(c, f->agent))                             \
	C(alerts, name, true, cell_foreign(c, f->name))                               \
	C(alerts, text, false, cell_foreign(c, f->text))                              \
	C(alerts, count, true, cell_number(c, f->count, true))                        \
	C(alerts, path, true, cell_word(c, clv_verdict_word(f->path), true))          \
	C(alerts, acknowledged, true, cell_time(c, f->acknowledged))

/* With `what` of the things before it; the others have names of their own. */
#define FOUND(C)                                          \
	C(things, name, true, cell_foreign(c, f->whose))  \
	C(things, detail, true, cell_foreign(c, f->text)) \
	C(things, screen, false, cell_foreign(c, f->go))

#define G_alerts   const struct clv_alert_fact
#define G_things   const struct clv_thing_fact
#define G_accounts const struct clv_account_fact
#define G_profiles const struct clv_profile_fact
#define G_groups   const struct clv_group_fact
#define G_servers  const struct clv_server_fact
#define G_agents   const struct clv_agent_fact
#define G_events   const struct clv_event_fact
#define G_pending  const struct clv_pending_fact
#define G_audit    const struct clv_audit_fact
#define G_roles    const struct clv_role_fact
#define G_requests const struct clv_request_fact

#define DEFINE(member, col, narrow, statement)                                                  \
	static void get_##member##_##col(const struct clv_rows *rows, size_t i, struct cell *c) \
	{                                                                                       \
		G_##member *f = &rows->u.member[i];                                             \
		statement;                                                                      \
	}
AGENTS(DEFINE)
EVENTS(DEFINE)
PENDING(DEFINE)
AUDIT(DEFINE)
ROLES(DEFINE)
REQUESTS(DEFINE)
ACCOUNTS(DEFINE)
PROFILES(DEFINE)
GROUPS(DEFINE)
SERVERS(DEFINE)
THINGS(DEFINE)
FOUND(DEFINE)
ALERTS(DEFINE)

#define ROW(member, col, narrow, statement) {#col, narrow, get_##member##_##col},
static const struct row_column agents[] = {AGENTS(ROW){NULL, false, NULL}};
static const struct row_column events[] = {EVENTS(ROW){NULL, false, NULL}};
static const struct row_column pending[] = {PENDING(ROW){NULL, false, NULL}};
static const struct row_column audit[] = {AUDIT(ROW){NULL, false, NULL}};
static const struct row_column roles[] = {ROLES(ROW){NULL, false, NULL}};
static const struct row_column requests[] = {REQUESTS(ROW){NULL, false, NULL}};
static const struct row_column accounts[] = {ACCOUNTS(ROW){NULL, false, NULL}};
static const struct row_column profiles[] = {PROFILES(ROW){NULL, false, NULL}};
static const struct row_column groups[] = {GROUPS(ROW){NULL, false, NULL}};
static const struct row_column found_rows[] = {{"what", true, get_things_what},
                                               FOUND(ROW){NULL, false, NULL}};
static const struct row_column things[] = {THINGS(ROW){NULL, false, NULL}};
static const struct row_column alert_rows[] = {ALERTS(ROW){NULL, false, NULL}};
static const struct row_column servers[] = {SERVERS(ROW){NULL, false, NULL}};

static const struct {
	const char *name, *one, *many;
	const struct row_column *columns;
} lists[CLV_LIST_MAX] = {
    [CLV_LIST_AGENTS] = {"agents", "agent", "agents", agents},
    [CLV_LIST_EVENTS] = {"events", "event", "events", events},
    [CLV_LIST_PENDING] = {"pending", "pending", "pending", pending},
    [CLV_LIST_AUDIT] = {"audit", "audit row", "audit rows", audit},
    [CLV_LIST_ROLES] = {"roles", "role", "roles", roles},
    [CLV_LIST_REQUESTS] = {"requests", "request", "requests", requests},
    [CLV_LIST_ACCOUNTS] = {"accounts", "account", "accounts", accounts},
    [CLV_LIST_PROFILES] = {"profiles", "profile row", "profile rows", profiles},
    [CLV_LIST_GROUPS] = {"groups", "group", "groups", groups},
    [CLV_LIST_SERVERS] = {"servers", "server", "servers", servers},
    [CLV_LIST_EXPIRY] = {"expiry", "thing that ends", "things that end", things},
    [CLV_LIST_FOUND] = {"find", "hit", "hits", found_rows},
    [CLV_LIST_ALERTS] = {"alerts", "alert", "alerts", alert_rows},
};

const struct row_column *row_columns(enum clv_list list)
{
	return lists[list].columns;
}

bool row_list_parse(const char *name, enum clv_list *out)
{
	for (int i = 0; i < CLV_LIST_MAX; i++) {
		if (strcmp(lists[i].name, name) == 0) {
			*out = (enum clv_list)i;
			return true;
		}
	}
	return false;
}

const char *row_list_noun(enum clv_list list, uint64_t n)
{
	return n == 1 ? lists[list].one : lists[list].many;
}
