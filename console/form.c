/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A form of text fields and choices: Tab and arrows move, Enter goes on or saves, Esc leaves. What
 * it saves is an act, planned first where it has a plan.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

static void title_of(struct form *f)
{
	static const char *const titles[] = {[FORM_ACCOUNT_ADD] = "A new account",
	                                     [FORM_ACCOUNT_CHANGE] = "Change account %s",
	                                     [FORM_SEND] = "Send account %s to hosts",
	                                     [FORM_PROFILE_ADD] = "A new profile",
	                                     [FORM_ASSOCIATE] = "Profile %s uses"};
	const char *t = titles[f->kind], *s = strstr(t, "%s");
	if (s == NULL)
		snprintf(f->title, sizeof(f->title), "%s", t);
	else
		snprintf(f->title, sizeof(f->title), "%.*s%s%s", (int)(s - t), t, f->name, s + 2);
}

static void goes_to(struct form *f, const struct clv_account_detail *d)
{
	size_t used = (size_t)snprintf(f->info, sizeof(f->info), "Goes to: ");
	for (size_t i = 0; i < d->n_goes_to && used < sizeof(f->info); i++) {
		int n =
		    snprintf(f->info + used, sizeof(f->info) - used, "%s%s", i > 0 ? " " : "", d->goes_to[i]);
		used += n > 0 ? (size_t)n : 0;
	}
	if (d->account.less_secure)
		snprintf(f->info, sizeof(f->info), "Goes to every agent (less secure).");
	else if (d->n_goes_to == 0)
		snprintf(f->info, sizeof(f->info), "Goes to no host yet.");
}

void form_begin(struct app *a, enum form_kind kind)
{
	struct view *v = app_top(a);
	struct form *f = &a->form;
	struct target t = {.name = NULL};
	struct clv_err err;
	bool have = v->ops->target != NULL && v->ops->target(v, &t);
	bool adds = kind == FORM_ACCOUNT_ADD || kind == FORM_PROFILE_ADD;
	if (!adds && !have)
		return;
	*f = (struct form){.kind = kind, .row_version = adds ? 0 : t.row_version};
	snprintf(f->name, sizeof(f->name), "%s", adds ? "" : t.name);
	form_fields(f, &t);
	title_of(f);
	if (kind == FORM_ACCOUNT_ADD)
		snprintf(f->info, sizeof(f->info),
		         "It goes to no host until you say so, and has no password until you enter it.");
	else if (kind == FORM_SEND && t.detail != NULL)
		goes_to(f, t.detail);
	else if (kind == FORM_SEND)
		f->req = clv_session_account(a->s, f->name, false, &err);
	a->mode = MODE_FORM;
	a->message[0] = '\0';
	a->dirty = true;
}

void form_again(struct app *a)
{
	a->mode = MODE_FORM;
	a->dirty = true;
}

bool form_take(struct app *a, const struct clv_reply *r)
{
	struct form *f = &a->form;
	if (f->req == 0 || r->req != f->req)
		return false;
	f->req = 0;
	if (r->kind == CLV_REPLY_ACCOUNT && r->account != NULL)
		goes_to(f, r->account);
	a->dirty = true;
	return true;
}

/* --- keys --- */

static void move_by(struct form *f, int by)
{
	do {
		f->at = (f->at + by + f->n + 1) % (f->n + 1);
	} while (f->at < f->n && !form_visible(f, f->at));
	f->error[0] = '\0';
}

static void add(struct form_field *x, const char *s, size_t len)
{
	size_t used = strlen(x->text);
	for (size_t i = 0; i < len && used + 5 < sizeof(x->text); i++) {
		unsigned char c = (unsigned char)s[i];
		x->text[used++] = c < 0x20 || c == 0x7f ? ' ' : s[i]; /* a pasted line feed saves nothing */
	}
	x->text[used] = '\0';
}

static void erase(struct form_field *x, bool word)
{
	size_t n = strlen(x->text);
	if (!word) {
		while (n > 0 && ((unsigned char)x->text[n - 1] & 0xc0) == 0x80)
			n--;
		n -= n > 0;
	} else {
		while (n > 0 && x->text[n - 1] == ' ')
			n--;
		while (n > 0 && x->text[n - 1] != ' ')
			n--;
	}
	x->text[n] = '\0';
}

static void choose(struct form_field *x, int by)
{
	int n = 0;
	while (x->choices[n] != NULL)
		n++;
	if (n > 0)
		x->choice = (x->choice + by + n) % n;
}

static void leave(struct app *a)
{
	a->form.req = 0;
	a->mode = MODE_LOOK;
	app_say(a, INK_DIM, "Nothing was done.");
}

static void save(struct app *a)
{
	struct form *f = &a->form;
	struct form_words w;
	struct clv_act act;
	struct clv_err err = {0};
	if (a->ctx.fresh == FRESH_STALE) {
		snprintf(f->error, sizeof(f->error),
		         "Not done: there is no line to the server. What you typed stays.");
		return;
	}
	if (form_act(f, &act, &w, &err) != CLV_OK) {
		snprintf(f->error, sizeof(f->error), "%.290s", err.text);
		return;
	}
	f->req = 0;
	a->mode = MODE_LOOK;
	app_act_begin(a, &act, true);
}

static void edit(struct form *f, const struct key *k)
{
	struct form_field *x = &f->f[f->at];
	bool text = x->choices == NULL;
	f->error[0] = '\0';
	if (!text && (k->code == KEYC_LEFT || k->code == KEYC_RIGHT))
		choose(x, k->code == KEYC_RIGHT ? 1 : -1);
	else if (!text && k->code == KEYC_CHAR && k->ch[0] == ' ')
		choose(x, 1);
	else if (!text)
		return;
	else if (k->code == KEYC_CHAR)
		add(x, k->ch, strlen(k->ch));
	else if (k->code == KEYC_PASTE)
		add(x, k->text, k->len);
	else if (k->code == KEYC_BACKSPACE)
		erase(x, false);
	else if (k->code == KEYC_CTRL && k->ch[0] == 'U')
		x->text[0] = '\0';
	else if (k->code == KEYC_CTRL && k->ch[0] == 'W')
		erase(x, true);
}

void form_key(struct app *a, const struct key *k)
{
	struct form *f = &a->form;
	a->dirty = true;
	if (k->code == KEYC_ESC || (k->code == KEYC_CTRL && k->ch[0] == 'C'))
		leave(a);
	else if (k->code == KEYC_ENTER && f->at == f->n)
		save(a);
	else if (k->code == KEYC_TAB || k->code == KEYC_DOWN || k->code == KEYC_ENTER)
		move_by(f, 1);
	else if (k->code == KEYC_BACKTAB || k->code == KEYC_UP)
		move_by(f, -1);
	else if (f->at < f->n)
		edit(f, k);
}
