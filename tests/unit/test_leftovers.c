/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left in memory: with OpenSSL's heap in an arena of the key holder's size, passwords go through
 * the list, SecureData, the intake, blobs, the vault and the key backup; afterwards neither their bytes
 * nor their base64 are anywhere in the process, stack and freed memory included. The largest list fits the
 * arena.
 */
#include "base/file.h"
#include "keys/agentcert.h"
#include "runas/base64.h"
#include "runas/config.h"
#include "runas/intake.h"
#include "runas/securedata.h"
#include "tests/lib/unit.h"
#include "vault/keyfile.h"
#include "vault/vault.h"
#include "tests/lib/home.h"
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA (4u * 1024u * 1024u) /* backend/daemon/keyholder_main.c: KH_ARENA */
#define NOW   1795000000000ll
#define MASK  0x5a
#define PLAIN 24u

/* Both forms of the password, masked: the search must not find itself. */
static uint8_t needle[2][BASE64_LEN(PLAIN)];
static const size_t needle_len[2] = {PLAIN, BASE64_LEN(PLAIN)};

static EVP_PKEY *key, *group;
static X509 *cert, *signer;
static char dir[HOME_LEN];

static clv_rc mask(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	uint8_t *out = ctx;

	(void)err;
	for (size_t i = 0; i < bytes.len; i++)
		out[i] = bytes.ptr[i] ^ MASK;
	return CLV_OK;
}

static int setup(void **state)
{
	struct clv_buf der;

	(void)state;
	buf_init(&der, 4096);
	key = EVP_RSA_gen(3072);
	assert_non_null(key);
	assert_int_equal(agentcert_make(key, "web01.ops.test", 365, NOW, &der, NULL), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(&der), &cert, NULL), CLV_OK);
	buf_clear(&der);
	assert_int_equal(pkey_make_p256(&group, NULL), CLV_OK);
	assert_int_equal(groupcert_make(group, "OMMG1", NOW, &der, NULL), CLV_OK);
	assert_int_equal(x509_from_der(buf_slice(&der), &signer, NULL), CLV_OK);
	buf_release(&der);
	home_make(dir, sizeof(dir));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(group);
	X509_free(cert);
	X509_free(signer);
	(void)rmdir(dir);
	return 0;
}

static size_t count_in(const uint8_t *from, const uint8_t *to)
{
	size_t found = 0;

	for (int n = 0; n < 2; n++)
		for (const uint8_t *p = from; p + needle_len[n] <= to; p++) {
			size_t i = 0;

			if ((p[0] ^ MASK) != needle[n][0])
				continue;
			while (i < needle_len[n] && (p[i] ^ MASK) == needle[n][i])
				i++;
			found += i == needle_len[n];
		}
	return found;
}

/* All that this process may read and write. */
static size_t search(size_t *searched)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	size_t found = 0;
	char line[512], may[8];

	assert_non_null(f);
	*searched = 0;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, may) != 3 || strncmp(may, "rw", 2) != 0)
			continue;
		found += count_in((const uint8_t *)from, (const uint8_t *)to);
		*searched += to - from;
	}
	(void)fclose(f);
	return found;
}

static void nothing_left(const char *what)
{
#if defined(__SANITIZE_ADDRESS__) || defined(CLV_ASAN)
	(void)what;
	(void)search;
#else
	size_t searched, found = search(&searched);

	if (found)
		fail_msg("%s leaves %zu copies", what, found);
	print_message("      %s: nothing in %zu KiB\n", what, searched / 1024);
#endif
}

/* A new password each time, and its masked forms. */
static struct clv_secret *new_password(void)
{
	struct clv_secret *p = secret_new(PLAIN, NULL), *text = secret_new(BASE64_LEN(PLAIN) + 1, NULL);

	assert_non_null(p);
	assert_non_null(text);
	assert_int_equal(secret_random(p, PLAIN, NULL), CLV_OK);
	assert_int_equal(base64_hide(p, text, NULL), CLV_OK);
	assert_int_equal(secret_use(p, mask, needle[0], NULL), CLV_OK);
	assert_int_equal(secret_use(text, mask, needle[1], NULL), CLV_OK);
	secret_free(text);
	return p;
}

static void the_search_finds(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(CLV_ASAN)
	(void)state;
	skip();
#else
	struct clv_secret *p = new_password();
	uint8_t *copy = clv_calloc(1, PLAIN);
	size_t searched;

	(void)state;
	for (size_t i = 0; i < PLAIN; i++)
		copy[i] = needle[0][i] ^ MASK;
	assert_int_equal(search(&searched), 2); /* the heap's, and the secret itself */
	explicit_bzero(copy, PLAIN);
	assert_int_equal(search(&searched), 1);
	secret_free(p);
	assert_int_equal(search(&searched), 0);
	clv_free(copy);
#endif
}

static clv_rc see(const struct runas_account *a, const struct clv_secret *password, void *ctx,
                  struct clv_err *err)
{
	(void)a;
	(void)err;
	*(size_t *)ctx += secret_len(password);
	return CLV_OK;
}

static void sealed_lists_leave_nothing(void **state)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, NULL), *back = secret_new(RUNAS_LIST_MAX, NULL);
	struct runas_head head = {"OMMG1", "web01.ops.test", {7}, 42, false};
	struct runas_account a = {.version = 1, .name = "n", .id = "0123456789abcdef0123456789abcdef"};
	struct clv_secret *p = new_password();
	struct clv_buf der, cut;
	struct clv_err err;
	size_t total = 0;

	(void)state;
	buf_init(&der, SECUREDATA_MAX);
	buf_init(&cut, SECUREDATA_MAX);
	assert_int_equal(runas_begin(&head, list, NULL), CLV_OK);
	assert_int_equal(runas_add(&a, p, list, NULL), CLV_OK);
	assert_int_equal(runas_end(list, NULL), CLV_OK);
	assert_int_equal(securedata_seal(list, cert, group, signer, &der, NULL), CLV_OK);
	assert_int_equal(securedata_open(buf_slice(&der), key, cert, signer, back, NULL), CLV_OK);
	assert_int_equal(runas_read(back, &head, see, &total, NULL), CLV_OK);
	assert_int_equal(total, PLAIN);
	/* A list that ends too early, and one with an error after the password. */
	secret_truncate(back, secret_len(back) - 5);
	assert_int_equal(runas_read(back, &head, see, &total, &err), CLV_FAILED);
	assert_int_equal(secret_append(back, "<x/>", 4, NULL), CLV_OK);
	assert_int_equal(runas_read(back, &head, see, &total, &err), CLV_FAILED);
	secret_free(p);
	secret_free(list);
	secret_free(back);
	nothing_left("a list sealed, opened and read");
	buf_release(&der);
	buf_release(&cut);
}

static void the_intake_leaves_nothing(void **state)
{
	struct intake_head head = {"OMMG1", "0123456789abcdef0123456789abcdef", "alice", 7}, h;
	struct clv_secret *p = new_password(), *out = secret_new(INTAKE_SECRET_MAX, NULL);
	struct clv_sealed sealed;

	(void)state;
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	assert_int_equal(intake_seal(&head, p, cert, &sealed, NULL), CLV_OK);
	assert_int_equal(intake_open(buf_slice(&sealed.bytes), key, cert, &h, out, NULL), CLV_OK);
	secret_free(p);
	secret_free(out);
	nothing_left("a password taken in");
	buf_release(&sealed.bytes);
}

static void the_vault_leaves_nothing(void **state)
{
	struct clv_secret *machine = new_password(), *p, *out = secret_new(VAULT_ITEM_MAX, NULL);
	struct clv_secret *secret32 = secret_new(32, NULL);
	char *path = clv_asprintf("%s/vault.db", dir);
	struct vault *v = NULL;
	size_t left = 0;

	(void)state;
	secret_free(machine);
	assert_int_equal(secret_random(secret32, 32, NULL), CLV_OK);
	p = new_password();
	assert_int_equal(vault_open(path, secret32, NOW, &v, NULL), CLV_OK);
	assert_int_equal(vault_put(v, "account", "a", SLICE_LIT("e"), p, NULL), CLV_OK);
	assert_int_equal(vault_renew(v, NOW + 91ll * 24 * 3600 * 1000, NULL, NULL), CLV_OK);
	assert_int_equal(vault_rewrap(v, 10, &left, NULL), CLV_OK);
	assert_int_equal(vault_get(v, "account", "a", SLICE_LIT("e"), out, NULL), CLV_OK);
	assert_int_equal(vault_protect(v, VAULT_BY_PASSPHRASE, p, NULL), CLV_OK);
	secret_free(p);
	secret_free(out);
	nothing_left("an item in the open vault, and its passphrase");
	vault_close(v);
	secret_free(secret32);
	(void)unlink(path);
	clv_free(path);
	path = clv_asprintf("%s/vault.db-journal", dir);
	(void)unlink(path);
	clv_free(path);
}

static clv_rc see_key(const char *name, const struct clv_secret *secret, void *ctx, struct clv_err *err)
{
	(void)name;
	(void)err;
	*(size_t *)ctx += secret_len(secret);
	return CLV_OK;
}

static void the_key_backup_leaves_nothing(void **state)
{
	struct clv_secret *p = new_password(), *passphrase = secret_new(16, NULL);
	struct keyfile_item item = {"group-key 1", p};
	struct clv_buf file;
	size_t total = 0;

	(void)state;
	buf_init(&file, KEYFILE_MAX);
	assert_int_equal(secret_random(passphrase, 16, NULL), CLV_OK);
	assert_int_equal(keyfile_seal(&item, 1, "OMMG1", NOW, passphrase, &file, NULL), CLV_OK);
	assert_int_equal(keyfile_open(buf_slice(&file), passphrase, see_key, &total, NULL), CLV_OK);
	assert_int_equal(total, PLAIN);
	secret_free(p);
	nothing_left("a key backed up and restored");
	secret_free(passphrase);
	buf_release(&file);
}

/* As large as it may be: what passes the arena ends the process. */
static void the_largest_list_fits(void **state)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, NULL), *back = secret_new(RUNAS_LIST_MAX, NULL);
	struct config_head ch = {.group = "OMMG1", .agent = "web01.ops.test", .version = 42, .fencing = 1};
	struct runas_head head = {"OMMG1", "web01.ops.test", {7}, 42, false};
	struct runas_account a = {.version = 1, .name = "n"};
	struct config_association *uses = NULL;
	struct clv_secret *p = new_password();
	struct clv_buf der, xml, again;
	size_t n = 0, total = 0, n_uses = 0;

	(void)state;
	buf_init(&der, SECUREDATA_MAX);
	buf_init(&xml, CONFIG_XML_MAX);
	buf_init(&again, SECUREDATA_MAX);
	assert_int_equal(runas_begin(&head, list, NULL), CLV_OK);
	do
		(void)snprintf(a.id, sizeof a.id, "%032zx", n++);
	while (!runas_add(&a, p, list, NULL));
	assert_int_equal(runas_end(list, NULL), CLV_OK);
	for (int i = 0; i < 3; i++) {
		buf_clear(&der);
		buf_clear(&xml);
		buf_clear(&again);
		total = 0;
		assert_int_equal(securedata_seal(list, cert, group, signer, &der, NULL), CLV_OK);
		assert_int_equal(config_write(&ch, NULL, 0, buf_slice(&der), &xml, NULL), CLV_OK);
		assert_int_equal(config_read(buf_slice(&xml), &ch, &uses, &n_uses, &again, NULL), CLV_OK);
		assert_int_equal(securedata_open(buf_slice(&again), key, cert, signer, back, NULL), CLV_OK);
		assert_int_equal(runas_read(back, &head, see, &total, NULL), CLV_OK);
		assert_int_equal(total, (n - 1) * PLAIN);
	}
	printf("      %zu accounts, %zu bytes of SecureData, %zu of XML within %u KiB of OpenSSL's heap\n",
	       n - 1, buf_slice(&der).len, buf_slice(&xml).len, ARENA / 1024);
	secret_free(list);
	secret_free(back);
	secret_free(p);
	nothing_left("the largest list");
	buf_release(&der);
	buf_release(&xml);
	buf_release(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_search_finds),
	    cmocka_unit_test(sealed_lists_leave_nothing),
	    cmocka_unit_test(the_intake_leaves_nothing),
	    cmocka_unit_test(the_vault_leaves_nothing),
	    cmocka_unit_test(the_key_backup_leaves_nothing),
	    cmocka_unit_test(the_largest_list_fits),
	};
	struct clv_err err;

	if (secret_openssl_arena(ARENA, &err) != CLV_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
