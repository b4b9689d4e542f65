/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token frames: bytes of a stranger to an acceptor of Kerberos behind the offer, and to an initiator behind
 * the answer, with steps done by nobody's library: each is refused at last. And the reader of a token's outer
 * structure by itself.
 */
#include "tests/fuzz/common.h"
#include "channel/krb.h"
#include "channel/negotiate.h"

#include <string.h>

static const uint8_t token[] = {
    0x60, 0x4e, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00, 0x6e,
    0x3f, 0x30, 0x3d, 0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x0e, 0xa2, 0x03, 0x03,
    0x01, 0x00, 0xa3, 0x1f, 0x61, 0x1d, 0x30, 0x1b, 0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x1b,
    0x01, 0x52, 0xa2, 0x02, 0x30, 0x00, 0xa3, 0x0b, 0x30, 0x09, 0xa0, 0x03, 0x02, 0x01, 0x14, 0xa2,
    0x02, 0x04, 0x00, 0xa4, 0x0b, 0x30, 0x09, 0xa0, 0x03, 0x02, 0x01, 0x12, 0xa2, 0x02, 0x04, 0x00};
static struct clv_buf offer_frame;

/* A cipher that is none: what matters here is framing. */
static clv_rc fake_import(struct clv_slice exported, void **ctx, struct clv_err *err)
{
	(void)exported;
	(void)err;
	*ctx = clv_calloc(1, 1);
	return CLV_OK;
}

static clv_rc fake_copy(void *ctx, struct clv_slice in, struct clv_buf *out, struct clv_err *err)
{
	(void)ctx;
	return buf_put(out, in, err);
}

static clv_rc fake_fingerprint(void *ctx, uint8_t out[CHAN_FINGERPRINT_LEN], struct clv_err *err)
{
	(void)ctx;
	(void)err;
	memset(out, 1, CHAN_FINGERPRINT_LEN);
	return CLV_OK;
}

static const struct chan_krb_ops ops = {fake_import, fake_copy, fake_copy, fake_fingerprint, clv_free};
static const char *const realms[] = {"OPS.TEST"};
static const struct chan_krb krb = {.ops = &ops, .names = {realms, 1, NULL, 0}, .service = KRB_SERVICE_NODE};

static void put_frame(struct clv_buf *b, uint16_t type, struct clv_slice body)
{
	fuzz_check(!buf_put_u32(b, (uint32_t)body.len + 2, NULL) && !buf_put_u16(b, type, NULL) &&
	               !buf_put(b, body, NULL),
	           "a frame");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct chan_offer o = {.version_min = 1, .version_max = 1, .n_mechs = 1, .role = "agent"};
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("token");
	fuzz_check(channel_process_init(&err) == CLV_OK, "start");
	o.mechs[0] = CHAN_MECH_KERBEROS;
	buf_init(&b, 4096);
	buf_init(&offer_frame, 4096);
	fuzz_check(offer_encode(&o, &b, &err) == CLV_OK, "the offer");
	put_frame(&offer_frame, 1, buf_slice(&b));
	buf_clear(&b);
	put_frame(&b, 3, slice_of(token, sizeof token));
	fuzz_seed(buf_slice(&b));
	put_frame(&b, 0x15, SLICE_LIT("hello"));
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
	return 0;
}

/* Whoever does the steps takes everything. */
static bool do_step(struct chan *c)
{
	const struct chan_stepped r = {.token = SLICE_LIT("answer"),
	                               .done = true,
	                               .context = SLICE_LIT("context"),
	                               .principal = "MSOMHSvc/web01.ops.test@OPS.TEST",
	                               .ticket = 18,
	                               .session = 18,
	                               .key = 18,
	                               .ends_ms = INT64_MAX};
	struct chan_step s;
	struct clv_err err;

	return chan_step(c, &s) && chan_step_done(c, &r, &err) == CLV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct chan_opts opts = {.krb = &krb, .peer_kind = VERIFY_NODE, .role = "management-server"};
	struct chan *c = chan_new(&opts, NULL);
	bool have = true, stepped = false;
	uint32_t ticket, session;
	struct clv_slice body;
	struct clv_err err;
	uint16_t type;

	fuzz_check(c != NULL && chan_feed(c, buf_slice(&offer_frame), &err) == CLV_OK, "the offer is taken");
	if (chan_feed(c, slice_of(data, size), &err) == CLV_OK)
		stepped = do_step(c);
	/* Nothing but a confirmation of our own T opens it, and no input knows that. */
	fuzz_check(chan_state(c) != CHAN_OPEN, "open without a confirmation");
	if (stepped && chan_feed(c, slice_of(data, size), &err) == CLV_OK)
		fuzz_check(chan_state(c) != CHAN_OPEN, "open without a confirmation");
	if (chan_next(c, &have, &type, &body, &err) == CLV_OK)
		fuzz_check(!have, "a frame before the channel is open");
	chan_free(c);
	if (krb_token_enctypes(slice_of(data, size), &ticket, &session, &err) == CLV_OK)
		stepped = true;
	fuzz_count(stepped);
	return 0;
}
