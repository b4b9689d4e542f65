/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunAs accounts, profiles and groups of the fake server. Rules are as simple as the screens
 * allow: a name counts one host, a pattern or a group twelve.
 */
#include "tests/lib/fake_runas.h"

#include "base/clock.h"
#include "console.pb-c.h"
#include "keys/agentcert.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "runas/intake.h"
#include "statement.pb-c.h"
#include "tests/lib/drawn_runas.h"
#include "tests/lib/fake_encode.h"
#include "tests/lib/fake_recovery.h"
#include "tests/lib/mkcert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const struct fake_runas_opts *o;
	struct clv_account_fact *accounts;
	struct clv_profile_fact *profiles;
	struct clv_group_fact *groups;
	size_t n_accounts, n_profiles, n_groups;
	struct clv_server_fact server;
	EVP_PKEY *group_key, *intake_key;
	struct clv_buf group_spki, intake_cert;
} R;

static void need(clv_rc rc, const struct clv_err *err)
{
	if (rc == CLV_OK)
		return;
	fprintf(stderr, "fake server: %s\n", err->text);
	abort();
}

void fake_runas_prepare(void)
{
	struct clv_buf der, pem;
	struct clv_err err = {0};
	if (R.group_key != NULL)
		return;
	buf_init(&R.group_spki, 4096);
	buf_init(&R.intake_cert, AGENTCERT_DER_MAX);
	buf_init(&der, 8192);
	buf_init(&pem, 8192);
	R.group_key = mk_key("P-256", false);
	R.intake_key = mk_key("RSA-3072", false);
	need(pkey_to_spki(R.group_key, &R.group_spki, &err), &err);
	need(agentcert_make(R.intake_key, "rms1.ops.test", 365, clock_wall_ms(), &R.intake_cert, &err), &err);
	need(groupcert_make(R.group_key, "OMMG1", clock_wall_ms(), &der, &err), &err);
	need(agentcert_to_pem(buf_slice(&der), &pem, &err), &err);
	R.server = (struct clv_server_fact){
	    .name = clv_strdup("rms1.ops.test"),
	    .version = clv_strdup("0.1.0"),
	    .group_key = 4,
	    .pem = clv_asprintf("%.*s", (int)buf_slice(&pem).len, (const char *)buf_slice(&pem).ptr)};
	buf_release(&der);
	buf_release(&pem);
}

void fake_runas_fill(const struct fake_runas_opts *o)
{
	fake_runas_prepare();
	R.o = o;
	R.accounts = drawn_accounts(&R.n_accounts);
	R.profiles = drawn_profiles(&R.n_profiles);
	R.groups = drawn_groups(&R.n_groups);
	if (o->empty)
		R.n_accounts = R.n_profiles = R.n_groups = 0;
	fake_recovery_fill(o);
}

struct clv_account_fact *fake_runas_accounts(size_t *n)
{
	*n = R.n_accounts;
	return R.accounts;
}

EVP_PKEY *fake_runas_group_key(struct clv_slice *spki)
{
	*spki = buf_slice(&R.group_spki);
	return R.group_key;
}

const ProtobufCMessageDescriptor *fake_runas_body(uint16_t type)
{
#define X(sym, num, body, rep, name, role, changes, help) {sym, &clv__##body##__descriptor},
	static const struct {
		uint16_t type;
		const ProtobufCMessageDescriptor *body;
	} rows[] = {CLV_REQUEST_LIST(X)};
#undef X
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type == type &&
		    ((type >= REQ_ACCOUNTS && type <= REQ_RECOVERY_REPORT) || type >= REQ_ACCOUNT_PUT))
			return rows[i].body;
	}
	return NULL;
}

static struct clv_account_fact *account_by(const char *name)
{
	for (size_t i = 0; i < R.n_accounts; i++) {
		if (strcmp(R.accounts[i].name, name) == 0)
			return &R.accounts[i];
	}
	return NULL;
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

/* --- queries --- */

/* Words of the filter, all within the name, or "state:WORD", or "!recovery:none". */
static bool hits(const char *filter, const char *name, const char *state, bool recovery)
{
	char copy[256], words[64], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", filter);
	snprintf(words, sizeof(words), "%s", state);
	for (char *s = words; *s != '\0'; s++)
		*s = *s == ' ' ? '-' : *s;
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (strcmp(w, "!recovery:none") == 0 && recovery)
			continue;
		if (strncmp(w, "state:", 6) == 0 ? strncmp(words, w + 6, strlen(w + 6)) != 0
		                                 : strstr(name, w) == NULL)
			return false;
	}
	return true;
}

static size_t window(const Clv__ListRequest *m, const void *base, size_t size, size_t n, size_t *from,
                     size_t *matched, const void **rows)
{
	*matched = 0;
	for (size_t i = 0; i < n; i++) {
		/* the name is each fact's first or second member */
		const char *row = (const char *)base + i * size;
		bool account = size == sizeof(struct clv_account_fact);
		const struct clv_account_fact *a = (const struct clv_account_fact *)(const void *)row;
		const char *name = account ? a->name : *(char *const *)(const void *)row;
		if (hits(m->filter, name, account ? clv_account_state_word(a->state) : "",
		         account && a->recovery != CLV_RECOVERY_NONE))
			rows[(*matched)++] = row;
	}
	for (size_t i = 0; m->descending && i < *matched / 2; i++) {
		const void *other = rows[i];
		rows[i] = rows[*matched - 1 - i];
		rows[*matched - 1 - i] = other;
	}
	*from = m->offset < *matched ? (size_t)m->offset : *matched;
	return *matched - *from < m->limit ? *matched - *from : m->limit;
}

static uint16_t answer_list(uint16_t type, const Clv__ListRequest *m, int64_t now, struct clv_buf *out)
{
	const void *rows[64];
	size_t from, matched, count;
	struct clv_recovery_fact *recovery;
	switch (type) {
	case REQ_ACCOUNTS:
		count = window(m, R.accounts, sizeof(*R.accounts), R.n_accounts, &from, &matched, rows);
		recovery = fake_recovery_state(now);
		fake_encode_accounts(out, m->req, now, R.n_accounts, matched, from,
		                     (const struct clv_account_fact *const *)(rows + from), count, recovery);
		facts_recovery_free(recovery);
		return REP_ACCOUNTS;
	case REQ_PROFILES:
		count = window(m, R.profiles, sizeof(*R.profiles), R.n_profiles, &from, &matched, rows);
		fake_encode_profiles(out, m->req, now, R.n_profiles, matched, from,
		                     (const struct clv_profile_fact *const *)(rows + from), count);
		return REP_PROFILES;
	case REQ_GROUPS:
		count = window(m, R.groups, sizeof(*R.groups), R.n_groups, &from, &matched, rows);
		fake_encode_groups(out, m->req, now, R.n_groups, matched, from,
		                   (const struct clv_group_fact *const *)(rows + from), count);
		return REP_GROUPS;
	default:
		count = window(m, &R.server, sizeof(R.server), 1, &from, &matched, rows);
		fake_encode_servers(out, m->req, now, 1, matched, from,
		                    (const struct clv_server_fact *const *)(rows + from), count);
		return REP_SERVERS;
	}
}

static struct clv_account_detail *detail_of(const struct clv_account_fact *a)
{
	static const struct {
		const char *name;
		enum clv_trial trial;
	} trials[] = {{"waits", CLV_TRIAL_WAITS},
	              {"tried", CLV_TRIAL_RUNS},
	              {"opened", CLV_TRIAL_OPENED},
	              {"failed", CLV_TRIAL_FAILED}};
	bool drawn = strcmp(a->name, "sql-reader") == 0;
	const char *want = R.o->account != NULL ? R.o->account : "";
	if (!drawn || strcmp(want, "well") == 0)
		return drawn_account_well();
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		if (strcmp(want, trials[i].name) == 0)
			return drawn_account_trial(trials[i].trial);
	}
	return drawn_account();
}

static uint16_t answer_account(const Clv__AccountRequest *m, int64_t now, struct clv_buf *out)
{
	const struct clv_account_fact *a = account_by(m->name);
	if (a == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	struct clv_account_detail *d = detail_of(a);
	struct clv_account_fact was = d->account;
	d->account = *a;
	fake_encode_account(out, m->req, now, d);
	d->account = was;
	facts_account_detail_free(d);
	return REP_ACCOUNT;
}

uint16_t fake_runas_query(uint16_t type, const ProtobufCMessage *m, int64_t now, struct clv_buf *out,
                          bool *watch, uint64_t *req)
{
	if (type == REQ_ACCOUNT) {
		*watch = ((const Clv__AccountRequest *)m)->watch;
		*req = ((const Clv__AccountRequest *)m)->req;
		return answer_account((const Clv__AccountRequest *)m, now, out);
	}
	*watch = ((const Clv__ListRequest *)m)->watch;
	*req = ((const Clv__ListRequest *)m)->req;
	return answer_list(type, (const Clv__ListRequest *)m, now, out);
}

/* --- intake --- */

static uint16_t answer_intake(const Clv__IntakeRequest *m, struct clv_buf *out)
{
	const struct clv_account_fact *a = account_by(m->name);
	Clv__IntakeStatement st = CLV__INTAKE_STATEMENT__INIT;
	Clv__Intake in = CLV__INTAKE__INIT;
	struct clv_buf body, sig;
	struct clv_err err = {0};
	if (a == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	buf_init(&body, 8192);
	buf_init(&sig, 1024);
	st.server = R.server.name;
	st.number = 1;
	st.certificate = PROTO_BYTES(buf_slice(&R.intake_cert));
	st.not_after = clock_wall_ms() + 86400000;
	static char group[] = "OMMG1", principal[] = "ops@OPS.TEST", first[] = "app01.ops.test", none[] = "";
	EVP_PKEY *signer = R.o->foreign_key ? mk_key("P-256", true) : R.group_key;
	need(statement_make(STATEMENT_INTAKE, group, &st.base, signer, &body, &sig, &err), &err);
	if (signer != R.group_key)
		EVP_PKEY_free(signer);
	in.req = m->req;
	in.statement = PROTO_BYTES(buf_slice(&body));
	in.signature = PROTO_BYTES(buf_slice(&sig));
	in.group_key = PROTO_BYTES(buf_slice(&R.group_spki));
	in.group = group;
	in.account_id = a->id;
	in.account = a->name;
	in.type = a->type;
	in.user = a->user;
	in.domain = a->domain;
	in.version = a->version;
	in.principal = principal;
	in.first = a->targets > 0 ? first : none;
	in.hosts = a->targets;
	in.has_check = true;
	in.row_version = a->row_version;
	need(proto_encode(&in.base, out, &err), &err);
	buf_release(&body);
	buf_release(&sig);
	return REP_INTAKE;
}

static clv_rc write_hex(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	(void)err;
	for (size_t i = 0; i < bytes.len; i++)
		fprintf(ctx, "%02x", bytes.ptr[i]);
	return CLV_OK;
}

static void set_text(char **to, const char *from, bool given)
{
	if (!given)
		return;
	clv_free(*to);
	*to = clv_strdup(from);
}

static uint16_t enter(const Clv__EnterPasswordRequest *m, int64_t now, struct clv_buf *out)
{
	struct clv_account_fact *a = account_by(m->name);
	struct intake_head head = {.expected = 0};
	struct clv_err err = {0};
	struct clv_secret *password = secret_new(INTAKE_SECRET_MAX, &err);
	X509 *cert = NULL;
	need(password != NULL ? CLV_OK : CLV_FAILED, &err);
	need(x509_from_der(buf_slice(&R.intake_cert), &cert, &err), &err);
	clv_rc rc = intake_open(PROTO_SLICE(m->sealed), R.intake_key, cert, &head, password, &err);
	X509_free(cert);
	if (rc != CLV_OK || a == NULL || strcmp(head.account, a->id) != 0 ||
	    strcmp(head.operator_, "ops@OPS.TEST") != 0 || strcmp(head.group, "OMMG1") != 0) {
		secret_free(password);
		return refuse(out, m->req, CLV_E_AUTH, "the password could not be opened: nothing was saved");
	}
	if (head.expected != a->version || m->version != a->version) {
		secret_free(password);
		return refuse(out, m->req, CLV_E_CONFLICT, "ben changed it 12 s ago");
	}
	if (R.o->entered != NULL) {
		FILE *f = fopen(R.o->entered, "a");
		fprintf(f, "%s %llu first=%s%s ", a->name, (unsigned long long)head.expected, m->first,
		        m->all_at_once ? " all" : "");
		need(secret_use(password, write_hex, f, &err), &err);
		fputc('\n', f);
		fclose(f);
	}
	secret_free(password);
	a->version++;
	a->row_version++;
	a->state = CLV_ACCOUNT_OK;
	a->released = a->version;
	a->recovery = R.o->recovery != NULL ? CLV_RECOVERY_ENTERED : CLV_RECOVERY_NONE;
	a->entered = now;
	set_text(&a->entered_by, "ops@OPS.TEST", true);
	set_text(&a->aside, "", true);
	if (R.o->silent)
		return 0;
	char text[200];
	snprintf(text, sizeof(text),
	         "Saved as v%llu, sealed for rms1's key holder. app01 tries it first, %u wait.",
	         (unsigned long long)a->version, a->targets > 0 ? a->targets - 1 : 0);
	return done(out, m->req, text);
}

/* --- acts --- */

static uint16_t account_put(const Clv__AccountPutRequest *m, struct clv_buf *out)
{
	struct clv_account_fact *a = account_by(m->name);
	if (m->add ? a != NULL : a == NULL)
		return refuse(out, m->req, m->add ? CLV_E_EXISTS : CLV_E_NOTFOUND,
		              m->add ? "an account of that name exists" : "no account has that name");
	if (!m->add && m->row_version != 0 && m->row_version != a->row_version)
		return refuse(out, m->req, CLV_E_CONFLICT, "ben changed it 12 s ago");
	if (m->add) {
		size_t n;
		struct clv_account_fact *like = drawn_accounts(&n);
		R.accounts = clv_realloc(R.accounts, R.n_accounts + 1, sizeof(*R.accounts));
		a = &R.accounts[R.n_accounts++];
		drawn_account_copy(a, &like[2]);
		facts_accounts_free(like, n);
		set_text(&a->name, m->name, true);
		set_text(&a->user, "", true);
	}
	if ((m->set & CLV_FIELD_TYPE) != 0)
		a->type = (enum clv_account_type)m->type;
	if ((m->set & CLV_FIELD_ENDS) != 0)
		a->ends = m->ends;
	set_text(&a->user, m->user, (m->set & CLV_FIELD_USER) != 0);
	set_text(&a->domain, m->domain, (m->set & CLV_FIELD_DOMAIN) != 0);
	set_text(&a->kept_by, m->kept_by, (m->set & CLV_FIELD_KEPT_BY) != 0);
	set_text(&a->note, m->note, (m->set & CLV_FIELD_NOTE) != 0);
	set_text(&a->context, m->context, (m->set & CLV_FIELD_CONTEXT) != 0);
	set_text(&a->auth_protocol, m->auth_protocol, (m->set & CLV_FIELD_AUTH_PROTOCOL) != 0);
	set_text(&a->privacy_protocol, m->privacy_protocol, (m->set & CLV_FIELD_PRIVACY_PROTOCOL) != 0);
	set_text(&a->name, m->new_name, (m->set & CLV_FIELD_NEW_NAME) != 0);
	a->row_version++;
	return done(out, m->req, m->add ? "Added; it goes nowhere until you say where." : "Changed.");
}

static uint16_t plan(struct clv_buf *out, uint64_t req, uint32_t gains, uint32_t loses, const char *text)
{
	struct clv_plan_fact *p = drawn_plan();
	p->n_gains = gains;
	p->gains_len = gains < p->gains_len ? gains : p->gains_len;
	p->n_loses = loses;
	p->loses_len = loses < p->loses_len ? loses : p->loses_len;
	p->n_offline = loses > 0;
	p->offline_len = p->n_offline;
	clv_free(p->text);
	p->text = clv_strdup(text);
	p->row_version = 0;
	fake_encode_plan(out, req, p);
	facts_plan_free(p);
	return REP_PLAN;
}

static uint32_t hosts_of(char *const *list, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += strpbrk(list[i], "*?:") != NULL ? 12 : 1;
	return sum;
}

static uint16_t account_remove(const Clv__NamedRemoveRequest *m, struct clv_buf *out)
{
	struct clv_account_fact *a = account_by(m->name);
	char text[200];
	if (a == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	snprintf(text, sizeof(text), "Remove account %s: %u hosts forget it, 2 profiles lose it.", a->name,
	         a->targets);
	if (m->plan)
		return plan(out, m->req, 0, a->targets, text);
	size_t at = (size_t)(a - R.accounts);
	memmove(a, a + 1, (R.n_accounts - at - 1) * sizeof(*a));
	R.n_accounts--;
	return done(out, m->req, "Removed.");
}

static uint16_t distribute(const Clv__DistributeRequest *m, struct clv_buf *out)
{
	struct clv_account_fact *a = account_by(m->name);
	if (a == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	for (size_t i = 0; i < m->n_add; i++) {
		if (strcmp(m->add[i], "nobody") == 0)
			return refuse(out, m->req, CLV_E_NOTFOUND, "no agent is called nobody");
	}
	uint32_t gains = hosts_of(m->add, m->n_add), loses = hosts_of(m->remove, m->n_remove);
	if (m->plan)
		return plan(out, m->req, gains, loses, "");
	if (m->distribution != 0)
		a->less_secure = m->distribution == 2;
	a->targets += gains;
	a->row_version++;
	return done(out, m->req, "Distributed.");
}

static uint16_t associate(const Clv__AssociateRequest *m, struct clv_buf *out)
{
	if (account_by(m->account) == NULL)
		return refuse(out, m->req, CLV_E_NOTFOUND, "no account has that name");
	if (m->plan)
		return plan(out, m->req, m->remove ? 0 : 2, m->remove ? 2 : 0, "");
	for (size_t i = 0; i < R.n_profiles; i++) {
		struct clv_profile_fact *p = &R.profiles[i];
		if (strcmp(p->name, m->profile) != 0)
			continue;
		if (m->remove ? strcmp(p->account, m->account) != 0 : p->account[0] != '\0')
			continue;
		set_text(&p->account, m->remove ? "" : m->account, true);
		clv_free(p->target);
		p->target =
		    m->remove
		        ? clv_strdup("")
		        : clv_asprintf("%s%s%s", clv_target_kind_word((enum clv_target_kind)m->target_kind),
		                       m->target[0] != '\0' ? " " : "", m->target);
		return done(out, m->req, m->remove ? "No longer used there." : "Associated.");
	}
	return done(out, m->req, "Associated.");
}

static uint16_t profile_add(const Clv__ProfileAddRequest *m, struct clv_buf *out)
{
	R.profiles = clv_realloc(R.profiles, R.n_profiles + 1, sizeof(*R.profiles));
	R.profiles[R.n_profiles++] =
	    (struct clv_profile_fact){clv_strdup(m->name), clv_strdup(""), clv_strdup(""), 1};
	return done(out, m->req, "Added; C says which account it uses.");
}

static uint16_t profile_remove(const Clv__NamedRemoveRequest *m, struct clv_buf *out)
{
	if (m->plan)
		return plan(out, m->req, 0, 2, "");
	for (size_t i = 0; i < R.n_profiles; i++) {
		if (strcmp(R.profiles[i].name, m->name) == 0)
			R.profiles[i--] = R.profiles[--R.n_profiles];
	}
	return done(out, m->req, "Removed.");
}

uint16_t fake_runas_act(uint16_t type, const ProtobufCMessage *m, int64_t now, enum clv_role role,
                        struct clv_buf *out)
{
	uint16_t recovery = fake_recovery_answer(type, m, now, role, out);
	if (recovery != 0)
		return recovery;
	/* the number of a request is each message's first field */
	uint64_t req = ((const Clv__IntakeRequest *)m)->req;
	if (role < CLV_ROLE_CREDENTIAL_MANAGER)
		return refuse(out, req, CLV_E_DENIED, "this needs another role");
	switch (type) {
	case REQ_INTAKE:
		return answer_intake((const Clv__IntakeRequest *)m, out);
	case REQ_ENTER_PASSWORD:
		return enter((const Clv__EnterPasswordRequest *)m, now, out);
	case REQ_ACCOUNT_PUT:
		return account_put((const Clv__AccountPutRequest *)m, out);
	case REQ_ACCOUNT_REMOVE:
		return account_remove((const Clv__NamedRemoveRequest *)m, out);
	case REQ_DISTRIBUTE:
		return distribute((const Clv__DistributeRequest *)m, out);
	case REQ_ASSOCIATE:
		return associate((const Clv__AssociateRequest *)m, out);
	case REQ_PROFILE_ADD:
		return profile_add((const Clv__ProfileAddRequest *)m, out);
	case REQ_PROFILE_REMOVE:
		return profile_remove((const Clv__NamedRemoveRequest *)m, out);
	case REQ_GROUP_PUT:
		if (((const Clv__GroupPutRequest *)m)->plan)
			return plan(out, req,
			            hosts_of(((const Clv__GroupPutRequest *)m)->add,
			                     ((const Clv__GroupPutRequest *)m)->n_add),
			            hosts_of(((const Clv__GroupPutRequest *)m)->remove,
			                     ((const Clv__GroupPutRequest *)m)->n_remove),
			            "");
		return done(out, req, "Done.");
	case REQ_GROUP_REMOVE:
		if (((const Clv__NamedRemoveRequest *)m)->plan)
			return plan(out, req, 0, 3, "");
		return done(out, req, "Removed.");
	default:
		return done(out, req,
		            type == REQ_ACCOUNT_CONTINUE && ((const Clv__AccountContinueRequest *)m)->stop
		                ? "v8 is taken back."
		                : "v8 goes to the rest.");
	}
}
