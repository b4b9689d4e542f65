/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen's loop: ppoll over terminal, session, signals and time; one frame a turn at most;
 * a still screen writes no byte. Signals set a flag; the loop acts.
 */
#include "console/screen.h"

#include "console/app.h"
#include "console/batch.h"
#include "console/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOLD_MS    40    /* so long a frame waits for the rows that it shows */
#define AGES_MS    60000 /* words like "4 min" are looked at that often */
#define READY_MS   1000  /* a terminal that does not answer CSI 5n by then */
#define SILENCE_MS 300   /* is taken for ready after that much silence */

static volatile sig_atomic_t got_winch, got_end, got_stop;

static void on_signal(int sig)
{
	if (sig == SIGWINCH)
		got_winch = 1;
	else if (sig == SIGTSTP)
		got_stop = 1;
	else
		got_end = sig;
}

static void catch_signals(sigset_t *open_mask)
{
	static const int list[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP};
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t block;
	sigemptyset(&block);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		sigaction(list[i], &sa, NULL);
		sigaddset(&block, list[i]);
	}
	/* they arrive inside ppoll alone, so that none is missed between a look and a wait */
	sigprocmask(SIG_BLOCK, &block, open_mask);
}

/* --- what was typed --- */

/* Nothing typed before a question could be seen answers it. */
static bool thrown_away(struct app *a, const struct key *k, int64_t now)
{
	struct question *q = &a->q;
	if (a->mode != MODE_QUESTION || !q->unseen)
		return false;
	q->last_byte_ms = now;
	if (k->code == KEYC_READY && --a->ready_owed <= 0)
		q->unseen = false;
	return true;
}

static void check_unseen(struct app *a, int64_t now)
{
	struct question *q = &a->q;
	if (a->mode == MODE_QUESTION && q->unseen && !a->ask_ready && now - q->asked_at_ms >= READY_MS &&
	    now - q->last_byte_ms >= SILENCE_MS) {
		q->unseen = false;
		a->ready_owed = 0;
	}
}

static void suspend(struct app *a)
{
	if (a->o->restricted)
		return;
	if (a->q.what == FOR_RUNAS)
		runas_release(&a->runas);
	question_end(a);
	term_suspend();
	a->dirty = true;
}

static void one_key(struct app *a, const struct key *k)
{
	if (k->code == KEYC_READY) { /* late, for a question that is gone */
		a->ready_owed -= a->ready_owed > 0;
		return;
	}
	if (k->code == KEYC_CTRL && k->ch[0] == 'L') {
		term_repaint();
		a->dirty = true;
	} else if (k->code == KEYC_CTRL && k->ch[0] == 'Z') {
		suspend(a);
	} else {
		app_key(a, k);
	}
}

static void take_keys(struct app *a)
{
	struct key k;
	int64_t now = app_mono_ms();
	/* a question that a key opens stops the rest: it was typed before it could be seen */
	while (!a->quit && input_next(&a->in, now, &k)) {
		if (!thrown_away(a, &k, now))
			one_key(a, &k);
	}
}

/* What the password form left to be done here. */
static void after_entry(struct app *a)
{
	struct entry *e = &a->e;
	if (e->repaint)
		term_repaint();
	e->repaint = false;
	if (!e->suspend)
		return;
	e->suspend = false;
	suspend(a);
	e->dirty = true;
	if (e->state == ENTRY_TYPING) /* what was typed to the shell is not for the form */
		e->unseen = e->ask_ready = true;
}

static void read_terminal(struct app *a)
{
	uint8_t bytes[4096];
	a->key_at_ms = app_mono_ms();
	if (a->mode == MODE_ENTRY) { /* never through these bytes */
		entry_read(a, STDIN_FILENO);
		after_entry(a);
		return;
	}
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { /* the terminal is gone */
		a->quit = true;
		a->exit_code = EXIT_FAILED;
		return;
	}
	input_feed(&a->in, bytes, (size_t)n, app_mono_ms());
	explicit_bzero(bytes, (size_t)n);
	take_keys(a);
}

/* --- time --- */

static void sooner(int *wait, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (*wait < 0 || ms < *wait)
		*wait = (int)ms;
}

/* No push redraws while a password is typed. */
static bool needs_frame(const struct app *a)
{
	return a->mode == MODE_ENTRY ? a->e.dirty : a->dirty;
}

/* Rows of where the cursor went are on their way: one frame with them, in place of one with dots and another.
 * The one before stands until then, HOLD_MS at most; 0: nothing to wait for. */
static int64_t held_until(const struct app *a)
{
	const struct view *v = app_top(a);
	const struct list *l = list_of(app_top(a));
	if (a->mode != MODE_LOOK || l == NULL || !v->have || v->req == 0 || v->req != a->asking ||
	    list_covered(l))
		return 0;
	return a->asked_at_ms + HOLD_MS;
}

/* Monotonic; 0: never. */
static int64_t lock_at(const struct app *a)
{
	int64_t ms = (int64_t)a->o->settings.idle_lock_min * 60000;
	return ms > 0 && a->mode != MODE_LOCKED ? a->key_at_ms + ms : 0;
}

static int next_wait(struct app *a, int64_t now, int64_t drawn)
{
	int wait = -1, t = clv_session_timeout_ms(a->s);
	if (a->mode == MODE_ENTRY) {
		if (t >= 0)
			sooner(&wait, t);
		t = entry_timeout_ms(a, now);
		if (t >= 0)
			sooner(&wait, t);
		if (needs_frame(a) && !term_busy())
			sooner(&wait, 0);
		return wait;
	}
	if (t >= 0)
		sooner(&wait, t);
	t = input_timeout_ms(&a->in, now);
	if (t >= 0)
		sooner(&wait, t);
	if (a->mode == MODE_QUESTION && a->q.unseen)
		sooner(&wait, 100);
	if (clv_session_retry_at_ms(a->s) != 0) /* the seconds to the next try are counted down */
		sooner(&wait, 1000 - now % 1000);
	sooner(&wait, drawn + AGES_MS - now);
	if (app_top(a)->redraw_at != 0)
		sooner(&wait, app_top(a)->redraw_at - a->skew_ms - app_wall_ms());
	if (lock_at(a) != 0)
		sooner(&wait, lock_at(a) - now);
	if (needs_frame(a) && !term_busy())
		sooner(&wait, held_until(a) - now);
	return wait;
}

static int64_t local_offset_ms(void)
{
	struct tm tm;
	time_t now = time(NULL);
	return localtime_r(&now, &tm) != NULL ? (int64_t)tm.tm_gmtoff * 1000 : 0;
}

/* --- a frame --- */

static void set_title(struct app *a)
{
	struct clv_text *cut = app_title(a);
	if (strcmp(text_str(cut), a->title) != 0) {
		snprintf(a->title, sizeof(a->title), "%s", text_str(cut));
		term_title(cut);
	}
	text_free(cut);
}

static void draw(struct app *a)
{
	struct canvas c;
	if (term_busy())
		return;
	term_begin(&c);
	app_draw(a, &c);
	app_ask(a); /* drawing may have found rows that are not loaded */
	term_end();
	a->dirty = a->e.dirty = false;
	set_title(a);
	if (a->ask_ready || a->e.ask_ready) {
		a->ask_ready = a->e.ask_ready = false;
		a->q.asked_at_ms = a->q.last_byte_ms = a->e.asked_at_ms = app_mono_ms();
		a->ready_owed++;
		term_ask_ready();
	}
}

static void turn(struct app *a, const sigset_t *open_mask, int64_t *drawn)
{
	struct pollfd p[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
	                      {.fd = clv_session_fd(a->s), .events = clv_session_events(a->s)},
	                      {.fd = term_out_fd(), .events = POLLOUT}};
	int wait = next_wait(a, app_mono_ms(), *drawn);
	struct timespec ts = {.tv_sec = wait / 1000, .tv_nsec = (long)(wait % 1000) * 1000000};
	int n = ppoll(p, 3, wait >= 0 ? &ts : NULL, open_mask);
	int64_t now = app_mono_ms();
	if (got_end != 0) {
		a->quit = true;
		return;
	}
	if (got_winch != 0) {
		got_winch = 0;
		term_resize();
		a->dirty = a->e.dirty = true;
	}
	if (got_stop != 0) {
		got_stop = 0;
		entry_stop(a);
		if (a->mode == MODE_ENTRY)
			after_entry(a);
		else
			suspend(a);
	}
	if (n > 0 && p[2].revents != 0)
		(void)term_flush();
	if (n > 0 && p[0].revents != 0)
		read_terminal(a);
	else if (a->mode == MODE_ENTRY)
		entry_tick(a);
	else
		take_keys(a); /* an Esc whose time has come */
	if (lock_at(a) != 0 && now >= lock_at(a))
		app_lock(a);
	if (a->mode != MODE_LOCKED) {
		clv_session_step(a->s);
		app_take(a);
		app_ask(a);
		clv_session_step(a->s); /* what was asked goes out in the same turn */
	}
	check_unseen(a, now);
	if (clv_session_retry_at_ms(a->s) != 0 || now - *drawn >= AGES_MS)
		a->dirty = true;
	if (app_top(a)->redraw_at != 0 && app_wall_ms() + a->skew_ms >= app_top(a)->redraw_at)
		a->dirty = true;
	if (needs_frame(a) && app_mono_ms() >= held_until(a)) {
		draw(a);
		if (a->mode != MODE_LOCKED)
			clv_session_step(a->s);
		*drawn = app_mono_ms();
	}
}

/* --- start and end --- */

static void app_release(struct app *a)
{
	question_end(a);
	while (a->depth > 0)
		view_close(a->stack[--a->depth]);
	for (size_t i = 0; i < a->n_acts; i++) {
		clv_free(a->acts[i].object.name);
		clv_free(a->acts[i].fingerprint);
		clv_free(a->acts[i].reason);
	}
	clv_free(a->acts);
	export_drop(a);
	places_release(a);
	for (size_t i = 0; i < a->n_history; i++)
		clv_free(a->history[i]);
	clv_free(a->dropped);
	runas_release(&a->runas);
	entry_release(&a->e);
	facts_whoami_free(a->who);
	clv_session_free(a->s);
	clv_free(a);
}

/* The screen that was asked for, or the one that stood when it ended here; never an act. */
static void open_first(struct app *a, const char *view)
{
	bool keeps = !a->o->restricted && !a->o->settings.no_restore;
	char *last = view == NULL && keeps ? state_load(clv_session_server(a->s)) : NULL;
	if (view != NULL)
		app_command(a, view);
	else if (last != NULL)
		app_command(a, last);
	clv_free(last);
}

static void remember_screen(struct app *a)
{
	char screen[VIEW_FILTER_MAX + 40];
	if (a->o->restricted || a->o->settings.no_restore)
		return;
	for (size_t i = a->depth; i-- > 0;) {
		struct list *l = list_of(a->stack[i]);
		if (l == NULL && i > 0)
			continue; /* a page's place is its list */
		snprintf(screen, sizeof(screen), "%s%s%s", a->stack[i]->ops->name,
		         l != NULL && l->filter[0] != '\0' ? " " : "", l != NULL ? l->filter : "");
		state_save(clv_session_server(a->s), screen);
		return;
	}
}

static void run(struct app *a, const char *view)
{
	sigset_t open_mask;
	int64_t drawn = app_mono_ms();
	bool remembered = false;
	struct clv_err err = {0};
	catch_signals(&open_mask);
	a->stack[a->depth++] = view_overview_open();
	open_first(a, view);
	a->dirty = true;
	a->key_at_ms = app_mono_ms();
	draw(a); /* the first paint waits for nobody */
	clv_session_step(a->s);
	app_take(a);
	app_ask(a);
	clv_session_step(a->s);
	while (!a->quit && clv_session_state(a->s) != CLV_SESSION_FAILED) {
		turn(a, &open_mask, &drawn);
		if (!remembered && clv_session_state(a->s) == CLV_SESSION_OPEN) {
			remembered = true;
			if (options_remember(a->o, a->s, &err) != CLV_OK)
				app_say(a, INK_LOOK, "%.300s", err.text);
		}
	}
	remember_screen(a);
	sigprocmask(SIG_SETMASK, &open_mask, NULL);
}

int screen_run(struct options *o, const char *view)
{
	struct clv_err err = {0};
	struct app *a = clv_calloc(1, sizeof(*a));
	int code = EXIT_FAILED;
	a->o = o;
	a->exit_code = EXIT_DONE;
	a->s = options_session(o, &err);
	struct term_opts t = {.ascii = o->settings.ascii, .plain = o->plain};
	if (a->s == NULL || term_open(&t, &err) != CLV_OK) {
		code = batch_fail(&err);
		app_release(a);
		return code;
	}
	if (setup_start(a, &err) != CLV_OK) {
		term_close();
		code = batch_fail(&err);
		app_release(a);
		return code;
	}
	a->hit = -1;
	a->ctx.restricted = o->restricted;
	a->ctx.plain = o->plain;
	if (o->settings.own_keys)
		a->ctx.keys = (const char *const *)o->settings.keys;
	a->ctx.read_only = o->read_only;
	a->ctx.label = o->label;
	a->ctx.time.local_ms = local_offset_ms();
	input_init(&a->in, term_esc_ms());
	run(a, view);
	term_close();
	code = a->exit_code;
	if (clv_session_state(a->s) == CLV_SESSION_FAILED) {
		batch_fail(clv_session_error(a->s));
		code = EXIT_UNREACHABLE;
	}
	app_release(a);
	if (got_end != 0) { /* die of what we were asked to die of */
		signal((int)got_end, SIG_DFL);
		raise((int)got_end);
	}
	return code;
}
