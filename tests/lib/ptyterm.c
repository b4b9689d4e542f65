/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in a pseudo terminal with libvterm behind it.
 */
#include "tests/lib/ptyterm.h"

#include "base/clock.h"
#include "claviger/buf.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>
#include <vterm.h>

struct ptyterm {
	int fd, keep; /* keep: the other end, so that the settings outlive the program */
	pid_t pid;
	bool ended, mute, alt, cursor_hidden;
	int status, rows, cols;
	struct termios before;
	VTerm *vt;
	VTermScreen *screen;
	uint8_t *bytes;
	size_t n_bytes, cap;
	char *text;
};

static void on_output(const char *s, size_t len, void *user)
{
	struct ptyterm *p = user;
	if (!p->mute && write(p->fd, s, len) < 0)
		return;
}

static int on_prop(VTermProp prop, VTermValue *val, void *user)
{
	struct ptyterm *p = user;
	if (prop == VTERM_PROP_ALTSCREEN)
		p->alt = val->boolean;
	if (prop == VTERM_PROP_CURSORVISIBLE)
		p->cursor_hidden = !val->boolean;
	return 1;
}

struct ptyterm *pty_start(char *const *argv, char *const *env, int rows, int cols)
{
	static const VTermScreenCallbacks callbacks = {.settermprop = on_prop};
	struct ptyterm *p = clv_calloc(1, sizeof(*p));
	struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	if (openpty(&p->fd, &p->keep, NULL, NULL, &w) != 0 || tcgetattr(p->keep, &p->before) != 0)
		abort();
	p->rows = rows;
	p->cols = cols;
	p->text = clv_calloc(1, 1);
	p->vt = vterm_new(rows, cols);
	vterm_set_utf8(p->vt, 1);
	p->screen = vterm_obtain_screen(p->vt);
	vterm_screen_set_callbacks(p->screen, &callbacks, p);
	vterm_screen_enable_altscreen(p->screen, 1);
	vterm_output_set_callback(p->vt, on_output, p);
	vterm_screen_reset(p->screen, 1);
	p->pid = fork();
	if (p->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(p->fd);
		if (login_tty(p->keep) != 0)
			_exit(126);
		signal(
		    SIGINT,
		    SIG_DFL); /* a shell without job control starts what runs beside it with these ignored */
		signal(SIGQUIT, SIG_DFL);
		signal(SIGHUP, SIG_DFL); /* and nohup with this one */
		execve(argv[0], argv, env);
		_exit(127);
	}
	return p;
}

void pty_free(struct ptyterm *p)
{
	if (!p->ended) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	vterm_free(p->vt);
	close(p->fd);
	close(p->keep);
	clv_free(p->bytes);
	clv_free(p->text);
	clv_free(p);
}

void pty_send(struct ptyterm *p, const char *bytes, size_t len)
{
	if (write(p->fd, bytes, len) != (ssize_t)len)
		fprintf(stderr, "pty: short write\n");
}

void pty_keys(struct ptyterm *p, const char *s)
{
	pty_send(p, s, strlen(s));
}

void pty_read(struct ptyterm *p, int ms)
{
	char buf[65536];
	struct pollfd f = {.fd = p->fd, .events = POLLIN};
	if (poll(&f, 1, ms) <= 0)
		return;
	ssize_t n = read(p->fd, buf, sizeof(buf));
	if (n <= 0)
		return;
	if (p->n_bytes + (size_t)n > p->cap) {
		p->cap = (p->n_bytes + (size_t)n) * 2;
		p->bytes = clv_realloc(p->bytes, p->cap, 1);
	}
	memcpy(p->bytes + p->n_bytes, buf, (size_t)n);
	p->n_bytes += (size_t)n;
	vterm_input_write(p->vt, buf, (size_t)n);
}

void pty_pump(struct ptyterm *p, int ms)
{
	int64_t end = clock_mono_ms() + ms;
	for (int64_t now = clock_mono_ms(); now < end; now = clock_mono_ms())
		pty_read(p, (int)(end - now));
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

const char *pty_screen(struct ptyterm *p)
{
	clv_free(p->text);
	p->text = clv_calloc((size_t)p->rows, (size_t)p->cols * 24 + 2);
	size_t n = 0;
	for (int y = 0; y < p->rows; y++) {
		for (int x = 0; x < p->cols; x++) {
			VTermScreenCell cell;
			VTermPos pos = {y, x};
			vterm_screen_get_cell(p->screen, pos, &cell);
			if (cell.chars[0] == (uint32_t)-1)
				continue;
			if (cell.chars[0] == 0)
				p->text[n++] = ' ';
			for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i] != 0; i++)
				n += put_utf8(p->text + n, cell.chars[i]);
		}
		while (n > 0 && p->text[n - 1] == ' ')
			n--;
		p->text[n++] = '\n';
	}
	p->text[n] = '\0';
	return p->text;
}

bool pty_has(struct ptyterm *p, const char *text)
{
	return strstr(pty_screen(p), text) != NULL;
}

int pty_row_of(struct ptyterm *p, const char *text)
{
	const char *s = pty_screen(p), *at = strstr(s, text);
	int row = 0;
	if (at == NULL)
		return -1;
	for (; s < at; s++)
		row += *s == '\n';
	return row;
}

static bool wait_for(struct ptyterm *p, const char *text, bool there, int ms)
{
	int64_t end = clock_mono_ms() + ms;
	for (;;) {
		if (pty_has(p, text) == there)
			return true;
		int64_t left = end - clock_mono_ms();
		if (left <= 0) {
			fprintf(stderr, "pty: waited in vain for %s\"%s\"; the screen:\n%s\n",
			        there ? "" : "the end of ", text, pty_screen(p));
			return false;
		}
		pty_read(p, left > 50 ? 50 : (int)left);
	}
}

bool pty_wait(struct ptyterm *p, const char *text, int ms)
{
	return wait_for(p, text, true, ms);
}

bool pty_wait_gone(struct ptyterm *p, const char *text, int ms)
{
	return wait_for(p, text, false, ms);
}

void pty_resize(struct ptyterm *p, int rows, int cols)
{
	struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	p->rows = rows;
	p->cols = cols;
	vterm_set_size(p->vt, rows, cols);
	ioctl(p->fd, TIOCSWINSZ, &w);
}

void pty_cursor(struct ptyterm *p, int *row, int *col)
{
	VTermPos pos;
	vterm_state_get_cursorpos(vterm_obtain_state(p->vt), &pos);
	*row = pos.row;
	*col = pos.col;
}

pid_t pty_pid(const struct ptyterm *p)
{
	return p->pid;
}

int pty_end(struct ptyterm *p, int ms)
{
	int64_t end = clock_mono_ms() + ms;
	while (!p->ended && clock_mono_ms() < end) {
		pty_read(p, 20);
		if (waitpid(p->pid, &p->status, WNOHANG) == p->pid)
			p->ended = true;
	}
	for (int i = 0; i < 5; i++)
		pty_read(p, 10);
	return p->ended ? p->status : -1;
}

bool pty_restored(struct ptyterm *p)
{
	struct termios now;
	pty_pump(p, 30);
	if (tcgetattr(p->keep, &now) != 0)
		return false;
	return !p->alt && !p->cursor_hidden && now.c_lflag == p->before.c_lflag &&
	       now.c_iflag == p->before.c_iflag && now.c_oflag == p->before.c_oflag;
}

const uint8_t *pty_bytes(const struct ptyterm *p, size_t *len)
{
	*len = p->n_bytes;
	return p->bytes;
}

void pty_mute(struct ptyterm *p, bool mute)
{
	p->mute = mute;
}
