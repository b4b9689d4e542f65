/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels by Kerberos with a real KDC: what they say of each other, and that nothing replayed, reflected,
 * doubled, reordered or changed by one bit is taken; each with one clear reason.
 */
#include "tests/unit/gss_fixture.h"

static void opens_and_describes(void **state)
{
	static const size_t pieces[] = {1, 7, 1000, 100000};
	static const uint8_t zero[16];
	struct end a, b;
	struct clv_err err = {0};
	struct clv_slice body;
	uint16_t type;
	bool have;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct chan_desc *da, *db;

		begin(&a, true, "rms1.ops.test");
		begin(&b, false, NULL);
		if (talk(&a, &b, pieces[i], &err))
			fail_msg("%s", err.text);
		da = chan_describe(a.chan);
		db = chan_describe(b.chan);
		assert_int_equal(da->mech, CHAN_MECH_KERBEROS);
		assert_string_equal(da->cipher, AES256);
		assert_string_equal(db->cipher, AES256);
		assert_string_equal(da->peer_name, "rms1.ops.test");
		assert_string_equal(db->peer_name, "web01.ops.test");
		assert_string_equal(db->principal, "MSOMHSvc/web01.ops.test@OPS.TEST");
		assert_memory_equal(da->fingerprint, db->fingerprint, 16);
		assert_memory_not_equal(da->fingerprint, zero, 16);
		assert_memory_equal(da->t, db->t, 32);
		assert_false(da->weak || db->weak);
		assert_true(db->peer_not_after_ms > clock_wall_ms());
		assert_int_equal(chan_send(a.chan, 8, SLICE_LIT("hello"), &err), CLV_OK);
		assert_null(memmem(buf_slice(chan_output(a.chan)).ptr, buf_slice(chan_output(a.chan)).len,
		                   "hello", 5));
		assert_int_equal(carry(&a, &b, pieces[i], &err), CLV_OK);
		assert_int_equal(chan_next(b.chan, &have, &type, &body, &err), CLV_OK);
		assert_true(have && type == 8 && slice_eq_str(body, "hello"));
		assert_int_equal(chan_recheck(b.chan, NULL, &err), CLV_OK);
		end(&a);
		end(&b);
	}
}

static void large_messages_pass_once_proven(void **state)
{
	uint8_t *big = clv_calloc(1, CHAN_FRAME_MAX);
	struct clv_err err = {0};
	struct clv_slice body;
	struct end a, b;
	uint16_t type;
	bool have;

	(void)state;
	open_two(&a, &b);
	chan_set_proven(b.chan);
	assert_int_equal(chan_send(a.chan, 9, slice_of(big, CHAN_FRAME_MAX), &err), CLV_OK);
	assert_int_equal(carry(&a, &b, 16384, &err), CLV_OK);
	assert_int_equal(chan_next(b.chan, &have, &type, &body, &err), CLV_OK);
	assert_true(have && body.len == CHAN_FRAME_MAX);
	/* The other end is not proven: a length alone is enough to be refused. */
	assert_int_equal(chan_send(b.chan, 9, slice_of(big, 20000), &err), CLV_OK);
	assert_int_equal(carry(&b, &a, 4, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "before the link is proven"));
	clv_free(big);
	end(&a);
	end(&b);
}

static void another_realm_is_refused(void **state)
{
	struct end a, b;

	(void)state;
	begin(&a, true, "rms1.ops.test");
	begin(&b, false, NULL);
	b.krb.names.realms = other_realm;
	refused(&a, &b, "is of a realm that is not listed");
}

static void another_service_is_refused(void **state)
{
	struct end a, b;

	(void)state;
	begin(&a, true, "rms1.ops.test");
	a.krb.service = KRB_SERVICE_CONSOLE;
	begin(&b, false, NULL);
	refused(&a, &b, "the ticket is for another service than this one");
	begin(&a, true, "nobody.ops.test");
	begin(&b, false, NULL);
	refused(&a, &b, "the KDC does not know this service");
}

static void wait_ms(int64_t ms)
{
	int64_t until = clock_wall_ms() + ms;

	while (clock_wall_ms() < until)
		(void)poll(NULL, 0, 50);
}

static void clocks_that_differ_are_told(void **state)
{
	struct clv_err err = {0};
	struct end a, b;

	(void)state;
	begin(&a, true, "rms1.ops.test");
	begin(&b, false, NULL);
	assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK); /* offer */
	assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK); /* answer; the token is made now */
	configure("strict.conf", ENCTYPES " clockskew = 1\n");
	wait_ms(2500);
	refused(&a, &b, "the clocks of the two hosts differ");
	configure("ours.conf", ENCTYPES);
}

/* With no key to fetch another one by. */
static void an_expired_ticket_is_told(void **state)
{
	struct gss_from f = {.ccache = ccache};
	struct gss_attempt *attempt = NULL;
	struct clv_err err = {0};
	struct gss_result r;
	uint8_t t[32] = {1};
	char text[1200];

	(void)state;
	(void)snprintf(ccache, sizeof ccache, "FILE:%s/short", folder);
	(void)snprintf(text, sizeof text, "kinit -l 3s -c %s -k -t %s MSOMHSvc/web01.ops.test", ccache,
	               agent_keytab);
	run(text);
	wait_ms(4000);
	gss_result_init(&r);
	assert_int_equal(
	    gss_begin(&f, "MSOMHSvc/rms1.ops.test@OPS.TEST", slice_of(t, 32), false, &attempt, &r, &err),
	    CLV_FAILED);
	if (!strstr(err.text, "xpired"))
		fail_msg("%s", err.text);
	gss_result_release(&r);
	(void)snprintf(ccache, sizeof ccache, "MEMORY:test");
}

static void a_replayed_token_is_refused(void **state)
{
	struct end a, b, c, d;
	struct clv_err err = {0};
	struct clv_buf token;

	(void)state;
	begin(&a, true, "rms1.ops.test");
	begin(&b, false, NULL);
	assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK);
	buf_init(&token, KRB_TOKEN_MAX);
	assert_int_equal(buf_put(&token, buf_slice(chan_output(a.chan)), &err), CLV_OK);
	assert_int_equal(talk(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(chan_state(b.chan), CHAN_OPEN);
	/* The same bytes on another connection, whose answer has another nonce. */
	begin(&c, true, "rms1.ops.test");
	begin(&d, false, NULL);
	assert_int_equal(carry(&c, &d, 100000, &err), CLV_OK);
	assert_int_equal(chan_feed(d.chan, buf_slice(&token), &err), CLV_OK);
	assert_int_equal(step(&d, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "made for another offer and answer"));
	buf_release(&token);
	end(&a);
	end(&b);
	end(&c);
	end(&d);
}

static void reflected_and_doubled_tokens_are_refused(void **state)
{
	struct end a, b;
	struct clv_err err = {0};
	struct clv_slice out;

	(void)state;
	/* Our own token comes back as the answer. */
	begin(&a, true, "rms1.ops.test");
	begin(&b, false, NULL);
	assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK);
	out = buf_slice(chan_output(a.chan));
	assert_int_equal(chan_feed(a.chan, out, &err), CLV_OK);
	assert_int_equal(step(&a, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "the server's Kerberos answer was refused"));
	end(&a);
	end(&b);
	/* The same token twice. */
	begin(&a, true, "rms1.ops.test");
	begin(&b, false, NULL);
	assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK);
	out = buf_slice(chan_output(a.chan));
	assert_int_equal(chan_feed(b.chan, out, &err), CLV_OK);
	assert_int_equal(chan_feed(b.chan, out, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "out of turn"));
	end(&a);
	end(&b);
}

/* One wrapped message of a, as it goes over the wire. */
static void message(struct end *e, const char *text, struct clv_buf *b)
{
	struct clv_buf *out = chan_output(e->chan);
	struct clv_err err;

	buf_init(b, 65536);
	assert_int_equal(chan_send(e->chan, 8, slice_str(text), &err), CLV_OK);
	assert_int_equal(buf_put(b, buf_slice(out), &err), CLV_OK);
	buf_consume(out, buf_slice(out).len);
}

static void order_is_kept(void **state)
{
	static const struct {
		const char *order, *reason;
	} rows[] = {{"00", "came twice"},
	            {"1", "is missing before"},
	            {"10", "is missing before"},
	            {"02", "is missing before"},
	            {"R", "changed on its way, or is our own"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct clv_err err = {0};
		struct clv_buf m[3];
		struct end a, b;
		clv_rc rc = CLV_OK;

		open_two(&a, &b);
		for (int j = 0; j < 3; j++)
			message(&a, "x", &m[j]);
		for (const char *p = rows[i].order; *p && !rc; p++)
			rc = *p == 'R' ? chan_feed(a.chan, buf_slice(&m[0]), &err)
			               : chan_feed(b.chan, buf_slice(&m[*p - '0']), &err);
		assert_int_equal(rc, CLV_FAILED);
		if (!strstr(err.text, rows[i].reason))
			fail_msg("%s: '%s'; expected: %s", rows[i].order, err.text, rows[i].reason);
		for (int j = 0; j < 3; j++)
			buf_release(&m[j]);
		end(&a);
		end(&b);
	}
}

/* T17: one bit, at each byte, of the tokens, the confirmations and a message. */
static void every_flipped_bit_is_refused(void **state)
{
	struct clv_err err = {0};
	size_t refused_tokens = 0, len = 7;

	(void)state;
	for (size_t at = 6; at < len; at++) { /* behind the frame's head */
		struct end a, b;
		struct clv_buf t;

		begin(&a, true, "rms1.ops.test");
		begin(&b, false, NULL);
		assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
		assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK);
		buf_init(&t, KRB_TOKEN_MAX);
		assert_int_equal(buf_put(&t, buf_slice(chan_output(a.chan)), &err), CLV_OK);
		len = buf_slice(&t).len;
		if (at >= len)
			at = len - 1; /* times are encoded in one byte more or less */
		t.ptr[at] ^= (uint8_t)(1u << at % 8);
		buf_consume(chan_output(a.chan), len);
		if (chan_feed(b.chan, buf_slice(&t), &err) || step(&b, &err) || talk(&b, &a, 100000, &err))
			refused_tokens++;
		else
			fail_msg("a flipped bit in byte %zu of %zu was taken", at, len);
		assert_int_not_equal(chan_state(b.chan), CHAN_OPEN);
		assert_int_not_equal(chan_state(a.chan), CHAN_OPEN);
		buf_release(&t);
		end(&a);
		end(&b);
	}
	assert_true(refused_tokens >= len - 6);
	assert_true(len > 400);
	len = 5;
	for (size_t at = 4; at < len; at++) { /* behind the length */
		struct end a, b;
		struct clv_buf m;

		open_two(&a, &b);
		message(&a, "hello", &m);
		len = buf_slice(&m).len;
		m.ptr[at] ^= (uint8_t)(1u << at % 8);
		assert_int_equal(chan_feed(b.chan, buf_slice(&m), &err), CLV_FAILED);
		buf_release(&m);
		end(&a);
		end(&b);
	}
}

static void every_flipped_bit_of_the_answer_is_refused(void **state)
{
	struct clv_err err = {0};
	size_t len = 7;

	(void)state;
	for (size_t at = 6; at < len; at++) {
		struct end a, b;
		struct clv_buf t;

		begin(&a, true, "rms1.ops.test");
		begin(&b, false, NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
			if (i == 0)
				assert_int_equal(carry(&b, &a, 100000, &err), CLV_OK);
		}
		buf_init(&t, KRB_TOKEN_MAX);
		assert_int_equal(buf_put(&t, buf_slice(chan_output(b.chan)), &err), CLV_OK);
		len = buf_slice(&t).len;
		if (at >= len)
			at = len - 1; /* times are encoded in one byte more or less */
		t.ptr[at] ^= (uint8_t)(1u << at % 8);
		buf_consume(chan_output(b.chan), len);
		if (!chan_feed(a.chan, buf_slice(&t), &err) && !step(&a, &err) && !talk(&a, &b, 100000, &err))
			fail_msg("a flipped bit in byte %zu of %zu was taken", at, len);
		assert_int_not_equal(chan_state(a.chan), CHAN_OPEN);
		assert_int_not_equal(chan_state(b.chan), CHAN_OPEN);
		buf_release(&t);
		end(&a);
		end(&b);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_and_describes),
	    cmocka_unit_test(large_messages_pass_once_proven),
	    cmocka_unit_test(another_realm_is_refused),
	    cmocka_unit_test(another_service_is_refused),
	    cmocka_unit_test(clocks_that_differ_are_told),
	    cmocka_unit_test(an_expired_ticket_is_told),
	    cmocka_unit_test(a_replayed_token_is_refused),
	    cmocka_unit_test(reflected_and_doubled_tokens_are_refused),
	    cmocka_unit_test(order_is_kept),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(every_flipped_bit_of_the_answer_is_refused),
	};

	(void)argc;
	return in_realm(argv) ? 1 : cmocka_run_group_tests(tests, setup, teardown);
}
