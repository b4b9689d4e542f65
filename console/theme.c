/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Themes by table and by file. Pure but for theme_find, which reads one file at the start or on a key.
 */
#include "console/theme.h"

#include "claviger/config.h"
#include "claviger/text.h"

#include <stdio.h>
#include <string.h>

#define THEME_FILE_MAX (16u * 1024u)
#ifndef CLV_THEMES
#define CLV_THEMES "/usr/local/share/claviger/themes"
#endif

static const char *const ink_names[INK_MAX] = {
    [INK_PLAIN] = "plain", [INK_DIM] = "dim",       [INK_ACCENT] = "accent",
    [INK_GOOD] = "good",   [INK_MOVING] = "moving", [INK_LOOK] = "look",
    [INK_BAD] = "bad",     [INK_SILENT] = "silent", [INK_ASIDE] = "aside",
};

static const struct theme builtin[] = {
    {"dark",
     {[INK_PLAIN] = {-1, 0},
      [INK_DIM] = {-1, THEME_DIM},
      [INK_ACCENT] = {6, 0},
      [INK_GOOD] = {2, 0},
      [INK_MOVING] = {4, 0},
      [INK_LOOK] = {3, 0},
      [INK_BAD] = {1, 0},
      [INK_SILENT] = {5, 0},
      [INK_ASIDE] = {-1, THEME_DIM}}},
    {"light",
     {[INK_PLAIN] = {-1, 0},
      [INK_DIM] = {240, 0},
      [INK_ACCENT] = {24, 0},
      [INK_GOOD] = {22, 0},
      [INK_MOVING] = {18, 0},
      [INK_LOOK] = {130, THEME_BOLD},
      [INK_BAD] = {124, THEME_BOLD},
      [INK_SILENT] = {90, 0},
      [INK_ASIDE] = {240, 0}}},
    {"high-contrast",
     {[INK_PLAIN] = {-1, 0},
      [INK_DIM] = {-1, 0},
      [INK_ACCENT] = {14, THEME_BOLD},
      [INK_GOOD] = {10, THEME_BOLD},
      [INK_MOVING] = {12, THEME_BOLD},
      [INK_LOOK] = {11, THEME_BOLD},
      [INK_BAD] = {9, THEME_BOLD | THEME_UNDERLINE},
      [INK_SILENT] = {13, THEME_BOLD},
      [INK_ASIDE] = {-1, 0}}},
    {"mono",
     {[INK_PLAIN] = {-1, 0},
      [INK_DIM] = {-1, THEME_DIM},
      [INK_ACCENT] = {-1, THEME_UNDERLINE},
      [INK_GOOD] = {-1, 0},
      [INK_MOVING] = {-1, 0},
      [INK_LOOK] = {-1, THEME_BOLD},
      [INK_BAD] = {-1, THEME_BOLD},
      [INK_SILENT] = {-1, THEME_DIM},
      [INK_ASIDE] = {-1, THEME_DIM}}},
};

const char *theme_builtin_name(size_t i)
{
	return i < sizeof(builtin) / sizeof(builtin[0]) ? builtin[i].name : NULL;
}

bool theme_builtin(const char *name, struct theme *out)
{
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		if (strcmp(builtin[i].name, name) == 0) {
			*out = builtin[i];
			return true;
		}
	}
	return false;
}

/* --- colours --- */

static void rgb_of(short colour, int rgb[3])
{
	static const int base[16][3] = {{0, 0, 0},       {205, 0, 0},   {0, 205, 0},   {205, 205, 0},
	                                {0, 0, 238},     {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
	                                {127, 127, 127}, {255, 0, 0},   {0, 255, 0},   {255, 255, 0},
	                                {92, 92, 255},   {255, 0, 255}, {0, 255, 255}, {255, 255, 255}};
	static const int steps[6] = {0, 95, 135, 175, 215, 255};
	int c = colour;
	for (int i = 0; i < 3; i++)
		rgb[i] = c < 16    ? base[c][i]
		         : c < 232 ? steps[(c - 16) /
		                           (i == 0   ? 36
		                            : i == 1 ? 6
		                                     : 1) %
		                           6]
		                   : 8 + (c - 232) * 10;
}

static short nearest(const int rgb[3], int from, int n)
{
	long best = -1;
	short at = 0;
	for (int c = from; c < n; c++) {
		int other[3];
		long d = 0;
		rgb_of((short)c, other);
		for (int i = 0; i < 3; i++)
			d += (long)(rgb[i] - other[i]) * (rgb[i] - other[i]);
		if (best < 0 || d < best) {
			best = d;
			at = (short)c;
		}
	}
	return at;
}

short theme_nearest(short colour, int n)
{
	int rgb[3];
	if (colour < 0 || colour < n)
		return colour;
	rgb_of(colour, rgb);
	/* on few colours black is no text colour */
	return nearest(rgb, n <= 16 ? 1 : 0, n);
}

static bool hex_colour(const char *s, short *out)
{
	uint8_t b[3];
	if (strncmp(s, "rgb:", 4) != 0 || strlen(s) != 10 || hex_decode(s + 4, 6, b, 3, NULL) != CLV_OK)
		return false;
	int rgb[3] = {b[0], b[1], b[2]};
	*out = nearest(rgb, 16, 256);
	return true;
}

static bool parse_colour(const char *s, short *out)
{
	static const char *const names[] = {"black",   "red",  "green", "yellow", "blue",
	                                    "magenta", "cyan", "white", NULL};
	unsigned n = 0;
	if (strcmp(s, "default") == 0) {
		*out = -1;
		return true;
	}
	for (short i = 0; names[i] != NULL; i++) {
		if (strcmp(s, names[i]) == 0 ||
		    (strncmp(s, "bright-", 7) == 0 && strcmp(s + 7, names[i]) == 0)) {
			*out = (short)(i + (s[0] == 'b' && s[1] == 'r' ? 8 : 0));
			return true;
		}
	}
	if (s[0] == 'r' && s[1] == 'g')
		return hex_colour(s, out);
	for (size_t i = 0; s[i] != '\0'; i++) {
		if (s[i] < '0' || s[i] > '9' || i > 2)
			return false;
		n = n * 10 + (unsigned)(s[i] - '0');
	}
	*out = (short)n;
	return s[0] != '\0' && n < 256;
}

/* --- a file --- */

static clv_rc bad(const struct clv_conf_line *l, const char *word, const char *expected, struct clv_err *err)
{
	struct clv_text *t = text_new_str(word), *cut = text_cut(t, 60);
	err_set(err, CLV_E_CONFIG, "%s:%d: '%s'; expected %s", l->file, l->line, text_str(cut), expected);
	text_free(cut);
	text_free(t);
	return CLV_FAILED;
}

static clv_rc take_line(void *ctx, const struct clv_conf_line *l, struct clv_err *err)
{
	static const struct {
		const char *word;
		unsigned attr;
	} attrs[] = {{"bold", THEME_BOLD},
	             {"dim", THEME_DIM},
	             {"underline", THEME_UNDERLINE},
	             {"reverse", THEME_REVERSE}};
	struct theme *t = ctx;
	struct theme_ink ink = {-1, 0};
	char word[40];
	int at = 0, n = 0;
	while (at < INK_MAX && strcmp(ink_names[at], l->name) != 0)
		at++;
	if (at == INK_MAX)
		return bad(l, l->name, "one of plain dim accent good moving look bad silent aside", err);
	for (const char *s = l->value; *s != '\0'; n++) {
		size_t len = strcspn(s, " \t");
		unsigned attr = 0;
		snprintf(word, sizeof(word), "%.*s", (int)len, s);
		for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
			attr |= strcmp(attrs[i].word, word) == 0 ? attrs[i].attr : 0;
		if (attr == 0 && (n > 0 || !parse_colour(word, &ink.colour)))
			return bad(
			    l, word,
			    "default, a colour's name, bright-NAME, 0 to 255 or rgb:RRGGBB, then bold, dim, "
			    "underline, reverse",
			    err);
		ink.attrs |= attr;
		s += len + strspn(s + len, " \t");
	}
	t->ink[at] = ink;
	return CLV_OK;
}

clv_rc theme_parse(const char *file, const char *name, struct clv_slice bytes, struct theme *out,
                   struct clv_err *err)
{
	struct theme t = builtin[0];
	if (clv_conf_lines(file, bytes, take_line, &t, err) != CLV_OK)
		return CLV_FAILED;
	snprintf(t.name, sizeof(t.name), "%s", name);
	*out = t;
	return CLV_OK;
}

static clv_rc read_theme(const char *path, const char *name, bool *there, struct theme *out,
                         struct clv_err *err)
{
	struct clv_buf b;
	buf_init(&b, THEME_FILE_MAX);
	clv_rc rc = clv_client_file_read(path, &b, there, err);
	if (rc == CLV_OK && *there)
		rc = theme_parse(path, name, buf_slice(&b), out, err);
	buf_release(&b);
	return rc;
}

clv_rc theme_find(const char *name, bool restricted, struct theme *out, struct clv_err *err)
{
	bool there = false, plain = name[0] != '\0' && strlen(name) < sizeof(out->name);
	for (const char *s = name; *s != '\0'; s++)
		plain &= (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-';
	if (theme_builtin(name, out))
		return CLV_OK;
	if (plain && !restricted) {
		char *file = clv_asprintf("themes/%s.theme", name), *own = clv_client_path(file);
		char *shared = clv_asprintf(CLV_THEMES "/%s.theme", name);
		clv_rc rc = own != NULL ? read_theme(own, name, &there, out, err) : CLV_OK;
		if (rc == CLV_OK && !there)
			rc = read_theme(shared, name, &there, out, err);
		clv_free(shared);
		clv_free(own);
		clv_free(file);
		if (rc != CLV_OK || there)
			return rc;
	}
	struct clv_text *t = text_new_str(name), *cut = text_cut(t, 40);
	err_set(
	    err, CLV_E_CONFIG,
	    "no theme %s: dark, light, high-contrast and mono are built in, others are files NAME.theme in "
	    "~/.config/claviger/themes",
	    text_str(cut));
	text_free(cut);
	text_free(t);
	return CLV_FAILED;
}
