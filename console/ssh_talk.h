/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What console and transport say to each other on the control descriptor, a message a packet
 * (SOCK_SEQPACKET). The transport asks, the console answers; an answer travels from locked memory into
 * locked memory. What the transport says is foreign to the console: an SSH server may have taken it over.
 */
#ifndef CONSOLE_SSH_TALK_H
#define CONSOLE_SSH_TALK_H

#include "claviger/secret.h"

#define TALK_TEXT_MAX   2000u
#define TALK_MAX        4200u
#define TALK_ANSWER_MAX 4000u

enum talk_kind {
	TALK_ASK_SECRET, /* typing is hidden */
	TALK_ASK_TEXT,   /* typing is shown */
	TALK_ASK_YES,    /* y, else no */
	TALK_SAY,        /* a notice */
	TALK_READY,      /* bytes may flow */
	TALK_FAILED,     /* code and why: the end */
	TALK_KINDS
};

struct talk_message {
	enum talk_kind kind;
	enum clv_code code;           /* FAILED */
	struct clv_slice title, text; /* foreign; lines end with \n */
};

CLV_MUST clv_rc talk_encode(const struct talk_message *m, struct clv_buf *out, struct clv_err *err);
/* Title and text are borrowed from s. */
CLV_MUST clv_rc talk_decode(struct clv_slice s, struct talk_message *out, struct clv_err *err);

/* --- the transport's side; fd < 0: nobody is there --- */
void talk_send(int fd, enum talk_kind kind, enum clv_code code, const char *title, const char *text);
/* Blocks until answered. CLV_E_DENIED: the person said no, or left. answer may be NULL for TALK_ASK_YES. */
CLV_MUST clv_rc talk_ask(int fd, enum talk_kind kind, const char *title, const char *text,
                         struct clv_secret *answer, struct clv_err *err);
/* --- the console's side --- */
/* NULL: no. */
void talk_answer(int fd, const struct clv_secret *answer);
void talk_yes(int fd);

#endif
