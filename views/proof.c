/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it encrypted, in any way? One host's traffic, or the whole group's: from the links that run and the
 * paths of the parcels that are stored, all judged when the page is asked for. What it does not show stands
 * on it too.
 */
#include "views/draw.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

struct proof {
	struct view v;
	char name[VIEW_ID_MAX];
	struct clv_encryption_fact *e;
	char why[400];
};

static void proof_want(struct view *v, struct want *w)
{
	const struct proof *s = (const struct proof *)v;
	*w = (struct want){.kind = WANT_ENCRYPTION, .name = s->name};
}

static void proof_take(struct view *v, struct clv_reply *r)
{
	struct proof *s = (struct proof *)v;
	if (r->kind == CLV_REPLY_REFUSED)
		snprintf(s->why, sizeof(s->why), "%.390s", r->text);
	if (r->kind != CLV_REPLY_ENCRYPTION || r->encryption == NULL)
		return;
	facts_encryption_free(s->e);
	s->e = r->encryption;
	r->encryption = NULL;
	s->why[0] = '\0';
	v->have = true;
}

static bool is_weak(const struct clv_encryption_fact *e)
{
	for (size_t i = 0; i < e->n_links; i++) {
		if (e->links[i].weak[0] != '\0')
			return true;
	}
	return false;
}

/* Yes only where all of it was looked at and holds. */
static void draw_answer(const struct clv_encryption_fact *e, struct pager *p)
{
	char line[300], n[FMT_MAX], m[FMT_MAX];
	bool all = e->verified == e->looked && e->untraced == 0 && e->plain == 0 && !is_weak(e);
	if (e->n_links == 0)
		snprintf(line, sizeof(line),
		         "Encrypted?  Not known: no link is up, and no parcel is stored.");
	else if (all && e->looked == e->parcels)
		snprintf(line, sizeof(line), "Encrypted?  Yes, on every link%s%s%s. Untraced: 0.",
		         e->parcels == 0   ? ""
		         : e->parcels == 1 ? ", in the one parcel"
		                           : ", in all ",
		         e->parcels > 1 ? fmt_count(n, e->parcels) : "",
		         e->parcels == 0   ? "; no parcel is stored"
		         : e->parcels == 1 ? " stored"
		                           : " parcels stored");
	else
		snprintf(line, sizeof(line),
		         "Encrypted?  %s of %s parcels stored verify on every link. Untraced: %llu.%s",
		         fmt_count(n, e->verified), fmt_count(m, e->parcels), (unsigned long long)e->untraced,
		         is_weak(e) ? " Weak links: see below." : "");
	pager_wrap(p, 1, (all && e->n_links > 0 ? INK_PLAIN : INK_LOOK) | INK_BOLD, line);
	p->line++;
}

static void draw_link(const struct clv_encryption_link *l, struct pager *p, const struct view_ctx *ctx)
{
	char from[VIEW_ID_MAX], to[VIEW_ID_MAX], s[400], t[FMT_MAX];
	bool good = l->weak[0] == '\0' && l->verified == l->parcels && (l->agreed || l->parcels > 0);
	int y = p->line - p->skip, cols = p->c->cols;
	draw_sign(p->c, y, 1, good ? SIGN_GOOD : SIGN_BAD, 0);
	snprintf(s, sizeof(s), "%.100s → %.100s", view_name(ctx, l->from, from, sizeof(from)),
	         view_name(ctx, l->to, to, sizeof(to)));
	draw_str(p->c, y, 3, 22, INK_BOLD, s);
	snprintf(s, sizeof(s), "%s %.60s %.80s", clv_mechanism_word(l->mechanism), l->protocol, l->cipher);
	if (cols < 70) {
		p->line++;
		y++;
		draw_str(p->c, y, 5, cols - 6, INK_PLAIN, s);
	} else {
		draw_str(p->c, y, 26, cols - 27, INK_PLAIN, s);
	}
	p->line++;
	snprintf(s, sizeof(s), "%s since %s%s; %llu of %llu parcels verify",
	         l->live ? "up" : "not up now, seen", fmt_when(t, &ctx->time, l->since), fmt_zone(&ctx->time),
	         (unsigned long long)l->verified, (unsigned long long)l->parcels);
	pager_wrap(p, 5, INK_DIM, s);
	snprintf(s, sizeof(s), "If a key leaks later: %.200s", l->later);
	pager_wrap(p, 5, INK_DIM, s);
}

static void draw_deliveries(const struct clv_encryption_fact *e, struct pager *p, const struct view_ctx *ctx)
{
	char s[300], hex[FMT_MAX], host[VIEW_ID_MAX];
	if (e->n_deliveries == 0) {
		pager_line(p, INK_PLAIN, "Passwords: none goes %s.",
		           e->node[0] != '\0' ? "there" : "anywhere");
		return;
	}
	pager_line(p, INK_BOLD, "Passwords, sealed once more for one host's key");
	for (size_t i = 0; i < e->n_deliveries; i++) {
		const struct clv_encryption_delivery *d = &e->deliveries[i];
		bool key = d->has_key && d->version != 0;
		snprintf(s, sizeof(s), "%.60s to %.60s: %.90s%s%s%s", d->account,
		         view_name(ctx, d->host, host, sizeof(host)), d->how, key ? " " : "",
		         key ? fmt_hex(hex, d->key_id, 4, 1) : "", key ? "…" : "");
		pager_wrap(p, 3, INK_PLAIN, s);
	}
}

static void draw_list(struct pager *p, const char *label, char *const *list, size_t n, unsigned ink)
{
	if (n == 0)
		return;
	p->line++;
	pager_line(p, ink | INK_BOLD, "%s", label);
	for (size_t i = 0; i < n; i++)
		pager_wrap(p, 3, ink, list[i]);
}

static void draw_page(const struct proof *s, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_encryption_fact *e = s->e;
	draw_answer(e, p);
	for (size_t i = 0; i < e->n_links; i++)
		draw_link(&e->links[i], p, ctx);
	p->line++;
	draw_deliveries(e, p, ctx);
	draw_list(p, "What is weak", e->weak, e->n_weak, INK_LOOK);
	draw_list(p, "In the clear", e->clear, e->n_clear, INK_PLAIN);
	draw_list(p, "What this does not show", e->limits, e->n_limits, INK_DIM);
}

static enum action scroll(struct proof *s, int by)
{
	int last = s->v.lines > s->v.page ? s->v.lines - s->v.page : 0;
	s->v.skip += by;
	s->v.skip = s->v.skip > last ? last : s->v.skip < 0 ? 0 : s->v.skip;
	return ACTION_NONE;
}

static void proof_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct proof *s = (struct proof *)v;
	struct canvas none = canvas_sub(c, 0, 0);
	struct pager count = {.c = &none, .indent = 1}, p = {.c = c, .indent = 1};
	if (s->e == NULL) {
		pager_wrap(&p, 1, s->why[0] != '\0' ? INK_PLAIN : INK_DIM,
		           s->why[0] != '\0' ? s->why : "Judging every parcel that is stored…");
		return;
	}
	draw_page(s, &count, ctx);
	s->v.lines = count.line;
	s->v.page = c->rows;
	(void)scroll(s, 0);
	p.skip = s->v.skip;
	draw_page(s, &p, ctx);
	draw_cursor(c, 0, 0);
}

static enum action proof_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct proof *s = (struct proof *)v;
	(void)ctx;
	switch (a) {
	case ACTION_DOWN:
		return scroll(s, 1);
	case ACTION_UP:
		return scroll(s, -1);
	case ACTION_PAGE_DOWN:
		return scroll(s, s->v.page);
	case ACTION_PAGE_UP:
		return scroll(s, -s->v.page);
	case ACTION_HALF_DOWN:
		return scroll(s, s->v.page / 2);
	case ACTION_HALF_UP:
		return scroll(s, -s->v.page / 2);
	case ACTION_TOP:
		return scroll(s, -s->v.lines);
	case ACTION_BOTTOM:
		return scroll(s, s->v.lines);
	case ACTION_RELOAD:
		v->ask = true;
		return ACTION_NONE;
	default:
		return a;
	}
}

static void proof_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct proof *s = (const struct proof *)v;
	char name[VIEW_ID_MAX], t[FMT_MAX];
	const char *node = s->e != NULL ? s->e->node : s->name;
	snprintf(st->left, sizeof(st->left), "Proof   traffic of %.200s",
	         node[0] != '\0' ? view_name(ctx, node, name, sizeof(name)) : "the whole group");
	if (s->e != NULL)
		snprintf(st->middle, sizeof(st->middle), "made %s%s", fmt_when(t, &ctx->time, s->e->time),
		         fmt_zone(&ctx->time));
}

static void proof_close(struct view *v)
{
	struct proof *s = (struct proof *)v;
	facts_encryption_free(s->e);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "proof",
    .where = W_PROOF,
    .want = proof_want,
    .request = proof_request,
    .take = proof_take,
    .draw = proof_draw,
    .status = proof_status,
    .close = proof_close,
};

struct view *view_proof_open(const char *name)
{
	struct proof *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.ask = true;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return &s->v;
}
