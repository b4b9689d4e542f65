/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kerberos, as far as the parent has to do with it: the krb5.conf of ours that is read first (AES alone, no
 * DNS), the folder of the ticket cache, and the keytab's descriptor. Runs in the parent, which parses neither
 * keytab nor ticket.
 */
#include "base/file.h"
#include "base/log.h"
#include "channel/krb.h"
#include "daemon/parent.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Plug-ins would be code that is mapped behind the walls; the KDC is found by krb5.conf or DNS, the service
 * never by what DNS says its name is (design 3). */
static const char krb5_conf[] =
    "# Made by clavigerd at each start; what it says goes before the host's krb5.conf, which is included.\n"
    "[libdefaults]\n"
    "\tpermitted_enctypes = aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128 "
    "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96%s\n"
    "\tdefault_tkt_enctypes = aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128 "
    "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96%s\n"
    "\tdefault_tgs_enctypes = aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128 "
    "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96%s\n"
    "\tallow_weak_crypto = false\n"
    "\tallow_rc4 = %s\n"
    "\tallow_des3 = false\n"
    "\tdns_canonicalize_hostname = false\n"
    "\trdns = false\n"
    "\tplugin_base_dir = /nonexistent\n"
    "\tdefault_realm = %s\n"
    "%s%s\n";

static clv_rc write_conf(const struct parent *p, const char *path, const char *realm, struct clv_err *err)
{
	bool rc4 = conf_bool(p->conf, "kerberos", "permit_rc4");
	const char *more = rc4 ? " arcfour-hmac" : "", *host = conf_str(p->conf, "kerberos", "krb5_conf");
	bool has_host = file_exists(host);
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, 4096);
	rc = buf_printf(&b, err, krb5_conf, more, more, more, rc4 ? "true" : "false", realm,
	                has_host ? "include " : "", has_host ? host : "");
	if (!rc)
		rc = file_replace(path, buf_slice(&b), 0644, err);
	buf_release(&b);
	return rc;
}

static clv_rc make_folder(const struct parent *p, const char *path, struct clv_err *err)
{
	const struct child *c = &p->children[PROC_KRB_INIT];

	if (file_mkdirs(path, 0700, err))
		return CLV_FAILED;
	if ((geteuid() == 0 && chown(path, c->uid, c->gid)) || chmod(path, 0700))
		return err_sys(err, CLV_E_IO, "giving %s to the network processes", path);
	return CLV_OK;
}

static clv_rc check_lists(const struct parent *p, struct clv_err *err)
{
	const char *const *items = NULL;
	size_t n = conf_list(p->conf, "kerberos", "map", &items);
	char from[KRB_PRINCIPAL_MAX], to[KRB_PRINCIPAL_MAX];

	for (size_t i = 0; i < n; i++)
		if (krb_map_parse(items[i], from, to, err))
			return err_wrap(err, "%s:%d", conf_name(p->conf),
			                conf_line(p->conf, "kerberos", "map"));
	n = conf_list(p->conf, "kerberos", "realms", &items);
	for (size_t i = 0; i < n; i++)
		if (strlen(items[i]) >= KRB_PRINCIPAL_MAX || strpbrk(items[i], "@/\\={}\"'#;"))
			return err_set(err, CLV_E_CONFIG, "%s:%d: '%s' is no realm", conf_name(p->conf),
			               conf_line(p->conf, "kerberos", "realms"), items[i]);
	return CLV_OK;
}

clv_rc parent_prepare_krb(struct parent *p, struct clv_err *err)
{
	bool keytab = conf_is_set(p->conf, "kerberos", "keytab");
	const char *state = conf_str(p->conf, "node", "state");
	const char *const *realms = NULL;
	char *folder, *conf;
	clv_rc rc;

	if (keytab != (conf_list(p->conf, "kerberos", "realms", &realms) > 0))
		return err_set(err, CLV_E_CONFIG, "%s: [kerberos] needs both keytab and realms",
		               conf_name(p->conf));
	p->kerberos = keytab && p->mode != MODE_PROTECT;
	if (!p->kerberos)
		return CLV_OK;
	if (conf_bool(p->conf, "kerberos", "permit_rc4"))
		log_warn("permit_rc4 = yes: links may be protected by RC4, which is weak (RFC 8429)");
	folder = clv_asprintf("%s/kerberos", state);
	conf = clv_asprintf("%s/krb5.conf", state);
	rc = check_lists(p, err);
	if (!rc)
		rc = make_folder(p, folder, err);
	if (!rc)
		rc = write_conf(p, conf, realms[0], err);
	clv_free(folder);
	clv_free(conf);
	return rc;
}

void parent_fill_krb(const struct parent *p, Clv__Start *m)
{
	const char *state = conf_str(p->conf, "node", "state");

	m->kerberos = p->kerberos;
	if (!p->kerberos)
		return;
	m->n_realms = conf_list(p->conf, "kerberos", "realms", (const char *const **)&m->realms);
	m->n_principal_map = conf_list(p->conf, "kerberos", "map", (const char *const **)&m->principal_map);
	m->n_take_back = conf_list(p->conf, "kerberos", "take_back", (const char *const **)&m->take_back);
	m->permit_rc4 = conf_bool(p->conf, "kerberos", "permit_rc4");
	m->krb5_config = clv_asprintf("%s/krb5.conf", state);
	m->krb_host_conf = (char *)(uintptr_t)conf_str(p->conf, "kerberos", "krb5_conf");
	m->krb_principal =
	    conf_is_set(p->conf, "kerberos", "principal")
	        ? clv_strdup(conf_str(p->conf, "kerberos", "principal"))
	        : clv_asprintf("%s/%s@%s", KRB_SERVICE_NODE, conf_str(p->conf, "node", "name"), m->realms[0]);
	m->krb_folder = clv_asprintf("%s/kerberos", state);
}

void parent_release_krb(Clv__Start *m)
{
	if (!m->kerberos)
		return;
	clv_free(m->krb5_config);
	clv_free(m->krb_principal);
	clv_free(m->krb_folder);
}

clv_rc parent_send_keytab(struct parent *p, enum proc_id id, struct clv_err *err)
{
	const char *path = conf_str(p->conf, "kerberos", "keytab");
	Clv__KrbKeytab m = CLV__KRB_KEYTAB__INIT;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(err, CLV_E_CONFIG, "[kerberos] keytab %s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_mode & 077)) {
		(void)close(fd);
		return err_set(err, CLV_E_CONFIG, "the keytab %s may be read by others: chmod 0600 it", path);
	}
	m.path = (char *)(uintptr_t)path;
	return ipc_send(p->children[id].ipc, IPC_KRB_KEYTAB, &m.base, &fd, 1, err);
}
