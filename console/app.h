/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen's state: session, stack of screens, the line being typed, the question being
 * asked, the acts under way. Shared by the files of the full screen; one of it, owned by screen.c.
 */
#ifndef CONSOLE_APP_H
#define CONSOLE_APP_H

#include "console/entry.h"
#include "console/export.h"
#include "console/form.h"
#include "console/input.h"
#include "console/keys.h"
#include "console/menu.h"
#include "console/options.h"
#include "console/setup.h"
#include "views/list.h"
#include "views/view.h"

#define APP_STACK_MAX    32
#define APP_LINE_MAX     512
#define APP_ACTS_AT_ONCE 24u

#define APP_HISTORY_MAX 32

enum app_mode {
	MODE_LOOK,
	MODE_COMMAND,
	MODE_FILTER,
	MODE_SEARCH, /* / in a text */
	MODE_FIND,   /* / on the overview: anything */
	MODE_WRITE,  /* w: the file's name */
	MODE_MENU,   /* y and f: one more key */
	MODE_SETUP,  /* o */
	MODE_LOCKED, /* nobody was here: nothing is shown until the line is made anew */
	MODE_QUESTION,
	MODE_FORM,
	MODE_ENTRY
};
enum strength { ASK_YES, ASK_NUMBER, ASK_NAME, ASK_DIGITS, ASK_REASON };
enum question_for { FOR_ROTATE, FOR_REMOVE, FOR_ACCEPT, FOR_DECLINE, FOR_MOVE, FOR_QUIT, FOR_RUNAS, FOR_SSH };

/* One object of an act. */
struct object {
	char *name;
	uint64_t pending_id, row_version;
	bool conflict;
};

struct question {
	enum question_for what;
	enum strength strength;
	struct object *objects;
	size_t n, at;                                   /* ASK_DIGITS goes one by one */
	size_t hidden;                                  /* marked rows that the filter hides */
	size_t conflicts, servers;                      /* left out */
	char expect[VIEW_ID_MAX], expect2[VIEW_ID_MAX]; /* NAME: full or as shown; NUMBER: digits */
	char reason[APP_LINE_MAX];
	struct band band;
	bool unseen; /* the terminal has not said that it is on the screen */
	int64_t asked_at_ms, last_byte_ms;
};

enum probe { PROBE_NONE, PROBE_COUNT, PROBE_ACT, PROBE_MARK_ALL };

struct act_row {
	enum question_for what;
	struct object object;
	char *fingerprint, *reason;
	bool replace;
	uint64_t req; /* 0: not sent yet */
};

/* An act with strings of its own. */
struct runas {
	struct clv_act act;
	uint64_t plan_req, req;
	struct clv_plan_fact *plan;
	bool from_form, lists;
};

/* Where a person was: places.c */
#define PLACES_MAX 32u
struct place {
	char *below, *command; /* below: the list under a page; NULL none */
	char *id;              /* the row of the list that the cursor stood on; "" none, NULL no list */
	const char *sort;
	bool desc;
};

#define TITLE_CELLS 50u
#define TITLE_MAX   (4u * TITLE_CELLS + 1) /* bytes; clusters that would pass it are left out */

struct app {
	struct options *o;
	struct clv_session *s;
	struct clv_whoami_fact *who;
	uint64_t whoami_req;
	uint64_t verify_req; /* of V on an alert */
	uint64_t audit_req;  /* of V on the audit trail */
	uint64_t answered;   /* the top view's request that has had its first answer */
	uint64_t asking;     /* what the top view asked and was not told yet */
	int64_t asked_at_ms; /* monotonic: when */
	uint32_t epoch;
	char domain[VIEW_ID_MAX];
	int64_t skew_ms; /* the server's clock less ours */
	struct view *stack[APP_STACK_MAX];
	size_t depth;
	struct place places[PLACES_MAX]; /* the newest last */
	size_t n_places;
	bool walking; /* along the places: what is left on the way is none */
	struct view_ctx ctx;
	struct input in;
	enum app_mode mode;
	char line[APP_LINE_MAX];
	size_t len;
	char filter_before[VIEW_FILTER_MAX];
	char *history[APP_HISTORY_MAX]; /* commands, the newest last; in memory alone */
	size_t n_history, history_at;
	char needle[VIEW_FILTER_MAX]; /* what n and N look for */
	int hit;                      /* line of the page that was found; -1 none */
	int64_t key_at_ms;            /* monotonic: the last byte from the terminal */
	int rows, cols;               /* of the last frame */
	struct menu menu;
	struct setup setup;
	struct export export;
	struct question q;
	char message[400];
	unsigned message_ink;
	char title[TITLE_MAX];
	/* acts */
	struct act_row *acts;
	size_t n_acts, done, refused;
	char first_refusal[300];
	char *dropped;      /* what a lost line left undone */
	struct runas runas; /* the act on accounts that is planned, asked or under way */
	struct form form;
	struct entry e;
	int entry_fd; /* what the form reads from now; -1: time alone */
	char entry_next[VIEW_ID_MAX], entry_said[400];
	/* marks against a filter */
	enum probe probe;
	uint64_t probe_req;
	enum question_for probe_for;
	int64_t stale_since_ms; /* wall, server's; 0: fresh */
	bool was_open;
	bool dirty, ask_ready, quit;
	int ready_owed; /* CSI 5n that were not answered yet */
	int exit_code;
};

/* app_line.c: what is typed after : and /, and answers to questions */
void line_begin(struct app *a, enum app_mode mode, const char *text);
void line_key(struct app *a, const struct key *k);
/* context.c: contexts of console.conf, and leaving for another server */
struct view *context_view(const struct app *a);
void context_go(struct app *a, const char *name);
/* places.c: the top view is about to be left; ^O; all forgotten */
void places_note(struct app *a);
void places_back(struct app *a);
void places_release(struct app *a);
/* complete.c: Tab, the history, and what the command would do. */
void complete_line(struct app *a);
void history_add(struct app *a, const char *line);
void history_move(struct app *a, int by);
void complete_preview(const struct app *a, char *out, size_t size);
/* lookup.c: / in a page, n and N */
void lookup_begin(struct app *a, const char *needle);
void lookup_next(struct app *a, int by);
/* True when the key edited the line. */
bool line_edit(struct app *a, const struct key *k);
void line_paste(struct app *a, const struct key *k);
/* app.c */
struct view *app_top(const struct app *a);
void app_push(struct app *a, struct view *v);
void app_pop(struct app *a);
void app_say(struct app *a, unsigned ink, const char *fmt, ...) CLV_PRINTF(3, 4);
int64_t app_mono_ms(void);
int64_t app_wall_ms(void);
/* A command without its colon. */
void app_command(struct app *a, const char *line);
void app_action(struct app *a, enum action action);
void app_key(struct app *a, const struct key *k);
/* app_draw.c */
void app_draw(struct app *a, struct canvas *c);
/* What the window is called: at most TITLE_CELLS cells of safe text, owned by the caller. */
struct clv_text *app_title(const struct app *a);
/* idle.c: after `idle_lock` minutes without a key the line is closed and the screen is empty; Enter
 * authenticates anew and shows the same screen. */
void app_lock(struct app *a);
void app_unlock_key(struct app *a, const struct key *k);
void lock_draw(const struct app *a, struct canvas *c);
void app_forget_acts(struct app *a);
/* app_net.c: asks what the top view wants, takes what came. */
void app_ask(struct app *a);
void app_take(struct app *a);
void app_probe(struct app *a, enum probe p, enum question_for what);
void app_send_acts(struct app *a);
void app_add_act(struct app *a, const struct act_row *row);
/* runas.c: acts on accounts, profiles and groups, with their plans */
void runas_release(struct runas *r);
/* A copy of act is planned where it has a plan, else sent; form: C in the plan goes back to it. */
void app_act_begin(struct app *a, const struct clv_act *act, bool from_form);
/* X, A and D on what the top view shows. */
void runas_action(struct app *a, enum action action);
bool runas_take(struct app *a, const struct clv_reply *r);
void runas_answered(struct app *a);
/* A question about an act without a plan: its lines and its strength come next. */
void runas_prepare(struct app *a, const struct clv_act *act);
void runas_how_to_answer(struct app *a);
void runas_show_lists(struct app *a);
/* alerts.c: A and V on an alert */
void alert_acknowledge(struct app *a);
void alert_verify(struct app *a);
bool alert_take(struct app *a, const struct clv_reply *r);
/* recover.c: D, V and F of the recovery */
void recover_action(struct app *a, enum action action);
void recover_reason(struct app *a);
/* ask.c: what the SSH transport asks, in the same band and form as our own questions */
struct transport_ask;
void ask_look(struct app *a);
void ask_show(struct app *a, const struct transport_ask *ask);
void ask_typed(struct app *a);
void ask_left(struct app *a);
void ask_answered(struct app *a, bool yes);
/* question.c */
void question_line(struct question *q, unsigned ink, const char *fmt, ...) CLV_PRINTF(3, 4);
void question_show(struct app *a);
void question_where(const struct app *a, char *out, size_t size);
void question_begin(struct app *a, enum question_for what);
void question_with_rows(struct app *a, enum question_for what, const struct clv_rows *rows);
void question_key(struct app *a, const struct key *k);
void question_end(struct app *a);
/* C in a plan goes back to its form. */
bool question_changes(struct app *a, const struct key *k);

#endif
