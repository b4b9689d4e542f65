/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.conf, line by line against one table; keys are judged in settings_keys.c.
 */
#include "console/settings.h"
#include "console/settings_keys.h"

#include "claviger/config.h"
#include "claviger/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SETTINGS_FILE_MAX (64u * 1024u)

void settings_init(struct settings *s)
{
	*s = (struct settings){.ascii = -1};
}

void settings_release(struct settings *s)
{
	clv_free(s->theme);
	clv_free(s->export_folder);
	for (int i = 0; i < ACTION_MAX; i++)
		clv_free(s->keys[i]);
	for (size_t i = 0; i < s->n_contexts; i++) {
		struct context *c = &s->contexts[i];
		clv_free(c->name);
		clv_free(c->server);
		clv_free(c->label);
		clv_free(c->ca);
		clv_free(c->cert);
		clv_free(c->key);
	}
	for (size_t i = 0; i < s->n_lists; i++)
		clv_free(s->lists[i].columns);
	settings_init(s);
}

clv_rc settings_bad(const struct clv_conf_line *l, const char *word, const char *expected,
                    struct clv_err *err)
{
	struct clv_text *t = text_new_str(word), *cut = text_cut(t, 60);
	err_set(err, CLV_E_CONFIG, "%s:%d: '%s'; expected %s", l->file, l->line, text_str(cut), expected);
	text_free(cut);
	text_free(t);
	return CLV_FAILED;
}

/* --- [console] --- */

static bool choice(const char *value, const char *const *words, int *out)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], value) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static clv_rc take_choice(struct settings *s, const struct clv_conf_line *l, struct clv_err *err)
{
	static const char *const on_off[] = {"off", "on", NULL}, *const three[] = {"auto", "off", "on", NULL},
	                         *const zones[] = {"utc", "local", "age", NULL},
	                         *const thumbs[] = {"key_id", "sha1", "sha256", NULL};
	int v = 0;
	if (strcmp(l->name, "mouse") == 0 && choice(l->value, on_off, &v))
		s->mouse = v == 1;
	else if (strcmp(l->name, "restore") == 0 && choice(l->value, on_off, &v))
		s->no_restore = v == 0;
	else if (strcmp(l->name, "ascii") == 0 && choice(l->value, three, &v))
		s->ascii = v - 1;
	else if (strcmp(l->name, "times") == 0 && choice(l->value, zones, &v))
		s->zone = (enum zone)v;
	else if (strcmp(l->name, "thumbprint") == 0 && choice(l->value, thumbs, &v))
		s->thumb = (enum thumb)v;
	else if (strcmp(l->name, "times") == 0)
		return settings_bad(l, l->value, "utc, local or age", err);
	else if (strcmp(l->name, "thumbprint") == 0)
		return settings_bad(l, l->value, "key_id, sha1 or sha256", err);
	else if (strcmp(l->name, "ascii") == 0)
		return settings_bad(l, l->value, "auto, on or off", err);
	else if (strcmp(l->name, "mouse") == 0 || strcmp(l->name, "restore") == 0)
		return settings_bad(l, l->value, "on or off", err);
	else
		return settings_bad(
		    l, l->name,
		    "in [console] one of theme mouse ascii times thumbprint idle_lock export_folder restore",
		    err);
	return CLV_OK;
}

static clv_rc take_console(struct settings *s, const struct clv_conf_line *l, struct clv_err *err)
{
	if (strcmp(l->name, "theme") == 0) {
		clv_free(s->theme);
		s->theme = clv_strdup(l->value);
		return CLV_OK;
	}
	if (strcmp(l->name, "export_folder") == 0) {
		if (l->value[0] != '/')
			return settings_bad(l, l->value, "a folder's whole path", err);
		clv_free(s->export_folder);
		s->export_folder = clv_strdup(l->value);
		return CLV_OK;
	}
	if (strcmp(l->name, "idle_lock") == 0) {
		size_t n = strspn(l->value, "0123456789");
		unsigned long v = strtoul(l->value, NULL, 10);
		if (n == 0 || n > 4 || l->value[n] != '\0' || v > SETTINGS_IDLE_MAX)
			return settings_bad(l, l->value, "minutes, 1 to 1440; 0 never locks", err);
		s->idle_lock_min = (uint32_t)v;
		return CLV_OK;
	}
	return take_choice(s, l, err);
}

/* --- [context NAME] --- */

static struct context *context_at(struct settings *s, const char *name, int line)
{
	for (size_t i = 0; i < s->n_contexts; i++) {
		if (strcmp(s->contexts[i].name, name) == 0)
			return &s->contexts[i];
	}
	if (s->n_contexts == SETTINGS_CONTEXTS_MAX)
		return NULL;
	s->contexts[s->n_contexts] = (struct context){.name = clv_strdup(name), .line = line};
	return &s->contexts[s->n_contexts++];
}

static clv_rc take_context(struct settings *s, const struct clv_conf_line *l, const char *name,
                           struct clv_err *err)
{
	if (name[0] == '\0' || strpbrk(name, " :/@") != NULL || strlen(name) > 60)
		return settings_bad(l, name, "[context NAME], a name without blanks, : / and @", err);
	struct context *c = context_at(s, name, l->line);
	if (c == NULL)
		return settings_bad(l, name, "at most 64 contexts", err);
	char **to = strcmp(l->name, "server") == 0  ? &c->server
	            : strcmp(l->name, "label") == 0 ? &c->label
	            : strcmp(l->name, "ca") == 0    ? &c->ca
	            : strcmp(l->name, "cert") == 0  ? &c->cert
	            : strcmp(l->name, "key") == 0   ? &c->key
	                                            : NULL;
	if (to == NULL)
		return settings_bad(l, l->name, "in [context NAME] one of server label ca cert key", err);
	if (*to != NULL)
		return settings_bad(l, l->name, "once in its context; remove one", err);
	if (l->value[0] == '\0' || strlen(l->value) > (to == &c->label ? 40u : 300u))
		return settings_bad(l, l->value, "a value that is not empty and not so long", err);
	*to = clv_strdup(l->value);
	return CLV_OK;
}

/* --- [columns] --- */

static clv_rc take_columns(struct settings *s, const struct clv_conf_line *l, struct clv_err *err)
{
	if (s->n_lists == SETTINGS_LISTS_MAX || strlen(l->name) >= sizeof(s->lists[0].list))
		return settings_bad(l, l->name, "a list's name, as the command to it", err);
	struct list_setting *x = &s->lists[s->n_lists];
	struct view *v = settings_open_list(l->name);
	if (v == NULL)
		return settings_bad(
		    l, l->name, "one of agents accounts profiles groups pending events audit expiry recover",
		    err);
	snprintf(x->list, sizeof(x->list), "%s", l->name);
	x->columns = clv_strdup(l->value);
	x->line = l->line;
	s->n_lists++;
	struct clv_err why = {0};
	bool ok = settings_columns(s, list_of(v), &why);
	view_close(v);
	return ok ? CLV_OK : settings_bad(l, l->value, why.text, err);
}

/* The columns' titles, one after the other: for a message. */
static void titles(const struct list *l, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (int i = 0; i < l->lo->n_cols && used < size; i++)
		used +=
		    (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", l->lo->cols[i].title);
}

static bool one_column(struct list *l, const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	size_t name = colon != NULL ? (size_t)(colon - word) : len;
	for (int i = 0; i < l->lo->n_cols; i++) {
		const char *t = l->lo->cols[i].title;
		if (strlen(t) != name || strncasecmp(t, word, name) != 0)
			continue;
		l->pref[i].hidden = false;
		if (colon != NULL) {
			long w = strtol(colon + 1, NULL, 10);
			if (w < 3 || w > 200)
				return false;
			l->pref[i].extra = (int)w - l->lo->cols[i].width;
		}
		return true;
	}
	return false;
}

bool settings_columns(const struct settings *s, struct list *l, struct clv_err *err)
{
	char known[300];
	for (size_t k = 0; k < s->n_lists; k++) {
		if (strcmp(s->lists[k].list, l->v.ops->name) != 0)
			continue;
		for (int i = 0; i < l->lo->n_cols; i++)
			l->pref[i] = (struct column_pref){.hidden = list_may_hide(l, i)};
		for (const char *p = s->lists[k].columns; *p != '\0';) {
			size_t n = strcspn(p, " ");
			if (n > 0 && !one_column(l, p, n)) {
				titles(l, known, sizeof(known));
				err_set(err, CLV_E_CONFIG,
				        "of %s, each with :WIDTH from 3 to 200 if you like", known);
				return false;
			}
			p += n + (p[n] == ' ');
		}
	}
	return true;
}

/* --- the file --- */

static clv_rc take_line(void *ctx, const struct clv_conf_line *l, struct clv_err *err)
{
	struct settings *s = ctx;
	if (strcmp(l->section, "console") == 0)
		return take_console(s, l, err);
	if (strcmp(l->section, "keys") == 0)
		return settings_take_key(s, l, err);
	if (strcmp(l->section, "columns") == 0)
		return take_columns(s, l, err);
	if (strncmp(l->section, "context ", 8) == 0)
		return take_context(s, l, l->section + 8 + strspn(l->section + 8, " "), err);
	return settings_bad(l, l->section[0] != '\0' ? l->section : l->name,
	                    "a section: [console], [keys], [columns] or [context NAME]", err);
}

clv_rc settings_parse(const char *file, struct clv_slice bytes, struct settings *s, struct clv_err *err)
{
	if (clv_conf_lines(file, bytes, take_line, s, err) != CLV_OK)
		goto fail;
	for (size_t i = 0; i < s->n_contexts; i++) {
		if (s->contexts[i].server != NULL)
			continue;
		err_set(err, CLV_E_CONFIG, "%s:%d: context %s has no server; add server = HOST", file,
		        s->contexts[i].line, s->contexts[i].name);
		goto fail;
	}
	if (settings_check_keys(file, s, err) == CLV_OK)
		return CLV_OK;
fail:
	settings_release(s);
	return CLV_FAILED;
}

clv_rc settings_load(struct settings *s, struct clv_err *err)
{
	char *path = clv_client_path("console.conf");
	bool there = false;
	struct clv_buf b;
	clv_rc rc = CLV_OK;
	buf_init(&b, SETTINGS_FILE_MAX);
	if (path != NULL)
		rc = clv_client_file_read(path, &b, &there, err);
	if (rc == CLV_OK && there)
		rc = settings_parse(path, buf_slice(&b), s, err);
	buf_release(&b);
	clv_free(path);
	return rc;
}

const struct context *settings_context(const struct settings *s, const char *name)
{
	for (size_t i = 0; name != NULL && i < s->n_contexts; i++) {
		if (strcmp(s->contexts[i].name, name) == 0)
			return &s->contexts[i];
	}
	return NULL;
}

/* --- the state --- */

struct state {
	const char *server;
	char *screen;
	bool here;
};

static clv_rc take_state(void *ctx, const struct clv_conf_line *l, struct clv_err *err)
{
	struct state *s = ctx;
	(void)err;
	if (strcmp(l->name, "server") == 0) {
		s->here = strcmp(l->value, s->server) == 0;
	} else if (s->here && strcmp(l->name, "screen") == 0) {
		clv_free(s->screen);
		s->screen = clv_strdup(l->value);
	}
	return CLV_OK;
}

char *state_load(const char *server)
{
	char *path = clv_client_path("console.state");
	struct state s = {.server = server};
	struct clv_buf b;
	bool there = false;
	buf_init(&b, SETTINGS_FILE_MAX);
	/* a state that cannot be read is no reason not to begin */
	if (path != NULL && clv_client_file_read(path, &b, &there, NULL) == CLV_OK && there &&
	    clv_conf_lines(path, buf_slice(&b), take_state, &s, NULL) != CLV_OK) {
		clv_free(s.screen);
		s.screen = NULL;
	}
	buf_release(&b);
	clv_free(path);
	return s.screen;
}

void state_save(const char *server, const char *screen)
{
	char *path = clv_client_path("console.state");
	struct clv_buf b;
	buf_init(&b, SETTINGS_FILE_MAX);
	/* what the reader would refuse, or take for a comment, is not remembered */
	if (path != NULL && strchr(screen, '#') == NULL &&
	    buf_printf(&b, NULL, "[state]\nserver = %s\nscreen = %s\n", server, screen) == CLV_OK)
		(void)!clv_client_file_write(path, buf_slice(&b), NULL);
	buf_release(&b);
	clv_free(path);
}
