/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node that lies, for scenarios: a valid channel certificate and a node key of its own, and every
 * message it likes. Never part of the product.
 *
 *   rogue FOLDER PORT SERVER OWN-NAME enroll               asks to be accepted; prints the fingerprint
 *   rogue FOLDER PORT SERVER OWN-NAME publish AGENT N      publishes generation N for AGENT
 *   rogue FOLDER PORT SERVER OWN-NAME replay N             publishes N, the same bytes again, then N - 1,
 * then another key as N rogue FOLDER PORT SERVER OWN-NAME unpossessed N        a publication whose proof of
 * possession is by another key rogue FOLDER PORT SERVER OWN-NAME clone                proves itself from
 * another machine rogue FOLDER PORT SERVER OWN-NAME proof AGENT          a link proof in another name rogue
 * FOLDER PORT SERVER OWN-NAME early TYPE           a frame of that type before any proof
 *   rogue FOLDER PORT SERVER OWN-NAME parcel LIE FIRST N TEXT   a parcel of N alerts from number FIRST on;
 * LIE: honest, unsigned, stranger (another key), altered (the record is about another parcel), foreign
 * (another agent's), link (another fingerprint than the channel's). Prints the acknowledgement. rogue FOLDER
 * PORT SERVER OWN-NAME beat MADE ACKED sends heartbeats that say so for 13 s. FOLDER has ca.pem, channel.pem,
 * channel.key and gets node.key, agent.key. Prints what came back.
 */
#include "base/clock.h"
#include "base/file.h"
#include "channel/channel.h"
#include "keys/agentcert.h"
#include "node.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "statement.pb-c.h"
#include "trace/trace.h"
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP   "OMMG1"
#define WAIT_MS 20000

struct rogue {
	const char *dir, *server, *name;
	int fd;
	struct chan *chan;
	EVP_PKEY *node, *agent;
	struct clv_buf spki, group_key;
	uint8_t machine[32];
	bool closed;
};

static void die(const char *what, const struct clv_err *err)
{
	printf("rogue: %s: %s\n", what, err ? err->text : "");
	exit(1);
}

static EVP_PKEY *load_or_make(const char *dir, const char *file, bool rsa)
{
	char *path = clv_asprintf("%s/%s", dir, file);
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		(void)fclose(f);
	if (!key) {
		key = rsa ? EVP_RSA_gen(3072) : EVP_EC_gen("P-256");
		f = fopen(path, "w");
		if (!f || !key || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1)
			die(path, NULL);
		(void)fclose(f);
	}
	clv_free(path);
	return key;
}

static void read_pem(const char *dir, const char *file, struct clv_buf *b)
{
	char *path = clv_asprintf("%s/%s", dir, file);
	struct clv_err err = {0};

	buf_init(b, 1u << 20);
	if (file_read(path, b, &err))
		die("reading", &err);
	clv_free(path);
}

static void pump(struct rogue *r)
{
	struct clv_buf *out = chan_output(r->chan);
	struct clv_slice s = buf_slice(out);
	uint8_t chunk[16384];
	struct clv_err err = {0};
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	ssize_t n;

	while (s.len) {
		n = send(r->fd, s.ptr, s.len, MSG_NOSIGNAL);
		if (n <= 0) {
			r->closed = true;
			return;
		}
		buf_consume(out, (size_t)n);
		s = buf_slice(out);
	}
	if (poll(&p, 1, 50) <= 0)
		return;
	n = recv(r->fd, chunk, sizeof chunk, 0);
	if (n <= 0)
		r->closed = true;
	else if (chan_feed(r->chan, slice_of(chunk, (size_t)n), &err))
		r->closed = true;
}

static void open_channel(struct rogue *r, uint16_t port)
{
	struct chan_creds_pem pem = {.peer_kind_accept = VERIFY_NODE};
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct chan_opts o = {
	    .initiator = true, .peer_name = r->server, .peer_kind = VERIFY_NODE, .role = "agent"};
	struct clv_buf ca, cert, key;
	struct clv_err err = {0};

	read_pem(r->dir, "ca.pem", &ca);
	read_pem(r->dir, "channel.pem", &cert);
	read_pem(r->dir, "channel.key", &key);
	pem.ca = buf_slice(&ca);
	pem.cert = buf_slice(&cert);
	pem.key = buf_slice(&key);
	o.creds = chan_creds_new(&pem, &err);
	r->chan = o.creds ? chan_new(&o, &err) : NULL;
	if (!r->chan)
		die("channel", &err);
	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(r->fd, (struct sockaddr *)&sa, sizeof sa))
		die("connect", NULL);
	while (!r->closed && chan_state(r->chan) != CHAN_OPEN)
		pump(r);
	buf_release(&ca);
	buf_release(&cert);
	buf_release(&key);
}

/* Waits for a frame of a type; prints refusals; NULL when the link ended. */
static ProtobufCMessage *wait_frame(struct rogue *r, uint16_t want, const ProtobufCMessageDescriptor *d)
{
	int64_t limit = clock_mono_ms() + WAIT_MS;

	while (clock_mono_ms() < limit) {
		struct clv_slice body = {0};
		ProtobufCMessage *m = NULL;
		struct clv_err err = {0};
		uint16_t type = 0;
		bool have = false;

		if (chan_next(r->chan, &have, &type, &body, &err))
			return NULL;
		if (have && type == FRAME_REFUSAL &&
		    !proto_decode(&clv__refusal__descriptor, body, &m, &err)) {
			printf("refused %u: %s\n", ((Clv__Refusal *)m)->code, ((Clv__Refusal *)m)->text);
			proto_free(m);
			return NULL;
		}
		if (have && type == want)
			return proto_decode(d, body, &m, &err) ? NULL : m;
		if (!have && r->closed)
			return NULL;
		if (!have)
			pump(r);
	}
	return NULL;
}

static void send_frame(struct rogue *r, uint16_t type, const ProtobufCMessage *m)
{
	struct clv_buf b;
	struct clv_err err = {0};

	buf_init(&b, 1u << 20);
	if (proto_encode(m, &b, &err) || chan_send(r->chan, type, buf_slice(&b), &err))
		die("sending", &err);
	buf_release(&b);
	pump(r);
}

static Clv__SignedStatement sign(enum statement_kind kind, const ProtobufCMessage *m, EVP_PKEY *key,
                                 struct clv_buf *body, struct clv_buf *sig)
{
	Clv__SignedStatement s = CLV__SIGNED_STATEMENT__INIT;
	struct clv_err err = {0};

	buf_init(body, 1u << 20);
	buf_init(sig, STATEMENT_SIG_MAX);
	if (statement_make(kind, GROUP, m, key, body, sig, &err))
		die("signing", &err);
	s.body = PROTO_BYTES(buf_slice(body));
	s.signature = PROTO_BYTES(buf_slice(sig));
	return s;
}

static void prove(struct rogue *r, const char *as, bool enroll)
{
	const struct chan_desc *d = chan_describe(r->chan);
	Clv__Greeting *g = (Clv__Greeting *)wait_frame(r, FRAME_GREETING, &clv__greeting__descriptor);
	Clv__LinkProof p = CLV__LINK_PROOF__INIT;
	Clv__EnrollRequest e = CLV__ENROLL_REQUEST__INIT;
	Clv__LinkProofFrame f = CLV__LINK_PROOF_FRAME__INIT;
	Clv__SignedStatement ps, es;
	struct clv_buf b1, s1, b2, s2;
	uint8_t hash[32];

	if (!g)
		die("no greeting", NULL);
	if (buf_put(&r->group_key, PROTO_SLICE(g->group_key), NULL) ||
	    sha256(buf_slice(&r->group_key), hash, NULL))
		die("group key", NULL);
	p.role = e.role = (char *)(uintptr_t) "agent";
	p.from = e.name = (char *)(uintptr_t)as;
	p.to = (char *)(uintptr_t)r->server;
	p.t = PROTO_BYTES(slice_of(d->t, sizeof d->t));
	p.fingerprint = PROTO_BYTES(slice_of(d->fingerprint, sizeof d->fingerprint));
	p.machine = e.machine = PROTO_BYTES(slice_of(r->machine, 32));
	p.initiator = true;
	ps = sign(STATEMENT_LINK_PROOF, &p.base, r->node, &b1, &s1);
	f.proof = &ps;
	f.node_key = PROTO_BYTES(buf_slice(&r->spki));
	f.version = (char *)(uintptr_t) "rogue";
	e.node_key = f.node_key;
	e.group_key_hash = PROTO_BYTES(slice_of(hash, 32));
	e.time = clock_wall_ms();
	es = sign(STATEMENT_ENROLL, &e.base, r->node, &b2, &s2);
	if (enroll)
		f.enroll = &es;
	send_frame(r, FRAME_LINK_PROOF, &f.base);
	proto_free((ProtobufCMessage *)g);
}

static void welcome(struct rogue *r)
{
	ProtobufCMessage *m = wait_frame(r, FRAME_WELCOME, &clv__welcome__descriptor);

	if (!m) {
		printf("no welcome\n");
		exit(1);
	}
	chan_set_proven(r->chan);
	proto_free(m);
}

struct made {
	struct clv_buf cert, body, sig, pbody, psig;
	Clv__SignedStatement st;
};

static void make(struct rogue *r, const char *agent, uint64_t generation, EVP_PKEY *key, EVP_PKEY *possessor,
                 struct made *m)
{
	Clv__Possession p = CLV__POSSESSION__INIT;
	Clv__Publication pub = CLV__PUBLICATION__INIT;
	uint8_t hash[32];
	struct clv_err err = {0};

	buf_init(&m->cert, 8192);
	if (agentcert_make(key, agent, 365, clock_wall_ms(), &m->cert, &err) ||
	    sha256(buf_slice(&m->cert), hash, &err))
		die("certificate", &err);
	p.agent = pub.agent = (char *)(uintptr_t)agent;
	p.generation = pub.generation = generation;
	p.time = pub.time = clock_wall_ms();
	p.key_hash = pub.key_hash = PROTO_BYTES(slice_of(hash, 32));
	(void)sign(STATEMENT_POSSESSION, &p.base, possessor, &m->pbody, &m->psig);
	pub.certificate = PROTO_BYTES(buf_slice(&m->cert));
	pub.possession = PROTO_BYTES(buf_slice(&m->psig));
	m->st = sign(STATEMENT_PUBLICATION, &pub.base, r->node, &m->body, &m->sig);
}

static void publish(struct rogue *r, struct made *m)
{
	Clv__Publish p = CLV__PUBLISH__INIT;
	Clv__SignedStatement *s;
	ProtobufCMessage *rm = NULL;
	struct clv_err err = {0};

	p.publication = &m->st;
	send_frame(r, FRAME_PUBLISH, &p.base);
	s = (Clv__SignedStatement *)wait_frame(r, FRAME_RECEIPT, &clv__signed_statement__descriptor);
	if (!s) {
		printf("no receipt\n");
		return;
	}
	if (statement_open(STATEMENT_RECEIPT, GROUP, buf_slice(&r->group_key), PROTO_SLICE(s->body),
	                   PROTO_SLICE(s->signature), &rm, &err))
		die("receipt", &err);
	printf("receipt %u %s\n", ((Clv__Receipt *)rm)->result, ((Clv__Receipt *)rm)->reason);
	proto_free(rm);
	proto_free((ProtobufCMessage *)s);
}

static void act_enroll(struct rogue *r)
{
	uint8_t fp[32];
	char text[FINGERPRINT_TEXT_MAX];

	prove(r, r->name, true);
	(void)wait_frame(r, FRAME_WELCOME, &clv__welcome__descriptor);
	if (!enroll_fingerprint(buf_slice(&r->spki), buf_slice(&r->group_key), fp, NULL)) {
		fingerprint_text(fp, false, text);
		printf("Fingerprint %s\n", text);
	}
}

static void act_replay(struct rogue *r, uint64_t generation)
{
	struct made m, old, other;
	EVP_PKEY *second = EVP_RSA_gen(3072);

	prove(r, r->name, false);
	welcome(r);
	make(r, r->name, generation, r->agent, r->agent, &m);
	make(r, r->name, generation - 1, r->agent, r->agent, &old);
	make(r, r->name, generation, second, second, &other);
	publish(r, &m);
	publish(r, &m);
	publish(r, &old);
	publish(r, &other);
	EVP_PKEY_free(second);
}

static void act_publish(struct rogue *r, const char *agent, uint64_t generation, bool unpossessed)
{
	struct made m;
	EVP_PKEY *second = unpossessed ? EVP_RSA_gen(3072) : NULL;

	prove(r, r->name, false);
	welcome(r);
	make(r, agent, generation, r->agent, second ? second : r->agent, &m);
	publish(r, &m);
	EVP_PKEY_free(second);
}

static void parcel_of(struct rogue *r, const char *agent, uint64_t first, uint64_t n, const char *text,
                      struct clv_buf *out)
{
	static uint8_t outbox[TRACE_OUTBOX_LEN] = {1, 2, 3};
	Clv__Parcel p = CLV__PARCEL__INIT;
	Clv__Alert rows[64], *list[64];

	(void)r;
	for (uint64_t i = 0; i < n && i < 64; i++) {
		clv__alert__init(&rows[i]);
		rows[i].sequence = first + i;
		rows[i].time = 1795000000000;
		rows[i].severity = CLV_SEVERITY_WARNING;
		rows[i].name = (char *)(uintptr_t)text;
		list[i] = &rows[i];
	}
	p.agent = (char *)(uintptr_t)agent;
	p.outbox = PROTO_BYTES(slice_of(outbox, sizeof outbox));
	p.first = first;
	p.last = first + n - 1;
	p.n_alerts = n;
	p.alerts = list;
	buf_init(out, TRACE_PARCEL_MAX);
	if (proto_encode(&p.base, out, NULL))
		die("parcel", NULL);
}

static void print_ack(struct rogue *r)
{
	Clv__SignedStatement *s =
	    (Clv__SignedStatement *)wait_frame(r, FRAME_ACK, &clv__signed_statement__descriptor);
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};

	if (!s) {
		printf("no acknowledgement\n");
		return;
	}
	if (statement_open(STATEMENT_ACK, GROUP, buf_slice(&r->group_key), PROTO_SLICE(s->body),
	                   PROTO_SLICE(s->signature), &m, &err))
		die("acknowledgement", &err);
	printf("acknowledged %llu%s\n", (unsigned long long)((Clv__OutboxAck *)m)->upto,
	       ((Clv__OutboxAck *)m)->conflict ? " conflict" : "");
	proto_free(m);
	proto_free((ProtobufCMessage *)s);
}

static void act_parcel(struct rogue *r, const char *lie, uint64_t first, uint64_t n, const char *text)
{
	const struct chan_desc *d = chan_describe(r->chan);
	Clv__HopLink out = CLV__HOP_LINK__INIT;
	struct trace_own own = {.node = r->name, .role = "agent", .outgoing = &out, .sent = clock_wall_ms()};
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT, *hops[1] = {&st};
	Clv__ParcelFrame f = CLV__PARCEL_FRAME__INIT;
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct clv_buf parcel, shown, body, sig;
	uint8_t finger[TRACE_FINGER_LEN];
	struct clv_err err = {0};

	prove(r, r->name, false);
	welcome(r);
	buf_init(&body, TRACE_RECORD_MAX);
	buf_init(&sig, STATEMENT_SIG_MAX);
	memcpy(finger, d->fingerprint, sizeof finger);
	finger[0] ^= strcmp(lie, "link") == 0;
	parcel_of(r, r->name, first, n, text, &parcel);
	parcel_of(r, strcmp(lie, "foreign") == 0 ? "web01.ops.test" : r->name, first, n,
	          strcmp(lie, "altered") == 0 ? "something else" : text, &shown);
	out.mechanism = CLV_MECHANISM_CERTIFICATE;
	out.protocol = (char *)(uintptr_t)d->protocol;
	out.cipher = (char *)(uintptr_t)d->cipher;
	out.peer = (char *)(uintptr_t)r->server;
	out.fingerprint = PROTO_BYTES(slice_of(finger, sizeof finger));
	if (trace_record_make(GROUP, &own, buf_slice(&parcel), NULL,
	                      strcmp(lie, "stranger") == 0 ? other : r->node, &body, &sig, &err))
		die("record", &err);
	st.body = PROTO_BYTES(buf_slice(&body));
	if (strcmp(lie, "unsigned") != 0)
		st.signature = PROTO_BYTES(buf_slice(&sig));
	f.parcel = PROTO_BYTES(buf_slice(&shown));
	f.hops = hops;
	f.n_hops = 1;
	send_frame(r, FRAME_PARCEL, &f.base);
	print_ack(r);
	EVP_PKEY_free(other);
}

/* What was made does not come: as behind somebody who swallows it. */
static void act_beat(struct rogue *r, uint64_t made, uint64_t acked)
{
	static uint8_t outbox[TRACE_OUTBOX_LEN] = {1, 2, 3};

	prove(r, r->name, false);
	welcome(r);
	for (int i = 0; i < 14;
	     i++) { /* longer than the server's patience, and often enough to be in touch */
		Clv__OutboxState s = CLV__OUTBOX_STATE__INIT;
		Clv__Heartbeat h = CLV__HEARTBEAT__INIT;
		Clv__SignedStatement st;
		struct clv_buf body, sig;

		s.agent = (char *)(uintptr_t)r->name;
		s.outbox = h.outbox = PROTO_BYTES(slice_of(outbox, sizeof outbox));
		s.made = h.made = made;
		s.acked = h.acked = acked;
		s.time = h.time = clock_wall_ms();
		st = sign(STATEMENT_OUTBOX_STATE, &s.base, r->node, &body, &sig);
		h.state = &st;
		send_frame(r, FRAME_HEARTBEAT, &h.base);
		proto_free(wait_frame(r, FRAME_HEARTBEAT_REPLY, &clv__heartbeat_reply__descriptor));
		buf_release(&body);
		buf_release(&sig);
		(void)poll(NULL, 0, 900);
	}
}

static void act_early(struct rogue *r, uint16_t type)
{
	struct clv_err err = {0};

	(void)wait_frame(r, FRAME_GREETING, &clv__greeting__descriptor);
	if (chan_send(r->chan, type, SLICE_LIT("\x08\x01"), &err))
		die("sending", &err);
	pump(r);
	(void)wait_frame(r, FRAME_WELCOME, &clv__welcome__descriptor);
	printf(r->closed ? "closed\n" : "still open\n");
}

int main(int argc, char **argv)
{
	struct rogue r = {.fd = -1};
	const char *act;

	if (argc < 6)
		return 2;
	r.dir = argv[1];
	r.server = argv[3];
	r.name = argv[4];
	act = argv[5];
	memset(r.machine, strcmp(act, "clone") == 0 ? 9 : 7, sizeof r.machine);
	r.node = load_or_make(r.dir, "node.key", false);
	r.agent = load_or_make(r.dir, "agent.key", true);
	buf_init(&r.spki, STATEMENT_SPKI_MAX);
	buf_init(&r.group_key, STATEMENT_SPKI_MAX);
	if (pkey_to_spki(r.node, &r.spki, NULL))
		die("key", NULL);
	open_channel(&r, (uint16_t)strtoul(argv[2], NULL, 10));
	if (strcmp(act, "enroll") == 0) {
		act_enroll(&r);
	} else if (strcmp(act, "publish") == 0 && argc == 8) {
		act_publish(&r, argv[6], strtoull(argv[7], NULL, 10), false);
	} else if (strcmp(act, "unpossessed") == 0 && argc == 7) {
		act_publish(&r, r.name, strtoull(argv[6], NULL, 10), true);
	} else if (strcmp(act, "replay") == 0 && argc == 7) {
		act_replay(&r, strtoull(argv[6], NULL, 10));
	} else if (strcmp(act, "clone") == 0) {
		prove(&r, r.name, false);
		welcome(&r);
	} else if (strcmp(act, "proof") == 0 && argc == 7) {
		prove(&r, argv[6], false);
		welcome(&r);
	} else if (strcmp(act, "parcel") == 0 && argc == 10) {
		act_parcel(&r, argv[6], strtoull(argv[7], NULL, 10), strtoull(argv[8], NULL, 10), argv[9]);
	} else if (strcmp(act, "beat") == 0 && argc == 8) {
		act_beat(&r, strtoull(argv[6], NULL, 10), strtoull(argv[7], NULL, 10));
	} else if (strcmp(act, "early") == 0 && argc == 7) {
		act_early(&r, (uint16_t)strtoul(argv[6], NULL, 0));
	} else {
		return 2;
	}
	chan_free(r.chan);
	(void)close(r.fd);
	return 0;
}
