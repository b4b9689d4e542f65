/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls of a process (see sandbox.h). Runs once in each child, after its libraries are
 * initialised and before the first foreign byte. It must never return success with a wall missing
 * unless the configuration said so aloud.
 */
#include "base/sandbox.h"
#include "claviger/buf.h"
#include "sandbox_rows.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <locale.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANDLOCK_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_WRITE                                                                                    \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG)
#define LANDLOCK_ALL                                                                                   \
	(LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |  \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

static clv_rc allow_path(int ruleset, const struct sandbox_path *p, struct clv_err *err)
{
	struct landlock_path_beneath_attr attr = {
	    .allowed_access = LANDLOCK_READ | (p->write ? LANDLOCK_WRITE : 0),
	    .parent_fd = open(p->path, O_PATH | O_CLOEXEC),
	};
	struct stat st;
	clv_rc rc = CLV_OK;

	if (attr.parent_fd < 0)
		return err_sys(err, CLV_E_SANDBOX, "opening %s for Landlock", p->path);
	if (fstat(attr.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		attr.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0))
		rc = err_sys(err, CLV_E_SANDBOX, "adding a Landlock rule for %s", p->path);
	(void)close(attr.parent_fd);
	return rc;
}

static clv_rc landlock(const struct sandbox_path *paths, struct clv_err *err)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ALL};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	clv_rc rc = CLV_FAILED;

	if (ruleset < 0)
		return err_sys(err, CLV_E_SANDBOX, "the kernel has no Landlock");
	for (; paths && paths->path; paths++)
		if (allow_path(ruleset, paths, err))
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0)) {
		(void)err_sys(err, CLV_E_SANDBOX, "entering Landlock");
		goto out;
	}
	rc = CLV_OK;
out:
	(void)close(ruleset);
	return rc;
}

static const char *row_calls(const char *process)
{
	for (const struct sandbox_row *r = sandbox_rows; r->process; r++)
		if (strcmp(r->process, process) == 0)
			return r->calls;
	return NULL;
}

/* "name" allows it; "name:limit" only with the argument the limit names. */
static const struct {
	const char *suffix;
	struct scmp_arg_cmp arg;
} limits[] = {
    {":noexec", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}, /* mmap, mprotect without PROT_EXEC */
    {":fionbio", {1, SCMP_CMP_EQ, FIONBIO, 0}},         /* ioctl: libuv's way to non-blocking */
};

static clv_rc allow_call(scmp_filter_ctx f, const char *word, size_t len, struct clv_err *err)
{
	const struct scmp_arg_cmp *arg = NULL;
	uint32_t action = SCMP_ACT_ALLOW;
	char name[64];
	int nr, rc;

	/* "name:none": answered with "no such file" and never made, for a library that looks and goes on. */
	if (len > 5 && strncmp(word + len - 5, ":none", 5) == 0) {
		action = SCMP_ACT_ERRNO(ENOENT);
		len -= 5;
	}
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		size_t n = strlen(limits[i].suffix);

		if (len > n && strncmp(word + len - n, limits[i].suffix, n) == 0) {
			arg = &limits[i].arg;
			len -= n;
		}
	}
	if (len >= sizeof name)
		return err_set(err, CLV_E_SANDBOX, "a system call's name is too long in processes.md");
	memcpy(name, word, len);
	name[len] = 0;
	nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR)
		return err_set(err, CLV_E_SANDBOX, "processes.md grants %s, which is no system call", name);
	rc = seccomp_rule_add_array(f, action, nr, arg ? 1 : 0, arg);
	/* A call that this architecture has not (it exists under another name) is no rule. */
	if (rc && rc != -EDOM)
		return err_set(err, CLV_E_SANDBOX, "granting %s: %s", name, strerror(-rc));
	return CLV_OK;
}

static clv_rc allow_row(scmp_filter_ctx f, const char *calls, struct clv_err *err)
{
	while (*calls) {
		size_t len = strcspn(calls, " ");

		if (len && allow_call(f, calls, len, err))
			return CLV_FAILED;
		calls += len + (calls[len] == ' ');
	}
	return CLV_OK;
}

static clv_rc filter(const char *process, struct clv_err *err)
{
	const char *common = row_calls("all"), *own = row_calls(process);
	scmp_filter_ctx f = NULL;
	clv_rc rc = CLV_FAILED;
	int n;

	if (!common || !own)
		return err_set(err, CLV_E_SANDBOX, "processes.md has no row for %s", process);
	f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!f)
		return err_set(err, CLV_E_SANDBOX, "making a seccomp filter");
	if (allow_row(f, common, err) || allow_row(f, own, err))
		goto out;
#ifdef CLV_ASAN
	if (allow_row(f, row_calls("asan"), err))
		goto out;
#endif
#ifdef CLV_TEST_BUILD
	if (allow_row(f, row_calls("test"), err))
		goto out;
#endif
	n = seccomp_load(f);
	if (n) {
		(void)err_set(err, CLV_E_SANDBOX, "loading the seccomp filter: %s", strerror(-n));
		goto out;
	}
	rc = CLV_OK;
out:
	seccomp_release(f);
	return rc;
}

static clv_rc walls(const char *process, const struct sandbox_path *paths, struct clv_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_sys(err, CLV_E_SANDBOX, "setting no-new-privileges");
	if (landlock(paths, err))
		return CLV_FAILED;
	return filter(process, err);
}

clv_rc sandbox_enter(const char *process, const struct sandbox_path *paths, bool bare, struct clv_err *err)
{
	if (!walls(process, paths, err))
		return CLV_OK;
	if (bare)
		return CLV_OK; /* *err tells; the caller warns */
	return err_wrap(err, "%s stays outside its sandbox and ends (bare = yes would let it run)", process);
}

clv_rc sandbox_prepare(struct clv_err *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)umask(077);
	/* Started by descriptor, so the kernel does not know our name. */
	(void)prctl(PR_SET_NAME, program_invocation_short_name, 0, 0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || sigaction(SIGPIPE, &ignore, NULL))
		return err_sys(err, CLV_E_SANDBOX, "preparing the process");
	if (close_range(4, ~0u, 0))
		return err_sys(err, CLV_E_SANDBOX, "closing inherited descriptors");
	(void)setlocale(LC_ALL, "C.UTF-8");
	/* The first error text looks for a catalogue of translations; behind the filter that would be our
	 * end. */
	(void)strerror(EIO);
	tzset();
	return CLV_OK;
}

#ifdef CLV_TEST_BUILD
#define PLANT_LAST 547

/* Does the row (or a row that every process has) grant this number? */
static bool row_grants(const char *calls, int nr)
{
	while (calls && *calls) {
		size_t len = strcspn(calls, " :");
		char name[64] = "";

		if (len < sizeof name)
			memcpy(name, calls, len);
		if (*name && seccomp_syscall_resolve_name(name) == nr)
			return true;
		calls += strcspn(calls, " ");
		calls += *calls == ' ';
	}
	return false;
}

static bool granted_by_table(const char *process, int nr)
{
	bool yes = row_grants(row_calls("all"), nr) || row_grants(row_calls(process), nr) ||
	           row_grants(row_calls("test"), nr);

#ifdef CLV_ASAN
	yes = yes || row_grants(row_calls("asan"), nr);
#endif
	return yes;
}

/* In a child behind the walls: true when the kernel killed it for the call. */
static bool refused(const char *process, const struct sandbox_path *paths, int nr, bool exec_map)
{
	struct clv_err err = {0};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(2);
		if (sandbox_enter(process, paths, false, &err))
			_exit(99);
		if (exec_map)
			(void)syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			              -1, 0);
		else if (syscall(nr, -1, -1, -1, -1, -1, -1) == -1)
			_exit(77);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		clv_fatal("a planted child could not shut its walls");
	/* Newer kernels let uretprobe and uprobe (335, 336) past every filter, and refuse them themselves
	 * unless a probe of the kernel's own made the call. */
	if (nr == 335 || nr == 336)
		return WIFSIGNALED(status) || WEXITSTATUS(status) == 77;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* Behind the walls, as the process's own user: may this file be written to? */
static void try_file(const char *process, const struct sandbox_path *paths, const char *path)
{
	struct clv_err err = {0};
	const char *result;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(2);
		if (sandbox_enter(process, paths, false, &err))
			_exit(99);
		_exit(open(path, O_WRONLY | O_APPEND | O_CLOEXEC) >= 0 ? 0 : errno == EACCES ? 1 : 2);
	}
	(void)waitpid(pid, &status, 0);
	result = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? "killed"
	         : WIFEXITED(status) && WEXITSTATUS(status) == 0   ? "opened"
	         : WIFEXITED(status) && WEXITSTATUS(status) == 1   ? "refused"
	                                                           : "wrong";
	(void)dprintf(2, "write: %s: %s: %s\n", process, path, result);
}

/* CLAVIGER_TEST_OPEN: paths, with colons between. */
static void plant_files(const char *process, const struct sandbox_path *paths, const char *list)
{
	char all[4096], *rest = all, *path;

	(void)snprintf(all, sizeof all, "%s", list);
	while ((path = strsep(&rest, ":")))
		try_file(process, paths, path);
	(void)dprintf(2, "write: %s: all tried\n", process);
	_exit(0);
}

void sandbox_plant(const char *process, const struct sandbox_path *paths)
{
	int granted = 0, killed = 0, wrong = 0;

	if (getenv("CLAVIGER_TEST_OPEN"))
		plant_files(process, paths, getenv("CLAVIGER_TEST_OPEN"));
	if (!getenv("CLAVIGER_TEST_PLANT"))
		return;
	for (int nr = 0; nr <= PLANT_LAST; nr++) {
		bool allowed = granted_by_table(process, nr);

		/* Numbers 335 to 423 are empty on this architecture; they are refused like all others. */
		if (allowed) {
			granted++;
		} else if (refused(process, paths, nr, false)) {
			killed++;
		} else {
			wrong++;
			(void)dprintf(2, "planted: %s: call %d was not refused\n", process, nr);
		}
	}
#ifndef CLV_ASAN
	if (!refused(process, paths, 0, true)) {
		wrong++;
		(void)dprintf(2, "planted: %s: mapping executable memory was not refused\n", process);
	}
#endif
	(void)dprintf(2, "planted: %s: %d granted, %d refused, %d not refused\n", process, granted, killed,
	              wrong);
	_exit(wrong ? 1 : 0);
}
#endif
