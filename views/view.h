/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A screen: a row of functions over its own state. It says what it wants to know, takes replies,
 * handles actions or returns them, and draws. It never calls upward, does no I/O, knows no terminal.
 */
#ifndef VIEWS_VIEW_H
#define VIEWS_VIEW_H

#include "claviger/client.h"
#include "views/actions.h"
#include "views/canvas.h"
#include "views/fmt.h"

#define VIEW_FILTER_MAX 512
#define VIEW_ID_MAX     300

enum fresh { FRESH_ASKING, FRESH_LIVE, FRESH_STALE };

/* What a view may know of the world around it. */
struct view_ctx {
	struct fmt_time time;
	enum thumb thumb;
	enum clv_role role;
	bool read_only;
	bool restricted;                                  /* nothing is written, no shell, no other server */
	bool plain;                                       /* no bars, no redraw by itself */
	unsigned held;                                    /* PLAIN: changes that r would show */
	const char *const *keys;                          /* the person's own, by action; NULL: the table's */
	const char *group, *server, *principal, *channel; /* foreign; NULL before the server has said */
	const char *label;                                /* of the group: "production"; NULL */
	const char *domain;                               /* ".ops.test": names may drop it; "" */
	enum fresh fresh;
	int64_t since_ms;    /* STALE: since when */
	unsigned where_from; /* help: the screen it is for */
};

enum want_kind {
	WANT_NONE,
	WANT_OVERVIEW,
	WANT_LIST,
	WANT_AGENT,
	WANT_ACCOUNT,
	WANT_TRACE,
	WANT_PROBE,
	WANT_ENCRYPTION
};
struct want {
	enum want_kind kind;
	enum clv_list list;
	struct clv_window window; /* strings are borrowed from the view */
	const char *name;         /* AGENT, ACCOUNT, PROBE, ENCRYPTION; TRACE: whose last alert */
	uint64_t alert;           /* TRACE; 0: by name */
};

/* Line 2. */
struct view_status {
	char left[VIEW_FILTER_MAX + 64];
	char middle[500];
	char right[96]; /* "": the freshness alone */
};

/* The object that an act would touch. */
struct target {
	char id[VIEW_ID_MAX];
	const char *name; /* borrowed, foreign */
	uint64_t pending_id, row_version;
	const struct clv_account_fact *account; /* borrowed; NULL: it is none */
	const struct clv_account_detail *detail;
	const struct clv_profile_fact *profile;
	const struct clv_alert_fact *alert;
	const struct clv_key_fact *key; /* what y copies; NULL: it has none */
};

struct view;
struct view_ops {
	const char *name;
	unsigned where;
	void (*want)(struct view *v, struct want *w);
	/* ACTION_NONE when handled, else what the console shall do; `go` may say where. */
	enum action (*request)(struct view *v, enum action a, const struct view_ctx *ctx);
	void (*take)(struct view *v, struct clv_reply *r); /* borrows r, may take facts out of it */
	void (*draw)(struct view *v, struct canvas *c, const struct view_ctx *ctx);
	void (*status)(const struct view *v, struct view_status *st, const struct view_ctx *ctx);
	bool (*target)(const struct view *v, struct target *t);
	void (*close)(struct view *v);
};

struct view {
	const struct view_ops *ops;
	bool ask;                  /* set by the view: what it wants has changed */
	uint64_t req;              /* the console's: number of the request under way */
	bool have;                 /* something was taken */
	char go[VIEW_ID_MAX + 64]; /* a command without its colon */
	int64_t redraw_at;         /* server's time: something is to be drawn then; 0 nothing */
	int skip, lines, page;     /* of a page: lines scrolled, how many there are, how many are in sight */
	char note[400];            /* something to say once; safe text is made when it is drawn */
};

struct view *view_overview_open(void);
struct view *view_agents_open(const char *filter);
struct view *view_agent_open(const char *name);
struct view *view_pending_open(const char *filter);
struct view *view_events_open(const char *filter);
struct view *view_accounts_open(const char *filter);
struct view *view_account_open(const char *name);
struct view *view_profiles_open(const char *filter);
struct view *view_groups_open(const char *filter);
struct view *view_servers_open(void);
struct view *view_recover_open(const char *filter);
struct view *view_audit_open(const char *filter);
struct view *view_expiry_open(const char *filter);
struct view *view_found_open(const char *text);
struct view *view_alerts_open(const char *filter);
struct view *view_trace_open(const char *what); /* "8812", "probe web01", or an agent: its last alert */
struct view *view_proof_open(const char *name); /* "": the whole group */
/* Message 19, on the screen and of the batch command; returns out, which may hold foreign text. */
const char *view_nothing_found(const char *text, char *out, size_t size);
/* Strings are borrowed for as long as the view lives; the rows are copied. */
struct context_row {
	const char *name, *server, *label; /* label: NULL none */
	bool here;
};
struct view *view_contexts_open(const struct context_row *rows, size_t n);
struct view *view_help_open(unsigned where);
void view_close(struct view *v); /* NULL is fine */

/* frame.c: the lines that are the same everywhere, and the messages above the last one. */
struct band {
	int n_lines;
	char lines[6][400]; /* may hold foreign text */
	unsigned inks[6];
	bool has_input;
	char prompt[64];   /* before the input, on the last line of the band */
	const char *input; /* what was typed; NULL: none */
	char keys[96];     /* right of the input: "Enter shows the list   Esc nothing happens" */
};
void frame_draw(struct canvas *c, const struct view *v, const struct view_ctx *ctx);
void frame_hints(struct canvas *c, unsigned where, const struct view_ctx *ctx);
void frame_band(struct canvas *c, const struct band *b);
int frame_band_rows(const struct canvas *c, const struct band *b);
/* "Needs 40×10, has 36×8. Nothing is lost." */
void frame_small(struct canvas *c);
#define FRAME_MIN_ROWS 10
#define FRAME_MIN_COLS 40

/* "ann" of "user:ann" and of "mail:ann@ops.test"; returns out. */
#define VIEW_PERSON_MAX 80
const char *view_person(const char *principal, char out[VIEW_PERSON_MAX]);

/* A name as the screen shows it: without the domain it shares with the server. Borrowed or out. */
const char *view_name(const struct view_ctx *ctx, const char *name, char *out, size_t size);

#endif
