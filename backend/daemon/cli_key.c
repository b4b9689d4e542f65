/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd key backup FILE` and `clavigerd key drill FILE`: asks the running server's key holder over the
 * local socket (proto/keyask.h). The passphrase lies in `secret` from its first byte to the socket; what
 * comes back is sealed. A file appears whole or not at all.
 */
#include "base/file.h"
#include "base/options.h"
#include "claviger/text.h"
#include "daemon/cli.h"
#include "daemon/cli_passphrase.h"
#include "proto/keyask.h"
#include "vault/keyfile.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 60000 /* core may wait for a disk */

struct asking {
	enum keyask_verb verb;
	const char *socket, *path;
	int passphrase_fd;
	struct clv_buf file, answer; /* file: of a drill */
	bool ok;
};

static clv_rc write_passphrase(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return fd_write_all(*(int *)ctx, bytes, err);
}

/* A server that turns us away closes early: its answer says why, so a failed write is not the end. */
static void send_request(int fd, const struct asking *a, const struct clv_secret *passphrase)
{
	struct keyask q = {a->verb, secret_len(passphrase), buf_slice(&a->file).len};
	struct clv_err ignored;
	struct clv_buf line;

	buf_init(&line, KEYASK_LINE_MAX);
	if (!keyask_put(&line, &q, &ignored) && !fd_write_all(fd, buf_slice(&line), &ignored) &&
	    !secret_use(passphrase, write_passphrase, &fd, &ignored))
		(void)!fd_write_all(fd, buf_slice(&a->file), &ignored);
	buf_release(&line);
}

static clv_rc read_to_end(int fd, struct clv_buf *b, struct clv_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint8_t *room = NULL;
		ssize_t n;

		if (buf_reserve(b, 4096, &room, err))
			return CLV_FAILED;
		if (poll(&p, 1, ANSWER_MS) == 0)
			return err_set(err, CLV_E_TIMEOUT, "the server did not answer within a minute");
		n = read(fd, room, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return CLV_OK; /* reset: it closed without reading all of ours */
		if (n < 0)
			return err_sys(err, CLV_E_IO, "the server's answer");
		buf_commit(b, (size_t)n);
	}
}

/* One line, then exactly the bytes it counts. */
static clv_rc read_answer(int fd, struct asking *a, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice s;
	const uint8_t *nl;
	size_t head, len = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, KEYASK_LINE_MAX + KEYASK_BYTES_MAX + 4096);
	if (read_to_end(fd, &b, err))
		goto out;
	s = buf_slice(&b);
	nl = s.len ? memchr(s.ptr, '\n', s.len < KEYASK_LINE_MAX ? s.len : KEYASK_LINE_MAX) : NULL;
	head = nl ? (size_t)(nl - s.ptr) + 1 : 0;
	if (s.len == 0)
		(void)err_set(err, CLV_E_CLOSED, "the server closed without an answer; its log may say why");
	else if (!nl || keyask_answer_parse(slice_of(s.ptr, head - 1), &a->ok, &len, NULL) ||
	         head + len != s.len)
		(void)err_set(err, CLV_E_PROTO, "the server's answer makes no sense");
	else
		rc = buf_put(&a->answer, slice_of(s.ptr + head, len), err);
out:
	buf_release(&b);
	return rc;
}

static clv_rc ask(struct asking *a, const struct clv_secret *passphrase, struct clv_err *err)
{
	int fd = -1;
	clv_rc rc = CLV_FAILED;

	if (!cli_connect(a->socket, &fd, err)) {
		send_request(fd, a, passphrase);
		rc = read_answer(fd, a, err);
	}
	fd_close(&fd);
	return rc;
}

/* --- the two commands --- */
static clv_rc prepare(struct asking *a, struct clv_err *err)
{
	struct keyfile_info info;
	char *folder = clv_strdup(a->path), *slash = strrchr(folder, '/');
	const char *in = !slash ? "." : slash == folder ? "/" : folder;
	clv_rc rc = CLV_OK;

	if (slash)
		*slash = 0;
	if (a->verb == KEYASK_DRILL)
		rc = file_read(a->path, &a->file, err) || keyfile_info(buf_slice(&a->file), &info, err)
		         ? err_wrap(err, "%s", a->path)
		         : CLV_OK;
	else if (file_exists(a->path))
		rc = err_set(err, CLV_E_EXISTS, "%s exists; a key backup is never written over another file",
		             a->path);
	else if (access(in, W_OK | X_OK))
		rc = err_sys(err, CLV_E_IO, "the folder %s cannot be written to", in);
	clv_free(folder);
	return rc;
}

static clv_rc conclude(const struct asking *a, struct clv_err *err)
{
	struct clv_slice s = buf_slice(&a->answer);
	char *raw = clv_asprintf("%.*s", (int)s.len, s.len ? (const char *)s.ptr : "");
	struct clv_text *text = text_new_str(raw);
	struct keyfile_info info;
	clv_rc rc = CLV_OK;

	if (!a->ok) {
		rc = err_set(err, CLV_E_DENIED, "%s",
		             s.len ? text_str(text)
		                   : "refused: this node is no management server; its log says more");
	} else if (a->verb == KEYASK_DRILL) {
		(void)printf("%s\n", text_str(text));
	} else if (keyfile_info(s, &info, err) || file_create(a->path, s, 0400, err)) {
		rc = CLV_FAILED;
	} else {
		(void)printf("%s: the keys of the group %s, sealed. Keep it and its passphrase apart, away "
		             "from this host; try it with: clavigerd key drill %s\n",
		             a->path, info.group, a->path);
	}
	text_free(text);
	clv_free(raw);
	return rc;
}

static clv_rc run(struct asking *a, const char *conf_path, struct clv_err *err)
{
	struct clv_secret *passphrase = NULL;
	struct conf *conf = NULL;
	clv_rc rc = CLV_FAILED;

	if (options_load(conf_path, &conf, err))
		return CLV_FAILED;
	a->socket = conf_str(conf, "channel", "credential_socket");
	if (strcmp(conf_str(conf, "node", "role"), "management-server") != 0)
		(void)err_set(err, CLV_E_CONFIG,
		              "this node is no management server (%s:%d): it has no group keys to back up",
		              conf_name(conf), conf_line(conf, "node", "role"));
	else if (!prepare(a, err) &&
	         !cli_passphrase("Passphrase of the key backup", a->verb == KEYASK_BACKUP, a->passphrase_fd,
	                         &passphrase, err) &&
	         !ask(a, passphrase, err))
		rc = conclude(a, err);
	secret_free(passphrase);
	conf_free(conf);
	return rc;
}

int cli_key(const char *conf_path, const char *verb, const char *path, const char *passphrase_fd)
{
	struct asking a = {.verb = strcmp(verb, "drill") == 0 ? KEYASK_DRILL : KEYASK_BACKUP, .path = path};
	struct clv_err err = {0};
	clv_rc rc = CLV_FAILED;

	buf_init(&a.file, KEYFILE_MAX);
	buf_init(&a.answer, KEYASK_BYTES_MAX);
	(void)signal(SIGPIPE, SIG_IGN);
	if (cli_passphrase_fd(passphrase_fd, &a.passphrase_fd, &err)) {
		(void)fprintf(stderr, "clavigerd key %s: %s\n", verb, err.text);
		return 2;
	}
	if (!secret_process_init(&err))
		rc = run(&a, conf_path, &err);
	if (rc)
		(void)fprintf(stderr, "clavigerd key %s: %s\n", verb, err.text);
	buf_release(&a.file);
	buf_release(&a.answer);
	return rc ? 1 : 0;
}
