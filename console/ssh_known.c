/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads known_hosts line by line. A damaged line is passed over: it makes no key known.
 */
#include "console/ssh_known.h"

#include "claviger/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX  8192u
#define NAME_MAX 300u

static const char *const types[SSH_KNOWN_TYPES] = {"ssh-ed25519", "ecdsa-sha2-nistp256",
                                                   "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"};

const char *ssh_known_type(unsigned i)
{
	return types[i];
}

void ssh_fingerprint(struct clv_slice key, char out[64])
{
	uint8_t md[32];
	struct clv_buf b;
	buf_init(&b, 64);
	snprintf(out, 64, "SHA256:?");
	if (clv_sha256(key, md, NULL) == CLV_OK &&
	    clv_base64_put(&b, slice_of(md, sizeof(md)), false, NULL) == CLV_OK)
		snprintf(out, 64, "SHA256:%.*s", (int)buf_slice(&b).len, (const char *)buf_slice(&b).ptr);
	buf_release(&b);
}

void ssh_key_type(struct clv_slice key, char out[64])
{
	struct clv_slice type;
	out[0] = '\0';
	if (slice_get_lp(&key, 63, &type, NULL) != CLV_OK)
		return;
	for (size_t i = 0; i < type.len; i++) {
		if (!isalnum(type.ptr[i]) && strchr("-@.", type.ptr[i]) == NULL)
			return;
		if (type.ptr[i] == '\0')
			return;
	}
	memcpy(out, type.ptr, type.len);
	out[type.len] = '\0';
}

/* As it stands in the file: lower case, with the port where it is not 22. */
static void lookup_name(const char *host, uint16_t port, char out[NAME_MAX])
{
	if (port == 22 || port == 0)
		snprintf(out, NAME_MAX, "%s", host);
	else
		snprintf(out, NAME_MAX, "[%.250s]:%u", host, port);
	for (char *p = out; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}

/* A blank-separated word; false at the end of the line. */
static bool word(struct clv_slice *line, struct clv_slice *out)
{
	while (line->len > 0 && (line->ptr[0] == ' ' || line->ptr[0] == '\t')) {
		line->ptr++;
		line->len--;
	}
	*out = (struct clv_slice){line->ptr, 0};
	while (line->len > 0 && line->ptr[0] != ' ' && line->ptr[0] != '\t') {
		line->ptr++;
		line->len--;
		out->len++;
	}
	return out->len > 0;
}

/* * and ?, without going back more than to the last star. */
static bool matches(struct clv_slice pattern, const char *s)
{
	size_t p = 0, star = SIZE_MAX, back = 0, i = 0, len = strlen(s);
	while (i < len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			back = i;
		} else if (p < pattern.len &&
		           (pattern.ptr[p] == '?' || tolower(pattern.ptr[p]) == (unsigned char)s[i])) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++back;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* |1|salt|hash */
static bool matches_hash(struct clv_slice s, const char *name)
{
	const uint8_t *bar;
	struct clv_buf salt, hash;
	uint8_t md[20];
	bool same = false;
	buf_init(&salt, 64);
	buf_init(&hash, 64);
	s.ptr += 3;
	s.len -= 3;
	bar = memchr(s.ptr, '|', s.len);
	if (bar == NULL || clv_base64_get(&salt, slice_of(s.ptr, (size_t)(bar - s.ptr)), NULL) != CLV_OK ||
	    clv_base64_get(&hash, slice_of(bar + 1, s.len - (size_t)(bar - s.ptr) - 1), NULL) != CLV_OK)
		goto out;
	same = clv_hmac_sha1(buf_slice(&salt), slice_str(name), md, NULL) == CLV_OK &&
	       slice_eq_ct(buf_slice(&hash), slice_of(md, sizeof(md)));
out:
	buf_release(&salt);
	buf_release(&hash);
	return same;
}

/* A negated pattern that fits takes the whole line away. */
static bool names_match(struct clv_slice list, const char *name)
{
	bool any = false;
	if (list.len > 3 && slice_eq_str(slice_of(list.ptr, 3), "|1|"))
		return matches_hash(list, name);
	while (list.len > 0) {
		const uint8_t *comma = memchr(list.ptr, ',', list.len);
		struct clv_slice one = {list.ptr, comma != NULL ? (size_t)(comma - list.ptr) : list.len};
		size_t used = one.len + (comma != NULL);
		bool no = one.len > 0 && one.ptr[0] == '!';
		if (no) {
			one.ptr++;
			one.len--;
		}
		if (one.len > 0 && matches(one, name)) {
			if (no)
				return false;
			any = true;
		}
		list.ptr += used;
		list.len -= used;
	}
	return any;
}

/* Type and key of a line, the type as it stands inside the key too. */
static bool read_key(struct clv_slice *line, struct clv_buf *key, char type[64])
{
	struct clv_slice name, text;
	if (!word(line, &name) || !word(line, &text))
		return false;
	buf_clear(key);
	if (clv_base64_get(key, text, NULL) != CLV_OK)
		return false;
	ssh_key_type(buf_slice(key), type);
	return type[0] != '\0' && slice_eq_str(name, type);
}

static void decide(struct ssh_known_look *l, enum ssh_known result, const char *name, unsigned line_no)
{
	if (result <= l->result)
		return;
	l->result = result;
	snprintf(l->where, sizeof(l->where), "%.280s:%u", name, line_no);
}

/* A plain line that names the host. */
static void plain(struct ssh_known_look *l, struct clv_slice key, const char *type, const char *name,
                  unsigned line_no)
{
	bool usable = false;
	for (unsigned i = 0; i < SSH_KNOWN_TYPES; i++) {
		if (strcmp(types[i], type) == 0) {
			l->types |= 1u << i;
			usable = true;
		}
	}
	l->other_type = l->other_type || !usable;
	if (l->key.len == 0)
		return;
	if (slice_eq(key, l->key)) {
		decide(l, SSH_KNOWN_SAME, name, line_no);
	} else if (usable && l->result < SSH_KNOWN_CHANGED) {
		/* also when the types differ: the known ones were asked for first */
		decide(l, SSH_KNOWN_CHANGED, name, line_no);
		ssh_fingerprint(key, l->known);
	}
}

static void one_line(struct ssh_known_look *l, const char *name, unsigned line_no, struct clv_slice line,
                     const char *host, struct clv_buf *key)
{
	struct clv_slice first, names;
	char type[64];
	bool revoked, authority;
	if (!word(&line, &first) || first.ptr[0] == '#')
		return;
	revoked = slice_eq_str(first, "@revoked");
	authority = slice_eq_str(first, "@cert-authority");
	if (first.ptr[0] != '@')
		names = first;
	else if ((!revoked && !authority) || !word(&line, &names))
		return;
	if (!names_match(names, host) || !read_key(&line, key, type))
		return;
	if (revoked) {
		if (l->key.len > 0 && slice_eq(buf_slice(key), l->key))
			decide(l, SSH_KNOWN_REVOKED, name, line_no);
	} else if (authority) {
		decide(l, SSH_KNOWN_AUTHORITY, name, line_no);
	} else {
		plain(l, buf_slice(key), type, name, line_no);
	}
}

void ssh_known_feed(struct ssh_known_look *l, const char *name, struct clv_slice file)
{
	char host[NAME_MAX];
	unsigned line_no = 0;
	struct clv_buf key;
	buf_init(&key, KEY_MAX);
	lookup_name(l->host, l->port, host);
	while (file.len > 0) {
		const uint8_t *end = memchr(file.ptr, '\n', file.len);
		size_t len = end != NULL ? (size_t)(end - file.ptr) : file.len;
		struct clv_slice line = {file.ptr, len};
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		one_line(l, name, ++line_no, line, host, &key);
		file.ptr += len + (end != NULL);
		file.len -= len + (end != NULL);
	}
	buf_release(&key);
}

static clv_rc hidden_name(const char *name, struct clv_buf *out, struct clv_err *err)
{
	uint8_t salt[20], md[20];
	if (clv_random(salt, sizeof(salt), err) != CLV_OK ||
	    clv_hmac_sha1(slice_of(salt, sizeof(salt)), slice_str(name), md, err) != CLV_OK ||
	    buf_put(out, SLICE_LIT("|1|"), err) != CLV_OK ||
	    clv_base64_put(out, slice_of(salt, sizeof(salt)), true, err) != CLV_OK ||
	    buf_put_u8(out, '|', err) != CLV_OK)
		return CLV_FAILED;
	return clv_base64_put(out, slice_of(md, sizeof(md)), true, err);
}

clv_rc ssh_known_line(const char *host, uint16_t port, struct clv_slice key, bool hash, struct clv_buf *out,
                      struct clv_err *err)
{
	char name[NAME_MAX], type[64];
	lookup_name(host, port, name);
	ssh_key_type(key, type);
	if (type[0] == '\0')
		return err_set(err, CLV_E_PROTO, "the host key has no type");
	if ((hash ? hidden_name(name, out, err) : buf_put(out, slice_str(name), err)) != CLV_OK ||
	    buf_printf(out, err, " %s ", type) != CLV_OK || clv_base64_put(out, key, true, err) != CLV_OK)
		return CLV_FAILED;
	return buf_put_u8(out, '\n', err);
}
