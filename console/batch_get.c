/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger get`: rows as table, wide, JSON or CSV. Foreign text is escaped in tables.
 */
#include "console/batch.h"
#include "console/batch_out.h"

#include "claviger/text.h"
#include "views/view.h"

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
			t->cells[(t->n_rows + i) * t->n_cols + k] = batch_out_cell(&c);
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

static void print_nothing(const char *text)
{
	char s[900];
	struct clv_text *t = text_new_str(view_nothing_found(text, s, sizeof(s)));
	fprintf(stderr, "%s\n", text_str(t));
	text_free(t);
}

static void print_rows(struct table *t, const struct options *o, const struct clv_rows *rows, size_t n,
                       bool first)
{
	if (o->output == OUTPUT_JSON)
		batch_out_json(stdout, rows, n, first);
	else if (o->output == OUTPUT_CSV)
		batch_out_csv(stdout, rows, n);
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

/* A certificate is printed as it stands, but only when it is nothing else. */
static bool is_pem(const char *s)
{
	if (strncmp(s, "-----BEGIN CERTIFICATE-----\n", 28) != 0)
		return false;
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=- \n") ==
	       strlen(s);
}

static int get_pem(struct batch *b)
{
	struct clv_err err = {0};
	struct clv_window w = {.limit = 1};
	int code = EXIT_DONE;
	struct clv_reply *r = batch_wait(b, clv_session_list(b->s, CLV_LIST_SERVERS, &w, &err), &err);
	if (r == NULL || r->kind != CLV_REPLY_LIST || r->rows.list != CLV_LIST_SERVERS) {
		code = batch_fail(&err);
	} else if (r->rows.n == 0 || !is_pem(r->rows.u.servers[0].pem)) {
		err_set(&err, CLV_E_NOTFOUND, "the server gave no certificate of the group signing key");
		code = batch_fail(&err);
	} else if (fputs(r->rows.u.servers[0].pem, stdout) < 0) {
		code = EXIT_FAILED;
	}
	clv_reply_free(r);
	return code;
}

static int get_list(struct batch *b, enum clv_list list, const char *filter)
{
	const struct options *o = b->o;
	struct clv_err err = {0};
	struct clv_window w = {.filter = filter};
	struct table t;
	uint64_t shown = 0;
	int code = EXIT_DONE;
	set_sort(&w, o->sort);
	table_init(&t, list, o->output == OUTPUT_WIDE || o->output == OUTPUT_CSV);
	if (o->output == OUTPUT_CSV)
		batch_out_csv_header(stdout, list);
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
		if (!more && list == CLV_LIST_FOUND && shown == 0)
			print_nothing(filter);
		else if (!more)
			print_footer(b, &r->rows, shown);
		clv_reply_free(r);
	}
	table_release(&t);
	return code;
}

int batch_get(struct batch *b, int argc, char **argv)
{
	enum clv_list list;
	struct clv_err err = {0};
	(void)argc;
	if (!row_list_parse(argv[1], &list) || list == CLV_LIST_FOUND) {
		err_set(&err, CLV_E_USAGE,
		        "get takes one of: agents accounts profiles groups servers alerts events pending "
		        "audit "
		        "expiry roles requests");
		return batch_fail(&err);
	}
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TABLE;
	if (b->o->output == OUTPUT_PEM && list == CLV_LIST_SERVERS)
		return get_pem(b);
	if (b->o->output > OUTPUT_CSV) {
		err_set(&err, CLV_E_USAGE, "-o is one of: table, wide, json, csv%s",
		        list == CLV_LIST_SERVERS ? ", pem" : "");
		return batch_fail(&err);
	}
	if (b->o->watch && b->o->output != OUTPUT_JSON && b->o->output != OUTPUT_TABLE) {
		err_set(&err, CLV_E_USAGE, "--watch writes JSON lines: leave -o out, or -o json");
		return batch_fail(&err);
	}
	if (b->o->watch) {
		struct clv_window w = {.filter = b->o->filter};
		set_sort(&w, b->o->sort);
		return batch_watch(b, list, &w);
	}
	return get_list(b, list, b->o->filter);
}

/* Several words are one text: a thumbprint has blanks. */
int batch_find(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	char text[512] = "";
	for (int i = 1; i < argc; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "%s%s", i > 1 ? " " : "", argv[i]);
	}
	if (b->o->output == OUTPUT_DEFAULT)
		b->o->output = OUTPUT_TABLE;
	if (b->o->output > OUTPUT_CSV) {
		err_set(&err, CLV_E_USAGE, "-o is one of: table, wide, json, csv");
		return batch_fail(&err);
	}
	return get_list(b, CLV_LIST_FOUND, text);
}
