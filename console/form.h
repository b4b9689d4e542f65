/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A form of text fields and choices: adding and changing accounts, where they go, what profiles
 * use. No password passes through it. Esc leaves; what was typed is forgotten.
 */
#ifndef CONSOLE_FORM_H
#define CONSOLE_FORM_H

#include "claviger/client.h"
#include "console/input.h"
#include "views/view.h"

#define FORM_FIELDS_MAX 12
#define FORM_TEXT_MAX   512

enum form_kind { FORM_ACCOUNT_ADD, FORM_ACCOUNT_CHANGE, FORM_SEND, FORM_PROFILE_ADD, FORM_ASSOCIATE };

struct form_field {
	const char *label, *help;
	const char *const *choices; /* NULL: text; ends with NULL */
	bool snmp;                  /* shown for SNMPv3 only */
	bool target;                /* shown where the choice before it is not "all" */
	char text[FORM_TEXT_MAX], was[FORM_TEXT_MAX];
	int choice, choice_was;
};

struct form {
	enum form_kind kind;
	char title[VIEW_ID_MAX + 80], info[600], error[300];
	char name[VIEW_ID_MAX]; /* of what it is about */
	uint64_t row_version;
	uint64_t req; /* what more is known was asked for */
	struct form_field f[FORM_FIELDS_MAX];
	int n, at; /* at == n: Save */
};

struct app;
/* For what the top view shows. */
void form_begin(struct app *a, enum form_kind kind);
void form_again(struct app *a); /* as it was left */
void form_key(struct app *a, const struct key *k);
bool form_take(struct app *a, const struct clv_reply *r);
bool form_visible(const struct form *f, int i);
/* form_draw.c: in the body of the screen, and on the last line. */
struct canvas;
void form_draw(const struct form *f, struct canvas *body, const struct view_ctx *ctx);
void form_hints(struct canvas *c);
/* form_act.c: the fields become an act; strings are borrowed from the form. */
struct form_words {
	char text[2][FORM_TEXT_MAX];
	const char *list[2][64];
	size_t n[2];
};
CLV_MUST clv_rc form_act(struct form *f, struct clv_act *act, struct form_words *w, struct clv_err *err);
/* Fields of a kind, filled from what is known. */
void form_fields(struct form *f, const struct target *t);

#endif
