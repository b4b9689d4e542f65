/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known_hosts: which keys a host may show. Names, patterns, negation, [host]:port, hashed names, @revoked
 * and @cert-authority, over several files. Pure: bytes in, a verdict out. What is not understood is no
 * reason to trust.
 */
#ifndef CONSOLE_SSH_KNOWN_H
#define CONSOLE_SSH_KNOWN_H

#include "claviger/buf.h"

enum ssh_known {
	SSH_KNOWN_NONE,
	SSH_KNOWN_AUTHORITY, /* only an authority's key is known for it, which we cannot check */
	SSH_KNOWN_CHANGED,   /* other keys are known */
	SSH_KNOWN_SAME,
	SSH_KNOWN_REVOKED, /* in the order of precedence */
};

#define SSH_KNOWN_TYPES 4u /* ed25519 and three ecdsa; bit i of `types` */

/* Begun with host, port and key; fed with file after file. */
struct ssh_known_look {
	const char *host; /* as it is looked up: an alias where the configuration says so */
	uint16_t port;
	struct clv_slice key; /* the blob that the server shows; empty: only types are gathered */
	enum ssh_known result;
	unsigned types;  /* of keys that are known for it and that we can use */
	bool other_type; /* known by a key that we cannot use (RSA) */
	char where[300]; /* "FILE:LINE" of what decided: revoked, or another key */
	char known[64];  /* CHANGED: "SHA256:…" of the known key */
};

/* name: of the file, for messages. */
void ssh_known_feed(struct ssh_known_look *l, const char *name, struct clv_slice file);
/* "SHA256:…" as ssh shows it. */
void ssh_fingerprint(struct clv_slice key, char out[64]);
/* The type inside a key blob ("ssh-ed25519"); "" when there is none. */
void ssh_key_type(struct clv_slice key, char out[64]);
/* The name of bit i. */
const char *ssh_known_type(unsigned i);
/* A line for a file, with its line feed; hash: the name is hidden as HashKnownHosts does. */
CLV_MUST clv_rc ssh_known_line(const char *host, uint16_t port, struct clv_slice key, bool hash,
                               struct clv_buf *out, struct clv_err *err);

#endif
