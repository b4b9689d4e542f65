/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts as consoles see them: counts by what hosts told, states, texts. Runs in core.
 */
#ifndef DAEMON_CORE_ACCOUNTS_H
#define DAEMON_CORE_ACCOUNTS_H

#include "daemon/core_rules.h"
#include "model/distribution.h"

struct account_counts {
	uint32_t targets, sealed, sent, opened, tested, failing, offline; /* offline: of those that miss it */
	bool has_check; /* a host has tried it: so somebody has a check */
};
void account_count(const struct core *c, const struct rule *r, struct account_counts *k);
/* The version that this host should have; 0: none yet. */
uint64_t account_meant(const Clv__AccountRow *a, const struct node *n, bool *trial);
bool account_has(const struct held *h, uint64_t meant, bool trial);
/* The last step that a host reached with it; h NULL: nothing is held. */
enum clv_step account_step(const struct held *h, uint64_t meant, bool trial);
enum clv_account_state account_state(const Clv__AccountRow *a);
void account_pack(const struct core *c, const struct rule *r, Clv__Account *p); /* borrows */
/* Who has a form open for it, as this console is told. */
void account_show_claim(const struct core *c, const struct console_request *q, Clv__Account *row);
void profile_target(const Clv__AssociationRow *u, char *out, size_t cap); /* "class SQL Server" */
/* By name; the console was told when it is none, or when its row_version differs (0: any). */
struct rule *account_find(struct core *c, const struct console_request *q, const char *name,
                          uint64_t row_version);
/* The host that tries a new version: one in touch, else none (""). Borrowed. */
const char *account_first(const struct core *c, const Clv__AccountRow *a, uint32_t *hosts);

#endif
