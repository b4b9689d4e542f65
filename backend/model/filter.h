/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language of the console, evaluated in core: terms with blanks between them, all must
 * hold. text  field:value  field<30d  field>2027-01-01  field=a,b  field~regex  ~regex  !term
 * "quoted text". Every JSON name of design 2 and the aliases state, expires, ends, seen, via,
 * since. Pure: time comes in; bounded in length, terms and what a regular expression may cost.
 */
#ifndef MODEL_FILTER_H
#define MODEL_FILTER_H

#include "claviger/facts.h"

#define FILTER_EXPR_MAX    12288u /* bytes of an expression */
#define FILTER_TERMS_MAX   32u
#define FILTER_REGEX_MAX   128u /* bytes of a pattern */
#define FILTER_SUBJECT_MAX 256u /* bytes of a value that a pattern looks at */

enum filter_kind {
	FILTER_AGENTS,
	FILTER_EVENTS,
	FILTER_PENDING,
	FILTER_AUDIT,
	FILTER_ACCOUNTS,
	FILTER_PROFILES,
	FILTER_GROUPS,
	FILTER_EXPIRY,
	FILTER_ALERTS,
	FILTER_KIND_MAX
};

struct filter; /* parsed, immutable */

/* NULL or "" matches all. now_ms: for ages ("30d", "now"); a standing filter is parsed anew now and
 * then. CLV_E_USAGE with one clear line. */
CLV_MUST struct filter *filter_parse(const char *expr, enum filter_kind kind, int64_t now_ms,
                                     struct clv_err *err);
void filter_free(struct filter *f); /* NULL is fine */

/* The fact must be of the filter's kind (asserted). */
bool filter_agent(const struct filter *f, const struct clv_agent_fact *a);
bool filter_event(const struct filter *f, const struct clv_event_fact *e);
bool filter_pending(const struct filter *f, const struct clv_pending_fact *p);
bool filter_audit(const struct filter *f, const struct clv_audit_fact *a);
bool filter_account(const struct filter *f, const struct clv_account_fact *a);
bool filter_profile(const struct filter *f, const struct clv_profile_fact *p);
bool filter_group(const struct filter *f, const struct clv_group_fact *g);
bool filter_alert(const struct filter *f, const struct clv_alert_fact *a);
bool filter_thing(const struct filter *f, const struct clv_thing_fact *t);
/* Every row matches: nothing to look at. */
bool filter_is_all(const struct filter *f);

/* Compares two facts of the kind (pointers to the structs), ascending; absent values last; equal
 * ones by identity (name, or number), so that the order is total. */
typedef int sort_cmp(const void *a, const void *b);
/* NULL or "": the list's own order (agents by name, events and audit by number, pending by id). */
CLV_MUST clv_rc sort_parse(const char *column, enum filter_kind kind, sort_cmp **out, struct clv_err *err);

struct field;

/* The same order by whole numbers, for many rows (model/select.h); agents come in the order of their names,
 * and equal rows stay as they came. A text counts with its first 64 bytes. */
#define SORT_TEXT_PARTS 8u
struct sort_keys {
	const struct field *field;
	unsigned parts; /* numbers a row has, the first one weighs most; 0: the list's own order */
	bool ties;      /* rows with equal numbers may differ: cmp tells */
	sort_cmp *cmp;
};
CLV_MUST clv_rc sort_keys_parse(const char *column, enum filter_kind kind, struct sort_keys *out,
                                struct clv_err *err);
uint64_t sort_key(const struct sort_keys *k, const void *fact, unsigned part);

/* Agents alone: it names no column, so that names and thumbprints are all it looks at. */
bool filter_plain_only(const struct filter *f);
/* The same answer as filter_agent for such a filter, without a fact. key: NULL where the agent has none. */
bool filter_agent_plain(const struct filter *f, const char *name, const struct clv_key_fact *key);
/* Every row that `next` takes was taken by `last` too, so that only those need be looked at while the
 * operator types on. Says no when it cannot tell. Both of one kind. */
bool filter_narrows(const struct filter *last, const struct filter *next);

#endif
