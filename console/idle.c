/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The idle lock: nobody was here for a while. The line is closed, so that the server forgets who this was,
 * and nothing of the group is on the screen. Enter connects and authenticates anew: a certificate that was
 * withdrawn or a login that ended meanwhile does not come back.
 */
#include "console/app.h"
#include "views/draw.h"

#include <stdio.h>

void app_lock(struct app *a)
{
	struct clv_err err = {0};
	struct clv_session *s;
	if (a->mode == MODE_ENTRY)
		entry_line_lost(a); /* wipes what was typed */
	if (a->q.what == FOR_RUNAS)
		runas_release(&a->runas);
	question_end(a);
	app_forget_acts(a);
	export_drop(a);
	s = options_session(a->o, &err);
	if (s == NULL) { /* its files are gone: there is nothing to come back with */
		a->quit = true;
		a->exit_code = EXIT_UNREACHABLE;
		return;
	}
	entry_release(&a->e);
	clv_session_free(a->s);
	a->s = s;
	a->epoch = 0;
	a->asking = a->answered = a->probe_req = a->audit_req = 0;
	for (size_t i = 0; i < a->depth; i++)
		a->stack[i]->req = 0;
	a->ctx.fresh = FRESH_STALE;
	a->stale_since_ms = app_wall_ms() + a->skew_ms;
	a->mode = MODE_LOCKED;
	a->message[0] = '\0';
	a->dirty = true;
}

void app_unlock_key(struct app *a, const struct key *k)
{
	if (k->code == KEYC_ENTER) {
		a->mode = MODE_LOOK;
		app_top(a)->ask = true;
	} else if (k->code == KEYC_CHAR && (k->ch[0] == 'q' || k->ch[0] == 'Q')) {
		a->quit = true;
	}
}

void lock_draw(const struct app *a, struct canvas *c)
{
	char t[FMT_MAX];
	draw_str(c, 0, 1, c->cols - 2, INK_BOLD, "claviger");
	draw_fmt(c, 2, 1, c->cols - 2, INK_LOOK, "Locked since %s Z: no key for %u min.",
	         fmt_clock(t, a->stale_since_ms), a->o->settings.idle_lock_min);
	draw_str(c, 3, 1, c->cols - 2, INK_PLAIN, "Enter authenticates anew, q ends.");
	draw_cursor(c, 3, 1);
}
