/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing a typed password in the console, opening it in the key holder (see intake.h). Both ends keep
 * the content in secrets; the names around the password are none.
 */
#include "runas/intake.h"
#include "runas/config.h"
#include "runas/envelope.h"
#include <openssl/err.h>
#include <string.h>

#define FORM        "claviger/1 intake"
#define CONTENT_MAX (INTAKE_SECRET_MAX + 2048u)

/* Base64 and at most six bytes for each of five names, and what else stands in an Account. */
_Static_assert((INTAKE_SECRET_MAX + 2) / 3 * 4 + 5 * 5 * CONFIG_NAME_MAX + 512 < RUNAS_ACCOUNT_MAX,
               "what is taken in can be sealed");

/* One text for every cause, as for SecureData. */
static clv_rc refused(struct clv_err *err)
{
	ERR_clear_error();
	return err_set(err, CLV_E_AUTH,
	               "the sealed password was refused: it is not for this server, or damaged");
}

static clv_rc put_head(const struct intake_head *h, struct clv_buf *b, struct clv_err *err)
{
	if (!h->group[0] || !h->account[0] || !h->operator_[0])
		return err_set(err, CLV_E_USAGE, "a password is sealed with group, account and operator");
	/* The form's last byte is the 0 that ends its text. */
	if (buf_put(b, slice_of(FORM, sizeof FORM), err) || buf_put_lp(b, slice_str(h->group), err) ||
	    buf_put_lp(b, slice_str(h->account), err) || buf_put_u64(b, h->expected, err))
		return CLV_FAILED;
	return buf_put_lp(b, slice_str(h->operator_), err);
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

clv_rc intake_seal(const struct intake_head *head, const struct clv_secret *password, X509 *recipient,
                   struct clv_sealed *out, struct clv_err *err)
{
	struct clv_secret *content = NULL;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, CONTENT_MAX);
	if (secret_len(password) == 0 || secret_len(password) > INTAKE_SECRET_MAX) {
		(void)err_set(err, CLV_E_LIMIT, "a password of %zu bytes, at least 1 and at most %u",
		              secret_len(password), INTAKE_SECRET_MAX);
		goto out;
	}
	if (put_head(head, &b, err))
		goto out;
	content = secret_new(buf_slice(&b).len + secret_len(password), err);
	if (content && !append(buf_slice(&b), content, err) && !secret_use(password, append, content, err))
		rc = envelope_seal(content, recipient, INTAKE_SEALED_MAX, &out->bytes, err);
out:
	secret_free(content);
	buf_release(&b);
	return rc ? err_wrap(err, "sealing the password") : CLV_OK;
}

/* A name of 1 to cap - 1 bytes without a 0 in it. */
static bool take_name(struct clv_slice *s, char *out, size_t cap)
{
	struct clv_slice name = {0};

	if (slice_get_lp(s, cap - 1, &name, NULL) || name.len == 0 || memchr(name.ptr, 0, name.len))
		return false;
	memcpy(out, name.ptr, name.len);
	out[name.len] = 0;
	return true;
}

clv_rc intake_read(struct clv_slice content, struct intake_head *head, struct clv_secret *password,
                   struct clv_err *err)
{
	struct intake_head h = {.expected = 0};
	struct clv_slice s = content, form = {0};

	if (slice_get(&s, sizeof FORM, &form, NULL) || !slice_eq(form, slice_of(FORM, sizeof FORM)) ||
	    !take_name(&s, h.group, sizeof h.group) || !take_name(&s, h.account, sizeof h.account) ||
	    slice_get_u64(&s, &h.expected, NULL) || !take_name(&s, h.operator_, sizeof h.operator_) ||
	    s.len == 0 || s.len > INTAKE_SECRET_MAX || s.len > secret_cap(password))
		return refused(err);
	secret_clear(password);
	if (secret_append(password, s.ptr, s.len, err))
		return CLV_FAILED;
	*head = h;
	return CLV_OK;
}

struct taking {
	struct intake_head *head;
	struct clv_secret *password;
};

static clv_rc take_content(struct clv_slice content, void *ctx, struct clv_err *err)
{
	struct taking *t = ctx;

	return intake_read(content, t->head, t->password, err);
}

clv_rc intake_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, struct intake_head *head,
                   struct clv_secret *password, struct clv_err *err)
{
	struct taking t = {head, password};
	struct clv_secret *content = NULL;
	clv_rc rc = CLV_FAILED;

	if (der.len > INTAKE_SEALED_MAX)
		return refused(err);
	if (envelope_open(der, key, recipient, &content, err)) {
		if (err && err->cls != CLV_CLASS_AUTH)
			return CLV_FAILED;
		return refused(err);
	}
	rc = secret_use(content, take_content, &t, err);
	secret_free(content);
	return rc;
}
