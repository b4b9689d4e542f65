/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys to actions, by the table in views/actions.def alone.
 */
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include "console/input.h"
#include "views/actions.h"

/* ACTION_NONE when the key is bound to nothing there. own: the person's keys by action, or NULL. */
enum action keys_action(const struct key *k, unsigned where, const char *const *own);
/* By command name, or its unique beginning; NONE: no such. */
enum action keys_command(const char *word, size_t len);
/* As the table writes it: "Space", "^F", "j". */
const char *keys_name(const struct key *k, char out[8]);

#endif
