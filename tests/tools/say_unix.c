/* SPDX-License-Identifier: Apache-2.0 */
/*
 * say_unix SOCKET < BYTES: says them to a unix socket and prints what comes until it closes, 12 s at most.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char b[65536];
	ssize_t got;

	if (argc != 2 || fd < 0)
		return 2;
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", argv[1]);
	if (connect(fd, (struct sockaddr *)&to, sizeof to)) {
		perror("say_unix");
		return 2;
	}
	while ((got = read(0, b, sizeof b)) > 0)
		(void)!send(fd, b, (size_t)got, MSG_NOSIGNAL);
	while (poll(&p, 1, 12000) > 0 && (got = read(fd, b, sizeof b)) > 0)
		(void)!write(1, b, (size_t)got);
	return 0;
}
