/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the signer, from a network process: one question at a time, its answer awaited for two seconds at
 * most. While an answer is overdue nothing more is asked, so that a signer that hangs holds this process once
 * and not at each handshake.
 */
#include "base/clock.h"
#include "channel/sigblock.h"
#include "daemon/net.h"
#include "proto/codec.h"

#define ANSWER_MS 2000 /* less than three of the shortest heartbeats (1 s): links that stand go on */

struct net_signer {
	struct chan_asker asker;
	struct ipc *ipc;
	uint64_t asked, answered;  /* ids; equal: nothing is open */
	Clv__SignerAnswer *answer; /* of the newest */
};

static clv_rc on_answer(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__SignerAnswer *m = (const Clv__SignerAnswer *)msg;
	struct net_signer *s = ctx;

	(void)fds;
	if (m->id <= s->answered || m->id > s->asked)
		return err_set(err, CLV_E_PROTO, "an answer that nobody waits for");
	s->answered = m->id;
	proto_free((ProtobufCMessage *)s->answer);
	s->answer = NULL;
	return proto_dup(msg, (ProtobufCMessage **)&s->answer, err);
}

static const struct ipc_row rows[] = {{IPC_SIGNER_ANSWER, on_answer}, {0, NULL}};

static void drop(struct net_signer *s)
{
	ipc_free(s->ipc);
	s->ipc = NULL;
	s->asked = s->answered = 0;
}

static clv_rc gone(struct net_signer *s, struct clv_err *err)
{
	drop(s);
	err_clear(err);
	return err_set(err, CLV_E_CONFIG,
	               "the signer, which has the certificate's private key, is being started again");
}

/* Reads until the newest question is answered or the time is up. */
static clv_rc await(struct net_signer *s, int64_t until_ms, struct clv_err *err)
{
	do {
		int64_t left = until_ms - clock_mono_ms();

		if (ipc_wait(s->ipc, rows, s, left > 0 ? (int)left : 0, err))
			return gone(s, err);
		if (s->answered == s->asked)
			return CLV_OK;
	} while (clock_mono_ms() < until_ms);
	return err_set(err, CLV_E_CONFIG,
	               "the signer, which has the certificate's private key, does not answer");
}

/* The number of the next question, when no answer is overdue. */
static clv_rc begin(struct net_signer *s, uint64_t *id, struct clv_err *err)
{
	if (!s->ipc)
		return gone(s, err);
	if (s->answered != s->asked && await(s, 0, err))
		return CLV_FAILED;
	*id = ++s->asked;
	return CLV_OK;
}

static clv_rc ask(struct net_signer *s, enum ipc_type type, const ProtobufCMessage *m, struct clv_err *err)
{
	if (ipc_send(s->ipc, type, m, NULL, 0, err))
		return gone(s, err);
	if (await(s, clock_mono_ms() + ANSWER_MS, err))
		return CLV_FAILED;
	if (s->answer->code)
		return err_set(err, CLV_E_CONFIG, "%s", s->answer->text);
	return CLV_OK;
}

static clv_rc has(void *ctx, const uint8_t *key, struct clv_err *err)
{
	Clv__SignerHas m = CLV__SIGNER_HAS__INIT;
	struct net_signer *s = ctx;

	m.key = PROTO_BYTES(slice_of(key, SIGBLOCK_KEY_LEN));
	return begin(s, &m.id, err) ? CLV_FAILED : ask(s, IPC_SIGNER_HAS, &m.base, err);
}

static clv_rc sign(void *ctx, const uint8_t *key, uint16_t scheme, struct clv_slice block,
                   struct clv_buf *out, struct clv_err *err)
{
	Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
	struct net_signer *s = ctx;

	m.key = PROTO_BYTES(slice_of(key, SIGBLOCK_KEY_LEN));
	m.scheme = scheme;
	m.block = PROTO_BYTES(block);
	if (begin(s, &m.id, err) || ask(s, IPC_SIGNER_SIGN, &m.base, err))
		return CLV_FAILED;
	return buf_put(out, PROTO_SLICE(s->answer->signature), err);
}

static struct net_signer *parts(struct net *n)
{
	if (!n->signer) {
		n->signer = clv_calloc(1, sizeof *n->signer);
		n->signer->asker = (struct chan_asker){.has = has, .sign = sign, .ctx = n->signer};
	}
	return n->signer;
}

clv_rc net_signer_peer(struct net *n, int fd, struct clv_err *err)
{
	struct net_signer *s = parts(n);

	drop(s);
	return ipc_new(fd, "signer", &s->ipc, err);
}

bool net_signer_ready(struct net *n)
{
	struct net_signer *s = parts(n);
	struct clv_err err = {0};

	return s->ipc && !await(s, 0, &err);
}

struct chan_asker *net_signer_asker(struct net *n)
{
	return &parts(n)->asker;
}
