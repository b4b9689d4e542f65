/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault (S30 to S37): a SQLite file of the key holder. An item lies as a blob (blob.h) under a key of
 * its own and the caller's entropy, with purpose and name as associated data; that key lies under a master
 * key (512 bit), so that items change their master key without their entropy. Master keys are wrapped under
 * what protects the vault: the machine secret from a file or a systemd credential, or a passphrase. Runs in
 * the key holder alone; blocks on the disk.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "claviger/secret.h"

#define VAULT_MASTER_DAYS    90
#define VAULT_ITEM_MAX       (64u * 1024u)
#define VAULT_ITERATIONS     210000u /* PBKDF2-HMAC-SHA-512; fewer are refused (S31) */
#define VAULT_ITERATIONS_MAX 20000000u
#define VAULT_SALT           32u

/* X(symbol, word) */
#define VAULT_PROTECTION_LIST(X)             \
	X(VAULT_BY_FILE, "file")             \
	X(VAULT_BY_CREDENTIAL, "credential") \
	X(VAULT_BY_PASSPHRASE, "passphrase")
#define X(sym, word) sym,
enum vault_protection { VAULT_PROTECTION_LIST(X) VAULT_PROTECTION_MAX };
#undef X
const char *vault_protection_word(enum vault_protection v);
/* false: no such word. */
bool vault_protection_parse(const char *word, enum vault_protection *out);

struct vault;

/* Opens or makes the file. machine: the machine secret (32 bytes or more), borrowed; a copy stays in a
 * secret of the vault. A new vault is protected by VAULT_BY_FILE until vault_protect says otherwise.
 * Refused with what to do: a wrong machine secret (CLV_E_AUTH), a damaged file or a master key whose dates
 * make no sense (CLV_E_CORRUPT), a vault under a passphrase (CLV_E_CONFIG), one that another key holder has
 * open (CLV_E_CONFLICT), one that others may write to (CLV_E_DENIED). */
CLV_MUST clv_rc vault_open(const char *path, const struct clv_secret *machine, int64_t now_ms,
                           struct vault **out, struct clv_err *err);
/* As vault_open, under a passphrase; takes as long as the iterations stored in the vault (at least
 * VAULT_ITERATIONS: fewer, or more than VAULT_ITERATIONS_MAX, are refused). A new vault is made under it. */
CLV_MUST clv_rc vault_open_passphrase(const char *path, const struct clv_secret *passphrase, int64_t now_ms,
                                      struct vault **out, struct clv_err *err);
/* As either of them, by the protection that the configuration names: a new vault is made under it, one that
 * is under another is refused with what to do (CLV_E_CONFIG). */
CLV_MUST clv_rc vault_open_by(const char *path, enum vault_protection how, const struct clv_secret *secret,
                              int64_t now_ms, struct vault **out, struct clv_err *err);
void vault_close(struct vault *v);

/* What protects an open vault. */
enum vault_protection vault_protection(const struct vault *v);
/* The same of a file, without its secret: so that a caller knows what to ask for. CLV_E_NOTFOUND when there
 * is none; CLV_E_CONFLICT while a key holder has it open. */
CLV_MUST clv_rc vault_look(const char *path, enum vault_protection *how, struct clv_err *err);
/* Changes what protects it: all master keys are wrapped anew in one transaction. After success the new
 * secret alone opens it, after a failure the old one alone; only when the disk fails again while that is
 * made sure, either may be, and the text says so. Not inside vault_begin. */
CLV_MUST clv_rc vault_protect(struct vault *v, enum vault_protection how, const struct clv_secret *secret,
                              struct clv_err *err);
/* When the newest master key ends, in ms. */
int64_t vault_master_ends(const struct vault *v);
/* Makes a new master key when the newest has ended; *made (may be NULL) says so. Opening does it too. */
CLV_MUST clv_rc vault_renew(struct vault *v, int64_t now_ms, bool *made, struct clv_err *err);
/* Moves up to max_items items to the newest master key, one transaction; *left gets how many are still under
 * older ones. At 0 the older ones are destroyed. Call it again until then, in this process or the next.
 * Items that do not open stay where they are; when nothing else is left it fails (CLV_E_AUTH) and names the
 * first. Not inside vault_begin. */
CLV_MUST clv_rc vault_rewrap(struct vault *v, size_t max_items, size_t *left, struct clv_err *err);

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
