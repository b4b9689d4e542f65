/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an act would do to hosts, before it is done (P1); and what acts on accounts, profiles and groups
 * share. Runs in core.
 */
#ifndef DAEMON_CORE_PLAN_H
#define DAEMON_CORE_PLAN_H

#include "daemon/core_accounts.h"

/* Answers with REP_PLAN: hosts that gain and lose the account when `before` becomes `after`. */
void plan_distribution(struct core *c, const struct console_request *q, const struct rule *r,
                       const Clv__AccountRow *before, const Clv__AccountRow *after);
/* The same in a sentence. */
void plan_say(const struct core *c, const Clv__AccountRow *before, const Clv__AccountRow *after, char *out,
              size_t cap);
/* A group becomes `after` (NULL: is removed): for every account that goes to it. */
void plan_group(struct core *c, const struct console_request *q, const struct rule *group,
                const Clv__GroupRow *after);
/* A profile's associations become `after`: no host gains or loses a password by that; how many use it does.
 */
void plan_profile(struct core *c, const struct console_request *q, const struct rule *profile,
                  const Clv__ProfileRow *after);
CLV_MUST clv_rc plan_check_name(const char *what, const char *name, struct clv_err *err);
/* *out borrows from spec or from a node's name. */
CLV_MUST clv_rc plan_take_spec(const struct core *c, const char *spec, const char **out, struct clv_err *err);
/* *out: a new list (clv_free) of borrowed words. */
CLV_MUST clv_rc plan_edit_list(const struct core *c, char *const *have, size_t n_have, char *const *add,
                               size_t n_add, char *const *remove, size_t n_remove, char ***out, size_t *n_out,
                               struct clv_err *err);
/* core_acts_profiles.c */
void acts_profiles(struct core *c, const struct console_request *q, const ProtobufCMessage *m);

#endif
