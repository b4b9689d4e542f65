/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing helpers. Everything that reaches a canvas passes through struct clv_text here, our own
 * words included, so that no view can forget to.
 */
#ifndef VIEWS_DRAW_H
#define VIEWS_DRAW_H

#include "claviger/err.h"
#include "claviger/text.h"
#include "views/canvas.h"

#include <stdarg.h>
#include <stdint.h>

/* Signs with one meaning each, in column 2. */
enum sign { SIGN_NONE, SIGN_GOOD, SIGN_MOVING, SIGN_LOOK, SIGN_BAD, SIGN_SILENT, SIGN_ASIDE };
const char *sign_str(enum sign s);
unsigned sign_ink(enum sign s);

/* All return the column after what was drawn; nothing is drawn outside of [x, x + width). */
int draw_text(struct canvas *c, int y, int x, int width, unsigned ink, const struct clv_text *t);
int draw_str(struct canvas *c, int y, int x, int width, unsigned ink, const char *s);
int draw_fmt(struct canvas *c, int y, int x, int width, unsigned ink, const char *fmt, ...) CLV_PRINTF(6, 7);
/* A name: cut in the middle. */
int draw_name(struct canvas *c, int y, int x, int width, unsigned ink, const char *name);
/* Ends at column x + width. */
void draw_right(struct canvas *c, int y, int x, int width, unsigned ink, const char *s);
void draw_sign(struct canvas *c, int y, int x, enum sign s, unsigned more);
/* Blanks. */
void draw_fill(struct canvas *c, int y, int x, int width, unsigned ink);
void draw_cursor(struct canvas *c, int y, int x);
struct canvas canvas_sub(const struct canvas *c, int y, int rows);
/* Columns that s takes. */
int str_cells(const char *s);

/* A text of lines that can be scrolled: draws those in sight, counts all. */
struct pager {
	struct canvas *c;
	int skip; /* lines above the area */
	int line; /* next */
	int indent;
	int64_t now_ms;
};
void pager_line(struct pager *p, unsigned ink, const char *fmt, ...) CLV_PRINTF(3, 4);
/* A label in the left column, wrapped text beside it. */
void pager_field(struct pager *p, const char *label, unsigned ink, const char *fmt, ...) CLV_PRINTF(4, 5);
void pager_wrap(struct pager *p, int x, unsigned ink, const char *s);

#endif
