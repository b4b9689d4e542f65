/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full mutual TLS 1.3 handshakes a second: a server of our channel code, whose
 * private key is in the real signer, beside `openssl s_server`,
 * both under `openssl s_time` in turn, in one run on one machine. Prints the ratios. The client is
 * the same program for both and often the slower end, so the servers' own processor time for a
 * handshake is measured too (wait4).
 */
#include "base/clock.h"
#include "channel/channel.h"
#include "channel/sigprov.h"
#include "tests/lib/mkcert.h"
#include "tests/lib/signer_end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNS  64
#define ROUNDS 3

static struct signer_end signer; /* the real one: as in a network process, the private key is there */
static char dir[] = "/tmp/clv-bench-XXXXXX";

struct conn {
	int fd; /* -1: free */
	struct chan *chan;
};

struct figure {
	double per_second;
	double cpu_us;
	long n;
};

static void die(const char *what)
{
	fprintf(stderr, "handshakes: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_file(const char *name, const struct clv_buf *b)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(buf_slice(b).ptr, 1, buf_slice(b).len, f) != buf_slice(b).len ||
	    fclose(f) != 0)
		die(path);
}

static void write_pair(const char *name, const struct mk_cert *ca, struct clv_buf *cert, struct clv_buf *key)
{
	struct mk_spec s = mk_node(name);
	struct mk_cert c = mk_issue(&s, mk_key("P-256", true), ca);
	char file[64];

	buf_init(cert, 65536);
	buf_init(key, 65536);
	mk_put_cert(cert, c.x);
	mk_put_key(key, c.key);
	(void)snprintf(file, sizeof(file), "%s.pem", name);
	write_file(file, cert);
	(void)snprintf(file, sizeof(file), "%s.key", name);
	write_file(file, key);
	mk_free(&c);
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 128) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		die("listen");
	*port = ntohs(a.sin_port);
	return fd;
}

static void drop(struct conn *c)
{
	chan_free(c->chan);
	(void)close(c->fd);
	c->fd = -1;
}

static void serve_one(struct conn *c)
{
	struct clv_buf *out = chan_output(c->chan);
	uint8_t room[16384];
	ssize_t n = read(c->fd, room, sizeof(room));
	bool ended = n <= 0;
	struct clv_err err;

	if (n > 0 && chan_feed(c->chan, slice_of(room, (size_t)n), &err) != CLV_OK) {
		fprintf(stderr, "handshakes: refused: %s\n", err.text);
		ended = true;
	}
	while (buf_slice(out).len > 0) {
		n = write(c->fd, buf_slice(out).ptr, buf_slice(out).len);
		if (n <= 0)
			break;
		buf_consume(out, (size_t)n);
	}
	if (ended)
		drop(c);
}

static void take(struct conn conns[CONNS], int listener, struct chan_creds *creds)
{
	struct chan_opts o = {.creds = creds, .role = "management-server"};
	struct clv_err err;

	for (size_t i = 0; i < CONNS; i++) {
		if (conns[i].fd >= 0)
			continue;
		conns[i].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (conns[i].fd < 0)
			return;
		conns[i].chan = chan_new(&o, &err);
		if (conns[i].chan == NULL)
			die(err.text);
		return;
	}
}

static void serve(int listener, struct chan_creds *creds)
{
	struct conn conns[CONNS];
	struct pollfd fds[CONNS + 1];

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < CONNS; i++)
		conns[i] = (struct conn){-1, NULL};
	for (;;) {
		for (size_t i = 0; i < CONNS; i++)
			fds[i] = (struct pollfd){conns[i].fd, POLLIN, 0};
		fds[CONNS] = (struct pollfd){listener, POLLIN, 0};
		if (poll(fds, CONNS + 1, -1) < 0 && errno != EINTR)
			die("poll");
		for (size_t i = 0; i < CONNS; i++) {
			if (conns[i].fd >= 0 && fds[i].revents != 0)
				serve_one(&conns[i]);
		}
		if (fds[CONNS].revents != 0)
			take(conns, listener, creds);
	}
}

static pid_t start_ours(struct chan_creds *creds, int *port)
{
	int listener = listen_somewhere(port);
	pid_t pid = fork();

	if (pid == 0)
		serve(listener, creds);
	(void)close(listener);
	return pid;
}

static pid_t start_theirs(int *port)
{
	char accept[32];
	int null;
	pid_t pid;

	(void)close(listen_somewhere(port)); /* a port that was free a moment ago */
	(void)snprintf(accept, sizeof(accept), "127.0.0.1:%d", *port);
	pid = fork();
	if (pid != 0)
		return pid;
	if (chdir(dir) != 0)
		die(dir);
	null = open("/dev/null", O_RDWR);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	(void)execlp("openssl", "openssl", "s_server", "-accept", accept, "-cert", "rms1.ops.test.pem",
	             "-key", "rms1.ops.test.key", "-CAfile", "ca.pem", "-Verify", "3", "-verify_return_error",
	             "-tls1_3", "-num_tickets", "0", "-ciphersuites", "TLS_AES_256_GCM_SHA384", "-groups",
	             "P-256", "-www", "-quiet", (char *)NULL);
	_exit(127);
}

static void wait_for(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int64_t until = clock_mono_ms() + 5000;

	a.sin_port = htons((uint16_t)port);
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

		(void)close(fd);
		if (up)
			return;
		if (clock_mono_ms() > until)
			die("the server does not come up");
		(void)poll(NULL, 0, 20);
	}
}

/* s_time's own count: "N connections in M real seconds". */
static struct figure load(int port, int seconds)
{
	struct figure f = {0};
	char line[512];
	char command[1024];
	double real = 0;
	FILE *p;

	(void)snprintf(command, sizeof(command),
	               "cd %s && openssl s_time -connect 127.0.0.1:%d -new -time %d -tls1_3 -ciphersuites "
	               "TLS_AES_256_GCM_SHA384 -cert web01.ops.test.pem -key web01.ops.test.key -CAfile "
	               "ca.pem 2>/dev/null",
	               dir, port, seconds);
	p = popen(command, "r");
	if (p == NULL)
		die("openssl");
	while (fgets(line, sizeof(line), p) != NULL)
		(void)sscanf(line, "%ld connections in %lf real seconds", &f.n, &real);
	(void)pclose(p);
	if (f.n > 0 && real > 0)
		f.per_second = (double)f.n / real;
	return f;
}

/* Of a process, in us, by the kernel's ticks. */
static double cpu_of(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL ||
	    fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		die(path);
	(void)fclose(f);
	return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* beside: what works for it in another process; 0: nothing does. */
static struct figure measure(pid_t pid, int port, int seconds, pid_t beside)
{
	double before = beside ? cpu_of(beside) : 0;
	struct rusage used = {0};
	struct figure f;
	int status;

	if (pid < 0)
		die("fork");
	wait_for(port);
	f = load(port, seconds);
	(void)kill(pid, SIGKILL);
	if (wait4(pid, &status, 0, &used) != pid || f.n == 0)
		die("no handshake was made");
	f.cpu_us = ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
	           (double)f.n;
	if (beside)
		f.cpu_us += (cpu_of(beside) - before) / (double)f.n;
	return f;
}

static void clean(void)
{
	static const char *const names[] = {"ca.pem", "rms1.ops.test.pem", "rms1.ops.test.key",
	                                    "web01.ops.test.pem", "web01.ops.test.key"};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static struct chan_creds *prepare(void)
{
	struct mk_spec s = mk_ca("Bench CA");
	struct mk_cert ca = mk_issue(&s, mk_key("P-256", true), NULL);
	struct clv_buf ca_pem, cert, key, other_cert, other_key;
	struct chan_creds_pem pem;
	struct chan_creds *creds;
	struct clv_err err;

	buf_init(&ca_pem, 65536);
	mk_put_cert(&ca_pem, ca.x);
	write_file("ca.pem", &ca_pem);
	write_pair("rms1.ops.test", &ca, &cert, &key);
	write_pair("web01.ops.test", &ca, &other_cert, &other_key);
	pem = (struct chan_creds_pem){.ca = buf_slice(&ca_pem),
	                              .cert = buf_slice(&cert),
	                              .asker = &signer.asker,
	                              .peer_kind_accept = VERIFY_NODE};
	signer_end_start(&signer);
	signer_end_key_bytes(&signer, buf_slice(&key));
	signer_end_peer(&signer, "net_node");
	creds = chan_creds_new(&pem, &err);
	if (creds == NULL)
		die(err.text);
	buf_release(&ca_pem);
	buf_release(&cert);
	buf_release(&key);
	buf_release(&other_cert);
	buf_release(&other_key);
	mk_free(&ca);
	return creds;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3;
	struct figure ours = {0};
	struct figure theirs = {0};
	struct chan_creds *creds;
	struct clv_err err;

	if (seconds < 1 || seconds > 60) {
		fprintf(stderr, "usage: handshakes [SECONDS]   (1 to 60, for each measurement)\n");
		return 2;
	}
	if (channel_process_init(&err) != CLV_OK || sigprov_init(&err) != CLV_OK || mkdtemp(dir) == NULL)
		die("start");
	creds = prepare();
	for (int round = 0; round < ROUNDS; round++) {
		struct figure a, b;
		int port;
		pid_t pid = start_ours(creds, &port);

		a = measure(pid, port, seconds, signer.pid);
		pid = start_theirs(&port);
		b = measure(pid, port, seconds, 0);
		/* The best of three: what the machine can do when nothing else disturbs it. */
		if (a.per_second > ours.per_second)
			ours = a;
		if (b.per_second > theirs.per_second)
			theirs = b;
	}
	chan_creds_free(creds);
	(void)signer_end_stop(&signer);
	clean();
	printf("full mutual TLS 1.3 handshakes a second: claviger %.0f, openssl s_server %.0f, ratio %.2f\n",
	       ours.per_second, theirs.per_second, ours.per_second / theirs.per_second);
	printf("server processor time for one: claviger %.0f us, openssl s_server %.0f us, ratio %.2f\n",
	       ours.cpu_us, theirs.cpu_us, ours.cpu_us / theirs.cpu_us);
	return 0;
}
