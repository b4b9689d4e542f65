/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session: addresses, lists and pushes, a lost line that drops and never replays, a server that
 * breaks the grammar.
 */
#include "claviger/client.h"

#include "base/clock.h"
#include "client/decode.h"
#include "proto/types.h"
#include "tests/lib/drawn_runas.h"
#include "tests/lib/fake_encode.h"
#include "tests/lib/fake_server.h"
#include "tests/lib/unit.h"
#include "tests/lib/home.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[HOME_LEN], sock[HOME_LEN + 8], address[HOME_LEN + 40];

static struct clv_session *new_session(const char *server)
{
	struct clv_target t = {.server = server};
	struct clv_err err = {0};
	struct clv_session *s = clv_session_new(&t, &err);
	assert_non_null(s);
	return s;
}

static void turn(struct clv_session *s, int most)
{
	struct pollfd p = {.fd = clv_session_fd(s), .events = clv_session_events(s)};
	int wait = clv_session_timeout_ms(s);
	poll(&p, 1, wait < 0 || wait > most ? most : wait);
	clv_session_step(s);
}

static void until_open(struct clv_session *s)
{
	int64_t end = clock_mono_ms() + 60000;
	while (clv_session_state(s) != CLV_SESSION_OPEN && clock_mono_ms() < end)
		turn(s, 50);
	assert_int_equal(clv_session_state(s), CLV_SESSION_OPEN);
}

static struct clv_reply *next(struct clv_session *s)
{
	int64_t end = clock_mono_ms() + 60000;
	for (;;) {
		struct clv_reply *r = clv_session_pop(s);
		if (r != NULL)
			return r;
		assert_true(clock_mono_ms() < end);
		turn(s, 50);
	}
}

static pid_t serve(size_t agents)
{
	static struct fake_opts o;
	o = (struct fake_opts){.path = sock, .n_agents = agents, .step_ms = 50};
	return fake_server_start(&o);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {"",
	                                  "unix:",
	                                  "unix:relative",
	                                  "10.0.0.1",
	                                  "[::1]:5724",
	                                  "ssh://ms1",
	                                  "ms1",
	                                  "ms1.ops.test:0",
	                                  "ms1.ops.test:65536",
	                                  "ms1.ops.test:x",
	                                  "ms1.ops.test:",
	                                  "-bad-.ops.test",
	                                  "a b.ops.test",
	                                  "ms1.ops.test"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct clv_target t = {.server = bad[i]};
		struct clv_err err = {0};
		struct clv_session *s = clv_session_new(&t, &err);
		if (s != NULL)
			print_message("taken: %s\n", bad[i]);
		assert_null(s);
		assert_int_equal(err.cls, CLV_CLASS_USAGE);
		assert_null(strchr(err.text, '\n'));
	}
}

static void test_nobody_there(void **state)
{
	struct clv_session *s = new_session("unix:/nowhere/at/all");
	struct clv_window w = {.limit = 10};
	struct clv_err err = {0};
	(void)state;
	clv_session_step(s);
	assert_int_equal(clv_session_state(s), CLV_SESSION_CONNECTING);
	assert_int_equal(clv_session_error(s)->code, CLV_E_NOTFOUND);
	assert_true(clv_session_retry_at_ms(s) > clock_mono_ms());
	assert_true(clv_session_timeout_ms(s) > 0);
	assert_int_equal(clv_session_list(s, CLV_LIST_AGENTS, &w, &err), 0);
	assert_int_equal(err.code, CLV_E_CLOSED);
	clv_session_free(s);
}

static void test_list_and_push(void **state)
{
	pid_t server = serve(5);
	struct clv_session *s = new_session(address);
	struct clv_window w = {.limit = 3, .offset = 1, .sort = "name", .watch = true};
	struct clv_err err = {0};
	(void)state;
	until_open(s);
	assert_string_equal(clv_session_channel(s), "local");
	uint64_t req = clv_session_list(s, CLV_LIST_AGENTS, &w, &err);
	struct clv_reply *r = next(s);
	assert_int_equal(r->req, req);
	assert_int_equal(r->kind, CLV_REPLY_LIST);
	assert_int_equal(r->rows.n, 3);
	assert_int_equal(r->rows.matched, 5);
	assert_int_equal(r->rows.offset, 1);
	assert_string_equal(r->rows.u.agents[0].name, "app02.ops.test");
	clv_reply_free(r);
	struct clv_act act = {.kind = CLV_ACT_ROTATE, .name = "db01"};
	uint64_t asked = clv_session_act(s, &act, &err);
	bool done = false, pushed = false;
	while (!done || !pushed) {
		r = next(s);
		done |= r->req == asked && r->kind == CLV_REPLY_DONE && r->is_act;
		pushed |= r->req == req && r->rows.n == 3;
		clv_reply_free(r);
	}
	clv_session_unwatch(s, req);
	int64_t end = clock_mono_ms() + 400;
	while (clock_mono_ms() < end)
		turn(s, 50);
	while ((r = clv_session_pop(s)) != NULL) { /* pushes that had come before; none of ours later */
		assert_int_equal(r->req, req);
		clv_reply_free(r);
	}
	clv_session_free(s);
	fake_server_stop(server);
}

static void test_refused(void **state)
{
	pid_t server = serve(5);
	struct clv_session *s = new_session(address);
	struct clv_window w = {.limit = 3, .filter = "colour:red"};
	struct clv_err err = {0};
	(void)state;
	until_open(s);
	assert_true(clv_session_list(s, CLV_LIST_AGENTS, &w, &err) != 0);
	struct clv_reply *r = next(s);
	assert_int_equal(r->kind, CLV_REPLY_REFUSED);
	assert_int_equal(r->code, CLV_E_USAGE);
	clv_reply_free(r);
	assert_true(clv_session_agent(s, "nobody", false, &err) != 0);
	r = next(s);
	assert_int_equal(r->code, CLV_E_NOTFOUND);
	clv_reply_free(r);
	clv_session_free(s);
	fake_server_stop(server);
}

/* The line breaks with requests under way: they come back as dropped, and are not sent again. */
static void test_lost_and_back(void **state)
{
	pid_t server = serve(5);
	struct clv_session *s = new_session(address);
	struct clv_act act = {.kind = CLV_ACT_ROTATE, .name = "db01"};
	struct clv_err err = {0};
	(void)state;
	until_open(s);
	uint32_t epoch = clv_session_epoch(s);
	fake_server_stop(server);
	uint64_t asked = clv_session_act(s, &act, &err); /* nobody has noticed yet */
	assert_true(asked != 0);
	struct clv_reply *r = next(s);
	assert_int_equal(r->kind, CLV_REPLY_DROPPED);
	assert_int_equal(r->req, asked);
	assert_true(r->is_act);
	clv_reply_free(r);
	assert_int_equal(clv_session_state(s), CLV_SESSION_CONNECTING);
	assert_int_equal(clv_session_act(s, &act, &err), 0);
	server = serve(5);
	until_open(s);
	assert_int_equal(clv_session_epoch(s), epoch + 1);
	assert_true(clv_session_agent(s, "db01", false, &err) != 0);
	r = next(s);
	assert_int_equal(r->agent->agent.key.ordinal, 1); /* never replayed */
	clv_reply_free(r);
	clv_session_free(s);
	fake_server_stop(server);
}

/* A server that talks nonsense loses the line; nothing crashes. */
static void test_nonsense(void **state)
{
	static const char *const lines[] = {"\0\0\0\4\2\2\10\1", "\xff\xff\xff\xff", "\0\0\0\0",
	                                    "\0\0\0\2\0\1",      "\0\0\0\3\2\4\xff", "HTTP/1.1 200 OK\r\n"};
	static const size_t lens[] = {8, 4, 4, 6, 7, 17};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	(void)state;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", sock);
	unlink(sock);
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(l, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(l, 8), 0);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct clv_session *s = new_session(address);
		struct clv_err err = {0};
		clv_session_step(s);
		int c = accept(l, NULL, NULL);
		until_open(s);
		assert_true(clv_session_whoami(s, &err) != 0);
		assert_true(write(c, lines[i], lens[i]) == (ssize_t)lens[i]);
		close(c);
		int64_t end = clock_mono_ms() + 60000;
		while (clv_session_state(s) == CLV_SESSION_OPEN && clock_mono_ms() < end)
			turn(s, 50);
		assert_int_not_equal(clv_session_state(s), CLV_SESSION_OPEN);
		clv_session_free(s);
	}
	close(l);
	unlink(sock);
}

/* Every truncation and every flipped bit of a reply is refused or taken, never worse. */
static void damage(uint16_t type, struct clv_slice s)
{
	size_t refused = 0;
	uint8_t *copy = clv_memdup(s.ptr, s.len);
	for (size_t i = 0; i < s.len * 8; i++) {
		struct clv_reply *r = NULL;
		struct clv_err err;
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		refused += decode_reply(type, (struct clv_slice){copy, s.len}, &r, &err) != CLV_OK;
		clv_reply_free(r);
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t len = 0; len < s.len; len++) {
		struct clv_reply *r = NULL;
		struct clv_err err;
		refused += decode_reply(type, (struct clv_slice){copy, len}, &r, &err) != CLV_OK;
		clv_reply_free(r);
	}
	assert_true(refused > s.len);
	clv_free(copy);
}

static void test_decode_damage(void **state)
{
	struct clv_agent_detail *d = drawn_detail();
	struct clv_account_detail *account = drawn_account();
	struct clv_plan_fact *plan = drawn_plan();
	struct clv_buf b;
	(void)state;
	buf_init(&b, 65536);
	fake_encode_detail(&b, 1, DRAWN_NOW, d);
	damage(REP_AGENT, buf_slice(&b));
	buf_clear(&b);
	fake_encode_account(&b, 1, DRAWN_NOW, account);
	damage(REP_ACCOUNT, buf_slice(&b));
	buf_clear(&b);
	fake_encode_plan(&b, 1, plan);
	damage(REP_PLAN, buf_slice(&b));
	buf_release(&b);
	facts_agent_detail_free(d);
	facts_account_detail_free(account);
	facts_plan_free(plan);
}

/* --- accounts --- */

static void test_account_facts(void **state)
{
	pid_t server = serve(5);
	struct clv_session *s = new_session(address);
	struct clv_window w = {.limit = 10};
	struct clv_err err = {0};
	(void)state;
	until_open(s);
	static const enum clv_list lists[] = {CLV_LIST_ACCOUNTS, CLV_LIST_PROFILES, CLV_LIST_GROUPS,
	                                      CLV_LIST_SERVERS};
	static const size_t counts[] = {6, 5, 2, 1};
	for (size_t i = 0; i < 4; i++) {
		assert_true(clv_session_list(s, lists[i], &w, &err) != 0);
		struct clv_reply *r = next(s);
		assert_int_equal(r->kind, CLV_REPLY_LIST);
		assert_int_equal(r->rows.list, lists[i]);
		assert_int_equal(r->rows.n, counts[i]);
		clv_reply_free(r);
	}
	assert_true(clv_session_account(s, "sql-reader", false, &err) != 0);
	struct clv_reply *r = next(s);
	assert_int_equal(r->kind, CLV_REPLY_ACCOUNT);
	assert_int_equal(r->account->n_rows, 2);
	assert_string_equal(r->account->goes_to[1], "group:sql-servers");
	assert_int_equal(r->account->account.type, CLV_ACCOUNT_WINDOWS);
	clv_reply_free(r);
	static const char *const to[] = {"db*", "x"};
	struct clv_act act = {
	    .kind = CLV_ACT_DISTRIBUTE, .name = "deploy", .add_to = to, .n_add_to = 2, .plan = true};
	assert_true(clv_session_act(s, &act, &err) != 0);
	r = next(s);
	assert_int_equal(r->kind, CLV_REPLY_PLAN);
	assert_int_equal(r->plan->n_gains, 13);
	clv_reply_free(r);
	clv_session_free(s);
	fake_server_stop(server);
}

static struct clv_reply *ask_intake(const char *pinned, bool foreign_key)
{
	static struct fake_opts o;
	struct clv_target t = {.server = address, .group_fingerprint = pinned};
	struct clv_err err = {0};
	o = (struct fake_opts){.path = sock, .n_agents = 5, .runas = {.foreign_key = foreign_key}};
	pid_t server = fake_server_start(&o);
	struct clv_session *s = clv_session_new(&t, &err);
	assert_non_null(s);
	until_open(s);
	assert_true(clv_session_intake(s, "sql-reader", &err) != 0);
	struct clv_reply *r = next(s);
	clv_session_free(s);
	fake_server_stop(server);
	return r;
}

/* Believed only when the pinned key signed it; not sealed for in a process whose heap is open. */
static void test_intake(void **state)
{
	static const char other[] = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";
	(void)state;
	struct clv_reply *r = ask_intake(NULL, false);
	assert_int_equal(r->kind, CLV_REPLY_INTAKE);
	assert_string_equal(r->intake->account, "sql-reader");
	assert_int_equal(r->intake->version, 8);
	struct clv_session *s = new_session(address);
	struct clv_err err = {0};
	struct clv_secret *password = secret_new(64, &err);
	assert_non_null(password);
	assert_int_equal(secret_append(password, "secret", 6, &err), CLV_OK);
	assert_int_equal(clv_session_enter(s, r->intake, password, NULL, false, &err), 0);
	assert_int_equal(err.code, CLV_E_DENIED);
	secret_free(password);
	clv_session_free(s);
	clv_reply_free(r);
	r = ask_intake(NULL, true);
	assert_int_equal(r->kind, CLV_REPLY_REFUSED);
	assert_int_equal(r->code, CLV_E_SIGNATURE);
	clv_reply_free(r);
	r = ask_intake(other, false);
	assert_int_equal(r->kind, CLV_REPLY_REFUSED);
	assert_int_equal(r->code, CLV_E_SIGNATURE);
	assert_non_null(strstr(r->text, "another group signing key"));
	clv_reply_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses),     cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_list_and_push), cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_lost_and_back), cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_decode_damage), cmocka_unit_test(test_account_facts),
	    cmocka_unit_test(test_intake),
	};
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	fake_runas_prepare();
	snprintf(address, sizeof(address), "unix:%s", sock);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	rmdir(dir);
	return rc;
}
