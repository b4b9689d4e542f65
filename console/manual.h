/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claviger(1) and the shells' completions, made from the tables of commands, options, keys and columns, so
 * that they say what the program does. No server is asked.
 */
#ifndef CONSOLE_MANUAL_H
#define CONSOLE_MANUAL_H

#include "console/options.h"

/* `claviger manual`, `claviger completion bash|zsh|fish`: on standard output; the exit code. */
int manual_page(void);
int manual_completion(const struct options *o);

/* What a long option is for. */
struct manual_option {
	const char *name;
	const char *arg;     /* "FILE"; NULL: it takes none */
	const char *choices; /* with blanks between them; NULL: free */
	const char *with;    /* commands that it belongs to, with commas between them; "": all */
	const char *help;
};
/* Ends with a row whose name is NULL. */
extern const struct manual_option manual_options[];
struct manual_command {
	const char *word, *sub; /* sub NULL: none */
	const char *help;
};
extern const struct manual_command manual_commands[];

/* batch.c: its table, a row at a time; false at its end. */
struct batch_command {
	const char *word, *sub, *usage; /* sub NULL: none */
	bool changes;                   /* something at the server */
	bool group;                     /* only there to say what its subcommands are */
};
bool batch_command_row(size_t i, struct batch_command *out);
/* options.c: the words that -o takes, and the names of all options; end with NULL. */
const char *const *options_outputs(void);
const char *options_long_name(size_t i); /* NULL at the end */

#endif
