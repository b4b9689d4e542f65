/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger reenter`: a password from a descriptor or from the terminal itself, byte by byte into
 * locked memory (no stdio, no argument, no environment), sealed, sent, wiped. On every way out, and
 * by every signal that ends or stops us, the terminal echoes again and the secret is gone.
 */
#include "console/batch.h"
#include "console/tty.h"

#include "claviger/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "7", and something is open there. -1: none. */
static int given_fd(const struct options *o)
{
	const char *s = o->password_fd;
	size_t len = s != NULL ? strlen(s) : 0;
	if (len == 0 || len > 4 || strspn(s, "0123456789") != len)
		return -1;
	int fd = (int)strtol(s, NULL, 10);
	return fcntl(fd, F_GETFL) >= 0 ? fd : -1;
}

clv_rc batch_reenter_check(const struct options *o, struct clv_err *err)
{
	if (o->secrets_why[0] != '\0')
		return err_set(err, CLV_E_SANDBOX, "%s", o->secrets_why);
	if (o->first != NULL && o->all_at_once)
		return err_set(err, CLV_E_USAGE, "one of --first and --all-at-once");
	if (o->password_fd != NULL)
		return given_fd(o) >= 0 ? CLV_OK
		                        : err_set(err, CLV_E_USAGE,
		                                  "--password-fd takes the number of a descriptor that is "
		                                  "open here: --password-fd 3 3<FILE");
	if (!isatty(STDIN_FILENO))
		return err_set(err, CLV_E_USAGE,
		               "stdin is no terminal: give the password with --password-fd N");
	return CLV_OK;
}

/* --- from a descriptor --- */

static clv_rc drop_newline(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	(void)cap;
	(void)ctx;
	(void)err;
	*len -= *len > 0 && bytes[*len - 1] == '\n';
	return CLV_OK;
}

struct reading {
	int fd;
	bool ended;
};

static clv_rc read_some(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct reading *r = ctx;
	uint8_t one;
	/* full: is there more? */
	ssize_t n = *len < cap ? read(r->fd, bytes + *len, cap - *len) : read(r->fd, &one, 1);
	if (n < 0 && errno == EINTR)
		return CLV_OK;
	if (n < 0)
		return err_sys(err, CLV_E_IO, "reading the password");
	if (n > 0 && *len == cap)
		return err_set(err, CLV_E_LIMIT, "more than %zu bytes", cap);
	*len += (size_t)n;
	r->ended = n == 0;
	return CLV_OK;
}

/* Straight into locked memory. */
static clv_rc read_fd(int fd, bool as_it_is, struct clv_secret *out, struct clv_err *err)
{
	struct reading r = {.fd = fd};
	while (!r.ended) {
		if (secret_edit(out, read_some, &r, err) != CLV_OK)
			return CLV_FAILED;
	}
	return as_it_is ? CLV_OK : secret_edit(out, drop_newline, NULL, err);
}

/* --- from the terminal --- */

/* Twice; an SNMPv3 account has two of them. */
static clv_rc ask_twice(struct tty *t, const char *what, struct clv_secret *out, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	struct clv_secret *again = secret_new(TTY_TYPED_MAX, err);
	char *first = clv_asprintf("%s (typing is hidden): ", what);
	if (again == NULL || tty_read_line(t, first, out, err) != CLV_OK)
		goto out;
	if (secret_len(out) == 0) {
		err_set(err, CLV_E_USAGE, "an empty password is none: nothing was saved");
		goto out;
	}
	if (tty_read_line(t, "Again: ", again, err) != CLV_OK)
		goto out;
	rc = secret_eq(out, again)
	         ? CLV_OK
	         : err_set(err, CLV_E_CONFLICT, "the two entries differ: nothing was saved");
out:
	secret_free(again);
	clv_free(first);
	return rc;
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

static clv_rc ask_terminal(const struct clv_account_fact *a, struct clv_secret *out, struct clv_err *err)
{
	struct tty t = {.fd = -1, .nothing = "nothing was saved"};
	struct clv_secret *part = secret_new(TTY_TYPED_MAX, err);
	bool snmp = a->type == CLV_ACCOUNT_SNMPV3;
	struct clv_text *name = text_new_str(a->name);
	char *what = clv_asprintf("%s of %s", snmp ? "Authentication key" : "Password", text_str(name));
	clv_rc rc = CLV_FAILED;
	if (part == NULL || tty_open(&t, false, err) != CLV_OK || ask_twice(&t, what, part, err) != CLV_OK ||
	    secret_use(part, append, out, err) != CLV_OK)
		goto out;
	if (snmp && a->privacy_protocol[0] != '\0' && strcmp(a->privacy_protocol, "none") != 0 &&
	    (secret_append(out, "\n", 1, err) != CLV_OK ||
	     ask_twice(&t, "Privacy key", part, err) != CLV_OK ||
	     secret_use(part, append, out, err) != CLV_OK))
		goto out;
	rc = CLV_OK;
out:
	secret_free(part);
	if (rc != CLV_OK)
		secret_clear(out);
	tty_close(&t);
	text_free(name);
	clv_free(what);
	return rc;
}

/* --- the command --- */

static struct clv_reply *ask_account(struct batch *b, const char *name, struct clv_err *err)
{
	struct clv_reply *r = batch_wait(b, clv_session_account(b->s, name, false, err), err);
	if (r == NULL || r->account != NULL)
		return r;
	clv_reply_free(r);
	err_set(err, CLV_E_PROTO, "the server gave no account");
	return NULL;
}

static clv_rc take_password(struct batch *b, const struct clv_account_fact *a, struct clv_secret *password,
                            struct clv_err *err)
{
	if (b->o->password_fd == NULL && a->type == CLV_ACCOUNT_BINARY)
		return err_set(err, CLV_E_USAGE, "a binary account takes a file: --password-fd 3 3<FILE");
	if (b->o->password_fd == NULL)
		return ask_terminal(a, password, err);
	if (read_fd(given_fd(b->o), a->type == CLV_ACCOUNT_BINARY, password, err) != CLV_OK)
		return CLV_FAILED;
	return secret_len(password) > 0
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE, "an empty password is none: nothing was saved");
}

static clv_rc enter(struct batch *b, const struct clv_reply *account, const struct clv_intake_fact *in,
                    struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	struct clv_secret *password = secret_new(CLV_PASSWORD_MAX, err);
	struct clv_reply *r = NULL;
	if (password == NULL || take_password(b, &account->account->account, password, err) != CLV_OK)
		goto out;
	uint64_t req = clv_session_enter(b->s, in, password, b->o->first, b->o->all_at_once, err);
	secret_clear(password); /* before the wait */
	r = batch_wait(b, req, err);
	if (r == NULL)
		goto out;
	batch_say(stderr, r->text != NULL && r->text[0] != '\0' ? r->text : "Saved.");
	rc = CLV_OK;
out:
	clv_reply_free(r);
	secret_free(password);
	return rc;
}

/* Others see that somebody is at it; and is somebody else? It locks nothing: no answer, no word. */
static void say_who_else(struct batch *b, const char *name)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_claim(b->s, name, false, &err), &err);
	if (r != NULL && r->claim != NULL) {
		char *s = clv_asprintf("%s is at it too, last key %lld s ago.", r->claim->by,
		                       (long long)(r->time - r->claim->at) / 1000);
		batch_say(stderr, s);
		clv_free(s);
	}
	clv_reply_free(r);
}

int batch_reenter(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	struct clv_reply *in = NULL, *account = ask_account(b, argv[1], &err);
	int code = EXIT_DONE;
	(void)argc;
	if (account == NULL)
		return batch_fail(&err);
	say_who_else(b, account->account->account.name);
	in = batch_wait(b, clv_session_intake(b->s, account->account->account.name, &err), &err);
	if (in == NULL || in->intake == NULL || enter(b, account, in->intake, &err) != CLV_OK)
		code = batch_fail(&err);
	clv_reply_free(in);
	clv_reply_free(account);
	return code;
}
