/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A passphrase for clavigerd's commands, from the terminal without echo or from a descriptor, byte by byte
 * into locked memory: no stdio, no argument, no environment. Runs in the command that was typed, which calls
 * secret_process_init first.
 */
#ifndef DAEMON_CLI_PASSPHRASE_H
#define DAEMON_CLI_PASSPHRASE_H

#include "claviger/secret.h"

#define CLI_PASSPHRASE_MAX 1024u /* bytes */
#define CLI_PASSPHRASE_MIN 12u   /* characters of a new one */

/* fd -1: asks on /dev/tty with the prompt ("Passphrase of the key backup"); else reads fd to its end and
 * drops one line feed there. twice: a new passphrase, which has CLI_PASSPHRASE_MIN characters or more and
 * is typed twice at a terminal. Never empty. Blocks. The terminal echoes again on every way out, signals
 * included; a signal that came meanwhile is raised again afterwards. The caller frees *out. */
CLV_MUST clv_rc cli_passphrase(const char *prompt, bool twice, int fd, struct clv_secret **out,
                               struct clv_err *err);
/* "7" of --passphrase-fd 7, which must be open for reading; NULL gives -1. */
CLV_MUST clv_rc cli_passphrase_fd(const char *text, int *fd, struct clv_err *err);
/* As cli_passphrase, into a pipe; *out is its reading end, which stays open over exec. */
CLV_MUST clv_rc cli_passphrase_pipe(const char *prompt, bool twice, int fd, int *out, struct clv_err *err);

#endif
