/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group key: loading, making, passwords at rest. Runs in a management server's key holder; a key or a
 * password leaves it only sealed.
 */
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include "proto/codec.h"
#include "runas/intake.h"
#include "vault/blob.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTROPY_LEN  32u
#define PASSWORD_USE SLICE_LIT("claviger/1 password")

static clv_rc derive_mac(struct clv_slice key, void *ctx, struct clv_err *err)
{
	static const char label[] = "claviger/1 row mac";
	uint8_t mac[32];
	unsigned len = sizeof mac;

	if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, (const uint8_t *)label, sizeof label - 1, mac, &len))
		return err_set(err, CLV_E_CRYPTO, "HMAC failed");
	return secret_take(ctx, mac, sizeof mac, err);
}

static clv_rc keep(struct kh *k, uint32_t version, struct clv_secret *key, struct clv_err *err)
{
	struct kh_group *g = k->group;
	struct clv_secret *mac = secret_new(32, err);

	if (!mac || secret_use(key, derive_mac, mac, err)) {
		secret_free(mac);
		return CLV_FAILED;
	}
	g->keys[g->n_keys++] = (struct kh_group_key){version, key, mac};
	return CLV_OK;
}

static void version_name(uint32_t version, char out[16])
{
	(void)snprintf(out, 16, "%010u", version);
}

static clv_rc load_version(struct kh *k, const char *name, struct clv_err *err)
{
	struct clv_secret *key = secret_new(KH_GROUP_KEY_LEN + 1, err);
	struct clv_buf entropy;
	clv_rc rc = CLV_FAILED;

	buf_init(&entropy, 64);
	if (key && !vault_get_bytes(k->vault, KH_PURPOSE_ENTROPY, name, &entropy, err) &&
	    !vault_get(k->vault, KH_PURPOSE_GROUP_KEY, name, buf_slice(&entropy), key, err)) {
		if (secret_len(key) != KH_GROUP_KEY_LEN)
			(void)err_set(err, CLV_E_CORRUPT, "the group key %s has %zu bytes", name,
			              secret_len(key));
		else if (!keep(k, (uint32_t)strtoul(name, NULL, 10), key, err)) {
			key = NULL;
			rc = CLV_OK;
		}
	}
	buf_release(&entropy);
	secret_free(key);
	return rc;
}

struct versions {
	char names[KH_GROUP_KEYS_MAX][16];
	size_t n;
};

static clv_rc collect(const char *name, void *ctx, struct clv_err *err)
{
	struct versions *v = ctx;

	if (v->n == KH_GROUP_KEYS_MAX || strlen(name) >= sizeof v->names[0])
		return err_set(err, CLV_E_LIMIT, "more than %u group keys in the vault", KH_GROUP_KEYS_MAX);
	memcpy(v->names[v->n++], name, strlen(name) + 1);
	return CLV_OK;
}

clv_rc kh_group_load(struct kh *k, struct clv_err *err)
{
	struct versions v = {.n = 0};

	k->group = clv_calloc(1, sizeof *k->group);
	buf_init(&k->group->intake_cert, AGENTCERT_DER_MAX);
	if (vault_names(k->vault, KH_PURPOSE_GROUP_KEY, collect, &v, err))
		return CLV_FAILED;
	for (size_t i = 0; i < v.n; i++)
		if (load_version(k, v.names[i], err))
			return CLV_FAILED;
	return kh_rows_load(k, err);
}

void kh_group_unload(struct kh *k)
{
	if (!k->group)
		return;
	for (size_t i = 0; i < k->group->n_keys; i++) {
		secret_free(k->group->keys[i].key);
		secret_free(k->group->keys[i].mac);
	}
	kh_rows_unload(k);
	EVP_PKEY_free(k->group->intake_key);
	buf_release(&k->group->intake_cert);
	clv_free(k->group);
	k->group = NULL;
}

clv_rc kh_group_key_put(struct kh *k, uint32_t version, const struct clv_secret *key, struct clv_err *err)
{
	struct clv_secret *entropy = secret_new(ENTROPY_LEN, err);
	struct clv_buf e;
	char name[16];
	clv_rc rc = CLV_FAILED;

	buf_init(&e, 64);
	version_name(version, name);
	if (entropy && !secret_random(entropy, ENTROPY_LEN, err) &&
	    !vault_put(k->vault, KH_PURPOSE_ENTROPY, name, slice_of(NULL, 0), entropy, err) &&
	    !vault_get_bytes(k->vault, KH_PURPOSE_ENTROPY, name, &e, err))
		rc = vault_put(k->vault, KH_PURPOSE_GROUP_KEY, name, buf_slice(&e), key, err);
	buf_release(&e);
	secret_free(entropy);
	return rc;
}

clv_rc kh_group_key_make(struct kh *k, uint32_t above, struct clv_err *err)
{
	const struct kh_group_key *newest = kh_group_key(k, 0);
	uint32_t version = (newest && newest->version > above ? newest->version : above) + 1;
	struct clv_secret *key;

	if (above >= KH_GROUP_VERSION_MAX)
		return err_set(err, CLV_E_LIMIT, "the database names group key v%u: no such version is made",
		               above);
	if (k->group->n_keys == KH_GROUP_KEYS_MAX)
		return err_set(err, CLV_E_LIMIT, "%u group keys are kept; none is made", KH_GROUP_KEYS_MAX);
	key = secret_new(KH_GROUP_KEY_LEN + 1, err);
	if (!key || secret_random(key, KH_GROUP_KEY_LEN, err) || kh_group_key_put(k, version, key, err) ||
	    keep(k, version, key, err)) {
		secret_free(key);
		return CLV_FAILED;
	}
	return CLV_OK;
}

const struct kh_group_key *kh_group_key(const struct kh *k, uint32_t version)
{
	const struct kh_group *g = k->group;

	if (version == 0)
		return g->n_keys ? &g->keys[g->n_keys - 1] : NULL;
	for (size_t i = 0; i < g->n_keys; i++)
		if (g->keys[i].version == version)
			return &g->keys[i];
	return NULL;
}

static clv_rc password_context(const struct kh *k, const char *account, uint64_t version, struct clv_buf *b,
                               struct clv_err *err)
{
	if (buf_put_lp(b, slice_str(k->start->group), err) || buf_put_lp(b, slice_str(account), err))
		return CLV_FAILED;
	return buf_put_u64(b, version, err);
}

clv_rc kh_password_seal(struct kh *k, const char *account, uint64_t version,
                        const struct clv_secret *password, struct clv_buf *out, struct clv_err *err)
{
	const struct kh_group_key *g = kh_group_key(k, 0);
	struct clv_sealed sealed;
	struct clv_buf context;
	clv_rc rc = CLV_FAILED;

	if (!g)
		return err_set(err, CLV_E_DENIED, "this node has no group key");
	buf_init(&sealed.bytes, INTAKE_SECRET_MAX + BLOB_OVERHEAD);
	buf_init(&context, 1024);
	if (!password_context(k, account, version, &context, err) &&
	    !blob_seal(g->key, PASSWORD_USE, buf_slice(&context), password, &sealed, err) &&
	    !buf_put_u32(out, g->version, err))
		rc = buf_put(out, buf_slice(&sealed.bytes), err);
	buf_release(&sealed.bytes);
	buf_release(&context);
	return rc;
}

clv_rc kh_password_open(struct kh *k, const char *account, uint64_t version, struct clv_slice blob,
                        struct clv_secret *password, struct clv_err *err)
{
	const struct kh_group_key *g;
	struct clv_buf context;
	uint32_t key_version = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&context, 1024);
	if (slice_get_u32(&blob, &key_version, NULL) || key_version == 0)
		(void)err_set(err, CLV_E_AUTH, "does not open");
	else if (!(g = kh_group_key(k, key_version)))
		(void)err_set(err, CLV_E_NOTFOUND, "group key v%u, which it is under, is not here",
		              key_version);
	else if (!password_context(k, account, version, &context, err))
		rc = blob_open(g->key, PASSWORD_USE, buf_slice(&context), blob, password, err);
	buf_release(&context);
	return rc;
}
