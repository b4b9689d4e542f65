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

#define CLV_LIST_LIMIT_MAX 1000u /* rows in one window */
#define CLV_DEFAULT_SERVER "unix:/run/claviger/console.sock"
#define CLV_CONSOLE_PORT   5724u

struct clv_session; /* opaque */

/* Where to, and as whom. Borrowed during the call only. */
struct clv_target {
	const char *server;             /* "unix:PATH" or "name[@address][:port]"; NULL: CLV_DEFAULT_SERVER */
	struct clv_slice ca, cert, key; /* PEM, for host[:port] only */
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
/* Proven channel: "local" or "certificate TLS 1.3". */
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
	CLV_ACT_STORE_BACKUP
};
struct clv_act {
	enum clv_act_kind kind;
	const char *name;        /* node; for STORE_BACKUP the copy's name */
	uint64_t pending_id;     /* APPROVE, REJECT; 0: by name */
	uint64_t row_version;    /* REMOVE, ROTATE; 0: whatever it is now */
	const char *fingerprint; /* APPROVE */
	bool replace;            /* APPROVE: a re-installed host */
	const char *reason;      /* REJECT, ROTATE */
	const char *principal, *role;
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
	CLV_REPLY_DROPPED, /* the line was lost first; `sent`: it may have reached the server */
};

struct clv_rows {
	enum clv_list list;
	uint64_t total, matched, offset;
	int64_t time; /* the server's */
	size_t n;
	union {
		struct clv_agent_fact *agents;
		struct clv_event_fact *events;
		struct clv_pending_fact *pending;
		struct clv_audit_fact *audit;
		struct clv_role_fact *roles;
		struct clv_request_fact *requests;
	} u;
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
};
/* The oldest reply, owned by the caller; NULL when there is none. */
struct clv_reply *clv_session_pop(struct clv_session *s);
void clv_reply_free(struct clv_reply *r); /* NULL is fine */
void clv_rows_release(struct clv_rows *rows);

#endif
