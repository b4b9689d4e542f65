/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen, from start to end.
 */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include "console/options.h"

/* view: ":agents …" without the colon, or NULL. Gives the exit code. */
int screen_run(struct options *o, const char *view);

#endif
