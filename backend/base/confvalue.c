/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a configuration: a parser for each type, ranges, and one form of refusal.
 */
#include "base/confvalue.h"
#include "claviger/text.h"

#include <stdio.h>
#include <string.h>

struct unit {
	const char *word;
	int64_t factor;
};

static const struct unit durations[] = {{"ms", 1},       {"s", 1000},      {"m", 60000}, {"h", 3600000},
                                        {"d", 86400000}, {"w", 604800000}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1},          {"B", 1},         {"K", 1ll << 10}, {"M", 1ll << 20},
                                    {"G", 1ll << 30}, {"T", 1ll << 40}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

void confvalue_release(struct conf_value *v)
{
	for (size_t i = 0; i < v->n_items; i++)
		clv_free(v->items[i]);
	clv_free(v->items);
	clv_free(v->str);
	*v = (struct conf_value){0};
}

static char *to_str(struct clv_slice s)
{
	char *copy = clv_calloc(1, s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

/* The number in the largest unit that divides it. */
static char *with_unit(int64_t v, const struct unit *units)
{
	const struct unit *best = &units[0];

	for (const struct unit *u = units; u->word != NULL; u++) {
		if (v != 0 && v % u->factor == 0 && u->factor >= best->factor)
			best = u;
	}
	return clv_asprintf("%lld%s", (long long)(v / best->factor), best->word);
}

static const struct unit *units_of(enum conf_type type)
{
	if (type == CONF_DURATION)
		return durations;
	return type == CONF_SIZE ? sizes : plain;
}

/* What the row expects, in words. */
static char *expectation(const struct conf_option *o)
{
	char *least;
	char *most;
	char *text;

	switch (o->type) {
	case CONF_BOOL:
		return clv_strdup("yes or no");
	case CONF_CHOICE:
		return clv_asprintf("one of %s", o->choices);
	case CONF_PATH:
		return clv_asprintf("a path of at most %lld bytes", (long long)o->max);
	case CONF_NAME:
		return clv_asprintf("%lld to %lld letters, digits, dots, hyphens or underscores",
		                    (long long)o->min, (long long)o->max);
	case CONF_STRING:
		return clv_asprintf("a text of %lld to %lld bytes", (long long)o->min, (long long)o->max);
	case CONF_LIST:
		return clv_asprintf("%lld to %lld items separated by blanks or commas", (long long)o->min,
		                    (long long)o->max);
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		break;
	}
	least = with_unit(o->min, units_of(o->type));
	most = with_unit(o->max, units_of(o->type));
	text = clv_asprintf("%s from %s to %s",
	                    o->type == CONF_INT        ? "a whole number"
	                    : o->type == CONF_DURATION ? "a duration such as 90s, 10m, 24h or 30d"
	                                               : "a size such as 64K or 10M",
	                    least, most);
	clv_free(least);
	clv_free(most);
	return text;
}

static clv_rc refuse(const struct conf_option *o, struct clv_slice text, const char *file, int line,
                     struct clv_err *err)
{
	struct clv_text *whole = text_new(text);
	struct clv_text *cut = text_cut(whole, 60);
	char *expected = expectation(o);

	(void)err_set(err, CLV_E_CONFIG, "%s:%d: %s.%s is '%s'; expected %s (%s); correct it", file, line,
	              o->section, o->name, text_str(cut), expected, o->help);
	clv_free(expected);
	text_free(cut);
	text_free(whole);
	return CLV_FAILED;
}

static bool parse_number(struct clv_slice s, const struct unit *units, int64_t *out)
{
	bool negative = false;
	int64_t value = 0;
	size_t digits = 0;

	if (s.len > 0 && s.ptr[0] == '-') {
		negative = true;
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && s.ptr[0] >= '0' && s.ptr[0] <= '9') {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, s.ptr[0] - '0', &value))
			return false;
		s.ptr++;
		s.len--;
		digits++;
	}
	if (digits == 0)
		return false;
	for (const struct unit *u = units; u->word != NULL; u++) {
		/* A naked 0 needs no unit. */
		if (!slice_eq_str(s, u->word) && !(s.len == 0 && value == 0))
			continue;
		if (__builtin_mul_overflow(value, u->factor, &value))
			return false;
		*out = negative ? -value : value;
		return true;
	}
	return false;
}

static bool parse_bool(struct clv_slice s, int64_t *out)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_eq_str(s, words[i])) {
			*out = (int64_t)(i % 2);
			return true;
		}
	}
	return false;
}

static bool is_name(struct clv_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '-' || c == '_'))
			return false;
	}
	return s.len > 0;
}

static bool is_choice(struct clv_slice s, const char *choices)
{
	const char *at = choices;

	while (s.len > 0 && *at != '\0') {
		size_t n = strcspn(at, "|");

		if (slice_eq(s, slice_of(at, n)))
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '\t' || c == ',';
}

static bool parse_list(const struct conf_option *o, struct clv_slice s, struct conf_value *v)
{
	size_t i = 0;

	while (i < s.len) {
		size_t start;

		while (i < s.len && is_separator(s.ptr[i]))
			i++;
		start = i;
		while (i < s.len && !is_separator(s.ptr[i]))
			i++;
		if (i == start)
			break;
		if ((int64_t)v->n_items >= o->max)
			return false;
		v->items = clv_realloc(v->items, v->n_items + 1, sizeof(*v->items));
		v->items[v->n_items++] = to_str(slice_of(s.ptr + start, i - start));
	}
	return (int64_t)v->n_items >= o->min;
}

static bool parse_typed(const struct conf_option *o, struct clv_slice s, struct conf_value *v)
{
	bool fits = (int64_t)s.len >= o->min && (int64_t)s.len <= o->max;

	switch (o->type) {
	case CONF_BOOL:
		return parse_bool(s, &v->num);
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		return parse_number(s, units_of(o->type), &v->num) && v->num >= o->min && v->num <= o->max;
	case CONF_LIST:
		return parse_list(o, s, v);
	case CONF_CHOICE:
		v->str = to_str(s);
		return is_choice(s, o->choices);
	case CONF_NAME:
		v->str = to_str(s);
		return fits && is_name(s);
	case CONF_STRING:
	case CONF_PATH:
		v->str = to_str(s);
		return fits;
	}
	return false;
}

clv_rc confvalue_parse(const struct conf_option *o, struct clv_slice text, struct conf_value *v,
                       const char *file, int line, struct clv_err *err)
{
	struct conf_value fresh = {0};

	if (text.len == 0 && o->type != CONF_LIST)
		return err_set(err, CLV_E_CONFIG,
		               "%s:%d: %s.%s has no value; expected %s; give one or remove the line", file,
		               line, o->section, o->name, o->help);
	if (text.len > 0 && text.ptr[0] == '"')
		return err_set(
		    err, CLV_E_CONFIG,
		    "%s:%d: %s.%s begins with a quotation mark; expected the bare value; remove the marks",
		    file, line, o->section, o->name);
	if (!parse_typed(o, text, &fresh)) {
		confvalue_release(&fresh);
		return refuse(o, text, file, line, err);
	}
	*v = fresh;
	return CLV_OK;
}
