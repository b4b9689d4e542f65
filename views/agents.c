/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: name, state and end of each agent's key, thumbprint, contact, link. Rows come in
 * windows from the server; signs and words only, decided from facts.
 */
#include "views/list.h"

#include <stdio.h>
#include <string.h>

enum col { COL_NAME, COL_STATE, COL_ENDS, COL_KEY, COL_SEEN, COL_LINK, COL_VIA };

static const struct column columns[] = {
    [COL_NAME] = {"NAME", "name", 0, 12, 8, 40, 0, false, true},
    [COL_STATE] = {"STATE", "key_state", 1, 13, 9, 0, 0, false, false},
    [COL_ENDS] = {"ENDS", "not_after", 0, 8, 7, 0, 0, true, false},
    [COL_KEY] = {"KEY", "key_id", 2, 12, 0, 0, 4, false, false},
    [COL_SEEN] = {"SEEN", "last_seen", 1, 6, 0, 8, 3, false, false},
    [COL_LINK] = {"LINK", "mechanism", 1, 11, 0, 16, 2, false, false},
    [COL_VIA] = {"VIA", "gateway", 1, 9, 0, 30, 1, false, true},
};

static void agents_id(const struct clv_rows *rows, size_t i, char *out, size_t size)
{
	snprintf(out, size, "%s", rows->u.agents[i].name);
}

static enum sign agents_sign(const struct clv_rows *rows, size_t i)
{
	const struct clv_agent_fact *a = &rows->u.agents[i];
	int64_t left = a->key.not_after - rows->time;
	if (a->approval == CLV_APPROVAL_REJECTED ||
	    (a->has_key && (a->key.state == CLV_KEY_REFUSED || a->key.state == CLV_KEY_REVOKED)))
		return SIGN_BAD;
	if (a->approval == CLV_APPROVAL_PENDING || (a->has_key && left < 7 * 86400000LL))
		return SIGN_LOOK;
	if (a->contact != CLV_CONTACT_UP)
		return SIGN_SILENT;
	return a->has_key && a->key.state == CLV_KEY_CONFIRMED ? SIGN_GOOD : SIGN_MOVING;
}

/* When it came to stand where it stands. */
static int64_t state_since(const struct clv_key_fact *k)
{
	switch (k->state) {
	case CLV_KEY_MADE:
		return k->made;
	case CLV_KEY_PUBLISHED:
		return k->published;
	case CLV_KEY_STORED:
		return k->stored;
	case CLV_KEY_IN_USE:
		return k->in_use;
	default:
		return 0;
	}
}

static void state_text(const struct clv_agent_fact *a, int64_t now, char *out, size_t size)
{
	char age[FMT_MAX];
	if (a->approval != CLV_APPROVAL_APPROVED)
		snprintf(out, size, "%s", clv_approval_word(a->approval));
	else if (!a->has_key)
		snprintf(out, size, "no key yet");
	else if (state_since(&a->key) != 0)
		snprintf(out, size, "%s %s", clv_key_state_word(a->key.state),
		         fmt_age(age, now - state_since(&a->key)));
	else
		snprintf(out, size, "%s", clv_key_state_word(a->key.state));
}

/* "krb aes256", "tls 1.3": the words of the protocol, short. */
static void link_text(const struct clv_agent_fact *a, char *out, size_t size)
{
	if (a->server == NULL && a->protocol == NULL)
		snprintf(out, size, "–");
	else if (a->mechanism == CLV_MECHANISM_KERBEROS && a->cipher != NULL &&
	         strstr(a->cipher, "(weak") != NULL)
		snprintf(out, size, "krb weak !");
	else if (a->mechanism == CLV_MECHANISM_KERBEROS)
		snprintf(out, size, "krb %.6s", a->cipher != NULL ? a->cipher : "");
	else if (a->mechanism == CLV_MECHANISM_CERTIFICATE)
		snprintf(out, size, "tls%s",
		         a->protocol != NULL && strncmp(a->protocol, "TLS", 3) == 0 ? a->protocol + 3 : "");
	else
		snprintf(out, size, "%s", clv_mechanism_word(a->mechanism));
}

static void seen_text(const struct clv_agent_fact *a, int64_t now, char *out, size_t size)
{
	char age[FMT_MAX];
	if (a->contact == CLV_CONTACT_UP)
		snprintf(out, size, "now");
	else
		snprintf(out, size, "%s", a->last_seen != 0 ? fmt_age(age, now - a->last_seen) : "never");
}

static void agents_cell(const struct list *l, size_t i, int col, const struct view_ctx *ctx, char *out,
                        size_t size, unsigned *ink)
{
	const struct clv_agent_fact *a = &l->rows.u.agents[i];
	int64_t now = ctx->time.now_ms;
	char s[FMT_MAX], name[VIEW_ID_MAX];
	switch ((enum col)col) {
	case COL_NAME:
		snprintf(out, size, "%s", view_name(ctx, a->name, name, sizeof(name)));
		break;
	case COL_STATE:
		/* colour costs bytes on a slow line, and calm is uncoloured: only what is not good */
		if (agents_sign(&l->rows, i) != SIGN_GOOD)
			*ink = sign_ink(agents_sign(&l->rows, i));
		state_text(a, now, out, size);
		break;
	case COL_ENDS:
		if (a->has_key && a->key.not_after < now)
			snprintf(out, size, "%s ago", fmt_age(s, now - a->key.not_after));
		else
			snprintf(out, size, "%s", a->has_key ? fmt_age(s, a->key.not_after - now) : "–");
		break;
	case COL_KEY:
		snprintf(out, size, "%s",
		         a->has_key ? fmt_thumb(s, &a->key, ctx->thumb, l->cols_total >= 120 ? 0 : 4) : "–");
		break;
	case COL_SEEN:
		seen_text(a, now, out, size);
		break;
	case COL_LINK:
		link_text(a, out, size);
		break;
	case COL_VIA:
		snprintf(out, size, "%s",
		         a->gateway != NULL  ? view_name(ctx, a->gateway, name, sizeof(name))
		         : a->server != NULL ? "direct"
		                             : "–");
		break;
	}
}

/* From 120 columns on lists show all bytes of a key. */
static int agents_width(const struct list *l, int col, int total, const struct view_ctx *ctx)
{
	static const int all[THUMB_MAX] = {[THUMB_KEY_ID] = 47, [THUMB_SHA1] = 44, [THUMB_SHA256] = 71};
	(void)l;
	if (col != COL_KEY)
		return columns[col].width;
	if (total < 120)
		return ctx->thumb == THUMB_KEY_ID ? 12 : 9;
	return all[ctx->thumb];
}

static void agents_empty(const struct list *l, struct canvas *c, const struct view_ctx *ctx)
{
	struct pager p = {.c = c, .line = 2};
	(void)l;
	(void)ctx;
	pager_wrap(
	    &p, 1, INK_PLAIN,
	    "No agent yet. On a host:  clavigerd enroll --role agent --server HOST  then here 7, and A.");
}

/* All of the key, and what stands on the agent's page first. */
static void agents_preview(const struct list *l, size_t i, struct pager *p, const struct view_ctx *ctx)
{
	const struct clv_agent_fact *a = &l->rows.u.agents[i];
	char s[FMT_MAX], t[FMT_MAX];
	p->line++;
	pager_field(p, "Name", INK_PLAIN, "%s", a->name);
	if (!a->has_key)
		return;
	pager_field(p, "Key id", INK_PLAIN, "%s", fmt_thumb(s, &a->key, THUMB_KEY_ID, 0));
	pager_field(p, "SHA-1", INK_PLAIN, "%s", fmt_thumb(s, &a->key, THUMB_SHA1, 0));
	pager_field(p, "SHA-256", INK_PLAIN, "%s", fmt_thumb(s, &a->key, THUMB_SHA256, 0));
	pager_field(p, "Valid", INK_PLAIN, "%s to %s", fmt_date(s, a->key.not_before),
	            fmt_date(t, a->key.not_after));
	pager_field(p, "Gen", INK_PLAIN, "%u", a->key.ordinal);
	pager_field(p, "Seen", INK_PLAIN, "%s%s", fmt_when(s, &ctx->time, a->last_seen),
	            fmt_zone(&ctx->time));
	if (a->cipher != NULL)
		pager_field(p, "Cipher", INK_PLAIN, "%s", a->cipher);
}

static const struct list_ops list = {
    .kind = CLV_LIST_AGENTS,
    .title = "Agents",
    .cols = columns,
    .n_cols = (int)(sizeof(columns) / sizeof(columns[0])),
    .sort = "name",
    .can_mark = true,
    .id = agents_id,
    .sign = agents_sign,
    .cell = agents_cell,
    .width = agents_width,
    .preview = agents_preview,
    .empty = agents_empty,
};

static enum action agents_request(struct view *v, enum action a, const struct view_ctx *ctx)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	a = list_request(v, a, ctx);
	if (a == ACTION_OPEN || a == ACTION_EVENTS || a == ACTION_TRACE || a == ACTION_PROBE) {
		if (!list_selected(l, &i))
			return ACTION_NONE;
		snprintf(v->go, sizeof(v->go),
		         a == ACTION_OPEN    ? "agent %.290s"
		         : a == ACTION_TRACE ? "trace %.290s"
		         : a == ACTION_PROBE ? "trace probe %.280s"
		                             : "events node:%.290s",
		         l->rows.u.agents[i].name);
		return ACTION_OPEN;
	}
	return a;
}

static bool agents_target(const struct view *v, struct target *t)
{
	const struct list *l = (const struct list *)v;
	size_t i;
	if (!list_selected(l, &i))
		return false;
	const struct clv_agent_fact *a = &l->rows.u.agents[i];
	*t = (struct target){
	    .name = a->name, .row_version = a->row_version, .key = a->has_key ? &a->key : NULL};
	snprintf(t->id, sizeof(t->id), "%s", a->name);
	return true;
}

static const struct view_ops ops = {
    .name = "agents",
    .where = W_AGENTS,
    .want = list_want,
    .request = agents_request,
    .take = list_take,
    .draw = list_draw,
    .status = list_status,
    .target = agents_target,
    .close = list_close,
};

struct view *view_agents_open(const char *filter)
{
	struct list *l = clv_calloc(1, sizeof(*l));
	list_init(l, &ops, &list, filter);
	return &l->v;
}
