/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of claviger, parsed, and a session made from it.
 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include "console/transport.h"

#include "claviger/client.h"
#include "console/settings.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_DENIED = 3,
	EXIT_UNREACHABLE = 4,
	EXIT_VERIFY = 5
};
enum output {
	OUTPUT_TABLE,
	OUTPUT_WIDE,
	OUTPUT_JSON,
	OUTPUT_CSV,
	OUTPUT_TEXT,
	OUTPUT_PEM,
	OUTPUT_NAGIOS,
	OUTPUT_HTML,
	OUTPUT_DEFAULT
};

struct words {
	char **v; /* argv's; NULL after the last */
	size_t n;
};

struct options {
	uint64_t limit; /* 0: none */
	const char *server, *filter, *sort, *fingerprint, *reason, *config, *ca, *cert, *key, *trust_group;
	uint64_t timeout_s;
	enum output output;
	bool watch, replace, wait, yes, read_only, restricted, plain, help, version;
	/* accounts, profiles, groups */
	const char *type, *user, *domain, *kept_by, *note, *ends, *context, *auth_protocol, *privacy_protocol,
	    *new_name, *until, *to_class, *to_group, *to_object, *to_pattern, *first, *password_fd, *probe,
	    *from;
	bool less_secure, more_secure, plan, stop, to_all, all_at_once, remove;
	bool report, back;                   /* recovery status, recovery aside */
	struct words to, without, add, less; /* --to --not --add --remove */
	struct words words;
	int n_args;
	char **args;                 /* what is no option, in order */
	char secrets_why[400];       /* why no password can be entered here; "": it can */
	char *label;                 /* of claviger.conf or of the context; owned */
	struct settings settings;    /* of console.conf; empty where restricted */
	const char *at_context;      /* its name; borrowed from settings; NULL: none */
	struct transport *transport; /* what the session's bytes come through; owned, NULL: nothing */
};

/* CLV_E_USAGE with one clear line. */
CLV_MUST clv_rc options_parse(int argc, char **argv, struct options *o, struct clv_err *err);
void options_release(struct options *o);
/* A session by options, environment and claviger.conf. */
CLV_MUST struct clv_session *options_session(struct options *o, struct clv_err *err);
/* The server that options, environment and claviger.conf name; owned by the caller, NULL with *err. */
CLV_MUST char *options_server(const struct options *o, struct clv_err *err);
/* After the first connection: what was trusted by --trust-group is remembered. */
CLV_MUST clv_rc options_remember(const struct options *o, const struct clv_session *s, struct clv_err *err);
int exit_code_of(const struct clv_err *err);

#endif
