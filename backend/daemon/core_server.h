/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server's core: what it knows of nodes (in memory, loaded from the database), links
 * with them, requests to be accepted, consoles and their requests. Every change is committed before it
 * takes effect here, but for the address of a gateway (gateways_address): it comes again with each link.
 */
#ifndef DAEMON_CORE_SERVER_H
#define DAEMON_CORE_SERVER_H

#include "base/quota.h"
#include "daemon/core.h"
#include "proto/refusal.h"
#include "proto/types.h"
#include "store/store.h"

#define PENDING_MAX          1000u /* design 3, Enrolment */
#define PENDING_VIA_MAX      200u  /* of them by one gateway */
#define PENDING_IDENTITY_MAX 4u    /* of them that came by one channel identity */
#define PENDING_UNPROVEN_MAX 40u   /* for names that an identity did not prove; of all: half of the places */

struct session;

enum node_role { NODE_AGENT, NODE_GATEWAY, NODE_SERVER, NODE_ROLES }; /* server: one that joined */
extern const char *const node_roles[NODE_ROLES];                      /* their words */

/* A node that is pinned. Compact: there may be a million. */
struct node {
	char *name, *pinned_by;
	struct clv_buf node_key;
	uint8_t machine[32], node_key_id[32]; /* SHA-256 of the node key */
	enum node_role role;
	char *via, *via_before, *address; /* as in struct store_agent; never NULL */
	enum clv_approval approval;
	bool has_configured, mechanism_seen, has_key;
	uint8_t configured[32];
	uint64_t generation, rotate_above, config_version, config_confirmed, row_version;
	uint32_t config_ordinal, config_confirmed_ordinal;
	int64_t pinned_at, config_confirmed_at, last_seen, seen_stored;
	struct clv_key_fact key;
	struct session *session; /* proven link now, or NULL */
	/* core_rules.h: its approval's row, what it holds, what its newest configuration holds */
	uint64_t row_seq;
	uint8_t row_mac[36], content[32];
	struct held *held;
	uint32_t n_held;
	uint32_t addressed_s; /* of a gateway: monotonic, when its address was last taken */
	bool queued, moving;  /* moving: its approval is being changed */
};

/* A link with a node. */
struct session {
	struct session *next, **at; /* at: where its own address stands in the list */
	uint64_t conn;
	struct session *via; /* the gateway's link that carries this one; NULL: it is a link of its own */
	uint64_t channel;    /* there */
	bool carries;        /* it carried one at least; else nobody is looked for behind it */
	bool ending;         /* relay_forget's, while it runs */
	Clv__ConnOpen *open;
	struct node *node;           /* NULL until proven */
	int64_t since;               /* wall */
	int64_t opened_ms, heard_ms; /* monotonic */
	bool closed;                 /* of one that is relayed: forgotten at the next tick */
	bool refused, pinning, sealing, batch;
	bool renewed; /* a link that its node renewed took over: nothing more is taken from it */
	uint8_t nonce[2]
	             [16];  /* given last, and the one before it: a state of the outbox carries one of them */
	uint8_t renews[16]; /* fingerprint of the link that this one renews; zeroes: none */
	/* its outbox: stored up to here on this link; what the heartbeat before said, and what was here then
	 */
	uint64_t upto, beat_made, beat_upto;
	uint8_t outbox[16]; /* which one, as its newest heartbeat said */
	/* core_server_told.c: what it said it made beyond what came; its outbox is given up */
	uint64_t told;
	bool told_looked, conflicted;
	bool clock_known;
	int64_t clock_ahead_ms; /* its clock beside ours, as it measured and signed it */
	uint32_t clock_error_ms;
	bool beat_seen, beat_told, stale_told, nonce_given, nonce_used;
	uint32_t nonce_late;   /* how often the number before the newest came */
	int64_t beat_stuck_ms; /* monotonic: since when what it made does not come; 0: it comes */
};

struct eyes;

struct pending {
	struct store_pending row;
	struct eyes *eyes; /* core_eyes.h: one of two said yes; NULL */
};

struct role_grant {
	char *principal, *by;
	enum clv_role role;
	int64_t since;
	uint64_t row_seq;
};

struct console;
struct scan;
struct trail;
struct held;
struct rules;
struct recovery;
struct checking;
struct probe;
struct own;

struct server {
	struct node **nodes; /* by name */
	size_t n_nodes, cap_nodes;
	struct pending **pendings;
	size_t n_pendings;
	struct role_grant *roles;
	size_t n_roles;
	struct session *sessions;
	struct console *consoles;
	struct quota local_consoles;        /* by user of this host */
	struct scan *scans;                 /* core_console_scan.c: windows that are being looked up */
	struct clv_buf list_body, list_sig; /* signed list of servers */
	struct joining *joins;              /* core_server_join.c: requests to join, of this run */
	bool join_busy;                     /* one is being accepted */
	struct rules *rules;
	ProtobufCMessage *asides;  /* Clv__ThingList: lines of the overview that wait; NULL none */
	struct recovery *recovery; /* core_recovery.h */
	struct trail *trail;       /* core_server_audit.c */
	struct checking *checking; /* while it starts */
	struct probe *probes;      /* core_server_alerts.c */
	struct own *own;           /* core_server_own.c; NULL until the first alert */
	struct store_alert_counts alert_counts; /* of the last hour, as of alerts_counted */
	uint64_t alerts_counted;
	int64_t count_alerts_at;
	bool counting;
	uint8_t run[STORE_RUN_LEN]; /* random, of this process */
	uint64_t alerts_change;     /* counts what was stored, acknowledged or judged of alerts */
	struct node **queue;        /* that get a configuration, in order */
	size_t n_queue;
	uint32_t sealing;                    /* configurations being made */
	int64_t look_at, again_at, again_ms; /* again: after something could not be stored; 0: no need */
	uint64_t epoch;                      /* rises with each recovery; as the key holder's */
	uint64_t fencing, list_number;
	bool loaded, listed;
	bool unlisted;      /* the key holder was lost at the first list: signed when it is back */
	uint64_t change;    /* counts what screens may show */
	uint64_t structure; /* change at which a node last came or went */
	uint64_t turned_away, audit_rows, events_total;
	int64_t drill_at,
	    trail_at; /* the last key drill that went well, 0 never; the audit trail's beginning */
	int64_t retain_alerts_at, audit_checked, retain_at, push_at, audit_bad;
	struct {
		char address[STORE_NAME_MAX]; /* or the gateway that carried the link */
		int64_t since;
		uint32_t n;
	} refusals[64]; /* rate of events by address */
};

/* core_server.c: links; core_server_nodes.c: the nodes */
struct node *server_find(const struct server *s, const char *name);
/* Full, or short where it is unique; CLV_E_NOTFOUND or CLV_E_USAGE otherwise. */
CLV_MUST clv_rc server_resolve(const struct server *s, const char *name, struct node **out,
                               struct clv_err *err);
struct node *server_add(struct server *s, const struct store_agent *a);
void server_drop(struct core *c, struct node *n); /* forgets it and ends its link */
void server_fill(const struct core *c, const struct node *n, struct clv_agent_fact *f); /* borrowed strings */
void server_changed(struct core *c);
/* A link of a member is proven: it may speak from here on. Where a gateway carries it the node is here by it
 * (n->session) only once it signed something new. */
void server_welcome(struct core *c, struct session *s, struct node *n);
/* core_server_pin.c: the same, once it is known that its mechanism is none that is weaker than before. */
void server_pin_then_welcome(struct core *c, struct session *s, struct node *n);
void server_refuse(struct core *c, struct session *s, enum refusal_code code, const char *fmt, ...)
    CLV_PRINTF(4, 5);
/* No flood of events from one address, or through one gateway: some in an hour. */
bool server_may_tell(struct core *c, const struct session *s);
bool server_may_tell_of(struct server *s, const char *address);
/* Every link of the node ends: it is no member any more, or not by that key. */
void server_let_go(struct core *c, struct node *n, enum refusal_code code, const char *text);
/* What the group's key has to sign goes to a node; where it cannot be signed the link is closed, and the
 * node comes again. */
void server_sign_and_send(struct core *c, uint64_t conn, enum statement_kind kind, uint16_t frame,
                          const ProtobufCMessage *statement);
#ifdef CLV_TEST_BUILD
/* core_server_lie.c: acknowledgements that are none, as CLAVIGER_TEST_ACK says. */
void server_test_lie_before(Clv__OutboxAck *ack);
void server_test_lie_after(const struct core *c, Clv__SignedStatement *out);
#endif
/* core_server_session.c */
struct session *server_session(const struct server *s, uint64_t conn);
struct session *server_session_new(struct core *c, const Clv__ConnOpen *m);
void server_session_free(struct core *c, struct session *s); /* and those that it carries */
/* core_server.c */
void server_session_closed(struct core *c, struct session *s, const Clv__ConnClosed *m);
void server_take_frame(struct core *c, struct session *s, uint32_t type, struct clv_slice body);
/* core_server_list.c: signs it anew, with a higher number, and gives it to the gateways. */
void server_list_sign(struct core *c);
void server_list_send(struct core *c, const struct session *s); /* where it is a gateway's that is up */
#define META_LIST_NUMBER "list-number"
/* core_server_load.c */
void server_ready(struct core *c, const Clv__KhInfo *info);

/* core_server_init.c: clavigerd init; retention (a cut of the audit trail leaves a signed checkpoint). */
void recover_ready(struct core *c, const Clv__KhInfo *info); /* core_server_recover.c */
/* In the database's meta: the hash of the node key of the server that made or took over the database last. */
#define META_SERVER_KEY "server-key"
CLV_MUST clv_rc server_key_hash(const struct core *c, struct clv_buf *out, struct clv_err *err);
void init_group(struct core *c, const Clv__KhInfo *info);
void server_retain(struct core *c, int64_t now_ms);

/* core_server_audit.c: rows were committed (0: look again where it stands); heads; the walk along the trail.
 */
void audit_start(struct core *c, const Clv__KhInfo *info);
void audit_check(struct core *c, void (*next)(struct core *c));
void audit_written(struct core *c, uint64_t rows);
void audit_tick(struct core *c, int64_t now_ms);

/* core_server_enroll.c */
void enroll_unknown(struct core *c, struct session *s, const Clv__LinkProofFrame *f, const Clv__LinkProof *p);
/* A publication or proof that speaks for a name that is not the channel's (T3). */
void enroll_quarantine(struct core *c, struct session *s, const char *claimed, const char *what);
/* core_server_join.c: management servers that ask for the group's keys */
/* The others' names, with commas between; "" none. */
CLV_MUST clv_rc join_names(struct db *d, const char *own, char *out, size_t size, struct clv_err *err);
/* It asks for the group's keys: its request names an intake certificate. Nothing is verified. */
bool join_asks(const Clv__LinkProofFrame *f);
/* A sound request of one came. True: it is answered (it was accepted); else it waits as any other. */
bool join_arrived(struct core *c, struct session *s, const Clv__LinkProofFrame *f);

struct pending *enroll_find(const struct server *s, uint64_t id);
struct pending *enroll_find_name(const struct server *s, const char *name);
void enroll_forget(struct server *s, uint64_t id);
/* What accepting a request makes of it. */
/* Its fingerprint is of its node key and of this group's key: nobody changed it where it was stored. */
bool enroll_is_whole(const struct core *c, const struct store_pending *p);
CLV_MUST clv_rc enroll_member(const struct store_pending *p, const char *by, int64_t now,
                              struct store_agent *out, struct clv_err *err);

/* core_server_keys.c */
void keys_on_publish(struct core *c, struct session *s, const Clv__Publish *m);
/* false: not now (one is under way, or there is no key). */
bool keys_seal(struct core *c, struct session *s);
void keys_send_rotate(struct core *c, struct session *s);

/* core_server_outbox.c */
void outbox_on_batch(struct core *c, struct session *s, const Clv__SignedStatement *m);

/* core_console.c and core_console_*.c */
void console_open(struct core *c, const Clv__ConnOpen *m);
void console_frame(struct core *c, const Clv__ConnFrame *m);
void console_closed(struct core *c, const Clv__ConnClosed *m);
void console_adopt(struct core *c, int fd);
void console_lost(struct core *c);
void console_push(struct core *c, int64_t now_ms);

#endif
