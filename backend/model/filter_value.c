/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of filter terms. Pure; every loop is bounded by the length of what was typed times
 * the length of what it is held against.
 */
#include "model/filter_value.h"

#include "base/clock.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOW_MS (2 * 60 * 1000) /* "now": heard of within two minutes */
#define DAY_MS ((int64_t)86400000)

static bool word_eq(const char *typed, const char *word)
{
	for (; *typed != '\0' && *word != '\0'; typed++, word++) {
		char c = (*typed == '_' || *typed == '-') ? ' ' : *typed;
		if (tolower((unsigned char)c) != tolower((unsigned char)*word))
			return false;
	}
	return *typed == *word;
}

clv_rc filter_value_word(const struct field *f, const char *s, struct filter_value *v, struct clv_err *err)
{
	char all[200] = "";
	size_t used = 0;
	for (size_t i = 0; f->words[i] != NULL; i++) {
		if (word_eq(s, f->words[i])) {
			v->num = i;
			return CLV_OK;
		}
		int n = snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", f->words[i]);
		if (n > 0 && used + (size_t)n < sizeof(all))
			used += (size_t)n;
	}
	return err_set(err, CLV_E_USAGE, "%s: is one of: %s", f->name, all);
}

clv_rc filter_value_number(const struct field *f, const char *s, struct filter_value *v, struct clv_err *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > 19 || strspn(s, "0123456789") != len)
		return err_set(err, CLV_E_USAGE, "%s takes a number", f->name);
	v->num = strtoull(s, NULL, 10);
	return CLV_OK;
}

bool filter_number_is(const char *s, uint64_t num)
{
	size_t len = strlen(s);
	return len > 0 && len <= 19 && strspn(s, "0123456789") == len && strtoull(s, NULL, 10) == num;
}

static bool parse_age(const char *s, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},      {"s", 1000},   {"m", 60000},      {"min", 60000},
	             {"h", 3600000}, {"d", DAY_MS}, {"w", 7 * DAY_MS}, {"y", 365 * DAY_MS}};
	size_t digits = strspn(s, "0123456789");
	if (digits == 0 || digits > 6)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(s + digits, units[i].unit) == 0) {
			*ms = (int64_t)strtoul(s, NULL, 10) * units[i].ms;
			return true;
		}
	}
	return false;
}

clv_rc filter_value_time(const struct field *f, const char *s, int64_t now_ms, struct filter_value *v,
                         struct clv_err *err)
{
	char full[40];
	if (strcasecmp(s, "now") == 0) {
		*v = (struct filter_value){.ms = now_ms - NOW_MS, .end = now_ms + NOW_MS, .now = now_ms};
		return CLV_OK;
	}
	if (parse_age(s, &v->ms)) {
		v->is_age = true;
		v->now = now_ms;
		return CLV_OK;
	}
	bool day = strlen(s) == 10;
	if (day && snprintf(full, sizeof(full), "%sT00:00:00Z", s) > 0)
		s = full;
	if (clock_parse_rfc3339(s, &v->ms, NULL) != CLV_OK)
		return err_set(
		    err, CLV_E_USAGE,
		    "%s takes an age (30d 12h 5m), a day (2026-11-21), a time (2026-11-21T21:04:10Z) or now",
		    f->name);
	v->end = v->ms + (day ? DAY_MS : 1000);
	return CLV_OK;
}

bool filter_time_hits(const struct filter_value *v, char op, bool ahead, int64_t t)
{
	if (v->is_age) {
		int64_t distance = ahead ? t - v->now : v->now - t;
		return op == '>' ? distance > v->ms : distance <= v->ms;
	}
	switch (op) {
	case '<':
		return t < v->ms;
	case '>':
		return t >= v->end;
	default:
		return t >= v->ms && t < v->end;
	}
}

/* --- thumbprints --- */

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c != '\0' ? strchr(alphabet, c) : NULL;
	return p != NULL ? (int)(p - alphabet) : -1;
}

/* 16, 20 or 32 bytes are 24, 28 or 44 characters, each with a = at the end. */
static char *base64_digits(const char *s)
{
	size_t len = strlen(s), bits = 0, n = 0;
	uint32_t acc = 0;
	if ((len != 24 && len != 28 && len != 44) || s[len - 1] != '=')
		return NULL;
	uint8_t bytes[33];
	for (size_t i = 0; i < len && s[i] != '='; i++) {
		int v = base64_value(s[i]);
		if (v < 0)
			return NULL;
		acc = (acc << 6 | (uint32_t)v) & 0xffffffu;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[n++] = (uint8_t)(acc >> bits);
		}
	}
	char *out = clv_calloc(2 * n + 1, 1);
	hex_encode((struct clv_slice){bytes, n}, false, out);
	return out;
}

char *filter_hex_digits(const char *s, size_t least)
{
	char *out = clv_calloc(strlen(s) + 1, 1);
	size_t n = 0;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	for (const char *p = s; *p != '\0'; p++) {
		if (strncmp(p, "\xe2\x80\x8e", 3) == 0 || strncmp(p, "\xe2\x80\xa6", 3) == 0)
			p += 2; /* the mark that certificate dialogs put in front, and our own ellipsis */
		else if (isxdigit((unsigned char)*p))
			out[n++] = (char)tolower((unsigned char)*p);
		else if (*p != ' ' && *p != ':' && *p != '-')
			goto other;
	}
	if (n >= least && n <= 64)
		return out;
other:
	clv_free(out);
	return base64_digits(s);
}

static unsigned nibble(const uint8_t *bytes, size_t i)
{
	return i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15u;
}

static bool digits_at(const char *digits, const uint8_t *bytes, size_t len, size_t at)
{
	for (size_t i = 0; digits[i] != '\0'; i++) {
		if (at + i >= 2 * len ||
		    (unsigned char)"0123456789abcdef"[nibble(bytes, at + i)] != (unsigned char)digits[i])
			return false;
	}
	return true;
}

bool filter_hex_hits(const char *digits, const uint8_t *bytes, size_t len)
{
	if (digits == NULL)
		return false;
	size_t n = strlen(digits), last = n >= 8 && 2 * len > n ? 2 * len - n : 0;
	for (size_t at = 0; at <= last; at++) {
		if (digits_at(digits, bytes, len, at))
			return true;
	}
	return false;
}

/* --- texts --- */

bool filter_glob(const char *pattern, const char *text)
{
	char head[FILTER_SUBJECT_MAX + 1], low[FILTER_SUBJECT_MAX + 1];
	if (strpbrk(pattern, "*?") == NULL)
		return strcasestr(text, pattern) != NULL;
	/* more than four stars could cost too much on a long text */
	size_t stars = 0;
	for (const char *p = pattern; *p != '\0'; p++)
		stars += *p == '*';
	size_t len = strnlen(text, FILTER_SUBJECT_MAX);
	if (stars > 4 || strlen(pattern) > FILTER_REGEX_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		low[i] = text[i];
	low[len] = '\0';
	memcpy(head, low, len + 1);
	head[strcspn(head, ".")] = '\0';
	return fnmatch(pattern, low, FNM_CASEFOLD | FNM_NOESCAPE) == 0 ||
	       fnmatch(pattern, head, FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

/* glibc's regular expressions take exponential time and memory for some patterns: repetition of a
 * repetition, back references, large counts. Those are refused; what operators type passes. */
struct scan {
	unsigned depth, repeats;
	bool repeated[8];   /* per open group: it holds a repetition */
	bool quantified;    /* the piece before is a repetition */
	bool closed;        /* the piece before is a group ... */
	bool closed_repeat; /* ... that holds a repetition */
};

static size_t set_length(const char *p)
{
	size_t i = 1;
	i += p[i] == '^';
	i += p[i] == ']';
	i += strcspn(p + i, "]");
	return p[i] == ']' ? i + 1 : 0;
}

static size_t count_length(const char *p)
{
	size_t n = strcspn(p, "}");
	const char *comma = memchr(p, ',', n);
	if (p[n] != '}' || n > 7 || strspn(p + 1, "0123456789,") != n - 1 || strtoul(p + 1, NULL, 10) > 64)
		return 0;
	return comma != NULL && strtoul(comma + 1, NULL, 10) > 64 ? 0 : n + 1;
}

static size_t repeat_length(struct scan *s, const char *p)
{
	bool count = *p == '{';
	if (s->quantified || ++s->repeats > 12 || (s->closed && (s->closed_repeat || count)))
		return 0;
	s->quantified = true;
	s->repeated[s->depth] = true;
	s->closed = false;
	return count ? count_length(p) : 1;
}

/* Bytes of the next piece; 0: refused. */
static size_t piece_length(struct scan *s, const char *p)
{
	if (*p == '*' || *p == '+' || *p == '?' || *p == '{')
		return repeat_length(s, p);
	s->quantified = s->closed = false;
	switch (*p) {
	case '[':
		return set_length(p);
	case '\\':
		return p[1] == '\0' || isdigit((unsigned char)p[1]) ? 0 : 2;
	case '(':
		if (s->depth + 1 >= sizeof(s->repeated) / sizeof(s->repeated[0]))
			return 0;
		s->repeated[++s->depth] = false;
		return 1;
	case ')':
		if (s->depth == 0)
			return 0;
		s->closed = true;
		s->closed_repeat = s->repeated[s->depth--];
		s->repeated[s->depth] |= s->closed_repeat;
		return 1;
	default:
		return 1;
	}
}

bool filter_regex_ok(const char *p, struct clv_err *err)
{
	struct scan s = {0};
	size_t n = 0;
	if (p[0] == '\0' || strlen(p) > FILTER_REGEX_MAX) {
		err_set(err, CLV_E_USAGE, "~ needs a pattern of 1 to %u bytes after it", FILTER_REGEX_MAX);
		return false;
	}
	for (; *p != '\0'; p += n) {
		n = piece_length(&s, p);
		if (n == 0) {
			err_set(err, CLV_E_USAGE,
			        "the pattern after ~ is unfinished or could take too long: no repetition of "
			        "repetitions, no \\1, counts up to 64");
			return false;
		}
	}
	return true;
}
