/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one line a record: time, process, role, message, key=value. Children write to a pipe that
 * the parent reads; the parent writes the file. Foreign text is escaped (T20). errno survives.
 * Repeats of one place are rate-limited: after 10 in a minute one line counts the rest.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "claviger/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARN, LOG_ERROR };

/* process: "core"; role: "agent", may be "". fd: where lines go; not owned. */
void log_init(const char *process, const char *role, int fd, enum log_level least);
void log_set_level(enum log_level least);
CLV_MUST clv_rc log_level_parse(const char *name, enum log_level *level, struct clv_err *err);

void log_write_(enum log_level level, const char *file, int line, const char *fmt, ...) CLV_PRINTF(4, 5);
#define log_debug(...)  log_write_(LOG_DEBUG, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...)   log_write_(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_notice(...) log_write_(LOG_NOTICE, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...)   log_write_(LOG_WARN, __FILE__, __LINE__, __VA_ARGS__)
#define log_error(...)  log_write_(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__)
/* The error's text with file:line of its cause. */
void log_err_(enum log_level level, const char *file, int line, const struct clv_err *err, const char *what);
#define log_err(level, err, what) log_err_((level), __FILE__, __LINE__, (err), (what))

#endif
