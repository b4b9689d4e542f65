/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts as JSON objects with the stable names, and those objects as text.
 */
#ifndef CONSOLE_BATCH_JSON_H
#define CONSOLE_BATCH_JSON_H

#include "console/batch.h"

#include <jansson.h>

/* ASCII alone, safe on any terminal. Owned by the caller; clv_free. */
char *batch_json_text(const json_t *o, size_t flags);
/* A new reference. */
json_t *batch_row_json(enum clv_list list, const struct clv_rows *rows, size_t i);
/* Fields of an object; absent values are null. */
void batch_json_time(json_t *o, const char *name, int64_t ms);
void batch_json_hex(json_t *o, const char *name, const uint8_t *p, size_t len, bool have);
void batch_json_foreign(json_t *o, const char *name, const char *s);
/* For describe: is -o one that it has? Then, as JSON or as text; gives the exit code. */
bool batch_json_wanted(struct batch *b, struct clv_err *err);
int batch_json_show(struct batch *b, const json_t *o);
void batch_json_print(const json_t *o, int indent);

#endif
