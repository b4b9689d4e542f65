/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published test vectors (tests/data/wycheproof) through the very functions the product uses. Only what
 * is outside our profile is left out: other key, nonce and tag sizes, and labels. A file with fewer cases
 * than it should have fails.
 */
#include "base/crypt.h"
#include "keys/statement.h"
#include "runas/envelope.h"
#include "tests/lib/unit.h"
#include <jansson.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define FOLDER  "tests/data/wycheproof/"
#define DEPTH   65536u
#define HEX_MAX 16u

struct hex {
	struct clv_buf b[HEX_MAX];
	size_t n;
};

/* A field as bytes; they live until hex_release. */
static struct clv_slice field(struct hex *h, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	size_t n = text ? strlen(text) / 2 : 0;
	uint8_t *room = NULL;

	assert_non_null(text);
	assert_true(h->n < HEX_MAX);
	buf_init(&h->b[h->n], DEPTH);
	assert_int_equal(buf_reserve(&h->b[h->n], n + 1, &room, NULL), CLV_OK);
	assert_int_equal(hex_decode(text, strlen(text), room, n, NULL), CLV_OK);
	buf_commit(&h->b[h->n], n);
	return buf_slice(&h->b[h->n++]);
}

static void hex_release(struct hex *h)
{
	while (h->n)
		buf_release(&h->b[--h->n]);
}

static struct clv_secret *secret_of(struct clv_slice s, size_t cap)
{
	struct clv_secret *secret = secret_new(cap ? cap : 1, NULL);

	assert_non_null(secret);
	assert_int_equal(secret_append(secret, s.ptr, s.len, NULL), CLV_OK);
	return secret;
}

static clv_rc same(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	(void)err;
	return slice_eq(bytes, *(struct clv_slice *)ctx) ? CLV_OK : CLV_FAILED;
}

static bool holds(const struct clv_secret *s, struct clv_slice bytes)
{
	return secret_use(s, same, &bytes, NULL) == CLV_OK;
}

static size_t number(const json_t *o, const char *name)
{
	return (size_t)json_integer_value(json_object_get(o, name));
}

struct count {
	const char *file;
	size_t cases, valid, left_out, wrong;
};

static void settle(struct count *c, const json_t *test, bool good)
{
	bool want = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;

	c->cases++;
	c->valid += want;
	if (good == want)
		return;
	c->wrong++;
	print_error("%s: case %zu (%s) is %s\n", c->file, number(test, "tcId"),
	            json_string_value(json_object_get(test, "comment")), good ? "taken" : "refused");
}

/* One case; false when it is outside our profile. */
typedef bool case_fn(struct hex *h, const json_t *group, const json_t *test, bool *good);

static void run(const char *file, case_fn *fn, size_t least)
{
	struct count c = {.file = file};
	json_t *whole, *group, *test;
	json_error_t why;
	char path[256];
	size_t i, j;

	(void)snprintf(path, sizeof path, "%s%s_test.json", FOLDER, file);
	whole = json_load_file(path, 0, &why);
	if (whole == NULL)
		fail_msg("%s: %s", path, why.text);
	json_array_foreach(json_object_get(whole, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			struct hex h = {.n = 0};
			bool good = false;

			if (fn(&h, group, test, &good))
				settle(&c, test, good);
			else
				c.left_out++;
			hex_release(&h);
		}
	}
	json_decref(whole);
	printf("      %s: %zu cases (%zu valid, %zu to be refused), %zu outside the profile, %zu disagree\n",
	       file, c.cases, c.valid, c.cases - c.valid, c.left_out, c.wrong);
	assert_int_equal(c.wrong, 0);
	assert_true(c.cases >= least);
}

static bool gcm_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	struct clv_slice iv, aad, msg, ct, tag;
	struct clv_secret *key, *item, *opened;
	uint8_t out[DEPTH], out_tag[CRYPT_TAG];
	bool sealed, open;

	if (number(group, "keySize") != 256 || number(group, "ivSize") != 96 ||
	    number(group, "tagSize") != 128)
		return false;
	key = secret_of(field(h, test, "key"), 32);
	iv = field(h, test, "iv");
	aad = field(h, test, "aad");
	msg = field(h, test, "msg");
	ct = field(h, test, "ct");
	tag = field(h, test, "tag");
	item = secret_of(msg, msg.len);
	opened = secret_new(msg.len + 1, NULL);
	assert_true(msg.len < sizeof out);
	assert_int_equal(crypt_seal(key, iv, aad, item, out, out_tag, NULL), CLV_OK);
	sealed = slice_eq(slice_of(out, msg.len), ct) && slice_eq(slice_of(out_tag, sizeof out_tag), tag);
	open = !crypt_open(key, iv, aad, ct, tag, opened, NULL);
	assert_true(open ? holds(opened, msg) : secret_len(opened) == 0);
	assert_int_equal(sealed, open); /* what is refused is no output of ours either */
	*good = open;
	secret_free(key);
	secret_free(item);
	secret_free(opened);
	return true;
}

static bool hkdf_case(enum crypt_hash hash, struct hex *h, const json_t *test, bool *good)
{
	struct clv_slice ikm = field(h, test, "ikm"), salt = field(h, test, "salt");
	struct clv_slice info = field(h, test, "info"), okm = field(h, test, "okm");
	struct clv_secret *key = secret_of(ikm, ikm.len), *out = secret_new(DEPTH, NULL);

	*good = !crypt_hkdf(hash, key, salt, info, number(test, "size"), out, NULL) && holds(out, okm);
	secret_free(key);
	secret_free(out);
	return true;
}

static bool hkdf256_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	(void)group;
	return hkdf_case(CRYPT_SHA256, h, test, good);
}

static bool hkdf512_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	(void)group;
	return hkdf_case(CRYPT_SHA512, h, test, good);
}

static bool pbkdf2_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	struct clv_slice password = field(h, test, "password"), salt = field(h, test, "salt");
	struct clv_slice dk = field(h, test, "dk");
	struct clv_secret *key = secret_of(password, password.len), *out = secret_new(DEPTH, NULL);

	(void)group;
	*good = !crypt_pbkdf2(key, salt, (uint32_t)number(test, "iterationCount"), number(test, "dkLen"), out,
	                      NULL) &&
	        holds(out, dk);
	secret_free(key);
	secret_free(out);
	return true;
}

static bool oaep_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	struct clv_slice der = field(h, group, "privateKeyPkcs8"), ct = field(h, test, "ct");
	struct clv_slice msg = field(h, test, "msg");
	struct clv_secret *opened, *item;
	const unsigned char *p = der.ptr;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	struct clv_buf wrapped;

	assert_non_null(key);
	if (field(h, test, "label").len != 0) {
		EVP_PKEY_free(key);
		return false;
	}
	opened = secret_new(ENVELOPE_BITS_MAX / 8, NULL);
	*good = !oaep_unwrap(key, ct, opened, NULL);
	if (*good) {
		assert_true(holds(opened, msg));
		item = secret_of(msg, msg.len); /* and there and back */
		buf_init(&wrapped, 4096);
		assert_int_equal(oaep_wrap(key, item, &wrapped, NULL), CLV_OK);
		assert_int_equal(oaep_unwrap(key, buf_slice(&wrapped), opened, NULL), CLV_OK);
		assert_true(secret_eq(opened, item));
		buf_release(&wrapped);
		secret_free(item);
	}
	secret_free(opened);
	EVP_PKEY_free(key);
	return true;
}

static bool ecdsa_case(struct hex *h, const json_t *group, const json_t *test, bool *good)
{
	struct clv_slice spki = field(h, group, "publicKeyDer"), msg = field(h, test, "msg");
	struct clv_slice sig = field(h, test, "sig");
	EVP_PKEY *key = NULL;

	assert_int_equal(pkey_from_spki_p256(spki, &key, NULL), CLV_OK);
	*good = pkey_verify(key, msg, sig);
	EVP_PKEY_free(key);
	return true;
}

static void aes_256_gcm(void **state)
{
	(void)state;
	run("aes_gcm", gcm_case, 66);
}

static void rsaes_oaep(void **state)
{
	(void)state;
	run("rsa_oaep_3072_sha256_mgf1sha256", oaep_case, 29);
	run("rsa_oaep_4096_sha256_mgf1sha256", oaep_case, 29);
}

static void hkdf(void **state)
{
	(void)state;
	run("hkdf_sha256", hkdf256_case, 86);
	run("hkdf_sha512", hkdf512_case, 83);
}

static void pbkdf2(void **state)
{
	(void)state;
	run("pbkdf2_hmacsha512", pbkdf2_case, 58);
}

static void ecdsa_p256(void **state)
{
	(void)state;
	run("ecdsa_secp256r1_sha256", ecdsa_case, 484);
}

/* What the published cases cannot ask: sizes that our own functions refuse. */
static void other_sizes_are_refused(void **state)
{
	uint8_t bytes[64] = {0}, out[64], tag[CRYPT_TAG], cut[CRYPT_TAG + 1] = {0};
	struct clv_secret *key = secret_of(slice_of(bytes, 32), 64), *item = secret_of(slice_of(bytes, 5), 5);
	struct clv_secret *longer = secret_of(slice_of(bytes, 33), 64), *small = secret_new(4, NULL);
	struct clv_slice nonce = slice_of(bytes, CRYPT_NONCE), none = slice_of(NULL, 0);
	struct clv_err err = {0};

	(void)state;
	assert_int_equal(crypt_seal(longer, nonce, none, item, out, tag, &err), CLV_FAILED);
	assert_int_equal(crypt_seal(key, slice_of(bytes, 11), none, item, out, tag, &err), CLV_FAILED);
	assert_int_equal(crypt_seal(key, slice_of(bytes, 16), none, item, out, tag, &err), CLV_FAILED);
	assert_int_equal(crypt_seal(key, nonce, none, item, out, tag, &err), CLV_OK);
	for (size_t n = 0; n <= sizeof tag + 1; n++) {
		memcpy(cut, tag, sizeof tag);
		assert_int_equal(crypt_open(key, nonce, none, slice_of(out, 5), slice_of(cut, n), item, &err),
		                 n == sizeof tag ? CLV_OK : CLV_FAILED);
	}
	assert_int_equal(crypt_open(key, nonce, none, slice_of(out, 5), slice_of(tag, 16), small, &err),
	                 CLV_FAILED);
	assert_string_equal(err.text, "does not open");
	assert_int_equal(crypt_hkdf(CRYPT_SHA512, key, none, none, 0, item, &err), CLV_FAILED);
	assert_int_equal(crypt_hkdf(CRYPT_SHA512, key, none, none, 6, item, &err), CLV_FAILED);
	assert_int_equal(crypt_pbkdf2(key, none, 0, 5, item, &err), CLV_FAILED);
	assert_int_equal(crypt_pbkdf2(key, none, UINT32_MAX, 5, item, &err), CLV_FAILED);
	assert_int_equal(secret_len(item), 0);
	secret_free(key);
	secret_free(item);
	secret_free(longer);
	secret_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aes_256_gcm), cmocka_unit_test(rsaes_oaep),
	    cmocka_unit_test(hkdf),        cmocka_unit_test(pbkdf2),
	    cmocka_unit_test(ecdsa_p256),  cmocka_unit_test(other_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
