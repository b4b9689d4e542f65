/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: two ends in memory, and one end against a plain TLS program that misbehaves. */
#include "tests/lib/badcerts.h"
#include "tests/lib/unit.h"
#include "base/clock.h"
#include "channel/channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

static struct bad_world world;
static struct chan_creds *server_creds;
static struct chan_creds *agent_creds;
static struct mk_cert agent_cert;
static struct mk_cert server_cert;

static struct chan_creds *creds(const struct mk_cert *c, bool crl, enum verify_kind accept,
                                struct clv_err *err)
{
	struct clv_buf cert, key;
	struct chan_creds_pem pem;
	struct chan_creds *out;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	mk_put_cert(&cert, c->x);
	mk_put_key(&key, c->key);
	pem = (struct chan_creds_pem){.ca = buf_slice(&world.ca_pem),
	                              .cert = buf_slice(&cert),
	                              .key = buf_slice(&key),
	                              .crl = crl ? buf_slice(&world.crl_pem) : slice_str(""),
	                              .crl_grace_ms = 1000,
	                              .peer_kind_accept = accept};
	out = chan_creds_new(&pem, err);
	buf_release(&cert);
	buf_release(&key);
	return out;
}

static int setup(void **state)
{
	struct mk_spec s;
	struct clv_err err;

	(void)state;
	if (channel_process_init(&err) != CLV_OK)
		return -1;
	bad_world_init(&world);
	s = mk_node("rms1.ops.test");
	server_cert = mk_issue(&s, mk_key("P-256", true), &world.ca);
	s = mk_node(BAD_NAME);
	agent_cert = mk_issue(&s, mk_key("RSA-2048", false), &world.ca);
	server_creds = creds(&server_cert, true, VERIFY_NODE, &err);
	agent_creds = creds(&agent_cert, false, VERIFY_NODE, &err);
	return server_creds == NULL || agent_creds == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	chan_creds_free(server_creds);
	chan_creds_free(agent_creds);
	mk_free(&server_cert);
	mk_free(&agent_cert);
	bad_world_release(&world);
	return 0;
}

static struct chan *end(bool initiator, enum chan_pref pref, const char *name)
{
	struct chan_opts o = {.initiator = initiator,
	                      .pref = pref,
	                      .creds = initiator ? agent_creds : server_creds,
	                      .peer_name = initiator ? name : NULL,
	                      .peer_kind = VERIFY_NODE,
	                      .role = initiator ? "agent" : "management-server"};
	struct chan *c;
	struct clv_err err;

	c = chan_new(&o, &err);
	if (c == NULL)
		fail_msg("%s", err.text);
	return c;
}

/* Moves what waits at one end to the other in pieces of `step`. */
static clv_rc carry(struct chan *from, struct chan *to, size_t step, struct clv_err *err)
{
	struct clv_buf *out = chan_output(from);

	while (buf_slice(out).len > 0) {
		size_t n = buf_slice(out).len < step ? buf_slice(out).len : step;

		if (chan_feed(to, slice_of(buf_slice(out).ptr, n), err) != CLV_OK)
			return CLV_FAILED;
		buf_consume(out, n);
	}
	return CLV_OK;
}

static void connect_ends(struct chan *a, struct chan *b, size_t step)
{
	struct clv_err err;

	for (int i = 0; i < 10; i++) {
		if (carry(a, b, step, &err) != CLV_OK || carry(b, a, step, &err) != CLV_OK)
			fail_msg("%s", err.text);
	}
	assert_int_equal(chan_state(a), CHAN_OPEN);
	assert_int_equal(chan_state(b), CHAN_OPEN);
}

static void opens_and_describes(void **state)
{
	static const size_t steps[] = {1, 2, 7, 100, 100000};
	static const uint8_t zero[32];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (int pref = 0; pref < 2; pref++) {
			struct chan *a =
			    end(true, pref == 0 ? CHAN_PREF_AUTO : CHAN_PREF_CERTIFICATE, "rms1.ops.test");
			struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
			const struct chan_desc *da = chan_describe(a);
			const struct chan_desc *db = chan_describe(b);

			connect_ends(a, b, steps[i]);
			assert_string_equal(da->protocol, "TLS 1.3");
			assert_string_equal(db->cipher, "TLS_AES_256_GCM_SHA384");
			assert_string_equal(da->peer_name, "rms1.ops.test");
			assert_string_equal(db->peer_name, BAD_NAME);
			assert_string_equal(db->peer_role, pref == 0 ? "agent" : "");
			assert_memory_equal(da->t, db->t, sizeof(da->t));
			assert_memory_equal(da->fingerprint, db->fingerprint, sizeof(da->fingerprint));
			assert_memory_not_equal(da->fingerprint, zero, sizeof(da->fingerprint));
			assert_memory_equal(da->peer_thumbprint, chan_creds_thumbprint(server_creds), 32);
			assert_memory_equal(db->peer_thumbprint, chan_creds_thumbprint(agent_creds), 32);
			assert_int_equal(da->peer_not_after_ms, chan_creds_not_after(server_creds));
			chan_free(a);
			chan_free(b);
		}
	}
	assert_string_equal(chan_creds_name(server_creds), "rms1.ops.test");
}

static void messages_arrive_whole(void **state)
{
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
	uint8_t *big = clv_calloc(1, CHAN_FRAME_MAX + 1);
	struct clv_slice body;
	struct clv_err err;
	uint16_t type;
	bool have;

	(void)state;
	connect_ends(a, b, 5000);
	chan_set_proven(b);
	for (size_t i = 0; i < CHAN_FRAME_MAX; i++)
		big[i] = (uint8_t)(i * 31);
	assert_int_equal(chan_send(a, 7, slice_of(NULL, 0), &err), CLV_OK);
	assert_int_equal(chan_send(a, 8, SLICE_LIT("hello"), &err), CLV_OK);
	assert_int_equal(chan_send(a, 9, slice_of(big, CHAN_FRAME_MAX), &err), CLV_OK);
	assert_int_equal(chan_send(a, 9, slice_of(big, CHAN_FRAME_MAX + 1), &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(chan_state(a), CHAN_OPEN);
	assert_int_equal(carry(a, b, 777, &err), CLV_OK);
	assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
	assert_true(have && type == 7 && body.len == 0);
	assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
	assert_true(have && type == 8 && slice_eq_str(body, "hello"));
	assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
	assert_true(have && type == 9 && slice_eq(body, slice_of(big, CHAN_FRAME_MAX)));
	assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
	assert_false(have);
	clv_free(big);
	chan_free(a);
	chan_free(b);
}

/* From the first bytes of a message to all but its last, also while TLS gives out none of them. */
static void a_part_is_a_part(void **state)
{
	struct chan *a = end(true, CHAN_PREF_CERTIFICATE, "rms1.ops.test"),
	            *b = end(false, CHAN_PREF_CERTIFICATE, NULL);
	uint8_t big[3000] = {0};
	struct clv_slice body;
	struct clv_err err;
	uint16_t type;
	bool have;

	(void)state;
	assert_false(chan_within_frame(b));
	connect_ends(a, b, 1);
	assert_false(chan_within_frame(a));
	for (int round = 0; round < 2; round++) {
		struct clv_buf *out = chan_output(a);
		size_t came = 0;

		assert_false(chan_within_frame(b));
		assert_int_equal(chan_send(a, 7, slice_of(big, sizeof big), &err), CLV_OK);
		while (buf_slice(out).len > 0) {
			assert_int_equal(chan_feed(b, slice_of(buf_slice(out).ptr, 1), &err), CLV_OK);
			buf_consume(out, 1);
			assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
			came++;
			assert_int_equal(have, buf_slice(out).len == 0);
			/* A record's head by itself says nothing yet. */
			if (!have && came > 5)
				assert_true(chan_within_frame(b));
		}
		assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
		assert_false(have);
	}
	assert_false(chan_within_frame(b));
	chan_free(a);
	chan_free(b);
}

static void the_last_words_are_heard(void **state)
{
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
	struct clv_slice body;
	struct clv_err err;
	uint16_t type;
	bool have;

	(void)state;
	connect_ends(a, b, 5000);
	assert_int_equal(chan_send(b, 0x13, SLICE_LIT("refused"), &err), CLV_OK);
	chan_shutdown(b);
	assert_int_equal(chan_send(b, 1, SLICE_LIT("x"), &err), CLV_FAILED);
	assert_int_equal(carry(b, a, 100000, &err), CLV_OK);
	assert_int_equal(chan_next(a, &have, &type, &body, &err), CLV_OK);
	assert_true(have && type == 0x13);
	assert_int_equal(chan_next(a, &have, &type, &body, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CLOSED);
	assert_int_equal(chan_state(a), CHAN_CLOSED);
	assert_int_equal(chan_feed(a, SLICE_LIT("x"), &err), CLV_FAILED);
	chan_free(a);
	chan_free(b);
}

static void limits_before_and_after_the_proof(void **state)
{
	static const uint8_t zeros[CHAN_FRAME_PREAUTH_MAX + 1];
	struct clv_slice body;
	struct clv_err err;
	uint16_t type;
	bool have;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
		struct chan *b = end(false, CHAN_PREF_AUTO, NULL);

		connect_ends(a, b, 5000);
		assert_int_equal(chan_send(a, 1, slice_of(zeros, CHAN_FRAME_PREAUTH_MAX + over), &err),
		                 CLV_OK);
		if (over == 0) {
			assert_int_equal(carry(a, b, 5000, &err), CLV_OK);
			assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
			assert_true(have && body.len == CHAN_FRAME_PREAUTH_MAX);
		} else {
			/* As soon as the length is there, long before the frame is. */
			assert_int_equal(carry(a, b, 100, &err), CLV_FAILED);
			assert_int_equal(err.code, CLV_E_LIMIT);
			assert_int_equal(chan_state(b), CHAN_CLOSED);
		}
		chan_free(a);
		chan_free(b);
	}
}

static void output_is_limited(void **state)
{
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
	uint8_t *big = clv_calloc(1, CHAN_FRAME_MAX);
	struct clv_err err;
	int sent = 0;

	(void)state;
	connect_ends(a, b, 5000);
	while (sent < 10 && chan_send(a, 1, slice_of(big, CHAN_FRAME_MAX), &err) == CLV_OK)
		sent++;
	assert_int_equal(sent, 3);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_true(buf_slice(chan_output(a)).len <= 4u << 20);
	assert_int_equal(chan_state(a), CHAN_OPEN); /* the queue may drain */
	clv_free(big);
	chan_free(a);
	chan_free(b);
}

static void wrong_name_is_refused(void **state)
{
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms2.ops.test");
	struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
	struct clv_err err;
	clv_rc rc;

	(void)state;
	assert_int_equal(carry(a, b, 5000, &err), CLV_OK);
	assert_int_equal(carry(b, a, 5000, &err), CLV_OK);
	assert_int_equal(carry(a, b, 5000, &err), CLV_OK);
	rc = carry(b, a, 5000, &err);
	assert_int_equal(rc, CLV_FAILED);
	assert_non_null(strstr(err.text, "expected name"));
	assert_int_equal(carry(a, b, 5000, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "the peer refused our certificate"));
	chan_free(a);
	chan_free(b);
}

/* Bytes that are changed on their way: refused, or both ends compute another T. */
static void flipped_bits_of_the_negotiation(void **state)
{
	struct chan *probe = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	size_t bits = buf_slice(chan_output(probe)).len * 8;
	struct clv_err err;

	(void)state;
	chan_free(probe);
	for (size_t bit = 0; bit < bits * 2; bit++) {
		struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
		struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
		size_t at = bit % bits;
		struct clv_buf *out = chan_output(bit < bits ? a : b);
		clv_rc rc;

		if (bit >= bits) {
			rc = carry(a, b, 5000, &err);
			assert_int_equal(rc, CLV_OK);
		}
		if (at / 8 < buf_slice(out).len)
			out->ptr[out->off + at / 8] ^= (uint8_t)(1 << at % 8);
		else
			at = SIZE_MAX; /* the answer is shorter */
		for (int i = 0; i < 8; i++) {
			if (carry(a, b, 5000, &err) != CLV_OK || carry(b, a, 5000, &err) != CLV_OK)
				break;
		}
		if (at != SIZE_MAX && chan_state(a) == CHAN_OPEN && chan_state(b) == CHAN_OPEN)
			assert_memory_not_equal(chan_describe(a)->t, chan_describe(b)->t, CHAN_T_LEN);
		if (at == SIZE_MAX)
			assert_int_equal(chan_state(b), CHAN_OPEN);
		chan_free(a);
		chan_free(b);
	}
}

static void refusals_of_bad_first_bytes(void **state)
{
	static const struct {
		struct clv_slice bytes;
		const char *words;
	} rows[] = {
	    {SLICE_LIT("GET / HTTP/1.1\r\n\r\n"), "first frame claims"},
	    {SLICE_LIT("SSH-2.0-OpenSSH_9.2\r\n"), "first frame claims"},
	    {SLICE_LIT("\0\0\0\1\0\1"), "first frame claims 1 bytes"},
	    {SLICE_LIT("\0\0\0\2\0\2"), "expected an offer"},
	    {SLICE_LIT("\0\0\0\2\0\1"), "the peer's offer"},
	    {SLICE_LIT("\0\0\x40\x03\0\1"), "claims 16387"},
	    {SLICE_LIT("\xff\xff\xff\xff\0\1"), "claims 4294967295"},
	    {SLICE_LIT("\x16\x03\x01\x40\x00\x01\x01\xff\xff"), "claims 131071 bytes"},
	    {SLICE_LIT("\x16\x03\x01\x00\x01\x01\x16\x03\x01"), "no TLS handshake"},
	    {SLICE_LIT("\x16\x03\x01\x00\x10\x02\x00\x00\x10"), "no TLS handshake"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
		struct clv_err err;

		assert_int_equal(chan_feed(b, rows[i].bytes, &err), CLV_FAILED);
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(chan_state(b), CHAN_CLOSED);
		chan_free(b);
	}
}

static void kerberos_only_is_told_why(void **state)
{
	static const char offer[] = "\0\0\0\x33\0\1\0\1\0\1"
	                            "0123456789abcdef0123456789abcdef"
	                            "\1\2\0\0\0\5agent";
	struct chan_opts o = {
	    .initiator = true, .pref = CHAN_PREF_KERBEROS, .creds = agent_creds, .peer_name = "a.b"};
	struct chan *b = end(false, CHAN_PREF_AUTO, NULL);
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	struct clv_slice out;
	struct clv_err err;
	uint8_t raw[sizeof(offer) - 1];

	(void)state;
	memcpy(raw, offer, sizeof(raw));
	raw[3] = (uint8_t)(sizeof(raw) - 4);
	assert_int_equal(chan_feed(b, slice_of(raw, sizeof(raw)), &err), CLV_FAILED);
	assert_non_null(strstr(
	    err.text, "this side has certificates only; across an untrusted boundary enable certificates"));
	out = buf_slice(chan_output(b)); /* the reason goes out before the end */
	assert_non_null(memmem(out.ptr, out.len, "no common mechanism", 19));
	assert_int_equal(chan_feed(a, out, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "the peer refused our offer: no common mechanism"));
	assert_null(chan_new(&o, &err));
	assert_non_null(strstr(err.text, "there is no Kerberos here"));
	chan_free(a);
	chan_free(b);
}

static void bad_own_certificates_are_refused_at_home(void **state)
{
	struct mk_cert other = {agent_cert.x, server_cert.key};
	struct chan_creds_pem empty = {0};
	struct chan_creds *c;
	struct clv_err err;

	(void)state;
	for (size_t i = 0; i < n_bad_rows; i++) {
		struct bad_case bad = {0};

		if (strstr(bad_rows[i].name, "operator") != NULL || bad_rows[i].make == NULL)
			continue;
		bad_rows[i].make(&world, &bad);
		if (bad.n_chain == 0) {
			c = creds(&bad.leaf, bad_rows[i].crl, VERIFY_NODE, &err);
			if (c != NULL)
				fail_msg("taken: %s", bad_rows[i].name);
		}
		bad_case_release(&bad);
	}
	assert_null(creds(&other, false, VERIFY_NODE, &err));
	assert_non_null(strstr(err.text, "does not belong"));
	c = chan_creds_new(&empty, &err); /* for local channels alone */
	assert_non_null(c);
	chan_creds_free(c);
	chan_creds_free(NULL);
}

static void operators_at_the_console_port(void **state)
{
	struct mk_spec s = mk_operator("ada@ops.test");
	struct mk_cert ada = mk_issue(&s, mk_key("P-256", true), &world.ca);
	struct chan_creds *console = creds(&server_cert, false, VERIFY_OPERATOR, NULL);
	struct chan_creds *hers = creds(&ada, false, VERIFY_NODE, NULL);
	struct chan_opts in = {.creds = console, .role = "management-server"};
	struct chan_opts out = {.initiator = true,
	                        .creds = hers,
	                        .peer_name = "rms1.ops.test",
	                        .peer_kind = VERIFY_NODE,
	                        .role = "console"};
	struct clv_err err;
	struct chan *a = chan_new(&out, &err);
	struct chan *b = chan_new(&in, &err);
	clv_rc rc = CLV_OK;

	(void)state;
	connect_ends(a, b, 3000);
	assert_string_equal(chan_describe(b)->peer_name, "ada@ops.test");
	chan_free(a);
	chan_free(b);
	out.creds = agent_creds; /* a node's certificate never logs on */
	a = chan_new(&out, &err);
	b = chan_new(&in, &err);
	for (int i = 0; i < 8 && rc == CLV_OK; i++)
		rc = carry(a, b, 5000, &err) == CLV_OK ? carry(b, a, 5000, &err) : CLV_FAILED;
	assert_non_null(strstr(err.text, "does not log on"));
	assert_int_equal(chan_state(b), CHAN_CLOSED);
	chan_free(a);
	chan_free(b);
	out.creds = hers; /* and an operator's is no node */
	a = chan_new(&out, &err);
	b = end(false, CHAN_PREF_AUTO, NULL);
	rc = CLV_OK;
	for (int i = 0; i < 8 && rc == CLV_OK; i++)
		rc = carry(a, b, 5000, &err) == CLV_OK ? carry(b, a, 5000, &err) : CLV_FAILED;
	assert_int_equal(chan_state(b), CHAN_CLOSED);
	chan_free(a);
	chan_free(b);
	chan_creds_free(console);
	chan_creds_free(hers);
	mk_free(&ada);
}

static int64_t later(void)
{
	return clock_wall_ms() + 40 * 86400000ll;
}

static void rechecks(void **state)
{
	struct chan *a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	struct chan_opts o = {.creds = server_creds, .role = "management-server"};
	const X509 *revoked = agent_cert.x;
	X509_CRL *crl = mk_crl(&world.ca, &revoked, 1, -10, MK_DAY, "SHA256");
	struct clv_slice keep = buf_slice(&world.crl_pem);
	struct clv_buf fresh;
	struct chan_creds *now;
	struct clv_err err;
	struct chan *b = chan_new(&o, &err);

	(void)state;
	connect_ends(a, b, 3000);
	assert_int_equal(chan_recheck(b, server_creds, &err), CLV_OK);
	assert_int_equal(chan_recheck(a, agent_creds, &err), CLV_OK);
	buf_init(&fresh, 65536);
	mk_put_crl(&fresh, crl);
	X509_CRL_free(crl);
	{
		struct clv_buf swap = world.crl_pem;

		world.crl_pem = fresh;
		now = creds(&server_cert, true, VERIFY_NODE, &err);
		world.crl_pem = swap;
	}
	assert_int_equal(chan_recheck(b, now, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "revoked"));
	assert_int_equal(chan_state(b), CHAN_OPEN); /* closing is the caller's */
	assert_int_equal(keep.len, buf_slice(&world.crl_pem).len);
	chan_creds_free(now);
	buf_release(&fresh);
	chan_free(b);
	o.wall_ms = later;
	b = chan_new(&o, &err);
	chan_free(a);
	a = end(true, CHAN_PREF_AUTO, "rms1.ops.test");
	for (int i = 0; i < 8; i++) {
		if (carry(a, b, 5000, &err) != CLV_OK || carry(b, a, 5000, &err) != CLV_OK)
			break;
	}
	assert_int_equal(chan_state(b), CHAN_CLOSED);
	chan_free(a);
	chan_free(b);
}

static void local_channels(void **state)
{
	struct clv_slice body;
	struct clv_err err;
	struct chan *a = chan_new_local("uid 0", &err);
	struct chan *b = chan_new_local("server", &err);
	uint16_t type;
	bool have;

	(void)state;
	assert_int_equal(chan_send(a, 0x100, SLICE_LIT("who"), &err), CLV_OK);
	assert_int_equal(carry(a, b, 1, &err), CLV_OK);
	assert_int_equal(chan_next(b, &have, &type, &body, &err), CLV_OK);
	assert_true(have && type == 0x100 && slice_eq_str(body, "who"));
	assert_string_equal(chan_describe(a)->peer_name, "uid 0");
	assert_int_equal(chan_describe(a)->mech, CHAN_MECH_LOCAL);
	assert_int_equal(chan_recheck(a, NULL, &err), CLV_OK);
	assert_int_equal(chan_feed(b, SLICE_LIT("\xff\xff\xff\xff"), &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	chan_free(a);
	chan_free(b);
	b = chan_new_local("x", &err);
	assert_int_equal(chan_feed(b, SLICE_LIT("\0\0\0\1\0\0"), &err), CLV_FAILED);
	chan_free(b);
	chan_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_and_describes),
	    cmocka_unit_test(messages_arrive_whole),
	    cmocka_unit_test(a_part_is_a_part),
	    cmocka_unit_test(the_last_words_are_heard),
	    cmocka_unit_test(limits_before_and_after_the_proof),
	    cmocka_unit_test(output_is_limited),
	    cmocka_unit_test(wrong_name_is_refused),
	    cmocka_unit_test(flipped_bits_of_the_negotiation),
	    cmocka_unit_test(refusals_of_bad_first_bytes),
	    cmocka_unit_test(kerberos_only_is_told_why),
	    cmocka_unit_test(bad_own_certificates_are_refused_at_home),
	    cmocka_unit_test(operators_at_the_console_port),
	    cmocka_unit_test(rechecks),
	    cmocka_unit_test(local_channels),
	};

	return cmocka_run_group_tests_name("channel", tests, setup, teardown);
}
