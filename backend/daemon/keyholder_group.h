/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group key in the key holder (S20 to S24): made here, kept in the vault, used for passwords at rest
 * and for the MACs of rows that decide. And what the key holder remembers of those rows: the highest
 * sequence of each, so that an older row brought back is named.
 */
#ifndef DAEMON_KEYHOLDER_GROUP_H
#define DAEMON_KEYHOLDER_GROUP_H

#include "daemon/keyholder.h"
#include "row.pb-c.h"

#define KH_PURPOSE_GROUP_KEY "group-key"
#define KH_PURPOSE_ENTROPY   "group-key-entropy"
#define KH_PURPOSE_ROW       "row"
#define KH_GROUP_KEY_LEN     32u
#define KH_GROUP_KEYS_MAX    8u
#define KH_GROUP_VERSION_MAX 1000000u
#define KH_ROW_MAC_LEN       36u /* u32 version of the group key, HMAC-SHA-256 */
#define KH_ROW_KEY_MAX       600u

struct kh_group_key {
	uint32_t version;
	struct clv_secret *key, *mac;
};

/* Open hash table, by kind and key. */
struct kh_seen {
	struct kh_seen *next;
	uint64_t seq;
	bool removed, checked; /* checked: it was among the rows that the database has now */
	char name[];           /* kind "/" key */
};

struct kh_group {
	struct kh_group_key keys[KH_GROUP_KEYS_MAX]; /* oldest first */
	size_t n_keys;
	struct kh_seen **buckets;
	size_t n_buckets, n_seen;
	bool intake_making; /* an intake key is being made by the keygen child */
	uint64_t intake_id;
	int64_t intake_made;
	EVP_PKEY *intake_key;
	struct clv_buf intake_cert;
};

/* keyholder_group.c */
CLV_MUST clv_rc kh_group_load(struct kh *k, struct clv_err *err);
void kh_group_unload(struct kh *k);
/* The next version above both the newest and `above`, with fresh random entropy. Inside the caller's vault
 * transaction. */
CLV_MUST clv_rc kh_group_key_make(struct kh *k, uint32_t above, struct clv_err *err);
/* A key into the vault alone, with fresh random entropy. Inside the caller's vault transaction. */
CLV_MUST clv_rc kh_group_key_put(struct kh *k, uint32_t version, const struct clv_secret *key,
                                 struct clv_err *err);
const struct kh_group_key *kh_group_key(const struct kh *k, uint32_t version); /* 0: the newest */
/* A password at rest: u32 version of the group key, then a blob (vault/blob.h) under it; group, account and
 * the password's version are its associated data, so that rows cannot be swapped. */
CLV_MUST clv_rc kh_password_seal(struct kh *k, const char *account, uint64_t version,
                                 const struct clv_secret *password, struct clv_buf *out, struct clv_err *err);
CLV_MUST clv_rc kh_password_open(struct kh *k, const char *account, uint64_t version, struct clv_slice blob,
                                 struct clv_secret *password, struct clv_err *err);

/* keyholder_rows.c */
CLV_MUST clv_rc kh_rows_load(struct kh *k, struct clv_err *err);
void kh_rows_unload(struct kh *k);
/* The MAC of a row, under that version of the group key (0: the newest). */
CLV_MUST clv_rc kh_row_mac(struct kh *k, const Clv__Row *row, uint32_t version, uint8_t out[KH_ROW_MAC_LEN],
                           struct clv_err *err);
/* Is this row ours, of this kind and not older than what was seen? On success *body is the decoded message of
 * the kind (proto_free; NULL for a removed one). */
CLV_MUST clv_rc kh_row_open(struct kh *k, const Clv__Row *row, ProtobufCMessage **body, struct clv_err *err);
clv_rc kh_on_row(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
clv_rc kh_on_row_kept(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
/* keyholder_hop.c */
clv_rc kh_on_hop(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
clv_rc kh_on_rows_check(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);

/* keyholder_intake.c */
clv_rc kh_on_intake(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
clv_rc kh_on_enter(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
/* The keygen child answered while an intake key was asked for. */
CLV_MUST clv_rc kh_intake_made(struct kh *k, const struct clv_secret *pkcs8, struct clv_err *err);

/* Where there is an intake key in the vault it is loaded. */
CLV_MUST clv_rc kh_intake_load(struct kh *k, struct clv_err *err);

/* keyholder_join.c: one more management server gets its copy of the group's keys */
#define KH_JOINED "joined" /* public item: they came so */
clv_rc kh_on_join_seal(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
clv_rc kh_on_join_open(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);

/* keyholder_seal.c */
clv_rc kh_on_seal(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);

/* keyholder_verbs.c: for the files above */
clv_rc kh_answer(struct kh *k, enum ipc_type type, const ProtobufCMessage *m, struct clv_err *err);
clv_rc kh_answer_failed(struct kh *k, uint64_t id, const struct clv_err *why, struct clv_err *err);
clv_rc kh_answer_done(struct kh *k, uint64_t id, struct clv_err *err);

/* keyholder_list.c */
clv_rc kh_on_list_sign(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);

#endif
