/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that speaks the console protocol on a Unix socket from facts in memory, in a process of
 * its own, so that the console is tested without a daemon. Rotations go through their states,
 * approvals take the digits FAKE_DIGITS, watches are pushed.
 */
#ifndef TESTS_LIB_FAKE_SERVER_H
#define TESTS_LIB_FAKE_SERVER_H

#include "tests/lib/fake_runas.h"

#include <sys/types.h>

#define FAKE_DIGITS "7D18F4650B9A"

struct fake_opts {
	const char *path;
	size_t n_agents;            /* drawn_agents */
	enum clv_role role;         /* NONE: administrator */
	const char *const *hostile; /* more agents, and events, with these names and texts */
	size_t n_hostile;
	const char *joins; /* a management server that waits, too, first of all; NULL: none */
	int step_ms;       /* between two states of a rotation; 0: 100 */
	int apart_ms;      /* before an answer of claim, intake and agents, as from a busy server */
	struct fake_runas_opts runas;
};

/* Forks; returns when the socket listens. */
pid_t fake_server_start(const struct fake_opts *o);
void fake_server_stop(pid_t pid);
/* In this process, for ever. */
int fake_server_run(const struct fake_opts *o, int ready_fd);

#endif
