/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key backup (S30): the keys of a management group in one text file under a passphrase, so that a
 * server that lost its vault comes back without new passwords. Head in the clear, hexadecimal digits after
 * it; it may be printed. PBKDF2-HMAC-SHA-512, then a blob (blob.h) bound to the head. Made and opened in the
 * key holder alone.
 *
 *   claviger key backup 1
 *   group OMMG1
 *   created 2026-11-21T21:04:10.123Z
 *   iterations 210000
 *   salt <64 digits>
 *   <lines of 64 digits, the last one shorter>
 *   end
 */
#ifndef VAULT_KEYFILE_H
#define VAULT_KEYFILE_H

#include "claviger/secret.h"

#define KEYFILE_MAX       (256u * 1024u) /* bytes of the file */
#define KEYFILE_ITEMS_MAX 256u
#define KEYFILE_NAME_MAX  128u /* of an item, with its 0 */
#define KEYFILE_GROUP_MAX 256u

struct keyfile_item {
	const char *name;
	const struct clv_secret *secret; /* one byte or more */
};

struct keyfile_info {
	char group[KEYFILE_GROUP_MAX];
	int64_t created;
	uint32_t iterations;
};

/* Appends the file to out. Names differ; group has no control character. Takes as long as VAULT_ITERATIONS.
 */
CLV_MUST clv_rc keyfile_seal(const struct keyfile_item *items, size_t n, const char *group, int64_t created,
                             const struct clv_secret *passphrase, struct clv_buf *out, struct clv_err *err);
/* fn for each item in order, after all was verified and read; secret is borrowed for the call. A wrong
 * passphrase and a damaged file have one text (CLV_E_AUTH). */
typedef clv_rc keyfile_item_fn(const char *name, const struct clv_secret *secret, void *ctx,
                               struct clv_err *err);
CLV_MUST clv_rc keyfile_open(struct clv_slice bytes, const struct clv_secret *passphrase, keyfile_item_fn *fn,
                             void *ctx, struct clv_err *err);
/* What the head says, unverified: without the passphrase nobody knows whether it is true. CLV_E_PROTO when
 * it is no key backup, CLV_E_VERSION when it is one of a newer release. */
CLV_MUST clv_rc keyfile_info(struct clv_slice bytes, struct keyfile_info *out, struct clv_err *err);

#endif
