/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes a recovery (see core_recovery.h): an account that nobody needs any more is set aside, with a
 * reason; and the end, which leaves a report that the group signed, in the same transaction as its audit
 * row. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_recovery.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX        200u
#define REPORT_HOSTS_MAX  20u /* named of those that miss an account; the rest is counted */
#define REPORT_STORED_MAX (600u * 1024u)

/* --- set aside, and back --- */
static clv_rc check_reason(const char *text, struct clv_err *err)
{
	size_t n = strlen(text);

	if (n == 0 || strspn(text, " ") == n)
		return err_set(err, CLV_E_USAGE, "setting an account aside needs a reason");
	if (n > REASON_MAX)
		return err_set(err, CLV_E_USAGE, "a reason of %zu bytes; at most %u are taken", n,
		               REASON_MAX);
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return err_set(err, CLV_E_USAGE, "the reason holds a control character");
	return CLV_OK;
}

static clv_rc check_aside(const struct core *c, const Clv__AccountRow *a, const Clv__AccountAsideRequest *m,
                          struct clv_err *err)
{
	struct account_counts none = {0};
	enum clv_recovery_phase phase = recovery_phase(c->srv, a, &none);

	if (m->back)
		return phase == CLV_RECOVERY_ASIDE
		           ? CLV_OK
		           : err_set(err, CLV_E_USAGE, "%s is not set aside", a->name);
	if (!a->reentry)
		return err_set(err, CLV_E_USAGE, "%s does not wait to be entered again: nothing to set aside",
		               a->name);
	if (phase == CLV_RECOVERY_ENTERED)
		return err_set(err, CLV_E_CONFLICT, "Not done: %s entered %s, a host tries it.",
		               a->entered_by, a->name);
	if (phase == CLV_RECOVERY_ASIDE)
		return err_set(err, CLV_E_CONFLICT, "Not done: %s set %s aside already: %s", a->aside_by,
		               a->name, a->aside);
	return check_reason(m->reason, err);
}

static void act_aside(struct core *c, const struct console_request *q, const Clv__AccountAsideRequest *m)
{
	const struct rule *r = account_find(c, q, m->name, m->row_version);
	struct clv_err err = {0};
	Clv__AccountRow a;
	struct act *act;

	if (!r)
		return;
	a = *RULE_ACCOUNT(r);
	if (check_aside(c, &a, m, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	act = act_new(q, m->back ? "account take back" : "account set aside", a.name);
	a.aside = m->back ? (char *)(uintptr_t) "" : m->reason;
	a.aside_by = m->back ? (char *)(uintptr_t) "" : act->who;
	a.aside_at = m->back ? 0 : act->now;
	a.changed = act->now;
	a.changed_by = act->who;
	act_detail(act, "%.200s", m->back ? "it is to be entered after all" : m->reason);
	act_done_text(act, m->back ? "%s is to be entered again." : "%s was set aside; D takes it back.",
	              a.name);
	act_row(act, "account", r->key, r->seq, &a.base);
	act_put(c, act);
}

/* --- the report --- */
struct finish {
	struct act *act;
	uint64_t epoch, seq;
	uint8_t hash[32];
	int64_t now;
	struct clv_buf text, state, stored;
};

static void free_finish(struct finish *f)
{
	buf_release(&f->text);
	buf_release(&f->state);
	buf_release(&f->stored);
	clv_free(f);
}

static clv_rc put_time(struct clv_buf *b, int64_t ms)
{
	char t[CLOCK_RFC3339_LEN];

	clock_rfc3339(ms, false, t);
	return buf_printf(b, NULL, "%s", t);
}

static clv_rc put_missing(const struct core *c, const struct rule *r, struct clv_buf *b)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	uint32_t named = 0, more = 0;
	clv_rc rc = CLV_OK;

	for (size_t i = 0; i < c->srv->n_nodes && !rc; i++) {
		const struct node *n = c->srv->nodes[i];
		const struct held *h = deliver_held(n, r);

		if (!rules_goes_to(c->srv, a, n->name) || (h && h->has == a->version))
			continue;
		if (named < REPORT_HOSTS_MAX)
			rc = buf_printf(b, NULL, "%s%s", named++ ? ", " : "; missing at ", n->name);
		else
			more++;
	}
	if (!rc && more)
		rc = buf_printf(b, NULL, " and %u more", more);
	return rc;
}

static clv_rc put_account(const struct core *c, const struct rule *r, struct clv_buf *b)
{
	const Clv__AccountRow *a = RULE_ACCOUNT(r);
	struct account_counts k;
	enum clv_recovery_phase phase;

	account_count(c, r, &k);
	phase = recovery_phase(c->srv, a, &k);
	if (phase == CLV_RECOVERY_NONE)
		return CLV_OK;
	if (buf_printf(b, NULL, "  %s: ", a->name))
		return CLV_FAILED;
	if (phase == CLV_RECOVERY_ASIDE)
		return buf_printf(b, NULL, "set aside ") || put_time(b, a->aside_at)
		           ? CLV_FAILED
		           : buf_printf(b, NULL, " by %s: %s\n", a->aside_by, a->aside);
	if (buf_printf(b, NULL, "v%" PRIu64 " entered ", a->version) || put_time(b, a->entered) ||
	    buf_printf(b, NULL, " by %s; ", a->entered_by))
		return CLV_FAILED;
	if (a->version != a->released)
		return buf_printf(b, NULL, "not given to every host yet\n");
	if (buf_printf(b, NULL, "%u of %u hosts confirmed it", k.opened, k.targets) ||
	    (k.opened < k.targets && put_missing(c, r, b)))
		return CLV_FAILED;
	return buf_printf(b, NULL, "\n");
}

static clv_rc put_head(const struct core *c, const struct finish *f, const Clv__Recovery *m,
                       struct clv_buf *b)
{
	char hex[65];

	hex_encode(slice_of(f->hash, sizeof f->hash), false, hex);
	if (buf_printf(b, NULL, "Recovery of group %s at %s, epoch %" PRIu64 "\nBegan     ", c->start->group,
	               c->start->name, m->epoch) ||
	    put_time(b, m->began) ||
	    buf_printf(b, NULL, " by %s; %s\nFinished  ", m->by,
	               m->kept_keys ? "keys from a backup: what lay under them was kept"
	                            : "new keys: every password had to be entered again") ||
	    put_time(b, f->now) || buf_printf(b, NULL, " by %s\n", f->act->who))
		return CLV_FAILED;
	return buf_printf(b, NULL,
	                  "Accounts  %u entered and confirmed by every host, %u entered and not yet, %u set "
	                  "aside\n"
	                  "Agents    %u of %u were in touch since it began\n"
	                  "Audit     the trail up to row %" PRIu64 ", SHA-256 %s\n",
	                  m->confirmed, m->entered, m->aside, m->agents_back, m->agents, f->seq, hex);
}

/* Where it would be larger than a statement may be, it says how many accounts it leaves out. */
static clv_rc write_report(const struct core *c, struct finish *f)
{
	const struct rule_list *l = &c->srv->rules->accounts;
	struct clv_buf line;
	Clv__Recovery m;
	size_t left = 0;
	clv_rc rc;

	recovery_pack(c, NULL, &m);
	rc = put_head(c, f, &m, &f->text);
	recovery_unpack(&m);
	buf_init(&line, 16384);
	for (size_t i = 0; i < l->n && !rc; i++) {
		buf_clear(&line);
		if (left || put_account(c, l->list[i], &line) ||
		    buf_slice(&f->text).len + buf_slice(&line).len + 128 > REPORT_TEXT_MAX)
			left++;
		else
			rc = buf_put(&f->text, buf_slice(&line), NULL);
	}
	if (!rc && left)
		rc = buf_printf(&f->text, NULL, "  and %zu accounts more: see the audit trail\n", left);
	buf_release(&line);
	return rc ? rc : buf_put_u8(&f->text, 0, NULL);
}

/* --- finish --- */
static clv_rc check_finish(struct core *c, struct clv_err *err)
{
	const struct recovery *r = c->srv->recovery;
	uint32_t left;

	if (!r->epoch)
		return err_set(err, CLV_E_USAGE, "there is no recovery to finish");
	if (r->finished)
		return err_set(err, CLV_E_USAGE, "the recovery was finished already, by %s", r->finished_by);
	left = recovery_to_enter(c->srv);
	if (left)
		return err_set(
		    err, CLV_E_CONFLICT,
		    "Not done: %u account%s to be entered again, or set aside with a reason, first.", left,
		    left == 1 ? " is" : "s are");
	return CLV_OK;
}

static void refuse_finish(struct core *c, struct finish *f, const struct clv_err *err)
{
	c->srv->recovery->finishing = false;
	act_refuse(c, f->act, err);
	act_free(f->act);
	free_finish(f);
}

static clv_rc change_finish(struct db *d, struct act *a, struct clv_err *err)
{
	const struct finish *f = a->ctx;
	char key[64];

	(void)snprintf(key, sizeof key, RECOVERY_REPORT, f->epoch);
	if (store_meta_put(d, RECOVERY_META, buf_slice(&f->state), err))
		return CLV_FAILED;
	return store_meta_put(d, key, buf_slice(&f->stored), err);
}

static void effect_finish(struct core *c, struct act *a)
{
	struct finish *f = a->ctx;

	recovery_was_finished(c->srv, f->now, a->who);
	deliver_all(c); /* hosts hold no more than what they are meant to from now on */
	c->srv->recovery->finishing = false;
	free_finish(f);
}

static void failed_finish(struct core *c, struct act *a, const struct clv_err *err)
{
	(void)err;
	c->srv->recovery->finishing = false;
	free_finish(a->ctx);
}

static clv_rc pack_finish(const struct core *c, struct finish *f, const Clv__KhSigned *k, struct clv_err *err)
{
	const struct recovery *r = c->srv->recovery;
	Clv__RecoveryState s = CLV__RECOVERY_STATE__INIT;
	Clv__RecoveryReport m = CLV__RECOVERY_REPORT__INIT;

	s.epoch = r->epoch;
	s.time = r->time;
	s.by = r->by;
	s.kept_keys = r->kept_keys;
	s.finished = f->now;
	s.finished_by = f->act->who;
	m.body = k->body;
	m.signature = k->signature;
	m.group_key = PROTO_BYTES(buf_slice(&c->group_key));
	return proto_encode(&s.base, &f->state, err) ? CLV_FAILED : proto_encode(&m.base, &f->stored, err);
}

/* While it was signed somebody may have taken an account back. */
static void on_report_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                             const struct clv_err *err)
{
	struct finish *f = ctx;
	struct clv_err why = {0};

	(void)type;
	if (!m)
		why = *err;
	if (!m || check_finish(c, &why) || pack_finish(c, f, (const Clv__KhSigned *)m, &why)) {
		refuse_finish(c, f, &why);
		return;
	}
	f->act->ctx = f;
	f->act->change = change_finish;
	f->act->effect = effect_finish;
	f->act->failed = failed_finish;
	act_detail(f->act, "epoch %" PRIu64 ", with a signed report; the trail stood at row %" PRIu64,
	           f->epoch, f->seq);
	act_done_text(f->act,
	              "The recovery is finished; its report is signed: claviger recovery status --report");
	act_put(c, f->act);
}

static clv_rc run_head(struct db *d, void *ctx, struct clv_err *err)
{
	struct finish *f = ctx;

	return store_audit_last(d, &f->seq, f->hash, err);
}

static void done_head(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	Clv__Report m = CLV__REPORT__INIT;
	struct finish *f = ctx;
	struct clv_err why = {0};

	if (rc)
		why = *err;
	else if (write_report(c, f))
		(void)err_set(&why, CLV_E_LIMIT, "the report is larger than it may be");
	if (why.code) {
		refuse_finish(c, f, &why);
		return;
	}
	m.server = c->start->name;
	m.epoch = f->epoch;
	m.time = f->now;
	m.text = (char *)(uintptr_t)buf_slice(&f->text).ptr;
	m.audit_seq = f->seq;
	m.audit_hash = PROTO_BYTES(slice_of(f->hash, sizeof f->hash));
	m.fencing = c->srv->fencing;
	kh_sign(c, STATEMENT_REPORT, &m.base, on_report_signed, f);
}

static void act_finish(struct core *c, const struct console_request *q, const Clv__RecoveryFinishRequest *m)
{
	struct recovery *r = c->srv->recovery;
	struct clv_err err = {0};
	struct finish *f;

	if (strcmp(m->name, c->start->group) != 0)
		(void)err_set(&err, CLV_E_USAGE, "this group is %s", c->start->group);
	else if (r->finishing)
		(void)err_set(&err, CLV_E_CONFLICT, "Not done: somebody else is finishing it now.");
	if (err.code || check_finish(c, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	r->finishing = true;
	f = clv_calloc(1, sizeof *f);
	f->act = act_new(q, "recovery finish", c->start->group);
	f->epoch = r->epoch;
	f->now = f->act->now;
	buf_init(&f->text, REPORT_TEXT_MAX);
	buf_init(&f->state, 4096);
	buf_init(&f->stored, REPORT_STORED_MAX);
	core_db_put(c, run_head, done_head, f);
}

void acts_recovery(struct core *c, const struct console_request *q, const ProtobufCMessage *m)
{
	if (q->type == REQ_ACCOUNT_ASIDE)
		act_aside(c, q, (const Clv__AccountAsideRequest *)m);
	else
		act_finish(c, q, (const Clv__RecoveryFinishRequest *)m);
}

/* --- the report again --- */
struct fetch {
	uint64_t conn, req;
	char key[64];
	struct clv_buf stored;
};

static clv_rc run_fetch(struct db *d, void *ctx, struct clv_err *err)
{
	struct fetch *f = ctx;

	return store_meta_get(d, f->key, &f->stored, err);
}

static void done_fetch(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	Clv__RecoveryReportReply out = CLV__RECOVERY_REPORT_REPLY__INIT;
	const Clv__RecoveryReport *r;
	ProtobufCMessage *m = NULL;
	struct fetch *f = ctx;
	struct clv_err why = {0};

	if (rc)
		why = *err;
	else
		(void)!proto_decode(&clv__recovery_report__descriptor, buf_slice(&f->stored), &m, &why);
	if (m) {
		r = (const Clv__RecoveryReport *)m;
		out.req = f->req;
		out.statement = r->body;
		out.signature = r->signature;
		out.group_key = r->group_key;
		out.group = c->start->group;
		console_reply(c, f->conn, REP_RECOVERY_REPORT, &out.base);
	} else {
		console_refuse(c, f->conn, f->req, &why, 0);
	}
	proto_free(m);
	buf_release(&f->stored);
	clv_free(f);
}

void console_report(struct core *c, const struct console_request *q)
{
	const struct recovery *r = c->srv->recovery;
	struct clv_err err = {0};
	struct fetch *f;

	if (!r->epoch || !r->finished) {
		(void)err_set(&err, CLV_E_NOTFOUND,
		              r->epoch ? "there is no report: the recovery is still under way"
		                       : "there is no report: there never was a recovery");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	f = clv_calloc(1, sizeof *f);
	f->conn = q->conn;
	f->req = q->req;
	(void)snprintf(f->key, sizeof f->key, RECOVERY_REPORT, r->epoch);
	buf_init(&f->stored, REPORT_STORED_MAX);
	core_db_put(c, run_fetch, done_fetch, f);
}
