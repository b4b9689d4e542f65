/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view draws on: a row of functions. console/term.c fills it with the terminal, tests with
 * an array. Only clusters of safe text arrive here, each with its width, inside of the area.
 */
#ifndef VIEWS_CANVAS_H
#define VIEWS_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

/* Colours by meaning; what each looks like is the theme's affair. */
enum ink {
	INK_PLAIN,
	INK_DIM,
	INK_ACCENT,
	INK_GOOD,
	INK_MOVING,
	INK_LOOK,
	INK_BAD,
	INK_SILENT,
	INK_ASIDE,
	INK_MAX,
	INK_MASK = 0xff,
	INK_BOLD = 0x100,
	INK_REVERSE = 0x200,
};

struct canvas_ops {
	void (*put)(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink);
	void (*cursor)(void *ctx, int y, int x);
};

struct canvas {
	const struct canvas_ops *ops;
	void *ctx;
	int y0, x0;     /* where this area begins */
	int rows, cols; /* how large it is */
	bool ascii;
	bool plain; /* read aloud: no shape that is only a picture */
};

#endif
