/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault (S30 to S37): a SQLite file of the key holder. Items are blobs: 16 bytes of salt, 12 of
 * nonce, AES-256-GCM under HKDF-SHA-512 of a master key, the salt and the caller's entropy, with
 * purpose and name as associated data. Master keys (512 bit) are wrapped under a key from the machine
 * secret. Runs in the key holder alone; blocks on the disk.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "claviger/secret.h"

#define VAULT_MASTER_DAYS 90
#define VAULT_ITEM_MAX    (48u * 1024u)

struct vault;

/* Opens or makes the file. machine: the machine secret (32 bytes or more), borrowed for the call. A
 * wrong machine secret, a damaged file, a master key whose dates make no sense: CLV_E_AUTH or
 * CLV_E_CORRUPT with what to do. */
CLV_MUST clv_rc vault_open(const char *path, const struct clv_secret *machine, int64_t now_ms,
                           struct vault **out, struct clv_err *err);
void vault_close(struct vault *v);

/* entropy may be empty. Replaces an item of that purpose and name. */
CLV_MUST clv_rc vault_put(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                          const struct clv_secret *item, struct clv_err *err);
/* CLV_E_NOTFOUND; CLV_E_AUTH when it does not open. item's capacity must suffice. */
CLV_MUST clv_rc vault_get(struct vault *v, const char *purpose, const char *name, struct clv_slice entropy,
                          struct clv_secret *item, struct clv_err *err);
CLV_MUST clv_rc vault_delete(struct vault *v, const char *purpose, const char *name, struct clv_err *err);
bool vault_has(struct vault *v, const char *purpose, const char *name);
/* Names of a purpose in order; fn must not call the vault. */
typedef clv_rc vault_name_fn(const char *name, void *ctx, struct clv_err *err);
CLV_MUST clv_rc vault_names(struct vault *v, const char *purpose, vault_name_fn *fn, void *ctx,
                            struct clv_err *err);

/* Small public values whose integrity matters (pinned key, machine id): the same blobs. */
CLV_MUST clv_rc vault_put_bytes(struct vault *v, const char *purpose, const char *name,
                                struct clv_slice bytes, struct clv_err *err);
CLV_MUST clv_rc vault_get_bytes(struct vault *v, const char *purpose, const char *name, struct clv_buf *out,
                                struct clv_err *err);
/* One transaction around several puts. */
CLV_MUST clv_rc vault_begin(struct vault *v, struct clv_err *err);
CLV_MUST clv_rc vault_commit(struct vault *v, struct clv_err *err);
void vault_rollback(struct vault *v);

#endif
