/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of the password form share.
 */
#ifndef CONSOLE_ENTRY_PARTS_H
#define CONSOLE_ENTRY_PARTS_H

#include "console/app.h"

/* Lies in locked memory: what was read, and what it may become. */
struct keybuf {
	struct input in;
	uint8_t read[4096];
};

void entry_say(struct entry *e, unsigned ink, const char *fmt, ...) CLV_PRINTF(3, 4);
/* All fields empty. */
void entry_wipe(struct entry *e);
/* Over, for whatever reason: what was typed is gone, and only Enter is heard (design 8). */
void entry_ended(struct app *a);
/* Enter on the last field: compares, seals, sends, wipes. */
void entry_save(struct app *a);
/* A binary account: the file's bytes as they are. First Enter reads, the second saves. */
void entry_load(struct app *a);
/* Leaves the form; goes on with the next account where one is named. */
void entry_close(struct app *a);

#endif
