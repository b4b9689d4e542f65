/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of facts.h, from its own lists, and the functions that free facts. Used by client,
 * console and core. Decides nothing.
 */
#include "claviger/facts.h"

#include <string.h>
#include <strings.h>

#define X(sym, word) [sym] = word,
static const char *const approval_words[] = {CLV_APPROVAL_LIST(X)};
static const char *const contact_words[] = {CLV_CONTACT_LIST(X)};
static const char *const mechanism_words[] = {CLV_MECHANISM_LIST(X)};
static const char *const key_state_words[] = {CLV_KEY_STATE_LIST(X)};
static const char *const role_words[] = {CLV_ROLE_LIST(X)};
static const char *const level_words[] = {CLV_LEVEL_LIST(X)};
static const char *const account_type_words[] = {CLV_ACCOUNT_TYPE_LIST(X)};
static const char *const account_state_words[] = {CLV_ACCOUNT_STATE_LIST(X)};
static const char *const recovery_phase_words[] = {CLV_RECOVERY_PHASE_LIST(X)};
static const char *const step_words[] = {CLV_STEP_LIST(X)};
static const char *const trial_words[] = {CLV_TRIAL_LIST(X)};
static const char *const severity_words[] = {CLV_SEVERITY_LIST(X)};
static const char *const verdict_words[] = {CLV_VERDICT_LIST(X)};
static const char *const target_words[] = {CLV_TARGET_LIST(X)};
#undef X

/* A number from the wire may be outside its list: never index with it unchecked. */
static const char *word_of(const char *const *words, size_t n, int v)
{
	return (v >= 0 && (size_t)v < n) ? words[v] : "unknown";
}

#define WORD_FN(fn, type, words)                                                   \
	const char *fn(type v)                                                     \
	{                                                                          \
		return word_of(words, sizeof(words) / sizeof((words)[0]), (int)v); \
	}
WORD_FN(clv_approval_word, enum clv_approval, approval_words)
WORD_FN(clv_contact_word, enum clv_contact, contact_words)
WORD_FN(clv_mechanism_word, enum clv_mechanism, mechanism_words)
WORD_FN(clv_key_state_word, enum clv_key_state, key_state_words)
WORD_FN(clv_role_word, enum clv_role, role_words)
WORD_FN(clv_level_word, enum clv_level, level_words)
WORD_FN(clv_account_type_word, enum clv_account_type, account_type_words)
WORD_FN(clv_account_state_word, enum clv_account_state, account_state_words)
WORD_FN(clv_recovery_phase_word, enum clv_recovery_phase, recovery_phase_words)
WORD_FN(clv_step_word, enum clv_step, step_words)
WORD_FN(clv_trial_word, enum clv_trial, trial_words)
WORD_FN(clv_severity_word, enum clv_severity, severity_words)
WORD_FN(clv_verdict_word, enum clv_verdict, verdict_words)
WORD_FN(clv_target_kind_word, enum clv_target_kind, target_words)

/* "credential-manager" and "in_use" are the same words without a blank, for shells and filters. */
static bool word_eq(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		char x = (*a == '_' || *a == '-') ? ' ' : *a;
		if (strncasecmp(&x, b, 1) != 0)
			return false;
	}
	return *a == *b;
}

static bool word_find(const char *const *words, size_t n, const char *word, int *out)
{
	for (size_t i = 0; word != NULL && i < n; i++) {
		if (word_eq(word, words[i])) {
			*out = (int)i;
			return true;
		}
	}
	return false;
}

bool clv_role_parse(const char *word, enum clv_role *out)
{
	int v = 0;
	if (!word_find(role_words, CLV_ROLE_MAX, word, &v))
		return false;
	*out = (enum clv_role)v;
	return true;
}

bool clv_key_state_parse(const char *word, enum clv_key_state *out)
{
	int v = 0;
	if (!word_find(key_state_words, CLV_KEY_STATE_MAX, word, &v))
		return false;
	*out = (enum clv_key_state)v;
	return true;
}

bool clv_account_type_parse(const char *word, enum clv_account_type *out)
{
	int v = 0;
	if (!word_find(account_type_words, CLV_ACCOUNT_TYPE_MAX, word, &v))
		return false;
	*out = (enum clv_account_type)v;
	return true;
}

bool clv_severity_parse(const char *word, enum clv_severity *out)
{
	int v = 0;
	if (!word_find(severity_words, CLV_SEVERITY_MAX, word, &v) || v == CLV_SEVERITY_NONE)
		return false;
	*out = (enum clv_severity)v;
	return true;
}

bool clv_target_kind_parse(const char *word, enum clv_target_kind *out)
{
	int v = 0;
	if (!word_find(target_words, CLV_TARGET_MAX, word, &v))
		return false;
	*out = (enum clv_target_kind)v;
	return true;
}

static void key_release(struct clv_key_fact *k)
{
	clv_free(k->reason);
	clv_free(k->pem);
	k->reason = NULL;
	k->pem = NULL;
}

void facts_agent_release(struct clv_agent_fact *f)
{
	if (f == NULL)
		return;
	key_release(&f->key);
	clv_free(f->name);
	clv_free(f->gateway);
	clv_free(f->server);
	clv_free(f->protocol);
	clv_free(f->cipher);
	*f = (struct clv_agent_fact){0};
}

void facts_agent_detail_free(struct clv_agent_detail *f)
{
	if (f == NULL)
		return;
	facts_agent_release(&f->agent);
	for (size_t i = 0; i < f->n_keys; i++)
		key_release(&f->keys[i]);
	clv_free(f->keys);
	clv_free(f->pinned_by);
	for (size_t i = 0; i < f->n_account_rows; i++)
		clv_free(f->account_rows[i].name);
	clv_free(f->account_rows);
	facts_events_free(f->events, f->n_events);
	clv_free(f);
}

void facts_agents_free(struct clv_agent_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++)
		facts_agent_release(&f[i]);
	clv_free(f);
}

void facts_events_free(struct clv_event_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].node);
		clv_free(f[i].source);
		clv_free(f[i].category);
		clv_free(f[i].text);
	}
	clv_free(f);
}

void facts_pending_free(struct clv_pending_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		struct clv_pending_fact *p = &f[i];
		clv_free(p->name);
		clv_free(p->role);
		clv_free(p->from);
		clv_free(p->came_by);
		clv_free(p->looks_like);
		clv_free(p->fingerprint_hidden);
		clv_free(p->known_fingerprint);
		clv_free(p->known_pinned_by);
		clv_free(p->known_from);
		clv_free(p->machine);
		clv_free(p->known_machine);
	}
	clv_free(f);
}

void facts_things_free(struct clv_thing_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].what);
		clv_free(f[i].whose);
		clv_free(f[i].text);
		clv_free(f[i].go);
	}
	clv_free(f);
}

void facts_audit_check_free(struct clv_audit_check_fact *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n_findings; i++)
		clv_free(f->findings[i].text);
	clv_free(f->findings);
	clv_free(f->kind);
	clv_free(f->text);
	clv_free(f);
}

void facts_audit_free(struct clv_audit_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].who);
		clv_free(f[i].from);
		clv_free(f[i].act);
		clv_free(f[i].object);
		clv_free(f[i].result);
		clv_free(f[i].detail);
	}
	clv_free(f);
}

void facts_roles_free(struct clv_role_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].principal);
		clv_free(f[i].by);
	}
	clv_free(f);
}

void facts_requests_free(struct clv_request_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].name);
		clv_free(f[i].help);
	}
	clv_free(f);
}

void facts_overview_free(struct clv_overview_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->group);
	clv_free(f->server);
	clv_free(f->server_version);
	clv_free(f->listen);
	for (size_t i = 0; i < f->n_needs; i++) {
		clv_free(f->needs[i].text);
		clv_free(f->needs[i].go);
		clv_free(f->needs[i].key);
		clv_free(f->needs[i].aside_by);
		clv_free(f->needs[i].aside_reason);
	}
	for (size_t i = 0; i < f->n_attached; i++)
		clv_free(f->attached[i]);
	clv_free(f->attached);
	clv_free(f->needs);
	clv_free(f);
}

void facts_whoami_free(struct clv_whoami_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->principal);
	clv_free(f->name);
	clv_free(f->group);
	clv_free(f->server);
	clv_free(f->channel);
	clv_free(f);
}
