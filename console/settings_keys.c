/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys a person may bind, and to what. A capital acts and a small letter looks, for everybody: hands
 * that learnt it elsewhere must not act by accident here.
 */
#include "console/settings_keys.h"

#include <stdio.h>
#include <string.h>

struct view *settings_open_list(const char *name)
{
	static const struct {
		const char *name;
		struct view *(*open)(const char *filter);
	} rows[] = {
	    {"agents", view_agents_open}, {"accounts", view_accounts_open}, {"profiles", view_profiles_open},
	    {"groups", view_groups_open}, {"pending", view_pending_open},   {"events", view_events_open},
	    {"audit", view_audit_open},   {"expiry", view_expiry_open},     {"recover", view_recover_open}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].open("");
	}
	return NULL;
}

static bool is_key(const char *s, size_t len)
{
	static const char *const names[] = {"Enter", "Tab",  "S-Tab", "Esc",  "Up",   "Down", "Left",
	                                    "Right", "Home", "End",   "PgUp", "PgDn", "F1",   "Space"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && strncmp(names[i], s, len) == 0)
			return true;
	}
	if (len == 2 && s[0] == '^')
		return s[1] >= 'A' && s[1] <= 'Z';
	return len == 1 && s[0] > ' ' && s[0] < 0x7f;
}

/* J K H L Q are j k h l q, and G and N move: no act hides behind CapsLock. */
static bool may_act(const char *s, size_t len)
{
	return len == 1 && ((s[0] >= 'A' && s[0] <= 'Z' && strchr("JKHLQGN", s[0]) == NULL) || s[0] == '+');
}

clv_rc settings_take_key(struct settings *s, const struct clv_conf_line *l, struct clv_err *err)
{
	enum action a = action_by_name(l->name);
	char word[80];
	if (a == ACTION_NONE)
		return settings_bad(l, l->name, "an act's name as claviger(1) lists them, such as half-down",
		                    err);
	for (const char *p = l->value; *p != '\0';) {
		size_t n = strcspn(p, " ");
		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		if (n > 0 && !is_key(p, n))
			return settings_bad(
			    l, word, "a character, ^A to ^Z, Enter, Tab, Space, Up, PgDn and so on", err);
		if (n > 0 && action_rows[a].dangerous && !may_act(p, n)) {
			char *why =
			    clv_asprintf("for %s, which is an act, a capital letter or +, and none that "
			                 "moves (J K H L Q G N)",
			                 l->name);
			clv_rc rc = settings_bad(l, word, why, err);
			clv_free(why);
			return rc;
		}
		p += n + (p[n] == ' ');
	}
	if (s->keys[a] != NULL)
		return settings_bad(l, l->name, "once in [keys]; remove one", err);
	s->keys[a] = clv_strdup(l->value);
	s->own_keys = true;
	return CLV_OK;
}

static bool has(const char *keys, const char *key, size_t len)
{
	for (const char *p = keys; *p != '\0';) {
		size_t n = strcspn(p, " ");
		if (n == len && strncmp(p, key, n) == 0)
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static clv_rc check_one(const char *file, const struct settings *s, int mine, struct clv_err *err)
{
	const char *const *own = (const char *const *)s->keys;
	for (const char *p = s->keys[mine]; *p != '\0';) {
		size_t n = strcspn(p, " ");
		for (int i = 1; n > 0 && i < ACTION_MAX; i++) {
			if (i == mine || (action_rows[i].where & action_rows[mine].where) == 0 ||
			    !has(action_keys(own, action_rows[i].action), p, n))
				continue;
			return err_set(
			    err, CLV_E_CONFIG,
			    "%s: %.*s would mean both %s and %s on one screen; give %s another key in "
			    "[keys], or leave %s as it is",
			    file, (int)n, p, action_rows[mine].help, action_rows[i].help, action_rows[i].help,
			    action_rows[mine].help);
		}
		p += n + (p[n] == ' ');
	}
	return CLV_OK;
}

clv_rc settings_check_keys(const char *file, const struct settings *s, struct clv_err *err)
{
	static const enum action kept[] = {ACTION_COMMAND, ACTION_ESCAPE, ACTION_CANCEL, ACTION_BACK,
	                                   ACTION_HELP};
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (s->keys[kept[i]] != NULL && s->keys[kept[i]][0] == '\0')
			return err_set(err, CLV_E_CONFIG,
			               "%s: %s must have a key; give it one, or leave it out", file,
			               action_rows[kept[i]].help);
	}
	for (int i = 1; i < ACTION_MAX; i++) {
		if (s->keys[i] != NULL && check_one(file, s, i, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}
