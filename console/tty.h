/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line typed at the terminal, for batch commands: byte by byte into locked memory. On every way out, and
 * by every signal that ends or stops us, the terminal echoes again.
 */
#ifndef CONSOLE_TTY_H
#define CONSOLE_TTY_H

#include "claviger/secret.h"

#include <signal.h>
#include <termios.h>

#define TTY_TYPED_MAX 4000u /* bytes; the kernel's own line ends at 4095 */
#define TTY_SIGNALS   5u

struct tty {
	int fd;              /* begin with -1 */
	const char *nothing; /* "nothing was saved": what it means that we are left */
	struct termios before;
	struct sigaction old[TTY_SIGNALS];
	sigset_t open_mask;
	bool quiet, caught, echo;
};

/* echo: what is typed is no secret. */
CLV_MUST clv_rc tty_open(struct tty *t, bool echo, struct clv_err *err);
/* More than once is fine. Then dies, or stops, of the signal that came meanwhile. */
void tty_close(struct tty *t);
void tty_say(const struct tty *t, const char *s);
/* Without its line feed; out is emptied first. prompt must be safe text. */
CLV_MUST clv_rc tty_read_line(struct tty *t, const char *prompt, struct clv_secret *out, struct clv_err *err);

#endif
