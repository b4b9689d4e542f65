/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent's local side: the socket where credentials are asked for (each caller's descriptor goes to the
 * key holder unread), who is entitled to which profile, and the checks that try a new password. A check
 * gets the password on descriptor 3, which came from the key holder; the parent never reads it. Runs in
 * the parent.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROFILES      "profile *"
#define CHECK_ARGS    32
#define CHECK_TIME_MS 30000

struct check {
	struct check *next;
	pid_t pid; /* 0: waits for its turn */
	int fd;
	char *profile, *account;
	uint64_t version;
	bool trial, late;
	int64_t limit_ms;
};

/* --- entitlements: names become numbers before anybody's sandbox --- */
static bool find_uid(const char *name, uint32_t *id)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;
	bool found = false;

	while (f && !found && (pw = fgetpwent(f)))
		if (strcmp(pw->pw_name, name) == 0) {
			*id = pw->pw_uid;
			found = true;
		}
	if (f)
		(void)fclose(f);
	return found;
}

static bool find_gid(const char *name, uint32_t *id)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *gr;
	bool found = false;

	while (f && !found && (gr = fgetgrent(f)))
		if (strcmp(gr->gr_name, name) == 0) {
			*id = gr->gr_gid;
			found = true;
		}
	if (f)
		(void)fclose(f);
	return found;
}

static bool find_number(const char *name, uint32_t *id)
{
	char *end = NULL;
	unsigned long v = strtoul(name, &end, 10);

	if (!*name || *end || v > 0xfffffffful)
		return false;
	*id = (uint32_t)v;
	return true;
}

static clv_rc fill_ids(const struct conf *s, const char *section, const char *title, const char *option,
                       bool (*find)(const char *, uint32_t *), uint32_t **out, size_t *n, struct clv_err *err)
{
	const char *const *items = NULL;
	size_t count = conf_list(s, section, option, &items);

	*out = clv_calloc(count + 1, sizeof **out);
	for (size_t i = 0; i < count; i++) {
		if (!find(items[i], &(*out)[i]) && !find_number(items[i], &(*out)[i]))
			return err_set(err, CLV_E_CONFIG,
			               "%s:%d: [%s] %s: this host has no '%s'; correct or remove it",
			               conf_name(s), conf_line(s, section, option), title, option, items[i]);
		*n = i + 1;
	}
	return CLV_OK;
}

clv_rc parent_alert_fill(const struct parent *p, Clv__Start *m, struct clv_err *err)
{
	if (fill_ids(p->conf, "host", "host", "alert_users", find_uid, &m->alert_uids, &m->n_alert_uids, err))
		return CLV_FAILED;
	return fill_ids(p->conf, "host", "host", "alert_groups", find_gid, &m->alert_gids, &m->n_alert_gids,
	                err);
}

static clv_rc fill_profile(const struct conf *s, const char *title, Clv__ProfileConf *p, struct clv_err *err)
{
	const char *check = conf_str(s, PROFILES, "check");
	char named[300];

	(void)snprintf(named, sizeof named, "profile %s", title);
	clv__profile_conf__init(p);
	p->name = (char *)(uintptr_t)title;
	p->n_units = conf_list(s, PROFILES, "units", (const char *const **)&p->units);
	p->check = check && *check;
	if (p->check && *check != '/')
		return err_set(err, CLV_E_CONFIG,
		               "%s:%d: [profile %s] check: expected a program by its whole path, like "
		               "/usr/lib/claviger/check-sql; no shell reads it",
		               conf_name(s), conf_line(s, PROFILES, "check"), title);
	if (fill_ids(s, PROFILES, named, "users", find_uid, &p->uids, &p->n_uids, err))
		return CLV_FAILED;
	return fill_ids(s, PROFILES, named, "groups", find_gid, &p->gids, &p->n_gids, err);
}

static size_t split(const char *text, char ***out)
{
	char *rest = clv_strdup(text ? text : ""), *at = rest, *item;
	size_t n = 0;

	*out = NULL;
	while ((item = strsep(&at, ",")) != NULL) {
		size_t len;

		item += strspn(item, " \t");
		len = strlen(item);
		while (len && (item[len - 1] == ' ' || item[len - 1] == '\t'))
			len--;
		if (!len)
			continue;
		*out = clv_realloc(*out, n + 1, sizeof(char *));
		(*out)[n++] = clv_asprintf("%.*s", (int)len, item);
	}
	clv_free(rest);
	return n;
}

clv_rc parent_host_fill(const struct parent *p, Clv__Start *m, struct clv_err *err)
{
	size_t n = conf_count(p->conf, PROFILES);

	m->n_classes = split(conf_str(p->conf, "host", "classes"), &m->classes);
	m->n_objects = split(conf_str(p->conf, "host", "objects"), &m->objects);
	m->profiles = clv_calloc(n + 1, sizeof(Clv__ProfileConf *));
	for (size_t i = 0; i < n; i++) {
		const char *title = "";
		const struct conf *s = conf_nth(p->conf, PROFILES, i, &title);

		m->profiles[i] = clv_calloc(1, sizeof(Clv__ProfileConf));
		m->n_profiles = i + 1;
		if (fill_profile(s, title, m->profiles[i], err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		clv_free(list[i]);
	clv_free(list);
}

void parent_host_release(Clv__Start *m)
{
	for (size_t i = 0; i < m->n_profiles; i++) {
		clv_free(m->profiles[i]->uids);
		clv_free(m->profiles[i]->gids);
		clv_free(m->profiles[i]);
	}
	clv_free(m->profiles);
	clv_free(m->alert_uids);
	clv_free(m->alert_gids);
	free_list(m->classes, m->n_classes);
	free_list(m->objects, m->n_objects);
}

/* --- the socket --- */
clv_rc parent_unix_listen(const char *path, int *out, struct clv_err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	char *slash;

	if (n >= sizeof un.sun_path)
		return err_set(err, CLV_E_CONFIG, "%s: a socket's path has at most %zu bytes", path,
		               sizeof un.sun_path - 1);
	memcpy(un.sun_path, path, n + 1);
	slash = strrchr(un.sun_path, '/');
	if (slash && slash != un.sun_path) {
		*slash = 0;
		if (file_mkdirs(un.sun_path, 0755, err))
			return err_wrap(err, "the folder of the socket %s", path);
		*slash = '/';
	}
	*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(path);
	/* Who may do what is decided by the kernel's word on each peer, so anybody may knock. */
	if (*out < 0 || bind(*out, (struct sockaddr *)&un, sizeof un) || chmod(path, 0666) ||
	    listen(*out, SOMAXCONN))
		return err_sys(err, CLV_E_IO, "listening at %s", path);
	return CLV_OK;
}

void parent_take_credential(struct parent *p, int fd)
{
	Clv__Credential m = CLV__CREDENTIAL__INIT;
	struct clv_err err = {0};

	m.what = (char *)(uintptr_t) "credential";
	if (!p->children[PROC_KEYHOLDER].ipc)
		(void)close(fd);
	else if (ipc_send(p->children[PROC_KEYHOLDER].ipc, IPC_CREDENTIAL, &m.base, &fd, 1, &err))
		log_err(LOG_WARN, &err, "handing a caller to the key holder");
}

void parent_take_alert(struct parent *p, int fd)
{
	Clv__AlertCaller m = CLV__ALERT_CALLER__INIT;
	struct clv_err err = {0};

	m.what = (char *)(uintptr_t) "alert";
	if (!p->children[PROC_CORE].ipc)
		(void)close(fd);
	else if (ipc_send(p->children[PROC_CORE].ipc, IPC_ALERT_CALLER, &m.base, &fd, 1, &err))
		log_err(LOG_WARN, &err, "handing a caller to core");
}

/* --- checks --- */
static const struct conf *find_profile(const struct parent *p, const char *name)
{
	for (size_t i = 0; i < conf_count(p->conf, PROFILES); i++) {
		const char *title = "";
		const struct conf *s = conf_nth(p->conf, PROFILES, i, &title);

		if (strcmp(title, name) == 0)
			return s;
	}
	return NULL;
}

static void free_check(struct check *c)
{
	fd_close(&c->fd);
	clv_free(c->profile);
	clv_free(c->account);
	clv_free(c);
}

/* Exit statuses of a check beside 0: it works, but. */
#define CHECK_PASSWORD_ENDS 3
#define CHECK_ACCOUNT_ENDS  4

static void report(struct parent *p, const struct check *c, bool ok, const char *text, uint32_t ends)
{
	Clv__CheckDone m = CLV__CHECK_DONE__INIT;
	struct clv_err err = {0};

	m.profile = c->profile;
	m.account = c->account;
	m.version = c->version;
	m.trial = c->trial;
	m.ok = ok;
	m.ends = ends;
	m.text = (char *)(uintptr_t)text;
	if (p->children[PROC_CORE].ipc &&
	    ipc_send(p->children[PROC_CORE].ipc, IPC_CHECK_DONE, &m.base, NULL, 0, &err))
		log_err(LOG_WARN, &err, "telling core of a check");
}

/* In the child: the password on 3, nothing else of ours; what it prints goes nowhere, for it may print the
 * password. */
static void exec_check(char **argv, int fd, const struct passwd *pw, const char *profile)
{
	char *env[3] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	                clv_asprintf("CLAVIGER_PROFILE=%s", profile), NULL};
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	if (fd == 3 ? fcntl(3, F_SETFD, 0) : dup2(fd, 3) < 0)
		_exit(126);
	(void)fcntl(3, F_SETFL, fcntl(3, F_GETFL) & ~O_NONBLOCK);
	(void)syscall(SYS_close_range, 4, ~0u, 0);
	if (pw && (setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
		_exit(126);
	(void)execve(argv[0], argv, env);
	_exit(127);
}

static size_t split_args(char *text, char **argv)
{
	size_t n = 0;
	char *word;

	while (n < CHECK_ARGS && (word = strsep(&text, " \t")))
		if (*word)
			argv[n++] = word;
	argv[n] = NULL;
	return n;
}

static void start_check(struct parent *p, struct check *c)
{
	const struct conf *s = find_profile(p, c->profile);
	const char *user = s ? conf_str(s, PROFILES, "check_user") : NULL;
	struct passwd *pw = geteuid() == 0 && user ? getpwnam(user) : NULL;
	char *argv[CHECK_ARGS + 1], *text = s ? clv_strdup(conf_str(s, PROFILES, "check")) : NULL;

	c->limit_ms = clock_mono_ms() + CHECK_TIME_MS;
	if (!text || !split_args(text, argv)) {
		report(p, c, false, "no check is configured", 0);
	} else if (geteuid() == 0 && !pw) {
		report(p, c, false, "this host has no user as the check's user", 0);
	} else {
		c->pid = fork();
		if (c->pid == 0)
			exec_check(argv, c->fd, pw, c->profile);
		if (c->pid < 0) {
			c->pid = 0;
			report(p, c, false, "the check could not be started", 0);
		}
	}
	fd_close(&c->fd);
	clv_free(text);
}

clv_rc parent_on_check(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__CheckRun *m = (const Clv__CheckRun *)msg;
	struct parent *p = ctx;
	struct check *c = clv_calloc(1, sizeof *c);

	(void)err;
	c->fd = fds[0];
	fds[0] = -1;
	c->profile = clv_strdup(m->profile);
	c->account = clv_strdup(m->account);
	c->version = m->version;
	c->trial = m->trial;
	start_check(p, c);
	if (!c->pid) {
		free_check(c);
		return CLV_OK;
	}
	c->next = p->checks;
	p->checks = c;
	return CLV_OK;
}

bool parent_check_reaped(struct parent *p, pid_t pid, int status)
{
	struct check **at = &p->checks, *c;
	uint32_t ends = 0;
	char text[96];

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	c = *at;
	if (!c)
		return false;
	*at = c->next;
	if (c->late)
		(void)snprintf(text, sizeof text, "the check did not end within %d s", CHECK_TIME_MS / 1000);
	else if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof text, "the check was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		(void)snprintf(text, sizeof text, "the check's program could not be run");
	else
		(void)snprintf(text, sizeof text, "the check ended with status %d", WEXITSTATUS(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_PASSWORD_ENDS)
		ends = 7001;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_ACCOUNT_ENDS)
		ends = 7014;
	report(p, c, ends || (WIFEXITED(status) && WEXITSTATUS(status) == 0), text, ends);
	free_check(c);
	return true;
}

void parent_checks_step(struct parent *p, int64_t now_ms)
{
	for (struct check *c = p->checks; c; c = c->next)
		if (!c->late && now_ms >= c->limit_ms) {
			c->late = true;
			(void)kill(-c->pid, SIGKILL);
			(void)kill(c->pid, SIGKILL);
		}
}

int64_t parent_checks_at(const struct parent *p, int64_t at)
{
	for (const struct check *c = p->checks; c; c = c->next)
		if (!c->late && c->limit_ms < at)
			at = c->limit_ms;
	return at;
}

void parent_checks_end(struct parent *p)
{
	while (p->checks) {
		struct check *c = p->checks;

		p->checks = c->next;
		(void)kill(-c->pid, SIGKILL);
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
		free_check(c);
	}
}
