/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help, made from the table of actions for the screen it was asked on. What the role forbids stands
 * there greyed, with the reason.
 */
#include "views/draw.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

struct help {
	struct view v;
	unsigned where;
};

static void help_want(struct view *v, struct want *w)
{
	(void)v;
	*w = (struct want){.kind = WANT_NONE};
}

static void help_take(struct view *v, struct clv_reply *r)
{
	(void)v;
	(void)r;
}

/* The first key, and the arrows' words where there is no letter. */
static void first_keys(char *out, size_t size, const struct action_row *r, const struct view_ctx *ctx)
{
	const char *keys = action_keys(ctx->keys, r->action);
	snprintf(out, size, "%.*s", (int)strcspn(keys, " "), keys);
}

static const char *screen_name(unsigned where)
{
	static const struct {
		unsigned where;
		const char *name;
	} names[] = {{W_OVERVIEW, "overview"}, {W_AGENTS, "agents"},     {W_AGENT, "agent"},
	             {W_PENDING, "pending"},   {W_EVENTS, "events"},     {W_ACCOUNTS, "accounts"},
	             {W_ACCOUNT, "account"},   {W_PROFILES, "profiles"}, {W_GROUPS, "groups"},
	             {W_RECOVER, "recovery"},  {W_AUDIT, "audit"},       {W_EXPIRY, "expiry"},
	             {W_ALERTS, "alerts"},     {W_TRACE, "trace"},       {W_PROOF, "proof"},
	             {W_FOUND, "find"},        {W_CONTEXTS, "contexts"}, {W_SERVERS, "servers"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].where == where)
			return names[i].name;
	}
	return "all screens";
}

static void draw_section(const struct help *s, struct pager *p, enum section sec, const char *label,
                         const struct view_ctx *ctx)
{
	int x = 8, width = p->c->cols - 1;
	bool any = false;
	for (int i = 1; i < ACTION_MAX; i++) {
		const struct action_row *r = &action_rows[i];
		char key[24], text[160];
		if (r->section != sec || (r->where & s->where) == 0 || r->keys[0] == '\0' ||
		    action_absent(r->action, ctx->restricted))
			continue;
		const char *why = action_forbidden(r->action, ctx->role, ctx->read_only);
		first_keys(key, sizeof(key), r, ctx);
		if (why == NULL)
			snprintf(text, sizeof(text), "%s", r->help);
		else if (ctx->read_only && r->dangerous)
			snprintf(text, sizeof(text), "%s: %s", r->help, why);
		else
			snprintf(text, sizeof(text), "%s: %s, you: %s", r->help, why,
			         clv_role_word(ctx->role));
		int need = str_cells(key) + 1 + str_cells(text);
		if (!any)
			draw_str(p->c, p->line - p->skip, 1, 6, INK_DIM, label);
		if (any && x + need > width) {
			p->line++;
			x = 8;
		}
		any = true;
		x = draw_str(p->c, p->line - p->skip, x, width - x, why == NULL ? INK_BOLD : INK_ASIDE, key);
		x = draw_str(p->c, p->line - p->skip, x + 1, width - x - 1,
		             why == NULL ? INK_PLAIN : INK_ASIDE, text) +
		    3;
	}
	p->line += any ? 1 : 0;
}

static void draw_row(struct pager *p, const char *label, const char *text)
{
	draw_str(p->c, p->line - p->skip, 1, 6, INK_DIM, label);
	pager_wrap(p, 8, INK_PLAIN, text);
}

/* Every command by its name: an agent and an account need one more word, lists take a filter. */
static void draw_commands(struct pager *p)
{
	char line[600] = "";
	for (int i = 1; i < ACTION_MAX; i++) {
		const struct action_row *r = &action_rows[i];
		size_t used = strlen(line);
		if (r->command == NULL)
			continue;
		snprintf(line + used, sizeof(line) - used, "%s:%s%s", used > 0 ? "  " : "", r->command,
		         r->action == ACTION_GO_AGENT || r->action == ACTION_GO_ACCOUNT ||
		                 r->action == ACTION_GO_CONTEXT
		             ? " NAME"
		         : r->action == ACTION_GO_FOUND ? " TEXT"
		                                        : "");
	}
	draw_row(p, "Type", line);
}

static void draw_example(const struct help *s, struct pager *p)
{
	static const struct {
		unsigned where;
		const char *text;
	} rows[] = {{W_AGENTS, "claviger get agents --filter 'expires<30d' -o csv"},
	            {W_PENDING, "claviger approve NAME --fingerprint DIGITS"},
	            {W_ACCOUNTS | W_ACCOUNT, "claviger account distribute NAME --to 'db*' group:sql --plan"},
	            {W_PROFILES, "claviger profile associate PROFILE ACCOUNT --class 'SQL Server'"},
	            {W_GROUPS, "claviger group edit NAME --add 'db*' --remove db07"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].where & s->where) != 0) {
			draw_row(p, "Batch", rows[i].text);
			return;
		}
	}
}

static void draw_find(const struct help *s, struct pager *p)
{
	static const struct {
		unsigned where;
		const char *text;
	} rows[] = {
	    {W_AGENTS, "/app   state:stored   expires<30d   !seen:now   ~^db[0-9]   is:marked   4A A8 71 8B"},
	    {W_PENDING, "/app   conflict:true   role:gateway   from:10.4."},
	    {W_EVENTS, "/7006   node:web01   level:error   since:1h   ~certificate.*expired"},
	    {W_ACCOUNTS, "/sql   state:\"needs re-entry\"   type:windows   missing>0"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].where & s->where) != 0) {
			draw_row(p, "", rows[i].text);
			return;
		}
	}
}

static void help_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct help *s = (struct help *)v;
	struct pager p = {.c = c, .skip = s->v.skip};
	draw_section(s, &p, SEC_LOOK, "Look", ctx);
	draw_section(s, &p, SEC_ACT, "Act", ctx);
	draw_section(s, &p, SEC_MARK, "Mark", ctx);
	draw_section(s, &p, SEC_FIND, "Find", ctx);
	draw_find(s, &p);
	draw_section(s, &p, SEC_MOVE, "Move", ctx);
	draw_section(s, &p, SEC_EVERYWHERE, "All", ctx);
	draw_row(&p, "Signs", "✔ good   » on its way   ! look   ✖ bad   ○ silent   – set aside");
	draw_commands(&p);
	draw_example(s, &p);
	s->v.lines = p.line;
	s->v.page = c->rows;
	draw_cursor(c, 0, 1);
}

static enum action scroll(struct help *s, int by)
{
	int last = s->v.lines > s->v.page ? s->v.lines - s->v.page : 0;
	s->v.skip += by;
	s->v.skip = s->v.skip > last ? last : s->v.skip < 0 ? 0 : s->v.skip;
	return ACTION_NONE;
}

static enum action help_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct help *s = (struct help *)v;
	(void)ctx;
	switch (a) {
	case ACTION_DOWN:
		return scroll(s, 1);
	case ACTION_UP:
		return scroll(s, -1);
	case ACTION_PAGE_DOWN:
	case ACTION_HALF_DOWN:
		return scroll(s, s->v.page);
	case ACTION_PAGE_UP:
	case ACTION_HALF_UP:
		return scroll(s, -s->v.page);
	case ACTION_HELP:
		s->where = W_ALL;
		return scroll(s, -s->v.skip);
	case ACTION_RELOAD:
	case ACTION_TOP:
		return scroll(s, -s->v.skip);
	default:
		return a;
	}
}

static void help_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct help *s = (const struct help *)v;
	(void)ctx;
	snprintf(st->left, sizeof(st->left), "Help   %s", screen_name(s->where));
	if (s->where != W_ALL)
		snprintf(st->middle, sizeof(st->middle), "? all keys");
}

static void help_close(struct view *v)
{
	clv_free(v);
}

static const struct view_ops ops = {
    .name = "help",
    .where = W_HELP,
    .want = help_want,
    .request = help_request,
    .take = help_take,
    .draw = help_draw,
    .status = help_status,
    .close = help_close,
};

struct view *view_help_open(unsigned where)
{
	struct help *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.have = true;
	s->where = where;
	return &s->v;
}
