/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger get`: rows as table, wide, JSON or CSV. Foreign text is escaped in table and CSV; CSV
 * is safe to open in a spreadsheet; JSON is ASCII, so that no terminal can be steered by it.
 */
#include "console/batch.h"
#include "console/batch_json.h"
#include "console/batch_rows.h"

#include "claviger/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX 24

struct table {
	const struct row_column *cols[COLUMNS_MAX];
	size_t n_cols;
	char **cells; /* n_rows * n_cols safe strings; NULL: absent */
	size_t n_rows;
};

static char *safe_cell(const struct cell *c)
{
	if (c->kind == CELL_NULL)
		return NULL;
	if (c->kind == CELL_NUMBER)
		return clv_asprintf("%llu", (unsigned long long)(c->shown ? c->shown : c->number));
	if (c->kind == CELL_BOOL)
		return clv_strdup(c->number != 0 ? "true" : "false");
	struct clv_text *t = text_new_str(c->foreign != NULL ? c->foreign : c->own);
	char *s = clv_strdup(text_str(t));
	text_free(t);
	return s;
}

static void table_init(struct table *t, enum clv_list list, bool wide)
{
	*t = (struct table){0};
	for (const struct row_column *c = row_columns(list); c->name != NULL && t->n_cols < COLUMNS_MAX;
	     c++) {
		if (wide || c->narrow)
			t->cols[t->n_cols++] = c;
	}
}

static void table_add(struct table *t, const struct clv_rows *rows, size_t n)
{
	t->cells = clv_realloc(t->cells, (t->n_rows + n) * t->n_cols + 1, sizeof(*t->cells));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t->n_cols; k++) {
			struct cell c = {0};
			t->cols[k]->get(rows, i, &c);
			t->cells[(t->n_rows + i) * t->n_cols + k] = safe_cell(&c);
		}
	}
	t->n_rows += n;
}

static void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n_rows * t->n_cols; i++)
		clv_free(t->cells[i]);
	clv_free(t->cells);
}

static int cells_of(const char *s)
{
	struct clv_text *t = text_new_str(s);
	int n = (int)text_cells(t);
	text_free(t);
	return n;
}

/* On a terminal a line ends where the terminal does; into a pipe nothing is cut. */
static void print_line(const char *line, int width)
{
	struct clv_text *t = text_new_str(line);
	if (width > 0 && text_cells(t) > (uint32_t)width) {
		struct clv_text *cut = text_cut(t, (uint32_t)width);
		printf("%s\n", text_str(cut));
		text_free(cut);
	} else {
		printf("%s\n", line);
	}
	text_free(t);
}

static void print_cells(const struct table *t, const int *widths, const char *const *cells, int width)
{
	struct clv_buf b;
	buf_init(&b, 1u << 22);
	for (size_t k = 0; k < t->n_cols; k++) {
		const char *s = cells[k] != NULL ? cells[k] : "-";
		bool last = k + 1 == t->n_cols;
		if (buf_printf(&b, NULL, "%s%*s", s, last ? 0 : widths[k] - cells_of(s) + 2, "") != CLV_OK)
			break;
	}
	char *line =
	    clv_asprintf("%.*s", (int)buf_slice(&b).len, b.len > 0 ? (const char *)buf_slice(&b).ptr : "");
	size_t len = strlen(line);
	while (len > 0 && line[len - 1] == ' ')
		line[--len] = '\0';
	print_line(line, width);
	clv_free(line);
	buf_release(&b);
}

static void print_table(const struct table *t)
{
	int widths[COLUMNS_MAX] = {0}, width = 0;
	char upper[COLUMNS_MAX][32];
	const char *heads[COLUMNS_MAX];
	struct winsize w;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		width = w.ws_col;
	for (size_t k = 0; k < t->n_cols; k++) {
		snprintf(upper[k], sizeof(upper[k]), "%s", t->cols[k]->name);
		for (char *c = upper[k]; *c != '\0'; c++)
			*c = (*c >= 'a' && *c <= 'z') ? (char)(*c - 32) : *c;
		heads[k] = upper[k];
		widths[k] = (int)strlen(upper[k]);
	}
	for (size_t i = 0; i < t->n_rows * t->n_cols; i++) {
		int n = t->cells[i] != NULL ? cells_of(t->cells[i]) : 1;
		if (n > widths[i % t->n_cols] && i % t->n_cols + 1 < t->n_cols)
			widths[i % t->n_cols] = n;
	}
	print_cells(t, widths, heads, width);
	for (size_t i = 0; i < t->n_rows; i++)
		print_cells(t, widths, (const char *const *)&t->cells[i * t->n_cols], width);
}

/* RFC 4180 quoting; what a spreadsheet would take for a formula gets an apostrophe in front. */
static void print_csv_field(const char *s, bool text)
{
	if (s == NULL)
		return;
	bool formula = text && s[0] != '\0' && strchr("=+-@\t\r", s[0]) != NULL;
	bool quote = formula || strpbrk(s, ",\"\r\n") != NULL;
	if (!quote) {
		fputs(s, stdout);
		return;
	}
	fputs(formula ? "\"'" : "\"", stdout);
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	putchar('"');
}

static void print_csv_header(const struct table *t)
{
	for (size_t k = 0; k < t->n_cols; k++)
		printf("%s%s", k > 0 ? "," : "", t->cols[k]->name);
	putchar('\n');
}

static void print_csv(const struct table *t, const struct clv_rows *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t->n_cols; k++) {
			struct cell c = {0};
			t->cols[k]->get(rows, i, &c);
			char *s = safe_cell(&c);
			/* a tab or a line feed at the front is escaped already, but its meaning was a
			 * formula's */
			bool odd = c.foreign != NULL && (c.foreign[0] == '\t' || c.foreign[0] == '\r');
			if (k > 0)
				putchar(',');
			if (odd)
				printf("\"'%s\"", s);
			else
				print_csv_field(s, c.kind == CELL_TEXT);
			clv_free(s);
		}
		putchar('\n');
	}
}

static json_t *cell_json(const struct cell *c)
{
	if (c->kind == CELL_NULL)
		return json_null();
	if (c->kind == CELL_NUMBER)
		return json_integer((json_int_t)c->number);
	if (c->kind == CELL_BOOL)
		return json_boolean(c->number != 0);
	const char *s = c->foreign != NULL ? c->foreign : c->own;
	json_t *j = json_string(s);
	if (j == NULL) { /* not UTF-8: the escaped form is what can be said in JSON */
		struct clv_text *t = text_new_str(s);
		j = json_string(text_str(t));
		text_free(t);
	}
	return j;
}

json_t *batch_row_json(enum clv_list list, const struct clv_rows *rows, size_t i)
{
	json_t *o = json_object();
	for (const struct row_column *col = row_columns(list); col->name != NULL; col++) {
		struct cell c = {0};
		col->get(rows, i, &c);
		json_object_set_new(o, col->name, cell_json(&c));
	}
	return o;
}

static void print_json(enum clv_list list, const struct clv_rows *rows, size_t n, bool first)
{
	for (size_t i = 0; i < n; i++) {
		json_t *o = batch_row_json(list, rows, i);
		char *s = json_dumps(o, JSON_ENSURE_ASCII | JSON_COMPACT);
		printf("%s%s", first && i == 0 ? "" : ",\n", s != NULL ? s : "{}");
		free(s);
		json_decref(o);
	}
}

static void print_footer(const struct batch *b, const struct clv_rows *rows, uint64_t shown)
{
	struct cell time = {0};
	struct clv_text *server = text_new_str(b->who->server);
	cell_time(&time, rows->time);
	if (shown == rows->total)
		fprintf(stderr, "%llu %s, ", (unsigned long long)shown, row_list_noun(rows->list, shown));
	else
		fprintf(stderr, "%llu of %llu %s, ", (unsigned long long)shown,
		        (unsigned long long)rows->total, row_list_noun(rows->list, rows->total));
	fprintf(stderr, "%.*s, %s\n", (int)strcspn(text_str(server), "."), text_str(server), time.own);
	text_free(server);
}

static void print_rows(struct table *t, const struct options *o, const struct clv_rows *rows, size_t n,
                       bool first)
{
	if (o->output == OUTPUT_JSON)
		print_json(rows->list, rows, n, first);
	else if (o->output == OUTPUT_CSV)
		print_csv(t, rows, n);
	else
		table_add(t, rows, n);
}

/* A column to sort by, "-" before it: falling. */
static void set_sort(struct clv_window *w, const char *sort)
{
	w->sort = sort;
	if (sort != NULL && sort[0] == '-') {
		w->sort = sort + 1;
		w->descending = true;
	}
}

static int get_list(struct batch *b, enum clv_list list)
{
	const struct options *o = b->o;
	struct clv_err err = {0};
	struct clv_window w = {.filter = o->filter};
	struct table t;
	uint64_t shown = 0;
	int code = EXIT_DONE;
	set_sort(&w, o->sort);
	table_init(&t, list, o->output == OUTPUT_WIDE || o->output == OUTPUT_CSV);
	if (o->output == OUTPUT_CSV)
		print_csv_header(&t);
	if (o->output == OUTPUT_JSON)
		printf("[");
	for (bool more = true; more;) {
		uint64_t left = o->limit == 0 ? CLV_LIST_LIMIT_MAX : o->limit - shown;
		w.offset = shown;
		w.limit = left < CLV_LIST_LIMIT_MAX ? (uint32_t)left : CLV_LIST_LIMIT_MAX;
		struct clv_reply *r = batch_wait(b, clv_session_list(b->s, list, &w, &err), &err);
		if (r == NULL || r->kind != CLV_REPLY_LIST || r->rows.list != list) {
			clv_reply_free(r);
			code = batch_fail(&err);
			break;
		}
		print_rows(&t, o, &r->rows, r->rows.n, shown == 0);
		shown += r->rows.n;
		more = r->rows.n > 0 && shown < r->rows.matched && (o->limit == 0 || shown < o->limit);
		if (!more && o->output == OUTPUT_JSON)
			printf("]\n");
		if (!more && (o->output == OUTPUT_TABLE || o->output == OUTPUT_WIDE))
			print_table(&t);
		fflush(stdout);
		if (!more)
			print_footer(b, &r->rows, shown);
		clv_reply_free(r);
	}
	table_release(&t);
	return code;
}

int batch_get(struct batch *b, const char *what)
{
	enum clv_list list;
	struct clv_err err = {0};
	if (!row_list_parse(what, &list)) {
		err_set(&err, CLV_E_USAGE, "get takes one of: agents events pending audit roles requests");
		return batch_fail(&err);
	}
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TABLE;
	if (b->o->output == OUTPUT_TEXT) {
		err_set(&err, CLV_E_USAGE, "-o is one of: table, wide, json, csv");
		return batch_fail(&err);
	}
	return get_list(b, list);
}
