/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder: node key, group signing key, agent keys, in the vault. It talks to core only, by
 * the verbs of one table; it builds what it signs and checks itself what it seals for. It has no
 * network socket, and gives no key away.
 */
#ifndef DAEMON_KEYHOLDER_H
#define DAEMON_KEYHOLDER_H

#include "base/quota.h"
#include "claviger/secret.h"
#include "daemon/keyholder_given.h"
#include "ipc.pb-c.h"
#include "proto/ipc.h"
#include "vault/vault.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define KH_MAGIC          0x4b484c44u
#define KH_PURPOSE_NODE   "node-key"
#define KH_PURPOSE_GROUP  "group-signing-key"
#define KH_PURPOSE_AGENT  "agent-key"
#define KH_PURPOSE_PUBLIC "public"
#define KH_AUDIT_HEAD     "audit-head" /* u64 row, its hash */
#define KH_KEYS_MAX       16u          /* generations of the agent key that may lie beside each other */
#define KH_PKCS8_MAX      4096u

struct kh_agent_key {
	uint64_t generation;
	int64_t made;
	struct clv_buf cert; /* DER */
	EVP_PKEY *key;
};

struct kh_group;
struct kh_release;
struct kh_keyask;

struct kh {
	uint32_t magic;
	struct ipc *parent, *core;
	Clv__Start *start;
	struct vault *vault;
	EVP_PKEY *node_key, *group_key;
	struct clv_buf node_spki, group_spki, group_cert, recovery_hash, machine;
	struct clv_buf succession; /* lp body, lp signature, lp recovery key; empty: none */
	uint64_t epoch;            /* of the group's keys, as known here */
	uint64_t audit_seq;        /* the audit trail's last row that core told of; 0: none */
	uint8_t audit_hash[32];
	struct kh_agent_key keys[KH_KEYS_MAX]; /* oldest first */
	size_t n_keys;
	uint64_t proved;                       /* newest generation that opened a configuration */
	uint64_t version;                      /* newest configuration opened */
	int keygen;                            /* socket to the child that makes RSA keys */
	uint64_t making_id, making_generation; /* one at a time; 0: none */
	int machine_fd;                        /* the machine secret, until the vault is open */
	int given[KH_GIVEN_N];                 /* keyholder_given.h; -1: not given */
	struct kh_group *group;                /* keyholder_group.h */
	struct kh_release *releases[64];       /* local callers; keyholder_release.c */
	struct quota callers;                  /* them, by user */
	size_t n_releases;
	struct kh_keyask *keyask; /* local caller about the key backup; keyholder_keyask.c */
	uint64_t keyask_id;
	int64_t keyask_not_before; /* monotonic: after a wrong passphrase */
	int64_t tend_at;           /* when to look at the master key's end; monotonic */
	bool rewrapping;           /* items are moving to the newest master key */
	bool ended;
};

/* keyholder_keys.c: what lies in the vault, as keys. */
CLV_MUST clv_rc kh_load(struct kh *k, struct clv_err *err);
void kh_unload(struct kh *k);
CLV_MUST clv_rc kh_make_node_key(struct kh *k, struct clv_err *err);
/* A copied or re-installed host begins anew: node key, pinned group and agent keys go (P5). Refused on a
 * node that holds a group signing key. */
CLV_MUST clv_rc kh_forget_node(struct kh *k, struct clv_err *err);
/* What makes a group, or pins one: all of it in one transaction. */
struct kh_group_parts {
	EVP_PKEY *key; /* the group signing key; NULL: only pinned */
	struct clv_slice spki, cert, recovery_hash,
	    succession; /* succession: as it is kept, see kh_succession */
	uint64_t epoch; /* 0: as it is */
	uint32_t above; /* a group key above this version is made, where key is given and make is set */
	bool make;
};
CLV_MUST clv_rc kh_keep_group(struct kh *k, const struct kh_group_parts *parts, struct clv_err *err);
CLV_MUST clv_rc kh_make_group_key(struct kh *k, struct clv_slice recovery_hash, struct clv_err *err);
/* pkcs8: the new RSA key; wiped by the caller. */
CLV_MUST clv_rc kh_add_agent_key(struct kh *k, uint64_t generation, const struct clv_secret *pkcs8,
                                 struct clv_err *err);
CLV_MUST clv_rc kh_destroy_agent_keys(struct kh *k, uint64_t upto, struct clv_err *err);
CLV_MUST clv_rc kh_remember(struct kh *k, const char *name, uint64_t value, struct clv_err *err);
struct kh_agent_key *kh_find_key(struct kh *k, uint64_t generation);
bool kh_machine_matches(const struct kh *k);
EVP_PKEY *kh_pkey_of(const struct clv_secret *pkcs8, struct clv_err *err);

/* keyholder_keygen.c: forked before the first secret exists in this process. */
CLV_MUST clv_rc keygen_start(int *fd, struct clv_err *err);
CLV_MUST clv_rc keygen_ask(int fd, uint32_t bits, struct clv_err *err);
/* Reads the answer (blocks for what is left of one message). */
CLV_MUST clv_rc keygen_take(int fd, struct clv_secret *pkcs8, struct clv_err *err);

/* keyholder_verbs.c */
extern const struct ipc_row kh_core_rows[];
CLV_MUST clv_rc kh_key_made(struct kh *k, struct clv_err *err); /* the keygen child answered */

#endif
