/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind the drawings of RunAs accounts in design 7, for golden screens and for the fake
 * server. All times hang on DRAWN_NOW.
 */
#ifndef TESTS_LIB_DRAWN_RUNAS_H
#define TESTS_LIB_DRAWN_RUNAS_H

#include "tests/lib/drawn.h"

struct clv_account_fact *drawn_accounts(size_t *n);
/* A copy, every string its own. */
void drawn_account_copy(struct clv_account_fact *to, const struct clv_account_fact *from);
/* sql-reader as drawn: one host fails, one is late. */
struct clv_account_detail *drawn_account(void);
struct clv_account_detail *drawn_account_well(void);
/* One host first: v8 at app01, v7 in use. */
struct clv_account_detail *drawn_account_trial(enum clv_trial trial);
struct clv_profile_fact *drawn_profiles(size_t *n);
struct clv_group_fact *drawn_groups(size_t *n);
struct clv_server_fact *drawn_servers(size_t *n);
struct clv_plan_fact *drawn_plan(void);
/* The recovery as drawn, and its accounts. */
struct clv_recovery_fact *drawn_recovery(void);
struct clv_account_fact *drawn_recover_accounts(size_t *n);
struct clv_intake_fact *drawn_intake(void); /* without a certificate: for drawing */

#endif
