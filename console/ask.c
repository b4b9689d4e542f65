/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SSH transport asks, on the full screen: y or no in the band of our own questions, what is typed in
 * the password form's locked memory. Waits until no other question, form or line stands there.
 */
#include "console/app.h"

#include "claviger/text.h"

#include <stdio.h>
#include <string.h>

static struct transport *transport_of(const struct app *a)
{
	return a->o != NULL ? a->o->transport : NULL;
}

static void lines(struct question *q, unsigned ink, const char *s)
{
	while (*s != '\0') {
		size_t len = strcspn(s, "\n");
		struct clv_text *t = text_new(slice_of(s, len));
		question_line(q, ink, "%.380s", text_str(t));
		text_free(t);
		s += len + (s[len] == '\n');
	}
}

static void ask_yes(struct app *a, const struct transport_ask *ask)
{
	struct question *q = &a->q;
	question_end(a);
	q->what = FOR_SSH;
	q->strength = ASK_YES;
	lines(q, INK_BOLD, ask->title);
	lines(q, INK_PLAIN, ask->text);
	snprintf(q->band.prompt, sizeof(q->band.prompt), "y/N ");
	snprintf(q->band.keys, sizeof(q->band.keys), "Esc nothing is sent");
	question_show(a);
}

void ask_look(struct app *a)
{
	struct transport *t = transport_of(a);
	const struct transport_ask *ask = transport_asked(t);
	char *notice = transport_notice(t);
	if (notice != NULL)
		app_say(a, INK_LOOK, "%.390s", notice);
	clv_free(notice);
	if (ask != NULL && a->mode == MODE_LOOK)
		ask_show(a, ask);
}

void ask_show(struct app *a, const struct transport_ask *ask)
{
	if (ask->kind == TALK_ASK_YES)
		ask_yes(a, ask);
	else
		entry_begin_ssh(a, ask->title, ask->text, ask->kind == TALK_ASK_TEXT);
}

/* The form closes behind the key that is being taken. */
void ask_typed(struct app *a)
{
	transport_answer(transport_of(a), a->e.field[0]);
	secret_clear(a->e.field[0]);
	a->e.state = ENTRY_ENDED;
	a->e.closing = a->e.dirty = true;
}

void ask_left(struct app *a)
{
	if (transport_of(a) != NULL)
		transport_answer(transport_of(a), NULL);
}

void ask_answered(struct app *a, bool yes)
{
	if (transport_of(a) != NULL)
		transport_answer_yes(transport_of(a), yes);
	if (yes)
		question_end(a);
}
