/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands: which there are, connecting, waiting, asking.
 */
#include "console/batch.h"

#include "claviger/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t batch_mono_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int batch_fail(const struct clv_err *err)
{
	struct clv_text *t = text_new_str(err->text[0] != '\0' ? err->text : clv_code_text(err->code));
	fprintf(stderr, "claviger: %s\n", text_str(t));
	text_free(t);
	return exit_code_of(err);
}

/* Polls until the session has something new to say, at most until `until` (monotonic; 0: for ever). */
static void turn(struct batch *b, int64_t until)
{
	int wait = clv_session_timeout_ms(b->s);
	if (until != 0) {
		int64_t left = until - batch_mono_ms();
		if (left < 0)
			left = 0;
		if (wait < 0 || wait > left)
			wait = (int)left;
	}
	struct pollfd p = {.fd = clv_session_fd(b->s), .events = clv_session_events(b->s)};
	if (poll(&p, 1, wait) < 0 && errno != EINTR)
		return;
	clv_session_step(b->s);
}

static clv_rc connect_first(struct batch *b, struct clv_err *err)
{
	clv_session_step(b->s);
	while (clv_session_state(b->s) != CLV_SESSION_OPEN) {
		const struct clv_err *why = clv_session_error(b->s);
		if (why->cls != CLV_CLASS_NONE) { /* a batch command tries once */
			*err = *why;
			return CLV_FAILED;
		}
		turn(b, 0);
	}
	return CLV_OK;
}

struct clv_reply *batch_wait(struct batch *b, uint64_t req, struct clv_err *err)
{
	if (req == 0)
		return NULL;
	for (;;) {
		struct clv_reply *r = clv_session_pop(b->s);
		if (r == NULL) {
			if (b->deadline_mono_ms != 0 && batch_mono_ms() >= b->deadline_mono_ms) {
				err_set(err, CLV_E_TIMEOUT, "time is over");
				return NULL;
			}
			turn(b, b->deadline_mono_ms);
			continue;
		}
		if (r->req != req) {
			clv_reply_free(r);
			continue;
		}
		if (r->kind == CLV_REPLY_REFUSED) {
			struct clv_text *t = text_new_str(r->text);
			err_set(err, r->code, "%s", text_str(t));
			text_free(t);
		} else if (r->kind == CLV_REPLY_DROPPED) {
			err_set(err, CLV_E_CLOSED, "the line to %s was lost%s", clv_session_server(b->s),
			        !r->is_act ? ""
			        : r->sent  ? "; it may have been done: look before you ask again"
			                   : "; nothing was sent");
		} else {
			return r;
		}
		clv_reply_free(r);
		return NULL;
	}
}

bool batch_confirm(const struct batch *b, const char *question, const char *word)
{
	char typed[512];
	if (b->o->yes || !isatty(STDIN_FILENO))
		return true;
	struct clv_text *q = text_new_str(question);
	struct clv_text *w = text_new_str(word);
	if (word == NULL)
		fprintf(stderr, "%s  y/N ", text_str(q));
	else
		fprintf(stderr, "%s\nType %s: ", text_str(q), text_str(w));
	fflush(stderr);
	text_free(q);
	text_free(w);
	if (fgets(typed, sizeof(typed), stdin) == NULL)
		return false;
	typed[strcspn(typed, "\r\n")] = '\0';
	if (word != NULL)
		return strcmp(typed, word) == 0;
	return strcmp(typed, "y") == 0 || strcmp(typed, "Y") == 0;
}

static const char usage[] =
    "claviger [-s SERVER] [--read-only] [VIEW]          the full screen\n"
    "claviger get agents|events|pending|audit|roles|requests\n"
    "             [--filter EXPR] [--sort COLUMN] [--limit N] [-o table|wide|json|csv]\n"
    "claviger describe agent NAME [-o text|json]\n"
    "claviger approve NAME --fingerprint DIGITS [--replace]\n"
    "claviger reject NAME [--reason TEXT]\n"
    "claviger remove agent NAME\n"
    "claviger rotate NAME... [--wait [--timeout SECONDS]]\n"
    "claviger role grant|revoke PRINCIPAL ROLE\n"
    "\n"
    "-s takes unix:PATH or NAME[@ADDRESS][:PORT]; else CLAVIGER_SERVER, claviger.conf, " CLV_DEFAULT_SERVER
    "\n"
    "--ca --cert --key FILE, --trust-group FINGERPRINT for host[:port]; --config FILE; --yes does not ask\n"
    "Exit: 0 done, 1 failed, 2 usage, 3 not allowed, 4 server not reached or not proven, 5 a verification "
    "failed\n";

bool batch_is_command(const char *word)
{
	static const char *const words[] = {"get",    "describe", "approve", "reject", "remove",
	                                    "rotate", "role",     "help",    "version"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

/* What can be seen to be wrong before a server is asked. */
static clv_rc check_usage(const struct options *o, struct clv_err *err)
{
	const char *cmd = o->args[0];
	int n = o->n_args;
	if (strcmp(cmd, "get") == 0)
		return n == 2 ? CLV_OK
		              : err_set(err, CLV_E_USAGE, "get agents|events|pending|audit|roles|requests");
	if (strcmp(cmd, "describe") == 0)
		return n == 3 && strcmp(o->args[1], "agent") == 0
		           ? CLV_OK
		           : err_set(err, CLV_E_USAGE, "describe agent NAME");
	if (strcmp(cmd, "approve") == 0)
		return n == 2 && o->fingerprint != NULL
		           ? CLV_OK
		           : err_set(err, CLV_E_USAGE,
		                     "approve NAME --fingerprint DIGITS (those that the host printed)");
	if (strcmp(cmd, "reject") == 0)
		return n == 2 ? CLV_OK : err_set(err, CLV_E_USAGE, "reject NAME [--reason TEXT]");
	if (strcmp(cmd, "remove") == 0)
		return n == 3 && strcmp(o->args[1], "agent") == 0
		           ? CLV_OK
		           : err_set(err, CLV_E_USAGE, "remove agent NAME");
	if (strcmp(cmd, "rotate") == 0)
		return n >= 2 ? CLV_OK : err_set(err, CLV_E_USAGE, "rotate NAME... [--wait]");
	if (n == 4 && (strcmp(o->args[1], "grant") == 0 || strcmp(o->args[1], "revoke") == 0))
		return CLV_OK;
	return err_set(err, CLV_E_USAGE, "role grant|revoke PRINCIPAL ROLE");
}

static int dispatch(struct batch *b)
{
	char **a = b->o->args;
	if (strcmp(a[0], "get") == 0)
		return batch_get(b, a[1]);
	if (strcmp(a[0], "describe") == 0)
		return batch_describe(b, a[1], a[2]);
	if (strcmp(a[0], "rotate") == 0)
		return batch_rotate(b, b->o->n_args - 1, a + 1);
	return batch_act(b, b->o->n_args, a);
}

static bool changes_something(const char *cmd)
{
	return strcmp(cmd, "get") != 0 && strcmp(cmd, "describe") != 0;
}

int batch_run(struct options *o)
{
	struct batch b = {.o = o};
	struct clv_err err = {0};
	struct clv_reply *r = NULL;
	int code = EXIT_FAILED;
	if (o->help || strcmp(o->args[0], "help") == 0)
		return fputs(usage, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (o->version || strcmp(o->args[0], "version") == 0)
		return printf("claviger %s\n", CLV_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (check_usage(o, &err) != CLV_OK)
		return batch_fail(&err);
	if (o->read_only && changes_something(o->args[0])) {
		err_set(&err, CLV_E_DENIED, "not done: --read-only");
		return batch_fail(&err);
	}
	b.s = options_session(o, &err);
	if (b.s == NULL)
		return batch_fail(&err);
	if (connect_first(&b, &err) != CLV_OK) {
		batch_fail(&err);
		code = EXIT_UNREACHABLE;
		goto out;
	}
	if (options_remember(o, b.s, &err) != CLV_OK) {
		code = batch_fail(&err);
		goto out;
	}
	r = batch_wait(&b, clv_session_whoami(b.s, &err), &err);
	if (r == NULL || r->whoami == NULL) {
		code = batch_fail(&err);
		goto out;
	}
	b.who = r->whoami;
	r->whoami = NULL;
	code = dispatch(&b);
	if (fflush(stdout) != 0 && code == EXIT_DONE) {
		err_sys(&err, CLV_E_IO, "writing the result");
		code = batch_fail(&err);
	}
out:
	clv_reply_free(r);
	facts_whoami_free(b.who);
	clv_session_free(b.s);
	return code;
}
