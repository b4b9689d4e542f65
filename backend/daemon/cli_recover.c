/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clavigerd recover and key restore: asks for the passphrase of the recovery key or of the key backup, puts
 * it into a pipe that the key holder reads, and hands over to the parent. The passphrase lies in `secret`
 * until then.
 */
#include "base/file.h"
#include "base/options.h"
#include "claviger/secret.h"
#include "daemon/cli.h"
#include "daemon/cli_passphrase.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static clv_rc into_pipe(struct clv_slice s, void *ctx, struct clv_err *err)
{
	return fd_write_all(*(int *)ctx, s, err);
}

/* *out: the end to read from, which the parent inherits. */
static clv_rc ask(const char *prompt, const char *fd_text, int *out, struct clv_err *err)
{
	struct clv_secret *passphrase = NULL;
	int fd = -1, ends[2];
	clv_rc rc = CLV_FAILED;

	if (secret_process_init(err) || cli_passphrase_fd(fd_text, &fd, err) ||
	    cli_passphrase(prompt, false, fd, &passphrase, err))
		return CLV_FAILED;
	if (pipe2(ends, O_CLOEXEC))
		(void)err_sys(err, CLV_E_IO, "a pipe for the passphrase");
	else if (secret_use(passphrase, into_pipe, &ends[1], err) || fcntl(ends[0], F_SETFD, 0))
		fd_close(&ends[0]);
	else {
		*out = ends[0];
		rc = CLV_OK;
	}
	secret_free(passphrase);
	if (rc)
		return rc;
	fd_close(&ends[1]);
	return CLV_OK;
}

static clv_rc readable(const char *path, struct clv_err *err)
{
	return access(path, R_OK) ? err_sys(err, CLV_E_IO, "%s", path) : CLV_OK;
}

int cli_come_back(const struct cli_come_back *a)
{
	const char *file = a->recovery_key ? a->recovery_key : a->backup;
	char *extra[5] = {cli_caller(), NULL, NULL, NULL, NULL};
	struct clv_err err = {0};
	size_t n = 1;
	int fd = -1;

	if (file && (readable(file, &err) ||
	             ask(a->recovery_key ? "Passphrase of the recovery key" : "Passphrase of the key backup",
	                 a->passphrase_fd, &fd, &err))) {
		(void)fprintf(stderr, "clavigerd %s: %s\n", a->command, err.text);
		return err.cls == CLV_CLASS_USAGE ? 2 : 1;
	}
	if (file) {
		extra[n++] = clv_asprintf("%s=%s", a->recovery_key ? "recovery-key" : "backup", file);
		extra[n++] = clv_asprintf("passphrase=%d", fd);
	}
	if (a->replace)
		extra[n++] = clv_strdup("replace");
	return cli_exec_parent(strcmp(a->command, "recover") == 0 ? "recover" : "restore", a->conf,
	                       a->vault_fd, extra);
}

/* --- trust --- */
/* 64 digits, with blanks, colons and dashes between them. */
static bool parse_fingerprint(const char *text, char hex[65])
{
	size_t n = 0;

	for (; *text; text++) {
		if (strchr(" :-", *text))
			continue;
		if (n == 64 || !strchr("0123456789abcdefABCDEF", *text))
			return false;
		hex[n++] = *text;
	}
	hex[n] = 0;
	return n == 64;
}

static clv_rc tell_trust(const char *socket, const char *hex, struct clv_err *err)
{
	char *line = clv_asprintf("trust %s\n", hex), answer[64] = "";
	size_t n = 0;
	ssize_t got = 1;
	int fd = -1;
	clv_rc rc = CLV_FAILED;

	if (!cli_connect(socket, &fd, err) && !fd_write_all(fd, slice_str(line), err)) {
		while (got > 0 && n < sizeof answer - 1) {
			got = read(fd, answer + n, sizeof answer - 1 - n);
			n += got > 0 ? (size_t)got : 0;
		}
		rc = strcmp(answer, "claviger/1 trusted\n") == 0
		         ? CLV_OK
		         : err_set(err, CLV_E_DENIED,
		                   "refused: root does it, or who runs the service; a management server "
		                   "trusts its own key. The log says more");
	}
	fd_close(&fd);
	clv_free(line);
	return rc;
}

int cli_trust(const char *conf_path, const char *fingerprint)
{
	struct conf *conf = NULL;
	struct clv_err err = {0};
	char hex[65];
	clv_rc rc = CLV_FAILED;

	if (!parse_fingerprint(fingerprint, hex))
		(void)err_set(
		    &err, CLV_E_USAGE,
		    "'%.100s' is no fingerprint: 64 hexadecimal digits, as clavigerd recover printed "
		    "them (Group signing key)",
		    fingerprint);
	else if (!options_load(conf_path, &conf, &err))
		rc = tell_trust(conf_str(conf, "channel", "credential_socket"), hex, &err);
	if (!rc)
		(void)printf("%s trusts it. The link comes within a minute, and an event (20024) says so.\n",
		             conf_str(conf, "node", "name"));
	conf_free(conf);
	if (!rc)
		return 0;
	(void)fprintf(stderr, "clavigerd trust: %s\n", err.text);
	return err.cls == CLV_CLASS_USAGE ? 2 : 1;
}
