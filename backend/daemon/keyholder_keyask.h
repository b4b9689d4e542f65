/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket of a management server in its key holder: the key backup and its drill, for root and for
 * the user who runs the service. On an agent the same socket gives RunAs credentials (keyholder_held.h).
 */
#ifndef DAEMON_KEYHOLDER_KEYASK_H
#define DAEMON_KEYHOLDER_KEYASK_H

#include "daemon/keyholder.h"

struct pollfd;

/* Takes a caller's descriptor, or turns him away. */
CLV_MUST clv_rc kh_keyask_take(struct kh *k, int fd);
/* Fills at most one entry; returns how many. */
size_t kh_keyask_poll(const struct kh *k, struct pollfd *p, int *timeout_ms);
/* Blocks for as long as a passphrase's rounds take when a whole request is there. */
void kh_keyask_serve(struct kh *k, const struct pollfd *p);
void kh_keyask_end(struct kh *k);
/* Core's answer: the act is in the audit trail, or cannot be. */
clv_rc kh_on_key_act_kept(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);

#endif
