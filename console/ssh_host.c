/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host key: ours is the judgement over known_hosts, libssh2 only proves that the server has the key
 * it shows. Known: on. Unknown: asked, default no. Changed or revoked: refused, and nothing to press.
 */
#include "console/ssh_known.h"
#include "console/ssh_parts.h"

#include <libssh2.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_KEYS "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
/* Nothing that rests on SHA-1 or CBC. */
#define KEX                                                                                     \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384," \
	"ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"       \
	"diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256"
#define CIPHERS "aes256-ctr,aes192-ctr,aes128-ctr"
#define MACS    "hmac-sha2-512,hmac-sha2-256"

void ssh_read_file(const char *path, struct clv_buf *out)
{
	uint8_t bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	for (;;) {
		ssize_t n = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || buf_put(out, slice_of(bytes, (size_t)n), NULL) != CLV_OK)
			break;
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (fd >= 0)
		close(fd);
}

static const char *lookup_host(const struct ssh_run *r)
{
	/* an alias of the configuration stands for what it means; a typed name for itself */
	return r->conf.alias != NULL ? r->conf.alias : r->conf.host;
}

static void look(const struct ssh_run *r, struct clv_slice key, struct ssh_known_look *l)
{
	struct clv_buf b;
	*l = (struct ssh_known_look){
	    .host = lookup_host(r), .port = r->conf.alias != NULL ? 22 : r->conf.port, .key = key};
	buf_init(&b, 4u << 20);
	for (size_t i = 0; i < r->conf.n_known; i++) {
		buf_clear(&b);
		ssh_read_file(r->conf.known[i], &b);
		ssh_known_feed(l, r->conf.known[i], buf_slice(&b));
	}
	buf_release(&b);
}

/* Kinds of key that are known for the host come first, so that another kind is a change. */
static void host_key_order(const struct ssh_run *r, char *out, size_t size)
{
	struct ssh_known_look l;
	size_t used = 0;
	look(r, (struct clv_slice){NULL, 0}, &l);
	for (int known = 1; known >= 0; known--) {
		for (unsigned i = 0; i < SSH_KNOWN_TYPES; i++) {
			if (((l.types >> i) & 1u) == (unsigned)known && used < size)
				used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? "," : "",
				                         ssh_known_type(i));
		}
	}
}

clv_rc ssh_prefer(struct ssh_run *r, struct clv_err *err)
{
	char keys[300];
	host_key_order(r, keys, sizeof(keys));
	const struct {
		int what;
		const char *list;
	} rows[] = {{LIBSSH2_METHOD_HOSTKEY, keys},     {LIBSSH2_METHOD_KEX, KEX},
	            {LIBSSH2_METHOD_CRYPT_CS, CIPHERS}, {LIBSSH2_METHOD_CRYPT_SC, CIPHERS},
	            {LIBSSH2_METHOD_MAC_CS, MACS},      {LIBSSH2_METHOD_MAC_SC, MACS},
	            {LIBSSH2_METHOD_COMP_CS, "none"},   {LIBSSH2_METHOD_COMP_SC, "none"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (libssh2_session_method_pref(r->s, rows[i].what, rows[i].list) != 0)
			return err_set(err, CLV_E_INTERNAL, "libssh2 has none of %.100s", rows[i].list);
	}
	return CLV_OK;
}

clv_rc ssh_no_agreement(struct ssh_run *r, struct clv_err *err)
{
	static const char out_way[] = "Way out: let ssh carry the bytes, proxy_command = ssh -W %h:%p";
	struct ssh_offer o;
	struct clv_err why;
	if (ssh_kex_offer(&r->kex, &o, &why) != CLV_OK)
		return err_set(err, CLV_E_CLOSED, "no SSH with %s: %s", r->name, ssh_words(r));
	if (!ssh_names_meet(o.host_keys, HOST_KEYS))
		return err_set(err, CLV_E_AUTH,
		               "%s has only host keys of kinds that libssh2 1.10 cannot check (%.*s). Give "
		               "it an ed25519 "
		               "host key (ssh-keygen -A on it). %s %.60s",
		               r->name, (int)(o.host_keys.len < 90 ? o.host_keys.len : 90),
		               (const char *)o.host_keys.ptr, out_way, r->to.host);
	const struct clv_slice theirs = !ssh_names_meet(o.kex, KEX)           ? o.kex
	                                : !ssh_names_meet(o.ciphers, CIPHERS) ? o.ciphers
	                                                                      : o.macs;
	return err_set(err, CLV_E_AUTH, "%s and libssh2 1.10 have no common method; it offers %.*s. %s %.60s",
	               r->name, (int)(theirs.len < 160 ? theirs.len : 160),
	               theirs.len > 0 ? (const char *)theirs.ptr : "", out_way, r->to.host);
}

/* --- the three answers --- */

static clv_rc changed(const struct ssh_run *r, const struct ssh_known_look *l, const char *shown,
                      struct clv_err *err)
{
	/* message 20 */
	return err_set(err, CLV_E_AUTH,
	               "STOP. %s shows another host key than the known one; nothing was sent.\n"
	               "known %s (%.120s)  shown %s  Reinstalled, or somebody in between:\n"
	               "ask who runs %.60s, then remove the old known_hosts line yourself.",
	               r->name, l->known, l->where, shown, r->to.host);
}

static clv_rc append(const char *path, struct clv_slice line, struct clv_err *err)
{
	char last = '\n';
	char *folder = clv_strdup(path);
	clv_rc rc = CLV_FAILED;
	struct stat st;
	*strrchr(folder, '/') = '\0';
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		clv_free(folder);
		return err_sys(err, CLV_E_IO, "cannot make the folder of %s", path);
	}
	clv_free(folder);
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		err_sys(err, CLV_E_IO, "cannot write %s", path);
	else if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		err_sys(err, CLV_E_IO, "cannot read %s", path);
	else if ((last != '\n' && write(fd, "\n", 1) != 1) ||
	         write(fd, line.ptr, line.len) != (ssize_t)line.len)
		err_sys(err, CLV_E_IO, "cannot write %s", path);
	else
		rc = CLV_OK;
	if (fd >= 0)
		close(fd);
	return rc;
}

static clv_rc remember(struct ssh_run *r, struct clv_slice key, struct clv_err *err)
{
	struct clv_buf line;
	clv_rc rc;
	buf_init(&line, 16384);
	rc = ssh_known_line(lookup_host(r), r->conf.alias != NULL ? 22 : r->conf.port, key,
	                    r->conf.hash_known, &line, err);
	if (rc == CLV_OK)
		rc = append(r->conf.known[0], buf_slice(&line), err);
	buf_release(&line);
	return rc;
}

static clv_rc unknown(struct ssh_run *r, const struct ssh_known_look *l, const char *shown, const char *type,
                      struct clv_err *err)
{
	char title[600], text[900];
	const char *note = l->other_type ? "Known by an RSA or DSA key, which cannot be checked here.\n" : "";
	const char *file = r->conf.n_known > 0 ? r->conf.known[0] : "";
	if (!r->can_ask)
		return err_set(err, CLV_E_AUTH,
		               "the host key of %s is not known: %s %s. Compare it with whoever runs it, "
		               "then connect once "
		               "from a terminal, or add a line to %.150s",
		               r->name, type, shown, file);
	snprintf(title, sizeof(title), "%s is not known. It shows %s %s", r->name, type, shown);
	snprintf(text, sizeof(text), "%sCompare that with who runs it. y trusts it and adds it to %.300s",
	         note, file);
	struct clv_err no = {0};
	if (talk_ask(SSH_CONTROL_FD, TALK_ASK_YES, title, text, NULL, &no) != CLV_OK)
		return no.code == CLV_E_DENIED
		           ? err_set(err, CLV_E_AUTH, "the host key of %s was not accepted; nothing was sent",
		                     r->name)
		           : (*err = no, CLV_FAILED);
	if (file[0] == '/' && remember(r, l->key, &no) != CLV_OK)
		talk_send(SSH_CONTROL_FD, TALK_SAY, CLV_E_NONE, "", no.text);
	return CLV_OK;
}

clv_rc ssh_check_host(struct ssh_run *r, struct clv_err *err)
{
	struct ssh_known_look l;
	char shown[64], type[64];
	size_t len = 0;
	int kind = 0;
	const char *key = libssh2_session_hostkey(r->s, &len, &kind);
	if (key == NULL)
		return err_set(err, CLV_E_PROTO, "%s showed no host key", r->name);
	struct clv_slice blob = slice_of(key, len);
	ssh_key_type(blob, type);
	ssh_fingerprint(blob, shown);
	look(r, blob, &l);
	switch (l.result) {
	case SSH_KNOWN_SAME:
		return CLV_OK;
	case SSH_KNOWN_REVOKED:
		return err_set(err, CLV_E_AUTH,
		               "STOP. The host key that %s shows is revoked (%.150s): %s. Nothing was sent. "
		               "Ask who runs it.",
		               r->name, l.where, shown);
	case SSH_KNOWN_CHANGED:
		return changed(r, &l, shown, err);
	case SSH_KNOWN_AUTHORITY:
		return err_set(err, CLV_E_AUTH,
		               "%s is known by an authority alone (@cert-authority, %.120s), and libssh2 "
		               "1.10 checks no host "
		               "certificates. Add its own key to known_hosts, or let ssh carry the bytes: "
		               "proxy_command = ssh "
		               "-W %%h:%%p %.60s",
		               r->name, l.where, r->to.host);
	case SSH_KNOWN_NONE:
		break;
	}
	return unknown(r, &l, shown, type, err);
}
