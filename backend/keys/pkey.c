/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys as bytes, new node keys, and the fingerprint a person compares at enrolment.
 * Private keys are made in the key holder only.
 */
#include "keys/statement.h"
#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <string.h>

clv_rc pkey_from_spki(struct clv_slice spki, EVP_PKEY **out, struct clv_err *err)
{
	const unsigned char *p = spki.ptr;
	EVP_PKEY *key = NULL;

	if (spki.len == 0 || spki.len > STATEMENT_SPKI_MAX)
		return err_set(err, CLV_E_PROTO, "a public key of %zu bytes", spki.len);
	key = d2i_PUBKEY(NULL, &p, (long)spki.len);
	if (!key || p != spki.ptr + spki.len) {
		EVP_PKEY_free(key);
		return err_set(err, CLV_E_PROTO, "not a public key: %s", crypto_reason());
	}
	*out = key;
	return CLV_OK;
}

bool pkey_is_p256(const EVP_PKEY *key)
{
	char curve[64] = "";
	size_t n = 0;

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, curve, sizeof curve, &n) == 1 && strcmp(curve, "prime256v1") == 0;
}

clv_rc pkey_from_spki_p256(struct clv_slice spki, EVP_PKEY **out, struct clv_err *err)
{
	EVP_PKEY *key = NULL;

	if (pkey_from_spki(spki, &key, err))
		return CLV_FAILED;
	if (!pkey_is_p256(key)) {
		EVP_PKEY_free(key);
		return err_set(err, CLV_E_PROTO, "a node or group key must be ECDSA P-256");
	}
	*out = key;
	return CLV_OK;
}

clv_rc pkey_to_spki(EVP_PKEY *key, struct clv_buf *out, struct clv_err *err)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	clv_rc rc;

	if (n <= 0)
		return err_set(err, CLV_E_CRYPTO, "encoding a public key: %s", crypto_reason());
	rc = buf_put(out, slice_of(der, (size_t)n), err);
	OPENSSL_free(der);
	return rc;
}

clv_rc pkey_make_p256(EVP_PKEY **out, struct clv_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return err_set(err, CLV_E_CRYPTO, "making a P-256 key: %s", crypto_reason());
	*out = key;
	return CLV_OK;
}

clv_rc enroll_fingerprint(struct clv_slice node_spki, struct clv_slice group_spki, uint8_t out[KEY_HASH_LEN],
                          struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (buf_put(&b, SLICE_LIT("claviger/1 fingerprint"), err) || buf_put_u8(&b, 0, err) ||
	    buf_put_lp(&b, node_spki, err) || buf_put_lp(&b, group_spki, err))
		goto out;
	rc = sha256(buf_slice(&b), out, err);
out:
	buf_release(&b);
	return rc;
}

void fingerprint_text(const uint8_t fp[KEY_HASH_LEN], bool hidden, char out[FINGERPRINT_TEXT_MAX])
{
	static const char bullet[] = "\u2022";
	char hex[KEY_HASH_LEN * 2 + 1];
	size_t w = 0;

	/* 64 digits, 15 blanks, the end; a bullet takes three bytes where a digit took one. */
	_Static_assert(FINGERPRINT_TEXT_MAX >= 64 + 15 + 1 + FINGERPRINT_TYPED * 2, "room for bullets");
	hex_encode(slice_of(fp, KEY_HASH_LEN), true, hex);
	for (size_t i = 0; i < KEY_HASH_LEN * 2; i++) {
		if (i && i % 4 == 0)
			out[w++] = ' ';
		if (hidden && i < FINGERPRINT_TYPED) {
			memcpy(out + w, bullet, sizeof bullet - 1);
			w += sizeof bullet - 1;
		} else {
			out[w++] = hex[i];
		}
	}
	out[w] = 0;
}

bool fingerprint_matches(const uint8_t fp[KEY_HASH_LEN], const char *typed)
{
	char hex[KEY_HASH_LEN * 2 + 1];
	char digits[KEY_HASH_LEN * 2];
	size_t n = 0;

	hex_encode(slice_of(fp, KEY_HASH_LEN), true, hex);
	for (const char *p = typed; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == ' ' || c == ':' || c == '-')
			continue;
		if (!isxdigit(c) || n == sizeof digits)
			return false;
		digits[n++] = (char)toupper(c);
	}
	return n >= FINGERPRINT_TYPED && slice_eq_ct(slice_of(digits, n), slice_of(hex, n));
}
