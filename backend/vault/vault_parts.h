/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vault.c (the file and its items) and masters.c (master keys and what protects them) share. Included
 * by them alone.
 */
#ifndef VAULT_VAULT_PARTS_H
#define VAULT_VAULT_PARTS_H

#include "base/db.h"
#include "vault/blob.h"
#include "vault/vault.h"

#define MASTERS_MAX 64u

struct master {
	int64_t id, made, ends;
	struct clv_secret *key;
};

struct protection {
	enum vault_protection how;
	uint32_t iterations; /* of a passphrase; else 0 */
	uint8_t salt[VAULT_SALT];
	struct clv_secret *key; /* wraps the master keys */
};

struct vault {
	struct db *db;
	struct protection protection;
	struct master masters[MASTERS_MAX]; /* oldest first */
	size_t n;
	bool unsure; /* whether the last change of protection happened */
};

/* Reads what protects the vault and its master keys, or makes both in a new one. exact: under `how` and no
 * other; else only a passphrase and a machine secret are told apart. */
CLV_MUST clv_rc masters_load(struct vault *v, enum vault_protection how, bool exact,
                             const struct clv_secret *secret, int64_t now_ms, struct clv_err *err);
/* The stored row; VAULT_BY_FILE where there is none. */
CLV_MUST clv_rc protection_read(struct db *db, struct protection *p, struct clv_err *err);
/* NULL when there is none of this number. */
const struct master *master_find(const struct vault *v, int64_t id);
/* Forgets all but the newest. */
void masters_forget_old(struct vault *v);
void masters_release(struct vault *v);

#endif
