/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers and gateways: by which way each comes, who is assigned to it, whose links it carries now.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col {
	COL_NAME,
	COL_ROLE,
	COL_STATE,
	COL_VIA,
	COL_AGENTS,
	COL_BEHIND,
	COL_KEY,
	COL_VERSION,
	COL_ADDRESS
};

static const struct column columns[] = {
    [COL_NAME] = {"SERVER", NULL, 0, 12, 8, 40, 0, false, true},
    [COL_ROLE] = {"ROLE", NULL, 1, 8, 0, 0, 6, false, false},
    [COL_STATE] = {"CONTACT", NULL, 1, 7, 0, 0, 0, false, false},
    [COL_VIA] = {"VIA", NULL, 1, 9, 6, 30, 0, false, true},
    [COL_AGENTS] = {"ASSIGNED", NULL, 1, 8, 0, 0, 5, true, false},
    [COL_BEHIND] = {"BEHIND", NULL, 1, 6, 0, 0, 4, true, false},
    [COL_KEY] = {"GROUP KEY", NULL, 2, 9, 0, 0, 2, false, false},
    [COL_VERSION] = {"VERSION", NULL, 1, 8, 0, 0, 3, false, false},
    [COL_ADDRESS] = {"REACHED AT", NULL, 1, 16, 10, 40, 1, false, false},
};

static void servers_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%s", rows->u.servers[i].name);
}

static bool is_gateway(const struct clv_server_fact *s)
{
	return strcmp(s->role, "gateway") == 0;
}

/* Of the servers only the one that answers tells of the group's key; it comes by no way. */
static bool is_this(const struct clv_server_fact *s)
{
	return s->group_key != 0;
}

static enum sign servers_sign(const struct clv_rows *rows, size_t i)
{
	return rows->u.servers[i].contact == CLV_CONTACT_UP ? SIGN_GOOD : SIGN_SILENT;
}

static void count_cell(const struct clv_server_fact *s, uint32_t n, char *out, size_t size, unsigned *ink)
{
	char text[FMT_MAX];
	if (is_this(s))
		return;
	*ink = n > 0 ? INK_PLAIN : INK_ASIDE;
	snprintf(out, size, "%s", fmt_count(text, n));
}

static void servers_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                         size_t size, unsigned *ink)
{
	const struct clv_server_fact *s = &l->rows.u.servers[i];
	char name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_NAME:
		snprintf(out, size, "%s", view_name(ctx, s->name, name, sizeof(name)));
		break;
	case COL_ROLE:
		snprintf(out, size, "%s", is_gateway(s) ? "gateway" : "server");
		break;
	case COL_STATE:
		*ink = s->contact == CLV_CONTACT_UP ? INK_PLAIN : INK_SILENT;
		snprintf(out, size, "%s", clv_contact_word(s->contact));
		break;
	case COL_VIA:
		if (!is_this(s))
			snprintf(out, size, "%s",
			         s->via != NULL ? view_name(ctx, s->via, name, sizeof(name)) : "direct");
		break;
	case COL_AGENTS:
		count_cell(s, s->agents, out, size, ink);
		break;
	case COL_BEHIND:
		count_cell(s, s->behind, out, size, ink);
		break;
	case COL_KEY:
		if (s->group_key != 0)
			snprintf(out, size, "v%llu", (unsigned long long)s->group_key);
		break;
	case COL_VERSION:
		snprintf(out, size, "%s", s->version);
		break;
	case COL_ADDRESS:
		*ink = INK_DIM;
		snprintf(out, size, "%s", s->address[0] != '\0' ? s->address : "by its name");
		break;
	}
}

static void servers_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(&p, 1, INK_PLAIN, "No server.");
}

static const struct list_ops list = {
    .kind = CLV_LIST_SERVERS,
    .title = "Servers",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .id = servers_id,
    .sign = servers_sign,
    .cell = servers_cell,
    .empty = servers_empty,
};

static const struct view_ops ops = {
    .name = "servers",
    .where = W_SERVERS,
    .want = list_want,
    .request = list_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .close = list_close,
};

struct view *view_servers_open(void)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, "");
	return &l->v;
}
