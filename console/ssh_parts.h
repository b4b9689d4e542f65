/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport process, shared by its files (ssh_main, ssh_dial, ssh_host, ssh_auth, ssh_pump): one SSH
 * connection, from the configuration to the last byte. It blocks; the console never waits for it.
 */
#ifndef CONSOLE_SSH_PARTS_H
#define CONSOLE_SSH_PARTS_H

#include "console/exec.h"
#include "console/ssh_config.h"
#include "console/ssh_kex.h"
#include "console/ssh_talk.h"

#define SSH_CONTROL_FD  3
#define SSH_DATA_FD     0
#define SSH_DEPTH_MAX   8u
#define SSH_CONNECT_S   15
#define SSH_ALIVE_S     20u /* a word every so often, and so many may stay without an answer */
#define SSH_ALIVE_COUNT 3u

/* The library's own; its header is for the files that call it. */
struct _LIBSSH2_SESSION;
struct _LIBSSH2_CHANNEL;

struct ssh_run {
	/* asked for */
	struct ssh_url to;
	const char *config_file, *jumps, *proxy, *command; /* NULL: none said */
	bool can_ask;
	unsigned depth; /* 0: the console's own; more: a jump host's */
	/* found out */
	char home[300];
	struct ssh_config conf;
	char name[SSH_NAME_MAX + 10]; /* "host:port" for messages */
	int fd;                       /* towards the server */
	struct exec_child below;      /* the proxy or jump that fd comes from */
	struct ssh_kex kex;
	struct _LIBSSH2_SESSION *s;
	struct _LIBSSH2_CHANNEL *ch;
	/* authentication */
	char tried[700]; /* what was tried, for the message */
	char left_out[300];
	bool person_left; /* a question was answered by no */
	struct clv_err person_err;
};

/* ssh_dial.c: configuration, then a descriptor by TCP, proxy command or jump host. */
CLV_MUST clv_rc ssh_configure(struct ssh_run *r, struct clv_err *err);
CLV_MUST clv_rc ssh_dial(struct ssh_run *r, struct clv_err *err);
/* The last line that the program below wrote on stderr; "": none. */
void ssh_below_said(struct ssh_run *r, char *out, size_t size);
/* ssh_host.c: preferences for the handshake, and the three answers about the key that was shown. */
CLV_MUST clv_rc ssh_prefer(struct ssh_run *r, struct clv_err *err);
CLV_MUST clv_rc ssh_check_host(struct ssh_run *r, struct clv_err *err);
/* Nothing fits: why, as far as the server's offer says it. */
clv_rc ssh_no_agreement(struct ssh_run *r, struct clv_err *err);
/* Adds the file; absent or unreadable is fine. */
void ssh_read_file(const char *path, struct clv_buf *out);
/* ssh_auth.c */
CLV_MUST clv_rc ssh_login(struct ssh_run *r, struct clv_err *err);
/* ssh_pump.c: until one end closes. */
CLV_MUST clv_rc ssh_pump(struct ssh_run *r, struct clv_err *err);
/* libssh2's own words about the last failure. */
const char *ssh_words(struct ssh_run *r);
/* Memory for libssh2: wiped when it is given up. */
void *ssh_alloc(size_t size, void **abstract);

#endif
