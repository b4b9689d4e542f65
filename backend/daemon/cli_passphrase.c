/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a passphrase (see cli_passphrase.h). Runs in the command that was typed. Signals arrive inside
 * ppoll alone, so that none leaves the terminal silent.
 */
#include "daemon/cli_passphrase.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static const int signals[] = {SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGTSTP};
#define N_SIGNALS (sizeof signals / sizeof signals[0])

struct tty {
	int fd;
	struct termios before;
	struct sigaction old[N_SIGNALS];
	sigset_t open_mask;
	bool quiet, armed;
};

static void on_signal(int sig)
{
	caught = sig;
}

static void arm_signals(struct tty *t)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t block;

	caught = 0;
	(void)sigemptyset(&block);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)sigaction(signals[i], &sa, &t->old[i]);
		(void)sigaddset(&block, signals[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &block, &t->open_mask);
	t->armed = true;
}

static clv_rc tty_open(struct tty *t, struct clv_err *err)
{
	struct termios quiet;

	t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0 || tcgetattr(t->fd, &t->before))
		return err_sys(err, CLV_E_USAGE,
		               "no terminal to ask for the passphrase; --passphrase-fd N takes a descriptor");
	arm_signals(t);
	quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	t->quiet = tcsetattr(t->fd, TCSAFLUSH, &quiet) == 0;
	return t->quiet ? CLV_OK : err_sys(err, CLV_E_IO, "the terminal does not stop echoing");
}

static void tty_close(struct tty *t)
{
	if (t->quiet)
		(void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
	for (size_t i = 0; t->armed && i < N_SIGNALS; i++)
		(void)sigaction(signals[i], &t->old[i], NULL);
	if (t->armed)
		(void)sigprocmask(SIG_SETMASK, &t->open_mask, NULL);
	t->quiet = t->armed = false;
	fd_close(&t->fd);
	if (caught) { /* die, or stop, of what we were asked to */
		(void)raise(caught);
		caught = 0;
	}
}

static clv_rc say(const struct tty *t, const char *s, struct clv_err *err)
{
	return fd_write_all(t->fd, slice_str(s), err);
}

static clv_rc read_byte(const struct tty *t, uint8_t *c, struct clv_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		int ready = caught ? -1 : ppoll(&p, 1, NULL, &t->open_mask);
		ssize_t n = ready > 0 ? read(t->fd, c, 1) : -1;

		if (caught)
			return err_set(err, CLV_E_CLOSED, "stopped: nothing was done");
		if (n == 1)
			return CLV_OK;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return err_set(err, CLV_E_CLOSED, "the terminal is gone: nothing was done");
	}
}

static clv_rc read_line(const struct tty *t, const char *prompt, struct clv_secret *out, struct clv_err *err)
{
	uint8_t c = 0;
	clv_rc rc = say(t, prompt, err);

	secret_clear(out);
	while (!rc) {
		rc = read_byte(t, &c, err);
		if (rc || c == '\n')
			break;
		rc = secret_append(out, &c, 1, err);
	}
	explicit_bzero(&c, 1);
	return say(t, "\n", rc ? NULL : err) || rc ? CLV_FAILED : CLV_OK;
}

static clv_rc ask(const char *prompt, bool twice, struct clv_secret *out, struct clv_err *err)
{
	struct clv_secret *again = secret_new(CLI_PASSPHRASE_MAX, err);
	char *text = clv_asprintf("%s (typing is hidden): ", prompt);
	struct tty t = {.fd = -1};
	clv_rc rc = CLV_FAILED;

	if (!again || tty_open(&t, err) || read_line(&t, text, out, err))
		goto out;
	if (twice && (read_line(&t, "Again: ", again, err)))
		goto out;
	rc = !twice || secret_eq(out, again)
	         ? CLV_OK
	         : err_set(err, CLV_E_USAGE, "the two entries differ: nothing was done");
out:
	secret_free(again);
	if (rc)
		secret_clear(out);
	tty_close(&t);
	clv_free(text);
	return rc;
}

/* --- from a descriptor --- */
static clv_rc read_whole(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	size_t n = 0;

	for (;;) {
		uint8_t one = 0;
		ssize_t got = read(*(int *)ctx, n < cap ? bytes + n : &one, n < cap ? cap - n : 1);

		explicit_bzero(&one, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, CLV_E_IO, "reading the passphrase");
		if (got == 0)
			break;
		if (n == cap)
			return err_set(err, CLV_E_LIMIT, "a passphrase has at most %zu bytes", cap);
		n += (size_t)got;
	}
	*len = n - (n > 0 && bytes[n - 1] == '\n');
	return CLV_OK;
}

/* Characters, not bytes: UTF-8's later bytes do not count. */
static clv_rc count(struct clv_slice s, void *ctx, struct clv_err *err)
{
	(void)err;
	for (size_t i = 0; i < s.len; i++)
		*(size_t *)ctx += (s.ptr[i] & 0xc0) != 0x80;
	return CLV_OK;
}

static clv_rc judge(const struct clv_secret *s, bool is_new, struct clv_err *err)
{
	size_t n = 0;

	if (secret_use(s, count, &n, err))
		return CLV_FAILED;
	if (secret_len(s) == 0)
		return err_set(err, CLV_E_USAGE, "an empty passphrase is none: nothing was done");
	if (is_new && n < CLI_PASSPHRASE_MIN)
		return err_set(err, CLV_E_USAGE,
		               "the passphrase has fewer than %u characters: nothing was done",
		               CLI_PASSPHRASE_MIN);
	return CLV_OK;
}

clv_rc cli_passphrase(const char *prompt, bool twice, int fd, struct clv_secret **out, struct clv_err *err)
{
	struct clv_secret *s = secret_new(CLI_PASSPHRASE_MAX, err);

	if (!s || (fd < 0 ? ask(prompt, twice, s, err) : secret_fill(s, read_whole, &fd, err)) ||
	    judge(s, twice, err)) {
		secret_free(s);
		return CLV_FAILED;
	}
	*out = s;
	return CLV_OK;
}

clv_rc cli_passphrase_fd(const char *text, int *fd, struct clv_err *err)
{
	size_t len = text ? strlen(text) : 0;
	int n = -1, flags = -1;

	if (text) {
		if (len >= 1 && len <= 4 && strspn(text, "0123456789") == len) {
			n = (int)strtol(text, NULL, 10);
			flags = fcntl(n, F_GETFL);
		}
		if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
			return err_set(err, CLV_E_USAGE,
			               "--passphrase-fd takes the number of a descriptor that is open here: "
			               "--passphrase-fd 3 3<FILE");
	}
	*fd = n;
	return CLV_OK;
}

static clv_rc into_pipe(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return fd_write_all(*(int *)ctx, bytes, err);
}

clv_rc cli_passphrase_pipe(const char *prompt, bool twice, int fd, int *out, struct clv_err *err)
{
	struct clv_secret *s = NULL;
	int ends[2] = {-1, -1};
	clv_rc rc = CLV_FAILED;

	if (cli_passphrase(prompt, twice, fd, &s, err))
		return CLV_FAILED;
	/* Far less than a pipe takes, so that nobody has to read yet. */
	if (pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFD, 0))
		(void)err_sys(err, CLV_E_IO, "a pipe for the passphrase");
	else
		rc = secret_use(s, into_pipe, &ends[1], err);
	secret_free(s);
	fd_close(&ends[1]);
	if (rc)
		fd_close(&ends[0]);
	else
		*out = ends[0];
	return rc;
}
