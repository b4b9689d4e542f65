/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w. A list is asked for window by window with the filter and the order it has on the screen; foreign text
 * is escaped in text and CSV, JSON is ASCII.
 */
#include "console/export.h"
#include "console/app.h"
#include "console/batch_out.h"
#include "console/grid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void export_name(const struct app *a, char *out, size_t size)
{
	int y, mo, d, h, mi, s;
	fmt_civil(a->ctx.time.now_ms, &y, &mo, &d, &h, &mi, &s);
	snprintf(out, size, "%s-%04d%02d%02d-%02d%02d%02d.%s", app_top(a)->ops->name, y, mo, d, h, mi, s,
	         list_of(app_top(a)) != NULL ? "csv" : "txt");
}

FILE *export_open(const char *folder, const char *name, char **path, struct clv_err *err)
{
	FILE *f = NULL;
	int dir = -1, fd = -1;
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL || strlen(name) > 200) {
		err_set(err, CLV_E_USAGE, "a file's name without a folder is wanted; it goes to %s", folder);
		return NULL;
	}
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		err_sys(err, CLV_E_IO, "the folder %s cannot be opened", folder);
		return NULL;
	}
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		err_set(err, CLV_E_EXISTS,
		        "%s is there already in %s: nothing is overwritten, take another name", name, folder);
	else if (fd < 0)
		err_sys(err, CLV_E_IO, "%s cannot be made in %s", name, folder);
	else if ((f = fdopen(fd, "w")) == NULL)
		close(fd);
	else
		*path = clv_asprintf("%s/%s", folder, name);
	close(dir);
	return f;
}

static bool format_of(const char *name, enum export_format *out)
{
	static const char *const ends[] = {
	    [EXPORT_TEXT] = ".txt", [EXPORT_CSV] = ".csv", [EXPORT_JSON] = ".json"};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot != NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(dot, ends[i]) == 0) {
			*out = (enum export_format)i;
			return true;
		}
	}
	return false;
}

static void release(struct export *x)
{
	if (x->file != NULL)
		fclose(x->file);
	clv_free(x->path);
	*x = (struct export){.file = NULL};
}

void export_drop(struct app *a)
{
	struct export *x = &a->export;
	if (x->file == NULL)
		return;
	(void)unlink(x->path);
	app_say(a, INK_LOOK, "Not written: the line was lost. w again.");
	release(x);
}

static void finish(struct app *a, const char *what)
{
	struct export *x = &a->export;
	struct clv_err err = {0};
	bool ok = fflush(x->file) == 0 && fsync(fileno(x->file)) == 0;
	if (ok) {
		app_say(a, INK_GOOD, "Wrote %llu %s to %.300s", (unsigned long long)x->done, what, x->path);
	} else {
		err_sys(&err, CLV_E_IO, "writing %s", x->path);
		app_say(a, INK_LOOK, "Not written: %.300s", err.text);
		(void)unlink(x->path);
	}
	release(x);
}

static void ask_window(struct app *a, struct list *l)
{
	struct export *x = &a->export;
	struct clv_err err = {0};
	struct clv_window w = {.filter = l->sent_filter,
	                       .sort = l->sort,
	                       .descending = l->desc,
	                       .offset = x->done,
	                       .limit = CLV_LIST_LIMIT_MAX};
	x->req = clv_session_list(a->s, x->list, &w, &err);
	if (x->req == 0)
		export_drop(a);
}

static void write_page(struct app *a)
{
	struct export *x = &a->export;
	struct grid *g = grid_of(app_top(a), &a->ctx, a->cols);
	for (int y = 0; y < grid_lines(g); y++)
		fprintf(x->file, "%s\n", grid_line(g, y));
	x->done = (uint64_t)grid_lines(g);
	grid_free(g);
	finish(a, "lines");
}

void export_begin(struct app *a, const char *name)
{
	struct export *x = &a->export;
	struct list *l = list_of(app_top(a));
	struct clv_err err = {0};
	enum export_format format;
	const char *folder =
	    a->o->settings.export_folder != NULL ? a->o->settings.export_folder : getenv("HOME");
	if (x->file != NULL || folder == NULL || folder[0] != '/') {
		app_say(a, INK_LOOK, "Not written: %s",
		        x->file != NULL ? "the file before is not finished."
		                        : "HOME is not set; console.conf may name an export_folder.");
		return;
	}
	if (!format_of(name, &format) || (l == NULL && format != EXPORT_TEXT)) {
		app_say(a, INK_LOOK, "Not written: %s",
		        l == NULL ? "a page is written as text: NAME.txt (claviger describe has JSON)"
		                  : "the ending says the format: .txt, .csv or .json");
		return;
	}
	if (l != NULL && a->ctx.fresh != FRESH_LIVE) {
		app_say(a, INK_LOOK, "Not written: there is no line to the server.");
		return;
	}
	x->file = export_open(folder, name, &x->path, &err);
	if (x->file == NULL) {
		app_say(a, INK_LOOK, "Not written: %.300s", err.text);
		return;
	}
	x->format = format;
	if (l == NULL) {
		write_page(a);
		return;
	}
	x->list = l->lo->kind;
	if (format == EXPORT_CSV)
		batch_out_csv_header(x->file, x->list);
	else if (format == EXPORT_JSON)
		fputs("[", x->file);
	ask_window(a, l);
}

static void write_lines(struct app *a, const struct list *l, const struct clv_rows *rows)
{
	struct list shown = *l;
	char line[4096];
	shown.rows = *rows;
	for (size_t i = 0; i < rows->n; i++) {
		list_row_line(&shown, i, &a->ctx, line, sizeof(line));
		struct clv_text *t = text_new_str(line);
		fprintf(a->export.file, "%s\n", text_str(t));
		text_free(t);
	}
}

bool export_take(struct app *a, const struct clv_reply *r)
{
	struct export *x = &a->export;
	struct list *l = list_of(app_top(a));
	if (x->file == NULL || x->req == 0 || r->req != x->req)
		return false;
	x->req = 0;
	if (r->kind != CLV_REPLY_LIST || r->rows.list != x->list || l == NULL || l->lo->kind != x->list) {
		export_drop(a);
		return true;
	}
	if (x->format == EXPORT_TEXT)
		write_lines(a, l, &r->rows);
	else if (x->format == EXPORT_CSV)
		batch_out_csv(x->file, &r->rows, r->rows.n);
	else
		batch_out_json(x->file, &r->rows, r->rows.n, x->done == 0);
	x->done += r->rows.n;
	if (r->rows.n > 0 && x->done < r->rows.matched) {
		ask_window(a, l);
		return true;
	}
	if (x->format == EXPORT_JSON)
		fputs("]\n", x->file);
	finish(a, x->done == 1 ? "row" : "rows");
	return true;
}
