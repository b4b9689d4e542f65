/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder's process: starts the key generation child, gets its configuration and the machine
 * secret from the parent, shuts its walls, opens the vault, then serves core. One thread, one poll.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "daemon/keyholder.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KH_ARENA           (4u * 1024u * 1024u)
#define MACHINE_SECRET_LEN 32u

static clv_rc on_start(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct kh *k = ctx;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	buf_init(&b, IPC_BODY_MAX);
	if (!k->start && !proto_encode(m, &b, err))
		rc =
		    proto_decode(&clv__start__descriptor, buf_slice(&b), (ProtobufCMessage **)&k->start, err);
	buf_release(&b);
	return rc;
}

static clv_rc on_vault(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct kh *k = ctx;

	(void)m;
	(void)err;
	k->machine_fd = fds[0];
	fds[0] = -1;
	return CLV_OK;
}

static clv_rc on_peer(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct kh *k = ctx;
	int fd = fds[0];

	(void)m;
	fds[0] = -1;
	ipc_free(k->core);
	k->core = NULL;
	return ipc_new(fd, "core", &k->core, err);
}

static const struct ipc_row parent_rows[] = {
    {IPC_START, on_start},
    {IPC_VAULT, on_vault},
    {IPC_PEER, on_peer},
    {0, NULL},
};

static clv_rc read_secret(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	ssize_t n;

	do
		n = pread(*(int *)ctx, bytes, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)MACHINE_SECRET_LEN)
		return err_set(
		    err, CLV_E_CONFIG,
		    "the machine secret must be %u bytes: restore it, or, on a node whose state may be "
		    "lost, remove it and enrol again",
		    MACHINE_SECRET_LEN);
	*len = (size_t)n;
	return CLV_OK;
}

static clv_rc open_vault(struct kh *k, struct clv_err *err)
{
	struct clv_secret *machine = secret_new(MACHINE_SECRET_LEN + 1, err);
	char *path = clv_asprintf("%s/vault/vault.db", k->start->state);
	clv_rc rc = CLV_FAILED;

	if (machine && !secret_fill(machine, read_secret, &k->machine_fd, err) &&
	    !vault_open(path, machine, clock_wall_ms(), &k->vault, err))
		rc = kh_load(k, err);
	fd_close(&k->machine_fd);
	secret_free(machine);
	clv_free(path);
	return rc;
}

/* Whatever OpenSSL would fetch later is fetched now: after the walls no file opens. */
static clv_rc warm_openssl(struct clv_err *err)
{
	EVP_PKEY *key = NULL;
	uint8_t b[32];

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
	                            OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
	                            OPENSSL_INIT_ADD_ALL_DIGESTS,
	                        NULL) != 1 ||
	    RAND_bytes(b, sizeof b) != 1 || RAND_priv_bytes(b, sizeof b) != 1)
		return err_set(err, CLV_E_CRYPTO, "OpenSSL does not start");
	key = EVP_EC_gen("P-256");
	EVP_PKEY_free(key);
	return key ? CLV_OK : err_set(err, CLV_E_CRYPTO, "OpenSSL makes no key");
}

/* What tells this machine from a copy is hashed at once: the raw id goes no further. */
static clv_rc hash_machine(struct kh *k, struct clv_err *err)
{
	struct clv_slice raw = slice_of(k->start->machine.data, k->start->machine.len);
	uint8_t *hash = clv_calloc(1, KEY_HASH_LEN);
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	while (raw.len && (raw.ptr[raw.len - 1] == '\n' || raw.ptr[raw.len - 1] == ' '))
		raw.len--;
	buf_init(&b, IPC_BODY_MAX);
	if (!buf_put(&b, SLICE_LIT("claviger/1 machine"), err) && !buf_put_lp(&b, raw, err))
		rc = sha256(buf_slice(&b), hash, err);
	buf_release(&b);
	clv_free(k->start->machine.data);
	k->start->machine.data = hash;
	k->start->machine.len = KEY_HASH_LEN;
	return rc;
}

static clv_rc prepare(struct kh *k, struct clv_err *err)
{
	struct sandbox_path paths[2] = {{NULL, true}, {NULL, false}};
	char *vault;
	clv_rc rc;

	if (secret_process_init(err) || sandbox_prepare(err) || keygen_start(&k->keygen, err) ||
	    secret_openssl_arena(KH_ARENA, err) || warm_openssl(err) || ipc_new(3, "parent", &k->parent, err))
		return CLV_FAILED;
	while (!k->start || k->machine_fd < 0)
		if (ipc_wait(k->parent, parent_rows, k, -1, err))
			return CLV_FAILED;
	log_init("keyholder", k->start->role, 2, (enum log_level)k->start->log_level);
	if (hash_machine(k, err))
		return CLV_FAILED;
	vault = clv_asprintf("%s/vault", k->start->state);
	paths[0].path = vault;
#ifdef CLV_TEST_BUILD
	sandbox_plant("keyholder", paths);
#endif
	rc = sandbox_enter("keyholder", paths, k->start->bare, err);
	if (!rc && err->code) {
		log_err(LOG_WARN, err, "runs bare, as configured");
		err_clear(err);
	}
	clv_free(vault);
	return rc ? rc : open_vault(k, err);
}

static clv_rc serve_core(struct kh *k, struct clv_err *err)
{
	if (ipc_wait(k->core, kh_core_rows, k, 0, err) == CLV_OK)
		return CLV_OK;
	if (err->cls != CLV_CLASS_CLOSED)
		return CLV_FAILED;
	/* Core died: the parent sends another socket pair when it is back. */
	err_clear(err);
	ipc_free(k->core);
	k->core = NULL;
	return CLV_OK;
}

static clv_rc turn(struct kh *k, struct clv_err *err)
{
	struct pollfd p[3] = {
	    {.fd = ipc_fd(k->parent), .events = POLLIN},
	    {.fd = k->keygen, .events = POLLIN},
	    {.fd = k->core ? ipc_fd(k->core) : -1, .events = POLLIN},
	};

	if (k->core && ipc_unsent(k->core))
		p[2].events |= POLLOUT;
	if (poll(p, 3, -1) < 0 && errno != EINTR)
		return err_sys(err, CLV_E_IO, "waiting");
	if (p[1].revents && kh_key_made(k, err))
		return CLV_FAILED;
	if (p[2].revents && serve_core(k, err))
		return CLV_FAILED;
	if (p[0].revents && ipc_wait(k->parent, parent_rows, k, 0, err)) {
		k->ended = err->cls == CLV_CLASS_CLOSED;
		return k->ended ? CLV_OK : CLV_FAILED;
	}
	return CLV_OK;
}

int main(void)
{
	struct kh k = {.magic = KH_MAGIC, .keygen = -1, .machine_fd = -1};
	struct clv_err err = {0};
	int status = 1;

	log_init("keyholder", "", 2, LOG_INFO);
	fault_init("keyholder");
	if (prepare(&k, &err))
		goto out;
	while (!k.ended)
		if (turn(&k, &err))
			goto out;
	status = 0;
out:
	if (status && err.code)
		log_err(LOG_ERROR, &err, "the key holder ends");
	kh_unload(&k);
	vault_close(k.vault);
	ipc_free(k.core);
	ipc_free(k.parent);
	proto_free((ProtobufCMessage *)k.start);
	return status;
}
