/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one command of the tests and lets nothing of it outlive it: processes that it left are ended, and
 * named; its folder goes. It ends in the same way when it is told to, or when whoever started it is gone, so
 * that a run that was killed leaves nothing. Free ports are kept for the command: bound, with nobody
 * listening, so that the kernel gives them to no one else while a node listens there, is stopped, and listens
 * again.
 *
 *   warden [--seconds N] [--folder DIR] [--keep-failed] [--out FILE] [--report FILE] [--ports N] --
 * COMMAND...
 *
 * The command finds its folder in CLAVIGER_TMP and TMPDIR and its ports in CLAVIGER_PORTS. The report is one
 * line: "STATUS SECONDS USER SYSTEM LOAD REASON", REASON being "ended", "limit", "stopped" or "left:NAMES".
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX 512
#define GRACE_MS  1500 /* for what is on its way out when the command ends */
#define LEFT_MAX  200

static struct {
	int seconds, ports;
	bool keep_failed, own_folder;
	const char *out, *report;
	char folder[512];
	char **command;
} o = {.seconds = 0};

static struct {
	pid_t child;
	int status; /* of waitpid */
	bool ended;
	const char *reason;
	char left[LEFT_MAX];
} run = {.reason = "ended"};

static void die(const char *what)
{
	fprintf(stderr, "warden: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void usage(void)
{
	fprintf(stderr,
	        "usage: warden [--seconds N] [--folder DIR] [--keep-failed] [--out FILE] [--report FILE] "
	        "[--ports N] -- COMMAND...\n");
	exit(125);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--keep-failed") == 0) {
			o.keep_failed = true;
			continue;
		}
		if (!value)
			usage();
		if (strcmp(argv[i], "--seconds") == 0)
			o.seconds = (int)strtol(value, NULL, 10);
		else if (strcmp(argv[i], "--ports") == 0)
			o.ports = (int)strtol(value, NULL, 10);
		else if (strcmp(argv[i], "--folder") == 0)
			snprintf(o.folder, sizeof(o.folder), "%s", value);
		else if (strcmp(argv[i], "--out") == 0)
			o.out = value;
		else if (strcmp(argv[i], "--report") == 0)
			o.report = value;
		else
			usage();
		i++;
	}
	if (i + 1 >= argc || o.ports < 0 || o.ports > PORTS_MAX)
		usage();
	o.command = argv + i + 1;
}

/* The folder of the command, new; other users of a test pass through it and see no names in it. */
static void make_folder(void)
{
	const char *base = getenv("CLAVIGER_TMP");

	if (!o.folder[0]) {
		snprintf(o.folder, sizeof(o.folder), "%s/clv.XXXXXX", base ? base : "/tmp");
		if (!mkdtemp(o.folder))
			die(o.folder);
	} else if (mkdir(o.folder, 0700)) {
		die(o.folder);
	}
	if (chmod(o.folder, 0711))
		die(o.folder);
	o.own_folder = true;
	setenv("CLAVIGER_TMP", o.folder, 1);
	setenv("TMPDIR", o.folder, 1);
}

static int gone(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	/* A folder that nobody may enter is entered all the same, to be emptied. */
	if (kind == FTW_DNR && chmod(path, 0700) == 0)
		return 0;
	(void)remove(path);
	return 0;
}

static void remove_folder(void)
{
	if (!o.own_folder)
		return;
	for (int i = 0; i < 3 && access(o.folder, F_OK) == 0; i++)
		(void)nftw(o.folder, gone, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Ends whatever has our folder in its environment: with us gone, its orphans went to others. */
static void end_strays(void)
{
	static char text[131072];
	char path[300], mine[sizeof(o.folder) + 20];
	DIR *proc = opendir("/proc");
	struct dirent *e;

	snprintf(mine, sizeof(mine), "CLAVIGER_TMP=%s", o.folder);
	while (proc && (e = readdir(proc))) {
		size_t n, len = strlen(mine);
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/environ", e->d_name);
		f = fopen(path, "re");
		n = f ? fread(text, 1, sizeof(text), f) : 0;
		for (size_t i = 0; i + len <= n; i++)
			if ((i == 0 || text[i - 1] == '\0') && memcmp(text + i, mine, len) == 0)
				kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
		if (f)
			fclose(f);
	}
	if (proc)
		closedir(proc);
}

/*
 * A second process, of no terminal and no parent of ours, takes the folder away where we are killed and
 * cannot. It waits at a pipe: a byte says that all is done, the end alone that we are gone.
 */
static int begin_janitor(void)
{
	int ends[2];
	char done;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) || (pid = fork()) < 0)
		die("a second process");
	if (pid) {
		close(ends[0]);
		waitpid(pid, NULL, 0);
		return ends[1];
	}
	if (fork() != 0)
		_exit(0);
	setsid();
	close(ends[1]);
	for (int fd = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC); fd < 3; fd++)
		dup2(null, fd);
	if (read(ends[0], &done, 1) == 1)
		_exit(0);
	for (int i = 0; i < 200 && access(o.folder, F_OK) == 0; i++) {
		end_strays();
		remove_folder();
		usleep(100000);
	}
	_exit(0);
}

/* Is the port free for datagrams too? A KDC listens for both. */
static bool free_for_datagrams(const struct sockaddr_in *at)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is = s >= 0 && bind(s, (const struct sockaddr *)at, sizeof(*at)) == 0;

	if (s >= 0)
		close(s);
	return is;
}

static void keep_ports(void)
{
	char list[PORTS_MAX * 6 + 1] = "";
	size_t n = 0;

	for (int i = 0; i < o.ports;) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t len = sizeof(at);
		int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		    bind(s, (struct sockaddr *)&at, sizeof(at)) ||
		    getsockname(s, (struct sockaddr *)&at, &len))
			die("a port to keep");
		if (!free_for_datagrams(&at))
			continue; /* stays bound, so that it does not come again */
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%d ", ntohs(at.sin_port));
		i++;
	}
	if (o.ports)
		setenv("CLAVIGER_PORTS", list, 1);
}

static void begin(const sigset_t *watched)
{
	pid_t self = getpid();

	run.child = fork();
	if (run.child < 0)
		die("fork");
	if (run.child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self)
		_exit(125);
	sigprocmask(SIG_UNBLOCK, watched, NULL);
	if (o.out) {
		int null = open("/dev/null", O_RDONLY), out = open(o.out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
			die(o.out);
		close(null);
		close(out);
	}
	execvp(o.command[0], o.command);
	die(o.command[0]);
}

/* Reaps what has ended; false when there is no child any more. */
static bool reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == run.child) {
			run.ended = true;
			run.status = status;
		}
	}
	return pid == 0;
}

/* For each child: of those that are orphans too, for they come to us. */
static void each_child(void (*does)(pid_t pid, const char *name))
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char path[300], line[512], *name, *end;

	while (proc && (e = readdir(proc))) {
		FILE *f;
		int parent = 0;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && (name = strchr(line, '(')) &&
		    (end = strrchr(line, ')'))) {
			*end = '\0';
			if (sscanf(end + 1, " %*c %d", &parent) == 1 && parent == getpid())
				does((pid_t)strtol(e->d_name, NULL, 10), name + 1);
		}
		fclose(f);
	}
	if (proc)
		closedir(proc);
}

static void end_child(pid_t pid, const char *name)
{
	(void)name;
	kill(pid, SIGKILL);
}

static void name_child(pid_t pid, const char *name)
{
	size_t n = strlen(run.left);

	(void)pid;
	snprintf(run.left + n, sizeof(run.left) - n, "%s%s", n ? "," : "left:", name);
	for (char *c = run.left; *c; c++)
		if (isspace((unsigned char)*c))
			*c = '_';
}

static void end_all(void)
{
	double until = now() + 20;

	while (reap() && now() < until) {
		each_child(end_child);
		usleep(5000);
	}
}

/* Until the command has ended, its time is over, or somebody says stop. */
static void watch(const sigset_t *watched)
{
	double until = o.seconds ? now() + o.seconds : 0;

	while (!run.ended) {
		struct timespec t = {.tv_sec = 1};
		int s = sigtimedwait(watched, NULL, &t);

		reap();
		if (run.ended)
			break;
		if (s == SIGTERM || s == SIGINT || s == SIGHUP) {
			run.reason = "stopped";
			return;
		}
		if (until > 0 && now() > until) {
			run.reason = "limit";
			return;
		}
	}
	until = now() + GRACE_MS / 1e3;
	while (reap() && now() < until)
		usleep(10000);
	each_child(name_child);
	if (run.left[0])
		run.reason = run.left;
}

static int status_of(void)
{
	if (!run.ended)
		return 124;
	if (WIFSIGNALED(run.status))
		return 128 + WTERMSIG(run.status);
	return WEXITSTATUS(run.status);
}

static void tell(double began, int status)
{
	struct rusage u;
	double load = 0;
	FILE *f = o.report ? fopen(o.report, "we") : NULL;

	if (!f)
		return;
	getrusage(RUSAGE_CHILDREN, &u);
	(void)getloadavg(&load, 1);
	fprintf(f, "%d %.1f %.1f %.1f %.1f %s\n", status, now() - began,
	        (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
	        (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6, load, run.reason);
	fclose(f);
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t watched;
	pid_t parent = getppid();
	double began = now();
	int status, janitor;

	parse(argc, argv);
	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_DFL); /* a script's children begin with some of them ignored */
		sigaddset(&watched, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &watched, NULL);
	make_folder();
	janitor = begin_janitor(); /* before orphans come to us */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 125;
	keep_ports();
	begin(&watched);
	watch(&watched);
	end_all();
	status = status_of();
	tell(began, status);
	if (!o.keep_failed || (status == 0 && !run.left[0]) || strcmp(run.reason, "stopped") == 0)
		remove_folder();
	return write(janitor, "", 1) == 1 ? status : 125;
}
