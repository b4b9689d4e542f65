/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls of a process, shut before its first foreign byte: no new privileges, Landlock (rights
 * of ABI 2, Debian 12's kernel), then an allow-list seccomp filter made from the table in
 * share/doc/processes.md. What is not in the process's row kills it. Fails closed (STYLE 28).
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "claviger/err.h"

struct sandbox_path {
	const char *path; /* absolute; NULL ends the list */
	bool write;       /* also make, remove, rename below it */
};

/* process: its name in the table. paths: what it may still open (usually nothing). bare: where the
 * kernel refuses, go on with a warning in *err instead (returns CLV_OK, err->code set). */
CLV_MUST clv_rc sandbox_enter(const char *process, const struct sandbox_path *paths, bool bare,
                              struct clv_err *err);

/* Everything a child does before sandbox_enter: closes descriptors from 4 on, umask 077, C locale
 * with UTF-8, time zone, SIGPIPE ignored, default limits, dies with its parent. Descriptor 3 is the
 * socket pair to the parent, 2 the log. */
CLV_MUST clv_rc sandbox_prepare(struct clv_err *err);

#ifdef CLV_TEST_BUILD
/* With CLAVIGER_TEST_PLANT set: in a forked child for each system call number from 0 to 547, inside
 * the walls, plants the call; prints "<process>: N granted, M refused, K not refused" and exits (1 if
 * K > 0). Called by each process instead of its work. With CLAVIGER_TEST_OPEN (paths, colons between) it
 * tries instead to open each for writing, and prints "write: <process>: <path>: opened|refused|killed". */
void sandbox_plant(const char *process, const struct sandbox_path *paths);
#endif

#endif
