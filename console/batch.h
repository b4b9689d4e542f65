/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands: data on stdout, everything else on stderr, an exit code. They wait; the full
 * screen never does.
 */
#ifndef CONSOLE_BATCH_H
#define CONSOLE_BATCH_H

#include "console/options.h"

struct batch {
	struct options *o;
	struct clv_session *s;
	struct clv_whoami_fact *who;
	int64_t deadline_mono_ms; /* 0: none but the session's own */
};

/* Is it a batch command at all? */
bool batch_is_command(const char *word);
/* Runs it; gives the exit code. */
int batch_run(struct options *o);

/* --- for the files of batch_*.c --- */
int batch_get(struct batch *b, const char *what);
int batch_describe(struct batch *b, const char *kind, const char *name);
int batch_act(struct batch *b, int argc, char **argv);
int batch_rotate(struct batch *b, int n, char **names);

/* Waits for the next reply to req. NULL with *err: the line broke, time is over, or it was refused
 * (then the reply's code and text). Owned by the caller. */
struct clv_reply *batch_wait(struct batch *b, uint64_t req, struct clv_err *err);
/* One line on stderr; returns the exit code that fits. */
int batch_fail(const struct clv_err *err);
/* On a terminal, without --yes: asks; word NULL: y, else that word has to be typed. */
bool batch_confirm(const struct batch *b, const char *question, const char *word);
int64_t batch_mono_ms(void);

#endif
