/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an alert came: the path as its stored records tell it, judged when it is asked for; or the path of now,
 * of an empty parcel. V and r ask again, p asks for the path of now.
 */
#include "views/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
	struct view v;
	uint64_t alert; /* 0: the agent's last one, or a probe */
	char agent[VIEW_ID_MAX];
	bool probe;
	struct clv_trace_fact *t;
	char why[400]; /* refused */
};

static void trace_want(struct view *v, struct want *w)
{
	const struct trace *s = (const struct trace *)v;
	*w = (struct want){.kind = s->probe ? WANT_PROBE : WANT_TRACE, .name = s->agent, .alert = s->alert};
}

static void trace_take(struct view *v, struct clv_reply *r)
{
	struct trace *s = (struct trace *)v;
	if (r->kind == CLV_REPLY_REFUSED)
		snprintf(s->why, sizeof(s->why), "%.390s", r->text);
	if (r->kind != CLV_REPLY_TRACE || r->trace == NULL)
		return;
	facts_trace_free(s->t);
	s->t = r->trace;
	r->trace = NULL;
	s->why[0] = '\0';
	v->have = true;
}

static void draw_clear(const struct clv_trace_fact *t, struct pager *p, const struct view_ctx *ctx)
{
	char line[600] = "", name[VIEW_ID_MAX];
	size_t used = 0;
	for (size_t i = 1; i < t->n_nodes && used + 100 < sizeof(line); i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%.80s",
		                         i == 1                ? ""
		                         : i + 1 == t->n_nodes ? " and "
		                                               : ", ",
		                         view_name(ctx, t->nodes[i].name, name, sizeof(name)));
	if (t->n_nodes < 2 || t->verdict != CLV_VERDICT_VERIFIED)
		return;
	snprintf(line + used, sizeof(line) - used, ", by design; on no wire.");
	char text[700];
	snprintf(text, sizeof(text), "In the clear in the memory of %s", line);
	pager_wrap(p, 1, INK_DIM, text);
}

/* 1204 ms: "1.204 s" */
static const char *span(char *out, size_t size, int64_t ms)
{
	uint64_t n = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	if (n < 1000)
		snprintf(out, size, "%llu ms", (unsigned long long)n);
	else
		snprintf(out, size, "%llu.%03u s", (unsigned long long)(n / 1000), (unsigned)(n % 1000));
	return out;
}

/* Times of two nodes are compared with their measured offset, or not at all. */
static void draw_under_way(const struct clv_trace_fact *t, struct pager *p, const struct view_ctx *ctx)
{
	char line[400], buf[VIEW_ID_MAX], a[40], b[40];
	const char *name;
	if (t->n_nodes < 2)
		return;
	name = view_name(ctx, t->nodes[0].name, buf, sizeof(buf));
	if (!t->clock_known)
		snprintf(line, sizeof(line),
		         "How long it was under way is not known: the clock of %.100s is not measured now.",
		         name);
	else if (llabs(t->clock_ahead_ms) <= (long long)t->clock_error_ms)
		snprintf(line, sizeof(line),
		         "Under way %s%s, give or take %u ms; the clock of %.100s is right.",
		         t->under_way_ms < 0 ? "-" : "", span(a, sizeof(a), t->under_way_ms),
		         t->clock_error_ms, name);
	else
		snprintf(
		    line, sizeof(line), "Under way %s%s, give or take %u ms; the clock of %.100s is %s %s.",
		    t->under_way_ms < 0 ? "-" : "", span(a, sizeof(a), t->under_way_ms), t->clock_error_ms,
		    name, span(b, sizeof(b), t->clock_ahead_ms), t->clock_ahead_ms < 0 ? "behind" : "ahead");
	pager_wrap(p, 1, INK_DIM, line);
}

static void draw_page(const struct trace *s, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_trace_fact *t = s->t;
	char line[900], when[FMT_MAX];
	if (t->alert != NULL) {
		snprintf(line, sizeof(line), "%.200s%s%.600s", t->alert->name,
		         t->alert->text[0] != '\0' ? ": " : "", t->alert->text);
		pager_wrap(p, 1, INK_BOLD, line);
		snprintf(line, sizeof(line), "%s, raised %s%s, in a parcel of %u",
		         clv_severity_word(t->alert->severity), fmt_when(when, &ctx->time, t->alert->time),
		         fmt_zone(&ctx->time), t->alerts);
	} else {
		snprintf(line, sizeof(line), "The path of now: an empty parcel, asked for and judged at %s%s",
		         fmt_when(when, &ctx->time, t->time), fmt_zone(&ctx->time));
	}
	pager_wrap(p, 1, INK_DIM, line);
	p->line++;
	if (t->n_nodes == 0)
		pager_line(p, INK_BAD, "No record is stored.");
	path_draw(p, t, ctx);
	p->line++;
	if (t->verdict != CLV_VERDICT_VERIFIED) {
		snprintf(line, sizeof(line), "%s: %.300s", clv_verdict_word(t->verdict), t->why);
		pager_wrap(p, 1, INK_BAD | INK_BOLD, line);
	}
	draw_under_way(t, p, ctx);
	draw_clear(t, p, ctx);
	pager_wrap(
	    p, 1, INK_DIM,
	    "Times and mechanisms are each node's own claim; a link counts where both ends say the same.");
}

static enum action scroll(struct trace *s, int by)
{
	int last = s->v.lines > s->v.page ? s->v.lines - s->v.page : 0;
	s->v.skip += by;
	s->v.skip = s->v.skip > last ? last : s->v.skip < 0 ? 0 : s->v.skip;
	return ACTION_NONE;
}

static void trace_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct trace *s = (struct trace *)v;
	struct canvas none = canvas_sub(c, 0, 0);
	struct pager count = {.c = &none, .indent = 1}, p = {.c = c, .indent = 1};
	if (s->t == NULL) {
		pager_wrap(&p, 1, s->why[0] != '\0' ? INK_PLAIN : INK_DIM,
		           s->why[0] != '\0' ? s->why
		           : s->probe        ? "Asking for an empty parcel…"
		                             : "Asking the server…");
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

static enum action trace_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct trace *s = (struct trace *)v;
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
	case ACTION_VERIFY_PATH:
		v->ask = true;
		return ACTION_NONE;
	case ACTION_PROBE:
		if (s->t != NULL ? s->t->agent[0] == '\0' : s->agent[0] == '\0')
			return ACTION_NONE;
		snprintf(v->go, sizeof(v->go), "trace probe %.280s", s->t != NULL ? s->t->agent : s->agent);
		return ACTION_OPEN;
	default:
		return a;
	}
}

static void trace_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	const struct trace *s = (const struct trace *)v;
	char name[VIEW_ID_MAX];
	if (s->t != NULL && s->t->alert != NULL)
		snprintf(st->left, sizeof(st->left), "Trace   alert %llu",
		         (unsigned long long)s->t->alert->id);
	else if (s->alert != 0)
		snprintf(st->left, sizeof(st->left), "Trace   alert %llu", (unsigned long long)s->alert);
	else
		snprintf(st->left, sizeof(st->left), "Trace   %.200s%s",
		         view_name(ctx, s->agent, name, sizeof(name)), s->probe ? ", now" : "");
	if (s->t != NULL)
		snprintf(st->middle, sizeof(st->middle), "path %s%s", clv_verdict_word(s->t->verdict),
		         s->t->verdict == CLV_VERDICT_VERIFIED ? " ✔" : " ✖");
}

static bool trace_target(const struct view *v, struct target *t)
{
	const struct trace *s = (const struct trace *)v;
	if (s->t == NULL)
		return false;
	*t = (struct target){.name = s->t->agent};
	snprintf(t->id, sizeof(t->id), "%s", s->t->agent);
	return true;
}

static void trace_close(struct view *v)
{
	struct trace *s = (struct trace *)v;
	facts_trace_free(s->t);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "trace",
    .where = W_TRACE,
    .want = trace_want,
    .request = trace_request,
    .take = trace_take,
    .draw = trace_draw,
    .status = trace_status,
    .target = trace_target,
    .close = trace_close,
};

struct view *view_trace_open(const char *what)
{
	struct trace *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.ask = true;
	if (strncmp(what, "probe ", 6) == 0) {
		s->probe = true;
		what += 6;
	} else if (what[0] != '\0' && strspn(what, "0123456789") == strlen(what)) {
		s->alert = strtoull(what, NULL, 10);
	}
	if (s->alert == 0)
		snprintf(s->agent, sizeof(s->agent), "%s", what);
	return &s->v;
}
