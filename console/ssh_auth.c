/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging in: the methods in the order in which the server names them; keys of the agent, then files.
 * Whatever has to be typed is asked through the console into locked memory. Keys that libssh2 1.10 cannot
 * sign with are never offered, and the end says which and what to do instead.
 */
#include "console/ssh_key.h"
#include "console/ssh_known.h"
#include "console/ssh_parts.h"

#include <libssh2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES  3
#define ROUNDS 4 /* several methods, one after the other (AuthenticationMethods) */

static void add_words(char *list, size_t size, const char *fmt, ...) CLV_PRINTF(3, 4);
static void add_words(char *list, size_t size, const char *fmt, ...)
{
	size_t used = strlen(list);
	va_list ap;
	if (used > 0 && used + 2 < size) {
		memcpy(list + used, ", ", 3);
		used += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(list + used, size - used, fmt, ap);
	va_end(ap);
}

static void leave_out(struct ssh_run *r, const char *name, const char *why)
{
	if (r->left_out[0] == '\0')
		add_words(r->left_out, sizeof(r->left_out), "%.120s was left out: %s", name, why);
}

/* A question; false: the person left, and nothing more is asked. */
static bool ask(struct ssh_run *r, enum talk_kind kind, const char *title, const char *prompt,
                struct clv_secret *to)
{
	if (r->person_left)
		return false;
	if (talk_ask(SSH_CONTROL_FD, kind, title, prompt, to, &r->person_err) == CLV_OK)
		return true;
	r->person_left = true;
	return false;
}

/* --- keys --- */

static bool over(const struct ssh_run *r)
{
	return r->person_left || libssh2_userauth_authenticated(r->s) != 0;
}

/* Is this public key one of the files' (IdentitiesOnly)? */
static bool is_configured(const struct ssh_run *r, struct clv_slice key)
{
	struct clv_buf file, blob;
	bool found = false;
	buf_init(&file, SSH_KEY_FILE_MAX);
	buf_init(&blob, SSH_KEY_FILE_MAX);
	for (size_t i = 0; !found && i < r->conf.n_identities; i++) {
		char *path = clv_asprintf("%s.pub", r->conf.identities[i]);
		buf_clear(&file);
		buf_clear(&blob);
		ssh_read_file(path, &file);
		found = ssh_key_public(buf_slice(&file), &blob, NULL) == CLV_OK &&
		        slice_eq(buf_slice(&blob), key);
		clv_free(path);
	}
	buf_release(&file);
	buf_release(&blob);
	return found;
}

static void agent_key(struct ssh_run *r, LIBSSH2_AGENT *agent, struct libssh2_agent_publickey *k,
                      unsigned *offered)
{
	struct clv_slice blob = slice_of(k->blob, k->blob_len);
	char type[64], name[200];
	ssh_key_type(blob, type);
	snprintf(name, sizeof(name), "%s of the agent (%.100s)", type, k->comment != NULL ? k->comment : "");
	if (r->conf.identities_only && !is_configured(r, blob))
		return;
	const char *why = ssh_key_unusable(type);
	if (why != NULL) {
		leave_out(r, name, why);
		return;
	}
	(*offered)++;
	(void)libssh2_agent_userauth(agent, r->conf.user, k);
}

static void try_agent(struct ssh_run *r)
{
	struct libssh2_agent_publickey *k = NULL, *before = NULL;
	unsigned offered = 0;
	const char *path = r->conf.agent, *env = getenv("SSH_AUTH_SOCK");
	if (path != NULL && strcmp(path, "none") == 0)
		return;
	if (path == NULL || strcmp(path, "SSH_AUTH_SOCK") == 0)
		path = env;
	if (path == NULL || path[0] != '/')
		return;
	LIBSSH2_AGENT *agent = libssh2_agent_init(r->s);
	if (agent == NULL)
		return;
	libssh2_agent_set_identity_path(agent, path);
	if (libssh2_agent_connect(agent) == 0 && libssh2_agent_list_identities(agent) == 0) {
		while (!over(r) && libssh2_agent_get_identity(agent, &k, before) == 0) {
			agent_key(r, agent, k, &offered);
			before = k;
		}
	}
	if (offered > 0)
		add_words(r->tried, sizeof(r->tried), "%u key%s of the agent", offered,
		          offered == 1 ? "" : "s");
	libssh2_agent_disconnect(agent);
	libssh2_agent_free(agent);
}

struct key_file {
	struct ssh_run *r;
	const char *path;
	int rc;
};

/* libssh2 takes the passphrase as a string: it is borrowed with a 0 behind it. */
static clv_rc with_passphrase(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct key_file *k = ctx;
	(void)err;
	if (*len >= cap)
		return err_set(err, CLV_E_LIMIT, "the passphrase is too long");
	bytes[*len] = '\0';
	k->rc = libssh2_userauth_publickey_fromfile_ex(
	    k->r->s, k->r->conf.user, (unsigned)strlen(k->r->conf.user), NULL, k->path, (const char *)bytes);
	return CLV_OK;
}

static int wanted(LIBSSH2_SESSION *s, unsigned char **sig, size_t *sig_len, const unsigned char *data,
                  size_t data_len, void **abstract)
{
	(void)s;
	(void)sig;
	(void)sig_len;
	(void)data;
	(void)data_len;
	**(bool **)abstract = true;
	return -1; /* not now: only whether the server would take it */
}

/* A passphrase is asked only for a key that the server would take. */
static bool server_wants(struct ssh_run *r, struct clv_slice blob)
{
	bool yes = false, *at = &yes;
	if (blob.len == 0)
		return true;
	(void)libssh2_userauth_publickey(r->s, r->conf.user, blob.ptr, blob.len, wanted, (void **)&at);
	return yes;
}

static void encrypted_key(struct ssh_run *r, struct key_file *k)
{
	struct clv_err err = {0};
	char title[400];
	struct clv_secret *pass = secret_new(TALK_ANSWER_MAX, &err);
	snprintf(title, sizeof(title), "Passphrase of the key %.300s, to log in to %.60s", k->path, r->name);
	for (int i = 0; i < TRIES && pass != NULL && !over(r); i++) {
		if (!ask(r, TALK_ASK_SECRET, title, i == 0 ? "Passphrase" : "That was not it. Passphrase",
		         pass) ||
		    secret_len(pass) == 0)
			break;
		if (secret_edit(pass, with_passphrase, k, &err) != CLV_OK || k->rc == 0)
			break;
	}
	secret_free(pass);
}

static void try_file(struct ssh_run *r, const char *path)
{
	struct ssh_key_facts f;
	struct clv_buf file, blob;
	struct key_file k = {.r = r, .path = path, .rc = -1};
	const char *why;
	buf_init(&file, SSH_KEY_FILE_MAX);
	buf_init(&blob, SSH_KEY_FILE_MAX);
	ssh_read_file(path, &file);
	if (buf_slice(&file).len == 0 || ssh_key_look(buf_slice(&file), &f, &blob, NULL) != CLV_OK)
		goto out;
	why = ssh_key_unusable(f.type);
	if (why != NULL) {
		leave_out(r, path, why);
	} else if (f.encrypted && !r->can_ask) {
		leave_out(
		    r, path,
		    "it has a passphrase, and nobody can be asked (stdin is no terminal): use ssh-agent");
	} else if (!server_wants(r, buf_slice(&blob))) {
		add_words(r->tried, sizeof(r->tried), "%.150s", path);
	} else {
		if (f.encrypted)
			encrypted_key(r, &k);
		else
			k.rc = libssh2_userauth_publickey_fromfile_ex(
			    r->s, r->conf.user, (unsigned)strlen(r->conf.user), NULL, path, NULL);
		add_words(r->tried, sizeof(r->tried), "%.150s", path);
	}
out:
	buf_release(&file);
	buf_release(&blob);
}

static void try_keys(struct ssh_run *r)
{
	try_agent(r);
	for (size_t i = 0; i < r->conf.n_identities && !over(r); i++)
		try_file(r, r->conf.identities[i]);
}

/* --- what is typed --- */

static clv_rc with_password(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	struct key_file *k = ctx;
	(void)err;
	k->rc = libssh2_userauth_password_ex(k->r->s, k->r->conf.user, (unsigned)strlen(k->r->conf.user),
	                                     (const char *)bytes.ptr, (unsigned)bytes.len, NULL);
	return CLV_OK;
}

static void try_password(struct ssh_run *r)
{
	struct key_file k = {.r = r, .rc = -1};
	struct clv_err err = {0};
	char title[600];
	struct clv_secret *pass = secret_new(TALK_ANSWER_MAX, &err);
	snprintf(title, sizeof(title), "Password of %.250s at %.270s", r->conf.user, r->name);
	for (int i = 0; i < TRIES && pass != NULL && !over(r); i++) {
		if (!ask(r, TALK_ASK_SECRET, title, i == 0 ? "Password" : "That was not it. Password",
		         pass) ||
		    secret_len(pass) == 0)
			break;
		if (secret_use(pass, with_password, &k, &err) != CLV_OK || k.rc == 0)
			break;
		if (k.rc == LIBSSH2_ERROR_PASSWORD_EXPIRED) {
			leave_out(r, "the password", "it has ended; change it with ssh, or where it is kept");
			break;
		}
		if (k.rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED)
			break;
	}
	add_words(r->tried, sizeof(r->tried), "a password");
	secret_free(pass);
}

static clv_rc copy_response(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	LIBSSH2_USERAUTH_KBDINT_RESPONSE *out = ctx;
	(void)err;
	out->text = ssh_alloc(bytes.len + 1, NULL); /* libssh2 frees it, which wipes it */
	if (bytes.len > 0)
		memcpy(out->text, bytes.ptr, bytes.len);
	out->length = (unsigned)bytes.len;
	return CLV_OK;
}

static void one_prompt(struct ssh_run *r, const char *head, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p,
                       LIBSSH2_USERAUTH_KBDINT_RESPONSE *out)
{
	struct clv_err err = {0};
	char prompt[600];
	struct clv_secret *typed = secret_new(TALK_ANSWER_MAX, &err);
	snprintf(prompt, sizeof(prompt), "%.*s", (int)(p->length < 500 ? p->length : 500), p->text);
	if (typed == NULL || !ask(r, p->echo != 0 ? TALK_ASK_TEXT : TALK_ASK_SECRET, head, prompt, typed) ||
	    secret_use(typed, copy_response, out, &err) != CLV_OK) {
		out->text = ssh_alloc(1, NULL);
		out->length = 0;
	}
	secret_free(typed);
}

/* The server asks; its words are shown as foreign text. */
static void prompts(const char *name, int name_len, const char *instruction, int instruction_len, int n,
                    const LIBSSH2_USERAUTH_KBDINT_PROMPT *asked, LIBSSH2_USERAUTH_KBDINT_RESPONSE *out,
                    void **abstract)
{
	struct ssh_run *r = *abstract;
	char head[1400];
	snprintf(head, sizeof(head), "%.100s asks %.100s%s%.*s%s%.*s", r->name, r->conf.user,
	         name_len > 0 ? "\n" : "", name_len < 300 ? name_len : 300, name_len > 0 ? name : "",
	         instruction_len > 0 ? "\n" : "", instruction_len < 800 ? instruction_len : 800,
	         instruction_len > 0 ? instruction : "");
	for (int i = 0; i < n; i++)
		one_prompt(r, head, &asked[i], &out[i]);
}

static void try_interactive(struct ssh_run *r)
{
	for (int i = 0; i < TRIES && !over(r); i++) {
		int rc = libssh2_userauth_keyboard_interactive_ex(r->s, r->conf.user,
		                                                  (unsigned)strlen(r->conf.user), prompts);
		if (rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED)
			break;
	}
	add_words(r->tried, sizeof(r->tried), "keyboard-interactive");
}

/* --- in the server's order --- */

static void try_method(struct ssh_run *r, const char *name, size_t len)
{
	static const struct {
		const char *name;
		bool typed;
		void (*run)(struct ssh_run *r);
	} methods[] = {{"publickey", false, try_keys},
	               {"keyboard-interactive", true, try_interactive},
	               {"password", true, try_password}};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strlen(methods[i].name) != len || strncmp(methods[i].name, name, len) != 0)
			continue;
		if (!methods[i].typed || r->can_ask)
			methods[i].run(r);
		else
			leave_out(r, methods[i].name,
			          "nobody can be asked (stdin is no terminal): use a key, or ssh-agent");
	}
}

static clv_rc refused(struct ssh_run *r, const char *offered, struct clv_err *err)
{
	bool old = strstr(r->left_out, "libssh2 1.10") != NULL;
	if (r->person_left)
		return err_set(err, CLV_E_DENIED, "not logged in to %s: %s", r->name, r->person_err.text);
	return err_set(err, CLV_E_AUTH,
	               "%.100s did not let %.60s in; it takes %.60s. Tried: %.130s.%s%.190s%s%.50s", r->name,
	               r->conf.user, offered, r->tried[0] != '\0' ? r->tried : "nothing",
	               r->left_out[0] != '\0' ? " " : "", r->left_out,
	               old ? ". Make an ed25519 key (ssh-keygen -t ed25519), or let ssh carry the bytes: "
	                     "proxy_command = ssh "
	                     "-W %h:%p "
	                   : "",
	               old ? r->to.host : "");
}

clv_rc ssh_login(struct ssh_run *r, struct clv_err *err)
{
	char before[200] = "", now[200] = "none";
	for (int round = 0; round < ROUNDS; round++) {
		const char *list = libssh2_userauth_list(r->s, r->conf.user, (unsigned)strlen(r->conf.user));
		if (libssh2_userauth_authenticated(r->s) != 0)
			return CLV_OK;
		if (list == NULL)
			return round == 0 ? err_set(err, CLV_E_CLOSED, "%s names no way to log in: %s",
			                            r->name, ssh_words(r))
			                  : refused(r, now, err);
		snprintf(now, sizeof(now), "%s", list);
		if (strcmp(now, before) == 0) /* the same again: nothing of it was taken */
			break;
		snprintf(before, sizeof(before), "%s", now);
		for (const char *p = now; *p != '\0' && !over(r);) {
			size_t len = strcspn(p, ",");
			try_method(r, p, len);
			p += len + (p[len] == ',');
		}
		if (libssh2_userauth_authenticated(r->s) != 0)
			return CLV_OK;
		if (r->person_left)
			break;
	}
	return refused(r, now, err);
}
