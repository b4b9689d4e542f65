/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as CSV and JSON into a stream, for `claviger get` and for w. Foreign text is escaped in CSV, which is
 * safe to open in a spreadsheet; JSON is ASCII, so that no terminal can be steered by it.
 */
#include "console/batch_out.h"
#include "console/batch_json.h"

#include "claviger/text.h"

#include <stdlib.h>
#include <string.h>

/* "a, b", each escaped. */
static char *safe_list(const struct cell *c)
{
	struct clv_buf b;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < c->n_list; i++) {
		struct clv_text *t = text_new_str(c->list[i]);
		clv_rc rc = buf_printf(&b, NULL, "%s%s", i > 0 ? ", " : "", text_str(t));
		text_free(t);
		if (rc != CLV_OK)
			break;
	}
	struct clv_slice s = buf_slice(&b);
	char *out = clv_asprintf("%.*s", (int)s.len, s.len > 0 ? (const char *)s.ptr : "");
	buf_release(&b);
	return out;
}

char *batch_out_cell(const struct cell *c)
{
	if (c->kind == CELL_LIST)
		return safe_list(c);
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

/* RFC 4180 quoting; what a spreadsheet would take for a formula gets an apostrophe in front. */
static void csv_field(FILE *f, const char *s, bool text)
{
	if (s == NULL)
		return;
	bool formula = text && s[0] != '\0' && strchr("=+-@\t\r", s[0]) != NULL;
	bool quote = formula || strpbrk(s, ",\"\r\n") != NULL;
	if (!quote) {
		fputs(s, f);
		return;
	}
	fputs(formula ? "\"'" : "\"", f);
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	putc('"', f);
}

void batch_out_csv_header(FILE *f, enum clv_list list)
{
	bool first = true;
	for (const struct row_column *c = row_columns(list); c->name != NULL; c++, first = false)
		fprintf(f, "%s%s", first ? "" : ",", c->name);
	putc('\n', f);
}

void batch_out_csv(FILE *f, const struct clv_rows *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool first = true;
		for (const struct row_column *col = row_columns(rows->list); col->name != NULL;
		     col++, first = false) {
			struct cell c = {0};
			col->get(rows, i, &c);
			char *s = batch_out_cell(&c);
			/* a tab or a line feed at the front is escaped already, but its meaning was a
			 * formula's */
			bool odd = c.foreign != NULL && (c.foreign[0] == '\t' || c.foreign[0] == '\r');
			if (!first)
				putc(',', f);
			if (odd)
				fprintf(f, "\"'%s\"", s);
			else
				csv_field(f, s, c.kind == CELL_TEXT || c.kind == CELL_LIST);
			clv_free(s);
		}
		putc('\n', f);
	}
}

/* ASCII, as jansson makes it, and DEL, which it leaves as it is, escaped too. */
char *batch_json_text(const json_t *o, size_t flags)
{
	char *s = json_dumps(o, JSON_ENSURE_ASCII | flags);
	size_t len = s != NULL ? strlen(s) : 0, n = 0;
	char *out = clv_calloc(len * 6 + 3, 1);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == 0x7f) {
			n += (size_t)snprintf(out + n, 7, "\\u007f");
		} else {
			out[n++] = s[i];
		}
	}
	if (n == 0)
		snprintf(out, 3, "{}");
	free(s);
	return out;
}

static json_t *string_json(const char *s)
{
	json_t *j = json_string(s);
	if (j == NULL) { /* not UTF-8: the escaped form is what can be said in JSON */
		struct clv_text *t = text_new_str(s);
		j = json_string(text_str(t));
		text_free(t);
	}
	return j;
}

static json_t *cell_json(const struct cell *c)
{
	if (c->kind == CELL_LIST) {
		json_t *list = json_array();
		for (size_t i = 0; i < c->n_list; i++)
			json_array_append_new(list, string_json(c->list[i]));
		return list;
	}
	if (c->kind == CELL_NULL)
		return json_null();
	if (c->kind == CELL_NUMBER)
		return json_integer((json_int_t)c->number);
	if (c->kind == CELL_BOOL)
		return json_boolean(c->number != 0);
	return string_json(c->foreign != NULL ? c->foreign : c->own);
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

void batch_out_json(FILE *f, const struct clv_rows *rows, size_t n, bool first)
{
	for (size_t i = 0; i < n; i++) {
		json_t *o = batch_row_json(rows->list, rows, i);
		char *s = batch_json_text(o, JSON_COMPACT);
		fprintf(f, "%s%s", first && i == 0 ? "" : ",\n", s);
		clv_free(s);
		json_decref(o);
	}
}
