/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the vault, as keys: loading, making, pinning, destroying. Runs in the key holder.
 * OpenSSL's objects lie in its locked arena; nothing here writes a key anywhere but the vault.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ENTROPY slice_of(NULL, 0)

static clv_rc parse_key(struct clv_slice der, void *ctx, struct clv_err *err)
{
	const unsigned char *p = der.ptr;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);

	if (!key || p != der.ptr + der.len) {
		EVP_PKEY_free(key);
		return err_set(err, CLV_E_CORRUPT, "a stored key is none: %s", crypto_reason());
	}
	*(EVP_PKEY **)ctx = key;
	return CLV_OK;
}

EVP_PKEY *kh_pkey_of(const struct clv_secret *pkcs8, struct clv_err *err)
{
	EVP_PKEY *key = NULL;

	return secret_use(pkcs8, parse_key, &key, err) ? NULL : key;
}

static clv_rc write_key(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(ctx);
	int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : 0;
	unsigned char *p = bytes;

	if (n > 0 && (size_t)n <= cap && i2d_PKCS8_PRIV_KEY_INFO(p8, &p) == n)
		*len = (size_t)n;
	else
		n = 0;
	PKCS8_PRIV_KEY_INFO_free(p8);
	return n > 0 ? CLV_OK : err_set(err, CLV_E_CRYPTO, "encoding a key: %s", crypto_reason());
}

static clv_rc store_key(struct kh *k, const char *purpose, const char *name, EVP_PKEY *key,
                        struct clv_err *err)
{
	struct clv_secret *s = secret_new(KH_PKCS8_MAX, err);
	clv_rc rc = CLV_FAILED;

	if (s && !secret_fill(s, write_key, key, err))
		rc = vault_put(k->vault, purpose, name, NO_ENTROPY, s, err);
	secret_free(s);
	return rc;
}

static clv_rc load_key(struct kh *k, const char *purpose, const char *name, EVP_PKEY **out,
                       struct clv_err *err)
{
	struct clv_secret *s;
	clv_rc rc = CLV_FAILED;

	if (!vault_has(k->vault, purpose, name))
		return CLV_OK;
	s = secret_new(VAULT_ITEM_MAX, err);
	if (s && !vault_get(k->vault, purpose, name, NO_ENTROPY, s, err)) {
		*out = kh_pkey_of(s, err);
		rc = *out ? CLV_OK : CLV_FAILED;
	}
	secret_free(s);
	return rc;
}

static clv_rc load_bytes(struct kh *k, const char *name, struct clv_buf *out, struct clv_err *err)
{
	if (!vault_has(k->vault, KH_PURPOSE_PUBLIC, name))
		return CLV_OK;
	return vault_get_bytes(k->vault, KH_PURPOSE_PUBLIC, name, out, err);
}

static clv_rc load_number(struct kh *k, const char *name, uint64_t *out, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice s;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, VAULT_ITEM_MAX);
	if (load_bytes(k, name, &b, err))
		goto out;
	s = buf_slice(&b);
	rc = s.len == 0 ? CLV_OK : slice_get_u64(&s, out, err);
out:
	buf_release(&b);
	return rc;
}

clv_rc kh_remember(struct kh *k, const char *name, uint64_t value, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 8);
	if (!buf_put_u64(&b, value, err))
		rc = vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, name, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

/* An agent key's item: u64 made, lp certificate, then PKCS #8 to the end. */
struct split {
	struct kh_agent_key *key;
};

static clv_rc split_item(struct clv_slice item, void *ctx, struct clv_err *err)
{
	struct kh_agent_key *a = ((struct split *)ctx)->key;
	struct clv_slice cert = {0};
	uint64_t made = 0;

	if (slice_get_u64(&item, &made, err) || slice_get_lp(&item, AGENTCERT_DER_MAX, &cert, err) ||
	    buf_put(&a->cert, cert, err))
		return CLV_FAILED;
	a->made = (int64_t)made;
	return parse_key(item, &a->key, err);
}

static clv_rc load_agent_key(struct kh *k, const char *name, struct clv_err *err)
{
	struct kh_agent_key *a = &k->keys[k->n_keys];
	struct split sp = {a};
	struct clv_secret *s = secret_new(VAULT_ITEM_MAX, err);
	clv_rc rc = CLV_FAILED;

	memset(a, 0, sizeof *a);
	buf_init(&a->cert, AGENTCERT_DER_MAX);
	a->generation = strtoull(name, NULL, 10);
	if (s && !vault_get(k->vault, KH_PURPOSE_AGENT, name, NO_ENTROPY, s, err) &&
	    !secret_use(s, split_item, &sp, err)) {
		k->n_keys++;
		rc = CLV_OK;
	} else {
		buf_release(&a->cert);
	}
	secret_free(s);
	return rc;
}

struct name_list {
	char names[KH_KEYS_MAX][24];
	size_t n;
};

static clv_rc collect(const char *name, void *ctx, struct clv_err *err)
{
	struct name_list *l = ctx;

	if (l->n == KH_KEYS_MAX || strlen(name) >= sizeof l->names[0])
		return err_set(err, CLV_E_LIMIT, "more than %u agent keys in the vault", KH_KEYS_MAX);
	memcpy(l->names[l->n++], name, strlen(name) + 1);
	return CLV_OK;
}

static clv_rc load_agent_keys(struct kh *k, struct clv_err *err)
{
	struct name_list l = {.n = 0};

	if (vault_names(k->vault, KH_PURPOSE_AGENT, collect, &l, err))
		return CLV_FAILED;
	for (size_t i = 0; i < l.n; i++)
		if (load_agent_key(k, l.names[i], err))
			return CLV_FAILED;
	return CLV_OK;
}

static clv_rc load_audit_head(struct kh *k, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice v, hash;
	clv_rc rc;

	k->audit_seq = 0;
	buf_init(&b, 64);
	rc = load_bytes(k, KH_AUDIT_HEAD, &b, err);
	v = buf_slice(&b);
	if (!rc && v.len && (rc = slice_get_u64(&v, &k->audit_seq, err)) == CLV_OK &&
	    (rc = slice_get(&v, 32, &hash, err)) == CLV_OK)
		(void)slice_fill(hash, k->audit_hash, 32);
	buf_release(&b);
	return rc;
}

clv_rc kh_load(struct kh *k, struct clv_err *err)
{
	buf_init(&k->node_spki, STATEMENT_SPKI_MAX);
	buf_init(&k->group_spki, STATEMENT_SPKI_MAX);
	buf_init(&k->group_cert, AGENTCERT_DER_MAX);
	buf_init(&k->recovery_hash, 64);
	buf_init(&k->machine, 64);
	buf_init(&k->succession, VAULT_ITEM_MAX);
	if (load_key(k, KH_PURPOSE_NODE, "self", &k->node_key, err) ||
	    load_key(k, KH_PURPOSE_GROUP, "self", &k->group_key, err) ||
	    load_bytes(k, "machine", &k->machine, err) || load_bytes(k, "group-key", &k->group_spki, err) ||
	    load_bytes(k, "group-certificate", &k->group_cert, err) ||
	    load_bytes(k, "recovery-key-hash", &k->recovery_hash, err) ||
	    load_bytes(k, "succession", &k->succession, err) || load_number(k, "epoch", &k->epoch, err) ||
	    load_audit_head(k, err) || load_number(k, "proved", &k->proved, err) ||
	    load_number(k, "version", &k->version, err))
		return CLV_FAILED;
	if (k->node_key && pkey_to_spki(k->node_key, &k->node_spki, err))
		return CLV_FAILED;
	return load_agent_keys(k, err) ? CLV_FAILED : kh_group_load(k, err);
}

void kh_unload(struct kh *k)
{
	kh_group_unload(k);
	for (size_t i = 0; i < k->n_keys; i++) {
		buf_release(&k->keys[i].cert);
		EVP_PKEY_free(k->keys[i].key);
	}
	k->n_keys = 0;
	EVP_PKEY_free(k->node_key);
	EVP_PKEY_free(k->group_key);
	k->node_key = k->group_key = NULL;
	buf_release(&k->node_spki);
	buf_release(&k->group_spki);
	buf_release(&k->group_cert);
	buf_release(&k->recovery_hash);
	buf_release(&k->machine);
	buf_release(&k->succession);
}

bool kh_machine_matches(const struct kh *k)
{
	return slice_eq_ct(buf_slice(&k->machine), slice_of(k->start->machine.data, k->start->machine.len));
}

clv_rc kh_make_node_key(struct kh *k, struct clv_err *err)
{
	struct clv_slice machine = slice_of(k->start->machine.data, k->start->machine.len);
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;

	if (k->node_key)
		return CLV_OK;
	if (pkey_make_p256(&key, err) || vault_begin(k->vault, err))
		goto out;
	if (store_key(k, KH_PURPOSE_NODE, "self", key, err) ||
	    vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, "machine", machine, err) ||
	    vault_commit(k->vault, err)) {
		vault_rollback(k->vault);
		goto out;
	}
	buf_clear(&k->machine);
	buf_clear(&k->node_spki);
	if (pkey_to_spki(key, &k->node_spki, err) || buf_put(&k->machine, machine, err))
		goto out;
	k->node_key = key;
	key = NULL;
	rc = CLV_OK;
out:
	EVP_PKEY_free(key);
	return rc;
}

static clv_rc forget_items(struct kh *k, struct clv_err *err)
{
	static const char *const public_items[] = {"machine", "group-key", "recovery-key-hash", "proved",
	                                           "version", "epoch",     "trusted-group-key"};
	char name[24];

	for (size_t i = 0; i < sizeof public_items / sizeof public_items[0]; i++)
		if (vault_delete(k->vault, KH_PURPOSE_PUBLIC, public_items[i], err))
			return CLV_FAILED;
	for (size_t i = 0; i < k->n_keys; i++) {
		(void)snprintf(name, sizeof name, "%020" PRIu64, k->keys[i].generation);
		if (vault_delete(k->vault, KH_PURPOSE_AGENT, name, err))
			return CLV_FAILED;
	}
	return vault_delete(k->vault, KH_PURPOSE_NODE, "self", err);
}

clv_rc kh_forget_node(struct kh *k, struct clv_err *err)
{
	if (k->group_key)
		return err_set(err, CLV_E_DENIED,
		               "this node holds the group signing key; it is not made anew");
	if (vault_begin(k->vault, err))
		return CLV_FAILED;
	if (forget_items(k, err) || vault_commit(k->vault, err)) {
		vault_rollback(k->vault);
		return CLV_FAILED;
	}
	kh_unload(k);
	k->proved = k->version = k->epoch = 0;
	return kh_load(k, err);
}

static clv_rc put_public(struct kh *k, const char *name, struct clv_slice bytes, struct clv_err *err)
{
	return bytes.len ? vault_put_bytes(k->vault, KH_PURPOSE_PUBLIC, name, bytes, err) : CLV_OK;
}

static clv_rc put_group(struct kh *k, const struct kh_group_parts *p, struct clv_err *err)
{
	if ((p->key && store_key(k, KH_PURPOSE_GROUP, "self", p->key, err)) ||
	    put_public(k, "group-key", p->spki, err) || put_public(k, "group-certificate", p->cert, err) ||
	    put_public(k, "recovery-key-hash", p->recovery_hash, err) ||
	    put_public(k, "succession", p->succession, err) ||
	    (p->epoch && kh_remember(k, "epoch", p->epoch, err)) ||
	    vault_delete(k->vault, KH_PURPOSE_PUBLIC, "trusted-group-key", err))
		return CLV_FAILED;
	return p->make ? kh_group_key_make(k, p->above, err) : CLV_OK;
}

static clv_rc replace(struct clv_buf *b, struct clv_slice with, struct clv_err *err)
{
	if (!with.len)
		return CLV_OK;
	buf_clear(b);
	return buf_put(b, with, err);
}

clv_rc kh_keep_group(struct kh *k, const struct kh_group_parts *p, struct clv_err *err)
{
	if (vault_begin(k->vault, err))
		return CLV_FAILED;
	if (put_group(k, p, err) || vault_commit(k->vault, err)) {
		vault_rollback(k->vault);
		return CLV_FAILED;
	}
	k->epoch = p->epoch ? p->epoch : k->epoch;
	if (replace(&k->group_spki, p->spki, err) || replace(&k->group_cert, p->cert, err) ||
	    replace(&k->recovery_hash, p->recovery_hash, err))
		return CLV_FAILED;
	return replace(&k->succession, p->succession, err);
}

clv_rc kh_make_group_key(struct kh *k, struct clv_slice recovery_hash, struct clv_err *err)
{
	struct clv_buf spki, cert;
	EVP_PKEY *key = NULL;
	clv_rc rc = CLV_FAILED;

	if (k->group_key || buf_slice(&k->group_spki).len)
		return err_set(err, CLV_E_EXISTS, "this node belongs to a group already: it has a group key");
	buf_init(&spki, STATEMENT_SPKI_MAX);
	buf_init(&cert, AGENTCERT_DER_MAX);
	if (pkey_make_p256(&key, err) || pkey_to_spki(key, &spki, err) ||
	    groupcert_make(key, k->start->group, clock_wall_ms(), &cert, err) ||
	    kh_keep_group(k,
	                  &(struct kh_group_parts){.key = key,
	                                           .spki = buf_slice(&spki),
	                                           .cert = buf_slice(&cert),
	                                           .recovery_hash = recovery_hash,
	                                           .make = true},
	                  err))
		goto out;
	k->group_key = key;
	key = NULL;
	rc = CLV_OK;
out:
	EVP_PKEY_free(key);
	buf_release(&spki);
	buf_release(&cert);
	return rc;
}

struct kh_agent_key *kh_find_key(struct kh *k, uint64_t generation)
{
	for (size_t i = 0; i < k->n_keys; i++)
		if (k->keys[i].generation == generation)
			return &k->keys[i];
	return NULL;
}

static clv_rc join_item(struct clv_slice pkcs8, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, pkcs8.ptr, pkcs8.len, err);
}

static clv_rc store_agent_key(struct kh *k, const char *name, int64_t made, struct clv_slice cert,
                              const struct clv_secret *pkcs8, struct clv_err *err)
{
	struct clv_secret *item = secret_new(VAULT_ITEM_MAX, err);
	struct clv_buf head;
	clv_rc rc = CLV_FAILED;

	buf_init(&head, AGENTCERT_DER_MAX + 16);
	if (item && !buf_put_u64(&head, (uint64_t)made, err) && !buf_put_lp(&head, cert, err) &&
	    !secret_append(item, buf_slice(&head).ptr, buf_slice(&head).len, err) &&
	    !secret_use(pkcs8, join_item, item, err))
		rc = vault_put(k->vault, KH_PURPOSE_AGENT, name, NO_ENTROPY, item, err);
	buf_release(&head);
	secret_free(item);
	return rc;
}

clv_rc kh_add_agent_key(struct kh *k, uint64_t generation, const struct clv_secret *pkcs8,
                        struct clv_err *err)
{
	struct kh_agent_key a = {.generation = generation, .made = clock_wall_ms()};
	char name[24];
	clv_rc rc = CLV_FAILED;

	if (k->n_keys == KH_KEYS_MAX)
		return err_set(err, CLV_E_LIMIT, "%u agent keys wait to be confirmed; no more are made",
		               KH_KEYS_MAX);
	(void)snprintf(name, sizeof name, "%020" PRIu64, generation);
	buf_init(&a.cert, AGENTCERT_DER_MAX);
	a.key = kh_pkey_of(pkcs8, err);
	if (!a.key || agentcert_make(a.key, k->start->name, k->start->key_days, a.made, &a.cert, err) ||
	    store_agent_key(k, name, a.made, buf_slice(&a.cert), pkcs8, err))
		goto out;
	k->keys[k->n_keys++] = a;
	a.key = NULL;
	buf_init(&a.cert, 0);
	rc = CLV_OK;
out:
	EVP_PKEY_free(a.key);
	if (rc)
		buf_release(&a.cert);
	return rc;
}

/* B4: a key goes only when a newer one has opened a configuration. */
clv_rc kh_destroy_agent_keys(struct kh *k, uint64_t upto, struct clv_err *err)
{
	char name[24];

	if (upto >= k->proved)
		return err_set(
		    err, CLV_E_DENIED,
		    "generation %" PRIu64 " is still needed: no newer key has opened a configuration", upto);
	while (k->n_keys && k->keys[0].generation <= upto) {
		(void)snprintf(name, sizeof name, "%020" PRIu64, k->keys[0].generation);
		if (vault_delete(k->vault, KH_PURPOSE_AGENT, name, err))
			return CLV_FAILED;
		EVP_PKEY_free(k->keys[0].key);
		buf_release(&k->keys[0].cert);
		k->n_keys--;
		memmove(&k->keys[0], &k->keys[1], k->n_keys * sizeof k->keys[0]);
	}
	return CLV_OK;
}
