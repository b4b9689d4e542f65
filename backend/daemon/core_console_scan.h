/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory's windows: which agents a filter takes and in which order, looked up in slices between core's
 * other work, so that a million agents hold up nobody. Runs in core.
 */
#ifndef DAEMON_CORE_CONSOLE_SCAN_H
#define DAEMON_CORE_CONSOLE_SCAN_H

#include "daemon/core_console.h"

/* Answers at once where the order is at hand, else when it has been looked up. A push that is being looked up
 * already is left to that. */
void scan_agents(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
/* Nobody waits for it any more: the operator typed on, or left. req 0: all of that console. */
void scan_forget(struct core *c, uint64_t conn, uint64_t req);
/* What a console keeps of its last look-up. */
void scan_release(struct console *k);

#endif
