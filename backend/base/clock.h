/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: wall time in ms since 1970 UTC and monotonic time in ms. In the test build alone the
 * wall clock can be shifted by the environment variable CLAVIGER_TEST_CLOCK (offset in seconds,
 * or @seconds since 1970 for a standing clock). RFC 3339 both ways.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "claviger/err.h"
#include <stdint.h>

int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
#define CLOCK_RFC3339_LEN 25 /* "2026-11-21T21:04:10.123Z" and the 0 */
/* Whole seconds "2026-11-21T21:04:10Z", or with ms. No locale, no time zone file, no libc gmtime. */
void clock_rfc3339(int64_t ms, bool with_ms, char out[CLOCK_RFC3339_LEN]);
CLV_MUST clv_rc clock_parse_rfc3339(const char *s, int64_t *ms, struct clv_err *err);
/* Days since 1970 and back, proleptic Gregorian (for screens). */
int64_t clock_from_civil(int year, int month, int day, int hour, int min, int sec);
void clock_civil(int64_t ms, int *year, int *month, int *day, int *hour, int *min, int *sec);

#endif
