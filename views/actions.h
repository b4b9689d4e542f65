/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enum and the table of actions.def. Views are asked for actions, never for keys.
 */
#ifndef VIEWS_ACTIONS_H
#define VIEWS_ACTIONS_H

#include "claviger/facts.h"

enum where {
	W_OVERVIEW = 1,
	W_AGENTS = 2,
	W_AGENT = 4,
	W_PENDING = 8,
	W_EVENTS = 16,
	W_EVENT = 32,
	W_HELP = 64,
	W_ACCOUNTS = 128,
	W_ACCOUNT = 256,
	W_PROFILES = 512,
	W_GROUPS = 1024,
	W_RECOVER = 2048,
	W_AUDIT = 4096,
	W_EXPIRY = 8192,
	W_FOUND = 16384,
	W_CONTEXTS = 32768,
	W_ALERTS = 65536,
	W_TRACE = 131072,
	W_PROOF = 262144,
	W_SERVERS = 524288,
	W_LISTS = W_AGENTS | W_PENDING | W_EVENTS | W_ACCOUNTS | W_PROFILES | W_GROUPS | W_RECOVER | W_AUDIT |
	          W_EXPIRY | W_FOUND | W_ALERTS,
	W_PAGES = W_AGENT | W_ACCOUNT | W_HELP | W_TRACE | W_PROOF,
	W_ALL = 1048575,
};

enum section { SEC_LOOK, SEC_ACT, SEC_MARK, SEC_FIND, SEC_MOVE, SEC_EVERYWHERE, SEC_MAX };

enum action {
	ACTION_NONE,
#define ACTION(sym, ...) ACTION_##sym,
#include "views/actions.def"
	ACTION_MAX
};

struct action_row {
	enum action action;
	const char *name;    /* as console.conf says it: "half-down" */
	const char *command; /* NULL: none */
	const char *keys;    /* "j J Down" */
	unsigned where;
	enum section section;
	const char *help;
	enum clv_role role;
	bool dangerous;
};
extern const struct action_row action_rows[ACTION_MAX];

struct hint_row {
	unsigned where;
	const char *key;
	enum action action;
	const char *label;
};
extern const struct hint_row hint_rows[];
extern const size_t n_hint_rows;

/* In restricted mode nothing is written, nobody goes to a shell or to another server. */
bool action_absent(enum action a, bool restricted);
/* By the name of console.conf; NONE: no such. */
enum action action_by_name(const char *name);
/* What an action's keys are: the person's, or the table's. keys may be NULL. */
const char *action_keys(const char *const *keys, enum action a);

/* Why it may not be done now: NULL when it may. A text for help and messages. */
const char *action_forbidden(enum action a, enum clv_role role, bool read_only);

#endif
