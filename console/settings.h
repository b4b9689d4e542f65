/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.conf: how the console looks and which keys it has, and contexts, each a server under a name. Read
 * once at the start; in restricted mode not at all. Every refusal names file and line.
 */
#ifndef CONSOLE_SETTINGS_H
#define CONSOLE_SETTINGS_H

#include "views/actions.h"
#include "views/list.h"
#include "views/view.h"

#define SETTINGS_CONTEXTS_MAX 64
#define SETTINGS_LISTS_MAX    16
#define SETTINGS_IDLE_MAX     1440 /* minutes */

struct context {
	char *name, *server, *label, *ca, *cert, *key; /* NULL: not set, but the name */
	int line;
};

/* Columns of one list, by its title in lower case. */
struct list_setting {
	char list[24];
	char *columns; /* "NAME STATE ENDS:10" */
	int line;
};

struct settings {
	char *theme, *export_folder; /* NULL: not set */
	bool mouse, no_restore;
	int ascii; /* -1 as the terminal, 0 never, 1 always */
	enum zone zone;
	enum thumb thumb;
	uint32_t idle_lock_min; /* 0: never */
	char *keys[ACTION_MAX]; /* NULL: the table's */
	bool own_keys;
	struct context contexts[SETTINGS_CONTEXTS_MAX];
	size_t n_contexts;
	struct list_setting lists[SETTINGS_LISTS_MAX];
	size_t n_lists;
};

void settings_init(struct settings *s);
CLV_MUST clv_rc settings_parse(const char *file, struct clv_slice bytes, struct settings *s,
                               struct clv_err *err);
/* ~/.config/claviger/console.conf, which may be absent. */
CLV_MUST clv_rc settings_load(struct settings *s, struct clv_err *err);
void settings_release(struct settings *s);
const struct context *settings_context(const struct settings *s, const char *name);
/* What is said of this list's columns; false, with *err, for a column that it has not. */
bool settings_columns(const struct settings *s, struct list *l, struct clv_err *err);

/* What is remembered from one time to the next: a screen with its filter. Owned by the caller; NULL: none. */
char *state_load(const char *server);
void state_save(const char *server, const char *screen);

#endif
