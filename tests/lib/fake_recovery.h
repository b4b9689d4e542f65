/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery of the fake server: state, somebody else's claim, set aside, finish, the signed report.
 */
#ifndef TESTS_LIB_FAKE_RECOVERY_H
#define TESTS_LIB_FAKE_RECOVERY_H

#include "tests/lib/fake_runas.h"

void fake_recovery_fill(const struct fake_runas_opts *o);
/* As it stands now; facts_recovery_free. */
struct clv_recovery_fact *fake_recovery_state(int64_t now);
/* Fills who is at it; the fact's own strings. */
void fake_recovery_claims(int64_t now);
/* An answer, or 0: the type is none of ours. */
uint16_t fake_recovery_answer(uint16_t type, const ProtobufCMessage *m, int64_t now, enum clv_role role,
                              struct clv_buf *out);

#endif
