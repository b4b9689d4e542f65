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

#define STORE_NAME_MAX    256u
#define STORE_SPKI_MAX    256u
#define STORE_ADDRESS_MAX 300u

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
	char via[STORE_NAME_MAX];        /* the gateway it may come through; "": none */
	char via_before[STORE_NAME_MAX]; /* and the one before, until it came by the new one */
	char address[STORE_ADDRESS_MAX]; /* of a gateway: where nodes reach it; "": by its name */
	uint64_t generation, rotate_above;
	uint64_t config_version, config_confirmed;
	uint32_t config_ordinal, config_confirmed_ordinal;
	int64_t config_confirmed_at, last_seen;
	uint8_t channel_configured[32];
	bool has_configured;
	uint64_t row_version;
	uint8_t content[32];     /* of its newest configuration; zeroes: none known */
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
/* Where it may come through from now on; row_version rises. CLV_E_CONFLICT: it is gone. */
CLV_MUST clv_rc store_agent_via(struct db *d, const char *name, const char *via, const char *before,
                                struct clv_err *err);
CLV_MUST clv_rc store_agent_address(struct db *d, const char *name, const char *address, struct clv_err *err);
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
/* Of all agents, all generations. */
typedef clv_rc store_any_key_fn(const char *agent, const struct clv_key_fact *k, void *ctx,
                                struct clv_err *err);
/* Keys of all generations whose SHA-256 lies between these, then those whose SHA-1 does by their first 20
 * bytes; at most 1,000 of each. */
CLV_MUST clv_rc store_keys_like(struct db *d, const uint8_t least[32], const uint8_t most[32],
                                store_any_key_fn *fn, void *ctx, struct clv_err *err);
/* The publication of a generation, to seal for it anew. */
CLV_MUST clv_rc store_publication(struct db *d, const char *agent, uint64_t generation, struct clv_buf *body,
                                  struct clv_buf *sig, struct clv_err *err);

/* Servers that joined, their approvals and keys. */
CLV_MUST clv_rc store_servers_forget(struct db *d, struct clv_err *err);

/* --- what an outbox was said to have made, beyond what came --- */
CLV_MUST clv_rc store_outbox_told(struct db *d, const char *agent, struct clv_slice outbox, uint64_t made,
                                  struct clv_err *err);
/* What is missing of it comes under other numbers: nothing is lost. */
CLV_MUST clv_rc store_outbox_settle(struct db *d, const char *agent, struct clv_slice outbox,
                                    struct clv_err *err);
/* The other outboxes of the node, of which next to told never came; told again until it is settled. */
typedef clv_rc store_lost_fn(struct clv_slice outbox, uint64_t next, uint64_t told, void *ctx,
                             struct clv_err *err);
CLV_MUST clv_rc store_outboxes_lost(struct db *d, const char *agent, struct clv_slice outbox,
                                    store_lost_fn *fn, void *ctx, struct clv_err *err);

/* --- outbox: exactly once, in order (design 3) --- */
CLV_MUST clv_rc store_outbox_begin(struct db *d, const char *agent, struct clv_slice outbox, uint64_t *next,
                                   struct clv_err *err);
CLV_MUST clv_rc store_outbox_advance(struct db *d, const char *agent, struct clv_slice outbox, uint64_t from,
                                     uint64_t to, struct clv_err *err);

/* --- alerts.c: alerts, their parcels, the records of their paths --- */
/* A verdict "verified" counts only where this run of the server came to it: who writes into the database
 * while it is down does not know the next one's number. 16 random bytes. */
#define STORE_RUN_LEN        16u
#define STORE_UNVERIFIED_MAX 1000u /* parcels whose agent's own record did not hold: the newest are kept */
struct store_parcel {
	uint64_t id;
	const char *agent;
	struct clv_slice body, hash;
	int64_t received;
	bool own; /* the agent's own record held when it came */
	enum clv_verdict verdict;
	const char *why;
	int64_t checked;
	uint32_t alerts;
};
struct store_alert {
	uint64_t parcel, sequence, lost_from;
	struct clv_slice outbox; /* empty: of a parcel that is kept as unverified */
	int64_t time;
	uint32_t severity;
	const char *name, *text, *source;
};
/* Fills in id. */
CLV_MUST clv_rc store_parcel_add(struct db *d, struct store_parcel *p, struct clv_err *err);
CLV_MUST clv_rc store_hop_add(struct db *d, uint64_t parcel, uint32_t position, struct clv_slice body,
                              struct clv_slice signature, struct clv_err *err);
CLV_MUST clv_rc store_alert_add(struct db *d, const struct store_alert *a, struct clv_err *err);
/* false in *same: something else is stored under that number. What is not there any more counts as the same.
 */
CLV_MUST clv_rc store_alert_same(struct db *d, const struct store_alert *a, bool *same, struct clv_err *err);
/* Of unverified parcels only the newest stay. */
CLV_MUST clv_rc store_unverified_trim(struct db *d, struct clv_err *err);
/* Newest first (or oldest first), from offset; the fact's strings are borrowed. */
typedef clv_rc store_alert_fn(const struct clv_alert_fact *a, void *ctx, bool *stop, struct clv_err *err);
CLV_MUST clv_rc store_alerts(struct db *d, struct clv_slice run, bool oldest_first, uint64_t offset,
                             store_alert_fn *fn, void *ctx, struct clv_err *err);
/* CLV_E_NOTFOUND. *parcel: the one it came in. */
CLV_MUST clv_rc store_alert_get(struct db *d, struct clv_slice run, uint64_t id, store_alert_fn *fn,
                                void *ctx, uint64_t *parcel, struct clv_err *err);
/* The newest of an agent; 0: none. */
CLV_MUST clv_rc store_alert_last(struct db *d, const char *agent, uint64_t *id, struct clv_err *err);
CLV_MUST clv_rc store_alert_count(struct db *d, uint64_t *n, struct clv_err *err);
/* CLV_E_CONFLICT when somebody did already, CLV_E_NOTFOUND when it is gone. */
CLV_MUST clv_rc store_alert_ack(struct db *d, uint64_t id, const char *by, int64_t when, struct clv_err *err);
struct store_alert_counts { /* since a time */
	uint64_t alerts, critical, checked, verified, open;
};
CLV_MUST clv_rc store_alert_counts(struct db *d, struct clv_slice run, int64_t since,
                                   struct store_alert_counts *n, struct clv_err *err);
/* One parcel with its records in order. Everything is borrowed during fn. */
typedef clv_rc store_parcel_fn(const struct store_parcel *p, void *ctx, bool *stop, struct clv_err *err);
CLV_MUST clv_rc store_parcel_get(struct db *d, uint64_t id, store_parcel_fn *fn, void *ctx,
                                 struct clv_err *err);
typedef clv_rc store_hop_fn(uint32_t position, struct clv_slice body, struct clv_slice signature, void *ctx,
                            struct clv_err *err);
CLV_MUST clv_rc store_hops(struct db *d, uint64_t parcel, store_hop_fn *fn, void *ctx, struct clv_err *err);
/* Parcels above an id, in order, of one agent ("" any), received between two times. */
CLV_MUST clv_rc store_parcels(struct db *d, uint64_t above, const char *agent, int64_t from, int64_t to,
                              uint32_t limit, store_parcel_fn *fn, void *ctx, struct clv_err *err);
/* How many there are, and the id above which the newest `limit` of them lie. */
CLV_MUST clv_rc store_parcel_range(struct db *d, const char *agent, int64_t from, int64_t to, uint32_t limit,
                                   uint64_t *total, uint64_t *above, struct clv_err *err);
CLV_MUST clv_rc store_parcel_judged(struct db *d, uint64_t id, struct clv_slice run, enum clv_verdict verdict,
                                    const char *why, int64_t when, struct clv_err *err);
/* At most `limit` alerts older than a time go, and the parcels that none is left of. */
CLV_MUST clv_rc store_alerts_retain(struct db *d, int64_t before, uint32_t limit, int64_t *gone,
                                    struct clv_err *err);

/* --- requests to be accepted --- */
struct store_pending {
	uint64_t id;
	char name[STORE_NAME_MAX], via[STORE_NAME_MAX], role[24], from[64], came_by[STORE_NAME_MAX + 64],
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
/* The next row gets a number above this one: rows up to it were there and are gone. */
CLV_MUST clv_rc store_audit_floor(struct db *d, uint64_t seq, struct clv_err *err);

/* A walk along the chain from the last checkpoint, as many rows at a time as the caller likes. */
#define STORE_AUDIT_FOUND_MAX 16u
enum store_audit_wrong {
	STORE_AUDIT_CHANGED,  /* a row that does not follow from the one before it */
	STORE_AUDIT_INSERTED, /* the rows around it follow from each other */
	STORE_AUDIT_TAKEN,    /* rows before it are gone and those after it have their numbers */
	STORE_AUDIT_MISSING,  /* a hole in the numbers */
	STORE_AUDIT_CUT,      /* rows at the end that somebody has seen are gone */
	STORE_AUDIT_ANEW,     /* whole in itself, but not what somebody has seen */
};
struct store_audit_finding {
	enum store_audit_wrong wrong;
	uint64_t from, to;
};
struct store_audit_vouched {
	uint64_t seq;
	uint8_t hash[32];
};
struct store_audit_walk {
	/* the caller's, before store_audit_begin: rows that others remember, by rising number */
	const struct store_audit_vouched *vouched;
	size_t n_vouched;
	/* what came of it */
	uint64_t first, last, rows, vouched_upto;
	struct store_audit_finding found[STORE_AUDIT_FOUND_MAX];
	size_t n_found; /* may be more than are kept */
	bool ended;
	/* on the way */
	size_t at_vouched;
	uint8_t hash[32], before_bad[32];
	int64_t moved;
	bool bad;
};
CLV_MUST clv_rc store_audit_begin(struct db *d, struct store_audit_walk *w, struct clv_err *err);
CLV_MUST clv_rc store_audit_walk(struct db *d, struct store_audit_walk *w, size_t rows, struct clv_err *err);

/* Where the chain stood, signed (statement "audit-head"); the last checkpoint of retention likewise. */
struct store_head {
	uint64_t seq;
	struct clv_slice hash, body, signature;
	int64_t time;
};
typedef clv_rc store_head_fn(const struct store_head *h, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_heads(struct db *d, bool checkpoints, store_head_fn *fn, void *ctx,
                            struct clv_err *err);
CLV_MUST clv_rc store_head_put(struct db *d, const struct store_head *h, struct clv_err *err);
CLV_MUST clv_rc store_heads_forget(struct db *d, struct clv_err *err);

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
/* When the first row of the trail that is still there was written; 0: there is none. */
CLV_MUST clv_rc store_audit_begins(struct db *d, int64_t *time, struct clv_err *err);
CLV_MUST clv_rc store_turned_away(struct db *d, int64_t since, uint64_t *n, struct clv_err *err);

/* Deletes events before `events`; audit rows before `audit`, the last cut row's seq and hash kept as
 * a checkpoint to be signed. *cut_seq 0: nothing was cut. */
CLV_MUST clv_rc store_retain(struct db *d, int64_t events, int64_t audit, uint64_t *cut_seq,
                             uint8_t cut_hash[32], struct clv_err *err);
CLV_MUST clv_rc store_checkpoint_put(struct db *d, uint64_t seq, struct clv_slice hash, struct clv_slice body,
                                     struct clv_slice sig, int64_t when, struct clv_err *err);

/* --- rows.c: rows that decide (share/proto/row.proto), passwords, what hosts hold --- */
struct store_row {
	const char *kind, *key;
	uint64_t seq;
	struct clv_slice body, mac; /* body empty: removed */
};
typedef clv_rc store_row_fn(const struct store_row *r, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_rows(struct db *d, store_row_fn *fn, void *ctx, struct clv_err *err);
/* CLV_E_CONFLICT unless the row has sequence `old` (0: is not there). */
CLV_MUST clv_rc store_row_put(struct db *d, const struct store_row *r, uint64_t old, struct clv_err *err);
/* A version that is there already is an error. */
CLV_MUST clv_rc store_password_put(struct db *d, const char *account, uint64_t version, struct clv_slice blob,
                                   int64_t when, struct clv_err *err);
/* CLV_E_NOTFOUND. Appends to blob. */
CLV_MUST clv_rc store_password_get(struct db *d, const char *account, uint64_t version, struct clv_buf *blob,
                                   struct clv_err *err);
typedef clv_rc store_password_fn(const char *account, uint64_t version, struct clv_slice blob, void *ctx,
                                 struct clv_err *err);
CLV_MUST clv_rc store_passwords(struct db *d, store_password_fn *fn, void *ctx, struct clv_err *err);
/* Keeps two versions (0: none) and deletes the rest. */
CLV_MUST clv_rc store_passwords_keep(struct db *d, const char *account, uint64_t a, uint64_t b,
                                     struct clv_err *err);
struct store_held {
	const char *agent, *account;
	uint64_t has, trial, tried; /* versions */
	uint32_t result;            /* of the tried one: 0 none, 1 good, 2 failed, 3 nothing tests it */
	const char *text;
	int64_t since;
};
typedef clv_rc store_held_fn(const struct store_held *h, void *ctx, struct clv_err *err);
CLV_MUST clv_rc store_helds(struct db *d, store_held_fn *fn, void *ctx, struct clv_err *err);
/* What an agent told: first nothing is held, then what it named; and what trying one gave. */
CLV_MUST clv_rc store_held_clear(struct db *d, const char *agent, struct clv_err *err);
CLV_MUST clv_rc store_held_set(struct db *d, const char *agent, const char *account, uint64_t version,
                               bool trial, int64_t when, struct clv_err *err);
CLV_MUST clv_rc store_held_tried(struct db *d, const char *agent, const char *account, uint64_t version,
                                 uint32_t result, const char *text, int64_t when, struct clv_err *err);
/* account NULL: all of the agent's. */
CLV_MUST clv_rc store_held_drop(struct db *d, const char *agent, const char *account, struct clv_err *err);
/* The hash of what the newest configuration of an agent holds. */
CLV_MUST clv_rc store_agent_content(struct db *d, const char *name, struct clv_slice hash,
                                    struct clv_err *err);

/* Of no agent it is known what its newest configuration holds: each is sealed anew. */
CLV_MUST clv_rc store_agents_unsealed(struct db *d, struct clv_err *err);

CLV_MUST clv_rc store_meta_put(struct db *d, const char *key, struct clv_slice value, struct clv_err *err);
CLV_MUST clv_rc store_meta_get(struct db *d, const char *key, struct clv_buf *value,
                               struct clv_err *err); /* absent: empty */

#endif
