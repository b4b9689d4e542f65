/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of a list as a JSON object with the stable names.
 */
#ifndef CONSOLE_BATCH_JSON_H
#define CONSOLE_BATCH_JSON_H

#include "claviger/client.h"

#include <jansson.h>

/* A new reference. */
json_t *batch_row_json(enum clv_list list, const struct clv_rows *rows, size_t i);

#endif
