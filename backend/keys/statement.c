/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed statements: the table of kinds, what is signed, signing and verifying. Signs in the key
 * holder only; never signs a hash that came from outside.
 */
#include "keys/statement.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define X(sym, num, name, msg, key, max) {sym, name, &clv__##msg##__descriptor, key, max},
static const struct statement_row rows[] = {STATEMENT_LIST(X)};
#undef X

const struct statement_row *statement_row(uint32_t kind)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if ((uint32_t)rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

const char *crypto_reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return reason ? reason : "no reason given";
}

/* "claviger/1 <kind>" 0 lp(group) lp(body) */
static clv_rc preimage(const struct statement_row *row, const char *group, struct clv_slice body,
                       struct clv_buf *out, struct clv_err *err)
{
	if (buf_printf(out, err, "claviger/1 %s", row->name) || buf_put_u8(out, 0, err) ||
	    buf_put_lp(out, slice_str(group), err) || buf_put_lp(out, body, err))
		return err_wrap(err, "building what is signed as %s", row->name);
	return CLV_OK;
}

static clv_rc set_padding(EVP_PKEY_CTX *pctx, EVP_PKEY *key)
{
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return CLV_OK;
	if (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) <= 0)
		return CLV_FAILED;
	return CLV_OK;
}

clv_rc pkey_sign(EVP_PKEY *key, struct clv_slice what, struct clv_buf *sig, struct clv_err *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	uint8_t *room = NULL;
	size_t n = STATEMENT_SIG_MAX;
	clv_rc rc = CLV_FAILED;

	if (buf_reserve(sig, STATEMENT_SIG_MAX, &room, err))
		goto out;
	if (!md || EVP_DigestSignInit(md, &pctx, EVP_sha256(), NULL, key) != 1 || set_padding(pctx, key) ||
	    EVP_DigestSign(md, room, &n, what.ptr, what.len) != 1) {
		(void)err_set(err, CLV_E_CRYPTO, "signing failed: %s", crypto_reason());
		goto out;
	}
	buf_commit(sig, n);
	rc = CLV_OK;
out:
	EVP_MD_CTX_free(md);
	return rc;
}

bool pkey_verify(EVP_PKEY *key, struct clv_slice what, struct clv_slice sig)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool good = md && EVP_DigestVerifyInit(md, &pctx, EVP_sha256(), NULL, key) == 1 &&
	            !set_padding(pctx, key) &&
	            EVP_DigestVerify(md, sig.ptr, sig.len, what.ptr, what.len) == 1;

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return good;
}

clv_rc statement_sign(uint32_t kind, const char *group, struct clv_slice body, EVP_PKEY *key,
                      struct clv_buf *sig, struct clv_err *err)
{
	const struct statement_row *row = statement_row(kind);
	ProtobufCMessage *m = NULL;
	struct clv_buf pre;
	clv_rc rc = CLV_FAILED;

	if (!row)
		return err_set(err, CLV_E_PROTO, "statement kind %u is none", kind);
	if (body.len > row->max)
		return err_set(err, CLV_E_LIMIT, "%s: %zu bytes, at most %zu", row->name, body.len, row->max);
	buf_init(&pre, row->max + 512);
	if (proto_decode(row->body, body, &m, err) || preimage(row, group, body, &pre, err))
		goto out;
	rc = pkey_sign(key, buf_slice(&pre), sig, err);
out:
	proto_free(m);
	buf_release(&pre);
	return rc;
}

clv_rc statement_make(uint32_t kind, const char *group, const ProtobufCMessage *m, EVP_PKEY *key,
                      struct clv_buf *body, struct clv_buf *sig, struct clv_err *err)
{
	if (proto_encode(m, body, err))
		return CLV_FAILED;
	return statement_sign(kind, group, buf_slice(body), key, sig, err);
}

clv_rc statement_open(uint32_t kind, const char *group, struct clv_slice spki, struct clv_slice body,
                      struct clv_slice sig, ProtobufCMessage **out, struct clv_err *err)
{
	const struct statement_row *row = statement_row(kind);
	EVP_PKEY *key = NULL;
	struct clv_buf pre;
	clv_rc rc = CLV_FAILED;

	if (!row)
		return err_set(err, CLV_E_PROTO, "statement kind %u is none", kind);
	if (body.len > row->max || sig.len == 0 || sig.len > STATEMENT_SIG_MAX)
		return err_set(err, CLV_E_LIMIT, "%s: sizes out of bounds", row->name);
	buf_init(&pre, row->max + 512);
	if (row->key == STATEMENT_BY_AGENT_CERT ? pkey_from_spki(spki, &key, err)
	                                        : pkey_from_spki_p256(spki, &key, err))
		goto out;
	if (preimage(row, group, body, &pre, err))
		goto out;
	if (!pkey_verify(key, buf_slice(&pre), sig)) {
		(void)err_set(err, CLV_E_SIGNATURE, "%s: the signature does not verify", row->name);
		goto out;
	}
	rc = proto_decode(row->body, body, out, err);
out:
	EVP_PKEY_free(key);
	buf_release(&pre);
	return rc;
}

clv_rc sha256(struct clv_slice s, uint8_t out[KEY_HASH_LEN], struct clv_err *err)
{
	if (EVP_Digest(s.ptr, s.len, out, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, CLV_E_CRYPTO, "SHA-256 failed: %s", crypto_reason());
	return CLV_OK;
}
