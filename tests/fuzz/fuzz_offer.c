/* SPDX-License-Identifier: Apache-2.0 */
/* Offer and answer: what decodes encodes to the same bytes, and is decided without contradiction. */
#include "tests/fuzz/common.h"
#include "channel/negotiate.h"

#include <string.h>

static struct chan_offer ours(void)
{
	struct chan_offer o = {.version_min = 1, .version_max = 3, .n_mechs = 2, .role = "agent"};

	o.mechs[0] = CHAN_MECH_CERTIFICATE;
	o.mechs[1] = CHAN_MECH_KERBEROS;
	return o;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct chan_answer a = {.version = 1, .choice = CHAN_MECH_CERTIFICATE};
	struct chan_answer no = {.reason = "no common mechanism"};
	struct chan_offer o = ours();
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("offer");
	buf_init(&b, 4096);
	fuzz_check(buf_put_u8(&b, 0, &err) == CLV_OK && offer_encode(&o, &b, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	buf_clear(&b);
	fuzz_check(buf_put_u8(&b, 1, &err) == CLV_OK && answer_encode(&a, &b, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	buf_clear(&b);
	fuzz_check(buf_put_u8(&b, 1, &err) == CLV_OK && answer_encode(&no, &b, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
	return 0;
}

static bool try_offer(struct clv_slice body, struct clv_buf *again)
{
	struct chan_means means = {CHAN_PREF_AUTO, true, true};
	struct chan_answer a = {0};
	struct chan_answer back;
	struct chan_offer o;
	struct clv_err err;
	struct clv_buf b;

	if (offer_decode(body, &o, &err) != CLV_OK)
		return false;
	fuzz_check(offer_encode(&o, again, &err) == CLV_OK, "a decoded offer cannot be encoded");
	answer_decide(&o, &means, &a);
	buf_init(&b, 4096);
	fuzz_check(answer_encode(&a, &b, &err) == CLV_OK, "an answer cannot be encoded");
	fuzz_check(answer_decode(buf_slice(&b), &o, &back, &err) == CLV_OK, "our own answer is refused");
	buf_release(&b);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice body = slice_of(data, size);
	struct chan_offer o = ours();
	bool accepted = false;
	struct chan_answer a;
	struct clv_buf again;
	struct clv_err err;
	uint8_t which;

	buf_init(&again, 65536);
	if (slice_get_u8(&body, &which, &err) == CLV_OK && (which & 1) == 0) {
		accepted = try_offer(body, &again);
	} else if (size > 0 && answer_decode(body, &o, &a, &err) == CLV_OK) {
		accepted = true;
		fuzz_check(answer_encode(&a, &again, &err) == CLV_OK, "a decoded answer cannot be encoded");
	}
	if (accepted)
		fuzz_check(slice_eq(body, buf_slice(&again)), "two encodings of one thing");
	buf_release(&again);
	fuzz_count(accepted);
	return 0;
}
