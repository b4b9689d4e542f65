/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of `ssh -G`. Reads only what an SSH attach needs.
 */
#include "console/ssh_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const usual_keys[] = {"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"};

static void add_path(char **list, size_t *n, char *path)
{
	if (*n < SSH_PATHS_MAX)
		list[(*n)++] = path;
	else
		clv_free(path);
}

void ssh_config_release(struct ssh_config *c)
{
	for (size_t i = 0; i < c->n_identities; i++)
		clv_free(c->identities[i]);
	for (size_t i = 0; i < c->n_known; i++)
		clv_free(c->known[i]);
	clv_free(c->agent);
	clv_free(c->jump);
	clv_free(c->proxy);
	clv_free(c->alias);
	*c = (struct ssh_config){.port = 0};
}

void ssh_config_default(struct ssh_config *c, const char *host, const char *user, const char *home)
{
	*c = (struct ssh_config){.port = 22};
	snprintf(c->host, sizeof(c->host), "%s", host);
	snprintf(c->user, sizeof(c->user), "%s", user);
	for (size_t i = 0; home[0] == '/' && i < sizeof(usual_keys) / sizeof(usual_keys[0]); i++)
		add_path(c->identities, &c->n_identities, clv_asprintf("%s/.ssh/%s", home, usual_keys[i]));
	if (home[0] == '/')
		add_path(c->known, &c->n_known, clv_asprintf("%s/.ssh/known_hosts", home));
	add_path(c->known, &c->n_known, clv_strdup("/etc/ssh/ssh_known_hosts"));
}

/* ~/ and %d; what has other tokens is left out (NULL). */
static char *expand_path(const char *s, size_t len, const char *home)
{
	char *path = clv_asprintf("%.*s", (int)len, s), *out = NULL;
	if (strcmp(path, "none") == 0 || path[0] == '\0')
		out = NULL;
	else if (strncmp(path, "~/", 2) == 0)
		out = clv_asprintf("%s/%s", home, path + 2);
	else if (strncmp(path, "%d/", 3) == 0)
		out = clv_asprintf("%s/%s", home, path + 3);
	else if (path[0] == '/')
		out = clv_strdup(path);
	clv_free(path);
	if (out != NULL && strchr(out, '%') != NULL) {
		clv_free(out);
		out = NULL;
	}
	return out;
}

static void paths(const char *value, const char *home, char **list, size_t *n)
{
	while (*value != '\0') {
		size_t len = strcspn(value, " ");
		char *path = expand_path(value, len, home);
		if (path != NULL)
			add_path(list, n, path);
		value += len;
		value += strspn(value, " ");
	}
}

static clv_rc copy_name(const char *value, bool ok, char out[SSH_NAME_MAX], const char *what,
                        struct clv_err *err)
{
	if (!ok || strlen(value) >= SSH_NAME_MAX)
		return err_set(err, CLV_E_PROTO, "the ssh configuration has a %s that cannot be used here",
		               what);
	snprintf(out, SSH_NAME_MAX, "%s", value);
	return CLV_OK;
}

static clv_rc read_port(const char *value, uint16_t *out, struct clv_err *err)
{
	unsigned v = 0;
	size_t len = strlen(value);
	for (size_t i = 0; i < len && len <= 5; i++)
		v = value[i] >= '0' && value[i] <= '9' ? v * 10 + (unsigned)(value[i] - '0') : 100000;
	if (v == 0 || v > 65535)
		return err_set(err, CLV_E_PROTO, "the ssh configuration has a port that is none");
	*out = (uint16_t)v;
	return CLV_OK;
}

static void keep(char **to, const char *value)
{
	clv_free(*to);
	*to = strcmp(value, "none") != 0 ? clv_strdup(value) : NULL;
}

struct rows {
	struct ssh_config c;
	const char *home, *user_known, *system_known;
};

/* 0 for what is no number; more than most is most. */
static unsigned read_count(const char *value, unsigned most)
{
	char *end;
	unsigned long n = value[0] >= '0' && value[0] <= '9' ? strtoul(value, &end, 10) : 0;
	return n > most ? most : (unsigned)n;
}

static clv_rc row(struct rows *r, const char *name, const char *value, struct clv_err *err)
{
	struct ssh_config *c = &r->c;
	if (strcmp(name, "hostname") == 0)
		return copy_name(value, ssh_host_ok(value), c->host, "host name", err);
	if (strcmp(name, "user") == 0)
		return copy_name(value, ssh_user_ok(value), c->user, "user", err);
	if (strcmp(name, "port") == 0)
		return read_port(value, &c->port, err);
	if (strcmp(name, "hostkeyalias") == 0) {
		keep(&c->alias, value);
		return ssh_host_ok(value) ? CLV_OK
		                          : err_set(err, CLV_E_PROTO, "a HostKeyAlias that is no name");
	}
	if (strcmp(name, "identityfile") == 0)
		add_path(c->identities, &c->n_identities, clv_strdup(value));
	else if (strcmp(name, "identitiesonly") == 0)
		c->identities_only = strcmp(value, "yes") == 0;
	else if (strcmp(name, "identityagent") == 0)
		clv_free(c->agent), c->agent = clv_strdup(value);
	else if (strcmp(name, "proxyjump") == 0)
		keep(&c->jump, value);
	else if (strcmp(name, "proxycommand") == 0)
		keep(&c->proxy, value);
	else if (strcmp(name, "userknownhostsfile") == 0)
		r->user_known = value;
	else if (strcmp(name, "globalknownhostsfile") == 0)
		r->system_known = value;
	else if (strcmp(name, "serveraliveinterval") == 0)
		c->alive_s = read_count(value, SSH_ALIVE_MAX_S);
	else if (strcmp(name, "serveralivecountmax") == 0)
		c->alive_count = read_count(value, SSH_ALIVE_MAX_COUNT);
	else if (strcmp(name, "hashknownhosts") == 0)
		c->hash_known = strcmp(value, "yes") == 0;
	return CLV_OK;
}

/* identityfile lines come as they were written. */
static void expand_identities(struct ssh_config *c, const char *home)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_identities; i++) {
		char *path = expand_path(c->identities[i], strlen(c->identities[i]), home);
		clv_free(c->identities[i]);
		if (path != NULL)
			c->identities[n++] = path;
	}
	c->n_identities = n;
}

clv_rc ssh_config_parse(struct clv_slice text, const char *home, struct ssh_config *out, struct clv_err *err)
{
	struct rows r = {.home = home};
	clv_rc rc = CLV_OK;
	char *copy = clv_calloc(text.len + 1, 1), *next;
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	for (char *line = copy; rc == CLV_OK && line < copy + text.len; line = next) {
		char *end = line + strcspn(line, "\n");
		next = end + 1;
		*end = '\0';
		char *value = strchr(line, ' ');
		if (value == NULL)
			continue;
		*value++ = '\0';
		rc = row(&r, line, value, err);
	}
	if (rc == CLV_OK && (r.c.host[0] == '\0' || r.c.user[0] == '\0' || r.c.port == 0))
		rc = err_set(err, CLV_E_PROTO, "ssh -G named no host, user or port");
	if (rc == CLV_OK) {
		expand_identities(&r.c, home);
		if (r.user_known != NULL)
			paths(r.user_known, home, r.c.known, &r.c.n_known);
		if (r.system_known != NULL)
			paths(r.system_known, home, r.c.known, &r.c.n_known);
		*out = r.c;
	} else {
		ssh_config_release(&r.c);
	}
	clv_free(copy);
	return rc;
}

char *ssh_config_expand(const char *command, const char *host, uint16_t port, const char *user,
                        const char *as_named, struct clv_err *err)
{
	struct clv_buf b;
	char *out = NULL;
	clv_rc rc = CLV_OK;
	buf_init(&b, 8192);
	for (const char *p = command; rc == CLV_OK && *p != '\0'; p++) {
		if (*p != '%') {
			rc = buf_put_u8(&b, (uint8_t)*p, err);
			continue;
		}
		p++;
		if (*p == 'h')
			rc = buf_put(&b, slice_str(host), err);
		else if (*p == 'p')
			rc = buf_printf(&b, err, "%u", port);
		else if (*p == 'r')
			rc = buf_put(&b, slice_str(user), err);
		else if (*p == 'n')
			rc = buf_put(&b, slice_str(as_named), err);
		else if (*p == '%')
			rc = buf_put_u8(&b, '%', err);
		else
			rc = err_set(err, CLV_E_USAGE,
			             "proxy_command knows %%h %%p %%r %%n and %%%%, nothing else");
		if (*p == '\0')
			break;
	}
	if (rc == CLV_OK)
		out = clv_asprintf("%.*s", (int)buf_slice(&b).len, (const char *)buf_slice(&b).ptr);
	buf_release(&b);
	return out;
}
