/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: sets and wraps texts, and holds the one table of codes. Used by every process and by
 * consoles; allocates nothing, so that it also works when memory is gone.
 */
#include "claviger/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define X(code, class, text) {class, text},
static const struct {
	enum clv_class cls;
	const char *text;
} codes[] = {CLV_ERR_LIST(X)};
#undef X

static void fatal_default(const char *what);
static void (*fatal_handler)(const char *what) = fatal_default;

/* Leaves no half character at the cut: a reader downstream may insist on valid UTF-8. */
static void cut_at_character(char *text)
{
	size_t len = strlen(text);
	size_t tail = 0;
	unsigned char lead;

	while (tail < 3 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == len)
		return;
	lead = (unsigned char)text[len - 1 - tail];
	if ((lead >= 0xc0 && tail < 1) || (lead >= 0xe0 && tail < 2) || (lead >= 0xf0 && tail < 3))
		text[len - 1 - tail] = '\0';
}

clv_rc clv_err_set_(struct clv_err *err, enum clv_code code, bool with_errno, const char *file, int line,
                    const char *fmt, ...)
{
	int sys = errno;
	char reason[96];
	va_list ap;
	size_t len;

	if (err == NULL)
		return CLV_FAILED;
	err->cls = clv_code_class(code);
	err->code = code;
	err->sys = with_errno ? sys : 0;
	err->file = file;
	err->line = line;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	if (with_errno && len + 1 < sizeof(err->text)) {
		/* The GNU strerror_r: it may answer with a static text instead of the buffer. */
		(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s",
		               strerror_r(sys, reason, sizeof(reason)));
	}
	if (strlen(err->text) + 1 == sizeof(err->text))
		cut_at_character(err->text);
	errno = sys;
	return CLV_FAILED;
}

clv_rc err_wrap(struct clv_err *err, const char *fmt, ...)
{
	char joined[CLV_ERR_TEXT_MAX];
	size_t room;
	int keep = errno;
	va_list ap;
	size_t len;

	if (err == NULL)
		return CLV_FAILED;
	va_start(ap, fmt);
	(void)vsnprintf(joined, sizeof(joined), fmt, ap);
	va_end(ap);
	len = strlen(joined);
	if (len + 2 < sizeof(joined)) {
		memcpy(joined + len, ": ", 2);
		len += 2;
		room = sizeof(joined) - 1 - len;
		memcpy(joined + len, err->text, strnlen(err->text, room));
		joined[len + strnlen(err->text, room)] = '\0';
	}
	if (strlen(joined) + 1 == sizeof(joined))
		cut_at_character(joined);
	memcpy(err->text, joined, sizeof(joined));
	errno = keep;
	return CLV_FAILED;
}

void err_clear(struct clv_err *err)
{
	if (err != NULL)
		memset(err, 0, sizeof(*err));
}

const char *clv_code_text(enum clv_code code)
{
	if ((unsigned)code >= CLV_E_MAX)
		return "unknown error";
	return codes[code].text;
}

enum clv_class clv_code_class(enum clv_code code)
{
	if ((unsigned)code >= CLV_E_MAX)
		return CLV_CLASS_INTERNAL;
	return codes[code].cls;
}

static void fatal_default(const char *what)
{
	static const char head[] = "claviger: fatal: ";

	/* No stdio: it may want memory. */
	if (write(STDERR_FILENO, head, sizeof(head) - 1) < 0 ||
	    write(STDERR_FILENO, what, strlen(what)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
		abort();
	abort();
}

void clv_set_fatal(void (*handler)(const char *what))
{
	fatal_handler = handler != NULL ? handler : fatal_default;
}

void clv_fatal(const char *what)
{
	fatal_handler(what);
	abort(); /* a handler that returns has not understood */
}
