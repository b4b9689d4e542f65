/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of claviger, parsed, and a session made from it.
 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include "claviger/client.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_DENIED = 3,
	EXIT_UNREACHABLE = 4,
	EXIT_VERIFY = 5
};
enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_TEXT, OUTPUT_DEFAULT };

struct options {
	const char *server, *filter, *sort, *fingerprint, *reason, *config, *ca, *cert, *key, *trust_group;
	uint64_t limit; /* 0: none */
	uint64_t timeout_s;
	enum output output;
	bool replace, wait, yes, read_only, restricted, plain, help, version;
	int n_args;
	char **args; /* what is no option, in order */
	char *label; /* of claviger.conf; owned */
};

/* CLV_E_USAGE with one clear line. */
CLV_MUST clv_rc options_parse(int argc, char **argv, struct options *o, struct clv_err *err);
void options_release(struct options *o);
/* A session by options, environment and claviger.conf. */
CLV_MUST struct clv_session *options_session(struct options *o, struct clv_err *err);
/* After the first connection: what was trusted by --trust-group is remembered. */
CLV_MUST clv_rc options_remember(const struct options *o, const struct clv_session *s, struct clv_err *err);
int exit_code_of(const struct clv_err *err);

#endif
