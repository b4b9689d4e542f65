/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a channel against a plain TLS program that misbehaves: the matrix of bad certificates. */
#include "tests/lib/badcerts.h"
#include "tests/lib/unit.h"
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

/* A plain TLS program, as wild as the test wants it. */
struct raw_peer {
	SSL_CTX *ctx;
	SSL *ssl;
};

static int take_all(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static void raw_open(struct raw_peer *p, bool server, const struct bad_case *c)
{
	p->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	SSL_CTX_set_security_level(p->ctx, 0);
	SSL_CTX_set_verify(p->ctx, server ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, take_all);
	if (c != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(p->ctx, c->leaf.x), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, c->leaf.key), 1);
		for (size_t i = 0; i < c->n_chain; i++)
			assert_int_equal(SSL_CTX_add1_chain_cert(p->ctx, c->chain[i].x), 1);
	}
	p->ssl = SSL_new(p->ctx);
	SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (server)
		SSL_set_accept_state(p->ssl);
	else
		SSL_set_connect_state(p->ssl);
}

static void raw_close(struct raw_peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	ERR_clear_error();
}

/* Runs both to the end; a frame goes out as soon as the raw peer may write. */
static clv_rc raw_talk(struct raw_peer *p, struct chan *c, bool *spoke, struct clv_err *err)
{
	static const uint8_t frame[] = {0, 0, 0, 4, 0, 0x10, 'h', 'i'};
	clv_rc rc = CLV_OK;

	for (int i = 0; i < 12 && rc == CLV_OK; i++) {
		struct clv_buf *out = chan_output(c);
		char *bytes = NULL;
		long n;

		(void)BIO_write(SSL_get_rbio(p->ssl), buf_slice(out).ptr, (int)buf_slice(out).len);
		buf_consume(out, buf_slice(out).len);
		if (SSL_do_handshake(p->ssl) == 1 && !*spoke)
			*spoke = SSL_write(p->ssl, frame, sizeof(frame)) == (int)sizeof(frame);
		n = BIO_get_mem_data(SSL_get_wbio(p->ssl), &bytes);
		if (n > 0)
			rc = chan_feed(c, slice_of(bytes, (size_t)n), err);
		(void)BIO_reset(SSL_get_wbio(p->ssl));
	}
	ERR_clear_error();
	return rc;
}

static void matrix_of_handshakes(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < n_bad_rows; i++) {
		const struct bad_row *row = &bad_rows[i];
		struct bad_case bad = {0};

		if (row->no_handshake)
			continue;
		row->make(&world, &bad);
		for (int side = 0; side < 2; side++) {
			struct chan_creds *mine;
			struct clv_slice body;
			struct raw_peer peer;
			struct clv_err err;
			struct chan_opts o;
			bool spoke = false;
			bool have = false;
			struct chan *c;
			uint16_t type;

			mine = creds(&server_cert, row->crl, VERIFY_NODE, &err);
			o = (struct chan_opts){.initiator = side == 1,
			                       .pref = CHAN_PREF_CERTIFICATE,
			                       .creds = mine,
			                       .peer_name = side == 1 ? BAD_NAME : NULL,
			                       .peer_kind = VERIFY_NODE,
			                       .role = "agent"};
			c = chan_new(&o, &err);
			raw_open(&peer, side == 1, &bad);
			err_clear(&err);
			if (raw_talk(&peer, c, &spoke, &err) == CLV_OK)
				fail_msg("accepted at end %d: %s", side, row->name);
			if (strstr(err.text, row->words) == NULL && strstr(err.text, "intermediate") == NULL)
				fail_msg("%s: %s", row->name, err.text);
			assert_int_equal(chan_state(c), CHAN_CLOSED);
			assert_int_equal(chan_next(c, &have, &type, &body, &err), CLV_FAILED);
			assert_false(have); /* no application byte */
			n++;
			raw_close(&peer);
			chan_free(c);
			chan_creds_free(mine);
		}
		bad_case_release(&bad);
	}
	print_message("%zu bad certificates refused in handshakes, at 2 ends each\n", n / 2);
	assert_true(n >= 80);
}

static struct clv_err raw_refusal(void (*twist)(SSL_CTX *ctx, SSL *ssl), bool with_cert, bool *open)
{
	struct bad_case good = {.leaf = agent_cert};
	struct chan *c = end(false, CHAN_PREF_AUTO, NULL);
	struct clv_err err = {0};
	struct raw_peer peer;
	bool spoke = false;

	raw_open(&peer, false, with_cert ? &good : NULL);
	if (twist != NULL)
		twist(peer.ctx, peer.ssl);
	(void)!raw_talk(&peer, c, &spoke, &err);
	*open = chan_state(c) == CHAN_OPEN;
	raw_close(&peer);
	chan_free(c);
	return err;
}

static void only_tls12(SSL_CTX *ctx, SSL *ssl)
{
	(void)ctx;
	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
}

static void only_chacha(SSL_CTX *ctx, SSL *ssl)
{
	(void)ctx;
	(void)SSL_set_ciphersuites(ssl, "TLS_CHACHA20_POLY1305_SHA256");
}

static void other_alpn(SSL_CTX *ctx, SSL *ssl)
{
	(void)ctx;
	(void)SSL_set_alpn_protos(ssl, (const unsigned char *)"\x02h2", 3);
}

static void plain_tls_clients(void **state)
{
	struct clv_err err;
	bool open;

	(void)state;
	err = raw_refusal(NULL, true, &open);
	if (!open) /* TLS at once, without ALPN: like openssl s_client */
		fail_msg("%s", err.text);
	err = raw_refusal(NULL, false, &open);
	assert_false(open);
	assert_string_equal(err.text, "the peer showed no certificate");
	assert_int_equal(err.cls, CLV_CLASS_AUTH);
	err = raw_refusal(only_tls12, true, &open);
	assert_false(open);
	assert_string_equal(err.text, "the peer does not speak TLS 1.3");
	err = raw_refusal(only_chacha, true, &open);
	assert_false(open);
	assert_non_null(strstr(err.text, "AES-256-GCM"));
	err = raw_refusal(other_alpn, true, &open);
	assert_false(open);
	assert_non_null(strstr(err.text, "another protocol"));
}

static void no_resumption(void **state)
{
	struct bad_case good = {.leaf = agent_cert};
	struct chan *c = end(false, CHAN_PREF_AUTO, NULL);
	struct raw_peer peer;
	struct clv_err err;
	bool spoke = false;
	uint8_t room[16];

	(void)state;
	raw_open(&peer, false, &good);
	assert_int_equal(raw_talk(&peer, c, &spoke, &err), CLV_OK);
	assert_true(spoke);
	(void)SSL_read(peer.ssl, room, sizeof(room));
	assert_false(SSL_SESSION_is_resumable(SSL_get0_session(peer.ssl)));
	assert_int_equal(SSL_SESSION_get_max_early_data(SSL_get0_session(peer.ssl)), 0);
	raw_close(&peer);
	chan_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matrix_of_handshakes),
	    cmocka_unit_test(plain_tls_clients),
	    cmocka_unit_test(no_resumption),
	};

	return cmocka_run_group_tests_name("channel peers", tests, setup, teardown);
}
