/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's passphrase for the commands that start processes, and `clavigerd vault protect`, which changes
 * what opens the vault of a stopped service. A passphrase goes from the terminal into `secret` and from there
 * into a pipe that the key holder reads.
 */
#include "base/file.h"
#include "base/options.h"
#include "daemon/cli.h"
#include "daemon/cli_passphrase.h"
#include "vault/vault.h"
#include <stdio.h>
#include <string.h>

/* *word: "name=N" where a passphrase was asked for. */
static clv_rc ask(const char *name, const char *prompt, bool is_new, const char *fd_text, char **word,
                  struct clv_err *err)
{
	int fd = -1, out = -1;

	if (secret_process_init(err) || cli_passphrase_fd(fd_text, &fd, err) ||
	    cli_passphrase_pipe(prompt, is_new, fd, &out, err))
		return CLV_FAILED;
	*word = clv_asprintf("%s=%d", name, out);
	return CLV_OK;
}

clv_rc cli_vault_word(const char *conf_path, const char *fd_text, char **word, struct clv_err *err)
{
	struct conf *c = NULL;
	char *vault;
	clv_rc rc = CLV_OK;

	if (options_load(conf_path, &c, err))
		return CLV_FAILED;
	vault = clv_asprintf("%s/vault/vault.db", conf_str(c, "node", "state"));
	if (strcmp(conf_str(c, "node", "vault_protect"), vault_protection_word(VAULT_BY_PASSPHRASE)) == 0)
		rc = ask("vault-passphrase",
		         file_exists(vault) ? "Passphrase of the vault" : "New passphrase of the vault",
		         !file_exists(vault), fd_text, word, err);
	else if (fd_text)
		rc = err_set(err, CLV_E_USAGE,
		             "%s: vault_protect is %s: no passphrase opens this vault, so none is taken",
		             conf_name(c), conf_str(c, "node", "vault_protect"));
	clv_free(vault);
	conf_free(c);
	return rc;
}

static clv_rc agree(const char *conf_path, enum vault_protection by, struct clv_err *err)
{
	struct conf *c = NULL;
	clv_rc rc = CLV_OK;

	if (options_load(conf_path, &c, err))
		return CLV_FAILED;
	if (by != VAULT_BY_PASSPHRASE &&
	    strcmp(conf_str(c, "node", "vault_protect"), vault_protection_word(by)) == 0)
		rc =
		    err_set(err, CLV_E_USAGE,
		            "%s says vault_protect = %s already; it has to name what protects the vault now, "
		            "and is changed after this command",
		            conf_name(c), vault_protection_word(by));
	conf_free(c);
	return rc;
}

int cli_vault_protect(const struct cli_protect *a)
{
	enum vault_protection by = VAULT_BY_FILE;
	struct clv_err err = {0};
	char *words[4] = {NULL, NULL, NULL, NULL};
	clv_rc rc = CLV_FAILED;

	if (!vault_protection_parse(a->by, &by))
		(void)err_set(&err, CLV_E_USAGE, "--by takes file, credential or passphrase");
	else if (by != VAULT_BY_PASSPHRASE && a->new_fd)
		(void)err_set(&err, CLV_E_USAGE, "--new-passphrase-fd goes with --by passphrase alone");
	else if (!agree(a->conf, by, &err) && !cli_vault_word(a->conf, a->fd, &words[1], &err))
		rc = by != VAULT_BY_PASSPHRASE ? CLV_OK
		                               : ask("new-passphrase", "New passphrase of the vault", true,
		                                     a->new_fd, &words[words[1] ? 2 : 1], &err);
	if (rc) {
		(void)fprintf(stderr, "clavigerd vault protect: %s\n", err.text);
		return err.cls == CLV_CLASS_USAGE ? 2 : 1;
	}
	words[0] = clv_asprintf("by=%s", a->by);
	return cli_exec_bare("protect", a->conf, words);
}
