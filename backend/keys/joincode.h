/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a management server that joins: a hash over the whole request that its node key signed (name,
 * node key, machine, time, intake certificate) and the group signing key that it was shown, so that nobody in
 * between can put another one into either's place. A person carries it to the console; the key holder of the
 * live server compares.
 */
#ifndef KEYS_JOINCODE_H
#define KEYS_JOINCODE_H

#include "keys/statement.h"

#define JOIN_CODE_DIGITS   24u                /* of the hash, in hexadecimal: 96 bits */
#define JOIN_CODE_TEXT_MAX 32u                /* "7D18-F465-..." */
#define JOIN_ACCOUNT       "join"             /* in the place of an account, where a code is sealed */
#define JOIN_LIVES_MS      (60ll * 60 * 1000) /* from the request's time on */
#define JOIN_AHEAD_MS      (5ll * 60 * 1000)  /* by which the joiner's clock may be ahead */

CLV_MUST clv_rc join_code(const char *group, struct clv_slice group_spki, struct clv_slice request,
                          uint8_t out[KEY_HASH_LEN], struct clv_err *err);
void join_code_text(const uint8_t code[KEY_HASH_LEN], char out[JOIN_CODE_TEXT_MAX]);
/* Exactly JOIN_CODE_DIGITS digits of either case, with blanks, colons and dashes between them. Constant time
 * in the digits. */
bool join_code_matches(const uint8_t code[KEY_HASH_LEN], struct clv_slice typed);

#endif
