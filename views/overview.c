/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first screen: what needs a person, in order, then counts. Tab and j k reach every number,
 * Enter opens its list. Draws from one fact; knows nothing it was not told.
 */
#include "views/draw.h"
#include "views/view.h"

#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 48

struct item {
	int line, need; /* need: which of the lines that D sets aside, from 1; 0 none */
	char go[VIEW_ID_MAX];
};

struct overview {
	struct view v;
	struct clv_overview_fact *o;
	struct item items[ITEMS_MAX];
	int n_items, sel, skip, n_needs;
	bool plain; /* no bars */
};

static void overview_want(struct view *v, struct want *w)
{
	(void)v;
	*w = (struct want){.kind = WANT_OVERVIEW};
}

static void overview_take(struct view *v, struct clv_reply *r)
{
	struct overview *s = (struct overview *)v;
	if (r->kind != CLV_REPLY_OVERVIEW || r->overview == NULL)
		return;
	facts_overview_free(s->o);
	s->o = r->overview;
	r->overview = NULL;
	v->have = true;
}

/* --- lines --- */

static void add_item(struct overview *s, int line, const char *go)
{
	if (s->n_items >= ITEMS_MAX)
		return;
	s->items[s->n_items].line = line;
	s->items[s->n_items].need = 0;
	snprintf(s->items[s->n_items].go, sizeof(s->items[0].go), "%.290s", go[0] == ':' ? go + 1 : go);
	s->n_items++;
}

static bool is_selected(const struct overview *s)
{
	return s->n_items - 1 == s->sel;
}

static void draw_needs(struct overview *s, struct pager *p, bool aside)
{
	static const enum sign signs[CLV_LEVEL_MAX] = {[CLV_LEVEL_INFORMATION] = SIGN_MOVING,
	                                               [CLV_LEVEL_WARNING] = SIGN_LOOK,
	                                               [CLV_LEVEL_ERROR] = SIGN_BAD};
	for (size_t i = 0; i < s->o->n_needs; i++) {
		const struct clv_need_fact *n = &s->o->needs[i];
		if ((n->aside_until != 0) != aside)
			continue;
		char until[FMT_MAX], why[400];
		int y = p->line - p->skip, go = str_cells(n->go), room = p->c->cols - 4;
		add_item(s, p->line, n->go);
		s->items[s->n_items - 1].need = (int)i + 1;
		unsigned more = is_selected(s) ? INK_REVERSE : 0;
		if (more != 0)
			draw_fill(p->c, y, 0, p->c->cols, more);
		draw_sign(p->c, y, 1, aside ? SIGN_ASIDE : signs[n->level], more);
		if (aside) {
			snprintf(why, sizeof(why), "%.160s   until %s: %.160s", n->text,
			         fmt_date(until, n->aside_until), n->aside_reason);
			draw_str(p->c, y, 3, room, INK_ASIDE | more, why);
			if (more != 0)
				draw_cursor(p->c, y, 3);
			p->line++;
			continue;
		}
		bool beside = str_cells(n->text) + go + 1 <= room;
		int end = draw_str(p->c, y, 3, room, INK_PLAIN | more, n->text);
		if (beside && go > 0)
			draw_right(p->c, y, end + 1, p->c->cols - end - 2, INK_ACCENT | more, n->go);
		if (is_selected(s))
			draw_cursor(p->c, y, 3);
		p->line++;
	}
	if (!aside)
		s->n_needs = s->n_items;
}

/* The items of a line of numbers stand in slots; what finds no room goes to the next line. */
struct slots {
	struct overview *s;
	struct pager *p;
	int x, n;
};

static struct slots begin_line(struct overview *s, struct pager *p, const char *label, uint64_t count,
                               const char *go)
{
	char num[FMT_MAX];
	int y = p->line - p->skip;
	add_item(s, p->line, go);
	unsigned more = is_selected(s) ? INK_REVERSE : 0;
	draw_str(p->c, y, 1, 10, INK_DIM, label);
	fmt_count(num, count);
	int w = str_cells(num), x = w < 6 ? 16 - w : 10;
	draw_str(p->c, y, x, w, INK_BOLD | more, num);
	if (more != 0)
		draw_cursor(p->c, y, x);
	return (struct slots){.s = s, .p = p, .x = 19};
}

static void add_slot(struct slots *l, enum sign sign, uint64_t n, const char *word, const char *go)
{
	static const int at[] = {19, 39, 56, 68};
	char num[FMT_MAX], s[FMT_MAX * 2];
	snprintf(s, sizeof(s), "%s %s", fmt_count(num, n), word);
	int want = l->n < 4 && at[l->n] > l->x ? at[l->n] : l->x, need = str_cells(s) + 2;
	if (want + need >= l->p->c->cols && l->x + need < l->p->c->cols)
		want = l->x;
	if (want + need >= l->p->c->cols) {
		l->p->line++;
		want = l->p->c->cols < 60 ? 3 : 19;
	}
	add_item(l->s, l->p->line, go);
	unsigned more = is_selected(l->s) ? INK_REVERSE : 0;
	int y = l->p->line - l->p->skip;
	draw_sign(l->p->c, y, want, sign, more);
	draw_str(l->p->c, y, want + 1, 1, more, " ");
	l->x = draw_str(l->p->c, y, want + 2, l->p->c->cols - want - 2, sign_ink(sign) | more, s) + 1;
	if (more != 0)
		draw_cursor(l->p->c, y, want + 2);
	l->n++;
}

static void draw_counts(struct overview *s, struct pager *p)
{
	const struct clv_overview_fact *o = s->o;
	struct slots l = begin_line(s, p, "Agents", o->agents, "agents");
	add_slot(&l, SIGN_GOOD, o->up, "in touch", "agents contact:up");
	if (o->silent > 0)
		add_slot(&l, SIGN_SILENT, o->silent, "silent", "agents contact:silent");
	if (o->pending > 0)
		add_slot(&l, SIGN_LOOK, o->pending, "pending", "pending");
	p->line++;
	l = begin_line(s, p, "Keys", o->keys, "agents !state:none");
	add_slot(&l, SIGN_GOOD, o->confirmed, "confirmed", "agents state:confirmed");
	if (o->on_the_way > 0)
		add_slot(&l, SIGN_MOVING, o->on_the_way, "on their way",
		         "agents !state:confirmed !state:refused");
	if (o->late > 0)
		add_slot(&l, SIGN_LOOK, o->late, "late", "agents expires<7d");
	if (o->refused > 0)
		add_slot(&l, SIGN_BAD, o->refused, "refused", "agents state:refused");
	p->line++;
	if (o->accounts == 0)
		return;
	l = begin_line(s, p, "Accounts", o->accounts, "accounts");
	add_slot(&l, SIGN_GOOD, o->accounts_done, "everywhere", "accounts missing=0");
	if (o->accounts_missing > 0)
		add_slot(&l, SIGN_MOVING, o->accounts_missing, "on their way", "accounts missing>0");
	p->line++;
}

/* "23, 2 critical      paths: checked 20 of 23, all verified" */
static void draw_alerts(struct overview *s, struct pager *p)
{
	const struct clv_overview_fact *o = s->o;
	char line[200], n[FMT_MAX], c[FMT_MAX];
	int y = p->line - p->skip;
	add_item(s, p->line, o->alerts > 0 ? "alerts since:1h" : "alerts");
	unsigned more = is_selected(s) ? INK_REVERSE : 0;
	if (o->alerts == 0)
		snprintf(line, sizeof(line), "none");
	else if (o->alerts_critical > 0)
		snprintf(line, sizeof(line), "%s, %s critical", fmt_count(n, o->alerts),
		         fmt_count(c, o->alerts_critical));
	else
		snprintf(line, sizeof(line), "%s", fmt_count(n, o->alerts));
	draw_str(p->c, y, 1, 18, INK_DIM, "Alerts, last hour");
	if (more != 0)
		draw_cursor(p->c, y, 21);
	int x = draw_str(p->c, y, 21, p->c->cols - 22, (o->alerts_critical > 0 ? INK_LOOK : INK_PLAIN) | more,
	                 line);
	p->line++;
	if (o->alerts == 0)
		return;
	bool good = o->alerts_verified == o->alerts_checked;
	snprintf(line, sizeof(line), "paths: checked %s of %s%s", fmt_count(n, o->alerts_checked),
	         fmt_count(c, o->alerts),
	         o->alerts_checked == 0 ? ""
	         : good                 ? ", all verified"
	                                : ", NOT all verified");
	if (x < 38)
		x = 38;
	if (x + 2 + str_cells(line) < p->c->cols) {
		draw_str(p->c, y, x + 2, p->c->cols - x - 2, good ? INK_PLAIN : INK_BAD, line);
	} else {
		draw_str(p->c, p->line - p->skip, 3, p->c->cols - 4, good ? INK_PLAIN : INK_BAD, line);
		p->line++;
	}
}

static void draw_bars(const struct clv_overview_fact *o, struct pager *p)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint32_t peak = 1;
	size_t n = sizeof(o->renewals) / sizeof(o->renewals[0]);
	for (size_t i = 0; i < n; i++)
		peak = o->renewals[i] > peak ? o->renewals[i] : peak;
	for (size_t i = 0; i < n && (int)i + 2 < p->c->cols; i++)
		draw_str(p->c, p->line - p->skip, 1 + (int)i, 1, INK_ACCENT, bars[o->renewals[i] * 7 / peak]);
	p->line++;
}

static void draw_ends(struct overview *s, struct pager *p)
{
	static const struct {
		const char *label, *go;
	} spans[] = {
	    {"7 d", "agents expires<7d"}, {"30 d", "agents expires<30d"}, {"90 d", "agents expires<90d"}};
	const struct clv_overview_fact *o = s->o;
	uint32_t counts[] = {o->ends_7d, o->ends_30d, o->ends_90d}, peak = 0;
	size_t peak_at = 0;
	char num[FMT_MAX], date[FMT_MAX], text[FMT_MAX * 3];
	int x = draw_str(p->c, p->line - p->skip, 1, 6, INK_DIM, "Ends") + 3;
	for (size_t i = 0; i < 3; i++) {
		add_item(s, p->line, spans[i].go);
		unsigned more = is_selected(s) ? INK_REVERSE : 0;
		if (more != 0)
			draw_cursor(p->c, p->line - p->skip, x);
		x = draw_fmt(p->c, p->line - p->skip, x, p->c->cols - x, more, "%s %s", spans[i].label,
		             fmt_count(num, counts[i])) +
		    3;
	}
	snprintf(text, sizeof(text), "of %s", fmt_count(num, o->ends_total));
	x = draw_str(p->c, p->line - p->skip, x, p->c->cols - x, INK_PLAIN, text) + 5;
	for (size_t i = 0; i < sizeof(o->renewals) / sizeof(o->renewals[0]); i++) {
		if (o->renewals[i] > peak) {
			peak = o->renewals[i];
			peak_at = i;
		}
	}
	if (peak > 0) {
		fmt_date(date, o->time + (int64_t)peak_at * 86400000);
		snprintf(text, sizeof(text), "renewals: peak %u/d %s", peak, date);
		if (x + str_cells(text) > p->c->cols) {
			p->line++;
			x = 1;
		}
		draw_str(p->c, p->line - p->skip, x, p->c->cols - x, INK_PLAIN, text);
	}
	p->line++;
	if (peak > 0 && !s->plain)
		draw_bars(o, p);
}

static void draw_sentence(const struct clv_overview_fact *o, struct pager *p)
{
	unsigned person = 0, wait = 0;
	char s[512], a[FMT_MAX], b[FMT_MAX], t[FMT_MAX];
	for (size_t i = 0; i < o->n_needs; i++) {
		if (o->needs[i].aside_until != 0)
			continue;
		if (o->needs[i].level == CLV_LEVEL_INFORMATION)
			wait++;
		else
			person++;
	}
	if (person + wait == 0)
		snprintf(s, sizeof(s), "Nothing needs you. Looked at %s, %s, audit chain to %s Z.%s%s%s",
		         fmt_plural(a, o->agents, "agent", "agents"), fmt_plural(b, o->keys, "key", "keys"),
		         fmt_minute(t, o->audit_checked) + 11, o->silent > 0 ? " Not known: " : "", "", "");
	else if (person == 0)
		snprintf(s, sizeof(s), "Nothing needs a person now, %u can wait.", wait);
	else
		snprintf(s, sizeof(s), "%u %s a person%s.", person,
		         person == 1 ? "thing needs" : "things need", "");
	size_t len = strlen(s);
	if (person + wait == 0 && o->silent > 0)
		snprintf(s + len, sizeof(s) - len, "%u silent.", o->silent);
	if (person > 0 && wait > 0)
		snprintf(s + len - 1, sizeof(s) - len + 1, ", %u can wait.", wait);
	pager_wrap(p, 1, INK_BOLD, s);
}

static void draw_first_run(struct overview *s, struct pager *p)
{
	const struct clv_overview_fact *o = s->o;
	char hex[FMT_MAX], line[512];
	snprintf(line, sizeof(line), "This group is new: no agent yet. Listening on %.200s.", o->listen);
	pager_wrap(p, 1, INK_BOLD, line);
	fmt_hex(hex, o->node_key_id, 8, 2);
	draw_sign(p->c, p->line - p->skip, 1, SIGN_GOOD, 0);
	snprintf(line, sizeof(line), "1 %.120s runs, node key %s …", o->server, hex);
	pager_wrap(p, 3, INK_PLAIN, line);
	pager_wrap(p, 3, INK_PLAIN, "2 On a host:   clavigerd check      what it will prove itself with");
	snprintf(line, sizeof(line), "clavigerd enroll --role agent --server %.*s",
	         (int)strcspn(o->listen, ":"), o->listen);
	pager_wrap(p, p->c->cols < 76 ? 5 : 18, INK_PLAIN, line);
	add_item(s, p->line, "pending");
	if (o->pending > 0)
		draw_sign(p->c, p->line - p->skip, 1, SIGN_LOOK, 0);
	pager_wrap(p, 3, is_selected(s) ? INK_REVERSE : INK_PLAIN,
	           "3 Then here:   7, and A: type the digits that the host printed");
	if (o->turned_away > 0) {
		add_item(s, p->line, "events id:20002");
		draw_sign(p->c, p->line - p->skip, 1, SIGN_LOOK, 0);
		int end =
		    draw_fmt(p->c, p->line - p->skip, 3, p->c->cols - 4, is_selected(s) ? INK_REVERSE : 0,
		             "Turned away in 24 h: %u", o->turned_away);
		draw_right(p->c, p->line - p->skip, end + 1, p->c->cols - end - 2, INK_ACCENT,
		           ":events id:20002");
		p->line++;
	}
}

/* Who else is at a console now. */
static void draw_attached(const struct clv_overview_fact *o, struct pager *p)
{
	char line[400] = "", who[VIEW_PERSON_MAX];
	size_t used = 0;
	for (size_t i = 0; i < o->n_attached && used + VIEW_PERSON_MAX < sizeof(line); i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", i > 0 ? ", " : "",
		                         view_person(o->attached[i], who));
	if (o->n_attached == 0)
		return;
	draw_str(p->c, p->line - p->skip, 1, 9, INK_DIM, "Also here");
	draw_str(p->c, p->line - p->skip, 11, p->c->cols - 12, INK_PLAIN, line);
	p->line++;
}

static void draw_all(struct overview *s, struct pager *p)
{
	const struct clv_overview_fact *o = s->o;
	s->n_items = 0;
	if (o->keys == 0 && o->agents <= o->pending) {
		draw_first_run(s, p);
		return;
	}
	draw_sentence(o, p);
	if (p->c->rows > 10)
		p->line++;
	draw_needs(s, p, false);
	if (s->n_needs > 0 && p->c->rows > 10)
		p->line++;
	draw_counts(s, p);
	draw_ends(s, p);
	draw_alerts(s, p);
	draw_needs(s, p, true);
	draw_attached(o, p);
}

static void overview_draw(struct view *v, struct canvas *c, const struct view_ctx *ctx)
{
	struct overview *s = (struct overview *)v;
	s->plain = ctx->plain;
	if (s->o == NULL) {
		draw_str(c, 0, 1, c->cols - 2, INK_DIM, "Asking the server…");
		return;
	}
	/* first without an area: where does the selected item stand? */
	struct canvas none = *c;
	struct pager count = {.c = &none, .skip = 1000000};
	none.ops = c->ops;
	draw_all(s, &count);
	if (s->sel >= s->n_items)
		s->sel = s->n_items > 0 ? s->n_items - 1 : 0;
	int line = s->n_items > 0 ? s->items[s->sel].line : 0;
	if (s->sel == 0)
		s->skip = 0;
	if (line < s->skip)
		s->skip = line;
	if (line >= s->skip + c->rows)
		s->skip = line - c->rows + 1;
	struct pager p = {.c = c, .skip = s->skip};
	draw_all(s, &p);
}

static enum action overview_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	struct overview *s = (struct overview *)v;
	(void)ctx;
	switch (a) {
	case ACTION_DOWN:
	case ACTION_RIGHT:
		s->sel += s->sel + 1 < s->n_items;
		return ACTION_NONE;
	case ACTION_UP:
	case ACTION_LEFT:
		s->sel -= s->sel > 0;
		return ACTION_NONE;
	case ACTION_TOP:
		s->sel = 0;
		return ACTION_NONE;
	case ACTION_BOTTOM:
		s->sel = s->n_items > 0 ? s->n_items - 1 : 0;
		return ACTION_NONE;
	case ACTION_TAB:
		s->sel = s->sel < s->n_needs ? s->n_needs : 0;
		return ACTION_NONE;
	case ACTION_RELOAD:
		v->ask = true;
		return ACTION_NONE;
	case ACTION_OPEN:
		if (s->sel >= s->n_items || s->items[s->sel].go[0] == '\0')
			return ACTION_NONE;
		snprintf(v->go, sizeof(v->go), "%s", s->items[s->sel].go);
		return ACTION_OPEN;
	default:
		return a;
	}
}

/* name: what the line says; id: its key; pending_id: it waits already. */
static bool overview_target(const struct view *v, struct target *t)
{
	const struct overview *s = (const struct overview *)v;
	if (s->o == NULL || s->sel >= s->n_items || s->items[s->sel].need == 0 ||
	    (size_t)s->items[s->sel].need > s->o->n_needs)
		return false;
	const struct clv_need_fact *n = &s->o->needs[s->items[s->sel].need - 1];
	*t = (struct target){.name = n->text, .pending_id = n->aside_until != 0};
	snprintf(t->id, sizeof(t->id), "%s", n->key);
	return n->key[0] != '\0';
}

static void overview_status(const struct view *v, struct view_status *st, const struct view_ctx *ctx)
{
	(void)v;
	(void)ctx;
	snprintf(st->left, sizeof(st->left), "Overview");
}

static void overview_close(struct view *v)
{
	struct overview *s = (struct overview *)v;
	facts_overview_free(s->o);
	clv_free(s);
}

static const struct view_ops ops = {
    .name = "overview",
    .where = W_OVERVIEW,
    .want = overview_want,
    .request = overview_request,
    .take = overview_take,
    .draw = overview_draw,
    .status = overview_status,
    .target = overview_target,
    .close = overview_close,
};

struct view *view_overview_open(void)
{
	struct overview *s = clv_calloc(1, sizeof(*s));
	s->v.ops = &ops;
	s->v.ask = true;
	return &s->v;
}
