/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allow list of environment variables, and one of terminals. All else is forgotten: TERMINFO and HOME
 * (curses reads descriptions there), TERMCAP, LINES, COLUMNS, OPENSSL_CONF (loads modules), LOCPATH, NLSPATH,
 * CLAVIGER_SERVER, SSH_AUTH_SOCK, XDG_CONFIG_HOME.
 */
#include "console/restrict.h"

#include "claviger/buf.h"
#include "console/exec.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *const kept[] = {"LANG",     "LC_ALL",         "LC_CTYPE", "LC_TIME",
                                   "NO_COLOR", "SSH_CONNECTION", "TERM",     "TZ"};
static const char *const terminals[] = {"alacritty",
                                        "foot",
                                        "gnome-256color",
                                        "konsole",
                                        "konsole-256color",
                                        "linux",
                                        "putty",
                                        "rxvt",
                                        "putty-256color",
                                        "rxvt-unicode",
                                        "rxvt-unicode-256color",
                                        "screen",
                                        "tmux",
                                        "screen-256color",
                                        "tmux-256color",
                                        "vt100",
                                        "vt220",
                                        "vte-256color",
                                        "xterm",
                                        "xterm-256color",
                                        "xterm-color",
                                        "xterm-kitty"};

/* What these are made of everywhere; a path, or a colon before one, is none of it. */
static bool harmless(const char *value)
{
	return strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+.@,:% ") ==
	           strlen(value) &&
	       value[0] != ':' && strstr(value, "..") == NULL && strlen(value) < 200;
}

const char *restrict_term(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(terminals) / sizeof(terminals[0]); i++) {
		if (strcmp(terminals[i], name) == 0)
			return terminals[i];
	}
	return "vt100";
}

void restrict_process(void)
{
	enum { N = sizeof(kept) / sizeof(kept[0]) };
	char *values[N];
	for (size_t i = 0; i < N; i++) {
		const char *v = getenv(kept[i]);
		values[i] = v != NULL && harmless(v) ? clv_strdup(v) : NULL;
	}
	(void)clearenv();
	for (size_t i = 0; i < N; i++) {
		if (values[i] != NULL)
			(void)setenv(kept[i], values[i], 1);
		clv_free(values[i]);
	}
	(void)setenv("TERM", restrict_term(getenv("TERM")), 1);
	exec_forbid();
	(void)signal(SIGTSTP, SIG_IGN);
	(void)signal(SIGTTIN, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN);
}
