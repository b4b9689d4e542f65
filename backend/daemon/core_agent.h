/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's core: dials its servers in order, proves itself, publishes its key, opens its
 * configuration, drains its outbox. core_agent.c: links; core_agent_keys.c: keys and configuration;
 * core_agent_outbox.c: the outbox.
 */
#ifndef DAEMON_CORE_AGENT_H
#define DAEMON_CORE_AGENT_H

#include "base/quota.h"
#include "daemon/core.h"
#include "keys/agentcert.h"
#include "store/outbox.h"

#define AGENT_KEYS_MAX    16u
#define BEAT_NONCE_LEN    16u
#define AGENT_SERVERS_MAX 16u

enum agent_link { AGENT_IDLE, AGENT_DIALING, AGENT_OPEN, AGENT_PROVING, AGENT_UP };

struct agent_key {
	uint64_t generation;
	int64_t made;
	struct clv_buf cert;
	struct agentcert_info info;
};

struct agent_server {
	char name[256], host[256]; /* name that must be proven; address or name to dial */
	uint16_t port;
	uint32_t pinned; /* enum clv_mechanism it was last proven by; 0 none */
};

struct trying;

/* A link beside the one in use; core_agent_renew.c. */
struct agent_lane {
	enum agent_link link;
	uint64_t conn;
	Clv__ConnOpen *open;
	bool refused;
	size_t at; /* its server */
};

/* Local callers who raise alerts, at once: of all users, of one, and the last of them for root alone (T36).
 */
#define AGENT_CALLERS_MAX   64u
#define AGENT_CALLERS_EACH  16u
#define AGENT_CALLERS_SPARE 16u

struct agent {
	struct agent_server servers[AGENT_SERVERS_MAX];
	size_t n_servers, at;
	struct agent_server own[AGENT_SERVERS_MAX]; /* of the host's own configuration */
	size_t n_own;
	struct outbox_state box;
	bool loaded, started;
	/* keys, oldest first */
	struct agent_key keys[AGENT_KEYS_MAX];
	size_t n_keys;
	bool making, destroying;
	uint64_t want_above;                        /* a key newer than this is wanted */
	int64_t look_at;                            /* when to look into the vault again; 0: no need */
	uint64_t config_version, config_generation; /* opened here; 0: none */
	/* the link */
	enum agent_link link;
	uint64_t conn;
	Clv__ConnOpen *open; /* description of conn */
	bool refused;        /* a Refusal came on this connection */
	struct agent_lane other;
	bool aside;            /* what is handled now is the other's: they are changed over */
	int64_t renew_link_at; /* monotonic; 0: no need */
	int64_t return_at;     /* when to try the first server again, while linked with a later one */
	uint32_t early;        /* how often our own processes were not ready to dial */
	int64_t dial_at, delay_ms, heartbeat_at, renew_at, config_at,
	    config_ms; /* config_at: when to ask again; 0: no need; config_ms: after which wait */
	/* its clock beside the server's; core_agent_beat.c */
	int64_t beat_sent_ms;                /* monotonic: the heartbeat that is not answered yet; 0: none */
	int64_t clock_ahead_ms, clock_at_ms; /* clock_at_ms: monotonic, when it was measured; 0: never */
	uint32_t clock_error_ms;
	char last_complaint[512];
	int64_t last_complaint_at;
	/* What the server showed of the group on the link that is up; a gateway shows it on. next: of the
	 * link that is being proven */
	Clv__Greeting *greeting, *greeting_next;
	uint8_t nonce[BEAT_NONCE_LEN]; /* the newest of the link that is up; to be signed with the outbox's
	                                  state */
	size_t nonce_len;
	uint64_t list_epoch, list_fencing, list_number; /* of the newest list of servers that was seen */
	bool told_alone;                                /* 21016, until a link was up */
	bool published;                                 /* on this link */
	uint32_t repinned; /* enum pin_how, until a link was up under the new key */
	/* the outbox */
	struct add *unkept; /* what the disk did not take; tried again at unkept_at */
	int64_t unkept_at;
	bool draining, sent;           /* a batch is being made; a batch is unacknowledged */
	uint64_t sent_upto, busy_upto; /* busy: what is being sent is not let go */
	bool renewing;                 /* a new outbox is being opened */
	bool probing;
	struct alert_caller *callers;   /* local callers who raise alerts; core_agent_alert.c */
	struct quota n_callers;         /* by user of this host */
	struct trying *trying;          /* accounts whose checks run; core_agent_accounts.c */
	uint32_t tried_good, tried_bad; /* of this round of checks */
	struct join *join;              /* core_agent_join.c; NULL: it does not join */
	uint32_t action;                /* 7009 or 7010 was told; 0: all is well */
};

/* core_agent.c */
void agent_complain(struct core *c, uint32_t event, const char *fmt, ...) CLV_PRINTF(3, 4);
void agent_drop_link(struct core *c, const char *why);
void agent_link_down(struct core *c); /* forgets the link and plans the next try */

/* core_agent_renew.c. Is this connection one of ours? Then its link is the current one until agent_leave. */
bool agent_enter(struct core *c, uint64_t conn);
void agent_leave(struct core *c);
void agent_other_down(struct core *c);
void agent_drop_other(struct core *c);
void agent_plan_renewal(struct core *c); /* of a link that is up from now on */
void agent_renew_link(struct core *c, int64_t mono_ms);
/* To the first server, while linked with a later one: when it is up the other goes. */
void agent_return_link(struct core *c, int64_t mono_ms);

/* core_agent_pin.c */
void agent_take_servers(struct core *c); /* of the configuration */
void agent_pins_load(struct core *c);    /* then the first dial */
/* Those of the group's configuration first, then the rest of its own. */
void agent_learn_servers(struct core *c, const Clv__KhOpened *m);
void agent_pin(struct core *c, struct agent_server *s, uint32_t mechanism);
uint32_t agent_failure_event(const Clv__ConnClosed *m); /* of a link that was never open */

/* core_agent_prove.c */
void agent_on_greeting(struct core *c, const Clv__Greeting *g);
void agent_proven(struct core *c); /* the server took our proof: what it showed is what counts */
void agent_on_list(struct core *c, const Clv__SignedStatement *s);
/* Ours, with a request to be accepted that was signed before. */
void agent_prove_with(struct core *c, struct clv_slice body, struct clv_slice signature);

/* core_agent_join.c: clavigerd join */
bool join_ready(struct core *c, const Clv__KhInfo *info); /* true: it goes on later, or ends */
bool join_not_asked(const struct core *c);                /* a failure now is the command's */
struct clv_slice join_intake(const struct core *c);
void join_keep(struct core *c, struct clv_slice body, struct clv_slice signature); /* the signed request */
bool join_again(struct core *c);                                                   /* proves with it */
/* true: it was signed by a server that another took over from (design 3, Fencing); the link is dropped. */
bool agent_is_fenced(struct core *c, uint64_t fencing, const char *what);
void join_refused(struct core *c, uint32_t code, const char *why);
void join_on_keys(struct core *c, const Clv__JoinKeys *k);
void join_tick(struct core *c);

/* core_agent_keys.c */
void agent_take_keys(struct core *c, const Clv__KhInfo *info);
void agent_begin_keys(struct core *c); /* finds or makes the certificate, opens the configuration on disk */
void agent_publish(struct core *c);
void agent_on_receipt(struct core *c, const Clv__SignedStatement *s);
void agent_on_rotate(struct core *c, const Clv__SignedStatement *s);
void agent_on_config(struct core *c, const Clv__Config *m);
void agent_ask_config(struct core *c, const char *why);
void agent_keep_again(struct core *c, int64_t mono_ms);
void agent_renew(struct core *c, int64_t now_ms);
void agent_look_again(struct core *c); /* a key may have been made that we did not hear of */
void agent_destroy_old(struct core *c);
const struct agent_key *agent_newest(const struct agent *a);

/* core_agent_accounts.c */
void agent_took_accounts(struct core *c, const Clv__KhOpened *m);
void agent_check_done(struct core *c, const Clv__CheckDone *m);

/* core_agent_outbox.c */
void agent_put_event(struct core *c, const struct clv_event_fact *e);
struct alert_waiter;
/* waiter: told by alert_stored; NULL nobody. */
void agent_put_alert(struct core *c, const Clv__Alert *alert, struct alert_waiter *waiter);
void agent_put_confirm(struct core *c, const Clv__KhOpened *m); /* with what the vault holds now */
/* The result, and under key the version that was tried, in one transaction. */
void agent_put_tried(struct core *c, const Clv__TriedAccount *m, const char *key);
void agent_put_destroyed(struct core *c, uint64_t upto);
void agent_put_channel(struct core *c, bool in_use);
void agent_drain(struct core *c);
void agent_on_ack(struct core *c, const Clv__SignedStatement *s);
/* core_agent_beat.c */
void agent_heartbeat(struct core *c);
void agent_on_beat_reply(struct core *c, const Clv__HeartbeatReply *m);
void agent_take_nonce(struct agent *a, ProtobufCBinaryData nonce);
/* This end of the link that is up. Borrowed strings. */
void agent_fill_link(const struct agent *a, Clv__HopLink *l);

/* core_agent_alert.c */
void agent_alert_caller(struct core *c, int fd);
/* Tells a waiter (NULL is fine) what became of its alert; seq 0: *err says why not. Ends the waiter. */
void alert_stored(struct core *c, struct alert_waiter *w, uint64_t seq, const struct clv_err *err);
void agent_event_alert(struct core *c, const struct clv_event_fact *e);
void agent_on_probe(struct core *c, const Clv__SignedStatement *s);
void agent_remember(struct core *c, const char *key, uint64_t value);

#endif
