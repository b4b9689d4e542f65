/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the matrix: one function makes one kind of bad certificate. */
#include "tests/lib/badcerts.h"

#include <string.h>

static void leaf(const struct bad_world *w, const struct mk_spec *s, const char *key, struct bad_case *out)
{
	out->leaf = mk_issue(s, mk_key(key, false), &w->ca);
}

#define SIMPLE(name, code)                                                \
	static void name(const struct bad_world *w, struct bad_case *out) \
	{                                                                 \
		struct mk_spec s = mk_node(BAD_NAME);                     \
                                                                          \
		code leaf(w, &s, "P-256", out);                           \
	}

SIMPLE(expired, s.from_s = -30 * MK_DAY; s.to_s = -1;)
SIMPLE(expired_long_ago, s.from_s = -3000 * MK_DAY; s.to_s = -2000 * MK_DAY;)
SIMPLE(not_yet_valid, s.from_s = 3600;)
SIMPLE(never_valid, s.from_s = 2 * MK_DAY; s.to_s = MK_DAY;)
SIMPLE(no_eku, s.eku = NULL;)
SIMPLE(server_only, s.eku = "serverAuth";)
SIMPLE(client_only, s.eku = "clientAuth";)
SIMPLE(code_signing, s.eku = "codeSigning";)
SIMPLE(any_eku, s.eku = "anyExtendedKeyUsage";)
SIMPLE(ca_true, s.bc = "critical,CA:TRUE"; s.ku = "critical,digitalSignature,keyCertSign";)
SIMPLE(cn_only, s.san = NULL;)
SIMPLE(wildcard, s.san = "DNS:*.ops.test";)
SIMPLE(wildcard_beside_name, s.san = "DNS:web01.ops.test,DNS:*.ops.test";)
SIMPLE(part_wildcard, s.san = "DNS:web*.ops.test";)
SIMPLE(address_only, s.san = "IP:192.0.2.1";)
SIMPLE(uri_only, s.san = "URI:https://web01.ops.test/";)
SIMPLE(operator, s.san = "email:ada@ops.test";)
SIMPLE(operator_and_node, s.san = "DNS:web01.ops.test,email:ada@ops.test";)
SIMPLE(nul_in_name, s.raw_dns = SLICE_LIT("web01.ops.test\0.evil.test");)
SIMPLE(trailing_dot, s.raw_dns = SLICE_LIT("web01.ops.test.");)
SIMPLE(leading_dot, s.raw_dns = SLICE_LIT(".ops.test");)
SIMPLE(double_dot, s.raw_dns = SLICE_LIT("web01..test");)
SIMPLE(space_in_name, s.raw_dns = SLICE_LIT("web01.ops.test ");)
SIMPLE(underscore, s.raw_dns = SLICE_LIT("web_01.ops.test");)
SIMPLE(single_label, s.raw_dns = SLICE_LIT("web01");)
SIMPLE(address_as_name, s.raw_dns = SLICE_LIT("192.0.2.1");)
SIMPLE(utf8_name, s.raw_dns = SLICE_LIT("web\xc3\xb6.ops.test");)
SIMPLE(escape_in_name, s.raw_dns = SLICE_LIT("\x1b[2Jweb01.ops.test");)
SIMPLE(empty_name, s.raw_dns = SLICE_LIT("");)
SIMPLE(leading_hyphen, s.raw_dns = SLICE_LIT("-web01.ops.test");)
SIMPLE(trailing_hyphen, s.raw_dns = SLICE_LIT("web01-.ops.test");)
SIMPLE(long_label,
       s.raw_dns = SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ops.test");)
SIMPLE(empty_san, s.raw_san = "3000";)
SIMPLE(broken_san, s.raw_san = "30ff01";)
SIMPLE(san_twice, s.twice = true;)
SIMPLE(ku_no_signature, s.ku = "critical,keyEncipherment";)
SIMPLE(ku_cert_sign, s.ku = "critical,digitalSignature,keyCertSign";)
SIMPLE(unknown_critical, s.extra = "0500";)
SIMPLE(version_1, s.v1 = true;)
SIMPLE(serial_zero, s.serial = "00";)
SIMPLE(serial_negative, s.serial = "-1234";)
SIMPLE(serial_too_long, s.serial = "7f0102030405060708090a0b0c0d0e0f1011121314";)
SIMPLE(signature_changed, s.bad_signature = true;)
SIMPLE(sha1, s.md = "SHA1";)
SIMPLE(no_authority_key_id, s.no_aki = true;)

static void by_stranger(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	out->leaf = mk_issue(&s, mk_key("P-256", false), &w->stranger);
}

static void by_stranger_with_its_root(const struct bad_world *w, struct bad_case *out)
{
	by_stranger(w, out);
	(void)X509_up_ref(w->stranger.x);
	(void)EVP_PKEY_up_ref(w->stranger.key);
	out->chain[out->n_chain++] = w->stranger;
}

static void by_twin(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	out->leaf = mk_issue(&s, mk_key("P-256", false), &w->twin);
}

static void self_signed(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	(void)w;
	out->leaf = mk_issue(&s, mk_key("P-256", false), NULL);
}

static void weak_rsa(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	leaf(w, &s, "RSA-1024", out);
}

static void weak_curve(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	leaf(w, &s, "P-224", out);
}

static void odd_curve(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec s = mk_node(BAD_NAME);

	leaf(w, &s, "secp256k1", out);
}

static void is_revoked(const struct bad_world *w, struct bad_case *out)
{
	(void)X509_up_ref(w->revoked.x);
	(void)EVP_PKEY_up_ref(w->revoked.key);
	out->leaf = w->revoked;
}

/* A chain by way of one intermediate of this kind. */
static void via(const struct bad_world *w, const struct mk_spec *ca, const struct mk_spec *s,
                struct bad_case *out)
{
	out->chain[0] = mk_issue(ca, mk_key("P-384", false), &w->ca);
	out->n_chain = 1;
	out->leaf = mk_issue(s, mk_key("P-256", false), &out->chain[0]);
}

#define VIA(name, code)                                                   \
	static void name(const struct bad_world *w, struct bad_case *out) \
	{                                                                 \
		struct mk_spec ca = mk_ca("Middle CA");                   \
		struct mk_spec s = mk_node(BAD_NAME);                     \
                                                                          \
		code via(w, &ca, &s, out);                                \
	}

VIA(issued_by_leaf, ca = mk_node("middle.ops.test");)
VIA(middle_not_ca, ca.bc = "critical,CA:FALSE"; ca.ku = "critical,digitalSignature";)
VIA(middle_no_basic_constraints, ca.bc = NULL;)
VIA(middle_basic_constraints_not_critical, ca.bc = "CA:TRUE";)
VIA(middle_may_not_sign, ca.ku = "critical,digitalSignature";)
VIA(middle_no_key_usage, ca.ku = NULL;)
VIA(middle_expired, ca.from_s = -30 * MK_DAY; ca.to_s = -1;)
VIA(middle_not_yet_valid, ca.from_s = 3600;)
VIA(middle_server_only, ca.eku = "serverAuth";)
VIA(middle_any_eku, ca.eku = "anyExtendedKeyUsage";)
VIA(middle_sha1, ca.md = "SHA1";)
VIA(middle_changed, ca.bad_signature = true;)
VIA(middle_unknown_critical, ca.extra = "0500";)
VIA(middle_without_crl, )
VIA(name_not_permitted, ca.nc = "critical,permitted;DNS:other.test";)
VIA(name_excluded, ca.nc = "critical,excluded;DNS:ops.test";)
VIA(policy_required, ca.policy_constraints = "critical,requireExplicitPolicy:0";)
VIA(middle_serial_zero, ca.serial = "00";)

/* ECDSA has no name for a signature over MD5; RSA has. */
static void md5(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec ca = mk_ca("Middle CA");
	struct mk_spec s = mk_node(BAD_NAME);

	s.md = "MD5";
	out->chain[0] = mk_issue(&ca, mk_key("RSA-2048", false), &w->ca);
	out->n_chain = 1;
	out->leaf = mk_issue(&s, mk_key("P-256", false), &out->chain[0]);
}

static void path_too_long(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec first = mk_ca("First CA");
	struct mk_spec second = mk_ca("Second CA");
	struct mk_spec s = mk_node(BAD_NAME);

	first.bc = "critical,CA:TRUE,pathlen:0";
	out->chain[1] = mk_issue(&first, mk_key("P-384", false), &w->ca);
	out->chain[0] = mk_issue(&second, mk_key("P-521", false), &out->chain[1]);
	out->n_chain = 2;
	out->leaf = mk_issue(&s, mk_key("P-256", false), &out->chain[0]);
}

static void nine_intermediates(const struct bad_world *w, struct bad_case *out)
{
	static const char *const names[] = {"M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9"};
	struct mk_spec s = mk_node(BAD_NAME);

	for (size_t i = 0; i < 9; i++) {
		struct mk_spec ca = mk_ca(names[i]);

		out->chain[8 - i] =
		    mk_issue(&ca, mk_key("P-384", false), i == 0 ? &w->ca : &out->chain[9 - i]);
	}
	out->n_chain = 9;
	out->leaf = mk_issue(&s, mk_key("P-256", false), &out->chain[0]);
}

static void middle_missing(const struct bad_world *w, struct bad_case *out)
{
	struct mk_spec ca = mk_ca("Middle CA");
	struct mk_spec s = mk_node(BAD_NAME);

	via(w, &ca, &s, out);
	mk_free(&out->chain[0]);
	out->n_chain = 0;
}

/* The trusted authority's own certificate as a leaf. */
static void the_ca_itself(const struct bad_world *w, struct bad_case *out)
{
	(void)X509_up_ref(w->ca.x);
	(void)EVP_PKEY_up_ref(w->ca.key);
	out->leaf = w->ca;
}

const struct bad_row bad_rows[] = {
    {"expired", expired, "expired on", false, false},
    {"expired long ago", expired_long_ago, "expired on", false, false},
    {"not yet valid", not_yet_valid, "is not valid before", false, false},
    {"never valid", never_valid, "is not valid before", false, false},
    {"no eku", no_eku, "extended key usage", false, false},
    {"server only", server_only, "lacks client authentication", false, false},
    {"client only", client_only, "lacks server authentication", false, false},
    {"code signing", code_signing, "lacks both", false, false},
    {"any eku", any_eku, "lacks both", false, false},
    {"ca true", ca_true, "CA:TRUE", false, false},
    {"cn only", cn_only, "has no dNSName", false, false},
    {"wildcard", wildcard, "wildcard", false, false},
    {"wildcard beside name", wildcard_beside_name, "wildcard", false, false},
    {"part wildcard", part_wildcard, "wildcard", false, false},
    {"address only", address_only, "has no dNSName", false, false},
    {"uri only", uri_only, "has no dNSName", false, false},
    {"operator", operator, "is an operator's", false, false},
    {"operator and node", operator_and_node, "is an operator's", false, false},
    {"nul in name", nul_in_name, "no host name", false, false},
    {"trailing dot", trailing_dot, "no host name", false, false},
    {"leading dot", leading_dot, "no host name", false, false},
    {"double dot", double_dot, "no host name", false, false},
    {"space in name", space_in_name, "no host name", false, false},
    {"underscore", underscore, "no host name", false, false},
    {"single label", single_label, "no host name", false, false},
    {"address as name", address_as_name, "no host name", false, false},
    {"utf8 name", utf8_name, "no host name", false, false},
    {"escape in name", escape_in_name, "\\x1b", false, false},
    {"empty name", empty_name, "", false, false},
    {"leading hyphen", leading_hyphen, "no host name", false, false},
    {"trailing hyphen", trailing_hyphen, "no host name", false, false},
    {"long label", long_label, "no host name", false, false},
    {"empty san", empty_san, "", false, false},
    {"broken san", broken_san, "", false, false},
    {"san twice", san_twice, "twice", false, false},
    {"ku no signature", ku_no_signature, "digitalSignature", false, false},
    {"ku cert sign", ku_cert_sign, "", false, false},
    {"unknown critical", unknown_critical, "critical extension", false, false},
    {"version 1", version_1, "", false, false},
    {"serial zero", serial_zero, "serial number", false, false},
    {"serial negative", serial_negative, "serial number", false, false},
    {"serial too long", serial_too_long, "serial number", false, false},
    {"signature changed", signature_changed, "signature", false, false},
    {"md5", md5, "too weak", false, false},
    {"sha1", sha1, "too weak", false, false},
    {"no authority key id", no_authority_key_id, "RFC 5280", false, false},
    {"by stranger", by_stranger, "is not by our CA", false, false},
    {"by stranger with its root", by_stranger_with_its_root, "is not by our CA", false, false},
    {"by twin", by_twin, "signature", false, false},
    {"self signed", self_signed, "is not by our CA", false, false},
    {"weak rsa", weak_rsa, "1024 bits", false, false},
    {"weak curve", weak_curve, "EC key", false, true},
    {"odd curve", odd_curve, "EC key", false, true},
    {"is revoked", is_revoked, "has been revoked", true, false},
    {"issued by leaf", issued_by_leaf, "", false, false},
    {"middle not ca", middle_not_ca, "", false, false},
    {"middle no basic constraints", middle_no_basic_constraints, "", false, false},
    {"middle basic constraints not critical", middle_basic_constraints_not_critical, "RFC 5280", false,
     false},
    {"middle may not sign", middle_may_not_sign, "", false, false},
    {"middle no key usage", middle_no_key_usage, "RFC 5280", false, false},
    {"middle expired", middle_expired, "authority's certificate (CN Middle CA) expired", false, false},
    {"middle not yet valid", middle_not_yet_valid, "is not valid before", false, false},
    {"middle server only", middle_server_only, "lacks client authentication", false, false},
    {"middle any eku", middle_any_eku, "lacks both", false, false},
    {"middle sha1", middle_sha1, "too weak", false, false},
    {"middle changed", middle_changed, "signature", false, false},
    {"middle unknown critical", middle_unknown_critical, "critical extension", false, false},
    {"middle without crl", middle_without_crl, "no revocation list", true, false},
    {"name not permitted", name_not_permitted, "name constraints", false, false},
    {"name excluded", name_excluded, "name constraints", false, false},
    {"policy required", policy_required, "policies", false, false},
    {"middle serial zero", middle_serial_zero, "serial number", false, false},
    {"path too long", path_too_long, "path length", false, false},
    {"nine intermediates", nine_intermediates, "8", false, false},
    {"middle missing", middle_missing, "is not by our CA", false, false},
    {"the ca itself", the_ca_itself, "CA:TRUE", false, false},
};
const size_t n_bad_rows = sizeof(bad_rows) / sizeof(bad_rows[0]);

void bad_world_init(struct bad_world *w)
{
	struct mk_spec s = mk_ca("Test CA");
	const X509 *revoked;
	X509_CRL *crl;

	*w = (struct bad_world){0};
	/* The twin has the same subject, serial and key identifier: only the key can tell. */
	s.ski = "0102030405060708";
	s.serial = "1234567890";
	w->ca = mk_issue(&s, mk_key("P-256", true), NULL);
	w->twin = mk_issue(&s, mk_key("P-256", true), NULL);
	s = mk_ca("Other CA");
	w->stranger = mk_issue(&s, mk_key("P-256", true), NULL);
	s = mk_node(BAD_NAME);
	w->revoked = mk_issue(&s, mk_key("P-256", false), &w->ca);
	revoked = w->revoked.x;
	crl = mk_crl(&w->ca, &revoked, 1, -3600, 7 * MK_DAY, "SHA256");
	buf_init(&w->ca_pem, 65536);
	buf_init(&w->crl_pem, 65536);
	mk_put_cert(&w->ca_pem, w->ca.x);
	mk_put_crl(&w->crl_pem, crl);
	X509_CRL_free(crl);
}

void bad_world_release(struct bad_world *w)
{
	mk_free(&w->ca);
	mk_free(&w->twin);
	mk_free(&w->stranger);
	mk_free(&w->revoked);
	buf_release(&w->ca_pem);
	buf_release(&w->crl_pem);
}

void bad_case_release(struct bad_case *c)
{
	mk_free(&c->leaf);
	for (size_t i = 0; i < c->n_chain; i++)
		mk_free(&c->chain[i]);
	*c = (struct bad_case){0};
}
