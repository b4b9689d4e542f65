/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of private key a file holds, without its passphrase: enough to know whether it can be used,
 * whether a passphrase has to be asked, and which public key it is. The private part is not looked at.
 */
#ifndef CONSOLE_SSH_KEY_H
#define CONSOLE_SSH_KEY_H

#include "claviger/buf.h"

#define SSH_KEY_FILE_MAX (64u * 1024u)

struct ssh_key_facts {
	char type[64]; /* "ssh-ed25519"; "" : not said (PKCS #8) */
	bool encrypted;
};

/* public_key gets the blob; empty where the form does not say it. CLV_E_PROTO: no private key. */
CLV_MUST clv_rc ssh_key_look(struct clv_slice file, struct ssh_key_facts *out, struct clv_buf *public_key,
                             struct clv_err *err);
/* Of FILE.pub: "type base64 comment". */
CLV_MUST clv_rc ssh_key_public(struct clv_slice file, struct clv_buf *public_key, struct clv_err *err);
/* Why a key of this type cannot be used, as a sentence with the way out; NULL: it can. */
const char *ssh_key_unusable(const char *type);

#endif
