/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing a configuration: the key holder itself checks the approval, the publication and, for every
 * password, that its account goes to this host in this version, by rows that it made (B3). Core may
 * leave something out; it can add nothing. Runs in a management server's key holder.
 */
#include "base/clock.h"
#include "daemon/keyholder_group.h"
#include "keys/agentcert.h"
#include "model/distribution.h"
#include "proto/codec.h"
#include "runas/config.h"
#include "runas/intake.h"
#include "runas/securedata.h"
#include "statement.pb-c.h"
#include <inttypes.h>
#include <string.h>

struct opened {
	const char *kind;
	ProtobufCMessage *body;
};

struct sealing {
	struct kh *k;
	const Clv__KhSeal *q;
	struct opened *rows;
	size_t n_rows;
	const Clv__ApprovalRow *approval;
	struct config_association *uses;
	size_t n_uses, cap_uses;
	struct clv_secret *list;
	struct clv_buf xml, body, sig;
};

/* --- the rows --- */
static clv_rc open_rows(struct sealing *s, struct clv_err *err)
{
	s->rows = clv_calloc(s->q->n_rows + 1, sizeof *s->rows);
	for (size_t i = 0; i < s->q->n_rows; i++) {
		const Clv__Row *r = s->q->rows[i];
		struct opened *o = &s->rows[s->n_rows];

		o->kind = r->kind;
		if (kh_row_open(s->k, r, &o->body, err))
			return err_wrap(err, "the row %.32s '%.128s'", r->kind, r->key);
		s->n_rows++;
		if (strcmp(r->kind, "approval") == 0 && strcmp(r->key, s->q->agent) == 0)
			s->approval = (const Clv__ApprovalRow *)o->body;
	}
	if (!s->approval || s->approval->approval != CLV_APPROVAL_APPROVED ||
	    strcmp(s->approval->name, s->q->agent) != 0)
		return err_set(err, CLV_E_DENIED, "%s is not approved", s->q->agent);
	return CLV_OK;
}

static const ProtobufCMessage *find_row(const struct sealing *s, const char *kind, const char *key)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (strcmp(s->rows[i].kind, kind) == 0 && strcmp(s->q->rows[i]->key, key) == 0)
			return s->rows[i].body;
	return NULL;
}

static char *const *members_of(void *ctx, const char *group, size_t *n)
{
	const Clv__GroupRow *g = (const Clv__GroupRow *)find_row(ctx, "group", group);

	*n = g ? g->n_members : 0;
	return g ? g->members : NULL;
}

static bool goes_here(struct sealing *s, const Clv__AccountRow *a)
{
	return a->less_secure || distribution_covers(a->goes_to, a->n_goes_to, s->q->agent, members_of, s);
}

/* --- profiles --- */
static bool target_is_here(struct sealing *s, const Clv__AssociationRow *a)
{
	size_t n = 0;
	char *const *members;

	switch ((enum clv_target_kind)a->kind) {
	case CLV_TARGET_GROUP:
		members = members_of(s, a->target, &n);
		return distribution_covers(members, n, s->q->agent, members_of, s);
	case CLV_TARGET_PATTERN:
		return distribution_covers(&a->target, 1, s->q->agent, members_of, s);
	case CLV_TARGET_ALL:
	case CLV_TARGET_CLASS:
	case CLV_TARGET_OBJECT:
	case CLV_TARGET_MAX:
		break;
	}
	return a->kind < CLV_TARGET_MAX;
}

static clv_rc copy_text(char *out, size_t cap, const char *in, struct clv_err *err)
{
	size_t n = strlen(in);

	if (n >= cap)
		return err_set(err, CLV_E_LIMIT, "a text of %zu bytes; %zu are taken", n, cap - 1);
	memcpy(out, in, n + 1);
	return CLV_OK;
}

static clv_rc add_use(struct sealing *s, const char *profile, const Clv__AssociationRow *a,
                      struct clv_err *err)
{
	struct config_association *u;

	if (s->n_uses == CONFIG_ASSOC_MAX)
		return err_set(err, CLV_E_LIMIT, "more than %u associations for %s", CONFIG_ASSOC_MAX,
		               s->q->agent);
	if (s->n_uses == s->cap_uses) {
		s->cap_uses = s->cap_uses ? s->cap_uses * 2 : 8;
		s->uses = clv_realloc(s->uses, s->cap_uses, sizeof *s->uses);
	}
	u = &s->uses[s->n_uses];
	memset(u, 0, sizeof *u);
	u->kind = (enum clv_target_kind)a->kind;
	if (copy_text(u->profile, sizeof u->profile, profile, err) ||
	    copy_text(u->account, sizeof u->account, a->account, err) ||
	    copy_text(u->target, sizeof u->target, a->target, err))
		return CLV_FAILED;
	s->n_uses++;
	return CLV_OK;
}

static clv_rc collect_uses(struct sealing *s, struct clv_err *err)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		const Clv__ProfileRow *p = (const Clv__ProfileRow *)s->rows[i].body;

		if (strcmp(s->rows[i].kind, "profile") != 0 || !p)
			continue;
		for (size_t j = 0; j < p->n_uses; j++) {
			const Clv__AccountRow *a =
			    (const Clv__AccountRow *)find_row(s, "account", p->uses[j]->account);

			/* Where the account does not go the association says nothing. */
			if (a && goes_here(s, a) && target_is_here(s, p->uses[j]) &&
			    add_use(s, p->name, p->uses[j], err))
				return CLV_FAILED;
		}
	}
	return CLV_OK;
}

/* --- passwords --- */
static clv_rc may_have(struct sealing *s, const Clv__KhPassword *p, const Clv__AccountRow *a,
                       struct clv_err *err)
{
	if (!a)
		return err_set(err, CLV_E_DENIED, "no account %.40s", p->account);
	if (!goes_here(s, a))
		return err_set(err, CLV_E_DENIED, "%s does not go to %s", a->name, s->q->agent);
	if (p->trial ? p->version != a->version || strcmp(a->first, s->q->agent) != 0
	             : p->version != a->released)
		return err_set(err, CLV_E_DENIED, "version %" PRIu64 " of %s is not meant for %s", p->version,
		               a->name, s->q->agent);
	return CLV_OK;
}

static clv_rc describe(const Clv__AccountRow *a, const Clv__KhPassword *p, struct runas_account *r,
                       struct clv_err *err)
{
	memset(r, 0, sizeof *r);
	r->version = p->version;
	r->trial = p->trial;
	if (a->type >= CLV_ACCOUNT_TYPE_MAX)
		return err_set(err, CLV_E_CORRUPT, "%s is of no known type", a->name);
	r->type = (enum clv_account_type)a->type;
	if (copy_text(r->id, sizeof r->id, a->id, err) || copy_text(r->name, sizeof r->name, a->name, err) ||
	    copy_text(r->user, sizeof r->user, a->user, err) ||
	    copy_text(r->domain, sizeof r->domain, a->domain, err) ||
	    copy_text(r->context, sizeof r->context, a->context, err) ||
	    copy_text(r->auth_protocol, sizeof r->auth_protocol, a->auth_protocol, err))
		return CLV_FAILED;
	return copy_text(r->privacy_protocol, sizeof r->privacy_protocol, a->privacy_protocol, err);
}

/* Waits to be entered again: hosts go on with what they hold (B5). */
static clv_rc keep_account(struct sealing *s, const Clv__KhPassword *p, const Clv__AccountRow *a,
                           struct clv_err *err)
{
	struct runas_account *r;
	clv_rc rc = CLV_FAILED;

	if (!a || !a->reentry || !goes_here(s, a))
		return err_set(err, CLV_E_DENIED, "account %.40s came without its password", p->account);
	r = clv_calloc(1, sizeof *r);
	if (!describe(a, p, r, err)) {
		r->keep = true;
		r->trial = false;
		rc = runas_add(r, NULL, s->list, err);
	}
	clv_free(r);
	return rc;
}

static clv_rc add_password(struct sealing *s, const Clv__KhPassword *p, struct clv_err *err)
{
	const Clv__AccountRow *a = (const Clv__AccountRow *)find_row(s, "account", p->account);
	struct clv_secret *password;
	struct runas_account *r;
	clv_rc rc = CLV_FAILED;

	if (p->blob.len == 0)
		return keep_account(s, p, a, err);
	if (may_have(s, p, a, err))
		return CLV_FAILED;
	password = secret_new(INTAKE_SECRET_MAX, err);
	r = clv_calloc(1, sizeof *r);
	if (password && !describe(a, p, r, err) &&
	    !kh_password_open(s->k, a->id, p->version, PROTO_SLICE(p->blob), password, err))
		rc = runas_add(r, password, s->list, err);
	clv_free(r);
	secret_free(password);
	return rc ? err_wrap(err, "the password of '%.128s', version %" PRIu64, a->name, p->version) : CLV_OK;
}

/* --- the whole --- */
static clv_rc check_publication(struct sealing *s, ProtobufCMessage **pub, struct clv_err *err)
{
	const Clv__Publication *p;
	struct agentcert_info info;

	if (statement_open(STATEMENT_PUBLICATION, s->k->start->group, PROTO_SLICE(s->approval->node_key),
	                   PROTO_SLICE(s->q->publication), PROTO_SLICE(s->q->signature), pub, err))
		return CLV_FAILED;
	p = (const Clv__Publication *)*pub;
	if (strcmp(p->agent, s->q->agent) != 0)
		return err_set(err, CLV_E_AUTH, "the publication is of another agent");
	return agentcert_check(PROTO_SLICE(p->certificate), s->q->agent, clock_wall_ms(), &info, err);
}

static clv_rc sign_config(struct sealing *s, struct clv_slice recipient, struct clv_err *err)
{
	Clv__ConfigStatement c = CLV__CONFIG_STATEMENT__INIT;
	uint8_t hash[KEY_HASH_LEN];

	if (sha256(buf_slice(&s->xml), hash, err))
		return CLV_FAILED;
	c.agent = s->q->agent;
	c.recipient = PROTO_BYTES(recipient);
	c.version = s->q->version;
	c.fencing = s->q->fencing;
	c.xml_hash = PROTO_BYTES(slice_of(hash, sizeof hash));
	return statement_make(STATEMENT_CONFIG, s->k->start->group, &c.base, s->k->group_key, &s->body,
	                      &s->sig, err);
}

static clv_rc write_list(struct sealing *s, const struct runas_head *head, struct clv_err *err)
{
	if (runas_begin(head, s->list, err))
		return CLV_FAILED;
	for (size_t i = 0; i < s->q->n_passwords; i++)
		if (add_password(s, s->q->passwords[i], err))
			return CLV_FAILED;
	return runas_end(s->list, err);
}

/* Where it is assigned to is what its approval says, and comes first. */
static clv_rc put_servers(const struct sealing *s, struct config_head *h, struct clv_err *err)
{
	const char *via = s->approval->via;

	if (s->q->n_servers > CONFIG_SERVERS_MAX || (s->q->n_servers > 0) != (*via != 0) ||
	    (*via && strcmp(s->q->servers[0]->name, via) != 0))
		return err_set(err, CLV_E_DENIED, "%s shall come by %s, not by what was given", s->q->agent,
		               *via ? via : "its own configuration");
	for (; h->n_servers < s->q->n_servers; h->n_servers++) {
		const Clv__KhServer *from = s->q->servers[h->n_servers];
		struct config_server *to = &h->servers[h->n_servers];

		if (copy_text(to->name, sizeof to->name, from->name, err) ||
		    copy_text(to->address, sizeof to->address, from->address, err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc seal(struct sealing *s, struct clv_slice cert, struct clv_err *err)
{
	struct runas_head rh = {.version = s->q->version, .keep_others = s->q->recovering};
	struct config_head ch = {.version = s->q->version, .fencing = s->q->fencing};
	X509 *recipient = NULL, *signer = NULL;
	struct clv_buf der;
	clv_rc rc = CLV_FAILED;

	buf_init(&der, SECUREDATA_MAX);
	s->list = secret_new(RUNAS_LIST_MAX, err);
	if (!s->list || sha256(cert, rh.recipient, err) ||
	    copy_text(rh.group, sizeof rh.group, s->k->start->group, err) ||
	    copy_text(rh.agent, sizeof rh.agent, s->q->agent, err) ||
	    copy_text(ch.group, sizeof ch.group, s->k->start->group, err) ||
	    copy_text(ch.agent, sizeof ch.agent, s->q->agent, err) || put_servers(s, &ch, err))
		goto out;
	if (x509_from_der(cert, &recipient, err) ||
	    x509_from_der(buf_slice(&s->k->group_cert), &signer, err) || write_list(s, &rh, err) ||
	    securedata_seal(s->list, recipient, s->k->group_key, signer, &der, err) ||
	    config_write(&ch, s->uses, s->n_uses, buf_slice(&der), &s->xml, err))
		goto out;
	rc = sign_config(s, slice_of(rh.recipient, sizeof rh.recipient), err);
out:
	buf_release(&der);
	X509_free(recipient);
	X509_free(signer);
	secret_free(s->list);
	return rc;
}

static void release(struct sealing *s)
{
	for (size_t i = 0; i < s->n_rows; i++)
		proto_free(s->rows[i].body);
	clv_free(s->rows);
	clv_free(s->uses);
	buf_release(&s->xml);
	buf_release(&s->body);
	buf_release(&s->sig);
}

clv_rc kh_on_seal(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct kh *k = ctx;
	struct sealing s = {.k = k, .q = (const Clv__KhSeal *)msg};
	Clv__KhSealed m = CLV__KH_SEALED__INIT;
	ProtobufCMessage *pub = NULL;
	struct clv_err why = {0};
	clv_rc rc;

	(void)fds;
	buf_init(&s.xml, CONFIG_XML_MAX);
	buf_init(&s.body, 1024);
	buf_init(&s.sig, STATEMENT_SIG_MAX);
	if (!k->group_key || !kh_group_key(k, 0))
		(void)err_set(&why, CLV_E_DENIED, "this node has no group key");
	else if (!open_rows(&s, &why) && !check_publication(&s, &pub, &why) && !collect_uses(&s, &why))
		(void)seal(&s, PROTO_SLICE(((Clv__Publication *)pub)->certificate), &why);
	if (why.code) {
		rc = kh_answer_failed(k, s.q->id, &why, err);
	} else {
		m.id = s.q->id;
		m.xml = PROTO_BYTES(buf_slice(&s.xml));
		m.body = PROTO_BYTES(buf_slice(&s.body));
		m.signature = PROTO_BYTES(buf_slice(&s.sig));
		rc = kh_answer(k, IPC_KH_SEALED, &m.base, err);
	}
	proto_free(pub);
	release(&s);
	return rc;
}
