/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of acts: each with the keys that do it, what it says before, and the effect that the screen shows
 * afterwards. An act without a row here fails.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/home.h"
#include "tests/lib/ptyterm.h"
#include "views/actions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON 30000

static char dir[128], sock[160], server_env[200], bin[512], home_env[160];
static struct fake_opts opts;
static pid_t server;

/* keys after the screen shows `ready`; `asks` NULL: it does not ask; answer; effect. */
static const struct act {
	enum action action;
	const char *screen, *ready, *keys, *asks, *answer, *effect;
	const char *account, *recovery; /* what the server has */
} acts[] = {
    {ACTION_ACCEPT, "pending", "app07", "A", "Digits", "7d18 f465 0b9a\r", "3 wait", NULL, NULL},
    {ACTION_DECLINE, "pending", "app07", "D", "Reason", "not ours\r|y", "3 wait", NULL, NULL},
    {ACTION_ROTATE, "agent web01", "gen 1", "R", "Rotate the key", "y", "gen 2  made", NULL, NULL},
    {ACTION_MOVE, "agent web01", "gen 1", "M", "By which gateway", "gw7.ops.test\r|y", "told to come by gw7",
     NULL, NULL},
    {ACTION_END, "agents", "37   ", "X", "Type app01:", "app01\r", "36   ", NULL, NULL},
    {ACTION_ENTER_PASSWORD, "account sql-reader", "Used by", "E", "sealed for", "pass word\rpass word\r",
     "Saved as v9", NULL, NULL},
    {ACTION_SET_ASIDE, "recover", "to enter", "D", "Set snmp-core aside", "no longer used\r", "1 aside", NULL,
     "1"},
    {ACTION_FINISH, "recover", "to enter", "D", "Set snmp-core aside", "gone\r|F|OMMG1\r",
     "The group signed its report", NULL, "1"},
    {ACTION_ADD, "profiles", "PROFILE", "+", "A new profile", "Printers\t\r", "Printers", NULL, NULL},
    {ACTION_CHANGE, "accounts", "sql-reader", "C", "Change account backup", "2\t\t\t\t\t\t\t\r", "backup2",
     NULL, NULL},
    {ACTION_SEND, "account sql-reader", "Used by", "S", "Send account sql-reader", "app*\t\t\t\r|12\r",
     "Distributed.", NULL, NULL},
    {ACTION_GO_ON, "account sql-reader", "Used by", "A", "Give v8 of sql-reader", "y", "v8 goes to the rest.",
     "opened", NULL},
    {ACTION_STOP, "account sql-reader", "Used by", "D", "Take v8 of sql-reader back", "y",
     "v8 is taken back.", "opened", NULL},
    {ACTION_END_RUNAS, "account deploy", "Used by", "X", "Remove account deploy", "deploy\r",
     "no account has that name", NULL, NULL},
    {ACTION_ALERT_ACK, "alerts", "app114", "A", "Acknowledge alert 8815", "y", "alert 8815 acknowledged",
     NULL, NULL},
    {ACTION_NEED_ASIDE, "overview", "2 things need", "jD", "Set aside in", "14d later\r", "1 thing needs",
     NULL, NULL},
};

static struct ptyterm *start(const char *view)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8",
	            path[] = "PATH=/usr/bin:/bin";
	char *env[] = {server_env, home_env, term, locale, path, NULL};
	char *argv[] = {bin, (char *)(uintptr_t)view, NULL};
	return pty_start(argv, env, 24, 80);
}

static void serve(const struct act *x)
{
	opts =
	    (struct fake_opts){.path = sock, .n_agents = 37, .role = CLV_ROLE_ADMINISTRATOR, .step_ms = 100};
	opts.runas.account = x->account;
	opts.runas.recovery = x->recovery;
	server = fake_server_start(&opts);
}

/* A bar stands where the next question has to be seen first. */
static void answer(struct ptyterm *p, const char *keys)
{
	while (*keys != '\0') {
		size_t n = strcspn(keys, "|");
		pty_send(p, keys, n);
		keys += n;
		if (*keys == '|') {
			pty_pump(p, 300);
			keys++;
		}
	}
}

static void test_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		const struct act *x = &acts[i];
		serve(x);
		struct ptyterm *p = start(x->screen);
		print_message("%s: %s\n", action_rows[x->action].name, x->keys);
		assert_true(pty_wait(p, x->ready, SOON));
		pty_keys(p, x->keys);
		assert_true(pty_wait(p, x->asks, SOON));
		pty_pump(p, 200);
		answer(p, x->answer);
		if (x->effect[0] != '\0' && !pty_wait(p, x->effect, SOON))
			fail_msg("%s: the effect is not seen", action_rows[x->action].name);
		if (getenv("ACTS_SHOW") != NULL)
			print_message("%s", pty_screen(p));
		pty_free(p);
		fake_server_stop(server);
	}
}

static void test_none_is_missing(void **state)
{
	(void)state;
	for (int i = 1; i < ACTION_MAX; i++) {
		bool found = !action_rows[i].dangerous;
		for (size_t k = 0; k < sizeof(acts) / sizeof(acts[0]) && !found; k++)
			found = acts[k].action == action_rows[i].action;
		if (!found)
			fail_msg("the act %s has no row: what does it do, and what shows it?",
			         action_rows[i].name);
	}
}

static void find_program(const char *self)
{
	char path[400];
	const char *given = getenv("CLAVIGER_PROGRAM");
	snprintf(path, sizeof(path), "%s", self);
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	snprintf(bin, sizeof(bin), "%s/claviger", given != NULL ? given : path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_none_is_missing),
	                                   cmocka_unit_test(test_each)};
	(void)argc;
	find_program(argv[0]);
	fake_runas_prepare();
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s.s", dir);
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	home_remove(dir);
	return rc;
}
