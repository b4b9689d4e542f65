/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport process's main: `claviger ssh-transport …`, started by the console alone.
 */
#ifndef CONSOLE_SSH_MAIN_H
#define CONSOLE_SSH_MAIN_H

#define SSH_TRANSPORT_WORD "ssh-transport"

int ssh_transport_main(int argc, char **argv);

#endif
