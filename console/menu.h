/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more key after y (what is copied) and f (which ready filter). Shows its choices above the last
 * line; any other key leaves.
 */
#ifndef CONSOLE_MENU_H
#define CONSOLE_MENU_H

#include "console/input.h"
#include "views/view.h"

enum menu_kind { MENU_COPY, MENU_READY };
struct menu {
	enum menu_kind kind;
	unsigned where;
};

struct app;
void menu_begin(struct app *a, enum menu_kind kind);
void menu_key(struct app *a, const struct key *k);
void menu_band(const struct app *a, struct band *b);

#endif
