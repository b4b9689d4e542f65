/* SPDX-License-Identifier: Apache-2.0 */
/* verify_peer: what is taken, and every row of the matrix as server and as client. */
#include "tests/lib/badcerts.h"
#include "tests/lib/unit.h"
#include "base/clock.h"
#include "channel/verify.h"

#include <openssl/err.h>
#include <string.h>

static struct bad_world world;

static int setup(void **state)
{
	(void)state;
	bad_world_init(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bad_world_release(&world);
	return 0;
}

static struct verify_anchors *anchors(bool crl)
{
	struct verify_anchors *a;
	struct clv_err err;

	a = verify_anchors_new(buf_slice(&world.ca_pem), crl ? buf_slice(&world.crl_pem) : slice_str(""),
	                       3600000, &err);
	if (a == NULL)
		fail_msg("%s", err.text);
	return a;
}

static clv_rc run(const struct verify_anchors *a, const struct verify_request *req,
                  const struct mk_cert *leaf, const struct mk_cert *chain, size_t n,
                  struct verify_result *out, struct clv_err *err)
{
	struct clv_slice ders[BAD_CHAIN_MAX];
	struct clv_slice der = mk_der(leaf->x);
	clv_rc rc;

	for (size_t i = 0; i < n; i++)
		ders[i] = mk_der(chain[i].x);
	err_clear(err);
	rc = verify_peer(a, req, der, ders, n, out, err);
	for (size_t i = 0; i < n; i++)
		clv_free((void *)(uintptr_t)ders[i].ptr);
	clv_free((void *)(uintptr_t)der.ptr);
	assert_int_equal(ERR_peek_error(), 0); /* nothing is left in the queue for the next one */
	return rc;
}

static struct verify_request node_request(const char *name)
{
	return (struct verify_request){
	    .kind = VERIFY_NODE, .role = VERIFY_PEER_SERVER, .name = name, .at_ms = clock_wall_ms()};
}

static void one_line(const char *text)
{
	assert_true(strlen(text) > 10);
	for (const char *p = text; *p != '\0'; p++)
		assert_true((unsigned char)*p >= 0x20);
}

static void matrix(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < n_bad_rows; i++) {
		const struct bad_row *row = &bad_rows[i];
		struct verify_anchors *a = anchors(row->crl);
		struct bad_case c = {0};

		row->make(&world, &c);
		for (int role = 0; role < 2; role++) {
			struct verify_request req = node_request(role == 0 ? BAD_NAME : NULL);
			struct verify_result out = {0};
			struct clv_err err;

			req.role = role == 0 ? VERIFY_PEER_SERVER : VERIFY_PEER_CLIENT;
			if (run(a, &req, &c.leaf, c.chain, c.n_chain, &out, &err) == CLV_OK)
				fail_msg("accepted: %s", row->name);
			if (strstr(err.text, row->words) == NULL)
				fail_msg("%s: %s", row->name, err.text);
			one_line(err.text);
			assert_int_equal(err.code, CLV_E_AUTH);
			assert_string_equal(out.name, "");
			req.kind = VERIFY_OPERATOR; /* nor does it log on as that name */
			if (run(a, &req, &c.leaf, c.chain, c.n_chain, &out, &err) == CLV_OK)
				assert_string_not_equal(out.name, BAD_NAME);
			n++;
		}
		bad_case_release(&c);
		verify_anchors_free(a);
	}
	print_message("%zu bad certificates refused at 2 ends each\n", n / 2);
	assert_true(n >= 80);
}

/* Issues by the test's CA, judges, frees. */
static clv_rc judge(const struct mk_spec *s, const char *key, const struct verify_request *req,
                    struct verify_result *out, struct clv_err *err)
{
	struct mk_cert c = mk_issue(s, mk_key(key, false), &world.ca);
	struct verify_anchors *a = anchors(true);
	clv_rc rc = run(a, req, &c, NULL, 0, out, err);

	verify_anchors_free(a);
	mk_free(&c);
	return rc;
}

static void good_nodes(void **state)
{
	static const char *const keys[] = {"P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "ED25519"};
	struct verify_request req = node_request(BAD_NAME);
	struct verify_result out;
	struct mk_spec s;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		s = mk_node(BAD_NAME);
		if (judge(&s, keys[i], &req, &out, &err) != CLV_OK)
			fail_msg("%s: %s", keys[i], err.text);
		assert_string_equal(out.name, BAD_NAME);
		assert_false(out.crl_stale);
		assert_true(out.not_after_ms > req.at_ms && out.not_before_ms < req.at_ms);
	}
	s.ku = NULL; /* no key usage restricts nothing */
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	s.san = "DNS:WEB01.Ops.Test";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	assert_string_equal(out.name, BAD_NAME);
	s.san = "DNS:other.ops.test,DNS:web01.ops.test,IP:192.0.2.1";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	req.name = NULL;
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "exactly one"));
	req.own = true;
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	assert_string_equal(out.name, "other.ops.test");
}

static void chains(void **state)
{
	struct verify_request req = node_request(BAD_NAME);
	struct verify_anchors *a = anchors(false);
	struct mk_cert chain[8];
	struct verify_result out;
	struct mk_cert leaf;
	struct clv_err err;
	struct mk_spec s;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		s = mk_ca("Middle");
		s.cn = (const char *const[]){"A", "B", "C", "D", "E", "F", "G", "H"}[i];
		s.eku = i == 3 ? "clientAuth,serverAuth" : NULL;
		chain[7 - i] = mk_issue(&s, mk_key("P-384", false), i == 0 ? &world.ca : &chain[8 - i]);
	}
	s = mk_node(BAD_NAME);
	leaf = mk_issue(&s, mk_key("P-256", false), &chain[0]);
	if (run(a, &req, &leaf, chain, 8, &out, &err) != CLV_OK)
		fail_msg("%s", err.text);
	assert_int_equal(run(a, &req, &leaf, chain + 1, 7, &out, &err), CLV_FAILED);
	mk_free(&leaf);
	for (size_t i = 0; i < 8; i++)
		mk_free(&chain[i]);
	verify_anchors_free(a);
}

static void names(void **state)
{
	static const char *const other[] = {"web02.ops.test", "web01.ops.tes",   "web01.ops.test0",
	                                    "ops.test",       "xweb01.ops.test", "web01.ops.test.evil.test"};
	static const char *const no_names[] = {"",           "web01",     "WEB01.ops.test", "web01.ops.test.",
	                                       "*.ops.test", "192.0.2.1", "2001:db8::1",    "web01..test",
	                                       "-a.test",    "a-.test",   "a b.test",       "web\xc3\xb6.de",
	                                       "a_b.test",   ".test"};
	struct mk_spec s = mk_node(BAD_NAME);
	struct verify_result out;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct verify_request req = node_request(other[i]);

		assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
		assert_non_null(strstr(err.text, "expected name"));
	}
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
		struct verify_request req = node_request(no_names[i]);

		assert_int_equal(verify_node_name(slice_str(no_names[i]), &err), CLV_FAILED);
		assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	}
	assert_int_equal(verify_node_name(SLICE_LIT("web01.ops.test\0"), &err), CLV_FAILED);
	assert_int_equal(verify_node_name(SLICE_LIT("a1.b2"), &err), CLV_OK);
}

static void any_dns_name(void **state)
{
	static const char *const names[] = {"localhost", "a_b.example.com", "xn--bcher-kva.example"};
	struct verify_result out;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct verify_request req = node_request(names[i]);
		struct mk_spec s = mk_node(names[i]);

		req.any_dns_name = true;
		if (judge(&s, "P-256", &req, &out, &err) != CLV_OK)
			fail_msg("%s", err.text);
	}
}

static void operators(void **state)
{
	struct verify_request req = {
	    .kind = VERIFY_OPERATOR, .role = VERIFY_PEER_CLIENT, .at_ms = clock_wall_ms()};
	struct mk_spec s = mk_operator("Ada@OPS.test");
	struct verify_result out;
	struct clv_err err;

	(void)state;
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	assert_string_equal(out.name, "Ada@ops.test");
	req.name = "ada@ops.test";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	req.name = NULL;
	s.san = NULL; /* known by its thumbprint alone */
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_OK);
	assert_string_equal(out.name, "");
	s.san = "email:a@ops.test,email:b@ops.test";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	s.san = "email:a b@ops.test";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	s.san = "email:@ops.test";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	s = mk_operator("a@ops.test");
	s.eku = "serverAuth";
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	s = mk_node(BAD_NAME);
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "does not log on"));
	s = mk_operator("a@ops.test");
	s.eku = "clientAuth,serverAuth";
	req.kind = VERIFY_NODE;
	assert_int_equal(judge(&s, "P-256", &req, &out, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "is an operator's"));
}

static void times(void **state)
{
	struct verify_request req = node_request(BAD_NAME);
	struct mk_spec s = mk_node(BAD_NAME);
	struct verify_anchors *a = anchors(false);
	struct verify_result out;
	struct mk_cert c;
	struct clv_err err;

	(void)state;
	s.now_s = req.at_ms / 1000;
	s.from_s = 0;
	s.to_s = 1000;
	c = mk_issue(&s, mk_key("P-256", false), &world.ca);
	req.at_ms = s.now_s * 1000 - 300000;
	assert_int_equal(run(a, &req, &c, NULL, 0, &out, &err), CLV_OK); /* five minutes of grace */
	req.at_ms -= 1000;
	assert_int_equal(run(a, &req, &c, NULL, 0, &out, &err), CLV_FAILED);
	req.at_ms = (s.now_s + 1000) * 1000 + 999;
	assert_int_equal(run(a, &req, &c, NULL, 0, &out, &err), CLV_OK); /* notAfter is inclusive */
	req.at_ms += 1;
	assert_int_equal(run(a, &req, &c, NULL, 0, &out, &err), CLV_FAILED); /* and none here */
	mk_free(&c);
	verify_anchors_free(a);
}

static clv_rc with_list(int64_t last_s, int64_t next_s, const struct mk_cert *by, const char *md, bool *stale,
                        struct clv_err *err)
{
	struct verify_request req = node_request(BAD_NAME);
	X509_CRL *crl = mk_crl(by, NULL, 0, last_s, next_s, md);
	struct mk_spec s = mk_node(BAD_NAME);
	struct verify_anchors *a;
	struct verify_result out;
	struct mk_cert c = mk_issue(&s, mk_key("P-256", false), &world.ca);
	struct clv_buf pem;
	clv_rc rc;

	buf_init(&pem, 65536);
	mk_put_crl(&pem, crl);
	X509_CRL_free(crl);
	a = verify_anchors_new(buf_slice(&world.ca_pem), buf_slice(&pem), 3600000, err);
	rc = a == NULL ? CLV_FAILED : run(a, &req, &c, NULL, 0, &out, err);
	if (rc == CLV_OK)
		*stale = out.crl_stale;
	verify_anchors_free(a);
	buf_release(&pem);
	mk_free(&c);
	return rc;
}

static void revocation_lists(void **state)
{
	bool stale = true;
	struct clv_err err;

	(void)state;
	assert_int_equal(with_list(-100, 100, &world.ca, "SHA256", &stale, &err), CLV_OK);
	assert_false(stale);
	assert_int_equal(with_list(-9000, -1800, &world.ca, "SHA256", &stale, &err), CLV_OK);
	assert_true(stale);
	assert_int_equal(with_list(-9000, -3700, &world.ca, "SHA256", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "too old"));
	assert_int_equal(with_list(200, 9000, &world.ca, "SHA256", &stale, &err), CLV_OK);
	assert_int_equal(with_list(3600, 9000, &world.ca, "SHA256", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "from the future"));
	assert_int_equal(with_list(-100, 100, &world.twin, "SHA256", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "not signed by"));
	assert_int_equal(with_list(-100, 100, &world.stranger, "SHA256", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "there is no revocation list"));
	assert_int_equal(with_list(-100, 0, &world.ca, "SHA256", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "nextUpdate"));
	assert_int_equal(with_list(-100, 100, &world.ca, "SHA1", &stale, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "too weak"));
}

static void anchor_files(void **state)
{
	static const char *const bad[] = {"", "hello",
	                                  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	                                  "-----BEGIN CERTIFICATE-----\nMIIB\n"};
	struct clv_slice none = slice_str("");
	struct mk_spec s = mk_node(BAD_NAME);
	struct mk_cert leaf = mk_issue(&s, mk_key("P-256", false), &world.ca);
	struct clv_buf b;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(verify_anchors_new(slice_str(bad[i]), none, 0, &err));
		assert_int_equal(err.cls, i == 2 ? CLV_CLASS_AUTH : CLV_CLASS_USAGE);
	}
	buf_init(&b, 65536);
	mk_put_cert(&b, leaf.x);
	assert_null(verify_anchors_new(buf_slice(&b), none, 0, &err));
	assert_non_null(strstr(err.text, "no authority"));
	buf_clear(&b);
	mk_put_cert(&b, world.ca.x);
	mk_put_key(&b, leaf.key);
	assert_null(verify_anchors_new(buf_slice(&b), none, 0, &err));
	assert_null(verify_anchors_new(buf_slice(&world.ca_pem), buf_slice(&world.ca_pem), 0, &err));
	verify_anchors_free(NULL);
	buf_release(&b);
	mk_free(&leaf);
}

/* Truncations and flipped bits of a good leaf: refused always, or (never) taken. */
static void damaged_leaves(void **state)
{
	struct verify_request req = node_request(BAD_NAME);
	struct verify_anchors *a = anchors(false);
	struct mk_spec s = mk_node(BAD_NAME);
	struct mk_cert c = mk_issue(&s, mk_key("P-256", false), &world.ca);
	struct clv_slice der = mk_der(c.x);
	uint8_t *copy = clv_calloc(1, der.len + 1);
	struct verify_result out;
	struct clv_err err;

	(void)state;
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(verify_peer(a, &req, slice_of(der.ptr, n), NULL, 0, &out, &err), CLV_FAILED);
	memcpy(copy, der.ptr, der.len);
	assert_int_equal(verify_peer(a, &req, slice_of(copy, der.len + 1), NULL, 0, &out, &err), CLV_FAILED);
	for (size_t bit = 0; bit < der.len * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (verify_peer(a, &req, slice_of(copy, der.len), NULL, 0, &out, &err) == CLV_OK)
			fail_msg("bit %zu of %zu can be flipped", bit, der.len * 8);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(verify_peer(a, &req, slice_of(copy, der.len), NULL, 0, &out, &err), CLV_OK);
	clv_free(copy);
	clv_free((void *)(uintptr_t)der.ptr);
	mk_free(&c);
	verify_anchors_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matrix),       cmocka_unit_test(good_nodes),
	    cmocka_unit_test(chains),       cmocka_unit_test(names),
	    cmocka_unit_test(any_dns_name), cmocka_unit_test(operators),
	    cmocka_unit_test(times),        cmocka_unit_test(revocation_lists),
	    cmocka_unit_test(anchor_files), cmocka_unit_test(damaged_leaves),
	};

	return cmocka_run_group_tests_name("verify", tests, setup, teardown);
}
