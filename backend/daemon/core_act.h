/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shape for every change: the key holder makes the rows that decide, then the audit row, these rows and
 * what else changes commit in one transaction, then the key holder remembers the rows, then the effect; if
 * anything of it cannot be written nothing is done (design 3, "Roles and audit"). Acts of consoles, and the
 * server's own.
 */
#ifndef DAEMON_CORE_ACT_H
#define DAEMON_CORE_ACT_H

#include "daemon/core_console.h"
#include "row.pb-c.h"

#define ROW_MAC_LEN 36u

struct act_row {
	char *kind, *key;
	uint64_t old, seq; /* in the database now (0: not there); as it will be */
	struct clv_buf body;
	uint8_t mac[ROW_MAC_LEN];
};

struct act {
	uint64_t conn, req; /* conn 0: the server's own, nobody is answered */
	char *who, *from, *name, *object, *detail;
	const char *result;
	uint64_t audit_row, row_version;
	char done[512];                                                           /* text of the answer */
	clv_rc (*change)(struct db *d, struct act *a, struct clv_err *err);       /* database thread */
	void (*effect)(struct core *c, struct act *a);                            /* loop, after the commit */
	void (*failed)(struct core *c, struct act *a, const struct clv_err *err); /* own acts */
	struct act_row *rows;
	size_t n_rows, at;
	int64_t now;
	/* of single acts */
	struct store_pending pending;
	struct store_agent agent;
	enum clv_role role;
	uint64_t version, above;
	char *path;
	struct clv_buf blob;
	char id[40];
	void *ctx;
};

struct act *act_new(const struct console_request *q, const char *name, const char *object);
/* The server's own: who is "service". */
struct act *act_new_own(const char *name, const char *object);
void act_detail(struct act *a, const char *fmt, ...) CLV_PRINTF(2, 3);
void act_done_text(struct act *a, const char *fmt, ...) CLV_PRINTF(2, 3);
/* A row that changes with it; msg NULL: it is removed. old: rules_seq(). */
void act_row(struct act *a, const char *kind, const char *key, uint64_t old, const ProtobufCMessage *msg);
/* Takes a. */
void act_put(struct core *c, struct act *a);
/* Takes a: an audit row says that it was not allowed and why; its operator is refused. */
void act_deny(struct core *c, struct act *a, const char *why);
/* The first yes of two (core_eyes.h) to a->pending: noted under an audit row, kept with the request. Takes
 * both. */
struct eyes;
void act_first_yes(struct core *c, struct act *a, struct eyes *first);
void act_free(struct act *a);
/* With message 15 where the disk is the reason. */
void act_refuse(struct core *c, const struct act *a, const struct clv_err *err);
/* As act_put, but `next` comes after the commit instead of the answer; it ends with act_answer or act_free.
 */
void act_put_then(struct core *c, struct act *a, db_job_done *next);
void act_answer(struct core *c, struct act *a);

/* core_server_nodes.c: the row that makes a node a member; and after its commit */
void server_approval_row(const struct server *s, struct act *a, const struct store_agent *m);
void server_joined(struct core *c, struct node *n, const struct act_row *approval);

/* core_server_join.c: a management server, by its code */
void join_accept(struct core *c, const struct console_request *q, const Clv__JoinRequest *m);

/* core_acts_accounts.c */
void acts_accounts(struct core *c, const struct console_request *q, const ProtobufCMessage *m);

#endif
