/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stranger at the port: any bytes from the first one on, through offer, answer and TLS, in pieces.
 * The channel never opens for a stranger, and never hands out a message.
 */
#include "channel/channel.h"
#include "tests/fuzz/common.h"
#include "tests/lib/mkcert.h"

static struct chan_creds *creds;

static struct chan_creds *make_creds(void)
{
	struct mk_spec s = mk_ca("Fuzz CA");
	struct mk_cert ca = mk_issue(&s, mk_key("P-256", true), NULL);
	struct clv_buf ca_pem, cert, key;
	struct chan_creds_pem pem;
	struct chan_creds *out;
	struct mk_cert mine;
	struct clv_err err;

	s = mk_node("rms1.ops.test");
	mine = mk_issue(&s, mk_key("P-256", true), &ca);
	buf_init(&ca_pem, 65536);
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	mk_put_cert(&ca_pem, ca.x);
	mk_put_cert(&cert, mine.x);
	mk_put_key(&key, mine.key);
	pem = (struct chan_creds_pem){
	    .ca = buf_slice(&ca_pem), .cert = buf_slice(&cert), .key = buf_slice(&key)};
	out = chan_creds_new(&pem, &err);
	fuzz_check(out != NULL, "no credentials");
	buf_release(&ca_pem);
	buf_release(&cert);
	buf_release(&key);
	mk_free(&mine);
	mk_free(&ca);
	return out;
}

static struct chan *end(bool initiator, enum chan_pref pref)
{
	struct chan_opts o = {.initiator = initiator,
	                      .pref = pref,
	                      .creds = creds,
	                      .peer_name = "rms1.ops.test",
	                      .role = "agent"};
	struct clv_err err;
	struct chan *c = chan_new(&o, &err);

	fuzz_check(c != NULL, "no channel");
	return c;
}

/* What our own initiator says first; with an offer also what follows the answer. */
static void record(enum chan_pref pref)
{
	struct chan *a = end(true, pref);
	struct chan *b = end(false, CHAN_PREF_AUTO);
	struct clv_buf said;
	struct clv_err err;

	buf_init(&said, 65536);
	fuzz_check(buf_put_u8(&said, 0xff, &err) == CLV_OK, "seed");
	for (int i = 0; i < 3; i++) {
		struct clv_slice out = buf_slice(chan_output(a));

		fuzz_check(buf_put(&said, out, &err) == CLV_OK && chan_feed(b, out, &err) == CLV_OK, "seed");
		buf_consume(chan_output(a), out.len);
		out = buf_slice(chan_output(b));
		fuzz_check(chan_feed(a, out, &err) == CLV_OK, "seed");
		buf_consume(chan_output(b), out.len);
	}
	fuzz_seed(buf_slice(&said));
	buf_release(&said);
	chan_free(a);
	chan_free(b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct clv_err err;

	(void)argc;
	(void)argv;
	fuzz_start("hello");
	fuzz_check(channel_process_init(&err) == CLV_OK, "start");
	creds = make_creds();
	record(CHAN_PREF_AUTO);
	record(CHAN_PREF_CERTIFICATE);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice rest = slice_of(data, size);
	struct clv_slice body;
	struct clv_err err;
	struct chan *c;
	uint16_t type;
	uint8_t step;
	bool have;

	if (slice_get_u8(&rest, &step, &err) != CLV_OK) {
		fuzz_count(false);
		return 0;
	}
	c = end(false, CHAN_PREF_AUTO);
	while (rest.len > 0) {
		size_t n = (size_t)step * 8 + 1 < rest.len ? (size_t)step * 8 + 1 : rest.len;

		if (chan_feed(c, slice_of(rest.ptr, n), &err) != CLV_OK) {
			fuzz_check(err.text[0] != '\0' && chan_state(c) == CHAN_CLOSED,
			           "refused without a word, or not closed");
			break;
		}
		fuzz_check(chan_state(c) != CHAN_OPEN, "open for a stranger");
		rest = slice_of(rest.ptr + n, rest.len - n);
	}
	have = false;
	(void)!chan_next(c, &have, &type, &body, &err);
	fuzz_check(!have, "a message from a stranger");
	fuzz_count(chan_state(c) == CHAN_HANDSHAKING); /* got as far as TLS */
	chan_free(c);
	return 0;
}
