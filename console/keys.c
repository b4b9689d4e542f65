/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys to actions, by the table in views/actions.def alone.
 */
#include "console/keys.h"
#include "claviger/buf.h"

#include <stdio.h>
#include <string.h>

const char *keys_name(const struct key *k, char out[8])
{
	static const char *const names[] = {
	    [KEYC_ENTER] = "Enter", [KEYC_TAB] = "Tab",   [KEYC_BACKTAB] = "S-Tab", [KEYC_ESC] = "Esc",
	    [KEYC_UP] = "Up",       [KEYC_DOWN] = "Down", [KEYC_LEFT] = "Left",     [KEYC_RIGHT] = "Right",
	    [KEYC_HOME] = "Home",   [KEYC_END] = "End",   [KEYC_PGUP] = "PgUp",     [KEYC_PGDN] = "PgDn",
	    [KEYC_F1] = "F1",
	};
	if (k->code == KEYC_CHAR && k->ch[0] == ' ')
		return "Space";
	if (k->code == KEYC_CHAR || k->code == KEYC_CTRL) {
		snprintf(out, 8, "%s%.4s", k->code == KEYC_CTRL ? "^" : "", k->ch);
		return out;
	}
	if ((size_t)k->code < sizeof(names) / sizeof(names[0]) && names[k->code] != NULL)
		return names[k->code];
	return "";
}

static bool has_key(const char *keys, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = keys; n > 0 && *p != '\0';) {
		size_t word = strcspn(p, " ");
		if (slice_eq_str(slice_of(p, word), name))
			return true;
		p += word + (p[word] == ' ');
	}
	return false;
}

enum action keys_action(const struct key *k, unsigned where, const char *const *own)
{
	char buf[8];
	const char *name = keys_name(k, buf);
	for (int i = 1; i < ACTION_MAX; i++) {
		if ((action_rows[i].where & where) != 0 &&
		    has_key(action_keys(own, action_rows[i].action), name))
			return action_rows[i].action;
	}
	return ACTION_NONE;
}

enum action keys_command(const char *word, size_t len)
{
	enum action found = ACTION_NONE;
	for (int i = 1; i < ACTION_MAX && len > 0; i++) {
		const char *c = action_rows[i].command;
		if (c == NULL || strncmp(c, word, len) != 0)
			continue;
		if (strlen(c) == len)
			return action_rows[i].action;
		if (found != ACTION_NONE)
			return ACTION_NONE;
		found = action_rows[i].action;
	}
	return found;
}
