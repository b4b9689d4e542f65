/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test build only: a server whose core was taken over, as far as acknowledgements go. CLAVIGER_TEST_ACK names
 * the lie; each of them is what an agent must not believe. Runs in core.
 */
#include "daemon/core_server.h"
#ifdef CLV_TEST_BUILD
#include "proto/codec.h"
#include <stdlib.h>
#include <string.h>

static bool lies(const char *how)
{
	const char *lie = getenv("CLAVIGER_TEST_ACK");

	return lie && strcmp(lie, how) == 0;
}

/* What the key holder signs all the same: it is somebody else's, or more than there is. */
void server_test_lie_before(Clv__OutboxAck *ack)
{
	static uint8_t other[16];

	if (lies("agent"))
		ack->agent = (char *)(uintptr_t) "web99.ops.test";
	if (lies("outbox"))
		ack->outbox = PROTO_BYTES(slice_of(other, ack->outbox.len < 16 ? ack->outbox.len : 16));
	if (lies("beyond"))
		ack->upto += 1000000;
}

static void sign_as_stranger(const struct core *c, Clv__SignedStatement *out)
{
	static struct clv_buf sig;
	EVP_PKEY *key = NULL;

	buf_release(&sig);
	buf_init(&sig, STATEMENT_SIG_MAX);
	if (!pkey_make_p256(&key, NULL) &&
	    !statement_sign(STATEMENT_ACK, c->start->group, PROTO_SLICE(out->body), key, &sig, NULL))
		out->signature = PROTO_BYTES(buf_slice(&sig));
	EVP_PKEY_free(key);
}

static void acknowledge_more(Clv__SignedStatement *out)
{
	static struct clv_buf body;
	ProtobufCMessage *m = NULL;

	if (proto_decode(&clv__outbox_ack__descriptor, PROTO_SLICE(out->body), &m, NULL))
		return;
	((Clv__OutboxAck *)m)->upto += 1;
	buf_release(&body);
	buf_init(&body, 4096);
	if (!proto_encode(m, &body, NULL))
		out->body = PROTO_BYTES(buf_slice(&body));
	proto_free(m);
}

/* What the key holder did not sign. */
void server_test_lie_after(const struct core *c, Clv__SignedStatement *out)
{
	if (lies("signature"))
		out->signature.data[out->signature.len - 1] ^= 1;
	if (lies("unsigned"))
		out->signature.len = 0;
	if (lies("stranger"))
		sign_as_stranger(c, out);
	if (lies("upto"))
		acknowledge_more(out);
}
#endif
