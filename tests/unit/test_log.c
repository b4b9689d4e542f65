/* SPDX-License-Identifier: Apache-2.0 */
/* Log: one record is one line whatever is in it (T20), repeats are counted, errno survives. */
#include "tests/lib/unit.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static int open_pipe(void **state)
{
	(void)state;
	return pipe(ends);
}

static int close_pipe(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* What has been logged, 0-terminated. */
static const char *logged(char *room, size_t len)
{
	ssize_t n = read(ends[0], room, len - 1);

	room[n < 0 ? 0 : n] = '\0';
	return room;
}

static size_t lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void one_record_one_line(void **state)
{
	char room[8192];

	(void)state;
	log_init("core", "agent", ends[1], LOG_INFO);
	errno = 42;
	log_warn("refused name=%s", "a\nb\x1b[2J 2026-01-01T00:00:00.000Z core error: forged");
	assert_int_equal(errno, 42);
	logged(room, sizeof(room));
	assert_int_equal(lines(room), 1);
	assert_non_null(strstr(room, " core/agent warn: refused name=a\\x0ab\\x1b[2J "));
	assert_int_equal(room[4], '-');
	assert_int_equal(room[23], 'Z');
}

static void levels(void **state)
{
	enum log_level level = LOG_ERROR;
	struct clv_err err;
	char room[4096];

	(void)state;
	log_init("core", "", ends[1], LOG_WARN);
	log_info("not this");
	log_error("this");
	logged(room, sizeof(room));
	assert_null(strstr(room, "not this"));
	assert_non_null(strstr(room, " core error: this\n"));
	log_set_level(LOG_DEBUG);
	log_debug("now that");
	assert_non_null(strstr(logged(room, sizeof(room)), "now that"));
	assert_int_equal(log_level_parse("notice", &level, &err), CLV_OK);
	assert_int_equal(level, LOG_NOTICE);
	assert_int_equal(log_level_parse("loud", &level, &err), CLV_FAILED);
	assert_int_equal(level, LOG_NOTICE);
}

static void long_records_are_cut_whole(void **state)
{
	char big[9000];
	char room[9000];

	(void)state;
	log_init("core", "", ends[1], LOG_INFO);
	memset(big, '\x01', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	logged(room, sizeof(room));
	assert_int_equal(lines(room), 1);
	assert_true(strlen(room) <= 4096);
}

static void repeats_are_limited(void **state)
{
	char room[65536];

	(void)state;
	log_init("core", "", ends[1], LOG_INFO);
	for (int i = 0; i < 500; i++)
		log_info("again %d", i);
	logged(room, sizeof(room));
	assert_int_equal(lines(room), 10);
	log_info("another place speaks");
	assert_int_equal(lines(logged(room, sizeof(room))), 1);
}

static void errors_name_their_cause(void **state)
{
	struct clv_err err;
	char room[4096];

	(void)state;
	log_init("core", "", ends[1], LOG_INFO);
	(void)err_set(&err, CLV_E_AUTH, "no proof");
	log_err(LOG_ERROR, &err, "link closed");
	logged(room, sizeof(room));
	assert_non_null(strstr(room, "error: link closed: no proof (not authenticated) at="));
	assert_non_null(strstr(room, "test_log.c:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_record_one_line, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(levels, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(long_records_are_cut_whole, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(repeats_are_limited, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(errors_name_their_cause, open_pipe, close_pipe),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
