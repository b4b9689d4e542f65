/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork and exec, here alone. Between the two only what is async-signal-safe: the library's resolver
 * has threads. The child gets its own session (no terminal), no blocked signal, no descriptor but its
 * own, and ends when we do.
 */
#include "console/exec.h"

#include "claviger/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL_FD 3
#define CHILD_FDS  4

extern char **environ;

static bool forbidden;

void exec_forbid(void)
{
	forbidden = true;
}

bool exec_forbidden(void)
{
	return forbidden;
}

/* In the child. fds[i] becomes descriptor i; -1: /dev/null (0 to 2) or closed (3). */
static void become(const char *path, char *const *argv, const int fds[CHILD_FDS], pid_t parent)
{
	int moved[CHILD_FDS];
	sigset_t none;
	for (int i = 0; i < CHILD_FDS; i++) {
		moved[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, 10) : -1;
		if (i < CONTROL_FD && moved[i] < 0)
			moved[i] = open("/dev/null", O_RDWR);
		if (i < CONTROL_FD && moved[i] < 0)
			_exit(127);
	}
	for (int i = 0; i < CHILD_FDS; i++) {
		if (moved[i] >= 0 && dup2(moved[i], i) < 0)
			_exit(127);
	}
	(void)close_range(moved[CONTROL_FD] >= 0 ? CHILD_FDS : CONTROL_FD, ~0u, 0);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	execve(path, argv, environ);
	_exit(127);
}

static clv_rc start(const char *path, char *const *argv, const int fds[CHILD_FDS], pid_t *out,
                    struct clv_err *err)
{
	pid_t parent = getpid();
	if (forbidden)
		return err_set(err, CLV_E_DENIED, "restricted mode starts no other program");
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, CLV_E_IO, "cannot start a program");
	if (pid == 0)
		become(path, argv, fds, parent);
	*out = pid;
	return CLV_OK;
}

/* A socket pair for stdin and stdout; stderr on a pipe where it is wanted. */
static clv_rc start_piped(const char *path, char *const *argv, int control, bool hear, struct exec_child *out,
                          struct clv_err *err)
{
	int pair[2] = {-1, -1}, said[2] = {-1, -1};
	pid_t pid = -1;
	clv_rc rc = CLV_FAILED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
	    (hear && pipe2(said, O_CLOEXEC | O_NONBLOCK) != 0)) {
		err_sys(err, CLV_E_IO, "cannot make a socket pair");
		goto out;
	}
	const int fds[CHILD_FDS] = {pair[1], pair[1], said[1], control};
	if (start(path, argv, fds, &pid, err) != CLV_OK)
		goto out;
	*out = (struct exec_child){.pid = pid, .io = pair[0], .said = said[0]};
	pair[0] = said[0] = -1;
	rc = CLV_OK;
out:
	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0)
			close(pair[i]);
		if (said[i] >= 0)
			close(said[i]);
	}
	return rc;
}

clv_rc exec_self(const char *const *argv, int control, struct exec_child *out, struct clv_err *err)
{
	char *words[24] = {(char[]){"claviger"}};
	size_t n = 1;
	clv_rc rc;
	for (; *argv != NULL && n + 1 < sizeof(words) / sizeof(words[0]); argv++)
		words[n++] = clv_strdup(*argv);
	words[n] = NULL;
	rc = start_piped("/proc/self/exe", words, control, false, out, err);
	while (n > 1)
		clv_free(words[--n]);
	return rc;
}

/* Where the system keeps programs, not where PATH of the caller says. */
static const char *find_ssh(void)
{
	static const char *const places[] = {"/usr/bin/ssh", "/usr/local/bin/ssh", "/bin/ssh"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

clv_rc exec_ssh_config(const char *host, const char *file, struct exec_child *out, struct clv_err *err)
{
	static char name[] = "ssh", get[] = "-G", with[] = "-F", end[] = "--";
	const char *ssh = find_ssh();
	char *h = clv_strdup(host), *f = clv_strdup(file);
	char *plain[] = {name, get, end, h, NULL}, *other[] = {name, with, f, get, end, h, NULL};
	clv_rc rc = ssh != NULL ? start_piped(ssh, f != NULL ? other : plain, -1, true, out, err)
	                        : err_set(err, CLV_E_NOTFOUND, "ssh is not installed here");
	clv_free(h);
	clv_free(f);
	return rc;
}

clv_rc exec_command(const char *command, struct exec_child *out, struct clv_err *err)
{
	static char name[] = "sh", option[] = "-c";
	char *text = clv_asprintf("exec %s", command);
	char *argv[] = {name, option, text, NULL};
	(void)setenv("SSH_ASKPASS_REQUIRE", "never", 1); /* its prompt would come from nowhere */
	clv_rc rc = start_piped("/bin/sh", argv, -1, true, out, err);
	clv_free(text);
	return rc;
}

int exec_wait(struct exec_child *c)
{
	int status = -1;
	if (c->pid > 0) {
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (c->io >= 0)
		close(c->io);
	if (c->said >= 0)
		close(c->said);
	*c = EXEC_NONE;
	return status;
}

int exec_end(struct exec_child *c)
{
	if (c->pid > 0 && kill(-c->pid, SIGTERM) != 0)
		(void)kill(c->pid, SIGTERM); /* it has not made its session yet */
	return exec_wait(c);
}
