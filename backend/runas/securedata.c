/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening SecureData: the list, signed, inside an envelope (see securedata.h). Runs in key
 * holders. The list, its digest and what is signed never leave secrets but for wiped stack.
 */
#include "runas/securedata.h"
#include "base/clock.h"
#include "keys/statement.h"
#include "runas/der.h"
#include "runas/envelope.h"
#include "runas/template.h"
#include <openssl/err.h>
#include <string.h>

#define KEY_ID_LEN  20u
#define INNER_EXTRA 512u /* what the signature and its wrapping add to the list */

/* One text for every cause (T9): what fails must not tell an attacker how far it came. */
static clv_rc refused(struct clv_err *err)
{
	ERR_clear_error();
	return err_set(err, CLV_E_AUTH, "SecureData refused: it is not a message of this group for this key");
}

/* RFC 5280 4.2.1.2 (1), from the key itself, whatever the certificate may say. */
static bool key_id_of(X509 *cert, uint8_t out[KEY_ID_LEN])
{
	unsigned n = 0;

	return X509_pubkey_digest(cert, EVP_sha1(), out, &n) == 1 && n == KEY_ID_LEN;
}

/* What the signature is over: the attributes as a SET (RFC 5652 5.4). */
struct signed_attrs {
	uint8_t bytes[DER_HEAD_MAX + TEMPLATE_ATTRS + 16];
	size_t len;
};

static bool as_set(struct clv_slice attrs, struct signed_attrs *out)
{
	size_t n = der_head(out->bytes, DER_SET, attrs.len);

	if (attrs.len > sizeof out->bytes - n)
		return false;
	memcpy(out->bytes + n, attrs.ptr, attrs.len);
	out->len = n + attrs.len;
	return true;
}

struct signing {
	EVP_PKEY *key;
	X509 *cert;
	struct clv_secret *out;
};

static clv_rc sign_list(struct clv_slice list, void *ctx, struct clv_err *err)
{
	struct signing *s = ctx;
	uint8_t digest[KEY_HASH_LEN], attrs[TEMPLATE_ATTRS], id[KEY_ID_LEN];
	struct template_inner in = {.content = list};
	struct signed_attrs set;
	struct clv_buf sig;
	clv_rc rc = CLV_FAILED;

	buf_init(&sig, STATEMENT_SIG_MAX);
	if (!pkey_is_p256(s->key) || !key_id_of(s->cert, id)) {
		(void)err_set(err, CLV_E_USAGE, "the list is signed by an ECDSA P-256 key");
		goto out;
	}
	if (sha256(list, digest, err))
		goto out;
	template_attrs(clock_wall_ms(), digest, attrs);
	in.attrs = slice_of(attrs, sizeof attrs);
	in.key_id = slice_of(id, sizeof id);
	if (!as_set(in.attrs, &set) || pkey_sign(s->key, slice_of(set.bytes, set.len), &sig, err))
		goto out;
	in.signature = buf_slice(&sig);
	rc = template_inner_write(s->out, &in, err);
out:
	explicit_bzero(digest, sizeof digest);
	explicit_bzero(attrs, sizeof attrs);
	explicit_bzero(&set, sizeof set);
	buf_release(&sig);
	return rc;
}

clv_rc securedata_seal(const struct clv_secret *list, X509 *recipient, EVP_PKEY *signer, X509 *signer_cert,
                       struct clv_buf *out, struct clv_err *err)
{
	struct signing s = {signer, signer_cert, NULL};
	clv_rc rc = CLV_FAILED;

	if (secret_len(list) == 0 || secret_len(list) > CLV_SECRET_MAX - INNER_EXTRA)
		return err_set(err, CLV_E_LIMIT, "a RunAs list of %zu bytes", secret_len(list));
	s.out = secret_new(secret_len(list) + INNER_EXTRA, err);
	if (s.out && !secret_use(list, sign_list, &s, err))
		rc = envelope_seal(s.out, recipient, SECUREDATA_MAX, out, err);
	secret_free(s.out);
	return rc ? err_wrap(err, "SecureData") : CLV_OK;
}

clv_rc securedata_check(struct clv_slice der, X509 *recipient, struct clv_err *err)
{
	return der.len <= SECUREDATA_MAX && envelope_check(der, recipient) ? CLV_OK : refused(err);
}

struct opening {
	X509 *signer;
	struct clv_secret *list;
};

/* A signature of the right form, and of nothing. */
static const uint8_t nobodys[] = {0x30, 0x44, 0x02, 0x20, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                  0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                  0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                  0x02, 0x20, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
                                  0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
                                  0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22};

/* Is the inner message one of this signer? bytes that are of no inner template take the same steps, a hash
 * over as much and a verification of nothing, so that the time does not tell the causes apart (T9). */
static bool verify_inner(struct clv_slice bytes, X509 *signer, struct template_inner *in)
{
	bool shaped = template_inner(bytes, in), good = shaped;
	uint8_t digest[KEY_HASH_LEN] = {0}, id[KEY_ID_LEN] = {0}, attrs[TEMPLATE_ATTRS] = {0};
	struct signed_attrs set = {.len = 0};
	EVP_PKEY *key = signer ? X509_get0_pubkey(signer) : NULL;

	if (!shaped)
		*in = (struct template_inner){.content = bytes,
		                              .attrs = slice_of(attrs, sizeof attrs),
		                              .signature = slice_of(nobodys, sizeof nobodys)};
	good &=
	    !sha256(in->content, digest, NULL) && slice_eq_ct(slice_of(digest, sizeof digest), in->digest);
	good &= as_set(in->attrs, &set);
	if (signer) {
		good &= key && pkey_is_p256(key) && key_id_of(signer, id) &&
		        slice_eq_ct(slice_of(id, sizeof id), in->key_id);
		good &= pkey_verify(key, slice_of(set.bytes, set.len), in->signature);
	}
	explicit_bzero(digest, sizeof digest);
	explicit_bzero(&set, sizeof set);
	return good;
}

static clv_rc take_list(struct clv_slice inner, void *ctx, struct clv_err *err)
{
	struct opening *o = ctx;
	struct template_inner in;

	if (!verify_inner(inner, o->signer, &in) || in.content.len > secret_cap(o->list))
		return refused(err);
	secret_clear(o->list);
	return secret_append(o->list, in.content.ptr, in.content.len, err);
}

clv_rc securedata_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, X509 *signer,
                       struct clv_secret *list, struct clv_err *err)
{
	struct opening o = {signer, list};
	struct clv_secret *inner = NULL;
	struct template_inner none;
	clv_rc rc = CLV_FAILED;

	if (securedata_check(der, recipient, err))
		return CLV_FAILED;
	if (!envelope_open(der, key, recipient, &inner, err))
		rc = secret_use(inner, take_list, &o, err);
	else if (err == NULL || err->cls == CLV_CLASS_AUTH) {
		(void)verify_inner(der, signer, &none);
		(void)refused(err);
	}
	secret_free(inner);
	return rc;
}
