/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: which account is used, where. A row is one association; a profile without one has a row
 * that says so.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_PROFILE, COL_ACCOUNT, COL_TARGET };

static const struct column columns[] = {
    [COL_PROFILE] = {"PROFILE", "profile", 0, 26, 12, 50, 0, false, true},
    [COL_ACCOUNT] = {"ACCOUNT", "account", 1, 18, 10, 40, 0, false, true},
    [COL_TARGET] = {"USED FOR", "target", 1, 30, 10, 80, 0, false, false},
};

static void profiles_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	const struct clv_profile_fact *p = &rows->u.profiles[i];
	if (p->account[0] == '\0')
		snprintf(out, size, "%s", p->name);
	else
		snprintf(out, size, "%.90s, %.90s for %.90s", p->name, p->account, p->target);
}

static enum sign profiles_sign(const struct clv_rows *rows, size_t i)
{
	return rows->u.profiles[i].account[0] != '\0' ? SIGN_GOOD : SIGN_ASIDE;
}

static void profiles_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                          size_t size, unsigned *ink)
{
	const struct clv_profile_fact *p = &l->rows.u.profiles[i];
	bool none = p->account[0] == '\0';
	(void)ctx;
	switch ((enum col)col) {
	case COL_PROFILE:
		snprintf(out, size, "%s", p->name);
		break;
	case COL_ACCOUNT:
		*ink = none ? INK_ASIDE : INK_PLAIN;
		snprintf(out, size, "%s", none ? "no account yet" : p->account);
		break;
	case COL_TARGET:
		snprintf(out, size, "%s", none ? "–" : p->target);
		break;
	}
}

static void profiles_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN, "No profile: no account is used anywhere. + adds one.");
}

static const struct list_ops list = {
    .kind = CLV_LIST_PROFILES,
    .title = "Profiles",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "profile",
    .id = profiles_id,
    .sign = profiles_sign,
    .cell = profiles_cell,
    .empty = profiles_empty,
};

static enum action profiles_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	a = list_request(v, a, ctx);
	if (a != ACTION_OPEN)
		return a;
	if (!list_selected(l, &i) || l->rows.u.profiles[i].account[0] == '\0')
		return ACTION_NONE;
	snprintf(v->go, sizeof(v->go), "account %.290s", l->rows.u.profiles[i].account);
	return ACTION_OPEN;
}

static bool profiles_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	const struct clv_profile_fact *p = &l->rows.u.profiles[i];
	*t = (struct target){.name = p->name, .row_version = p->row_version, .profile = p};
	profiles_id(&l->rows, i, t->id, sizeof(t->id));
	return true;
}

static const struct view_ops ops = {
    .name = "profiles",
    .where = W_PROFILES,
    .want = list_want,
    .request = profiles_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = profiles_target,
    .close = list_close,
};

struct view *view_profiles_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
