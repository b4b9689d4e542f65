/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines from /dev/tty. Signals arrive inside the wait alone and set a flag.
 */
#include "console/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static const int signals[TTY_SIGNALS] = {SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGTSTP};

static void on_signal(int sig)
{
	caught = sig;
}

void tty_say(const struct tty *t, const char *s)
{
	size_t len = strlen(s);
	while (len > 0) {
		ssize_t n = write(t->fd, s, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

clv_rc tty_open(struct tty *t, bool echo, struct clv_err *err)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct termios quiet;
	sigset_t block;
	t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0 || tcgetattr(t->fd, &t->before) != 0)
		return err_sys(err, CLV_E_IO, "cannot open the terminal; --password-fd N takes a descriptor");
	caught = 0;
	sigemptyset(&block);
	for (size_t i = 0; i < TTY_SIGNALS; i++) {
		sigaction(signals[i], NULL, &t->old[i]);
		if (t->old[i].sa_handler != SIG_IGN) /* who ignores ^Z goes on ignoring it */
			sigaction(signals[i], &sa, NULL);
		sigaddset(&block, signals[i]);
	}
	/* they arrive inside ppoll alone, so that none is missed between a look and a wait */
	sigprocmask(SIG_BLOCK, &block, &t->open_mask);
	t->caught = true;
	quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	t->echo = echo;
	if (echo)
		quiet.c_lflag |= ECHO | ECHOE | ECHOK;
	t->quiet = tcsetattr(t->fd, TCSAFLUSH, &quiet) == 0;
	return t->quiet ? CLV_OK : err_sys(err, CLV_E_IO, "the terminal does not stop echoing");
}

void tty_close(struct tty *t)
{
	if (t->quiet)
		(void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
	for (size_t i = 0; t->caught && i < TTY_SIGNALS; i++)
		sigaction(signals[i], &t->old[i], NULL);
	if (t->caught)
		sigprocmask(SIG_SETMASK, &t->open_mask, NULL);
	t->quiet = t->caught = false;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	if (caught != 0) { /* die, or stop, of what we were asked to */
		raise(caught);
		caught = 0;
	}
}

clv_rc tty_read_line(struct tty *t, const char *prompt, struct clv_secret *out, struct clv_err *err)
{
	uint8_t c = 0;
	clv_rc rc = CLV_OK;
	tty_say(t, prompt);
	secret_clear(out);
	while (rc == CLV_OK) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		int ready = caught == 0 ? ppoll(&p, 1, NULL, &t->open_mask) : -1;
		ssize_t n = ready > 0 ? read(t->fd, &c, 1) : -1;
		if (caught != 0)
			rc = err_set(err, CLV_E_CLOSED, "%s", t->nothing);
		else if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		else if (n <= 0)
			rc = err_set(err, CLV_E_CLOSED, "the terminal is gone: %s", t->nothing);
		else if (c == '\n')
			break;
		else
			rc = secret_append(out, &c, 1, err);
	}
	explicit_bzero(&c, 1);
	if (!t->echo)
		tty_say(t, "\n");
	return rc;
}
