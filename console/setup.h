/* SPDX-License-Identifier: Apache-2.0 */
/*
 * o: theme, mouse, times, thumbprints, and which columns the list below shows and how wide. What is chosen
 * holds until the console ends; console.conf is for longer.
 */
#ifndef CONSOLE_SETUP_H
#define CONSOLE_SETUP_H

#include "console/input.h"
#include "console/theme.h"
#include "views/list.h"
#include "views/view.h"

#define SETUP_LISTS_MAX 16

struct setup {
	int at;
	bool mouse;
	struct theme theme;
	/* what a person made of lists' columns, by the screen's name */
	struct {
		const char *list;
		struct column_pref pref[LIST_COLS_MAX];
	} kept[SETUP_LISTS_MAX];
	size_t n_kept;
};

struct app;
/* Theme, mouse, times from console.conf; the terminal is open. */
CLV_MUST clv_rc setup_start(struct app *a, struct clv_err *err);
void setup_begin(struct app *a);
void setup_key(struct app *a, const struct key *k);
void setup_draw(const struct app *a, struct canvas *body);
void setup_hints(struct canvas *c);
/* A list that is opened has the columns it had before. */
void setup_columns(struct app *a, struct list *l);

#endif
