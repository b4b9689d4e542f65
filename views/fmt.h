/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times, numbers and thumbprints in words: design 8, "Times, numbers, cuts". Pure. Every function
 * writes into the caller's buffer and returns it.
 */
#ifndef VIEWS_FMT_H
#define VIEWS_FMT_H

#include "claviger/facts.h"

#define FMT_MAX 96

enum zone { ZONE_UTC, ZONE_LOCAL, ZONE_AGE, ZONE_MAX };
enum thumb { THUMB_KEY_ID, THUMB_SHA1, THUMB_SHA256, THUMB_MAX };

struct fmt_time {
	int64_t now_ms;
	enum zone zone;
	int64_t local_ms; /* local time less UTC */
};

const char *fmt_count(char out[FMT_MAX], uint64_t n);    /* 1204, 12 040 */
const char *fmt_age(char out[FMT_MAX], int64_t ms);      /* one unit: 40 s, 4 min, 11 h, 4 d */
const char *fmt_duration(char out[FMT_MAX], int64_t ms); /* two at most: 8 min 12 s */
const char *fmt_date(char out[FMT_MAX], int64_t ms);     /* 2026-11-21 */
const char *fmt_clock(char out[FMT_MAX], int64_t ms);    /* 21:04:10 */
const char *fmt_minute(char out[FMT_MAX], int64_t ms);   /* 2026-11-21 09:04 */
/* In the zone that was chosen: "21:04:10" today, "11-19 21:04" else; "4 min" as an age. */
const char *fmt_when(char out[FMT_MAX], const struct fmt_time *t, int64_t ms);
/* " Z" in UTC, "" else. */
const char *fmt_zone(const struct fmt_time *t);
/* Key ids in bytes "4A A8 …", the others in groups of four bytes; n_bytes 0: all. */
const char *fmt_thumb(char out[FMT_MAX], const struct clv_key_fact *k, enum thumb kind, unsigned n_bytes);
const char *fmt_hex(char out[FMT_MAX], const uint8_t *p, unsigned n, unsigned group);
const char *fmt_thumb_name(enum thumb kind); /* "KEY", "SHA-1" */
/* "1 agent", "37 agents" */
const char *fmt_plural(char out[FMT_MAX], uint64_t n, const char *one, const char *many);
/* Days since 1970 to a calendar. */
void fmt_civil(int64_t ms, int *year, int *month, int *day, int *hour, int *min, int *sec);

#endif
