/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the group came back from a loss: what is to be entered again, who is at it, what nobody needs any
 * more, and the signed report at its end. core_console_recovery.c: state, counts, claims;
 * core_acts_recovery.c: what changes it. `clavigerd recover` writes its beginning. Runs in core.
 */
#ifndef DAEMON_CORE_RECOVERY_H
#define DAEMON_CORE_RECOVERY_H

#include "daemon/core_accounts.h"

#define CLAIMS_MAX      256u
#define UNKNOWN_MAX     1000u
#define CLAIM_LASTS_MS  60000
#define RECOVERY_META   "recovery"
#define RECOVERY_REPORT "recovery report %" PRIu64 /* by epoch */
#define REPORT_TEXT_MAX (500u * 1024u)

/* Somebody's password form is open; in memory alone. */
struct claim {
	char account[40], *principal, *name;
	uint64_t conn;
	int64_t at, mono; /* of the last key: as shown, as counted */
};

struct recovery {
	uint64_t epoch; /* 0: there never was one */
	int64_t time, finished;
	char *by, *finished_by;
	bool kept_keys, finishing;
	struct claim *claims;
	size_t n_claims;
	char (*unknown)[40]; /* accounts that hosts hold and the database does not know */
	size_t n_unknown;
};

/* Database thread, at start; absent is well. */
CLV_MUST clv_rc recovery_load(struct db *d, struct server *s, struct clv_err *err);
bool recovery_under_way(const struct server *s);
/* A host holds what this database does not know: one event for each account. */
void recovery_held_unknown(struct core *c, const struct node *n, const Clv__HeldAccount *held);
/* What an account has to do with it; k: its counts. */
enum clv_recovery_phase recovery_phase(const struct server *s, const Clv__AccountRow *a,
                                       const struct account_counts *k);
/* How many wait for a person. */
uint32_t recovery_to_enter(const struct server *s);
/* Who else, or who at all, is at it: the one who typed last. NULL: nobody. */
const struct claim *recovery_claim(const struct server *s, const char *account);
void recovery_unclaim(struct core *c, const char *account); /* its password was entered */
void recovery_tick(struct core *c);
/* k: for whom, NULL nobody; its claims are left out then. Fills m, borrowed; what it allocates is freed by
 * the second. */
void recovery_pack(const struct core *c, const struct console *k, Clv__Recovery *m);
void recovery_unpack(Clv__Recovery *m);
void acts_recovery(struct core *c, const struct console_request *q, const ProtobufCMessage *m);
void recovery_was_finished(struct server *s, int64_t when, const char *by);

#endif
