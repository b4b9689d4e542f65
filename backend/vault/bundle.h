/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group's keys on their way to a management server that joins: a secret of named items behind a head that
 * says for whom. Made in the key holder of a live server, read in the joiner's; between the two it is sealed.
 */
#ifndef VAULT_BUNDLE_H
#define VAULT_BUNDLE_H

#include "claviger/secret.h"

#define BUNDLE_NAME_MAX  253u
#define BUNDLE_ITEMS_MAX 16u
#define BUNDLE_ITEM_MAX  4096u
#define BUNDLE_MAX       (12u * 1024u)

struct bundle_head {
	char group[BUNDLE_NAME_MAX + 1], name[BUNDLE_NAME_MAX + 1]; /* name: the joiner's */
	uint8_t request[32]; /* SHA-256 of the request that it answers */
};

/* "claviger/1 join" 0, lp group, lp name, the hash; b has a capacity of BUNDLE_MAX and is cleared. */
CLV_MUST clv_rc bundle_begin(const struct bundle_head *head, struct clv_secret *b, struct clv_err *err);
/* lp name, lp item. */
CLV_MUST clv_rc bundle_add(struct clv_secret *b, const char *name, const struct clv_secret *item,
                           struct clv_err *err);
/* fn for each item, in order; what it sees is its own for the call. CLV_E_PROTO when it is not exactly one
 * bundle; fn may have been called before. */
typedef clv_rc bundle_fn(const char *name, const struct clv_secret *item, void *ctx, struct clv_err *err);
CLV_MUST clv_rc bundle_read(const struct clv_secret *b, struct bundle_head *head, bundle_fn *fn, void *ctx,
                            struct clv_err *err);

#endif
