/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a total loss (design 3): how a node comes to another group signing key than the one it pinned.
 * The offline recovery key, whose hash was pinned at enrolment, signs the new one; or a person on the node
 * named its fingerprint; or the node's own configuration said so beforehand.
 */
#ifndef KEYS_SUCCESSION_H
#define KEYS_SUCCESSION_H

#include "keys/statement.h"

/* X(symbol, number, words) . Numbers travel; 0 is the first pin of all. */
#define PIN_HOW_LIST(X)                                                 \
	X(PIN_FIRST, 0, "it is the first")                              \
	X(PIN_BY_RECOVERY_KEY, 1, "the group's recovery key signed it") \
	X(PIN_TRUSTED, 2, "a person trusted its fingerprint there")     \
	X(PIN_DIRECT, 3, "reaccept = direct is configured there, and nobody looked")
#define X(sym, num, words) sym = num,
enum pin_how { PIN_HOW_LIST(X) PIN_HOW_MAX };
#undef X
const char *pin_how_words(uint32_t how); /* an unknown number too */

/* Does the statement make `group_key` (SubjectPublicKeyInfo) the group signing key, signed by the recovery
 * key (SubjectPublicKeyInfo) whose SHA-256 is `hash`, in a later epoch than `above`? *epoch gets its epoch.
 */
CLV_MUST clv_rc succession_check(const char *group, struct clv_slice hash, struct clv_slice recovery_key,
                                 struct clv_slice body, struct clv_slice sig, struct clv_slice group_key,
                                 uint64_t above, uint64_t *epoch, struct clv_err *err);

#endif
