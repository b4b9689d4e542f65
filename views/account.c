/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One account, used where: who keeps and uses it, which hosts it goes to, how far its newest
 * password has come, one host first, and for every host that is not done why, and what happens
 * next. A page that scrolls.
 */
#include "views/page.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

struct account {
	struct view v;
	char name[VIEW_ID_MAX];
	struct clv_account_detail *d;
	bool gone;
	char why[256];
};

static void account_want(struct view *v, struct want *w)
{
	struct account *s = (struct account *)v;
	*w = (struct want){.kind = WANT_ACCOUNT, .name = s->name};
}

static void account_take(struct view *v, struct clv_reply *r)
{
	struct account *s = (struct account *)v;
	if (r->kind == CLV_REPLY_REFUSED) {
		s->gone = true;
		snprintf(s->why, sizeof(s->why), "%.250s", r->text);
		v->have = true;
		return;
	}
	if (r->kind != CLV_REPLY_ACCOUNT || r->account == NULL)
		return;
	facts_account_detail_free(s->d);
	s->d = r->account;
	r->account = NULL;
	s->gone = false;
	v->have = true;
}

/* --- the lines --- */

static void add(char *out, size_t size, const char *gap, const char *s)
{
	size_t used = strlen(out);
	if (used + 1 < size)
		snprintf(out + used, size - used, "%s%s", used > 0 ? gap : "", s);
}

static void draw_kept(const struct clv_account_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_account_fact *a = &d->account;
	char line[900] = "", one[400], t[FMT_MAX], by[VIEW_PERSON_MAX];
	unsigned ink = INK_PLAIN;
	if (a->kept_by[0] != '\0') {
		snprintf(one, sizeof(one), "%.200s", a->kept_by);
		add(line, sizeof(line), "   ", one);
	}
	if (a->ends != 0) {
		int64_t left = a->ends - ctx->time.now_ms;
		snprintf(one, sizeof(one), "password %s %s%s", left > 0 ? "ends" : "ended",
		         fmt_date(t, a->ends), left < 30LL * 86400000 ? "  !" : "");
		add(line, sizeof(line), "   ", one);
		ink = left < 30LL * 86400000 ? INK_LOOK : ink;
	}
	if (a->type == CLV_ACCOUNT_SNMPV3) {
		snprintf(one, sizeof(one), "context %.80s, %.16s, %.16s",
		         a->context[0] != '\0' ? a->context : "–",
		         a->auth_protocol[0] != '\0' ? a->auth_protocol : "no authentication",
		         a->privacy_protocol[0] != '\0' ? a->privacy_protocol : "no privacy");
		add(line, sizeof(line), "   ", one);
	}
	if (line[0] == '\0')
		snprintf(line, sizeof(line), "not said by whom: C changes it");
	pager_field(p, "Kept by", ink, "%s", line);
	if (a->aside[0] != '\0')
		pager_field(p, "Aside", INK_ASIDE, "– since %s%s by %s: %.250s",
		            fmt_when(t, &ctx->time, a->aside_at), fmt_zone(&ctx->time),
		            view_person(a->aside_by, by), a->aside);
	if (a->claim_by[0] != '\0' && !a->claim_mine)
		pager_field(p, "At it", INK_MOVING, "%s, last key %s ago", view_person(a->claim_by, by),
		            fmt_age(t, ctx->time.now_ms - a->claim_at));
	if (a->note[0] != '\0')
		pager_field(p, "Note", INK_PLAIN, "%.400s", a->note);
	line[0] = '\0';
	for (size_t i = 0; i < d->n_also_in; i++)
		add(line, sizeof(line), ", ", d->also_in[i]);
	if (d->n_also_in > 0)
		pager_field(p, "Also in", INK_LOOK, "! %s: the same user, a password of its own", line);
}

static void draw_use(const struct clv_account_detail *d, struct pager *p)
{
	char line[2000] = "", one[500], n[FMT_MAX], unused[FMT_MAX + 40] = "";
	for (size_t i = 0; i < d->n_uses; i++) {
		snprintf(one, sizeof(one), "%.200s → %.200s", d->uses[i].profile, d->uses[i].target);
		add(line, sizeof(line), ";  ", one);
	}
	if (d->n_uses > 0)
		pager_field(p, "Used by", INK_PLAIN, "%s", line);
	else
		pager_field(p, "Used by", INK_ASIDE, "no profile: nothing on any host asks for it");
	line[0] = '\0';
	for (size_t i = 0; i < d->n_goes_to; i++) {
		bool group = strncmp(d->goes_to[i], "group:", 6) == 0;
		snprintf(one, sizeof(one), "%s%.250s", group ? "group " : "",
		         d->goes_to[i] + (group ? 6 : 0));
		add(line, sizeof(line), i + 1 == d->n_goes_to ? " and " : ", ", one);
	}
	if (d->unused > 0)
		snprintf(unused, sizeof(unused), ", %s of them used by no profile", fmt_count(n, d->unused));
	if (d->account.less_secure)
		pager_field(p, "Goes to", INK_LOOK, "every agent (less secure): %s%s",
		            fmt_plural(n, d->hosts, "host", "hosts"), unused);
	else if (d->n_goes_to == 0)
		pager_field(p, "Goes to", INK_ASIDE, "no host until you say so: S");
	else
		pager_field(p, "Goes to", INK_PLAIN, "%s: %s%s", line,
		            fmt_plural(n, d->hosts, "host", "hosts"), unused);
}

static void draw_steps(const struct clv_account_detail *d, struct pager *p)
{
	char a[FMT_MAX], b[FMT_MAX], c[FMT_MAX], e[FMT_MAX], tail[2 * FMT_MAX + 40] = "",
	                                                                        tested[FMT_MAX + 40];
	if (d->account.version == 0) {
		pager_field(p, "Steps", INK_LOOK, "no password was ever entered: E");
		return;
	}
	if (d->failing > 0)
		snprintf(tail, sizeof(tail), "     ! %s", fmt_count(a, d->failing));
	if (d->waiting > 0) {
		size_t used = strlen(tail);
		snprintf(tail + used, sizeof(tail) - used, "%s» %s", used > 0 ? "   " : "     ",
		         fmt_count(a, d->waiting));
	}
	snprintf(tested, sizeof(tested), "%s%s", d->has_check ? "tested " : "nothing tests it",
	         d->has_check ? fmt_count(e, d->tested) : "");
	pager_field(p, "Steps", INK_PLAIN, "sealed %s   sent %s   opened %s   %s%s", fmt_count(a, d->sealed),
	            fmt_count(b, d->sent), fmt_count(c, d->opened), tested, tail);
}

/* What the other hosts have until then: "the 40 others keep v7". */
static const char *rest_of(const struct clv_account_detail *d, bool upper, char out[FMT_MAX])
{
	uint32_t n = d->hosts > 0 ? d->hosts - 1 : 0;
	char others[FMT_MAX];
	const char *the = upper ? "The" : "the";
	if (n == 0)
		snprintf(out, FMT_MAX, "%s others: none", the);
	else if (d->account.released == 0)
		snprintf(out, FMT_MAX, "%s %.60s none", the,
		         fmt_plural(others, n, "other has", "others have"));
	else
		snprintf(out, FMT_MAX, "%s %.60s v%llu", the,
		         fmt_plural(others, n, "other keeps", "others keep"),
		         (unsigned long long)d->account.released);
	return out;
}

/* One host first: what is known, and what happens next (design 7). */
static void draw_trial(const struct clv_account_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	char name[VIEW_ID_MAX], rest[FMT_MAX];
	unsigned long long v = d->account.version;
	const char *host = view_name(ctx, d->first, name, sizeof(name));
	switch (d->trial) {
	case CLV_TRIAL_WAITS:
		pager_field(p, "First", INK_LOOK, "! %.200s shall try v%llu and cannot: %.300s", host, v,
		            d->trial_text[0] != '\0' ? d->trial_text : "it is not in touch");
		pager_field(p, "", INK_PLAIN, "Until it has, %s. D takes v%llu back; then E again.",
		            rest_of(d, false, rest), v);
		break;
	case CLV_TRIAL_RUNS:
		pager_field(p, "First", INK_MOVING,
		            "» %.200s tries v%llu now. When it works, the rest follow.", host, v);
		pager_field(p, "", INK_PLAIN, "Until then %s.", rest_of(d, false, rest));
		break;
	case CLV_TRIAL_OPENED:
		pager_field(p, "First", INK_LOOK, "! %.200s opened v%llu; nothing tests it there.", host, v);
		pager_field(p, "", INK_PLAIN, "%s until you say so: A gives it to them, D takes it back.",
		            rest_of(d, true, rest));
		break;
	case CLV_TRIAL_FAILED: /* message 7; a person's stop spent no logon */
		if (strncmp(d->trial_text, "stopped by ", 11) == 0) {
			pager_field(p, "First", INK_ASIDE, "– v%llu was %.300s; %s. E enter again.", v,
			            d->trial_text, rest_of(d, false, rest));
			break;
		}
		pager_field(p, "First", INK_BAD, "✖ %.400s. Sent nowhere else; %s.",
		            d->trial_text[0] != '\0' ? d->trial_text : "it did not work",
		            rest_of(d, false, rest));
		pager_field(p, "", INK_PLAIN, "%sE enter again.",
		            d->has_check ? "One failed logon was spent. " : "");
		break;
	default:
		break;
	}
}

/* It stopped at the step after the last one it reached. */
static const char *stopped_at(const struct clv_account_detail *d, const struct clv_account_host *h)
{
	enum clv_step last = d->has_check ? CLV_STEP_TESTED : CLV_STEP_OPENED;
	return h->step >= last ? "–" : clv_step_word((enum clv_step)(h->step + 1));
}

static void draw_hosts(const struct clv_account_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	static const enum sign signs[CLV_LEVEL_MAX] = {[CLV_LEVEL_INFORMATION] = SIGN_MOVING,
	                                               [CLV_LEVEL_WARNING] = SIGN_LOOK,
	                                               [CLV_LEVEL_ERROR] = SIGN_BAD};
	bool wide = p->c->cols >= 70;
	int w = p->c->cols >= 120 ? 30 : wide ? 10 : 12, why = wide ? w + 28 : 5;
	char has[24], t[FMT_MAX], name[VIEW_ID_MAX];
	if (d->n_rows == 0)
		return;
	if (wide) {
		draw_fmt(p->c, p->line - p->skip, 3, p->c->cols - 4, INK_DIM,
		         "%-*s  HAS  STOPPED AT  SINCE   WHY, AND WHAT HAPPENS NEXT", w - 2, "HOST");
		p->line++;
	}
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct clv_account_host *h = &d->rows[i];
		bool done = h->sign == CLV_LEVEL_INFORMATION && strcmp(stopped_at(d, h), "–") == 0;
		enum sign sign = done ? SIGN_GOOD : signs[h->sign];
		int y = p->line - p->skip;
		snprintf(has, sizeof(has), h->has != 0 ? "v%llu" : "–", (unsigned long long)h->has);
		draw_sign(p->c, y, 1, sign, 0);
		draw_name(p->c, y, 3, w - 1, INK_PLAIN, view_name(ctx, h->host, name, sizeof(name)));
		draw_str(p->c, y, w + 3, 4, INK_PLAIN, has);
		draw_str(p->c, y, w + 8, 10, INK_PLAIN, stopped_at(d, h));
		draw_str(p->c, y, w + 20, 7, INK_PLAIN,
		         h->since != 0 ? fmt_age(t, ctx->time.now_ms - h->since) : "–");
		if (!wide)
			p->line++;
		if (h->why[0] != '\0')
			pager_wrap(p, why, sign == SIGN_BAD ? INK_BAD : INK_PLAIN, h->why);
		else if (wide)
			p->line++;
	}
}

static enum action scroll(struct account *s, int by)
{
	int last = s->v.lines > s->v.page ? s->v.lines - s->v.page : 0;
	s->v.skip += by;
	s->v.skip = s->v.skip > last ? last : s->v.skip < 0 ? 0 : s->v.skip;
	return ACTION_NONE;
}

static void draw_page(const struct account *s, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_account_detail *d = s->d;
	char n[FMT_MAX];
	draw_trial(d, p, ctx); /* what waits for a person comes first, on a small screen too */
	draw_kept(d, p, ctx);
	draw_use(d, p);
	draw_steps(d, p);
	draw_hosts(d, p, ctx);
	if (d->n_rows == 0 && d->trial == CLV_TRIAL_NONE && d->hosts > 0 && d->account.version != 0)
		pager_line(p, INK_GOOD, "✔ all %s %s v%llu.", fmt_plural(n, d->hosts, "host", "hosts"),
		           d->hosts == 1 ? "has" : "have", (unsigned long long)d->account.version);
	page_events(p, d->events, d->n_events, ctx);
}

static void account_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct account *s = (struct account *)v;
	struct canvas none = canvas_sub(c, 0, 0);
	struct pager count = {.c = &none, .indent = 1, .now_ms = ctx->time.now_ms};
	struct pager p = {.c = c, .indent = 1, .now_ms = ctx->time.now_ms};
	if (s->gone) {
		pager_wrap(&p, 1, INK_PLAIN, s->why);
		return;
	}
	if (s->d == NULL) {
		pager_line(&p, INK_DIM, "Asking the server…");
		return;
	}
	draw_page(s, &count, ctx); /* lines are as many as the width makes them */
	s->v.lines = count.line;
	s->v.page = c->rows;
	(void)scroll(s, 0);
	p.skip = s->v.skip;
	draw_page(s, &p, ctx);
	draw_cursor(c, 0, 0);
}

static enum action account_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct account *s = (struct account *)v;
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

static void account_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct account *s = (const struct account *)v;
	char t[FMT_MAX], who[300], by[VIEW_PERSON_MAX], entered[200] = "";
	snprintf(st->left, sizeof(st->left), "Account %s", s->d != NULL ? s->d->account.name : s->name);
	if (s->d == NULL || s->gone)
		return;
	const struct clv_account_fact *a = &s->d->account;
	snprintf(who, sizeof(who), "%.120s%s%.160s", a->domain, a->domain[0] != '\0' ? "\\" : "", a->user);
	if (a->version == 0) {
		snprintf(st->middle, sizeof(st->middle), "%s   %s", who, clv_account_state_word(a->state));
		return;
	}
	if (a->entered != 0)
		snprintf(entered, sizeof(entered), ", entered %s%s by %s",
		         fmt_when(t, &ctx->time, a->entered), fmt_zone(&ctx->time),
		         view_person(a->entered_by, by));
	snprintf(st->middle, sizeof(st->middle), "%.290s   v%llu%.120s%s%s", who,
	         (unsigned long long)a->version, entered, a->state != CLV_ACCOUNT_OK ? "   " : "",
	         a->state != CLV_ACCOUNT_OK ? clv_account_state_word(a->state) : "");
}

static bool account_target(const struct view *v, struct target *t)
{
	const struct account *s = (const struct account *)v;
	if (s->d == NULL || s->gone)
		return false;
	const struct clv_account_fact *a = &s->d->account;
	*t = (struct target){.name = a->name, .row_version = a->row_version, .account = a, .detail = s->d};
	snprintf(t->id, sizeof(t->id), "%s", a->name);
	return true;
}

static void account_close(struct view *v)
{
	struct account *s = (struct account *)v;
	facts_account_detail_free(s->d);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "account",
    .where = W_ACCOUNT,
    .want = account_want,
    .request = account_request,
    .take = account_take,
    .draw = account_draw,
    .status = account_status,
    .target = account_target,
    .close = account_close,
};

struct view *view_account_open(const char *name)
{
	struct account *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.ask = true;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return &s->v;
}
