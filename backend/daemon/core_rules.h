/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that decide, in the server's memory: accounts, groups, profiles; sequence and MAC of approvals and
 * roles. Loaded at start, checked by the key holder; a row that it does not know as its own is named by an
 * event and not used. Runs in core.
 */
#ifndef DAEMON_CORE_RULES_H
#define DAEMON_CORE_RULES_H

#include "daemon/core_act.h"

#define ACCOUNT_EXPIRING_MS (14ll * 86400000) /* before the end of its password */

struct rule {
	char *key;
	uint64_t seq;
	uint8_t mac[ROW_MAC_LEN];
	struct clv_buf body;
	ProtobufCMessage *msg; /* Clv__AccountRow, Clv__GroupRow or Clv__ProfileRow */
	int64_t warned;        /* of an account: 7001 was last raised then */
};
struct rule_list {
	struct rule **list;
	size_t n;
};
/* A row that the database has but that is not used: its sequence, for the row that takes its place. */
struct bad_rule {
	char *kind, *key;
	uint64_t seq;
};
struct rules {
	struct bad_rule *bad;
	size_t n_bad;
	struct rule_list accounts, groups, profiles;
};

#define RULE_ACCOUNT(r) ((const Clv__AccountRow *)(r)->msg)
#define RULE_GROUP(r)   ((const Clv__GroupRow *)(r)->msg)
#define RULE_PROFILE(r) ((const Clv__ProfileRow *)(r)->msg)

struct rule *rules_account(const struct server *s, const char *id);
struct rule *rules_account_named(const struct server *s, const char *name);
struct rule *rules_group(const struct server *s, const char *name);
struct rule *rules_profile(const struct server *s, const char *name);
uint64_t rules_seq(const struct server *s, const char *kind, const char *key);
void rules_took(struct core *c, const struct act_row *r); /* it was committed */
/* Database thread, then loop: everything of `rows` into s; then the key holder checks. next: all was checked.
 */
CLV_MUST clv_rc rules_load(struct db *d, struct server *s, struct clv_err *err);
void rules_check(struct core *c, void (*next)(struct core *c));
void rules_pack(Clv__Row *out, const char *kind, const struct rule *r);
/* The approval of a node as a row; body is filled. */
CLV_MUST clv_rc rules_approval(const struct node *n, struct clv_buf *body, struct clv_err *err);
void rules_role_key(const char *principal, enum clv_role role, char out[512]);
/* members of a group, for model/distribution.h; ctx: the server */
char *const *rules_members(void *server, const char *group, size_t *n);
bool rules_goes_to(const struct server *s, const Clv__AccountRow *a, const char *node);

/* --- delivery (core_server_deliver.c) --- */
struct held {
	const struct rule *account; /* compared by pointer; rules live as long as the account */
	uint64_t has, trial, tried, sealed, sent;
	uint32_t result;
	char *text;
	int64_t since;
};
struct wanted {
	const struct rule *account;
	uint64_t version;
	bool trial, keep; /* keep: without a password, what the host holds stays */
};
struct held *deliver_held(const struct node *n, const struct rule *account); /* NULL: none */
struct held *deliver_hold(struct node *n, const struct rule *account);       /* made where there is none */
/* Adds what a seal needs beside the passwords: the rows that decide for this node. */
void deliver_rows(const struct core *c, const struct node *n, const struct wanted *w, size_t n_wanted,
                  Clv__Row ***rows, size_t *n_rows); /* each row and the list: clv_free */
void deliver_sealed(struct core *c, struct node *n, const struct wanted *w, size_t n_wanted, bool sent);
void deliver_forget(struct node *n);
void deliver_drop(struct node *n, const struct rule *account);
/* What the newest configuration of a node should hold. */
void deliver_content(const struct core *c, const struct node *n, uint8_t out[32]);
bool deliver_target_is(const struct core *c, const Clv__AssociationRow *u, const char *node);
size_t deliver_wanted(const struct core *c, const struct node *n, struct wanted **out); /* clv_free */
/* Something changed: every node whose content differs gets a configuration; those that gain first. */
void deliver_all(struct core *c);
void deliver_node(struct core *c, struct node *n);
void deliver_pump(struct core *c);
/* The end of a trial: NONE gives the newest version to all. Takes a. */
void deliver_settle(struct core *c, const struct rule *r, struct act *a, enum clv_trial trial,
                    const char *text);
void deliver_tick(struct core *c, int64_t now_ms);
/* The disk took it or did not: then all are looked at again soon, and later each time. */
void deliver_disk(struct core *c, bool ok);
/* What an agent told: in the database thread, and then in memory. */
CLV_MUST clv_rc deliver_store(struct db *d, const char *agent, const Clv__OutboxItem *i, int64_t now,
                              struct clv_err *err);
void deliver_apply(struct core *c, struct node *n, const Clv__OutboxItem *i, int64_t now);
CLV_MUST clv_rc deliver_load(struct db *d, struct server *s, struct clv_err *err);

#endif
