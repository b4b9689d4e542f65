/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claviger, the operator's program: a batch command, or the full screen. Starts no other program but
 * what exec.c names; in restricted mode none at all.
 */
#include "console/batch.h"
#include "console/restrict.h"
#include "console/screen.h"
#include "console/ssh_main.h"

#include "claviger/secret.h"
#include "claviger/text.h"

#define OPENSSL_ARENA (4u << 20) /* a TLS session with its authorities takes less than half of it */

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
	for (int i = 0; i < o->n_args; i++) {
		size_t used = strlen(view);
		snprintf(view + used, sizeof(view) - used, "%s%s", i > 0 ? " " : "", o->args[i]);
	}
	return screen_run(o, view[0] == ':' ? view + 1 : view[0] != '\0' ? view : NULL);
}

/* What an operator types must not end in a core file, nor be read by a debugger, nor stay in
 * OpenSSL's heap. Where memory cannot be locked everything but entering a password works. Before
 * any call into OpenSSL. */
static void protect_secrets(char why[400])
{
	struct clv_err err = {0};
	struct rlimit lock;
	if (getrlimit(RLIMIT_MEMLOCK, &lock) == 0 && lock.rlim_cur < lock.rlim_max) {
		lock.rlim_cur = lock.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &lock);
	}
	why[0] = '\0';
	if (secret_process_init(&err) != CLV_OK || secret_openssl_arena(OPENSSL_ARENA, &err) != CLV_OK)
		snprintf(why, 400,
		         "No password can be entered here: %.200s. Allow 8 MiB (ulimit -l 8192), then start "
		         "claviger again.",
		         err.text);
}

int main(int argc, char **argv)
{
	struct options o;
	struct clv_err err = {0};
	char why[400];
	int code;
	clv_rc parsed = CLV_OK;
	bool transport = argc > 1 && strcmp(argv[1], SSH_TRANSPORT_WORD) == 0;
	if (!transport) /* before the environment is looked at */
		parsed = options_parse(argc, argv, &o, &err);
	if (!transport && parsed == CLV_OK && o.restricted)
		restrict_process();
	setlocale(LC_ALL, "");
	tzset();
	signal(SIGPIPE, SIG_IGN);
	protect_secrets(why);
	if (transport)
		return ssh_transport_main(argc, argv);
	if (parsed != CLV_OK)
		return batch_fail(&err);
	/* in restricted mode nothing of the home folder is read */
	if (!o.restricted && settings_load(&o.settings, &err) != CLV_OK) {
		code = batch_fail(&err);
		options_release(&o);
		return code;
	}
	snprintf(o.secrets_why, sizeof(o.secrets_why), "%s", why);
	static char help[] = "help", version[] = "version";
	char *words[] = {o.help ? help : version, NULL};
	if ((o.help || o.version) && (o.n_args == 0 || !batch_is_command(o.args[0]))) {
		o.args = words;
		o.n_args = 1;
	}
	code = o.n_args > 0 && batch_is_command_line(o.n_args, o.args) ? batch_run(&o) : full_screen(&o);
	options_release(&o);
	return code;
}
