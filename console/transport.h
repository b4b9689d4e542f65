/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's end of an SSH attach or of a proxy command: starts the transport process, hands its bytes
 * to the session, keeps the question that it asks until somebody answers. Never blocks.
 */
#ifndef CONSOLE_TRANSPORT_H
#define CONSOLE_TRANSPORT_H

#include "console/ssh_talk.h"
#include "console/ssh_url.h"

#include "claviger/client.h"

struct transport;

/* What the console was told; borrowed during the call. NULL: not said. */
struct transport_how {
	const char *proxy_command, *ssh_config, *ssh_command;
	bool can_ask; /* somebody sits at a terminal */
};

/* For ssh://. CLV_E_DENIED in restricted mode. */
CLV_MUST struct transport *transport_new_ssh(const struct ssh_url *url, const struct transport_how *how,
                                             struct clv_err *err);
/* For "name[@address][:port]": what proxy_command gives is the line to it. */
CLV_MUST struct transport *transport_new_command(const char *server, const struct transport_how *how,
                                                 struct clv_err *err);
void transport_free(struct transport *t); /* after its session; NULL is fine */
const struct clv_dialer *transport_dialer(struct transport *t);

/* Title and text are foreign; lines end with \n. */
struct transport_ask {
	enum talk_kind kind;
	char *title, *text;
	unsigned number; /* another one has another */
};
/* NULL: nothing is asked (t may be NULL). */
const struct transport_ask *transport_asked(const struct transport *t);
/* For ASK_SECRET and ASK_TEXT; NULL: the person left. */
void transport_answer(struct transport *t, const struct clv_secret *answer);
/* For ASK_YES. */
void transport_answer_yes(struct transport *t, bool yes);
/* A notice that was not taken yet, owned by the caller; NULL: none. */
char *transport_notice(struct transport *t);

#endif
