/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_peer SOCKET UNIT NAME: asks as systemd's LoadCredential= does: from an abstract address
 * "<random>/unit/UNIT/NAME", without a byte; prints what comes. Anybody can bind that address.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un me = {.sun_family = AF_UNIX}, to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char b[65536];
	ssize_t got;

	if (argc != 4 || fd < 0)
		return 2;
	n = snprintf(me.sun_path + 1, sizeof me.sun_path - 1, "%08x/unit/%s/%s", (unsigned)getpid(), argv[2],
	             argv[3]);
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", argv[1]);
	if (bind(fd, (struct sockaddr *)&me,
	         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof to)) {
		perror("unit_peer");
		return 2;
	}
	while (poll(&p, 1, 8000) > 0 && (got = read(fd, b, sizeof b)) > 0)
		(void)!write(1, b, (size_t)got);
	return 0;
}
