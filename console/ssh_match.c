/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for `Match exec` in the files that ssh would read. Rather one too many is found than one too few:
 * any Match line with the word in it counts, whether it would apply or not.
 */
#include "console/ssh_config.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 16

static bool look_file(const char *path, const char *folder, const char *home, int depth, char where[300]);

/* The words behind Include: quotes are taken off, patterns are spread. */
static bool look_included(char *args, const char *folder, const char *home, int depth, char where[300])
{
	bool found = false;
	while (!found && *args != '\0') {
		bool quoted = *args == '"';
		args += quoted;
		size_t len = strcspn(args, quoted ? "\"" : " \t\"");
		char *full = args[0] == '/' ? clv_asprintf("%.*s", (int)len, args)
		             : args[0] == '~' && args[1] == '/'
		                 ? clv_asprintf("%s%.*s", home, (int)len - 1, args + 1)
		                 : clv_asprintf("%s/%.*s", folder, (int)len, args);
		glob_t g = {.gl_pathc = 0};
		if (len > 0 && glob(full, 0, NULL, &g) == 0) {
			for (size_t i = 0; !found && i < g.gl_pathc; i++)
				found = look_file(g.gl_pathv[i], folder, home, depth + 1, where);
		}
		globfree(&g);
		clv_free(full);
		args += len;
		args += strspn(args, " \t\"");
	}
	return found;
}

static bool look_line(char *line, const char *folder, const char *home, int depth, char where[300])
{
	line += strspn(line, " \t\"");
	size_t len = strcspn(line, " \t=\"");
	char *args = line + len;
	args += strspn(args, " \t=");
	if (len == 5 && strncasecmp(line, "match", 5) == 0)
		return strcasestr(args, "exec") != NULL;
	if (len == 7 && strncasecmp(line, "include", 7) == 0)
		return look_included(args, folder, home, depth, where);
	return false;
}

static bool look_file(const char *path, const char *folder, const char *home, int depth, char where[300])
{
	FILE *f = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
	char line[4096];
	int n = 0;
	bool found = false;
	if (f == NULL)
		return false;
	where[0] = '\0';
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		n++;
		line[strcspn(line, "\r\n")] = '\0';
		found = look_line(line, folder, home, depth, where);
	}
	if (found && where[0] == '\0')
		snprintf(where, 300, "%.280s:%d", path, n);
	(void)fclose(f);
	return found;
}

bool ssh_config_runs(const char *file, const char *home, char where[300])
{
	char *folder = clv_asprintf("%s/.ssh", home), *mine = clv_asprintf("%s/config", folder);
	bool found;
	where[0] = '\0';
	if (file != NULL)
		found = look_file(file, folder, home, 0, where);
	else
		found = look_file(mine, folder, home, 0, where) ||
		        look_file("/etc/ssh/ssh_config", "/etc/ssh", home, 0, where);
	clv_free(folder);
	clv_free(mine);
	return found;
}
