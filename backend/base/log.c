/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one record, one line, one write (at most PIPE_BUF bytes, so that the children's lines never
 * mix in the parent's pipe). Only the top of a process logs (STYLE 17). Never opens anything.
 */
#include "base/log.h"
#include "base/clock.h"
#include "claviger/text.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACES       64
#define BURST        10
#define WINDOW_MS    60000
#define MESSAGE_MAX  2048
#define LOG_LINE_MAX PIPE_BUF

/* How often one place in the source has spoken in its minute. */
struct place {
	const char *file;
	int line;
	int64_t since_ms;
	uint64_t count;
};

static const char *const names[] = {"debug", "info", "notice", "warn", "error"};

static struct {
	char process[32];
	char role[32];
	int fd;
	enum log_level least;
	struct place places[PLACES];
} the_log = {.process = "claviger", .fd = STDERR_FILENO, .least = LOG_INFO};

void log_init(const char *process, const char *role, int fd, enum log_level least)
{
	(void)snprintf(the_log.process, sizeof(the_log.process), "%s", process);
	(void)snprintf(the_log.role, sizeof(the_log.role), "%s", role == NULL ? "" : role);
	the_log.fd = fd;
	the_log.least = least;
}

void log_set_level(enum log_level least)
{
	the_log.least = least;
}

clv_rc log_level_parse(const char *name, enum log_level *level, struct clv_err *err)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*level = (enum log_level)i;
			return CLV_OK;
		}
	}
	return err_set(err, CLV_E_USAGE, "unknown log level; expected debug, info, notice, warn or error");
}

static void emit(enum log_level level, const char *message)
{
	struct clv_text *safe = text_new_str(message);
	char stamp[CLOCK_RFC3339_LEN];
	char line[LOG_LINE_MAX];
	const char *role = the_log.role;
	size_t len;
	size_t room;
	size_t take;
	ssize_t n;

	clock_rfc3339(clock_wall_ms(), true, stamp);
	(void)snprintf(line, sizeof(line), "%s %s%s%s %s: ", stamp, the_log.process,
	               role[0] != '\0' ? "/" : "", role, names[level]);
	len = strlen(line);
	room = sizeof(line) - 1 - len;
	take = text_len(safe) < room ? text_len(safe) : room;
	memcpy(line + len, text_str(safe), take);
	len += take;
	/* Never leave half a character behind. */
	if (take < text_len(safe)) {
		while (take > 0 && ((unsigned char)text_str(safe)[take] & 0xc0) == 0x80) {
			take--;
			len--;
		}
	}
	line[len++] = '\n';
	do
		n = write(the_log.fd, line, len);
	while (n < 0 && errno == EINTR);
	/* A log that cannot be written has nobody to be told to. */
	text_free(safe);
}

/* False when this place has said enough for this minute. *missed: lines it swallowed before. */
static bool may_speak(const char *file, int line, uint64_t *missed)
{
	size_t slot = ((size_t)line * 31u + strlen(file)) % PLACES;
	struct place *p = &the_log.places[slot];
	int64_t now = clock_mono_ms();

	*missed = 0;
	if (p->file != file || p->line != line || now - p->since_ms >= WINDOW_MS) {
		if (p->count > BURST)
			*missed = p->count - BURST;
		*p = (struct place){file, line, now, 0};
	}
	p->count++;
	return p->count <= BURST;
}

void log_write_(enum log_level level, const char *file, int line, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	char repeats[64];
	int keep = errno;
	uint64_t missed;
	va_list ap;

	if (level < the_log.least)
		return;
	if (may_speak(file, line, &missed)) {
		if (missed > 0) {
			(void)snprintf(repeats, sizeof(repeats), "left out repeats=%llu",
			               (unsigned long long)missed);
			emit(level, repeats);
		}
		va_start(ap, fmt);
		(void)vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
		emit(level, message);
	}
	errno = keep;
}

void log_err_(enum log_level level, const char *file, int line, const struct clv_err *err, const char *what)
{
	const char *base = err->file == NULL ? "?" : err->file;

	log_write_(level, file, line, "%s: %s (%s) at=%s:%d", what, err->text, clv_code_text(err->code), base,
	           err->line);
}
