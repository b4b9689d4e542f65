/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four-eyes (design 3, "Roles and audit"): an act that two persons have to ask for. The first yes waits an
 * hour in memory, bound to the hash of the exact request; the second must be another person's. Who is one
 * person is what
 * `[person NAME] principals` of the server's configuration says, never what a console says. Runs in core.
 */
#ifndef DAEMON_CORE_EYES_H
#define DAEMON_CORE_EYES_H

#include "daemon/core_console.h"

#define EYES_MS 3600000ll

/* A first yes. */
struct eyes;

enum eyes_say {
	EYES_NO,     /* this operator cannot say it: *why tells */
	EYES_FIRST,  /* noted by eyes_new once its audit row is there */
	EYES_SECOND, /* to the same request, by another person, in time: it may be done */
};

/* `require_approval` names acts of that kind ("gateway"). */
bool eyes_wanted(const struct core *c, const char *kind);
/* What k's yes to the request of that hash is, beside first (NULL: nobody has said it). */
enum eyes_say eyes_judge(const struct core *c, const struct eyes *first, const struct console *k,
                         const uint8_t hash[32], int64_t now_ms, struct clv_err *why);
/* The caller's; eyes_free. */
struct eyes *eyes_new(const struct console *k, const uint8_t hash[32], int64_t now_ms);
void eyes_free(struct eyes *e); /* NULL is fine */
/* Who said it; until when it counts (wall, ms). Borrowed. */
const char *eyes_who(const struct eyes *e);
int64_t eyes_until(const struct eyes *e);

#endif
