/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Themes: what each meaning looks like. Four are built in; a file `ink = colour [bold] [dim] [underline]
 * [reverse]` is one more. A sign and a word stand beside every colour, so that mono loses nothing.
 */
#ifndef CONSOLE_THEME_H
#define CONSOLE_THEME_H

#include "claviger/buf.h"
#include "views/canvas.h"

enum theme_attr { THEME_BOLD = 1, THEME_DIM = 2, THEME_UNDERLINE = 4, THEME_REVERSE = 8 };

struct theme {
	char name[40];
	struct theme_ink {
		short colour; /* of 256; -1: the terminal's own */
		unsigned attrs;
	} ink[INK_MAX];
};

/* dark, light, high-contrast, mono; false: none of them. */
bool theme_builtin(const char *name, struct theme *out);
const char *theme_builtin_name(size_t i); /* NULL after the last */
/* A theme's file; the name is for messages and for the theme. What it does not say is as in dark. */
CLV_MUST clv_rc theme_parse(const char *file, const char *name, struct clv_slice bytes, struct theme *out,
                            struct clv_err *err);
/* Built in, or NAME.theme in the folder `themes` of the configuration, or of the installation; no file is
 * read when restricted. */
CLV_MUST clv_rc theme_find(const char *name, bool restricted, struct theme *out, struct clv_err *err);
/* The nearest of n colours (8, 16, 256) to one of 256. */
short theme_nearest(short colour, int n);

#endif
