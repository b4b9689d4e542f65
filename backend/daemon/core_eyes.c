/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be the second person (see core_eyes.h). Runs in core; an unclear case is a no. */
#include "daemon/core_eyes.h"
#include <string.h>

struct eyes {
	uint8_t hash[32];
	int64_t until_ms;
	struct console who; /* its principals alone */
};

bool eyes_wanted(const struct core *c, const char *kind)
{
	for (size_t i = 0; i < c->start->n_require_approval; i++)
		if (strcmp(c->start->require_approval[i], kind) == 0)
			return true;
	return false;
}

/* Whom many share proves nobody. */
static bool is_group(const char *principal)
{
	return strncmp(principal, "group:", 6) == 0 || strncmp(principal, "gid:", 4) == 0;
}

static bool is_of(const Clv__PersonConf *p, const struct console *k)
{
	for (size_t i = 0; i < p->n_principals; i++)
		for (size_t j = 0; j < k->n_principals; j++)
			if (!is_group(k->principals[j]) && strcmp(p->principals[i], k->principals[j]) == 0)
				return true;
	return false;
}

/* NULL: nobody's, or of more than one, which is a shared account. */
static const char *person_of(const struct core *c, const struct console *k, bool *shared)
{
	const char *name = NULL;

	*shared = false;
	for (size_t i = 0; i < c->start->n_persons; i++) {
		if (!is_of(c->start->persons[i], k))
			continue;
		if (name)
			*shared = true;
		name = c->start->persons[i]->name;
	}
	return *shared ? NULL : name;
}

static bool still_counts(const struct core *c, const struct eyes *first, const uint8_t hash[32],
                         int64_t now_ms)
{
	return first && now_ms < first->until_ms &&
	       slice_eq(slice_of(first->hash, sizeof first->hash), slice_of(hash, sizeof first->hash)) &&
	       console_role(c->srv, &first->who) >= CLV_ROLE_ADMINISTRATOR;
}

enum eyes_say eyes_judge(const struct core *c, const struct eyes *first, const struct console *k,
                         const uint8_t hash[32], int64_t now_ms, struct clv_err *why)
{
	bool shared = false, first_shared = false, counts = still_counts(c, first, hash, now_ms);
	const char *person = person_of(c, k, &shared), *before;

	if (shared || (!person && !k->root)) {
		(void)err_set(
		    why, CLV_E_DENIED,
		    shared ? "two persons have to say this, and %s stands under more than one [person]: "
		             "a shared account is nobody"
		           : "two persons have to say this, and %s stands under no [person NAME] of the "
		             "server's clavigerd.conf",
		    k->principals[0]);
		return EYES_NO;
	}
	if (!counts)
		return EYES_FIRST;
	before = person_of(c, &first->who, &first_shared);
	if (k->root || !person) { /* root, whoever's name it may stand under */
		(void)err_set(why, CLV_E_DENIED,
		              "two persons have to say this, and root cannot be the second");
		return EYES_NO;
	}
	if (before && strcmp(before, person) == 0) {
		(void)err_set(why, CLV_E_DENIED,
		              "%s said yes already, and so did nobody else: another person has to", person);
		return EYES_NO;
	}
	return EYES_SECOND;
}

struct eyes *eyes_new(const struct console *k, const uint8_t hash[32], int64_t now_ms)
{
	struct eyes *e = clv_calloc(1, sizeof *e);

	memcpy(e->hash, hash, sizeof e->hash);
	e->until_ms = now_ms + EYES_MS;
	e->who.root = k->root;
	for (size_t i = 0; i < k->n_principals; i++)
		e->who.principals[e->who.n_principals++] = clv_strdup(k->principals[i]);
	return e;
}

void eyes_free(struct eyes *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->who.n_principals; i++)
		clv_free(e->who.principals[i]);
	clv_free(e);
}

const char *eyes_who(const struct eyes *e)
{
	return e->who.principals[0];
}

int64_t eyes_until(const struct eyes *e)
{
	return e->until_ms;
}
