/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent: its certificate in full, the key's history with each state's time, the link and both
 * ends' word on it, the node key, the configuration, its events. A page that scrolls.
 */
#include "views/page.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

struct agent {
	struct view v;
	char name[VIEW_ID_MAX];
	struct clv_agent_detail *d;
	bool gone;
	char why[256];
};

static void agent_want(struct view *v, struct want *w)
{
	struct agent *s = (struct agent *)v;
	*w = (struct want){.kind = WANT_AGENT, .name = s->name};
}

static void agent_take(struct view *v, struct clv_reply *r)
{
	struct agent *s = (struct agent *)v;
	if (r->kind == CLV_REPLY_REFUSED) { /* a removed agent's page says so */
		s->gone = true;
		snprintf(s->why, sizeof(s->why), "%.250s", r->text);
		v->have = true;
		return;
	}
	if (r->kind != CLV_REPLY_AGENT || r->agent == NULL)
		return;
	facts_agent_detail_free(s->d);
	s->d = r->agent;
	r->agent = NULL;
	s->gone = false;
	v->have = true;
}

/* --- the lines --- */

static void draw_key(const struct clv_agent_fact *a, struct pager *p)
{
	char s[FMT_MAX], from[FMT_MAX], to[FMT_MAX], half[FMT_MAX];
	const struct clv_key_fact *k = &a->key;
	bool narrow = p->c->cols < 60;
	if (!a->has_key) {
		pager_field(p, "Key", INK_PLAIN, "none yet: the agent makes one when it is accepted");
		return;
	}
	pager_field(p, "Key id", INK_PLAIN, "%s", fmt_thumb(s, k, THUMB_KEY_ID, 0));
	pager_field(p, "SHA-1", INK_PLAIN, "%s", fmt_thumb(s, k, THUMB_SHA1, 0));
	fmt_hex(s, k->sha256, 16, 4);
	fmt_hex(half, k->sha256 + 16, 16, 4);
	pager_field(p, "SHA-256", INK_PLAIN, "%s", s);
	pager_field(p, "", INK_PLAIN, "%s", half);
	fmt_minute(from, k->not_before);
	fmt_minute(to, k->not_after);
	pager_field(p, "Valid", INK_PLAIN, "%s to %s Z (%s)%sRSA %u", from, to,
	            fmt_age(s, k->not_after - p->now_ms), narrow ? " " : "         ", k->rsa_bits);
}

/* "09:14:02", and ":03" when only the seconds are new. */
static const char *after(char out[FMT_MAX], const struct fmt_time *t, int64_t before, int64_t ms)
{
	char full[FMT_MAX];
	fmt_when(full, t, ms);
	bool same = before != 0 && t->zone != ZONE_AGE && before / 60000 == ms / 60000 && strlen(full) == 8;
	snprintf(out, FMT_MAX, "%s", same ? full + 5 : full);
	return out;
}

static void history_line(char *out, size_t size, const struct clv_key_fact *k, const struct view_ctx *ctx)
{
	const struct {
		const char *word;
		int64_t at;
	} steps[] = {{"made", k->made},       {"published", k->published}, {"stored", k->stored},
	             {"in use", k->in_use},   {"confirmed", k->confirmed}, {"refused", k->refused},
	             {"retired", k->retired}, {"destroyed", k->destroyed}};
	int64_t before = 0;
	char t[FMT_MAX];
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && used < size; i++) {
		if (steps[i].at == 0)
			continue;
		int n = snprintf(out + used, size - used, "%s%s %s", used > 0 ? ", " : "", steps[i].word,
		                 after(t, &ctx->time, before, steps[i].at));
		used += n > 0 ? (size_t)n : 0;
		before = steps[i].at;
	}
	if (k->reason != NULL && used < size)
		snprintf(out + used, size - used, "%s%.200s", used > 0 ? ": " : "", k->reason);
}

static bool destroyed_today(const struct clv_key_fact *k, const struct view_ctx *ctx)
{
	char t[FMT_MAX];
	return ctx->time.zone != ZONE_AGE && strlen(fmt_when(t, &ctx->time, k->destroyed)) == 8;
}

static void draw_history(const struct clv_agent_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	char line[1024], from[FMT_MAX], to[FMT_MAX], end[FMT_MAX];
	for (size_t i = 0; i < d->n_keys; i++) {
		const struct clv_key_fact *k = &d->keys[i];
		int x = p->indent + (p->c->cols < 60 ? 9 : 10);
		if (i == 0)
			draw_str(p->c, p->line - p->skip, p->indent, 9, INK_DIM, "History");
		draw_fmt(p->c, p->line - p->skip, x, 8, INK_BOLD, "gen %u", k->ordinal);
		if (k->destroyed != 0 && k->not_before != 0)
			snprintf(line, sizeof(line), "%s to %s%s, destroyed %s",
			         fmt_date(from, k->not_before), destroyed_today(k, ctx) ? "today " : "",
			         fmt_when(to, &ctx->time, k->retired != 0 ? k->retired : k->destroyed),
			         fmt_when(end, &ctx->time, k->destroyed));
		else
			history_line(line, sizeof(line), k, ctx);
		pager_wrap(p, x + 7, k->state == CLV_KEY_REFUSED ? INK_BAD : INK_PLAIN, line);
	}
}

static void draw_link(const struct clv_agent_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_agent_fact *a = &d->agent;
	char t[FMT_MAX], hex[FMT_MAX], line[512], via[VIEW_ID_MAX];
	if (a->server == NULL) {
		pager_field(p, "Link", INK_SILENT, "none now: %s, last seen %s%s",
		            clv_contact_word(a->contact), fmt_when(t, &ctx->time, a->last_seen),
		            a->last_seen != 0 ? fmt_zone(&ctx->time) : "");
		return;
	}
	snprintf(line, sizeof(line), "%.120s, %s %.16s%s%.48s since %s%s",
	         a->gateway != NULL ? view_name(ctx, a->gateway, via, sizeof(via)) : "direct",
	         a->mechanism == CLV_MECHANISM_KERBEROS ? "Kerberos" : clv_mechanism_word(a->mechanism),
	         a->protocol != NULL ? a->protocol : "",
	         a->protocol != NULL && a->protocol[0] != '\0' ? " " : "", a->cipher != NULL ? a->cipher : "",
	         fmt_when(t, &ctx->time, d->link_since), fmt_zone(&ctx->time));
	pager_field(p, "Link", INK_PLAIN, "%s", line);
	fmt_hex(hex, d->fingerprint, 2, 2);
	pager_field(p, "", d->fingerprint_agreed ? INK_PLAIN : INK_BAD, "channel %s … %s", hex,
	            d->fingerprint_agreed ? "both ends agree ✔" : "the other end has not proven the same ✖");
	if (!d->has_channel_cert)
		return;
	bool same = d->has_configured &&
	            slice_eq(slice_of(d->channel_configured, 32), slice_of(d->channel_thumbprint, 32));
	fmt_hex(hex, d->channel_thumbprint, 4, 2);
	fmt_date(t, d->channel_not_after);
	pager_field(p, "", INK_PLAIN, "channel certificate %s … ends %s%s", hex, t,
	            !d->has_configured ? ""
	            : same             ? ", as configured ✔"
	                               : ", another is configured !");
}

static void draw_trust(const struct clv_agent_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	char date[FMT_MAX], t[FMT_MAX];
	if (d->pinned_at == 0)
		pager_field(p, "Node key", INK_LOOK, "not pinned: not accepted yet");
	else
		pager_field(p, "Node key", d->machine_matches ? INK_PLAIN : INK_LOOK,
		            "pinned %s by %.200s%s%s", fmt_date(date, d->pinned_at),
		            d->pinned_by != NULL ? d->pinned_by : "?", p->c->cols < 60 ? " " : "      ",
		            d->machine_matches ? "machine id matches ✔" : "another machine id !");
	if (d->config_confirmed_at != 0)
		pager_field(p, "Config", INK_PLAIN, "version %u, confirmed %s%s", d->config_confirmed_ordinal,
		            fmt_when(t, &ctx->time, d->config_confirmed_at), fmt_zone(&ctx->time));
	else if (d->agent.config_version != 0)
		pager_field(p, "Config", INK_MOVING, "version %u made, not confirmed yet",
		            d->agent.config_ordinal);
}

/* "sql-reader v7 ✔   deploy v3 » sent 21:03:57" */
static void account_text(const struct clv_agent_account *a, const struct view_ctx *ctx, char *out,
                         size_t size)
{
	char t[FMT_MAX];
	if (a->held_back)
		snprintf(out, size, "%.200s » tried elsewhere first", a->name);
	else if (a->version == 0)
		snprintf(out, size, "%.200s – not entered", a->name);
	else if (!a->missing)
		snprintf(out, size, "%.200s v%llu ✔", a->name, (unsigned long long)a->version);
	else
		snprintf(out, size, "%.200s v%llu » %s%s%s", a->name, (unsigned long long)a->version,
		         a->step == CLV_STEP_NONE ? "not sealed yet" : clv_step_word(a->step),
		         a->since != 0 ? " " : "", a->since != 0 ? fmt_when(t, &ctx->time, a->since) : "");
}

static void draw_accounts(const struct clv_agent_detail *d, struct pager *p, const struct view_ctx *ctx)
{
	char n[FMT_MAX], c[FMT_MAX], m[FMT_MAX], line[600] = "", one[400];
	size_t used = 0;
	if (d->accounts == 0) {
		pager_field(p, "Accounts", INK_PLAIN, "none goes here");
		return;
	}
	pager_field(p, "Accounts", d->accounts_missing > 0 ? INK_LOOK : INK_PLAIN,
	            "%s: %s confirmed, %s missing", fmt_count(n, d->accounts),
	            fmt_count(c, d->accounts_confirmed),
	            d->accounts_missing > 0 ? fmt_count(m, d->accounts_missing) : "none");
	for (size_t i = 0; i < d->n_account_rows && i < 8; i++) {
		account_text(&d->account_rows[i], ctx, one, sizeof(one));
		if (used + strlen(one) + 8 >= sizeof(line))
			break;
		used +=
		    (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", used > 0 ? "   " : "", one);
	}
	pager_field(p, "", INK_PLAIN, "%s%s", line, d->accounts > 8 ? "   …" : "");
}

static enum action scroll(struct agent *s, int by)
{
	int last = s->v.lines > s->v.page ? s->v.lines - s->v.page : 0;
	s->v.skip += by;
	s->v.skip = s->v.skip > last ? last : s->v.skip < 0 ? 0 : s->v.skip;
	return ACTION_NONE;
}

static void draw_page(const struct agent *s, struct pager *p, const struct view_ctx *ctx)
{
	draw_key(&s->d->agent, p);
	draw_history(s->d, p, ctx);
	draw_link(s->d, p, ctx);
	draw_trust(s->d, p, ctx);
	draw_accounts(s->d, p, ctx);
	page_events(p, s->d->events, s->d->n_events, ctx);
}

static void agent_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct agent *s = (struct agent *)v;
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

static enum action agent_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct agent *s = (struct agent *)v;
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
	case ACTION_TRACE:
	case ACTION_PROBE:
		snprintf(v->go, sizeof(v->go), "trace %s%.290s", a == ACTION_PROBE ? "probe " : "",
		         s->d != NULL ? s->d->agent.name : s->name);
		return ACTION_OPEN;
	case ACTION_EVENTS:
		snprintf(v->go, sizeof(v->go), "events node:%.290s",
		         s->d != NULL ? s->d->agent.name : s->name);
		return ACTION_OPEN;
	default:
		return a;
	}
}

static void agent_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct agent *s = (const struct agent *)v;
	char t[FMT_MAX], name[VIEW_ID_MAX];
	snprintf(st->left, sizeof(st->left), "Agent %s",
	         view_name(ctx, s->d != NULL ? s->d->agent.name : s->name, name, sizeof(name)));
	if (s->d == NULL || s->gone)
		return;
	const struct clv_agent_fact *a = &s->d->agent;
	if (a->approval != CLV_APPROVAL_APPROVED || !a->has_key)
		snprintf(st->middle, sizeof(st->middle), "%s",
		         a->approval != CLV_APPROVAL_APPROVED ? clv_approval_word(a->approval)
		                                              : "no key yet");
	else if (a->key.confirmed != 0)
		snprintf(st->middle, sizeof(st->middle), "%s %s%s", clv_key_state_word(a->key.state),
		         fmt_when(t, &ctx->time, a->key.confirmed), fmt_zone(&ctx->time));
	else
		snprintf(st->middle, sizeof(st->middle), "%s", clv_key_state_word(a->key.state));
}

static bool agent_target(const struct view *v, struct target *t)
{
	const struct agent *s = (const struct agent *)v;
	if (s->d == NULL || s->gone)
		return false;
	*t = (struct target){.name = s->d->agent.name,
	                     .row_version = s->d->agent.row_version,
	                     .key = s->d->agent.has_key ? &s->d->agent.key : NULL};
	snprintf(t->id, sizeof(t->id), "%s", s->d->agent.name);
	return true;
}

static void agent_close(struct view *v)
{
	struct agent *s = (struct agent *)v;
	facts_agent_detail_free(s->d);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "agent",
    .where = W_AGENT,
    .want = agent_want,
    .request = agent_request,
    .take = agent_take,
    .draw = agent_draw,
    .status = agent_status,
    .target = agent_target,
    .close = agent_close,
};

struct view *view_agent_open(const char *name)
{
	struct agent *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.ask = true;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return &s->v;
}
