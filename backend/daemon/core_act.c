/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a change is carried out (see core_act.h). Runs in core.
 */
#include "daemon/core_act.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_rules.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROW_BODY_MAX (512u * 1024u)

void act_free(struct act *a)
{
	for (size_t i = 0; i < a->n_rows; i++) {
		clv_free(a->rows[i].kind);
		clv_free(a->rows[i].key);
		buf_release(&a->rows[i].body);
	}
	clv_free(a->rows);
	clv_free(a->who);
	clv_free(a->from);
	clv_free(a->name);
	clv_free(a->object);
	clv_free(a->detail);
	clv_free(a->path);
	buf_release(&a->blob);
	clv_free(a);
}

static struct act *make(const char *who, const char *from, const char *name, const char *object)
{
	struct act *a = clv_calloc(1, sizeof *a);

	a->who = clv_strdup(who);
	a->from = clv_strdup(from);
	a->name = clv_strdup(name);
	a->object = clv_strdup(object);
	a->detail = clv_strdup("");
	a->result = "done";
	a->now = clock_wall_ms();
	buf_init(&a->blob, IPC_BODY_MAX);
	return a;
}

struct act *act_new(const struct console_request *q, const char *name, const char *object)
{
	struct act *a = make(q->console->principals[0], q->console->from, name, object);

	a->conn = q->conn;
	a->req = q->req;
	return a;
}

struct act *act_new_own(const char *name, const char *object)
{
	return make("service", "local", name, object);
}

void act_detail(struct act *a, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	clv_free(a->detail);
	a->detail = clv_strdup(text);
}

void act_done_text(struct act *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->done, sizeof a->done, fmt, ap);
	va_end(ap);
}

void act_row(struct act *a, const char *kind, const char *key, uint64_t old, const ProtobufCMessage *msg)
{
	struct act_row *r;

	a->rows = clv_realloc(a->rows, a->n_rows + 1, sizeof *a->rows);
	r = &a->rows[a->n_rows++];
	memset(r, 0, sizeof *r);
	r->kind = clv_strdup(kind);
	r->key = clv_strdup(key);
	r->old = old;
	buf_init(&r->body, ROW_BODY_MAX);
	if (msg && proto_encode(msg, &r->body, NULL))
		clv_fatal("a row that is larger than its parts may be");
}

static clv_rc run_act(struct db *d, void *ctx, struct clv_err *err)
{
	struct act *a = ctx;
	struct store_audit row = {a->now, a->who, a->from, a->name, a->object, a->result, a->detail};

	if (store_audit_add(d, &row, &a->audit_row, err))
		return CLV_FAILED;
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct act_row *r = &a->rows[i];
		struct store_row s = {r->kind, r->key, r->seq, buf_slice(&r->body),
		                      slice_of(r->mac, sizeof r->mac)};

		if (store_row_put(d, &s, r->old, err))
			return CLV_FAILED;
	}
	return a->change ? a->change(d, a, err) : CLV_OK;
}

void act_refuse(struct core *c, const struct act *a, const struct clv_err *err)
{
	struct clv_err e = {0};

	if (err->cls == CLV_CLASS_IO && (err->code == CLV_E_FULL || err->code == CLV_E_IO))
		(void)err_set(&e, err->code,
		              "Refused: %s cannot write the audit trail, so nobody can change anything (%s). "
		              "Make room under %s. "
		              "Looking works.",
		              c->start->name, err->code == CLV_E_FULL ? "disk full" : err->text,
		              c->start->state);
	else
		e = *err;
	if (a->conn)
		console_refuse(c, a->conn, a->req, &e, 0);
	else
		log_err(LOG_ERROR, &e, a->name);
}

static void ignore_kept(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                        const struct clv_err *err)
{
	(void)c;
	(void)ctx;
	(void)type;
	/* It hears of the row again at the next start. */
	if (!m)
		log_err(LOG_WARN, err, "telling the key holder of a row");
}

static void tell_kept(struct core *c, const struct act *a)
{
	for (size_t i = 0; i < a->n_rows; i++) {
		Clv__KhRowKept m = CLV__KH_ROW_KEPT__INIT;

		m.kind = a->rows[i].kind;
		m.key = a->rows[i].key;
		m.seq = a->rows[i].seq;
		m.removed = buf_slice(&a->rows[i].body).len == 0;
		kh_ask(c, IPC_KH_ROW_KEPT, &m.base, ignore_kept, NULL);
	}
}

void act_answer(struct core *c, struct act *a)
{
	Clv__Done d = CLV__DONE__INIT;

	server_changed(c);
	if (a->conn) {
		d.req = a->req;
		d.text = a->done;
		d.row_version = a->row_version;
		d.audit_row = a->audit_row;
		console_reply(c, a->conn, REP_DONE, &d.base);
	}
	act_free(a);
}

static void done_act(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;

	if (rc) {
		act_refuse(c, a, err);
		if (a->failed)
			a->failed(c, a, err);
		act_free(a);
		return;
	}
	audit_written(c, 1);
	tell_kept(c, a);
	for (size_t i = 0; i < a->n_rows; i++)
		rules_took(c, &a->rows[i]);
	if (a->effect)
		a->effect(c, a);
	act_answer(c, a);
}

void act_put_then(struct core *c, struct act *a, db_job_done *next)
{
	core_db_put(c, run_act, next, a);
}

static void next_row(struct core *c, struct act *a);

static void on_row_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                        const struct clv_err *err)
{
	const Clv__KhRowMade *k = (const Clv__KhRowMade *)m;
	struct act *a = ctx;
	struct act_row *r = &a->rows[a->at];
	struct clv_err none = {0};

	(void)type;
	if (!m || !k->row || !slice_fill(PROTO_SLICE(k->row->mac), r->mac, sizeof r->mac)) {
		(void)err_set(&none, CLV_E_INTERNAL, "the key holder made no row");
		act_refuse(c, a, m ? &none : err);
		if (a->failed)
			a->failed(c, a, m ? &none : err);
		act_free(a);
		return;
	}
	r->seq = k->row->seq;
	a->at++;
	next_row(c, a);
}

static void next_row(struct core *c, struct act *a)
{
	Clv__KhRow m = CLV__KH_ROW__INIT;
	Clv__Row row = CLV__ROW__INIT;

	if (a->at == a->n_rows) {
		core_db_put(c, run_act, done_act, a);
		return;
	}
	row.kind = a->rows[a->at].kind;
	row.key = a->rows[a->at].key;
	row.seq = a->rows[a->at].old;
	row.body = PROTO_BYTES(buf_slice(&a->rows[a->at].body));
	m.row = &row;
	kh_ask(c, IPC_KH_ROW, &m.base, on_row_made, a);
}

void act_put(struct core *c, struct act *a)
{
	next_row(c, a);
}

/* --- denied --- */
static void done_denied(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct act *a = ctx;
	struct clv_err e = {0};

	(void)err;
	(void)err_set(&e, CLV_E_DENIED, "Not allowed: %s.", a->done);
	if (!rc)
		audit_written(c, 1);
	console_refuse(c, a->conn, a->req, &e, rc ? 0 : a->audit_row);
	server_changed(c);
	act_free(a);
}

void act_deny(struct core *c, struct act *a, const char *why)
{
	a->result = "not allowed";
	act_done_text(a, "%s", why);
	act_detail(a, "%s", why);
	core_db_put(c, run_act, done_denied, a);
}

void console_deny(struct core *c, const struct console_request *q, const char *name, const char *object,
                  enum clv_role need, enum clv_role has)
{
	char why[128];

	(void)snprintf(why, sizeof why, "%s needs %s, you are %s", name, clv_role_word(need),
	               has == CLV_ROLE_NONE ? "without a role" : clv_role_word(has));
	act_deny(c, act_new(q, name, object), why);
}
