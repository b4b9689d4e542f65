/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The password form: keys come from the terminal itself into locked memory, byte by byte, and never
 * through the buffers that other screens use. The form asks what the password is sealed to, takes
 * it twice, seals and sends it, and wipes it on every way out. After it only Enter is heard.
 */
#ifndef CONSOLE_ENTRY_H
#define CONSOLE_ENTRY_H

#include "claviger/client.h"
#include "console/input.h"
#include "views/view.h"

#define ENTRY_FIELDS  4u     /* SNMPv3: two keys, each twice */
#define ENTRY_TYPED   4000u  /* most bytes of what is typed */
#define ENTRY_IDLE_MS 300000 /* nobody types: wiped */

enum entry_state { ENTRY_OFF, ENTRY_ASKING, ENTRY_TYPING, ENTRY_SAVING, ENTRY_ENDED };

struct entry {
	enum entry_state state;
	uint64_t req;
	char account[VIEW_ID_MAX], next[VIEW_ID_MAX]; /* next: "" none */
	enum clv_account_type type;
	bool privacy; /* SNMPv3: there is a privacy key too */
	struct clv_intake_fact *intake;
	struct clv_secret *keys; /* the bytes that were read, and what they may become */
	struct clv_secret *field[ENTRY_FIELDS];
	unsigned n_fields, at;
	char path[512]; /* binary: the file; no secret */
	bool loaded;    /* it was read into field 0 */
	/* what an SSH transport asks, in place of an account's password */
	bool ssh, shown;            /* shown: what is typed is no secret */
	char *ssh_title, *ssh_text; /* foreign */
	bool help, closing, dirty, ask_ready, unseen, suspend, repaint, gone;
	int64_t asked_at_ms, last_byte_ms;
	char said[400];
	unsigned said_ink;
	uint64_t claim_req;
	int64_t claimed_ms;          /* when others were last told; 0: not at all */
	char other[VIEW_PERSON_MAX]; /* who else is at it; "" nobody */
	int64_t other_at;
};

struct app;
/* For the account that the top view shows; asks the server first. */
void entry_begin(struct app *a);
void entry_begin_for(struct app *a, const char *name, enum clv_account_type type, bool privacy);
/* For a question of the SSH transport that wants something typed. */
void entry_begin_ssh(struct app *a, const char *title, const char *text, bool shown);
/* Reads what the terminal has into locked memory and acts on it. */
void entry_read(struct app *a, int fd);
/* To the shell: wipes first. */
void entry_stop(struct app *a);
/* Time has passed: an Esc alone, a form that nobody types into. */
void entry_tick(struct app *a);
int entry_timeout_ms(const struct app *a, int64_t now);
/* True when the reply was the form's. */
bool entry_take(struct app *a, const struct clv_reply *r);
void entry_line_lost(struct app *a);
/* Wipes and forgets everything; what was on the screen goes with the next frame. */
void entry_release(struct entry *e);

/* claim.c: others see that somebody is at it */
void claim_begin(struct app *a);
void claim_key(struct app *a);
void claim_leave(struct app *a);
bool claim_take(struct app *a, const struct clv_reply *r);

/* entry_draw.c */
struct canvas;
int entry_rows(const struct app *a, const struct canvas *c);
void entry_draw(const struct app *a, struct canvas *c);
/* What may be said about a field: never its characters. */
struct entry_facts {
	unsigned chars, not_ascii;
	bool blank_front, blank_end, control;
};
void entry_facts(const struct clv_secret *s, struct entry_facts *out);

#endif
