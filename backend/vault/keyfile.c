/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the key backup (see keyfile.h). There is one spelling of everything: what is read
 * would be written in the same bytes.
 */
#include "vault/keyfile.h"
#include "base/clock.h"
#include "vault/blob.h"
#include "vault/vault.h"
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define TITLE       "claviger key backup "
#define VERSION     "1"
#define END         "end\n"
#define LINE_BYTES  32u
#define CONTENT_MAX (KEYFILE_MAX / 2 - 4096u)
#define HEAD_MAX    1024u
#define USE         SLICE_LIT("claviger/1 key backup")

struct parsed {
	struct keyfile_info info;
	uint8_t salt[VAULT_SALT];
	struct clv_slice head; /* all before the digits */
	struct clv_buf blob;
};

static clv_rc unlike(struct clv_err *err)
{
	return err_set(err, CLV_E_PROTO, "this is no key backup, or it is damaged");
}

static bool is_plain(struct clv_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0;
}

/* Takes "word value\n" from the front. */
static bool take_line(struct clv_slice *s, const char *word, struct clv_slice *value)
{
	const uint8_t *end = s->len ? memchr(s->ptr, '\n', s->len) : NULL;
	struct clv_slice line = {0}, start = {0}, feed = {0};

	return end && !slice_get(s, (size_t)(end - s->ptr), &line, NULL) && !slice_get(s, 1, &feed, NULL) &&
	       !slice_get(&line, strlen(word), &start, NULL) && slice_eq_str(start, word) && is_plain(line) &&
	       (*value = line, true);
}

static bool copy_text(struct clv_slice s, char *out, size_t cap)
{
	if (s.len >= cap)
		return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = 0;
	return true;
}

/* Digits of lower case alone: one spelling. */
static bool take_hex(struct clv_slice digits, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < digits.len; i++)
		if (!((digits.ptr[i] >= '0' && digits.ptr[i] <= '9') ||
		      (digits.ptr[i] >= 'a' && digits.ptr[i] <= 'f')))
			return false;
	return digits.len == len * 2 && !hex_decode((const char *)digits.ptr, digits.len, out, len, NULL);
}

static bool take_created(struct clv_slice value, int64_t *out)
{
	char text[64], again[CLOCK_RFC3339_LEN];

	if (!copy_text(value, text, sizeof text) || clock_parse_rfc3339(text, out, NULL))
		return false;
	clock_rfc3339(*out, true, again);
	return strcmp(again, text) == 0;
}

/* Up to nine digits, no leading zero. */
static bool is_number(struct clv_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && s.len <= 9 && s.ptr[0] != '0';
}

static bool take_iterations(struct clv_slice value, uint32_t *out)
{
	uint64_t n = 0;

	if (!is_number(value))
		return false;
	for (size_t i = 0; i < value.len; i++)
		n = n * 10 + (uint64_t)(value.ptr[i] - '0');
	*out = (uint32_t)n;
	return n >= VAULT_ITERATIONS && n <= VAULT_ITERATIONS_MAX;
}

static clv_rc take_head(struct clv_slice *s, struct parsed *p, struct clv_err *err)
{
	struct clv_slice whole = *s, value = {0};

	if (!take_line(s, TITLE, &value))
		return unlike(err);
	if (!slice_eq_str(value, VERSION)) {
		if (is_number(value))
			return err_set(err, CLV_E_VERSION,
			               "a key backup of another form: use the newer release");
		return unlike(err);
	}
	if (!take_line(s, "group ", &value) || !copy_text(value, p->info.group, sizeof p->info.group) ||
	    !take_line(s, "created ", &value) || !take_created(value, &p->info.created) ||
	    !take_line(s, "iterations ", &value) || !take_iterations(value, &p->info.iterations) ||
	    !take_line(s, "salt ", &value) || !take_hex(value, p->salt, sizeof p->salt))
		return unlike(err);
	p->head = slice_of(whole.ptr, whole.len - s->len);
	return CLV_OK;
}

/* Whole lines, then at most one shorter, then the end and nothing more. */
static clv_rc take_digits(struct clv_slice s, struct clv_buf *out, struct clv_err *err)
{
	struct clv_slice line = {0};
	bool last = false;

	while (!slice_eq_str(s, END)) {
		uint8_t bytes[LINE_BYTES];

		if (last || !take_line(&s, "", &line) || line.len > 2 * LINE_BYTES || line.len % 2 ||
		    !take_hex(line, bytes, line.len / 2) || buf_put(out, slice_of(bytes, line.len / 2), NULL))
			return unlike(err);
		last = line.len < 2 * LINE_BYTES;
	}
	return CLV_OK;
}

static clv_rc parse(struct clv_slice s, struct parsed *p, struct clv_err *err)
{
	if (s.len > KEYFILE_MAX)
		return err_set(err, CLV_E_LIMIT, "a key backup of %zu bytes, at most %u", s.len, KEYFILE_MAX);
	return take_head(&s, p, err) || take_digits(s, &p->blob, err) ? CLV_FAILED : CLV_OK;
}

clv_rc keyfile_info(struct clv_slice bytes, struct keyfile_info *out, struct clv_err *err)
{
	struct parsed p = {.head = {0}};
	clv_rc rc;

	buf_init(&p.blob, KEYFILE_MAX);
	rc = parse(bytes, &p, err);
	if (!rc)
		*out = p.info;
	buf_release(&p.blob);
	return rc;
}

static clv_rc key_from(const struct clv_secret *passphrase, const uint8_t *salt, uint32_t iterations,
                       struct clv_secret **out, struct clv_err *err)
{
	struct clv_secret *key = secret_new(CRYPT_KEY, err);

	if (!key || crypt_pbkdf2(passphrase, slice_of(salt, VAULT_SALT), iterations, CRYPT_KEY, key, err)) {
		secret_free(key);
		return CLV_FAILED;
	}
	*out = key;
	return CLV_OK;
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

static clv_rc append_len(struct clv_secret *content, size_t len, struct clv_err *err)
{
	const uint8_t bytes[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
	                          (uint8_t)len};

	return secret_append(content, bytes, sizeof bytes, err);
}

static clv_rc put_items(const struct keyfile_item *items, size_t n, struct clv_secret *content,
                        struct clv_err *err)
{
	if (n == 0 || n > KEYFILE_ITEMS_MAX)
		return err_set(err, CLV_E_LIMIT, "%zu keys for a backup, at most %u", n, KEYFILE_ITEMS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct clv_slice name = slice_str(items[i].name);

		for (size_t k = 0; k < i; k++)
			if (strcmp(items[k].name, items[i].name) == 0)
				return err_set(err, CLV_E_USAGE, "the key '%s' twice", items[i].name);
		if (!is_plain(name) || name.len >= KEYFILE_NAME_MAX || secret_len(items[i].secret) == 0)
			return err_set(err, CLV_E_USAGE, "a key without a name or without a byte");
		if (append_len(content, name.len, err) || append(name, content, err) ||
		    append_len(content, secret_len(items[i].secret), err) ||
		    secret_use(items[i].secret, append, content, err))
			return err_wrap(err, "the key '%s'", items[i].name);
	}
	return CLV_OK;
}

static clv_rc put_head(const char *group, int64_t created, const uint8_t salt[VAULT_SALT],
                       struct clv_buf *head, struct clv_err *err)
{
	char time[CLOCK_RFC3339_LEN], hex[2 * VAULT_SALT + 1];

	if (!is_plain(slice_str(group)) || strlen(group) >= KEYFILE_GROUP_MAX)
		return err_set(err, CLV_E_USAGE, "a key backup needs its group's name");
	clock_rfc3339(created, true, time);
	hex_encode(slice_of(salt, VAULT_SALT), false, hex);
	return buf_printf(head, err, TITLE VERSION "\ngroup %s\ncreated %s\niterations %u\nsalt %s\n", group,
	                  time, VAULT_ITERATIONS, hex);
}

static clv_rc put_digits(struct clv_slice s, struct clv_buf *out, struct clv_err *err)
{
	struct clv_slice part = {0};
	char hex[2 * LINE_BYTES + 1];

	while (s.len) {
		if (slice_get(&s, s.len < LINE_BYTES ? s.len : LINE_BYTES, &part, err))
			return CLV_FAILED;
		hex_encode(part, false, hex);
		if (buf_printf(out, err, "%s\n", hex))
			return CLV_FAILED;
	}
	return buf_put(out, SLICE_LIT(END), err);
}

clv_rc keyfile_seal(const struct keyfile_item *items, size_t n, const char *group, int64_t created,
                    const struct clv_secret *passphrase, struct clv_buf *out, struct clv_err *err)
{
	struct clv_secret *content = secret_new(CONTENT_MAX, err), *key = NULL;
	uint8_t salt[VAULT_SALT];
	struct clv_sealed sealed;
	struct clv_buf head;
	clv_rc rc = CLV_FAILED;

	buf_init(&head, HEAD_MAX);
	buf_init(&sealed.bytes, KEYFILE_MAX);
	if (!content)
		goto out;
	if (secret_len(passphrase) == 0) {
		(void)err_set(err, CLV_E_USAGE, "the passphrase is empty");
		goto out;
	}
	if (RAND_bytes(salt, (int)sizeof salt) != 1) {
		(void)err_set(err, CLV_E_CRYPTO, "no random bytes");
		goto out;
	}
	if (put_head(group, created, salt, &head, err) || put_items(items, n, content, err) ||
	    key_from(passphrase, salt, VAULT_ITERATIONS, &key, err) ||
	    blob_seal(key, USE, buf_slice(&head), content, &sealed, err) ||
	    buf_put(out, buf_slice(&head), err))
		goto out;
	rc = put_digits(buf_slice(&sealed.bytes), out, err);
out:
	secret_free(content);
	secret_free(key);
	buf_release(&head);
	buf_release(&sealed.bytes);
	return rc ? err_wrap(err, "making the key backup") : CLV_OK;
}

struct reading {
	keyfile_item_fn *fn; /* NULL: only look whether all of it can be read */
	void *ctx;
};

static clv_rc one_item(struct clv_slice name, struct clv_slice bytes, const struct reading *r,
                       struct clv_err *err)
{
	struct clv_secret *s = secret_new(bytes.len, err);
	char text[KEYFILE_NAME_MAX] = "";
	clv_rc rc = CLV_FAILED;

	if (s && copy_text(name, text, sizeof text) && !append(bytes, s, err))
		rc = r->fn(text, s, r->ctx, err);
	secret_free(s);
	return rc;
}

static clv_rc read_items(struct clv_slice s, void *ctx, struct clv_err *err)
{
	const struct reading *r = ctx;
	struct clv_slice name = {0}, bytes = {0};

	do {
		if (slice_get_lp(&s, KEYFILE_NAME_MAX - 1, &name, NULL) || !is_plain(name) ||
		    slice_get_lp(&s, CONTENT_MAX, &bytes, NULL) || bytes.len == 0)
			return unlike(err);
		if (r->fn && one_item(name, bytes, r, err))
			return CLV_FAILED;
	} while (s.len);
	return CLV_OK;
}

/* The content, verified and known to be readable to its end. */
static clv_rc open_content(struct clv_slice bytes, const struct clv_secret *passphrase,
                           struct clv_secret *content, struct clv_err *err)
{
	struct reading look = {NULL, NULL};
	struct parsed p = {.head = {0}};
	struct clv_secret *key = NULL;
	clv_rc rc = CLV_FAILED;

	buf_init(&p.blob, KEYFILE_MAX);
	if (!parse(bytes, &p, err) && !key_from(passphrase, p.salt, p.info.iterations, &key, err) &&
	    !blob_open(key, USE, p.head, buf_slice(&p.blob), content, err))
		rc = secret_use(content, read_items, &look, err);
	secret_free(key);
	buf_release(&p.blob);
	return rc;
}

clv_rc keyfile_open(struct clv_slice bytes, const struct clv_secret *passphrase, keyfile_item_fn *fn,
                    void *ctx, struct clv_err *err)
{
	struct clv_secret *content = secret_new(CONTENT_MAX, err);
	struct reading r = {fn, ctx};
	struct clv_err why = {0};
	clv_rc rc = CLV_FAILED;

	if (!content)
		return CLV_FAILED;
	if (!open_content(bytes, passphrase, content, &why))
		rc = secret_use(content, read_items, &r, err);
	else if (why.code == CLV_E_NOMEM && err)
		*err = why;
	else
		(void)err_set(
		    err, CLV_E_AUTH,
		    "the key backup does not open: the passphrase is wrong, or the file is damaged");
	secret_free(content);
	return rc;
}
