/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SSH transport asks while a batch command connects: shown and answered at the terminal. The
 * server's words are foreign and shown as such.
 */
#include "console/batch.h"
#include "console/tty.h"

#include "claviger/text.h"

#include <string.h>

static void say_lines(const struct tty *t, const char *foreign)
{
	while (*foreign != '\0') {
		size_t len = strcspn(foreign, "\n");
		struct clv_text *safe = text_new(slice_of(foreign, len));
		tty_say(t, text_str(safe));
		tty_say(t, "\n");
		text_free(safe);
		foreign += len + (foreign[len] == '\n');
	}
}

static clv_rc is_yes(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	(void)err;
	*(bool *)ctx = slice_eq_str(bytes, "y") || slice_eq_str(bytes, "Y") || slice_eq_str(bytes, "yes");
	return CLV_OK;
}

static char *make_prompt(const struct transport_ask *q)
{
	if (q->kind == TALK_ASK_YES)
		return clv_strdup("y/N ");
	struct clv_text *safe = text_new_str(q->text);
	size_t len = text_len(safe);
	while (len > 0 && strchr(": ", text_str(safe)[len - 1]) != NULL)
		len--;
	char *s = clv_asprintf("%.*s%s: ", (int)len, text_str(safe),
	                       q->kind == TALK_ASK_SECRET ? " (typing is hidden)" : "");
	text_free(safe);
	return s;
}

static void answer(struct transport *tr, const struct transport_ask *q)
{
	struct tty t = {.fd = -1, .nothing = "nothing was sent"};
	struct clv_err err = {0};
	bool yes = false, asks_yes = q->kind == TALK_ASK_YES;
	char *prompt = make_prompt(q);
	struct clv_secret *typed = secret_new(TTY_TYPED_MAX, &err);
	clv_rc rc = CLV_FAILED;
	if (typed == NULL || tty_open(&t, q->kind != TALK_ASK_SECRET, &err) != CLV_OK)
		goto out;
	say_lines(&t, q->title);
	if (asks_yes)
		say_lines(&t, q->text);
	rc = tty_read_line(&t, prompt, typed, &err);
	if (rc == CLV_OK && asks_yes)
		rc = secret_use(typed, is_yes, &yes, &err);
out:
	if (rc != CLV_OK && err.cls != CLV_CLASS_CLOSED)
		(void)batch_fail(&err);
	if (asks_yes)
		transport_answer_yes(tr, rc == CLV_OK && yes);
	else
		transport_answer(tr, rc == CLV_OK ? typed : NULL);
	secret_free(typed);
	clv_free(prompt);
	tty_close(&t);
}

void batch_answer(struct batch *b)
{
	struct transport *t = b->o->transport;
	char *notice = transport_notice(t);
	const struct transport_ask *q = transport_asked(t);
	if (notice != NULL)
		batch_say(stderr, notice);
	clv_free(notice);
	if (q != NULL)
		answer(t, q);
}
