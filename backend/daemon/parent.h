/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent: parses its configuration and nothing that a peer sent; opens listeners and files and
 * passes descriptors; starts the others, restarts what died; dials. Runs as root where the service
 * was started so.
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "base/conf.h"
#include "base/quota.h"
#include "ipc.pb-c.h"
#include "proto/ipc.h"
#include <poll.h>
#include <sys/types.h>

#define PARENT_LISTENERS_MAX 16u
#define PARENT_DIALS_MAX     64u
#define PARENT_LINE_MAX      4096u

enum proc_id {
	PROC_KEYHOLDER,
	PROC_CORE,
	PROC_SIGNER,
	PROC_NET_NODE,
	PROC_NET_CONSOLE,
	PROC_KRB_ACCEPT,
	PROC_KRB_INIT,
	PROC_MAX
};
enum parent_mode {
	MODE_RUN,
	MODE_INIT,
	MODE_ENROLL,
	MODE_RECOVER,
	MODE_RESTORE,
	MODE_PROTECT,
	MODE_JOIN,
	MODE_MAX
};
extern const char *const parent_modes[]; /* their words */

struct child {
	pid_t pid; /* 0: not running */
	struct ipc *ipc;
	int log_fd;
	char line[PARENT_LINE_MAX]; /* of its log, not yet whole */
	size_t line_len;
	uid_t uid;
	gid_t gid;
	int64_t started_ms, again_ms; /* monotonic; again_ms: when to start it anew */
	uint32_t quick_deaths;
	bool given_up; /* it runs and lacks what it needs: it is being ended */
};

struct check;

/* A connection being made for core. */
struct dial {
	uint64_t conn; /* 0: free */
	char *host, *name;
	uint16_t port;
	pid_t resolver;
	int pipe; /* answers of the resolver */
	char answers[1024];
	size_t n_answers, at;
	int fd; /* socket being connected */
	int64_t limit_ms;
	uint32_t pinned;
};

struct parent {
	struct conf *conf;
	const char *conf_path;
	char *libexec;
	enum parent_mode mode;
	bool server, gateway, replace, kerberos; /* server, gateway: by [node] role */
	const char *caller, *server_override;    /* of init and enroll */
	uint8_t recovery_hash[32];
	bool has_recovery;
	const char *recovery_path, *backup_path; /* of recover and restore; NULL: none */
	int passphrase_fd;                       /* of either; -1 */
	int vault_fd, new_secret_fd;             /* pipes with a passphrase of the vault; -1 */
	const char *protect_by;                  /* of vault protect: the new protection */
	struct child children[PROC_MAX];
	int log_fd, signal_fd, null_fd;
	int node_listeners[PARENT_LISTENERS_MAX], console_listeners[PARENT_LISTENERS_MAX];
	size_t n_node_listeners, n_console_listeners;
	char *node_listen_text; /* first address, as bound */
	int console_fd;         /* unix socket; -1 */
	int credential_fd;      /* unix socket of an agent; -1 */
	struct pace pace;       /* of local callers */
	uint32_t turned_away;   /* since it was told last */
	int64_t turned_away_told;
	int alert_fd;         /* unix socket of an agent; -1 */
	struct check *checks; /* running; parent_host.c */
	uint64_t console_serial, creds_serial;
	struct dial dials[PARENT_DIALS_MAX];
	uint8_t creds_mark[64], creds_next[64]; /* what the files looked like */
	int64_t creds_at_ms;
	bool has_key; /* the signer was given the newest key file */
	bool stopping;
	int status;
	bool told; /* a command: what came of it was said */
};

/* parent_child.c */
const char *proc_name(enum proc_id id);
bool proc_wanted(const struct parent *p, enum proc_id id);
CLV_MUST clv_rc parent_users(struct parent *p, struct clv_err *err);
CLV_MUST clv_rc parent_spawn(struct parent *p, enum proc_id id, struct clv_err *err);
CLV_MUST clv_rc parent_connect_siblings(struct parent *p, enum proc_id id, struct clv_err *err);
/* A start that failed halfway: what runs is ended, and started anew once it was reaped. */
void parent_give_up(struct parent *p, enum proc_id id);
void parent_reap(struct parent *p, pid_t pid, int status);
/* fork and exec for a short-lived helper; stdout is out_fd. */
CLV_MUST clv_rc parent_exec(const struct parent *p, const char *name, const char *arg, int out_fd, pid_t *pid,
                            struct clv_err *err);
void parent_log_read(struct parent *p, struct child *c);

/* parent_files.c */
CLV_MUST clv_rc parent_prepare_state(struct parent *p, struct clv_err *err);
CLV_MUST clv_rc parent_listen(struct parent *p, struct clv_err *err);
CLV_MUST clv_rc parent_send_start(struct parent *p, enum proc_id id, struct clv_err *err);
CLV_MUST clv_rc parent_send_creds(struct parent *p, enum proc_id id, struct clv_err *err);
/* The private key's file, to the signer alone; none is sent where it cannot be opened. */
CLV_MUST clv_rc parent_send_key(struct parent *p, struct clv_err *err);
void parent_watch_creds(struct parent *p, int64_t now_ms, bool at_once);
void parent_take_console(struct parent *p, int fd);
/* parent_door.c: takes who knocks at a local socket, turns away who comes too often, hands over the rest.
 * Never blocks. */
void parent_door_init(struct parent *p);
void parent_door(struct parent *p, int listener, void (*take)(struct parent *p, int fd));

/* parent_krb.c: where [kerberos] is set */
CLV_MUST clv_rc parent_prepare_krb(struct parent *p, struct clv_err *err);
void parent_fill_krb(const struct parent *p, Clv__Start *m);
void parent_release_krb(Clv__Start *m);
CLV_MUST clv_rc parent_send_keytab(struct parent *p, enum proc_id id, struct clv_err *err);

/* parent_vault.c */
CLV_MUST clv_rc parent_prepare_vault(struct parent *p, struct clv_err *err);
CLV_MUST clv_rc parent_send_vault(struct parent *p, struct clv_err *err);
/* A key holder that died cannot be started again: what opens its vault is kept nowhere. */
bool parent_vault_lost(const struct parent *p);

/* parent_host.c: an agent's local side */
CLV_MUST clv_rc parent_host_fill(const struct parent *p, Clv__Start *m, struct clv_err *err);
void parent_host_release(Clv__Start *m);
/* parent_persons.c, for core: [person NAME], require_approval. */
CLV_MUST clv_rc parent_persons_fill(const struct parent *p, Clv__Start *m, struct clv_err *err);
void parent_persons_release(Clv__Start *m);
/* The same, before anything listens. */
CLV_MUST clv_rc parent_persons_check(const struct parent *p, struct clv_err *err);
CLV_MUST clv_rc parent_unix_listen(const char *path, int *out, struct clv_err *err);
/* Hand over a caller that was let in; they own fd. */
void parent_take_credential(struct parent *p, int fd);
void parent_take_alert(struct parent *p, int fd);
/* Who may raise alerts here, as numbers; for core. */
CLV_MUST clv_rc parent_alert_fill(const struct parent *p, Clv__Start *m, struct clv_err *err);
clv_rc parent_on_check(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);
bool parent_check_reaped(struct parent *p, pid_t pid, int status);
void parent_checks_step(struct parent *p, int64_t now_ms);
int64_t parent_checks_at(const struct parent *p, int64_t at); /* the earlier of at and the next limit */
void parent_checks_end(struct parent *p);

/* parent_dial.c */
clv_rc parent_on_dial(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);
void parent_dial_poll(struct parent *p, struct pollfd *fds, size_t *n);
void parent_dial_step(struct parent *p, const struct pollfd *fds, size_t n, int64_t now_ms);
void parent_dial_reaped(struct parent *p, pid_t pid);
void parent_dial_drop(struct parent *p);

#endif
