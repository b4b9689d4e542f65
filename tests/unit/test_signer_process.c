/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer itself, a real process behind its walls: it signs handshakes for whoever has shown that the
 * newest file's key is its certificate's; every other request ends the asker's socket and nobody else's; who
 * asks without end delays nobody else; files that hold no key are told; a renewed key is taken beside the one
 * in use.
 */
#include "channel/sigblock.h"
#include "proto/codec.h"
#include "tests/lib/mkcert.h"
#include "tests/lib/signer_end.h"
#include "tests/lib/unit.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LABEL "TLS 1.3, client CertificateVerify"

static uint8_t block[64 + sizeof LABEL + 48];
static EVP_PKEY *keys[3];
static struct clv_buf pem[3];
static uint8_t ids[3][SIGBLOCK_KEY_LEN];

static int setup(void **state)
{
	(void)state;
	memset(block, ' ', 64);
	memcpy(block + 64, LABEL, sizeof LABEL);
	for (size_t i = 0; i < 3; i++) {
		keys[i] = mk_key(i == 1 ? "RSA-2048" : "P-256", true);
		buf_init(&pem[i], 65536);
		mk_put_key(&pem[i], keys[i]);
		if (sigblock_key_id(keys[i], ids[i], NULL))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY_free(keys[i]);
		buf_release(&pem[i]);
	}
	return 0;
}

static void begin(struct signer_end *s)
{
	signer_end_start(s);
	signer_end_key_bytes(s, buf_slice(&pem[0]));
	signer_end_peer(s, "net_node");
}

static void end(struct signer_end *s)
{
	int status = signer_end_stop(s);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static clv_rc ask_has(struct signer_end *s, size_t key, struct clv_err *err)
{
	return s->asker.has(s, ids[key], err);
}

static clv_rc ask_sign(struct signer_end *s, size_t key, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, SIGBLOCK_SIGNATURE_MAX);
	rc = s->asker.sign(s, ids[key], key == 1 ? 0x0804 : 0x0403, slice_of(block, sizeof block), &b, err);
	if (!rc) {
		EVP_MD_CTX *md = EVP_MD_CTX_new();
		EVP_PKEY_CTX *ctx = NULL;

		assert_int_equal(EVP_DigestVerifyInit_ex(md, &ctx, "SHA256", NULL, NULL, keys[key], NULL), 1);
		if (key == 1)
			assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, 6) == 1 &&
			            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, -1) == 1);
		assert_int_equal(
		    EVP_DigestVerify(md, buf_slice(&b).ptr, buf_slice(&b).len, block, sizeof block), 1);
		EVP_MD_CTX_free(md);
	}
	buf_release(&b);
	return rc;
}

static void signs_for_who_has_the_certificate(void **state)
{
	struct signer_end s;
	struct clv_err err = {0};

	(void)state;
	begin(&s);
	assert_int_equal(ask_sign(&s, 0, &err), CLV_FAILED); /* it has not asked for it yet */
	assert_string_equal(err.text, "the signer has no private key of this certificate");
	assert_int_equal(ask_has(&s, 0, &err), CLV_OK);
	assert_int_equal(ask_sign(&s, 0, &err), CLV_OK);
	assert_int_equal(ask_has(&s, 1, &err), CLV_FAILED);
	assert_string_equal(err.text, CHAN_KEY_MISMATCH);
	assert_int_equal(ask_sign(&s, 1, &err), CLV_FAILED);
	assert_int_equal(ask_sign(&s, 0, &err), CLV_OK);
	end(&s);
}

static void a_renewed_key_is_taken_beside_the_one_in_use(void **state)
{
	struct signer_end s;
	struct clv_err err = {0};

	(void)state;
	begin(&s);
	assert_int_equal(ask_has(&s, 0, &err), CLV_OK);
	for (size_t i = 1; i < 3; i++) {
		signer_end_key_bytes(&s, buf_slice(&pem[i]));
		assert_int_equal(ask_sign(&s, 0, &err), CLV_OK);
		assert_int_equal(ask_has(&s, i - 1, &err), CLV_FAILED); /* not of the newest file */
		assert_int_equal(ask_has(&s, i, &err), CLV_OK);
		assert_int_equal(ask_sign(&s, i, &err), CLV_OK);
		assert_int_equal(ask_sign(&s, 0, &err), CLV_OK); /* a handshake under way */
	}
	/* A bad file takes nothing away. */
	signer_end_key_bytes(&s, slice_str("-----BEGIN nothing"));
	assert_int_equal(ask_has(&s, 2, &err), CLV_FAILED);
	assert_int_equal(ask_sign(&s, 2, &err), CLV_OK);
	/* Another process in its place asks first. */
	signer_end_peer(&s, "net_node");
	assert_int_equal(ask_sign(&s, 2, &err), CLV_FAILED);
	end(&s);
}

static void files_without_a_key_are_told(void **state)
{
	struct clv_buf big;
	struct signer_end s;
	struct clv_err err = {0};

	(void)state;
	buf_init(&big, 1u << 20);
	while (buf_slice(&big).len < 70000)
		assert_int_equal(buf_put(&big, buf_slice(&pem[1]), NULL), CLV_OK);
	begin(&s);
	signer_end_key(&s, -1);
	assert_int_equal(ask_has(&s, 0, &err), CLV_FAILED);
	assert_string_equal(err.text, "the key file cannot be opened");
	signer_end_key_bytes(&s, slice_str(""));
	assert_int_equal(ask_has(&s, 0, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "holds no private key"));
	signer_end_key_bytes(&s, buf_slice(&big));
	assert_int_equal(ask_has(&s, 0, &err), CLV_FAILED);
	assert_string_equal(err.text, "the key file is too large");
	signer_end_key(&s, open("/tmp", O_RDONLY | O_CLOEXEC));
	assert_int_equal(ask_has(&s, 0, &err), CLV_FAILED);
	if (!strstr(err.text, "cannot be read"))
		fail_msg("%s", err.text);
	signer_end_key_bytes(&s, buf_slice(&pem[0]));
	assert_int_equal(ask_has(&s, 0, &err), CLV_OK);
	end(&s);
	buf_release(&big);
}

/* What must not be asked. Each on a fresh socket; the signer closes it and lives. */
static void change(Clv__SignerSign *m, size_t which, uint8_t *room, uint8_t *key)
{
	m->block.data = room;
	switch (which) {
	case 0: /* TLS 1.2: the hash of its messages */
		m->block.len = 32;
		break;
	case 1: /* TLS 1.2's key exchange: two randoms and parameters */
		memset(room, 7, 64);
		m->block.len = 64 + 69;
		break;
	case 2: /* another label */
		memcpy(room + 64, "TLS 1.3, client certificateVerify", 33);
		break;
	case 3:
		m->block.len--;
		break;
	case 4:
		m->block.len = 4096;
		break;
	case 5:
		m->block.len = 0;
		break;
	case 6:
		room[0] ^= 1;
		break;
	case 7: /* a scheme of another key */
		m->scheme = 0x0804;
		break;
	case 8: /* of none */
		m->scheme = 0x0401;
		break;
	default:
		m->key.data = key;
		m->key.len = 31;
	}
}

static void wrong_requests_end_the_askers_socket(void **state)
{
	struct signer_end s;
	size_t ended = 0;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < 10; i++) {
		Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
		uint8_t room[4096] = {0};
		struct clv_err err = {0};

		signer_end_peer(&s, i % 2 ? "net_console" : "net_node");
		assert_int_equal(ask_has(&s, 0, &err), CLV_OK);
		assert_int_equal(ask_sign(&s, 0, &err), CLV_OK);
		memcpy(room, block, sizeof block);
		m.id = 9;
		m.scheme = 0x0403;
		m.key.data = ids[0];
		m.key.len = SIGBLOCK_KEY_LEN;
		m.block.len = sizeof block;
		change(&m, i, room, ids[0]);
		if (signer_end_ask(&s, IPC_SIGNER_SIGN, &m.base, &err) && err.code == CLV_E_CLOSED)
			ended++;
		else
			print_message("wrong request %zu was answered\n", i);
	}
	assert_int_equal(ended, 10);
	signer_end_peer(&s, "net_node");
	assert_int_equal(ask_has(&s, 0, NULL), CLV_OK);
	end(&s);
}

static void messages_of_others_end_it_too(void **state)
{
	Clv__KhSign foreign = CLV__KH_SIGN__INIT;
	Clv__SignerHas has = CLV__SIGNER_HAS__INIT;
	struct clv_err err = {0};
	struct signer_end s;

	(void)state;
	begin(&s);
	assert_int_equal(signer_end_ask(&s, IPC_KH_SIGN, &foreign.base, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CLOSED);
	signer_end_peer(&s, "net_console");
	has.key.data = ids[0];
	has.key.len = 5;
	assert_int_equal(signer_end_ask(&s, IPC_SIGNER_HAS, &has.base, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_CLOSED);
	/* Bytes that are no message at all. */
	signer_end_peer(&s, "net_node");
	assert_int_equal(write(ipc_fd(s.net), "\xff\xff\xff\xff\x00\x98\x00\x00", 8), 8);
	assert_int_equal(ask_has(&s, 0, &err), CLV_FAILED);
	signer_end_peer(&s, "net_node");
	assert_int_equal(ask_has(&s, 0, &err), CLV_OK);
	end(&s);
}

/* --- one that asks without end --- */
#define FLOOD  300u
#define ROUNDS 10u

static clv_rc count(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	(void)m;
	(void)fds;
	(void)err;
	++*(size_t *)ctx;
	return CLV_OK;
}

static const struct ipc_row counted[] = {{IPC_SIGNER_ANSWER, count}, {0, NULL}};

static void hold(const struct signer_end *s)
{
	int status = 0;

	assert_int_equal(kill(s->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(s->pid, &status, WUNTRACED), s->pid);
	assert_true(WIFSTOPPED(status));
}

/* As much as the socket takes. */
static size_t flood(struct ipc *many)
{
	Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
	size_t n = 0;

	m.key = PROTO_BYTES(slice_of(ids[1], SIGBLOCK_KEY_LEN));
	m.scheme = 0x0804;
	m.block = PROTO_BYTES(slice_of(block, sizeof block));
	for (; n < FLOOD && !ipc_unsent(many); n++) {
		m.id = n + 2;
		assert_int_equal(ipc_send(many, IPC_SIGNER_SIGN, &m.base, NULL, 0, NULL), CLV_OK);
	}
	return n;
}

/* How many of the flood are answered before one question of another: of several rounds the fewest, for the
 * test itself may have to wait for the processor. */
static void who_asks_without_end_delays_nobody_else(void **state)
{
	struct signer_end s;
	struct ipc *many;
	size_t fewest = SIZE_MAX, first = 0;

	(void)state;
	signer_end_start(&s);
	signer_end_key_bytes(&s, buf_slice(&pem[1]));
	signer_end_peer(&s, "net_node");
	assert_int_equal(ask_has(&s, 1, NULL), CLV_OK);
	many = s.net;
	s.net = NULL;
	signer_end_peer(&s, "net_console");
	assert_int_equal(ask_has(&s, 1, NULL), CLV_OK);
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t sent, answered = 0;
		clv_rc asked, drained;

		hold(&s);
		sent = flood(many);
		first = i ? first : sent;
		(void)kill(s.pid, SIGCONT);
		asked = ask_sign(&s, 1, NULL);
		hold(&s);
		drained = ipc_wait(many, counted, &answered, 0, NULL);
		(void)kill(s.pid, SIGCONT);
		assert_true(!asked && !drained);
		fewest = answered < fewest ? answered : fewest;
	}
	print_message("of %zu before it, %zu were answered first\n", first, fewest);
	assert_true(first >= 100);
	assert_true(fewest < first / 3);
	ipc_free(many);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signs_for_who_has_the_certificate),
	    cmocka_unit_test(a_renewed_key_is_taken_beside_the_one_in_use),
	    cmocka_unit_test(files_without_a_key_are_told),
	    cmocka_unit_test(wrong_requests_end_the_askers_socket),
	    cmocka_unit_test(messages_of_others_end_it_too),
	    cmocka_unit_test(who_asks_without_end_delays_nobody_else),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
