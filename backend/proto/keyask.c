/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines about the key backup on the local socket (see keyask.h). Runs in the key holder and in the command;
 * each takes nothing but the one spelling.
 */
#include "proto/keyask.h"
#include <string.h>

static const char *const verbs[] = {"key backup", "key drill"};

static clv_rc unlike(struct clv_err *err)
{
	return err_set(err, CLV_E_PROTO, "this is no request or answer about the key backup");
}

static bool take_word(struct clv_slice *s, const char *word)
{
	struct clv_slice rest = *s, start = {0};

	if (slice_get(&rest, strlen(word), &start, NULL) || !slice_eq_str(start, word))
		return false;
	*s = rest;
	return true;
}

/* " 123": a blank, digits, no leading zero but 0 itself. */
static clv_rc take_number(struct clv_slice *s, size_t min, size_t max, size_t *out, struct clv_err *err)
{
	uint64_t v = 0;
	size_t n = 1;

	if (s->len < 2 || s->ptr[0] != ' ')
		return unlike(err);
	for (; n < s->len && n < 9 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
		v = v * 10 + (uint64_t)(s->ptr[n] - '0');
	if (n == 1 || (s->ptr[1] == '0' && n > 2))
		return unlike(err);
	if (v < min || v > max)
		return err_set(err, CLV_E_LIMIT, "%zu bytes; expected %zu to %zu", (size_t)v, min, max);
	*s = slice_of(s->ptr + n, s->len - n);
	*out = (size_t)v;
	return CLV_OK;
}

clv_rc keyask_parse(struct clv_slice line, struct keyask *out, struct clv_err *err)
{
	struct keyask q = {.verb = KEYASK_BACKUP};

	if (line.len >= KEYASK_LINE_MAX)
		return unlike(err);
	if (!take_word(&line, verbs[KEYASK_BACKUP])) {
		if (!take_word(&line, verbs[KEYASK_DRILL]))
			return unlike(err);
		q.verb = KEYASK_DRILL;
	}
	if (take_number(&line, 1, KEYASK_PASSPHRASE_MAX, &q.passphrase_len, err) ||
	    (q.verb == KEYASK_DRILL && take_number(&line, 1, KEYASK_BYTES_MAX, &q.file_len, err)))
		return CLV_FAILED;
	if (line.len)
		return unlike(err);
	*out = q;
	return CLV_OK;
}

clv_rc keyask_put(struct clv_buf *b, const struct keyask *q, struct clv_err *err)
{
	if (q->verb == KEYASK_DRILL)
		return buf_printf(b, err, "%s %zu %zu\n", verbs[KEYASK_DRILL], q->passphrase_len,
		                  q->file_len);
	return buf_printf(b, err, "%s %zu\n", verbs[KEYASK_BACKUP], q->passphrase_len);
}

clv_rc keyask_answer_parse(struct clv_slice line, bool *ok, size_t *len, struct clv_err *err)
{
	bool good = take_word(&line, "claviger/1 ok");
	size_t n = 0;

	if (!good && !take_word(&line, "claviger/1 no"))
		return unlike(err);
	if ((good || line.len) && take_number(&line, 0, KEYASK_BYTES_MAX, &n, err))
		return CLV_FAILED;
	if (line.len)
		return unlike(err);
	*ok = good;
	*len = n;
	return CLV_OK;
}

clv_rc keyask_answer_put(struct clv_buf *b, bool ok, struct clv_slice bytes, struct clv_err *err)
{
	if (buf_printf(b, err, "claviger/1 %s %zu\n", ok ? "ok" : "no", bytes.len))
		return CLV_FAILED;
	return buf_put(b, bytes, err);
}
