/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolves one name and ends: a resolver parses foreign bytes and blocks, so it is a process of its
 * own, unprivileged, with 5 s. Writes numeric addresses, a line each, to its output.
 */
#include "base/log.h"
#include "base/sandbox.h"
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 16

static void answer(const struct addrinfo *list)
{
	char text[NI_MAXHOST + 1];
	int n = 0;

	for (const struct addrinfo *a = list; a && n < ANSWERS_MAX; a = a->ai_next, n++) {
		size_t len;

		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST))
			continue;
		len = strlen(text);
		text[len++] = '\n';
		if (write(1, text, len) != (ssize_t)len)
			return;
	}
}

int main(int argc, char **argv)
{
	static const struct sandbox_path paths[] = {
	    {"/etc", false}, {"/usr/lib", false}, {"/run", false}, {NULL, false}};
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
	struct rlimit cpu = {5, 5};
	struct clv_err err = {0};
	int rc;

	log_init("resolve", "", 2, LOG_INFO);
	if (argc != 2 || sandbox_prepare(&err))
		return 2;
#ifdef CLV_TEST_BUILD
	sandbox_plant("resolve", paths); /* before the clock starts */
#endif
	if (setrlimit(RLIMIT_CPU, &cpu))
		return 2;
	(void)alarm(5);
	/* Loads the NSS modules while mapping code is still allowed. */
	hints.ai_flags |= AI_NUMERICHOST;
	if (getaddrinfo("127.0.0.1", NULL, &hints, &list) == 0)
		freeaddrinfo(list);
	(void)gethostbyname("localhost");
	list = NULL;
	hints.ai_flags &= ~AI_NUMERICHOST;
	if (sandbox_enter("resolve", paths, false, &err)) {
		log_err(LOG_ERROR, &err, "resolve ends");
		return 1;
	}
	rc = getaddrinfo(argv[1], NULL, &hints, &list);
	if (rc) {
		log_notice("%s does not resolve: %s", argv[1], gai_strerror(rc));
		return 1;
	}
	answer(list);
	freeaddrinfo(list);
	return 0;
}
