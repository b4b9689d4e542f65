/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer's grammar: a handshake of TLS 1.3 passes, everything else is refused, cut, longer, with each bit
 * flipped. The provider: handshakes with every kind of key that certificates may have, signed by asking; what
 * the asker says when it cannot is what the connection says.
 */
#include "base/clock.h"
#include "channel/channel.h"
#include "channel/sigkey.h"
#include "channel/sigprov.h"
#include "tests/lib/mkcert.h"
#include "tests/lib/unit.h"
#include <openssl/ssl.h>
#include <string.h>

#define SERVER "TLS 1.3, server CertificateVerify"
#define CLIENT "TLS 1.3, client CertificateVerify"

static void put_block(struct clv_buf *b, size_t spaces, const char *label, size_t label_len, size_t hash)
{
	buf_clear(b);
	for (size_t i = 0; i < spaces; i++)
		assert_int_equal(buf_put_u8(b, ' ', NULL), CLV_OK);
	assert_int_equal(buf_put(b, slice_of(label, label_len), NULL), CLV_OK);
	for (size_t i = 0; i < hash; i++)
		assert_int_equal(buf_put_u8(b, (uint8_t)(i * 7 + 1), NULL), CLV_OK);
}

static void a_block_is_a_handshake(void **state)
{
	static const size_t hashes[] = {32, 48};
	struct clv_buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < 2; i++) {
		put_block(&b, 64, SERVER, sizeof SERVER, hashes[i]);
		assert_int_equal(sigblock_check(buf_slice(&b), NULL), CLV_OK);
		put_block(&b, 64, CLIENT, sizeof CLIENT, hashes[i]);
		assert_int_equal(sigblock_check(buf_slice(&b), NULL), CLV_OK);
	}
	buf_release(&b);
}

static void refused(const struct clv_buf *b)
{
	struct clv_err err = {0};

	assert_int_equal(sigblock_check(buf_slice(b), &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_PROTO);
	assert_true(strlen(err.text) > 10);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const labels[] = {"TLS 1.3, server certificateVerify",
	                                     "TLS 1.3, peer CertificateVerify",
	                                     "TLS 1.2, server CertificateVerify",
	                                     "TLS 1.3, server Finished",
	                                     "claviger/1 link proof",
	                                     ""};
	uint8_t random[64] = {1};
	struct clv_buf b;

	(void)state;
	buf_init(&b, 65536);
	for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
		put_block(&b, 64, labels[i], strlen(labels[i]) + 1, 48);
		refused(&b);
	}
	/* TLS 1.2 signs client random, server random and parameters (RFC 5246 7.4.3), or the messages. */
	buf_clear(&b);
	assert_int_equal(buf_put(&b, slice_of(random, sizeof random), NULL), CLV_OK);
	assert_int_equal(buf_put(&b, SLICE_LIT("\x03\x00\x17\x41"), NULL), CLV_OK);
	refused(&b);
	/* More and fewer spaces, no zero, hashes of no cipher suite, nothing, much. */
	put_block(&b, 63, SERVER, sizeof SERVER, 48);
	refused(&b);
	put_block(&b, 65, SERVER, sizeof SERVER, 48);
	refused(&b);
	put_block(&b, 64, SERVER, sizeof SERVER - 1, 48);
	refused(&b);
	for (size_t hash = 0; hash < 130; hash++) {
		put_block(&b, 64, CLIENT, sizeof CLIENT, hash);
		if (hash != 32 && hash != 48)
			refused(&b);
	}
	put_block(&b, 64, CLIENT, sizeof CLIENT, 60000);
	refused(&b);
	buf_clear(&b);
	refused(&b);
	buf_release(&b);
}

static void each_cut_and_each_flipped_bit_is_refused(void **state)
{
	size_t head = 64 + sizeof SERVER, whole = head + 48, tried = 0;
	struct clv_buf b;
	uint8_t bytes[64 + sizeof SERVER + 48];

	(void)state;
	buf_init(&b, 4096);
	put_block(&b, 64, SERVER, sizeof SERVER, 48);
	for (size_t n = 0; n < whole; n++) {
		bool other_suite = n == head + 32;

		assert_int_equal(sigblock_check(slice_of(buf_slice(&b).ptr, n), NULL) == CLV_OK, other_suite);
	}
	for (size_t bit = 0; bit < head * 8; bit++, tried++) {
		memcpy(bytes, buf_slice(&b).ptr, whole);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(sigblock_check(slice_of(bytes, whole), NULL), CLV_FAILED);
	}
	assert_int_equal(tried, (64 + 34) * 8);
	buf_release(&b);
}

static void requests_are_exact(void **state)
{
	static const uint32_t schemes[] = {0,      1,          0x0201, 0x0203, 0x0401,  0x0501,    0x0402,
	                                   0x0404, 0x0603 + 1, 0x0800, 0x080c, 0x10403, 0xffffffff};
	uint8_t key[64] = {0};
	Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
	struct sig_request r;
	struct clv_buf b;

	(void)state;
	buf_init(&b, 4096);
	put_block(&b, 64, CLIENT, sizeof CLIENT, 32);
	m.scheme = 0x0403;
	m.key.data = key;
	m.key.len = SIGBLOCK_KEY_LEN;
	m.block.data = (uint8_t *)(uintptr_t)buf_slice(&b).ptr;
	m.block.len = buf_slice(&b).len;
	assert_int_equal(sig_request_read(&m, &r, NULL), CLV_OK);
	assert_int_equal(r.scheme->number, 0x0403);
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		m.scheme = schemes[i];
		assert_int_equal(sig_request_read(&m, &r, NULL), CLV_FAILED);
	}
	m.scheme = 0x0804;
	for (m.key.len = 0; m.key.len < sizeof key; m.key.len++)
		assert_int_equal(sig_request_read(&m, &r, NULL) == CLV_OK, m.key.len == SIGBLOCK_KEY_LEN);
	buf_release(&b);
}

/* --- the provider --- */
static struct mk_cert ca;
static struct clv_buf ca_pem;

struct held { /* a signer in this process */
	struct sigkey *key;
	unsigned asked;
	const char *broken; /* what it says instead of signing */
	bool junk;          /* or what it gives */
};

static clv_rc held_has(void *ctx, const uint8_t *key, struct clv_err *err)
{
	const struct held *h = ctx;

	if (slice_eq(slice_of(key, SIGBLOCK_KEY_LEN), slice_of(sigkey_id(h->key), SIGBLOCK_KEY_LEN)))
		return CLV_OK;
	return err_set(err, CLV_E_CONFIG, CHAN_KEY_MISMATCH);
}

static clv_rc held_sign(void *ctx, const uint8_t *key, uint16_t scheme, struct clv_slice block,
                        struct clv_buf *out, struct clv_err *err)
{
	struct held *h = ctx;
	struct sig_request r = {.scheme = sig_scheme_of(scheme), .block = block};

	h->asked++;
	assert_non_null(r.scheme);
	assert_int_equal(sigblock_check(block, err), CLV_OK);
	memcpy(r.key, key, sizeof r.key);
	if (h->broken)
		return err_set(err, CLV_E_CONFIG, "%s", h->broken);
	if (h->junk)
		return buf_put(out, SLICE_LIT("no signature at all"), err);
	return sigkey_sign(h->key, &r, out, err);
}

static struct chan_creds *creds_of(const struct mk_cert *c, struct chan_asker *asker, struct held *h,
                                   struct clv_err *err)
{
	struct clv_buf cert, key;
	struct chan_creds_pem pem = {
	    .ca = buf_slice(&ca_pem), .asker = asker, .peer_kind_accept = VERIFY_NODE};
	struct chan_creds *out;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	mk_put_cert(&cert, c->x);
	mk_put_key(&key, c->key);
	if (!h->key)
		h->key = sigkey_new(buf_slice(&key), err);
	assert_non_null(h->key);
	*asker = (struct chan_asker){.has = held_has, .sign = held_sign, .ctx = h};
	pem.cert = buf_slice(&cert);
	out = chan_creds_new(&pem, err);
	buf_release(&cert);
	buf_release(&key);
	return out;
}

static clv_rc carry(struct chan *from, struct chan *to, struct clv_err *err)
{
	struct clv_slice s = buf_slice(chan_output(from));
	clv_rc rc = s.len ? chan_feed(to, s, err) : CLV_OK;

	buf_consume(chan_output(from), s.len);
	return rc;
}

/* Both ends with this certificate. */
static clv_rc shake(struct chan_creds *creds, const char *name, struct clv_err *err)
{
	struct chan_opts a = {
	    .initiator = true, .creds = creds, .peer_name = name, .peer_kind = VERIFY_NODE, .role = "agent"};
	struct chan_opts b = {.creds = creds, .role = "management-server"};
	struct chan *x = chan_new(&a, err), *y = chan_new(&b, err);
	clv_rc rc = CLV_OK;

	assert_true(x && y);
	for (int i = 0; i < 6 && !rc; i++)
		rc = carry(x, y, err) || carry(y, x, err) ? CLV_FAILED : CLV_OK;
	assert_int_equal(rc == CLV_OK, chan_state(x) == CHAN_OPEN && chan_state(y) == CHAN_OPEN);
	chan_free(x);
	chan_free(y);
	return rc;
}

static void every_kind_of_key_signs_by_asking(void **state)
{
	static const char *const kinds[] = {"P-256",    "P-384",    "P-521",   "RSA-2048",
	                                    "RSA-3072", "PSS-2048", "ED25519", "ED448"};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct mk_spec s = mk_node("rms1.ops.test");
		struct mk_cert c = mk_issue(&s, mk_key(kinds[i], false), &ca);
		struct held h = {0};
		struct chan_asker asker;
		struct clv_err err = {0};
		struct chan_creds *creds = creds_of(&c, &asker, &h, &err);

		if (!creds || shake(creds, "rms1.ops.test", &err))
			fail_msg("%s: %s", kinds[i], err.text);
		assert_int_equal(h.asked, 2);
		h.broken = "the signer is being started again";
		assert_int_equal(shake(creds, "rms1.ops.test", &err), CLV_FAILED);
		assert_string_equal(err.text, h.broken);
		assert_int_equal(err.code, CLV_E_CONFIG);
		h.broken = NULL;
		h.junk = true; /* taken as it is: the peer refuses it */
		assert_int_equal(shake(creds, "rms1.ops.test", &err), CLV_FAILED);
		h.junk = false;
		if (shake(creds, "rms1.ops.test", &err))
			fail_msg("%s, again: %s", kinds[i], err.text);
		chan_creds_free(creds);
		sigkey_free(h.key);
		mk_free(&c);
	}
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	struct mk_spec s = mk_node("rms1.ops.test");
	struct mk_cert c = mk_issue(&s, mk_key("P-256", true), &ca);
	struct mk_cert other = mk_issue(&s, mk_key("P-256", true), &ca);
	struct held h = {0}, g = {0};
	struct chan_asker asker;
	struct clv_err err = {0};
	struct chan_creds *creds = creds_of(&c, &asker, &h, &err);

	(void)state;
	assert_non_null(creds);
	assert_true(chan_creds_key_there(creds, &err));
	chan_creds_free(creds);
	assert_null(creds_of(&other, &asker, &h, &err));
	assert_string_equal(err.text, CHAN_KEY_MISMATCH);
	/* The signer's key is another one from now on. */
	creds = creds_of(&other, &asker, &g, &err);
	assert_non_null(creds);
	asker.ctx = &h;
	assert_false(chan_creds_key_there(creds, &err));
	chan_creds_free(creds);
	sigkey_free(h.key);
	sigkey_free(g.key);
	mk_free(&c);
	mk_free(&other);
}

static void a_scheme_of_another_key_is_not_signed(void **state)
{
	struct clv_buf pem, block, out;
	struct sig_request r = {.scheme = NULL};
	struct clv_err err = {0};
	struct sigkey *k;
	size_t good = 0;

	(void)state;
	buf_init(&pem, 65536);
	buf_init(&block, 4096);
	buf_init(&out, SIGBLOCK_SIGNATURE_MAX);
	mk_put_key(&pem, mk_key("P-256", false));
	k = sigkey_new(buf_slice(&pem), &err);
	assert_non_null(k);
	put_block(&block, 64, CLIENT, sizeof CLIENT, 32);
	r.block = buf_slice(&block);
	for (uint32_t n = 0; n < 0x1000; n++) {
		r.scheme = sig_scheme_of((uint16_t)n);
		if (!r.scheme)
			continue;
		if (sigkey_sign(k, &r, &out, &err))
			assert_int_equal(err.code, CLV_E_PROTO);
		else
			good++;
	}
	assert_int_equal(good, 1);
	assert_null(sigkey_new(slice_str("no key"), &err));
	assert_int_equal(err.code, CLV_E_CONFIG);
	buf_clear(&pem);
	mk_put_key(&pem, mk_key("RSA-1024", false));
	assert_null(sigkey_new(buf_slice(&pem), &err));
	sigkey_free(k);
	buf_release(&pem);
	buf_release(&block);
	buf_release(&out);
}

/* What net holds: of the provider's key nothing private comes out. */
static void the_provider_has_no_private_half(void **state)
{
	struct mk_spec s = mk_node("rms1.ops.test");
	struct mk_cert c = mk_issue(&s, mk_key("RSA-2048", false), &ca);
	struct chan_asker asker = {0};
	EVP_PKEY *key = NULL;
	BIGNUM *d = NULL;
	unsigned char *der = NULL;

	(void)state;
	assert_int_equal(sigprov_key(&asker, X509_get0_pubkey(c.x), &key, NULL), CLV_OK);
	assert_int_equal(EVP_PKEY_get_bits(key), 2048);
	assert_true(i2d_PrivateKey(key, &der) <= 0);
	assert_int_not_equal(EVP_PKEY_get_bn_param(key, "d", &d), 1);
	BN_free(d);
	EVP_PKEY_free(key);
	mk_free(&c);
}

static int setup(void **state)
{
	struct mk_spec s = mk_ca("Signer CA");
	struct clv_err err;

	(void)state;
	if (channel_process_init(&err) || sigprov_init(&err) || sigprov_init(&err))
		return -1;
	ca = mk_issue(&s, mk_key("P-256", true), NULL);
	buf_init(&ca_pem, 65536);
	mk_put_cert(&ca_pem, ca.x);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&ca_pem);
	mk_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_block_is_a_handshake),
	    cmocka_unit_test(what_is_none_is_refused),
	    cmocka_unit_test(each_cut_and_each_flipped_bit_is_refused),
	    cmocka_unit_test(requests_are_exact),
	    cmocka_unit_test(every_kind_of_key_signs_by_asking),
	    cmocka_unit_test(a_key_of_another_certificate_is_refused),
	    cmocka_unit_test(a_scheme_of_another_key_is_not_signed),
	    cmocka_unit_test(the_provider_has_no_private_half),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
