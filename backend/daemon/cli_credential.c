/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd credential PROFILE`: asks this host's agent for a RunAs credential and writes the password,
 * and nothing else, to standard output. What was read lies in `secret` until it is written; no stdio buffer
 * sees it.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "claviger/secret.h"
#include "daemon/cli.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX  (66u * 1024u)
#define ANSWER_MS   15000
#define AGAIN_MS    10000 /* as long a service, or its key holder, that is being started anew is waited for */
#define AGAIN_STEP  100
#define PROFILE_MAX 250u

struct answer {
	bool user_only;
	bool granted;
	bool said; /* the service said something, be it no */
};

static clv_rc read_all(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct pollfd p = {.fd = *(int *)ctx, .events = POLLIN};
	size_t n = 0;

	while (n < cap) {
		ssize_t got;

		if (poll(&p, 1, ANSWER_MS) == 0)
			return err_set(err, CLV_E_TIMEOUT, "the agent did not answer");
		got = read(p.fd, bytes + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, CLV_E_IO, "the agent's answer");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*len = n;
	return CLV_OK;
}

/* "claviger/1 ok <type> <version> <user bytes> <domain bytes> <bytes>\n", user, domain, password. */
static clv_rc write_out(struct clv_slice s, void *ctx, struct clv_err *err)
{
	static const char ok[] = "claviger/1 ok ";
	struct answer *a = ctx;
	const uint8_t *nl = memchr(s.ptr, '\n', s.len);
	size_t head = nl ? (size_t)(nl - s.ptr) + 1 : 0, user = 0, domain = 0, bytes = 0;
	char line[128], type[16];
	unsigned long long version = 0;

	a->said = s.len > 0;
	if (head == 0 || head >= sizeof line || strncmp((const char *)s.ptr, ok, sizeof ok - 1) != 0)
		return CLV_OK;
	memcpy(line, s.ptr, head);
	line[head] = 0;
	if (sscanf(line + sizeof ok - 1, "%15s %llu %zu %zu %zu", type, &version, &user, &domain, &bytes) !=
	        5 ||
	    user > 1024 || domain > 1024 || bytes > ANSWER_MAX || head + user + domain + bytes != s.len)
		return err_set(err, CLV_E_PROTO, "the agent's answer makes no sense");
	a->granted = true;
	if (!a->user_only)
		return fd_write_all(1, slice_of(s.ptr + head + user + domain, bytes), err);
	if (domain && (fd_write_all(1, slice_of(s.ptr + head + user, domain), err) ||
	               fd_write_all(1, slice_str("\\"), err)))
		return CLV_FAILED;
	return fd_write_all(1, slice_of(s.ptr + head, user), err) ? CLV_FAILED
	                                                          : fd_write_all(1, slice_str("\n"), err);
}

static clv_rc ask(const char *path, const char *profile, struct answer *a, struct clv_err *err)
{
	struct clv_secret *all = secret_new(ANSWER_MAX, err);
	char *line = clv_asprintf("credential %s\n", profile);
	int fd = -1;
	clv_rc rc = CLV_FAILED;

	if (!all)
		goto out;
	if (!cli_connect(path, &fd, err) && !fd_write_all(fd, slice_str(line), err) &&
	    !secret_fill(all, read_all, &fd, err))
		rc = secret_use(all, write_out, a, err);
out:
	fd_close(&fd);
	clv_free(line);
	secret_free(all);
	return rc;
}

/* Nobody was there, or who was there ended before a word was said: a service that is being started anew. */
static bool is_starting(clv_rc rc, const struct answer *a, const struct clv_err *err)
{
	if (a->said)
		return false;
	return !rc || err->sys == ENOENT || err->sys == ECONNREFUSED || err->sys == ECONNRESET ||
	       err->sys == EPIPE;
}

static clv_rc ask_until(const char *path, const char *profile, struct answer *a, struct clv_err *err)
{
	int64_t until_ms = clock_mono_ms() + AGAIN_MS;
	clv_rc rc;

	for (;;) {
		err_clear(err);
		rc = ask(path, profile, a, err);
		if (!is_starting(rc, a, err) || clock_mono_ms() >= until_ms)
			break;
		(void)poll(NULL, 0, AGAIN_STEP);
	}
	if (!rc && !a->said)
		return err_set(err, CLV_E_CLOSED, "the service ended before it answered; its log says why");
	return rc;
}

int cli_credential(const char *conf_path, const char *profile, bool user_only)
{
	struct answer a = {.user_only = user_only};
	struct conf *conf = NULL;
	struct clv_err err = {0};
	clv_rc rc = CLV_FAILED;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!*profile || strlen(profile) > PROFILE_MAX || strpbrk(profile, "\n\r"))
		(void)err_set(&err, CLV_E_USAGE, "a profile's name has 1 to %u bytes", PROFILE_MAX);
	else if (!secret_process_init(&err) && !options_load(conf_path, &conf, &err))
		rc = ask_until(conf_str(conf, "channel", "credential_socket"), profile, &a, &err);
	conf_free(conf);
	if (rc) {
		(void)fprintf(stderr, "clavigerd credential: %s\n", err.text);
		return err.cls == CLV_CLASS_USAGE ? 2 : 1;
	}
	if (!a.granted) {
		(void)fprintf(
		    stderr,
		    "clavigerd credential: nothing of profile '%s' for you here: you are not entitled, "
		    "or this host holds none. The agent's log says which.\n",
		    profile);
		return 3;
	}
	return 0;
}
