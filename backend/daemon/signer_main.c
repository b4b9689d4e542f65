/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer: the channel's private key and nothing else (design 2). The parent passes the key file's descriptor;
 * a network process asks, by a socketpair of its own, whether the newest file holds a key, and for the
 * signature of a handshake, one question of each in turn, so that whoever asks without end delays nobody
 * else. Everything else that is asked for ends that socketpair. Opens no file, sees no network.
 */
#include "base/log.h"
#include "base/sandbox.h"
#include "channel/channel.h"
#include "channel/sigkey.h"
#include "claviger/secret.h"
#include "proto/codec.h"
#include "proto/ipc.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ARENA     (1536u * 1024u)
#define FILE_MAX  (64u * 1024u)
#define PEERS     2u
#define TAKEN_MAX 4u /* of each: its handshakes under way outlive a renewal */

struct signer;

struct peer {
	struct signer *signer;
	const char *name;
	struct ipc *ipc;                 /* NULL: not running */
	struct sigkey *taken[TAKEN_MAX]; /* its certificates', newest first */
};

struct signer {
	struct ipc *parent;
	Clv__Start *start;
	struct clv_secret *file;
	struct sigkey *newest;  /* NULL: the newest file holds none */
	struct clv_err why_not; /* then */
	struct peer peers[PEERS];
};

/* --- the parent --- */
static clv_rc on_start(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct signer *s = ctx;

	(void)fds;
	if (s->start)
		return err_set(err, CLV_E_PROTO, "a second start");
	return proto_dup(m, (ProtobufCMessage **)&s->start, err);
}

static clv_rc read_file(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	const int *fd = ctx;
	ssize_t n;

	for (*len = 0;; *len += (size_t)n) {
		do
			n = read(*fd, bytes + *len, cap - *len);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return err_sys(err, CLV_E_CONFIG, "the key file cannot be read");
		if (n == 0)
			return *len < cap ? CLV_OK : err_set(err, CLV_E_CONFIG, "the key file is too large");
	}
}

static clv_rc load(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	struct sigkey **out = ctx;

	*out = sigkey_new(bytes, err);
	return *out ? CLV_OK : CLV_FAILED;
}

static clv_rc on_key(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	struct signer *s = ctx;
	struct sigkey *key = NULL;

	(void)m;
	(void)err;
	err_clear(&s->why_not);
	if (fds[0] < 0)
		(void)err_set(&s->why_not, CLV_E_CONFIG, "the key file cannot be opened");
	else if (secret_fill(s->file, read_file, &fds[0], &s->why_not) ||
	         secret_use(s->file, load, &key, &s->why_not))
		key = NULL;
	secret_clear(s->file);
	sigkey_free(s->newest);
	s->newest = key;
	return CLV_OK;
}

/* Another one takes its certificate first. */
static void part_with(struct peer *p)
{
	ipc_free(p->ipc);
	p->ipc = NULL;
	for (size_t i = 0; i < TAKEN_MAX; i++) {
		sigkey_free(p->taken[i]);
		p->taken[i] = NULL;
	}
}

static clv_rc on_peer(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Peer *m = (const Clv__Peer *)msg;
	struct signer *s = ctx;
	int fd = fds[0];

	for (size_t i = 0; i < PEERS; i++) {
		struct peer *p = &s->peers[i];

		if (strcmp(m->name, p->name) != 0)
			continue;
		fds[0] = -1;
		part_with(p);
		return ipc_new(fd, p->name, &p->ipc, err);
	}
	return err_set(err, CLV_E_PROTO, "an unknown sibling");
}

static const struct ipc_row parent_rows[] = {
    {IPC_START, on_start}, {IPC_SIGNER_KEY, on_key}, {IPC_PEER, on_peer}, {0, NULL}};

/* --- network processes --- */
static clv_rc answer(struct peer *p, uint64_t id, struct clv_slice signature, const struct clv_err *why,
                     struct clv_err *err)
{
	Clv__SignerAnswer m = CLV__SIGNER_ANSWER__INIT;

	m.id = id;
	m.signature = PROTO_BYTES(signature);
	if (why && why->code) {
		m.code = (uint32_t)why->code;
		m.text = (char *)(uintptr_t)why->text;
	}
	return ipc_send(p->ipc, IPC_SIGNER_ANSWER, &m.base, NULL, 0, err);
}

static bool is_key(const struct sigkey *k, struct clv_slice id)
{
	return k && slice_eq(slice_of(sigkey_id(k), SIGBLOCK_KEY_LEN), id);
}

/* From now on this process may show a certificate of the newest key. */
static void take(struct peer *p, struct sigkey *k)
{
	if (is_key(p->taken[0], slice_of(sigkey_id(k), SIGBLOCK_KEY_LEN)))
		return;
	sigkey_free(p->taken[TAKEN_MAX - 1]);
	memmove(p->taken + 1, p->taken, (TAKEN_MAX - 1) * sizeof *p->taken);
	p->taken[0] = sigkey_ref(k);
}

static clv_rc on_has(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__SignerHas *m = (const Clv__SignerHas *)msg;
	struct peer *p = ctx;
	struct signer *s = p->signer;
	struct clv_err why = {0};

	(void)fds;
	if (m->key.len != SIGBLOCK_KEY_LEN)
		return err_set(err, CLV_E_PROTO, "a key is named by %u bytes", SIGBLOCK_KEY_LEN);
	if (is_key(s->newest, PROTO_SLICE(m->key)))
		take(p, s->newest);
	else if (s->newest)
		(void)err_set(&why, CLV_E_CONFIG, CHAN_KEY_MISMATCH);
	else
		why = s->why_not;
	return answer(p, m->id, slice_of(NULL, 0), &why, err);
}

static clv_rc on_sign(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__SignerSign *m = (const Clv__SignerSign *)msg;
	struct peer *p = ctx;
	const struct sigkey *key = NULL;
	struct sig_request r;
	struct clv_err why = {0};
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	(void)fds;
	if (sig_request_read(m, &r, err))
		return CLV_FAILED;
	for (size_t i = 0; i < TAKEN_MAX && !key; i++)
		if (is_key(p->taken[i], slice_of(r.key, SIGBLOCK_KEY_LEN)))
			key = p->taken[i];
	buf_init(&b, SIGBLOCK_SIGNATURE_MAX);
	if (!key)
		(void)err_set(&why, CLV_E_CONFIG, "the signer has no private key of this certificate");
	else if (sigkey_sign(key, &r, &b, &why) && why.code == CLV_E_PROTO) {
		*err = why;
		goto out;
	}
	rc = answer(p, m->id, buf_slice(&b), &why, err);
out:
	buf_release(&b);
	return rc;
}

static const struct ipc_row peer_rows[] = {{IPC_SIGNER_HAS, on_has}, {IPC_SIGNER_SIGN, on_sign}, {0, NULL}};

/* One question. */
static void serve(struct peer *p)
{
	struct clv_err err = {0};

	if (!ipc_wait_one(p->ipc, peer_rows, p, 0, &err))
		return;
	if (err.cls != CLV_CLASS_CLOSED)
		log_err(LOG_ERROR, &err,
		        "a network process asks for what is not signed here; it gets no more");
	part_with(p);
}

/* What OpenSSL looks up at its first signature is looked up before the walls. */
static clv_rc warm(struct clv_err *err)
{
	uint8_t b[8];
	EVP_PKEY *key;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1 ||
	    RAND_bytes(b, sizeof b) != 1 || RAND_priv_bytes(b, sizeof b) != 1)
		return err_set(err, CLV_E_CRYPTO, "OpenSSL does not start");
	key = EVP_EC_gen("P-256");
	EVP_PKEY_free(key);
	return key ? CLV_OK : err_set(err, CLV_E_CRYPTO, "OpenSSL makes no key");
}

static clv_rc prepare(struct signer *s, struct clv_err *err)
{
	if (secret_process_init(err) || sandbox_prepare(err) || secret_openssl_arena(ARENA, err) ||
	    warm(err) || ipc_new(3, "parent", &s->parent, err))
		return CLV_FAILED;
	s->file = secret_new(FILE_MAX, err);
	if (!s->file)
		return CLV_FAILED;
#ifdef CLV_TEST_BUILD
	sandbox_plant("signer", NULL);
#endif
	while (!s->start)
		if (ipc_wait_one(s->parent, parent_rows, s, -1, err))
			return CLV_FAILED;
	log_init("signer", s->start->role, 2, (enum log_level)s->start->log_level);
	if (sandbox_enter("signer", NULL, s->start->bare, err))
		return CLV_FAILED;
	if (err->code)
		log_err(LOG_WARN, err, "runs bare, as configured");
	err_clear(err);
	return ipc_dispatch(s->parent, parent_rows, s, err);
}

static clv_rc turn(struct signer *s, struct clv_err *err)
{
	struct pollfd fds[1 + PEERS] = {{.fd = ipc_fd(s->parent), .events = POLLIN}};
	bool ready = false;

	for (size_t i = 0; i < PEERS; i++) {
		struct ipc *ipc = s->peers[i].ipc;

		fds[1 + i] = (struct pollfd){.fd = ipc ? ipc_fd(ipc) : -1, .events = POLLIN};
		if (ipc && ipc_unsent(ipc))
			fds[1 + i].events |= POLLOUT;
		ready |= ipc && ipc_ready(ipc);
	}
	if (poll(fds, 1 + PEERS, ready ? 0 : -1) < 0 && errno != EINTR)
		return err_sys(err, CLV_E_IO, "waiting");
	/* The parent first, whatever poll saw: a network process that has a certificate got it after the
	 * parent had sent the key. */
	for (size_t i = 0; i < PEERS; i++) {
		if (ipc_wait(s->parent, parent_rows, s, 0, err))
			return CLV_FAILED;
		if (s->peers[i].ipc && (ipc_ready(s->peers[i].ipc) ||
		                        (fds[1 + i].revents && ipc_fd(s->peers[i].ipc) == fds[1 + i].fd)))
			serve(&s->peers[i]);
	}
	return CLV_OK;
}

int main(void)
{
	static struct signer s;
	static const char *const names[PEERS] = {"net_node", "net_console"};
	struct clv_err err = {0};
	clv_rc rc;

	log_init("signer", "", 2, LOG_INFO);
	for (size_t i = 0; i < PEERS; i++)
		s.peers[i] = (struct peer){.signer = &s, .name = names[i]};
	rc = prepare(&s, &err);
	while (!rc)
		rc = turn(&s, &err);
	if (err.cls != CLV_CLASS_CLOSED)
		log_err(LOG_ERROR, &err, "the signer ends");
	secret_free(s.file);
	_exit(err.cls == CLV_CLASS_CLOSED ? 0 : 1);
}
