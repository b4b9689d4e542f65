/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [keys] of console.conf, and the parts that settings.c shares with it.
 */
#ifndef CONSOLE_SETTINGS_KEYS_H
#define CONSOLE_SETTINGS_KEYS_H

#include "claviger/config.h"
#include "console/settings.h"

CLV_MUST clv_rc settings_bad(const struct clv_conf_line *l, const char *word, const char *expected,
                             struct clv_err *err);
/* `rotate = R`: an act on a capital or + alone, never on a letter that moves. */
CLV_MUST clv_rc settings_take_key(struct settings *s, const struct clv_conf_line *l, struct clv_err *err);
/* No key has two meanings on one screen. */
CLV_MUST clv_rc settings_check_keys(const char *file, const struct settings *s, struct clv_err *err);
/* A list by the name of its command; NULL: no such. To be closed. */
struct view *settings_open_list(const char *name);

#endif
