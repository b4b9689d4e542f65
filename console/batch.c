/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands: which there are, connecting, waiting, asking.
 */
#include "console/batch.h"
#include "console/manual.h"

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
	const char *s = err->text[0] != '\0' ? err->text : clv_code_text(err->code), *head = "claviger: ";
	while (*s != '\0') { /* a few messages have more than one line */
		size_t len = strcspn(s, "\n");
		struct clv_text *t = text_new(slice_of(s, len));
		fprintf(stderr, "%s%s\n", head, text_str(t));
		text_free(t);
		head = "  ";
		s += len + (s[len] == '\n');
	}
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
		batch_answer(b);
		turn(b, 0);
	}
	batch_answer(b);
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
			if (clv_session_error(b->s)->cls !=
			    CLV_CLASS_NONE) { /* a watch has no reply for it */
				err_set(err, CLV_E_CLOSED, "the line to %s was lost",
				        clv_session_server(b->s));
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
			const struct clv_err *why = clv_session_error(b->s);
			err_set(err, CLV_E_CLOSED, "the line to %s was lost%s%s%.300s%s",
			        clv_session_server(b->s),
			        !r->is_act ? ""
			        : r->sent  ? "; it may have been done: look before you ask again"
			                   : "; nothing was sent",
			        why->text[0] != '\0' ? " (" : "", why->text, why->text[0] != '\0' ? ")" : "");
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
    "claviger get agents|accounts|profiles|groups|servers|alerts|events|pending|audit|expiry|roles|requests\n"
    "             [--filter EXPR] [--sort COLUMN] [--limit N] [-o table|wide|json|csv] [--watch]\n"
    "claviger get servers -o pem                        the group signing key's certificate\n"
    "claviger find TEXT                                 names, users, keys of all generations, audit\n"
    "claviger status [-o text|json|nagios]              what needs a person; nagios has its exit codes\n"
    "claviger overview aside KEY --until DATE --reason TEXT    overview aside KEY --back\n"
    "claviger describe agent|account NAME [-o text|json]   describe alert NUMBER\n"
    "claviger trace ALERT | --probe AGENT [-o text|json]    the path, verified; exit 5: it does not verify\n"
    "claviger ack ALERT...                              acknowledge alerts by their numbers\n"
    "claviger proof NODE [--from DATE] [--to DATE]      report encryption [-o text|json|html]\n"
    "    is it encrypted: links, parcels, passwords, as they run and are stored\n"
    "claviger approve NAME --fingerprint DIGITS [--replace]\n"
    "claviger reject NAME [--reason TEXT]\n"
    "claviger remove agent|gateway NAME\n"
    "claviger rotate NAME... [--wait [--timeout SECONDS]]\n"
    "claviger move NAME... --to GATEWAY|SERVER\n"
    "claviger account add NAME --type TYPE [FIELD...]   account edit NAME [--name NEW] [FIELD...]\n"
    "    TYPE: simple basic digest windows action community snmpv3 binary; FIELD: --user U --domain D\n"
    "    --kept-by X --note X --ends DATE|never --context C --auth-protocol md5|sha|none\n"
    "    --privacy-protocol des|aes|none\n"
    "claviger account distribute NAME [--to SPEC...] [--not SPEC...] [--less-secure|--more-secure] [--plan]\n"
    "    SPEC: a host, a pattern with * or ?, group:NAME\n"
    "claviger account remove NAME [--plan]              account continue NAME [--stop]\n"
    "claviger reenter ACCOUNT [--password-fd N] [--first HOST] [--all-at-once]\n"
    "claviger recovery status [--report] [-o text|json]\n"
    "claviger recovery verify [ACCOUNT] [-o text|json]  exit 5: a host misses what it should have\n"
    "claviger recovery aside ACCOUNT --reason TEXT      recovery aside ACCOUNT --back\n"
    "claviger recovery finish                           nothing is left to be entered: a signed report\n"
    "claviger profile add NAME                          profile remove NAME [--plan]\n"
    "claviger profile associate PROFILE ACCOUNT [--all|--class C|--group G|--object O|--pattern P]\n"
    "    [--remove] [--plan]\n"
    "claviger group add NAME MEMBER...                  group remove NAME [--plan]\n"
    "claviger group edit NAME [--add M...] [--remove M...] [--plan]\n"
    "claviger role grant|revoke PRINCIPAL ROLE\n"
    "claviger completion bash|zsh|fish                  for the shell\n"
    "claviger dial-stdio                                the far end of -s ssh://host\n"
    "claviger audit verify [-o text|json]               exit 5: a row was changed, inserted, taken away or "
    "cut off\n"
    "\n"
    "-s takes unix:PATH, NAME[@ADDRESS][:PORT], ssh://[USER@]HOST[:PORT] (runs claviger dial-stdio there) "
    "or\n"
    "ssh://[USER@]HOST[:PORT]/NAME[:PORT]; else CLAVIGER_SERVER, claviger.conf, " CLV_DEFAULT_SERVER "\n"
    "--ca --cert --key FILE, --trust-group FINGERPRINT for host[:port]; --config FILE; --yes does not ask\n"
    "Exit: 0 done, 1 failed, 2 usage, 3 not allowed, 4 server not reached or not proven, 5 a verification "
    "failed\n";

static clv_rc check_approve(const struct options *o, struct clv_err *err)
{
	return o->fingerprint != NULL ? CLV_OK
	                              : err_set(err, CLV_E_USAGE,
	                                        "approve NAME --fingerprint DIGITS (those that the host "
	                                        "printed)");
}

/* word, second word or NULL, how many words, what it says when they are others */
static const struct command {
	const char *word, *sub;
	int least, most;
	const char *usage;
	bool changes;
	clv_rc (*check)(const struct options *o, struct clv_err *err); /* before a server is asked */
	int (*run)(struct batch *b, int argc, char **argv);
} commands[] = {
    {"get", NULL, 2, 2,
     "get agents|accounts|profiles|groups|servers|alerts|events|pending|audit|expiry|roles|requests", false,
     NULL, batch_get},
    {"describe", "agent", 3, 3, "describe agent|account NAME", false, NULL, batch_describe},
    {"describe", "account", 3, 3, "describe agent|account NAME", false, NULL, batch_describe_account},
    {"describe", "alert", 3, 3, "describe alert NUMBER", false, NULL, batch_describe_alert},
    {"trace", NULL, 1, 2, "trace ALERT | --probe AGENT [-o text|json]", false, batch_trace_check,
     batch_trace},
    {"ack", NULL, 2, 0, "ack ALERT...", true, NULL, batch_ack},
    {"proof", NULL, 2, 2, "proof NODE [--from DATE] [--to DATE] [-o text|json|html]", false,
     batch_report_check, batch_report},
    {"report", "encryption", 2, 2, "report encryption [--from DATE] [--to DATE] [-o text|json|html]", false,
     batch_report_check, batch_report},
    {"report", NULL, 0, 0, "report encryption [-o text|json|html]", false, NULL, NULL},
    {"approve", NULL, 2, 2, "approve NAME --fingerprint DIGITS (those that the host printed)", true,
     check_approve, batch_act},
    {"reject", NULL, 2, 2, "reject NAME [--reason TEXT]", true, NULL, batch_act},
    {"remove", "agent", 3, 3, "remove agent NAME", true, NULL, batch_act},
    {"remove", "gateway", 3, 3, "remove gateway NAME", true, NULL, batch_act},
    {"rotate", NULL, 2, 0, "rotate NAME... [--wait]", true, NULL, batch_rotate},
    {"move", NULL, 2, 0, "move NAME... --to GATEWAY|SERVER", true, batch_move_check, batch_move},
    {"role", "grant", 4, 4, "role grant|revoke PRINCIPAL ROLE", true, NULL, batch_act},
    {"role", "revoke", 4, 4, "role grant|revoke PRINCIPAL ROLE", true, NULL, batch_act},
    {"account", "add", 3, 3, "account add NAME --type TYPE [--user U] [--domain D] ...", true,
     batch_runas_check, batch_runas},
    {"account", "edit", 3, 3, "account edit NAME [--name NEW] [--user U] ...", true, batch_runas_check,
     batch_runas},
    {"account", "remove", 3, 3, "account remove NAME", true, batch_runas_check, batch_runas},
    {"account", "distribute", 3, 3,
     "account distribute NAME [--to SPEC...] [--not SPEC...] [--less-secure|--more-secure] [--plan]", true,
     batch_runas_check, batch_runas},
    {"account", "continue", 3, 3, "account continue NAME [--stop]", true, batch_runas_check, batch_runas},
    {"account", NULL, 0, 0, "account add|edit|remove|distribute|continue NAME ...", true, NULL, NULL},
    {"profile", "add", 3, 3, "profile add NAME", true, batch_runas_check, batch_runas},
    {"profile", "remove", 3, 3, "profile remove NAME", true, batch_runas_check, batch_runas},
    {"profile", "associate", 4, 4,
     "profile associate PROFILE ACCOUNT [--all|--class C|--group G|--object O|--pattern P] [--remove]", true,
     batch_runas_check, batch_runas},
    {"profile", NULL, 0, 0, "profile add|remove|associate NAME ...", true, NULL, NULL},
    {"group", "add", 4, 0, "group add NAME MEMBER...", true, batch_runas_check, batch_runas},
    {"group", "edit", 3, 3, "group edit NAME [--add M...] [--remove M...]", true, batch_runas_check,
     batch_runas},
    {"group", "remove", 3, 3, "group remove NAME", true, batch_runas_check, batch_runas},
    {"group", NULL, 0, 0, "group add|edit|remove NAME ...", true, NULL, NULL},
    {"reenter", NULL, 2, 2, "reenter ACCOUNT [--password-fd N] [--first HOST] [--all-at-once]", true,
     batch_reenter_check, batch_reenter},
    {"recovery", "status", 2, 2, "recovery status [--report] [-o text|json]", false, batch_recovery_check,
     batch_recovery},
    {"recovery", "verify", 2, 3, "recovery verify [ACCOUNT] [-o text|json]", false, batch_recovery_check,
     batch_recovery},
    {"recovery", "aside", 3, 3, "recovery aside ACCOUNT --reason TEXT, or --back", true, batch_recovery_check,
     batch_recovery},
    {"recovery", "finish", 2, 2, "recovery finish", true, batch_recovery_check, batch_recovery},
    {"recovery", NULL, 0, 0, "recovery status|verify|aside|finish", true, NULL, NULL},
    {"find", NULL, 2, 0, "find TEXT", false, NULL, batch_find},
    {"status", NULL, 1, 1, "status [-o text|json|nagios]", false, NULL, batch_status},
    {"dial-stdio", NULL, 1, 1, "dial-stdio", false, batch_dial_check, NULL},
    {"audit", "verify", 2, 2, "audit verify [-o text|json]", false, batch_audit_check, batch_audit},
    {"audit", NULL, 0, 0, "audit verify [-o text|json]", false, NULL, NULL},
    {"overview", "aside", 3, 3, "overview aside KEY --until DATE --reason TEXT, or --back", true, NULL,
     batch_overview},
    {"completion", NULL, 2, 2, "completion bash|zsh|fish", false, NULL, NULL},
    {"manual", NULL, 1, 1, "manual", false, NULL, NULL},
    {"help", NULL, 0, 0, "help", false, NULL, NULL},
    {"version", NULL, 0, 0, "version", false, NULL, NULL},
};

bool batch_command_row(size_t i, struct batch_command *out)
{
	if (i >= sizeof(commands) / sizeof(commands[0]))
		return false;
	const struct command *c = &commands[i];
	*out = (struct batch_command){.word = c->word,
	                              .sub = c->sub,
	                              .usage = c->usage,
	                              .changes = c->changes,
	                              .group = c->run == NULL && c->sub == NULL &&
	                                       strchr(c->usage, ' ') != NULL && c->least == 0};
	return true;
}

/* `overview` and `audit` alone are screens. */
bool batch_is_command_line(int argc, char *const *argv)
{
	if (argc == 1 && (strcmp(argv[0], "overview") == 0 || strcmp(argv[0], "audit") == 0))
		return false;
	return batch_is_command(argv[0]) && (strcmp(argv[0], "audit") != 0 || strcmp(argv[1], "verify") == 0);
}

bool batch_is_command(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, word) == 0)
			return true;
	}
	return false;
}

/* What can be seen to be wrong before a server is asked. */
static const struct command *find_command(const struct options *o, struct clv_err *err)
{
	const struct command *best = NULL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];
		if (strcmp(c->word, o->args[0]) != 0)
			continue;
		if (best == NULL || c->run == NULL)
			best = c;
		if (c->sub == NULL || (o->n_args > 1 && strcmp(c->sub, o->args[1]) == 0)) {
			best = c;
			break;
		}
	}
	bool right = best != NULL && (best->run != NULL || best->least > 0) && o->n_args >= best->least &&
	             (best->most == 0 || o->n_args <= best->most) &&
	             (best->sub == NULL || strcmp(best->sub, o->args[1]) == 0);
	if (!right) {
		err_set(err, CLV_E_USAGE, "%s", best != NULL ? best->usage : "claviger --help");
		return NULL;
	}
	if (best->check != NULL && best->check(o, err) != CLV_OK)
		return NULL;
	return best;
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
	const struct command *cmd = find_command(o, &err);
	if (cmd == NULL)
		return batch_fail(&err);
	if (strcmp(cmd->word, "manual") == 0)
		return manual_page();
	if (strcmp(cmd->word, "completion") == 0)
		return manual_completion(o);
	if (o->read_only && cmd->changes) {
		err_set(&err, CLV_E_DENIED, "not done: --read-only");
		return batch_fail(&err);
	}
	if (cmd->run == NULL)
		return batch_dial(o);
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
	code = cmd->run(&b, o->n_args, o->args);
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
