/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another program's use of the library (O6): with backend/include and libclaviger alone it lists the
 * agents, one name a line, then waits for one pushed change and ends with 0.
 *   list_watch SERVER [SECONDS]
 */
#include <claviger/client.h>
#include <claviger/text.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec;
}

static void print_rows(const struct clv_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct clv_text *name = text_new_str(rows->u.agents[i].name);
		printf("%s %s\n", text_str(name),
		       clv_key_state_word(rows->u.agents[i].has_key ? rows->u.agents[i].key.state
		                                                    : CLV_KEY_NONE));
		text_free(name);
	}
	printf("%llu of %llu\n", (unsigned long long)rows->n, (unsigned long long)rows->matched);
	fflush(stdout);
}

/* -1: go on; else the exit code. */
static int take(struct clv_session *s, unsigned *seen)
{
	int code = -1;
	for (struct clv_reply *r = clv_session_pop(s); r != NULL && code < 0; r = clv_session_pop(s)) {
		if (r->kind == CLV_REPLY_LIST) {
			print_rows(&r->rows);
			if (++*seen == 2)
				code = 0;
		} else if (r->kind == CLV_REPLY_REFUSED) {
			code = 3;
		}
		clv_reply_free(r);
	}
	return code;
}

int main(int argc, char **argv)
{
	struct clv_err err;
	struct clv_target target = {.server = argc > 1 ? argv[1] : NULL};
	struct clv_window window = {.limit = CLV_LIST_LIMIT_MAX, .watch = true};
	struct clv_session *s = clv_session_new(&target, &err);
	long end = seconds() + (argc > 2 ? strtol(argv[2], NULL, 10) : 30);
	unsigned seen = 0;
	int code = s != NULL ? -1 : 2;
	bool asked = false;
	while (code < 0) {
		clv_session_step(s);
		if (!asked && clv_session_state(s) == CLV_SESSION_OPEN)
			asked = clv_session_list(s, CLV_LIST_AGENTS, &window, &err) != 0;
		code = take(s, &seen);
		if (code < 0 && (seconds() >= end || clv_session_state(s) == CLV_SESSION_FAILED))
			code = 4;
		struct pollfd p = {.fd = clv_session_fd(s), .events = clv_session_events(s)};
		int wait = clv_session_timeout_ms(s);
		if (code < 0)
			poll(&p, 1, wait < 0 || wait > 500 ? 500 : wait);
	}
	if (code != 0)
		fprintf(stderr, "list_watch: %s\n",
		        s == NULL                               ? err.text
		        : clv_session_error(s)->text[0] != '\0' ? clv_session_error(s)->text
		                                                : "no change was pushed in time");
	clv_session_free(s);
	return code;
}
