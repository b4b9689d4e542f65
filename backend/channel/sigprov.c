/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider "claviger" (see sigprov.h): key management over the public half, and one-shot signatures by
 * asking. Runs in the network processes; it must never see a private key.
 */
#include "channel/sigprov.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define PROVIDER   "claviger"
#define PROPERTIES "provider=claviger"
#define SIGNATURE \
	"CLAVIGER-SIGNER" /* no other provider's signature has this name, so none is taken for ours */
#define PARAM_SPKI "claviger-spki"
#define PARAM_WHO  "claviger-asker"
#define SPKI_MAX   8192u

/* --- keys --- */
struct key {
	EVP_PKEY *half; /* public; of the default provider */
	struct chan_asker *asker;
	uint8_t id[SIGBLOCK_KEY_LEN];
};

static void *key_new(void *provctx)
{
	(void)provctx;
	return clv_calloc(1, sizeof(struct key));
}

static void key_free(void *keydata)
{
	struct key *k = keydata;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->half);
	clv_free(k);
}

/* It counts as private: the signer has that half. */
static int key_has(const void *keydata, int selection)
{
	(void)selection;
	return ((const struct key *)keydata)->half != NULL;
}

static int key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *spki = OSSL_PARAM_locate_const(params, PARAM_SPKI);
	const OSSL_PARAM *who = OSSL_PARAM_locate_const(params, PARAM_WHO);
	struct key *k = keydata;
	const void *der = NULL, *asker = NULL;
	const unsigned char *at;
	size_t der_len = 0, asker_len = 0;

	(void)selection;
	if (spki == NULL || who == NULL || OSSL_PARAM_get_octet_string_ptr(spki, &der, &der_len) != 1 ||
	    OSSL_PARAM_get_octet_string_ptr(who, &asker, &asker_len) != 1 || asker_len != sizeof(k->asker) ||
	    der_len > SPKI_MAX)
		return 0; /* keys are made by sigprov_key alone */
	at = der;
	k->half = d2i_PUBKEY(NULL, &at, (long)der_len);
	memcpy(&k->asker, asker, sizeof(k->asker));
	return k->half != NULL && sigblock_key_id(k->half, k->id, NULL) == CLV_OK;
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(PARAM_SPKI, NULL, 0),
	                                   OSSL_PARAM_octet_string(PARAM_WHO, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

/* Whatever is asked for, the public half is all there is. */
static int key_export(void *keydata, int selection, OSSL_CALLBACK *fn, void *arg)
{
	OSSL_PARAM *params = NULL;
	int ok;

	(void)selection;
	if (EVP_PKEY_todata(((struct key *)keydata)->half, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return 0;
	ok = fn(params, arg);
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *key_export_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

static int key_get_params(void *keydata, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct key *)keydata)->half, params);
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	                                   OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	                                   OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	                                   OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	                                   OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
	                                   OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
	                                   OSSL_PARAM_END};

	(void)provctx;
	return types;
}

static const char *key_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? SIGNATURE : NULL;
}

#define FN(id, fn)                         \
	{                                  \
		(id), (void (*)(void))(fn) \
	}
static const OSSL_DISPATCH keymgmt[] = {FN(OSSL_FUNC_KEYMGMT_NEW, key_new),
                                        FN(OSSL_FUNC_KEYMGMT_FREE, key_free),
                                        FN(OSSL_FUNC_KEYMGMT_HAS, key_has),
                                        FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
                                        FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),
                                        FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export),
                                        FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),
                                        FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),
                                        FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),
                                        FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),
                                        {0, NULL}};

/* --- signatures --- */
struct sig {
	const struct key *key; /* held by the EVP_PKEY for as long as its context lives */
	const struct sig_scheme *scheme;
};

static void *sig_new(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return clv_calloc(1, sizeof(struct sig));
}

static void sig_free(void *ctx)
{
	clv_free(ctx);
}

static int sig_set_params(void *ctx, const OSSL_PARAM params[])
{
	const struct sig *s = ctx;
	const OSSL_PARAM *mode = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int padding = RSA_PKCS1_PSS_PADDING;

	/* TLS 1.3 asks for PSS with a salt as long as the digest, which is what a scheme says anyway. */
	if (mode == NULL)
		return 1;
	if (mode->data_type == OSSL_PARAM_UTF8_STRING)
		padding = strcmp(mode->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING : 0;
	else if (OSSL_PARAM_get_int(mode, &padding) != 1)
		return 0;
	return s->scheme != NULL && s->scheme->pss && padding == RSA_PKCS1_PSS_PADDING;
}

static const OSSL_PARAM *sig_settable_params(void *ctx, void *provctx)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	                                   OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	                                   OSSL_PARAM_END};

	(void)ctx;
	(void)provctx;
	return types;
}

static int sig_init(void *ctx, const char *digest, void *provkey, const OSSL_PARAM params[])
{
	struct sig *s = ctx;
	EVP_MD *md = NULL;

	if (digest != NULL && *digest != '\0' && (md = EVP_MD_fetch(NULL, digest, NULL)) == NULL)
		return 0;
	s->key = provkey;
	s->scheme = sig_scheme_for(s->key->half, md);
	EVP_MD_free(md);
	return s->scheme != NULL && (params == NULL || sig_set_params(ctx, params));
}

static int sig_sign(void *ctx, unsigned char *out, size_t *out_len, size_t room, const unsigned char *block,
                    size_t block_len)
{
	const struct sig *s = ctx;
	struct chan_asker *a = s->key->asker;
	struct clv_buf b;
	size_t len;

	if (out == NULL) {
		*out_len = (size_t)EVP_PKEY_get_size(s->key->half);
		return 1;
	}
	buf_init(&b, SIGBLOCK_SIGNATURE_MAX);
	err_clear(&a->why);
	if (a->sign(a->ctx, s->key->id, s->scheme->number, slice_of(block, block_len), &b, &a->why) ==
	        CLV_OK &&
	    (len = buf_slice(&b).len) > 0 && len <= room) {
		memcpy(out, buf_slice(&b).ptr, len);
		*out_len = len;
	} else if (a->why.code == CLV_E_NONE) {
		(void)err_set(&a->why, CLV_E_PROTO, "the signer's answer is no signature");
	}
	buf_release(&b);
	return a->why.code == CLV_E_NONE;
}

static const OSSL_DISPATCH signature[] = {FN(OSSL_FUNC_SIGNATURE_NEWCTX, sig_new),
                                          FN(OSSL_FUNC_SIGNATURE_FREECTX, sig_free),
                                          FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_init),
                                          FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sig_sign),
                                          FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sig_set_params),
                                          FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sig_settable_params),
                                          {0, NULL}};

/* --- the provider --- */
static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {{"RSA:rsaEncryption", PROPERTIES, keymgmt, NULL},
	                                      {"RSA-PSS:RSASSA-PSS", PROPERTIES, keymgmt, NULL},
	                                      {"EC:id-ecPublicKey", PROPERTIES, keymgmt, NULL},
	                                      {"ED25519", PROPERTIES, keymgmt, NULL},
	                                      {"ED448", PROPERTIES, keymgmt, NULL},
	                                      {NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM signatures[] = {{SIGNATURE, PROPERTIES, signature, NULL},
	                                            {NULL, NULL, NULL, NULL}};

	(void)provctx;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int on_load(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                   void **provctx)
{
	static const OSSL_DISPATCH provider[] = {FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

	(void)in;
	*out = provider;
	*provctx = (void *)(uintptr_t)core;
	return 1;
}

clv_rc sigprov_init(struct clv_err *err)
{
	/* Where a key's provider is not named, OpenSSL's own is meant; and to load one turns the automatic
	 * loading of that one off. */
	if (OSSL_PROVIDER_available(NULL, PROVIDER) == 1)
		return CLV_OK;
	if (OSSL_PROVIDER_load(NULL, "default") == NULL ||
	    OSSL_PROVIDER_add_builtin(NULL, PROVIDER, on_load) != 1 ||
	    OSSL_PROVIDER_load(NULL, PROVIDER) == NULL ||
	    EVP_set_default_properties(NULL, "?provider=default") != 1) {
		ERR_clear_error();
		return err_set(err, CLV_E_CRYPTO, "OpenSSL does not take the signer's provider");
	}
	return CLV_OK;
}

clv_rc sigprov_key(struct chan_asker *asker, EVP_PKEY *public_half, EVP_PKEY **out, struct clv_err *err)
{
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_get0_type_name(public_half), PROPERTIES);
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(public_half, &der);
	OSSL_PARAM params[3];
	bool ok = ctx != NULL && len > 0;

	if (ok) {
		params[0] = OSSL_PARAM_construct_octet_string(PARAM_SPKI, der, (size_t)len);
		params[1] = OSSL_PARAM_construct_octet_string(PARAM_WHO, &asker, sizeof(asker));
		params[2] = OSSL_PARAM_construct_end();
		ok = EVP_PKEY_fromdata_init(ctx) == 1 &&
		     EVP_PKEY_fromdata(ctx, out, EVP_PKEY_KEYPAIR, params) == 1;
	}
	ERR_clear_error();
	OPENSSL_free(der);
	EVP_PKEY_CTX_free(ctx);
	return ok ? CLV_OK
	          : err_set(err, CLV_E_CRYPTO, "the signer makes no signatures for this kind of key");
}
