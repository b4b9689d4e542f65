/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables made from actions.def, and who may do what. The server decides; this is courtesy.
 */
#include "views/actions.h"

#include <string.h>

const struct action_row action_rows[ACTION_MAX] = {
#define ACTION(sym, command, keys, where, section, help, role, dangerous) \
	[ACTION_##sym] = {ACTION_##sym, #sym, command, keys, where, section, help, role, dangerous},
#include "views/actions.def"
};

const struct hint_row hint_rows[] = {
#define HINT(where, key, action, label) {where, key, ACTION_##action, label},
#include "views/actions.def"
};
const size_t n_hint_rows = sizeof(hint_rows) / sizeof(hint_rows[0]);

bool action_absent(enum action a, bool restricted)
{
	return restricted && (a == ACTION_WRITE || a == ACTION_SUSPEND || a == ACTION_GO_CONTEXTS ||
	                      a == ACTION_GO_CONTEXT);
}

/* "half-down" is HALF_DOWN. */
enum action action_by_name(const char *name)
{
	for (int i = 1; i < ACTION_MAX; i++) {
		const char *sym = action_rows[i].name;
		size_t k = 0;
		while (sym[k] != '\0' && name[k] == (sym[k] == '_' ? '-' : sym[k] + ('a' - 'A')))
			k++;
		if (sym[k] == '\0' && name[k] == '\0')
			return action_rows[i].action;
	}
	return ACTION_NONE;
}

const char *action_keys(const char *const *keys, enum action a)
{
	return keys != NULL && keys[a] != NULL ? keys[a] : action_rows[a].keys;
}

const char *action_forbidden(enum action a, enum clv_role role, bool read_only)
{
	static const char *const needs[CLV_ROLE_MAX] = {
	    [CLV_ROLE_NONE] = NULL,
	    [CLV_ROLE_VIEWER] = "needs viewer",
	    [CLV_ROLE_OPERATOR] = "needs operator",
	    [CLV_ROLE_CREDENTIAL_MANAGER] = "needs credential manager",
	    [CLV_ROLE_ADMINISTRATOR] = "needs administrator",
	};
	const struct action_row *r = &action_rows[a];
	if (r->dangerous && read_only)
		return "read-only";
	/* until the server has said who we are, it decides */
	return (role != CLV_ROLE_NONE && role < r->role) ? needs[r->role] : NULL;
}
