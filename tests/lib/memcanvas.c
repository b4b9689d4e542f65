/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canvas that is an array.
 */
#include "tests/lib/memcanvas.h"

#include "claviger/buf.h"

#include <string.h>

static void mem_put(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink)
{
	struct memcanvas *m = ctx;
	if (y < 0 || y >= m->rows || x < 0 || x + cells > m->cols || cells < 1 || cells > 2 ||
	    len >= sizeof(m->at[0][0].text)) {
		m->outside++;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)cluster[i] < 0x20 || cluster[i] == 0x7f)
			m->outside++;
	}
	memcpy(m->at[y][x].text, cluster, len);
	m->at[y][x].text[len] = '\0';
	m->at[y][x].cells = cells;
	m->at[y][x].ink = ink;
	if (cells == 2) {
		m->at[y][x + 1].text[0] = '\0';
		m->at[y][x + 1].cells = 0;
	}
}

static void mem_cursor(void *ctx, int y, int x)
{
	struct memcanvas *m = ctx;
	m->cur_y = y;
	m->cur_x = x;
}

void memcanvas_init(struct memcanvas *m, struct canvas *c, int rows, int cols)
{
	static const struct canvas_ops ops = {.put = mem_put, .cursor = mem_cursor};
	memset(m, 0, sizeof(*m));
	m->rows = rows;
	m->cols = cols;
	m->cur_y = m->cur_x = -1;
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < cols; x++) {
			m->at[y][x].text[0] = ' ';
			m->at[y][x].cells = 1;
		}
	}
	*c = (struct canvas){.ops = &ops, .ctx = m, .rows = rows, .cols = cols};
}

char *memcanvas_text(const struct memcanvas *m, bool inks)
{
	char *out = clv_calloc((size_t)m->rows, (size_t)m->cols * 32 + 4);
	size_t n = 0;
	for (int y = 0; y < m->rows; y++) {
		size_t end = n;
		bool reversed = false;
		for (int x = 0; x < m->cols; x++) {
			const char *s = m->at[y][x].text;
			size_t len = strlen(s);
			memcpy(out + n, s, len);
			n += len;
			if (len > 0 && s[0] != ' ')
				end = n;
			reversed |= (m->at[y][x].ink & INK_REVERSE) != 0;
		}
		n = end;
		if (inks && reversed)
			out[n++] = '<';
		out[n++] = '\n';
	}
	out[n] = '\0';
	return out;
}
