/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake server as a program: SOCKET [AGENTS [STATE]]; STATE: of the account sql-reader, or
 * "empty". For looking at screens and for tests/bench.
 */
#include "tests/lib/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(
		    stderr,
		    "usage: fake_console_server SOCKET [AGENTS [well|waits|tried|opened|failed|empty]]\n");
		return 2;
	}
	struct fake_opts o = {
	    .path = argv[1], .n_agents = argc > 2 ? strtoul(argv[2], NULL, 10) : 37, .step_ms = 400};
	o.runas.account = argc > 3 ? argv[3] : NULL;
	o.runas.empty = argc > 3 && strcmp(argv[3], "empty") == 0;
	return fake_server_run(&o, -1);
}
