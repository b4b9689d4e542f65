/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's life: what protects it, parameters changed behind its back, items that move to the newest
 * master key; and, in the test build, every write of those made to fail or to kill: afterwards the old
 * or the new opens.
 */
#include "tests/unit/vault_fixture.h"
#include <errno.h>
#include <sys/wait.h>

static void a_passphrase_protects(void **state)
{
	struct clv_secret *right = secret_of("correct horse"), *wrong = secret_of("correct Horse");
	struct clv_secret *empty = secret_of("");
	enum vault_protection how = VAULT_PROTECTION_MAX;
	struct clv_err err = {0};
	struct vault *v = NULL;
	clv_rc rc;

	(void)state;
	assert_int_equal(vault_open_passphrase(path, empty, NOW, &v, &err), CLV_FAILED);
	assert_int_equal(vault_look(copy_path, &how, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_NOTFOUND);
	assert_int_equal(vault_open_passphrase(path, right, NOW, &v, &err), CLV_OK);
	assert_int_equal(vault_protection(v), VAULT_BY_PASSPHRASE);
	put(v, "a", "one", NONE);
	vault_close(v);
	v = NULL;
	rc = vault_open_passphrase(path, wrong, NOW, &v, &err);
	refused(rc, v, &err, CLV_E_AUTH, "under this passphrase");
	not_opened(machine, NOW, CLV_E_CONFIG, "protected by a passphrase");
	assert_int_equal(vault_look(path, &how, &err), CLV_OK);
	assert_int_equal(how, VAULT_BY_PASSPHRASE);
	assert_int_equal(vault_open_passphrase(path, right, LATER, &v, &err), CLV_OK);
	assert_true(has(v, "a", "one", NONE));
	vault_close(v);
	secret_free(right);
	secret_free(wrong);
	secret_free(empty);
}

static void changed_parameters_are_refused(void **state)
{
	static const struct {
		const char *change;
		enum clv_code code;
		const char *words;
	} rows[] = {
	    {"UPDATE protection SET iterations=209999", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=1", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=0", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=-210000", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=4294967296+210000", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=20000001", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations='many'", CLV_E_CORRUPT, "iterations"},
	    {"UPDATE protection SET iterations=210001", CLV_E_AUTH, "parameters were changed"},
	    {"UPDATE protection SET salt=x''", CLV_E_CORRUPT, "salt"},
	    {"UPDATE protection SET salt=substr(salt,1,31)", CLV_E_CORRUPT, "salt"},
	    {"UPDATE protection SET salt=salt||x'00'", CLV_E_CORRUPT, "salt"},
	    {"UPDATE protection SET salt=zeroblob(32)", CLV_E_AUTH, "parameters were changed"},
	    {"UPDATE protection SET how=3", CLV_E_CORRUPT, "in a way that is none"},
	    {"UPDATE protection SET how=-1", CLV_E_CORRUPT, "in a way that is none"},
	    {"UPDATE protection SET how=0", CLV_E_CORRUPT, "parameters"},
	    {"UPDATE protection SET how=0, iterations=0, salt=x''", CLV_E_CONFIG, "machine secret"},
	    {"DELETE FROM protection", CLV_E_CONFIG, "machine secret"},
	};
	struct clv_secret *right = secret_of("correct horse");
	struct clv_err err = {0};
	struct vault *v = NULL;

	(void)state;
	assert_int_equal(vault_open_passphrase(path, right, NOW, &v, &err), CLV_OK);
	vault_close(v);
	copy_file(path, copy_path);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		clv_rc rc;

		copy_file(copy_path, path);
		sql(path, rows[i].change);
		v = NULL;
		rc = vault_open_passphrase(path, right, NOW, &v, &err);
		refused(rc, v, &err, rows[i].code, rows[i].words);
	}
	sql(path, "DELETE FROM protection"); /* and the machine secret does not open it either */
	not_opened(machine, NOW, CLV_E_AUTH, "this machine's secret");
	remove_vault(path);
	v = open_at(path, NOW);
	vault_close(v);
	sql(path, "UPDATE protection SET how=1");
	not_opened(machine, NOW, CLV_E_AUTH, "this machine's secret");
	secret_free(right);
}

static void protections_change_into_each_other(void **state)
{
	struct clv_secret *first = secret_of("correct horse"), *second = secret_of("battery staple");
	struct clv_err err = {0};
	struct vault *v = open_at(path, NOW);
	clv_rc rc;

	(void)state;
	put(v, "a", "one", SLICE_LIT("e"));
	vault_close(v);
	v = open_at(path, LATER); /* two master keys */
	put(v, "b", "two", NONE);
	assert_int_equal(vault_protect(v, VAULT_BY_CREDENTIAL, other, &err), CLV_OK);
	assert_int_equal(vault_protection(v), VAULT_BY_CREDENTIAL);
	vault_close(v);
	not_opened(machine, LATER, CLV_E_AUTH, "this machine's secret");
	assert_int_equal(vault_open(path, other, LATER, &v, &err), CLV_OK);
	assert_int_equal(vault_protection(v), VAULT_BY_CREDENTIAL);
	assert_int_equal(vault_protect(v, VAULT_BY_PASSPHRASE, first, &err), CLV_OK);
	assert_true(has(v, "a", "one", SLICE_LIT("e")));
	vault_close(v);
	assert_int_equal(vault_open_passphrase(path, first, LATER, &v, &err), CLV_OK);
	assert_int_equal(vault_protect(v, VAULT_BY_PASSPHRASE, second, &err), CLV_OK);
	put(v, "c", "three", NONE);
	vault_close(v);
	v = NULL;
	rc = vault_open_passphrase(path, first, LATER, &v, &err);
	refused(rc, v, &err, CLV_E_AUTH, "under this passphrase");
	assert_int_equal(vault_open_passphrase(path, second, LATER, &v, &err), CLV_OK);
	assert_int_equal(vault_protect(v, VAULT_BY_FILE, machine, &err), CLV_OK);
	assert_int_equal(vault_protect(v, VAULT_BY_FILE, first, &err), CLV_FAILED); /* too short */
	assert_int_equal(vault_protection(v), VAULT_BY_FILE);
	vault_close(v);
	v = open_at(path, LATER);
	assert_true(has(v, "a", "one", SLICE_LIT("e")));
	assert_true(has(v, "b", "two", NONE));
	assert_true(has(v, "c", "three", NONE));
	vault_close(v);
	assert_string_equal(vault_protection_word(VAULT_BY_CREDENTIAL), "credential");
	assert_string_equal(vault_protection_word(VAULT_PROTECTION_MAX), "unknown");
	secret_free(first);
	secret_free(second);
}

static void items_move_to_the_newest_master_key(void **state)
{
	struct clv_err err = {0};
	struct vault *v;
	size_t left = 77;
	bool made = false;

	(void)state;
	fill(25);
	v = open_at(path, NOW + 80 * DAY);
	assert_int_equal(vault_renew(v, NOW + 80 * DAY, &made, &err), CLV_OK);
	assert_false(made);
	assert_int_equal(vault_rewrap(v, 10, &left, &err), CLV_OK);
	assert_int_equal(left, 0);
	assert_int_equal(vault_renew(v, LATER, &made, &err), CLV_OK);
	assert_true(made);
	all_open(v, 25);
	assert_int_equal(vault_rewrap(v, 10, &left, &err), CLV_OK);
	assert_int_equal(left, 15);
	all_open(v, 25);
	vault_close(v);
	assert_int_equal(sql_number("SELECT count(*) FROM master"), 2);
	v = open_at(path, LATER + 1); /* resumed by another */
	assert_int_equal(vault_rewrap(v, 10, &left, &err), CLV_OK);
	assert_int_equal(left, 5);
	put(v, "n3", "text 3", SLICE_LIT("entropy"));
	assert_int_equal(vault_rewrap(v, 10, &left, &err), CLV_OK);
	assert_int_equal(left, 0);
	all_open(v, 25);
	put(v, "n3", "text 3", SLICE_LIT("entropy"));
	vault_close(v);
	assert_int_equal(sql_number("SELECT count(*) FROM master"), 1);
	assert_int_equal(sql_number("SELECT id FROM master"), 2);
	v = open_at(path, LATER + 91 * DAY);
	all_open(v, 25);
	assert_int_equal(vault_rewrap(v, SIZE_MAX, &left, &err), CLV_OK);
	assert_int_equal(left, 0);
	vault_close(v);
	assert_int_equal(sql_number("SELECT id FROM master"), 3);
}

static void what_does_not_open_is_not_moved(void **state)
{
	struct clv_err err = {0};
	size_t left = 77;
	struct vault *v;

	(void)state;
	fill(5);
	flip_byte("item", "item_key", "WHERE name='n1'", 40);
	v = open_at(path, LATER);
	assert_int_equal(vault_rewrap(v, 3, &left, &err), CLV_OK);
	assert_int_equal(left, 2);
	assert_int_equal(vault_rewrap(v, 3, &left, &err), CLV_OK);
	assert_int_equal(left, 1);
	assert_int_equal(vault_rewrap(v, 3, &left, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_AUTH);
	assert_non_null(strstr(err.text, "'n1'"));
	vault_close(v);
	assert_int_equal(sql_number("SELECT count(*) FROM master"), 2);
	flip_byte("item", "item_key", "WHERE name='n1'", 40);
	v = open_at(path, LATER);
	all_open(v, 5);
	assert_int_equal(vault_rewrap(v, 3, &left, &err), CLV_OK);
	assert_int_equal(left, 0);
	all_open(v, 5);
	vault_close(v);
}

#ifdef CLV_TEST_BUILD
#define ITEMS 12

enum act { ACT_REWRAP, ACT_PROTECT, ACT_RENEW, ACT_PUT };

static bool act(struct vault *v, enum act what)
{
	size_t left = 1;
	bool good = true;

	switch (what) {
	case ACT_REWRAP:
		while (good && left)
			good = !vault_rewrap(v, 5, &left, NULL);
		return good;
	case ACT_PROTECT:
		return !vault_protect(v, VAULT_BY_CREDENTIAL, other, NULL);
	case ACT_RENEW:
		return !vault_renew(v, LATER + 91 * DAY, NULL, NULL);
	case ACT_PUT:
	default:
		return !vault_put(v, "test", "put", NONE, other, NULL);
	}
}

/* The child's result: 0 done, 1 failed in good order (and all is still there), 9 killed. */
static int in_child(enum act what, const char *how, unsigned at, int sys)
{
	char number[32];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct vault *v = open_at(path, LATER);
		bool good;

		(void)snprintf(number, sizeof number, "%u", at);
		(void)setenv(how, number, 1);
		(void)setenv("CLAVIGER_TEST_KILL_IN", "vault", 1);
		(void)snprintf(number, sizeof number, "%d", sys);
		(void)setenv("CLAVIGER_TEST_FAIL_ERRNO", number, 1);
		fault_init("vault");
		good = act(v, what);
		all_open(v, ITEMS); /* what is open goes on */
		vault_close(v);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

/* After whatever happened: one of the two secrets opens it, and all is there. */
static bool one_opens(bool *is_new)
{
	struct vault *v = NULL;
	struct clv_err err = {0};
	int64_t now = LATER + 91 * DAY; /* one of the acts made a master key then */
	bool old = !vault_open(path, machine, now, &v, &err);

	if (!old && vault_open(path, other, now, &v, &err))
		return false;
	all_open(v, ITEMS);
	vault_close(v);
	*is_new = !old;
	return true;
}

static void sweep(enum act what, const char *name)
{
	static const struct {
		const char *env;
		int sys;
	} ways[] = {
	    {"CLAVIGER_TEST_FAIL_AT", EIO}, {"CLAVIGER_TEST_FAIL_AT", ENOSPC}, {"CLAVIGER_TEST_KILL_AT", 0}};
	unsigned points = 0, failed = 0, killed = 0, step = getenv("CLAVIGER_LONG") ? 1 : 3;
	bool is_new = false;

	fresh(NULL);
	fill(ITEMS);
	vault_close(open_at(path, LATER));
	copy_file(path, copy_path);
	for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
		unsigned quiet = 0;

		/* Until nothing happens any more: some calls' failures are not ours to see. */
		for (unsigned at = 1; quiet < 6; at += step, points++) {
			int result;

			remove_vault(path);
			copy_file(copy_path, path);
			result = in_child(what, ways[w].env, at, ways[w].sys);
			quiet = result == 0 ? quiet + 1 : 0;
			failed += result == 1;
			killed += result == 9;
			if (result > 1 && result != 9)
				fail_msg("%s: at %u the child ended with %d", name, at, result);
			if (!one_opens(&is_new))
				fail_msg("%s: at %u neither secret opens it", name, at);
			if (what == ACT_PROTECT && result < 2)
				assert_int_equal(is_new, result == 0);
		}
	}
	printf("      %s: %u points, %u failures reported, %u kills: always the old or the new opens\n", name,
	       points, failed, killed);
	assert_true(failed > 0 && killed > 0);
}

static void failing_disks(void **state)
{
	(void)state;
	sweep(ACT_REWRAP, "rewrap");
	sweep(ACT_PROTECT, "protect");
	sweep(ACT_RENEW, "new master key");
	sweep(ACT_PUT, "put");
}
#else
static void failing_disks(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_passphrase_protects, fresh),
	    cmocka_unit_test_setup(changed_parameters_are_refused, fresh),
	    cmocka_unit_test_setup(protections_change_into_each_other, fresh),
	    cmocka_unit_test_setup(items_move_to_the_newest_master_key, fresh),
	    cmocka_unit_test_setup(what_does_not_open_is_not_moved, fresh),
	    cmocka_unit_test_setup(failing_disks, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
