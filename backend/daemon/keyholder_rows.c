/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that decide who gets what: made, checked and remembered (design 3, "A database writer is an enemy
 * too"). A row's MAC covers group, kind, key, sequence and body; the highest sequence of each row lies in
 * the vault, so that an inserted, altered, swapped, restored or missing row has a name. Runs in the key
 * holder.
 */
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "proto/codec.h"
#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 1024u

static const struct {
	const char *kind;
	const ProtobufCMessageDescriptor *body;
} kinds[] = {
    {"approval", &clv__approval_row__descriptor}, {"account", &clv__account_row__descriptor},
    {"group", &clv__group_row__descriptor},       {"profile", &clv__profile_row__descriptor},
    {"role", &clv__role_row__descriptor},
};

static const ProtobufCMessageDescriptor *body_of(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].body;
	return NULL;
}

/* --- what was seen --- */
static size_t bucket_of(const struct kh_group *g, const char *name)
{
	uint64_t h = 1469598103934665603ull; /* names are ours: no flooding to fear */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211ull;
	return (size_t)(h % g->n_buckets);
}

static struct kh_seen *find_seen(const struct kh_group *g, const char *name)
{
	struct kh_seen *s = g->n_buckets ? g->buckets[bucket_of(g, name)] : NULL;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

static void grow(struct kh_group *g)
{
	struct kh_seen **old = g->buckets, *s;
	size_t n = g->n_buckets;

	g->n_buckets = n ? n * 4 : BUCKETS_FIRST;
	g->buckets = clv_calloc(g->n_buckets, sizeof(struct kh_seen *));
	for (size_t i = 0; i < n; i++)
		while ((s = old[i])) {
			size_t b = bucket_of(g, s->name);

			old[i] = s->next;
			s->next = g->buckets[b];
			g->buckets[b] = s;
		}
	clv_free(old);
}

static struct kh_seen *add_seen(struct kh_group *g, const char *name)
{
	struct kh_seen *s = find_seen(g, name);
	size_t len = strlen(name) + 1, b;

	if (s)
		return s;
	if (g->n_seen >= g->n_buckets)
		grow(g);
	s = clv_calloc(1, sizeof *s + len);
	memcpy(s->name, name, len);
	b = bucket_of(g, name);
	s->next = g->buckets[b];
	g->buckets[b] = s;
	g->n_seen++;
	return s;
}

static clv_rc name_row(const Clv__Row *row, char out[KH_ROW_KEY_MAX], struct clv_err *err)
{
	int n;

	if (!body_of(row->kind) || strchr(row->kind, '/'))
		return err_set(err, CLV_E_DENIED, "no row is of kind '%.32s'", row->kind);
	n = snprintf(out, KH_ROW_KEY_MAX, "%s/%s", row->kind, row->key);
	if (n < 0 || (size_t)n >= KH_ROW_KEY_MAX)
		return err_set(err, CLV_E_LIMIT, "a row's key of %zu bytes", strlen(row->key));
	return CLV_OK;
}

static clv_rc remember(struct kh *k, const char *name, uint64_t seq, bool removed, struct clv_err *err)
{
	struct kh_seen *s;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 16);
	if (!buf_put_u64(&b, seq, err) && !buf_put_u8(&b, removed, err))
		rc = vault_put_bytes(k->vault, KH_PURPOSE_ROW, name, buf_slice(&b), err);
	buf_release(&b);
	if (rc)
		return rc;
	s = add_seen(k->group, name);
	s->seq = seq;
	s->removed = removed;
	s->checked = true;
	return CLV_OK;
}

static clv_rc add_name(const char *name, void *ctx, struct clv_err *err)
{
	(void)err;
	(void)add_seen(ctx, name);
	return CLV_OK;
}

static clv_rc load_seen(struct kh *k, struct kh_seen *s, struct clv_err *err)
{
	struct clv_buf b;
	struct clv_slice v;
	uint8_t removed = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 64);
	if (!vault_get_bytes(k->vault, KH_PURPOSE_ROW, s->name, &b, err)) {
		v = buf_slice(&b);
		if (!slice_get_u64(&v, &s->seq, err) && !slice_get_u8(&v, &removed, err))
			rc = CLV_OK;
	}
	s->removed = removed != 0;
	buf_release(&b);
	return rc;
}

clv_rc kh_rows_load(struct kh *k, struct clv_err *err)
{
	struct kh_group *g = k->group;

	if (vault_names(k->vault, KH_PURPOSE_ROW, add_name, g, err))
		return CLV_FAILED;
	for (size_t i = 0; i < g->n_buckets; i++)
		for (struct kh_seen *s = g->buckets[i]; s; s = s->next)
			if (load_seen(k, s, err))
				return CLV_FAILED;
	return CLV_OK;
}

void kh_rows_unload(struct kh *k)
{
	struct kh_group *g = k->group;
	struct kh_seen *s;

	for (size_t i = 0; i < g->n_buckets; i++)
		while ((s = g->buckets[i])) {
			g->buckets[i] = s->next;
			clv_free(s);
		}
	clv_free(g->buckets);
	g->buckets = NULL;
	g->n_buckets = g->n_seen = 0;
}

/* --- MACs --- */
struct maccing {
	struct clv_slice what;
	uint8_t *out;
};

static clv_rc mac_with(struct clv_slice key, void *ctx, struct clv_err *err)
{
	const struct maccing *m = ctx;
	unsigned len = 32;

	if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, m->what.ptr, m->what.len, m->out, &len))
		return err_set(err, CLV_E_CRYPTO, "HMAC failed");
	return CLV_OK;
}

clv_rc kh_row_mac(struct kh *k, const Clv__Row *row, uint32_t version, uint8_t out[KH_ROW_MAC_LEN],
                  struct clv_err *err)
{
	const struct kh_group_key *g = kh_group_key(k, version);
	struct clv_buf b;
	struct maccing m = {.out = out + 4};
	clv_rc rc = CLV_FAILED;

	if (!g)
		return err_set(err, CLV_E_AUTH, "it is not under a group key of this server");
	out[0] = (uint8_t)(g->version >> 24);
	out[1] = (uint8_t)(g->version >> 16);
	out[2] = (uint8_t)(g->version >> 8);
	out[3] = (uint8_t)g->version;
	buf_init(&b, IPC_BODY_MAX);
	if (!buf_put(&b, SLICE_LIT("claviger/1 row"), err) &&
	    !buf_put_lp(&b, slice_str(k->start->group), err) && !buf_put_lp(&b, slice_str(row->kind), err) &&
	    !buf_put_lp(&b, slice_str(row->key), err) && !buf_put_u64(&b, row->seq, err) &&
	    !buf_put_lp(&b, PROTO_SLICE(row->body), err)) {
		m.what = buf_slice(&b);
		rc = secret_use(g->mac, mac_with, &m, err);
	}
	buf_release(&b);
	return rc;
}

static clv_rc check_mac(struct kh *k, const Clv__Row *row, struct clv_err *err)
{
	struct clv_slice mac = PROTO_SLICE(row->mac), head = mac;
	uint8_t want[KH_ROW_MAC_LEN];
	uint32_t version = 0;

	if (mac.len != KH_ROW_MAC_LEN || slice_get_u32(&head, &version, NULL) || version == 0 ||
	    kh_row_mac(k, row, version, want, err) || !slice_eq_ct(mac, slice_of(want, sizeof want))) {
		err_clear(err);
		return err_set(err, CLV_E_AUTH, "it was not written by this group's servers");
	}
	return CLV_OK;
}

clv_rc kh_row_open(struct kh *k, const Clv__Row *row, ProtobufCMessage **body, struct clv_err *err)
{
	char name[KH_ROW_KEY_MAX];
	const struct kh_seen *s;

	*body = NULL;
	if (name_row(row, name, err) || check_mac(k, row, err))
		return CLV_FAILED;
	s = find_seen(k->group, name);
	if (s && row->seq < s->seq)
		return err_set(err, CLV_E_CONFLICT,
		               "it is older (%" PRIu64 ") than what was seen (%" PRIu64 ")", row->seq,
		               s->seq);
	if (row->body.len == 0)
		return CLV_OK;
	return proto_decode(body_of(row->kind), PROTO_SLICE(row->body), body, err);
}

/* --- verbs --- */
clv_rc kh_on_row(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhRow *q = (const Clv__KhRow *)msg;
	struct kh *k = ctx;
	Clv__KhRowMade m = CLV__KH_ROW_MADE__INIT;
	Clv__Row row = CLV__ROW__INIT;
	ProtobufCMessage *body = NULL;
	char name[KH_ROW_KEY_MAX];
	uint8_t mac[KH_ROW_MAC_LEN];
	const struct kh_seen *s;
	struct clv_err why = {0};

	(void)fds;
	if (!q->row || name_row(q->row, name, &why) ||
	    (q->row->body.len && proto_decode(body_of(q->row->kind), PROTO_SLICE(q->row->body), &body, &why)))
		goto out;
	s = find_seen(k->group, name);
	row = *q->row;
	row.seq = (s && s->seq > row.seq ? s->seq : row.seq) + 1;
	if (kh_row_mac(k, &row, 0, mac, &why))
		goto out;
	row.mac = PROTO_BYTES(slice_of(mac, sizeof mac));
	m.id = q->id;
	m.row = &row;
out:
	proto_free(body);
	if (!m.row) {
		if (!why.code)
			(void)err_set(&why, CLV_E_PROTO, "no row was given");
		return kh_answer_failed(k, q->id, &why, err);
	}
	return kh_answer(k, IPC_KH_ROW_MADE, &m.base, err);
}

clv_rc kh_on_row_kept(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhRowKept *q = (const Clv__KhRowKept *)msg;
	Clv__Row row = CLV__ROW__INIT;
	struct kh *k = ctx;
	char name[KH_ROW_KEY_MAX];
	const struct kh_seen *s;
	struct clv_err why = {0};

	(void)fds;
	row.kind = q->kind;
	row.key = q->key;
	if (!name_row(&row, name, &why)) {
		s = find_seen(k->group, name);
		if (s && s->seq >= q->seq)
			return kh_answer_done(k, q->id, err);
		if (!remember(k, name, q->seq, q->removed, &why))
			return kh_answer_done(k, q->id, err);
	}
	return kh_answer_failed(k, q->id, &why, err);
}

struct bad {
	Clv__KhBadRow *rows, **list;
	size_t n, cap;
};

static void add_bad(struct bad *b, const char *kind, const char *key, const char *text)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 16;
		b->rows = clv_realloc(b->rows, b->cap, sizeof *b->rows);
	}
	clv__kh_bad_row__init(&b->rows[b->n]);
	b->rows[b->n].kind = clv_strdup(kind);
	b->rows[b->n].key = clv_strdup(key);
	b->rows[b->n++].text = clv_strdup(text);
}

static void free_bad(struct bad *b)
{
	for (size_t i = 0; i < b->n; i++) {
		clv_free(b->rows[i].kind);
		clv_free(b->rows[i].key);
		clv_free(b->rows[i].text);
	}
	clv_free(b->rows);
	clv_free(b->list);
}

/* A newer row than was seen is one whose commit we did not hear of, or another server's. */
static clv_rc check_one(struct kh *k, const Clv__Row *row, struct bad *bad, struct clv_err *err)
{
	ProtobufCMessage *body = NULL;
	char name[KH_ROW_KEY_MAX];
	struct clv_err why = {0};
	struct kh_seen *s;
	clv_rc rc = CLV_OK;

	if (kh_row_open(k, row, &body, &why) || name_row(row, name, &why)) {
		add_bad(bad, row->kind, row->key, why.text);
		if (!name_row(row, name, &why) && (s = find_seen(k->group, name)))
			s->checked = true; /* named already */
		return CLV_OK;
	}
	s = find_seen(k->group, name);
	if (!s || s->seq < row->seq)
		rc = remember(k, name, row->seq, row->body.len == 0, err);
	else
		s->checked = true;
	proto_free(body);
	return rc;
}

static void report_missing(struct kh *k, struct bad *bad)
{
	char kind[32];

	for (size_t i = 0; i < k->group->n_buckets; i++)
		for (struct kh_seen *s = k->group->buckets[i]; s; s = s->next) {
			const char *slash = strchr(s->name, '/');
			size_t n = slash ? (size_t)(slash - s->name) : 0;

			if (s->checked || s->removed || !n || n >= sizeof kind)
				continue;
			memcpy(kind, s->name, n);
			kind[n] = 0;
			add_bad(bad, kind, slash + 1, "it was here and is gone");
		}
}

clv_rc kh_on_rows_check(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhRowsCheck *q = (const Clv__KhRowsCheck *)msg;
	struct kh *k = ctx;
	Clv__KhRowsChecked m = CLV__KH_ROWS_CHECKED__INIT;
	struct bad bad = {0};
	struct clv_err why = {0};
	clv_rc rc = CLV_OK;

	(void)fds;
	if (!kh_group_key(k, 0)) {
		(void)err_set(&why, CLV_E_DENIED, "this node has no group key");
		return kh_answer_failed(k, q->id, &why, err);
	}
	if (vault_begin(k->vault, err))
		return CLV_FAILED;
	for (size_t i = 0; !rc && i < q->n_rows; i++)
		rc = check_one(k, q->rows[i], &bad, &why);
	if (rc || vault_commit(k->vault, &why)) {
		vault_rollback(k->vault);
		free_bad(&bad);
		return kh_answer_failed(k, q->id, &why, err);
	}
	if (q->last)
		report_missing(k, &bad);
	bad.list = clv_calloc(bad.n + 1, sizeof(Clv__KhBadRow *));
	for (size_t i = 0; i < bad.n; i++)
		bad.list[i] = &bad.rows[i];
	m.id = q->id;
	m.n_bad = bad.n;
	m.bad = bad.list;
	rc = kh_answer(k, IPC_KH_ROWS_CHECKED, &m.base, err);
	free_bad(&bad);
	return rc;
}
