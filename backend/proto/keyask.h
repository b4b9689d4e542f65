/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `clavigerd key backup` and `key drill` say to the key holder over the local socket. A request is a
 * line, then the bytes it counts; so is the answer. One spelling: numbers without leading zeros, within
 * their limits. Runs in the command and in the key holder; holds lengths, never the bytes.
 *
 *   key backup <passphrase bytes>\n<passphrase>
 *   key drill <passphrase bytes> <file bytes>\n<passphrase><file>
 *   claviger/1 ok <bytes>\n<the file, or what the drill found>
 *   claviger/1 no <bytes>\n<why>
 */
#ifndef PROTO_KEYASK_H
#define PROTO_KEYASK_H

#include "claviger/buf.h"

#define KEYASK_LINE_MAX       64u /* with its line feed */
#define KEYASK_PASSPHRASE_MAX 1024u
#define KEYASK_PASSPHRASE_MIN 12u            /* bytes, of a new backup */
#define KEYASK_BYTES_MAX      (256u * 1024u) /* file or text */

enum keyask_verb { KEYASK_BACKUP, KEYASK_DRILL };

struct keyask {
	enum keyask_verb verb;
	size_t passphrase_len, file_len; /* file_len: of a drill, else 0 */
};

/* line: up to and without its line feed. CLV_E_PROTO for anything else, CLV_E_LIMIT beyond a limit. */
CLV_MUST clv_rc keyask_parse(struct clv_slice line, struct keyask *out, struct clv_err *err);
CLV_MUST clv_rc keyask_put(struct clv_buf *b, const struct keyask *q, struct clv_err *err);
/* The answer's line. "claviger/1 no" alone, which an agent says to what it does not know, has 0 bytes. */
CLV_MUST clv_rc keyask_answer_parse(struct clv_slice line, bool *ok, size_t *len, struct clv_err *err);
CLV_MUST clv_rc keyask_answer_put(struct clv_buf *b, bool ok, struct clv_slice bytes, struct clv_err *err);

#endif
