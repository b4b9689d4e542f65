/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with a management server, for any program and any loop. It has a descriptor, wanted
 * events, a timeout and a step; it never blocks. Results are popped as replies that carry facts.
 * A lost line is a state, not an end: the session tries again with a growing delay; what was not
 * answered comes back as a DROPPED reply and is never sent a second time.
 */
#ifndef CLAVIGER_CLIENT_H
#define CLAVIGER_CLIENT_H

#include "claviger/facts.h"
#include "claviger/secret.h"

#define CLV_LIST_LIMIT_MAX 1000u /* rows in one window */
#define CLV_DEFAULT_SERVER "unix:/run/claviger/console.sock"
#define CLV_CONSOLE_PORT   5724u
#define CLV_PASSWORD_MAX   (42u * 1024u) /* a password, or the file of a binary account */

struct clv_session; /* opaque */

/* Who brings the bytes when the session does not connect by itself (SSH, a command). Nothing here may
 * block. Lives longer than the session. */
struct clv_dialer {
	void *ctx;
	bool local; /* the far end speaks for its login user over the local socket: no TLS inside */
	/* Begins a new connection. */
	clv_rc (*begin)(void *ctx, struct clv_err *err);
	/* *fd: a connected stream, the session's from then on, or -1 while it is under way. */
	clv_rc (*ready)(void *ctx, int *fd, struct clv_err *err);
	/* To be polled for reading while it is under way; -1: none. */
	int (*wait_fd)(void *ctx);
	/* The connection is over; *err says why as far as the session knows, and may be made clearer. */
	void (*drop)(void *ctx, struct clv_err *err);
};

/* Logon by the user's Kerberos ticket. Who names it is linked with libgssapi_krb5 and libkrb5; opaque. */
struct clv_ticket_logon;
const struct clv_ticket_logon *clv_ticket_logon(void);

/* Where to, and as whom. Borrowed during the call only. */
struct clv_target {
	/* NULL: the session connects by itself. With one that is local, server is for messages alone. */
	const struct clv_dialer *dialer;
	const char *server;             /* "unix:PATH" or "name[@address][:port]"; NULL: CLV_DEFAULT_SERVER */
	struct clv_slice ca, cert, key; /* PEM, for host[:port] only */
	/* Where ca, cert and key are empty: by the user's Kerberos ticket. NULL: not possible in this
	 * program. */
	const struct clv_ticket_logon *ticket;
	/* The pinned group signing key's fingerprint, 64 hex digits, or NULL: not known yet. For
	 * host[:port] only; a local socket's server is named by the file system. */
	const char *group_fingerprint;
};

enum clv_session_state {
	CLV_SESSION_CONNECTING, /* on the way, or waiting for the next try */
	CLV_SESSION_OPEN,       /* requests are taken */
	CLV_SESSION_FAILED,     /* will not try again: wrong name, no right; see clv_session_error */
};

/* A session that begins to connect in its first step. CLV_E_USAGE for an address that is none. */
CLV_MUST struct clv_session *clv_session_new(const struct clv_target *target, struct clv_err *err);
void clv_session_free(struct clv_session *s); /* closes; NULL is fine */

/* For the caller's poll: the descriptor or -1, wanted POLLIN/POLLOUT, and how long to wait at most
 * (ms, -1: for ever). All three change with every call. */
int clv_session_fd(const struct clv_session *s);
short clv_session_events(const struct clv_session *s);
int clv_session_timeout_ms(const struct clv_session *s);
/* Does what can be done without waiting. Call it after poll, whatever poll said. */
void clv_session_step(struct clv_session *s);

enum clv_session_state clv_session_state(const struct clv_session *s);
/* Counts the connections so far: a new number means that everything must be asked again. */
uint32_t clv_session_epoch(const struct clv_session *s);
/* Why the line is down; class NONE while it is OPEN. */
const struct clv_err *clv_session_error(const struct clv_session *s);
/* Monotonic ms of the next try; 0 when none is planned. */
int64_t clv_session_retry_at_ms(const struct clv_session *s);
/* As given: "unix:/run/…" or "ms1:5724". */
const char *clv_session_server(const struct clv_session *s);
/* The group signing key's fingerprint that the server showed, 64 hex digits; NULL before. With a
 * FAILED session of code CLV_E_AUTH it is what a person has to compare before it is pinned. */
const char *clv_session_group_fingerprint(const struct clv_session *s);
/* Proven channel: "local", "certificate TLS 1.3" or "Kerberos aes256-cts-hmac-sha384-192". */
const char *clv_session_channel(const struct clv_session *s);

/* --- requests: each gives the number that its replies carry, or 0 with *err when the line is not
 * open (nothing is kept for later) --- */

enum clv_list {
	CLV_LIST_AGENTS,
	CLV_LIST_EVENTS,
	CLV_LIST_PENDING,
	CLV_LIST_AUDIT,
	CLV_LIST_ROLES,
	CLV_LIST_REQUESTS,
	CLV_LIST_ACCOUNTS,
	CLV_LIST_PROFILES,
	CLV_LIST_GROUPS,
	CLV_LIST_SERVERS,
	CLV_LIST_EXPIRY,
	CLV_LIST_FOUND, /* the filter is the text that is looked for */
	CLV_LIST_ALERTS,
	CLV_LIST_MAX
};

struct clv_window {
	const char *filter; /* NULL or "": all */
	const char *sort;   /* JSON name of a column; NULL: the list's own order */
	bool descending;
	uint64_t offset;
	uint32_t limit;     /* 1..CLV_LIST_LIMIT_MAX */
	bool watch;         /* the same reply again whenever what it shows changed */
	const char *anchor; /* this identity stands `offset` rows below the window's top; NULL: none */
};
CLV_MUST uint64_t clv_session_list(struct clv_session *s, enum clv_list list, const struct clv_window *w,
                                   struct clv_err *err);
CLV_MUST uint64_t clv_session_agent(struct clv_session *s, const char *name, bool watch, struct clv_err *err);
CLV_MUST uint64_t clv_session_account(struct clv_session *s, const char *name, bool watch,
                                      struct clv_err *err);
/* What a password for this account is sealed to; the reply is CLV_REPLY_INTAKE. */
CLV_MUST uint64_t clv_session_intake(struct clv_session *s, const char *account, struct clv_err *err);
/* Seals `password` (borrowed; for SNMPv3 the authentication key, then, where there is one, a line feed and
 * the privacy key; for binary the file) to the intake certificate and sends it as an act. The caller wipes
 * the secret. first: host that tries it, NULL the server's choice. The process must have called
 * secret_openssl_arena() at its start, else CLV_E_DENIED: OpenSSL's heap would keep copies. */
CLV_MUST uint64_t clv_session_enter(struct clv_session *s, const struct clv_intake_fact *intake,
                                    const struct clv_secret *password, const char *first, bool all_at_once,
                                    struct clv_err *err);
/* Accepts the management server that asks to join under this name: the code that it printed is sealed to the
 * key holder's intake certificate (of clv_session_intake with account ""). */
CLV_MUST uint64_t clv_session_join(struct clv_session *s, const struct clv_intake_fact *intake,
                                   const char *name, const struct clv_secret *code, struct clv_err *err);
/* Somebody types a password for the account here: at most every 10 s while keys come; leave: no longer. It
 * locks nothing. The reply, CLV_REPLY_CLAIM, says who else is at it. */
CLV_MUST uint64_t clv_session_claim(struct clv_session *s, const char *account, bool leave,
                                    struct clv_err *err);
CLV_MUST uint64_t clv_session_recovery(struct clv_session *s, struct clv_err *err);
/* The report of the last finished recovery; the reply is CLV_REPLY_REPORT. */
CLV_MUST uint64_t clv_session_report(struct clv_session *s, struct clv_err *err);
/* The whole audit trail, walked at the server now, which may take seconds; the reply is
 * CLV_REPLY_AUDIT_CHECK. */
CLV_MUST uint64_t clv_session_audit_check(struct clv_session *s, struct clv_err *err);
/* The path of an alert, verified at the server now from what is stored; the reply is CLV_REPLY_TRACE. */
CLV_MUST uint64_t clv_session_trace(struct clv_session *s, uint64_t alert, struct clv_err *err);
/* Of the agent's last alert. */
CLV_MUST uint64_t clv_session_trace_last(struct clv_session *s, const char *agent, struct clv_err *err);
/* The path of now: the agent is asked for an empty parcel; at most 10 s. */
CLV_MUST uint64_t clv_session_probe(struct clv_session *s, const char *agent, struct clv_err *err);
/* Is it encrypted: node NULL or "" the whole group; from, to 0: without an end. CLV_REPLY_ENCRYPTION. */
CLV_MUST uint64_t clv_session_encryption(struct clv_session *s, const char *node, int64_t from, int64_t to,
                                         struct clv_err *err);
CLV_MUST uint64_t clv_session_overview(struct clv_session *s, bool watch, struct clv_err *err);
CLV_MUST uint64_t clv_session_whoami(struct clv_session *s, struct clv_err *err);
/* No more pushes for that request; its replies still under way are swallowed. No reply comes. */
void clv_session_unwatch(struct clv_session *s, uint64_t req);

enum clv_act_kind {
	CLV_ACT_APPROVE,
	CLV_ACT_REJECT,
	CLV_ACT_REMOVE,
	CLV_ACT_ROTATE,
	CLV_ACT_ROLE_GRANT,
	CLV_ACT_ROLE_REVOKE,
	CLV_ACT_STORE_BACKUP,
	CLV_ACT_ACCOUNT_PUT,
	CLV_ACT_ACCOUNT_REMOVE,
	CLV_ACT_DISTRIBUTE,
	CLV_ACT_ACCOUNT_CONTINUE,
	CLV_ACT_PROFILE_ADD,
	CLV_ACT_PROFILE_REMOVE,
	CLV_ACT_ASSOCIATE,
	CLV_ACT_GROUP_PUT,
	CLV_ACT_GROUP_REMOVE,
	CLV_ACT_ASIDE,
	CLV_ACT_RECOVERY_FINISH,
	CLV_ACT_MOVE,      /* name, target: the gateway or server that it shall come by */
	CLV_ACT_ALERT_ACK, /* alert */
	CLV_ACT_NEED_ASIDE /* name: the line's key; ends: until when, 0 again; reason */
};
/* Which fields of an account an ACCOUNT_PUT gives. */
enum clv_account_field {
	CLV_FIELD_TYPE = 1,
	CLV_FIELD_USER = 2,
	CLV_FIELD_DOMAIN = 4,
	CLV_FIELD_KEPT_BY = 8,
	CLV_FIELD_NOTE = 16,
	CLV_FIELD_ENDS = 32,
	CLV_FIELD_CONTEXT = 64,
	CLV_FIELD_AUTH_PROTOCOL = 128,
	CLV_FIELD_PRIVACY_PROTOCOL = 256,
	CLV_FIELD_NEW_NAME = 512
};
struct clv_act {
	enum clv_act_kind kind;
	const char *name;        /* node; for STORE_BACKUP the copy's name */
	uint64_t pending_id;     /* APPROVE, REJECT; 0: by name */
	uint64_t row_version;    /* REMOVE, ROTATE; 0: whatever it is now */
	const char *fingerprint; /* APPROVE */
	bool replace;            /* APPROVE: a re-installed host */
	const char *reason;      /* REJECT, ROTATE, ASIDE */
	const char *principal, *role;
	/* accounts, profiles, groups: name is theirs */
	bool add;     /* ACCOUNT_PUT, GROUP_PUT: it must be new; else it must be known */
	bool plan;    /* nothing is done; the reply is CLV_REPLY_PLAN. ACCOUNT_REMOVE, DISTRIBUTE,
	                 PROFILE_REMOVE,    ASSOCIATE, GROUP_PUT, GROUP_REMOVE */
	uint32_t set; /* ACCOUNT_PUT: bits of enum clv_account_field */
	enum clv_account_type type;
	const char *user, *domain, *kept_by, *note, *context, *auth_protocol, *privacy_protocol, *new_name;
	int64_t ends;
	uint32_t distribution; /* DISTRIBUTE: 0 as it is, 1 more secure, 2 less secure */
	const char *const *add_to, *const *remove_from; /* DISTRIBUTE, GROUP_PUT */
	size_t n_add_to, n_remove_from;
	const char *account; /* ASSOCIATE: of profile `name` */
	enum clv_target_kind target_kind;
	const char *target;
	bool remove;      /* ASSOCIATE: no longer; ASIDE: it is to be entered after all */
	bool stop;        /* ACCOUNT_CONTINUE: withdraw the newest version */
	uint64_t version; /* ACCOUNT_CONTINUE: of the password */
	uint64_t alert;   /* ALERT_ACK */
};
CLV_MUST uint64_t clv_session_act(struct clv_session *s, const struct clv_act *act, struct clv_err *err);

/* --- replies --- */

enum clv_reply_kind {
	CLV_REPLY_DONE,    /* an act was done */
	CLV_REPLY_REFUSED, /* code, text, audit_row */
	CLV_REPLY_WHOAMI,
	CLV_REPLY_OVERVIEW,
	CLV_REPLY_LIST,
	CLV_REPLY_AGENT,
	CLV_REPLY_ACCOUNT,
	CLV_REPLY_INTAKE,
	CLV_REPLY_PLAN,
	CLV_REPLY_RECOVERY,
	CLV_REPLY_CLAIM,
	CLV_REPLY_REPORT,
	CLV_REPLY_AUDIT_CHECK,
	CLV_REPLY_TRACE,
	CLV_REPLY_ENCRYPTION,
	CLV_REPLY_DROPPED, /* the line was lost first; `sent`: it may have reached the server */
};

struct clv_rows {
	enum clv_list list;
	uint64_t total, matched, offset;
	int64_t time;            /* the server's */
	uint32_t agents, silent; /* ALERTS: who could have sent one */
	size_t n;
	union {
		struct clv_agent_fact *agents;
		struct clv_event_fact *events;
		struct clv_pending_fact *pending;
		struct clv_audit_fact *audit;
		struct clv_role_fact *roles;
		struct clv_request_fact *requests;
		struct clv_account_fact *accounts;
		struct clv_profile_fact *profiles;
		struct clv_group_fact *groups;
		struct clv_server_fact *servers;
		struct clv_thing_fact *things; /* EXPIRY, FOUND */
		struct clv_alert_fact *alerts;
	} u;
	struct clv_recovery_fact *recovery; /* of ACCOUNTS; NULL else */
};

struct clv_reply {
	enum clv_reply_kind kind;
	uint64_t req;
	bool is_act;
	bool sent;
	enum clv_code code;
	char *text; /* foreign */
	uint64_t row_version, audit_row;
	struct clv_rows rows;
	int64_t time;
	struct clv_whoami_fact *whoami;
	struct clv_overview_fact *overview;
	struct clv_agent_detail *agent;
	struct clv_account_detail *account;
	struct clv_intake_fact *intake;
	struct clv_plan_fact *plan;
	struct clv_recovery_fact *recovery;
	struct clv_claim_fact *claim; /* NULL: nobody else */
	struct clv_report_fact *report;
	struct clv_audit_check_fact *audit_check;
	struct clv_trace_fact *trace;
	struct clv_encryption_fact *encryption;
};
/* The oldest reply, owned by the caller; NULL when there is none. */
struct clv_reply *clv_session_pop(struct clv_session *s);
void clv_reply_free(struct clv_reply *r); /* NULL is fine */
void clv_rows_release(struct clv_rows *rows);

#endif
