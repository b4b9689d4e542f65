/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunAs accounts at the agent, as core knows them: ids and versions, never what they open. A version that
 * arrived is tried once by the checks of the profiles that use it, and the result goes into the outbox in
 * one transaction with the note that it was tried. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct held {
	char account[40];
	char *name;
	uint64_t version;
	bool trial, tried;
};

struct trying {
	struct trying *next;
	char account[40];
	char *name;
	uint64_t version;
	bool trial, failed;
	uint32_t left;
	char text[400];
};

struct look {
	struct held *list;
	size_t n;
};

static void tried_key(const char *account, char out[64])
{
	(void)snprintf(out, 64, "tried %s", account);
}

static void free_trying(struct trying *t)
{
	clv_free(t->name);
	clv_free(t);
}

static void unlink_trying(struct agent *a, struct trying *t)
{
	struct trying **at = &a->trying;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

/* The last of a round of checks is in: 7019, 7020 or 7021. */
static void sum_up(struct core *c)
{
	struct agent *a = c->agent;
	uint32_t good = a->tried_good, all = good + a->tried_bad;

	if (a->trying || all == 0)
		return;
	a->tried_good = a->tried_bad = 0;
	if (good == all)
		core_event(c, 7019, "All RunAs accounts that were tried here work: %u of %u.", good, all);
	else if (good)
		core_event(c, 7020, "Of the RunAs accounts that were tried here %u of %u work.", good, all);
	else
		core_event(c, 7021, "None of the %u RunAs accounts that were tried here works.", all);
}

static void report(struct core *c, struct trying *t, uint32_t result)
{
	Clv__TriedAccount m = CLV__TRIED_ACCOUNT__INIT;
	char key[64];

	unlink_trying(c->agent, t);
	c->agent->tried_good += result == 1;
	c->agent->tried_bad += result == 2;
	m.account = t->account;
	m.version = t->version;
	m.trial = t->trial;
	m.result = result;
	m.text = t->text;
	tried_key(t->account, key);
	agent_put_tried(c, &m, key);
	if (result == 2)
		core_event(c, 7000, "The account %s, version %" PRIu64 ", could not be used here: %s.%s",
		           t->name, t->version, t->text,
		           t->trial ? " The version before it stays in use." : "");
	free_trying(t);
	sum_up(c);
}

/* --- asking for the checks --- */
static void on_tried(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                     const struct clv_err *err)
{
	struct trying *t = ctx;

	(void)type;
	if (!m) {
		/* Looked at again when the configuration is next opened. */
		log_err(LOG_WARN, err, "trying an account");
		unlink_trying(c->agent, t);
		free_trying(t);
		return;
	}
	t->left += ((const Clv__KhTried *)m)->checks;
	if (((const Clv__KhTried *)m)->checks == 0)
		report(c, t, 3);
	else if (t->left == 0)
		report(c, t, t->failed ? 2 : 1);
}

static bool is_trying(const struct agent *a, const struct held *h)
{
	for (const struct trying *t = a->trying; t; t = t->next)
		if (strcmp(t->account, h->account) == 0 && t->version == h->version && t->trial == h->trial)
			return true;
	return false;
}

static void try_one(struct core *c, const struct held *h)
{
	Clv__KhTry m = CLV__KH_TRY__INIT;
	struct trying *t;

	if (is_trying(c->agent, h))
		return;
	t = clv_calloc(1, sizeof *t);
	memcpy(t->account, h->account, sizeof t->account);
	t->name = clv_strdup(h->name);
	t->version = h->version;
	t->trial = h->trial;
	t->next = c->agent->trying;
	c->agent->trying = t;
	m.account = t->account;
	m.version = t->version;
	m.trial = t->trial;
	kh_ask(c, IPC_KH_TRY, &m.base, on_tried, t);
}

/* The parent ran a check. Its answer may come before the key holder's that says how many there are: left
 * counts down below nought then, and up again. */
void agent_check_done(struct core *c, const Clv__CheckDone *m)
{
	struct trying *t = c->agent->trying;

	while (t &&
	       !(strcmp(t->account, m->account) == 0 && t->version == m->version && t->trial == m->trial))
		t = t->next;
	if (!t)
		return;
	if (m->ends == 7001)
		core_event(c, 7001,
		           "The password of the account %s ends soon, says the check of the profile %s.",
		           t->name, m->profile);
	else if (m->ends == 7014)
		core_event(c, 7014, "The account %s itself ends soon, says the check of the profile %s.",
		           t->name, m->profile);
	if (!m->ok && !t->failed) {
		t->failed = true;
		(void)snprintf(t->text, sizeof t->text, "profile %.200s: %.150s", m->profile, m->text);
	}
	if (--t->left == 0)
		report(c, t, t->failed ? 2 : 1);
}

/* --- which were tried already --- */
static clv_rc run_look(struct db *d, void *ctx, struct clv_err *err)
{
	struct look *l = ctx;
	char key[64];

	for (size_t i = 0; i < l->n; i++) {
		uint64_t version = 0;

		tried_key(l->list[i].account, key);
		if (outbox_get(d, key, &version, err))
			return CLV_FAILED;
		l->list[i].tried = version >= l->list[i].version;
	}
	return CLV_OK;
}

static void done_look(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct look *l = ctx;

	if (rc)
		log_err(LOG_ERROR, err, "looking which accounts were tried");
	for (size_t i = 0; i < l->n; i++) {
		if (!rc && !l->list[i].tried)
			try_one(c, &l->list[i]);
		clv_free(l->list[i].name);
	}
	clv_free(l->list);
	clv_free(l);
}

void agent_took_accounts(struct core *c, const Clv__KhOpened *m)
{
	struct look *l;

	if (!m->n_held)
		return;
	l = clv_calloc(1, sizeof *l);
	l->list = clv_calloc(m->n_held, sizeof *l->list);
	for (size_t i = 0; i < m->n_held; i++) {
		struct held *h = &l->list[l->n];

		if (m->held[i]->other || strlen(m->held[i]->account) >= sizeof h->account)
			continue;
		memcpy(h->account, m->held[i]->account, strlen(m->held[i]->account) + 1);
		h->name = clv_strdup(m->held[i]->name);
		h->version = m->held[i]->version;
		h->trial = m->held[i]->trial;
		l->n++;
	}
	core_db_put(c, run_look, done_look, l);
}
