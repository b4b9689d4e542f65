/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.conf and themes: what they take, what each refusal says, and no byte of a file that makes them
 * stumble. Completion, history, dates, and the file that w writes.
 */
#include "console/needs.h"
#include "tests/views/golden_fixture.h"
#include "tests/lib/home.h"

#include <sys/stat.h>
#include <unistd.h>

static clv_rc parse(const char *s, struct settings *out, struct clv_err *err)
{
	settings_init(out);
	return settings_parse("console.conf", slice_str(s), out, err);
}

static void test_good(void **state)
{
	static const char file[] =
	    "# how it looks here\n"
	    "[console]\ntheme = light\nmouse = on\nascii = on\ntimes = age\nthumbprint = sha256\n"
	    "idle_lock = 15\nexport_folder = /srv/out\nrestore = off\n"
	    "[keys]\nrotate = R T\nhalf-down = ^D d\nevents = e\n"
	    "[columns]\nagents = NAME STATE ends:12\n"
	    "[context prod]\nserver = ms1.ops.test\nlabel = production\n"
	    "[context lab]\nserver = unix:/run/lab.sock\n";
	struct settings s;
	struct clv_err err = {0};
	(void)state;
	assert_int_equal(parse(file, &s, &err), CLV_OK);
	assert_string_equal(s.theme, "light");
	assert_true(s.mouse && s.no_restore && s.ascii == 1 && s.zone == ZONE_AGE && s.thumb == THUMB_SHA256);
	assert_int_equal(s.idle_lock_min, 15);
	assert_string_equal(settings_context(&s, "prod")->label, "production");
	assert_null(settings_context(&s, "ms1.ops.test"));
	assert_null(settings_context(&s, NULL));
	struct key k = {.code = KEYC_CHAR, .ch = "T"};
	const char *const *own = (const char *const *)s.keys;
	assert_int_equal(keys_action(&k, W_AGENTS, own), ACTION_ROTATE);
	assert_int_equal(keys_action(&k, W_AGENTS, NULL), ACTION_NONE);
	struct view *v = view_agents_open("");
	assert_true(settings_columns(&s, list_of(v), &err));
	assert_false(list_of(v)->pref[0].hidden);
	assert_true(list_of(v)->pref[6].hidden);
	assert_int_equal(list_of(v)->pref[2].extra, 4);
	view_close(v);
	settings_release(&s);
}

static void test_refused(void **state)
{
	static const struct {
		const char *file, *says;
	} rows[] = {
	    {"theme = x\n", "console.conf:1:"},
	    {"[console]\nthem = dark\n", "console.conf:2: 'them'; expected in [console] one of"},
	    {"[console]\nmouse = maybe\n", "on or off"},
	    {"[console]\nidle_lock = 5 minutes\n", "minutes, 1 to 1440"},
	    {"[console]\nexport_folder = out\n", "whole path"},
	    {"[nonsense]\na = b\n", "[console], [keys], [columns] or [context NAME]"},
	    {"[keys]\nrotate = r\n",
	     "console.conf:2: 'r'; expected for rotate, which is an act, a capital letter or +"},
	    {"[keys]\n\nrotate = j\n", "console.conf:3: 'j'"},
	    {"[keys]\nremove = X\n", "an act's name"},
	    {"[keys]\nend = G\n", "none that moves"},
	    {"[keys]\nend = J\n", "none that moves"},
	    {"[keys]\nend = ^X\n", "capital letter"},
	    {"[keys]\nend = Enter\n", "capital letter"},
	    {"[keys]\nend = R\n", "would mean both"},
	    {"[keys]\nevents = j\n", "would mean both"},
	    {"[keys]\nsort = longword\n", "a character"},
	    {"[keys]\nquit =\nback =\n", "must have a key"},
	    {"[keys]\nsort = s\nsort = t\n", "once in [keys]"},
	    {"[columns]\nagents = NAME COLOUR\n", "console.conf:2:"},
	    {"[columns]\nnothing = NAME\n", "one of agents accounts"},
	    {"[columns]\nagents = NAME:1000\n", "WIDTH from 3 to 200"},
	    {"[context a b]\nserver = x\n", "a name without blanks"},
	    {"[context a]\nlabel = x\n", "console.conf:2: context a has no server"},
	    {"[context a]\nserver = x\nserver = y\n", "once in its context"},
	    {"[context a]\npassword = x\n", "one of server label ca cert key"},
	    {"[console\n", "close the bracket"},
	    {"[console]\ntheme\n", "name = value"},
	    {"[console]\ntheme = \x1b[2J\n", "control character"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings s;
		struct clv_err err = {0};
		if (parse(rows[i].file, &s, &err) == CLV_OK || strstr(err.text, rows[i].says) == NULL)
			fail_msg("%s gave: %s", rows[i].file, err.text);
		assert_null(strchr(err.text, '\n'));
		assert_null(strchr(err.text, '\033'));
		settings_release(&s);
	}
}

/* Every act: no small letter, no moving key. The table's own keys keep the rule too. */
static void test_every_act(void **state)
{
	(void)state;
	for (int i = 1; i < ACTION_MAX; i++) {
		char name[64];
		size_t n = 0;
		for (const char *p = action_rows[i].name; *p != '\0'; p++)
			name[n++] = *p == '_' ? '-' : (char)(*p + ('a' - 'A'));
		name[n] = '\0';
		assert_int_equal(action_by_name(name), i);
		for (const char *k = "abcdefghijklmnopqrstuvwxyzJKHLQGN";
		     action_rows[i].dangerous && *k != '\0'; k++) {
			char *file = clv_asprintf("[keys]\n%s = %c\n", name, *k);
			struct settings s;
			struct clv_err err = {0};
			assert_int_equal(parse(file, &s, &err), CLV_FAILED);
			settings_release(&s);
			clv_free(file);
		}
	}
	assert_int_equal(action_by_name("ROTATE"), ACTION_NONE);
	assert_int_equal(action_by_name(""), ACTION_NONE);
}

static void test_themes(void **state)
{
	struct theme t;
	struct clv_err err = {0};
	(void)state;
	for (size_t i = 0; theme_builtin_name(i) != NULL; i++) {
		char path[200];
		struct theme from;
		assert_true(theme_builtin(theme_builtin_name(i), &t));
		/* the file beside it says the same */
		snprintf(path, sizeof(path), "share/themes/%s.theme", theme_builtin_name(i));
		char *s = read_file(path);
		assert_non_null(s);
		assert_int_equal(theme_parse(path, t.name, slice_str(s), &from, &err), CLV_OK);
		for (int k = 0; k < INK_MAX; k++) {
			assert_int_equal(from.ink[k].colour, t.ink[k].colour);
			assert_int_equal(from.ink[k].attrs, t.ink[k].attrs);
		}
		clv_free(s);
	}
	assert_int_equal(theme_parse("x", "x", slice_str("bad = rgb:ff0000 bold underline\n"), &t, &err),
	                 CLV_OK);
	assert_int_equal(t.ink[INK_BAD].colour, 196);
	assert_int_equal(t.ink[INK_BAD].attrs, THEME_BOLD | THEME_UNDERLINE);
	assert_int_equal(theme_nearest(196, 256), 196);
	assert_int_equal(theme_nearest(196, 16), 9);
	assert_int_equal(theme_nearest(-1, 8), -1);
	for (short c = 0; c < 256; c++)
		assert_in_range(theme_nearest(c, 8), 0, 7);
	static const char *const bad[] = {"bad = pink\n",       "bad = 256\n",     "bad = rgb:12345\n",
	                                  "bad = rgb:gggggg\n", "evil = red\n",    "bad = red red\n",
	                                  "bad = -1\n",         "bad = bright-\n", "bad = red blinking\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(theme_parse("x.theme", "x", slice_str(bad[i]), &t, &err), CLV_FAILED);
		assert_non_null(strstr(err.text, "x.theme:1:"));
	}
	assert_int_equal(theme_find("../../etc/passwd", false, &t, &err), CLV_FAILED);
	assert_int_equal(theme_find("none-such", true, &t, &err), CLV_FAILED);
}

/* Truncations and flipped bits of a good file: a clear line or a good outcome, nothing else. */
static void test_flipped(void **state)
{
	static const char file[] =
	    "[console]\ntheme = light\nidle_lock = 15\n[keys]\nrotate = R\n[columns]\n"
	    "agents = NAME STATE:9\n[context prod]\nserver = ms1\nlabel = production\n";
	char copy[sizeof(file)];
	(void)state;
	for (size_t i = 0; i < sizeof(file) - 1; i++) {
		for (unsigned bit = 0; bit < 9; bit++) {
			struct settings s;
			struct theme t;
			struct clv_err err = {0};
			size_t len = bit == 8 ? i : sizeof(file) - 1;
			memcpy(copy, file, sizeof(file));
			if (bit < 8)
				copy[i] = (char)(copy[i] ^ (1 << bit));
			settings_init(&s);
			if (settings_parse("f", slice_of(copy, len), &s, &err) != CLV_OK)
				assert_true(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
			settings_release(&s);
			(void)!theme_parse("f", "f", slice_of(copy, len), &t, &err);
		}
	}
}

static void test_until(void **state)
{
	int64_t t = 0, now = DRAWN_NOW;
	(void)state;
	assert_true(needs_until("14d", 3, now, &t) && t == now + 14 * 86400000LL);
	assert_true(needs_until("2026-12-24", 10, now, &t) && t == 1798070400000LL);
	assert_true(needs_until("2028-02-29", 10, now, &t));
	static const char *const bad[] = {"",           "0d",          "d",    "14",          "2020-01-01",
	                                  "2026-13-01", "2026-12-99x", "soon", "99999999999d"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(needs_until(bad[i], strlen(bad[i]), now, &t));
}

static void key_text(struct app *a, const char *s)
{
	for (; *s != '\0'; s++) {
		struct key k = {.code = KEYC_CHAR};
		k.ch[0] = *s;
		if (*s == '\t')
			k.code = KEYC_TAB;
		else if (*s == '\r')
			k.code = KEYC_ENTER;
		else if (*s == '\b')
			k.code = KEYC_BACKSPACE;
		else if (*s == '\x01')
			k.code = KEYC_UP;
		else if (*s == '\x02')
			k.code = KEYC_DOWN;
		else if (*s == '\033')
			k.code = KEYC_ESC;
		app_key(a, &k);
	}
}

static struct app *app_with(struct options *o)
{
	struct app *a = app_new(CLV_ROLE_ADMINISTRATOR);
	*o = (struct options){.server = "unix:/nowhere"};
	settings_init(&o->settings);
	a->o = o;
	a->hit = -1;
	a->cols = 80;
	a->ctx.domain = ".ops.test";
	app_push(a, view_agents_open(""));
	give_rows(a, CLV_LIST_AGENTS, drawn_agents(6), 6, 6);
	return a;
}

static void test_completion(void **state)
{
	struct options o;
	char s[300];
	(void)state;
	struct app *a = app_with(&o);
	key_text(a, ":prof\t");
	assert_string_equal(a->line, "profiles ");
	key_text(a, "\033:agent app\t");
	assert_string_equal(a->line, "agent app0");
	assert_non_null(strstr(a->message, "app01  app02"));
	key_text(a, "1\t");
	assert_string_equal(a->line, "agent app01 ");
	complete_preview(a, s, sizeof(s));
	assert_non_null(strstr(s, "Opens the page of agent app01"));
	key_text(a, "\r");
	assert_int_equal(app_top(a)->ops->where, W_AGENT);
	key_text(a, ":agents exp\t");
	assert_string_equal(a->line, "agents expires<");
	key_text(a, "7d\r");
	assert_string_equal(list_of(app_top(a))->filter, "expires<7d");
	key_text(a, ":\x01");
	assert_string_equal(a->line, "agents expires<7d");
	key_text(a, "\x01");
	assert_string_equal(a->line, "agent app01 ");
	key_text(a, "\x01\x01\x01\x02\x02\x02");
	assert_string_equal(a->line, "");
	key_text(a, "xyz\t");
	assert_string_equal(a->line, "xyz");
	complete_preview(a, s, sizeof(s));
	assert_non_null(strstr(s, "No command begins so"));
	key_text(a, "\033");
	assert_int_equal(a->mode, MODE_LOOK);
	for (size_t i = 0; i < a->n_history; i++)
		clv_free(a->history[i]);
	app_done(a);
}

static void test_search(void **state)
{
	struct options o;
	(void)state;
	struct app *a = app_with(&o);
	app_push(a, view_help_open(W_ALL));
	key_text(a, "/thumbprint\r");
	int first = a->hit;
	assert_true(first >= 0);
	key_text(a, "n");
	assert_true(a->hit >= 0);
	key_text(a, "N");
	assert_int_equal(a->hit, first);
	key_text(a, "/nowhere to be found\r");
	assert_non_null(strstr(a->message, "Nothing here has"));
	app_pop(a);
	/* in a list without a filter: the next loaded row that has it */
	struct list *l = list_of(app_top(a));
	snprintf(a->needle, sizeof(a->needle), "WEB02");
	key_text(a, "n");
	assert_string_equal(l->cur_id, "web02.ops.test");
	key_text(a, "n");
	assert_non_null(strstr(a->message, "No later row"));
	app_done(a);
}

/* Nothing of the group stays on the screen, what was asked is gone, and Enter alone goes on. */
static void test_idle_lock(void **state)
{
	static struct memcanvas m;
	struct canvas c;
	struct options o;
	(void)state;
	struct app *a = app_with(&o);
	o.settings.idle_lock_min = 15;
	o.restricted = true; /* no file of this machine is read */
	key_text(a, "R");
	assert_int_equal(a->mode, MODE_QUESTION);
	app_lock(a);
	assert_int_equal(a->mode, MODE_LOCKED);
	assert_int_equal(a->q.n, 0);
	memcanvas_init(&m, &c, 24, 80);
	app_draw(a, &c);
	char *s = memcanvas_text(&m, false);
	assert_non_null(strstr(s, "Locked since"));
	assert_null(strstr(s, "app01"));
	assert_null(strstr(s, "OMMG1"));
	clv_free(s);
	key_text(a, "yR:agents");
	assert_int_equal(a->mode, MODE_LOCKED);
	assert_false(a->quit);
	key_text(a, "\r");
	assert_int_equal(a->mode, MODE_LOOK);
	assert_int_equal(clv_session_state(a->s), CLV_SESSION_CONNECTING);
	assert_int_equal(a->ctx.fresh, FRESH_STALE); /* no act before who it is was proven anew */
	key_text(a, "R");
	assert_int_equal(a->mode, MODE_LOOK);
	app_done(a);
}

static void test_file(void **state)
{
	char dir[HOME_LEN], *path = NULL, other[HOME_LEN + 100];
	struct clv_err err = {0};
	struct stat st;
	(void)state;
	home_make(dir, sizeof(dir));
	FILE *f = export_open(dir, "a.csv", &path, &err);
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fclose(f);
	char *again = NULL;
	assert_null(export_open(dir, "a.csv", &again, &err));
	assert_non_null(strstr(err.text, "nothing is overwritten"));
	snprintf(other, sizeof(other), "%s/link.csv", dir);
	assert_int_equal(symlink("/tmp/clv-export-target", other), 0);
	assert_null(export_open(dir, "link.csv", &again, &err));
	static const char *const bad[] = {"", "../x.csv", "/etc/x.csv", "a/b.csv", ".hidden.csv"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(export_open(dir, bad[i], &again, &err));
	assert_null(export_open("/nonexistent", "a.csv", &again, &err));
	assert_int_not_equal(access("/tmp/clv-export-target", F_OK), 0);
	unlink(other);
	unlink(path);
	rmdir(dir);
	clv_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),       cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_every_act),  cmocka_unit_test(test_themes),
	    cmocka_unit_test(test_flipped),    cmocka_unit_test(test_until),
	    cmocka_unit_test(test_completion), cmocka_unit_test(test_search),
	    cmocka_unit_test(test_file),       cmocka_unit_test(test_idle_lock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
