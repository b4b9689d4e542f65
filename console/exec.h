/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one file that starts programs: this one again (as an SSH transport), `ssh -G`, and what
 * proxy_command says. No shell but for proxy_command, which is written for one; none of it in
 * restricted mode. A started program has no terminal, so that no prompt of its writes on the screen.
 */
#ifndef CONSOLE_EXEC_H
#define CONSOLE_EXEC_H

#include "claviger/err.h"

#include <sys/types.h>

struct exec_child {
	pid_t pid; /* -1: none */
	int io;    /* its stdin and stdout: our end of a socket pair */
	int said;  /* what it writes on stderr; -1: goes nowhere */
};
#define EXEC_NONE ((struct exec_child){.pid = -1, .io = -1, .said = -1})

/* From here on nothing is started any more, whatever is asked. */
void exec_forbid(void);
bool exec_forbidden(void);

/* This program as a transport: argv after its name, ends with NULL. control becomes its descriptor 3. */
CLV_MUST clv_rc exec_self(const char *const *argv, int control, struct exec_child *out, struct clv_err *err);
/* `ssh -G -- HOST`, with -F where file is not NULL. */
CLV_MUST clv_rc exec_ssh_config(const char *host, const char *file, struct exec_child *out,
                                struct clv_err *err);
/* By sh -c, as ssh does it. */
CLV_MUST clv_rc exec_command(const char *command, struct exec_child *out, struct clv_err *err);
/* Ends it (SIGTERM to it and to what it started), waits, closes; more than once is fine. Gives waitpid's
 * status, -1: there was none. */
int exec_end(struct exec_child *c);
/* Waits for its own end. */
int exec_wait(struct exec_child *c);

#endif
