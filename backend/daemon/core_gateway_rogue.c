/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that lies (see core_gateway_rogue.h). Test build alone; runs in core.
 */
#include "daemon/core_gateway_rogue.h"

#ifdef CLV_TEST_BUILD
#include "base/log.h"
#include "keys/agentcert.h"
#include "proto/refusal.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define GHOST_CONN (UINT64_C(1) << 60)

struct kept {
	struct clv_buf body;
	bool full;
	uint64_t conn;
};
static struct kept old_list, old_sig, first_pub, first_config, beat;
static uint64_t ghost;
static Clv__RelayOpen *shown; /* how it was opened */

bool rogue_is(const char *what)
{
	const char *env = getenv("CLAVIGER_TEST_ROGUE"), *at = env;
	size_t n = strlen(what);

	while (at && (at = strstr(at, what))) {
		if ((at == env || at[-1] == ',') && (at[n] == 0 || at[n] == ','))
			return true;
		at += n;
	}
	return false;
}

static void keep(struct kept *k, uint64_t conn, struct clv_slice body)
{
	buf_release(&k->body);
	buf_init(&k->body, IPC_BODY_MAX);
	k->full = !buf_put(&k->body, body, NULL);
	k->conn = conn;
}

static bool is_ghost(const struct channel *ch)
{
	const char *name = getenv("CLAVIGER_TEST_GHOST");

	return rogue_is("ghost") && name && strcmp(ch->open->peer_name, name) == 0;
}

/* One bit somewhere behind the middle. */
static void flip(struct clv_slice *body, struct clv_buf *tmp)
{
	buf_clear(tmp);
	if (buf_put(tmp, *body, NULL))
		return;
	((uint8_t *)(uintptr_t)buf_slice(tmp).ptr)[body->len * 2 / 3] ^= 4;
	*body = buf_slice(tmp);
}

static void forge_ack(struct core *c, struct channel *ch)
{
	Clv__OutboxAck a = CLV__OUTBOX_ACK__INIT;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;
	struct clv_buf b;
	uint8_t sig[70] = {0x30, 0x44};

	buf_init(&b, 1024);
	a.agent = ch->open->peer_name;
	a.outbox = PROTO_BYTES(SLICE_LIT("0123456789abcdef"));
	a.upto = 1000000;
	if (!proto_encode(&a.base, &b, NULL)) {
		st.body = PROTO_BYTES(buf_slice(&b));
		st.signature = PROTO_BYTES(slice_of(sig, sizeof sig));
		core_frame(c, false, ch->conn, FRAME_ACK, &st.base);
	}
	buf_release(&b);
}

bool rogue_down(struct core *c, struct channel *ch, uint16_t type, struct clv_slice *body,
                struct clv_buf *tmp)
{
	(void)c;
	if (type == FRAME_CONFIG && rogue_is("config"))
		flip(body, tmp);
	if (type == FRAME_CONFIG && rogue_is("config-other")) {
		if (first_config.full && first_config.conn != ch->conn)
			*body = buf_slice(&first_config.body);
		else
			keep(&first_config, ch->conn, *body);
	}
	if ((type == FRAME_RECEIPT && rogue_is("receipt")) || (type == FRAME_ROTATE && rogue_is("rotate")))
		flip(body, tmp);
	return false;
}

bool rogue_up(struct core *c, struct channel *ch, uint16_t type, struct clv_slice *body, struct clv_buf *tmp)
{
	if (type == FRAME_PARCEL && rogue_is("ack"))
		forge_ack(c, ch);
	if (type == FRAME_PARCEL && (rogue_is("swallow") || rogue_is("ack")))
		return true;
	if (type == FRAME_PARCEL && rogue_is("parcel")) {
		ProtobufCMessage *m = NULL;

		if (!proto_decode(&clv__parcel_frame__descriptor, *body, &m, NULL)) {
			Clv__ParcelFrame *f = (Clv__ParcelFrame *)m;

			f->parcel.data[f->parcel.len / 2] ^= 1;
			buf_clear(tmp);
			if (!proto_encode(m, tmp, NULL))
				*body = buf_slice(tmp);
		}
		proto_free(m);
	}
	if (type == FRAME_PUBLISH && rogue_is("publication"))
		flip(body, tmp);
	if (type == FRAME_PUBLISH && rogue_is("publication-other")) {
		if (first_pub.full && first_pub.conn != ch->conn)
			*body = buf_slice(&first_pub.body);
		else
			keep(&first_pub, ch->conn, *body);
	}
	if (type == FRAME_OUTBOX && rogue_is("outbox"))
		flip(body, tmp);
	if (type == FRAME_HEARTBEAT && is_ghost(ch))
		keep(&beat, ch->conn, *body);
	return false;
}

/* A group of its own: its own key, its own list. */
static const Clv__Greeting *own_group(struct core *c, const Clv__Greeting *g)
{
	static Clv__Greeting out;
	static Clv__SignedStatement list;
	static struct clv_buf body, sig, spki;
	Clv__ServerEntry e = CLV__SERVER_ENTRY__INIT, *entries[1] = {&e};
	Clv__ServerList l = CLV__SERVER_LIST__INIT;
	static EVP_PKEY *key;
	struct clv_err err = {0};

	out = *g;
	clv__signed_statement__init(&list);
	if (!key) {
		buf_init(&body, 4096);
		buf_init(&sig, STATEMENT_SIG_MAX);
		buf_init(&spki, STATEMENT_SPKI_MAX);
		if (pkey_make_p256(&key, &err) || pkey_to_spki(key, &spki, &err))
			clv_fatal("a key of its own");
		e.name = c->start->name;
		e.node_key = PROTO_BYTES(buf_slice(&c->node_key));
		e.role = c->start->role;
		l.number = UINT64_MAX / 2;
		l.epoch = c->agent->list_epoch + 1;
		l.n_servers = 1;
		l.servers = entries;
		if (statement_make(STATEMENT_SERVER_LIST, c->start->group, &l.base, key, &body, &sig, &err))
			clv_fatal("a list of its own");
	}
	list.body = PROTO_BYTES(buf_slice(&body));
	list.signature = PROTO_BYTES(buf_slice(&sig));
	out.server_list = &list;
	out.group_key = PROTO_BYTES(buf_slice(&spki));
	return &out;
}

const Clv__Greeting *rogue_greeting(struct core *c, const Clv__Greeting *g)
{
	static Clv__Greeting out;
	static Clv__SignedStatement list;
	static struct clv_buf tmp;
	struct clv_slice body = PROTO_SLICE(g->server_list->body);

	if (rogue_is("group"))
		return own_group(c, g);
	if (!rogue_is("list") && !rogue_is("list-old"))
		return g;
	out = *g;
	list = *g->server_list;
	if (rogue_is("list")) {
		buf_release(&tmp);
		buf_init(&tmp, IPC_BODY_MAX);
		flip(&body, &tmp);
	} else {
		if (!old_list.full) {
			keep(&old_list, 0, body);
			keep(&old_sig, 0, PROTO_SLICE(list.signature));
		}
		body = buf_slice(&old_list.body);
		list.signature = PROTO_BYTES(buf_slice(&old_sig.body));
	}
	list.body = PROTO_BYTES(body);
	out.server_list = &list;
	return &out;
}

void rogue_opened(const struct channel *ch, Clv__RelayOpen *m)
{
	if (rogue_is("thumbprint"))
		m->peer_thumbprint = (ProtobufCBinaryData){0};
	if (!is_ghost(ch) || !rogue_is("replay") || shown)
		return;
	if (proto_dup(&m->base, (ProtobufCMessage **)&shown, NULL))
		clv_fatal("a proof to be shown again");
}

/* Before anybody misses a heartbeat the link ends, and comes again by the same proof. */
static void replay(struct core *c)
{
	Clv__RelayClose m = CLV__RELAY_CLOSE__INIT;

	m.channel = shown->channel;
	m.text = (char *)(uintptr_t) "";
	core_frame(c, false, c->gateway->up, FRAME_RELAY_CLOSE, &m.base);
	shown->channel++;
	core_frame(c, false, c->gateway->up, FRAME_RELAY_OPEN, &shown->base);
}

bool rogue_ghost(struct core *c, struct channel *ch)
{
	(void)c;
	if (!ch->opened || !is_ghost(ch))
		return false;
	ghost = ch->conn;
	return true;
}

/* The node is gone; its last heartbeat is said again and again. */
void rogue_tick(struct core *c)
{
	Clv__Relay m = CLV__RELAY__INIT;

	if (!ghost || !beat.full || !c->gateway || !c->gateway->up)
		return;
	if (shown) {
		replay(c);
		return;
	}
	m.channel = ghost;
	m.type = FRAME_HEARTBEAT;
	m.body = PROTO_BYTES(buf_slice(&beat.body));
	core_frame(c, false, c->gateway->up, FRAME_RELAY, &m.base);
}
#endif
