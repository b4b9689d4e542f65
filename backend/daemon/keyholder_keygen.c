/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes RSA keys in a child of the key holder: generation takes seconds and must not hold up a link
 * proof. Forked before the key holder reads its first secret; the child knows nothing but the key it
 * makes, hands it over its socket and forgets it.
 */
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "daemon/keyholder.h"
#include "daemon/keyholder_keypool.h"
#include "keys/statement.h"
#include <errno.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEYGEN_ARENA (2u * 1024u * 1024u)

static clv_rc read_all(int fd, uint8_t *p, size_t len, struct clv_err *err)
{
	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, CLV_E_CLOSED, "the key generation channel ended");
		p += n;
		len -= (size_t)n;
	}
	return CLV_OK;
}

static clv_rc send_key(int fd, EVP_PKEY *key, struct clv_err *err)
{
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
	uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	clv_rc rc = CLV_FAILED;

	if (n <= 0 || (size_t)n > KH_PKCS8_MAX)
		(void)err_set(err, CLV_E_CRYPTO, "encoding the new key: %s", crypto_reason());
	else if (!fd_write_all(fd, slice_of(head, sizeof head), err))
		rc = fd_write_all(fd, slice_of(der, (size_t)n), err);
	if (der) {
		explicit_bzero(der, n > 0 ? (size_t)n : 0);
		OPENSSL_free(der);
	}
	PKCS8_PRIV_KEY_INFO_free(p8);
	return rc;
}

static clv_rc serve(int fd, struct clv_err *err)
{
	for (;;) {
		uint8_t ask[2];
		EVP_PKEY *key;
		uint32_t bits;
		clv_rc rc;

		if (read_all(fd, ask, sizeof ask, err))
			return CLV_FAILED;
		bits = (uint32_t)(ask[0] << 8 | ask[1]);
		key = keypool_take(bits);
		if (!key)
			key = EVP_RSA_gen(bits);
		if (!key)
			return err_set(err, CLV_E_CRYPTO, "making an RSA key: %s", crypto_reason());
		rc = send_key(fd, key, err);
		EVP_PKEY_free(key);
		if (rc)
			return rc;
	}
}

static void child(int fd)
{
	struct clv_err err = {0};
	EVP_PKEY *warm;

	log_init("keygen", "", 2, LOG_INFO);
	if (secret_openssl_arena(KEYGEN_ARENA, &err) ||
	    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		goto out;
	warm = EVP_EC_gen("P-256"); /* fetches what is needed while files may still be opened */
	EVP_PKEY_free(warm);
	keypool_open();
#ifdef CLV_TEST_BUILD
	sandbox_plant("keygen", NULL);
#endif
	if (sandbox_enter("keygen", NULL, false, &err))
		goto out;
	(void)serve(fd, &err);
out:
	if (err.code != CLV_E_CLOSED && err.code != CLV_E_NONE)
		log_err(LOG_ERROR, &err, "key generation ends");
	_exit(err.code == CLV_E_CLOSED ? 0 : 1);
}

clv_rc keygen_start(int *fd, struct clv_err *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_sys(err, CLV_E_IO, "a socket pair for key generation");
	pid = fork();
	if (pid < 0) {
		(void)close(pair[0]);
		(void)close(pair[1]);
		return err_sys(err, CLV_E_IO, "starting key generation");
	}
	if (pid == 0) {
		/* Only this socket and the log stay open; it ends when the key holder does. */
		(void)dup2(pair[1], 3);
		(void)syscall(SYS_close_range, 4, ~0u, 0);
		child(3);
	}
	(void)close(pair[1]);
	*fd = pair[0];
	return CLV_OK;
}

clv_rc keygen_ask(int fd, uint32_t bits, struct clv_err *err)
{
	uint8_t ask[2] = {(uint8_t)(bits >> 8), (uint8_t)bits};

	return fd_write_all(fd, slice_of(ask, sizeof ask), err);
}

static clv_rc take_bytes(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	int fd = *(int *)ctx;
	uint8_t head[4];
	size_t n;

	if (read_all(fd, head, sizeof head, err))
		return CLV_FAILED;
	n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (n > cap)
		return err_set(err, CLV_E_LIMIT, "a new key of %zu bytes", n);
	*len = n;
	return read_all(fd, bytes, n, err);
}

clv_rc keygen_take(int fd, struct clv_secret *pkcs8, struct clv_err *err)
{
	return secret_fill(pkcs8, take_bytes, &fd, err);
}
