/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's inside, shared by the files of backend/client alone: where it goes, how far it is,
 * what it asked and what came back.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "channel/krb.h"
#include "claviger/client.h"
#include "claviger/text.h"

#include <netdb.h>
#include <protobuf-c/protobuf-c.h>

#define SESSION_MAGIC          0x73657373u
#define SESSION_ASKED_MAX      64u   /* requests without an end at one time */
#define SESSION_REPLIES_MAX    4096u /* replies nobody has popped */
#define SESSION_CONNECT_MS     10000
#define SESSION_ANSWER_MS      30000
#define SESSION_RETRY_FIRST_MS 500
#define SESSION_RETRY_MAX_MS   15000

enum line {
	LINE_WAITING,
	LINE_RESOLVING,
	LINE_DIALING,
	LINE_CONNECTING,
	LINE_HANDSHAKE,
	LINE_PROOF,
	LINE_OPEN,
	LINE_FAILED
};

struct asked {
	uint64_t req; /* 0: free */
	bool act, watch, answered;
	bool quiet;       /* nobody waits for its reply */
	uint64_t at_byte; /* of the stream: written past here, it may have arrived */
	int64_t deadline;
};

struct queued {
	struct clv_reply *reply;
	struct queued *next;
};

/* kerberos.c: how a logon by ticket is done; a step of the exchange is begun, or its end taken. */
struct clv_ticket_logon {
	clv_rc (*init)(struct clv_session *s, struct clv_err *err);
	clv_rc (*step)(struct clv_session *s, struct clv_err *err);
	bool (*busy)(const struct clv_session *s);
	void (*drop)(struct clv_session *s);
};

struct clv_session {
	uint32_t magic;
	char *server;      /* as given */
	char *path;        /* unix: */
	char *host, *port; /* TCP: the name to be proven */
	char *address;     /* where to connect; NULL: by that name */
	const struct clv_dialer *dialer;
	bool local; /* no TLS: the kernel, or SSH's far end, says who speaks */
	struct chan_creds *creds;
	const struct clv_ticket_logon *ticket; /* NULL: by certificate */
	struct chan_krb krb;
	struct session_exchange *exchange; /* kerberos.c; NULL: none under way */
	char *pinned;                      /* group fingerprint, upper-case hex; NULL: none */
	char *shown;                       /* what the server showed */
	enum line line;
	int fd;
	struct gaicb gai;
	struct addrinfo hints;
	bool resolving;
	struct chan *chan;
	uint64_t written; /* bytes of this connection */
	int64_t deadline; /* monotonic: for this step of connecting */
	int64_t retry_at;
	int64_t retry_delay;
	uint32_t epoch;
	uint64_t next_req;
	struct asked asked[SESSION_ASKED_MAX];
	struct queued *first, **last;
	size_t n_queued;
	char channel[72];
	struct clv_err err;
};

/* address.c: fills path, or host and port. */
CLV_MUST clv_rc session_parse_address(struct clv_session *s, const char *server, struct clv_err *err);
/* proof.c: is this the server of the pinned group? Fills s->shown. */
CLV_MUST clv_rc session_check_proof(struct clv_session *s, struct clv_slice body, struct clv_err *err);
/* request.c: the record of a request; NULL when unknown. */
struct asked *session_asked(struct clv_session *s, uint64_t req);
/* Sends it now or not at all: req, or 0. req was written into the message by the caller. */
uint64_t session_send(struct clv_session *s, uint16_t type, const ProtobufCMessage *m, uint64_t req,
                      bool watch, struct clv_err *err);
/* protobuf-c takes char * for what it only reads; NULL becomes "". */
char *session_str(const char *s);
/* request_runas.c: acts on accounts, profiles and groups. */
uint64_t session_act_runas(struct clv_session *s, const struct clv_act *act, uint64_t req,
                           struct clv_err *err);
/* intake.c: REP_INTAKE becomes a reply; where its signature or key is not the group's, a REFUSED one. */
CLV_MUST clv_rc session_take_intake(const struct clv_session *s, struct clv_slice body,
                                    struct clv_reply **out, struct clv_err *err);
/* report.c: REP_RECOVERY_REPORT likewise. */
CLV_MUST clv_rc session_take_report(const struct clv_session *s, struct clv_slice body,
                                    struct clv_reply **out, struct clv_err *err);

#endif
