/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's process: `parent run|init|enroll FILE [...]`, started by clavigerd. Starts the others,
 * then waits for their messages, their logs, consoles on the local socket, signals and timers.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "claviger/secret.h"
#include "daemon/parent.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS 3000

const char *const parent_modes[] = {"run", "init", "enroll", "recover", "restore", "protect", "join"};

static clv_rc on_outcome(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Outcome *o = (const Clv__Outcome *)msg;
	struct parent *p = ctx;

	(void)fds;
	(void)err;
	if (p->mode == MODE_RUN)
		log_error("%s", o->text);
	else
		(void)fprintf(o->status ? stderr : stdout, "%s%s\n", o->status ? "clavigerd: " : "", o->text);
	p->status = (int)o->status;
	p->told = p->stopping = true;
	return CLV_OK;
}

static clv_rc on_ready(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)msg;
	(void)fds;
	(void)err;
	log_notice("ready");
	return CLV_OK;
}

static clv_rc on_notice(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)fds;
	(void)err;
	(void)printf("%s\n", ((const Clv__Notice *)msg)->text);
	(void)fflush(stdout);
	return CLV_OK;
}

static const struct ipc_row core_rows[] = {{IPC_DIAL, parent_on_dial},
                                           {IPC_OUTCOME, on_outcome},
                                           {IPC_NOTICE, on_notice},
                                           {IPC_READY, on_ready},
                                           {0, NULL}};
static const struct ipc_row keyholder_rows[] = {
    {IPC_CHECK_RUN, parent_on_check}, {IPC_OUTCOME, on_outcome}, {0, NULL}};
static const struct ipc_row krb_rows[] = {{IPC_OUTCOME, on_outcome}, {0, NULL}};
static const struct ipc_row no_rows[] = {{0, NULL}};

static const struct ipc_row *rows_of(enum proc_id id)
{
	switch (id) {
	case PROC_CORE:
		return core_rows;
	case PROC_KEYHOLDER:
		return keyholder_rows;
	case PROC_KRB_ACCEPT:
	case PROC_KRB_INIT:
		return krb_rows;
	default:
		return no_rows;
	}
}

static clv_rc open_log(struct parent *p, struct clv_err *err)
{
	const char *path = conf_str(p->conf, "node", "log");
	enum log_level level = LOG_INFO;

	if (log_level_parse(conf_str(p->conf, "node", "log_level"), &level, err))
		return CLV_FAILED;
	p->log_fd = 2;
	if (strcmp(path, "-") != 0) {
		p->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (p->log_fd < 0)
			return err_sys(err, CLV_E_IO, "the log %s", path);
	}
	log_init("parent", conf_str(p->conf, "node", "role"), p->log_fd, level);
	return CLV_OK;
}

static clv_rc open_signals(struct parent *p, struct clv_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_sys(err, CLV_E_IO, "blocking signals");
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return p->signal_fd < 0 || p->null_fd < 0 ? err_sys(err, CLV_E_IO, "a signal descriptor") : CLV_OK;
}

static clv_rc start_all(struct parent *p, struct clv_err *err)
{
	for (size_t i = 0; i < PROC_MAX; i++)
		if (proc_wanted(p, (enum proc_id)i) && parent_spawn(p, (enum proc_id)i, err))
			return err_wrap(err, "starting %s", proc_name((enum proc_id)i));
	/* These have every edge there is, once each. */
	return parent_connect_siblings(p, PROC_CORE, err) || parent_connect_siblings(p, PROC_SIGNER, err) ||
	               parent_connect_siblings(p, PROC_KRB_ACCEPT, err) ||
	               parent_connect_siblings(p, PROC_KRB_INIT, err)
	           ? CLV_FAILED
	           : CLV_OK;
}

/* A management server whose store is another's carries links on as a gateway does, and has the group's keys.
 */
static clv_rc choose_store(struct parent *p, struct clv_err *err)
{
	const char *store = conf_str(p->conf, "node", "store"),
	           *name = strncmp(store, "via ", 4) == 0 ? store + 4 : NULL;
	const char *const *servers = NULL;
	size_t len;

	if (strcmp(store, "own") == 0)
		return CLV_OK;
	if (!name || !*name || !p->server)
		return err_set(err, CLV_E_CONFIG, "%s:%d: [node] store: %s", conf_name(p->conf),
		               conf_line(p->conf, "node", "store"),
		               p->server ? "expected own or via NAME" : "it is for a management server");
	len = strlen(name);
	if (conf_list(p->conf, "channel", "server", &servers) == 0 || strncmp(servers[0], name, len) != 0 ||
	    !strchr("@:", servers[0][len]))
		return err_set(
		    err, CLV_E_CONFIG,
		    "%s:%d: [node] store = via %s: expected it as the first of [channel] server, with "
		    "its address",
		    conf_name(p->conf), conf_line(p->conf, "node", "store"), name);
	if (p->mode == MODE_RUN) {
		p->server = false;
		p->gateway = true;
	}
	return CLV_OK;
}

static clv_rc prepare(struct parent *p, struct clv_err *err)
{
	if (options_load(p->conf_path, &p->conf, err))
		return CLV_FAILED;
	p->server = strcmp(conf_str(p->conf, "node", "role"), "management-server") == 0;
	p->gateway = strcmp(conf_str(p->conf, "node", "role"), "gateway") == 0;
	if (choose_store(p, err))
		return CLV_FAILED;
	if (p->server && p->mode == MODE_ENROLL)
		return err_set(err, CLV_E_USAGE, "a management server is not enrolled: use clavigerd init");
	if (p->server && p->mode == MODE_JOIN)
		p->server = false; /* it asks as an agent does, and listens nowhere */
	else if (!p->server && p->mode != MODE_RUN && p->mode != MODE_ENROLL && p->mode != MODE_PROTECT)
		return err_set(err, CLV_E_USAGE,
		               "%s is for a management server: [node] role in %s is another",
		               parent_modes[p->mode], p->conf_path);
	if (open_log(p, err) || open_signals(p, err) || parent_users(p, err) ||
	    parent_prepare_state(p, err) || parent_prepare_krb(p, err) || parent_persons_check(p, err) ||
	    parent_listen(p, err))
		return CLV_FAILED;
	parent_watch_creds(p, clock_mono_ms(), true);
	p->creds_serial = p->creds_serial ? p->creds_serial : 1;
	return start_all(p, err);
}

static void restart_due(struct parent *p, int64_t now)
{
	for (size_t i = 0; i < PROC_MAX; i++) {
		struct child *c = &p->children[i];
		struct clv_err err = {0};

		if (c->pid || !c->again_ms || now < c->again_ms || p->stopping)
			continue;
		c->again_ms = 0;
		if (parent_spawn(p, (enum proc_id)i, &err) ||
		    parent_connect_siblings(p, (enum proc_id)i, &err)) {
			log_err(LOG_ERROR, &err, "starting a process anew");
			parent_give_up(p, (enum proc_id)i);
		}
	}
}

static void on_signal(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
			p->stopping = true;
		else if (si.ssi_signo == SIGHUP)
			parent_watch_creds(p, clock_mono_ms(), true);
	}
}

/* What a child said before it ended is heard before its end is judged. */
static void last_words(struct parent *p, pid_t pid)
{
	struct clv_err err = {0};

	for (size_t i = 0; i < PROC_MAX; i++)
		if (p->children[i].pid == pid && p->children[i].ipc &&
		    ipc_wait(p->children[i].ipc, rows_of((enum proc_id)i), p, 0, &err))
			err_clear(&err); /* it is gone: that is why we are here */
}

static void reap(struct parent *p)
{
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		last_words(p, pid);
		parent_reap(p, pid, status);
	}
}

static int next_timeout(const struct parent *p, int64_t now)
{
	int64_t at = p->creds_at_ms;

	for (size_t i = 0; i < PROC_MAX; i++)
		if (p->children[i].again_ms && p->children[i].again_ms < at)
			at = p->children[i].again_ms;
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++)
		if (p->dials[i].conn && p->dials[i].limit_ms < at)
			at = p->dials[i].limit_ms;
	at = parent_checks_at(p, at);
	return at <= now ? 0 : (int)(at - now);
}

static void serve_child(struct parent *p, enum proc_id id, const struct pollfd *fds, size_t n)
{
	struct child *c = &p->children[id];
	struct clv_err err = {0};

	for (size_t i = 0; i < n; i++) {
		if (!fds[i].revents)
			continue;
		if (c->log_fd >= 0 && fds[i].fd == c->log_fd)
			parent_log_read(p, c);
		else if (c->ipc && fds[i].fd == ipc_fd(c->ipc) && ipc_wait(c->ipc, rows_of(id), p, 0, &err)) {
			/* Its end is reaped soon; a child that breaks the grammar is ended. */
			if (err.cls != CLV_CLASS_CLOSED) {
				log_err(LOG_ERROR, &err, "a child misbehaves");
				(void)kill(c->pid, SIGKILL);
			}
			ipc_free(c->ipc);
			c->ipc = NULL;
			return;
		}
	}
}

static void turn(struct parent *p)
{
	struct pollfd fds[4 + PROC_MAX * 2 + PARENT_DIALS_MAX];
	size_t n = 0;
	int64_t now = clock_mono_ms();

	fds[n++] = (struct pollfd){.fd = p->signal_fd, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = p->console_fd, .events = POLLIN};
	/* Whoever asks while the key holder is started anew waits in the socket's own queue. */
	fds[n++] =
	    (struct pollfd){.fd = p->children[PROC_KEYHOLDER].ipc ? p->credential_fd : -1, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = p->alert_fd, .events = POLLIN};
	for (size_t i = 0; i < PROC_MAX; i++) {
		const struct child *c = &p->children[i];

		if (c->log_fd >= 0)
			fds[n++] = (struct pollfd){.fd = c->log_fd, .events = POLLIN};
		if (c->ipc)
			fds[n++] =
			    (struct pollfd){.fd = ipc_fd(c->ipc),
			                    .events = (short)(POLLIN | (ipc_unsent(c->ipc) ? POLLOUT : 0))};
	}
	parent_dial_poll(p, fds, &n);
	if (poll(fds, n, next_timeout(p, now)) < 0 && errno != EINTR)
		clv_fatal("poll");
	now = clock_mono_ms();
	for (size_t i = 0; i < PROC_MAX; i++)
		serve_child(p, (enum proc_id)i, fds, n);
	if (fds[0].revents)
		on_signal(p);
	if (fds[1].revents)
		parent_door(p, p->console_fd, parent_take_console);
	if (fds[2].revents && p->children[PROC_KEYHOLDER].ipc)
		parent_door(p, p->credential_fd, parent_take_credential);
	if (fds[3].revents)
		parent_door(p, p->alert_fd, parent_take_alert);
	parent_checks_step(p, now);
	parent_dial_step(p, fds, n, now);
	reap(p);
	restart_due(p, now);
	parent_watch_creds(p, now, false);
}

/* Children end when their socket to us closes; who does not within 3 s is killed. */
static void stop_all(struct parent *p)
{
	int64_t limit = clock_mono_ms() + STOP_MS;
	bool left = true;

	p->stopping = true;
	parent_dial_drop(p);
	for (size_t i = 0; i < PROC_MAX; i++) {
		ipc_free(p->children[i].ipc);
		p->children[i].ipc = NULL;
	}
	while (left) {
		bool late = clock_mono_ms() >= limit;
		struct pollfd s = {.fd = p->signal_fd, .events = POLLIN};

		(void)poll(&s, 1, 50);
		on_signal(p);
		reap(p);
		left = false;
		for (size_t i = 0; i < PROC_MAX; i++) {
			if (!p->children[i].pid)
				continue;
			left = true;
			parent_log_read(p, &p->children[i]);
			if (late)
				(void)kill(p->children[i].pid, SIGKILL);
		}
	}
	parent_checks_end(p);
	if (p->console_fd >= 0)
		(void)unlink(conf_str(p->conf, "channel", "console_socket"));
	if (p->credential_fd >= 0)
		(void)unlink(conf_str(p->conf, "channel", "credential_socket"));
	if (p->alert_fd >= 0)
		(void)unlink(conf_str(p->conf, "channel", "alert_socket"));
}

static void init_fds(struct parent *p)
{
	parent_door_init(p);
	p->passphrase_fd = p->vault_fd = p->new_secret_fd = -1;
	p->log_fd = p->signal_fd = p->null_fd = p->console_fd = p->credential_fd = p->alert_fd = -1;
	for (size_t i = 0; i < PROC_MAX; i++)
		p->children[i].log_fd = -1;
	for (size_t i = 0; i < PARENT_DIALS_MAX; i++)
		p->dials[i].pipe = p->dials[i].fd = -1;
}

/* A pipe that the command left open for us: for no other child. */
static int inherited(const char *text)
{
	int fd = (int)strtol(text, NULL, 10);

	return fd > 2 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}

static clv_rc parse_args(struct parent *p, int argc, char **argv, struct clv_err *err)
{
	bool known = false;

	if (argc < 3)
		return err_set(err, CLV_E_USAGE, "parent is started by clavigerd");
	for (size_t i = 0; i < MODE_MAX; i++)
		if (strcmp(argv[1], parent_modes[i]) == 0) {
			p->mode = (enum parent_mode)i;
			known = true;
		}
	p->conf_path = argv[2];
	for (int i = 3; i < argc; i++) {
		if (strncmp(argv[i], "caller=", 7) == 0)
			p->caller = argv[i] + 7;
		else if (strncmp(argv[i], "server=", 7) == 0)
			p->server_override = argv[i] + 7;
		else if (strncmp(argv[i], "recovery=", 9) == 0)
			p->has_recovery =
			    !hex_decode(argv[i] + 9, strlen(argv[i] + 9), p->recovery_hash, 32, err);
		else if (strncmp(argv[i], "recovery-key=", 13) == 0)
			p->recovery_path = argv[i] + 13;
		else if (strncmp(argv[i], "backup=", 7) == 0)
			p->backup_path = argv[i] + 7;
		else if (strncmp(argv[i], "passphrase=", 11) == 0)
			p->passphrase_fd = (int)strtol(argv[i] + 11, NULL, 10);
		else if (strncmp(argv[i], "vault-passphrase=", 17) == 0)
			p->vault_fd = inherited(argv[i] + 17);
		else if (strncmp(argv[i], "new-passphrase=", 15) == 0)
			p->new_secret_fd = inherited(argv[i] + 15);
		else if (strncmp(argv[i], "by=", 3) == 0)
			p->protect_by = argv[i] + 3;
		else if (strcmp(argv[i], "replace") == 0)
			p->replace = true;
		else
			known = false;
	}
	return known ? CLV_OK : err_set(err, CLV_E_USAGE, "parent does not know '%s'", argv[1]);
}

static char *own_folder(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	if (n <= 0)
		return clv_strdup(".");
	path[n] = 0;
	slash = strrchr(path, '/');
	if (slash)
		*slash = 0;
	return clv_strdup(path);
}

int main(int argc, char **argv)
{
	static struct parent p;
	struct clv_err err = {0};
	int status = 1;

	init_fds(&p);
	log_init("parent", "", 2, LOG_INFO);
	p.libexec = own_folder();
	if (parse_args(&p, argc, argv, &err) || prepare(&p, &err)) {
		(void)fprintf(stderr, "clavigerd: %s\n", err.text);
		status = err.cls == CLV_CLASS_USAGE ? 2 : 1;
		p.status = status;
		stop_all(&p);
		return status;
	}
	while (!p.stopping)
		turn(&p);
	stop_all(&p);
	/* Who waits for a command hears of its failure where the command was given. */
	if (p.mode != MODE_RUN && p.status && !p.told && p.log_fd != 2)
		(void)fprintf(stderr, "clavigerd: %s was not done; the log says why: %s\n",
		              parent_modes[p.mode], conf_str(p.conf, "node", "log"));
	conf_free(p.conf);
	clv_free(p.libexec);
	clv_free(p.node_listen_text);
	return p.status;
}
