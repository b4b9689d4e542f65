/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's way open (see keyholder_vault.h). Runs in the key holder; the secret that opens it is read
 * from a descriptor into `secret` and nowhere else.
 */
#include "daemon/keyholder_vault.h"
#include "base/clock.h"
#include "base/file.h"
#include "daemon/keyholder_given.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MACHINE_SECRET_LEN 32u
#define SECRET_MAX         1024u
#define OUTCOME_MS         2000

struct reading {
	int fd;
	enum vault_protection how;
};

/* To its end: files and pipes alike. */
static clv_rc read_secret(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const struct reading *r = ctx;
	size_t n = 0;

	while (n < cap) {
		ssize_t got = read(r->fd, bytes + n, cap - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, CLV_E_IO, "reading what opens the vault");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (r->how == VAULT_BY_FILE && n != MACHINE_SECRET_LEN)
		return err_set(
		    err, CLV_E_CONFIG,
		    "the machine secret must be %u bytes: restore it, or, on a node whose state may be "
		    "lost, remove it and enrol again",
		    MACHINE_SECRET_LEN);
	if (r->how == VAULT_BY_CREDENTIAL && (n < MACHINE_SECRET_LEN || n == cap))
		return err_set(
		    err, CLV_E_CONFIG,
		    "the credential that opens the vault must have %u to %zu bytes: give the one it "
		    "was protected by",
		    MACHINE_SECRET_LEN, cap - 1);
	if (n == 0 || n == cap)
		return err_set(err, CLV_E_CONFIG, "the vault's passphrase must have 1 to %zu bytes", cap - 1);
	*len = n;
	return CLV_OK;
}

/* Takes *fd. */
static struct clv_secret *take_secret(int *fd, enum vault_protection how, struct clv_err *err)
{
	struct clv_secret *s = secret_new(SECRET_MAX + 1, err);
	struct reading r = {*fd, how};

	if (s && secret_fill(s, read_secret, &r, err)) {
		secret_free(s);
		s = NULL;
	}
	fd_close(fd);
	return s;
}

clv_rc kh_vault_open(struct kh *k, struct clv_err *err)
{
	enum vault_protection how = VAULT_BY_FILE;
	struct clv_secret *secret = NULL;
	char *path = clv_asprintf("%s/vault/vault.db", k->start->state);
	clv_rc rc = CLV_FAILED;

	if (!vault_protection_parse(k->start->vault_protect, &how))
		(void)err_set(err, CLV_E_PROTO, "the parent names no protection of the vault");
	else if ((secret = take_secret(&k->machine_fd, how, err)) &&
	         !vault_open_by(path, how, secret, clock_wall_ms(), &k->vault, err))
		rc = kh_load(k, err);
	secret_free(secret);
	clv_free(path);
	return rc;
}

clv_rc kh_vault_protect(struct kh *k, struct clv_err *err)
{
	int *fd = &k->given[KH_GIVEN_NEW_SECRET - KH_GIVEN_FIRST];
	enum vault_protection next = VAULT_BY_FILE;
	struct clv_secret *secret;
	clv_rc rc;

	if (!vault_protection_parse(k->start->protect_by, &next) || *fd < 0)
		return err_set(err, CLV_E_PROTO, "the parent names no new protection of the vault");
	secret = take_secret(fd, next, err);
	rc = secret ? vault_protect(k->vault, next, secret, err) : CLV_FAILED;
	secret_free(secret);
	return rc;
}

void kh_outcome(struct kh *k, uint32_t status, const char *text)
{
	Clv__Outcome m = CLV__OUTCOME__INIT;
	int64_t limit = clock_mono_ms() + OUTCOME_MS;

	m.status = status;
	m.text = (char *)(uintptr_t)text;
	if (ipc_send(k->parent, IPC_OUTCOME, &m.base, NULL, 0, NULL))
		return;
	while (ipc_unsent(k->parent) && clock_mono_ms() < limit) {
		struct pollfd p = {.fd = ipc_fd(k->parent), .events = POLLOUT};

		(void)poll(&p, 1, 100);
		if (ipc_flush(k->parent, NULL))
			return;
	}
}
