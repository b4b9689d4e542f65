/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of `clavigerd check`: what its two files share.
 */
#ifndef DAEMON_CLI_CHECK_H
#define DAEMON_CLI_CHECK_H

#include "base/conf.h"

struct check {
	struct conf *conf;
	int problems;
	bool usable;    /* the channel certificate would be taken by a peer */
	char thumb[65]; /* its SHA-256 */
	bool kerberos;  /* keytab and realms are set */
	char principal[512];
};

void check_say(const char *what, const char *fmt, ...) CLV_PRINTF(2, 3);
void check_problem(struct check *c, const char *fix, const char *fmt, ...) CLV_PRINTF(3, 4);
/* The CA, the certificate, its key, the revocation lists. */
void check_channel(struct check *c);
/* The keytab; nothing is said where [kerberos] is not used. */
void check_kerberos(struct check *c);

#endif
