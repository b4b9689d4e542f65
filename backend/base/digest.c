/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests by OpenSSL, base64 by ourselves: OpenSSL's decoder takes blanks and leftovers.
 */
#include "claviger/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

clv_rc clv_sha256(struct clv_slice s, uint8_t out[32], struct clv_err *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	if (EVP_Digest(s.ptr, s.len, md, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, CLV_E_CRYPTO, "no SHA-256");
	memcpy(out, md, 32);
	return CLV_OK;
}

clv_rc clv_hmac_sha1(struct clv_slice key, struct clv_slice s, uint8_t out[20], struct clv_err *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (key.len > 1024 || HMAC(EVP_sha1(), key.ptr, (int)key.len, s.ptr, s.len, md, &len) == NULL ||
	    len != 20)
		return err_set(err, CLV_E_CRYPTO, "no HMAC of SHA-1");
	memcpy(out, md, 20);
	return CLV_OK;
}

clv_rc clv_random(uint8_t *out, size_t len, struct clv_err *err)
{
	if (len > 1024 || RAND_bytes(out, (int)len) != 1)
		return err_set(err, CLV_E_CRYPTO, "no random bytes");
	return CLV_OK;
}

clv_rc clv_base64_put(struct clv_buf *b, struct clv_slice s, bool padded, struct clv_err *err)
{
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t v = (uint32_t)s.ptr[i] << 16;
		char out[4] = {'=', '=', '=', '='};
		if (n > 1)
			v |= (uint32_t)s.ptr[i + 1] << 8;
		if (n > 2)
			v |= s.ptr[i + 2];
		for (size_t k = 0; k <= n; k++)
			out[k] = digits[(v >> (18 - 6 * k)) & 63];
		if (buf_put(b, slice_of(out, padded ? 4 : n + 1), err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc group(struct clv_buf *b, const uint8_t *p, bool last, struct clv_err *err)
{
	uint32_t v = 0;
	size_t n = 4;
	uint8_t out[3];
	if (last && p[3] == '=')
		n = p[2] == '=' ? 2 : 3;
	for (size_t i = 0; i < 4; i++) {
		const char *at = i < n && p[i] != '\0' ? strchr(digits, p[i]) : digits;
		if (at == NULL || (i < n && p[i] == '\0'))
			return err_set(err, CLV_E_PROTO, "no base64");
		v = v << 6 | (uint32_t)(at - digits);
	}
	if (n < 4 && (v & (n == 2 ? 0xffffu : 0xffu)) != 0)
		return err_set(err, CLV_E_PROTO, "base64 with bits left over");
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	return buf_put(b, slice_of(out, n - 1), err);
}

clv_rc clv_base64_get(struct clv_buf *b, struct clv_slice text, struct clv_err *err)
{
	if (text.len % 4 != 0)
		return err_set(err, CLV_E_PROTO, "base64 that is cut off");
	for (size_t i = 0; i < text.len; i += 4) {
		if (group(b, text.ptr + i, i + 4 == text.len, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}
