/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claviger.conf, PEM files and known_groups. Runs in the console at its start only. A pinned group
 * is never replaced here: a person removes the old line.
 */
#include "claviger/config.h"

#include "base/conf.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_CONF_MAX (64u * 1024u)

static const struct conf_option options[] = {
    {"console", "server", CONF_STRING, 1, 800, NULL, NULL, false,
     "server: unix:PATH, host[:port] or ssh://…"},
    {"console", "proxy_command", CONF_STRING, 1, 2000, NULL, NULL, false,
     "a command whose input and output are the line to the server (%h %p %r %n)"},
    {"console", "ssh_config", CONF_PATH, 1, 4000, NULL, NULL, false,
     "the ssh configuration for ssh://…, in place of the user's and the system's"},
    {"console", "ssh_command", CONF_STRING, 1, 500, NULL, NULL, false,
     "what ssh://host runs there, in place of \"claviger dial-stdio\""},
    {"console", "ca", CONF_PATH, 1, 4000, NULL, NULL, false,
     "PEM file of the authority that the servers' certificates come from"},
    {"console", "cert", CONF_PATH, 1, 4000, NULL, NULL, false, "PEM file of the operator's certificate"},
    {"console", "key", CONF_PATH, 1, 4000, NULL, NULL, false, "PEM file of its private key"},
    {"console", "label", CONF_STRING, 1, 40, NULL, NULL, false,
     "a word for this group, shown on line 1 and in every question"},
    {0},
};

static char *folder_path(const char *file)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (xdg != NULL && xdg[0] == '/')
		return clv_asprintf("%s/claviger%s%s", xdg, file[0] != '\0' ? "/" : "", file);
	if (home != NULL && home[0] == '/')
		return clv_asprintf("%s/.config/claviger%s%s", home, file[0] != '\0' ? "/" : "", file);
	return NULL;
}

clv_rc clv_client_config_load(const char *path, struct clv_client_config *out, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	struct conf *conf = NULL;
	struct clv_buf b;
	struct clv_err why = {0};
	char *usual = path == NULL ? folder_path("claviger.conf") : NULL;
	const char *from = path != NULL ? path : usual;
	buf_init(&b, CLIENT_CONF_MAX);
	*out = (struct clv_client_config){0};
	if (from == NULL || (path == NULL && !file_exists(from))) {
		rc = CLV_OK;
		goto out;
	}
	if (file_read(from, &b, &why) != CLV_OK ||
	    conf_parse(from, buf_slice(&b), options, &conf, &why) != CLV_OK) {
		if (err != NULL)
			*err = why;
		goto out;
	}
	out->server = clv_strdup(conf_str(conf, "console", "server"));
	out->ca = clv_strdup(conf_str(conf, "console", "ca"));
	out->cert = clv_strdup(conf_str(conf, "console", "cert"));
	out->key = clv_strdup(conf_str(conf, "console", "key"));
	out->proxy_command = clv_strdup(conf_str(conf, "console", "proxy_command"));
	out->ssh_config = clv_strdup(conf_str(conf, "console", "ssh_config"));
	out->ssh_command = clv_strdup(conf_str(conf, "console", "ssh_command"));
	out->label = clv_strdup(conf_str(conf, "console", "label"));
	rc = CLV_OK;
out:
	conf_free(conf);
	buf_release(&b);
	clv_free(usual);
	return rc;
}

void clv_client_config_release(struct clv_client_config *c)
{
	clv_free(c->server);
	clv_free(c->ca);
	clv_free(c->cert);
	clv_free(c->key);
	clv_free(c->proxy_command);
	clv_free(c->ssh_config);
	clv_free(c->ssh_command);
	clv_free(c->label);
	*c = (struct clv_client_config){0};
}

clv_rc clv_client_pem_read(const char *path, bool is_private, struct clv_buf *out, struct clv_err *err)
{
	return is_private ? file_read_private(path, out, err) : file_read(path, out, err);
}

static char *find_line(struct clv_slice s, const char *server)
{
	size_t name = strlen(server);
	while (s.len > 0) {
		const uint8_t *end = memchr(s.ptr, '\n', s.len);
		size_t len = end != NULL ? (size_t)(end - s.ptr) : s.len;
		const char *line = (const char *)s.ptr;
		if (len == name + 1 + 64 && slice_eq(slice_of(line, name), slice_of(server, name)) &&
		    line[name] == ' ') {
			char *out = clv_calloc(65, 1);
			memcpy(out, line + name + 1, 64);
			return out;
		}
		s.ptr += end != NULL ? len + 1 : len;
		s.len -= end != NULL ? len + 1 : len;
	}
	return NULL;
}

char *clv_known_group_get(const char *server, struct clv_err *err)
{
	char *path = folder_path("known_groups"), *found = NULL;
	struct clv_buf b;
	buf_init(&b, 1u << 20);
	err_clear(err);
	if (path != NULL && file_exists(path) && file_read(path, &b, err) == CLV_OK)
		found = find_line(buf_slice(&b), server);
	buf_release(&b);
	clv_free(path);
	return found;
}

clv_rc clv_known_group_put(const char *server, const char *fingerprint, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	char *folder = folder_path(""), *path = folder_path("known_groups"), *old = NULL;
	struct clv_buf b;
	buf_init(&b, 1u << 20);
	if (path == NULL) {
		err_set(err, CLV_E_CONFIG,
		        "neither HOME nor XDG_CONFIG_HOME is set: the group cannot be remembered");
		goto out;
	}
	if (file_mkdirs(folder, 0700, err) != CLV_OK ||
	    (file_exists(path) && file_read(path, &b, err) != CLV_OK))
		goto out;
	old = find_line(buf_slice(&b), server);
	if (old != NULL) {
		rc = strcmp(old, fingerprint) == 0
		         ? CLV_OK
		         : err_set(err, CLV_E_EXISTS,
		                   "%s: another group is pinned for %s; remove that line yourself", path,
		                   server);
		goto out;
	}
	if (buf_printf(&b, err, "%s %s\n", server, fingerprint) != CLV_OK)
		goto out;
	rc = file_replace(path, buf_slice(&b), 0600, err);
out:
	buf_release(&b);
	clv_free(old);
	clv_free(path);
	clv_free(folder);
	return rc;
}

char *clv_client_path(const char *file)
{
	return folder_path(file);
}

clv_rc clv_client_file_read(const char *path, struct clv_buf *out, bool *there, struct clv_err *err)
{
	*there = file_exists(path);
	return *there ? file_read(path, out, err) : CLV_OK;
}

clv_rc clv_client_file_write(const char *path, struct clv_slice bytes, struct clv_err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = clv_asprintf("%.*s", slash != NULL ? (int)(slash - path) : 1, path);
	clv_rc rc = file_mkdirs(folder, 0700, err);
	if (rc == CLV_OK)
		rc = file_replace(path, bytes, 0600, err);
	clv_free(folder);
	return rc;
}
