/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table of clavigerd.conf. Read by the parent, the commands and `clavigerd check`.
 */
#include "base/options.h"
#include "base/file.h"

#define SECOND 1000ll
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

const struct conf_option node_options[] = {
    {"node", "name", CONF_NAME, 1, 253, "!", NULL, false, "this node's name: FQDN, lower case"},
    {"node", "group", CONF_NAME, 1, 64, "!", NULL, false, "the management group"},
    {"node", "role", CONF_CHOICE, 0, 0, "!", "agent|gateway|management-server", false, "what this node is"},
    {"node", "state", CONF_PATH, 1, 1024, "/var/lib/claviger", NULL, false, "folder of all state"},
    {"node", "log", CONF_PATH, 1, 1024, "-", NULL, false, "log file; - is standard error"},
    {"node", "log_level", CONF_CHOICE, 0, 0, "info", "debug|info|notice|warn|error", true,
     "least level logged"},
    {"node", "store", CONF_STRING, 1, 300, "own", NULL, false,
     "own: this management server has the database; via NAME: it joined, has none, and carries what nodes "
     "send on "
     "to NAME, the first of [channel] server"},
    {"node", "machine_id_file", CONF_PATH, 1, 1024, "/etc/machine-id", NULL, false,
     "what tells this machine from a copy (P5)"},
    {"node", "machine_secret", CONF_PATH, 1, 1024, "/etc/claviger/machine.secret", NULL, false,
     "32 random bytes, mode 0400, outside state: opens the vault where vault_protect is file; made when "
     "absent"},
    {"node", "vault_protect", CONF_CHOICE, 0, 0, "file", "file|credential|passphrase", false,
     "what opens the vault: machine_secret, a systemd credential, a passphrase at start (S30)"},
    {"node", "vault_credential", CONF_NAME, 1, 64, "claviger-vault", NULL, false,
     "the credential's name: LoadCredential=NAME:..., 32 random bytes or more"},
    {"node", "bare", CONF_BOOL, 0, 0, "no", NULL, false,
     "yes: run without the sandbox where it cannot be set up"},
    {"channel", "ca", CONF_PATH, 1, 1024, NULL, NULL, true, "PEM file of the authorities that are trusted"},
    {"channel", "certificate", CONF_PATH, 1, 1024, NULL, NULL, true,
     "PEM file: own certificate, then intermediates"},
    {"channel", "key", CONF_PATH, 1, 1024, NULL, NULL, true,
     "PEM file of its private key, mode 0600 or less"},
    {"channel", "crl", CONF_PATH, 1, 1024, NULL, NULL, true,
     "PEM file of revocation lists, one for every issuer"},
    {"channel", "crl_grace", CONF_DURATION, 0, 30 * DAY, "24h", NULL, true,
     "how long a stale list is still taken"},
    {"channel", "mechanism", CONF_CHOICE, 0, 0, "auto", "auto|certificate|kerberos", true,
     "towards the servers"},
    {"channel", "server", CONF_LIST, 0, 16, NULL, NULL, true, "servers in order, host[:port]"},
    {"channel", "listen", CONF_LIST, 0, 16, "0.0.0.0:5723", NULL, false, "where nodes connect, address:port"},
    {"channel", "advertise", CONF_STRING, 1, 299, NULL, NULL, false,
     "where nodes are told that this server or gateway is reached, host[:port]; else by its name, or where "
     "it "
     "listens"},
    {"channel", "listen_console", CONF_LIST, 0, 16, "0.0.0.0:5724", NULL, false,
     "where consoles connect; none: nowhere"},
    {"channel", "console_socket", CONF_PATH, 1, 100, "/run/claviger/console.sock", NULL, false,
     "the local console's socket"},
    {"channel", "credential_socket", CONF_PATH, 1, 100, "/run/claviger/credential.sock", NULL, false,
     "local callers' socket: RunAs credentials (agents), the key backup (management servers)"},
    {"channel", "alert_socket", CONF_PATH, 1, 100, "/run/claviger/alert.sock", NULL, false,
     "local callers' socket at an agent: clavigerd alert"},
    {"channel", "heartbeat", CONF_DURATION, SECOND, HOUR, "60s", NULL, true, "three missed: down"},
    {"channel", "retry", CONF_DURATION, 100, HOUR, "10s", NULL, true,
     "first wait before dialling again; doubles to 45 s"},
    {"channel", "recheck", CONF_DURATION, SECOND, DAY, "1h", NULL, true,
     "how often identities are checked again"},
    {"channel", "max_unauthenticated", CONF_INT, 1, 100000, "1024", NULL, true,
     "connections not yet authenticated, over all"},
    {"channel", "max_unauthenticated_per_address", CONF_INT, 1, 100000, "64", NULL, true,
     "and by address (IPv6: by /64)"},
    {"channel", "exempt", CONF_LIST, 0, 64, NULL, NULL, true, "addresses without the limit by address"},
    {"kerberos", "keytab", CONF_PATH, 1, 1024, NULL, NULL, false,
     "keys of this node's principals, MSOMHSvc/NAME and on a management server MSOMSdkSvc/NAME; with it and "
     "realms, links by Kerberos are possible (S3)"},
    {"kerberos", "realms", CONF_LIST, 0, 16, NULL, NULL, false,
     "realms whose principals are taken; the first is this node's"},
    {"kerberos", "principal", CONF_STRING, 1, 255, NULL, NULL, false,
     "as whom this node initiates; default MSOMHSvc/NAME of the first realm"},
    {"kerberos", "map", CONF_LIST, 0, 1024, NULL, NULL, false,
     "machine accounts: WEB01$@OPS.TEST=web01.ops.test ..."},
    {"kerberos", "take_back", CONF_LIST, 0, 256, NULL, NULL, false,
     "nodes that were proven by a certificate and may link by Kerberos again (T15)"},
    {"kerberos", "krb5_conf", CONF_PATH, 1, 1024, "/etc/krb5.conf", NULL, false,
     "where realms and KDCs are described; read behind this service's own, which permits AES alone"},
    {"kerberos", "permit_rc4", CONF_BOOL, 0, 0, "no", NULL, false,
     "yes: RC4 tickets and keys are taken where there is no AES; they are weak, and shown so"},
    {"keys", "bits", CONF_INT, 3072, 4096, "3072", NULL, true,
     "RSA bits of the agent certificate: 3072 or 4096"},
    {"keys", "days", CONF_INT, 2, 3650, "365", NULL, true, "its life"},
    {"keys", "renew_before", CONF_DURATION, HOUR, 365 * DAY, "30d", NULL, true,
     "renewal starts this long before the end"},
    {"keys", "arrive", CONF_DURATION, 1000, DAY, "5m", NULL, true,
     "an account that a host in touch has not confirmed by then is an event (1107)"},
    {"trust", "approve", CONF_CHOICE, 0, 0, "fingerprint", "fingerprint|direct", true,
     "direct: takes an agent whose channel identity is its name"},
    {"trust", "reaccept", CONF_CHOICE, 0, 0, "never", "never|direct", false,
     "direct: after a total loss this agent takes the group's new signing key unseen"},
    {"trust", "require_approval", CONF_LIST, 1, 8, "gateway, management-server", NULL, false,
     "accepting one of these takes two persons, within an hour: gateway, management-server; none: nothing"},
    {"person *", "principals", CONF_LIST, 1, 64, NULL, NULL, false,
     "what belongs to one human: user:NAME, uid:NUMBER, mail:ADDRESS, cert:SHA256, krb:PRINCIPAL"},
    {"store", "retain_events", CONF_DURATION, HOUR, 3650 * DAY, "90d", NULL, true,
     "events are kept this long"},
    {"store", "retain_audit", CONF_DURATION, DAY, 36500 * DAY, "400d", NULL, true,
     "audit rows are kept this long"},
    {"store", "retain_alerts", CONF_DURATION, HOUR, 3650 * DAY, "90d", NULL, true,
     "alerts and the records of their paths are kept this long"},
    {"store", "outbox_limit", CONF_INT, 10, 10000000, "100000", NULL, false,
     "an agent's alerts and events that wait; beyond it the oldest go, and a record says which"},
    {"host", "alert_users", CONF_LIST, 0, 256, NULL, NULL, false,
     "local users who may raise alerts here, beside root and who runs the service"},
    {"host", "alert_groups", CONF_LIST, 0, 256, NULL, NULL, false, "and local groups"},
    {"host", "classes", CONF_STRING, 0, 4000, NULL, NULL, false,
     "classes of this host, separated by commas: which associations apply"},
    {"host", "objects", CONF_STRING, 0, 4000, NULL, NULL, false, "objects of this host, separated by commas"},
    {"profile *", "users", CONF_LIST, 0, 256, NULL, NULL, false,
     "local users who may have this profile's credential"},
    {"profile *", "groups", CONF_LIST, 0, 256, NULL, NULL, false, "and local groups"},
    {"profile *", "units", CONF_LIST, 0, 256, NULL, NULL, false,
     "and systemd units, by LoadCredential=NAME:credential_socket"},
    {"profile *", "check", CONF_STRING, 0, 1000, NULL, NULL, false,
     "program and arguments that try a new password (on descriptor 3; exit status 0: it works, 3 or 4: but "
     "ends soon; 30 s)"},
    {"profile *", "check_user", CONF_STRING, 1, 64, "nobody", NULL, false, "as whom it runs"},
    {"users", "net", CONF_STRING, 1, 64, NULL, NULL, false, "user of the network processes (root only)"},
    {"users", "core", CONF_STRING, 1, 64, NULL, NULL, false, "user of core"},
    {"users", "key", CONF_STRING, 1, 64, NULL, NULL, false, "user of the key holder"},
    {NULL, NULL, CONF_STRING, 0, 0, NULL, NULL, false, NULL},
};

#define OPTIONS_FILE_MAX (1024u * 1024u)

clv_rc options_load(const char *path, struct conf **out, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, OPTIONS_FILE_MAX);
	if (file_read(path, &b, err)) {
		(void)err_wrap(err, "reading the configuration");
		goto out;
	}
	rc = conf_parse(path, buf_slice(&b), node_options, out, err);
out:
	buf_release(&b);
	return rc;
}
