/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of clavigerd that need no running service. Each takes the words after its own name
 * (argv[0] is the name) and returns the exit code: 0 done, 1 failed, 2 usage.
 */
#ifndef DAEMON_CLI_H
#define DAEMON_CLI_H

#include <stdio.h>
#include "claviger/err.h"
#include <stdbool.h>

/* clavigerd ca init DIR [--name CN] [--days N]
 *              issue DIR NAME [--operator MAIL] [--days N] [--out PREFIX]
 *              revoke DIR NAME|SERIAL|FILE */
int cli_ca(int argc, char **argv);
/* clavigerd check [-c FILE] */
int cli_check(int argc, char **argv);

/* clavigerd credential PROFILE: the password alone to standard output; user_only: DOMAIN\user and a line
 * feed instead. 3: nothing for this caller. */
struct cli_alert {
	const char *conf, *severity, *name, *text;
	bool lines; /* one for each line of standard input */
};
/* clavigerd alert: 0 stored, 1 failed, 2 usage, 3 refused */
int cli_alert(const struct cli_alert *a);
int cli_credential(const char *conf_path, const char *profile, bool user_only);

/* clavigerd store backup NAME: by the running service. store restore FILE: the stopped service's database is
 * FILE from now on; refused where one is, unless replace: then that one is kept beside it. */
int cli_store_backup(const char *conf_path, const char *name);
int cli_store_restore(const char *conf_path, const char *file, bool replace);

/* clavigerd recover and key restore (files NULL: none): asks for a passphrase where one is needed, then hands
 * over to the parent. */
struct cli_come_back {
	const char *command, *conf, *recovery_key, *backup, *passphrase_fd, *vault_fd;
	bool replace; /* recover: new keys although servers that joined have the old ones */
};
int cli_come_back(const struct cli_come_back *a);

/* clavigerd trust FINGERPRINT: this node's key holder takes the group signing key with that SHA-256 (64
 * digits, in any spelling) when a server shows it. */
int cli_trust(const char *conf_path, const char *fingerprint);

/* cli_recovery_key.c: the offline recovery key into the new file `path` (PKCS #8, PBES2, AES-256) under a
 * passphrase of a person; hex gets the SHA-256 of its public part. passphrase_fd: as above. */
CLV_MUST clv_rc cli_recovery_key(const char *path, const char *passphrase_fd, char hex[65],
                                 struct clv_err *err);

/* cli_socket.c. Connects to the service's local socket; *fd -1 on failure. */
CLV_MUST clv_rc cli_connect(const char *path, int *fd, struct clv_err *err);

/* cli_main.c. Replaces this process; mode: a word of parent_modes. Returns only on failure, with the exit
 * code. extra: "name=value" words, NULL at the end. */
int cli_exec_bare(const char *mode, const char *conf, char **extra);
/* The same, and asks for the vault's passphrase where the configuration says so; vault_fd: of
 * --vault-passphrase-fd, or NULL. */
int cli_exec_parent(const char *mode, const char *conf, const char *vault_fd, char **extra);
char *cli_libexec(const char *name); /* where an executable of ours lies; NULL: nowhere */
char *cli_caller(void);              /* "caller=user:NAME" */

/* clavigerd key backup|drill FILE, against the running server; passphrase_fd: of --passphrase-fd, or NULL. */
int cli_key(const char *conf_path, const char *verb, const char *path, const char *passphrase_fd);

/* cli_manual.c: the commands, a line each; clavigerd(8) on standard output, with the exit code. */
void cli_usage(FILE *to);
int cli_manual(void);

/* cli_vault.c. *word: for the parent, where the vault is under a passphrase; else untouched. */
CLV_MUST clv_rc cli_vault_word(const char *conf_path, const char *fd_text, char **word, struct clv_err *err);
/* clavigerd vault protect --by file|credential|passphrase; fd, new_fd: NULL asks at the terminal. */
struct cli_protect {
	const char *conf, *by, *fd, *new_fd;
};
int cli_vault_protect(const struct cli_protect *a);

#endif
