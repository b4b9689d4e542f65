/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D on the overview: a line waits until a date, with a reason that others read; D again takes it back.
 */
#include "console/needs.h"
#include "console/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000LL

bool needs_until(const char *word, size_t len, int64_t now_ms, int64_t *out)
{
	unsigned y = 0, m = 0, d = 0;
	char s[16];
	char end = '\0';
	if (len == 0 || len >= sizeof(s))
		return false;
	snprintf(s, sizeof(s), "%.*s", (int)len, word);
	if (s[len - 1] == 'd' && strspn(s, "0123456789") == len - 1 && len <= 4) {
		*out = now_ms + strtol(s, NULL, 10) * DAY_MS;
		return *out > now_ms;
	}
	if (len != 10 || sscanf(s, "%4u-%2u-%2u%c", &y, &m, &d, &end) != 3 || m < 1 || m > 12 || d < 1 ||
	    d > 31 || y < 1970)
		return false;
	/* days from civil, Howard Hinnant's */
	int64_t yy = (int64_t)y - (m <= 2), era = yy / 400, yoe = yy - era * 400;
	int64_t doy = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + (int64_t)d - 1;
	*out = (era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468) * DAY_MS;
	return *out > now_ms;
}

void needs_action(struct app *a)
{
	struct view *v = app_top(a);
	struct target t = {.name = NULL};
	struct clv_act act = {.kind = CLV_ACT_NEED_ASIDE};
	char g[256];
	if (v->ops->target == NULL || !v->ops->target(v, &t)) {
		app_say(a, INK_LOOK,
		        "This line cannot be set aside: it counts, it does not ask for anybody.");
		return;
	}
	act.name = t.id;
	runas_prepare(a, &act);
	question_where(a, g, sizeof(g));
	if (t.pending_id != 0) { /* it waits already */
		question_line(&a->q, INK_BOLD, "Show it again in %.80s: %.200s", g, t.name);
		runas_how_to_answer(a);
		question_show(a);
		return;
	}
	question_line(&a->q, INK_BOLD, "Set aside in %.80s: %.200s", g, t.name);
	question_line(&a->q, INK_PLAIN,
	              "Until when, and why: 14d or 2026-12-24, then the reason. Everybody sees it.");
	a->q.strength = ASK_REASON;
	snprintf(a->q.band.prompt, sizeof(a->q.band.prompt), "Until ");
	snprintf(a->q.band.keys, sizeof(a->q.band.keys), "Enter sets it aside     Esc nothing happens");
	question_show(a);
}

void needs_reason(struct app *a)
{
	size_t word = strcspn(a->line, " "), rest = word + strspn(a->line + word, " ");
	int64_t until;
	if (!needs_until(a->line, word, a->ctx.time.now_ms, &until)) {
		app_say(a, INK_LOOK, "First until when: 14d, or a date to come such as 2026-12-24.");
		return;
	}
	if (a->line[rest] == '\0') {
		app_say(a, INK_LOOK, "A reason is needed after the date: others read it.");
		return;
	}
	a->runas.act.ends = until;
	a->runas.act.reason = clv_strdup(a->line + rest);
	runas_answered(a);
}
