/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: one list gives code, class and text. What can fail returns clv_rc and takes
 * `struct clv_err *` last. 0 is success; out parameters are untouched on failure.
 * Used by every process. A text never carries a secret.
 */
#ifndef CLAVIGER_ERR_H
#define CLAVIGER_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define CLV_MUST         __attribute__((warn_unused_result))
#define CLV_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef enum clv_rc { CLV_OK = 0, CLV_FAILED = -1 } clv_rc;

/* What a caller may decide by. */
enum clv_class {
	CLV_CLASS_NONE,
	CLV_CLASS_IO,       /* the system refused: file, socket, memory, disk */
	CLV_CLASS_CLOSED,   /* the other end is gone */
	CLV_CLASS_BLOCKED,  /* nothing to do until more bytes, or room, are there */
	CLV_CLASS_AUTH,     /* an identity was not proven, or lacks the right */
	CLV_CLASS_PROTO,    /* foreign bytes break the grammar */
	CLV_CLASS_LIMIT,    /* a named limit was passed */
	CLV_CLASS_USAGE,    /* the caller or the user asked for something senseless */
	CLV_CLASS_INTERNAL, /* our own bug */
};

/* X(code, class, text). One list: enum, class and text. */
#define CLV_ERR_LIST(X)                                                       \
	X(CLV_E_NONE, CLV_CLASS_NONE, "no error")                             \
	X(CLV_E_IO, CLV_CLASS_IO, "input or output failed")                   \
	X(CLV_E_NOMEM, CLV_CLASS_IO, "out of memory")                         \
	X(CLV_E_NOTFOUND, CLV_CLASS_IO, "not found")                          \
	X(CLV_E_EXISTS, CLV_CLASS_IO, "exists already")                       \
	X(CLV_E_FULL, CLV_CLASS_IO, "no room left")                           \
	X(CLV_E_CORRUPT, CLV_CLASS_IO, "stored data is damaged")              \
	X(CLV_E_TIMEOUT, CLV_CLASS_IO, "took too long")                       \
	X(CLV_E_CLOSED, CLV_CLASS_CLOSED, "the other end closed")             \
	X(CLV_E_AGAIN, CLV_CLASS_BLOCKED, "would block")                      \
	X(CLV_E_AUTH, CLV_CLASS_AUTH, "not authenticated")                    \
	X(CLV_E_APPROVAL, CLV_CLASS_AUTH, "not approved")                     \
	X(CLV_E_DENIED, CLV_CLASS_AUTH, "not allowed")                        \
	X(CLV_E_SIGNATURE, CLV_CLASS_AUTH, "signature does not verify")       \
	X(CLV_E_PROTO, CLV_CLASS_PROTO, "malformed message")                  \
	X(CLV_E_VERSION, CLV_CLASS_PROTO, "no common version")                \
	X(CLV_E_LIMIT, CLV_CLASS_LIMIT, "limit passed")                       \
	X(CLV_E_USAGE, CLV_CLASS_USAGE, "wrong usage")                        \
	X(CLV_E_CONFIG, CLV_CLASS_USAGE, "wrong configuration")               \
	X(CLV_E_CONFLICT, CLV_CLASS_USAGE, "changed meanwhile")               \
	X(CLV_E_CRYPTO, CLV_CLASS_INTERNAL, "cryptographic operation failed") \
	X(CLV_E_SANDBOX, CLV_CLASS_INTERNAL, "sandbox could not be set up")   \
	X(CLV_E_INTERNAL, CLV_CLASS_INTERNAL, "internal error")

#define X(code, class, text) code,
enum clv_code { CLV_ERR_LIST(X) CLV_E_MAX };
#undef X

#define CLV_ERR_TEXT_MAX 480

struct clv_err {
	enum clv_class cls;
	enum clv_code code;
	int sys;          /* errno at the cause, or 0 */
	const char *file; /* where the cause was known */
	int line;
	char text[CLV_ERR_TEXT_MAX]; /* for humans, UTF-8; foreign parts are escaped */
};

/* Sets *err (may be NULL) once, where the cause is known, and returns CLV_FAILED. errno is
 * kept in err->sys when with_errno, and its text is appended. The caller's errno survives. */
clv_rc clv_err_set_(struct clv_err *err, enum clv_code code, bool with_errno, const char *file, int line,
                    const char *fmt, ...) CLV_PRINTF(6, 7);
/* Tells the compiler what clv_err_set_ always returns, so that it follows out parameters. */
static inline clv_rc clv_failed_(clv_rc rc)
{
	(void)rc;
	return CLV_FAILED;
}
#define err_set(err, code, ...) \
	clv_failed_(clv_err_set_((err), (code), false, __FILE__, __LINE__, __VA_ARGS__))
#define err_sys(err, code, ...) \
	clv_failed_(clv_err_set_((err), (code), true, __FILE__, __LINE__, __VA_ARGS__))

/* Adds "prefix: " before the text on the way up, cutting at the end if needed. Returns
 * CLV_FAILED so that `return err_wrap(err, "while ...")` reads well. */
clv_rc err_wrap(struct clv_err *err, const char *fmt, ...) CLV_PRINTF(2, 3);

/* Forgets what is in *err. */
void err_clear(struct clv_err *err);

/* The list's own short text and name of a code. Never NULL. */
const char *clv_code_text(enum clv_code code);
enum clv_class clv_code_class(enum clv_code code);

/* Called when memory cannot be had; the default prints a line and aborts. STYLE 20. */
void clv_set_fatal(void (*handler)(const char *what));
void clv_fatal(const char *what) __attribute__((noreturn));

#endif
