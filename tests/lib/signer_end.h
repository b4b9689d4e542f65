/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real signer process, with the test in the place of the parent and of a network process. What fails here
 * ends the test: it is the test's own mistake.
 */
#ifndef TESTS_LIB_SIGNER_END_H
#define TESTS_LIB_SIGNER_END_H

#include "channel/channel.h"
#include "ipc.pb-c.h"
#include "proto/ipc.h"
#include <sys/types.h>

struct signer_end {
	pid_t pid;
	struct ipc *parent, *net; /* our ends */
	uint64_t id;              /* of the last question */
	Clv__SignerAnswer *answer;
	struct chan_asker asker; /* asks by net */
};

/* libexec/claviger/signer of the build that this program is of. */
void signer_end_start(struct signer_end *s);
/* Its exit status as of waitpid, after our ends are closed. */
int signer_end_stop(struct signer_end *s);
/* fd is taken over; -1: none can be opened. */
void signer_end_key(struct signer_end *s, int fd);
void signer_end_key_bytes(struct signer_end *s, struct clv_slice bytes);
/* A new socketpair, as after a network process was started again. */
void signer_end_peer(struct signer_end *s, const char *name);
/* Sends one message and waits for its answer in s->answer; CLV_E_CLOSED when the signer closes instead. */
CLV_MUST clv_rc signer_end_ask(struct signer_end *s, enum ipc_type type, const ProtobufCMessage *m,
                               struct clv_err *err);

#endif
