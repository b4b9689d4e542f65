/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setting a line of the overview aside.
 */
#ifndef CONSOLE_NEEDS_H
#define CONSOLE_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
void needs_action(struct app *a);
/* The date and the reason were typed. */
void needs_reason(struct app *a);
/* "14d" or "2026-12-24", in the future; false: neither. */
bool needs_until(const char *word, size_t len, int64_t now_ms, int64_t *out);

#endif
