/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles at the server: who they are, what they may, their requests by one table, their watched
 * windows. core_console.c: connections and dispatch; _lists.c and _rows.c: windows;
 * _agent.c: one agent; _acts.c: what changes something;
 * _overview.c: counts and what needs a person.
 */
#ifndef DAEMON_CORE_CONSOLE_H
#define DAEMON_CORE_CONSOLE_H

#include "console.pb-c.h"
#include "daemon/core_server.h"

#define CONSOLE_PRINCIPALS_MAX 64u
#define CONSOLE_WATCHES_MAX    32u
/* Local consoles at once: of all users, of one, and the last of them for root alone (T36). */
#define CONSOLE_LOCAL_MAX   128u
#define CONSOLE_LOCAL_EACH  32u
#define CONSOLE_LOCAL_SPARE 32u
#define CONSOLE_ROWS_MAX    1000u

struct console_watch {
	uint64_t req;
	uint16_t type;           /* enum request_type */
	ProtobufCMessage *query; /* Clv__ListRequest, Clv__AgentRequest or Clv__OverviewRequest */
	uint64_t seen;           /* server change it was last answered for */
	uint8_t sent[32];        /* hash of what was last sent */
	bool busy;
};

struct console {
	struct console *next;
	uint64_t conn;
	bool local, proven, root;                 /* root: uid 0, by the kernel's word */
	uint32_t uid;                             /* of a local one */
	char *principals[CONSOLE_PRINCIPALS_MAX]; /* first: its own; then groups */
	size_t n_principals;
	char *name, *from;
	char channel[64];
	struct console_watch watches[CONSOLE_WATCHES_MAX];
	size_t n_watches;
	/* core_console_scan.c: the last look-up of agents, used while it is young or nothing changed */
	struct node **rows;
	size_t n_rows;
	char *rows_key; /* filter LF column */
	struct filter *rows_filter;
	uint64_t rows_change;
	int64_t rows_at, rows_keep_ms;
};

/* What a request gets. */
struct console_request {
	struct console *console;
	uint64_t conn, req;
	uint16_t type;
	struct console_watch *watch; /* a push, not a first answer; NULL otherwise */
};

struct console *console_find(const struct server *s, uint64_t conn);
enum clv_role console_role(const struct server *s, const struct console *k);
void console_reply(struct core *c, uint64_t conn, uint16_t type, const ProtobufCMessage *m);
void console_refuse(struct core *c, uint64_t conn, uint64_t req, const struct clv_err *err,
                    uint64_t audit_row);
/* Sends unless it is a push of what the console has already. */
void console_answer(struct core *c, const struct console_request *q, uint16_t type, const ProtobufCMessage *m,
                    int64_t *time_field);

/* _lists.c */
void console_list(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
/* _rows.c: events, or the audit trail; the copies own their strings */
void console_rows(struct core *c, const struct console_request *q, const Clv__ListRequest *m, bool audit);
Clv__Event *console_dup_event(const struct clv_event_fact *e);
void console_free_event(Clv__Event *r);
/* _agent.c: a and k borrow from the node */
void console_agent(struct core *c, const struct console_request *q, const Clv__AgentRequest *m);
void console_pack_agent(const struct core *c, const struct node *n, Clv__Agent *a, Clv__Key *k);
/* _accounts.c */
void console_accounts(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
void console_profiles(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
void console_groups(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
void console_servers(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
/* _account.c */
void console_account(struct core *c, const struct console_request *q, const Clv__AccountRequest *m);
void console_intake(struct core *c, const struct console_request *q, const Clv__IntakeRequest *m);
/* core_console_recovery.c, core_acts_recovery.c */
void console_recovery(struct core *c, const struct console_request *q);
void console_claim(struct core *c, const struct console_request *q, const Clv__ClaimRequest *m);
void console_report(struct core *c, const struct console_request *q);
/* core_console_aside.c: lines of the overview that wait, the trail's chain */
/* core_keyact.c: the last key drill. Database thread. */
CLV_MUST clv_rc keyact_load(struct db *d, struct server *s, struct clv_err *err);
CLV_MUST clv_rc aside_load(struct db *d, struct server *s, struct clv_err *err);
void aside_free(struct server *s);
bool aside_look(const struct server *s, Clv__Need *n, int64_t now);
void aside_act(struct core *c, const struct console_request *q, const Clv__NeedAsideRequest *m);
/* core_console_find.c: what ends, anything by anything */
void console_expiry(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
void console_find_text(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
/* core_server_audit.c: the trail is walked now */
void console_audit_check(struct core *c, const struct console_request *q);
/* _overview.c */
void console_overview(struct core *c, const struct console_request *q);
/* _acts.c */
void console_act(struct core *c, const struct console_request *q, const ProtobufCMessage *m);
/* The role was missing: an audit row, then the refusal that names it (message 14). */
void console_deny(struct core *c, const struct console_request *q, const char *act, const char *object,
                  enum clv_role need, enum clv_role has);
const char *console_act_object(uint16_t type, const ProtobufCMessage *m);

#endif
