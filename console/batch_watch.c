/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger get … --watch`: a JSON object a line for every row, then one for each that is new or changed, and
 * one with "removed": true for each that is gone, until the line breaks or a signal ends it.
 */
#include "console/batch.h"
#include "console/batch_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	char **lines; /* as printed */
	size_t n;
};

static bool has(const struct seen *s, const char *line)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->lines[i], line) == 0)
			return true;
	}
	return false;
}

static void release(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		clv_free(s->lines[i]);
	clv_free(s->lines);
	*s = (struct seen){0};
}

static char *row_line(const struct clv_rows *rows, size_t i)
{
	json_t *o = batch_row_json(rows->list, rows, i);
	char *out = batch_json_text(o, JSON_COMPACT);
	json_decref(o);
	return out;
}

/* Up to the first comma: what names a row in every list. */
static bool same_row(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");
	return n == strcspn(b, ",") && strncmp(a, b, n) == 0;
}

static bool still_there(const struct seen *s, const char *line)
{
	for (size_t i = 0; i < s->n; i++) {
		if (same_row(s->lines[i], line))
			return true;
	}
	return false;
}

static void print_changes(const struct clv_rows *rows, struct seen *before)
{
	struct seen now = {.lines = clv_calloc(rows->n + 1, sizeof(char *))};
	for (size_t i = 0; i < rows->n; i++) {
		now.lines[now.n++] = row_line(rows, i);
		if (!has(before, now.lines[i]))
			printf("%s\n", now.lines[i]);
	}
	for (size_t i = 0; i < before->n; i++) {
		const char *line = before->lines[i];
		if (!still_there(&now, line))
			printf("%.*s,\"removed\":true}\n", (int)strlen(line) - 1, line);
	}
	fflush(stdout);
	release(before);
	*before = now;
}

int batch_watch(struct batch *b, enum clv_list list, const struct clv_window *window)
{
	struct clv_err err = {0};
	struct clv_window w = *window;
	struct seen seen = {0};
	int code = EXIT_DONE;
	w.watch = true;
	w.limit =
	    b->o->limit != 0 && b->o->limit < CLV_LIST_LIMIT_MAX ? (uint32_t)b->o->limit : CLV_LIST_LIMIT_MAX;
	uint64_t req = clv_session_list(b->s, list, &w, &err);
	for (;;) {
		struct clv_reply *r = batch_wait(b, req, &err);
		if (r == NULL || r->kind != CLV_REPLY_LIST || r->rows.list != list) {
			clv_reply_free(r);
			code = batch_fail(&err);
			break;
		}
		if (r->rows.matched > w.limit && seen.n == 0)
			fprintf(
			    stderr,
			    "claviger: the first %u of %llu rows are watched; narrow the filter for others\n",
			    w.limit, (unsigned long long)r->rows.matched);
		print_changes(&r->rows, &seen);
		clv_reply_free(r);
		if (ferror(stdout) != 0) { /* nobody reads any more */
			code = EXIT_FAILED;
			break;
		}
	}
	release(&seen);
	return code;
}
