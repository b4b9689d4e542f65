/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the other processes, dropping their privileges, connecting them with each other, and
 * starting anew what died. Runs in the parent.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/parent.h"
#include "proto/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESTART_FIRST_MS 100
#define RESTART_MOST_MS  5000
#define RESTART_LATER_MS 1000 /* when starting it was not possible */
#define QUICK_MS         10000
#define QUICK_DEATHS_MAX 10u

/* krb: the executable where Kerberos is on; a node without it is linked with none of it. */
static const struct {
	const char *name, *krb, *user_option;
	bool server_only, gateway_too, run_only;
} procs[PROC_MAX] = {
    [PROC_KEYHOLDER] = {"keyholder", "keyholder", "key", false, false, false},
    [PROC_CORE] = {"core", "core", "core", false, false, false},
    [PROC_SIGNER] = {"signer", "signer", "key", false, false, false},
    [PROC_NET_NODE] = {"net_node", "net_node_krb", "net", false, false, false},
    [PROC_NET_CONSOLE] = {"net_console", "net_console_krb", "net", true, false, true},
    [PROC_KRB_ACCEPT] = {"krb_accept", "krb_accept", "net", true, true, true},
    [PROC_KRB_INIT] = {"krb_init", "krb_init", "net", false, false, false},
};

/* Who talks to whom. */
static const enum proc_id edges[][2] = {{PROC_CORE, PROC_KEYHOLDER},         {PROC_CORE, PROC_NET_NODE},
                                        {PROC_CORE, PROC_NET_CONSOLE},       {PROC_KRB_ACCEPT, PROC_NET_NODE},
                                        {PROC_KRB_ACCEPT, PROC_NET_CONSOLE}, {PROC_KRB_INIT, PROC_NET_NODE},
                                        {PROC_SIGNER, PROC_NET_NODE},        {PROC_SIGNER, PROC_NET_CONSOLE}};

const char *proc_name(enum proc_id id)
{
	return procs[id].name;
}

bool proc_wanted(const struct parent *p, enum proc_id id)
{
	if (p->mode == MODE_INIT && (id == PROC_NET_NODE || id == PROC_SIGNER))
		return false;
	if (id == PROC_SIGNER && !conf_str(p->conf, "channel", "key"))
		return false;
	if (id >= PROC_KRB_ACCEPT && (!p->kerberos || (id == PROC_KRB_INIT && p->server)))
		return false;
	if (p->mode == MODE_PROTECT && id != PROC_KEYHOLDER)
		return false;
	return (!procs[id].server_only || p->server || (procs[id].gateway_too && p->gateway)) &&
	       (!procs[id].run_only || p->mode == MODE_RUN);
}

static clv_rc find_user(const char *name, uid_t *uid, gid_t *gid, struct clv_err *err)
{
	char *end = NULL;
	unsigned long n = strtoul(name, &end, 10);
	struct passwd *pw;

	if (*name && !*end && n > 0 && n < 0xfffffff0ul) {
		*uid = (uid_t)n;
		*gid = (gid_t)n;
		return CLV_OK;
	}
	pw = getpwnam(name);
	if (!pw || pw->pw_uid == 0)
		return err_set(err, CLV_E_CONFIG, "there is no user %s (other than root) to run a process as",
		               name);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return CLV_OK;
}

clv_rc parent_users(struct parent *p, struct clv_err *err)
{
	for (size_t i = 0; i < PROC_MAX; i++) {
		const char *name = conf_str(p->conf, "users", procs[i].user_option);
		char standard[32];

		p->children[i].uid = geteuid();
		p->children[i].gid = getegid();
		if (geteuid() != 0) {
			if (name)
				return err_set(
				    err, CLV_E_CONFIG,
				    "%s:%d: [users] needs root; take the line out to run as yourself",
				    conf_name(p->conf), conf_line(p->conf, "users", procs[i].user_option));
			continue;
		}
		(void)snprintf(standard, sizeof standard, "claviger-%s", procs[i].user_option);
		if (find_user(name ? name : standard, &p->children[i].uid, &p->children[i].gid, err))
			return err_wrap(err, "[users] %s", procs[i].user_option);
	}
	return CLV_OK;
}

static void become(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) || setuid(0) == 0)
		_exit(126);
}

static char *const *child_environment(void)
{
#ifdef CLV_TEST_BUILD
	return environ; /* clock and fault points of the test build */
#else
	static char *const clean[] = {(char *)(uintptr_t) "LANG=C.UTF-8", NULL};

	return clean;
#endif
}

/* The executable is opened before the privileges go, so that it may lie where the other users cannot
 * look (a clone in root's home). */
static void exec_child(const struct parent *p, const char *name, const char *arg, int in3, int out1, int log,
                       uid_t uid, gid_t gid)
{
	char *path = clv_asprintf("%s/%s", p->libexec, name);
	char *argv[3] = {path, (char *)(uintptr_t)arg, NULL};
	int exe = open(path, O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	/* Out of the way of 0 to 3, which are about to be given their meaning. */
	exe = fcntl(exe, F_DUPFD_CLOEXEC, 10);
	if (exe < 0 || dup2(p->null_fd, 0) < 0 || dup2(out1 >= 0 ? out1 : p->null_fd, 1) < 0 ||
	    dup2(log, 2) < 0)
		_exit(126);
	if (in3 == 3)
		(void)fcntl(3, F_SETFD, 0);
	else if (in3 >= 0 && dup2(in3, 3) < 0)
		_exit(126);
	become(uid, gid);
	(void)syscall(SYS_execveat, exe, "", argv, child_environment(), AT_EMPTY_PATH);
	_exit(127);
}

clv_rc parent_exec(const struct parent *p, const char *name, const char *arg, int out_fd, pid_t *pid,
                   struct clv_err *err)
{
	const struct child *as = &p->children[PROC_NET_NODE];

	*pid = fork();
	if (*pid < 0)
		return err_sys(err, CLV_E_IO, "starting %s", name);
	if (*pid == 0)
		exec_child(p, name, arg, -1, out_fd, p->log_fd, as->uid, as->gid);
	return CLV_OK;
}

clv_rc parent_spawn(struct parent *p, enum proc_id id, struct clv_err *err)
{
	struct child *c = &p->children[id];
	int pair[2] = {-1, -1}, log[2] = {-1, -1};
	clv_rc rc = CLV_FAILED;
	pid_t pid;

	if (ipc_pair(pair, err))
		return CLV_FAILED;
	if (pipe2(log, O_CLOEXEC)) {
		(void)err_sys(err, CLV_E_IO, "a log pipe");
		goto out;
	}
	pid = fork();
	if (pid < 0) {
		(void)err_sys(err, CLV_E_IO, "starting %s", procs[id].name);
		goto out;
	}
	if (pid == 0)
		exec_child(p, p->kerberos ? procs[id].krb : procs[id].name, NULL, pair[1], -1, log[1], c->uid,
		           c->gid);
	c->pid = pid;
	c->started_ms = clock_mono_ms();
	c->again_ms = 0;
	fd_close(&c->log_fd);
	c->log_fd = log[0];
	log[0] = -1;
	c->line_len = 0;
	if (fd_nonblock(c->log_fd, err) || ipc_new(pair[0], procs[id].name, &c->ipc, err)) {
		pair[0] = -1;
		goto out;
	}
	pair[0] = -1;
	rc = parent_send_start(p, id, err);
out:
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	fd_close(&log[0]);
	fd_close(&log[1]);
	return rc;
}

static clv_rc connect_two(struct parent *p, enum proc_id a, enum proc_id b, struct clv_err *err)
{
	Clv__Peer to_a = CLV__PEER__INIT, to_b = CLV__PEER__INIT;
	int pair[2];

	if (!p->children[a].ipc || !p->children[b].ipc)
		return CLV_OK;
	if (ipc_pair(pair, err))
		return CLV_FAILED;
	to_a.name = (char *)(uintptr_t)procs[b].name;
	to_b.name = (char *)(uintptr_t)procs[a].name;
	if (ipc_send(p->children[a].ipc, IPC_PEER, &to_a.base, &pair[0], 1, err)) {
		(void)close(pair[1]);
		return CLV_FAILED;
	}
	return ipc_send(p->children[b].ipc, IPC_PEER, &to_b.base, &pair[1], 1, err);
}

clv_rc parent_connect_siblings(struct parent *p, enum proc_id id, struct clv_err *err)
{
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
		if ((edges[i][0] == id || edges[i][1] == id) && connect_two(p, edges[i][0], edges[i][1], err))
			return CLV_FAILED;
	return CLV_OK;
}

void parent_give_up(struct parent *p, enum proc_id id)
{
	struct child *c = &p->children[id];

	ipc_free(c->ipc);
	c->ipc = NULL;
	if (!c->pid) {
		c->again_ms = clock_mono_ms() + RESTART_LATER_MS;
		return;
	}
	c->given_up = true;
	(void)kill(c->pid, SIGKILL);
}

static void tell_core(struct parent *p, const char *name, const char *how)
{
	Clv__ChildDied m = CLV__CHILD_DIED__INIT;
	struct clv_err err = {0};

	if (!p->children[PROC_CORE].ipc)
		return;
	m.name = (char *)(uintptr_t)name;
	m.how = (char *)(uintptr_t)how;
	if (ipc_send(p->children[PROC_CORE].ipc, IPC_CHILD_DIED, &m.base, NULL, 0, &err))
		log_err(LOG_WARN, &err, "telling core");
}

static void died(struct parent *p, enum proc_id id, const char *how, bool timed_out)
{
	struct child *c = &p->children[id];
	int64_t now = clock_mono_ms(), wait = RESTART_FIRST_MS;

	parent_log_read(p, c);
	ipc_free(c->ipc);
	c->ipc = NULL;
	c->pid = 0;
	if (p->stopping)
		return;
	if (c->given_up) {
		c->given_up = false;
		c->again_ms = now + RESTART_LATER_MS;
		return;
	}
	if (id == PROC_KEYHOLDER && parent_vault_lost(p)) {
		log_error(
		    "keyholder %s; its vault is under a passphrase, which is kept nowhere, so the service "
		    "ends: start it again and give the passphrase",
		    how);
		p->stopping = true;
		p->status = 1;
		return;
	}
	log_error("%s %s; it is started again", procs[id].name, how);
#ifdef CLV_TEST_BUILD
	(void)unsetenv("CLAVIGER_TEST_KILL_AT"); /* once is what a test wants to see survived */
	(void)unsetenv("CLAVIGER_TEST_FAIL_AT");
#endif
	/* A silent KDC is no fault of the process that waits for it (T27). */
	c->quick_deaths = now - c->started_ms < QUICK_MS && !timed_out ? c->quick_deaths + 1 : 0;
	if (c->quick_deaths > QUICK_DEATHS_MAX || (p->mode != MODE_RUN && c->quick_deaths)) {
		log_error("%s does not stay up; the service ends", procs[id].name);
		p->stopping = true;
		p->status = 1;
		return;
	}
	for (uint32_t i = 1; i < c->quick_deaths && wait < RESTART_MOST_MS; i++)
		wait *= 2;
	c->again_ms = now + wait;
	if (id != PROC_CORE)
		tell_core(p, procs[id].name, how);
}

void parent_reap(struct parent *p, pid_t pid, int status)
{
	char how[64];

	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof how, "was ended by signal %d (%s)", WTERMSIG(status),
		               strsignal(WTERMSIG(status)));
	else
		(void)snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
	for (size_t i = 0; i < PROC_MAX; i++)
		if (p->children[i].pid == pid) {
			died(p, (enum proc_id)i, how,
			     i == PROC_KRB_INIT && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
			return;
		}
	if (!parent_check_reaped(p, pid, status))
		parent_dial_reaped(p, pid);
}

void parent_log_read(struct parent *p, struct child *c)
{
	for (;;) {
		ssize_t n =
		    c->log_fd < 0 ? 0 : read(c->log_fd, c->line + c->line_len, sizeof c->line - c->line_len);
		char *nl;

		if (n <= 0) {
			if (n == 0 || (errno != EAGAIN && errno != EINTR))
				fd_close(&c->log_fd);
			return;
		}
		c->line_len += (size_t)n;
		while ((nl = memchr(c->line, '\n', c->line_len)) || c->line_len == sizeof c->line) {
			size_t len = nl ? (size_t)(nl - c->line) + 1 : c->line_len;

			if (fd_write_all(p->log_fd, slice_of(c->line, len), NULL))
				len = c->line_len; /* the log itself failed: there is nowhere to say so */
			c->line_len -= len;
			memmove(c->line, c->line + len, c->line_len);
		}
	}
}
