/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen's state: session, stack of screens, the line being typed, the question being
 * asked, the acts under way. Shared by the files of the full screen; one of it, owned by screen.c.
 */
#ifndef CONSOLE_APP_H
#define CONSOLE_APP_H

#include "console/input.h"
#include "console/keys.h"
#include "console/options.h"
#include "views/list.h"
#include "views/view.h"

#define APP_STACK_MAX    32
#define APP_LINE_MAX     512
#define APP_ACTS_AT_ONCE 24u

enum app_mode { MODE_LOOK, MODE_COMMAND, MODE_FILTER, MODE_QUESTION };
enum strength { ASK_YES, ASK_NUMBER, ASK_NAME, ASK_DIGITS, ASK_REASON };
enum question_for { FOR_ROTATE, FOR_REMOVE, FOR_ACCEPT, FOR_DECLINE, FOR_QUIT };

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
	size_t conflicts;                               /* left out */
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

struct app {
	struct options *o;
	struct clv_session *s;
	struct clv_whoami_fact *who;
	uint64_t whoami_req;
	uint64_t asking; /* what the top view asked and was not told yet */
	uint32_t epoch;
	char domain[VIEW_ID_MAX];
	int64_t skew_ms; /* the server's clock less ours */
	struct view *stack[APP_STACK_MAX];
	size_t depth;
	struct view_ctx ctx;
	struct input in;
	enum app_mode mode;
	char line[APP_LINE_MAX];
	size_t len;
	char filter_before[VIEW_FILTER_MAX];
	struct question q;
	char message[400];
	unsigned message_ink;
	char title[64];
	/* acts */
	struct act_row *acts;
	size_t n_acts, done, refused;
	char first_refusal[300];
	char *dropped; /* what a lost line left undone */
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
/* app_net.c: asks what the top view wants, takes what came. */
void app_ask(struct app *a);
void app_take(struct app *a);
void app_probe(struct app *a, enum probe p, enum question_for what);
void app_send_acts(struct app *a);
void app_add_act(struct app *a, const struct act_row *row);
/* question.c */
void question_begin(struct app *a, enum question_for what);
void question_with_rows(struct app *a, enum question_for what, const struct clv_rows *rows);
void question_key(struct app *a, const struct key *k);
void question_end(struct app *a);

#endif
