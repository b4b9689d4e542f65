/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the signer, judged (see sigblock.h). Reads foreign bytes: a network process that was taken over
 * asks too, and must get nothing signed but handshakes of TLS 1.3.
 */
#include "channel/sigblock.h"

#include <openssl/x509.h>
#include <string.h>

#define SPACES       64u
#define HASH_SHA_256 32u /* TLS_AES_128_GCM_SHA256 */
#define HASH_SHA_384 48u /* TLS_AES_256_GCM_SHA384 */

/* RFC 8446 4.2.3: the schemes that tls.c lets a certificate of ours sign with. */
static const struct sig_scheme schemes[] = {
    {0x0403, "EC", "prime256v1", "SHA256", false}, {0x0503, "EC", "secp384r1", "SHA384", false},
    {0x0603, "EC", "secp521r1", "SHA512", false},  {0x0804, "RSA", NULL, "SHA256", true},
    {0x0805, "RSA", NULL, "SHA384", true},         {0x0806, "RSA", NULL, "SHA512", true},
    {0x0807, "ED25519", NULL, NULL, false},        {0x0808, "ED448", NULL, NULL, false},
    {0x0809, "RSA-PSS", NULL, "SHA256", true},     {0x080a, "RSA-PSS", NULL, "SHA384", true},
    {0x080b, "RSA-PSS", NULL, "SHA512", true},
};
#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const char *const who[] = {"TLS 1.3, server CertificateVerify", "TLS 1.3, client CertificateVerify"};

const struct sig_scheme *sig_scheme_of(uint16_t number)
{
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (schemes[i].number == number)
			return &schemes[i];
	}
	return NULL;
}

static bool fits(const struct sig_scheme *s, const EVP_PKEY *key, const char *group, const EVP_MD *digest)
{
	return EVP_PKEY_is_a(key, s->type) && (s->group == NULL || strcmp(s->group, group) == 0) &&
	       (s->digest == NULL ? digest == NULL : digest != NULL && EVP_MD_is_a(digest, s->digest));
}

const struct sig_scheme *sig_scheme_for(const EVP_PKEY *key, const EVP_MD *digest)
{
	char group[64] = "";

	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return NULL;
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (fits(&schemes[i], key, group, digest))
			return &schemes[i];
	}
	return NULL;
}

clv_rc sigblock_check(struct clv_slice block, struct clv_err *err)
{
	struct clv_slice rest = block;
	struct clv_slice part;
	size_t len;

	if (slice_get(&rest, SPACES, &part, NULL) != CLV_OK)
		return err_set(err, CLV_E_PROTO, "what is to be signed is too short for a handshake");
	for (size_t i = 0; i < SPACES; i++) {
		if (part.ptr[i] != ' ')
			return err_set(err, CLV_E_PROTO,
			               "what is to be signed does not begin as a handshake of TLS 1.3");
	}
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		struct clv_slice after = rest;

		len = strlen(who[i]) + 1; /* its zero parts it from the hash */
		if (slice_get(&after, len, &part, NULL) != CLV_OK || !slice_eq(part, slice_of(who[i], len)))
			continue;
		if (after.len == HASH_SHA_256 || after.len == HASH_SHA_384)
			return CLV_OK;
		return err_set(err, CLV_E_PROTO,
		               "a transcript hash of %zu bytes is none of our cipher suites'", after.len);
	}
	return err_set(err, CLV_E_PROTO, "what is to be signed is no handshake of TLS 1.3");
}

clv_rc sig_request_read(const Clv__SignerSign *m, struct sig_request *out, struct clv_err *err)
{
	const struct sig_scheme *s = m->scheme > UINT16_MAX ? NULL : sig_scheme_of((uint16_t)m->scheme);

	if (s == NULL)
		return err_set(err, CLV_E_PROTO, "0x%x is no signature scheme of ours", m->scheme);
	if (!slice_fill(slice_of(m->key.data, m->key.len), out->key, SIGBLOCK_KEY_LEN))
		return err_set(err, CLV_E_PROTO, "a key is named by %u bytes", SIGBLOCK_KEY_LEN);
	if (sigblock_check(slice_of(m->block.data, m->block.len), err) != CLV_OK)
		return CLV_FAILED;
	out->scheme = s;
	out->block = slice_of(m->block.data, m->block.len);
	return CLV_OK;
}

clv_rc sigblock_key_id(const EVP_PKEY *key, uint8_t out[SIGBLOCK_KEY_LEN], struct clv_err *err)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	unsigned int out_len = 0;
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, &out_len, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok ? CLV_OK : err_set(err, CLV_E_CRYPTO, "a public key cannot be encoded");
}
