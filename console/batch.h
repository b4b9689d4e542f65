/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands: data on stdout, everything else on stderr, an exit code. They wait; the full
 * screen never does.
 */
#ifndef CONSOLE_BATCH_H
#define CONSOLE_BATCH_H

#include "console/options.h"

#include <stdio.h>

struct batch {
	struct options *o;
	struct clv_session *s;
	struct clv_whoami_fact *who;
	int64_t deadline_mono_ms; /* 0: none but the session's own */
};

/* Is it a batch command at all? */
bool batch_is_command(const char *word);
bool batch_is_command_line(int argc, char *const *argv);
/* Runs it; gives the exit code. */
int batch_run(struct options *o);

/* --- for the files of batch_*.c --- */
int batch_get(struct batch *b, int argc, char **argv);
/* get … --watch, and find */
int batch_watch(struct batch *b, enum clv_list list, const struct clv_window *window);
int batch_find(struct batch *b, int argc, char **argv);
int batch_status(struct batch *b, int argc, char **argv);
int batch_audit(struct batch *b, int argc, char **argv);
int batch_overview(struct batch *b, int argc, char **argv);
int batch_describe(struct batch *b, int argc, char **argv);
int batch_describe_account(struct batch *b, int argc, char **argv);
int batch_act(struct batch *b, int argc, char **argv);
int batch_rotate(struct batch *b, int argc, char **argv);
CLV_MUST clv_rc batch_move_check(const struct options *o, struct clv_err *err);
int batch_move(struct batch *b, int argc, char **argv);
/* Accounts, profiles, groups; check: what is wrong before a server is asked. */
clv_rc batch_runas_check(const struct options *o, struct clv_err *err);
int batch_runas(struct batch *b, int argc, char **argv);
clv_rc batch_reenter_check(const struct options *o, struct clv_err *err);
clv_rc batch_recovery_check(const struct options *o, struct clv_err *err);
int batch_recovery(struct batch *b, int argc, char **argv);
clv_rc batch_audit_check(const struct options *o, struct clv_err *err);
int batch_audit(struct batch *b, int argc, char **argv);
/* batch_alerts.c */
clv_rc batch_trace_check(const struct options *o, struct clv_err *err);
int batch_trace(struct batch *b, int argc, char **argv);
int batch_describe_alert(struct batch *b, int argc, char **argv);
int batch_ack(struct batch *b, int argc, char **argv);
clv_rc batch_report_check(const struct options *o, struct clv_err *err);
int batch_report(struct batch *b, int argc, char **argv);
int batch_reenter(struct batch *b, int argc, char **argv);
/* Sends an act; says on stderr what came of it. */
int batch_send_act(struct batch *b, const struct clv_act *act);
/* Escaped, with a line feed. */
void batch_say(FILE *to, const char *foreign);

/* Waits for the next reply to req. NULL with *err: the line broke, time is over, or it was refused
 * (then the reply's code and text). Owned by the caller. */
struct clv_reply *batch_wait(struct batch *b, uint64_t req, struct clv_err *err);
/* One line on stderr; returns the exit code that fits. */
int batch_fail(const struct clv_err *err);
/* On a terminal, without --yes: asks; word NULL: y, else that word has to be typed. */
bool batch_confirm(const struct batch *b, const char *question, const char *word);
int64_t batch_mono_ms(void);
/* batch_ask.c: answers what the SSH transport asks, at the terminal; says its notices. */
void batch_answer(struct batch *b);
/* dial.c: stdin and stdout become the local console socket's. */
clv_rc batch_dial_check(const struct options *o, struct clv_err *err);
int batch_dial(const struct options *o);

#endif
