/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the group came back from a loss: its steps, and every account whose password had to be entered
 * again, who is at it and how many hosts confirmed it (design 7). What is to be entered comes first, most
 * hosts first. Hosts keep and use what they hold meanwhile. Only what is known is shown.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

#define NARROW   60
#define DAY_MS   86400000LL
#define HEAD_MIN 10 /* rows of the view from which on the head has all its lines */

enum col { COL_ACCOUNT, COL_KEPT_BY, COL_HOSTS, COL_STATE, COL_NOTE };

static const struct column columns[] = {
    [COL_ACCOUNT] = {"ACCOUNT", "name", 0, 16, 10, 40, 0, false, true},
    [COL_KEPT_BY] = {"KEPT BY", "kept_by", 1, 12, 0, 30, 2, false, true},
    [COL_HOSTS] = {"HOSTS", "targets", 1, 7, 0, 0, 0, true, false},
    [COL_STATE] = {"STATE", "recovery", 2, 38, 0, 60, 0, false, false},
    [COL_NOTE] = {"NOTE", NULL, 1, 20, 0, 80, 1, false, false},
};

static int recover_width(const struct list *l, int col, int total, const struct view_ctx *ctx)
{
	(void)l;
	(void)ctx;
	return col == COL_STATE && total < NARROW ? 18 : columns[col].width;
}

static void recover_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%s", rows->u.accounts[i].name);
}

static enum sign recover_sign(const struct clv_rows *rows, size_t i)
{
	const struct clv_account_fact *a = &rows->u.accounts[i];
	switch (a->recovery) {
	case CLV_RECOVERY_ENTERED:
		return a->trial == CLV_TRIAL_OPENED ? SIGN_LOOK : SIGN_MOVING;
	case CLV_RECOVERY_CONFIRMED:
		return SIGN_GOOD;
	case CLV_RECOVERY_ASIDE:
		return SIGN_ASIDE;
	default:
		return SIGN_LOOK;
	}
}

/* --- the state of one account --- */

static void entered_text(const struct clv_account_fact *a, bool narrow, char *out, size_t size)
{
	char have[FMT_MAX], all[FMT_MAX], off[FMT_MAX];
	if (a->version != a->released) {
		snprintf(out, size, "%s",
		         a->trial == CLV_TRIAL_OPENED
		             ? narrow ? "waits for a word" : "one host has it, it waits for a word"
		         : narrow ? "one host tries it"
		                  : "one host tries it first");
		return;
	}
	fmt_count(have, a->confirmed);
	fmt_count(all, a->targets);
	if (a->targets == 0)
		snprintf(out, size, "entered");
	else if (a->offline == 0)
		snprintf(out, size, narrow ? "%s of %s" : "%s of %s confirmed", have, all);
	else
		snprintf(out, size, narrow ? "%s of %s, %s off" : "%s of %s confirmed, %s offline", have, all,
		         fmt_count(off, a->offline));
}

static void state_text(const struct clv_account_fact *a, const struct view_ctx *ctx, bool narrow, char *out,
                       size_t size)
{
	char who[VIEW_PERSON_MAX], t[FMT_MAX];
	bool to_enter = a->recovery == CLV_RECOVERY_TO_ENTER;
	if (a->claim_by[0] != '\0' && a->claim_mine && to_enter)
		snprintf(out, size, "you are at it");
	else if (a->claim_by[0] != '\0' && !a->claim_mine && narrow)
		snprintf(out, size, "%s is at it", view_person(a->claim_by, who));
	else if (a->claim_by[0] != '\0' && !a->claim_mine)
		snprintf(out, size, "%s is at it, last key %s ago", view_person(a->claim_by, who),
		         fmt_age(t, ctx->time.now_ms - a->claim_at));
	else if (a->recovery == CLV_RECOVERY_ASIDE && narrow)
		snprintf(out, size, "aside: %.100s", a->aside);
	else if (a->recovery == CLV_RECOVERY_ASIDE)
		snprintf(out, size, "set aside %s by %s: %.200s", fmt_when(t, &ctx->time, a->aside_at),
		         view_person(a->aside_by, who), a->aside);
	else if (!to_enter)
		entered_text(a, narrow, out, size);
	else if (a->trial == CLV_TRIAL_FAILED)
		snprintf(out, size, narrow ? "failed, to enter" : "to enter: the one before failed");
	else
		snprintf(out, size, "to enter");
}

static unsigned state_ink(const struct clv_account_fact *a)
{
	if (a->claim_by[0] != '\0')
		return INK_MOVING;
	return a->recovery == CLV_RECOVERY_TO_ENTER    ? INK_LOOK
	       : a->recovery == CLV_RECOVERY_CONFIRMED ? INK_GOOD
	       : a->recovery == CLV_RECOVERY_ASIDE     ? INK_ASIDE
	                                               : INK_PLAIN;
}

static void recover_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                         size_t size, unsigned *ink)
{
	const struct clv_account_fact *a = &l->rows.u.accounts[i];
	char s[FMT_MAX];
	switch ((enum col)col) {
	case COL_ACCOUNT:
		snprintf(out, size, "%s", a->name);
		break;
	case COL_KEPT_BY:
		snprintf(out, size, "%s", a->kept_by[0] != '\0' ? a->kept_by : "–");
		break;
	case COL_HOSTS:
		snprintf(out, size, "%s", a->targets > 0 ? fmt_count(s, a->targets) : "none");
		break;
	case COL_STATE:
		*ink = state_ink(a);
		state_text(a, ctx, l->cols_total < NARROW, out, size);
		break;
	case COL_NOTE:
		snprintf(out, size, "%s", a->note);
		break;
	}
}

/* --- the head --- */

static const struct clv_recovery_fact *recovery_of(const struct list *l)
{
	const struct clv_recovery_fact *r = l->rows.recovery;
	return l->v.have && r != NULL && r->epoch != 0 ? r : NULL;
}

static void began_line(const struct clv_recovery_fact *r, const struct view_ctx *ctx, char *out, size_t size)
{
	char who[VIEW_PERSON_MAX], t[FMT_MAX];
	(void)ctx;
	if (r->finished != 0)
		snprintf(out, size, "Finished %s Z by %s; claviger recovery status --report",
		         fmt_minute(t, r->finished), view_person(r->finished_by, who));
	else if (r->kept_keys)
		snprintf(out, size, "The keys came from a backup, %s Z by %s", fmt_minute(t, r->began),
		         view_person(r->by, who));
	else
		snprintf(out, size, "New keys since %s Z, made by %s", fmt_minute(t, r->began),
		         view_person(r->by, who));
}

/* Who is at it, each once. */
static void people(const struct clv_recovery_fact *r, char *out, size_t size)
{
	char who[VIEW_PERSON_MAX];
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->n_claims && used < size; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again = again || strcmp(r->claims[k].by, r->claims[i].by) == 0;
		if (!again)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "",
			                         view_person(r->claims[i].by, who));
	}
}

static void calm_line(const struct clv_recovery_fact *r, const struct view_ctx *ctx, int cols, char *out,
                      size_t size)
{
	char t[FMT_MAX], end[240] = "";
	int64_t left = r->first_end - ctx->time.now_ms;
	if (r->finished != 0) {
		snprintf(out, size, "The group signed its report.");
		return;
	}
	if (r->first_end != 0 && left > 0)
		snprintf(end, sizeof(end), " First to end: %.100s, %s", r->first_end_account,
		         fmt_age(t, left));
	else if (r->first_end != 0)
		snprintf(end, sizeof(end), " Ended already: %.100s", r->first_end_account);
	snprintf(out, size, "Nothing has stopped: agents go on with what they hold.%s", end);
	if (str_cells(out) > cols - 2)
		snprintf(out, size, "Nothing has stopped.%s", end);
}

/* "Passwords 24/37", or a mark where they are done with or were kept. */
static void passwords_text(const struct clv_recovery_fact *r, char *out, size_t size)
{
	char a[FMT_MAX], b[FMT_MAX];
	uint32_t done = r->entered + r->confirmed;
	if (done + r->to_enter == 0 || r->finished != 0)
		snprintf(out, size, "Passwords%s", r->to_enter > 0 ? " !" : " ✔");
	else
		snprintf(out, size, "Passwords %s/%s%s", fmt_count(a, done), fmt_count(b, done + r->to_enter),
		         r->to_enter > 0 ? "" : " ✔");
}

/* The steps that there are; each with what is known of it. */
static void draw_steps(const struct clv_recovery_fact *r, struct canvas *c, int y)
{
	char a[FMT_MAX], b[FMT_MAX], s[3 * FMT_MAX];
	bool trust = r->agents_back >= r->agents, wide = c->cols >= NARROW;
	int x = 1, w = c->cols - 1;
	if (wide)
		x = draw_str(c, y, x, w - x, INK_GOOD, "1 Servers ✔") + 2;
	x = draw_fmt(c, y, x, w - x, trust ? INK_GOOD : INK_LOOK, "%sTrust %s/%s%s", wide ? "2 " : "",
	             fmt_count(a, r->agents_back), fmt_count(b, r->agents), trust ? " ✔" : " !") +
	    2;
	passwords_text(r, s, sizeof(s));
	x = draw_fmt(c, y, x, w - x, r->to_enter > 0 ? INK_LOOK : INK_GOOD, "%s%s", wide ? "3 " : "", s) + 2;
	if (x + 6 > w)
		return;
	draw_fmt(c, y, x, w - x, r->finished != 0 ? INK_GOOD : INK_PLAIN, "%sReport%s", wide ? "4 " : "",
	         r->finished != 0 ? " ✔" : "");
}

static int draw_head(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_recovery_fact *r = recovery_of(l);
	char s[300], who[200];
	int right;
	if (r == NULL || c->rows < 4)
		return 0;
	if (c->cols < NARROW || c->rows < HEAD_MIN) {
		draw_steps(r, c, 0);
		return 1;
	}
	people(r, who, sizeof(who));
	right = str_cells(who) < c->cols / 3 ? str_cells(who) : c->cols / 3;
	began_line(r, ctx, s, sizeof(s));
	draw_str(c, 0, 1, c->cols - right - 4, INK_PLAIN, s);
	draw_right(c, 0, c->cols - 1 - right, right, INK_MOVING, who);
	calm_line(r, ctx, c->cols, s, sizeof(s));
	draw_str(c, 1, 1, c->cols - 2, INK_DIM, s);
	draw_steps(r, c, 2);
	return 3;
}

static void recover_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	int head = draw_head((struct list *)v, c, ctx);
	struct canvas rest = canvas_sub(c, head, c->rows - head);
	list_draw(v, &rest, ctx);
}

/* --- nothing, and the selected one --- */

static void recover_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = c->rows > 4 ? 2 : 0};
	const struct clv_recovery_fact *r = l->rows.recovery;
	char n[FMT_MAX], s[300];
	(void)ctx;
	if (r == NULL) {
		pager_wrap(&p, 1, INK_PLAIN, "Nothing to recover: no password has to be entered again.");
	} else if (r->epoch == 0) {
		snprintf(s, sizeof(s), "Nothing to recover: the group holds its key (v%llu). %s looked at.",
		         (unsigned long long)r->group_key,
		         fmt_plural(n, r->accounts, "account was", "accounts were"));
		pager_wrap(&p, 1, INK_PLAIN, s);
	} else if (r->finished != 0) {
		pager_wrap(&p, 1, INK_PLAIN, "Nothing is left to be entered again.");
	} else {
		pager_wrap(&p, 1, INK_PLAIN,
		           r->kept_keys
		               ? "No password has to be entered again: the keys were kept. F finishes "
		                 "the recovery with a signed report."
		               : "No account had a password: nothing has to be entered again. F finishes "
		                 "the recovery with a signed report.");
	}
}

static int recover_panel_rows(const struct list *l, const struct canvas *c)
{
	(void)l;
	return c->rows >= 12 ? 3 : 0;
}

static void recover_panel(const struct list *l, size_t i, struct canvas *c, const struct view_ctx *ctx)
{
	const struct clv_account_fact *a = &l->rows.u.accounts[i];
	struct pager p = {.c = c, .line = 1};
	char s[600], who[VIEW_PERSON_MAX], t[FMT_MAX];
	switch (a->recovery) {
	case CLV_RECOVERY_ASIDE:
		snprintf(s, sizeof(s), "Set aside %s%s by %s: %.250s  D takes it back, E enters it.",
		         fmt_when(t, &ctx->time, a->aside_at), fmt_zone(&ctx->time),
		         view_person(a->aside_by, who), a->aside);
		break;
	case CLV_RECOVERY_ENTERED:
	case CLV_RECOVERY_CONFIRMED:
		snprintf(s, sizeof(s), "v%llu entered %s%s by %s.  V shows which hosts miss it.",
		         (unsigned long long)a->version, fmt_when(t, &ctx->time, a->entered),
		         fmt_zone(&ctx->time), view_person(a->entered_by, who));
		break;
	default:
		if (a->note[0] != '\0')
			pager_wrap(&p, 1, INK_PLAIN, a->note);
		snprintf(s, sizeof(s), "E enters it, and the next after it. D sets it aside, with a reason.");
		break;
	}
	pager_wrap(&p, 1, INK_DIM, s);
}

static const struct list_ops list = {
    .kind = CLV_LIST_ACCOUNTS,
    .title = "Recovery",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "recovery",
    .base = "!recovery:none",
    .id = recover_id,
    .sign = recover_sign,
    .cell = recover_cell,
    .width = recover_width,
    .panel_rows = recover_panel_rows,
    .panel = recover_panel,
    .empty = recover_empty,
};

static enum action recover_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	a = list_request(v, a, ctx);
	if (a != ACTION_OPEN)
		return a;
	if (!list_selected(l, &i))
		return ACTION_NONE;
	snprintf(v->go, sizeof(v->go), "account %.290s", l->rows.u.accounts[i].name);
	return ACTION_OPEN;
}

static void recover_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	const struct clv_recovery_fact *r = recovery_of(l);
	char a[FMT_MAX], b[FMT_MAX], c[FMT_MAX], d[FMT_MAX];
	list_status(v, st, ctx);
	if (l->filter[0] != '\0')
		return;
	st->middle[0] = '\0';
	if (r != NULL && r->finished != 0)
		snprintf(st->middle, sizeof(st->middle), "finished");
	if (r == NULL || r->finished != 0 || r->to_enter + r->entered + r->confirmed + r->aside == 0)
		return;
	uint32_t done = r->entered + r->confirmed;
	int n = snprintf(st->middle, sizeof(st->middle), "%s of %s entered, %s confirmed", fmt_count(a, done),
	                 fmt_count(b, done + r->to_enter), fmt_count(c, r->confirmed));
	if (r->aside > 0)
		snprintf(st->middle + n, sizeof(st->middle) - (size_t)n, ", %s aside",
		         fmt_count(d, r->aside));
}

static bool recover_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	const struct clv_account_fact *a = &l->rows.u.accounts[i];
	*t = (struct target){.name = a->name, .row_version = a->row_version, .account = a};
	snprintf(t->id, sizeof(t->id), "%s", a->name);
	return true;
}

static const struct view_ops ops = {
    .name = "recover",
    .where = W_RECOVER,
    .want = list_want,
    .request = recover_request,
    .take = list_take,
    .draw = recover_draw,
    .status = recover_status,
    .target = recover_target,
    .close = list_close,
};

struct view *view_recover_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
