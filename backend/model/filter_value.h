/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of filter terms: numbers, words, times and ages, thumbprints in any spelling, and
 * which regular expressions may run. Inside of model/filter only.
 */
#ifndef MODEL_FILTER_VALUE_H
#define MODEL_FILTER_VALUE_H

#include "model/filter_fields.h"

struct filter_value {
	uint64_t num;
	bool is_age; /* `ms` is a length of time */
	int64_t ms;  /* an age, or where a span of time begins */
	int64_t end; /* and where it ends (a day, a second) */
	int64_t now; /* set for ages: what they count from */
};

CLV_MUST clv_rc filter_value_word(const struct field *f, const char *s, struct filter_value *v,
                                  struct clv_err *err);
CLV_MUST clv_rc filter_value_number(const struct field *f, const char *s, struct filter_value *v,
                                    struct clv_err *err);
/* "30d" "12h" "now" "2026-11-21" "2026-11-21T21:04:10Z" */
CLV_MUST clv_rc filter_value_time(const struct field *f, const char *s, int64_t now_ms,
                                  struct filter_value *v, struct clv_err *err);
/* op: '<' '>' ':' */
bool filter_time_hits(const struct filter_value *v, char op, bool ahead, int64_t t);

/* Lower-case digits of a thumbprint in any spelling (blanks, colons, 0x, U+200E, base64), at least
 * `least` of them; NULL when it is none. Owned by the caller. */
char *filter_hex_digits(const char *s, size_t least);
/* Begins with the digits, or, from eight digits on, has them anywhere. */
bool filter_hex_hits(const char *digits, const uint8_t *bytes, size_t len);
/* Substring without case; with * or ? the whole text, or the part before its first dot. */
bool filter_glob(const char *pattern, const char *text);
bool filter_number_is(const char *s, uint64_t num);
/* Bounded length, no back reference, no nested or doubled repetition. */
bool filter_regex_ok(const char *pattern, struct clv_err *err);

#endif
