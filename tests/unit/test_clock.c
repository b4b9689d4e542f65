/* SPDX-License-Identifier: Apache-2.0 */
/* Clock: RFC 3339 both ways, every day of 800 years, and what is no time. */
#include "tests/lib/unit.h"
#include "base/clock.h"

#include <string.h>

static void known_instants(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *canonical;
	} rows[] = {
	    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
	    {"2026-11-21T21:04:10.123Z", 1795295050123ll, "2026-11-21T21:04:10.123Z"},
	    {"2026-11-21t22:04:10.123999+01:00", 1795295050123ll, "2026-11-21T21:04:10.123Z"},
	    {"2026-11-21 16:04:10-05:00", 1795295050000ll, "2026-11-21T21:04:10.000Z"},
	    {"2000-02-29T23:59:59z", 951868799000ll, "2000-02-29T23:59:59.000Z"},
	    {"1969-12-31T23:59:59.5Z", -500, "1969-12-31T23:59:59.500Z"},
	    {"0000-01-01T00:00:00Z", -62167219200000ll, "0000-01-01T00:00:00.000Z"},
	    {"9999-12-31T23:59:59.999Z", 253402300799999ll, "9999-12-31T23:59:59.999Z"},
	    {"2016-12-31T23:59:60Z", 1483228800000ll, "2017-01-01T00:00:00.000Z"},
	};
	char out[CLOCK_RFC3339_LEN];
	struct clv_err err;
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(clock_parse_rfc3339(rows[i].text, &ms, &err), CLV_OK);
		assert_true(ms == rows[i].ms);
		clock_rfc3339(ms, true, out);
		assert_string_equal(out, rows[i].canonical);
	}
	clock_rfc3339(1795295050123ll, false, out);
	assert_string_equal(out, "2026-11-21T21:04:10Z");
	clock_rfc3339(INT64_MAX, true, out);
	assert_string_equal(out, "9999-12-31T23:59:59.999Z");
	clock_rfc3339(INT64_MIN, true, out);
	assert_string_equal(out, "0000-01-01T00:00:00.000Z");
}

static void no_times(void **state)
{
	static const char *const bad[] = {"",
	                                  "now",
	                                  "2026",
	                                  "2026-11-21",
	                                  "2026-13-01T00:00:00Z",
	                                  "2026-00-01T00:00:00Z",
	                                  "2026-02-29T00:00:00Z",
	                                  "2026-01-00T00:00:00Z",
	                                  "2026-01-32T00:00:00Z",
	                                  "2026-01-01T24:00:00Z",
	                                  "2026-01-01T00:60:00Z",
	                                  "2026-01-01T00:00:61Z",
	                                  "2026-01-01T00:00:00",
	                                  "2026-01-01T00:00:00.Z",
	                                  "2026-01-01T00:00:00ZZ",
	                                  "2026-01-01T00:00:00+24:00",
	                                  "2026-01-01T00:00:00+01",
	                                  "+026-01-01T00:00:00Z",
	                                  "2026-1-1T00:00:00Z",
	                                  " 2026-01-01T00:00:00Z",
	                                  "1900-02-29T00:00:00Z"};
	struct clv_err err;
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(clock_parse_rfc3339(bad[i], &ms, &err), CLV_FAILED);
		assert_true(ms == 7);
	}
}

static void truncations(void **state)
{
	const char *whole = "2026-11-21T21:04:10.123+01:00";
	struct clv_err err;
	char part[40];
	int64_t ms;

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++) {
		memcpy(part, whole, n);
		part[n] = '\0';
		assert_int_equal(clock_parse_rfc3339(part, &ms, &err), CLV_FAILED);
	}
}

static void every_day_comes_back(void **state)
{
	char out[CLOCK_RFC3339_LEN];
	struct clv_err err;
	int64_t back;

	(void)state;
	for (int64_t day = -400 * 365; day < 400 * 365; day++) {
		clock_rfc3339(day * 86400000 + 1, true, out);
		assert_int_equal(clock_parse_rfc3339(out, &back, &err), CLV_OK);
		assert_true(back == day * 86400000 + 1);
	}
}

static void clocks_run(void **state)
{
	int64_t mono = clock_mono_ms();

	(void)state;
	assert_true(clock_wall_ms() > 1600000000000ll);
	assert_true(clock_mono_ms() >= mono);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_instants), cmocka_unit_test(no_times),
	    cmocka_unit_test(truncations),    cmocka_unit_test(every_day_comes_back),
	    cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
