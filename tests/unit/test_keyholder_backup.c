/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key backup of the key holder: sealed and restored it makes the same key holder again; refused where
 * keys are, for another group, for a wrong passphrase, and at every flipped byte; a restore that the disk
 * cuts leaves the vault as it was; the drill's five answers.
 */
#include "daemon/keyholder_backup.h"
#include "tests/unit/keyholder_fixture.h"
#include "vault/keyfile.h"
#include <errno.h>
#include <sys/wait.h>

static struct clv_secret *pass;

static void next_version(struct kh *k)
{
	assert_int_equal(vault_begin(k->vault, NULL), CLV_OK);
	assert_int_equal(kh_group_key_make(k, 0, NULL), CLV_OK);
	assert_int_equal(vault_commit(k->vault, NULL), CLV_OK);
}

static char group[] = "OMMG1", other_group[] = "OMMG2";
static const uint8_t hash[32] = {7, 8, 9};

static int setup_backup(void **state)
{
	int rc = setup(state);

	pass = secret_of("correct horse battery");
	return rc;
}

static int teardown_backup(void **state)
{
	secret_free(pass);
	return teardown(state);
}

static void seal(struct kh *k, struct clv_buf *out)
{
	struct clv_err err = {0};

	buf_init(out, KEYFILE_MAX);
	if (kh_backup_seal(k, pass, out, &err))
		fail_msg("%s", err.text);
}

static void failed(clv_rc rc, const struct clv_err *err, enum clv_code code, const char *words)
{
	refused(rc, NULL, err, code, words);
}

/* The one that lost its vault does what the first one did. */
static void comes_back(void **state)
{
	struct kh a, b;
	struct clv_err err = {0};
	struct clv_buf file, blob;
	struct clv_secret *word = secret_of("a stored password"), *got = secret_new(64, NULL);
	char text[KH_BACKUP_TEXT] = "";

	(void)state;
	begin_holder(&a, path, group);
	assert_int_equal(kh_make_group_key(&a, slice_of(hash, 32), NULL), CLV_OK);
	next_version(&a);
	buf_init(&blob, 4096);
	assert_int_equal(kh_password_seal(&a, "acc", 1, word, &blob, NULL), CLV_OK);
	seal(&a, &file);
	begin_holder(&b, copy_path, group);
	if (kh_backup_restore(&b, buf_slice(&file), pass, 0, &err))
		fail_msg("%s", err.text);
	/* From the vault again, as after a restart. */
	end_holder(&b);
	begin_holder(&b, copy_path, group);
	assert_true(slice_eq(buf_slice(&a.group_spki), buf_slice(&b.group_spki)));
	assert_true(slice_eq(buf_slice(&b.recovery_hash), slice_of(hash, 32)));
	assert_true(buf_slice(&b.group_cert).len > 0);
	assert_non_null(b.group_key);
	assert_null(b.node_key);
	assert_int_equal(b.group->n_keys, 2);
	assert_int_equal(kh_password_open(&b, "acc", 1, buf_slice(&blob), got, NULL), CLV_OK);
	assert_true(secret_eq(word, got));
	assert_int_equal(kh_backup_drill(&b, buf_slice(&file), pass, text, sizeof text, NULL), CLV_OK);
	assert_non_null(strstr(text, "would bring the group OMMG1 back"));
	assert_non_null(strstr(text, "group keys v1 to v2"));
	/* Where keys are, nothing is restored. */
	failed(kh_backup_restore(&b, buf_slice(&file), pass, 0, &err), &err, CLV_E_EXISTS, "already");
	end_holder(&a);
	end_holder(&b);
	buf_release(&file);
	buf_release(&blob);
	secret_free(word);
	secret_free(got);
}

static void drills_tell(void **state)
{
	struct kh a, b;
	struct clv_err err = {0};
	struct clv_buf file;
	struct clv_secret *wrong = secret_of("incorrect horse batt");
	char text[KH_BACKUP_TEXT] = "untouched";

	(void)state;
	begin_holder(&a, path, group);
	failed(kh_backup_drill(&a, slice_str("x"), pass, text, sizeof text, &err), &err, CLV_E_DENIED,
	       "no group keys");
	assert_int_equal(kh_make_group_key(&a, slice_of(NULL, 0), NULL), CLV_OK);
	seal(&a, &file);
	assert_int_equal(kh_backup_drill(&a, buf_slice(&file), pass, text, sizeof text, NULL), CLV_OK);
	assert_non_null(strstr(text, "signing key and group key v1"));
	(void)snprintf(text, sizeof text, "untouched");
	failed(kh_backup_drill(&a, buf_slice(&file), wrong, text, sizeof text, &err), &err, CLV_E_AUTH,
	       "the passphrase is wrong, or the file is damaged");
	failed(kh_backup_drill(&a, slice_str("text"), pass, text, sizeof text, &err), &err, CLV_E_PROTO,
	       "no key backup");
	next_version(&a);
	err_clear(&err);
	failed(kh_backup_drill(&a, buf_slice(&file), pass, text, sizeof text, &err), &err, CLV_E_NOTFOUND,
	       "lacks group key v2");
	/* Another group of the same name, and of another one. */
	begin_holder(&b, copy_path, group);
	assert_int_equal(kh_make_group_key(&b, slice_of(NULL, 0), NULL), CLV_OK);
	err_clear(&err);
	failed(kh_backup_drill(&b, buf_slice(&file), pass, text, sizeof text, &err), &err, CLV_E_CONFLICT,
	       "another group signing key");
	b.start->group = other_group;
	err_clear(&err);
	failed(kh_backup_drill(&b, buf_slice(&file), pass, text, sizeof text, &err), &err, CLV_E_CONFLICT,
	       "of the group OMMG1, this server is of OMMG2");
	assert_string_equal(text, "untouched");
	end_holder(&a);
	end_holder(&b);
	buf_release(&file);
	secret_free(wrong);
}

static void refuses_what_is_not_whole(void **state)
{
	struct kh a, b;
	struct clv_err err = {0};
	struct clv_buf file;
	struct clv_slice s;
	size_t tried = 0;
	uint8_t *copy;

	(void)state;
	begin_holder(&a, path, group);
	assert_int_equal(kh_make_group_key(&a, slice_of(NULL, 0), NULL), CLV_OK);
	seal(&a, &file);
	begin_holder(&b, copy_path, group);
	s = buf_slice(&file);
	/* Each opening takes as long as the passphrase's rounds: some bytes of each line. */
	for (size_t at = 3; at < s.len; at += 41, tried++) {
		copy = clv_memdup(s.ptr, s.len);
		copy[at] ^= 1;
		err_clear(&err);
		assert_int_equal(kh_backup_restore(&b, slice_of(copy, s.len), pass, 0, &err), CLV_FAILED);
		assert_true(err.text[0]);
		clv_free(copy);
	}
	for (size_t len = 0; len < s.len; len += 97, tried++)
		assert_int_equal(kh_backup_restore(&b, slice_of(s.ptr, len), pass, 0, &err), CLV_FAILED);
	b.start->group = other_group;
	err_clear(&err);
	failed(kh_backup_restore(&b, s, pass, 0, &err), &err, CLV_E_CONFLICT, "of the group OMMG1");
	b.start->group = group;
	/* Nothing of all that is in the vault. */
	assert_null(b.group_key);
	assert_false(vault_has(b.vault, KH_PURPOSE_GROUP, "self"));
	assert_int_equal(kh_backup_restore(&b, s, pass, 0, NULL), CLV_OK);
	print_message("      %zu damaged files refused\n", tried);
	end_holder(&a);
	end_holder(&b);
	buf_release(&file);
}

/* What another release may put there, or a hand that knows the passphrase. */
static void refuses_senseless_content(void **state)
{
	static const struct {
		const char *names[3];
		const char *words;
	} table[] = {
	    {{"group-key/0000000001", NULL}, "lacks the group's keys"},
	    {{"signing", NULL}, "lacks the group's keys"},
	    {{"signing", "group-key/1", NULL}, "does not know"},
	    {{"signing", "group-key/0000000000", NULL}, "make no sense"},
	    {{"signing", "group-key/4294967296", NULL}, "does not know"},
	    {{"signing", "tomorrow", NULL}, "does not know"},
	    {{"signing", "group-key/0000000001", NULL},
	     "restoring the group's keys"}, /* 32 bytes are no key */
	};
	struct clv_secret *some = secret_of("0123456789abcdef0123456789abcdef");
	struct kh b;

	(void)state;
	begin_holder(&b, path, group);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct keyfile_item items[3];
		struct clv_err err = {0};
		struct clv_buf file;
		size_t n = 0;

		for (; n < 3 && table[i].names[n]; n++)
			items[n] = (struct keyfile_item){table[i].names[n], some};
		buf_init(&file, KEYFILE_MAX);
		assert_int_equal(keyfile_seal(items, n, group, NOW, pass, &file, NULL), CLV_OK);
		assert_int_equal(kh_backup_restore(&b, buf_slice(&file), pass, 0, &err), CLV_FAILED);
		if (!strstr(err.text, table[i].words))
			fail_msg("expected '%s', got: %s", table[i].words, err.text);
		assert_false(vault_has(b.vault, KH_PURPOSE_GROUP, "self"));
		buf_release(&file);
	}
	end_holder(&b);
	secret_free(some);
}

#ifdef CLV_TEST_BUILD
/* 0 done, 1 failed in good order, 9 killed. */
static int restore_in_child(struct clv_slice file, const char *how, unsigned at, int sys)
{
	char number[32];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct kh b;
		clv_rc rc;

		begin_holder(&b, copy_path, group);
		(void)snprintf(number, sizeof number, "%u", at);
		(void)setenv(how, number, 1);
		(void)setenv("CLAVIGER_TEST_KILL_IN", "vault", 1);
		(void)snprintf(number, sizeof number, "%d", sys);
		(void)setenv("CLAVIGER_TEST_FAIL_ERRNO", number, 1);
		fault_init("vault");
		rc = kh_backup_restore(&b, file, pass, 0, NULL);
		end_holder(&b);
		_exit(rc ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

/* All of it or nothing. */
static bool is_restored(struct clv_slice file)
{
	char text[KH_BACKUP_TEXT];
	struct clv_err err = {0};
	struct kh b;
	bool there;

	begin_holder(&b, copy_path, group);
	there = b.group_key != NULL;
	if (there && kh_backup_drill(&b, file, pass, text, sizeof text, &err))
		fail_msg("half a restore: %s", err.text);
	if (!there)
		assert_true(b.group->n_keys == 0 && buf_slice(&b.group_spki).len == 0);
	end_holder(&b);
	return there;
}

static void all_or_nothing(void **state)
{
	static const struct {
		const char *env;
		int sys;
	} ways[] = {{"CLAVIGER_TEST_FAIL_AT", ENOSPC}, {"CLAVIGER_TEST_KILL_AT", 0}};
	unsigned points = 0, failures = 0, late = 0, kills = 0, step = getenv("CLAVIGER_LONG") ? 1 : 4;
	struct clv_buf file;
	struct kh a;

	(void)state;
	begin_holder(&a, path, group);
	assert_int_equal(kh_make_group_key(&a, slice_of(hash, 32), NULL), CLV_OK);
	seal(&a, &file);
	end_holder(&a);
	for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
		unsigned quiet = 0;

		for (unsigned at = 1; quiet < 2; at += step, points++) {
			int result;
			bool there;

			remove_vault(copy_path);
			vault_close(open_at(copy_path, NOW));
			result = restore_in_child(buf_slice(&file), ways[w].env, at, ways[w].sys);
			quiet = result == 0 ? quiet + 1 : 0;
			failures += result == 1;
			kills += result == 9;
			there = is_restored(buf_slice(&file));
			if (result == 0 && !there)
				fail_msg("at %u: done, and the vault has nothing", at);
			/* The disk may fail between the commit and its last fsync: said to have failed, and
			 * there all the same. The same command then says that nothing is lost. */
			late += result == 1 && there;
		}
	}
	print_message(
	    "      restore: %u points, %u failures reported (%u of them after the commit), %u kills: all "
	    "of it or nothing\n",
	    points, failures, late, kills);
	assert_true(failures > late && late <= 2 && kills > 0);
	buf_release(&file);
}
#else
static void all_or_nothing(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(comes_back, fresh),
	    cmocka_unit_test_setup(drills_tell, fresh),
	    cmocka_unit_test_setup(refuses_what_is_not_whole, fresh),
	    cmocka_unit_test_setup(refuses_senseless_content, fresh),
	    cmocka_unit_test_setup(all_or_nothing, fresh),
	};

	return cmocka_run_group_tests(tests, setup_backup, teardown_backup);
}
