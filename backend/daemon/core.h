/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core: the role's mind. Sessions, the model, the database (in one thread of its own), the key
 * holder's verbs. It decodes peers' messages after net checked their type and size; it holds no key.
 */
#ifndef DAEMON_CORE_H
#define DAEMON_CORE_H

#include "base/db.h"
#include "claviger/facts.h"
#include "ipc.pb-c.h"
#include "keys/statement.h"
#include "node.pb-c.h"
#include "proto/codec.h"
#include "proto/ipc.h"
#include "statement.pb-c.h"
#include <uv.h>

#define CORE_MAGIC 0x434f5245u
#define CORE_LINKS 4
/* A connection number of a link that is relayed over another one: net knows none of these. */
#define CORE_RELAYED          (UINT64_C(1) << 62)
#define core_is_relayed(conn) (((conn)&CORE_RELAYED) && !((conn) >> 63))

enum core_link_id { LINK_PARENT, LINK_NODE, LINK_CONSOLE, LINK_KEYHOLDER };

struct core;
struct core_role; /* server or agent */

struct core_link {
	struct core *core;
	enum core_link_id id;
	struct ipc *ipc;
	uv_poll_t *poll;
};

/* --- the key holder (core_kh.c) --- */
/* m: the answer (type says which), NULL when it failed: then *err says why. */
typedef void kh_done(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                     const struct clv_err *err);
struct kh_call;
/* Sends a request; the field id is filled in. done is called once, always from the loop and never before this
 * returns: where the request cannot be sent, by the next kh_tick. */
void kh_ask(struct core *c, enum ipc_type type, ProtobufCMessage *m, kh_done *done, void *ctx);
/* A statement to be signed: done gets IPC_KH_SIGNED. */
void kh_sign(struct core *c, enum statement_kind kind, const ProtobufCMessage *statement, kh_done *done,
             void *ctx);
/* Our own proof on the link `over` (D6): from us to its peer, bound to its T and fingerprint; what a
 * gateway's own link up says holds the address that it reached. done as with kh_sign. */
void kh_sign_link(struct core *c, const Clv__ConnOpen *over, bool initiator, kh_done *done, void *ctx);
void kh_lost(struct core *c); /* the key holder is gone: every call fails */
void kh_tick(struct core *c); /* once a second: tells of what could not be sent */
extern const struct ipc_row core_keyholder_rows[];
/* core_keyact.c: the one thing that the key holder asks of core. */
clv_rc core_on_key_act(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);

/* --- the database thread (core_db.c) --- */
struct core_db;
/* run: in the database thread, inside a savepoint of a batch (group commit). done: in the loop, after
 * the commit; rc and err are run's, or the commit's. ctx is the caller's throughout. */
typedef clv_rc db_job_run(struct db *d, void *ctx, struct clv_err *err);
typedef void db_job_done(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err);
CLV_MUST clv_rc core_db_start(struct core *c, struct db *d,
                              clv_rc (*walls)(struct core *c, struct clv_err *err), struct clv_err *err);
void core_db_put(struct core *c, db_job_run *run, db_job_done *done, void *ctx);
/* Alone, outside a transaction (backup). */
void core_db_put_alone(struct core *c, db_job_run *run, db_job_done *done, void *ctx);
/* Ends the thread after what is queued; closes the database. */
void core_db_stop(struct core *c);

/* What a role does with what happens. */
struct core_role {
	/* first thing after the key holder answered for the first time, and each time it is back */
	void (*ready)(struct core *c, const Clv__KhInfo *info);
	void (*conn_open)(struct core *c, bool console, const Clv__ConnOpen *m);
	void (*conn_frame)(struct core *c, bool console, const Clv__ConnFrame *m);
	void (*conn_closed)(struct core *c, bool console, const Clv__ConnClosed *m);
	void (*link_lost)(struct core *c, enum core_link_id id);
	void (*creds)(struct core *c, const Clv__CredsResult *m);
	void (*dial_failed)(struct core *c, const Clv__DialFailed *m);
	void (*local_console)(struct core *c, int fd);
	void (*alert_caller)(struct core *c, int fd); /* owns fd */
	void (*check_done)(struct core *c, const Clv__CheckDone *m);
	void (*tick)(struct core *c, int64_t now_ms); /* wall; once a second */
	/* to a link that is relayed; NULL where there is none */
	void (*relay_frame)(struct core *c, uint64_t conn, uint16_t type, struct clv_slice body);
	void (*relay_close)(struct core *c, uint64_t conn, const char *why);
	/* an event of this node: kept durably */
	void (*event)(struct core *c, const struct clv_event_fact *e);
};
extern const struct core_role core_server_role, core_agent_role, core_gateway_role;

struct core {
	uint32_t magic;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_idle_t idle; /* core_console_scan.c; data is set while it is there */
	struct core_link links[CORE_LINKS];
	Clv__Start *start;
	const struct core_role *role;
	bool server, ready;
	bool behind; /* much waits for the key holder: net_node is not read */
	char mode;   /* r run, i init, e enroll, v recover, k key restore */
	int init_stage;
	struct core_db *db;
	struct kh_call *kh_calls;
	uint64_t next_id;
	/* what the key holder told */
	struct clv_buf node_key, group_key, group_cert, recovery_hash, machine;
	struct clv_buf succession, succession_sig, recovery_key; /* empty: none */
	bool group_secret;
	uint64_t group_key_version, epoch;
	uint8_t thumbprint[32]; /* the channel certificate in use here */
	bool has_thumbprint;
	int64_t cert_not_after;
	int64_t ca_not_after, crl_due;     /* 0: not known, and not configured */
	int64_t master_ends, master_asked; /* the vault's newest master key; when that was asked */
	struct server *srv;
	struct agent *agent;
	struct gateway *gateway;       /* core_gateway.c; beside agent */
	struct recovering *recovering; /* core_server_recover.c */
	int status;
};

/* core_main.c. What a sibling's queue does not take is lost, and logged; core_try_send says so (CLV_E_LIMIT)
 * instead. Of a broken socket its poll tells, which also fails what was waiting. */
CLV_MUST clv_rc core_try_send(struct core *c, enum core_link_id link, enum ipc_type type,
                              const ProtobufCMessage *m, struct clv_err *err); /* the link is there */
void core_send(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m);
void core_send_fd(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m,
                  int fd);
/* A frame to a peer. */
void core_frame(struct core *c, bool console, uint64_t conn, uint16_t type, const ProtobufCMessage *m);
void core_frame_bytes(struct core *c, bool console, uint64_t conn, uint16_t type, struct clv_slice body);
void core_conn_close(struct core *c, bool console, uint64_t conn, const char *why);
void core_conn_proven(struct core *c, bool console, uint64_t conn);
/* Proven, and it carries the links of others. */
void core_conn_carries(struct core *c, uint64_t conn);
/* kh_done for IPC_KH_INFO: takes what it says and calls the role's ready. */
void core_info_done(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err);
/* Tells the parent how init or enroll ended; in run mode ends the service. */
void core_outcome(struct core *c, uint32_t status, const char *fmt, ...) CLV_PRINTF(3, 4);
/* Event of the reference system's numbers, source and level by the table in model/events.h. */
void core_event(struct core *c, uint32_t id, const char *fmt, ...) CLV_PRINTF(3, 4);
void core_event_of(struct core *c, const char *node, uint32_t id, const char *fmt, ...) CLV_PRINTF(4, 5);

#endif
