/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While a password form is open others see who is at it: said to the server when it opens, while keys
 * come at most every ten seconds, and when it is left. Says nothing of what is typed; locks nothing.
 */
#include "console/app.h"
#include "console/entry_parts.h"

#include <stdio.h>
#include <string.h>

#define CLAIM_EVERY_MS 10000

static void say_so(struct app *a)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};

	e->claim_req = clv_session_claim(a->s, e->account, false, &err); /* without it the form works too */
	e->claimed_ms = app_mono_ms();
}

void claim_begin(struct app *a)
{
	say_so(a);
}

void claim_key(struct app *a)
{
	const struct entry *e = &a->e;
	if (e->state == ENTRY_TYPING && e->claimed_ms != 0 && e->last_byte_ms > e->claimed_ms &&
	    app_mono_ms() - e->claimed_ms >= CLAIM_EVERY_MS)
		say_so(a);
}

void claim_leave(struct app *a)
{
	struct entry *e = &a->e;
	struct clv_err err = {0};
	if (e->claimed_ms != 0)
		(void)!clv_session_claim(a->s, e->account, true, &err);
	e->claimed_ms = 0;
	e->claim_req = 0;
	e->other[0] = '\0';
}

/* Shown with the next frame; while somebody types no answer makes one. */
bool claim_take(struct app *a, const struct clv_reply *r)
{
	struct entry *e = &a->e;
	if (e->state == ENTRY_OFF || e->claim_req == 0 || r->req != e->claim_req)
		return false;
	e->claim_req = 0;
	e->other[0] = '\0';
	if (r->kind == CLV_REPLY_CLAIM && r->claim != NULL) {
		(void)view_person(r->claim->by, e->other);
		e->other_at = r->claim->at;
	}
	e->dirty = e->dirty || e->state == ENTRY_ASKING;
	return true;
}
