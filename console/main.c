/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claviger, the operator's program: a batch command, or the full screen. Starts no other program.
 */
#include "console/batch.h"
#include "console/screen.h"

#include "claviger/text.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int full_screen(struct options *o)
{
	struct clv_err err = {0};
	char view[1024] = "";
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(
		    &err, CLV_E_USAGE,
		    "the full screen needs a terminal on stdin and stdout; from a script use claviger get …");
		return batch_fail(&err);
	}
	if (o->plain) {
		err_set(&err, CLV_E_USAGE, "--plain is not there yet; claviger get … gives plain text");
		return batch_fail(&err);
	}
	for (int i = 0; i < o->n_args; i++) {
		size_t used = strlen(view);
		snprintf(view + used, sizeof(view) - used, "%s%s", i > 0 ? " " : "", o->args[i]);
	}
	return screen_run(o, view[0] == ':' ? view + 1 : view[0] != '\0' ? view : NULL);
}

int main(int argc, char **argv)
{
	struct options o;
	struct clv_err err = {0};
	const struct rlimit none = {0, 0};
	int code;
	setlocale(LC_ALL, "");
	tzset();
	signal(SIGPIPE, SIG_IGN);
	/* what an operator types must not end in a core file, nor be read by a debugger */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (options_parse(argc, argv, &o, &err) != CLV_OK)
		return batch_fail(&err);
	static char help[] = "help", version[] = "version";
	char *words[] = {o.help ? help : version, NULL};
	if ((o.help || o.version) && (o.n_args == 0 || !batch_is_command(o.args[0]))) {
		o.args = words;
		o.n_args = 1;
	}
	code = o.n_args > 0 && batch_is_command(o.args[0]) ? batch_run(&o) : full_screen(&o);
	options_release(&o);
	return code;
}
