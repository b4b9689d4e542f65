/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of every list as named values: what table, wide, JSON and CSV are all made from.
 */
#ifndef CONSOLE_BATCH_ROWS_H
#define CONSOLE_BATCH_ROWS_H

#include "claviger/client.h"

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_NUMBER, CELL_BOOL, CELL_LIST };
struct cell {
	enum cell_kind kind;
	const char *foreign; /* TEXT: borrowed from the fact, or NULL */
	char own[80];        /* TEXT of ours where foreign is NULL */
	char *const *list;   /* LIST: borrowed, foreign; number of them in n_list */
	size_t n_list;
	uint64_t number; /* NUMBER, BOOL */
	uint64_t shown;  /* not 0: what a table says instead (screens count generations from 1) */
};

struct row_column {
	const char *name;
	bool narrow; /* also in `table` */
	void (*get)(const struct clv_rows *rows, size_t i, struct cell *out);
};

/* Ends with a row whose name is NULL. */
const struct row_column *row_columns(enum clv_list list);
/* "agents"; NULL-terminated search by name gives false when there is none. */
bool row_list_parse(const char *name, enum clv_list *out);
const char *row_list_noun(enum clv_list list, uint64_t n);

void cell_time(struct cell *c, int64_t ms);
void cell_hex(struct cell *c, const uint8_t *p, size_t len, bool have);
void cell_foreign(struct cell *c, const char *s);
void cell_number(struct cell *c, uint64_t n, bool have);
void cell_counted(struct cell *c, uint64_t n, uint64_t shown, bool have);
void cell_list(struct cell *c, char *const *list, size_t n);
void cell_word(struct cell *c, const char *word, bool have);

#endif
