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
	W_LISTS = W_AGENTS | W_PENDING | W_EVENTS,
	W_ALL = 127,
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

/* Why it may not be done now: NULL when it may. A text for help and messages. */
const char *action_forbidden(enum action a, enum clv_role role, bool read_only);

#endif
