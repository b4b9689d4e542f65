/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunAs accounts, profiles and groups of the fake server: facts in memory, an intake key and a
 * group signing key of its own, so that what a console seals can be opened and looked at.
 */
#ifndef TESTS_LIB_FAKE_RUNAS_H
#define TESTS_LIB_FAKE_RUNAS_H

#include "claviger/client.h"

#include <openssl/evp.h>
#include <protobuf-c/protobuf-c.h>

struct fake_runas_opts {
	const char *entered; /* file: a line for each password that was opened; NULL: none */
	const char
	    *account;     /* the detail of sql-reader: "well", "waits", "tried", "opened", "failed"; NULL */
	bool empty;       /* no account, profile or group */
	bool foreign_key; /* the intake statement is signed by another key than the group's */
	const char *recovery; /* not NULL: one is under way */
	const char *claim;    /* the account that ben is at; NULL */
	const char *claims;   /* file: a line for each claim; NULL: none */
	bool silent;          /* a password that was sent is never answered */
};

/* Makes the keys once; what is forked later has them. */
void fake_runas_prepare(void);
void fake_runas_fill(const struct fake_runas_opts *o);
struct clv_account_fact *fake_runas_accounts(size_t *n);
/* The group signing key; spki is borrowed. */
EVP_PKEY *fake_runas_group_key(struct clv_slice *spki);
/* The body of a request of ours; NULL: not ours. */
const ProtobufCMessageDescriptor *fake_runas_body(uint16_t type);
/* Queries that can be watched. Appends the reply's body, gives its type. */
uint16_t fake_runas_query(uint16_t type, const ProtobufCMessage *m, int64_t now, struct clv_buf *out,
                          bool *watch, uint64_t *req);
/* Everything else: intake and acts. 0: no answer. */
uint16_t fake_runas_act(uint16_t type, const ProtobufCMessage *m, int64_t now, enum clv_role role,
                        struct clv_buf *out);

#endif
