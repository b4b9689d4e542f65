/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stranger on the host: connects to local sockets again and again and holds as many as it is let.
 *   knock SECONDS HOLD SOCKET...
 * Half of those that it holds say a few bytes that mean nothing. Prints "knocked N refused N held N".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 4000

static int held[HELD_MAX];
static size_t n_held;
static unsigned long knocked, refused;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void knock(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	knocked++;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		refused++;
		close(fd);
		return;
	}
	if (knocked % 2 && send(fd, "\0\0\377\377nonsense\n", 13, MSG_NOSIGNAL) < 0)
		refused++;
	held[n_held++] = fd;
}

/* Those that were closed at the other end. */
static void sweep(void)
{
	char c;

	for (size_t i = 0; i < n_held;) {
		ssize_t n = recv(held[i], &c, 1, MSG_DONTWAIT);

		if (n > 0 || (n < 0 && errno == EAGAIN)) {
			i++;
			continue;
		}
		close(held[i]);
		held[i] = held[--n_held];
	}
}

int main(int argc, char **argv)
{
	double until = argc > 3 ? now() + strtod(argv[1], NULL) : 0;
	size_t hold = argc > 3 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
	struct rlimit files = {HELD_MAX + 50, HELD_MAX + 50};

	if (argc < 4 || hold > HELD_MAX - 64) {
		fprintf(stderr, "usage: knock SECONDS HOLD SOCKET...\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	while (now() < until) {
		for (int i = 0; i < 64 && n_held < hold; i++)
			knock(argv[3 + (int)(knocked % (unsigned long)(argc - 3))]);
		sweep();
		if (n_held >= hold)
			usleep(1000);
	}
	sleep(1); /* those that were still in the queue are answered */
	sweep();
	printf("knocked %lu refused %lu held %zu\n", knocked, refused, n_held);
	return 0;
}
