/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricted mode (--restricted, for sshd's ForceCommand): before anything else looks at it the
 * environment loses all that could steer this program, and nothing is started or stopped any more.
 */
#ifndef CONSOLE_RESTRICT_H
#define CONSOLE_RESTRICT_H

#include <stdbool.h>

/* Once, first of all. */
void restrict_process(void);
/* TERM as it may be used: itself when it is one of the list, else "vt100". */
const char *restrict_term(const char *name);

#endif
