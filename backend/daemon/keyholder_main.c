/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder's process: starts the key generation child, gets its configuration and the machine
 * secret from the parent, shuts its walls, opens the vault, then serves core. One thread, one poll.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "daemon/keyholder_group.h"
#include "daemon/keyholder_held.h"
#include "daemon/keyholder_given.h"
#include "daemon/keyholder_keyask.h"
#include "daemon/keyholder_recover.h"
#include "daemon/keyholder_vault.h"
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

#define TEND_MS    3600000
#define TEND_ITEMS 16u
#define KH_ARENA   (4u * 1024u * 1024u)

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
	uint32_t which = ((const Clv__Vault *)m)->which, at = which - KH_GIVEN_FIRST;
	struct kh *k = ctx;
	int *slot = which == KH_GIVEN_VAULT                                                ? &k->machine_fd
	            : which >= KH_GIVEN_FIRST && at < sizeof k->given / sizeof k->given[0] ? &k->given[at]
	                                                                                   : NULL;

	if (!slot || *slot >= 0)
		return err_set(err, CLV_E_PROTO, "the parent hands over what has no place (%u)", which);
	*slot = fds[0];
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

static clv_rc on_credential(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct kh *k = ctx;
	int fd = fds[0];

	(void)m;
	fds[0] = -1;
	if (fd < 0)
		return CLV_OK; /* no descriptor was free for it here: it is closed already */
	if (strcmp(k->start->role, "management-server") == 0)
		return kh_keyask_take(k, fd);
	return kh_release_take(k, fd, err);
}

static const struct ipc_row parent_rows[] = {
    {IPC_START, on_start},
    {IPC_VAULT, on_vault},
    {IPC_PEER, on_peer},
    {IPC_CREDENTIAL, on_credential},
    {0, NULL},
};

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
		if (ipc_wait(k->parent, parent_rows, k, -1, err)) {
			k->ended = err->cls == CLV_CLASS_CLOSED; /* the parent says why */
			return CLV_FAILED;
		}
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
	return rc;
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

/* Master keys expire while the service runs (S33): a new one is made, and the items move to it a few at a
 * time, between requests. A failure is said and tried again in an hour: what was sealed still opens. */
static void tend_vault(struct kh *k, int *timeout_ms)
{
	int64_t now = clock_mono_ms(), left_ms;
	struct clv_err err = {0};
	size_t left = 0;
	bool made = false;

	if (now >= k->tend_at) {
		k->tend_at = now + TEND_MS;
		k->rewrapping = !vault_renew(k->vault, clock_wall_ms(), &made, &err);
		if (made)
			log_notice("the vault has a new master key; items move to it");
	}
	if (k->rewrapping)
		k->rewrapping = !vault_rewrap(k->vault, TEND_ITEMS, &left, &err) && left > 0;
	if (err.code)
		log_err(LOG_ERROR, &err, "renewing the vault's master key; tried again in an hour");
	left_ms = k->rewrapping ? 0 : k->tend_at - now;
	if (*timeout_ms < 0 || left_ms < *timeout_ms)
		*timeout_ms = (int)left_ms;
}

static clv_rc turn(struct kh *k, struct clv_err *err)
{
	struct pollfd p[4 + KH_RELEASES_MAX] = {
	    {.fd = ipc_fd(k->parent), .events = POLLIN},
	    {.fd = k->keygen, .events = POLLIN},
	    {.fd = k->core ? ipc_fd(k->core) : -1, .events = POLLIN},
	};
	int timeout_ms = -1;
	size_t n = kh_release_poll(k, p + 3, &timeout_ms), asks = kh_keyask_poll(k, p + 3 + n, &timeout_ms);

	tend_vault(k, &timeout_ms);
	if (k->core && ipc_unsent(k->core))
		p[2].events |= POLLOUT;
	if (ipc_unsent(k->parent))
		p[0].events |= POLLOUT;
	if (poll(p, 3 + n + asks, timeout_ms) < 0 && errno != EINTR)
		return err_sys(err, CLV_E_IO, "waiting");
	kh_release_serve(k, p + 3, n);
	if (asks)
		kh_keyask_serve(k, p + 3 + n);
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

/* What a person has to mend ends the service with one line; whatever else it was, the parent tries again. */
static bool is_for_a_person(const struct clv_err *err)
{
	return err->cls == CLV_CLASS_AUTH || err->cls == CLV_CLASS_USAGE || err->code == CLV_E_CORRUPT ||
	       err->code == CLV_E_NOTFOUND;
}

/* 0, or 1 when this process ends. */
static int with_vault(struct kh *k, struct clv_err *err)
{
	bool protect = strcmp(k->start->mode, "protect") == 0;
	char *text = NULL;

	if (kh_vault_open(k, err) || (protect && kh_vault_protect(k, err))) {
		if (protect || is_for_a_person(err)) {
			kh_outcome(k, 1, err->text);
			err_clear(err);
		}
		return 1;
	}
	if (!protect)
		return 0;
	text = clv_asprintf("The vault is protected by a %s now, and opens by nothing else. Write "
	                    "vault_protect = %s under [node] before the next start.",
	                    k->start->protect_by, k->start->protect_by);
	kh_outcome(k, 0, text);
	clv_free(text);
	k->ended = true;
	return 0;
}

int main(void)
{
	struct kh k = {.magic = KH_MAGIC, .keygen = -1, .machine_fd = -1, .given = {-1, -1, -1, -1}};
	struct clv_err err = {0};
	int status = 1;

	quota_init(&k.callers, KH_RELEASES_EACH, KH_RELEASES_MAX, KH_RELEASES_SPARE);
	log_init("keyholder", "", 2, LOG_INFO);
	fault_init("keyholder");
	if (prepare(&k, &err))
		goto out;
	status = with_vault(&k, &err);
	if (k.ended || status)
		goto out;
	status = 1;
	while (!k.ended)
		if (turn(&k, &err))
			goto out;
	status = 0;
out:
	if (status && err.code && !k.ended)
		log_err(LOG_ERROR, &err, "the key holder ends");
	kh_release_end(&k);
	kh_keyask_end(&k);
	kh_unload(&k);
	vault_close(k.vault);
	ipc_free(k.core);
	ipc_free(k.parent);
	proto_free((ProtobufCMessage *)k.start);
	return status;
}
