/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a console keeps on its own side: claviger.conf, the PEM files it names, and the groups whose
 * signing key was pinned (known_groups). All under one folder, $XDG_CONFIG_HOME/claviger or
 * ~/.config/claviger.
 */
#ifndef CLAVIGER_CONFIG_H
#define CLAVIGER_CONFIG_H

#include "claviger/buf.h"

/* [console] of claviger.conf. NULL: not set. */
struct clv_client_config {
	char *server;
	char *ca, *cert, *key; /* paths */
	char *proxy_command;   /* a program whose stdin and stdout are the line to the server */
	char *ssh_config;      /* path, for ssh -F; ssh://… */
	char *ssh_command;     /* what ssh://host runs there; "claviger dial-stdio" */
	char *label;           /* "production": on line 1 and in every question */
};

/* path NULL: the usual one, which may be absent (all NULL then). */
CLV_MUST clv_rc clv_client_config_load(const char *path, struct clv_client_config *out, struct clv_err *err);
void clv_client_config_release(struct clv_client_config *c);
/* Appends the file; a private one must be nobody else's to read. */
CLV_MUST clv_rc clv_client_pem_read(const char *path, bool is_private, struct clv_buf *out,
                                    struct clv_err *err);

/* The pinned group fingerprint of "host:port", 64 digits, owned by the caller; NULL with class NONE
 * when there is none, with *err set when the file cannot be read. */
char *clv_known_group_get(const char *server, struct clv_err *err);
/* Adds a line; an entry that is there already is never changed (CLV_E_EXISTS). */
CLV_MUST clv_rc clv_known_group_put(const char *server, const char *fingerprint, struct clv_err *err);

/* --- console.conf, themes, and what the console remembers: files of the same folder --- */

/* One setting: where it stands, and its words. All are borrowed and UTF-8. */
struct clv_conf_line {
	const char *file; /* safe to show */
	int line;
	const char *section, *name, *value; /* section "": none yet */
};
typedef clv_rc clv_conf_line_fn(void *ctx, const struct clv_conf_line *l, struct clv_err *err);
/* Every `name = value` of a file in clavigerd.conf's form, in order; the first refusal ends it. */
CLV_MUST clv_rc clv_conf_lines(const char *name, struct clv_slice bytes, clv_conf_line_fn *fn, void *ctx,
                               struct clv_err *err);
/* FILE in that folder; NULL where there is no home. Owned by the caller. */
char *clv_client_path(const char *file);
/* Appends the file; *there false, and CLV_OK, where there is none. */
CLV_MUST clv_rc clv_client_file_read(const char *path, struct clv_buf *out, bool *there, struct clv_err *err);
/* The whole file anew, 0600, in the folder that is made where it is missing. */
CLV_MUST clv_rc clv_client_file_write(const char *path, struct clv_slice bytes, struct clv_err *err);

#endif
