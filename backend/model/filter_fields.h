/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns that filters and sorts may name, one row each: name, type, what a number is measured
 * against, value and comparison. Inside of model/filter only.
 */
#ifndef MODEL_FILTER_FIELDS_H
#define MODEL_FILTER_FIELDS_H

#include "model/filter.h"

enum val_type { VAL_TEXT, VAL_NUMBER, VAL_TIME, VAL_HEX, VAL_WORD };

struct val {
	bool absent;
	const char *text;   /* TEXT, WORD */
	uint64_t num;       /* NUMBER, and a WORD's place in its list */
	int64_t time;       /* TIME */
	const uint8_t *hex; /* HEX */
	size_t hex_len;
};

struct field {
	const char *name;
	enum val_type type;
	bool ahead;               /* TIME: lies in the future; "<30d" counts from now on, else back */
	const char *const *words; /* WORD: what there is, ends with NULL */
	struct val (*get)(const void *fact);
	sort_cmp *cmp;
};

/* NULL when the kind has no such column. Aliases are resolved. */
const struct field *field_find(enum filter_kind kind, const char *name, size_t len);
/* Columns that a plain word looks into: ends with a row whose name is NULL. */
const struct field *field_first(enum filter_kind kind);
/* "name approval …" for a message. */
void field_names(enum filter_kind kind, char *out, size_t size);

#endif
