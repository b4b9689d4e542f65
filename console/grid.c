/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canvas that is kept as lines of text. Only clusters of safe text arrive, as on every canvas.
 */
#include "console/grid.h"

#include "claviger/buf.h"

#include <string.h>

#define CELL 32

struct grid {
	int rows, cols, lines;
	char (*at)[CELL];
	char *line;
};

static void grid_put(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink)
{
	struct grid *g = ctx;
	(void)ink;
	if (y < 0 || y >= g->rows || x < 0 || x + cells > g->cols || len >= CELL)
		return;
	char *at = g->at[(size_t)y * (size_t)g->cols + (size_t)x];
	memcpy(at, cluster, len);
	at[len] = '\0';
	if (cells == 2)
		g->at[(size_t)y * (size_t)g->cols + (size_t)x + 1][0] = '\1'; /* the right half */
	if (len > 1 || cluster[0] != ' ')
		g->lines = y + 1 > g->lines ? y + 1 : g->lines;
}

struct grid *grid_of(struct view *v, const struct view_ctx *ctx, int cols)
{
	static const struct canvas_ops ops = {.put = grid_put};
	struct grid *g = clv_calloc(1, sizeof(*g));
	int skip = v->skip, lines = v->lines, page = v->page;
	g->rows = GRID_ROWS_MAX;
	g->cols = cols < 20 ? 20 : cols > 1000 ? 1000 : cols;
	g->at = clv_calloc((size_t)g->rows * (size_t)g->cols, CELL);
	g->line = clv_calloc((size_t)g->cols + 1, CELL);
	struct canvas c = {.ops = &ops, .ctx = g, .rows = g->rows, .cols = g->cols};
	v->skip = 0;
	v->ops->draw(v, &c, ctx);
	v->skip = skip;
	v->lines = lines;
	v->page = page;
	return g;
}

void grid_free(struct grid *g)
{
	if (g == NULL)
		return;
	clv_free(g->at);
	clv_free(g->line);
	clv_free(g);
}

int grid_lines(const struct grid *g)
{
	return g->lines;
}

const char *grid_line(struct grid *g, int y)
{
	size_t n = 0, end = 0;
	for (int x = 0; y >= 0 && y < g->rows && x < g->cols; x++) {
		const char *at = g->at[(size_t)y * (size_t)g->cols + (size_t)x];
		size_t len = strlen(at);
		if (at[0] == '\1')
			continue;
		if (len == 0) {
			g->line[n++] = ' ';
			continue;
		}
		memcpy(g->line + n, at, len);
		n += len;
		if (len > 1 || at[0] != ' ')
			end = n;
	}
	g->line[end] = '\0';
	return g->line;
}
