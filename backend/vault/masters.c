/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's master keys and what they are wrapped under (see vault.h). Runs in the key holder. The
 * stored parameters are no secret, and not to be trusted: they are checked before use, and what was
 * wrapped under others does not open (S35).
 */
#include "vault/vault_parts.h"
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define MASTER_LEN  64u
#define MACHINE_MIN 32u
#define DAY_MS      (24ll * 3600 * 1000)

enum vault_protection vault_protection(const struct vault *v)
{
	return v->protection.how;
}

/* What a master key's blob is bound to. */
static void master_context(const struct master *m, char out[128])
{
	(void)snprintf(out, 128, "claviger/1 master %" PRId64 " %" PRId64 " %" PRId64, m->id, m->made,
	               m->ends);
}

/* The kind is part of the key, so that the stored word cannot be changed. */
static struct clv_slice label_of(enum vault_protection how)
{
	return how == VAULT_BY_PASSPHRASE   ? SLICE_LIT("claviger/1 passphrase")
	       : how == VAULT_BY_CREDENTIAL ? SLICE_LIT("claviger/1 credential")
	                                    : SLICE_LIT("claviger/1 machine");
}

static clv_rc wrap(const struct protection *p, const struct master *m, struct clv_sealed *out,
                   struct clv_err *err)
{
	char context[128];

	master_context(m, context);
	return blob_seal(p->key, label_of(p->how), slice_str(context), m->key, out, err);
}

static clv_rc copy(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

/* p->key from the secret, by the parameters that p has. */
static clv_rc derive(struct protection *p, const struct clv_secret *secret, struct clv_err *err)
{
	size_t len = secret_len(secret);
	struct clv_secret *key;
	clv_rc rc;

	if (p->how == VAULT_BY_PASSPHRASE ? len == 0 : len < MACHINE_MIN)
		return err_set(err, CLV_E_USAGE, "a %s of %zu bytes is too short",
		               p->how == VAULT_BY_PASSPHRASE ? "passphrase" : "machine secret", len);
	key = secret_new(p->how == VAULT_BY_PASSPHRASE ? CRYPT_KEY : len, err);
	if (!key)
		return CLV_FAILED;
	rc = p->how == VAULT_BY_PASSPHRASE
	         ? crypt_pbkdf2(secret, slice_of(p->salt, VAULT_SALT), p->iterations, CRYPT_KEY, key, err)
	         : secret_use(secret, copy, key, err);
	if (rc) {
		secret_free(key);
		return rc;
	}
	p->key = key;
	return CLV_OK;
}

/* Parameters for a new protection. */
static clv_rc choose(enum vault_protection how, struct protection *p, struct clv_err *err)
{
	*p = (struct protection){.how = how};
	if (how != VAULT_BY_PASSPHRASE)
		return CLV_OK;
	p->iterations = VAULT_ITERATIONS;
	return RAND_bytes(p->salt, (int)sizeof p->salt) == 1 ? CLV_OK
	                                                     : err_set(err, CLV_E_CRYPTO, "no random bytes");
}

static clv_rc read_protection(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct protection *p = ctx;
	int64_t how = db_i(r, 0), iterations = db_i(r, 1);
	struct clv_slice salt = db_b(r, 2);

	*stop = true;
	if (how < 0 || how >= VAULT_PROTECTION_MAX)
		return err_set(err, CLV_E_CORRUPT,
		               "the vault is protected in a way that is none (%" PRId64 ")", how);
	p->how = (enum vault_protection)how;
	if (how != VAULT_BY_PASSPHRASE)
		return iterations == 0 && salt.len == 0
		           ? CLV_OK
		           : err_set(err, CLV_E_CORRUPT, "the vault's parameters do not suit its protection");
	if (iterations < VAULT_ITERATIONS || iterations > VAULT_ITERATIONS_MAX)
		return err_set(err, CLV_E_CORRUPT,
		               "the vault asks for %" PRId64
		               " iterations; fewer than %u or more than %u are refused: its parameters were "
		               "changed, restore a backup",
		               iterations, VAULT_ITERATIONS, VAULT_ITERATIONS_MAX);
	if (!slice_fill(salt, p->salt, VAULT_SALT))
		return err_set(err, CLV_E_CORRUPT, "the vault has a salt of %zu bytes, not %u", salt.len,
		               VAULT_SALT);
	p->iterations = (uint32_t)iterations;
	return CLV_OK;
}

clv_rc protection_read(struct db *db, struct protection *p, struct clv_err *err)
{
	*p = (struct protection){.how = VAULT_BY_FILE};
	return db_each(db, read_protection, p, err,
	               "SELECT how, iterations, salt FROM protection ORDER BY id", "");
}

static clv_rc protection_write(struct vault *v, const struct protection *p, struct clv_err *err)
{
	return db_run(v->db, err,
	              "INSERT OR REPLACE INTO protection(id, how, iterations, salt) VALUES(1,?,?,?)", "iib",
	              (int64_t)p->how, (int64_t)p->iterations,
	              slice_of(p->salt, p->how == VAULT_BY_PASSPHRASE ? VAULT_SALT : 0));
}

/* S33: dates that make no sense refuse the key (the blob binds them, so they were made so). */
static clv_rc check_dates(const struct master *m, int64_t now_ms, struct clv_err *err)
{
	const char *why = m->made <= 0 || m->ends <= m->made ? "its end does not lie after its making"
	                  : m->ends - m->made > 2 * VAULT_MASTER_DAYS * DAY_MS ? "it would last too long"
	                  : m->made > now_ms + DAY_MS ? "it was made in the future: set the clock right"
	                                              : NULL;

	return why ? err_set(err, CLV_E_CORRUPT, "master key %" PRId64 " has dates that make no sense: %s",
	                     m->id, why)
	           : CLV_OK;
}

struct load {
	struct vault *v;
	int64_t now_ms;
};

static clv_rc load_master(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct load *l = ctx;
	struct vault *v = l->v;
	struct master *m = &v->masters[v->n];
	const char *secret = v->protection.how == VAULT_BY_PASSPHRASE
	                         ? "this passphrase (another one, or the vault's parameters were changed)"
	                         : "this machine's secret (moved from another machine, or the secret was "
	                           "replaced: put the right machine secret back)";
	char context[128];

	(void)stop;
	if (v->n == MASTERS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u master keys", MASTERS_MAX);
	*m = (struct master){.id = db_i(r, 0), .made = db_i(r, 1), .ends = db_i(r, 2)};
	if (check_dates(m, l->now_ms, err))
		return CLV_FAILED;
	m->key = secret_new(MASTER_LEN, err);
	if (!m->key)
		return CLV_FAILED;
	v->n++;
	master_context(m, context);
	if (blob_open(v->protection.key, label_of(v->protection.how), slice_str(context), db_b(r, 3), m->key,
	              err))
		return err_wrap(err, "the vault's master key %" PRId64 " under %s", m->id, secret);
	return CLV_OK;
}

static clv_rc new_master(struct vault *v, int64_t now_ms, struct clv_err *err)
{
	struct master m = {.made = now_ms, .ends = now_ms + VAULT_MASTER_DAYS * DAY_MS};
	struct clv_sealed wrapped;
	clv_rc rc = CLV_FAILED;

	if (v->n == MASTERS_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u master keys", MASTERS_MAX);
	if (v->unsure)
		return err_set(err, CLV_E_CONFLICT,
		               "what protects the vault is unsure until it is opened again");
	if (db_number(v->db, 0, &m.id, err, "SELECT max(id) FROM master", ""))
		return CLV_FAILED;
	m.id++;
	buf_init(&wrapped.bytes, 1024);
	m.key = secret_new(MASTER_LEN, err);
	if (!m.key || secret_random(m.key, MASTER_LEN, err) || wrap(&v->protection, &m, &wrapped, err) ||
	    db_run(v->db, err, "INSERT INTO master(id, made, ends, wrapped) VALUES(?,?,?,?)", "iiib", m.id,
	           m.made, m.ends, buf_slice(&wrapped.bytes)))
		goto out;
	v->masters[v->n++] = m;
	m.key = NULL;
	rc = CLV_OK;
out:
	secret_free(m.key);
	buf_release(&wrapped.bytes);
	return rc;
}

/* A new vault: its protection and first master key together. */
static clv_rc make(struct vault *v, enum vault_protection how, const struct clv_secret *secret,
                   int64_t now_ms, struct clv_err *err)
{
	if (choose(how, &v->protection, err) || derive(&v->protection, secret, err) || db_begin(v->db, err))
		return CLV_FAILED;
	if (protection_write(v, &v->protection, err) || new_master(v, now_ms, err) || db_commit(v->db, err)) {
		db_rollback(v->db);
		return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc right_protection(enum vault_protection is, enum vault_protection how, bool exact,
                               struct clv_err *err)
{
	bool passphrase = how == VAULT_BY_PASSPHRASE;

	if (exact && is != how)
		return err_set(err, CLV_E_CONFIG,
		               "it is protected by a %s, the configuration says vault_protect = %s: write "
		               "vault_protect = %s, or after that run: clavigerd vault protect --by %s",
		               vault_protection_word(is), vault_protection_word(how),
		               vault_protection_word(is), vault_protection_word(how));
	if ((is == VAULT_BY_PASSPHRASE) != passphrase)
		return err_set(err, CLV_E_CONFIG, "it is protected by a %s",
		               passphrase ? "machine secret, not by a passphrase"
		                          : "passphrase, not by a machine secret");
	return CLV_OK;
}

clv_rc masters_load(struct vault *v, enum vault_protection how, bool exact, const struct clv_secret *secret,
                    int64_t now_ms, struct clv_err *err)
{
	struct load l = {v, now_ms};
	int64_t n = 0, items = 0;

	if (db_number(v->db, 0, &n, err, "SELECT count(*) FROM master", "") ||
	    db_number(v->db, 0, &items, err, "SELECT count(*) FROM item", ""))
		return CLV_FAILED;
	if (n == 0 && items == 0)
		return make(v, how, secret, now_ms, err);
	if (n == 0)
		return err_set(err, CLV_E_CORRUPT,
		               "it holds items and no master key: somebody removed it, restore a backup");
	if (protection_read(v->db, &v->protection, err))
		return CLV_FAILED;
	if (right_protection(v->protection.how, how, exact, err) || derive(&v->protection, secret, err) ||
	    db_each(v->db, load_master, &l, err, "SELECT id, made, ends, wrapped FROM master ORDER BY id",
	            ""))
		return CLV_FAILED;
	/* New items are sealed under the newest key; an expired one stays for reading. */
	return vault_renew(v, now_ms, NULL, err);
}

clv_rc vault_renew(struct vault *v, int64_t now_ms, bool *made, struct clv_err *err)
{
	bool due = v->masters[v->n - 1].ends <= now_ms;

	if (due && new_master(v, now_ms, err))
		return err_wrap(err, "a new master key");
	if (made)
		*made = due;
	return CLV_OK;
}

static clv_rc wrap_all(struct vault *v, const struct protection *p, struct clv_err *err)
{
	struct clv_sealed wrapped;
	clv_rc rc = CLV_FAILED;

	buf_init(&wrapped.bytes, 1024);
	if (protection_write(v, p, err))
		goto out;
	for (size_t i = 0; i < v->n; i++) {
		buf_clear(&wrapped.bytes);
		if (wrap(p, &v->masters[i], &wrapped, err) ||
		    db_run(v->db, err, "UPDATE master SET wrapped=? WHERE id=?", "bi",
		           buf_slice(&wrapped.bytes), v->masters[i].id))
			goto out;
	}
	rc = CLV_OK;
out:
	buf_release(&wrapped.bytes);
	return rc;
}

struct opens {
	const struct protection *p;
	const struct master *m;
	bool yes;
};

static clv_rc try_master(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct opens *o = ctx;
	struct clv_secret *key = secret_new(MASTER_LEN, err);
	char context[128];

	*stop = true;
	master_context(o->m, context);
	o->yes = key && !blob_open(o->p->key, label_of(o->p->how), slice_str(context), db_b(r, 0), key, NULL);
	secret_free(key);
	return CLV_OK;
}

/* A commit that failed in its last call may have happened: what the file says counts, once a second one
 * has made it last. */
static bool took_effect(struct vault *v, const struct protection *p)
{
	struct opens o = {p, &v->masters[v->n - 1], false};

	if (db_each(v->db, try_master, &o, NULL, "SELECT wrapped FROM master WHERE id=?", "i", o.m->id)) {
		v->unsure = true;
		return false;
	}
	if (o.yes && db_run(v->db, NULL, "UPDATE protection SET id=id", ""))
		v->unsure = true;
	return o.yes && !v->unsure;
}

clv_rc vault_protect(struct vault *v, enum vault_protection how, const struct clv_secret *secret,
                     struct clv_err *err)
{
	struct protection p = {.key = NULL};
	struct clv_err why = {0};
	clv_rc rc = CLV_FAILED;

	if (v->unsure)
		(void)err_set(&why, CLV_E_CONFLICT, "what protects it is unsure until it is opened again");
	else if (!choose(how, &p, &why) && !derive(&p, secret, &why) && !db_begin(v->db, &why)) {
		rc = wrap_all(v, &p, &why);
		if (!rc)
			rc = db_commit(v->db, &why);
		if (rc) {
			db_rollback(v->db);
			rc = took_effect(v, &p) ? CLV_OK : CLV_FAILED;
		}
	}
	if (!rc) {
		secret_free(v->protection.key);
		v->protection = p;
		return CLV_OK;
	}
	secret_free(p.key);
	if (err)
		*err = why;
	return err_wrap(err,
	                v->unsure ? "protecting the vault by a %s (keep both secrets until it was opened)"
	                          : "protecting the vault by a %s",
	                vault_protection_word(how));
}

const struct master *master_find(const struct vault *v, int64_t id)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->masters[i].id == id)
			return &v->masters[i];
	return NULL;
}

void masters_forget_old(struct vault *v)
{
	for (size_t i = 0; i + 1 < v->n; i++)
		secret_free(v->masters[i].key);
	v->masters[0] = v->masters[v->n - 1];
	v->n = 1;
}

void masters_release(struct vault *v)
{
	for (size_t i = 0; i < v->n; i++)
		secret_free(v->masters[i].key);
	v->n = 0;
	secret_free(v->protection.key);
	v->protection.key = NULL;
}
