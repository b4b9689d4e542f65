/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The password form of the real console in a pseudo terminal, against a fake server that opens what
 * was sealed: a password arrives there, and is afterwards nowhere in the console's memory nor in
 * anything it wrote. Each search has a string that it must find.
 */
#include "tests/lib/fake_server.h"
#include "tests/lib/home.h"
#include "tests/lib/memsearch.h"
#include "tests/lib/ptyterm.h"

#include "claviger/buf.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON   30000
#define SECRET "Zq7-correct+Horse/42"
#define OTHER  "Wv3-another~Mule.77"

static char dir[128], sock[160], entered[160], server_env[200], bin[512], home_env[160];
static struct fake_opts opts;
static pid_t server;

static void start_server(void)
{
	opts.path = sock;
	opts.n_agents = 5;
	opts.role = CLV_ROLE_CREDENTIAL_MANAGER;
	opts.runas.entered = entered;
	server = fake_server_start(&opts);
}

static int setup(void **state)
{
	(void)state;
	opts = (struct fake_opts){.path = sock};
	unlink(entered);
	start_server();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (server > 0)
		fake_server_stop(server);
	server = 0;
	return 0;
}

static struct ptyterm *start(const char *view)
{
	static char term[] = "TERM=xterm-256color", locale[] = "LC_ALL=C.UTF-8",
	            path[] = "PATH=/usr/bin:/bin";
	char *env[] = {server_env, home_env, term, locale, path, NULL};
	char copy[200], *argv[8] = {bin}, *save = NULL;
	int n = 1;
	snprintf(copy, sizeof(copy), "%s", view);
	if (strncmp(view, "reenter", 7) != 0)
		argv[n++] = copy;
	for (char *w = n == 1 ? strtok_r(copy, " ", &save) : NULL; w != NULL && n < 7;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return pty_start(argv, env, 24, 80);
}

/* On the page of sql-reader with its form open and listening. */
static struct ptyterm *open_form(void)
{
	struct ptyterm *p = start("account sql-reader");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "sealed for rms1's key", SOON));
	pty_pump(p, 200); /* the terminal's word that all is shown */
	return p;
}

static size_t entered_size(void)
{
	FILE *f = fopen(entered, "r");
	if (f == NULL)
		return 0;
	fseek(f, 0, SEEK_END);
	long n = ftell(f);
	fclose(f);
	return (size_t)n;
}

static void assert_entered(const char *account, uint64_t expected, const char *password)
{
	char line[1024] = "", want[1024];
	FILE *f = fopen(entered, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	size_t used =
	    (size_t)snprintf(want, sizeof(want), "%s %llu first= ", account, (unsigned long long)expected);
	for (const char *s = password; *s != '\0'; s++)
		used += (size_t)snprintf(want + used, sizeof(want) - used, "%02x", (unsigned char)*s);
	snprintf(want + used, sizeof(want) - used, "\n");
	assert_string_equal(line, want);
}

/* In no form: UTF-8, UTF-16LE, hex of both cases, base64; a control is found the same way. */
static void assert_nowhere(struct ptyterm *p, const char *password)
{
	size_t len;
	const uint8_t *bytes = pty_bytes(p, &len);
	char *found = memsearch_may(pty_pid(p)) ? memsearch_forms(pty_pid(p), password) : NULL;
	if (found != NULL)
		print_message("in memory: %s\n", found);
	assert_null(found);
	assert_null(memsearch_bytes(bytes, len, password));
	assert_null(strstr(pty_screen(p), password));
}

static void assert_found(struct ptyterm *p, const char *planted)
{
	size_t len;
	const uint8_t *bytes = pty_bytes(p, &len);
	char *found = memsearch_may(pty_pid(p)) ? memsearch_forms(pty_pid(p), planted) : NULL;
	assert_true(found != NULL || geteuid() != 0);
	clv_free(found);
	assert_non_null(memsearch_bytes(bytes, len, planted));
}

static void test_saved(void **state)
{
	(void)state;
	struct ptyterm *p = start("accounts");
	assert_true(pty_wait(p, "sql-reader", SOON));
	pty_keys(p, ":account sql-reader\r");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "New password of sql-reader in OMMG1, after v8.", SOON));
	pty_pump(p, 200);
	pty_keys(p, SECRET);
	assert_true(pty_wait(p, "20 characters", SOON));
	assert_false(pty_has(p, "Zq7"));
	pty_keys(p, "\r");
	pty_keys(p, SECRET);
	assert_true(pty_wait(p, "again  ●●●●●●●●●●●●●●…▌ 20", SOON));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "Saved as v9, sealed for rms1's key holder. app01 tries it first", SOON));
	assert_entered("sql-reader", 8, SECRET);
	assert_nowhere(p, SECRET);
	pty_keys(p, "qX:"); /* only Enter is heard */
	pty_pump(p, 200);
	assert_true(pty_has(p, "Saved as v9"));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "E enter", SOON));
	assert_true(pty_wait(p, "v9, entered", SOON));
	assert_nowhere(p, SECRET);
	pty_keys(p, ":plantedControl8\r"); /* ordinary text: the same search finds it */
	assert_true(pty_wait(p, "No command begins with plantedControl8", SOON));
	assert_found(p, "plantedControl8");
	pty_free(p);
}

static void test_differ(void **state)
{
	(void)state;
	struct ptyterm *p = open_form();
	pty_keys(p, SECRET "\r" OTHER "\r");
	assert_true(pty_wait(p, "The two entries differ. Nothing was saved; both fields are empty.", SOON));
	assert_false(pty_has(p, "characters"));
	assert_nowhere(p, SECRET);
	assert_nowhere(p, OTHER);
	pty_keys(p, "\r\r"); /* empty is none */
	assert_true(pty_wait(p, "An empty password is none", SOON));
	assert_int_equal(entered_size(), 0);
	pty_keys(p, OTHER "\r" OTHER "\r");
	assert_true(pty_wait(p, "Saved as v9", SOON));
	assert_entered("sql-reader", 8, OTHER);
	assert_nowhere(p, OTHER);
	pty_free(p);
}

static void test_left(void **state)
{
	static const char *const keys[] = {"\033", "\003"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ptyterm *p = open_form();
		pty_keys(p, SECRET);
		assert_true(pty_wait(p, "20 characters", SOON));
		pty_keys(p, keys[i]);
		assert_true(pty_wait(p, "Left. Nothing was saved, fields wiped.", SOON));
		pty_keys(p, SECRET); /* typed on: not heard by the screen behind it */
		pty_pump(p, 300);
		assert_true(pty_has(p, "Left. Nothing was saved"));
		assert_nowhere(p, SECRET);
		pty_keys(p, "\r");
		assert_true(pty_wait(p, "E enter", SOON));
		assert_nowhere(p, SECRET);
		pty_free(p);
	}
	assert_int_equal(entered_size(), 0);
}

/* ^N: this one later, the next one now; Enter on the last field goes on to the next as well. */
static void test_later(void **state)
{
	(void)state;
	struct ptyterm *p = start("accounts");
	assert_true(pty_wait(p, "sql-reader", SOON));
	pty_keys(p, "jjE");
	assert_true(pty_wait(p, "New password of old-batch in OMMG1, the first.", SOON));
	pty_pump(p, 200);
	pty_keys(p, SECRET "\016");
	assert_true(pty_wait(p, "New keys of snmp-core", SOON));
	pty_pump(p, 200);
	assert_false(pty_has(p, "characters"));
	assert_nowhere(p, SECRET);
	assert_int_equal(entered_size(), 0);
	pty_keys(p, "authkey1\rauthkey1\rprivkey2\rprivkey2\r"); /* two keys, a line feed between them */
	assert_true(pty_wait(p, "Saved as v3", SOON));
	assert_entered("snmp-core", 2, "authkey1\nprivkey2");
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "Enter open", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "New password of old-batch", SOON));
	pty_free(p);
}

static void count_claims(const char *path, int *claims, int *leaves)
{
	char line[200];
	FILE *f = fopen(path, "r");
	*claims = *leaves = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		*claims += strcmp(line, "claim snmp-core\n") == 0;
		*leaves += strcmp(line, "leave snmp-core\n") == 0;
	}
	if (f != NULL)
		fclose(f);
}

/* The list of a recovery: somebody else is at an account, others see that we are; what was entered stays
 * in the list with its confirmations, a reason sets aside, and finishing is the administrator's. */
static void test_recover(void **state)
{
	static char claims[160];
	int n_claims, n_leaves;
	(void)state;
	fake_server_stop(server);
	snprintf(claims, sizeof(claims), "%s/claims", dir);
	unlink(claims);
	opts.runas.recovery = "under way";
	opts.runas.claim = "snmp-core";
	opts.runas.claims = claims, opts.apart_ms = 300; /* the form is drawn between two answers */
	start_server();
	struct ptyterm *p = start("recover");
	assert_true(pty_wait(p, "0 of 1 entered, 0 confirmed", SOON));
	assert_true(pty_wait(p, "ben is at it, last key", SOON));
	pty_keys(p, "D");
	assert_true(pty_wait(p, "Set snmp-core aside", SOON));
	pty_pump(p, 200);
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "A reason is needed", SOON));
	pty_keys(p, "no longer used\r");
	assert_true(pty_wait(p, "0 of 0 entered, 0 confirmed, 1 aside", SOON));
	pty_keys(p, "D");
	assert_true(pty_wait(p, "Take snmp-core back?", SOON));
	pty_pump(p, 200);
	pty_keys(p, "y");
	assert_true(pty_wait(p, "0 of 1 entered, 0 confirmed", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "New keys of snmp-core", SOON));
	assert_true(pty_wait(p, "ben is at it too, last key", SOON));
	assert_true(pty_wait_gone(p, "Asking what", SOON));
	pty_pump(p, 200);
	pty_keys(p, "authkey1\rauthkey1\rprivkey2\rprivkey2\r");
	assert_true(pty_wait(p, "Saved as v3", SOON));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "1 of 1 entered, 0 confirmed", SOON));
	count_claims(claims, &n_claims, &n_leaves);
	for (int i = 0; n_leaves == 0 && i < SOON / 50; i++) { /* when it was saved; no screen says so */
		pty_pump(p, 50);
		count_claims(claims, &n_claims, &n_leaves);
	}
	assert_int_equal(n_claims, 1);
	assert_true(n_leaves >= 1);
	pty_pump(p, 200); /* keys from before a form had gone from the screen are not taken */
	pty_keys(p, "V");
	assert_true(pty_wait(p, "0 of 3 hosts confirmed v3 of snmp-core", SOON));
	assert_true(pty_wait(p, "Account snmp-core", SOON));
	pty_keys(p, "qF");
	assert_true(pty_wait(p, "Not allowed: finish, with a signed report needs administrator", SOON));
	pty_free(p);
}

static void test_lost_line(void **state)
{
	(void)state;
	struct ptyterm *p = open_form();
	pty_keys(p, SECRET);
	assert_true(pty_wait(p, "20 characters", SOON));
	fake_server_stop(server);
	server = 0;
	assert_true(pty_wait(p, "Entry has ended: line to rms1 lost. Nothing was sent, fields wiped.", SOON));
	pty_keys(p, "\033" SECRET "q");
	pty_pump(p, 300);
	assert_true(pty_has(p, "Entry has ended"));
	assert_nowhere(p, SECRET);
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "STALE since", SOON));
	assert_true(pty_wait_gone(p, "Entry has ended", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "You can look, not act", SOON));
	start_server();
	assert_true(pty_wait(p, "Back, by", 60000));
	assert_int_equal(entered_size(), 0);
	pty_free(p);
}

/* The server goes away with the password in its hands: nobody knows, and the form says so. */
static void test_lost_answer(void **state)
{
	(void)state;
	fake_server_stop(server);
	opts.runas.silent = true;
	start_server();
	struct ptyterm *p = open_form();
	pty_keys(p, SECRET "\r" SECRET "\r");
	assert_true(pty_wait(p, "Waiting for the server's word", SOON));
	pty_pump(p, 300);
	fake_server_stop(server);
	server = 0;
	assert_true(pty_wait(p, "line to rms1 lost. It may have been saved", SOON));
	assert_nowhere(p, SECRET);
	pty_free(p);
}

/* What was typed before the form could be seen is none of its characters. */
static void test_typed_ahead(void **state)
{
	(void)state;
	struct ptyterm *p = start("account sql-reader");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_keys(p, "E" SECRET "\r" SECRET "\r");
	assert_true(pty_wait(p, "sealed for rms1's key", SOON));
	pty_pump(p, 300);
	assert_false(pty_has(p, "character"));
	assert_int_equal(entered_size(), 0);
	pty_keys(p, "\033");
	assert_true(pty_wait(p, "Left.", SOON));
	assert_nowhere(p, SECRET);
	pty_free(p);
	/* a terminal that does not answer: silence is waited for */
	p = start("account sql-reader");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_mute(p, true);
	pty_keys(p, "E");
	assert_true(pty_wait(p, "sealed for rms1's key", SOON));
	pty_keys(p, "abc");
	pty_pump(p, 1600);
	pty_keys(p, "defg");
	assert_true(pty_wait(p, "4 characters", SOON));
	pty_free(p);
}

static void test_paste_and_edit(void **state)
{
	(void)state;
	struct ptyterm *p = open_form();
	pty_keys(p, "\033[200~one\rtwo\033[201~");
	assert_true(pty_wait(p, "not taken", SOON));
	pty_keys(p, "\033[200~" SECRET "\r\033[201~"); /* the line end belongs to where it was copied from */
	assert_true(pty_wait(p, "20 characters", SOON));
	pty_keys(p, "\x7f\x7f");
	assert_true(pty_wait(p, "18 characters", SOON));
	pty_keys(p, " \xc3\xa9"); /* a letter of two bytes is one */
	assert_true(pty_wait(p, "! 1 character is not ASCII", SOON));
	pty_keys(p, "\x7f");
	assert_true(pty_wait(p, "! a blank at the end", SOON));
	pty_resize(p, 20, 100);
	assert_true(pty_wait(p, "19 characters", SOON)); /* a resize keeps it */
	pty_keys(p, "\025");
	assert_true(pty_wait_gone(p, "characters", SOON));
	pty_keys(p, "abc\032"); /* ^Z wipes first */
	assert_true(pty_wait_gone(p, "characters", SOON));
	pty_keys(p, "\033OP");
	pty_pump(p, 1500);
	pty_keys(p, "\033OP");
	assert_true(pty_wait(p, "dots and counted", SOON));
	pty_free(p);
}

static void test_signals(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ptyterm *p = open_form();
		size_t len;
		pty_keys(p, SECRET);
		assert_true(pty_wait(p, "20 characters", SOON));
		kill(pty_pid(p), signals[i]);
		int st = pty_end(p, SOON);
		assert_true(WIFSIGNALED(st) && WTERMSIG(st) == signals[i]);
		assert_true(pty_restored(p));
		const uint8_t *bytes = pty_bytes(p, &len);
		assert_null(memsearch_bytes(bytes, len, SECRET));
		pty_free(p);
	}
	assert_int_equal(entered_size(), 0);
}

/* No push redraws while a password is typed. */
static void test_calm(void **state)
{
	size_t before, after;
	(void)state;
	struct ptyterm *p = open_form();
	pty_keys(p, "abc");
	assert_true(pty_wait(p, "3 characters", SOON));
	pty_bytes(p, &before);
	struct ptyterm *other = start("account sql-reader");
	assert_true(pty_wait(other, "Used by", SOON));
	pty_keys(other, "C\tnew-user\t\t\t\t\t\t\r"); /* Save */
	pty_pump(other, 800);
	pty_pump(p, 800);
	pty_bytes(p, &after);
	assert_int_equal(before, after);
	pty_free(other);
	pty_free(p);
}

static void test_foreign_key(void **state)
{
	(void)state;
	fake_server_stop(server);
	opts.runas.foreign_key = true;
	start_server();
	struct ptyterm *p = start("account sql-reader");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_keys(p, "E");
	assert_true(pty_wait(p, "the signature does not verify", SOON));
	assert_true(pty_wait(p, "Enter goes on", SOON));
	pty_free(p);
}

/* --- claviger reenter, on a terminal --- */

static void reenter(const char *first, const char *second, int code, const char *says)
{
	struct ptyterm *p = start("reenter sql-reader");
	size_t len;
	assert_true(pty_wait(p, "Password of sql-reader (typing is hidden):", SOON));
	pty_keys(p, first);
	if (second != NULL) {
		assert_true(pty_wait(p, "Again:", SOON));
		pty_keys(p, second);
	}
	assert_true(pty_wait(p, says, SOON));
	int st = pty_end(p, SOON);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == code);
	assert_true(pty_restored(p));
	const uint8_t *bytes = pty_bytes(p, &len);
	assert_null(memsearch_bytes(bytes, len, SECRET));
	pty_free(p);
}

static void test_reenter(void **state)
{
	(void)state;
	reenter(SECRET "\n", OTHER "\n", 1, "the two entries differ: nothing was saved");
	reenter("\n", NULL, 2, "an empty password is none");
	reenter("\004", NULL, 4, "nothing was saved");
	assert_int_equal(entered_size(), 0);
	reenter(SECRET "\n", SECRET "\n", 0, "Saved as v9");
	assert_entered("sql-reader", 8, SECRET);
}

/* ^C in the middle: the terminal echoes again, and it dies of it. */
static void test_reenter_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct ptyterm *p = start("reenter sql-reader");
		assert_true(pty_wait(p, "typing is hidden", SOON));
		pty_keys(p, "secr");
		if (signals[i] == SIGINT)
			pty_keys(p, "\003");
		else
			kill(pty_pid(p), signals[i]);
		int st = pty_end(p, SOON);
		if (!WIFSIGNALED(st) || WTERMSIG(st) != signals[i])
			fail_msg("signal %d: status %x\n%s", signals[i], (unsigned)st, pty_screen(p));
		assert_true(pty_restored(p));
		pty_free(p);
	}
	assert_int_equal(entered_size(), 0);
}

/* + adds, S asks with the plan's numbers, X asks for the name. */
static void test_forms(void **state)
{
	(void)state;
	struct ptyterm *p = start("accounts");
	assert_true(pty_wait(p, "sql-reader", SOON));
	pty_keys(p, "+");
	assert_true(pty_wait(p, "A new account", SOON));
	pty_keys(p, "\033[Z"); /* Save */
	assert_true(pty_wait(p, "Enter saves.", SOON));
	pty_keys(p, "\r");
	assert_true(pty_wait(p, "It needs a name.", SOON));
	pty_keys(p, "mail-relay\tl\033[Z\033[Z\r");
	assert_true(pty_wait(p, "mail-relay was added; it goes to no host.", SOON));
	assert_true(pty_wait(p, "! mail-relay", SOON));
	pty_keys(p, "S");
	assert_true(pty_wait(p, "Also to", SOON));
	pty_keys(p, "\033");
	assert_true(pty_wait(p, "Nothing was done.", SOON));
	pty_free(p);
	p = start("account sql-reader");
	assert_true(pty_wait(p, "Used by", SOON));
	pty_keys(p, "S");
	assert_true(pty_wait(p, "Goes to: db* group:sql-servers", SOON));
	pty_keys(p, "nobody\t\t\t\r");
	assert_true(pty_wait(p, "Not done: no agent is called nobody", SOON));
	pty_keys(p, "\t\025web* db09\t\t\t\r"); /* from Save on to the first field */
	assert_true(pty_wait(p, "sql-reader: 13 hosts gain it, 0 lose it.", SOON));
	pty_pump(p, 200);
	pty_keys(p, "\r"); /* an empty Enter shows the list, and is never yes */
	assert_true(pty_wait(p, "gain it: app10 app11", SOON));
	pty_pump(p, 200);
	pty_keys(p, "c");
	assert_true(pty_wait(p, "web* db09", SOON));
	pty_keys(p, "\r"); /* Save still has the focus */
	assert_true(pty_wait(p, "Type 13", SOON));
	pty_pump(p, 200);
	pty_keys(p, "13\r");
	assert_true(pty_wait(p, "Distributed.", SOON));
	pty_keys(p, "X");
	assert_true(pty_wait(p, "Remove account sql-reader: 54 hosts forget it", SOON));
	pty_pump(p, 200);
	pty_keys(p, "sql-\r");
	assert_true(pty_wait(p, "nothing was done", SOON));
	pty_keys(p, "X");
	assert_true(pty_wait(p, "Type sql-reader", SOON));
	pty_pump(p, 200);
	pty_keys(p, "sql-reader\r");
	assert_true(pty_wait(p, "Removed.", SOON));
	pty_free(p);
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
	snprintf(bin, sizeof(bin), "%s/claviger", path);
	if (given != NULL)
		snprintf(bin, sizeof(bin), "%s/claviger", given);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    T(test_saved),       T(test_differ),          T(test_left),
	    T(test_later),       T(test_lost_line),       T(test_lost_answer),
	    T(test_typed_ahead), T(test_paste_and_edit),  T(test_signals),
	    T(test_calm),        T(test_foreign_key),     T(test_forms),
	    T(test_reenter),     T(test_reenter_signals), T(test_recover),
	};
	(void)argc;
	find_program(argv[0]);
	fake_runas_prepare();
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(entered, sizeof(entered), "%s/entered", dir);
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sock);
	unlink(entered);
	home_remove(dir);
	return rc;
}
