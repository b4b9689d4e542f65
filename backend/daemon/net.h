/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network processes: net_node (port 5723) and net_console (5724 and the adopted local consoles).
 * They speak TLS and frames, hold no file and decide nothing: identities and messages go to core. The
 * channel's private key is in the signer, which is asked at each handshake.
 */
#ifndef DAEMON_NET_H
#define DAEMON_NET_H

#include "channel/krb.h"
#include "ipc.pb-c.h"
#include "proto/ipc.h"
#include <netinet/in.h>
#include <uv.h>

#define NET_MAGIC         0x4e455421u
#define NET_LISTENERS_MAX 16u
#define NET_AUTH_MS       10000 /* T23: to authenticate */
#define NET_FRAME_MS      30000 /* T23: for one frame, and a second more for so many bytes of it that came */
#define NET_FRAME_RATE    4096u
#define NET_SWEEP_MS      1000
#define NET_CORE_BACKLOG  (4u * 1024u * 1024u) /* beyond it peers are not read */

struct net;

/* What differs between the two. */
struct net_role {
	const char *process;
	enum verify_kind accepts;
	bool nodes; /* heartbeats: silence ends a connection */
	/* May this frame come from a peer in this state? */
	bool (*permits)(uint16_t type, size_t len, bool proven, bool initiator);
};
extern const struct net_role net_role;

struct conn {
	struct conn *next; /* of its hash slot */
	struct net *net;
	uint64_t id;
	bool initiator, local, open, proven, closing, reported;
	int fd;
	uv_poll_t poll;
	int polled; /* events asked for */
	struct chan *chan;
	char address[64];
	uint8_t address_key[8]; /* IPv4, or the /64 */
	bool exempt;
	int64_t limit_ms, heard_ms;
	int64_t frame_ms; /* NET_FRAME_MS run from here: part of a frame is there; 0: none is */
	int64_t deaf_ms;  /* it is not read since then; 0: it is */
	int64_t step_ms;  /* a step of its exchange was asked for then; 0: none is under way */
	char *name;       /* expected (initiator) */
	bool carries;     /* links of others: net_carry.c */
	struct carried *first, **end;
	size_t carried; /* bytes of frames that wait behind a full channel */
};

#define NET_SLOTS 4096u

struct net {
	uint32_t magic;
	uv_loop_t loop;
	struct ipc *parent, *core;
	uv_poll_t parent_poll, *core_poll; /* on the heap: core may be replaced */
	uv_timer_t sweep, recheck;
	Clv__Start *start;
	struct chan_creds *creds;
	struct net_krb *krb;       /* net_krb.c; NULL without Kerberos */
	struct net_signer *signer; /* net_signer.c */
	struct net_files *files;   /* net_creds.c; NULL: the newest are settled */
	uint64_t creds_serial;
	bool creds_tried;
	struct clv_err creds_err; /* why the newest files were not taken */
	struct clv_err key_err;   /* why nothing is signed for those in use */
	struct {
		int fd;
		uv_poll_t poll;
		bool paused;
	} listeners[NET_LISTENERS_MAX];
	size_t n_listeners;
	struct conn *slots[NET_SLOTS];
	size_t n_conns, n_unauth;
	uint64_t next_id;
	bool paused; /* peers are not read: core is behind */
	bool held;   /* those that dialled us are not read: the link that carries theirs is behind */
	int status;
};

/* net_conn.c */
void net_accept(struct net *n, int listener);
/* pinned: enum chan_mech that this server was last proven by, 0: none. */
void net_dialed(struct net *n, uint64_t id, const char *name, const char *address, uint32_t pinned, int fd);
void net_adopt(struct net *n, uint64_t id, const char *principal, int fd);
void net_send(struct net *n, uint64_t id, uint16_t type, struct clv_slice body);
void net_proven(struct net *n, uint64_t id, bool carries);
void net_close(struct net *n, uint64_t id, const char *why);
void net_close_all(struct net *n, const char *why);
void net_sweep(struct net *n);
void net_recheck(struct net *n);
void net_resume(struct net *n);
/* What a step of a connection's exchange came to; failed: why it did not (r is NULL then). */
void net_stepped(struct net *n, uint64_t id, const struct chan_stepped *r, const struct clv_err *failed);
/* The process that does the steps of these is gone. */
void net_steps_lost(struct net *n, bool initiator);

/* net_patience.c. Every message that was there is taken; ended: there were some. */
void net_frame_looked(struct conn *c, bool ended);
void net_frame_came(struct conn *c, size_t n);              /* so many bytes */
void net_set_deaf(struct conn *c, bool deaf);               /* it is not read from here on, or again */
const char *net_overdue(const struct conn *c, int64_t now); /* why it is to be ended; NULL */

/* net_carry.c: a link that carries others'. What does not fit its channel waits, up to a limit (CLV_E_LIMIT).
 */
CLV_MUST clv_rc net_carry(struct conn *c, uint16_t type, struct clv_slice body, struct clv_err *err);
/* What waits goes into the channel, as far as it fits. */
CLV_MUST clv_rc net_carry_on(struct conn *c, struct clv_err *err);
void net_carry_drop(struct conn *c);

/* net_krb.c where Kerberos is linked, net_krb_none.c where it is not: one of the two in each executable. */
extern const char *const net_krb_rows; /* behind the process's name in processes.md: "" or "_krb" */
CLV_MUST clv_rc net_krb_prepare(struct net *n, struct clv_err *err); /* before the sandbox */
const struct chan_krb *net_krb_means(const struct net *n, bool initiator);
CLV_MUST clv_rc net_krb_peer(struct net *n, const char *name, int fd, struct clv_err *err); /* owns fd */
CLV_MUST clv_rc net_krb_ask(struct conn *c, const struct chan_step *s, struct clv_err *err);
void net_krb_forget(struct conn *c);

/* net_signer.c */
CLV_MUST clv_rc net_signer_peer(struct net *n, int fd, struct clv_err *err); /* owns fd */
bool net_signer_ready(struct net *n);               /* there, and it owes no answer */
struct chan_asker *net_signer_asker(struct net *n); /* lives as long as the process */

/* net_creds.c */
clv_rc net_on_creds(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err);
CLV_MUST clv_rc net_creds_signer(struct net *n, int fd, struct clv_err *err); /* owns fd */
void net_creds_report(struct net *n);
void net_creds_sweep(struct net *n);

/* net_main.c: listeners take connections once the certificate files were looked at. */
void net_listen(struct net *n);
/* net_main.c: to core; a broken socket is noticed by its own poll. */
void net_tell(struct net *n, enum ipc_type type, const ProtobufCMessage *m);

#endif
