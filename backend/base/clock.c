/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: wall and monotonic time in ms, RFC 3339 both ways. Used by every process, also after its
 * sandbox is shut: no libc calendar function, which would open a time zone file.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef CLV_TEST_BUILD
#include <stdlib.h>
#endif

#define DAY_MS 86400000ll

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		clv_fatal("the system has no clock");
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#ifdef CLV_TEST_BUILD
/* Read once: what the environment says later does not move a running process. */
static int64_t test_clock(int64_t real_ms)
{
	static enum { UNREAD, NONE, OFFSET, STANDING } mode;
	static int64_t value_ms;
	const char *env;

	if (mode == UNREAD) {
		env = getenv("CLAVIGER_TEST_CLOCK");
		mode = NONE;
		if (env != NULL && env[0] == '@') {
			mode = STANDING;
			value_ms = strtoll(env + 1, NULL, 10) * 1000;
		} else if (env != NULL && env[0] != '\0') {
			mode = OFFSET;
			value_ms = strtoll(env, NULL, 10) * 1000;
		}
	}
	if (mode == STANDING)
		return value_ms;
	return mode == OFFSET ? real_ms + value_ms : real_ms;
}
#endif

int64_t clock_wall_ms(void)
{
#ifdef CLV_TEST_BUILD
	return test_clock(read_ms(CLOCK_REALTIME));
#else
	return read_ms(CLOCK_REALTIME);
#endif
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a civil date, by eras of 400 years that begin on 1 March. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era;
	int64_t yoe;
	int64_t doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t clock_from_civil(int year, int month, int day, int hour, int min, int sec)
{
	return (days_from_civil(year, month, day) * 86400 + hour * 3600 + min * 60 + sec) * 1000;
}

void clock_civil(int64_t ms, int *year, int *month, int *day, int *hour, int *min, int *sec)
{
	int64_t days = ms / DAY_MS;
	int64_t rest = ms % DAY_MS;
	int64_t era;
	int64_t doe;
	int64_t yoe;
	int64_t doy;
	int64_t mp;

	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	*hour = (int)(rest / 3600000);
	*min = (int)(rest / 60000 % 60);
	*sec = (int)(rest / 1000 % 60);
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static void put_digits(char *at, int n, int value)
{
	while (n-- > 0) {
		at[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

void clock_rfc3339(int64_t ms, bool with_ms, char out[CLOCK_RFC3339_LEN])
{
	/* Years outside 0000..9999 have no RFC 3339 form; the nearest that has one is shown. */
	const int64_t least = -62167219200000ll;
	const int64_t most = 253402300799999ll;
	int y, mo, d, h, mi, s;
	int64_t frac;

	ms = ms < least ? least : ms > most ? most : ms;
	clock_civil(ms, &y, &mo, &d, &h, &mi, &s);
	frac = ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000;
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339_LEN);
	put_digits(out, 4, y);
	put_digits(out + 5, 2, mo);
	put_digits(out + 8, 2, d);
	put_digits(out + 11, 2, h);
	put_digits(out + 14, 2, mi);
	put_digits(out + 17, 2, s);
	if (with_ms)
		put_digits(out + 20, 3, (int)frac);
	else
		memcpy(out + 19, "Z", 2);
}

/* n digits at *s, which advances; -1 when they are not there. */
static int take_digits(const char **s, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		value = value * 10 + (**s - '0');
	}
	return value;
}

static int days_in_month(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m == 2 && leap ? 29 : days[m - 1];
}

static bool take_char(const char **s, const char *any)
{
	if (**s == '\0' || strchr(any, **s) == NULL)
		return false;
	(*s)++;
	return true;
}

/* The part after the seconds: fraction and offset. */
static bool take_rest(const char **s, int64_t *ms)
{
	int64_t scale = 100;
	int64_t sign;
	int h, m;

	if (take_char(s, ".")) {
		if (**s < '0' || **s > '9')
			return false;
		for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
			*ms += (**s - '0') * scale;
	}
	if (take_char(s, "Zz"))
		return **s == '\0';
	sign = **s == '-' ? 1 : -1; /* east of Greenwich is earlier in UTC */
	if (!take_char(s, "+-"))
		return false;
	h = take_digits(s, 2);
	if (h < 0 || h > 23 || !take_char(s, ":"))
		return false;
	m = take_digits(s, 2);
	if (m < 0 || m > 59)
		return false;
	*ms += sign * (h * 60 + m) * 60000ll;
	return **s == '\0';
}

clv_rc clock_parse_rfc3339(const char *s, int64_t *ms, struct clv_err *err)
{
	const char *at = s;
	int64_t value;
	int y, mo, d, h, mi, sec;

	y = take_digits(&at, 4);
	if (y < 0 || !take_char(&at, "-"))
		goto bad;
	mo = take_digits(&at, 2);
	if (mo < 1 || mo > 12 || !take_char(&at, "-"))
		goto bad;
	d = take_digits(&at, 2);
	if (d < 1 || d > days_in_month(y, mo) || !take_char(&at, "Tt "))
		goto bad;
	h = take_digits(&at, 2);
	if (h < 0 || h > 23 || !take_char(&at, ":"))
		goto bad;
	mi = take_digits(&at, 2);
	if (mi < 0 || mi > 59 || !take_char(&at, ":"))
		goto bad;
	sec = take_digits(&at, 2);
	if (sec < 0 || sec > 60)
		goto bad;
	value = clock_from_civil(y, mo, d, h, mi, sec);
	if (!take_rest(&at, &value))
		goto bad;
	*ms = value;
	return CLV_OK;
bad:
	return err_set(err, CLV_E_USAGE, "not a time; expected RFC 3339 such as 2026-11-21T21:04:10Z");
}
