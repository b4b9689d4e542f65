/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle of a joining server's keys (see bundle.h). Runs in key holders. Lengths are compared before
 * anything is copied; copies are secrets.
 */
#include "vault/bundle.h"

#include <string.h>

#define LABEL "claviger/1 join"

static clv_rc put_lp(struct clv_secret *b, const void *bytes, size_t len, struct clv_err *err)
{
	uint8_t n[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	return secret_append(b, n, sizeof n, err) ? CLV_FAILED : secret_append(b, bytes, len, err);
}

clv_rc bundle_begin(const struct bundle_head *head, struct clv_secret *b, struct clv_err *err)
{
	secret_clear(b);
	if (secret_append(b, LABEL, sizeof LABEL, err) || put_lp(b, head->group, strlen(head->group), err) ||
	    put_lp(b, head->name, strlen(head->name), err))
		return CLV_FAILED;
	return secret_append(b, head->request, sizeof head->request, err);
}

static clv_rc add_item(struct clv_slice item, void *ctx, struct clv_err *err)
{
	return put_lp(ctx, item.ptr, item.len, err);
}

clv_rc bundle_add(struct clv_secret *b, const char *name, const struct clv_secret *item, struct clv_err *err)
{
	if (put_lp(b, name, strlen(name), err))
		return CLV_FAILED;
	return secret_use(item, add_item, b, err);
}

struct reading {
	struct bundle_head *head;
	bundle_fn *fn;
	void *ctx;
};

/* Text of 1 to max bytes without a zero. */
static clv_rc take_name(struct clv_slice *s, char out[BUNDLE_NAME_MAX + 1], struct clv_err *err)
{
	struct clv_slice name = {0};

	if (slice_get_lp(s, BUNDLE_NAME_MAX, &name, err))
		return CLV_FAILED;
	if (name.len == 0 || memchr(name.ptr, 0, name.len))
		return err_set(err, CLV_E_PROTO, "a name in the group's keys makes no sense");
	memcpy(out, name.ptr, name.len);
	out[name.len] = 0;
	return CLV_OK;
}

static clv_rc take_item(struct clv_slice *s, const struct reading *r, struct clv_err *err)
{
	char name[BUNDLE_NAME_MAX + 1];
	struct clv_slice bytes = {0};
	struct clv_secret *item;
	clv_rc rc = CLV_FAILED;

	if (take_name(s, name, err) || slice_get_lp(s, BUNDLE_ITEM_MAX, &bytes, err))
		return CLV_FAILED;
	if (bytes.len == 0)
		return err_set(err, CLV_E_PROTO, "an empty item among the group's keys");
	item = secret_new(bytes.len, err);
	if (item && !secret_append(item, bytes.ptr, bytes.len, err))
		rc = r->fn(name, item, r->ctx, err);
	secret_free(item);
	return rc;
}

static clv_rc take_all(struct clv_slice s, void *ctx, struct clv_err *err)
{
	const struct reading *r = ctx;
	struct clv_slice part = {0};

	if (slice_get(&s, sizeof LABEL, &part, err) || !slice_eq(part, slice_of(LABEL, sizeof LABEL)))
		return err_set(err, CLV_E_PROTO, "these are not a group's keys");
	if (take_name(&s, r->head->group, err) || take_name(&s, r->head->name, err) ||
	    slice_get(&s, sizeof r->head->request, &part, err))
		return CLV_FAILED;
	memcpy(r->head->request, part.ptr, part.len);
	for (size_t n = 0; s.len; n++) {
		if (n == BUNDLE_ITEMS_MAX)
			return err_set(err, CLV_E_LIMIT, "more than %u items among the group's keys",
			               BUNDLE_ITEMS_MAX);
		if (take_item(&s, r, err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

clv_rc bundle_read(const struct clv_secret *b, struct bundle_head *head, bundle_fn *fn, void *ctx,
                   struct clv_err *err)
{
	struct reading r = {head, fn, ctx};

	memset(head, 0, sizeof *head);
	return secret_use(b, take_all, &r, err);
}
