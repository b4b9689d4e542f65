/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's side of the key holder's verbs: each call has a number and one callback. Runs in core's
 * loop; never waits.
 */
#include "base/log.h"
#include "daemon/core.h"

struct kh_call {
	struct kh_call *next;
	uint64_t id;
	kh_done *done;
	void *ctx;
	struct clv_err *refused; /* why it was not sent; NULL: it was */
};

/* Every verb's first field is its id. */
struct kh_head {
	ProtobufCMessage base;
	uint64_t id;
};

static void end(struct core *c, struct kh_call *call, enum ipc_type type, const ProtobufCMessage *m,
                const struct clv_err *err)
{
	call->done(c, call->ctx, type, m, err);
	clv_free(call->refused);
	clv_free(call);
}

static void finish(struct core *c, uint64_t id, enum ipc_type type, const ProtobufCMessage *m,
                   const struct clv_err *err)
{
	struct kh_call **at = &c->kh_calls, *call;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	call = *at;
	if (!call)
		return;
	*at = call->next;
	end(c, call, type, m, err);
}

/* They are no longer among the calls: who is told may ask again. */
static void fail_all(struct core *c, struct kh_call *calls, const struct clv_err *why)
{
	while (calls) {
		struct kh_call *call = calls;

		calls = call->next;
		end(c, call, IPC_KH_FAILED, NULL, call->refused ? call->refused : why);
	}
}

void kh_lost(struct core *c)
{
	struct kh_call *calls = c->kh_calls;
	struct clv_err err = {0};

	(void)err_set(&err, CLV_E_CLOSED, "the key holder is being restarted");
	c->kh_calls = NULL;
	fail_all(c, calls, &err);
}

void kh_tick(struct core *c)
{
	struct kh_call **at = &c->kh_calls, *refused = NULL;

	while (*at) {
		struct kh_call *call = *at;

		if (!call->refused) {
			at = &call->next;
			continue;
		}
		*at = call->next;
		call->next = refused;
		refused = call;
	}
	fail_all(c, refused, NULL);
}

static struct kh_call *add(struct core *c, kh_done *done, void *ctx)
{
	struct kh_call *call = clv_calloc(1, sizeof *call);

	call->id = c->next_id++;
	call->done = done;
	call->ctx = ctx;
	call->next = c->kh_calls;
	c->kh_calls = call;
	return call;
}

void kh_ask(struct core *c, enum ipc_type type, ProtobufCMessage *m, kh_done *done, void *ctx)
{
	struct kh_call *call = add(c, done, ctx);
	struct clv_err err = {0};
	clv_rc rc = CLV_FAILED;

	((struct kh_head *)m)->id = call->id;
	if (!c->links[LINK_KEYHOLDER].ipc)
		(void)err_set(&err, CLV_E_CLOSED, "the key holder is being restarted");
	else
		rc = core_try_send(c, LINK_KEYHOLDER, type, m, &err);
	if (rc)
		call->refused = clv_memdup(&err, sizeof err);
}

void kh_sign(struct core *c, enum statement_kind kind, const ProtobufCMessage *statement, kh_done *done,
             void *ctx)
{
	Clv__KhSign m = CLV__KH_SIGN__INIT;
	struct clv_buf body;
	struct clv_err err = {0};

	buf_init(&body, statement_row(kind)->max);
	if (proto_encode(statement, &body, &err)) {
		add(c, done, ctx)->refused = clv_memdup(&err, sizeof err);
	} else {
		m.kind = kind;
		m.body = PROTO_BYTES(buf_slice(&body));
		kh_ask(c, IPC_KH_SIGN, &m.base, done, ctx);
	}
	buf_release(&body);
}

void kh_sign_link(struct core *c, const Clv__ConnOpen *over, bool initiator, kh_done *done, void *ctx)
{
	Clv__LinkProof p = CLV__LINK_PROOF__INIT;

	p.role = c->start->role;
	p.from = c->start->name;
	p.to = over->peer_name;
	p.t = over->t;
	p.fingerprint = over->fingerprint;
	p.machine = PROTO_BYTES(buf_slice(&c->machine));
	p.initiator = initiator;
	if (initiator && c->gateway)
		p.address = c->start->reached;
	kh_sign(c, STATEMENT_LINK_PROOF, &p.base, done, ctx);
}

static clv_rc on_failed(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	const Clv__KhFailed *f = (const Clv__KhFailed *)m;
	struct clv_err why = {0};

	(void)fds;
	(void)err;
	(void)err_set(&why, f->code < CLV_E_MAX ? (enum clv_code)f->code : CLV_E_INTERNAL, "%s", f->text);
	finish(ctx, f->id, IPC_KH_FAILED, NULL, &why);
	return CLV_OK;
}

#define ANSWER(type)                                                                                 \
	static clv_rc on_##type(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err) \
	{                                                                                            \
		(void)fds;                                                                           \
		(void)err;                                                                           \
		finish(ctx, ((const struct kh_head *)m)->id, type, m, NULL);                         \
		return CLV_OK;                                                                       \
	}
ANSWER(IPC_KH_INFO)
ANSWER(IPC_KH_SIGNED)
ANSWER(IPC_KH_MADE_KEY)
ANSWER(IPC_KH_SEALED)
ANSWER(IPC_KH_OPENED)
ANSWER(IPC_KH_DONE)
ANSWER(IPC_KH_ROW_MADE)
ANSWER(IPC_KH_ROWS_CHECKED)
ANSWER(IPC_KH_INTAKE)
ANSWER(IPC_KH_ENTERED)
ANSWER(IPC_KH_TRIED)
ANSWER(IPC_KH_PINNED)
ANSWER(IPC_KH_JOIN_SEALED)

const struct ipc_row core_keyholder_rows[] = {
    {IPC_KH_FAILED, on_failed},
    {IPC_KH_INFO, on_IPC_KH_INFO},
    {IPC_KH_SIGNED, on_IPC_KH_SIGNED},
    {IPC_KH_MADE_KEY, on_IPC_KH_MADE_KEY},
    {IPC_KH_SEALED, on_IPC_KH_SEALED},
    {IPC_KH_OPENED, on_IPC_KH_OPENED},
    {IPC_KH_DONE, on_IPC_KH_DONE},
    {IPC_KH_ROW_MADE, on_IPC_KH_ROW_MADE},
    {IPC_KH_ROWS_CHECKED, on_IPC_KH_ROWS_CHECKED},
    {IPC_KH_INTAKE, on_IPC_KH_INTAKE},
    {IPC_KH_ENTERED, on_IPC_KH_ENTERED},
    {IPC_KH_TRIED, on_IPC_KH_TRIED},
    {IPC_KH_PINNED, on_IPC_KH_PINNED},
    {IPC_KH_JOIN_SEALED, on_IPC_KH_JOIN_SEALED},
    {IPC_KH_KEY_ACT, core_on_key_act},
    {0, NULL},
};
