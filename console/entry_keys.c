/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the password form: read from the terminal straight into locked memory, taken apart
 * there, one character at a time handed to the field; that one is wiped.
 */
#include "console/app.h"
#include "console/entry_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- keys --- */

static clv_rc drop_char(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	(void)cap;
	(void)err;
	bool word = *(const bool *)ctx, any = false;
	while (*len > 0) {
		uint8_t c = bytes[--*len];
		if (word ? any && *len > 0 && bytes[*len - 1] == ' ' : (c & 0xc0) != 0x80)
			break;
		any = any || c != ' ';
	}
	return CLV_OK;
}

static void erase(struct entry *e, bool word)
{
	struct clv_err err;
	size_t len = strlen(e->path);
	e->dirty = true;
	e->loaded = false;
	if (e->type != CLV_ACCOUNT_BINARY) {
		if (secret_edit(e->field[e->at], drop_char, &word, &err) != CLV_OK)
			clv_fatal("a field could not be shortened");
		return;
	}
	while (len > 0 && ((unsigned char)e->path[len - 1] & 0xc0) == 0x80)
		len--;
	e->path[len > 0 ? len - 1 : 0] = '\0';
}

static void add(struct entry *e, const char *s, size_t len)
{
	struct clv_err err = {0};
	e->dirty = true;
	e->said[0] = '\0';
	if (e->type == CLV_ACCOUNT_BINARY) {
		size_t used = strlen(e->path);
		e->loaded = false;
		if (used + len < sizeof(e->path)) {
			memcpy(e->path + used, s, len);
			e->path[used + len] = '\0';
		}
		return;
	}
	if (secret_append(e->field[e->at], s, len, &err) != CLV_OK)
		entry_say(e, INK_LOOK, "At most %u bytes: the rest was not taken.", ENTRY_TYPED);
}

/* A line end at the end of a paste belongs to where it was copied from, not to the password. */
static void paste(struct entry *e, const char *s, size_t len)
{
	bool control = false;
	while (len > 0 && (s[len - 1] == '\r' || s[len - 1] == '\n'))
		len--;
	for (size_t i = 0; i < len; i++)
		control = control || (unsigned char)s[i] < 0x20 || s[i] == 0x7f;
	if (control)
		entry_say(e, INK_LOOK,
		          "What was pasted has a line end or a control character in it: not taken.");
	else if (len >= ENTRY_TYPED)
		entry_say(e, INK_LOOK, "More than %u bytes were pasted: not taken.", ENTRY_TYPED);
	else
		add(e, s, len);
}

static void move_to(struct entry *e, int by)
{
	int n = (int)e->n_fields;
	e->at = (unsigned)(((int)e->at + by + n) % n);
	e->dirty = true;
}

static void enter_key(struct app *a)
{
	struct entry *e = &a->e;
	if (e->ssh)
		ask_typed(a);
	else if (e->type == CLV_ACCOUNT_BINARY && !e->loaded)
		entry_load(a);
	else if (e->at + 1 < e->n_fields)
		move_to(e, 1);
	else
		entry_save(a);
}

static void leave(struct app *a, const char *why)
{
	entry_ended(a);
	entry_say(&a->e, INK_DIM, "%s Nothing was %s, fields wiped.", why, a->e.ssh ? "sent" : "saved");
}

/* ^N: this one later, the next one now. */
static void later(struct app *a)
{
	char next[VIEW_ID_MAX];
	if (a->e.next[0] == '\0')
		return;
	entry_wipe(&a->e);
	snprintf(next, sizeof(next), "%s", a->e.next);
	a->e.closing = true;
	snprintf(a->entry_next, sizeof(a->entry_next), "%s", next);
	a->entry_said[0] = '\0';
}

static void control_key(struct app *a, char c)
{
	struct entry *e = &a->e;
	if (c == 'U') {
		secret_clear(e->field[e->at]);
		explicit_bzero(e->path, sizeof(e->path));
		e->loaded = false;
		e->dirty = true;
	} else if (c == 'W') {
		erase(e, true);
	} else if (c == 'N') {
		later(a);
	} else if (c == 'C') {
		leave(a, "Left.");
	}
}

static void typing_key(struct app *a, const struct key *k)
{
	struct entry *e = &a->e;
	switch (k->code) {
	case KEYC_CHAR:
		add(e, k->ch, strlen(k->ch));
		break;
	case KEYC_PASTE:
		paste(e, k->text, k->len);
		break;
	case KEYC_BACKSPACE:
		erase(e, false);
		break;
	case KEYC_CTRL:
		control_key(a, k->ch[0]);
		break;
	case KEYC_TAB:
	case KEYC_DOWN:
		move_to(e, 1);
		break;
	case KEYC_BACKTAB:
	case KEYC_UP:
		move_to(e, -1);
		break;
	case KEYC_F1:
		e->help = !e->help;
		e->dirty = true;
		break;
	case KEYC_ESC:
		leave(a, "Left.");
		break;
	case KEYC_ENTER:
		enter_key(a);
		break;
	default:
		break;
	}
}

void entry_stop(struct app *a)
{
	if (a->mode != MODE_ENTRY)
		return;
	entry_wipe(&a->e);
	a->e.suspend = true;
}

static void one_key(struct app *a, const struct key *k)
{
	struct entry *e = &a->e;
	bool stop = k->code == KEYC_ESC || (k->code == KEYC_CTRL && k->ch[0] == 'C');
	if (k->code == KEYC_READY) {
		a->ready_owed -= a->ready_owed > 0;
		if (a->ready_owed == 0 && !e->ask_ready)
			e->unseen = false;
		return;
	}
	if (k->code == KEYC_CTRL && k->ch[0] == 'L') {
		e->repaint = e->dirty = true;
	} else if (k->code == KEYC_CTRL && k->ch[0] == 'Z') {
		entry_stop(a);
	} else if (e->state == ENTRY_ENDED) {
		e->closing = e->closing || k->code == KEYC_ENTER;
	} else if (e->state == ENTRY_ASKING && stop) {
		leave(a, "Left.");
	} else if (e->state == ENTRY_TYPING && !e->unseen) {
		typing_key(a, k);
	}
}

/* --- bytes --- */

static void work(struct app *a, struct keybuf *b)
{
	struct key k;
	int64_t now = app_mono_ms();
	while (!a->e.closing && input_next(&b->in, now, &k))
		one_key(a, &k);
	explicit_bzero(&k, sizeof(k));
}

static clv_rc feed(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct app *a = ctx;
	struct keybuf *b = (struct keybuf *)(void *)bytes;
	int64_t now = app_mono_ms();
	(void)len;
	(void)err;
	(void)cap;
	ssize_t n = a->entry_fd >= 0 ? read(a->entry_fd, b->read, sizeof(b->read)) : 0;
	if (a->entry_fd >= 0 && n <= 0 && errno != EINTR && errno != EAGAIN)
		a->e.gone = true;
	if (n > 0) {
		a->e.last_byte_ms = now;
		input_feed(&b->in, b->read, (size_t)n, now);
		explicit_bzero(b->read, (size_t)n);
	}
	work(a, b);
	return CLV_OK;
}

static void run(struct app *a, int fd)
{
	struct clv_err err;
	a->entry_fd = fd;
	errno = 0;
	if (secret_edit(a->e.keys, feed, a, &err) != CLV_OK)
		clv_fatal("the form's keys could not be read");
	claim_key(a);
	if (a->e.gone) {
		a->quit = true;
		a->exit_code = EXIT_FAILED;
	}
	if (a->e.closing)
		entry_close(a);
}

void entry_read(struct app *a, int fd)
{
	run(a, fd);
}

void entry_tick(struct app *a)
{
	struct entry *e = &a->e;
	int64_t now = app_mono_ms();
	if (e->state == ENTRY_TYPING && e->unseen && !e->ask_ready && now - e->asked_at_ms >= 1000 &&
	    now - e->last_byte_ms >= 300) { /* a terminal that does not say when it has shown all */
		e->unseen = false;
		a->ready_owed = 0;
	}
	if (e->state == ENTRY_TYPING && now - e->last_byte_ms >= ENTRY_IDLE_MS) {
		entry_ended(a);
		entry_say(e, INK_LOOK,
		          "Entry has ended: nothing was typed for 5 min. Nothing was sent, fields wiped.");
	}
	run(a, -1);
}

static clv_rc look_timeout(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	int64_t now = app_mono_ms();
	(void)err;
	*(int *)ctx = input_timeout_ms(&((const struct keybuf *)(const void *)bytes.ptr)->in, now);
	return CLV_OK;
}

int entry_timeout_ms(const struct app *a, int64_t now)
{
	const struct entry *e = &a->e;
	struct clv_err err;
	int wait = -1;
	int64_t idle = e->last_byte_ms + ENTRY_IDLE_MS - now;
	if (secret_use(e->keys, look_timeout, &wait, &err) != CLV_OK)
		return 0;
	if (e->state == ENTRY_TYPING && (wait < 0 || idle < wait))
		wait = idle > 0 ? (int)idle : 0;
	if (e->unseen && (wait < 0 || wait > 100))
		wait = 100;
	return wait;
}
