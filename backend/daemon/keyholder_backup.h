/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key backup (S30): the group signing key, every version of the group key and the recovery key's hash
 * as a file under a passphrase (vault/keyfile.h), and back into a new vault. Runs in a management server's
 * key holder; nothing of it leaves that process but the sealed file. Each of the three takes as long as
 * VAULT_ITERATIONS.
 */
#ifndef DAEMON_KEYHOLDER_BACKUP_H
#define DAEMON_KEYHOLDER_BACKUP_H

#include "daemon/keyholder.h"

#define KH_BACKUP_TEXT 256u

/* Appends the file to out. CLV_E_DENIED on a node without group keys. */
CLV_MUST clv_rc kh_backup_seal(struct kh *k, const struct clv_secret *passphrase, struct clv_buf *out,
                               struct clv_err *err);
/* All of the file into the vault, in one transaction, and into k: afterwards the key holder works as after
 * init, without a node key. Refused: CLV_E_EXISTS where group keys are already, CLV_E_CONFLICT for another
 * group's file or another epoch than the database's, CLV_E_AUTH for a wrong passphrase or a damaged file.
 * After a failure the vault is as before.
 */
CLV_MUST clv_rc kh_backup_restore(struct kh *k, struct clv_slice file, const struct clv_secret *passphrase,
                                  uint64_t epoch, struct clv_err *err);
/* Opens the file and compares it with the vault; changes nothing. Success: text (KH_BACKUP_TEXT bytes do)
 * says what it would bring back. Failure: CLV_E_NOTFOUND when it is older than the vault, CLV_E_CONFLICT when
 * it is another group's or another's keys, CLV_E_AUTH as above. */
CLV_MUST clv_rc kh_backup_drill(struct kh *k, struct clv_slice file, const struct clv_secret *passphrase,
                                char *text, size_t size, struct clv_err *err);

/* The same keys as a bundle (vault/bundle.h), for a management server that joins. */
CLV_MUST clv_rc kh_keys_pack(struct kh *k, struct clv_secret *bundle, struct clv_err *err);
/* An opened bundle into the vault of this key holder, in one transaction, as kh_backup_restore does; request:
 * the hash of the one that it must answer. CLV_E_AUTH when it is another's, or its signing key is not the
 * group's that is pinned here. */
CLV_MUST clv_rc kh_keys_take(struct kh *k, const struct clv_secret *bundle, const uint8_t request[32],
                             struct clv_err *err);

#endif
