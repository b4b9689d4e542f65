/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the vault by what the configuration says protects it, and changing that (S30, S35). Runs in the
 * key holder.
 */
#ifndef DAEMON_KEYHOLDER_VAULT_H
#define DAEMON_KEYHOLDER_VAULT_H

#include "daemon/keyholder.h"

/* Reads the secret that the parent handed over and opens the vault; a passphrase takes as long as its
 * rounds. */
CLV_MUST clv_rc kh_vault_open(struct kh *k, struct clv_err *err);
/* clavigerd vault protect: from now on the secret of the start message's protect_by alone opens it. */
CLV_MUST clv_rc kh_vault_protect(struct kh *k, struct clv_err *err);
/* Ends the service by the parent, with one line. */
void kh_outcome(struct kh *k, uint32_t status, const char *text);

#endif
