/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held accounts in the agent's vault (see keyholder_held.h). A password goes from one secret into
 * another, or into the vault; nothing here keeps a copy.
 */
#include "daemon/keyholder_held.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ENTROPY slice_of(NULL, 0)

static void item_name(const char *account, bool trial, char out[RUNAS_ID_LEN + 8])
{
	(void)snprintf(out, RUNAS_ID_LEN + 8, "%s%s", account, trial ? ".trial" : "");
}

/* --- one item: u64 version, u8 type, six texts, the password to the end --- */
static clv_rc put_text(struct clv_buf *b, const char *text, struct clv_err *err)
{
	return buf_put_lp(b, slice_str(text), err);
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

static clv_rc pack(const struct runas_account *a, const struct clv_secret *password, struct clv_secret *item,
                   struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 4096);
	if (!buf_put_u64(&b, a->version, err) && !buf_put_u8(&b, (uint8_t)a->type, err) &&
	    !put_text(&b, a->name, err) && !put_text(&b, a->user, err) && !put_text(&b, a->domain, err) &&
	    !put_text(&b, a->context, err) && !put_text(&b, a->auth_protocol, err) &&
	    !put_text(&b, a->privacy_protocol, err) &&
	    !secret_append(item, buf_slice(&b).ptr, buf_slice(&b).len, err))
		rc = secret_use(password, append, item, err);
	buf_release(&b);
	return rc;
}

static clv_rc take_text(struct clv_slice *s, char *out, size_t cap, struct clv_err *err)
{
	struct clv_slice t = {0};

	if (slice_get_lp(s, (uint32_t)cap - 1, &t, err))
		return CLV_FAILED;
	memcpy(out, t.ptr, t.len);
	out[t.len] = 0;
	return CLV_OK;
}

struct unpacking {
	struct runas_account *a;
	struct clv_secret *password; /* NULL: only what it is */
};

static clv_rc unpack(struct clv_slice s, void *ctx, struct clv_err *err)
{
	struct unpacking *u = ctx;
	struct runas_account *a = u->a;
	uint8_t type = 0;

	if (slice_get_u64(&s, &a->version, err) || slice_get_u8(&s, &type, err) ||
	    take_text(&s, a->name, sizeof a->name, err) || take_text(&s, a->user, sizeof a->user, err) ||
	    take_text(&s, a->domain, sizeof a->domain, err) ||
	    take_text(&s, a->context, sizeof a->context, err) ||
	    take_text(&s, a->auth_protocol, sizeof a->auth_protocol, err) ||
	    take_text(&s, a->privacy_protocol, sizeof a->privacy_protocol, err))
		return CLV_FAILED;
	if (type >= CLV_ACCOUNT_TYPE_MAX)
		return err_set(err, CLV_E_CORRUPT, "an account of no known type");
	a->type = (enum clv_account_type)type;
	if (!u->password)
		return CLV_OK;
	secret_clear(u->password);
	return secret_append(u->password, s.ptr, s.len, err);
}

clv_rc kh_held_get(struct kh *k, const char *account, bool trial, struct runas_account *a,
                   struct clv_secret *password, struct clv_err *err)
{
	struct clv_secret *item = secret_new(VAULT_ITEM_MAX, err);
	struct unpacking u = {a, password};
	char name[RUNAS_ID_LEN + 8];
	clv_rc rc = CLV_FAILED;

	item_name(account, trial, name);
	memset(a, 0, sizeof *a);
	(void)snprintf(a->id, sizeof a->id, "%s", account);
	a->trial = trial;
	if (item && !vault_get(k->vault, KH_PURPOSE_RUNAS, name, NO_ENTROPY, item, err))
		rc = secret_use(item, unpack, &u, err);
	secret_free(item);
	return rc;
}

/* --- keeping --- */
static Clv__KhHeld *add_held(struct kh_keeping *g, const struct runas_account *a)
{
	Clv__KhHeld *h;

	if (g->m->n_held == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 8;
		g->m->held = clv_realloc(g->m->held, g->cap, sizeof(Clv__KhHeld *));
	}
	h = clv_calloc(1, sizeof *h);
	clv__kh_held__init(h);
	h->account = clv_strdup(a->id);
	h->name = clv_strdup(a->name);
	h->version = a->version;
	h->trial = a->trial;
	g->m->held[g->m->n_held++] = h;
	return h;
}

/* After a recovery: what is held stays, in the version in which it is held; nothing is said where none is. */
static clv_rc keep_old(struct kh_keeping *g, Clv__KhHeld *h, struct clv_err *err)
{
	struct runas_account *old = clv_calloc(1, sizeof *old);
	struct clv_err why = {0};
	clv_rc rc = CLV_OK;

	if (!kh_held_get(g->k, h->account, false, old, NULL, &why)) {
		h->version = old->version;
	} else if (why.code == CLV_E_NOTFOUND) {
		g->m->n_held--;
		clv_free(h->account);
		clv_free(h->name);
		clv_free(h);
	} else {
		rc = CLV_FAILED;
		*err = why;
	}
	clv_free(old);
	return rc;
}

clv_rc kh_held_keep(const struct runas_account *a, const struct clv_secret *password, void *keeping,
                    struct clv_err *err)
{
	struct kh_keeping *g = keeping;
	struct clv_secret *item;
	char name[RUNAS_ID_LEN + 8];
	Clv__KhHeld *h;
	clv_rc rc = CLV_FAILED;

	h = add_held(g, a);
	if (a->keep)
		return keep_old(g, h, err);
	item = secret_new(VAULT_ITEM_MAX, err);
	item_name(a->id, a->trial, name);
	if (item && !pack(a, password, item, err))
		rc = vault_put(g->k->vault, KH_PURPOSE_RUNAS, name, NO_ENTROPY, item, err);
	secret_free(item);
	return rc;
}

void kh_held_free(Clv__KhOpened *m)
{
	for (size_t i = 0; i < m->n_held; i++) {
		clv_free(m->held[i]->account);
		clv_free(m->held[i]->name);
		clv_free(m->held[i]);
	}
	clv_free(m->held);
	m->held = NULL;
	m->n_held = 0;
}

struct names {
	char **list;
	size_t n, cap;
};

static clv_rc collect(const char *name, void *ctx, struct clv_err *err)
{
	struct names *l = ctx;

	(void)err;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->list = clv_realloc(l->list, l->cap, sizeof(char *));
	}
	l->list[l->n++] = clv_strdup(name);
	return CLV_OK;
}

static void free_names(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		clv_free(l->list[i]);
	clv_free(l->list);
}

static bool is_held(const Clv__KhOpened *m, const char *name)
{
	char have[RUNAS_ID_LEN + 8];

	for (size_t i = 0; i < m->n_held; i++) {
		item_name(m->held[i]->account, m->held[i]->trial, have);
		if (strcmp(have, name) == 0)
			return true;
	}
	return false;
}

/* An item that the configuration did not name: what it is, in what version. */
static clv_rc tell_other(struct kh_keeping *g, const char *item, struct clv_err *err)
{
	struct runas_account *a = clv_calloc(1, sizeof *a);
	char id[RUNAS_ID_LEN + 1];
	bool trial = strlen(item) > RUNAS_ID_LEN;
	clv_rc rc;

	(void)snprintf(id, sizeof id, "%s", item);
	rc = kh_held_get(g->k, id, trial, a, NULL, err);
	if (!rc)
		add_held(g, a)->other = true;
	clv_free(a);
	return rc;
}

static clv_rc drop_others(struct kh_keeping *g, struct clv_err *err)
{
	struct names l = {0};
	clv_rc rc = vault_names(g->k->vault, KH_PURPOSE_RUNAS, collect, &l, err);

	for (size_t i = 0; !rc && i < l.n; i++)
		if (!is_held(g->m, l.list[i]))
			rc = g->keep_others ? tell_other(g, l.list[i], err)
			                    : vault_delete(g->k->vault, KH_PURPOSE_RUNAS, l.list[i], err);
	free_names(&l);
	return rc;
}

/* --- profiles: an item each: associations as u8 kind, lp account, lp target --- */
/* Those that are not there yet, as they lie. */
static clv_rc put_old_uses(struct kh *k, const char *profile, struct clv_buf *b, struct clv_err *err)
{
	struct clv_buf old;
	struct clv_slice s;
	clv_rc rc;

	buf_init(&old, VAULT_ITEM_MAX);
	rc = vault_get_bytes(k->vault, KH_PURPOSE_PROFILE, profile, &old, err);
	s = buf_slice(&old);
	while (!rc && s.len) {
		struct clv_slice from = s, skipped = {0};
		uint8_t kind = 0;

		if (slice_get_u8(&s, &kind, err) || slice_get_lp(&s, CONFIG_NAME_MAX, &skipped, err) ||
		    slice_get_lp(&s, CONFIG_NAME_MAX, &skipped, err))
			rc = CLV_FAILED;
		else if (!memmem(buf_slice(b).ptr ? (const void *)buf_slice(b).ptr : "", buf_slice(b).len,
		                 from.ptr, from.len - s.len))
			rc = buf_put(b, slice_of(from.ptr, from.len - s.len), err);
	}
	buf_release(&old);
	return rc;
}

static clv_rc put_profile(struct kh *k, const struct config_association *uses, size_t n, const char *profile,
                          bool and_old, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_OK;

	buf_init(&b, VAULT_ITEM_MAX);
	for (size_t i = 0; !rc && i < n; i++)
		if (strcmp(uses[i].profile, profile) == 0 &&
		    (buf_put_u8(&b, (uint8_t)uses[i].kind, err) || put_text(&b, uses[i].account, err) ||
		     put_text(&b, uses[i].target, err)))
			rc = CLV_FAILED;
	/* The first of equal rank is chosen: what is new goes before what was. */
	if (!rc && and_old && vault_has(k->vault, KH_PURPOSE_PROFILE, profile))
		rc = put_old_uses(k, profile, &b, err);
	if (!rc)
		rc = vault_put_bytes(k->vault, KH_PURPOSE_PROFILE, profile, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

static bool is_used(const struct config_association *uses, size_t n, const char *profile)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(uses[i].profile, profile) == 0)
			return true;
	return false;
}

clv_rc kh_held_finish(struct kh_keeping *g, const struct config_association *uses, size_t n,
                      struct clv_err *err)
{
	struct names l = {0};
	clv_rc rc;

	if (drop_others(g, err))
		return CLV_FAILED;
	rc = vault_names(g->k->vault, KH_PURPOSE_PROFILE, collect, &l, err);
	for (size_t i = 0; !rc && i < l.n; i++)
		if (!g->keep_others && !is_used(uses, n, l.list[i]))
			rc = vault_delete(g->k->vault, KH_PURPOSE_PROFILE, l.list[i], err);
	for (size_t i = 0; !rc && i < n; i++)
		if (!is_used(uses, i, uses[i].profile))
			rc = put_profile(g->k, uses, n, uses[i].profile, g->keep_others, err);
	free_names(&l);
	return rc;
}

/* --- choosing --- */
static bool is_in(char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* The narrower target wins; 0: it does not apply here. */
static int rank_of(const struct kh *k, uint8_t kind, const char *target)
{
	switch ((enum clv_target_kind)kind) {
	case CLV_TARGET_OBJECT:
		return is_in(k->start->objects, k->start->n_objects, target) ? 5 : 0;
	case CLV_TARGET_GROUP:
		return 4;
	case CLV_TARGET_PATTERN:
		return 3;
	case CLV_TARGET_CLASS:
		return is_in(k->start->classes, k->start->n_classes, target) ? 2 : 0;
	case CLV_TARGET_ALL:
		return 1;
	case CLV_TARGET_MAX:
		break;
	}
	return 0;
}

typedef void use_fn(void *ctx, int rank, const char *account);

static clv_rc each_use(struct kh *k, const char *profile, use_fn *fn, void *ctx, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice s;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, VAULT_ITEM_MAX);
	if (vault_get_bytes(k->vault, KH_PURPOSE_PROFILE, profile, &b, err))
		goto out;
	s = buf_slice(&b);
	while (s.len) {
		char account[RUNAS_ID_LEN + 1], target[CONFIG_NAME_MAX];
		uint8_t kind = 0;

		if (slice_get_u8(&s, &kind, err) || take_text(&s, account, sizeof account, err) ||
		    take_text(&s, target, sizeof target, err))
			goto out;
		fn(ctx, rank_of(k, kind, target), account);
	}
	rc = CLV_OK;
out:
	buf_release(&b);
	return rc;
}

struct choice {
	int rank;
	char *account;
};

static void choose(void *ctx, int rank, const char *account)
{
	struct choice *c = ctx;

	if (rank <= c->rank)
		return;
	c->rank = rank;
	(void)snprintf(c->account, RUNAS_ID_LEN + 1, "%s", account);
}

clv_rc kh_held_choose(struct kh *k, const char *profile, char account[RUNAS_ID_LEN + 1], struct clv_err *err)
{
	struct choice c = {0, account};

	account[0] = 0;
	if (each_use(k, profile, choose, &c, err))
		return CLV_FAILED;
	return c.rank ? CLV_OK
	              : err_set(err, CLV_E_NOTFOUND,
	                        "no association of profile '%s' applies to this host's classes and objects",
	                        profile);
}

struct using
{
	const char *account;
	bool uses;
};

static void look(void *ctx, int rank, const char *account)
{
	struct using *u = ctx;

	if (rank && strcmp(account, u->account) == 0)
		u->uses = true;
}

clv_rc kh_held_uses(struct kh *k, const char *profile, const char *account, bool *uses, struct clv_err *err)
{
	struct using u = {account, false};

	*uses = false;
	if (!vault_has(k->vault, KH_PURPOSE_PROFILE, profile))
		return CLV_OK;
	if (each_use(k, profile, look, &u, err))
		return CLV_FAILED;
	*uses = u.uses;
	return CLV_OK;
}

uint32_t kh_held_action(struct kh *k)
{
	struct runas_account *a = clv_calloc(1, sizeof *a);
	char account[RUNAS_ID_LEN + 1];
	struct clv_err err = {0};
	uint32_t event = 0;

	if (vault_has(k->vault, KH_PURPOSE_PROFILE, KH_ACTION_PROFILE) &&
	    !kh_held_choose(k, KH_ACTION_PROFILE, account, &err)) {
		if (kh_held_get(k, account, false, a, NULL, &err))
			event = 7009;
		else if (a->type != CLV_ACCOUNT_ACTION && a->type != CLV_ACCOUNT_WINDOWS)
			event = 7010;
	}
	clv_free(a);
	return event;
}
