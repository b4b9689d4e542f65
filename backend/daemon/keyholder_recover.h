/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a total loss, in the key holder: the server's new keys over a database that was kept, the recovery
 * key's word for them, and at every node what may replace the pinned group signing key.
 */
#ifndef DAEMON_KEYHOLDER_RECOVER_H
#define DAEMON_KEYHOLDER_RECOVER_H

#include "daemon/keyholder_given.h"
#include "daemon/keyholder_group.h"

/* A new group signing key, a group key of a version above `above`, and the epoch, in one transaction; with
 * the recovery key also its word for them. Refused where there is a group signing key (CLV_E_EXISTS), and
 * with another recovery key than the one whose hash q names. */
CLV_MUST clv_rc kh_recover(struct kh *k, const Clv__KhInit *q, struct clv_err *err);
/* The same with the keys of the backup that was handed over. */
CLV_MUST clv_rc kh_restore(struct kh *k, uint64_t epoch, struct clv_err *err);
/* The node key, pinned group key and epoch say who may say what: see keys/succession.h. *how: enum pin_how.
 */
CLV_MUST clv_rc kh_repin(struct kh *k, const Clv__KhPinGroup *q, uint32_t *how, struct clv_err *err);
/* A person on this node trusts the group signing key of that hash (32 bytes) from now on. */
CLV_MUST clv_rc kh_trust(struct kh *k, struct clv_slice hash, struct clv_err *err);

#endif
