/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as an operator types them, checked the same way in batch commands and in forms, and the
 * sentence that a plan is.
 */
#ifndef CONSOLE_FIELDS_H
#define CONSOLE_FIELDS_H

#include "claviger/client.h"

/* "2027-02-19", or "never" and "" (0). */
CLV_MUST clv_rc fields_date(const char *s, int64_t *ms, struct clv_err *err);
CLV_MUST clv_rc fields_type(const char *s, enum clv_account_type *out, struct clv_err *err);
/* NULL: not given. */
CLV_MUST clv_rc fields_protocols(const char *auth, const char *privacy, struct clv_err *err);
/* "deploy: 12 hosts gain it, 3 lose it; ..." in the words of the act. Owned by the caller; foreign. */
char *fields_plan_text(const struct clv_act *act, const struct clv_plan_fact *p);

#endif
