/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent's vault holds for its host: RunAs accounts and which profile uses which. Written when a
 * configuration was opened, in one transaction; read when a local caller asks. Runs in the agent's key
 * holder.
 */
#ifndef DAEMON_KEYHOLDER_HELD_H
#define DAEMON_KEYHOLDER_HELD_H

#include "daemon/keyholder.h"
#include "runas/config.h"

#define KH_PURPOSE_RUNAS   "runas"
#define KH_PURPOSE_PROFILE "profile"
#define KH_RELEASES_MAX    64u /* local callers at once; of one user and for root: KH_RELEASES_EACH, _SPARE */
#define KH_RELEASES_EACH   16u
#define KH_RELEASES_SPARE  16u

/* keyholder_held.c. Inside the caller's vault transaction: what `opened` names stays or comes, all else goes.
 * Adds to *m what is held now (kh_held_free). */
struct kh_keeping {
	struct kh *k;
	Clv__KhOpened *m;
	size_t cap;
	bool keep_others; /* set before kh_held_finish: nothing goes, and what was held beside it is told too
	                   */
};
clv_rc kh_held_keep(const struct runas_account *a, const struct clv_secret *password, void *keeping,
                    struct clv_err *err);
CLV_MUST clv_rc kh_held_finish(struct kh_keeping *keeping, const struct config_association *uses, size_t n,
                               struct clv_err *err);
void kh_held_free(Clv__KhOpened *m);
/* The account that a profile uses here: object before group, pattern, class and all. */
CLV_MUST clv_rc kh_held_choose(struct kh *k, const char *profile, char account[RUNAS_ID_LEN + 1],
                               struct clv_err *err);
/* The profile of the action account (the reference's name); its account is of type action or windows. */
#define KH_ACTION_PROFILE "Default Action Account"
/* 0; 7009: it has no credential here; 7010: its account is of another type. Nothing where no account is
 * associated with it here. */
uint32_t kh_held_action(struct kh *k);
/* Does any association of this profile use the account? */
CLV_MUST clv_rc kh_held_uses(struct kh *k, const char *profile, const char *account, bool *uses,
                             struct clv_err *err);
/* a: what it is; password: CLV_E_NOTFOUND where it is not held. */
CLV_MUST clv_rc kh_held_get(struct kh *k, const char *account, bool trial, struct runas_account *a,
                            struct clv_secret *password, struct clv_err *err);

/* keyholder_open.c */
clv_rc kh_on_open(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);

/* keyholder_release.c: local callers, and checks */
struct pollfd;
CLV_MUST clv_rc kh_release_take(struct kh *k, int fd, struct clv_err *err); /* takes fd */
/* Fills p (KH_RELEASES_MAX of them at most) and says how many; then serves what poll found. */
size_t kh_release_poll(const struct kh *k, struct pollfd *p, int *timeout_ms);
void kh_release_serve(struct kh *k, const struct pollfd *p, size_t n);
void kh_release_end(struct kh *k);
clv_rc kh_on_try(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);

#endif
