/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: [section] and `name = value` lines, # comments, no continuation, UTF-8, a line up
 * to 4096 bytes, a file up to 1 MiB. Options are rows of a table: name, type, range, default,
 * help, reloadable (STYLE 32). Unknown, double, out of range: one line `file:line: what; what was
 * expected`, and stop. Reads no other file. A row whose section ends with * ("profile *") is of sections
 * with a name of their own: [profile SQL Monitoring].
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "claviger/buf.h"

enum conf_type {
	CONF_STRING,
	CONF_PATH,
	CONF_NAME,
	CONF_INT,
	CONF_DURATION,
	CONF_SIZE,
	CONF_BOOL,
	CONF_CHOICE,
	CONF_LIST
};

struct conf_option {
	const char *section;
	const char *name;
	enum conf_type type;
	int64_t min, max;    /* INT, DURATION (ms), SIZE (bytes); STRING: least and most length */
	const char *def;     /* default as it would be written; NULL: none; "!" : required */
	const char *choices; /* CHOICE: "a|b|c" */
	bool reloadable;
	const char *help; /* one line, for the manual */
};

struct conf; /* parsed, immutable */

/* Parses `bytes` (name is for messages) against the table (ends with a row whose section is
 * NULL). */
CLV_MUST clv_rc conf_parse(const char *name, struct clv_slice bytes, const struct conf_option *table,
                           struct conf **out, struct clv_err *err);
void conf_free(struct conf *c);

/* Get by section and name; the row must exist in the table with that type (asserted). Borrowed. */
const char *conf_str(const struct conf *c, const char *section,
                     const char *name); /* NULL if unset and no default; STRING PATH NAME CHOICE */
int64_t conf_int(const struct conf *c, const char *section,
                 const char *name); /* INT, DURATION in ms, SIZE in bytes */
bool conf_bool(const struct conf *c, const char *section, const char *name);
size_t conf_list(const struct conf *c, const char *section, const char *name,
                 const char *const **items); /* items separated by blanks or commas */
bool conf_is_set(const struct conf *c, const char *section, const char *name);
/* Line of the option in the file, 0 when defaulted. For later messages. */
int conf_line(const struct conf *c, const char *section, const char *name);
/* Named sections of one kind ("profile *"), in the file's order: nth < conf_count. The borrowed conf answers
 * for that section's rows. */
size_t conf_count(const struct conf *c, const char *section);
const struct conf *conf_nth(const struct conf *c, const char *section, size_t nth, const char **title);
const char *conf_name(const struct conf *c);

#endif
