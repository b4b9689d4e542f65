/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server offers, read from the clear beginning of its stream (RFC 4253 4.2 and 7.1): libssh2
 * says only that nothing fits. Looks at bytes on their way; judges nothing.
 */
#ifndef CONSOLE_SSH_KEX_H
#define CONSOLE_SSH_KEX_H

#include "claviger/buf.h"

#define SSH_KEX_MAX 36000u /* lines before the version, the version, and one packet */

struct ssh_kex {
	struct clv_buf seen;
	bool over; /* no more is gathered */
};

void ssh_kex_init(struct ssh_kex *k);
void ssh_kex_release(struct ssh_kex *k);
void ssh_kex_see(struct ssh_kex *k, struct clv_slice bytes);
/* The server's name lists; false: they have not been seen, or break the grammar. Borrowed from k. */
struct ssh_offer {
	struct clv_slice kex, host_keys, ciphers, macs; /* server to client for the last two */
};
CLV_MUST clv_rc ssh_kex_offer(const struct ssh_kex *k, struct ssh_offer *out, struct clv_err *err);
/* Is any of the comma list's names one of ours (also a comma list)? */
bool ssh_names_meet(struct clv_slice theirs, const char *ours);

#endif
