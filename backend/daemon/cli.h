/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of clavigerd that need no running service. Each takes the words after its own name
 * (argv[0] is the name) and returns the exit code: 0 done, 1 failed, 2 usage.
 */
#ifndef DAEMON_CLI_H
#define DAEMON_CLI_H

/* clavigerd ca init DIR [--name CN] [--days N]
 *              issue DIR NAME [--operator MAIL] [--days N] [--out PREFIX]
 *              revoke DIR NAME|SERIAL|FILE */
int cli_ca(int argc, char **argv);
/* clavigerd check [-c FILE] */
int cli_check(int argc, char **argv);

#endif
