/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parcels and hop records: a path of four nodes that verifies, and liars by family, each named by its
 * verdict: what is altered after it was stored, what a node on the way alters before it signs itself, records
 * and parcels that are dropped, reordered, invented or of somebody else.
 */
#include "tests/unit/trace_fixture.h"

static bool signer(void *ctx, const char *node, struct clv_slice *spki, const char **role)
{
	const struct chain *c = ctx;

	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(names[i], node) == 0 && i != (size_t)c->unknown && i != STRANGER) {
			*spki = buf_slice(&c->spki[i]);
			*role = roles[i];
			return true;
		}
	return false;
}

static void judge(const struct chain *c, struct trace_path *p)
{
	struct trace_judge j = {GROUP, names[ROOT], signer, (void *)(uintptr_t)c};
	struct trace_record list[NODES + 1];

	for (size_t i = 0; i < c->n; i++)
		list[i] = record_of(c, i);
	trace_verify(&j, buf_slice(&c->parcel), list, c->n, p);
}

/* --- lying --- */
typedef void change_fn(Clv__Hop *h);

/* A record is made anew by whoever holds key: what it says is changed first. */
static void say(struct chain *c, size_t i, EVP_PKEY *key, change_fn *change)
{
	ProtobufCMessage *m = NULL;
	Clv__Hop copy;
	Clv__HopLink in, out;

	assert_int_equal(proto_decode(&clv__hop__descriptor, buf_slice(&c->body[i]), &m, NULL), CLV_OK);
	copy = *(const Clv__Hop *)m; /* strings and links of its own, so that nothing of m is changed */
	if (copy.incoming) {
		in = *copy.incoming;
		copy.incoming = &in;
	}
	if (copy.outgoing) {
		out = *copy.outgoing;
		copy.outgoing = &out;
	}
	change(&copy);
	buf_clear(&c->body[i]);
	buf_clear(&c->sig[i]);
	if (key)
		assert_int_equal(
		    statement_make(STATEMENT_HOP, GROUP, &copy.base, key, &c->body[i], &c->sig[i], NULL),
		    CLV_OK);
	else
		assert_int_equal(proto_encode(&copy.base, &c->body[i], NULL), CLV_OK);
	proto_free(m);
}

static uint8_t other[32] = {0xee, 0xee, 1};
static char zero_text[] = "", evil[] = "evil.ops.test", gw2[] = "gw2.ops.test",
            server[] = "management-server", weak[] = "arcfour-hmac", tls[] = "TLS 1.2";

static void nothing(Clv__Hop *h)
{
	(void)h;
}
static void node(Clv__Hop *h)
{
	h->node = evil;
}
static void node_known(Clv__Hop *h)
{
	h->node = (char *)(uintptr_t)names[SERVER];
}
static void role(Clv__Hop *h)
{
	h->role = server;
}
static void key(Clv__Hop *h)
{
	h->key = PROTO_BYTES(slice_of(other, 32));
}
static void parcel(Clv__Hop *h)
{
	h->parcel = PROTO_BYTES(slice_of(other, 32));
}
static void before(Clv__Hop *h)
{
	h->before = PROTO_BYTES(slice_of(other, 32));
}
static void before_none(Clv__Hop *h)
{
	h->before = PROTO_BYTES(slice_of(NULL, 0));
}
static void in_none(Clv__Hop *h)
{
	h->incoming = NULL;
}
static void in_mechanism(Clv__Hop *h)
{
	h->incoming->mechanism = 3;
}
static void in_protocol(Clv__Hop *h)
{
	h->incoming->protocol = tls;
}
static void in_cipher(Clv__Hop *h)
{
	h->incoming->cipher = weak;
}
static void in_peer(Clv__Hop *h)
{
	h->incoming->peer = gw2;
}
static void in_finger(Clv__Hop *h)
{
	h->incoming->fingerprint = PROTO_BYTES(slice_of(other, 16));
}
static void in_finger_short(Clv__Hop *h)
{
	h->incoming->fingerprint.len = 8;
}
static void out_none(Clv__Hop *h)
{
	h->outgoing = NULL;
}
static void out_mechanism(Clv__Hop *h)
{
	h->outgoing->mechanism = 3;
}
static void out_protocol(Clv__Hop *h)
{
	h->outgoing->protocol = tls;
}
static void out_cipher(Clv__Hop *h)
{
	h->outgoing->cipher = weak;
}
static void out_peer(Clv__Hop *h)
{
	h->outgoing->peer = gw2;
}
static void out_finger(Clv__Hop *h)
{
	h->outgoing->fingerprint = PROTO_BYTES(slice_of(other, 16));
}
static void times(Clv__Hop *h)
{
	h->received += 60000;
}
static void sent(Clv__Hop *h)
{
	h->sent += 60000;
}
static void cipher_gone(Clv__Hop *h)
{
	h->incoming->cipher = zero_text;
}

enum how {
	IN_PLACE,   /* altered where it is stored: the signature stays */
	BARE,       /* made anew without a signature */
	AS_ITSELF,  /* the node itself lies, and those after it sign what they got */
	AFTERWARDS, /* the node itself makes its record anew once those after it have signed */
	AS_STRANGER /* somebody with another key, and those after sign what they got */
};

#define V(word) CLV_VERDICT_##word
static const struct liar {
	const char *family;
	enum who who;
	enum how how;
	change_fn *change;
	enum clv_verdict verdict;
} liars[] = {
    /* the gateway's record altered after it was stored, field by field */
    {"stored: node", GATEWAY, IN_PLACE, node, V(UNKNOWN_SIGNER)},
    {"stored: node, a known one", GATEWAY, IN_PLACE, node_known, V(UNKNOWN_SIGNER)},
    {"stored: role", GATEWAY, IN_PLACE, role, V(UNSIGNED)},
    {"stored: key", GATEWAY, IN_PLACE, key, V(UNKNOWN_SIGNER)},
    {"stored: parcel", GATEWAY, IN_PLACE, parcel, V(UNSIGNED)},
    {"stored: before", GATEWAY, IN_PLACE, before, V(UNSIGNED)},
    {"stored: received", GATEWAY, IN_PLACE, times, V(UNSIGNED)},
    {"stored: sent", GATEWAY, IN_PLACE, sent, V(UNSIGNED)},
    {"stored: cipher in", GATEWAY, IN_PLACE, in_cipher, V(UNSIGNED)},
    {"stored: cipher out", GATEWAY, IN_PLACE, out_cipher, V(UNSIGNED)},
    {"stored: fingerprint in", GATEWAY, IN_PLACE, in_finger, V(UNSIGNED)},
    {"stored: fingerprint out", GATEWAY, IN_PLACE, out_finger, V(UNSIGNED)},
    {"stored: the agent's cipher", AGENT, IN_PLACE, out_cipher, V(UNSIGNED)},
    {"stored: the server's peer", SERVER, IN_PLACE, in_peer, V(UNSIGNED)},
    {"stored: the root's times", ROOT, IN_PLACE, times, V(UNSIGNED)},
    {"no signature: gateway", GATEWAY, BARE, nothing, V(UNSIGNED)},
    {"no signature: agent", AGENT, BARE, nothing, V(UNSIGNED)},
    {"no signature: root", ROOT, BARE, nothing, V(UNSIGNED)},
    /* a gateway that lies in its own record before it passes it on */
    {"gateway: role", GATEWAY, AS_ITSELF, role, V(BROKEN_CHAIN)},
    {"gateway: key", GATEWAY, AS_ITSELF, key, V(UNKNOWN_SIGNER)},
    {"gateway: another parcel", GATEWAY, AS_ITSELF, parcel, V(BROKEN_CHAIN)},
    {"gateway: another record before", GATEWAY, AS_ITSELF, before, V(BROKEN_CHAIN)},
    {"gateway: no record before", GATEWAY, AS_ITSELF, before_none, V(BROKEN_CHAIN)},
    {"gateway: in, no link", GATEWAY, AS_ITSELF, in_none, V(BROKEN_CHAIN)},
    {"gateway: in, mechanism", GATEWAY, AS_ITSELF, in_mechanism, V(LINK_ENDS_DIFFER)},
    {"gateway: in, protocol", GATEWAY, AS_ITSELF, in_protocol, V(LINK_ENDS_DIFFER)},
    {"gateway: in, cipher", GATEWAY, AS_ITSELF, in_cipher, V(LINK_ENDS_DIFFER)},
    {"gateway: in, no cipher", GATEWAY, AS_ITSELF, cipher_gone, V(LINK_ENDS_DIFFER)},
    {"gateway: in, peer", GATEWAY, AS_ITSELF, in_peer, V(LINK_ENDS_DIFFER)},
    {"gateway: in, fingerprint", GATEWAY, AS_ITSELF, in_finger, V(LINK_ENDS_DIFFER)},
    {"gateway: in, half a fingerprint", GATEWAY, AS_ITSELF, in_finger_short, V(LINK_ENDS_DIFFER)},
    {"gateway: out, no link", GATEWAY, AS_ITSELF, out_none, V(BROKEN_CHAIN)},
    {"gateway: out, mechanism", GATEWAY, AS_ITSELF, out_mechanism, V(LINK_ENDS_DIFFER)},
    {"gateway: out, protocol", GATEWAY, AS_ITSELF, out_protocol, V(LINK_ENDS_DIFFER)},
    {"gateway: out, cipher", GATEWAY, AS_ITSELF, out_cipher, V(LINK_ENDS_DIFFER)},
    {"gateway: out, peer", GATEWAY, AS_ITSELF, out_peer, V(LINK_ENDS_DIFFER)},
    {"gateway: out, fingerprint", GATEWAY, AS_ITSELF, out_finger, V(LINK_ENDS_DIFFER)},
    {"gateway: says it is the server", GATEWAY, AS_ITSELF, node_known, V(UNKNOWN_SIGNER)},
    /* a server that lies likewise */
    {"server: in, cipher", SERVER, AS_ITSELF, in_cipher, V(LINK_ENDS_DIFFER)},
    {"server: in, fingerprint", SERVER, AS_ITSELF, in_finger, V(LINK_ENDS_DIFFER)},
    {"server: in, peer", SERVER, AS_ITSELF, in_peer, V(LINK_ENDS_DIFFER)},
    {"server: out, mechanism", SERVER, AS_ITSELF, out_mechanism, V(LINK_ENDS_DIFFER)},
    {"server: out, fingerprint", SERVER, AS_ITSELF, out_finger, V(LINK_ENDS_DIFFER)},
    {"server: out, no link", SERVER, AS_ITSELF, out_none, V(BROKEN_CHAIN)},
    {"server: another parcel", SERVER, AS_ITSELF, parcel, V(BROKEN_CHAIN)},
    {"root: on to somebody", ROOT, AS_ITSELF, before, V(BROKEN_CHAIN)},
    /* made anew once those after it have signed */
    {"afterwards: gateway's times", GATEWAY, AFTERWARDS, times, V(BROKEN_CHAIN)},
    {"afterwards: gateway's cipher", GATEWAY, AFTERWARDS, out_cipher, V(BROKEN_CHAIN)},
    {"afterwards: agent's times", AGENT, AFTERWARDS, sent, V(BROKEN_CHAIN)},
    {"afterwards: server's times", SERVER, AFTERWARDS, times, V(BROKEN_CHAIN)},
    /* somebody else's key */
    {"stranger's key: gateway", GATEWAY, AS_STRANGER, nothing, V(UNSIGNED)},
    {"stranger's key: agent", AGENT, AS_STRANGER, nothing, V(UNSIGNED)},
    {"stranger's name and key", GATEWAY, AS_STRANGER, node, V(UNKNOWN_SIGNER)},
};

static void alter_in_place(struct chain *c, size_t i, change_fn *change)
{
	struct clv_buf sig;

	buf_init(&sig, STATEMENT_SIG_MAX);
	assert_int_equal(buf_put(&sig, buf_slice(&c->sig[i]), NULL), CLV_OK);
	say(c, i, NULL, change);
	assert_int_equal(buf_put(&c->sig[i], buf_slice(&sig), NULL), CLV_OK);
	buf_release(&sig);
}

static void lie(struct chain *c, const struct liar *l)
{
	if (l->how == IN_PLACE) {
		alter_in_place(c, l->who, l->change);
		return;
	}
	say(c, l->who, l->how == BARE ? NULL : c->keys[l->how == AS_STRANGER ? STRANGER : l->who], l->change);
	if (l->how == AFTERWARDS)
		return;
	for (size_t i = (size_t)l->who + 1; i < NODES; i++)
		make_record(c, i);
}

static void liars_are_named(void **state)
{
	size_t n = sizeof liars / sizeof liars[0];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct chain *c = new_chain();
		struct trace_path p;

		lie(c, &liars[i]);
		judge(c, &p);
		if (p.verdict != liars[i].verdict || !p.why[0])
			fail_msg("%s: verdict %d (%s), expected %d", liars[i].family, p.verdict, p.why,
			         liars[i].verdict);
		trace_path_release(&p);
		free_chain(c);
	}
	print_message("trace: %zu liars named\n", n);
	assert_true(n >= 30);
}

static void a_path_of_four_verifies(void **state)
{
	struct chain *c = new_chain();
	struct trace_path p;

	(void)state;
	judge(c, &p);
	assert_int_equal(p.verdict, CLV_VERDICT_VERIFIED);
	assert_int_equal(p.n_hops, NODES);
	assert_int_equal(p.n_alerts, 3);
	assert_string_equal(p.agent, names[AGENT]);
	for (size_t i = 0; i < NODES; i++) {
		assert_int_equal(p.hops[i].verdict, CLV_VERDICT_VERIFIED);
		assert_string_equal(p.hops[i].hop->node, names[i]);
	}
	assert_true(trace_link_agrees(p.hops[0].hop, p.hops[1].hop));
	assert_false(trace_link_agrees(p.hops[0].hop, p.hops[2].hop));
	trace_path_release(&p);
	free_chain(c);
}

static void expect(struct chain *c, enum clv_verdict v, const char *what)
{
	struct trace_path p;

	judge(c, &p);
	if (p.verdict != v)
		fail_msg("%s: verdict %d (%s)", what, p.verdict, p.why);
	trace_path_release(&p);
	free_chain(c);
}

static void swap(struct chain *c, size_t a, size_t b)
{
	struct clv_buf t = c->body[a];

	c->body[a] = c->body[b];
	c->body[b] = t;
	t = c->sig[a];
	c->sig[a] = c->sig[b];
	c->sig[b] = t;
}

/* Takes record i away. */
static struct chain *without(size_t i)
{
	struct chain *c = new_chain();

	for (; i + 1 < c->n; i++)
		swap(c, i, i + 1);
	c->n--;
	return c;
}

static void records_that_are_missing_or_moved(void **state)
{
	struct chain *c;

	(void)state;
	for (size_t i = 0; i < NODES; i++)
		expect(without(i), V(BROKEN_CHAIN), names[i]);
	for (size_t i = 0; i + 1 < NODES; i++) {
		c = new_chain();
		swap(c, i, i + 1);
		expect(c, V(BROKEN_CHAIN), "two changed places");
	}
	c = new_chain();
	c->n = 0;
	expect(c, V(BROKEN_CHAIN), "no record");
	c = new_chain(); /* the gateway's once more at the end */
	assert_int_equal(buf_put(&c->body[NODES], buf_slice(&c->body[GATEWAY]), NULL), CLV_OK);
	assert_int_equal(buf_put(&c->sig[NODES], buf_slice(&c->sig[GATEWAY]), NULL), CLV_OK);
	c->n = NODES + 1;
	expect(c, V(BROKEN_CHAIN), "a record twice");
	c = new_chain();
	c->unknown = GATEWAY;
	expect(c, V(UNKNOWN_SIGNER), "a node that was removed");
}

static void replace_parcel(struct chain *c, const char *agent, uint64_t first, size_t n)
{
	buf_release(&c->parcel);
	make_parcel(&c->parcel, agent, first, n, 0);
}

static void parcels_that_are_another(void **state)
{
	struct chain *c = new_chain();

	(void)state;
	replace_parcel(c, names[AGENT], 5, 2);
	expect(c, V(BROKEN_CHAIN), "an alert was taken out");
	c = new_chain();
	replace_parcel(c, names[AGENT], 5, 4);
	expect(c, V(BROKEN_CHAIN), "an alert was invented");
	c = new_chain();
	replace_parcel(c, names[AGENT], 6, 3);
	expect(c, V(BROKEN_CHAIN), "other numbers");
	c = new_chain();
	replace_parcel(c, "db01.ops.test", 5, 3);
	expect(c, V(BROKEN_CHAIN), "another agent's");
	c = new_chain();
	((uint8_t *)(uintptr_t)buf_slice(&c->parcel).ptr)[0] ^= 0xff;
	expect(c, V(BROKEN_CHAIN), "it does not read");
	/* a gateway that makes another parcel of it, and signs that: the agent's record is about the first */
	c = new_chain();
	replace_parcel(c, names[AGENT], 5, 2);
	for (size_t i = 1; i < NODES; i++)
		make_record(c, i);
	expect(c, V(BROKEN_CHAIN), "made anew at the gateway");
}

static void no_flipped_bit_verifies(void **state)
{
	struct chain *c = new_chain();
	size_t n = 0, named = 0;

	(void)state;
	for (size_t part = 0; part < 2 * NODES + 1; part++) {
		struct clv_buf *b = part == 2 * NODES ? &c->parcel
		                    : part % 2        ? &c->sig[part / 2]
		                                      : &c->body[part / 2];
		uint8_t *bytes = (uint8_t *)(uintptr_t)buf_slice(b).ptr;

		for (size_t bit = 0; bit < buf_slice(b).len * 8; bit += 5, n++) {
			struct trace_path p;

			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			judge(c, &p);
			named += p.verdict != CLV_VERDICT_VERIFIED && p.verdict != CLV_VERDICT_UNCHECKED;
			trace_path_release(&p);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	print_message("trace: %zu of %zu flipped bits named\n", named, n);
	assert_true(n > 1000);
	assert_int_equal(named, n);
	free_chain(c);
}

static void the_agents_own_record(void **state)
{
	struct chain *c = new_chain();
	struct trace_record first = record_of(c, 0), second = record_of(c, 1);
	struct clv_err err = {0};
	struct clv_buf parcel2;

	(void)state;
	make_parcel(&parcel2, names[AGENT], 5, 2, 0);
	assert_int_equal(trace_own_record(GROUP, names[AGENT], buf_slice(&c->spki[AGENT]),
	                                  buf_slice(&c->parcel), &first, &err),
	                 CLV_OK);
	assert_int_equal(trace_own_record("OMMG2", names[AGENT], buf_slice(&c->spki[AGENT]),
	                                  buf_slice(&c->parcel), &first, &err),
	                 CLV_FAILED);
	assert_int_equal(trace_own_record(GROUP, names[AGENT], buf_slice(&c->spki[STRANGER]),
	                                  buf_slice(&c->parcel), &first, &err),
	                 CLV_FAILED);
	assert_int_equal(trace_own_record(GROUP, names[AGENT], buf_slice(&c->spki[AGENT]),
	                                  buf_slice(&parcel2), &first, &err),
	                 CLV_FAILED);
	assert_int_equal(err.code, CLV_E_SIGNATURE);
	assert_int_equal(trace_own_record(GROUP, names[GATEWAY], buf_slice(&c->spki[GATEWAY]),
	                                  buf_slice(&c->parcel), &second, &err),
	                 CLV_FAILED);
	buf_release(&parcel2);
	free_chain(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_path_of_four_verifies),           cmocka_unit_test(liars_are_named),
	    cmocka_unit_test(records_that_are_missing_or_moved), cmocka_unit_test(parcels_that_are_another),
	    cmocka_unit_test(no_flipped_bit_verifies),           cmocka_unit_test(the_agents_own_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
