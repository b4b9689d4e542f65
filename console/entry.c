/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The password form. Keys are read from the terminal into locked memory and become characters of
 * locked fields there; nothing of them passes through ordinary memory but one character at a time,
 * which is wiped. Wiped on every way out: Enter, Esc, ^C, ^N, ^Z, a lost line, a signal, silence.
 */
#include "console/app.h"
#include "console/entry_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void entry_say(struct entry *e, unsigned ink, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->said, sizeof(e->said), fmt, ap);
	va_end(ap);
	e->said_ink = ink;
	e->dirty = true;
}

void entry_wipe(struct entry *e)
{
	for (size_t i = 0; i < ENTRY_FIELDS; i++) {
		if (e->field[i] != NULL)
			secret_clear(e->field[i]);
	}
	explicit_bzero(e->path, sizeof(e->path));
	e->loaded = false;
	e->at = 0;
	e->dirty = true;
}

void entry_release(struct entry *e)
{
	for (size_t i = 0; i < ENTRY_FIELDS; i++)
		secret_free(e->field[i]);
	secret_free(e->keys);
	clv_free(e->ssh_title);
	clv_free(e->ssh_text);
	facts_intake_free(e->intake);
	*e = (struct entry){0};
}

/* Over, for whatever reason: what was typed is gone, and only Enter is heard (design 8). */
void entry_ended(struct app *a)
{
	struct entry *e = &a->e;
	entry_wipe(e);
	if (e->ssh)
		ask_left(a);
	claim_leave(a);
	e->state = ENTRY_ENDED;
	e->req = 0;
	e->unseen = false;
}

/* --- opening --- */

static clv_rc init_keys(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct keybuf *k = (struct keybuf *)(void *)bytes;
	(void)err;
	input_init(&k->in, *(const int *)ctx);
	*len = cap;
	return CLV_OK;
}

static clv_rc make_secrets(struct app *a, struct clv_err *err)
{
	struct entry *e = &a->e;
	e->keys = secret_new(sizeof(struct keybuf), err);
	if (e->keys == NULL || secret_fill(e->keys, init_keys, &a->in.esc_ms, err) != CLV_OK)
		return CLV_FAILED;
	for (size_t i = 0; i < e->n_fields; i++) {
		e->field[i] = secret_new(e->type == CLV_ACCOUNT_BINARY ? CLV_PASSWORD_MAX : ENTRY_TYPED, err);
		if (e->field[i] == NULL)
			return CLV_FAILED;
	}
	return CLV_OK;
}

void entry_begin_for(struct app *a, const char *name, enum clv_account_type type, bool privacy)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};
	entry_release(e);
	e->type = type;
	e->privacy = privacy;
	e->n_fields = type == CLV_ACCOUNT_BINARY ? 1 : type == CLV_ACCOUNT_SNMPV3 && privacy ? 4 : 2;
	snprintf(e->account, sizeof(e->account), "%s", name);
	/* what was typed before the form was there is none of its characters */
	input_wipe(&a->in);
	if (a->o != NULL && a->o->secrets_why[0] != '\0') {
		app_say(a, INK_LOOK, "%s", a->o->secrets_why);
		return;
	}
	if (type == CLV_ACCOUNT_BINARY && a->o != NULL && a->o->restricted) {
		app_say(a, INK_LOOK, "Not in restricted mode: this account's password is a file.");
		return;
	}
	if (make_secrets(a, &err) != CLV_OK) {
		entry_release(e);
		app_say(a, INK_LOOK, "Not done: %.300s", err.text);
		return;
	}
	claim_begin(a); /* first: who else is at it stands in the form from its first frame on */
	if ((e->req = clv_session_intake(a->s, name, &err)) == 0) {
		claim_leave(a);
		entry_release(e);
		app_say(a, INK_LOOK, "Not done: %.300s", err.text);
		return;
	}
	e->state = ENTRY_ASKING;
	e->dirty = true;
	e->last_byte_ms = app_mono_ms();
	a->mode = MODE_ENTRY;
	a->message[0] = '\0';
}

static bool needs_entry(const struct clv_account_fact *f)
{
	if (f->state == CLV_ACCOUNT_NEEDS_REENTRY)
		return f->recovery == CLV_RECOVERY_NONE || f->recovery == CLV_RECOVERY_TO_ENTER;
	return f->state == CLV_ACCOUNT_NEVER_ENTERED;
}

/* The next account of the list that a person has to enter and nobody else is at; NULL: none. */
static const struct clv_account_fact *next_account(const struct app *a, const char *after)
{
	struct list *l = list_of(app_top(a));
	bool seen = false;
	if (l == NULL || l->lo->kind != CLV_LIST_ACCOUNTS)
		return NULL;
	for (size_t i = 0; i < l->rows.n; i++) {
		const struct clv_account_fact *f = &l->rows.u.accounts[i];
		if (seen && needs_entry(f) && (f->claim_by[0] == '\0' || f->claim_mine))
			return f;
		seen = seen || strcmp(f->name, after) == 0;
	}
	return NULL;
}

static void find_next(struct app *a)
{
	const struct clv_account_fact *f = next_account(a, a->e.account);
	snprintf(a->e.next, sizeof(a->e.next), "%s", f != NULL ? f->name : "");
}

static void begin_fact(struct app *a, const struct clv_account_fact *f)
{
	bool privacy = f->privacy_protocol[0] != '\0' && strcmp(f->privacy_protocol, "none") != 0;
	bool row = needs_entry(f);
	char name[VIEW_ID_MAX];
	snprintf(name, sizeof(name), "%s", f->name);
	entry_begin_for(a, name, f->type, privacy);
	if (row && a->e.state != ENTRY_OFF)
		find_next(a);
}

void entry_begin(struct app *a)
{
	struct view *v = app_top(a);
	struct target t;
	if (v->ops->target != NULL && v->ops->target(v, &t) && t.account != NULL)
		begin_fact(a, t.account);
}

/* From here on the terminal says when the form is on the screen; what comes before is not heard. */
static void begin_typing(struct app *a)
{
	struct entry *e = &a->e;
	e->state = ENTRY_TYPING;
	e->unseen = e->ask_ready = e->dirty = true;
	e->asked_at_ms = e->last_byte_ms = app_mono_ms();
}

void entry_begin_ssh(struct app *a, const char *title, const char *text, bool shown)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};
	entry_release(e);
	input_wipe(&a->in);
	e->ssh = true;
	e->shown = shown;
	e->type = CLV_ACCOUNT_SIMPLE;
	e->n_fields = 1;
	e->ssh_title = clv_strdup(title);
	e->ssh_text = clv_strdup(text);
	if (make_secrets(a, &err) != CLV_OK) {
		ask_left(a);
		entry_release(e);
		app_say(a, INK_LOOK, "Not done: %.300s",
		        a->o->secrets_why[0] != '\0' ? a->o->secrets_why : err.text);
		return;
	}
	a->mode = MODE_ENTRY;
	a->message[0] = '\0';
	begin_typing(a);
}

/* --- saving --- */

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

static clv_rc send(struct app *a, struct clv_err *err)
{
	struct entry *e = &a->e;
	struct clv_secret *all = secret_new(CLV_PASSWORD_MAX, err);
	clv_rc rc = CLV_FAILED;
	if (all == NULL || secret_use(e->field[0], append, all, err) != CLV_OK)
		goto out;
	if (e->n_fields == 4 && (secret_append(all, "\n", 1, err) != CLV_OK ||
	                         secret_use(e->field[2], append, all, err) != CLV_OK))
		goto out;
	e->req = clv_session_enter(a->s, e->intake, all, NULL, false, err);
	rc = e->req != 0 ? CLV_OK : CLV_FAILED;
out:
	secret_free(all);
	return rc;
}

/* Enter on the last field. */
void entry_save(struct app *a)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};
	for (unsigned i = 0; i < e->n_fields; i += 2) {
		if (secret_len(e->field[i]) == 0) {
			entry_say(e, INK_LOOK, "An empty password is none. Nothing was saved.");
			e->at = i;
			return;
		}
		if (e->n_fields > 1 && !secret_eq(e->field[i], e->field[i + 1])) { /* message 8 */
			entry_wipe(e);
			entry_say(e, INK_LOOK,
			          "The two entries differ. Nothing was saved; %s fields are empty.",
			          e->n_fields == 2 ? "both" : "all");
			return;
		}
	}
	if (send(a, &err) != CLV_OK) {
		entry_ended(a);
		entry_say(e, INK_BAD, "Entry has ended: %.250s. Nothing was sent, fields wiped.", err.text);
		return;
	}
	entry_wipe(e);
	e->state = ENTRY_SAVING;
	e->said[0] = '\0';
}

static clv_rc read_file(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	int fd = *(const int *)ctx;
	uint8_t one;
	while (*len < cap) {
		ssize_t n = read(fd, bytes + *len, cap - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, CLV_E_IO, "cannot read it");
		if (n == 0)
			return CLV_OK;
		*len += (size_t)n;
	}
	return read(fd, &one, 1) == 0 ? CLV_OK : err_set(err, CLV_E_LIMIT, "it has more than %zu bytes", cap);
}

/* A binary account: the file's bytes as they are. First Enter reads, the second saves. */
void entry_load(struct app *a)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};
	struct stat st;
	int fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	secret_clear(e->field[0]);
	e->loaded = false;
	if (fd < 0 || fstat(fd, &st) != 0)
		(void)err_sys(&err, CLV_E_IO, "cannot open it");
	else if (!S_ISREG(st.st_mode))
		(void)err_set(&err, CLV_E_USAGE, "it is no file");
	else if (secret_edit(e->field[0], read_file, &fd, &err) == CLV_OK)
		e->loaded = secret_len(e->field[0]) > 0;
	if (e->loaded)
		entry_say(e, INK_PLAIN, "%zu bytes were read. Enter saves them as the new version.",
		          secret_len(e->field[0]));
	else
		entry_say(e, INK_LOOK, "%.200s: %.150s. Nothing was saved.", e->path,
		          err.text[0] != '\0' ? err.text : "it is empty");
	if (fd >= 0)
		close(fd);
}

/* --- answers --- */

void entry_close(struct app *a)
{
	char said[400];
	struct list *l = list_of(app_top(a));
	const struct clv_account_fact *f = NULL;
	claim_leave(a);
	entry_release(&a->e);
	a->mode = MODE_LOOK;
	a->dirty = true;
	for (size_t i = 0; a->entry_next[0] != '\0' && l != NULL && i < l->rows.n; i++) {
		if (l->lo->kind == CLV_LIST_ACCOUNTS &&
		    strcmp(l->rows.u.accounts[i].name, a->entry_next) == 0)
			f = &l->rows.u.accounts[i];
	}
	a->entry_next[0] = '\0';
	if (f == NULL)
		return;
	snprintf(said, sizeof(said), "%s", a->entry_said);
	begin_fact(a, f);
	if (a->e.state != ENTRY_OFF && said[0] != '\0')
		entry_say(&a->e, INK_GOOD, "%s", said);
}

static void saved(struct app *a, const struct clv_reply *r)
{
	struct entry *e = &a->e;
	char host[VIEW_ID_MAX];
	if (r->text != NULL && r->text[0] != '\0')
		entry_say(e, INK_GOOD, "%.390s", r->text);
	else /* message 10 */
		entry_say(e, INK_GOOD, "Saved, sealed for %.100s's key holder.",
		          view_name(&a->ctx, e->intake->server, host, sizeof(host)));
	if (e->next[0] == '\0') {
		entry_ended(a);
		return;
	}
	snprintf(a->entry_next, sizeof(a->entry_next), "%s", e->next);
	snprintf(a->entry_said, sizeof(a->entry_said), "%s", e->said);
	entry_close(a);
}

static const char *server_name(const struct app *a, char *buf, size_t size)
{
	return a->ctx.server != NULL ? view_name(&a->ctx, a->ctx.server, buf, size)
	                             : clv_session_server(a->s);
}

bool entry_take(struct app *a, const struct clv_reply *r)
{
	struct entry *e = &a->e;
	if (e->state == ENTRY_OFF || e->req == 0 || r->req != e->req)
		return false;
	bool saving = e->state == ENTRY_SAVING;
	char host[VIEW_ID_MAX];
	e->req = 0;
	if (r->kind == CLV_REPLY_DROPPED) {
		entry_ended(a);
		if (!saving)
			entry_say(e, INK_BAD,
			          "Entry has ended: line to %.100s lost. Nothing was sent, fields wiped.",
			          server_name(a, host, sizeof(host)));
		else
			entry_say(e, INK_BAD, "Entry has ended: line to %.100s lost. %s",
			          server_name(a, host, sizeof(host)),
			          r->sent ? "It may have been saved: look before you enter it again."
			                  : "Nothing was sent, fields wiped.");
	} else if (r->kind == CLV_REPLY_INTAKE && r->intake != NULL &&
	           strcmp(r->intake->account, e->account) != 0) {
		entry_ended(a); /* the name on the screen is the one it is sealed for */
		entry_say(e, INK_BAD, "Not begun: the server answered for another account.");
	} else if (r->kind == CLV_REPLY_INTAKE && r->intake != NULL && e->state == ENTRY_ASKING) {
		struct clv_reply *mine = (struct clv_reply *)(uintptr_t)r;
		e->intake = mine->intake;
		mine->intake = NULL;
		begin_typing(a);
	} else if (r->kind == CLV_REPLY_DONE && saving) {
		saved(a, r);
	} else {
		entry_ended(a);
		entry_say(e, INK_BAD, "Not %s: %.300s", saving ? "saved" : "begun",
		          r->text != NULL ? r->text : "the server gave another answer");
	}
	return true;
}

void entry_line_lost(struct app *a)
{
	struct entry *e = &a->e;
	char host[VIEW_ID_MAX];
	if (e->state != ENTRY_TYPING && e->state != ENTRY_ASKING)
		return;
	entry_ended(a); /* message 9 */
	entry_say(e, INK_BAD, "Entry has ended: line to %.100s lost. Nothing was sent, fields wiped.",
	          server_name(a, host, sizeof(host)));
}
