/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal, by ncurses: the only file that includes it. Input is read elsewhere, as bytes;
 * curses only draws. Only clusters of safe text come here, cell by cell, never a string.
 */
#include "console/term.h"

#include "console/theme.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define QUEUE_MAX  (4u << 20)
#define DRAIN_MS   500 /* at the end the last bytes are waited for that long */
#define PLAIN_ROWS 500

static struct {
	bool open, ascii, title, plain, colour, mouse;
	SCREEN *screen;
	struct termios saved;
	char restore[256]; /* made beforehand: a crash handler may only write(2) */
	size_t restore_len;
	int cur_y, cur_x;
	bool cur_set;
	chtype attrs[INK_MAX];
	uint64_t frames;
	uint64_t row_sum[PLAIN_ROWS]; /* plain: what each row said in the last frame */
	FILE *curses_out;             /* a file in memory that curses takes for the terminal */
	int memory, out;      /* its descriptor; the terminal, opened anew so that it may be non-blocking */
	struct clv_buf queue; /* bytes that the terminal has not taken yet */
} term = {.memory = -1, .out = -1};

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

/* Blocking, async-signal-safe: for the way out. */
static void put_now(const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, s, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

/* Async-signal-safe: restore, then die of the same signal as if we had not been asked. */
static void on_crash(int sig)
{
	put_now(term.restore, term.restore_len);
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void add_restore(const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;
	if (term.restore_len + n < sizeof(term.restore)) {
		memcpy(term.restore + term.restore_len, s != NULL ? s : "", n);
		term.restore_len += n;
	}
}

/* A capability without its padding ("$<5>"). */
static void add_capability(const char *name)
{
	const char *s = tigetstr(name);
	char clean[64];
	size_t n = 0;
	if (s == NULL || s == (char *)-1)
		return;
	while (*s != '\0' && n + 1 < sizeof(clean)) {
		if (s[0] == '$' && s[1] == '<') {
			s += strcspn(s, ">");
			s += *s == '>';
			continue;
		}
		clean[n++] = *s++;
	}
	clean[n] = '\0';
	add_restore(clean);
}

/* In the order in which it was said, with what curses draws. */
static void put_raw(const char *s, size_t len)
{
	/* beyond the limit the frame is lost, and the next one repaints */
	if (buf_put(&term.queue, slice_of(s, len), NULL) != CLV_OK)
		clearok(curscr, TRUE);
}

/* With every change of attributes curses goes back from a character set that is never chosen here: three
 * bytes each time, a tenth of a page. */
static void put_frame(const char *s, size_t len)
{
	static const char back[] = {'\033', '(', 'B'}, away[] = {'\033', '(', '0'};
	const char *end = s + len, *at;
	if (memmem(s, len, away, sizeof(away)) != NULL) {
		put_raw(s, len);
		return;
	}
	while ((at = memmem(s, (size_t)(end - s), back, sizeof(back))) != NULL) {
		put_raw(s, (size_t)(at - s));
		s = at + sizeof(back);
	}
	put_raw(s, (size_t)(end - s));
}

/* What curses wrote into its file goes into the queue: one frame, one write. */
static void collect(void)
{
	fflush(term.curses_out);
	off_t end = lseek(term.memory, 0, SEEK_CUR);
	char *bytes = clv_calloc((size_t)(end > 0 ? end : 0) + 1, 1);
	ssize_t n = end > 0 ? pread(term.memory, bytes, (size_t)end, 0) : 0;
	put_frame(bytes, n > 0 ? (size_t)n : 0);
	clv_free(bytes);
	if (lseek(term.memory, 0, SEEK_SET) != 0 || ftruncate(term.memory, 0) != 0)
		clv_fatal("the frame's file in memory broke");
}

bool term_flush(void)
{
	for (struct clv_slice s = buf_slice(&term.queue); s.len > 0; s = buf_slice(&term.queue)) {
		ssize_t n = write(term.out, s.ptr, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf_consume(&term.queue, (size_t)n);
	}
	buf_clear(&term.queue);
	return true;
}

int term_out_fd(void)
{
	return buf_slice(&term.queue).len > 0 ? term.out : -1;
}

/* At the end: a terminal that takes nothing more is not waited for. */
static void drain(void)
{
	for (int i = 0; i < DRAIN_MS / 10 && !term_flush(); i++) {
		struct pollfd p = {.fd = term.out, .events = POLLOUT};
		(void)poll(&p, 1, 10);
	}
}

static clv_rc open_output(struct clv_err *err)
{
	const char *tty = ttyname(STDOUT_FILENO);
	buf_init(&term.queue, QUEUE_MAX);
	/* O_NONBLOCK on a descriptor that the shell shares would outlive us */
	term.out = tty != NULL ? open(tty, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (term.out < 0)
		term.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	term.memory = memfd_create("frame", MFD_CLOEXEC);
	if (term.out < 0 || term.memory < 0)
		return err_sys(err, CLV_E_IO, "cannot open the terminal for writing");
	term.curses_out = fdopen(term.memory, "r+");
	return term.curses_out != NULL ? CLV_OK
	                               : err_sys(err, CLV_E_IO, "cannot open the terminal for writing");
}

static void close_output(void)
{
	buf_release(&term.queue);
	close(term.out);
	fclose(term.curses_out);
}

/* Asked first: newterm keeps memory for a terminal that it does not know. */
static bool is_known(const char *name)
{
	int why = 0;
	if (setupterm(name, term.memory, &why) != OK)
		return false;
	del_curterm(cur_term);
	return true;
}

/* Keys come one by one and as they are; ^C ^Z ^S are keys; flow control is off. */
static void set_raw(void)
{
	struct termios t = term.saved;
	t.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON | IXOFF);
	t.c_oflag &= ~(tcflag_t)OPOST;
	t.c_cflag |= CS8;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void prepare_restore(void)
{
	term.restore_len = 0;
	add_restore("\033[?2004l\033[?1000l\033[?1006l");
	if (term.title)
		add_restore("\033[23;2t");
	add_capability("sgr0");
	add_capability("cnorm");
	add_capability("rmcup");
}

static void catch_crashes(void)
{
	struct sigaction sa = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		sigaction(crash_signals[i], &sa, NULL);
}

void term_theme(const struct theme *t)
{
	for (int i = 0; i < INK_MAX; i++) {
		const struct theme_ink *k = &t->ink[i];
		chtype a = A_NORMAL;
		a |= (k->attrs & THEME_BOLD) != 0 ? A_BOLD : 0;
		a |= (k->attrs & THEME_DIM) != 0 ? A_DIM : 0;
		a |= (k->attrs & THEME_UNDERLINE) != 0 ? A_UNDERLINE : 0;
		a |= (k->attrs & THEME_REVERSE) != 0 ? A_REVERSE : 0;
		if (term.colour && k->colour >= 0) {
			init_pair((short)(i + 1), theme_nearest(k->colour, COLORS), -1);
			a |= COLOR_PAIR(i + 1);
		}
		term.attrs[i] = a;
	}
}

/* Without colours dark is mono. */
static void choose_colours(void)
{
	struct theme t;
	const char *no = getenv("NO_COLOR");
	term.colour = has_colors() && (no == NULL || no[0] == '\0') && start_color() == OK &&
	              use_default_colors() == OK;
	if (theme_builtin(term.colour ? "dark" : "mono", &t))
		term_theme(&t);
}

static bool wants_ascii(const char *name)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || strcmp(name, "linux") == 0 ||
	       strncmp(name, "vt", 2) == 0;
}

static bool can_title(const char *name)
{
	static const char *const known[] = {"xterm", "tmux", "screen", "rxvt",    "alacritty", "foot",
	                                    "kitty", "vte",  "gnome",  "konsole", "st-"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(name, known[i], strlen(known[i])) == 0)
			return true;
	}
	return false;
}

static void enter(void)
{
	set_raw();
	nonl();
	leaveok(stdscr, FALSE);
	scrollok(stdscr, FALSE);
	if (term.title)
		put_raw("\033[22;2t", 7);
	put_raw("\033[?2004h", 8);
	if (term.mouse)
		put_raw("\033[?1000h\033[?1006h", 16);
}

static void get_size(int *rows, int *cols)
{
	struct winsize w;
	*rows = 24;
	*cols = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
		*rows = w.ws_row > 500 ? 500 : w.ws_row;
		*cols = w.ws_col > 1000 ? 1000 : w.ws_col;
	}
}

/* Curses' file is no terminal that it could ask for its size, so it is told, and only now: LINES
 * and COLUMNS would be stale after a resize. */
static SCREEN *new_screen(const char *name)
{
	char number[16];
	int rows, cols;
	get_size(&rows, &cols);
	snprintf(number, sizeof(number), "%d", rows);
	setenv("LINES", number, 1);
	snprintf(number, sizeof(number), "%d", cols);
	setenv("COLUMNS", number, 1);
	SCREEN *s = newterm(name, term.curses_out, stdin);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	return s;
}

clv_rc term_open(const struct term_opts *o, struct clv_err *err)
{
	const char *name = getenv("TERM");
	if (name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0)
		return err_set(err, CLV_E_USAGE,
		               "TERM is not set, or dumb: the full screen needs a terminal's name; claviger "
		               "get … does not");
	if (tcgetattr(STDIN_FILENO, &term.saved) != 0)
		return err_sys(err, CLV_E_IO, "stdin is no terminal");
	if (open_output(err) != CLV_OK)
		return CLV_FAILED;
	term.screen = is_known(name) ? new_screen(name) : NULL;
	if (term.screen == NULL) {
		close_output();
		struct clv_text *t = text_new_str(name);
		err_set(err, CLV_E_USAGE,
		        "the terminal %s is not known here: set TERM to one that is, or install its terminfo",
		        text_str(t));
		text_free(t);
		return CLV_FAILED;
	}
	term.ascii = o->ascii >= 0 ? o->ascii > 0 : wants_ascii(name);
	term.plain = o->plain;
	term.title = can_title(name);
	prepare_restore();
	choose_colours();
	enter();
	term.open = true;
	catch_crashes();
	term_resize();
	return CLV_OK;
}

void term_close(void)
{
	if (!term.open)
		return;
	term.open = false;
	put_raw("\033[?2004l", 8);
	if (term.mouse)
		put_raw("\033[?1000l\033[?1006l", 16);
	if (term.title)
		put_raw("\033[23;2t", 7);
	endwin();
	collect();
	drain();
	delscreen(term.screen);
	term.screen = NULL;
	close_output();
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
}

void term_resize(void)
{
	int rows, cols;
	get_size(&rows, &cols);
	if (rows != LINES || cols != COLS)
		resizeterm(rows, cols);
}

/* --- drawing --- */

static attr_t attrs_of(unsigned ink)
{
	attr_t a = term.attrs[ink & INK_MASK];
	if ((ink & INK_BOLD) != 0)
		a |= A_BOLD;
	if ((ink & INK_REVERSE) != 0 && !term.plain)
		a |= A_REVERSE;
	return a;
}

/* The C library and utf8proc may differ about a width: then a sign of the right width is shown. */
static size_t to_wide(const char *cluster, size_t len, int cells, wchar_t *out, size_t max)
{
	mbstate_t st = {0};
	size_t n = 0, off = 0;
	while (off < len && n < max - 1) {
		size_t used = mbrtowc(&out[n], cluster + off, len - off, &st);
		if (used == 0 || used > len - off)
			return 0;
		off += used;
		if (n > 0 && wcwidth(out[n]) != 0)
			continue; /* a mark that the terminal would give a cell of its own */
		n++;
	}
	out[n] = L'\0';
	return n > 0 && wcwidth(out[0]) == cells ? n : 0;
}

static void canvas_put(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink)
{
	wchar_t wide[CCHARW_MAX + 1];
	cchar_t cell;
	attr_t a = attrs_of(ink);
	(void)ctx;
	if (y < 0 || y >= LINES || x < 0 || x + cells > COLS)
		return;
	if (to_wide(cluster, len, cells, wide, CCHARW_MAX) == 0) {
		for (int i = 0; i < cells; i++)
			mvaddch(y, x + i, (chtype)'?' | a);
		return;
	}
	setcchar(&cell, wide, a, (short)PAIR_NUMBER(a), NULL);
	mvadd_wch(y, x, &cell);
}

static void canvas_cursor(void *ctx, int y, int x)
{
	(void)ctx;
	term.cur_y = y;
	term.cur_x = x;
	term.cur_set = true;
}

void term_begin(struct canvas *c)
{
	static const struct canvas_ops ops = {.put = canvas_put, .cursor = canvas_cursor};
	*c = (struct canvas){
	    .ops = &ops, .rows = LINES, .cols = COLS, .ascii = term.ascii, .plain = term.plain};
	term.cur_set = false;
	erase();
}

bool term_busy(void)
{
	return buf_slice(&term.queue).len > 0;
}

/* What is read aloud is what is written: a row of which a part changed is written whole. */
static void whole_rows(void)
{
	wchar_t *row = clv_calloc((size_t)COLS + 1, sizeof(*row));
	for (int y = 0; y < LINES && y < PLAIN_ROWS; y++) {
		uint64_t sum = 14695981039346656037u; /* FNV-1a */
		if (mvwinnwstr(stdscr, y, 0, row, COLS) == ERR)
			row[0] = L'\0';
		for (const wchar_t *c = row; *c != L'\0'; c++)
			sum = (sum ^ (uint64_t)*c) * 1099511628211u;
		if (sum != term.row_sum[y])
			wredrawln(stdscr, y, 1);
		term.row_sum[y] = sum;
	}
	clv_free(row);
}

void term_end(void)
{
	if (term.plain)
		whole_rows();
	move(term.cur_set ? term.cur_y : LINES - 1, term.cur_set ? term.cur_x : 0);
	wnoutrefresh(stdscr);
	doupdate();
	collect();
	term.frames++;
	(void)term_flush();
}

void term_repaint(void)
{
	clearok(curscr, TRUE);
}

void term_suspend(void)
{
	sigset_t stop, before;
	struct sigaction dfl = {.sa_handler = SIG_DFL}, ours;
	put_raw("\033[?2004l", 8);
	if (term.mouse)
		put_raw("\033[?1000l\033[?1006l", 16);
	endwin();
	collect();
	drain();
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigaction(SIGTSTP, &dfl, &ours);
	sigprocmask(SIG_UNBLOCK, &stop, &before);
	kill(0, SIGTSTP);
	/* here again after fg */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	enter();
	term_resize();
	clearok(curscr, TRUE);
}

void term_ask_ready(void)
{
	put_raw("\033[5n", 4);
	(void)term_flush();
}

void term_title(const struct clv_text *title)
{
	if (!term.title)
		return;
	/* safe text only: it cannot end the sequence */
	put_raw("\033]2;", 4);
	put_raw(text_str(title), text_len(title));
	put_raw("\007", 1);
	(void)term_flush();
}

void term_mouse(bool on)
{
	if (term.mouse != on)
		put_raw(on ? "\033[?1000h\033[?1006h" : "\033[?1000l\033[?1006l", 16);
	term.mouse = on;
}

#define COPY_MAX 74994u /* bytes in base64: what terminals take at most */

/* screen and tmux hand on what stands in their own brackets; screen takes short pieces only. */
static void put_wrapped(const char *s, size_t len)
{
	const char *name = getenv("TERM");
	bool tmux = getenv("TMUX") != NULL, screen = name != NULL && strncmp(name, "screen", 6) == 0;
	if (tmux) {
		put_raw("\033Ptmux;\033", 8);
		put_raw(s, len);
		put_raw("\033\\", 2);
		return;
	}
	for (size_t at = 0; screen && at < len; at += 240) {
		put_raw("\033P", 2);
		put_raw(s + at, len - at < 240 ? len - at : 240);
		put_raw("\033\\", 2);
	}
	if (!screen)
		put_raw(s, len);
}

bool term_copy(const struct clv_text *t)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text_str(t);
	size_t len = text_len(t), n = 0;
	if ((len + 2) / 3 * 4 > COPY_MAX)
		return false;
	char *s = clv_calloc((len + 2) / 3 * 4 + 16, 1);
	n = (size_t)snprintf(s, 8, "\033]52;c;");
	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < len ? (unsigned)p[i + 1] << 8 : 0) |
		             (i + 2 < len ? p[i + 2] : 0u);
		s[n++] = digits[v >> 18];
		s[n++] = digits[v >> 12 & 63];
		s[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		s[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	s[n++] = '\007';
	put_wrapped(s, n);
	clv_free(s);
	(void)term_flush();
	return true;
}

int term_esc_ms(void)
{
	const char *ssh = getenv("SSH_CONNECTION");
	return ssh != NULL && ssh[0] != '\0' ? 500 : 50;
}

uint64_t term_frames(void)
{
	return term.frames;
}
