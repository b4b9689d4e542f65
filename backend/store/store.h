/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operational database of a management server: rows in, rows out, by bound parameters. Runs in
 * core's database thread only; blocks on the disk. It decides nothing: what is a change's condition
 * (compare-and-set) stands in the statement. Callers wrap a job in a savepoint (see core_db).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/db.h"
#include "claviger/facts.h"

#define STORE_NAME_MAX 256u
#define STORE_SPKI_MAX 256u

CLV_MUST clv_rc store_open(const char *path, struct db **out, struct clv_err *err);

/* --- what is known of a node --- */
struct store_agent {
	char name[STORE_NAME_MAX];
	char role[24];
	enum clv_approval approval;
	uint8_t node_key[STORE_SPKI_MAX]; /* SubjectPublicKeyInfo */
	size_t node_key_len;
	uint8_t machine[32];
	int64_t pinned_at;
	char pinned_by[STORE_NAME_MAX];
	uint64_t generation, rotate_above;
	uint64_t config_version, config_confirmed;
	uint32_t config_ordinal, config_confirmed_ordinal;
	int64_t config_confirmed_at, last_seen;
	uint8_t channel_configured[32];
	bool has_configured;
	uint64_t row_version;
	struct clv_key_fact key; /* newest that is not destroyed or refused; reason and pem NULL */
	bool has_key;
};
typedef clv_rc store_agent_fn(const struct store_agent *a, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_agents(struct db *d, store_agent_fn *fn, void *ctx, struct clv_err *err);
/* Inserts or replaces an approval: a new line of generations begins (design 3). Fills in row_version. */
CLV_MUST clv_rc store_agent_put(struct db *d, struct store_agent *a, struct clv_err *err);
/* CLV_E_CONFLICT when row_version differs (0: any). */
CLV_MUST clv_rc store_agent_remove(struct db *d, const char *name, uint64_t row_version, struct clv_err *err);
CLV_MUST clv_rc store_agent_rotate(struct db *d, const char *name, uint64_t above, uint64_t row_version,
                                   struct clv_err *err);
CLV_MUST clv_rc store_agent_seen(struct db *d, const char *name, int64_t when, struct clv_err *err);
CLV_MUST clv_rc store_agent_channel(struct db *d, const char *name, struct clv_slice thumbprint,
                                    struct clv_err *err);

/* --- keys --- */
struct store_key {
	const char *agent;
	uint64_t generation,
	    above; /* above: newest generation there may be before this one (compare-and-set) */
	struct clv_slice cert, publication, signature;
	int64_t published, stored;
	struct clv_key_fact fact;
};
/* CLV_E_CONFLICT when a newer or equal generation is there already. *ordinal counts from 1. */
CLV_MUST clv_rc store_key_add(struct db *d, const struct store_key *k, uint32_t *ordinal,
                              struct clv_err *err);
CLV_MUST clv_rc store_key_made(struct db *d, const char *agent, uint64_t generation, int64_t when,
                               struct clv_err *err);
/* state and its time; config: version and ordinal made for it. */
CLV_MUST clv_rc store_key_in_use(struct db *d, const char *agent, uint64_t generation, uint64_t version,
                                 uint32_t ordinal, int64_t when, struct clv_err *err);
/* Confirms, and retires what is older. */
CLV_MUST clv_rc store_key_confirmed(struct db *d, const char *agent, uint64_t generation, uint64_t version,
                                    int64_t when, struct clv_err *err);
CLV_MUST clv_rc store_keys_destroyed(struct db *d, const char *agent, uint64_t upto, int64_t when,
                                     struct clv_err *err);
typedef clv_rc store_key_fn(const struct clv_key_fact *k, struct clv_slice cert, void *ctx,
                            struct clv_err *err);
/* Newest first. */
CLV_MUST clv_rc store_keys(struct db *d, const char *agent, store_key_fn *fn, void *ctx, struct clv_err *err);
/* The publication of a generation, to seal for it anew. */
CLV_MUST clv_rc store_publication(struct db *d, const char *agent, uint64_t generation, struct clv_buf *body,
                                  struct clv_buf *sig, struct clv_err *err);

/* --- outbox: exactly once, in order (design 3) --- */
CLV_MUST clv_rc store_outbox_begin(struct db *d, const char *agent, struct clv_slice outbox, uint64_t *next,
                                   struct clv_err *err);
CLV_MUST clv_rc store_outbox_advance(struct db *d, const char *agent, struct clv_slice outbox, uint64_t from,
                                     uint64_t to, struct clv_err *err);

/* --- requests to be accepted --- */
struct store_pending {
	uint64_t id;
	char name[STORE_NAME_MAX], role[24], from[64], came_by[STORE_NAME_MAX + 64],
	    looks_like[STORE_NAME_MAX + 64];
	uint8_t node_key[STORE_SPKI_MAX];
	size_t node_key_len;
	uint8_t machine[32], fingerprint[32];
	bool conflict, vouched;
	int64_t time;
};
typedef clv_rc store_pending_fn(const struct store_pending *p, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_pendings(struct db *d, store_pending_fn *fn, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_pending_add(struct db *d, const struct store_pending *p, uint64_t *id,
                                  struct clv_err *err);
/* CLV_E_CONFLICT when it is gone. */
CLV_MUST clv_rc store_pending_remove(struct db *d, uint64_t id, struct clv_err *err);

/* --- events, audit, roles --- */
CLV_MUST clv_rc store_event_add(struct db *d, const struct clv_event_fact *e, struct clv_err *err);
struct store_audit {
	int64_t time;
	const char *who, *from, *act, *object, *result, *detail;
};
/* Chained: hash = SHA-256(hash before, fields). */
CLV_MUST clv_rc store_audit_add(struct db *d, const struct store_audit *a, uint64_t *seq,
                                struct clv_err *err);
CLV_MUST clv_rc store_audit_last(struct db *d, uint64_t *seq, uint8_t hash[32], struct clv_err *err);
/* Walks the chain from the last checkpoint: *bad = 0 when whole, else the first row that breaks it. */
CLV_MUST clv_rc store_audit_verify(struct db *d, uint64_t *rows, uint64_t *bad, struct clv_err *err);
CLV_MUST clv_rc store_role_put(struct db *d, const char *principal, enum clv_role role, const char *by,
                               int64_t when, struct clv_err *err);
CLV_MUST clv_rc store_role_remove(struct db *d, const char *principal, enum clv_role role,
                                  struct clv_err *err);
typedef clv_rc store_role_fn(const struct clv_role_fact *r, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_roles(struct db *d, store_role_fn *fn, void *ctx, struct clv_err *err);

/* Rows newest first (or oldest first), from offset; fn says stop. The facts' strings are borrowed. */
typedef clv_rc store_event_fn(const struct clv_event_fact *e, void *ctx, bool *stop, struct clv_err *err);
typedef clv_rc store_audit_fn(const struct clv_audit_fact *a, void *ctx, bool *stop, struct clv_err *err);
CLV_MUST clv_rc store_events(struct db *d, bool oldest_first, uint64_t offset, store_event_fn *fn, void *ctx,
                             struct clv_err *err);
CLV_MUST clv_rc store_events_of(struct db *d, const char *node, store_event_fn *fn, void *ctx,
                                struct clv_err *err);
CLV_MUST clv_rc store_audits(struct db *d, bool oldest_first, uint64_t offset, store_audit_fn *fn, void *ctx,
                             struct clv_err *err);
CLV_MUST clv_rc store_count(struct db *d, bool audit, uint64_t *n, struct clv_err *err);
CLV_MUST clv_rc store_turned_away(struct db *d, int64_t since, uint64_t *n, struct clv_err *err);

/* Deletes events before `events`; audit rows before `audit`, the last cut row's seq and hash kept as
 * a checkpoint to be signed. *cut_seq 0: nothing was cut. */
CLV_MUST clv_rc store_retain(struct db *d, int64_t events, int64_t audit, uint64_t *cut_seq,
                             uint8_t cut_hash[32], struct clv_err *err);
CLV_MUST clv_rc store_checkpoint_put(struct db *d, uint64_t seq, struct clv_slice hash, struct clv_slice body,
                                     struct clv_slice sig, int64_t when, struct clv_err *err);

CLV_MUST clv_rc store_meta_put(struct db *d, const char *key, struct clv_slice value, struct clv_err *err);
CLV_MUST clv_rc store_meta_get(struct db *d, const char *key, struct clv_buf *value,
                               struct clv_err *err); /* absent: empty */

#endif
