/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New keys after a total loss, and which group signing key this node takes in place of the one it pinned.
 * Runs in the key holder: the recovery key is read, used once and forgotten here.
 */
#include "daemon/keyholder_recover.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder_backup.h"
#include "keys/agentcert.h"
#include "keys/succession.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include "vault/keyfile.h"
#include <errno.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#define PASSPHRASE_MAX 1024u
#define PEM_FILE_MAX   16384u

/* --- what was handed over --- */
static int take_given(struct kh *k, uint32_t which)
{
	int *slot = &k->given[which - KH_GIVEN_RECOVERY_KEY], fd = *slot;

	*slot = -1;
	return fd;
}

static clv_rc read_to_end(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	ssize_t n;

	*len = 0;
	while (*len < cap) {
		n = read(*(int *)ctx, bytes + *len, cap - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, CLV_E_IO, "reading what was handed over");
		if (n == 0)
			return CLV_OK;
		*len += (size_t)n;
	}
	return err_set(err, CLV_E_LIMIT, "more than %zu bytes were handed over", cap);
}

static clv_rc take_passphrase(struct kh *k, struct clv_secret *out, struct clv_err *err)
{
	int fd = take_given(k, KH_GIVEN_PASSPHRASE);
	clv_rc rc;

	if (fd < 0)
		return err_set(err, CLV_E_USAGE, "no passphrase was given");
	rc = secret_fill(out, read_to_end, &fd, err);
	(void)close(fd);
	return rc;
}

/* OpenSSL asks for the passphrase; it comes from `secret` into the buffer of the arena's owner. */
static clv_rc copy_out(struct clv_slice s, void *ctx, struct clv_err *err)
{
	struct clv_slice *room = ctx;

	if (s.len > room->len)
		return err_set(err, CLV_E_LIMIT, "a passphrase of %zu bytes", s.len);
	memcpy((uint8_t *)(uintptr_t)room->ptr, s.ptr, s.len);
	room->len = s.len;
	return CLV_OK;
}

static int give_passphrase(char *buf, int size, int rw, void *ctx)
{
	struct clv_slice room = slice_of(buf, size > 0 ? (size_t)size : 0);

	(void)rw;
	return secret_use(ctx, copy_out, &room, NULL) ? -1 : (int)room.len;
}

static clv_rc parse_recovery_key(struct clv_slice pem, struct clv_secret *passphrase, EVP_PKEY **out,
                                 struct clv_err *err)
{
	BIO *b = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, give_passphrase, passphrase) : NULL;
	clv_rc rc = CLV_FAILED;

	BIO_free(b);
	if (!key)
		(void)err_set(err, CLV_E_AUTH,
		              "the recovery key does not open: another passphrase, or it is no private key");
	else if (!pkey_is_p256(key))
		(void)err_set(err, CLV_E_CONFIG, "the recovery key is no P-256 key as init makes them");
	else
		rc = CLV_OK;
	if (rc) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	*out = key;
	(void)crypto_reason();
	return rc;
}

/* *out stays NULL when no recovery key was handed over. */
static clv_rc read_recovery_key(struct kh *k, EVP_PKEY **out, struct clv_err *err)
{
	int fd = take_given(k, KH_GIVEN_RECOVERY_KEY);
	struct clv_secret *passphrase, *pem;
	struct clv_buf bytes;
	struct clv_slice room;
	clv_rc rc = CLV_FAILED;

	*out = NULL;
	if (fd < 0)
		return CLV_OK;
	passphrase = secret_new(PASSPHRASE_MAX, err);
	pem = secret_new(PEM_FILE_MAX, err);
	buf_init(&bytes, PEM_FILE_MAX);
	if (passphrase && pem && !take_passphrase(k, passphrase, err) &&
	    !secret_fill(pem, read_to_end, &fd, err) &&
	    !buf_reserve(&bytes, PEM_FILE_MAX, (uint8_t **)(uintptr_t)&room.ptr, err)) {
		room.len = PEM_FILE_MAX; /* still encrypted: a plain buffer may hold it */
		if (!secret_use(pem, copy_out, &room, err))
			rc = parse_recovery_key(room, passphrase, out, err);
	}
	(void)close(fd);
	buf_release(&bytes);
	secret_free(pem);
	secret_free(passphrase);
	return rc;
}

/* --- the recovery key's word --- */
static clv_rc write_succession(struct kh *k, EVP_PKEY *recovery, struct clv_slice group_spki, uint64_t epoch,
                               struct clv_buf *out, struct clv_buf *hash, struct clv_err *err)
{
	Clv__Succession m = CLV__SUCCESSION__INIT;
	struct clv_buf body, sig, spki;
	uint8_t h[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	buf_init(&body, 1024);
	buf_init(&sig, STATEMENT_SIG_MAX);
	buf_init(&spki, STATEMENT_SPKI_MAX);
	m.group_key = PROTO_BYTES(group_spki);
	m.epoch = epoch;
	m.time = clock_wall_ms();
	if (!statement_make(STATEMENT_SUCCESSION, k->start->group, &m.base, recovery, &body, &sig, err) &&
	    !pkey_to_spki(recovery, &spki, err) && !sha256(buf_slice(&spki), h, err) &&
	    !buf_put(hash, slice_of(h, sizeof h), err) && !buf_put_lp(out, buf_slice(&body), err) &&
	    !buf_put_lp(out, buf_slice(&sig), err))
		rc = buf_put_lp(out, buf_slice(&spki), err);
	buf_release(&body);
	buf_release(&sig);
	buf_release(&spki);
	return rc;
}

static clv_rc make_anew(struct kh *k, EVP_PKEY *recovery, uint64_t epoch, uint32_t above, struct clv_err *err)
{
	struct clv_buf spki, cert, succession, hash;
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	buf_init(&cert, AGENTCERT_DER_MAX);
	buf_init(&succession, 4096);
	buf_init(&hash, 64);
	if (!pkey_make_p256(&key, err) && !pkey_to_spki(key, &spki, err) &&
	    !groupcert_make(key, k->start->group, clock_wall_ms(), &cert, err) &&
	    (!recovery || !write_succession(k, recovery, buf_slice(&spki), epoch, &succession, &hash, err))) {
		struct kh_group_parts parts = {.key = key,
		                               .spki = buf_slice(&spki),
		                               .cert = buf_slice(&cert),
		                               .recovery_hash = buf_slice(&hash),
		                               .succession = buf_slice(&succession),
		                               .epoch = epoch,
		                               .above = above,
		                               .make = true};

		rc = kh_keep_group(k, &parts, err);
	}
	if (!rc) {
		k->group_key = key;
		key = NULL;
	}
	EVP_PKEY_free(key);
	buf_release(&spki);
	buf_release(&cert);
	buf_release(&succession);
	buf_release(&hash);
	return rc;
}

/* Nodes would not take its word: better said now. */
static clv_rc is_the_groups(EVP_PKEY *recovery, struct clv_slice hash, struct clv_err *err)
{
	uint8_t have[KEY_HASH_LEN];
	struct clv_buf spki;
	clv_rc rc = CLV_FAILED;

	if (!recovery || !hash.len)
		return CLV_OK;
	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (!pkey_to_spki(recovery, &spki, err) && !sha256(buf_slice(&spki), have, err))
		rc = slice_eq(hash, slice_of(have, sizeof have))
		         ? CLV_OK
		         : err_set(err, CLV_E_AUTH,
		                   "this is not the recovery key that the group was made with: no node would "
		                   "believe it");
	buf_release(&spki);
	return rc;
}

clv_rc kh_recover(struct kh *k, const Clv__KhInit *q, struct clv_err *err)
{
	EVP_PKEY *recovery = NULL;
	clv_rc rc = CLV_FAILED;

	if (k->group_key)
		return err_set(err, CLV_E_EXISTS, "this server has a group signing key: nothing is lost");
	if (strcmp(k->start->role, "management-server") != 0 || q->epoch == 0)
		return err_set(err, CLV_E_DENIED, "a management server alone recovers a group");
	if (read_recovery_key(k, &recovery, err))
		return CLV_FAILED;
	if (!is_the_groups(recovery, PROTO_SLICE(q->recovery_key_hash), err) && !kh_make_node_key(k, err))
		rc = make_anew(k, recovery, q->epoch, q->above, err);
	EVP_PKEY_free(recovery);
	return rc;
}

/* The file is sealed: a plain buffer may hold it. */
static clv_rc read_backup(struct kh *k, struct clv_buf *out, struct clv_err *err)
{
	int fd = take_given(k, KH_GIVEN_BACKUP);
	uint8_t *room = NULL;
	size_t n = 0;
	clv_rc rc = CLV_FAILED;

	if (fd < 0)
		return err_set(err, CLV_E_USAGE, "no key backup was given");
	if (!buf_reserve(out, KEYFILE_MAX + 1, &room, err) &&
	    !read_to_end(room, KEYFILE_MAX + 1, &n, &fd, err)) {
		buf_commit(out, n);
		rc = CLV_OK;
	}
	(void)close(fd);
	return rc;
}

clv_rc kh_restore(struct kh *k, uint64_t epoch, struct clv_err *err)
{
	struct clv_secret *passphrase = secret_new(PASSPHRASE_MAX, err);
	struct clv_buf file;
	clv_rc rc = CLV_FAILED;

	buf_init(&file, KEYFILE_MAX + 1);
	if (strcmp(k->start->role, "management-server") != 0)
		(void)err_set(err, CLV_E_DENIED, "a management server alone has a group's keys");
	else if (passphrase && !take_passphrase(k, passphrase, err) && !read_backup(k, &file, err) &&
	         !kh_make_node_key(k, err))
		rc = kh_backup_restore(k, buf_slice(&file), passphrase, epoch, err);
	buf_release(&file);
	secret_free(passphrase);
	return rc;
}

/* --- at a node --- */
static bool is_trusted(struct kh *k, struct clv_slice spki)
{
	uint8_t hash[KEY_HASH_LEN];
	struct clv_err err = {0};
	struct clv_buf b;
	bool is;

	buf_init(&b, VAULT_ITEM_MAX);
	is = !vault_get_bytes(k->vault, KH_PURPOSE_PUBLIC, "trusted-group-key", &b, &err) &&
	     !sha256(spki, hash, &err) && slice_eq_ct(buf_slice(&b), slice_of(hash, sizeof hash));
	buf_release(&b);
	return is;
}

/* Which of the three ways opens; the text of the last says what a person can do. */
static clv_rc judge(struct kh *k, const Clv__KhPinGroup *q, uint64_t *epoch, uint32_t *how,
                    struct clv_err *err)
{
	struct clv_slice spki = PROTO_SLICE(q->group_key);
	struct clv_err why = {0};

	*epoch = q->epoch;
	if (is_trusted(k, spki)) {
		*how = PIN_TRUSTED;
		return CLV_OK;
	}
	if (q->succession.len &&
	    !succession_check(k->start->group, buf_slice(&k->recovery_hash), PROTO_SLICE(q->recovery_key),
	                      PROTO_SLICE(q->succession), PROTO_SLICE(q->succession_signature), spki,
	                      k->epoch, epoch, &why)) {
		*how = PIN_BY_RECOVERY_KEY;
		return CLV_OK;
	}
	if (k->start->reaccept && q->epoch > k->epoch) {
		*how = PIN_DIRECT;
		return CLV_OK;
	}
	return err_set(err, CLV_E_CONFLICT, "another group signing key is pinned here%s%s",
	               why.code ? "; " : "", why.code ? why.text : "");
}

clv_rc kh_repin(struct kh *k, const Clv__KhPinGroup *q, uint32_t *how, struct clv_err *err)
{
	struct clv_slice have = buf_slice(&k->group_spki);
	struct kh_group_parts parts = {.spki = PROTO_SLICE(q->group_key), .epoch = q->epoch};
	EVP_PKEY *key = NULL;

	*how = PIN_FIRST;
	if (have.len && slice_eq(have, parts.spki))
		return CLV_OK;
	if (k->group_key)
		return err_set(err, CLV_E_DENIED, "this node holds a group signing key of its own");
	if (pkey_from_spki_p256(parts.spki, &key, err))
		return CLV_FAILED;
	EVP_PKEY_free(key);
	if (have.len && judge(k, q, &parts.epoch, how, err))
		return CLV_FAILED;
	/* What the recovery key signs says nothing of another recovery key. */
	if (*how != PIN_BY_RECOVERY_KEY)
		parts.recovery_hash = PROTO_SLICE(q->recovery_key_hash);
	if (kh_keep_group(k, &parts, err))
		return CLV_FAILED;
	if (*how != PIN_FIRST)
		log_notice("another group signing key is pinned from now on: %s", pin_how_words(*how));
	return CLV_OK;
}

clv_rc kh_trust(struct kh *k, struct clv_slice hash, struct clv_err *err)
{
	if (k->group_key)
		return err_set(err, CLV_E_DENIED, "this node holds the group signing key itself");
	return vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, "trusted-group-key", hash, err);
}
