/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh://[user@]host[:port][/ms[@address][:port]], strictly: what these words may be made of is safe in a
 * command line and in a file of hosts. No I/O.
 */
#ifndef CONSOLE_SSH_URL_H
#define CONSOLE_SSH_URL_H

#include "claviger/err.h"

#include <stdint.h>

#define SSH_NAME_MAX 254u /* with the 0 */

struct ssh_url {
	char user[SSH_NAME_MAX]; /* "": as the configuration says */
	char host[SSH_NAME_MAX]; /* an alias, a name or an address, without brackets */
	uint16_t port;           /* 0: as the configuration says */
	bool forward;            /* /ms: a connection from there; else `claviger dial-stdio` */
	char to_host[SSH_NAME_MAX];
	uint16_t to_port;
	char server[3 * SSH_NAME_MAX]; /* forward: "ms[@address]:port", for the session */
};

bool ssh_url_is(const char *s);
CLV_MUST clv_rc ssh_url_parse(const char *s, struct ssh_url *out, struct clv_err *err);
/* [user@]host[:port] alone: a jump host. len: of s. As ssh -G writes it: any host may stand in brackets. */
CLV_MUST clv_rc ssh_hop_parse(const char *s, size_t len, struct ssh_url *out, struct clv_err *err);
/* The same again as one word; owned by the caller. */
char *ssh_hop_format(const struct ssh_url *u);
/* A name or address that is safe in a command line. */
bool ssh_host_ok(const char *s);
bool ssh_user_ok(const char *s);

#endif
