/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that decide, loaded, checked by the key holder, kept up to date (see core_rules.h). A row that does
 * not hold is named, and left out: what it decided is undecided. Runs in core.
 */
#include "daemon/core_rules.h"
#include "base/log.h"
#include "model/distribution.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_ROWS  500u
#define CHECK_BYTES (512u * 1024u)

/* --- finding --- */
static struct rule *find_key(const struct rule_list *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i]->key, key) == 0)
			return l->list[i];
	return NULL;
}

struct rule *rules_account(const struct server *s, const char *id)
{
	return find_key(&s->rules->accounts, id);
}

struct rule *rules_account_named(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->rules->accounts.n; i++)
		if (strcmp(RULE_ACCOUNT(s->rules->accounts.list[i])->name, name) == 0)
			return s->rules->accounts.list[i];
	return NULL;
}

struct rule *rules_group(const struct server *s, const char *name)
{
	return find_key(&s->rules->groups, name);
}

struct rule *rules_profile(const struct server *s, const char *name)
{
	return find_key(&s->rules->profiles, name);
}

char *const *rules_members(void *server, const char *group, size_t *n)
{
	const struct rule *r = rules_group(server, group);

	*n = r ? RULE_GROUP(r)->n_members : 0;
	return r ? RULE_GROUP(r)->members : NULL;
}

bool rules_goes_to(const struct server *s, const Clv__AccountRow *a, const char *node)
{
	return a->less_secure ||
	       distribution_covers(a->goes_to, a->n_goes_to, node, rules_members, (void *)(uintptr_t)s);
}

void rules_role_key(const char *principal, enum clv_role role, char out[512])
{
	(void)snprintf(out, 512, "%s\n%d", principal, (int)role);
}

static struct role_grant *find_role(const struct server *s, const char *key)
{
	char have[512];

	for (size_t i = 0; i < s->n_roles; i++) {
		rules_role_key(s->roles[i].principal, s->roles[i].role, have);
		if (strcmp(have, key) == 0)
			return &s->roles[i];
	}
	return NULL;
}

static struct rule_list *list_of(struct rules *r, const char *kind, const ProtobufCMessageDescriptor **body)
{
	if (strcmp(kind, "account") == 0) {
		*body = &clv__account_row__descriptor;
		return &r->accounts;
	}
	if (strcmp(kind, "group") == 0) {
		*body = &clv__group_row__descriptor;
		return &r->groups;
	}
	*body = &clv__profile_row__descriptor;
	return strcmp(kind, "profile") == 0 ? &r->profiles : NULL;
}

static void remember_unused(struct rules *r, const char *kind, const char *key, uint64_t seq)
{
	for (size_t i = 0; i < r->n_bad; i++)
		if (strcmp(r->bad[i].kind, kind) == 0 && strcmp(r->bad[i].key, key) == 0) {
			r->bad[i].seq = seq;
			return;
		}
	r->bad = clv_realloc(r->bad, r->n_bad + 1, sizeof *r->bad);
	r->bad[r->n_bad++] = (struct bad_rule){clv_strdup(kind), clv_strdup(key), seq};
}

uint64_t rules_seq(const struct server *s, const char *kind, const char *key)
{
	const ProtobufCMessageDescriptor *body = NULL;
	const struct rule_list *l = list_of(s->rules, kind, &body);
	const struct rule *r = l ? find_key(l, key) : NULL;
	const struct node *n = strcmp(kind, "approval") == 0 ? server_find(s, key) : NULL;
	const struct role_grant *g = strcmp(kind, "role") == 0 ? find_role(s, key) : NULL;

	assert(s->rules);
	if (r || n || g)
		return r ? r->seq : n ? n->row_seq : g->row_seq;
	for (size_t i = 0; i < s->rules->n_bad; i++)
		if (strcmp(s->rules->bad[i].kind, kind) == 0 && strcmp(s->rules->bad[i].key, key) == 0)
			return s->rules->bad[i].seq;
	return 0;
}

/* --- keeping --- */
static void free_rule(struct rule *r)
{
	clv_free(r->key);
	buf_release(&r->body);
	proto_free(r->msg);
	clv_free(r);
}

static void drop_rule(struct server *s, struct rule_list *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i]->key, key) == 0) {
			struct rule *r = l->list[i];

			if (l == &s->rules->accounts)
				for (size_t j = 0; j < s->n_nodes; j++)
					deliver_drop(s->nodes[j], r);
			l->n--;
			memmove(&l->list[i], &l->list[i + 1], (l->n - i) * sizeof l->list[0]);
			free_rule(r);
			return;
		}
}

/* In the order of keys, so that the same rules hash to the same content. */
static void insert(struct rule_list *l, struct rule *r)
{
	size_t i = l->n;

	l->list = clv_realloc(l->list, l->n + 1, sizeof(struct rule *));
	while (i > 0 && strcmp(l->list[i - 1]->key, r->key) > 0) {
		l->list[i] = l->list[i - 1];
		i--;
	}
	l->list[i] = r;
	l->n++;
}

/* The rule keeps its address while it lives: what hosts hold points at it. */
static clv_rc put_rule(struct rule_list *l, const ProtobufCMessageDescriptor *body,
                       const struct store_row *row, struct clv_err *err)
{
	struct rule *r = find_key(l, row->key);
	ProtobufCMessage *msg = NULL;

	if (proto_decode(body, row->body, &msg, err))
		return CLV_FAILED;
	if (!r) {
		r = clv_calloc(1, sizeof *r);
		r->key = clv_strdup(row->key);
		buf_init(&r->body, IPC_BODY_MAX);
		insert(l, r);
	}
	proto_free(r->msg);
	r->msg = msg;
	r->seq = row->seq;
	buf_clear(&r->body);
	if (row->mac.len) /* else it keeps the one that it has */
		(void)slice_fill(row->mac, r->mac, ROW_MAC_LEN);
	return buf_put(&r->body, row->body, err);
}

static void took_special(struct server *s, const struct act_row *r)
{
	struct node *n = strcmp(r->kind, "approval") == 0 ? server_find(s, r->key) : NULL;
	struct role_grant *g = strcmp(r->kind, "role") == 0 ? find_role(s, r->key) : NULL;

	if (n) {
		n->row_seq = r->seq;
		memcpy(n->row_mac, r->mac, ROW_MAC_LEN);
	} else if (g) {
		g->row_seq = r->seq;
	}
}

void rules_took(struct core *c, const struct act_row *r)
{
	struct server *s = c->srv;
	const ProtobufCMessageDescriptor *body = NULL;
	struct rule_list *l = list_of(s->rules, r->kind, &body);
	struct store_row row = {r->kind, r->key, r->seq, buf_slice(&r->body),
	                        slice_of(r->mac, sizeof r->mac)};
	struct clv_err err = {0};

	if (row.body.len == 0) {
		remember_unused(s->rules, r->kind, r->key, r->seq);
		if (l)
			drop_rule(s, l, r->key);
	} else if (!l) {
		took_special(s, r);
	} else if (put_rule(l, body, &row, &err)) {
		log_err(LOG_ERROR, &err, "taking a row into memory");
	}
}

void rules_pack(Clv__Row *out, const char *kind, const struct rule *r)
{
	clv__row__init(out);
	out->kind = (char *)(uintptr_t)kind;
	out->key = r->key;
	out->seq = r->seq;
	out->body = PROTO_BYTES(buf_slice(&r->body));
	out->mac = PROTO_BYTES(slice_of(r->mac, sizeof r->mac));
}

clv_rc rules_approval(const struct node *n, struct clv_buf *body, struct clv_err *err)
{
	Clv__ApprovalRow m = CLV__APPROVAL_ROW__INIT;

	m.name = n->name;
	m.role = (char *)(uintptr_t)node_roles[n->role];
	m.approval = n->approval;
	m.node_key = PROTO_BYTES(buf_slice(&n->node_key));
	m.machine = PROTO_BYTES(slice_of(n->machine, sizeof n->machine));
	m.pinned_at = n->pinned_at;
	m.pinned_by = n->pinned_by;
	m.via = n->via;
	m.via_before = n->via_before;
	return proto_encode(&m.base, body, err);
}

/* --- loading --- */
struct loaded {
	char *kind, *key;
	uint64_t seq;
	struct clv_buf body, mac;
};

struct checking {
	struct loaded *rows;
	size_t n, at, cap;
	bool last; /* the last of them were asked for */
	void (*next)(struct core *c);
};

static clv_rc keep_row(const struct store_row *r, void *ctx, struct clv_err *err)
{
	struct server *s = ctx;
	struct checking *k = s->checking;
	struct loaded *l;

	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->rows = clv_realloc(k->rows, k->cap, sizeof *k->rows);
	}
	l = &k->rows[k->n];
	l->kind = clv_strdup(r->kind);
	l->key = clv_strdup(r->key);
	l->seq = r->seq;
	buf_init(&l->body, IPC_BODY_MAX);
	buf_init(&l->mac, 1024);
	k->n++;
	if (buf_put(&l->body, r->body, err))
		return CLV_FAILED;
	/* A MAC of a wrong length is as wrong as any other. */
	return buf_put(&l->mac, slice_of(r->mac.ptr, r->mac.len > 64 ? 64 : r->mac.len), err);
}

clv_rc rules_load(struct db *d, struct server *s, struct clv_err *err)
{
	s->checking = clv_calloc(1, sizeof *s->checking);
	return store_rows(d, keep_row, s, err);
}

static void free_checking(struct server *s)
{
	struct checking *k = s->checking;

	for (size_t i = 0; i < k->n; i++) {
		clv_free(k->rows[i].kind);
		clv_free(k->rows[i].key);
		buf_release(&k->rows[i].body);
		buf_release(&k->rows[i].mac);
	}
	clv_free(k->rows);
	clv_free(k);
	s->checking = NULL;
}

static void name_bad(struct core *c, const char *kind, const char *key, const char *why)
{
	char shown[200];

	(void)snprintf(shown, sizeof shown, "%.*s", (int)strcspn(key, "\n"), key);
	core_event(
	    c, 2004,
	    "The database's row of %s '%s' is not used: %s. Somebody wrote to the database, or an older "
	    "copy of it was brought back.",
	    kind, shown, why);
}

/* The row holds: what stands in the nodes' table must say the same. */
static void use_approval(struct core *c, const struct loaded *l)
{
	struct node *n = server_find(c->srv, l->key);
	struct clv_buf body;

	buf_init(&body, 4096);
	if (!n) {
		name_bad(c, l->kind, l->key, "the node's own row is gone");
		remember_unused(c->srv->rules, l->kind, l->key, l->seq);
	} else if (rules_approval(n, &body, NULL) || !slice_eq(buf_slice(&body), buf_slice(&l->body))) {
		name_bad(c, l->kind, l->key, "the node's own row was altered");
		remember_unused(c->srv->rules, l->kind, l->key, l->seq);
	} else {
		n->row_seq = l->seq;
		(void)slice_fill(buf_slice(&l->mac), n->row_mac, ROW_MAC_LEN); /* was found to hold */
	}
	buf_release(&body);
}

static void use_role(struct server *s, const struct loaded *l)
{
	ProtobufCMessage *m = NULL;
	const Clv__RoleRow *r;

	if (proto_decode(&clv__role_row__descriptor, buf_slice(&l->body), &m, NULL))
		return;
	r = (const Clv__RoleRow *)m;
	if (r->role < CLV_ROLE_MAX) {
		s->roles = clv_realloc(s->roles, s->n_roles + 1, sizeof *s->roles);
		s->roles[s->n_roles++] = (struct role_grant){clv_strdup(r->principal), clv_strdup(r->by),
		                                             (enum clv_role)r->role, r->since, l->seq};
	}
	proto_free(m);
}

static void use_row(struct core *c, const struct loaded *l)
{
	const ProtobufCMessageDescriptor *body = NULL;
	struct rule_list *list = list_of(c->srv->rules, l->kind, &body);
	struct store_row row = {l->kind, l->key, l->seq, buf_slice(&l->body), buf_slice(&l->mac)};
	struct clv_err err = {0};

	if (row.body.len == 0)
		remember_unused(c->srv->rules, l->kind, l->key, l->seq);
	else if (list && put_rule(list, body, &row, &err))
		name_bad(c, l->kind, l->key, err.text);
	else if (strcmp(l->kind, "approval") == 0)
		use_approval(c, l);
	else if (strcmp(l->kind, "role") == 0)
		use_role(c->srv, l);
}

static bool is_bad(const Clv__KhRowsChecked *m, const struct loaded *l)
{
	for (size_t i = 0; i < m->n_bad; i++)
		if (strcmp(m->bad[i]->kind, l->kind) == 0 && strcmp(m->bad[i]->key, l->key) == 0)
			return true;
	return false;
}

/* A node whose approval does not hold is not a member: it gets nothing and its links are refused. */
static void drop_unapproved(struct core *c)
{
	size_t i = 0;

	while (i < c->srv->n_nodes) {
		struct node *n = c->srv->nodes[i];

		if (n->row_seq) {
			i++;
			continue;
		}
		name_bad(c, "node", n->name,
		         "no approval of it holds; it is not a member until it is accepted again");
		server_drop(c, n);
	}
}

static void check_some(struct core *c);

static void on_checked(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                       const struct clv_err *err)
{
	const Clv__KhRowsChecked *k = (const Clv__KhRowsChecked *)m;
	size_t upto = (size_t)(uintptr_t)ctx;
	struct checking *g = c->srv->checking;

	(void)type;
	if (!m) {
		core_outcome(c, 1, "the key holder could not check the database's rows: %s", err->text);
		return;
	}
	for (size_t i = 0; i < k->n_bad; i++)
		name_bad(c, k->bad[i]->kind, k->bad[i]->key, k->bad[i]->text);
	for (; g->at < upto; g->at++) {
		const struct loaded *l = &g->rows[g->at];

		if (is_bad(k, l))
			remember_unused(c->srv->rules, l->kind, l->key, l->seq);
		else
			use_row(c, l);
	}
	check_some(c);
}

static void check_some(struct core *c)
{
	struct checking *g = c->srv->checking;
	Clv__KhRowsCheck m = CLV__KH_ROWS_CHECK__INIT;
	Clv__Row *rows, **list;
	size_t bytes = 0, i = g->at;
	void (*next)(struct core *) = g->next;

	if (g->last) {
		drop_unapproved(c);
		free_checking(c->srv);
		next(c);
		return;
	}
	rows = clv_calloc(CHECK_ROWS, sizeof *rows);
	list = clv_calloc(CHECK_ROWS, sizeof(Clv__Row *));
	for (; i < g->n && m.n_rows < CHECK_ROWS && bytes < CHECK_BYTES; i++, m.n_rows++) {
		const struct loaded *l = &g->rows[i];
		Clv__Row *r = &rows[m.n_rows];

		clv__row__init(r);
		r->kind = l->kind;
		r->key = l->key;
		r->seq = l->seq;
		r->body = PROTO_BYTES(buf_slice(&l->body));
		r->mac = PROTO_BYTES(buf_slice(&l->mac));
		list[m.n_rows] = r;
		bytes += r->body.len + 128;
	}
	m.rows = list;
	m.last = g->last = i == g->n;
	kh_ask(c, IPC_KH_ROWS_CHECK, &m.base, on_checked, (void *)(uintptr_t)i);
	clv_free(rows);
	clv_free(list);
}

void rules_check(struct core *c, void (*next)(struct core *c))
{
	c->srv->checking->next = next;
	check_some(c);
}
