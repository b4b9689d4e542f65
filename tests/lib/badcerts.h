/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix of bad certificates: each row makes a leaf, a chain and the words its refusal must
 * have. Used against verify_peer and against both ends of a real handshake.
 */
#ifndef TESTS_LIB_BADCERTS_H
#define TESTS_LIB_BADCERTS_H

#include "tests/lib/mkcert.h"

#define BAD_CHAIN_MAX 12

/* The authorities of one test: ca is trusted. */
struct bad_world {
	struct mk_cert ca;       /* "Test CA" */
	struct mk_cert stranger; /* "Other CA" */
	struct mk_cert twin;     /* also "Test CA", another key */
	struct clv_buf ca_pem;
	struct clv_buf crl_pem; /* revokes `revoked` */
	struct mk_cert revoked;
};

struct bad_case {
	struct mk_cert leaf;
	struct mk_cert chain[BAD_CHAIN_MAX];
	size_t n_chain;
};

struct bad_row {
	const char *name;
	void (*make)(const struct bad_world *w, struct bad_case *out);
	const char *words; /* in the refusal */
	bool crl;          /* with revocation lists */
	bool no_handshake; /* TLS 1.3 cannot even be spoken with such a key */
};

#define BAD_NAME "web01.ops.test"

extern const struct bad_row bad_rows[];
extern const size_t n_bad_rows;

void bad_world_init(struct bad_world *w);
void bad_world_release(struct bad_world *w);
void bad_case_release(struct bad_case *c);

#endif
