/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void home_make(char *dir, size_t len)
{
	const char *under = getenv("TMPDIR");
	int n = snprintf(dir, len, "%s/t.XXXXXX", under && under[0] ? under : "/tmp");

	if (n < 0 || (size_t)n >= len || !mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
}

void home_remove(const char *home)
{
	static const char *const files[] = {"/.config/claviger/console.state",
	                                    "/.config/claviger/console.conf"};
	static const char *const folders[] = {"/.config/claviger", "/.config", ""};
	char path[600];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", home, files[i]);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", home, folders[i]);
		rmdir(path);
	}
}
