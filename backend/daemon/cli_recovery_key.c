/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offline recovery key: made by init, signs a new group signing key after a total loss (design 3), kept
 * away from this host. It and its passphrase are in locked memory until the file is written.
 */
#include "base/file.h"
#include "claviger/secret.h"
#include "daemon/cli.h"
#include "daemon/cli_passphrase.h"
#include "keys/statement.h"
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#define ARENA      (1024u * 1024u)
#define ITERATIONS 600000 /* PBKDF2-HMAC-SHA-256, which PKCS8_encrypt takes with an AES cipher */

struct sealing {
	EVP_PKEY *key;
	BIO *out;
};

static clv_rc write_under(struct clv_slice passphrase, void *ctx, struct clv_err *err)
{
	struct sealing *s = ctx;
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(s->key);
	X509_SIG *sealed = plain ? PKCS8_encrypt(-1, EVP_aes_256_cbc(), (const char *)passphrase.ptr,
	                                         (int)passphrase.len, NULL, 0, ITERATIONS, plain)
	                         : NULL;
	clv_rc rc = sealed && PEM_write_bio_PKCS8(s->out, sealed) == 1
	                ? CLV_OK
	                : err_set(err, CLV_E_CRYPTO, "sealing the recovery key: %s", crypto_reason());

	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return rc;
}

static clv_rc write_key(EVP_PKEY *key, const struct clv_secret *passphrase, const char *path,
                        struct clv_err *err)
{
	struct sealing s = {key, BIO_new(BIO_s_mem())};
	char *p = NULL;
	long n;
	clv_rc rc = CLV_FAILED;

	if (!s.out)
		return err_set(err, CLV_E_CRYPTO, "no memory for the recovery key");
	if (!secret_use(passphrase, write_under, &s, err)) {
		n = BIO_get_mem_data(s.out, &p);
		rc = file_create(path, slice_of(p, n > 0 ? (size_t)n : 0), 0400, err);
	}
	BIO_free(s.out);
	return rc;
}

clv_rc cli_recovery_key(const char *path, const char *passphrase_fd, char hex[65], struct clv_err *err)
{
	struct clv_secret *passphrase = NULL;
	EVP_PKEY *key = NULL;
	struct clv_buf spki;
	uint8_t hash[KEY_HASH_LEN];
	int fd = -1;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (file_exists(path))
		(void)err_set(err, CLV_E_EXISTS, "%s exists; a recovery key is never written over another",
		              path);
	else if (!secret_process_init(err) && !secret_openssl_arena(ARENA, err) &&
	         !cli_passphrase_fd(passphrase_fd, &fd, err) &&
	         !cli_passphrase("Passphrase of the new recovery key", true, fd, &passphrase, err) &&
	         !pkey_make_p256(&key, err) && !pkey_to_spki(key, &spki, err) &&
	         !sha256(buf_slice(&spki), hash, err)) {
		hex_encode(slice_of(hash, sizeof hash), false, hex);
		rc = write_key(key, passphrase, path, err);
	}
	secret_free(passphrase);
	EVP_PKEY_free(key);
	buf_release(&spki);
	return rc;
}
