/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fake_recovery.h. Rules are the server's in short: an account to enter can be set aside, nothing
 * finishes before all are entered or aside.
 */
#include "tests/lib/fake_recovery.h"

#include "base/clock.h"
#include "console.pb-c.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "statement.pb-c.h"
#include "tests/lib/drawn_runas.h"
#include "tests/lib/fake_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const struct fake_runas_opts *o;
	struct clv_recovery_fact *state;
	char mine[128]; /* the account that the console claimed last */
	int64_t mine_at;
} F;

void fake_recovery_fill(const struct fake_runas_opts *o)
{
	F.o = o;
	F.state = drawn_recovery();
	if (o->recovery == NULL) {
		facts_recovery_free(F.state);
		F.state = clv_calloc(1, sizeof(*F.state));
		F.state->by = clv_strdup("");
		F.state->finished_by = clv_strdup("");
		F.state->first_end_account = clv_strdup("");
		F.state->group_key = 4;
	}
}

static void set(char **to, const char *from)
{
	clv_free(*to);
	*to = clv_strdup(from);
}

void fake_recovery_claims(int64_t now)
{
	size_t n;
	struct clv_account_fact *a = fake_runas_accounts(&n);
	for (size_t i = 0; i < n; i++) {
		bool mine = F.mine[0] != '\0' && strcmp(a[i].name, F.mine) == 0,
		     his = F.o->claim != NULL && strcmp(a[i].name, F.o->claim) == 0;
		set(&a[i].claim_by, mine ? "ops" : his ? "ben" : "");
		a[i].claim_at = mine ? F.mine_at : his ? now - 20000 : 0;
		a[i].claim_mine = mine;
	}
}

struct clv_recovery_fact *fake_recovery_state(int64_t now)
{
	struct clv_recovery_fact *r = clv_calloc(1, sizeof(*r));
	size_t n;
	const struct clv_account_fact *a = fake_runas_accounts(&n);
	fake_recovery_claims(now);
	*r = *F.state;
	r->by = clv_strdup(F.state->by);
	r->finished_by = clv_strdup(F.state->finished_by);
	r->first_end_account = clv_strdup(F.state->first_end_account);
	r->claims = clv_calloc(n + 1, sizeof(*r->claims));
	r->n_claims = 0;
	r->accounts = (uint32_t)n;
	r->to_enter = r->entered = r->confirmed = r->aside = 0;
	for (size_t i = 0; i < n; i++) {
		r->to_enter += a[i].recovery == CLV_RECOVERY_TO_ENTER;
		r->entered += a[i].recovery == CLV_RECOVERY_ENTERED;
		r->confirmed += a[i].recovery == CLV_RECOVERY_CONFIRMED;
		r->aside += a[i].recovery == CLV_RECOVERY_ASIDE;
		if (a[i].claim_by[0] != '\0')
			r->claims[r->n_claims++] = (struct clv_claim_fact){
			    clv_strdup(a[i].name), clv_strdup(a[i].claim_by), a[i].claim_at, a[i].claim_mine};
	}
	return r;
}

static uint16_t put(struct clv_buf *out, const ProtobufCMessage *m, uint16_t type)
{
	struct clv_err err;
	if (proto_encode(m, out, &err) != CLV_OK)
		abort();
	return type;
}

static uint16_t refuse(struct clv_buf *out, uint64_t req, enum clv_code code, const char *text)
{
	fake_encode_refused(out, req, code, text, 18205);
	return REP_REFUSED;
}

static uint16_t done(struct clv_buf *out, uint64_t req, const char *text)
{
	fake_encode_done(out, req, text);
	return REP_DONE;
}

static struct clv_account_fact *account_by(const char *name)
{
	size_t n;
	struct clv_account_fact *a = fake_runas_accounts(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(a[i].name, name) == 0)
			return &a[i];
	}
	return NULL;
}

static uint16_t claim(const Clv__ClaimRequest *m, int64_t now, struct clv_buf *out)
{
	Clv__ClaimReply r = CLV__CLAIM_REPLY__INIT;
	Clv__Claim other = CLV__CLAIM__INIT;
	static char ben[] = "ben";
	if (account_by(m->name) == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	snprintf(F.mine, sizeof(F.mine), "%s", m->leave ? "" : m->name);
	F.mine_at = now;
	if (F.o->claims != NULL) {
		FILE *f = fopen(F.o->claims, "a");
		fprintf(f, "%s %s\n", m->leave ? "leave" : "claim", m->name);
		fclose(f);
	}
	if (F.o->claim != NULL && strcmp(F.o->claim, m->name) == 0) {
		other.account = m->name;
		other.by = ben;
		other.at = now - 20000;
		r.other = &other;
	}
	r.req = m->req;
	r.time = now;
	return put(out, &r.base, REP_CLAIM);
}

static uint16_t aside(const Clv__AccountAsideRequest *m, int64_t now, struct clv_buf *out)
{
	struct clv_account_fact *a = account_by(m->name);
	if (a == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	if (a->recovery != (m->back ? CLV_RECOVERY_ASIDE : CLV_RECOVERY_TO_ENTER))
		return refuse(out, m->req, CLV_E_USAGE, "it does not wait to be entered again");
	if (!m->back && m->reason[0] == '\0')
		return refuse(out, m->req, CLV_E_USAGE, "setting an account aside needs a reason");
	a->recovery = m->back ? CLV_RECOVERY_TO_ENTER : CLV_RECOVERY_ASIDE;
	set(&a->aside, m->reason);
	set(&a->aside_by, m->back ? "" : "ops@OPS.TEST");
	a->aside_at = m->back ? 0 : now;
	a->row_version++;
	return done(out, m->req, m->back ? "It is to be entered again." : "Set aside; D takes it back.");
}

static uint16_t finish(const Clv__RecoveryFinishRequest *m, int64_t now, struct clv_buf *out)
{
	struct clv_recovery_fact *r = fake_recovery_state(now);
	uint32_t left = r->to_enter;
	facts_recovery_free(r);
	if (F.state->epoch == 0)
		return refuse(out, m->req, CLV_E_USAGE, "there is no recovery to finish");
	if (left > 0)
		return refuse(out, m->req, CLV_E_CONFLICT, "accounts are to be entered again");
	F.state->finished = now;
	set(&F.state->finished_by, "ops@OPS.TEST");
	return done(out, m->req, "The recovery is finished; its report is signed.");
}

static uint16_t report(const Clv__RecoveryReportRequest *m, struct clv_buf *out)
{
	static char group[] = "OMMG1", server[] = "rms1.ops.test",
	            text[] = "Recovery of group OMMG1 at rms1.ops.test, epoch 1\n  deploy: v2 entered; 38 of "
	                     "41 hosts\033[2J\n";
	static uint8_t hash[32] = {0xAB, 0xCD};
	Clv__RecoveryReportReply r = CLV__RECOVERY_REPORT_REPLY__INIT;
	Clv__Report st = CLV__REPORT__INIT;
	struct clv_buf body, sig;
	struct clv_err err = {0};
	struct clv_slice spki;
	EVP_PKEY *key = fake_runas_group_key(&spki);
	if (F.state->finished == 0)
		return refuse(out, m->req, CLV_E_NOTFOUND, "there is no report");
	buf_init(&body, 8192);
	buf_init(&sig, 1024);
	st.server = server;
	st.epoch = 1;
	st.time = F.state->finished;
	st.text = text;
	st.audit_seq = 41;
	st.audit_hash = PROTO_BYTES(slice_of(hash, sizeof(hash)));
	if (statement_make(STATEMENT_REPORT, group, &st.base, key, &body, &sig, &err) != CLV_OK)
		abort();
	r.req = m->req;
	r.statement = PROTO_BYTES(buf_slice(&body));
	if (F.o->foreign_key) /* what was signed is not what is shown */
		r.statement.data[r.statement.len / 2] ^= 1;
	r.signature = PROTO_BYTES(buf_slice(&sig));
	r.group_key = PROTO_BYTES(spki);
	r.group = group;
	(void)put(out, &r.base, REP_RECOVERY_REPORT);
	buf_release(&body);
	buf_release(&sig);
	return REP_RECOVERY_REPORT;
}

static uint16_t state(uint64_t req, int64_t now, struct clv_buf *out)
{
	struct clv_recovery_fact *r = fake_recovery_state(now);
	fake_encode_recovery(out, req, now, r);
	facts_recovery_free(r);
	return REP_RECOVERY;
}

uint16_t fake_recovery_answer(uint16_t type, const ProtobufCMessage *m, int64_t now, enum clv_role role,
                              struct clv_buf *out)
{
	uint64_t req = ((const Clv__RecoveryRequest *)m)->req;
	enum clv_role need = type == REQ_RECOVERY_FINISH ? CLV_ROLE_ADMINISTRATOR
	                     : type == REQ_RECOVERY || type == REQ_RECOVERY_REPORT
	                         ? CLV_ROLE_VIEWER
	                         : CLV_ROLE_CREDENTIAL_MANAGER;
	bool ours = type == REQ_RECOVERY || type == REQ_CLAIM || type == REQ_RECOVERY_REPORT ||
	            type == REQ_ACCOUNT_ASIDE || type == REQ_RECOVERY_FINISH;
	if (!ours)
		return 0;
	if (role < need)
		return refuse(out, req, CLV_E_DENIED, "this needs another role");
	switch (type) {
	case REQ_RECOVERY:
		return state(req, now, out);
	case REQ_CLAIM:
		return claim((const Clv__ClaimRequest *)m, now, out);
	case REQ_RECOVERY_REPORT:
		return report((const Clv__RecoveryReportRequest *)m, out);
	case REQ_ACCOUNT_ASIDE:
		return aside((const Clv__AccountAsideRequest *)m, now, out);
	default:
		return finish((const Clv__RecoveryFinishRequest *)m, now, out);
	}
}
