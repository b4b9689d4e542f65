/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration reader: sections and `name = value` lines against a table of options. The parent,
 * the commands and the console use it. Opens no file. Every refusal is one line with file and
 * line, what was expected and what to do. Values are read in confvalue.c.
 */
#include "base/conf.h"
#include "base/confvalue.h"
#include "claviger/config.h"
#include "claviger/text.h"

#include <assert.h>
#include <string.h>
#include <utf8proc.h>

#define CONF_MAGIC     0x636f6e66u
#define CONF_LINE_MAX  4096u
#define CONF_FILE_MAX  (1024u * 1024u)
#define CONF_TITLE_MAX 200u
#define CONF_NAMED_MAX 1000u

struct conf {
	uint32_t magic;
	char *name;
	const struct conf_option *table;
	struct conf_value *values; /* one for each row */
	size_t n;
	/* one for each [word NAME] */
	struct conf **named;
	size_t n_named;
	const char *section; /* of a named one: the table's word, "profile *" */
	char *title;         /* and its NAME */
};

/* Where the reader is. */
struct place {
	struct conf *conf;
	struct conf *into; /* conf, or the named section that is being read */
	struct clv_err *err;
	int line;
	const char *section; /* the table's own word; NULL before the first */
};

static struct clv_slice trim(struct clv_slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Foreign words in messages: escaped, and cut so that the rest of the message stays. */
static struct clv_text *shown(struct clv_slice s)
{
	struct clv_text *whole = text_new(s);
	struct clv_text *cut = text_cut(whole, 60);

	text_free(whole);
	return cut;
}

static clv_rc bad_line(const struct place *at, struct clv_slice what, const char *why)
{
	struct clv_text *t = shown(what);

	(void)err_set(at->err, CLV_E_CONFIG, "%s:%d: '%s' %s", at->conf->name, at->line, text_str(t), why);
	text_free(t);
	return CLV_FAILED;
}

/* "a, b, c" of the sections, or of the options of one section. */
static char *known_words(const struct conf_option *table, const char *section)
{
	char *list = clv_strdup("");
	const char *last = "";

	for (const struct conf_option *o = table; o->section != NULL; o++) {
		char *longer;
		const char *word = section == NULL ? o->section : o->name;

		if (section == NULL ? strcmp(o->section, last) == 0 : strcmp(o->section, section) != 0)
			continue;
		last = o->section;
		longer = clv_asprintf("%s%s%s", list, list[0] == '\0' ? "" : ", ", word);
		clv_free(list);
		list = longer;
	}
	return list;
}

static clv_rc unknown(const struct place *at, struct clv_slice what, bool is_section)
{
	struct clv_text *t = shown(what);
	char *words = known_words(at->conf->table, is_section ? NULL : at->section);

	if (is_section)
		(void)err_set(at->err, CLV_E_CONFIG,
		              "%s:%d: unknown section [%s]; expected one of %s; correct or remove it",
		              at->conf->name, at->line, text_str(t), words);
	else
		(void)err_set(at->err, CLV_E_CONFIG,
		              "%s:%d: unknown option '%s'; expected in [%s] one of %s; correct or remove it",
		              at->conf->name, at->line, text_str(t), at->section, words);
	text_free(t);
	clv_free(words);
	return CLV_FAILED;
}

static clv_rc check_characters(const struct place *at, struct clv_slice line)
{
	size_t off = 0;

	while (off < line.len) {
		utf8proc_int32_t cp;
		utf8proc_ssize_t n =
		    utf8proc_iterate(line.ptr + off, (utf8proc_ssize_t)(line.len - off), &cp);

		if (n <= 0)
			return err_set(
			    at->err, CLV_E_CONFIG,
			    "%s:%d: byte %zu is not UTF-8; expected UTF-8 text; save the file as UTF-8",
			    at->conf->name, at->line, off + 1);
		if (cp == '\r' || cp == 0xfeff)
			return err_set(at->err, CLV_E_CONFIG,
			               "%s:%d: a carriage return or byte order mark at byte %zu; expected "
			               "plain UTF-8 with newlines only; convert the file",
			               at->conf->name, at->line, off + 1);
		if ((cp < 0x20 && cp != '\t') || (cp >= 0x7f && cp < 0xa0))
			return err_set(
			    at->err, CLV_E_CONFIG,
			    "%s:%d: a control character (0x%02x) at byte %zu; expected text; remove it",
			    at->conf->name, at->line, (unsigned)cp, off + 1);
		off += (size_t)n;
	}
	return CLV_OK;
}

/* A # at the start, or after a blank, begins a comment. */
static struct clv_slice without_comment(struct clv_slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] == '#' && (i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t')) {
			line.len = i;
			break;
		}
	}
	return trim(line);
}

/* "profile *": such a section has a name of its own. */
static bool is_named(const char *section)
{
	return section[strlen(section) - 1] == '*';
}

static bool begins_with_word(struct clv_slice name, const char *section)
{
	size_t n = strlen(section) - 1;

	return name.len > n && strncmp((const char *)name.ptr, section, n) == 0;
}

static clv_rc read_named(struct place *at, const char *section, struct clv_slice whole)
{
	size_t skip = strlen(section) - 1;
	struct clv_slice title = trim(slice_of(whole.ptr + skip, whole.len - skip));
	struct conf *top = at->conf, *c;

	if (title.len == 0 || title.len > CONF_TITLE_MAX)
		return bad_line(at, whole, "has no name, or one that is too long; expected [word NAME]");
	for (size_t i = 0; i < top->n_named; i++)
		if (strcmp(top->named[i]->section, section) == 0 && slice_eq_str(title, top->named[i]->title))
			return bad_line(at, whole, "stands a second time; expected once; join the two");
	if (top->n_named == CONF_NAMED_MAX)
		return bad_line(at, whole, "is one named section too many; expected at most 1000");
	c = clv_calloc(1, sizeof(*c));
	c->magic = CONF_MAGIC;
	c->name = clv_strdup(top->name);
	c->table = top->table;
	c->n = top->n;
	c->values = clv_calloc(c->n, sizeof(*c->values));
	c->section = section;
	c->title = clv_asprintf("%.*s", (int)title.len, (const char *)title.ptr);
	top->named = clv_realloc(top->named, top->n_named + 1, sizeof(struct conf *));
	top->named[top->n_named++] = c;
	at->section = section;
	at->into = c;
	return CLV_OK;
}

static clv_rc read_section(struct place *at, struct clv_slice line)
{
	struct clv_slice name;

	if (line.ptr[line.len - 1] != ']' || line.len < 3)
		return bad_line(at, line, "is no section; expected [name]; close the bracket");
	name = trim(slice_of(line.ptr + 1, line.len - 2));
	for (const struct conf_option *o = at->conf->table; o->section != NULL; o++) {
		if (slice_eq_str(name, o->section) && !is_named(o->section)) {
			at->section = o->section;
			at->into = at->conf;
			return CLV_OK;
		}
		if (is_named(o->section) && begins_with_word(name, o->section))
			return read_named(at, o->section, name);
	}
	return unknown(at, name, true);
}

static clv_rc read_option(struct place *at, struct clv_slice line)
{
	const uint8_t *eq = memchr(line.ptr, '=', line.len);
	const struct conf_option *table = at->conf->table;
	struct conf_value *v;
	struct clv_slice name;
	struct clv_slice value;

	if (eq == NULL)
		return bad_line(
		    at, line, "is no setting; expected name = value; add the value or a # before a comment");
	if (at->section == NULL)
		return bad_line(at, line,
		                "stands before any section; expected a [section] line first; add it");
	name = trim(slice_of(line.ptr, (size_t)(eq - line.ptr)));
	value = trim(slice_of(eq + 1, line.len - (size_t)(eq - line.ptr) - 1));
	for (size_t i = 0; i < at->conf->n; i++) {
		if (strcmp(table[i].section, at->section) != 0 || !slice_eq_str(name, table[i].name))
			continue;
		v = &at->into->values[i];
		if (v->line != 0)
			return err_set(
			    at->err, CLV_E_CONFIG,
			    "%s:%d: %s.%s is set a second time; expected once (first in line %d); remove one",
			    at->conf->name, at->line, at->section, table[i].name, v->line);
		if (confvalue_parse(&table[i], value, v, at->conf->name, at->line, at->err) != CLV_OK)
			return CLV_FAILED;
		v->line = at->line;
		return CLV_OK;
	}
	return unknown(at, name, false);
}

static clv_rc read_line(struct place *at, struct clv_slice line)
{
	if (line.len > CONF_LINE_MAX)
		return err_set(at->err, CLV_E_CONFIG,
		               "%s:%d: a line of %zu bytes; expected at most %u; shorten it", at->conf->name,
		               at->line, line.len, CONF_LINE_MAX);
	if (check_characters(at, line) != CLV_OK)
		return CLV_FAILED;
	line = without_comment(line);
	if (line.len == 0)
		return CLV_OK;
	return line.ptr[0] == '[' ? read_section(at, line) : read_option(at, line);
}

/* Defaults go through the same reader as the file; a bad one is our own bug. */
static clv_rc fill_defaults(struct place *at, struct conf *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_option *o = &c->table[i];

		if (c->values[i].line != 0 || o->def == NULL)
			continue;
		if (c->section ? strcmp(o->section, c->section) != 0 : is_named(o->section))
			continue;
		if (strcmp(o->def, "!") == 0)
			return err_set(at->err, CLV_E_CONFIG,
			               "%s:%d: %s.%s is missing; expected %s; add '%s = ...' under [%s]",
			               c->name, at->line, o->section, o->name, o->help, o->name, o->section);
		if (confvalue_parse(o, slice_str(o->def), &c->values[i], "default", 0, at->err) != CLV_OK)
			return CLV_FAILED;
	}
	for (size_t i = 0; i < c->n_named; i++)
		if (fill_defaults(at, c->named[i]) != CLV_OK)
			return CLV_FAILED;
	return CLV_OK;
}

clv_rc conf_parse(const char *name, struct clv_slice bytes, const struct conf_option *table,
                  struct conf **out, struct clv_err *err)
{
	struct conf *c = clv_calloc(1, sizeof(*c));
	struct place at = {.conf = c, .into = c, .err = err};
	struct clv_text *safe = text_new_str(name);
	clv_rc rc = CLV_FAILED;

	c->magic = CONF_MAGIC;
	c->name = clv_strdup(text_str(safe));
	c->table = table;
	while (table[c->n].section != NULL)
		c->n++;
	c->values = clv_calloc(c->n, sizeof(*c->values));
	if (bytes.len > CONF_FILE_MAX) {
		(void)err_set(err, CLV_E_CONFIG, "%s:1: a file of %zu bytes; expected at most %u; shorten it",
		              c->name, bytes.len, CONF_FILE_MAX);
		goto out;
	}
	while (bytes.len > 0) {
		const uint8_t *nl = memchr(bytes.ptr, '\n', bytes.len);
		size_t len = nl == NULL ? bytes.len : (size_t)(nl - bytes.ptr);
		size_t step = nl == NULL ? len : len + 1;

		at.line++;
		if (read_line(&at, slice_of(bytes.ptr, len)) != CLV_OK)
			goto out;
		bytes.ptr += step;
		bytes.len -= step;
	}
	at.line = at.line == 0 ? 1 : at.line;
	if (fill_defaults(&at, c) != CLV_OK)
		goto out;
	*out = c;
	c = NULL;
	rc = CLV_OK;
out:
	text_free(safe);
	conf_free(c);
	return rc;
}

/* One line for a caller without a table; *section is the last one that was read, owned. */
static clv_rc line_without_table(struct place *at, struct clv_slice line, char **section,
                                 clv_conf_line_fn *fn, void *ctx)
{
	char *option, *value;
	struct clv_slice part;
	const uint8_t *eq;
	clv_rc rc;

	if (line.len > CONF_LINE_MAX)
		return bad_line(at, slice_of(line.ptr, 20), "begins a line that is too long; shorten it");
	if (check_characters(at, line) != CLV_OK)
		return CLV_FAILED;
	line = without_comment(line);
	if (line.len == 0)
		return CLV_OK;
	if (line.ptr[0] == '[') {
		if (line.ptr[line.len - 1] != ']' || line.len < 3)
			return bad_line(at, line, "is no section; expected [name]; close the bracket");
		part = trim(slice_of(line.ptr + 1, line.len - 2));
		clv_free(*section);
		*section = clv_asprintf("%.*s", (int)part.len, (const char *)part.ptr);
		return CLV_OK;
	}
	eq = memchr(line.ptr, '=', line.len);
	if (eq == NULL)
		return bad_line(at, line, "is no setting; expected name = value");
	part = trim(slice_of(line.ptr, (size_t)(eq - line.ptr)));
	option = clv_asprintf("%.*s", (int)part.len, (const char *)part.ptr);
	part = trim(slice_of(eq + 1, line.len - (size_t)(eq - line.ptr) - 1));
	value = clv_asprintf("%.*s", (int)part.len, (const char *)part.ptr);
	rc = fn(ctx, &(struct clv_conf_line){at->conf->name, at->line, *section, option, value}, at->err);
	clv_free(option);
	clv_free(value);
	return rc;
}

/* The same lines and the same refusals, without a table: the caller judges names and values. */
clv_rc clv_conf_lines(const char *name, struct clv_slice bytes, clv_conf_line_fn *fn, void *ctx,
                      struct clv_err *err)
{
	struct conf c = {.magic = CONF_MAGIC};
	struct place at = {.conf = &c, .into = &c, .err = err};
	struct clv_text *safe = text_new_str(name);
	char *section = clv_strdup("");
	clv_rc rc = CLV_OK;

	c.name = clv_strdup(text_str(safe));
	while (bytes.len > 0 && rc == CLV_OK) {
		const uint8_t *nl = memchr(bytes.ptr, '\n', bytes.len);
		size_t len = nl == NULL ? bytes.len : (size_t)(nl - bytes.ptr);

		at.line++;
		rc = line_without_table(&at, slice_of(bytes.ptr, len), &section, fn, ctx);
		bytes.ptr += nl == NULL ? len : len + 1;
		bytes.len -= nl == NULL ? len : len + 1;
	}
	clv_free(c.name);
	clv_free(section);
	text_free(safe);
	return rc;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	assert(c->magic == CONF_MAGIC);
	c->magic = 0;
	for (size_t i = 0; i < c->n; i++)
		confvalue_release(&c->values[i]);
	for (size_t i = 0; i < c->n_named; i++)
		conf_free(c->named[i]);
	clv_free(c->named);
	clv_free(c->title);
	clv_free(c->values);
	clv_free(c->name);
	clv_free(c);
}

/* The row must exist with a type of the set: asking for another is our own bug. */
static const struct conf_value *find(const struct conf *c, const char *section, const char *name,
                                     unsigned types)
{
	assert(c->magic == CONF_MAGIC);
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_option *o = &c->table[i];

		if (strcmp(o->section, section) == 0 && strcmp(o->name, name) == 0) {
			assert((types & (1u << o->type)) != 0);
			return &c->values[i];
		}
	}
	assert(!"no such option");
	return NULL;
}

#define ANY_TYPE ((1u << (CONF_LIST + 1)) - 1)

const char *conf_str(const struct conf *c, const char *section, const char *name)
{
	return find(c, section, name,
	            1u << CONF_STRING | 1u << CONF_PATH | 1u << CONF_NAME | 1u << CONF_CHOICE)
	    ->str;
}

int64_t conf_int(const struct conf *c, const char *section, const char *name)
{
	return find(c, section, name, 1u << CONF_INT | 1u << CONF_DURATION | 1u << CONF_SIZE)->num;
}

bool conf_bool(const struct conf *c, const char *section, const char *name)
{
	return find(c, section, name, 1u << CONF_BOOL)->num != 0;
}

size_t conf_list(const struct conf *c, const char *section, const char *name, const char *const **items)
{
	const struct conf_value *v = find(c, section, name, 1u << CONF_LIST);

	*items = (const char *const *)v->items;
	return v->n_items;
}

bool conf_is_set(const struct conf *c, const char *section, const char *name)
{
	return find(c, section, name, ANY_TYPE)->line != 0;
}

int conf_line(const struct conf *c, const char *section, const char *name)
{
	return find(c, section, name, ANY_TYPE)->line;
}

size_t conf_count(const struct conf *c, const char *section)
{
	size_t n = 0;

	assert(c->magic == CONF_MAGIC);
	for (size_t i = 0; i < c->n_named; i++)
		n += strcmp(c->named[i]->section, section) == 0;
	return n;
}

const struct conf *conf_nth(const struct conf *c, const char *section, size_t nth, const char **title)
{
	for (size_t i = 0; i < c->n_named; i++)
		if (strcmp(c->named[i]->section, section) == 0 && nth-- == 0) {
			*title = c->named[i]->title;
			return c->named[i];
		}
	assert(!"no such section");
	return NULL;
}

const char *conf_name(const struct conf *c)
{
	assert(c->magic == CONF_MAGIC);
	return c->name;
}
