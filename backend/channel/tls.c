/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 over memory: both ends show a certificate, nothing is resumed, no early data, and the
 * verdict on the peer is verify_peer's alone. Opens nothing after channel_process_init.
 */
#include "channel/chan_parts.h"
#include "channel/verify_parts.h"
#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>
#ifdef CLV_TEST_BUILD
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#endif

#define CERT_LIST_MAX (48 * 1024)
#define READ_STEP     16384u

static const char ciphersuites[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
static const char groups[] = "P-256:P-384:X25519";
static const char sigalgs[] =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:RSA-PSS+SHA256:RSA-PSS+SHA384:"
    "RSA-PSS+SHA512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:"
    "RSA+SHA384:RSA+SHA512";
static const unsigned char alpn[] = "\x0a"
                                    "claviger/1";
static const char exporter_label[] = "EXPORTER-claviger-channel";

#ifdef CLV_TEST_BUILD
static int key_log_fd = -1;

/* Before the sandbox; the product build has nothing of this. */
static void open_key_log(void)
{
	const char *path = getenv("CLAVIGER_TEST_KEYLOG");

	if (key_log_fd < 0 && path != NULL)
		key_log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void write_key_log(const SSL *ssl, const char *line)
{
	(void)ssl;
	if (key_log_fd >= 0 && (write(key_log_fd, line, strlen(line)) < 0 || write(key_log_fd, "\n", 1) < 0))
		key_log_fd = -1;
}
#endif

clv_rc channel_process_init(struct clv_err *err)
{
	const time_t epoch = 0;
	uint8_t seed[16];
	struct tm tm;

	/* Without the configuration file: it would be opened at the first use otherwise. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
	                         OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
	                         OPENSSL_INIT_ADD_ALL_DIGESTS,
	                     NULL) != 1)
		return err_set(err, CLV_E_CRYPTO, "OpenSSL cannot be initialised");
	if (RAND_bytes(seed, sizeof(seed)) != 1 || RAND_priv_bytes(seed, sizeof(seed)) != 1)
		return err_set(err, CLV_E_CRYPTO, "the random generator cannot be seeded");
#ifdef CLV_TEST_BUILD
	open_key_log();
#endif
	tzset();
	(void)gmtime_r(&epoch, &tm); /* reads the time zone file now, not behind the sandbox */
	return CLV_OK;
}

static clv_rc judge(const struct chan *c, const struct chan_creds *creds, X509 *leaf, STACK_OF(X509) * sent,
                    struct verify_result *out, struct clv_err *err)
{
	struct verify_request req = {
	    .kind = c->peer_kind,
	    .role = c->initiator ? VERIFY_PEER_SERVER : VERIFY_PEER_CLIENT,
	    .name = c->peer_name,
	    .at_ms = c->wall_ms(),
	};

	return verify_peer_x509(creds->anchors, &req, leaf, sent, out, err);
}

/* OpenSSL's place to verify; nothing of its own verification runs. */
static int on_certificate(X509_STORE_CTX *ctx, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct chan *c = SSL_get_app_data(ssl);
	struct verify_result result;

	(void)arg;
	if (judge(c, c->creds, X509_STORE_CTX_get0_cert(ctx), X509_STORE_CTX_get0_untrusted(ctx), &result,
	          &c->refusal) != CLV_OK) {
		c->refused = true;
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	memcpy(c->desc.peer_name, result.name, sizeof(c->desc.peer_name));
	memcpy(c->desc.peer_thumbprint, result.thumbprint, sizeof(c->desc.peer_thumbprint));
	c->desc.peer_not_after_ms = result.not_after_ms;
	c->desc.crl_stale = result.crl_stale;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned int in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, alpn, sizeof(alpn) - 1, in,
	                          in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_policy(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
#ifdef CLV_TEST_BUILD
	SSL_CTX_set_keylog_callback(ctx, write_key_log);
#endif
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, ciphersuites) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 && SSL_CTX_set1_sigalgs_list(ctx, sigalgs) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1;
}

/* Names our authorities in the request, so that clients with several certificates pick the right one. */
static bool set_server(SSL_CTX *ctx, const struct verify_anchors *anchors)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	struct clv_slice der;

	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	for (size_t i = 0; verify_anchors_subject(anchors, i, &der); i++) {
		const unsigned char *at = der.ptr;
		X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.len);

		if (name == NULL || sk_X509_NAME_push(names, name) <= 0)
			clv_fatal("out of memory");
	}
	SSL_CTX_set0_CA_list(ctx, names);
	return true;
}

SSL_CTX *tls_ctx_new(const struct verify_anchors *anchors, bool server, X509 *cert, STACK_OF(X509) * chain,
                     EVP_PKEY *key, struct clv_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	bool ok;

	if (ctx == NULL)
		clv_fatal("out of memory");
	ok = set_policy(ctx) && SSL_CTX_use_cert_and_key(ctx, cert, key, chain, 1) == 1;
	ok = ok &&
	     (server ? set_server(ctx, anchors) : SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0);
	ERR_clear_error();
	if (!ok) {
		SSL_CTX_free(ctx);
		(void)err_set(err, CLV_E_CRYPTO, "TLS 1.3 cannot be set up with our certificate");
		return NULL;
	}
	return ctx;
}

clv_rc tls_start(struct chan *c, struct clv_err *err)
{
	SSL_CTX *ctx = c->initiator ? c->creds->client : c->creds->server;
	BIO *from = BIO_new(BIO_s_mem());
	BIO *to = BIO_new(BIO_s_mem());

	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || from == NULL || to == NULL)
		clv_fatal("out of memory");
	(void)BIO_set_mem_eof_return(from, -1); /* empty means wait, not end */
	SSL_set_bio(c->ssl, from, to);
	c->from_peer = from;
	c->to_peer = to;
	SSL_set_app_data(c->ssl, c);
	c->state = CHAN_HANDSHAKING;
	if (!c->initiator) {
		SSL_set_accept_state(c->ssl);
		return CLV_OK;
	}
	SSL_set_connect_state(c->ssl);
	if (c->peer_kind == VERIFY_NODE && c->peer_name != NULL &&
	    SSL_set_tlsext_host_name(c->ssl, c->peer_name) != 1)
		return err_set(err, CLV_E_INTERNAL, "the server's name cannot be set");
	return tls_feed(c, slice_of(NULL, 0), err);
}

/* What TLS wants to send goes behind what is waiting already. */
static clv_rc flush(struct chan *c, struct clv_err *err)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(c->to_peer, &bytes);
	clv_rc rc;

	if (len <= 0)
		return CLV_OK;
	rc = buf_put(&c->out, slice_of(bytes, (size_t)len), err);
	(void)BIO_reset(c->to_peer);
	return rc;
}

/* OpenSSL's reason numbers in words; alerts of the peer are 1000 + their number. */
static const struct {
	int reason;
	enum clv_code code;
	const char *text;
} failures[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, CLV_E_AUTH, "the peer showed no certificate"},
    {SSL_R_UNSUPPORTED_PROTOCOL, CLV_E_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_WRONG_VERSION_NUMBER, CLV_E_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_VERSION_TOO_LOW, CLV_E_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, CLV_E_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_HTTP_REQUEST, CLV_E_PROTO, "the peer speaks HTTP"},
    {SSL_R_NO_SHARED_CIPHER, CLV_E_PROTO, "the peer offers neither AES-256-GCM nor AES-128-GCM"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, CLV_E_PROTO, "the peer offers no key exchange on P-256, P-384 or X25519"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, CLV_E_PROTO,
     "the peer offers no signature that our certificate can make"},
    {SSL_R_NO_APPLICATION_PROTOCOL, CLV_E_PROTO, "the peer asks for another protocol than claviger/1"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, CLV_E_AUTH,
     "the peer asked for our certificate and did not get it"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, CLV_E_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, CLV_E_AUTH, "the peer refused our certificate: not by its CA"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, CLV_E_AUTH, "the peer refused our certificate; its log says why"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, CLV_E_AUTH, "the peer refused our certificate: expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, CLV_E_AUTH, "the peer refused our certificate: revoked"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, CLV_E_AUTH,
     "the peer refused our certificate: of the wrong kind"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, CLV_E_AUTH, "the peer refused our certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, CLV_E_AUTH, "the peer refused us: access denied"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, CLV_E_AUTH, "the peer refused the handshake"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, CLV_E_PROTO, "a record was changed on its way"},
};

static clv_rc fail(struct chan *c, struct clv_err *err)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);
	const char *words = ERR_reason_error_string(e);

	ERR_clear_error();
	(void)flush(c, NULL); /* the alert; if it does not fit, the connection ends all the same */
	if (c->refused) {
		if (err != NULL)
			*err = c->refusal;
		return CLV_FAILED;
	}
	if (c->state == CHAN_HANDSHAKING && c->creds->asker != NULL &&
	    c->creds->asker->why.code != CLV_E_NONE) {
		if (err != NULL)
			*err = c->creds->asker->why;
		return CLV_FAILED;
	}
	for (size_t i = 0; ERR_GET_LIB(e) == ERR_LIB_SSL && i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].reason == reason)
			return err_set(err, failures[i].code, "%s", failures[i].text);
	}
	return err_set(err, CLV_E_PROTO, "TLS failed: %s", words == NULL ? "no reason given" : words);
}

static clv_rc opened(struct chan *c, struct clv_err *err)
{
	const unsigned char *proto = NULL;
	unsigned int proto_len = 0;

	SSL_get0_alpn_selected(c->ssl, &proto, &proto_len);
	if (c->offered && !slice_eq(slice_of(proto, proto_len), slice_of(alpn + 1, sizeof(alpn) - 2)))
		return err_set(err, CLV_E_PROTO, "the peer did not agree on claviger/1 within TLS");
	if (SSL_session_reused(c->ssl) != 0 || c->refused || SSL_get0_peer_certificate(c->ssl) == NULL)
		return err_set(err, CLV_E_INTERNAL, "a TLS session without a verified certificate");
	if (SSL_export_keying_material(c->ssl, c->desc.fingerprint, sizeof(c->desc.fingerprint),
	                               exporter_label, sizeof(exporter_label) - 1, NULL, 0, 0) != 1)
		return err_set(err, CLV_E_CRYPTO, "the fingerprint cannot be computed");
	c->desc.mech = CHAN_MECH_CERTIFICATE;
	(void)snprintf(c->desc.protocol, sizeof(c->desc.protocol), "%s",
	               SSL_version(c->ssl) == TLS1_3_VERSION ? "TLS 1.3" : "unknown");
	(void)snprintf(c->desc.cipher, sizeof(c->desc.cipher), "%s", SSL_get_cipher_name(c->ssl));
	c->state = CHAN_OPEN;
	return CLV_OK;
}

static clv_rc handshake(struct chan *c, struct clv_err *err)
{
	int n;

	if (c->creds->asker != NULL)
		err_clear(&c->creds->asker->why);
	n = SSL_do_handshake(c->ssl);
	if (n == 1)
		return flush(c, err) == CLV_OK ? opened(c, err) : CLV_FAILED;
	if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
		return fail(c, err);
	return flush(c, err);
}

static clv_rc decrypt(struct chan *c, struct clv_err *err)
{
	for (;;) {
		uint8_t *room;
		size_t n = 0;
		int ok;

		if (SSL_pending(c->ssl) == 0 && BIO_pending(c->from_peer) == 0)
			return flush(c, err);
		if (buf_reserve(&c->in, READ_STEP, &room, err) != CLV_OK)
			return err_wrap(err, "received messages are not taken");
		ok = SSL_read_ex(c->ssl, room, READ_STEP, &n);
		if (ok == 1) {
			buf_commit(&c->in, n);
			continue;
		}
		switch (SSL_get_error(c->ssl, ok)) {
		case SSL_ERROR_WANT_READ:
			return flush(c, err);
		case SSL_ERROR_ZERO_RETURN:
			c->peer_closed = true;
			return flush(c, err);
		default:
			return fail(c, err);
		}
	}
}

clv_rc tls_feed(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	size_t n = 0;

	ERR_clear_error();
	if (bytes.len > 0 && (BIO_write_ex(c->from_peer, bytes.ptr, bytes.len, &n) != 1 || n != bytes.len))
		clv_fatal("out of memory");
	if (c->state == CHAN_HANDSHAKING && handshake(c, err) != CLV_OK)
		return CLV_FAILED;
	return c->state == CHAN_OPEN ? decrypt(c, err) : CLV_OK;
}

clv_rc tls_write(struct chan *c, struct clv_slice bytes, struct clv_err *err)
{
	size_t n = 0;

	ERR_clear_error();
	if (SSL_write_ex(c->ssl, bytes.ptr, bytes.len, &n) != 1 || n != bytes.len)
		return fail(c, err);
	return flush(c, err);
}

void tls_shutdown(struct chan *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	(void)flush(c, NULL);
}

clv_rc tls_recheck(struct chan *c, const struct chan_creds *now, struct clv_err *err)
{
	struct verify_result result;

	if (now->anchors == NULL)
		return err_set(err, CLV_E_AUTH, "there is no CA any more to check the peer against");
	return judge(c, now, SSL_get0_peer_certificate(c->ssl), SSL_get_peer_cert_chain(c->ssl), &result,
	             err);
}
