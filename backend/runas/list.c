/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RunAs list inside SecureData (see config.h). Made and read in key holders only. Attributes are
 * no secrets and pass through ordinary memory; a password, and its base64, never leaves a secret.
 */
#include "runas/base64.h"
#include "runas/config.h"
#include "runas/xml.h"
#include <inttypes.h>
#include <string.h>

#define LIST_END     "</RunAs>\n"
#define ACCOUNT_END  "</Account>\n"
#define ACCOUNT_HEAD 16384u

static clv_rc put_attr(struct clv_buf *b, const char *name, const char *value, struct clv_err *err)
{
	if (!value[0])
		return CLV_OK;
	if (buf_printf(b, err, " %s=\"", name) || xml_escape(b, value, err) || buf_put_u8(b, '"', err))
		return CLV_FAILED;
	return CLV_OK;
}

static bool is_id(const char *s)
{
	return strlen(s) == RUNAS_ID_LEN && strspn(s, "0123456789abcdef") == RUNAS_ID_LEN;
}

static clv_rc append(struct clv_secret *list, struct clv_slice s, struct clv_err *err)
{
	return secret_append(list, s.ptr, s.len, err);
}

clv_rc runas_begin(const struct runas_head *head, struct clv_secret *list, struct clv_err *err)
{
	char hex[sizeof head->recipient * 2 + 1];
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	if (secret_cap(list) < RUNAS_LIST_MAX || !head->group[0] || !head->agent[0])
		return err_set(err, CLV_E_USAGE, "a RunAs list needs its room and its names");
	buf_init(&b, ACCOUNT_HEAD);
	hex_encode(slice_of(head->recipient, sizeof head->recipient), true, hex);
	if (buf_put(&b, SLICE_LIT("<RunAs"), err) || put_attr(&b, "group", head->group, err) ||
	    put_attr(&b, "agent", head->agent, err) ||
	    buf_printf(&b, err, " recipient=\"%s\" version=\"%" PRIu64 "\"%s>\n", hex, head->version,
	               head->keep_others ? " others=\"keep\"" : ""))
		goto out;
	secret_clear(list);
	rc = append(list, buf_slice(&b), err);
out:
	buf_release(&b);
	return rc;
}

static clv_rc put_account(struct clv_buf *b, const struct runas_account *a, struct clv_err *err)
{
	if (!is_id(a->id) || !a->name[0] || a->type >= CLV_ACCOUNT_TYPE_MAX || (a->keep && a->trial))
		return err_set(err, CLV_E_USAGE,
		               "an account lacks its id, name or type, or is kept and on trial");
	if (buf_put(b, SLICE_LIT("<Account"), err) || put_attr(b, "id", a->id, err) ||
	    buf_printf(b, err, " version=\"%" PRIu64 "\"", a->version) ||
	    put_attr(b, "type", clv_account_type_word(a->type), err) || put_attr(b, "name", a->name, err) ||
	    put_attr(b, "user", a->user, err) || put_attr(b, "domain", a->domain, err) ||
	    put_attr(b, "context", a->context, err) || put_attr(b, "authProtocol", a->auth_protocol, err) ||
	    put_attr(b, "privacyProtocol", a->privacy_protocol, err) ||
	    put_attr(b, "trial", a->trial ? "true" : "", err) ||
	    put_attr(b, "keep", a->keep ? "true" : "", err))
		return CLV_FAILED;
	return buf_put_u8(b, '>', err);
}

clv_rc runas_add(const struct runas_account *a, const struct clv_secret *password, struct clv_secret *list,
                 struct clv_err *err)
{
	size_t before = secret_len(list), text = a->keep ? 0 : BASE64_LEN(secret_len(password)), whole;
	struct clv_buf head;
	clv_rc rc = CLV_FAILED;

	buf_init(&head, ACCOUNT_HEAD);
	if (put_account(&head, a, err))
		goto out;
	whole = buf_slice(&head).len + text + sizeof ACCOUNT_END - 1;
	if (text == 0 && !a->keep)
		(void)err_set(err, CLV_E_USAGE, "it has no password");
	else if (whole > RUNAS_ACCOUNT_MAX)
		(void)err_set(err, CLV_E_LIMIT, "%zu bytes in the list, at most %u", whole,
		              RUNAS_ACCOUNT_MAX);
	else if (whole + sizeof LIST_END - 1 > RUNAS_LIST_MAX - before)
		(void)err_set(err, CLV_E_LIMIT, "the list passes %u bytes", RUNAS_LIST_MAX);
	else if (append(list, buf_slice(&head), err) || (!a->keep && base64_hide(password, list, err)) ||
	         append(list, SLICE_LIT(ACCOUNT_END), err))
		secret_truncate(list, before);
	else
		rc = CLV_OK;
out:
	buf_release(&head);
	return rc ? err_wrap(err, "account %s", a->id) : CLV_OK;
}

clv_rc runas_end(struct clv_secret *list, struct clv_err *err)
{
	return append(list, SLICE_LIT(LIST_END), err);
}

struct list_ctx {
	struct runas_head head;
	struct runas_account account; /* the open one */
	struct seen {
		char id[RUNAS_ID_LEN + 1];
		bool trial;
	} * seen; /* an account stands once, and once more as the one on trial */
	size_t n, cap;
	struct clv_secret *password;
	runas_account_fn *fn;
	void *ctx;
};

static clv_rc open_runas(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct list_ctx *c = ctx;
	const char *hex = xml_attr(a, "recipient"), *others = xml_attr(a, "others");

	if (xml_attr_count(a) != 4 + (others != NULL) || !hex || (others && strcmp(others, "keep") != 0))
		return err_set(err, CLV_E_PROTO, "RunAs has other attributes than its own");
	c->head.keep_others = others != NULL;
	if (xml_take(xml_attr(a, "group"), c->head.group, sizeof c->head.group, err) ||
	    xml_take(xml_attr(a, "agent"), c->head.agent, sizeof c->head.agent, err) ||
	    xml_number(xml_attr(a, "version"), &c->head.version, err))
		return CLV_FAILED;
	return hex_decode(hex, strlen(hex), c->head.recipient, sizeof c->head.recipient, err);
}

/* An attribute that may be left out, but not be empty. */
static clv_rc take_optional(const struct xml_attr *attrs, const char *name, char *out, size_t cap,
                            size_t *seen, struct clv_err *err)
{
	const char *value = xml_attr(attrs, name);

	if (!value)
		return CLV_OK;
	(*seen)++;
	return xml_take(value, out, cap, err);
}

static clv_rc take_account(const struct xml_attr *attrs, struct runas_account *a, struct clv_err *err)
{
	const char *type = xml_attr(attrs, "type");
	char trial[8] = "", keep[8] = "";
	size_t seen = 4;

	if (xml_take(xml_attr(attrs, "id"), a->id, sizeof a->id, err) ||
	    xml_number(xml_attr(attrs, "version"), &a->version, err) ||
	    xml_take(xml_attr(attrs, "name"), a->name, sizeof a->name, err) ||
	    take_optional(attrs, "user", a->user, sizeof a->user, &seen, err) ||
	    take_optional(attrs, "domain", a->domain, sizeof a->domain, &seen, err) ||
	    take_optional(attrs, "context", a->context, sizeof a->context, &seen, err) ||
	    take_optional(attrs, "authProtocol", a->auth_protocol, sizeof a->auth_protocol, &seen, err) ||
	    take_optional(attrs, "privacyProtocol", a->privacy_protocol, sizeof a->privacy_protocol, &seen,
	                  err) ||
	    take_optional(attrs, "trial", trial, sizeof trial, &seen, err) ||
	    take_optional(attrs, "keep", keep, sizeof keep, &seen, err))
		return CLV_FAILED;
	if (!is_id(a->id))
		return err_set(err, CLV_E_PROTO, "an account's id is no 32 hex digits");
	if (!type || !clv_account_type_parse(type, &a->type) ||
	    strcmp(clv_account_type_word(a->type), type) != 0)
		return err_set(err, CLV_E_PROTO, "an account of no known type");
	a->trial = trial[0] != 0;
	if (a->trial && strcmp(trial, "true") != 0)
		return err_set(err, CLV_E_PROTO, "trial is true or is left out");
	a->keep = keep[0] != 0;
	if (a->keep && (strcmp(keep, "true") != 0 || a->trial))
		return err_set(err, CLV_E_PROTO, "keep is true or is left out, and not on trial");
	return xml_attr_count(attrs) == seen ? CLV_OK
	                                     : err_set(err, CLV_E_PROTO, "an attribute that Account lacks");
}

static clv_rc open_account(void *ctx, const struct xml_attr *attrs, struct clv_err *err)
{
	struct list_ctx *c = ctx;
	struct runas_account a = {.version = 0};

	if (take_account(attrs, &a, err))
		return CLV_FAILED;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->seen[i].id, a.id) == 0 && c->seen[i].trial == a.trial)
			return err_set(err, CLV_E_PROTO, "account %s twice", a.id);
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->seen = clv_realloc(c->seen, c->cap, sizeof *c->seen);
	}
	c->seen[c->n].trial = a.trial;
	memcpy(c->seen[c->n++].id, a.id, sizeof a.id);
	c->account = a;
	return CLV_OK;
}

static clv_rc close_account(void *ctx, struct clv_slice text, struct clv_err *err)
{
	struct list_ctx *c = ctx;

	if (c->account.keep)
		return text.len ? err_set(err, CLV_E_PROTO, "account %s is kept, and has a password",
		                          c->account.id)
		                : c->fn(&c->account, NULL, c->ctx, err);
	if (base64_reveal(text, c->password, err))
		return err_wrap(err, "account %s", c->account.id);
	return c->fn(&c->account, c->password, c->ctx, err);
}

static clv_rc read_list(struct clv_slice list, void *ctx, struct clv_err *err)
{
	static const struct xml_element elements[] = {
	    {"RunAs", "", 1, false, open_runas, NULL},
	    {"Account", "RunAs", RUNAS_ACCOUNTS_MAX, true, open_account, close_account},
	    {NULL, NULL, 0, false, NULL, NULL},
	};
	static const struct xml_limits limits = {RUNAS_LIST_MAX, RUNAS_ACCOUNT_MAX, true};

	return xml_read(list, elements, &limits, ctx, err);
}

clv_rc runas_read(const struct clv_secret *list, struct runas_head *head, runas_account_fn *fn, void *ctx,
                  struct clv_err *err)
{
	struct list_ctx c = {.fn = fn, .ctx = ctx, .password = secret_new(RUNAS_ACCOUNT_MAX, err)};
	clv_rc rc = CLV_FAILED;

	if (!c.password || secret_use(list, read_list, &c, err))
		goto out;
	*head = c.head;
	rc = CLV_OK;
out:
	secret_free(c.password);
	clv_free(c.seen);
	return rc;
}
