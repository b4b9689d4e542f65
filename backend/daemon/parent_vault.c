/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What opens the vault (S30), on its way to the key holder: the machine secret's file, which is made when a
 * node has neither it nor a vault; a systemd credential; or a pipe with a passphrase, which the command
 * filled and nobody reads but the key holder. Runs in the parent, which opens descriptors and reads none.
 */
#include "base/file.h"
#include "base/log.h"
#include "daemon/keyholder_given.h"
#include "daemon/parent.h"
#include "vault/vault.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE_SECRET_LEN 32u

static enum vault_protection configured(const struct parent *p)
{
	enum vault_protection how = VAULT_BY_FILE;

	(void)vault_protection_parse(conf_str(p->conf, "node", "vault_protect"), &how);
	return how;
}

static clv_rc make_secret(const char *path, struct clv_err *err)
{
	uint8_t bytes[MACHINE_SECRET_LEN];
	char *dir = clv_strdup(path), *slash = strrchr(dir, '/');
	clv_rc rc = CLV_OK;

	if (slash && slash != dir) {
		*slash = 0;
		rc = file_mkdirs(dir, 0755, err);
	}
	if (!rc && getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		rc = err_sys(err, CLV_E_IO, "no random bytes for the machine secret");
	if (!rc)
		rc = file_create(path, slice_of(bytes, sizeof bytes), 0400, err);
	explicit_bzero(bytes, sizeof bytes);
	clv_free(dir);
	return rc;
}

clv_rc parent_prepare_vault(struct parent *p, struct clv_err *err)
{
	bool to_file = p->protect_by && strcmp(p->protect_by, vault_protection_word(VAULT_BY_FILE)) == 0;
	const char *path = conf_str(p->conf, "node", "machine_secret");
	char *vault = clv_asprintf("%s/vault/vault.db", conf_str(p->conf, "node", "state"));
	bool is_made = file_exists(vault);
	clv_rc rc = CLV_OK;

	if (p->mode == MODE_PROTECT && !is_made)
		rc = err_set(err, CLV_E_NOTFOUND,
		             "this node has no vault yet: write vault_protect = %s under [node] and start it",
		             p->protect_by);
	else if (to_file ? !file_exists(path) : configured(p) == VAULT_BY_FILE && !file_exists(path))
		rc = is_made && !to_file
		         ? err_set(err, CLV_E_CONFIG,
		                   "%s is missing but there is a vault: put the machine secret back", path)
		         : make_secret(path, err);
	clv_free(vault);
	return rc;
}

/* systemd gives a service's user read access by an ACL, whose mask shows as the group's bits. */
static clv_rc open_secret(const char *path, mode_t forbidden, const char *what, int *out, struct clv_err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, CLV_E_CONFIG, "%s %s", what, path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_mode & forbidden)) {
		(void)close(fd);
		return err_set(err, CLV_E_CONFIG, "%s may be read by others: chmod 0400 it", path);
	}
	*out = fd;
	return CLV_OK;
}

static clv_rc open_credential(const struct parent *p, int *out, struct clv_err *err)
{
	const char *name = conf_str(p->conf, "node", "vault_credential");
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
	char *path;
	clv_rc rc;

	if (!dir || *dir != '/')
		return err_set(err, CLV_E_CONFIG,
		               "vault_protect = credential, and no credentials were given: start it by "
		               "systemd with LoadCredential=%s:FILE or LoadCredentialEncrypted=%s:FILE",
		               name, name);
	path = clv_asprintf("%s/%s", dir, name);
	rc = open_secret(path, 037, "the credential that opens the vault,", out, err);
	clv_free(path);
	return rc;
}

static clv_rc open_by(struct parent *p, enum vault_protection how, int *pipe_fd, int *out,
                      struct clv_err *err)
{
	if (how == VAULT_BY_FILE)
		return open_secret(conf_str(p->conf, "node", "machine_secret"), 077, "the machine secret",
		                   out, err);
	if (how == VAULT_BY_CREDENTIAL)
		return open_credential(p, out, err);
	if (*pipe_fd < 0)
		return err_set(err, CLV_E_CONFIG,
		               "the vault is under a passphrase and none was given: start the service by "
		               "clavigerd run");
	*out = *pipe_fd;
	*pipe_fd = -1;
	return CLV_OK;
}

static clv_rc give(struct parent *p, uint32_t which, int fd, struct clv_err *err)
{
	Clv__Vault m = CLV__VAULT__INIT;

	m.which = which;
	return ipc_send(p->children[PROC_KEYHOLDER].ipc, IPC_VAULT, &m.base, &fd, 1, err);
}

clv_rc parent_send_vault(struct parent *p, struct clv_err *err)
{
	enum vault_protection next = VAULT_BY_FILE;
	int fd = -1;

	if (p->mode == MODE_PROTECT &&
	    (!vault_protection_parse(p->protect_by, &next) || open_by(p, next, &p->new_secret_fd, &fd, err) ||
	     give(p, KH_GIVEN_NEW_SECRET, fd, err)))
		return CLV_FAILED;
	if (open_by(p, configured(p), &p->vault_fd, &fd, err))
		return CLV_FAILED;
	return give(p, KH_GIVEN_VAULT, fd, err);
}

bool parent_vault_lost(const struct parent *p)
{
	return configured(p) == VAULT_BY_PASSPHRASE;
}
