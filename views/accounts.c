/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunAs accounts: type, state, and how far the newest password has come at the hosts it goes to.
 * No password is ever here.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col {
	COL_NAME,
	COL_TYPE,
	COL_STATE,
	COL_DISTRIBUTION,
	COL_TARGETS,
	COL_SENT,
	COL_CONFIRMED,
	COL_MISSING,
	COL_CHANGED
};

#define LATE_MS 300000 /* design 3: not arrived in five minutes */

static const struct column columns[] = {
    [COL_NAME] = {"NAME", "name", 0, 14, 10, 40, 0, false, true},
    [COL_TYPE] = {"TYPE", "type", 1, 9, 0, 0, 1, false, false},
    [COL_STATE] = {"STATE", "state", 1, 14, 0, 0, 0, false, false},
    [COL_DISTRIBUTION] = {"DISTRIBUTION", "distribution", 1, 12, 0, 0, 4, false, false},
    [COL_TARGETS] = {"TARGETS", "targets", 1, 7, 0, 0, 5, true, false},
    [COL_SENT] = {"SENT", "sent", 1, 6, 0, 0, 3, true, false},
    [COL_CONFIRMED] = {"CONFIRMED", "confirmed", 1, 9, 0, 0, 6, true, false},
    [COL_MISSING] = {"MISSING", "missing", 1, 7, 0, 0, 0, true, false},
    [COL_CHANGED] = {"CHANGED", "changed", 2, 11, 0, 0, 2, false, false},
};

static void accounts_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%s", rows->u.accounts[i].name);
}

static enum sign accounts_sign(const struct clv_rows *rows, size_t i)
{
	const struct clv_account_fact *a = &rows->u.accounts[i];
	if (a->state != CLV_ACCOUNT_OK)
		return SIGN_LOOK;
	if (a->targets == 0)
		return SIGN_ASIDE;
	if (a->confirmed >= a->targets && a->missing == 0)
		return SIGN_GOOD;
	return rows->time - a->changed > LATE_MS ? SIGN_LOOK : SIGN_MOVING;
}

static void accounts_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                          size_t size, unsigned *ink)
{
	const struct clv_account_fact *a = &l->rows.u.accounts[i];
	char s[FMT_MAX];
	switch ((enum col)col) {
	case COL_NAME:
		snprintf(out, size, "%s", a->name);
		break;
	case COL_TYPE:
		snprintf(out, size, "%s", clv_account_type_word(a->type));
		break;
	case COL_STATE:
		if (a->state != CLV_ACCOUNT_OK)
			*ink = INK_LOOK;
		snprintf(out, size, "%s", clv_account_state_word(a->state));
		break;
	case COL_DISTRIBUTION:
		if (a->less_secure)
			*ink = INK_LOOK;
		snprintf(out, size, "%s", a->less_secure ? "less secure" : "more secure");
		break;
	case COL_TARGETS:
		snprintf(out, size, "%s", fmt_count(s, a->targets));
		break;
	case COL_SENT:
		snprintf(out, size, "%s", fmt_count(s, a->sent));
		break;
	case COL_CONFIRMED:
		snprintf(out, size, "%s", fmt_count(s, a->confirmed));
		break;
	case COL_MISSING:
		if (a->missing > 0)
			*ink = sign_ink(accounts_sign(&l->rows, i));
		snprintf(out, size, "%s", a->missing > 0 ? fmt_count(s, a->missing) : "–");
		break;
	case COL_CHANGED:
		snprintf(out, size, "%s", fmt_when(s, &ctx->time, a->changed));
		break;
	}
}

static void accounts_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN, "No account yet. + adds one; it goes to no host until you say so.");
}

static const struct list_ops list = {
    .kind = CLV_LIST_ACCOUNTS,
    .title = "Accounts",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "name",
    .id = accounts_id,
    .sign = accounts_sign,
    .cell = accounts_cell,
    .empty = accounts_empty,
};

static enum action accounts_request(struct view *v, enum action a, const struct view_ctx *ctx)
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

static bool accounts_target(const struct view *v, struct target *t)
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
    .name = "accounts",
    .where = W_ACCOUNTS,
    .want = list_want,
    .request = accounts_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = accounts_target,
    .close = list_close,
};

struct view *view_accounts_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
