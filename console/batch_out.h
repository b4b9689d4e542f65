/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as CSV and JSON into a stream, for `claviger get` and for w.
 */
#ifndef CONSOLE_BATCH_OUT_H
#define CONSOLE_BATCH_OUT_H

#include "console/batch_rows.h"

#include <stdio.h>

/* A value as safe text; NULL: absent. Owned by the caller. */
char *batch_out_cell(const struct cell *c);
void batch_out_csv_header(FILE *f, enum clv_list list);
void batch_out_csv(FILE *f, const struct clv_rows *rows, size_t n);
/* Objects with commas between them; the brackets are the caller's. first: none came before. */
void batch_out_json(FILE *f, const struct clv_rows *rows, size_t n, bool first);

#endif
