/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends have a certificate and Kerberos, and somebody in between changes the offer or the answer (T15):
 * whatever is stripped, forged or replayed, no channel opens by the weaker mechanism; where one opens by
 * certificates all the same, the two ends' T differ or nothing that decides was changed. And where both have
 * Kerberos alone, a changed offer or answer opens nothing.
 */
#include "tests/unit/gss_fixture.h"
#include "tests/lib/badcerts.h"

static struct bad_world world;
static struct chan_creds *server_creds, *agent_creds;

static struct chan_creds *creds_of(const char *name)
{
	struct mk_spec s = mk_node(name);
	struct mk_cert c = mk_issue(&s, mk_key("P-256", true), &world.ca);
	struct clv_buf cert, key;
	struct chan_creds_pem pem;
	struct clv_err err = {0};
	struct chan_creds *out;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	mk_put_cert(&cert, c.x);
	mk_put_key(&key, c.key);
	pem = (struct chan_creds_pem){.ca = buf_slice(&world.ca_pem),
	                              .cert = buf_slice(&cert),
	                              .key = buf_slice(&key),
	                              .peer_kind_accept = VERIFY_NODE};
	out = chan_creds_new(&pem, &err);
	if (!out)
		fail_msg("%s", err.text);
	buf_release(&cert);
	buf_release(&key);
	mk_free(&c);
	return out;
}

static int begin_world(void **state)
{
	struct clv_err err = {0};

	if (channel_process_init(&err) || setup(state))
		return -1;
	bad_world_init(&world);
	server_creds = creds_of("rms1.ops.test");
	agent_creds = creds_of("web01.ops.test");
	return 0;
}

static int end_world(void **state)
{
	chan_creds_free(server_creds);
	chan_creds_free(agent_creds);
	bad_world_release(&world);
	return teardown(state);
}

static void begin_with(struct end *e, bool initiator, bool certificate)
{
	struct chan_opts o = {.initiator = initiator,
	                      .creds = !certificate ? NULL
	                               : initiator  ? agent_creds
	                                            : server_creds,
	                      .krb = &e->krb,
	                      .peer_name = initiator ? "rms1.ops.test" : NULL,
	                      .peer_kind = VERIFY_NODE,
	                      .role = initiator ? "agent" : "management-server"};
	struct clv_err err = {0};

	memset(e, 0, sizeof *e);
	e->krb =
	    (struct chan_krb){.ops = &gss_ops, .names = {realm, 1, NULL, 0}, .service = KRB_SERVICE_NODE};
	e->acceptor = acceptor;
	buf_init(&e->token, KRB_TOKEN_MAX);
	e->chan = chan_new(&o, &err);
	if (!e->chan)
		fail_msg("%s", err.text);
}

/* The frame at the front of a buffer: length, type, body. */
static struct clv_slice front(struct clv_slice s)
{
	uint32_t len = 0;
	struct clv_slice at = s;

	assert_int_equal(slice_get_u32(&at, &len, NULL), CLV_OK);
	return slice_of(s.ptr, 4 + (size_t)len);
}

static void put_frame(struct clv_buf *b, uint16_t type, struct clv_slice body)
{
	assert_int_equal(buf_put_u32(b, (uint32_t)body.len + 2, NULL), CLV_OK);
	assert_int_equal(buf_put_u16(b, type, NULL), CLV_OK);
	assert_int_equal(buf_put(b, body, NULL), CLV_OK);
}

/* What an earlier exchange by Kerberos alone said: an offer, an answer. */
static struct clv_buf old_offer, old_answer;

static void record(void)
{
	struct clv_err err = {0};
	struct end a, b;

	begin_with(&a, true, false);
	begin_with(&b, false, false);
	buf_init(&old_offer, 65536);
	buf_init(&old_answer, 65536);
	assert_int_equal(buf_put(&old_offer, front(buf_slice(chan_output(a.chan))), &err), CLV_OK);
	assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(buf_put(&old_answer, front(buf_slice(chan_output(b.chan))), &err), CLV_OK);
	assert_int_equal(talk(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(chan_state(b.chan), CHAN_OPEN);
	end(&a);
	end(&b);
}

static void change_offer(int how, struct clv_slice frame, struct clv_buf *out)
{
	struct clv_slice body = slice_of(frame.ptr + 6, frame.len - 6);
	struct chan_offer o;
	struct clv_buf b;

	buf_init(&b, 4096);
	assert_int_equal(offer_decode(body, &o, NULL), CLV_OK);
	switch (how) {
	case 0: /* certificate stripped */
	case 1: /* and replaced by one that nobody knows */
		o.n_mechs = how == 0 ? 1 : 2;
		o.mechs[0] = CHAN_MECH_KERBEROS;
		o.mechs[1] = 77;
		break;
	case 2:
		o.nonce[0] ^= 1;
		break;
	case 3:
		memcpy(o.role, "console", 8);
		break;
	case 4: /* another order */
		if (o.n_mechs == 2) {
			o.mechs[0] = CHAN_MECH_KERBEROS;
			o.mechs[1] = CHAN_MECH_CERTIFICATE;
		} else {
			o.mechs[o.n_mechs++] = 78;
		}
		break;
	case 5:
		o.version_max = 9;
		break;
	case 6:
		o.mechs[0] = 99;
		o.n_mechs = 1;
		break;
	case 7: /* replayed */
		assert_int_equal(buf_put(out, buf_slice(&old_offer), NULL), CLV_OK);
		break;
	case 8: /* cut */
		put_frame(out, 1, slice_of(body.ptr, body.len - 1));
		break;
	default: /* doubled */
		assert_int_equal(buf_put(out, frame, NULL), CLV_OK);
		assert_int_equal(buf_put(out, frame, NULL), CLV_OK);
	}
	if (how < 7) {
		assert_int_equal(offer_encode(&o, &b, NULL), CLV_OK);
		put_frame(out, 1, buf_slice(&b));
	}
	buf_release(&b);
}

static void change_answer(int how, struct clv_slice frame, struct clv_buf *out)
{
	static const uint8_t tls_alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	struct chan_answer a = {.version = 1, .choice = CHAN_MECH_KERBEROS};
	struct clv_slice body = slice_of(frame.ptr + 6, frame.len - 6);
	struct clv_buf b;

	buf_init(&b, 4096);
	if (body.len > 34)
		memcpy(a.nonce, body.ptr + 2, sizeof a.nonce);
	switch (how) {
	case 0: /* forged: Kerberos, with the nonce that came */
		break;
	case 1:
		a.nonce[0] ^= 1;
		break;
	case 2:
		a.choice = CHAN_MECH_NONE;
		a.version = 0;
		(void)snprintf(a.reason, sizeof a.reason, "use Kerberos");
		break;
	case 3: /* what is both */
		(void)snprintf(a.reason, sizeof a.reason, "use Kerberos");
		break;
	case 4:
		a.version = 2;
		break;
	case 5:
		a.choice = CHAN_MECH_LOCAL;
		break;
	case 6: /* replayed */
		assert_int_equal(buf_put(out, buf_slice(&old_answer), NULL), CLV_OK);
		break;
	case 7: /* cut */
		put_frame(out, 2, slice_of(body.ptr, body.len - 1));
		break;
	case 8:
		assert_int_equal(buf_put(out, slice_of(tls_alert, sizeof tls_alert), NULL), CLV_OK);
		break;
	default: /* a refusal of a ticket in its place */
		put_frame(out, 4, SLICE_LIT("use Kerberos"));
	}
	if (how < 6) {
		assert_int_equal(answer_encode(&a, &b, NULL), CLV_OK);
		put_frame(out, 2, buf_slice(&b));
	}
	buf_release(&b);
}

/* Does one exchange with the offer or the answer changed; both ends are judged. False: it is what was sent.
 */
static bool meddle(bool with_certificates, bool offer, int how)
{
	bool same;
	struct clv_err err = {0};
	struct clv_buf changed;
	struct end a, b;
	clv_rc rc;

	begin_with(&a, true, with_certificates);
	begin_with(&b, false, with_certificates);
	buf_init(&changed, 65536);
	if (offer) {
		change_offer(how, buf_slice(chan_output(a.chan)), &changed);
		same = slice_eq(buf_slice(&changed), buf_slice(chan_output(a.chan)));
		buf_consume(chan_output(a.chan), buf_slice(chan_output(a.chan)).len);
		rc = chan_feed(b.chan, buf_slice(&changed), &err);
	} else {
		assert_int_equal(carry(&a, &b, 100000, &err), CLV_OK);
		change_answer(how, buf_slice(chan_output(b.chan)), &changed);
		same = slice_eq(buf_slice(&changed), buf_slice(chan_output(b.chan)));
		buf_consume(chan_output(b.chan), buf_slice(chan_output(b.chan)).len);
		rc = chan_feed(a.chan, buf_slice(&changed), &err) || step(&a, &err) ? CLV_FAILED : CLV_OK;
	}
	if (!rc && !talk(&b, &a, 100000, &err) && chan_state(a.chan) == CHAN_OPEN &&
	    chan_state(b.chan) == CHAN_OPEN && !same) {
		/* By certificates, and then it shows: the link proofs are over T. */
		if (!with_certificates || chan_describe(a.chan)->mech != CHAN_MECH_CERTIFICATE ||
		    chan_describe(b.chan)->mech != CHAN_MECH_CERTIFICATE)
			fail_msg("%s %d opened a channel", offer ? "offer" : "answer", how);
		assert_memory_not_equal(chan_describe(a.chan)->t, chan_describe(b.chan)->t, 32);
	} else if (!same) {
		assert_false(chan_state(a.chan) == CHAN_OPEN &&
		             chan_describe(a.chan)->mech == CHAN_MECH_KERBEROS);
		assert_false(chan_state(b.chan) == CHAN_OPEN &&
		             chan_describe(b.chan)->mech == CHAN_MECH_KERBEROS);
	}
	buf_release(&changed);
	end(&a);
	end(&b);
	return !same;
}

static void changed_offers_open_nothing_weaker(void **state)
{
	(void)state;
	record();
	for (int how = 0; how < 10; how++) {
		assert_true(meddle(true, true, how));
		assert_true(meddle(false, true, how) || how == 0);
	}
}

static void changed_answers_open_nothing_weaker(void **state)
{
	(void)state;
	for (int how = 0; how < 10; how++) {
		assert_true(meddle(true, false, how));
		assert_true(meddle(false, false, how) || how == 0);
	}
	buf_release(&old_offer);
	buf_release(&old_answer);
}

/* Untouched, both take certificates; a server that was proven so is offered nothing less. */
static void certificates_come_first(void **state)
{
	struct chan_offer o;
	struct clv_err err = {0};
	struct clv_slice f;
	struct end a, b;
	struct chan_opts pinned = {.initiator = true,
	                           .creds = agent_creds,
	                           .krb = &a.krb,
	                           .no_krb = true,
	                           .peer_name = "rms1.ops.test",
	                           .role = "agent"};

	(void)state;
	begin_with(&a, true, true);
	begin_with(&b, false, true);
	assert_int_equal(talk(&a, &b, 100000, &err), CLV_OK);
	assert_int_equal(chan_describe(a.chan)->mech, CHAN_MECH_CERTIFICATE);
	assert_int_equal(chan_describe(b.chan)->mech, CHAN_MECH_CERTIFICATE);
	assert_memory_equal(chan_describe(a.chan)->t, chan_describe(b.chan)->t, 32);
	chan_free(a.chan);
	a.chan = chan_new(&pinned, &err);
	assert_non_null(a.chan);
	f = front(buf_slice(chan_output(a.chan)));
	assert_int_equal(offer_decode(slice_of(f.ptr + 6, f.len - 6), &o, &err), CLV_OK);
	assert_int_equal(o.n_mechs, 1);
	assert_int_equal(o.mechs[0], CHAN_MECH_CERTIFICATE);
	end(&a);
	end(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(changed_offers_open_nothing_weaker),
	    cmocka_unit_test(changed_answers_open_nothing_weaker),
	    cmocka_unit_test(certificates_come_first),
	};

	(void)argc;
	return in_realm(argv) ? 1 : cmocka_run_group_tests(tests, begin_world, end_world);
}
