/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What krb_accept and krb_init share: their start, their walls, their loop. Each does steps of token
 * exchanges for the network processes, one at a time, exports the context and forgets it.
 */
#ifndef DAEMON_KRB_H
#define DAEMON_KRB_H

#include "base/sandbox.h"
#include "channel/gss.h"
#include "ipc.pb-c.h"
#include "proto/codec.h"
#include "proto/ipc.h"

#define KRB_KEYTAB "MEMORY:claviger"
#define KRB_PEERS  2u
#define KRB_PATHS  8u

struct krb;

struct krb_peer {
	struct krb *krb;
	struct ipc *ipc; /* NULL: none */
	bool console;    /* net_console: what the socket pair's name says is all that is believed */
};

struct krb_role {
	const char *process;
	const struct ipc_row *rows; /* what a network process may send; ctx is struct krb_peer */
	clv_rc (*ready)(struct krb *k, struct clv_err *err); /* the keytab is there; before the walls */
	bool network;                                        /* asks KDCs, keeps a ticket cache */
};

struct krb {
	const struct krb_role *role;
	Clv__Start *start;
	struct ipc *parent;
	struct krb_peer peers[KRB_PEERS];
	bool loaded;
};

/* Runs until the parent is gone; the process's exit status. */
int krb_main(const struct krb_role *role);
/* Sends what a step came to; err: why it failed, NULL when it did not. */
CLV_MUST clv_rc krb_answer(struct krb_peer *p, uint64_t conn, struct gss_result *r, const struct clv_err *why,
                           struct clv_err *err);

#endif
