/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key backup, made, restored and tried (see keyholder_backup.h). Runs in a management server's key
 * holder. Items of the file: "signing" (PKCS #8, as the vault keeps it), "group-key/<10 digits>",
 * and what is no secret (publics).
 */
#include "daemon/keyholder_backup.h"
#include "base/clock.h"
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include "vault/bundle.h"
#include "vault/keyfile.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ITEM_SIGNING   "signing"
#define ITEM_GROUP_KEY "group-key/"
#define DIGITS         10u
#define NO_ENTROPY     slice_of(NULL, 0)

/* What is no secret, but goes with the keys: its name in the file, and in the vault. A file without one is of
 * a group without it. */
static const struct {
	const char *item, *name;
} publics[] = {{"recovery-hash", "recovery-key-hash"}, {"epoch", "epoch"}, {"succession", "succession"}};
#define PUBLICS      (sizeof publics / sizeof publics[0])
#define PUBLIC_EPOCH 1

/* What a file holds, or what the vault has. */
struct content {
	struct clv_secret *signing, *publics[PUBLICS];
	struct {
		uint32_t version;
		struct clv_secret *key;
	} keys[KH_GROUP_KEYS_MAX]; /* oldest first */
	size_t n_keys;
	bool joined; /* they came from a live server */
};

static void content_release(struct content *c)
{
	secret_free(c->signing);
	for (size_t i = 0; i < PUBLICS; i++)
		secret_free(c->publics[i]);
	for (size_t i = 0; i < c->n_keys; i++)
		secret_free(c->keys[i].key);
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

static struct clv_secret *copy_of(const struct clv_secret *from, struct clv_err *err)
{
	struct clv_secret *s = secret_new(secret_len(from), err);

	if (s && secret_use(from, append, s, err)) {
		secret_free(s);
		s = NULL;
	}
	return s;
}

static clv_rc put_key(struct content *c, uint32_t version, const struct clv_secret *key, struct clv_err *err)
{
	struct clv_secret *s;

	if (c->n_keys == KH_GROUP_KEYS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u group keys in the key backup",
		               KH_GROUP_KEYS_MAX);
	if (secret_len(key) != KH_GROUP_KEY_LEN || version == 0 ||
	    (c->n_keys && version <= c->keys[c->n_keys - 1].version))
		return err_set(err, CLV_E_PROTO, "the key backup's group keys make no sense");
	s = copy_of(key, err);
	if (!s)
		return CLV_FAILED;
	c->keys[c->n_keys].version = version;
	c->keys[c->n_keys++].key = s;
	return CLV_OK;
}

/* Exactly ten digits, so that there is one spelling. */
static bool parse_version(const char *name, uint32_t *out)
{
	const char *digits = name + strlen(ITEM_GROUP_KEY);
	uint64_t v = 0;

	if (strlen(digits) != DIGITS || strspn(digits, "0123456789") != DIGITS)
		return false;
	for (size_t i = 0; i < DIGITS; i++)
		v = v * 10 + (uint64_t)(digits[i] - '0');
	*out = (uint32_t)v;
	return v <= UINT32_MAX;
}

static clv_rc take_item(const char *name, const struct clv_secret *secret, void *ctx, struct clv_err *err)
{
	struct content *c = ctx;
	struct clv_secret **to = NULL;
	uint32_t version = 0;

	if (strncmp(name, ITEM_GROUP_KEY, strlen(ITEM_GROUP_KEY)) == 0 && parse_version(name, &version))
		return put_key(c, version, secret, err);
	if (strcmp(name, ITEM_SIGNING) == 0)
		to = &c->signing;
	for (size_t i = 0; i < PUBLICS; i++)
		if (strcmp(name, publics[i].item) == 0)
			to = &c->publics[i];
	if (!to || *to)
		return err_set(err, CLV_E_VERSION,
		               "the key backup holds something that this release does not know; use the "
		               "release that made it, or a newer one");
	*to = copy_of(secret, err);
	return *to ? CLV_OK : CLV_FAILED;
}

/* On failure c is empty. */
static clv_rc read_file(const struct kh *k, struct clv_slice file, const struct clv_secret *passphrase,
                        struct content *c, struct clv_err *err)
{
	struct keyfile_info info;

	if (keyfile_info(file, &info, err))
		return CLV_FAILED;
	if (strcmp(info.group, k->start->group) != 0)
		return err_set(err, CLV_E_CONFLICT,
		               "the key backup is of the group %s, this server is of %s: take that group's "
		               "file",
		               info.group, k->start->group);
	if (keyfile_open(file, passphrase, take_item, c, err))
		goto bad;
	if (!c->signing || !c->n_keys) {
		(void)err_set(err, CLV_E_PROTO, "the key backup lacks the group's keys");
		goto bad;
	}
	return CLV_OK;
bad:
	content_release(c);
	memset(c, 0, sizeof *c);
	return CLV_FAILED;
}

static clv_rc read_public(struct kh *k, size_t i, struct content *c, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	if (!vault_has(k->vault, KH_PURPOSE_PUBLIC, publics[i].name))
		return CLV_OK;
	buf_init(&b, VAULT_ITEM_MAX);
	if (!vault_get_bytes(k->vault, KH_PURPOSE_PUBLIC, publics[i].name, &b, err) && buf_slice(&b).len) {
		c->publics[i] = secret_new(buf_slice(&b).len, err);
		if (c->publics[i])
			rc = secret_append(c->publics[i], buf_slice(&b).ptr, buf_slice(&b).len, err);
	}
	buf_release(&b);
	return rc;
}

static clv_rc read_vault(struct kh *k, struct content *c, struct clv_err *err)
{
	if (!k->group_key || !k->group->n_keys)
		return err_set(
		    err, CLV_E_DENIED,
		    "this node has no group keys: the key backup is made and tried on a management "
		    "server");
	c->signing = secret_new(KH_PKCS8_MAX, err);
	if (!c->signing || vault_get(k->vault, KH_PURPOSE_GROUP, "self", NO_ENTROPY, c->signing, err))
		goto bad;
	for (size_t i = 0; i < k->group->n_keys; i++)
		if (put_key(c, k->group->keys[i].version, k->group->keys[i].key, err))
			goto bad;
	for (size_t i = 0; i < PUBLICS; i++)
		if (read_public(k, i, c, err))
			goto bad;
	return CLV_OK;
bad:
	content_release(c);
	memset(c, 0, sizeof *c);
	return CLV_FAILED;
}

clv_rc kh_backup_seal(struct kh *k, const struct clv_secret *passphrase, struct clv_buf *out,
                      struct clv_err *err)
{
	struct keyfile_item items[KH_GROUP_KEYS_MAX + 1 + PUBLICS];
	char names[KH_GROUP_KEYS_MAX][32];
	struct content c = {.n_keys = 0};
	size_t n = 0;
	clv_rc rc;

	if (read_vault(k, &c, err))
		return CLV_FAILED;
	items[n++] = (struct keyfile_item){ITEM_SIGNING, c.signing};
	for (size_t i = 0; i < c.n_keys; i++) {
		(void)snprintf(names[i], sizeof names[i], ITEM_GROUP_KEY "%010u", c.keys[i].version);
		items[n++] = (struct keyfile_item){names[i], c.keys[i].key};
	}
	for (size_t i = 0; i < PUBLICS; i++)
		if (c.publics[i])
			items[n++] = (struct keyfile_item){publics[i].item, c.publics[i]};
	rc = keyfile_seal(items, n, k->start->group, clock_wall_ms(), passphrase, out, err);
	content_release(&c);
	return rc;
}

/* --- back into a vault --- */
static clv_rc to_bytes(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return buf_put(ctx, bytes, err); /* nothing secret */
}

static clv_rc put_public(struct kh *k, const char *name, const struct clv_buf *b, struct clv_err *err)
{
	return vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, name, buf_slice(b), err);
}

static clv_rc put_all(struct kh *k, const struct content *c, const struct clv_buf *spki,
                      const struct clv_buf *cert, struct clv_err *err)
{
	if (vault_put(k->vault, KH_PURPOSE_GROUP, "self", NO_ENTROPY, c->signing, err) ||
	    put_public(k, "group-key", spki, err) || put_public(k, "group-certificate", cert, err))
		return CLV_FAILED;
	for (size_t i = 0; i < PUBLICS; i++) {
		struct clv_buf b;
		clv_rc rc = CLV_OK;

		buf_init(&b, VAULT_ITEM_MAX);
		if (c->publics[i] &&
		    (secret_use(c->publics[i], to_bytes, &b, err) || put_public(k, publics[i].name, &b, err)))
			rc = CLV_FAILED;
		buf_release(&b);
		if (rc)
			return CLV_FAILED;
	}
	if (c->joined &&
	    vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, KH_JOINED, slice_str(k->start->name), err))
		return CLV_FAILED;
	for (size_t i = 0; i < c->n_keys; i++)
		if (kh_group_key_put(k, c->keys[i].version, c->keys[i].key, err))
			return CLV_FAILED;
	return CLV_OK;
}

static clv_rc restore(struct kh *k, const struct content *c, struct clv_err *err)
{
	EVP_PKEY *key = kh_pkey_of(c->signing, err);
	struct clv_buf spki, cert;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	buf_init(&cert, AGENTCERT_DER_MAX);
	if (!key || pkey_to_spki(key, &spki, err) ||
	    groupcert_make(key, k->start->group, clock_wall_ms(), &cert, err) || vault_begin(k->vault, err))
		goto out;
	if (put_all(k, c, &spki, &cert, err) || vault_commit(k->vault, err)) {
		vault_rollback(k->vault);
		goto out;
	}
	kh_unload(k);
	rc = kh_load(k, err);
out:
	EVP_PKEY_free(key);
	buf_release(&spki);
	buf_release(&cert);
	return rc;
}

static clv_rc read_epoch(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return slice_get_u64(&bytes, ctx, err);
}

/* Keys of another epoch than the database's open nothing in it. */
static clv_rc same_epoch(const struct content *c, uint64_t epoch, struct clv_err *err)
{
	uint64_t have = 0;

	if (c->publics[PUBLIC_EPOCH] && secret_use(c->publics[PUBLIC_EPOCH], read_epoch, &have, err))
		return CLV_FAILED;
	if (have != epoch)
		return err_set(err, CLV_E_CONFLICT,
		               "the key backup is of epoch %" PRIu64 ", the database of %" PRIu64
		               ": take the file that was made after the last recovery, or clavigerd recover",
		               have, epoch);
	return CLV_OK;
}

clv_rc kh_backup_restore(struct kh *k, struct clv_slice file, const struct clv_secret *passphrase,
                         uint64_t epoch, struct clv_err *err)
{
	struct content c = {.n_keys = 0};
	clv_rc rc;

	if (k->group_key || k->group->n_keys || buf_slice(&k->group_spki).len)
		return err_set(err, CLV_E_EXISTS,
		               "this vault already has the group's keys; they are never written over");
	if (read_file(k, file, passphrase, &c, err))
		return CLV_FAILED;
	rc = same_epoch(&c, epoch, err) ? CLV_FAILED : restore(k, &c, err);
	content_release(&c);
	return rc ? err_wrap(err, "restoring the group's keys") : CLV_OK;
}

/* --- the drill --- */
static const struct clv_secret *version_of(const struct content *c, uint32_t version)
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (c->keys[i].version == version)
			return c->keys[i].key;
	return NULL;
}

/* Constant time in the keys; which are there is no secret. */
static clv_rc compare(const struct content *file, const struct content *have, const char *made,
                      struct clv_err *err)
{
	if (!secret_eq(file->signing, have->signing))
		return err_set(err, CLV_E_CONFLICT,
		               "the key backup has another group signing key than this server: it is another "
		               "group's of this name, or from before a recovery");
	for (size_t i = 0; i < have->n_keys; i++) {
		const struct clv_secret *key = version_of(file, have->keys[i].version);

		if (!key)
			return err_set(err, CLV_E_NOTFOUND,
			               "the key backup of %s is too old: it lacks group key v%u, made after "
			               "it; make a new one",
			               made, have->keys[i].version);
		if (!secret_eq(key, have->keys[i].key))
			return err_set(err, CLV_E_CONFLICT,
			               "the key backup has another group key v%u than this server",
			               have->keys[i].version);
	}
	for (size_t i = 0; i < file->n_keys; i++)
		if (!version_of(have, file->keys[i].version))
			return err_set(err, CLV_E_CONFLICT,
			               "the key backup has group key v%u, which this server lacks: the "
			               "server is the older of the two",
			               file->keys[i].version);
	for (size_t i = 0; i < PUBLICS; i++)
		if (!file->publics[i] != !have->publics[i] ||
		    (file->publics[i] && !secret_eq(file->publics[i], have->publics[i])))
			return err_set(err, CLV_E_NOTFOUND,
			               "the key backup of %s has another %s than this server; make a new one",
			               made, publics[i].item);
	return CLV_OK;
}

clv_rc kh_backup_drill(struct kh *k, struct clv_slice file, const struct clv_secret *passphrase, char *text,
                       size_t size, struct clv_err *err)
{
	struct content in_file = {.n_keys = 0}, have = {.n_keys = 0};
	char made[CLOCK_RFC3339_LEN], first[24] = "";
	struct keyfile_info info;
	clv_rc rc = CLV_FAILED;

	if (read_vault(k, &have, err))
		return CLV_FAILED;
	if (read_file(k, file, passphrase, &in_file, err) || keyfile_info(file, &info, err))
		goto out;
	clock_rfc3339(info.created, false, made);
	if (compare(&in_file, &have, made, err))
		goto out;
	if (have.n_keys > 1)
		(void)snprintf(first, sizeof first, "s v%u to", have.keys[0].version);
	(void)snprintf(
	    text, size,
	    "the key backup of %s would bring the group %s back: its signing key and group key%s v%u", made,
	    info.group, first, have.keys[have.n_keys - 1].version);
	rc = CLV_OK;
out:
	content_release(&in_file);
	content_release(&have);
	return rc;
}

/* --- for a server that joins --- */
clv_rc kh_keys_pack(struct kh *k, struct clv_secret *bundle, struct clv_err *err)
{
	struct content c = {.n_keys = 0};
	char name[32];
	clv_rc rc = CLV_FAILED;

	if (read_vault(k, &c, err))
		return CLV_FAILED;
	if (bundle_add(bundle, ITEM_SIGNING, c.signing, err))
		goto out;
	for (size_t i = 0; i < c.n_keys; i++) {
		(void)snprintf(name, sizeof name, ITEM_GROUP_KEY "%010u", c.keys[i].version);
		if (bundle_add(bundle, name, c.keys[i].key, err))
			goto out;
	}
	for (size_t i = 0; i < PUBLICS; i++)
		if (c.publics[i] && bundle_add(bundle, publics[i].item, c.publics[i], err))
			goto out;
	rc = CLV_OK;
out:
	content_release(&c);
	return rc;
}

/* Who has the private half made the request's answer, or had it: nobody else can. */
static clv_rc is_pinned(const struct kh *k, const struct content *c, struct clv_err *err)
{
	EVP_PKEY *key = kh_pkey_of(c->signing, err);
	struct clv_buf spki;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (key && !pkey_to_spki(key, &spki, err))
		rc = slice_eq(buf_slice(&spki), buf_slice(&k->group_spki))
		         ? CLV_OK
		         : err_set(err, CLV_E_AUTH, "what came is not the group's signing key");
	EVP_PKEY_free(key);
	buf_release(&spki);
	return rc;
}

clv_rc kh_keys_take(struct kh *k, const struct clv_secret *bundle, const uint8_t request[32],
                    struct clv_err *err)
{
	struct bundle_head head = {0};
	struct content c = {.n_keys = 0};
	clv_rc rc = CLV_FAILED;

	if (k->group_key || k->group->n_keys)
		return err_set(err, CLV_E_EXISTS, "this node has group keys already; they are kept");
	c.joined = true;
	if (bundle_read(bundle, &head, take_item, &c, err))
		goto out;
	if (strcmp(head.group, k->start->group) != 0 || strcmp(head.name, k->start->name) != 0 ||
	    !slice_eq(slice_of(head.request, 32), slice_of(request, 32)))
		(void)err_set(err, CLV_E_AUTH,
		              "what came is for another server, or for another request of this one");
	else if (!c.signing || !c.n_keys)
		(void)err_set(err, CLV_E_PROTO, "what came lacks the group's keys");
	else if (!is_pinned(k, &c, err))
		rc = restore(k, &c, err);
out:
	content_release(&c);
	return rc;
}
