/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times, numbers and thumbprints in words. Pure; asks no clock and no time zone file.
 */
#include "views/fmt.h"

#include <stdio.h>
#include <string.h>

#define SEC  1000LL
#define MIN  (60 * SEC)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

const char *fmt_count(char out[FMT_MAX], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), o = 0;
	for (int i = 0; i < len; i++) {
		if (len > 4 && i > 0 && (len - i) % 3 == 0)
			out[o++] = ' ';
		out[o++] = digits[i];
	}
	out[o] = '\0';
	return out;
}

const char *fmt_age(char out[FMT_MAX], int64_t ms)
{
	long long v = ms < 0 ? 0 : ms;
	if (v < MIN)
		snprintf(out, FMT_MAX, "%lld s", v / SEC);
	else if (v < HOUR)
		snprintf(out, FMT_MAX, "%lld min", v / MIN);
	else if (v < 2 * DAY)
		snprintf(out, FMT_MAX, "%lld h", v / HOUR);
	else
		snprintf(out, FMT_MAX, "%lld d", v / DAY);
	return out;
}

const char *fmt_duration(char out[FMT_MAX], int64_t ms)
{
	long long v = ms < 0 ? 0 : ms;
	if (v >= 2 * DAY || v < MIN)
		return fmt_age(out, v);
	long long big = v >= HOUR ? HOUR : MIN, small = v >= HOUR ? MIN : SEC;
	if (v % big / small == 0)
		return fmt_age(out, v);
	snprintf(out, FMT_MAX, "%lld %s %lld %s", v / big, big == HOUR ? "h" : "min", v % big / small,
	         big == HOUR ? "min" : "s");
	return out;
}

/* Howard Hinnant's days-to-civil; proleptic Gregorian. */
void fmt_civil(int64_t ms, int *year, int *month, int *day, int *hour, int *min, int *sec)
{
	int64_t days = ms >= 0 ? ms / DAY : -((-ms + DAY - 1) / DAY);
	int64_t rest = (ms - days * DAY) / SEC;
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
	*hour = (int)(rest / 3600);
	*min = (int)(rest / 60 % 60);
	*sec = (int)(rest % 60);
}

const char *fmt_date(char out[FMT_MAX], int64_t ms)
{
	int y, mo, d, h, mi, s;
	fmt_civil(ms, &y, &mo, &d, &h, &mi, &s);
	snprintf(out, FMT_MAX, "%04d-%02d-%02d", y, mo, d);
	return out;
}

const char *fmt_clock(char out[FMT_MAX], int64_t ms)
{
	int y, mo, d, h, mi, s;
	fmt_civil(ms, &y, &mo, &d, &h, &mi, &s);
	snprintf(out, FMT_MAX, "%02d:%02d:%02d", h, mi, s);
	return out;
}

const char *fmt_minute(char out[FMT_MAX], int64_t ms)
{
	int y, mo, d, h, mi, s;
	fmt_civil(ms, &y, &mo, &d, &h, &mi, &s);
	snprintf(out, FMT_MAX, "%04d-%02d-%02d %02d:%02d", y, mo, d, h, mi);
	return out;
}

const char *fmt_when(char out[FMT_MAX], const struct fmt_time *t, int64_t ms)
{
	int y, mo, d, h, mi, s;
	if (ms == 0) {
		snprintf(out, FMT_MAX, "–");
		return out;
	}
	if (t->zone == ZONE_AGE)
		return fmt_age(out, t->now_ms - ms);
	int64_t shift = t->zone == ZONE_LOCAL ? t->local_ms : 0;
	if ((ms + shift) / DAY == (t->now_ms + shift) / DAY)
		return fmt_clock(out, ms + shift);
	fmt_civil(ms + shift, &y, &mo, &d, &h, &mi, &s);
	if (t->now_ms - ms < 300 * DAY && t->now_ms - ms > -300 * DAY)
		snprintf(out, FMT_MAX, "%02d-%02d %02d:%02d", mo, d, h, mi);
	else
		snprintf(out, FMT_MAX, "%04d-%02d-%02d", y, mo, d);
	return out;
}

const char *fmt_zone(const struct fmt_time *t)
{
	return t->zone == ZONE_UTC ? " Z" : "";
}

const char *fmt_hex(char out[FMT_MAX], const uint8_t *p, unsigned n, unsigned group)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned o = 0;
	for (unsigned i = 0; i < n && o + 4 < FMT_MAX; i++) {
		if (i > 0 && i % group == 0)
			out[o++] = ' ';
		out[o++] = digits[p[i] >> 4];
		out[o++] = digits[p[i] & 15];
	}
	out[o] = '\0';
	return out;
}

const char *fmt_thumb(char out[FMT_MAX], const struct clv_key_fact *k, enum thumb kind, unsigned n_bytes)
{
	const uint8_t *p = kind == THUMB_SHA1 ? k->sha1 : kind == THUMB_SHA256 ? k->sha256 : k->key_id;
	unsigned all = kind == THUMB_SHA1 ? 20 : kind == THUMB_SHA256 ? 32 : 16;
	unsigned n = n_bytes == 0 || n_bytes > all ? all : n_bytes;
	fmt_hex(out, p, n, kind == THUMB_KEY_ID ? 1 : 4);
	if (n < all)
		(void)snprintf(out + strlen(out), FMT_MAX - strlen(out), "…");
	return out;
}

const char *fmt_thumb_name(enum thumb kind)
{
	return kind == THUMB_SHA1 ? "SHA-1" : kind == THUMB_SHA256 ? "SHA-256" : "KEY";
}

const char *fmt_plural(char out[FMT_MAX], uint64_t n, const char *one, const char *many)
{
	char num[FMT_MAX];
	snprintf(out, FMT_MAX, "%s %s", fmt_count(num, n), n == 1 ? one : many);
	return out;
}
