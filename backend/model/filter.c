/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses and evaluates filters. Runs in core on what operators type, so everything is bounded:
 * length, number of terms, size and shape of a pattern, bytes a pattern looks at. Pure.
 */
#include "model/filter.h"

#include "base/clock.h"
#include "model/filter_fields.h"
#include "model/filter_value.h"

#include <assert.h>
#include <ctype.h>
#include <regex.h>
#include <string.h>
#include <strings.h>

#define FILTER_MAGIC 0x66696c74u
#define TOKENS_MAX   512u

enum term_op { OP_HAS, OP_LESS, OP_MORE, OP_IN, OP_REGEX };

struct term {
	bool negated;
	const struct field *field; /* NULL: looks into all columns */
	enum term_op op;
	char *text; /* as typed; for OP_IN the items follow each other, 0-terminated */
	char *low;  /* of a plain word: text in lower case */
	size_t text_len;
	char *hex;             /* thumbprint digits, lower case, or NULL */
	struct filter_value v; /* numbers, times, words */
	bool has_re;
	regex_t re;
};

struct filter {
	uint32_t magic;
	enum filter_kind kind;
	size_t n_terms;
	struct term terms[FILTER_TERMS_MAX];
};

struct token {
	char *text;
	bool quoted; /* began with a quotation mark: plain text */
};

/* ASCII alone, as the names of nodes are. */
static unsigned char fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* --- tokens --- */

/* Cuts at blanks; "…" keeps them; the marks themselves go. */
static size_t tokenize(const char *s, struct token *tok, size_t max)
{
	size_t n = 0;
	while (n < max) {
		while (*s == ' ' || *s == '\t')
			s++;
		if (*s == '\0')
			break;
		char *out = clv_calloc(strlen(s) + 1, 1);
		size_t len = 0;
		bool in = false;
		tok[n].quoted = *s == '"' || (*s == '!' && s[1] == '"');
		for (; *s != '\0' && (in || (*s != ' ' && *s != '\t')); s++) {
			if (*s == '"')
				in = !in;
			else
				out[len++] = *s;
		}
		tok[n++].text = out;
	}
	return n;
}

/* Where the digits of a token begin: after "key_id:" and its like, else at its front. */
static const char *digits_of(const struct token *t, bool first)
{
	static const char *const names[] = {"key_id:", "sha1:", "sha256:", "hash:"};
	for (size_t i = 0; first && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncasecmp(t->text, names[i], strlen(names[i])) == 0)
			return t->text + strlen(names[i]);
	}
	return t->text;
}

static bool is_hex_group(const struct token *t, bool first)
{
	const char *s = digits_of(t, first);
	size_t len = strlen(s);
	return !t->quoted && (len == 2 || len == 4 || len == 8) && strspn(s, "0123456789abcdefABCDEF") == len;
}

/* "4A A8 71 8B" is one thumbprint, not four words: groups of digits that follow each other grow
 * together when they are eight digits or more in all. */
static size_t join_hex(struct token *tok, size_t n)
{
	size_t out = 0;
	for (size_t i = 0; i < n;) {
		size_t end = i, digits = 0;
		size_t bytes = 0;
		while (end < n && is_hex_group(&tok[end], end == i)) {
			digits += strlen(digits_of(&tok[end], end == i));
			bytes += strlen(tok[end++].text);
		}
		if (end - i < 2 || digits < 8) {
			tok[out++] = tok[i++];
			continue;
		}
		char *joined = clv_calloc(bytes + 1, 1);
		size_t len = 0;
		for (; i < end; i++) {
			size_t l = strlen(tok[i].text);
			memcpy(joined + len, tok[i].text, l);
			len += l;
			clv_free(tok[i].text);
		}
		tok[out++] = (struct token){.text = joined};
	}
	return out;
}

/* --- parsing --- */

static clv_rc parse_regex(struct term *t, const char *pattern, struct clv_err *err)
{
	if (!filter_regex_ok(pattern, err))
		return CLV_FAILED;
	int rc = regcomp(&t->re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	if (rc != 0) {
		char why[96];
		regerror(rc, &t->re, why, sizeof(why));
		return err_set(err, CLV_E_USAGE, "the pattern after ~ is not a regular expression: %s", why);
	}
	t->has_re = true;
	t->op = OP_REGEX;
	return CLV_OK;
}

static clv_rc parse_value(struct term *t, char op, const char *value, int64_t now_ms, struct clv_err *err)
{
	const struct field *f = t->field;
	t->text = clv_strdup(value);
	t->text_len = strlen(value);
	if (op == '~')
		return parse_regex(t, value, err);
	if (value[0] == '\0')
		return err_set(err, CLV_E_USAGE, "%s%c needs a value after it", f->name, op);
	if (op == '=') {
		t->op = OP_IN;
		for (char *c = t->text; *c != '\0'; c++)
			*c = *c == ',' ? '\0' : *c;
		return f->type == VAL_TEXT
		           ? CLV_OK
		           : err_set(err, CLV_E_USAGE,
		                     "= compares names and texts only; for %s use :", f->name);
	}
	t->op = op == '<' ? OP_LESS : op == '>' ? OP_MORE : OP_HAS;
	if (t->op != OP_HAS && f->type != VAL_NUMBER && f->type != VAL_TIME)
		return err_set(err, CLV_E_USAGE, "%s has no order: use %s:value", f->name, f->name);
	switch (f->type) {
	case VAL_TEXT:
		return CLV_OK;
	case VAL_WORD:
		return filter_value_word(f, value, &t->v, err);
	case VAL_NUMBER:
		return filter_value_number(f, value, &t->v, err);
	case VAL_TIME:
		return filter_value_time(f, value, now_ms, &t->v, err);
	case VAL_HEX:
		t->hex = filter_hex_digits(value, 2);
		if (t->hex == NULL)
			return err_set(err, CLV_E_USAGE, "%s: takes hexadecimal digits", f->name);
		return CLV_OK;
	}
	return CLV_OK;
}

/* `since:1h` reads as "younger than an hour". */
static char operator_for(const char *name, size_t len, char op)
{
	return (op == ':' && len == 5 && strncasecmp(name, "since", 5) == 0) ? '<' : op;
}

static clv_rc parse_term(struct filter *f, struct term *t, const struct token *tok, int64_t now_ms,
                         struct clv_err *err)
{
	const char *s = tok->text;
	char names[256];
	if (*s == '!') {
		t->negated = true;
		s++;
	}
	if (*s == '\0')
		return err_set(err, CLV_E_USAGE, "! needs a term after it");
	if (!tok->quoted && *s == '~')
		return parse_regex(t, s + 1, err);
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
	bool has_op = !tok->quoted && len > 0 && s[len] != '\0' && strchr(":<>=~", s[len]) != NULL;
	if (has_op && (t->field = field_find(f->kind, s, len)) != NULL)
		return parse_value(t, operator_for(s, len, s[len]), s + len + 1, now_ms, err);
	t->hex = filter_hex_digits(s, 4);
	if (has_op && t->hex == NULL) {
		if (len == 2 && strncasecmp(s, "is", 2) == 0)
			return err_set(err, CLV_E_USAGE, "is:marked works on the full screen only");
		field_names(f->kind, names, sizeof(names));
		return err_set(err, CLV_E_USAGE, "unknown column before %c; there are: %s", s[len], names);
	}
	t->op = OP_HAS;
	t->text = clv_strdup(s);
	t->text_len = strlen(s);
	t->low = clv_strdup(s);
	for (char *c = t->low; *c; c++)
		*c = (char)fold(*c);
	return CLV_OK;
}

struct filter *filter_parse(const char *expr, enum filter_kind kind, int64_t now_ms, struct clv_err *err)
{
	struct token *tok = NULL;
	size_t n = 0;
	assert(kind < FILTER_KIND_MAX);
	struct filter *f = clv_calloc(1, sizeof(*f));
	f->magic = FILTER_MAGIC;
	f->kind = kind;
	if (expr == NULL || expr[0] == '\0')
		return f;
	if (strlen(expr) > FILTER_EXPR_MAX) {
		err_set(err, CLV_E_LIMIT, "the filter is longer than %u bytes", FILTER_EXPR_MAX);
		goto fail;
	}
	tok = clv_calloc(TOKENS_MAX, sizeof(*tok));
	n = join_hex(tok, tokenize(expr, tok, TOKENS_MAX));
	if (n > FILTER_TERMS_MAX) {
		err_set(err, CLV_E_LIMIT, "the filter has more than %u terms", FILTER_TERMS_MAX);
		goto fail;
	}
	for (; f->n_terms < n; f->n_terms++) {
		if (parse_term(f, &f->terms[f->n_terms], &tok[f->n_terms], now_ms, err) != CLV_OK) {
			f->n_terms++;
			goto fail;
		}
	}
	goto out;
fail:
	filter_free(f);
	f = NULL;
out:
	for (size_t i = 0; i < n; i++)
		clv_free(tok[i].text);
	clv_free(tok);
	return f;
}

void filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	assert(f->magic == FILTER_MAGIC);
	for (size_t i = 0; i < f->n_terms; i++) {
		clv_free(f->terms[i].text);
		clv_free(f->terms[i].low);
		clv_free(f->terms[i].hex);
		if (f->terms[i].has_re)
			regfree(&f->terms[i].re);
	}
	f->magic = 0;
	clv_free(f);
}

bool filter_is_all(const struct filter *f)
{
	return f->n_terms == 0;
}

bool filter_plain_only(const struct filter *f)
{
	for (size_t i = 0; i < f->n_terms; i++)
		if (f->terms[i].field != NULL)
			return false;
	return f->kind == FILTER_AGENTS;
}

/* --- narrowing --- */

/* Whatever t takes, was took too. */
static bool implies(const struct term *t, const struct term *was)
{
	if (t->negated != was->negated || t->field != was->field || t->op != was->op || t->has_re ||
	    was->has_re || t->v.now != 0 || was->v.now != 0)
		return false;
	if (strcmp(t->text, was->text) == 0 && t->text_len == was->text_len)
		return t->field == NULL || t->field->type != VAL_TIME;
	/* Digits of a thumbprint may also be what a plain word looks for: then a longer word may find more.
	 */
	return t->field == NULL && t->op == OP_HAS && !t->negated && t->hex == NULL && was->hex == NULL &&
	       strcasestr(t->text, was->text) != NULL;
}

bool filter_narrows(const struct filter *last, const struct filter *next)
{
	assert(last->magic == FILTER_MAGIC && next->magic == FILTER_MAGIC && last->kind == next->kind);
	for (size_t i = 0; i < last->n_terms; i++) {
		bool found = false;

		for (size_t k = 0; k < next->n_terms && !found; k++)
			found = implies(&next->terms[k], &last->terms[i]);
		if (!found)
			return false;
	}
	return true;
}

/* --- matching --- */

static bool regex_hits(const struct term *t, const char *subject)
{
	char cut[FILTER_SUBJECT_MAX + 1];
	size_t len = strnlen(subject, FILTER_SUBJECT_MAX);
	memcpy(cut, subject, len);
	cut[len] = '\0';
	return regexec(&t->re, cut, 0, NULL, 0) == 0;
}

static bool in_list(const struct term *t, const char *text)
{
	for (size_t i = 0; i < t->text_len; i += strlen(t->text + i) + 1) {
		if (strcasecmp(t->text + i, text) == 0)
			return true;
	}
	return false;
}

static bool text_hits(const struct term *t, const struct val *v)
{
	if (v->absent) /* "via:direct", "server:none" */
		return t->op == OP_HAS &&
		       (strcasecmp(t->text, "none") == 0 || strcasecmp(t->text, "direct") == 0);
	if (t->op == OP_IN)
		return in_list(t, v->text);
	return filter_glob(t->text, v->text);
}

static bool field_hits(const struct term *t, const struct field *f, const void *fact)
{
	struct val v = f->get(fact);
	if (t->op == OP_REGEX)
		return !v.absent && v.text != NULL && regex_hits(t, v.text);
	switch (f->type) {
	case VAL_TEXT:
		return text_hits(t, &v);
	case VAL_WORD:
		return v.absent ? t->v.num == 0 && strcasecmp(t->text, "none") == 0 : v.num == t->v.num;
	case VAL_HEX:
		return !v.absent && filter_hex_hits(t->hex, v.hex, v.hex_len);
	case VAL_NUMBER:
		return !v.absent && (t->op == OP_LESS   ? v.num < t->v.num
		                     : t->op == OP_MORE ? v.num > t->v.num
		                                        : v.num == t->v.num);
	case VAL_TIME:
		return !v.absent && filter_time_hits(&t->v,
		                                     t->op == OP_LESS   ? '<'
		                                     : t->op == OP_MORE ? '>'
		                                                        : ':',
		                                     f->ahead, v.time);
	}
	return false;
}

/* A plain word: in the name of an agent, in any text of the others, or a thumbprint's digits. */
static bool plain_hits(const struct term *t, enum filter_kind kind, const void *fact)
{
	for (const struct field *f = field_first(kind); f->name != NULL; f++) {
		bool text = f->type == VAL_TEXT && (kind != FILTER_AGENTS || f == field_first(kind));
		if (!text && !(f->type == VAL_HEX && t->hex != NULL) &&
		    !(f->type == VAL_NUMBER && kind == FILTER_EVENTS))
			continue;
		struct val v = f->get(fact);
		if (v.absent)
			continue;
		if (f->type == VAL_TEXT &&
		    (t->op == OP_REGEX ? regex_hits(t, v.text) : strcasestr(v.text, t->text) != NULL))
			return true;
		if (f->type == VAL_HEX && filter_hex_hits(t->hex, v.hex, v.hex_len))
			return true;
		if (f->type == VAL_NUMBER && t->op == OP_HAS && filter_number_is(t->text, v.num))
			return true;
	}
	return false;
}

static bool matches(const struct filter *f, enum filter_kind kind, const void *fact)
{
	assert(f->magic == FILTER_MAGIC && f->kind == kind);
	for (size_t i = 0; i < f->n_terms; i++) {
		const struct term *t = &f->terms[i];
		bool hit = t->field != NULL ? field_hits(t, t->field, fact) : plain_hits(t, kind, fact);
		if (hit == t->negated)
			return false;
	}
	return true;
}

/* An agent in touch is seen "now", whatever its last heartbeat says. */
static bool agent_now(const struct filter *f, const struct clv_agent_fact *a)
{
	struct clv_agent_fact copy = *a;
	for (size_t i = 0; i < f->n_terms; i++) {
		if (f->terms[i].field != NULL && f->terms[i].v.now != 0)
			copy.last_seen = f->terms[i].v.now;
	}
	return matches(f, FILTER_AGENTS, &copy);
}

/* strcasestr measures and prepares both texts at each call, which is most of the time where a million short
 * ones are looked at. */
static bool has_folded(const char *text, const char *low)
{
	for (; *text; text++) {
		size_t i = 0;

		while (low[i] && fold(text[i]) == (unsigned char)low[i])
			i++;
		if (!low[i])
			return true;
	}
	return !*low;
}

static bool key_hits(const struct term *t, const struct clv_key_fact *key)
{
	return filter_hex_hits(t->hex, key->key_id, sizeof key->key_id) ||
	       filter_hex_hits(t->hex, key->sha1, sizeof key->sha1) ||
	       filter_hex_hits(t->hex, key->sha256, sizeof key->sha256);
}

bool filter_agent_plain(const struct filter *f, const char *name, const struct clv_key_fact *key)
{
	assert(f->magic == FILTER_MAGIC && f->kind == FILTER_AGENTS);
	for (size_t i = 0; i < f->n_terms; i++) {
		const struct term *t = &f->terms[i];
		bool hit = t->op == OP_REGEX ? regex_hits(t, name) : has_folded(name, t->low);

		if (!hit && key && t->hex)
			hit = key_hits(t, key);
		if (hit == t->negated)
			return false;
	}
	return true;
}

bool filter_agent(const struct filter *f, const struct clv_agent_fact *a)
{
	return a->contact == CLV_CONTACT_UP ? agent_now(f, a) : matches(f, FILTER_AGENTS, a);
}

bool filter_event(const struct filter *f, const struct clv_event_fact *e)
{
	return matches(f, FILTER_EVENTS, e);
}

bool filter_pending(const struct filter *f, const struct clv_pending_fact *p)
{
	return matches(f, FILTER_PENDING, p);
}

bool filter_account(const struct filter *f, const struct clv_account_fact *a)
{
	return matches(f, FILTER_ACCOUNTS, a);
}

bool filter_profile(const struct filter *f, const struct clv_profile_fact *p)
{
	return matches(f, FILTER_PROFILES, p);
}

bool filter_group(const struct filter *f, const struct clv_group_fact *g)
{
	return matches(f, FILTER_GROUPS, g);
}

bool filter_thing(const struct filter *f, const struct clv_thing_fact *t)
{
	return matches(f, FILTER_EXPIRY, t);
}

bool filter_alert(const struct filter *f, const struct clv_alert_fact *a)
{
	return matches(f, FILTER_ALERTS, a);
}

bool filter_audit(const struct filter *f, const struct clv_audit_fact *a)
{
	return matches(f, FILTER_AUDIT, a);
}
