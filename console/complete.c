/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tab after a colon, the commands typed before, and a line that says what the command would do before it is
 * run. Candidates come from the table of actions and from the rows that are on a screen.
 */
#include "console/app.h"

#include <stdio.h>
#include <string.h>

#define CANDIDATES_MAX 400u

struct candidates {
	const char *word; /* what is there of it */
	size_t len, n;
	char *list[CANDIDATES_MAX];
};

static void offer(struct candidates *c, const char *s)
{
	if (c->n == CANDIDATES_MAX || strncmp(s, c->word, c->len) != 0)
		return;
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->list[i], s) == 0)
			return;
	}
	c->list[c->n++] = clv_strdup(s);
}

static void offer_commands(const struct app *a, struct candidates *c)
{
	for (int i = 1; i < ACTION_MAX; i++) {
		const struct action_row *r = &action_rows[i];
		if (r->command != NULL && !action_absent(r->action, a->ctx.restricted))
			offer(c, r->command);
	}
}

/* Names that stand on a screen below: nothing is asked of the server for a Tab. */
static void offer_names(const struct app *a, struct candidates *c, enum clv_list kind)
{
	char id[VIEW_ID_MAX], buf[VIEW_ID_MAX];
	for (size_t d = 0; d < a->depth; d++) {
		struct list *l = list_of(a->stack[d]);
		for (size_t i = 0; l != NULL && l->lo->kind == kind && i < l->rows.n; i++) {
			l->lo->id(&l->rows, i, id, sizeof(id));
			offer(c, view_name(&a->ctx, id, buf, sizeof(buf)));
		}
	}
}

static void offer_fields(struct candidates *c, enum action action)
{
	static const struct {
		enum action action;
		const char *words;
	} rows[] = {
	    {ACTION_GO_AGENTS,
	     "name: state: contact: expires< seen< via: server: mechanism: is:marked key_id:"},
	    {ACTION_GO_ACCOUNTS, "name: type: state: distribution: missing> changed<"},
	    {ACTION_GO_RECOVER, "name: type: state: missing>"},
	    {ACTION_GO_PENDING, "name: role: from: conflict:true is:marked"},
	    {ACTION_GO_EVENTS, "node: id: level:error level:warning source: since:1h since:24h"},
	    {ACTION_GO_AUDIT, "who: act: object: result: since:1h since:24h"},
	    {ACTION_GO_EXPIRY, "ends<7d ends<30d what: whose: renews:no"},
	    {ACTION_GO_PROFILES, "name: account:"},
	    {ACTION_GO_GROUPS, "name:"},
	};
	char word[32];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].action != action)
			continue;
		for (const char *s = rows[i].words; *s != '\0';) {
			size_t n = strcspn(s, " ");
			snprintf(word, sizeof(word), "%.*s", (int)n, s);
			offer(c, word);
			s += n + (s[n] == ' ');
		}
	}
}

static size_t common(const struct candidates *c)
{
	size_t n = c->n > 0 ? strlen(c->list[0]) : 0;
	for (size_t i = 1; i < c->n; i++) {
		size_t k = 0;
		while (k < n && c->list[i][k] == c->list[0][k])
			k++;
		n = k;
	}
	while (c->n > 0 && n > 0 && ((unsigned char)c->list[0][n] & 0xc0) == 0x80)
		n--; /* not inside of a character */
	return n;
}

static void show_candidates(struct app *a, const struct candidates *c)
{
	char line[300] = "";
	size_t used = 0;
	for (size_t i = 0; i < c->n && used + strlen(c->list[i]) + 16 < sizeof(line); i++)
		used +=
		    (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", i > 0 ? "  " : "", c->list[i]);
	app_say(a, INK_DIM, "%s%s", line, strlen(line) + 40 > sizeof(line) ? "  …" : "");
}

void complete_line(struct app *a)
{
	size_t word = strcspn(a->line, " ");
	const char *last = strrchr(a->line, ' ');
	enum action action = keys_command(a->line, word);
	struct candidates c = {.word = last != NULL ? last + 1 : a->line};
	c.len = strlen(c.word);
	if (last == NULL)
		offer_commands(a, &c);
	else if (action == ACTION_GO_AGENT)
		offer_names(a, &c, CLV_LIST_AGENTS);
	else if (action == ACTION_GO_ACCOUNT)
		offer_names(a, &c, CLV_LIST_ACCOUNTS);
	else
		offer_fields(&c, action);
	size_t n = common(&c), at = (size_t)(c.word - a->line);
	if (c.n == 0) {
		app_say(a, INK_DIM, "Nothing known begins so.");
	} else if (n > c.len || c.n == 1) {
		char end = c.list[0][n > 0 ? n - 1 : 0];
		bool whole = c.n == 1 && (last == NULL || strchr(":<>", end) == NULL);
		char *s = clv_asprintf("%.*s%s", (int)n, c.list[0], whole ? " " : "");
		snprintf(a->line + at, sizeof(a->line) - at, "%s", s);
		a->len = strlen(a->line);
		clv_free(s);
	}
	if (c.n > 1)
		show_candidates(a, &c);
	for (size_t i = 0; i < c.n; i++)
		clv_free(c.list[i]);
}

/* --- history --- */

void history_add(struct app *a, const char *line)
{
	if (line[strspn(line, " ")] == '\0' ||
	    (a->n_history > 0 && strcmp(a->history[a->n_history - 1], line) == 0))
		return;
	if (a->n_history == APP_HISTORY_MAX) {
		clv_free(a->history[0]);
		memmove(a->history, a->history + 1, (APP_HISTORY_MAX - 1) * sizeof(a->history[0]));
		a->n_history--;
	}
	a->history[a->n_history++] = clv_strdup(line);
}

void history_move(struct app *a, int by)
{
	if (by < 0 ? a->history_at == 0 : a->history_at >= a->n_history)
		return;
	a->history_at = by < 0 ? a->history_at - 1 : a->history_at + 1;
	snprintf(a->line, sizeof(a->line), "%s",
	         a->history_at < a->n_history ? a->history[a->history_at] : "");
	a->len = strlen(a->line);
}

/* --- what it would do --- */

void complete_preview(const struct app *a, char *out, size_t size)
{
	size_t word = strcspn(a->line, " ");
	enum action action = keys_command(a->line, word);
	const char *arg = a->line + word + strspn(a->line + word, " ");
	out[0] = '\0';
	if (word == 0) {
		snprintf(out, size, "Tab shows all, Up the ones before.");
		return;
	}
	if (action == ACTION_NONE) {
		snprintf(out, size, "No command begins so, or more than one: Tab shows which.");
		return;
	}
	const struct action_row *r = &action_rows[action];
	const char *why = action_forbidden(action, a->ctx.role, a->ctx.read_only);
	if (why != NULL)
		snprintf(out, size, ":%s is not yours to do: %s.", r->command, why);
	else if (action == ACTION_QUIT)
		snprintf(out, size, "Ends claviger.");
	else if (action == ACTION_GO_AGENT || action == ACTION_GO_ACCOUNT)
		snprintf(out, size, "Opens the page of %s%.200s. Changes nothing.",
		         action == ACTION_GO_AGENT ? "agent " : "account ", arg[0] != '\0' ? arg : "…");
	else if (action == ACTION_GO_CONTEXT && arg[0] != '\0')
		snprintf(out, size, "Leaves %.100s and goes to context %.200s.",
		         a->ctx.server != NULL ? a->ctx.server : "here", arg);
	else if (arg[0] != '\0')
		snprintf(out, size, "Opens %s, filtered by %.200s. Changes nothing.", r->command, arg);
	else
		snprintf(out, size, "%s: %s. Changes nothing.", r->command, r->help);
}
