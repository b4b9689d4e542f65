/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row for each column of agents, events, pending and audit: how a filter reads it and how a
 * sort compares it. Pure.
 */
#include "model/filter_fields.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define X(sym, word) word,
static const char *const approval_words[] = {CLV_APPROVAL_LIST(X) NULL};
static const char *const contact_words[] = {CLV_CONTACT_LIST(X) NULL};
static const char *const mechanism_words[] = {CLV_MECHANISM_LIST(X) NULL};
static const char *const key_state_words[] = {CLV_KEY_STATE_LIST(X) NULL};
static const char *const level_words[] = {CLV_LEVEL_LIST(X) NULL};
static const char *const type_words[] = {CLV_ACCOUNT_TYPE_LIST(X) NULL};
static const char *const state_words[] = {CLV_ACCOUNT_STATE_LIST(X) NULL};
static const char *const severity_words[] = {CLV_SEVERITY_LIST(X) NULL};
static const char *const verdict_words[] = {CLV_VERDICT_LIST(X) NULL};
static const char *const recovery_words[] = {CLV_RECOVERY_PHASE_LIST(X) NULL};
#undef X
static const char *const distribution_words[] = {"more secure", "less secure", NULL};
static const char *const bool_words[] = {"false", "true", NULL};

static struct val v_text(const char *s)
{
	return (struct val){.absent = s == NULL, .text = s};
}

static struct val v_word(const char *const *words, size_t n, int i, bool absent)
{
	if (i < 0 || (size_t)i + 1 >= n)
		absent = true; /* a number outside the list: from a newer server */
	return (struct val){
	    .absent = absent, .text = absent ? NULL : words[i], .num = absent ? 0 : (uint64_t)i};
}
#define V_WORD(words, i, absent) v_word(words, sizeof(words) / sizeof((words)[0]), (int)(i), (absent))

static struct val v_num(uint64_t n, bool absent)
{
	return (struct val){.absent = absent, .num = n};
}

static struct val v_time(int64_t t)
{
	return (struct val){.absent = t == 0, .time = t};
}

static struct val v_hex(const uint8_t *p, size_t len, bool absent)
{
	return (struct val){.absent = absent, .hex = p, .hex_len = len};
}

static int num_cmp(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int time_cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int val_cmp(enum val_type type, struct val a, struct val b)
{
	if (a.absent || b.absent)
		return (int)a.absent - (int)b.absent;
	switch (type) {
	case VAL_TEXT:
		return strcasecmp(a.text, b.text);
	case VAL_HEX:
		return memcmp(a.hex, b.hex, a.hex_len < b.hex_len ? a.hex_len : b.hex_len);
	case VAL_TIME:
		return time_cmp(a.time, b.time);
	case VAL_NUMBER:
	case VAL_WORD:
		return num_cmp(a.num, b.num);
	}
	return 0;
}

/* Identity: what makes two rows different ones. */
static int agent_ident(const struct clv_agent_fact *a, const struct clv_agent_fact *b)
{
	return strcmp(a->name != NULL ? a->name : "", b->name != NULL ? b->name : "");
}

static int event_ident(const struct clv_event_fact *a, const struct clv_event_fact *b)
{
	return num_cmp(a->seq, b->seq);
}

static int pending_ident(const struct clv_pending_fact *a, const struct clv_pending_fact *b)
{
	return num_cmp(a->id, b->id);
}

static int account_ident(const struct clv_account_fact *a, const struct clv_account_fact *b)
{
	return strcmp(a->name, b->name);
}

static int profile_ident(const struct clv_profile_fact *a, const struct clv_profile_fact *b)
{
	int c = strcmp(a->name, b->name);

	c = c != 0 ? c : strcmp(a->account, b->account);
	return c != 0 ? c : strcmp(a->target, b->target);
}

static int group_ident(const struct clv_group_fact *a, const struct clv_group_fact *b)
{
	return strcmp(a->name, b->name);
}

static int thing_ident(const struct clv_thing_fact *a, const struct clv_thing_fact *b)
{
	int c = strcmp(a->what, b->what);

	c = c != 0 ? c : strcmp(a->whose, b->whose);
	return c != 0 ? c : num_cmp(a->seq, b->seq);
}

static int alert_ident(const struct clv_alert_fact *a, const struct clv_alert_fact *b)
{
	return num_cmp(a->id, b->id);
}

static int audit_ident(const struct clv_audit_fact *a, const struct clv_audit_fact *b)
{
	return num_cmp(a->seq, b->seq);
}

/* X(kind, column, type, ahead, words, value) */
#define AGENT_FIELDS(X)                                                                                     \
	X(agent, name, VAL_TEXT, false, NULL, v_text(f->name))                                              \
	X(agent, approval, VAL_WORD, false, approval_words, V_WORD(approval_words, f->approval, false))     \
	X(agent, contact, VAL_WORD, false, contact_words, V_WORD(contact_words, f->contact, false))         \
	X(agent, key_id, VAL_HEX, false, NULL, v_hex(f->key.key_id, 16, !f->has_key))                       \
	X(agent, sha1, VAL_HEX, false, NULL, v_hex(f->key.sha1, 20, !f->has_key))                           \
	X(agent, sha256, VAL_HEX, false, NULL, v_hex(f->key.sha256, 32, !f->has_key))                       \
	X(agent, not_before, VAL_TIME, false, NULL, v_time(f->has_key ? f->key.not_before : 0))             \
	X(agent, not_after, VAL_TIME, true, NULL, v_time(f->has_key ? f->key.not_after : 0))                \
	X(agent, generation, VAL_NUMBER, false, NULL, v_num(f->key.ordinal, !f->has_key))                   \
	X(agent, key_state, VAL_WORD, false, key_state_words,                                               \
	  V_WORD(key_state_words, f->key.state, !f->has_key))                                               \
	X(agent, gateway, VAL_TEXT, false, NULL, v_text(f->gateway))                                        \
	X(agent, server, VAL_TEXT, false, NULL, v_text(f->server))                                          \
	X(agent, mechanism, VAL_WORD, false, mechanism_words, V_WORD(mechanism_words, f->mechanism, false)) \
	X(agent, protocol, VAL_TEXT, false, NULL, v_text(f->protocol))                                      \
	X(agent, cipher, VAL_TEXT, false, NULL, v_text(f->cipher))                                          \
	X(agent, last_seen, VAL_TIME, false, NULL, v_time(f->last_seen))                                    \
	X(agent, config_version, VAL_NUMBER, false, NULL, v_num(f->config_ordinal, f->config_version == 0))

#define EVENT_FIELDS(X)                                                                     \
	X(event, seq, VAL_NUMBER, false, NULL, v_num(f->seq, false))                        \
	X(event, time, VAL_TIME, false, NULL, v_time(f->time))                              \
	X(event, node, VAL_TEXT, false, NULL, v_text(f->node))                              \
	X(event, source, VAL_TEXT, false, NULL, v_text(f->source))                          \
	X(event, id, VAL_NUMBER, false, NULL, v_num(f->id, false))                          \
	X(event, level, VAL_WORD, false, level_words, V_WORD(level_words, f->level, false)) \
	X(event, category, VAL_TEXT, false, NULL, v_text(f->category))                      \
	X(event, text, VAL_TEXT, false, NULL, v_text(f->text))

#define PENDING_FIELDS(X)                                                                                 \
	X(pending, id, VAL_NUMBER, false, NULL, v_num(f->id, false))                                      \
	X(pending, name, VAL_TEXT, false, NULL, v_text(f->name))                                          \
	X(pending, role, VAL_TEXT, false, NULL, v_text(f->role))                                          \
	X(pending, from, VAL_TEXT, false, NULL, v_text(f->from))                                          \
	X(pending, came_by, VAL_TEXT, false, NULL, v_text(f->came_by))                                    \
	X(pending, looks_like, VAL_TEXT, false, NULL, v_text(f->looks_like))                              \
	X(pending, conflict, VAL_WORD, false, bool_words, V_WORD(bool_words, f->conflict ? 1 : 0, false)) \
	X(pending, time, VAL_TIME, false, NULL, v_time(f->time))                                          \
	X(pending, fingerprint, VAL_TEXT, false, NULL, v_text(f->fingerprint_hidden))

#define AUDIT_FIELDS(X)                                              \
	X(audit, seq, VAL_NUMBER, false, NULL, v_num(f->seq, false)) \
	X(audit, time, VAL_TIME, false, NULL, v_time(f->time))       \
	X(audit, who, VAL_TEXT, false, NULL, v_text(f->who))         \
	X(audit, from, VAL_TEXT, false, NULL, v_text(f->from))       \
	X(audit, act, VAL_TEXT, false, NULL, v_text(f->act))         \
	X(audit, object, VAL_TEXT, false, NULL, v_text(f->object))   \
	X(audit, result, VAL_TEXT, false, NULL, v_text(f->result))   \
	X(audit, detail, VAL_TEXT, false, NULL, v_text(f->detail))   \
	X(audit, hash, VAL_HEX, false, NULL, v_hex(f->hash, 32, false))

#define ACCOUNT_FIELDS(X)                                                                     \
	X(account, name, VAL_TEXT, false, NULL, v_text(f->name))                              \
	X(account, type, VAL_WORD, false, type_words, V_WORD(type_words, f->type, false))     \
	X(account, state, VAL_WORD, false, state_words, V_WORD(state_words, f->state, false)) \
	X(account, distribution, VAL_WORD, false, distribution_words,                         \
	  V_WORD(distribution_words, f->less_secure ? 1 : 0, false))                          \
	X(account, targets, VAL_NUMBER, false, NULL, v_num(f->targets, false))                \
	X(account, sent, VAL_NUMBER, false, NULL, v_num(f->sent, false))                      \
	X(account, confirmed, VAL_NUMBER, false, NULL, v_num(f->confirmed, false))            \
	X(account, missing, VAL_NUMBER, false, NULL, v_num(f->missing, false))                \
	X(account, changed, VAL_TIME, false, NULL, v_time(f->changed))                        \
	X(account, changed_by, VAL_TEXT, false, NULL, v_text(f->changed_by))                  \
	X(account, user, VAL_TEXT, false, NULL, v_text(f->user))                              \
	X(account, domain, VAL_TEXT, false, NULL, v_text(f->domain))                          \
	X(account, kept_by, VAL_TEXT, false, NULL, v_text(f->kept_by))                        \
	X(account, note, VAL_TEXT, false, NULL, v_text(f->note))                              \
	X(account, ends, VAL_TIME, true, NULL, v_time(f->ends))                               \
	X(account, entered, VAL_TIME, false, NULL, v_time(f->entered))                        \
	X(account, entered_by, VAL_TEXT, false, NULL, v_text(f->entered_by))

#define PROFILE_FIELDS(X)                                              \
	X(profile, name, VAL_TEXT, false, NULL, v_text(f->name))       \
	X(profile, account, VAL_TEXT, false, NULL, v_text(f->account)) \
	X(profile, target, VAL_TEXT, false, NULL, v_text(f->target))

#define GROUP_FIELDS(X)                                        \
	X(group, name, VAL_TEXT, false, NULL, v_text(f->name)) \
	X(group, hosts, VAL_NUMBER, false, NULL, v_num(f->hosts, false))

#define THING_FIELDS(X)                                          \
	X(thing, ends, VAL_TIME, true, NULL, v_time(f->ends))    \
	X(thing, what, VAL_TEXT, false, NULL, v_text(f->what))   \
	X(thing, whose, VAL_TEXT, false, NULL, v_text(f->whose)) \
	X(thing, renews, VAL_TEXT, false, NULL, v_text(f->text))

#define ALERT_FIELDS(X)                                                                                 \
	X(alert, id, VAL_NUMBER, false, NULL, v_num(f->id, false))                                      \
	X(alert, time, VAL_TIME, false, NULL, v_time(f->time))                                          \
	X(alert, severity, VAL_WORD, false, severity_words, V_WORD(severity_words, f->severity, false)) \
	X(alert, agent, VAL_TEXT, false, NULL, v_text(f->agent))                                        \
	X(alert, name, VAL_TEXT, false, NULL, v_text(f->name))                                          \
	X(alert, text, VAL_TEXT, false, NULL, v_text(f->text))                                          \
	X(alert, source, VAL_TEXT, false, NULL, v_text(f->source))                                      \
	X(alert, count, VAL_NUMBER, false, NULL, v_num(f->count, false))                                \
	X(alert, path, VAL_WORD, false, verdict_words, V_WORD(verdict_words, f->path, false))           \
	X(alert, acknowledged, VAL_TIME, false, NULL, v_time(f->acknowledged))

#define GETTER(kind, col, type, ahead, words, value)                                 \
	static struct val get_##kind##_##col(const void *p)                          \
	{                                                                            \
		const struct clv_##kind##_fact *f = p;                               \
		return value;                                                        \
	}                                                                            \
	static int cmp_##kind##_##col(const void *a, const void *b)                  \
	{                                                                            \
		int c = val_cmp(type, get_##kind##_##col(a), get_##kind##_##col(b)); \
		return c != 0 ? c : kind##_ident(a, b);                              \
	}
AGENT_FIELDS(GETTER)
EVENT_FIELDS(GETTER)
PENDING_FIELDS(GETTER)
AUDIT_FIELDS(GETTER)
ACCOUNT_FIELDS(GETTER)
PROFILE_FIELDS(GETTER)
GROUP_FIELDS(GETTER)
THING_FIELDS(GETTER)
ALERT_FIELDS(GETTER)

/* What is to be entered first, and there what most hosts wait for (design 7). */
static struct val get_account_recovery(const void *p)
{
	const struct clv_account_fact *f = p;
	return V_WORD(recovery_words, f->recovery, false);
}

static int cmp_account_recovery(const void *a, const void *b)
{
	const struct clv_account_fact *x = a, *y = b;
	int c = num_cmp(x->recovery, y->recovery);
	c = c != 0 ? c : num_cmp(y->targets, x->targets);
	return c != 0 ? c : account_ident(x, y);
}

#define ROW(kind, col, type, ahead, words, value) \
	{#col, type, ahead, words, get_##kind##_##col, cmp_##kind##_##col},
#define END                                             \
	{                                               \
		NULL, VAL_TEXT, false, NULL, NULL, NULL \
	}
static const struct field agent_fields[] = {AGENT_FIELDS(ROW) END};
static const struct field event_fields[] = {EVENT_FIELDS(ROW) END};
static const struct field pending_fields[] = {PENDING_FIELDS(ROW) END};
static const struct field audit_fields[] = {AUDIT_FIELDS(ROW) END};
static const struct field account_fields[] = {ACCOUNT_FIELDS(ROW){"recovery", VAL_WORD, false, recovery_words,
                                                                  get_account_recovery, cmp_account_recovery},
                                              END};
static const struct field profile_fields[] = {PROFILE_FIELDS(ROW) END};
static const struct field group_fields[] = {GROUP_FIELDS(ROW) END};
static const struct field thing_fields[] = {THING_FIELDS(ROW) END};
static const struct field alert_fields[] = {ALERT_FIELDS(ROW) END};
static const struct field *const tables[FILTER_KIND_MAX] = {
    [FILTER_AGENTS] = agent_fields, [FILTER_EVENTS] = event_fields,     [FILTER_PENDING] = pending_fields,
    [FILTER_AUDIT] = audit_fields,  [FILTER_ACCOUNTS] = account_fields, [FILTER_PROFILES] = profile_fields,
    [FILTER_GROUPS] = group_fields, [FILTER_EXPIRY] = thing_fields,     [FILTER_ALERTS] = alert_fields,
};

static const struct {
	enum filter_kind kind;
	const char *alias, *column;
} aliases[] = {
    {FILTER_AGENTS, "state", "key_state"}, {FILTER_AGENTS, "expires", "not_after"},
    {FILTER_AGENTS, "ends", "not_after"},  {FILTER_AGENTS, "seen", "last_seen"},
    {FILTER_AGENTS, "via", "gateway"},     {FILTER_AGENTS, "since", "last_seen"},
    {FILTER_EVENTS, "since", "time"},      {FILTER_PENDING, "since", "time"},
    {FILTER_AUDIT, "since", "time"},       {FILTER_PROFILES, "profile", "name"},
    {FILTER_ACCOUNTS, "expires", "ends"},  {FILTER_EXPIRY, "expires", "ends"},
    {FILTER_ACCOUNTS, "since", "changed"}, {FILTER_ALERTS, "since", "time"},
    {FILTER_ALERTS, "what", "name"},
};

const struct field *field_first(enum filter_kind kind)
{
	assert(kind < FILTER_KIND_MAX);
	return tables[kind];
}

static bool same(const char *s, const char *name, size_t len)
{
	return strlen(s) == len && strncasecmp(s, name, len) == 0;
}

const struct field *field_find(enum filter_kind kind, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (aliases[i].kind == kind && same(aliases[i].alias, name, len))
			return field_find(kind, aliases[i].column, strlen(aliases[i].column));
	}
	for (const struct field *f = field_first(kind); f->name != NULL; f++) {
		if (same(f->name, name, len))
			return f;
	}
	return NULL;
}

void field_names(enum filter_kind kind, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (const struct field *f = field_first(kind); f->name != NULL && used < size; f++) {
		int n = snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", f->name);
		used += n > 0 ? (size_t)n : 0;
	}
}

static const char *const default_sort[FILTER_KIND_MAX] = {
    [FILTER_AGENTS] = "name", [FILTER_EVENTS] = "seq",    [FILTER_PENDING] = "id",
    [FILTER_AUDIT] = "seq",   [FILTER_ACCOUNTS] = "name", [FILTER_PROFILES] = "name",
    [FILTER_GROUPS] = "name", [FILTER_EXPIRY] = "ends",   [FILTER_ALERTS] = "id"};

clv_rc sort_keys_parse(const char *column, enum filter_kind kind, struct sort_keys *out, struct clv_err *err)
{
	sort_cmp *cmp = NULL;
	const struct field *f;

	if (sort_parse(column, kind, &cmp, err))
		return CLV_FAILED;
	if (column == NULL || column[0] == '\0')
		column = default_sort[kind];
	f = field_find(kind, column, strlen(column));
	*out = (struct sort_keys){.field = f, .parts = 1, .ties = f->type == VAL_HEX, .cmp = cmp};
	if (kind == FILTER_AGENTS && strcmp(f->name, default_sort[kind]) == 0)
		out->parts = 0;
	else if (f->type == VAL_TEXT)
		out->parts = SORT_TEXT_PARTS;
	return CLV_OK;
}

/* Eight bytes from `from` on, as a number; what is not there counts as 0. */
static uint64_t eight(const uint8_t *p, size_t len, size_t from, bool fold)
{
	uint64_t v = 0;

	for (size_t i = from; i < from + 8; i++) {
		uint8_t b = i < len ? p[i] : 0;

		if (fold && b >= 'A' && b <= 'Z')
			b = (uint8_t)(b - 'A' + 'a');
		v = v << 8 | b;
	}
	return v;
}

uint64_t sort_key(const struct sort_keys *k, const void *fact, unsigned part)
{
	struct val v = k->field->get(fact);

	if (v.absent)
		return UINT64_MAX;
	switch (k->field->type) {
	case VAL_TEXT:
		return eight((const uint8_t *)v.text, strnlen(v.text, 8 * SORT_TEXT_PARTS), 8u * part, true);
	case VAL_HEX:
		return eight(v.hex, v.hex_len, 0, false);
	case VAL_TIME:
		return (uint64_t)v.time ^ (1ull << 63);
	case VAL_NUMBER:
	case VAL_WORD:
		return v.num;
	}
	return UINT64_MAX;
}

clv_rc sort_parse(const char *column, enum filter_kind kind, sort_cmp **out, struct clv_err *err)
{
	char names[256];
	assert(kind < FILTER_KIND_MAX);
	if (column == NULL || column[0] == '\0')
		column = default_sort[kind];
	const struct field *f = field_find(kind, column, strlen(column));
	if (f == NULL) {
		field_names(kind, names, sizeof(names));
		return err_set(err, CLV_E_USAGE, "no such column to sort by; there are: %s", names);
	}
	*out = f->cmp;
	return CLV_OK;
}
