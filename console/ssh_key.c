/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSH's own form (PROTOCOL.key) and the heads of PEM files.
 */
#include "console/ssh_key.h"

#include "claviger/digest.h"
#include "console/ssh_known.h"

#include <stdio.h>
#include <string.h>

static const char open_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
static const char open_end[] = "-----END OPENSSH PRIVATE KEY-----";

static struct clv_slice after(struct clv_slice s, const char *what)
{
	const uint8_t *at = s.len > 0 ? memmem(s.ptr, s.len, what, strlen(what)) : NULL;
	if (at == NULL)
		return (struct clv_slice){NULL, 0};
	at += strlen(what);
	return slice_of(at, s.len - (size_t)(at - s.ptr));
}

static bool has(struct clv_slice s, const char *what)
{
	return s.len > 0 && memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

/* The base64 between BEGIN and END, its line ends taken out. */
static clv_rc inner(struct clv_slice s, struct clv_buf *out, struct clv_err *err)
{
	struct clv_slice rest = after(s, open_begin);
	const uint8_t *end = rest.len > 0 ? memmem(rest.ptr, rest.len, open_end, strlen(open_end)) : NULL;
	struct clv_buf text;
	clv_rc rc = CLV_FAILED;
	buf_init(&text, SSH_KEY_FILE_MAX);
	if (end == NULL) {
		err_set(err, CLV_E_PROTO, "the key file has no end");
		goto out;
	}
	for (const uint8_t *p = rest.ptr; p < end; p++) {
		if (*p != '\n' && *p != '\r' && buf_put_u8(&text, *p, err) != CLV_OK)
			goto out;
	}
	rc = clv_base64_get(out, buf_slice(&text), err);
out:
	buf_release(&text);
	return rc;
}

static clv_rc look_openssh(struct clv_slice file, struct ssh_key_facts *out, struct clv_buf *public_key,
                           struct clv_err *err)
{
	static const char magic[] = "openssh-key-v1";
	struct clv_slice s, head, cipher, kdf, options, key;
	uint32_t n;
	clv_rc rc = CLV_FAILED;
	struct clv_buf b;
	buf_init(&b, SSH_KEY_FILE_MAX);
	if (inner(file, &b, err) != CLV_OK)
		goto out;
	s = buf_slice(&b);
	if (slice_get(&s, sizeof(magic), &head, err) != CLV_OK ||
	    slice_get_lp(&s, 64, &cipher, err) != CLV_OK || slice_get_lp(&s, 64, &kdf, err) != CLV_OK ||
	    slice_get_lp(&s, 1024, &options, err) != CLV_OK || slice_get_u32(&s, &n, err) != CLV_OK ||
	    slice_get_lp(&s, 16384, &key, err) != CLV_OK)
		goto out;
	if (!slice_eq(head, slice_of(magic, sizeof(magic))) || n != 1) {
		err_set(err, CLV_E_PROTO, "not one OpenSSH key");
		goto out;
	}
	struct ssh_key_facts f = {.encrypted = !slice_eq_str(cipher, "none")};
	ssh_key_type(key, f.type);
	if (f.type[0] == '\0') {
		err_set(err, CLV_E_PROTO, "the key has no type");
		goto out;
	}
	if (buf_put(public_key, key, err) != CLV_OK)
		goto out;
	*out = f;
	rc = CLV_OK;
out:
	buf_release(&b);
	return rc;
}

clv_rc ssh_key_look(struct clv_slice file, struct ssh_key_facts *out, struct clv_buf *public_key,
                    struct clv_err *err)
{
	struct ssh_key_facts f = {.encrypted = has(file, "ENCRYPTED")};
	if (has(file, open_begin))
		return look_openssh(file, out, public_key, err);
	if (has(file, "-----BEGIN RSA PRIVATE KEY-----"))
		snprintf(f.type, sizeof(f.type), "ssh-rsa");
	else if (has(file, "-----BEGIN DSA PRIVATE KEY-----"))
		snprintf(f.type, sizeof(f.type), "ssh-dss");
	else if (has(file, "-----BEGIN EC PRIVATE KEY-----"))
		snprintf(f.type, sizeof(f.type), "ecdsa-sha2");
	else if (!has(file, "-----BEGIN PRIVATE KEY-----") &&
	         !has(file, "-----BEGIN ENCRYPTED PRIVATE KEY-----"))
		return err_set(err, CLV_E_PROTO, "no private key");
	*out = f;
	return CLV_OK;
}

clv_rc ssh_key_public(struct clv_slice file, struct clv_buf *public_key, struct clv_err *err)
{
	const uint8_t *blank = file.len > 0 ? memchr(file.ptr, ' ', file.len) : NULL;
	struct clv_slice text;
	char type[64];
	if (blank == NULL)
		return err_set(err, CLV_E_PROTO, "no public key");
	text = slice_of(blank + 1, file.len - (size_t)(blank - file.ptr) - 1);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\r')
			text.len = i;
	}
	if (clv_base64_get(public_key, text, err) != CLV_OK)
		return CLV_FAILED;
	ssh_key_type(buf_slice(public_key), type);
	if (type[0] == '\0' || !slice_eq_str(slice_of(file.ptr, (size_t)(blank - file.ptr)), type))
		return err_set(err, CLV_E_PROTO, "no public key");
	return CLV_OK;
}

const char *ssh_key_unusable(const char *type)
{
	static const struct {
		const char *begin, *why;
	} rows[] = {
	    {"ssh-rsa", "an RSA key can only sign with SHA-1 here (libssh2 1.10), which servers refuse"},
	    {"ssh-dss", "a DSA key is refused by servers"},
	    {"sk-", "a FIDO key cannot be used here (libssh2 1.10)"},
	    {"ssh-ed448", "an Ed448 key cannot be used here (libssh2 1.10)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strncmp(type, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].why;
	}
	return strstr(type, "-cert-v01@") != NULL ? "a user certificate cannot be used here" : NULL;
}
