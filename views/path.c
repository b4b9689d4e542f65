/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laying out a path on the cells of a canvas (see path.h). What one end alone states is called claimed, and
 * nothing has the good sign that did not verify.
 */
#include "views/path.h"

#include <stdio.h>
#include <string.h>

#define BOX_COLS  19
#define LINK_COLS 26
#define BOX_ROWS  6

static const char *role_word(const struct clv_trace_node *n)
{
	return n->role[0] != '\0' ? n->role : "unknown";
}

/* 09:14:02.113 */
static const char *moment(char out[FMT_MAX], int64_t ms)
{
	char t[FMT_MAX];
	snprintf(out, FMT_MAX, "%s.%03d", fmt_clock(t, ms), (int)(ms % 1000));
	return out;
}

/* What became of it here: times of one node, by its own clock. */
static void doing(const struct clv_trace_node *n, size_t i, bool probe, char *out, size_t size)
{
	char t[FMT_MAX];
	if (n->stored != 0 && probe)
		snprintf(out, size, "decrypted %s", moment(t, n->received));
	else if (n->stored != 0)
		snprintf(out, size, "%sstored %s", i > 0 ? "decrypted, " : "", moment(t, n->stored));
	else if (n->received != 0 && n->sent != 0)
		snprintf(out, size, "decrypted, encrypted again in %lld ms",
		         (long long)(n->sent - n->received));
	else if (n->sent != 0)
		snprintf(out, size, "sent %s", moment(t, n->sent));
	else
		snprintf(out, size, "says no time");
}

static const char *verdict_text(const struct clv_trace_node *n, char *out, size_t size)
{
	snprintf(out, size, "%s %s",
	         n->verdict == CLV_VERDICT_VERIFIED ? "signed" : clv_verdict_word(n->verdict),
	         n->verdict == CLV_VERDICT_VERIFIED    ? "✔"
	         : n->verdict == CLV_VERDICT_UNCHECKED ? " "
	                                               : "✖");
	return out;
}

static unsigned verdict_ink(const struct clv_trace_node *n)
{
	return n->verdict == CLV_VERDICT_VERIFIED    ? INK_GOOD
	       : n->verdict == CLV_VERDICT_UNCHECKED ? INK_DIM
	                                             : INK_BAD;
}

static const char *mechanism_word(const struct clv_trace_link *l)
{
	return l->mechanism == CLV_MECHANISM_CERTIFICATE ? "Certificate"
	       : l->mechanism == CLV_MECHANISM_KERBEROS  ? "Kerberos"
	       : l->mechanism == CLV_MECHANISM_NONE      ? "NOT ENCRYPTED"
	                                                 : clv_mechanism_word(l->mechanism);
}

/* "4F1A 90C2 both ends ✔" */
static const char *channel_text(const struct clv_trace_link *l, const struct view_ctx *ctx, char *out,
                                size_t size)
{
	char hex[FMT_MAX], other[FMT_MAX], name[VIEW_ID_MAX];
	if (l->both)
		snprintf(out, size, "%s both ends ✔", fmt_hex(hex, l->fingerprint_from, 4, 2));
	else if (l->has_from && l->has_to)
		snprintf(out, size, "%s, %s ends differ ✖", fmt_hex(hex, l->fingerprint_from, 4, 2),
		         fmt_hex(other, l->fingerprint_to, 4, 2));
	else
		snprintf(out, size, "%s claimed by %.60s",
		         fmt_hex(hex, l->has_from ? l->fingerprint_from : l->fingerprint_to, 4, 2),
		         view_name(ctx, l->has_from ? l->from : l->to, name, sizeof(name)));
	return out;
}

static unsigned channel_ink(const struct clv_trace_link *l)
{
	return l->both ? INK_PLAIN : l->has_from && l->has_to ? INK_BAD : INK_LOOK;
}

static void cipher_text(const struct clv_trace_link *l, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", l->protocol, l->protocol[0] != '\0' ? "  " : "", l->cipher);
}

/* --- stacked --- */

static void stacked_node(struct pager *p, const struct clv_trace_fact *t, size_t i,
                         const struct view_ctx *ctx)
{
	const struct clv_trace_node *n = &t->nodes[i];
	char name[VIEW_ID_MAX], what[120], verdict[64];
	int y = p->line - p->skip, cols = p->c->cols;
	bool narrow = cols < 70;
	verdict_text(n, verdict, sizeof(verdict));
	doing(n, i, t->alert == NULL, what, sizeof(what));
	int w = str_cells(verdict);
	draw_name(p->c, y, 3, narrow ? 14 : 12, INK_BOLD, view_name(ctx, n->name, name, sizeof(name)));
	draw_str(p->c, y, narrow ? 18 : 16, cols - w - (narrow ? 20 : 18), INK_PLAIN, role_word(n));
	if (!narrow)
		draw_str(p->c, y, 26, cols - w - 29, INK_PLAIN, what);
	draw_right(p->c, y, cols - w - 2, w, verdict_ink(n), verdict);
	p->line++;
	if (narrow)
		draw_str(p->c, p->line++ - p->skip, 5, cols - 6, INK_DIM, what);
	if (n->verdict != CLV_VERDICT_VERIFIED && n->why[0] != '\0')
		pager_wrap(p, 5, INK_BAD, n->why);
}

static void stacked_link(struct pager *p, const struct clv_trace_link *l, const struct view_ctx *ctx)
{
	char cipher[200], channel[200], line[300];
	int cols = p->c->cols;
	cipher_text(l, cipher, sizeof(cipher));
	channel_text(l, ctx, channel, sizeof(channel));
	snprintf(line, sizeof(line), "║  %s  %s", mechanism_word(l), cipher);
	int w = str_cells(channel) + 8, used = 5 + str_cells(line);
	unsigned ink = l->weak[0] != '\0' ? INK_LOOK : INK_ACCENT;
	draw_str(p->c, p->line - p->skip, 5, cols - 6, ink, line);
	if (used + w + 4 > cols) {
		p->line++;
		draw_str(p->c, p->line - p->skip, 5, 1, ink, "║");
		draw_fmt(p->c, p->line - p->skip, 8, cols - 9, channel_ink(l), "channel %s", channel);
	} else {
		draw_fmt(p->c, p->line - p->skip, cols - w - 2, w, channel_ink(l), "channel %s", channel);
	}
	p->line++;
	if (l->weak[0] != '\0') {
		draw_str(p->c, p->line - p->skip, 5, 1, ink, "║");
		pager_wrap(p, 8, INK_LOOK, l->weak);
	}
	draw_str(p->c, p->line++ - p->skip, 5, 1, ink, "▼");
}

/* --- side by side --- */

int path_wide(const struct clv_trace_fact *t)
{
	int n = (int)t->n_nodes, links = (int)t->n_links;
	return 2 + n * BOX_COLS + links * LINK_COLS + 1;
}

static void box_line(struct pager *p, int y, int x, unsigned ink, const char *s)
{
	draw_str(p->c, y, x, 1, INK_ACCENT, "│");
	draw_str(p->c, y, x + 2, BOX_COLS - 4, ink, s);
	draw_str(p->c, y, x + BOX_COLS - 1, 1, INK_ACCENT, "│");
}

static void box_edge(struct pager *p, int y, int x, const char *left, const char *right)
{
	draw_str(p->c, y, x, 1, INK_ACCENT, left);
	for (int i = 1; i < BOX_COLS - 1; i++)
		draw_str(p->c, y, x + i, 1, INK_ACCENT, "─");
	draw_str(p->c, y, x + BOX_COLS - 1, 1, INK_ACCENT, right);
}

static void box(struct pager *p, const struct clv_trace_fact *t, size_t i, int x, const struct view_ctx *ctx)
{
	const struct clv_trace_node *n = &t->nodes[i];
	int y = p->line - p->skip;
	char name[VIEW_ID_MAX], s[120], m[FMT_MAX];
	box_edge(p, y, x, "┌", "┐");
	box_line(p, y + 1, x, INK_PLAIN, "");
	draw_name(p->c, y + 1, x + 2, BOX_COLS - 4, INK_BOLD, view_name(ctx, n->name, name, sizeof(name)));
	box_line(p, y + 2, x, INK_PLAIN, role_word(n));
	if (n->received != 0 && n->sent != 0)
		snprintf(s, sizeof(s), "decrypted +%lld ms", (long long)(n->sent - n->received));
	else
		snprintf(s, sizeof(s), "%s",
		         n->sent != 0 || n->stored != 0 ? moment(m, n->sent != 0 ? n->sent : n->stored)
		                                        : "says no time");
	box_line(p, y + 3, x, INK_PLAIN, s);
	box_line(p, y + 4, x, verdict_ink(n), verdict_text(n, s, sizeof(s)));
	box_edge(p, y + 5, x, "└", "┘");
}

static void arrow(struct pager *p, const struct clv_trace_link *l, int x, const struct view_ctx *ctx)
{
	int y = p->line - p->skip;
	char s[200];
	unsigned ink = l->weak[0] != '\0' ? INK_LOOK : INK_ACCENT;
	draw_str(p->c, y + 1, x + 1, LINK_COLS - 2, ink, mechanism_word(l));
	cipher_text(l, s, sizeof(s));
	for (int i = 0; i < LINK_COLS - 1; i++)
		draw_str(p->c, y + 2, x + i, 1, ink, "═");
	draw_str(p->c, y + 2, x + LINK_COLS - 1, 1, ink, "▶");
	draw_str(p->c, y + 3, x + 1, LINK_COLS - 2, INK_PLAIN, l->cipher);
	channel_text(l, ctx, s, sizeof(s));
	draw_str(p->c, y + 4, x + 1, LINK_COLS - 2, channel_ink(l), s);
}

static void side_by_side(struct pager *p, const struct clv_trace_fact *t, const struct view_ctx *ctx)
{
	int x = 1;
	for (size_t i = 0; i < t->n_nodes; i++) {
		box(p, t, i, x, ctx);
		x += BOX_COLS;
		if (i < t->n_links) {
			arrow(p, &t->links[i], x, ctx);
			x += LINK_COLS;
		}
	}
	p->line += BOX_ROWS;
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (t->nodes[i].verdict != CLV_VERDICT_VERIFIED && t->nodes[i].why[0] != '\0')
			pager_wrap(p, 1, INK_BAD, t->nodes[i].why);
	}
	for (size_t i = 0; i < t->n_links; i++) {
		if (t->links[i].weak[0] != '\0')
			pager_wrap(p, 1, INK_LOOK, t->links[i].weak);
	}
}

void path_draw(struct pager *p, const struct clv_trace_fact *t, const struct view_ctx *ctx)
{
	if (p->c->cols >= 100 && path_wide(t) <= p->c->cols) {
		side_by_side(p, t, ctx);
		return;
	}
	for (size_t i = 0; i < t->n_nodes; i++) {
		stacked_node(p, t, i, ctx);
		if (i < t->n_links)
			stacked_link(p, &t->links[i], ctx);
	}
}
