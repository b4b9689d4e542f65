/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the password form looks: dots and numbers of characters, blanks at either end and characters
 * beyond ASCII named, what happens with it next. No character of it is ever drawn.
 */
#include "console/app.h"
#include "views/draw.h"

#include <stdio.h>
#include <string.h>

static clv_rc look(struct clv_slice s, void *ctx, struct clv_err *err)
{
	struct entry_facts *f = ctx;
	(void)err;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		f->chars += (c & 0xc0) != 0x80;
		f->not_ascii += (c & 0xc0) == 0xc0;
		f->control |= c < 0x20 || c == 0x7f;
	}
	f->blank_front = s.len > 0 && s.ptr[0] == ' ';
	f->blank_end = s.len > 0 && s.ptr[s.len - 1] == ' ';
	return CLV_OK;
}

void entry_facts(const struct clv_secret *s, struct entry_facts *out)
{
	struct clv_err err;
	*out = (struct entry_facts){0};
	if (s != NULL && secret_use(s, look, out, &err) != CLV_OK)
		*out = (struct entry_facts){0};
}

/* Lines are counted and drawn by the same code: c with no rows counts. */
struct lines {
	struct canvas *c;
	int y;
	int cur_y, cur_x;
};

static void line(struct lines *l, unsigned ink, const char *s)
{
	struct pager p = {.c = l->c, .line = l->y};
	pager_wrap(&p, 1, ink, s);
	l->y = p.line;
}

static void group_of(const struct app *a, char *out, size_t size)
{
	question_where(a, out, size);
}

static void heading(const struct app *a, struct lines *l)
{
	const struct entry *e = &a->e;
	char g[256], s[800], v[FMT_MAX] = "";
	group_of(a, g, sizeof(g));
	if (e->intake != NULL && e->intake->version > 0)
		snprintf(v, sizeof(v), ", after v%llu", (unsigned long long)e->intake->version);
	else if (e->intake != NULL)
		snprintf(v, sizeof(v), ", the first");
	snprintf(s, sizeof(s), "%s of %.250s in %s%s.",
	         e->type == CLV_ACCOUNT_BINARY   ? "New file"
	         : e->type == CLV_ACCOUNT_SNMPV3 ? "New keys"
	                                         : "New password",
	         e->account, g, v);
	line(l, INK_BOLD, s);
	if (e->other[0] == '\0')
		return;
	snprintf(s, sizeof(s), "%s is at it too, last key %s ago.", e->other,
	         fmt_age(v, a->ctx.time.now_ms - e->other_at));
	line(l, INK_LOOK, s);
}

/* "●●●●▌ 12 characters": the number stands beside the dots, of which there are so many at most. */
static int field(const struct entry *e, struct lines *l, int x, int most, bool words, unsigned i)
{
	struct entry_facts f;
	bool here = i == e->at && e->state == ENTRY_TYPING;
	entry_facts(e->field[i], &f);
	int dots = (int)f.chars < most ? (int)f.chars : most;
	for (int k = 0; k < dots; k++)
		x = draw_str(l->c, l->y, x, 1, INK_PLAIN, "●");
	if ((int)f.chars > most)
		x = draw_str(l->c, l->y, x, 1, INK_DIM, "…");
	if (here) {
		l->cur_y = l->y;
		l->cur_x = x;
		x = draw_str(l->c, l->y, x, 1, INK_PLAIN, "▌");
	}
	if (f.chars > 0)
		x = draw_fmt(l->c, l->y, x + 1, 20, INK_DIM, "%u%s%s", f.chars, words ? " character" : "",
		             words && f.chars != 1 ? "s" : "");
	return x;
}

static const char *label_of(const struct entry *e, unsigned i, char *out, size_t size)
{
	if (e->type == CLV_ACCOUNT_SNMPV3)
		snprintf(out, size, "%s", i < 2 ? "auth. key" : "privacy key");
	else if (e->intake != NULL && (e->intake->user[0] != '\0' || e->intake->domain[0] != '\0'))
		snprintf(out, size, "%.100s%s%.150s", e->intake->domain,
		         e->intake->domain[0] != '\0' ? "\\" : "", e->intake->user);
	else
		snprintf(out, size, "%.250s", e->account);
	return out;
}

static void pair(const struct entry *e, struct lines *l, unsigned i)
{
	char label[300];
	int cols = l->c->cols, x;
	label_of(e, i, label, sizeof(label));
	if (cols >= 70) {
		int w = e->n_fields == 4        ? 14
		        : str_cells(label) < 18 ? str_cells(label)
		                                : 18,
		    most = (cols - 52) / 2;
		draw_name(l->c, l->y, 1, w, INK_PLAIN, label);
		x = field(e, l, w + 3, most, true, i);
		if (x < w + most + 20)
			x = w + most + 20;
		x = draw_str(l->c, l->y, x + 2, 5, INK_PLAIN, "again") + 2;
		(void)field(e, l, x, most, false, i + 1);
		l->y++;
		return;
	}
	draw_name(l->c, l->y, 1, 12, INK_PLAIN, label);
	(void)field(e, l, 14, cols - 30, true, i);
	l->y++;
	draw_str(l->c, l->y, 1, 12, INK_PLAIN, "again");
	(void)field(e, l, 14, cols - 30, true, i + 1);
	l->y++;
}

static void odd(const struct entry *e, struct lines *l, unsigned i)
{
	struct entry_facts f;
	char s[200] = "";
	entry_facts(e->field[i], &f);
	if (f.blank_front || f.blank_end)
		snprintf(s, sizeof(s), "! a blank at the %s",
		         f.blank_front && f.blank_end ? "beginning and the end"
		         : f.blank_front              ? "beginning"
		                                      : "end");
	if (f.not_ascii > 0) {
		size_t used = strlen(s);
		snprintf(s + used, sizeof(s) - used, "%s%u character%s not ASCII", used > 0 ? ", " : "! ",
		         f.not_ascii, f.not_ascii == 1 ? " is" : "s are");
	}
	if (s[0] != '\0')
		line(l, INK_LOOK, s);
}

static void file_field(const struct entry *e, struct lines *l)
{
	int x = draw_str(l->c, l->y, 1, 6, INK_PLAIN, "File ");
	int room = l->c->cols - x - 3, cells = str_cells(e->path);
	x = cells <= room ? draw_str(l->c, l->y, x, room, INK_PLAIN, e->path)
	                  : draw_name(l->c, l->y, x, room, INK_PLAIN, e->path);
	l->cur_y = l->y;
	l->cur_x = x;
	draw_str(l->c, l->y++, x, 1, INK_PLAIN, "▌");
}

/* What happens with it: one host first, and whom it is sealed for. */
static void next_steps(const struct app *a, struct lines *l)
{
	const struct entry *e = &a->e;
	const struct clv_intake_fact *in = e->intake;
	char s[700], hex[FMT_MAX], host[VIEW_ID_MAX], server[VIEW_ID_MAX];
	if (in == NULL)
		return;
	fmt_hex(hex, in->key_id, 4, 1);
	const char *to = view_name(&a->ctx, in->server, server, sizeof(server));
	if (in->hosts == 0)
		snprintf(s, sizeof(s), "It goes to no host yet.   sealed for %.100s's key %s…", to, hex);
	else if (in->first[0] == '\0')
		snprintf(s, sizeof(s), "%u host%s get it.   sealed for %.100s's key %s…", in->hosts,
		         in->hosts == 1 ? "" : "s", to, hex);
	else if (in->hosts == 1)
		snprintf(s, sizeof(s), "%.150s alone gets it%s.   sealed for %.100s's key %s…",
		         view_name(&a->ctx, in->first, host, sizeof(host)),
		         in->has_check ? " and tries it" : "", to, hex);
	else
		snprintf(s, sizeof(s), "%.150s %s it first, then %s other %u.   sealed for %.100s's key %s…",
		         view_name(&a->ctx, in->first, host, sizeof(host)), in->has_check ? "tries" : "gets",
		         in->has_check ? "the" : "you are asked about the", in->hosts - 1, to, hex);
	line(l, INK_DIM, s);
}

static void help(const struct entry *e, struct lines *l)
{
	if (e->ssh) {
		line(l, INK_PLAIN,
		     "What you type is shown as dots and counted; it goes to our SSH process alone, which "
		     "wipes it when it "
		     "was used. Paste works. ^W erases a word.");
		return;
	}
	line(l, INK_PLAIN,
	     "What you type is shown as dots and counted; it is sealed here, and is nowhere in the clear but "
	     "in "
	     "this program's locked memory. Paste works. Tab goes to the other field. ^W erases a word.");
}

/* Foreign lines: each is made safe where it is drawn. */
static void foreign_lines(struct lines *l, unsigned ink, const char *s)
{
	while (*s != '\0') {
		size_t len = strcspn(s, "\n");
		char *one = clv_asprintf("%.*s", (int)len, s);
		line(l, ink, one);
		clv_free(one);
		s += len + (s[len] == '\n');
	}
}

struct shown {
	struct lines *l;
	int x;
};

static clv_rc draw_shown(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	struct shown *s = ctx;
	char *text = clv_asprintf("%.*s", (int)bytes.len, (const char *)bytes.ptr);
	(void)err;
	s->x = draw_name(s->l->c, s->l->y, s->x, s->l->c->cols - s->x - 2, INK_PLAIN, text);
	clv_free(text);
	return CLV_OK;
}

/* What an SSH server, or a key's passphrase, wants. */
static void ssh_field(const struct entry *e, struct lines *l)
{
	struct clv_err err;
	int cols = l->c->cols, w = str_cells(e->ssh_text);
	struct shown s = {.l = l};
	if (w > cols / 2) { /* a long prompt has lines of its own */
		foreign_lines(l, INK_PLAIN, e->ssh_text);
		w = 0;
	} else {
		draw_str(l->c, l->y, 1, w, INK_PLAIN, e->ssh_text);
	}
	s.x = w > 0 ? w + 3 : 1;
	if (!e->shown) {
		(void)field(e, l, s.x, cols - s.x - 20, true, 0);
	} else if (secret_use(e->field[0], draw_shown, &s, &err) == CLV_OK) {
		l->cur_y = l->y;
		l->cur_x = s.x;
		draw_str(l->c, l->y, s.x, 1, INK_PLAIN, "▌");
	}
	l->y++;
}

static void typing(const struct app *a, struct lines *l)
{
	const struct entry *e = &a->e;
	if (e->ssh) {
		ssh_field(e, l);
		if (e->help)
			help(e, l);
		return;
	}
	if (e->type == CLV_ACCOUNT_BINARY) {
		file_field(e, l);
	} else {
		for (unsigned i = 0; i + 1 < e->n_fields; i += 2) {
			pair(e, l, i);
			odd(e, l, i);
		}
	}
	if (!e->help || l->c->cols >= 70)
		next_steps(a, l);
	if (e->help)
		help(e, l);
}

static int all_lines(const struct app *a, struct lines *l)
{
	const struct entry *e = &a->e;
	/* on a small screen the help takes the heading's place */
	if (e->state != ENTRY_ENDED && e->ssh)
		foreign_lines(l, INK_BOLD, e->ssh_title);
	else if (e->state != ENTRY_ENDED && (!e->help || l->c->cols >= 70))
		heading(a, l);
	if (e->said[0] != '\0')
		line(l, e->said_ink, e->said);
	if (e->state == ENTRY_ASKING)
		line(l, INK_DIM, "Asking what it is sealed for…");
	else if (e->state == ENTRY_SAVING)
		line(l, INK_DIM, "Sealed and sent. Waiting for the server's word…");
	else if (e->state == ENTRY_TYPING)
		typing(a, l);
	return l->y;
}

int entry_rows(const struct app *a, const struct canvas *c)
{
	struct canvas none = canvas_sub(c, 0, 0);
	struct lines l = {.c = &none};
	int rows = all_lines(a, &l);
	return rows < c->rows - 3 ? rows : c->rows - 3;
}

static void hint(struct canvas *c, int *x, const char *key, const char *label)
{
	if (*x + str_cells(key) + str_cells(label) + 1 > c->cols - 1)
		return;
	*x = draw_str(c, c->rows - 1, *x, c->cols - *x, INK_BOLD, key);
	*x = draw_fmt(c, c->rows - 1, *x, c->cols - *x, INK_DIM, " %s", label) + 2;
}

static void hints(const struct entry *e, struct canvas *c)
{
	char enter[VIEW_ID_MAX + 32] = "save";
	if (e->ssh)
		snprintf(enter, sizeof(enter), "send");
	int x = 1;
	draw_fill(c, c->rows - 1, 0, c->cols, INK_PLAIN);
	if (e->state == ENTRY_ENDED) {
		hint(c, &x, "Enter", "goes on");
		return;
	}
	if (e->state == ENTRY_SAVING)
		return;
	if (e->at + 1 < e->n_fields)
		snprintf(enter, sizeof(enter), "next field");
	else if (e->type == CLV_ACCOUNT_BINARY && !e->loaded)
		snprintf(enter, sizeof(enter), "read it");
	else if (e->next[0] != '\0')
		snprintf(enter, sizeof(enter), "save, next %.30s", e->next);
	if (e->state == ENTRY_TYPING)
		hint(c, &x, "Enter", enter);
	hint(c, &x, "Esc", "leave, wiped");
	if (e->state != ENTRY_TYPING)
		return;
	if (e->next[0] != '\0')
		hint(c, &x, "^N", "later");
	hint(c, &x, "^U", "empty");
	hint(c, &x, "F1", "help");
}

void entry_draw(const struct app *a, struct canvas *c)
{
	int n = entry_rows(a, c), top = c->rows - 1 - n;
	struct canvas area = canvas_sub(c, top, n);
	struct lines l = {.c = &area, .cur_y = -1};
	for (int y = 0; y < n; y++)
		draw_fill(&area, y, 0, c->cols, INK_PLAIN);
	(void)all_lines(a, &l);
	hints(&a->e, c);
	if (l.cur_y >= 0)
		draw_cursor(&area, l.cur_y, l.cur_x);
	else
		draw_cursor(c, c->rows - 1, 0);
}
