/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 515 odd strings and 300 terminal sequences in every field that comes from outside, on every screen, and in
 * what is copied, written, printed and asked, and in the window's title: nothing foreign reaches the
 * terminal, and no column moves.
 */
#include "console/batch_out.h"
#include "tests/lib/drawn_alerts.h"
#include "console/ssh_talk.h"
#include "console/transport.h"
#include "tests/lib/drawn_alerts.h"
#include "tests/views/golden_fixture.h"

#define N_ODD 515
#define N_SEQ 300

static const char *const nasty[] = {
    "a\rOK confirmed",
    "b\bc\b\b",
    "tab\tname",
    "new\nline",
    "\xc2\x9b"
    "2J",
    "\xe2\x80\xae"
    "gnp.exe",
    "\xe2\x81\xa6x\xe2\x81\xa9",
    "zero\xe2\x80\x8bwidth",
    "\xf3\xa0\x81\x81tag",
    "\xff\xfe\xfd",
    "\xc0\xaf",
    "\xed\xa0\x80",
    "=cmd|'/C calc'!A0",
    "+1",
    "@SUM(1)",
    "\"quoted\",\"",
    "%s%n%d",
    "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
    "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
    "\016\017",
    "\x7f",
    "\xef\xbb\xbf"
    "bom",
    "\xf0\x9f",
    "\xcc\x81",
    "\xe2\x80\xa8sep",
    "",
};
/* What a terminal would obey: introducer, parameters, final. */
static const char *const starts[] = {"\033[", "\033]", "\033P",    "\033_", "\033^",
                                     "\033X", "\x9b",  "\xc2\x9b", "\033",  "\033O"};
static const char *const bodies[] = {"2J",          "6n",   "?1049h",    "52;c;ZXZpbA==\007",
                                     "0;owned\007", "31m",  "1;1H",      "c",
                                     "$q\"p\033\\", "?25l", "8;50;200t", "21t",
                                     "5n",          "!p",   "?2004l"};

static char *odd(int i)
{
	size_t n = sizeof(nasty) / sizeof(nasty[0]);
	if (i < (int)n)
		return clv_strdup(nasty[i]);
	return clv_asprintf("%s%c%c%d", nasty[(size_t)i % n], (char)(1 + i % 255), (char)(1 + i * 7 % 255),
	                    i);
}

static char *sequence(int i)
{
	size_t a = sizeof(starts) / sizeof(starts[0]), b = sizeof(bodies) / sizeof(bodies[0]);
	return clv_asprintf("n%s%s%d", starts[(size_t)i % a], bodies[(size_t)i / a % b],
	                    (int)((size_t)i / (a * b)));
}

static void set(char **field, const char *s)
{
	clv_free(*field);
	*field = clv_strdup(s);
}

/* Lengths and bytes of what stands on the canvas; memcanvas itself refuses control bytes. */
static void check_screen(const struct memcanvas *m)
{
	static const char *const bad[] = {"\xe2\x80\xae",     "\xe2\x80\x8b", "\xe2\x81\xa6",
	                                  "\xf3\xa0\x81\x81", "\xe2\x80\xa8", "\xef\xbb\xbf"};
	assert_int_equal(m->outside, 0);
	for (int y = 0; y < m->rows; y++) {
		int cells = 0;
		for (int x = 0; x < m->cols; x++) {
			const char *s = m->at[y][x].text;
			cells += m->at[y][x].cells;
			assert_false(s[0] == '\x1b' ||
			             ((unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0));
			for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
				assert_null(strstr(s, bad[k]));
		}
		assert_true(cells <= m->cols);
	}
}

static bool all_sizes_now; /* the smallest and the largest too; not for each string: it takes its time */

static void look(struct app *a)
{
	static struct memcanvas m;
	static const int at[][2] = {{24, 80}, {10, 40}, {5, 20}, {100, 300}};
	for (size_t i = 0; i < (all_sizes_now ? 4 : 2); i++) {
		struct canvas c;
		memcanvas_init(&m, &c, at[i][0], at[i][1]);
		app_draw(a, &c);
		check_screen(&m);
		/* the frame stands where it stood */
		assert_string_equal(m.at[at[i][0] - 1][at[i][1] - 1].text, " ");
	}
}

static void check_written(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		assert_true((c >= 0x20 && c != 0x7f) || c == '\n');
		assert_false(c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0);
	}
}

/* The list on the screen, its row as it is copied, and CSV and JSON of it. */
static void look_list(struct app *a, enum clv_list kind, void *facts, size_t n)
{
	struct list *l = give_rows(a, kind, facts, n, n);
	char line[4096], *out = NULL;
	size_t len = 0;
	look(a);
	l->expanded = kind == CLV_LIST_EVENTS || kind == CLV_LIST_AUDIT;
	look(a);
	l->expanded = false;
	list_row_line(l, 0, &a->ctx, line, sizeof(line));
	struct clv_text *t = text_new_str(line);
	check_written(text_str(t), text_len(t));
	text_free(t);
	FILE *f = open_memstream(&out, &len);
	batch_out_csv(f, &l->rows, l->rows.n);
	batch_out_json(f, &l->rows, l->rows.n, true);
	fclose(f);
	check_written(out, len);
	assert_true(len == 0 || strchr("=+@\t", out[0]) == NULL);
	free(out);
	app_action(a, ACTION_ROTATE); /* questions name what they are about */
	app_action(a, ACTION_ACCEPT);
	if (a->mode == MODE_QUESTION)
		look(a);
	question_end(a);
	runas_release(&a->runas);
	a->message[0] = '\0';
}

static void lists(struct app *a, const char *s)
{
	size_t n;
	struct clv_agent_fact *g = drawn_agents(1);
	char **agent[] = {&g->name, &g->gateway, &g->server, &g->protocol, &g->cipher};
	for (size_t i = 0; i < sizeof(agent) / sizeof(agent[0]); i++)
		set(agent[i], s);
	app_push(a, view_agents_open(""));
	look_list(a, CLV_LIST_AGENTS, g, 1);
	app_pop(a);
	struct clv_event_fact *e = drawn_events(1);
	set(&e->node, s);
	set(&e->source, s);
	set(&e->category, s);
	set(&e->text, s);
	app_push(a, view_events_open(""));
	look_list(a, CLV_LIST_EVENTS, e, 1);
	app_pop(a);
	struct clv_pending_fact *p = drawn_pending(&n);
	for (size_t i = 0; i < n; i++) {
		char **f[] = {&p[i].name,
		              &p[i].role,
		              &p[i].from,
		              &p[i].came_by,
		              &p[i].looks_like,
		              &p[i].fingerprint_hidden,
		              &p[i].known_fingerprint,
		              &p[i].known_pinned_by,
		              &p[i].known_from,
		              &p[i].machine,
		              &p[i].known_machine};
		for (size_t k = 0; k < sizeof(f) / sizeof(f[0]); k++)
			set(f[k], s);
	}
	app_push(a, view_pending_open(""));
	look_list(a, CLV_LIST_PENDING, p, n);
	app_pop(a);
	struct clv_audit_fact *u = drawn_audit(&n);
	char **audit[] = {&u->who, &u->from, &u->act, &u->object, &u->result, &u->detail};
	for (size_t i = 0; i < sizeof(audit) / sizeof(audit[0]); i++)
		set(audit[i], s);
	app_push(a, view_audit_open(""));
	struct clv_reply r = {.kind = CLV_REPLY_AUDIT_CHECK, .audit_check = drawn_check(false)};
	set(&r.audit_check->text, s);
	set(&r.audit_check->kind, s);
	app_top(a)->ops->take(app_top(a), &r);
	look_list(a, CLV_LIST_AUDIT, u, n);
	app_pop(a);
	struct clv_alert_fact *al = drawn_alerts(&n);
	char **alert[] = {&al->agent, &al->name, &al->text, &al->source, &al->why, &al->acknowledged_by};
	for (size_t i = 0; i < sizeof(alert) / sizeof(alert[0]); i++)
		set(alert[i], s);
	app_push(a, view_alerts_open(""));
	look_list(a, CLV_LIST_ALERTS, al, n);
	app_action(a, ACTION_ALERT_ACK);
	look(a);
	question_end(a);
	runas_release(&a->runas);
	app_pop(a);
	struct clv_thing_fact *t = drawn_expiry(&n);
	char **thing[] = {&t->what, &t->whose, &t->text, &t->go};
	for (size_t i = 0; i < sizeof(thing) / sizeof(thing[0]); i++)
		set(thing[i], s);
	app_push(a, view_expiry_open(""));
	look_list(a, CLV_LIST_EXPIRY, t, n);
	app_pop(a);
}

static void paths(struct app *a, const char *s)
{
	struct clv_trace_fact *t = drawn_trace(DRAWN_CLAIMED);
	struct clv_encryption_fact *e = drawn_encryption(false);
	char **f[] = {&t->agent,           &t->why,           &t->nodes[0].name,
	              &t->nodes[1].role,   &t->nodes[2].why,  &t->links[0].from,
	              &t->links[1].from,   &t->links[0].to,   &t->links[0].protocol,
	              &t->links[1].cipher, &t->links[2].weak, &t->alert->name,
	              &t->alert->text};
	char **g[] = {&e->node,
	              &e->links->from,
	              &e->links->to,
	              &e->links->protocol,
	              &e->links->cipher,
	              &e->links->later,
	              &e->deliveries->host,
	              &e->deliveries->account,
	              &e->deliveries->how,
	              &e->weak[0],
	              &e->limits[0],
	              &e->clear[0]};
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		set(f[i], s);
	for (size_t i = 0; i < sizeof(g) / sizeof(g[0]); i++)
		set(g[i], s);
	struct clv_reply r = {.kind = CLV_REPLY_TRACE, .trace = t};
	app_push(a, view_trace_open("8815"));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
	r = (struct clv_reply){.kind = CLV_REPLY_ENCRYPTION, .encryption = e};
	app_push(a, view_proof_open(s));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
}

static void accounts(struct app *a, const char *s)
{
	size_t n;
	struct clv_account_fact *c = drawn_accounts(&n);
	char **f[] = {&c->name, &c->changed_by, &c->user,  &c->domain,   &c->kept_by,
	              &c->note, &c->entered_by, &c->aside, &c->aside_by, &c->claim_by};
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		set(f[i], s);
	app_push(a, view_accounts_open(""));
	look_list(a, CLV_LIST_ACCOUNTS, c, n);
	app_action(a, ACTION_CHANGE); /* the form holds them */
	look(a);
	a->mode = MODE_LOOK;
	app_pop(a);
	struct clv_profile_fact *p = drawn_profiles(&n);
	set(&p->name, s);
	set(&p->account, s);
	set(&p->target, s);
	app_push(a, view_profiles_open(""));
	look_list(a, CLV_LIST_PROFILES, p, n);
	app_pop(a);
	struct clv_group_fact *g = drawn_groups(&n);
	set(&g->name, s);
	if (g->n_members > 0)
		set(&g->members[0], s);
	app_push(a, view_groups_open(""));
	look_list(a, CLV_LIST_GROUPS, g, n);
	app_pop(a);
	struct clv_server_fact *sv = drawn_servers(&n);
	for (size_t i = 0; i < n; i++) {
		set(&sv[i].name, s);
		set(&sv[i].via, s);
		set(&sv[i].address, s);
		set(&sv[i].version, s);
	}
	app_push(a, view_servers_open());
	look_list(a, CLV_LIST_SERVERS, sv, n);
	app_pop(a);
	struct clv_reply r = {.kind = CLV_REPLY_ACCOUNT, .account = drawn_account()};
	struct clv_account_detail *d = r.account;
	set(&d->account.name, s);
	set(&d->account.user, s);
	set(&d->account.domain, s);
	set(&d->account.kept_by, s);
	set(&d->account.note, s);
	set(&d->trial_text, s);
	for (size_t i = 0; i < d->n_rows; i++) {
		set(&d->rows[i].host, s);
		set(&d->rows[i].why, s);
	}
	app_push(a, view_account_open("x"));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
}

static void pages(struct app *a, const char *s)
{
	struct clv_reply r = {.kind = CLV_REPLY_OVERVIEW, .overview = drawn_overview()};
	for (size_t i = 0; i < r.overview->n_needs; i++) {
		set(&r.overview->needs[i].text, s);
		set(&r.overview->needs[i].go, s);
		set(&r.overview->needs[i].aside_reason, s);
		r.overview->needs[i].aside_until = i == 1 ? DRAWN_NOW + 1 : 0;
	}
	r.overview->attached = clv_calloc(2, sizeof(char *));
	r.overview->attached[r.overview->n_attached++] = clv_strdup(s);
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	r = (struct clv_reply){.kind = CLV_REPLY_AGENT, .agent = drawn_detail()};
	set(&r.agent->agent.name, s);
	set(&r.agent->agent.cipher, s);
	set(&r.agent->agent.gateway, s);
	set(&r.agent->pinned_by, s);
	set(&r.agent->account_rows[0].name, s);
	for (size_t i = 0; i < r.agent->n_events; i++)
		set(&r.agent->events[i].text, s);
	app_push(a, view_agent_open(s));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
	/* line 1, messages, titles */
	char **who[] = {&a->who->principal, &a->who->group, &a->who->server, &a->who->channel};
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
		set(who[i], s);
	a->ctx.group = a->who->group;
	a->ctx.server = a->who->server;
	a->ctx.principal = a->who->principal;
	a->ctx.channel = a->who->channel;
	app_say(a, INK_LOOK, "%s", s);
	look(a);
	a->message[0] = '\0';
	struct clv_text *title = app_title(a);
	check_written(text_str(title), text_len(title));
	assert_null(memchr(text_str(title), '\n', text_len(title)));
	assert_true(text_len(title) < TITLE_MAX && text_cells(title) <= TITLE_CELLS);
	text_free(title);
}

/* Alerts, a path and the proof: all of it was said by somebody else. */
static void alerts(struct app *a, const char *s)
{
	size_t n;
	struct clv_alert_fact *f = drawn_alerts(&n);
	for (size_t i = 0; i < n; i++) {
		char **field[] = {&f[i].agent,  &f[i].name, &f[i].text,
		                  &f[i].source, &f[i].why,  &f[i].acknowledged_by};
		for (size_t k = 0; k < sizeof(field) / sizeof(field[0]); k++)
			set(field[k], s);
	}
	app_push(a, view_alerts_open(""));
	look_list(a, CLV_LIST_ALERTS, f, n);
	app_pop(a);
	struct clv_reply r = {.kind = CLV_REPLY_TRACE, .trace = drawn_trace(DRAWN_DIFFER)};
	set(&r.trace->agent, s);
	set(&r.trace->why, s);
	set(&r.trace->alert->name, s);
	set(&r.trace->alert->text, s);
	for (size_t i = 0; i < r.trace->n_nodes; i++) {
		set(&r.trace->nodes[i].name, s);
		set(&r.trace->nodes[i].role, s);
		set(&r.trace->nodes[i].why, s);
	}
	for (size_t i = 0; i < r.trace->n_links; i++) {
		struct clv_trace_link *l = &r.trace->links[i];
		char **field[] = {&l->from, &l->to, &l->protocol, &l->cipher, &l->weak};
		for (size_t k = 0; k < sizeof(field) / sizeof(field[0]); k++)
			set(field[k], s);
	}
	app_push(a, view_trace_open("8815"));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
	r = (struct clv_reply){.kind = CLV_REPLY_ENCRYPTION, .encryption = drawn_encryption(false)};
	struct clv_encryption_fact *e = r.encryption;
	set(&e->group, s);
	set(&e->server, s);
	set(&e->node, s);
	for (size_t i = 0; i < e->n_links; i++) {
		struct clv_encryption_link *l = &e->links[i];
		char **field[] = {&l->from, &l->to, &l->protocol, &l->cipher, &l->key, &l->weak, &l->later};
		for (size_t k = 0; k < sizeof(field) / sizeof(field[0]); k++)
			set(field[k], s);
	}
	for (size_t i = 0; i < e->n_deliveries; i++) {
		set(&e->deliveries[i].host, s);
		set(&e->deliveries[i].account, s);
		set(&e->deliveries[i].how, s);
	}
	for (size_t i = 0; i < e->n_weak; i++)
		set(&e->weak[i], s);
	app_push(a, view_proof_open(s));
	app_top(a)->ops->take(app_top(a), &r);
	look(a);
	app_pop(a);
}

/* What is asked before an act on accounts, and what it would change. */
static void plans(struct app *a, const char *s)
{
	static const enum clv_act_kind kinds[] = {CLV_ACT_DISTRIBUTE, CLV_ACT_ACCOUNT_REMOVE};
	size_t n;
	app_push(a, view_accounts_open(""));
	give_rows(a, CLV_LIST_ACCOUNTS, drawn_accounts(&n), n, n);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct clv_reply r = {.kind = CLV_REPLY_PLAN, .req = 7, .plan = drawn_plan()};
		for (size_t k = 0; k < r.plan->gains_len; k++)
			set(&r.plan->gains[k], s);
		for (size_t k = 0; k < r.plan->loses_len; k++)
			set(&r.plan->loses[k], s);
		set(&r.plan->text, s);
		set(&r.plan->offline[0], s);
		set(&r.plan->warnings[0], s);
		a->runas.act = (struct clv_act){.kind = kinds[i], .name = clv_strdup(s)};
		a->runas.plan_req = 7;
		assert_true(runas_take(a, &r));
		assert_int_equal(a->mode, MODE_QUESTION);
		look(a);
		runas_show_lists(a);
		look(a);
		question_end(a);
		runas_release(&a->runas);
	}
	app_pop(a);
}

/* The password form names account, user, server and host; an SSH server words its own questions. */
static void asks(const char *s)
{
	struct app *a = on_entry(CLV_ACCOUNT_WINDOWS, false);
	struct clv_intake_fact *f = a->e.intake;
	char **field[] = {&f->group, &f->account, &f->user, &f->domain, &f->principal, &f->first, &f->server};
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		set(field[i], s);
	snprintf(a->e.account, sizeof(a->e.account), "%s", s);
	snprintf(a->e.next, sizeof(a->e.next), "%s", s);
	snprintf(a->e.other, sizeof(a->e.other), "%s", s);
	a->e.other_at = a->e.claimed_ms = app_mono_ms();
	look(a);
	snprintf(a->e.said, sizeof(a->e.said), "%s", s);
	look(a);
	app_done(a);
	static const enum talk_kind kinds[] = {TALK_ASK_YES, TALK_ASK_TEXT, TALK_ASK_SECRET};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct transport_ask ask = {.kind = kinds[i], .title = clv_strdup(s), .text = clv_strdup(s)};
		a = app_new(CLV_ROLE_VIEWER);
		ask_show(a, &ask);
		assert_int_equal(a->mode, kinds[i] == TALK_ASK_YES ? MODE_QUESTION : MODE_ENTRY);
		look(a);
		clv_free(ask.title);
		clv_free(ask.text);
		app_done(a);
	}
}

static void run(const char *s, int i)
{
	all_sizes_now = i % 16 == 0;
	struct app *a = app_new(CLV_ROLE_ADMINISTRATOR);
	struct options o = {.server = "unix:/nowhere"};
	settings_init(&o.settings);
	a->o = &o;
	a->hit = -1;
	lists(a, s);
	accounts(a, s);
	paths(a, s);
	pages(a, s);
	plans(a, s);
	alerts(a, s);
	app_done(a);
	asks(s);
}

static void test_odd(void **state)
{
	(void)state;
	for (int i = 0; i < N_ODD; i++) {
		char *s = odd(i);
		run(s, i);
		clv_free(s);
	}
}

static void test_sequences(void **state)
{
	(void)state;
	for (int i = 0; i < N_SEQ; i++) {
		char *s = sequence(i);
		run(s, i);
		clv_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_odd), cmocka_unit_test(test_sequences)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
