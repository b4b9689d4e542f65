/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user's ssh configuration says about a host: the output of `ssh -G`, taken apart; and whether
 * `ssh -G` may be asked at all (with `Match exec` it would run a program).
 */
#ifndef CONSOLE_SSH_CONFIG_H
#define CONSOLE_SSH_CONFIG_H

#include "console/ssh_url.h"

#include "claviger/buf.h"

#define SSH_PATHS_MAX       24u
#define SSH_CONFIG_OUT_MAX  (256u * 1024u)
#define SSH_ALIVE_MAX_S     3600u
#define SSH_ALIVE_MAX_COUNT 100u

struct ssh_config {
	char host[SSH_NAME_MAX]; /* where it really is */
	char user[SSH_NAME_MAX];
	uint16_t port;
	char *identities[SSH_PATHS_MAX];
	size_t n_identities;
	bool identities_only;
	char *agent;                /* of IdentityAgent; NULL: not said */
	char *jump;                 /* ProxyJump; NULL: none */
	char *proxy;                /* ProxyCommand; NULL: none */
	char *known[SSH_PATHS_MAX]; /* the user's first */
	size_t n_known;
	char *alias; /* HostKeyAlias; NULL: none */
	bool hash_known;
	/* ServerAliveInterval in seconds and ServerAliveCountMax; 0: ours */
	unsigned alive_s, alive_count;
};

/* What holds without any configuration: user is the login name, keys and known hosts lie in `home`/.ssh. */
void ssh_config_default(struct ssh_config *c, const char *host, const char *user, const char *home);
/* Output of `ssh -G`. home: what ~ and %d stand for. CLV_E_PROTO when a name or port could not stand in a
 * command line. */
CLV_MUST clv_rc ssh_config_parse(struct clv_slice text, const char *home, struct ssh_config *out,
                                 struct clv_err *err);
void ssh_config_release(struct ssh_config *c);
/* %h %p %r %n and %% in a proxy command; other tokens are refused. Owned by the caller; NULL with *err. */
char *ssh_config_expand(const char *command, const char *host, uint16_t port, const char *user,
                        const char *as_named, struct clv_err *err);
/* Does the configuration have `Match exec`? file NULL: the user's (under `home`) and the system's. where:
 * "FILE:LINE". Reads what it includes. */
bool ssh_config_runs(const char *file, const char *home, char where[300]);

#endif
